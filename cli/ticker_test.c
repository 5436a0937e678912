#include "cli/ticker.h"

#include "base/test.h"
#include "base/thread.h"

// Counts, and lets the test wait for a count.
struct counter {
    struct sr_mutex lock;
    struct sr_cond changed;
    unsigned count;
};

static void tick(void *self)
{
    struct counter *const counter = self;
    sr_lock(&counter->lock);
    counter->count++;
    sr_cond_signal(&counter->changed);
    sr_unlock(&counter->lock);
}

static void again_and_again_until_it_is_stopped(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct counter counter = { 0 };
    struct ticker *ticker = NULL;
    sr_assert_ok(sr_mutex_init(&counter.lock, &err), err);
    sr_assert_ok(sr_cond_init(&counter.changed, &err), err);
    sr_assert_ok(ticker_start("tick", 1000, tick, &counter, &ticker, &err), err);
    sr_lock(&counter.lock);
    while (counter.count < 3)
        sr_cond_wait(&counter.changed, &counter.lock);
    sr_unlock(&counter.lock);
    ticker_stop(ticker);
    sr_cond_done(&counter.changed);  // who called now would be told of by a sanitizer
    sr_mutex_done(&counter.lock);
}

static void stopped_before_the_first_step(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct counter counter = { 0 };
    struct ticker *ticker = NULL;
    sr_assert_ok(ticker_start("tick", INT64_C(3600000000), tick, &counter, &ticker, &err), err);
    ticker_stop(ticker);  // does not wait for it
    assert_int_equal(counter.count, 0);
    ticker_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(again_and_again_until_it_is_stopped),
        cmocka_unit_test(stopped_before_the_first_step),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
