#include "base/budget.h"

#include "base/test.h"
#include "base/thread.h"

static void takes_and_gives(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_budget) struct sr_budget *budget = NULL;
    sr_assert_ok(sr_budget_new(100, &budget, &err), err);
    sr_assert_ok(sr_budget_take(budget, 60, NULL, &err), err);
    sr_assert_ok(sr_budget_take(budget, 40, NULL, &err), err);
    sr_assert_ok(sr_budget_take(budget, 0, NULL, &err), err);
    sr_budget_give(budget, 60);
    sr_assert_ok(sr_budget_take(budget, 50, NULL, &err), err);
    sr_budget_give(budget, 90);
    assert_int_equal(sr_budget_peak(budget), 100);
    sr_budget_free(NULL);
}

static void a_request_above_the_budget_goes_alone(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_cancel cancel;
    struct sr_clock_fake fake;
    sr_clock_fake_init(&fake, 0);
    sr_auto(sr_budget) struct sr_budget *budget = NULL;
    sr_assert_ok(sr_budget_new(100, &budget, &err), err);
    sr_assert_ok(sr_budget_take(budget, UINT64_MAX, NULL, &err), err);
    sr_cancel_init(&cancel, NULL, NULL, INT64_MAX);
    sr_cancel_set(&cancel);
    sr_assert_fails(sr_budget_take(budget, 1, &cancel, &err), SR_ERR_CANCELLED, err);
    sr_cancel_init(&cancel, NULL, &fake.clock, 0);
    sr_assert_fails(sr_budget_take(budget, 1, &cancel, &err), SR_ERR_TIMEOUT, err);
    sr_budget_give(budget, UINT64_MAX);
    sr_assert_ok(sr_budget_take(budget, 1, NULL, &err), err);
    sr_budget_give(budget, 1);
}

struct taker {
    struct sr_budget *budget;
    struct sr_cancel *cancel;
    struct sr_mutex *lock;
    uint64_t bytes;
    uint64_t *in_use, *worst;
    enum sr_err_code code;
};

static void take_and_give(void *arg)
{
    struct taker *taker = arg;
    for (int i = 0; i < 300; i++) {
        struct sr_err err = { 0 };
        if (!sr_budget_take(taker->budget, taker->bytes, NULL, &err)) {
            taker->code = err.code;
            return;
        }
        sr_lock(taker->lock);
        *taker->in_use += taker->bytes;
        if (*taker->in_use > *taker->worst)
            *taker->worst = *taker->in_use;
        sr_unlock(taker->lock);
        sr_lock(taker->lock);
        *taker->in_use -= taker->bytes;
        sr_unlock(taker->lock);
        sr_budget_give(taker->budget, taker->bytes);
    }
}

static void never_more_than_there_is(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_budget) struct sr_budget *budget = NULL;
    struct sr_mutex lock;
    uint64_t in_use = 0, worst = 0;
    sr_assert_ok(sr_budget_new(100, &budget, &err), err);
    sr_assert_ok(sr_mutex_init(&lock, &err), err);
    struct taker takers[4];
    struct sr_thread *threads[4];
    for (size_t i = 0; i < 4; i++) {
        takers[i] = (struct taker){ .budget = budget,
                                    .lock = &lock,
                                    .bytes = 25 * (i + 1),
                                    .in_use = &in_use,
                                    .worst = &worst };
        sr_assert_ok(sr_thread_start("taker", take_and_give, &takers[i], &threads[i], &err), err);
    }
    for (size_t i = 0; i < 4; i++)
        sr_thread_join(threads[i]);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(takers[i].code, SR_OK);
    assert_in_range(worst, 100, 100);
    assert_int_equal(sr_budget_peak(budget), 100);
    sr_mutex_done(&lock);
}

static void take_until_cancelled(void *arg)
{
    struct taker *taker = arg;
    struct sr_err err = { 0 };
    if (!sr_budget_take(taker->budget, taker->bytes, taker->cancel, &err))
        taker->code = err.code;
}

// The first in line gives up; who stands behind it gets what is there.
static void who_gives_up_leaves_the_line(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_budget) struct sr_budget *budget = NULL;
    struct sr_cancel cancel;
    sr_cancel_init(&cancel, NULL, NULL, INT64_MAX);
    sr_assert_ok(sr_budget_new(100, &budget, &err), err);
    sr_assert_ok(sr_budget_take(budget, 50, NULL, &err), err);
    struct taker large = { .budget = budget, .cancel = &cancel, .bytes = 80 };
    struct taker small = { .budget = budget, .bytes = 50 };
    struct sr_thread *threads[2];
    sr_assert_ok(sr_thread_start("large", take_until_cancelled, &large, &threads[0], &err), err);
    sr_assert_ok(sr_thread_start("small", take_until_cancelled, &small, &threads[1], &err), err);
    sr_cancel_set(&cancel);
    sr_thread_join(threads[0]);
    sr_thread_join(threads[1]);
    assert_int_equal(large.code, SR_ERR_CANCELLED);
    assert_int_equal(small.code, SR_OK);
    assert_int_equal(sr_budget_peak(budget), 100);
    sr_budget_give(budget, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_and_gives),
        cmocka_unit_test(a_request_above_the_budget_goes_alone),
        cmocka_unit_test(never_more_than_there_is),
        cmocka_unit_test(who_gives_up_leaves_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
