#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/jx.h"
#include "base/test.h"
#include "base/thread.h"
#include "service/audit.h"

struct world {
    char folder[64], path[96];
    struct sr_clock_fake clock;
    struct audit *audit;
};

static void begin(struct world *world, int64_t bytes_max, unsigned kept_count)
{
    struct sr_err err = { 0 };
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/audit.log", world->folder);
    sr_clock_fake_init(&world->clock, 1000000);
    const struct audit_params params = { .path = world->path,
                                         .bytes_max = bytes_max,
                                         .kept_count = kept_count,
                                         .clock = &world->clock.clock };
    sr_assert_ok(audit_open(&params, &world->audit, &err), err);
}

static void end(struct world *world)
{
    audit_close(world->audit);
    sr_test_folder_done(world->folder);
}

static const struct audit_entry entry = { .id = "ID",
                                          .who = "AKID1",
                                          .remote = "127.0.0.1:1",
                                          .operation = "StopExecution",
                                          .arn = "arn:\"quoted\"\n",
                                          .outcome = "OK",
                                          .status = 200,
                                          .duration_us = 1234,
                                          .delivered = true };

// Lines of PATH or PATH.N, each of them JSON; -1: there is no such file.
static int lines_of(const struct world *world, const char *suffix)
{
    char path[128], line[1024];
    struct sr_err err = { 0 };
    int count = 0;
    snprintf(path, sizeof path, "%s%s", world->path, suffix);
    FILE *file = fopen(path, "r");
    if (!file)
        return -1;
    while (fgets(line, sizeof line, file)) {
        json_t *value = NULL;
        sr_assert_ok(jx_parse(line, strlen(line), false, &value, &err), err);
        json_decref(value);
        count++;
    }
    fclose(file);
    return count;
}

static void one_line(void **state)
{
    (void)state;
    struct world world;
    char line[512] = "";
    struct stat stat_of;
    begin(&world, 1 << 20, 2);
    audit_write(world.audit, &entry);
    audit_sync(world.audit);
    FILE *file = fopen(world.path, "r");
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    assert_string_equal(
        line, "{\"time\":\"1970-01-01T00:00:01.000Z\",\"request\":\"ID\",\"who\":\"AKID1\","
              "\"remote\":\"127.0.0.1:1\",\"operation\":\"StopExecution\",\"arn\":\"arn:"
              "\\\"quoted\\\"\\n\",\"outcome\":\"OK\",\"status\":200,\"duration_us\":1234,"
              "\"delivered\":true}\n");
    assert_int_equal(stat(world.path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
    audit_write(world.audit, &(struct audit_entry){ .status = 415 });  // nothing is known
    assert_int_equal(lines_of(&world, ""), 2);
    end(&world);
}

static void rotation(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 1000, 2);  // four lines fit
    for (int i = 0; i < 9; i++)
        audit_write(world.audit, &entry);
    assert_int_equal(lines_of(&world, ""), 1);
    assert_int_equal(lines_of(&world, ".1"), 4);
    assert_int_equal(lines_of(&world, ".2"), 4);
    for (int i = 0; i < 4; i++)
        audit_write(world.audit, &entry);
    assert_int_equal(lines_of(&world, ".2"), 4);
    assert_int_equal(lines_of(&world, ".3"), -1);
    assert_int_equal(audit_lost(world.audit), 0);
    end(&world);
}

static void rotation_without_old_files(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 1000, 0);
    for (int i = 0; i < 6; i++)
        audit_write(world.audit, &entry);
    assert_int_equal(lines_of(&world, ""), 2);
    assert_int_equal(lines_of(&world, ".1"), -1);
    end(&world);
}

static void goes_on_where_it_was(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    begin(&world, 1000, 1);
    for (int i = 0; i < 3; i++)
        audit_write(world.audit, &entry);
    audit_close(world.audit);
    const struct audit_params params = {
        .path = world.path, .bytes_max = 1000, .kept_count = 1, .clock = &world.clock.clock
    };
    sr_assert_ok(audit_open(&params, &world.audit, &err), err);
    audit_write(world.audit, &entry);
    assert_int_equal(lines_of(&world, ""), 4);
    audit_write(world.audit, &entry);
    assert_int_equal(lines_of(&world, ".1"), 4);
    end(&world);
}

// A disk that takes no more: lines are counted as lost, and the next one stands alone again.
static void full_disk(void **state)
{
    (void)state;
    struct world world;
    struct rlimit before, small;
    char line[2048];
    begin(&world, 1 << 20, 1);
    audit_write(world.audit, &entry);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 300;  // in the middle of the second line
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    audit_write(world.audit, &entry);
    audit_write(world.audit, &entry);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(audit_lost(world.audit), 2);
    audit_write(world.audit, &entry);
    assert_int_equal(audit_lost(world.audit), 2);
    FILE *file = fopen(world.path, "r");
    const size_t bytes = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[bytes] = '\0';
    const char *const torn = strchr(line, '\n') + 1;
    assert_memory_equal(strchr(torn, '\n'), "\n{\"time\"", 8);
    assert_int_equal(line[bytes - 1], '\n');
    end(&world);
}

static void write_many(void *arg)
{
    for (int i = 0; i < 200; i++)
        audit_write(arg, &entry);
}

static void many_threads(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    struct sr_thread *threads[4];
    begin(&world, 40000, 8);
    for (size_t i = 0; i < 4; i++)
        sr_assert_ok(sr_thread_start("audit", write_many, world.audit, &threads[i], &err), err);
    for (int i = 0; i < 20; i++)
        audit_sync(world.audit);
    for (size_t i = 0; i < 4; i++)
        sr_thread_join(threads[i]);
    int count = lines_of(&world, "");
    for (int i = 1; i < 8; i++) {
        char suffix[16];
        snprintf(suffix, sizeof suffix, ".%d", i);
        const int more = lines_of(&world, suffix);
        count += more > 0 ? more : 0;
    }
    assert_int_equal(count, 800);
    end(&world);
}

static void no_such_folder(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct audit *audit = NULL;
    const struct audit_params params = { .path = "/nonexistent/audit.log",
                                         .bytes_max = 1000,
                                         .clock = sr_clock_system() };
    sr_assert_fails(audit_open(&params, &audit, &err), SR_ERR_NOT_FOUND, err);
    assert_null(audit);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line),
        cmocka_unit_test(rotation),
        cmocka_unit_test(rotation_without_old_files),
        cmocka_unit_test(goes_on_where_it_was),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(no_such_folder),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
