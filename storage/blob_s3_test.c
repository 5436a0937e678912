// What real servers do only seldom: odd answers of S3, from a script. The rest is in the
// conformance tests.
#include "storage/blob_s3.h"

#include <stdatomic.h>

#include "base/hash.h"
#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "net/http_fake.h"
#include "net/sigv4.h"
#include "storage/s3_xml.h"

#define ERROR_XML(code) "<Error><Code>" code "</Code><Message>because</Message></Error>"
#define WALL_US (1767225600LL * 1000000)

// Answers in the order of the requests; the last goes on for ever.
struct step {
    int status;
    const char *headers;
    const char *body;
};
struct scene {
    struct http_fake *fake;
    struct http *http;
    struct credentials *credentials;
    struct sr_clock_fake clock;
    struct blob blob;
    const struct step *steps;
    size_t step_count;
    atomic_uint requests;
    atomic_uint unsigned_requests;  // whose signature does not verify
    char region[65];                // that the last was signed for
    char seen[8192];                // "METHOD target\n"
    struct sr_cancel stop;
    struct sr_mutex lock;
};

// What the signature is to say of the body: its digest, or nothing where Content-MD5, which is
// signed, says it.
static void hash_of(const struct http_fake_request *request, char hash[SR_SHA256_HEX])
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    const char *const md5 =
        http_header_find(request->headers, request->header_count, "Content-MD5");
    if (!sr_sha256(request->body, request->body_bytes, digest, &err))
        abort();
    sr_hex(digest, sizeof(digest), hash);
    if (!md5 || !request->body_bytes)
        return;
    if (!sr_md5(request->body, request->body_bytes, digest, &err))
        abort();
    sr_auto(char) char *right = sr_base64(digest, SR_MD5_BYTES, &err);
    if (strcmp(md5, right) == 0)
        strcpy(hash, SIGV4_UNSIGNED);  // shorter
}

// The other side of the signature, with the same module.
static void verify(struct scene *scene, const struct http_fake_request *request)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *path = sr_str_dup(request->target, &err);
    char *query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    char hash[SR_SHA256_HEX];
    hash_of(request, hash);
    const struct sigv4_request signed_request = {
        request->method, path, query, request->headers, request->header_count, hash
    };
    const struct sigv4_params params = {
        .key = { "AK", "secret", NULL },
        .scope = { .service = "s3", .path_once = true },
        .wall_us = WALL_US,
    };
    struct sigv4_claim claim;
    if (!sigv4_parse(&signed_request, &claim, &err) ||
        !sigv4_verify(&params, &signed_request, &claim, &err)) {
        print_message("not signed: %s\n", err.message);
        atomic_fetch_add(&scene->unsigned_requests, 1);
        return;
    }
    strcpy(scene->region, claim.region);
}

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    struct scene *scene = self;
    const size_t which = atomic_fetch_add(&scene->requests, 1);
    const struct step *step =
        &scene->steps[which < scene->step_count ? which : scene->step_count - 1];
    sr_lock(&scene->lock);
    verify(scene, request);
    const size_t bytes = strlen(scene->seen);
    snprintf(scene->seen + bytes, sizeof(scene->seen) - bytes, "%s %s\n", request->method,
             request->target);
    sr_unlock(&scene->lock);
    http_fake_text(reply, step->status, step->body ? step->body : "");
    if (step->headers)
        strcpy(reply->headers, step->headers);
}

static void begin(struct scene *scene, const struct step *steps, size_t count)
{
    struct sr_err err = { 0 };
    *scene = (struct scene){ .steps = steps, .step_count = count };
    struct http_params params = http_params_default();
    params.policy.allow_private = true;
    params.backoff_us = 0;
    params.attempts_max = 3;
    sr_clock_fake_init(&scene->clock, WALL_US);
    sr_assert_ok(sr_mutex_init(&scene->lock, &err), err);
    sr_assert_ok(http_fake_new(answer, scene, &scene->fake, &err), err);
    sr_assert_ok(http_new(&params, &scene->http, &err), err);
    sr_assert_ok(credentials_new_static("AK", "secret", NULL, &scene->credentials, &err), err);
    const struct blob_s3_params s3 = {
        .bucket = "bucket",
        .region = "us-east-1",
        .endpoint = http_fake_url(scene->fake),
        .http = scene->http,
        .credentials = scene->credentials,
        .clock = &scene->clock.clock,
        .cancel = &scene->stop,
    };
    sr_cancel_init(&scene->stop, NULL, NULL, INT64_MAX);
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
}

// A PUT of "x" (its MD5: 9dd4e461268c8034f5c8564e155c67a6) that meets an error, for ever.
static const struct row {
    const char *name;
    int status;
    const char *body;
    enum sr_err_code code;
    unsigned requests;
} rows[] = {
    { "SlowDown", 503, ERROR_XML("SlowDown"), SR_ERR_BUSY, 3 },
    { "InternalError", 500, ERROR_XML("InternalError"), SR_ERR_STORAGE, 3 },
    { "500 without a body", 500, "", SR_ERR_STORAGE, 3 },
    { "RequestTimeout", 400, ERROR_XML("RequestTimeout"), SR_ERR_TIMEOUT, 3 },
    { "BadDigest", 400, ERROR_XML("BadDigest"), SR_ERR_NETWORK, 3 },
    { "ExpiredToken", 400, ERROR_XML("ExpiredToken"), SR_ERR_BUSY, 3 },
    { "OperationAborted", 409, ERROR_XML("OperationAborted"), SR_ERR_BUSY, 3 },
    { "AccessDenied", 403, ERROR_XML("AccessDenied"), SR_ERR_DENIED, 1 },
    { "SignatureDoesNotMatch", 403, ERROR_XML("SignatureDoesNotMatch"), SR_ERR_DENIED, 1 },
    { "NoSuchBucket", 404, ERROR_XML("NoSuchBucket"), SR_ERR_NOT_FOUND, 1 },
    { "EntityTooLarge", 400, ERROR_XML("EntityTooLarge"), SR_ERR_TOO_LARGE, 1 },
    { "NotImplemented", 501, ERROR_XML("NotImplemented"), SR_ERR_UNSUPPORTED, 1 },
    { "an unknown name", 400, ERROR_XML("Whatever"), SR_ERR_INVALID, 1 },
    { "broken XML", 403, "<Error><Code>Slow", SR_ERR_DENIED, 1 },
    { "not XML", 502, "<html>Bad gateway", SR_ERR_STORAGE, 3 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    const struct step step = { row->status, NULL, row->body };
    struct scene scene;
    begin(&scene, &step, 1);
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = "a b", .data = "x", .bytes = 1 };
    sr_assert_fails(blob_put(&scene.blob, &put, etag, &err), row->code, err);
    assert_int_equal(scene.requests, row->requests);
    assert_null(strstr(err.message, "secret"));
    end(&scene);
}

#define GOOD_ETAG "ETag: \"9dd4e461268c8034f5c8564e155c67a6\"\r\n"

static void heals(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step steps[] = { { 503, NULL, ERROR_XML("SlowDown") },
                                         { 500, NULL, "" },
                                         { 200, GOOD_ETAG, NULL } };
    struct scene scene;
    begin(&scene, steps, 3);
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = "k", .data = "x", .bytes = 1 };
    sr_assert_ok(blob_put(&scene.blob, &put, etag, &err), err);
    assert_string_equal(etag, "\"9dd4e461268c8034f5c8564e155c67a6\"");
    end(&scene);
}

// The store says that it has other bytes than we sent: sent again, and an error if that stays so.
static void damaged_on_the_way(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step steps[] = {
        { 200, "ETag: \"00000000000000000000000000000000\"\r\n", NULL }, { 200, GOOD_ETAG, NULL }
    };
    struct scene scene;
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = "k", .data = "x", .bytes = 1 };
    begin(&scene, steps, 2);
    sr_assert_ok(blob_put(&scene.blob, &put, etag, &err), err);
    assert_int_equal(scene.requests, 2);
    end(&scene);
    begin(&scene, steps, 1);
    sr_assert_fails(blob_put(&scene.blob, &put, etag, &err), SR_ERR_NETWORK, err);
    assert_int_equal(scene.requests, 3);
    end(&scene);
    // an ETag that is no MD5 says nothing
    static const struct step opaque[] = {
        { 200, "ETag: \"0123-7\"\r\n", NULL },
        { 200,
          "ETag: \"00000000000000000000000000000000\"\r\nx-amz-server-side-encryption: aws:kms\r\n",
          NULL },
    };
    begin(&scene, opaque, 2);
    sr_assert_ok(blob_put(&scene.blob, &put, etag, &err), err);
    sr_assert_ok(blob_put(&scene.blob, &put, etag, &err), err);
    assert_int_equal(scene.requests, 2);
    end(&scene);
}

static void other_region(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step by_header[] = { { 301, "x-amz-bucket-region: eu-west-3\r\n", NULL },
                                             { 200, "Content-Length: 7\r\n", NULL } };
    static const struct step by_body[] = {
        { 400, NULL,
          "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>" },
        { 204, NULL, NULL },
    };
    static const struct step nonsense[] = { { 301, "x-amz-bucket-region: eu/../west\r\n", NULL } };
    const struct step *const scripts[] = { by_header, by_body };
    struct scene scene;
    for (size_t i = 0; i < 2; i++) {
        begin(&scene, scripts[i], 2);
        sr_auto(blob_info) struct blob_info moved = { 0 };
        if (i == 0) {
            sr_assert_ok(blob_head(&scene.blob, "k", &moved, &err), err);
            assert_int_equal(moved.bytes, 7);
        } else {  // HEAD has no body to say it in
            const char *const key = "k";
            sr_assert_ok(blob_remove(&scene.blob, &key, 1, &err), err);
        }
        assert_string_equal(scene.region, "eu-west-3");
        end(&scene);
    }
    begin(&scene, nonsense, 1);
    struct blob_info info;
    assert_false(blob_head(&scene.blob, "k", &info, &err));
    assert_int_equal(scene.requests, 1);
    end(&scene);
}

// Spec: S3 "CompleteMultipartUpload": "a 200 OK response can contain either a success or an error"
static void error_in_200(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step steps[] = {
        { 200, NULL, ERROR_XML("InternalError") },
        { 200, NULL,
          "<CompleteMultipartUploadResult><ETag>&quot;e-1&quot;</ETag></CompleteMultipartUploadResult>" },
    };
    struct scene scene;
    begin(&scene, steps, 2);
    char key[] = "k", id[] = "id/+";
    const struct blob_upload upload = { .key = key, .id = id };
    struct blob_part part = { .number = 1,
                              .bytes = 1,
                              .etag = "\"9dd4e461268c8034f5c8564e155c67a6\"" };
    const struct blob_parts parts = { &part, 1 };
    const struct blob_attrs attrs = { 0 };
    char etag[BLOB_ETAG_BYTES];
    sr_assert_ok(blob_upload_finish(&scene.blob, &upload, &parts, &attrs, etag, &err), err);
    assert_string_equal(etag, "\"e-1\"");
    sr_assert_contains(scene.seen, "POST /bucket/k?uploadId=id%2F%2B\n");
    end(&scene);
    begin(&scene, steps, 1);
    sr_assert_fails(blob_copy(&scene.blob, "a", NULL, "b", NULL, &err), SR_ERR_STORAGE, err);
    end(&scene);
}

// The answer to the first try got lost, the retry hears that there is no such upload: the object's
// ETag tells.
static void finished_already(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step another[] = { { 404, NULL, ERROR_XML("NoSuchUpload") },
                                           { 200, "Content-Length: 1\r\nETag: \"somebody-1\"\r\n",
                                             NULL } };
    char key[] = "k", id[] = "id";
    const struct blob_upload upload = { .key = key, .id = id };
    struct blob_part part = { .number = 1,
                              .bytes = 1,
                              .etag = "\"9dd4e461268c8034f5c8564e155c67a6\"" };
    const struct blob_parts parts = { &part, 1 };
    const struct blob_attrs attrs = { 0 };
    char etag[BLOB_ETAG_BYTES];
    struct scene scene;
    uint8_t md5[SR_MD5_BYTES], again[SR_MD5_BYTES];
    char hex[2 * SR_MD5_BYTES + 1], headers[200];
    sr_assert_ok(sr_md5("x", 1, md5, &err) && sr_md5(md5, sizeof(md5), again, &err), err);
    sr_hex(again, sizeof(again), hex);
    snprintf(headers, sizeof(headers), "Content-Length: 1\r\nETag: \"%s-1\"\r\n", hex);
    const struct step steps[] = { { 500, NULL, "" },
                                  { 404, NULL, ERROR_XML("NoSuchUpload") },
                                  { 200, headers, NULL } };
    begin(&scene, steps, 3);
    sr_assert_ok(blob_upload_finish(&scene.blob, &upload, &parts, &attrs, etag, &err), err);
    sr_assert_contains(etag, hex);
    end(&scene);
    begin(&scene, another, 2);
    sr_assert_fails(blob_upload_finish(&scene.blob, &upload, &parts, &attrs, etag, &err),
                    SR_ERR_NOT_FOUND, err);
    end(&scene);
}

// A server that ignores the copy's headers stores an empty part; that must not pass for a copy.
static void no_part_copy(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step step = { 200, "ETag: \"d41d8cd98f00b204e9800998ecf8427e\"\r\n", NULL };
    struct scene scene;
    begin(&scene, &step, 1);
    char key[] = "k", id[] = "id";
    const struct blob_upload upload = { .key = key, .id = id };
    const struct blob_source from = { .key = "s", .bytes = BLOB_PART_BYTES_MIN };
    struct blob_part part;
    // an empty body is not XML: nothing says that a copy was made
    sr_assert_fails(blob_upload_copy(&scene.blob, &upload, 1, &from, &part, &err),
                    SR_ERR_UNSUPPORTED, err);
    end(&scene);
}

static void delete_reports(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step step = {
        200, NULL,
        "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    };
    struct scene scene;
    begin(&scene, &step, 1);
    const char *const keys[] = { "a", "b" };
    sr_assert_fails(blob_remove(&scene.blob, keys, 2, &err), SR_ERR_DENIED, err);
    sr_assert_contains(err.message, "b: AccessDenied");
    end(&scene);
}

static void bad_listings(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step steps[] = {
        { 200, NULL, "" },
        { 200, NULL, "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>" },
        { 200, NULL, "<ListBucketResult><Contents><Key>a" },
        { 200, NULL,
          "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>b%2Bc+d</Key><Size>3</Size></Contents>"
          "<CommonPrefixes><Prefix>a%20/</Prefix></CommonPrefixes></ListBucketResult>" },
    };
    struct scene scene;
    begin(&scene, steps, 4);
    const struct blob_list list = { .prefix = "" };
    sr_auto(blob_page) struct blob_page page = { 0 };
    sr_assert_fails(blob_list(&scene.blob, &list, &page, &err), SR_ERR_INVALID, err);
    sr_assert_fails(blob_list(&scene.blob, &list, &page, &err), SR_ERR_STORAGE, err);
    sr_assert_fails(blob_list(&scene.blob, &list, &page, &err), SR_ERR_INVALID, err);
    sr_assert_ok(blob_list(&scene.blob, &list, &page, &err), err);
    assert_int_equal(page.count, 2);
    assert_string_equal(page.item[0].key, "a /");
    assert_true(page.item[0].folder);
    assert_string_equal(page.item[1].key, "b+c d");
    assert_int_equal(page.item[1].bytes, 3);
    end(&scene);
}

static void bad_parameters(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct {
        const char *bucket, *endpoint;
    } cases[] = {
        { "b", NULL },
        { "a/b/c", NULL },
        { "", NULL },
        { "bucket?x", NULL },
        { "bucket", "ftp://h" },
        { "bucket", "nothing" },
        { "bucket", "http://user:pw@h" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        const struct blob_s3_params params = { .bucket = cases[i].bucket,
                                               .endpoint = cases[i].endpoint,
                                               .region = "us-east-1" };
        struct blob blob;
        sr_assert_fails(blob_s3_open(&params, &blob, &err), SR_ERR_INVALID, err);
    }
}

// Where a key of a bucket is, in both styles. Spec: S3 "Virtual hosting of buckets"
static void addressing(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct {
        const char *bucket, *region, *endpoint;
        enum blob_s3_style style;
        const char *want;
    } cases[] = {
        { "bucket", "eu-west-3", NULL, BLOB_S3_STYLE_AUTO,
          "https://bucket.s3.eu-west-3.amazonaws.com/a%20b?" },
        { "my.bucket", "eu-west-3", NULL, BLOB_S3_STYLE_AUTO,
          "https://s3.eu-west-3.amazonaws.com/my.bucket/a%20b?" },
        { "bucket", "cn-north-1", NULL, BLOB_S3_STYLE_PATH,
          "https://s3.cn-north-1.amazonaws.com.cn/bucket/a%20b?" },
        { "bucket", "r", "http://h:9000", BLOB_S3_STYLE_AUTO, "http://h:9000/bucket/a%20b?" },
        { "bucket", "r", "http://h:9000/base/", BLOB_S3_STYLE_PATH,
          "http://h:9000/base/bucket/a%20b?" },
        { "bucket", "r", "http://h:9000", BLOB_S3_STYLE_VIRTUAL, "http://bucket.h:9000/a%20b?" },
    };
    sr_auto(credentials) struct credentials *credentials = NULL;
    sr_assert_ok(credentials_new_static("AK", "s", NULL, &credentials, &err), err);
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        const struct blob_s3_params params = {
            .bucket = cases[i].bucket,
            .region = cases[i].region,
            .endpoint = cases[i].endpoint,
            .style = cases[i].style,
            .credentials = credentials,
        };
        sr_auto(blob) struct blob blob = { 0 };
        sr_auto(char) char *url = NULL;
        sr_assert_ok(blob_s3_open(&params, &blob, &err), err);
        sr_assert_ok(blob_presign(&blob, "GET", "a b", 60, &url, &err), err);
        if (strncmp(url, cases[i].want, strlen(cases[i].want)) != 0)
            fail_msg("%s", url);
        sr_assert_contains(url, "X-Amz-Signature=");
    }
}

// A server that knows no If-None-Match is asked without, once and for all.
static void no_conditions(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step steps[] = {
        { 404, NULL, NULL },      { 501, NULL, ERROR_XML("NotImplemented") },
        { 200, GOOD_ETAG, NULL }, { 404, NULL, NULL },
        { 200, GOOD_ETAG, NULL }, { 200, GOOD_ETAG "Content-Length: 1\r\n", NULL }
    };
    struct scene scene;
    begin(&scene, steps, SR_TEST_COUNT(steps));
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = {
        .key = "k", .data = "x", .bytes = 1, .attrs = { .if_absent = true }
    };
    sr_assert_ok(blob_put(&scene.blob, &put, etag, &err), err);
    sr_assert_ok(blob_put(&scene.blob, &put, etag, &err), err);
    assert_string_equal(scene.seen, "HEAD /bucket/k\nPUT /bucket/k\nPUT /bucket/k\n"
                                    "HEAD /bucket/k\nPUT /bucket/k\n");
    sr_assert_fails(blob_put(&scene.blob, &put, etag, &err), SR_ERR_EXISTS, err);
    end(&scene);
    static const struct step taken[] = { { 404, NULL, NULL },
                                         { 412, NULL, ERROR_XML("PreconditionFailed") },
                                         { 200, "ETag: \"e\"\r\nContent-Length: 1\r\n", NULL } };
    begin(&scene, taken, SR_TEST_COUNT(taken));
    sr_assert_fails(blob_put(&scene.blob, &put, etag, &err), SR_ERR_EXISTS, err);
    end(&scene);
    // Its own first try took the name, and the answer was lost.
    static const struct step ours[] = { { 404, NULL, NULL },
                                        { 412, NULL, ERROR_XML("PreconditionFailed") },
                                        { 200, GOOD_ETAG "Content-Length: 1\r\n", NULL } };
    begin(&scene, ours, SR_TEST_COUNT(ours));
    sr_assert_ok(blob_put(&scene.blob, &put, etag, &err), err);
    end(&scene);
}

// Two buckets of one server: it copies. On different servers it cannot.
static void copies_across(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step steps[] = {
        { 200, "ETag: \"e\"\r\nContent-Length: 1\r\n", NULL },
        { 200, NULL, "<CopyObjectResult><ETag>\"f\"</ETag></CopyObjectResult>" },
        { 200, "ETag: \"f\"\r\nContent-Length: 1\r\n", NULL }
    };
    struct scene scene;
    begin(&scene, steps, SR_TEST_COUNT(steps));
    struct blob_s3_params params = {
        .bucket = "other",
        .region = "us-east-1",
        .endpoint = http_fake_url(scene.fake),
        .http = scene.http,
        .credentials = scene.credentials,
        .clock = &scene.clock.clock,
    };
    sr_auto(blob) struct blob other = { 0 };
    sr_auto(blob) struct blob far = { 0 };
    sr_assert_ok(blob_s3_open(&params, &other, &err), err);
    params.endpoint = "http://far.example";
    sr_assert_ok(blob_s3_open(&params, &far, &err), err);
    sr_assert_ok(blob_copy_across(&scene.blob, "a b", "\"e\"", &other, "c", NULL, &err), err);
    assert_string_equal(scene.seen, "HEAD /bucket/a%20b\nPUT /other/c\n");
    sr_assert_fails(blob_copy_across(&scene.blob, "k", "\"e\"", &other, "c", NULL, &err),
                    SR_ERR_CONFLICT, err);
    sr_assert_fails(blob_copy_across(&scene.blob, "k", NULL, &far, "c", NULL, &err),
                    SR_ERR_UNSUPPORTED, err);
    const struct blob elsewhere = { 0 };
    sr_assert_fails(blob_copy_across(&elsewhere, "k", NULL, &other, "c", NULL, &err),
                    SR_ERR_UNSUPPORTED, err);
    end(&scene);
}

// Who was asked to stop begins nothing more, but takes away what lies about.
static void cleans_up_after_stop(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct step step = { 204, NULL, NULL };
    struct scene scene;
    begin(&scene, &step, 1);
    char etag[BLOB_ETAG_BYTES], key[] = "k", id[] = "1&2";
    const struct blob_put put = { .key = "k", .data = "x", .bytes = 1 };
    const struct blob_upload upload = { .key = key, .id = id };
    sr_cancel_set(&scene.stop);
    sr_assert_fails(blob_put(&scene.blob, &put, etag, &err), SR_ERR_CANCELLED, err);
    sr_assert_ok(blob_upload_abort(&scene.blob, &upload, &err), err);
    assert_string_equal(scene.seen, "DELETE /bucket/k?uploadId=1%262\n");
    end(&scene);
}

// The pages of open uploads: each is asked for behind the last of the one before.
static void pages_of_uploads(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
#define UPLOADS(more, key, id)                                                                     \
    "<ListMultipartUploadsResult><IsTruncated>" more "</IsTruncated><Upload><Key>" key             \
    "</Key><UploadId>" id "</UploadId><Initiated>2020-01-02T03:04:05.000Z</Initiated></Upload>"    \
    "</ListMultipartUploadsResult>"
    static const struct step steps[] = { { 200, NULL, UPLOADS("true", "p/a b", "i/1") },
                                         { 204, NULL, NULL },
                                         { 200, NULL, UPLOADS("false", "p/c", "i2") },
                                         { 204, NULL, NULL } };
    struct scene scene;
    begin(&scene, steps, SR_TEST_COUNT(steps));
    size_t count = 0;
    sr_assert_ok(blob_abort_stale(&scene.blob, "p/", WALL_US, &count, &err), err);
    assert_int_equal(count, 2);
    assert_string_equal(
        scene.seen,
        "GET /bucket?max-uploads=1000&prefix=p%2F&uploads=\n"
        "DELETE /bucket/p/a%20b?uploadId=i%2F1\n"
        "GET /bucket?key-marker=p%2Fa%20b&upload-id-marker=i%2F1&max-uploads=1000&prefix=p%2F&uploads=\n"
        "DELETE /bucket/p/c?uploadId=i2\n");
    end(&scene);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 14];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(heals);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(damaged_on_the_way);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(other_region);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(error_in_200);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(finished_already);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(no_part_copy);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(delete_reports);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(bad_listings);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(bad_parameters);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(addressing);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(cleans_up_after_stop);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(no_conditions);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(copies_across);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(pages_of_uploads);
    return sr_test_run(__FILE__, tests, count);
}
