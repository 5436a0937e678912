#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/test.h"
#include "base/thread.h"

enum { TASKS = 500 };

struct seen {
    int runs;
    size_t thread_index;
    char name[16];
};

static void run(void *task, size_t thread_index)
{
    struct seen *seen = task;
    seen->runs++;
    seen->thread_index = thread_index;
    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
}

static void every_task_runs_once(void **state)
{
    (void)state;
    static struct seen tasks[TASKS];
    struct sr_err err = { 0 };
    sr_auto(sr_pool) struct sr_pool *pool = NULL;
    sr_assert_ok(sr_pool_new("a-long-pool-name", 3, &pool, &err), err);
    sr_pool_wait(pool);  // nothing to wait for
    for (int i = 0; i < TASKS; i++)
        sr_assert_ok(sr_pool_add(pool, run, &tasks[i], &err), err);
    sr_pool_wait(pool);
    for (int i = 0; i < TASKS; i++) {
        char name[16];
        assert_int_equal(tasks[i].runs, 1);
        assert_in_range(tasks[i].thread_index, 0, 2);
        snprintf(name, sizeof(name), "a-long-pool-n-%u", (unsigned)tasks[i].thread_index);
        assert_string_equal(tasks[i].name, name);
    }
    sr_assert_ok(sr_pool_add(pool, run, &tasks[0], &err), err);  // and again after a wait
    sr_pool_wait(pool);
    assert_int_equal(tasks[0].runs, 2);
}

static int order[TASKS];
static int order_count;
static void note(void *task, size_t thread_index)
{
    (void)thread_index;
    order[order_count++] = *(int *)task;
}

static void one_thread_keeps_the_order(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_pool) struct sr_pool *pool = NULL;
    int numbers[TASKS];
    sr_assert_ok(sr_pool_new("one", 1, &pool, &err), err);
    for (int i = 0; i < TASKS; i++) {
        numbers[i] = i;
        sr_assert_ok(sr_pool_add(pool, note, &numbers[i], &err), err);
    }
    sr_pool_wait(pool);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(order[i], i);
}

struct gate {
    struct sr_mutex lock;
    struct sr_cond changed;
    bool begun, open;
    atomic_int ended;
};

static void stand_at(void *task, size_t thread_index)
{
    (void)thread_index;
    struct gate *gate = task;
    sr_lock(&gate->lock);
    gate->begun = true;
    sr_cond_broadcast(&gate->changed);
    while (!gate->open)
        sr_cond_wait(&gate->changed, &gate->lock);
    sr_unlock(&gate->lock);
    atomic_fetch_add(&gate->ended, 1);
}

static void open_gate(void *arg)
{
    struct gate *gate = arg;
    sr_lock(&gate->lock);
    gate->open = true;
    sr_cond_broadcast(&gate->changed);
    sr_unlock(&gate->lock);
}

static void free_waits_for_what_has_begun(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct gate gate = { 0 };
    sr_assert_ok(sr_mutex_init(&gate.lock, &err), err);
    sr_assert_ok(sr_cond_init(&gate.changed, &err), err);
    struct sr_pool *pool = NULL;
    sr_assert_ok(sr_pool_new("gate", 1, &pool, &err), err);
    sr_assert_ok(sr_pool_add(pool, stand_at, &gate, &err), err);
    sr_lock(&gate.lock);
    while (!gate.begun)
        sr_cond_wait(&gate.changed, &gate.lock);
    sr_unlock(&gate.lock);
    for (int i = 0; i < 10; i++)
        sr_assert_ok(sr_pool_add(pool, stand_at, &gate, &err), err);
    struct sr_thread *opener = NULL;
    sr_assert_ok(sr_thread_start("opener", open_gate, &gate, &opener, &err), err);
    sr_pool_free(pool);
    assert_in_range(atomic_load(&gate.ended), 1, 11);  // the first, and none that began too late
    const int ended = atomic_load(&gate.ended);
    sr_thread_join(opener);
    assert_int_equal(atomic_load(&gate.ended), ended);
    sr_cond_done(&gate.changed);
    sr_mutex_done(&gate.lock);
}

static void impossible_pools(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_pool *pool = NULL;
    sr_assert_fails(sr_pool_new("none", 0, &pool, &err), SR_ERR_INVALID, err);
    sr_assert_fails(sr_pool_new("many", 1025, &pool, &err), SR_ERR_INVALID, err);
    assert_null(pool);
    sr_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(one_thread_keeps_the_order),
        cmocka_unit_test(free_waits_for_what_has_begun),
        cmocka_unit_test(impossible_pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
