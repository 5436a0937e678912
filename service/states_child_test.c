// What is stopped and redriven alone or twice: child executions of map runs, redrives with a token;
// and express executions, which end after five minutes and leave nothing behind.
#include "service/states_world.h"
#include "statemachine/asl_exec.h"

#define A WORLD_ARN ":activity:a"
#define M WORLD_ARN ":stateMachine:m"
#define E WORLD_ARN ":execution:m:e"
#define TASK                                                                                       \
    "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"" A "\",\"End\":true}}}"

enum { SECOND_US = 1000000 };

static void begin(struct states_world *world, const char *definition, const char *type,
                  const char *input)
{
    world_open(world);
    world_do(world, "CreateActivity", json_pack("{s:s}", "name", "a"));
    world_do(world, "CreateStateMachine",
             json_pack("{s:s,s:s,s:s,s:s}", "name", "m", "definition", definition, "roleArn",
                       WORLD_ROLE, "type", type));
    if (input)
        world_do(world, "StartExecution",
                 json_pack("{s:s,s:s,s:s}", "stateMachineArn", M, "name", "e", "input", input));
}

static void of_execution(struct states_world *world, const char *op, const char *arn)
{
    world_call(world, op, json_pack("{s:s}", "executionArn", arn));
}

static void assert_refused(const struct states_world *world, const char *error)
{
    if (strcmp(world->error, error) != 0)
        fail_msg("want %s: %s", error, world->text);
}

static void assert_status(struct states_world *world, const char *arn, const char *status)
{
    of_execution(world, "DescribeExecution", arn);
    if (strcmp(world_get(world, "status"), status) != 0)
        fail_msg("want %s: %s", status, world->text);
}

// Takes the next task; its token.
static void take(struct states_world *world, char token[512])
{
    world_do(world, "GetActivityTask", json_pack("{s:s}", "activityArn", A));
    snprintf(token, 512, "%s", world_get(world, "taskToken"));
}

static void send(struct states_world *world, const char *token, const char *output)
{
    world_call(world, output ? "SendTaskSuccess" : "SendTaskFailure",
               json_pack("{s:s,s:s*,s:s*}", "taskToken", token, "output", output, "error",
                         output ? NULL : "E"));
}

// --- child executions ---

#define MAP(more)                                                                                  \
    "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"Label\":\"l\"," more                 \
    "\"End\":true,\"ItemProcessor\":{\"ProcessorConfig\":{\"Mode\":\"DISTRIBUTED\","               \
    "\"ExecutionType\":\"STANDARD\"}," ITEM "}}}}"
#define ITEM                                                                                       \
    "\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"" A "\",\"End\":true}}"

// ARNs of the run and of its newest child.
static void find_child(struct states_world *world, char run[256], char child[256])
{
    world_do(world, "ListMapRuns", json_pack("{s:s}", "executionArn", E));
    const json_t *first = json_array_get(json_object_get(world->body, "mapRuns"), 0);
    snprintf(run, 256, "%s", json_string_value(json_object_get(first, "mapRunArn")));
    world_do(world, "ListExecutions", json_pack("{s:s}", "mapRunArn", run));
    first = json_array_get(json_object_get(world->body, "executions"), 0);
    snprintf(child, 256, "%s", json_string_value(json_object_get(first, "executionArn")));
}

static void stop_child(struct states_world *world, const char *child)
{
    world_do(world, "StopExecution",
             json_pack("{s:s,s:s,s:s}", "executionArn", child, "error", "Own", "cause", "by hand"));
}

static json_int_t aborted(struct states_world *world, const char *run)
{
    world_do(world, "DescribeMapRun", json_pack("{s:s}", "mapRunArn", run));
    return json_integer_value(
        json_object_get(json_object_get(world->body, "executionCounts"), "aborted"));
}

static void a_child_is_stopped_and_tolerated(void **state)
{
    (void)state;
    struct states_world world;
    char run[256], child[256], token[2][512];
    begin(&world, MAP("\"ToleratedFailureCount\":1,"), "STANDARD", "[1,2]");
    take(&world, token[0]);
    take(&world, token[1]);
    find_child(&world, run, child);
    stop_child(&world, child);
    assert_status(&world, child, "ABORTED");
    assert_string_equal(world_get(&world, "error"), "Own");
    assert_string_equal(world_get(&world, "cause"), "by hand");
    assert_int_equal(aborted(&world, run), 1);
    world_do(&world, "GetExecutionHistory",
             json_pack("{s:s,s:b,s:i}", "executionArn", child, "reverseOrder", 1, "maxResults", 1));
    sr_assert_contains(world.text, "\"type\":\"ExecutionAborted\"");
    send(&world, token[1], "2");
    assert_refused(&world, "TaskTimedOut");
    world_pass(&world, SECOND_US);
    stop_child(&world, child);  // once more: nothing is left to stop
    assert_true(json_number_value(json_object_get(world.body, "stopDate")) == WORLD_US / 1e6);
    world_reopen(&world);  // what replays is the same
    send(&world, token[0], "1");
    assert_status(&world, E, "SUCCEEDED");
    assert_string_equal(world_get(&world, "output"), "[1]");
    assert_int_equal(aborted(&world, run), 1);
    world_close(&world);
}

// Spec: what was stopped counts as failed: without tolerance the map run fails, and its redrive runs
// the child again.
static void a_child_is_stopped_and_redriven_with_its_run(void **state)
{
    (void)state;
    struct states_world world;
    char run[256], child[256], token[512];
    begin(&world, MAP("\"MaxConcurrency\":1,"), "STANDARD", "[1,2]");
    take(&world, token);
    find_child(&world, run, child);
    of_execution(&world, "RedriveExecution", child);
    assert_refused(&world, "ExecutionNotRedrivable");
    stop_child(&world, child);
    assert_status(&world, E, "FAILED");
    assert_string_equal(world_get(&world, "error"), "States.ExceedToleratedFailureThreshold");
    of_execution(&world, "RedriveExecution", child);
    assert_refused(&world, "ExecutionNotRedrivable");
    assert_status(&world, child, "ABORTED");
    assert_string_equal(world_get(&world, "redriveStatus"), "REDRIVABLE_BY_MAP_RUN");
    of_execution(&world, "RedriveExecution", E);
    assert_status(&world, child, "RUNNING");
    for (int i = 0; i < 2; i++) {
        take(&world, token);
        send(&world, token, "9");
    }
    assert_status(&world, E, "SUCCEEDED");
    assert_string_equal(world_get(&world, "output"), "[9,9]");
    assert_status(&world, child, "SUCCEEDED");
    world_close(&world);
}

// A child's own map run ends with it.
static void a_child_with_a_run_of_its_own(void **state)
{
    (void)state;
    struct states_world world;
    char run[256], child[256], token[512];
    begin(&world,
          "{\"StartAt\":\"O\",\"States\":{\"O\":{\"Type\":\"Map\",\"Label\":\"o\",\"End\":true,"
          "\"ToleratedFailureCount\":9,\"ItemProcessor\":{\"ProcessorConfig\":{\"Mode\":"
          "\"DISTRIBUTED\",\"ExecutionType\":\"STANDARD\"},\"StartAt\":\"M\",\"States\":{\"M\":{"
          "\"Type\":\"Map\",\"Label\":\"l\",\"End\":true,\"ItemProcessor\":{\"ProcessorConfig\":{"
          "\"Mode\":\"DISTRIBUTED\",\"ExecutionType\":\"STANDARD\"}," ITEM "}}}}}}}",
          "STANDARD", "[[1,2]]");
    take(&world, token);
    find_child(&world, run, child);
    stop_child(&world, child);
    send(&world, token, "1");
    assert_refused(&world, "TaskTimedOut");
    assert_status(&world, E, "SUCCEEDED");
    assert_string_equal(world_get(&world, "output"), "[]");
    world_do(&world, "ListMapRuns", json_pack("{s:s}", "executionArn", E));
    const json_t *runs = json_object_get(world.body, "mapRuns");
    for (size_t i = 0; i < json_array_size(runs); i++)
        assert_non_null(json_object_get(json_array_get(runs, i), "stopDate"));
    world_close(&world);
}

// --- redrive with a token ---

static double redrive(struct states_world *world, const char *token)
{
    world_call(world, "RedriveExecution",
               json_pack("{s:s,s:s*}", "executionArn", E, "clientToken", token));
    return json_number_value(json_object_get(world->body, "redriveDate"));
}

static void fail_task(struct states_world *world)
{
    char token[512];
    take(world, token);
    send(world, token, NULL);
    assert_status(world, E, "FAILED");
}

static json_int_t redrives(struct states_world *world)
{
    of_execution(world, "DescribeExecution", E);
    return json_integer_value(json_object_get(world->body, "redriveCount"));
}

// Spec: RedriveExecution: idempotent for the last 10 client tokens, for 15 minutes.
static void a_redrive_with_a_token_is_one(void **state)
{
    (void)state;
    struct states_world world;
    begin(&world, TASK, "STANDARD", "{}");
    fail_task(&world);
    const double first = redrive(&world, "one");
    assert_true(first > 0);
    world_pass(&world, SECOND_US);
    assert_true(redrive(&world, "one") == first);  // while it runs
    redrive(&world, "two");
    assert_refused(&world, "ExecutionNotRedrivable");
    redrive(&world, NULL);
    assert_refused(&world, "ExecutionNotRedrivable");
    fail_task(&world);
    world_reopen(&world);
    assert_true(redrive(&world, "one") == first);  // when it has failed again, and after a restart
    assert_status(&world, E, "FAILED");
    assert_int_equal(redrives(&world), 1);
    for (int i = 0; i < ASL_REDRIVES_MAX; i++) {
        char token[16];
        snprintf(token, sizeof token, "t%d", i);
        assert_true(redrive(&world, token) > first);
        fail_task(&world);
    }
    assert_true(redrive(&world, "one") > first);  // forgotten: ten came after it
    fail_task(&world);
    assert_int_equal(redrives(&world), 2 + ASL_REDRIVES_MAX);
    world_pass(&world, (int64_t)ASL_REDRIVE_TOKEN_S * SECOND_US);
    assert_true(redrive(&world, "t9") > first + 60);  // forgotten: too long ago
    assert_int_equal(redrives(&world), 3 + ASL_REDRIVES_MAX);
    world_close(&world);
}

// --- express ---

#define WAIT                                                                                         \
    "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"SecondsPath\":\"$.s\",\"End\":true}}" \
    "%s}"

struct rows {
    int64_t executions, entries, timers, id;
};

static bool count_timer(void *self, const struct store_timer *timer, struct sr_err *err)
{
    (void)timer;
    (void)err;
    ++((struct rows *)self)->timers;
    return true;
}

static bool count_entry(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    (void)seq;
    (void)entry;
    (void)err;
    ++((struct rows *)self)->entries;
    return true;
}

static bool count_execution(void *self, const struct store_execution *execution, struct sr_err *err)
{
    (void)err;
    struct rows *rows = self;
    rows->executions++;
    rows->id = execution->id;
    return true;
}

static struct rows rows_of(struct states_world *world)
{
    struct rows rows = { 0 };
    struct sr_err err = { 0 };
    const struct store *store = &world->store;
    sr_assert_ok(store->ops->execution_each(store->self, M, -1, INT64_MAX, INT64_MAX,
                                            count_execution, &rows, &err),
                 err);
    for (int64_t id = 1; id < 20; id++)
        sr_assert_ok(store->ops->log_each(store->self, id, count_entry, &rows, &err), err);
    sr_assert_ok(store->ops->timer_each(store->self, count_timer, &rows, &err), err);
    return rows;
}

static void assert_rows(struct states_world *world, int64_t executions, bool log, int64_t timers)
{
    const struct rows rows = rows_of(world);
    assert_int_equal(rows.executions, executions);
    assert_int_equal(rows.entries > 0, log);
    assert_int_equal(rows.timers, timers);
}

static void ask_sync(struct states_world *world, const char *input)
{
    json_t *body = json_pack("{s:s,s:s}", "stateMachineArn", M, "input", input);
    char *text = json_dumps(body, 0);
    world_ask_text(world, "StartSyncExecution", text);
    free(text);
    json_decref(body);
}

// Spec: an express execution may last five minutes.
static void express_ends_after_five_minutes(void **state)
{
    (void)state;
    static const struct {
        const char *timeout;
        int64_t limit_s;
    } rows[] = { { "", 300 }, { ",\"TimeoutSeconds\":9999", 300 }, { ",\"TimeoutSeconds\":7", 7 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct states_world world;
        char definition[256];
        snprintf(definition, sizeof definition, WAIT, rows[i].timeout);
        begin(&world, definition, "EXPRESS", NULL);
        const size_t answers = world.answers;
        ask_sync(&world, "{\"s\":86400}");
        world_pass(&world, (rows[i].limit_s - 1) * SECOND_US);
        assert_int_equal(world.answers, answers);
        world_pass(&world, SECOND_US);
        assert_int_equal(world.answers, answers + 1);
        assert_string_equal(world_get(&world, "status"), "TIMED_OUT");
        assert_string_equal(world_get(&world, "error"), "States.Timeout");
        assert_rows(&world, 0, false, 0);
        world_close(&world);
    }
}

static void express_leaves_nothing(void **state)
{
    (void)state;
    struct states_world world;
    char definition[256];
    snprintf(definition, sizeof definition, WAIT, "");
    begin(&world, definition, "EXPRESS", "{\"s\":5}");
    assert_rows(&world, 1, true, 2);  // the wait and the time-out
    const int64_t id = rows_of(&world).id;
    world_reopen(&world);
    world_pass(&world, 5 * SECOND_US);
    assert_rows(&world, 0, false, 0);
    ask_sync(&world, "{\"s\":0}");
    assert_string_equal(world_get(&world, "status"), "SUCCEEDED");
    assert_rows(&world, 0, false, 0);
    world_do(&world, "StartExecution",
             json_pack("{s:s,s:s}", "stateMachineArn", M, "input", "{\"s\":5}"));
    assert_true(rows_of(&world).id > id);  // nobody takes it for the one that is gone
    world_close(&world);
}

// A task that waits for an express execution hears its end also after a crash: that row stays.
static void express_that_a_task_started(void **state)
{
    (void)state;
    struct states_world world;
    char definition[256];
    snprintf(definition, sizeof definition, WAIT, "");
    begin(&world, definition, "EXPRESS", NULL);
    world_do(&world, "CreateStateMachine",
             json_pack("{s:s,s:s,s:s}", "name", "p", "definition",
                       "{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Task\",\"Resource\":"
                       "\"arn:aws:states:::states:startExecution\",\"Parameters\":{"
                       "\"StateMachineArn\":\"" M "\",\"Input\":{\"s\":1}},\"End\":true}}}",
                       "roleArn", WORLD_ROLE));
    world_do(&world, "StartExecution",
             json_pack("{s:s,s:s}", "stateMachineArn", WORLD_ARN ":stateMachine:p", "name", "e"));
    world_pass(&world, 2 * SECOND_US);
    assert_status(&world, WORLD_ARN ":execution:p:e", "SUCCEEDED");
    assert_int_equal(rows_of(&world).executions, 1);
    world_close(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_is_stopped_and_tolerated),
        cmocka_unit_test(a_child_is_stopped_and_redriven_with_its_run),
        cmocka_unit_test(a_child_with_a_run_of_its_own),
        cmocka_unit_test(a_redrive_with_a_token_is_one),
        cmocka_unit_test(express_ends_after_five_minutes),
        cmocka_unit_test(express_leaves_nothing),
        cmocka_unit_test(express_that_a_task_started),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
