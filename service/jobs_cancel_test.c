// A job's end by somebody's wish, with workers and without.
#include "service/jobs_world.h"

enum { SECOND_US = 1000000 };

static void cancelled_and_cleaned_up_after(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    jobs_world_settle(&world);
    assert_true(jobs_world_work(&world));
    jobs_world_settle(&world);
    assert_true(jobs_world_ask(&world, jobs_cancel, id));
    assert_job(&world, id, "state", "CANCELLING");
    assert_true(jobs_world_ask(&world, jobs_cancel, id));  // again: the same
    jobs_world_settle(&world);
    assert_job(&world, id, "state", "CANCELLING");  // until it is cleaned up
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "CANCELLED");
    assert_string_equal(world.done[0], "probe");
    assert_string_equal(world.done[1], "clean");
    assert_string_equal(world.done[2], "notify");
    assert_int_equal(world.done_count, 3);
    assert_int_equal(jobs_world_executions(&world, JOBS_CLEAN_MACHINE), 1);
    assert_true(jobs_world_ask(&world, jobs_retry, id));
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "SUCCEEDED");
    assert_int_equal(jobs_world_executions(&world, JOBS_MACHINE), 2);
    jobs_world_close(&world);
}

// A worker that joins writes on until it hears: nothing is cleaned up before.
static void cancelled_late(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    world.waits = "join";
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "RUNNING");
    assert_true(jobs_world_ask(&world, jobs_cancel, id));
    jobs_world_settle(&world);
    jobs_world_pass(&world, JOBS_SETTLE_US - 1);
    assert_int_equal(jobs_world_executions(&world, JOBS_CLEAN_MACHINE), 0);
    jobs_world_reopen(&world);
    jobs_world_settle(&world);
    assert_int_equal(jobs_world_executions(&world, JOBS_CLEAN_MACHINE), 0);
    jobs_world_pass(&world, 1);
    assert_int_equal(jobs_world_executions(&world, JOBS_CLEAN_MACHINE), 1);
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "CANCELLED");
    jobs_world_close(&world);
}

// The engine has stopped it, and nobody has heard of that when the service dies: then nobody knows
// what its workers were at.
static void cancelled_late_and_cut_off(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    world.waits = "join";
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    jobs_world_finish(&world);
    assert_true(jobs_world_ask(&world, jobs_cancel, id));
    world_settle(&world.states);
    jobs_world_reopen(&world);
    jobs_world_settle(&world);
    jobs_world_pass(&world, JOBS_SETTLE_US - 1);
    assert_int_equal(jobs_world_executions(&world, JOBS_CLEAN_MACHINE), 0);
    jobs_world_pass(&world, 1);
    assert_int_equal(jobs_world_executions(&world, JOBS_CLEAN_MACHINE), 1);
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "CANCELLED");
    jobs_world_close(&world);
}

// Somebody else stops the execution.
static void stopped_from_outside(void **state)
{
    (void)state;
    static struct jobs_world world;
    char arn[512];
    jobs_world_open(&world);
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    jobs_world_settle(&world);
    world_do(&world.states, "StopExecution",
             json_pack("{ss}", "executionArn", jobs_world_text(&world, id, "execution", arn)));
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "CANCELLED");
    assert_string_equal(world.done[0], "clean");
    jobs_world_close(&world);
}

// While it joins: its worker has to hear of it first, whoever stopped it.
static void stopped_from_outside_late(void **state)
{
    (void)state;
    static struct jobs_world world;
    char arn[512];
    jobs_world_open(&world);
    world.waits = "join";
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    jobs_world_finish(&world);
    world_do(&world.states, "StopExecution",
             json_pack("{ss}", "executionArn", jobs_world_text(&world, id, "execution", arn)));
    jobs_world_settle(&world);
    assert_job(&world, id, "state", "CANCELLING");
    jobs_world_pass(&world, JOBS_SETTLE_US - 1);
    assert_int_equal(jobs_world_executions(&world, JOBS_CLEAN_MACHINE), 0);
    jobs_world_pass(&world, 1);
    assert_int_equal(jobs_world_executions(&world, JOBS_CLEAN_MACHINE), 1);
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "CANCELLED");
    jobs_world_close(&world);
}

static void cancelled_and_cut_off_at_every_moment(void **state)
{
    (void)state;
    static struct jobs_world world;
    for (unsigned moves = 0; moves < 60; moves += 5) {
        jobs_world_open(&world);
        jobs_world_add(&world, "a");
        const char *const id = world.ids[0];
        unsigned i = 0;
        for (; i < moves / 2; i++)
            (void)jobs_world_move(&world, i);
        const bool accepted = jobs_world_ask(&world, jobs_cancel, id);
        for (; i < moves; i++)
            (void)jobs_world_move(&world, i);
        jobs_world_reopen(&world);
        jobs_world_finish(&world);
        jobs_world_pass(&world, JOBS_SETTLE_US);
        jobs_world_finish(&world);
        jobs_world_pass(&world, JOBS_UNATTENDED_US);  // an end that nobody has heard of is seen
        char text[512];
        const char *const ended = jobs_world_text(&world, id, "state", text);
        // What was faster than the cancellation has succeeded.
        if (accepted && strcmp(ended, "SUCCEEDED") != 0)
            assert_string_equal(ended, "CANCELLED");
        else
            assert_string_equal(ended, "SUCCEEDED");
        assert_int_equal(jobs_world_executions(&world, JOBS_CLEAN_MACHINE),
                         strcmp(ended, "CANCELLED") == 0 ? 1 : 0);
        assert_true(jobs_world_executions(&world, JOBS_MACHINE) <= 1);
        jobs_world_close(&world);
    }
}

// Nobody has begun with it: nobody has to be waited for, and what follows is done all the same when
// somebody comes.
static void cancelled_before_it_began(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    jobs_world_settle(&world);
    assert_job(&world, id, "state", "RUNNING");
    assert_true(jobs_world_ask(&world, jobs_cancel, id));
    jobs_world_settle(&world);
    assert_job(&world, id, "state", "CANCELLED");
    assert_true(jobs_world_ask(&world, jobs_cancel, id));  // again: the same
    assert_int_equal(jobs_world_executions(&world, JOBS_CLEAN_MACHINE), 1);
    assert_int_equal(world.done_count, 0);
    jobs_world_finish(&world);
    assert_string_equal(world.done[0], "clean");
    assert_string_equal(world.done[1], "notify");  // who wants to know is told
    assert_job(&world, id, "state", "CANCELLED");
    assert_job(&world, id, "ended", "2026-01-01T00:00:00.000Z");
    jobs_world_close(&world);
}

// One whose workers have gone, the one way and the other: `restarts` in between.
static void leave(struct jobs_world *world, bool restarts)
{
    jobs_world_open(world);
    jobs_world_add(world, "a");
    const char *const id = world->ids[0];
    jobs_world_settle(world);
    assert_true(jobs_world_work(world));
    jobs_world_settle(world);
    assert_true(jobs_world_ask(world, jobs_cancel, id));
    jobs_world_settle(world);
    jobs_world_pass(world, JOBS_UNATTENDED_US - 1);
    assert_job(world, id, "state", "CANCELLING");
    if (restarts) {
        jobs_world_reopen(world);
        jobs_world_settle(world);
        assert_job(world, id, "state", "CANCELLING");
    }
    jobs_world_pass(world, JOBS_UNATTENDED_US + 1);
    assert_job(world, id, "state", "CANCELLED");
    assert_int_equal(world->done_count, 1);
}

// Nothing is lost by it: the next worker cleans up and tells, before another attempt begins.
static void cancelled_without_a_worker(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        static struct jobs_world world;
        leave(&world, restarts);
        const char *const id = world.ids[0];
        assert_true(jobs_world_ask(&world, jobs_retry, id));
        jobs_world_pass(&world, 30 * SECOND_US);
        assert_job(&world, id, "state", "QUEUED");
        assert_int_equal(jobs_world_executions(&world, JOBS_MACHINE), 1);
        jobs_world_finish(&world);  // the worker is there
        assert_job(&world, id, "state", "QUEUED");
        jobs_world_pass(&world, 30 * SECOND_US);
        assert_job(&world, id, "state", "RUNNING");
        jobs_world_finish(&world);
        assert_job(&world, id, "state", "SUCCEEDED");
        assert_string_equal(world.done[1], "clean");
        assert_string_equal(world.done[2], "notify");
        assert_string_equal(world.done[3], "probe");
        jobs_world_close(&world);
    }
}

// While a worker is at it, it is waited for.
static void cleaned_up_at_length(void **state)
{
    (void)state;
    static struct jobs_world world;
    char token[1024];
    jobs_world_open(&world);
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    jobs_world_settle(&world);
    assert_true(jobs_world_work(&world));
    jobs_world_settle(&world);
    assert_true(jobs_world_ask(&world, jobs_cancel, id));
    jobs_world_settle(&world);
    world_do(&world.states, "GetActivityTask",
             json_pack("{ss}", "activityArn", WORLD_ARN ":activity:splitreel-clean"));
    snprintf(token, sizeof token, "%s", world_get(&world.states, "taskToken"));
    for (int i = 0; i < 4; i++) {
        jobs_world_pass(&world, JOBS_UNATTENDED_US / 2);
        world_do(&world.states, "SendTaskHeartbeat", json_pack("{ss}", "taskToken", token));
        assert_job(&world, id, "state", "CANCELLING");
    }
    // It has gone: what it had begun waits for another one.
    jobs_world_pass(&world, JOBS_UNATTENDED_US);
    assert_job(&world, id, "state", "CANCELLING");
    jobs_world_pass(&world, 2 * SECOND_US);
    jobs_world_pass(&world, JOBS_UNATTENDED_US);
    jobs_world_pass(&world, JOBS_UNATTENDED_US);
    assert_job(&world, id, "state", "CANCELLED");
    jobs_world_finish(&world);
    assert_string_equal(world.done[1], "clean");
    jobs_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_and_cleaned_up_after),
        cmocka_unit_test(cancelled_late),
        cmocka_unit_test(cancelled_late_and_cut_off),
        cmocka_unit_test(stopped_from_outside),
        cmocka_unit_test(stopped_from_outside_late),
        cmocka_unit_test(cancelled_and_cut_off_at_every_moment),
        cmocka_unit_test(cancelled_before_it_began),
        cmocka_unit_test(cancelled_without_a_worker),
        cmocka_unit_test(cleaned_up_at_length),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
