// Whole jobs from and to a real S3 server (Ceph's): the same bytes as between files, also through a
// proxy that spoils connections; nothing to be seen of a job that fails, is killed, or whose source
// changes.
#include "tests/title.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "pipeline/act_plan.h"
#include "pipeline/act_probe.h"
#include "pipeline/run.h"
#include "storage/blob_s3.h"
#include "tests/fault_proxy.h"
#include "tests/s3_server.h"
#include "transcode/media_log.h"

#define ACCESS "splitreelaccess"
#define SECRET "splitreelsecretkey"
#define BUCKET "s3://splitreel-test/"
enum { OBJECT_BYTES_MAX = 64 << 20 };

static struct {
    struct s3_server server;
    struct s3_client direct;
    struct fault_proxy *proxy;
} all;

static struct http_params quick_params(void)
{
    struct http_params params = http_params_default();
    params.policy.allow_private = true;
    params.attempts_max = 6;
    params.backoff_us = 1000;
    params.backoff_us_max = 20000;
    params.stall_us = 10 * 1000 * 1000;
    params.retry_tokens_max = 100000;
    return params;
}

static const char *environment(void *self, const char *name)
{
    (void)self;
    return strcmp(name, "AWS_ACCESS_KEY_ID") == 0       ? ACCESS
           : strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0 ? SECRET
                                                        : NULL;
}

// A job ------------------------------------------------------------------------------------------
struct how {
    const char *input, *output;  // paths or URLs
    const char *template_name;   // NULL: one file
    const char *endpoint;        // NULL: the server itself
    const char *workspace;       // below the scratch folder, or a path; NULL: "ws"
    const char *rendition;       // of the video, with single quotes
    bool overwrite, keep, gives_up, is_composed;
    struct run_progress *progress;
    const struct sr_cancel *stop;
};

static char *scratch(const char *name)
{
    struct sr_err err = { 0 };
    char *const path = sr_strf(&err, "%s/%s", title_scratch(), name);
    assert_non_null(path);
    return path;
}

static bool run_with(const struct how *how, const struct manifest *manifest,
                     struct run_result *result, struct sr_err *err)
{
    struct http_params http = quick_params();
    if (how->endpoint)
        http.stall_us = 1000 * 1000;
    if (how->gives_up) {
        http.attempts_max = 2;
        http.stall_us = 300 * 1000;
    }
    const struct blob_store_config store = {
        .endpoint = how->endpoint ? how->endpoint : all.server.endpoint,
        .region = "us-east-1",
    };
    const struct blob_stores_params stores = {
        .store = &store,
        .store_count = 1,
        .allow_private = true,
        .http = &http,
        .env = environment,
        .clock = sr_clock_system(),
    };
    sr_auto(char) char *workspace =
        how->workspace && (how->workspace[0] == '/' || remote_is_url(how->workspace))
            ? sr_str_dup(how->workspace, err)
            : scratch(how->workspace ? how->workspace : "ws");
    const struct run_params params = {
        .manifest = manifest,
        .workspace = workspace,
        .stores = &stores,
        .overwrite = how->overwrite,
        .keep = how->keep,
        .worker_count = 2,
        .pipe_fd = -1,
        .stop = how->stop,
        .clock = sr_clock_system(),
        .progress = how->progress,
    };
    return run_job(&params, result, err);
}

static bool run_it(const struct how *how, struct run_result *result, struct sr_err *err)
{
    const char *const video =
        how->rendition ? how->rendition : "{'id':'v','codec':'h264','preset':'ultrafast','crf':35}";
    sr_auto(char) char *text =
        how->template_name
            ? sr_strf(err, "{'version':1,'template':'%s','segments':{'target':'4s'}}",
                      how->template_name)
            : sr_strf(err,
                      "{'version':1,'segments':{'target':'%s'},'layout':'%s','renditions':[%s,"
                      "{'id':'a','codec':'aac','bitrate':'64k'}]}",
                      how->is_composed ? "60s" : "2s",
                      how->is_composed ? "composed" : "progressive", video);
    assert_non_null(text);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    sr_auto(manifest) struct manifest *manifest = NULL;
    const struct manifest_params params = {
        .text = text, .bytes = strlen(text), .input = how->input, .output = how->output
    };
    return manifest_parse(&params, &manifest, err) && run_with(how, manifest, result, err);
}

static void run_ok(const struct how *how)
{
    struct sr_err err = { 0 };
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_ok(run_it(how, &result, &err), err);
}

// Objects ----------------------------------------------------------------------------------------
static void put_file(const char *path, const char *key)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    size_t bytes;
    char etag[BLOB_ETAG_BYTES];
    sr_assert_ok(sr_file_load(path, OBJECT_BYTES_MAX, &text, &bytes, &err), err);
    const struct blob_put put = { .key = key, .data = text, .bytes = bytes };
    sr_assert_ok(blob_put(&all.direct.blob, &put, etag, &err), err);
}

static void get_object(const char *key, char **ret_text, size_t *ret_bytes)
{
    struct sr_err err = { 0 };
    sr_assert_ok(blob_load(&all.direct.blob, key, OBJECT_BYTES_MAX, ret_text, ret_bytes, &err),
                 err);
}

static void assert_same(const char *path, const char *key)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *want = NULL;
    sr_auto(char) char *got = NULL;
    size_t want_bytes, got_bytes;
    sr_assert_ok(sr_file_load(path, OBJECT_BYTES_MAX, &want, &want_bytes, &err), err);
    get_object(key, &got, &got_bytes);
    if (want_bytes != got_bytes || memcmp(want, got, got_bytes) != 0)
        fail_msg("%s and %s differ", path, key);
}

static bool is_there(const char *key)
{
    struct sr_err err = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (blob_head(&all.direct.blob, key, &info, &err))
        return true;
    assert_int_equal(err.code, SR_ERR_NOT_FOUND);
    return false;
}

static size_t open_uploads(void)
{
    struct sr_err err = { 0 };
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    sr_assert_ok(blob_uploads(&all.direct.blob, "", &uploads, &err), err);
    return uploads.count;
}

static size_t count_below(const char *prefix)
{
    struct sr_err err = { 0 };
    sr_auto(blob_page) struct blob_page page = { 0 };
    const struct blob_list list = { .prefix = prefix };
    sr_assert_ok(blob_list(&all.direct.blob, &list, &page, &err), err);
    return page.count;
}

static void clear(const char *prefix)
{
    struct sr_err err = { 0 };
    sr_auto(blob_page) struct blob_page page = { 0 };
    const struct blob_list list = { .prefix = prefix };
    size_t count;
    sr_assert_ok(blob_list(&all.direct.blob, &list, &page, &err), err);
    for (size_t i = 0; i < page.count; i++) {
        const char *const key = page.item[i].key;
        sr_assert_ok(blob_remove(&all.direct.blob, &key, 1, &err), err);
    }
    sr_assert_ok(blob_abort_stale(&all.direct.blob, prefix, INT64_MAX, &count, &err), err);
}

static char *fixture(const char *name)
{
    struct sr_err err = { 0 };
    char *const path = sr_strf(&err, "%s/%s", title_folder(), name);
    assert_non_null(path);
    if (access(path, R_OK) != 0)
        fail_msg("%s is not there: make fixtures", path);
    return path;
}

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
    sr_auto(char) char *path = fixture(row->name);
    sr_auto(char) char *key = sr_strf(&err, "in/%s", row->name);
    sr_auto(char) char *url = sr_strf(&err, BUCKET "in/%s", row->name);
    sr_auto(char) char *local = scratch("local.mp4");
    put_file(path, key);
    clear("out/");
    run_ok(&(struct how){ .input = path, .output = local, .overwrite = true });
    sr_auto(run_result) struct run_result result = { 0 };
    const struct how how = { .input = url, .output = BUCKET "out/a b+%.mp4" };
    sr_assert_ok(run_it(&how, &result, &err), err);
    assert_same(local, "out/a b+%.mp4");
    assert_true(is_there("out/a b+%.report.json"));
    assert_int_equal(count_below("out/"), 2);
    assert_int_equal(open_uploads(), 0);
    assert_string_equal(json_string_value(json_object_get(result.report, "verdict")), "PASS");
    const json_t *const transfer = json_object_get(result.report, "transfer");
    assert_true(json_integer_value(json_object_get(transfer, "requests")) > 0);
    assert_true(json_integer_value(json_object_get(transfer, "sent_bytes")) > 0);
    assert_string_equal(result.report_path, BUCKET "out/a b+%.report.json");
}

static void assert_head(const char *key, const char *type, const char *cache)
{
    struct sr_err err = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_ok(blob_head(&all.direct.blob, key, &info, &err), err);
    assert_string_equal(info.content_type, type);
    assert_string_equal(info.cache_control, cache);
}

static void hls_into_a_store(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("two-audio.mkv");
    sr_auto(char) char *local = scratch("hls");
    put_file(path, "in/h.mkv");
    clear("out/");
    run_ok(&(struct how){ .input = path, .output = local, .template_name = "hls-720p" });
    const struct how how = { .input = BUCKET "in/h.mkv",
                             .output = BUCKET "out/hls/",
                             .template_name = "hls-720p" };
    run_ok(&how);
    sr_auto(blob_page) struct blob_page page = { 0 };
    const struct blob_list list = { .prefix = "out/hls/" };
    sr_assert_ok(blob_list(&all.direct.blob, &list, &page, &err), err);
    size_t same = 0;
    for (size_t i = 0; i < page.count; i++) {
        const char *const name = page.item[i].key + strlen("out/hls/");
        sr_auto(char) char *file = sr_strf(&err, "%s/%s", local, name);
        if (strcmp(name, "report.json") == 0)
            continue;
        assert_same(file, page.item[i].key);
        same++;
    }
    assert_true(same >= 10);
    assert_head("out/hls/master.m3u8", "application/vnd.apple.mpegurl", "no-cache");
    assert_head("out/hls/360p/init.mp4", "video/mp4", "public, max-age=86400");
    assert_head("out/hls/360p/seg_00001.m4s", "video/iso.segment", "public, max-age=86400");
    // What is there is refused, and replaced when it is said; what was longer is gone then.
    sr_auto(run_result) struct run_result again = { 0 };
    sr_assert_fails(run_it(&how, &again, &err), SR_ERR_EXISTS, err);
    put_file(path, "out/hls/360p/seg_00900.m4s");
    put_file(path, "out/hls/360p/notes.txt");
    struct how over = how;
    over.overwrite = true;
    run_ok(&over);
    assert_false(is_there("out/hls/360p/seg_00900.m4s"));
    assert_true(is_there("out/hls/360p/notes.txt"));
    assert_true(is_there("out/hls/360p/seg_00001.m4s"));
}

static void any_mix(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("rotated.mp4");
    sr_auto(char) char *local = scratch("mix.mp4");
    sr_auto(char) char *other = scratch("mix2.mp4");
    sr_auto(char) char *url = NULL;
    put_file(path, "in/mix.mp4");
    clear("out/");
    run_ok(&(struct how){ .input = path, .output = local });
    run_ok(&(struct how){ .input = BUCKET "in/mix.mp4", .output = other });
    title_assert_same_bytes(local, other);
    run_ok(&(struct how){ .input = path, .output = BUCKET "out/mix.mp4" });
    assert_same(local, "out/mix.mp4");
    // A presigned URL is an http input; its query is told to nobody.
    sr_assert_ok(blob_presign(&all.direct.blob, "GET", "in/mix.mp4", 600, &url, &err), err);
    run_ok(&(struct how){ .input = url, .output = other, .overwrite = true });
    title_assert_same_bytes(local, other);
    sr_auto(run_result) struct run_result result = { 0 };
    sr_auto(char) char *gone = NULL;
    sr_assert_ok(blob_presign(&all.direct.blob, "GET", "in/none.mp4", 600, &gone, &err), err);
    const struct how none = { .input = gone, .output = other, .overwrite = true };
    sr_assert_fails(run_it(&none, &result, &err), SR_ERR_NOT_FOUND, err);
    assert_null(strstr(err.message, "Signature"));
}

static void what_is_there_stays(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("rotated.mp4");
    sr_auto(char) char *local = scratch("stays.mp4");
    put_file(path, "in/s.mp4");
    clear("out/");
    put_file(path, "out/s.mp4");
    const struct how how = { .input = BUCKET "in/s.mp4", .output = BUCKET "out/s.mp4" };
    sr_auto(run_result) struct run_result first = { 0 }, second = { 0 }, third = { 0 };
    sr_assert_fails(run_it(&how, &first, &err), SR_ERR_EXISTS, err);
    sr_assert_contains(err.message, "-y");
    assert_same(path, "out/s.mp4");
    const struct how self = { .input = BUCKET "in/s.mp4",
                              .output = BUCKET "in/s.mp4",
                              .overwrite = true };
    sr_assert_fails(run_it(&self, &second, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "input itself");
    // Somebody's file in the report's place is not a report.
    put_file(path, "out/s.report.json");
    struct how over = how;
    over.overwrite = true;
    sr_assert_fails(run_it(&over, &third, &err), SR_ERR_EXISTS, err);
    const char *const report = "out/s.report.json";
    sr_assert_ok(blob_remove(&all.direct.blob, &report, 1, &err), err);
    run_ok(&over);
    run_ok(&(struct how){ .input = path, .output = local });
    assert_same(local, "out/s.mp4");
}

// A workspace in a store: nothing on this machine, the same bytes, found again by another job.
static void a_workspace_in_a_store(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("rotated.mp4");
    sr_auto(char) char *local = scratch("ws.mp4");
    put_file(path, "in/w.mp4");
    clear("out/");
    clear(".splitreel/");
    run_ok(&(struct how){ .input = path, .output = local });
    const struct how how = { .input = BUCKET "in/w.mp4",
                             .output = BUCKET "out/w.mp4",
                             .workspace = BUCKET ".splitreel" };
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_ok(run_it(&how, &result, &err), err);
    assert_same(local, "out/w.mp4");
    const size_t parts = count_below(".splitreel/");
    assert_true(parts >= 4);  // two for each part, and nothing else
    assert_int_equal(parts % 2, 0);
    assert_int_equal(count_below(".splitreel/jobs/"), 0);
    // Another output of the same title: nothing is encoded again, nor put there again.
    struct how other = how;
    other.output = BUCKET "out/w2.mp4";
    struct run_progress *const progress = calloc(1, sizeof(*progress));
    other.progress = progress;
    run_ok(&other);
    assert_same(local, "out/w2.mp4");
    assert_true(atomic_load(&progress->frames_total) > 0);
    assert_int_equal(atomic_load(&progress->frames_reused), atomic_load(&progress->frames_total));
    assert_int_equal(count_below(".splitreel/"), parts);
    free(progress);
    // A part that was cut short is made again.
    sr_auto(blob_page) struct blob_page page = { 0 };
    const struct blob_list list = { .prefix = ".splitreel/" };
    sr_assert_ok(blob_list(&all.direct.blob, &list, &page, &err), err);
    for (size_t i = 0; i < page.count; i++) {
        const size_t bytes = strlen(page.item[i].key);
        char etag[BLOB_ETAG_BYTES];
        const struct blob_put cut = { .key = page.item[i].key, .data = "cut", .bytes = 3 };
        if (strcmp(page.item[i].key + bytes - 4, ".m4s") == 0)
            sr_assert_ok(blob_put(&all.direct.blob, &cut, etag, &err), err);
    }
    other.overwrite = true;
    other.progress = NULL;
    run_ok(&other);
    assert_same(local, "out/w2.mp4");
    const struct how pipe = { .input = path, .output = "-", .workspace = BUCKET ".splitreel" };
    sr_auto(run_result) struct run_result refused = { 0 };
    sr_assert_fails(run_it(&pipe, &refused, &err), SR_ERR_INVALID, err);
}

static int64_t composed_bytes(const struct run_result *result, const char *which)
{
    const json_t *const transfer = json_object_get(result->report, "transfer");
    return json_integer_value(json_object_get(json_object_get(transfer, "composed"), which));
}

// Spec: "layout": "composed": the store joins; the same bytes wherever workspace and output are.
#define LARGE "{'id':'v','codec':'h264','preset':'ultrafast','crf':1}"
static void composed_by_the_store(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("main-60s.mp4");
    sr_auto(char) char *local = scratch("composed.mp4");
    clear("out/");
    struct how how = { .input = path, .output = local, .rendition = LARGE, .is_composed = true };
    run_ok(&how);
    sr_auto(run_result) struct run_result sent = { 0 }, copied = { 0 };
    how.output = BUCKET "out/sent.mp4";
    sr_assert_ok(run_it(&how, &sent, &err), err);
    assert_same(local, "out/sent.mp4");
    assert_int_equal(composed_bytes(&sent, "copied_bytes"), 0);
    clear(".splitreel/");
    how.output = BUCKET "out/copied.mp4";
    how.workspace = BUCKET ".splitreel/";
    sr_assert_ok(run_it(&how, &copied, &err), err);
    assert_same(local, "out/copied.mp4");
    assert_true(composed_bytes(&copied, "copied_bytes") > 5 << 20);
    assert_true(composed_bytes(&copied, "sent_bytes") < composed_bytes(&sent, "sent_bytes"));
    assert_int_equal(open_uploads(), 0);
    // What is there is refused, before the work and after.
    sr_auto(run_result) struct run_result again = { 0 };
    sr_assert_fails(run_it(&how, &again, &err), SR_ERR_EXISTS, err);
    clear(".splitreel/");
    // A stock decoder sees every picture.
    sr_auto(char) char *command = sr_strf(
        &err,
        "test \"$(ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames "
        "-of csv=p=0 '%s')\" = 1500",
        local);
    assert_int_equal(system(command), 0);
}

// Changes the object as soon as the job encodes.
struct changer {
    struct run_progress progress;
    const char *path;
};
static void *change(void *arg)
{
    struct changer *const changer = arg;
    while (atomic_load(&changer->progress.stage) < RUN_ENCODING)
        (void)poll(NULL, 0, 1);
    put_file(changer->path, "in/changes.mp4");
    return NULL;
}

static void a_source_that_changes(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("main-60s.mp4");
    struct changer *const changer = calloc(1, sizeof(*changer));
    pthread_t thread;
    changer->path = path;
    clear("out/");
    put_file(path, "in/changes.mp4");
    sr_auto(char) char *other = fixture("closed-gop.mp4");
    changer->path = other;
    assert_int_equal(pthread_create(&thread, NULL, change, changer), 0);
    const struct how how = { .input = BUCKET "in/changes.mp4",
                             .output = BUCKET "out/changes.mp4",
                             .progress = &changer->progress };
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_fails(run_it(&how, &result, &err), SR_ERR_CONFLICT, err);
    sr_assert_contains(err.message, "changed");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(count_below("out/"), 0);
    assert_int_equal(open_uploads(), 0);
    free(changer);
}

// Spec: an unexplained difference is VERIFY, and nothing is published.
static void a_part_that_is_damaged(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("rotated.mp4");
    sr_auto(char) char *folder = scratch("damaged");
    clear("out/");
    struct how how = { .input = path,
                       .output = BUCKET "out/d.mp4",
                       .workspace = "damaged",
                       .rendition = "{'id':'v','codec':'h264','preset':'ultrafast','crf':5}",
                       .keep = true };
    run_ok(&how);
    clear("out/");
    // One bit near the end of each part: sizes and headers stay.
    sr_auto(char) char *command =
        sr_strf(&err,
                "cd '%s' && for f in *.m4s; do printf '\\377' | dd of=$f bs=1 conv=notrunc "
                "seek=$(($(stat -c %%s $f) - 9)) 2>/dev/null; done",
                folder);
    assert_int_equal(system(command), 0);
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_fails(run_it(&how, &result, &err), SR_ERR_VERIFY, err);
    assert_int_equal(count_below("out/"), 0);
    assert_int_equal(open_uploads(), 0);
}

// Faults -----------------------------------------------------------------------------------------
static const struct fault_row {
    const char *name;
    struct fault_plan plan;
    bool is_fatal;  // when it hits every connection
} fault_rows[] = {
    { "refused", { FAULT_REFUSE, 0, 2 }, true },
    { "503", { FAULT_503, 0, 2 }, true },
    { "500", { FAULT_500, 0, 2 }, true },
    { "reset while sending", { FAULT_RESET_IN, 60000, 2 }, true },
    { "reset while receiving", { FAULT_RESET_OUT, 60000, 2 }, true },
    { "body cut short", { FAULT_CUT, 60000, 2 }, true },
    { "stall while sending", { FAULT_STALL_IN, 60000, 2 }, true },
    { "stall while receiving", { FAULT_STALL_OUT, 60000, 2 }, true },
    { "a bit turned while sending", { FAULT_FLIP_IN, 60000, 2 }, false },
    { "latency", { FAULT_LATENCY, 0, 1 }, false },
    { "small pieces", { FAULT_SLOW, 0, 1 }, false },
};

static void through_faults(void **state)
{
    const struct fault_row *const row = *state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("rotated.mp4");
    sr_auto(char) char *local = scratch("faults.mp4");
    put_file(path, "in/f.mp4");
    clear("out/");
    run_ok(&(struct how){ .input = path, .output = local, .overwrite = true });
    struct how how = { .input = BUCKET "in/f.mp4",
                       .output = BUCKET "out/f.mp4",
                       .endpoint = fault_proxy_url(all.proxy) };
    fault_proxy_plan(all.proxy, row->plan);
    run_ok(&how);
    assert_true(fault_proxy_hits(all.proxy) > 0);
    assert_same(local, "out/f.mp4");
    assert_true(is_there("out/f.report.json"));
    clear("out/");
    if (!row->is_fatal)
        return;
    struct fault_plan plan = row->plan;
    plan.every = 1;
    how.gives_up = true;
    fault_proxy_plan(all.proxy, plan);
    sr_auto(run_result) struct run_result result = { 0 };
    assert_false(run_it(&how, &result, &err));
    if (!sr_err_row(err.code)->retry)
        fail_msg("%s (%s)", err.message, sr_err_row(err.code)->name);
    assert_int_equal(count_below("out/"), 0);
    // The next start goes on from there, and ends what was left open.
    how.endpoint = NULL;
    run_ok(&how);
    assert_same(local, "out/f.mp4");
    assert_int_equal(open_uploads(), 0);
}

// A process that is killed while it uploads leaves nothing to be seen; the next run goes on and
// leaves no upload open.
static void killed(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("main-60s.mp4");
    sr_auto(char) char *local = scratch("killed.mp4");
    sr_auto(char) char *workspace = scratch("killed");
    put_file(path, "in/k.mp4");
    clear("out/");
    run_ok(&(struct how){ .input = path, .output = local, .rendition = LARGE });
    fault_proxy_plan(all.proxy, (struct fault_plan){ FAULT_SLOW, 0, 1 });
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "s3_job_test", "job", fault_proxy_url(all.proxy), workspace, NULL);
        _exit(127);
    }
    int status = 0;
    while (fault_proxy_bytes_in(all.proxy) < 2 << 20 && waitpid(child, &status, WNOHANG) == 0)
        (void)poll(NULL, 0, 10);  // the runner's own time limit ends it
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(count_below("out/"), 0);
    assert_int_equal(open_uploads(), 1);
    sr_auto(run_result) struct run_result result = { 0 };
    const struct how how = { .input = BUCKET "in/k.mp4",
                             .output = BUCKET "out/k.mp4",
                             .rendition = LARGE,
                             .workspace = "killed" };
    sr_assert_ok(run_it(&how, &result, &err), err);
    assert_same(local, "out/k.mp4");
    assert_int_equal(open_uploads(), 0);
}

// Asks to stop as soon as bytes of the output are on their way.
struct stopper {
    struct run_progress progress;
    struct sr_cancel stop;
};
static void *stop_it(void *arg)
{
    struct stopper *const stopper = arg;
    while (atomic_load(&stopper->progress.stage) < RUN_ENDED &&
           fault_proxy_bytes_in(all.proxy) < 2 << 20)
        (void)poll(NULL, 0, 1);
    sr_cancel_set(&stopper->stop);
    return NULL;
}

static void stopped(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("main-60s.mp4");
    struct stopper *const stopper = calloc(1, sizeof(*stopper));
    pthread_t thread;
    clear("out/");
    sr_cancel_init(&stopper->stop, NULL, sr_clock_system(), INT64_MAX);
    fault_proxy_plan(all.proxy, (struct fault_plan){ FAULT_LATENCY, 0, 1 });
    assert_int_equal(pthread_create(&thread, NULL, stop_it, stopper), 0);
    struct how how = { .input = path,
                       .output = BUCKET "out/stopped.mp4",
                       .endpoint = fault_proxy_url(all.proxy),
                       .rendition = LARGE,
                       .workspace = "killed",
                       .progress = &stopper->progress,
                       .stop = &stopper->stop };
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_fails(run_it(&how, &result, &err), SR_ERR_CANCELLED, err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(count_below("out/"), 0);
    assert_int_equal(open_uploads(), 0);
    free(stopper);
}

static int job_only(const char *endpoint, const char *workspace)
{
    struct sr_err err = { 0 };
    sr_auto(run_result) struct run_result result = { 0 };
    const struct how how = { .input = BUCKET "in/k.mp4",
                             .output = BUCKET "out/k.mp4",
                             .endpoint = endpoint,
                             .rendition = LARGE,
                             .workspace = workspace };
    return run_it(&how, &result, &err) ? 0 : 1;
}

// Spec: probe and index of an MP4 of an hour with `moov` at its end, over a latency of 50 ms, take at
// most 8 requests.
static void requests_of_a_plan(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = fixture("main-60s.mp4");
    sr_auto(char) char *hour = scratch("hour.mp4");
    sr_auto(char) char *command =
        sr_strf(&err, "ffmpeg -v error -nostdin -y -stream_loop 59 -i '%s' -map 0 -c copy '%s'",
                path, hour);
    assert_int_equal(system(command), 0);
    sr_auto(char) char *text = NULL;
    size_t bytes;
    char etag[BLOB_ETAG_BYTES];
    sr_assert_ok(sr_file_load(hour, 512 << 20, &text, &bytes, &err), err);
    const struct blob_put put = { .key = "in/hour.mp4", .data = text, .bytes = bytes };
    sr_assert_ok(blob_put(&all.direct.blob, &put, etag, &err), err);
    assert_int_equal(unlink(hour), 0);

    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(remote) struct remote *remote = NULL;
    sr_auto(job) struct job *job = NULL;
    sr_auto(json) json_t *probed = NULL;
    sr_auto(json) json_t *planned = NULL;
    sr_auto(json) json_t *stats = NULL;
    const struct manifest_params document = {
        .text = "{\"version\":1}", .bytes = 13, .input = BUCKET "in/hour.mp4", .output = "x.mp4"
    };
    fault_proxy_plan(all.proxy, (struct fault_plan){ FAULT_FAR, 0, 1 });
    const struct blob_store_config store = { .endpoint = fault_proxy_url(all.proxy),
                                             .region = "us-east-1" };
    const struct blob_stores_params stores = {
        .store = &store, .store_count = 1, .env = environment, .clock = sr_clock_system()
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
    assert_true(fault_proxy_hits(all.proxy) > 0);
    job_free(sr_take(job));
    const char *const key = "in/hour.mp4";
    sr_assert_ok(blob_remove(&all.direct.blob, &key, 1, &err), err);
}

int main(int argc, char **argv)
{
    struct sr_err err = { 0 };
    media_log_init();
    if (argc == 4 && strcmp(argv[1], "job") == 0)
        return job_only(argv[2], argv[3]);
    switch (s3_server_start("tests/servers/ceph-rgw.sh", ACCESS, SECRET, &all.server)) {
    case S3_SERVER_MISSING: return 0;
    case S3_SERVER_FAILED: return 1;
    case S3_SERVER_RUNS: break;
    }
    const struct http_params params = quick_params();
    all.direct = s3_client_open(all.server.endpoint, ACCESS, SECRET, &params);
    sr_assert_ok(blob_s3_make_bucket(&all.direct.blob, &err), err);
    sr_assert_ok(fault_proxy_new(all.server.port, &all.proxy, &err), err);
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(fault_rows) + 12];
    size_t count = SR_TEST_ADD(tests, rows, from_and_to_a_store);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(hls_into_a_store);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(any_mix);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_is_there_stays);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_workspace_in_a_store);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(composed_by_the_store);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_source_that_changes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(requests_of_a_plan);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(killed);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(stopped);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_part_that_is_damaged);
    count += sr_test_add_rows(tests + count, fault_rows, SR_TEST_COUNT(fault_rows),
                              sizeof(fault_rows[0]), through_faults);
    const int failed = sr_test_run(__FILE__, tests, count);
    fault_proxy_free(all.proxy);
    s3_client_close(&all.direct);
    s3_server_stop(&all.server);
    title_scratch_done();
    return failed;
}
