// Checks of what states are made of: retriers, catchers, choice rules, readers and writers.
#include <string.h>

#include "base/jx.h"
#include "statemachine/asl_check_priv.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void schema(struct asl_checker *checker, const struct asl_at *at, const char *message)
{
    asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "%s", message);
}

static bool want_array(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_array(at->value))
        schema(checker, at, "Expected value of type Array");
    return json_is_array(at->value);
}

static bool want_object(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_object(at->value))
        schema(checker, at, "Expected value of type Object");
    return json_is_object(at->value);
}

// An object with these fields and no others. False: it is none.
static bool object_of(struct asl_checker *checker, const struct asl_at *at,
                      const struct asl_field *fields, size_t count)
{
    if (!want_object(checker, at))
        return false;
    asl_check_fields(checker, at, fields, count, 0, false);
    return true;
}

static void one_of(struct asl_checker *checker, const struct asl_at *at, const char *const *words,
                   const char *list)
{
    const char *text = json_string_value(at->value);
    for (; text && *words; words++) {
        if (strcmp(text, *words) == 0)
            return;
    }
    asl_check_fault(checker, at, ASL_FAULT_SCHEMA,
                    "The field '%s' should have one of these values: [%s]", at->key, list);
}

// --- Retry and Catch ---

static void error_equals(struct asl_checker *checker, const struct asl_at *at)
{
    if (!want_array(checker, at))
        return;
    if (json_array_size(at->value) == 0)
        schema(checker, at, "Value cannot be empty");
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        const struct asl_at name = asl_at_index(at, i);
        asl_check_text_value(checker, &name);
        if (json_is_string(name.value) &&
            strcmp(json_string_value(name.value), ASL_ERROR_ALL) == 0 &&
            json_array_size(at->value) > 1)
            schema(checker, at, "'States.ALL' must appear alone");
    }
}

// States.ALL is only useful, and only allowed, in the last one.
static void all_last(struct asl_checker *checker, const struct asl_at *at)
{
    for (size_t i = 0; i + 1 < json_array_size(at->value); i++) {
        const struct asl_at item = asl_at_index(at, i);
        const struct asl_at names = asl_at_key(&item, "ErrorEquals");
        const char *first = json_string_value(json_array_get(names.value, 0));
        if (first && strcmp(first, ASL_ERROR_ALL) == 0)
            schema(checker, &names, "'States.ALL' must be in the last one");
    }
}

static void attempts(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_integer(at->value) || json_integer_value(at->value) < 0 ||
        json_integer_value(at->value) > ASL_SECONDS_MAX)
        schema(checker, at, "Expected an integer from 0 to 99999999");
}

static void rate(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_number(at->value) || json_number_value(at->value) < 1)
        schema(checker, at, "Expected a number of at least 1.0");
}

static void delay(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_integer(at->value) || json_integer_value(at->value) < 1 ||
        json_integer_value(at->value) > 31622400)
        schema(checker, at, "Expected an integer from 1 to 31622400");
}

static void jitter(struct asl_checker *checker, const struct asl_at *at)
{
    one_of(checker, at, (const char *const[]){ "FULL", "NONE", NULL }, "FULL, NONE");
}

void asl_check_retry(struct asl_checker *checker, const struct asl_at *at)
{
    static const struct asl_field fields[] = {
        { "ErrorEquals", 0, error_equals, true, false },
        { "IntervalSeconds", 0, asl_check_seconds, false, false },
        { "MaxAttempts", 0, attempts, false, false },
        { "BackoffRate", 0, rate, false, false },
        { "MaxDelaySeconds", 0, delay, false, false },
        { "JitterStrategy", 0, jitter, false, false },
        { "Comment", 0, asl_check_anything, false, false },
    };
    if (!want_array(checker, at))
        return;
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        const struct asl_at item = asl_at_index(at, i);
        (void)object_of(checker, &item, fields, COUNT(fields));  // its faults are told
    }
    all_last(checker, at);
}

void asl_check_catch(struct asl_checker *checker, const struct asl_at *at)
{
    static const struct asl_field fields[] = {
        { "ErrorEquals", 0, error_equals, true, false },
        { "Next", 0, asl_check_text_value, true, false },
        { "ResultPath", 0, asl_check_result_path, false, false },
        { "Assign", 0, asl_check_assign, false, false },
        { "Comment", 0, asl_check_anything, false, false },
        { "Output", 0, asl_check_anything, false, true },
    };
    if (!want_array(checker, at))
        return;
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        const struct asl_at item = asl_at_index(at, i);
        (void)object_of(checker, &item, fields, COUNT(fields));  // its faults are told
    }
    all_last(checker, at);
}

// --- Choice ---

static void operand(struct asl_checker *checker, const struct asl_at *at,
                    const struct asl_operator *operator)
{
    if (operator->is_path) {
        asl_check_path(checker, at);
        return;
    }
    switch (operator->operand) {
    case ASL_OPERAND_BOOLEAN:
    case ASL_OPERAND_TEST: asl_check_bool(checker, at); break;
    case ASL_OPERAND_NUMBER:
        if (!json_is_number(at->value))
            schema(checker, at, "Expected value of type Number");
        break;
    case ASL_OPERAND_STRING: asl_check_text_value(checker, at); break;
    case ASL_OPERAND_TIMESTAMP: asl_check_timestamp(checker, at); break;
    }
}

static void rule(struct asl_checker *checker, const struct asl_at *at, size_t depth);

static void rules(struct asl_checker *checker, const struct asl_at *at, size_t depth)
{
    if (!want_array(checker, at))
        return;
    if (json_array_size(at->value) == 0)
        schema(checker, at, "Value cannot be empty");
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        const struct asl_at item = asl_at_index(at, i);
        rule(checker, &item, depth + 1);
    }
}

static void rule_field(struct asl_checker *checker, const struct asl_at *at, size_t depth,
                       size_t *operator_count)
{
    const struct asl_operator *operator= asl_operator_find(at->key);
    const bool top = depth == 0;
    if (operator) {
        (*operator_count)++;
        operand(checker, at, operator);
    } else if (strcmp(at->key, "And") == 0 || strcmp(at->key, "Or") == 0) {
        (*operator_count)++;
        rules(checker, at, depth);
    } else if (strcmp(at->key, "Not") == 0) {
        (*operator_count)++;
        rule(checker, at, depth + 1);
    } else if (strcmp(at->key, "Variable") == 0) {
        asl_check_path(checker, at);
    } else if (strcmp(at->key, "Next") == 0 && top) {
        asl_check_text_value(checker, at);
    } else if (strcmp(at->key, "Assign") == 0 && top) {
        asl_check_assign(checker, at);
    } else if (strcmp(at->key, "Comment") != 0) {
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "Field '%s' is not supported", at->key);
    }
}

static void rule(struct asl_checker *checker, const struct asl_at *at, size_t depth)
{
    enum { RULE_DEPTH_MAX = 60 };
    if (!want_object(checker, at))
        return;
    if (depth > RULE_DEPTH_MAX) {
        schema(checker, at, "Choice rules are nested too deeply");
        return;
    }
    size_t operator_count = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)at->value, key, value)
    {
        const struct asl_at field = asl_at_key(at, key);
        rule_field(checker, &field, depth, &operator_count);
    }
    const json_t *o = at->value;
    const bool joins =
        json_object_get(o, "And") || json_object_get(o, "Or") || json_object_get(o, "Not");
    if (operator_count != 1)
        schema(checker, at, "A choice rule must have exactly one comparison operator");
    else if (!joins && !json_object_get(o, "Variable"))
        schema(checker, at, "These fields are required: [Variable]");
    if (depth == 0 && !json_object_get(o, "Next"))
        schema(checker, at, "These fields are required: [Next]");
}

void asl_check_choices(struct asl_checker *checker, const struct asl_at *at)
{
    if (!want_array(checker, at))
        return;
    if (json_array_size(at->value) == 0)
        schema(checker, at, "Value cannot be empty");
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        const struct asl_at item = asl_at_index(at, i);
        rule(checker, &item, 0);
    }
}

// --- distributed Map ---

static void input_type(struct asl_checker *checker, const struct asl_at *at)
{
    one_of(checker, at,
           (const char *const[]){ "CSV", "JSON", "JSONL", "MANIFEST", "PARQUET", NULL },
           "CSV, JSON, JSONL, MANIFEST, PARQUET");
}

static void header_location(struct asl_checker *checker, const struct asl_at *at)
{
    one_of(checker, at, (const char *const[]){ "FIRST_ROW", "GIVEN", NULL }, "FIRST_ROW, GIVEN");
}

static void delimiter(struct asl_checker *checker, const struct asl_at *at)
{
    one_of(checker, at, (const char *const[]){ "COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB", NULL },
           "COMMA, PIPE, SEMICOLON, SPACE, TAB");
}

static void headers(struct asl_checker *checker, const struct asl_at *at)
{
    if (!want_array(checker, at))
        return;
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        const struct asl_at item = asl_at_index(at, i);
        asl_check_text_value(checker, &item);
    }
}

static void reader_config(struct asl_checker *checker, const struct asl_at *at)
{
    static const struct asl_field fields[] = {
        { "InputType", 0, input_type, false, false },
        { "Transformation", 0, asl_check_text_value, false, false },
        { "CSVHeaderLocation", 0, header_location, false, false },
        { "CSVHeaders", 0, headers, false, false },
        { "CSVDelimiter", 0, delimiter, false, false },
        { "ManifestType", 0, asl_check_text_value, false, false },
        { "ItemsPointer", 0, asl_check_text_value, false, false },
        { "MaxItems", 0, asl_check_count, false, false },
        { "MaxItemsPath", 0, asl_check_path, false, false },
    };
    if (!object_of(checker, at, fields, COUNT(fields)))
        return;
    asl_check_pair(checker, at, "MaxItems", "MaxItemsPath", false);
}

void asl_check_reader(struct asl_checker *checker, const struct asl_at *at)
{
    static const struct asl_field fields[] = {
        { "Resource", 0, asl_check_text_value, true, false },
        { "Parameters", 0, asl_check_template, false, false },
        { "ReaderConfig", 0, reader_config, false, false },
        { "Comment", 0, asl_check_anything, false, false },
    };
    (void)object_of(checker, at, fields, COUNT(fields));  // its faults are told
}

void asl_check_writer(struct asl_checker *checker, const struct asl_at *at)
{
    static const struct asl_field fields[] = {
        { "Resource", 0, asl_check_text_value, false, false },
        { "Parameters", 0, asl_check_template, false, false },
        { "WriterConfig", 0, asl_check_object, false, false },
        { "Comment", 0, asl_check_anything, false, false },
    };
    (void)object_of(checker, at, fields, COUNT(fields));  // its faults are told
}

void asl_check_batcher(struct asl_checker *checker, const struct asl_at *at)
{
    static const struct asl_field fields[] = {
        { "MaxItemsPerBatch", 0, asl_check_positive, false, false },
        { "MaxItemsPerBatchPath", 0, asl_check_path, false, false },
        { "MaxInputBytesPerBatch", 0, asl_check_positive, false, false },
        { "MaxInputBytesPerBatchPath", 0, asl_check_path, false, false },
        { "BatchInput", 0, asl_check_template, false, false },
        { "Comment", 0, asl_check_anything, false, false },
    };
    if (!object_of(checker, at, fields, COUNT(fields)))
        return;
    asl_check_pair(checker, at, "MaxItemsPerBatch", "MaxItemsPerBatchPath", false);
    asl_check_pair(checker, at, "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", false);
}

static void mode(struct asl_checker *checker, const struct asl_at *at)
{
    one_of(checker, at, (const char *const[]){ "INLINE", "DISTRIBUTED", NULL },
           "INLINE, DISTRIBUTED");
    if (checker->type == ASL_EXPRESS && json_is_string(at->value) &&
        strcmp(json_string_value(at->value), "DISTRIBUTED") == 0)
        schema(checker, at, "Express state machine does not support DISTRIBUTED mode");
}

static void execution_type(struct asl_checker *checker, const struct asl_at *at)
{
    one_of(checker, at, (const char *const[]){ "STANDARD", "EXPRESS", NULL }, "STANDARD, EXPRESS");
}

void asl_check_processor_config(struct asl_checker *checker, const struct asl_at *at)
{
    static const struct asl_field fields[] = {
        { "Mode", 0, mode, false, false },
        { "ExecutionType", 0, execution_type, false, false },
        { "Comment", 0, asl_check_anything, false, false },
    };
    (void)object_of(checker, at, fields, COUNT(fields));  // its faults are told
}
