// What each type of state does once it is entered; tasks and what answers them.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "statemachine/asl_exec_priv.h"

static bool begin_wait(struct asl_exec *exec, struct asl_thread *thread, struct asl_work *work)
{
    int64_t until_us;
    if (!thread->state->language->wait_until(work, exec->now->now_us, &until_us))
        return asl_thread_failed_call(exec, thread, work->failure);
    if (!asl_exec_wait(exec, thread, ASL_PHASE_TIMER))
        return false;
    struct asl_command *command = asl_exec_command(exec, ASL_COMMAND_TIMER, thread->op);
    if (command)
        command->at_us = until_us > exec->now->now_us ? until_us : exec->now->now_us;
    return command != NULL;
}

static bool begin_fail(struct asl_exec *exec, struct asl_thread *thread, struct asl_work *work)
{
    sr_auto(char) char *error = NULL, *cause = NULL;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    if (!thread->state->language->fail_texts(work, &error, &cause))
        return asl_thread_failed_call(exec, thread, work->failure);
    if (!asl_failure_set(&failure, error, cause))
        return asl_exec_no_memory(exec);
    return asl_thread_fail(exec, thread, &failure);
}

static bool begin_choice(struct asl_exec *exec, struct asl_thread *thread, struct asl_work *work)
{
    const struct asl_choice *choice = &thread->state->choice;
    size_t option;
    if (!thread->state->language->choose(work, &option))
        return asl_thread_failed_call(exec, thread, work->failure);
    const char *next = option < choice->count ? choice->options[option].next : choice->otherwise;
    if (!next) {
        (void)asl_fail_catchable(work->failure, ASL_ERROR_NO_CHOICE,
                                 "No choice rule matched, and the state '%s' has no Default.",
                                 thread->state->name);
        return asl_thread_fail(exec, thread, work->failure);
    }
    sr_auto(json) json_t *output = NULL, *assigned = NULL;
    if (!thread->state->language->choice_output(work, option, &output, &assigned))
        return asl_thread_failed_call(exec, thread, work->failure);
    return asl_thread_leave(exec, thread, output, assigned, next);
}

// --- tasks ---

enum task_moment {
    MOMENT_SCHEDULED,
    MOMENT_STARTED,
    MOMENT_SUCCEEDED,
    MOMENT_FAILED,
    MOMENT_TIMED_OUT
};

static const enum asl_event_type task_events[][5] = {
    [ASL_TASK_LAMBDA] = { ASL_EVENT_LambdaFunctionScheduled, ASL_EVENT_LambdaFunctionStarted,
                          ASL_EVENT_LambdaFunctionSucceeded, ASL_EVENT_LambdaFunctionFailed,
                          ASL_EVENT_LambdaFunctionTimedOut },
    [ASL_TASK_ACTIVITY] = { ASL_EVENT_ActivityScheduled, ASL_EVENT_ActivityStarted,
                            ASL_EVENT_ActivitySucceeded, ASL_EVENT_ActivityFailed,
                            ASL_EVENT_ActivityTimedOut },
    [ASL_TASK_SERVICE] = { ASL_EVENT_TaskScheduled, ASL_EVENT_TaskStarted, ASL_EVENT_TaskSucceeded,
                           ASL_EVENT_TaskFailed, ASL_EVENT_TaskTimedOut },
};

// The region of an ARN's fourth field; service integrations have none and run where the machine
// runs.
static json_t *scheduled_details(const struct asl_exec *exec, const struct asl_state *state,
                                 json_t *payload, int64_t timeout_s, int64_t heartbeat_s)
{
    const struct asl_resource *resource = &state->task.resource;
    json_t *details;
    if (resource->kind == ASL_TASK_SERVICE) {
        const char *region = exec->machine_arn;
        for (int i = 0; region && i < 3; i++) {
            region = strchr(region, ':');
            region = region ? region + 1 : NULL;
        }
        details = json_pack("{s:s, s:s, s:s%, s:O}", "resourceType", resource->type, "resource",
                            resource->action, "region", region ? region : "",
                            region ? strcspn(region, ":") : (size_t)0, "parameters", payload);
    } else {
        details = json_pack("{s:s, s:O}", "resource", resource->arn, "input", payload);
    }
    if (details && timeout_s)
        json_object_set_new(details, "timeoutInSeconds", json_integer(timeout_s));
    if (details && heartbeat_s && resource->kind != ASL_TASK_LAMBDA)
        json_object_set_new(details, "heartbeatInSeconds", json_integer(heartbeat_s));
    return details;
}

static bool begin_task(struct asl_exec *exec, struct asl_thread *thread, struct asl_work *work)
{
    const struct asl_state *state = thread->state;
    const struct asl_language *language = state->language;
    double timeout_s = 0, heartbeat_s = 0;
    sr_auto(json) json_t *credentials = NULL;
    if (!language->number(work, thread->arguments, ASL_NUMBER_TIMEOUT, &timeout_s) ||
        !language->number(work, thread->arguments, ASL_NUMBER_HEARTBEAT, &heartbeat_s) ||
        (state->task.credentials &&
         !language->evaluate(work, thread->input, state->task.credentials, &credentials)))
        return asl_thread_failed_call(exec, thread, work->failure);
    if (!asl_exec_wait(exec, thread, ASL_PHASE_TASK))
        return false;
    thread->task_started = false;
    json_t *details =
        scheduled_details(exec, state, thread->arguments, (int64_t)timeout_s, (int64_t)heartbeat_s);
    if (!details)
        return asl_exec_no_memory(exec);
    if (!asl_exec_event(exec, thread, task_events[state->task.resource.kind][MOMENT_SCHEDULED],
                        details))
        return false;
    struct asl_command *command = asl_exec_command(exec, ASL_COMMAND_TASK, thread->op);
    if (!command)
        return false;
    command->state = state;
    command->payload = json_incref(thread->arguments);
    command->credentials = sr_take(credentials);
    command->timeout_s = (int64_t)timeout_s;
    command->heartbeat_s = (int64_t)heartbeat_s;
    command->token = asl_context_token(exec, thread->op);
    return command->token || asl_exec_no_memory(exec);
}

static json_t *task_details(const struct asl_state *state, const char *key, json_t *value,
                            const char *error, const char *cause)
{
    const struct asl_resource *resource = &state->task.resource;
    const bool service = resource->kind == ASL_TASK_SERVICE;
    return json_pack("{s:s*, s:s*, s:O*, s:s*, s:s*}", "resourceType",
                     service ? resource->type : NULL, "resource", service ? resource->action : NULL,
                     key, value, "error", error, "cause", cause);
}

static bool task_event(struct asl_exec *exec, struct asl_thread *thread, enum asl_event_type type,
                       json_t *details)
{
    if (!details)
        return asl_exec_no_memory(exec);
    return asl_exec_event(exec, thread, type, details);
}

static bool task_started(struct asl_exec *exec, struct asl_thread *thread, const char *worker)
{
    const struct asl_state *state = thread->state;
    if (thread->task_started)
        return true;
    thread->task_started = true;
    json_t *details = state->task.resource.kind == ASL_TASK_ACTIVITY
                          ? json_pack("{s:s*}", "workerName", worker)
                          : task_details(state, "output", NULL, NULL, NULL);
    return task_event(exec, thread, task_events[state->task.resource.kind][MOMENT_STARTED],
                      details);
}

static bool task_succeeded(struct asl_exec *exec, struct asl_thread *thread, json_t *value)
{
    const struct asl_state *state = thread->state;
    const struct asl_resource *resource = &state->task.resource;
    if (asl_data_bytes(value) > exec->payload_bytes_max) {
        sr_auto(asl_failure) struct asl_failure failure = { 0 };
        (void)asl_fail_catchable(
            &failure, ASL_ERROR_DATA_LIMIT,
            "The state/task '%s' returned a result with a size exceeding the maximum number of bytes "
            "service limit.",
            resource->kind == ASL_TASK_SERVICE ? resource->type : resource->arn);
        json_t *details = task_details(state, "output", NULL, failure.error, failure.cause);
        return task_event(exec, thread, task_events[resource->kind][MOMENT_FAILED], details) &&
               asl_thread_fail(exec, thread, &failure);
    }
    if (!task_event(exec, thread, task_events[resource->kind][MOMENT_SUCCEEDED],
                    task_details(state, "output", value, NULL, NULL)))
        return false;
    return asl_thread_finish(exec, thread, value);
}

static bool task_failed(struct asl_exec *exec, struct asl_thread *thread, enum task_moment moment,
                        const char *error, const char *cause, bool heartbeat)
{
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    if (!asl_failure_set(&failure, error, cause))
        return asl_exec_no_memory(exec);
    failure.heartbeat = heartbeat;
    return task_event(exec, thread, task_events[thread->state->task.resource.kind][moment],
                      task_details(thread->state, "output", NULL, error, cause)) &&
           asl_thread_fail(exec, thread, &failure);
}

bool asl_exec_task_input(struct asl_exec *exec, struct asl_thread *thread,
                         const struct asl_input *input)
{
    if (input->kind == ASL_INPUT_TASK_STARTED)
        return task_started(exec, thread, input->error);
    if (input->kind != ASL_INPUT_TASK_TIMED_OUT ||
        thread->state->task.resource.kind != ASL_TASK_ACTIVITY) {
        if (!task_started(exec, thread, NULL))
            return false;
    }
    if (input->kind == ASL_INPUT_TASK_SUBMITTED)
        return task_event(exec, thread, ASL_EVENT_TaskSubmitted,
                          task_details(thread->state, "output", input->value, NULL, NULL));
    const uint64_t op = thread->op;
    asl_exec_unwait(exec, thread);
    switch (input->kind) {
    case ASL_INPUT_TASK_SUCCEEDED: return task_succeeded(exec, thread, input->value);
    case ASL_INPUT_TASK_FAILED:
        return task_failed(exec, thread, MOMENT_FAILED, input->error, input->cause, false);
    default:
        if (!asl_exec_command(exec, ASL_COMMAND_TASK_CANCEL, op))
            return false;
        return task_failed(exec, thread, MOMENT_TIMED_OUT, ASL_ERROR_TIMEOUT, NULL,
                           input->kind == ASL_INPUT_TASK_LOST);
    }
}

// --- all types ---

bool asl_exec_begin(struct asl_exec *exec, struct asl_thread *thread)
{
    const struct asl_state *state = thread->state;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    const struct asl_context_of of = { exec, thread };
    struct asl_work work = asl_thread_work(exec, thread, &failure);
    work.scope.context_self = &of;
    if (state->type == ASL_FAIL)
        return begin_fail(exec, thread, &work);
    if (state->type == ASL_CHOICE)
        return begin_choice(exec, thread, &work);
    sr_auto(json) json_t *arguments = NULL;
    if (!state->language->arguments(&work, &arguments))
        return asl_thread_failed_call(exec, thread, &failure);
    json_decref(thread->arguments);
    thread->arguments = sr_take(arguments);
    switch (state->type) {
    case ASL_PASS:
        return asl_thread_finish(exec, thread, state->result ? state->result : thread->arguments);
    case ASL_SUCCEED: return asl_thread_finish(exec, thread, thread->arguments);
    case ASL_WAIT: return begin_wait(exec, thread, &work);
    case ASL_TASK: return begin_task(exec, thread, &work);
    default: return asl_group_begin(exec, thread);
    }
}
