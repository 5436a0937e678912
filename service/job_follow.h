// service/job_follow.h - what clients follow of a job: its events as they happen, and its log.
#pragma once

#include "base/auto.h"
#include "base/clock.h"
#include "base/jx.h"
#include "base/log.h"
#include "service/server.h"

struct job_follow;

enum {
    JOB_FOLLOW_STREAMS_MAX = 1000,    // open at once
    JOB_FOLLOW_LOGS_MAX = 64,         // asked for and not read yet
    JOB_FOLLOW_LOOK_US = 1000000,     // between looks at the jobs of streams
    JOB_FOLLOW_SILENT_US = 15000000,  // after so long without news a stream says that it is there
};

struct job_follow_params {
    const char *database;  // the engine's store, opened again to read; during the call only
    // The job's document. Errors: NOT_FOUND. Threads: any.
    bool (*document)(void *self, const char *id, json_t **ret_json, struct sr_err *err);
    // As job_log_query has it.
    char *(*execution)(void *self, const char *id, int64_t attempt, bool clean, struct sr_err *err);
    void *self;
    const struct sr_clock *clock;  // borrowed
    const struct sr_log *log;      // borrowed; NULL: silent
};

// Owns:   the caller frees *ret_follow; what params point to is borrowed until then, unless said
//         otherwise there.
// Errors: those of the store, NO_MEMORY.
SR_MUST_USE bool job_follow_new(const struct job_follow_params *params,
                                struct job_follow **ret_follow, struct sr_err *err);
// Begins to work on a thread of its own. Errors: NO_MEMORY, those of threads.
SR_MUST_USE bool job_follow_start(struct job_follow *follow, struct sr_err *err);
// Ends it, and every stream; who waits for a log is told that the service stops.
void job_follow_stop(struct job_follow *follow);
void job_follow_free(struct job_follow *follow);
SR_DEFINE_AUTO(job_follow, struct job_follow, job_follow_free);

// Answers with server-sent events: the job's document at once and whenever it differs, at most once
// a second; "end" when it has ended, and then the stream does, too.
// Threads: any.
void job_follow_events(struct job_follow *follow, struct server_call *call, const char *id);
// Answers with a page of the job's log, see job_log_read(); `page` NULL: the first.
// Threads: any.
void job_follow_log(struct job_follow *follow, struct server_call *call, const char *id,
                    size_t line_max, const char *page);

// One round: reads a log that was asked for, looks at the jobs of streams when it is time. Only for
// who has not called job_follow_start(). Gives the time of the next look (monotonic).
int64_t job_follow_step(struct job_follow *follow);
size_t job_follow_count(struct job_follow *follow);  // streams that are open
