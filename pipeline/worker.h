// pipeline/worker.h - takes tasks of activities from a server of the Step Functions API, runs each
// in a slot's child process, gives back what became of it.
#pragma once

#include "base/cancel.h"
#include "base/jx.h"
#include "base/log.h"
#include "net/sfn_client.h"
#include "storage/blob_stores.h"

enum { WORKER_SLOTS_MAX = 256, WORKER_ACTIVITIES_MAX = 64 };

struct worker_activity {
    const char *name;    // what the child knows it by
    const char *arn;     // what the server does
    int64_t timeout_us;  // of one task, from its beginning; 0: none
    int64_t beat_us;     // between heartbeats; more than 0
    bool is_heavy;       // encodes: of `slot_count`, not of `light_count`
    bool is_inside;      // done by activity_run() in this process
};

struct worker_params {
    struct sfn_client *client;
    const char *name;  // what the server is told: host and process
    const struct worker_activity *activities;
    size_t activity_count;
    size_t slot_count;   // tasks at once that encode; may be 0 when no activity does
    size_t light_count;  // all others at once; may be 0 when all encode
    const char *const *child_argv;
    const struct blob_stores_params *stores;  // NULL: as the environment says
    uint64_t memory_bytes;                    // of one child; 0: its default
    int64_t cpu_s;                            // of one task; 0: no limit
    int64_t grace_us;       // for tasks that run when it is told to stop; then they are handed back
    int64_t idle_us;        // a child without tasks lives on for the next of its job; 0: 10 s
    int64_t report_us_max;  // a result is offered to a server that does not answer; 0: 15 min
    const struct sr_clock *clock;
    const struct sr_log *log;
    enum sr_log_level log_level;  // of the children
    // {"event": "began"}, then {"event": "ended", "status": "succeeded" | "failed" | "lost" |
    // "handed back"}, with "slot", the task's fields, "error" and "cause". Any thread, one at a
    // time; NULL: nobody looks.
    void (*event)(void *self, const json_t *event);
    void *event_self;
};

// Works until `stop`. At most one job's child is in a slot; a task goes to a slot that has a child
// of its job, else to one without a child, else to any that is free. While all slots are busy
// nothing is polled: a poll that is out is ended, when the server takes back what it would have
// answered (sfn_client_takes_back()); else its task waits here, kept alive. Such a server is also
// told how many slots encode ("slots" of GetActivityTask).
// A server that cannot be reached is tried again for ever.
// Errors:  INVALID (numbers, no activity), NO_MEMORY, those of threads: at the beginning only.
// Threads: one caller; one more for each activity, slot and task.
SR_MUST_USE bool worker_run(const struct worker_params *params, const struct sr_cancel *stop,
                            struct sr_err *err);
