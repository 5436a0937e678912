// service/job_places.h - which places jobs may read and write: folders below the service's roots,
// addresses that its configuration allows, nothing else.
#pragma once

#include "pipeline/manifest.h"
#include "service/config_events.h"

struct job_places;

// `roots`: folders, `allow`: addresses ("s3://bucket", "https://host:8443/below/",
// "s3://*"); each may be empty.
// Errors: INVALID, with the root that is not there or no folder.
SR_MUST_USE bool job_places_new(const struct config_texts *roots, const struct config_texts *allow,
                                struct job_places **ret_places, struct sr_err *err);
void job_places_free(struct job_places *places);
SR_DEFINE_AUTO(job_places, struct job_places, job_places_free);

// The places that the manifest names, links resolved, as they are now.
// Errors: DENIED, or INVALID (standard input or output, a relative path), with the JSON path.
// Threads: any.
SR_MUST_USE bool job_places_check(const struct job_places *places, const struct manifest *manifest,
                                  struct sr_err *err);
// What its outputs will be called, as far as that is known before the source is: an array of texts,
// a new reference.
SR_MUST_USE bool job_places_outputs(const struct manifest *manifest, json_t **ret_list,
                                    struct sr_err *err);
