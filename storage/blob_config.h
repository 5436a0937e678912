// storage/blob_config.h - the stores file: how named buckets are reached, and where http(s) inputs
// may be.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "storage/blob_stores.h"

enum {
    BLOB_CONFIG_BYTES_MAX = 1 << 20,
    BLOB_CONFIG_STORES_MAX = 256,
    BLOB_CONFIG_ALLOW_MAX = 256,
    BLOB_CONFIG_TEXT_MAX = 1024,
};

struct blob_config {  // owns all it points to
    json_t *document;
    struct blob_store_config *store;
    size_t store_count;
    bool allow_private;
    const char **allow;  // ends with NULL; NULL: none
};
void blob_config_done(struct blob_config *config);
SR_DEFINE_AUTO_VALUE(blob_config, struct blob_config, blob_config_done);

// Reads {"stores": {NAME: {bucket, profile, endpoint_url, region, addressing, sign,
// payload, checksum}}, "allow": [], "allow_private": false}. s3://NAME/key is then what the entry
// says; its bucket is NAME unless it says another; "*" speaks for every bucket without an entry.
// Owns:   the caller frees *ret's members; they stay valid without the document that was given.
// Errors: INVALID, with the path in the document; NO_MEMORY.
SR_MUST_USE bool blob_config_read(const struct jx *at, struct blob_config *ret, struct sr_err *err);
// A file with the same members and "version": 1; comments are allowed.
// Errors: also NOT_FOUND, DENIED, TOO_LARGE, STORAGE.
SR_MUST_USE bool blob_config_load(const char *path, struct blob_config *ret, struct sr_err *err);
