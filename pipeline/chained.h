// pipeline/chained.h - files that are read end to end as if they were one. One of them is open at a
// time: a title may have thousands.
#pragma once

#include "base/io.h"

struct chained_params {
    const uint64_t *bytes;  // of each file; copied
    size_t count;
    // Opens file `index`, of count. Threads: one at a time.
    bool (*open)(void *self, size_t index, struct sr_reader *ret_reader, struct sr_err *err);
    void (*close)(void *self);  // frees `self`
    void *self;
};

// Owns:    takes `self`, also when it fails. *ret_reader is the caller's.
// Errors:  NO_MEMORY, TOO_LARGE; of reading: as `open`, CONFLICT (a file is not as long as it was).
// Threads: read_at() by any number at once.
SR_MUST_USE bool chained_open(const struct chained_params *params, struct sr_reader *ret_reader,
                              struct sr_err *err);
