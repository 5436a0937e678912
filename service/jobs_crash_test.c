// Cut off at every moment, or with an engine that has forgotten: each job ends, done once.
#include "service/jobs.h"

#include <unistd.h>

#include "service/jobs_world.h"

enum { SECOND_US = 1000000 };

// Wherever it is cut off, after the next start the job ends, done once.
static void cut_off_at_every_moment(void **state)
{
    (void)state;
    static struct jobs_world world;
    for (unsigned moves = 0; moves < 46; moves += 4) {
        jobs_world_open(&world);
        jobs_world_add(&world, "a");
        for (unsigned i = 0; i < moves; i++)
            (void)jobs_world_move(&world, i);
        jobs_world_reopen(&world);
        jobs_world_finish(&world);
        assert_job(&world, world.ids[0], "state", "SUCCEEDED");
        assert_job(&world, world.ids[0], "attempt", "1");
        assert_int_equal(jobs_world_executions(&world, JOBS_MACHINE), 1);
        assert_int_equal(world.done_count, 6);  // each activity once
        jobs_world_close(&world);
    }
}

// The engine's store is another: what was made is in the workspace, and the job goes on.
static void the_engine_has_forgotten(void **state)
{
    (void)state;
    static struct jobs_world world;
    char name[128];
    jobs_world_open(&world);
    jobs_world_add(&world, "a");
    jobs_world_settle(&world);
    jobs_world_drop(&world);
    world_close_engine(&world.states);
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < SR_TEST_COUNT(ends); i++) {
        snprintf(name, sizeof name, "%s%s", world.states.path, ends[i]);
        (void)unlink(name);
    }
    world_open_engine(&world.states);
    jobs_world_open_jobs(&world);
    jobs_world_finish(&world);
    assert_job(&world, world.ids[0], "state", "SUCCEEDED");
    jobs_world_close(&world);
}

// The definition is brought up to date; what runs keeps its own.
static void another_definition(void **state)
{
    (void)state;
    static struct jobs_world world;
    sr_auto(char) char *ours = NULL;
    jobs_world_open(&world);
    world_do(&world.states, "CreateStateMachine",
             json_pack("{ss,ss,ss}", "name", JOBS_MACHINE, "definition", WORLD_PASS, "roleArn",
                       WORLD_ROLE));
    jobs_world_settle(&world);
    world_do(&world.states, "DescribeStateMachine",
             json_pack("{ss}", "stateMachineArn", WORLD_ARN ":stateMachine:" JOBS_MACHINE));
    ours = strdup(world_get(&world.states, "definition"));
    assert_string_not_equal(ours, WORLD_PASS);
    assert_string_equal(world_get(&world.states, "roleArn"), WORLD_ROLE);
    sr_auto(char) char *revision = strdup(world_get(&world.states, "revisionId"));
    jobs_world_reopen(&world);
    jobs_world_settle(&world);
    world_do(&world.states, "DescribeStateMachine",
             json_pack("{ss}", "stateMachineArn", WORLD_ARN ":stateMachine:" JOBS_MACHINE));
    assert_string_equal(world_get(&world.states, "definition"), ours);
    assert_string_equal(world_get(&world.states, "revisionId"), revision);  // nothing was new
    jobs_world_close(&world);
}

// Who has removed the machine gets it again with the next job.
static void the_machine_is_removed(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    jobs_world_settle(&world);
    world_do(&world.states, "DeleteStateMachine",
             json_pack("{ss}", "stateMachineArn", WORLD_ARN ":stateMachine:" JOBS_MACHINE));
    jobs_world_add(&world, "a");
    jobs_world_settle(&world);
    jobs_world_pass(&world, 2 * SECOND_US);
    jobs_world_finish(&world);
    assert_job(&world, world.ids[0], "state", "SUCCEEDED");
    jobs_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_off_at_every_moment),
        cmocka_unit_test(the_engine_has_forgotten),
        cmocka_unit_test(another_definition),
        cmocka_unit_test(the_machine_is_removed),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
