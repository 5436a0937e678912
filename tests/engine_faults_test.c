// A store whose disk is full, fails, is busy or damaged: new work is refused with the reason,
// nothing that was acknowledged is lost, and the engine goes on when the fault ends.
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "tests/faulty_vfs.h"
#include "tests/flows.h"

enum { FAULTY_SECONDS = 3 };

static struct flows_end undisturbed[FLOWS_COUNT];

static int play_undisturbed(void **state)
{
    (void)state;
    struct flows flows;
    faulty_vfs_install();
    flows_make(&flows);
    assert_true(flows_open(&flows, 0));
    assert_true(flows_play(&flows));
    flows_ends(&flows, undisturbed);
    flows_close(&flows);
    flows_remove(&flows);
    return 0;
}

static int forget_undisturbed(void **state)
{
    (void)state;
    flows_ends_done(undisturbed);
    return 0;
}

static const struct row {
    const char *name;
    unsigned calls;
    enum faulty_vfs_fault fault;
    enum sr_err_code code;
    const char *message;
} rows[] = {
    { "the disk is full", FAULTY_VFS_WRITE, FAULTY_VFS_FULL, SR_ERR_STORAGE, "is full" },
    { "writing fails", FAULTY_VFS_WRITE, FAULTY_VFS_IO, SR_ERR_STORAGE, "I/O error" },
    { "syncing fails", FAULTY_VFS_SYNC, FAULTY_VFS_IO, SR_ERR_STORAGE, "I/O error" },
    { "another process holds the lock", FAULTY_VFS_LOCK, FAULTY_VFS_BUSY, SR_ERR_BUSY, "locked" },
    { "locking fails", FAULTY_VFS_LOCK, FAULTY_VFS_IO, SR_ERR_STORAGE, "I/O error" },
};

static void on_start(void *self, const struct engine_reply *reply)
{
    struct engine_reply *kept = self;
    *kept = *reply;
}

// A start that is asked for while the store is at fault.
static void check_refused(struct flows *flows, const struct row *row)
{
    struct sr_err err = { 0 };
    struct engine_reply reply = { .done = true };
    bool more;
    const struct engine_request start = { .kind = ENGINE_START,
                                          .arn = "arn:aws:states:eu:1:stateMachine:handler",
                                          .name = "refused",
                                          .text = "1",
                                          .reply = on_start,
                                          .self = &reply };
    sr_assert_ok(engine_ask(flows->engine, &start, &err), err);
    // One request is in each round, and what came before comes first. A round that changes nothing
    // may succeed.
    for (size_t i = 0; i < 1000 && reply.done; i++)
        sr_ignore(engine_step(flows->engine, &more, &err));
    assert_false(reply.done);
    assert_int_equal(reply.err.code, row->code);
    sr_assert_contains(reply.err.message, row->message);
}

static void check_end(struct flows *flows, const char *what)
{
    struct flows_end ends[FLOWS_COUNT];
    if (!flows_play(flows)) {
        flows_ends(flows, ends);
        for (size_t i = 0; i < FLOWS_COUNT; i++)
            print_error("%d %s %d\n", (int)i, ends[i].output, ends[i].status);
        fail_msg("%s: does not end: %s", what, flows->failure.message);
    }
    flows_check_histories(flows);
    flows_ends(flows, ends);
    flows_check_same(undisturbed, ends, what);
    flows_ends_done(ends);
}

// The fault begins at the `at`-th call of its kind, two seconds into the flows, and lasts.
static bool one(const struct row *row, uint64_t at, bool restart)
{
    struct flows flows;
    char what[96];
    snprintf(what, sizeof what, "%s at call %" PRIu64 "%s", row->name, at,
             restart ? ", then a restart" : "");
    faulty_vfs_set((struct faulty_vfs_plan){ 0 });
    flows_make(&flows);
    assert_true(flows_open(&flows, 0));
    for (int second = 0; second < 2; second++)
        flows_second(&flows);
    faulty_vfs_set((struct faulty_vfs_plan){ .calls = row->calls, .at = at, .fault = row->fault });
    for (int second = 0; second < FAULTY_SECONDS; second++) {
        flows_second(&flows);
        if (flows.failure.code == SR_OK)
            continue;
        assert_int_equal(flows.failure.code, row->code);
        sr_assert_contains(flows.failure.message, row->message);
    }
    const bool met = faulty_vfs_faults() > 0;
    if (met)
        check_refused(&flows, row);
    faulty_vfs_set((struct faulty_vfs_plan){ 0 });
    flows_check_acknowledged(&flows);
    if (restart) {
        flows_close(&flows);
        assert_true(flows_open(&flows, 0));
        flows_check_acknowledged(&flows);
    }
    check_end(&flows, what);
    flows_close(&flows);
    flows_remove(&flows);
    return met;
}

static void each_row(void **state)
{
    const struct row *row = *state;
    static const uint64_t places[] = { 1, 2, 3, 5, 8, 13, 21, 34 };
    size_t met = 0;
    for (size_t i = 0; i < SR_TEST_COUNT(places); i++)
        met += one(row, places[i], i % 2);
    assert_true(met >= 4);
}

// Reading fails while what was left is opened: it is told, and opens when the disk is well again.
static void reading_fails(void **state)
{
    (void)state;
    struct flows flows;
    size_t refused = 0;
    faulty_vfs_set((struct faulty_vfs_plan){ 0 });
    flows_make(&flows);
    assert_true(flows_open(&flows, 0));
    for (int second = 0; second < 2; second++)
        flows_second(&flows);
    flows_close(&flows);
    for (uint64_t at = 1; at < 60; at++) {
        faulty_vfs_set(
            (struct faulty_vfs_plan){ .calls = FAULTY_VFS_READ, .at = at, .fault = FAULTY_VFS_IO });
        const bool opened = flows_open(&flows, 0);
        if (opened)
            flows_second(&flows);
        if (flows.failure.code != SR_OK) {
            refused++;
            assert_int_equal(flows.failure.code, SR_ERR_STORAGE);
            sr_assert_contains(flows.failure.message, "I/O error");
        }
        faulty_vfs_set((struct faulty_vfs_plan){ 0 });
        if (opened)
            flows_close(&flows);
    }
    assert_true(refused > 5);
    assert_true(flows_open(&flows, 0));
    flows_check_acknowledged(&flows);
    check_end(&flows, "reading failed");
    flows_close(&flows);
    flows_remove(&flows);
}

// --- damage ---

enum { PAGE_BYTES = 4096 };

static void damage(const struct flows *flows, off_t page)
{
    uint8_t bytes[PAGE_BYTES];
    memset(bytes, 0xA5, sizeof bytes);
    const int fd = open(flows->database, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, page * PAGE_BYTES), sizeof bytes);
    assert_int_equal(close(fd), 0);
}

static void copy_file(const char *from, const char *to)
{
    char command[256];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

// True when the damage was met: the store or a round refuses with the reason. What goes on without
// is right.
static bool plays_damaged(struct flows *flows, off_t page)
{
    char what[64];
    struct flows_end ends[FLOWS_COUNT];
    snprintf(what, sizeof what, "page %d damaged", (int)page + 1);
    if (!flows_open(flows, 0)) {
        assert_int_equal(flows->failure.code, SR_ERR_STORAGE);
        return true;
    }
    const bool ended = flows_play(flows);
    if (ended) {
        flows_ends(flows, ends);
        flows_check_same(undisturbed, ends, what);
        flows_ends_done(ends);
    } else if (flows->failure.code != SR_ERR_STORAGE) {
        fail_msg("%s: does not end, %s", what, flows->failure.message);
    }
    flows_close(flows);
    return !ended;
}

static void each_page_damaged(void **state)
{
    (void)state;
    struct flows flows;
    struct stat info;
    char kept[112], outside[112];
    size_t met = 0;
    faulty_vfs_set((struct faulty_vfs_plan){ 0 });
    flows_make(&flows);
    assert_true(flows_open(&flows, 0));
    for (int second = 0; second < 3; second++)
        flows_second(&flows);
    flows_close(&flows);  // the whole log is in the file then
    snprintf(kept, sizeof kept, "%s/kept.db", flows.folder);
    snprintf(outside, sizeof outside, "%s/kept.outside", flows.folder);
    copy_file(flows.database, kept);
    copy_file(flows.outside, outside);
    assert_int_equal(stat(kept, &info), 0);
    const off_t pages = info.st_size / PAGE_BYTES;
    for (off_t page = 0; page < pages; page++) {
        char command[256];
        snprintf(command, sizeof command, "rm -f '%s'-*", flows.database);
        assert_int_equal(system(command), 0);
        copy_file(kept, flows.database);
        copy_file(outside, flows.outside);
        damage(&flows, page);
        met += plays_damaged(&flows, page);
    }
    print_message("%zu of %d pages met\n", met, (int)pages);
    assert_true(met > (size_t)pages / 3);
    flows_remove(&flows);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(reading_fails);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(each_page_damaged);
    return _cmocka_run_group_tests(__FILE__, tests, count, play_undisturbed, forget_undisturbed);
}
