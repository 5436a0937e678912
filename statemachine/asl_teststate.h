// statemachine/asl_teststate.h - TestState: one state alone, with a mocked result where it would do
// something.
#pragma once

#include "base/jx.h"
#include "statemachine/asl_error.h"

struct asl_teststate_params {
    const json_t *request;  // the body of a TestState call
    int64_t now_us;
    uint64_t seed;
    const char *machine_arn, *machine_name, *execution_arn,
        *execution_name;  // what the context object says
};

// *ret_response is the answer, or NULL when the call is refused: then *ret_refusal holds the code
// (`error`) and message
// (`cause`). `output` and what inspectionData holds are JSON texts, as AWS has them.
// Errors:  NO_MEMORY.
// Threads: pure; any thread.
SR_MUST_USE bool asl_teststate(const struct asl_teststate_params *params, json_t **ret_response,
                               struct asl_failure *ret_refusal, struct sr_err *err);
