#include "service/jobs_progress.h"

#include "base/str.h"
#include "base/test.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define WALL_US 1767225600000000
#define PREFIX "arn:aws:states:eu-1:000000000000"
#define TASK(name, more)                                                                           \
    "{\"Type\":\"Task\",\"Resource\":\"" PREFIX ":activity:splitreel-" name "\"" more "}"
// Plan, the segments of the list, join, a pause, the end.
#define FLOW                                                                                                                                                                                                        \
    "{\"StartAt\":\"Plan\",\"States\":{\"Plan\":" TASK(                                                                                                                                                             \
        "plan",                                                                                                                                                                                                     \
        ",\"ResultPath\":\"$.plan\",\"Next\":\"Segments\"") ","                                                                                                                                                     \
                                                            "\"Segments\":{\"Type\":\"Map\",\"ItemReader\":{\"Resource\":\"arn:aws:states:::s3:getObject\","                                                        \
                                                            "\"ReaderConfig\":{\"InputType\":\"JSON\"},\"Parameters\":{\"Bucket\":\"b\",\"Key\":\"k\"}},"                                                           \
                                                            "\"ItemSelector\":{\"segment.$\":\"$$.Map.Item.Value.segment\"},\"MaxConcurrency\":2,"                                                                  \
                                                            "\"ItemProcessor\":{\"ProcessorConfig\":{\"Mode\":\"DISTRIBUTED\",\"ExecutionType\":"                                                                   \
                                                            "\"STANDARD\"},\"StartAt\":\"S\",\"States\":{\"S\":" TASK("quick-segment", ",\"End\":true") "}},\"ResultPath\":null,\"Next\":\"Join\"},\"Join\":" TASK( \
                                                                "join",                                                                                                                                             \
                                                                ",\"Next\":\"W\"") ","                                                                                                                              \
                                                                                   "\"W\":{\"Type\":\"Wait\",\"Seconds\":5,\"Next\":\"End\"},\"End\":{\"Type\":\"Pass\",\"Result\":{"                               \
                                                                                   "\"publish\":{\"report\":\"/o/report.json\"}},\"End\":true}}}"
#define PLAN "{\"engine\":\"quick\",\"segments\":{\"bucket\":\"b\",\"key\":\"k\",\"count\":3}}"

#define LIST "[{\"segment\":2},{\"segment\":0},{\"segment\":1}]"
// Two tasks for each of two segments.
#define SPREAD_PLAN                                                                                \
    "{\"engine\":\"quick\",\"segments\":{\"bucket\":\"b\",\"key\":\"k\",\"count\":2,\"tasks\":4}}"
#define SPREAD_LIST                                                                                \
    "[{\"segment\":1,\"renditions\":[0]},{\"segment\":1,\"renditions\":[1,2]},"                    \
    "{\"segment\":0,\"renditions\":[0]},{\"segment\":0,\"renditions\":[1,2]}]"

struct world {
    const char *list;  // of tasks
    char folder[64], path[96];
    struct sr_clock_fake fake;
    struct store store, reader;
    struct engine *engine;
    char arn[128];
    char token[512];  // of the task that the last poll got; "": none
};

static bool read_list(void *self, const struct engine_task *task, struct sr_err *err)
{
    const struct world *const world = self;
    return engine_answer(world->engine, task->ref, world->list, err);
}

static void settle(struct world *world)
{
    struct sr_err err = { 0 };
    for (bool more = true; more;)
        sr_assert_ok(engine_step(world->engine, &more, &err), err);
}

static void ask(struct world *world, const struct engine_request *request)
{
    struct sr_err err = { 0 };
    sr_assert_ok(engine_ask(world->engine, request, &err), err);
    settle(world);
}

static void started(void *self, const struct engine_reply *reply)
{
    struct world *const world = self;
    assert_true(reply->done);
    snprintf(world->arn, sizeof world->arn, "%s", reply->arn);
}

static void begin(struct world *world, const char *list)
{
    static struct engine_resource resource;
    struct sr_err err = { 0 };
    *world = (struct world){ .list = list };
    resource = (struct engine_resource){ "arn:aws:states:::s3:getObject", read_list, NULL, world };
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/states.db", world->folder);
    sr_clock_fake_init(&world->fake, WALL_US);
    sr_assert_ok(store_sqlite_open(world->path, &world->store, &err), err);
    const struct engine_params params = { .store = &world->store,
                                          .clock = &world->fake.clock,
                                          .resources = &resource,
                                          .resource_count = 1,
                                          .arn_prefix = PREFIX,
                                          .token_key = "k" };
    sr_assert_ok(engine_new(&params, &world->engine, &err), err);
    sr_assert_ok(store_sqlite_open_reader(world->path, &world->reader, &err), err);
    ask(world, &(struct engine_request){ .kind = ENGINE_PUT_MACHINE, .name = "m", .text = FLOW });
    ask(world, &(struct engine_request){ .kind = ENGINE_START,
                                         .arn = PREFIX ":stateMachine:m",
                                         .name = "j-1",
                                         .reply = started,
                                         .self = world });
}

static void end(struct world *world)
{
    engine_free(world->engine);
    store_close(&world->reader);
    store_close(&world->store);
    sr_test_folder_done(world->folder);
}

static bool take(void *self, const struct engine_task *task)
{
    struct world *const world = self;
    if (task)
        snprintf(world->token, sizeof world->token, "%s", task->token);
    return true;
}

// A worker takes the next task of an activity.
static void poll_for(struct world *world, const char *name)
{
    char arn[128];
    world->token[0] = '\0';
    snprintf(arn, sizeof arn, PREFIX ":activity:splitreel-%s", name);
    ask(world, &(struct engine_request){
                   .kind = ENGINE_POLL,
                   .arn = arn,
                   .poll = { .until_us = WALL_US * 2, .answer = take, .self = world } });
    assert_true(world->token[0]);
}

static void succeed(struct world *world, const char *result)
{
    ask(world,
        &(struct engine_request){ .kind = ENGINE_SUCCEED, .token = world->token, .text = result });
}

// "quick 31% 1/3 running 1 failed 0: WAITING RUNNING SUCCEEDED"
static void assert_progress(struct world *world, const char *want)
{
    struct sr_err err = { 0 };
    sr_auto(jobs_progress) struct jobs_progress progress = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    size_t i;
    const json_t *row;
    sr_assert_ok(jobs_progress_read(&world->reader, world->arn, true,
                                    sr_clock_wall_us(&world->fake.clock), &progress, &err),
                 err);
    sr_assert_ok(sr_str_addf(&text, &err, "%s %d%% %lld/%lld running %lld failed %lld:",
                             *progress.engine ? progress.engine : "none", progress.percent,
                             (long long)progress.done, (long long)progress.count,
                             (long long)progress.running, (long long)progress.failed),
                 err);
    json_array_foreach(progress.segments, i, row)
    {
        assert_int_equal(json_integer_value(json_object_get(row, "segment")), i);
        sr_assert_ok(
            sr_str_addf(&text, &err, " %s", json_string_value(json_object_get(row, "state"))), err);
    }
    assert_string_equal(text.text, want);
}

static bool is_late(struct world *world)
{
    struct sr_err err = { 0 };
    bool late = false;
    sr_assert_ok(jobs_is_late(&world->reader, world->arn, &late, &err), err);
    return late;
}

static void from_plan_to_end(void **state)
{
    (void)state;
    static struct world world;
    struct sr_err err = { 0 };
    struct jobs_outcome outcome = { 0 };
    begin(&world, LIST);
    assert_progress(&world, "none 0% 0/-1 running 0 failed 0:");
    assert_false(is_late(&world));
    poll_for(&world, "plan");
    succeed(&world, PLAN);
    // The list says that segment 2 comes first; two children have begun.
    assert_progress(&world, "quick 2% 0/3 running 0 failed 0: WAITING WAITING WAITING");
    poll_for(&world, "quick-segment");
    assert_progress(&world, "quick 2% 0/3 running 1 failed 0: WAITING WAITING RUNNING");
    assert_false(is_late(&world));
    sr_clock_fake_advance(&world.fake, 10000000);
    succeed(&world, "{}");
    assert_progress(&world, "quick 31% 1/3 running 0 failed 0: WAITING WAITING SUCCEEDED");
    {
        sr_auto(jobs_progress) struct jobs_progress progress = { 0 };
        sr_assert_ok(jobs_progress_read(&world.reader, world.arn, false,
                                        sr_clock_wall_us(&world.fake.clock), &progress, &err),
                     err);
        assert_int_equal(progress.eta_us, 20000000);  // two more, ten seconds each
        assert_null(progress.segments);
    }
    for (int i = 0; i < 2; i++) {
        poll_for(&world, "quick-segment");
        succeed(&world, "{}");
    }
    assert_progress(&world, "quick 90% 3/3 running 0 failed 0: SUCCEEDED SUCCEEDED SUCCEEDED");
    assert_true(is_late(&world));  // joins
    poll_for(&world, "join");
    succeed(&world, "{}");
    assert_true(is_late(&world));  // between two tasks
    sr_assert_ok(jobs_outcome_read(&world.reader, world.arn, &outcome, &err), err);
    assert_true(outcome.is_there && outcome.status == ASL_RUNNING && !outcome.report);
    sr_clock_fake_advance(&world.fake, 5000000);
    settle(&world);
    assert_progress(&world, "quick 100% 3/3 running 0 failed 0: SUCCEEDED SUCCEEDED SUCCEEDED");
    assert_false(is_late(&world));
    sr_assert_ok(jobs_outcome_read(&world.reader, world.arn, &outcome, &err), err);
    assert_int_equal(outcome.status, ASL_SUCCEEDED);
    assert_string_equal(outcome.report, "/o/report.json");
    assert_int_equal(outcome.stopped_us, WALL_US + 15000000);
    free(outcome.report);
    end(&world);
}

static void end_task(struct world *world, const char *error)
{
    poll_for(world, "quick-segment");
    if (!error)
        succeed(world, "{}");
    else
        ask(world,
            &(struct engine_request){
                .kind = ENGINE_FAIL, .token = world->token, .error = error, .cause = "torn" });
}

// A segment is done when all of its tasks are; percent and pace go by the tasks.
static void renditions_are_spread(void **state)
{
    (void)state;
    static struct world world;
    struct sr_err err = { 0 };
    begin(&world, SPREAD_LIST);
    poll_for(&world, "plan");
    succeed(&world, SPREAD_PLAN);
    assert_progress(&world, "quick 2% 0/2 running 0 failed 0: WAITING WAITING");
    poll_for(&world, "quick-segment");
    poll_for(&world, "quick-segment");
    assert_progress(&world, "quick 2% 0/2 running 1 failed 0: WAITING RUNNING");
    sr_clock_fake_advance(&world.fake, 10000000);
    succeed(&world, "{}");
    assert_progress(&world, "quick 24% 0/2 running 1 failed 0: WAITING RUNNING");
    {
        // As they are told without a list of segments.
        sr_auto(jobs_progress) struct jobs_progress progress = { 0 };
        sr_assert_ok(jobs_progress_read(&world.reader, world.arn, false,
                                        sr_clock_wall_us(&world.fake.clock), &progress, &err),
                     err);
        assert_true(progress.count == 2 && progress.done == 0 && progress.running == 1);
        assert_int_equal(progress.eta_us, 30000000);  // three more tasks, ten seconds each
        assert_null(progress.segments);
    }
    poll_for(&world, "quick-segment");
    assert_progress(&world, "quick 24% 0/2 running 2 failed 0: RUNNING RUNNING");
    end(&world);
}

static void spread_renditions_are_done(void **state)
{
    (void)state;
    static struct world world;
    begin(&world, SPREAD_LIST);
    poll_for(&world, "plan");
    succeed(&world, SPREAD_PLAN);
    end_task(&world, NULL);
    // One of two is made, and the other waits: it has begun.
    assert_progress(&world, "quick 24% 0/2 running 1 failed 0: WAITING RUNNING");
    end_task(&world, NULL);
    assert_progress(&world, "quick 46% 1/2 running 0 failed 0: WAITING SUCCEEDED");
    end_task(&world, NULL);
    end_task(&world, "Splitreel.BadInput");
    assert_progress(&world, "quick 68% 1/2 running 0 failed 1: FAILED SUCCEEDED");
    end(&world);
}

// Numbers that cannot be, of a worker that a film has taken over.
static void a_plan_that_lies(void **state)
{
    static const struct {
        const char *segments, *want;
        int64_t eta_us;
    } rows[] = {
        { "\"count\":3,\"tasks\":-9223372036854775808", "quick 31% 1/3", 20000000 },
        { "\"count\":3,\"tasks\":9223372036854775807", "quick 31% 1/3", 20000000 },
        { "\"count\":3,\"tasks\":1", "quick 31% 1/3", 20000000 },
        { "\"count\":0", "quick 2% 1/0", -1 },  // the list has three
        { "\"count\":-9223372036854775808", "none 0% 1/-1", -1 },
    };
    (void)state;
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        static struct world world;
        struct sr_err err = { 0 };
        char plan[200], shown[64];
        sr_auto(jobs_progress) struct jobs_progress progress = { 0 };
        begin(&world, LIST);
        poll_for(&world, "plan");
        snprintf(plan, sizeof plan, "{\"engine\":\"quick\",\"segments\":{%s}}", rows[i].segments);
        succeed(&world, plan);
        poll_for(&world, "quick-segment");
        sr_clock_fake_advance(&world.fake, 10000000);
        succeed(&world, "{}");
        sr_assert_ok(jobs_progress_read(&world.reader, world.arn, false,
                                        sr_clock_wall_us(&world.fake.clock), &progress, &err),
                     err);
        snprintf(shown, sizeof shown, "%s %d%% %lld/%lld",
                 *progress.engine ? progress.engine : "none", progress.percent,
                 (long long)progress.done, (long long)progress.count);
        assert_string_equal(shown, rows[i].want);
        assert_int_equal(progress.eta_us, rows[i].eta_us);
        end(&world);
    }
}

static void a_segment_fails(void **state)
{
    (void)state;
    static struct world world;
    struct sr_err err = { 0 };
    struct jobs_outcome outcome = { 0 };
    begin(&world, LIST);
    poll_for(&world, "plan");
    succeed(&world, PLAN);
    end_task(&world, "Splitreel.BadInput");
    assert_progress(&world, "quick 2% 0/3 running 0 failed 1: WAITING WAITING FAILED");
    sr_assert_ok(jobs_outcome_read(&world.reader, world.arn, &outcome, &err), err);
    assert_int_equal(outcome.status, ASL_FAILED);
    assert_non_null(outcome.error);
    free(outcome.error);
    free(outcome.cause);
    end(&world);
}

static void nothing_is_there(void **state)
{
    (void)state;
    static struct world world;
    struct sr_err err = { 0 };
    struct jobs_outcome outcome = { 0 };
    begin(&world, LIST);
    snprintf(world.arn, sizeof world.arn, PREFIX ":execution:m:other");
    assert_progress(&world, "none 0% 0/-1 running 0 failed 0:");
    assert_false(is_late(&world));
    sr_assert_ok(jobs_outcome_read(&world.reader, world.arn, &outcome, &err), err);
    assert_false(outcome.is_there);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_plan_to_end),           cmocka_unit_test(renditions_are_spread),
        cmocka_unit_test(spread_renditions_are_done), cmocka_unit_test(a_segment_fails),
        cmocka_unit_test(a_plan_that_lies),           cmocka_unit_test(nothing_is_there),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
