#include "base/queue.h"

#include "base/test.h"
#include "base/thread.h"

static int dropped;
static void drop(void *item)
{
    (void)item;
    dropped++;
}

static void keeps_order_and_drops_the_rest(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_queue *queue = NULL;
    int items[5];
    sr_assert_ok(sr_queue_new(3, drop, &queue, &err), err);
    void *got = NULL;
    for (int i = 0; i < 5; i++) {  // once round the ring
        assert_true(sr_queue_push(queue, &items[i]));
        assert_int_equal(sr_queue_pop(queue, -1, &got), SR_POP_ITEM);
        assert_ptr_equal(got, &items[i]);
    }
    got = NULL;
    assert_int_equal(sr_queue_pop(queue, 0, &got), SR_POP_TIMEOUT);
    assert_int_equal(sr_queue_pop(queue, 1000, &got), SR_POP_TIMEOUT);
    assert_null(got);
    assert_true(sr_queue_push(queue, &items[0]));
    assert_true(sr_queue_push(queue, &items[1]));
    dropped = 0;
    sr_queue_free(queue);
    assert_int_equal(dropped, 2);
    sr_queue_free(NULL);
}

static void closed_means_closed_and_empty(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_queue) struct sr_queue *queue = NULL;
    int item;
    void *got = NULL;
    sr_assert_ok(sr_queue_new(2, NULL, &queue, &err), err);
    assert_true(sr_queue_push(queue, &item));
    sr_queue_close(queue);
    sr_queue_close(queue);
    assert_false(sr_queue_push(queue, &item));
    assert_int_equal(sr_queue_pop(queue, -1, &got), SR_POP_ITEM);
    assert_int_equal(sr_queue_pop(queue, -1, &got), SR_POP_CLOSED);
    assert_int_equal(sr_queue_pop(queue, 0, &got), SR_POP_CLOSED);
}

static void impossible_sizes(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_queue *queue = NULL;
    sr_assert_fails(sr_queue_new(0, NULL, &queue, &err), SR_ERR_INVALID, err);
    sr_assert_fails(sr_queue_new(SIZE_MAX / 4, NULL, &queue, &err), SR_ERR_TOO_LARGE, err);
    assert_null(queue);
}

enum { ITEMS = 3000 };
struct consumer {
    struct sr_queue *queue;
    size_t count;
};

static void consume(void *arg)
{
    struct consumer *consumer = arg;
    void *got;
    while (sr_queue_pop(consumer->queue, -1, &got) == SR_POP_ITEM) {
        (*(int *)got)++;
        consumer->count++;
    }
}

struct producer {
    struct sr_queue *queue;
    int *first;
};

static void produce(void *arg)
{
    struct producer *producer = arg;
    for (int i = 0; i < ITEMS; i++)
        assert_true(sr_queue_push(producer->queue, &producer->first[i]));
}

static void every_item_arrives_once(void **state)
{
    (void)state;
    static int items[2 * ITEMS];
    struct sr_err err = { 0 };
    sr_auto(sr_queue) struct sr_queue *queue = NULL;
    sr_assert_ok(sr_queue_new(4, NULL, &queue, &err), err);
    struct producer producers[2] = { { queue, items }, { queue, items + ITEMS } };
    struct consumer consumers[2] = { { queue, 0 }, { queue, 0 } };
    struct sr_thread *from[2], *to[2];
    for (int i = 0; i < 2; i++) {
        sr_assert_ok(sr_thread_start("to", consume, &consumers[i], &to[i], &err), err);
        sr_assert_ok(sr_thread_start("from", produce, &producers[i], &from[i], &err), err);
    }
    for (int i = 0; i < 2; i++)
        sr_thread_join(from[i]);
    sr_queue_close(queue);
    for (int i = 0; i < 2; i++)
        sr_thread_join(to[i]);
    assert_int_equal(consumers[0].count + consumers[1].count, 2 * ITEMS);
    for (int i = 0; i < 2 * ITEMS; i++)
        assert_int_equal(items[i], 1);
}

static void push_until_closed(void *arg)
{
    struct producer *producer = arg;
    while (sr_queue_push(producer->queue, producer->first))
        ;
    *producer->first = 1;
}

// Nobody takes anything, so the thread stands before a full queue until it is closed.
static void closing_wakes_who_waits_for_room(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_queue) struct sr_queue *queue = NULL;
    int refused = 0;
    sr_assert_ok(sr_queue_new(1, NULL, &queue, &err), err);
    struct producer producer = { queue, &refused };
    struct sr_thread *thread = NULL;
    assert_true(sr_queue_push(queue, NULL));
    sr_assert_ok(sr_thread_start("push", push_until_closed, &producer, &thread, &err), err);
    sr_queue_close(queue);
    sr_thread_join(thread);
    assert_int_equal(refused, 1);
    void *got = &refused;
    assert_int_equal(sr_queue_pop(queue, -1, &got), SR_POP_ITEM);
    assert_null(got);
    assert_int_equal(sr_queue_pop(queue, -1, &got), SR_POP_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_drops_the_rest),
        cmocka_unit_test(closed_means_closed_and_empty),
        cmocka_unit_test(impossible_sizes),
        cmocka_unit_test(every_item_arrives_once),
        cmocka_unit_test(closing_wakes_who_waits_for_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
