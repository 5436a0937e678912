#include "statemachine/engine_once.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "statemachine/asl_parse.h"
#include "statemachine/engine.h"
#include "statemachine/engine_mock.h"
#include "statemachine/store_sqlite.h"

#define PREFIX "arn:aws:states:local:000000000000"

enum { LOOK_US = 100000 };  // how long a cancellation may go unseen

struct once {
    const struct engine_once_params *params;
    struct engine_once_result *result;
    struct sr_clock_fake fake;
    const struct sr_clock *clock;
    bool ended, failed;
    struct sr_err err;  // of a request
};

void engine_once_result_done(struct engine_once_result *result)
{
    asl_faults_done(&result->faults);
    json_decref(result->execution);
    json_decref(result->events);
    *result = (struct engine_once_result){ 0 };
}

static bool put_value(json_t *to, const char *key, const char *text, struct sr_err *err)
{
    json_t *value = NULL;
    return !text ||
           (jx_parse(text, strlen(text), false, &value, err) && jx_put(to, key, value, err));
}

static bool put_time(json_t *to, const char *key, int64_t wall_us, struct sr_err *err)
{
    char text[25];
    sr_clock_format(wall_us, text);
    return jx_put(to, key, json_string(text), err);
}

static bool describe(struct once *once, const struct engine_outcome *outcome, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_pack("{s:s}", "status", asl_status_name(outcome->status));
    if (!jx_made(json, err) || !put_value(json, "input", once->params->input, err) ||
        !put_value(json, "output", outcome->output, err) ||
        (outcome->error && !jx_put(json, "error", jx_string(outcome->error), err)) ||
        (outcome->cause && !jx_put(json, "cause", jx_string(outcome->cause), err)) ||
        !put_time(json, "startDate", outcome->started_us, err) ||
        !put_time(json, "stopDate", outcome->stopped_us, err))
        return false;
    once->result->execution = sr_take(json);
    once->result->status = outcome->status;
    return true;
}

static void on_end(void *self, const struct engine_outcome *outcome)
{
    struct once *once = self;
    struct sr_err err = { 0 };
    if (!outcome || once->ended)
        return;
    once->ended = true;
    if (!describe(once, outcome, &err)) {
        once->failed = true;
        once->err = err;
    }
}

static void on_reply(void *self, const struct engine_reply *reply)
{
    struct once *once = self;
    if (reply->done || once->failed || once->ended)
        return;
    once->failed = true;
    once->err = reply->err;
}

static bool ask(struct once *once, struct engine *engine, struct sr_err *err)
{
    const struct engine_request put = { .kind = ENGINE_PUT_MACHINE,
                                        .name = "flow",
                                        .text = once->params->definition,
                                        .reply = on_reply,
                                        .self = once };
    const struct engine_request start = { .kind = ENGINE_START,
                                          .arn = PREFIX ":stateMachine:flow",
                                          .name = "once",
                                          .text = once->params->input,
                                          .ended = on_end,
                                          .ended_self = once,
                                          .reply = on_reply,
                                          .self = once };
    return engine_ask(engine, &put, err) && engine_ask(engine, &start, err);
}

// Lets time pass until something is due.
static bool pass_time(struct once *once, struct engine *engine, struct sr_err *err)
{
    const int64_t next_us = engine_next_us(engine);
    if (next_us == INT64_MAX)
        return sr_fail(err, SR_ERR_CONFLICT,
                       "it waits for a task that nobody answers and that has no time-out");
    if (!once->params->fast)
        engine_wait(engine, LOOK_US);
    else if (next_us > sr_clock_wall_us(once->clock))
        sr_clock_fake_advance(&once->fake, next_us - sr_clock_wall_us(once->clock));
    return true;
}

static bool play(struct once *once, struct engine *engine, const struct engine_mock *mock,
                 struct sr_err *err)
{
    while (!once->ended) {
        bool more = false;
        if (!sr_cancel_check(once->params->cancel, err) || !engine_step(engine, &more, err) ||
            !engine_mock_check(mock, err))
            return false;
        if (once->failed) {
            *err = once->err;
            return false;
        }
        if (!once->ended && !more && !pass_time(once, engine, err))
            return false;
    }
    if (once->failed)
        *err = once->err;
    return !once->failed;
}

static bool add_events(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    struct engine_once_result *result = self;
    sr_auto(json) json_t *json = NULL;
    size_t i;
    json_t *stored;
    (void)seq;
    if (!jx_parse(entry, strlen(entry), false, &json, err))
        return false;
    json_array_foreach(json_object_get(json, "events"), i, stored)
    {
        struct asl_event event = { 0 };
        json_t *shown = NULL;
        if (!asl_event_from_json(stored, &event, err))
            return false;
        const bool done = event.child || (asl_event_to_client(&event, true, &shown, err) &&
                                          jx_append(result->events, shown, err));
        json_decref(event.details);
        if (!done)
            return false;
    }
    return true;
}

static bool run(struct once *once, struct store *store, const struct asl_def *def,
                struct sr_err *err)
{
    enum { THE_ONE = 1 };  // execution of a new store
    sr_auto(engine_mock) struct engine_mock *mock = NULL;
    struct engine *engine = NULL;
    if (!engine_mock_new(once->params->mock, def, &mock, err))
        return sr_err_wrap(err, "task results");
    const struct engine_resource resource = engine_mock_resource(mock);
    const struct engine_params params = { .store = store,
                                          .clock = once->clock,
                                          .resources = &resource,
                                          .resource_count = 1,
                                          .arn_prefix = PREFIX,
                                          .token_key = "once",
                                          .seed = 1 };
    if (!engine_new(&params, &engine, err))
        return false;
    const bool done = engine_mock_attach(mock, engine, err) && ask(once, engine, err) &&
                      play(once, engine, mock, err) &&
                      store->ops->log_each(store->self, THE_ONE, add_events, once->result, err);
    engine_free(engine);
    return done;
}

bool engine_once(const struct engine_once_params *params, struct engine_once_result *ret_result,
                 struct sr_err *err)
{
    sr_auto(asl_def) struct asl_def *def = NULL;
    sr_auto(store) struct store store = { 0 };
    const struct sr_clock *clock = params->clock ? params->clock : sr_clock_system();
    struct once once = { .params = params, .result = ret_result, .clock = clock };
    if (!asl_parse_text(params->definition, strlen(params->definition), ASL_STANDARD,
                        &ret_result->faults, &def, err))
        return false;
    if (!def)
        return true;
    if (params->fast) {
        sr_clock_fake_init(&once.fake, sr_clock_wall_us(clock));
        once.clock = &once.fake.clock;
    }
    const char *path = params->database ? params->database : ":memory:";
    if (params->database && access(path, F_OK) == 0)
        return sr_fail(err, SR_ERR_EXISTS, "%.120s is there already", path);
    ret_result->events = json_array();
    return jx_made(ret_result->events, err) && store_sqlite_open(path, &store, err) &&
           run(&once, &store, def, err);
}
