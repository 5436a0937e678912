// storage/blob_stores.h - finds the store and the key that a URL or path means.
#pragma once

#include "base/cancel.h"
#include "base/log.h"
#include "net/http.h"
#include "storage/blob.h"
#include "storage/blob_s3.h"

struct blob_stores;

// How a bucket is reached. Texts that are NULL come from the environment.
struct blob_store_config {
    const char *name;    // s3://NAME/key; NULL: the bucket's
    const char *bucket;  // NULL: every bucket that has no entry of its own
    const char *profile;
    const char
        *endpoint;  // else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's endpoint_url, AWS
    const char *region;
    enum blob_s3_style style;
    enum blob_s3_payload payload;
    enum blob_s3_checksum checksum;
    bool no_sign;  // --no-sign-request
};

struct blob_place {
    struct blob blob;  // of the stores, or closed with the place
    char *key;         // "": the whole bucket or folder
    bool own;
};
void blob_place_done(struct blob_place *place);
SR_DEFINE_AUTO_VALUE(blob_place, struct blob_place, blob_place_done);

enum blob_place_use {
    BLOB_PLACE_READ,   // one object
    BLOB_PLACE_WRITE,  // one object; missing folders are made
    BLOB_PLACE_LIST,   // what is below; of a folder's path the folder itself
};

struct blob_stores_params {
    const struct blob_store_config *store;
    size_t store_count;
    bool allow_private;  // http(s) inputs may be at private addresses; endpoints of configured
                         // stores always may
    const char *const *allow;  // ends with NULL, may be NULL: see struct http_policy
    const char *(*env)(void *self, const char *name);  // NULL: the process's
    void *env_self;
    const struct http_params *http;  // its times and tries are taken; NULL: the usual ones
    const struct sr_clock *clock;
    const struct sr_log *log;
    const struct sr_cancel *cancel;
    // Opens s3, http and https places instead: of a process that has no network of its own. NULL:
    // we do.
    bool (*open)(void *self, const char *url, enum blob_place_use use, struct blob_place *ret_place,
                 struct sr_err *err);
    void *open_self;
};

// Owns:    the caller frees *ret; params and what they point to are borrowed until then.
// Threads: any.
SR_MUST_USE bool blob_stores_new(const struct blob_stores_params *params, struct blob_stores **ret,
                                 struct sr_err *err);
void blob_stores_free(struct blob_stores *stores);
SR_DEFINE_AUTO(blob_stores, struct blob_stores, blob_stores_free);

// "s3://bucket/key" (the key as it is, nothing decoded), "http://...", "https://...",
// "file:///path", a path.
// Owns:   the caller frees *ret_place's members with blob_place_done(), before the stores.
// Errors: INVALID, UNSUPPORTED (another scheme), NOT_FOUND (no such folder or profile), NO_MEMORY.
SR_MUST_USE bool blob_stores_open(struct blob_stores *stores, const char *url,
                                  enum blob_place_use use, struct blob_place *ret_place,
                                  struct sr_err *err);
// The client for addresses that anybody may have named: those of http(s) inputs.
struct http *blob_stores_http(struct blob_stores *stores);
struct http_stats blob_stores_stats(struct blob_stores *stores);
