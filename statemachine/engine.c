#include "statemachine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_parse.h"
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
        if (job->request.kind == ENGINE_POLL)
            (void)job->request.poll.answer(job->request.poll.self, NULL);  // nothing was promised
        reply(job);
    }
    engine_activities_free(engine->activities);
    engine_watchers_free(engine);
    while (engine->newest)
        engine_run_drop(engine, engine->newest);
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
    return next_us < engine->poll_next_us ? next_us : engine->poll_next_us;
}

struct engine_counts engine_counts(const struct engine *engine)
{
    struct engine_counts counts = engine->counts;
    counts.cached = engine->runs.count;
    counts.tasks = engine->tasks.count;
    return counts;
}

// --- requests ---

static bool put_machine(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    const struct engine_request *request = &job->request;
    sr_auto(asl_def) struct asl_def *def = NULL;
    int64_t revision;
    if (!asl_parse_text(request->text, strlen(request->text), request->type, &job->faults, &def,
                        err))
        return false;
    if (!def)
        return sr_fail(err, SR_ERR_INVALID, "%s: %s", job->faults.items[0].code,
                       job->faults.items[0].message);
    job->arn = sr_strf(err, "%s:stateMachine:%s", engine->arn_prefix, request->name);
    job->started_us = engine->now_us;
    const struct store_machine machine = { .arn = job->arn,
                                           .name = request->name,
                                           .definition = request->text,
                                           .role = request->role,
                                           .type = (int)request->type,
                                           .created_us = engine->now_us };
    return job->arn &&
           engine->store->ops->machine_put(engine->store->self, &machine, &revision, err);
}

struct found {
    int64_t id, revision, started_us, parent;
    uint64_t parent_op;
    int status;
    char *input, *name;
};

static bool found_execution(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct found *found = self;
    *found = (struct found){ .id = execution->id,
                             .status = execution->status,
                             .started_us = execution->started_us,
                             .parent = execution->parent,
                             .parent_op = execution->parent_op,
                             .input = strdup(execution->input) };
    return found->input || sr_fail(err, SR_ERR_NO_MEMORY, "an execution");
}

static bool found_machine(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct found *found = self;
    *found = (struct found){ .revision = machine->revision, .name = strdup(machine->name) };
    return found->name || sr_fail(err, SR_ERR_NO_MEMORY, "a state machine");
}

static bool name_execution(struct engine *engine, const char *given, char name[128],
                           struct sr_err *err)
{
    if (given)
        return sr_format(name, 128, "%s", given) ||
               sr_fail(err, SR_ERR_INVALID, "a name of more than 127 bytes");
    uint8_t random[SR_ID_RANDOM_BYTES];
    const uint64_t drawn[2] = { asl_random_next(&engine->random),
                                asl_random_next(&engine->random) };
    memcpy(random, drawn, sizeof random);
    sr_id_format(engine->now_us, random, name);
    return true;
}

// Spec: StartExecution is idempotent: the same name and input while the first one runs is no second one.
static bool same_start(struct engine *engine, struct engine_job *job, const char *input,
                       bool *ret_same, struct sr_err *err)
{
    struct found found = { 0 };
    struct sr_err missing = { 0 };
    *ret_same = false;
    if (!engine->store->ops->execution_get(engine->store->self, job->arn, found_execution, &found,
                                           &missing)) {
        if (missing.code == SR_ERR_NOT_FOUND)
            return true;
        *err = missing;
        return false;
    }
    const struct engine_ref *parent = &job->request.ref;  // the same task again, after a crash
    *ret_same =
        (found.status == ASL_RUNNING && strcmp(found.input, input) == 0) ||
        (parent->execution && found.parent == parent->execution && found.parent_op == parent->op);
    job->started_us = found.started_us;
    job->execution = found.id;
    free(found.input);
    return *ret_same || sr_fail(err, SR_ERR_CONFLICT, "Execution Already Exists: '%s'", job->arn);
}

static bool start(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    const struct engine_request *request = &job->request;
    const struct store *store = engine->store;
    const char *input = request->text ? request->text : "{}";
    struct found machine = { 0 };
    sr_auto(json) json_t *value = NULL;
    char name[128];
    bool same;
    if (strlen(input) > ASL_PAYLOAD_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "an input of more than %d bytes",
                       ASL_PAYLOAD_BYTES_MAX);
    if (!jx_parse(input, strlen(input), false, &value, err) ||
        !name_execution(engine, request->name, name, err) ||
        !store->ops->machine_get(store->self, request->arn, found_machine, &machine, err))
        return false;
    job->arn = sr_strf(err, "%s:execution:%s:%s", engine->arn_prefix, machine.name, name);
    free(machine.name);
    if (!job->arn || !same_start(engine, job, input, &same, err))
        return false;
    if (same)
        return !request->ended ||
               engine_watch(engine, job->execution, request->ended, request->ended_self, err);
    const struct store_execution execution = { .arn = job->arn,
                                               .name = name,
                                               .machine = request->arn,
                                               .revision = machine.revision,
                                               .status = ASL_RUNNING,
                                               .input = input,
                                               .started_us = engine->now_us,
                                               .parent = request->ref.execution,
                                               .parent_op = request->ref.op };
    job->started_us = engine->now_us;
    if (!store->ops->execution_put(store->self, &execution, &job->execution, err) ||
        (request->ended &&
         !engine_watch(engine, job->execution, request->ended, request->ended_self, err)))
        return false;
    return engine_run_apply(engine, job->execution,
                            &(struct asl_input){ .kind = ASL_INPUT_START, .value = value }, err);
}

static bool to_execution(struct engine *engine, struct engine_job *job, enum asl_input_kind kind,
                         struct sr_err *err)
{
    struct found found = { 0 };
    const struct engine_request *request = &job->request;
    if (!engine->store->ops->execution_get(engine->store->self, request->arn, found_execution,
                                           &found, err))
        return false;
    free(found.input);
    const bool runs = found.status == ASL_RUNNING;
    if (kind == ASL_INPUT_REDRIVE && (runs || found.status == ASL_SUCCEEDED))
        return sr_fail(err, SR_ERR_CONFLICT, "Execution is %s and cannot be redriven",
                       asl_status_name((enum asl_status)found.status));
    if (kind == ASL_INPUT_STOP && !runs)
        return true;  // it has ended: nothing is left to stop
    const struct asl_input input = { .kind = kind,
                                     .error = request->error,
                                     .cause = request->cause };
    return engine_run_apply(engine, found.id, &input, err);
}

// Tokens are "EXECUTION-ARN.OP.MAC"; the one that was given out is in the table.
static bool find_token(struct engine *engine, const char *token, struct store_task **ret_task,
                       struct sr_err *err)
{
    struct found found = { 0 };
    struct sr_err missing = { 0 };
    const char *mac = strrchr(token, '.');
    const char *op = mac ? memrchr(token, '.', (size_t)(mac - token)) : NULL;
    char *end;
    const uint64_t number = op ? strtoull(op + 1, &end, 10) : 0;
    if (!op || end != mac || !number)
        return sr_fail(err, SR_ERR_INVALID, "Invalid Token: 'Invalid token'");
    sr_auto(char) char *arn = strndup(token, (size_t)(op - token));
    if (!arn)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a token");
    if (!engine->store->ops->execution_get(engine->store->self, arn, found_execution, &found,
                                           &missing))
        return missing.code == SR_ERR_NOT_FOUND
                   ? sr_fail(err, SR_ERR_INVALID, "Invalid Token: 'Invalid token'")
                   : sr_fail(err, missing.code, "%s", missing.message);
    free(found.input);
    struct store_task *task = engine_table_get(&engine->tasks, found.id, number);
    if (!task)
        return sr_fail(err, SR_ERR_NOT_FOUND,
                       "Task Timed Out: 'Provided task does not exist anymore'");
    unsigned differs = strlen(task->token) != strlen(token);
    for (size_t i = 0; task->token[i] && token[i]; i++)  // as long for every wrong one
        differs |= (unsigned char)task->token[i] ^ (unsigned char)token[i];
    if (differs)
        return sr_fail(err, SR_ERR_INVALID, "Invalid Token: 'Invalid token'");
    *ret_task = task;
    return true;
}

static bool by_token(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    const struct engine_request *request = &job->request;
    struct store_task *task = NULL;
    sr_auto(json) json_t *value = NULL;
    if (!find_token(engine, request->token, &task, err))
        return false;
    if (request->kind == ENGINE_SUCCEED &&
        (!request->text || !jx_parse(request->text, strlen(request->text), false, &value, err)))
        return sr_fail(err, SR_ERR_INVALID, "Invalid Output: 'Invalid JSON'");
    if (request->kind == ENGINE_HEARTBEAT) {
        if (!task->heartbeat_s)
            return true;
        task->heartbeat_at_us = engine->now_us + task->heartbeat_s * 1000000;
        return engine->store->ops->task_put(engine->store->self, task, err);
    }
    const struct asl_input input = {
        .kind = request->kind == ENGINE_SUCCEED ? ASL_INPUT_TASK_SUCCEEDED : ASL_INPUT_TASK_FAILED,
        .op = task->op,
        .value = value,
        .error = request->error,
        .cause = request->cause,
    };
    return engine_run_apply(engine, task->execution, &input, err);
}

static bool is_ours(enum sr_err_code code)
{
    return code == SR_ERR_STORAGE || code == SR_ERR_BUSY || code == SR_ERR_NO_MEMORY;
}

// For inputs that nobody asks for: an execution that cannot go on is stopped, so that it does not
// stop the others.
static bool apply_or_stop(struct engine *engine, int64_t execution, const struct asl_input *input,
                          struct sr_err *err)
{
    if (engine_run_apply(engine, execution, input, err))
        return true;
    if (is_ours(err->code))
        return false;
    const struct sr_err why = *err;
    const struct asl_input stop = { .kind = ASL_INPUT_STOP,
                                    .error = ASL_ERROR_RUNTIME,
                                    .cause = why.message };
    return engine_run_apply(engine, execution, &stop, err) || !is_ours(err->code);
}

static enum asl_input_kind answer_kind(const struct store_task *task, bool failed)
{
    static const char token[] = ".waitForTaskToken";
    const size_t bytes = strlen(task->resource);
    if (task->kind == STORE_TASK_READER)
        return failed ? ASL_INPUT_ITEMS_FAILED : ASL_INPUT_ITEMS;
    if (task->kind == STORE_TASK_WRITER)
        return failed ? ASL_INPUT_RESULTS_FAILED : ASL_INPUT_RESULTS_WRITTEN;
    if (failed)
        return ASL_INPUT_TASK_FAILED;
    const bool waits =
        bytes >= sizeof token && strcmp(task->resource + bytes - (sizeof token - 1), token) == 0;
    return waits ? ASL_INPUT_TASK_SUBMITTED : ASL_INPUT_TASK_SUCCEEDED;
}

static bool handler_answer(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    const struct engine_request *request = &job->request;
    struct store_task *task =
        engine_table_get(&engine->tasks, request->ref.execution, request->ref.op);
    sr_auto(json) json_t *value = NULL;
    if (!task)
        return true;  // answered before, or cancelled
    bool failed = request->failed;
    const char *error = request->error, *cause = request->cause;
    if (!failed &&
        (!request->text || !jx_parse(request->text, strlen(request->text), false, &value, err))) {
        failed = true;
        error = ASL_ERROR_TASK_FAILED;
        cause = "The result is not JSON";
    }
    const struct asl_input input = { .kind = answer_kind(task, failed),
                                     .op = task->op,
                                     .value = value,
                                     .error = error,
                                     .cause = cause };
    if (input.kind == ASL_INPUT_TASK_SUBMITTED) {
        if (task->taken)
            return true;  // handed over before a crash
        task->taken = true;
        if (!engine->store->ops->task_put(engine->store->self, task, err))
            return false;
    }
    return apply_or_stop(engine, task->execution, &input, err);
}

static bool poll(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    const struct engine_request *request = &job->request;
    if (request->poll.until_us < engine->poll_next_us)
        engine->poll_next_us = request->poll.until_us;
    return engine_activities_ask(engine->activities, request->arn, &request->poll, err);
}

static bool handle(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    switch (job->request.kind) {
    case ENGINE_PUT_MACHINE: return put_machine(engine, job, err);
    case ENGINE_START: return start(engine, job, err);
    case ENGINE_STOP: return to_execution(engine, job, ASL_INPUT_STOP, err);
    case ENGINE_REDRIVE: return to_execution(engine, job, ASL_INPUT_REDRIVE, err);
    case ENGINE_SUCCEED:
    case ENGINE_FAIL:
    case ENGINE_HEARTBEAT: return by_token(engine, job, err);
    case ENGINE_POLL: return poll(engine, job, err);
    case ENGINE_ANSWER: return handler_answer(engine, job, err);
    }
    return true;
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
    if (handle(engine, job, &job->err) && store->ops->commit(store->self, &job->err))
        return true;
    store->ops->rollback(store->self);
    engine_acts_drop(engine, acts);
    if (job->request.ended && job->execution)
        engine_unwatch(engine, job->execution, job->request.ended_self);
    job->failed = true;
    *err = job->err;
    // A fault of the request is its own affair, one of the store or the memory everybody's.
    return !is_ours(job->err.code);
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
    }
    return apply_or_stop(engine, timer->execution, &input, err);
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

// The history says that a worker has the task before the worker hears of it.
static bool hand_out(struct engine *engine, struct sr_err *err)
{
    struct engine_match match;
    for (size_t i = 0; i < engine->batch_max && engine_activities_match(engine->activities, &match);
         i++) {
        struct store_task *task =
            engine_table_get(&engine->tasks, match.ref.execution, match.ref.op);
        if (!task) {  // cancelled while it lay there: the worker waits on
            const bool asked =
                engine_activities_ask(engine->activities, match.arn, &match.poll, err);
            engine_match_done(&match);
            if (!asked)
                return false;
            continue;
        }
        struct engine_act *act = engine_act_add(engine, ACT_MATCH, err);
        if (!act) {
            engine_match_done(&match);
            return false;
        }
        act->match = match;
        task->taken = true;
        task->heartbeat_at_us =
            task->heartbeat_s ? engine->now_us + task->heartbeat_s * 1000000 : 0;
        const struct asl_input input = { .kind = ASL_INPUT_TASK_STARTED,
                                         .op = task->op,
                                         .error = match.worker };
        if (!engine->store->ops->task_put(engine->store->self, task, err) ||
            !apply_or_stop(engine, task->execution, &input, err))
            return false;
    }
    return true;
}

static bool work(struct engine *engine, struct round *round, struct sr_err *err)
{
    for (struct engine_job *job = round->jobs; job; job = job->next) {
        if (!run_job(engine, job, err))
            return false;
    }
    return fire_due(engine, round, err) && hand_out(engine, err);
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

static void undo(struct engine *engine, struct round *round, const struct sr_err *why)
{
    struct sr_err ignored = { 0 };
    for (size_t i = 0; i < engine->act_count; i++) {
        struct engine_act *act = &engine->acts[i];
        if (act->kind != ACT_MATCH)
            continue;
        engine_must(engine, engine_activities_offer(engine->activities, act->match.arn,
                                                    act->match.ref, true, &ignored) &&
                                engine_activities_ask(engine->activities, act->match.arn,
                                                      &act->match.poll, &ignored));
        engine_match_done(&act->match);
    }
    engine_acts_drop(engine, 0);
    forget_touched(engine, true);
    for (size_t i = 0; i < round->timer_count; i++)
        engine_must(engine, engine_timers_add(&engine->timers, round->timers[i], &ignored));
    struct engine_job *next, *again = NULL, **tail = &again;
    for (struct engine_job *job = round->jobs; job; job = next) {
        next = job->next;
        job->next = NULL;
        if (job->request.ended && job->execution && !job->failed)
            engine_unwatch(engine, job->execution, job->request.ended_self);
        if (job->request.kind ==
            ENGINE_ANSWER) {  // a result must not be lost: it is heard in a later round
            struct store_task *task =
                engine_table_get(&engine->tasks, job->request.ref.execution, job->request.ref.op);
            if (task)
                task->taken = false;
            job->failed = false;
            *tail = job;
            tail = &job->next;
        } else if (job->request.kind != ENGINE_POLL || job->failed) {
            if (!job->failed)
                job->err = *why;
            job->failed = true;
            reply(job);
        } else {
            reply(job);  // the poll waits in its queue
        }
    }
    if (!again)
        return;
    sr_lock(&engine->lock);
    *tail = engine->queued.first;
    if (!engine->queued.first)
        for (engine->queued.last = again; engine->queued.last->next;
             engine->queued.last = engine->queued.last->next)
            ;
    engine->queued.first = again;
    for (struct engine_job *job = again; job && job != *tail; job = job->next)
        engine->queued.count++;
    sr_unlock(&engine->lock);
}

static bool is_idle(const struct engine *engine, const struct round *round)
{
    return !round->jobs && engine_timers_next_us(&engine->timers) > engine->now_us;
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
    const bool done = begun && work(engine, &round, err) && store->ops->commit(store->self, err);
    if (!done) {
        if (begun)
            store->ops->rollback(store->self);
        undo(engine, &round, err);
        free(round.timers);
        return false;
    }
    free(round.timers);
    engine->counts.commits++;
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
