// How a job's flow tells whom its manifest names: who is away, who refuses, what a restart changes.
#include "pipeline/flow_world.h"

// Of a task's input.
static json_t *member(const char *payload, const char *name)
{
    sr_auto(json) json_t *all = json_loads(payload, 0, NULL);
    json_t *const value = json_incref(json_object_get(all, name));
    assert_non_null(value);
    return value;
}

// Whoever is away for hours does not keep the job from ending, nor others from hearing of it; it is
// told later, after restarts of the engine too, and every time of the same event.
static void who_is_away_is_told_later(void **state)
{
    (void)state;
    struct world world = {
        .segments = 1,
        .pick = "quick",
        .receivers = 2,
        .restarts = true,
        .faults = { { "tell", "Splitreel.NetworkFailed", "connection refused", 5, 1 } },
    };
    play(&world);
    assert_int_equal(world.status, ASL_SUCCEEDED);
    assert_true(world.ended_us < WALL_US + 60 * (int64_t)SECOND_US);
    assert_true(world.told_when_ended <= 2);
    assert_int_equal(world.told_count, 7);
    assert_true(sr_clock_wall_us(&world.fake.clock) > WALL_US + 600 * (int64_t)SECOND_US);
    sr_auto(json) json_t *id = member(world.told[0], "id");
    sr_auto(json) json_t *time = member(world.told[0], "time");
    sr_auto(json) json_t *tell = member(world.told[0], "tell");
    assert_int_equal(json_string_length(id), 64);
    assert_string_equal(json_string_value(time), "2026-01-01T00:00:00.000Z");
    assert_string_equal(json_string_value(json_object_get(tell, "report")), "out/report.json");
    for (size_t i = 1; i < world.told_count; i++) {
        sr_auto(json) json_t *again = member(world.told[i], "id");
        sr_auto(json) json_t *then = member(world.told[i], "time");
        sr_auto(json) json_t *same = member(world.told[i], "tell");
        assert_true(json_equal(again, id) && json_equal(then, time) && json_equal(same, tell));
    }
    free(world.output);
}

// One that says no is not asked again; one that stays away is, for a day.
static void who_will_not_hear(void **state)
{
    (void)state;
    struct world refuses = { .pick = "quick",
                             .audios = 1,
                             .receivers = 1,
                             .faults = { { "tell", "Splitreel.BadRequest", "410", 99, 0 } } };
    play(&refuses);
    assert_int_equal(refuses.status, ASL_SUCCEEDED);
    assert_int_equal(*calls_of(&refuses, "tell"), 1);
    free(refuses.output);
    struct world away = { .pick = "quick",
                          .audios = 1,
                          .receivers = 1,
                          .faults = { { "tell", STORE_BUSY, "503", 99, 0 } } };
    play(&away);
    assert_int_equal(away.status, ASL_SUCCEEDED);
    assert_int_equal(*calls_of(&away, "tell"), 14);
    assert_true(sr_clock_wall_us(&away.fake.clock) > WALL_US + 24 * 3600 * (int64_t)SECOND_US);
    free(away.output);
    struct world fails = { .pick = "quick",
                           .audios = 1,
                           .receivers = 1,
                           .faults = { { "plan", BAD_INPUT, "torn", 9, -1 } } };
    play(&fails);
    assert_int_equal(fails.status, ASL_FAILED);
    assert_string_equal(fails.error, BAD_INPUT);
    sr_assert_contains(fails.told[0], "\"event\":\"FAILED\"");
    sr_assert_contains(fails.told[0], "\"cause\":\"torn\"");
    free(fails.output);
}

// Of a job that was stopped only the rest is done.
static void after_a_stop(void **state)
{
    (void)state;
    struct world world = {
        .pick = "quick",
        .receivers = 1,
        .input = "{\"job\":{\"id\":\"1\",\"workspace\":\"s3://b/\"},"
                 "\"failure\":{\"Error\":\"Splitreel.Cancelled\",\"Cause\":\"by request\"}}",
    };
    play(&world);
    assert_int_equal(world.status, ASL_FAILED);
    assert_string_equal(world.error, "Splitreel.Cancelled");
    assert_int_equal(*calls_of(&world, "probe"), 0);
    assert_int_equal(*calls_of(&world, "clean"), 1);
    sr_assert_contains(world.told[0], "Splitreel.Cancelled");
    free(world.output);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_away_is_told_later),
        cmocka_unit_test(who_will_not_hear),
        cmocka_unit_test(after_a_stop),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
