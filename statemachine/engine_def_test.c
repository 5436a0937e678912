#include "base/str.h"
#include "base/test.h"
#include "statemachine/engine_priv.h"
#include "statemachine/store_sqlite.h"

// A store that counts how often a definition is read, and whose commits fail when told to.
struct world {
    struct store inner;
    struct store_ops ops;
    struct store store;
    struct sr_clock_fake clock;
    struct engine *engine;
    size_t reads, depth, refused;
    bool fails;
};
static struct world *the_world;  // the inner store is called with its own self

static bool count_read(void *self, int64_t revision, store_machine_fn fn, void *fn_self,
                       struct sr_err *err)
{
    the_world->reads++;
    return the_world->inner.ops->revision_get(self, revision, fn, fn_self, err);
}

static bool begin(void *self, struct sr_err *err)
{
    const bool begun = the_world->inner.ops->begin(self, err);
    the_world->depth += begun;
    return begun;
}

static bool commit(void *self, struct sr_err *err)
{
    if (the_world->fails && the_world->depth == 1)
        return sr_fail(err, SR_ERR_STORAGE, "the disk is full");
    const bool committed = the_world->inner.ops->commit(self, err);
    the_world->depth -= committed;
    return committed;
}

static void rollback(void *self)
{
    the_world->inner.ops->rollback(self);
    the_world->depth--;
}

static int set_up(void **state)
{
    static struct world world;
    struct sr_err err = { 0 };
    world = (struct world){ 0 };
    the_world = &world;
    sr_clock_fake_init(&world.clock, 1767225600000000);
    sr_assert_ok(store_sqlite_open(":memory:", &world.inner, &err), err);
    world.ops = *world.inner.ops;
    world.ops.revision_get = count_read;
    world.ops.begin = begin;
    world.ops.commit = commit;
    world.ops.rollback = rollback;
    world.store = (struct store){ &world.ops, world.inner.self };
    const struct engine_params params = { .store = &world.store,
                                          .clock = &world.clock.clock,
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "key" };
    sr_assert_ok(engine_new(&params, &world.engine, &err), err);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    engine_free(world->engine);
    store_close(&world->inner);
    return 0;
}

static void on_reply(void *self, const struct engine_reply *reply)
{
    struct world *world = self;
    world->refused += !reply->done;
}

static void ask(struct world *world, enum engine_request_kind kind, const char *name,
                const char *arn, const char *text)
{
    struct sr_err err = { 0 };
    sr_assert_ok(engine_ask(world->engine,
                            &(struct engine_request){ .kind = kind,
                                                      .name = name,
                                                      .arn = arn,
                                                      .text = text,
                                                      .reply = on_reply,
                                                      .self = world },
                            &err),
                 err);
}

static bool step(struct world *world)
{
    struct sr_err err = { 0 };
    for (bool more = true; more;) {
        if (!engine_step(world->engine, &more, &err))
            return false;
    }
    return true;
}

// A machine of one state with that result, and a comment that makes it long.
static void put(struct world *world, const char *name, int result, int bytes)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = sr_strf(
        &err,
        "{\"Comment\":\"%0*d\",\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"Result\":%d,"
        "\"End\":true}}}",
        bytes, 0, result);
    ask(world, ENGINE_PUT_MACHINE, name, NULL, text);
}

static void start(struct world *world, const char *machine, const char *name)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *arn = sr_strf(&err, "arn:aws:states:eu:1:stateMachine:%s", machine);
    ask(world, ENGINE_START, name, arn, "{}");
}

static bool copy_output(void *self, const struct store_execution *execution, struct sr_err *err)
{
    return sr_format(self, 64, "%s", execution->output) || sr_fail(err, SR_ERR_TOO_LARGE, "output");
}

static void read_once_for_executions_that_end_at_once(void **state)
{
    struct world *world = *state;
    put(world, "m", 1, 1);
    for (int i = 0; i < 5; i++) {
        start(world, "m", NULL);
        assert_true(step(world));
    }
    assert_int_equal(world->reads, 1);
    put(world, "m", 2, 1);  // another revision
    start(world, "m", NULL);
    assert_true(step(world));
    assert_int_equal(world->reads, 2);
    assert_int_equal(world->refused, 0);
}

static void idle_ones_have_a_limit(void **state)
{
    struct world *world = *state;
    const int half = ENGINE_DEFS_IDLE_BYTES_MAX * 2 / 5;
    put(world, "a", 1, half);
    put(world, "b", 2, half);
    put(world, "c", 3, half);
    start(world, "a", NULL);
    assert_true(step(world));
    start(world, "b", NULL);
    assert_true(step(world));
    start(world, "a", NULL);  // the last use of b is longer ago
    assert_true(step(world));
    assert_int_equal(world->reads, 2);
    start(world, "c", NULL);
    assert_true(step(world));
    start(world, "a", NULL);
    assert_true(step(world));
    assert_int_equal(world->reads, 3);
    start(world, "b", NULL);
    assert_true(step(world));
    assert_int_equal(world->reads, 4);
    assert_true(world->engine->idle_def_bytes <= ENGINE_DEFS_IDLE_BYTES_MAX);
    assert_int_equal(world->refused, 0);
}

// What was put in a round that failed never was: its number is the next one's.
static void an_undone_round_leaves_none(void **state)
{
    struct world *world = *state;
    struct sr_err err = { 0 };
    char output[64] = "";
    put(world, "m", 1, 1);
    start(world, "m", "e");
    world->fails = true;
    assert_false(step(world));
    assert_int_equal(world->refused, 2);
    world->fails = false;
    put(world, "m", 2, 1);
    start(world, "m", "e");
    assert_true(step(world));
    assert_int_equal(world->refused, 2);
    sr_assert_ok(world->store.ops->execution_get(world->store.self,
                                                 "arn:aws:states:eu:1:execution:m:e", copy_output,
                                                 output, &err),
                 err);
    assert_string_equal(output, "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(read_once_for_executions_that_end_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(idle_ones_have_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_undone_round_leaves_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
