// asl.jsonl: executions recorded against AWS, run through the fold on a virtual clock with the
// recorded task results.
#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "statemachine/asl_exec.h"
#include "statemachine/asl_parse.h"
#include "tests/conformance.h"

enum { TIMERS_MAX = 1024, INPUTS_MAX = 100000 };

struct timer {
    uint64_t op;
    int64_t at_us;
    enum asl_input_kind kind;  // TIMER, TASK_TIMED_OUT, TASK_LOST
};

struct run {
    const json_t *item;
    struct sr_str *why;
    struct asl_exec *exec;
    int64_t now_us;
    uint64_t seed;
    size_t input_count;
    struct timer timers[TIMERS_MAX];
    size_t timer_count;
    json_t *used;     // state name -> array of used mock indexes
    json_t *types;    // event types
    json_t *entered;  // state names
    enum asl_status status;
    json_t *output;
    char *error, *cause;
    bool broken;
};

static void broken(struct run *run, const char *what)
{
    run->broken = true;
    conformance_say(run->why, "%s", what);
}

static void apply(struct run *run, const struct asl_input *input);

static bool was_used(const struct run *run, const char *name, size_t index)
{
    size_t i;
    json_t *used;
    json_array_foreach(json_object_get(run->used, name), i, used)
    {
        if ((size_t)json_integer_value(used) == index)
            return true;
    }
    return false;
}

// The first unused entry with an equal input; the first unused one when none is equal.
static const json_t *take_mock(struct run *run, const char *name, const json_t *payload)
{
    const json_t *mocks = json_object_get(json_object_get(run->item, "mocks"), name);
    const json_t *mock, *first = NULL;
    size_t i, chosen = 0;
    json_array_foreach(mocks, i, mock)
    {
        if (was_used(run, name, i))
            continue;
        if (conformance_equal(json_object_get(mock, "input"), payload,
                              json_object_get(mock, "input_ignore"), "")) {
            first = mock;
            chosen = i;
            break;
        }
        if (!first) {
            first = mock;
            chosen = i;
        }
    }
    if (first) {
        if (!json_object_get(run->used, name))
            json_object_set_new(run->used, name, json_array());
        json_array_append_new(json_object_get(run->used, name), json_integer((json_int_t)chosen));
    }
    return first;
}

static void add_timer(struct run *run, uint64_t op, int64_t at_us, enum asl_input_kind kind)
{
    if (run->timer_count == TIMERS_MAX)
        broken(run, "too many timers");
    else
        run->timers[run->timer_count++] = (struct timer){ op, at_us, kind };
}

static void answer(struct run *run, uint64_t op, const json_t *mock)
{
    const char *failed = json_string_value(json_object_get(mock, "failed"));
    json_t *cause_json = json_object_get(mock, "cause_json");
    char *cause_text = cause_json ? json_dumps(cause_json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    const char *cause = json_string_value(json_object_get(mock, "cause"));
    struct asl_input input = {
        .kind = failed ? ASL_INPUT_TASK_FAILED : ASL_INPUT_TASK_SUCCEEDED,
        .op = op,
        .value = json_object_get(mock, "output"),
        .error = json_string_value(json_object_get(mock, "error")),
        .cause = cause ? cause : cause_text,
    };
    if (!failed && !input.value)
        input.value = json_null();
    apply(run, &input);
    free(cause_text);
}

static void check_seconds(struct run *run, const json_t *mock, const char *key, int64_t got)
{
    const json_int_t want = json_integer_value(json_object_get(mock, key));
    if (want != got) {
        run->broken = true;
        conformance_say(run->why, "; %s %lld, want %lld", key, (long long)got, (long long)want);
    }
}

static void run_task(struct run *run, const struct asl_command *command)
{
    const char *name = command->state->name;
    const json_t *mock = take_mock(run, name, command->payload);
    if (!mock) {
        broken(run, "a task that was not recorded");
        return;
    }
    if (!conformance_equal(json_object_get(mock, "input"), command->payload,
                           json_object_get(mock, "input_ignore"), "")) {
        conformance_say(run->why, "; the input of task %s differs", name);
        conformance_say_json(run->why, "want", json_object_get(mock, "input"));
        conformance_say_json(run->why, "got", command->payload);
    }
    check_seconds(run, mock, "timeout_seconds", command->timeout_s);
    check_seconds(run, mock, "heartbeat_seconds", command->heartbeat_s);
    const uint64_t op = command->op;
    apply(run, &(struct asl_input){ .kind = ASL_INPUT_TASK_STARTED, .op = op });
    if (command->state->task.resource.pattern != ASL_PATTERN_RESPONSE)
        apply(run, &(struct asl_input){ .kind = ASL_INPUT_TASK_SUBMITTED, .op = op });
    const char *failed = json_string_value(json_object_get(mock, "failed"));
    if (json_is_true(json_object_get(mock, "pending")))
        return;
    if (failed && strlen(failed) > 8 && strcmp(failed + strlen(failed) - 8, "TimedOut") == 0) {
        if (command->timeout_s)
            add_timer(run, op, run->now_us + command->timeout_s * 1000000,
                      ASL_INPUT_TASK_TIMED_OUT);
        if (command->heartbeat_s)
            add_timer(run, op, run->now_us + command->heartbeat_s * 1000000, ASL_INPUT_TASK_LOST);
        return;
    }
    answer(run, op, mock);
}

static void note_events(struct run *run, const struct asl_effects *effects)
{
    for (size_t i = 0; i < effects->event_count; i++) {
        const struct asl_event *event = &effects->events[i];
        const char *name = asl_event_name(event->type);
        if (event->child)
            continue;
        json_array_append_new(run->types, json_string(name));
        if (strstr(name, "StateEntered"))
            json_array_append(run->entered, json_object_get(event->details, "name"));
    }
}

static void do_command(struct run *run, const struct asl_command *command)
{
    switch (command->kind) {
    case ASL_COMMAND_TASK: run_task(run, command); break;
    case ASL_COMMAND_TIMER: add_timer(run, command->op, command->at_us, ASL_INPUT_TIMER); break;
    case ASL_COMMAND_CONTINUE: apply(run, &(struct asl_input){ .kind = ASL_INPUT_CONTINUE }); break;
    case ASL_COMMAND_END:
        run->status = command->status;
        run->output = json_incref(command->payload);
        run->error = command->error ? strdup(command->error) : NULL;
        run->cause = command->cause ? strdup(command->cause) : NULL;
        break;
    case ASL_COMMAND_READ_ITEMS:
    case ASL_COMMAND_WRITE_RESULTS: broken(run, "readers and writers are not recorded"); break;
    case ASL_COMMAND_TASK_CANCEL:
    case ASL_COMMAND_TIMER_CANCEL:
    case ASL_COMMAND_MAP_RUN:
    case ASL_COMMAND_CHILD: break;
    }
}

static void apply(struct run *run, const struct asl_input *from)
{
    struct sr_err err = { 0 };
    sr_auto(asl_effects) struct asl_effects effects = { 0 };
    struct asl_input input = *from;
    input.now_us = run->now_us;
    input.seed = ++run->seed;
    if (run->broken || ++run->input_count > INPUTS_MAX)
        return;
    if (!asl_exec_apply(run->exec, &input, &effects, &err)) {
        broken(run, err.message);
        return;
    }
    note_events(run, &effects);
    for (size_t i = 0; i < effects.command_count; i++)
        do_command(run, &effects.commands[i]);
}

// Lets time pass until nothing is due any more.
static void let_time_pass(struct run *run)
{
    while (!run->broken && asl_exec_status(run->exec) == ASL_RUNNING && run->timer_count) {
        size_t first = 0;
        for (size_t i = 1; i < run->timer_count; i++) {
            if (run->timers[i].at_us < run->timers[first].at_us)
                first = i;
        }
        const struct timer timer = run->timers[first];
        run->timers[first] = run->timers[--run->timer_count];
        run->now_us = timer.at_us > run->now_us ? timer.at_us : run->now_us;
        apply(run, &(struct asl_input){ .kind = timer.kind, .op = timer.op });
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static json_t *sorted(const json_t *list)
{
    const size_t count = json_array_size(list);
    json_t **items = calloc(count + 1, sizeof(json_t *));
    json_t *copy = json_array();
    for (size_t i = 0; i < count; i++)
        items[i] = json_array_get(list, i);
    qsort(items, count, sizeof(json_t *), by_text);
    for (size_t i = 0; i < count; i++)
        json_array_append(copy, items[i]);
    free(items);
    return copy;
}

static json_t *reversed(const json_t *list)
{
    json_t *copy = json_array();
    for (size_t i = json_array_size(list); i > 0; i--)
        json_array_append(copy, json_array_get(list, i - 1));
    return copy;
}

static bool same_list(const json_t *want, json_t *got, bool any_order)
{
    if (!want)
        return true;
    sr_auto(json) json_t *a = any_order ? sorted(want) : json_incref((json_t *)(uintptr_t)want);
    sr_auto(json) json_t *b = any_order ? sorted(got) : json_incref(got);
    return json_equal(a, b);
}

static void check_history(struct run *run)
{
    const char *order = json_string_value(json_object_get(run->item, "history_order"));
    const bool any = order && strcmp(order, "any") == 0;
    const json_t *types = json_object_get(run->item, "expect_history_types");
    const char *first = json_string_value(json_array_get(types, 0));
    const bool backwards = first && strcmp(first, "ExecutionStarted") != 0;
    sr_auto(json) json_t *got = backwards ? reversed(run->types) : json_incref(run->types);
    sr_auto(json) json_t *entered = backwards ? reversed(run->entered) : json_incref(run->entered);
    if (!same_list(types, got, any)) {
        run->broken = true;
        conformance_say_json(run->why, "history: want", types);
        conformance_say_json(run->why, "got", got);
    } else if (!same_list(json_object_get(run->item, "expect_states_entered"), entered, any)) {
        run->broken = true;
        conformance_say_json(run->why, "states entered", entered);
    }
}

// Texts are AWS's own: a difference is noted, no failure.
static void note_cause(struct run *run, const json_t *expect)
{
    const char *cause = json_string_value(json_object_get(expect, "cause"));
    const char *part = json_string_value(json_object_get(expect, "cause_contains"));
    if ((cause && (!run->cause || strcmp(run->cause, cause) != 0)) ||
        (part && (!run->cause || !strstr(run->cause, part))))
        conformance_say(run->why, "; cause: want '%s', got '%s'", cause ? cause : part,
                        run->cause ? run->cause : "");
}

static void check_outcome(struct run *run)
{
    const json_t *expect = json_object_get(run->item, "expect");
    const char *status = json_string_value(json_object_get(expect, "status"));
    const char *error = json_string_value(json_object_get(expect, "error"));
    const json_t *output = json_object_get(expect, "output");
    if (strcmp(status, asl_status_name(run->status)) != 0) {
        run->broken = true;
        conformance_say(run->why, "; status %s, want %s; %s: %s", asl_status_name(run->status),
                        status, run->error ? run->error : "", run->cause ? run->cause : "");
    } else if (output && !conformance_equal(output, run->output, json_object_get(expect, "ignore"),
                                            "/output")) {
        run->broken = true;
        conformance_say_json(run->why, "output: want", output);
        conformance_say_json(run->why, "got", run->output);
    } else if (!error != !run->error || (error && strcmp(error, run->error) != 0)) {
        run->broken = true;
        conformance_say(run->why, "; error '%s', want '%s'", run->error ? run->error : "",
                        error ? error : "");
    }
    note_cause(run, expect);
}

static void run_parsed(struct run *run, const struct asl_def *def, bool express, bool sync)
{
    struct sr_err err = { 0 };
    const struct asl_exec_params params = {
        .def = def,
        .execution_arn = "arn:aws:states:us-east-1:111111111111:execution:machine:run",
        .execution_name = "run",
        .role_arn = express
                        ? "sfn_role_arn"
                        : "arn:aws:iam::111111111111:role/sfn_role",  // as the recordings spell it
        .machine_arn = "arn:aws:states:us-east-1:111111111111:stateMachine:machine",
        .machine_name = "machine",
        .no_redrive_count = sync,
    };
    if (!asl_exec_new(&params, &run->exec, &err)) {
        broken(run, err.message);
        return;
    }
    apply(run, &(struct asl_input){ .kind = ASL_INPUT_START,
                                    .value = json_object_get(run->item, "input") });
    let_time_pass(run);
    if (run->broken)
        return;
    check_outcome(run);
    check_history(run);
}

static enum conformance_result run_asl(const json_t *item, struct sr_str *why)
{
    struct sr_err err = { 0 };
    const char *language = json_string_value(json_object_get(item, "query_language"));
    if (!language || strcmp(language, "JSONPath") != 0)
        return CONFORMANCE_SKIP;
    const char *type = json_string_value(json_object_get(item, "type"));
    const char *api = json_string_value(json_object_get(item, "api"));
    char *text = json_dumps(json_object_get(item, "definition"), JSON_COMPACT);
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    sr_auto(asl_def) struct asl_def *def = NULL;
    struct run *run = calloc(1, sizeof *run);
    *run = (struct run){ .item = item,
                         .why = why,
                         .now_us = 1767225600000000,
                         .used = json_object(),
                         .types = json_array(),
                         .entered = json_array() };
    const enum asl_machine_type machine =
        type && strcmp(type, "EXPRESS") == 0 ? ASL_EXPRESS : ASL_STANDARD;
    if (!asl_parse_text(text, strlen(text), machine, &faults, &def, &err))
        broken(run, err.message);
    else if (faults.count)
        broken(run, faults.items[0].message);
    else
        run_parsed(run, def, machine == ASL_EXPRESS, api && strcmp(api, "StartSyncExecution") == 0);
    const bool failed = run->broken;
    asl_exec_free(run->exec);
    json_decref(run->used);
    json_decref(run->types);
    json_decref(run->entered);
    json_decref(run->output);
    free(run->error);
    free(run->cause);
    free(run);
    free(text);
    return failed ? CONFORMANCE_FAIL : CONFORMANCE_PASS;
}

const struct conformance_file conformance_asl = { "asl.jsonl", "id", run_asl };
