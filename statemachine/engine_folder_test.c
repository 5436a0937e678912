#include "statemachine/engine_folder.h"

#include "base/io.h"
#include "base/test.h"
#include "base/thread.h"
#include "statemachine/store_sqlite.h"

static const struct row {
    const char *name;
    const char *path;
    bool ok;
} rows[] = {
    { "a file", "a.json", true },
    { "deeper", "a/b/c.json", true },
    { "dots in a name", "a..b/.c", true },
    { "up", "../a", false },
    { "up inside", "a/../../b", false },
    { "here", "./a", false },
    { "from the root", "/etc/passwd", false },
    { "nothing", "", false },
    { "an empty part", "a//b", false },
    { "only up", "..", false },
};

static void names(void **state)
{
    const struct row *row = *state;
    assert_int_equal(engine_folder_name_ok(row->path), row->ok);
}

struct world {
    char folder[64], path[128];
    struct store store;
    struct engine_folder *files;
    struct engine *engine;
    char outcome[1024];
    bool ended;
};

static void open_world(struct world *world)
{
    struct sr_err err = { 0 };
    static struct engine_resource resources[ENGINE_FOLDER_RESOURCES];
    *world = (struct world){ 0 };
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/e.db", world->folder);
    sr_assert_ok(store_sqlite_open(world->path, &world->store, &err), err);
    sr_assert_ok(engine_folder_new(world->folder, &world->files, &err), err);
    engine_folder_resources(world->files, resources);
    const struct engine_params params = { .store = &world->store,
                                          .clock = sr_clock_system(),
                                          .resources = resources,
                                          .resource_count = ENGINE_FOLDER_RESOURCES,
                                          .arn_prefix = "p",
                                          .token_key = "k" };
    sr_assert_ok(engine_new(&params, &world->engine, &err), err);
    engine_folder_attach(world->files, world->engine);
}

static void close_world(struct world *world)
{
    engine_folder_free(world->files);  // its thread has ended before the engine that it answers
    engine_free(world->engine);
    store_close(&world->store);
    sr_test_folder_done(world->folder);
}

static void write_file(struct world *world, const char *name, const char *text)
{
    struct sr_err err = { 0 };
    snprintf(world->path, sizeof world->path, "%s/in", world->folder);
    sr_assert_ok(sr_make_folders(world->path, &err), err);
    snprintf(world->path, sizeof world->path, "%s/in/%s", world->folder, name);
    sr_assert_ok(sr_file_store(world->path, text, strlen(text), &err), err);
}

static void on_end(void *self, const struct engine_outcome *outcome)
{
    struct world *world = self;
    world->ended = true;
    if (outcome)
        snprintf(world->outcome, sizeof world->outcome, "%s %s",
                 outcome->output ? outcome->output : outcome->error,
                 outcome->cause ? outcome->cause : "");
}

static void run(struct world *world, const char *reader, const char *writer)
{
    struct sr_err err = { 0 };
    char text[2048];
    snprintf(
        text, sizeof text,
        "{'StartAt':'M','States':{'M':{'Type':'Map','End':true,'ItemReader':%s,%s'ItemProcessor':{'ProcessorConfig':{'Mode':"
        "'DISTRIBUTED'},'StartAt':'P','States':{'P':{'Type':'Pass','End':true}}}}}}",
        reader, writer);
    sr_test_quotes(text);
    sr_assert_ok(engine_ask(world->engine,
                            &(struct engine_request){
                                .kind = ENGINE_PUT_MACHINE, .name = "m", .text = text },
                            &err),
                 err);
    sr_assert_ok(engine_ask(world->engine,
                            &(struct engine_request){ .kind = ENGINE_START,
                                                      .arn = "p:stateMachine:m",
                                                      .ended = on_end,
                                                      .ended_self = world },
                            &err),
                 err);
    while (!world->ended) {
        bool more;
        sr_assert_ok(engine_step(world->engine, &more, &err), err);
        if (!more && !world->ended)
            engine_wait(world->engine, 1000000);  // the folder's thread wakes it
    }
}

static void reads_and_writes(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    sr_auto(char) char *text = NULL;
    size_t bytes;
    open_world(&world);
    write_file(&world, "x.csv", "a,b\n1,2\n");
    run(&world,
        "{'Resource':'arn:aws:states:::s3:getObject','ReaderConfig':{'InputType':'CSV'},'Parameters':{'Bucket':'in','Key':"
        "'x.csv'}}",
        "'ResultWriter':{'Resource':'arn:aws:states:::s3:putObject','Parameters':{'Bucket':'out','Prefix':'r'}},");
    sr_assert_contains(world.outcome, "\"Bucket\":\"out\"");
    sr_assert_contains(world.outcome, "manifest.json");
    const char *key = strstr(world.outcome, "r/");
    snprintf(world.path, sizeof world.path, "%s/out/%.*s/SUCCEEDED_0.json", world.folder,
             (int)strcspn(key + 2, "/") + 2, key);
    sr_assert_ok(sr_file_load(world.path, 1000, &text, &bytes, &err), err);
    assert_string_equal(text, "[{\"a\":\"1\",\"b\":\"2\"}]");
    close_world(&world);
}

static void lists_by_key(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    write_file(&world, "b.txt", "12");
    write_file(&world, "a.txt", "1");
    write_file(&world, "z.bin", "1");
    run(&world,
        "{'Resource':'arn:aws:states:::s3:listObjectsV2','Parameters':{'Bucket':'in','Prefix':''}}",
        "");
    const char *a = strstr(world.outcome, "a.txt"), *b = strstr(world.outcome, "b.txt"),
               *z = strstr(world.outcome, "z.bin");
    assert_true(a && b && z && a < b && b < z);
    close_world(&world);
}

static void what_is_not_there_or_outside(void **state)
{
    (void)state;
    static const char *const keys[] = { "none.json", "../e.db" };
    for (size_t i = 0; i < 2; i++) {
        struct world world;
        char reader[256];
        open_world(&world);
        write_file(&world, "x", "");
        snprintf(
            reader, sizeof reader,
            "{'Resource':'arn:aws:states:::s3:getObject','Parameters':{'Bucket':'in','Key':'%s'}}",
            keys[i]);
        run(&world, reader, "");
        sr_assert_contains(world.outcome, "States.ItemReaderFailed");
        close_world(&world);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 3];
    size_t count = SR_TEST_ADD(tests, rows, names);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(reads_and_writes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(lists_by_key);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_is_not_there_or_outside);
    return sr_test_run(__FILE__, tests, count);
}
