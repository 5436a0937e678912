// The operations on executions, as a client sees them: an engine on a clock of the test's, its api,
// JSON in and out.
#include "service/states_api.h"

#include "service/states_world.h"

#define PREFIX WORLD_ARN ":"
#define MACHINE PREFIX "stateMachine:m"
#define ACTIVITY PREFIX "activity:a"

// Sends without waiting: what is quoted with ' becomes JSON.
static void send(struct states_world *world, const char *op, const char *text)
{
    char body[4096];
    snprintf(body, sizeof body, "%s", text);
    sr_test_quotes(body);
    world_ask_text(world, op, body);
}

static void call(struct states_world *world, const char *op, const char *text)
{
    const size_t before = world->answers;
    send(world, op, text);
    assert_int_equal(world->answers, before + 1);
}

static void call_ok(struct states_world *world, const char *op, const char *text)
{
    call(world, op, text);
    if (world->status != 200)
        fail_msg("%s: %s %s", op, world->error,
                 json_string_value(json_object_get(world->body, "message")));
}

static void call_refused(struct states_world *world, const char *op, const char *text,
                         const char *error)
{
    call(world, op, text);
    assert_int_equal(world->status, 400);
    assert_string_equal(world->error, error);
}

static size_t count_of(const struct states_world *world, const char *key)
{
    return json_array_size(json_object_get(world->body, key));
}

// `definition` is quoted so, too.
static void create(struct states_world *world, const char *name, const char *type,
                   const char *definition)
{
    char text[4096];
    snprintf(text, sizeof text, "%s", definition);
    sr_test_quotes(text);
    world_do(world, "CreateStateMachine",
             json_pack("{s:s, s:s, s:s, s:s}", "name", name, "definition", text, "roleArn",
                       WORLD_ROLE, "type", type));
}

#define PASSES                                                                                     \
    "{'StartAt':'P','States':{'P':{'Type':'Pass','Next':'Q'},'Q':{'Type':'Pass','End':true}}}"
#define WAITS "{'StartAt':'W','States':{'W':{'Type':'Wait','Seconds':60,'End':true}}}"
#define FAILS "{'StartAt':'F','States':{'F':{'Type':'Fail','Error':'E','Cause':'why'}}}"

static void starting(void **state)
{
    (void)state;
    struct states_world world;
    world_open(&world);
    create(&world, "m", "STANDARD", WAITS);
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" MACHINE "','name':'e','input':'{}'}");
    assert_string_equal(world_get(&world, "executionArn"), PREFIX "execution:m:e");
    assert_string_equal(world.arn, PREFIX "execution:m:e");
    // the same again is the same one; another input is not
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" MACHINE "','name':'e','input':'{}'}");
    call_refused(&world, "StartExecution",
                 "{'stateMachineArn':'" MACHINE "','name':'e','input':'1'}",
                 "ExecutionAlreadyExists");
    world_pass(&world, 60000000);
    call_refused(&world, "StartExecution",
                 "{'stateMachineArn':'" MACHINE "','name':'e','input':'{}'}",
                 "ExecutionAlreadyExists");
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" MACHINE "'}");
    assert_int_equal(strlen(strrchr(world_get(&world, "executionArn"), ':')), 37);
    // 80 characters of four bytes each
    char longest[512] = "{'stateMachineArn':'" MACHINE "','name':'";
    for (size_t i = 0; i < 80; i++)
        strcat(longest, "\xf0\x9f\x8e\xac");
    call_ok(&world, "StartExecution", strcat(longest, "'}"));
    static const struct {
        const char *request, *error;
    } bad[] = {
        { "{'stateMachineArn':'" MACHINE "','name':'a b'}", "InvalidName" },
        { "{'stateMachineArn':'" MACHINE "','name':''}", "ValidationException" },
        { "{'stateMachineArn':'" MACHINE "','input':'{'}", "InvalidExecutionInput" },
        { "{'stateMachineArn':'" PREFIX "stateMachine:none'}", "StateMachineDoesNotExist" },
        { "{'stateMachineArn':'" PREFIX "stateMachine:m:7'}", "StateMachineDoesNotExist" },
        { "{'stateMachineArn':'" PREFIX "activity:a'}", "InvalidArn" },
        { "{'stateMachineArn':'m'}", "InvalidArn" },
        { "{}", "ValidationException" },
        { "{'stateMachineArn':7}", "SerializationException" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(bad); i++)
        call_refused(&world, "StartExecution", bad[i].request, bad[i].error);
    world_close(&world);
}

static void large_inputs(void **state)
{
    (void)state;
    enum { MOST = 262144 };
    struct states_world world;
    world_open(&world);
    create(&world, "m", "STANDARD", PASSES);
    for (size_t extra = 0; extra < 2; extra++) {
        sr_auto(char) char *input = malloc(MOST + 2);
        memset(input, 'x', MOST + 1);
        input[0] = input[MOST + extra - 1] = '"';
        input[MOST + extra] = '\0';
        sr_auto(json) json_t *request =
            json_pack("{s:s, s:s}", "stateMachineArn", MACHINE, "input", input);
        char *body = json_dumps(request, JSON_COMPACT);
        states_api_call(world.api, "StartExecution", body, strlen(body), world_answer, &world);
        free(body);
        world_settle(&world);
        assert_int_equal(world.status, extra ? 400 : 200);
    }
    world_close(&world);
}

static void describing(void **state)
{
    (void)state;
    struct states_world world;
    world_open(&world);
    create(&world, "m", "STANDARD", WAITS);
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" MACHINE "','name':'e','input':'[1]'}");
    call_ok(&world, "DescribeExecution", "{'executionArn':'" PREFIX "execution:m:e'}");
    assert_string_equal(world_get(&world, "status"), "RUNNING");
    assert_string_equal(world_get(&world, "stateMachineArn"), MACHINE);
    assert_string_equal(world_get(&world, "redriveStatus"), "NOT_REDRIVABLE");
    assert_null(json_object_get(world.body, "stopDate"));
    assert_true(json_number_value(json_object_get(world.body, "startDate")) == 1767225600.0);
    world_pass(&world, 60000000);
    call_ok(&world, "DescribeExecution", "{'executionArn':'" PREFIX "execution:m:e'}");
    assert_string_equal(world_get(&world, "status"), "SUCCEEDED");
    assert_true(json_number_value(json_object_get(world.body, "stopDate")) == 1767225660.0);
    assert_string_equal(world_get(&world, "redriveStatusReason"),
                        "Execution is SUCCEEDED and cannot be redriven");
    call_ok(&world, "DescribeExecution",
            "{'executionArn':'" PREFIX "execution:m:e','includedData':'METADATA_ONLY'}");
    assert_null(json_object_get(world.body, "input"));
    call_ok(&world, "DescribeStateMachineForExecution",
            "{'executionArn':'" PREFIX "execution:m:e'}");
    assert_string_equal(world_get(&world, "name"), "m");
    sr_assert_contains(world_get(&world, "definition"), "\"Seconds\":60");
    call_refused(&world, "DescribeExecution", "{'executionArn':'" PREFIX "execution:m:none'}",
                 "ExecutionDoesNotExist");
    call_refused(&world, "DescribeExecution", "{'executionArn':'" MACHINE "'}", "InvalidArn");
    call_refused(&world, "GetExecutionHistory", "{'executionArn':'" PREFIX "execution:m:none'}",
                 "ExecutionDoesNotExist");
    world_close(&world);
}

static void stopping_and_redriving(void **state)
{
    (void)state;
    struct states_world world;
    world_open(&world);
    create(&world, "m", "STANDARD", WAITS);
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" MACHINE "','name':'e'}");
    call_refused(&world, "RedriveExecution", "{'executionArn':'" PREFIX "execution:m:e'}",
                 "ExecutionNotRedrivable");
    call_ok(&world, "StopExecution",
            "{'executionArn':'" PREFIX "execution:m:e','error':'E','cause':'enough'}");
    assert_non_null(json_object_get(world.body, "stopDate"));
    call_ok(&world, "DescribeExecution", "{'executionArn':'" PREFIX "execution:m:e'}");
    assert_string_equal(world_get(&world, "status"), "ABORTED");
    assert_string_equal(world_get(&world, "cause"), "enough");
    assert_string_equal(world_get(&world, "redriveStatus"), "REDRIVABLE");
    world_pass(&world, 5000000);
    call_ok(&world, "RedriveExecution", "{'executionArn':'" PREFIX "execution:m:e'}");
    world_pass(&world, 60000000);
    call_ok(&world, "DescribeExecution", "{'executionArn':'" PREFIX "execution:m:e'}");
    assert_string_equal(world_get(&world, "status"), "SUCCEEDED");
    assert_int_equal(json_integer_value(json_object_get(world.body, "redriveCount")), 1);
    assert_true(json_number_value(json_object_get(world.body, "redriveDate")) == 1767225605.0);
    assert_null(json_object_get(world.body, "error"));
    call_ok(&world, "ListExecutions",
            "{'stateMachineArn':'" MACHINE "','redriveFilter':'REDRIVEN'}");
    assert_int_equal(count_of(&world, "executions"), 1);
    call_ok(&world, "ListExecutions",
            "{'stateMachineArn':'" MACHINE "','redriveFilter':'NOT_REDRIVEN'}");
    assert_int_equal(count_of(&world, "executions"), 0);
    call_refused(&world, "StopExecution", "{'executionArn':'" PREFIX "execution:m:none'}",
                 "ExecutionDoesNotExist");
    call_refused(&world, "RedriveExecution", "{'executionArn':'" PREFIX "execution:m:none'}",
                 "ExecutionDoesNotExist");
    world_close(&world);
}

static void listing(void **state)
{
    (void)state;
    struct states_world world;
    char request[1024];
    size_t seen = 0, pages = 0;
    world_open(&world);
    create(&world, "m", "STANDARD", PASSES);
    create(&world, "f", "STANDARD", FAILS);
    for (size_t i = 0; i < 5; i++) {
        snprintf(request, sizeof request, "{'stateMachineArn':'" MACHINE "','name':'e%zu'}", i);
        call_ok(&world, "StartExecution", request);
        world_pass(&world, i % 2);  // two may have begun at the same time
    }
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" PREFIX "stateMachine:f'}");
    snprintf(request, sizeof request, "{'stateMachineArn':'" MACHINE "','maxResults':2}");
    for (bool more = true; more && pages < 9; pages++) {
        call_ok(&world, "ListExecutions", request);
        for (size_t i = 0; i < count_of(&world, "executions"); i++) {
            char name[8];
            snprintf(name, sizeof name, "e%zu", 4 - seen++);
            const json_t *entry = json_array_get(json_object_get(world.body, "executions"), i);
            assert_string_equal(json_string_value(json_object_get(entry, "name")), name);
        }
        const char *token = json_string_value(json_object_get(world.body, "nextToken"));
        more = token != NULL;
        snprintf(request, sizeof request,
                 "{'stateMachineArn':'" MACHINE "','maxResults':2,'nextToken':'%s'}",
                 more ? token : "");
    }
    assert_int_equal(seen, 5);
    assert_int_equal(pages, 3);
    call_ok(&world, "ListExecutions", "{'stateMachineArn':'" MACHINE "','statusFilter':'FAILED'}");
    assert_int_equal(count_of(&world, "executions"), 0);
    call_ok(&world, "ListExecutions",
            "{'stateMachineArn':'" PREFIX "stateMachine:f','statusFilter':'FAILED'}");
    assert_int_equal(count_of(&world, "executions"), 1);
    static const struct {
        const char *request, *error;
    } bad[] = {
        { "{}", "ValidationException" },
        { "{'stateMachineArn':'" MACHINE "','mapRunArn':'" PREFIX "mapRun:m/L:x'}",
          "ValidationException" },
        { "{'stateMachineArn':'" PREFIX "stateMachine:none'}", "StateMachineDoesNotExist" },
        { "{'stateMachineArn':'" MACHINE "','statusFilter':'ASLEEP'}", "ValidationException" },
        { "{'stateMachineArn':'" MACHINE "','nextToken':'x'}", "InvalidToken" },
        { "{'mapRunArn':'" PREFIX "mapRun:m/L:x'}", "ResourceNotFound" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(bad); i++)
        call_refused(&world, "ListExecutions", bad[i].request, bad[i].error);
    world_close(&world);
}

// All events by pages, in either order, are the same as at once.
static void histories(void **state)
{
    (void)state;
    struct states_world world;
    char request[1024];
    world_open(&world);
    create(&world, "m", "STANDARD", PASSES);
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" MACHINE "','name':'e','input':'7'}");
    call_ok(&world, "GetExecutionHistory", "{'executionArn':'" PREFIX "execution:m:e'}");
    const size_t count = count_of(&world, "events");
    assert_int_equal(count, 6);
    const json_t *first = json_array_get(json_object_get(world.body, "events"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "type")), "ExecutionStarted");
    assert_string_equal(json_string_value(json_object_get(
                            json_object_get(first, "executionStartedEventDetails"), "input")),
                        "7");
    for (int backwards = 0; backwards < 2; backwards++) {
        size_t seen = 0;
        const char *token = "";
        char kept[512] = "";
        do {
            snprintf(request, sizeof request,
                     "{'executionArn':'" PREFIX
                     "execution:m:e','maxResults':2,'reverseOrder':%s%s%s%s}",
                     backwards ? "true" : "false", *token ? ",'nextToken':'" : "", token,
                     *token ? "'" : "");
            call_ok(&world, "GetExecutionHistory", request);
            for (size_t i = 0; i < count_of(&world, "events"); i++) {
                const json_t *event = json_array_get(json_object_get(world.body, "events"), i);
                seen++;
                assert_int_equal(json_integer_value(json_object_get(event, "id")),
                                 backwards ? count + 1 - seen : seen);
            }
            const char *next = json_string_value(json_object_get(world.body, "nextToken"));
            snprintf(kept, sizeof kept, "%s", next ? next : "");
            token = kept;
        } while (*token);
        assert_int_equal(seen, count);
    }
    call_ok(&world, "GetExecutionHistory",
            "{'executionArn':'" PREFIX "execution:m:e','includeExecutionData':false}");
    first = json_array_get(json_object_get(world.body, "events"), 0);
    assert_null(json_object_get(json_object_get(first, "executionStartedEventDetails"), "input"));
    world_close(&world);
}

static void express(void **state)
{
    (void)state;
    struct states_world world;
    world_open(&world);
    create(&world, "x", "EXPRESS", PASSES);
    create(&world, "w", "EXPRESS", WAITS);
    create(&world, "f", "EXPRESS", FAILS);
    create(&world, "m", "STANDARD", PASSES);
    call_ok(&world, "StartSyncExecution",
            "{'stateMachineArn':'" PREFIX "stateMachine:x','name':'n','input':'[1]'}");
    assert_string_equal(world_get(&world, "status"), "SUCCEEDED");
    assert_string_equal(world_get(&world, "output"), "[1]");
    assert_string_equal(world_get(&world, "name"), "n");
    sr_assert_contains(world_get(&world, "executionArn"), PREFIX "express:x:n:");
    // a name may be used again
    call_ok(&world, "StartSyncExecution",
            "{'stateMachineArn':'" PREFIX "stateMachine:x','name':'n','input':'[2]'}");
    assert_string_equal(world_get(&world, "output"), "[2]");
    // one that waits is answered when it ends
    const size_t before = world.answers;
    send(&world, "StartSyncExecution", "{'stateMachineArn':'" PREFIX "stateMachine:w'}");
    assert_int_equal(world.answers, before);
    world_pass(&world, 60000000);
    assert_int_equal(world.answers, before + 1);
    assert_string_equal(world_get(&world, "status"), "SUCCEEDED");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(world.body, "billingDetails"),
                                           "billedDurationInMilliseconds")),
        60000);
    call_ok(&world, "StartSyncExecution", "{'stateMachineArn':'" PREFIX "stateMachine:f'}");
    assert_string_equal(world_get(&world, "status"), "FAILED");
    assert_string_equal(world_get(&world, "cause"), "why");
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" PREFIX "stateMachine:x'}");
    char request[512];
    snprintf(request, sizeof request, "{'executionArn':'%s'}", world_get(&world, "executionArn"));
    call_refused(&world, "DescribeExecution", request, "StateMachineTypeNotSupported");
    call_refused(&world, "StopExecution", request, "StateMachineTypeNotSupported");
    call_refused(&world, "ListExecutions", "{'stateMachineArn':'" PREFIX "stateMachine:x'}",
                 "StateMachineTypeNotSupported");
    call_refused(&world, "StartSyncExecution", "{'stateMachineArn':'" MACHINE "'}",
                 "StateMachineTypeNotSupported");
    call_refused(&world, "StartSyncExecution", "{'stateMachineArn':'" PREFIX "stateMachine:none'}",
                 "StateMachineDoesNotExist");
    world_close(&world);
}

// A client that waits for an execution hears that the service ends.
static void the_service_ends_meanwhile(void **state)
{
    (void)state;
    struct states_world world;
    world_open(&world);
    create(&world, "w", "EXPRESS", WAITS);
    const size_t before = world.answers;
    send(&world, "StartSyncExecution", "{'stateMachineArn':'" PREFIX "stateMachine:w'}");
    engine_free(world.engine);
    world.engine = NULL;
    assert_int_equal(world.answers, before + 1);
    assert_string_equal(world.error, "ServiceUnavailable");
    world_close(&world);
}

static void through_versions_and_aliases(void **state)
{
    (void)state;
    struct states_world world;
    world_open(&world);
    create(&world, "m", "STANDARD", PASSES);
    call_ok(&world, "PublishStateMachineVersion", "{'stateMachineArn':'" MACHINE "'}");
    call_ok(&world, "CreateStateMachineAlias",
            "{'name':'live','routingConfiguration':[{'stateMachineVersionArn':'" MACHINE
            ":1','weight':100}]}");
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" MACHINE ":1','name':'v'}");
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" MACHINE ":live','name':'a'}");
    call_ok(&world, "StartExecution", "{'stateMachineArn':'" MACHINE "','name':'n'}");
    call_ok(&world, "DescribeExecution", "{'executionArn':'" PREFIX "execution:m:a'}");
    assert_string_equal(world_get(&world, "stateMachineVersionArn"), MACHINE ":1");
    assert_string_equal(world_get(&world, "stateMachineAliasArn"), MACHINE ":live");
    static const struct {
        const char *arn;
        size_t count;
    } lists[] = { { MACHINE, 3 }, { MACHINE ":1", 2 }, { MACHINE ":live", 1 } };
    for (size_t i = 0; i < SR_TEST_COUNT(lists); i++) {
        char request[256];
        snprintf(request, sizeof request, "{'stateMachineArn':'%s'}", lists[i].arn);
        call_ok(&world, "ListExecutions", request);
        assert_int_equal(count_of(&world, "executions"), lists[i].count);
    }
    world_close(&world);
}

#define RUN                                                                                        \
    "{'StartAt':'M','States':{'M':{'Type':'Map','End':true,'Label':'L','MaxConcurrency':1,"        \
    "'ToleratedFailureCount':1,'ItemProcessor':{"                                                  \
    "'ProcessorConfig':{'Mode':'DISTRIBUTED','ExecutionType':'STANDARD'},'StartAt':'A','States':{" \
    "'A':{'Type':'Task','Resource':'" ACTIVITY "','End':true}}}}}}"

static void take_task(struct states_world *world, char token[512])
{
    call_ok(world, "GetActivityTask", "{'activityArn':'" ACTIVITY "'}");
    snprintf(token, 512, "%s", world_get(world, "taskToken"));
}

static json_int_t number_of(const struct states_world *world, const char *object, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(world->body, object), key));
}

static void map_runs(void **state)
{
    (void)state;
    struct states_world world;
    char run[256], request[1024], token[512], child[256];
    world_open(&world);
    call_ok(&world, "CreateActivity", "{'name':'a'}");
    create(&world, "m", "STANDARD", RUN);
    call_ok(&world, "StartExecution",
            "{'stateMachineArn':'" MACHINE "','name':'e','input':'[1,2,3]'}");
    call_ok(&world, "ListMapRuns", "{'executionArn':'" PREFIX "execution:m:e'}");
    assert_int_equal(count_of(&world, "mapRuns"), 1);
    const json_t *listed = json_array_get(json_object_get(world.body, "mapRuns"), 0);
    snprintf(run, sizeof run, "%s", json_string_value(json_object_get(listed, "mapRunArn")));
    sr_assert_contains(run, PREFIX "mapRun:m/L:");
    snprintf(request, sizeof request, "{'mapRunArn':'%s'}", run);
    call_ok(&world, "DescribeMapRun", request);
    assert_string_equal(world_get(&world, "status"), "RUNNING");
    assert_string_equal(world_get(&world, "executionArn"), PREFIX "execution:m:e");
    assert_int_equal(number_of(&world, "executionCounts", "running"), 1);
    assert_int_equal(number_of(&world, "executionCounts", "pending"), 2);
    assert_int_equal(number_of(&world, "itemCounts", "total"), 3);
    // more at once
    snprintf(request, sizeof request,
             "{'mapRunArn':'%s','maxConcurrency':3,'toleratedFailurePercentage':99.5}", run);
    call_ok(&world, "UpdateMapRun", request);
    snprintf(request, sizeof request, "{'mapRunArn':'%s'}", run);
    call_ok(&world, "DescribeMapRun", request);
    assert_int_equal(number_of(&world, "executionCounts", "running"), 3);
    assert_true(json_number_value(json_object_get(world.body, "toleratedFailurePercentage")) ==
                99.5);
    // one fails, two succeed
    take_task(&world, token);
    snprintf(request, sizeof request, "{'taskToken':'%s','error':'E'}", token);
    call_ok(&world, "SendTaskFailure", request);
    for (int i = 0; i < 2; i++) {
        take_task(&world, token);
        snprintf(request, sizeof request, "{'taskToken':'%s','output':'5'}", token);
        call_ok(&world, "SendTaskSuccess", request);
    }
    snprintf(request, sizeof request, "{'mapRunArn':'%s'}", run);
    call_ok(&world, "DescribeMapRun", request);
    assert_string_equal(world_get(&world, "status"), "SUCCEEDED");
    assert_int_equal(number_of(&world, "executionCounts", "failed"), 1);
    assert_int_equal(number_of(&world, "executionCounts", "succeeded"), 2);
    call_ok(&world, "ListExecutions", request);
    assert_int_equal(count_of(&world, "executions"), 3);
    snprintf(request, sizeof request, "{'mapRunArn':'%s','statusFilter':'FAILED'}", run);
    call_ok(&world, "ListExecutions", request);
    assert_int_equal(count_of(&world, "executions"), 1);
    listed = json_array_get(json_object_get(world.body, "executions"), 0);
    snprintf(child, sizeof child, "%s", json_string_value(json_object_get(listed, "executionArn")));
    sr_assert_contains(child, PREFIX "execution:m/L:");
    // the child has a history and a description of its own
    snprintf(request, sizeof request, "{'executionArn':'%s'}", child);
    call_ok(&world, "DescribeExecution", request);
    assert_string_equal(world_get(&world, "status"), "FAILED");
    assert_string_equal(world_get(&world, "error"), "E");
    assert_string_equal(world_get(&world, "mapRunArn"), run);
    assert_string_equal(world_get(&world, "stateMachineArn"), MACHINE);
    assert_string_equal(world_get(&world, "redriveStatus"), "REDRIVABLE_BY_MAP_RUN");
    call_ok(&world, "GetExecutionHistory", request);
    assert_int_equal(count_of(&world, "events"), 6);
    call_ok(&world, "DescribeStateMachineForExecution", request);
    assert_string_equal(world_get(&world, "mapRunArn"), run);
    // an ended run does not change
    snprintf(request, sizeof request, "{'mapRunArn':'%s','maxConcurrency':1}", run);
    call_refused(&world, "UpdateMapRun", request, "ValidationException");
    snprintf(request, sizeof request, "{'mapRunArn':'%s','toleratedFailurePercentage':101}", run);
    call_refused(&world, "UpdateMapRun", request, "ValidationException");
    call_refused(&world, "DescribeMapRun", "{'mapRunArn':'" PREFIX "mapRun:m/L:x'}",
                 "ResourceNotFound");
    call_refused(&world, "ListMapRuns", "{'executionArn':'" PREFIX "execution:m:none'}",
                 "ExecutionDoesNotExist");
    world_close(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(starting),
        cmocka_unit_test(large_inputs),
        cmocka_unit_test(describing),
        cmocka_unit_test(stopping_and_redriving),
        cmocka_unit_test(listing),
        cmocka_unit_test(histories),
        cmocka_unit_test(express),
        cmocka_unit_test(the_service_ends_meanwhile),
        cmocka_unit_test(through_versions_and_aliases),
        cmocka_unit_test(map_runs),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
