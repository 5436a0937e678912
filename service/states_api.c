#include "service/states_api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"
#include "service/states_priv.h"
#include "service/worker_names.h"
#include "statemachine/store_sqlite.h"

bool states_api_new(const struct states_api_params *params, struct states_api **ret_api,
                    struct sr_err *err)
{
    sr_auto(states_api) struct states_api *api = calloc(1, sizeof *api);
    if (!api)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an api");
    api->engine = params->engine;
    api->clock = params->clock;
    api->arn_prefix = sr_strf(err, "arn:aws:states:%s:%s", params->region, params->account);
    if (!api->arn_prefix || !worker_names_new(&api->workers, err) ||
        !sr_mutex_init(&api->lock, err))
        return false;
    api->has_lock = true;
    if (!store_sqlite_open(params->database, &api->reader, err))
        return false;
    *ret_api = sr_take(api);
    return true;
}

size_t states_api_workers(struct states_api *api)
{
    return worker_names_count(api->workers, sr_clock_wall_us(api->clock) - STATES_WORKER_US);
}

size_t states_api_slots(struct states_api *api)
{
    return worker_names_slots(api->workers, sr_clock_wall_us(api->clock) - STATES_WORKER_US);
}

void states_api_free(struct states_api *api)
{
    if (!api)
        return;
    store_close(&api->reader);
    if (api->has_lock)
        sr_mutex_done(&api->lock);
    worker_names_free(api->workers);
    free(api->arn_prefix);
    free(api);
}

const struct store *states_reader_lock(struct states_api *api)
{
    sr_lock(&api->lock);
    return &api->reader;
}

void states_reader_unlock(struct states_api *api)
{
    sr_unlock(&api->lock);
}

// --- answers ---

static void call_free(struct states_call *call)
{
    json_decref(call->request);
    json_decref(call->result);
    json_decref(call->note);
    if (call->state)
        call->state_free(call->state);
    sr_str_done(&call->message);
    free(call->arn);
    free(call);
}

// {"__type": ..., "message": ...}
static bool refusal_body(const struct states_call *call, struct sr_str *body, struct sr_err *err)
{
    return sr_str_addf(body, err, "{\"__type\":\"com.amazonaws.states.v20161123#%s\",\"message\":",
                       call->error) &&
           sr_str_add_json(body, sr_str_text(&call->message), call->message.bytes, err) &&
           sr_str_add(body, "}", err);
}

bool states_finish(struct states_call *call)
{
    static const char no_memory[] =
        "{\"__type\":\"com.amazonaws.states.v20161123#InternalFailure\",\"message\":\"out of memory\"}";
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str body = { 0 };
    char *dumped = NULL;
    struct states_answer answer = { .status = call->status,
                                    .error = call->error,
                                    .arn = call->arn };
    if (call->error && refusal_body(call, &body, &err)) {
        answer.body = body.text;
        answer.size = body.bytes;
    } else if (!call->error && call->result) {
        // 15 digits: what is not a whole number is a time, with milliseconds.
        dumped = json_dumps(call->result, JSON_COMPACT | JSON_REAL_PRECISION(15));
        answer.status = 200;
        answer.body = dumped;
        answer.size = dumped ? strlen(dumped) : 0;
    }
    if (!answer.body) {
        answer.status = 500;
        answer.error = "InternalFailure";
        answer.body = no_memory;
        answer.size = sizeof no_memory - 1;
    }
    const bool delivered = call->answer(call->self, &answer);
    free(dumped);
    call_free(call);
    return delivered;
}

enum states_next states_result(struct states_call *call, json_t *result)
{
    json_decref(call->result);
    call->result = result;
    return STATES_ANSWER;
}

static void refuse_as(struct states_call *call, const char *error, int status)
{
    call->error = error;
    call->status = status;
    sr_str_done(&call->message);
    call->message = (struct sr_str){ 0 };
}

bool states_refuse(struct states_call *call, const char *error, const char *format, ...)
{
    struct sr_err ignored = { 0 };
    va_list args;
    refuse_as(call, error, 400);
    va_start(args, format);
    if (!sr_str_vaddf(&call->message, &ignored, format, args))
        refuse_as(call, "InternalFailure", 500);
    va_end(args);
    return false;
}

bool states_refuse_text(struct states_call *call, const char *error, const char *prefix,
                        const char *text, size_t bytes, const char *suffix)
{
    struct sr_err ignored = { 0 };
    refuse_as(call, error, 400);
    if (!sr_str_add(&call->message, prefix, &ignored) ||
        !sr_str_add_bytes(&call->message, text, bytes, &ignored) ||
        !sr_str_add(&call->message, suffix, &ignored))
        refuse_as(call, "InternalFailure", 500);
    return false;
}

bool states_refuse_err(struct states_call *call, const struct sr_err *err)
{
    const bool busy = err->code == SR_ERR_LIMIT || err->code == SR_ERR_BUSY;
    const bool gone = err->code == SR_ERR_CANCELLED;
    struct sr_err ignored = { 0 };
    refuse_as(call,
              busy   ? "ThrottlingException"
              : gone ? "ServiceUnavailable"
                     : "InternalFailure",
              busy ? 400 : 500);
    // Without the words the type still says enough.
    sr_ignore(sr_str_add(&call->message, err->message, &ignored));
    return false;
}

// --- the engine's thread ---

static void on_reply(void *self, const struct engine_reply *reply)
{
    struct states_call *call = self;
    call->reply(call, reply);
    (void)states_finish(call);  // nothing is taken back when the client has gone
}

enum states_next states_ask(struct states_call *call, struct engine_request *request,
                            states_reply_fn fn)
{
    struct sr_err err = { 0 };
    call->reply = fn;
    request->reply = on_reply;
    request->self = call;
    if (engine_ask(call->api->engine, request, &err))
        return STATES_WAIT;
    (void)states_refuse_err(call, &err);
    return STATES_ANSWER;
}

static bool run_record(void *self, const struct store *store, int64_t now_us, struct sr_err *err)
{
    struct states_call *call = self;
    if (call->record(call, store, now_us, err))
        return true;
    if (call->error && err->code == SR_OK)
        return sr_fail(err, SR_ERR_INVALID, "%s", call->error);
    return false;
}

static void recorded(struct states_call *call, const struct engine_reply *reply)
{
    if (!reply->done && (!call->error || reply->err.code != SR_ERR_INVALID))
        (void)states_refuse_err(call, &reply->err);
}

enum states_next states_record(struct states_call *call, states_record_fn fn)
{
    struct engine_request request = { .kind = ENGINE_RECORD, .record = run_record };
    call->record = fn;
    return states_ask(call, &request, recorded);
}

// --- calls ---

void states_audit(struct states_call *call, const char *arn)
{
    free(call->arn);
    call->arn = strdup(arn);
}

static const struct states_op *find_op(const char *name)
{
    static const struct states_op *const tables[] = {
        states_machine_ops,   states_version_ops,  states_alias_ops,
        states_tag_ops,       states_validate_ops, states_activity_ops,
        states_execution_ops, states_history_ops,  states_map_run_ops,
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const struct states_op *op = tables[i]; op->name; op++) {
            if (strcmp(op->name, name) == 0)
                return op;
        }
    }
    return NULL;
}

static bool read_body(struct states_call *call, const char *body, size_t size)
{
    struct sr_err err = { 0 };
    if (size > STATES_BODY_BYTES_MAX)
        return states_refuse(call, "RequestEntityTooLarge", "a request has at most %d bytes",
                             STATES_BODY_BYTES_MAX);
    if (size == 0)
        call->request = json_object();
    else if (!jx_parse(body, size, false, &call->request, &err) && err.code != SR_ERR_NO_MEMORY)
        return states_refuse(call, "SerializationException", "%s", err.message);
    if (!call->request)
        return states_refuse_err(call, &err);
    return json_is_object(call->request) ||
           states_refuse(call, "SerializationException",
                         "Start of structure or map expected where not found.");
}

void states_api_call(struct states_api *api, const char *op, const char *body, size_t size,
                     states_answer_fn answer, void *self)
{
    struct states_call *call = calloc(1, sizeof *call);
    if (!call) {
        static const char text[] = "{\"__type\":\"InternalFailure\"}";
        (void)answer(self, &(struct states_answer){ .status = 500,
                                                    .error = "InternalFailure",
                                                    .body = text,
                                                    .size = sizeof text - 1 });
        return;
    }
    call->api = api;
    call->answer = answer;
    call->self = self;
    call->op = find_op(op);
    if (!call->op)
        (void)states_refuse(call, "UnknownOperationException", "The operation is not known");
    if (!call->op || !read_body(call, body, size) || !states_check(call) ||
        call->op->run(call) == STATES_ANSWER)
        (void)states_finish(call);
}

// --- values ---

json_t *states_time(int64_t wall_us)
{
    const int64_t ms = wall_us / 1000;
    return json_real((double)ms / 1000);
}

// Spec: RFC 9562 version 7: those of one time are neighbours in an index.
bool states_uuid(int64_t wall_us, char text[37], struct sr_err *err)
{
    static const size_t group_bytes[] = { 4, 2, 2, 2, 6 };
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return sr_fail(err, SR_ERR_INTERNAL, "no random bytes");
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(wall_us / 1000 >> (40 - 8 * i));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x70);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    const uint8_t *from = bytes;
    for (size_t i = 0; i < sizeof group_bytes / sizeof *group_bytes; i++) {
        sr_hex(from, group_bytes[i], text);
        from += group_bytes[i];
        text += 2 * group_bytes[i];
        *text++ = from < bytes + sizeof bytes ? '-' : '\0';
    }
    return true;
}
