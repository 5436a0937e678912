// pipeline/flow_world.h - for tests of the flow of a job: an engine whose tasks are answered by a
// script, on a clock of its own.
#pragma once

#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"
#include "pipeline/activity.h"
#include "pipeline/flow.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define WALL_US 1767225600000000
#define PREFIX "arn:aws:states:eu-1:000000000000"
#define ACTIVITIES "test:activity:"

enum { SECOND_US = 1000000, NAMES_MAX = 16 };

struct fault {
    const char *activity, *error, *cause;  // error NULL: it is silent, for ever
    int times;
    int segment;  // -1: any
};

struct world {
    struct sr_clock_fake fake;
    struct store store;
    struct engine *engine;
    size_t segments, audios;
    const char *pick;
    struct fault faults[3];
    size_t payload_bytes_max;
    struct {
        char name[32];
        size_t count;
    } calls[NAMES_MAX];
    char *failure;  // what "note" left
    char last_notify[512];
    const char *input;  // NULL: a job's
    bool restarts;      // the engine, now and then
    size_t receivers;
    char told[16][1024];  // what they were sent
    size_t told_count, told_when_ended;
    int64_t ended_us;
    bool ended;
    enum asl_status status;
    char *output;
    char error[64], cause[256];
};

static inline size_t *calls_of(struct world *world, const char *name)
{
    for (size_t i = 0; i < NAMES_MAX; i++) {
        if (!world->calls[i].name[0])
            snprintf(world->calls[i].name, sizeof world->calls[i].name, "%s", name);
        if (strcmp(world->calls[i].name, name) == 0)
            return &world->calls[i].count;
    }
    fail_msg("more than %d activities", NAMES_MAX);
    return NULL;
}

static inline json_t *numbers(size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer((json_int_t)i));
    return list;
}

// As activity_plan() says it.
static inline json_t *plan_result(const struct world *world)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:I}, s:{s:s, s:s}, s:o, s:o}", "document",
                     "plan.json", "engine", world->pick, "segments", "bucket", "b", "key",
                     "jobs/1/segments.json", "count", (json_int_t)world->segments, "results",
                     "bucket", "b", "prefix", "jobs/1/results", "audio", numbers(world->audios),
                     "outputs", numbers(2));
}

static inline json_t *result_of(struct world *world, const char *name, const json_t *params)
{
    const char *const error = json_string_value(json_object_get(params, "error"));
    if (strcmp(name, "plan") == 0)
        return plan_result(world);
    if (strcmp(name, "note") == 0) {
        free(world->failure);
        world->failure = json_dumps(params, 0);
    }
    if (strcmp(name, "clean") == 0 && strcmp(error, ASL_ERROR_THRESHOLD) == 0 && world->failure) {
        sr_auto(json) json_t *kept = json_loads(world->failure, 0, NULL);
        return json_pack("{s:O, s:O}", "error", json_object_get(kept, "error"), "cause",
                         json_object_get(kept, "cause"));
    }
    if (strcmp(name, "clean") == 0)
        return json_pack("{s:O, s:O}", "error", json_object_get(params, "error"), "cause",
                         json_object_get(params, "cause"));
    if (strcmp(name, "publish") == 0)
        return json_pack("{s:i, s:s}", "files", 2, "report", "out/report.json");
    if (strcmp(name, "notify") == 0)
        return json_pack(
            "{s:o, s:O, s:O*, s:O*, s:O*}", "to", numbers(world->receivers), "event",
            json_object_get(params, "event"), "report", json_object_get(params, "report"), "error",
            json_object_get(params, "error"), "cause", json_object_get(params, "cause"));
    if (strcmp(name, "tell") == 0)
        return json_pack("{s:O, s:b}", "to", json_object_get(params, "to"), "told", 1);
    return json_pack("{s:s}", "done", name);
}

static inline struct fault *find_fault(struct world *world, const char *name, const json_t *params)
{
    const char *const number = strcmp(name, "tell") == 0 ? "to" : "segment";
    const json_t *const segment = json_object_get(params, number);
    for (size_t i = 0; i < SR_TEST_COUNT(world->faults); i++) {
        struct fault *const fault = &world->faults[i];
        if (fault->activity && strcmp(fault->activity, name) == 0 && fault->times > 0 &&
            (fault->segment < 0 || json_integer_value(segment) == fault->segment)) {
            fault->times--;
            return fault;
        }
    }
    return NULL;
}

static inline bool on_task(void *self, const struct engine_task *task, struct sr_err *err)
{
    struct world *const world = self;
    sr_auto(json) json_t *params = NULL;
    sr_auto(char) char *text = NULL;
    const char *name = task->resource + strlen(ACTIVITIES ACTIVITY_PREFIX);
    const size_t bytes = strlen(task->payload);
    if (bytes > world->payload_bytes_max)
        world->payload_bytes_max = bytes;
    assert_non_null(activity_find(name));
    if (!jx_parse(task->payload, bytes, false, &params, err))
        return false;
    const json_t *const job = json_object_get(params, "job");
    assert_string_equal(json_string_value(json_object_get(job, "id")), "1");
    if (json_object_get(params, "to")) {
        assert_true(world->told_count < SR_TEST_COUNT(world->told));
        assert_string_equal(name, "notify");
        name = "tell";
        snprintf(world->told[world->told_count++], sizeof world->told[0], "%s", task->payload);
    }
    ++*calls_of(world, name);
    if (strcmp(name, "notify") == 0)
        snprintf(world->last_notify, sizeof world->last_notify, "%s", task->payload);
    if (strstr(name, "segment"))
        assert_true(json_equal(json_object_get(json_object_get(params, "item"), "segment"),
                               json_object_get(params, "segment")));
    const struct fault *const fault = find_fault(world, name, params);
    if (fault)
        return !fault->error ||
               engine_answer_failed(world->engine, task->ref, fault->error, fault->cause, err);
    sr_auto(json) json_t *result = result_of(world, name, params);
    return jx_dump(result, false, &text, err) && engine_answer(world->engine, task->ref, text, err);
}

static inline bool on_get(void *self, const struct engine_task *task, struct sr_err *err)
{
    struct world *const world = self;
    sr_auto(json) json_t *list = json_array();
    sr_auto(char) char *text = NULL;
    sr_assert_contains(task->payload, "\"Bucket\":\"b\"");
    sr_assert_contains(task->payload, "\"Key\":\"jobs/1/segments.json\"");
    for (size_t s = world->segments; s-- > 0;)
        json_array_append_new(list, json_pack("{s:I}", "segment", (json_int_t)s));
    return jx_dump(list, false, &text, err) && engine_answer(world->engine, task->ref, text, err);
}

static inline bool on_put(void *self, const struct engine_task *task, struct sr_err *err)
{
    struct world *const world = self;
    sr_assert_contains(task->payload, "\"Prefix\":\"jobs/1/results\"");
    return engine_answer(world->engine, task->ref,
                         "{\"ResultWriterDetails\":{\"Bucket\":\"b\",\"Key\":\"k\"}}", err);
}

static inline void on_end(void *self, const struct engine_outcome *outcome)
{
    struct world *const world = self;
    if (!outcome)
        return;
    world->ended = true;
    world->ended_us = sr_clock_wall_us(&world->fake.clock);
    world->told_when_ended = world->told_count;
    world->status = outcome->status;
    world->output = outcome->output ? strdup(outcome->output) : NULL;
    snprintf(world->error, sizeof world->error, "%s", outcome->error ? outcome->error : "");
    snprintf(world->cause, sizeof world->cause, "%s", outcome->cause ? outcome->cause : "");
}

static inline void on_reply(void *self, const struct engine_reply *reply)
{
    (void)self;
    if (!reply->done)
        fail_msg("%s", reply->err.message);
}

static inline void settle(struct world *world)
{
    struct sr_err err = { 0 };
    for (bool more = true; more;)
        sr_assert_ok(engine_step(world->engine, &more, &err), err);
}

static inline void open_engine(struct world *world, const struct engine_resource *rows,
                               size_t row_count)
{
    struct sr_err err = { 0 };
    const struct engine_params params = { .store = &world->store,
                                          .clock = &world->fake.clock,
                                          .resources = rows,
                                          .resource_count = row_count,
                                          .arn_prefix = PREFIX,
                                          .token_key = "k" };
    sr_assert_ok(engine_new(&params, &world->engine, &err), err);
}

static inline void start(struct world *world)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    sr_assert_ok(flow_transcode(&(struct flow_params){ .activities = ACTIVITIES }, &text, &err),
                 err);
    const struct engine_request put = {
        .kind = ENGINE_PUT_MACHINE, .name = "m", .text = text, .reply = on_reply
    };
    const struct engine_request start = {
        .kind = ENGINE_START,
        .arn = PREFIX ":stateMachine:m",
        .name = "e",
        .text = world->input ? world->input : "{\"job\":{\"id\":\"1\",\"workspace\":\"s3://b/\"}}",
        .reply = on_reply,
        .ended = on_end,
        .ended_self = world,
    };
    sr_assert_ok(engine_ask(world->engine, &put, &err), err);
    sr_assert_ok(engine_ask(world->engine, &start, &err), err);
    settle(world);
}

// Starts it and lets time pass until it has ended, and everybody is told.
static inline void play(struct world *world)
{
    struct sr_err err = { 0 };
    const struct engine_resource rows[] = {
        { ACTIVITIES "*", on_task, NULL, world },
        { "arn:aws:states:::s3:getObject", on_get, NULL, world },
        { "arn:aws:states:::s3:putObject", on_put, NULL, world },
    };
    sr_clock_fake_init(&world->fake, WALL_US);
    sr_assert_ok(store_sqlite_open(":memory:", &world->store, &err), err);
    open_engine(world, rows, SR_TEST_COUNT(rows));
    start(world);
    for (int i = 0; i < 100000 && (!world->ended || world->receivers > 0); i++) {
        const int64_t next_us = engine_next_us(world->engine);
        const int64_t now_us = sr_clock_wall_us(&world->fake.clock);
        if (world->ended && next_us == INT64_MAX)
            break;
        assert_true(next_us < INT64_MAX);
        if (world->ended && world->restarts) {
            engine_free(world->engine);
            open_engine(world, rows, SR_TEST_COUNT(rows));
        }
        sr_clock_fake_advance(&world->fake, next_us > now_us ? next_us - now_us : 1);
        settle(world);
    }
    assert_true(world->ended);
    engine_free(world->engine);
    store_close(&world->store);
    free(world->failure);
}

#define STORE_BUSY "Splitreel.StoreBusy"
#define BAD_INPUT "Splitreel.BadInput"
