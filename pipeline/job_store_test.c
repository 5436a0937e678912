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

static bool add_under(struct world *world, uint8_t identity, uint8_t before)
{
    struct sr_err err = { 0 };
    bool is_new;
    const struct job_event event = {
        .identity = { identity }, .before = { before }, .uuid = "u", .document = "{\"a\":1}"
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

// What was recorded under another identity is known under both.
static void the_same_under_another_identity(void **state)
{
    (void)state;
    struct world world = { 0 };
    world_open(&world);
    assert_true(add(&world, 1, 10));
    assert_false(add_under(&world, 2, 1));
    assert_true(add_under(&world, 3, 4));
    assert_false(add_under(&world, 3, 5));
    assert_true(add_under(&world, 4, 0));
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

// Jobs -------------------------------------------------------------------------------------------

#define ID_A "01ARZ3NDEKTSV4RRFFQ69G5FAA"
#define ID_B "01ARZ3NDEKTSV4RRFFQ69G5FAB"
#define ID_C "01ARZ3NDEKTSV4RRFFQ69G5FAC"

static struct job_row job_of(const char *id, const char *key)
{
    // Rows that are written are only read, whoever owns their texts.
    return (struct job_row){ .id = (char *)(uintptr_t)id,
                             .correlation = (char *)(uintptr_t) "c",
                             .idempotency_key = (char *)(uintptr_t)key,
                             .manifest = (char *)(uintptr_t) "{\"m\":1}",
                             .shown = (char *)(uintptr_t) "{}",
                             .workspace = (char *)(uintptr_t) "/w",
                             .digest = { 7 },
                             .priority = 50,
                             .created_us = 5,
                             .attempt = 1,
                             .segments = -1,
                             .segments_done = -1,
                             .due_us = 10 };
}

static bool note_id(void *self, const struct job_row *row, struct sr_err *err)
{
    struct world *world = self;
    const size_t at = strlen(world->seen);
    (void)err;
    snprintf(world->seen + at, sizeof world->seen - at, "%c", row->id[25]);
    return true;
}

static const char *due_jobs(struct world *world, int64_t now_us)
{
    struct sr_err err = { 0 };
    world->seen[0] = '\0';
    sr_assert_ok(job_store_due_jobs(world->store, now_us, 100, note_id, world, &err), err);
    return world->seen;
}

static const char *listed(struct world *world, struct job_query query)
{
    struct sr_err err = { 0 };
    world->seen[0] = '\0';
    sr_assert_ok(job_store_list_jobs(world->store, &query, note_id, world, &err), err);
    return world->seen;
}

static void a_job_as_it_was_written(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world = { 0 };
    sr_auto(job_row) struct job_row row = { 0 }, again = { 0 };
    bool has;
    world_open(&world);
    struct job_row first = job_of(ID_A, "k");
    first.overwrite = true;
    sr_assert_ok(job_store_add_job(world.store, &first, &err), err);
    const struct job_row same_id = job_of(ID_A, NULL), same_key = job_of(ID_B, "k");
    sr_assert_fails(job_store_add_job(world.store, &same_id, &err), SR_ERR_CONFLICT, err);
    sr_assert_fails(job_store_add_job(world.store, &same_key, &err), SR_ERR_CONFLICT, err);
    sr_assert_fails(job_store_get_job(world.store, ID_B, &row, &err), SR_ERR_NOT_FOUND, err);
    sr_assert_ok(job_store_get_job(world.store, ID_A, &row, &err), err);
    assert_string_equal(row.manifest, "{\"m\":1}");
    assert_int_equal(row.digest[0], 7);
    assert_int_equal(row.state, JOB_ROW_QUEUED);
    assert_true(row.overwrite && !row.strict && !row.is_stopped);
    assert_null(row.execution);
    assert_true(row.segments == -1 && row.started_us == 0 && row.due_us == 10 && row.slots == -1);
    row.state = JOB_ROW_CANCELLING;
    row.is_stopped = true;
    row.segments = 0;
    row.slots = 4;
    row.started_us = 20;
    row.due_us = INT64_MAX;
    row.tries = 3;
    row.execution = strdup("arn");
    sr_assert_ok(job_store_set_job(world.store, &row, &err), err);
    world_reopen(&world);
    sr_assert_ok(job_store_get_job_by_key(world.store, "k", &again, &has, &err), err);
    assert_true(has && again.is_stopped && again.state == JOB_ROW_CANCELLING);
    assert_true(again.segments == 0 && again.segments_done == -1 && again.started_us == 20);
    assert_true(again.due_us == INT64_MAX && again.tries == 3 && again.slots == 4);
    assert_string_equal(again.execution, "arn");
    sr_assert_ok(job_store_get_job_by_key(world.store, "l", &again, &has, &err), err);
    assert_false(has);
    world_close(&world);
}

static void what_is_due(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world = { 0 };
    int64_t next_us;
    world_open(&world);
    sr_assert_ok(job_store_next_job_us(world.store, &next_us, &err), err);
    assert_int_equal(next_us, INT64_MAX);
    struct job_row a = job_of(ID_A, NULL), b = job_of(ID_B, NULL), c = job_of(ID_C, NULL);
    b.due_us = 5;
    sr_assert_ok(job_store_add_job(world.store, &a, &err), err);
    sr_assert_ok(job_store_add_job(world.store, &b, &err), err);
    sr_assert_ok(job_store_add_job(world.store, &c, &err), err);
    assert_string_equal(due_jobs(&world, 9), "B");
    assert_string_equal(due_jobs(&world, 10), "BAC");
    sr_assert_ok(job_store_next_job_us(world.store, &next_us, &err), err);
    assert_int_equal(next_us, 5);
    a.state = JOB_ROW_RUNNING;  // waits for its execution
    b.state = JOB_ROW_SUCCEEDED;
    c.state = JOB_ROW_CANCELLING;  // waits for a worker to hear of it
    a.due_us = b.due_us = INT64_MAX;
    c.due_us = 500;
    sr_assert_ok(job_store_set_job(world.store, &a, &err), err);
    sr_assert_ok(job_store_set_job(world.store, &b, &err), err);
    sr_assert_ok(job_store_set_job(world.store, &c, &err), err);
    assert_string_equal(due_jobs(&world, 100), "");
    sr_assert_ok(job_store_wake_jobs(world.store, 50, &err), err);
    assert_string_equal(due_jobs(&world, 100), "A");
    assert_string_equal(due_jobs(&world, 500), "AC");
    world_close(&world);
}

static void lists_of_jobs(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world = { 0 };
    world_open(&world);
    struct job_row a = job_of(ID_A, NULL), b = job_of(ID_B, NULL), c = job_of(ID_C, NULL);
    b.correlation = (char *)(uintptr_t) "d";
    a.state = b.state = JOB_ROW_RUNNING;
    sr_assert_ok(job_store_add_job(world.store, &a, &err), err);
    sr_assert_ok(job_store_add_job(world.store, &b, &err), err);
    sr_assert_ok(job_store_add_job(world.store, &c, &err), err);
    assert_string_equal(listed(&world, (struct job_query){ .state = -1, .count_max = 9 }), "CBA");
    assert_string_equal(listed(&world, (struct job_query){ .state = -1, .count_max = 2 }), "CB");
    assert_string_equal(
        listed(&world, (struct job_query){ .state = -1, .before = ID_C, .count_max = 9 }), "BA");
    assert_string_equal(
        listed(&world, (struct job_query){ .state = -1, .from = ID_B, .count_max = 9 }), "CB");
    assert_string_equal(
        listed(&world, (struct job_query){ .state = JOB_ROW_RUNNING, .count_max = 9 }), "BA");
    assert_string_equal(
        listed(&world, (struct job_query){ .state = -1, .correlation = "d", .count_max = 9 }), "B");
    assert_string_equal(
        listed(&world,
               (struct job_query){ .state = JOB_ROW_QUEUED, .correlation = "d", .count_max = 9 }),
        "");
    assert_string_equal(
        listed(&world,
               (struct job_query){ .state = JOB_ROW_RUNNING, .correlation = "c", .count_max = 9 }),
        "A");
    world_close(&world);
}

static void workspaces_that_are_too_old(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world = { 0 };
    world_open(&world);
    struct job_row a = job_of(ID_A, NULL), b = job_of(ID_B, NULL);
    b.workspace = (char *)(uintptr_t) "s3://shared/";
    sr_assert_ok(job_store_add_job(world.store, &a, &err), err);
    sr_assert_ok(job_store_add_job(world.store, &b, &err), err);
    a.state = b.state = JOB_ROW_FAILED;
    a.ended_us = b.ended_us = 100;
    sr_assert_ok(job_store_set_job(world.store, &a, &err), err);
    sr_assert_ok(job_store_set_job(world.store, &b, &err), err);
    sr_assert_ok(job_store_stale_jobs(world.store, 100, 9, note_id, &world, &err), err);
    assert_string_equal(world.seen, "");
    sr_assert_ok(job_store_stale_jobs(world.store, 101, 9, note_id, &world, &err), err);
    assert_string_equal(world.seen, "A");
    sr_assert_ok(job_store_drop_workspace(world.store, ID_A, &err), err);
    sr_assert_ok(job_store_stale_jobs(world.store, 101, 9, note_id, &world, &err), err);
    assert_string_equal(world.seen, "A");  // not again
    // One that is tried again has its workspace again.
    a.state = JOB_ROW_QUEUED;
    a.ended_us = 0;
    sr_assert_ok(job_store_set_job(world.store, &a, &err), err);
    sr_assert_ok(job_store_drop_workspace(world.store, ID_A, &err), err);  // comes too late
    a.state = JOB_ROW_FAILED;
    a.ended_us = 100;
    sr_assert_ok(job_store_set_job(world.store, &a, &err), err);
    sr_assert_ok(job_store_stale_jobs(world.store, 101, 9, note_id, &world, &err), err);
    assert_string_equal(world.seen, "AA");
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs),
        cmocka_unit_test(the_same_event_twice),
        cmocka_unit_test(the_same_under_another_identity),
        cmocka_unit_test(put_off),
        cmocka_unit_test(whole_or_not),
        cmocka_unit_test(starts),
        cmocka_unit_test(schedules),
        cmocka_unit_test(schedules_of_rules_that_are_gone),
        cmocka_unit_test(a_job_as_it_was_written),
        cmocka_unit_test(what_is_due),
        cmocka_unit_test(lists_of_jobs),
        cmocka_unit_test(workspaces_that_are_too_old),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
