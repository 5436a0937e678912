// Distributed maps whose items and results are in folders and in a store, in an engine of their
// own.
#include "service/resources.h"

#include "base/io.h"
#include "service/resources_world.h"
#include "storage/blob_stores.h"

struct world {
    struct resources_world inner;
    char place[96];
    const char *places[4];
    const char *environment[3][2];
    atomic_uint busy;  // so many requests are refused
    bool others_asked;
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
    sr_lock(&world->inner.lock);
    if (!sr_str_addf(&world->inner.seen, &err, "%s %s%s %.*s\n", request->method, request->target,
                     mark ? " marked" : "", (int)request->body_bytes,
                     request->body_bytes ? request->body : ""))
        abort();
    sr_unlock(&world->inner.lock);
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
    return engine_answer(world->inner.engine, task->ref, "[7]", err);
}

static void open_world(struct world *world, bool has_others)
{
    static struct engine_resource others[1];
    *world = (struct world){ 0 };
    resources_world_open(&world->inner, answer, world);
    snprintf(world->place, sizeof world->place, "%s/jobs", world->inner.folder);
    world->places[0] = world->place;
    world->places[1] = "s3://parts/jobs/";
    const char *const variables[][2] = { { "AWS_ACCESS_KEY_ID", "AKID" },
                                         { "AWS_SECRET_ACCESS_KEY", "secret" },
                                         { "AWS_ENDPOINT_URL", http_fake_url(world->inner.fake) } };
    memcpy(world->environment, variables, sizeof variables);
    others[0] = (struct engine_resource){ "arn:aws:states:::s3:getObject", other, NULL, world };
    const struct blob_stores_params stores = { .env = environment, .env_self = world };
    const struct resources_params params = {
        .map_places = world->places, .stores = &stores, .others = others, .other_count = has_others
    };
    resources_world_attach(&world->inner, &params);
}

static void begin(struct world *world, const char *bucket, const char *key, const char *prefix)
{
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
    world_begin(&world->inner, text, "{}");
}

static void run(struct world *world, const char *bucket, const char *key, const char *prefix)
{
    begin(world, bucket, key, prefix);
    world_finish(&world->inner);
}

static void write_file(const struct world *world, const char *name, const char *text)
{
    struct sr_err err = { 0 };
    char path[256];
    snprintf(path, sizeof path, "%s/jobs/1", world->inner.folder);
    sr_assert_ok(sr_make_folders(path, &err), err);
    snprintf(path, sizeof path, "%s/jobs/1/%s", world->inner.folder, name);
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
    assert_string_equal(world.inner.output, "[{\"segment\":4},{\"segment\":2}]");
    run(&world, bucket, "segments.json", "results");
    assert_null(world.inner.error);
    sr_assert_ok(jx_parse(world.inner.output, strlen(world.inner.output), false, &output, &err),
                 err);
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
    assert_int_equal(world.inner.seen.bytes, 0);
    resources_world_close(&world.inner);
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
        snprintf(bucket, sizeof bucket, "%s/%s", world.inner.folder, rows[i].folder);
        run(&world, bucket, rows[i].key, NULL);
        assert_non_null(world.inner.error);
        assert_string_equal(world.inner.error, "States.ItemReaderFailed");
        sr_assert_contains(world.inner.cause, rows[i].cause);
    }
    assert_false(world.others_asked);
    resources_world_close(&world.inner);
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
    assert_string_equal(world.inner.error, "States.ResultWriterFailed");
    sr_assert_contains(world.inner.cause, "Error Code: AccessDenied");
    run(&world, bucket, "segments.json", "taken");
    assert_string_equal(world.inner.error, "States.ResultWriterFailed");
    resources_world_close(&world.inner);
}

// Stores ----------------------------------------------------------------------------------------

static void a_workspace_in_a_store(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, true);
    atomic_store(&world.busy, 1);
    run(&world, "parts", "jobs/1/segments.json", "jobs/1/results");
    assert_null(world.inner.error);
    sr_assert_contains(world.inner.output, "\"Bucket\":\"parts\",\"Key\":\"jobs/1/results/");
    sr_assert_contains(world.inner.seen.text, "GET /parts/jobs/1/segments.json");
    const char *const results =
        strstr(world.inner.seen.text, "SUCCEEDED_0.json marked [{\"segment\":1}");
    assert_non_null(results);
    sr_assert_contains(results, "manifest.json marked {\"DestinationBucket\":\"parts\"");
    assert_false(world.others_asked);
    resources_world_close(&world.inner);
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
        assert_non_null(world.inner.error);
        assert_string_equal(world.inner.error, "States.ItemReaderFailed");
        sr_assert_contains(world.inner.cause, rows[i].cause);
    }
    const size_t bytes = world.inner.seen.bytes;
    run(&world, "parts", "elsewhere/segments.json", NULL);
    sr_assert_contains(world.inner.cause, "in no workspace of jobs");
    run(&world, "secret", "jobs/1/segments.json", NULL);
    sr_assert_contains(world.inner.cause, "Error Code: AccessDenied");
    assert_int_equal(world.inner.seen.bytes, bytes);  // nobody was asked
    resources_world_close(&world.inner);
}

static void other_places(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, true);
    run(&world, "parts", "elsewhere/segments.json", NULL);
    assert_true(world.others_asked);
    assert_string_equal(world.inner.output, "[7]");
    resources_world_close(&world.inner);
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
        world_step(&world.inner);
    assert_null(world.inner.output);
    assert_null(world.inner.error);
    resources_world_close(&world.inner);
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
