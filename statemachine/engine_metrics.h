// statemachine/engine_metrics.h - what an engine is doing, in numbers.
#pragma once

#include "statemachine/engine.h"

// How long rounds took to be on disk.
enum { ENGINE_LATENCIES = 12 };
struct engine_latency {
    uint64_t
        counts[ENGINE_LATENCIES];  // each between its bound and the one before; the last: above
    uint64_t sum_us;
};
extern const int64_t engine_latency_bounds_us[ENGINE_LATENCIES - 1];
void engine_latency_add(struct engine_latency *latency, int64_t us);

// State transitions: how many of the events are a state that was entered.
size_t engine_entered_count(const struct asl_event *events, size_t count);

// An activity's queue.
struct engine_queue {
    const char *arn;  // borrowed during the call
    size_t tasks, polls;
    int64_t oldest_us;  // when its oldest task was made (wall time); 0: there is none
};

struct engine_metrics {
    struct engine_counts counts;
    size_t open;    // executions that wait for a task or a time
    size_t queued;  // requests that came meanwhile
    struct engine_latency commit;
};

// Threads: the engine's, for example inside a request's `record`.
// Errors: NO_MEMORY.
SR_MUST_USE bool engine_metrics_read(struct engine *engine, struct engine_metrics *ret_metrics,
                                     struct sr_err *err);
// Each queue that has been used. False stops it.
void engine_metrics_queues(const struct engine *engine,
                           bool (*fn)(void *self, const struct engine_queue *queue), void *self);
