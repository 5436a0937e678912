// The engine and its store under random flows: workers that vanish, callbacks that come twice,
// stops and redrives, crashes between rounds and inside commits, on a clock of its own. Each flow
// ends as in an undisturbed run.
//   make sim SEED=7 TRANSITIONS=1000000
#include "base/jx.h"
#include "statemachine/engine_replay.h"
#include "tests/env.h"
#include "tests/sim_world.h"

enum {
    TICKS_MAX = 20000,
    CALM_TICKS = 3000,  // after so many nothing is disturbed any more: everything must end
    TRANSITIONS = 3000,
};

// Shows where a replay differs.
static bool show_step(void *self, const struct engine_replay_step *step, struct sr_err *err)
{
    (void)self;
    (void)err;
    if (step->same)
        return true;
    char *was = json_dumps(step->events, JSON_COMPACT);
    print_error("entry %" PRId64 ", then %s, now\n", step->seq, was);
    free(was);
    for (size_t i = 0; i < step->effects->event_count; i++) {
        struct sr_err ignored = { 0 };
        sr_auto(json) json_t *event = NULL;
        if (asl_event_to_json(&step->effects->events[i], &event, &ignored)) {
            char *is = json_dumps(event, JSON_COMPACT);
            print_error("  %s\n", is);
            free(is);
        }
    }
    return true;
}

static bool check_history(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct sim_world *world = self;
    struct engine_replay_result result = { 0 };
    if (!engine_replay(&world->store, execution->arn, show_step, NULL, &result, err))
        return false;
    if (!result.valid || result.differing || result.status != result.stored)
        sim_fail(world, "%s: %s, %" PRIu64 " entries differ", execution->arn, result.why,
                 result.differing);
    return true;
}

static bool check_machine(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct sim_world *world = self;
    return world->store.ops->execution_each(world->store.self, machine->arn, -1, INT64_MAX, 0,
                                            check_history, world, err);
}

// Histories, and that nothing is left of what has ended: neither in memory nor in the store.
static void check_world(struct sim_world *world)
{
    struct sr_err err = { 0 };
    sr_assert_ok(
        world->store.ops->machine_each(world->store.self, NULL, check_machine, world, &err), err);
    sim_world_settle(world);
    assert_int_equal(engine_counts(world->engine).tasks, 0);
    sim_world_close_engine(world);
    sim_world_open_engine(world);
    sim_world_settle(world);
    if (engine_counts(world->engine).tasks || engine_next_us(world->engine) != INT64_MAX)
        sim_fail(world, "%zu tasks are left, and what is due at %" PRId64,
                 engine_counts(world->engine).tasks, engine_next_us(world->engine));
}

static void play(struct sim_world *world)
{
    for (size_t ticks = 0; !sim_world_tick(world); ticks++) {
        if (ticks == CALM_TICKS)
            world->disturbed = false;
        if (ticks == TICKS_MAX)
            sim_fail(world, "it does not end");
    }
    world->disturbed = false;
    check_world(world);
}

static bool show_entry(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    (void)self;
    (void)err;
    print_error("%" PRId64 " %s\n", seq, entry);
    return true;
}

static bool show_log(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct sim_world *world = self;
    return world->store.ops->log_each(world->store.self, execution->id, show_entry, NULL, err);
}

// Both runs of a flow, to be compared.
static void show_histories(struct sim_world *wild, struct sim_world *calm, size_t i)
{
    struct sim_world *const worlds[] = { calm, wild };
    char arn[96];
    sim_execution_arn(i, arn);
    for (size_t w = 0; w < SR_TEST_COUNT(worlds); w++) {
        struct sr_err err = { 0 };
        const struct store *store = &worlds[w]->store;
        print_error("%s\n", w ? "disturbed" : "undisturbed");
        sr_assert_ok(store->ops->execution_get(store->self, arn, show_log, worlds[w], &err), err);
    }
}

static size_t crashes;

static size_t one(uint64_t seed)
{
    static struct sim_world calm, wild;
    sim_world_open(&calm, seed, false);
    play(&calm);
    sim_world_open(&wild, seed, true);
    play(&wild);
    for (size_t i = 0; i <= SIM_FLOWS; i++) {
        const struct sim_end *a = &calm.flows[i].seen, *b = &wild.flows[i].seen;
        if (!sim_end_same(a, b))
            show_histories(&wild, &calm, i);
        if (!sim_end_same(a, b))
            fail_msg("seed %" PRIu64 ", flow %zu: %s %s %s, undisturbed %s %s %s", seed, i,
                     asl_status_name(b->status), b->output, b->error, asl_status_name(a->status),
                     a->output, a->error);
    }
    const size_t transitions = wild.transitions;
    crashes += wild.crashes;
    sim_world_close(&wild);
    sim_world_close(&calm);
    return transitions;
}

static void random_flows(void **state)
{
    (void)state;
    const uint64_t first = env_number("SIM_SEED", 1);
    const size_t wanted = env_number("SIM_TRANSITIONS", TRANSITIONS);
    size_t transitions = 0;
    uint64_t seed = first;
    for (; transitions < wanted; seed++)
        transitions += one(seed);
    print_message("%zu transitions, %zu crashes, seeds %" PRIu64 " to %" PRIu64 "\n", transitions,
                  crashes, first, seed - 1);
    assert_true(crashes > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(random_flows) };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
