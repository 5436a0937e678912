#include "statemachine/engine_timer.h"

#include "base/test.h"

static void soonest_first(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct engine_timers timers = { 0 };
    struct engine_timer got;
    assert_false(engine_timers_take(&timers, INT64_MAX, &got));
    assert_true(engine_timers_next_us(&timers) == INT64_MAX);
    uint32_t random = 1;
    for (size_t i = 0; i < 1000; i++) {
        random = random * 1664525u + 1013904223u;
        sr_assert_ok(engine_timers_add(
                         &timers, (struct engine_timer){ .at_us = random >> 20, .op = i }, &err),
                     err);
    }
    int64_t last_us = -1;
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(engine_timers_next_us(&timers) >= last_us, 1);
        assert_true(engine_timers_take(&timers, 4096, &got));
        assert_true(got.at_us >= last_us);
        last_us = got.at_us;
    }
    engine_timers_done(&timers);
}

static void not_before_its_time(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct engine_timers timers = { 0 };
    struct engine_timer got;
    sr_assert_ok(engine_timers_add(&timers, (struct engine_timer){ .at_us = 10, .op = 2 }, &err),
                 err);
    sr_assert_ok(engine_timers_add(&timers, (struct engine_timer){ .at_us = 10, .op = 1 }, &err),
                 err);
    assert_false(engine_timers_take(&timers, 9, &got));
    assert_true(engine_timers_take(&timers, 10, &got));
    assert_int_equal(got.op, 1);
    engine_timers_done(&timers);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(soonest_first),
                                               cmocka_unit_test(not_before_its_time) };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
