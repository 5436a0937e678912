// tests/flows.h - executions in every kind of state, and all that is outside of the engine: a
// worker, callbacks, clients. What the outside knows it keeps in a file, as it would not die with
// the engine.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "statemachine/engine.h"
#include "statemachine/store.h"

enum { FLOWS_COUNT = 11, FLOWS_SECONDS_MAX = 400, FLOWS_PENDING_MAX = 64 };

// The process is killed at a commit.
struct flows_kill {
    uint64_t before, after;  // the number of the commit, from 1; 0: never
};

struct flows {
    char folder[64], database[96], outside[96];
    struct sr_clock_fake clock;
    struct store inner, store;
    struct store_ops ops;
    size_t depth;
    uint64_t commits;
    struct flows_kill kill;
    struct engine *engine;
    int outside_fd;
    struct engine_ref pending[FLOWS_PENDING_MAX];  // tasks of handlers, answered a second later
    char *payloads[FLOWS_PENDING_MAX];
    size_t pending_count;
    char *worker_token;  // what the worker is at
    char *worker_payload;
    bool worker_asks;
    size_t refused;         // requests that were answered with an error of the store
    struct sr_err refusal;  // the last of them
    struct sr_err failure;  // of the last round that failed; code OK: none did
};

// How an execution ended.
struct flows_end {
    int status;
    char *output;  // NULL: it is not there
    char *error;
};

// The table of the flows; ARNs in definitions begin with FLOWS_PREFIX.
#define FLOWS_PREFIX "arn:aws:states:eu:1"
#define FLOWS_ACTIVITY FLOWS_PREFIX ":activity:a"
struct flow {
    const char *name, *definition, *input;  // the definition is in single quotes
};
extern const struct flow flows_table[FLOWS_COUNT];
// What the function "add" answers to a payload. False: it fails, with the error "E".
bool flows_add(const char *payload, char result[32]);

void flows_make(struct flows *flows);  // a folder of its own
void flows_remove(struct flows *flows);
// Opens what the folder holds, `away_us` after it was left. False: the store refuses, `failure`
// says why.
bool flows_open(struct flows *flows, int64_t away_us);
void flows_close(struct flows *flows);
// One second outside: starts what is not acknowledged yet, answers what came up, lets the time
// pass. A round that fails ends it.
void flows_second(struct flows *flows);
// Seconds until every flow has ended. False: FLOWS_SECONDS_MAX have passed, or a round failed.
bool flows_play(struct flows *flows);
bool flows_ended(struct flows *flows);
size_t flows_acknowledged(const struct flows *flows);  // starts
// Everything whose start was acknowledged is in the store; fails the test if not.
void flows_check_acknowledged(struct flows *flows);
// Every history is a valid one and what its inputs give; fails the test if not.
void flows_check_histories(struct flows *flows);
void flows_ends(struct flows *flows, struct flows_end ends[FLOWS_COUNT]);
void flows_ends_done(struct flows_end ends[FLOWS_COUNT]);
// Fails the test where they differ; `what` is said then.
void flows_check_same(const struct flows_end want[FLOWS_COUNT],
                      const struct flows_end got[FLOWS_COUNT], const char *what);
