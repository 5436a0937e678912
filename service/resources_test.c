// How many tasks are at work at once, what becomes of those that nobody waits for, and tables that
// are refused.
#include "service/resources.h"

#include "service/resources_world.h"

// Functions in this process that somebody waits for.
struct functions {
    atomic_uint begun, told;  // calls; those that have heard that nobody waits any more
};

static bool waits(void *self, const json_t *payload, const struct sr_cancel *cancel,
                  json_t **ret_result, struct asl_failure *failure)
{
    struct functions *const functions = self;
    (void)payload;
    (void)ret_result;
    atomic_fetch_add(&functions->begun, 1);
    while (!sr_cancel_asked(cancel))
        sched_yield();
    atomic_fetch_add(&functions->told, 1);
    return asl_fail_catchable(failure, "Cancelled", "on request");
}

static bool ends(void *self, const json_t *payload, const struct sr_cancel *cancel,
                 json_t **ret_result, struct asl_failure *failure)
{
    (void)self;
    (void)payload;
    (void)cancel;
    (void)failure;
    *ret_result = json_true();
    return true;
}

static void open_world(struct resources_world *world, struct functions *functions)
{
    *functions = (struct functions){ 0 };
    resources_world_open(world, world_answer, world);
    static struct resources_lambda lambdas[2];
    lambdas[0] = (struct resources_lambda){ .name = "waits", .run = waits, .self = functions };
    lambdas[1] = (struct resources_lambda){ .name = "ends", .run = ends };
    const struct resources_params params = {
        .lambdas = lambdas, .lambda_count = 2, .thread_max = 2, .queue_max = 1
    };
    resources_world_attach(world, &params);
}

static void begin_waiting(struct resources_world *world, const struct functions *functions,
                          unsigned number)
{
    world_begin_task(world, WORLD_FUNCTION "waits", NULL, "", "{}");
    while (atomic_load(&functions->begun) != number)
        world_step(world);
}

static void nobody_waits_any_more(void **state)
{
    (void)state;
    struct resources_world world;
    struct functions functions;
    open_world(&world, &functions);
    begin_waiting(&world, &functions, 1);
    world_ask(&world, (struct engine_request){ .kind = ENGINE_STOP,
                                               .arn = "arn:aws:states:eu:1:execution:m1:e" });
    world_finish(&world);
    assert_int_equal(world.status, ASL_ABORTED);
    while (atomic_load(&functions.told) != 1)
        world_step(&world);
    resources_world_close(&world);
}

static void freed_at_work(void **state)
{
    (void)state;
    struct resources_world world;
    struct functions functions;
    open_world(&world, &functions);
    begin_waiting(&world, &functions, 1);
    resources_world_close(&world);
    assert_int_equal(atomic_load(&functions.told), 1);
}

// Two are at work, one waits, the fourth has no place.
static void a_full_queue(void **state)
{
    (void)state;
    struct resources_world world;
    struct functions functions;
    open_world(&world, &functions);
    begin_waiting(&world, &functions, 1);
    begin_waiting(&world, &functions, 2);
    world_begin_task(&world, WORLD_FUNCTION "ends", NULL, "", "{}");
    for (size_t i = 0; i < 5; i++)
        world_step(&world);
    assert_false(world.ended);
    world_run(&world, WORLD_FUNCTION "ends", NULL, "{}");
    assert_string_equal(world.error, "Lambda.TooManyRequestsException");
    resources_world_close(&world);
}

static void bad_tables(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct resources *resources = NULL;
    static const struct resources_lambda lambdas[] = { { .name = "a" },
                                                       { .url = "http://x" },
                                                       { .name = "b", .url = "u", .run = ends } };
    static const struct resources_connection bad = { "arn", "X", "a\r\nB: c" };
    for (size_t i = 0; i < SR_TEST_COUNT(lambdas); i++)
        sr_assert_fails(
            resources_new(&(struct resources_params){ .lambdas = &lambdas[i], .lambda_count = 1 },
                          &resources, &err),
            SR_ERR_INVALID, err);
    sr_assert_fails(
        resources_new(&(struct resources_params){ .connections = &bad, .connection_count = 1 },
                      &resources, &err),
        SR_ERR_INVALID, err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_any_more),
        cmocka_unit_test(freed_at_work),
        cmocka_unit_test(a_full_queue),
        cmocka_unit_test(bad_tables),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
