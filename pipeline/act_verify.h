// pipeline/act_verify.h - step 6: what was joined, against the parts' documents, before anybody
// sees it.
#pragma once

#include "pipeline/job.h"
#include "transcode/verify.h"

// What was found in all files of the job.
struct act_verify_found {
    size_t count;  // of findings; the list is cut at VERIFY_FINDINGS_MAX
    struct verify_finding list[VERIFY_FINDINGS_MAX];
    uint64_t frames_seen, samples_seen, frames_decoded;
};

// Needs act_join. Fills size and hash of job->files, and *ret. Result: {"findings": [...],
// "frames_decoded": n}.
// Errors: only what keeps it from looking (STORAGE, NO_MEMORY, CANCELLED); a difference is a finding.
SR_MUST_USE bool act_verify(struct job *job, struct act_verify_found *ret, json_t **ret_result,
                            struct sr_err *err);
