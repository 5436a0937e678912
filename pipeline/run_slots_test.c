// Slots of a run: who goes first, who waits for whom, and what never begins.
#include "pipeline/run_slots.h"

#include "base/test.h"
#include "base/thread.h"

enum { LOG_MAX = 16 };

struct world {
    struct activity_job open;
    struct run_slots *slots;
    struct sr_mutex lock;
    struct sr_cond changed;
    bool holds;  // heavy tasks do not go on before it is false
    char began[LOG_MAX][16], ended[LOG_MAX][16];
    size_t began_count, ended_count;
};

// No activity of these names is in the table: they end at once, with NOT_FOUND.
static const struct activity heavy = { .name = "heavy", .is_heavy = true };
static const struct activity light = { .name = "light" };

static void name_of(const struct run_task *task, char name[16])
{
    snprintf(name, 16, "%s", json_string_value(json_object_get(task->params, "name")));
}

static void on_began(void *self, struct run_task *task)
{
    struct world *const world = self;
    sr_lock(&world->lock);
    assert_true(world->began_count < LOG_MAX);
    name_of(task, world->began[world->began_count++]);
    sr_cond_broadcast(&world->changed);
    while (world->holds && task->activity && task->activity->is_heavy)
        sr_cond_wait(&world->changed, &world->lock);
    sr_unlock(&world->lock);
}

static void on_ended(void *self, struct run_task *task, const json_t *result,
                     const struct sr_err *err)
{
    struct world *const world = self;
    sr_lock(&world->lock);
    assert_int_equal(result == NULL, task->activity != NULL);
    if (task->activity)
        assert_int_equal(err->code, SR_ERR_NOT_FOUND);
    name_of(task, world->ended[world->ended_count++]);
    sr_cond_broadcast(&world->changed);
    sr_unlock(&world->lock);
}

static bool work(void *self, const json_t *params, json_t **ret_result, struct sr_err *err)
{
    (void)self;
    (void)params;
    *ret_result = json_object();
    return jx_made(*ret_result, err);
}

static void open_world(struct world *world, size_t heavy_count)
{
    struct sr_err err = { 0 };
    *world = (struct world){ .holds = true };
    sr_assert_ok(sr_mutex_init(&world->lock, &err), err);
    sr_assert_ok(sr_cond_init(&world->changed, &err), err);
    const struct run_slots_params params = {
        .open = &world->open,
        .heavy_count = heavy_count,
        .clock = sr_clock_system(),
        .began = on_began,
        .ended = on_ended,
        .self = world,
    };
    sr_assert_ok(run_slots_new(&params, &world->slots, &err), err);
}

static void close_world(struct world *world)
{
    run_slots_free(world->slots);
    sr_cond_done(&world->changed);
    sr_mutex_done(&world->lock);
}

// `activity` NULL: a piece of work that looks at no part.
static void add(struct world *world, const struct activity *activity, const char *name,
                bool is_track)
{
    static uint64_t op;
    struct sr_err err = { 0 };
    struct run_task *const task = calloc(1, sizeof(*task));
    task->ref = (struct engine_ref){ 1, ++op };
    task->activity = activity;
    task->work = activity ? NULL : work;
    task->params = json_pack("{s:s}", "name", name);
    if (is_track)
        json_object_set_new(task->params, "audio", json_integer(0));
    sr_assert_ok(run_slots_add(world->slots, task, &err), err);
    if (strcmp(name, "dropped") == 0)
        run_slots_drop(world->slots, (struct engine_ref){ 1, op });
}

static void wait_for(struct world *world, const size_t *count, size_t wanted)
{
    sr_lock(&world->lock);
    while (*count < wanted)
        sr_cond_wait(&world->changed, &world->lock);
    sr_unlock(&world->lock);
}

static void release(struct world *world)
{
    sr_lock(&world->lock);
    world->holds = false;
    sr_cond_broadcast(&world->changed);
    sr_unlock(&world->lock);
}

static void tracks_first_then_as_they_come(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 1);
    add(&world, &heavy, "first", false);
    wait_for(&world, &world.began_count, 1);
    add(&world, &heavy, "second", false);
    add(&world, &heavy, "dropped", false);
    add(&world, &heavy, "third", false);
    add(&world, &heavy, "track", true);
    release(&world);
    wait_for(&world, &world.ended_count, 4);
    static const char *const order[] = { "first", "track", "second", "third" };
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(world.began[i], order[i]);
    close_world(&world);
    assert_int_equal(world.began_count, 4);
}

static void as_many_at_once_as_were_asked_for(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 3);
    for (int i = 0; i < 5; i++)
        add(&world, &heavy, "h", false);
    wait_for(&world, &world.began_count, 3);
    assert_false(run_slots_are_idle(world.slots));
    assert_int_equal(world.ended_count, 0);
    release(&world);
    wait_for(&world, &world.ended_count, 5);
    close_world(&world);
}

// A track has a thread of its own beside the others.
static void a_track_beside_parts(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 2);
    add(&world, &heavy, "part 1", false);
    add(&world, &heavy, "part 2", false);
    wait_for(&world, &world.began_count, 2);
    add(&world, &heavy, "part 3", false);
    add(&world, &heavy, "track 1", true);
    wait_for(&world, &world.began_count, 3);
    assert_string_equal(world.began[2], "track 1");
    add(&world, &heavy, "track 2", true);
    assert_int_equal(world.ended_count, 0);
    release(&world);
    wait_for(&world, &world.ended_count, 5);
    close_world(&world);
}

// What looks at all parts waits until none is made; what looks at none does not.
static void who_waits_for_parts(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 1);
    add(&world, &heavy, "heavy", false);
    wait_for(&world, &world.began_count, 1);
    add(&world, &light, "light", false);
    add(&world, NULL, "beside", false);
    wait_for(&world, &world.ended_count, 1);
    assert_string_equal(world.ended[0], "beside");
    assert_int_equal(world.began_count, 2);
    release(&world);
    wait_for(&world, &world.ended_count, 3);
    assert_string_equal(world.ended[1], "heavy");
    assert_string_equal(world.ended[2], "light");
    close_world(&world);
}

static void a_drain_begins_nothing(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 1);
    add(&world, &heavy, "runs", false);
    wait_for(&world, &world.began_count, 1);
    add(&world, &heavy, "waits", false);
    add(&world, NULL, "maybe", false);
    wait_for(&world, &world.ended_count, 1);  // it was beside
    run_slots_drain(world.slots);
    add(&world, NULL, "late", false);
    release(&world);
    close_world(&world);  // joins what runs, drops the rest
    assert_int_equal(world.ended_count, 2);
    assert_string_equal(world.ended[1], "runs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tracks_first_then_as_they_come),
        cmocka_unit_test(as_many_at_once_as_were_asked_for),
        cmocka_unit_test(a_track_beside_parts),
        cmocka_unit_test(who_waits_for_parts),
        cmocka_unit_test(a_drain_begins_nothing),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
