// service/states_api.h - the Step Functions API: from an operation's name and its JSON body to the
// answer; without HTTP.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"

struct engine;
struct states_api;

struct states_api_params {
    struct engine *engine;         // borrowed; its thread runs elsewhere
    const char *database;          // the engine's store; the api opens a second reader of its own
    const struct sr_clock *clock;  // borrowed
    const char *region, *account;  // copied
};

// Owns:   the caller frees *ret_api.
// Errors: those of store_sqlite_open(), NO_MEMORY.
SR_MUST_USE bool states_api_new(const struct states_api_params *params, struct states_api **ret_api,
                                struct sr_err *err);
// After the engine, which answers what is still open when it ends.
void states_api_free(struct states_api *api);
SR_DEFINE_AUTO(states_api, struct states_api, states_api_free);

// Workers that have asked for a task in the last STATES_WORKER_US, as far as they give their names.
// Threads: any.
#define STATES_WORKER_US INT64_C(120000000)
size_t states_api_workers(struct states_api *api);
// The slots that encode of those who have asked for a task in that time, as far as they tell.
// Threads: any.
size_t states_api_slots(struct states_api *api);
enum { STATES_SLOTS_MAX = 10000 };  // that one worker can say it has

struct states_answer {
    int status;         // HTTP: 200, 400, 500
    const char *error;  // AWS's error type ("ExecutionDoesNotExist"); NULL: none
    const char *body;   // JSON text; borrowed during the call
    size_t size;
    const char *arn;  // what it was about, for the audit log; NULL: nothing
};

// Called exactly once, before states_api_call() returns or later, on any thread (mostly the
// engine's). False: it could not be delivered (the client has gone): a task in it goes back to its
// queue at once.
typedef bool (*states_answer_fn)(void *self, const struct states_answer *answer);

// `op`: "StartExecution"; an unknown one is answered UnknownOperationException.
// Threads: any.
void states_api_call(struct states_api *api, const char *op, const char *body, size_t size,
                     states_answer_fn answer, void *self);

enum { STATES_BODY_BYTES_MAX = 2 * 1024 * 1024 };  // a larger body is refused unread
