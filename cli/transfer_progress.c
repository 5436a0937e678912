#include "cli/transfer_progress.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/ticker.h"

enum { SHOW_US = 200000, FIRST_US = 1000000 };  // a speed after less than that is noise

struct transfer_progress {
    struct blob_moved *moved;  // set before the thread starts, then only read, but for its atomics
    FILE *file;
    int64_t start_us;
    struct ticker *ticker;
};

bool transfer_progress_line(uint64_t bytes, uint64_t bytes_total, int64_t elapsed_us,
                            struct sr_str *out, struct sr_err *err)
{
    const double mib = 1 << 20;
    const double seconds = (double)elapsed_us / 1e6;
    const double rate = elapsed_us >= FIRST_US ? (double)bytes / seconds : 0;
    const bool known = bytes_total && bytes <= bytes_total;
    if (!sr_str_addf(out, err, "%.1f", (double)bytes / mib) ||
        (known && !sr_str_addf(out, err, " of %.1f", (double)bytes_total / mib)) ||
        !sr_str_add(out, " MiB", err) ||
        (known && !sr_str_addf(out, err, ", %.1f %%", 100 * (double)bytes / (double)bytes_total)))
        return false;
    if (rate <= 0)
        return true;
    if (!sr_str_addf(out, err, ", %.1f MiB/s", rate / mib))
        return false;
    const double left = known ? (double)(bytes_total - bytes) / rate : -1;
    if (left < 0 || left > 1e7)
        return true;
    const long rest = (long)(left + 0.5);
    return sr_str_addf(out, err, ", ETA %ld:%02ld:%02ld", rest / 3600, rest / 60 % 60, rest % 60);
}

static void show(void *self)
{
    const struct transfer_progress *const progress = self;
    struct sr_err err;  // a line that finds no memory is not shown
    sr_auto(sr_str) struct sr_str line = { 0 };
    const int64_t now_us = sr_clock_monotonic_us(sr_clock_system());
    if (!transfer_progress_line(atomic_load(&progress->moved->bytes),
                                atomic_load(&progress->moved->bytes_total),
                                now_us - progress->start_us, &line, &err))
        return;
    (void)fprintf(progress->file, "\r\033[K%s", sr_str_text(&line));
    (void)fflush(progress->file);
}

bool transfer_progress_start(struct blob_moved *moved, FILE *file, struct transfer_progress **ret,
                             struct sr_err *err)
{
    if (!isatty(fileno(file))) {
        *ret = NULL;
        return true;
    }
    struct transfer_progress *const progress = calloc(1, sizeof(*progress));
    if (!progress)
        return sr_fail(err, SR_ERR_NO_MEMORY, "progress");
    progress->moved = moved;
    progress->file = file;
    progress->start_us = sr_clock_monotonic_us(sr_clock_system());
    if (!ticker_start("progress", SHOW_US, show, progress, &progress->ticker, err)) {
        free(progress);
        return false;
    }
    *ret = progress;
    return true;
}

void transfer_progress_stop(struct transfer_progress *progress)
{
    if (!progress)
        return;
    ticker_stop(progress->ticker);
    (void)fprintf(progress->file, "\r\033[K");
    (void)fflush(progress->file);
    free(progress);
}
