// tests/sim_world.h - an engine and its store, and an outside that disturbs them at random:
// workers, handlers, callbacks, clients, crashes. What the outside knows outlives the engine.
#pragma once

#include <inttypes.h>

#include "base/clock.h"
#include "base/test.h"
#include "statemachine/engine.h"
#include "tests/random_flow.h"

enum { SIM_FLOWS = 3, SIM_WORKERS = 3, SIM_PENDING_MAX = 256, SIM_TOKENS_MAX = 1024 };

struct sim_end {
    enum asl_status status;
    char *output, *error;  // never NULL once it is read
};

struct sim_flow {
    char *definition, *input;
    bool is_created, is_started;
    size_t redrives;
    bool is_redriving;    // asked for, not answered
    struct sim_end seen;  // as it was found when it had ended; output NULL: not yet
};

struct sim_worker {
    bool asks;
    char *token, *payload;
};

struct sim_answer {
    struct engine_ref ref;
    enum store_task_kind kind;
    char *payload;
    bool is_again;  // that a token was handed over, said before: it counts for nothing
};

struct sim_callback {
    char *token, *payload;
    bool is_heard;
};

// What becomes of a commit.
enum sim_fault {
    SIM_FAULT_REFUSED,  // the store fails, and is well again
    SIM_FAULT_BEFORE,   // a crash, before it is on disk
    SIM_FAULT_AFTER,
    SIM_FAULT_COUNT
};

struct sim_world {
    char folder[64], database[96];
    uint64_t seed;
    struct random_flow chance;
    bool disturbed;
    struct sr_clock_fake clock;
    struct store inner, store;
    struct store_ops ops;
    struct engine *engine;
    size_t depth, commits_left;  // until one fails; 0: none does
    enum sim_fault fault;
    bool is_committed, is_crashed, is_refused;
    struct sim_flow flows[SIM_FLOWS + 1];  // the first is what others start
    struct sim_worker workers[SIM_WORKERS];
    struct sim_answer pending[SIM_PENDING_MAX];  // of handlers: they end with the engine
    size_t pending_count;
    struct sim_callback callbacks[SIM_TOKENS_MAX];
    size_t callback_count, crashes, transitions;
};

#define sim_fail(world, ...)                                                                       \
    do {                                                                                           \
        print_error("seed %" PRIu64 "%s: ", (world)->seed,                                         \
                    (world)->disturbed ? ", disturbed" : "");                                      \
        fail_msg(__VA_ARGS__);                                                                     \
    } while (0)

// The flows are drawn from the seed. Undisturbed, everybody answers at once.
void sim_world_open(struct sim_world *world, uint64_t seed, bool disturbed);
void sim_world_close(struct sim_world *world);
void sim_world_open_engine(struct sim_world *world);
void sim_world_close_engine(struct sim_world *world);
// Rounds until there is nothing to do at once, or for a while when disturbed.
void sim_world_settle(struct sim_world *world);
// One moment of the outside and what the engine makes of it. True: everything has ended. Fails the
// test when what was acknowledged is not there, or what had ended is not as it was.
bool sim_world_tick(struct sim_world *world);
void sim_execution_arn(size_t flow, char arn[96]);
bool sim_end_same(const struct sim_end *a, const struct sim_end *b);
