#include "service/aws_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "service/problem.h"

enum { OPERATION_MAX = 64 };

struct aws_call {
    struct server_call *call;
    int64_t started_us;
    char id[SR_ID_TEXT];
    char who[AUTH_ACCESS_KEY_MAX + 1];
    char remote[64];
    char operation[OPERATION_MAX + 1];  // as asked for; "": none
    char outcome[96];
    char arn[512];  // "": none
    int status;
    bool is_answered;
};

// Whether a Content-Type is one of AWS JSON's, parameters aside. Web pages cannot send these
// elsewhere without being asked first, which nobody answers: so they cannot call us behind a user's
// back.
static bool is_aws_json(const char *content_type)
{
    static const char *const types[] = { "application/x-amz-json-1.0",
                                         "application/x-amz-json-1.1" };
    const size_t bytes = strcspn(content_type, "; \t");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strlen(types[i]) == bytes && strncasecmp(types[i], content_type, bytes) == 0)
            return true;
    }
    return false;
}

static void note(struct aws_call *call, int status, const char *outcome)
{
    call->status = status;
    call->is_answered = true;
    (void)snprintf(call->outcome, sizeof call->outcome, "%s", outcome);  // cut: good enough
}

// An operation's name goes to the log, so it has letters and digits only.
static bool read_operation(const struct aws_json *json, const struct server_request *request,
                           struct aws_call *call)
{
    const char *const target =
        http_header_find(request->headers, request->header_count, "x-amz-target");
    const size_t prefix = strlen(json->target);
    if (!target || strncmp(target, json->target, prefix) != 0 || target[prefix] != '.')
        return false;
    const char *const name = target + prefix + 1;
    const size_t bytes =
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    if (bytes == 0 || bytes > OPERATION_MAX || name[bytes])
        return false;
    memcpy(call->operation, name, bytes + 1);
    return true;
}

// Threads: any.
static bool on_answer(void *self, const struct states_answer *answer)
{
    struct aws_call *const call = self;
    note(call, answer->status, answer->error ? answer->error : "OK");
    if (answer->arn)
        (void)snprintf(call->arn, sizeof call->arn, "%s", answer->arn);  // cut: good enough
    // From here on the call may be over at any moment.
    return server_answer(call->call,
                         &(struct server_answer){ .status = answer->status,
                                                  .content_type = "application/x-amz-json-1.0",
                                                  .body = answer->body,
                                                  .size = answer->size });
}

// False: it has been refused.
static bool check(const struct aws_json *json, const struct server_request *request,
                  struct aws_call *call)
{
    const char *const type =
        http_header_find(request->headers, request->header_count, "content-type");
    const bool has_operation = read_operation(json, request, call);
    struct auth_refusal refusal;
    // What was promised to a client that has gone is nothing, so nobody asks whether these arrive.
    if (request->refused_status) {
        const char *const name = request->refused_status == 503   ? "ServiceUnavailable"
                                 : request->refused_status == 413 ? "RequestEntityTooLarge"
                                                                  : "ValidationException";
        note(call, request->refused_status, name);
        sr_ignore(problem_answer(call->call, request->refused_status, request->refused.message,
                                 name, NULL));
        return false;
    }
    if (!type || !is_aws_json(type)) {
        note(call, 415, "UnsupportedMediaType");
        sr_ignore(problem_answer(call->call, 415, "want Content-Type: application/x-amz-json-1.0",
                                 "UnsupportedMediaType", NULL));
        return false;
    }
    if (!auth_check(json->auth, request, sr_clock_wall_us(json->clock), call->who, &refusal)) {
        note(call, refusal.status, refusal.type);
        sr_ignore(problem_answer_aws(call->call, refusal.status, refusal.type, refusal.message));
        return false;
    }
    if (!has_operation) {
        note(call, 400, "UnknownOperationException");
        sr_ignore(problem_answer_aws(call->call, 400, "UnknownOperationException",
                                     "X-Amz-Target names no operation"));
        return false;
    }
    return true;
}

struct aws_call *aws_json_handle(const struct aws_json *json, struct server_call *server_call,
                                 const struct server_request *request)
{
    struct aws_call *call = calloc(1, sizeof *call);
    if (!call) {
        sr_ignore(problem_answer_aws(server_call, 500, "InternalFailure", "out of memory"));
        return NULL;
    }
    call->call = server_call;
    call->started_us = request->started_us;
    (void)snprintf(call->id, sizeof call->id, "%s", request->id);              // fits
    (void)snprintf(call->remote, sizeof call->remote, "%s", request->remote);  // fits
    (void)strcpy(call->who, "unknown");                                        // fits
    if (!check(json, request, call))
        return call;
    if (strcmp(call->operation, "GetActivityTask") == 0 ||
        strcmp(call->operation, "StartSyncExecution") == 0)
        server_call_is_long(server_call);
    json->call(json->api, call->operation, request->body, request->size, on_answer, call);
    return call;
}

void aws_json_done(const struct aws_json *json, struct aws_call *call, bool sent)
{
    if (!call)
        return;
    if (json->audit)
        audit_write(json->audit,
                    &(struct audit_entry){
                        .id = call->id,
                        .who = call->who,
                        .remote = call->remote,
                        .operation = *call->operation ? call->operation : NULL,
                        .arn = *call->arn ? call->arn : NULL,
                        .outcome = call->is_answered ? call->outcome : NULL,
                        .status = call->status,
                        .duration_us = sr_clock_monotonic_us(json->clock) - call->started_us,
                        .delivered = sent,
                    });
    free(call);
}
