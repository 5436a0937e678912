// `splitreel batch`: many sources, each by a run in a process of its own, none of them twice.
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/str.h"
#include "cli/batch_child.h"
#include "cli/batch_options.h"
#include "cli/cli.h"
#include "cli/store_verb.h"
#include "pipeline/batch_ledger.h"
#include "pipeline/remote.h"

enum {
    LOOK_MS = 200,
    PROBE_BYTES_MAX = 16 << 20,
    EXIT_SOME_FAILED = 6,
    WORDS_MAX = 2 * BATCH_WORDS_MAX + 16
};

// What is to be made of one source.
struct work {
    const struct batch_item *item;
    char *output;
};

// A run of one, and since when.
struct slot {
    struct batch_child child;
    const struct work *work;  // NULL: free
    int64_t start_us;
};

struct batch {
    const struct cli *cli;
    struct batch_options *options;
    struct blob_stores *stores;
    struct batch_items items;
    struct work *works;  // those to do stand first
    size_t work_count, todo_count;
    struct batch_ledger *ledger;
    char settings[SR_SHA256_HEX];
    char workers[24];
    struct slot slots[BATCH_JOBS_MAX];
    size_t next, running, done_count, failed_count, skipped_count, unmet_count;
    size_t lines_shown;  // of the live view
    bool is_stopping, is_live;
};

static void batch_done(struct batch *batch)
{
    for (size_t i = 0; i < batch->work_count; i++)
        free(batch->works[i].output);
    free(batch->works);
    batch_items_done(&batch->items);
    batch_ledger_free(batch->ledger);
    blob_stores_free(batch->stores);
}

// What to do -------------------------------------------------------------------------------------
static bool select_items(struct batch *batch, struct sr_err *err)
{
    const struct batch_options *const options = batch->options;
    const struct batch_filter filter = {
        .include = options->include_count ? options->include : NULL,
        .exclude = options->exclude_count ? options->exclude : NULL,
        .newer_than_us = options->newer_than_us,
    };
    for (size_t i = 0; i < options->source_count; i++) {
        if (!batch_select(batch->stores, options->sources[i], &filter, batch->cli->stop,
                          &batch->items, err))
            return false;
    }
    return true;
}

// Our own outputs, when they lie among the sources: what earlier batches made, and what is below
// the folder that the pattern begins with, unless a source itself is below it.
static bool is_own(const struct batch *batch, const struct batch_item *item)
{
    const char *const pattern = batch->options->output;
    size_t bytes = strcspn(pattern, "{");
    while (bytes > 0 && pattern[bytes - 1] != '/')
        bytes--;
    for (size_t i = 0; i < batch->options->source_count; i++) {
        if (strncmp(batch->options->sources[i], pattern, bytes) == 0)
            bytes = 0;
    }
    return (bytes > 0 && strncmp(item->source, pattern, bytes) == 0) ||
           batch_ledger_has_made(batch->ledger, item->source);
}

static bool add_works(struct batch *batch, struct sr_err *err)
{
    batch->works = calloc(batch->items.count + 1, sizeof(*batch->works));
    if (!batch->works)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a list of work");
    for (size_t i = 0; i < batch->items.count; i++) {
        const struct batch_item *const item = &batch->items.item[i];
        if (is_own(batch, item))
            continue;
        struct work *const work = &batch->works[batch->work_count];
        if (!batch_output(batch->options->output, item, &work->output, err))
            return false;
        work->item = item;
        batch->work_count++;
    }
    return true;
}

static int by_output(const void *a, const void *b)
{
    const struct work *const *const one = a, *const *const other = b;
    return strcmp((*one)->output, (*other)->output);
}

// Two sources for one output, or an output that is a source.
static bool check_outputs(const struct batch *batch, struct sr_err *err)
{
    const struct work **const sorted = calloc(batch->work_count + 1, sizeof(*sorted));
    bool done = true;
    if (!sorted)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a list of outputs");
    for (size_t i = 0; i < batch->work_count; i++)
        sorted[i] = &batch->works[i];
    qsort(sorted, batch->work_count, sizeof(*sorted), by_output);
    for (size_t i = 1; done && i < batch->work_count; i++) {
        if (strcmp(sorted[i - 1]->output, sorted[i]->output) == 0 &&
            strcmp(sorted[i - 1]->item->source, sorted[i]->item->source) != 0)
            done = sr_fail(err, SR_ERR_INVALID,
                           "%s: %s and %s would both go there; {path} in -o keeps them apart",
                           sorted[i]->output, sorted[i - 1]->item->source, sorted[i]->item->source);
    }
    for (size_t i = 0; done && i < batch->work_count; i++) {
        const struct work *const work = &batch->works[i];
        if (strcmp(work->output, work->item->source) == 0)
            done = sr_fail(err, SR_ERR_INVALID, "%s: the output would take the source's place",
                           work->output);
    }
    free(sorted);
    return done;
}

// An output that somebody has removed is made again.
static bool is_there(struct batch *batch, const char *output, bool *ret, struct sr_err *err)
{
    const size_t bytes = strlen(output);
    sr_auto(char) char *name =
        sr_strf(err, "%s%s", output, output[bytes - 1] == '/' ? "report.json" : "");
    sr_auto(blob_place) struct blob_place place = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    struct sr_err why = { 0 };
    if (!name)
        return false;
    *ret = blob_stores_open(batch->stores, name, BLOB_PLACE_READ, &place, &why) &&
           blob_head(&place.blob, place.key, &info, &why);
    if (*ret || why.code == SR_ERR_NOT_FOUND)
        return true;
    *err = why;
    return sr_err_wrap(err, "%s", name);
}

static bool meets(struct batch *batch, const struct work *work, bool *ret, struct sr_err *err)
{
    const struct batch_options *const options = batch->options;
    const char *argv[WORDS_MAX] = { "splitreel", "probe", "--json" };
    size_t count = 3, bytes = 0;
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *probe = NULL;
    struct sr_err why = { 0 };
    *ret = true;
    if (options->where_count == 0)
        return true;
    argv[count++] = "--";
    argv[count++] = work->item->source;
    // What cannot be probed cannot be said to miss a condition: its run tells what is wrong with
    // it.
    if (!batch_child_output(argv, PROBE_BYTES_MAX, batch->cli->stop, &text, &bytes, &why) ||
        !jx_parse(text, bytes, false, &probe, &why)) {
        *err = why;
        return why.code == SR_ERR_INPUT || why.code == SR_ERR_INVALID;
    }
    for (size_t i = 0; i < options->where_count; i++)
        *ret &= batch_where_holds(&options->where[i], probe);
    return true;
}

// Puts those that are to be done to the front.
static bool choose(struct batch *batch, struct sr_err *err)
{
    for (size_t i = 0; i < batch->work_count; i++) {
        const struct work work = batch->works[i];
        bool is_made = batch_ledger_is_done(batch->ledger, work.item, work.output, batch->settings);
        bool is_met = true;
        if (is_made && !is_there(batch, work.output, &is_made, err))
            return false;
        if (!is_made && !meets(batch, &work, &is_met, err))
            return false;
        batch->skipped_count += is_made;
        batch->unmet_count += !is_made && !is_met;
        if (is_made || !is_met)
            continue;
        batch->works[i] = batch->works[batch->todo_count];
        batch->works[batch->todo_count++] = work;
    }
    return true;
}

// Everything but source and output that decides what is made.
static bool digest_settings(struct batch *batch, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str words = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    for (size_t i = 0; i < batch->options->run_word_count; i++) {
        if (!sr_str_add_bytes(&words, batch->options->run_words[i],
                              strlen(batch->options->run_words[i]) + 1, err))
            return false;
    }
    if (!sr_sha256(sr_str_text(&words), words.bytes, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), batch->settings);
    return true;
}

// What is done, for whoever watches ---------------------------------------------------------------
static void clear_live(struct batch *batch)
{
    for (; batch->lines_shown > 0; batch->lines_shown--)
        (void)fprintf(stderr, "\033[A\033[2K");
}

static void show_live(struct batch *batch)
{
    if (!batch->is_live)
        return;
    clear_live(batch);
    for (size_t s = 0; s < batch->options->jobs; s++) {
        const struct slot *const slot = &batch->slots[s];
        sr_auto(sr_str) struct sr_str name = { 0 };
        struct sr_err ignored;
        if (!slot->work || !store_verb_add_name(&name, slot->work->item->source, &ignored))
            continue;
        (void)fprintf(stderr, "%5.1f%% %6s %-10s %.90s\n", slot->child.percent, slot->child.speed,
                      slot->child.stage, sr_str_text(&name));
        batch->lines_shown++;
    }
    (void)fprintf(stderr, "%zu of %zu done, %zu failed\n", batch->done_count, batch->todo_count,
                  batch->failed_count);
    batch->lines_shown++;
}

static void show_end(struct batch *batch, const struct work *work, const char *error,
                     int64_t elapsed_us)
{
    sr_auto(sr_str) struct sr_str name = { 0 };
    struct sr_err ignored;
    if (batch->options->progress == PROGRESS_NONE && !error)
        return;
    clear_live(batch);
    if (!store_verb_add_name(&name, work->item->source, &ignored))
        return;
    if (error)
        (void)fprintf(stderr, "splitreel: failed: %s: %s\n", sr_str_text(&name), error);
    else
        (void)fprintf(stderr, "done: %s in %.1f s\n", sr_str_text(&name), (double)elapsed_us / 1e6);
}

static bool print_record(const struct batch_record *record, struct sr_err *err)
{
    sr_auto(json) json_t *json = NULL;
    sr_auto(char) char *text = NULL;
    return batch_record_json(record, &json, err) && jx_dump(json, false, &text, err) &&
           ((printf("%s\n", text) >= 0 && fflush(stdout) == 0) ||
            sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

// Before a run: what is at its output afterwards is known as ours, even when we are killed before
// the record says so.
static bool note_begin(struct batch *batch, const struct work *work, struct sr_err *err)
{
    char time[25];
    bool is_taken;
    if (batch_ledger_has_made(batch->ledger, work->output))
        return true;
    if (!is_there(batch, work->output, &is_taken, err))
        return false;
    if (is_taken)
        return true;  // somebody else's: the run refuses it, unless told -y
    sr_clock_format(sr_clock_wall_us(sr_clock_system()), time);
    const struct batch_record record = { .has_begun = true,
                                         .item = work->item,
                                         .output = work->output,
                                         .settings = batch->settings,
                                         .time = time };
    return batch_ledger_add(batch->ledger, &record, err);
}

// The runs ---------------------------------------------------------------------------------------
static bool begin(struct batch *batch, struct slot *slot, const struct work *work,
                  struct sr_err *err)
{
    const struct batch_options *const options = batch->options;
    const char *argv[WORDS_MAX] = { "splitreel", "run",         "-i",         work->item->source,
                                    "-o",        work->output,  "--progress", "json",
                                    "-w",        batch->workers };
    size_t count = 10;
    if (batch_ledger_has_made(batch->ledger, work->output))
        argv[count++] = "-y";
    if (!note_begin(batch, work, err))
        return false;
    for (size_t i = 0; i < options->run_word_count; i++)
        argv[count++] = options->run_words[i];
    argv[count] = NULL;
    if (!batch_child_start(argv, &slot->child, err))
        return false;
    slot->work = work;
    slot->start_us = sr_clock_monotonic_us(sr_clock_system());
    batch->running++;
    return true;
}

// A run that was interrupted is no record: the next batch goes on with it.
static bool end(struct batch *batch, struct slot *slot, struct sr_err *err)
{
    char time[25];
    const struct work *const work = slot->work;
    const int status = batch_child_end(&slot->child);
    const bool was_stopped = batch->is_stopping && status != 0;
    slot->work = NULL;
    batch->running--;
    if (was_stopped)
        return true;
    sr_clock_format(sr_clock_wall_us(sr_clock_system()), time);
    const struct batch_record record = {
        .item = work->item,
        .output = work->output,
        .settings = batch->settings,
        .exit_status = status,
        .error = status == 0            ? NULL
                 : slot->child.error[0] ? slot->child.error
                                        : "it did not say why",
        .elapsed_us = sr_clock_monotonic_us(sr_clock_system()) - slot->start_us,
        .time = time,
    };
    batch->done_count += status == 0;
    batch->failed_count += status != 0;
    show_end(batch, work, record.error, record.elapsed_us);
    return batch_ledger_add(batch->ledger, &record, err) &&
           (!batch->options->json || print_record(&record, err));
}

static void stop_all(struct batch *batch)
{
    batch->is_stopping = true;
    for (size_t s = 0; s < batch->options->jobs; s++) {
        if (batch->slots[s].work)
            batch_child_stop(&batch->slots[s].child, SIGTERM);
    }
}

static bool look(struct batch *batch, struct sr_err *err)
{
    struct pollfd waits[BATCH_JOBS_MAX];
    for (size_t s = 0; s < batch->options->jobs; s++)
        waits[s] = (struct pollfd){ .fd = batch->slots[s].work ? batch->slots[s].child.fd : -1,
                                    .events = POLLIN };
    if (poll(waits, (nfds_t)batch->options->jobs, LOOK_MS) < 0)
        return errno == EINTR || sr_fail_errno(err, errno, "poll");
    for (size_t s = 0; s < batch->options->jobs; s++) {
        bool has_ended = false;
        if (waits[s].fd >= 0 && waits[s].revents &&
            (!batch_child_read(&batch->slots[s].child, &has_ended, err) ||
             (has_ended && !end(batch, &batch->slots[s], err))))
            return false;
    }
    return true;
}

static bool fill_slots(struct batch *batch, struct sr_err *err)
{
    for (size_t s = 0; s < batch->options->jobs && batch->next < batch->todo_count; s++) {
        if (!batch->slots[s].work &&
            !begin(batch, &batch->slots[s], &batch->works[batch->next++], err))
            return false;
    }
    return true;
}

static bool run_all(struct batch *batch, struct sr_err *err)
{
    bool done = true;
    batch->is_live = batch->options->progress == PROGRESS_BAR ||
                     (batch->options->progress == PROGRESS_AUTO && isatty(STDERR_FILENO));
    while (batch->running > 0 || (done && !batch->is_stopping && batch->next < batch->todo_count)) {
        struct sr_err why = { 0 };
        const bool is_asked = !sr_cancel_check(batch->cli->stop, &why);
        if (is_asked && !batch->is_stopping)
            stop_all(batch);
        if (done && !batch->is_stopping && !fill_slots(batch, err))
            done = false;
        if (done && !look(batch, err))
            done = false;
        if (!done) {  // no record can be written: what runs is kept for the next batch
            stop_all(batch);
            for (size_t s = 0; s < batch->options->jobs; s++) {
                if (batch->slots[s].work)
                    (void)batch_child_end(&batch->slots[s].child);
                batch->slots[s].work = NULL;
            }
            batch->running = 0;
        }
        show_live(batch);
    }
    clear_live(batch);
    return done && sr_cancel_check(batch->cli->stop, err);
}

// The whole --------------------------------------------------------------------------------------
static void print_plan(const struct batch *batch)
{
    uint64_t bytes = 0;
    const double pace = batch_ledger_seconds_per_byte(batch->ledger);
    for (size_t i = 0; i < batch->todo_count; i++) {
        sr_auto(sr_str) struct sr_str from = { 0 }, to = { 0 };
        struct sr_err ignored;
        bytes += batch->works[i].item->bytes;
        if (store_verb_add_name(&from, batch->works[i].item->source, &ignored) &&
            store_verb_add_name(&to, batch->works[i].output, &ignored))
            (void)printf("%14" PRIu64 " %s -> %s\n", batch->works[i].item->bytes,
                         sr_str_text(&from), sr_str_text(&to));
    }
    (void)printf("%zu to do, %" PRIu64 " bytes; %zu done already", batch->todo_count, bytes,
                 batch->skipped_count);
    if (batch->options->where_count > 0)
        (void)printf("; %zu do not fulfil --where", batch->unmet_count);
    if (pace > 0)
        (void)printf("; about %.0f s, as earlier ones took",
                     pace * (double)bytes / (double)batch->options->jobs);
    (void)printf("\n");
}

static void print_summary(const struct batch *batch)
{
    if (batch->options->progress == PROGRESS_NONE)
        return;
    (void)fprintf(stderr, "%zu done, %zu failed, %zu done already", batch->done_count,
                  batch->failed_count, batch->skipped_count);
    if (batch->options->where_count > 0)
        (void)fprintf(stderr, ", %zu do not fulfil --where", batch->unmet_count);
    (void)fprintf(stderr, "\nreport: %s\n", batch->options->report);
}

static void share_workers(struct batch *batch)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t each = processors < 1 ? 1 : (size_t)processors / batch->options->jobs;
    (void)snprintf(batch->workers, sizeof(batch->workers), "%zu", each < 1 ? 1 : each);
}

static bool work(struct batch *batch, struct sr_err *err)
{
    struct blob_stores_params params = { .clock = sr_clock_system(), .cancel = batch->cli->stop };
    if (!store_options_params(&batch->options->stores, &params, err) ||
        !blob_stores_new(&params, &batch->stores, err) || !select_items(batch, err) ||
        !batch_ledger_open(batch->options->report, &batch->ledger, err) || !add_works(batch, err) ||
        !check_outputs(batch, err) || !digest_settings(batch, err) || !choose(batch, err))
        return false;
    if (batch->options->dry_run) {
        print_plan(batch);
        return true;
    }
    share_workers(batch);
    const bool done = run_all(batch, err);
    print_summary(batch);
    return done;
}

static void help(void)
{
    (void)printf(
        "splitreel batch SRC... -o PATTERN [options] - transcode many files\n\n"
        "  splitreel batch films/ -o 'out/{path}.mp4'\n"
        "  splitreel batch s3://in/2026/ --template hls-1080p -o 's3://out/{path}/' --newer-than 7d --jobs 2\n"
        "  splitreel batch 'films/*/cut-?.mov' @list.txt --where 'height>=1080' -o 'out/{name}/' --template hls-720p --dry-run\n\n"
        "SRC is a folder, a prefix (s3://bucket/prefix/), one file or object, a pattern, or @FILE with one of these\n"
        "on each line. Each source is a run in a process of its own. What the report says is done, from the same\n"
        "version of the source with the same settings, is not done again; what was interrupted goes on where it was.\n\n");
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
    struct batch *const batch = calloc(1, sizeof(*batch));
    int status;
    if (!batch) {
        (void)sr_fail(&err, SR_ERR_NO_MEMORY, "a batch");
        return cli_fail(cli, &err);
    }
    batch->cli = cli;
    batch->options = &options;
    if (!batch_options_parse(cli->argc, cli->argv, sr_clock_wall_us(sr_clock_system()), &options,
                             &err)) {
        status = cli_fail(cli, &err);
    } else if (options.help) {
        help();
        status = 0;
    } else if (!work(batch, &err)) {
        status = cli_fail(cli, &err);
    } else {
        status = batch->failed_count > 0 ? EXIT_SOME_FAILED : 0;
    }
    batch_done(batch);
    free(batch);
    return status;
}
