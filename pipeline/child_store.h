// pipeline/child_store.h - the parent's end of a child's stores: opens what it asks for and does
// its operations, several at once.
#pragma once

#include "base/jx.h"
#include "base/thread.h"
#include "pipeline/child_frame.h"
#include "storage/blob_cache.h"
#include "storage/blob_stores.h"

struct child_store;

enum {
    CHILD_STORE_THREADS = 10,    // the child's cache reads with six, its uploads go up with four
    CHILD_STORE_OPEN_MAX = 256,  // places
    CHILD_STORE_WAITING_MAX = 64,
};
#define CHILD_STORE_BYTES_MAX ((size_t)256 << 20)  // of requests that are being worked on

struct child_store_params {
    const struct blob_stores_params *stores;  // NULL: as the environment says; borrowed
    const json_t *job;  // a task's "job": what it names may be reached; NULL: nothing. Borrowed
    struct blob_cache *cache;  // shared with others that have the same stores: what one child has
                               // read of a job's source the next need not fetch; NULL: none
    const struct sr_clock *clock;
    const struct sr_log *log;
    // Sends an answer to the child; any thread. One that cannot be sent is nobody's loss.
    void (*answer)(void *self, const struct child_frame *frame);
    void *self;
};

// Nothing is opened and no thread started before the first request.
// Owns:    the caller frees it; that cancels what is being done and waits for its end.
// Threads: one, but for answer().
SR_MUST_USE bool child_store_new(const struct child_store_params *params,
                                 struct child_store **ret_store, struct sr_err *err);
void child_store_free(struct child_store *store);
SR_DEFINE_AUTO(child_store, struct child_store, child_store_free);

// Takes the frame. What an operation meets goes into its answer; of one that the job does not name
// that is DENIED.
// Errors: LIMIT (more requests at once than a child of ours makes), NO_MEMORY.
SR_MUST_USE bool child_store_request(struct child_store *store, struct child_frame *frame,
                                     struct sr_err *err);
