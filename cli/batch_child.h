// cli/batch_child.h - one source of a batch in a process of its own: whatever the source does to
// it, the batch goes on.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/auto.h"
#include "base/cancel.h"
#include "base/err.h"

// A `splitreel run --progress json`, and what it last said. Zero: none.
struct batch_child {
    pid_t pid;
    int fd;  // its stderr; at its end it has ended
    double percent;
    char speed[16], stage[16];
    char error[512];  // its last line that is no progress, without "splitreel: "
    char line[1024];
    size_t line_bytes;
};

// This program again, with `argv` (ends with NULL). It ends with its parent.
// Errors: STORAGE (no process, no pipe), LIMIT.
SR_MUST_USE bool batch_child_start(const char *const *argv, struct batch_child *ret,
                                   struct sr_err *err);
// Reads what it says, when poll(2) has found something at its fd. *ret_ended: it has closed its
// stderr.
SR_MUST_USE bool batch_child_read(struct batch_child *child, bool *ret_ended, struct sr_err *err);
void batch_child_stop(const struct batch_child *child, int signal_number);
// Waits for its end. The exit status; of a signal 128 + its number, and `error` says so.
int batch_child_end(struct batch_child *child);

// Runs this program with `argv` to its end, and gives what it wrote on stdout; the caller frees it.
// Errors: INPUT (with what it said: it did not end with 0), TOO_LARGE, CANCELLED, as above.
SR_MUST_USE bool batch_child_output(const char *const *argv, size_t bytes_max,
                                    const struct sr_cancel *cancel, char **ret_text,
                                    size_t *ret_bytes, struct sr_err *err);
