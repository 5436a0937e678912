// Threads of an execution: from state to state, variables, failures.
#include <stdlib.h>
#include <string.h>

#include "statemachine/asl_exec_priv.h"

static const struct type_events {
    enum asl_event_type entered, exited, aborted;
} type_events[] = {
    [ASL_TASK] = { ASL_EVENT_TaskStateEntered, ASL_EVENT_TaskStateExited,
                   ASL_EVENT_TaskStateAborted },
    [ASL_WAIT] = { ASL_EVENT_WaitStateEntered, ASL_EVENT_WaitStateExited,
                   ASL_EVENT_WaitStateAborted },
    [ASL_PASS] = { ASL_EVENT_PassStateEntered, ASL_EVENT_PassStateExited, ASL_EVENT_COUNT },
    [ASL_SUCCEED] = { ASL_EVENT_SucceedStateEntered, ASL_EVENT_SucceedStateExited,
                      ASL_EVENT_COUNT },
    [ASL_FAIL] = { ASL_EVENT_FailStateEntered, ASL_EVENT_COUNT, ASL_EVENT_COUNT },
    [ASL_CHOICE] = { ASL_EVENT_ChoiceStateEntered, ASL_EVENT_ChoiceStateExited, ASL_EVENT_COUNT },
    [ASL_PARALLEL] = { ASL_EVENT_ParallelStateEntered, ASL_EVENT_ParallelStateExited,
                       ASL_EVENT_ParallelStateAborted },
    [ASL_MAP] = { ASL_EVENT_MapStateEntered, ASL_EVENT_MapStateExited, ASL_EVENT_MapStateAborted },
};

static void set(json_t **place, json_t *value)
{
    json_incref(value);
    json_decref(*place);
    *place = value;
}

// --- making and freeing ---

struct asl_thread *asl_thread_new(struct asl_exec *exec, struct asl_thread *parent, size_t slot,
                                  const struct asl_flow *flow, json_t *input)
{
    if (exec->thread_count == ASL_THREADS_MAX) {
        (void)sr_fail(exec->err, SR_ERR_LIMIT, "more than %d branches and iterations at once",
                      ASL_THREADS_MAX);
        return NULL;
    }
    struct asl_thread *thread = calloc(1, sizeof *thread);
    if (!thread) {
        (void)asl_exec_no_memory(exec);
        return NULL;
    }
    exec->thread_count++;
    thread->parent = parent;
    thread->slot = slot;
    thread->flow = flow;
    thread->state = asl_flow_find(flow, flow->start);
    thread->input = json_incref(input);
    thread->history = parent ? parent->history : &exec->history;
    thread->last_id = parent ? parent->last_id : 0;
    thread->scope.outer = parent ? &parent->scope : NULL;
    asl_exec_ready(exec, thread);
    return thread;
}

void asl_thread_unready(struct asl_exec *exec, struct asl_thread *thread)
{
    if (!thread->is_ready)
        return;
    *(thread->before_ready ? &thread->before_ready->next_ready : &exec->ready_first) =
        thread->next_ready;
    *(thread->next_ready ? &thread->next_ready->before_ready : &exec->ready_last) =
        thread->before_ready;
    thread->is_ready = false;
}

void asl_thread_free(struct asl_exec *exec, struct asl_thread *thread)
{
    if (!thread)
        return;
    asl_group_free(exec, thread);
    asl_thread_unready(exec, thread);
    asl_exec_unwait(exec, thread);
    json_decref(thread->input);
    json_decref(thread->vars);
    json_decref(thread->arguments);
    json_decref(thread->item);
    free(thread->attempts);
    if (thread->owns_history)
        free(thread->history);
    free(thread);
    exec->thread_count--;
}

bool asl_thread_abort(struct asl_exec *exec, struct asl_thread *thread, bool events)
{
    const bool stopped = thread->group && thread->group->stopped;  // and that was told
    const bool inner_events = events && !stopped && !asl_thread_in_child(thread);
    for (struct asl_thread *child = thread->group ? thread->group->first : NULL; child;
         child = child->after) {
        if (!asl_thread_abort(exec, child, inner_events))
            return false;
    }
    if (thread->op) {
        const bool task = thread->phase == ASL_PHASE_TASK,
                   timer = thread->phase == ASL_PHASE_TIMER || thread->phase == ASL_PHASE_BACKOFF;
        const uint64_t op = thread->op;
        asl_exec_unwait(exec, thread);
        if ((task || timer) &&
            !asl_exec_command(exec, task ? ASL_COMMAND_TASK_CANCEL : ASL_COMMAND_TIMER_CANCEL, op))
            return false;
    }
    asl_thread_unready(exec, thread);
    if (thread->group && thread->group->run && !asl_run_end(exec, thread, ASL_ABORTED))
        return false;
    const enum asl_event_type type = type_events[thread->state->type].aborted;
    if (events && !thread->over && type != ASL_EVENT_COUNT && thread->phase != ASL_PHASE_ENTER &&
        !asl_exec_event(exec, thread, type, NULL))
        return false;
    if (!thread->owns_history || thread->over)
        return true;
    thread->over = true;
    return asl_exec_event(exec, thread, ASL_EVENT_ExecutionAborted, NULL) &&
           asl_run_child(exec, thread, ASL_ABORTED, false);
}

struct asl_work asl_thread_work(struct asl_exec *exec, struct asl_thread *thread,
                                struct asl_failure *failure)
{
    return (struct asl_work){
        .state = thread->state,
        .scope = { .input = thread->input, .vars = &thread->scope, .context = asl_context_build },
        .random = &exec->random,
        .failure = failure,
    };
}

// --- walking ---

static bool enter(struct asl_exec *exec, struct asl_thread *thread)
{
    const struct asl_state *state = thread->state;
    thread->entered_us = exec->now->now_us;
    thread->retry_count = 0;
    free(thread->attempts);
    thread->attempts = NULL;
    json_t *details = json_pack("{s:s, s:O}", "name", state->name, "input", thread->input);
    if (!details)
        return asl_exec_no_memory(exec);
    if (!asl_exec_event(exec, thread, type_events[state->type].entered, details))
        return false;
    thread->entered_id = thread->last_id;
    return true;
}

bool asl_thread_run(struct asl_exec *exec, struct asl_thread *thread)
{
    if (thread->phase == ASL_PHASE_CHILDREN)
        return asl_group_go_on(exec, thread);  // redriven
    if (thread->phase == ASL_PHASE_ENTER && !enter(exec, thread))
        return false;
    thread->phase = ASL_PHASE_RETRY;  // begun: from here on an abort is worth an event
    return asl_exec_begin(exec, thread);
}

static bool assign(struct asl_exec *exec, struct asl_thread *thread, json_t *assigned)
{
    if (!assigned)
        return true;
    if (!thread->vars && !(thread->vars = json_object()))
        return asl_exec_no_memory(exec);
    thread->scope.own = thread->vars;
    return json_object_update(thread->vars, assigned) == 0 || asl_exec_no_memory(exec);
}

static bool thread_done(struct asl_exec *exec, struct asl_thread *thread, json_t *output)
{
    if (thread->parent)
        return asl_group_child_done(exec, thread, output);
    return asl_exec_end(exec, thread, ASL_SUCCEEDED, output, NULL);
}

bool asl_thread_leave(struct asl_exec *exec, struct asl_thread *thread, json_t *output,
                      json_t *assigned, const char *next)
{
    const struct asl_state *state = thread->state;
    json_t *details = json_pack("{s:s, s:O, s:O*}", "name", state->name, "output", output,
                                "assignedVariables", assigned);
    if (!details)
        return asl_exec_no_memory(exec);
    if (!asl_exec_event(exec, thread, type_events[state->type].exited, details) ||
        !assign(exec, thread, assigned))
        return false;
    set(&thread->input, output);
    set(&thread->arguments, NULL);
    if (!next)
        return thread_done(exec, thread, thread->input);
    thread->state = asl_flow_find(thread->flow, next);
    if (!thread->state)
        return sr_fail(exec->err, SR_ERR_INTERNAL, "state %s leads nowhere", state->name);
    thread->phase = ASL_PHASE_ENTER;
    asl_exec_ready(exec, thread);
    return true;
}

static bool too_large(struct asl_exec *exec, struct asl_thread *thread, const json_t *output)
{
    return output != thread->input && asl_data_bytes(output) > exec->payload_bytes_max;
}

bool asl_thread_finish(struct asl_exec *exec, struct asl_thread *thread, json_t *result)
{
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    const struct asl_context_of of = { exec, thread };
    struct asl_work work = asl_thread_work(exec, thread, &failure);
    work.scope.context_self = &of;
    sr_auto(json) json_t *output = NULL, *assigned = NULL;
    if (!thread->state->language->output(&work, thread->arguments, result, &output, &assigned))
        return asl_thread_failed_call(exec, thread, &failure);
    if (too_large(exec, thread, output)) {
        (void)asl_fail(
            &failure, ASL_ERROR_DATA_LIMIT,
            "The state/task '%s' returned a result with a size exceeding the maximum number of bytes service "
            "limit.",
            thread->state->name);
        return asl_thread_fail(exec, thread, &failure);
    }
    return asl_thread_leave(exec, thread, output, assigned, thread->state->next);
}

// --- failures ---

bool asl_thread_failed_call(struct asl_exec *exec, struct asl_thread *thread,
                            struct asl_failure *failure)
{
    if (!failure->error)
        return asl_exec_no_memory(exec);
    if (!failure->terminal || strcmp(failure->error, ASL_ERROR_RUNTIME) != 0)
        return asl_thread_fail(exec, thread, failure);
    char *cause = sr_strf(
        exec->err,
        "An error occurred while executing the state '%s' (entered at the event id #%llu). %s",
        thread->state->name, (unsigned long long)thread->entered_id,
        failure->cause ? failure->cause : "");
    if (!cause)
        return false;
    free(failure->cause);
    failure->cause = cause;
    return asl_thread_fail(exec, thread, failure);
}

static bool retry(struct asl_exec *exec, struct asl_thread *thread,
                  const struct asl_failure *failure, bool *ret_retries)
{
    const struct asl_state *state = thread->state;
    const int found = asl_retry_find(state->retriers, state->retrier_count, failure);
    *ret_retries = false;
    if (found < 0)
        return true;
    if (!thread->attempts &&
        !(thread->attempts = calloc(state->retrier_count, sizeof *thread->attempts)))
        return asl_exec_no_memory(exec);
    const int64_t delay_us =
        asl_retry_delay_us(&state->retriers[found], thread->attempts[found] + 1, &exec->random);
    if (delay_us < 0)
        return true;
    asl_group_free(exec, thread);
    thread->attempts[found]++;
    thread->retry_count++;
    *ret_retries = true;
    if (!asl_exec_wait(exec, thread, ASL_PHASE_BACKOFF))
        return false;
    struct asl_command *command = asl_exec_command(exec, ASL_COMMAND_TIMER, thread->op);
    if (command)
        command->at_us = exec->now->now_us + delay_us;
    return command != NULL;
}

static bool state_failed_event(struct asl_exec *exec, struct asl_thread *thread,
                               const struct asl_failure *failure)
{
    if (failure->terminal ||
        (thread->state->type != ASL_PARALLEL && thread->state->type != ASL_MAP))
        return true;
    return asl_exec_event(exec, thread,
                          thread->state->type == ASL_MAP ? ASL_EVENT_MapStateFailed
                                                         : ASL_EVENT_ParallelStateFailed,
                          NULL);
}

static json_t *error_output(const struct asl_failure *failure)
{
    const bool timeout =
        failure->error && !failure->cause && strcmp(failure->error, ASL_ERROR_TIMEOUT) == 0;
    return json_pack("{s:s?, s:s?}", "Error", failure->error, "Cause",
                     timeout ? "" : failure->cause);
}

static bool catch_failure(struct asl_exec *exec, struct asl_thread *thread,
                          const struct asl_catcher *catcher, const struct asl_failure *failure)
{
    sr_auto(json) json_t *error = error_output(failure);
    sr_auto(json) json_t *output = NULL, *assigned = NULL;
    sr_auto(asl_failure) struct asl_failure inner = { 0 };
    const struct asl_context_of of = { exec, thread };
    struct asl_work work = asl_thread_work(exec, thread, &inner);
    work.scope.context_self = &of;
    if (!error)
        return asl_exec_no_memory(exec);
    asl_group_free(exec, thread);
    if (thread->state->language->caught(&work, catcher, error, &output, &assigned))
        return asl_thread_leave(exec, thread, output, assigned, catcher->next);
    inner.terminal = true;  // no catcher catches what goes wrong in a catcher
    return asl_thread_failed_call(exec, thread, &inner);
}

bool asl_thread_fail(struct asl_exec *exec, struct asl_thread *thread, struct asl_failure *failure)
{
    const struct asl_state *state = thread->state;
    bool retries;
    asl_thread_unready(exec, thread);  // what a redrive had given it a turn for is over
    // Unless the state is tried again or its failure caught, its children stay for a redrive.
    if (!retry(exec, thread, failure, &retries))
        return false;
    if (retries)
        return true;
    if (!state_failed_event(exec, thread, failure))
        return false;
    const int found = asl_catch_find(state->catchers, state->catcher_count, failure);
    if (found >= 0)
        return catch_failure(exec, thread, &state->catchers[found], failure);
    if (thread->parent && (!failure->terminal || asl_thread_in_child(thread)))
        return asl_group_child_failed(exec, thread, failure);
    return asl_exec_end(exec, thread, ASL_FAILED, NULL, failure);
}
