// cli/batch_options.h - the words of `batch`: its own, and those that it hands on to each `run`.
#pragma once

#include "cli/submit_options.h"
#include "pipeline/batch_select.h"
#include "pipeline/batch_where.h"

enum { BATCH_WORDS_MAX = 256, BATCH_JOBS_MAX = 64, BATCH_JOBS_SERVER = 8 };

struct batch_options {
    const char *sources[BATCH_WORDS_MAX];
    size_t source_count;
    const char *output;  // pattern
    const char *include[BATCH_WORDS_MAX + 1], *exclude[BATCH_WORDS_MAX + 1];
    size_t include_count, exclude_count;
    int64_t newer_than_us;
    struct batch_where where[BATCH_WORDS_MAX];
    size_t where_count;
    size_t jobs;  // at once
    const char *report;
    bool dry_run, json, help;
    enum progress_kind progress;
    // For every run: what was said, in its order, behind what a batch says itself.
    const char *run_words[2 * BATCH_WORDS_MAX];
    bool is_store_word[2 * BATCH_WORDS_MAX];  // it says how stores are reached
    size_t run_word_count;
    struct jobs_words service;  // its `server` NULL: every source is done here
    struct store_options stores;
};
void batch_options_done(struct batch_options *options);
SR_DEFINE_AUTO_VALUE(batch_options, struct batch_options, batch_options_done);

// Owns: *ret borrows argv; for batch_options_done(). `now_us`: the wall clock, for ages.
// Errors: INVALID, naming the option; also of an option that `run` would refuse.
SR_MUST_USE bool batch_options_parse(int argc, char **argv, int64_t now_us,
                                     struct batch_options *ret, struct sr_err *err);
void batch_options_print(FILE *file);

// What `submit` would make of one source.
// Owns: *ret borrows all three, and is for submit_options_done(). Errors: INVALID: what is not a
//       service's affair.
SR_MUST_USE bool batch_options_job(const struct batch_options *options, const char *source,
                                   const char *output, struct submit_options *ret,
                                   struct sr_err *err);
