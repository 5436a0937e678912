// storage/blob_s3.h - a bucket of S3, or of a server that speaks its protocol, as an object store.
#pragma once

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/credentials.h"
#include "net/http.h"
#include "storage/blob.h"

// How the bucket stands in the URL.
enum blob_s3_style {
    BLOB_S3_STYLE_AUTO,  // virtual on AWS when the name is fit for a certificate, path at any other
                         // endpoint
    BLOB_S3_STYLE_PATH,
    BLOB_S3_STYLE_VIRTUAL,
};

// How the body of an object or part is covered by the request's signature.
enum blob_s3_payload {
    BLOB_S3_PAYLOAD_AUTO,      // signed over plain http, unless its MD5 is; not over TLS
    BLOB_S3_PAYLOAD_SIGNED,    // its SHA-256, made before the first byte goes out
    BLOB_S3_PAYLOAD_UNSIGNED,  // not at all
    BLOB_S3_PAYLOAD_CHUNKED,   // in chunks, each with a signature ("aws-chunked")
};
// What goes with it, for the store to compare and to keep.
enum blob_s3_checksum {
    BLOB_S3_CHECKSUM_MD5,  // Content-MD5, and the ETag that comes back: every server has them
    BLOB_S3_CHECKSUM_CRC32,
    BLOB_S3_CHECKSUM_CRC32C,
    BLOB_S3_CHECKSUM_CRC64NVME,
    BLOB_S3_CHECKSUM_SHA256,
};

// "auto", "signed", "unsigned", "chunked"; false for any other word.
bool blob_s3_payload_named(const char *name, enum blob_s3_payload *ret);
// "md5", "crc32", "crc32c", "crc64nvme", "sha256".
bool blob_s3_checksum_named(const char *name, enum blob_s3_checksum *ret);
// "auto", "path", "virtual"; false for any other word.
bool blob_s3_style_named(const char *name, enum blob_s3_style *ret);

struct blob_s3_params {
    const char *bucket;
    const char *region;    // a redirect to the bucket's own is followed
    const char *endpoint;  // NULL: AWS's of the region
    enum blob_s3_style style;
    enum blob_s3_payload payload;
    enum blob_s3_checksum checksum;
    struct http *http;                // borrowed until the store is closed, like all below
    struct credentials *credentials;  // NULL: requests are not signed
    const struct sr_clock *clock;     // NULL: the system's
    const struct sr_log *log;
    const struct sr_cancel *cancel;  // NULL: never
};

// Bodies go out as `payload` and `checksum` say; the ETag that comes back is compared where it is
// an MD5, the checksum always: a store that has none fails with UNSUPPORTED. Ranges come in with
// If-Match, and their place and length are checked; a whole object also by the checksum that the
// store has of it, if it has one.
// Owns:   the caller closes *ret_blob.
// Errors: INVALID (bucket, endpoint), NO_MEMORY. No request is made.
SR_MUST_USE bool blob_s3_open(const struct blob_s3_params *params, struct blob *ret_blob,
                              struct sr_err *err);

// Makes the bucket; one that is there already and ours is fine.
SR_MUST_USE bool blob_s3_make_bucket(const struct blob *blob, struct sr_err *err);
