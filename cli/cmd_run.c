// `splitreel run`: one file in, transcoded in parallel, checked, out.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/job_options.h"
#include "cli/progress.h"
#include "pipeline/run.h"
#include "transcode/media_cpu.h"

enum { DRAIN_US = 10000000 };

static void help(void)
{
    (void)printf(
        "splitreel run IN -o OUT [options] - transcode a file in parallel, exactly\n\n"
        "  splitreel run film.mov -o film.mp4 -crf 21 -preset slow\n"
        "  splitreel run film.mov -o film/ --template hls-1080p\n"
        "  splitreel run film.mov -o - | player\n"
        "  splitreel run s3://in/film.mov -o s3://out/film/ --template hls-1080p\n\n"
        "Every picture of the source is in the output once, at its time; the report beside the output\n"
        "(x.report.json) proves it. Interrupt it once and it ends soon and keeps its work; the same\n"
        "command goes on from there. Options take one dash or two.\n\n");
    job_options_print(stdout);
    (void)printf(
        "\nExit status: 0 done and verified, 1 failed, 2 wrong usage or the output is there already, 3 the input\n"
        "cannot be used, 4 disk, store or network, 5 not verified (nothing is published), 7 a limit, 130 or 143 interrupted.\n");
}

static void print_warnings(const struct manifest *manifest, const struct run_result *result,
                           bool done)
{
    if (done && result->damaged > 0)
        (void)fprintf(stderr,
                      "splitreel: warning: %s: the source is damaged in %llu place%s; first: %s\n",
                      manifest->input_shown, (unsigned long long)result->damaged,
                      result->damaged == 1 ? "" : "s", result->first_damage);
    if (result->untold > 0)
        (void)fprintf(stderr,
                      "splitreel: warning: %zu notification%s could not be delivered; the log says "
                      "why\n",
                      result->untold, result->untold == 1 ? "" : "s");
}

static void print_summary(const struct manifest *manifest, const struct run_result *result,
                          int64_t elapsed_us)
{
    const double seconds = (double)elapsed_us / 1e6, length = (double)result->duration_us / 1e6;
    (void)fprintf(
        stderr, "%s: ", strcmp(manifest->output, "-") == 0 ? "standard output" : manifest->output);
    if (result->frames > 0)
        (void)fprintf(stderr, "%llu frames, ", (unsigned long long)result->frames);
    (void)fprintf(stderr, "%.3f s, verified: PASS, in %.1f s", length, seconds);
    if (seconds > 0)
        (void)fprintf(stderr, " (%.2fx)", length / seconds);
    (void)fprintf(stderr, "\n");
    if (result->report_path)
        (void)fprintf(stderr, "report: %s\n", result->report_path);
    if (result->workspace_kept)
        (void)fprintf(stderr, "workspace: %s\n", result->workspace);
}

// What a user whose run did not end well can do next; shown after the error.
static void take_advice(const struct run_result *result, const struct sr_err *err,
                        char **ret_advice)
{
    struct sr_err ignored;  // without memory there is no advice, but the error is told
    if (!result->workspace_kept || !result->workspace)
        return;
    if (err->code == SR_ERR_CANCELLED)
        *ret_advice = sr_strf(
            &ignored, "%zu of %zu segments are kept in %s; the same command goes on from there",
            result->segments_done, result->segment_count, result->workspace);
    else
        *ret_advice = sr_strf(&ignored, "what is encoded is kept in %s", result->workspace);
}

static bool print_report(const json_t *report, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    return jx_dump(report, true, &text, err) &&
           ((printf("%s\n", text) >= 0 && fflush(stdout) == 0) ||
            sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

static bool run(const struct cli *cli, struct job_options *options, const struct manifest *manifest,
                const struct sr_log *log, struct run_progress *progress, char **ret_advice,
                struct sr_err *err)
{
    sr_auto(run_result) struct run_result result = { 0 };
    struct blob_stores_params stores = { .clock = sr_clock_system() };
    if (!store_options_params(&options->stores, &stores, err))
        return false;
    const int64_t start_us = sr_clock_monotonic_us(sr_clock_system());
    const struct run_params params = {
        .manifest = manifest,
        .workspace = options->workspace,
        .stores = &stores,
        .correlation = options->correlation,
        .keep = options->keep,
        .overwrite = options->overwrite,
        .strict = options->strict,
        .worker_count = options->workers,
        .shuffle = options->shuffle,
        .pipe_fd = STDOUT_FILENO,
        .stop = cli->stop,
        .drain_us = DRAIN_US,
        .clock = sr_clock_system(),
        .log = log,
        .progress = progress,
    };
    struct progress *shown = NULL;
    if (!progress_start(progress, options->progress, stderr, &shown, err))
        return false;
    const bool done = run_job(&params, &result, err);
    progress_stop(shown);
    if (result.report && options->json) {
        struct sr_err printing = { 0 };
        if (!print_report(result.report, &printing) && done) {
            *err = printing;
            return false;
        }
    }
    print_warnings(manifest, &result, done);
    if (!done)
        take_advice(&result, err, ret_advice);
    if (done && options->progress != PROGRESS_NONE && options->progress != PROGRESS_JSON)
        print_summary(manifest, &result, sr_clock_monotonic_us(sr_clock_system()) - start_us);
    return done;
}

static bool start(const struct cli *cli, struct job_options *options, char **ret_advice,
                  struct sr_err *err)
{
    sr_auto(manifest) struct manifest *manifest = NULL;
    struct sr_log log;
    if (!job_options_manifest(options, NULL, &manifest, err))
        return false;
    if (options->json && strcmp(manifest->output, "-") == 0)
        return sr_fail(err, SR_ERR_INVALID, "--json and -o - both want standard output");
    if (options->no_extensions)
        media_cpu_none();
    if (!sr_log_open(stderr, options->log_level, sr_clock_system(), &log, err))
        return false;
    struct run_progress *const progress = calloc(1, sizeof(*progress));
    const bool done = progress ? run(cli, options, manifest, &log, progress, ret_advice, err)
                               : sr_fail(err, SR_ERR_NO_MEMORY, "progress");
    free(progress);
    sr_log_close(&log);
    return done;
}

int cmd_run(const struct cli *cli)
{
    struct sr_err err = { 0 };
    sr_auto(job_options) struct job_options options = { 0 };
    if (!job_options_parse(cli->argc, cli->argv, &options, &err))
        return cli_fail(cli, &err);
    if (options.help) {
        help();
        return 0;
    }
    sr_auto(char) char *advice = NULL;
    if (start(cli, &options, &advice, &err))
        return 0;
    const int status = cli_fail(cli, &err);
    if (advice)
        (void)fprintf(stderr, "splitreel: %s\n", advice);
    return status;
}
