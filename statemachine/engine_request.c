// What is asked of an engine, one function per kind of request.
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_parse.h"
#include "statemachine/engine_priv.h"

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
    int64_t id, revision, started_us, stopped_us, parent;
    uint64_t parent_op;
    int status;
    char *input;
};

static bool found_execution(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct found *found = self;
    *found = (struct found){ .id = execution->id,
                             .status = execution->status,
                             .started_us = execution->started_us,
                             .stopped_us = execution->stopped_us,
                             .parent = execution->parent,
                             .parent_op = execution->parent_op,
                             .input = strdup(execution->input) };
    return found->input || sr_fail(err, SR_ERR_NO_MEMORY, "an execution");
}

// What a start's ARN leads to.
struct target {
    int64_t revision;
    bool express;
    char *machine, *name, *version, *alias;  // version, alias: NULL: not by one
    uint64_t drawn;                          // chance, for an alias of two versions
};

static void target_done(struct target *target)
{
    free(target->machine);
    free(target->name);
    free(target->version);
    free(target->alias);
}
SR_DEFINE_AUTO_VALUE(target, struct target, target_done);

static bool set(char **place, const char *text, struct sr_err *err)
{
    free(*place);
    *place = sr_str_dup(text, err);
    return *place != NULL;
}

static bool target_machine(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct target *target = self;
    target->revision = machine->revision;
    target->express = machine->type == ASL_EXPRESS;
    return set(&target->machine, machine->arn, err) && set(&target->name, machine->name, err);
}

static bool target_version(void *self, const struct store_version *version, struct sr_err *err)
{
    struct target *target = self;
    target->revision = version->revision;
    return set(&target->machine, version->machine, err) && set(&target->version, version->arn, err);
}

// Spec: aliases: executions go to the two versions in the proportion of their weights.
static bool target_alias(void *self, const struct store_alias *alias, struct sr_err *err)
{
    struct target *target = self;
    const bool first =
        alias->route_count == 1 || (int)(target->drawn % 100) < alias->routes[0].weight;
    return set(&target->alias, alias->arn, err) &&
           set(&target->version, alias->routes[first ? 0 : 1].version, err);
}

// `arn` is a machine's, a version's or an alias's.
static bool find_target(struct engine *engine, const char *arn, struct target *target,
                        struct sr_err *err)
{
    const struct store *store = engine->store;
    struct sr_err missing = { 0 };
    if (store->ops->machine_get(store->self, arn, target_machine, target, err))
        return true;
    if (err->code != SR_ERR_NOT_FOUND)
        return false;
    target->drawn = asl_random_next(&engine->random);
    if (!store->ops->alias_get(store->self, arn, target_alias, target, &missing) &&
        missing.code != SR_ERR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    struct target found = { 0 };
    const bool version =
        store->ops->version_get(store->self, target->alias ? target->version : arn, target_version,
                                &found, err) &&
        store->ops->revision_get(store->self, found.revision, target_machine, &found, err);
    free(target->version);
    found.alias = target->alias;
    *target = found;
    return version;
}

static bool name_execution(struct engine *engine, const char *given, char name[ENGINE_NAME_BYTES],
                           struct sr_err *err)
{
    if (given)
        return sr_format(name, ENGINE_NAME_BYTES, "%s", given) ||
               sr_fail(err, SR_ERR_INVALID, "a name of more than %d bytes", ENGINE_NAME_BYTES - 1);
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
    *ret_same = found.status == ASL_RUNNING && strcmp(found.input, input) == 0;
    job->started_us = found.started_us;
    job->execution = found.id;
    free(found.input);
    return *ret_same || sr_fail(err, SR_ERR_CONFLICT, "Execution Already Exists: '%s'", job->arn);
}

static bool started_by_task(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct engine_job *job = self;
    job->started_us = execution->started_us;
    job->execution = execution->id;
    job->arn = sr_str_dup(execution->arn, err);
    return job->arn != NULL;
}

// A task starts one execution, also when it begins again after a crash, and none when nobody waits
// for it any more.
static bool check_parent(struct engine *engine, struct engine_job *job, bool *ret_started,
                         struct sr_err *err)
{
    const struct engine_ref ref = job->request.ref;
    const struct store *store = engine->store;
    struct engine_run *parent;
    struct sr_err missing = { 0 };
    *ret_started = false;
    if (!ref.execution)
        return true;
    if (!engine_run_get(engine, ref.execution, &parent, err))
        return false;
    if (!asl_exec_waits_for(parent->exec, ref.op))
        return sr_fail(err, SR_ERR_CANCELLED, "nobody waits for this execution");
    *ret_started = store->ops->execution_get_child(store->self, ref.execution, ref.op,
                                                   started_by_task, job, &missing);
    if (*ret_started || missing.code == SR_ERR_NOT_FOUND)
        return true;
    *err = missing;
    return false;
}

// Spec: an express execution's name may be used again: an id makes its ARN.
static char *make_arn(struct engine *engine, const char *machine, const char *name, bool express,
                      struct sr_err *err)
{
    if (!express)
        return sr_strf(err, "%s:execution:%s:%s", engine->arn_prefix, machine, name);
    const uint64_t a = asl_random_next(&engine->random), b = asl_random_next(&engine->random);
    return sr_strf(err, "%s:express:%s:%s:%08x-%04x-4%03x-%04x-%012llx", engine->arn_prefix,
                   machine, name, (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
                   (unsigned)(a & 0xfff), (unsigned)(0x8000 | (b >> 48 & 0x3fff)),
                   (unsigned long long)(b & 0xffffffffffff));
}

static bool start(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    const struct engine_request *request = &job->request;
    const struct store *store = engine->store;
    const char *input = request->text ? request->text : "{}";
    sr_auto(target) struct target target = { 0 };
    sr_auto(json) json_t *value = NULL;
    char name[ENGINE_NAME_BYTES];
    bool same;
    if (strlen(input) > ASL_PAYLOAD_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "an input of more than %d bytes",
                       ASL_PAYLOAD_BYTES_MAX);
    if (!check_parent(engine, job, &same, err))
        return false;
    if (same)
        return true;
    if (!jx_parse(input, strlen(input), false, &value, err) ||
        !name_execution(engine, request->name, name, err) ||
        !find_target(engine, request->arn, &target, err))
        return false;
    job->arn = make_arn(engine, target.name, name, target.express, err);
    if (!job->arn || !same_start(engine, job, input, &same, err))
        return false;
    if (same)
        return !request->ended ||
               engine_watch(engine, job->execution, request->ended, request->ended_self, err);
    struct store_execution execution = { .arn = job->arn,
                                         .name = name,
                                         .machine = target.machine,
                                         .revision = target.revision,
                                         .status = ASL_RUNNING,
                                         .input = input,
                                         .started_us = engine->now_us,
                                         .parent = request->ref.execution,
                                         .parent_op = request->ref.op,
                                         .version = target.version,
                                         .alias = target.alias,
                                         .express = target.express };
    job->started_us = engine->now_us;
    if (!store->ops->execution_put(store->self, &execution, &job->execution, err) ||
        (request->ended &&
         !engine_watch(engine, job->execution, request->ended, request->ended_self, err)))
        return false;
    execution.id = job->execution;
    if (!engine_run_new(engine, &execution, err))
        return false;
    return engine_run_apply(engine, job->execution,
                            &(struct asl_input){ .kind = ASL_INPUT_START, .value = value }, err);
}

static bool found_child(void *self, const struct store_child *child, struct sr_err *err)
{
    (void)err;
    struct store_child *found = self;
    *found = *child;
    found->arn = NULL;  // borrowed
    return true;
}

// A child execution of a map run has no log of its own: its parent hears.
static bool stop_child(struct engine *engine, struct engine_job *job,
                       const struct store_child *child, struct sr_err *err)
{
    const bool runs = child->status == ASL_RUNNING;
    job->started_us = runs ? engine->now_us : child->stopped_us;
    const struct asl_input input = { .kind = ASL_INPUT_STOP_CHILD,
                                     .op = child->op,
                                     .error = job->request.error,
                                     .cause = job->request.cause };
    return !runs || engine_run_apply(engine, child->execution, &input, err);
}

static bool stop(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    struct found found = { 0 };
    struct store_child child = { 0 };
    const struct engine_request *request = &job->request;
    const struct store *store = engine->store;
    if (!store->ops->execution_get(store->self, request->arn, found_execution, &found, err)) {
        if (err->code != SR_ERR_NOT_FOUND)
            return false;
        *err = (struct sr_err){ 0 };
        return store->ops->child_get(store->self, request->arn, found_child, &child, err) &&
               stop_child(engine, job, &child, err);
    }
    free(found.input);
    const bool runs = found.status == ASL_RUNNING;  // else nothing is left to stop
    job->started_us = runs ? engine->now_us : found.stopped_us;
    const struct asl_input input = { .kind = ASL_INPUT_STOP,
                                     .error = request->error,
                                     .cause = request->cause };
    return !runs || engine_run_apply(engine, found.id, &input, err);
}

// Spec: RedriveExecution: a child execution is redriven with its map run, by its parent's redrive.
static bool no_redrive(struct engine *engine, const char *arn, struct sr_err *err)
{
    struct store_child child = { 0 };
    const struct store *store = engine->store;
    *err = (struct sr_err){ 0 };
    return store->ops->child_get(store->self, arn, found_child, &child, err) &&
           sr_fail(err, SR_ERR_CONFLICT,
                   "Execution is a child execution of a map run and is redriven with it");
}

static bool redrive(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    struct found found = { 0 };
    struct engine_run *run;
    const struct engine_request *request = &job->request;
    if (!engine->store->ops->execution_get(engine->store->self, request->arn, found_execution,
                                           &found, err))
        return err->code == SR_ERR_NOT_FOUND && no_redrive(engine, request->arn, err);
    free(found.input);
    if (request->token) {  // the same as before: it is answered as before
        if (!engine_run_get(engine, found.id, &run, err))
            return false;
        if (asl_exec_redriven(run->exec, request->token, engine->now_us, &job->started_us))
            return true;
    }
    if (found.status == ASL_RUNNING || found.status == ASL_SUCCEEDED)
        return sr_fail(err, SR_ERR_CONFLICT, "Execution is %s and cannot be redriven",
                       asl_status_name((enum asl_status)found.status));
    sr_auto(json) json_t *token = request->token ? json_string(request->token) : NULL;
    if (request->token && !jx_made(token, err))
        return false;
    job->started_us = engine->now_us;
    const struct asl_input input = { .kind = ASL_INPUT_REDRIVE, .value = token };
    return engine_run_apply(engine, found.id, &input, err);
}

struct found_run {
    int64_t execution;
    uint64_t op;
    int status;
};

static bool found_map_run(void *self, const struct store_map_run *run, struct sr_err *err)
{
    (void)err;
    *(struct found_run *)self = (struct found_run){ run->execution, run->op, run->status };
    return true;
}

static bool to_map_run(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    const struct engine_request *request = &job->request;
    struct found_run found = { 0 };
    sr_auto(json) json_t *numbers = NULL;
    if (!jx_parse(request->text, strlen(request->text), false, &numbers, err) ||
        !engine->store->ops->map_run_get(engine->store->self, request->arn, found_map_run, &found,
                                         err))
        return false;
    if (found.status != ASL_RUNNING)
        return sr_fail(err, SR_ERR_CONFLICT, "The map run is %s",
                       asl_status_name((enum asl_status)found.status));
    const struct asl_input input = { .kind = ASL_INPUT_MAP_RUN, .op = found.op, .value = numbers };
    return engine_run_apply(engine, found.execution, &input, err);
}

static bool gone(struct sr_err *err)
{
    return sr_fail(err, SR_ERR_NOT_FOUND, "Task Timed Out: 'Provided task does not exist anymore'");
}

// Tokens are "EXECUTION-ARN.OP.MAC"; the one that was given out is in the table.
static bool find_token(struct engine *engine, const char *token, struct store_task **ret_task,
                       struct sr_err *err)
{
    int64_t id;
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
    if (!engine->store->ops->execution_id(engine->store->self, arn, &id, &missing))
        return missing.code == SR_ERR_NOT_FOUND
                   ? sr_fail(err, SR_ERR_INVALID, "Invalid Token: 'Invalid token'")
                   : sr_fail(err, missing.code, "%s", missing.message);
    struct store_task *task = engine_table_get(&engine->tasks, id, number);
    if (!task)
        return gone(err);
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
        bool there;
        return engine->store->ops->task_set(engine->store->self, task, &there, err) &&
               (there || gone(err));
    }
    const struct asl_input input = {
        .kind = request->kind == ENGINE_SUCCEED ? ASL_INPUT_TASK_SUCCEEDED : ASL_INPUT_TASK_FAILED,
        .op = task->op,
        .value = value,
        .error = request->error,
        .cause = request->cause,
    };
    // An answer that it cannot go on with would be given again and again.
    return engine_run_apply_or_stop(engine, task->execution, &input, err);
}

bool engine_is_store_fault(enum sr_err_code code)
{
    return code == SR_ERR_STORAGE || code == SR_ERR_BUSY || code == SR_ERR_NO_MEMORY;
}

// For inputs that nobody asks for: an execution that cannot go on is stopped, so that it does not
// stop the others.
bool engine_run_apply_or_stop(struct engine *engine, int64_t execution,
                              const struct asl_input *input, struct sr_err *err)
{
    if (engine_run_apply(engine, execution, input, err))
        return true;
    if (engine_is_store_fault(err->code))
        return false;
    const struct sr_err why = *err;
    const struct asl_input stop = { .kind = ASL_INPUT_STOP,
                                    .error = ASL_ERROR_RUNTIME,
                                    .cause = why.message };
    return engine_run_apply(engine, execution, &stop, err) || !engine_is_store_fault(err->code);
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
        bool there;
        task->taken = job->took = true;
        if (!engine->store->ops->task_set(engine->store->self, task, &there, err))
            return false;
        if (!there)
            return true;  // dropped in this very round
    }
    return engine_run_apply_or_stop(engine, task->execution, &input, err);
}

static bool poll(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    const struct engine_request *request = &job->request;
    if (request->poll.until_us < engine->poll_next_us)
        engine->poll_next_us = request->poll.until_us;
    job->polls = engine_activities_ask(engine->activities, request->arn, &request->poll, err);
    return job->polls;
}

bool engine_handle(struct engine *engine, struct engine_job *job, struct sr_err *err)
{
    switch (job->request.kind) {
    case ENGINE_PUT_MACHINE: return put_machine(engine, job, err);
    case ENGINE_START: return start(engine, job, err);
    case ENGINE_STOP: return stop(engine, job, err);
    case ENGINE_REDRIVE: return redrive(engine, job, err);
    case ENGINE_MAP_RUN: return to_map_run(engine, job, err);
    case ENGINE_SUCCEED:
    case ENGINE_FAIL:
    case ENGINE_HEARTBEAT: return by_token(engine, job, err);
    case ENGINE_POLL: return poll(engine, job, err);
    case ENGINE_ANSWER: return handler_answer(engine, job, err);
    case ENGINE_RECORD:
        return job->request.record(job->request.self, engine->store, engine->now_us, err);
    }
    return true;
}
