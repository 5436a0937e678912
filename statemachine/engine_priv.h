// statemachine/engine_priv.h - the inside of an engine, shared by engine*.c.
#pragma once

#include "base/thread.h"
#include "statemachine/engine.h"
#include "statemachine/engine_metrics.h"
#include "statemachine/engine_timer.h"

// A hash table from (execution, op) to something.
struct engine_slot {
    int64_t execution;  // 0: free
    uint64_t op;
    void *value;
};
struct engine_table {
    size_t count, room;
    struct engine_slot *slots;
};
SR_MUST_USE bool engine_table_put(struct engine_table *table, int64_t execution, uint64_t op,
                                  void *value, struct sr_err *err);
void *engine_table_get(const struct engine_table *table, int64_t execution, uint64_t op);
void *engine_table_take(struct engine_table *table, int64_t execution, uint64_t op);

// A definition in use.
struct engine_def {
    struct engine_def *next;
    int64_t revision;
    struct asl_def *def;
    char *machine, *name, *role;
    size_t users;
};

// An execution in memory.
struct engine_run {
    struct engine_run *before, *after;  // by last use
    int64_t id;
    int64_t next_seq;
    char *arn;
    int64_t parent;
    uint64_t parent_op;
    struct engine_def *def;
    struct asl_exec *exec;
    bool touched;  // in the round that is not committed yet
    bool waits;    // it may have tasks or timers in the store
};

enum { ENGINE_NAME_BYTES = 4 * 80 + 1 };  // of an execution: 80 characters

struct engine_job {  // a queued request, with its own copies
    struct engine_job *next;
    struct engine_request request;
    struct asl_faults faults;
    struct sr_err err;
    bool failed;
    bool polls;  // ENGINE_POLL: it stands in its queue and will be answered there
    char *arn;   // what the reply says
    int64_t started_us, execution;
    char *texts[7];
};

struct engine_watcher {
    struct engine_watcher *next;
    engine_ended_fn ended;
    void *self;
};

// What to do once the round is committed.
enum engine_act_kind {
    ACT_START,    // a task, by its handler
    ACT_OFFER,    // a task, to workers
    ACT_SETTLED,  // a task was answered
    ACT_CANCEL,   // a task is not wanted any more
    ACT_TIMER,
    ACT_UNTIMER,
    ACT_MATCH,  // a worker gets its task
    ACT_ENDED,  // an execution has: who waits for that hears it
};
struct engine_act {
    enum engine_act_kind kind;
    struct store_task task;  // strings owned by the act
    struct engine_timer timer;
    struct engine_match match;
};

struct engine {
    struct store *store;
    const struct sr_clock *clock;
    const struct engine_resource *resources;
    size_t resource_count;
    char *arn_prefix, *token_key;
    struct asl_random random;
    size_t cache_max, batch_max, step_max;
    struct sr_mutex lock;
    struct sr_cond woken;
    struct {
        struct engine_job *first, *last;
        size_t count;
        bool wake;
    } queued;  // under `lock`
    struct engine_def *defs;
    struct engine_table runs, tasks;  // tasks: struct store_task, strings owned
    struct engine_table waits;        // timers that count; the heap may hold others
    struct engine_table watchers;  // struct engine_watcher: who waits for the end of an execution
    bool stale;  // memory ran out behind a commit: the store is right, what is in memory is not
    struct engine_run *newest, *oldest;
    struct engine_timers timers;
    struct engine_activities *activities;
    struct engine_act *acts;
    size_t act_count, act_room;
    struct engine_counts counts;
    struct engine_latency commit_latency;
    int64_t poll_next_us;
    int64_t retention_us, collect_next_us;
    int64_t now_us;  // of the round
};

// engine_run.c: executions in memory.
SR_MUST_USE bool engine_run_get(struct engine *engine, int64_t id, struct engine_run **ret_run,
                                struct sr_err *err);
// The same for one that was stored a moment ago and has no log. Nothing but engine_run_apply()
// comes next.
SR_MUST_USE bool engine_run_new(struct engine *engine, const struct store_execution *execution,
                                struct sr_err *err);
void engine_run_drop(struct engine *engine, struct engine_run *run);
void engine_run_shrink(struct engine *engine);  // to cache_max
SR_MUST_USE bool engine_def_get(struct engine *engine, int64_t revision,
                                struct engine_def **ret_def, struct sr_err *err);
// Applies an input, logs it, stores what it causes, notes what is to be done after the commit.
SR_MUST_USE bool engine_run_apply(struct engine *engine, int64_t id, const struct asl_input *input,
                                  struct sr_err *err);

// The same for inputs that nobody asks for: an execution that cannot go on is stopped, so that it
// does not stop the others.
SR_MUST_USE bool engine_run_apply_or_stop(struct engine *engine, int64_t execution,
                                          const struct asl_input *input, struct sr_err *err);

// engine_request.c: one request, inside the round's transaction.
SR_MUST_USE bool engine_handle(struct engine *engine, struct engine_job *job, struct sr_err *err);
// The store's or the memory's fault, which ends a round, not the request's.
bool engine_is_store_fault(enum sr_err_code code);

// engine_act.c: what follows a commit.
SR_MUST_USE struct engine_act *engine_act_add(struct engine *engine, enum engine_act_kind kind,
                                              struct sr_err *err);
void engine_acts_drop(struct engine *engine, size_t from);
void engine_acts_do(struct engine *engine);
SR_MUST_USE bool engine_watch(struct engine *engine, int64_t execution, engine_ended_fn ended,
                              void *self, struct sr_err *err);
void engine_unwatch(struct engine *engine, int64_t execution, const void *self);  // without a call
void engine_watchers_free(struct engine *engine);

// A timer's op that is none of the fold's: the execution is to be stopped, because the task that
// waited for it is gone.
#define ENGINE_OP_STOP ((uint64_t)INT64_MAX)
SR_MUST_USE bool engine_run_stop_asked(struct engine *engine, int64_t id, struct sr_err *err);

// engine_child.c: states:startExecution, with and without .sync.
bool engine_child_is(const char *resource);
SR_MUST_USE bool engine_child_start(struct engine *engine, const struct store_task *task,
                                    struct sr_err *err);
// Answers the task that waits for this execution's end.
SR_MUST_USE bool engine_child_ended(struct engine *engine, const struct store_execution *child,
                                    struct sr_err *err);
// After a commit nothing can be taken back: what fails then makes the engine stale.
void engine_must(struct engine *engine, bool done);
SR_MUST_USE bool engine_task_copy(const struct store_task *from, struct store_task *to,
                                  struct sr_err *err);
void engine_task_done(struct store_task *task);
