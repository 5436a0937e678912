#include "tests/s3_job.h"

#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "pipeline/remote.h"
#include "tests/title.h"

enum { OBJECT_BYTES_MAX = 64 << 20 };

static struct s3_job all;  // a test program has one

struct s3_job *s3_job(void)
{
    return &all;
}

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

const char *s3_job_env(void *self, const char *name)
{
    (void)self;
    return strcmp(name, "AWS_ACCESS_KEY_ID") == 0       ? S3_JOB_ACCESS
           : strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0 ? S3_JOB_SECRET
                                                        : NULL;
}

char *s3_job_scratch(const char *name)
{
    struct sr_err err = { 0 };
    char *const path = sr_strf(&err, "%s/%s", title_scratch(), name);
    assert_non_null(path);
    return path;
}

static bool run_with(const struct s3_job_how *how, const struct manifest *manifest,
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
        .store = how->store ? how->store : &store,
        .store_count = how->store ? how->store_count : 1,
        .allow_private = true,
        .http = &http,
        .env = how->env ? how->env : s3_job_env,
        .clock = sr_clock_system(),
    };
    sr_auto(char) char *workspace =
        how->workspace && (how->workspace[0] == '/' || remote_is_url(how->workspace))
            ? sr_str_dup(how->workspace, err)
            : s3_job_scratch(how->workspace ? how->workspace : "ws");
    const struct run_params params = {
        .manifest = manifest,
        .workspace = workspace,
        .stores = &stores,
        .correlation = how->correlation,
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

bool s3_job_run(const struct s3_job_how *how, struct run_result *result, struct sr_err *err)
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
    sr_test_quotes(text);
    sr_auto(manifest) struct manifest *manifest = NULL;
    const struct manifest_params params = {
        .text = text, .bytes = strlen(text), .input = how->input, .output = how->output
    };
    return manifest_parse(&params, &manifest, err) && run_with(how, manifest, result, err);
}

void s3_job_run_ok(const struct s3_job_how *how)
{
    struct sr_err err = { 0 };
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_ok(s3_job_run(how, &result, &err), err);
}

// Objects ----------------------------------------------------------------------------------------
void s3_job_put_file(const char *path, const char *key)
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

void s3_job_assert_same(const char *path, const char *key)
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

size_t s3_job_assert_same_tree(const char *folder, const char *prefix)
{
    struct sr_err err = { 0 };
    sr_auto(blob_page) struct blob_page page = { 0 };
    const struct blob_list list = { .prefix = prefix };
    sr_assert_ok(blob_list(&all.direct.blob, &list, &page, &err), err);
    size_t same = 0;
    for (size_t i = 0; i < page.count; i++) {
        const char *const name = page.item[i].key + strlen(prefix);
        sr_auto(char) char *file = sr_strf(&err, "%s/%s", folder, name);
        if (strcmp(name, "report.json") == 0)
            continue;
        s3_job_assert_same(file, page.item[i].key);
        same++;
    }
    sr_auto(char) char *command =
        sr_strf(&err, "test $(find '%s' -type f ! -name report.json | wc -l) = %zu", folder, same);
    if (system(command) != 0)
        fail_msg("%s has other files than the %zu below %s", folder, same, prefix);
    return same;
}

bool s3_job_is_there(const char *key)
{
    struct sr_err err = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (blob_head(&all.direct.blob, key, &info, &err))
        return true;
    assert_int_equal(err.code, SR_ERR_NOT_FOUND);
    return false;
}

size_t s3_job_open_uploads(void)
{
    struct sr_err err = { 0 };
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    sr_assert_ok(blob_uploads(&all.direct.blob, "", &uploads, &err), err);
    return uploads.count;
}

size_t s3_job_count_below(const char *prefix)
{
    struct sr_err err = { 0 };
    sr_auto(blob_page) struct blob_page page = { 0 };
    const struct blob_list list = { .prefix = prefix };
    sr_assert_ok(blob_list(&all.direct.blob, &list, &page, &err), err);
    return page.count;
}

void s3_job_clear(const char *prefix)
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

char *s3_job_fixture(const char *name)
{
    struct sr_err err = { 0 };
    char *const path = sr_strf(&err, "%s/%s", title_folder(), name);
    assert_non_null(path);
    if (access(path, R_OK) != 0)
        fail_msg("%s is not there: make fixtures", path);
    return path;
}

int s3_job_begin(void)
{
    struct sr_err err = { 0 };
    switch (
        s3_server_start("tests/servers/ceph-rgw.sh", S3_JOB_ACCESS, S3_JOB_SECRET, &all.server)) {
    case S3_SERVER_MISSING: return 0;
    case S3_SERVER_FAILED: return 1;
    case S3_SERVER_RUNS: break;
    }
    const struct http_params params = quick_params();
    all.direct = s3_client_open(all.server.endpoint, S3_JOB_ACCESS, S3_JOB_SECRET, &params);
    sr_assert_ok(blob_s3_make_bucket(&all.direct.blob, &err), err);
    sr_assert_ok(fault_proxy_new(all.server.port, &all.proxy, &err), err);
    return -1;
}

void s3_job_end(void)
{
    fault_proxy_free(all.proxy);
    s3_client_close(&all.direct);
    s3_server_stop(&all.server);
    title_scratch_done();
}
