#include "service/job_places.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"

// F is the test's folder: F/in is a root, F/out another, F/else is none. F/in/link leads to F/else,
// F/in/back to F/out, F/in/gone to nothing, F/door to F/in.
static const struct row {
    const char *name, *input, *output, *notify;
    enum sr_err_code code;
    const char *says;
} rows[] = {
    { "below roots", "F/in/a.mov", "F/out/a.mp4", NULL, SR_OK, NULL },
    { "folders that are not there yet", "F/in/b/c/a.mov", "F/out/x/y/a.mp4", NULL, SR_OK, NULL },
    { "by a link from outside", "F/door/a.mov", "F/out/a.mp4", NULL, SR_OK, NULL },
    { "by a link to another root", "F/in/back/a.mov", "F/out/a.mp4", NULL, SR_OK, NULL },
    { "points that stay inside", "F/in/./sub/../a.mov", "F/out/a.mp4", NULL, SR_OK, NULL },
    { "as a URL", "file://F/in/a.mov", "F/out/a.mp4", NULL, SR_OK, NULL },
    { "beside the roots", "F/else/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED, "$.input: " },
    { "a name that begins like a root's", "F/inside/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED,
      "$.input: " },
    { "points that lead out", "F/in/../else/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED,
      "$.input: " },
    { "points behind what is not there", "F/in/new/../../else/a.mov", "F/out/a.mp4", NULL,
      SR_ERR_DENIED, "$.input: " },
    { "a link that leads out", "F/in/link/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED, "$.input: " },
    { "a link that leads to nothing", "F/in/gone", "F/out/a.mp4", NULL, SR_ERR_DENIED,
      "$.input: " },
    { "an output beside the roots", "F/in/a.mov", "F/else/a.mp4", NULL, SR_ERR_DENIED,
      "$.output: " },
    { "an output by a link", "F/in/a.mov", "F/in/link/a.mp4", NULL, SR_ERR_DENIED, "$.output: " },
    { "the same with a slash", "F/in/gone/", "F/out/a.mp4", NULL, SR_ERR_DENIED, "$.input: " },
    { "a file as a folder", "F/in/file/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED, "$.input: " },
    { "a relative path", "in/a.mov", "F/out/a.mp4", NULL, SR_ERR_INVALID, "$.input: want an abs" },
    { "standard input", "-", "F/out/a.mp4", NULL, SR_ERR_INVALID, "$.input: a job has no" },
    { "a bucket", "s3://media/a.mov", "s3://media/b.mp4", NULL, SR_OK, NULL },
    { "another bucket", "s3://medias/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED, "$.input: s3://" },
    { "a bucket in other letters", "s3://Media/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED, "" },
    { "below a prefix", "s3://part/in/a.mov", "F/out/a.mp4", NULL, SR_OK, NULL },
    { "beside the prefix", "s3://part/inside/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED, "" },
    { "a host", "https://cdn.example/a.mov?key=1", "F/out/a.mp4", NULL, SR_OK, NULL },
    { "a host in other letters", "HTTPS://CDN.Example:443/a.mov", "F/out/a.mp4", NULL, SR_OK,
      NULL },
    { "another port", "https://cdn.example:8443/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED, "" },
    { "without encryption", "http://cdn.example/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED, "" },
    { "a host that ends like it", "https://acdn.example/a.mov", "F/out/a.mp4", NULL, SR_ERR_DENIED,
      "" },
    { "a host that begins like it", "https://cdn.example.net/a.mov", "F/out/a.mp4", NULL,
      SR_ERR_DENIED, "" },
    { "a secret in the query is not shown", "https://else.example/a.mov?key=geheim", "F/out/a.mp4",
      NULL, SR_ERR_DENIED, "https://else.example/a.mov is" },
    { "below a path", "http://files.example:8080/pub/a.mov", "F/out/a.mp4", NULL, SR_OK, NULL },
    { "beside the path", "http://files.example:8080/pub/../a.mov", "F/out/a.mp4", NULL,
      SR_ERR_DENIED, "" },
    { "the same, encoded", "http://files.example:8080/pub/%2e%2E/a.mov", "F/out/a.mp4", NULL,
      SR_ERR_DENIED, "" },
    { "with an encoded slash", "http://files.example:8080/pub/..%2Fa.mov", "F/out/a.mp4", NULL,
      SR_ERR_DENIED, "" },
    { "encoded, and below it", "http://files.example:8080/%70ub/a%20b.mov", "F/out/a.mp4", NULL,
      SR_OK, NULL },
    { "an object with its report", "F/in/a.mov", "s3://one/a.mp4", NULL, SR_OK, NULL },
    { "an object without", "F/in/a.mov", "s3://one/b.mp4", NULL, SR_ERR_DENIED,
      "s3://one/b.report.json is" },
    { "who is told", "F/in/a.mov", "F/out/a.mp4", "https://cdn.example/hook", SR_OK, NULL },
    { "who may not be told", "F/in/a.mov", "F/out/a.mp4", "http://127.0.0.1/hook", SR_ERR_DENIED,
      "$.notifications[0].url: " },
};

static char *allow[] = { "s3://media",          "s3://part/in/",
                         "https://cdn.example", "http://files.example:8080/pub",
                         "s3://one/a.mp4",      "s3://one/a.report.json",
                         "s3://one/b.mp4",      NULL };

// Each F becomes the folder.
static char *fill(const char *text, const char *folder)
{
    struct sr_err err = { 0 };
    struct sr_str out = { 0 };
    for (const char *at = text; *at; at++) {
        const bool here = at[0] == 'F' && at[1] == '/';
        sr_assert_ok(here ? sr_str_add(&out, folder, &err) : sr_str_add_bytes(&out, at, 1, &err),
                     err);
    }
    return sr_str_take(&out);
}

static void make(const char *folder, const char *format, const char *target)
{
    sr_auto(char) char *path = fill(format, folder);
    sr_auto(char) char *to = target ? fill(target, folder) : NULL;
    assert_int_equal(to ? symlink(to, path) : mkdir(path, 0700), 0);
}

static struct manifest *manifest_of(const struct row *row, const char *folder)
{
    struct sr_err err = { 0 };
    struct manifest *manifest = NULL;
    sr_auto(char) char *input = fill(row->input, folder), *output = fill(row->output, folder);
    json_t *document = json_pack("{s:i, s:s, s:s, s:[{s:s, s:s}]}", "version", 1, "input", input,
                                 "output", output, "renditions", "id", "v", "codec", "h264");
    if (row->notify)
        json_object_set_new(document, "notifications", json_pack("[{s:s}]", "url", row->notify));
    sr_assert_ok(manifest_take(document, NULL, NULL, &manifest, &err), err);
    return manifest;
}

static void each_row(void **state)
{
    const struct row *const row = *state;
    struct sr_err err = { 0 };
    char folder[64];
    sr_test_folder(folder);
    make(folder, "F/in", NULL);
    make(folder, "F/in/sub", NULL);
    make(folder, "F/out", NULL);
    make(folder, "F/else", NULL);
    make(folder, "F/inside", NULL);
    make(folder, "F/in/link", "F/else");
    make(folder, "F/in/back", "F/out");
    make(folder, "F/in/gone", "F/else/nothing");
    make(folder, "F/door", "F/in");
    sr_auto(char) char *file = fill("F/in/file", folder);
    FILE *const made = fopen(file, "w");
    assert_non_null(made);
    assert_int_equal(fclose(made), 0);

    sr_auto(char) char *in = fill("F/in", folder), *out = fill("F/door/back", folder);
    char *listed[] = { in, out, NULL };
    const struct config_texts roots = { listed, 2 },
                              addresses = { allow, SR_TEST_COUNT(allow) - 1 };
    sr_auto(job_places) struct job_places *places = NULL;
    sr_assert_ok(job_places_new(&roots, &addresses, &places, &err), err);
    sr_auto(manifest) struct manifest *manifest = manifest_of(row, folder);
    if (row->code == SR_OK) {
        sr_assert_ok(job_places_check(places, manifest, &err), err);
    } else {
        sr_assert_fails(job_places_check(places, manifest, &err), row->code, err);
        sr_assert_contains(err.message, row->says);
        assert_null(strstr(err.message, "geheim"));
    }
    sr_test_folder_done(folder);
}

// Without roots and addresses nothing is allowed.
static void nothing_configured(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct config_texts none = { 0 };
    sr_auto(job_places) struct job_places *places = NULL;
    sr_assert_ok(job_places_new(&none, &none, &places, &err), err);
    const struct row row = { .input = "/tmp/a.mov", .output = "/tmp/a.mp4" };
    sr_auto(manifest) struct manifest *manifest = manifest_of(&row, "/tmp");
    sr_assert_fails(job_places_check(places, manifest, &err), SR_ERR_DENIED, err);
    char *missing[] = { "/nowhere/at/all", NULL };
    const struct config_texts nowhere = { missing, 1 };
    struct job_places *no = NULL;
    assert_false(job_places_new(&nowhere, &none, &no, &err));
    assert_null(no);
}

static void names_of_outputs(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct manifest *parsed = NULL;
    static const char text[] =
        "{\"version\":1,\"input\":\"/i/film.mov\",\"output\":\"/o/\",\"renditions\":["
        "{\"id\":\"hi\",\"codec\":\"h264\"},{\"id\":\"lo\",\"codec\":\"h264\",\"height\":360},"
        "{\"id\":\"snd\",\"codec\":\"aac\"}],\"outputs\":["
        "{\"type\":\"mp4\",\"path\":\"{name}_{id}.mp4\",\"use\":[\"hi\",\"lo\",\"snd\"]},"
        "{\"type\":\"hls\",\"path\":\"hls/\",\"use\":[\"hi\",\"snd\"]},"
        "{\"type\":\"m4a\",\"path\":\"{id}.m4a\",\"use\":[\"snd\"]}]}";
    const struct manifest_params params = { .text = text, .bytes = sizeof text - 1 };
    sr_assert_ok(manifest_parse(&params, &parsed, &err), err);
    sr_auto(manifest) struct manifest *manifest = parsed;
    sr_auto(json) json_t *list = NULL;
    sr_auto(char) char *shown = NULL;
    sr_assert_ok(job_places_outputs(manifest, &list, &err), err);
    sr_assert_ok(jx_dump(list, false, &shown, &err), err);
    assert_string_equal(shown, "[\"/o/film_hi.mp4\",\"/o/film_lo.mp4\",\"/o/hls\",\"/o/snd.m4a\"]");
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(nothing_configured);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(names_of_outputs);
    return sr_test_run(__FILE__, tests, count);
}
