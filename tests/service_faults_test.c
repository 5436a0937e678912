// The service when its disk is full, fails, is busy or damaged, as its clients see it: new work is
// refused with the reason, what was acknowledged stays, and it goes on by itself.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "statemachine/store_sqlite.h"
#include "tests/faulty_vfs.h"
#include "tests/served.h"

#define WAIT                                                                                       \
    "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":90,\"End\":true}}}"
#define MACHINE SERVED_PREFIX ":stateMachine:m"

enum { TRIES_MAX = 2000, PAGE_BYTES = 4096 };

static const struct row {
    const char *name;
    unsigned calls;
    enum faulty_vfs_fault fault;
    int status;
    const char *type, *message;
    bool reads_fail;  // else what is there can be read meanwhile
} rows[] = {
    { "the disk is full", FAULTY_VFS_WRITE, FAULTY_VFS_FULL, 500, "InternalFailure", "is full",
      false },
    { "writing fails", FAULTY_VFS_WRITE, FAULTY_VFS_IO, 500, "InternalFailure", "I/O error",
      false },
    { "syncing fails", FAULTY_VFS_SYNC, FAULTY_VFS_IO, 500, "InternalFailure", "I/O error", false },
    { "another process holds the lock", FAULTY_VFS_LOCK, FAULTY_VFS_BUSY, 400,
      "ThrottlingException", "locked", false },
    { "locking fails", FAULTY_VFS_LOCK, FAULTY_VFS_IO, 500, "InternalFailure", "I/O error", true },
};

static json_t *start_of(const char *name)
{
    return json_pack("{s:s, s:s, s:s}", "stateMachineArn", MACHINE, "name", name, "input", "7");
}

static void check_call(struct served *served, const char *op, json_t *request)
{
    sr_auto(served_answer) struct served_answer answer = { 0 };
    served_call(served, op, request, &answer);
    if (answer.status != 200)
        fail_msg("%s: %d %s", op, answer.status,
                 json_string_value(json_object_get(answer.body, "message")));
}

static void check_status(struct served *served, const char *name, const char *want)
{
    sr_auto(served_answer) struct served_answer answer = { 0 };
    char arn[128];
    (void)snprintf(arn, sizeof arn, SERVED_PREFIX ":execution:m:%s", name);
    served_call(served, "DescribeExecution", json_pack("{s:s}", "executionArn", arn), &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(json_string_value(json_object_get(answer.body, "status")), want);
}

static void check_refused(struct served *served, const struct row *row, const char *op,
                          json_t *request)
{
    sr_auto(served_answer) struct served_answer answer = { 0 };
    served_call(served, op, request, &answer);
    assert_int_equal(answer.status, row->status);
    sr_assert_contains(json_string_value(json_object_get(answer.body, "__type")), row->type);
    sr_assert_contains(json_string_value(json_object_get(answer.body, "message")), row->message);
}

// The service sees by itself that the store is well again: nobody tells it.
static void wait_until_well(struct served *served)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        if (served_get(served, "/healthz") == 200)
            return;
    }
    fail_msg("it does not recover");
}

static void make_machine(struct served *served)
{
    served_make(served);
    assert_true(served_start(served));
    check_call(served, "CreateStateMachine",
               json_pack("{s:s, s:s, s:s}", "name", "m", "definition", WAIT, "roleArn",
                         "arn:aws:iam::123456789012:role/r"));
    check_call(served, "StartExecution", start_of("before"));
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct served served;
    faulty_vfs_set((struct faulty_vfs_plan){ 0 });
    make_machine(&served);
    faulty_vfs_set((struct faulty_vfs_plan){ .calls = row->calls, .at = 1, .fault = row->fault });
    for (int i = 0; i < 3; i++)
        check_refused(&served, row, "StartExecution", start_of("during"));
    check_refused(&served, row, "CreateStateMachine",
                  json_pack("{s:s, s:s, s:s}", "name", "n", "definition", WAIT, "roleArn",
                            "arn:aws:iam::123456789012:role/r"));
    assert_true(faulty_vfs_faults() > 0);
    // What is due meanwhile stays due.
    sr_clock_fake_advance(served.clock, INT64_C(100000000));
    check_refused(&served, row, "StartExecution", start_of("during"));
    if (!row->reads_fail)
        check_status(&served, "before", "RUNNING");
    faulty_vfs_set((struct faulty_vfs_plan){ 0 });
    wait_until_well(&served);
    check_call(&served, "StartExecution", start_of("during"));
    check_status(&served, "during", "RUNNING");
    check_status(&served, "before", "SUCCEEDED");
    served_kill(&served);
    assert_true(served_start(&served));
    check_status(&served, "before", "SUCCEEDED");
    sr_clock_fake_advance(served.clock, INT64_C(100000000));
    wait_until_well(&served);
    check_status(&served, "during", "SUCCEEDED");
    served_remove(&served);
}

// --- damage ---

static void damage(const char *path, off_t page)
{
    uint8_t bytes[PAGE_BYTES];
    memset(bytes, 0xA5, sizeof bytes);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, page * PAGE_BYTES), sizeof bytes);
    assert_int_equal(close(fd), 0);
}

static void keep(const char *folder)
{
    char command[256];
    (void)snprintf(command, sizeof command, "cd '%s' && cp state/states.db kept.db", folder);
    assert_int_equal(system(command), 0);
}

static void restore(const char *folder)
{
    char command[256];
    (void)snprintf(command, sizeof command,
                   "cd '%s' && rm -f state/states.db-* && cp kept.db state/states.db", folder);
    assert_int_equal(system(command), 0);
}

// True when the damage was met: it does not start, or refuses; each with a reason. Else all is as
// it was.
static bool plays_damaged(struct served *served)
{
    if (!served_start(served)) {
        assert_true(served->said[0] == '!' && served->said[1]);
        return true;
    }
    sr_auto(served_answer) struct served_answer before = { 0 }, after = { 0 };
    served_call(served, "DescribeExecution",
                json_pack("{s:s}", "executionArn", SERVED_PREFIX ":execution:m:before"), &before);
    served_call(served, "StartExecution", start_of("after"), &after);
    const struct served_answer *const answers[] = { &before, &after };
    bool met = false;
    for (size_t i = 0; i < SR_TEST_COUNT(answers); i++) {
        if (answers[i]->status == 200)
            continue;
        met = true;
        assert_true(answers[i]->status == 500 || answers[i]->status == 503);
        assert_true(*json_string_value(json_object_get(answers[i]->body, "message")));
    }
    if (!met)
        assert_string_equal(json_string_value(json_object_get(before.body, "status")), "RUNNING");
    served_kill(served);
    return met;
}

static void pages_damaged(void **state)
{
    (void)state;
    struct served served;
    struct stat info;
    char path[96];
    size_t met = 0, played = 0;
    faulty_vfs_set((struct faulty_vfs_plan){ 0 });
    make_machine(&served);
    served_kill(&served);
    // Opened once more and left in order, so that all of it is in the one file.
    (void)snprintf(path, sizeof path, "%s/state/states.db", served.folder);
    struct store store;
    struct sr_err err = { 0 };
    sr_assert_ok(store_sqlite_open(path, &store, &err), err);
    store_close(&store);
    keep(served.folder);
    assert_int_equal(stat(path, &info), 0);
    for (off_t page = 0; page < info.st_size / PAGE_BYTES; page++) {
        restore(served.folder);
        damage(path, page);
        met += plays_damaged(&served);
        played++;
    }
    print_message("%zu of %zu pages met\n", met, played);
    assert_true(met > played / 4);
    // The same without the damage is as it was.
    restore(served.folder);
    assert_false(plays_damaged(&served));
    served_remove(&served);
}

static int install(void **state)
{
    (void)state;
    faulty_vfs_install();
    faulty_vfs_share();
    return 0;
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(pages_damaged);
    return _cmocka_run_group_tests(__FILE__, tests, count, install, NULL);
}
