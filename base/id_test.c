#include "base/id.h"

#include "base/test.h"

static const struct row {
    const char *name;
    int64_t wall_us;
    uint8_t random[SR_ID_RANDOM_BYTES];
    const char *text;
    int64_t parsed_us;
} rows[] = {
    { "nothing set", 0, { 0 }, "00000000000000000000000000", 0 },
    { "every bit set",
      INT64_MAX,
      { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
      "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
      ((INT64_C(1) << 48) - 1) * 1000 },
    { "before 1970", -1, { 1 }, "00000000000400000000000000", 0 },
    // Spec: ULID 1.0, its example's time part 01ARYZ6S41 is 1469918176385 ms
    { "the published example",
      1469918176385999,
      { 0, 0, 0, 0, 0, 0, 0, 0, 0, 31 },
      "01ARYZ6S41000000000000000Z",
      1469918176385000 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    char text[SR_ID_TEXT];
    sr_id_format(row->wall_us, row->random, text);
    assert_string_equal(text, row->text);
    int64_t wall_us = -1;
    assert_true(sr_id_parse(text, &wall_us));
    assert_int_equal(wall_us, row->parsed_us);
}

static const struct bad {
    const char *name;
    const char *text;
} bad[] = {
    { "empty", "" },
    { "one short", "0000000000000000000000000" },
    { "one long", "000000000000000000000000000" },
    { "above 128 bits", "80000000000000000000000000" },
    { "a letter Crockford leaves out", "0000000000000000000000000U" },
    { "small letters", "0000000000000000000000000a" },
    { "a sign", "-0000000000000000000000000" },
    { "not ASCII", "0000000000000000000000000\xC3" },
};

static void each_bad(void **state)
{
    const struct bad *row = *state;
    int64_t wall_us = 7;
    assert_false(sr_id_parse(row->text, &wall_us));
    assert_int_equal(wall_us, 7);
}

static void sorts_by_time_and_differs_within_it(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_clock_fake fake;
    sr_clock_fake_init(&fake, 1795360245123000);
    char last[SR_ID_TEXT], next[SR_ID_TEXT];
    sr_assert_ok(sr_id_new(&fake.clock, last, &err), err);
    for (int i = 0; i < 1000; i++) {
        sr_assert_ok(sr_id_new(&fake.clock, next, &err), err);
        assert_string_not_equal(next, last);
        assert_memory_equal(next, last, 10);
        sr_clock_fake_advance(&fake, 1000);
        sr_assert_ok(sr_id_new(&fake.clock, last, &err), err);
        assert_true(strcmp(next, last) < 0);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(bad) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    count += SR_TEST_ADD(tests + count, bad, each_bad);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(sorts_by_time_and_differs_within_it);
    return sr_test_run(__FILE__, tests, count);
}
