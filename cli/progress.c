#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/ticker.h"

enum {
    BAR_US = 200000,
    PLAIN_US = 5000000,
    JSON_US = 500000,
    COLUMNS_DEFAULT = 80,
    TEXT_COLUMNS = 58,
    BAR_CELLS_MAX = 64
};

static void look(const struct run_progress *progress, int64_t elapsed_us, struct progress_view *ret)
{
    *ret = (struct progress_view){
        .stage = atomic_load(&progress->stage),
        .frames_total = atomic_load(&progress->frames_total),
        .frames_done = atomic_load(&progress->frames_done),
        .frames_reused = atomic_load(&progress->frames_reused),
        .audio_us_total = atomic_load(&progress->audio_us_total),
        .audio_us_done = atomic_load(&progress->audio_us_done),
        .duration_us = atomic_load(&progress->duration_us),
        .segment_count = atomic_load(&progress->segment_count),
        .elapsed_us = elapsed_us,
    };
    ret->cell_count = ret->segment_count < RUN_CELLS_MAX ? ret->segment_count : RUN_CELLS_MAX;
    for (size_t i = 0; i < ret->cell_count; i++)
        ret->cells[i] = atomic_load(&progress->cells[i]);
}

static double share(uint64_t done, uint64_t total)
{
    return total == 0 ? 0 : done >= total ? 1 : (double)done / (double)total;
}

double progress_percent(const struct progress_view *view)
{
    if (view->stage == RUN_ENDED)
        return 100;
    const double part = view->frames_total > 0 ? share(view->frames_done, view->frames_total)
                                               : share(view->audio_us_done, view->audio_us_total);
    return part * 99;  // the last one is joining and verifying
}

// Media seconds and pictures that were made in this run, by the clock.
struct pace {
    double fps, speed;
    int64_t out_us, eta_us;  // eta: negative when it cannot be said
};

static struct pace pace_of(const struct progress_view *view)
{
    struct pace pace = { .eta_us = -1 };
    const double seconds = (double)view->elapsed_us / 1e6;
    const bool has_video = view->frames_total > 0;
    const double done = has_video ? share(view->frames_done, view->frames_total)
                                  : share(view->audio_us_done, view->audio_us_total);
    const double reused = has_video ? share(view->frames_reused, view->frames_total) : 0;
    const double fresh = done > reused ? done - reused : 0;
    pace.out_us = (int64_t)(done * (double)view->duration_us);
    if (seconds <= 0)
        return pace;
    const uint64_t frames =
        view->frames_done > view->frames_reused ? view->frames_done - view->frames_reused : 0;
    pace.fps = (double)frames / seconds;
    pace.speed = fresh * (double)view->duration_us / 1e6 / seconds;
    if (fresh > 0)
        pace.eta_us = (int64_t)((1 - done) / fresh * (double)view->elapsed_us + 0.5);
    return pace;
}

static const char *stage_name(int stage)
{
    static const char *const names[] = { "probing",   "planning",   "encoding", "joining",
                                         "verifying", "publishing", "done",     "stopped" };
    return stage >= 0 && stage <= RUN_FAILED ? names[stage] : "";
}

// One cell per segment; when there are more segments than columns, a cell stands for several and
// shows the least of them.
static bool add_cells(const struct progress_view *view, size_t columns, struct sr_str *out,
                      struct sr_err *err)
{
    static const char *const signs[] = { ".", ">", "#", "=" };
    size_t cells = view->cell_count < columns ? view->cell_count : columns;
    if (cells > BAR_CELLS_MAX)
        cells = BAR_CELLS_MAX;
    for (size_t c = 0; c < cells; c++) {
        const size_t from = c * view->cell_count / cells, to = (c + 1) * view->cell_count / cells;
        bool any_runs = false, all_done = true, all_reused = true;
        for (size_t i = from; i < to; i++) {
            any_runs |= view->cells[i] == RUN_CELL_RUNS;
            all_done &= view->cells[i] >= RUN_CELL_DONE;
            all_reused &= view->cells[i] == RUN_CELL_REUSED;
        }
        const enum run_cell cell = all_reused ? RUN_CELL_REUSED
                                   : all_done ? RUN_CELL_DONE
                                   : any_runs ? RUN_CELL_RUNS
                                              : RUN_CELL_WAITS;
        if (!sr_str_add(out, signs[cell], err))
            return false;
    }
    return true;
}

static bool text_line(const struct progress_view *view, const struct pace *pace, struct sr_str *out,
                      struct sr_err *err)
{
    if (!sr_str_addf(out, err, "%s %5.1f%% frame %llu/%llu %.1f fps %.2fx", stage_name(view->stage),
                     progress_percent(view), (unsigned long long)view->frames_done,
                     (unsigned long long)view->frames_total, pace->fps, pace->speed))
        return false;
    if (view->stage != RUN_ENCODING || pace->eta_us < 0)
        return true;
    const long long seconds = (long long)(pace->eta_us / 1000000);
    return sr_str_addf(out, err, " ETA %lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60,
                       seconds % 60);
}

bool progress_line(const struct progress_view *view, enum progress_kind kind, size_t columns,
                   bool is_end, struct sr_str *out, struct sr_err *err)
{
    const struct pace pace = pace_of(view);
    if (kind == PROGRESS_JSON)
        return sr_str_addf(
            out, err,
            "{\"frame\":%llu,\"fps\":%.2f,\"out_time_us\":%lld,\"speed\":\"%.2fx\",\"percent\":%.1f,"
            "\"stage\":\"%s\",\"progress\":\"%s\"}",
            (unsigned long long)view->frames_done, pace.fps, (long long)pace.out_us, pace.speed,
            progress_percent(view), stage_name(view->stage), is_end ? "end" : "continue");
    if (!text_line(view, &pace, out, err))
        return false;
    if (kind != PROGRESS_BAR || view->cell_count == 0 || columns < TEXT_COLUMNS + 8)
        return true;
    return sr_str_add(out, " [", err) && add_cells(view, columns - TEXT_COLUMNS - 4, out, err) &&
           sr_str_add(out, "]", err);
}

// The thread -------------------------------------------------------------------------------------
struct progress {
    const struct run_progress *run;  // set before the thread starts, then only read
    enum progress_kind kind;
    FILE *file;
    int64_t start_us;
    struct ticker *ticker;
};

static size_t columns_of(FILE *file)
{
    struct winsize size;
    return ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                          : COLUMNS_DEFAULT;
}

static void show(struct progress *progress, bool is_end)
{
    static const char clear[] = "\r\033[K";
    struct sr_err err;  // a line that finds no memory is not shown
    sr_auto(sr_str) struct sr_str line = { 0 };
    struct progress_view *const view = malloc(sizeof(*view));
    if (!view)
        return;
    look(progress->run, sr_clock_monotonic_us(sr_clock_system()) - progress->start_us, view);
    const size_t columns = columns_of(progress->file);
    // A job that was refused at once has nothing to show but its error.
    const bool is_empty =
        view->stage == RUN_FAILED && view->duration_us == 0 && progress->kind != PROGRESS_JSON;
    if (!is_empty && progress_line(view, progress->kind, columns, is_end, &line, &err)) {
        if (progress->kind == PROGRESS_BAR)
            (void)fprintf(progress->file, "%s%.*s%s", clear, (int)columns - 1, sr_str_text(&line),
                          is_end ? "\n" : "");
        else
            (void)fprintf(progress->file, "%s\n", sr_str_text(&line));
        (void)fflush(progress->file);
    }
    free(view);
}

static void show_step(void *self)
{
    show(self, false);
}

bool progress_start(const struct run_progress *run, enum progress_kind kind, FILE *file,
                    struct progress **ret, struct sr_err *err)
{
    if (kind == PROGRESS_AUTO)
        kind = isatty(fileno(file)) ? PROGRESS_BAR : PROGRESS_PLAIN;
    if (kind == PROGRESS_NONE) {
        *ret = NULL;
        return true;
    }
    struct progress *const progress = calloc(1, sizeof(*progress));
    if (!progress)
        return sr_fail(err, SR_ERR_NO_MEMORY, "progress");
    progress->run = run;
    progress->kind = kind;
    progress->file = file;
    progress->start_us = sr_clock_monotonic_us(sr_clock_system());
    const int64_t step_us = kind == PROGRESS_BAR     ? BAR_US
                            : kind == PROGRESS_PLAIN ? PLAIN_US
                                                     : JSON_US;
    if (!ticker_start("progress", step_us, show_step, progress, &progress->ticker, err)) {
        free(progress);
        return false;
    }
    *ret = progress;
    return true;
}

void progress_stop(struct progress *progress)
{
    if (!progress)
        return;
    ticker_stop(progress->ticker);
    show(progress, true);
    free(progress);
}
