// cli/job_options.h - the words of `run` and `plan`, and the manifest that they come to.
#pragma once

#include <stdio.h>

#include "base/jx.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/store_options.h"
#include "pipeline/manifest.h"

enum progress_kind { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };

struct job_options {
    const char *input, *output;  // NULL: not given
    const char *manifest_path, *template_name, *workspace, *layout, *correlation;
    bool help, json, keep, overwrite, never, strict, no_extensions;
    bool is_set;  // something was said that a manifest file says itself
    size_t workers;
    uint64_t shuffle;
    enum progress_kind progress;
    enum sr_log_level log_level;
    struct store_options stores;
    // Pieces of a manifest.
    json_t *input_json, *streams_json, *segments_json, *video_json, *audio_json;
    json_t *audio_picks;
};
void job_options_done(struct job_options *options);
SR_DEFINE_AUTO_VALUE(job_options, struct job_options, job_options_done);

// Owns: fills *ret, for job_options_done(); it borrows argv. Errors: INVALID, naming the option.
SR_MUST_USE bool job_options_parse(int argc, char **argv, struct job_options *ret,
                                   struct sr_err *err);
// `default_output`: for verbs that need none; NULL: an output must be named.
// Errors: INVALID (naming the option, or the manifest's path), UNSUPPORTED, NOT_FOUND, NO_MEMORY.
SR_MUST_USE bool job_options_manifest(struct job_options *options, const char *default_output,
                                      struct manifest **ret_manifest, struct sr_err *err);
void job_options_print(FILE *file);
// Their rows, for a verb that hands them on; ends with a NULL name.
const struct option_row *job_options_rows(void);
