// pipeline/workspace_gc.h - removes encoded parts that have waited for too long in a workspace that
// jobs share.
#pragma once

#include "base/cancel.h"
#include "storage/blob.h"

// Called for each object that is too old, after it was removed; false ends it with the error.
typedef bool (*workspace_gc_fn)(void *self, const struct blob_entry *entry, struct sr_err *err);

struct workspace_gc_params {
    const struct blob *blob;
    const char *prefix;    // of the workspace; a slash is added to one that has none
    int64_t before_us;     // wall time: what was stored earlier goes. INT64_MAX: everything
    bool dry_run;          // only look
    workspace_gc_fn each;  // may be NULL
    void *self;            // its
    const struct sr_cancel *cancel;
};
struct workspace_gc_result {
    uint64_t stale;  // objects removed, or with dry_run found
    uint64_t stale_bytes;
    uint64_t left;  // younger ones
};
// Takes only what has a workspace's names: parts, their documents, notes of jobs, and in a folder
// what their writers left when they were killed; whatever else lies below the prefix stays. A job
// that was about to use a part makes it again, or fails and does so when it is tried again: choose
// an age that no job reaches.
// Errors: as blob_list() and blob_remove().
SR_MUST_USE bool workspace_gc(const struct workspace_gc_params *params,
                              struct workspace_gc_result *ret, struct sr_err *err);
