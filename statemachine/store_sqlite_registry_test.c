#include "base/test.h"
#include "statemachine/store_sqlite.h"
#include "statemachine/store_sqlite_priv.h"

extern const char store_sqlite_0001[];  // the first migration, built into store_sqlite.c

struct fixture {
    char folder[64], path[96];
    struct store store;
};

static int setup(void **state)
{
    static struct fixture fixture;
    sr_test_folder(fixture.folder);
    snprintf(fixture.path, sizeof fixture.path, "%s/s.db", fixture.folder);
    fixture.store = (struct store){ 0 };
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(&fixture->store);
    sr_test_folder_done(fixture->folder);
    return 0;
}

#define CALL(fixture, op, ...) (fixture)->store.ops->op((fixture)->store.self, __VA_ARGS__)

static void open_store(struct fixture *fixture)
{
    struct sr_err err = { 0 };
    sr_assert_ok(store_sqlite_open(fixture->path, &fixture->store, &err), err);
}

static bool check_old(void *self, const struct store_machine *machine, struct sr_err *err)
{
    (void)err;
    ++*(size_t *)self;
    assert_string_equal(machine->arn, "A");
    assert_string_equal(machine->name, "n");
    assert_string_equal(machine->definition, "d");
    assert_int_equal(machine->type, 1);
    assert_null(machine->uuid);
    assert_null(machine->settings);
    assert_int_equal(machine->created_us, 7);
    return true;
}

static void a_database_of_version_1_is_brought_up(void **state)
{
    struct fixture *fixture = *state;
    struct sr_err err = { 0 };
    struct sr_db *db;
    size_t seen = 0;
    const struct sr_db_migration first = { "0001_init", store_sqlite_0001,
                                           strlen(store_sqlite_0001) };
    const struct sr_db_params params = { .path = fixture->path,
                                         .migrations = &first,
                                         .migration_count = 1 };
    sr_assert_ok(sr_db_open(&params, &db, &err), err);
    sr_assert_ok(sr_db_exec(db,
                            "INSERT INTO revision(id, machine, definition, created_us) "
                            "VALUES(3, 'A', 'd', 7)",
                            &err),
                 err);
    sr_assert_ok(sr_db_exec(db,
                            "INSERT INTO machine(arn, name, type, revision, created_us) "
                            "VALUES('A', 'n', 1, 3, 7)",
                            &err),
                 err);
    sr_db_close(db);
    open_store(fixture);
    sr_assert_ok(CALL(fixture, machine_get, "A", check_old, &seen, &err), err);
    sr_assert_ok(CALL(fixture, machine_drop, "A", &err), err);
    sr_assert_ok(CALL(fixture, revision_get, 3, check_old, &seen, &err), err);  // by itself
    assert_int_equal(seen, 2);
}

static void a_newer_database_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct sr_err err = { 0 };
    open_store(fixture);
    struct sqlite *sqlite = fixture->store.self;
    sr_assert_ok(sr_db_exec(sqlite->db, "PRAGMA user_version = 999", &err), err);
    store_close(&fixture->store);
    sr_assert_fails(store_sqlite_open(fixture->path, &fixture->store, &err), SR_ERR_UNSUPPORTED,
                    err);
    sr_assert_contains(err.message, "is of version 999, a newer program made it");
}

static void put_machine(struct fixture *fixture, const char *arn, int64_t *ret_revision)
{
    struct sr_err err = { 0 };
    const struct store_machine machine = {
        .arn = arn, .name = arn, .definition = "d", .created_us = 1
    };
    sr_assert_ok(CALL(fixture, machine_put, &machine, ret_revision, &err), err);
}

static int64_t put_version(struct fixture *fixture, const char *machine, int64_t revision)
{
    struct sr_err err = { 0 };
    int64_t number = 0;
    const struct store_version version = { .machine = machine,
                                           .revision = revision,
                                           .created_us = 1 };
    sr_assert_ok(CALL(fixture, version_put, &version, &number, &err), err);
    return number;
}

static bool add_number(void *self, const struct store_version *version, struct sr_err *err)
{
    (void)err;
    snprintf((char *)self + strlen(self), 64 - strlen(self), "%s ", version->arn);
    return true;
}

static bool add_alias(void *self, const struct store_alias *found, struct sr_err *err)
{
    (void)err;
    snprintf((char *)self + strlen(self), 64 - strlen(self), "%s=%d/%zu ", found->name,
             found->routes[0].weight, found->route_count);
    return true;
}

static void versions_and_aliases_of_a_machine(void **state)
{
    struct fixture *fixture = *state;
    struct sr_err err = { 0 };
    int64_t revision, other, count;
    char text[64] = "";
    open_store(fixture);
    put_machine(fixture, "m", &revision);
    put_machine(fixture, "n", &other);
    assert_int_equal(put_version(fixture, "m", revision), 1);
    assert_int_equal(put_version(fixture, "n", other), 1);
    assert_int_equal(put_version(fixture, "m", revision), 2);
    sr_assert_ok(CALL(fixture, version_each, "m", INT64_MAX, add_number, text, &err), err);
    assert_string_equal(text, "m:2 m:1 ");
    text[0] = '\0';
    sr_assert_ok(CALL(fixture, version_each, "m", 2, add_number, text, &err), err);
    assert_string_equal(text, "m:1 ");
    struct store_alias alias = { .arn = "m:a",
                                 .machine = "m",
                                 .name = "a",
                                 .route_count = 2,
                                 .routes = { { "m:1", 40 }, { "m:2", 60 } },
                                 .created_us = 1,
                                 .updated_us = 1 };
    sr_assert_ok(CALL(fixture, alias_put, &alias, &err), err);
    sr_assert_fails(CALL(fixture, version_drop, "m:2", &err), SR_ERR_CONFLICT, err);
    alias.route_count = 1;
    alias.routes[0].weight = 100;
    sr_assert_ok(CALL(fixture, alias_put, &alias, &err), err);
    sr_assert_ok(CALL(fixture, version_drop, "m:2", &err), err);
    text[0] = '\0';
    sr_assert_ok(CALL(fixture, alias_each, "m", "", add_alias, text, &err), err);
    assert_string_equal(text, "a=100/1 ");
    text[0] = '\0';
    sr_assert_ok(CALL(fixture, alias_each, "m", "a", add_alias, text, &err), err);
    assert_string_equal(text, "");
    alias.routes[0].version = "m:9";
    sr_assert_fails(CALL(fixture, alias_put, &alias, &err), SR_ERR_CONFLICT, err);  // no such one
    sr_assert_ok(CALL(fixture, machine_drop, "m", &err), err);
    sr_assert_fails(CALL(fixture, machine_drop, "m", &err), SR_ERR_NOT_FOUND, err);
    sr_assert_ok(CALL(fixture, count, STORE_VERSIONS, "m", &count, &err), err);
    assert_int_equal(count, 0);
    sr_assert_ok(CALL(fixture, count, STORE_VERSIONS, "n", &count, &err), err);
    assert_int_equal(count, 1);
    sr_assert_ok(CALL(fixture, count, STORE_ALIASES, "m", &count, &err), err);
    assert_int_equal(count, 0);
    sr_assert_ok(CALL(fixture, count, STORE_MACHINES, NULL, &count, &err), err);
    assert_int_equal(count, 1);
    sr_assert_fails(CALL(fixture, version_put,
                         &(struct store_version){ .machine = "m", .revision = revision }, &count,
                         &err),
                    SR_ERR_NOT_FOUND, err);
}

static bool add_tag(void *self, const char *key, const char *value, struct sr_err *err)
{
    (void)err;
    snprintf((char *)self + strlen(self), 64 - strlen(self), "%s=%s ", key, value);
    return true;
}

static void tags_go_with_what_they_are_on(void **state)
{
    struct fixture *fixture = *state;
    struct sr_err err = { 0 };
    int64_t revision, count;
    char text[64] = "";
    open_store(fixture);
    put_machine(fixture, "m", &revision);
    const struct store_activity activity = { "a", "a", 1 };
    sr_assert_ok(CALL(fixture, activity_put, &activity, &err), err);
    sr_assert_fails(CALL(fixture, activity_put, &activity, &err), SR_ERR_CONFLICT, err);
    sr_assert_ok(CALL(fixture, tag_put, "m", "k", "1", &err), err);
    sr_assert_ok(CALL(fixture, tag_put, "m", "k", "2", &err), err);
    sr_assert_ok(CALL(fixture, tag_put, "a", "j", "3", &err), err);
    sr_assert_ok(CALL(fixture, tag_each, "m", add_tag, text, &err), err);
    sr_assert_ok(CALL(fixture, machine_drop, "m", &err), err);
    sr_assert_ok(CALL(fixture, tag_each, "m", add_tag, text, &err), err);
    sr_assert_ok(CALL(fixture, tag_each, "a", add_tag, text, &err), err);
    assert_string_equal(text, "k=2 j=3 ");
    sr_assert_ok(CALL(fixture, activity_drop, "a", &err), err);
    sr_assert_ok(CALL(fixture, tag_each, "a", add_tag, text, &err), err);
    assert_string_equal(text, "k=2 j=3 ");
    sr_assert_ok(CALL(fixture, count, STORE_ACTIVITIES, NULL, &count, &err), err);
    assert_int_equal(count, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_database_of_version_1_is_brought_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_database_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_and_aliases_of_a_machine, setup, teardown),
        cmocka_unit_test_setup_teardown(tags_go_with_what_they_are_on, setup, teardown),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
