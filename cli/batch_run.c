#include "cli/batch_run.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/store_verb.h"

enum { LOOK_MS = 200 };

struct slot {
    struct batch_doing doing;
    const struct batch_work *work;  // NULL: free
    int64_t start_us;
};

struct batch {
    struct batch_works *works;
    const struct batch_options *options;
    struct slot slots[BATCH_JOBS_MAX];
    size_t next, running;
    struct batch_result *result;
    size_t lines_shown;  // of the live view
    bool is_stopping, is_live;
};

// For whoever watches ----------------------------------------------------------------------------
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
        if (!slot->work || !batch_work_add_name(&name, slot->work, &ignored))
            continue;
        (void)fprintf(stderr, "%5.1f%% %6s %-10s %.90s\n", slot->doing.percent, slot->doing.speed,
                      slot->doing.stage, sr_str_text(&name));
        batch->lines_shown++;
    }
    (void)fprintf(stderr, "%zu of %zu done, %zu failed\n", batch->result->done_count,
                  batch->works->todo_count, batch->result->failed_count);
    batch->lines_shown++;
}

static void show_end(struct batch *batch, const struct batch_work *work, const char *error,
                     int64_t elapsed_us)
{
    sr_auto(sr_str) struct sr_str name = { 0 }, why = { 0 };
    struct sr_err ignored;
    if (batch->options->progress == PROGRESS_NONE && !error)
        return;
    clear_live(batch);
    if (!batch_work_add_name(&name, work, &ignored) ||
        !store_verb_add_name(&why, error ? error : "", &ignored))
        return;
    if (error)
        (void)fprintf(stderr, "splitreel: failed: %s: %s\n", sr_str_text(&name), sr_str_text(&why));
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

// One by one -------------------------------------------------------------------------------------

// Before it is begun: what is at its output afterwards is known as ours, even when we are killed
// before the record says so.
static bool note_begin(struct batch *batch, const struct batch_work *work, struct sr_err *err)
{
    struct batch_works *const works = batch->works;
    char time[25];
    bool is_taken;
    if (batch_ledger_has_made(works->ledger, work->output))
        return true;
    if (!batch_works_is_there(works, work->output, &is_taken, err))
        return false;
    if (is_taken)
        return true;  // somebody else's: it is refused, unless told -y
    sr_clock_format(sr_clock_wall_us(sr_clock_system()), time);
    const struct batch_record record = { .has_begun = true,
                                         .item = work->item,
                                         .output = work->output,
                                         .settings = works->settings,
                                         .time = time };
    return batch_ledger_add(works->ledger, &record, err);
}

static bool begin(struct batch *batch, struct slot *slot, const struct batch_work *work,
                  struct sr_err *err)
{
    struct batch_works *const works = batch->works;
    const struct batch_order order = {
        .item = work->item,
        .output = work->output,
        .may_replace = batch_ledger_has_made(works->ledger, work->output),
        .made_time = batch_ledger_made_time(works->ledger, work->output),
    };
    slot->doing = (struct batch_doing){ 0 };
    if (!note_begin(batch, work, err) ||
        !works->way->begin(works->way->self, &order, &slot->doing, err))
        return false;
    slot->work = work;
    slot->start_us = sr_clock_monotonic_us(sr_clock_system());
    batch->running++;
    return true;
}

// One that was interrupted is no record: the next batch goes on with it.
static bool end(struct batch *batch, struct slot *slot, struct sr_err *err)
{
    char time[25];
    struct batch_works *const works = batch->works;
    const struct batch_work *const work = slot->work;
    int status;
    slot->work = NULL;
    batch->running--;
    if (!works->way->end(&slot->doing, &status, err))
        return false;
    if (status != 0 && (batch->is_stopping || sr_cancel_asked(works->stop)))
        return true;
    sr_clock_format(sr_clock_wall_us(sr_clock_system()), time);
    const struct batch_record record = {
        .item = work->item,
        .output = work->output,
        .settings = works->settings,
        .exit_status = status,
        .error = status == 0            ? NULL
                 : slot->doing.error[0] ? slot->doing.error
                                        : "it did not say why",
        .job = slot->doing.job,
        .elapsed_us = sr_clock_monotonic_us(sr_clock_system()) - slot->start_us,
        .time = time,
    };
    batch->result->done_count += status == 0;
    batch->result->failed_count += status != 0;
    show_end(batch, work, record.error, record.elapsed_us);
    return batch_ledger_add(works->ledger, &record, err) &&
           (!batch->options->json || print_record(&record, err));
}

// All of them ------------------------------------------------------------------------------------
static void stop_all(struct batch *batch)
{
    batch->is_stopping = true;
    for (size_t s = 0; s < batch->options->jobs; s++) {
        if (batch->slots[s].work)
            batch->works->way->stop(&batch->slots[s].doing);
    }
}

// No record can be written, or the service is gone: what runs is left to the next batch.
static void abandon(struct batch *batch)
{
    stop_all(batch);
    for (size_t s = 0; s < batch->options->jobs; s++) {
        struct sr_err ignored;
        int status;
        if (batch->slots[s].work)
            (void)batch->works->way->end(&batch->slots[s].doing, &status, &ignored);
        batch->slots[s].work = NULL;
    }
    batch->running = 0;
}

static bool look(struct batch *batch, struct sr_err *err)
{
    struct pollfd waits[BATCH_JOBS_MAX];
    for (size_t s = 0; s < batch->options->jobs; s++)
        waits[s] = (struct pollfd){ .fd = batch->slots[s].work ? batch->slots[s].doing.fd : -1,
                                    .events = POLLIN };
    if (poll(waits, (nfds_t)batch->options->jobs, LOOK_MS) < 0)
        return errno == EINTR || sr_fail_errno(err, errno, "poll");
    for (size_t s = 0; s < batch->options->jobs; s++) {
        bool has_ended = false;
        if (waits[s].fd >= 0 && waits[s].revents &&
            (!batch_doing_read(&batch->slots[s].doing, &has_ended, err) ||
             (has_ended && !end(batch, &batch->slots[s], err))))
            return false;
    }
    return true;
}

static bool fill_slots(struct batch *batch, struct sr_err *err)
{
    for (size_t s = 0; s < batch->options->jobs && batch->next < batch->works->todo_count; s++) {
        if (!batch->slots[s].work &&
            !begin(batch, &batch->slots[s], &batch->works->item[batch->next++], err))
            return false;
    }
    return true;
}

static bool run_all(struct batch *batch, struct sr_err *err)
{
    while (batch->running > 0 || (!batch->is_stopping && batch->next < batch->works->todo_count)) {
        if (!batch->is_stopping && sr_cancel_asked(batch->works->stop))
            stop_all(batch);
        if ((!batch->is_stopping && !fill_slots(batch, err)) || !look(batch, err))
            return false;
        show_live(batch);
    }
    return sr_cancel_check(batch->works->stop, err);
}

bool batch_run(struct batch_works *works, struct batch_result *ret, struct sr_err *err)
{
    const struct batch_options *const options = works->options;
    struct batch *const batch = calloc(1, sizeof(*batch));
    if (!batch)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a batch");
    batch->works = works;
    batch->options = options;
    batch->result = ret;
    batch->is_live = options->progress == PROGRESS_BAR ||
                     (options->progress == PROGRESS_AUTO && isatty(STDERR_FILENO));
    const bool done = run_all(batch, err);
    if (!done)
        abandon(batch);
    clear_live(batch);
    free(batch);
    return done;
}
