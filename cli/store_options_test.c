#include "cli/store_options.h"

#include <stdlib.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"

static const struct option_row table[] = {
    STORE_OPTION_ROWS,
    STORE_OPTION_PROFILE_ROW,
    { NULL, NULL, 0, NULL },
};

static bool parse(int argc, const char *const *argv, struct store_options *ret, struct sr_err *err)
{
    char *words_of[16];
    for (int i = 0; i < argc; i++)
        memcpy(&words_of[i], &argv[i], sizeof(char *));  // options_next() does not write to them
    struct options words = { .argc = argc, .argv = words_of, .rows = table };
    for (;;) {
        const struct option_row *row = NULL;
        const char *value = NULL;
        switch (options_next(&words, &row, &value, err)) {
        case OPTIONS_END: return true;
        case OPTIONS_FAILED: return false;
        case OPTIONS_OPERAND: return sr_fail(err, SR_ERR_INVALID, "operand %s", value);
        case OPTIONS_OPTION: break;
        }
        assert_true(store_options_has(row->id));
        if (!store_options_set(ret, row->id, value, err))
            return false;
    }
}

static const struct row {
    const char *name;
    const char *argv[9];
    const char *want;  // of the store for every bucket: endpoint, profile, region, style, sign;
                       // allow_private and allow; or the error
} rows[] = {
    { "nothing", { NULL }, "-,-,-,0,1;0:" },
    { "all of them",
      { "--endpoint-url", "http://h:1", "--profile", "p", "--region=r", "--addressing", "virtual",
        "--no-sign-request" },
      "http://h:1,p,r,2,0;0:" },
    { "other spellings", { "--aws-profile", "p", "--path-style" }, "-,p,-,1,1;0:" },
    { "places",
      { "--allow", "h", "--allow", "10.0.0.0/8", "--allow-private" },
      "-,-,-,0,1;1:h,10.0.0.0/8," },
    { "no URL", { "--endpoint-url", "h:1" }, "--endpoint-url: " },
    { "another scheme",
      { "--endpoint-url", "s3://h" },
      "--endpoint-url: want an http or https URL" },
    { "a style", { "--addressing", "dns" }, "--addressing dns: want auto, path or virtual" },
    { "an empty profile", { "--profile=" }, "--aws-profile: want a name" },
    { "an empty region", { "--region", "" }, "--region: want a name" },
    { "an empty place", { "--allow", "" }, "--allow: want host" },
    { "no file", { "--stores", "/nowhere/stores.json" }, "stores file /nowhere/stores.json: " },
};

static void show(const struct blob_store_config *every, const struct blob_stores_params *params,
                 struct sr_str *out)
{
    struct sr_err err = { 0 };
    sr_assert_ok(
        sr_str_addf(out, &err, "%s,%s,%s,%d,%d;%d:", every->endpoint ? every->endpoint : "-",
                    every->profile ? every->profile : "-", every->region ? every->region : "-",
                    every->style, !every->no_sign, params->allow_private),
        err);
    for (size_t i = 0; params->allow && params->allow[i]; i++)
        sr_assert_ok(sr_str_addf(out, &err, "%s,", params->allow[i]), err);
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(store_options) struct store_options options = { 0 };
    struct blob_stores_params params = { 0 };
    sr_auto(sr_str) struct sr_str got = { 0 };
    int argc = 0;
    while (argc < 9 && row->argv[argc])
        argc++;
    if (parse(argc, row->argv, &options, &err) && store_options_params(&options, &params, &err)) {
        assert_int_equal(params.store_count, 1);
        assert_null(params.store[0].bucket);
        show(&params.store[0], &params, &got);
        assert_string_equal(sr_str_text(&got), row->want);
    } else if (!strstr(err.message, row->want)) {
        fail_msg("\"%s\" does not contain \"%s\"", err.message, row->want);
    }
}

static void too_many_places(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(store_options) struct store_options options = { 0 };
    for (int i = 0; i < STORE_OPTIONS_ALLOW_MAX; i++)
        sr_assert_ok(store_options_set(&options, STORE_OPTION_ALLOW, "h", &err), err);
    sr_assert_fails(store_options_set(&options, STORE_OPTION_ALLOW, "h", &err), SR_ERR_LIMIT, err);
}

// An entry with a name stays as it is, "*" gets what the command line says, and the places add up.
static void file_and_options(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char folder[64];
    sr_test_folder(folder);
    sr_auto(char) char *path = sr_strf(&err, "%s/stores.json", folder);
    static const char text[] =
        "{\"version\": 1, \"allow\": [\"a\"], \"stores\": {\"in\": {\"region\": \"eu\"},"
        "\"*\": {\"endpoint_url\": \"http://file\", \"region\": \"us\", \"sign\": false}}}";
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
    sr_auto(store_options) struct store_options options = { 0 };
    struct blob_stores_params params = { 0 };
    sr_assert_ok(store_options_set(&options, STORE_OPTION_REGION, "here", &err), err);
    sr_assert_ok(store_options_set(&options, STORE_OPTION_ALLOW, "b", &err), err);
    assert_int_equal(setenv("SPLITREEL_STORES", path, 1), 0);
    sr_assert_ok(store_options_params(&options, &params, &err), err);
    assert_int_equal(unsetenv("SPLITREEL_STORES"), 0);
    assert_int_equal(params.store_count, 2);
    assert_string_equal(params.store[0].bucket, "in");
    assert_string_equal(params.store[0].region, "eu");
    assert_null(params.store[0].endpoint);
    sr_auto(sr_str) struct sr_str got = { 0 };
    show(&params.store[1], &params, &got);
    assert_string_equal(sr_str_text(&got), "http://file,-,here,0,0;0:a,b,");
    sr_test_folder_done(folder);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_many_places);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(file_and_options);
    return sr_test_run(__FILE__, tests, count);
}
