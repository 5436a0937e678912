// Callers on several threads, the engine on its own: for TSan.
#include "base/thread.h"
#include "service/states_world.h"

enum { CALLERS = 4, ROUNDS = 12 };

struct shared {
    struct engine *engine;
    struct states_api *api;
    struct sr_cancel cancel;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        size_t good, bad;
    } synced;  // under `lock`
};

static void run_engine(void *arg)
{
    struct shared *shared = arg;
    struct sr_err err = { 0 };
    if (!engine_loop(shared->engine, &shared->cancel, NULL, NULL, &err))
        abort();
}

static bool on_answer(void *self, const struct states_answer *answer)
{
    struct shared *shared = self;
    sr_lock(&shared->lock);
    shared->synced.good += answer->status == 200;
    shared->synced.bad += answer->status != 200;
    sr_cond_broadcast(&shared->changed);
    sr_unlock(&shared->lock);
    return true;
}

struct caller {
    struct shared *shared;
    int number;
};

static void run_caller(void *arg)
{
    struct caller *caller = arg;
    struct shared *shared = caller->shared;
    for (int i = 0; i < ROUNDS; i++) {
        char body[256];
        snprintf(body, sizeof body, "{\"name\":\"a%d-%d\"}", caller->number, i);
        states_api_call(shared->api, "CreateActivity", body, strlen(body), on_answer, shared);
        states_api_call(shared->api, "ListActivities", "{}", 2, on_answer, shared);
        snprintf(
            body, sizeof body,
            "{\"name\":\"m\",\"roleArn\":\"" WORLD_ROLE
            "\",\"definition\":\"{\\\"StartAt\\\":\\\"P\\\",\\\"States\\\":{\\\"P\\\":{\\\"Type\\\":"
            "\\\"Succeed\\\"}}}\"}");
        states_api_call(shared->api, "CreateStateMachine", body, strlen(body), on_answer, shared);
    }
}

static void callers_and_an_engine(void **state)
{
    (void)state;
    struct states_world world;
    struct sr_err err = { 0 };
    struct sr_thread *engine_thread, *threads[CALLERS];
    struct caller callers[CALLERS];
    world_open(&world);
    world_do(&world, "CreateActivity", json_pack("{s:s}", "name", "polled"));
    struct shared shared = { .engine = world.engine, .api = world.api };
    sr_assert_ok(sr_mutex_init(&shared.lock, &err), err);
    sr_assert_ok(sr_cond_init(&shared.changed, &err), err);
    sr_cancel_init(&shared.cancel, NULL, sr_clock_system(), INT64_MAX);
    sr_assert_ok(sr_thread_start("engine", run_engine, &shared, &engine_thread, &err), err);
    const char *poll = "{\"activityArn\":\"" WORLD_ARN ":activity:polled\"}";
    for (int i = 0; i < CALLERS; i++)
        states_api_call(world.api, "GetActivityTask", poll, strlen(poll), on_answer, &shared);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){ &shared, i };
        sr_assert_ok(sr_thread_start("caller", run_caller, &callers[i], &threads[i], &err), err);
    }
    for (int i = 0; i < CALLERS; i++)
        sr_thread_join(threads[i]);
    sr_lock(&shared.lock);
    while (shared.synced.good + shared.synced.bad < CALLERS * ROUNDS * 3)
        sr_cond_wait(&shared.changed, &shared.lock);
    assert_int_equal(shared.synced.bad, 0);
    sr_unlock(&shared.lock);
    sr_cancel_set(&shared.cancel);
    engine_wake(world.engine);
    sr_thread_join(engine_thread);
    world_reopen(&world);  // the polls are answered when the engine ends
    assert_int_equal(shared.synced.good, CALLERS * ROUNDS * 3 + CALLERS);
    world_do(&world, "ListActivities", json_pack("{s:i}", "maxResults", 1000));
    assert_int_equal(json_array_size(json_object_get(world.body, "activities")),
                     CALLERS * ROUNDS + 1);
    sr_cond_done(&shared.changed);
    sr_mutex_done(&shared.lock);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(callers_and_an_engine) };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
