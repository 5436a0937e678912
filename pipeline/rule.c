#include "pipeline/rule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/str.h"
#include "pipeline/event_pattern.h"
#include "pipeline/manifest.h"
#include "pipeline/schedule.h"
#include "pipeline/transformer.h"
#include "statemachine/asl_path.h"

void rule_free(struct rule *rule)
{
    if (!rule)
        return;
    event_pattern_free(rule->pattern);
    schedule_free(rule->schedule);
    transformer_free(rule->transformer);
    asl_path_free(rule->input_path);
    json_decref(rule->input);
    free(rule->machine);
    free(rule);
}

// Reading -----------------------------------------------------------------------------------------

// What a function of another module says about a value: a fault, unless there is no memory.
static bool tell(const struct jx *at, const struct sr_err *why, struct faults *faults,
                 struct sr_err *err)
{
    if (why->code != SR_ERR_NO_MEMORY)
        return faults_add(faults, at, err, "%s", why->message);
    *err = *why;
    return false;
}

static bool read_when(struct rule *rule, const struct jx *root, struct faults *faults,
                      struct sr_err *err)
{
    struct sr_err why = { 0 };
    const struct jx pattern = jx_get(root, "event_pattern"), schedule = jx_get(root, "schedule");
    const struct jx zone = jx_get(root, "time_zone"), missed = jx_get(root, "missed");
    if (!pattern.value == !schedule.value)
        return faults_add(faults, root, err, "want one of event_pattern and schedule");
    if (pattern.value) {
        if (zone.value && !faults_add(faults, &zone, err, "only a schedule has a time zone"))
            return false;
        if (missed.value && !faults_add(faults, &missed, err, "only a schedule can be missed"))
            return false;
        return event_pattern_parse(&pattern, faults, &rule->pattern, err);
    }
    const char *const word = json_string_value(missed.value);
    rule->skips_missed = word && strcmp(word, "skip") == 0;
    if (missed.value && !rule->skips_missed && (!word || strcmp(word, "once") != 0) &&
        !faults_add(faults, &missed, err, "want \"once\" or \"skip\""))
        return false;
    if (!json_is_string(schedule.value))
        return faults_add(faults, &schedule, err, "want rate(...) or cron(...)");
    if (zone.value && !json_is_string(zone.value))
        return faults_add(faults, &zone, err, "want a time zone's name, like \"Europe/Berlin\"");
    return schedule_parse(json_string_value(schedule.value), json_string_value(zone.value),
                          &rule->schedule, &why) ||
           tell(why.code == SR_ERR_NOT_FOUND ? &zone : &schedule, &why, faults, err);
}

static bool read_machine(struct rule *rule, const struct jx *at, struct faults *faults,
                         struct sr_err *err)
{
    const char *const text = json_string_value(at->value);
    if (!text || !*text || strlen(text) > RULE_TARGET_MAX)
        return faults_add(faults, at, err, "want a state machine's name or ARN");
    rule->machine = sr_str_dup(text, err);
    return rule->machine != NULL;
}

// A job's manifest is the template of an input transformer.
static bool read_job(struct rule *rule, const struct jx *root, const struct jx *at,
                     struct faults *faults, struct sr_err *err)
{
    rule->target = RULE_JOB;
    const struct jx own = jx_get(root, "input_transformer");
    if (!json_is_object(at->value))
        return faults_add(faults, at, err, "want a manifest");
    if (jx_has(&own, "InputTemplate"))
        return faults_add(faults, &own, err, "a job's template is the manifest in target");
    sr_auto(json) json_t *both = json_object();
    const json_t *const paths = json_object_get(own.value, "InputPathsMap");
    if (!jx_made(both, err) ||
        !jx_put(both, "InputTemplate", json_incref((json_t *)(uintptr_t)at->value), err) ||
        (paths && !jx_put(both, "InputPathsMap", json_incref((json_t *)(uintptr_t)paths), err)))
        return false;
    const struct jx place = { .value = both, .parent = own.parent, .key = own.key };
    return transformer_parse(&place, faults, &rule->transformer, err);
}

static bool read_target(struct rule *rule, const struct jx *root, struct faults *faults,
                        struct sr_err *err)
{
    static const char *const known[] = { "state_machine", "job", NULL };
    const struct jx at = jx_get(root, "target");
    if (!json_is_object(at.value))
        return faults_add(faults, &at, err,
                          "want {\"state_machine\": NAME} or {\"job\": MANIFEST}");
    const struct jx machine = jx_get(&at, known[0]), job = jx_get(&at, known[1]);
    if (!faults_add_unknown(faults, &at, known, err))
        return false;
    if (!machine.value == !job.value)
        return faults_add(faults, &at, err, "want one of state_machine and job");
    return machine.value ? read_machine(rule, &machine, faults, err)
                         : read_job(rule, root, &job, faults, err);
}

static bool read_input(struct rule *rule, const struct jx *root, struct faults *faults,
                       struct sr_err *err)
{
    struct sr_err why = { 0 };
    const struct jx input = jx_get(root, "input"), path = jx_get(root, "input_path");
    const struct jx transformer = jx_get(root, "input_transformer");
    const int count = !!input.value + !!path.value + !!transformer.value;
    if (count > 1)
        return faults_add(faults, root, err,
                          "want at most one of input, input_path and input_transformer");
    if (rule->target == RULE_JOB)
        return count == !!transformer.value ||
               faults_add(faults, root, err, "a job's input is the manifest in target");
    if (transformer.value)
        return transformer_parse(&transformer, faults, &rule->transformer, err);
    if (input.value) {
        rule->input = json_deep_copy(input.value);
        return jx_made(rule->input, err);
    }
    if (!path.value)
        return true;
    if (!json_is_string(path.value))
        return faults_add(faults, &path, err, "want a path, like \"$.detail\"");
    if (!asl_path_parse(json_string_value(path.value), &rule->input_path, &why))
        return tell(&path, &why, faults, err);
    return asl_path_root(rule->input_path) == ASL_ROOT_INPUT ||
           faults_add(faults, &path, err, "a path begins with \"$.\"");
}

// It becomes part of an execution's name.
static bool is_name(const char *name)
{
    const size_t bytes = strlen(name);
    if (bytes == 0 || bytes > RULE_NAME_MAX)
        return false;
    for (const char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("_-.", *c))
            return false;
    }
    return true;
}

static bool read_rule(struct rule *rule, const struct jx *root, struct faults *faults,
                      struct sr_err *err)
{
    static const char *const known[] = {
        "event_pattern", "schedule",          "time_zone", "missed",      "target", "input",
        "input_path",    "input_transformer", "enabled",   "description", NULL
    };
    const struct jx enabled = jx_get(root, "enabled"), text = jx_get(root, "description");
    rule->enabled = !json_is_false(enabled.value);
    if (enabled.value && !json_is_boolean(enabled.value) &&
        !faults_add(faults, &enabled, err, "want true or false"))
        return false;
    if (text.value && !json_is_string(text.value) && !faults_add(faults, &text, err, "want a text"))
        return false;
    return faults_add_unknown(faults, root, known, err) && read_when(rule, root, faults, err) &&
           read_target(rule, root, faults, err) && read_input(rule, root, faults, err);
}

bool rule_parse(const char *name, const char *text, size_t bytes, struct faults *faults,
                struct rule **ret_rule, struct sr_err *err)
{
    struct sr_err why = { 0 };
    const struct jx none = jx_root(NULL);
    const size_t before = faults->count;
    *ret_rule = NULL;
    sr_auto(json) json_t *json = NULL;
    sr_auto(rule) struct rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a rule");
    if (!is_name(name) || !sr_format(rule->name, sizeof rule->name, "%s", name))
        return faults_add(faults, &none, err,
                          "a rule's name has letters, digits, '_', '-' and '.', at most %d",
                          RULE_NAME_MAX);
    if (bytes > RULE_BYTES_MAX)
        return faults_add(faults, &none, err, "a rule of more than %d bytes", RULE_BYTES_MAX);
    if (!jx_parse(text, bytes, true, &json, &why))
        return tell(&none, &why, faults, err);
    const struct jx root = jx_root(json);
    if (!json_is_object(json))
        return faults_add(faults, &root, err, "want an object");
    if (!read_rule(rule, &root, faults, err))
        return false;
    if (faults->count == before && !faults->truncated)
        *ret_rule = sr_take(rule);
    return true;
}

bool rule_load(const char *path, struct faults *faults, struct rule **ret_rule, struct sr_err *err)
{
    const char *const slash = strrchr(path, '/');
    const char *const file = slash ? slash + 1 : path;
    const size_t length = strlen(file);
    const size_t bytes =
        length > 5 && strcmp(file + length - 5, ".json") == 0 ? length - 5 : length;
    sr_auto(char) char *name = sr_strf(err, "%.*s", (int)(bytes < 200 ? bytes : 200), file);
    sr_auto(char) char *text = NULL;
    size_t count;
    if (!name || !sr_file_load(path, RULE_BYTES_MAX, &text, &count, err))
        return false;
    const char *const before = faults->file;
    faults->file = path;
    const bool done = rule_parse(name, text, count, faults, ret_rule, err);
    faults->file = before;
    return done;
}

// Working -----------------------------------------------------------------------------------------

bool rule_matches(const struct rule *rule, const json_t *event, bool *ret_match, struct sr_err *err)
{
    if (!rule->enabled || !rule->pattern) {
        *ret_match = false;
        return true;
    }
    return event_pattern_match(rule->pattern, event, ret_match, err);
}

static bool is_manifest(const char *text, struct sr_err *err)
{
    sr_auto(manifest) struct manifest *manifest = NULL;
    const struct manifest_params params = { .text = text, .bytes = strlen(text) };
    return manifest_parse(&params, &manifest, err) || sr_err_wrap(err, "the rule's manifest");
}

bool rule_input(const struct rule *rule, const char *arn, const json_t *event, int64_t time_us,
                char **ret_text, struct sr_err *err)
{
    sr_auto(json) json_t *value = NULL;
    if (rule->transformer) {
        const struct transformer_rule self = { rule->name, arn, time_us };
        sr_auto(char) char *text = NULL;
        if (!transformer_run(rule->transformer, event, &self, &text, err) ||
            (rule->target == RULE_JOB && !is_manifest(text, err)))
            return false;
        *ret_text = sr_take(text);
        return true;
    }
    if (rule->input_path) {
        if (!asl_path_read_at(rule->input_path, event, &value, err))
            return err->code == SR_ERR_NOT_FOUND ? sr_fail(err, SR_ERR_INVALID,
                                                           "input_path: there "
                                                           "is nothing at %s in the event",
                                                           asl_path_text(rule->input_path))
                                                 : false;
        return jx_dump(value, false, ret_text, err);
    }
    return jx_dump(rule->input ? rule->input : event, false, ret_text, err);
}

bool rule_scheduled_event(const char *id, const char *arn, const char *account, const char *region,
                          int64_t time_us, json_t **ret_event, struct sr_err *err)
{
    char time[25];
    sr_clock_format(time_us, time);
    memcpy(time + 19, "Z", 2);  // whole seconds
    *ret_event = json_pack("{ss,ss,ss,ss,ss,ss,ss,s[s],s{}}", "version", "0", "id", id,
                           "detail-type", "Scheduled Event", "source", "aws.events", "account",
                           account, "time", time, "region", region, "resources", arn, "detail");
    return jx_made(*ret_event, err);
}
