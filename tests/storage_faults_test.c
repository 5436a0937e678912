// Uploads and downloads through a proxy that spoils connections, in front of Ceph's S3: each ends
// with the same bytes as without faults, or fails cleanly: nothing under the name, and no upload
// that stays open after collecting.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "storage/blob_read.h"
#include "storage/blob_s3.h"
#include "storage/blob_write.h"
#include "tests/fault_proxy.h"
#include "tests/s3_server.h"

enum { BYTES = 3 * BLOB_PART_BYTES_MIN + 54321 };
#define KEY "faults/out.mp4"

static struct {
    struct s3_server server;
    struct s3_client direct;
    struct fault_proxy *proxy;
    char *content;
} all;

static struct http_params quick_params(void)
{
    struct http_params params = http_params_default();
    params.policy.allow_private = true;
    params.attempts_max = 6;
    params.backoff_us = 1000;
    params.backoff_us_max = 20000;
    params.stall_us = 1000 * 1000;
    params.retry_tokens_max = 100000;
    return params;
}

static bool upload(const struct blob *blob, struct sr_err *err)
{
    const struct blob_write_params params = {
        .blob = blob, .key = KEY, .head_bytes = 100, .part_bytes = BLOB_PART_BYTES_MIN
    };
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    if (!blob_write_open(&params, &writer, err))
        return false;
    for (size_t at = 0; at < BYTES; at += 1 << 20) {
        if (!sr_write(&writer, all.content + at, BYTES - at < 1 << 20 ? BYTES - at : 1 << 20, err))
            return false;
    }
    return writer.ops->rewrite_head(writer.self, 0, all.content, 100, err) &&
           writer.ops->publish(writer.self, err);
}

static bool download(const struct blob *blob, struct sr_err *err)
{
    const struct blob_cache_params cache_params = { .block_bytes = 256 << 10,
                                                    .bytes_max = 4 << 20 };
    sr_auto(blob_cache) struct blob_cache *cache = NULL;
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    if (!blob_cache_new(&cache_params, &cache, err))
        return false;
    const struct blob_read_params params = { .blob = blob, .key = KEY, .cache = cache };
    sr_auto(char) char *got = malloc(BYTES);
    assert_non_null(got);
    if (!blob_read_open(&params, &reader, err))
        return false;
    if (sr_reader_size(&reader) != BYTES)
        return sr_fail(err, SR_ERR_VERIFY, "the size is wrong");
    if (!sr_read_exact(&reader, 0, got, BYTES, err))
        return false;
    return memcmp(got, all.content, BYTES) == 0 ||
           sr_fail(err, SR_ERR_VERIFY, "the bytes are wrong");
}

static size_t open_uploads(void)
{
    struct sr_err err = { 0 };
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    sr_assert_ok(blob_uploads(&all.direct.blob, "faults/", &uploads, &err), err);
    return uploads.count;
}

static void clear(void)
{
    struct sr_err err = { 0 };
    size_t count;
    const char *const key = KEY;
    sr_assert_ok(blob_remove(&all.direct.blob, &key, 1, &err), err);
    sr_assert_ok(blob_abort_stale(&all.direct.blob, "faults/", INT64_MAX, &count, &err), err);
    assert_int_equal(open_uploads(), 0);
}

static void assert_absent(void)
{
    struct sr_err err = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_fails(blob_head(&all.direct.blob, KEY, &info, &err), SR_ERR_NOT_FOUND, err);
}

static const struct row {
    const char *name;
    struct fault_plan plan;
    bool hits_upload, hits_download;  // for ever: does it fail?
} rows[] = {
    { "refused", { FAULT_REFUSE, 0, 2, 0 }, true, true },
    { "503", { FAULT_503, 0, 2, 0 }, true, true },
    { "500", { FAULT_500, 0, 2, 0 }, true, true },
    { "reset while sending", { FAULT_RESET_IN, 1000000, 2, 0 }, true, false },
    { "reset while receiving", { FAULT_RESET_OUT, 100000, 2, 0 }, false, true },
    { "reset in the head of an answer", { FAULT_RESET_OUT, 20, 2, 0 }, true, true },
    { "body cut short", { FAULT_CUT, 200000, 2, 0 }, false, true },
    { "stall while sending", { FAULT_STALL_IN, 1000000, 2, 0 }, true, false },
    { "stall while receiving", { FAULT_STALL_OUT, 100000, 2, 0 }, false, true },
    { "a bit turned while sending", { FAULT_FLIP_IN, 1000000, 2, 0 }, false, false },
    { "latency", { FAULT_LATENCY, 0, 1, 0 }, false, false },
    { "small pieces", { FAULT_SLOW, 0, 1, 0 }, false, false },
    { "slow reader", { FAULT_READER, 0, 1, 0 }, false, false },
    { "burst of 503", { FAULT_503, 0, 1, 5 }, true, true },
    { "burst of 500", { FAULT_500, 0, 1, 5 }, true, true },
    { "longer than it says", { FAULT_SHORTER, 0, 2, 0 }, false, true },
    { "shorter than it says", { FAULT_LONGER, 0, 2, 0 }, false, true },
};

// Every other connection is spoilt: both ways end well.
static void heals(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    const struct http_params params = quick_params();
    clear();
    fault_proxy_plan(all.proxy, row->plan);
    struct s3_client client = s3_client_open(fault_proxy_url(all.proxy), all.server.access_key,
                                             all.server.secret, &params);
    sr_assert_ok(upload(&client.blob, &err), err);
    sr_assert_ok(download(&all.direct.blob, &err), err);
    s3_client_close(&client);
    client = s3_client_open(fault_proxy_url(all.proxy), all.server.access_key, all.server.secret,
                            &params);
    sr_assert_ok(download(&client.blob, &err), err);
    s3_client_close(&client);
    assert_true(fault_proxy_hits(all.proxy) > 0);
    // When the answer to the beginning of an upload is lost, the retry begins another; the first is
    // nobody's, and collected like what a crash leaves.
    if (row->plan.bytes != 20)
        assert_int_equal(open_uploads(), 0);
    clear();
}

// Every connection is spoilt: an error that says so, and nothing that could pass for a result.
static void fails_cleanly(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    struct http_params params = quick_params();
    params.attempts_max = 2;
    params.stall_us = 300 * 1000;
    struct fault_plan plan = row->plan;
    plan.every = 1;
    plan.burst = 0;
    if (row->hits_upload) {
        clear();
        fault_proxy_plan(all.proxy, plan);
        struct s3_client client = s3_client_open(fault_proxy_url(all.proxy), all.server.access_key,
                                                 all.server.secret, &params);
        assert_false(upload(&client.blob, &err));
        assert_true(sr_err_row(err.code)->retry);
        s3_client_close(&client);
        assert_absent();
    }
    if (row->hits_download) {
        clear();
        sr_assert_ok(upload(&all.direct.blob, &err), err);
        fault_proxy_plan(all.proxy, plan);
        struct s3_client client = s3_client_open(fault_proxy_url(all.proxy), all.server.access_key,
                                                 all.server.secret, &params);
        assert_false(download(&client.blob, &err));
        assert_int_not_equal(err.code, SR_ERR_VERIFY);
        assert_true(sr_err_row(err.code)->retry);
        s3_client_close(&client);
    }
    clear();
}

// A process that is killed while it uploads leaves no object; its upload is found and aborted.
static void killed(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    clear();
    fault_proxy_plan(all.proxy, (struct fault_plan){ FAULT_SLOW, 0, 1, 0 });
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "storage_faults_test", "upload", fault_proxy_url(all.proxy), NULL);
        _exit(127);
    }
    for (int i = 0; i < 3000 && fault_proxy_bytes_in(all.proxy) < 6 << 20; i++)
        (void)poll(NULL, 0, 10);
    assert_true(fault_proxy_bytes_in(all.proxy) >= 6 << 20);
    assert_int_equal(kill(child, SIGKILL), 0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_absent();
    assert_int_equal(open_uploads(), 1);
    size_t count;
    sr_assert_ok(blob_abort_stale(&all.direct.blob, "faults/", INT64_MAX, &count, &err), err);
    assert_int_equal(count, 1);
    assert_int_equal(open_uploads(), 0);
}

static void make_content(void)
{
    all.content = malloc(BYTES);
    assert_non_null(all.content);
    uint32_t x = 1;
    for (size_t i = 0; i < BYTES; i++) {
        x = x * 1664525u + 1013904223u;
        all.content[i] = (char)(x >> 24);
    }
}

static int upload_only(const char *endpoint)
{
    struct sr_err err = { 0 };
    const struct http_params params = quick_params();
    struct s3_client client =
        s3_client_open(endpoint, "splitreelaccess", "splitreelsecretkey", &params);
    return upload(&client.blob, &err) ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct sr_err err = { 0 };
    make_content();
    if (argc == 3 && strcmp(argv[1], "upload") == 0)
        return upload_only(argv[2]);
    switch (s3_server_start("tests/servers/ceph-rgw.sh", "splitreelaccess", "splitreelsecretkey",
                            &all.server)) {
    case S3_SERVER_MISSING: free(all.content); return 0;
    case S3_SERVER_FAILED: free(all.content); return 1;
    case S3_SERVER_RUNS: break;
    }
    const struct http_params params = quick_params();
    all.direct =
        s3_client_open(all.server.endpoint, all.server.access_key, all.server.secret, &params);
    sr_assert_ok(blob_s3_make_bucket(&all.direct.blob, &err), err);
    sr_assert_ok(fault_proxy_new(all.server.port, &all.proxy, &err), err);
    static struct CMUnitTest tests[2 * SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, heals);
    count +=
        sr_test_add_rows(tests + count, rows, SR_TEST_COUNT(rows), sizeof(rows[0]), fails_cleanly);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(killed);
    const int failed = sr_test_run(__FILE__, tests, count);
    fault_proxy_free(all.proxy);
    s3_client_close(&all.direct);
    s3_server_stop(&all.server);
    free(all.content);
    return failed;
}
