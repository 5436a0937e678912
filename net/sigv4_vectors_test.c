// Runs published SigV4 vectors: sigv4_vectors_test [FOLDER], else $SPLITREEL_CONFORMANCE/sigv4,
// else
// ../shared/conformance/sigv4; each line of FOLDER/v4.jsonl is one request with what signing it
// must give.
#include <ctype.h>
#include <time.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"
#include "net/sigv4.h"

static const char *folder;

// A raw request taken apart in place. A line that begins with a space continues the header before.
struct raw {
    char *text;
    char *method, *path, *query, *body;
    struct http_header headers[SIGV4_HEADERS_MAX];
    size_t header_count;
};

static void split_headers(struct raw *raw, char *at)
{
    while (*at && *at != '\n') {
        char *end = at;
        do
            end = strchrnul(end + 1, '\n');
        while (*end && (end[1] == ' ' || end[1] == '\t'));
        const bool last = !*end;
        *end = '\0';
        char *colon = strchr(at, ':');
        assert_non_null(colon);
        *colon = '\0';
        assert_true(raw->header_count < SR_TEST_COUNT(raw->headers));
        raw->headers[raw->header_count++] = (struct http_header){ at, colon + 1 };
        at = end + !last;
    }
    raw->body = *at == '\n' ? at + 1 : at;
}

static void split_request(const char *text, struct raw *raw)
{
    *raw = (struct raw){ .text = strdup(text) };
    assert_non_null(raw->text);
    raw->method = raw->text;
    char *line_end = strchr(raw->text, '\n');
    assert_non_null(line_end);
    *line_end = '\0';
    char *version = strrchr(raw->text, ' ');
    *version = '\0';
    raw->path = strchr(raw->text, ' ');
    assert_non_null(raw->path);
    *raw->path++ = '\0';
    raw->query = strchr(raw->path, '?');
    if (raw->query)
        *raw->query++ = '\0';
    split_headers(raw, line_end + 1);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void read_params(const json_t *context, struct sigv4_params *params)
{
    const json_t *credentials = json_object_get(context, "credentials");
    struct tm tm = { 0 };
    assert_non_null(strptime(text_of(context, "timestamp"), "%Y-%m-%dT%H:%M:%SZ", &tm));
    *params = (struct sigv4_params){
        .key = { text_of(credentials, "access_key_id"), text_of(credentials, "secret_access_key"),
                 text_of(credentials, "token") },
        .scope = { .region = text_of(context, "region"),
                   .service = text_of(context, "service"),
                   .path_normal = json_is_true(json_object_get(context, "normalize")) },
        .wall_us = (int64_t)timegm(&tm) * 1000000,
        .hash_header = json_is_true(json_object_get(context, "sign_body")),
        .token_unsigned = json_is_true(json_object_get(context, "omit_session_token")),
    };
}

static void hash_body(const char *body, char hex[sizeof(SIGV4_EMPTY_HASH)])
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    sr_assert_ok(sr_sha256(body, strlen(body), digest, &err), err);
    sr_hex(digest, sizeof(digest), hex);
}

// The signed request of the vector must pass our verifier, and must not when its signature is
// another's.
static void verify_vector(const struct sigv4_params *params, const char *signed_request,
                          const char *hash)
{
    struct sr_err err = { 0 };
    struct raw raw;
    split_request(signed_request, &raw);
    struct sigv4_request request = { raw.method,  raw.path,         raw.query,
                                     raw.headers, raw.header_count, hash };
    struct sigv4_claim claim;
    sr_assert_ok(sigv4_parse(&request, &claim, &err), err);
    sr_assert_ok(sigv4_verify(params, &request, &claim, &err), err);
    claim.signature[63] = claim.signature[63] == '0' ? '1' : '0';
    sr_assert_fails(sigv4_verify(params, &request, &claim, &err), SR_ERR_DENIED, err);
    free(raw.text);
}

static void run_vector(const json_t *vector)
{
    struct sr_err err = { 0 };
    struct raw raw;
    struct sigv4_params params;
    const json_t *context = json_object_get(vector, "context");
    read_params(context, &params);
    split_request(text_of(vector, "request"), &raw);
    char hash[sizeof(SIGV4_EMPTY_HASH)];
    hash_body(params.hash_header ? raw.body : "", hash);
    const struct sigv4_request request = { raw.method,  raw.path,         raw.query,
                                           raw.headers, raw.header_count, hash };
    sr_auto(sigv4_signed) struct sigv4_signed in_header = { 0 };
    sr_auto(sigv4_signed) struct sigv4_signed in_query = { 0 };
    sr_assert_ok(sigv4_sign_header(&params, &request, &in_header, &err), err);
    assert_string_equal(in_header.canonical, text_of(vector, "header_canonical_request"));
    assert_string_equal(in_header.to_sign, text_of(vector, "header_string_to_sign"));
    assert_string_equal(in_header.signature, text_of(vector, "header_signature"));
    verify_vector(&params, text_of(vector, "header_signed_request"), hash);

    const int64_t expires_s = json_integer_value(json_object_get(context, "expiration_in_seconds"));
    sr_assert_ok(sigv4_sign_query(&params, &request, expires_s, &in_query, &err), err);
    assert_string_equal(in_query.canonical, text_of(vector, "query_canonical_request"));
    assert_string_equal(in_query.to_sign, text_of(vector, "query_string_to_sign"));
    assert_string_equal(in_query.signature, text_of(vector, "query_signature"));
    if (!params.token_unsigned)  // a token that came after signing cannot be told from one that was
                                 // signed
        verify_vector(&params, text_of(vector, "query_signed_request"), hash);
    free(raw.text);
}

static void all_vectors(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = sr_strf(&err, "%s/v4.jsonl", folder);
    sr_auto(char) char *text = NULL;
    size_t bytes;
    if (!sr_file_load(path, 16 << 20, &text, &bytes, &err)) {
        if (err.code != SR_ERR_NOT_FOUND)
            fail_msg("%s", err.message);
        print_message("no vectors in %s\n", folder);
        skip();
    }
    size_t count = 0;
    for (char *line = text; *line; count++) {
        char *end = strchrnul(line, '\n');
        sr_auto(json) json_t *vector = NULL;
        sr_assert_ok(jx_parse(line, (size_t)(end - line), false, &vector, &err), err);
        print_message("%s\n", text_of(vector, "id"));
        run_vector(vector);
        line = end + (*end == '\n');
    }
    assert_true(count > 0);
    print_message("%zu vectors, header and query\n", count);
}

int main(int argc, char **argv)
{
    static char place[4096];
    const char *conformance = getenv("SPLITREEL_CONFORMANCE");
    snprintf(place, sizeof(place), "%s/sigv4", conformance ? conformance : "../shared/conformance");
    folder = argc > 1 ? argv[1] : place;
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_vectors) };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
