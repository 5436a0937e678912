#include "base/cancel.h"

#include <signal.h>

#include "base/test.h"

static void nobody_asks(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    assert_false(sr_cancel_asked(NULL));
    sr_assert_ok(sr_cancel_check(NULL, &err), err);
    struct sr_cancel cancel;
    sr_cancel_init(&cancel, NULL, NULL, INT64_MAX);
    sr_assert_ok(sr_cancel_check(&cancel, &err), err);
}

static void a_parent_stops_its_children_only(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_cancel parent, child, grandchild;
    sr_cancel_init(&parent, NULL, NULL, INT64_MAX);
    sr_cancel_init(&child, &parent, NULL, INT64_MAX);
    sr_cancel_init(&grandchild, &child, NULL, INT64_MAX);
    sr_cancel_set(&child);
    assert_false(sr_cancel_asked(&parent));
    assert_true(sr_cancel_asked(&child));
    sr_assert_fails(sr_cancel_check(&grandchild, &err), SR_ERR_CANCELLED, err);
}

static void a_deadline_passes(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_clock_fake fake;
    sr_clock_fake_init(&fake, 0);
    struct sr_cancel parent, child;
    sr_cancel_init(&parent, NULL, &fake.clock, sr_clock_monotonic_us(&fake.clock) + 100);
    sr_cancel_init(&child, &parent, NULL, INT64_MAX);
    sr_clock_fake_advance(&fake, 99);
    assert_false(sr_cancel_asked(&child));
    sr_clock_fake_advance(&fake, 1);
    assert_true(sr_cancel_asked(&child));
    sr_assert_fails(sr_cancel_check(&child, &err), SR_ERR_TIMEOUT, err);
    sr_cancel_set(&parent);  // a request says more than a deadline
    sr_assert_fails(sr_cancel_check(&child, &err), SR_ERR_CANCELLED, err);
}

static struct sr_cancel from_signal;
static void on_signal(int number)
{
    (void)number;
    sr_cancel_set(&from_signal);
}

static void a_signal_handler_may_ask(void **state)
{
    (void)state;
    sr_cancel_init(&from_signal, NULL, NULL, INT64_MAX);
    void (*before)(int) = signal(SIGUSR1, on_signal);
    assert_int_equal(raise(SIGUSR1), 0);
    (void)signal(SIGUSR1, before);
    assert_true(sr_cancel_asked(&from_signal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_asks),
        cmocka_unit_test(a_parent_stops_its_children_only),
        cmocka_unit_test(a_deadline_passes),
        cmocka_unit_test(a_signal_handler_may_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
