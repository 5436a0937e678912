// pipeline/flow.h - the state machine of a job, as a definition for an engine.
#pragma once

#include "base/err.h"

struct flow_params {
    const char *activities;  // what the ARNs of activities begin with: "arn:...:activity:"
    // The tasks' runners live and die with the engine: nobody sends heartbeats.
    bool is_inside;
};

// The caller frees *ret_text. Errors: NO_MEMORY.
SR_MUST_USE bool flow_transcode(const struct flow_params *params, char **ret_text,
                                struct sr_err *err);
