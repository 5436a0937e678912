// Executions in memory: rebuilt from their logs, moved on by inputs.
#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/engine_priv.h"

// --- the cache ---

static void unlink_run(struct engine *engine, struct engine_run *run)
{
    *(run->before ? &run->before->after : &engine->newest) = run->after;
    *(run->after ? &run->after->before : &engine->oldest) = run->before;
    run->before = run->after = NULL;
}

static void link_newest(struct engine *engine, struct engine_run *run)
{
    run->after = engine->newest;
    *(engine->newest ? &engine->newest->before : &engine->oldest) = run;
    engine->newest = run;
}

static void run_free(struct engine *engine, struct engine_run *run)
{
    asl_exec_free(run->exec);
    if (run->def)
        engine_def_release(engine, run->def);
    free(run->arn);
    free(run);
}

void engine_run_drop(struct engine *engine, struct engine_run *run)
{
    unlink_run(engine, run);
    (void)engine_table_take(&engine->runs, run->id, 0);
    run_free(engine, run);
}

void engine_run_shrink(struct engine *engine)
{
    while (engine->runs.count > engine->cache_max)
        engine_run_drop(engine, engine->oldest);
}

struct loading {
    struct engine *engine;
    struct engine_run *run;
};

static bool load_row(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct loading *loading = self;
    struct engine_run *run = loading->run;
    run->id = execution->id;
    run->parent = execution->parent;
    run->express = execution->express;
    run->parent_op = execution->parent_op;
    run->arn = strdup(execution->arn);
    if (!run->arn)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an execution");
    if (!engine_def_get(loading->engine, execution->revision, &run->def, err))
        return false;
    run->waits = true;
    const struct asl_exec_params params = {
        .def = run->def->def,
        .execution_arn = execution->arn,
        .execution_name = execution->name,
        .role_arn = run->def->role,
        .machine_arn = run->def->machine,
        .machine_name = run->def->name,
        .token_key = loading->engine->token_key,
        .step_max = loading->engine->step_max,
        .no_redrive_count = execution->express,
        .timeout_s_max = execution->express ? ENGINE_EXPRESS_S_MAX : 0,
    };
    return asl_exec_new(&params, &run->exec, err);
}

static bool replay_row(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    struct engine_run *run = self;
    sr_auto(json) json_t *json = NULL;
    sr_auto(asl_effects) struct asl_effects effects = { 0 };
    struct asl_input input;
    if (seq != run->next_seq)
        return sr_fail(err, SR_ERR_STORAGE, "the log of %s has a gap at %lld", run->arn,
                       (long long)run->next_seq);
    if (!jx_parse(entry, strlen(entry), false, &json, err) ||
        !asl_input_from_json(json_object_get(json, "input"), &input, err) ||
        !asl_exec_apply(run->exec, &input, &effects, err))
        return sr_err_wrap(err, "entry %lld", (long long)seq);
    if (effects.event_count != json_array_size(json_object_get(json, "events")))
        return sr_fail(err, SR_ERR_INTERNAL, "entry %lld of %s gives other events than before",
                       (long long)seq, run->arn);
    run->next_seq++;
    return true;
}

bool engine_run_get(struct engine *engine, int64_t id, struct engine_run **ret_run,
                    struct sr_err *err)
{
    struct engine_run *run = engine_table_get(&engine->runs, id, 0);
    if (run) {
        unlink_run(engine, run);
        link_newest(engine, run);
        *ret_run = run;
        return true;
    }
    run = calloc(1, sizeof *run);
    if (!run)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an execution");
    struct loading loading = { engine, run };
    const struct store *store = engine->store;
    if (!store->ops->execution_get_id(store->self, id, load_row, &loading, err) ||
        !store->ops->log_each(store->self, id, replay_row, run, err) ||
        !engine_table_put(&engine->runs, id, 0, run, err)) {
        run_free(engine, run);
        return false;
    }
    link_newest(engine, run);
    *ret_run = run;
    return true;
}

bool engine_run_new(struct engine *engine, const struct store_execution *execution,
                    struct sr_err *err)
{
    struct engine_run *run = calloc(1, sizeof *run);
    if (!run)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an execution");
    struct loading loading = { engine, run };
    if (!load_row(&loading, execution, err) ||
        !engine_table_put(&engine->runs, run->id, 0, run, err)) {
        run_free(engine, run);
        return false;
    }
    run->waits = false;
    link_newest(engine, run);
    return true;
}

bool engine_task_state(struct engine *engine, struct engine_ref ref, const char **ret_name,
                       struct sr_err *err)
{
    struct engine_run *run = NULL;
    if (!engine_run_get(engine, ref.execution, &run, err))
        return false;
    const struct asl_state *state = asl_exec_state_of(run->exec, ref.op);
    *ret_name = state ? state->name : NULL;
    return true;
}

// --- one input ---

static bool log_entry(struct engine *engine, struct engine_run *run, const struct asl_input *input,
                      const struct asl_effects *effects, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str entry = { 0 };
    if (!sr_str_add(&entry, "{\"input\":", err) || !asl_input_write(input, &entry, err) ||
        !sr_str_add(&entry, ",\"events\":[", err))
        return false;
    for (size_t i = 0; i < effects->event_count; i++) {
        if ((i && !sr_str_add(&entry, ",", err)) ||
            !asl_event_write(&effects->events[i], &entry, err))
            return false;
    }
    if (!sr_str_add(&entry, "]}", err))
        return false;
    // What cannot be read again would be lost with the process, and the execution with it.
    if (jx_is_too_deep(entry.text, entry.bytes))
        return sr_fail(err, SR_ERR_TOO_LARGE,
                       "a value is nested too deep: within the history's own levels there are %d",
                       JX_DEPTH_MAX);
    return engine->store->ops->log_append(engine->store->self, run->id, run->next_seq, entry.text,
                                          err);
}

static const char *task_resource(const struct asl_command *command, enum store_task_kind *ret_kind)
{
    switch (command->kind) {
    case ASL_COMMAND_READ_ITEMS:
        *ret_kind = STORE_TASK_READER;
        return command->state->map.reader->resource;
    case ASL_COMMAND_WRITE_RESULTS:
        *ret_kind = STORE_TASK_WRITER;
        return command->state->map.writer->resource ? command->state->map.writer->resource : "";
    default:
        *ret_kind = command->state->task.resource.kind == ASL_TASK_ACTIVITY ? STORE_TASK_ACTIVITY
                                                                            : STORE_TASK_HANDLER;
        return command->state->task.resource.arn;
    }
}

static json_t *task_payload(const struct asl_command *command)
{
    if (command->kind == ASL_COMMAND_TASK)
        return json_incref(command->payload);
    const bool reads = command->kind == ASL_COMMAND_READ_ITEMS;
    return json_pack("{s:O?, s:O, s:O*}", "Parameters", command->payload,
                     reads ? "ReaderConfig" : "WriterConfig",
                     reads ? command->state->map.reader->config
                           : command->state->map.writer->config,
                     "Results", command->results);
}

// The protocol knows no priority: a task has that of the job in its input, which a flow hands on to
// the children of its maps like all else that they need.
static int64_t task_priority(const struct asl_command *command)
{
    const json_t *const job = json_object_get(command->payload, "job");
    const json_t *const priority = json_object_get(job, "priority");
    const json_int_t value = json_integer_value(priority);
    return json_is_integer(priority) && value >= 0 && value <= ENGINE_PRIORITY_MAX
               ? value
               : ENGINE_PRIORITY_DEFAULT;
}

static bool put_task(struct engine *engine, struct engine_run *run,
                     const struct asl_command *command, struct sr_err *err)
{
    struct store_task task = { .execution = run->id,
                               .op = command->op,
                               .created_us = engine->now_us,
                               .token = command->token ? command->token : "",
                               .heartbeat_s = command->heartbeat_s,
                               .priority = task_priority(command) };
    sr_auto(json) json_t *payload = task_payload(command);
    sr_auto(char) char *text = NULL;
    task.resource = task_resource(command, &task.kind);
    if (!jx_made(payload, err) || !jx_dump(payload, false, &text, err))
        return false;
    task.payload = text;
    task.timeout_at_us = command->timeout_s ? engine->now_us + command->timeout_s * 1000000 : 0;
    if (command->heartbeat_s &&
        task.kind != STORE_TASK_ACTIVITY)  // a worker's begins when it has the task
        task.heartbeat_at_us = engine->now_us + command->heartbeat_s * 1000000;
    struct engine_act *act =
        engine_act_add(engine, task.kind == STORE_TASK_ACTIVITY ? ACT_OFFER : ACT_START, err);
    run->waits = true;
    return act && engine_task_copy(&task, &act->task, err) &&
           engine->store->ops->task_put(engine->store->self, &task, err);
}

static bool put_timer(struct engine *engine, int64_t id, uint64_t op, int64_t at_us,
                      struct sr_err *err)
{
    const struct store_timer timer = { id, op, at_us };
    struct engine_run *run = engine_table_get(&engine->runs, id, 0);
    struct engine_act *act = engine_act_add(engine, ACT_TIMER, err);
    if (!act)
        return false;
    if (run)
        run->waits = true;
    act->timer = (struct engine_timer){ at_us, id, op, ENGINE_DUE_TIMER };
    return engine->store->ops->timer_put(engine->store->self, &timer, err);
}

static bool drop_timer(struct engine *engine, int64_t id, uint64_t op, struct sr_err *err)
{
    struct engine_act *act = engine_act_add(engine, ACT_UNTIMER, err);
    if (!act)
        return false;
    act->timer = (struct engine_timer){ 0, id, op, ENGINE_DUE_TIMER };
    return engine->store->ops->timer_drop(engine->store->self, id, op, err);
}

struct ended {
    int64_t running;  // its id; 0: it has ended
    bool forget;
};

static bool note_ended(void *self, const struct store_execution *execution, struct sr_err *err)
{
    (void)err;
    *(struct ended *)self =
        (struct ended){ .running = execution->status == ASL_RUNNING ? execution->id : 0,
                        .forget = execution->express && !execution->parent };
    return true;
}

static bool note_id(void *self, const struct store_execution *execution, struct sr_err *err)
{
    (void)err;
    *(int64_t *)self = execution->status == ASL_RUNNING ? execution->id : 0;
    return true;
}

// What a task started and waits for must not outlive it: that it is to be stopped is committed
// together with the task's end, and done in a round of its own.
static bool stop_child(struct engine *engine, const struct engine_run *run, uint64_t op,
                       struct sr_err *err)
{
    struct sr_err missing = { 0 };
    int64_t child = 0;
    const struct store_task *task = engine_table_get(&engine->tasks, run->id, op);
    if (!task || !engine_child_is(task->resource) || !strstr(task->resource, ".sync"))
        return true;
    if (!engine->store->ops->execution_get_child(engine->store->self, run->id, op, note_id, &child,
                                                 &missing)) {
        if (missing.code == SR_ERR_NOT_FOUND)
            return true;
        *err = missing;
        return false;
    }
    return !child || put_timer(engine, child, ENGINE_OP_STOP, engine->now_us, err);
}

bool engine_run_stop_asked(struct engine *engine, int64_t id, struct sr_err *err)
{
    struct ended ended = { 0 };
    const struct store *store = engine->store;
    const struct asl_input stop = { .kind = ASL_INPUT_STOP };
    if (!store->ops->execution_get_id(store->self, id, note_ended, &ended, err) ||
        (ended.running && !engine_run_apply_or_stop(engine, id, &stop, err)))
        return false;
    return drop_timer(engine, id, ENGINE_OP_STOP, err) &&
           (ended.running || !ended.forget ||
            store->ops->execution_drop(store->self, id, false, err));
}

static bool drop_task(struct engine *engine, struct engine_run *run, uint64_t op,
                      enum engine_act_kind kind, struct sr_err *err)
{
    struct engine_act *act = engine_act_add(engine, kind, err);
    if (!act)
        return false;
    act->timer = (struct engine_timer){ 0, run->id, op, ENGINE_DUE_TIMER };
    return engine->store->ops->task_drop(engine->store->self, run->id, op, err);
}

// Nobody can ask about an express execution that has ended, only wait for its end: a caller, who
// hears it after this round, or a task, which may ask again after a crash.
static bool forget_express(struct engine *engine, const struct engine_run *run, struct sr_err *err)
{
    const bool waited = engine_table_get(&engine->watchers, run->id, 0) != NULL;
    const struct store *store = engine->store;
    return store->ops->execution_drop(store->self, run->id, waited || run->parent, err) &&
           (!waited || run->parent ||
            put_timer(engine, run->id, ENGINE_OP_STOP, engine->now_us, err));
}

static bool end(struct engine *engine, struct engine_run *run, const struct asl_command *command,
                struct sr_err *err)
{
    sr_auto(char) char *output = NULL;
    if (run->parent || engine_table_get(&engine->watchers, run->id, 0)) {
        struct engine_act *act = engine_act_add(engine, ACT_ENDED, err);
        if (!act)
            return false;
        act->timer.execution = run->id;
    }
    if (command->payload && !jx_dump(command->payload, false, &output, err))
        return false;
    const struct store_execution execution = { .id = run->id,
                                               .status = (int)command->status,
                                               .output = output,
                                               .error = command->error,
                                               .cause = command->cause,
                                               .stopped_us = engine->now_us };
    return engine->store->ops->execution_status(engine->store->self, &execution, err) &&
           (!run->waits || engine->store->ops->waits_drop(engine->store->self, run->id, err)) &&
           (!run->express || forget_express(engine, run, err));
}

static bool note_map_run(struct engine *engine, struct engine_run *run,
                         const struct asl_command *command, struct sr_err *err)
{
    const struct store *store = engine->store;
    sr_auto(char) char *numbers = NULL;
    if (command->payload && !jx_dump(command->payload, false, &numbers, err))
        return false;
    const struct store_map_run row = { .execution = run->id,
                                       .op = command->op,
                                       .arn = command->arn,
                                       .numbers = numbers,
                                       .status = (int)command->status,
                                       .started_us = engine->now_us };
    return command->arn ? store->ops->map_run_put(store->self, &row, err)
                        : store->ops->map_run_set(store->self, &row, engine->now_us, err);
}

static bool note_child(struct engine *engine, struct engine_run *run,
                       const struct asl_command *command, struct sr_err *err)
{
    const struct store *store = engine->store;
    const int64_t seq = run->next_seq - 1;  // of the entry that has its events
    const struct store_child row = { .execution = run->id,
                                     .op = command->op,
                                     .run = command->run,
                                     .arn = command->arn,
                                     .items = (int64_t)command->items,
                                     .status = (int)command->status,
                                     .started_us = engine->now_us,
                                     .first_seq = seq,
                                     .last_seq = seq };
    return command->arn ? store->ops->child_put(store->self, &row, err)
                        : store->ops->child_set(store->self, &row, engine->now_us, err);
}

static bool obey(struct engine *engine, struct engine_run *run, const struct asl_command *command,
                 struct sr_err *err)
{
    switch (command->kind) {
    case ASL_COMMAND_TASK:
    case ASL_COMMAND_READ_ITEMS:
    case ASL_COMMAND_WRITE_RESULTS: return put_task(engine, run, command, err);
    case ASL_COMMAND_TASK_CANCEL:
        return stop_child(engine, run, command->op, err) &&
               drop_task(engine, run, command->op, ACT_CANCEL, err);
    case ASL_COMMAND_TIMER: return put_timer(engine, run->id, command->op, command->at_us, err);
    case ASL_COMMAND_TIMER_CANCEL: return drop_timer(engine, run->id, command->op, err);
    case ASL_COMMAND_CONTINUE: return put_timer(engine, run->id, 0, engine->now_us, err);
    case ASL_COMMAND_END: return end(engine, run, command, err);
    case ASL_COMMAND_MAP_RUN: return note_map_run(engine, run, command, err);
    case ASL_COMMAND_CHILD: return note_child(engine, run, command, err);
    }
    return true;
}

// What the input answered is waited for no more.
static bool settle(struct engine *engine, struct engine_run *run, const struct asl_input *input,
                   struct sr_err *err)
{
    if (input->kind == ASL_INPUT_TIMER || input->kind == ASL_INPUT_CONTINUE)
        return drop_timer(engine, run->id, input->op, err);
    if (!input->op || asl_exec_waits_for(run->exec, input->op))
        return true;
    return drop_task(engine, run, input->op, ACT_SETTLED, err);
}

static bool reopened(struct engine *engine, struct engine_run *run, struct sr_err *err)
{
    const struct store_execution execution = { .id = run->id,
                                               .status = ASL_RUNNING,
                                               .redriven_us = engine->now_us };
    return engine->store->ops->execution_status(engine->store->self, &execution, err);
}

static bool apply(struct engine *engine, struct engine_run *run, const struct asl_input *input,
                  struct sr_err *err)
{
    sr_auto(asl_effects) struct asl_effects effects = { 0 };
    run->touched = true;
    if (!asl_exec_apply(run->exec, input, &effects, err) || !settle(engine, run, input, err))
        return false;
    if (!effects.event_count && !effects.command_count)
        return true;  // nobody waited for it: nothing to remember
    if (input->kind == ASL_INPUT_REDRIVE && !reopened(engine, run, err))
        return false;
    if (!log_entry(engine, run, input, &effects, err))
        return false;
    run->next_seq++;
    for (size_t i = 0; i < effects.command_count; i++) {
        if (!obey(engine, run, &effects.commands[i], err))
            return false;
    }
    engine->counts.inputs++;
    engine->counts.events += effects.event_count;
    engine->counts.transitions += engine_entered_count(effects.events, effects.event_count);
    return true;
}

bool engine_run_apply(struct engine *engine, int64_t id, const struct asl_input *input,
                      struct sr_err *err)
{
    const struct store *store = engine->store;
    struct engine_run *run;
    struct asl_input own = *input;
    const size_t acts = engine->act_count;
    own.now_us = engine->now_us;
    own.seed = asl_random_next(&engine->random);
    if (!engine_run_get(engine, id, &run, err))
        return false;
    const bool begun = store->ops->begin(store->self, err);
    if (begun && apply(engine, run, &own, err) && store->ops->commit(store->self, err))
        return true;
    if (begun)
        store->ops->rollback(store->self);
    engine_acts_drop(engine, acts);
    engine_run_drop(engine,
                    run);  // it may have gone on half the way: the log tells where it really is
    return false;
}
