// cli/job_view.h - a job of the Jobs API for people: one line, and a view that follows it.
#pragma once

#include <stdio.h>

#include "base/jx.h"
#include "base/str.h"
#include "cli/job_options.h"

// "RUNNING   42.0% segments 12/30 (4 running) ETA 0:01:12 [####>>....]": the bar only when there is
// room for it in `columns`; 0: none.
SR_MUST_USE bool job_view_line(const json_t *job, size_t columns, struct sr_str *out,
                               struct sr_err *err);
// What a process that did the job itself would end with: 0, or that of the job's error; 1 when it
// was cancelled, or has not ended.
int job_view_status(const json_t *job);

// The zero value with `file` and `kind` is one that has shown nothing. BAR: one line that changes;
// PLAIN: a line when the state changes, else every PLAIN_US; JSON: each document.
struct job_view {
    FILE *file;
    enum progress_kind kind;  // AUTO: a bar on a terminal
    char state[16];
    int64_t shown_us;
    bool is_open;  // a line without its end
};
enum { JOB_VIEW_PLAIN_US = 5000000 };
// `now_us`: monotonic.
SR_MUST_USE bool job_view_show(struct job_view *view, const json_t *job, int64_t now_us,
                               struct sr_err *err);
void job_view_end(struct job_view *view);  // of a line that changes
