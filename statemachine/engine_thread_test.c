// The engine on a thread of its own, with clients and workers on others: for TSan.
#include "base/test.h"
#include "base/thread.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

enum { CLIENTS = 4, EXECUTIONS = 12 };

struct shared {
    struct engine *engine;
    struct sr_cancel cancel;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        size_t started, ended, succeeded, failures;
        bool loop_done;
    } synced;  // under `lock`
};

static void run_engine(void *arg)
{
    struct shared *shared = arg;
    struct sr_err err = { 0 };
    const bool done = engine_loop(shared->engine, &shared->cancel, NULL, NULL, &err);
    sr_lock(&shared->lock);
    shared->synced.loop_done = done;
    sr_unlock(&shared->lock);
}

static void on_reply(void *self, const struct engine_reply *reply)
{
    struct shared *shared = self;
    sr_lock(&shared->lock);
    shared->synced.started += reply->done;
    shared->synced.failures += !reply->done;
    sr_cond_broadcast(&shared->changed);
    sr_unlock(&shared->lock);
}

static void on_end(void *self, const struct engine_outcome *outcome)
{
    struct shared *shared = self;
    sr_lock(&shared->lock);
    shared->synced.ended++;
    shared->synced.succeeded +=
        outcome && outcome->status == ASL_SUCCEEDED && strcmp(outcome->output, "[1,1]") == 0;
    sr_cond_broadcast(&shared->changed);
    sr_unlock(&shared->lock);
}

// A worker answers at once, from the engine's thread, and asks for the next task.
static void ask_for_task(struct shared *shared);
static bool on_task(void *self, const struct engine_task *task)
{
    struct shared *shared = self;
    struct sr_err err = { 0 };
    if (!task)
        return true;
    if (!engine_ask(
            shared->engine,
            &(struct engine_request){ .kind = ENGINE_SUCCEED, .token = task->token, .text = "1" },
            &err))
        return false;
    ask_for_task(shared);
    return true;
}

static void ask_for_task(struct shared *shared)
{
    struct sr_err err = { 0 };
    sr_assert_ok(
        engine_ask(shared->engine,
                   &(struct engine_request){
                       .kind = ENGINE_POLL,
                       .arn = "arn:aws:states:eu:1:activity:a",
                       .poll = { .until_us = INT64_MAX, .answer = on_task, .self = shared } },
                   &err),
        err);
}

static void client(void *arg)
{
    struct shared *shared = arg;
    struct sr_err err = { 0 };
    for (size_t i = 0; i < EXECUTIONS; i++) {
        sr_assert_ok(
            engine_ask(shared->engine,
                       &(struct engine_request){ .kind = ENGINE_START,
                                                 .arn = "arn:aws:states:eu:1:stateMachine:m",
                                                 .text = "[1,2]",
                                                 .reply = on_reply,
                                                 .self = shared,
                                                 .ended = on_end,
                                                 .ended_self = shared },
                       &err),
            err);
        if (i % 4 == 0)
            ask_for_task(shared);
    }
}

static void many_at_once(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct shared shared = { 0 };
    struct store store;
    char folder[64], path[96];
    sr_test_folder(folder);
    snprintf(path, sizeof path, "%s/e.db", folder);
    sr_assert_ok(store_sqlite_open(path, &store, &err), err);
    sr_assert_ok(sr_mutex_init(&shared.lock, &err), err);
    sr_assert_ok(sr_cond_init(&shared.changed, &err), err);
    sr_cancel_init(&shared.cancel, NULL, sr_clock_system(), INT64_MAX);
    const struct engine_params params = { .store = &store,
                                          .clock = sr_clock_system(),
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "k",
                                          .cache_max = 8 };
    sr_assert_ok(engine_new(&params, &shared.engine, &err), err);
    struct sr_thread *loop, *clients[CLIENTS];
    sr_assert_ok(sr_thread_start("engine", run_engine, &shared, &loop, &err), err);
    sr_assert_ok(
        engine_ask(
            shared.engine,
            &(struct engine_request){
                .kind = ENGINE_PUT_MACHINE,
                .name = "m",
                .text =
                    "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true,\"ItemProcessor\":{"
                    "\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"End\":true,\"Resource\":"
                    "\"arn:aws:states:eu:1:activity:a\"}}}}}}" },
            &err),
        err);
    for (size_t i = 0; i < CLIENTS; i++)
        sr_assert_ok(sr_thread_start("client", client, &shared, &clients[i], &err), err);
    for (size_t i = 0; i < CLIENTS; i++)
        sr_thread_join(clients[i]);
    sr_lock(&shared.lock);
    while (shared.synced.ended < CLIENTS * EXECUTIONS && !shared.synced.failures)
        sr_cond_wait(&shared.changed, &shared.lock);
    assert_int_equal(shared.synced.failures, 0);
    assert_int_equal(shared.synced.started, CLIENTS * EXECUTIONS);
    assert_int_equal(shared.synced.succeeded, CLIENTS * EXECUTIONS);
    sr_unlock(&shared.lock);
    sr_cancel_set(&shared.cancel);
    engine_wake(shared.engine);
    sr_thread_join(loop);
    assert_true(shared.synced.loop_done);
    engine_free(shared.engine);
    store_close(&store);
    sr_cond_done(&shared.changed);
    sr_mutex_done(&shared.lock);
    sr_test_folder_done(folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(many_at_once) };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
