#include "cli/submit_options.h"

#include <unistd.h>

#include "base/test.h"

enum { WORDS_MAX = 12 };

static int count_words(const char *const *words)
{
    int count = 0;
    while (words[count])
        count++;
    return count;
}

static bool parse(const char *const *words, struct submit_options *ret, struct sr_err *err)
{
    return submit_options_parse(count_words(words), (char **)(uintptr_t)words, ret, err);
}

static const struct refusal_row {
    const char *name;
    const char *const words[WORDS_MAX];
    const char *says;
} refusal_rows[] = {
    { "nothing", { NULL }, "name a manifest" },
    { "how it is done", { "a.mov", "-o", "b.mp4", "--workers", "4" }, "the service's affair" },
    { "its workspace", { "a.mov", "-o", "b.mp4", "--workspace", "w" }, "the service's affair" },
    { "its stores", { "a.mov", "-o", "b.mp4", "--endpoint-url", "http://x" }, "service's affair" },
    { "two sources", { "a.mov", "b.mov", "-o", "c.mp4" }, "two inputs" },
    { "an option that is none", { "a.json", "--wiat" }, "the nearest is --wait" },
    { "a priority that is none", { "a.json", "--priority", "high" }, "--priority high" },
    { "too urgent", { "a.json", "--priority", "101" }, "--priority 101" },
    { "progress that is none", { "a.json", "--progress", "loud" }, "--progress loud" },
    { "two for standard output", { "a.json", "--json", "--progress", "json" }, "both want" },
};

static void refusal(void **state)
{
    const struct refusal_row *row = *state;
    struct sr_err err = { 0 };
    struct submit_options options = { 0 };
    sr_assert_fails(parse(row->words, &options, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, row->says);
    assert_int_equal(options.file_count, 0);
}

static const struct text_row {
    const char *name, *text;
    size_t count;      // of manifests
    const char *says;  // 0 of them: why
} text_rows[] = {
    { "one", "// a comment\n{\"version\": 1}\n", 1, NULL },
    { "several", "{\"jobs\": [{\"a\": 1}, {\"a\": 2}]}", 2, NULL },
    { "lines", "{\"a\": 1}\n\n  {\"a\": 2}\r\n{\"a\": 3}", 3, NULL },
    { "lines that hold several", "{\"jobs\": [{\"a\": 1}, {\"a\": 2}]}\n{\"a\": 3}\n", 3, NULL },
    { "not JSON", "{\"version\": 1,\n  oops\n}", 0, "line 2" },
    { "a line that is not JSON", "{\"a\": 1}\n{\"a\": 2\n", 0, "line 2" },
    { "no object", "[1]", 0, "$: want a manifest" },
    { "a line that is no object", "{\"a\": 1}\n7\n", 0, "line 2: $: want a manifest" },
    { "a job that is no object", "{\"jobs\": [{}, \"x\"]}", 0, "$.jobs[1]: want a manifest" },
    { "no jobs", "{\"jobs\": []}", 0, "$.jobs: want at least one" },
    { "jobs that are none", "{\"jobs\": {}}", 0, "$.jobs" },
    { "jobs and more", "{\"jobs\": [{}], \"other\": 1}", 0, "other" },
    { "empty", "", 0, "" },
    { "a key twice", "{\"a\": 1, \"a\": 2}", 0, "" },
};

static void text(void **state)
{
    const struct text_row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *manifests = json_array();
    if (row->count == 0) {
        sr_assert_fails(submit_read(row->text, strlen(row->text), manifests, &err), SR_ERR_INVALID,
                        err);
        sr_assert_contains(err.message, row->says);
        return;
    }
    sr_assert_ok(submit_read(row->text, strlen(row->text), manifests, &err), err);
    assert_int_equal(json_array_size(manifests), row->count);
    for (size_t i = 0; i < row->count; i++)
        assert_true(json_is_object(json_array_get(manifests, i)));
}

static void too_many(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str lines = { 0 };
    sr_auto(json) json_t *manifests = json_array();
    for (int i = 0; i <= SUBMIT_JOBS_MAX; i++)
        sr_assert_ok(sr_str_add(&lines, "{}\n", &err), err);
    sr_assert_fails(submit_read(lines.text, lines.bytes, manifests, &err), SR_ERR_LIMIT, err);
}

static const char *text_of(const json_t *manifest, const char *key)
{
    return json_string_value(json_object_get(manifest, key));
}

// What a service gets of the words of `run`.
static void said(void **state)
{
    (void)state;
    static const char *const words[] = { "film.mov", "-o",     "../out.mp4", "-crf", "21",
                                         "--wait",   "--json", "--priority", "7",    NULL };
    char here[4096], want[4200];
    struct sr_err err = { 0 };
    sr_auto(submit_options) struct submit_options options = { 0 };
    sr_auto(json) json_t *manifests = NULL;
    sr_assert_ok(parse(words, &options, &err), err);
    assert_true(options.wait && options.words.json && !options.overwrite);
    sr_assert_ok(submit_options_manifests(&options, &manifests, &err), err);
    assert_int_equal(json_array_size(manifests), 1);
    const json_t *const manifest = json_array_get(manifests, 0);
    const json_t *const video = json_array_get(json_object_get(manifest, "renditions"), 0);
    assert_int_equal(json_integer_value(json_object_get(video, "crf")), 21);
    assert_int_equal(json_integer_value(json_object_get(manifest, "priority")), 7);
    assert_int_equal(strlen(text_of(manifest, "idempotency_key")), 26);
    assert_non_null(getcwd(here, sizeof here));
    snprintf(want, sizeof want, "%s/film.mov", here);
    assert_string_equal(text_of(json_object_get(manifest, "input"), "url"), want);
    *strrchr(here, '/') = '\0';
    snprintf(want, sizeof want, "%s/out.mp4", here);
    assert_string_equal(text_of(manifest, "output"), want);
    // It is a manifest, as the service will read it.
    sr_auto(manifest) struct manifest *parsed = NULL;
    sr_assert_ok(manifest_take(json_deep_copy(manifest), NULL, NULL, &parsed, &err), err);
}

static void urls_stay(void **state)
{
    (void)state;
    static const char *const words[] = { "s3://in/a b.mov", "-o",       "s3://out/a/",
                                         "--template",      "hls-720p", NULL };
    struct sr_err err = { 0 };
    sr_auto(submit_options) struct submit_options options = { 0 };
    sr_auto(json) json_t *manifests = NULL;
    sr_assert_ok(parse(words, &options, &err), err);
    sr_assert_ok(submit_options_manifests(&options, &manifests, &err), err);
    const json_t *const manifest = json_array_get(manifests, 0);
    assert_string_equal(text_of(json_object_get(manifest, "input"), "url"), "s3://in/a b.mov");
    assert_string_equal(text_of(manifest, "output"), "s3://out/a/");
}

static void write_file(const char *path, const char *text)
{
    FILE *const file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void keys(void **state)
{
    (void)state;
    char folder[64], path[96];
    sr_test_folder(folder);
    snprintf(path, sizeof path, "%s/jobs.jsonl", folder);
    write_file(path, "{\"a\": 1}\n{\"idempotency_key\": \"mine\"}\n{\"a\": 3}\n");
    struct sr_err err = { 0 };
    const char *const words[] = { path, NULL }, *const keyed[] = { path, "--key", "k", NULL };
    {
        sr_auto(submit_options) struct submit_options options = { 0 };
        sr_auto(json) json_t *manifests = NULL;
        sr_assert_ok(parse(words, &options, &err), err);
        sr_assert_ok(submit_options_manifests(&options, &manifests, &err), err);
        const char *const first = text_of(json_array_get(manifests, 0), "idempotency_key");
        const char *const third = text_of(json_array_get(manifests, 2), "idempotency_key");
        assert_string_equal(text_of(json_array_get(manifests, 1), "idempotency_key"), "mine");
        assert_true(strlen(first) == 26 && strlen(third) == 26 && strcmp(first, third) != 0);
    }
    {
        sr_auto(submit_options) struct submit_options options = { 0 };
        json_t *manifests = NULL;
        sr_assert_ok(parse(keyed, &options, &err), err);
        sr_assert_fails(submit_options_manifests(&options, &manifests, &err), SR_ERR_INVALID, err);
    }
    write_file(path, "{\"idempotency_key\": \"mine\"}");
    sr_auto(submit_options) struct submit_options options = { 0 };
    sr_auto(json) json_t *manifests = NULL;
    sr_assert_ok(parse(keyed, &options, &err), err);
    sr_assert_ok(submit_options_manifests(&options, &manifests, &err), err);
    assert_string_equal(text_of(json_array_get(manifests, 0), "idempotency_key"), "k");
    sr_test_folder_done(folder);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(refusal_rows) + SR_TEST_COUNT(text_rows) + 4];
    size_t count = SR_TEST_ADD(tests, refusal_rows, refusal);
    count += SR_TEST_ADD(tests + count, text_rows, text);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_many);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(said);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(urls_stay);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(keys);
    return sr_test_run(__FILE__, tests, count);
}
