#include "net/sigv4.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/hash.h"
#include "net/sigv4_priv.h"
#include "net/url.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

void sigv4_signed_done(struct sigv4_signed *result)
{
    free(result->authorization);
    free(result->query);
    free(result->canonical);
    free(result->to_sign);
    *result = (struct sigv4_signed){ 0 };
}

void sigv4_date(int64_t wall_us, char ret_date[17])
{
    const time_t seconds = (time_t)sr_div_floor(wall_us, 1000000);
    struct tm tm = { 0 };
    gmtime_r(&seconds, &tm);
    const size_t bytes = strftime(ret_date, 17, "%Y%m%dT%H%M%SZ", &tm);
    assert(bytes == 16);
    (void)bytes;  // only when asserts are off
}

bool sigv4_same(const char *a, const char *b)
{
    unsigned char difference = 0;
    if (strlen(a) != 64 || strlen(b) != 64)
        return false;
    for (size_t i = 0; i < 64; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

// Spec: SigV4 "signing key": HMAC over the scope's parts, one after the other
bool sigv4_derive_key(const char *secret, const char *scope, uint8_t ret_key[32],
                      struct sr_err *err)
{
    sr_auto(char) char *first = sr_strf(err, "AWS4%s", secret);
    if (!first)
        return false;
    const void *key = first;
    size_t key_bytes = strlen(first);
    uint8_t digest[SR_SHA256_BYTES];
    bool done = true;
    for (const char *at = scope; done && *at;) {
        const size_t bytes = strcspn(at, "/");
        done = sr_hmac_sha256(key, key_bytes, at, bytes, digest, err);
        memcpy(ret_key, digest, sizeof(digest));
        key = ret_key;
        key_bytes = sizeof(digest);
        at += bytes;
        at += *at == '/';
    }
    explicit_bzero(first, strlen(first));
    return done;
}

static bool sign_text(const uint8_t key[32], const char *text, char ret_signature[65],
                      struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    if (!sr_hmac_sha256(key, 32, text, strlen(text), digest, err))
        return false;
    sr_hex(digest, sizeof(digest), ret_signature);
    return true;
}

bool sigv4_compute(const char *secret, const char *date, const char *scope, const char *canonical,
                   char ret_signature[65], char **ret_to_sign, struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    char hex[SR_SHA256_HEX];
    if (!sr_sha256(canonical, strlen(canonical), digest, err))
        return false;
    sr_hex(digest, sizeof(digest), hex);
    sr_auto(char) char *to_sign = sr_strf(err, ALGORITHM "\n%s\n%s\n%s", date, scope, hex);
    uint8_t key[32];
    if (!to_sign || !sigv4_derive_key(secret, scope, key, err))
        return false;
    const bool done = sign_text(key, to_sign, ret_signature, err);
    explicit_bzero(key, sizeof(key));
    if (!done)
        return false;
    *ret_to_sign = sr_take(to_sign);
    return true;
}

static char *scope_text(const struct sigv4_params *params, const char *date, struct sr_err *err)
{
    return sr_strf(err, "%.8s/%s/%s/aws4_request", date, params->scope.region,
                   params->scope.service);
}

bool sigv4_sign_header(const struct sigv4_params *params, const struct sigv4_request *request,
                       struct sigv4_signed *ret, struct sr_err *err)
{
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    sigv4_date(params->wall_us, result.date);
    struct http_header headers[SIGV4_HEADERS_MAX];
    if (request->header_count > SIGV4_HEADERS_MAX - 3)
        return sr_fail(err, SR_ERR_INVALID, "%zu headers to sign", request->header_count);
    if (!http_header_find(request->headers, request->header_count, "host"))
        return sr_fail(err, SR_ERR_INVALID, "no Host header to sign");
    size_t count = 0;
    for (; count < request->header_count; count++)
        headers[count] = request->headers[count];
    headers[count++] = (struct http_header){ "x-amz-date", result.date };
    if (params->key.token && !params->token_unsigned)
        headers[count++] = (struct http_header){ "x-amz-security-token", params->key.token };
    if (params->hash_header)
        headers[count++] = (struct http_header){ "x-amz-content-sha256", request->payload_hash };

    struct sigv4_request whole = *request;
    whole.headers = headers;
    whole.header_count = count;
    sr_auto(sr_str) struct sr_str canonical = { 0 };
    sr_auto(sr_str) struct sr_str names = { 0 };
    sr_auto(char) char *scope = scope_text(params, result.date, err);
    const struct sigv4_canon canon = { .request = &whole, .scope = &params->scope };
    if (!scope || !sigv4_canonical(&canon, &canonical, &names, err) ||
        !sigv4_compute(params->key.secret, result.date, scope, sr_str_text(&canonical),
                       result.signature, &result.to_sign, err))
        return false;
    result.authorization =
        sr_strf(err, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                params->key.access_key, scope, sr_str_text(&names), result.signature);
    result.canonical = result.authorization ? sr_str_take(&canonical) : NULL;
    if (!result.canonical)
        return sr_fail(err, SR_ERR_NO_MEMORY, "signature");
    *ret = result;
    result = (struct sigv4_signed){ 0 };
    return true;
}

static bool add_parameter(struct sr_str *query, const char *name, const char *value,
                          struct sr_err *err)
{
    return sr_str_addf(query, err, "%s%s=", query->bytes ? "&" : "", name) &&
           url_encode(value, strlen(value), "", query, err);
}

// Names of the headers that will be signed, which the query must carry before it is signed itself.
static bool add_signed_names(const struct sigv4_request *request, const struct sigv4_scope *scope,
                             struct sr_str *names, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str canonical = { 0 };
    const struct sigv4_canon canon = { .request = request, .scope = scope };
    return sigv4_canonical(&canon, &canonical, names, err);
}

bool sigv4_sign_query(const struct sigv4_params *params, const struct sigv4_request *request,
                      int64_t expires_s, struct sigv4_signed *ret, struct sr_err *err)
{
    if (expires_s < 1 || expires_s > SIGV4_EXPIRES_S_MAX)
        return sr_fail(err, SR_ERR_INVALID, "a presigned URL lasts 1 to %d s", SIGV4_EXPIRES_S_MAX);
    if (!http_header_find(request->headers, request->header_count, "host"))
        return sr_fail(err, SR_ERR_INVALID, "no Host header to sign");
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    sigv4_date(params->wall_us, result.date);
    sr_auto(sr_str) struct sr_str query = { 0 };
    sr_auto(sr_str) struct sr_str names = { 0 };
    sr_auto(char) char *scope = scope_text(params, result.date, err);
    sr_auto(char) char *credential =
        scope ? sr_strf(err, "%s/%s", params->key.access_key, scope) : NULL;
    char expires[24];
    snprintf(expires, sizeof(expires), "%lld", (long long)expires_s);
    if (!credential || !add_signed_names(request, &params->scope, &names, err) ||
        !sr_str_add(&query, request->query ? request->query : "", err) ||
        !add_parameter(&query, "X-Amz-Algorithm", ALGORITHM, err) ||
        !add_parameter(&query, "X-Amz-Credential", credential, err) ||
        !add_parameter(&query, "X-Amz-Date", result.date, err) ||
        !add_parameter(&query, "X-Amz-SignedHeaders", sr_str_text(&names), err) ||
        !add_parameter(&query, "X-Amz-Expires", expires, err))
        return false;
    const bool token = params->key.token != NULL;
    if (token && !params->token_unsigned &&
        !add_parameter(&query, "X-Amz-Security-Token", params->key.token, err))
        return false;

    struct sigv4_request whole = *request;
    whole.query = sr_str_text(&query);
    sr_auto(sr_str) struct sr_str canonical = { 0 };
    const struct sigv4_canon canon = { .request = &whole, .scope = &params->scope };
    if (!sigv4_canonical(&canon, &canonical, NULL, err) ||
        !sigv4_compute(params->key.secret, result.date, scope, sr_str_text(&canonical),
                       result.signature, &result.to_sign, err))
        return false;
    if (token && params->token_unsigned &&
        !add_parameter(&query, "X-Amz-Security-Token", params->key.token, err))
        return false;
    if (!add_parameter(&query, "X-Amz-Signature", result.signature, err))
        return false;
    result.query = sr_str_take(&query);
    result.canonical = sr_str_take(&canonical);
    if (!result.query || !result.canonical)
        return sr_fail(err, SR_ERR_NO_MEMORY, "signature");
    *ret = result;
    result = (struct sigv4_signed){ 0 };
    return true;
}

bool sigv4_stream_init(const struct sigv4_params *params, const char *seed_signature,
                       struct sigv4_stream *ret_stream, struct sr_err *err)
{
    struct sigv4_stream stream = { 0 };
    sigv4_date(params->wall_us, stream.date);
    sr_auto(char) char *scope = scope_text(params, stream.date, err);
    if (!scope)
        return false;
    if (!sr_format(stream.scope, sizeof(stream.scope), "%s", scope) ||
        !sr_format(stream.previous, sizeof(stream.previous), "%s", seed_signature))
        return sr_fail(err, SR_ERR_INVALID, "region, service or signature too long");
    if (!sigv4_derive_key(params->key.secret, scope, stream.key, err))
        return false;
    *ret_stream = stream;
    return true;
}

// Spec: S3 "Signature calculations ... multiple chunks": string to sign of a chunk
bool sigv4_stream_next(struct sigv4_stream *stream, const void *data, size_t bytes,
                       char ret_signature[65], struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    char hex[SR_SHA256_HEX];
    if (!sr_sha256(data, bytes, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), hex);
    sr_auto(char) char *to_sign =
        sr_strf(err, ALGORITHM "-PAYLOAD\n%s\n%s\n%s\n" SIGV4_EMPTY_HASH "\n%s", stream->date,
                stream->scope, stream->previous, hex);
    if (!to_sign || !sign_text(stream->key, to_sign, ret_signature, err))
        return false;
    memcpy(stream->previous, ret_signature, sizeof(stream->previous));
    return true;
}

bool sigv4_stream_verify(struct sigv4_stream *stream, const void *data, size_t bytes,
                         const char *signature, struct sr_err *err)
{
    char expected[65];
    if (!sigv4_stream_next(stream, data, bytes, expected, err))
        return false;
    return sigv4_same(expected, signature) ||
           sr_fail(err, SR_ERR_DENIED, "signature of a chunk does not match");
}

void sigv4_chunk_head(size_t bytes, const char *signature, char head[SIGV4_CHUNK_HEAD])
{
    snprintf(head, SIGV4_CHUNK_HEAD, "%zx;chunk-signature=%.64s\r\n", bytes, signature);
}

uint64_t sigv4_stream_bytes(uint64_t bytes, size_t chunk_bytes)
{
    const uint64_t whole = bytes / chunk_bytes;
    const size_t rest = (size_t)(bytes % chunk_bytes);
    char head[SIGV4_CHUNK_HEAD];
    char signature[65];
    memset(signature, '0', 64);
    signature[64] = '\0';
    sigv4_chunk_head(chunk_bytes, signature, head);
    uint64_t total = whole * (strlen(head) + chunk_bytes + 2);
    sigv4_chunk_head(rest, signature, head);
    if (rest)
        total += strlen(head) + rest + 2;
    sigv4_chunk_head(0, signature, head);
    return total + strlen(head) + 2;
}
