// base/pool.h - a fixed number of named threads that run tasks in the order they are given.
#pragma once

#include <stddef.h>

#include "base/auto.h"
#include "base/cancel.h"
#include "base/err.h"

struct sr_pool;
typedef void (*sr_pool_fn)(void *task, size_t thread_index);

// Owns:    the caller frees the pool; freeing waits for tasks that have begun and drops the others.
// Errors:  INVALID (no thread, or more than 1024), NO_MEMORY, INTERNAL.
// Threads: add and wait from one thread; the tasks run on `thread_count` others, "NAME-0", ...
SR_MUST_USE bool sr_pool_new(const char *name, size_t thread_count, struct sr_pool **ret_pool,
                             struct sr_err *err);
// `task` is borrowed until `fn` has returned. The queue grows as needed.
SR_MUST_USE bool sr_pool_add(struct sr_pool *pool, sr_pool_fn fn, void *task, struct sr_err *err);
void sr_pool_wait(struct sr_pool *pool);  // until every task given has ended
void sr_pool_free(struct sr_pool *pool);
SR_DEFINE_AUTO(sr_pool, struct sr_pool, sr_pool_free);
