// storage/blob_cache.h - blocks of objects in bounded memory, shared by all readers of a job.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

struct blob_cache;

struct blob_cache_params {
    uint64_t bytes_max;   // 0: 32 MiB
    size_t block_bytes;   // 0: 512 KiB
    size_t thread_count;  // that read ahead; 0: 6
};

struct blob_cache_stats {
    uint64_t requests;    // ranges asked for
    uint64_t bytes;       // that came
    uint64_t hits;        // reads of a block that was there, or on its way
    uint64_t bytes_peak;  // of memory
};

// What it knows of an object is forgotten with its last block and reader.
// Owns:    the caller frees the cache, after all its readers (blob_read.h) are closed.
// Threads: any.
SR_MUST_USE bool blob_cache_new(const struct blob_cache_params *params,
                                struct blob_cache **ret_cache, struct sr_err *err);
void blob_cache_free(struct blob_cache *cache);
SR_DEFINE_AUTO(blob_cache, struct blob_cache, blob_cache_free);
struct blob_cache_stats blob_cache_stats(struct blob_cache *cache);
