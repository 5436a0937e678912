#include "statemachine/engine.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"
#include "statemachine/store_sqlite.h"

#define WALL_US 1767225600000000
#define ACTIVITY "arn:aws:states:eu:1:activity:a"

// A store that fails, or kills the process, at a commit of our choice.
struct shaky {
    struct store inner;
    struct store_ops ops;
    size_t commits;  // of outermost transactions
    size_t depth;
    size_t fail_at;  // 0: never
    size_t die_before, die_after;
};

static bool shaky_begin(void *self, struct sr_err *err);
static bool shaky_commit(void *self, struct sr_err *err);
static void shaky_rollback(void *self);

// Only begin, commit and rollback are ours: the others go to the inner store with its own self.
static struct shaky *the_shaky;
static bool shaky_begin(void *self, struct sr_err *err)
{
    if (!the_shaky->inner.ops->begin(self, err))
        return false;
    the_shaky->depth++;
    return true;
}

static void shaky_rollback(void *self)
{
    the_shaky->inner.ops->rollback(self);
    the_shaky->depth--;
}

static bool shaky_commit(void *self, struct sr_err *err)
{
    const bool outer = the_shaky->depth == 1;
    the_shaky->commits += outer;
    if (outer && the_shaky->commits == the_shaky->die_before)
        raise(SIGKILL);
    if (outer && the_shaky->commits == the_shaky->fail_at)
        return sr_fail(err, SR_ERR_STORAGE, "the disk is full");
    if (!the_shaky->inner.ops->commit(self, err))
        return false;
    the_shaky->depth--;
    if (outer && the_shaky->commits == the_shaky->die_after)
        raise(SIGKILL);
    return true;
}

struct world {
    char folder[64], path[96];
    struct sr_clock_fake clock;
    struct shaky shaky;
    struct store store;
    struct engine *engine;
    // what came back
    char arn[256];
    enum sr_err_code code;
    size_t replies;
    char token[512], payload[512];
    size_t polled, empty_polls, polls_out, worked;
    bool refuse_delivery;
    size_t handled;
};

// --- a handler: adds one to a number, or fails on text ---

static struct world *the_world;

static bool add_one(void *self, const struct engine_task *task, struct sr_err *err)
{
    (void)self;
    json_error_t error;
    sr_auto(json) json_t *value = json_loads(task->payload, JSON_DECODE_ANY, &error);
    the_world->handled++;
    if (!json_is_integer(value))
        return sr_fail(err, SR_ERR_INVALID, "no number");
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value) + 1);
    return engine_answer(the_world->engine, task->ref, text, err);
}

static bool hand_over(void *self, const struct engine_task *task, struct sr_err *err)
{
    (void)self;
    the_world->handled++;
    snprintf(the_world->token, sizeof the_world->token, "%s", task->token);
    return engine_answer(the_world->engine, task->ref, "{}", err);
}

static const struct engine_resource resources[] = {
    { "arn:aws:lambda:eu:1:function:add", add_one, NULL, NULL },
    { "arn:aws:states:::sqs:*", hand_over, NULL, NULL },
};

// --- opening and stepping ---

static void open_engine(struct world *world)
{
    struct sr_err err = { 0 };
    sr_assert_ok(store_sqlite_open(world->path, &world->shaky.inner, &err), err);
    the_shaky = &world->shaky;
    the_world = world;
    world->shaky.ops = *world->shaky.inner.ops;
    world->shaky.ops.begin = shaky_begin;
    world->shaky.ops.commit = shaky_commit;
    world->shaky.ops.rollback = shaky_rollback;
    world->shaky.depth = 0;
    world->store = (struct store){ &world->shaky.ops, world->shaky.inner.self };
    const struct engine_params params = { .store = &world->store,
                                          .clock = &world->clock.clock,
                                          .resources = resources,
                                          .resource_count = SR_TEST_COUNT(resources),
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "secret",
                                          .seed = 3,
                                          .cache_max = 2,
                                          .step_max = 7 };
    sr_assert_ok(engine_new(&params, &world->engine, &err), err);
}

static void close_engine(struct world *world)
{
    engine_free(world->engine);
    store_close(&world->store);
}

static void open_world(struct world *world)
{
    *world = (struct world){ 0 };
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

static void reopen(struct world *world)
{
    close_engine(world);
    open_engine(world);
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
    world->replies++;
    world->code = reply->done ? SR_OK : reply->err.code;
    if (reply->arn)
        snprintf(world->arn, sizeof world->arn, "%s", reply->arn);
}

static void ask(struct world *world, struct engine_request request)
{
    struct sr_err err = { 0 };
    request.reply = on_reply;
    request.self = world;
    sr_assert_ok(engine_ask(world->engine, &request, &err), err);
}

static bool on_task(void *self, const struct engine_task *task)
{
    struct world *world = self;
    world->polls_out--;
    if (!task) {
        world->empty_polls++;
        return true;
    }
    if (world->refuse_delivery) {
        world->refuse_delivery = false;
        return false;
    }
    world->polled++;
    snprintf(world->token, sizeof world->token, "%s", task->token);
    snprintf(world->payload, sizeof world->payload, "%s", task->payload);
    return true;
}

static void ask_for_task(struct world *world)
{
    world->polls_out++;
    ask(world, (struct engine_request){
                   .kind = ENGINE_POLL,
                   .arn = ACTIVITY,
                   .poll = { .worker = "w",
                             .until_us = sr_clock_wall_us(&world->clock.clock) + 60000000,
                             .answer = on_task,
                             .self = world } });
    settle(world);
}

// `definition` holds only the States, in single quotes.
static void begin(struct world *world, const char *start_at, const char *states, const char *input)
{
    char text[4096];
    snprintf(text, sizeof text, "{'StartAt':'%s','States':{%s}}", start_at, states);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    ask(world, (struct engine_request){ .kind = ENGINE_PUT_MACHINE, .name = "m", .text = text });
    settle(world);
    assert_int_equal(world->code, SR_OK);
    ask(world, (struct engine_request){ .kind = ENGINE_START,
                                        .arn = "arn:aws:states:eu:1:stateMachine:m",
                                        .name = "e",
                                        .text = input });
    settle(world);
    assert_int_equal(world->code, SR_OK);
    assert_string_equal(world->arn, "arn:aws:states:eu:1:execution:m:e");
}

struct outcome {
    int status;
    char output[512], error[128];
    int64_t stopped_us;
};

static bool read_outcome(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct outcome *outcome = self;
    (void)err;
    outcome->status = execution->status;
    outcome->stopped_us = execution->stopped_us;
    snprintf(outcome->output, sizeof outcome->output, "%s",
             execution->output ? execution->output : "");
    snprintf(outcome->error, sizeof outcome->error, "%s", execution->error ? execution->error : "");
    return true;
}

static struct outcome outcome_of(struct world *world)
{
    struct sr_err err = { 0 };
    struct outcome outcome = { 0 };
    sr_assert_ok(world->store.ops->execution_get(world->store.self,
                                                 "arn:aws:states:eu:1:execution:m:e", read_outcome,
                                                 &outcome, &err),
                 err);
    return outcome;
}

static void assert_succeeded(struct world *world, const char *output)
{
    const struct outcome outcome = outcome_of(world);
    if (outcome.status != ASL_SUCCEEDED)
        fail_msg("%s: %s", asl_status_name((enum asl_status)outcome.status), outcome.error);
    assert_string_equal(outcome.output, output);
}

// --- scenarios ---

#define WAIT_STATES                                                                                \
    "'W':{'Type':'Wait','Seconds':90,'Next':'A'},'A':{'Type':'Task','Resource':'arn:aws:lambda:eu:1:function:add','End':true}"

static void a_wait_survives_a_restart(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "W", WAIT_STATES, "41");
    pass(&world, 89000000);
    assert_int_equal(outcome_of(&world).status, ASL_RUNNING);
    reopen(&world);
    assert_true(engine_next_us(world.engine) == WALL_US + 90000000);
    pass(&world, 1000000);
    assert_succeeded(&world, "42");
    assert_true(engine_next_us(world.engine) == INT64_MAX);
    assert_int_equal(engine_counts(world.engine).cached, 0);
    close_world(&world);
}

static void a_handlers_failure_is_the_tasks(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "A",
          "'A':{'Type':'Task','Resource':'arn:aws:lambda:eu:1:function:add','End':true}",
          "\"text\"");
    assert_string_equal(outcome_of(&world).error, "States.TaskFailed");
    close_world(&world);
}

static void nobody_runs_it(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "A",
          "'A':{'Type':'Task','Resource':'arn:aws:lambda:eu:1:function:none','End':true}", "1");
    assert_string_equal(outcome_of(&world).error, "States.Runtime");
    close_world(&world);
}

#define ACTIVITY_STATES(extra) "'T':{'Type':'Task','Resource':'" ACTIVITY "'," extra "'End':true}"

static void an_activity_and_its_worker(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "T", ACTIVITY_STATES(""), "{\"a\":1}");
    ask_for_task(&world);
    assert_int_equal(world.polled, 1);
    assert_string_equal(world.payload, "{\"a\":1}");
    ask(&world,
        (struct engine_request){ .kind = ENGINE_SUCCEED, .token = world.token, .text = "{" });
    settle(&world);
    assert_int_equal(world.code, SR_ERR_INVALID);
    ask(&world,
        (struct engine_request){ .kind = ENGINE_SUCCEED, .token = world.token, .text = "7" });
    settle(&world);
    assert_int_equal(world.code, SR_OK);
    assert_succeeded(&world, "7");
    ask(&world,
        (struct engine_request){ .kind = ENGINE_SUCCEED, .token = world.token, .text = "8" });
    settle(&world);
    assert_int_equal(world.code, SR_ERR_NOT_FOUND);
    close_world(&world);
}

static void a_worker_may_come_first_or_not_get_it(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    ask_for_task(&world);
    world.refuse_delivery = true;
    begin(&world, "T", ACTIVITY_STATES(""), "1");
    assert_int_equal(world.polled, 0);  // the answer was lost on the way: the task is back
    ask_for_task(&world);
    assert_int_equal(world.polled, 1);
    ask_for_task(&world);
    pass(&world, 60000000);
    assert_int_equal(world.empty_polls, 1);
    close_world(&world);
}

static void forged_tokens(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "T", ACTIVITY_STATES(""), "1");
    ask_for_task(&world);
    char forged[512];
    snprintf(forged, sizeof forged, "%s", world.token);
    char *last = &forged[strlen(forged) - 1];
    *last = *last == '0' ? '1' : '0';
    const char *const tokens[] = { forged, "x", "", "a.b.c",
                                   "arn:aws:states:eu:1:execution:m:none.1.00" };
    for (size_t i = 0; i < SR_TEST_COUNT(tokens); i++) {
        ask(&world,
            (struct engine_request){ .kind = ENGINE_SUCCEED, .token = tokens[i], .text = "7" });
        settle(&world);
        assert_int_equal(world.code, SR_ERR_INVALID);
    }
    assert_int_equal(outcome_of(&world).status, ASL_RUNNING);
    close_world(&world);
}

static void heartbeats_and_time_outs(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "T", ACTIVITY_STATES("'HeartbeatSeconds':10,'TimeoutSeconds':60,"), "1");
    pass(&world, 20000000);  // a heartbeat is not expected before somebody has the task
    ask_for_task(&world);
    for (size_t i = 0; i < 2; i++) {
        pass(&world, 8000000);
        ask(&world, (struct engine_request){ .kind = ENGINE_HEARTBEAT, .token = world.token });
        settle(&world);
    }
    reopen(&world);
    pass(&world, 9999999);
    assert_int_equal(outcome_of(&world).status, ASL_RUNNING);
    pass(&world, 1);
    assert_string_equal(outcome_of(&world).error, "States.Timeout");
    close_world(&world);
    open_world(&world);
    begin(&world, "T", ACTIVITY_STATES("'TimeoutSeconds':60,"), "1");
    pass(&world, 60000000);  // nobody came
    assert_string_equal(outcome_of(&world).error, "States.Timeout");
    assert_int_equal(engine_counts(world.engine).tasks, 0);
    close_world(&world);
}

static void a_callback(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(
        &world, "T",
        "'T':{'Type':'Task','Resource':'arn:aws:states:::sqs:sendMessage.waitForTaskToken','End':true}",
        "1");
    assert_int_equal(world.handled, 1);
    reopen(&world);
    settle(&world);
    assert_int_equal(world.handled, 1);  // it was handed over: not again
    ask(&world, (struct engine_request){
                    .kind = ENGINE_FAIL, .token = world.token, .error = "E", .cause = "c" });
    settle(&world);
    assert_string_equal(outcome_of(&world).error, "E");
    close_world(&world);
}

static void starting_twice(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "W", WAIT_STATES, "1");
    ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                         .arn = "arn:aws:states:eu:1:stateMachine:m",
                                         .name = "e",
                                         .text = "1" });
    settle(&world);
    assert_int_equal(world.code, SR_OK);
    ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                         .arn = "arn:aws:states:eu:1:stateMachine:m",
                                         .name = "e",
                                         .text = "2" });
    settle(&world);
    assert_int_equal(world.code, SR_ERR_CONFLICT);
    ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                         .arn = "arn:aws:states:eu:1:stateMachine:none",
                                         .text = "2" });
    settle(&world);
    assert_int_equal(world.code, SR_ERR_NOT_FOUND);
    close_world(&world);
}

static void stop_and_redrive(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "W", WAIT_STATES, "1");
    ask(&world, (struct engine_request){ .kind = ENGINE_STOP,
                                         .arn = "arn:aws:states:eu:1:execution:m:e",
                                         .error = "enough" });
    settle(&world);
    assert_int_equal(outcome_of(&world).status, ASL_ABORTED);
    assert_string_equal(outcome_of(&world).error, "enough");
    pass(&world, 200000000);
    assert_int_equal(outcome_of(&world).status, ASL_ABORTED);
    ask(&world, (struct engine_request){ .kind = ENGINE_REDRIVE,
                                         .arn = "arn:aws:states:eu:1:execution:m:e" });
    settle(&world);
    assert_int_equal(outcome_of(&world).status, ASL_RUNNING);
    reopen(&world);
    pass(&world, 90000000);
    assert_succeeded(&world, "2");
    ask(&world, (struct engine_request){ .kind = ENGINE_REDRIVE,
                                         .arn = "arn:aws:states:eu:1:execution:m:e" });
    settle(&world);
    assert_int_equal(world.code, SR_ERR_CONFLICT);
    close_world(&world);
}

static void put(struct world *world, const char *name, const char *text)
{
    char copy[2048];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    ask(world, (struct engine_request){ .kind = ENGINE_PUT_MACHINE, .name = name, .text = copy });
    settle(world);
    assert_int_equal(world->code, SR_OK);
}

#define CHILD_STATES(how)                                                                          \
    "'T':{'Type':'Task','Resource':'arn:aws:states:::states:startExecution" how                    \
    "','Parameters':{'StateMachineArn':'"                                                          \
    "arn:aws:states:eu:1:stateMachine:c','Input.$':'$'},'ResultSelector':{'s.$':'$.Status','o.$':'$.Output'},'End':true}"

static void a_child_execution(void **state)
{
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        struct world world;
        open_world(&world);
        put(&world, "c", "{'StartAt':'W','States':{" WAIT_STATES "}}");
        begin(&world, "T", CHILD_STATES(".sync:2"), "41");
        pass(&world, 1000000);
        if (restart)
            reopen(&world);
        pass(&world, 90000000);
        assert_succeeded(&world, "{\"s\":\"SUCCEEDED\",\"o\":42}");
        close_world(&world);
    }
    struct world world;
    open_world(&world);
    put(&world, "c", "{'StartAt':'F','States':{'F':{'Type':'Fail','Error':'E'}}}");
    begin(&world, "T", CHILD_STATES(".sync"), "1");
    assert_string_equal(outcome_of(&world).error, "States.TaskFailed");
    close_world(&world);
    open_world(&world);
    begin(&world, "T", CHILD_STATES(""), "1");
    assert_string_equal(outcome_of(&world).error,
                        "StepFunctions.StateMachineDoesNotExistException");
    close_world(&world);
}

static bool all_ended(void *self, const struct store_execution *execution, struct sr_err *err)
{
    (void)err;
    *(size_t *)self += execution->status == ASL_ABORTED;
    return true;
}

static void a_child_stops_with_its_parent(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    size_t aborted = 0;
    open_world(&world);
    put(&world, "c", "{'StartAt':'W','States':{" WAIT_STATES "}}");
    begin(&world, "T", CHILD_STATES(".sync"), "41");
    ask(&world,
        (struct engine_request){ .kind = ENGINE_STOP, .arn = "arn:aws:states:eu:1:execution:m:e" });
    settle(&world);
    sr_assert_ok(world.store.ops->execution_each(world.store.self,
                                                 "arn:aws:states:eu:1:stateMachine:c", -1,
                                                 INT64_MAX, 0, all_ended, &aborted, &err),
                 err);
    assert_int_equal(aborted, 1);
    close_world(&world);
}

static void on_end(void *self, const struct engine_outcome *outcome)
{
    struct world *world = self;
    if (outcome)
        snprintf(world->payload, sizeof world->payload, "%s %s", asl_status_name(outcome->status),
                 outcome->output);
}

static void waiting_for_the_end(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    put(&world, "m", "{'StartAt':'W','States':{" WAIT_STATES "}}");
    ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                         .arn = "arn:aws:states:eu:1:stateMachine:m",
                                         .text = "1",
                                         .ended = on_end,
                                         .ended_self = &world });
    settle(&world);
    assert_string_equal(world.payload, "");
    pass(&world, 90000000);
    assert_string_equal(world.payload, "SUCCEEDED 2");
    close_world(&world);
}

static void a_definition_with_faults(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    ask(&world, (struct engine_request){ .kind = ENGINE_PUT_MACHINE, .name = "m", .text = "{}" });
    settle(&world);
    assert_int_equal(world.code, SR_ERR_INVALID);
    close_world(&world);
}

static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    bool more;
    open_world(&world);
    begin(&world, "W", WAIT_STATES, "1");
    sr_clock_fake_advance(&world.clock, 90000000);
    world.shaky.fail_at = world.shaky.commits + 1;
    sr_assert_fails(engine_step(world.engine, &more, &err), SR_ERR_STORAGE, err);
    world.shaky.fail_at =
        world.shaky.commits + 2;  // the timer's round is well again, the answer's is not
    sr_assert_ok(engine_step(world.engine, &more, &err), err);
    sr_assert_fails(engine_step(world.engine, &more, &err), SR_ERR_STORAGE, err);
    settle(&world);
    assert_succeeded(&world, "2");
    world.shaky.fail_at = world.shaky.commits + 1;
    ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                         .arn = "arn:aws:states:eu:1:stateMachine:m",
                                         .name = "f",
                                         .text = "1" });
    sr_assert_fails(engine_step(world.engine, &more, &err), SR_ERR_STORAGE, err);
    assert_int_equal(world.code, SR_ERR_STORAGE);
    ask(&world, (struct engine_request){ .kind = ENGINE_START,
                                         .arn = "arn:aws:states:eu:1:stateMachine:m",
                                         .name = "f",
                                         .text = "1" });
    settle(&world);
    assert_int_equal(world.code, SR_OK);
    close_world(&world);
}

// Waits, retries, a Map, a Parallel, an activity and a handler: something of everything.
#define EVERYTHING                                                                                                                    \
    "'P':{'Type':'Parallel','Next':'M','Branches':[{'StartAt':'P1','States':{'P1':{'Type':'Wait','Seconds':5,'Next':'P2'},"           \
    "'P2':{'Type':'Pass','Result':[1,2,3,4,5],'End':true}}},{'StartAt':'P3','States':{'P3':{'Type':'Task','Resource':'" ACTIVITY      \
    "','Retry':[{'ErrorEquals':['E'],'IntervalSeconds':2}],'End':true}}}],'ResultSelector':{'l.$':'$[0]','a.$':'$[1]'}},"             \
    "'M':{'Type':'Map','ItemsPath':'$.l','MaxConcurrency':2,'ResultPath':'$.m','Next':'W','ItemProcessor':{'StartAt':'M1','States':{" \
    "'M1':{'Type':'Task','Resource':'arn:aws:lambda:eu:1:function:add','Next':'M2'},'M2':{'Type':'Wait','Seconds':1,'End':true}}}},"  \
    "'W':{'Type':'Wait','Seconds':3,'End':true}"
#define EVERYTHING_OUTPUT "{\"l\":[1,2,3,4,5],\"a\":7,\"m\":[2,3,4,5,6]}"

static void play_second(struct world *world)
{
    if (world->polls_out == 0)
        ask_for_task(world);
    if (world->polled > world->worked) {
        const bool first = world->worked++ == 0;
        ask(world, (struct engine_request){ .kind = first ? ENGINE_FAIL : ENGINE_SUCCEED,
                                            .token = world->token,
                                            .error = "E",
                                            .text = "7" });
    }
    pass(world, 1000000);
}

// Plays the worker until the execution has ended: the first attempt fails, the second succeeds.
// Every step may be the last.
static void play(struct world *world)
{
    for (size_t second = 0; second < 200 && outcome_of(world).status == ASL_RUNNING; second++)
        play_second(world);
}

static bool count_entries(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    json_error_t error;
    sr_auto(json) json_t *json = json_loads(entry, 0, &error);
    size_t i;
    json_t *event;
    uint64_t *last_id = self;
    (void)seq;
    (void)err;
    json_array_foreach(json_object_get(json, "events"), i, event)
    {
        if (json_integer_value(json_array_get(event, 2)) == 0)
            assert_int_equal(json_integer_value(json_array_get(event, 0)),
                             ++*last_id);  // no gap, nothing twice
    }
    return true;
}

static void check_end(struct world *world)
{
    struct sr_err err = { 0 };
    uint64_t last_id = 0;
    assert_succeeded(world, EVERYTHING_OUTPUT);
    sr_assert_ok(world->store.ops->log_each(world->store.self, 1, count_entries, &last_id, &err),
                 err);
    assert_true(last_id > 40);
}

static void everything_at_once(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "P", EVERYTHING, "{}");
    play(&world);
    check_end(&world);
    close_world(&world);
}

static void restarting_between_any_two_rounds(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "P", EVERYTHING, "{}");
    for (size_t second = 0; second < 200 && outcome_of(&world).status == ASL_RUNNING; second++) {
        reopen(&world);
        play_second(&world);
    }
    check_end(&world);
    close_world(&world);
}

// A worker that died with the process does not answer: its heartbeat brings the task back.
#define CRASH_STATES                                                                                                                      \
    "'P':{'Type':'Parallel','Next':'M','Branches':[{'StartAt':'P1','States':{'P1':{'Type':'Wait','Seconds':5,'Next':'P2'},"               \
    "'P2':{'Type':'Pass','Result':[1,2,3,4,5],'End':true}}},{'StartAt':'P3','States':{'P3':{'Type':'Task','Resource':'" ACTIVITY          \
    "','HeartbeatSeconds':4,'Retry':[{'ErrorEquals':['States.ALL'],'IntervalSeconds':2,'BackoffRate':1,'MaxAttempts':9}],'End':true}}}]," \
    "'ResultSelector':{'l.$':'$[0]','a.$':'$[1]'}},"                                                                                      \
    "'M':{'Type':'Map','ItemsPath':'$.l','MaxConcurrency':2,'ResultPath':'$.m','Next':'W','ItemProcessor':{'StartAt':'M1','States':{"     \
    "'M1':{'Type':'Task','Resource':'arn:aws:lambda:eu:1:function:add','Next':'M2'},'M2':{'Type':'Wait','Seconds':1,'End':true}}}},"      \
    "'W':{'Type':'Wait','Seconds':3,'End':true}"

// In a child: the whole story with a kill at one commit; the parent then opens what is left and
// lets it finish.
static bool crash_child(struct world *world, size_t commit, bool after)
{
    const pid_t child = fork();
    if (child == 0) {
        open_engine(world);
        world->shaky.commits = 0;
        world->shaky.die_before = after ? 0 : commit;
        world->shaky.die_after = after ? commit : 0;
        begin(world, "P", CRASH_STATES, "{}");
        play(world);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static bool there_is_one(struct world *world)
{
    struct sr_err err = { 0 };
    struct outcome outcome;
    return world->store.ops->execution_get(world->store.self, "arn:aws:states:eu:1:execution:m:e",
                                           read_outcome, &outcome, &err);
}

static void killed_at_every_commit(void **state)
{
    (void)state;
    size_t kills = 0;
    for (size_t commit = 1;; commit++) {
        bool killed = false;
        for (int after = 0; after < 2; after++) {
            struct world world = { 0 };
            sr_test_folder(world.folder);
            snprintf(world.path, sizeof world.path, "%s/engine.db", world.folder);
            sr_clock_fake_init(&world.clock, WALL_US);
            killed = crash_child(&world, commit, after);
            kills += killed;
            if (killed) {
                sr_clock_fake_advance(&world.clock, 3600000000);  // it was away for an hour
                open_engine(&world);
                settle(&world);
                if (there_is_one(&world)) {
                    play(&world);
                    check_end(&world);
                } else {
                    assert_true(commit <= 2);  // it died before the start was acknowledged
                }
                close_engine(&world);
            }
            sr_test_folder_done(world.folder);
        }
        if (!killed)
            break;
    }
    printf("killed %zu times\n", kills);
    assert_true(kills > 30);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_survives_a_restart),
        cmocka_unit_test(a_handlers_failure_is_the_tasks),
        cmocka_unit_test(nobody_runs_it),
        cmocka_unit_test(an_activity_and_its_worker),
        cmocka_unit_test(a_worker_may_come_first_or_not_get_it),
        cmocka_unit_test(forged_tokens),
        cmocka_unit_test(heartbeats_and_time_outs),
        cmocka_unit_test(a_callback),
        cmocka_unit_test(starting_twice),
        cmocka_unit_test(stop_and_redrive),
        cmocka_unit_test(a_child_execution),
        cmocka_unit_test(a_child_stops_with_its_parent),
        cmocka_unit_test(waiting_for_the_end),
        cmocka_unit_test(a_definition_with_faults),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(everything_at_once),
        cmocka_unit_test(restarting_between_any_two_rounds),
        cmocka_unit_test(killed_at_every_commit),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
