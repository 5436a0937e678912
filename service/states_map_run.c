// Map runs: describe, list, change; their child executions.
#include <inttypes.h>
#include <string.h>

#include "service/states_priv.h"

static bool no_run(struct states_call *call, const char *arn)
{
    return states_refuse(call, "ResourceNotFound", "Resource not found: '%s'", arn);
}

// --- DescribeMapRun ---

struct counts {
    json_int_t executions[ASL_ABORTED + 1], items[ASL_ABORTED + 1];
};

static bool count_here(void *self, int status, int64_t children, int64_t items, struct sr_err *err)
{
    struct counts *counts = self;
    if (status < ASL_RUNNING || status > ASL_ABORTED)
        return sr_fail(err, SR_ERR_STORAGE, "a child execution with status %d", status);
    counts->executions[status] = children;
    counts->items[status] = items;
    return true;
}

// Spec: MapRunExecutionCounts, MapRunItemCounts.
static json_t *counts_json(const json_int_t count[ASL_ABORTED + 1], json_int_t total, bool written)
{
    json_int_t begun = 0;
    for (int i = ASL_RUNNING; i <= ASL_ABORTED; i++)
        begun += count[i];
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i}", "pending", total - begun,
                     "running", count[ASL_RUNNING], "succeeded", count[ASL_SUCCEEDED], "failed",
                     count[ASL_FAILED], "timedOut", count[ASL_TIMED_OUT], "aborted",
                     count[ASL_ABORTED], "total", total, "resultsWritten",
                     written ? count[ASL_SUCCEEDED] : (json_int_t)0, "failuresNotRedrivable", 0,
                     "pendingRedrive", 0);
}

struct describing {
    const struct store *reader;
    json_t *json;
    int64_t execution;
};

// A limit that was not given is shown as 0.
static double tolerated(const json_t *numbers, const char *key)
{
    const double value = json_number_value(json_object_get(numbers, key));
    return value > 0 ? value : 0;
}

static bool describe_run(void *self, const struct store_map_run *run, struct sr_err *err)
{
    struct describing *to = self;
    const struct store *reader = to->reader;
    struct counts counts = { 0 };
    sr_auto(json) json_t *numbers = NULL;
    if (!jx_parse(run->numbers, strlen(run->numbers), false, &numbers, err) ||
        !reader->ops->child_count(reader->self, run->execution, run->op, count_here, &counts, err))
        return false;
    const json_int_t total = json_integer_value(json_object_get(numbers, "total"));
    const json_int_t items = json_integer_value(json_object_get(numbers, "items"));
    const bool written = run->status == ASL_SUCCEEDED;
    to->execution = run->execution;
    to->json = json_pack(
        "{s:s, s:s, s:o, s:I, s:f, s:I, s:I, s:o, s:o}", "mapRunArn", run->arn, "status",
        asl_status_name((enum asl_status)run->status), "startDate", states_time(run->started_us),
        "maxConcurrency", json_integer_value(json_object_get(numbers, ASL_RUN_CONCURRENCY)),
        "toleratedFailurePercentage", tolerated(numbers, ASL_RUN_PERCENTAGE),
        "toleratedFailureCount", (json_int_t)tolerated(numbers, ASL_RUN_COUNT), "redriveCount",
        json_integer_value(json_object_get(numbers, "redriveCount")), "itemCounts",
        counts_json(counts.items, items, written), "executionCounts",
        counts_json(counts.executions, total, written));
    return jx_made(to->json, err) &&
           (!run->stopped_us || jx_put(to->json, "stopDate", states_time(run->stopped_us), err)) &&
           (!run->redriven_us ||
            jx_put(to->json, "redriveDate", states_time(run->redriven_us), err));
}

static bool put_execution(void *self, const struct store_execution *execution, struct sr_err *err)
{
    return jx_put(self, "executionArn", json_string(execution->arn), err);
}

static enum states_next describe_map_run(struct states_call *call)
{
    struct sr_err err = { 0 };
    const char *arn = states_arn(call, "mapRunArn", STATES_ARN_MAP_RUN, NULL);
    if (!arn)
        return STATES_ANSWER;
    const struct store *reader = states_reader_lock(call->api);
    struct describing to = { .reader = reader };
    const bool got =
        reader->ops->map_run_get(reader->self, arn, describe_run, &to, &err) &&
        reader->ops->execution_get_id(reader->self, to.execution, put_execution, to.json, &err);
    states_reader_unlock(call->api);
    if (got)
        return states_result(call, to.json);
    json_decref(to.json);
    (void)(err.code == SR_ERR_NOT_FOUND ? no_run(call, arn) : states_refuse_err(call, &err));
    return STATES_ANSWER;
}

// --- ListMapRuns ---

struct parent {
    int64_t id;
    char *machine;
};

static bool note_parent(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct parent *parent = self;
    parent->id = execution->id;
    parent->machine = sr_str_dup(execution->machine, err);
    return parent->machine != NULL;
}

struct run_page {
    struct states_list *list;
    const struct parent *parent;
};

static bool list_run(void *self, const struct store_map_run *run, struct sr_err *err)
{
    const struct run_page *page = self;
    char position[32];
    sr_auto(json) json_t *entry = json_pack(
        "{s:s, s:s, s:s, s:o}", "executionArn", states_text(page->list->call, "executionArn"),
        "mapRunArn", run->arn, "stateMachineArn", page->parent->machine, "startDate",
        states_time(run->started_us));
    if (!jx_made(entry, err) ||
        (run->stopped_us && !jx_put(entry, "stopDate", states_time(run->stopped_us), err)))
        return false;
    if (!sr_format(position, sizeof position, "%" PRIu64, run->op))
        return sr_fail(err, SR_ERR_INTERNAL, "a position");
    return states_list_add(page->list, sr_take(entry), position, err);
}

static bool runs_read(const struct store *reader, struct states_list *list, const char *start,
                      struct sr_err *err)
{
    const char *arn = states_text(list->call, "executionArn");
    struct parent parent = { 0 };
    uint64_t after = 0;
    if (*start && sscanf(start, "%" SCNu64, &after) != 1)
        return sr_fail(err, SR_ERR_INTERNAL, "a position");
    if (!reader->ops->execution_get(reader->self, arn, note_parent, &parent, err)) {
        if (err->code == SR_ERR_NOT_FOUND)
            (void)states_no_execution(list->call, arn);
        return false;
    }
    struct run_page page = { list, &parent };
    const bool good =
        reader->ops->map_run_each(reader->self, parent.id, after, list_run, &page, err);
    free(parent.machine);
    return good;
}

static enum states_next list_map_runs(struct states_call *call)
{
    return states_arn(call, "executionArn", STATES_ARN_EXECUTION, NULL)
               ? states_list(call, "mapRuns", runs_read)
               : STATES_ANSWER;
}

// --- its child executions ---

struct run_key {
    int64_t execution;
    uint64_t op;
};

static bool note_key(void *self, const struct store_map_run *run, struct sr_err *err)
{
    (void)err;
    *(struct run_key *)self = (struct run_key){ run->execution, run->op };
    return true;
}

struct child_page {
    struct states_list *list;
    const char *machine;
    int redriven;  // -1: any
};

static bool list_child(void *self, const struct store_child *child, struct sr_err *err)
{
    const struct child_page *page = self;
    const char *name = strrchr(child->arn, ':');
    char position[32];
    if (page->redriven >= 0 && (child->redrive_count > 0) != page->redriven)
        return true;
    sr_auto(json) json_t *entry = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I}", "executionArn", child->arn, "stateMachineArn",
        page->machine, "name", name ? name + 1 : "", "status",
        asl_status_name((enum asl_status)child->status), "mapRunArn",
        states_text(page->list->call, "mapRunArn"), "startDate", states_time(child->started_us),
        "itemCount", (json_int_t)child->items, "redriveCount", (json_int_t)child->redrive_count);
    if (!jx_made(entry, err) ||
        (child->stopped_us && !jx_put(entry, "stopDate", states_time(child->stopped_us), err)) ||
        (child->redriven_us && !jx_put(entry, "redriveDate", states_time(child->redriven_us), err)))
        return false;
    if (!sr_format(position, sizeof position, "%" PRIu64, child->op))
        return sr_fail(err, SR_ERR_INTERNAL, "a position");
    return states_list_add(page->list, sr_take(entry), position, err);
}

bool states_children_read(const struct store *reader, struct states_list *list, const char *start,
                          struct sr_err *err)
{
    struct states_call *call = list->call;
    const char *arn = states_text(call, "mapRunArn"), *status = states_text(call, "statusFilter");
    const char *redrive = states_text(call, "redriveFilter");
    struct run_key key = { 0 };
    struct parent parent = { 0 };
    uint64_t before = INT64_MAX;
    if (*start && sscanf(start, "%" SCNu64, &before) != 1)
        return sr_fail(err, SR_ERR_INTERNAL, "a position");
    if (!reader->ops->map_run_get(reader->self, arn, note_key, &key, err)) {
        if (err->code == SR_ERR_NOT_FOUND)
            (void)no_run(call, arn);
        return false;
    }
    if (status && states_status(status) < 0)
        return true;  // PENDING_REDRIVE: here nothing waits for that
    if (!reader->ops->execution_get_id(reader->self, key.execution, note_parent, &parent, err))
        return false;
    struct child_page page = { list, parent.machine,
                               !redrive ? -1 : strcmp(redrive, "REDRIVEN") == 0 };
    const bool good = reader->ops->child_each(
        reader->self, key.execution, key.op, states_status(status), before, list_child, &page, err);
    free(parent.machine);
    return good;
}

// --- UpdateMapRun ---

static void updated(struct states_call *call, const struct engine_reply *reply)
{
    if (reply->done)
        (void)states_result(call, json_object());
    else if (reply->err.code == SR_ERR_NOT_FOUND)
        (void)no_run(call, states_text(call, "mapRunArn"));
    else if (reply->err.code == SR_ERR_CONFLICT)
        (void)states_refuse(call, "ValidationException", "%s", reply->err.message);
    else
        (void)states_refuse_err(call, &reply->err);
}

static enum states_next update_map_run(struct states_call *call)
{
    static const char *const names[] = { ASL_RUN_CONCURRENCY, ASL_RUN_COUNT, ASL_RUN_PERCENTAGE };
    struct sr_err err = { 0 };
    const char *arn = states_arn(call, "mapRunArn", STATES_ARN_MAP_RUN, NULL);
    sr_auto(json) json_t *numbers = json_object();
    sr_auto(char) char *text = NULL;
    if (!arn)
        return STATES_ANSWER;
    bool good = jx_made(numbers, &err);
    for (size_t i = 0; good && i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(call->request, names[i]);
        if (json_is_number(value))
            good = jx_put(numbers, names[i], json_incref(value), &err);
    }
    if (good && json_object_size(numbers) == 0) {
        (void)states_refuse(call, "ValidationException", "There is nothing to update");
        return STATES_ANSWER;
    }
    if (!good || !jx_dump(numbers, false, &text, &err)) {
        (void)states_refuse_err(call, &err);
        return STATES_ANSWER;
    }
    return states_ask(call,
                      &(struct engine_request){ .kind = ENGINE_MAP_RUN, .arn = arn, .text = text },
                      updated);
}

// --- the table ---

#define ARN_FIELD(field)                                                                           \
    {                                                                                              \
        .name = field, .type = STATES_TEXT, .required = true, .min = 1, .max = 2000                \
    }

static const struct states_field describe_fields[] = { ARN_FIELD("mapRunArn"), { .name = NULL } };
static const struct states_field list_fields[] = { ARN_FIELD("executionArn"),
                                                   STATES_PAGE_FIELDS,
                                                   { .name = NULL } };
static const struct states_field update_fields[] = {
    ARN_FIELD("mapRunArn"),
    { .name = ASL_RUN_CONCURRENCY, .type = STATES_INT },
    { .name = ASL_RUN_COUNT, .type = STATES_INT },
    { .name = ASL_RUN_PERCENTAGE, .type = STATES_REAL, .max = 100 },
    { .name = NULL },
};

const struct states_op states_map_run_ops[] = {
    { "DescribeMapRun", describe_fields, describe_map_run },
    { "ListMapRuns", list_fields, list_map_runs },
    { "UpdateMapRun", update_fields, update_map_run },
    { .name = NULL },
};
