// service/uploads.h - what happens outside (uploads, files in a folder, times of schedules) starts
// what rules say: recorded first, once and for ever, and started afterwards.
#pragma once

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "service/config_events.h"
#include "service/jobs.h"
#include "service/server.h"
#include "storage/s3_event.h"

struct engine;
struct uploads;

enum {
    UPLOADS_WAITING_MAX = 10000,          // calls and events that are not recorded yet
    UPLOADS_FLIGHTS_MAX = 256,            // events whose executions are being started
    UPLOADS_RETRY_US = 1000000,           // what cannot be started is tried again after so long,
    UPLOADS_RETRY_US_MAX = 5 * 60000000,  // then after twice as long, at most this,
    UPLOADS_ATTEMPTS_MAX = 300,           // and at last, after about a day, given up
};

// Gets a document from `url`. Threads: one.
typedef bool (*uploads_fetch_fn)(void *self, const char *url, char **ret_body, struct sr_err *err);

// Makes one job, as jobs_submit(). Threads: the worker's.
typedef bool (*uploads_submit_fn)(void *self, const struct job_submit *job, jobs_reply_fn reply,
                                  void *reply_self, struct sr_err *err);

struct uploads_params {
    const char *path;                    // of the database; read during the call only
    const char *rules;                   // the folder of rules; NULL: none
    const struct config_events *config;  // borrowed, like the texts below
    const char *region, *account;
    const struct sr_clock *clock;  // borrowed
    const struct sr_log *log;      // borrowed; NULL: silent
    struct engine *engine;         // borrowed
    uploads_submit_fn submit;      // NULL: no rule may start a job
    void *submit_self;
    // Gets certificates of SNS and confirms subscriptions; NULL: over HTTPS.
    uploads_fetch_fn fetch;
    void *fetch_self;
};

// Opens the database and reads the rules.
// Errors: INVALID (a rule has faults: all are in the log), those of reading and of the store.
SR_MUST_USE bool uploads_new(const struct uploads_params *params, struct uploads **ret_uploads,
                             struct sr_err *err);
// Begins to work on threads of its own.
SR_MUST_USE bool uploads_start(struct uploads *uploads, struct sr_err *err);
// Ends them; who waits is told that the service stops. The engine and who takes jobs must be there
// still.
void uploads_stop(struct uploads *uploads);
void uploads_free(struct uploads *uploads);  // the engine and who takes jobs must be gone
SR_DEFINE_AUTO(uploads, struct uploads, uploads_free);

// POST /events/s3[/SECRET]: answered when it is recorded. GET and HEAD: 200, for stores that knock
// first.
// Threads: any.
void uploads_handle(struct uploads *uploads, struct server_call *call,
                    const struct server_request *request);
// An event of another kind, already as rules see it. `identity` is what two of the same have in
// common. Takes nothing. False: BUSY, NO_MEMORY.
// Threads: any.
SR_MUST_USE bool uploads_tell(struct uploads *uploads, const char *identity, const json_t *document,
                              struct sr_err *err);
// Reads the rules anew, soon; with faults the old ones stay, and the log tells. Threads: any.
void uploads_reload(struct uploads *uploads);

// One round of the work: records what has come, starts what is due; without waiting. Only for who
// has not called uploads_start().
// Errors: those of the store. *ret_next_us: when there is something to do by itself (wall time).
SR_MUST_USE bool uploads_step(struct uploads *uploads, int64_t *ret_next_us, struct sr_err *err);
