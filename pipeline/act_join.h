// pipeline/act_join.h - step 5: parts become files, under temporary names; objects are sent, but
// not finished.
#pragma once

#include "pipeline/job.h"

// Needs every part, and places_choose(). Result: {"files": [{"temporary": ... or null, "final":
// ...}]}.
// Errors: VERIFY (a part is not what its document says: "segment N"), STORAGE, NO_MEMORY, CANCELLED.
SR_MUST_USE bool act_join(struct job *job, json_t **ret_result, struct sr_err *err);
// Removes what act_join made and nobody has published. What cannot be removed is logged.
void act_join_discard(struct job *job);
