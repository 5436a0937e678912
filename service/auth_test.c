#include "base/clock.h"
#include "base/test.h"
#include "net/sigv4.h"
#include "service/auth.h"

#include "base/hash.h"

#define SECRET "a-secret-of-24-letters.."
#define WALL_US INT64_C(1790000000000000)

// A request, signed as row says, then changed on its way.
static const struct row {
    const char *name;
    const char *type;  // of the refusal; NULL: it is let in
    const char *access_key, *secret, *service;
    int64_t late_s;  // of our clock, seen from the client's
    const char *body;
    const char *host;
    bool hash_header, no_authorization, unsigned_target, presigned;
} rows[] = {
    { "as it should be", NULL, .access_key = "AKID1" },
    { "the other key", NULL, .access_key = "AKID2" },
    { "with the hash of its body", NULL, .access_key = "AKID1", .hash_header = true },
    { "14 minutes late", NULL, .access_key = "AKID1", .late_s = 14 * 60 },
    { "14 minutes early", NULL, .access_key = "AKID1", .late_s = -14 * 60 },
    { "16 minutes late", "InvalidSignatureException", .access_key = "AKID1", .late_s = 16 * 60 },
    { "16 minutes early", "InvalidSignatureException", .access_key = "AKID1", .late_s = -16 * 60 },
    { "another secret", "InvalidSignatureException", .access_key = "AKID1", .secret = "guess" },
    { "the other key's secret", "InvalidSignatureException", .access_key = "AKID2",
      .secret = SECRET },
    { "nobody's key", "UnrecognizedClientException", .access_key = "AKID3" },
    { "for another service", "InvalidSignatureException", .access_key = "AKID1", .service = "s3" },
    { "another body", "InvalidSignatureException", .access_key = "AKID1", .body = "{ }" },
    { "another body with a hash", "InvalidSignatureException", .access_key = "AKID1", .body = "{ }",
      .hash_header = true },
    { "another host", "InvalidSignatureException", .access_key = "AKID1", .host = "elsewhere" },
    { "the operation is not signed", "InvalidSignatureException", .access_key = "AKID1",
      .unsigned_target = true },
    { "not signed at all", "MissingAuthenticationTokenException", .access_key = "AKID1",
      .no_authorization = true },
    { "signed in the query", "MissingAuthenticationTokenException", .access_key = "AKID1",
      .presigned = true },
};

static void hash_of(const char *body, char hex[SR_SHA256_HEX])
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    sr_assert_ok(sr_sha256(body, strlen(body), digest, &err), err);
    sr_hex(digest, sizeof digest, hex);
}

static struct auth *two_keys(void)
{
    struct sr_err err = { 0 };
    struct auth *auth = NULL;
    sr_assert_ok(auth_new(&auth, &err), err);
    assert_false(auth_has_keys(auth));
    sr_assert_ok(auth_add(auth, "AKID1", SECRET, &err), err);
    sr_assert_ok(auth_add(auth, "AKID2", SECRET "2", &err), err);
    return auth;
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    char hash[SR_SHA256_HEX];
    char who[AUTH_ACCESS_KEY_MAX + 1];
    struct auth_refusal refusal = { 0 };
    sr_auto(auth) struct auth *auth = two_keys();
    sr_auto(sigv4_signed) struct sigv4_signed made = { 0 };
    struct http_header headers[] = {
        { "Host", "localhost:8083" },
        { "Content-Type", "application/x-amz-json-1.0" },
        { "X-Amz-Target", "AWSStepFunctions.ListActivities" },
        { "X-Amz-Date", "" },
        { "X-Amz-Content-Sha256", hash },
        { "Authorization", "" },
    };
    hash_of("{}", hash);
    const char *const own = strcmp(row->access_key, "AKID2") == 0 ? SECRET "2" : SECRET;
    const struct sigv4_request to_sign = { .method = "POST",
                                           .path = "/",
                                           .headers = headers,
                                           .header_count = row->unsigned_target ? 2 : 3,
                                           .payload_hash = hash };
    const struct sigv4_params params = {
        .key = { .access_key = row->access_key, .secret = row->secret ? row->secret : own },
        .scope = { .region = "eu-1",
                   .service = row->service ? row->service : "states",
                   .path_normal = true },
        .wall_us = WALL_US,
        .hash_header = row->hash_header
    };
    if (row->presigned)
        sr_assert_ok(sigv4_sign_query(&params, &to_sign, 600, &made, &err), err);
    else
        sr_assert_ok(sigv4_sign_header(&params, &to_sign, &made, &err), err);
    headers[3].value = made.date;
    headers[5].value = made.authorization ? made.authorization : "";
    if (row->host)
        headers[0].value = row->host;
    struct http_header sent[6];
    size_t count = 0;
    for (size_t i = 0; i < 6; i++) {
        if ((i == 4 && !row->hash_header) || (i == 5 && (row->no_authorization || row->presigned)))
            continue;
        sent[count++] = headers[i];
    }
    const char *const body = row->body ? row->body : "{}";
    const struct server_request request = { .method = "POST",
                                            .path = "/",
                                            .query = made.query,
                                            .headers = sent,
                                            .header_count = count,
                                            .body = body,
                                            .size = strlen(body) };
    const bool let_in = auth_check(auth, &request, WALL_US + row->late_s * 1000000, who, &refusal);
    if (row->type) {
        assert_false(let_in);
        assert_string_equal(refusal.type, row->type);
        assert_int_equal(refusal.status, 400);
        assert_null(strstr(refusal.message, SECRET));
    } else {
        assert_true(let_in);
        assert_string_equal(who, row->access_key);
    }
}

static const struct host_row {
    const char *name;
    bool local;
} host_rows[] = {
    { "localhost", true },
    { "LOCALHOST:8083", true },
    { "127.0.0.1:8083", true },
    { "127.1.2.3", true },
    { "[::1]", true },
    { "[::1]:80", true },
    { "sync-localhost:8083", true },
    { "sync-127.0.0.1", true },
    { "", false },
    { "localhost.example.org", false },
    { "127.0.0.1.example.org", false },
    { "example.org:8083", false },
    { "128.0.0.1", false },
    { "127.0.0.1:80x", false },
    { "127.0.0.256", false },
    { "127.0.0", false },
    { "[::1", false },
    { "[::2]", false },
    { "[::1]x", false },
};

// A web page elsewhere that makes its own name point here is refused.
static void host(void **state)
{
    const struct host_row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(auth) struct auth *auth = NULL;
    sr_assert_ok(auth_new(&auth, &err), err);
    const struct http_header headers[] = { { "Host", row->name } };
    const struct server_request request = { .headers = headers, .header_count = 1, .body = "" };
    char who[AUTH_ACCESS_KEY_MAX + 1];
    struct auth_refusal refusal;
    assert_int_equal(auth_host_is_local(row->name), row->local);
    assert_int_equal(auth_check(auth, &request, WALL_US, who, &refusal), row->local);
    assert_string_equal(who, "local");
    if (!row->local)
        assert_int_equal(refusal.status, 403);
}

static const struct garbage_row {
    const char *name;
} garbage_rows[] = {
    { "" },
    { "Basic dXNlcjpwYXNz" },
    { "AWS4-HMAC-SHA256" },
    { "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=" },
    { "AWS4-HMAC-SHA256 Credential=AKID1, SignedHeaders=host, Signature=00" },
    { "AWS4-HMAC-SHA256 Credential=AKID1/20260101/eu-1/states/aws4_request, SignedHeaders=host, "
      "Signature=0000000000000000000000000000000000000000000000000000000000000000" },
    { "AWS4-HMAC-SHA256 Credential=AKID1/////////, SignedHeaders=;;;;;, Signature=%00" },
};

static void garbage(void **state)
{
    const struct garbage_row *row = *state;
    sr_auto(auth) struct auth *auth = two_keys();
    const struct http_header headers[] = { { "Host", "localhost" },
                                           { "X-Amz-Date", "20260101T000000Z" },
                                           { "Authorization", row->name } };
    const struct server_request request = {
        .method = "POST", .path = "/", .headers = headers, .header_count = 3, .body = ""
    };
    char who[AUTH_ACCESS_KEY_MAX + 1];
    struct auth_refusal refusal;
    assert_false(auth_check(auth, &request, WALL_US, who, &refusal));
    assert_int_equal(refusal.status, 400);
}

static void keys(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(auth) struct auth *auth = two_keys();
    char text[32];
    sr_assert_fails(auth_add(auth, "AKID1", SECRET, &err), SR_ERR_CONFLICT, err);
    sr_assert_fails(auth_add(auth, "AK", SECRET, &err), SR_ERR_INVALID, err);
    sr_assert_fails(auth_add(auth, "AKID/3", SECRET, &err), SR_ERR_INVALID, err);
    sr_assert_fails(auth_add(auth, "AKID3", "short", &err), SR_ERR_INVALID, err);
    assert_null(strstr(err.message, "short"));
    for (int i = 3; i <= AUTH_KEYS_MAX; i++) {
        snprintf(text, sizeof text, "AKID%d", i);
        sr_assert_ok(auth_add(auth, text, SECRET, &err), err);
    }
    sr_assert_fails(auth_add(auth, "AKID0", SECRET, &err), SR_ERR_LIMIT, err);
    assert_true(auth_same("abc", "abc"));
    assert_false(auth_same("abc", "abd"));
    assert_false(auth_same("abc", "abcd"));
}

int main(void)
{
    static struct CMUnitTest
        tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(host_rows) + SR_TEST_COUNT(garbage_rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    count += SR_TEST_ADD(tests + count, host_rows, host);
    count += SR_TEST_ADD(tests + count, garbage_rows, garbage);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(keys);
    return sr_test_run(__FILE__, tests, count);
}
