// statemachine/engine.h - the durable runtime: executions, one writer for all of them, each step
// committed before it acts.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/err.h"
#include "statemachine/asl_check.h"
#include "statemachine/asl_exec.h"
#include "statemachine/engine_activity.h"
#include "statemachine/engine_resource.h"
#include "statemachine/store.h"

struct engine;

struct engine_params {
    struct store *store;                      // borrowed; used by the engine's thread only
    const struct sr_clock *clock;             // borrowed
    const struct engine_resource *resources;  // borrowed
    size_t resource_count;
    const char
        *arn_prefix;  // "arn:aws:states:us-east-1:000000000000": of machines and executions; copied
    const char *token_key;  // secret, the same over restarts; copied
    uint64_t seed;          // of what chance there is in flows
    size_t cache_max;       // executions kept in memory while they wait; 0: 1000
    size_t batch_max;       // requests in one commit; 0: 1000
    size_t step_max;        // transitions between commits of one execution; 0: 1000
    // How long an execution that has ended is kept, with its history; 0: for ever.
    int64_t retention_us;
};

// Opens what the store holds: timers, tasks that are out. The first engine_step() starts handlers'
// tasks again; activities' are where they were.
SR_MUST_USE bool engine_new(const struct engine_params *params, struct engine **ret_engine,
                            struct sr_err *err);
// Unanswered requests are answered with CANCELLED. Everything acknowledged is in the store.
void engine_free(struct engine *engine);
SR_DEFINE_AUTO(engine, struct engine, engine_free);

// One round: takes what is asked for and what is due, applies it, commits all of it at once, and
// then acts. Never waits. *ret_more: there is more to do at once.
// Errors:  STORAGE, BUSY, NO_MEMORY: nothing of this round happened; requests in it were answered with the error, what was due is
//          still due. The next call tries again.
// Threads: one at a time: the engine's.
SR_MUST_USE bool engine_step(struct engine *engine, bool *ret_more, struct sr_err *err);
// When something is due next (wall time); INT64_MAX: nothing.
int64_t engine_next_us(const struct engine *engine);
// Sleeps until something is asked for, or due, or `wait_us` have passed. Threads: the engine's.
void engine_wait(struct engine *engine, int64_t wait_us);
void engine_wake(struct engine *engine);  // any thread
// Rounds until `cancel` is asked for (wake the engine then). A round that fails is tried again
// after a pause; each failure is told to `failed` (NULL: nobody), on this thread.
// Errors: NO_MEMORY when the engine is good for nothing but engine_free().
SR_MUST_USE bool engine_loop(struct engine *engine, const struct sr_cancel *cancel,
                             void (*failed)(void *self, const struct sr_err *err), void *self,
                             struct sr_err *err);

// --- requests: any thread; answered after the commit ---

enum engine_request_kind {
    ENGINE_PUT_MACHINE,  // name, text: definition, role, type
    ENGINE_START,        // arn: the machine, a version or an alias; name; text: input
    ENGINE_STOP,         // arn: the execution, also a map run's child execution; error, cause
    ENGINE_REDRIVE,      // arn: the execution; token: the caller's, NULL: none
    ENGINE_MAP_RUN,      // arn: the map run; text: {ASL_RUN_*: number, ...}
    ENGINE_SUCCEED,      // token; text: output
    ENGINE_FAIL,         // token; error, cause
    ENGINE_HEARTBEAT,    // token
    ENGINE_POLL,         // arn: the activity; poll
    ENGINE_ANSWER,       // a handler's: ref; text: result, or error and cause. No reply
    ENGINE_RECORD,       // record: what else shall be durable
};

struct engine_reply {
    bool done;  // else `err` says why not
    struct sr_err err;
    const char *arn;     // of the machine or execution; borrowed during the call
    int64_t started_us;  // ENGINE_STOP: when it ended; ENGINE_REDRIVE: when that was done
    const struct asl_faults
        *faults;  // ENGINE_PUT_MACHINE: why the definition is refused; NULL: none
};
typedef void (*engine_reply_fn)(void *self, const struct engine_reply *reply);

// How an execution ended; borrowed during the call.
struct engine_outcome {
    enum asl_status status;
    const char *arn, *output, *error, *cause;  // output: JSON text; NULL: none
    int64_t started_us, stopped_us;
};
typedef void (*engine_ended_fn)(void *self, const struct engine_outcome *outcome);

struct engine_request {
    enum engine_request_kind kind;
    const char *arn, *name, *text, *role, *token, *error, *cause;  // all copied
    enum asl_machine_type type;
    struct engine_poll poll;
    struct engine_ref
        ref;  // ENGINE_ANSWER: which task; ENGINE_START: whose task waits for the end (0: nobody's)
    bool failed;  // ENGINE_ANSWER
    // ENGINE_START: called once when the execution ends while this engine runs, after the reply;
    // NULL outcome: the engine ends first.
    engine_ended_fn ended;
    void *ended_self;
    // ENGINE_RECORD: reads and writes the store inside the round's transaction; false: nothing of
    // it is kept, and the reply says why not. Called at most once.
    bool (*record)(void *self, const struct store *store, int64_t now_us, struct sr_err *err);
    engine_reply_fn reply;  // on the engine's thread; NULL: nobody asks
    void *self;
};

// Errors: LIMIT (too many requests wait), NO_MEMORY: no reply will come.
SR_MUST_USE bool engine_ask(struct engine *engine, const struct engine_request *request,
                            struct sr_err *err);

// For the handlers of resources.
SR_MUST_USE bool engine_answer(struct engine *engine, struct engine_ref ref, const char *result,
                               struct sr_err *err);
SR_MUST_USE bool engine_answer_failed(struct engine *engine, struct engine_ref ref,
                                      const char *error, const char *cause, struct sr_err *err);

// The name of the state whose task this is, borrowed until the next round; NULL: nobody waits for
// it.
// Threads: the engine's: inside a handler's start() or a poll's answer().
SR_MUST_USE bool engine_task_state(struct engine *engine, struct engine_ref ref,
                                   const char **ret_name, struct sr_err *err);

// What has been done since it was opened.
struct engine_counts {
    uint64_t commits, inputs, events;
    uint64_t transitions;  // states entered
    size_t cached, tasks;
};
struct engine_counts engine_counts(const struct engine *engine);

enum {
    ENGINE_REQUESTS_MAX = 100000,
    ENGINE_EXPRESS_S_MAX = 300,             // no express execution runs longer
    ENGINE_DEFS_IDLE_BYTES_MAX = 2 << 20,   // texts of definitions kept parsed without an execution
    ENGINE_COLLECT_ROWS = 500,              // removed in one round
    ENGINE_COLLECT_PAUSE_US = 20 * 1000,    // between rounds that remove something
    ENGINE_COLLECT_IDLE_US = 60 * 1000000,  // between looks when there is nothing
};
// Of what an execution that has ended leaves behind: the default of services.
#define ENGINE_RETENTION_US ((int64_t)90 * 24 * 3600 * 1000000)
