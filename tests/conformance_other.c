// asl-validation.jsonl, jsonpath-cts.json, json-parsing.jsonl.
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/jx.h"
#include "statemachine/asl_check.h"
#include "statemachine/asl_path.h"
#include "tests/conformance.h"

static bool says_jsonata(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (strcmp(key, "QueryLanguage") == 0 && json_is_string(member) &&
            strcmp(json_string_value(member), "JSONata") == 0)
            return true;
        if (says_jsonata(member))
            return true;
    }
    json_array_foreach(value, i, member)
    {
        if (says_jsonata(member))
            return true;
    }
    return false;
}

static enum conformance_result run_validation(const json_t *item, struct sr_str *why)
{
    struct sr_err err = { 0 };
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    const json_t *definition = json_object_get(item, "definition");
    const bool valid = json_is_true(json_object_get(item, "valid"));
    if (says_jsonata(definition))
        return CONFORMANCE_SKIP;
    if (!asl_check(definition, ASL_STANDARD, &faults, &err)) {
        conformance_say(why, "%s", err.message);
        return CONFORMANCE_FAIL;
    }
    if (valid == (faults.count == 0))
        return CONFORMANCE_PASS;
    conformance_say(why, "want %s", valid ? "valid" : "a fault");
    for (size_t i = 0; i < faults.count; i++)
        conformance_say(why, "; %s at %s", faults.items[i].message, faults.items[i].location);
    return CONFORMANCE_FAIL;
}

static bool fits(const json_t *item, const struct asl_path *path, struct sr_str *why)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *value = NULL, *list = NULL;
    const bool found = asl_path_read_at(path, json_object_get(item, "document"), &value, &err);
    if (!found && err.code != SR_ERR_NOT_FOUND) {
        conformance_say(why, "%s", err.message);
        return false;
    }
    if (!found)
        list = json_array();
    else if (asl_path_is_definite(path))
        list = json_pack("[O]", value);
    else
        list = json_incref(value);
    const json_t *results = json_object_get(item, "results"),
                 *result = json_object_get(item, "result");
    if (result && conformance_equal(result, list, NULL, ""))
        return true;
    for (size_t i = 0; i < json_array_size(results); i++) {
        if (conformance_equal(json_array_get(results, i), list, NULL, ""))
            return true;
    }
    conformance_say_json(why, "want", result ? result : results);
    conformance_say_json(why, "got", list);
    return false;
}

static enum conformance_result run_jsonpath(const json_t *item, struct sr_str *why)
{
    struct sr_err err = { 0 };
    sr_auto(asl_path) struct asl_path *path = NULL;
    const char *selector = json_string_value(json_object_get(item, "selector"));
    const bool invalid = json_is_true(json_object_get(item, "invalid_selector"));
    conformance_say(why, "%s", selector);
    if (!asl_path_parse(selector, &path, &err) || asl_path_root(path) != ASL_ROOT_INPUT) {
        conformance_say(why, "; refused: %s", err.message);
        return invalid ? CONFORMANCE_PASS : CONFORMANCE_FAIL;
    }
    if (invalid)
        conformance_say(why, "; accepted");
    return !invalid && fits(item, path, why) ? CONFORMANCE_PASS : CONFORMANCE_FAIL;
}

static enum conformance_result run_json(const json_t *item, struct sr_str *why)
{
    struct sr_err err = { 0 };
    const json_t *accept = json_object_get(item, "accept");
    sr_auto(sr_str) struct sr_str text = { 0 };
    sr_auto(json) json_t *value = NULL;
    const char *base64 = json_string_value(json_object_get(item, "base64"));
    if (base64) {
        uint8_t *bytes = NULL;
        size_t count = 0;
        if (!sr_base64_decode(base64, &bytes, &count, &err) ||
            !sr_str_add_bytes(&text, bytes, count, &err))
            conformance_say(why, "%s", err.message);
        free(bytes);
    } else {
        const char *repeat = json_string_value(json_object_get(item, "repeat"));
        const char *then = json_string_value(json_object_get(item, "then"));
        const json_int_t times = json_integer_value(json_object_get(item, "times"));
        for (json_int_t i = 0; i < times; i++)
            conformance_say(&text, "%s", repeat);
        conformance_say(&text, "%s", then ? then : "");
    }
    const bool accepted = jx_parse(sr_str_text(&text), text.bytes, false, &value, &err);
    if (json_is_null(accept) || accepted == json_is_true(accept))
        return CONFORMANCE_PASS;
    conformance_say(why, "%s", accepted ? "accepted" : err.message);
    return CONFORMANCE_FAIL;
}

const struct conformance_file conformance_validation = { "asl-validation.jsonl", "id",
                                                         run_validation };
const struct conformance_file conformance_jsonpath = { "jsonpath-cts.json", "name", run_jsonpath };
const struct conformance_file conformance_json = { "json-parsing.jsonl", "id", run_json };
