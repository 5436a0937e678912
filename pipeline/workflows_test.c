// The flows of pipeline/workflows, each from start to end through the engine and a store on disk.
#include "base/io.h"
#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define WALL_US 1767225600000000
#define PREFIX "arn:aws:states:eu-1:000000000000"

enum { SECOND_US = 1000000, CALLS_MAX = 32 };

// Who answers states:::lambda:invoke: functions by name, as a test registers them.
struct world {
    char folder[64], path[96];
    struct sr_clock_fake fake;
    const struct sr_clock *clock;
    struct store store;
    struct engine *engine;
    char calls[CALLS_MAX][160];  // "name payload", in order
    size_t call_count;
    const char *broken;  // this function fails ...
    size_t broken_times;
    const char *expired;  // what snapshot-count says
    int snapshot_count;
    bool start_failed;
};

static json_t *result_of(const struct world *world, const char *name, const json_t *payload)
{
    json_t *snapshot = json_object_get(payload, "snapshot");
    if (strcmp(name, "snapshot-tag") == 0)
        return json_pack("{s:b}", "tagged", 1);
    if (strcmp(name, "snapshot-count") == 0)
        return json_pack("{s:i, s:o}", "count", world->snapshot_count, "expired",
                         json_loads(world->expired, 0, NULL));
    if (strcmp(name, "snapshot-copy") == 0)
        return json_pack("{s:s}", "snapshot", "snap-copy");
    if (strcmp(name, "snapshot-delete") == 0)
        return json_pack("{s:O}", "deleted", snapshot);
    return json_pack("{s:s}", "done", name);
}

static bool invoke(void *self, const struct engine_task *task, struct sr_err *err)
{
    struct world *world = self;
    sr_auto(json) json_t *request = NULL;
    sr_auto(char) char *payload = NULL, *text = NULL;
    if (!jx_parse(task->payload, strlen(task->payload), false, &request, err) ||
        !jx_dump(json_object_get(request, "Payload"), false, &payload, err))
        return false;
    const char *name = json_string_value(json_object_get(request, "FunctionName"));
    assert_non_null(name);
    assert_true(world->call_count < CALLS_MAX);
    snprintf(world->calls[world->call_count++], sizeof world->calls[0], "%s %s", name, payload);
    if (world->broken && strcmp(world->broken, name) == 0 && world->broken_times) {
        world->broken_times--;
        return engine_answer_failed(world->engine, task->ref, "Throttled", "too fast", err);
    }
    sr_auto(json) json_t *answer =
        json_pack("{s:i, s:o}", "StatusCode", 200, "Payload",
                  result_of(world, name, json_object_get(request, "Payload")));
    return jx_made(answer, err) && jx_dump(answer, false, &text, err) &&
           engine_answer(world->engine, task->ref, text, err);
}

static void open_engine(struct world *world)
{
    struct sr_err err = { 0 };
    static struct engine_resource resource;
    resource = (struct engine_resource){ "arn:aws:states:::lambda:invoke", invoke, NULL, world };
    sr_assert_ok(store_sqlite_open(world->path, &world->store, &err), err);
    const struct engine_params params = { .store = &world->store,
                                          .clock = world->clock,
                                          .resources = &resource,
                                          .resource_count = 1,
                                          .arn_prefix = PREFIX,
                                          .token_key = "k" };
    sr_assert_ok(engine_new(&params, &world->engine, &err), err);
}

static void close_engine(struct world *world)
{
    engine_free(world->engine);
    store_close(&world->store);
}

static void settle(struct world *world)
{
    struct sr_err err = { 0 };
    for (bool more = true; more;)
        sr_assert_ok(engine_step(world->engine, &more, &err), err);
}

static void reopen(struct world *world)
{
    close_engine(world);
    open_engine(world);
    settle(world);
}

static void pass(struct world *world, int64_t us)
{
    sr_clock_fake_advance(&world->fake, us);
    settle(world);
}

static void on_reply(void *self, const struct engine_reply *reply)
{
    struct world *world = self;
    world->start_failed |= !reply->done;
    if (!reply->done)
        print_error("%s\n", reply->err.message);
}

static void begin(struct world *world, const char *flow, const char *input)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    size_t bytes;
    char path[96];
    snprintf(path, sizeof path, "pipeline/workflows/%s.asl.json", flow);
    sr_assert_ok(sr_file_load(path, 1 << 20, &text, &bytes, &err), err);
    const struct engine_request put = {
        .kind = ENGINE_PUT_MACHINE, .name = "m", .text = text, .reply = on_reply, .self = world
    };
    const struct engine_request start = { .kind = ENGINE_START,
                                          .arn = PREFIX ":stateMachine:m",
                                          .name = "e",
                                          .text = input,
                                          .reply = on_reply,
                                          .self = world };
    sr_assert_ok(engine_ask(world->engine, &put, &err), err);
    sr_assert_ok(engine_ask(world->engine, &start, &err), err);
    settle(world);
    assert_false(world->start_failed);
}

static void open_world(struct world *world)
{
    *world = (struct world){ .expired = "[]" };
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/engine.db", world->folder);
    sr_clock_fake_init(&world->fake, WALL_US);
    world->clock = &world->fake.clock;
    open_engine(world);
}

static void close_world(struct world *world)
{
    close_engine(world);
    sr_test_folder_done(world->folder);
}

struct outcome {
    enum asl_status status;
    char output[1024], error[64];
    int64_t started_us, stopped_us;
};

static bool read_outcome(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct outcome *outcome = self;
    (void)err;
    outcome->status = (enum asl_status)execution->status;
    outcome->started_us = execution->started_us;
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
    sr_assert_ok(world->store.ops->execution_get(world->store.self, PREFIX ":execution:m:e",
                                                 read_outcome, &outcome, &err),
                 err);
    return outcome;
}

// --- the delayed update ---

static void after_90_seconds(void **state)
{
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        struct world world;
        open_world(&world);
        begin(&world, "delayed-update", "{\"update\":{\"id\":7}}");
        pass(&world, 45 * SECOND_US);
        if (restart)
            reopen(&world);
        pass(&world, 45 * SECOND_US - 1);
        assert_int_equal(world.call_count, 0);
        pass(&world, 1);
        assert_int_equal(world.call_count, 1);
        assert_string_equal(world.calls[0], "delayed-update {\"id\":7}");
        assert_int_equal(outcome_of(&world).status, ASL_SUCCEEDED);
        assert_string_equal(outcome_of(&world).output,
                            "{\"result\":{\"done\":\"delayed-update\"}}");
        close_world(&world);
    }
}

static void after_a_delay_that_is_asked_for(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    begin(&world, "delayed-update", "{\"update\":1,\"delaySeconds\":5}");
    pass(&world, 5 * SECOND_US - 1);
    assert_int_equal(world.call_count, 0);
    pass(&world, 1);
    assert_int_equal(world.call_count, 1);
    assert_int_equal(outcome_of(&world).status, ASL_SUCCEEDED);
    close_world(&world);
}

static void an_update_that_fails_for_good(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    world.broken = "delayed-update";
    world.broken_times = 99;
    begin(&world, "delayed-update", "{\"update\":1,\"delaySeconds\":1}");
    for (int i = 0; i < 30; i++)
        pass(&world, SECOND_US);
    assert_int_equal(world.call_count, 5);  // the first, three more, and the notification
    sr_assert_contains(world.calls[4], "notify {\"subject\":\"a delayed update failed\"");
    sr_assert_contains(world.calls[4], PREFIX ":execution:m:e");
    assert_int_equal(outcome_of(&world).status, ASL_FAILED);
    assert_string_equal(outcome_of(&world).error, "Throttled");
    close_world(&world);
}

// On the machine's own clock, with the engine gone for a part of the time.
static void for_real(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world = { .expired = "[]" };
    sr_test_folder(world.folder);
    snprintf(world.path, sizeof world.path, "%s/engine.db", world.folder);
    world.clock = sr_clock_system();
    open_engine(&world);
    begin(&world, "delayed-update", "{\"update\":1,\"delaySeconds\":1}");
    assert_int_equal(outcome_of(&world).status, ASL_RUNNING);
    reopen(&world);
    while (outcome_of(&world).status == ASL_RUNNING) {
        bool more = false;
        sr_assert_ok(engine_step(world.engine, &more, &err), err);
        if (!more)
            engine_wait(world.engine, 10 * SECOND_US);
    }
    const struct outcome outcome = outcome_of(&world);
    assert_int_equal(outcome.status, ASL_SUCCEEDED);
    assert_int_equal(world.call_count, 1);
    assert_true(outcome.stopped_us - outcome.started_us >= SECOND_US);
    close_world(&world);
}

// --- the life cycle of a snapshot ---

#define EVENT(result, more)                                                                        \
    "{\"source\":\"aws.ec2\",\"detail-type\":\"EBS Snapshot Notification\",\"detail\":{\"event\":" \
    "\"createSnapshot\",\"result\":\"" result                                                      \
    "\",\"snapshot_id\":\"snap-1\",\"source\":\"vol-1\"},\"keep\":2" more "}"

static const struct row {
    const char *name;
    const char *input;
    int snapshot_count;
    const char *expired;
    const char *broken;
    size_t broken_times;
    enum asl_status status;
    const char *error;    // of a failed one
    const char *calls;    // names, sorted
    const char *deleted;  // part of the output; NULL: not looked at
} rows[] = {
    { "few enough", EVENT("succeeded", ""), 2, "[]", NULL, 0, ASL_SUCCEEDED, "",
      "snapshot-count snapshot-tag ", "\"deleted\":[]" },
    { "copied, and the old ones deleted", EVENT("succeeded", ",\"copyTo\":\"eu-2\""), 4,
      "[\"snap-a\",\"snap-b\"]", NULL, 0, ASL_SUCCEEDED, "",
      "snapshot-copy snapshot-count snapshot-delete snapshot-delete snapshot-tag ",
      "\"deleted\":[\"snap-a\",\"snap-b\"]" },
    { "too many, none expired", EVENT("succeeded", ""), 5, "[]", NULL, 0, ASL_SUCCEEDED, "",
      "snapshot-count snapshot-tag ", "\"deleted\":[]" },
    { "the tag at the third try", EVENT("succeeded", ""), 1, "[]", "snapshot-tag", 2, ASL_SUCCEEDED,
      "", "snapshot-count snapshot-tag snapshot-tag snapshot-tag ", "\"tagged\":true" },
    { "it was not made", EVENT("failed", ""), 1, "[]", NULL, 0, ASL_FAILED, "SnapshotFailed",
      "notify ", NULL },
    { "the count fails", EVENT("succeeded", ""), 1, "[]", "snapshot-count", 9, ASL_FAILED,
      "Throttled", "notify snapshot-count snapshot-tag ", NULL },
    { "the copy fails", EVENT("succeeded", ",\"copyTo\":\"eu-2\""), 4, "[\"snap-a\"]",
      "snapshot-copy", 9, ASL_FAILED, "Throttled",
      "notify snapshot-copy snapshot-count snapshot-tag ", NULL },
    { "a deletion fails", EVENT("succeeded", ""), 4, "[\"snap-a\"]", "snapshot-delete", 9,
      ASL_FAILED, "Throttled", "notify snapshot-count snapshot-delete snapshot-tag ", NULL },
};

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void life_cycle(void **state)
{
    const struct row *row = *state;
    struct world world;
    open_world(&world);
    world.snapshot_count = row->snapshot_count;
    world.expired = row->expired;
    world.broken = row->broken;
    world.broken_times = row->broken_times;
    begin(&world, "snapshot-lifecycle", row->input);
    for (int i = 0; i < 10; i++) {
        reopen(&world);
        pass(&world, SECOND_US);
    }
    const struct outcome outcome = outcome_of(&world);
    assert_string_equal(asl_status_name(outcome.status), asl_status_name(row->status));
    assert_string_equal(outcome.error, row->error);
    qsort(world.calls, world.call_count, sizeof world.calls[0], by_text);
    char calls[512] = "";
    for (size_t i = 0; i < world.call_count; i++) {
        const size_t used = strlen(calls), name = strcspn(world.calls[i], " ");
        snprintf(calls + used, sizeof calls - used, "%.*s ", (int)name, world.calls[i]);
    }
    assert_string_equal(calls, row->calls);
    if (row->deleted)
        sr_assert_contains(outcome.output, row->deleted);
    close_world(&world);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 4];
    size_t count = SR_TEST_ADD(tests, rows, life_cycle);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(after_90_seconds);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(after_a_delay_that_is_asked_for);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(an_update_that_fails_for_good);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(for_real);
    return sr_test_run(__FILE__, tests, count);
}
