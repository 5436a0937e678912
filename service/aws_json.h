// service/aws_json.h - AWS JSON 1.0 over HTTP: from a POST with X-Amz-Target to an operation's name
// and body, and back; who called, and that it is written down.
#pragma once

#include "base/clock.h"
#include "service/audit.h"
#include "service/auth.h"
#include "service/server.h"
#include "service/states_api.h"

// What answers: states_api_call(), or a test's.
typedef void (*aws_json_fn)(struct states_api *api, const char *op, const char *body, size_t size,
                            states_answer_fn answer, void *self);

struct aws_json {
    const char *target;            // of X-Amz-Target, before the dot: "AWSStepFunctions"
    const struct auth *auth;       // borrowed
    struct audit *audit;           // borrowed; NULL: nothing is written down
    const struct sr_clock *clock;  // borrowed
    aws_json_fn call;
    struct states_api *api;
};

struct aws_call;
// As the server's `handle` and `done`.
struct aws_call *aws_json_handle(const struct aws_json *json, struct server_call *call,
                                 const struct server_request *request);
void aws_json_done(const struct aws_json *json, struct aws_call *call, bool sent);
