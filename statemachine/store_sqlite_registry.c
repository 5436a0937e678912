// Versions, aliases, tags and activities in the SQLite store.
#include "statemachine/store_sqlite_priv.h"

// A statement with texts as its parameters; NULL binds NULL.
static bool prepare(struct sqlite *sqlite, const char *sql, const char *const *texts, size_t count,
                    struct sr_db_stmt **ret_stmt, struct sr_err *err)
{
    if (!sr_db_prepare(sqlite->db, sql, ret_stmt, err))
        return false;
    for (size_t i = 0; i < count; i++)
        sr_db_bind_text(*ret_stmt, (int)i + 1, texts[i]);
    return true;
}

static bool run_texts(struct sqlite *sqlite, const char *sql, const char *const *texts,
                      size_t count, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return prepare(sqlite, sql, texts, count, &stmt, err) && sr_db_run(stmt, err);
}

static bool run_text(struct sqlite *sqlite, const char *sql, const char *text, struct sr_err *err)
{
    return run_texts(sqlite, sql, &text, 1, err);
}

bool store_sqlite_count(void *self, enum store_kind kind, const char *machine, int64_t *ret_count,
                        struct sr_err *err)
{
    static const char *const queries[] = {
        [STORE_MACHINES] = "SELECT count(*) FROM machine WHERE ?1 IS NULL",
        [STORE_VERSIONS] = "SELECT count(*) FROM version WHERE machine = ?1",
        [STORE_ALIASES] = "SELECT count(*) FROM alias WHERE machine = ?1",
        [STORE_ACTIVITIES] = "SELECT count(*) FROM activity WHERE ?1 IS NULL",
    };
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    bool row;
    if (!prepare(self, queries[kind], &machine, 1, &stmt, err) || !sr_db_step(stmt, &row, err))
        return false;
    *ret_count = row ? sr_db_i64(stmt, 0) : 0;
    return true;
}

bool store_sqlite_machine_drop(void *self, const char *arn, struct sr_err *err)
{
    static const char *const before[] = {
        ("DELETE FROM tag WHERE resource = ?1 OR resource IN (SELECT arn FROM alias WHERE machine = ?1) "
         "OR resource IN (SELECT arn FROM version WHERE machine = ?1)"),
        "DELETE FROM alias WHERE machine = ?1",
        "DELETE FROM version WHERE machine = ?1",
        "DELETE FROM machine WHERE arn = ?1",
    };
    struct sqlite *sqlite = self;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        if (!run_text(sqlite, before[i], arn, err))
            return false;
    }
    return sr_db_changes(sqlite->db) > 0 ||
           sr_fail(err, SR_ERR_NOT_FOUND, "no state machine %s", arn);
}

// --- versions ---

#define VERSION_COLUMNS                                                                            \
    "SELECT arn, machine, description, number, revision, created_us FROM version "

static bool version_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self, struct sr_err *err)
{
    struct store_version version = { .number = sr_db_i64(stmt, 3),
                                     .revision = sr_db_i64(stmt, 4),
                                     .created_us = sr_db_i64(stmt, 5) };
    return sr_db_text(stmt, 0, &version.arn, err) && sr_db_text(stmt, 1, &version.machine, err) &&
           sr_db_text(stmt, 2, &version.description, err) &&
           (*(const store_version_fn *)fn)(fn_self, &version, err);
}

bool store_sqlite_version_put(void *self, const struct store_version *version, int64_t *ret_number,
                              struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer next = NULL, put = NULL;
    bool row;
    if (!run_text(sqlite, "UPDATE machine SET versions = versions + 1 WHERE arn = ?1",
                  version->machine, err) ||
        !prepare(sqlite, "SELECT versions FROM machine WHERE arn = ?1", &version->machine, 1, &next,
                 err) ||
        !sr_db_step(next, &row, err))
        return false;
    if (!row)
        return sr_fail(err, SR_ERR_NOT_FOUND, "no state machine %s", version->machine);
    const int64_t number = sr_db_i64(next, 0);
    const char *const texts[] = { version->machine, version->description };
    if (!prepare(sqlite,
                 "INSERT INTO version(arn, machine, description, number, revision, created_us) "
                 "VALUES(?1 || ':' || ?3, ?1, ?2, ?3, ?4, ?5)",
                 texts, 2, &put, err))
        return false;
    sr_db_bind_i64(put, 3, number);
    sr_db_bind_i64(put, 4, version->revision);
    sr_db_bind_i64(put, 5, version->created_us);
    if (!sr_db_run(put, err))
        return false;
    *ret_number = number;
    return true;
}

bool store_sqlite_version_get(void *self, const char *arn, store_version_fn fn, void *fn_self,
                              struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return prepare(self, VERSION_COLUMNS "WHERE arn = ?1", &arn, 1, &stmt, err) &&
           sqlite_each_row(stmt, version_here, &fn, fn_self, "version", err);
}

bool store_sqlite_version_each(void *self, const char *machine, int64_t before, store_version_fn fn,
                               void *fn_self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (!prepare(self, VERSION_COLUMNS "WHERE machine = ?1 AND number < ?2 ORDER BY number DESC",
                 &machine, 1, &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 2, before);
    return sqlite_each_row(stmt, version_here, &fn, fn_self, NULL, err);
}

bool store_sqlite_version_drop(void *self, const char *arn, struct sr_err *err)
{
    return run_text(self, "DELETE FROM version WHERE arn = ?1", arn, err);
}

// --- aliases ---

#define ALIAS_COLUMNS                                                                              \
    "SELECT arn, machine, name, description, version, version2, weight, weight2, created_us, "     \
    "updated_us FROM alias "

static bool alias_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self, struct sr_err *err)
{
    struct store_alias alias = {
        .route_count = sr_db_is_null(stmt, 5) ? 1 : 2,
        .routes = { { .weight = (int)sr_db_i64(stmt, 6) }, { .weight = (int)sr_db_i64(stmt, 7) } },
        .created_us = sr_db_i64(stmt, 8),
        .updated_us = sr_db_i64(stmt, 9),
    };
    return sr_db_text(stmt, 0, &alias.arn, err) && sr_db_text(stmt, 1, &alias.machine, err) &&
           sr_db_text(stmt, 2, &alias.name, err) && sr_db_text(stmt, 3, &alias.description, err) &&
           sr_db_text(stmt, 4, &alias.routes[0].version, err) &&
           sr_db_text(stmt, 5, &alias.routes[1].version, err) &&
           (*(const store_alias_fn *)fn)(fn_self, &alias, err);
}

bool store_sqlite_alias_put(void *self, const struct store_alias *alias, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    const bool two = alias->route_count == 2;
    const char *const texts[] = {
        alias->arn,         alias->machine,           alias->name,
        alias->description, alias->routes[0].version, two ? alias->routes[1].version : NULL
    };
    if (!prepare(self,
                 "INSERT OR REPLACE INTO alias(arn, machine, name, description, version, version2, "
                 "weight, weight2, created_us, updated_us) "
                 "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                 texts, 6, &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 7, alias->routes[0].weight);
    if (two)
        sr_db_bind_i64(stmt, 8, alias->routes[1].weight);
    else
        sr_db_bind_null(stmt, 8);
    sr_db_bind_i64(stmt, 9, alias->created_us);
    sr_db_bind_i64(stmt, 10, alias->updated_us);
    return sr_db_run(stmt, err);
}

bool store_sqlite_alias_get(void *self, const char *arn, store_alias_fn fn, void *fn_self,
                            struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return prepare(self, ALIAS_COLUMNS "WHERE arn = ?1", &arn, 1, &stmt, err) &&
           sqlite_each_row(stmt, alias_here, &fn, fn_self, "alias", err);
}

bool store_sqlite_alias_each(void *self, const char *machine, const char *after, store_alias_fn fn,
                             void *fn_self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    const char *const texts[] = { machine, after };
    return prepare(self, ALIAS_COLUMNS "WHERE machine = ?1 AND name > ?2 ORDER BY name", texts, 2,
                   &stmt, err) &&
           sqlite_each_row(stmt, alias_here, &fn, fn_self, NULL, err);
}

bool store_sqlite_alias_drop(void *self, const char *arn, struct sr_err *err)
{
    return run_text(self, "DELETE FROM tag WHERE resource = ?1", arn, err) &&
           run_text(self, "DELETE FROM alias WHERE arn = ?1", arn, err);
}

// --- tags ---

static bool tag_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self, struct sr_err *err)
{
    const char *key, *value;
    return sr_db_text(stmt, 0, &key, err) && sr_db_text(stmt, 1, &value, err) &&
           (*(const store_tag_fn *)fn)(fn_self, key, value, err);
}

bool store_sqlite_tag_put(void *self, const char *resource, const char *key, const char *value,
                          struct sr_err *err)
{
    const char *const texts[] = { resource, key, value };
    return run_texts(self, "INSERT OR REPLACE INTO tag(resource, key, value) VALUES(?1, ?2, ?3)",
                     texts, 3, err);
}

bool store_sqlite_tag_drop(void *self, const char *resource, const char *key, struct sr_err *err)
{
    const char *const texts[] = { resource, key };
    return run_texts(self, "DELETE FROM tag WHERE resource = ?1 AND key = ?2", texts, 2, err);
}

bool store_sqlite_tag_each(void *self, const char *resource, store_tag_fn fn, void *fn_self,
                           struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return prepare(self, "SELECT key, value FROM tag WHERE resource = ?1 ORDER BY key", &resource,
                   1, &stmt, err) &&
           sqlite_each_row(stmt, tag_here, &fn, fn_self, NULL, err);
}

// --- activities ---

static bool activity_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self,
                          struct sr_err *err)
{
    struct store_activity activity = { .created_us = sr_db_i64(stmt, 2) };
    return sr_db_text(stmt, 0, &activity.arn, err) && sr_db_text(stmt, 1, &activity.name, err) &&
           (*(const store_activity_fn *)fn)(fn_self, &activity, err);
}

bool store_sqlite_activity_put(void *self, const struct store_activity *activity,
                               struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    const char *const texts[] = { activity->arn, activity->name };
    if (!prepare(self, "INSERT INTO activity(arn, name, created_us) VALUES(?1, ?2, ?3)", texts, 2,
                 &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 3, activity->created_us);
    return sr_db_run(stmt, err);
}

bool store_sqlite_activity_get(void *self, const char *arn, store_activity_fn fn, void *fn_self,
                               struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return prepare(self, "SELECT arn, name, created_us FROM activity WHERE arn = ?1", &arn, 1,
                   &stmt, err) &&
           sqlite_each_row(stmt, activity_here, &fn, fn_self, "activity", err);
}

bool store_sqlite_activity_each(void *self, const char *after, store_activity_fn fn, void *fn_self,
                                struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return prepare(self, "SELECT arn, name, created_us FROM activity WHERE arn > ?1 ORDER BY arn",
                   &after, 1, &stmt, err) &&
           sqlite_each_row(stmt, activity_here, &fn, fn_self, NULL, err);
}

bool store_sqlite_activity_drop(void *self, const char *arn, struct sr_err *err)
{
    return run_text(self, "DELETE FROM tag WHERE resource = ?1", arn, err) &&
           run_text(self, "DELETE FROM activity WHERE arn = ?1", arn, err);
}
