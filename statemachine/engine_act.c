// What follows a commit: tasks are started, offered or cancelled, timers are set.
#include <stdlib.h>
#include <string.h>

#include "statemachine/engine_priv.h"

void engine_task_done(struct store_task *task)
{
    free((char *)(uintptr_t)task->resource);
    free((char *)(uintptr_t)task->payload);
    free((char *)(uintptr_t)task->token);
    task->resource = task->payload = task->token = NULL;
}

bool engine_task_copy(const struct store_task *from, struct store_task *to, struct sr_err *err)
{
    *to = *from;
    to->resource = strdup(from->resource);
    to->payload = strdup(from->payload);
    to->token = strdup(from->token);
    if (to->resource && to->payload && to->token)
        return true;
    engine_task_done(to);
    return sr_fail(err, SR_ERR_NO_MEMORY, "a task");
}

struct engine_act *engine_act_add(struct engine *engine, enum engine_act_kind kind,
                                  struct sr_err *err)
{
    if (engine->act_count == engine->act_room) {
        const size_t room = engine->act_room ? engine->act_room * 2 : 64;
        struct engine_act *acts = realloc(engine->acts, room * sizeof *acts);
        if (!acts) {
            (void)sr_fail(err, SR_ERR_NO_MEMORY, "%zu acts", room);
            return NULL;
        }
        engine->acts = acts;
        engine->act_room = room;
    }
    struct engine_act *act = &engine->acts[engine->act_count++];
    *act = (struct engine_act){ .kind = kind };
    return act;
}

void engine_acts_drop(struct engine *engine, size_t from)
{
    while (engine->act_count > from)
        engine_task_done(&engine->acts[--engine->act_count].task);
}

void engine_must(struct engine *engine, bool done)
{
    engine->stale = engine->stale || !done;
}

static struct engine_task task_of(const struct store_task *task)
{
    return (struct engine_task){
        { task->execution, task->op }, task->kind, task->resource, task->payload, task->token
    };
}

static void start(struct engine *engine, const struct store_task *task)
{
    const struct engine_resource *resource =
        engine_resource_find(engine->resources, engine->resource_count, task->resource);
    const struct engine_task shown = task_of(task);
    struct sr_err err = { 0 }, ignored = { 0 };
    const bool child = !resource && engine_child_is(task->resource);
    const bool started =
        resource ? resource->start(resource->self, &shown, &err)
        : child  ? engine_child_start(engine, task, &err)
                 : sr_fail(&err, SR_ERR_NOT_FOUND, "nothing runs the resource %s", task->resource);
    if (!started)
        engine_must(engine, engine_answer_failed(engine, shown.ref,
                                                 resource || child ? ASL_ERROR_TASK_FAILED
                                                                   : ASL_ERROR_RUNTIME,
                                                 err.message, &ignored));
}

// The table takes the act's task.
static bool keep(struct engine *engine, struct engine_act *act, struct store_task **ret_task)
{
    struct sr_err ignored = { 0 };
    struct store_task *task = malloc(sizeof *task);
    if (!task ||
        !engine_table_put(&engine->tasks, act->task.execution, act->task.op, task, &ignored)) {
        free(task);
        return false;
    }
    *task = act->task;
    act->task = (struct store_task){ 0 };
    *ret_task = task;
    return true;
}

static void set_deadlines(struct engine *engine, const struct store_task *task)
{
    struct sr_err ignored = { 0 };
    const struct engine_timer timeout = { task->timeout_at_us, task->execution, task->op,
                                          ENGINE_DUE_TIMEOUT };
    const struct engine_timer heartbeat = { task->heartbeat_at_us, task->execution, task->op,
                                            ENGINE_DUE_HEARTBEAT };
    if (task->timeout_at_us)
        engine_must(engine, engine_timers_add(&engine->timers, timeout, &ignored));
    if (task->heartbeat_at_us)
        engine_must(engine, engine_timers_add(&engine->timers, heartbeat, &ignored));
}

static bool offer(struct engine *engine, const struct store_task *task, struct sr_err *err)
{
    return engine_activities_offer(engine->activities, task->resource,
                                   (struct engine_ref){ task->execution, task->op },
                                   engine_turn_us(task->created_us, task->priority), err);
}

static void forget(struct engine *engine, const struct engine_act *act)
{
    struct store_task *task =
        engine_table_take(&engine->tasks, act->timer.execution, act->timer.op);
    if (!task)
        return;
    const struct engine_resource *resource =
        engine_resource_find(engine->resources, engine->resource_count, task->resource);
    if (act->kind == ACT_CANCEL && task->kind != STORE_TASK_ACTIVITY && resource &&
        resource->cancel)
        resource->cancel(resource->self, (struct engine_ref){ task->execution, task->op });
    engine_task_done(task);
    free(task);
}

static void answer_worker(struct engine *engine, struct engine_act *act)
{
    struct sr_err ignored = { 0 };
    struct store_task *task =
        engine_table_get(&engine->tasks, act->match.ref.execution, act->match.ref.op);
    if (!task) {
        (void)act->match.poll.answer(act->match.poll.self, NULL);  // nothing was promised
    } else {
        const struct engine_task shown = task_of(task);
        set_deadlines(engine, &(struct store_task){ .execution = task->execution,
                                                    .op = task->op,
                                                    .heartbeat_at_us = task->heartbeat_at_us });
        if (!act->match.poll.answer(act->match.poll.self, &shown))
            engine_must(engine,
                        engine_activities_offer(engine->activities, act->match.arn, act->match.ref,
                                                act->match.turn_us, &ignored));
    }
    engine_match_done(&act->match);
}

bool engine_watch(struct engine *engine, int64_t execution, engine_ended_fn ended, void *self,
                  struct sr_err *err)
{
    struct engine_watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a watcher");
    *watcher =
        (struct engine_watcher){ engine_table_get(&engine->watchers, execution, 0), ended, self };
    if (engine_table_put(&engine->watchers, execution, 0, watcher, err))
        return true;
    free(watcher);
    return false;
}

void engine_unwatch(struct engine *engine, int64_t execution, const void *self)
{
    struct engine_watcher *first = engine_table_take(&engine->watchers, execution, 0);
    struct engine_watcher **place = &first;
    while (*place && (*place)->self != self)
        place = &(*place)->next;
    struct engine_watcher *watcher = *place;
    if (watcher)
        *place = watcher->next;
    free(watcher);
    struct sr_err ignored = { 0 };
    if (first)  // there was room for it a moment ago
        engine_must(engine, engine_table_put(&engine->watchers, execution, 0, first, &ignored));
}

static void call_watchers(struct engine_watcher *watcher, const struct engine_outcome *outcome)
{
    for (struct engine_watcher *next; watcher; watcher = next) {
        next = watcher->next;
        watcher->ended(watcher->self, outcome);
        free(watcher);
    }
}

void engine_watchers_free(struct engine *engine)
{
    for (size_t i = 0; i < engine->watchers.room; i++) {
        if (engine->watchers.slots[i].execution)
            call_watchers(engine->watchers.slots[i].value, NULL);
    }
    free(engine->watchers.slots);
}

static bool tell(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct engine *engine = self;
    const struct engine_outcome outcome = { .status = (enum asl_status)execution->status,
                                            .arn = execution->arn,
                                            .output = execution->output,
                                            .error = execution->error,
                                            .cause = execution->cause,
                                            .started_us = execution->started_us,
                                            .stopped_us = execution->stopped_us };
    call_watchers(engine_table_take(&engine->watchers, execution->id, 0), &outcome);
    return !execution->parent || engine_child_ended(engine, execution, err);
}

void engine_acts_do(struct engine *engine)
{
    struct sr_err ignored = { 0 };
    for (size_t i = 0; i < engine->act_count; i++) {
        struct engine_act *act = &engine->acts[i];
        struct store_task *task = NULL;
        switch (act->kind) {
        case ACT_START:
        case ACT_OFFER:
            if (!keep(engine, act, &task)) {
                engine_must(engine, false);
                break;
            }
            set_deadlines(engine, task);
            if (act->kind == ACT_START)
                start(engine, task);
            else
                engine_must(engine, offer(engine, task, &ignored));
            break;
        case ACT_CANCEL:
        case ACT_SETTLED: forget(engine, act); break;
        case ACT_TIMER:
            engine_must(engine, engine_timers_add(&engine->timers, act->timer, &ignored) &&
                                    engine_table_put(&engine->waits, act->timer.execution,
                                                     act->timer.op, engine, &ignored));
            break;
        case ACT_UNTIMER:
            (void)engine_table_take(&engine->waits, act->timer.execution, act->timer.op);
            break;
        case ACT_MATCH: answer_worker(engine, act); break;
        case ACT_ENDED:
            engine_must(engine, engine->store->ops->execution_get_id(engine->store->self,
                                                                     act->timer.execution, tell,
                                                                     engine, &ignored));
            break;
        }
    }
    engine_acts_drop(engine, 0);
}
