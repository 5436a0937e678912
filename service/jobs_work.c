// The worker: writes down what is asked for, answers, and takes each job to its next step.
#include <stdlib.h>
#include <string.h>

#include "base/db.h"
#include "base/str.h"
#include "service/job_outputs.h"
#include "service/jobs_priv.h"

enum { IDLE_US_MAX = 60000000, AGAIN_US = 1000000, SWEEP_US = 600000000, SWEEP_MAX = 100 };

// Outcomes that are not the store's: the call is refused, all else goes on.
static bool refuse(struct jobs_message *message, enum sr_err_code code, const char *why)
{
    return sr_fail(&message->err, code, "%s", why) || true;
}

// Asked for --------------------------------------------------------------------------------------

static bool record_row(struct jobs *jobs, struct jobs_message *message, struct job_row *row,
                       struct sr_err *err)
{
    sr_auto(job_row) struct job_row known = { 0 };
    bool has = false;
    if (row->idempotency_key &&
        !job_store_get_job_by_key(jobs->work.store, row->idempotency_key, &known, &has, err))
        return false;
    if (!has) {
        message->new_count++;
        return job_store_add_job(jobs->work.store, row, err) &&
               job_outputs_note(jobs->work.store, row, err);
    }
    if (memcmp(known.digest, row->digest, sizeof row->digest) != 0)
        return refuse(message, SR_ERR_CONFLICT,
                      "the idempotency key is that of a job with another manifest");
    free(row->id);
    row->id = sr_take(known.id);
    return true;
}

// All or none.
static bool record(struct jobs *jobs, struct jobs_message *message, struct sr_err *err)
{
    sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
    if (!job_store_begin(jobs->work.store, &tx, err))
        return false;
    message->new_count = 0;
    for (size_t i = 0; i < message->row_count; i++) {
        if (!record_row(jobs, message, &message->rows[i], err))
            return false;
        if (message->err.code != SR_OK)
            return true;
    }
    message->done = true;
    return sr_db_commit(&tx, err);
}

static bool cancel(struct jobs *jobs, struct jobs_message *message, struct job_row *row,
                   struct sr_err *err)
{
    // Who asks again, because the answer was lost, gets the same.
    const bool is_asked = row->state == JOB_ROW_CANCELLING || row->state == JOB_ROW_CANCELLED;
    if (!is_asked && job_row_has_ended(row->state))
        return refuse(message, SR_ERR_CONFLICT, "the job has ended");
    message->done = true;
    if (is_asked)
        return true;
    row->state = JOB_ROW_CANCELLING;
    row->is_stopped = false;
    row->due_us = sr_clock_wall_us(jobs->params.clock);
    row->tries = 0;
    return job_store_set_job(jobs->work.store, row, err);
}

static bool retry(struct jobs *jobs, struct jobs_message *message, struct job_row *row,
                  struct sr_err *err)
{
    if (row->state != JOB_ROW_FAILED && row->state != JOB_ROW_CANCELLED)
        return refuse(message, SR_ERR_CONFLICT,
                      "only a job that failed or was cancelled can be "
                      "tried again");
    message->done = true;
    char **const gone[] = { &row->execution, &row->error, &row->cause, &row->report, &row->engine };
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        free(*gone[i]);
        *gone[i] = NULL;
    }
    row->state = JOB_ROW_QUEUED;
    row->attempt++;
    row->is_stopped = false;
    row->started_us = row->ended_us = row->tries = 0;
    row->segments = row->segments_done = row->slots = -1;
    row->due_us = sr_clock_wall_us(jobs->params.clock);
    return job_store_set_job(jobs->work.store, row, err);
}

static bool change(struct jobs *jobs, struct jobs_message *message, struct sr_err *err)
{
    sr_auto(job_row) struct job_row row = { 0 };
    struct sr_err why = { 0 };
    if (!job_store_get_job(jobs->work.store, message->id, &row, &why)) {
        *err = message->err = why;
        return why.code == SR_ERR_NOT_FOUND;
    }
    return message->kind == JOBS_CANCEL ? cancel(jobs, message, &row, err)
                                        : retry(jobs, message, &row, err);
}

static bool apply(struct jobs *jobs, struct jobs_message *message, struct sr_err *err)
{
    if (message->kind >= JOBS_READY)
        return jobs_note(jobs, message, err);
    message->done = false;
    message->err = (struct sr_err){ 0 };
    return message->kind == JOBS_SUBMIT ? record(jobs, message, err) : change(jobs, message, err);
}

// In one commit, which is then told to who waits.
static bool apply_all(struct jobs *jobs, struct jobs_message *first, struct sr_err *err)
{
    sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
    if (!job_store_begin(jobs->work.store, &tx, err))
        return false;
    for (struct jobs_message *at = first; at; at = at->next) {
        if (!apply(jobs, at, err))
            return false;
    }
    return sr_db_commit(&tx, err);
}

static void reply(struct jobs_message *message, const struct sr_err *why)
{
    const char *one = message->id;
    struct jobs_reply told = { .done = message->done, .err = message->err };
    const char **ids = NULL;
    if (why) {
        told.done = false;
        told.err = *why;
    }
    if (told.done && message->kind == JOBS_SUBMIT) {
        ids = calloc(message->row_count, sizeof *ids);
        for (size_t i = 0; ids && i < message->row_count; i++)
            ids[i] = message->rows[i].id;
        told.count = ids ? message->row_count : 0;
        told.new_count = message->new_count;
    } else if (told.done) {
        told.count = 1;
    }
    told.ids = ids ? ids : &one;
    if (message->reply)
        message->reply(message->self, &told);
    free(ids);
}

static struct jobs_message *take_messages(struct jobs *jobs)
{
    sr_lock(&jobs->lock);
    struct jobs_message *const first = jobs->synced.first;
    jobs->synced.first = NULL;
    jobs->synced.end = &jobs->synced.first;
    jobs->synced.count = 0;
    sr_unlock(&jobs->lock);
    return first;
}

// What was heard of is heard of again: a store that does not take it now does later.
static void put_back(struct jobs *jobs, struct jobs_message *message)
{
    struct sr_err ignored = { 0 };
    sr_ignore(jobs_post(jobs, message, &ignored));  // always has room
}

static bool take_all(struct jobs *jobs, struct sr_err *err)
{
    struct jobs_message *const first = take_messages(jobs);
    if (!first)
        return true;
    const bool done = apply_all(jobs, first, err);
    for (struct jobs_message *at = first, *next; at; at = next) {
        next = at->next;
        if (at->kind >= JOBS_READY && !done) {
            put_back(jobs, at);
            continue;
        }
        if (at->kind < JOBS_READY)
            reply(at, done ? NULL : err);
        jobs_message_free(at);
    }
    return done;
}

// What is due ------------------------------------------------------------------------------------

struct rows {
    struct jobs *jobs;
    struct job_row *items;
    size_t count, room;
};

static void rows_done(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        job_row_done(&rows->items[i]);
    free(rows->items);
}
SR_DEFINE_AUTO_VALUE(rows, struct rows, rows_done);

static bool copy_text(char **place, const char *text, struct sr_err *err)
{
    *place = text ? sr_str_dup(text, err) : NULL;
    return *place || !text;
}

// The texts of the row are the caller's: only the id is kept, and the row read again.
static bool note_due(void *self, const struct job_row *row, struct sr_err *err)
{
    struct rows *const rows = self;
    if (rows->count == rows->room || jobs_flight_find(rows->jobs, row->id))
        return true;
    return copy_text(&rows->items[rows->count++].id, row->id, err);
}

static bool begin_due(struct jobs *jobs, int64_t now_us, struct sr_err *err)
{
    sr_auto(rows) struct rows rows = { .jobs = jobs,
                                       .room = JOBS_FLIGHTS_MAX - jobs->work.flight_count };
    if (rows.room == 0)
        return true;
    rows.items = calloc(rows.room, sizeof *rows.items);
    if (!rows.items)
        return sr_fail(err, SR_ERR_NO_MEMORY, "jobs");
    if (!job_store_due_jobs(jobs->work.store, now_us, JOBS_FLIGHTS_MAX, note_due, &rows, err))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        sr_auto(job_row) struct job_row row = { 0 };
        sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
        if (!job_store_get_job(jobs->work.store, rows.items[i].id, &row, err) ||
            !job_store_begin(jobs->work.store, &tx, err) || !jobs_begin(jobs, &row, err) ||
            !sr_db_commit(&tx, err))
            return false;
    }
    return true;
}

// Workspaces that were kept for long enough ------------------------------------------------------

static bool ask_remove(void *self, const struct job_row *row, struct sr_err *err)
{
    struct jobs *const jobs = self;
    struct jobs_file file = { .kind = JOBS_FILE_REMOVE,
                              .attempt = row->attempt,
                              .workspace = row->workspace };
    struct sr_err why = { 0 };
    struct jobs_row_log room;
    (void)err;
    // The next round meets it again.
    if (jobs_flight_find(jobs, row->id) || jobs->work.flight_count == JOBS_FLIGHTS_MAX)
        return true;
    sr_ignore(sr_format(file.id, sizeof file.id, "%s", row->id));  // fits: it is one of ours
    if (jobs_files_ask(jobs, &file, &why))
        jobs_flight_begin(jobs, row->id);  // a retry begins when it is gone
    else
        sr_warn(jobs_row_log(jobs, row, &room), "a workspace is removed later", SR_ERR(&why));
    return true;
}

static bool sweep(struct jobs *jobs, int64_t now_us, struct sr_err *err)
{
    const int64_t keep_us = jobs->params.config->keep_days * 86400 * INT64_C(1000000);
    if (now_us < jobs->work.sweep_us)
        return true;
    jobs->work.sweep_us = now_us + SWEEP_US;
    return job_store_stale_jobs(jobs->work.store, now_us - keep_us, SWEEP_MAX, ask_remove, jobs,
                                err);
}

// The work ---------------------------------------------------------------------------------------

// What was left by the last process, and state machines to do it.
static bool get_ready(struct jobs *jobs, int64_t now_us, struct sr_err *err)
{
    if (!jobs->work.is_awake && !job_store_wake_jobs(jobs->work.store, now_us, err))
        return false;
    jobs->work.is_awake = true;
    if (jobs->work.machines != JOBS_UNREADY || now_us < jobs->work.ask_us)
        return true;
    struct sr_err why = { 0 };
    if (jobs_ask_machines(jobs, &why)) {
        jobs->work.machines = JOBS_ASKED;
        return true;
    }
    jobs->work.ask_us = now_us + JOBS_RETRY_US;
    sr_warn(jobs->params.log, "the state machines of jobs are made later", SR_ERR(&why));
    return true;
}

bool jobs_step(struct jobs *jobs, int64_t *ret_next_us, struct sr_err *err)
{
    const int64_t now_us = sr_clock_wall_us(jobs->params.clock);
    jobs_files_step(jobs);
    if (!take_all(jobs, err) || !get_ready(jobs, now_us, err) || !sweep(jobs, now_us, err))
        return false;
    if (jobs->work.machines != JOBS_IS_READY) {
        *ret_next_us = jobs->work.machines == JOBS_ASKED ? now_us + AGAIN_US : jobs->work.ask_us;
        return true;
    }
    if (!begin_due(jobs, now_us, err) || !job_store_next_job_us(jobs->work.store, ret_next_us, err))
        return false;
    // What is due and in flight is waited for by itself.
    if (*ret_next_us <= now_us)
        *ret_next_us = jobs->work.flight_count ? now_us + AGAIN_US : now_us;
    return true;
}

static void wait_for_work(struct jobs *jobs, int64_t wait_us)
{
    sr_lock(&jobs->lock);
    if (!jobs->synced.first && !atomic_load(&jobs->is_stopping) && wait_us > 0)
        (void)sr_cond_wait_us(&jobs->changed, &jobs->lock,
                              wait_us < IDLE_US_MAX ? wait_us : IDLE_US_MAX);
    sr_unlock(&jobs->lock);
}

static void pause_work(struct jobs *jobs)
{
    sr_lock(&jobs->lock);
    if (!atomic_load(&jobs->is_stopping))
        (void)sr_cond_wait_us(&jobs->changed, &jobs->lock, AGAIN_US);
    sr_unlock(&jobs->lock);
}

static void run_worker(void *arg)
{
    struct jobs *const jobs = arg;
    while (!atomic_load(&jobs->is_stopping)) {
        struct sr_err err = { 0 };
        int64_t next_us = INT64_MAX;
        if (!jobs_step(jobs, &next_us, &err)) {
            sr_error(jobs->params.log, "jobs cannot be worked on", SR_ERR(&err));
            pause_work(jobs);
            continue;
        }
        wait_for_work(jobs, next_us == INT64_MAX ? IDLE_US_MAX
                                                 : next_us - sr_clock_wall_us(jobs->params.clock));
    }
}

bool jobs_start(struct jobs *jobs, struct sr_err *err)
{
    return jobs_files_start(jobs, err) &&
           sr_thread_start("jobs", run_worker, jobs, &jobs->worker, err);
}

void jobs_stop(struct jobs *jobs)
{
    struct sr_err why = { 0 };
    (void)sr_fail(&why, SR_ERR_BUSY, "the service stops");
    sr_lock(&jobs->lock);
    atomic_store(&jobs->is_stopping, true);
    sr_cond_signal(&jobs->changed);
    sr_unlock(&jobs->lock);
    sr_cancel_set(&jobs->cancel);
    if (jobs->files)
        sr_queue_close(jobs->files);
    sr_thread_join(jobs->worker);
    jobs->worker = NULL;
    for (size_t i = 0; i < JOBS_FILE_THREADS; i++) {
        sr_thread_join(jobs->filers[i]);
        jobs->filers[i] = NULL;
    }
    void *item;
    while (jobs->files && sr_queue_pop(jobs->files, 0, &item) == SR_POP_ITEM)
        jobs_file_drop(item);
    struct jobs_message *next;
    for (struct jobs_message *at = take_messages(jobs); at; at = next) {
        next = at->next;
        if (at->kind < JOBS_READY)
            reply(at, &why);
        jobs_message_free(at);
    }
}
