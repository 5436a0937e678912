#include "statemachine/asl_event.h"

#include <stdlib.h>
#include <string.h>

static const struct event_row {
    const char *name, *details;
} rows[] = {
#define X(name, details) { #name, details },
    ASL_EVENTS(X)
#undef X
};

const char *asl_event_name(enum asl_event_type type)
{
    return rows[type].name;
}

// The payloads among details, and what says that they are whole.
static const char *const payload_names[] = { "input", "output", "parameters", "taskCredentials" };
static const char *const payload_details[] = { "inputDetails", "outputDetails", NULL, NULL };

static int payload_index(const char *key)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(key, payload_names[i]) == 0)
            return i;
    }
    return -1;
}

static bool put_payload(json_t *to, const char *key, int index, const json_t *value,
                        struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    if (!jx_dump(value, false, &text, err) || !jx_put(to, key, json_string(text), err))
        return false;
    return !payload_details[index] ||
           jx_put(to, payload_details[index], json_pack("{s:b}", "truncated", 0), err);
}

static bool put_variables(json_t *to, const json_t *assigned, struct sr_err *err)
{
    sr_auto(json) json_t *texts = json_object();
    const char *name;
    json_t *value;
    if (!jx_made(texts, err))
        return false;
    json_object_foreach((json_t *)(uintptr_t)assigned, name, value)
    {
        sr_auto(char) char *text = NULL;
        if (!jx_dump(value, false, &text, err) || !jx_put(texts, name, json_string(text), err))
            return false;
    }
    return jx_put(to, "assignedVariables", sr_take(texts), err) &&
           jx_put(to, "assignedVariablesDetails", json_pack("{s:b}", "truncated", 0), err);
}

static bool client_details(const json_t *details, bool payloads, json_t **ret_details,
                           struct sr_err *err)
{
    sr_auto(json) json_t *to = json_object();
    if (!jx_made(to, err))
        return false;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)details, key, value)
    {
        const int index = payload_index(key);
        const bool variables = strcmp(key, "assignedVariables") == 0;
        if ((index >= 0 || variables) && !payloads)
            continue;
        const bool put = index >= 0  ? put_payload(to, key, index, value, err)
                         : variables ? put_variables(to, value, err)
                                     : jx_put(to, key, json_incref(value), err);
        if (!put)
            return false;
    }
    *ret_details = sr_take(to);
    return true;
}

bool asl_event_to_client(const struct asl_event *event, bool payloads, json_t **ret_json,
                         struct sr_err *err)
{
    const struct event_row *row = &rows[event->type];
    sr_auto(json) json_t *json = json_pack(
        "{s:f, s:s, s:I, s:I}", "timestamp", (double)(event->time_us / 1000) / 1000.0, "type",
        row->name, "id", (json_int_t)event->id, "previousEventId", (json_int_t)event->previous);
    json_t *details = NULL;
    if (!jx_made(json, err))
        return false;
    if (row->details && event->details &&
        (!client_details(event->details, payloads, &details, err) ||
         !jx_put(json, row->details, details, err)))
        return false;
    *ret_json = sr_take(json);
    return true;
}

bool asl_event_write(const struct asl_event *event, struct sr_str *out, struct sr_err *err)
{
    const int64_t numbers[] = { (int64_t)event->id, (int64_t)event->previous,
                                (int64_t)event->child };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!sr_str_add(out, i ? "," : "[", err) || !sr_str_add_i64(out, numbers[i], err))
            return false;
    }
    return sr_str_add(out, ",\"", err) && sr_str_add(out, rows[event->type].name, err) &&
           sr_str_add(out, "\",", err) && sr_str_add_i64(out, event->time_us, err) &&
           sr_str_add(out, ",", err) &&
           (event->details ? jx_dump_add(event->details, out, err)
                           : sr_str_add(out, "null", err)) &&
           sr_str_add(out, "]", err);
}

bool asl_event_to_json(const struct asl_event *event, json_t **ret_json, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    return asl_event_write(event, &text, err) &&
           jx_parse(text.text, text.bytes, false, ret_json, err);
}

bool asl_event_from_json(const json_t *json, struct asl_event *ret_event, struct sr_err *err)
{
    const char *name = json_string_value(json_array_get(json, 3));
    int type = 0;
    while (type < ASL_EVENT_COUNT && (!name || strcmp(rows[type].name, name) != 0))
        type++;
    if (type == ASL_EVENT_COUNT || json_array_size(json) != 6)
        return sr_fail(err, SR_ERR_INVALID, "an event that is none");
    json_t *details = json_array_get(json, 5);
    *ret_event = (struct asl_event){
        .id = (uint64_t)json_integer_value(json_array_get(json, 0)),
        .previous = (uint64_t)json_integer_value(json_array_get(json, 1)),
        .child = (uint64_t)json_integer_value(json_array_get(json, 2)),
        .type = (enum asl_event_type)type,
        .time_us = json_integer_value(json_array_get(json, 4)),
        .details = json_is_null(details) ? NULL : json_incref(details),
    };
    return true;
}
