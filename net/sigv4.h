// net/sigv4.h - AWS Signature Version 4, both sides: sign a request, verify one; a pure function of
// its arguments.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "net/http_header.h"

// Payload hashes that are not a hash.
#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"
#define SIGV4_STREAMING "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
#define SIGV4_EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum {
    SIGV4_HEADERS_MAX = 64,
    SIGV4_QUERY_MAX = 128,   // parameters
    SIGV4_SKEW_S = 15 * 60,  // how far the clocks of the two sides may be apart
    SIGV4_EXPIRES_S_MAX = 7 * 86400,
};

struct sigv4_key {
    const char *access_key;
    const char *secret;
    const char *token;  // NULL: none
};

// A request as it goes over the wire.
struct sigv4_request {
    const char *method;
    const char *path;                   // percent-encoded as sent, begins with '/'
    const char *query;                  // as sent, without '?'; NULL: none
    const struct http_header *headers;  // those to be signed, "Host" among them
    size_t header_count;
    const char *payload_hash;  // lower-case hex SHA-256, SIGV4_UNSIGNED or SIGV4_STREAMING
};

struct sigv4_scope {
    const char *region;
    const char *service;
    // S3 encodes a path once and takes it as it is; every other service encodes the sent form again
    // and normalises it.
    bool path_once;
    bool path_normal;
};

struct sigv4_params {
    struct sigv4_key key;
    struct sigv4_scope scope;
    int64_t wall_us;
    bool hash_header;     // the caller sends X-Amz-Content-Sha256: sign it (S3 wants it)
    bool token_unsigned;  // X-Amz-Security-Token is added after signing (old STS)
};

// What to add to the request, and what it was made of.
struct sigv4_signed {
    char date[17];  // X-Amz-Date
    char signature[65];
    char *authorization;  // the header's value; NULL in the query form
    char *query;          // the whole query with its signature; NULL in the header form
    char *canonical;      // the canonical request, to explain a refusal; holds no secret
    char *to_sign;
};
void sigv4_signed_done(struct sigv4_signed *result);
SR_DEFINE_AUTO_VALUE(sigv4_signed, struct sigv4_signed, sigv4_signed_done);

// Signs in a header: the caller sends X-Amz-Date, X-Amz-Security-Token (when there is a token),
// X-Amz-Content-Sha256 (when `hash_header`) and Authorization besides the given headers.
// Owns:   the caller frees *ret with sigv4_signed_done().
// Errors: INVALID (no Host header, too many headers or parameters), NO_MEMORY.
// Spec:   AWS "Signature Version 4": canonical request, string to sign, signing key.
SR_MUST_USE bool sigv4_sign_header(const struct sigv4_params *params,
                                   const struct sigv4_request *request, struct sigv4_signed *ret,
                                   struct sr_err *err);
// Signs in the query (a presigned URL), good for `expires_s` seconds, 1 to SIGV4_EXPIRES_S_MAX.
SR_MUST_USE bool sigv4_sign_query(const struct sigv4_params *params,
                                  const struct sigv4_request *request, int64_t expires_s,
                                  struct sigv4_signed *ret, struct sr_err *err);

// Who a request says it is from; nothing is proven yet.
struct sigv4_claim {
    char access_key[129];
    char day[9];
    char region[65];
    char service[65];
    char date[17];
    char signature[65];
    char signed_headers[2049];
    int64_t wall_us;    // of `date`
    int64_t expires_s;  // presigned only
    bool presigned;
};

// Reads the Authorization header or the query. Gives DENIED when there is none or it is malformed.
SR_MUST_USE bool sigv4_parse(const struct sigv4_request *request, struct sigv4_claim *ret_claim,
                             struct sr_err *err);

// Proves the claim. `request->headers` are all headers that came; `payload_hash` is of the body
// that came, or, when the body is not covered, what the client said in X-Amz-Content-Sha256.
// `params->key.secret` is the claim's access key's; `params->scope` region or service NULL: any.
// Comparing takes the same time wherever the difference lies.
// Errors: DENIED with the reason.
SR_MUST_USE bool sigv4_verify(const struct sigv4_params *params,
                              const struct sigv4_request *request, const struct sigv4_claim *claim,
                              struct sr_err *err);

// Signed aws-chunked bodies: each chunk's signature depends on the one before, the first on the
// request's.
struct sigv4_stream {
    uint8_t key[32];
    char scope[256];
    char date[17];
    char previous[65];
};
SR_MUST_USE bool sigv4_stream_init(const struct sigv4_params *params, const char *seed_signature,
                                   struct sigv4_stream *ret_stream, struct sr_err *err);
// The signature of the next chunk; the last one has no bytes.
SR_MUST_USE bool sigv4_stream_next(struct sigv4_stream *stream, const void *data, size_t bytes,
                                   char ret_signature[65], struct sr_err *err);
// The other side: fails with DENIED when the chunk or its place is not what was signed.
SR_MUST_USE bool sigv4_stream_verify(struct sigv4_stream *stream, const void *data, size_t bytes,
                                     const char *signature, struct sr_err *err);
// "HEX;chunk-signature=...\r\n" stands before a chunk, "\r\n" after it.
enum { SIGV4_CHUNK_HEAD = 128 };
void sigv4_chunk_head(size_t bytes, const char *signature, char head[SIGV4_CHUNK_HEAD]);
// Length on the wire of `bytes` in chunks of `chunk_bytes`; for Content-Length.
uint64_t sigv4_stream_bytes(uint64_t bytes, size_t chunk_bytes);
