// storage/blob_read.h - an object as something to read from: ranges, read-ahead, a shared cache.
#pragma once

#include "base/cancel.h"
#include "base/io.h"
#include "storage/blob.h"
#include "storage/blob_cache.h"

struct blob_read_params {
    const struct blob *blob;
    const char *key;
    const char *if_match;  // the etag that the object must have; NULL: what it has now
    struct blob_cache *cache;
    const char *cached_as;  // what the object is called in a cache that outlives the store: others
                            // that call one so mean the same; NULL: by the store and the key
    const struct blob_info *known;   // what blob_head() has just told; NULL: it is asked
    uint64_t ahead_bytes_max;        // at most half of the cache; 0: 8 MiB or a quarter
    const struct sr_cancel *cancel;  // ends waiting for what another reader fetches; NULL: never
};

// A jump costs one request of what is asked for, in whole blocks; reading on makes the window ahead
// double, fetched by several ranges at once, for up to 16 places at a time. Every range is asked
// for with the etag, so that an object which changes fails the read with CONFLICT. Where the store
// has a reader of its own (a folder), that is taken.
// Owns:    the caller closes *ret_reader; blob and cache are borrowed until then.
// Threads: read_at() by any number at once.
// Errors:  as blob_head() and blob_get().
SR_MUST_USE bool blob_read_open(const struct blob_read_params *params, struct sr_reader *ret_reader,
                                struct sr_err *err);
