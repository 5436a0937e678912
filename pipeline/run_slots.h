// pipeline/run_slots.h - threads that run the activities of one job: what encodes on as many as
// were asked for, all else on one of its own. Where more than one encodes, one more encodes tracks
// beside them: a track lasts as long as the title, so cores would be left without work at the end.
#pragma once

#include "base/auto.h"
#include "pipeline/activity_job.h"
#include "statemachine/engine_resource.h"

struct run_slots;

// A task that is out. `self` is the slots' owner's.
struct run_task {
    struct engine_ref ref;
    const struct activity *activity;  // NULL: `work` is called instead
    bool (*work)(void *self, const json_t *params, json_t **ret_result, struct sr_err *err);
    json_t *params;
    uint64_t reported;  // frames or microseconds that were told so far; its thread only
    struct run_task *next;
};

struct run_slots_params {
    struct activity_job *open;  // borrowed
    size_t heavy_count;
    const struct sr_clock *clock;
    const struct sr_log *log;
    // On the task's thread. `ended`: `result` is NULL when it failed.
    void (*began)(void *self, struct run_task *task);
    void (*told)(void *self, struct run_task *task, const json_t *event);
    void (*ended)(void *self, struct run_task *task, const json_t *result,
                  const struct sr_err *err);
    void *self;
};

// Owns:    the caller frees *ret_slots, which waits for what runs and drops the rest.
// Threads: all else from one thread.
SR_MUST_USE bool run_slots_new(const struct run_slots_params *params, struct run_slots **ret_slots,
                               struct sr_err *err);
void run_slots_free(struct run_slots *slots);
SR_DEFINE_AUTO(run_slots, struct run_slots, run_slots_free);

// Takes `task`, from malloc, also when it fails. In the order they come, but tracks before
// segments. What is neither a part nor an output waits until nothing of these runs. Errors:
// NO_MEMORY (no thread can be started).
SR_MUST_USE bool run_slots_add(struct run_slots *slots, struct run_task *task, struct sr_err *err);
void run_slots_drop(struct run_slots *slots, struct engine_ref ref);  // if it has not begun
void run_slots_drain(struct run_slots *slots);                        // nothing more begins
bool run_slots_are_idle(struct run_slots *slots);                     // nothing runs
