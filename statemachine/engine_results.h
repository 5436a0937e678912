// statemachine/engine_results.h - what a ResultWriter leaves: the results, and a manifest that says
// where they are.
#pragma once

#include "base/auto.h"
#include "statemachine/engine_resource.h"

struct engine_results {  // owns all of it
    char *results_key, *results;
    char *manifest_key, *manifest;  // to be written last: it never names what is not there
    char *result;                   // of the state, JSON text
};

// Of a writer's task: {"Parameters": {"Bucket", "Prefix"}, "Results"}. The same task has the same
// keys, however often it is started.
// Errors: INVALID (a parameter is missing), NO_MEMORY.
// Spec:   Step Functions "ResultWriter": PREFIX/ID/manifest.json and SUCCEEDED_0.json beside it.
SR_MUST_USE bool engine_results_make(const json_t *payload, struct engine_ref ref,
                                     struct engine_results *ret, struct sr_err *err);
void engine_results_done(struct engine_results *results);
SR_DEFINE_AUTO_VALUE(engine_results, struct engine_results, engine_results_done);

// A parameter of a reader's or writer's task. Errors: INVALID (it is missing, or no text).
SR_MUST_USE bool engine_results_parameter(const json_t *payload, const char *key,
                                          const char **ret_text, struct sr_err *err);
