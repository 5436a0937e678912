// statemachine/engine_world.h - for tests of the engine: one with a store in a folder of its own, a
// clock that stands still, handlers and a worker.
#pragma once

#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define WALL_US 1767225600000000
#define ACTIVITY "arn:aws:states:eu:1:activity:a"

// A store that fails at a commit of our choice.
struct shaky {
    struct store inner;
    struct store_ops ops;
    size_t commits;  // of outermost transactions
    size_t depth;
    size_t fail_at;  // 0: never
};

// Only begin, commit and rollback are ours: the others go to the inner store with its own self.
static struct shaky *the_shaky;

static inline bool shaky_begin(void *self, struct sr_err *err)
{
    if (!the_shaky->inner.ops->begin(self, err))
        return false;
    the_shaky->depth++;
    return true;
}

static inline void shaky_rollback(void *self)
{
    the_shaky->inner.ops->rollback(self);
    the_shaky->depth--;
}

static inline bool shaky_commit(void *self, struct sr_err *err)
{
    const bool outer = the_shaky->depth == 1;
    the_shaky->commits += outer;
    if (outer && the_shaky->commits == the_shaky->fail_at)
        return sr_fail(err, SR_ERR_STORAGE, "the disk is full");
    if (!the_shaky->inner.ops->commit(self, err))
        return false;
    the_shaky->depth--;
    return true;
}

struct engine_world {
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
    struct engine_ref handed_over;  // whose token it is
};

// --- handlers: one adds one to a number, or fails on text; one hands its token over ---

static struct engine_world *the_world;

static inline bool add_one(void *self, const struct engine_task *task, struct sr_err *err)
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

static inline bool hand_over(void *self, const struct engine_task *task, struct sr_err *err)
{
    (void)self;
    the_world->handled++;
    snprintf(the_world->token, sizeof the_world->token, "%s", task->token);
    the_world->handed_over = task->ref;
    return engine_answer(the_world->engine, task->ref, "{}", err);
}

static const struct engine_resource resources[] = {
    { "arn:aws:lambda:eu:1:function:add", add_one, NULL, NULL },
    { "arn:aws:states:::sqs:*", hand_over, NULL, NULL },
};

// --- opening and stepping ---

static inline void world_open_engine(struct engine_world *world)
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

static inline void world_close_engine(struct engine_world *world)
{
    engine_free(world->engine);
    store_close(&world->store);
}

static inline void world_open(struct engine_world *world)
{
    *world = (struct engine_world){ 0 };
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/engine.db", world->folder);
    sr_clock_fake_init(&world->clock, WALL_US);
    world_open_engine(world);
}

static inline void world_close(struct engine_world *world)
{
    world_close_engine(world);
    sr_test_folder_done(world->folder);
}

static inline void world_reopen(struct engine_world *world)
{
    world_close_engine(world);
    world_open_engine(world);
}

static inline void world_settle(struct engine_world *world)
{
    struct sr_err err = { 0 };
    for (bool more = true; more;)
        sr_assert_ok(engine_step(world->engine, &more, &err), err);
}

static inline void world_pass(struct engine_world *world, int64_t us)
{
    sr_clock_fake_advance(&world->clock, us);
    world_settle(world);
}

static inline void on_reply(void *self, const struct engine_reply *reply)
{
    struct engine_world *world = self;
    world->replies++;
    world->code = reply->done ? SR_OK : reply->err.code;
    if (reply->arn)
        snprintf(world->arn, sizeof world->arn, "%s", reply->arn);
}

static inline void world_ask(struct engine_world *world, struct engine_request request)
{
    struct sr_err err = { 0 };
    request.reply = on_reply;
    request.self = world;
    sr_assert_ok(engine_ask(world->engine, &request, &err), err);
}

static inline bool on_task(void *self, const struct engine_task *task)
{
    struct engine_world *world = self;
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

static inline void world_poll(struct engine_world *world)
{
    world->polls_out++;
    world_ask(world, (struct engine_request){
                         .kind = ENGINE_POLL,
                         .arn = ACTIVITY,
                         .poll = { .worker = "w",
                                   .until_us = sr_clock_wall_us(&world->clock.clock) + 60000000,
                                   .answer = on_task,
                                   .self = world } });
    world_settle(world);
}

static inline void world_put(struct engine_world *world, const char *name, const char *text)
{
    char copy[2048];
    snprintf(copy, sizeof copy, "%s", text);
    sr_test_quotes(copy);
    world_ask(world,
              (struct engine_request){ .kind = ENGINE_PUT_MACHINE, .name = name, .text = copy });
    world_settle(world);
    assert_int_equal(world->code, SR_OK);
}

// `definition` holds only the States, in single quotes.
static inline void world_begin(struct engine_world *world, const char *start_at, const char *states,
                               const char *input)
{
    char text[4096];
    snprintf(text, sizeof text, "{'StartAt':'%s','States':{%s}}", start_at, states);
    sr_test_quotes(text);
    world_ask(world,
              (struct engine_request){ .kind = ENGINE_PUT_MACHINE, .name = "m", .text = text });
    world_settle(world);
    assert_int_equal(world->code, SR_OK);
    world_ask(world, (struct engine_request){ .kind = ENGINE_START,
                                              .arn = "arn:aws:states:eu:1:stateMachine:m",
                                              .name = "e",
                                              .text = input });
    world_settle(world);
    assert_int_equal(world->code, SR_OK);
    assert_string_equal(world->arn, "arn:aws:states:eu:1:execution:m:e");
}

struct outcome {
    int status;
    char output[512], error[128];
    int64_t stopped_us;
};

static inline bool read_outcome(void *self, const struct store_execution *execution,
                                struct sr_err *err)
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

static inline struct outcome world_outcome(struct engine_world *world)
{
    struct sr_err err = { 0 };
    struct outcome outcome = { 0 };
    sr_assert_ok(world->store.ops->execution_get(world->store.self,
                                                 "arn:aws:states:eu:1:execution:m:e", read_outcome,
                                                 &outcome, &err),
                 err);
    return outcome;
}

static inline void world_succeeded(struct engine_world *world, const char *output)
{
    const struct outcome outcome = world_outcome(world);
    if (outcome.status != ASL_SUCCEEDED)
        fail_msg("%s: %s", asl_status_name((enum asl_status)outcome.status), outcome.error);
    assert_string_equal(outcome.output, output);
}

#define WAIT_STATES                                                                                \
    "'W':{'Type':'Wait','Seconds':90,'Next':'A'},'A':{'Type':'Task','Resource':'arn:aws:lambda:eu:1:function:add','End':true}"

#define ACTIVITY_STATES(extra) "'T':{'Type':'Task','Resource':'" ACTIVITY "'," extra "'End':true}"
