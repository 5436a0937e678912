#include "statemachine/asl_template.h"

#include "base/jx.h"
#include "base/test.h"

static const struct row {
    const char *name, *template, *want;  // want NULL: does not parse; "!": States.Runtime
} rows[] = {
    { "constant", "{\"a\":[1,null,\"$.x\"]}", "{\"a\":[1,null,\"$.x\"]}" },
    { "path and constant", "{\"a.$\":\"$.x\",\"b\":2}", "{\"a\":{\"y\":1},\"b\":2}" },
    { "deep in arrays", "[{\"a\":[{\"b.$\":\"$.x.y\"}]}]", "[{\"a\":[{\"b\":1}]}]" },
    { "intrinsic", "{\"a.$\":\"States.Array($.x.y)\"}", "{\"a\":[1]}" },
    { "many places that are not there", "{\"a.$\":\"$.none[*].b\"}", "{\"a\":[]}" },
    { "one place that is not there", "{\"a.$\":\"$.none\"}", "!" },
    { "a text alone", "\"$.x\"", "\"$.x\"" },
    { "no path", "{\"a.$\":\"x\"}", NULL },
    { "no text", "{\"a.$\":1}", NULL },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    json_error_t error;
    const char *field = NULL;
    sr_auto(json) json_t *json = json_loads(row->template, JSON_DECODE_ANY, &error), *got = NULL;
    sr_auto(json) json_t *input = json_pack("{s:{s:i}}", "x", "y", 1);
    sr_auto(asl_template) struct asl_template *template = NULL;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    if (!row->want) {
        sr_assert_fails(asl_template_parse(json, &template, &field, &err), SR_ERR_INVALID, err);
        assert_string_equal(field, "a.$");
        return;
    }
    sr_assert_ok(asl_template_parse(json, &template, &field, &err), err);
    const struct asl_scope scope = { .input = input };
    struct asl_random random = { 1 };
    const bool applied = asl_template_apply(template, &scope, &random, &got, &failure);
    if (strcmp(row->want, "!") == 0) {
        assert_false(applied);
        assert_string_equal(
            failure.cause,
            "The JSONPath '$.none' specified for the field 'a.$' could not be found in the "
            "input '{\"x\":{\"y\":1}}'");
        return;
    }
    assert_true(applied);
    sr_auto(json) json_t *want = json_loads(row->want, JSON_DECODE_ANY, &error);
    assert_true(json_equal(want, got));
}
SR_TEST_ROWS(rows, each_row)
