// base/cancel.h - asks long work to stop: a flag and a deadline, polled where libraries allow.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

// `parent` may be NULL, `clock` too when there is no deadline; a child is cancelled when its parent
// is. The flag may be set from a signal handler.
struct sr_cancel {
    atomic_bool flag;
    const struct sr_cancel *_Atomic parent;  // its owner may change it while others ask
    const struct sr_clock *clock;
    int64_t deadline_us;  // monotonic; INT64_MAX: none
};

void sr_cancel_init(struct sr_cancel *cancel, const struct sr_cancel *parent,
                    const struct sr_clock *clock, int64_t deadline_us);
void sr_cancel_set(struct sr_cancel *cancel);  // any thread, signal handlers too
// True when it or a parent was set or is past its deadline. NULL: never.
bool sr_cancel_asked(const struct sr_cancel *cancel);
// True to go on; else fails with CANCELLED or TIMEOUT.
SR_MUST_USE bool sr_cancel_check(const struct sr_cancel *cancel, struct sr_err *err);
