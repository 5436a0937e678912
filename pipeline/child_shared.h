// pipeline/child_shared.h - large objects that a child reads, through a cache that its parent has
// for all its children: the parts of a job that run in different ones read the same source.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "storage/blob_cache.h"
#include "storage/blob_stores.h"

struct child_shared;

enum {
    CHILD_SHARED_MAX = 4,              // objects; what comes later is read without the cache
    CHILD_SHARED_BYTES_MIN = 1 << 20,  // of an object for which that is worth it
};

// `cancel` ends waiting for what another child's parent is fetching.
// Owns:    the caller frees *ret_shared, before the stores that are read from and the cache.
// Threads: any.
SR_MUST_USE bool child_shared_new(struct blob_cache *cache, const struct sr_cancel *cancel,
                                  struct child_shared **ret_shared, struct sr_err *err);
void child_shared_free(struct child_shared *shared);
SR_DEFINE_AUTO(child_shared, struct child_shared, child_shared_free);

// What blob_head() has just told of an object, whose `url` others call it by, too. One that is
// small, has no etag, or for which there is no room is left alone. Errors: NO_MEMORY.
SR_MUST_USE bool child_shared_note(struct child_shared *shared, const struct blob *blob,
                                   const char *key, const char *url, const struct blob_info *info,
                                   struct sr_err *err);
// A range, as blob_get_bytes() gives it. *ret_info stays NULL, and nothing is read, when this
// version of the object was not noted; else it is the noted one's, until `shared` is freed.
// Errors: as blob_get().
SR_MUST_USE bool child_shared_read(struct child_shared *shared, const char *url,
                                   const char *if_match, uint64_t offset, void *buffer,
                                   size_t bytes, size_t *ret_bytes,
                                   const struct blob_info **ret_info, struct sr_err *err);
