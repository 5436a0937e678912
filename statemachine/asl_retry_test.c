#include "statemachine/asl_retry.h"

#include "base/test.h"

// Spec: ASL "Retrier": wait n is IntervalSeconds * BackoffRate^(n-1)
static const struct row {
    const char *name;
    struct asl_retrier retrier;
    int64_t attempt, want_us;
} rows[] = {
    { "first", { .interval_s = 3, .attempts_max = 3, .backoff_rate = 2 }, 1, 3000000 },
    { "third", { .interval_s = 3, .attempts_max = 3, .backoff_rate = 2 }, 3, 12000000 },
    { "beyond", { .interval_s = 3, .attempts_max = 3, .backoff_rate = 2 }, 4, -1 },
    { "never", { .interval_s = 3, .attempts_max = 0, .backoff_rate = 2 }, 1, -1 },
    { "capped",
      { .interval_s = 3, .attempts_max = 9, .backoff_rate = 2, .delay_s_max = 5 },
      2,
      5000000 },
    { "fraction", { .interval_s = 1, .attempts_max = 9, .backoff_rate = 1.5 }, 3, 2250000 },
    { "does not overflow",
      { .interval_s = 99999999, .attempts_max = 99999999, .backoff_rate = 9 },
      99999,
      31622400000000 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct asl_random random = { 1 };
    assert_int_equal(asl_retry_delay_us(&row->retrier, row->attempt, &random), row->want_us);
}

static void jitter_stays_below(void **state)
{
    (void)state;
    const struct asl_retrier retrier = {
        .interval_s = 10, .attempts_max = 3, .backoff_rate = 1, .jitter = true
    };
    struct asl_random random = { 1 };
    int64_t least = INT64_MAX, most = 0;
    for (size_t i = 0; i < 1000; i++) {
        const int64_t us = asl_retry_delay_us(&retrier, 1, &random);
        assert_in_range(us, 0, 10000000);
        least = us < least ? us : least;
        most = us > most ? us : most;
    }
    assert_true(least < 1000000 && most > 9000000);
}

static void which_one(void **state)
{
    (void)state;
    char own[] = "Own", all[] = "States.ALL", failed[] = "States.TaskFailed",
         timeout[] = "States.Timeout", heartbeat[] = "States.HeartbeatTimeout";
    char *first[] = { own, timeout }, *second[] = { failed }, *third[] = { all },
         *beats[] = { heartbeat };
    const struct asl_catcher catchers[] = { { .errors = { 1, beats } },
                                            { .errors = { 2, first } },
                                            { .errors = { 1, second } },
                                            { .errors = { 1, third } } };
    const struct {
        struct asl_failure failure;
        int want;
    } cases[] = {
        { { .error = own }, 1 },
        { { .error = timeout }, 1 },
        { { .error = timeout, .heartbeat = true }, 0 },
        { { .error = all + 7 }, 2 },  // "ALL": anybody's own
        { { .error = NULL }, 3 },     // a failure without a name
        { { .error = own, .terminal = true }, -1 },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++)
        assert_int_equal(asl_catch_find(catchers, 4, &cases[i].failure), cases[i].want);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(jitter_stays_below);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(which_one);
    return sr_test_run(__FILE__, tests, count);
}
