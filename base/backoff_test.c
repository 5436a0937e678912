#include "base/backoff.h"

#include "base/test.h"

static const struct row {
    const char *name;
    struct sr_backoff in;
    uint32_t retry_number;
    uint64_t random;
    int64_t want_us;
} rows[] = {
    { "the least", { 100, 1000 }, 1, 0, 0 },
    { "the most of the first", { 100, 1000 }, 1, UINT64_MAX, 100 },
    { "the middle", { 100, 1000 }, 1, UINT64_C(1) << 63, 50 },
    { "doubles", { 100, 1000 }, 2, UINT64_MAX, 200 },
    { "doubles again", { 100, 1000 }, 4, UINT64_MAX, 800 },
    { "is capped", { 100, 1000 }, 5, UINT64_MAX, 1000 },
    { "reaches the cap exactly", { 125, 1000 }, 4, UINT64_MAX, 1000 },
    { "an odd cap is not passed by", { 100, 333 }, 3, UINT64_MAX, 333 },
    { "far beyond the width of a number", { 100, 1000 }, UINT32_MAX, UINT64_MAX, 1000 },
    { "just at the width of a number", { 1, INT64_MAX }, 64, UINT64_MAX, INT64_MAX },
    { "half the width of a number", { 1, INT64_MAX }, 63, UINT64_MAX, INT64_C(1) << 62 },
    { "no wait at first is none later", { 0, 1000 }, 99, UINT64_MAX, 0 },
    { "no wait at all", { 100, 0 }, 9, UINT64_MAX, 0 },
    { "a first above the cap", { 5000, 1000 }, 1, UINT64_MAX, 1000 },
    { "the largest numbers", { INT64_MAX, INT64_MAX }, 1, UINT64_MAX, INT64_MAX },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    assert_int_equal(sr_backoff_us(&row->in, row->retry_number, row->random), row->want_us);
}

static void is_spread_evenly(void **state)
{
    (void)state;
    const struct sr_backoff backoff = { 7, 1000 };
    size_t seen[8] = { 0 };
    for (uint64_t i = 0; i < 800; i++) {
        const int64_t us = sr_backoff_us(&backoff, 1, i * (UINT64_MAX / 800));
        assert_in_range(us, 0, 7);
        seen[us]++;
    }
    for (size_t i = 0; i < 8; i++)
        assert_in_range(seen[i], 99, 101);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(is_spread_evenly);
    return sr_test_run(__FILE__, tests, count);
}
