#include "statemachine/engine_metrics.h"

#include <stdlib.h>

#include "statemachine/engine_priv.h"

const int64_t engine_latency_bounds_us[ENGINE_LATENCIES - 1] = {
    500, 1000, 2000, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
};

void engine_latency_add(struct engine_latency *latency, int64_t us)
{
    size_t i = 0;
    while (i < ENGINE_LATENCIES - 1 && us > engine_latency_bounds_us[i])
        i++;
    latency->counts[i]++;
    latency->sum_us += us > 0 ? (uint64_t)us : 0;
}

size_t engine_entered_count(const struct asl_event *events, size_t count)
{
    size_t entered = 0;
    for (size_t i = 0; i < count; i++) {
        switch (events[i].type) {
        case ASL_EVENT_ChoiceStateEntered:
        case ASL_EVENT_FailStateEntered:
        case ASL_EVENT_MapStateEntered:
        case ASL_EVENT_ParallelStateEntered:
        case ASL_EVENT_PassStateEntered:
        case ASL_EVENT_SucceedStateEntered:
        case ASL_EVENT_TaskStateEntered:
        case ASL_EVENT_WaitStateEntered: entered++; break;
        default: break;
        }
    }
    return entered;
}

static int by_id(const void *a, const void *b)
{
    const int64_t *const one = a, *const other = b;
    return (*one > *other) - (*one < *other);
}

static size_t add_ids(const struct engine_table *table, int64_t *ids)
{
    size_t count = 0;
    for (size_t i = 0; i < table->room; i++) {
        if (table->slots[i].execution)
            ids[count++] = table->slots[i].execution;
    }
    return count;
}

bool engine_metrics_read(struct engine *engine, struct engine_metrics *ret_metrics,
                         struct sr_err *err)
{
    // What is open waits for something, and what is waited for is in one of these two.
    int64_t *ids = calloc(engine->tasks.count + engine->waits.count + 1, sizeof *ids);
    if (!ids)
        return sr_fail(err, SR_ERR_NO_MEMORY, "metrics");
    size_t count = add_ids(&engine->tasks, ids), open = 0;
    count += add_ids(&engine->waits, ids + count);
    qsort(ids, count, sizeof *ids, by_id);
    for (size_t i = 0; i < count; i++)
        open += i == 0 || ids[i] != ids[i - 1];
    free(ids);
    *ret_metrics = (struct engine_metrics){ .counts = engine_counts(engine),
                                            .open = open,
                                            .commit = engine->commit_latency };
    sr_lock(&engine->lock);
    ret_metrics->queued = engine->queued.count;
    sr_unlock(&engine->lock);
    return true;
}

struct looking {
    const struct engine *engine;
    bool (*fn)(void *self, const struct engine_queue *queue);
    void *self;
};

static bool look(void *self, const char *arn, const struct engine_timers *tasks, size_t polls)
{
    const struct looking *const looking = self;
    struct engine_queue queue = { .arn = arn, .tasks = tasks->count, .polls = polls };
    for (size_t i = 0; i < tasks->count; i++) {
        const struct engine_timer *const at = &tasks->items[i];
        const struct store_task *const task =
            engine_table_get(&looking->engine->tasks, at->execution, at->op);
        if (task && (!queue.oldest_us || task->created_us < queue.oldest_us))
            queue.oldest_us = task->created_us;
    }
    return looking->fn(looking->self, &queue);
}

void engine_metrics_queues(const struct engine *engine,
                           bool (*fn)(void *self, const struct engine_queue *queue), void *self)
{
    struct looking looking = { engine, fn, self };
    engine_activities_each(engine->activities, look, &looking);
}
