// Parallel and Map: children, their results, tolerated failures.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "statemachine/asl_exec_priv.h"

static bool is_distributed(const struct asl_thread *thread)
{
    return thread->state->type == ASL_MAP && thread->state->map.distributed;
}

// Inside a child execution of a distributed map: failures of the machinery end only that.
bool asl_thread_in_child(const struct asl_thread *thread)
{
    return thread->history->child != 0;
}

void asl_group_free(struct asl_exec *exec, struct asl_thread *thread)
{
    struct asl_group *group = thread->group;
    if (!group)
        return;
    while (group->first) {
        struct asl_thread *child = group->first;
        group->first = child->after;
        asl_thread_free(exec, child);
    }
    json_decref(group->items);
    json_decref(group->values);
    json_decref(group->results);
    free(group->lost);
    free(group);
    thread->group = NULL;
    if (thread->phase == ASL_PHASE_CHILDREN)
        asl_exec_unwait(exec, thread);  // nobody can change the map run any more
}

static bool group_new(struct asl_exec *exec, struct asl_thread *thread, size_t count)
{
    struct asl_group *group = calloc(1, sizeof *group);
    if (!group)
        return asl_exec_no_memory(exec);
    thread->group = group;
    thread->phase = ASL_PHASE_CHILDREN;
    group->count = count;
    group->tolerated_count = group->tolerated_percentage = -1;
    group->results = json_array();
    if (!group->results)
        return asl_exec_no_memory(exec);
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(group->results, json_null()) != 0)
            return asl_exec_no_memory(exec);
    }
    return true;
}

static struct asl_work work_of(struct asl_exec *exec, struct asl_thread *thread,
                               struct asl_failure *failure, const struct asl_context_of *of)
{
    struct asl_work work = asl_thread_work(exec, thread, failure);
    work.scope.context_self = of;
    return work;
}

// --- children ---

static bool iteration_event(struct asl_exec *exec, struct asl_thread *thread, size_t index,
                            enum asl_event_type type)
{
    json_t *details =
        json_pack("{s:s, s:I}", "name", thread->parent->state->name, "index", (json_int_t)index);
    return details ? asl_exec_event(exec, thread, type, details) : asl_exec_no_memory(exec);
}

static bool child_history(struct asl_exec *exec, struct asl_thread *child)
{
    const struct asl_group *group = child->parent->group;
    struct asl_lost *lost = group->lost ? &group->lost[child->slot] : NULL;
    child->history = calloc(1, sizeof *child->history);
    if (!child->history)
        return asl_exec_no_memory(exec);
    child->owns_history = true;
    child->last_id = 0;
    child->scope.outer = NULL;  // Spec: variables do not reach into distributed maps
    const bool again = lost && lost->child;
    if (again) {  // the same child execution, redriven
        child->history->child = lost->child;
        child->history->last_id = child->last_id = lost->last_id;
        *lost = (struct asl_lost){ 0 };
    } else {
        child->history->child = ++exec->last_op;
    }
    json_t *details = again ? json_pack("{s:I}", "redriveCount", (json_int_t)group->redrive_count)
                            : json_pack("{s:O}", "input", child->input);
    if (!details)
        return asl_exec_no_memory(exec);
    return asl_exec_event(exec, child,
                          again ? ASL_EVENT_ExecutionRedriven : ASL_EVENT_ExecutionStarted,
                          details) &&
           asl_run_child(exec, child, ASL_RUNNING, !again);
}

static bool start_child(struct asl_exec *exec, struct asl_thread *thread, size_t index)
{
    struct asl_group *group = thread->group;
    const struct asl_state *state = thread->state;
    const bool map = state->type == ASL_MAP;
    const struct asl_flow *flow = map ? state->map.processor : state->parallel.branches[index];
    json_t *input = map ? json_array_get(group->items, index) : thread->arguments;
    struct asl_thread *child = asl_thread_new(exec, thread, index, flow, input);
    if (!child)
        return false;
    child->after = group->first;
    if (group->first)
        group->first->before = child;
    group->first = child;
    group->live++;
    if (!map)
        return true;
    if (group->values) {
        child->item = json_pack("{s:I, s:O}", "Index", (json_int_t)index, "Value",
                                json_array_get(group->values, index));
        if (!child->item)
            return asl_exec_no_memory(exec);
    }
    return is_distributed(thread)
               ? child_history(exec, child)
               : iteration_event(exec, child, index, ASL_EVENT_MapIterationStarted);
}

// Those that a redrive runs again come first.
static bool take_slot(struct asl_group *group, size_t *ret_slot)
{
    while (group->again < group->again_end) {
        *ret_slot = group->again++;
        if (group->lost[*ret_slot].redo)
            return true;
    }
    if (group->next == group->count)
        return false;
    *ret_slot = group->next++;
    return true;
}

static bool start_children(struct asl_exec *exec, struct asl_thread *thread)
{
    struct asl_group *group = thread->group;
    size_t slot;
    while ((!group->concurrency_max || group->live < group->concurrency_max) &&
           take_slot(group, &slot)) {
        if (!start_child(exec, thread, slot))
            return false;
    }
    return true;
}

static void unlink_child(struct asl_exec *exec, struct asl_thread *child)
{
    struct asl_group *group = child->parent->group;
    if (child->before)
        child->before->after = child->after;
    else
        group->first = child->after;
    if (child->after)
        child->after->before = child->before;
    group->live--;
    asl_thread_free(exec, child);
}

// --- the end of a group ---

static bool write_results(struct asl_exec *exec, struct asl_thread *thread)
{
    const struct asl_writer *writer = thread->state->map.writer;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    const struct asl_context_of of = { exec, thread };
    struct asl_work work = work_of(exec, thread, &failure, &of);
    sr_auto(json) json_t *parameters = NULL;
    if (writer->parameters && !thread->state->language->evaluate(&work, thread->arguments,
                                                                 writer->parameters, &parameters))
        return asl_thread_failed_call(exec, thread, &failure);
    asl_exec_unwait(exec, thread);
    if (!asl_exec_wait(exec, thread, ASL_PHASE_WRITING))
        return false;
    struct asl_command *command = asl_exec_command(exec, ASL_COMMAND_WRITE_RESULTS, thread->op);
    if (!command)
        return false;
    command->state = thread->state;
    command->payload = sr_take(parameters);
    command->results = json_incref(thread->group->results);
    return true;
}

static bool map_succeeded(struct asl_exec *exec, struct asl_thread *thread, json_t *result)
{
    if (is_distributed(thread) && (!asl_exec_event(exec, thread, ASL_EVENT_MapRunSucceeded, NULL) ||
                                   !asl_run_end(exec, thread, ASL_SUCCEEDED)))
        return false;
    if (!asl_exec_event(exec, thread, ASL_EVENT_MapStateSucceeded, NULL))
        return false;
    asl_group_free(exec, thread);
    return asl_thread_finish(exec, thread, result);
}

// The output of a distributed map holds what its successful children gave.
static json_t *successful_results(const struct asl_group *group)
{
    if (!group->failed)
        return json_incref(group->results);
    json_t *results = json_array();
    size_t i;
    json_t *value;
    json_array_foreach(group->results, i, value)
    {
        if (!(group->lost && group->lost[i].child) && json_array_append(results, value) != 0) {
            json_decref(results);
            return NULL;
        }
    }
    return results;
}

static bool group_done(struct asl_exec *exec, struct asl_thread *thread)
{
    if (thread->state->type == ASL_PARALLEL) {
        sr_auto(json) json_t *branches = json_incref(thread->group->results);
        asl_group_free(exec, thread);
        return asl_thread_finish(exec, thread, branches);
    }
    if (thread->state->map.writer && is_distributed(thread))
        return write_results(exec, thread);
    sr_auto(json) json_t *results = successful_results(thread->group);
    return results ? map_succeeded(exec, thread, results) : asl_exec_no_memory(exec);
}

bool asl_group_written(struct asl_exec *exec, struct asl_thread *thread,
                       const struct asl_input *input)
{
    asl_exec_unwait(exec, thread);
    if (input->kind == ASL_INPUT_RESULTS_WRITTEN && input->value)
        return map_succeeded(exec, thread, input->value);
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    if (!asl_failure_set(&failure, ASL_ERROR_RESULT_WRITER, input->cause))
        return asl_exec_no_memory(exec);
    return asl_exec_event(exec, thread, ASL_EVENT_MapRunFailed, NULL) &&
           asl_run_end(exec, thread, ASL_FAILED) && asl_thread_fail(exec, thread, &failure);
}

bool asl_group_go_on(struct asl_exec *exec, struct asl_thread *thread)
{
    struct asl_group *group = thread->group;
    asl_thread_unready(exec, thread);  // a turn that a redrive gave it would do the same once more
    if (!start_children(exec, thread))
        return false;
    return group->done + group->failed < group->count || group_done(exec, thread);
}

bool asl_group_child_done(struct asl_exec *exec, struct asl_thread *child, json_t *output)
{
    struct asl_thread *thread = child->parent;
    struct asl_group *group = thread->group;
    if (json_array_set(group->results, child->slot, output) != 0)
        return asl_exec_no_memory(exec);
    if (is_distributed(thread)) {
        json_t *details = json_pack("{s:O}", "output", output);
        if (!details)
            return asl_exec_no_memory(exec);
        child->over = true;
        if (!asl_exec_event(exec, child, ASL_EVENT_ExecutionSucceeded, details) ||
            !asl_run_child(exec, child, ASL_SUCCEEDED, false))
            return false;
    } else if (thread->state->type == ASL_MAP &&
               !iteration_event(exec, child, child->slot, ASL_EVENT_MapIterationSucceeded)) {
        return false;
    }
    if (!is_distributed(thread))
        thread->last_id = child->last_id;
    group->done++;
    unlink_child(exec, child);
    return asl_group_go_on(exec, thread);
}

static bool abort_siblings(struct asl_exec *exec, struct asl_thread *thread,
                           struct asl_thread *failed)
{
    const bool inline_map = thread->state->type == ASL_MAP && !is_distributed(thread);
    for (struct asl_thread *child = thread->group->first; child; child = child->after) {
        if (child != failed && (!asl_thread_abort(exec, child, !is_distributed(thread)) ||
                                (inline_map && !iteration_event(exec, child, child->slot,
                                                                ASL_EVENT_MapIterationAborted))))
            return false;
    }
    return true;
}

bool asl_group_over_threshold(const struct asl_group *group)
{
    const double failed = (double)group->failed;
    if (group->tolerated_count < 0 && group->tolerated_percentage < 0)
        return group->failed > 0;
    if (group->tolerated_count >= 0 && failed > group->tolerated_count)
        return true;
    return group->tolerated_percentage >= 0 &&
           failed * 100.0 > group->tolerated_percentage * (double)group->count;
}

bool asl_group_exceeded(struct asl_exec *exec, struct asl_thread *thread, struct asl_thread *failed)
{
    if (!abort_siblings(exec, thread, failed))
        return false;
    thread->group->stopped = true;
    sr_auto(asl_failure) struct asl_failure threshold = { 0 };
    (void)asl_fail_catchable(&threshold, ASL_ERROR_THRESHOLD,
                             "The specified tolerated failure threshold was exceeded");
    json_t *details = json_pack("{s:s*, s:s*}", "error", threshold.error, "cause", threshold.cause);
    if (!details)
        return asl_exec_no_memory(exec);
    return asl_exec_event(exec, thread, ASL_EVENT_MapRunFailed, details) &&
           asl_run_end(exec, thread, ASL_FAILED) && asl_thread_fail(exec, thread, &threshold);
}

// `failure` may be of a child that is freed here: it is not read after that.
static bool child_lost(struct asl_exec *exec, struct asl_thread *child, enum asl_status status,
                       const struct asl_failure *failure)
{
    struct asl_thread *thread = child->parent;
    json_t *details = json_pack("{s:s*, s:s*}", "error", failure->error, "cause", failure->cause);
    if (!details)
        return asl_exec_no_memory(exec);
    child->over = true;
    if (!asl_exec_event(exec, child,
                        status == ASL_FAILED ? ASL_EVENT_ExecutionFailed
                                             : ASL_EVENT_ExecutionAborted,
                        details) ||
        !asl_run_child(exec, child, status, false))
        return false;
    struct asl_group *group = thread->group;
    if (!group->lost && !(group->lost = calloc(group->count, sizeof *group->lost)))
        return asl_exec_no_memory(exec);
    group->failed++;
    const bool exceeded = asl_group_over_threshold(group);
    group->lost[child->slot] =
        (struct asl_lost){ child->history->child, child->history->last_id, exceeded, false };
    if (exceeded)
        return asl_group_exceeded(exec, thread, child);
    unlink_child(exec, child);
    return asl_group_go_on(exec, thread);
}

bool asl_group_child_stopped(struct asl_exec *exec, struct asl_thread *child,
                             const struct asl_input *input)
{
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    if (!asl_failure_set(&failure, input->error, input->cause))
        return asl_exec_no_memory(exec);
    child->over = true;  // what it waits for ends in silence, as when a whole execution is stopped
    return asl_thread_abort(exec, child, false) && child_lost(exec, child, ASL_ABORTED, &failure);
}

bool asl_group_child_failed(struct asl_exec *exec, struct asl_thread *child,
                            struct asl_failure *failure)
{
    struct asl_thread *thread = child->parent;
    if (is_distributed(thread))
        return child_lost(exec, child, ASL_FAILED, failure);
    if (thread->state->type == ASL_MAP) {
        if (!iteration_event(exec, child, child->slot, ASL_EVENT_MapIterationFailed))
            return false;
    } else if (!asl_thread_abort(exec, child,
                                 true)) {  // a branch's failed Task counts as aborted, too
        return false;
    }
    if (!abort_siblings(exec, thread, child))
        return false;
    thread->group->stopped = true;
    thread->last_id = child->last_id;
    // The failure outlives the child: asl_thread_fail() frees the group.
    sr_auto(asl_failure) struct asl_failure own = { .terminal = failure->terminal,
                                                    .heartbeat = failure->heartbeat };
    if (!asl_failure_set(&own, failure->error, failure->cause))
        return asl_exec_no_memory(exec);
    own.terminal = failure->terminal;
    return asl_thread_fail(exec, thread, &own);
}

// --- the beginning of a Map ---

static bool make_inputs(struct asl_exec *exec, struct asl_thread *thread, json_t *values,
                        json_t **ret_inputs, struct asl_failure *failure)
{
    const struct asl_state *state = thread->state;
    if (!state->map.item_selector) {
        *ret_inputs = json_incref(values);
        return true;
    }
    sr_auto(json) json_t *inputs = json_array();
    const struct asl_context_of of = { exec, thread };
    struct asl_work work = work_of(exec, thread, failure, &of);
    size_t i;
    json_t *value, *outside = thread->item;
    bool made = inputs != NULL;
    json_array_foreach(values, i, value)
    {
        json_t *input = NULL;
        thread->item = json_pack("{s:I, s:O}", "Index", (json_int_t)i, "Value", value);
        made = thread->item && state->language->item(&work, thread->arguments, value, &input) &&
               json_array_append_new(inputs, input) == 0;
        json_decref(thread->item);
        if (!made)
            break;
    }
    thread->item = outside;
    if (made)
        *ret_inputs = sr_take(inputs);
    return made;
}

// Spec: ASL "ItemBatcher": arrays of items, limited in number and in bytes, each in an object with BatchInput.
static bool make_batches(struct asl_exec *exec, struct asl_thread *thread, struct asl_work *work,
                         json_t **inputs)
{
    const struct asl_batcher *batcher = thread->state->map.batcher;
    double items_max = 0, bytes_max = 0;
    sr_auto(json) json_t *common = NULL;
    const struct asl_language *language = thread->state->language;
    if (!language->number(work, thread->arguments, ASL_NUMBER_BATCH_ITEMS, &items_max) ||
        !language->number(work, thread->arguments, ASL_NUMBER_BATCH_BYTES, &bytes_max) ||
        (batcher->input && !language->evaluate(work, thread->arguments, batcher->input, &common)))
        return false;
    if (bytes_max <= 0 || bytes_max > (double)exec->payload_bytes_max)
        bytes_max = (double)exec->payload_bytes_max;
    sr_auto(json) json_t *batches = json_array();
    json_t *items = NULL, *value;
    double bytes = 0;
    size_t i;
    json_array_foreach(*inputs, i, value)
    {
        const double size = (double)asl_data_bytes(value) + 1;
        const bool full =
            items && ((items_max > 0 && (double)json_array_size(items) >= items_max) ||
                      bytes + size > bytes_max);
        if (!items || full) {
            items = json_array();
            bytes = (double)(common ? asl_data_bytes(common) : 0) + 32;
            json_t *batch = common ? json_pack("{s:O, s:o}", "BatchInput", common, "Items", items)
                                   : json_pack("{s:o}", "Items", items);
            if (json_array_append_new(batches, batch) != 0)
                return false;
        }
        bytes += size;
        if (json_array_append(items, value) != 0)
            return false;
    }
    json_decref(*inputs);
    *inputs = sr_take(batches);
    return true;
}

static bool map_numbers(struct asl_thread *thread, struct asl_work *work, double *ret_count,
                        double *ret_percentage)
{
    const struct asl_language *language = thread->state->language;
    return language->number(work, thread->arguments, ASL_NUMBER_TOLERATED_COUNT, ret_count) &&
           language->number(work, thread->arguments, ASL_NUMBER_TOLERATED_PERCENTAGE,
                            ret_percentage);
}

bool asl_group_items(struct asl_exec *exec, struct asl_thread *thread, json_t *items)
{
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    const struct asl_context_of of = { exec, thread };
    struct asl_work work = work_of(exec, thread, &failure, &of);
    double concurrency = 0, items_max = 0, count = -1, percentage = -1;
    sr_auto(json) json_t *values = json_incref(items);
    sr_auto(json) json_t *inputs = NULL;
    if (!thread->state->language->number(&work, thread->arguments, ASL_NUMBER_CONCURRENCY,
                                         &concurrency) ||
        !thread->state->language->number(&work, thread->arguments, ASL_NUMBER_READER_ITEMS,
                                         &items_max))
        return asl_thread_failed_call(exec, thread, &failure);
    if (items_max >= 1 && (double)json_array_size(values) > items_max) {
        json_decref(values);
        values = json_copy(items);
        while (values && (double)json_array_size(values) > items_max)
            (void)json_array_remove(values, json_array_size(values) - 1);
    }
    json_t *details =
        values ? json_pack("{s:I}", "length", (json_int_t)json_array_size(values)) : NULL;
    if (!details)
        return asl_exec_no_memory(exec);
    if (!asl_exec_event(exec, thread, ASL_EVENT_MapStateStarted, details))
        return false;
    if (!map_numbers(thread, &work, &count, &percentage) ||
        !make_inputs(exec, thread, values, &inputs, &failure))
        return asl_thread_failed_call(exec, thread, &failure);
    const bool batches = thread->state->map.batcher && is_distributed(thread);
    if (batches && !make_batches(exec, thread, &work, &inputs))
        return asl_thread_failed_call(exec, thread, &failure);
    if (!group_new(exec, thread, json_array_size(inputs)))
        return false;
    struct asl_group *group = thread->group;
    group->item_count = json_array_size(values);
    group->concurrency_max = concurrency >= 1 ? (size_t)concurrency : 0;
    group->tolerated_count = count;
    group->tolerated_percentage = percentage;
    group->items = sr_take(inputs);
    group->values = batches ? NULL : sr_take(values);
    return (!is_distributed(thread) || asl_run_begin(exec, thread)) &&
           asl_group_go_on(exec, thread);
}

static bool read_items(struct asl_exec *exec, struct asl_thread *thread, struct asl_work *work)
{
    const struct asl_reader *reader = thread->state->map.reader;
    sr_auto(json) json_t *parameters = NULL;
    if (reader->parameters && !thread->state->language->evaluate(work, thread->arguments,
                                                                 reader->parameters, &parameters))
        return asl_thread_failed_call(exec, thread, work->failure);
    if (!asl_exec_wait(exec, thread, ASL_PHASE_READING))
        return false;
    struct asl_command *command = asl_exec_command(exec, ASL_COMMAND_READ_ITEMS, thread->op);
    if (!command)
        return false;
    command->state = thread->state;
    command->payload = sr_take(parameters);
    return true;
}

bool asl_group_begin(struct asl_exec *exec, struct asl_thread *thread)
{
    const struct asl_state *state = thread->state;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    const struct asl_context_of of = { exec, thread };
    struct asl_work work = work_of(exec, thread, &failure, &of);
    if (state->type == ASL_PARALLEL)
        return asl_exec_event(exec, thread, ASL_EVENT_ParallelStateStarted, NULL) &&
               group_new(exec, thread, state->parallel.count) && asl_group_go_on(exec, thread);
    if (is_distributed(thread) && state->map.reader)
        return read_items(exec, thread, &work);
    sr_auto(json) json_t *items = NULL;
    if (!state->language->items(&work, thread->arguments, &items))
        return asl_thread_failed_call(exec, thread, &failure);
    return asl_group_items(exec, thread, items);
}
