// pipeline/activity.h - table: the name of an activity -> what it does; JSON in, JSON out,
// idempotent.
//
// Every activity is told its job in the same way, by references only:
//     {"job": {"id": ..., "workspace": folder or URL, "manifest": name of a document in it,
//              "manifest_sha256": of its bytes, "overwrite": bool, "strict": bool,
//              "own_parts": bool, "slots": n}, ...}
// (all but the first two may be missing: "manifest.json", any, false, nobody knows), and some a
// "segment" or an "audio" (0-based), or an "error". It opens the job anew from what the workspace
// holds, or goes on with what its slot has open. docs/flow.md lists parameters and results.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/jx.h"
#include "base/log.h"
#include "storage/blob_stores.h"

struct activity_job;

// What a slot lends; all borrowed for the slot's life.
struct activity_env {
    const struct blob_stores_params *stores;  // NULL: as the environment says
    uint64_t memory_bytes;                    // for pictures in flight; 0: no limit
    const struct sr_cancel *cancel;           // NULL: never
    const struct sr_clock *clock;             // NULL: the system's
    const struct sr_log *log;                 // NULL: silent
    // How far it has come: {"frames": n} or {"audio_us": n}, rising. NULL: nobody looks. Any thread
    // of the activity.
    void (*progress)(void *self, const json_t *event);
    void *progress_self;
    struct activity_job *job;  // one that all slots of this process share; NULL: the slot's own
};

// Runs one activity at a time, and keeps the job open for the next task of the same job.
// Owns:    the caller frees it.
// Threads: one at a time.
struct activity_slot;
SR_MUST_USE bool activity_slot_new(const struct activity_env *env, struct activity_slot **ret,
                                   struct sr_err *err);
void activity_slot_free(struct activity_slot *slot);
SR_DEFINE_AUTO(activity_slot, struct activity_slot, activity_slot_free);

// Runs the activity `name`. It may be run again, also elsewhere and at the same time: what is done
// already is found, and its effect counts once.
// Owns:    *ret_result is a new reference.
// Errors:  NOT_FOUND (no such activity), INVALID (params), and what it meets; a flow sees them by
//          sr_err_row(code)->flow_error.
SR_MUST_USE bool activity_run(struct activity_slot *slot, const char *name, const json_t *params,
                              json_t **ret_result, struct sr_err *err);

// What a flow is told of a worker that died amid a task: by whoever watches it.
#define ACTIVITY_WORKER_DIED "Splitreel.WorkerDied"
// The same of a task that used up its time, of the clock or of the processor.
#define ACTIVITY_TOO_LONG "Splitreel.TooLong"
// What the name of an activity begins with in its ARN: "arn:...:activity:splitreel-segment".
#define ACTIVITY_PREFIX "splitreel-"

struct activity_call;
struct activity {
    const char *name;  // "segment"
    int timeout_s;  // from its beginning: who runs it ends it then. A flow's counts the queue, too
    int heartbeat_s;  // a worker that is silent for longer is taken for dead
    bool is_heavy;    // encodes: worth a slot of its own
    bool is_inside;   // needs the network and touches no media: a worker does it itself, without a
                      // child
    bool (*run)(struct activity_call *call, json_t **ret_result, struct sr_err *err);
};

// NULL: there is none. `name` may be that of an ARN, with ACTIVITY_PREFIX.
const struct activity *activity_find(const char *name);
// The table, in the order of a job's life; NULL: past its end.
const struct activity *activity_at(size_t index);
