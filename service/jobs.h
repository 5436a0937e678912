// service/jobs.h - jobs: a manifest that was accepted is done once, whatever happens meanwhile, by
// an execution of the flow of pipeline/flow.h.
//
// A job is a row of jobs.db, on disk before anybody hears that it was accepted. Its attempt N is
// the execution "ID-N" of the state machine JOBS_MACHINE, so that what is started again after a
// crash is met again instead. docs/jobs.md has its life.
#pragma once

#include "base/auto.h"
#include "base/clock.h"
#include "base/jx.h"
#include "base/log.h"
#include "pipeline/job_store.h"
#include "service/config_jobs.h"
#include "storage/blob_stores.h"

struct engine;
struct jobs;

#define JOBS_MACHINE "splitreel-transcode"       // the state machine of an attempt
#define JOBS_CLEAN_MACHINE "splitreel-clean-up"  // the same, of what follows when one is cancelled

enum {
    JOBS_MANY_MAX = 1000,          // manifests in one request
    JOBS_WAITING_MAX = 10000,      // requests that are not recorded yet
    JOBS_FLIGHTS_MAX = 256,        // jobs whose next step is being made
    JOBS_KEY_MAX = 4096,           // bytes of an idempotency key
    JOBS_RETRY_US = 500000,        // what cannot be done now is tried again after so long,
    JOBS_RETRY_US_MAX = 60000000,  // then after twice as long, at most this
    JOBS_TRIES_MAX = 30,           // manifests that a workspace does not take
    // What is stopped late may write for so long, until its worker hears of it.
    JOBS_SETTLE_US = 30000000,
    // What is left to do after a cancellation may wait for a worker for so long until the job
    // counts as cancelled, with that still to come.
    JOBS_UNATTENDED_US = 60000000,
};

struct jobs_params {
    const char *path;      // of jobs.db; read during the call only
    const char *database;  // the engine's store, opened again to read; during the call only
    const char
        *workspace;  // of jobs whose configuration names none: a folder; during the call only
    const struct config_jobs *config;  // borrowed
    const char *region, *account;      // borrowed, like these
    const struct blob_stores_params
        *stores;                   // for a workspace in a store; NULL: as the environment
    const struct sr_clock *clock;  // says. Borrowed
    const struct sr_log *log;      // borrowed; NULL: silent
    struct engine *engine;         // borrowed
    size_t (*slots)(void *self);   // that encode, of workers that ask for tasks; any thread. NULL:
    void *slots_self;              // nobody knows
};

// Opens the database and the places.
// Errors: INVALID (a root that is no folder, a workspace), those of the stores.
SR_MUST_USE bool jobs_new(const struct jobs_params *params, struct jobs **ret_jobs,
                          struct sr_err *err);
// Begins to work on threads of its own: makes activities and state machines, goes on with what was
// left.
SR_MUST_USE bool jobs_start(struct jobs *jobs, struct sr_err *err);
// Ends them; who waits is told that the service stops. The engine must be there still.
void jobs_stop(struct jobs *jobs);
void jobs_free(struct jobs *jobs);  // the engine must be gone
SR_DEFINE_AUTO(jobs, struct jobs, jobs_free);

// Submitting -------------------------------------------------------------------------------------

struct job_submit {
    const char *manifest;  // JSON, comments allowed
    size_t bytes;
    const char *place;            // what messages call it instead of "$": "$.jobs[2]"; NULL: "$"
    const char *idempotency_key;  // NULL: the manifest's, if it has one
    const char *correlation;      // NULL: the manifest's, else the job's id
    const char *traceparent;      // W3C Trace Context; NULL, or none at all: the manifest's
    bool overwrite, strict;       // as -y and --strict of `run`
};

// What became of a call. Borrowed during the reply.
struct jobs_reply {
    bool done;  // else `err` says why not: CONFLICT (the key is another manifest's; the job's
    struct sr_err err;  // state does not allow it), NOT_FOUND, BUSY, those of the store
    size_t count;
    const char *const *ids;  // of the jobs, in order
    size_t new_count;        // of a submission: how many were not there before
};
typedef void (*jobs_reply_fn)(void *self, const struct jobs_reply *reply);

// Accepts manifests, all or none. One whose key is known, with the same manifest, is the job that
// is there. `reply` is called once, after all of it is on disk, on a thread of the jobs; it may ask
// again, but not wait.
// Owns:    reads `items` during the call only.
// Errors:  no reply will come: INVALID ("$.input: ..."), UNSUPPORTED, TOO_LARGE, DENIED (a place
//          that jobs may not use), BUSY, NO_MEMORY.
// Threads: any.
SR_MUST_USE bool jobs_submit(struct jobs *jobs, const struct job_submit *items, size_t count,
                             jobs_reply_fn reply, void *self, struct sr_err *err);
// Asks for its end: what runs is stopped, then cleaned up, then it is CANCELLED. Again: the same.
SR_MUST_USE bool jobs_cancel(struct jobs *jobs, const char *id, jobs_reply_fn reply, void *self,
                             struct sr_err *err);
// Another attempt of one that has FAILED or was CANCELLED, in the same workspace.
SR_MUST_USE bool jobs_retry(struct jobs *jobs, const char *id, jobs_reply_fn reply, void *self,
                            struct sr_err *err);

// Reading: what is committed ---------------------------------------------------------------------

// The job's document; `segments`: with the state of each.
// Errors: NOT_FOUND. Threads: any.
SR_MUST_USE bool jobs_document(struct jobs *jobs, const char *id, bool segments, json_t **ret_json,
                               struct sr_err *err);
// {"jobs": [...], "next_page"}, newest first.
SR_MUST_USE bool jobs_list(struct jobs *jobs, const struct job_query *query, json_t **ret_json,
                           struct sr_err *err);
// As it was accepted, as JSON without comments; the caller frees it. Errors: NOT_FOUND.
SR_MUST_USE bool jobs_manifest(struct jobs *jobs, const char *id, char **ret_text,
                               struct sr_err *err);
// Gets the report from where it is, on a thread of the jobs: *text NULL, there is none (NOT_FOUND).
typedef void (*jobs_report_fn)(void *self, const char *text, size_t bytes,
                               const struct sr_err *err);
SR_MUST_USE bool jobs_report(struct jobs *jobs, const char *id, jobs_report_fn fn, void *self,
                             struct sr_err *err);
// The ARN of attempt `attempt`'s execution, or with `clean` of what cleaned up after it; the caller
// frees it. NULL: out of memory.
char *jobs_execution(const struct jobs *jobs, const char *id, int64_t attempt, bool clean,
                     struct sr_err *err);

// Appends numbers for Prometheus: jobs by state, and segments by state of the newest jobs that run,
// at most JOBS_METRICS_MAX of them.
// Threads: any.
enum { JOBS_METRICS_MAX = 100 };
struct sr_str;
SR_MUST_USE bool jobs_metrics(struct jobs *jobs, struct sr_str *text, struct sr_err *err);

// One round of the work: records what has come, does what is due; without waiting. Only for who has
// not called jobs_start().
// Errors: those of the store. *ret_next_us: when there is something to do by itself (wall time).
SR_MUST_USE bool jobs_step(struct jobs *jobs, int64_t *ret_next_us, struct sr_err *err);
