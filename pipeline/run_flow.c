#include "pipeline/run_flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/str.h"
#include "base/thread.h"
#include "pipeline/flow.h"
#include "pipeline/run_slots.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define PREFIX "arn:aws:states:local:000000000000"
#define ACTIVITIES "splitreel:activity:"

enum { TICK_US = 50000, PAUSE_US = 20000, TRIES_MAX = 50, FAILURES_MAX = 8 };

// A segment: how many of its tasks run and are done, and whether one had something to make.
struct cell {
    uint8_t running, done;
    bool is_made;
};

struct flow {
    const struct run_params *params;
    struct activity_job *open;
    struct sr_cancel *hard;
    struct engine *engine;
    struct run_slots *slots;
    int64_t drain_end_us;  // INT64_MAX: nobody has asked to stop

    // The engine's callbacks, on the caller's thread.
    bool has_ended;
    enum asl_status status;
    char error[128];
    char cause[sizeof(((struct sr_err *)0)->message)];

    struct sr_mutex lock;
    struct {
        struct sr_err failures[FAILURES_MAX];  // the last, in a ring
        size_t failure_count;
        bool gives_up, is_encoding, is_published, failed_late;
        struct sr_err why;   // gives_up
        struct sr_err late;  // failed_late: after somebody asked to stop
        size_t group_count;  // tasks for each segment
        struct cell cells[RUN_CELLS_MAX];
    } synced;  // under `lock`
};

// What is shown while it runs
// ----------------------------------------------------------------------
static void set_stage(const struct flow *flow, enum run_stage stage)
{
    if (flow->params->progress)
        atomic_store(&flow->params->progress->stage, (int)stage);
}

enum change { TASK_BEGINS, TASK_FAILS, TASK_MAKES, TASK_REUSES };

// A segment is done when all of its tasks are.
static void set_cell(struct flow *flow, const struct run_task *task, enum change change)
{
    const json_t *const segment = json_object_get(task->params, "segment");
    const json_int_t index = json_integer_value(segment);
    if (!flow->params->progress || !segment || index < 0 || index >= RUN_CELLS_MAX)
        return;
    sr_lock(&flow->lock);
    struct cell *const cell = &flow->synced.cells[index];
    if (change == TASK_BEGINS)
        cell->running++;
    else
        cell->running--;
    if (change == TASK_MAKES || change == TASK_REUSES)
        cell->done++;
    cell->is_made |= change == TASK_MAKES;
    const enum run_cell shown = cell->done < flow->synced.group_count
                                    ? (cell->running || cell->done ? RUN_CELL_RUNS : RUN_CELL_WAITS)
                                : cell->is_made ? RUN_CELL_DONE
                                                : RUN_CELL_REUSED;
    atomic_store(&flow->params->progress->cells[index], (uint8_t)shown);
    sr_unlock(&flow->lock);
}

// Pictures are counted once, though several tasks may make a segment's renditions: those of the
// first.
static bool counts_pictures(const struct run_task *task)
{
    const json_t *const some = json_object_get(json_object_get(task->params, "item"), "renditions");
    return !some || json_integer_value(json_array_get(some, 0)) == 0;
}

static void on_told(void *self, struct run_task *task, const json_t *event)
{
    struct flow *const flow = self;
    struct run_progress *const progress = flow->params->progress;
    const json_t *const frames = json_object_get(event, "frames");
    const json_t *const us = json_object_get(event, "audio_us");
    const json_int_t now = json_integer_value(frames ? frames : us);
    if (!progress || now <= 0 || (uint64_t)now <= task->reported ||
        (frames && !counts_pictures(task)))
        return;
    atomic_fetch_add(frames ? &progress->frames_done : &progress->audio_us_done,
                     (uint64_t)now - task->reported);
    task->reported = (uint64_t)now;
}

static void note_groups(struct flow *flow, const json_t *result)
{
    const json_t *const segments = json_object_get(result, "segments");
    const json_int_t count = json_integer_value(json_object_get(segments, "count"));
    const json_int_t tasks = json_integer_value(json_object_get(segments, "tasks"));
    sr_lock(&flow->lock);
    flow->synced.group_count = count > 0 ? (size_t)(tasks / count) : 1;
    sr_unlock(&flow->lock);
}

static void show_plan(const struct flow *flow)
{
    struct run_progress *const progress = flow->params->progress;
    const struct job *const job = flow->open->job;
    if (!progress)
        return;
    atomic_store(&progress->frames_total, job->video_count > 0 ? job_frames(job) : 0);
    atomic_store(&progress->segment_count, job->video_count > 0 ? job->plan->segment_count : 0);
    if (job->table)
        atomic_store(&progress->duration_us,
                     job_out_us(job, job->table->end_pts, job->table->time_base));
    else if (job->probe->duration_us > 0)
        atomic_store(&progress->duration_us, job->probe->duration_us);
    atomic_store(&progress->audio_us_total,
                 (uint64_t)atomic_load(&progress->duration_us) * (uint64_t)job->audio_count);
}

static void show_segment(struct flow *flow, struct run_task *task, const json_t *result)
{
    const json_t *const frames = json_object_get(result, "frames");
    const bool reused = json_array_size(json_object_get(result, "made")) == 0;
    sr_auto(json) json_t *event = json_pack("{s:O}", "frames", frames);
    if (event)
        on_told(flow, task, event);
    if (reused && flow->params->progress && counts_pictures(task))
        atomic_fetch_add(&flow->params->progress->frames_reused,
                         (uint64_t)json_integer_value(frames));
    set_cell(flow, task, reused ? TASK_REUSES : TASK_MAKES);
}

// A part that failed may be made again: then its pictures count once.
static void take_back(struct flow *flow, const struct run_task *task)
{
    struct run_progress *const progress = flow->params->progress;
    set_cell(flow, task, TASK_FAILS);
    if (!progress || task->reported == 0)
        return;
    atomic_fetch_sub(json_object_get(task->params, "segment") ? &progress->frames_done
                                                              : &progress->audio_us_done,
                     task->reported);
}

// Tasks begin and end, on their slots' threads
// -----------------------------------------------------
static bool is_named(const struct run_task *task, const char *name)
{
    return task->activity && strcmp(task->activity->name, name) == 0;
}

static void set_encoding(struct flow *flow, bool encoding)
{
    sr_lock(&flow->lock);
    flow->synced.is_encoding = encoding;
    sr_unlock(&flow->lock);
    flow->hard->parent = encoding ? NULL : flow->params->stop;
    if (encoding)
        set_stage(flow, RUN_ENCODING);
}

static void on_began(void *self, struct run_task *task)
{
    struct flow *const flow = self;
    if (is_named(task, "probe"))
        set_stage(flow, RUN_PROBING);
    else if (is_named(task, "plan"))
        set_stage(flow, RUN_PLANNING);
    else if (is_named(task, "join")) {
        set_encoding(flow, false);
        set_stage(flow, RUN_JOINING);
    } else if (is_named(task, "verify"))
        set_stage(flow, RUN_VERIFYING);
    else if (is_named(task, "publish"))
        set_stage(flow, RUN_PUBLISHING);
    else if (json_object_get(task->params, "segment") && !is_named(task, "note"))
        set_cell(flow, task, TASK_BEGINS);
}

static void give_up(struct flow *flow, const struct sr_err *why)
{
    sr_lock(&flow->lock);
    if (!flow->synced.gives_up)
        flow->synced.why = *why;
    flow->synced.gives_up = true;
    sr_unlock(&flow->lock);
    engine_wake(flow->engine);
}

// What no later try will change here: nothing has begun yet, or waiting frees no memory of ours.
static bool is_final(const struct run_task *task, const struct sr_err *err)
{
    return is_named(task, "probe") || is_named(task, "plan") || err->code == SR_ERR_NO_MEMORY;
}

static void on_failure(struct flow *flow, struct run_task *task, const struct sr_err *why)
{
    struct sr_err err = { 0 };
    if (task->activity && task->activity->is_heavy)
        take_back(flow, task);
    sr_lock(&flow->lock);
    flow->synced.failures[flow->synced.failure_count++ % FAILURES_MAX] = *why;
    if (why->code != SR_ERR_CANCELLED && sr_cancel_asked(flow->params->stop)) {
        flow->synced.failed_late = true;
        flow->synced.late = *why;
    }
    sr_unlock(&flow->lock);
    if (is_final(task, why))
        give_up(flow, why);
    else if (!engine_answer_failed(flow->engine, task->ref, sr_err_row(why->code)->flow_error,
                                   why->message, &err))
        give_up(flow, &err);
}

static void on_ended(void *self, struct run_task *task, const json_t *result,
                     const struct sr_err *why)
{
    struct flow *const flow = self;
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    if (!result) {
        on_failure(flow, task, why);
        return;
    }
    if (is_named(task, "plan")) {
        note_groups(flow, result);
        show_plan(flow);
        set_encoding(flow, true);
    } else if (is_named(task, "publish")) {
        sr_lock(&flow->lock);
        flow->synced.is_published = true;
        sr_unlock(&flow->lock);
    } else if (json_object_get(result, "made")) {
        show_segment(flow, task, result);
    }
    if (!jx_dump(result, false, &text, &err) || !engine_answer(flow->engine, task->ref, text, &err))
        give_up(flow, &err);
}

// The lists of a distributed map: there is one workspace, so that names in it say enough.
static bool read_items(void *self, const json_t *params, json_t **ret_result, struct sr_err *err)
{
    struct flow *const flow = self;
    sr_auto(char) char *text = NULL;
    size_t bytes;
    (void)params;
    return workspace_note_load(flow->open->workspace, "segments.json", JX_BYTES_MAX, &text, &bytes,
                               err) &&
           jx_parse(text, bytes, false, ret_result, err);
}

static bool write_results(void *self, const json_t *params, json_t **ret_result, struct sr_err *err)
{
    struct flow *const flow = self;
    if (!workspace_note(flow->open->workspace, "results.json", json_object_get(params, "Results"),
                        err))
        return false;
    *ret_result = json_pack("{s:{s:s, s:s}}", "ResultWriterDetails", "Bucket",
                            workspace_folder(flow->open->workspace), "Key", "results.json");
    return jx_made(*ret_result, err);
}

// The engine's side, on the caller's thread
// --------------------------------------------------------
static bool is_encoding(struct flow *flow)
{
    sr_lock(&flow->lock);
    const bool encoding = flow->synced.is_encoding;
    sr_unlock(&flow->lock);
    return encoding;
}

static bool start(struct flow *flow, const struct engine_task *from,
                  bool (*work)(void *self, const json_t *params, json_t **ret_result,
                               struct sr_err *err),
                  struct sr_err *err)
{
    struct run_task *const task = calloc(1, sizeof(*task));
    struct sr_err why = { 0 };
    if (!task) {
        (void)sr_fail(&why, SR_ERR_NO_MEMORY, "a task");
        give_up(flow, &why);
        return true;
    }
    task->ref = from->ref;
    task->work = work;
    if (!work)
        task->activity = activity_find(from->resource + strlen(ACTIVITIES));
    if (!jx_parse(from->payload, strlen(from->payload), false, &task->params, err)) {
        free(task);
        give_up(flow, err);
        return true;
    }
    // Something has failed for good: parts that are still made are made in vain.
    if (is_named(task, "clean") && is_encoding(flow))
        sr_cancel_set(flow->hard);
    if (!run_slots_add(flow->slots, task, &why))
        give_up(flow, &why);
    return true;
}

static bool start_activity(void *self, const struct engine_task *task, struct sr_err *err)
{
    return start(self, task, NULL, err);
}

static bool start_get(void *self, const struct engine_task *task, struct sr_err *err)
{
    return start(self, task, read_items, err);
}

static bool start_put(void *self, const struct engine_task *task, struct sr_err *err)
{
    return start(self, task, write_results, err);
}

static void drop(void *self, struct engine_ref ref)
{
    struct flow *const flow = self;
    run_slots_drop(flow->slots, ref);
}

static void on_end(void *self, const struct engine_outcome *outcome)
{
    struct flow *const flow = self;
    if (!outcome)
        return;
    flow->has_ended = true;
    flow->status = outcome->status;
    (void)snprintf(flow->error, sizeof(flow->error), "%s", outcome->error ? outcome->error : "");
    (void)snprintf(flow->cause, sizeof(flow->cause), "%s", outcome->cause ? outcome->cause : "");
}

static void on_reply(void *self, const struct engine_reply *reply)
{
    if (!reply->done)
        give_up(self, &reply->err);
}

static bool ask(struct flow *flow, struct sr_err *err)
{
    sr_auto(char) char *definition = NULL;
    sr_auto(char) char *input = NULL;
    sr_auto(json) json_t *json =
        json_pack("{s:{s:s, s:o, s:b, s:b}}", "job", "id", flow->open->id, "workspace",
                  jx_string(workspace_folder(flow->open->workspace)), "overwrite",
                  flow->open->overwrite, "strict", flow->open->strict);
    const struct flow_params params = { .activities = ACTIVITIES, .is_inside = true };
    if (!jx_made(json, err) || !jx_dump(json, false, &input, err) ||
        !flow_transcode(&params, &definition, err))
        return false;
    const struct engine_request put = { .kind = ENGINE_PUT_MACHINE,
                                        .name = "transcode",
                                        .text = definition,
                                        .reply = on_reply,
                                        .self = flow };
    const struct engine_request begin = { .kind = ENGINE_START,
                                          .arn = PREFIX ":stateMachine:transcode",
                                          .name = flow->open->id,
                                          .text = input,
                                          .ended = on_end,
                                          .ended_self = flow,
                                          .reply = on_reply,
                                          .self = flow };
    return engine_ask(flow->engine, &put, err) && engine_ask(flow->engine, &begin, err);
}

static bool has_given_up(struct flow *flow)
{
    sr_lock(&flow->lock);
    const bool gives_up = flow->synced.gives_up;
    sr_unlock(&flow->lock);
    return gives_up;
}

// Whether all is over because somebody asked: what runs has its time and is then abandoned.
static bool is_drained(struct flow *flow)
{
    if (!sr_cancel_asked(flow->params->stop))
        return false;
    const int64_t now_us = sr_clock_monotonic_us(flow->params->clock);
    if (flow->drain_end_us == INT64_MAX)
        flow->drain_end_us = now_us + flow->params->drain_us;
    run_slots_drain(flow->slots);
    if (now_us >= flow->drain_end_us)
        sr_cancel_set(flow->hard);
    return run_slots_are_idle(flow->slots);
}

// Until the flow has ended, or there is no use in going on.
static bool play(struct flow *flow, struct sr_err *err)
{
    int tries = 0;
    while (!flow->has_ended && !has_given_up(flow) && !is_drained(flow)) {
        bool more = false;
        if (!engine_step(flow->engine, &more, err)) {
            if (++tries == TRIES_MAX)
                return false;
            engine_wait(flow->engine, PAUSE_US);
            continue;
        }
        tries = 0;
        if (!more)
            engine_wait(flow->engine, TICK_US);
    }
    return true;
}

// How it ended, in the words of whoever met the failure.
static bool outcome_of(struct flow *flow, struct sr_err *err)
{
    if (flow->synced.is_published)  // all threads are gone: nobody else looks
        return true;
    if (flow->synced.gives_up) {
        *err = flow->synced.why;
        return false;
    }
    if (!flow->has_ended && flow->synced.failed_late) {
        *err = flow->synced.late;
        return false;
    }
    if (!flow->has_ended)
        return sr_fail(err, SR_ERR_CANCELLED, "interrupted");
    for (size_t i = 0; i < FAILURES_MAX && i < flow->synced.failure_count; i++) {
        const struct sr_err *const failure = &flow->synced.failures[i];
        if (strcmp(sr_err_row(failure->code)->flow_error, flow->error) == 0 &&
            strcmp(failure->message, flow->cause) == 0) {
            *err = *failure;
            return false;
        }
    }
    return sr_fail(err, sr_err_of_flow(flow->error), "%.100s: %.140s", flow->error, flow->cause);
}

static bool play_with_slots(struct flow *flow, struct sr_err *err)
{
    const struct run_slots_params params = {
        .open = flow->open,
        .heavy_count = flow->params->worker_count,
        .clock = flow->params->clock,
        .log = flow->params->log,
        .began = on_began,
        .told = on_told,
        .ended = on_ended,
        .self = flow,
    };
    if (!run_slots_new(&params, &flow->slots, err))
        return false;
    const bool played = ask(flow, err) && play(flow, err);
    if ((!played || has_given_up(flow)) && is_encoding(flow))
        sr_cancel_set(flow->hard);
    run_slots_free(flow->slots);
    return played && outcome_of(flow, err);
}

static bool play_with_engine(struct flow *flow, struct sr_err *err)
{
    sr_auto(store) struct store store = { 0 };
    char key[SR_ID_TEXT];
    const struct engine_resource rows[] = {
        { ACTIVITIES "*", start_activity, drop, flow },
        { "arn:aws:states:::s3:getObject", start_get, drop, flow },
        { "arn:aws:states:::s3:putObject", start_put, drop, flow },
    };
    const struct engine_params params = {
        .store = &store,
        .clock = flow->params->clock,
        .resources = rows,
        .resource_count = sizeof(rows) / sizeof(rows[0]),
        .arn_prefix = PREFIX,
        .token_key = key,
    };
    if (!sr_id_new(flow->params->clock, key, err) || !store_sqlite_open(":memory:", &store, err) ||
        !engine_new(&params, &flow->engine, err))
        return false;
    const bool done = play_with_slots(flow, err);
    engine_free(flow->engine);
    return done;
}

bool run_flow(const struct run_params *params, struct activity_job *open, struct sr_cancel *hard,
              struct sr_err *err)
{
    struct flow flow = { .params = params, .open = open, .hard = hard, .drain_end_us = INT64_MAX };
    if (!sr_mutex_init(&flow.lock, err))
        return false;
    const bool done = play_with_engine(&flow, err);
    hard->parent = params->stop;
    sr_mutex_done(&flow.lock);
    return done;
}
