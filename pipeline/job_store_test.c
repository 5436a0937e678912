#include "pipeline/job_store.h"

#include "base/db.h"
#include "base/test.h"

struct world {
    char folder[64], path[96];
    struct job_store *store;
    char seen[64];  // ids of due events
};

static void world_open(struct world *world)
{
    struct sr_err err = { 0 };
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/jobs.db", world->folder);
    sr_assert_ok(job_store_open(world->path, &world->store, &err), err);
}

static void world_reopen(struct world *world)
{
    struct sr_err err = { 0 };
    job_store_close(world->store);
    sr_assert_ok(job_store_open(world->path, &world->store, &err), err);
}

static void world_close(struct world *world)
{
    job_store_close(world->store);
    sr_test_folder_done(world->folder);
}

static bool add(struct world *world, uint8_t identity, int64_t seen_us)
{
    struct sr_err err = { 0 };
    bool is_new;
    const struct job_event event = {
        .identity = { identity }, .uuid = "u", .document = "{\"a\":1}", .seen_us = seen_us
    };
    sr_assert_ok(job_store_add_event(world->store, &event, &is_new, &err), err);
    return is_new;
}

static bool note(void *self, const struct job_event *event, struct sr_err *err)
{
    struct world *world = self;
    const size_t at = strlen(world->seen);
    (void)err;
    assert_string_equal(event->document, "{\"a\":1}");
    assert_null(event->rule);
    snprintf(world->seen + at, sizeof world->seen - at, "%d.%d ", event->identity[0],
             (int)event->attempts);
    return true;
}

static const char *due(struct world *world, int64_t now_us)
{
    struct sr_err err = { 0 };
    world->seen[0] = '\0';
    sr_assert_ok(job_store_due_events(world->store, now_us, 100, note, world, &err), err);
    return world->seen;
}

// Once for ever, also when it has ended, also after another start.
static void the_same_event_twice(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world = { 0 };
    struct job_store_counts counts;
    world_open(&world);
    assert_true(add(&world, 1, 10));
    assert_false(add(&world, 1, 11));
    assert_true(add(&world, 2, 12));
    assert_string_equal(due(&world, 11), "1.0 ");
    assert_string_equal(due(&world, 12), "1.0 2.0 ");
    sr_assert_ok(job_store_end_event(world.store, 1, NULL, &err), err);
    assert_string_equal(due(&world, 12), "2.0 ");
    world_reopen(&world);
    assert_false(add(&world, 1, 13));
    assert_string_equal(due(&world, 13), "2.0 ");
    sr_assert_ok(job_store_count(world.store, &counts, &err), err);
    assert_int_equal(counts.events, 2);
    assert_int_equal(counts.waiting, 1);
    world_close(&world);
}

static void put_off(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world = { 0 };
    int64_t next_us;
    world_open(&world);
    sr_assert_ok(job_store_next_event_us(world.store, &next_us, &err), err);
    assert_int_equal(next_us, INT64_MAX);
    assert_true(add(&world, 1, 10));
    assert_true(add(&world, 2, 20));
    sr_assert_ok(job_store_put_off_event(world.store, 1, 50, "busy", &err), err);
    assert_string_equal(due(&world, 49), "2.0 ");
    assert_string_equal(due(&world, 50), "2.0 1.1 ");
    sr_assert_ok(job_store_next_event_us(world.store, &next_us, &err), err);
    assert_int_equal(next_us, 20);
    // what has ended stays so
    sr_assert_ok(job_store_end_event(world.store, 2, "why", &err), err);
    sr_assert_ok(job_store_put_off_event(world.store, 2, 60, "late", &err), err);
    assert_string_equal(due(&world, 100), "1.1 ");
    world_close(&world);
}

// A transaction that is not committed leaves nothing.
static void whole_or_not(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world = { 0 };
    world_open(&world);
    {
        sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
        sr_assert_ok(job_store_begin(world.store, &tx, &err), err);
        assert_true(add(&world, 1, 10));
    }
    assert_string_equal(due(&world, 100), "");
    {
        sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
        sr_assert_ok(job_store_begin(world.store, &tx, &err), err);
        assert_true(add(&world, 1, 10));
        sr_assert_ok(sr_db_commit(&tx, &err), err);
    }
    assert_string_equal(due(&world, 100), "1.0 ");
    world_close(&world);
}

static void starts(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world = { 0 };
    struct job_store_counts counts;
    bool has;
    world_open(&world);
    assert_true(add(&world, 1, 10));
    sr_assert_fails(job_store_add_start(world.store, 9, "r", "n", "arn", 5, &err), SR_ERR_CONFLICT,
                    err);
    for (int i = 0; i < 2; i++)  // after a crash it may be told again
        sr_assert_ok(job_store_add_start(world.store, 1, "r", "n", "arn", 5, &err), err);
    sr_assert_ok(job_store_has_start(world.store, 1, "r", &has, &err), err);
    assert_true(has);
    sr_assert_ok(job_store_has_start(world.store, 1, "s", &has, &err), err);
    assert_false(has);
    sr_assert_ok(job_store_add_start(world.store, 1, "s", "n", NULL, 5, &err), err);
    sr_assert_ok(job_store_count(world.store, &counts, &err), err);
    assert_int_equal(counts.starts, 1);
    world_close(&world);
}

static void schedules(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world = { 0 };
    struct job_schedule schedule = { 5, 10 };
    bool has;
    world_open(&world);
    sr_assert_ok(job_store_get_schedule(world.store, "r", "rate", &schedule, &has, &err), err);
    assert_false(has);
    sr_assert_ok(job_store_put_schedule(world.store, "r", "rate", &schedule, &err), err);
    schedule.due_us = INT64_MAX;
    sr_assert_ok(job_store_put_schedule(world.store, "r", "rate", &schedule, &err), err);
    world_reopen(&world);
    schedule = (struct job_schedule){ 0 };
    sr_assert_ok(job_store_get_schedule(world.store, "r", "rate", &schedule, &has, &err), err);
    assert_true(has);
    assert_int_equal(schedule.begin_us, 5);
    assert_int_equal(schedule.due_us, INT64_MAX);
    sr_assert_ok(job_store_get_schedule(world.store, "r", "cron", &schedule, &has, &err), err);
    assert_false(has);
    world_close(&world);
}

static bool is_b(void *self, const char *rule)
{
    (void)self;
    return strcmp(rule, "b") == 0;
}

static void schedules_of_rules_that_are_gone(void **state)
{
    (void)state;
    static const char *const names[] = { "a", "b", "c" };
    struct sr_err err = { 0 };
    struct world world = { 0 };
    struct job_schedule schedule = { 5, 10 };
    world_open(&world);
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++)
        sr_assert_ok(job_store_put_schedule(world.store, names[i], "rate", &schedule, &err), err);
    sr_assert_ok(job_store_keep_schedules(world.store, is_b, NULL, &err), err);
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++) {
        bool has;
        sr_assert_ok(job_store_get_schedule(world.store, names[i], "rate", &schedule, &has, &err),
                     err);
        assert_int_equal(has, i == 1);
    }
    world_close(&world);
}

static void outputs(void **state)
{
    (void)state;
    static const char *const places[] = { "s3://b/a/film.mp4", "s3://b/hls/", "s3://mixed/in/*",
                                          "/srv/out/x/", "s3://whole/" };
    static const struct {
        const char *place;
        bool has;
    } asked[] = {
        { "s3://b/a/film.mp4", true },
        { "s3://b/a/film.mp4.txt", false },
        { "s3://b/a", false },
        { "s3://b/a/film.mp4/x", false },
        { "s3://whole/x/y", true },
        { "s3://b/hls/720p/init.mp4", true },
        { "s3://b/hls2/720p/init.mp4", false },
        { "s3://b", false },
        { "s3://c/a/film.mp4", false },
        { "s3://mixed/in/720p/init.mp4", true },
        { "s3://mixed/in/720p/media.m3u8", true },
        { "s3://mixed/in/aac_1/seg_00012.m4s", true },
        { "s3://mixed/in/aac_1/seg_0001x.m4s", false },
        { "s3://mixed/in/720p/film.mp4", false },
        { "s3://mixed/in/init.mp4", false },
        { "s3://mixed/in/a/b/init.mp4", false },
        { "s3://mixed/in/film.mp4", false },
        { "/srv/out/x", false },
        { "/srv/out/x/y/z", true },
        { "/srv/out", false },
        { "/", false },
        { "", false },
        { "no path", false },
    };
    struct sr_err err = { 0 };
    struct world world = { 0 };
    world_open(&world);
    for (size_t i = 0; i < SR_TEST_COUNT(places); i++) {
        sr_assert_ok(job_store_add_output(world.store, places[i], &err), err);
        sr_assert_ok(job_store_add_output(world.store, places[i], &err), err);
    }
    world_reopen(&world);
    for (size_t i = 0; i < SR_TEST_COUNT(asked); i++) {
        bool has;
        sr_assert_ok(job_store_has_output(world.store, asked[i].place, &has, &err), err);
        if (has != asked[i].has)
            fail_msg("%s", asked[i].place);
    }
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs),
        cmocka_unit_test(the_same_event_twice),
        cmocka_unit_test(put_off),
        cmocka_unit_test(whole_or_not),
        cmocka_unit_test(starts),
        cmocka_unit_test(schedules),
        cmocka_unit_test(schedules_of_rules_that_are_gone),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
