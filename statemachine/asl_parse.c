#include "statemachine/asl_parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_language.h"

static bool no_memory(struct sr_err *err)
{
    return sr_fail(err, SR_ERR_NO_MEMORY, "a definition");
}

static const char *text_of(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static bool parse_flow(const json_t *json, const char *language, struct asl_flow **ret_flow,
                       struct sr_err *err);

static bool copy_text(const json_t *json, const char *key, char **ret_text, struct sr_err *err)
{
    const char *text = text_of(json, key);
    if (!text)
        return true;
    *ret_text = strdup(text);
    return *ret_text || no_memory(err);
}

static bool parse_path(const json_t *json, const char *key, struct asl_path **ret_path,
                       struct sr_err *err)
{
    const char *text = text_of(json, key);
    return !text || asl_path_parse(text, ret_path, err) || sr_err_wrap(err, "%s", key);
}

static bool parse_place(const json_t *json, const char *key, struct asl_place *place,
                        struct sr_err *err)
{
    const char *text = text_of(json, key);
    place->discards = json_is_null(json_object_get(json, key));
    return !text || strcmp(text, "$") == 0 || parse_path(json, key, &place->path, err);
}

static bool parse_template(const json_t *json, const char *key, struct asl_template **ret_template,
                           struct sr_err *err)
{
    const char *field;
    const json_t *value = json_object_get(json, key);
    return !value || asl_template_parse(value, ret_template, &field, err) ||
           sr_err_wrap(err, "%s", key);
}

static bool parse_number(const json_t *json, const char *key, const char *path_key,
                         struct asl_number *number, struct sr_err *err)
{
    const json_t *value = json_object_get(json, key);
    number->given = json_is_number(value);
    number->value = json_number_value(value);
    return parse_path(json, path_key, &number->path, err);
}

static bool parse_expression(const json_t *json, const char *key,
                             struct asl_template **ret_template, struct sr_err *err)
{
    const char *text = text_of(json, key);
    return !text || asl_template_parse_expression(key, text, ret_template, err);
}

// --- Retry and Catch ---

static bool parse_names(const json_t *json, struct asl_names *names, struct sr_err *err)
{
    const json_t *list = json_object_get(json, "ErrorEquals");
    names->names = calloc(json_array_size(list) + 1, sizeof(char *));
    if (!names->names)
        return no_memory(err);
    for (; names->count < json_array_size(list); names->count++) {
        const char *name = json_string_value(json_array_get(list, names->count));
        names->names[names->count] = strdup(name ? name : "");
        if (!names->names[names->count])
            return no_memory(err);
    }
    return true;
}

static int64_t whole(const json_t *json, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(json, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static bool parse_retry(const json_t *list, struct asl_state *state, struct sr_err *err)
{
    state->retriers = calloc(json_array_size(list) + 1, sizeof *state->retriers);
    if (!state->retriers)
        return no_memory(err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *json = json_array_get(list, i);
        const json_t *rate = json_object_get(json, "BackoffRate");
        const char *jitter = text_of(json, "JitterStrategy");
        struct asl_retrier *retrier = &state->retriers[state->retrier_count++];
        // Spec: ASL "Retriers": 1 second, 3 attempts, rate 2.0.
        *retrier = (struct asl_retrier){
            .interval_s = whole(json, "IntervalSeconds", 1),
            .attempts_max = whole(json, "MaxAttempts", 3),
            .delay_s_max = whole(json, "MaxDelaySeconds", 0),
            .backoff_rate = json_is_number(rate) ? json_number_value(rate) : 2.0,
            .jitter = jitter && strcmp(jitter, "FULL") == 0,
        };
        if (!parse_names(json, &retrier->errors, err))
            return false;
    }
    return true;
}

static bool parse_catch(const json_t *list, struct asl_state *state, struct sr_err *err)
{
    state->catchers = calloc(json_array_size(list) + 1, sizeof *state->catchers);
    if (!state->catchers)
        return no_memory(err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *json = json_array_get(list, i);
        struct asl_catcher *catcher = &state->catchers[state->catcher_count++];
        struct asl_place place = { 0 };
        catcher->next = text_of(json, "Next");
        const bool parsed = parse_place(json, "ResultPath", &place, err);
        catcher->result_path = place.path;
        catcher->discards_result = place.discards;
        if (!parsed || !parse_names(json, &catcher->errors, err) ||
            !parse_template(json, "Assign", &catcher->assign, err))
            return false;
    }
    return true;
}

// --- state types ---

static bool parse_task(const json_t *json, struct asl_state *state, struct sr_err *err)
{
    const char *arn = text_of(json, "Resource");
    struct asl_task *task = &state->task;
    if (!arn)
        return sr_fail(err, SR_ERR_INVALID, "a Task without a Resource");
    if (!asl_resource_parse(arn,
                            &task->resource)) {  // of another kind: its runner knows the whole name
        task->resource = (struct asl_resource){ .kind = ASL_TASK_SERVICE, .arn = strdup(arn) };
        task->resource.type = strndup(arn, strcspn(arn, ":"));
        task->resource.action = strdup(arn);
        if (!task->resource.arn || !task->resource.type || !task->resource.action)
            return no_memory(err);
    }
    return parse_number(json, "TimeoutSeconds", "TimeoutSecondsPath", &task->timeout_s, err) &&
           parse_number(json, "HeartbeatSeconds", "HeartbeatSecondsPath", &task->heartbeat_s,
                        err) &&
           parse_template(json, "Credentials", &task->credentials, err);
}

static bool parse_wait(const json_t *json, struct asl_state *state, struct sr_err *err)
{
    return parse_number(json, "Seconds", "SecondsPath", &state->wait.seconds, err) &&
           copy_text(json, "Timestamp", &state->wait.timestamp, err) &&
           parse_path(json, "TimestampPath", &state->wait.timestamp_path, err);
}

static bool parse_fail(const json_t *json, struct asl_state *state, struct sr_err *err)
{
    return copy_text(json, "Error", &state->fail.error, err) &&
           copy_text(json, "Cause", &state->fail.cause, err) &&
           parse_expression(json, "ErrorPath", &state->fail.error_from, err) &&
           parse_expression(json, "CausePath", &state->fail.cause_from, err);
}

static bool parse_choice(const json_t *json, struct asl_state *state, struct sr_err *err)
{
    const json_t *list = json_object_get(json, "Choices");
    struct asl_choice *choice = &state->choice;
    choice->otherwise = text_of(json, "Default");
    choice->options = calloc(json_array_size(list) + 1, sizeof *choice->options);
    if (!choice->options)
        return no_memory(err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct asl_choice_option *option = &choice->options[choice->count++];
        option->next = text_of(item, "Next");
        if (!asl_rule_parse(item, &option->rule, err) ||
            !parse_template(item, "Assign", &option->assign, err))
            return false;
    }
    return true;
}

static bool parse_parallel(const json_t *json, const char *language, struct asl_state *state,
                           struct sr_err *err)
{
    const json_t *list = json_object_get(json, "Branches");
    struct asl_parallel *parallel = &state->parallel;
    parallel->branches = calloc(json_array_size(list) + 1, sizeof(struct asl_flow *));
    if (!parallel->branches)
        return no_memory(err);
    for (; parallel->count < json_array_size(list); parallel->count++) {
        const json_t *branch = json_array_get(list, parallel->count);
        if (!parse_flow(branch, language, &parallel->branches[parallel->count], err))
            return sr_err_wrap(err, "Branches[%zu]", parallel->count);
    }
    return true;
}

static bool parse_reader(const json_t *json, struct asl_map *map, struct sr_err *err)
{
    if (!json)
        return true;
    struct asl_reader *reader = map->reader = calloc(1, sizeof *map->reader);
    if (!reader)
        return no_memory(err);
    const json_t *config = json_object_get(json, "ReaderConfig");
    reader->config = config ? json_incref((json_t *)(uintptr_t)config) : json_object();
    return jx_made(reader->config, err) && copy_text(json, "Resource", &reader->resource, err) &&
           parse_template(json, "Parameters", &reader->parameters, err) &&
           parse_number(config, "MaxItems", "MaxItemsPath", &reader->items_max, err);
}

static bool parse_writer(const json_t *json, struct asl_map *map, struct sr_err *err)
{
    if (!json)
        return true;
    struct asl_writer *writer = map->writer = calloc(1, sizeof *map->writer);
    if (!writer)
        return no_memory(err);
    const json_t *config = json_object_get(json, "WriterConfig");
    writer->config = config ? json_incref((json_t *)(uintptr_t)config) : json_object();
    return jx_made(writer->config, err) && copy_text(json, "Resource", &writer->resource, err) &&
           parse_template(json, "Parameters", &writer->parameters, err);
}

static bool parse_batcher(const json_t *json, struct asl_map *map, struct sr_err *err)
{
    if (!json)
        return true;
    struct asl_batcher *batcher = map->batcher = calloc(1, sizeof *map->batcher);
    if (!batcher)
        return no_memory(err);
    return parse_number(json, "MaxItemsPerBatch", "MaxItemsPerBatchPath", &batcher->items_max,
                        err) &&
           parse_number(json, "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath",
                        &batcher->bytes_max, err) &&
           parse_template(json, "BatchInput", &batcher->input, err);
}

static bool parse_map(const json_t *json, const char *language, struct asl_state *state,
                      struct sr_err *err)
{
    struct asl_map *map = &state->map;
    const json_t *processor = json_object_get(json, "ItemProcessor");
    processor = processor ? processor : json_object_get(json, "Iterator");
    const json_t *config = json_object_get(processor, "ProcessorConfig");
    const char *mode = text_of(config, "Mode"), *type = text_of(config, "ExecutionType");
    map->distributed = mode && strcmp(mode, "DISTRIBUTED") == 0;
    map->express = type && strcmp(type, "EXPRESS") == 0;
    if (!parse_flow(processor, language, &map->processor, err))
        return sr_err_wrap(err, "ItemProcessor");
    const char *selector = json_object_get(json, "ItemSelector") ? "ItemSelector" : "Parameters";
    return copy_text(json, "Label", &map->label, err) &&
           parse_path(json, "ItemsPath", &map->items_path, err) &&
           parse_template(json, selector, &map->item_selector, err) &&
           parse_number(json, "MaxConcurrency", "MaxConcurrencyPath", &map->concurrency_max, err) &&
           parse_number(json, "ToleratedFailureCount", "ToleratedFailureCountPath",
                        &map->tolerated_count, err) &&
           parse_number(json, "ToleratedFailurePercentage", "ToleratedFailurePercentagePath",
                        &map->tolerated_percentage, err) &&
           parse_reader(json_object_get(json, "ItemReader"), map, err) &&
           parse_writer(json_object_get(json, "ResultWriter"), map, err) &&
           parse_batcher(json_object_get(json, "ItemBatcher"), map, err);
}

static bool parse_own(const json_t *json, const char *language, struct asl_state *state,
                      struct sr_err *err)
{
    switch (state->type) {
    case ASL_TASK: return parse_task(json, state, err);
    case ASL_WAIT: return parse_wait(json, state, err);
    case ASL_PASS: state->result = json_incref(json_object_get(json, "Result")); return true;
    case ASL_FAIL: return parse_fail(json, state, err);
    case ASL_CHOICE: return parse_choice(json, state, err);
    case ASL_PARALLEL: return parse_parallel(json, language, state, err);
    case ASL_MAP: return parse_map(json, language, state, err);
    case ASL_SUCCEED:
    case ASL_STATE_TYPE_COUNT: break;
    }
    return true;
}

static bool parse_state(const char *name, const json_t *json, const char *inherited,
                        struct asl_state *state, struct sr_err *err)
{
    const char *type = text_of(json, "Type"), *own = text_of(json, "QueryLanguage");
    const char *language = own ? own : inherited;
    state->type = ASL_SUCCEED;  // so that a half-built one can be freed
    state->name = strdup(name);
    if (!state->name)
        return no_memory(err);
    state->language = asl_language_find(language);
    if (!state->language)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "%s: QueryLanguage '%s'", name, language);
    int found = 0;
    while (found < ASL_STATE_TYPE_COUNT &&
           (!type || strcmp(type, asl_state_type_name((enum asl_state_type)found))))
        found++;
    if (found == ASL_STATE_TYPE_COUNT)
        return sr_fail(err, SR_ERR_INVALID, "%s: no such Type", name);
    state->type = (enum asl_state_type)found;
    state->next = text_of(json, "Next");
    const char *parameters =
        state->type == ASL_MAP ? "" : "Parameters";  // a Map's select its items
    const bool parsed = parse_place(json, "InputPath", &state->input_path, err) &&
                        parse_place(json, "OutputPath", &state->output_path, err) &&
                        parse_place(json, "ResultPath", &state->result_path, err) &&
                        parse_template(json, parameters, &state->parameters, err) &&
                        parse_template(json, "ResultSelector", &state->result_selector, err) &&
                        parse_template(json, "Assign", &state->assign, err) &&
                        parse_retry(json_object_get(json, "Retry"), state, err) &&
                        parse_catch(json_object_get(json, "Catch"), state, err) &&
                        parse_own(json, inherited, state, err);
    return parsed || sr_err_wrap(err, "%s", name);
}

static bool parse_flow(const json_t *json, const char *language, struct asl_flow **ret_flow,
                       struct sr_err *err)
{
    sr_auto(asl_flow) struct asl_flow *flow = calloc(1, sizeof *flow);
    const json_t *states = json_object_get(json, "States");
    if (!flow)
        return no_memory(err);
    flow->start = text_of(json, "StartAt");
    flow->states = calloc(json_object_size(states) + 1, sizeof *flow->states);
    flow->index = json_object();
    if (!flow->states || !flow->index)
        return no_memory(err);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)states, name, value)
    {
        const size_t position = flow->count++;
        if (json_object_set_new(flow->index, name, json_integer((json_int_t)position)) != 0)
            return no_memory(err);
        if (!parse_state(name, value, language, &flow->states[position], err))
            return false;
    }
    if (!flow->start || !asl_flow_find(flow, flow->start))
        return sr_fail(err, SR_ERR_INVALID, "StartAt leads nowhere");
    *ret_flow = sr_take(flow);
    return true;
}

bool asl_parse(const json_t *json, struct asl_def **ret_def, struct sr_err *err)
{
    sr_auto(asl_def) struct asl_def *def = calloc(1, sizeof *def);
    const char *language = text_of(json, "QueryLanguage");
    if (!def)
        return no_memory(err);
    def->json = json_incref((json_t *)(uintptr_t)json);
    def->timeout_s = whole(json, "TimeoutSeconds", 0);
    if (!parse_flow(json, language ? language : "JSONPath", &def->flow, err))
        return false;
    *ret_def = sr_take(def);
    return true;
}

bool asl_parse_text(const char *text, size_t bytes, enum asl_machine_type type,
                    struct asl_faults *faults, struct asl_def **ret_def, struct sr_err *err)
{
    sr_auto(json) json_t *json = NULL;
    if (!asl_check_text(text, bytes, type, faults, &json, err))
        return false;
    return faults->count || asl_parse(json, ret_def, err);
}
