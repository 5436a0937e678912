#include "base/db.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/db_priv.h"
#include "base/test.h"
#include "base/thread.h"

#define MIGRATION(sql_)                                                                            \
    {                                                                                              \
        .name = "test", .sql = (sql_), .bytes = sizeof(sql_) - 1                                   \
    }
static const struct sr_db_migration migrations[] = {
    MIGRATION("CREATE TABLE job(id TEXT PRIMARY KEY, state INTEGER NOT NULL) STRICT;"
              "INSERT INTO job VALUES('first', 1);"),
    MIGRATION("CREATE TABLE blobs(data BLOB, job TEXT REFERENCES job(id)) STRICT;"
              "UPDATE job SET state = state + 1;"),
};
static const struct sr_db_migration broken[] = {
    MIGRATION("CREATE TABLE whole(x);"),
    MIGRATION("CREATE TABLE half(x); INSERT INTO nowhere VALUES(1);"),
};

struct fixture {
    char folder[64];
    char path[96];
};

static int setup(void **state)
{
    static struct fixture fixture;
    sr_test_folder(fixture.folder);
    snprintf(fixture.path, sizeof(fixture.path), "%s/test.db", fixture.folder);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    sr_test_folder_done(((struct fixture *)*state)->folder);
    return 0;
}

static struct sr_db_params params_of(const char *path)
{
    return (struct sr_db_params){ .path = path, .migrations = migrations, .migration_count = 2 };
}

static struct sr_db *open_db(const char *path)
{
    struct sr_err err = { 0 };
    struct sr_db *db = NULL;
    const struct sr_db_params params = params_of(path);
    sr_assert_ok(sr_db_open(&params, &db, &err), err);
    return db;
}

static int64_t ask_i64(struct sr_db *db, const char *sql)
{
    struct sr_err err = { 0 };
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    bool row = false;
    sr_assert_ok(sr_db_prepare(db, sql, &stmt, &err), err);
    sr_assert_ok(sr_db_step(stmt, &row, &err), err);
    assert_true(row);
    return sr_db_i64(stmt, 0);
}

static void run(struct sr_db *db, const char *sql)
{
    struct sr_err err = { 0 };
    sr_assert_ok(sr_db_exec(db, sql, &err), err);
}

static void is_durable_private_and_strict(void **state)
{
    const struct fixture *const fixture = *state;
    sr_auto(sr_db) struct sr_db *db = open_db(fixture->path);
    assert_int_equal(ask_i64(db, "PRAGMA synchronous"), 2);  // FULL
    assert_int_equal(ask_i64(db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(
        ask_i64(db, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
    struct stat about;
    assert_int_equal(stat(fixture->path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static void migrates_once(void **state)
{
    const struct fixture *const fixture = *state;
    struct sr_err err = { 0 };
    struct sr_db_params params = params_of(fixture->path);
    params.migration_count = 1;
    struct sr_db *db = NULL;
    sr_assert_ok(sr_db_open(&params, &db, &err), err);
    assert_int_equal(sr_db_version(db), 1);
    assert_int_equal(ask_i64(db, "SELECT state FROM job"), 1);
    sr_db_close(db);
    for (int i = 0; i < 2; i++) {  // the second one finds nothing to do
        db = open_db(fixture->path);
        assert_int_equal(sr_db_version(db), 2);
        assert_int_equal(ask_i64(db, "SELECT state FROM job"), 2);
        assert_int_equal(ask_i64(db, "PRAGMA user_version"), 2);
        sr_db_close(db);
    }
    sr_assert_fails(sr_db_open(&params, &db, &err), SR_ERR_UNSUPPORTED, err);
    sr_assert_contains(err.message, "of version 2, a newer program made it: this one knows 1");
}

static void a_broken_migration_leaves_nothing(void **state)
{
    const struct fixture *const fixture = *state;
    struct sr_err err = { 0 };
    struct sr_db_params params = params_of(fixture->path);
    params.migrations = broken;
    struct sr_db *db = NULL;
    sr_assert_fails(sr_db_open(&params, &db, &err), SR_ERR_INTERNAL, err);
    sr_assert_contains(err.message, "no such table: nowhere");
    params.migration_count = 1;
    sr_assert_ok(sr_db_open(&params, &db, &err), err);
    assert_int_equal(sr_db_version(db), 1);
    assert_int_equal(ask_i64(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), 0);
    sr_db_close(db);
}

// Opens and closes; its error stays in `err`.
struct opener {
    const char *path;
    struct sr_err err;
};
static void open_and_close(void *arg)
{
    struct opener *const opener = arg;
    struct sr_db_params params = params_of(opener->path);
    params.busy_us_max = 60000000;
    struct sr_db *db = NULL;
    if (sr_db_open(&params, &db, &opener->err))
        sr_db_close(db);
}

static void many_open_a_new_one_at_once(void **state)
{
    const struct fixture *const fixture = *state;
    struct sr_err err = { 0 };
    struct opener openers[6] = { 0 };
    struct sr_thread *threads[6];
    for (size_t i = 0; i < 6; i++) {
        openers[i].path = fixture->path;
        sr_assert_ok(sr_thread_start("open", open_and_close, &openers[i], &threads[i], &err), err);
    }
    for (size_t i = 0; i < 6; i++)
        sr_thread_join(threads[i]);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(openers[i].err.message, "");
    sr_auto(sr_db) struct sr_db *db = open_db(fixture->path);
    assert_int_equal(ask_i64(db, "SELECT state FROM job"), 2);  // each migration ran once
}

static void values_come_back(void **state)
{
    (void)state;
    sr_auto(sr_db) struct sr_db *db = open_db(":memory:");
    struct sr_err err = { 0 };
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    sr_assert_ok(sr_db_prepare(db, "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7", &stmt, &err), err);
    sr_db_bind_i64(stmt, 1, INT64_MIN);
    sr_db_bind_text(stmt, 2, "gr\xC3\xBC\xC3\x9F");
    sr_db_bind_text(stmt, 3, "");
    sr_db_bind_text(stmt, 4, NULL);
    sr_db_bind_blob(stmt, 5, "a\0b", 3);
    sr_db_bind_blob(stmt, 6, "", 0);
    sr_db_bind_null(stmt, 7);
    bool row = false;
    sr_assert_ok(sr_db_step(stmt, &row, &err), err);
    assert_true(row);
    assert_true(sr_db_i64(stmt, 0) == INT64_MIN);
    const char *text;
    sr_assert_ok(sr_db_text(stmt, 1, &text, &err), err);
    assert_string_equal(text, "gr\xC3\xBC\xC3\x9F");
    sr_assert_ok(sr_db_text(stmt, 2, &text, &err), err);
    assert_string_equal(text, "");
    sr_assert_ok(sr_db_text(stmt, 3, &text, &err), err);
    assert_null(text);
    const void *data;
    size_t bytes;
    sr_assert_ok(sr_db_blob(stmt, 4, &data, &bytes, &err), err);
    assert_int_equal(bytes, 3);
    assert_memory_equal(data, "a\0b", 3);
    sr_assert_ok(sr_db_blob(stmt, 5, &data, &bytes, &err), err);
    assert_non_null(data);
    assert_int_equal(bytes, 0);
    sr_assert_ok(sr_db_blob(stmt, 6, &data, &bytes, &err), err);
    assert_null(data);
    assert_true(sr_db_is_null(stmt, 6));
    assert_int_equal(sr_db_i64(stmt, 6), 0);
    sr_assert_ok(sr_db_step(stmt, &row, &err), err);
    assert_false(row);
}

static void statements_are_kept_and_given_again(void **state)
{
    (void)state;
    sr_auto(sr_db) struct sr_db *db = open_db(":memory:");
    struct sr_err err = { 0 };
    const char sql[] = "SELECT state, ?1 FROM job";
    struct sr_db_stmt *first = NULL, *second = NULL, *again = NULL;
    sr_assert_ok(sr_db_prepare(db, sql, &first, &err), err);
    sqlite3_stmt *const native = first->native;
    sr_assert_ok(sr_db_prepare(db, sql, &second, &err), err);
    assert_ptr_not_equal(second->native, native);  // both at once
    sr_db_stmt_done(second);
    sr_db_bind_i64(first, 1, 5);
    bool row;
    sr_assert_ok(sr_db_step(first, &row, &err), err);
    sr_db_stmt_done(first);  // in the middle of its rows
    sr_assert_ok(sr_db_prepare(db, sql, &again, &err), err);
    assert_ptr_equal(again->native, native);
    sr_assert_ok(sr_db_step(again, &row, &err), err);
    assert_true(row && sr_db_is_null(again, 1));  // nothing is left of what was bound
    sr_db_stmt_done(again);
}

static void statements_have_a_limit(void **state)
{
    (void)state;
    sr_auto(sr_db) struct sr_db *db = open_db(":memory:");
    struct sr_err err = { 0 };
    char sql[32];
    for (int i = 0; i < 3 * SR_DB_STATEMENTS_MAX; i++) {  // one after the other there is none
        snprintf(sql, sizeof(sql), "SELECT %d", i);
        assert_int_equal(ask_i64(db, sql), i);
    }
    static struct sr_db_stmt *taken[SR_DB_STATEMENTS_MAX];
    for (size_t i = 0; i < SR_DB_STATEMENTS_MAX; i++)
        sr_assert_ok(sr_db_prepare(db, "SELECT 1", &taken[i], &err), err);
    struct sr_db_stmt *more = NULL;
    sr_assert_fails(sr_db_prepare(db, "SELECT 1", &more, &err), SR_ERR_LIMIT, err);
    sr_db_stmt_done(taken[7]);
    sr_assert_ok(sr_db_prepare(db, "SELECT 2", &taken[7], &err), err);
    for (size_t i = 0; i < SR_DB_STATEMENTS_MAX; i++)
        sr_db_stmt_done(taken[i]);
}

static const struct wrong {
    const char *name;
    const char *sql;
    enum sr_err_code code;
    const char *message;
} wrong[] = {
    { "no statement", "  ", SR_ERR_INTERNAL, "not one statement" },
    { "two statements", "SELECT 1; SELECT 2", SR_ERR_INTERNAL, "not one statement" },
    { "not SQL", "SELEKT 1", SR_ERR_INTERNAL, "syntax error" },
    { "an unknown table", "DELETE FROM nowhere", SR_ERR_INTERNAL, "no such table" },
    { "a row where none is wanted", "SELECT 1", SR_ERR_INTERNAL, "gives a row" },
    { "the same key twice", "INSERT INTO job VALUES('first', 3)", SR_ERR_CONFLICT, "UNIQUE" },
    { "no such parent", "INSERT INTO blobs VALUES(NULL, 'x')", SR_ERR_CONFLICT, "FOREIGN KEY" },
    { "a missing value", "INSERT INTO job VALUES('x', NULL)", SR_ERR_CONFLICT, "NOT NULL" },
    { "another type", "INSERT INTO job VALUES('x', 'y')", SR_ERR_CONFLICT, "INTEGER" },
    { "an end without a begin", "COMMIT", SR_ERR_INTERNAL, "no transaction" },
    { "too large", "INSERT INTO blobs VALUES(zeroblob(2000000000), NULL)", SR_ERR_TOO_LARGE,
      "big" },
};

static void each_wrong(void **state)
{
    const struct wrong *const row = *state;
    sr_auto(sr_db) struct sr_db *db = open_db(":memory:");
    struct sr_err err = { 0 };
    sr_assert_fails(sr_db_exec(db, row->sql, &err), row->code, err);
    sr_assert_contains(err.message, row->message);
    run(db, "INSERT INTO job VALUES('goes on', 1)");
    assert_int_equal(sr_db_changes(db), 1);
    assert_int_equal(sr_db_last_rowid(db), 2);
}

static void a_bad_binding_is_told_by_the_step(void **state)
{
    (void)state;
    sr_auto(sr_db) struct sr_db *db = open_db(":memory:");
    struct sr_err err = { 0 };
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    bool row;
    sr_assert_ok(sr_db_prepare(db, "SELECT ?1", &stmt, &err), err);
    sr_db_bind_i64(stmt, 9, 1);
    sr_db_bind_i64(stmt, 1, 1);
    sr_assert_fails(sr_db_step(stmt, &row, &err), SR_ERR_INTERNAL, err);
    assert_int_equal(err.native & 0xFF, SQLITE_RANGE);
    sr_assert_ok(sr_db_step(stmt, &row, &err), err);  // once
    sqlite3_limit(db->native, SQLITE_LIMIT_LENGTH, 1000);
    sr_db_stmt_done(stmt);
    char long_text[1002];
    memset(long_text, 'a', sizeof(long_text));
    long_text[1001] = '\0';
    sr_assert_ok(sr_db_prepare(db, "SELECT ?1", &stmt, &err), err);
    sr_db_bind_text(stmt, 1, long_text);
    sr_assert_fails(sr_db_step(stmt, &row, &err), SR_ERR_TOO_LARGE, err);
}

// Inserts job `id` in a transaction, and another one inside it; commits what it is told to.
static bool insert_two(struct sr_db *db, const char *outer, bool commit_inner, bool commit_outer)
{
    struct sr_err err = { 0 };
    char sql[64];
    sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
    sr_assert_ok(sr_db_begin(db, &tx, &err), err);
    snprintf(sql, sizeof(sql), "INSERT INTO job VALUES('%s', 1)", outer);
    sr_assert_ok(sr_db_exec(db, sql, &err), err);
    {
        sr_auto(sr_db_tx) struct sr_db_tx inner = { 0 };
        sr_assert_ok(sr_db_begin(db, &inner, &err), err);
        snprintf(sql, sizeof(sql), "INSERT INTO job VALUES('%s inner', 1)", outer);
        sr_assert_ok(sr_db_exec(db, sql, &err), err);
        if (commit_inner)
            sr_assert_ok(sr_db_commit(&inner, &err), err);
    }
    if (commit_outer)
        sr_assert_ok(sr_db_commit(&tx, &err), err);
    return commit_outer;
}

static void transactions_are_whole_or_nothing(void **state)
{
    (void)state;
    sr_auto(sr_db) struct sr_db *db = open_db(":memory:");
    assert_true(insert_two(db, "a", true, true));
    assert_true(insert_two(db, "b", false, true));
    assert_false(insert_two(db, "c", true, false));
    assert_int_equal(ask_i64(db, "SELECT count(*) FROM job"), 4);
    assert_int_equal(
        ask_i64(db, "SELECT count(*) FROM job WHERE id IN ('first', 'a', 'a inner', 'b')"), 4);
}

static void another_writer_is_busy(void **state)
{
    const struct fixture *const fixture = *state;
    struct sr_err err = { 0 };
    sr_auto(sr_db) struct sr_db *one = open_db(fixture->path);
    sr_auto(sr_db) struct sr_db *two = open_db(fixture->path);
    struct sr_db_tx tx = { 0 }, other = { 0 };
    sr_assert_ok(sr_db_begin(one, &tx, &err), err);
    run(one, "INSERT INTO job VALUES('x', 1)");
    sr_assert_fails(sr_db_begin(two, &other, &err), SR_ERR_BUSY, err);
    sr_assert_fails(sr_db_exec(two, "DELETE FROM job", &err), SR_ERR_BUSY, err);
    assert_int_equal(ask_i64(two, "SELECT count(*) FROM job"), 1);  // reading goes on
    sr_assert_ok(sr_db_commit(&tx, &err), err);
    sr_assert_ok(sr_db_begin(two, &other, &err), err);
    assert_int_equal(ask_i64(two, "SELECT count(*) FROM job"), 2);
    sr_db_rollback(&other);
    sr_db_rollback(&other);  // once is enough
}

static void fill(struct sr_db *db, struct sr_err *err)
{
    for (int i = 0; i < 1000; i++) {
        if (!sr_db_exec(db, "INSERT INTO blobs VALUES(randomblob(4000), NULL)", err))
            return;
    }
    fail_msg("the disk never got full");
}

static void a_full_disk_ends_the_transaction(void **state)
{
    const struct fixture *const fixture = *state;
    struct sr_err err = { 0 };
    sr_auto(sr_db) struct sr_db *db = open_db(fixture->path);
    assert_int_equal(ask_i64(db, "PRAGMA max_page_count = 20"), 20);
    fill(db, &err);
    assert_int_equal(err.code, SR_ERR_STORAGE);
    assert_int_equal(err.native & 0xFF, SQLITE_FULL);
    sr_assert_contains(err.message, "full");
    const int64_t before = ask_i64(db, "SELECT count(*) FROM blobs");
    {
        sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
        sr_assert_ok(sr_db_begin(db, &tx, &err), err);
        run(db, "UPDATE job SET state = 77");
        fill(db, &err);
        assert_int_equal(err.code, SR_ERR_STORAGE);
        if (sqlite3_get_autocommit(db->native)) {  // SQLite may have rolled back by itself
            struct sr_db_tx inner = { 0 };
            sr_assert_fails(sr_db_begin(db, &inner, &err), SR_ERR_STORAGE, err);
            sr_assert_fails(sr_db_exec(db, "DELETE FROM job", &err), SR_ERR_STORAGE, err);
            sr_assert_fails(sr_db_commit(&tx, &err), SR_ERR_STORAGE, err);
        }
    }
    assert_int_equal(ask_i64(db, "SELECT count(*) FROM blobs"), before);
    assert_int_equal(ask_i64(db, "SELECT state FROM job"), 2);
    run(db, "DELETE FROM blobs");  // room again
    run(db, "INSERT INTO blobs VALUES(randomblob(4000), NULL)");
}

// What SQLite does by itself on some failures, done to it here.
static void nothing_follows_a_transaction_that_is_gone(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_db) struct sr_db *db = open_db(":memory:");
    {
        sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
        sr_assert_ok(sr_db_begin(db, &tx, &err), err);
        run(db, "DELETE FROM job");
        assert_int_equal(sqlite3_exec(db->native, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
        sr_assert_fails(sr_db_exec(db, "DELETE FROM job", &err), SR_ERR_STORAGE, err);
        sr_assert_contains(err.message, "ended by a failure before");
        struct sr_db_tx inner = { 0 };
        sr_assert_fails(sr_db_begin(db, &inner, &err), SR_ERR_STORAGE, err);
        sr_assert_fails(sr_db_commit(&tx, &err), SR_ERR_STORAGE, err);
    }
    assert_int_equal(ask_i64(db, "SELECT count(*) FROM job"), 1);
}

static const struct path {
    const char *name;
    const char *path;
    enum sr_err_code code;
} paths[] = {
    { "no such folder", "/tmp/splitreel-no-such-folder/x.db", SR_ERR_NOT_FOUND },
    { "a folder", "/tmp", SR_ERR_STORAGE },
    { "a file for a folder", "/dev/null/x.db", SR_ERR_STORAGE },
};

static void each_path(void **state)
{
    const struct path *const row = *state;
    struct sr_err err = { 0 };
    struct sr_db *db = NULL;
    const struct sr_db_params params = params_of(row->path);
    sr_assert_fails(sr_db_open(&params, &db, &err), row->code, err);
    sr_assert_contains(err.message, row->path);
}

static void overwrite(const char *path, long offset, size_t bytes)
{
    FILE *const file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    for (size_t i = 0; i < bytes; i++)
        assert_int_not_equal(fputc(0x5A, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void damage_is_found(void **state)
{
    const struct fixture *const fixture = *state;
    struct sr_err err = { 0 };
    struct sr_db *db = open_db(fixture->path);
    sr_db_close(db);  // puts everything into the one file
    overwrite(fixture->path, 4096, 4096 * 2);
    db = open_db(fixture->path);
    sr_assert_fails(sr_db_exec(db, "DELETE FROM job", &err), SR_ERR_STORAGE, err);
    assert_int_equal(err.native & 0xFF, SQLITE_CORRUPT);
    sr_db_close(db);
    overwrite(fixture->path, 0, 4096);
    const struct sr_db_params params = params_of(fixture->path);
    sr_assert_fails(sr_db_open(&params, &db, &err), SR_ERR_STORAGE, err);
    assert_int_equal(err.native & 0xFF, SQLITE_NOTADB);
}

static void what_was_committed_outlives_its_process(void **state)
{
    const struct fixture *const fixture = *state;
    const pid_t child = fork();
    if (child == 0) {
        struct sr_db *const db = open_db(fixture->path);
        run(db, "INSERT INTO job VALUES('committed', 1)");
        struct sr_err err = { 0 };
        struct sr_db_tx tx = { 0 };
        if (sr_db_begin(db, &tx, &err))
            run(db, "INSERT INTO job VALUES('not committed', 1)");
        (void)raise(SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    sr_auto(sr_db) struct sr_db *db = open_db(fixture->path);
    assert_int_equal(ask_i64(db, "SELECT count(*) FROM job"), 2);
    assert_int_equal(ask_i64(db, "SELECT count(*) FROM job WHERE id = 'committed'"), 1);
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
static const struct CMUnitTest singles[] = {
    ON_DISK(is_durable_private_and_strict),
    ON_DISK(migrates_once),
    ON_DISK(a_broken_migration_leaves_nothing),
    ON_DISK(many_open_a_new_one_at_once),
    cmocka_unit_test(values_come_back),
    cmocka_unit_test(statements_are_kept_and_given_again),
    cmocka_unit_test(statements_have_a_limit),
    cmocka_unit_test(a_bad_binding_is_told_by_the_step),
    cmocka_unit_test(transactions_are_whole_or_nothing),
    ON_DISK(another_writer_is_busy),
    ON_DISK(a_full_disk_ends_the_transaction),
    cmocka_unit_test(nothing_follows_a_transaction_that_is_gone),
    ON_DISK(damage_is_found),
    ON_DISK(what_was_committed_outlives_its_process),
};

int main(void)
{
    static struct CMUnitTest
        tests[SR_TEST_COUNT(wrong) + SR_TEST_COUNT(paths) + SR_TEST_COUNT(singles)];
    size_t count = SR_TEST_ADD(tests, wrong, each_wrong);
    count += SR_TEST_ADD(tests + count, paths, each_path);
    for (size_t i = 0; i < SR_TEST_COUNT(singles); i++)
        tests[count++] = singles[i];
    return sr_test_run(__FILE__, tests, count);
}
