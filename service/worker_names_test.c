#include "service/worker_names.h"

#include "base/test.h"

static void who_has_asked(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(worker_names) struct worker_names *names = NULL;
    sr_assert_ok(worker_names_new(&names, &err), err);
    assert_int_equal(worker_names_count(names, 0), 0);
    worker_names_add(names, "a", 0, 10);
    worker_names_add(names, "b", 0, 20);
    worker_names_add(names, "a", 0, 30);
    assert_int_equal(worker_names_count(names, 0), 2);
    assert_int_equal(worker_names_count(names, 20), 2);
    assert_int_equal(worker_names_count(names, 21), 1);
    assert_int_equal(worker_names_count(names, 31), 0);
}

static void long_names_are_cut(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char name[300];
    sr_auto(worker_names) struct worker_names *names = NULL;
    sr_assert_ok(worker_names_new(&names, &err), err);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    worker_names_add(names, name, 0, 1);
    name[sizeof name - 2] = 'y';
    worker_names_add(names, name, 0, 1);
    assert_int_equal(worker_names_count(names, 0), 1);
    worker_names_add(names, "x", 0, 1);
    assert_int_equal(worker_names_count(names, 0), 2);
}

static void more_than_there_is_room_for(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(worker_names) struct worker_names *names = NULL;
    sr_assert_ok(worker_names_new(&names, &err), err);
    for (int i = 0; i < WORKER_NAMES_MAX + 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "worker-%d", i);
        worker_names_add(names, name, 0, i);
    }
    assert_int_equal(worker_names_count(names, 0), WORKER_NAMES_MAX);
    assert_int_equal(worker_names_count(names, 5), WORKER_NAMES_MAX);  // the oldest gave way
    worker_names_add(names, "worker-7", 0, 5000);
    assert_int_equal(worker_names_count(names, 0), WORKER_NAMES_MAX);
    assert_int_equal(worker_names_count(names, 5000), 1);
}

static void slots_of_those_that_encode(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(worker_names) struct worker_names *names = NULL;
    sr_assert_ok(worker_names_new(&names, &err), err);
    assert_int_equal(worker_names_slots(names, 0), 0);
    worker_names_add(names, "a", 4, 10);
    worker_names_add(names, "b", 0, 20);
    worker_names_add(names, "c", 2, 30);
    assert_int_equal(worker_names_slots(names, 0), 6);
    assert_int_equal(worker_names_slots(names, 11), 2);
    // Those of "a" are busy: it polls for something else only.
    worker_names_add(names, "a", 0, 40);
    assert_int_equal(worker_names_slots(names, 11), 6);
    assert_int_equal(worker_names_slots(names, 31), 4);
    worker_names_add(names, "a", 3, 50);
    assert_int_equal(worker_names_slots(names, 11), 5);
    // Who takes another's room does not get its slots.
    for (int i = 0; i < WORKER_NAMES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "worker-%d", i);
        worker_names_add(names, name, 0, 60 + i);
    }
    assert_int_equal(worker_names_slots(names, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_asked),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(more_than_there_is_room_for),
        cmocka_unit_test(slots_of_those_that_encode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
