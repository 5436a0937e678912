#include "service/job_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "pipeline/activity.h"
#include "statemachine/asl_event.h"

// What is told of an event. All others are the flow's own bookkeeping.
enum telling {
    TELL_NOT,
    TELL,        // in every history
    TELL_OF_JOB  // in the execution's own: its children do the same again
};
static const struct told {
    enum telling telling;
    bool begins, ends;  // an activity's task
} told[ASL_EVENT_COUNT] = {
    [ASL_EVENT_ExecutionStarted] = { .telling = TELL_OF_JOB },
    [ASL_EVENT_ExecutionSucceeded] = { .telling = TELL_OF_JOB },
    [ASL_EVENT_ExecutionFailed] = { .telling = TELL_OF_JOB },
    [ASL_EVENT_ExecutionAborted] = { .telling = TELL_OF_JOB },
    [ASL_EVENT_ExecutionTimedOut] = { .telling = TELL_OF_JOB },
    [ASL_EVENT_ExecutionRedriven] = { .telling = TELL_OF_JOB },
    [ASL_EVENT_ActivityScheduled] = { .telling = TELL, .begins = true },
    [ASL_EVENT_ActivityStarted] = { .telling = TELL },
    [ASL_EVENT_ActivitySucceeded] = { .telling = TELL, .ends = true },
    [ASL_EVENT_ActivityFailed] = { .telling = TELL, .ends = true },
    [ASL_EVENT_ActivityTimedOut] = { .telling = TELL, .ends = true },
    [ASL_EVENT_ActivityScheduleFailed] = { .telling = TELL, .ends = true },
    [ASL_EVENT_MapRunStarted] = { .telling = TELL },
    [ASL_EVENT_MapRunSucceeded] = { .telling = TELL },
    [ASL_EVENT_MapRunFailed] = { .telling = TELL },
    [ASL_EVENT_MapRunAborted] = { .telling = TELL },
    [ASL_EVENT_TaskFailed] = { .telling = TELL },
    [ASL_EVENT_TaskTimedOut] = { .telling = TELL },
    [ASL_EVENT_LambdaFunctionFailed] = { .telling = TELL },
    [ASL_EVENT_LambdaFunctionTimedOut] = { .telling = TELL },
    [ASL_EVENT_EvaluationFailed] = { .telling = TELL },
};

struct position {
    int64_t part;  // 2 * (attempt - 1), and one more for what cleans up
    int64_t seq;
    int64_t index;
};

struct reading {
    const struct job_log_query *query;
    json_t *lines;
    json_t *open;  // tasks that have begun: "CHILD.EVENT" -> what its lines have in common
    size_t bytes;
    struct position now, last;  // last: the line that the page before ended with
    bool is_full;
    struct position full_at;  // the last line of this page
};

// --- lines ---

// "CHILD.EVENT": a history and a place in it.
static void name_event(uint64_t child, uint64_t id, char key[48])
{
    (void)snprintf(key, 48, "%" PRIu64 ".%" PRIu64, child, id);  // fits
}

static bool copy(json_t *to, const char *key, const json_t *from, struct sr_err *err)
{
    json_t *const value = json_object_get(from, key);
    return !value || jx_put(to, key, json_incref(value), err);
}

// What the lines of a task have in common, from the event that scheduled it.
static bool new_task(const json_t *details, json_t **ret_task, struct sr_err *err)
{
    static const char *const places[] = { "segment", "audio", "output" };
    const json_t *const input = json_object_get(details, "input");
    const char *name = json_string_value(json_object_get(details, "resource"));
    const char *const colon = name ? strrchr(name, ':') : NULL;
    name = colon ? colon + 1 : name;
    if (name && strncmp(name, ACTIVITY_PREFIX, strlen(ACTIVITY_PREFIX)) == 0)
        name += strlen(ACTIVITY_PREFIX);
    sr_auto(json) json_t *task = json_pack("{s:s*}", "activity", name);
    if (!jx_made(task, err))
        return false;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const json_t *const value = json_object_get(input, places[i]);
        if (json_is_integer(value) && !copy(task, places[i], input, err))
            return false;
    }
    *ret_task = sr_take(task);
    return true;
}

// The task that an event belongs to: a new reference, or NULL. It moves on from the event before.
static bool follow_task(struct reading *reading, const struct asl_event *event, json_t **ret_task,
                        struct sr_err *err)
{
    char key[48], before[48];
    sr_auto(json) json_t *task = NULL;
    name_event(event->child, event->id, key);
    name_event(event->child, event->previous, before);
    if (told[event->type].begins) {
        if (!new_task(event->details, &task, err))
            return false;
    } else {
        task = json_incref(json_object_get(reading->open, before));
        if (!task)
            return true;
        (void)json_object_del(reading->open, before);  // it is there
    }
    if (event->type == ASL_EVENT_ActivityStarted) {
        json_t *const worker = json_object_get(event->details, "workerName");
        if (worker && !jx_put(task, "worker", json_incref(worker), err))
            return false;
    }
    if (!told[event->type].ends && !jx_put(reading->open, key, json_incref(task), err))
        return false;
    *ret_task = sr_take(task);
    return true;
}

static bool add_line(struct reading *reading, const struct asl_event *event, const json_t *task,
                     struct sr_err *err)
{
    char time[25];
    sr_clock_format(event->time_us, time);
    sr_auto(json) json_t *line =
        json_pack("{s:s, s:I, s:s}", "time", time, "attempt",
                  (json_int_t)(reading->now.part / 2 + 1), "event", asl_event_name(event->type));
    if (!jx_made(line, err) ||
        (reading->now.part % 2 && !jx_put(line, "clean_up", json_true(), err)))
        return false;
    if (task && json_object_update(line, (json_t *)(uintptr_t)task) != 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a line");
    if (!copy(line, "error", event->details, err) || !copy(line, "cause", event->details, err))
        return false;
    reading->bytes += json_string_length(json_object_get(line, "cause"));
    return jx_append(reading->lines, sr_take(line), err);
}

// Whether this page is to show what is at `now`: it lies behind the last line of the page before.
static bool is_behind(const struct position *now, const struct position *last)
{
    if (now->part != last->part)
        return now->part > last->part;
    return now->seq != last->seq ? now->seq > last->seq : now->index > last->index;
}

static bool read_event(struct reading *reading, const struct asl_event *event, struct sr_err *err)
{
    const enum telling telling = told[event->type].telling;
    sr_auto(json) json_t *task = NULL;
    if (telling == TELL_NOT || (telling == TELL_OF_JOB && event->child))
        return true;
    if (!follow_task(reading, event, &task, err))
        return false;
    if (!is_behind(&reading->now, &reading->last))
        return true;
    if (json_array_size(reading->lines) >= reading->query->line_max ||
        reading->bytes > JOB_LOG_BYTES_MAX) {
        reading->is_full = true;
        return sr_fail(err, SR_ERR_LIMIT, "the end");
    }
    reading->full_at = reading->now;
    return add_line(reading, event, task, err);
}

static bool read_entry(void *self, int64_t seq, const char *text, struct sr_err *err)
{
    struct reading *const reading = self;
    sr_auto(json) json_t *entry = NULL;
    if (!jx_parse(text, strlen(text), false, &entry, err))
        return false;
    const json_t *const events = json_object_get(entry, "events");
    for (size_t i = 0; i < json_array_size(events); i++) {
        struct asl_event event;
        reading->now.seq = seq;
        reading->now.index = (int64_t)i;
        if (!asl_event_from_json(json_array_get(events, i), &event, err))
            return false;
        const bool good = read_event(reading, &event, err);
        json_decref(event.details);
        if (!good)
            return false;
    }
    return true;
}

// --- executions ---

static bool read_part(struct reading *reading, const struct store *reader, struct sr_err *err)
{
    const struct job_log_query *const query = reading->query;
    const int64_t part = reading->now.part;
    int64_t id;
    sr_auto(char) char *arn = query->execution(query->self, part / 2 + 1, part % 2 == 1, err);
    if (!arn)
        return false;
    (void)json_object_clear(reading->open);  // cannot fail
    if (reader->ops->execution_id(reader->self, arn, &id, err))
        return reader->ops->log_each(reader->self, id, read_entry, reading, err) ||
               reading->is_full;
    return err->code == SR_ERR_NOT_FOUND;
}

static bool read_parts(struct reading *reading, const struct store *reader, struct sr_err *err)
{
    for (; reading->now.part < reading->query->attempts * 2 && !reading->is_full;
         reading->now.part++) {
        if (!read_part(reading, reader, err))
            return false;
    }
    *err = (struct sr_err){ 0 };  // of what was not there
    return true;
}

bool job_log_read(const struct store *reader, const struct job_log_query *query, json_t **ret_json,
                  struct sr_err *err)
{
    sr_auto(json) json_t *lines = json_array(), *open = json_object(), *json = json_object();
    struct reading reading = {
        .query = query, .lines = lines, .open = open, .last = { .part = -1 }
    };
    int end = 0;
    if (!jx_made(lines, err) || !jx_made(open, err) || !jx_made(json, err))
        return false;
    if (query->page) {
        struct position *const last = &reading.last;
        if (sscanf(query->page, "%" SCNd64 ".%" SCNd64 ".%" SCNd64 "%n", &last->part, &last->seq,
                   &last->index, &end) != 3 ||
            query->page[end] || last->part < 0 || last->seq < 0 || last->index < 0)
            return sr_fail(err, SR_ERR_INVALID, "\"page\" is none that was given");
        reading.now.part = last->part;
    }
    if (!read_parts(&reading, reader, err) || !jx_put(json, "lines", json_incref(lines), err))
        return false;
    if (reading.is_full) {
        const struct position *const at = &reading.full_at;
        sr_auto(char) char *page =
            sr_strf(err, "%" PRId64 ".%" PRId64 ".%" PRId64, at->part, at->seq, at->index);
        if (!page || !jx_put(json, "next_page", json_string(page), err))
            return false;
    }
    *ret_json = sr_take(json);
    return true;
}
