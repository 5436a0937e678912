// SigV4 vectors: each case is one request with what signing it in its header and in its query
// gives, and what our verifier must accept.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "net/sigv4.h"
#include "tests/conformance.h"

// A raw request taken apart in place. A line that begins with a space continues the header before.
struct raw {
    char *text;
    char *method, *path, *query, *body;
    struct http_header headers[SIGV4_HEADERS_MAX];
    size_t header_count;
};

static bool split_headers(struct raw *raw, char *at)
{
    while (*at && *at != '\n') {
        char *end = at;
        do
            end = strchrnul(end + 1, '\n');
        while (*end && (end[1] == ' ' || end[1] == '\t'));
        const bool last = !*end;
        *end = '\0';
        char *colon = strchr(at, ':');
        if (!colon || raw->header_count == SIGV4_HEADERS_MAX)
            return false;
        *colon = '\0';
        raw->headers[raw->header_count++] = (struct http_header){ at, colon + 1 };
        at = end + !last;
    }
    raw->body = *at == '\n' ? at + 1 : at;
    return true;
}

static void raw_done(struct raw *raw)
{
    free(raw->text);
}
SR_DEFINE_AUTO_VALUE(raw, struct raw, raw_done);

static bool split_request(const char *text, struct raw *raw)
{
    *raw = (struct raw){ .text = text ? strdup(text) : NULL };
    char *const line_end = raw->text ? strchr(raw->text, '\n') : NULL;
    if (!line_end)
        return false;
    raw->method = raw->text;
    *line_end = '\0';
    raw->path = strchr(raw->text, ' ');
    char *const version = strrchr(raw->text, ' ');
    if (!raw->path || version == raw->path)
        return false;
    *version = '\0';
    *raw->path++ = '\0';
    raw->query = strchr(raw->path, '?');
    if (raw->query)
        *raw->query++ = '\0';
    return split_headers(raw, line_end + 1);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool read_params(const json_t *context, struct sigv4_params *params)
{
    const json_t *credentials = json_object_get(context, "credentials");
    struct tm tm = { 0 };
    const char *const timestamp = text_of(context, "timestamp");
    if (!timestamp || !strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return false;
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
    return true;
}

// The signed request of the vector must pass our verifier, and must not when its signature is
// another's.
static bool verifies(const struct sigv4_params *params, const char *signed_request,
                     const char *hash, struct sr_str *why)
{
    struct sr_err err = { 0 };
    sr_auto(raw) struct raw raw = { 0 };
    if (!split_request(signed_request, &raw)) {
        conformance_say(why, "the signed request cannot be read");
        return false;
    }
    const struct sigv4_request request = { raw.method,  raw.path,         raw.query,
                                           raw.headers, raw.header_count, hash };
    struct sigv4_claim claim;
    if (!sigv4_parse(&request, &claim, &err) || !sigv4_verify(params, &request, &claim, &err)) {
        conformance_say(why, "the verifier refuses it: %s", err.message);
        return false;
    }
    claim.signature[63] = claim.signature[63] == '0' ? '1' : '0';
    if (!sigv4_verify(params, &request, &claim, &err) && err.code == SR_ERR_DENIED)
        return true;
    conformance_say(why, "the verifier takes a false signature");
    return false;
}

static bool same(const json_t *vector, const char *key, const char *got, struct sr_str *why)
{
    const char *const want = text_of(vector, key);
    if (want && strcmp(want, got) == 0)
        return true;
    conformance_say(why, "%s: want %s, got %s", key, want ? want : "nothing", got);
    return false;
}

static bool same_signed(const json_t *vector, bool in_query, const struct sigv4_signed *got,
                        struct sr_str *why)
{
    return same(vector, in_query ? "query_canonical_request" : "header_canonical_request",
                got->canonical, why) &&
           same(vector, in_query ? "query_string_to_sign" : "header_string_to_sign", got->to_sign,
                why) &&
           same(vector, in_query ? "query_signature" : "header_signature", got->signature, why);
}

static bool signs(const json_t *vector, const struct sigv4_params *params,
                  const struct sigv4_request *request, struct sr_str *why)
{
    struct sr_err err = { 0 };
    sr_auto(sigv4_signed) struct sigv4_signed header = { 0 }, query = { 0 };
    const int64_t expires_s = json_integer_value(
        json_object_get(json_object_get(vector, "context"), "expiration_in_seconds"));
    if (!sigv4_sign_header(params, request, &header, &err) ||
        !sigv4_sign_query(params, request, expires_s, &query, &err)) {
        conformance_say(why, "%s", err.message);
        return false;
    }
    return same_signed(vector, false, &header, why) && same_signed(vector, true, &query, why);
}

static enum conformance_result run(const json_t *vector, struct sr_str *why)
{
    struct sr_err err = { 0 };
    struct sigv4_params params;
    sr_auto(raw) struct raw raw = { 0 };
    if (!read_params(json_object_get(vector, "context"), &params) ||
        !split_request(text_of(vector, "request"), &raw)) {
        conformance_say(why, "the vector cannot be read");
        return CONFORMANCE_FAIL;
    }
    const char *const body = params.hash_header ? raw.body : "";
    uint8_t digest[SR_SHA256_BYTES];
    char hash[sizeof(SIGV4_EMPTY_HASH)];
    if (!sr_sha256(body, strlen(body), digest, &err)) {
        conformance_say(why, "%s", err.message);
        return CONFORMANCE_FAIL;
    }
    sr_hex(digest, sizeof(digest), hash);
    const struct sigv4_request request = { raw.method,  raw.path,         raw.query,
                                           raw.headers, raw.header_count, hash };
    // A token that came after signing cannot be told from one that was signed.
    return signs(vector, &params, &request, why) &&
                   verifies(&params, text_of(vector, "header_signed_request"), hash, why) &&
                   (params.token_unsigned ||
                    verifies(&params, text_of(vector, "query_signed_request"), hash, why))
               ? CONFORMANCE_PASS
               : CONFORMANCE_FAIL;
}

const struct conformance_file conformance_sigv4 = { "sigv4/v4.jsonl", "id", run };
