// service/jobs_progress.h - what the engine's store says of a job's execution: how it ended, how
// far it has come.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "statemachine/asl_exec.h"
#include "statemachine/store.h"

struct jobs_outcome {
    bool is_there;
    enum asl_status status;
    int64_t started_us, stopped_us;
    char *error, *cause, *report;  // the caller frees them; NULL: none
};
SR_MUST_USE bool jobs_outcome_read(const struct store *reader, const char *arn,
                                   struct jobs_outcome *ret, struct sr_err *err);

struct jobs_progress {
    char engine[16];                // "": not planned
    int64_t count;                  // of segments; -1: not planned
    int64_t done, running, failed;  // of these, each by all of its tasks
    int percent;                    // of the tasks' work
    int64_t eta_us;                 // -1: nobody knows
    json_t *segments;  // of each its state, in the title's order; NULL: not asked for, not planned
};
void jobs_progress_done(struct jobs_progress *progress);
SR_DEFINE_AUTO_VALUE(jobs_progress, struct jobs_progress, jobs_progress_done);
// Of one that is not there: nothing is known.
SR_MUST_USE bool jobs_progress_read(const struct store *reader, const char *arn, bool segments,
                                    int64_t now_us, struct jobs_progress *ret, struct sr_err *err);
// Whether workers have to do with it.
struct jobs_attendance {
    bool has_begun;         // some worker has taken some task of it
    int64_t waiting_since;  // for a worker, microseconds since 1970; INT64_MAX: nothing waits
};
// Of one that is not there: nobody has.
SR_MUST_USE bool jobs_attendance_read(const struct store *reader, const char *arn,
                                      struct jobs_attendance *ret, struct sr_err *err);
// Whether some task of it may write at the outputs' places: then who stops it, or finds that it was
// stopped, must wait until the worker has heard.
SR_MUST_USE bool jobs_is_late(const struct store *reader, const char *arn, bool *ret_late,
                              struct sr_err *err);
