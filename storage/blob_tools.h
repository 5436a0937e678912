// storage/blob_tools.h - what `splitreel ls`, `cp` and `cat` do.
#pragma once

#include "base/cancel.h"
#include "base/io.h"
#include "storage/blob_stores.h"

// Writes an object's bytes, in order. Fails with CONFLICT when it changes meanwhile.
SR_MUST_USE bool blob_cat(const struct blob_place *place, struct sr_writer *out,
                          const struct sr_cancel *cancel, struct sr_err *err);

struct blob_cp_params {
    bool overwrite;  // else an object that is there already fails with EXISTS
    const struct sr_cancel *cancel;
};
// Copies one object: inside a store by the store itself, else through memory, ranges in and parts
// out in parallel. The target appears whole or not at all. *ret_bytes: its size.
SR_MUST_USE bool blob_cp(const struct blob_place *from, const struct blob_place *to,
                         const struct blob_cp_params *params, uint64_t *ret_bytes,
                         struct sr_err *err);

// Called for each entry in the order of the keys; false ends the listing with the error.
typedef bool (*blob_ls_fn)(void *self, const struct blob_entry *entry, struct sr_err *err);
// What is below the place's key; not `recursive`: folded at "/".
SR_MUST_USE bool blob_ls(const struct blob_place *place, bool recursive, blob_ls_fn each,
                         void *self, const struct sr_cancel *cancel, struct sr_err *err);
