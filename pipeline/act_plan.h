// pipeline/act_plan.h - step 2: segments, renditions, audio tracks, output time zero: one document,
// a function of source and settings.
#pragma once

#include "pipeline/job.h"

// Needs act_probe. Result: the plan; kept as plan.json, and in job->plan_json. Also gives every
// part its key.
// Errors: INVALID (a setting that does not fit this source), INPUT, UNSUPPORTED, NO_MEMORY.
SR_MUST_USE bool act_plan(struct job *job, json_t **ret_result, struct sr_err *err);
