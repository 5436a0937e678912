// How bodies are covered on their way out and in, against a server of the test's own that undoes
// chunks, checks every signature and keeps checksums, or not.
#include "base/hash.h"
#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "net/http_fake.h"
#include "net/sigv4_chunked.h"
#include "storage/blob_s3.h"

#define WALL_US (1767225600LL * 1000000)
enum { BIG = 9 * SIGV4_CHUNK_BYTES + 17 };  // over a MiB

struct scene {
    struct http_fake *fake;
    struct http *http;
    struct credentials *credentials;
    struct sr_clock_fake clock;
    struct blob blob;
    struct sr_mutex lock;
    // under `lock`
    char *kept;
    size_t kept_bytes;
    char kept_checksum[64];
    const char *sum_header;  // under which an answer to GET has it
    char payload_hash[80];   // of the last request with a body
    char range[64];          // that was asked for last
    char complete[1024];     // the document that ended the upload
    bool had_md5, had_encoding;
    unsigned requests, unsigned_requests;
    // what the server is like
    bool no_etag;       // or one that is no MD5
    bool no_checksums;  // does not know them
    bool lies;          // says another checksum than came
    unsigned spoil;     // so many answers have a bit turned
    unsigned shorten;   // so many are shorter than the range they name
    const char *type;   // x-amz-checksum-type
};

static const char *header(const struct http_fake_request *request, const char *name)
{
    const char *value = http_header_find(request->headers, request->header_count, name);
    return value ? value : "";
}

static const struct sigv4_params params = {
    .key = { "AK", "secret", NULL },
    .scope = { .region = "us-east-1", .service = "s3", .path_once = true },
    .wall_us = WALL_US,
};

// The body without its chunks; NULL when one is not signed as it came.
static char *undo_chunks(const struct http_fake_request *request, const char *seed, size_t *ret)
{
    struct sr_err err = { 0 };
    struct sigv4_stream stream;
    char *const plain = malloc(request->body_bytes + 1);
    size_t got = 0;
    assert_non_null(plain);
    sr_assert_ok(sigv4_stream_init(&params, seed, &stream, &err), err);
    const char *at = request->body, *const end = request->body + request->body_bytes;
    for (;;) {
        char *rest;
        const size_t bytes = strtoul(at, &rest, 16);
        char signature[65];
        if (sscanf(rest, ";chunk-signature=%64[0-9a-f]", signature) != 1)
            break;
        at = rest + strlen(";chunk-signature=") + 64 + 2;
        if ((size_t)(end - at) < bytes + 2 ||
            !sigv4_stream_verify(&stream, at, bytes, signature, &err))
            break;
        memcpy(plain + got, at, bytes);
        got += bytes;
        at += bytes + 2;
        if (bytes == 0) {
            *ret = got;
            return plain;
        }
    }
    free(plain);
    return NULL;
}

// Whether it is signed, chunks and all; gives the plain body.
static char *take_body(struct scene *scene, const struct http_fake_request *request, size_t *ret)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *path = sr_str_dup(request->target, &err);
    char *query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    const char *const said = header(request, "x-amz-content-sha256");
    const struct sigv4_request as_sent = { request->method,       path, query, request->headers,
                                           request->header_count, said };
    struct sigv4_claim claim;
    if (!sigv4_parse(&as_sent, &claim, &err) || !sigv4_verify(&params, &as_sent, &claim, &err)) {
        scene->unsigned_requests++;
        return NULL;
    }
    if (strcmp(said, SIGV4_STREAMING) == 0) {
        char *const plain = undo_chunks(request, claim.signature, ret);
        if (!plain || *ret != strtoul(header(request, "x-amz-decoded-content-length"), NULL, 10))
            scene->unsigned_requests++;
        return plain;
    }
    uint8_t digest[SR_SHA256_BYTES];
    char hash[SR_SHA256_HEX];
    sr_assert_ok(sr_sha256(request->body, request->body_bytes, digest, &err), err);
    sr_hex(digest, sizeof(digest), hash);
    if (strcmp(said, SIGV4_UNSIGNED) != 0 && strcmp(said, hash) != 0)
        scene->unsigned_requests++;
    char *const plain = malloc(request->body_bytes + 1);
    assert_non_null(plain);
    memcpy(plain, request->body, request->body_bytes);
    *ret = request->body_bytes;
    return plain;
}

static void add_header(struct http_fake_reply *reply, const char *name, const char *value)
{
    const size_t bytes = strlen(reply->headers);
    snprintf(reply->headers + bytes, sizeof(reply->headers) - bytes, "%s: %s\r\n", name, value);
}

static void add_etag(const struct scene *scene, const char *data, size_t bytes,
                     struct http_fake_reply *reply)
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_MD5_BYTES];
    char hex[2 * SR_MD5_BYTES + 1], etag[64];
    sr_assert_ok(sr_md5(data ? data : "", bytes, digest, &err), err);
    sr_hex(digest, sizeof(digest), hex);
    snprintf(etag, sizeof(etag), scene->no_etag ? "\"opaque-%.8s\"" : "\"%s\"", hex);
    add_header(reply, "ETag", etag);
}

static const char *const checksum_headers[] = { "x-amz-checksum-crc32", "x-amz-checksum-crc32c",
                                                "x-amz-checksum-crc64nvme",
                                                "x-amz-checksum-sha256" };

static void answer_put(struct scene *scene, const struct http_fake_request *request,
                       struct http_fake_reply *reply)
{
    size_t bytes = 0;
    char *const plain = take_body(scene, request, &bytes);
    http_fake_text(reply, plain ? 200 : 403, "");
    snprintf(scene->payload_hash, sizeof(scene->payload_hash), "%s",
             header(request, "x-amz-content-sha256"));
    scene->had_md5 = *header(request, "content-md5");
    scene->had_encoding = *header(request, "content-encoding");
    add_etag(scene, plain, bytes, reply);
    for (size_t i = 0; i < SR_TEST_COUNT(checksum_headers) && !scene->no_checksums; i++) {
        const char *const came = header(request, checksum_headers[i]);
        if (!*came)
            continue;
        add_header(reply, checksum_headers[i], scene->lies ? "AAAAAA==" : came);
        snprintf(scene->kept_checksum, sizeof(scene->kept_checksum), "%s", came);
        scene->sum_header = checksum_headers[i];
    }
    free(scene->kept);
    scene->kept = plain;
    scene->kept_bytes = bytes;
}

static void answer_get(struct scene *scene, const struct http_fake_request *request,
                       struct http_fake_reply *reply)
{
    reply->status = 200;
    reply->body = malloc(scene->kept_bytes + 1);
    assert_non_null(reply->body);
    memcpy(reply->body, scene->kept, scene->kept_bytes);
    reply->body_bytes = scene->kept_bytes;
    add_etag(scene, scene->kept, scene->kept_bytes, reply);
    snprintf(scene->range, sizeof(scene->range), "%s", header(request, "range"));
    size_t first, last;
    if (sscanf(header(request, "range"), "bytes=%zu-%zu", &first, &last) == 2) {
        char range[80];
        last = last < scene->kept_bytes ? last : scene->kept_bytes - 1;
        snprintf(range, sizeof(range), "bytes %zu-%zu/%zu", first, last, scene->kept_bytes);
        reply->status = 206;
        reply->body_bytes = last - first + 1;
        memmove(reply->body, reply->body + first, reply->body_bytes);
        add_header(reply, "Content-Range", range);
    }
    if (scene->shorten) {
        scene->shorten--;
        reply->body_bytes -= 7;
    }
    if (scene->spoil) {
        scene->spoil--;
        reply->body[reply->body_bytes / 2] ^= 1;
    }
    if (strcmp(header(request, "x-amz-checksum-mode"), "ENABLED") != 0)
        return;
    if (scene->type)
        add_header(reply, "x-amz-checksum-type", scene->type);
    add_header(reply, scene->sum_header, scene->kept_checksum);
}

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    struct scene *const scene = self;
    sr_lock(&scene->lock);
    scene->requests++;
    if (strcmp(request->method, "PUT") == 0) {
        answer_put(scene, request, reply);
    } else if (strcmp(request->method, "GET") == 0) {
        answer_get(scene, request, reply);
    } else if (strcmp(request->method, "HEAD") == 0) {
        const unsigned spoil = scene->spoil;
        scene->requests--;  // only looks
        scene->spoil = 0;
        answer_get(scene, request, reply);
        scene->spoil = spoil;
    } else if (strstr(request->target, "uploads=")) {
        http_fake_text(reply,
                       strcmp(header(request, "x-amz-checksum-algorithm"), "CRC32C") ? 400 : 200,
                       "<R><UploadId>id</UploadId></R>");
    } else {
        snprintf(scene->complete, sizeof(scene->complete), "%.*s", (int)request->body_bytes,
                 request->body);
        http_fake_text(reply, 200, "<R><ETag>\"done-1\"</ETag></R>");
    }
    sr_unlock(&scene->lock);
}

static void begin(struct scene *scene, enum blob_s3_payload payload, enum blob_s3_checksum checksum)
{
    struct sr_err err = { 0 };
    *scene = (struct scene){ 0 };
    struct http_params http = http_params_default();
    http.policy.allow_private = true;
    http.backoff_us = 0;
    http.attempts_max = 3;
    sr_clock_fake_init(&scene->clock, WALL_US);
    sr_assert_ok(sr_mutex_init(&scene->lock, &err), err);
    sr_assert_ok(http_fake_new(answer, scene, &scene->fake, &err), err);
    sr_assert_ok(http_new(&http, &scene->http, &err), err);
    sr_assert_ok(credentials_new_static("AK", "secret", NULL, &scene->credentials, &err), err);
    const struct blob_s3_params s3 = {
        .bucket = "bucket",
        .region = "us-east-1",
        .endpoint = http_fake_url(scene->fake),
        .payload = payload,
        .checksum = checksum,
        .http = scene->http,
        .credentials = scene->credentials,
        .clock = &scene->clock.clock,
    };
    sr_assert_ok(blob_s3_open(&s3, &scene->blob, &err), err);
}

static void end(struct scene *scene)
{
    assert_int_equal(scene->unsigned_requests, 0);
    blob_close(&scene->blob);
    credentials_free(scene->credentials);
    http_free(scene->http);
    http_fake_free(scene->fake);
    sr_mutex_done(&scene->lock);
    free(scene->kept);
}

static const char *content(void)
{
    static char data[BIG];
    if (!data[1]) {  // no other thread is there yet
        for (size_t i = 0; i < BIG; i++)
            data[i] = (char)(i * 7 + i / 253);
    }
    return data;
}

static bool put(struct scene *scene, size_t bytes, struct sr_err *err)
{
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = "k", .data = content(), .bytes = bytes };
    return blob_put(&scene->blob, &put, etag, err);
}

// How it is signed -------------------------------------------------------------------------------
static const struct row {
    const char *name;
    enum blob_s3_payload payload;
    size_t bytes;
    const char *hash;  // NULL: the body's
    bool has_md5;
} rows[] = {
    { "by itself, plain http", BLOB_S3_PAYLOAD_AUTO, BIG, SIGV4_UNSIGNED, true },
    { "signed", BLOB_S3_PAYLOAD_SIGNED, BIG, NULL, true },
    { "unsigned", BLOB_S3_PAYLOAD_UNSIGNED, BIG, SIGV4_UNSIGNED, true },
    { "unsigned, nothing", BLOB_S3_PAYLOAD_UNSIGNED, 0, SIGV4_EMPTY_HASH, true },
    { "in chunks", BLOB_S3_PAYLOAD_CHUNKED, BIG, SIGV4_STREAMING, false },
    { "in chunks, one byte", BLOB_S3_PAYLOAD_CHUNKED, 1, SIGV4_STREAMING, false },
    { "in chunks, whole ones", BLOB_S3_PAYLOAD_CHUNKED, 2 * SIGV4_CHUNK_BYTES, SIGV4_STREAMING,
      false },
    { "in chunks, nothing", BLOB_S3_PAYLOAD_CHUNKED, 0, SIGV4_EMPTY_HASH, true },
};

static void each_row(void **state)
{
    const struct row *const row = *state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, row->payload, BLOB_S3_CHECKSUM_MD5);
    sr_assert_ok(put(&scene, row->bytes, &err), err);
    assert_int_equal(scene.kept_bytes, row->bytes);
    assert_memory_equal(scene.kept, content(), row->bytes);
    if (row->hash)
        assert_string_equal(scene.payload_hash, row->hash);
    else
        assert_int_equal(strlen(scene.payload_hash), 64);
    assert_int_equal(scene.had_md5, row->has_md5);
    assert_false(scene.had_encoding);
    assert_int_equal(scene.requests, 1);
    end(&scene);
}

// Checksums --------------------------------------------------------------------------------------
static const struct sum_row {
    const char *name;
    enum blob_s3_checksum checksum;
    const char *header;
    const char *want;  // of "123456789"
} sum_rows[] = {
    { "CRC-32", BLOB_S3_CHECKSUM_CRC32, "x-amz-checksum-crc32", "y/Q5Jg==" },
    { "CRC-32C", BLOB_S3_CHECKSUM_CRC32C, "x-amz-checksum-crc32c", "4waSgw==" },
    { "CRC-64", BLOB_S3_CHECKSUM_CRC64NVME, "x-amz-checksum-crc64nvme", "rosUhgp5mIg=" },
    { "SHA-256", BLOB_S3_CHECKSUM_SHA256, "x-amz-checksum-sha256",
      "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=" },
};

// Spec: S3 "Checking object integrity": base64 of the sum, most significant byte first
static void out_and_in(void **state)
{
    const struct sum_row *const row = *state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, BLOB_S3_PAYLOAD_AUTO, row->checksum);
    scene.no_etag = true;
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put digits = { .key = "k", .data = "123456789", .bytes = 9 };
    sr_assert_ok(blob_put(&scene.blob, &digits, etag, &err), err);
    assert_int_equal(strlen(scene.payload_hash), 64);  // signed: there is no MD5
    assert_string_equal(scene.kept_checksum, row->want);
    assert_false(scene.had_md5);
    // Coming in it is compared, asked for again when it is wrong, and refused when it stays so.
    assert_string_equal(scene.sum_header, row->header);
    sr_auto(char) char *good = NULL;
    sr_auto(char) char *healed = NULL;
    char *bad = NULL;
    size_t bytes;
    sr_assert_ok(blob_load(&scene.blob, "k", 100, &good, &bytes, &err), err);
    assert_string_equal(good, "123456789");
    scene.spoil = 1;
    scene.requests = 0;
    sr_assert_ok(blob_load(&scene.blob, "k", 100, &healed, &bytes, &err), err);
    assert_string_equal(healed, "123456789");
    assert_int_equal(scene.requests, 2);
    scene.spoil = 100;
    sr_assert_fails(blob_load(&scene.blob, "k", 100, &bad, &bytes, &err), SR_ERR_NETWORK, err);
    sr_assert_contains(err.message, row->header);
    assert_null(bad);
    end(&scene);
}

// Sums of something else than what came say nothing: of a part, or of the parts' sums.
static void sums_that_say_nothing(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, BLOB_S3_PAYLOAD_AUTO, BLOB_S3_CHECKSUM_CRC32C);
    sr_assert_ok(put(&scene, 1000, &err), err);
    char buffer[100];
    size_t bytes;
    sr_assert_ok(blob_get_bytes(&scene.blob, "k", NULL, 0, buffer, 100, &bytes, &err), err);
    sr_assert_ok(blob_get_bytes(&scene.blob, "k", NULL, 50, buffer, 100, &bytes, &err), err);
    assert_memory_equal(buffer, content() + 50, 100);
    buffer[1] = '#';  // the first byte alone: two are asked for, since s3rver gives all for "0-0"
    sr_assert_ok(blob_get_bytes(&scene.blob, "k", NULL, 0, buffer, 1, &bytes, &err), err);
    assert_int_equal(bytes, 1);
    assert_true(buffer[0] == content()[0] && buffer[1] == '#');
    assert_string_equal(scene.range, "bytes=0-1");
    sr_auto(char) char *parts = NULL;
    sr_auto(char) char *type = NULL;
    strcpy(scene.kept_checksum, "AAAAAA==-3");
    sr_assert_ok(blob_load(&scene.blob, "k", 1000, &parts, &bytes, &err), err);
    strcpy(scene.kept_checksum, "AAAAAA==");
    scene.type = "COMPOSITE";
    sr_assert_ok(blob_load(&scene.blob, "k", 1000, &type, &bytes, &err), err);
    scene.type = "FULL_OBJECT";
    char *bad = NULL;
    sr_assert_fails(blob_load(&scene.blob, "k", 1000, &bad, &bytes, &err), SR_ERR_NETWORK, err);
    end(&scene);
}

// What is sent is never taken for stored because nobody said anything.
static void what_the_store_says(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, BLOB_S3_PAYLOAD_CHUNKED, BLOB_S3_CHECKSUM_CRC32C);
    scene.no_checksums = true;  // then its ETag tells
    sr_assert_ok(put(&scene, 1000, &err), err);
    scene.no_etag = true;
    sr_assert_fails(put(&scene, 1000, &err), SR_ERR_UNSUPPORTED, err);
    sr_assert_contains(err.message, "x-amz-checksum-crc32c");
    scene.no_checksums = scene.no_etag = false;
    scene.lies = true;
    scene.requests = 0;
    sr_assert_fails(put(&scene, 1000, &err), SR_ERR_NETWORK, err);
    assert_int_equal(scene.requests, 3);  // sent and signed again, as often as a damaged body
    end(&scene);
}

// Spec: S3 "CompleteMultipartUpload": an upload begun with an algorithm ends with each part's sum
static void parts_have_sums(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, BLOB_S3_PAYLOAD_CHUNKED, BLOB_S3_CHECKSUM_CRC32C);
    const struct blob_attrs attrs = { 0 };
    sr_auto(blob_upload) struct blob_upload upload = { 0 };
    struct blob_part part = { 0 };
    char etag[BLOB_ETAG_BYTES];
    sr_assert_ok(blob_upload_begin(&scene.blob, "k", &attrs, &upload, &err), err);
    sr_assert_ok(blob_upload_part(&scene.blob, &upload, 1, "123456789", 9, &part, &err), err);
    assert_string_equal(scene.payload_hash, SIGV4_STREAMING);
    assert_memory_equal(scene.kept, "123456789", 9);
    assert_string_equal(part.checksum, "4waSgw==");
    const struct blob_parts parts = { &part, 1 };
    sr_assert_ok(blob_upload_finish(&scene.blob, &upload, &parts, &attrs, etag, &err), err);
    sr_assert_contains(scene.complete, "</ETag><ChecksumCRC32C>4waSgw==</ChecksumCRC32C></Part>");
    end(&scene);
}

// A whole reply of another length than its range: asked for again, and an error if that stays so.
static void wrong_lengths(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    char buffer[100];
    size_t bytes;
    begin(&scene, BLOB_S3_PAYLOAD_AUTO, BLOB_S3_CHECKSUM_MD5);
    sr_assert_ok(put(&scene, 1000, &err), err);
    scene.requests = 0;
    scene.shorten = 2;
    sr_assert_ok(blob_get_bytes(&scene.blob, "k", NULL, 50, buffer, 100, &bytes, &err), err);
    assert_int_equal(bytes, 100);
    assert_memory_equal(buffer, content() + 50, 100);
    assert_int_equal(scene.requests, 3);
    scene.shorten = 3;
    sr_assert_fails(blob_get_bytes(&scene.blob, "k", NULL, 50, buffer, 100, &bytes, &err),
                    SR_ERR_NETWORK, err);
    sr_assert_contains(err.message, "93 bytes came instead of 100");
    end(&scene);
}

struct sender {
    struct scene *scene;
    struct sr_thread *thread;
    size_t bytes;
    struct sr_err err;
    bool done;
};

static void send_one(void *arg)
{
    struct sender *sender = arg;
    sender->done = put(sender->scene, sender->bytes, &sender->err);
}

// Large bodies at once, whose MD5s are made side by side: the ETag that comes back is of the body.
static void many_at_once(void **state)
{
    (void)state;
    enum { SENDERS = 9 };
    struct sr_err err = { 0 };
    struct scene scene;
    struct sender sender[SENDERS];
    begin(&scene, BLOB_S3_PAYLOAD_AUTO, BLOB_S3_CHECKSUM_MD5);
    (void)content();
    for (size_t i = 0; i < SENDERS; i++) {
        sender[i] = (struct sender){ .scene = &scene, .bytes = BIG - i };
        sr_assert_ok(sr_thread_start("sender", send_one, &sender[i], &sender[i].thread, &err), err);
    }
    for (size_t i = 0; i < SENDERS; i++) {
        sr_thread_join(sender[i].thread);
        sr_assert_ok(sender[i].done, sender[i].err);
    }
    assert_int_equal(scene.requests, SENDERS);
    assert_true(scene.had_md5);
    end(&scene);
}

static void words(void **state)
{
    (void)state;
    enum blob_s3_payload payload;
    enum blob_s3_checksum checksum;
    assert_true(blob_s3_payload_named("chunked", &payload) && payload == BLOB_S3_PAYLOAD_CHUNKED);
    assert_false(blob_s3_payload_named("aws-chunked", &payload));
    assert_true(blob_s3_checksum_named("crc64nvme", &checksum) &&
                checksum == BLOB_S3_CHECKSUM_CRC64NVME);
    assert_false(blob_s3_checksum_named("sha1", &checksum));
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(sum_rows) + 6];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    count += sr_test_add_rows(tests + count, sum_rows, SR_TEST_COUNT(sum_rows), sizeof(sum_rows[0]),
                              out_and_in);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(sums_that_say_nothing);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_the_store_says);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(parts_have_sums);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(wrong_lengths);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(many_at_once);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(words);
    return sr_test_run(__FILE__, tests, count);
}
