// pipeline/act_segment.h - step 3: one segment, those of its renditions that are not in the
// workspace yet, with one decode.
#pragma once

#include "pipeline/job.h"
#include "transcode/track.h"

struct act_segment_params {
    size_t segment;                           // 0-based, in the plan
    size_t rendition_count;                   // 0: all
    size_t renditions[MEDIA_RENDITIONS_MAX];  // 0-based, in the plan
    void (*progress)(
        void *self,
        uint64_t frames);  // encoded so far, from the encoding thread; NULL: nobody looks
    void *progress_self;
};

// Needs act_plan. Fills the segment's parts of these renditions. Result: {"segment": n, "made":
// [ids], "reused": [ids], "frames": of the first of them}.
// Errors:  what segment_transcode() and the workspace meet, CANCELLED.
// Threads: any, for different parts.
SR_MUST_USE bool act_segment(struct job *job, const struct act_segment_params *params,
                             json_t **ret_result, struct sr_err *err);
