#include "statemachine/asl_data.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_time.h"

static json_t *borrow(const json_t *value)
{
    return json_incref((json_t *)(uintptr_t)value);
}

bool asl_data_trace(struct asl_work *work, const char *name, const json_t *value)
{
    return !work->trace || json_object_set(work->trace, name, (json_t *)(uintptr_t)value) == 0;
}

static int count_bytes(const char *data, size_t bytes, void *self)
{
    (void)data;
    *(size_t *)self += bytes;
    return 0;
}

size_t asl_data_bytes(const json_t *value)
{
    size_t bytes = 0;
    (void)json_dump_callback(value, count_bytes, &bytes, JSON_COMPACT | JSON_ENCODE_ANY);
    return bytes;
}

static struct asl_scope scope_with(const struct asl_work *work, const json_t *input)
{
    struct asl_scope scope = work->scope;
    scope.input = input;
    return scope;
}

// InputPath and OutputPath.
// Spec: ASL "InputPath": null makes the input an empty object.
static bool take_place(struct asl_work *work, const struct asl_place *place, const json_t *input,
                       json_t **ret_value)
{
    if (place->discards) {
        *ret_value = json_object();
        return *ret_value != NULL;
    }
    if (!place->path) {
        *ret_value = borrow(input);
        return true;
    }
    struct sr_err err = { 0 };
    const struct asl_scope scope = scope_with(work, input);
    if (asl_path_read(place->path, &scope, ret_value, &err))
        return true;
    if (err.code == SR_ERR_NO_MEMORY)
        return false;
    return asl_fail(work->failure, ASL_ERROR_RUNTIME, "Invalid path '%s' : %s",
                    asl_path_text(place->path), err.message);
}

static bool apply(struct asl_work *work, const struct asl_template *template, const json_t *input,
                  json_t **ret_value)
{
    const struct asl_scope scope = scope_with(work, input);
    return asl_template_apply(template, &scope, work->random, ret_value, work->failure);
}

static bool jsonpath_arguments(struct asl_work *work, json_t **ret_arguments)
{
    const struct asl_state *state = work->state;
    sr_auto(json) json_t *input = NULL;
    if (!take_place(work, &state->input_path, work->scope.input, &input) ||
        !asl_data_trace(work, "afterInputPath", input))
        return false;
    if (!state->parameters) {
        if ((state->type == ASL_PASS || state->type == ASL_TASK) &&
            !asl_data_trace(work, "afterParameters", input))
            return false;
        *ret_arguments = sr_take(input);
        return true;
    }
    return apply(work, state->parameters, input, ret_arguments) &&
           asl_data_trace(work, "afterParameters", *ret_arguments);
}

static bool assign(struct asl_work *work, const struct asl_template *template, const json_t *input,
                   json_t **ret_assigned)
{
    return !template || apply(work, template, input, ret_assigned);
}

static bool put_result(struct asl_work *work, const struct asl_place *place, json_t *result,
                       json_t **ret_value)
{
    if (place->discards || !place->path) {
        *ret_value = place->discards ? borrow(work->scope.input) : borrow(result);
        return true;
    }
    struct sr_err err = { 0 };
    if (asl_path_write(place->path, work->scope.input, result, ret_value, &err))
        return true;
    if (err.code == SR_ERR_NO_MEMORY)
        return false;
    return asl_fail_catchable(work->failure, ASL_ERROR_RESULT_PATH,
                              "Unable to apply ReferencePath %s to input: %s",
                              asl_path_text(place->path), err.message);
}

// Spec: ASL "Input and Output Processing": result, ResultSelector, Assign, ResultPath (into the raw input), OutputPath.
static bool jsonpath_output(struct asl_work *work, const json_t *arguments, json_t *result,
                            json_t **ret_output, json_t **ret_assigned)
{
    const struct asl_state *state = work->state;
    (void)arguments;
    sr_auto(json) json_t *selected = NULL;
    if (!state->result_selector)
        selected = json_incref(result);
    else if (!apply(work, state->result_selector, result, &selected))
        return false;
    if (!asl_data_trace(work, "afterResultSelector", selected) ||
        !assign(work, state->assign, selected, ret_assigned))
        return false;
    sr_auto(json) json_t *combined = NULL;
    return put_result(work, &state->result_path, selected, &combined) &&
           asl_data_trace(work, "afterResultPath", combined) &&
           take_place(work, &state->output_path, combined, ret_output);
}

static bool jsonpath_choose(struct asl_work *work, size_t *ret_option)
{
    const struct asl_choice *choice = &work->state->choice;
    sr_auto(json) json_t *input = NULL;
    if (!take_place(work, &work->state->input_path, work->scope.input, &input) ||
        !asl_data_trace(work, "afterInputPath", input))
        return false;
    const struct asl_scope scope = scope_with(work, input);
    bool applies = false;
    size_t i = 0;
    for (; i < choice->count; i++) {
        if (!asl_rule_applies(choice->options[i].rule, &scope, &applies, work->failure))
            return false;
        if (applies)
            break;
    }
    *ret_option = i;
    return true;
}

static bool jsonpath_choice_output(struct asl_work *work, size_t option, json_t **ret_output,
                                   json_t **ret_assigned)
{
    const struct asl_state *state = work->state;
    const bool chosen = option < state->choice.count;
    sr_auto(json) json_t *input = NULL;
    return take_place(work, &state->input_path, work->scope.input, &input) &&
           assign(work, chosen ? state->choice.options[option].assign : state->assign, input,
                  ret_assigned) &&
           take_place(work, &state->output_path, input, ret_output);
}

static bool jsonpath_caught(struct asl_work *work, const struct asl_catcher *catcher, json_t *error,
                            json_t **ret_output, json_t **ret_assigned)
{
    const struct asl_place place = { catcher->discards_result, catcher->result_path };
    return assign(work, catcher->assign, error, ret_assigned) &&
           put_result(work, &place, error, ret_output);
}

// --- numbers ---

static const struct number_row {
    const char *path_name;
    bool fraction;
} number_rows[] = {
    [ASL_NUMBER_TIMEOUT] = { "TimeoutSecondsPath", false },
    [ASL_NUMBER_HEARTBEAT] = { "HeartbeatSecondsPath", false },
    [ASL_NUMBER_CONCURRENCY] = { "MaxConcurrencyPath", false },
    [ASL_NUMBER_TOLERATED_COUNT] = { "ToleratedFailureCountPath", false },
    [ASL_NUMBER_TOLERATED_PERCENTAGE] = { "ToleratedFailurePercentagePath", true },
    [ASL_NUMBER_BATCH_ITEMS] = { "MaxItemsPerBatchPath", false },
    [ASL_NUMBER_BATCH_BYTES] = { "MaxInputBytesPerBatchPath", false },
    [ASL_NUMBER_READER_ITEMS] = { "MaxItemsPath", false },
};

static const struct asl_number *number_of(const struct asl_state *state,
                                          enum asl_number_field field)
{
    if (state->type == ASL_TASK)
        return field == ASL_NUMBER_TIMEOUT ? &state->task.timeout_s : &state->task.heartbeat_s;
    switch (field) {
    case ASL_NUMBER_CONCURRENCY: return &state->map.concurrency_max;
    case ASL_NUMBER_TOLERATED_COUNT: return &state->map.tolerated_count;
    case ASL_NUMBER_TOLERATED_PERCENTAGE: return &state->map.tolerated_percentage;
    case ASL_NUMBER_BATCH_ITEMS: return state->map.batcher ? &state->map.batcher->items_max : NULL;
    case ASL_NUMBER_BATCH_BYTES: return state->map.batcher ? &state->map.batcher->bytes_max : NULL;
    case ASL_NUMBER_READER_ITEMS: return state->map.reader ? &state->map.reader->items_max : NULL;
    default: return NULL;
    }
}

// A number, or a string that spells one.
static bool as_number(const json_t *value, bool fraction, double *ret)
{
    double number;
    if (json_is_number(value)) {
        number = json_number_value(value);
    } else if (json_is_string(value) && *json_string_value(value)) {
        char *end;
        number = strtod(json_string_value(value), &end);
        if (*end)
            return false;
    } else {
        return false;
    }
    if (!isfinite(number) || (!fraction && number != floor(number)))
        return false;
    *ret = number;
    return true;
}

static bool check_number(struct asl_work *work, enum asl_number_field field, double value)
{
    if (field == ASL_NUMBER_TOLERATED_PERCENTAGE && (value < 0 || value > 100))
        return asl_fail(work->failure, ASL_ERROR_RUNTIME,
                        "ToleratedFailurePercentage must be between 0 and 100.");
    if (field == ASL_NUMBER_TOLERATED_COUNT && value < 0)
        return asl_fail(work->failure, ASL_ERROR_RUNTIME,
                        "ToleratedFailureCount cannot be negative.");
    if (field == ASL_NUMBER_CONCURRENCY && value < 0)
        return asl_fail(work->failure, ASL_ERROR_RUNTIME, "MaxConcurrency cannot be negative.");
    if ((field == ASL_NUMBER_TIMEOUT || field == ASL_NUMBER_HEARTBEAT) &&
        (value < 1 || value > 99999999))
        return asl_fail(work->failure, ASL_ERROR_RUNTIME,
                        "The %s parameter must be between 1 and 99999999.",
                        number_rows[field].path_name);
    return true;
}

static bool jsonpath_number(struct asl_work *work, const json_t *arguments,
                            enum asl_number_field field, double *ret)
{
    const struct asl_number *number = number_of(work->state, field);
    if (!number || (!number->given && !number->path))
        return true;
    if (!number->path) {
        *ret = number->value;
        return true;
    }
    sr_auto(json) json_t *input = NULL, *value = NULL;
    struct sr_err err = { 0 };
    if (work->state->type == ASL_MAP)
        input = borrow(arguments);
    else if (!take_place(work, &work->state->input_path, work->scope.input, &input))
        return false;
    const struct asl_scope scope = scope_with(work, input);
    const char *text = asl_path_text(number->path);
    if (!asl_path_read(number->path, &scope, &value, &err)) {
        if (err.code == SR_ERR_NO_MEMORY)
            return false;
        return asl_fail(work->failure, ASL_ERROR_RUNTIME, "Invalid path '%s' : %s", text,
                        err.message);
    }
    double found;
    const struct number_row *row = &number_rows[field];
    if (!as_number(value, row->fraction, &found)) {
        sr_auto(char) char *dumped = NULL;
        if (!json_is_string(value) && !jx_dump(value, false, &dumped, &err))
            return false;
        return asl_fail(work->failure, ASL_ERROR_RUNTIME,
                        "The %s field refers to value \"%s\" which is not a valid %s: %s",
                        row->path_name, dumped ? dumped : json_string_value(value),
                        row->fraction ? "float" : "integer", text);
    }
    if (!check_number(work, field, found))
        return false;
    *ret = found;
    return true;
}

// --- Wait and Fail ---

static bool read_wait_path(struct asl_work *work, const char *name, const struct asl_path *path,
                           json_t **ret_value)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *input = NULL;
    if (!take_place(work, &work->state->input_path, work->scope.input, &input))
        return false;
    const struct asl_scope scope = scope_with(work, input);
    if (asl_path_read(path, &scope, ret_value, &err))
        return true;
    if (err.code == SR_ERR_NO_MEMORY)
        return false;
    return asl_fail(work->failure, ASL_ERROR_RUNTIME,
                    "The %s parameter does not reference an input value: %s", name,
                    asl_path_text(path));
}

static bool wait_path_fail(struct asl_work *work, const char *what, const struct asl_path *path,
                           const json_t *value)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *dumped = NULL;
    if (!json_is_string(value) && !jx_dump(value, false, &dumped, &err))
        return false;
    return asl_fail(work->failure, ASL_ERROR_RUNTIME, "%s: %s == %s", what, asl_path_text(path),
                    dumped ? dumped : json_string_value(value));
}

static bool wait_seconds(struct asl_work *work, int64_t now_us, int64_t *ret_until_us)
{
    const struct asl_wait *wait = &work->state->wait;
    double seconds = wait->seconds.value;
    if (wait->seconds.path) {
        sr_auto(json) json_t *value = NULL;
        if (!read_wait_path(work, "SecondsPath", wait->seconds.path, &value))
            return false;
        if (!as_number(value, false, &seconds) || fabs(seconds) > 9e15)
            return wait_path_fail(work,
                                  "The SecondsPath parameter cannot be parsed as a long value",
                                  wait->seconds.path, value);
        if (seconds < 0)
            return wait_path_fail(work, "The SecondsPath parameter references a negative value",
                                  wait->seconds.path, value);
    }
    const double until = (double)now_us + seconds * 1e6;
    *ret_until_us = until < 9e18 ? now_us + (int64_t)(seconds * 1e6) : INT64_MAX;
    return true;
}

static bool jsonpath_wait_until(struct asl_work *work, int64_t now_us, int64_t *ret_until_us)
{
    const struct asl_wait *wait = &work->state->wait;
    if (!wait->timestamp && !wait->timestamp_path)
        return wait_seconds(work, now_us, ret_until_us);
    struct asl_time time;
    sr_auto(json) json_t *value = NULL;
    if (wait->timestamp_path &&
        !read_wait_path(work, "TimestampPath", wait->timestamp_path, &value))
        return false;
    const char *text = wait->timestamp ? wait->timestamp : json_string_value(value);
    if (!text || !asl_time_parse(text, &time)) {
        const char *what =
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time "
            "format string";
        return wait->timestamp_path ? wait_path_fail(work, what, wait->timestamp_path, value)
                                    : asl_fail(work->failure, ASL_ERROR_RUNTIME,
                                               "The Timestamp is not valid: %s", text);
    }
    *ret_until_us = asl_time_us(time);
    return true;
}

static bool fail_text(struct asl_work *work, const char *name, const char *literal,
                      const struct asl_template *from, char **ret_text)
{
    const char *text = literal;
    sr_auto(json) json_t *value = NULL;
    if (from) {
        if (!asl_template_apply(from, &work->scope, work->random, &value, work->failure))
            return false;
        text = json_string_value(value);
        if (!text)
            return asl_fail(work->failure, ASL_ERROR_RUNTIME, "The %s field must refer to a string",
                            name);
    }
    if (!text)
        return true;
    *ret_text = strdup(text);
    return *ret_text != NULL;
}

static bool jsonpath_fail_texts(struct asl_work *work, char **ret_error, char **ret_cause)
{
    const struct asl_fail_texts *texts = &work->state->fail;
    sr_auto(char) char *error = NULL;
    if (!fail_text(work, "ErrorPath", texts->error, texts->error_from, &error) ||
        !fail_text(work, "CausePath", texts->cause, texts->cause_from, ret_cause))
        return false;
    *ret_error = sr_take(error);
    return true;
}

// --- Map ---

static bool jsonpath_items(struct asl_work *work, const json_t *arguments, json_t **ret_items)
{
    const struct asl_path *path = work->state->map.items_path;
    const struct asl_scope scope = scope_with(work, arguments);
    struct sr_err err = { 0 };
    sr_auto(json) json_t *items = NULL;
    const char *text = path ? asl_path_text(path) : "$";
    if (!path) {
        items = borrow(arguments);
    } else if (!asl_path_read(path, &scope, &items, &err)) {
        if (err.code == SR_ERR_NO_MEMORY)
            return false;
        return asl_fail(work->failure, ASL_ERROR_RUNTIME, "Invalid path '%s' : %s", text,
                        err.message);
    }
    if (!json_is_array(items))
        return asl_fail(work->failure, ASL_ERROR_RUNTIME,
                        "Reference path \"%s\" must point to array.", text + (text[1] == '$'));
    *ret_items = sr_take(items);
    return true;
}

static bool jsonpath_item(struct asl_work *work, const json_t *arguments, json_t *value,
                          json_t **ret_input)
{
    if (work->state->map.item_selector)
        return apply(work, work->state->map.item_selector, arguments, ret_input);
    *ret_input = json_incref(value);
    return true;
}

static bool jsonpath_evaluate(struct asl_work *work, const json_t *arguments,
                              const struct asl_template *template, json_t **ret_value)
{
    return apply(work, template, arguments, ret_value);
}

const struct asl_language asl_jsonpath = {
    .name = "JSONPath",
    .arguments = jsonpath_arguments,
    .output = jsonpath_output,
    .choose = jsonpath_choose,
    .choice_output = jsonpath_choice_output,
    .caught = jsonpath_caught,
    .number = jsonpath_number,
    .wait_until = jsonpath_wait_until,
    .fail_texts = jsonpath_fail_texts,
    .items = jsonpath_items,
    .item = jsonpath_item,
    .evaluate = jsonpath_evaluate,
};

const struct asl_language *asl_language_find(const char *name)
{
    return strcmp(name, asl_jsonpath.name) == 0 ? &asl_jsonpath : NULL;
}
