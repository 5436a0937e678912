// pipeline/job_store.h - the database beside the engine's: jobs, events that were seen and what
// they started, schedules.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/hash.h"

struct job_store;
struct sr_db_tx;

// Errors:  as sr_db_open(), and with every call those of base/db.h.
// Threads: one at a time.
SR_MUST_USE bool job_store_open(const char *path, struct job_store **ret_store, struct sr_err *err);
void job_store_close(struct job_store *store);
SR_DEFINE_AUTO(job_store, struct job_store, job_store_close);

// What is written between them is whole or not at all; see base/db.h.
SR_MUST_USE bool job_store_begin(struct job_store *store, struct sr_db_tx *ret_tx,
                                 struct sr_err *err);

// Events -----------------------------------------------------------------------------------------

struct job_event {
    int64_t id;                         // set by reading
    uint8_t identity[SR_SHA256_BYTES];  // what two deliveries of it have in common
    uint8_t before[SR_SHA256_BYTES];    // what it was known by, too; zeros: nothing. Not read
    const char *uuid, *document;
    const char *rule;  // of a schedule; NULL: every rule that it matches
    int64_t seen_us;
    int64_t attempts;
};

// *ret_new false: it was seen before, and nothing changes. It is due at once.
SR_MUST_USE bool job_store_add_event(struct job_store *store, const struct job_event *event,
                                     bool *ret_new, struct sr_err *err);
// Events that are due, oldest first, at most `count_max`. The event's texts are borrowed during the
// call, which must not write to the store; false stops it.
SR_MUST_USE bool job_store_due_events(struct job_store *store, int64_t now_us, int64_t count_max,
                                      bool (*fn)(void *self, const struct job_event *event,
                                                 struct sr_err *err),
                                      void *self, struct sr_err *err);
// When the next event is due; INT64_MAX: none is.
SR_MUST_USE bool job_store_next_event_us(struct job_store *store, int64_t *ret_us,
                                         struct sr_err *err);
// It is tried again then; `why` as for job_store_end_event().
SR_MUST_USE bool job_store_put_off_event(struct job_store *store, int64_t id, int64_t due_us,
                                         const char *why, struct sr_err *err);
// Nothing is left to do; `why`: what could not be started, NULL: nothing. Its identity stays.
SR_MUST_USE bool job_store_end_event(struct job_store *store, int64_t id, const char *why,
                                     struct sr_err *err);

// That a rule has started what it starts for an event; once more is no error. `arn`: of the
// execution, or the job's id; NULL: it never will.
SR_MUST_USE bool job_store_add_start(struct job_store *store, int64_t event, const char *rule,
                                     const char *name, const char *arn, int64_t now_us,
                                     struct sr_err *err);
SR_MUST_USE bool job_store_has_start(struct job_store *store, int64_t event, const char *rule,
                                     bool *ret_has, struct sr_err *err);

// Schedules --------------------------------------------------------------------------------------

struct job_schedule {
    int64_t begin_us;
    int64_t due_us;  // INT64_MAX: never again
};

// *ret_has false: there is none with this expression; one with another is as good as none.
SR_MUST_USE bool job_store_get_schedule(struct job_store *store, const char *rule, const char *text,
                                        struct job_schedule *ret_schedule, bool *ret_has,
                                        struct sr_err *err);
// Adds or replaces.
SR_MUST_USE bool job_store_put_schedule(struct job_store *store, const char *rule, const char *text,
                                        const struct job_schedule *schedule, struct sr_err *err);

// Forgets those that `keep` does not want.
SR_MUST_USE bool job_store_keep_schedules(struct job_store *store,
                                          bool (*keep)(void *self, const char *rule), void *self,
                                          struct sr_err *err);

// Jobs -------------------------------------------------------------------------------------------

enum job_row_state {
    JOB_ROW_QUEUED,
    JOB_ROW_RUNNING,
    JOB_ROW_SUCCEEDED,
    JOB_ROW_FAILED,
    JOB_ROW_CANCELLING,
    JOB_ROW_CANCELLED,
    JOB_ROW_STATE_COUNT,
};
const char *job_row_state_name(enum job_row_state state);  // "QUEUED"
static inline bool job_row_has_ended(enum job_row_state state)
{
    return state == JOB_ROW_SUCCEEDED || state == JOB_ROW_FAILED || state == JOB_ROW_CANCELLED;
}

// As the table has it (pipeline/migrations/0002_jobs.sql). Texts: NULL: none; of a row that was
// read they are its own, for job_row_done().
struct job_row {
    // What was submitted: written once.
    char *id, *correlation, *traceparent, *idempotency_key, *manifest, *shown, *workspace;
    uint8_t digest[SR_SHA256_BYTES];
    int64_t priority, created_us;
    bool overwrite, strict;
    // How it goes on.
    enum job_row_state state;
    int64_t attempt;
    int64_t started_us, ended_us;  // 0: not yet
    char *execution, *error, *cause, *report, *engine;
    bool is_stopped;                  // CANCELLING: only cleaning up is left
    int64_t segments, segments_done;  // -1: not known
    int64_t slots;                    // that were there when the attempt began; -1: not known
    int64_t due_us;                   // INT64_MAX: nothing is to be done by itself
    int64_t tries;
};
void job_row_done(struct job_row *row);
SR_DEFINE_AUTO_VALUE(job_row, struct job_row, job_row_done);
typedef bool (*job_row_fn)(void *self, const struct job_row *row, struct sr_err *err);

// Errors: CONFLICT: the id or the key is taken.
SR_MUST_USE bool job_store_add_job(struct job_store *store, const struct job_row *row,
                                   struct sr_err *err);
// Writes how it goes on.
SR_MUST_USE bool job_store_set_job(struct job_store *store, const struct job_row *row,
                                   struct sr_err *err);
// Errors: NOT_FOUND.
SR_MUST_USE bool job_store_get_job(struct job_store *store, const char *id, struct job_row *ret_row,
                                   struct sr_err *err);
// *ret_has false: no job was submitted under this key.
SR_MUST_USE bool job_store_get_job_by_key(struct job_store *store, const char *key,
                                          struct job_row *ret_row, bool *ret_has,
                                          struct sr_err *err);
// Those that are due, the longest first, at most `count_max`; `fn` as with events.
SR_MUST_USE bool job_store_due_jobs(struct job_store *store, int64_t now_us, int64_t count_max,
                                    job_row_fn fn, void *self, struct sr_err *err);
// When the next one is due; INT64_MAX: none is.
SR_MUST_USE bool job_store_next_job_us(struct job_store *store, int64_t *ret_us,
                                       struct sr_err *err);
// All that have not ended and wait for something are due.
SR_MUST_USE bool job_store_wake_jobs(struct job_store *store, int64_t now_us, struct sr_err *err);

struct job_query {
    int state;                // enum job_row_state; -1: any
    const char *correlation;  // NULL: any
    const char *from;         // only ids from here on, and
    const char *before;       // only ids before this one; NULL: all
    int64_t count_max;
};
// How many are in each state.
SR_MUST_USE bool job_store_count_jobs(struct job_store *store,
                                      int64_t ret_counts[JOB_ROW_STATE_COUNT], struct sr_err *err);
// Newest first.
SR_MUST_USE bool job_store_list_jobs(struct job_store *store, const struct job_query *query,
                                     job_row_fn fn, void *self, struct sr_err *err);
// Those that ended before and whose workspaces are folders that are there still: in a store jobs
// share one.
SR_MUST_USE bool job_store_stale_jobs(struct job_store *store, int64_t before_us, int64_t count_max,
                                      job_row_fn fn, void *self, struct sr_err *err);
SR_MUST_USE bool job_store_drop_workspace(struct job_store *store, const char *id,
                                          struct sr_err *err);

// Outputs ----------------------------------------------------------------------------------------

// That jobs write an object or a file ("s3://bucket/film.mp4"); "PLACE/": all that is below it;
// "PLACE/*": what an HLS output leaves in its tracks' folders there. Once more is no error.
SR_MUST_USE bool job_store_add_output(struct job_store *store, const char *place,
                                      struct sr_err *err);
// Whether a file or object is one of a job's.
SR_MUST_USE bool job_store_has_output(struct job_store *store, const char *place, bool *ret_has,
                                      struct sr_err *err);

struct job_store_counts {
    int64_t events, waiting, starts;
};
SR_MUST_USE bool job_store_count(struct job_store *store, struct job_store_counts *ret_counts,
                                 struct sr_err *err);
