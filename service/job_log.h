// service/job_log.h - one job's story: what happened in its executions, in order, for people.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "statemachine/store.h"

enum {
    JOB_LOG_LINES = 1000,  // of a page, unless said,
    JOB_LOG_LINES_MAX = 10000,
    JOB_LOG_BYTES_MAX = 4 << 20,  // and what causes may make of it
    JOB_LOG_PAGE_MAX = 64,        // bytes of a page's token
};

struct job_log_query {
    int64_t attempts;  // of the job, from 1
    size_t line_max;
    const char *page;  // of "next_page"; NULL: from the beginning
    // The ARN of attempt `attempt`'s execution, or with `clean` of what cleaned up after it; the
    // caller frees it. NULL: out of memory.
    char *(*execution)(void *self, int64_t attempt, bool clean, struct sr_err *err);
    void *self;
};

// {"lines": [{"time", "attempt", "event", ...}], "next_page"}. A line has what its event knows:
// "activity", "segment", "audio", "output", "worker", "error", "cause"; "clean_up" when it belongs
// to what follows a cancelled attempt. Executions that are no more are left out. Events of child
// executions stand in their parent's log, in the order in which they happened.
// Errors:  INVALID (the page), those of the store.
// Threads: those of `reader`.
SR_MUST_USE bool job_log_read(const struct store *reader, const struct job_log_query *query,
                              json_t **ret_json, struct sr_err *err);
