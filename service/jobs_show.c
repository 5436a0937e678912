// Jobs as documents.
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/places.h"
#include "service/jobs_priv.h"
#include "service/jobs_progress.h"

static bool put_time(json_t *job, const char *key, int64_t wall_us, struct sr_err *err)
{
    char text[25];
    if (wall_us == 0)
        return true;
    sr_clock_format(wall_us, text);
    return jx_put(job, key, json_string(text), err);
}

static bool put_text(json_t *job, const char *key, const char *text, struct sr_err *err)
{
    return !text || jx_put(job, key, jx_string(text), err);
}

static bool put_int(json_t *object, const char *key, int64_t value, struct sr_err *err)
{
    return jx_put(object, key, json_integer((json_int_t)value), err);
}

// How far it has come -----------------------------------------------------------------------------

static bool put_progress(json_t *job, const struct jobs_progress *progress, struct sr_err *err)
{
    json_t *const shown = json_object();
    if (!jx_put(job, "progress", shown, err) ||
        !put_int(shown, "percent", progress->percent, err) ||
        (progress->eta_us >= 0 && !put_int(shown, "eta_s", progress->eta_us / 1000000, err)))
        return false;
    if (progress->count < 0)
        return true;
    json_t *const segments = json_object();
    return jx_put(shown, "segments", segments, err) &&
           put_int(segments, "count", progress->count, err) &&
           put_int(segments, "done", progress->done, err) &&
           put_int(segments, "running", progress->running, err) &&
           put_int(segments, "failed", progress->failed, err);
}

// What the row itself knows: of a job that has ended, or has not begun.
static void progress_of(const struct job_row *row, struct jobs_progress *ret)
{
    *ret = (struct jobs_progress){ .count = row->segments, .eta_us = -1 };
    if (row->segments_done > 0)
        ret->done = row->segments_done;
    if (row->state == JOB_ROW_SUCCEEDED)
        ret->percent = 100;
    else if (row->segments > 0)
        ret->percent = 2 + (int)(88 * ret->done / row->segments);
}

// Of one that has ended the history may be gone: then it is what the row knows.
static bool read_progress(struct jobs *jobs, const struct job_row *row, bool segments,
                          struct jobs_progress *ret, struct sr_err *err)
{
    struct jobs_progress read = { 0 };
    const bool ended = job_row_has_ended(row->state);
    progress_of(row, ret);
    if (!row->execution || (ended && !segments))
        return true;
    const bool done = jobs_progress_read(&jobs->read.engine, row->execution, segments,
                                         sr_clock_wall_us(jobs->params.clock), &read, err);
    if (!done)
        return false;
    if (!ended) {
        *ret = read;
        return true;
    }
    ret->segments = sr_take(read.segments);
    jobs_progress_done(&read);
    return true;
}

// The document -----------------------------------------------------------------------------------

static bool put_shown(json_t *job, const struct job_row *row, struct sr_err *err)
{
    sr_auto(json) json_t *shown = NULL;
    return jx_parse(row->shown, strlen(row->shown), false, &shown, err) &&
           (json_object_update(job, shown) == 0 || sr_fail(err, SR_ERR_NO_MEMORY, "a job"));
}

static bool put_row(json_t *job, const struct job_row *row, struct sr_err *err)
{
    return jx_put(job, "id", json_string(row->id), err) &&
           jx_put(job, "state", json_string(job_row_state_name(row->state)), err) &&
           put_int(job, "attempt", row->attempt, err) &&
           put_int(job, "priority", row->priority, err) &&
           put_text(job, "correlation", row->correlation, err) &&
           put_text(job, "traceparent", row->traceparent, err) &&
           put_text(job, "idempotency_key", row->idempotency_key, err) &&
           put_shown(job, row, err) && put_time(job, "created", row->created_us, err) &&
           put_time(job, "started", row->started_us, err) &&
           put_time(job, "ended", row->ended_us, err) &&
           put_text(job, "execution", row->execution, err) &&
           (row->state != JOB_ROW_FAILED ||
            (put_text(job, "error", row->error, err) && put_text(job, "cause", row->cause, err)));
}

// The caller holds the lock of what is read.
static bool document(struct jobs *jobs, const struct job_row *row, bool segments, json_t **ret,
                     struct sr_err *err)
{
    sr_auto(jobs_progress) struct jobs_progress progress = { 0 };
    sr_auto(json) json_t *job = json_object();
    if (!jx_made(job, err) || !put_row(job, row, err) ||
        !read_progress(jobs, row, segments, &progress, err))
        return false;
    const char *const engine = *progress.engine ? progress.engine : row->engine;
    if (!put_text(job, "engine", engine, err) || !put_progress(job, &progress, err) ||
        (progress.segments && !jx_put(job, "segments", json_incref(progress.segments), err)))
        return false;
    *ret = sr_take(job);
    return true;
}

static bool get(struct jobs *jobs, const char *id, struct job_row *ret, struct sr_err *err)
{
    return job_store_get_job(jobs->read.store, id, ret, err);
}

bool jobs_document(struct jobs *jobs, const char *id, bool segments, json_t **ret_json,
                   struct sr_err *err)
{
    sr_auto(job_row) struct job_row row = { 0 };
    sr_lock(&jobs->reading);
    const bool done = get(jobs, id, &row, err) && document(jobs, &row, segments, ret_json, err);
    sr_unlock(&jobs->reading);
    return done;
}

bool jobs_manifest(struct jobs *jobs, const char *id, char **ret_text, struct sr_err *err)
{
    sr_auto(job_row) struct job_row row = { 0 };
    sr_lock(&jobs->reading);
    const bool done = get(jobs, id, &row, err);
    sr_unlock(&jobs->reading);
    if (!done)
        return false;
    *ret_text = sr_take(row.manifest);
    return true;
}

// Where the report is was said by whoever published: it is read only where the manifest has it, or
// any file could be called a report.
static bool check_report_place(const struct job_row *row, struct sr_err *err)
{
    const struct manifest_params params = { .text = row->manifest, .bytes = strlen(row->manifest) };
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(char) char *place = NULL;
    if (!row->report)
        return true;
    if (!manifest_parse(&params, &manifest, err) || !places_report_name(manifest, &place, err))
        return false;
    return strcmp(place, row->report) == 0 ||
           sr_fail(err, SR_ERR_DENIED, "its report is said to be %s, which is not its place: %s",
                   row->report, place);
}

bool jobs_report(struct jobs *jobs, const char *id, jobs_report_fn fn, void *self,
                 struct sr_err *err)
{
    sr_auto(job_row) struct job_row row = { 0 };
    sr_lock(&jobs->reading);
    const bool done = get(jobs, id, &row, err);
    sr_unlock(&jobs->reading);
    if (!done)
        return false;
    if (row.state != JOB_ROW_SUCCEEDED && row.state != JOB_ROW_FAILED)
        return sr_fail(err, SR_ERR_NOT_FOUND, "there is no report before the job has ended");
    if (!check_report_place(&row, err))
        return false;
    struct jobs_file file = { .kind = JOBS_FILE_REPORT,
                              .workspace = row.workspace,
                              .report = row.report,
                              .fn = fn,
                              .self = self };
    sr_ignore(sr_format(file.id, sizeof file.id, "%s", row.id));  // fits: it is one of ours
    return jobs_files_ask(jobs, &file, err);
}

// Lists ------------------------------------------------------------------------------------------

struct page {
    struct jobs *jobs;
    json_t *list;
    size_t room;
    char last[SR_ID_TEXT];
    bool more;
};

static bool on_row(void *self, const struct job_row *row, struct sr_err *err)
{
    struct page *const page = self;
    json_t *job = NULL;
    page->more = json_array_size(page->list) == page->room;
    if (page->more)
        return true;
    sr_ignore(sr_format(page->last, sizeof page->last, "%s", row->id));  // fits: it is one of ours
    return document(page->jobs, row, false, &job, err) && jx_append(page->list, job, err);
}

bool jobs_list(struct jobs *jobs, const struct job_query *query, json_t **ret_json,
               struct sr_err *err)
{
    struct job_query one_more = *query;
    sr_auto(json) json_t *result = json_object();
    json_t *const list = json_array();
    struct page page = { .jobs = jobs, .list = list, .room = (size_t)query->count_max };
    one_more.count_max++;
    if (!jx_put(result, "jobs", list, err))
        return false;
    sr_lock(&jobs->reading);
    const bool done = job_store_list_jobs(jobs->read.store, &one_more, on_row, &page, err);
    sr_unlock(&jobs->reading);
    if (!done || (page.more && !jx_put(result, "next_page", json_string(page.last), err)))
        return false;
    *ret_json = sr_take(result);
    return true;
}
