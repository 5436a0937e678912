// statemachine/asl_exec.h - the fold: one execution, moved on by inputs, which answers with events
// and commands.
//
// It has no clock, thread or I/O. Time and randomness come with each input, so the same inputs in
// the same order give the same events, commands and state: after a crash an execution is rebuilt by
// applying its stored inputs again.
#pragma once

#include <stdint.h>

#include "statemachine/asl_def.h"
#include "statemachine/asl_event.h"

enum asl_status { ASL_RUNNING, ASL_SUCCEEDED, ASL_FAILED, ASL_TIMED_OUT, ASL_ABORTED };
const char *asl_status_name(enum asl_status status);

// What happens to an execution. `op` names what it answers: the op of a command.
enum asl_input_kind {
    ASL_INPUT_START,            // value: the execution's input
    ASL_INPUT_CONTINUE,         // answers ASL_COMMAND_CONTINUE
    ASL_INPUT_TASK_STARTED,     // error: the worker's name, or NULL
    ASL_INPUT_TASK_SUBMITTED,   // value: what the service answered (.sync and .waitForTaskToken)
    ASL_INPUT_TASK_SUCCEEDED,   // value: the result
    ASL_INPUT_TASK_FAILED,      // error, cause: either may be NULL
    ASL_INPUT_TASK_TIMED_OUT,   // TimeoutSeconds have passed
    ASL_INPUT_TASK_LOST,        // HeartbeatSeconds have passed without a heartbeat
    ASL_INPUT_TIMER,            // a timer is due
    ASL_INPUT_ITEMS,            // value: an array, what an ItemReader found
    ASL_INPUT_ITEMS_FAILED,     // cause
    ASL_INPUT_RESULTS_WRITTEN,  // value: the output of a Map with a ResultWriter
    ASL_INPUT_RESULTS_FAILED,   // cause
    ASL_INPUT_STOP,             // error, cause: either may be NULL
    ASL_INPUT_REDRIVE,          // go on from what failed
    ASL_INPUT_MAP_RUN,          // changes a map run; value: any of the ASL_RUN_* numbers
    ASL_INPUT_KIND_COUNT,
};

struct asl_input {
    enum asl_input_kind kind;
    uint64_t op;
    int64_t now_us;  // since 1970
    uint64_t seed;   // for MathRandom, UUID and jitter
    json_t *value;   // borrowed during the call
    const char *error, *cause;
};
// For the store. What a failure leaves in `out` is a part of it.
SR_MUST_USE bool asl_input_write(const struct asl_input *input, struct sr_str *out,
                                 struct sr_err *err);
// The same as a value. *ret_json is a new reference; what asl_input_from_json() gives borrows from
// `json`.
SR_MUST_USE bool asl_input_to_json(const struct asl_input *input, json_t **ret_json,
                                   struct sr_err *err);
SR_MUST_USE bool asl_input_from_json(const json_t *json, struct asl_input *ret_input,
                                     struct sr_err *err);

// What the runtime is to do. `op` is unique in the execution, and the same in a replay, so doing it
// twice can be noticed.
enum asl_command_kind {
    ASL_COMMAND_TASK,         // run a task; answered by the TASK inputs
    ASL_COMMAND_TASK_CANCEL,  // nobody waits for it any more
    ASL_COMMAND_TIMER,        // at `at_us`; answered by TIMER
    ASL_COMMAND_TIMER_CANCEL,
    ASL_COMMAND_READ_ITEMS,     // answered by ITEMS
    ASL_COMMAND_WRITE_RESULTS,  // answered by RESULTS_WRITTEN
    ASL_COMMAND_CONTINUE,       // there is more to do at once; commit, then say CONTINUE
    ASL_COMMAND_END,            // the execution has ended
    ASL_COMMAND_MAP_RUN,        // a map run has begun, changed or ended: to be remembered
    ASL_COMMAND_CHILD,  // so has a child execution of one: its op is the number of its history
};

// The numbers of a map run, as UpdateMapRun names them.
#define ASL_RUN_CONCURRENCY "maxConcurrency"
#define ASL_RUN_COUNT "toleratedFailureCount"
#define ASL_RUN_PERCENTAGE "toleratedFailurePercentage"

struct asl_command {
    enum asl_command_kind kind;
    uint64_t op;
    const struct asl_state *state;  // TASK, READ_ITEMS, WRITE_RESULTS
    json_t *payload;  // TASK: its input; READ_ITEMS, WRITE_RESULTS: Parameters; END: the output, or
                      // NULL; MAP_RUN: {"total", "items", ASL_RUN_*...} while it runs, else NULL
    json_t *credentials;             // TASK; NULL: none
    json_t *results;                 // WRITE_RESULTS: an array
    int64_t timeout_s, heartbeat_s;  // TASK; 0: none
    int64_t at_us;                   // TIMER
    char *token;                     // TASK: what an activity's worker or a callback shows
    uint64_t run;                    // CHILD: the op of its map run
    size_t slot, items;              // CHILD: its place in the run, how many items it has
    char *arn;                       // MAP_RUN, CHILD: when they begin, else NULL
    enum asl_status status;          // END, MAP_RUN, CHILD
    char *error, *cause;             // END; NULL: none
};

struct asl_effects {
    size_t event_count, command_count;
    struct asl_event *events;
    struct asl_command *commands;
    size_t event_room, command_room;
};
void asl_effects_done(struct asl_effects *effects);
SR_DEFINE_AUTO_VALUE(asl_effects, struct asl_effects, asl_effects_done);

// Everything is copied, except `def`, which must outlive the execution.
struct asl_exec_params {
    const struct asl_def *def;
    const char *execution_arn, *execution_name, *role_arn;
    const char *machine_arn, *machine_name;
    const char
        *token_key;  // secret; tokens are made of it and the op. NULL: tokens are plain ops (tests)
    size_t payload_bytes_max;  // 0: 256 KiB
    size_t step_max;           // state transitions of one input before CONTINUE; 0: 1000
    bool no_redrive_count;     // the context object of StartSyncExecution has none
};

enum { ASL_PAYLOAD_BYTES_MAX = 256 * 1024, ASL_STEP_MAX = 1000, ASL_THREADS_MAX = 1000000 };

struct asl_exec;

SR_MUST_USE bool asl_exec_new(const struct asl_exec_params *params, struct asl_exec **ret_exec,
                              struct sr_err *err);
void asl_exec_free(struct asl_exec *exec);
SR_DEFINE_AUTO(asl_exec, struct asl_exec, asl_exec_free);

// Applies one input. An input whose op nobody waits for (any more) has no effects: answering twice
// does no harm.
// Owns:   `*ret_effects` begins as all zero and is the caller's.
// Errors: NO_MEMORY, INTERNAL: the execution is then good for nothing but asl_exec_free(); rebuild it.
// Spec:   ASL as a whole; where it is silent, what AWS was recorded to do.
SR_MUST_USE bool asl_exec_apply(struct asl_exec *exec, const struct asl_input *input,
                                struct asl_effects *ret_effects, struct sr_err *err);

enum asl_status asl_exec_status(const struct asl_exec *exec);
uint64_t asl_exec_last_event(const struct asl_exec *exec);
size_t asl_exec_thread_count(const struct asl_exec *exec);
// Whether an input with this op would be heard.
bool asl_exec_waits_for(const struct asl_exec *exec, uint64_t op);
// The state that waits for it; NULL: none does.
const struct asl_state *asl_exec_state_of(const struct asl_exec *exec, uint64_t op);
