#include "statemachine/asl_choice.h"

#include "base/jx.h"
#include "base/test.h"

static const struct row {
    const char *name, *rule;
    int want;  // 1 applies, 0 does not, -1 States.Runtime
} rows[] = {
    { "equal text", "{\"Variable\":\"$.t\",\"StringEquals\":\"b\"}", 1 },
    { "text against a number", "{\"Variable\":\"$.n\",\"StringEquals\":\"1\"}", 0 },
    { "order of texts", "{\"Variable\":\"$.t\",\"StringLessThan\":\"ba\"}", 1 },
    { "1 equals 1.0", "{\"Variable\":\"$.n\",\"NumericEquals\":1.0}", 1 },
    { "number against a path", "{\"Variable\":\"$.n\",\"NumericGreaterThanEqualsPath\":\"$.m\"}",
      0 },
    { "timestamps know their zone",
      "{\"Variable\":\"$.at\",\"TimestampEquals\":\"2020-01-01T01:00:00+01:00\"}", 1 },
    { "no timestamp", "{\"Variable\":\"$.t\",\"TimestampLessThan\":\"2020-01-01T00:00:00Z\"}", 0 },
    { "boolean", "{\"Variable\":\"$.yes\",\"BooleanEquals\":true}", 1 },
    { "present", "{\"Variable\":\"$.none\",\"IsPresent\":false}", 1 },
    { "null is present", "{\"Variable\":\"$.nil\",\"IsPresent\":true}", 1 },
    { "null", "{\"Variable\":\"$.nil\",\"IsNull\":true}", 1 },
    { "not numeric", "{\"Variable\":\"$.t\",\"IsNumeric\":false}", 1 },
    { "is a timestamp", "{\"Variable\":\"$.at\",\"IsTimestamp\":true}", 1 },
    { "matches", "{\"Variable\":\"$.file\",\"StringMatches\":\"log-*.txt\"}", 1 },
    { "missing variable", "{\"Variable\":\"$.none\",\"StringEquals\":\"b\"}", -1 },
    { "missing other", "{\"Variable\":\"$.n\",\"NumericEqualsPath\":\"$.none\"}", -1 },
    { "and",
      "{\"And\":[{\"Variable\":\"$.n\",\"NumericEquals\":1},{\"Variable\":\"$.t\",\"StringEquals\":\"b\"}]}",
      1 },
    { "and stops early",
      "{\"And\":[{\"Variable\":\"$.n\",\"NumericEquals\":2},{\"Variable\":\"$.none\",\"IsNull\":true}]}",
      0 },
    { "or",
      "{\"Or\":[{\"Variable\":\"$.n\",\"NumericEquals\":2},{\"Variable\":\"$.t\",\"StringEquals\":\"b\"}]}",
      1 },
    { "not", "{\"Not\":{\"Variable\":\"$.n\",\"NumericEquals\":2}}", 1 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    json_error_t error;
    sr_auto(json) json_t *input =
        json_loads("{\"t\":\"b\",\"n\":1,\"m\":2,\"yes\":true,\"nil\":null,\"file\":\"log-7.txt\","
                   "\"at\":\"2020-01-01T00:00:00Z\"}",
                   0, &error);
    sr_auto(json) json_t *json = json_loads(row->rule, 0, &error);
    sr_auto(asl_rule) struct asl_rule *rule = NULL;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    const struct asl_scope scope = { .input = input };
    bool applies = false;
    sr_assert_ok(asl_rule_parse(json, &rule, &err), err);
    const bool done = asl_rule_applies(rule, &scope, &applies, &failure);
    assert_int_equal(done ? applies : -1, row->want);
    if (!done)
        assert_string_equal(failure.error, ASL_ERROR_RUNTIME);
}

static void wildcards(void **state)
{
    (void)state;
    assert_true(asl_string_matches("", ""));
    assert_true(asl_string_matches("", "*"));
    assert_true(asl_string_matches("abc", "a*c"));
    assert_true(asl_string_matches("abcbc", "a*bc"));
    assert_false(asl_string_matches("abcd", "a*c"));
    assert_true(asl_string_matches("a*c", "a\\*c"));
    assert_false(asl_string_matches("abc", "a\\*c"));
    assert_true(asl_string_matches("a\\c", "a\\\\c"));
    assert_false(asl_string_matches("abc", "ab"));
    assert_false(asl_string_matches("ab", "abc"));
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(wildcards);
    return sr_test_run(__FILE__, tests, count);
}
