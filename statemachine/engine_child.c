// states:startExecution: an execution that another one's task starts, and with .sync waits for.
#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/engine_priv.h"

#define START "arn:aws:states:::states:startExecution"

bool engine_child_is(const char *resource)
{
    const char *rest =
        strncmp(resource, START, strlen(START)) == 0 ? resource + strlen(START) : NULL;
    return rest && (!*rest || strcmp(rest, ".sync") == 0 || strcmp(rest, ".sync:2") == 0);
}

// From the request to its reply.
struct starting {
    struct engine *engine;
    struct engine_ref ref;
    bool sync;
};

static bool answer_started(const struct starting *starting, const struct engine_reply *reply,
                           struct sr_err *err)
{
    sr_auto(json) json_t *json = json_pack("{s:s, s:f}", "ExecutionArn", reply->arn, "StartDate",
                                           (double)(reply->started_us / 1000));
    sr_auto(char) char *text = NULL;
    return jx_made(json, err) && jx_dump(json, false, &text, err) &&
           engine_answer(starting->engine, starting->ref, text, err);
}

static bool ended_already(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct engine *engine = self;
    return execution->status == ASL_RUNNING || engine_child_ended(engine, execution, err);
}

// Spec: the error names of the service integration.
static const char *error_name(enum sr_err_code code)
{
    switch (code) {
    case SR_ERR_NOT_FOUND: return "StepFunctions.StateMachineDoesNotExistException";
    case SR_ERR_CONFLICT: return "StepFunctions.ExecutionAlreadyExistsException";
    case SR_ERR_INVALID: return "StepFunctions.InvalidExecutionInputException";
    default: return "StepFunctions.AWSStepFunctionsException";
    }
}

static void on_started(void *self, const struct engine_reply *reply)
{
    struct starting *starting = self;
    struct engine *engine = starting->engine;
    struct sr_err ignored = { 0 };
    bool done;
    if (!reply->done && reply->err.code == SR_ERR_CANCELLED)
        done = true;  // the engine ends: the next one starts it again
    else if (!reply->done)
        done = engine_answer_failed(engine, starting->ref, error_name(reply->err.code),
                                    reply->err.message, &ignored);
    else if (!starting->sync)
        done = answer_started(starting, reply, &ignored);
    else  // it may have ended before a crash
        done = engine->store->ops->execution_get(engine->store->self, reply->arn, ended_already,
                                                 engine, &ignored);
    engine_must(engine, done);
    free(starting);
}

// The name that a task's execution has: given, or the same after a crash, so that a second start
// finds the first one.
static bool child_name(const struct store_task *task, const json_t *payload, char name[128],
                       struct sr_err *err)
{
    const char *given = json_string_value(json_object_get(payload, "Name"));
    const bool fits = given ? sr_format(name, 128, "%s", given)
                            : sr_format(name, 128, "task-%lld-%llu", (long long)task->execution,
                                        (unsigned long long)task->op);
    return fits || sr_fail(err, SR_ERR_INVALID, "a name of more than 127 bytes");
}

bool engine_child_start(struct engine *engine, const struct store_task *task, struct sr_err *err)
{
    sr_auto(json) json_t *payload = NULL;
    sr_auto(char) char *input = NULL;
    if (!jx_parse(task->payload, strlen(task->payload), false, &payload, err))
        return false;
    const char *machine = json_string_value(json_object_get(payload, "StateMachineArn"));
    const json_t *given = json_object_get(payload, "Input");
    char name[128];
    if (!machine)
        return sr_fail(err, SR_ERR_INVALID,
                       "The field 'StateMachineArn' is required but was missing");
    if (given && !json_is_null(given) && !json_is_string(given) &&
        !jx_dump(given, false, &input, err))
        return false;
    if (!child_name(task, payload, name, err))
        return false;
    struct starting *starting = malloc(sizeof *starting);
    if (!starting)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a child execution");
    *starting = (struct starting){ engine,
                                   { task->execution, task->op },
                                   strstr(task->resource, ".sync") != NULL };
    const struct engine_request request = { .kind = ENGINE_START,
                                            .arn = machine,
                                            .name = name,
                                            .text = input ? input : json_string_value(given),
                                            .ref = starting->ref,
                                            .reply = on_started,
                                            .self = starting };
    if (engine_ask(engine, &request, err))
        return true;
    free(starting);
    return false;
}

// A payload as text, or with ".sync:2" as the JSON it is.
static bool put_payload(json_t *json, const char *key, const char *text, bool as_json,
                        struct sr_err *err)
{
    json_t *value = NULL;
    if (!text)
        return true;
    if (as_json && !jx_parse(text, strlen(text), false, &value, err))
        return false;
    char details[32];
    return sr_format(details, sizeof details, "%sDetails", key) &&
           jx_put(json, key, as_json ? value : json_string(text), err) &&
           jx_put(json, details, json_pack("{s:b}", "Included", 1), err);
}

bool engine_child_ended(struct engine *engine, const struct store_execution *child,
                        struct sr_err *err)
{
    const struct engine_ref ref = { child->parent, child->parent_op };
    const struct store_task *task = engine_table_get(&engine->tasks, ref.execution, ref.op);
    if (!task || !engine_child_is(task->resource) || !strstr(task->resource, ".sync"))
        return true;  // nobody waits
    const bool as_json = strstr(task->resource, ".sync:2") != NULL;
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:s*, s:s*}", "ExecutionArn", child->arn, "Name",
                  child->name, "StateMachineArn", child->machine, "Status",
                  asl_status_name((enum asl_status)child->status), "StartDate",
                  (double)(child->started_us / 1000), "StopDate",
                  (double)(child->stopped_us / 1000), "Error", child->error, "Cause", child->cause);
    if (!jx_made(json, err) || !put_payload(json, "Input", child->input, as_json, err) ||
        !put_payload(json, "Output", child->output, as_json, err) ||
        !jx_dump(json, false, &text, err))
        return false;
    return child->status == ASL_SUCCEEDED
               ? engine_answer(engine, ref, text, err)
               : engine_answer_failed(engine, ref, ASL_ERROR_TASK_FAILED, text, err);
}
