// Rounds: what one whose commit fails leaves, and what meets in one.
#include "statemachine/engine_replay.h"
#include "statemachine/engine_world.h"

static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    struct engine_world world;
    struct sr_err err = { 0 };
    bool more;
    world_open(&world);
    world_begin(&world, "W", WAIT_STATES, "1");
    sr_clock_fake_advance(&world.clock, 90000000);
    world.shaky.fail_at = world.shaky.commits + 1;
    sr_assert_fails(engine_step(world.engine, &more, &err), SR_ERR_STORAGE, err);
    world.shaky.fail_at =
        world.shaky.commits + 2;  // the timer's round is well again, the answer's is not
    sr_assert_ok(engine_step(world.engine, &more, &err), err);
    sr_assert_fails(engine_step(world.engine, &more, &err), SR_ERR_STORAGE, err);
    world_settle(&world);
    world_succeeded(&world, "2");
    world.shaky.fail_at = world.shaky.commits + 1;
    world_ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                               .arn = "arn:aws:states:eu:1:stateMachine:m",
                                               .name = "f",
                                               .text = "1" });
    sr_assert_fails(engine_step(world.engine, &more, &err), SR_ERR_STORAGE, err);
    assert_int_equal(world.code, SR_ERR_STORAGE);
    world_ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                               .arn = "arn:aws:states:eu:1:stateMachine:m",
                                               .name = "f",
                                               .text = "1" });
    world_settle(&world);
    assert_int_equal(world.code, SR_OK);
    world_close(&world);
}

// Tasks in the store, told by an engine that has just read them.
static size_t tasks_left(struct engine_world *world)
{
    world_reopen(world);
    return engine_counts(world->engine).tasks;
}

// Found by the simulation: a heartbeat, or a worker that came, brought back what had ended before
// it in the same round.
static void what_has_ended_does_not_come_back(void **state)
{
    (void)state;
    struct engine_world world;
    world_open(&world);
    world_begin(&world, "T", ACTIVITY_STATES("'HeartbeatSeconds':10,"), "1");
    world_poll(&world);
    world_ask(&world,
              (struct engine_request){ .kind = ENGINE_SUCCEED, .token = world.token, .text = "7" });
    world_ask(&world, (struct engine_request){ .kind = ENGINE_HEARTBEAT, .token = world.token });
    world_settle(&world);
    assert_int_equal(world.code, SR_ERR_NOT_FOUND);
    assert_int_equal(tasks_left(&world), 0);
    world_close(&world);
    world_open(&world);
    world_begin(&world, "T", ACTIVITY_STATES("'HeartbeatSeconds':10,"), "1");
    world_ask(&world, (struct engine_request){ .kind = ENGINE_STOP,
                                               .arn = "arn:aws:states:eu:1:execution:m:e" });
    world_poll(&world);  // in the same round
    assert_int_equal(world.polled, 0);
    assert_int_equal(tasks_left(&world), 0);
    world_close(&world);
}

// Found by the simulation: the store's fault became the task's.
static void a_refused_round_fails_no_child(void **state)
{
    (void)state;
    struct engine_world world;
    struct sr_err err = { 0 };
    bool more = true;
    world_open(&world);
    world_put(&world, "c", "{'StartAt':'W','States':{" WAIT_STATES "}}");
    world_put(&world, "m",
              "{'StartAt':'T','States':{'T':{'Type':'Task','Resource':"
              "'arn:aws:states:::states:startExecution.sync:2','Parameters':{'StateMachineArn':"
              "'arn:aws:states:eu:1:stateMachine:c','Input.$':'$'},'OutputPath':'$.Output',"
              "'End':true}}}");
    world_ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                               .arn = "arn:aws:states:eu:1:stateMachine:m",
                                               .name = "e",
                                               .text = "41" });
    sr_assert_ok(engine_step(world.engine, &more, &err), err);
    world.shaky.fail_at = world.shaky.commits + 1;  // the round that starts the child
    sr_assert_fails(engine_step(world.engine, &more, &err), SR_ERR_STORAGE, err);
    world_settle(&world);
    world_pass(&world, 90000000);
    world_succeeded(&world, "42");
    world_close(&world);
}

// A token that was handed over in a round that stayed was so once, whatever becomes of later ones.
static void a_refused_round_submits_nothing_twice(void **state)
{
    (void)state;
    struct engine_world world;
    struct sr_err err = { 0 };
    bool more = true;
    world_open(&world);
    world_begin(&world, "T",
                "'T':{'Type':'Task','Resource':"
                "'arn:aws:states:::sqs:sendMessage.waitForTaskToken','End':true}",
                "1");
    const struct engine_ref ref = world.handed_over;
    sr_assert_ok(engine_answer(world.engine, ref, "{}", &err), err);
    world_ask(&world, (struct engine_request){ .kind = ENGINE_HEARTBEAT, .token = world.token });
    world.shaky.fail_at = world.shaky.commits + 1;
    sr_assert_fails(engine_step(world.engine, &more, &err), SR_ERR_STORAGE, err);
    world_settle(&world);
    world_ask(&world,
              (struct engine_request){ .kind = ENGINE_SUCCEED, .token = world.token, .text = "7" });
    world_settle(&world);
    world_succeeded(&world, "7");
    struct engine_replay_result result;
    sr_assert_ok(
        engine_replay(&world.store, "arn:aws:states:eu:1:execution:m:e", NULL, NULL, &result, &err),
        err);
    assert_string_equal(result.why, "");
    assert_true(result.valid);
    world_close(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(what_has_ended_does_not_come_back),
        cmocka_unit_test(a_refused_round_fails_no_child),
        cmocka_unit_test(a_refused_round_submits_nothing_twice),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
