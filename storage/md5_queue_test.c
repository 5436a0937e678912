#include "storage/md5_queue.h"

#include <sched.h>
#include <stdatomic.h>

#include "base/pool.h"
#include "base/test.h"

enum { BODY_BYTES = 100000, BODIES = 200, THREADS = 9 };

static const uint8_t *content(void)
{
    static uint8_t data[BODY_BYTES + BODIES];
    if (!data[1]) {
        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = (uint8_t)(i * 7 + i / 253);
    }
    return data;
}

// A body, as a thread sends it.
struct body {
    struct md5_queue *queue;
    size_t number;
    atomic_bool done, good;
};

// Gets its digest, and is on its way from then on. False: it is another body's. On any thread, so
// that nothing is asserted here.
static bool depart(struct body *body)
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_MD5_BYTES], want[SR_MD5_BYTES];
    const uint8_t *const data = content() + body->number;
    body->good = md5_queue_digest(body->queue, data, BODY_BYTES, digest, &err) &&
                 sr_md5(data, BODY_BYTES, want, &err) && memcmp(digest, want, sizeof(want)) == 0;
    body->done = true;
    return body->good;
}

static void depart_task(void *task, size_t thread_index)
{
    (void)thread_index;
    (void)depart(task);  // its own says
}

// A body that was added last.
static void wait_until_waiting(struct body *body, size_t count)
{
    while (md5_queue_waiting(body->queue) != count) {
        assert_false(body->done);
        sched_yield();
    }
}

struct scene {
    struct md5_queue queue;
    struct sr_pool *pool;
    struct body body[THREADS];
};

static void begin(struct scene *scene)
{
    struct sr_err err = { 0 };
    sr_assert_ok(md5_queue_init(&scene->queue, &err), err);
    sr_assert_ok(sr_pool_new("bodies", THREADS, &scene->pool, &err), err);
    (void)content();
    for (size_t i = 0; i < THREADS; i++)
        scene->body[i] = (struct body){ .queue = &scene->queue, .number = i };
}

static void end(struct scene *scene, size_t sent)
{
    sr_pool_wait(scene->pool);
    for (size_t i = 0; i < sent; i++) {
        assert_true(scene->body[i].good);
        md5_queue_sent(&scene->queue);
    }
    sr_pool_free(scene->pool);
    md5_queue_done(&scene->queue);
}

static void add(struct scene *scene, size_t i)
{
    struct sr_err err = { 0 };
    sr_assert_ok(sr_pool_add(scene->pool, depart_task, &scene->body[i], &err), err);
}

// The first few wait for nobody: alone in one thread they all come back.
static void few_do_not_wait(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    for (size_t i = 0; i < MD5_QUEUE_SENDING; i++)
        assert_true(depart(&scene.body[i]));
    end(&scene, MD5_QUEUE_SENDING);
}

static void the_last_to_come_ends_it(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    size_t i = 0;
    while (i < MD5_QUEUE_SENDING)
        assert_true(depart(&scene.body[i++]));
    for (size_t waiting = 1; waiting < MD5_QUEUE_WAITING; waiting++) {
        add(&scene, i);
        wait_until_waiting(&scene.body[i++], waiting);
    }
    for (size_t late = MD5_QUEUE_SENDING; late < i; late++)
        assert_false(scene.body[late].done);
    add(&scene, i++);
    sr_pool_wait(scene.pool);
    assert_int_equal(md5_queue_waiting(&scene.queue), 0);
    end(&scene, i);
}

static void the_end_of_another_ends_it(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    size_t i = 0;
    while (i < MD5_QUEUE_SENDING)
        assert_true(depart(&scene.body[i++]));
    add(&scene, i);
    wait_until_waiting(&scene.body[i++], 1);
    md5_queue_sent(&scene.queue);
    sr_pool_wait(scene.pool);
    assert_true(scene.body[i - 1].good);
    end(&scene, i - 1);
}

struct many {
    struct md5_queue *queue;
    atomic_size_t next, bad;
};

static void send_many(void *task, size_t thread_index)
{
    (void)thread_index;
    struct many *many = task;
    for (size_t number; (number = atomic_fetch_add(&many->next, 1)) < BODIES;) {
        if (!depart(&(struct body){ .queue = many->queue, .number = number }))
            atomic_fetch_add(&many->bad, 1);
        md5_queue_sent(many->queue);
    }
}

static void many_at_once(void **state)
{
    (void)state;
    struct scene scene;
    struct sr_err err = { 0 };
    begin(&scene);
    struct many many = { .queue = &scene.queue };
    for (size_t i = 0; i < THREADS; i++)
        sr_assert_ok(sr_pool_add(scene.pool, send_many, &many, &err), err);
    end(&scene, 0);
    assert_true(atomic_load(&many.next) >= BODIES);
    assert_int_equal(atomic_load(&many.bad), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_do_not_wait),
        cmocka_unit_test(the_last_to_come_ends_it),
        cmocka_unit_test(the_end_of_another_ends_it),
        cmocka_unit_test(many_at_once),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
