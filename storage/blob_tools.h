// storage/blob_tools.h - what `splitreel ls`, `cp` and `cat` do.
#pragma once

#include <stdatomic.h>

#include "base/cancel.h"
#include "base/io.h"
#include "storage/blob_stores.h"

// How far a copy is, for whoever watches it from another thread.
struct blob_moved {
    _Atomic uint64_t bytes, bytes_total;  // total 0: not known
};

struct blob_cat_params {
    uint64_t offset;
    uint64_t bytes;       // BLOB_TO_END: all that follows
    uint64_t last_bytes;  // instead: this many at the end; 0: no
    const struct sr_cancel *cancel;
    struct blob_moved *moved;  // may be NULL
};
// Writes an object's bytes, in order. A range ends where the object does; one that begins behind
// its end fails with INVALID. Fails with CONFLICT when the object changes meanwhile.
SR_MUST_USE bool blob_cat(const struct blob_place *place, const struct blob_cat_params *params,
                          struct sr_writer *out, struct sr_err *err);

struct blob_cp_params {
    bool overwrite;             // else an object that is there already fails with EXISTS
    const char *content_type;   // NULL: as the source's
    const char *cache_control;  // NULL: as the source's
    uint64_t copy_bytes_max;    // of one server-side copy; larger ones in parts; 0: S3's 5 GiB
    const struct sr_cancel *cancel;
    struct blob_moved *moved;  // may be NULL
};
struct blob_cp_result {
    uint64_t bytes;
    bool inside;  // the store copied; nothing came through here
};
// Copies one object: inside a store by the store itself, else through memory, ranges in and parts
// out in parallel. The target appears whole or not at all.
SR_MUST_USE bool blob_cp(const struct blob_place *from, const struct blob_place *to,
                         const struct blob_cp_params *params, struct blob_cp_result *ret,
                         struct sr_err *err);
// The same from a descriptor that is read to its end.
SR_MUST_USE bool blob_cp_from_fd(int fd, const struct blob_place *to,
                                 const struct blob_cp_params *params, struct blob_cp_result *ret,
                                 struct sr_err *err);

// Called for each entry in the order of the keys; false ends the listing with the error.
typedef bool (*blob_ls_fn)(void *self, const struct blob_entry *entry, struct sr_err *err);
// What is below the place's key; not `recursive`: folded at "/".
SR_MUST_USE bool blob_ls(const struct blob_place *place, bool recursive, blob_ls_fn each,
                         void *self, const struct sr_cancel *cancel, struct sr_err *err);
