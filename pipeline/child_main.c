#include "pipeline/child_main.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/thread.h"
#include "pipeline/child_blob.h"
#include "pipeline/child_frame.h"
#include "pipeline/child_jail.h"
#include "pipeline/child_json.h"

enum { PROGRESS_US = 200000, FIELDS_MAX = 6 };

// A request that waits for its answer.
struct waiting {
    uint32_t number;
    bool is_there;
    struct child_frame answer;
    struct waiting *next;
};

struct line {
    const struct child_main_params *params;
    struct sr_mutex send_lock;  // held while a whole frame goes out: sending waits for the parent
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        struct waiting *waiting;
        uint32_t number;          // of the last request
        struct child_frame task;  // to be run; kind 0: none
        bool closed;
        bool runs;  // a task
    } synced;       // under `lock`
    struct sr_cancel cancel;
    struct child_blob_line blobs;
    struct blob_stores_params stores;
    struct sr_log root;
    struct sr_log log;  // what tasks log to: the last of `fields`, or the root
    struct sr_log fields[FIELDS_MAX];
    json_t *said;  // what the fields' texts are borrowed from
    struct child_world world;
    void *self;  // of the functions of params; the task thread's
    atomic_llong progress_us;
};

// Sending ----------------------------------------------------------------------------------------
static bool send_frame(struct line *line, const struct child_frame *frame, struct sr_err *err)
{
    sr_lock(&line->send_lock);
    const bool done = child_frame_send(CHILD_FD, frame, NULL, err);
    sr_unlock(&line->send_lock);
    return done;
}

// Without a parent there is nothing to do and nobody to tell.
static void send_or_end(struct line *line, const struct child_frame *frame)
{
    struct sr_err err = { 0 };
    if (!send_frame(line, frame, &err) && err.code == SR_ERR_NETWORK)
        _exit(1);
}

static bool wait_for_answer(struct line *line, struct waiting *waiting, struct sr_err *err)
{
    sr_lock(&line->lock);
    while (!waiting->is_there && !line->synced.closed)
        sr_cond_wait(&line->changed, &line->lock);
    struct waiting **place = &line->synced.waiting;
    while (*place != waiting)
        place = &(*place)->next;
    *place = waiting->next;
    sr_unlock(&line->lock);
    return waiting->is_there || sr_fail(err, SR_ERR_CANCELLED, "the parent has gone");
}

static bool call_parent(void *self, const json_t *request, const void *data, size_t bytes,
                        struct child_frame *ret_answer, struct sr_err *err)
{
    struct line *const line = self;
    struct waiting waiting = { 0 };
    sr_lock(&line->lock);
    waiting.number = ++line->synced.number;
    waiting.next = line->synced.waiting;
    line->synced.waiting = &waiting;
    sr_unlock(&line->lock);
    // A frame keeps its document writable; sending only reads it.
    const struct child_frame frame = { .kind = CHILD_FRAME_REQUEST,
                                       .number = waiting.number,
                                       .json = (json_t *)(uintptr_t)request,
                                       .data = data,
                                       .bytes = bytes };
    struct sr_err why = { 0 };
    if (!send_frame(line, &frame, &why)) {
        sr_lock(&line->lock);
        waiting.is_there = true;  // nothing will come: only to be taken off the list
        sr_unlock(&line->lock);
        sr_ignore(wait_for_answer(line, &waiting, err));
        *err = why;
        return false;
    }
    if (!wait_for_answer(line, &waiting, err))
        return false;
    if (!child_json_raise(waiting.answer.json, err)) {
        child_frame_done(&waiting.answer);
        return false;
    }
    *ret_answer = waiting.answer;
    return true;
}

// At most five in a second: the parent only shows them.
static void tell_progress(void *self, const json_t *event)
{
    struct line *const line = self;
    const long long now_us = sr_clock_monotonic_us(sr_clock_system());
    long long told_us = atomic_load(&line->progress_us);
    if (now_us - told_us < PROGRESS_US ||
        !atomic_compare_exchange_strong(&line->progress_us, &told_us, now_us))
        return;
    const struct child_frame frame = { .kind = CHILD_FRAME_PROGRESS,
                                       .json = (json_t *)(uintptr_t)event };
    send_or_end(line, &frame);
}

// Tasks ------------------------------------------------------------------------------------------
// Those of the first task hold: a child works for one job. They are set before the activities have
// threads that log.
static void set_fields(struct line *line, json_t *fields)
{
    if (line->said)
        return;
    line->said = json_incref(fields);
    size_t count = 0;
    const char *key;
    json_t *value;
    const struct sr_log *last = &line->root;
    json_object_foreach(fields, key, value)
    {
        if (count == FIELDS_MAX || !json_is_string(value))
            continue;
        sr_log_with(&line->fields[count], last, SR_TEXT(key, json_string_value(value)));
        last = &line->fields[count++];
    }
    line->log = *last;
}

static bool run_task(struct line *line, const struct child_frame *task, json_t **ret_result,
                     struct sr_err *err)
{
    const struct jx at = jx_root(task->json);
    const char *activity;
    int64_t cpu_s;
    if (!jx_text(&at, "activity", &activity, err) ||
        !jx_int(&at, "cpu_s", 0, INT64_C(1) << 31, &cpu_s, err) || !child_jail_cpu(cpu_s, err))
        return false;
    if (!line->self && line->params->open && !line->params->open(&line->world, &line->self, err))
        return false;
    return line->params->run(line->self, activity, json_object_get(task->json, "params"),
                             ret_result, err);
}

static void tell_result(struct line *line, uint32_t number, json_t *result,
                        const struct sr_err *why)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *answer = json_object();
    const bool made = answer && (result ? jx_put(answer, "result", json_incref(result), &err)
                                        : child_json_err(answer, why, &err));
    if (!made)
        _exit(1);  // not even memory to say that there is none
    const struct child_frame frame = { .kind = CHILD_FRAME_RESULT,
                                       .number = number,
                                       .json = answer };
    if (send_frame(line, &frame, &err))
        return;
    if (err.code == SR_ERR_NETWORK || !result)
        _exit(1);
    tell_result(line, number, NULL, &err);  // too large
}

static bool next_task(struct line *line, struct child_frame *ret)
{
    sr_lock(&line->lock);
    while (!line->synced.task.kind && !line->synced.closed)
        sr_cond_wait(&line->changed, &line->lock);
    const bool is_there = line->synced.task.kind != 0;
    *ret = line->synced.task;
    line->synced.task = (struct child_frame){ 0 };
    line->synced.runs = is_there;
    sr_unlock(&line->lock);
    return is_there;
}

static void end_task(struct line *line)
{
    sr_lock(&line->lock);
    line->synced.runs = false;
    sr_unlock(&line->lock);
}

static void run_tasks(void *arg)
{
    struct line *const line = arg;
    for (struct child_frame task; next_task(line, &task);) {
        struct sr_err why = { 0 };
        sr_auto(json) json_t *result = NULL;
        set_fields(line, json_object_get(task.json, "fields"));
        const bool done = run_task(line, &task, &result, &why);
        end_task(line);  // before the parent hears of it: it may hang up at once
        tell_result(line, task.number, done ? result : NULL, &why);
        child_frame_done(&task);
    }
    if (line->self && line->params->close)
        line->params->close(line->self);
}

// Receiving --------------------------------------------------------------------------------------
// Takes the frame if it is awaited.
static void take_answer(struct line *line, struct child_frame *frame)
{
    sr_lock(&line->lock);
    for (struct waiting *waiting = line->synced.waiting; waiting; waiting = waiting->next) {
        if (waiting->number != frame->number || waiting->is_there)
            continue;
        waiting->answer = *frame;
        waiting->is_there = true;
        *frame = (struct child_frame){ 0 };
        break;
    }
    sr_cond_broadcast(&line->changed);
    sr_unlock(&line->lock);
}

static void take_frame(struct line *line, struct child_frame *frame)
{
    if (frame->kind == CHILD_FRAME_ANSWER) {
        take_answer(line, frame);
    } else if (frame->kind == CHILD_FRAME_CANCEL) {
        sr_cancel_set(&line->cancel);
    } else if (frame->kind == CHILD_FRAME_TASK) {
        sr_lock(&line->lock);
        if (!line->synced.task.kind) {
            line->synced.task = *frame;
            *frame = (struct child_frame){ 0 };
        }
        sr_cond_broadcast(&line->changed);
        sr_unlock(&line->lock);
    }
}

static bool wait_for_frame(struct child_frame_reader *reader, struct child_frame *ret)
{
    struct sr_err err = { 0 };
    for (;;) {
        switch (child_frame_read(CHILD_FD, reader, ret, &err)) {
        case CHILD_FRAME_WHOLE: return true;
        case CHILD_FRAME_CLOSED:
        case CHILD_FRAME_FAILED: return false;
        case CHILD_FRAME_WAIT: break;
        }
        struct pollfd poll_fd = { .fd = CHILD_FD, .events = POLLIN };
        if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR)
            return false;
    }
}

static void receive(struct line *line, struct child_frame_reader *reader)
{
    for (;;) {
        sr_auto(child_frame) struct child_frame frame = { 0 };
        if (!wait_for_frame(reader, &frame))
            break;
        take_frame(line, &frame);
    }
    sr_lock(&line->lock);
    if (line->synced.runs)
        _exit(1);  // nobody wants the task's result, and it may take long
    line->synced.closed = true;
    sr_cond_broadcast(&line->changed);
    sr_unlock(&line->lock);
}

// The process ------------------------------------------------------------------------------------
static bool set_up(struct line *line, const struct child_frame *setup, struct sr_err *err)
{
    const struct jx at = jx_root(setup->json);
    int64_t memory_bytes, files_max, level;
    bool filtered = false;
    if (setup->kind != CHILD_FRAME_SETUP)
        return sr_fail(err, SR_ERR_INVALID, "want the limits first");
    if (!jx_int(&at, "memory_bytes", 0, INT64_MAX, &memory_bytes, err) ||
        !jx_int(&at, "files_max", 0, INT32_MAX, &files_max, err) ||
        !jx_int(&at, "log_level", SR_LOG_DEBUG, SR_LOG_OFF, &level, err))
        return false;
    const struct child_jail jail = { .memory_bytes = (uint64_t)memory_bytes,
                                     .files_max = (uint64_t)files_max };
    if (!child_jail_enter(&jail, &filtered, err) ||
        !sr_log_open(stderr, (enum sr_log_level)level, sr_clock_system(), &line->root, err))
        return false;
    line->log = line->root;
    line->world.memory_bytes = jail.memory_bytes;
    sr_auto(json) json_t *ready = json_pack("{s:b}", "filtered", filtered);
    const struct child_frame frame = { .kind = CHILD_FRAME_READY, .json = ready };
    // A parent that has gone meanwhile is seen by who reads.
    return jx_made(ready, err) && (send_frame(line, &frame, err) || err->code == SR_ERR_NETWORK);
}

static bool open_line(struct line *line, const struct child_main_params *params, struct sr_err *err)
{
    line->params = params;
    line->blobs = (struct child_blob_line){ .call = call_parent, .self = line };
    line->stores =
        (struct blob_stores_params){ .open = child_blob_open, .open_self = &line->blobs };
    line->world = (struct child_world){ .stores = &line->stores,
                                        .cancel = &line->cancel,
                                        .log = &line->log,
                                        .progress = tell_progress,
                                        .progress_self = line };
    sr_cancel_init(&line->cancel, NULL, NULL, INT64_MAX);
    return sr_mutex_init(&line->lock, err) && sr_mutex_init(&line->send_lock, err) &&
           sr_cond_init(&line->changed, err);
}

static bool live(struct line *line, const struct child_main_params *params, struct sr_err *err)
{
    struct child_frame_reader reader = { 0 };
    struct sr_thread *thread = NULL;
    sr_auto(child_frame) struct child_frame setup = { 0 };
    if (!open_line(line, params, err))
        return false;
    bool done = !wait_for_frame(&reader, &setup);  // the parent has thought better of it
    if (!done && set_up(line, &setup, err) &&
        sr_thread_start("task", run_tasks, line, &thread, err)) {
        receive(line, &reader);
        sr_thread_join(thread);
        done = true;
    }
    child_frame_reader_done(&reader);
    child_frame_done(&line->synced.task);
    json_decref(line->said);
    sr_log_close(&line->root);
    return done;
}

// A line of the parent's log, whose level is not known here.
static void tell_failure(const struct sr_err *why)
{
    struct sr_err err = { 0 };
    struct sr_log log = { 0 };
    if (!sr_log_open(stderr, SR_LOG_ERROR, sr_clock_system(), &log, &err))
        return;
    sr_error(&log, "a child cannot begin", SR_ERR(why));
    sr_log_close(&log);
}

int child_main(const struct child_main_params *params)
{
    struct sr_err err = { 0 };
    struct line *const line = calloc(1, sizeof(*line));
    if (!line)
        return 1;
    const bool done = live(line, params, &err);
    free(line);
    if (!done)
        tell_failure(&err);
    return done ? 0 : 1;
}
