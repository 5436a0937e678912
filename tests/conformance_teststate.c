// teststate.jsonl: TestState calls recorded against AWS.
#include <stdlib.h>
#include <string.h>

#include "statemachine/asl_teststate.h"
#include "tests/conformance.h"

// The state that is tested, or a part of its definition, speaks JSONata.
static bool says_jsonata(const json_t *value)
{
    const char *text = json_string_value(value);
    char *dumped = text ? NULL : json_dumps(value, JSON_COMPACT);
    const bool found = strstr(text ? text : dumped, "\"JSONata\"") != NULL;
    free(dumped);
    return found;
}

// Texts that hold JSON become JSON: in the recordings some of them already are.
static void parse_texts(json_t *value, bool all)
{
    const char *key;
    json_t *member;
    void *next;
    json_object_foreach_safe(value, next, key, member)
    {
        if (strcmp(key, "inspectionData") == 0) {
            parse_texts(member, true);
        } else if (json_is_string(member) && (all || strcmp(key, "output") == 0)) {
            json_error_t error;
            json_t *parsed = json_loads(json_string_value(member), JSON_DECODE_ANY, &error);
            if (parsed)
                json_object_set_new(value, key, parsed);
        }
    }
}

static bool refused_as(const json_t *want, const struct asl_failure *refusal, struct sr_str *why)
{
    const char *code = json_string_value(json_object_get(want, "Code"));
    const char *message = json_string_value(json_object_get(want, "Message"));
    if (!refusal->error || (code && strcmp(code, refusal->error) != 0)) {
        conformance_say(why, "; refused as %s, want %s",
                        refusal->error ? refusal->error : "nothing", code ? code : "?");
        return false;
    }
    if (message && strcmp(message, refusal->cause) == 0)
        return true;
    conformance_say(why, "; '%s', want '%s'", refusal->cause, message ? message : "any message");
    return message == NULL;
}

static enum conformance_result run_teststate(const json_t *item, struct sr_str *why)
{
    struct sr_err err = { 0 };
    const json_t *request = json_object_get(item, "request");
    const json_t *expect = json_object_get(item, "expect"),
                 *expect_error = json_object_get(item, "expect_error");
    if (says_jsonata(json_object_get(request, "definition")))
        return CONFORMANCE_SKIP;
    sr_auto(json) json_t *got = NULL;
    sr_auto(json) json_t *want = json_deep_copy(expect);
    sr_auto(asl_failure) struct asl_failure refusal = { 0 };
    const struct asl_teststate_params params = {
        .request = request,
        .now_us = 1767225600000000,
        .seed = 1,
        .machine_arn = "arn:aws:states:us-east-1:111111111111:stateMachine:machine",
        .machine_name = "machine",
        .execution_arn = "arn:aws:states:us-east-1:111111111111:express:machine:run",
        .execution_name = "run",
    };
    if (!asl_teststate(&params, &got, &refusal, &err)) {
        conformance_say(why, "%s", err.message);
        return CONFORMANCE_FAIL;
    }
    if (expect_error)
        return refused_as(expect_error, &refusal, why) ? CONFORMANCE_PASS : CONFORMANCE_FAIL;
    if (!got) {
        conformance_say(why, "refused: %s: %s", refusal.error, refusal.cause);
        return CONFORMANCE_FAIL;
    }
    parse_texts(got, false);
    parse_texts(want, false);
    if (conformance_equal(want, got, json_object_get(item, "ignore"), ""))
        return CONFORMANCE_PASS;
    conformance_say_json(why, "want", want);
    conformance_say_json(why, "got", got);
    return CONFORMANCE_FAIL;
}

const struct conformance_file conformance_teststate = { "teststate.jsonl", "id", run_teststate };
