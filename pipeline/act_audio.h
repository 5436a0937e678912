// pipeline/act_audio.h - step 4: one audio track over the whole title.
#pragma once

#include "pipeline/job.h"

struct act_audio_params {
    size_t audio;  // in the job's list
    void (*progress)(void *self, int64_t us);
    void *progress_self;
};

// Needs act_plan. Result: {"audio": id, "reused": bool}.
// Errors:  what audio_transcode() and the workspace meet, CANCELLED.
// Threads: any, for different tracks.
SR_MUST_USE bool act_audio(struct job *job, const struct act_audio_params *params,
                           json_t **ret_result, struct sr_err *err);
