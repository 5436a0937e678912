#include "cli/batch_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/quantity.h"
#include "statemachine/asl_time.h"

enum {
    ID_FIRST = 5000,  // those of `run` stay below
    ID_OUTPUT = ID_FIRST,
    ID_INCLUDE,
    ID_EXCLUDE,
    ID_NEWER,
    ID_WHERE,
    ID_JOBS,
    ID_DRY_RUN,
    ID_REPORT,
    ID_JSON,
    ID_PROGRESS,
    ID_HELP,
    ID_NOT_HERE,
    ROWS_MAX = 128,
};
static const char default_report[] = "splitreel-batch.jsonl";

static const struct option_row own[] = {
    { "o", "PATTERN", ID_OUTPUT,
      "where each output goes: {name} is the source's name without ending, {path} its path below SRC" },
    { "output", "PATTERN", ID_OUTPUT, NULL },
    { "include", "GLOB", ID_INCLUDE,
      "only these, by name or path below SRC; files that end like media unless said; may be repeated" },
    { "exclude", "GLOB", ID_EXCLUDE, "not these; may be repeated" },
    { "newer-than", "WHEN", ID_NEWER,
      "only what changed since 2026-11-01, a time (UTC), or within 36h or 7d" },
    { "where", "CONDITION", ID_WHERE,
      "only what fulfils it, as 'height>=1080' or 'codec=h264'; may be repeated: all must hold" },
    { "jobs", "N", ID_JOBS, "sources at once; 1 unless said, with --server 8" },
    { "j", "N", ID_JOBS, NULL },
    { "server", "URL", JOBS_WORD_SERVER,
      "each source becomes a job of this service; --aws-profile and --region are for it, too" },
    { "token-file", "FILE", JOBS_WORD_TOKEN_FILE,
      "the bearer token, if the server wants one; $SPLITREEL_TOKEN unless said" },
    { "unsigned", NULL, JOBS_WORD_UNSIGNED, "never sign what is asked of the server" },
    { "dry-run", NULL, ID_DRY_RUN, "say what would be done, and do nothing" },
    { "report", "FILE", ID_REPORT,
      "a line for each source that is done; what the same batch goes on from: splitreel-batch.jsonl unless said" },
    { "json", NULL, ID_JSON, "the lines of the report on stdout, too" },
    { "progress", "KIND", ID_PROGRESS, "bar (a line for each that runs), plain or none" },
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    // of `run`, and without a meaning for many
    { "i", "FILE", ID_NOT_HERE, NULL },
    { "manifest", "FILE", ID_NOT_HERE, NULL },
    { "workspace", "DIR", ID_NOT_HERE, NULL },
    { NULL, NULL, 0, NULL },
};

void batch_options_done(struct batch_options *options)
{
    store_options_done(&options->stores);
    *options = (struct batch_options){ 0 };
}

void batch_options_print(FILE *file)
{
    options_print(own, file);
    (void)fprintf(file, "\nand those of `splitreel run`, for every source.\n");
}

static bool add_word(const char **list, size_t max, size_t *count, const char *value,
                     struct sr_err *err)
{
    if (*count == max)
        return sr_fail(err, SR_ERR_INVALID, "too many words: \"%.40s\"", value);
    list[(*count)++] = value;
    return true;
}

static bool set_newer(const char *value, int64_t now_us, int64_t *ret_us, struct sr_err *err)
{
    struct asl_time time;
    int64_t age_us, days;
    const size_t bytes = strlen(value);
    sr_auto(char) char *number = sr_strf(err, "%.*s", (int)(bytes > 0 ? bytes - 1 : 0), value);
    sr_auto(char) char *midnight = sr_strf(err, "%sT00:00:00Z", value);
    if (!number || !midnight)
        return false;
    if (asl_time_parse(value, &time) || asl_time_parse(midnight, &time))
        *ret_us = asl_time_us(time);
    else if (bytes > 1 && value[bytes - 1] == 'd' && quantity_count(number, 100000, &days))
        *ret_us = now_us - days * 24 * 3600 * 1000000;
    else if (quantity_us(value, &age_us))
        *ret_us = now_us - age_us;
    else
        return sr_fail(err, SR_ERR_INVALID,
                       "--newer-than %.40s: want a day as 2026-11-01, a time as "
                       "2026-11-01T18:00:00Z, or an age as 36h or 7d",
                       value);
    return true;
}

static bool set_progress(const char *value, struct batch_options *options, struct sr_err *err)
{
    if (strcmp(value, "bar") == 0)
        options->progress = PROGRESS_BAR;
    else if (strcmp(value, "plain") == 0)
        options->progress = PROGRESS_PLAIN;
    else if (strcmp(value, "none") == 0)
        options->progress = PROGRESS_NONE;
    else
        return sr_fail(err, SR_ERR_INVALID, "--progress %.40s: want bar, plain or none", value);
    return true;
}

static bool take_own(struct batch_options *options, const struct option_row *row, const char *value,
                     int64_t now_us, struct sr_err *err)
{
    int64_t jobs;
    if (jobs_words_has(row->id)) {
        jobs_words_set(&options->service, row->id, value);
        return true;
    }
    switch (row->id) {
    case ID_OUTPUT:
        if (options->output)
            return sr_fail(err, SR_ERR_INVALID, "two outputs: \"%.80s\" and \"%.80s\"",
                           options->output, value);
        options->output = value;
        return true;
    case ID_INCLUDE:
        return add_word(options->include, BATCH_WORDS_MAX, &options->include_count, value, err);
    case ID_EXCLUDE:
        return add_word(options->exclude, BATCH_WORDS_MAX, &options->exclude_count, value, err);
    case ID_NEWER: return set_newer(value, now_us, &options->newer_than_us, err);
    case ID_WHERE:
        if (options->where_count == BATCH_WORDS_MAX)
            return sr_fail(err, SR_ERR_INVALID, "too many conditions");
        return batch_where_parse(value, &options->where[options->where_count++], err) ||
               sr_err_wrap(err, "--where");
    case ID_JOBS:
        if (!quantity_count(value, BATCH_JOBS_MAX, &jobs) || jobs < 1)
            return sr_fail(err, SR_ERR_INVALID, "--jobs %.40s: want a number from 1 to %d", value,
                           BATCH_JOBS_MAX);
        options->jobs = (size_t)jobs;
        return true;
    case ID_REPORT: options->report = value; return true;
    case ID_DRY_RUN: options->dry_run = true; return true;
    case ID_JSON: options->json = true; return true;
    case ID_PROGRESS: return set_progress(value, options, err);
    case ID_HELP: options->help = true; return true;
    default:
        return sr_fail(err, SR_ERR_INVALID, "-%s: not of a batch; `splitreel run` takes it",
                       row->name);
    }
}

// The words as they were typed, from argv[from] to argv[to].
static bool hand_on(struct batch_options *options, const struct option_row *row, const char *value,
                    char **argv, int from, int to, struct sr_err *err)
{
    const size_t max = sizeof(options->run_words) / sizeof(options->run_words[0]);
    const bool is_store = store_options_has(row->id);
    if (is_store && !store_options_set(&options->stores, row->id, value, err))
        return false;
    for (int i = from; i < to; i++) {
        if (options->run_word_count < max)
            options->is_store_word[options->run_word_count] = is_store;
        if (!add_word(options->run_words, max, &options->run_word_count, argv[i], err))
            return false;
    }
    return true;
}

// Ours stand in front: of two rows with one name the first counts.
static bool join_rows(struct option_row rows[ROWS_MAX], struct sr_err *err)
{
    size_t count = 0;
    for (const struct option_row *row = own; row->name && count < ROWS_MAX - 1; row++)
        rows[count++] = *row;
    for (const struct option_row *row = job_options_rows(); row->name && count < ROWS_MAX; row++)
        rows[count++] = *row;
    if (count == ROWS_MAX)
        return sr_fail(err, SR_ERR_INTERNAL, "more than %d options", ROWS_MAX);
    rows[count] = (struct option_row){ 0 };
    return true;
}

static bool read_words(struct batch_options *options, struct options *words, int64_t now_us,
                       struct sr_err *err)
{
    for (;;) {
        const struct option_row *row = NULL;
        const char *value = NULL;
        const int from = words->at;
        bool done = true;
        switch (options_next(words, &row, &value, err)) {
        case OPTIONS_END: return true;
        case OPTIONS_FAILED: return false;
        case OPTIONS_OPERAND:
            done = add_word(options->sources, BATCH_WORDS_MAX, &options->source_count, value, err);
            break;
        case OPTIONS_OPTION:
            done = row->id >= ID_FIRST
                       ? take_own(options, row, value, now_us, err)
                       : hand_on(options, row, value, words->argv, from, words->at, err);
            break;
        }
        if (!done)
            return false;
    }
}

bool batch_options_job(const struct batch_options *options, const char *source, const char *output,
                       struct submit_options *ret, struct sr_err *err)
{
    char *argv[2 * BATCH_WORDS_MAX + 4] = { "-i", (char *)(uintptr_t)source, "-o",
                                            (char *)(uintptr_t)output };
    int count = 4;
    for (size_t i = 0; i < options->run_word_count; i++) {
        if (!options->is_store_word[i])
            argv[count++] = (char *)(uintptr_t)options->run_words[i];
    }
    return submit_options_parse(count, argv, ret, err);
}

// What every source would be refused for is refused once, before any of them.
static bool check_job(const struct batch_options *options, const char *output, struct sr_err *err)
{
    sr_auto(submit_options) struct submit_options job = { 0 };
    sr_auto(json) json_t *manifest = NULL;
    return batch_options_job(options, "name.mov", output, &job, err) &&
           submit_options_said(&job, &manifest, err);
}

static bool check_run(const struct batch_options *options, const char *output, struct sr_err *err)
{
    char *argv[2 * BATCH_WORDS_MAX + 4] = { "-i", "name.mov", "-o", (char *)(uintptr_t)output };
    sr_auto(job_options) struct job_options run = { 0 };
    sr_auto(manifest) struct manifest *manifest = NULL;
    for (size_t i = 0; i < options->run_word_count; i++)
        argv[4 + i] = (char *)(uintptr_t)options->run_words[i];
    return job_options_parse((int)(4 + options->run_word_count), argv, &run, err) &&
           job_options_manifest(&run, NULL, &manifest, err);
}

static bool check(const struct batch_options *options, struct sr_err *err)
{
    const struct batch_item item = { .path = "name.mov" };
    sr_auto(char) char *output = NULL;
    if (options->source_count == 0)
        return sr_fail(err, SR_ERR_INVALID,
                       "name what to work on: a folder, s3://bucket/prefix/, a pattern, or @LIST");
    if (!options->output)
        return sr_fail(err, SR_ERR_INVALID, "name where the outputs go: -o 'out/{name}.mp4'");
    if (!options->service.server &&
        (options->service.token_file || options->service.unsigned_calls))
        return sr_fail(err, SR_ERR_INVALID, "--%s: is for a service; name it with --server",
                       options->service.token_file ? "token-file" : "unsigned");
    if (!batch_output(options->output, &item, &output, err))
        return false;
    return options->service.server ? check_job(options, output, err)
                                   : check_run(options, output, err);
}

static void settle(struct batch_options *options)
{
    if (options->jobs == 0)
        options->jobs = options->service.server ? BATCH_JOBS_SERVER : 1;
    options->service.profile = options->stores.given.profile;
    options->service.region = options->stores.given.region;
}

bool batch_options_parse(int argc, char **argv, int64_t now_us, struct batch_options *ret,
                         struct sr_err *err)
{
    sr_auto(batch_options) struct batch_options options = { .report = default_report };
    struct option_row rows[ROWS_MAX];
    struct options words = { .argc = argc, .argv = argv, .rows = rows };
    if (!join_rows(rows, err) || !read_words(&options, &words, now_us, err))
        return false;
    settle(&options);
    if (!options.help && !check(&options, err))
        return false;
    *ret = options;
    options = (struct batch_options){ 0 };
    return true;
}
