#include "service/watch.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"

struct world {
    char folder[64], in[96];
    struct sr_clock_fake clock;
    struct config_texts outputs;
    struct watch *watch;
    char told[1024];  // keys, one each line
    unsigned refuse;  // so many tellings
    char identity[512];
};

static bool tell(void *self, const char *identity, const json_t *document, struct sr_err *err)
{
    struct world *world = self;
    const json_t *const detail = json_object_get(document, "detail");
    const char *const key =
        json_string_value(json_object_get(json_object_get(detail, "object"), "key"));
    const size_t at = strlen(world->told);
    if (world->refuse) {
        world->refuse--;
        return sr_fail(err, SR_ERR_BUSY, "not now");
    }
    snprintf(world->told + at, sizeof world->told - at, "%s\n", key);
    snprintf(world->identity, sizeof world->identity, "%s", identity);
    return true;
}

static void open_watch(struct world *world)
{
    struct sr_err err = { 0 };
    const struct watch_params params = { .folder = world->in,
                                         .outputs = &world->outputs,
                                         .clock = &world->clock.clock,
                                         .tell = tell,
                                         .self = world };
    sr_assert_ok(watch_new(&params, &world->watch, &err), err);
}

static void begin(struct world *world)
{
    *world = (struct world){ 0 };
    sr_test_folder(world->folder);
    snprintf(world->in, sizeof world->in, "%s/in", world->folder);
    assert_int_equal(mkdir(world->in, 0700), 0);
    sr_clock_fake_init(&world->clock, INT64_C(1795342741000000));
}

static void end(struct world *world)
{
    watch_free(world->watch);
    sr_test_folder_done(world->folder);
}

static FILE *open_file(const struct world *world, const char *name)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s", world->in, name);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    return file;
}

static void put(const struct world *world, const char *name)
{
    FILE *file = open_file(world, name);
    assert_true(fputs("data", file) >= 0);
    assert_int_equal(fclose(file), 0);
}

// What is told when so much time has passed.
static const char *pass(struct world *world, int64_t us)
{
    struct sr_err err = { 0 };
    int64_t wait_us;
    sr_assert_ok(watch_step(world->watch, &wait_us, &err), err);
    world->told[0] = '\0';
    sr_clock_fake_advance(&world->clock, us);
    sr_assert_ok(watch_step(world->watch, &wait_us, &err), err);
    return world->told;
}

static void closed_and_settled(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    open_watch(&world);
    FILE *file = open_file(&world, "a b\xc3\xbc.mp4");
    assert_true(fputs("da", file) >= 0 && fflush(file) == 0);
    assert_string_equal(pass(&world, 60 * WATCH_SETTLE_US), "");  // it is open still
    assert_true(fputs("ta", file) >= 0 && fclose(file) == 0);
    assert_string_equal(pass(&world, WATCH_SETTLE_US - 1), "");
    assert_string_equal(pass(&world, 1), "a b\xc3\xbc.mp4\n");
    assert_string_equal(pass(&world, 60 * WATCH_SETTLE_US), "");  // once
    end(&world);
}

static void opened_again(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    open_watch(&world);
    put(&world, "a.mp4");
    assert_string_equal(pass(&world, WATCH_SETTLE_US - 1), "");
    FILE *file = open_file(&world, "a.mp4");  // somebody goes on writing
    assert_true(fputs("more", file) >= 0 && fflush(file) == 0);
    assert_string_equal(pass(&world, 1), "");
    assert_int_equal(fclose(file), 0);
    assert_string_equal(pass(&world, WATCH_SETTLE_US - 1), "");
    assert_string_equal(pass(&world, 1), "a.mp4\n");
    end(&world);
}

static void renamed_into_place(void **state)
{
    (void)state;
    struct world world;
    char from[192], to[192];
    begin(&world);
    open_watch(&world);
    put(&world, ".a.mp4.part");
    assert_string_equal(pass(&world, 60 * WATCH_SETTLE_US), "");
    snprintf(from, sizeof from, "%s/.a.mp4.part", world.in);
    snprintf(to, sizeof to, "%s/a.mp4", world.in);
    assert_int_equal(rename(from, to), 0);
    assert_string_equal(pass(&world, WATCH_SETTLE_US), "a.mp4\n");
    end(&world);
}

static void make_folder(const struct world *world, const char *name)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s", world->in, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void folders_inside(void **state)
{
    (void)state;
    struct world world;
    char from[192], to[192];
    begin(&world);
    make_folder(&world, "old");
    make_folder(&world, ".hidden");
    open_watch(&world);
    put(&world, "old/a.mp4");
    put(&world, ".hidden/b.mp4");
    put(&world, "old/report.json.77-0.part");
    assert_string_equal(pass(&world, WATCH_SETTLE_US), "old/a.mp4\n");
    make_folder(&world, "new");
    make_folder(&world, "new/er");
    put(&world, "new/er/c.mp4");  // before we know of the folder: found by looking
    assert_string_equal(pass(&world, WATCH_SETTLE_OPEN_US), "new/er/c.mp4\n");
    put(&world, "new/er/d.mp4");
    assert_string_equal(pass(&world, WATCH_SETTLE_US), "new/er/d.mp4\n");
    // a folder under another name: new files have the new one
    snprintf(from, sizeof from, "%s/old", world.in);
    snprintf(to, sizeof to, "%s/older", world.in);
    assert_int_equal(rename(from, to), 0);
    assert_string_equal(pass(&world, 0), "");
    put(&world, "older/e.mp4");
    sr_assert_contains(pass(&world, WATCH_SETTLE_OPEN_US), "older/e.mp4\n");
    end(&world);
}

static void what_is_there_already(void **state)
{
    (void)state;
    struct world world;
    char first[512];
    begin(&world);
    put(&world, "a.mp4");
    open_watch(&world);
    assert_string_equal(pass(&world, WATCH_SETTLE_OPEN_US - 1), "");
    assert_string_equal(pass(&world, 1), "a.mp4\n");
    memcpy(first, world.identity, sizeof first);
    watch_free(sr_take(world.watch));
    open_watch(&world);  // told again, under the same identity
    assert_string_equal(pass(&world, WATCH_SETTLE_OPEN_US), "a.mp4\n");
    assert_string_equal(world.identity, first);
    put(&world, "a.mp4");  // longer now
    assert_string_equal(pass(&world, WATCH_SETTLE_OPEN_US), "a.mp4\n");
    assert_string_not_equal(world.identity, first);
    end(&world);
}

static void nobody_takes_it(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    open_watch(&world);
    world.refuse = 1;
    put(&world, "a.mp4");
    assert_string_equal(pass(&world, WATCH_SETTLE_US), "");
    assert_int_equal(world.refuse, 0);
    assert_string_equal(pass(&world, 1000000), "a.mp4\n");
    end(&world);
}

static void left_out(void **state)
{
    (void)state;
    struct world world;
    char path[192], place[192];
    char *list[] = { place, NULL };
    begin(&world);
    snprintf(place, sizeof place, "%s/out/", world.in);
    world.outputs = (struct config_texts){ list, 1 };
    make_folder(&world, "out");
    open_watch(&world);
    put(&world, "out/a.mp4");
    put(&world, "gone.mp4");
    snprintf(path, sizeof path, "%s/link.mp4", world.in);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/pipe.mp4", world.in);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_string_equal(pass(&world, 0), "");
    snprintf(path, sizeof path, "%s/gone.mp4", world.in);
    assert_int_equal(unlink(path), 0);
    assert_string_equal(pass(&world, 60 * WATCH_SETTLE_US), "");
    end(&world);
}

static void no_folder(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    struct watch *watch;
    begin(&world);
    put(&world, "file");
    struct watch_params params = { .folder = "/nowhere/at/all", .clock = &world.clock.clock };
    sr_assert_fails(watch_new(&params, &watch, &err), SR_ERR_NOT_FOUND, err);
    char path[192];
    snprintf(path, sizeof path, "%s/file", world.in);
    params.folder = path;
    sr_assert_fails(watch_new(&params, &watch, &err), SR_ERR_INVALID, err);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_and_settled),
        cmocka_unit_test(opened_again),
        cmocka_unit_test(renamed_into_place),
        cmocka_unit_test(folders_inside),
        cmocka_unit_test(what_is_there_already),
        cmocka_unit_test(nobody_takes_it),
        cmocka_unit_test(left_out),
        cmocka_unit_test(no_folder),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
