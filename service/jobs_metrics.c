// What jobs tell Prometheus.
#include <inttypes.h>

#include "base/str.h"
#include "service/jobs_priv.h"
#include "service/jobs_progress.h"

struct segments {
    struct jobs *jobs;
    int64_t count, done, running, failed;
};

static bool add_segments(void *self, const struct job_row *row, struct sr_err *err)
{
    struct segments *const sum = self;
    struct jobs *const jobs = sum->jobs;
    sr_auto(jobs_progress) struct jobs_progress read = { 0 };
    if (!row->execution)
        return true;
    if (!jobs_progress_read(&jobs->read.engine, row->execution, false,
                            sr_clock_wall_us(jobs->params.clock), &read, err))
        return false;
    if (read.count < 0)
        return true;  // not planned yet
    sum->count += read.count;
    sum->done += read.done;
    sum->running += read.running;
    sum->failed += read.failed;
    return true;
}

static bool add_row(struct sr_str *text, const char *family, const char *state, int64_t value,
                    struct sr_err *err)
{
    return sr_str_addf(text, err, "splitreel_%s{state=\"%s\"} %" PRId64 "\n", family, state, value);
}

static bool add_head(struct sr_str *text, const char *family, const char *help, struct sr_err *err)
{
    return sr_str_addf(text, err, "# HELP splitreel_%s %s\n# TYPE splitreel_%s gauge\n", family,
                       help, family);
}

static bool read_locked(struct jobs *jobs, int64_t counts[JOB_ROW_STATE_COUNT],
                        struct segments *sum, struct sr_err *err)
{
    const struct job_query running = { .state = JOB_ROW_RUNNING, .count_max = JOBS_METRICS_MAX };
    return job_store_count_jobs(jobs->read.store, counts, err) &&
           job_store_list_jobs(jobs->read.store, &running, add_segments, sum, err);
}

bool jobs_metrics(struct jobs *jobs, struct sr_str *text, struct sr_err *err)
{
    int64_t counts[JOB_ROW_STATE_COUNT];
    struct segments sum = { .jobs = jobs };
    sr_lock(&jobs->reading);
    const bool done = read_locked(jobs, counts, &sum, err);
    sr_unlock(&jobs->reading);
    if (!done || !add_head(text, "jobs", "Jobs, by state.", err))
        return false;
    for (int i = 0; i < JOB_ROW_STATE_COUNT; i++) {
        if (!add_row(text, "jobs", job_row_state_name((enum job_row_state)i), counts[i], err))
            return false;
    }
    return add_head(text, "segments", "Segments of jobs that run, by state.", err) &&
           add_row(text, "segments", "WAITING", sum.count - sum.done - sum.running - sum.failed,
                   err) &&
           add_row(text, "segments", "RUNNING", sum.running, err) &&
           add_row(text, "segments", "SUCCEEDED", sum.done, err) &&
           add_row(text, "segments", "FAILED", sum.failed, err);
}
