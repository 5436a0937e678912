// cli/transfer_progress.h - shows on a terminal how far a copy is.
#pragma once

#include <stdio.h>

#include "base/auto.h"
#include "base/str.h"
#include "storage/blob_tools.h"

// "512.0 of 1024.0 MiB, 50.0 %, 210.3 MiB/s, ETA 0:00:02"; without a total (a pipe) no share.
// Errors: NO_MEMORY.
SR_MUST_USE bool transfer_progress_line(uint64_t bytes, uint64_t bytes_total, int64_t elapsed_us,
                                        struct sr_str *out, struct sr_err *err);

struct transfer_progress;
// Starts a thread that shows `moved` on `file` until transfer_progress_stop(); *ret is NULL, and
// nothing is shown, when the file is no terminal.
SR_MUST_USE bool transfer_progress_start(struct blob_moved *moved, FILE *file,
                                         struct transfer_progress **ret, struct sr_err *err);
void transfer_progress_stop(struct transfer_progress *progress);  // takes NULL; clears the line
SR_DEFINE_AUTO(transfer_progress, struct transfer_progress, transfer_progress_stop);
