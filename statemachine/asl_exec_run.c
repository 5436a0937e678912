// Map runs and their child executions as objects of their own, and what a redrive enters again.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "statemachine/asl_exec_priv.h"

// --- names ---

enum { UUID_TEXT = 37 };

// The same in every replay: made of the execution's ARN and the op.
static bool make_uuid(struct asl_exec *exec, uint64_t op, char text[UUID_TEXT])
{
    uint8_t digest[SR_SHA256_BYTES];
    char hex[2 * SR_SHA256_BYTES + 1];
    sr_auto(char) char *seed =
        sr_strf(exec->err, "%s %llu", exec->execution_arn ? exec->execution_arn : "",
                (unsigned long long)op);
    if (!seed || !sr_sha256(seed, strlen(seed), digest, exec->err))
        return false;
    digest[6] = (uint8_t)((digest[6] & 0x0f) | 0x50);  // Spec: RFC 9562: version and variant
    digest[8] = (uint8_t)((digest[8] & 0x3f) | 0x80);
    sr_hex(digest, sizeof digest, hex);
    return sr_format(text, UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                     hex + 20) ||
           sr_fail(exec->err, SR_ERR_INTERNAL, "an id that does not fit");
}

// A state's name may hold what an ARN must not.
static char *make_label(struct asl_exec *exec, const struct asl_state *state)
{
    char *label = sr_str_dup(state->map.label ? state->map.label : state->name, exec->err);
    for (char *c = label; c && *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            *c = '-';
    }
    return label;
}

char *asl_run_arn(struct asl_exec *exec, const struct asl_thread *thread, uint64_t child,
                  uint64_t run)
{
    static const char kind[] = ":stateMachine:";
    char uuid[UUID_TEXT];
    sr_auto(char) char *label = make_label(exec, thread->state);
    const char *machine = exec->machine_arn ? exec->machine_arn : "";
    const char *at = strstr(machine, kind);
    const size_t prefix = at ? (size_t)(at - machine) : strlen(machine);
    const char *name = at ? at + sizeof kind - 1 : exec->machine_name;
    if (!label || !make_uuid(exec, child ? child : run, uuid))
        return NULL;
    return sr_strf(exec->err, "%.*s:%s:%s/%s:%s", (int)prefix, machine,
                   child ? "execution" : "mapRun", name ? name : "", label, uuid);
}

// --- telling ---

bool asl_run_tell(struct asl_exec *exec, const struct asl_thread *thread, enum asl_status status,
                  bool with_arn)
{
    const struct asl_group *group = thread->group;
    struct asl_command *command = asl_exec_command(exec, ASL_COMMAND_MAP_RUN, group->run);
    if (!command)
        return false;
    command->state = thread->state;
    command->status = status;
    if (with_arn && !(command->arn = asl_run_arn(exec, thread, 0, group->run)))
        return false;
    if (status != ASL_RUNNING)
        return true;
    command->payload = json_pack(
        "{s:I, s:I, s:I, s:f, s:f, s:I}", "total", (json_int_t)group->count, "items",
        (json_int_t)group->item_count, ASL_RUN_CONCURRENCY, (json_int_t)group->concurrency_max,
        ASL_RUN_COUNT, group->tolerated_count, ASL_RUN_PERCENTAGE, group->tolerated_percentage,
        "redriveCount", (json_int_t)group->redrive_count);
    return command->payload || asl_exec_no_memory(exec);
}

bool asl_run_begin(struct asl_exec *exec, struct asl_thread *thread)
{
    if (!asl_exec_wait(exec, thread, ASL_PHASE_CHILDREN))
        return false;
    thread->group->run = thread->op;
    if (!asl_run_tell(exec, thread, ASL_RUNNING, true))
        return false;
    const struct asl_command *told = &exec->effects->commands[exec->effects->command_count - 1];
    json_t *details = json_pack("{s:s}", "mapRunArn", told->arn);
    return details ? asl_exec_event(exec, thread, ASL_EVENT_MapRunStarted, details)
                   : asl_exec_no_memory(exec);
}

bool asl_run_end(struct asl_exec *exec, struct asl_thread *thread, enum asl_status status)
{
    if (thread->group->over)
        return true;
    thread->group->over = true;
    return asl_run_tell(exec, thread, status, false);
}

bool asl_run_child(struct asl_exec *exec, const struct asl_thread *child, enum asl_status status,
                   bool with_arn)
{
    const struct asl_thread *thread = child->parent;
    struct asl_command *command = asl_exec_command(exec, ASL_COMMAND_CHILD, child->history->child);
    if (!command)
        return false;
    command->state = thread->state;
    command->run = thread->group->run;
    command->slot = child->slot;
    command->status = status;
    const json_t *batch =
        thread->state->map.batcher
            ? json_object_get(json_array_get(thread->group->items, child->slot), "Items")
            : NULL;
    command->items = batch ? json_array_size(batch) : 1;
    if (with_arn)
        command->arn = asl_run_arn(exec, thread, child->history->child, 0);
    return !with_arn || command->arn;
}

// --- changing ---

static void set_number(const json_t *numbers, const char *key, double *number)
{
    const json_t *value = json_object_get(numbers, key);
    if (json_is_number(value))
        *number = json_number_value(value);
}

bool asl_run_update(struct asl_exec *exec, struct asl_thread *thread, const json_t *numbers)
{
    struct asl_group *group = thread->group;
    double concurrency = (double)group->concurrency_max;
    set_number(numbers, ASL_RUN_CONCURRENCY, &concurrency);
    set_number(numbers, ASL_RUN_COUNT, &group->tolerated_count);
    set_number(numbers, ASL_RUN_PERCENTAGE, &group->tolerated_percentage);
    group->concurrency_max = concurrency >= 1 ? (size_t)concurrency : 0;
    if (!asl_run_tell(exec, thread, ASL_RUNNING, false))
        return false;
    if (asl_group_over_threshold(group))
        return asl_group_exceeded(exec, thread, NULL);
    return asl_group_go_on(exec, thread);
}

struct asl_thread *asl_run_find_child(struct asl_thread *thread, uint64_t history)
{
    struct asl_thread *child = thread && thread->group ? thread->group->first : NULL;
    for (; child; child = child->after) {
        if (child->owns_history && child->history->child == history)
            return child->over ? NULL : child;
        struct asl_thread *const below = asl_run_find_child(child, history);
        if (below)
            return below;
    }
    return NULL;
}

// --- redrive ---

// Spec: RedriveExecution: idempotent for the last 10 client tokens, for 15 minutes.
bool asl_redrive_note(struct asl_exec *exec)
{
    const char *token = json_string_value(exec->now->value);
    if (!token)
        return true;
    if (!exec->redrives && !(exec->redrives = calloc(ASL_REDRIVES_MAX, sizeof *exec->redrives)))
        return asl_exec_no_memory(exec);
    struct asl_redrive *redrive = &exec->redrives[exec->redrive_next++ % ASL_REDRIVES_MAX];
    redrive->at_us = exec->now->now_us;
    return sr_format(redrive->token, sizeof redrive->token, "%s", token) ||
           sr_fail(exec->err, SR_ERR_INVALID, "a token of more than %d bytes",
                   ASL_REDRIVE_TOKEN_BYTES - 1);
}

bool asl_exec_redriven(const struct asl_exec *exec, const char *token, int64_t now_us,
                       int64_t *ret_us)
{
    for (size_t i = 0; exec->redrives && i < ASL_REDRIVES_MAX; i++) {
        const struct asl_redrive *redrive = &exec->redrives[i];
        if (redrive->at_us && strcmp(redrive->token, token) == 0 &&
            now_us - redrive->at_us < ASL_REDRIVE_TOKEN_S * INT64_C(1000000)) {
            *ret_us = redrive->at_us;
            return true;
        }
    }
    return false;
}

static bool redrive_run(struct asl_exec *exec, struct asl_thread *thread)
{
    struct asl_group *group = thread->group;
    group->over = false;
    group->redrive_count++;
    group->failed = 0;
    group->again = 0;
    group->again_end = group->lost ? group->next : 0;
    for (size_t i = 0; i < group->again_end; i++)
        group->lost[i].redo = group->lost[i].child && !group->lost[i].linked;
    if (!asl_exec_wait_as(exec, thread, ASL_PHASE_CHILDREN, group->run))
        return false;
    sr_auto(char) char *arn = asl_run_arn(exec, thread, 0, group->run);
    json_t *details = arn ? json_pack("{s:s, s:I}", "mapRunArn", arn, "redriveCount",
                                      (json_int_t)group->redrive_count)
                          : NULL;
    if (!details)
        return asl_exec_no_memory(exec);
    return asl_exec_event(exec, thread, ASL_EVENT_MapRunRedriven, details) &&
           asl_run_tell(exec, thread, ASL_RUNNING, false);
}

static bool redrive_child(struct asl_exec *exec, struct asl_thread *child)
{
    const struct asl_group *group = child->parent->group;
    if (!child->owns_history) {
        child->last_id = child->parent->last_id;
        return asl_thread_redrive(exec, child);
    }
    child->over = false;
    if (group->lost)
        group->lost[child->slot] = (struct asl_lost){ 0 };
    json_t *details = json_pack("{s:I}", "redriveCount", (json_int_t)group->redrive_count);
    if (!details)
        return asl_exec_no_memory(exec);
    return asl_exec_event(exec, child, ASL_EVENT_ExecutionRedriven, details) &&
           asl_run_child(exec, child, ASL_RUNNING, false) && asl_thread_redrive(exec, child);
}

// Spec: RedriveExecution: branches and iterations that succeeded keep their results.
bool asl_thread_redrive(struct asl_exec *exec, struct asl_thread *thread)
{
    struct asl_group *group = thread->group;
    if (!group) {
        thread->phase = ASL_PHASE_ENTER;
        asl_exec_ready(exec, thread);
        return true;
    }
    thread->phase = ASL_PHASE_CHILDREN;
    group->stopped = false;
    if (group->run && !redrive_run(exec, thread))
        return false;
    asl_exec_ready(exec, thread);  // before its children: first of all the group goes on
    for (struct asl_thread *child = group->first; child; child = child->after) {
        if (!redrive_child(exec, child))
            return false;
    }
    return true;
}
