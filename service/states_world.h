// service/states_world.h - for tests of the Step Functions API: an engine, its store and the api in
// a folder of their own, and a clock that stands still.
#pragma once

#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"
#include "service/states_api.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define WORLD_US 1767225600000000
#define WORLD_ARN "arn:aws:states:eu-west-1:123456789012"
#define WORLD_ROLE "arn:aws:iam::123456789012:role/r"
#define WORLD_PASS "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}"

struct states_world {
    char folder[64], path[96];
    struct sr_clock_fake clock;
    struct store store;
    struct engine *engine;
    struct states_api *api;
    // the last answer
    size_t answers;
    int status;
    char error[64], arn[256];
    char *text;
    json_t *body;
    bool refuse_delivery;  // of the next answer
};

static inline void world_open_engine(struct states_world *world)
{
    struct sr_err err = { 0 };
    const struct engine_params engine = { .store = &world->store,
                                          .clock = &world->clock.clock,
                                          .arn_prefix = WORLD_ARN,
                                          .token_key = "secret",
                                          .seed = 3 };
    sr_assert_ok(store_sqlite_open(world->path, &world->store, &err), err);
    sr_assert_ok(engine_new(&engine, &world->engine, &err), err);
    const struct states_api_params api = { .engine = world->engine,
                                           .database = world->path,
                                           .clock = &world->clock.clock,
                                           .region = "eu-west-1",
                                           .account = "123456789012" };
    sr_assert_ok(states_api_new(&api, &world->api, &err), err);
}

static inline void world_close_engine(struct states_world *world)
{
    engine_free(world->engine);
    states_api_free(world->api);
    store_close(&world->store);
}

static inline void world_open(struct states_world *world)
{
    *world = (struct states_world){ 0 };
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/engine.db", world->folder);
    sr_clock_fake_init(&world->clock, WORLD_US);
    world_open_engine(world);
}

static inline void world_close(struct states_world *world)
{
    world_close_engine(world);
    free(world->text);
    json_decref(world->body);
    sr_test_folder_done(world->folder);
}

static inline void world_reopen(struct states_world *world)
{
    world_close_engine(world);
    world_open_engine(world);
}

static inline void world_settle(struct states_world *world)
{
    struct sr_err err = { 0 };
    for (bool more = true; more;)
        sr_assert_ok(engine_step(world->engine, &more, &err), err);
}

static inline void world_pass(struct states_world *world, int64_t us)
{
    sr_clock_fake_advance(&world->clock, us);
    world_settle(world);
}

static inline bool world_answer(void *self, const struct states_answer *answer)
{
    struct states_world *world = self;
    struct sr_err err = { 0 };
    world->answers++;
    world->status = answer->status;
    snprintf(world->error, sizeof world->error, "%s", answer->error ? answer->error : "");
    snprintf(world->arn, sizeof world->arn, "%s", answer->arn ? answer->arn : "");
    free(world->text);
    world->text = strndup(answer->body, answer->size);
    json_decref(world->body);
    world->body = NULL;
    sr_assert_ok(jx_parse(answer->body, answer->size, false, &world->body, &err), err);
    const bool refuse = world->refuse_delivery;
    world->refuse_delivery = false;
    return !refuse;
}

// Asks, and lets the engine work; an answer may still be out (a long poll).
static inline void world_ask_text(struct states_world *world, const char *op, const char *body)
{
    states_api_call(world->api, op, body, strlen(body), world_answer, world);
    world_settle(world);
}

// The body as json_pack() makes it; a NULL body is "{}". One answer must come.
static inline void world_call(struct states_world *world, const char *op, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    const size_t answers = world->answers;
    world_ask_text(world, op, text ? text : "{}");
    free(text);
    json_decref(body);
    assert_int_equal(world->answers, answers + 1);
}

// The same, which must succeed.
static inline void world_do(struct states_world *world, const char *op, json_t *body)
{
    world_call(world, op, body);
    if (world->status != 200)
        fail_msg("%s: %s", op, world->text);
}

static inline const char *world_get(const struct states_world *world, const char *name)
{
    const char *text = json_string_value(json_object_get(world->body, name));
    if (!text)
        fail_msg("no text '%s' in %s", name, world->text);
    return text;
}
