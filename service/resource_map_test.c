// Distributed maps whose items and results are in folders and in a store, in an engine of their
// own.
#include <stdatomic.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "net/http_fake.h"
#include "service/resources.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"
#include "storage/blob_stores.h"

struct world {
    char folder[64], place[96];
    const char *places[4];
    struct store store;
    struct resources *resources;
    struct engine *engine;
    struct http_fake *fake;
    const char *environment[3][2];
    struct sr_mutex lock;
    struct sr_str seen;  // under `lock`: what the store got
    atomic_uint busy;    // so many requests are refused
    bool others_asked;
    bool ended;
    char *output, *error, *cause;
};

// The store -------------------------------------------------------------------------------------

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    static const char items[] = "[{\"segment\":1},{\"segment\":0}]";
    struct world *const world = self;
    struct sr_err err = { 0 };
    const char *const mark =
        http_header_find(request->headers, request->header_count, "x-amz-meta-splitreel-job");
    sr_lock(&world->lock);
    if (!sr_str_addf(&world->seen, &err, "%s %s%s %.*s\n", request->method, request->target,
                     mark ? " marked" : "", (int)request->body_bytes,
                     request->body_bytes ? request->body : ""))
        abort();
    sr_unlock(&world->lock);
    if (atomic_load(&world->busy) > 0) {
        atomic_fetch_sub(&world->busy, 1);
        http_fake_text(reply, 503, "<Error><Code>SlowDown</Code></Error>");
    } else if (strcmp(request->method, "PUT") == 0) {
        http_fake_text(reply, 200, "");
    } else if (strstr(request->target, "denied")) {
        http_fake_text(reply, 403, "<Error><Code>AccessDenied</Code></Error>");
    } else if (strstr(request->target, "large")) {
        http_fake_text(reply, 200, "");
        snprintf(reply->headers, sizeof reply->headers, "Content-Length: %d\r\nETag: \"e\"\r\n",
                 RESOURCES_ITEMS_BYTES + 1);
        return;
    } else if (strstr(request->target, "segments.json")) {
        http_fake_text(reply, 200, items);
    } else {
        http_fake_text(reply, 404, "<Error><Code>NoSuchKey</Code></Error>");
    }
    snprintf(reply->headers, sizeof reply->headers, "ETag: \"e\"\r\n");
}

static const char *environment(void *self, const char *name)
{
    const struct world *const world = self;
    for (size_t i = 0; i < SR_TEST_COUNT(world->environment); i++) {
        if (strcmp(world->environment[i][0], name) == 0)
            return world->environment[i][1];
    }
    return NULL;
}

// A world ---------------------------------------------------------------------------------------

// Who takes the other places, in the test's words.
static bool other(void *self, const struct engine_task *task, struct sr_err *err)
{
    struct world *const world = self;
    world->others_asked = true;
    return engine_answer(world->engine, task->ref, "[7]", err);
}

static void open_world(struct world *world, bool has_others)
{
    struct sr_err err = { 0 };
    static struct engine_resource rows[RESOURCES_ROWS];
    static struct engine_resource others[1];
    char path[128];
    *world = (struct world){ 0 };
    sr_test_folder(world->folder);
    snprintf(world->place, sizeof world->place, "%s/jobs", world->folder);
    world->places[0] = world->place;
    world->places[1] = "s3://parts/jobs/";
    sr_assert_ok(sr_mutex_init(&world->lock, &err), err);
    sr_assert_ok(http_fake_new(answer, world, &world->fake, &err), err);
    const char *const variables[][2] = { { "AWS_ACCESS_KEY_ID", "AKID" },
                                         { "AWS_SECRET_ACCESS_KEY", "secret" },
                                         { "AWS_ENDPOINT_URL", http_fake_url(world->fake) } };
    memcpy(world->environment, variables, sizeof variables);
    others[0] = (struct engine_resource){ "arn:aws:states:::s3:getObject", other, NULL, world };
    const struct blob_stores_params stores = { .env = environment, .env_self = world };
    const struct resources_params params = {
        .map_places = world->places, .stores = &stores, .others = others, .other_count = has_others
    };
    sr_assert_ok(resources_new(&params, &world->resources, &err), err);
    resources_rows(world->resources, rows);
    snprintf(path, sizeof path, "%s/engine.db", world->folder);
    sr_assert_ok(store_sqlite_open(path, &world->store, &err), err);
    const struct engine_params engine = { .store = &world->store,
                                          .clock = sr_clock_system(),
                                          .resources = rows,
                                          .resource_count = RESOURCES_ROWS,
                                          .arn_prefix = "p",
                                          .token_key = "k" };
    sr_assert_ok(engine_new(&engine, &world->engine, &err), err);
    resources_attach(world->resources, world->engine);
}

static void close_world(struct world *world)
{
    resources_free(world->resources);
    engine_free(world->engine);
    store_close(&world->store);
    http_fake_free(world->fake);
    sr_mutex_done(&world->lock);
    sr_str_done(&world->seen);
    free(world->output);
    free(world->error);
    free(world->cause);
    sr_test_folder_done(world->folder);
}

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static void on_end(void *self, const struct engine_outcome *outcome)
{
    struct world *const world = self;
    world->ended = true;
    if (!outcome)
        return;
    world->output = copy(outcome->output);
    world->error = copy(outcome->error);
    world->cause = copy(outcome->cause);
}

static void begin(struct world *world, const char *bucket, const char *key, const char *prefix)
{
    struct sr_err err = { 0 };
    char text[2048], writer[512] = "";
    if (prefix)
        snprintf(writer, sizeof writer,
                 "'ResultWriter':{'Resource':'arn:aws:states:::s3:putObject',"
                 "'Parameters':{'Bucket':'%s','Prefix':'%s'}},",
                 bucket, prefix);
    snprintf(text, sizeof text,
             "{'StartAt':'M','States':{'M':{'Type':'Map','End':true,'ItemReader':{'Resource':"
             "'arn:aws:states:::s3:getObject','Parameters':{'Bucket':'%s','Key':'%s'}},%s"
             "'ItemProcessor':{'ProcessorConfig':{'Mode':'DISTRIBUTED'},'StartAt':'P','States':{"
             "'P':{'Type':'Pass','End':true}}}}}}",
             bucket, key, writer);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    free(world->output);
    free(world->error);
    free(world->cause);
    world->output = world->error = world->cause = NULL;
    world->ended = false;
    const struct engine_request put = { .kind = ENGINE_PUT_MACHINE, .name = "m", .text = text };
    const struct engine_request start = {
        .kind = ENGINE_START, .arn = "p:stateMachine:m", .ended = on_end, .ended_self = world
    };
    sr_assert_ok(engine_ask(world->engine, &put, &err), err);
    sr_assert_ok(engine_ask(world->engine, &start, &err), err);
}

static void step(struct world *world)
{
    struct sr_err err = { 0 };
    bool more;
    sr_assert_ok(engine_step(world->engine, &more, &err), err);
    if (!more && !world->ended)
        engine_wait(world->engine, 1000000);  // an answer wakes it
}

static void run(struct world *world, const char *bucket, const char *key, const char *prefix)
{
    begin(world, bucket, key, prefix);
    while (!world->ended)
        step(world);
}

static void write_file(const struct world *world, const char *name, const char *text)
{
    struct sr_err err = { 0 };
    char path[256];
    snprintf(path, sizeof path, "%s/jobs/1", world->folder);
    sr_assert_ok(sr_make_folders(path, &err), err);
    snprintf(path, sizeof path, "%s/jobs/1/%s", world->folder, name);
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
}

// Folders ---------------------------------------------------------------------------------------

static void a_workspace_in_a_folder(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *output = NULL;
    size_t bytes;
    char bucket[128], path[512];
    open_world(&world, false);
    write_file(&world, "segments.json", "[{\"segment\":4},{\"segment\":2}]");
    snprintf(bucket, sizeof bucket, "%s/1", world.place);
    run(&world, bucket, "segments.json", NULL);
    assert_string_equal(world.output, "[{\"segment\":4},{\"segment\":2}]");
    run(&world, bucket, "segments.json", "results");
    assert_null(world.error);
    sr_assert_ok(jx_parse(world.output, strlen(world.output), false, &output, &err), err);
    const json_t *const details = json_object_get(output, "ResultWriterDetails");
    assert_string_equal(json_string_value(json_object_get(details, "Bucket")), bucket);
    const char *const key = json_string_value(json_object_get(details, "Key"));
    snprintf(path, sizeof path, "%s/%.*s/SUCCEEDED_0.json", bucket, (int)(strrchr(key, '/') - key),
             key);
    sr_assert_ok(sr_file_load(path, 1000, &text, &bytes, &err), err);
    assert_string_equal(text, "[{\"segment\":4},{\"segment\":2}]");
    free(sr_take(text));
    snprintf(path, sizeof path, "%s/%s", bucket, key);
    sr_assert_ok(sr_file_load(path, 1000, &text, &bytes, &err), err);
    sr_assert_contains(text, "SUCCEEDED_0.json");
    assert_int_equal(world.seen.bytes, 0);
    close_world(&world);
}

static void items_that_cannot_be_read(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *key, *cause;
    } rows[] = {
        { "jobs/1", "absent.json", "Status Code: 404; Error Code: NoSuchKey" },
        { "jobs/2", "segments.json", "Error Code: NoSuchKey" },
        { "jobs/1", "broken.json", "line 1" },
        { "jobs/1", "number.json", "neither an array nor an object" },
        { "jobs/1", "../1/segments.json", "Status Code: 403; Error Code: AccessDenied" },
        { "jobs/1/../1", "segments.json", "Error Code: AccessDenied" },
        { "other", "segments.json", "Error Code: AccessDenied" },
        { "jobs/1", "", "Error Code: AccessDenied" },
    };
    struct world world;
    char bucket[128];
    open_world(&world, true);  // what is a folder is never asked of others
    write_file(&world, "segments.json", "[]");
    write_file(&world, "broken.json", "[1");
    write_file(&world, "number.json", "1");
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        snprintf(bucket, sizeof bucket, "%s/%s", world.folder, rows[i].folder);
        run(&world, bucket, rows[i].key, NULL);
        assert_non_null(world.error);
        assert_string_equal(world.error, "States.ItemReaderFailed");
        sr_assert_contains(world.cause, rows[i].cause);
    }
    assert_false(world.others_asked);
    close_world(&world);
}

static void results_that_cannot_be_written(void **state)
{
    (void)state;
    struct world world;
    char bucket[128];
    open_world(&world, false);
    write_file(&world, "segments.json", "[1]");
    write_file(&world, "taken", "a file");
    snprintf(bucket, sizeof bucket, "%s/1", world.place);
    run(&world, bucket, "segments.json", "../../out");
    assert_string_equal(world.error, "States.ResultWriterFailed");
    sr_assert_contains(world.cause, "Error Code: AccessDenied");
    run(&world, bucket, "segments.json", "taken");
    assert_string_equal(world.error, "States.ResultWriterFailed");
    close_world(&world);
}

// Stores ----------------------------------------------------------------------------------------

static void a_workspace_in_a_store(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, true);
    atomic_store(&world.busy, 1);
    run(&world, "parts", "jobs/1/segments.json", "jobs/1/results");
    assert_null(world.error);
    sr_assert_contains(world.output, "\"Bucket\":\"parts\",\"Key\":\"jobs/1/results/");
    sr_assert_contains(world.seen.text, "GET /parts/jobs/1/segments.json");
    const char *const results = strstr(world.seen.text, "SUCCEEDED_0.json marked [{\"segment\":1}");
    assert_non_null(results);
    sr_assert_contains(results, "manifest.json marked {\"DestinationBucket\":\"parts\"");
    assert_false(world.others_asked);
    close_world(&world);
}

static void a_store_that_says_no(void **state)
{
    (void)state;
    static const struct {
        const char *key, *cause;
    } rows[] = {
        { "jobs/1/absent", "Status Code: 404; Error Code: NoSuchKey" },
        { "jobs/1/denied", "Status Code: 403; Error Code: AccessDenied" },
        { "jobs/1/large", "more than 67108864 bytes" },
    };
    struct world world;
    open_world(&world, false);
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        run(&world, "parts", rows[i].key, NULL);
        assert_non_null(world.error);
        assert_string_equal(world.error, "States.ItemReaderFailed");
        sr_assert_contains(world.cause, rows[i].cause);
    }
    const size_t bytes = world.seen.bytes;
    run(&world, "parts", "elsewhere/segments.json", NULL);
    sr_assert_contains(world.cause, "in no workspace of jobs");
    run(&world, "secret", "jobs/1/segments.json", NULL);
    sr_assert_contains(world.cause, "Error Code: AccessDenied");
    assert_int_equal(world.seen.bytes, bytes);  // nobody was asked
    close_world(&world);
}

static void other_places(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, true);
    run(&world, "parts", "elsewhere/segments.json", NULL);
    assert_true(world.others_asked);
    assert_string_equal(world.output, "[7]");
    close_world(&world);
}

// The store is never there: the end does not wait for its attempts.
static void ended_at_work(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, false);
    atomic_store(&world.busy, 1000000);
    begin(&world, "parts", "jobs/1/segments.json", NULL);
    while (atomic_load(&world.busy) == 1000000)
        step(&world);
    assert_null(world.output);
    assert_null(world.error);
    close_world(&world);
    assert_in_range(1000000 - atomic_load(&world.busy), 1, RESOURCES_STORE_ATTEMPTS - 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workspace_in_a_folder),
        cmocka_unit_test(items_that_cannot_be_read),
        cmocka_unit_test(results_that_cannot_be_written),
        cmocka_unit_test(a_workspace_in_a_store),
        cmocka_unit_test(a_store_that_says_no),
        cmocka_unit_test(other_places),
        cmocka_unit_test(ended_at_work),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
