// Executions as wholes: start, wait, restart, stop, redrive, end.
#include "statemachine/engine_world.h"

static void a_wait_survives_a_restart(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "W", WAIT_STATES, "41");
    world_pass(&world, 89000000);
    assert_int_equal(world_outcome(&world).status, ASL_RUNNING);
    world_reopen(&world);
    assert_true(engine_next_us(world.engine) == WALL_US + 90000000);
    world_pass(&world, 1000000);
    world_succeeded(&world, "42");
    assert_true(engine_next_us(world.engine) == INT64_MAX);
    assert_int_equal(engine_counts(world.engine).cached, 0);
    world_close(&world);
}

static void a_handlers_failure_is_the_tasks(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "A",
                "'A':{'Type':'Task','Resource':'arn:aws:lambda:eu:1:function:add','End':true}",
                "\"text\"");
    assert_string_equal(world_outcome(&world).error, "States.TaskFailed");
    world_close(&world);
}

static void nobody_runs_it(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "A",
                "'A':{'Type':'Task','Resource':'arn:aws:lambda:eu:1:function:none','End':true}",
                "1");
    assert_string_equal(world_outcome(&world).error, "States.Runtime");
    world_close(&world);
}

static void starting_twice(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "W", WAIT_STATES, "1");
    world_ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                               .arn = "arn:aws:states:eu:1:stateMachine:m",
                                               .name = "e",
                                               .text = "1" });
    world_settle(&world);
    assert_int_equal(world.code, SR_OK);
    world_ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                               .arn = "arn:aws:states:eu:1:stateMachine:m",
                                               .name = "e",
                                               .text = "2" });
    world_settle(&world);
    assert_int_equal(world.code, SR_ERR_CONFLICT);
    world_ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                               .arn = "arn:aws:states:eu:1:stateMachine:none",
                                               .text = "2" });
    world_settle(&world);
    assert_int_equal(world.code, SR_ERR_NOT_FOUND);
    world_close(&world);
}

static void stop_and_redrive(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "W", WAIT_STATES, "1");
    world_ask(&world, (struct engine_request){ .kind = ENGINE_STOP,
                                               .arn = "arn:aws:states:eu:1:execution:m:e",
                                               .error = "enough" });
    world_settle(&world);
    assert_int_equal(world_outcome(&world).status, ASL_ABORTED);
    assert_string_equal(world_outcome(&world).error, "enough");
    world_pass(&world, 200000000);
    assert_int_equal(world_outcome(&world).status, ASL_ABORTED);
    world_ask(&world, (struct engine_request){ .kind = ENGINE_REDRIVE,
                                               .arn = "arn:aws:states:eu:1:execution:m:e" });
    world_settle(&world);
    assert_int_equal(world_outcome(&world).status, ASL_RUNNING);
    world_reopen(&world);
    world_pass(&world, 90000000);
    world_succeeded(&world, "2");
    world_ask(&world, (struct engine_request){ .kind = ENGINE_REDRIVE,
                                               .arn = "arn:aws:states:eu:1:execution:m:e" });
    world_settle(&world);
    assert_int_equal(world.code, SR_ERR_CONFLICT);
    world_close(&world);
}

static void on_end(void *self, const struct engine_outcome *outcome)
{
    struct engine_world *world = self;
    if (outcome)
        snprintf(world->payload, sizeof world->payload, "%s %s", asl_status_name(outcome->status),
                 outcome->output);
}

static void waiting_for_the_end(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_put(&world, "m", "{'StartAt':'W','States':{" WAIT_STATES "}}");
    world_ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                               .arn = "arn:aws:states:eu:1:stateMachine:m",
                                               .text = "1",
                                               .ended = on_end,
                                               .ended_self = &world });
    world_settle(&world);
    assert_string_equal(world.payload, "");
    world_pass(&world, 90000000);
    assert_string_equal(world.payload, "SUCCEEDED 2");
    world_close(&world);
}

static void a_definition_with_faults(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_ask(&world,
              (struct engine_request){ .kind = ENGINE_PUT_MACHINE, .name = "m", .text = "{}" });
    world_settle(&world);
    assert_int_equal(world.code, SR_ERR_INVALID);
    world_close(&world);
}

// Waits, retries, a Map, a Parallel, an activity and a handler: something of everything.
#define EVERYTHING                                                                                                                    \
    "'P':{'Type':'Parallel','Next':'M','Branches':[{'StartAt':'P1','States':{'P1':{'Type':'Wait','Seconds':5,'Next':'P2'},"           \
    "'P2':{'Type':'Pass','Result':[1,2,3,4,5],'End':true}}},{'StartAt':'P3','States':{'P3':{'Type':'Task','Resource':'" ACTIVITY      \
    "','Retry':[{'ErrorEquals':['E'],'IntervalSeconds':2}],'End':true}}}],'ResultSelector':{'l.$':'$[0]','a.$':'$[1]'}},"             \
    "'M':{'Type':'Map','ItemsPath':'$.l','MaxConcurrency':2,'ResultPath':'$.m','Next':'W','ItemProcessor':{'StartAt':'M1','States':{" \
    "'M1':{'Type':'Task','Resource':'arn:aws:lambda:eu:1:function:add','Next':'M2'},'M2':{'Type':'Wait','Seconds':1,'End':true}}}},"  \
    "'W':{'Type':'Wait','Seconds':3,'End':true}"
#define EVERYTHING_OUTPUT "{\"l\":[1,2,3,4,5],\"a\":7,\"m\":[2,3,4,5,6]}"

static void play_second(struct engine_world *world)
{
    if (world->polls_out == 0)
        world_poll(world);
    if (world->polled > world->worked) {
        const bool first = world->worked++ == 0;
        world_ask(world, (struct engine_request){ .kind = first ? ENGINE_FAIL : ENGINE_SUCCEED,
                                                  .token = world->token,
                                                  .error = "E",
                                                  .text = "7" });
    }
    world_pass(world, 1000000);
}

// Plays the worker until the execution has ended: the first attempt fails, the second succeeds.
// Every step may be the last.
static void play(struct engine_world *world)
{
    for (size_t second = 0; second < 200 && world_outcome(world).status == ASL_RUNNING; second++)
        play_second(world);
}

static bool count_entries(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    json_error_t error;
    sr_auto(json) json_t *json = json_loads(entry, 0, &error);
    size_t i;
    json_t *event;
    uint64_t *last_id = self;
    (void)seq;
    (void)err;
    json_array_foreach(json_object_get(json, "events"), i, event)
    {
        if (json_integer_value(json_array_get(event, 2)) == 0)
            assert_int_equal(json_integer_value(json_array_get(event, 0)),
                             ++*last_id);  // no gap, nothing twice
    }
    return true;
}

static void check_end(struct engine_world *world)
{
    struct sr_err err = { 0 };
    uint64_t last_id = 0;
    world_succeeded(world, EVERYTHING_OUTPUT);
    sr_assert_ok(world->store.ops->log_each(world->store.self, 1, count_entries, &last_id, &err),
                 err);
    assert_true(last_id > 40);
}

static void everything_at_once(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "P", EVERYTHING, "{}");
    play(&world);
    check_end(&world);
    world_close(&world);
}

static void restarting_between_any_two_rounds(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "P", EVERYTHING, "{}");
    for (size_t second = 0; second < 200 && world_outcome(&world).status == ASL_RUNNING; second++) {
        world_reopen(&world);
        play_second(&world);
    }
    check_end(&world);
    world_close(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_survives_a_restart),
        cmocka_unit_test(a_handlers_failure_is_the_tasks),
        cmocka_unit_test(nobody_runs_it),
        cmocka_unit_test(starting_twice),
        cmocka_unit_test(stop_and_redrive),
        cmocka_unit_test(waiting_for_the_end),
        cmocka_unit_test(a_definition_with_faults),
        cmocka_unit_test(everything_at_once),
        cmocka_unit_test(restarting_between_any_two_rounds),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
