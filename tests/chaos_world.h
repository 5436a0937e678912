// tests/chaos_world.h - a service with a worker of its own, a worker elsewhere and a store behind a
// proxy, as processes, any of which can be killed and comes back.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/jx.h"
#include "tests/served.h"

enum chaos_victim {
    CHAOS_CHILD,         // of either worker
    CHAOS_LOCAL_WORKER,  // the service's own, which starts it again
    CHAOS_WORKER,        // elsewhere
    CHAOS_SERVE,
    CHAOS_STORE,        // the gateway
    CHAOS_CONNECTIONS,  // to the store: all are cut, some of the next are spoilt
    CHAOS_VICTIM_COUNT,
};
extern const char *const chaos_victim_names[CHAOS_VICTIM_COUNT];

struct chaos_process {
    const char *const *argv;
    pid_t pid;        // 0: it does not run
    int64_t back_us;  // when it starts again
};

struct chaos_world {
    char folder[64];
    char words[3][128];    // of command lines
    struct served served;  // of which only the address and the client are used
    const char *argv[2][16];
    struct chaos_process serve, worker;
    bool is_store_down;
    int64_t store_back_us;
    unsigned killed[CHAOS_VICTIM_COUNT];
};

// Starts all but the store, which s3_job_begin() has started. What goes wrong fails the test, with
// the ends of the logs, also later: a process that ends by itself, for one.
void chaos_world_open(struct chaos_world *world);
// Ends the processes in order, and starts the store again if it is down.
void chaos_world_close(struct chaos_world *world);

// Kills one of the kind with SIGKILL; `seed` says which, and how long it stays away. False: there
// is none just now.
bool chaos_world_kill(struct chaos_world *world, enum chaos_victim victim, uint64_t *seed);
// Stops the service (SIGSTOP) so that no result can be told, or lets it go on.
void chaos_world_freeze(const struct chaos_world *world, bool frozen);
// Starts again what nobody else does and whose time has come; `now`: at once.
void chaos_world_tend(struct chaos_world *world, bool now);
// Asks the service until it answers with 200, while it tends. Takes `request`; the caller owns the
// answer.
json_t *chaos_world_ask(struct chaos_world *world, const char *op, json_t *request);
// The same with the API of jobs: submits a manifest (`id` NULL), which has an idempotency key, or
// gives the job's document (`manifest` NULL).
json_t *chaos_world_job(struct chaos_world *world, const char *id, const char *manifest);
// Shows the ends of the logs.
void chaos_world_show(const struct chaos_world *world);
