#include "base/thread.h"

#include <signal.h>

#include "base/clock.h"
#include "base/test.h"

enum { ROUNDS = 2000 };

struct counter {
    struct sr_mutex lock;
    int64_t value;
};

static void count_up(void *arg)
{
    struct counter *counter = arg;
    for (int i = 0; i < ROUNDS; i++) {
        sr_lock(&counter->lock);
        counter->value++;
        sr_unlock(&counter->lock);
    }
}

static void a_mutex_keeps_threads_apart(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct counter counter = { 0 };
    sr_assert_ok(sr_mutex_init(&counter.lock, &err), err);
    struct sr_thread *threads[4];
    for (size_t i = 0; i < SR_TEST_COUNT(threads); i++)
        sr_assert_ok(sr_thread_start("counter", count_up, &counter, &threads[i], &err), err);
    for (size_t i = 0; i < SR_TEST_COUNT(threads); i++)
        sr_thread_join(threads[i]);
    sr_mutex_done(&counter.lock);
    assert_int_equal(counter.value, ROUNDS * (int64_t)SR_TEST_COUNT(threads));
}

struct seen {
    char name[32];
    bool term_blocked;
};

static void look(void *arg)
{
    struct seen *seen = arg;
    sigset_t mask;
    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    seen->term_blocked = sigismember(&mask, SIGTERM) == 1;
}

static void a_thread_has_a_name_and_no_signals(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct seen seen = { 0 };
    struct sr_thread *thread = NULL;
    sr_assert_ok(sr_thread_start("a-name-that-is-too-long", look, &seen, &thread, &err), err);
    sr_thread_join(thread);
    assert_string_equal(seen.name, "a-name-that-is-");
    assert_true(seen.term_blocked);
    sigset_t mask;  // ours is as it was
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGTERM), 0);
    sr_thread_join(NULL);
}

struct gate {
    struct sr_mutex lock;
    struct sr_cond changed;
    bool asked, answered;
};

static void answer(void *arg)
{
    struct gate *gate = arg;
    sr_lock(&gate->lock);
    while (!gate->asked)
        sr_cond_wait(&gate->changed, &gate->lock);
    gate->answered = true;
    sr_cond_broadcast(&gate->changed);
    sr_unlock(&gate->lock);
}

static void conditions_wake_or_time_out(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct gate gate = { 0 };
    sr_assert_ok(sr_mutex_init(&gate.lock, &err), err);
    sr_assert_ok(sr_cond_init(&gate.changed, &err), err);
    sr_lock(&gate.lock);
    assert_false(sr_cond_wait_us(&gate.changed, &gate.lock, 0));
    assert_false(sr_cond_wait_us(&gate.changed, &gate.lock, -5));
    const int64_t start_us = sr_clock_monotonic_us(sr_clock_system());
    while (sr_cond_wait_us(&gate.changed, &gate.lock, 1000))
        ;  // woken without reason: allowed
    assert_true(sr_clock_monotonic_us(sr_clock_system()) - start_us >= 1000);
    sr_unlock(&gate.lock);

    struct sr_thread *thread = NULL;
    sr_assert_ok(sr_thread_start("answer", answer, &gate, &thread, &err), err);
    sr_lock(&gate.lock);
    gate.asked = true;
    sr_cond_signal(&gate.changed);
    while (!gate.answered)
        assert_true(sr_cond_wait_us(&gate.changed, &gate.lock, INT64_MAX));
    sr_unlock(&gate.lock);
    sr_thread_join(thread);
    sr_cond_done(&gate.changed);
    sr_mutex_done(&gate.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mutex_keeps_threads_apart),
        cmocka_unit_test(a_thread_has_a_name_and_no_signals),
        cmocka_unit_test(conditions_wake_or_time_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
