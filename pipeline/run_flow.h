// pipeline/run_flow.h - a job's flow in this process: the engine on the caller's thread, its store
// in memory, slots that are threads.
#pragma once

#include "pipeline/activity_job.h"
#include "pipeline/run.h"

// What must survive a crash lies in the workspace: parts, and what was about to be published. The
// flow itself begins anew and finds all of it.
// `hard` is open->cancel: set when the drain has taken too long, or when parts are made in vain.
// While parts are made it has no parent: being asked to stop means to drain.
// Errors: the job's, as the step that failed has told it; CANCELLED when it was drained.
SR_MUST_USE bool run_flow(const struct run_params *params, struct activity_job *open,
                          struct sr_cancel *hard, struct sr_err *err);
