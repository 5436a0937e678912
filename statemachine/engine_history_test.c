// What stays of executions: map runs and their child executions, what stops with them, what the
// collector removes. A process may die at any commit.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define WALL_US 1767225600000000
#define PREFIX "arn:aws:states:eu:1:"
#define ACTIVITY PREFIX "activity:a"
#define DAY_US ((int64_t)24 * 3600 * 1000000)

// The inner store's functions, except that the process dies behind a commit of our choice.
struct mortal {
    struct store inner;
    struct store_ops ops;
    size_t commits, depth, die_after;  // 0: never
};
static struct mortal mortal;

static bool mortal_begin(void *self, struct sr_err *err)
{
    if (!mortal.inner.ops->begin(self, err))
        return false;
    mortal.depth++;
    return true;
}

static void mortal_rollback(void *self)
{
    mortal.inner.ops->rollback(self);
    mortal.depth--;
}

static bool mortal_commit(void *self, struct sr_err *err)
{
    if (!mortal.inner.ops->commit(self, err))
        return false;
    mortal.depth--;
    if (mortal.depth == 0 && ++mortal.commits == mortal.die_after)
        raise(SIGKILL);
    return true;
}

struct world {
    char folder[64], path[96];
    struct sr_clock_fake clock;
    struct store store;
    struct engine *engine;
    int64_t retention_us;
    enum sr_err_code code;
    char token[512];
    bool has_task;
};

static void open_engine(struct world *world)
{
    struct sr_err err = { 0 };
    sr_assert_ok(store_sqlite_open(world->path, &mortal.inner, &err), err);
    mortal.ops = *mortal.inner.ops;
    mortal.ops.begin = mortal_begin;
    mortal.ops.commit = mortal_commit;
    mortal.ops.rollback = mortal_rollback;
    mortal.depth = mortal.commits = 0;
    world->store = (struct store){ &mortal.ops, mortal.inner.self };
    const struct engine_params params = { .store = &world->store,
                                          .clock = &world->clock.clock,
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "secret",
                                          .seed = 3,
                                          .cache_max = 2,
                                          .step_max = 7,
                                          .retention_us = world->retention_us };
    sr_assert_ok(engine_new(&params, &world->engine, &err), err);
}

static void close_engine(struct world *world)
{
    engine_free(world->engine);
    store_close(&world->store);
}

static void open_world(struct world *world, int64_t retention_us)
{
    *world = (struct world){ .retention_us = retention_us };
    mortal = (struct mortal){ 0 };
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/engine.db", world->folder);
    sr_clock_fake_init(&world->clock, WALL_US);
    open_engine(world);
}

static void close_world(struct world *world)
{
    close_engine(world);
    sr_test_folder_done(world->folder);
}

static void settle(struct world *world)
{
    struct sr_err err = { 0 };
    for (bool more = true; more;)
        sr_assert_ok(engine_step(world->engine, &more, &err), err);
}

static void pass(struct world *world, int64_t us)
{
    sr_clock_fake_advance(&world->clock, us);
    settle(world);
}

static void on_reply(void *self, const struct engine_reply *reply)
{
    struct world *world = self;
    world->code = reply->done ? SR_OK : reply->err.code;
}

static enum sr_err_code ask(struct world *world, struct engine_request request)
{
    struct sr_err err = { 0 };
    world->code = SR_ERR_INTERNAL;
    request.reply = on_reply;
    request.self = world;
    sr_assert_ok(engine_ask(world->engine, &request, &err), err);
    settle(world);
    return world->code;
}

static void put(struct world *world, const char *name, const char *text)
{
    char copy[2048];
    snprintf(copy, sizeof copy, "%s", text);
    sr_test_quotes(copy);
    assert_int_equal(
        ask(world,
            (struct engine_request){ .kind = ENGINE_PUT_MACHINE, .name = name, .text = copy }),
        SR_OK);
}

static enum sr_err_code start(struct world *world, const char *machine, const char *name,
                              const char *input)
{
    char arn[96];
    snprintf(arn, sizeof arn, PREFIX "stateMachine:%s", machine);
    return ask(world, (struct engine_request){
                          .kind = ENGINE_START, .arn = arn, .name = name, .text = input });
}

static bool on_task(void *self, const struct engine_task *task)
{
    struct world *world = self;
    world->has_task = task != NULL;
    if (task)
        snprintf(world->token, sizeof world->token, "%s", task->token);
    return true;
}

static bool take_task(struct world *world)
{
    world->has_task = false;
    assert_int_equal(ask(world, (struct engine_request){ .kind = ENGINE_POLL,
                                                         .arn = ACTIVITY,
                                                         .poll = { .until_us = WALL_US + 1,
                                                                   .answer = on_task,
                                                                   .self = world } }),
                     SR_OK);
    if (!world->has_task)
        pass(world, 2);
    return world->has_task;
}

static void answer_task(struct world *world, bool fails)
{
    assert_true(take_task(world));
    assert_int_equal(
        ask(world, (struct engine_request){ .kind = fails ? ENGINE_FAIL : ENGINE_SUCCEED,
                                            .token = world->token,
                                            .error = "E",
                                            .text = "7" }),
        SR_OK);
}

static bool note_status(void *self, const struct store_execution *execution, struct sr_err *err)
{
    (void)err;
    *(int *)self = execution->status;
    return true;
}

// -1: there is none.
static int status_of(struct world *world, const char *machine, const char *name)
{
    struct sr_err err = { 0 };
    char arn[128];
    int status = -1;
    snprintf(arn, sizeof arn, PREFIX "execution:%s:%s", machine, name);
    (void)world->store.ops->execution_get(world->store.self, arn, note_status, &status, &err);
    return status;
}

// --- map runs ---

#define RUN                                                                                        \
    "{'StartAt':'M','States':{'M':{'Type':'Map','End':true,'Label':'L','MaxConcurrency':2,"        \
    "'ToleratedFailureCount':1,'ItemProcessor':{'ProcessorConfig':{'Mode':'DISTRIBUTED',"          \
    "'ExecutionType':'STANDARD'},'StartAt':'A','States':{'A':{'Type':'Task','Resource':'" ACTIVITY \
    "','End':true}}}}}}"

struct run_seen {
    char arn[128];
    int64_t execution;
    uint64_t op;
    int status;
    int64_t counts[ASL_ABORTED + 1];
};

static bool see_run(void *self, const struct store_map_run *run, struct sr_err *err)
{
    struct run_seen *seen = self;
    (void)err;
    snprintf(seen->arn, sizeof seen->arn, "%s", run->arn);
    seen->execution = run->execution;
    seen->op = run->op;
    seen->status = run->status;
    return true;
}

static bool see_count(void *self, int status, int64_t children, int64_t items, struct sr_err *err)
{
    struct run_seen *seen = self;
    (void)items;
    (void)err;
    seen->counts[status] = children;
    return true;
}

static struct run_seen the_run(struct world *world)
{
    struct sr_err err = { 0 };
    struct run_seen seen = { 0 };
    const struct store *store = &world->store;
    sr_assert_ok(store->ops->map_run_each(store->self, 1, 0, see_run, &seen, &err), err);
    sr_assert_ok(
        store->ops->child_count(store->self, seen.execution, seen.op, see_count, &seen, &err), err);
    return seen;
}

static void a_map_run_and_its_redrive(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 0);
    put(&world, "m", RUN);
    assert_int_equal(start(&world, "m", "e", "[1,2,3,4]"), SR_OK);
    answer_task(&world, true);
    answer_task(&world, false);
    answer_task(&world, true);
    struct run_seen seen = the_run(&world);
    assert_int_equal(seen.status, ASL_FAILED);
    assert_int_equal(seen.counts[ASL_FAILED], 2);
    assert_int_equal(seen.counts[ASL_SUCCEEDED], 1);
    assert_int_equal(seen.counts[ASL_ABORTED], 1);
    assert_int_equal(status_of(&world, "m", "e"), ASL_FAILED);
    assert_int_equal(ask(&world, (struct engine_request){ .kind = ENGINE_REDRIVE,
                                                          .arn = PREFIX "execution:m:e" }),
                     SR_OK);
    close_engine(&world);
    open_engine(&world);  // and the tree that was kept is made again from the log
    for (int i = 0; i < 3; i++)
        answer_task(&world, false);
    seen = the_run(&world);
    assert_int_equal(seen.status, ASL_SUCCEEDED);
    assert_int_equal(seen.counts[ASL_SUCCEEDED], 4);
    assert_int_equal(seen.counts[ASL_FAILED], 0);
    assert_int_equal(status_of(&world, "m", "e"), ASL_SUCCEEDED);
    close_world(&world);
}

static void changing_a_map_run(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 0);
    put(&world, "m", RUN);
    assert_int_equal(start(&world, "m", "e", "[1,2,3,4]"), SR_OK);
    const struct run_seen seen = the_run(&world);
    assert_int_equal(seen.counts[ASL_RUNNING], 2);
    struct engine_request change = { .kind = ENGINE_MAP_RUN,
                                     .arn = seen.arn,
                                     .text = "{\"maxConcurrency\":4}" };
    assert_int_equal(ask(&world, change), SR_OK);
    assert_int_equal(the_run(&world).counts[ASL_RUNNING], 4);
    close_engine(&world);
    open_engine(&world);  // the change is in the log
    for (int i = 0; i < 4; i++)
        answer_task(&world, false);
    assert_int_equal(the_run(&world).status, ASL_SUCCEEDED);
    assert_int_equal(ask(&world, change), SR_ERR_CONFLICT);
    change.arn = PREFIX "mapRun:m/L:none";
    assert_int_equal(ask(&world, change), SR_ERR_NOT_FOUND);
    close_world(&world);
}

// --- what stops with its parent ---

#define WAITS "{'StartAt':'W','States':{'W':{'Type':'Wait','Seconds':3600,'End':true}}}"
#define STARTS                                                                                     \
    "{'StartAt':'T','States':{'T':{'Type':'Task','Resource':'"                                     \
    "arn:aws:states:::states:startExecution.sync','Parameters':{'StateMachineArn':'" PREFIX        \
    "stateMachine:c','Name':'child'},'End':true}}}"

static void play_stop(struct world *world)
{
    put(world, "c", WAITS);
    put(world, "p", STARTS);
    (void)start(world, "p", "e", "{}");
    (void)ask(world, (struct engine_request){ .kind = ENGINE_STOP, .arn = PREFIX "execution:p:e" });
}

// Dies behind each commit of the story in turn: once the parent is stopped, so is the child,
// however little time there was.
static void a_child_stops_whenever_we_die(void **state)
{
    (void)state;
    size_t stopped = 0;
    for (size_t commit = 1; commit < 40; commit++) {
        struct world world = { 0 };
        int status = 0;
        sr_test_folder(world.folder);
        snprintf(world.path, sizeof world.path, "%s/engine.db", world.folder);
        sr_clock_fake_init(&world.clock, WALL_US);
        mortal = (struct mortal){ .die_after = commit };
        const pid_t child = fork();
        if (child == 0) {
            open_engine(&world);
            play_stop(&world);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        mortal = (struct mortal){ 0 };
        open_engine(&world);
        settle(&world);
        if (status_of(&world, "p", "e") == ASL_ABORTED) {
            assert_int_not_equal(status_of(&world, "c", "child"), ASL_RUNNING);
            stopped++;
        }
        close_world(&world);
        if (WIFEXITED(status))
            break;
    }
    assert_true(stopped >= 2);  // between the parent's end and the child's, and behind both
}

// A start that was still on its way when its parent was stopped begins nothing.
static void nobody_waits_for_the_child(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    open_world(&world, 0);
    put(&world, "c", WAITS);
    put(&world, "p", STARTS);
    sr_assert_ok(engine_ask(world.engine,
                            &(struct engine_request){ .kind = ENGINE_START,
                                                      .arn = PREFIX "stateMachine:p",
                                                      .name = "e",
                                                      .text = "{}" },
                            &err),
                 err);
    sr_assert_ok(
        engine_ask(world.engine,
                   &(struct engine_request){ .kind = ENGINE_STOP, .arn = PREFIX "execution:p:e" },
                   &err),
        err);
    settle(&world);
    assert_int_equal(status_of(&world, "p", "e"), ASL_ABORTED);
    assert_int_equal(status_of(&world, "c", "child"), -1);
    close_world(&world);
}

// --- the collector ---

static bool count_entry(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    (void)seq;
    (void)entry;
    (void)err;
    ++*(size_t *)self;
    return true;
}

static size_t entries_of(struct world *world, int64_t id)
{
    struct sr_err err = { 0 };
    size_t count = 0;
    sr_assert_ok(world->store.ops->log_each(world->store.self, id, count_entry, &count, &err), err);
    return count;
}

static void old_executions_go(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 10 * DAY_US);
    put(&world, "m", RUN);
    put(&world, "w", "{'StartAt':'W','States':{'W':{'Type':'Wait','Seconds':9999999,'End':true}}}");
    assert_int_equal(start(&world, "m", "old", "[1,2]"), SR_OK);
    answer_task(&world, false);
    answer_task(&world, false);
    assert_int_equal(start(&world, "w", "long", "{}"), SR_OK);
    pass(&world, 6 * DAY_US);
    assert_int_equal(start(&world, "m", "new", "[]"), SR_OK);
    assert_int_equal(status_of(&world, "m", "old"), ASL_SUCCEEDED);
    const size_t before = entries_of(&world, 1);
    assert_true(before > 4);
    pass(&world, 5 * DAY_US);
    assert_int_equal(status_of(&world, "m", "old"), -1);
    assert_int_equal(entries_of(&world, 1), 0);
    assert_string_equal(the_run(&world).arn, "");
    assert_int_equal(status_of(&world, "m", "new"), ASL_SUCCEEDED);
    assert_int_equal(status_of(&world, "w", "long"), ASL_RUNNING);
    // its name is free again
    assert_int_equal(start(&world, "m", "old", "[]"), SR_OK);
    close_world(&world);
}

// A long history goes in pieces, each in a round of its own, and is not seen meanwhile.
static void a_long_history_goes_in_pieces(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str items = { 0 };
    open_world(&world, DAY_US);
    put(&world, "m",
        "{'StartAt':'M','States':{'M':{'Type':'Map','End':true,'ItemProcessor':{'ProcessorConfig':{"
        "'Mode':'DISTRIBUTED','ExecutionType':'STANDARD'},'StartAt':'P','States':{'P':{'Type':'Pass',"
        "'End':true}}}}}}");
    for (size_t i = 0; i < ENGINE_COLLECT_ROWS; i++)
        sr_assert_ok(sr_str_addf(&items, &err, "%s%zu", i ? "," : "[", i), err);
    sr_assert_ok(sr_str_add(&items, "]", &err), err);
    assert_int_equal(start(&world, "m", "e", items.text), SR_OK);
    assert_int_equal(status_of(&world, "m", "e"), ASL_SUCCEEDED);
    assert_int_equal(the_run(&world).counts[ASL_SUCCEEDED], ENGINE_COLLECT_ROWS);
    pass(&world, 2 * DAY_US);
    assert_int_equal(status_of(&world, "m", "e"), -1);
    size_t rounds = 1;
    for (; *the_run(&world).arn && rounds < 20; rounds++)
        pass(&world, ENGINE_COLLECT_PAUSE_US);
    assert_in_range(rounds, 2, 4);
    assert_int_equal(the_run(&world).counts[ASL_SUCCEEDED], 0);
    close_world(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_run_and_its_redrive),
        cmocka_unit_test(changing_a_map_run),
        cmocka_unit_test(a_child_stops_whenever_we_die),
        cmocka_unit_test(nobody_waits_for_the_child),
        cmocka_unit_test(old_executions_go),
        cmocka_unit_test(a_long_history_goes_in_pieces),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
