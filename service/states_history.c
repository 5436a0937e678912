// What an execution was and did: DescribeExecution, its history, the machine it was started with.
#include <inttypes.h>
#include <string.h>

#include "service/states_priv.h"

// What is known of an execution, also of a map run's child execution, by its ARN.
struct execution {
    int64_t id, revision;         // of a child: its parent's
    uint64_t child;               // 0: none
    int64_t first_seq, last_seq;  // of the log; last_seq INT64_MAX: not yet known
    json_t *json;                 // what DescribeExecution says
};
static void execution_done(struct execution *execution)
{
    json_decref(execution->json);
    *execution = (struct execution){ 0 };
}
SR_DEFINE_AUTO_VALUE(execution, struct execution, execution_done);

// --- finding one ---

// Spec: RedriveExecution: what has failed, timed out or was aborted can be redriven; a child
// execution (`how` REDRIVABLE_BY_MAP_RUN) only together with its map run.
static bool put_redrive(json_t *json, const char *how, enum asl_status status, int64_t count,
                        int64_t at_us, struct sr_err *err)
{
    const bool may = status != ASL_RUNNING && status != ASL_SUCCEEDED;
    sr_auto(char) char *reason =
        sr_strf(err, "Execution is %s and cannot be redriven", asl_status_name(status));
    return reason && jx_put(json, "redriveCount", json_integer((json_int_t)count), err) &&
           jx_put(json, "redriveStatus", json_string(may ? how : "NOT_REDRIVABLE"), err) &&
           (may || jx_put(json, "redriveStatusReason", json_string(reason), err)) &&
           (!at_us || jx_put(json, "redriveDate", states_time(at_us), err));
}

static bool put_data(json_t *json, const char *key, const char *text, bool included,
                     struct sr_err *err)
{
    char details[32];
    if (!text)
        return true;
    return (!included || jx_put(json, key, json_string(text), err)) &&
           sr_format(details, sizeof details, "%sDetails", key) &&
           jx_put(json, details, json_pack("{s:b}", "included", included), err);
}

static bool whole_data(const struct states_call *call)
{
    const char *included = states_text(call, "includedData");
    return !included || strcmp(included, "ALL_DATA") == 0;
}

struct finding {
    const struct states_call *call;
    struct execution *found;
    bool describe;
};

static bool found_execution(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct finding *finding = self;
    const enum asl_status status = (enum asl_status)execution->status;
    const bool data = whole_data(finding->call);
    *finding->found = (struct execution){ .id = execution->id,
                                          .revision = execution->revision,
                                          .last_seq = INT64_MAX };
    if (!finding->describe)
        return true;
    sr_auto(json) json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:s*, s:s*}", "executionArn", execution->arn, "stateMachineArn",
        execution->machine, "name", execution->name, "status", asl_status_name(status), "startDate",
        states_time(execution->started_us), "stateMachineVersionArn", execution->version,
        "stateMachineAliasArn", execution->alias);
    const bool fails = status == ASL_FAILED || status == ASL_ABORTED;
    if (!jx_made(json, err) ||
        (execution->stopped_us &&
         !jx_put(json, "stopDate", states_time(execution->stopped_us), err)) ||
        !put_data(json, "input", execution->input, data, err) ||
        !put_data(json, "output", execution->output, data, err) ||
        (fails && execution->error && !jx_put(json, "error", json_string(execution->error), err)) ||
        (fails && execution->cause && !jx_put(json, "cause", json_string(execution->cause), err)) ||
        !put_redrive(json, "REDRIVABLE", status, execution->redrive_count, execution->redriven_us,
                     err))
        return false;
    finding->found->json = sr_take(json);
    return true;
}

// --- child executions of map runs: what they are stands in their parent's log ---

static bool found_child(void *self, const struct store_child *child, struct sr_err *err)
{
    struct finding *finding = self;
    const enum asl_status status = (enum asl_status)child->status;
    const char *name = strrchr(child->arn, ':');
    *finding->found =
        (struct execution){ .id = child->execution,
                            .child = child->op,
                            .first_seq = child->first_seq,
                            .last_seq = child->last_seq ? child->last_seq : INT64_MAX };
    if (!finding->describe)
        return true;
    sr_auto(json) json_t *json =
        json_pack("{s:s, s:s, s:s, s:o, s:I}", "executionArn", child->arn, "name",
                  name ? name + 1 : "", "status", asl_status_name(status), "startDate",
                  states_time(child->started_us), "itemCount", (json_int_t)child->items);
    if (!jx_made(json, err) ||
        (child->stopped_us && !jx_put(json, "stopDate", states_time(child->stopped_us), err)) ||
        !put_redrive(json, "REDRIVABLE_BY_MAP_RUN", status, child->redrive_count,
                     child->redriven_us, err))
        return false;
    finding->found->json = sr_take(json);
    return true;
}

// The events of one history in a log entry.
typedef bool (*event_fn)(void *self, int64_t seq, size_t index, const struct asl_event *event,
                         struct sr_err *err);
struct reading {
    const struct execution *of;
    bool backwards;
    event_fn fn;
    void *self;
};

static bool read_event(struct reading *reading, int64_t seq, const json_t *events, size_t index,
                       struct sr_err *err)
{
    const json_t *stored = json_array_get(events, index);
    struct asl_event event;
    if ((uint64_t)json_integer_value(json_array_get(stored, 2)) != reading->of->child)
        return true;
    if (!asl_event_from_json(stored, &event, err))
        return false;
    const bool good = reading->fn(reading->self, seq, index, &event, err);
    json_decref(event.details);
    return good;
}

static bool read_entry(void *self, int64_t seq, const char *text, struct sr_err *err)
{
    struct reading *reading = self;
    sr_auto(json) json_t *entry = NULL;
    if (seq > reading->of->last_seq)
        return sr_fail(err, SR_ERR_LIMIT, "the end");
    if (!jx_parse(text, strlen(text), false, &entry, err))
        return false;
    const json_t *events = json_object_get(entry, "events");
    const size_t count = json_array_size(events);
    for (size_t i = 0; i < count; i++) {
        if (!read_event(reading, seq, events, reading->backwards ? count - 1 - i : i, err))
            return false;
    }
    return true;
}

// Reading may end early: with LIMIT.
static bool read_events(const struct store *store, struct reading *reading, int64_t from,
                        struct sr_err *err)
{
    return store->ops->log_from(store->self, reading->of->id, from, reading->backwards, read_entry,
                                reading, err) ||
           err->code == SR_ERR_LIMIT;
}

// Input and outcome of a child execution, from its first and last event.
static bool put_outcome(void *self, int64_t seq, size_t index, const struct asl_event *event,
                        struct sr_err *err)
{
    struct finding *finding = self;
    json_t *json = finding->found->json;
    (void)seq;
    (void)index;
    const bool data = whole_data(finding->call);
    static const char *const payloads[] = { "input", "output" };
    static const char *const texts[] = { "error", "cause" };
    static const char *const outcome[] = { "output", "outputDetails", "error", "cause" };
    for (size_t i = 0; event->type == ASL_EVENT_ExecutionRedriven && i < 4; i++)
        (void)json_object_del(json, outcome[i]);  // it need not have all of them
    const bool ends = strncmp(asl_event_name(event->type), "Execution", 9) == 0;
    for (size_t i = 0; ends && i < 2; i++) {
        const json_t *payload = json_object_get(event->details, payloads[i]);
        json_t *plain = json_object_get(event->details, texts[i]);
        sr_auto(char) char *text = NULL;
        if ((payload && (!jx_dump(payload, false, &text, err) ||
                         !put_data(json, payloads[i], text, data, err))) ||
            (plain && !jx_put(json, texts[i], json_incref(plain), err)))
            return false;
    }
    return true;
}

static bool put_run_arn(void *self, const struct store_map_run *run, struct sr_err *err)
{
    return jx_put(self, "mapRunArn", json_string(run->arn), err);
}

static bool put_parent(void *self, const struct store_execution *execution, struct sr_err *err)
{
    return jx_put(self, "stateMachineArn", json_string(execution->machine), err);
}

static bool note_run(void *self, const struct store_child *child, struct sr_err *err)
{
    (void)err;
    *(uint64_t *)self = child->run;
    return true;
}

static bool describe_child(struct finding *finding, const struct store *store, const char *arn,
                           struct sr_err *err)
{
    struct execution *found = finding->found;
    struct reading reading = { .of = found, .fn = put_outcome, .self = finding };
    uint64_t run = 0;
    return store->ops->child_get(store->self, arn, note_run, &run, err) &&
           store->ops->map_run_get_op(store->self, found->id, run, put_run_arn, found->json, err) &&
           store->ops->execution_get_id(store->self, found->id, put_parent, found->json, err) &&
           read_events(store, &reading, found->first_seq, err);
}

static bool find_child(struct finding *finding, const struct store *store, const char *arn,
                       struct sr_err *err)
{
    return store->ops->child_get(store->self, arn, found_child, finding, err) &&
           (!finding->describe || describe_child(finding, store, arn, err));
}

static bool note_revision(void *self, const struct store_execution *execution, struct sr_err *err)
{
    (void)err;
    *(int64_t *)self = execution->revision;
    return true;
}

// Refused with ExecutionDoesNotExist. `describe`: also fills `json`.
static bool get_execution(struct states_call *call, const struct store *store, const char *arn,
                          bool describe, struct execution *ret_execution, struct sr_err *err)
{
    struct finding finding = { call, ret_execution, describe };
    if (store->ops->execution_get(store->self, arn, found_execution, &finding, err))
        return true;
    if (err->code != SR_ERR_NOT_FOUND)
        return false;
    *err = (struct sr_err){ 0 };
    if (find_child(&finding, store, arn, err)) {
        *err = (struct sr_err){ 0 };
        return store->ops->execution_get_id(store->self, ret_execution->id, note_revision,
                                            &ret_execution->revision, err);
    }
    if (err->code != SR_ERR_NOT_FOUND)
        return false;
    *err = (struct sr_err){ 0 };
    return states_no_execution(call, arn);
}

// --- DescribeExecution ---

static bool check_arn(struct states_call *call)
{
    struct states_arn arn;
    if (!states_arn(call, "executionArn", STATES_ARN_EXECUTION | STATES_ARN_EXPRESS, &arn))
        return false;
    return arn.kind == STATES_ARN_EXECUTION ||
           states_refuse(call, "StateMachineTypeNotSupported",
                         "This operation is not supported by this type of state machine");
}

static enum states_next describe_execution(struct states_call *call)
{
    struct sr_err err = { 0 };
    sr_auto(execution) struct execution found = { 0 };
    if (!check_arn(call))
        return STATES_ANSWER;
    const struct store *reader = states_reader_lock(call->api);
    const bool got =
        get_execution(call, reader, states_text(call, "executionArn"), true, &found, &err);
    states_reader_unlock(call->api);
    if (got)
        return states_result(call, json_incref(found.json));
    if (!call->error)
        (void)states_refuse_err(call, &err);
    return STATES_ANSWER;
}

// --- GetExecutionHistory ---

struct page {
    struct states_list *list;
    bool payloads, backwards;
    int64_t seq;  // the last entry's place; -1: none
    size_t index;
};

static bool add_event(void *self, int64_t seq, size_t index, const struct asl_event *event,
                      struct sr_err *err)
{
    struct page *page = self;
    char position[48];
    json_t *json;
    const bool shown =
        seq == page->seq && (page->backwards ? index >= page->index : index <= page->index);
    if (shown)
        return true;
    if (!sr_format(position, sizeof position, "%" PRId64 ".%zu", seq, index))
        return sr_fail(err, SR_ERR_INTERNAL, "a position");
    return asl_event_to_client(event, page->payloads, &json, err) &&
           states_list_add(page->list, json, position, err);
}

static bool history_read(const struct store *reader, struct states_list *list, const char *start,
                         struct sr_err *err)
{
    struct states_call *call = list->call;
    const json_t *payloads = json_object_get(call->request, "includeExecutionData");
    sr_auto(execution) struct execution found = { 0 };
    struct page page = { .list = list,
                         .payloads = !json_is_false(payloads),
                         .backwards = states_bool(call, "reverseOrder"),
                         .seq = -1 };
    struct reading reading = {
        .of = &found, .backwards = page.backwards, .fn = add_event, .self = &page
    };
    if (!get_execution(call, reader, states_text(call, "executionArn"), false, &found, err))
        return false;
    if (*start && sscanf(start, "%" SCNd64 ".%zu", &page.seq, &page.index) != 2)
        return sr_fail(err, SR_ERR_INTERNAL, "a position");
    const int64_t first = page.backwards ? found.last_seq : found.first_seq;
    return read_events(reader, &reading, *start ? page.seq : first, err);
}

static enum states_next get_execution_history(struct states_call *call)
{
    return check_arn(call) ? states_list(call, "events", history_read) : STATES_ANSWER;
}

// --- DescribeStateMachineForExecution ---

struct describing {
    json_t *json;
    bool metadata_only;
};

static bool describe_machine(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct describing *to = self;
    return states_machine_json(machine, to->metadata_only, &to->json, err) &&
           jx_put(to->json, "stateMachineArn", json_string(machine->arn), err) &&
           jx_put(to->json, "updateDate", states_time(machine->revised_us), err);
}

static enum states_next describe_for_execution(struct states_call *call)
{
    struct sr_err err = { 0 };
    sr_auto(execution) struct execution found = { 0 };
    struct describing to = { .metadata_only = !whole_data(call) };
    if (!check_arn(call))
        return STATES_ANSWER;
    const struct store *reader = states_reader_lock(call->api);
    bool got = get_execution(call, reader, states_text(call, "executionArn"), true, &found, &err) &&
               reader->ops->revision_get(reader->self, found.revision, describe_machine, &to, &err);
    states_reader_unlock(call->api);
    json_t *run = json_object_get(found.json, "mapRunArn");
    if (got && run)
        got = jx_put(to.json, "mapRunArn", json_incref(run), &err);
    if (got)
        return states_result(call, to.json);
    json_decref(to.json);
    if (!call->error)
        (void)states_refuse_err(call, &err);
    return STATES_ANSWER;
}

// --- the table ---

#define ARN_FIELD                                                                                  \
    {                                                                                              \
        .name = "executionArn", .type = STATES_TEXT, .required = true, .min = 1,                   \
        .max = STATES_ARN_MAX                                                                      \
    }

static const char *const included_words[] = { "ALL_DATA", "METADATA_ONLY", NULL };
static const struct states_field describe_fields[] = {
    ARN_FIELD,
    { .name = "includedData", .type = STATES_TEXT, .words = included_words },
    { .name = NULL },
};
static const struct states_field history_fields[] = {
    ARN_FIELD,
    { .name = "reverseOrder", .type = STATES_BOOL },
    { .name = "includeExecutionData", .type = STATES_BOOL },
    STATES_PAGE_FIELDS,
    { .name = NULL },
};

const struct states_op states_history_ops[] = {
    { "DescribeExecution", describe_fields, describe_execution },
    { "GetExecutionHistory", history_fields, get_execution_history },
    { "DescribeStateMachineForExecution", describe_fields, describe_for_execution },
    { .name = NULL },
};
