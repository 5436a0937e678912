// storage/blob_relay.h - an object's bytes from one place to another, several pieces at once.
#pragma once

#include <stdatomic.h>

#include "base/cancel.h"
#include "base/io.h"
#include "storage/blob.h"

struct blob_relay_params {
    const struct blob *from;
    const char *key;
    const struct blob_info *info;  // as blob_head() has told it: another version is not read
    uint64_t offset, end;          // of the object; end <= info->bytes
    size_t piece_bytes;            // at most; each thread has so much memory
    size_t thread_count;
    const struct sr_cancel *cancel;
    _Atomic uint64_t *moved;  // counts bytes for whoever watches; may be NULL
};

// Gives the bytes to the writer, in order; it is not published. Pieces begin with 512 KiB, so that
// the first do not wait for much, and double; they end at multiples of their size, where stores cut
// what they keep.
// Threads: `out` is written to by one thread at a time, which is not the caller's.
// Errors:  as blob_get() and the writer's; CONFLICT when the object changes meanwhile.
SR_MUST_USE bool blob_relay_out(const struct blob_relay_params *params, struct sr_writer *out,
                                struct sr_err *err);
// Sends them as parts of an upload, each of piece_bytes, part 1 from `offset` on.
// Owns:   *ret_parts are the caller's, rising, for blob_upload_finish(). What failed is not aborted.
// Errors: as blob_get() and blob_upload_part().
SR_MUST_USE bool blob_relay_up(const struct blob_relay_params *params, const struct blob *to,
                               const struct blob_upload *upload, struct blob_parts *ret_parts,
                               struct sr_err *err);
