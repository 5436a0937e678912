#include "tests/random_flow.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "statemachine/engine_activity.h"

enum { NAME_BYTES = 32, NAMES_SOFT_MAX = 60, UNITS_MAX = 5 };

uint64_t random_flow_draw(struct random_flow *flow, uint64_t below)
{
    return asl_random_next(&flow->random) % below;
}

static bool one_in(struct random_flow *flow, uint64_t count)
{
    return random_flow_draw(flow, count) == 0;
}

#define PICK(flow, table) (table)[random_flow_draw(flow, sizeof(table) / sizeof *(table))]

static void put(json_t *object, const char *key, json_t *value)
{
    const int status = json_object_set_new(object, key, value);
    assert(status == 0);
    (void)status;
}

static void put_text(json_t *object, const char *key, const char *text)
{
    put(object, key, json_string(text));
}

static void put_number(json_t *object, const char *key, uint64_t number)
{
    put(object, key, json_integer((json_int_t)number));
}

static json_t *state_of(const char *type)
{
    return json_pack("{s:s}", "Type", type);
}

static void name_state(struct random_flow *flow, char name[NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, "S%zu", flow->name_count++);
}

// Where a unit stands: from `at` it goes to `next`, or skips to `end`.
struct place {
    json_t *states;
    const char *at, *next, *end;
    size_t depth;  // of the groups that may still nest in it
};

static void add(const struct place *place, json_t *state)
{
    put_text(state, "Next", place->next);
    put(place->states, place->at, state);
}

// --- what a Task, Parallel or Map does about failures ---

static json_t *retrier(struct random_flow *flow, const char *error, uint64_t attempts_max)
{
    json_t *made = json_pack("{s:[s]}", "ErrorEquals", error);
    put_number(made, "MaxAttempts", random_flow_draw(flow, attempts_max + 1));
    put_number(made, "IntervalSeconds", random_flow_draw(flow, 5) + 1);
    if (one_in(flow, 2))
        put(made, "BackoffRate", json_real(1.0 + (double)random_flow_draw(flow, 3) / 2));
    if (one_in(flow, 3))
        put_number(made, "MaxDelaySeconds", 7);
    if (one_in(flow, 2))
        put_text(made, "JitterStrategy", one_in(flow, 2) ? "FULL" : "NONE");
    return made;
}

static json_t *catcher(const char *error, const char *next, const char *path)
{
    json_t *made = json_pack("{s:[s], s:s}", "ErrorEquals", error, "Next", next);
    put(made, "ResultPath", path ? json_string(path) : json_null());
    return made;
}

static void put_wild_handling(struct random_flow *flow, json_t *state, const struct place *place)
{
    static const char *const names[] = { "E", "F", "States.TaskFailed", "States.Timeout",
                                         "States.HeartbeatTimeout" };
    json_t *retriers = json_array(), *catchers = json_array();
    if (one_in(flow, 2))
        json_array_append_new(retriers, retrier(flow, PICK(flow, names), 3));
    if (one_in(flow, 4))
        json_array_append_new(retriers, retrier(flow, "States.ALL", 2));
    if (one_in(flow, 2))
        json_array_append_new(catchers, catcher(PICK(flow, names), place->next, "$.caught"));
    if (one_in(flow, 4))
        json_array_append_new(catchers, catcher("States.ALL", place->end, "$.caught"));
    if (json_array_size(retriers))
        put(state, "Retry", json_incref(retriers));
    if (json_array_size(catchers))
        put(state, "Catch", json_incref(catchers));
    json_decref(retriers);
    json_decref(catchers);
}

// `is_lost`: workers may vanish with it; `is_final`: whatever it fails with ends here.
static void put_settled_handling(struct random_flow *flow, json_t *state, const struct place *place,
                                 bool is_lost, bool is_final)
{
    json_t *retriers = json_array();
    if (is_lost)
        json_array_append_new(retriers,
                              json_pack("{s:[s], s:i, s:i, s:i}", "ErrorEquals", "States.Timeout",
                                        "IntervalSeconds", 1, "BackoffRate", 1, "MaxAttempts", 99));
    if (!is_final && one_in(flow, 2))
        json_array_append_new(retriers, retrier(flow, "E", 2));
    if (json_array_size(retriers))
        put(state, "Retry", json_incref(retriers));
    json_decref(retriers);
    if (is_final)
        put(state, "Catch", json_pack("[o]", catcher("States.ALL", place->next, NULL)));
    else if (one_in(flow, 2))
        put(state, "Catch",
            json_pack("[o]", catcher(one_in(flow, 2) ? "E" : "States.ALL",
                                     one_in(flow, 4) ? place->end : place->next, NULL)));
}

// --- units without children ---

static void unit_pass(struct random_flow *flow, const struct place *place)
{
    static const char *const functions[] = {
        "States.Array($.n, $.s)",
        "States.ArrayPartition($.list, 2)",
        "States.ArrayContains($.list, $.n)",
        "States.ArrayRange(1, 9, 2)",
        "States.ArrayGetItem($.list, 0)",
        "States.ArrayLength($.list)",
        "States.ArrayUnique($.list)",
        "States.Base64Encode($.s)",
        "States.Base64Decode('YWJj')",
        "States.Hash($.s, 'SHA-256')",
        "States.JsonMerge($.o, $.o, false)",
        "States.JsonToString($.list)",
        "States.StringToJson('[1]')",
        "States.MathAdd($.n, 1)",
        "States.StringSplit($.s, ',')",
        "States.Format('{} of {}', $.n, $.s)",
    };
    static const char *const wild[] = { "States.UUID()", "States.MathRandom(0, 9)",
                                        "States.ArrayGetItem($.list, 99)", "$.absent",
                                        "$$.State.EnteredTime" };
    json_t *state = state_of("Pass");
    put_text(state, "ResultPath", "$.r");
    if (one_in(flow, 4))
        put(state, "Result", json_pack("{s:i}", "k", 7));
    else
        put(state, "Parameters",
            json_pack("{s:s}", "v.$",
                      !flow->settled && one_in(flow, 8) ? PICK(flow, wild)
                                                        : PICK(flow, functions)));
    add(place, state);
}

// A variable, and then what is in it.
static void unit_assign(struct random_flow *flow, const struct place *place)
{
    char name[NAME_BYTES];
    name_state(flow, name);
    add(&(struct place){ place->states, place->at, name, place->end, 0 },
        json_pack("{s:s, s:{s:s}}", "Type", "Pass", "Assign", "v.$", "$.n"));
    add(&(struct place){ place->states, name, place->next, place->end, 0 },
        json_pack("{s:s, s:{s:s}, s:s}", "Type", "Pass", "Parameters", "v.$", "$v", "ResultPath",
                  "$.r"));
}

// `n` grows by one.
static void unit_grow(struct random_flow *flow, const struct place *place)
{
    char name[NAME_BYTES];
    name_state(flow, name);
    add(&(struct place){ place->states, place->at, name, place->end, 0 },
        json_pack("{s:s, s:{s:s}, s:s}", "Type", "Pass", "Parameters", "v.$",
                  "States.MathAdd($.n, 1)", "ResultPath", "$.r"));
    add(&(struct place){ place->states, name, place->next, place->end, 0 },
        json_pack("{s:s, s:s, s:s}", "Type", "Pass", "InputPath", "$.r.v", "ResultPath", "$.n"));
}

static void unit_wait(struct random_flow *flow, const struct place *place)
{
    json_t *state = state_of("Wait");
    switch (random_flow_draw(flow, 5)) {
    case 0: put_text(state, "SecondsPath", "$.n"); break;
    case 1: put_text(state, "Timestamp", "2026-01-01T00:01:00Z"); break;
    case 2: put_text(state, "TimestampPath", "$$.Execution.StartTime"); break;
    default: put_number(state, "Seconds", random_flow_draw(flow, 100)); break;
    }
    add(place, state);
}

static json_t *rule(struct random_flow *flow, size_t depth)
{
    switch (random_flow_draw(flow, depth ? 13 : 10)) {
    case 0: return json_pack("{s:s, s:i}", "Variable", "$.n", "NumericGreaterThan", 2);
    case 1:
        return json_pack("{s:s, s:s}", "Variable", "$.n", "NumericLessThanEqualsPath", "$.list[0]");
    case 2: return json_pack("{s:s, s:s}", "Variable", "$.s", "StringEquals", "a,b");
    case 3: return json_pack("{s:s, s:s}", "Variable", "$.s", "StringMatches", "b*");
    case 4: return json_pack("{s:s, s:b}", "Variable", "$.caught", "IsPresent", 1);
    case 5: return json_pack("{s:s, s:b}", "Variable", "$.n", "IsNumeric", 0);
    case 6: return json_pack("{s:s, s:s}", "Variable", "$.s", "StringLessThan", "b");
    case 7: return json_pack("{s:s, s:b}", "Variable", "$.o.a", "BooleanEquals", 1);
    case 8: return json_pack("{s:s, s:i}", "Variable", "$.n", "NumericEquals", 3);
    case 9:
        return json_pack("{s:s, s:s}", "Variable", "$$.Execution.StartTime", "TimestampLessThan",
                         "2001-01-01T00:00:00Z");
    case 10: return json_pack("{s:[o, o]}", "And", rule(flow, depth - 1), rule(flow, depth - 1));
    case 11: return json_pack("{s:[o, o]}", "Or", rule(flow, depth - 1), rule(flow, depth - 1));
    default: return json_pack("{s:o}", "Not", rule(flow, depth - 1));
    }
}

static void unit_choice(struct random_flow *flow, const struct place *place)
{
    json_t *choices = json_array();
    for (uint64_t i = random_flow_draw(flow, 2) + 1; i > 0; i--) {
        json_t *made = rule(flow, 2);
        put_text(made, "Next", one_in(flow, 2) ? place->end : place->next);
        json_array_append_new(choices, made);
    }
    put(place->states, place->at,
        json_pack("{s:s, s:o, s:s}", "Type", "Choice", "Choices", choices, "Default", place->next));
}

// --- tasks ---

static void put_deadlines(struct random_flow *flow, json_t *state)
{
    switch (random_flow_draw(flow, 4)) {
    case 0: put_text(state, "TimeoutSecondsPath", "$.n"); break;
    case 1: put_number(state, "TimeoutSeconds", 60); break;
    case 2:
        put_number(state, "TimeoutSeconds", 60);
        put_number(state, "HeartbeatSeconds", 10);
        break;
    default: put_text(state, "HeartbeatSecondsPath", "$.list[0]"); break;
    }
}

static json_t *payload(struct random_flow *flow, bool only_always)
{
    static const int some[] = { 0, 0, 0, 1, 2, 99 }, always[] = { 0, 0, 0, 99 };
    return json_pack("{s:s, s:s, s:i}", "n.$", "$.n", "tries.$", "$$.State.RetryCount", "fails",
                     only_always ? PICK(flow, always) : PICK(flow, some));
}

static void unit_lambda(struct random_flow *flow, const struct place *place)
{
    json_t *state = state_of("Task");
    put_text(state, "ResultPath", "$.r");
    if (one_in(flow, 3)) {
        put_text(state, "Resource", "arn:aws:states:::lambda:invoke");
        put(state, "Parameters",
            json_pack("{s:s, s:o}", "FunctionName", RANDOM_FLOW_LAMBDA, "Payload",
                      payload(flow, false)));
        put(state, "ResultSelector", json_pack("{s:s}", "v.$", "$.Payload.n"));
    } else {
        put_text(state, "Resource", RANDOM_FLOW_LAMBDA);
        put(state, "Parameters", payload(flow, false));
        put(state, "ResultSelector", json_pack("{s:s}", "v.$", "$.n"));
    }
    if (flow->settled) {
        put_settled_handling(flow, state, place, false, false);
    } else {
        put_deadlines(flow, state);
        put_wild_handling(flow, state, place);
    }
    add(place, state);
}

// A worker may have had the task and vanished, so a retry says nothing of how often it failed.
static void unit_activity(struct random_flow *flow, const struct place *place)
{
    json_t *wanted = payload(flow, true);
    json_t *state = json_pack("{s:s, s:s, s:o, s:s}", "Type", "Task", "Resource",
                              RANDOM_FLOW_ACTIVITY, "Parameters", wanted, "ResultPath", "$.r");
    if (flow->settled)
        put(wanted, "job",
            json_pack("{s:i}", "priority", (int)random_flow_draw(flow, ENGINE_PRIORITY_MAX + 1)));
    if (flow->settled) {
        put_number(state, "HeartbeatSeconds", 5);
        put_settled_handling(flow, state, place, true, false);
    } else {
        put_deadlines(flow, state);
        put_wild_handling(flow, state, place);
    }
    add(place, state);
}

static void unit_callback(struct random_flow *flow, const struct place *place)
{
    const bool hangs = flow->settled && one_in(flow, 4);
    json_t *wanted = payload(flow, false);
    json_t *state = json_pack("{s:s, s:s, s:o, s:s}", "Type", "Task", "Resource",
                              "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters",
                              wanted, "ResultPath", "$.r");
    put_text(wanted, "token.$", "$$.Task.Token");
    if (hangs) {
        put(wanted, "hangs", json_true());
        put_number(state, "TimeoutSeconds", 20);
    }
    if (flow->settled) {
        put_settled_handling(flow, state, place, false, hangs);
    } else {
        put_deadlines(flow, state);
        put_wild_handling(flow, state, place);
    }
    add(place, state);
}

static void unit_child(struct random_flow *flow, const struct place *place)
{
    const bool waits = one_in(flow, 2);
    json_t *state =
        json_pack("{s:s, s:s, s:{s:s, s:{s:s, s:s, s:s, s:s}}, s:s}", "Type", "Task", "Resource",
                  waits ? "arn:aws:states:::states:startExecution.sync:2"
                        : "arn:aws:states:::states:startExecution",
                  "Parameters", "StateMachineArn", flow->child, "Input", "list.$", "$.list", "n.$",
                  "$.n", "s.$", "$.s", "o.$", "$.o", "ResultPath", "$.r");
    put(state, "ResultSelector",
        waits ? json_pack("{s:s, s:s}", "status.$", "$.Status", "output.$", "$.Output.n")
              : json_pack("{s:i}", "started", 1));
    put_settled_handling(flow, state, place, false, true);
    add(place, state);
}

// --- units with children ---

static json_t *make_flow(struct random_flow *flow, size_t depth);
static void add_unit(struct random_flow *flow, const struct place *place);

// A body that is walked through two or three times.
static void unit_loop(struct random_flow *flow, const struct place *place)
{
    char body[NAME_BYTES], more[NAME_BYTES], check[NAME_BYTES], path[NAME_BYTES + 4],
        value[NAME_BYTES + 8], sum[NAME_BYTES + 40];
    name_state(flow, body);
    name_state(flow, more);
    name_state(flow, check);
    (void)snprintf(path, sizeof path, "$.%s", check);
    (void)snprintf(value, sizeof value, "%s.v", path);
    (void)snprintf(sum, sizeof sum, "States.MathAdd(%s, 1)", value);
    json_t *states = place->states;
    add(&(struct place){ states, place->at, body, place->end, 0 },
        json_pack("{s:s, s:{s:i}, s:s}", "Type", "Pass", "Result", "v", 0, "ResultPath", path));
    add_unit(flow,
             &(struct place){ states, body, more, more, place->depth ? place->depth - 1 : 0 });
    add(&(struct place){ states, more, check, place->end, 0 },
        json_pack("{s:s, s:{s:s}, s:s}", "Type", "Pass", "Parameters", "v.$", sum, "ResultPath",
                  path));
    put(states, check,
        json_pack("{s:s, s:[{s:s, s:i, s:s}], s:s}", "Type", "Choice", "Choices", "Variable", value,
                  "NumericLessThan", (int)random_flow_draw(flow, 2) + 2, "Next", body, "Default",
                  place->next));
}

// All that the children gave counts, in few bytes.
static void put_result(struct random_flow *flow, json_t *state)
{
    put_text(state, "ResultPath", "$.r");
    if (flow->settled || one_in(flow, 2))
        put(state, "ResultSelector",
            json_pack("{s:s}", "h.$", "States.Hash(States.JsonToString($), 'SHA-256')"));
}

static void put_group_handling(struct random_flow *flow, json_t *state, const struct place *place,
                               bool is_final)
{
    if (flow->settled)
        put_settled_handling(flow, state, place, false, is_final);
    else
        put_wild_handling(flow, state, place);
}

static void unit_parallel(struct random_flow *flow, const struct place *place)
{
    json_t *state = state_of("Parallel"), *branches = json_array();
    for (uint64_t i = random_flow_draw(flow, 3) + 1; i > 0; i--)
        json_array_append_new(branches, make_flow(flow, place->depth - 1));
    put(state, "Branches", branches);
    put_result(flow, state);
    put_group_handling(flow, state, place, false);
    add(place, state);
}

static json_t *map_of(struct random_flow *flow, json_t *processor)
{
    json_t *state = json_pack("{s:s, s:o, s:{s:[i,i], s:s, s:s, s:{s:i}}}", "Type", "Map",
                              "ItemProcessor", processor, "ItemSelector", "list", 1, 2, "n.$",
                              "$$.Map.Item.Value", "s.$", "$.s", "o", "a", 2);
    if (one_in(flow, 3))
        put_text(state, "MaxConcurrencyPath", "$.n");
    else
        put_number(state, "MaxConcurrency", random_flow_draw(flow, 3));
    put_result(flow, state);
    return state;
}

static void unit_map(struct random_flow *flow, const struct place *place)
{
    json_t *state = map_of(flow, make_flow(flow, place->depth - 1));
    put_text(state, "ItemsPath", "$.list");
    put_group_handling(flow, state, place, false);
    add(place, state);
}

// Children get batches: their flow begins with what all items have in common.
static void put_batcher(struct random_flow *flow, json_t *state)
{
    char name[NAME_BYTES];
    json_t *processor = json_object_get(state, "ItemProcessor");
    json_t *states = json_object_get(processor, "States");
    name_state(flow, name);
    put(states, name,
        json_pack("{s:s, s:s, s:O}", "Type", "Pass", "InputPath", "$.BatchInput", "Next",
                  json_object_get(processor, "StartAt")));
    put_text(processor, "StartAt", name);
    put(state, "ItemBatcher",
        json_pack("{s:i, s:{s:[i,i], s:i, s:s, s:{s:i}}}", "MaxItemsPerBatch", 2, "BatchInput",
                  "list", 3, 4, "n", 1, "s", "a,b", "o", "a", 3));
}

static void unit_distributed(struct random_flow *flow, const struct place *place)
{
    json_t *state = map_of(flow, make_flow(flow, place->depth - 1));
    put(json_object_get(state, "ItemProcessor"), "ProcessorConfig",
        json_pack("{s:s, s:s}", "Mode", "DISTRIBUTED", "ExecutionType", "STANDARD"));
    switch (random_flow_draw(flow, 4)) {
    case 0: put_number(state, "ToleratedFailureCount", random_flow_draw(flow, 3)); break;
    case 1: put_number(state, "ToleratedFailurePercentage", random_flow_draw(flow, 101)); break;
    case 2: put_text(state, "ToleratedFailureCountPath", "$.n"); break;
    default: break;
    }
    if (one_in(flow, 3))
        put_batcher(flow, state);
    if (one_in(flow, 3))
        put(state, "ItemReader",
            json_pack("{s:s, s:{s:s}, s:{s:s, s:s}}", "Resource", "arn:aws:states:::s3:getObject",
                      "ReaderConfig", "InputType", "JSON", "Parameters", "Bucket", "b", "Key",
                      "k"));
    else
        put_text(state, "ItemsPath", "$.list");
    if (one_in(flow, 3))
        put(state, "ResultWriter",
            json_pack("{s:s, s:{s:s, s:s}}", "Resource", "arn:aws:states:::s3:putObject",
                      "Parameters", "Bucket", "b", "Prefix", "p"));
    put_group_handling(flow, state, place, true);
    add(place, state);
}

// --- flows ---

typedef void (*unit_fn)(struct random_flow *flow, const struct place *place);

static void add_unit(struct random_flow *flow, const struct place *place)
{
    static const unit_fn units[] = {
        unit_pass,     unit_assign,   unit_grow,     unit_wait,     unit_choice,
        unit_lambda,   unit_lambda,   unit_activity, unit_callback, unit_loop,
        unit_parallel, unit_parallel, unit_map,      unit_map,      unit_distributed,
    };
    enum { WITHOUT_CHILDREN = 9 };
    const bool small = place->depth == 0 || flow->name_count > NAMES_SOFT_MAX;
    if (flow->child && one_in(flow, 10)) {
        unit_child(flow, place);
        return;
    }
    units[random_flow_draw(flow, small ? WITHOUT_CHILDREN : sizeof units / sizeof *units)](flow,
                                                                                           place);
}

static json_t *last_state(struct random_flow *flow)
{
    if (!one_in(flow, 6))
        return one_in(flow, 2) ? state_of("Succeed")
                               : json_pack("{s:s, s:s}", "Type", "Succeed", "OutputPath", "$");
    json_t *state = state_of("Fail");
    if (!flow->settled && one_in(flow, 3)) {
        put_text(state, "ErrorPath", "$.s");
        put_text(state, "CausePath", "States.Format('{}', $.n)");
    } else {
        put_text(state, "Error", flow->settled || one_in(flow, 2) ? "E" : "F");
    }
    return state;
}

// A chain of units, of which some skip to its end.
static json_t *make_flow(struct random_flow *flow, size_t depth)
{
    const size_t count = random_flow_draw(flow, UNITS_MAX) + 1;
    char names[UNITS_MAX + 1][NAME_BYTES];
    json_t *states = json_object();
    for (size_t i = 0; i <= count; i++)
        name_state(flow, names[i]);
    for (size_t i = 0; i < count; i++)
        add_unit(flow, &(struct place){ states, names[i], names[i + 1], names[count], depth });
    put(states, names[count], last_state(flow));
    return json_pack("{s:s, s:o}", "StartAt", names[0], "States", states);
}

json_t *random_flow_make(struct random_flow *flow, size_t depth)
{
    json_t *definition = make_flow(flow, depth);
    if (!flow->settled && one_in(flow, 3))
        put_number(definition, "TimeoutSeconds", 3000);
    return definition;
}

json_t *random_flow_input(struct random_flow *flow)
{
    return json_pack("{s:[i,i,i], s:i, s:s, s:{s:b}}", "list", 1, 2, 3, "n",
                     (int)random_flow_draw(flow, 5), "s", one_in(flow, 2) ? "a,b" : "bc", "o", "a",
                     1);
}

enum random_flow_end random_flow_work(const json_t *payload, json_t **ret_result)
{
    const json_t *inner = json_object_get(payload, "Payload"), *asked = inner ? inner : payload;
    const json_int_t fails = json_integer_value(json_object_get(asked, "fails")),
                     tries = json_integer_value(json_object_get(asked, "tries")),
                     n = json_integer_value(json_object_get(asked, "n"));
    if (json_is_true(json_object_get(asked, "hangs")))
        return RANDOM_FLOW_HANGS;
    if (tries < fails)
        return RANDOM_FLOW_FAILED;
    *ret_result =
        inner ? json_pack("{s:{s:I}}", "Payload", "n", n + 1) : json_pack("{s:I}", "n", n + 1);
    return RANDOM_FLOW_WORKED;
}
