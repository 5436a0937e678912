// pipeline/act_publish.h - step 7: verified files get their names, playlists after what they name,
// the report last.
#pragma once

#include "pipeline/job.h"

struct act_publish_params {
    int pipe_fd;              // for an output "-"
    const char *report_path;  // NULL: none
    json_t *report;           // gets "transfer" when a store was used
};

// Needs act_verify, and that it found nothing. Result: {"published": [names]}.
// Errors: EXISTS (a name was taken meanwhile), STORAGE, NO_MEMORY.
SR_MUST_USE bool act_publish(struct job *job, const struct act_publish_params *params,
                             json_t **ret_result, struct sr_err *err);
