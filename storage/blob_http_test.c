#include "storage/blob_http.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "base/str.h"
#include "base/test.h"
#include "net/http_fake.h"
#include "storage/blob_read.h"

static const char content[] = "The quick brown fox jumps over the lazy dog";
enum { SIZE = sizeof(content) - 1 };

enum oddity {
    GOOD,
    NO_RANGES,
    NO_HEAD,
    WRONG_PLACE,
    TOO_SHORT,
    WRONG_TOTAL,
    WEAK,
    NO_VERSION,
    MOVED
};

struct scene {
    struct http_fake *fake;
    struct http *http;
    enum oddity oddity;
    const char *etag, *date;
    atomic_uint requests;
};

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    struct scene *scene = self;
    atomic_fetch_add(&scene->requests, 1);
    const bool head = strcmp(request->method, "HEAD") == 0;
    if (strcmp(request->target, "/d/old") == 0) {
        http_fake_text(reply, 302, "");
        strcpy(reply->headers, "Location: /d/a%20b\r\n");
        return;
    }
    if (strcmp(request->target, "/d/a%20b") != 0 &&
        strcmp(request->target, "/d/a%20b?sig=1") != 0) {
        http_fake_text(reply, 404, "no");
        return;
    }
    if (head && scene->oddity == NO_HEAD) {
        http_fake_text(reply, 403, "signed for GET");
        return;
    }
    int bytes = 0;
    if (scene->oddity != NO_VERSION)
        bytes =
            snprintf(reply->headers, sizeof(reply->headers), "ETag: %s%s\r\nLast-Modified: %s\r\n",
                     scene->oddity == WEAK ? "W/" : "", scene->etag, scene->date);
    char *more = reply->headers + bytes;
    const char *range = http_header_find(request->headers, request->header_count, "range");
    const char *match = http_header_find(request->headers, request->header_count, "if-match");
    uint64_t first = 0, last = SIZE - 1;
    if (match && strcmp(match, scene->etag) != 0) {
        http_fake_text(reply, 412, "changed");
        return;
    }
    if (!range || scene->oddity == NO_RANGES) {
        http_fake_text(reply, 200, content);
        return;
    }
    if (sscanf(range, "bytes=%" SCNu64 "-%" SCNu64, &first, &last) < 1 || first >= SIZE) {
        http_fake_text(reply, 416, "beyond");
        sprintf(more, "Content-Range: bytes */%d\r\n", SIZE);
        return;
    }
    if (last >= SIZE)
        last = SIZE - 1;
    if (scene->oddity == TOO_SHORT && last > first)
        last--;
    char text[sizeof(content)];
    memcpy(text, content + first, last - first + 1);
    text[last - first + 1] = '\0';
    if (scene->oddity == WRONG_PLACE)
        first++, last++;
    sprintf(more, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%d\r\n", first, last,
            scene->oddity == WRONG_TOTAL ? 5 : SIZE);
    http_fake_text(reply, 206, text);
}

static struct blob begin(struct scene *scene, enum oddity oddity, const char *path)
{
    struct sr_err err = { 0 };
    *scene = (struct scene){ .oddity = oddity,
                             .etag = "\"v1\"",
                             .date = "Sun, 22 Nov 2026 15:00:00 GMT" };
    struct http_params params = http_params_default();
    params.policy.allow_private = true;
    params.backoff_us = 0;
    params.attempts_max = 2;
    sr_assert_ok(http_fake_new(answer, scene, &scene->fake, &err), err);
    sr_assert_ok(http_new(&params, &scene->http, &err), err);
    sr_auto(char) char *base = sr_strf(&err, "%s%s", http_fake_url(scene->fake), path);
    const struct blob_http_params store = { .base = base, .http = scene->http };
    struct blob blob;
    sr_assert_ok(blob_http_open(&store, &blob, &err), err);
    return blob;
}

static void end(struct scene *scene, struct blob *blob)
{
    blob_close(blob);
    http_free(scene->http);
    http_fake_free(scene->fake);
}

static const struct row {
    const char *name;
    enum oddity oddity;
    enum sr_err_code whole, middle;  // of reading all, and four bytes from the middle
} rows[] = {
    { "good", GOOD, SR_OK, SR_OK },
    { "no ranges", NO_RANGES, SR_OK, SR_ERR_UNSUPPORTED },
    { "no HEAD", NO_HEAD, SR_OK, SR_OK },
    { "another place", WRONG_PLACE, SR_ERR_STORAGE, SR_ERR_STORAGE },
    { "less than asked for", TOO_SHORT, SR_ERR_NETWORK, SR_ERR_NETWORK },
    { "a size that cannot be", WRONG_TOTAL, SR_ERR_STORAGE, SR_ERR_STORAGE },
    { "weak ETag", WEAK, SR_OK, SR_OK },
    { "no ETag, no date", NO_VERSION, SR_OK, SR_OK },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    struct scene scene;
    struct blob blob = begin(&scene, row->oddity, "/d/");
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_ok(blob_head(&blob, "a b", &info, &err), err);
    assert_int_equal(info.bytes, SIZE);
    for (int middle = 0; middle < 2; middle++) {
        const enum sr_err_code code = middle ? row->middle : row->whole;
        const uint64_t offset = middle ? 10 : 0;
        char buffer[SIZE];
        size_t bytes = 0;
        const size_t want = middle ? 4 : SIZE;
        if (code == SR_OK) {
            sr_assert_ok(
                blob_get_bytes(&blob, "a b", info.etag, offset, buffer, want, &bytes, &err), err);
            assert_int_equal(bytes, want);
            assert_memory_equal(buffer, content + offset, want);
        } else {
            sr_assert_fails(
                blob_get_bytes(&blob, "a b", info.etag, offset, buffer, want, &bytes, &err), code,
                err);
        }
    }
    end(&scene, &blob);
}

static void beyond_and_absent(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    struct blob blob = begin(&scene, GOOD, "/d/");
    char buffer[8];
    size_t bytes = 9;
    sr_assert_ok(blob_get_bytes(&blob, "a b", NULL, SIZE + 5, buffer, 8, &bytes, &err), err);
    assert_int_equal(bytes, 0);
    sr_assert_ok(blob_get_bytes(&blob, "a b", NULL, SIZE - 3, buffer, 8, &bytes, &err), err);
    assert_int_equal(bytes, 3);
    sr_assert_fails(blob_get_bytes(&blob, "nothing", NULL, 0, buffer, 8, &bytes, &err),
                    SR_ERR_NOT_FOUND, err);
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_fails(blob_head(&blob, "nothing", &info, &err), SR_ERR_NOT_FOUND, err);
    sr_assert_ok(blob_head(&blob, "old", &info, &err), err);  // a redirect
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = "x" };
    sr_assert_fails(blob_put(&blob, &put, etag, &err), SR_ERR_UNSUPPORTED, err);
    struct blob_page page;
    const struct blob_list list = { .prefix = "" };
    sr_assert_fails(blob_list(&blob, &list, &page, &err), SR_ERR_UNSUPPORTED, err);
    end(&scene, &blob);
}

// A presigned URL is one object; its query goes along and shows in no error.
static void presigned(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    struct blob blob = begin(&scene, NO_HEAD, "/d/a%20b?sig=1");
    sr_auto(char) char *text = NULL;
    size_t bytes;
    sr_assert_ok(blob_load(&blob, BLOB_HTTP_WHOLE, 100, &text, &bytes, &err), err);
    assert_string_equal(text, content);
    struct blob_info info;
    sr_assert_fails(blob_head(&blob, "other", &info, &err), SR_ERR_NOT_FOUND, err);
    end(&scene, &blob);
    blob = begin(&scene, GOOD, "/d/gone?sig=very-secret");
    sr_assert_fails(blob_head(&blob, BLOB_HTTP_WHOLE, &info, &err), SR_ERR_NOT_FOUND, err);
    assert_null(strstr(err.message, "very-secret"));
    end(&scene, &blob);
}

// Whether by ETag or by date: an object that changes between two reads is not mixed.
static void changed_meanwhile(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const enum oddity kinds[] = { GOOD, WEAK };
    for (size_t i = 0; i < SR_TEST_COUNT(kinds); i++) {
        struct scene scene;
        struct blob blob = begin(&scene, kinds[i], "/d/");
        sr_auto(blob_cache) struct blob_cache *cache = NULL;
        const struct blob_cache_params cache_params = { .block_bytes = 8 };
        sr_assert_ok(blob_cache_new(&cache_params, &cache, &err), err);
        {
            sr_auto(sr_reader) struct sr_reader reader = { 0 };
            const struct blob_read_params params = { .blob = &blob, .key = "a b", .cache = cache };
            sr_assert_ok(blob_read_open(&params, &reader, &err), err);
            char buffer[4];
            sr_assert_ok(sr_read_exact(&reader, 0, buffer, 4, &err), err);
            assert_memory_equal(buffer, content, 4);
            scene.etag = "\"v2\"";
            scene.date = "Sun, 22 Nov 2026 15:00:01 GMT";
            sr_assert_fails(sr_read_exact(&reader, 32, buffer, 4, &err), SR_ERR_CONFLICT, err);
        }
        end(&scene, &blob);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 3];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(beyond_and_absent);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(presigned);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(changed_meanwhile);
    return sr_test_run(__FILE__, tests, count);
}
