#include "statemachine/engine_replay.h"

#include "base/db.h"
#include "base/test.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define EXECUTION "arn:aws:states:eu:1:execution:m:e"

struct world {
    char folder[64], path[96];
    struct sr_clock_fake clock;
    struct store store;
};

static void settle(struct engine *engine)
{
    struct sr_err err = { 0 };
    for (bool more = true; more;)
        sr_assert_ok(engine_step(engine, &more, &err), err);
}

// A wait in a Map, then a token in the payload of a task that nobody runs.
#define FLOW                                                                                       \
    "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"Next\":\"C\",\"ItemProcessor\":{"    \
    "\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":9,\"End\":true}}}},"       \
    "\"C\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::sqs:sendMessage.waitForTaskToken\"," \
    "\"Parameters\":{\"t.$\":\"$$.Task.Token\"},\"End\":true}}}"

static void play(struct world *world)
{
    struct sr_err err = { 0 };
    struct engine *engine = NULL;
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/e.db", world->folder);
    sr_clock_fake_init(&world->clock, 1767225600000000);
    sr_assert_ok(store_sqlite_open(world->path, &world->store, &err), err);
    const struct engine_params params = { .store = &world->store,
                                          .clock = &world->clock.clock,
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "secret" };
    sr_assert_ok(engine_new(&params, &engine, &err), err);
    const struct engine_request put = { .kind = ENGINE_PUT_MACHINE, .name = "m", .text = FLOW };
    const struct engine_request start = { .kind = ENGINE_START,
                                          .arn = "arn:aws:states:eu:1:stateMachine:m",
                                          .name = "e",
                                          .text = "[1,2]" };
    sr_assert_ok(engine_ask(engine, &put, &err), err);
    sr_assert_ok(engine_ask(engine, &start, &err), err);
    settle(engine);
    sr_clock_fake_advance(&world->clock, 9000000);
    settle(engine);
    engine_free(engine);
    store_close(&world->store);
}

// Changes the database behind the engine's back.
static void tamper(struct world *world, const char *sql)
{
    struct sr_err err = { 0 };
    struct sr_db *db = NULL;
    const struct sr_db_migration none[20] = { { .name = "", .sql = "", .bytes = 0 } };
    struct sr_db_params params = { .path = world->path, .migrations = none };
    while (!db && params.migration_count < SR_TEST_COUNT(none)) {
        params.migration_count++;  // as many as the store has
        sr_ignore(sr_db_open(&params, &db, &err));
    }
    assert_non_null(db);
    sr_assert_ok(sr_db_exec(db, sql, &err), err);
    assert_true(sr_db_changes(db) > 0);
    sr_db_close(db);
}

static bool count(void *self, const struct engine_replay_step *step, struct sr_err *err)
{
    (void)err;
    ++*(int64_t *)self;
    assert_true(json_is_array(step->events));
    return true;
}

static bool replay(struct world *world, const char *arn, struct engine_replay_result *result,
                   struct sr_err *err)
{
    sr_auto(store) struct store store = { 0 };
    int64_t steps = 0;
    sr_assert_ok(store_sqlite_open_reader(world->path, &store, err), *err);
    return engine_replay(&store, arn, count, &steps, result, err) &&
           steps == (int64_t)result->entry_count;
}

static void the_same_again(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    struct engine_replay_result result = { 0 };
    play(&world);
    sr_assert_ok(replay(&world, EXECUTION, &result, &err), err);
    assert_int_equal(result.status, ASL_FAILED);
    assert_int_equal(result.stored, ASL_FAILED);
    assert_int_equal(result.differing, 0);
    assert_true(result.valid);
    assert_true(result.entry_count >= 4);
    sr_assert_fails(replay(&world, EXECUTION "x", &result, &err), SR_ERR_NOT_FOUND, err);
    sr_test_folder_done(world.folder);
}

static const struct row {
    const char *name;
    const char *sql;
    enum sr_err_code code;  // of the replay; OK: it is told in the result
    const char *why;        // why the history is none; NULL: it is one
    bool differs;
} rows[] = {
    { "an event changed",
      "UPDATE log SET entry = replace(entry, '\"name\":\"W\"', '\"name\":\"V\"')", SR_OK, NULL,
      true },
    { "a number changed",
      "UPDATE log SET entry = replace(entry, '[1,0,0,', '[2,0,0,') WHERE seq = 0", SR_OK,
      "not the next", true },
    { "an entry gone", "DELETE FROM log WHERE seq = 1", SR_ERR_STORAGE, NULL, false },
    { "the end gone", "DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)", SR_OK, "ends with",
      false },
    { "no JSON", "UPDATE log SET entry = '{' WHERE seq = 1", SR_ERR_INVALID, NULL, false },
    { "another status", "UPDATE execution SET status = 1", SR_OK, "ends with", false },
    { "a definition that leads elsewhere",
      "UPDATE revision SET definition = replace(definition, '\"Wait\",\"Seconds\":9', '\"Pass\"')",
      SR_OK, NULL, true },
};

static void tampered(void **state)
{
    const struct row *row = *state;
    struct world world;
    struct sr_err err = { 0 };
    struct engine_replay_result result = { 0 };
    play(&world);
    tamper(&world, row->sql);
    if (row->code != SR_OK) {
        sr_assert_fails(replay(&world, EXECUTION, &result, &err), row->code, err);
    } else {
        sr_assert_ok(replay(&world, EXECUTION, &result, &err), err);
        assert_int_equal(result.valid, row->why == NULL);
        if (row->why)
            sr_assert_contains(result.why, row->why);
        assert_int_equal(result.differing > 0, row->differs);
    }
    sr_test_folder_done(world.folder);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t test_count = SR_TEST_ADD(tests, rows, tampered);
    tests[test_count++] = (struct CMUnitTest)cmocka_unit_test(the_same_again);
    return sr_test_run(__FILE__, tests, test_count);
}
