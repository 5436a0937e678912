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

// "auto", "path", "virtual"; false for any other word.
bool blob_s3_style_named(const char *name, enum blob_s3_style *ret);

struct blob_s3_params {
    const char *bucket;
    const char *region;    // a redirect to the bucket's own is followed
    const char *endpoint;  // NULL: AWS's of the region
    enum blob_s3_style style;
    struct http *http;                // borrowed until the store is closed, like all below
    struct credentials *credentials;  // NULL: requests are not signed
    const struct sr_clock *clock;     // NULL: the system's
    const struct sr_log *log;
    const struct sr_cancel *cancel;  // NULL: never
};

// Bodies go out with Content-MD5, which is signed, so that their SHA-256 need not be (it is over
// plain http where there is no MD5); the ETag that comes back is compared where it is an MD5.
// Ranges come in with If-Match, and their place and length are checked.
// Owns:   the caller closes *ret_blob.
// Errors: INVALID (bucket, endpoint), NO_MEMORY. No request is made.
SR_MUST_USE bool blob_s3_open(const struct blob_s3_params *params, struct blob *ret_blob,
                              struct sr_err *err);

// Makes the bucket; one that is there already and ours is fine.
SR_MUST_USE bool blob_s3_make_bucket(const struct blob *blob, struct sr_err *err);
