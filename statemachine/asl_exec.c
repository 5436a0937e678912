#include "statemachine/asl_exec.h"

#include <stdlib.h>
#include <string.h>

#include "statemachine/asl_exec_priv.h"

const char *asl_status_name(enum asl_status status)
{
    static const char *const names[] = { "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED" };
    return names[status];
}

bool asl_exec_no_memory(struct asl_exec *exec)
{
    return sr_fail(exec->err, SR_ERR_NO_MEMORY, "execution %s", exec->execution_name);
}

void asl_effects_done(struct asl_effects *effects)
{
    for (size_t i = 0; i < effects->event_count; i++)
        json_decref(effects->events[i].details);
    for (size_t i = 0; i < effects->command_count; i++) {
        struct asl_command *command = &effects->commands[i];
        json_decref(command->payload);
        json_decref(command->credentials);
        json_decref(command->results);
        free(command->token);
        free(command->arn);
        free(command->error);
        free(command->cause);
    }
    free(effects->events);
    free(effects->commands);
    *effects = (struct asl_effects){ 0 };
}

// --- making and freeing ---

static bool copy(const char *text, char **ret_text)
{
    *ret_text = text ? strdup(text) : NULL;
    return !text || *ret_text;
}

bool asl_exec_new(const struct asl_exec_params *params, struct asl_exec **ret_exec,
                  struct sr_err *err)
{
    sr_auto(asl_exec) struct asl_exec *exec = calloc(1, sizeof *exec);
    if (!exec || !copy(params->execution_arn, &exec->execution_arn) ||
        !copy(params->execution_name, &exec->execution_name) ||
        !copy(params->role_arn, &exec->role_arn) ||
        !copy(params->machine_arn, &exec->machine_arn) ||
        !copy(params->machine_name, &exec->machine_name) ||
        !copy(params->token_key, &exec->token_key))
        return sr_fail(err, SR_ERR_NO_MEMORY, "an execution");
    exec->def = params->def;
    exec->payload_bytes_max =
        params->payload_bytes_max ? params->payload_bytes_max : ASL_PAYLOAD_BYTES_MAX;
    exec->step_max = params->step_max ? params->step_max : ASL_STEP_MAX;
    exec->no_redrive_count = params->no_redrive_count;
    exec->timeout_s_max = params->timeout_s_max;
    *ret_exec = sr_take(exec);
    return true;
}

void asl_exec_free(struct asl_exec *exec)
{
    if (!exec)
        return;
    asl_thread_free(exec, exec->root);
    json_decref(exec->input);
    json_decref(exec->context);
    free(exec->ops);
    free(exec->redrives);
    free(exec->execution_arn);
    free(exec->execution_name);
    free(exec->role_arn);
    free(exec->machine_arn);
    free(exec->machine_name);
    free(exec->token_key);
    free(exec);
}

enum asl_status asl_exec_status(const struct asl_exec *exec)
{
    return exec->status;
}

uint64_t asl_exec_last_event(const struct asl_exec *exec)
{
    return exec->history.last_id;
}

size_t asl_exec_thread_count(const struct asl_exec *exec)
{
    return exec->thread_count;
}

// --- events and commands ---

bool asl_exec_event(struct asl_exec *exec, struct asl_thread *thread, enum asl_event_type type,
                    json_t *details)
{
    struct asl_effects *effects = exec->effects;
    if (effects->event_count == effects->event_room) {
        const size_t room = effects->event_room ? effects->event_room * 2 : 16;
        struct asl_event *events = realloc(effects->events, room * sizeof *events);
        if (!events) {
            json_decref(details);
            return asl_exec_no_memory(exec);
        }
        effects->events = events;
        effects->event_room = room;
    }
    struct asl_history *history = thread ? thread->history : &exec->history;
    const uint64_t id = ++history->last_id;
    effects->events[effects->event_count++] = (struct asl_event){
        .id = id,
        .previous = thread ? thread->last_id : id - 1,
        .child = history->child,
        .type = type,
        .time_us = exec->now->now_us,
        .details = details,
    };
    if (thread)
        thread->last_id = id;
    return true;
}

struct asl_command *asl_exec_command(struct asl_exec *exec, enum asl_command_kind kind, uint64_t op)
{
    struct asl_effects *effects = exec->effects;
    if (effects->command_count == effects->command_room) {
        const size_t room = effects->command_room ? effects->command_room * 2 : 8;
        struct asl_command *commands = realloc(effects->commands, room * sizeof *commands);
        if (!commands) {
            (void)asl_exec_no_memory(exec);
            return NULL;
        }
        effects->commands = commands;
        effects->command_room = room;
    }
    struct asl_command *command = &effects->commands[effects->command_count++];
    *command = (struct asl_command){ .kind = kind, .op = op };
    return command;
}

// --- ops: a hash table from op to thread ---

static size_t op_place(const struct asl_exec *exec, uint64_t id)
{
    return (size_t)(id * 0x9e3779b97f4a7c15u >> 20) & (exec->op_room - 1);
}

static bool op_grow(struct asl_exec *exec)
{
    const size_t old_room = exec->op_room;
    struct asl_op *old = exec->ops;
    const size_t room = old_room ? old_room * 2 : 8;
    struct asl_op *ops = calloc(room, sizeof *ops);
    if (!ops)
        return asl_exec_no_memory(exec);
    exec->ops = ops;
    exec->op_room = room;
    for (size_t i = 0; i < old_room; i++) {
        if (!old[i].id)
            continue;
        size_t at = op_place(exec, old[i].id);
        while (ops[at].id)
            at = (at + 1) & (room - 1);
        ops[at] = old[i];
    }
    free(old);
    return true;
}

bool asl_exec_wait(struct asl_exec *exec, struct asl_thread *thread, enum asl_phase phase)
{
    return asl_exec_wait_as(exec, thread, phase, ++exec->last_op);
}

bool asl_exec_wait_as(struct asl_exec *exec, struct asl_thread *thread, enum asl_phase phase,
                      uint64_t number)
{
    if (2 * (exec->op_count + 1) > exec->op_room && !op_grow(exec))
        return false;
    thread->op = number;
    thread->phase = phase;
    size_t at = op_place(exec, thread->op);
    while (exec->ops[at].id)
        at = (at + 1) & (exec->op_room - 1);
    exec->ops[at] = (struct asl_op){ thread->op, thread };
    exec->op_count++;
    return true;
}

static struct asl_op *op_find(const struct asl_exec *exec, uint64_t id)
{
    if (!exec->op_room || !id)
        return NULL;
    for (size_t at = op_place(exec, id); exec->ops[at].id; at = (at + 1) & (exec->op_room - 1)) {
        if (exec->ops[at].id == id)
            return &exec->ops[at];
    }
    return NULL;
}

void asl_exec_unwait(struct asl_exec *exec, struct asl_thread *thread)
{
    struct asl_op *op = op_find(exec, thread->op);
    thread->op = 0;
    if (!op)
        return;
    *op = (struct asl_op){ 0 };
    exec->op_count--;
    // Those behind it move up, so that no search stops at the gap.
    const size_t mask = exec->op_room - 1;
    for (size_t at = ((size_t)(op - exec->ops) + 1) & mask; exec->ops[at].id;
         at = (at + 1) & mask) {
        const struct asl_op moved = exec->ops[at];
        exec->ops[at] = (struct asl_op){ 0 };
        size_t to = op_place(exec, moved.id);
        while (exec->ops[to].id)
            to = (to + 1) & mask;
        exec->ops[to] = moved;
    }
}

bool asl_exec_waits_for(const struct asl_exec *exec, uint64_t op)
{
    return exec->status == ASL_RUNNING &&
           (op_find(exec, op) != NULL || (op && op == exec->timeout_op));
}

const struct asl_state *asl_exec_state_of(const struct asl_exec *exec, uint64_t op)
{
    const struct asl_op *found = op_find(exec, op);
    return found ? found->thread->state : NULL;
}

void asl_exec_ready(struct asl_exec *exec, struct asl_thread *thread)
{
    if (thread->is_ready)
        return;
    thread->is_ready = true;
    thread->before_ready = exec->ready_last;
    thread->next_ready = NULL;
    if (exec->ready_last)
        exec->ready_last->next_ready = thread;
    else
        exec->ready_first = thread;
    exec->ready_last = thread;
}

// --- the end ---

static json_t *failure_details(const struct asl_failure *failure)
{
    return json_pack("{s:s*, s:s*}", "error", failure ? failure->error : NULL, "cause",
                     failure ? failure->cause : NULL);
}

bool asl_exec_end(struct asl_exec *exec, struct asl_thread *thread, enum asl_status status,
                  json_t *output, const struct asl_failure *failure)
{
    static const enum asl_event_type types[] = {
        [ASL_SUCCEEDED] = ASL_EVENT_ExecutionSucceeded,
        [ASL_FAILED] = ASL_EVENT_ExecutionFailed,
        [ASL_TIMED_OUT] = ASL_EVENT_ExecutionTimedOut,
        [ASL_ABORTED] = ASL_EVENT_ExecutionAborted,
    };
    json_t *details = output ? json_pack("{s:O}", "output", output) : failure_details(failure);
    if (!details)
        return asl_exec_no_memory(exec);
    if (!asl_exec_event(exec, thread, types[status], details))
        return false;
    exec->status = status;
    if (exec->timeout_op && !asl_exec_command(exec, ASL_COMMAND_TIMER_CANCEL, exec->timeout_op))
        return false;
    exec->timeout_op = 0;
    if (exec->root && !asl_thread_abort(exec, exec->root, false))
        return false;
    struct asl_command *command = asl_exec_command(exec, ASL_COMMAND_END, 0);
    if (!command)
        return false;
    command->status = status;
    command->payload = json_incref(output);
    if (!copy(failure ? failure->error : NULL, &command->error) ||
        !copy(failure ? failure->cause : NULL, &command->cause))
        return asl_exec_no_memory(exec);
    return true;
}

// --- inputs ---

static bool not_heard(struct asl_exec *exec)
{
    exec->heard = false;
    return true;
}

static bool set_timeout(struct asl_exec *exec)
{
    int64_t timeout_s = exec->def->timeout_s;
    if (exec->timeout_s_max && (!timeout_s || timeout_s > exec->timeout_s_max))
        timeout_s = exec->timeout_s_max;
    if (!timeout_s)
        return true;
    exec->timeout_op = ++exec->last_op;
    struct asl_command *command = asl_exec_command(exec, ASL_COMMAND_TIMER, exec->timeout_op);
    if (command)
        command->at_us = exec->now->now_us + timeout_s * 1000000;
    return command != NULL;
}

static bool start(struct asl_exec *exec, const struct asl_input *input)
{
    if (exec->root)
        return not_heard(exec);  // a second start changes nothing
    exec->started_us = input->now_us;
    exec->input = json_incref(input->value);
    exec->root = asl_thread_new(exec, NULL, 0, exec->def->flow, input->value);
    if (!exec->root)
        return false;
    json_t *details = json_pack("{s:O, s:s*}", "input", input->value, "roleArn", exec->role_arn);
    if (!details)
        return asl_exec_no_memory(exec);
    return asl_exec_event(exec, exec->root, ASL_EVENT_ExecutionStarted, details) &&
           set_timeout(exec);
}

static bool stop(struct asl_exec *exec, const struct asl_input *input)
{
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    if (!asl_failure_set(&failure, input->error, input->cause))
        return asl_exec_no_memory(exec);
    return asl_exec_end(exec, NULL, ASL_ABORTED, NULL, &failure);
}

static bool time_out(struct asl_exec *exec)
{
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    if (!asl_failure_set(&failure, ASL_ERROR_TIMEOUT, NULL))
        return asl_exec_no_memory(exec);
    exec->timeout_op = 0;  // it was due: there is nothing to cancel
    return asl_exec_end(exec, NULL, ASL_TIMED_OUT, NULL, &failure);
}

// What had not ended is entered again, with the input it had.
static bool redrive(struct asl_exec *exec)
{
    struct asl_thread *root = exec->root;
    if (exec->status == ASL_RUNNING || exec->status == ASL_SUCCEEDED || !root)
        return not_heard(exec);
    exec->status = ASL_RUNNING;
    exec->redrive_count++;
    json_t *details = json_pack("{s:I}", "redriveCount", (json_int_t)exec->redrive_count);
    if (!details)
        return asl_exec_no_memory(exec);
    if (!asl_exec_event(exec, NULL, ASL_EVENT_ExecutionRedriven, details) ||
        !asl_redrive_note(exec))
        return false;
    root->last_id = exec->history.last_id;
    // Spec: RedriveExecution: the whole time-out begins anew.
    return set_timeout(exec) && asl_thread_redrive(exec, root);
}

static bool timer(struct asl_exec *exec, struct asl_thread *thread)
{
    if (thread->phase == ASL_PHASE_TIMER) {
        asl_exec_unwait(exec, thread);
        return asl_thread_finish(exec, thread, thread->arguments);
    }
    if (thread->phase == ASL_PHASE_BACKOFF) {
        asl_exec_unwait(exec, thread);
        thread->phase = ASL_PHASE_RETRY;
        asl_exec_ready(exec, thread);
        return true;
    }
    return not_heard(exec);
}

static bool items(struct asl_exec *exec, struct asl_thread *thread, const struct asl_input *input)
{
    if (thread->phase != ASL_PHASE_READING)
        return not_heard(exec);
    asl_exec_unwait(exec, thread);
    if (input->kind == ASL_INPUT_ITEMS && json_is_array(input->value))
        return asl_group_items(exec, thread, input->value);
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    if (!asl_failure_set(&failure, ASL_ERROR_ITEM_READER,
                         input->cause ? input->cause : "The items are no array"))
        return asl_exec_no_memory(exec);
    return asl_thread_fail(exec, thread, &failure);
}

static bool to_thread(struct asl_exec *exec, const struct asl_input *input)
{
    const struct asl_op *op = op_find(exec, input->op);
    if (!op)
        return not_heard(exec);
    struct asl_thread *thread = op->thread;
    switch (input->kind) {
    case ASL_INPUT_TIMER: return timer(exec, thread);
    case ASL_INPUT_ITEMS:
    case ASL_INPUT_ITEMS_FAILED: return items(exec, thread, input);
    case ASL_INPUT_RESULTS_WRITTEN:
    case ASL_INPUT_RESULTS_FAILED:
        return thread->phase == ASL_PHASE_WRITING ? asl_group_written(exec, thread, input)
                                                  : not_heard(exec);
    case ASL_INPUT_MAP_RUN:
        return thread->phase == ASL_PHASE_CHILDREN ? asl_run_update(exec, thread, input->value)
                                                   : not_heard(exec);
    default:
        return thread->phase == ASL_PHASE_TASK ? asl_exec_task_input(exec, thread, input)
                                               : not_heard(exec);
    }
}

static bool dispatch(struct asl_exec *exec, const struct asl_input *input)
{
    if (input->kind == ASL_INPUT_REDRIVE)
        return redrive(exec);
    if (exec->status != ASL_RUNNING)
        return not_heard(exec);
    switch (input->kind) {
    case ASL_INPUT_START: return start(exec, input);
    case ASL_INPUT_CONTINUE: return true;
    case ASL_INPUT_STOP: return stop(exec, input);
    case ASL_INPUT_STOP_CHILD: {
        struct asl_thread *const child = asl_run_find_child(exec->root, input->op);
        return child ? asl_group_child_stopped(exec, child, input) : not_heard(exec);
    }
    case ASL_INPUT_TIMER:
        if (input->op && input->op == exec->timeout_op)
            return time_out(exec);
        return to_thread(exec, input);
    default: return to_thread(exec, input);
    }
}

static struct asl_thread *take_ready(struct asl_exec *exec)
{
    struct asl_thread *thread = exec->ready_first;
    exec->ready_first = thread->next_ready;
    *(exec->ready_first ? &exec->ready_first->before_ready : &exec->ready_last) = NULL;
    thread->is_ready = false;
    return thread;
}

bool asl_exec_apply(struct asl_exec *exec, const struct asl_input *input,
                    struct asl_effects *ret_effects, struct sr_err *err)
{
    exec->now = input;
    exec->heard = true;
    exec->random.state = input->seed;
    exec->effects = ret_effects;
    exec->err = err;
    if (!dispatch(exec, input))
        return false;
    for (size_t steps = 0; exec->heard && exec->status == ASL_RUNNING && exec->ready_first;
         steps++) {
        if (steps == exec->step_max)
            return asl_exec_command(exec, ASL_COMMAND_CONTINUE, 0) != NULL;
        if (!asl_thread_run(exec, take_ready(exec)))
            return false;
    }
    return true;
}

// --- inputs as JSON ---

static const char *const input_names[ASL_INPUT_KIND_COUNT] = {
    [ASL_INPUT_START] = "start",
    [ASL_INPUT_CONTINUE] = "continue",
    [ASL_INPUT_TASK_STARTED] = "task-started",
    [ASL_INPUT_TASK_SUBMITTED] = "task-submitted",
    [ASL_INPUT_TASK_SUCCEEDED] = "task-succeeded",
    [ASL_INPUT_TASK_FAILED] = "task-failed",
    [ASL_INPUT_TASK_TIMED_OUT] = "task-timed-out",
    [ASL_INPUT_TASK_LOST] = "task-lost",
    [ASL_INPUT_TIMER] = "timer",
    [ASL_INPUT_ITEMS] = "items",
    [ASL_INPUT_ITEMS_FAILED] = "items-failed",
    [ASL_INPUT_RESULTS_WRITTEN] = "results-written",
    [ASL_INPUT_RESULTS_FAILED] = "results-failed",
    [ASL_INPUT_STOP] = "stop",
    [ASL_INPUT_REDRIVE] = "redrive",
    [ASL_INPUT_MAP_RUN] = "map-run",
    [ASL_INPUT_STOP_CHILD] = "stop-child",
};

static bool write_text(struct sr_str *out, const char *key, const char *text, struct sr_err *err)
{
    return !text || (sr_str_add(out, key, err) && sr_str_add_json(out, text, strlen(text), err));
}

bool asl_input_write(const struct asl_input *input, struct sr_str *out, struct sr_err *err)
{
    return sr_str_add(out, "{\"kind\":\"", err) && sr_str_add(out, input_names[input->kind], err) &&
           sr_str_add(out, "\",\"op\":", err) && sr_str_add_i64(out, (int64_t)input->op, err) &&
           sr_str_add(out, ",\"now_us\":", err) && sr_str_add_i64(out, input->now_us, err) &&
           sr_str_add(out, ",\"seed\":", err) && sr_str_add_i64(out, (int64_t)input->seed, err) &&
           (!input->value ||
            (sr_str_add(out, ",\"value\":", err) && jx_dump_add(input->value, out, err))) &&
           write_text(out, ",\"error\":", input->error, err) &&
           write_text(out, ",\"cause\":", input->cause, err) && sr_str_add(out, "}", err);
}

bool asl_input_to_json(const struct asl_input *input, json_t **ret_json, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    return asl_input_write(input, &text, err) &&
           jx_parse(text.text, text.bytes, false, ret_json, err);
}

bool asl_input_from_json(const json_t *json, struct asl_input *ret_input, struct sr_err *err)
{
    const char *name = json_string_value(json_object_get(json, "kind"));
    int kind = 0;
    while (kind < ASL_INPUT_KIND_COUNT && (!name || strcmp(input_names[kind], name) != 0))
        kind++;
    if (kind == ASL_INPUT_KIND_COUNT)
        return sr_fail(err, SR_ERR_INVALID, "an input that is none");
    *ret_input = (struct asl_input){
        .kind = (enum asl_input_kind)kind,
        .op = (uint64_t)json_integer_value(json_object_get(json, "op")),
        .now_us = json_integer_value(json_object_get(json, "now_us")),
        .seed = (uint64_t)json_integer_value(json_object_get(json, "seed")),
        .value = json_object_get(json, "value"),
        .error = json_string_value(json_object_get(json, "error")),
        .cause = json_string_value(json_object_get(json, "cause")),
    };
    return true;
}
