// What a job's readers share. Stores and readers have tests of their own.
#include "pipeline/remote.h"

#include "base/io.h"
#include "base/test.h"
#include "net/http_fake.h"

enum { SIZE = 40 << 20, STEP = 1 << 20 };  // more than the cache of one task

static const char *env(void *self, const char *name)
{
    if (strcmp(name, "AWS_ENDPOINT_URL_S3") == 0)
        return self;
    if (strcmp(name, "AWS_ACCESS_KEY_ID") == 0 || strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0)
        return "key";
    return NULL;
}

// An object of SIZE bytes, each of which says which MiB it is in.
static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    (void)self;
    size_t first = 0, last = 0;
    const char *const range = http_header_find(request->headers, request->header_count, "Range");
    reply->status = 200;
    snprintf(reply->headers, sizeof(reply->headers), "ETag: \"e\"\r\nContent-Length: %d\r\n", SIZE);
    if (!range || sscanf(range, "bytes=%zu-%zu", &first, &last) != 2 || last >= SIZE)
        return;
    reply->status = 206;
    snprintf(reply->headers, sizeof(reply->headers),
             "ETag: \"e\"\r\nContent-Range: bytes %zu-%zu/%d\r\n", first, last, SIZE);
    reply->body_bytes = last - first + 1;
    reply->body = malloc(reply->body_bytes);
    for (size_t i = 0; reply->body && i < reply->body_bytes; i++)
        reply->body[i] = (char)((first + i) / STEP);
}

static void read_through(const struct sr_reader *reader)
{
    struct sr_err err = { 0 };
    char *const data = malloc(STEP);
    assert_non_null(data);
    for (uint64_t at = 0; at < SIZE; at += STEP) {
        sr_assert_ok(sr_read_exact(reader, at, data, STEP, &err), err);
        assert_true(data[0] == (char)(at / STEP) && data[STEP - 1] == data[0]);
    }
    free(data);
}

static uint64_t fetched(struct remote *remote)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *stats = NULL;
    sr_assert_ok(remote_stats(remote, &stats, &err), err);
    return (uint64_t)json_integer_value(json_object_get(json_object_get(stats, "cache"), "bytes"));
}

// Two that read all of it, one after the other: a whole job fetches it once, where the machine has
// the memory; a task of a job keeps to less.
static void read_by_two(void **state)
{
    (void)state;
    static const size_t readers[] = { 2, 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(readers); i++) {
        struct sr_err err = { 0 };
        sr_auto(http_fake) struct http_fake *fake = NULL;
        sr_assert_ok(http_fake_new(answer, NULL, &fake, &err), err);
        const struct blob_stores_params stores = { .env = env,
                                                   .env_self =
                                                       (char *)(uintptr_t)http_fake_url(fake) };
        const struct remote_params params = { .stores = &stores, .reader_count = readers[i] };
        sr_auto(remote) struct remote *remote = NULL;
        const struct blob_place *place;
        sr_assert_ok(remote_new(&params, &remote, &err), err);
        sr_assert_ok(remote_open(remote, "s3://bucket/key", BLOB_PLACE_READ, &place, &err), err);
        for (int pass = 0; pass < 2; pass++) {
            sr_auto(sr_reader) struct sr_reader reader = { 0 };
            sr_assert_ok(remote_reader(remote, &place->blob, place->key, NULL, &reader, &err), err);
            read_through(&reader);
        }
        if (readers[i])
            assert_int_equal(fetched(remote), SIZE);
        else
            assert_true(fetched(remote) > SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(read_by_two) };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
