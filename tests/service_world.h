// tests/service_world.h - the service inside a test program: a folder of its own, a port of its
// own, a client. What cannot be done fails the test.
#pragma once

#include "base/jx.h"
#include "base/thread.h"
#include "net/sfn_client.h"
#include "service/service.h"

#define SERVICE_WORLD_ARN "arn:aws:states:us-east-1:123456789012:"

struct service_world {
    char folder[64];
    char listen[64];  // its URL
    struct config config;
    struct service *service;
    struct sr_thread *thread;
    struct sr_cancel stop;  // of the service
    struct sfn_client *client;
};

void service_world_open(struct service_world *world);
void service_world_close(struct service_world *world);
// Between these two it is down; then it is back, in the same folder and on the same port.
void service_world_stop(struct service_world *world);
void service_world_start(struct service_world *world);
// One more; the caller frees it.
struct sfn_client *service_world_client(const struct service_world *world);

// Takes `request`; the answer is the caller's.
json_t *service_world_ask(const struct service_world *world, const char *op, json_t *request);
void service_world_activity(const struct service_world *world, const char *name);
// A state machine that begins with "A"; `states` is what "States" holds.
void service_world_create(const struct service_world *world, const char *name, const char *states);
// Takes `input`. Gives the execution's ARN, for service_world_end().
char *service_world_begin(const struct service_world *world, const char *machine, json_t *input);
// Waits; gives what DescribeExecution says. Frees `arn`.
json_t *service_world_end(const struct service_world *world, char *arn);
const char *service_world_text(const json_t *answer, const char *key);
json_t *service_world_output(const json_t *answer);
