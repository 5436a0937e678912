// statemachine/engine_once.h - one execution of a definition in this process, from its start to its
// end.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/jx.h"
#include "statemachine/asl_check.h"
#include "statemachine/asl_exec.h"

struct engine_once_params {
    const char *definition;
    const char *input;               // JSON text
    const json_t *mock;              // task results (engine_mock.h); NULL: none
    const struct sr_clock *clock;    // NULL: the system's
    bool fast;                       // time jumps to what is due next instead of being waited for
    const char *database;            // a new file for the store; NULL: it is in memory
    const struct sr_cancel *cancel;  // may be NULL
};

struct engine_once_result {
    struct asl_faults faults;  // not empty: the definition is refused, and all else is empty
    enum asl_status status;
    json_t *execution;  // status, input, output (as values), error, cause, startDate, stopDate
    json_t *events;     // as GetExecutionHistory shows them
};
void engine_once_result_done(struct engine_once_result *result);
SR_DEFINE_AUTO_VALUE(engine_once_result, struct engine_once_result, engine_once_result_done);

// Tasks are answered from `mock` alone. The same parameters and clock give the same history.
// Owns:    *ret_result begins as all zero and is the caller's, for engine_once_result_done().
// Errors:  EXISTS (the database), INVALID (input, mock, or a task without a result; names the state), CONFLICT (it waits for something
//          that cannot come), CANCELLED, NO_MEMORY.
// Threads: any; nothing else runs.
SR_MUST_USE bool engine_once(const struct engine_once_params *params,
                             struct engine_once_result *ret_result, struct sr_err *err);
