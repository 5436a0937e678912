// How many slots a job's execution is told of.
#include "service/jobs_world.h"

enum { SECOND_US = 1000000 };

// "slots" of the input of the job's attempt; 0: it has none.
static int64_t slots_of(struct jobs_world *world, const char *id, int attempt)
{
    char arn[256];
    snprintf(arn, sizeof arn, WORLD_ARN ":execution:" JOBS_MACHINE ":%s-%d", id, attempt);
    world_do(&world->states, "DescribeExecution", json_pack("{ss}", "executionArn", arn));
    const char *const input = world_get(&world->states, "input");
    sr_auto(json) json_t *json = json_loads(input, 0, NULL);
    const json_t *const job = json_object_get(json, "job");
    assert_string_equal(json_string_value(json_object_get(job, "id")), id);
    return json_integer_value(json_object_get(job, "slots"));
}

static const char *begin(struct jobs_world *world, const char *name, char id[SR_ID_TEXT])
{
    jobs_world_add(world, name);
    memcpy(id, world->ids[0], SR_ID_TEXT);
    jobs_world_settle(world);
    assert_job(world, id, "state", "RUNNING");
    return id;
}

// Its share, as long as there are fewer jobs than slots.
static void jobs_share_the_slots(void **state)
{
    static const struct {
        size_t slots;
        int64_t told;
    } jobs[] = { { 9, 9 }, { 9, 4 }, { 9, 3 }, { 4, 0 }, { 0, 0 }, { 1, 0 }, { 40000, 1428 } };
    (void)state;
    static struct jobs_world world;
    char id[SR_ID_TEXT];
    jobs_world_open(&world);
    world.waits = "probe";
    for (size_t i = 0; i < SR_TEST_COUNT(jobs); i++) {
        char name[8];
        snprintf(name, sizeof name, "j%zu", i);
        world.slots = jobs[i].slots;
        assert_int_equal(slots_of(&world, begin(&world, name, id), 1), jobs[i].told);
    }
    jobs_world_close(&world);
}

// A start that is repeated has the same words: it is met again, not taken for another.
static void an_attempt_keeps_what_it_was_told(void **state)
{
    (void)state;
    static struct jobs_world world;
    struct sr_err err = { 0 };
    char id[SR_ID_TEXT];
    int64_t next_us;
    jobs_world_open(&world);
    world.waits = "probe";
    world.slots = 8;
    begin(&world, "a", id);
    world.slots = 0;  // nobody has asked yet
    jobs_world_reopen(&world);
    jobs_world_settle(&world);
    assert_int_equal(slots_of(&world, id, 1), 8);
    sr_assert_ok(jobs_step(world.jobs, &next_us, &err), err);
    assert_true(next_us == INT64_MAX);  // it hears of the end, and need not look
    world.waits = NULL;
    world.fails = "probe";
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "FAILED");
    world.fails = NULL;
    world.slots = 6;
    sr_clock_fake_advance(&world.states.clock, SECOND_US);
    assert_true(jobs_world_ask(&world, jobs_retry, id));
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "SUCCEEDED");
    assert_int_equal(slots_of(&world, id, 2), 6);
    jobs_world_close(&world);
}

// Also one that nobody knows of yet whether it has started.
static void cut_off_at_every_moment(void **state)
{
    (void)state;
    static struct jobs_world world;
    for (unsigned moves = 0; moves < 20; moves++) {
        struct sr_err err = { 0 };
        int64_t next_us;
        jobs_world_open(&world);
        world.waits = "probe";
        world.slots = 8;
        jobs_world_add(&world, "a");
        jobs_world_step(&world);
        world_settle(&world.states);  // the state machines are there
        jobs_world_step(&world);      // it has looked
        for (unsigned i = 0; i < moves; i++)
            (void)jobs_world_move(&world, i);
        world.slots = 6;
        jobs_world_reopen(&world);
        jobs_world_settle(&world);
        assert_job(&world, world.ids[0], "state", "RUNNING");
        assert_int_equal(slots_of(&world, world.ids[0], 1), 8);
        sr_assert_ok(jobs_step(world.jobs, &next_us, &err), err);
        assert_true(next_us == INT64_MAX);
        jobs_world_close(&world);
    }
}

// What cleans up plans nothing.
static void cleaning_up_needs_no_slots(void **state)
{
    (void)state;
    static struct jobs_world world;
    char id[SR_ID_TEXT], arn[256];
    jobs_world_open(&world);
    world.waits = "probe";
    world.slots = 8;
    begin(&world, "a", id);
    assert_true(jobs_world_ask(&world, jobs_cancel, id));
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "CANCELLED");
    snprintf(arn, sizeof arn, WORLD_ARN ":execution:" JOBS_CLEAN_MACHINE ":%s-1-clean", id);
    world_do(&world.states, "DescribeExecution", json_pack("{ss}", "executionArn", arn));
    assert_null(strstr(world_get(&world.states, "input"), "slots"));
    jobs_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_share_the_slots),
        cmocka_unit_test(an_attempt_keeps_what_it_was_told),
        cmocka_unit_test(cut_off_at_every_moment),
        cmocka_unit_test(cleaning_up_needs_no_slots),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
