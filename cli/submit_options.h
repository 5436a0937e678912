// cli/submit_options.h - the words of `submit`, and the manifests that they come to.
#pragma once

#include "cli/jobs_remote.h"

enum { SUBMIT_FILES_MAX = 100, SUBMIT_BYTES_MAX = 4 << 20, SUBMIT_JOBS_MAX = 1000 };

struct submit_options {
    struct jobs_words words;
    bool wait, overwrite, strict;
    enum progress_kind progress;
    const char *key, *correlation;        // NULL: not said
    int64_t priority;                     // -1: not said
    const char *files[SUBMIT_FILES_MAX];  // manifests; "-": standard input
    size_t file_count;
    struct job_options run;  // of a job that is said in options, as for `run`
    bool is_said;
};
void submit_options_done(struct submit_options *options);
SR_DEFINE_AUTO_VALUE(submit_options, struct submit_options, submit_options_done);

// Owns: fills *ret, for submit_options_done(); it borrows argv. Errors: INVALID, naming the option.
SR_MUST_USE bool submit_options_parse(int argc, char **argv, struct submit_options *ret,
                                      struct sr_err *err);
void submit_options_print(FILE *file);

// An array of manifests. Each has an idempotency key: what is sent twice, because an answer was
// lost, is one job.
// Errors: INVALID with the file and the place in it, those of reading.
SR_MUST_USE bool submit_options_manifests(struct submit_options *options, json_t **ret_manifests,
                                          struct sr_err *err);
// The manifest of a job that is said in options, without a key of its own.
// Errors: INVALID, those of job_options_manifest().
SR_MUST_USE bool submit_options_said(struct submit_options *options, json_t **ret_manifest,
                                     struct sr_err *err);
// The manifests in a text: one, {"jobs": [...]}, or one in each line; added to an array.
SR_MUST_USE bool submit_read(const char *text, size_t bytes, json_t *manifests, struct sr_err *err);
