// pipeline/act_probe.h - step 1: what is in the source, and which of it the job works on.
#pragma once

#include "pipeline/job.h"

// Result: {"identity": ..., "probe": ..., "video": index or null, "audio": [indexes]}; kept as
// probe.json.
// Errors: what probe_source() and job_pick_streams() meet.
SR_MUST_USE bool act_probe(struct job *job, json_t **ret_result, struct sr_err *err);
