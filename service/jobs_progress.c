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

// Of a segment: its tasks. There are several where its renditions are spread over slots.
struct segment_tasks {
    uint32_t all, done, failed, running;
};

struct tasks {
    size_t count;
    enum stage stage;  // of those that are out
    int64_t running;
    struct segment_tasks *segments;  // NULL: not wanted
    size_t segment_count;
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
    (void)err;
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
    const int64_t segment = tasks->segments ? segment_of(task->payload) : -1;
    if (segment >= 0 && (size_t)segment < tasks->segment_count)
        tasks->segments[segment].running++;
    return true;
}

// The plan, from the execution's log -------------------------------------------------------------

struct plan {
    char *engine;  // the caller's room
    size_t engine_room;
    int64_t count;  // of segments; -1: not found yet
    int64_t tasks;  // for all of them
    json_t *items;  // the list of these tasks in the order in which they began; NULL: not found yet
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

// Its numbers are a worker's, whom the job's own file may have made lie: they are held within what
// can be.
static void take_plan(struct plan *plan, const json_t *value)
{
    const char *const engine = json_string_value(json_object_get(value, "engine"));
    const json_t *const count = json_object_get(json_object_get(value, "segments"), "count");
    if (!engine || !json_is_integer(count) || json_integer_value(count) < 0)
        return;
    const int64_t said = json_integer_value(count);
    const int64_t tasks =
        json_integer_value(json_object_get(json_object_get(value, "segments"), "tasks"));
    plan->count = said < SEGMENTS_MAX ? said : SEGMENTS_MAX;
    plan->tasks = tasks > plan->count && tasks <= SEGMENTS_MAX ? tasks : plan->count;
    // Only the list tells which tasks are one segment's.
    plan->want_items |= plan->tasks > plan->count;
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

// Whether it may be late -------------------------------------------------------------------------

bool jobs_is_late(const struct store *reader, const char *arn, bool *ret_late, struct sr_err *err)
{
    struct found found = { 0 };
    struct tasks tasks = { 0 };
    struct jobs_attendance attendance = { 0 };
    if (!find(reader, arn, &found, err) ||
        (found.is_there &&
         !reader->ops->task_each_of(reader->self, found.id, on_task, &tasks, err)) ||
        (found.is_there && !jobs_attendance_read(reader, arn, &attendance, err)))
        return false;
    // Without any it is between two of them. Of one that was stopped nobody knows any more what its
    // workers were at.
    *ret_late = (found.is_there && found.status == ASL_RUNNING &&
                 (tasks.count == 0 || tasks.stage >= STAGE_JOINS)) ||
                (found.is_there && found.status == ASL_ABORTED && attendance.has_begun);
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

static bool is_failure(int status)
{
    return status == ASL_FAILED || status == ASL_TIMED_OUT;
}

static bool on_count(void *self, int status, int64_t children, int64_t items, struct sr_err *err)
{
    struct jobs_progress *const progress = self;
    (void)items;
    (void)err;
    if (status == ASL_SUCCEEDED)
        progress->done = children;
    else if (is_failure(status))
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

// Children begin in the order of the list; each has one task of it.
static bool count_tasks(const struct store *reader, int64_t execution, const struct run *run,
                        const json_t *items, struct tasks *tasks, struct sr_err *err)
{
    struct children children = { 0 };
    const bool read =
        !run->is_there || reader->ops->child_each(reader->self, execution, run->op, -1, INT64_MAX,
                                                  on_child, &children, err);
    for (size_t i = 0; read && i < json_array_size(items); i++) {
        const json_t *const item = json_array_get(items, i);
        const json_int_t segment = json_integer_value(json_object_get(item, "segment"));
        if (segment < 0 || (size_t)segment >= tasks->segment_count)
            continue;
        tasks->segments[segment].all++;
        if (i >= children.count)
            continue;
        const int status = children.status[children.count - 1 - i];
        tasks->segments[segment].done += status == ASL_SUCCEEDED;
        tasks->segments[segment].failed += is_failure(status);
    }
    free(children.status);
    return read;
}

enum segment_state { SEGMENT_WAITS, SEGMENT_RUNS, SEGMENT_IS_DONE, SEGMENT_HAS_FAILED };

// What is done in part has begun, though none of the rest may run now.
static enum segment_state state_of(const struct segment_tasks *tasks)
{
    return tasks->failed > 0                             ? SEGMENT_HAS_FAILED
           : tasks->all > 0 && tasks->done == tasks->all ? SEGMENT_IS_DONE
           : tasks->running > 0 || tasks->done > 0       ? SEGMENT_RUNS
                                                         : SEGMENT_WAITS;
}

// A segment is done when all of its tasks are.
static void count_segments(const struct tasks *tasks, struct jobs_progress *progress)
{
    int64_t counts[SEGMENT_HAS_FAILED + 1] = { 0 };
    for (size_t i = 0; i < tasks->segment_count; i++)
        counts[state_of(&tasks->segments[i])]++;
    progress->running = counts[SEGMENT_RUNS];
    progress->done = counts[SEGMENT_IS_DONE];
    progress->failed = counts[SEGMENT_HAS_FAILED];
}

static bool name_states(const struct tasks *tasks, json_t **ret_list, struct sr_err *err)
{
    static const char *const names[] = { "WAITING", "RUNNING", "SUCCEEDED", "FAILED" };
    sr_auto(json) json_t *list = json_array();
    if (!jx_made(list, err))
        return false;
    for (size_t i = 0; i < tasks->segment_count; i++) {
        const char *const name = names[state_of(&tasks->segments[i])];
        if (!jx_append(list, json_pack("{s:I, s:s}", "segment", (json_int_t)i, "state", name), err))
            return false;
    }
    *ret_list = sr_take(list);
    return true;
}

// All of it --------------------------------------------------------------------------------------

// Encoding is most of the work: of a hundred parts, 88.
static int percent_of(const struct found *found, const struct tasks *tasks, const struct plan *plan,
                      int64_t tasks_done)
{
    if (found->status == ASL_SUCCEEDED)
        return 100;
    switch (tasks->stage) {
    case STAGE_JOINS: return 90;
    case STAGE_VERIFIES: return 95;
    case STAGE_PUBLISHES: return 98;
    default: break;
    }
    if (plan->count < 0)
        return 0;
    return 2 + (plan->tasks > 0 ? (int)(88 * tasks_done / plan->tasks) : 0);
}

static int64_t eta_of(const struct run *run, const struct plan *plan, int64_t tasks_done,
                      int64_t now_us)
{
    const int64_t spent_us = now_us - run->started_us;
    if (!run->is_there || tasks_done <= 0 || spent_us <= 0)
        return -1;
    return (int64_t)((double)spent_us / (double)tasks_done * (double)(plan->tasks - tasks_done));
}

// Segment by segment: when that is asked for, and where one has several tasks.
static bool look_closely(const struct store *reader, int64_t execution, const struct run *run,
                         const struct plan *plan, struct tasks *tasks, struct sr_err *err)
{
    tasks->segment_count = (size_t)plan->count;
    tasks->segments = calloc(tasks->segment_count + 1, sizeof *tasks->segments);
    if (!tasks->segments)
        return sr_fail(err, SR_ERR_NO_MEMORY, "segments");
    return count_tasks(reader, execution, run, plan->items, tasks, err);
}

static bool read_planned(const struct store *reader, const struct found *found, bool segments,
                         int64_t now_us, struct plan *plan, struct jobs_progress *progress,
                         struct tasks *tasks, struct sr_err *err)
{
    struct run run = { 0 };
    if (!reader->ops->map_run_each(reader->self, found->id, 0, on_run, &run, err) ||
        (run.is_there &&
         !reader->ops->child_count(reader->self, found->id, run.op, on_count, progress, err)))
        return false;
    const int64_t tasks_done = plan->tasks < progress->done ? plan->tasks : progress->done;
    const bool has_several = plan->tasks > plan->count;
    progress->count = plan->count;
    if (plan->count >= 0 && (segments || has_several) &&
        !look_closely(reader, found->id, &run, plan, tasks, err))
        return false;
    if (!reader->ops->task_each_of(reader->self, found->id, on_task, tasks, err))
        return false;
    progress->running = tasks->running;
    if (has_several)
        count_segments(tasks, progress);
    progress->percent = percent_of(found, tasks, plan, tasks_done);
    if (found->status == ASL_RUNNING)
        progress->eta_us = eta_of(&run, plan, tasks_done, now_us);
    return !segments || plan->count < 0 || name_states(tasks, &progress->segments, err);
}

bool jobs_progress_read(const struct store *reader, const char *arn, bool segments, int64_t now_us,
                        struct jobs_progress *ret, struct sr_err *err)
{
    struct jobs_progress progress = { .count = -1, .eta_us = -1 };
    struct found found = { 0 };
    struct tasks tasks = { 0 };
    struct plan plan = { .engine = progress.engine,
                         .engine_room = sizeof progress.engine,
                         .count = -1,
                         .tasks = -1,
                         .want_items = segments };
    if (!find(reader, arn, &found, err))
        return false;
    const bool read = !found.is_there || (read_plan(reader, found.id, &plan, err) &&
                                          read_planned(reader, &found, segments, now_us, &plan,
                                                       &progress, &tasks, err));
    json_decref(plan.items);
    free(tasks.segments);
    if (read)
        *ret = progress;
    return read;
}

void jobs_progress_done(struct jobs_progress *progress)
{
    json_decref(progress->segments);
    *progress = (struct jobs_progress){ 0 };
}
