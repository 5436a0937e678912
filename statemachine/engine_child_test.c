// Executions that another one's task starts.
#include "statemachine/engine_world.h"

#define CHILD_STATES(how)                                                                          \
    "'T':{'Type':'Task','Resource':'arn:aws:states:::states:startExecution" how                    \
    "','Parameters':{'StateMachineArn':'"                                                          \
    "arn:aws:states:eu:1:stateMachine:c','Input.$':'$'},'ResultSelector':{'s.$':'$.Status','o.$':'$.Output'},'End':true}"

static void a_child_execution(void **state)
{
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        struct engine_world world;
        world_open(&world);
        world_put(&world, "c", "{'StartAt':'W','States':{" WAIT_STATES "}}");
        world_begin(&world, "T", CHILD_STATES(".sync:2"), "41");
        world_pass(&world, 1000000);
        if (restart)
            world_reopen(&world);
        world_pass(&world, 90000000);
        world_succeeded(&world, "{\"s\":\"SUCCEEDED\",\"o\":42}");
        world_close(&world);
    }
    struct engine_world world;
    world_open(&world);
    world_put(&world, "c", "{'StartAt':'F','States':{'F':{'Type':'Fail','Error':'E'}}}");
    world_begin(&world, "T", CHILD_STATES(".sync"), "1");
    assert_string_equal(world_outcome(&world).error, "States.TaskFailed");
    world_close(&world);
    world_open(&world);
    world_begin(&world, "T", CHILD_STATES(""), "1");
    assert_string_equal(world_outcome(&world).error,
                        "StepFunctions.StateMachineDoesNotExistException");
    world_close(&world);
}

static bool all_ended(void *self, const struct store_execution *execution, struct sr_err *err)
{
    (void)err;
    *(size_t *)self += execution->status == ASL_ABORTED;
    return true;
}

static void a_child_stops_with_its_parent(void **state)
{
    (void)state;
    struct engine_world world;
    struct sr_err err = { 0 };
    size_t aborted = 0;
    world_open(&world);
    world_put(&world, "c", "{'StartAt':'W','States':{" WAIT_STATES "}}");
    world_begin(&world, "T", CHILD_STATES(".sync"), "41");
    world_ask(&world, (struct engine_request){ .kind = ENGINE_STOP,
                                               .arn = "arn:aws:states:eu:1:execution:m:e" });
    world_settle(&world);
    sr_assert_ok(world.store.ops->execution_each(world.store.self,
                                                 "arn:aws:states:eu:1:stateMachine:c", -1,
                                                 INT64_MAX, 0, all_ended, &aborted, &err),
                 err);
    assert_int_equal(aborted, 1);
    world_close(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_execution),
        cmocka_unit_test(a_child_stops_with_its_parent),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
