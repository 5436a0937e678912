// The context object, "$$".
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "statemachine/asl_exec_priv.h"

char *asl_context_token(struct asl_exec *exec, uint64_t op)
{
    struct sr_err err = { 0 };
    if (!exec->token_key)
        return sr_strf(&err, "%llu", (unsigned long long)op);
    uint8_t digest[SR_SHA256_BYTES];
    char hex[2 * SR_SHA256_BYTES + 1], text[32];
    const bool fits = sr_format(text, sizeof text, "%llu", (unsigned long long)op);
    if (!fits ||
        !sr_hmac_sha256(exec->token_key, strlen(exec->token_key), text, strlen(text), digest, &err))
        return NULL;
    sr_hex(digest, sizeof digest, hex);
    return sr_strf(&err, "%s.%s.%.32s", exec->execution_arn, text, hex);
}

static bool put_time(json_t *object, const char *key, int64_t us)
{
    char text[25];
    sr_clock_format(us, text);
    return json_object_set_new(object, key, json_string(text)) == 0;
}

static bool put_text(json_t *object, const char *key, const char *text)
{
    return !text || json_object_set_new(object, key, json_string(text)) == 0;
}

static json_t *execution(const struct asl_exec *exec)
{
    json_t *object = json_object();
    const bool put =
        object && put_text(object, "Id", exec->execution_arn) &&
        json_object_set(object, "Input", exec->input) == 0 &&
        put_time(object, "StartTime", exec->started_us) &&
        put_text(object, "Name", exec->execution_name) &&
        put_text(object, "RoleArn", exec->role_arn) &&
        (exec->no_redrive_count ||
         json_object_set_new(object, "RedriveCount", json_integer(exec->redrive_count)) == 0);
    if (put)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *state(const struct asl_thread *thread)
{
    json_t *object = json_object();
    const enum asl_state_type type = thread->state->type;
    const bool retries = type == ASL_TASK || type == ASL_PARALLEL || type == ASL_MAP;
    const bool put = object && put_text(object, "Name", thread->state->name) &&
                     put_time(object, "EnteredTime", thread->entered_us) &&
                     (!retries || json_object_set_new(object, "RetryCount",
                                                      json_integer(thread->retry_count)) == 0);
    if (put)
        return object;
    json_decref(object);
    return NULL;
}

static bool put_token(struct asl_exec *exec, json_t *context, const struct asl_thread *thread)
{
    if (thread->state->type != ASL_TASK ||
        thread->state->task.resource.pattern != ASL_PATTERN_TOKEN)
        return true;
    sr_auto(char) char *token =
        asl_context_token(exec, exec->last_op + 1);  // the op that the task is about to get
    return token && json_object_set_new(context, "Task", json_pack("{s:s}", "Token", token)) == 0;
}

const json_t *asl_context_build(const void *thread_and_exec)
{
    const struct asl_context_of *of = thread_and_exec;
    struct asl_exec *exec = of->exec;
    sr_auto(json) json_t *context = json_object();
    if (!context || json_object_set_new(context, "Execution", execution(exec)) != 0)
        return NULL;
    sr_auto(json) json_t *machine = json_object();
    if (!machine || !put_text(machine, "Id", exec->machine_arn) ||
        !put_text(machine, "Name", exec->machine_name) ||
        json_object_set(context, "StateMachine", machine) != 0 ||
        json_object_set_new(context, "State", state(of->thread)) != 0 ||
        !put_token(exec, context, of->thread))
        return NULL;
    const struct asl_thread *item = of->thread;
    while (item && !item->item)
        item = item->parent;
    if (item && json_object_set_new(context, "Map", json_pack("{s:O}", "Item", item->item)) != 0)
        return NULL;
    json_decref(exec->context);
    exec->context = sr_take(context);
    return exec->context;
}
