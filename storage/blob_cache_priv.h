// storage/blob_cache_priv.h - the blocks, for blob_read.
#pragma once

#include "base/pool.h"
#include "base/thread.h"
#include "storage/blob_cache.h"

struct blob_object;  // one version of an object

enum blob_block_state { BLOB_BLOCK_LOADING, BLOB_BLOCK_READY };

// All members under the cache's lock, but `data`: while LOADING it is the loader's alone, when
// READY nobody's to change.
struct blob_block {
    struct blob_object *object;
    uint64_t index;
    size_t bytes;
    char *data;
    enum blob_block_state state;
    unsigned refs;                     // loaders and readers that hold it
    bool gone;                         // not in the table any more: freed with the last ref
    struct blob_block *chain;          // of the table
    struct blob_block *newer, *older;  // by use
};

enum { BLOB_CACHE_CHAINS = 1024 };

struct blob_cache {
    struct blob_cache_params params;
    struct sr_pool *pool;
    struct sr_mutex lock;
    struct sr_cond changed;  // a block has come or failed, a task has ended
    struct blob_object *objects;
    struct blob_block *chains[BLOB_CACHE_CHAINS];
    struct blob_block *newest, *oldest;
    uint64_t bytes;
    struct blob_cache_stats stats;
};

// The same version of the same object gives the same place; a reader's until it is let go.
SR_MUST_USE bool blob_cache_object(struct blob_cache *cache, const void *store, const char *key,
                                   const char *etag, struct blob_object **ret_object,
                                   struct sr_err *err);
void blob_cache_let_go_locked(struct blob_cache *cache, struct blob_object *object)
    SR_REQUIRES(cache->lock);
struct blob_block *blob_cache_find_locked(struct blob_cache *cache,
                                          const struct blob_object *object, uint64_t index)
    SR_REQUIRES(cache->lock);
// A new LOADING block, held once. NULL: no memory, or, unless `must`, no room that could be made.
struct blob_block *blob_cache_add_locked(struct blob_cache *cache, struct blob_object *object,
                                         uint64_t index, size_t bytes, bool must)
    SR_REQUIRES(cache->lock);
void blob_cache_hold_locked(struct blob_cache *cache, struct blob_block *block)
    SR_REQUIRES(cache->lock);
void blob_cache_release_locked(struct blob_cache *cache, struct blob_block *block)
    SR_REQUIRES(cache->lock);
// Takes a block that will not come out of the table; who waits for it looks again.
void blob_cache_drop_locked(struct blob_cache *cache, struct blob_block *block)
    SR_REQUIRES(cache->lock);
