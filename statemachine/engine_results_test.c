#include "statemachine/engine_results.h"

#include "base/test.h"

static json_t *payload_of(const char *text)
{
    struct sr_err err = { 0 };
    json_t *payload = NULL;
    sr_assert_ok(jx_parse(text, strlen(text), false, &payload, &err), err);
    return payload;
}

static const struct row {
    const char *name, *prefix, *folder;
} rows[] = {
    { "a prefix", "jobs/1/results", "jobs/1/results/7-9" },
    { "with a slash at its end", "out/", "out/7-9" },
    { "none", "", "7-9" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    char text[256], want[256];
    sr_auto(engine_results) struct engine_results results = { 0 };
    snprintf(text, sizeof text,
             "{\"Parameters\":{\"Bucket\":\"b\",\"Prefix\":\"%s\"},\"Results\":[1,{\"a\":null}]}",
             row->prefix);
    sr_auto(json) json_t *payload = payload_of(text);
    const struct engine_ref ref = { .execution = 7, .op = 9 };
    sr_assert_ok(engine_results_make(payload, ref, &results, &err), err);
    assert_string_equal(results.results, "[1,{\"a\":null}]");
    snprintf(want, sizeof want, "%s/SUCCEEDED_0.json", row->folder);
    assert_string_equal(results.results_key, want);
    sr_assert_contains(results.manifest, want);
    sr_assert_contains(results.manifest, "\"Size\":14");
    snprintf(want, sizeof want, "%s/manifest.json", row->folder);
    assert_string_equal(results.manifest_key, want);
    sr_assert_contains(results.result, want);
    sr_assert_contains(results.result, "\"Bucket\":\"b\"");
}

static void what_is_missing(void **state)
{
    (void)state;
    static const char *const texts[] = { "{}", "{\"Parameters\":{\"Bucket\":\"b\"}}",
                                         "{\"Parameters\":{\"Bucket\":1,\"Prefix\":\"p\"}}",
                                         "{\"Parameters\":{\"Bucket\":\"b\",\"Prefix\":\"p\"}}" };
    for (size_t i = 0; i < SR_TEST_COUNT(texts); i++) {
        struct sr_err err = { 0 };
        struct engine_results results = { 0 };
        sr_auto(json) json_t *payload = payload_of(texts[i]);
        sr_assert_fails(engine_results_make(payload, (struct engine_ref){ 0 }, &results, &err),
                        SR_ERR_INVALID, err);
        sr_assert_contains(err.message, i == 1 ? "Prefix" : i == 3 ? "Results" : "Bucket");
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_is_missing);
    return sr_test_run(__FILE__, tests, count);
}
