// base/hash.h - digests and their spellings, over libcrypto.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/cancel.h"
#include "base/err.h"
#include "base/io.h"

enum { SR_SHA256_BYTES = 32, SR_MD5_BYTES = 16, SR_SHA256_HEX = 65 };

struct sr_sha256;  // incremental
SR_MUST_USE bool sr_sha256_new(struct sr_sha256 **ret_hash, struct sr_err *err);
SR_MUST_USE bool sr_sha256_add(struct sr_sha256 *hash, const void *data, size_t bytes,
                               struct sr_err *err);
// All that `reader` has, from its beginning. `cancel` may be NULL.
// Errors: NO_MEMORY, CANCELLED, and what the reader fails with.
SR_MUST_USE bool sr_sha256_add_reader(struct sr_sha256 *hash, const struct sr_reader *reader,
                                      const struct sr_cancel *cancel, struct sr_err *err);
SR_MUST_USE bool sr_sha256_end(struct sr_sha256 *hash, uint8_t digest[SR_SHA256_BYTES],
                               struct sr_err *err);
void sr_sha256_free(struct sr_sha256 *hash);
SR_DEFINE_AUTO(sr_sha256, struct sr_sha256, sr_sha256_free);

SR_MUST_USE bool sr_sha256(const void *data, size_t bytes, uint8_t digest[SR_SHA256_BYTES],
                           struct sr_err *err);
SR_MUST_USE bool sr_md5(const void *data, size_t bytes, uint8_t digest[SR_MD5_BYTES],
                        struct sr_err *err);
SR_MUST_USE bool sr_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t bytes,
                                uint8_t digest[SR_SHA256_BYTES], struct sr_err *err);
enum { SR_DIGEST_HEX = 129 };
// A digest by its name (MD5, SHA-1, SHA-256, SHA-384, SHA-512) in lower-case hex. Errors: INVALID
// for another name.
SR_MUST_USE bool sr_digest(const char *name, const void *data, size_t bytes,
                           char hex[SR_DIGEST_HEX], struct sr_err *err);
// Lower-case hex with a NUL: `text` has room for 2 * bytes + 1.
void sr_hex(const uint8_t *data, size_t bytes, char *text);
// The caller frees the result; NULL and NO_MEMORY when there is none.
char *sr_base64(const void *data, size_t bytes, struct sr_err *err);
// Strict: RFC 4648 section 4 with its padding, no white space. *ret_data is the caller's, never
// NULL.
// Errors: INVALID, NO_MEMORY.
SR_MUST_USE bool sr_base64_decode(const char *text, uint8_t **ret_data, size_t *ret_bytes,
                                  struct sr_err *err);
