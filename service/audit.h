// service/audit.h - the log of API calls: one JSON object per line and call, in a file that is
// rotated by size.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"

struct audit;

struct audit_params {
    const char *path;              // copied; older ones are PATH.1 (the newest) to PATH.N
    int64_t bytes_max;             // of one file
    unsigned kept_count;           // older files; 0: none are kept
    const struct sr_clock *clock;  // borrowed
};

// What is known of a call. NULL texts become null.
struct audit_entry {
    const char *id, *who, *remote, *operation, *arn;
    const char *outcome;  // "OK", or AWS's error type
    int status;           // HTTP
    int64_t duration_us;
    bool delivered;  // the answer was read by somebody, as far as the network knows
};

// Opens to append, creates with mode 0600.
// Owns:   the caller closes *ret_audit.
// Errors: those of open(), NO_MEMORY.
SR_MUST_USE bool audit_open(const struct audit_params *params, struct audit **ret_audit,
                            struct sr_err *err);
void audit_close(struct audit *audit);  // on disk, then closed
SR_DEFINE_AUTO(audit, struct audit, audit_close);

// One write() per line: after that it survives the end of the process, and the machine's after the
// next audit_sync(). A line that cannot be written is counted, and the service goes on.
// Threads: any.
void audit_write(struct audit *audit, const struct audit_entry *entry);
// Brings what was written to the disk, if there is something; about once a second.
// Threads: one.
void audit_sync(struct audit *audit);
// Lines that were lost since it was opened.
uint64_t audit_lost(struct audit *audit);
