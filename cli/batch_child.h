// cli/batch_child.h - one source of a batch in a process of its own: whatever the source does to
// it, the batch goes on.
#pragma once

#include "base/cancel.h"
#include "cli/batch_options.h"
#include "cli/batch_way.h"

// Each is a `splitreel run --progress json`, which ends with its parent.
struct batch_runs {
    const struct batch_options *options;  // borrowed
    char workers[24];                     // of each
};
// Borrows *runs. Its functions fail with STORAGE (no process, no pipe) and LIMIT.
struct batch_way batch_runs_way(struct batch_runs *runs, const struct batch_options *options);

// Runs this program with `argv` (ends with NULL) to its end, and gives what it wrote on stdout; the
// caller frees it.
// Errors: INPUT (it did not end with 0), TOO_LARGE, CANCELLED, STORAGE, LIMIT.
SR_MUST_USE bool batch_child_output(const char *const *argv, size_t bytes_max,
                                    const struct sr_cancel *cancel, char **ret_text,
                                    size_t *ret_bytes, struct sr_err *err);
