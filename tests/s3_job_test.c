// Jobs from and to a real S3 server: the same bytes as between files.
#include "tests/s3_job.h"

#include "base/id.h"
#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "pipeline/hls_verify.h"
#include "tests/title.h"
#include "transcode/media_log.h"

// -------------------------------------------------------------------------------------------------
// Spec: P2 the same bytes wherever source and output are.
static const struct row {
    const char *name;  // of the fixture
} rows[] = {
    { "closed-gop.mp4" }, { "open-gop.ts" },    { "vfr.mkv" },       { "edit-list.mp4" },
    { "late-audio.mp4" }, { "b-pyramid.mkv" },  { "two-audio.mkv" }, { "rotated.mp4" },
    { "one-frame.mp4" },  { "audio-only.m4a" },
};
static void from_and_to_a_store(void **state)
{
    const struct row *const row = *state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture(row->name);
    sr_auto(char) char *key = sr_strf(&err, "in/%s", row->name);
    sr_auto(char) char *url = sr_strf(&err, S3_JOB_BUCKET "in/%s", row->name);
    sr_auto(char) char *local = s3_job_scratch("local.mp4");
    s3_job_put_file(path, key);
    s3_job_clear("out/");
    s3_job_run_ok(&(struct s3_job_how){ .input = path, .output = local, .overwrite = true });
    sr_auto(run_result) struct run_result result = { 0 };
    const struct s3_job_how how = { .input = url, .output = S3_JOB_BUCKET "out/a b+%.mp4" };
    sr_assert_ok(s3_job_run(&how, &result, &err), err);
    s3_job_assert_same(local, "out/a b+%.mp4");
    assert_true(s3_job_is_there("out/a b+%.report.json"));
    assert_int_equal(s3_job_count_below("out/"), 2);
    assert_int_equal(s3_job_open_uploads(), 0);
    assert_string_equal(json_string_value(json_object_get(result.report, "verdict")), "PASS");
    const json_t *const transfer = json_object_get(result.report, "transfer");
    assert_true(json_integer_value(json_object_get(transfer, "requests")) > 0);
    assert_true(json_integer_value(json_object_get(transfer, "sent_bytes")) > 0);
    assert_string_equal(result.report_path, S3_JOB_BUCKET "out/a b+%.report.json");
}

static void assert_head(const char *key, const char *type, const char *cache)
{
    struct sr_err err = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_ok(blob_head(&s3_job()->direct.blob, key, &info, &err), err);
    assert_string_equal(info.content_type, type);
    assert_string_equal(info.cache_control, cache);
    const char *const job = blob_pairs_find(&info.meta, "splitreel-job");
    const char *const correlation = blob_pairs_find(&info.meta, "splitreel-correlation");
    assert_true(job && sr_id_parse(job, NULL));
    assert_string_equal(correlation ? correlation : "none", "order-7");
}

// The output in the store against the source there; what is missing is named.
static void assert_verified(const char *source, const char *missing)
{
    struct sr_err err = { 0 };
    const struct blob_store_config store = { .endpoint = s3_job()->server.endpoint,
                                             .region = "us-east-1" };
    const struct blob_stores_params stores = { .store = &store,
                                               .store_count = 1,
                                               .allow_private = true,
                                               .env = s3_job_env,
                                               .clock = sr_clock_system() };
    static struct verify_result result;
    sr_auto(remote) struct remote *remote = NULL;
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_assert_ok(remote_new(&(struct remote_params){ .stores = &stores }, &remote, &err), err);
    sr_assert_ok(sr_file_reader_open(source, &reader, &err), err);
    const struct media_source against = { .reader = reader, .name = "the source" };
    const struct verify_full_params how = { .source = &against, .decode_all = true };
    sr_assert_ok(hls_verify(remote, S3_JOB_BUCKET "out/hls/", &how, &result, &err), err);
    if (missing) {
        assert_int_equal(result.verdict, VERIFY_FAIL);
        sr_assert_contains(result.findings[0].message, missing);
    } else if (result.verdict != VERIFY_PASS) {
        fail_msg("%s", result.findings[0].message);
    }
}

static void hls_into_a_store(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("two-audio.mkv");
    sr_auto(char) char *local = s3_job_scratch("hls");
    s3_job_put_file(path, "in/h.mkv");
    s3_job_clear("out/");
    s3_job_run_ok(
        &(struct s3_job_how){ .input = path, .output = local, .template_name = "hls-720p" });
    const struct s3_job_how how = { .input = S3_JOB_BUCKET "in/h.mkv",
                                    .output = S3_JOB_BUCKET "out/hls/",
                                    .template_name = "hls-720p",
                                    .correlation = "order-7" };
    s3_job_run_ok(&how);
    assert_true(s3_job_assert_same_tree(local, "out/hls/") >= 10);
    assert_head("out/hls/master.m3u8", "application/vnd.apple.mpegurl", "no-cache");
    assert_head("out/hls/report.json", "application/json", "no-cache");
    assert_head("out/hls/360p/init.mp4", "video/mp4", "public, max-age=86400");
    assert_head("out/hls/360p/seg_00001.m4s", "video/iso.segment", "public, max-age=86400");
    // What is there is refused, and replaced when it is said; what was longer is gone then.
    sr_auto(run_result) struct run_result again = { 0 };
    sr_assert_fails(s3_job_run(&how, &again, &err), SR_ERR_EXISTS, err);
    s3_job_put_file(path, "out/hls/360p/seg_00900.m4s");
    s3_job_put_file(path, "out/hls/360p/notes.txt");
    struct s3_job_how over = how;
    over.overwrite = true;
    s3_job_run_ok(&over);
    assert_false(s3_job_is_there("out/hls/360p/seg_00900.m4s"));
    assert_true(s3_job_is_there("out/hls/360p/notes.txt"));
    assert_true(s3_job_is_there("out/hls/360p/seg_00001.m4s"));
    assert_verified(path, NULL);
    const char *const key = "out/hls/aac_2/seg_00002.m4s";
    sr_assert_ok(blob_remove(&s3_job()->direct.blob, &key, 1, &err), err);
    assert_verified(path, "aac_2/seg_00002.m4s: it is missing");
}

static void any_mix(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("rotated.mp4");
    sr_auto(char) char *local = s3_job_scratch("mix.mp4");
    sr_auto(char) char *other = s3_job_scratch("mix2.mp4");
    sr_auto(char) char *url = NULL;
    s3_job_put_file(path, "in/mix.mp4");
    s3_job_clear("out/");
    s3_job_run_ok(&(struct s3_job_how){ .input = path, .output = local });
    s3_job_run_ok(&(struct s3_job_how){ .input = S3_JOB_BUCKET "in/mix.mp4", .output = other });
    title_assert_same_bytes(local, other);
    s3_job_run_ok(&(struct s3_job_how){ .input = path, .output = S3_JOB_BUCKET "out/mix.mp4" });
    s3_job_assert_same(local, "out/mix.mp4");
    // A presigned URL is an http input; its query is told to nobody.
    sr_assert_ok(blob_presign(&s3_job()->direct.blob, "GET", "in/mix.mp4", 600, &url, &err), err);
    s3_job_run_ok(&(struct s3_job_how){ .input = url, .output = other, .overwrite = true });
    title_assert_same_bytes(local, other);
    sr_auto(run_result) struct run_result result = { 0 };
    sr_auto(char) char *gone = NULL;
    sr_assert_ok(blob_presign(&s3_job()->direct.blob, "GET", "in/none.mp4", 600, &gone, &err), err);
    const struct s3_job_how none = { .input = gone, .output = other, .overwrite = true };
    sr_assert_fails(s3_job_run(&none, &result, &err), SR_ERR_NOT_FOUND, err);
    assert_null(strstr(err.message, "Signature"));
}

static void what_is_there_stays(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("rotated.mp4");
    sr_auto(char) char *local = s3_job_scratch("stays.mp4");
    s3_job_put_file(path, "in/s.mp4");
    s3_job_clear("out/");
    s3_job_put_file(path, "out/s.mp4");
    const struct s3_job_how how = { .input = S3_JOB_BUCKET "in/s.mp4",
                                    .output = S3_JOB_BUCKET "out/s.mp4" };
    sr_auto(run_result) struct run_result first = { 0 }, second = { 0 }, third = { 0 };
    sr_assert_fails(s3_job_run(&how, &first, &err), SR_ERR_EXISTS, err);
    sr_assert_contains(err.message, "-y");
    s3_job_assert_same(path, "out/s.mp4");
    const struct s3_job_how self = { .input = S3_JOB_BUCKET "in/s.mp4",
                                     .output = S3_JOB_BUCKET "in/s.mp4",
                                     .overwrite = true };
    sr_assert_fails(s3_job_run(&self, &second, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "input itself");
    // Somebody's file in the report's place is not a report.
    s3_job_put_file(path, "out/s.report.json");
    struct s3_job_how over = how;
    over.overwrite = true;
    sr_assert_fails(s3_job_run(&over, &third, &err), SR_ERR_EXISTS, err);
    const char *const report = "out/s.report.json";
    sr_assert_ok(blob_remove(&s3_job()->direct.blob, &report, 1, &err), err);
    s3_job_run_ok(&over);
    s3_job_run_ok(&(struct s3_job_how){ .input = path, .output = local });
    s3_job_assert_same(local, "out/s.mp4");
}

// Odd keys, of what is read and of what is made.
static const struct key_row {
    const char *name;
    const char *input, *output;  // keys
} key_rows[] = {
    { "spaces, plus and percent", "in/a b+c%20d%.mp4", "out/ a+b %2F%.mp4" },
    { "unicode and quotes", "in/f\xc3\xbcr-\xe6\x97\xa5\xe6\x9c\xac'\".mp4",
      "out/\xf0\x9f\x8e\xac <&> \xc3\xa4.mp4" },
    { "empty parts", "in//a//b.mp4", "out//c///d.mp4" },
    { "a leading slash", "/in/lead.mp4", "/out/lead.mp4" },
    { "what a URL would mean", "in/a?b#c&d=e;f:g,h@i$!*()~.mp4", "out/?x=1&y#z.mp4" },
    { "points", "in/./../p.mp4", "out/../q.mp4" },
};
static void odd_keys(void **state)
{
    const struct key_row *const row = *state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("rotated.mp4");
    sr_auto(char) char *local = s3_job_scratch("keys.mp4");
    sr_auto(char) char *input = sr_strf(&err, S3_JOB_BUCKET "%s", row->input);
    sr_auto(char) char *output = sr_strf(&err, S3_JOB_BUCKET "%s", row->output);
    sr_auto(char) char *report =
        sr_strf(&err, "%.*s.report.json", (int)strlen(row->output) - 4, row->output);
    s3_job_clear("");
    s3_job_put_file(path, row->input);
    s3_job_run_ok(&(struct s3_job_how){ .input = path, .output = local, .overwrite = true });
    s3_job_run_ok(&(struct s3_job_how){ .input = input, .output = output });
    s3_job_assert_same(local, row->output);
    assert_true(s3_job_is_there(report));
    assert_int_equal(s3_job_count_below(""), 3);
    s3_job_clear("");
}

// A key has at most 1,024 bytes, and the report's name is longer than the output's.
static void longest_keys(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("rotated.mp4");
    sr_auto(char) char *local = s3_job_scratch("long.mp4");
    char input[BLOB_KEY_BYTES_MAX + 1], output[BLOB_KEY_BYTES_MAX + 2];
    memset(input, 'i', sizeof(input));
    memset(output, 'o', sizeof(output));
    strcpy(input + BLOB_KEY_BYTES_MAX - 4, ".mp4");
    strcpy(output + BLOB_KEY_BYTES_MAX - 12, ".mp4");  // as long as ".report.json"
    sr_auto(char) char *from = sr_strf(&err, S3_JOB_BUCKET "%s", input);
    sr_auto(char) char *to = sr_strf(&err, S3_JOB_BUCKET "%s", output);
    s3_job_clear("");
    s3_job_put_file(path, input);
    s3_job_run_ok(&(struct s3_job_how){ .input = path, .output = local });
    s3_job_run_ok(&(struct s3_job_how){ .input = from, .output = to });
    s3_job_assert_same(local, output);
    // With one byte more the report would have no name: it is said before the work.
    sr_auto(run_result) struct run_result result = { 0 };
    memset(output, 'o', sizeof(output));
    strcpy(output + BLOB_KEY_BYTES_MAX - 11, ".mp4");
    sr_auto(char) char *longer = sr_strf(&err, S3_JOB_BUCKET "%s", output);
    struct run_progress *const progress = calloc(1, sizeof(*progress));
    const struct s3_job_how how = { .input = from, .output = longer, .progress = progress };
    sr_assert_fails(s3_job_run(&how, &result, &err), SR_ERR_INVALID, err);
    assert_int_equal(atomic_load(&progress->frames_done), 0);
    assert_false(s3_job_is_there(output));
    assert_int_equal(s3_job_open_uploads(), 0);
    free(progress);
    s3_job_clear("");
}

// Several stores in one job, each with a bucket, an endpoint and keys of its own ------------------
static char profiles_path[256];
static const char *only_profiles(void *self, const char *name)
{
    (void)self;
    return strcmp(name, "AWS_SHARED_CREDENTIALS_FILE") == 0 ? profiles_path
           : strcmp(name, "AWS_EC2_METADATA_DISABLED") == 0 ? "true"
                                                            : NULL;
}

static void use_profiles(void)
{
    struct sr_err err = { 0 };
    static const char text[] =
        "[reader]\naws_access_key_id = " S3_JOB_ACCESS "\naws_secret_access_key = " S3_JOB_SECRET
        "\n[writer]\naws_access_key_id = " S3_JOB_ACCESS "\naws_secret_access_key = " S3_JOB_SECRET
        "\n[nobody]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n";
    sr_auto(char) char *path = s3_job_scratch("credentials");
    assert_true(strlen(path) < sizeof(profiles_path));
    strcpy(profiles_path, path);
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
}

static struct blob open_bucket(const char *bucket)
{
    struct sr_err err = { 0 };
    struct blob blob;
    const struct blob_s3_params params = { .bucket = bucket,
                                           .region = "us-east-1",
                                           .endpoint = s3_job()->server.endpoint,
                                           .http = s3_job()->direct.http,
                                           .credentials = s3_job()->direct.credentials };
    sr_assert_ok(blob_s3_open(&params, &blob, &err), err);
    sr_assert_ok(blob_s3_make_bucket(&blob, &err), err);
    return blob;
}

static void named_stores(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("rotated.mp4");
    sr_auto(char) char *local = s3_job_scratch("named.mp4");
    sr_auto(blob) struct blob renditions = open_bucket("renditions");
    sr_auto(blob) struct blob parts = open_bucket("parts");
    use_profiles();
    s3_job_clear("in/");
    s3_job_put_file(path, "in/n.mp4");
    s3_job_run_ok(&(struct s3_job_how){ .input = path, .output = local });
    // The proxy is another endpoint, so that it shows what goes where.
    const char *const far = fault_proxy_url(s3_job()->proxy);
    struct blob_store_config stores[] = {
        { .name = "masters",
          .bucket = "splitreel-test",
          .profile = "reader",
          .endpoint = s3_job()->server.endpoint,
          .region = "us-east-1" },
        { .name = "near",
          .bucket = "renditions",
          .profile = "writer",
          .endpoint = far,
          .region = "us-east-1",
          .payload = BLOB_S3_PAYLOAD_CHUNKED },
        { .name = "work",
          .bucket = "parts",
          .profile = "writer",
          .endpoint = s3_job()->server.endpoint,
          .region = "us-east-1",
          .checksum = BLOB_S3_CHECKSUM_CRC32C },
    };
    const struct s3_job_how how = { .input = "s3://masters/in/n.mp4",
                                    .output = "s3://near/n.mp4",
                                    .workspace = "s3://work/.splitreel",
                                    .store = stores,
                                    .store_count = 3,
                                    .env = only_profiles };
    fault_proxy_plan(s3_job()->proxy, (struct fault_plan){ FAULT_NONE, 0, 0, 0 });
    s3_job_run_ok(&how);
    sr_auto(char) char *want = NULL;
    sr_auto(char) char *got = NULL;
    size_t want_bytes, got_bytes;
    sr_assert_ok(sr_file_load(local, 64 << 20, &want, &want_bytes, &err), err);
    sr_assert_ok(blob_load(&renditions, "n.mp4", 64 << 20, &got, &got_bytes, &err), err);
    assert_int_equal(got_bytes, want_bytes);
    assert_memory_equal(got, want, want_bytes);
    assert_true(fault_proxy_bytes_in(s3_job()->proxy) > want_bytes);
    sr_auto(blob_page) struct blob_page made = { 0 };
    const struct blob_list list = { .prefix = ".splitreel/" };
    sr_assert_ok(blob_list(&parts, &list, &made, &err), err);
    assert_true(made.count >= 4);
    assert_false(s3_job_is_there("n.mp4"));
    // Each store has its own keys: with those of nobody the output is refused, and not the input.
    stores[1].profile = "nobody";
    struct s3_job_how shut = how;
    shut.output = "s3://near/shut.mp4";
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_fails(s3_job_run(&shut, &result, &err), SR_ERR_DENIED, err);
    sr_assert_contains(err.message, far);
}

int main(void)
{
    const int ended = s3_job_begin();
    if (ended >= 0)
        return ended;
    media_log_init();
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(key_rows) + 6];
    size_t count = SR_TEST_ADD(tests, rows, from_and_to_a_store);
    count += sr_test_add_rows(tests + count, key_rows, SR_TEST_COUNT(key_rows), sizeof(key_rows[0]),
                              odd_keys);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(longest_keys);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(hls_into_a_store);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(any_mix);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_is_there_stays);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(named_stores);
    const int failed = sr_test_run(__FILE__, tests, count);
    s3_job_end();
    return failed;
}
