#include "service/jobs_body.h"

#include "base/str.h"
#include "base/test.h"

// What is read, as "PLACE=MANIFEST;" of each.
static const struct row {
    const char *name, *type, *body;
    const char *want;  // NULL: refused, with `says`
    const char *says;
} rows[] = {
    { "one", "application/json", "{ /* c */ \"a\": 1}", "$={ /* c */ \"a\": 1};", NULL },
    { "parameters and letters", "Application/JSON; charset=utf-8", "{}", "$={};", NULL },
    { "a list", "application/json", "{\"jobs\": [{\"a\": 1}, // c\n {}]}",
      "$.jobs[0]={\"a\":1};$.jobs[1]={};", NULL },
    { "a list of one", "application/json", "{\"jobs\":[{}]}", "$.jobs[0]={};", NULL },
    { "lines", "application/jsonl", "{\"a\":1}\n\n \t\r\n{}\r\n",
      "line 1: $={\"a\":1};line 4: $={}\r;", NULL },
    { "a last line without an end", "application/x-ndjson", "{}\n{\"b\":2}",
      "line 1: $={};line 2: $={\"b\":2};", NULL },
    { "half", "application/json", "{", NULL, "line 1" },
    { "nothing", "application/json", "", NULL, "" },
    { "an empty list", "application/json", "{\"jobs\":[]}", NULL, "$.jobs: want 1 to 1000" },
    { "no list", "application/json", "{\"jobs\":7}", NULL, "$.jobs: " },
    { "more than a list", "application/json", "{\"jobs\":[{}],\"job\":1}", NULL, "jobs" },
    { "a list of something else", "application/json", "{\"jobs\":[{},3]}", NULL,
      "$.jobs[1]: want an object" },
    { "blank lines only", "application/jsonl", "\n \n", NULL, "want 1 to 1000" },
};

static void each_row(void **state)
{
    const struct row *const row = *state;
    struct sr_err err = { 0 };
    sr_auto(jobs_body) struct jobs_body body = { 0 };
    sr_auto(sr_str) struct sr_str got = { 0 };
    const struct job_submit common = { .correlation = "c", .strict = true };
    const enum jobs_body_kind kind = jobs_body_kind(row->type);
    assert_int_not_equal(kind, JOBS_BODY_NONE);
    if (!row->want) {
        assert_false(jobs_body_read(&body, kind, &common, row->body, strlen(row->body), &err));
        sr_assert_contains(err.message, row->says);
        return;
    }
    sr_assert_ok(jobs_body_read(&body, kind, &common, row->body, strlen(row->body), &err), err);
    for (size_t i = 0; i < body.count; i++) {
        const struct job_submit *const item = &body.items[i];
        assert_string_equal(item->correlation, "c");
        assert_true(item->strict);
        sr_assert_ok(sr_str_addf(&got, &err, "%s=%.*s;", item->place ? item->place : "$",
                                 (int)item->bytes, item->manifest),
                     err);
    }
    assert_string_equal(sr_str_text(&got), row->want);
    assert_int_equal(body.is_many, row->want[0] != '$' || row->want[1] == '.');
}

static void too_many(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(jobs_body) struct jobs_body body = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    const struct job_submit common = { 0 };
    for (int i = 0; i < JOBS_MANY_MAX; i++)
        sr_assert_ok(sr_str_add(&text, "{}\n", &err), err);
    sr_assert_ok(jobs_body_read(&body, JOBS_BODY_LINES, &common, text.text, text.bytes, &err), err);
    assert_int_equal(body.count, JOBS_MANY_MAX);
    jobs_body_done(&body);
    sr_assert_ok(sr_str_add(&text, "{}\n", &err), err);
    sr_assert_fails(jobs_body_read(&body, JOBS_BODY_LINES, &common, text.text, text.bytes, &err),
                    SR_ERR_INVALID, err);
    sr_assert_fails(jobs_body_read(&body, JOBS_BODY_LINES, &common, "{}\0{}", 5, &err),
                    SR_ERR_INVALID, err);
}

static void types(void **state)
{
    (void)state;
    assert_int_equal(jobs_body_kind(NULL), JOBS_BODY_NONE);
    assert_int_equal(jobs_body_kind(""), JOBS_BODY_NONE);
    assert_int_equal(jobs_body_kind("text/plain"), JOBS_BODY_NONE);
    assert_int_equal(jobs_body_kind("application/json5"), JOBS_BODY_NONE);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_many);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(types);
    return sr_test_run(__FILE__, tests, count);
}
