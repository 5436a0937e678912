#include "statemachine/store_sqlite.h"

#include "base/test.h"

struct fixture {
    char folder[64], path[96];
    struct store store;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct sr_err err = { 0 };
    sr_test_folder(fixture.folder);
    snprintf(fixture.path, sizeof fixture.path, "%s/s.db", fixture.folder);
    sr_assert_ok(store_sqlite_open(fixture.path, &fixture.store, &err), err);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(&fixture->store);
    sr_test_folder_done(fixture->folder);
    return 0;
}

#define CALL(fixture, op, ...) (fixture)->store.ops->op((fixture)->store.self, __VA_ARGS__)

static int64_t put_machine(struct fixture *fixture, const char *arn, const char *definition)
{
    struct sr_err err = { 0 };
    int64_t revision = 0;
    const struct store_machine machine = {
        .arn = arn, .name = "m", .definition = definition, .created_us = 1
    };
    sr_assert_ok(CALL(fixture, machine_put, &machine, &revision, &err), err);
    return revision;
}

static bool put_execution(struct fixture *fixture, const char *name, int64_t started_us,
                          int64_t *ret_id, struct sr_err *err)
{
    char arn[64];
    snprintf(arn, sizeof arn, "e:%s", name);
    const struct store_execution execution = { .arn = arn,
                                               .name = name,
                                               .machine = "m",
                                               .revision = 1,
                                               .input = "{}",
                                               .started_us = started_us };
    return CALL(fixture, execution_put, &execution, ret_id, err);
}

static bool copy_definition(void *self, const struct store_machine *machine, struct sr_err *err)
{
    (void)err;
    snprintf(self, 64, "%s", machine->definition);
    return true;
}

static void revisions_stay(void **state)
{
    struct fixture *fixture = *state;
    struct sr_err err = { 0 };
    char definition[64];
    const int64_t first = put_machine(fixture, "m", "one"),
                  second = put_machine(fixture, "m", "two");
    assert_true(second > first);
    sr_assert_ok(CALL(fixture, machine_get, "m", copy_definition, definition, &err), err);
    assert_string_equal(definition, "two");
    sr_assert_ok(CALL(fixture, revision_get, first, copy_definition, definition, &err), err);
    assert_string_equal(definition, "one");
    sr_assert_fails(CALL(fixture, machine_get, "none", copy_definition, definition, &err),
                    SR_ERR_NOT_FOUND, err);
}

static bool add_name(void *self, const struct store_execution *execution, struct sr_err *err)
{
    (void)err;
    strcat(self, execution->name);
    return true;
}

static void executions_newest_first(void **state)
{
    struct fixture *fixture = *state;
    struct sr_err err = { 0 };
    int64_t ids[4];
    char names[64] = "";
    (void)put_machine(fixture, "m", "one");
    sr_assert_ok(put_execution(fixture, "a", 10, &ids[0], &err), err);
    sr_assert_ok(put_execution(fixture, "b", 20, &ids[1], &err), err);
    sr_assert_ok(put_execution(fixture, "c", 20, &ids[2], &err), err);
    sr_assert_fails(put_execution(fixture, "a", 30, &ids[3], &err), SR_ERR_CONFLICT, err);
    sr_assert_ok(CALL(fixture, execution_id, "e:b", &ids[3], &err), err);
    assert_int_equal(ids[3], ids[1]);
    sr_assert_fails(CALL(fixture, execution_id, "none", &ids[3], &err), SR_ERR_NOT_FOUND, err);
    sr_assert_ok(CALL(fixture, execution_each, "m", -1, INT64_MAX, 0, add_name, names, &err), err);
    assert_string_equal(names, "cba");
    names[0] = '\0';
    sr_assert_ok(CALL(fixture, execution_each, "m", -1, 20, ids[2], add_name, names, &err), err);
    assert_string_equal(names, "ba");
    names[0] = '\0';
    sr_assert_ok(CALL(fixture, execution_each, "m", 1, INT64_MAX, 0, add_name, names, &err), err);
    assert_string_equal(names, "");
}

static void an_inner_rollback_leaves_the_outer(void **state)
{
    struct fixture *fixture = *state;
    struct sr_err err = { 0 };
    int64_t id;
    char names[64] = "";
    (void)put_machine(fixture, "m", "one");
    sr_assert_ok(fixture->store.ops->begin(fixture->store.self, &err), err);
    sr_assert_ok(put_execution(fixture, "a", 10, &id, &err), err);
    sr_assert_ok(fixture->store.ops->begin(fixture->store.self, &err), err);
    sr_assert_ok(put_execution(fixture, "b", 20, &id, &err), err);
    fixture->store.ops->rollback(fixture->store.self);
    sr_assert_ok(fixture->store.ops->commit(fixture->store.self, &err), err);
    sr_assert_ok(CALL(fixture, execution_each, "m", -1, INT64_MAX, 0, add_name, names, &err), err);
    assert_string_equal(names, "a");
}

static bool count_tasks(void *self, const struct store_task *task, struct sr_err *err)
{
    (void)err;
    assert_string_equal(task->payload, "p");
    *(size_t *)self += task->taken ? 100 : 1;
    return true;
}

static bool count_timers(void *self, const struct store_timer *timer, struct sr_err *err)
{
    (void)err;
    (void)timer;
    ++*(size_t *)self;
    return true;
}

static void waits_survive_reopening(void **state)
{
    struct fixture *fixture = *state;
    struct sr_err err = { 0 };
    int64_t id;
    size_t tasks = 0, timers = 0;
    (void)put_machine(fixture, "m", "one");
    sr_assert_ok(put_execution(fixture, "a", 10, &id, &err), err);
    struct store_task task = {
        .execution = id, .op = 1, .resource = "r", .payload = "p", .token = "t", .created_us = 1
    };
    sr_assert_ok(CALL(fixture, task_put, &task, &err), err);
    task.taken = true;
    sr_assert_ok(CALL(fixture, task_put, &task, &err), err);  // replaces
    task.op = 2;
    task.taken = false;
    sr_assert_ok(CALL(fixture, task_put, &task, &err), err);
    const struct store_timer timer = { id, 3, 5 };
    sr_assert_ok(CALL(fixture, timer_put, &timer, &err), err);
    store_close(&fixture->store);
    sr_assert_ok(store_sqlite_open(fixture->path, &fixture->store, &err), err);
    sr_assert_ok(CALL(fixture, task_each, count_tasks, &tasks, &err), err);
    sr_assert_ok(CALL(fixture, timer_each, count_timers, &timers, &err), err);
    assert_int_equal(tasks, 101);
    assert_int_equal(timers, 1);
    sr_assert_ok(CALL(fixture, waits_drop, id, &err), err);
    tasks = timers = 0;
    sr_assert_ok(CALL(fixture, task_each, count_tasks, &tasks, &err), err);
    sr_assert_ok(CALL(fixture, timer_each, count_timers, &timers, &err), err);
    assert_int_equal(tasks + timers, 0);
}

static bool count_one(void *self, const struct store_machine *machine, struct sr_err *err)
{
    (void)machine;
    (void)err;
    ++*(int *)self;
    return true;
}

static void a_reader_beside_a_writer(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char folder[64], path[96];
    struct store writer = { 0 }, reader = { 0 };
    const struct store_machine machine = { .arn = "a", .name = "a", .definition = "{}" };
    int64_t revision;
    int count = 0;
    sr_test_folder(folder);
    snprintf(path, sizeof path, "%s/s.db", folder);
    sr_assert_fails(store_sqlite_open_reader(path, &reader, &err), SR_ERR_NOT_FOUND, err);
    sr_assert_ok(store_sqlite_open(path, &writer, &err), err);
    sr_assert_ok(store_sqlite_open_reader(path, &reader, &err), err);
    sr_assert_ok(writer.ops->machine_put(writer.self, &machine, &revision, &err), err);
    sr_assert_ok(reader.ops->machine_each(reader.self, NULL, count_one, &count, &err), err);
    assert_int_equal(count, 1);
    sr_assert_fails(reader.ops->machine_put(reader.self, &machine, &revision, &err), SR_ERR_DENIED,
                    err);
    store_close(&reader);
    store_close(&writer);
    sr_assert_ok(store_sqlite_open_reader(path, &reader, &err), err);  // nobody writes
    sr_assert_ok(reader.ops->machine_each(reader.self, NULL, count_one, &count, &err), err);
    assert_int_equal(count, 2);
    store_close(&reader);
    sr_test_folder_done(folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_beside_a_writer),
        cmocka_unit_test_setup_teardown(revisions_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(executions_newest_first, setup, teardown),
        cmocka_unit_test_setup_teardown(an_inner_rollback_leaves_the_outer, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_survive_reopening, setup, teardown),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
