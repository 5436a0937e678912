// pipeline/act_plan_priv.h - the plan's keys and document.
#pragma once

#include "pipeline/job.h"

// Makes room for all parts and gives each its key.
SR_MUST_USE bool act_plan_keys(struct job *job, struct sr_err *err);
SR_MUST_USE bool act_plan_json(const struct job *job, json_t **ret_json, struct sr_err *err);
// What the audio's fragments are cut at, so that they line up with the video's groups of pictures.
void act_plan_audio_grid(const struct job *job, int64_t *ret_fragment_us, int64_t *ret_start_us);
