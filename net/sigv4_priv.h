// net/sigv4_priv.h - the one canonicalisation that signing and verifying share.
#pragma once

#include "base/str.h"
#include "net/sigv4.h"

// Which query parameters and headers take part.
struct sigv4_canon {
    const struct sigv4_request *request;
    const struct sigv4_scope *scope;
    const char *drop_query;      // a parameter to leave out (X-Amz-Signature); NULL: none
    const char *signed_headers;  // "a;b": only these; NULL: all
};

// Adds "METHOD\npath\nquery\nheaders\n\nsigned\nhash" to `out`, and the names to `signed_out` (may
// be NULL).
SR_MUST_USE bool sigv4_canonical(const struct sigv4_canon *canon, struct sr_str *out,
                                 struct sr_str *signed_out, struct sr_err *err);

// The signature and the string that was signed. `scope` is "20150830/us-east-1/s3/aws4_request".
SR_MUST_USE bool sigv4_compute(const char *secret, const char *date, const char *scope,
                               const char *canonical, char ret_signature[65], char **ret_to_sign,
                               struct sr_err *err);
SR_MUST_USE bool sigv4_derive_key(const char *secret, const char *scope, uint8_t ret_key[32],
                                  struct sr_err *err);
bool sigv4_same(const char *a, const char *b);  // in constant time for texts of 64 bytes
void sigv4_date(int64_t wall_us, char ret_date[17]);
