// service/jobs_priv.h - what the parts of service/jobs share.
#pragma once

#include <stdatomic.h>

#include "base/id.h"
#include "base/queue.h"
#include "base/thread.h"
#include "pipeline/correlation.h"
#include "pipeline/remote.h"
#include "service/job_places.h"
#include "service/jobs.h"
#include "statemachine/asl_exec.h"
#include "statemachine/store.h"

// For the worker: from who asks, and from whom it has asked.
enum jobs_message_kind {
    JOBS_SUBMIT,  // asked for: they are answered
    JOBS_CANCEL,
    JOBS_RETRY,
    JOBS_READY,  // heard of: the state machines are there,
    JOBS_WROTE,  // a manifest is in its workspace,
    JOBS_STARTED,
    JOBS_STOPPED,
    JOBS_ENDED,
    JOBS_REMOVED,  // a workspace is gone
};

struct jobs_message {
    struct jobs_message *next;
    enum jobs_message_kind kind;
    struct jobs *jobs;
    struct job_row *rows;  // SUBMIT
    size_t row_count, new_count;
    jobs_reply_fn reply;  // asked for
    void *self;
    char id[SR_ID_TEXT];  // all others
    int64_t attempt;
    bool is_clean;               // about the execution that cleans up
    int64_t settle_us;           // STOPPED
    struct jobs_message *watch;  // STARTED: what is to come when it ends
    bool done;
    struct sr_err err;
};
void jobs_message_free(struct jobs_message *message);
SR_DEFINE_AUTO(jobs_message, struct jobs_message, jobs_message_free);

// A job whose next step has been asked for.
struct jobs_flight {
    char id[SR_ID_TEXT];  // "": none
};

// For the threads that touch workspaces.
struct jobs_file {
    enum { JOBS_FILE_WRITE, JOBS_FILE_REPORT, JOBS_FILE_REMOVE } kind;
    struct jobs *jobs;
    char id[SR_ID_TEXT];
    int64_t attempt;
    bool is_clean;
    char *workspace, *manifest;
    char *report;  // where it is; NULL: in the workspace, if there is one
    jobs_report_fn fn;
    void *self;
};

enum { JOBS_FILE_THREADS = 2, JOBS_FILES_MAX = 1024 };

struct jobs {
    const struct jobs_params params;
    char *workspace;   // "/srv/jobs" or "s3://bucket/work/"
    char *arn_prefix;  // "arn:aws:states:REGION:ACCOUNT"
    struct job_places *places;
    struct sr_cancel cancel;  // of what the file threads do
    struct remote *remote;
    struct sr_thread *worker, *filers[JOBS_FILE_THREADS];
    struct sr_queue *files;
    atomic_uint file_count;  // in the queue, so that nobody waits for room in it
    atomic_bool is_stopping;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        struct jobs_message *first, **end;
        size_t count;
    } synced;  // under `lock`
    struct sr_mutex reading;
    struct {
        struct job_store *store;
        struct store engine;
    } read;  // under `reading`
    struct {
        struct job_store *store;
        struct jobs_flight flights[JOBS_FLIGHTS_MAX];
        size_t flight_count;
        enum { JOBS_UNREADY, JOBS_ASKED, JOBS_IS_READY } machines;
        int64_t ask_us;    // UNREADY: when to ask again
        bool is_awake;     // what was left by the last process is due
        int64_t sweep_us;  // when to look for workspaces that are too old
    } work;                // the worker's
};

// jobs.c. Takes the message; one that was asked for may be refused: BUSY.
SR_MUST_USE bool jobs_post(struct jobs *jobs, struct jobs_message *message, struct sr_err *err);
struct jobs_message *jobs_message_new(struct jobs *jobs, enum jobs_message_kind kind,
                                      const char *id, int64_t attempt, struct sr_err *err);

// What each line of the log about a job has; lives as long as the row.
struct jobs_row_log {
    struct sr_log logs[3];
    char trace_id[TRACE_ID_TEXT];
};
const struct sr_log *jobs_row_log(const struct jobs *jobs, const struct job_row *row,
                                  struct jobs_row_log *room);

// jobs_steps.c: the next step of a job, on the worker's thread. They change the row, and write it.
SR_MUST_USE bool jobs_begin(struct jobs *jobs, struct job_row *row, struct sr_err *err);
SR_MUST_USE bool jobs_note(struct jobs *jobs, const struct jobs_message *message,
                           struct sr_err *err);
struct jobs_flight *jobs_flight_find(struct jobs *jobs, const char *id);
// There must be room for one. jobs_note() ends it.
void jobs_flight_begin(struct jobs *jobs, const char *id);

// jobs_machines.c: asks the engine to make activities and state machines, or to bring them up to
// date.
SR_MUST_USE bool jobs_ask_machines(struct jobs *jobs, struct sr_err *err);
// The input of an attempt's execution, or of what cleans up; the caller frees it.
char *jobs_input(const struct jobs *jobs, const struct job_row *row, bool is_clean,
                 struct sr_err *err);
SR_MUST_USE bool jobs_ask_start(struct jobs *jobs, const struct job_row *row, bool is_clean,
                                struct sr_err *err);
SR_MUST_USE bool jobs_ask_stop(struct jobs *jobs, const struct job_row *row, int64_t settle_us,
                               struct sr_err *err);

// jobs_files.c
SR_MUST_USE bool jobs_files_ask(struct jobs *jobs, const struct jobs_file *file,
                                struct sr_err *err);  // copies
SR_MUST_USE bool jobs_files_start(struct jobs *jobs, struct sr_err *err);
void jobs_files_step(struct jobs *jobs);  // what is in the queue, on this thread
void jobs_file_drop(void *item);          // answers it
