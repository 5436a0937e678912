// Jobs whose encoded parts wait in a store, which may then put an output together by itself; how
// few requests a plan takes.
#include "tests/s3_job.h"

#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "pipeline/act_plan.h"
#include "pipeline/act_probe.h"
#include "pipeline/workspace.h"
#include "tests/title.h"
#include "transcode/media_log.h"

// A workspace in a store: nothing on this machine, the same bytes, found again by another job.
static void a_workspace_in_a_store(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("rotated.mp4");
    sr_auto(char) char *local = s3_job_scratch("ws.mp4");
    s3_job_put_file(path, "in/w.mp4");
    s3_job_clear("out/");
    s3_job_clear(".splitreel/");
    s3_job_run_ok(&(struct s3_job_how){ .input = path, .output = local });
    const struct s3_job_how how = { .input = S3_JOB_BUCKET "in/w.mp4",
                                    .output = S3_JOB_BUCKET "out/w.mp4",
                                    .workspace = S3_JOB_BUCKET ".splitreel" };
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_ok(s3_job_run(&how, &result, &err), err);
    s3_job_assert_same(local, "out/w.mp4");
    const size_t parts = s3_job_count_below(".splitreel/");
    assert_true(parts >= 4);  // two for each part, and nothing else
    assert_int_equal(parts % 2, 0);
    assert_int_equal(s3_job_count_below(".splitreel/jobs/"), 0);
    // Another output of the same title: nothing is encoded again, nor put there again.
    struct s3_job_how other = how;
    other.output = S3_JOB_BUCKET "out/w2.mp4";
    struct run_progress *const progress = calloc(1, sizeof(*progress));
    other.progress = progress;
    s3_job_run_ok(&other);
    s3_job_assert_same(local, "out/w2.mp4");
    assert_true(atomic_load(&progress->frames_total) > 0);
    assert_int_equal(atomic_load(&progress->frames_reused), atomic_load(&progress->frames_total));
    assert_int_equal(s3_job_count_below(".splitreel/"), parts);
    free(progress);
    // A part that was cut short is made again.
    sr_auto(blob_page) struct blob_page page = { 0 };
    const struct blob_list list = { .prefix = ".splitreel/" };
    sr_assert_ok(blob_list(&s3_job()->direct.blob, &list, &page, &err), err);
    for (size_t i = 0; i < page.count; i++) {
        const size_t bytes = strlen(page.item[i].key);
        char etag[BLOB_ETAG_BYTES];
        const struct blob_put cut = { .key = page.item[i].key, .data = "cut", .bytes = 3 };
        if (strcmp(page.item[i].key + bytes - 4, ".m4s") == 0)
            sr_assert_ok(blob_put(&s3_job()->direct.blob, &cut, etag, &err), err);
    }
    other.overwrite = true;
    other.progress = NULL;
    s3_job_run_ok(&other);
    s3_job_assert_same(local, "out/w2.mp4");
    const struct s3_job_how pipe = { .input = path,
                                     .output = "-",
                                     .workspace = S3_JOB_BUCKET ".splitreel" };
    sr_auto(run_result) struct run_result refused = { 0 };
    sr_assert_fails(s3_job_run(&pipe, &refused, &err), SR_ERR_INVALID, err);
}

static int64_t composed_bytes(const struct run_result *result, const char *which)
{
    const json_t *const transfer = json_object_get(result->report, "transfer");
    return json_integer_value(json_object_get(json_object_get(transfer, "composed"), which));
}

// Spec: "layout": "composed": the store joins; the same bytes wherever workspace and output are.
static void composed_by_the_store(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("main-60s.mp4");
    sr_auto(char) char *local = s3_job_scratch("composed.mp4");
    s3_job_clear("out/");
    struct s3_job_how how = {
        .input = path, .output = local, .rendition = S3_JOB_LARGE, .is_composed = true
    };
    s3_job_run_ok(&how);
    sr_auto(run_result) struct run_result sent = { 0 }, copied = { 0 };
    how.output = S3_JOB_BUCKET "out/sent.mp4";
    sr_assert_ok(s3_job_run(&how, &sent, &err), err);
    s3_job_assert_same(local, "out/sent.mp4");
    assert_int_equal(composed_bytes(&sent, "copied_bytes"), 0);
    s3_job_clear(".splitreel/");
    how.output = S3_JOB_BUCKET "out/copied.mp4";
    how.workspace = S3_JOB_BUCKET ".splitreel/";
    sr_assert_ok(s3_job_run(&how, &copied, &err), err);
    s3_job_assert_same(local, "out/copied.mp4");
    assert_true(composed_bytes(&copied, "copied_bytes") > 5 << 20);
    assert_true(composed_bytes(&copied, "sent_bytes") < composed_bytes(&sent, "sent_bytes"));
    assert_int_equal(s3_job_open_uploads(), 0);
    // What is there is refused, before the work and after.
    sr_auto(run_result) struct run_result again = { 0 };
    sr_assert_fails(s3_job_run(&how, &again, &err), SR_ERR_EXISTS, err);
    s3_job_clear(".splitreel/");
    // A stock decoder sees every picture.
    sr_auto(char) char *command = sr_strf(
        &err,
        "test \"$(ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames "
        "-of csv=p=0 '%s')\" = 1500",
        local);
    assert_int_equal(system(command), 0);
}

// Spec: probe and index of an MP4 of an hour with `moov` at its end, over a latency of 50 ms, take at
// most 8 requests.
static void requests_of_a_plan(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("main-60s.mp4");
    sr_auto(char) char *hour = s3_job_scratch("hour.mp4");
    sr_auto(char) char *command =
        sr_strf(&err, "ffmpeg -v error -nostdin -y -stream_loop 59 -i '%s' -map 0 -c copy '%s'",
                path, hour);
    assert_int_equal(system(command), 0);
    sr_auto(char) char *text = NULL;
    size_t bytes;
    char etag[BLOB_ETAG_BYTES];
    sr_assert_ok(sr_file_load(hour, 512 << 20, &text, &bytes, &err), err);
    const struct blob_put put = { .key = "in/hour.mp4", .data = text, .bytes = bytes };
    sr_assert_ok(blob_put(&s3_job()->direct.blob, &put, etag, &err), err);
    assert_int_equal(unlink(hour), 0);

    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(remote) struct remote *remote = NULL;
    sr_auto(job) struct job *job = NULL;
    sr_auto(json) json_t *probed = NULL;
    sr_auto(json) json_t *planned = NULL;
    sr_auto(json) json_t *stats = NULL;
    const struct manifest_params document = { .text = "{\"version\":1}",
                                              .bytes = 13,
                                              .input = S3_JOB_BUCKET "in/hour.mp4",
                                              .output = "x.mp4" };
    fault_proxy_plan(s3_job()->proxy, (struct fault_plan){ FAULT_FAR, 0, 1, 0 });
    const struct blob_store_config store = { .endpoint = fault_proxy_url(s3_job()->proxy),
                                             .region = "us-east-1" };
    const struct blob_stores_params stores = {
        .store = &store, .store_count = 1, .env = s3_job_env, .clock = sr_clock_system()
    };
    sr_assert_ok(manifest_parse(&document, &manifest, &err), err);
    sr_assert_ok(remote_new(&(struct remote_params){ .stores = &stores }, &remote, &err), err);
    const struct job_params params = { .manifest = manifest, .remote = remote };
    sr_assert_ok(job_open(&params, &job, &err), err);
    sr_assert_ok(act_probe(job, &probed, &err), err);
    sr_assert_ok(act_plan(job, &planned, &err), err);
    assert_true(job->table->presented_count >= 80000);
    sr_assert_ok(remote_stats(remote, &stats, &err), err);
    const long long requests = json_integer_value(json_object_get(stats, "requests"));
    print_message("%lld requests, %lld bytes\n", requests,
                  (long long)json_integer_value(json_object_get(stats, "received_bytes")));
    if (requests > 8)
        fail_msg("%lld requests", requests);
    assert_true(fault_proxy_hits(s3_job()->proxy) > 0);
    job_free(sr_take(job));
    const char *const key = "in/hour.mp4";
    sr_assert_ok(blob_remove(&s3_job()->direct.blob, &key, 1, &err), err);
}

// What a killed job has left open in a workspace is aborted by the next that opens it, once it is
// too old to be anybody's; nothing else below the prefix is.
static void stale_uploads(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const char *const names[] = {
        ".splitreel/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.m4s",
        ".splitreel/jobs/7/"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.m4s",
        ".splitreel/film.mov",
    };
    const struct blob_store_config store = { .endpoint = s3_job()->server.endpoint,
                                             .region = "us-east-1" };
    const struct blob_stores_params stores = {
        .store = &store, .store_count = 1, .env = s3_job_env, .clock = sr_clock_system()
    };
    sr_auto(remote) struct remote *remote = NULL;
    sr_assert_ok(remote_new(&(struct remote_params){ .stores = &stores }, &remote, &err), err);
    s3_job_clear(".splitreel/");
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++) {
        const struct blob_attrs attrs = { 0 };
        sr_auto(blob_upload) struct blob_upload upload = { 0 };
        sr_assert_ok(blob_upload_begin(&s3_job()->direct.blob, names[i], &attrs, &upload, &err),
                     err);
    }
    struct workspace_params params = { .folder = S3_JOB_BUCKET ".splitreel", .remote = remote };
    sr_auto(workspace) struct workspace *young = NULL;
    sr_auto(workspace) struct workspace *old = NULL;
    sr_assert_ok(workspace_open(&params, &young, &err), err);
    assert_int_equal(s3_job_open_uploads(), 3);
    params.upload_us_max = 1;
    sr_assert_ok(workspace_open(&params, &old, &err), err);
    assert_int_equal(s3_job_open_uploads(), 1);
    s3_job_clear(".splitreel/");
}

int main(void)
{
    const int ended = s3_job_begin();
    if (ended >= 0)
        return ended;
    media_log_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workspace_in_a_store),
        cmocka_unit_test(composed_by_the_store),
        cmocka_unit_test(requests_of_a_plan),
        cmocka_unit_test(stale_uploads),
    };
    const int failed = sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
    s3_job_end();
    return failed;
}
