// event-patterns.jsonl: TestEventPattern.
#include <string.h>

#include "pipeline/event_pattern.h"
#include "tests/conformance.h"

struct verdict {
    const char *error_code;  // NULL: none
    struct sr_str message;
    bool match;
};

// A document as AWS reads it: of a key that is there twice the last one counts.
static json_t *document(const json_t *item, const char *key)
{
    char text_key[32];
    json_error_t error;
    (void)snprintf(text_key, sizeof text_key, "%s_text", key);
    const char *const text = json_string_value(json_object_get(item, text_key));
    return text ? json_loads(text, JSON_DECODE_ANY, &error)
                : json_incref(json_object_get(item, key));
}

static bool judge(const json_t *item, struct verdict *verdict, struct sr_err *err)
{
    sr_auto(json) json_t *json = document(item, "pattern");
    sr_auto(json) json_t *event = document(item, "event");
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(event_pattern) struct event_pattern *pattern = NULL;
    const struct jx root = jx_root(json);
    if (!json_is_object(event)) {
        verdict->error_code = "ValidationException";
        return true;
    }
    if (!event_pattern_parse(&root, &faults, &pattern, err))
        return false;
    if (!pattern) {
        verdict->error_code = "InvalidEventPatternException";
        return sr_str_addf(&verdict->message, err, "Event pattern is not valid. Reason: %s",
                           faults.items[0].message);
    }
    return event_pattern_match(pattern, event, &verdict->match, err);
}

static enum conformance_result run_events(const json_t *item, struct sr_str *why)
{
    struct sr_err err = { 0 };
    struct verdict got = { 0 };
    const char *const code = json_string_value(json_object_get(item, "error_code"));
    const char *const message = json_string_value(json_object_get(item, "error_message"));
    enum conformance_result result = CONFORMANCE_PASS;
    if (!judge(item, &got, &err)) {
        conformance_say(why, "%s", err.message);
        result = CONFORMANCE_FAIL;
    } else if (!code != !got.error_code || (code && strcmp(code, got.error_code) != 0)) {
        conformance_say(why, "want %s, got %s %s", code ? code : "a verdict",
                        got.error_code ? got.error_code : "a verdict", sr_str_text(&got.message));
        result = CONFORMANCE_FAIL;
    } else if (!code && got.match != json_is_true(json_object_get(item, "match"))) {
        conformance_say(why, "%s", got.match ? "it matches" : "it does not match");
        result = CONFORMANCE_FAIL;
    } else if (message && strcmp(message, sr_str_text(&got.message)) != 0) {
        conformance_say(why, "says \"%s\", not \"%s\"", sr_str_text(&got.message), message);
    }
    sr_str_done(&got.message);
    return result;
}

const struct conformance_file conformance_events = { "event-patterns.jsonl", "id", run_events };
