// pipeline/activity_priv.h - what the table of activities and the activities themselves share.
#pragma once

#include "pipeline/activity_job.h"

struct activity_slot {
    struct activity_env env;
    struct activity_job *open;  // NULL: none yet, or it is shared
    json_t *ref;                // the "job" that it was opened for
};

struct activity_call {
    struct activity_slot *slot;
    struct jx params;
    struct activity_job *open;  // that of `params`
};

// docs/flow.md tells parameters and results.
SR_MUST_USE bool activity_probe(struct activity_call *call, json_t **ret, struct sr_err *err);
SR_MUST_USE bool activity_plan(struct activity_call *call, json_t **ret, struct sr_err *err);
SR_MUST_USE bool activity_segment(struct activity_call *call, json_t **ret, struct sr_err *err);
SR_MUST_USE bool activity_audio(struct activity_call *call, json_t **ret, struct sr_err *err);
SR_MUST_USE bool activity_note(struct activity_call *call, json_t **ret, struct sr_err *err);
SR_MUST_USE bool activity_join(struct activity_call *call, json_t **ret, struct sr_err *err);
SR_MUST_USE bool activity_verify(struct activity_call *call, json_t **ret, struct sr_err *err);
SR_MUST_USE bool activity_publish(struct activity_call *call, json_t **ret, struct sr_err *err);
SR_MUST_USE bool activity_clean(struct activity_call *call, json_t **ret, struct sr_err *err);
SR_MUST_USE bool activity_notify(struct activity_call *call, json_t **ret, struct sr_err *err);
