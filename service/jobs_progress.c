#include "service/jobs_progress.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { LOG_ENTRIES_MAX = 10000, SEGMENTS_MAX = 1000000 };

// Executions -------------------------------------------------------------------------------------

struct found {
    bool is_there;
    int64_t id, started_us, stopped_us;
    enum asl_status status;
    struct jobs_outcome *outcome;  // NULL: not wanted
};

static bool copy(char **place, const char *text, struct sr_err *err)
{
    *place = text ? sr_str_dup(text, err) : NULL;
    return !text || *place;
}

// The output of the flow: {"publish": {"report": ...}, ...}.
static bool take_report(const char *output, struct jobs_outcome *ret, struct sr_err *err)
{
    struct sr_err ignored = { 0 };
    sr_auto(json) json_t *json = NULL;
    if (!output || !jx_parse(output, strlen(output), false, &json, &ignored))
        return true;
    const json_t *const publish = json_object_get(json, "publish");
    return copy(&ret->report, json_string_value(json_object_get(publish, "report")), err);
}

static bool on_execution(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct found *const found = self;
    struct jobs_outcome *const outcome = found->outcome;
    found->is_there = true;
    found->id = execution->id;
    found->started_us = execution->started_us;
    found->stopped_us = execution->stopped_us;
    found->status = (enum asl_status)execution->status;
    if (!outcome)
        return true;
    outcome->is_there = true;
    outcome->status = found->status;
    outcome->started_us = found->started_us;
    outcome->stopped_us = found->stopped_us;
    return copy(&outcome->error, execution->error, err) &&
           copy(&outcome->cause, execution->cause, err) &&
           take_report(execution->output, outcome, err);
}

static bool find(const struct store *reader, const char *arn, struct found *found,
                 struct sr_err *err)
{
    struct sr_err missing = { 0 };
    if (reader->ops->execution_get(reader->self, arn, on_execution, found, &missing) ||
        missing.code == SR_ERR_NOT_FOUND)
        return true;
    *err = missing;
    return false;
}

bool jobs_outcome_read(const struct store *reader, const char *arn, struct jobs_outcome *ret,
                       struct sr_err *err)
{
    struct found found = { .outcome = ret };
    return find(reader, arn, &found, err);
}

// Tasks ------------------------------------------------------------------------------------------

enum stage { STAGE_BEGINS, STAGE_ENCODES, STAGE_JOINS, STAGE_VERIFIES, STAGE_PUBLISHES };

struct tasks {
    size_t count;
    enum stage stage;  // of those that are out
    int64_t running;
    json_t *states;  // of segments; NULL: not wanted
};

static bool is_of(const char *resource, const char *name)
{
    const size_t bytes = strlen(resource), end = strlen(name);
    return bytes > end && strcmp(resource + bytes - end, name) == 0 &&
           resource[bytes - end - 1] == '-';
}

static int64_t segment_of(const char *payload)
{
    struct sr_err ignored = { 0 };
    sr_auto(json) json_t *json = NULL;
    if (!jx_parse(payload, strlen(payload), false, &json, &ignored))
        return -1;
    const json_t *const segment = json_object_get(json, "segment");
    return json_is_integer(segment) ? json_integer_value(segment) : -1;
}

static bool on_task(void *self, const struct store_task *task, struct sr_err *err)
{
    struct tasks *const tasks = self;
    const enum stage stage = is_of(task->resource, "join")      ? STAGE_JOINS
                             : is_of(task->resource, "verify")  ? STAGE_VERIFIES
                             : is_of(task->resource, "publish") ? STAGE_PUBLISHES
                             : is_of(task->resource, "segment") ? STAGE_ENCODES
                                                                : STAGE_BEGINS;
    tasks->count++;
    tasks->stage = stage > tasks->stage ? stage : tasks->stage;
    if (stage != STAGE_ENCODES || !task->taken)
        return true;
    tasks->running++;
    const int64_t segment = tasks->states ? segment_of(task->payload) : -1;
    if (segment < 0 || (size_t)segment >= json_array_size(tasks->states))
        return true;
    return json_array_set_new(tasks->states, (size_t)segment, json_string("RUNNING")) == 0 ||
           sr_fail(err, SR_ERR_NO_MEMORY, "segments");
}

bool jobs_is_late(const struct store *reader, const char *arn, bool *ret_late, struct sr_err *err)
{
    struct found found = { 0 };
    struct tasks tasks = { 0 };
    if (!find(reader, arn, &found, err) ||
        (found.is_there &&
         !reader->ops->task_each_of(reader->self, found.id, on_task, &tasks, err)))
        return false;
    // Without any it is between two of them.
    *ret_late = found.is_there && found.status == ASL_RUNNING &&
                (tasks.count == 0 || tasks.stage >= STAGE_JOINS);
    return true;
}

// The plan, from the execution's log -------------------------------------------------------------

struct plan {
    char *engine;  // the caller's room
    size_t engine_room;
    int64_t count;  // -1: not found yet
    json_t *items;  // the list of segments in the order in which they began; NULL: not found yet
    bool want_items;
    size_t entries;
};

static bool is_kind(const char *entry, const char *kind)
{
    static const char begin[] = "{\"input\":{\"kind\":\"";
    const size_t bytes = strlen(kind);
    return strncmp(entry, begin, sizeof begin - 1) == 0 &&
           strncmp(entry + sizeof begin - 1, kind, bytes) == 0 &&
           entry[sizeof begin - 1 + bytes] == '"';
}

static void take_plan(struct plan *plan, const json_t *value)
{
    const char *const engine = json_string_value(json_object_get(value, "engine"));
    const json_t *const count = json_object_get(json_object_get(value, "segments"), "count");
    if (!engine || !json_is_integer(count))
        return;
    plan->count = json_integer_value(count);
    if (!sr_format(plan->engine, plan->engine_room, "%s", engine))
        plan->engine[0] = '\0';  // none of ours is that long
}

// Sentinel: what is known is all that is wanted. Nothing has gone wrong then.
static bool stop_here(struct sr_err *err)
{
    return sr_fail(err, SR_ERR_CANCELLED, "read enough");
}

static bool on_log(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    struct plan *const plan = self;
    sr_auto(json) json_t *json = NULL;
    (void)seq;
    if (++plan->entries > LOG_ENTRIES_MAX)
        return stop_here(err);
    const bool is_items = plan->want_items && is_kind(entry, "items");
    if (!is_items && (plan->count >= 0 || !is_kind(entry, "task-succeeded")))
        return true;
    if (!jx_parse(entry, strlen(entry), false, &json, err))
        return false;
    json_t *const value = json_object_get(json_object_get(json, "input"), "value");
    if (is_items && json_is_array(value))
        plan->items = json_incref(value);
    else
        take_plan(plan, value);
    return (plan->count < 0 || (plan->want_items && plan->count > 0 && !plan->items)) ||
           stop_here(err);
}

static bool read_plan(const struct store *reader, int64_t execution, struct plan *plan,
                      struct sr_err *err)
{
    struct sr_err why = { 0 };
    if (reader->ops->log_from(reader->self, execution, 0, false, on_log, plan, &why) ||
        why.code == SR_ERR_CANCELLED)
        return true;
    *err = why;
    return false;
}

// Workers ----------------------------------------------------------------------------------------

static bool on_waiting(void *self, const struct store_task *task, struct sr_err *err)
{
    struct jobs_attendance *const attendance = self;
    (void)err;
    if (!task->taken && task->created_us < attendance->waiting_since)
        attendance->waiting_since = task->created_us;
    return true;
}

static bool on_begun(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    bool *const has_begun = self;
    (void)seq;
    *has_begun = is_kind(entry, "task-started") || is_kind(entry, "task-succeeded") ||
                 is_kind(entry, "task-failed");
    return !*has_begun || stop_here(err);
}

bool jobs_attendance_read(const struct store *reader, const char *arn, struct jobs_attendance *ret,
                          struct sr_err *err)
{
    struct jobs_attendance attendance = { .waiting_since = INT64_MAX };
    struct found found = { 0 };
    struct sr_err why = { 0 };
    if (!find(reader, arn, &found, err))
        return false;
    if (found.is_there &&
        !reader->ops->log_from(reader->self, found.id, 0, false, on_begun, &attendance.has_begun,
                               &why) &&
        why.code != SR_ERR_CANCELLED) {
        *err = why;
        return false;
    }
    if (found.is_there && found.status == ASL_RUNNING &&
        !reader->ops->task_each_of(reader->self, found.id, on_waiting, &attendance, err))
        return false;
    *ret = attendance;
    return true;
}

// The map run ------------------------------------------------------------------------------------

struct run {
    bool is_there;
    uint64_t op;
    int64_t started_us;
};

static bool on_run(void *self, const struct store_map_run *run, struct sr_err *err)
{
    (void)err;
    *(struct run *)self =
        (struct run){ .is_there = true, .op = run->op, .started_us = run->started_us };
    return true;
}

static bool on_count(void *self, int status, int64_t children, int64_t items, struct sr_err *err)
{
    struct jobs_progress *const progress = self;
    (void)items;
    (void)err;
    if (status == ASL_SUCCEEDED)
        progress->done = children;
    else if (status == ASL_FAILED || status == ASL_TIMED_OUT)
        progress->failed = children;
    return true;
}

struct children {
    uint8_t *status;  // newest first
    size_t count, room;
};

static bool on_child(void *self, const struct store_child *child, struct sr_err *err)
{
    struct children *const children = self;
    if (children->count == children->room) {
        const size_t room = children->room ? children->room * 2 : 256;
        uint8_t *const more = room <= SEGMENTS_MAX * 2 ? realloc(children->status, room) : NULL;
        if (!more)
            return sr_fail(err, SR_ERR_NO_MEMORY, "segments");
        children->status = more;
        children->room = room;
    }
    children->status[children->count++] = (uint8_t)child->status;
    return true;
}

static const char *state_of(uint8_t status)
{
    return status == ASL_SUCCEEDED                           ? "SUCCEEDED"
           : status == ASL_FAILED || status == ASL_TIMED_OUT ? "FAILED"
                                                             : "WAITING";
}

// Children begin in the order of the list; each has one segment of it.
static bool put_states(const struct store *reader, int64_t execution, const struct run *run,
                       const json_t *items, json_t *states, struct sr_err *err)
{
    struct children children = { 0 };
    bool done = reader->ops->child_each(reader->self, execution, run->op, -1, INT64_MAX, on_child,
                                        &children, err);
    for (size_t i = 0; done && i < children.count && i < json_array_size(items); i++) {
        const json_t *const item = json_array_get(items, i);
        const json_int_t segment = json_integer_value(json_object_get(item, "segment"));
        const char *const state = state_of(children.status[children.count - 1 - i]);
        if (segment >= 0 && (size_t)segment < json_array_size(states))
            done = json_array_set_new(states, (size_t)segment, json_string(state)) == 0 ||
                   sr_fail(err, SR_ERR_NO_MEMORY, "segments");
    }
    free(children.status);
    return done;
}

static bool new_states(int64_t count, json_t **ret_states, struct sr_err *err)
{
    sr_auto(json) json_t *states = json_array();
    if (!jx_made(states, err))
        return false;
    for (int64_t i = 0; i < count; i++) {
        if (!jx_append(states, json_string("WAITING"), err))
            return false;
    }
    *ret_states = sr_take(states);
    return true;
}

static bool name_states(const json_t *states, json_t **ret_list, struct sr_err *err)
{
    sr_auto(json) json_t *list = json_array();
    size_t i;
    json_t *state;
    if (!jx_made(list, err))
        return false;
    json_array_foreach(states, i, state)
    {
        if (!jx_append(list, json_pack("{s:I, s:O}", "segment", (json_int_t)i, "state", state),
                       err))
            return false;
    }
    *ret_list = sr_take(list);
    return true;
}

// All of it --------------------------------------------------------------------------------------

// Encoding is most of the work: of a hundred parts, 88.
static int percent_of(const struct found *found, const struct tasks *tasks,
                      const struct jobs_progress *progress)
{
    if (found->status == ASL_SUCCEEDED)
        return 100;
    switch (tasks->stage) {
    case STAGE_JOINS: return 90;
    case STAGE_VERIFIES: return 95;
    case STAGE_PUBLISHES: return 98;
    default: break;
    }
    if (progress->count < 0)
        return 0;
    return 2 + (progress->count > 0 ? (int)(88 * progress->done / progress->count) : 0);
}

static int64_t eta_of(const struct run *run, const struct jobs_progress *progress, int64_t now_us)
{
    const int64_t spent_us = now_us - run->started_us;
    if (!run->is_there || progress->done == 0 || spent_us <= 0)
        return -1;
    return (int64_t)((double)spent_us / (double)progress->done *
                     (double)(progress->count - progress->done));
}

bool jobs_progress_read(const struct store *reader, const char *arn, bool segments, int64_t now_us,
                        struct jobs_progress *ret, struct sr_err *err)
{
    struct jobs_progress progress = { .count = -1, .eta_us = -1 };
    struct found found = { 0 };
    struct run run = { 0 };
    sr_auto(json) json_t *states = NULL;
    struct plan plan = { .engine = progress.engine,
                         .engine_room = sizeof progress.engine,
                         .count = -1,
                         .want_items = segments };
    if (!find(reader, arn, &found, err))
        return false;
    if (!found.is_there) {
        *ret = progress;
        return true;
    }
    const bool planned = read_plan(reader, found.id, &plan, err);
    sr_auto(json) json_t *items = plan.items;
    if (!planned || !reader->ops->map_run_each(reader->self, found.id, 0, on_run, &run, err) ||
        (run.is_there &&
         !reader->ops->child_count(reader->self, found.id, run.op, on_count, &progress, err)))
        return false;
    progress.count = plan.count < SEGMENTS_MAX ? plan.count : SEGMENTS_MAX;
    const bool lists = segments && progress.count >= 0;
    if (lists &&
        (!new_states(progress.count, &states, err) ||
         (items && run.is_there && !put_states(reader, found.id, &run, items, states, err))))
        return false;
    struct tasks tasks = { .states = states };
    if (!reader->ops->task_each_of(reader->self, found.id, on_task, &tasks, err) ||
        (lists && !name_states(states, &progress.segments, err)))
        return false;
    progress.running = tasks.running;
    progress.percent = percent_of(&found, &tasks, &progress);
    progress.eta_us = found.status == ASL_RUNNING ? eta_of(&run, &progress, now_us) : -1;
    *ret = progress;
    return true;
}

void jobs_progress_done(struct jobs_progress *progress)
{
    json_decref(progress->segments);
    *progress = (struct jobs_progress){ 0 };
}
