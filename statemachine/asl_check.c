#include "statemachine/asl_check.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_check_priv.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

// --- faults and places ---

void asl_faults_done(struct asl_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        free(faults->items[i].location);
        free(faults->items[i].message);
    }
    free(faults->items);
    *faults = (struct asl_faults){ 0 };
}

struct asl_at asl_at_key(const struct asl_at *at, const char *key)
{
    return (struct asl_at){ .parent = at, .key = key, .value = json_object_get(at->value, key) };
}

struct asl_at asl_at_index(const struct asl_at *at, size_t index)
{
    return (
        struct asl_at){ .parent = at, .index = index, .value = json_array_get(at->value, index) };
}

static bool write_location(const struct asl_at *at, struct sr_str *text, struct sr_err *err)
{
    if (!at->parent)
        return true;
    if (!write_location(at->parent, text, err))
        return false;
    return at->key ? sr_str_addf(text, err, "/%s", at->key)
                   : sr_str_addf(text, err, "[%zu]", at->index);
}

static void add_fault(struct asl_checker *checker, const char *code, char *location,
                      char *message)  // takes both
{
    struct asl_faults *faults = checker->faults;
    struct asl_fault *items = NULL;
    if (message && faults->count < ASL_FAULTS_MAX)
        items = realloc(faults->items, (faults->count + 1) * sizeof *items);
    if (items) {
        faults->items = items;
        items[faults->count++] = (struct asl_fault){ code, location, message };
        return;
    }
    faults->truncated = faults->count >= ASL_FAULTS_MAX;
    checker->no_memory = checker->no_memory || !faults->truncated;
    free(location);
    free(message);
}

void asl_check_fault(struct asl_checker *checker, const struct asl_at *at, const char *code,
                     const char *format, ...)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str message = { 0 };
    sr_auto(sr_str) struct sr_str location = { 0 };
    va_list args;
    va_start(args, format);
    const bool formatted = sr_str_vaddf(&message, &err, format, args);
    va_end(args);
    if (!formatted || !write_location(at, &location, &err) ||
        (!at->parent && !sr_str_add(&location, "/", &err)))
        checker->no_memory = true;
    else
        add_fault(checker, code, sr_str_take(&location), sr_str_take(&message));
}

static const struct asl_field *find_field(const struct asl_field *fields, size_t count,
                                          const char *name, unsigned state_bit)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0 && (!state_bit || (fields[i].states & state_bit)))
            return &fields[i];
    }
    return NULL;
}

void asl_check_fields(struct asl_checker *checker, const struct asl_at *at,
                      const struct asl_field *fields, size_t count, unsigned state_bit,
                      bool jsonata)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str missing = { 0 };
    for (size_t i = 0; i < count; i++) {
        const struct asl_field *field = &fields[i];
        if (!field->required || (state_bit && !(field->states & state_bit)) ||
            json_object_get(at->value, field->name))
            continue;
        if (!sr_str_addf(&missing, &err, "%s%s", missing.bytes ? ", " : "", field->name))
            checker->no_memory = true;
    }
    if (missing.bytes)
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "These fields are required: [%s]",
                        missing.text);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)at->value, key, value)
    {
        const struct asl_at child = asl_at_key(at, key);
        const struct asl_field *field = find_field(fields, count, key, state_bit);
        if (!field || (field->jsonata && !jsonata))
            asl_check_fault(checker, &child, ASL_FAULT_SCHEMA, "Field '%s' is not supported", key);
        else
            field->check(checker, &child);
    }
}

void asl_check_pair(struct asl_checker *checker, const struct asl_at *at, const char *a,
                    const char *b, bool required)
{
    const bool has_a = json_object_get(at->value, a), has_b = json_object_get(at->value, b);
    if (has_a && has_b)
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA,
                        "Only one of these fields may be given: [%s, %s]", a, b);
    else if (required && !has_a && !has_b)
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "One of these fields is required: [%s, %s]",
                        a, b);
}

// --- states ---

static void check_flow(struct asl_checker *checker, const struct asl_at *at, bool processor,
                       size_t depth);

static size_t flow_depth(const struct asl_at *at)
{
    size_t depth = 0;
    for (; at; at = at->parent)
        depth += at->key && strcmp(at->key, "States") == 0;
    return depth;
}

static void check_branches(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_array(at->value)) {
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "Expected value of type Array");
        return;
    }
    if (json_array_size(at->value) == 0)
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "Value cannot be empty");
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        const struct asl_at branch = asl_at_index(at, i);
        check_flow(checker, &branch, false, flow_depth(at));
    }
}

static void check_processor(struct asl_checker *checker, const struct asl_at *at)
{
    check_flow(checker, at, true, flow_depth(at));
}

static void check_end(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_true(at->value))
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "The field 'End' must be true");
}

#define TASK ASL_BIT(ASL_TASK)
#define WAIT ASL_BIT(ASL_WAIT)
#define PASS ASL_BIT(ASL_PASS)
#define SUCCEED ASL_BIT(ASL_SUCCEED)
#define FAIL ASL_BIT(ASL_FAIL)
#define CHOICE ASL_BIT(ASL_CHOICE)
#define PARALLEL ASL_BIT(ASL_PARALLEL)
#define MAP ASL_BIT(ASL_MAP)

// Spec: ASL "Table of State Types and Fields".
static const struct asl_field state_fields[] = {
    { "Type", ASL_BITS_ALL, asl_check_text_value, true, false },
    { "Comment", ASL_BITS_ALL, asl_check_anything, false, false },
    { "QueryLanguage", ASL_BITS_ALL, asl_check_anything, false, false },
    { "InputPath", ASL_BITS_ALL & ~FAIL, asl_check_path_or_null, false, false },
    { "OutputPath", ASL_BITS_ALL & ~FAIL, asl_check_path_or_null, false, false },
    { "Next", TASK | WAIT | PASS | PARALLEL | MAP, asl_check_text_value, false, false },
    { "End", TASK | WAIT | PASS | PARALLEL | MAP, check_end, false, false },
    { "ResultPath", TASK | PASS | PARALLEL | MAP, asl_check_result_path, false, false },
    { "Parameters", TASK | PASS | PARALLEL | MAP, asl_check_template, false, false },
    { "ResultSelector", TASK | PARALLEL | MAP, asl_check_template, false, false },
    { "Assign", ASL_BITS_ALL & ~(FAIL | SUCCEED), asl_check_assign, false, false },
    { "Retry", TASK | PARALLEL | MAP, asl_check_retry, false, false },
    { "Catch", TASK | PARALLEL | MAP, asl_check_catch, false, false },
    { "Arguments", TASK | PARALLEL, asl_check_anything, false, true },
    { "Output", ASL_BITS_ALL & ~FAIL, asl_check_anything, false, true },
    { "Resource", TASK, asl_check_resource, true, false },
    { "TimeoutSeconds", TASK, asl_check_seconds, false, false },
    { "TimeoutSecondsPath", TASK, asl_check_path, false, false },
    { "HeartbeatSeconds", TASK, asl_check_seconds, false, false },
    { "HeartbeatSecondsPath", TASK, asl_check_path, false, false },
    { "Credentials", TASK, asl_check_credentials, false, false },
    { "Seconds", WAIT, asl_check_wait_seconds, false, false },
    { "SecondsPath", WAIT, asl_check_path, false, false },
    { "Timestamp", WAIT, asl_check_timestamp, false, false },
    { "TimestampPath", WAIT, asl_check_path, false, false },
    { "Result", PASS, asl_check_anything, false, false },
    { "Error", FAIL, asl_check_text_value, false, false },
    { "Cause", FAIL, asl_check_text_value, false, false },
    { "ErrorPath", FAIL, asl_check_expression, false, false },
    { "CausePath", FAIL, asl_check_expression, false, false },
    { "Choices", CHOICE, asl_check_choices, true, false },
    { "Default", CHOICE, asl_check_text_value, false, false },
    { "Branches", PARALLEL, check_branches, true, false },
    { "ItemProcessor", MAP, check_processor, false, false },
    { "Iterator", MAP, check_processor, false, false },
    { "ItemsPath", MAP, asl_check_path, false, false },
    { "Items", MAP, asl_check_anything, false, true },
    { "ItemSelector", MAP, asl_check_template, false, false },
    { "MaxConcurrency", MAP, asl_check_count, false, false },
    { "MaxConcurrencyPath", MAP, asl_check_path, false, false },
    { "ToleratedFailureCount", MAP, asl_check_count, false, false },
    { "ToleratedFailureCountPath", MAP, asl_check_path, false, false },
    { "ToleratedFailurePercentage", MAP, asl_check_percentage, false, false },
    { "ToleratedFailurePercentagePath", MAP, asl_check_path, false, false },
    { "ItemReader", MAP, asl_check_reader, false, false },
    { "ResultWriter", MAP, asl_check_writer, false, false },
    { "ItemBatcher", MAP, asl_check_batcher, false, false },
    { "Label", MAP, asl_check_label, false, false },
};

// What only one query language reads is not looked at in a state of the other.
static const struct asl_field jsonata_fields[] = {
    { "Branches", PARALLEL, check_branches, true, false },
    { "ItemProcessor", MAP, check_processor, false, false },
    { "Resource", TASK, asl_check_resource, true, false },
    { "Credentials", TASK, asl_check_credentials, false, false },
};

static void check_wait(struct asl_checker *checker, const struct asl_at *at)
{
    static const char *const names[] = { "Seconds", "SecondsPath", "Timestamp", "TimestampPath" };
    size_t count = 0;
    for (size_t i = 0; i < COUNT(names); i++)
        count += json_object_get(at->value, names[i]) != NULL;
    if (count != 1)
        asl_check_fault(
            checker, at, ASL_FAULT_SCHEMA,
            "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath]");
}

static void check_pairs(struct asl_checker *checker, const struct asl_at *at,
                        enum asl_state_type type)
{
    switch (type) {
    case ASL_TASK: {
        asl_check_pair(checker, at, "TimeoutSeconds", "TimeoutSecondsPath", false);
        asl_check_pair(checker, at, "HeartbeatSeconds", "HeartbeatSecondsPath", false);
        const json_t *timeout = json_object_get(at->value, "TimeoutSeconds");
        const json_t *heartbeat = json_object_get(at->value, "HeartbeatSeconds");
        if (json_is_integer(timeout) && json_is_integer(heartbeat) &&
            json_integer_value(heartbeat) >= json_integer_value(timeout))
            asl_check_fault(checker, at, ASL_FAULT_SCHEMA,
                            "HeartbeatSeconds must be less than TimeoutSeconds");
        break;
    }
    case ASL_WAIT: check_wait(checker, at); break;
    case ASL_FAIL:
        asl_check_pair(checker, at, "Error", "ErrorPath", false);
        asl_check_pair(checker, at, "Cause", "CausePath", false);
        break;
    case ASL_MAP:
        asl_check_pair(checker, at, "ItemProcessor", "Iterator", true);
        asl_check_pair(checker, at, "ItemSelector", "Parameters", false);
        asl_check_pair(checker, at, "MaxConcurrency", "MaxConcurrencyPath", false);
        asl_check_pair(checker, at, "ToleratedFailureCount", "ToleratedFailureCountPath", false);
        asl_check_pair(checker, at, "ToleratedFailurePercentage", "ToleratedFailurePercentagePath",
                       false);
        break;
    default: break;
    }
}

static int state_type(const json_t *type)
{
    for (int i = 0; json_is_string(type) && i < ASL_STATE_TYPE_COUNT; i++) {
        if (strcmp(asl_state_type_name((enum asl_state_type)i), json_string_value(type)) == 0)
            return i;
    }
    return -1;
}

static enum asl_check_language check_language(struct asl_checker *checker, const struct asl_at *at,
                                              enum asl_check_language inherited)
{
    const struct asl_at language = asl_at_key(at, "QueryLanguage");
    if (!language.value)
        return inherited;
    const char *name = json_string_value(language.value);
    const bool jsonata = name && strcmp(name, "JSONata") == 0;
    if (!jsonata && (!name || strcmp(name, "JSONPath") != 0))
        asl_check_fault(
            checker, &language, ASL_FAULT_SCHEMA,
            "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]");
    if (jsonata)
        asl_check_fault(checker, &language, ASL_FAULT_LANGUAGE,
                        "QueryLanguage 'JSONata' is not supported yet");
    else if (at->parent && inherited == ASL_CHECK_JSONATA)
        asl_check_fault(
            checker, at, ASL_FAULT_SCHEMA,
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine");
    return jsonata ? ASL_CHECK_JSONATA : ASL_CHECK_JSONPATH;
}

static void check_name(struct asl_checker *checker, const struct asl_at *at)
{
    size_t characters = 0;
    for (const char *c = at->key; *c; c++)
        characters += (*c & 0xc0) != 0x80;
    if (characters == 0 || characters > ASL_STATE_NAME_MAX)
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "State name must be 1 to %d characters long",
                        ASL_STATE_NAME_MAX);
    if (json_object_get(checker->names, at->key))
        asl_check_fault(checker, at, ASL_FAULT_DUPLICATE, "Duplicate state name: %s", at->key);
    if (json_object_set_new(checker->names, at->key, json_true()) != 0)
        checker->no_memory = true;
    if (++checker->state_count == ASL_STATES_MAX + 1)
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "More than %d states", ASL_STATES_MAX);
}

static void check_state(struct asl_checker *checker, const struct asl_at *at)
{
    check_name(checker, at);
    if (!json_is_object(at->value)) {
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "Expected value of type Object");
        return;
    }
    const struct asl_at type_at = asl_at_key(at, "Type");
    if (!type_at.value) {
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "These fields are required: [Type]");
        return;
    }
    const int type = state_type(type_at.value);
    if (type < 0) {
        asl_check_fault(
            checker, &type_at, ASL_FAULT_SCHEMA,
            "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, "
            "Parallel, Map]");
        return;
    }
    if (check_language(checker, at, checker->language) == ASL_CHECK_JSONATA) {
        for (size_t i = 0; i < COUNT(jsonata_fields); i++) {
            const struct asl_at field = asl_at_key(at, jsonata_fields[i].name);
            if (field.value && (jsonata_fields[i].states & ASL_BIT(type)))
                jsonata_fields[i].check(checker, &field);
        }
    } else {
        asl_check_fields(checker, at, state_fields, COUNT(state_fields), ASL_BIT(type), false);
        check_pairs(checker, at, (enum asl_state_type)type);
    }
    if (find_field(state_fields, COUNT(state_fields), "End", ASL_BIT(type)))
        asl_check_pair(checker, at, "Next", "End", true);
}

// --- flows ---

static void check_target(struct asl_checker *checker, const struct asl_at *at, const char *key,
                         const json_t *states, json_t *reached)
{
    const struct asl_at target = asl_at_key(at, key);
    const char *name = json_string_value(target.value);
    if (!name)
        return;
    if (!json_object_get(states, name))
        asl_check_fault(checker, &target, ASL_FAULT_TARGET, "Missing '%s' target: %s", key, name);
    else if (json_object_set_new(reached, name, json_true()) != 0)
        checker->no_memory = true;
}

// Every transition has a target, and every state is one.
static void check_transitions(struct asl_checker *checker, const struct asl_at *at)
{
    static const char *const lists[] = { "Choices", "Catch" };
    sr_auto(json) json_t *reached = json_object();
    const struct asl_at states = asl_at_key(at, "States");
    if (!reached) {
        checker->no_memory = true;
        return;
    }
    check_target(checker, at, "StartAt", states.value, reached);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)states.value, name, value)
    {
        const struct asl_at state = asl_at_key(&states, name);
        check_target(checker, &state, "Next", states.value, reached);
        check_target(checker, &state, "Default", states.value, reached);
        for (size_t l = 0; l < COUNT(lists); l++) {
            const struct asl_at list = asl_at_key(&state, lists[l]);
            for (size_t i = 0; i < json_array_size(list.value); i++) {
                const struct asl_at item = asl_at_index(&list, i);
                check_target(checker, &item, "Next", states.value, reached);
            }
        }
    }
    json_object_foreach((json_t *)(uintptr_t)states.value, name, value)
    {
        const struct asl_at state = asl_at_key(&states, name);
        if (!json_object_get(reached, name))
            asl_check_fault(checker, &state, ASL_FAULT_TARGET, "State \"%s\" is not reachable.",
                            name);
    }
}

static void check_states(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_object(at->value)) {
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "Expected value of type Object");
        return;
    }
    if (json_object_size(at->value) == 0)
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "Value cannot be empty");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)at->value, name, value)
    {
        const struct asl_at state = asl_at_key(at, name);
        check_state(checker, &state);
    }
}

static void check_version(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_string(at->value) || strcmp(json_string_value(at->value), "1.0") != 0)
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA,
                        "The field 'Version' should have one of these values: [1.0]");
}

static void check_flow(struct asl_checker *checker, const struct asl_at *at, bool processor,
                       size_t depth)
{
    static const struct asl_field fields[] = {
        { "States", 2, check_states, true, false },
        { "StartAt", 2, asl_check_text_value, true, false },
        { "Comment", 2, asl_check_anything, false, false },
        { "QueryLanguage", 6, asl_check_anything, false, false },
        { "ProcessorConfig", 8, asl_check_processor_config, false, false },
        { "Version", 4, check_version, false, false },
        { "TimeoutSeconds", 4, asl_check_seconds, false, false },
    };
    struct asl_field own[COUNT(fields)];
    const unsigned bits = 2u | (at->parent ? 0u : 4u) | (processor ? 8u : 0u);
    size_t count = 0;
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (fields[i].states & bits)
            own[count++] = fields[i];
    }
    if (!json_is_object(at->value)) {
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "Expected value of type Object");
        return;
    }
    if (depth > ASL_FLOW_DEPTH_MAX) {
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA,
                        "Parallel and Map states are nested more than %d deep", ASL_FLOW_DEPTH_MAX);
        return;
    }
    asl_check_fields(checker, at, own, count, 0, false);
    if (json_is_object(json_object_get(at->value, "States")))
        check_transitions(checker, at);
}

bool asl_check(const json_t *json, enum asl_machine_type type, struct asl_faults *faults,
               struct sr_err *err)
{
    sr_auto(json) json_t *names = json_object();
    struct asl_checker checker = {
        .faults = faults, .type = type, .names = names, .no_memory = !names
    };
    const struct asl_at root = { .value = json };
    if (names && json_is_object(json)) {
        checker.language = check_language(&checker, &root, ASL_CHECK_JSONPATH);
        check_flow(&checker, &root, false, 0);
    } else if (names) {
        add_fault(&checker, ASL_FAULT_SCHEMA, NULL,
                  strdup("Definition must be a valid JSON object"));
    }
    return !checker.no_memory || sr_fail(err, SR_ERR_NO_MEMORY, "checking a definition");
}

// As the JSON reader that AWS uses words it, for a bare word; other faults in our own words.
static void json_fault(struct asl_checker *checker, const char *text, size_t bytes,
                       const struct sr_err *why)
{
    struct sr_err err = { 0 };
    size_t start = 0, end;
    while (start < bytes && isspace((unsigned char)text[start]))
        start++;
    for (end = start; end < bytes && (isalnum((unsigned char)text[end]) || text[end] == '_'); end++)
        ;
    const int shown = (int)(bytes < 500 ? bytes : 500);
    if (end > start && isalpha((unsigned char)text[start])) {
        char *location =
            sr_strf(&err, "[Source: (String)\"%.*s\"; line: 1, column: %zu]", shown, text, end + 1);
        char *message = sr_strf(
            &err,
            "Unrecognized token '%.*s': was expecting (JSON String, Number, Array, Object or token "
            "'null', 'true' or 'false')\n at %s",
            (int)(end - start), text + start, location ? location : "");
        add_fault(checker, ASL_FAULT_JSON, location, message);
        return;
    }
    add_fault(checker, ASL_FAULT_JSON, NULL, strdup(why->message));
}

bool asl_check_text(const char *text, size_t bytes, enum asl_machine_type type,
                    struct asl_faults *faults, json_t **ret_json, struct sr_err *err)
{
    struct asl_checker checker = { .faults = faults, .type = type };
    sr_auto(json) json_t *json = NULL;
    size_t blank = 0;
    while (blank < bytes && isspace((unsigned char)text[blank]))
        blank++;
    if (bytes > ASL_DEFINITION_BYTES_MAX) {
        add_fault(&checker, ASL_FAULT_SCHEMA, NULL,
                  sr_strf(err, "The definition is larger than %d bytes", ASL_DEFINITION_BYTES_MAX));
    } else if (blank == bytes) {
        add_fault(&checker, ASL_FAULT_SCHEMA, NULL,
                  strdup("Definition must be a valid JSON object"));
    } else if (!jx_parse(text, bytes, false, &json, err)) {
        if (err->code == SR_ERR_NO_MEMORY)
            return false;
        json_fault(&checker, text, bytes, err);
    } else if (!asl_check(json, type, faults, err)) {
        return false;
    }
    if (checker.no_memory)
        return sr_fail(err, SR_ERR_NO_MEMORY, "checking a definition");
    *ret_json = json_is_object(json) ? sr_take(json) : NULL;
    return true;
}

bool asl_faults_to_json(const struct asl_faults *faults, json_t **ret_json, struct sr_err *err)
{
    sr_auto(json) json_t *diagnostics = json_array();
    for (size_t i = 0; diagnostics && i < faults->count; i++) {
        const struct asl_fault *fault = &faults->items[i];
        json_t *item = json_pack("{s:s, s:s, s:s, s:s*}", "severity", "ERROR", "code", fault->code,
                                 "message", fault->message, "location", fault->location);
        if (!jx_append(diagnostics, item, err))
            return false;
    }
    json_t *json = json_pack("{s:s, s:O, s:b}", "result", faults->count ? "FAIL" : "OK",
                             "diagnostics", diagnostics, "truncated", faults->truncated);
    if (!jx_made(json, err))
        return false;
    *ret_json = json;
    return true;
}
