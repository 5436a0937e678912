// storage/blob_compose.h - one object made of ranges of others and a few bytes of ours, by the
// store itself.
#pragma once

#include "base/cancel.h"
#include "storage/blob.h"

// A range of an object in the same store, or, when `key` is NULL, bytes in memory.
struct blob_piece {
    const char *key;
    const char *if_match;  // the etag that the object must have; NULL: any
    uint64_t offset;
    uint64_t bytes;
    const void *data;
};

struct blob_compose_params {
    const struct blob *blob;
    const char *key;
    struct blob_attrs attrs;
    const struct blob_piece *piece;
    size_t piece_count;
    const struct sr_cancel *cancel;
};

struct blob_compose_result {
    uint64_t copied_bytes;  // by the store
    uint64_t sent_bytes;    // through us
    uint64_t fetched_bytes;
    uint32_t parts;
    char etag[BLOB_ETAG_BYTES];
};

// Joins the pieces in order. What is at least BLOB_PART_BYTES_MIN long is copied by the store;
// shorter pieces, and the few bytes that fill a part up before a copy, pass through memory (two
// parts of it). The object's bytes never depend on what the store can do: where it cannot copy
// parts they are fetched and sent.
// Errors: as blob_upload_copy(), blob_get() and blob_upload_part(); INVALID (no bytes at all, a
//         piece of none). After an error nothing is visible and the upload is aborted.
SR_MUST_USE bool blob_compose(const struct blob_compose_params *params,
                              struct blob_compose_result *ret_result, struct sr_err *err);
