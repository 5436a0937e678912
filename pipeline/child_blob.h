// pipeline/child_blob.h - stores of a process that has no network: each operation is asked of the
// parent, over the line that it gave.
#pragma once

#include "base/jx.h"
#include "pipeline/child_frame.h"
#include "storage/blob_stores.h"

// How a request gets its answer.
struct child_blob_line {
    // Sends a REQUEST and waits for its ANSWER. Errors: also what the answer says. Any thread.
    bool (*call)(void *self, const json_t *request, const void *data, size_t bytes,
                 struct child_frame *ret_answer, struct sr_err *err);
    void *self;
};

// As blob_stores_params.open; `self` is a struct child_blob_line, borrowed while any place is open.
SR_MUST_USE bool child_blob_open(void *self, const char *url, enum blob_place_use use,
                                 struct blob_place *ret_place, struct sr_err *err);
