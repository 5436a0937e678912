// storage/blob_gc.h - finds and aborts the uploads that crashes left open.
#pragma once

#include "base/cancel.h"
#include "storage/blob.h"

// Called for each upload that is stale, after it was aborted; false ends it with the error.
typedef bool (*blob_gc_fn)(void *self, const struct blob_upload *upload, struct sr_err *err);

struct blob_gc_params {
    const char *prefix;  // of keys; NULL: all
    int64_t before_us;   // wall time: what began earlier is stale. INT64_MAX: everything is, also
                         // where the store does not say when
    bool dry_run;        // only look
    blob_gc_fn each;     // may be NULL
    void *self;          // its
    const struct sr_cancel *cancel;
};
struct blob_gc_result {
    uint64_t stale;  // aborted, or with dry_run found
    uint64_t left;   // younger ones
};
// Errors: as blob_uploads() and blob_upload_abort().
SR_MUST_USE bool blob_gc(const struct blob *blob, const struct blob_gc_params *params,
                         struct blob_gc_result *ret, struct sr_err *err);
