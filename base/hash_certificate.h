// base/hash_certificate.h - signatures by the key of a certificate, over libcrypto.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { SR_CERTIFICATE_BYTES_MAX = 64 << 10 };

// Whether `signature` is that of `data` by the RSA key in a certificate (PEM): PKCS #1 v1.5 with
// SHA-1 or SHA-256. Who made the certificate is not asked: it must come from a place that is
// trusted.
// Errors: INVALID (no certificate, no RSA key, another digest), DENIED (it is not), NO_MEMORY.
// Spec:   RFC 8017 section 8.2
SR_MUST_USE bool sr_certificate_verify(const char *pem, const char *digest, const void *data,
                                       size_t bytes, const void *signature, size_t signature_bytes,
                                       struct sr_err *err);
