#include "pipeline/transformer.h"

#include "base/str.h"
#include "base/test.h"

#define EVENT                                                                                      \
    "{\"id\":\"e1\",\"source\":\"aws.s3\",\"detail\":{\"object\":{\"key\":\"a \\\"b\\\".mp4\","    \
    "\"size\":3000,\"tags\":[1,{\"x\":null}]},\"ok\":true}}"
#define MAP                                                                                        \
    "\"InputPathsMap\":{\"key\":\"$.detail.object.key\",\"size\":\"$.detail.object.size\","        \
    "\"tags\":\"$.detail.object.tags\",\"none\":\"$.detail.nothing\",\"first\":\"$.detail.object.tags[0]\"}"

static const struct row {
    const char *name, *template, *output;
} rows[] = {
    { "a text", "\"<key>\"", "\"a \\\"b\\\".mp4\"" },
    { "behind quotes, as text", "\"\\\"got <key>, <size> bytes\\\"\"",
      "\"got a \\\"b\\\".mp4, 3000 bytes\"" },
    { "an object of text", "\"{\\\"k\\\": <key>, \\\"n\\\": <size>, \\\"t\\\": <tags>}\"",
      "{\"k\":\"a \\\"b\\\".mp4\",\"n\":3000,\"t\":[1,{\"x\":null}]}" },
    { "JSON behind quotes", "\"{\\\"t\\\": \\\"<tags>\\\"}\"", "{\"t\":\"[1,{\\\"x\\\":null}]\"}" },
    { "nothing there", "\"{\\\"a\\\": <none>, \\\"b\\\": \\\"x<none>y\\\"}\"",
      "{\"a\":null,\"b\":\"xy\"}" },
    { "no placeholder", "\"{\\\"a\\\": \\\"1 < 2 > 0, \\\\<key>\\\"}\"",
      "{\"a\":\"1 < 2 > 0, <key>\"}" },
    { "a quote inside a text", "\"{\\\"a\\\": \\\"\\\\\\\"<size>\\\"}\"", "{\"a\":\"\\\"3000\"}" },
    { "JSON itself",
      "{\"k\":\"<key>\",\"u\":\"s3://in/<key>\",\"n\":\"<size>\",\"l\":[\"<first>\",7,null]}",
      "{\"k\":\"a \\\"b\\\".mp4\",\"u\":\"s3://in/a \\\"b\\\".mp4\",\"n\":3000,\"l\":[1,7,null]}" },
    { "JSON itself, nothing there", "{\"a\":\"<none>\",\"b\":\"x<none>\"}",
      "{\"a\":null,\"b\":\"x\"}" },
    { "JSON itself, no placeholder", "{\"a\":\"\\\\<key> <no one>\"}",
      "{\"a\":\"<key> <no one>\"}" },
    { "the rule",
      "{\"n\":\"<aws.events.rule-name>\",\"a\":\"<aws.events.rule-arn>\",\"t\":\"<aws.events.event.ingestion-time>\"}",
      "{\"n\":\"r1\",\"a\":\"arn:r1\",\"t\":\"1970-01-01T00:00:01.000Z\"}" },
    { "the event", "\"{\\\"e\\\": <aws.events.event>}\"",
      "{\"e\":{\"id\":\"e1\",\"source\":\"aws.s3\"}}" },
    { "the whole event", "{\"e\":\"<aws.events.event.json>\"}", "{\"e\":" EVENT "}" },
};

static json_t *parse(const char *text)
{
    struct sr_err err = { 0 };
    json_t *json = NULL;
    sr_assert_ok(jx_parse(text, strlen(text), false, &json, &err), err);
    return json;
}

static struct transformer *make(const char *text)
{
    struct sr_err err = { 0 };
    struct transformer *made = NULL;
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(json) json_t *json = parse(text);
    const struct jx root = jx_root(json);
    sr_assert_ok(transformer_parse(&root, &faults, &made, &err), err);
    if (faults.count)
        fail_msg("%s: %s", faults.items[0].place, faults.items[0].message);
    assert_non_null(made);
    return made;
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    const struct transformer_rule rule = { "r1", "arn:r1", 1000000 };
    sr_auto(char) char *text = sr_strf(&err, "{" MAP ",\"InputTemplate\":%s}", row->template);
    sr_auto(transformer) struct transformer *transformer = make(text);
    sr_auto(json) json_t *event = parse(EVENT);
    sr_auto(char) char *output = NULL;
    sr_assert_ok(transformer_run(transformer, event, &rule, &output, &err), err);
    assert_string_equal(output, row->output);
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        { "[]", "$: want an object" },
        { "{\"InputTemplate\":\"1\",\"InputPathMap\":{}}",
          "$.InputPathMap: there is no such key; the nearest is InputPathsMap" },
        { "{}", "$.InputTemplate: want a template: text or JSON" },
        { "{\"InputPathsMap\":7,\"InputTemplate\":\"1\"}", "$.InputPathsMap: want an object" },
        { "{\"InputPathsMap\":{\"a\":7},\"InputTemplate\":\"1\"}",
          "$.InputPathsMap.a: want a path, like \"$.detail.object.key\"" },
        { "{\"InputPathsMap\":{\"a\":\"$$.x\"},\"InputTemplate\":\"1\"}",
          "$.InputPathsMap.a: a path begins with \"$.\"" },
        { "{\"InputPathsMap\":{\"a b\":\"$.x\"},\"InputTemplate\":\"1\"}",
          "$.InputPathsMap['a b']: a name has letters, digits, '_', '.' and '-', at most 63, and "
          "does not begin with aws." },
        { "{\"InputPathsMap\":{\"aws.x\":\"$.x\"},\"InputTemplate\":\"1\"}",
          "$.InputPathsMap['aws.x']: a name has letters, digits, '_', '.' and '-', at most 63, and "
          "does not begin with aws." },
        { "{\"InputTemplate\":\"{\\\"a\\\": <b>}\"}",
          "$.InputTemplate: <b> is not in InputPathsMap" },
        { "{\"InputTemplate\":{\"a\":\"x<b>\"}}", "$.InputTemplate: <b> is not in InputPathsMap" },
    };
    struct sr_err err = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        char told[400];
        struct transformer *made = NULL;
        sr_auto(faults) struct faults faults = { 0 };
        sr_auto(json) json_t *json = parse(cases[i].text);
        const struct jx root = jx_root(json);
        sr_assert_ok(transformer_parse(&root, &faults, &made, &err), err);
        assert_null(made);
        assert_int_equal(faults.count, 1);
        snprintf(told, sizeof told, "%s: %s", faults.items[0].place, faults.items[0].message);
        assert_string_equal(told, cases[i].fault);
    }
}

static void no_json(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct transformer *made = NULL;
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(json) json_t *json = parse("{\"InputTemplate\":\"got it\"}");
    const struct jx root = jx_root(json);
    sr_assert_ok(transformer_parse(&root, &faults, &made, &err), err);
    assert_null(made);
    sr_assert_contains(faults.items[0].message, "with null for each value it is no JSON");
}

static void too_large(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct transformer_rule rule = { "r1", "arn:r1", 0 };
    static const char *const templates[] = {
        "{\"InputTemplate\":\"[<aws.events.event.json>,<aws.events.event.json>]\"}",
        "{\"InputTemplate\":{\"a\":\"<aws.events.event.json>\",\"b\":\"x<aws.events.event.json>\"}}"
    };
    char *large = malloc(200001);
    assert_non_null(large);
    memset(large, 'x', 200000);
    large[200000] = '\0';
    sr_auto(json) json_t *event = json_pack("{ss}", "k", large);
    free(large);
    for (size_t i = 0; i < SR_TEST_COUNT(templates); i++) {
        sr_auto(transformer) struct transformer *transformer = make(templates[i]);
        char *output = NULL;
        sr_assert_fails(transformer_run(transformer, event, &rule, &output, &err), SR_ERR_TOO_LARGE,
                        err);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 3];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(mistakes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(no_json);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_large);
    return sr_test_run(__FILE__, tests, count);
}
