#include "net/sigv4.h"

#include "base/hash.h"
#include "base/str.h"
#include "base/test.h"
#include "net/url.h"

// The examples of the S3 documentation: one key, one bucket, 2013-05-24.
static const struct sigv4_params doc = {
    .key = { "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL },
    .scope = { .region = "us-east-1", .service = "s3", .path_once = true },
    .wall_us = 1369353600LL * 1000000,
    .hash_header = true,
};
#define DOC_HOST                                                                                   \
    {                                                                                              \
        "Host", "examplebucket.s3.amazonaws.com"                                                   \
    }

static const struct row {
    const char *name;
    struct http_header headers[3];
    size_t header_count;
    const char *method, *path, *query, *hash, *signature;
} rows[] = {
    { "get a range",
      { DOC_HOST, { "Range", "bytes=0-9" } },
      2,
      "GET",
      "/test.txt",
      NULL,
      SIGV4_EMPTY_HASH,
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
    { "put with a $ in the key",
      { DOC_HOST,
        { "Date", "Fri, 24 May 2013 00:00:00 GMT" },
        { "x-amz-storage-class", "REDUCED_REDUNDANCY" } },
      3,
      "PUT",
      "/test%24file.text",
      NULL,
      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
    { "the same, not encoded",
      { DOC_HOST,
        { "Date", "Fri, 24 May 2013 00:00:00 GMT" },
        { "x-amz-storage-class", "REDUCED_REDUNDANCY" } },
      3,
      "PUT",
      "/test$file.text",
      NULL,
      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
    { "a parameter without value",
      { DOC_HOST },
      1,
      "GET",
      "/",
      "lifecycle",
      SIGV4_EMPTY_HASH,
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
    { "list",
      { DOC_HOST },
      1,
      "GET",
      "/",
      "prefix=J&max-keys=2",
      SIGV4_EMPTY_HASH,
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};

// Gives the request as it would arrive: with what the signer added. Room for five headers more.
static void add_signature(const struct sigv4_params *params, struct sigv4_request *request,
                          struct http_header *headers, const struct sigv4_signed *result)
{
    for (size_t i = 0; i < request->header_count; i++)
        headers[i] = request->headers[i];
    headers[request->header_count++] = (struct http_header){ "X-Amz-Date", result->date };
    if (params->key.token)
        headers[request->header_count++] =
            (struct http_header){ "X-Amz-Security-Token", params->key.token };
    if (params->hash_header)
        headers[request->header_count++] =
            (struct http_header){ "X-Amz-Content-Sha256", request->payload_hash };
    headers[request->header_count++] =
        (struct http_header){ "Authorization", result->authorization };
    request->headers = headers;
}

// Signs, compares, then verifies what was signed.
static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    struct sigv4_request request = { row->method,  row->path,         row->query,
                                     row->headers, row->header_count, row->hash };
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    sr_assert_ok(sigv4_sign_header(&doc, &request, &result, &err), err);
    assert_string_equal(result.signature, row->signature);

    struct http_header headers[8];
    add_signature(&doc, &request, headers, &result);
    struct sigv4_claim claim;
    sr_assert_ok(sigv4_parse(&request, &claim, &err), err);
    assert_string_equal(claim.access_key, doc.key.access_key);
    sr_assert_ok(sigv4_verify(&doc, &request, &claim, &err), err);
}

static void presigned_as_documented(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct http_header host = DOC_HOST;
    struct sigv4_request request = { "GET", "/test.txt", NULL, &host, 1, SIGV4_UNSIGNED };
    struct sigv4_params params = doc;
    params.hash_header = false;
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    sr_assert_ok(sigv4_sign_query(&params, &request, 86400, &result, &err), err);
    assert_string_equal(result.signature,
                        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");

    request.query = result.query;
    struct sigv4_claim claim;
    sr_assert_ok(sigv4_parse(&request, &claim, &err), err);
    assert_true(claim.presigned);
    params.wall_us += 86400LL * 1000000;
    sr_assert_ok(sigv4_verify(&params, &request, &claim, &err), err);
    params.wall_us += 1000000;
    sr_assert_fails(sigv4_verify(&params, &request, &claim, &err), SR_ERR_DENIED, err);
    sr_assert_contains(err.message, "expired");
    sr_assert_fails(sigv4_sign_query(&doc, &request, SIGV4_EXPIRES_S_MAX + 1, &result, &err),
                    SR_ERR_INVALID, err);
    sr_assert_fails(sigv4_sign_query(&doc, &request, 0, &result, &err), SR_ERR_INVALID, err);
}

static void chunks_as_documented(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct http_header headers[] = {
        { "Host", "s3.amazonaws.com" },
        { "Content-Encoding", "aws-chunked" },
        { "Content-Length", "66824" },
        { "x-amz-decoded-content-length", "66560" },
        { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
    };
    const struct sigv4_request request = { "PUT", "/examplebucket/chunkObject.txt",
                                           NULL,  headers,
                                           5,     SIGV4_STREAMING };
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    sr_assert_ok(sigv4_sign_header(&doc, &request, &result, &err), err);
    assert_string_equal(result.signature,
                        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
    assert_int_equal(sigv4_stream_bytes(66560, 65536), 66824);

    static char data[65536];
    memset(data, 'a', sizeof(data));
    static const struct {
        size_t bytes;
        const char *signature;
    } chunks[] = {
        { 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648" },
        { 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497" },
        { 0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9" },
    };
    struct sigv4_stream sender, receiver, cheated;
    sr_assert_ok(sigv4_stream_init(&doc, result.signature, &sender, &err), err);
    sr_assert_ok(sigv4_stream_init(&doc, result.signature, &receiver, &err), err);
    for (size_t i = 0; i < SR_TEST_COUNT(chunks); i++) {
        char signature[65];
        sr_assert_ok(sigv4_stream_next(&sender, data, chunks[i].bytes, signature, &err), err);
        assert_string_equal(signature, chunks[i].signature);
        cheated = receiver;
        sr_assert_ok(sigv4_stream_verify(&receiver, data, chunks[i].bytes, signature, &err), err);
        if (chunks[i].bytes) {
            data[chunks[i].bytes / 2] = 'b';
            sr_assert_fails(sigv4_stream_verify(&cheated, data, chunks[i].bytes, signature, &err),
                            SR_ERR_DENIED, err);
            data[chunks[i].bytes / 2] = 'a';
        }
    }
    char head[SIGV4_CHUNK_HEAD];
    sigv4_chunk_head(1024, chunks[1].signature, head);
    assert_string_equal(
        head,
        "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n");
}

// Whatever is changed on the way, the signature no longer fits.
static void tampering_is_found(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct http_header given[] = { DOC_HOST, { "x-amz-meta-a", "one" } };
    struct http_header headers[8];
    struct sigv4_params params = doc;
    params.key.token = "token";
    enum {
        HONEST,
        METHOD,
        PATH,
        QUERY,
        HEADER,
        EXTRA,
        BODY,
        SECRET,
        LATE,
        EARLY,
        REGION,
        SERVICE,
        CASES
    };
    for (int which = HONEST; which < CASES; which++) {
        struct sigv4_request request = { "PUT", "/a%20b", "uploads", given, 2, SIGV4_EMPTY_HASH };
        struct sigv4_params verifier = params;
        sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
        sr_assert_ok(sigv4_sign_header(&params, &request, &result, &err), err);
        add_signature(&params, &request, headers, &result);
        struct sigv4_claim claim;
        sr_assert_ok(sigv4_parse(&request, &claim, &err), err);
        switch (which) {
        case METHOD: request.method = "DELETE"; break;
        case PATH: request.path = "/a%20c"; break;
        case QUERY: request.query = "uploads=&x=1"; break;
        case HEADER: headers[1].value = "two"; break;
        case EXTRA:
            headers[request.header_count++] = (struct http_header){ "x-amz-acl", "public-read" };
            break;
        case BODY: request.payload_hash = "00c1"; break;
        case SECRET: verifier.key.secret = "guess"; break;
        case LATE: verifier.wall_us += (SIGV4_SKEW_S + 1) * 1000000LL; break;
        case EARLY: verifier.wall_us -= (SIGV4_SKEW_S + 1) * 1000000LL; break;
        case REGION: verifier.scope.region = "eu-west-1"; break;
        case SERVICE: verifier.scope.service = "states"; break;
        default: break;
        }
        if (which == HONEST)
            sr_assert_ok(sigv4_verify(&verifier, &request, &claim, &err), err);
        else
            sr_assert_fails(sigv4_verify(&verifier, &request, &claim, &err), SR_ERR_DENIED, err);
    }
}

static void malformed_claims(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
#define GOOD                                                                                       \
    "AWS4-HMAC-SHA256 Credential=AK/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, "
    static const struct {
        const char *authorization, *date, *query;
    } cases[] = {
        { NULL, NULL, NULL },
        { "Basic dXNlcg==", "20130524T000000Z", NULL },
        { "AWS4-HMAC-SHA256 Credential=AK/20130524/us-east-1/s3, SignedHeaders=host, Signature=1",
          "20130524T000000Z", NULL },
        { "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=1", "20130524T000000Z", NULL },
        { GOOD, "20130524T000000Z", NULL },
        { GOOD "Signature=12", NULL, NULL },
        { GOOD "Signature=12", "20130524T0000", NULL },
        { GOOD "Signature=12", "20139924T000000Z", NULL },
        { GOOD "Signature=12", "20130525T000000Z", NULL },
        { NULL, NULL, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=1" },
        { NULL, NULL,
          "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20130524%2Fr%2Fs3%2Faws4_request&X-Amz-Date="
          "20130524T000000Z&X-Amz-SignedHeaders=host&X-Amz-Expires=9999999&X-Amz-Signature=1" },
        { NULL, NULL,
          "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20130524%2Fr%2Fs3%2Faws4_request&X-Amz-Date="
          "20130524T000000Z&X-Amz-SignedHeaders=host&X-Amz-Expires=-1&X-Amz-Signature=1" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        struct http_header headers[3] = { DOC_HOST };
        size_t count = 1;
        if (cases[i].authorization)
            headers[count++] = (struct http_header){ "Authorization", cases[i].authorization };
        if (cases[i].date)
            headers[count++] = (struct http_header){ "X-Amz-Date", cases[i].date };
        const struct sigv4_request request = { "GET",   "/",   cases[i].query,
                                               headers, count, SIGV4_EMPTY_HASH };
        struct sigv4_claim claim;
        sr_assert_fails(sigv4_parse(&request, &claim, &err), SR_ERR_DENIED, err);
    }
    // a signature of the wrong length is refused too, by verifying
    const struct http_header headers[] = { DOC_HOST,
                                           { "Authorization", GOOD "Signature=12" },
                                           { "X-Amz-Date", "20130524T000000Z" } };
    const struct sigv4_request request = { "GET", "/", NULL, headers, 3, SIGV4_EMPTY_HASH };
    struct sigv4_claim claim;
    sr_assert_ok(sigv4_parse(&request, &claim, &err), err);
    sr_assert_fails(sigv4_verify(&doc, &request, &claim, &err), SR_ERR_DENIED, err);
}

static void too_many_parts(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str query = { 0 };
    for (int i = 0; i <= SIGV4_QUERY_MAX; i++)
        sr_assert_ok(sr_str_addf(&query, &err, "&k%d=v", i), err);
    struct http_header headers[SIGV4_HEADERS_MAX + 1];
    for (size_t i = 0; i < SR_TEST_COUNT(headers); i++)
        headers[i] = (struct http_header)DOC_HOST;
    struct sigv4_request request = { "GET", "/", query.text, headers, 1, SIGV4_EMPTY_HASH };
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    sr_assert_fails(sigv4_sign_header(&doc, &request, &result, &err), SR_ERR_INVALID, err);
    request.query = NULL;
    request.header_count = SR_TEST_COUNT(headers);
    sr_assert_fails(sigv4_sign_header(&doc, &request, &result, &err), SR_ERR_INVALID, err);
    request.header_count = 0;
    sr_assert_fails(sigv4_sign_header(&doc, &request, &result, &err), SR_ERR_INVALID, err);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 5];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(presigned_as_documented);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(chunks_as_documented);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(tampering_is_found);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(malformed_claims);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_many_parts);
    return sr_test_run(__FILE__, tests, count);
}
