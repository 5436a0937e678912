// storage/blob_write.h - an object as something to write to: parts go up while it is written.
#pragma once

#include "base/budget.h"
#include "base/io.h"
#include "base/pool.h"
#include "storage/blob.h"

enum { BLOB_WRITE_PART_BYTES = 8 << 20 };

struct blob_write_params {
    const struct blob *blob;
    const char *key;
    struct blob_attrs attrs;  // copied
    uint64_t
        head_bytes;  // that rewrite_head() may change until the end; at most BLOB_PART_BYTES_MAX
    uint64_t
        part_bytes;  // of the first parts; 0: BLOB_WRITE_PART_BYTES; at least BLOB_PART_BYTES_MIN
    uint64_t bytes_expected;  // when the length is known: parts of one size are then enough; 0: not
    struct sr_budget
        *budget;           // parts on their way draw on it; NULL: three parts of this writer's own
    struct sr_pool *pool;  // that uploads; NULL: three threads of its own
    const struct sr_cancel *cancel;
};

// The first part stays in memory until the end when it has a head that may change; each other is
// sent when it is full, several at once. write() waits when the budget is spent: that is the
// back-pressure. Memory: the budget, the part that is being filled, and the head's. Parts grow,
// twice as large after every 1,000, so that 10,000 hold 5 TiB; with an expected length they stay of
// the size that needs at most 9,000. What fits into the first part is put at once, without an
// upload. discard() before publish() aborts the upload. Where the store has a writer of its own (a
// folder), that is taken.
// Owns:   the caller closes *ret_writer; blob, budget and pool are borrowed until then.
// Errors: as blob_put() and the blob_upload functions; an upload that failed fails the next
//         write().
SR_MUST_USE bool blob_write_open(const struct blob_write_params *params,
                                 struct sr_writer *ret_writer, struct sr_err *err);

// Sends all that is left, so that publish() only has to make it visible and takes no memory until
// then (at most a MiB, of a small object). After it, only publish() and discard() may be called.
// Errors: as publish().
SR_MUST_USE bool blob_write_seal(struct sr_writer *writer, struct sr_err *err);

// Bytes of part `number` when the first has `part_bytes`.
uint64_t blob_write_part_bytes(uint64_t part_bytes, uint32_t number);
