// statemachine/asl_exec_priv.h - the inside of an execution, shared by asl_exec*.c.
#pragma once

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_data.h"
#include "statemachine/asl_exec.h"
#include "statemachine/asl_language.h"

// A history with its own event numbers: the execution's, or that of a distributed map's child
// execution.
struct asl_history {
    uint64_t child;
    uint64_t last_id;
};

enum asl_phase {
    ASL_PHASE_ENTER,     // the state is to be entered
    ASL_PHASE_RETRY,     // the state is to be tried again
    ASL_PHASE_TASK,      // a task is out
    ASL_PHASE_TIMER,     // a Wait
    ASL_PHASE_BACKOFF,   // a delay before another try
    ASL_PHASE_READING,   // an ItemReader
    ASL_PHASE_CHILDREN,  // branches or iterations
    ASL_PHASE_WRITING,   // a ResultWriter
};

// A child execution of a distributed map that failed: a redrive runs it again.
struct asl_lost {
    uint64_t child;  // its history; 0: it did not fail
    uint64_t last_id;
    bool linked;  // its thread is still there
    bool redo;    // by the redrive at work
};

// The children of a Parallel or Map state at work.
struct asl_group {
    size_t count;  // branches, items or batches
    size_t next;   // the first that was not started
    size_t live, failed, done;
    size_t concurrency_max;                        // 0: no limit
    double tolerated_count, tolerated_percentage;  // negative: not given
    json_t *items;                                 // Map: their inputs
    json_t *values;           // Map: the items as they were (context object); NULL with batches
    json_t *results;          // array
    struct asl_lost *lost;    // distributed: by place, those that failed; NULL: none
    size_t again, again_end;  // places before the end of which lost ones are to be run again
    size_t item_count;        // distributed: items in all batches
    uint64_t run;             // distributed: the op of its map run; 0: none
    int64_t redrive_count;
    bool over;                 // the map run has ended
    bool stopped;              // one has failed, and the others were aborted
    struct asl_thread *first;  // live children
};

// A flow being walked through: the execution's own, a branch, an iteration.
struct asl_thread {
    struct asl_thread *parent;
    size_t slot;                        // its place among the parent's children
    struct asl_thread *before, *after;  // siblings
    struct asl_thread *before_ready, *next_ready;
    bool is_ready;
    const struct asl_flow *flow;
    const struct asl_state *state;
    enum asl_phase phase;
    struct asl_history *history;
    bool owns_history;
    bool over;              // with a history of its own: its last event is there
    json_t *input;          // of the state, raw
    json_t *vars;           // own variables; NULL: none yet
    struct asl_vars scope;  // own, then those outside
    json_t *arguments;      // while the state works
    json_t *item;           // an iteration's Map.Item; NULL: none
    int64_t entered_us;
    uint64_t entered_id;
    uint64_t last_id;   // the event before the next one
    int64_t *attempts;  // per retrier
    int64_t retry_count;
    uint64_t op;  // what it waits for; 0: nothing
    bool task_started;
    struct asl_group *group;
};

struct asl_op {
    uint64_t id;  // 0: free
    struct asl_thread *thread;
};

// A redrive that a caller gave a token to.
struct asl_redrive {
    char token[ASL_REDRIVE_TOKEN_BYTES];
    int64_t at_us;
};

struct asl_exec {
    const struct asl_def *def;
    char *execution_arn, *execution_name, *role_arn, *machine_arn, *machine_name, *token_key;
    size_t payload_bytes_max, step_max;
    bool no_redrive_count;
    enum asl_status status;
    int64_t started_us;
    int64_t redrive_count;
    int64_t timeout_s_max;
    struct asl_redrive *redrives;  // ASL_REDRIVES_MAX of them, round and round; NULL: none yet
    size_t redrive_next;
    json_t *input;
    uint64_t last_op, timeout_op;
    struct asl_history history;
    struct asl_thread *root;
    struct asl_thread *ready_first, *ready_last;
    size_t thread_count;
    struct asl_op *ops;  // open addressing; a power of two
    size_t op_count, op_room;
    json_t *context;  // the last one built
    // During one apply:
    const struct asl_input *now;
    bool heard;  // the input answered something
    struct asl_random random;
    struct asl_effects *effects;
    struct sr_err *err;
};

// Every function that gives false has set exec->err.
bool asl_exec_no_memory(struct asl_exec *exec);

// asl_exec.c: events, commands, ops, the ready queue.
SR_MUST_USE bool asl_exec_event(struct asl_exec *exec, struct asl_thread *thread,
                                enum asl_event_type type,
                                json_t *details);  // takes `details`; NULL: none
SR_MUST_USE struct asl_command *asl_exec_command(struct asl_exec *exec, enum asl_command_kind kind,
                                                 uint64_t op);
SR_MUST_USE bool asl_exec_wait(struct asl_exec *exec, struct asl_thread *thread,
                               enum asl_phase phase);  // sets thread->op
SR_MUST_USE bool asl_exec_wait_as(struct asl_exec *exec, struct asl_thread *thread,
                                  enum asl_phase phase, uint64_t op);
void asl_exec_unwait(struct asl_exec *exec, struct asl_thread *thread);
void asl_exec_ready(struct asl_exec *exec, struct asl_thread *thread);
SR_MUST_USE bool asl_exec_end(struct asl_exec *exec, struct asl_thread *thread,
                              enum asl_status status, json_t *output,
                              const struct asl_failure *failure);

// asl_exec_thread.c: threads, from state to state.
SR_MUST_USE struct asl_thread *asl_thread_new(struct asl_exec *exec, struct asl_thread *parent,
                                              size_t slot, const struct asl_flow *flow,
                                              json_t *input);            // NULL: failed
void asl_thread_free(struct asl_exec *exec, struct asl_thread *thread);  // and all below; silent
// Takes it out of the queue of those that have a turn.
void asl_thread_unready(struct asl_exec *exec, struct asl_thread *thread);
// Ends what a thread and those below it wait for, with the events that say so.
SR_MUST_USE bool asl_thread_abort(struct asl_exec *exec, struct asl_thread *thread, bool events);
SR_MUST_USE bool asl_thread_run(struct asl_exec *exec, struct asl_thread *thread);
SR_MUST_USE bool asl_thread_leave(struct asl_exec *exec, struct asl_thread *thread, json_t *output,
                                  json_t *assigned, const char *next);
// A result becomes the state's output.
SR_MUST_USE bool asl_thread_finish(struct asl_exec *exec, struct asl_thread *thread,
                                   json_t *result);
// Retry, Catch, or up to the parent.
SR_MUST_USE bool asl_thread_fail(struct asl_exec *exec, struct asl_thread *thread,
                                 struct asl_failure *failure);
// What a language call left behind: a failure of the state, or no memory.
SR_MUST_USE bool asl_thread_failed_call(struct asl_exec *exec, struct asl_thread *thread,
                                        struct asl_failure *failure);
struct asl_work asl_thread_work(struct asl_exec *exec, struct asl_thread *thread,
                                struct asl_failure *failure);

// asl_exec_state.c: what each type of state does once it is entered.
SR_MUST_USE bool asl_exec_begin(struct asl_exec *exec, struct asl_thread *thread);
SR_MUST_USE bool asl_exec_task_input(struct asl_exec *exec, struct asl_thread *thread,
                                     const struct asl_input *input);

// asl_exec_group.c: Parallel and Map.
SR_MUST_USE bool asl_group_begin(struct asl_exec *exec, struct asl_thread *thread);
SR_MUST_USE bool asl_group_items(struct asl_exec *exec, struct asl_thread *thread, json_t *items);
SR_MUST_USE bool asl_group_child_done(struct asl_exec *exec, struct asl_thread *child,
                                      json_t *output);
SR_MUST_USE bool asl_group_child_failed(struct asl_exec *exec, struct asl_thread *child,
                                        struct asl_failure *failure);
// Somebody ends one child execution of a distributed map, which counts as failed.
SR_MUST_USE bool asl_group_child_stopped(struct asl_exec *exec, struct asl_thread *child,
                                         const struct asl_input *input);
SR_MUST_USE bool asl_group_written(struct asl_exec *exec, struct asl_thread *thread,
                                   const struct asl_input *input);
void asl_group_free(struct asl_exec *exec, struct asl_thread *thread);
bool asl_thread_in_child(const struct asl_thread *thread);
bool asl_group_over_threshold(const struct asl_group *group);
SR_MUST_USE bool asl_group_go_on(struct asl_exec *exec, struct asl_thread *thread);
// Too many have failed: the map run ends.
SR_MUST_USE bool asl_group_exceeded(struct asl_exec *exec, struct asl_thread *thread,
                                    struct asl_thread *failed);

// asl_exec_run.c: map runs and their child executions as objects; redrive.
SR_MUST_USE bool asl_run_begin(struct asl_exec *exec, struct asl_thread *thread);
// Tells what the run is like now.
SR_MUST_USE bool asl_run_tell(struct asl_exec *exec, const struct asl_thread *thread,
                              enum asl_status status, bool with_arn);
SR_MUST_USE bool asl_run_end(struct asl_exec *exec, struct asl_thread *thread,
                             enum asl_status status);  // nothing when it has ended
// A child execution's place in the world; `child` has its history.
SR_MUST_USE bool asl_run_child(struct asl_exec *exec, const struct asl_thread *child,
                               enum asl_status status, bool with_arn);
SR_MUST_USE bool asl_run_update(struct asl_exec *exec, struct asl_thread *thread,
                                const json_t *numbers);
char *asl_run_arn(struct asl_exec *exec, const struct asl_thread *thread, uint64_t child,
                  uint64_t run);  // child 0: of the run; NULL: failed
// The child execution with this history that has not ended, below the thread; NULL: none.
struct asl_thread *asl_run_find_child(struct asl_thread *thread, uint64_t history);
// Remembers the token of the redrive at work.
SR_MUST_USE bool asl_redrive_note(struct asl_exec *exec);
// What had not ended is entered again, below the thread too.
SR_MUST_USE bool asl_thread_redrive(struct asl_exec *exec, struct asl_thread *thread);

// asl_context.c: the context object of a thread; borrowed until the next call. NULL: out of memory.
const json_t *asl_context_build(const void *thread_and_exec);
struct asl_context_of {
    struct asl_exec *exec;
    const struct asl_thread *thread;
};
char *asl_context_token(struct asl_exec *exec, uint64_t op);  // the caller frees it
