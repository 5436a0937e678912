#include "statemachine/asl_def.h"

#include <stdlib.h>
#include <string.h>

const char *asl_state_type_name(enum asl_state_type type)
{
    static const char *const names[] = { "Task", "Wait",   "Pass",     "Succeed",
                                         "Fail", "Choice", "Parallel", "Map" };
    return names[type];
}

static void names_done(struct asl_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
}

void asl_resource_done(struct asl_resource *resource)
{
    free(resource->arn);
    free(resource->type);
    free(resource->action);
    *resource = (struct asl_resource){ 0 };
}

static void map_done(struct asl_map *map)
{
    asl_flow_free(map->processor);
    free(map->label);
    asl_path_free(map->items_path);
    asl_template_free(map->item_selector);
    asl_path_free(map->concurrency_max.path);
    asl_path_free(map->tolerated_count.path);
    asl_path_free(map->tolerated_percentage.path);
    if (map->reader) {
        free(map->reader->resource);
        json_decref(map->reader->config);
        asl_template_free(map->reader->parameters);
        asl_path_free(map->reader->items_max.path);
    }
    if (map->writer) {
        free(map->writer->resource);
        json_decref(map->writer->config);
        asl_template_free(map->writer->parameters);
    }
    if (map->batcher) {
        asl_path_free(map->batcher->items_max.path);
        asl_path_free(map->batcher->bytes_max.path);
        asl_template_free(map->batcher->input);
    }
    free(map->reader);
    free(map->writer);
    free(map->batcher);
}

static void own_done(struct asl_state *state)
{
    switch (state->type) {
    case ASL_TASK:
        asl_resource_done(&state->task.resource);
        asl_path_free(state->task.timeout_s.path);
        asl_path_free(state->task.heartbeat_s.path);
        asl_template_free(state->task.credentials);
        break;
    case ASL_WAIT:
        asl_path_free(state->wait.seconds.path);
        asl_path_free(state->wait.timestamp_path);
        free(state->wait.timestamp);
        break;
    case ASL_FAIL:
        free(state->fail.error);
        free(state->fail.cause);
        asl_template_free(state->fail.error_from);
        asl_template_free(state->fail.cause_from);
        break;
    case ASL_CHOICE:
        for (size_t i = 0; i < state->choice.count; i++) {
            asl_rule_free(state->choice.options[i].rule);
            asl_template_free(state->choice.options[i].assign);
        }
        free(state->choice.options);
        break;
    case ASL_PARALLEL:
        for (size_t i = 0; i < state->parallel.count; i++)
            asl_flow_free(state->parallel.branches[i]);
        free(state->parallel.branches);
        break;
    case ASL_MAP: map_done(&state->map); break;
    case ASL_PASS:
    case ASL_SUCCEED:
    case ASL_STATE_TYPE_COUNT: break;
    }
}

static void state_done(struct asl_state *state)
{
    own_done(state);
    free(state->name);
    asl_path_free(state->input_path.path);
    asl_path_free(state->output_path.path);
    asl_path_free(state->result_path.path);
    asl_template_free(state->parameters);
    asl_template_free(state->result_selector);
    asl_template_free(state->assign);
    json_decref(state->result);
    for (size_t i = 0; i < state->retrier_count; i++)
        names_done(&state->retriers[i].errors);
    for (size_t i = 0; i < state->catcher_count; i++) {
        names_done(&state->catchers[i].errors);
        asl_path_free(state->catchers[i].result_path);
        asl_template_free(state->catchers[i].assign);
    }
    free(state->retriers);
    free(state->catchers);
}

void asl_flow_free(struct asl_flow *flow)
{
    if (!flow)
        return;
    for (size_t i = 0; i < flow->count; i++)
        state_done(&flow->states[i]);
    free(flow->states);
    json_decref(flow->index);
    free(flow);
}

void asl_def_free(struct asl_def *def)
{
    if (!def)
        return;
    asl_flow_free(def->flow);
    json_decref(def->json);
    free(def);
}

const struct asl_state *asl_flow_find(const struct asl_flow *flow, const char *name)
{
    const json_t *position = json_object_get(flow->index, name);
    return position ? &flow->states[json_integer_value(position)] : NULL;
}

const struct asl_state *asl_flow_find_deep(const struct asl_flow *flow, const char *name)
{
    const struct asl_state *found = asl_flow_find(flow, name);
    for (size_t i = 0; !found && i < flow->count; i++) {
        const struct asl_state *state = &flow->states[i];
        if (state->type == ASL_MAP)
            found = asl_flow_find_deep(state->map.processor, name);
        for (size_t b = 0; state->type == ASL_PARALLEL && !found && b < state->parallel.count; b++)
            found = asl_flow_find_deep(state->parallel.branches[b], name);
    }
    return found;
}

// "arn:PARTITION:SERVICE:REGION:ACCOUNT:REST": the start of a field, counted from 0.
static const char *arn_field(const char *arn, int number)
{
    for (int i = 0; arn && i < number; i++) {
        arn = strchr(arn, ':');
        arn = arn ? arn + 1 : NULL;
    }
    return arn;
}

static bool field_is(const char *field, const char *text)
{
    const size_t bytes = strlen(text);
    return field && strncmp(field, text, bytes) == 0 &&
           (field[bytes] == ':' || field[bytes] == '\0');
}

static enum asl_pattern pattern_of(const char *action)
{
    static const char *const suffixes[] = { ".sync", ".sync:2", ".waitForTaskToken" };
    for (size_t i = 0; i < 3; i++) {
        const size_t bytes = strlen(suffixes[i]), all = strlen(action);
        if (all > bytes && strcmp(action + all - bytes, suffixes[i]) == 0)
            return i < 2 ? ASL_PATTERN_SYNC : ASL_PATTERN_TOKEN;
    }
    return ASL_PATTERN_RESPONSE;
}

static bool parse_service(const char *rest, struct asl_resource *resource)
{
    const bool sdk = strncmp(rest, "aws-sdk:", 8) == 0;
    const char *colon = strchr(rest + (sdk ? 8 : 0), ':');
    if (!colon || colon == rest || !colon[1])
        return false;
    resource->kind = ASL_TASK_SERVICE;
    resource->type = strndup(rest, (size_t)(colon - rest));
    resource->action = strdup(colon + 1);
    if (!resource->type || !resource->action)
        return false;
    resource->pattern = pattern_of(resource->action);
    return true;
}

bool asl_resource_parse(const char *arn, struct asl_resource *ret_resource)
{
    struct asl_resource resource = { .arn = strdup(arn) };
    const char *service = arn_field(arn, 2), *rest = arn_field(arn, 5);
    bool known = resource.arn && field_is(arn, "arn");
    if (known && field_is(service, "lambda") && field_is(rest, "function")) {
        resource.kind = ASL_TASK_LAMBDA;
    } else if (known && field_is(service, "states") && field_is(rest, "activity")) {
        resource.kind = ASL_TASK_ACTIVITY;
    } else if (known && field_is(service, "states") && rest) {
        known = parse_service(rest, &resource);
    } else {
        known = false;
    }
    if (!known) {
        asl_resource_done(&resource);
        return false;
    }
    *ret_resource = resource;
    return true;
}
