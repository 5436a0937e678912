// The worker: records what has come, asks for what is due to be started, and notes the answers.
#include <stdlib.h>
#include <string.h>

#include "base/db.h"
#include "base/str.h"
#include "net/http.h"
#include "service/uploads_priv.h"
#include "statemachine/engine.h"

enum { IDLE_US_MAX = 60000000, AGAIN_US = 1000000 };

// Flights ----------------------------------------------------------------------------------------

static struct upload_flight *find_flight(struct uploads *uploads, int64_t event)
{
    for (size_t i = 0; i < UPLOADS_FLIGHTS_MAX; i++) {
        if (uploads->work.flights[i].event == event)
            return &uploads->work.flights[i];
    }
    return NULL;
}

// When nothing is open any more: the event is done with, or tried again later.
static bool land(struct uploads *uploads, struct upload_flight *flight, struct sr_err *err)
{
    const int64_t now_us = sr_clock_wall_us(uploads->params.clock);
    const char *const why = flight->why[0] ? flight->why : NULL;
    if (flight->open_count > 0)
        return true;
    const bool ends = !flight->retries || flight->attempts + 1 >= UPLOADS_ATTEMPTS_MAX;
    int64_t pause_us = UPLOADS_RETRY_US;
    for (int64_t i = 0; i < flight->attempts && pause_us < UPLOADS_RETRY_US_MAX; i++)
        pause_us *= 2;
    if (pause_us > UPLOADS_RETRY_US_MAX)
        pause_us = UPLOADS_RETRY_US_MAX;
    if (ends ? !job_store_end_event(uploads->work.store, flight->event, why, err)
             : !job_store_put_off_event(uploads->work.store, flight->event, now_us + pause_us, why,
                                        err))
        return false;
    if (why && ends)
        sr_error(uploads->params.log, "an event could not start all that it should",
                 SR_I64("event", flight->event), SR_TEXT("why", why));
    else if (why)
        sr_warn(uploads->params.log, "a start is tried again", SR_I64("event", flight->event),
                SR_TEXT("why", why), SR_I64("pause_us", pause_us));
    *flight = (struct upload_flight){ 0 };
    uploads->work.flight_count--;
    return true;
}

// Starting ---------------------------------------------------------------------------------------

static bool start_event(struct uploads *uploads, const struct job_event *event, struct sr_err *err)
{
    struct upload_flight *const flight = find_flight(uploads, 0);
    sr_auto(json) json_t *document = NULL;
    if (!flight)
        return true;
    if (!jx_parse(event->document, strlen(event->document), false, &document, err))
        return sr_err_wrap(err, "event %lld", (long long)event->id);
    *flight = (struct upload_flight){ .event = event->id, .attempts = event->attempts };
    uploads->work.flight_count++;
    for (size_t i = 0; i < uploads->work.rules.count; i++) {
        if (!uploads_start_rule(uploads, flight, event, document, uploads->work.rules.items[i],
                                err)) {
            flight->retries = true;  // what was asked for is answered; the rest later
            uploads_say_why(flight, uploads->work.rules.items[i]->name, err);
            break;
        }
    }
    return land(uploads, flight, err);
}

struct due {
    struct uploads *uploads;
    struct job_event *items;
    size_t count, room;
};

static void due_done(struct due *due)
{
    for (size_t i = 0; i < due->count; i++) {
        free((char *)(uintptr_t)due->items[i].uuid);
        free((char *)(uintptr_t)due->items[i].document);
        free((char *)(uintptr_t)due->items[i].rule);
    }
    free(due->items);
}
SR_DEFINE_AUTO_VALUE(due, struct due, due_done);

static bool note_due(void *self, const struct job_event *event, struct sr_err *err)
{
    struct due *const due = self;
    if (due->count == due->room || find_flight(due->uploads, event->id))
        return true;
    struct job_event *const copy = &due->items[due->count++];
    *copy = *event;
    copy->uuid = sr_str_dup(event->uuid, err);
    copy->document = sr_str_dup(event->document, err);
    copy->rule = event->rule ? sr_str_dup(event->rule, err) : NULL;
    return copy->uuid && copy->document && (copy->rule || !event->rule);
}

static bool start_due(struct uploads *uploads, int64_t now_us, struct sr_err *err)
{
    sr_auto(due) struct due due = { .uploads = uploads,
                                    .room = UPLOADS_FLIGHTS_MAX - uploads->work.flight_count };
    if (due.room == 0)
        return true;
    due.items = calloc(due.room, sizeof *due.items);
    if (!due.items)
        return sr_fail(err, SR_ERR_NO_MEMORY, "events");
    if (!job_store_due_events(uploads->work.store, now_us, UPLOADS_FLIGHTS_MAX, note_due, &due,
                              err))
        return false;
    if (due.count == 0)
        return true;
    sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
    if (!job_store_begin(uploads->work.store, &tx, err))
        return false;
    for (size_t i = 0; i < due.count; i++) {
        if (!start_event(uploads, &due.items[i], err))
            return false;
    }
    return sr_db_commit(&tx, err);
}

// What has come ----------------------------------------------------------------------------------

static bool record(struct uploads *uploads, struct upload_message *message, struct sr_err *err)
{
    const int64_t now_us = sr_clock_wall_us(uploads->params.clock);
    message->new_count = message->own_count = 0;
    for (size_t i = 0; i < message->record_count; i++) {
        struct upload_record *const row = &message->records[i];
        bool is_own = false;
        if (row->place && !job_store_has_output(uploads->work.store, row->place, &is_own, err))
            return false;
        message->own_count += is_own;
        if (is_own)
            continue;
        struct job_event event = { .uuid = row->uuid,
                                   .document = row->document,
                                   .seen_us = now_us };
        bool is_new;
        memcpy(event.identity, row->identity, sizeof event.identity);
        memcpy(event.before, row->before, sizeof event.before);
        if (!job_store_add_event(uploads->work.store, &event, &is_new, err))
            return false;
        message->new_count += is_new;
    }
    return true;
}

// All of it in one commit, which is then told to who waits.
static bool record_all(struct uploads *uploads, struct upload_message *first, struct sr_err *err)
{
    sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
    if (!job_store_begin(uploads->work.store, &tx, err))
        return false;
    for (struct upload_message *at = first; at; at = at->next) {
        if (at->kind == MESSAGE_RECORD && !record(uploads, at, err))
            return false;
    }
    return sr_db_commit(&tx, err);
}

// Whether the engine's answer is the last word.
static bool is_final(const struct upload_message *message)
{
    // What has the name already is ours: nobody else makes such names; a job's key is no other's.
    if (message->done || message->err.code == SR_ERR_CONFLICT)
        return true;
    // A machine that is not there may come; what the engine gave up at its end comes again.
    return !sr_err_row(message->err.code)->retry && message->err.code != SR_ERR_NOT_FOUND &&
           message->err.code != SR_ERR_CANCELLED;
}

static bool note_started(struct uploads *uploads, const struct upload_message *message,
                         struct sr_err *err)
{
    struct upload_flight *const flight = find_flight(uploads, message->event);
    const bool is_there =
        message->done || (!message->is_job && message->err.code == SR_ERR_CONFLICT);
    const bool final = is_final(message);
    if (!flight)
        return true;
    if (final && !job_store_add_start(uploads->work.store, message->event, message->rule,
                                      message->name, is_there ? message->arn : NULL,
                                      sr_clock_wall_us(uploads->params.clock), err))
        return false;
    if (!is_there && message->err.code == SR_ERR_NOT_FOUND)
        (void)snprintf(flight->why, sizeof flight->why, "%s: its state machine is not there",
                       message->rule);
    else if (!is_there)
        uploads_say_why(flight, message->rule, &message->err);
    flight->retries |= !final;
    if (message->done)
        sr_info(uploads->params.log,
                message->is_job ? "an event starts a job" : "an event starts an execution",
                SR_I64("event", message->event), SR_TEXT("rule", message->rule),
                SR_TEXT(message->is_job ? "job" : "execution", message->arn));
    flight->open_count--;
    return land(uploads, flight, err);
}

// In one commit. When the store does not take it the flights are forgotten: their events are due
// still, and a start that was made is met again by its name.
static bool note_all(struct uploads *uploads, struct sr_err *err)
{
    sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
    struct upload_message *const first = sr_take(uploads->work.started);
    if (!first)
        return true;
    bool done = job_store_begin(uploads->work.store, &tx, err);
    for (struct upload_message *at = first; done && at; at = at->next)
        done = note_started(uploads, at, err);
    done = done && sr_db_commit(&tx, err);
    for (struct upload_message *at = first, *next; at; at = next) {
        struct upload_flight *const flight = done ? NULL : find_flight(uploads, at->event);
        next = at->next;
        if (flight) {
            *flight = (struct upload_flight){ 0 };
            uploads->work.flight_count--;
        }
        upload_message_free(at);
    }
    return done;
}

static struct upload_message *take_messages(struct uploads *uploads, bool *ret_reload)
{
    sr_lock(&uploads->lock);
    struct upload_message *const first = uploads->synced.first;
    *ret_reload = uploads->synced.reload;
    uploads->synced.reload = false;
    uploads->synced.first = NULL;
    uploads->synced.end = &uploads->synced.first;
    uploads->synced.count = 0;
    sr_unlock(&uploads->lock);
    return first;
}

// Who waits for an answer hears that it must tell again. Whom nobody waits for, a file in a folder,
// is told once: it is recorded later.
static bool take_all(struct uploads *uploads, struct upload_message *first, struct sr_err *err)
{
    const bool done = record_all(uploads, first, err);
    for (struct upload_message *next; first; first = next) {
        next = first->next;
        if (first->kind == MESSAGE_STARTED) {
            first->next = uploads->work.started;
            uploads->work.started = first;
            continue;
        }
        if (!done && !first->call) {
            first->next = uploads->work.again;
            uploads->work.again = first;
            sr_lock(&uploads->lock);
            uploads->synced.count++;  // it waits still
            sr_unlock(&uploads->lock);
            continue;
        }
        if (done)
            uploads_answer(first);
        else
            uploads_refuse(first->call, 503, err->message);
        upload_message_free(first);
    }
    return done;
}

// What the store did not take the last time, and what has come since.
static bool take_new(struct uploads *uploads, bool *ret_reload, struct sr_err *err)
{
    struct upload_message *first = take_messages(uploads, ret_reload);
    for (struct upload_message *at = sr_take(uploads->work.again), *next; at; at = next) {
        next = at->next;
        at->next = first;
        first = at;
    }
    return !first || take_all(uploads, first, err);
}

// Rules ------------------------------------------------------------------------------------------

static bool load_rules(struct uploads *uploads, struct sr_err *err)
{
    const struct uploads_params *const params = &uploads->params;
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(rules) struct rules rules = { 0 };
    if (params->rules && !rules_load(params->rules, &faults, &rules, err))
        return false;
    for (size_t i = 0; i < faults.count; i++)
        sr_error(params->log, "a rule has a fault", SR_TEXT("file", faults.items[i].file),
                 SR_TEXT("place", faults.items[i].place), SR_TEXT("why", faults.items[i].message));
    if (faults.count)
        return faults_fail(&faults, err);
    for (size_t i = 0; i < rules.count; i++) {
        if (rules.items[i]->target == RULE_JOB && !params->submit)
            return sr_fail(err, SR_ERR_INVALID, "rule %s starts a job: this service does none",
                           rules.items[i]->name);
    }
    const struct rules before = uploads->work.rules;
    uploads->work.rules = rules;
    rules = before;
    sr_info(params->log, "rules", SR_I64("count", uploads->work.rules.count));
    return uploads_load_schedules(uploads, sr_clock_wall_us(params->clock), err);
}

// The work ---------------------------------------------------------------------------------------

bool uploads_step(struct uploads *uploads, int64_t *ret_next_us, struct sr_err *err)
{
    struct sr_err why = { 0 };
    bool reload;
    void *sns;
    while (!uploads->checker && sr_queue_pop(uploads->sns, 0, &sns) == SR_POP_ITEM) {
        atomic_fetch_sub(&uploads->sns_count, 1);
        uploads_check_sns(uploads, sns);
    }
    if (!take_new(uploads, &reload, err))
        return false;
    if (reload && !load_rules(uploads, &why))
        sr_error(uploads->params.log, "the rules stay as they were", SR_ERR(&why));
    const int64_t now_us = sr_clock_wall_us(uploads->params.clock);
    if (!note_all(uploads, err) || !uploads_run_schedules(uploads, now_us, err) ||
        !start_due(uploads, now_us, err) ||
        !job_store_next_event_us(uploads->work.store, ret_next_us, err))
        return false;
    // What is due and in flight is waited for by itself.
    if (*ret_next_us <= now_us)
        *ret_next_us = uploads->work.flight_count ? now_us + AGAIN_US : now_us;
    const int64_t schedule_us = uploads_next_schedule_us(uploads);
    if (schedule_us < *ret_next_us)
        *ret_next_us = schedule_us;
    return true;
}

static void wait_for_work(struct uploads *uploads, int64_t wait_us)
{
    sr_lock(&uploads->lock);
    if (!uploads->synced.first && !uploads->synced.reload && !atomic_load(&uploads->is_stopping) &&
        wait_us > 0)
        (void)sr_cond_wait_us(&uploads->changed, &uploads->lock,
                              wait_us < IDLE_US_MAX ? wait_us : IDLE_US_MAX);
    sr_unlock(&uploads->lock);
}

static void run_worker(void *arg)
{
    struct uploads *const uploads = arg;
    while (!atomic_load(&uploads->is_stopping)) {
        struct sr_err err = { 0 };
        int64_t next_us = INT64_MAX, wait_us = IDLE_US_MAX;
        if (!uploads_step(uploads, &next_us, &err)) {
            sr_error(uploads->params.log, "events cannot be worked on", SR_ERR(&err));
            wait_us = AGAIN_US;
        } else if (next_us != INT64_MAX) {
            wait_us = next_us - sr_clock_wall_us(uploads->params.clock);
        }
        wait_for_work(uploads, wait_us);
    }
}

static void run_checker(void *arg)
{
    struct uploads *const uploads = arg;
    void *sns;
    while (sr_queue_pop(uploads->sns, -1, &sns) == SR_POP_ITEM) {
        atomic_fetch_sub(&uploads->sns_count, 1);
        uploads_check_sns(uploads, sns);
    }
}

// Opening and closing ----------------------------------------------------------------------------

static void drop_sns(void *item)
{
    struct upload_sns *const sns = item;
    uploads_refuse(sns->call, 503, "the service stops");
    upload_sns_free(sns);
}

bool uploads_new(const struct uploads_params *params, struct uploads **ret_uploads,
                 struct sr_err *err)
{
    struct uploads *uploads = calloc(1, sizeof *uploads);
    if (!uploads)
        return sr_fail(err, SR_ERR_NO_MEMORY, "uploads");
    memcpy((struct uploads_params *)(uintptr_t)&uploads->params, params, sizeof *params);
    uploads->synced.end = &uploads->synced.first;
    if (!sr_mutex_init(&uploads->lock, err)) {
        free(uploads);
        return false;
    }
    if (!sr_cond_init(&uploads->changed, err)) {
        sr_mutex_done(&uploads->lock);
        free(uploads);
        return false;
    }
    sr_auto(uploads) struct uploads *made = uploads;
    if (!sr_queue_new(UPLOADS_SNS_MAX, drop_sns, &made->sns, err) ||
        !job_store_open(params->path, &made->work.store, err) || !load_rules(made, err))
        return false;
    *ret_uploads = sr_take(made);
    return true;
}

bool uploads_start(struct uploads *uploads, struct sr_err *err)
{
    return sr_thread_start("sns", run_checker, uploads, &uploads->checker, err) &&
           sr_thread_start("uploads", run_worker, uploads, &uploads->worker, err);
}

void uploads_stop(struct uploads *uploads)
{
    sr_lock(&uploads->lock);
    atomic_store(&uploads->is_stopping, true);
    sr_cond_signal(&uploads->changed);
    sr_unlock(&uploads->lock);
    sr_queue_close(uploads->sns);
    sr_thread_join(uploads->checker);
    sr_thread_join(uploads->worker);
    uploads->checker = uploads->worker = NULL;
    bool reload;
    struct upload_message *next;
    for (struct upload_message *at = take_messages(uploads, &reload); at; at = next) {
        next = at->next;
        uploads_refuse(at->call, 503, "the service stops");
        upload_message_free(at);
    }
}

static void free_list(struct upload_message *first)
{
    for (struct upload_message *next; first; first = next) {
        next = first->next;
        upload_message_free(first);
    }
}

void uploads_free(struct uploads *uploads)
{
    if (!uploads)
        return;
    uploads_stop(uploads);
    free_list(uploads->work.started);
    free_list(uploads->work.again);
    sr_queue_free(uploads->sns);
    uploads_drop_schedules(uploads);
    rules_done(&uploads->work.rules);
    job_store_close(uploads->work.store);
    http_free(uploads->http);
    free(uploads->check.url);
    free(uploads->check.pem);
    sr_cond_done(&uploads->changed);
    sr_mutex_done(&uploads->lock);
    free(uploads);
}
