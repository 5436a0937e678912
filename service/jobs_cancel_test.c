// Jobs that are cancelled, by whom it may be, and what is cleaned up after them.
#include "service/jobs.h"

#include "service/jobs_world.h"

static void cancelled_and_cleaned_up_after(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    jobs_world_settle(&world);
    assert_true(jobs_world_ask(&world, jobs_cancel, id));
    assert_job(&world, id, "state", "CANCELLING");
    assert_true(jobs_world_ask(&world, jobs_cancel, id));  // again: the same
    jobs_world_settle(&world);
    assert_job(&world, id, "state", "CANCELLING");  // until it is cleaned up
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "CANCELLED");
    assert_string_equal(world.done[0], "clean");
    assert_string_equal(world.done[1], "notify");
    assert_int_equal(world.done_count, 2);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_and_cleaned_up_after),
        cmocka_unit_test(cancelled_late),
        cmocka_unit_test(stopped_from_outside),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
