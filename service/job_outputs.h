// service/job_outputs.h - where a job writes: what uploads are told of there starts nothing.
#pragma once

#include "pipeline/job_store.h"
#include "pipeline/manifest.h"

// The places of its outputs, its report and its workspace, links of paths resolved, as
// job_store_add_output() takes them: an array of texts, a new reference.
// Errors: INVALID (what job_places_outputs() says), NO_MEMORY.
SR_MUST_USE bool job_outputs_list(const struct manifest *manifest, const char *workspace,
                                  json_t **ret_list, struct sr_err *err);
// Notes them for a job that is accepted. Errors: those of the store.
SR_MUST_USE bool job_outputs_note(struct job_store *store, const struct job_row *row,
                                  struct sr_err *err);
