// What the API's operations do together: over restarts, pages, long polls, deletions, failing
// commits.
#include "service/states_world.h"

#define M WORLD_ARN ":stateMachine:m"
#define A WORLD_ARN ":activity:a"
#define WAITS                                                                                      \
    "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"" A                    \
    "\",\"HeartbeatSeconds\":30,\"End\":true}}}"

static void create(struct states_world *world, const char *name, const char *definition)
{
    world_do(world, "CreateStateMachine",
             json_pack("{s:s,s:s,s:s,s:b}", "name", name, "definition", definition, "roleArn",
                       WORLD_ROLE, "publish", 1));
}

// With a machine that passes.
static void open_passing(struct states_world *world)
{
    world_open(world);
    create(world, "m", WORLD_PASS);
}

// With one whose activity waits for a worker.
static void open_waiting(struct states_world *world)
{
    world_open(world);
    world_do(world, "CreateActivity", json_pack("{s:s}", "name", "a"));
    create(world, "m", WAITS);
}

static void revise(struct states_world *world, const char *comment)
{
    char definition[256];
    snprintf(definition, sizeof definition,
             "{\"Comment\":\"%s\",\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Succeed\"}}}",
             comment);
    world_do(
        world, "UpdateStateMachine",
        json_pack("{s:s,s:s,s:b}", "stateMachineArn", M, "definition", definition, "publish", 1));
}

static void alias(struct states_world *world, const char *name, int weight)
{
    world_do(world, "CreateStateMachineAlias",
             json_pack("{s:s,s:[{s:s,s:i},{s:s,s:i}]}", "name", name, "routingConfiguration",
                       "stateMachineVersionArn", M ":1", "weight", weight, "stateMachineVersionArn",
                       M ":2", "weight", 100 - weight));
}

// --- executions, asked of the engine itself ---

struct started {
    bool done;
    enum sr_err_code code;
    char arn[256];
};

static void on_started(void *self, const struct engine_reply *reply)
{
    struct started *started = self;
    started->done = reply->done;
    started->code = reply->done ? SR_OK : reply->err.code;
    if (reply->arn)
        snprintf(started->arn, sizeof started->arn, "%s", reply->arn);
}

static struct started start(struct states_world *world, const char *arn, const char *name)
{
    struct sr_err err = { 0 };
    struct started started = { 0 };
    const struct engine_request request = { .kind = ENGINE_START,
                                            .arn = arn,
                                            .name = name,
                                            .text = "{\"n\":1}",
                                            .reply = on_started,
                                            .self = &started };
    sr_assert_ok(engine_ask(world->engine, &request, &err), err);
    world_settle(world);
    return started;
}

struct seen {
    int status;
    char version[256], alias[256], machine[256], output[64];
};

static bool see(void *self, const struct store_execution *execution, struct sr_err *err)
{
    (void)err;
    struct seen *seen = self;
    seen->status = execution->status;
    snprintf(seen->version, sizeof seen->version, "%s",
             execution->version ? execution->version : "");
    snprintf(seen->alias, sizeof seen->alias, "%s", execution->alias ? execution->alias : "");
    snprintf(seen->machine, sizeof seen->machine, "%s", execution->machine);
    snprintf(seen->output, sizeof seen->output, "%s", execution->output ? execution->output : "");
    return true;
}

static struct seen look(struct states_world *world, const char *arn)
{
    struct sr_err err = { 0 };
    struct seen seen = { 0 };
    sr_assert_ok(world->store.ops->execution_get(world->store.self, arn, see, &seen, &err), err);
    return seen;
}

// --- tests ---

static void all_is_there_after_a_restart(void **state)
{
    (void)state;
    struct states_world world;
    open_passing(&world);
    revise(&world, "two");
    alias(&world, "live", 30);
    world_do(&world, "CreateActivity", json_pack("{s:s}", "name", "a"));
    world_do(&world, "TagResource",
             json_pack("{s:s,s:[{s:s,s:s},{s:s,s:s}]}", "resourceArn", M, "tags", "key", "k",
                       "value", "1", "key", "k", "value", "2"));
    world_do(&world, "DescribeStateMachine", json_pack("{s:s}", "stateMachineArn", M));
    char *before = strdup(world.text);
    world_reopen(&world);
    world_do(&world, "DescribeStateMachine", json_pack("{s:s}", "stateMachineArn", M));
    assert_string_equal(world.text, before);
    free(before);
    world_do(&world, "ListStateMachineVersions", json_pack("{s:s}", "stateMachineArn", M));
    assert_int_equal(json_array_size(json_object_get(world.body, "stateMachineVersions")), 2);
    world_do(&world, "DescribeStateMachineAlias",
             json_pack("{s:s}", "stateMachineAliasArn", M ":live"));
    sr_assert_contains(world.text, "\"weight\":30}");
    world_do(&world, "ListTagsForResource", json_pack("{s:s}", "resourceArn", M));
    assert_string_equal(world.text, "{\"tags\":[{\"key\":\"k\",\"value\":\"2\"}]}");
    world_do(&world, "DescribeActivity", json_pack("{s:s}", "activityArn", A));
    world_do(&world, "UntagResource", json_pack("{s:s,s:[s]}", "resourceArn", M, "tagKeys", "k"));
    world_do(&world, "ListTagsForResource", json_pack("{s:s}", "resourceArn", M));
    assert_string_equal(world.text, "{\"tags\":[]}");
    world_close(&world);
}

static void an_alias_routes_by_weight(void **state)
{
    (void)state;
    struct states_world world;
    open_passing(&world);
    revise(&world, "two");
    alias(&world, "some", 80);
    alias(&world, "none", 0);
    size_t first = 0;
    for (size_t i = 0; i < 200; i++) {
        const struct seen seen = look(&world, start(&world, M ":some", NULL).arn);
        assert_string_equal(seen.machine, M);
        assert_string_equal(seen.alias, M ":some");
        first += strcmp(seen.version, M ":1") == 0;
    }
    assert_in_range(first, 140, 180);
    for (size_t i = 0; i < 20; i++)
        assert_string_equal(look(&world, start(&world, M ":none", NULL).arn).version, M ":2");
    const struct seen by_version = look(&world, start(&world, M ":1", NULL).arn);
    assert_string_equal(by_version.version, M ":1");
    assert_string_equal(by_version.alias, "");
    assert_string_equal(look(&world, start(&world, M, NULL).arn).version, "");
    assert_int_equal(start(&world, M ":3", NULL).code, SR_ERR_NOT_FOUND);
    assert_int_equal(start(&world, M ":other", NULL).code, SR_ERR_NOT_FOUND);
    world_close(&world);
}

static void executions_outlive_their_machine(void **state)
{
    (void)state;
    struct states_world world;
    open_waiting(&world);
    const struct started started = start(&world, M, "e");
    assert_true(started.done);
    world_do(&world, "DeleteStateMachine", json_pack("{s:s}", "stateMachineArn", M));
    world_call(&world, "DescribeStateMachine", json_pack("{s:s}", "stateMachineArn", M));
    assert_string_equal(world.error, "StateMachineDoesNotExist");
    assert_int_equal(start(&world, M, "f").code, SR_ERR_NOT_FOUND);
    world_reopen(&world);
    world_do(&world, "GetActivityTask", json_pack("{s:s}", "activityArn", A));
    world_do(&world, "SendTaskSuccess",
             json_pack("{s:s,s:s}", "taskToken", world_get(&world, "taskToken"), "output", "7"));
    const struct seen seen = look(&world, started.arn);
    assert_int_equal(seen.status, ASL_SUCCEEDED);
    assert_string_equal(seen.output, "7");
    create(&world, "m", WORLD_PASS);  // a new one, whose versions begin again
    assert_string_equal(world_get(&world, "stateMachineVersionArn"), M ":1");
    world_close(&world);
}

static void a_version_number_is_never_used_again(void **state)
{
    (void)state;
    struct states_world world;
    open_passing(&world);
    world_do(&world, "DeleteStateMachineVersion",
             json_pack("{s:s}", "stateMachineVersionArn", M ":1"));
    world_do(&world, "PublishStateMachineVersion", json_pack("{s:s}", "stateMachineArn", M));
    assert_string_equal(world_get(&world, "stateMachineVersionArn"), M ":2");
    world_close(&world);
}

static void revisions_have_ids_from_the_second_on(void **state)
{
    (void)state;
    struct states_world world;
    open_passing(&world);
    world_do(&world, "DescribeStateMachine", json_pack("{s:s}", "stateMachineArn", M));
    assert_null(json_object_get(world.body, "revisionId"));
    sr_clock_fake_advance(&world.clock, 1234567);
    revise(&world, "two");
    char id[40], version[256];
    snprintf(id, sizeof id, "%s", world_get(&world, "revisionId"));
    snprintf(version, sizeof version, "%s", world_get(&world, "stateMachineVersionArn"));
    assert_int_equal(strlen(id), 36);
    assert_string_equal(version, M ":2");
    sr_assert_contains(world.text, "\"updateDate\":1767225601.234");
    revise(&world, "two");  // the same again
    assert_string_equal(world_get(&world, "revisionId"), id);
    assert_string_equal(world_get(&world, "stateMachineVersionArn"), M ":2");
    world_do(&world, "DescribeStateMachine", json_pack("{s:s}", "stateMachineArn", M ":2"));
    assert_string_equal(world_get(&world, "revisionId"), id);
    sr_assert_contains(world_get(&world, "definition"), "two");
    world_do(&world, "DescribeStateMachine", json_pack("{s:s}", "stateMachineArn", M ":1"));
    assert_null(json_object_get(world.body, "revisionId"));
    assert_string_equal(world_get(&world, "definition"), WORLD_PASS);
    world_close(&world);
}

static void configurations_are_kept_and_changed(void **state)
{
    (void)state;
    struct states_world world;
    world_open(&world);
    world_do(&world, "CreateStateMachine",
             json_pack("{s:s,s:s,s:s,s:{s:s,s:[{s:{s:s}}]}}", "name", "m", "definition", WORLD_PASS,
                       "roleArn", WORLD_ROLE, "loggingConfiguration", "level", "ERROR",
                       "destinations", "cloudWatchLogsLogGroup", "logGroupArn",
                       "arn:aws:logs:eu-west-1:1:log-group:g:*"));
    world_do(&world, "DescribeStateMachine", json_pack("{s:s}", "stateMachineArn", M));
    const json_t *logging = json_object_get(world.body, "loggingConfiguration");
    assert_string_equal(json_string_value(json_object_get(logging, "level")), "ERROR");
    assert_true(json_is_false(json_object_get(logging, "includeExecutionData")));
    world_do(
        &world, "UpdateStateMachine",
        json_pack("{s:s,s:{s:b}}", "stateMachineArn", M, "tracingConfiguration", "enabled", 1));
    world_get(&world, "revisionId");
    world_do(&world, "DescribeStateMachine", json_pack("{s:s}", "stateMachineArn", M));
    sr_assert_contains(world.text, "\"tracingConfiguration\":{\"enabled\":true}");
    sr_assert_contains(world.text, "\"level\":\"ERROR\"");
    world_close(&world);
}

static void variables_that_states_refer_to(void **state)
{
    (void)state;
    struct states_world world;
    world_open(&world);
    create(
        &world, "m",
        "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Assign\":{\"b.$\":\"$.x\",\"c\":"
        "\"$no\"},\"Next\":\"M\"},\"M\":{\"Type\":\"Map\",\"ItemsPath\":\"$b\",\"ItemProcessor\":{"
        "\"StartAt\":\"I\",\"States\":{\"I\":{\"Type\":\"Pass\",\"Parameters\":{\"t.$\":"
        "\"States.Format('{} $quoted {}', $c, $b.deep)\",\"u.$\":\"$$.Execution.Id\"},\"End\":true}}},"
        "\"End\":true}}}");
    world_do(&world, "DescribeStateMachine", json_pack("{s:s}", "stateMachineArn", M));
    sr_assert_contains(world.text, "\"variableReferences\":{\"M\":[\"b\"],\"I\":[\"b\",\"c\"]}");
    world_close(&world);
}

static void long_polls(void **state)
{
    (void)state;
    struct states_world world;
    open_waiting(&world);
    const char *poll = "{\"activityArn\":\"" A "\",\"workerName\":\"w\"}";
    size_t answers = world.answers;
    world_ask_text(&world, "GetActivityTask", poll);
    world_pass(&world, 59999999);
    assert_int_equal(world.answers, answers);
    world_pass(&world, 1);
    assert_int_equal(world.answers, answers + 1);
    assert_string_equal(world.text, "{}");  // the minute is over

    world_ask_text(&world, "GetActivityTask", poll);
    world.refuse_delivery = true;  // the client has gone: the next one gets the task
    const struct started started = start(&world, M, "e");
    assert_int_equal(world.answers, answers + 2);
    world_do(&world, "GetActivityTask", json_pack("{s:s}", "activityArn", A));
    char token[600];
    snprintf(token, sizeof token, "%s", world_get(&world, "taskToken"));
    assert_string_equal(world_get(&world, "input"), "{\"n\":1}");

    world_pass(&world, 20000000);
    world_do(&world, "SendTaskHeartbeat", json_pack("{s:s}", "taskToken", token));
    world_pass(&world, 20000000);  // 40 s, the heartbeat was at 20
    world_call(&world, "SendTaskSuccess",
               json_pack("{s:s,s:s}", "taskToken", token, "output", "{"));
    assert_string_equal(world.error, "InvalidOutput");
    world_do(&world, "SendTaskSuccess", json_pack("{s:s,s:s}", "taskToken", token, "output", "{}"));
    assert_int_equal(look(&world, started.arn).status, ASL_SUCCEEDED);
    world_call(&world, "SendTaskSuccess",
               json_pack("{s:s,s:s}", "taskToken", token, "output", "{}"));
    assert_string_equal(world.error, "TaskTimedOut");
    assert_string_equal(world_get(&world, "message"),
                        "Task Timed Out: 'Provided task does not exist anymore'");
    world_close(&world);
}

static void a_failure_of_a_worker(void **state)
{
    (void)state;
    struct states_world world;
    open_waiting(&world);
    const struct started started = start(&world, M, "e");
    world_do(&world, "GetActivityTask", json_pack("{s:s}", "activityArn", A));
    world_do(&world, "SendTaskFailure",
             json_pack("{s:s,s:s,s:s}", "taskToken", world_get(&world, "taskToken"), "error", "E",
                       "cause", "c"));
    assert_int_equal(look(&world, started.arn).status, ASL_FAILED);
    world_close(&world);
}

static void polls_when_the_engine_ends(void **state)
{
    (void)state;
    struct states_world world;
    world_open(&world);
    world_do(&world, "CreateActivity", json_pack("{s:s}", "name", "a"));
    const char *poll = "{\"activityArn\":\"" A "\"}";
    const size_t answers = world.answers;
    world_ask_text(&world, "GetActivityTask", poll);
    states_api_call(world.api, "GetActivityTask", poll, strlen(poll), world_answer, &world);
    states_api_call(world.api, "CreateActivity", "{\"name\":\"b\"}", 12, world_answer, &world);
    assert_int_equal(world.answers, answers);
    world_reopen(&world);  // each hears of it once
    assert_int_equal(world.answers, answers + 3);
    world_call(&world, "DescribeActivity",
               json_pack("{s:s}", "activityArn", WORLD_ARN ":activity:b"));
    assert_string_equal(world.error, "ActivityDoesNotExist");
    world_close(&world);
}

// --- a store whose commits fail ---

static struct store_ops failing_ops;
static const struct store_ops *real_ops;
static size_t depth, failures;

static bool failing_begin(void *self, struct sr_err *err)
{
    const bool begun = real_ops->begin(self, err);
    depth += begun;
    return begun;
}

static void failing_rollback(void *self)
{
    real_ops->rollback(self);
    depth--;
}

static bool failing_commit(void *self, struct sr_err *err)
{
    if (depth == 1 && failures) {
        failures--;
        return sr_fail(err, SR_ERR_STORAGE, "the disk is full");
    }
    const bool done = real_ops->commit(self, err);
    depth -= done;
    return done;
}

static void a_commit_that_fails(void **state)
{
    (void)state;
    struct states_world world;
    struct sr_err err = { 0 };
    bool more;
    world_open(&world);
    world_do(&world, "CreateActivity", json_pack("{s:s}", "name", "a"));
    real_ops = world.store.ops;
    failing_ops = *real_ops;
    failing_ops.begin = failing_begin;
    failing_ops.commit = failing_commit;
    failing_ops.rollback = failing_rollback;
    world.store.ops = &failing_ops;
    depth = 0;
    failures = 1;
    const size_t answers = world.answers;
    const char *poll = "{\"activityArn\":\"" A "\"}";
    states_api_call(world.api, "CreateActivity", "{\"name\":\"b\"}", 12, world_answer, &world);
    states_api_call(world.api, "GetActivityTask", poll, strlen(poll), world_answer, &world);
    sr_assert_fails(engine_step(world.engine, &more, &err), SR_ERR_STORAGE, err);
    assert_int_equal(world.answers, answers + 1);  // the poll waits on
    assert_int_equal(world.status, 500);
    assert_string_equal(world.error, "InternalFailure");
    world_settle(&world);
    world_do(&world, "ListActivities", NULL);
    assert_int_equal(json_array_size(json_object_get(world.body, "activities")), 1);
    world_do(&world, "CreateActivity", json_pack("{s:s}", "name", "b"));
    world_pass(&world, 60000000);
    assert_string_equal(world.text, "{}");
    world.store.ops = real_ops;
    world_close(&world);
}

// --- pages ---

static size_t walk(struct states_world *world, const char *op, const char *member, json_t *body,
                   int size, char names[][256])
{
    size_t count = 0;
    (void)json_object_set_new(body, "maxResults", json_integer(size));
    for (bool more = true; more;) {
        world_do(world, op, json_incref(body));
        const json_t *items = json_object_get(world->body, member);
        json_t *next = json_object_get(world->body, "nextToken");
        size_t i;
        json_t *item;
        assert_in_range(json_array_size(items), next ? (size_t)size : 0, (size_t)size);
        json_array_foreach(items, i, item)
        {
            const char *arn = json_string_value(json_object_iter_value(json_object_iter(item)));
            snprintf(names[count++], 256, "%s", arn);
        }
        more = next != NULL;
        if (next)
            (void)json_object_set(body, "nextToken", next);
    }
    json_decref(body);
    return count;
}

static void pages(void **state)
{
    (void)state;
    struct states_world world;
    char names[32][256];
    open_passing(&world);
    for (char c = 'b'; c < 'g'; c++) {
        const char text[] = { c, '\0' };
        revise(&world, text);
        create(&world, text, WORLD_PASS);
        world_do(&world, "CreateActivity", json_pack("{s:s}", "name", text));
        alias(&world, text, 50);
    }
    assert_int_equal(walk(&world, "ListActivities", "activities", json_object(), 2, names), 5);
    assert_string_equal(names[0], WORLD_ARN ":activity:b");
    assert_string_equal(names[4], WORLD_ARN ":activity:f");
    assert_int_equal(walk(&world, "ListActivities", "activities", json_object(), 5, names), 5);
    assert_int_equal(walk(&world, "ListStateMachines", "stateMachines", json_object(), 4, names),
                     6);
    assert_int_equal(walk(&world, "ListStateMachineVersions", "stateMachineVersions",
                          json_pack("{s:s}", "stateMachineArn", M), 4, names),
                     6);
    assert_string_equal(names[0], M ":6");
    assert_string_equal(names[5], M ":1");
    assert_int_equal(walk(&world, "ListStateMachineAliases", "stateMachineAliases",
                          json_pack("{s:s}", "stateMachineArn", M ":2"), 1, names),
                     5);
    world_do(&world, "ListActivities", json_pack("{s:i}", "maxResults", 1));
    json_t *token = json_incref(json_object_get(world.body, "nextToken"));
    world_call(&world, "ListStateMachines", json_pack("{s:O}", "nextToken", token));
    assert_string_equal(world.error, "InvalidToken");
    world_do(&world, "ListActivities", json_pack("{s:O,s:i}", "nextToken", token, "maxResults", 9));
    assert_int_equal(json_array_size(json_object_get(world.body, "activities")), 4);
    world_reopen(&world);  // it is good after a restart, too
    world_do(&world, "ListActivities", json_pack("{s:o}", "nextToken", token));
    assert_int_equal(json_array_size(json_object_get(world.body, "activities")), 4);
    world_close(&world);
}

static void limits(void **state)
{
    (void)state;
    struct states_world world;
    open_passing(&world);
    revise(&world, "two");
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        alias(&world, name, 1);
    }
    world_call(&world, "CreateStateMachineAlias",
               json_pack("{s:s,s:[{s:s,s:i}]}", "name", "n100", "routingConfiguration",
                         "stateMachineVersionArn", M ":1", "weight", 100));
    assert_string_equal(world.error, "ServiceQuotaExceededException");
    json_t *tags = json_array();
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "k%d", i);
        (void)json_array_append_new(tags, json_pack("{s:s,s:s}", "key", name, "value", ""));
    }
    world_do(&world, "TagResource", json_pack("{s:s,s:o}", "resourceArn", M, "tags", tags));
    world_call(&world, "TagResource",
               json_pack("{s:s,s:[{s:s,s:s}]}", "resourceArn", M, "tags", "key", "l", "value", ""));
    assert_string_equal(world.error, "TooManyTags");
    world_do(&world, "TagResource",  // one that is there may change
             json_pack("{s:s,s:[{s:s,s:s}]}", "resourceArn", M, "tags", "key", "k1", "value", "v"));
    world_close(&world);
}

static void the_audit_hears_what_it_was_about(void **state)
{
    (void)state;
    struct states_world world;
    open_passing(&world);
    assert_string_equal(world.arn, M);
    world_do(&world, "DescribeStateMachine", json_pack("{s:s}", "stateMachineArn", M ":1"));
    assert_string_equal(world.arn, M ":1");
    world_do(&world, "ListStateMachines", NULL);
    assert_string_equal(world.arn, "");
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_there_after_a_restart),
        cmocka_unit_test(an_alias_routes_by_weight),
        cmocka_unit_test(executions_outlive_their_machine),
        cmocka_unit_test(a_version_number_is_never_used_again),
        cmocka_unit_test(revisions_have_ids_from_the_second_on),
        cmocka_unit_test(configurations_are_kept_and_changed),
        cmocka_unit_test(variables_that_states_refer_to),
        cmocka_unit_test(long_polls),
        cmocka_unit_test(a_failure_of_a_worker),
        cmocka_unit_test(polls_when_the_engine_ends),
        cmocka_unit_test(a_commit_that_fails),
        cmocka_unit_test(pages),
        cmocka_unit_test(limits),
        cmocka_unit_test(the_audit_hears_what_it_was_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
