#include "base/clock.h"

#include "base/test.h"

static const struct row {
    const char *name;
    int64_t wall_us;
    const char *text;
} rows[] = {
    { "the epoch", 0, "1970-01-01T00:00:00.000Z" },
    { "a day of 2026", 1795360245123999, "2026-11-22T15:10:45.123Z" },
    { "a leap day", 951782400000000, "2000-02-29T00:00:00.000Z" },
    { "just before the epoch", -1, "1969-12-31T23:59:59.999Z" },
    { "the largest number", INT64_MAX, "9999-12-31T23:59:59.999Z" },
    { "the smallest number", INT64_MIN, "0000-01-01T00:00:00.000Z" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    char text[25];
    sr_clock_format(row->wall_us, text);
    assert_string_equal(text, row->text);
}

static void fake_moves_only_when_told(void **state)
{
    (void)state;
    struct sr_clock_fake fake;
    sr_clock_fake_init(&fake, 1000);
    const int64_t start_us = sr_clock_monotonic_us(&fake.clock);
    assert_int_equal(sr_clock_monotonic_us(&fake.clock), start_us);
    assert_int_equal(sr_clock_wall_us(&fake.clock), 1000);
    sr_clock_fake_advance(&fake, 90000000);
    assert_int_equal(sr_clock_monotonic_us(&fake.clock) - start_us, 90000000);
    assert_int_equal(sr_clock_wall_us(&fake.clock), 90001000);
}

static void system_does_not_go_back(void **state)
{
    (void)state;
    const struct sr_clock *clock = sr_clock_system();
    int64_t last_us = sr_clock_monotonic_us(clock);
    for (int i = 0; i < 1000; i++) {
        const int64_t now_us = sr_clock_monotonic_us(clock);
        assert_true(now_us >= last_us);
        last_us = now_us;
    }
    assert_true(sr_clock_wall_us(clock) > 1600000000000000);  // after 2020
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(fake_moves_only_when_told);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(system_does_not_go_back);
    return sr_test_run(__FILE__, tests, count);
}
