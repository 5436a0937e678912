// `splitreel batch`: many sources, each by a run in a process of its own or by a job at a service,
// none of them twice.
#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "cli/batch_child.h"
#include "cli/batch_job.h"
#include "cli/batch_run.h"
#include "cli/cli.h"
#include "cli/store_verb.h"

enum { EXIT_SOME_FAILED = 6 };

static void print_plan(const struct batch_works *works)
{
    uint64_t bytes = 0;
    const double pace = batch_ledger_seconds_per_byte(works->ledger);
    for (size_t i = 0; i < works->todo_count; i++) {
        sr_auto(sr_str) struct sr_str from = { 0 }, to = { 0 };
        struct sr_err ignored;
        bytes += works->item[i].item->bytes;
        if (batch_work_add_name(&from, &works->item[i], &ignored) &&
            store_verb_add_name(&to, works->item[i].output, &ignored))
            (void)printf("%14" PRIu64 " %s -> %s\n", works->item[i].item->bytes, sr_str_text(&from),
                         sr_str_text(&to));
    }
    (void)printf("%zu to do, %" PRIu64 " bytes; %zu done already", works->todo_count, bytes,
                 works->skipped_count);
    if (works->options->where_count > 0)
        (void)printf("; %zu do not fulfil --where", works->unmet_count);
    if (pace > 0)
        (void)printf("; about %.0f s, as earlier ones took",
                     pace * (double)bytes / (double)works->options->jobs);
    (void)printf("\n");
}

static void print_summary(const struct batch_works *works, const struct batch_result *result)
{
    if (works->options->progress == PROGRESS_NONE)
        return;
    (void)fprintf(stderr, "%zu done, %zu failed, %zu done already", result->done_count,
                  result->failed_count, works->skipped_count);
    if (works->options->where_count > 0)
        (void)fprintf(stderr, ", %zu do not fulfil --where", works->unmet_count);
    (void)fprintf(stderr, "\nreport: %s\n", works->options->report);
}

static bool work(const struct cli *cli, struct batch_options *options, struct batch_result *ret,
                 struct sr_err *err)
{
    struct batch_runs runs;
    sr_auto(batch_works) struct batch_works works = { .options = options, .stop = cli->stop };
    const struct batch_way way =
        options->service.server ? batch_jobs_way(&works) : batch_runs_way(&runs, options);
    works.way = &way;
    if (!batch_works_find(&works, err))
        return false;
    if (options->dry_run) {
        print_plan(&works);
        return true;
    }
    if (options->service.server && works.todo_count > 0 && !batch_jobs_check(&works, err))
        return false;
    const bool done = batch_run(&works, ret, err);
    print_summary(&works, ret);
    if (!done && way.goes_on)
        (void)fprintf(stderr, "splitreel: %s\n", way.goes_on);
    return done;
}

static void help(void)
{
    (void)printf(
        "splitreel batch SRC... -o PATTERN [options] - transcode many files\n\n"
        "  splitreel batch films/ -o 'out/{path}.mp4'\n"
        "  splitreel batch s3://in/2026/ --template hls-1080p -o 's3://out/{path}/' --newer-than 7d --jobs 2\n"
        "  splitreel batch 'films/*/cut-?.mov' @list.txt --where 'height>=1080' -o 'out/{name}/' --template hls-720p --dry-run\n"
        "  splitreel batch s3://in/2026/ --template hls-1080p -o 's3://out/{path}/' --server http://transcode.example:8083\n\n"
        "SRC is a folder, a prefix (s3://bucket/prefix/), one file or object, a pattern, or @FILE with one of these\n"
        "on each line. Each source is a run in a process of its own, or with --server a job of that service. What the\n"
        "report says is done, from the same version of the source with the same settings, is not done again; what was\n"
        "interrupted goes on where it was.\n\n");
    batch_options_print(stdout);
    (void)printf("\n--where knows %s.\n", batch_where_fields());
    (void)printf(
        "\nExit status: 0 all done, 2 wrong usage, 3 no such source, 4 disk, store or network, 6 some failed, 130 or 143 "
        "interrupted.\n");
}

int cmd_batch(const struct cli *cli)
{
    struct sr_err err = { 0 };
    sr_auto(batch_options) struct batch_options options = { 0 };
    struct batch_result result = { 0 };
    if (!batch_options_parse(cli->argc, cli->argv, sr_clock_wall_us(sr_clock_system()), &options,
                             &err))
        return cli_fail(cli, &err);
    if (options.help) {
        help();
        return 0;
    }
    if (!work(cli, &options, &result, &err))
        return cli_fail(cli, &err);
    return result.failed_count > 0 ? EXIT_SOME_FAILED : 0;
}
