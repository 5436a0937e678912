// Tasks and who does them: activities and their workers, tokens, heartbeats, callbacks.
#include "statemachine/engine_world.h"

static void an_activity_and_its_worker(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "T", ACTIVITY_STATES(""), "{\"a\":1}");
    world_poll(&world);
    assert_int_equal(world.polled, 1);
    assert_string_equal(world.payload, "{\"a\":1}");
    world_ask(&world,
              (struct engine_request){ .kind = ENGINE_SUCCEED, .token = world.token, .text = "{" });
    world_settle(&world);
    assert_int_equal(world.code, SR_ERR_INVALID);
    world_ask(&world,
              (struct engine_request){ .kind = ENGINE_SUCCEED, .token = world.token, .text = "7" });
    world_settle(&world);
    assert_int_equal(world.code, SR_OK);
    world_succeeded(&world, "7");
    world_ask(&world,
              (struct engine_request){ .kind = ENGINE_SUCCEED, .token = world.token, .text = "8" });
    world_settle(&world);
    assert_int_equal(world.code, SR_ERR_NOT_FOUND);
    world_close(&world);
}

static void a_worker_may_come_first_or_not_get_it(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_poll(&world);
    world.refuse_delivery = true;
    world_begin(&world, "T", ACTIVITY_STATES(""), "1");
    assert_int_equal(world.polled, 0);  // the answer was lost on the way: the task is back
    world_poll(&world);
    assert_int_equal(world.polled, 1);
    world_poll(&world);
    world_pass(&world, 60000000);
    assert_int_equal(world.empty_polls, 1);
    world_close(&world);
}

static void forged_tokens(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "T", ACTIVITY_STATES(""), "1");
    world_poll(&world);
    char forged[512];
    snprintf(forged, sizeof forged, "%s", world.token);
    char *last = &forged[strlen(forged) - 1];
    *last = *last == '0' ? '1' : '0';
    const char *const tokens[] = { forged, "x", "", "a.b.c",
                                   "arn:aws:states:eu:1:execution:m:none.1.00" };
    for (size_t i = 0; i < SR_TEST_COUNT(tokens); i++) {
        world_ask(&world, (struct engine_request){
                              .kind = ENGINE_SUCCEED, .token = tokens[i], .text = "7" });
        world_settle(&world);
        assert_int_equal(world.code, SR_ERR_INVALID);
    }
    assert_int_equal(world_outcome(&world).status, ASL_RUNNING);
    world_close(&world);
}

// "[[[]]]".
static void nest(char text[2 * JX_DEPTH_MAX + 1], int depth)
{
    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    text[2 * depth] = '\0';
}

// What can be taken in, but not read again from within the log's own levels.
static void values_that_are_nested_too_deep(void **state)
{
    (void)state;
    struct engine_world world;
    char text[2 * JX_DEPTH_MAX + 1];
    world_open(&world);
    world_begin(&world, "T", ACTIVITY_STATES(""), "1");
    nest(text, JX_DEPTH_MAX);
    world_ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                               .arn = "arn:aws:states:eu:1:stateMachine:m",
                                               .name = "deep",
                                               .text = text });
    world_settle(&world);
    assert_int_equal(world.code, SR_ERR_TOO_LARGE);
    world_poll(&world);
    world_ask(&world, (struct engine_request){
                          .kind = ENGINE_SUCCEED, .token = world.token, .text = text });
    world_settle(&world);
    assert_string_equal(world_outcome(&world).error, "States.Runtime");
    assert_int_equal(engine_counts(world.engine).tasks, 0);
    world_close(&world);
    // A flow that nests its own value without end.
    world_open(&world);
    world_begin(&world, "T",
                "'T':{'Type':'Task','Resource':'" ACTIVITY
                "','Next':'P'},'P':{'Type':'Pass','Parameters':{'a.$':'$'},'Next':'P'}",
                "1");
    world_poll(&world);
    world_ask(&world,
              (struct engine_request){ .kind = ENGINE_SUCCEED, .token = world.token, .text = "1" });
    world_settle(&world);
    assert_string_equal(world_outcome(&world).error, "States.Runtime");
    world_close(&world);
    // As deep as is taken, and read again.
    world_open(&world);
    nest(text, JX_DEPTH_MAX - 8);
    world_begin(&world, "T", ACTIVITY_STATES(""), text);
    world_reopen(&world);
    world_poll(&world);
    world_ask(&world, (struct engine_request){
                          .kind = ENGINE_SUCCEED, .token = world.token, .text = text });
    world_settle(&world);
    world_succeeded(&world, text);
    world_close(&world);
}

static void heartbeats_and_time_outs(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "T", ACTIVITY_STATES("'HeartbeatSeconds':10,'TimeoutSeconds':60,"), "1");
    world_pass(&world, 20000000);  // a heartbeat is not expected before somebody has the task
    world_poll(&world);
    for (size_t i = 0; i < 2; i++) {
        world_pass(&world, 8000000);
        world_ask(&world,
                  (struct engine_request){ .kind = ENGINE_HEARTBEAT, .token = world.token });
        world_settle(&world);
    }
    world_reopen(&world);
    world_pass(&world, 9999999);
    assert_int_equal(world_outcome(&world).status, ASL_RUNNING);
    world_pass(&world, 1);
    assert_string_equal(world_outcome(&world).error, "States.Timeout");
    world_close(&world);
    world_open(&world);
    world_begin(&world, "T", ACTIVITY_STATES("'TimeoutSeconds':60,"), "1");
    world_pass(&world, 60000000);  // nobody came
    assert_string_equal(world_outcome(&world).error, "States.Timeout");
    assert_int_equal(engine_counts(world.engine).tasks, 0);
    world_close(&world);
}

static void a_callback(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(
        &world, "T",
        "'T':{'Type':'Task','Resource':'arn:aws:states:::sqs:sendMessage.waitForTaskToken','End':true}",
        "1");
    assert_int_equal(world.handled, 1);
    world_reopen(&world);
    world_settle(&world);
    assert_int_equal(world.handled, 1);  // it was handed over: not again
    world_ask(&world, (struct engine_request){
                          .kind = ENGINE_FAIL, .token = world.token, .error = "E", .cause = "c" });
    world_settle(&world);
    assert_string_equal(world_outcome(&world).error, "E");
    world_close(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_activity_and_its_worker),
        cmocka_unit_test(a_worker_may_come_first_or_not_get_it),
        cmocka_unit_test(forged_tokens),
        cmocka_unit_test(values_that_are_nested_too_deep),
        cmocka_unit_test(heartbeats_and_time_outs),
        cmocka_unit_test(a_callback),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
