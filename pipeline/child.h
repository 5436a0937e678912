// pipeline/child.h - a process that runs tasks and may crash, spin or eat memory alone.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "base/jx.h"
#include "base/log.h"
#include "storage/blob_stores.h"

struct child;

struct child_params {
    const char *const *argv;  // the program (a path) and its words; it must call child_main()
    const struct blob_stores_params *stores;  // how the parent reaches stores for it; NULL: as the
                                              // environment says
    struct blob_cache *cache;                 // of children that have the same stores; NULL: none
    uint64_t memory_bytes;                    // what it may use; 0: CHILD_MEMORY_BYTES
    uint32_t files_max;                       // descriptors; 0: CHILD_FILES_MAX
    int64_t grace_us;                         // a cancelled task has to end; 0: CHILD_GRACE_US
    const struct sr_clock *clock;
    const struct sr_log *log;
    enum sr_log_level log_level;  // of what the child itself writes to stderr
};
#define CHILD_MEMORY_BYTES ((uint64_t)4 << 30)
#define CHILD_GRACE_US ((int64_t)3000000)
enum { CHILD_FILES_MAX = 512 };

// Starts nothing yet. Params are borrowed, but for argv's array.
// Owns:    the caller frees it; a process that does not end by itself is killed.
// Threads: one, which must outlive the process: the kernel ends the process with that thread.
SR_MUST_USE bool child_new(const struct child_params *params, struct child **ret_child,
                           struct sr_err *err);
void child_free(struct child *child);
SR_DEFINE_AUTO(child, struct child, child_free);

struct child_task {
    const char *activity;
    const json_t *params;  // in stores, what its "job" names may be reached, and nothing else
    const char *job;       // another than the last one's, or another "job" in `params`, gets a new
                           // process; "": always
    const json_t *fields;  // texts that each line of its log has: {"job": ...}; NULL: none
    int64_t timeout_us;    // by the clock on the wall; 0: none
    int64_t cpu_s;         // of the processors; 0: none
    const struct sr_cancel *cancel;
    void (*progress)(void *self,
                     const json_t *event);  // on the caller's thread; NULL: nobody looks
    void *progress_self;
};

// Runs a task in the process, which is started if it is not there.
// Owns:   *ret_result is a new reference. *ret_error, on failure, is the name that a flow sees, a
//         literal.
// Errors: what the activity met; ACTIVITY_WORKER_DIED: INTERNAL (it crashed, ended, or spoke what is
//         not our language); ACTIVITY_TOO_LONG: TIMEOUT; "Splitreel.OutOfMemory": NO_MEMORY;
//         CANCELLED. After these four the next task gets a new process.
SR_MUST_USE bool child_run(struct child *child, const struct child_task *task, json_t **ret_result,
                           const char **ret_error, struct sr_err *err);
// Ends the process, if there is one; the next task gets a new one. Gives its wait status.
int child_stop(struct child *child);
// Of the process; 0: there is none.
pid_t child_pid(const struct child *child);
// The job of the last task, if its process is still there; else NULL.
const char *child_job(const struct child *child);
