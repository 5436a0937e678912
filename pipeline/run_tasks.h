// pipeline/run_tasks.h - segments and audio tracks of a job, spread over threads: heaviest first,
// drained when asked.
#pragma once

#include "pipeline/job.h"
#include "pipeline/run.h"

// `hard` is the job's source.cancel: set when the drain has taken too long, or after a failure.
// Errors: the first that a task met; CANCELLED when it was drained.
SR_MUST_USE bool run_tasks(struct job *job, const struct run_params *params, struct sr_cancel *hard,
                           struct sr_err *err);
