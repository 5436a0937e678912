// State machines as the API shows them.
#include <stdlib.h>
#include <string.h>

#include "service/states_priv.h"

void states_machine_done(struct states_machine *machine)
{
    char *const texts[] = { machine->arn,  machine->name, machine->definition,
                            machine->role, machine->uuid, machine->settings };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    *machine = (struct states_machine){ 0 };
}

static bool copy_machine(void *self, const struct store_machine *from, struct sr_err *err)
{
    struct states_machine *to = self;
    const struct {
        char **place;
        const char *text;
    } texts[] = {
        { &to->arn, from->arn },   { &to->name, from->name },
        { &to->role, from->role }, { &to->definition, from->definition },
        { &to->uuid, from->uuid }, { &to->settings, from->settings },
    };
    to->revision = from->revision;
    to->type = from->type;
    to->created_us = from->created_us;
    to->revised_us = from->revised_us;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i].place = texts[i].text ? sr_str_dup(texts[i].text, err) : NULL;
        if (texts[i].text && !*texts[i].place)
            return false;
    }
    return true;
}

bool states_no_machine(struct states_call *call, const char *arn)
{
    return states_refuse(call, "StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'",
                         arn);
}

bool states_machine_get(struct states_call *call, const struct store *store, const char *arn,
                        struct states_machine *ret_machine, struct sr_err *err)
{
    if (store->ops->machine_get(store->self, arn, copy_machine, ret_machine, err))
        return true;
    if (err->code != SR_ERR_NOT_FOUND)
        return false;
    *err = (struct sr_err){ 0 };
    return states_no_machine(call, arn);
}

// --- variables ---

// Puts the name behind each '$' that is a variable's into `names`, texts in quotes left out.
// Spec: a variable's name begins with a letter or '_' right behind the '$'.
static bool scan(const char *text, json_t *names, struct sr_err *err)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    bool quoted = false;
    for (const char *at = text; *at; at++) {
        if (quoted && *at == '\\' && at[1])
            at++;
        else if (*at == '\'')
            quoted = !quoted;
        else if (!quoted && *at == '$' && (at == text || at[-1] != '$') && at[1] &&
                 strchr(first, at[1])) {
            const size_t bytes = strspn(at + 1, rest);
            sr_auto(char) char *name = strndup(at + 1, bytes);
            if (!name || json_object_set_new(names, name, json_true()) != 0)
                return sr_fail(err, SR_ERR_NO_MEMORY, "a variable's name");
            at += bytes;
        }
    }
    return true;
}

static bool holds_path(const char *key)
{
    const size_t bytes = strlen(key);
    return (bytes > 2 && strcmp(key + bytes - 2, ".$") == 0) ||
           (bytes >= 4 && strcmp(key + bytes - 4, "Path") == 0) || strcmp(key, "Variable") == 0;
}

// What a state itself refers to: not the states inside it.
static bool scan_value(const json_t *value, json_t *names, size_t depth, struct sr_err *err)
{
    const char *key;
    json_t *member;
    size_t i;
    if (depth > JX_DEPTH_MAX)
        return true;
    json_array_foreach(value, i, member)
    {
        if (!scan_value(member, names, depth + 1, err))
            return false;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        const bool inner = json_object_get(member, "States") && json_object_get(member, "StartAt");
        if (json_is_string(member) && holds_path(key) && *json_string_value(member) != '\0' &&
            !scan(json_string_value(member), names, err))
            return false;
        if (!inner && strcmp(key, "Branches") != 0 && !scan_value(member, names, depth + 1, err))
            return false;
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *sorted(json_t *names)
{
    const size_t count = json_object_size(names);
    const char **texts = calloc(count ? count : 1, sizeof *texts), *name;
    json_t *list = json_array(), *ignored;
    size_t used = 0;
    bool good = texts && list;
    json_object_foreach(names, name, ignored)
    {
        if (good)
            texts[used++] = name;
    }
    if (good)
        qsort(texts, used, sizeof *texts, by_name);
    for (size_t i = 0; i < used; i++)
        good = json_array_append_new(list, json_string(texts[i])) == 0 && good;
    free(texts);
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

static bool scan_flow(const json_t *flow, json_t *found, size_t depth, struct sr_err *err);

static bool scan_state(const char *name, json_t *state, json_t *found, size_t depth,
                       struct sr_err *err)
{
    const char *key;
    json_t *member, *branch;
    size_t i;
    sr_auto(json) json_t *names = json_object();
    if (!jx_made(names, err) || !scan_value(state, names, 0, err))
        return false;
    if (json_object_size(names) && !jx_put(found, name, sorted(names), err))
        return false;
    json_object_foreach(state, key, member)
    {
        if (!scan_flow(member, found, depth + 1, err))
            return false;
    }
    json_array_foreach(json_object_get(state, "Branches"), i, branch)
    {
        if (!scan_flow(branch, found, depth + 1, err))
            return false;
    }
    return true;
}

static bool scan_flow(const json_t *flow, json_t *found, size_t depth, struct sr_err *err)
{
    const char *name;
    json_t *state;
    if (depth > ASL_FLOW_DEPTH_MAX)
        return true;
    json_object_foreach(json_object_get(flow, "States"), name, state)
    {
        if (!scan_state(name, state, found, depth, err))
            return false;
    }
    return true;
}

// {"STATE": ["variable", ...]} of the states that refer to variables; NULL: none do.
static bool variables_of(const char *definition, json_t **ret_json, struct sr_err *err)
{
    sr_auto(json) json_t *flow = NULL;
    sr_auto(json) json_t *found = json_object();
    if (!jx_made(found, err) || !jx_parse(definition, strlen(definition), false, &flow, err) ||
        !scan_flow(flow, found, 0, err))
        return false;
    *ret_json = json_object_size(found) ? json_incref(found) : NULL;
    return true;
}

// --- the whole ---

// loggingConfiguration, tracingConfiguration, encryptionConfiguration: as given, or as AWS has
// them.
static bool put_settings(const char *text, json_t *json, struct sr_err *err)
{
    sr_auto(json) json_t *settings =
        json_pack("{s:{s:s, s:b}, s:{s:b}, s:{s:s}}", "loggingConfiguration", "level", "OFF",
                  "includeExecutionData", 0, "tracingConfiguration", "enabled", 0,
                  "encryptionConfiguration", "type", "AWS_OWNED_KEY");
    sr_auto(json) json_t *given = NULL;
    if (!jx_made(settings, err) || (text && !jx_parse(text, strlen(text), false, &given, err)))
        return false;
    if ((given && json_object_update_recursive(settings, given) != 0) ||
        json_object_update(json, settings) != 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a state machine's settings");
    return true;
}

bool states_machine_json(const struct store_machine *machine, bool metadata_only, json_t **ret_json,
                         struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    json_t *variables = NULL;
    if (!jx_put(json, "name", json_string(machine->name), err) ||
        !jx_put(json, "definition", json_string(metadata_only ? "{}" : machine->definition), err) ||
        (machine->role && !jx_put(json, "roleArn", json_string(machine->role), err)) ||
        (machine->uuid && !jx_put(json, "revisionId", json_string(machine->uuid), err)) ||
        !put_settings(machine->settings, json, err))
        return false;
    if (!metadata_only && !variables_of(machine->definition, &variables, err))
        return false;
    if (variables && !jx_put(json, "variableReferences", variables, err))
        return false;
    *ret_json = sr_take(json);
    return true;
}
