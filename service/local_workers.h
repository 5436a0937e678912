// service/local_workers.h - worker processes on the service's own machine: started, started again
// when they end, told to stop before the service does.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"

enum { LOCAL_WORKERS_MAX = 64, LOCAL_WORKERS_WORDS_MAX = 24 };

struct local_workers_params {
    const char *const *argv;  // of one worker; "--parent PID" is added
    size_t count;
    int64_t grace_us;                    // that a worker takes to end by itself; then it is killed
    int64_t first_wait_us, wait_us_max;  // before one that ended is started again: doubles; 0: half
                                         // a second, and half a minute
    int64_t good_us;  // one that lived for so long starts with the first wait again; 0: a minute
    const struct sr_clock *clock;
    const struct sr_log *log;
};

struct local_workers;

// Starts them from a thread of its own, with which the kernel would end them. When `stop` is asked
// for they are told to end (SIGTERM), and `ended` is set when they have.
// Owns:    the caller frees it: that stops what runs. `stop`, `ended` and what params point to are
//          borrowed until then.
// Errors:  INVALID (too many workers or words), NO_MEMORY, those of threads.
SR_MUST_USE bool local_workers_new(const struct local_workers_params *params,
                                   const struct sr_cancel *stop, struct sr_cancel *ended,
                                   struct local_workers **ret_workers, struct sr_err *err);
void local_workers_free(struct local_workers *workers);
SR_DEFINE_AUTO(local_workers, struct local_workers, local_workers_free);
