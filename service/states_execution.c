// Executions: start, stop, redrive, describe, list.
#include <inttypes.h>
#include <string.h>

#include "service/states_priv.h"

enum { INPUT_MAX = 262144, ERROR_MAX = 256, CAUSE_MAX = 32768 };

bool states_no_execution(struct states_call *call, const char *arn)
{
    return states_refuse(call, "ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn);
}

int states_status(const char *name)
{
    for (int i = ASL_RUNNING; name && i <= ASL_ABORTED; i++) {
        if (strcmp(asl_status_name((enum asl_status)i), name) == 0)
            return i;
    }
    return -1;
}

static bool not_for_express(struct states_call *call)
{
    return states_refuse(call, "StateMachineTypeNotSupported",
                         "This operation is not supported by this type of state machine");
}

// --- StartExecution ---

// False when the request is refused. A name is made when none is given.
static bool check_start(struct states_call *call)
{
    struct sr_err err = { 0 };
    char name[37];
    json_t *value = NULL;
    const char *input = states_text(call, "input");
    if (states_text(call, "name") && !states_name_check(call, "name"))
        return false;
    if (input && states_text_bytes(call, "input") > INPUT_MAX)
        return states_refuse(call, "InvalidExecutionInput",
                             "Invalid State Machine Execution Input: 'more than %d bytes'",
                             INPUT_MAX);
    if (input && !jx_parse(input, states_text_bytes(call, "input"), false, &value, &err))
        return err.code == SR_ERR_NO_MEMORY
                   ? states_refuse_err(call, &err)
                   : states_refuse(call, "InvalidExecutionInput",
                                   "Invalid State Machine Execution Input: '%s'", err.message);
    json_decref(value);
    if (states_text(call, "name"))
        return true;
    return (states_uuid(sr_clock_wall_us(call->api->clock), name, &err) &&
            jx_put(call->request, "name", json_string(name), &err)) ||
           states_refuse_err(call, &err);
}

static void start_refused(struct states_call *call, const struct sr_err *err)
{
    if (err->code == SR_ERR_NOT_FOUND)
        (void)states_no_machine(call, states_text(call, "stateMachineArn"));
    else if (err->code == SR_ERR_CONFLICT)
        (void)states_refuse(call, "ExecutionAlreadyExists", "%s", err->message);
    else if (err->code == SR_ERR_INVALID || err->code == SR_ERR_TOO_LARGE)
        (void)states_refuse(call, "InvalidExecutionInput",
                            "Invalid State Machine Execution Input: '%s'", err->message);
    else
        (void)states_refuse_err(call, err);
}

static void started(struct states_call *call, const struct engine_reply *reply)
{
    if (!reply->done) {
        start_refused(call, &reply->err);
        return;
    }
    states_audit(call, reply->arn);
    (void)states_result(call, json_pack("{s:s, s:o}", "executionArn", reply->arn, "startDate",
                                        states_time(reply->started_us)));
}

static struct engine_request start_request(const struct states_call *call)
{
    const char *input = states_text(call, "input");
    return (struct engine_request){ .kind = ENGINE_START,
                                    .arn = states_text(call, "stateMachineArn"),
                                    .name = states_text(call, "name"),
                                    .text = input ? input : "{}" };
}

static enum states_next start_execution(struct states_call *call)
{
    const unsigned kinds = STATES_ARN_MACHINE | STATES_ARN_VERSION | STATES_ARN_ALIAS;
    if (!states_arn(call, "stateMachineArn", kinds, NULL) || !check_start(call))
        return STATES_ANSWER;
    struct engine_request request = start_request(call);
    return states_ask(call, &request, started);
}

// --- StartSyncExecution ---

// The reply and the end may come in either order; the later one finishes the call.
struct sync {
    bool replied, ended;
};

static void sync_free(void *state)
{
    free(state);
}

static void sync_done(struct states_call *call)
{
    const struct sync *sync = call->state;
    if (sync->replied && sync->ended)
        (void)states_finish(call);  // nothing is taken back when the client has gone
}

static void sync_replied(void *self, const struct engine_reply *reply)
{
    struct states_call *call = self;
    struct sync *sync = call->state;
    sync->replied = true;
    if (reply->done) {
        states_audit(call, reply->arn);
    } else {
        start_refused(call, &reply->err);
        sync->ended = true;  // it never will
    }
    sync_done(call);
}

// Spec: billed by 100 milliseconds begun.
static json_t *sync_result(const struct states_call *call, const struct engine_outcome *outcome)
{
    const char *machine = states_text(call, "stateMachineArn");
    const char *input = states_text(call, "input");
    struct states_arn arn = { .base_bytes = strlen(machine) };
    (void)states_arn_parse(machine, &arn);  // it was good before
    const int64_t took_ms = (outcome->stopped_us - outcome->started_us + 999) / 1000;
    const int64_t billed_ms = took_ms > 0 ? (took_ms + 99) / 100 * 100 : 100;
    const char *include = states_text(call, "includedData");
    const bool data = !include || strcmp(include, "ALL_DATA") == 0;
    return json_pack(
        "{s:s, s:s%, s:s, s:o, s:o, s:s, s:s*, s:s*, s:s*, s:s*, s:o*, s:o*, s:{s:I, s:i}}",
        "executionArn", outcome->arn, "stateMachineArn", machine, arn.base_bytes, "name",
        states_text(call, "name"), "startDate", states_time(outcome->started_us), "stopDate",
        states_time(outcome->stopped_us), "status", asl_status_name(outcome->status), "error",
        outcome->error, "cause", outcome->cause, "input", data ? (input ? input : "{}") : NULL,
        "output", data ? outcome->output : NULL, "inputDetails",
        data ? json_pack("{s:b}", "included", 1) : NULL, "outputDetails",
        data ? json_pack("{s:b}", "included", 1) : NULL, "billingDetails",
        "billedDurationInMilliseconds", (json_int_t)billed_ms, "billedMemoryUsedInMB", 64);
}

static void sync_ended(void *self, const struct engine_outcome *outcome)
{
    struct states_call *call = self;
    struct sync *sync = call->state;
    sync->ended = true;
    if (outcome)
        (void)states_result(call, sync_result(call, outcome));
    else
        (void)states_refuse_err(
            call, &(struct sr_err){ .code = SR_ERR_CANCELLED, .message = "the service ends" });
    sync_done(call);
}

static bool is_express(void *self, const struct store_machine *machine, struct sr_err *err)
{
    (void)err;
    *(bool *)self = machine->type == ASL_EXPRESS;
    return true;
}

// The type of a machine; refused when there is none.
static bool read_type(struct states_call *call, const struct states_arn *arn, const char *text,
                      bool *ret_express)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *base = strndup(text, arn->base_bytes);
    if (!base)
        return states_refuse_err(call, &(struct sr_err){ .code = SR_ERR_NO_MEMORY });
    const struct store *reader = states_reader_lock(call->api);
    const bool found = reader->ops->machine_get(reader->self, base, is_express, ret_express, &err);
    states_reader_unlock(call->api);
    return found || (err.code == SR_ERR_NOT_FOUND ? states_no_machine(call, text)
                                                  : states_refuse_err(call, &err));
}

static enum states_next start_sync_execution(struct states_call *call)
{
    const unsigned kinds = STATES_ARN_MACHINE | STATES_ARN_VERSION | STATES_ARN_ALIAS;
    struct sr_err err = { 0 };
    struct states_arn arn;
    bool express = false;
    const char *text = states_arn(call, "stateMachineArn", kinds, &arn);
    if (!text || !check_start(call) || !read_type(call, &arn, text, &express))
        return STATES_ANSWER;
    if (!express) {
        (void)not_for_express(call);
        return STATES_ANSWER;
    }
    call->state = calloc(1, sizeof(struct sync));
    call->state_free = sync_free;
    struct engine_request request = start_request(call);
    request.ended = sync_ended;
    request.ended_self = call;
    request.reply = sync_replied;
    request.self = call;
    if (!call->state)
        err.code = SR_ERR_NO_MEMORY;
    else if (engine_ask(call->api->engine, &request, &err))
        return STATES_WAIT;
    (void)states_refuse_err(call, &err);
    return STATES_ANSWER;
}

// --- StopExecution, RedriveExecution ---

static void stopped(struct states_call *call, const struct engine_reply *reply)
{
    if (reply->done)
        (void)states_result(
            call, json_pack("{s:o}", "stopDate", states_time(sr_clock_wall_us(call->api->clock))));
    else if (reply->err.code == SR_ERR_NOT_FOUND)
        (void)states_no_execution(call, states_text(call, "executionArn"));
    else
        (void)states_refuse_err(call, &reply->err);
}

static bool execution_arn(struct states_call *call)
{
    struct states_arn arn;
    if (!states_arn(call, "executionArn", STATES_ARN_EXECUTION | STATES_ARN_EXPRESS, &arn))
        return false;
    return arn.kind == STATES_ARN_EXECUTION || not_for_express(call);
}

static enum states_next stop_execution(struct states_call *call)
{
    if (!execution_arn(call))
        return STATES_ANSWER;
    return states_ask(call,
                      &(struct engine_request){ .kind = ENGINE_STOP,
                                                .arn = states_text(call, "executionArn"),
                                                .error = states_text(call, "error"),
                                                .cause = states_text(call, "cause") },
                      stopped);
}

static void redriven(struct states_call *call, const struct engine_reply *reply)
{
    if (reply->done)
        (void)states_result(call, json_pack("{s:o}", "redriveDate",
                                            states_time(sr_clock_wall_us(call->api->clock))));
    else if (reply->err.code == SR_ERR_NOT_FOUND)
        (void)states_no_execution(call, states_text(call, "executionArn"));
    else if (reply->err.code == SR_ERR_CONFLICT)
        (void)states_refuse(call, "ExecutionNotRedrivable", "%s", reply->err.message);
    else
        (void)states_refuse_err(call, &reply->err);
}

static enum states_next redrive_execution(struct states_call *call)
{
    if (!execution_arn(call))
        return STATES_ANSWER;
    return states_ask(call,
                      &(struct engine_request){ .kind = ENGINE_REDRIVE,
                                                .arn = states_text(call, "executionArn") },
                      redriven);
}

// --- ListExecutions ---

static bool list_here(void *self, const struct store_execution *execution, struct sr_err *err)
{
    char position[48];
    sr_auto(json) json_t *entry = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:I, s:s*, s:s*}", "executionArn", execution->arn,
        "stateMachineArn", execution->machine, "name", execution->name, "status",
        asl_status_name((enum asl_status)execution->status), "startDate",
        states_time(execution->started_us), "redriveCount", (json_int_t)execution->redrive_count,
        "stateMachineVersionArn", execution->version, "stateMachineAliasArn", execution->alias);
    if (!jx_made(entry, err) ||
        (execution->stopped_us &&
         !jx_put(entry, "stopDate", states_time(execution->stopped_us), err)) ||
        (execution->redriven_us &&
         !jx_put(entry, "redriveDate", states_time(execution->redriven_us), err)))
        return false;
    if (!sr_format(position, sizeof position, "%" PRId64 ".%" PRId64, execution->started_us,
                   execution->id))
        return sr_fail(err, SR_ERR_INTERNAL, "a position");
    return states_list_add(self, sr_take(entry), position, err);
}

static bool list_read(const struct store *reader, struct states_list *list, const char *start,
                      struct sr_err *err)
{
    struct states_call *call = list->call;
    const char *text = states_text(call, "stateMachineArn");
    const char *status = states_text(call, "statusFilter");
    const char *redrive = states_text(call, "redriveFilter");
    struct states_arn arn;
    struct store_execution_query query = { .status = states_status(status),
                                           .redriven = !redrive                           ? -1
                                                       : strcmp(redrive, "REDRIVEN") == 0 ? 1
                                                                                          : 0,
                                           .before_us = INT64_MAX };
    if (status && query.status < 0)
        return true;  // PENDING_REDRIVE: only children of map runs are ever that
    if (states_arn_parse(text, &arn) != STATES_ARN_OK)
        return sr_fail(err, SR_ERR_INTERNAL, "an ARN that was good before");
    sr_auto(char) char *base = strndup(text, arn.base_bytes);
    if (!base)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a list");
    query.machine = base;
    query.version = arn.kind == STATES_ARN_VERSION ? text : NULL;
    query.alias = arn.kind == STATES_ARN_ALIAS ? text : NULL;
    if (*start && sscanf(start, "%" SCNd64 ".%" SCNd64, &query.before_us, &query.before_id) != 2)
        return sr_fail(err, SR_ERR_INTERNAL, "a position");
    return reader->ops->execution_find(reader->self, &query, list_here, list, err);
}

static enum states_next list_executions(struct states_call *call)
{
    const unsigned kinds = STATES_ARN_MACHINE | STATES_ARN_VERSION | STATES_ARN_ALIAS;
    struct states_arn arn;
    bool express = false;
    const bool of_run = states_text(call, "mapRunArn") != NULL;
    const char *text = states_text(call, "stateMachineArn");
    if (of_run == (text != NULL)) {
        (void)states_refuse(call, "ValidationException",
                            "Must provide exactly one of stateMachineArn and mapRunArn");
        return STATES_ANSWER;
    }
    if (of_run)
        return states_arn(call, "mapRunArn", STATES_ARN_MAP_RUN, NULL)
                   ? states_list(call, "executions", states_children_read)
                   : STATES_ANSWER;
    if (!states_arn(call, "stateMachineArn", kinds, &arn) || !read_type(call, &arn, text, &express))
        return STATES_ANSWER;
    if (!express)
        return states_list(call, "executions", list_read);
    (void)not_for_express(call);
    return STATES_ANSWER;
}

// --- the table ---

#define ARN_FIELD(field)                                                                           \
    {                                                                                              \
        .name = field, .type = STATES_TEXT, .required = true, .min = 1, .max = STATES_ARN_MAX      \
    }
#define START_FIELDS                                                                               \
    ARN_FIELD("stateMachineArn"),                                                                  \
        { .name = "name", .type = STATES_TEXT, .any = true, .min = 1, .max = STATES_NAME_MAX },    \
        { .name = "input", .type = STATES_TEXT, .max = INPUT_MAX },                                \
    {                                                                                              \
        .name = "traceHeader", .type = STATES_TEXT, .max = 256                                     \
    }

static const char *const included_words[] = { "ALL_DATA", "METADATA_ONLY", NULL };
static const char *const status_words[] = { "RUNNING", "SUCCEEDED",       "FAILED", "TIMED_OUT",
                                            "ABORTED", "PENDING_REDRIVE", NULL };
static const char *const redrive_words[] = { "REDRIVEN", "NOT_REDRIVEN", NULL };

static const struct states_field start_fields[] = { START_FIELDS, { .name = NULL } };
static const struct states_field sync_fields[] = {
    START_FIELDS,
    { .name = "includedData", .type = STATES_TEXT, .words = included_words },
    { .name = NULL },
};
static const struct states_field stop_fields[] = {
    ARN_FIELD("executionArn"),
    { .name = "error", .type = STATES_TEXT, .max = ERROR_MAX },
    { .name = "cause", .type = STATES_TEXT, .max = CAUSE_MAX },
    { .name = NULL },
};
static const struct states_field redrive_fields[] = {
    ARN_FIELD("executionArn"),
    { .name = "clientToken", .type = STATES_TEXT, .min = 1, .max = 64 },
    { .name = NULL },
};
static const struct states_field list_fields[] = {
    { .name = "stateMachineArn", .type = STATES_TEXT, .min = 1, .max = STATES_ARN_MAX },
    { .name = "mapRunArn", .type = STATES_TEXT, .min = 1, .max = 2000 },
    { .name = "statusFilter", .type = STATES_TEXT, .words = status_words },
    { .name = "redriveFilter", .type = STATES_TEXT, .words = redrive_words },
    STATES_PAGE_FIELDS,
    { .name = NULL },
};

const struct states_op states_execution_ops[] = {
    { "StartExecution", start_fields, start_execution },
    { "StartSyncExecution", sync_fields, start_sync_execution },
    { "StopExecution", stop_fields, stop_execution },
    { "RedriveExecution", redrive_fields, redrive_execution },
    { "ListExecutions", list_fields, list_executions },
    { .name = NULL },
};
