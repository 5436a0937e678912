#include "statemachine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "statemachine/engine_priv.h"

// --- opening ---

static bool recover_task(void *self, const struct store_task *task, struct sr_err *err)
{
    struct engine *engine = self;
    struct engine_act *act =
        engine_act_add(engine, task->kind == STORE_TASK_ACTIVITY ? ACT_OFFER : ACT_START, err);
    if (!act || !engine_task_copy(task, &act->task, err))
        return false;
    // A worker that has the task may still answer, so it is not offered again before its heartbeat
    // or time-out; what waits for a callback was handed over before.
    if (task->taken) {
        struct store_task *kept = malloc(sizeof *kept);
        if (!kept || !engine_table_put(&engine->tasks, task->execution, task->op, kept, err)) {
            free(kept);
            return false;
        }
        *kept = act->task;
        act->task = (struct store_task){ 0 };
        engine->act_count--;
        if (kept->timeout_at_us &&
            !engine_timers_add(&engine->timers,
                               (struct engine_timer){ kept->timeout_at_us, kept->execution,
                                                      kept->op, ENGINE_DUE_TIMEOUT },
                               err))
            return false;
        if (kept->heartbeat_at_us &&
            !engine_timers_add(&engine->timers,
                               (struct engine_timer){ kept->heartbeat_at_us, kept->execution,
                                                      kept->op, ENGINE_DUE_HEARTBEAT },
                               err))
            return false;
    }
    return true;
}

static bool recover_timer(void *self, const struct store_timer *timer, struct sr_err *err)
{
    struct engine *engine = self;
    return engine_timers_add(
               &engine->timers,
               (struct engine_timer){ timer->at_us, timer->execution, timer->op, ENGINE_DUE_TIMER },
               err) &&
           engine_table_put(&engine->waits, timer->execution, timer->op, engine, err);
}

static bool init(struct engine *engine, const struct engine_params *params, struct sr_err *err)
{
    engine->store = params->store;
    engine->clock = params->clock;
    engine->resources = params->resources;
    engine->resource_count = params->resource_count;
    engine->random.state = params->seed;
    engine->cache_max = params->cache_max ? params->cache_max : 1000;
    engine->batch_max = params->batch_max ? params->batch_max : 1000;
    engine->step_max = params->step_max;
    engine->poll_next_us = INT64_MAX;
    engine->retention_us = params->retention_us;
    engine->collect_next_us = params->retention_us ? 0 : INT64_MAX;
    engine->arn_prefix = strdup(params->arn_prefix);
    engine->token_key = strdup(params->token_key);
    if (!engine->arn_prefix || !engine->token_key)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an engine");
    return engine_activities_new(&engine->activities, err) &&
           engine->store->ops->timer_each(engine->store->self, recover_timer, engine, err) &&
           engine->store->ops->task_each(engine->store->self, recover_task, engine, err);
}

bool engine_new(const struct engine_params *params, struct engine **ret_engine, struct sr_err *err)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an engine");
    if (!sr_mutex_init(&engine->lock, err)) {
        free(engine);
        return false;
    }
    if (!sr_cond_init(&engine->woken, err)) {
        sr_mutex_done(&engine->lock);
        free(engine);
        return false;
    }
    if (!init(engine, params, err)) {
        engine_free(engine);
        return false;
    }
    *ret_engine = engine;
    return true;
}

static void job_free(struct engine_job *job)
{
    for (size_t i = 0; i < sizeof job->texts / sizeof *job->texts; i++)
        free(job->texts[i]);
    free(job->arn);
    asl_faults_done(&job->faults);
    free(job);
}

static void reply(struct engine_job *job)
{
    if (job->polls)
        job->failed = false;  // it waits in its queue, whatever became of the round
    const struct engine_reply answer = { .done = !job->failed,
                                         .err = job->err,
                                         .arn = job->arn,
                                         .started_us = job->started_us,
                                         .faults = job->faults.count ? &job->faults : NULL };
    if (job->request.reply)
        job->request.reply(job->request.self, &answer);
    job_free(job);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    for (struct engine_job *job; (job = engine->queued.first);) {
        engine->queued.first = job->next;
        job->failed = true;
        (void)sr_fail(&job->err, SR_ERR_CANCELLED, "the engine ends");
        if (job->request.kind == ENGINE_POLL) {
            (void)job->request.poll.answer(job->request.poll.self, NULL);  // nothing was promised
            job->polls = true;
        }
        reply(job);
    }
    engine_activities_free(engine->activities);
    engine_watchers_free(engine);
    while (engine->newest)
        engine_run_drop(engine, engine->newest);
    engine_defs_shrink(engine, 0);
    for (size_t i = 0; i < engine->tasks.room; i++) {
        if (engine->tasks.slots[i].execution) {
            engine_task_done(engine->tasks.slots[i].value);
            free(engine->tasks.slots[i].value);
        }
    }
    engine_acts_drop(engine, 0);
    free(engine->acts);
    free(engine->tasks.slots);
    free(engine->runs.slots);
    free(engine->waits.slots);
    engine_timers_done(&engine->timers);
    free(engine->arn_prefix);
    free(engine->token_key);
    sr_cond_done(&engine->woken);
    sr_mutex_done(&engine->lock);
    free(engine);
}

// --- asking ---

bool engine_ask(struct engine *engine, const struct engine_request *request, struct sr_err *err)
{
    struct engine_job *job = calloc(1, sizeof *job);
    if (!job)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a request");
    job->request = *request;
    const char **const texts[] = { &job->request.arn,  &job->request.name,  &job->request.text,
                                   &job->request.role, &job->request.token, &job->request.error,
                                   &job->request.cause };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!*texts[i])
            continue;
        job->texts[i] = strdup(*texts[i]);
        if (!job->texts[i]) {
            job_free(job);
            return sr_fail(err, SR_ERR_NO_MEMORY, "a request");
        }
        *texts[i] = job->texts[i];
    }
    sr_lock(&engine->lock);
    const bool full = engine->queued.count >= ENGINE_REQUESTS_MAX && request->kind != ENGINE_ANSWER;
    if (!full) {
        *(engine->queued.first ? &engine->queued.last->next : &engine->queued.first) = job;
        engine->queued.last = job;
        engine->queued.count++;
        sr_cond_signal(&engine->woken);
    }
    sr_unlock(&engine->lock);
    if (!full)
        return true;
    job_free(job);
    return sr_fail(err, SR_ERR_LIMIT, "more than %d requests wait", ENGINE_REQUESTS_MAX);
}

bool engine_answer(struct engine *engine, struct engine_ref ref, const char *result,
                   struct sr_err *err)
{
    return engine_ask(
        engine, &(struct engine_request){ .kind = ENGINE_ANSWER, .ref = ref, .text = result }, err);
}

bool engine_answer_failed(struct engine *engine, struct engine_ref ref, const char *error,
                          const char *cause, struct sr_err *err)
{
    return engine_ask(
        engine,
        &(struct engine_request){
            .kind = ENGINE_ANSWER, .ref = ref, .failed = true, .error = error, .cause = cause },
        err);
}

void engine_wake(struct engine *engine)
{
    sr_lock(&engine->lock);
    engine->queued.wake = true;
    sr_cond_signal(&engine->woken);
    sr_unlock(&engine->lock);
}

void engine_wait(struct engine *engine, int64_t wait_us)
{
    const int64_t next_us = engine_next_us(engine), now_us = sr_clock_wall_us(engine->clock);
    if (next_us != INT64_MAX && next_us - now_us < wait_us)
        wait_us = next_us > now_us ? next_us - now_us : 0;
    sr_lock(&engine->lock);
    if (!engine->queued.first && !engine->queued.wake && wait_us > 0)
        (void)sr_cond_wait_us(&engine->woken, &engine->lock,
                              wait_us);  // the caller looks what there is
    engine->queued.wake = false;
    sr_unlock(&engine->lock);
}

int64_t engine_next_us(const struct engine *engine)
{
    const int64_t next_us = engine_timers_next_us(&engine->timers);
    const int64_t soon_us = engine->collect_next_us < engine->poll_next_us ? engine->collect_next_us
                                                                           : engine->poll_next_us;
    return next_us < soon_us ? next_us : soon_us;
}

struct engine_counts engine_counts(const struct engine *engine)
{
    struct engine_counts counts = engine->counts;
    counts.cached = engine->runs.count;
    counts.tasks = engine->tasks.count;
    return counts;
}

// --- rounds ---

// What one round took, to be put back when its commit fails.
struct round {
    struct engine_job *jobs;
    struct engine_timer *timers;
    size_t timer_count, timer_room;
};

static struct engine_job *take_jobs(struct engine *engine)
{
    sr_lock(&engine->lock);
    struct engine_job *first = engine->queued.first, *last = first;
    size_t count = first != NULL;
    for (; count < engine->batch_max && last && last->next; count++)
        last = last->next;
    engine->queued.first = last ? last->next : NULL;
    engine->queued.count -= count;
    sr_unlock(&engine->lock);
    if (last)
        last->next = NULL;
    return first;
}

static bool run_job(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    const struct store *store = engine->store;
    const size_t acts = engine->act_count;
    if (!store->ops->begin(store->self, err))
        return false;
    if (engine_handle(engine, job, &job->err) && store->ops->commit(store->self, &job->err))
        return true;
    store->ops->rollback(store->self);
    engine_acts_drop(engine, acts);
    if (job->request.ended && job->execution)
        engine_unwatch(engine, job->execution, job->request.ended_self);
    job->failed = true;
    *err = job->err;
    // A fault of the request is its own affair, one of the store or the memory everybody's.
    return !engine_is_store_fault(job->err.code);
}

static bool fire(struct engine *engine, const struct engine_timer *timer, struct sr_err *err)
{
    struct asl_input input = { .kind = timer->op ? ASL_INPUT_TIMER : ASL_INPUT_CONTINUE,
                               .op = timer->op };
    const struct store_task *task = engine_table_get(&engine->tasks, timer->execution, timer->op);
    if (timer->due == ENGINE_DUE_TIMEOUT) {
        if (!task)
            return true;
        input.kind = ASL_INPUT_TASK_TIMED_OUT;
    } else if (timer->due == ENGINE_DUE_HEARTBEAT) {
        if (!task || !task->heartbeat_at_us)
            return true;
        if (task->heartbeat_at_us > engine->now_us)  // there was one meanwhile
            return engine_timers_add(&engine->timers,
                                     (struct engine_timer){ task->heartbeat_at_us, timer->execution,
                                                            timer->op, ENGINE_DUE_HEARTBEAT },
                                     err);
        input.kind = ASL_INPUT_TASK_LOST;
    } else if (!engine_table_get(&engine->waits, timer->execution, timer->op)) {
        return true;  // cancelled
    } else if (timer->op == ENGINE_OP_STOP) {
        return engine_run_stop_asked(engine, timer->execution, err);
    }
    return engine_run_apply_or_stop(engine, timer->execution, &input, err);
}

static bool fire_due(struct engine *engine, struct round *round, struct sr_err *err)
{
    struct engine_timer timer;
    while (round->timer_count < engine->batch_max &&
           engine_timers_take(&engine->timers, engine->now_us, &timer)) {
        if (round->timer_count == round->timer_room) {
            const size_t room = round->timer_room ? round->timer_room * 2 : 16;
            struct engine_timer *timers = realloc(round->timers, room * sizeof *timers);
            if (!timers)
                return engine_timers_add(&engine->timers, timer, err) &&
                       sr_fail(err, SR_ERR_NO_MEMORY, "timers");
            round->timers = timers;
            round->timer_room = room;
        }
        round->timers[round->timer_count++] = timer;
        if (!fire(engine, &timer, err))
            return false;
    }
    return true;
}

// The task was cancelled while it lay there, maybe in this very round: the worker waits on.
static bool wait_on(struct engine *engine, struct engine_match *match, struct sr_err *err)
{
    const bool asked = engine_activities_ask(engine->activities, match->arn, &match->poll, err);
    engine_match_done(match);
    return asked;
}

// The history says that a worker has the task before the worker hears of it.
static bool hand_over(struct engine *engine, struct store_task *task, struct engine_match *match,
                      struct sr_err *err)
{
    const struct asl_input input = { .kind = ASL_INPUT_TASK_STARTED,
                                     .op = match->ref.op,
                                     .error = match->worker };
    struct engine_act *act = engine_act_add(engine, ACT_MATCH, err);
    if (!act) {
        engine_match_done(match);
        return false;
    }
    act->match = *match;  // from here on undo() gives both back
    bool there;
    task->taken = true;
    task->heartbeat_at_us = task->heartbeat_s ? engine->now_us + task->heartbeat_s * 1000000 : 0;
    if (!engine->store->ops->task_set(engine->store->self, task, &there, err))
        return false;
    if (there)
        return engine_run_apply_or_stop(engine, task->execution, &input, err);
    engine->act_count--;
    return wait_on(engine, match, err);
}

static bool hand_out(struct engine *engine, struct sr_err *err)
{
    struct engine_match match;
    for (size_t i = 0; i < engine->batch_max && engine_activities_match(engine->activities, &match);
         i++) {
        struct store_task *task =
            engine_table_get(&engine->tasks, match.ref.execution, match.ref.op);
        if (!(task ? hand_over(engine, task, &match, err) : wait_on(engine, &match, err)))
            return false;
    }
    return true;
}

// A few rows at a time, so that nobody waits for it.
static bool collect(struct engine *engine, struct sr_err *err)
{
    const struct store *store = engine->store;
    bool more = false;
    if (engine->now_us < engine->collect_next_us)
        return true;
    if (!store->ops->collect(store->self, engine->now_us - engine->retention_us,
                             ENGINE_COLLECT_ROWS, &more, err))
        return false;
    engine->collect_next_us =
        engine->now_us + (more ? ENGINE_COLLECT_PAUSE_US : ENGINE_COLLECT_IDLE_US);
    return true;
}

static bool work(struct engine *engine, struct round *round, struct sr_err *err)
{
    for (struct engine_job *job = round->jobs; job; job = job->next) {
        if (!run_job(engine, job, err))
            return false;
    }
    return fire_due(engine, round, err) && hand_out(engine, err) && collect(engine, err);
}

static void forget_touched(struct engine *engine, bool drop)
{
    struct engine_run *next;
    for (struct engine_run *run = engine->newest; run; run = next) {
        next = run->after;
        const bool ended = asl_exec_status(run->exec) != ASL_RUNNING;
        if (run->touched && (drop || ended))
            engine_run_drop(engine, run);
        else
            run->touched = false;
    }
}

// What the engine or a handler asks for is not refused, as there is nobody to ask again: the fault
// of a store is no task's failure. It is heard in a later round.
static bool is_own(const struct engine_job *job)
{
    return job->request.kind == ENGINE_ANSWER ||
           (job->request.kind == ENGINE_START && job->request.ref.execution);
}

static void begin_again(struct engine *engine, struct engine_job *job)
{
    struct store_task *task =
        engine_table_get(&engine->tasks, job->request.ref.execution, job->request.ref.op);
    if (task && job->took)
        task->taken = false;
    job->took = job->failed = false;
    free(job->arn);
    job->arn = NULL;
    job->execution = 0;
}

static void undo(struct engine *engine, struct round *round, const struct sr_err *why)
{
    struct sr_err ignored = { 0 };
    for (size_t i = 0; i < engine->act_count; i++) {
        struct engine_act *act = &engine->acts[i];
        if (act->kind != ACT_MATCH)
            continue;
        engine_must(engine, engine_activities_offer(engine->activities, act->match.arn,
                                                    act->match.ref, act->match.turn_us, &ignored) &&
                                engine_activities_ask(engine->activities, act->match.arn,
                                                      &act->match.poll, &ignored));
        engine_match_done(&act->match);
    }
    engine_acts_drop(engine, 0);
    forget_touched(engine, true);
    engine_defs_shrink(engine, 0);
    for (size_t i = 0; i < round->timer_count; i++)
        engine_must(engine, engine_timers_add(&engine->timers, round->timers[i], &ignored));
    struct engine_job *next, *again = NULL, **tail = &again;
    for (struct engine_job *job = round->jobs; job; job = next) {
        next = job->next;
        job->next = NULL;
        if (job->request.ended && job->execution && !job->failed)
            engine_unwatch(engine, job->execution, job->request.ended_self);
        if (is_own(job)) {
            begin_again(engine, job);
            *tail = job;
            tail = &job->next;
        } else {
            if (!job->failed)
                job->err = *why;
            job->failed = true;
            reply(job);
        }
    }
    if (!again)
        return;
    // Behind what was asked meanwhile, which else would not be refused while the fault lasts.
    sr_lock(&engine->lock);
    *(engine->queued.first ? &engine->queued.last->next : &engine->queued.first) = again;
    for (struct engine_job *job = again; job; job = job->next) {
        engine->queued.last = job;
        engine->queued.count++;
    }
    sr_unlock(&engine->lock);
}

static bool is_idle(const struct engine *engine, const struct round *round)
{
    return !round->jobs && engine_timers_next_us(&engine->timers) > engine->now_us &&
           engine->collect_next_us > engine->now_us;
}

bool engine_step(struct engine *engine, bool *ret_more, struct sr_err *err)
{
    const struct store *store = engine->store;
    engine->now_us = sr_clock_wall_us(engine->clock);
    struct round round = { .jobs = take_jobs(engine) };
    *ret_more = false;
    if (engine->stale) {
        (void)sr_fail(err, SR_ERR_NO_MEMORY,
                      "the engine ran out of memory behind a commit: open it again");
        undo(engine, &round, err);
        return false;
    }
    const bool recovered = engine->act_count > 0;
    engine_acts_do(
        engine);  // before the first round: tasks that were out when the last engine ended
    if (engine->now_us >= engine->poll_next_us)
        engine->poll_next_us = engine_activities_expire(engine->activities, engine->now_us);
    const bool idle = is_idle(engine, &round) && !engine_activities_ready(engine->activities);
    if (idle) {
        *ret_more = recovered;
        return true;
    }
    bool begun = store->ops->begin(store->self, err);
    const bool worked = begun && work(engine, &round, err);
    const int64_t before_us = sr_clock_monotonic_us(engine->clock);
    const bool done = worked && store->ops->commit(store->self, err);
    if (!done) {
        if (begun)
            store->ops->rollback(store->self);
        undo(engine, &round, err);
        free(round.timers);
        return false;
    }
    free(round.timers);
    engine->counts.commits++;
    engine_latency_add(&engine->commit_latency, sr_clock_monotonic_us(engine->clock) - before_us);
    *ret_more = true;
    forget_touched(engine, false);
    engine_run_shrink(engine);
    engine_acts_do(engine);
    struct engine_job *next;
    for (struct engine_job *job = round.jobs; job; job = next) {
        next = job->next;
        reply(job);
    }
    return true;
}

bool engine_loop(struct engine *engine, const struct sr_cancel *cancel,
                 void (*failed)(void *self, const struct sr_err *err), void *self,
                 struct sr_err *err)
{
    enum { PAUSE_US = 100000, LOOK_US = 1000000 };
    while (!sr_cancel_asked(cancel)) {
        bool more = false;
        if (engine_step(engine, &more, err)) {
            if (!more)
                engine_wait(engine, LOOK_US);
            continue;
        }
        if (failed)
            failed(self, err);
        if (engine->stale)
            return false;
        sr_lock(&engine->lock);
        (void)sr_cond_wait_us(&engine->woken, &engine->lock,
                              PAUSE_US);  // a store that is full or busy needs a moment
        sr_unlock(&engine->lock);
    }
    return true;
}
