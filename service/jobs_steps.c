// From one step of a job to the next. What a step waits for is asked for and heard of later; a
// crash in between only means that it is asked for again: manifests and executions have names that
// make the second time the same as the first.
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/activity_job.h"
#include "service/jobs_priv.h"
#include "service/jobs_progress.h"

enum { LOOK_AGAIN_US = 2000000 };

// Flights ----------------------------------------------------------------------------------------

struct jobs_flight *jobs_flight_find(struct jobs *jobs, const char *id)
{
    for (size_t i = 0; i < JOBS_FLIGHTS_MAX; i++) {
        if (strcmp(jobs->work.flights[i].id, id) == 0)
            return &jobs->work.flights[i];
    }
    return NULL;
}

void jobs_flight_begin(struct jobs *jobs, const char *id)
{
    struct jobs_flight *const flight = jobs_flight_find(jobs, "");
    sr_ignore(sr_format(flight->id, sizeof flight->id, "%s", id));  // fits: it is one of ours
    jobs->work.flight_count++;
}

static void land(struct jobs *jobs, const char *id)
{
    struct jobs_flight *const flight = *id ? jobs_flight_find(jobs, id) : NULL;
    if (!flight)
        return;
    flight->id[0] = '\0';
    jobs->work.flight_count--;
}

// Rows -------------------------------------------------------------------------------------------

static bool set_text(char **place, const char *text, struct sr_err *err)
{
    char *const copy = text ? sr_str_dup(text, err) : NULL;
    if (text && !copy)
        return false;
    free(*place);
    *place = copy;
    return true;
}

static int64_t now(const struct jobs *jobs)
{
    return sr_clock_wall_us(jobs->params.clock);
}

static bool due(struct jobs *jobs, struct job_row *row, int64_t due_us, struct sr_err *err)
{
    row->due_us = due_us;
    row->tries = 0;
    return job_store_set_job(jobs->work.store, row, err);
}

const struct sr_log *jobs_row_log(const struct jobs *jobs, const struct job_row *row,
                                  struct jobs_row_log *room)
{
    sr_log_with(&room->logs[0], jobs->params.log, SR_TEXT("job", row->id));
    sr_log_with(&room->logs[1], &room->logs[0], SR_TEXT("correlation", row->correlation));
    if (!row->traceparent || !traceparent_trace(row->traceparent, room->trace_id))
        return &room->logs[1];
    sr_log_with(&room->logs[2], &room->logs[1], SR_TEXT("trace_id", room->trace_id));
    return &room->logs[2];
}

static bool put_off(struct jobs *jobs, struct job_row *row, const struct sr_err *why,
                    struct sr_err *err)
{
    int64_t pause_us = JOBS_RETRY_US;
    for (int64_t i = 0; i < row->tries && pause_us < JOBS_RETRY_US_MAX; i++)
        pause_us *= 2;
    if (pause_us > JOBS_RETRY_US_MAX)
        pause_us = JOBS_RETRY_US_MAX;
    row->due_us = now(jobs) + pause_us;
    row->tries++;
    struct jobs_row_log room;
    sr_warn(jobs_row_log(jobs, row, &room), "a job's next step is tried again", SR_ERR(why),
            SR_I64("pause_us", pause_us));
    return job_store_set_job(jobs->work.store, row, err);
}

// What the plan came to, kept for lists: the history goes before the job does.
static bool note_progress(struct jobs *jobs, struct job_row *row, struct sr_err *err)
{
    sr_auto(jobs_progress) struct jobs_progress progress = { 0 };
    sr_lock(&jobs->reading);
    const bool read = row->execution && jobs_progress_read(&jobs->read.engine, row->execution,
                                                           false, now(jobs), &progress, err);
    sr_unlock(&jobs->reading);
    if (!row->execution)
        return true;
    if (!read)
        return false;
    row->segments = progress.count;
    row->segments_done = progress.count >= 0 ? progress.done : -1;
    return !*progress.engine || set_text(&row->engine, progress.engine, err);
}

static bool finish(struct jobs *jobs, struct job_row *row, enum job_row_state state,
                   int64_t ended_us, struct sr_err *err)
{
    row->state = state;
    row->ended_us = ended_us;
    if (!note_progress(jobs, row, err) || !due(jobs, row, INT64_MAX, err))
        return false;
    const char *const name = job_row_state_name(state);
    struct jobs_row_log room;
    const struct sr_log *const log = jobs_row_log(jobs, row, &room);
    if (state == JOB_ROW_FAILED)
        sr_error(log, "a job ends", SR_TEXT("state", name),
                 SR_TEXT("error", row->error ? row->error : ""),
                 SR_TEXT("cause", row->cause ? row->cause : ""));
    else
        sr_info(log, "a job ends", SR_TEXT("state", name));
    return true;
}

static bool fail(struct jobs *jobs, struct job_row *row, const struct sr_err *why,
                 struct sr_err *err)
{
    const char *const error = sr_err_row(why->code)->flow_error;
    return set_text(&row->error, error ? error : "Splitreel.Internal", err) &&
           set_text(&row->cause, why->message, err) &&
           finish(jobs, row, JOB_ROW_FAILED, now(jobs), err);
}

// What became of an execution --------------------------------------------------------------------

static void outcome_done(struct jobs_outcome *outcome)
{
    free(outcome->error);
    free(outcome->cause);
    free(outcome->report);
}
SR_DEFINE_AUTO_VALUE(outcome, struct jobs_outcome, outcome_done);

static bool look_at(struct jobs *jobs, const struct job_row *row, int64_t attempt, bool is_clean,
                    struct jobs_outcome *ret, struct sr_err *err)
{
    sr_auto(char) char *arn = jobs_execution(jobs, row->id, attempt, is_clean, err);
    if (!arn)
        return false;
    sr_lock(&jobs->reading);
    const bool read = jobs_outcome_read(&jobs->read.engine, arn, ret, err);
    sr_unlock(&jobs->reading);
    return read;
}

static bool look(struct jobs *jobs, const struct job_row *row, bool is_clean,
                 struct jobs_outcome *ret, struct sr_err *err)
{
    return look_at(jobs, row, row->attempt, is_clean, ret, err);
}

static bool attend(struct jobs *jobs, const struct job_row *row, bool is_clean,
                   struct jobs_attendance *ret, struct sr_err *err)
{
    sr_auto(char) char *arn = jobs_execution(jobs, row->id, row->attempt, is_clean, err);
    if (!arn)
        return false;
    sr_lock(&jobs->reading);
    const bool read = jobs_attendance_read(&jobs->read.engine, arn, ret, err);
    sr_unlock(&jobs->reading);
    return read;
}

// How long its workers may go on when it is stopped, or was.
static bool find_settle(struct jobs *jobs, const struct job_row *row, int64_t *ret_us,
                        struct sr_err *err)
{
    bool is_late = false;
    sr_auto(char) char *arn = jobs_execution(jobs, row->id, row->attempt, false, err);
    if (!arn)
        return false;
    sr_lock(&jobs->reading);
    const bool read = jobs_is_late(&jobs->read.engine, arn, &is_late, err);
    sr_unlock(&jobs->reading);
    *ret_us = is_late ? JOBS_SETTLE_US : 0;
    return read;
}

// Somebody else may have stopped it: then that is what was asked for.
static bool take_outcome(struct jobs *jobs, struct job_row *row, const struct jobs_outcome *outcome,
                         struct sr_err *err)
{
    int64_t settle_us;
    if (outcome->status == ASL_ABORTED) {
        row->state = JOB_ROW_CANCELLING;
        row->is_stopped = true;
        return find_settle(jobs, row, &settle_us, err) &&
               due(jobs, row, now(jobs) + settle_us, err);
    }
    const bool failed = outcome->status != ASL_SUCCEEDED;
    const char *const error = outcome->error                     ? outcome->error
                              : outcome->status == ASL_TIMED_OUT ? "States.Timeout"
                                                                 : "Splitreel.Internal";
    if (!set_text(&row->report, outcome->report, err) ||
        (failed && (!set_text(&row->error, error, err) ||
                    !set_text(&row->cause, outcome->cause ? outcome->cause : "", err))))
        return false;
    return finish(jobs, row, failed ? JOB_ROW_FAILED : JOB_ROW_SUCCEEDED, outcome->stopped_us, err);
}

// How many slots there are for it ----------------------------------------------------------------

static bool count_row(void *self, const struct job_row *row, struct sr_err *err)
{
    size_t *const count = self;
    (void)row;
    (void)err;
    ++*count;
    return true;
}

// Its share of what all workers have, as long as there are fewer jobs than slots. Found once for an
// attempt: its execution is started with the same words each time.
static bool look_for_slots(struct jobs *jobs, struct job_row *row, struct sr_err *err)
{
    static const int busy[] = { JOB_ROW_QUEUED, JOB_ROW_RUNNING };
    size_t jobs_count = 0;
    size_t slots = jobs->params.slots ? jobs->params.slots(jobs->params.slots_self) : 0;
    if (row->slots >= 0)
        return true;
    if (slots > ACTIVITY_SLOTS_MAX)
        slots = ACTIVITY_SLOTS_MAX;
    for (size_t i = 0; slots > 1 && i < sizeof busy / sizeof *busy; i++) {
        const struct job_query query = { .state = busy[i], .count_max = (int64_t)slots };
        if (!job_store_list_jobs(jobs->work.store, &query, count_row, &jobs_count, err))
            return false;
    }
    row->slots = (int64_t)(jobs_count > 1 ? slots / jobs_count : slots);
    return job_store_set_job(jobs->work.store, row, err);
}

// The next step ----------------------------------------------------------------------------------

static bool ask_write(struct jobs *jobs, struct job_row *row, bool is_clean, struct sr_err *err)
{
    struct sr_err why = { 0 };
    struct jobs_file file = { .kind = JOBS_FILE_WRITE,
                              .attempt = row->attempt,
                              .is_clean = is_clean,
                              .workspace = row->workspace,
                              .manifest = row->manifest };
    sr_ignore(sr_format(file.id, sizeof file.id, "%s", row->id));  // fits: it is one of ours
    if (!jobs_files_ask(jobs, &file, &why))
        return put_off(jobs, row, &why, err);
    jobs_flight_begin(jobs, row->id);
    return true;
}

static bool ask_start(struct jobs *jobs, struct job_row *row, bool is_clean, struct sr_err *err)
{
    struct sr_err why = { 0 };
    if (!jobs_ask_start(jobs, row, is_clean, &why))
        return put_off(jobs, row, &why, err);
    jobs_flight_begin(jobs, row->id);
    return true;
}

static bool begin_running(struct jobs *jobs, struct job_row *row, struct sr_err *err)
{
    sr_auto(outcome) struct jobs_outcome outcome = { 0 };
    if (!look(jobs, row, false, &outcome, err))
        return false;
    if (!outcome.is_there)  // the engine's store is not the one that it was: what is made is found
        return ask_write(jobs, row, false, err);
    return outcome.status == ASL_RUNNING ? ask_start(jobs, row, false, err)  // to hear of its end
                                         : take_outcome(jobs, row, &outcome, err);
}

static bool begin_stop(struct jobs *jobs, struct job_row *row, struct sr_err *err)
{
    struct sr_err why = { 0 };
    int64_t settle_us;
    if (!find_settle(jobs, row, &settle_us, err))
        return false;
    if (!jobs_ask_stop(jobs, row, settle_us, &why))
        return put_off(jobs, row, &why, err);
    jobs_flight_begin(jobs, row->id);
    return true;
}

// What an attempt that was cancelled has left for the next worker comes before another attempt: it
// removes what that one would make.
static bool begin_queued(struct jobs *jobs, struct job_row *row, struct sr_err *err)
{
    for (int64_t attempt = 1; attempt < row->attempt; attempt++) {
        sr_auto(outcome) struct jobs_outcome outcome = { 0 };
        if (!look_at(jobs, row, attempt, true, &outcome, err))
            return false;
        if (outcome.is_there && outcome.status == ASL_RUNNING)
            return due(jobs, row, now(jobs) + LOOK_AGAIN_US, err);
    }
    return look_for_slots(jobs, row, err) && ask_write(jobs, row, false, err);
}

// Whether who waits for the end of a cancelled job need not wait for what cleans up after it: it
// finds nothing to do, or nobody to do it.
static bool is_unattended(struct jobs *jobs, const struct job_row *row, bool *ret_is,
                          struct sr_err *err)
{
    struct jobs_attendance job, rest;
    if (!attend(jobs, row, false, &job, err) || !attend(jobs, row, true, &rest, err))
        return false;
    *ret_is = !job.has_begun || (rest.waiting_since != INT64_MAX &&
                                 now(jobs) - rest.waiting_since >= JOBS_UNATTENDED_US);
    return true;
}

static bool begin_clean(struct jobs *jobs, struct job_row *row, struct sr_err *err)
{
    sr_auto(outcome) struct jobs_outcome outcome = { 0 };
    if (!look(jobs, row, true, &outcome, err))
        return false;
    if (!outcome.is_there)
        return ask_write(jobs, row, true, err);
    bool is_left = false;
    if (outcome.status == ASL_RUNNING && !is_unattended(jobs, row, &is_left, err))
        return false;
    if (outcome.status == ASL_RUNNING && !is_left)
        return ask_start(jobs, row, true, err);  // to hear of its end
    if (is_left)
        outcome.stopped_us = now(jobs);
    return finish(jobs, row, JOB_ROW_CANCELLED, outcome.stopped_us, err);
}

bool jobs_begin(struct jobs *jobs, struct job_row *row, struct sr_err *err)
{
    switch (row->state) {
    case JOB_ROW_QUEUED: return begin_queued(jobs, row, err);
    case JOB_ROW_RUNNING: return begin_running(jobs, row, err);
    case JOB_ROW_CANCELLING:
        return row->is_stopped ? begin_clean(jobs, row, err) : begin_stop(jobs, row, err);
    default: return due(jobs, row, INT64_MAX, err);
    }
}

// What was heard ---------------------------------------------------------------------------------

// Whether the row still is where the step began.
static bool is_current(const struct job_row *row, bool is_clean)
{
    return is_clean ? row->state == JOB_ROW_CANCELLING && row->is_stopped
                    : row->state == JOB_ROW_QUEUED || row->state == JOB_ROW_RUNNING;
}

static bool note_wrote(struct jobs *jobs, const struct jobs_message *message, struct job_row *row,
                       struct sr_err *err)
{
    if (!is_current(row, message->is_clean))
        return true;
    if (message->done)
        return ask_start(jobs, row, message->is_clean, err);
    const enum sr_err_code code = message->err.code;
    const bool retries = sr_err_row(code)->retry || code == SR_ERR_STORAGE;
    if (message->is_clean && !retries)  // nothing was written there: there is nothing to clean
        return finish(jobs, row, JOB_ROW_CANCELLED, now(jobs), err);
    return code == SR_ERR_CANCELLED || (retries && row->tries < JOBS_TRIES_MAX)
               ? put_off(jobs, row, &message->err, err)
               : fail(jobs, row, &message->err, err);
}

static bool note_running(struct jobs *jobs, struct job_row *row, int64_t due_us, struct sr_err *err)
{
    if (row->state != JOB_ROW_QUEUED)
        return due(jobs, row, due_us, err);
    sr_auto(char) char *arn = jobs_execution(jobs, row->id, row->attempt, false, err);
    if (!arn || !set_text(&row->execution, arn, err))
        return false;
    row->state = JOB_ROW_RUNNING;
    row->started_us = now(jobs);
    struct jobs_row_log room;
    sr_info(jobs_row_log(jobs, row, &room), "a job starts", SR_TEXT("execution", arn));
    return due(jobs, row, due_us, err);
}

// It goes on by itself; whether anybody does it is looked at now and then.
static bool note_cleaning(struct jobs *jobs, struct job_row *row, struct sr_err *err)
{
    bool is_left;
    if (!is_unattended(jobs, row, &is_left, err))
        return false;
    return is_left ? finish(jobs, row, JOB_ROW_CANCELLED, now(jobs), err)
                   : due(jobs, row, now(jobs) + JOBS_UNATTENDED_US, err);
}

static bool note_started(struct jobs *jobs, const struct jobs_message *message, struct job_row *row,
                         struct sr_err *err)
{
    if (!is_current(row, message->is_clean))
        return true;
    if (message->done)
        return message->is_clean ? note_cleaning(jobs, row, err)
                                 : note_running(jobs, row, INT64_MAX, err);
    switch (message->err.code) {
    case SR_ERR_CONFLICT:  // it has ended, or was started with other words: looked at, again and
                           // again
        return message->is_clean
                   ? due(jobs, row, now(jobs) + LOOK_AGAIN_US, err)
                   : note_running(
                         jobs, row,
                         row->state == JOB_ROW_QUEUED ? now(jobs) : now(jobs) + LOOK_AGAIN_US, err);
    case SR_ERR_NOT_FOUND:  // somebody has removed the state machine
        jobs->work.machines = JOBS_UNREADY;
        return put_off(jobs, row, &message->err, err);
    case SR_ERR_CANCELLED:
    case SR_ERR_STORAGE: return put_off(jobs, row, &message->err, err);
    default:
        return sr_err_row(message->err.code)->retry || message->is_clean
                   ? put_off(jobs, row, &message->err, err)
                   : fail(jobs, row, &message->err, err);
    }
}

static bool note_stopped(struct jobs *jobs, const struct jobs_message *message, struct job_row *row,
                         struct sr_err *err)
{
    sr_auto(outcome) struct jobs_outcome outcome = { 0 };
    if (row->state != JOB_ROW_CANCELLING || row->is_stopped)
        return true;
    if (!message->done && message->err.code != SR_ERR_NOT_FOUND)
        return put_off(jobs, row, &message->err, err);
    if (!look(jobs, row, false, &outcome, err))
        return false;
    // It was faster than whoever stopped it.
    if (outcome.is_there && outcome.status != ASL_ABORTED && outcome.status != ASL_RUNNING)
        return take_outcome(jobs, row, &outcome, err);
    row->is_stopped = true;
    return due(jobs, row, now(jobs) + message->settle_us, err);
}

bool jobs_note(struct jobs *jobs, const struct jobs_message *message, struct sr_err *err)
{
    sr_auto(job_row) struct job_row row = { 0 };
    struct sr_err missing = { 0 };
    if (message->kind == JOBS_READY) {
        jobs->work.machines = message->done ? JOBS_IS_READY : JOBS_UNREADY;
        jobs->work.ask_us = now(jobs) + JOBS_RETRY_US;
        if (!message->done)
            sr_error(jobs->params.log, "the state machines of jobs cannot be made",
                     SR_ERR(&message->err));
        return true;
    }
    if (message->kind == JOBS_REMOVED) {
        land(jobs, message->id);
        return !message->done || job_store_drop_workspace(jobs->work.store, message->id, err);
    }
    if (!job_store_get_job(jobs->work.store, message->id, &row, &missing)) {
        *err = missing;
        return missing.code == SR_ERR_NOT_FOUND;  // nobody's
    }
    if (message->kind == JOBS_ENDED) {
        const bool waits = row.state == JOB_ROW_RUNNING ||
                           (row.state == JOB_ROW_CANCELLING && row.is_stopped && message->is_clean);
        return row.attempt != message->attempt || !waits || due(jobs, &row, now(jobs), err);
    }
    land(jobs, row.id);
    if (row.attempt != message->attempt)
        return true;
    return message->kind == JOBS_WROTE     ? note_wrote(jobs, message, &row, err)
           : message->kind == JOBS_STARTED ? note_started(jobs, message, &row, err)
                                           : note_stopped(jobs, message, &row, err);
}
