#include "statemachine/asl_teststate.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "statemachine/asl_data.h"
#include "statemachine/asl_mock.h"
#include "statemachine/asl_parse.h"

#define SINGLE_STATE "StateName"  // what AWS calls a state that was given without a machine

struct test {
    const struct asl_teststate_params *params;
    struct asl_failure *refusal;
    struct sr_err *err;
    struct asl_def *def;
    const struct asl_state *state;
    json_t *input, *variables, *context;
    json_t *mock_result;       // NULL: none
    const json_t *mock_error;  // {"error", "cause"}; NULL: none
    json_t *trace;
    json_t *response;
    struct asl_random random;
};

static const json_t *get(const struct test *test, const char *key)
{
    return json_object_get(test->params->request, key);
}

static bool refuse(struct test *test, const char *message)
{
    return asl_fail(test->refusal, "ValidationException", "%s", message);
}

static bool no_memory(struct test *test)
{
    return sr_fail(test->err, SR_ERR_NO_MEMORY, "testing a state");
}

static bool parse_text(struct test *test, const char *text, const char *what, json_t **ret_value)
{
    if (jx_parse(text, strlen(text), false, ret_value, test->err))
        return true;
    return test->err->code != SR_ERR_NO_MEMORY && refuse(test, what);
}

// --- the definition ---

static bool refuse_definition(struct test *test, const struct asl_faults *faults, bool single,
                              bool *ret_refused)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    for (size_t i = 0; i < faults->count; i++) {
        const struct asl_fault *fault = &faults->items[i];
        if (single && strcmp(fault->code, ASL_FAULT_TARGET) == 0)
            continue;  // a state alone may name others
        if (!sr_str_addf(&text, test->err, "%s%s: %s%s%s", text.bytes ? ", " : "", fault->code,
                         fault->message, fault->location ? " at " : "",
                         fault->location ? fault->location : ""))
            return false;
    }
    *ret_refused = text.bytes > 0;
    if (text.bytes)
        (void)asl_fail(test->refusal, "InvalidDefinition", "Invalid State Machine Definition: '%s'",
                       text.text);
    return true;
}

static bool parse_definition(struct test *test)
{
    const json_t *given = get(test, "definition");
    const char *text = json_string_value(given);
    sr_auto(json) json_t *parsed = NULL, *machine = NULL;
    if (text &&
        !parse_text(test, text, "Invalid State Machine Definition: the definition is not JSON",
                    &parsed))
        return false;
    const json_t *json = text ? parsed : given;
    const bool single = !json_object_get(json, "States");
    machine =
        single ? json_pack("{s:s, s:{s:O}}", "StartAt", SINGLE_STATE, "States", SINGLE_STATE, json)
               : json_incref((json_t *)(uintptr_t)json);
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    bool refused;
    if (!machine)
        return no_memory(test);
    if (!asl_check(machine, ASL_STANDARD, &faults, test->err) ||
        !refuse_definition(test, &faults, single, &refused) || refused ||
        !asl_parse(machine, &test->def, test->err))
        return false;
    const json_t *name = get(test, "stateName");
    if (name && (!json_is_string(name) || !*json_string_value(name)))
        return refuse(
            test,
            "1 validation error detected: Value at 'stateName' failed to satisfy constraint: Member must "
            "have length greater than or equal to 1");
    const char *wanted = name     ? json_string_value(name)
                         : single ? SINGLE_STATE
                                  : test->def->flow->start;
    test->state = asl_flow_find_deep(test->def->flow, wanted);
    return test->state || refuse(test, "State not found in definition");
}

// --- the mock and the context object ---

static bool check_result(struct test *test)
{
    const struct asl_state *state = test->state;
    const bool writes = state->type == ASL_MAP && state->map.writer;
    const char *text = json_string_value(json_object_get(get(test, "mock"), "fieldValidationMode"));
    const enum asl_mock_mode mode = !text || strcmp(text, "STRICT") == 0 ? ASL_MOCK_STRICT
                                    : strcmp(text, "PRESENT") == 0       ? ASL_MOCK_PRESENT
                                                                         : ASL_MOCK_NONE;
    if (writes && !json_is_object(test->mock_result))
        return refuse(test, "Mocked result must be a JSON object.");
    if ((state->type == ASL_MAP || state->type == ASL_PARALLEL) && !writes &&
        !json_is_array(test->mock_result))
        return refuse(test, "Mocked result must be an array.");
    if (state->type == ASL_PARALLEL && json_array_size(test->mock_result) != state->parallel.count)
        return refuse(test, "Mocked result must contain the same number of items as number of "
                            "Parallel branches.");
    sr_auto(char) char *reason = NULL;
    if (state->type == ASL_TASK &&
        !asl_mock_fits(&state->task.resource, test->mock_result, mode, &reason))
        return reason ? refuse(test, reason) : no_memory(test);
    return true;
}

static bool check_mock(struct test *test)
{
    const json_t *mock = get(test, "mock");
    const json_t *result = json_object_get(mock, "result");
    const enum asl_state_type type = test->state->type;
    test->mock_error = json_object_get(mock, "errorOutput");
    if (mock && type != ASL_TASK && type != ASL_MAP && type != ASL_PARALLEL)
        return asl_fail(test->refusal, "ValidationException",
                        "State type '%s' is not supported when a mock is specified",
                        asl_state_type_name(type));
    if (!mock && (type == ASL_MAP || type == ASL_PARALLEL))
        return asl_fail(
            test->refusal, "InvalidDefinition",
            "TestState API does not support Map or Parallel states. Supported state types include: [Task, "
            "Wait, Pass, Succeed, Fail, Choice]");
    if (mock && json_is_true(get(test, "revealSecrets")))
        return refuse(test, "TestState does not support RevealSecrets when a mock is specified.");
    if (result && test->mock_error)
        return refuse(
            test,
            "A test mock should have only one of the following fields: [result, errorOutput].");
    if (!mock && type == ASL_TASK)
        return refuse(test, "A mock must be specified for a Task state");
    if (!result)
        return true;
    if (!json_is_string(result))
        return refuse(test, "Mocked result must be valid JSON");
    return parse_text(test, json_string_value(result), "Mocked result must be valid JSON",
                      &test->mock_result) &&
           check_result(test);
}

static bool check_context(struct test *test)
{
    static const char *const allowed[] = { "Execution", "State", "StateMachine", "Task", NULL };
    const struct asl_state *state = test->state;
    const bool has_task =
        state->type == ASL_TASK && state->task.resource.pattern != ASL_PATTERN_RESPONSE;
    const char *key;
    json_t *value;
    if (!json_is_object(test->context))
        return refuse(test, "Invalid Context object provided: it must be a JSON object");
    json_object_foreach(test->context, key, value)
    {
        size_t i = 0;
        while (allowed[i] && strcmp(allowed[i], key) != 0)
            i++;
        if (strcmp(key, "Map") == 0)
            return refuse(
                test,
                "Invalid Context object provided: 'Map' field is not supported when mocking a Context "
                "object");
        if (!allowed[i])
            return asl_fail(test->refusal, "ValidationException",
                            "Invalid Context object provided: Field '%s' is not allowed", key);
        if (strcmp(key, "Task") == 0 && !has_task)
            return refuse(
                test,
                "Invalid Context object provided: Context object contains 'Task' when state is not a Task "
                "state with a '.sync' or '.waitForTaskToken' service integration pattern");
    }
    return true;
}

static bool is_inside_map(const struct asl_flow *flow, const char *name)
{
    for (size_t i = 0; i < flow->count; i++) {
        const struct asl_state *state = &flow->states[i];
        if (state->type == ASL_MAP && asl_flow_find_deep(state->map.processor, name))
            return true;
        for (size_t b = 0; state->type == ASL_PARALLEL && b < state->parallel.count; b++) {
            if (is_inside_map(state->parallel.branches[b], name))
                return true;
        }
    }
    return false;
}

// Spec: TestState "Automatic Context population": a state inside a Map is in its first iteration.
static bool add_iteration(struct test *test)
{
    return !is_inside_map(test->def->flow, test->state->name) ||
           jx_put(test->context, "Map",
                  json_pack("{s:{s:i, s:O}}", "Item", "Index", 0, "Value", test->input), test->err);
}

static bool make_context(struct test *test)
{
    const struct asl_teststate_params *params = test->params;
    const char *given = json_string_value(get(test, "context"));
    if (given)
        return parse_text(test, given, "Invalid Context object provided: it must be valid JSON",
                          &test->context) &&
               check_context(test);
    char now[25];
    sr_clock_format(params->now_us, now);
    const enum asl_state_type type = test->state->type;
    const bool retries = type == ASL_TASK || type == ASL_PARALLEL || type == ASL_MAP;
    test->context = json_pack(
        "{s:{s:s*, s:O, s:s*, s:O?, s:s}, s:{s:s*, s:s*}, s:{s:s, s:s, s:o*}}", "Execution", "Id",
        params->execution_arn, "Input", test->input, "Name", params->execution_name, "RoleArn",
        get(test, "roleArn"), "StartTime", now, "StateMachine", "Id", params->machine_arn, "Name",
        params->machine_name, "State", "Name", SINGLE_STATE, "EnteredTime", now, "RetryCount",
        retries ? json_integer(0) : NULL);
    return test->context ? add_iteration(test) : no_memory(test);
}

static bool parse_values(struct test *test)
{
    const char *input = json_string_value(get(test, "input")),
               *variables = json_string_value(get(test, "variables"));
    return parse_text(test, input ? input : "{}", "Invalid input: it must be valid JSON",
                      &test->input) &&
           parse_text(test, variables ? variables : "{}",
                      "Invalid variables: they must be valid JSON", &test->variables) &&
           make_context(test);
}

// --- running it ---

static const json_t *context_of(const void *self)
{
    return self;
}

static bool put(struct test *test, json_t *object, const char *key, json_t *value)  // takes `value`
{
    return jx_put(object, key, value, test->err);
}

static bool put_text(struct test *test, json_t *object, const char *key, const json_t *value)
{
    sr_auto(char) char *text = NULL;
    return jx_dump(value, false, &text, test->err) && put(test, object, key, json_string(text));
}

static bool succeed(struct test *test, json_t *output, json_t *assigned, const char *next)
{
    if (assigned && json_object_update(test->variables, assigned) != 0)
        return no_memory(test);
    return put(test, test->response, "status", json_string("SUCCEEDED")) &&
           put_text(test, test->response, "output", output) &&
           (!next || put(test, test->response, "nextState", json_string(next)));
}

static bool put_failure(struct test *test, const char *status, const struct asl_failure *failure)
{
    return put(test, test->response, "status", json_string(status)) &&
           (!failure->error || put(test, test->response, "error", json_string(failure->error))) &&
           (!failure->cause || put(test, test->response, "cause", json_string(failure->cause)));
}

static bool details(struct test *test, const char *key, json_int_t value)
{
    json_t *object = json_object_get(test->trace, "errorDetails");
    if (!object && !put(test, test->trace, "errorDetails", json_object()))
        return false;
    return put(test, json_object_get(test->trace, "errorDetails"), key, json_integer(value));
}

static bool caught(struct test *test, struct asl_work *work, const struct asl_catcher *catcher,
                   const struct asl_failure *failure)
{
    sr_auto(json) json_t *error =
        json_pack("{s:s?, s:s?}", "Error", failure->error, "Cause", failure->cause);
    sr_auto(json) json_t *output = NULL, *assigned = NULL;
    sr_auto(asl_failure) struct asl_failure inner = { 0 };
    struct asl_work own = *work;
    own.failure = &inner;
    if (!error)
        return no_memory(test);
    if (!test->state->language->caught(&own, catcher, error, &output, &assigned))
        return inner.error ? put_failure(test, "FAILED", &inner) : no_memory(test);
    return put_failure(test, "CAUGHT_ERROR", failure) &&
           put_text(test, test->response, "output", output) &&
           put(test, test->response, "nextState", json_string(catcher->next));
}

static bool fail_state(struct test *test, struct asl_work *work, const struct asl_failure *failure)
{
    const struct asl_state *state = test->state;
    const json_t *done = json_object_get(get(test, "stateConfiguration"), "retrierRetryCount");
    const int retrier = asl_retry_find(state->retriers, state->retrier_count, failure);
    if (retrier >= 0) {
        const int64_t attempt = json_integer_value(done) + 1;
        const int64_t delay_us =
            asl_retry_delay_us(&state->retriers[retrier], attempt, &test->random);
        if (!details(test, "retryIndex", retrier))
            return false;
        if (delay_us >= 0)
            return details(test, "retryBackoffIntervalSeconds", delay_us / 1000000) &&
                   put_failure(test, "RETRIABLE", failure);
    }
    const int catcher = asl_catch_find(state->catchers, state->catcher_count, failure);
    if (catcher < 0)
        return put_failure(test, "FAILED", failure);
    return details(test, "catchIndex", catcher) &&
           caught(test, work, &state->catchers[catcher], failure);
}

static bool failed_call(struct test *test, struct asl_work *work)
{
    sr_auto(asl_failure) struct asl_failure failure = *work->failure;
    *work->failure = (struct asl_failure){ 0 };
    return failure.error ? fail_state(test, work, &failure) : no_memory(test);
}

static bool finish(struct test *test, struct asl_work *work, const json_t *arguments,
                   json_t *result)
{
    sr_auto(json) json_t *output = NULL, *assigned = NULL;
    if (!test->state->language->output(work, arguments, result, &output, &assigned))
        return failed_call(test, work);
    return succeed(test, output, assigned, test->state->next);
}

static bool run_choice(struct test *test, struct asl_work *work)
{
    const struct asl_choice *choice = &test->state->choice;
    size_t option;
    sr_auto(json) json_t *output = NULL, *assigned = NULL;
    if (!test->state->language->choose(work, &option))
        return failed_call(test, work);
    const char *next = option < choice->count ? choice->options[option].next : choice->otherwise;
    if (!next) {
        (void)asl_fail_catchable(work->failure, ASL_ERROR_NO_CHOICE,
                                 "No choice rule matched, and there is no Default.");
        return failed_call(test, work);
    }
    if (!test->state->language->choice_output(work, option, &output, &assigned))
        return failed_call(test, work);
    return succeed(test, output, assigned, next);
}

static bool run_fail(struct test *test, struct asl_work *work)
{
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    if (!test->state->language->fail_texts(work, &failure.error, &failure.cause))
        return failed_call(test, work);
    return put_failure(test, "FAILED", &failure);
}

static bool run_mocked(struct test *test, struct asl_work *work, const json_t *arguments)
{
    if (!test->mock_error)
        return finish(test, work, arguments, test->mock_result ? test->mock_result : json_null());
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    if (!asl_failure_set(&failure, json_string_value(json_object_get(test->mock_error, "error")),
                         json_string_value(json_object_get(test->mock_error, "cause"))))
        return no_memory(test);
    return fail_state(test, work, &failure);
}

static bool map_items(struct test *test, struct asl_work *work, const json_t *arguments,
                      bool *ret_refused)
{
    sr_auto(json) json_t *items = NULL;
    *ret_refused = false;
    if (!test->state->map.reader)
        return test->state->language->items(work, arguments, &items) &&
               asl_data_trace(work, "afterItemsPath", items);
    const char *text =
        json_string_value(json_object_get(get(test, "stateConfiguration"), "mapItemReaderData"));
    *ret_refused = true;
    if (!text)
        return refuse(
            test,
            "ItemReader data must be specified when testing a Map state with ItemReader specified.");
    *ret_refused = !parse_text(test, text, "mapItemReaderData must be valid JSON", &items);
    return !*ret_refused;
}

static bool run_map(struct test *test, struct asl_work *work, const json_t *arguments)
{
    const struct asl_language *language = test->state->language;
    double concurrency = 0, count = -1, percentage = -1;
    bool refused;
    if (!map_items(test, work, arguments, &refused))
        return !refused && failed_call(test, work);
    if (!language->number(work, arguments, ASL_NUMBER_CONCURRENCY, &concurrency) ||
        !language->number(work, arguments, ASL_NUMBER_TOLERATED_COUNT, &count) ||
        !language->number(work, arguments, ASL_NUMBER_TOLERATED_PERCENTAGE, &percentage))
        return failed_call(test, work);
    if (!put(test, test->trace, "maxConcurrency", json_integer((json_int_t)concurrency)) ||
        (count >= 0 &&
         !put(test, test->trace, "toleratedFailureCount", json_integer((json_int_t)count))) ||
        (percentage >= 0 &&
         !put(test, test->trace, "toleratedFailurePercentage", json_real(percentage))))
        return false;
    const json_t *given =
        json_object_get(get(test, "stateConfiguration"), "mapIterationFailureCount");
    const double failed = json_number_value(given);
    const double items = (double)json_array_size(test->mock_result);
    if (!test->mock_error && ((count >= 0 && failed > count) ||
                              (percentage >= 0 && failed * 100 > percentage * items))) {
        (void)asl_fail_catchable(work->failure, ASL_ERROR_THRESHOLD,
                                 "The specified tolerated failure threshold was exceeded");
        return failed_call(test, work);
    }
    return run_mocked(test, work, arguments);
}

static bool run_state(struct test *test, struct asl_work *work)
{
    const struct asl_state *state = test->state;
    sr_auto(json) json_t *arguments = NULL;
    int64_t ignored_us;
    if (state->type == ASL_FAIL)
        return run_fail(test, work);
    if (state->type == ASL_CHOICE)
        return run_choice(test, work);
    if (!state->language->arguments(work, &arguments))
        return failed_call(test, work);
    switch (state->type) {
    case ASL_MAP: return run_map(test, work, arguments);
    case ASL_TASK:
        if (test->mock_result && !asl_data_trace(work, "result", test->mock_result))
            return no_memory(test);
        return run_mocked(test, work, arguments);
    case ASL_PARALLEL: return run_mocked(test, work, arguments);
    case ASL_WAIT:
        if (!state->language->wait_until(work, test->params->now_us, &ignored_us))
            return failed_call(test, work);
        return finish(test, work, arguments, arguments);
    default:
        if (state->result && !asl_data_trace(work, "result", state->result))
            return no_memory(test);
        return finish(test, work, arguments, state->result ? state->result : arguments);
    }
}

// What AWS shows of the way from input to output depends on the state's type.
static bool inspection(struct test *test)
{
    static const struct hidden {
        enum asl_state_type type;
        const char *key;
    } hidden[] = {
        { ASL_SUCCEED, "afterResultSelector" }, { ASL_SUCCEED, "afterResultPath" },
        { ASL_WAIT, "afterResultSelector" },    { ASL_WAIT, "afterResultPath" },
        { ASL_PARALLEL, "afterInputPath" },     { ASL_PARALLEL, "afterParameters" },
    };
    const struct asl_state *state = test->state;
    const char *level = json_string_value(get(test, "inspectionLevel"));
    if (!level || strcmp(level, "INFO") == 0)
        return true;
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        if (hidden[i].type == state->type)
            (void)json_object_del(test->trace, hidden[i].key);  // absent is fine
    }
    if (state->type == ASL_PASS && state->result) {
        (void)json_object_del(test->trace, "afterInputPath");
        (void)json_object_del(test->trace, "afterParameters");
    }
    sr_auto(json) json_t *data = json_object();
    const char *key;
    json_t *value;
    if (!data || !put_text(test, data, "input", test->input))
        return no_memory(test);
    json_object_foreach(test->trace, key, value)
    {
        const bool plain = json_is_number(value) || strcmp(key, "errorDetails") == 0;
        if (plain ? !put(test, data, key, json_incref(value)) : !put_text(test, data, key, value))
            return false;
    }
    if (json_object_size(test->variables) && !put_text(test, data, "variables", test->variables))
        return false;
    return put(test, test->response, "inspectionData", json_incref(data));
}

static bool run(struct test *test)
{
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    const struct asl_vars vars = { .own = test->variables };
    struct asl_work work = {
        .state = test->state,
        .scope = { .input = test->input,
                   .vars = &vars,
                   .context = context_of,
                   .context_self = test->context },
        .random = &test->random,
        .trace = test->trace,
        .failure = &failure,
    };
    return run_state(test, &work) && inspection(test);
}

bool asl_teststate(const struct asl_teststate_params *params, json_t **ret_response,
                   struct asl_failure *ret_refusal, struct sr_err *err)
{
    sr_auto(json) json_t *trace = json_object(), *response = json_object();
    struct test test = { .params = params,
                         .refusal = ret_refusal,
                         .err = err,
                         .trace = trace,
                         .response = response,
                         .random = { params->seed } };
    err->code = SR_OK;
    bool done = trace && response;
    if (!done)
        (void)no_memory(&test);
    done =
        done && parse_definition(&test) && check_mock(&test) && parse_values(&test) && run(&test);
    asl_def_free(test.def);
    json_decref(test.input);
    json_decref(test.variables);
    json_decref(test.context);
    json_decref(test.mock_result);
    if (done)
        *ret_response = sr_take(response);
    return done || ret_refusal->error;
}
