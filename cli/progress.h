// cli/progress.h - shows where a run stands: a bar on a terminal, plain lines, or JSON lines with
// ffmpeg's names.
#pragma once

#include <stdio.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/job_options.h"
#include "pipeline/run.h"

// One look at a run, and how fast it goes.
struct progress_view {
    int stage;
    uint64_t frames_total, frames_done, frames_reused, audio_us_total, audio_us_done;
    int64_t duration_us, elapsed_us;
    size_t segment_count, cell_count;
    uint8_t cells[RUN_CELLS_MAX];
};
// Of the whole, 0..100; with video, its frames count, else the audio's length.
double progress_percent(const struct progress_view *view);
// One line without its end. `columns`: width of the terminal, for the bar. `is_end`: JSON says
// "end".
SR_MUST_USE bool progress_line(const struct progress_view *view, enum progress_kind kind,
                               size_t columns, bool is_end, struct sr_str *out, struct sr_err *err);

struct progress;
// Starts a thread that shows `run` on `file` until progress_stop(). kind AUTO: a bar when `file` is
// a terminal, else plain lines.
SR_MUST_USE bool progress_start(const struct run_progress *run, enum progress_kind kind, FILE *file,
                                struct progress **ret, struct sr_err *err);
void progress_stop(struct progress *progress);  // takes NULL; shows the last state
SR_DEFINE_AUTO(progress, struct progress, progress_stop);
