// pipeline/act_join.h - step 5: parts become files, under temporary names; objects are sent, but
// not finished.
#pragma once

#include "pipeline/job.h"

enum { ACT_JOIN_ALL = -1 };
struct act_join_params {
    int output;    // in the manifest; ACT_JOIN_ALL: each
    bool resumes;  // what lies under a temporary name already is taken for joined
};

// Needs every part, and places_choose(). Joins what is not joined yet. Result: {"files": how many}.
// Threads: any, for different outputs.
// Errors: VERIFY (a part is not what its document says: "segment N"), STORAGE, NO_MEMORY, CANCELLED.
SR_MUST_USE bool act_join(struct job *job, const struct act_join_params *params,
                          json_t **ret_result, struct sr_err *err);
// Removes what act_join made and nobody has published. What cannot be removed is logged.
// Then the files can be joined again.
void act_join_discard(struct job *job);
