#include "net/http.h"

#include <stdatomic.h>

#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "net/http_fake.h"

// What the server does with its first answers; then it answers well.
enum trouble {
    NONE,
    UNAVAILABLE,
    BROKEN,
    CUT,
    STALL,
    SILENT,
    MISSING,
    REDIRECT,
    AFTER,
    BIG,
    CANCEL,
    LONGER,
    BARE
};

struct scene {
    struct http_fake *fake;
    struct http *http;
    enum trouble trouble;
    unsigned trouble_count;  // how many answers are bad
    const char *location;
    struct sr_cancel *cancel;
    atomic_uint requests;
    struct sr_mutex lock;
    struct sr_str seen;  // under `lock`: "METHOD target body\n"
    bool authorized;
};

static void misbehave(struct scene *scene, struct http_fake_reply *reply)
{
    static const char body[] = "0123456789";
    switch (scene->trouble) {
    case UNAVAILABLE: http_fake_text(reply, 503, "SlowDown"); return;
    case BROKEN: http_fake_text(reply, 500, "oops"); return;
    case MISSING: http_fake_text(reply, 404, "no such thing"); return;
    case SILENT: reply->silent = true; return;
    case REDIRECT:
        http_fake_text(reply, 307, "elsewhere");
        snprintf(reply->headers, sizeof(reply->headers), "Location: %s\r\n", scene->location);
        return;
    case AFTER:
        http_fake_text(reply, 429, "");
        snprintf(reply->headers, sizeof(reply->headers), "Retry-After: %s\r\n",
                 scene->location ? scene->location : "1");
        return;
    case BARE:
        http_fake_text(reply, 200, "23456HTTP/1.1 200 OK\r\n\r\n");
        reply->bare = true;
        return;
    case LONGER:
        http_fake_text(reply, 200, body);
        strcpy(reply->headers, "Content-Length: 4000\r\n");
        reply->cut = true;
        reply->cut_bytes = 10;
        return;
    case CANCEL: sr_cancel_set(scene->cancel); break;
    default: break;
    }
    http_fake_text(reply, 200, body);
    reply->cut = scene->trouble == CUT;
    reply->stall = scene->trouble == STALL || scene->trouble == CANCEL;
    reply->cut_bytes = 4;
    if (scene->trouble == BIG) {
        for (int i = 0; i < 200; i++)
            strcat(reply->headers, "X: y\r\n");
    }
}

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    struct scene *scene = self;
    struct sr_err err = { 0 };
    sr_lock(&scene->lock);
    if (!sr_str_addf(&scene->seen, &err, "%s %s %.*s\n", request->method, request->target,
                     request->body_bytes < 100 ? (int)request->body_bytes : 100, request->body))
        abort();
    scene->authorized |=
        http_header_find(request->headers, request->header_count, "authorization") != NULL;
    sr_unlock(&scene->lock);
    if (atomic_fetch_add(&scene->requests, 1) < scene->trouble_count) {
        misbehave(scene, reply);
        return;
    }
    http_fake_text(reply, 200, "0123456789");
    strcpy(reply->headers, "ETag:  \"abc\" \r\nX-Empty:\r\n");
}

static struct http_params quick_params(void)
{
    struct http_params params = http_params_default();
    params.policy.allow_private = true;
    params.backoff_us = 1000;
    params.backoff_us_max = 2000;
    params.stall_us = 150 * 1000;
    return params;
}

static void begin(struct scene *scene, const struct http_params *params, enum trouble trouble,
                  unsigned count)
{
    struct sr_err err = { 0 };
    *scene = (struct scene){ .trouble = trouble, .trouble_count = count };
    sr_assert_ok(sr_mutex_init(&scene->lock, &err), err);
    sr_assert_ok(http_fake_new(answer, scene, &scene->fake, &err), err);
    sr_assert_ok(http_new(params, &scene->http, &err), err);
}

static void end(struct scene *scene)
{
    http_free(scene->http);
    http_fake_free(scene->fake);
    sr_str_done(&scene->seen);
    sr_mutex_done(&scene->lock);
}

static char *url_of(const struct scene *scene, const char *path)
{
    struct sr_err err = { 0 };
    char *url = sr_strf(&err, "%s%s", http_fake_url(scene->fake), path);
    assert_non_null(url);
    return url;
}

struct got {
    char text[64];
    unsigned restarts;
};
static void collect(void *self, uint64_t offset, const void *data, size_t bytes)
{
    struct got *got = self;
    got->restarts += offset == 0;
    assert_true(offset + bytes < sizeof(got->text));
    memcpy(got->text + offset, data, bytes);
}

// Which trouble ends how, when the server misbehaves once and when it does so for ever.
static const struct row {
    const char *name;
    enum trouble trouble;
    enum sr_err_code code;  // for ever
    bool recovers;
} rows[] = {
    { "503", UNAVAILABLE, SR_ERR_BUSY, true },
    { "500", BROKEN, SR_ERR_STORAGE, true },
    { "404", MISSING, SR_ERR_NOT_FOUND, false },
    { "cut body", CUT, SR_ERR_NETWORK, true },
    { "body that stalls", STALL, SR_ERR_TIMEOUT, true },
    { "closed at once", SILENT, SR_ERR_NETWORK, true },
    { "wrong length", LONGER, SR_ERR_NETWORK, true },
    { "no HTTP", BARE, SR_ERR_NETWORK, true },
    { "too many headers", BIG, SR_ERR_TOO_LARGE, false },
    { "429 with Retry-After", AFTER, SR_ERR_BUSY, true },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    const struct http_params params = quick_params();
    for (unsigned count = 1; count <= 1000; count += 999) {
        struct scene scene;
        begin(&scene, &params, row->trouble, count);
        sr_auto(char) char *url = url_of(&scene, "/x");
        struct got got = { 0 };
        const struct http_request request = {
            .method = "GET", .url = url, .sink = collect, .self = &got, .attempts_max = 3
        };
        sr_auto(http_response) struct http_response reply = { 0 };
        if (count == 1 && row->recovers) {
            sr_assert_ok(http_run(scene.http, &request, &reply, &err), err);
            assert_int_equal(reply.attempts, 2);
            assert_string_equal(got.text, "0123456789");
            assert_int_equal(http_stats(scene.http).retries, 1);
        } else {
            sr_assert_fails(http_run(scene.http, &request, &reply, &err), row->code, err);
            assert_int_equal(scene.requests, row->recovers ? 3 : 1);
            sr_assert_contains(err.message, "GET http://127.0.0.1:");
        }
        end(&scene);
    }
}

static void get_and_headers(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct http_params params = quick_params();
    struct scene scene;
    begin(&scene, &params, NONE, 0);
    sr_auto(char) char *url = url_of(&scene, "/a//b/../c%20d?x=1");
    const struct http_request request = { .method = "GET", .url = url };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_assert_ok(http_run(scene.http, &request, &reply, &err), err);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "0123456789");
    assert_string_equal(http_response_header(&reply, "etag"), "\"abc\"");
    assert_string_equal(http_response_header(&reply, "x-empty"), "");
    assert_null(http_response_header(&reply, "nothing"));
    assert_string_equal(scene.seen.text, "GET /a//b/../c%20d?x=1 \n");
    end(&scene);
}

static void methods_and_bodies(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct http_totals totals = { 0 };
    struct http_params params = quick_params();
    params.totals = &totals;
    struct scene scene;
    begin(&scene, &params, NONE, 0);
    sr_auto(char) char *url = url_of(&scene, "/k");
    static const char *const methods[] = { "PUT", "POST", "DELETE", "HEAD" };
    for (size_t i = 0; i < SR_TEST_COUNT(methods); i++) {
        for (int with = 0; with < 2; with++) {
            const struct http_request request = { .method = methods[i],
                                                  .url = url,
                                                  .body = with ? "body" : NULL,
                                                  .body_bytes = with ? 4 : 0 };
            sr_auto(http_response) struct http_response reply = { 0 };
            sr_assert_ok(http_run(scene.http, &request, &reply, &err), err);
        }
    }
    assert_string_equal(scene.seen.text,
                        "PUT /k \nPUT /k body\nPOST /k \nPOST /k body\nDELETE /k \nDELETE /k body\n"
                        "HEAD /k \nHEAD /k \n");
    const struct http_stats stats = http_stats(scene.http);
    assert_int_equal(stats.requests, 8);
    assert_int_equal(stats.sent_bytes, 12);
    assert_int_equal(totals.requests, 8);
    assert_int_equal(totals.retries, 0);
    assert_int_equal(totals.sent_bytes, 12);
    assert_int_equal(totals.received_bytes, stats.received_bytes);
    end(&scene);
}

// A body that is retried is sent again from its beginning.
static void body_again(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct http_params params = quick_params();
    struct scene scene;
    begin(&scene, &params, UNAVAILABLE, 2);
    sr_auto(char) char *url = url_of(&scene, "/k");
    const struct http_request request = {
        .method = "PUT", .url = url, .body = "body", .body_bytes = 4
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_assert_ok(http_run(scene.http, &request, &reply, &err), err);
    assert_string_equal(scene.seen.text, "PUT /k body\nPUT /k body\nPUT /k body\n");
    end(&scene);
}

static void budget_ends_retries(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct http_params params = quick_params();
    params.retry_tokens_max = 10;  // two retries
    struct scene scene;
    begin(&scene, &params, UNAVAILABLE, 1000);
    sr_auto(char) char *url = url_of(&scene, "/x");
    const struct http_request request = { .method = "GET", .url = url, .attempts_max = 50 };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_assert_fails(http_run(scene.http, &request, &reply, &err), SR_ERR_BUSY, err);
    sr_assert_contains(err.message, "retry budget");
    assert_int_equal(scene.requests, 3);
    sr_assert_fails(http_run(scene.http, &request, &reply, &err), SR_ERR_BUSY, err);
    assert_int_equal(scene.requests, 4);
    end(&scene);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct http_params params = quick_params();
    struct scene scene;
    begin(&scene, &params, NONE, 0);
    sr_auto(char) char *url = url_of(&scene, "/x");
    http_fake_free(sr_take(scene.fake));  // the port is free again
    const struct http_request request = { .method = "GET", .url = url, .attempts_max = 2 };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_assert_fails(http_run(scene.http, &request, &reply, &err), SR_ERR_NETWORK, err);
    end(&scene);
}

// The allow-list holds for what a name resolves to, not for how it is spelt.
static void private_addresses(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    struct http_params params = quick_params();
    begin(&scene, &params, NONE, 0);
    char with_port[32], other_port[32];
    snprintf(with_port, sizeof(with_port), "localhost:%u", http_fake_port(scene.fake));
    snprintf(other_port, sizeof(other_port), "localhost:%d", http_fake_port(scene.fake) ^ 1);
    const struct {
        const char *host, *allow;
        bool open;
    } cases[] = {
        { "127.0.0.1", NULL, false },         { "localhost", NULL, false },
        { "127.1.2.3", NULL, false },         { "127.0.0.1", "10.0.0.0/8", false },
        { "127.0.0.1", "127.0.0.0/8", true }, { "localhost", "127.0.0.0/8", true },
        { "localhost", "localhost", true },   { "127.0.0.1", "localhost", false },
        { "localhost", with_port, true },     { "localhost", other_port, false },
        { "localhost", "ocalhost", false },   { "127.0.0.1", "127.0.0.1", true },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        const char *const allow[] = { cases[i].allow, NULL };
        params.policy = (struct http_policy){ .allow = allow };
        sr_auto(http) struct http *http = NULL;
        sr_assert_ok(http_new(&params, &http, &err), err);
        sr_auto(char) char *url =
            sr_strf(&err, "http://%s:%u/", cases[i].host, http_fake_port(scene.fake));
        const struct http_request request = { .method = "GET", .url = url };
        sr_auto(http_response) struct http_response reply = { 0 };
        const bool open = http_run(http, &request, &reply, &err);
        if (open != cases[i].open || (!open && err.code != SR_ERR_DENIED))
            fail_msg("%s with %s: %d %s", cases[i].host, cases[i].allow, open, err.message);
    }
    end(&scene);
}

static void redirects(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct http_params params = quick_params();
    static const struct {
        const char *method, *location;
        uint32_t redirects_max;
        unsigned times;
        enum sr_err_code code;
        const char *seen;
    } cases[] = {
        { "GET", "../y?z=1", 3, 1, SR_OK, "GET /d/x \nGET /y?z=1 \n" },
        { "HEAD", "/y", 3, 2, SR_OK, "HEAD /d/x \nHEAD /y \nHEAD /y \n" },
        { "GET", "/y", 2, 100, SR_ERR_INVALID, "GET /d/x \nGET /y \nGET /y \n" },
        { "GET", "/y", 0, 1, SR_ERR_INVALID, "GET /d/x \n" },
        { "PUT", "/y", 3, 1, SR_ERR_INVALID, "PUT /d/x \n" },
        { "GET", "file:///etc/passwd", 3, 1, SR_ERR_INVALID, "GET /d/x \n" },
        { "GET", "http://user:pw@127.0.0.1/", 3, 1, SR_ERR_INVALID, "GET /d/x \n" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        struct scene scene;
        begin(&scene, &params, REDIRECT, cases[i].times);
        scene.location = cases[i].location;
        sr_auto(char) char *url = url_of(&scene, "/d/x");
        const struct http_request request = { .method = cases[i].method,
                                              .url = url,
                                              .redirects_max = cases[i].redirects_max };
        sr_auto(http_response) struct http_response reply = { 0 };
        if (cases[i].code == SR_OK)
            sr_assert_ok(http_run(scene.http, &request, &reply, &err), err);
        else
            sr_assert_fails(http_run(scene.http, &request, &reply, &err), cases[i].code, err);
        assert_string_equal(scene.seen.text, cases[i].seen);
        end(&scene);
    }
}

// A redirect is no way around the allow-list.
static void redirect_inwards(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct http_params params = quick_params();
    const char *const allow[] = { "127.0.0.1", NULL };
    params.policy = (struct http_policy){ .allow = allow };
    struct scene scene;
    begin(&scene, &params, REDIRECT, 1);
    scene.location = "http://127.0.0.2/latest/meta-data/";
    sr_auto(char) char *url = url_of(&scene, "/x");
    const struct http_request request = { .method = "GET", .url = url, .redirects_max = 3 };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_assert_fails(http_run(scene.http, &request, &reply, &err), SR_ERR_DENIED, err);
    end(&scene);
}

static bool sign(void *self, struct http_attempt *attempt, struct sr_err *err)
{
    (void)self;
    return http_attempt_header(attempt, "Authorization", "very-secret-header", err);
}

// Neither the log nor the error shows a query, a header or a body.
static void nothing_secret_shows(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    assert_non_null(file);
    struct sr_log log;
    sr_assert_ok(sr_log_open(file, SR_LOG_DEBUG, sr_clock_system(), &log, &err), err);
    struct http_params params = quick_params();
    params.log = &log;
    params.backoff_us = 0;
    struct scene scene;
    begin(&scene, &params, AFTER, 1000);
    sr_auto(char) char *url = url_of(&scene, "/x?X-Amz-Signature=very-secret-query");
    const struct http_request request = { .method = "PUT",
                                          .url = url,
                                          .body = "very-secret-body",
                                          .body_bytes = 16,
                                          .prepare = sign,
                                          .attempts_max = 3 };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_assert_fails(http_run(scene.http, &request, &reply, &err), SR_ERR_BUSY, err);
    assert_true(scene.authorized);
    sr_log_close(&log);
    fclose(file);
    assert_null(strstr(err.message, "very-secret"));
    assert_null(strstr(text, "very-secret"));
    sr_assert_contains(text, "request retried");
    sr_assert_contains(text, "2000");  // Retry-After: 1, cut to the longest wait
    end(&scene);
    free(text);
}

// Spec: RFC 9110 section 10.2.3: seconds, or a date; never longer than our longest wait (2 ms here).
static void retry_after(void **state)
{
    (void)state;
    static const struct {
        const char *value, *waits;
    } cases[] = {
        { "1", "2000" },
        { "0", "0" },
        { "99999999999999999999", "2000" },
        { "soon", "0" },
        { "-5", "0" },
        { "Fri, 31 Dec 2100 23:59:59 GMT", "2000" },
        { "Sun, 06 Nov 1994 08:49:37 GMT", "0" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        struct sr_err err = { 0 };
        char *text = NULL, want[32];
        size_t bytes = 0;
        FILE *file = open_memstream(&text, &bytes);
        struct sr_log log;
        sr_assert_ok(sr_log_open(file, SR_LOG_DEBUG, sr_clock_system(), &log, &err), err);
        struct http_params params = quick_params();
        params.log = &log;
        params.backoff_us = 0;
        struct scene scene;
        begin(&scene, &params, AFTER, 1);
        scene.location = cases[i].value;
        sr_auto(char) char *url = url_of(&scene, "/x");
        const struct http_request request = { .method = "GET", .url = url };
        sr_auto(http_response) struct http_response reply = { 0 };
        sr_assert_ok(http_run(scene.http, &request, &reply, &err), err);
        assert_int_equal(reply.attempts, 2);
        sr_log_close(&log);
        fclose(file);
        snprintf(want, sizeof(want), "\"wait_us\":%s,", cases[i].waits);
        sr_assert_contains(text, want);
        end(&scene);
        free(text);
    }
}

static void header_injection(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct http_params params = quick_params();
    struct scene scene;
    begin(&scene, &params, NONE, 0);
    sr_auto(char) char *url = url_of(&scene, "/x");
    const struct http_header header = { "X-A", "1\r\nX-B: 2" };
    const struct http_request request = {
        .method = "GET", .url = url, .headers = &header, .header_count = 1
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_assert_fails(http_run(scene.http, &request, &reply, &err), SR_ERR_INVALID, err);
    assert_int_equal(scene.requests, 0);
    end(&scene);
}

static void reply_too_large(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct http_params params = quick_params();
    struct scene scene;
    begin(&scene, &params, NONE, 0);
    sr_auto(char) char *url = url_of(&scene, "/x");
    struct http_request request = { .method = "GET", .url = url, .reply_bytes_max = 9 };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_assert_fails(http_run(scene.http, &request, &reply, &err), SR_ERR_TOO_LARGE, err);
    request.reply_bytes_max = 10;
    sr_assert_ok(http_run(scene.http, &request, &reply, &err), err);
    end(&scene);
}

static void cancelled_midway(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct http_params params = quick_params();
    params.stall_us = 60 * 1000000;
    struct sr_cancel cancel;
    sr_cancel_init(&cancel, NULL, sr_clock_system(), INT64_MAX);
    struct scene scene;
    begin(&scene, &params, CANCEL, 1000);
    scene.cancel = &cancel;
    sr_auto(char) char *url = url_of(&scene, "/x");
    const struct http_request request = { .method = "GET", .url = url, .cancel = &cancel };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_assert_fails(http_run(scene.http, &request, &reply, &err), SR_ERR_CANCELLED, err);
    assert_int_equal(scene.requests, 1);
    sr_assert_fails(http_run(scene.http, &request, &reply, &err), SR_ERR_CANCELLED, err);
    assert_int_equal(scene.requests, 1);
    end(&scene);
}

enum { THREADS = 6, EACH = 20 };
static void many_gets(void *arg)
{
    struct scene *scene = arg;
    struct sr_err err = { 0 };
    char *url = url_of(scene, "/x");
    for (int i = 0; i < EACH; i++) {
        const struct http_request request = { .method = "GET", .url = url };
        sr_auto(http_response) struct http_response reply = { 0 };
        if (!http_run(scene->http, &request, &reply, &err) || strcmp(reply.body, "0123456789") != 0)
            abort();
    }
    free(url);
}

static void many_threads(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct http_params params = quick_params();
    struct scene scene;
    begin(&scene, &params, UNAVAILABLE, 4);  // fewer than one caller may try
    struct sr_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        sr_assert_ok(sr_thread_start("gets", many_gets, &scene, &threads[i], &err), err);
    for (int i = 0; i < THREADS; i++)
        sr_thread_join(threads[i]);
    const struct http_stats stats = http_stats(scene.http);
    assert_int_equal(stats.requests, THREADS * EACH + 4);
    assert_int_equal(stats.retries, 4);
    end(&scene);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 14];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(get_and_headers);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(methods_and_bodies);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(body_again);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(budget_ends_retries);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(nobody_listens);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(private_addresses);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(redirects);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(redirect_inwards);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(nothing_secret_shows);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(header_injection);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(retry_after);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(reply_too_large);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(cancelled_midway);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(many_threads);
    return sr_test_run(__FILE__, tests, count);
}
