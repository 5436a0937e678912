#include "statemachine/store_sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "statemachine/store_sqlite_priv.h"

SR_EMBED(store_sqlite_0001, "statemachine/migrations/0001_init.sql");
SR_EMBED(store_sqlite_0002, "statemachine/migrations/0002_registry.sql");
SR_EMBED(store_sqlite_0003, "statemachine/migrations/0003_history.sql");
SR_EMBED(store_sqlite_0004, "statemachine/migrations/0004_priority.sql");

enum { STORE_BUSY_US_MAX = 10000000 };

bool sqlite_query(struct sqlite *sqlite, const char *sql, const struct sqlite_value *values,
                  struct sr_db_stmt **ret_stmt, struct sr_err *err)
{
    if (!sr_db_prepare(sqlite->db, sql, ret_stmt, err))
        return false;
    for (int i = 0; values[i].type != SQLITE_END; i++) {
        switch (values[i].type) {
        case SQLITE_I64: sr_db_bind_i64(*ret_stmt, i + 1, values[i].number); break;
        case SQLITE_TEXT: sr_db_bind_text(*ret_stmt, i + 1, values[i].text); break;
        default: sr_db_bind_null(*ret_stmt, i + 1); break;
        }
    }
    return true;
}

bool sqlite_change(struct sqlite *sqlite, const char *sql, const struct sqlite_value *values,
                   struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(sqlite, sql, values, &stmt, err) && sr_db_run(stmt, err);
}

bool sqlite_each_row(struct sr_db_stmt *stmt, sqlite_row_fn row_here, const void *fn, void *fn_self,
                     const char *one, struct sr_err *err)
{
    size_t count = 0;
    for (bool row = true;; count++) {
        if (!sr_db_step(stmt, &row, err))
            return false;
        if (!row)
            return !one || count || sr_fail(err, SR_ERR_NOT_FOUND, "no such %s", one);
        if (!row_here(stmt, fn, fn_self, err))
            return false;
    }
}

static bool sqlite_begin(void *self, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    if (sqlite->depth == STORE_TX_DEPTH_MAX)
        return sr_fail(err, SR_ERR_INTERNAL, "transactions nested more than %d deep",
                       STORE_TX_DEPTH_MAX);
    if (!sr_db_begin(sqlite->db, &sqlite->tx[sqlite->depth], err))
        return false;
    sqlite->depth++;
    return true;
}

static void sqlite_rollback(void *self)
{
    struct sqlite *sqlite = self;
    if (sqlite->depth)
        sr_db_rollback(&sqlite->tx[--sqlite->depth]);
}

static bool sqlite_commit(void *self, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    if (!sr_db_commit(&sqlite->tx[sqlite->depth - 1], err))
        return false;
    sqlite->depth--;
    return true;
}

static bool sqlite_machine_put(void *self, const struct store_machine *machine,
                               int64_t *ret_revision, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer revision = NULL, put = NULL;
    if (!sqlite_query(
            sqlite,
            "INSERT INTO revision(machine, definition, role, created_us, name, type, uuid, settings) "
            "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            SQLITE_VALUES(
                sqlite_text(machine->arn), sqlite_text(machine->definition),
                sqlite_text(machine->role),
                sqlite_i64(machine->revised_us ? machine->revised_us : machine->created_us),
                sqlite_text(machine->name), sqlite_i64(machine->type), sqlite_text(machine->uuid),
                sqlite_text(machine->settings)),
            &revision, err))
        return false;
    if (!sr_db_run(revision, err))
        return false;
    const int64_t number = sr_db_last_rowid(sqlite->db);
    if (!sqlite_query(
            sqlite,
            "INSERT INTO machine(arn, name, type, revision, created_us) VALUES(?1, ?2, ?3, ?4, ?5) "
            "ON CONFLICT(arn) DO UPDATE SET revision = excluded.revision",
            SQLITE_VALUES(sqlite_text(machine->arn), sqlite_text(machine->name),
                          sqlite_i64(machine->type), sqlite_i64(number),
                          sqlite_i64(machine->created_us)),
            &put, err))
        return false;
    if (!sr_db_run(put, err))
        return false;
    *ret_revision = number;
    return true;
}

#define MACHINE_COLUMNS                                                                            \
    "SELECT m.arn, m.name, m.type, r.id, r.definition, r.role, m.created_us, r.uuid, r.settings, " \
    "r.created_us FROM machine m JOIN revision r ON r.id = m.revision "

static bool machine_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self, struct sr_err *err)
{
    struct store_machine machine = { 0 };
    machine.type = (int)sr_db_i64(stmt, 2);
    machine.revision = sr_db_i64(stmt, 3);
    machine.created_us = sr_db_i64(stmt, 6);
    machine.revised_us = sr_db_i64(stmt, 9);
    return sr_db_text(stmt, 0, &machine.arn, err) && sr_db_text(stmt, 1, &machine.name, err) &&
           sr_db_text(stmt, 4, &machine.definition, err) &&
           sr_db_text(stmt, 5, &machine.role, err) && sr_db_text(stmt, 7, &machine.uuid, err) &&
           sr_db_text(stmt, 8, &machine.settings, err) &&
           (*(const store_machine_fn *)fn)(fn_self, &machine, err);
}

static bool machine_row(struct sr_db_stmt *stmt, store_machine_fn fn, void *fn_self,
                        const char *what, struct sr_err *err)
{
    bool row;
    if (!sr_db_step(stmt, &row, err))
        return false;
    return row ? machine_here(stmt, &fn, fn_self, err)
               : sr_fail(err, SR_ERR_NOT_FOUND, "no state machine %s", what);
}

static bool sqlite_machine_each(void *self, const char *after_arn, store_machine_fn fn,
                                void *fn_self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self, MACHINE_COLUMNS "WHERE m.arn > ?1 ORDER BY m.arn",
                        SQLITE_VALUES(sqlite_text(after_arn ? after_arn : "")), &stmt, err) &&
           sqlite_each_row(stmt, machine_here, &fn, fn_self, NULL, err);
}

static bool sqlite_machine_get(void *self, const char *arn, store_machine_fn fn, void *fn_self,
                               struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self, MACHINE_COLUMNS "WHERE m.arn = ?1", SQLITE_VALUES(sqlite_text(arn)),
                        &stmt, err) &&
           machine_row(stmt, fn, fn_self, arn, err);
}

static bool sqlite_revision_get(void *self, int64_t revision, store_machine_fn fn, void *fn_self,
                                struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(
               self,
               "SELECT machine, name, type, id, definition, role, created_us, uuid, settings, created_us "
               "FROM revision WHERE id = ?1",
               SQLITE_VALUES(sqlite_i64(revision)), &stmt, err) &&
           machine_row(stmt, fn, fn_self, "of that revision", err);
}

static bool sqlite_execution_put(void *self, const struct store_execution *execution,
                                 int64_t *ret_id, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (!sqlite_query(
            sqlite,
            "INSERT INTO execution(arn, name, machine, revision, status, input, started_us, parent, parent_op, "
            "version, alias, express, id) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
            "max(?13, (SELECT coalesce(max(id), 0) FROM execution)) + 1)",
            SQLITE_VALUES(sqlite_text(execution->arn), sqlite_text(execution->name),
                          sqlite_text(execution->machine), sqlite_i64(execution->revision),
                          sqlite_i64(execution->status), sqlite_text(execution->input),
                          sqlite_i64(execution->started_us), sqlite_some(execution->parent),
                          sqlite_some((int64_t)execution->parent_op),
                          sqlite_text(execution->version), sqlite_text(execution->alias),
                          sqlite_i64(execution->express), sqlite_i64(sqlite->execution_last)),
            &stmt, err))
        return false;
    if (!sr_db_run(stmt, err))
        return false;
    *ret_id = sqlite->execution_last = sr_db_last_rowid(sqlite->db);
    return true;
}

#define EXECUTION_COLUMNS                                                                                            \
    "SELECT id, arn, name, machine, revision, status, input, output, error, cause, started_us, stopped_us, parent, " \
    "parent_op, version, alias, express, redrive_count, redriven_us FROM execution "

static bool execution_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self,
                           struct sr_err *err)
{
    struct store_execution execution = { 0 };
    execution.id = sr_db_i64(stmt, 0);
    execution.revision = sr_db_i64(stmt, 4);
    execution.status = (int)sr_db_i64(stmt, 5);
    execution.started_us = sr_db_i64(stmt, 10);
    execution.stopped_us = sr_db_i64(stmt, 11);
    execution.parent = sr_db_i64(stmt, 12);
    execution.parent_op = (uint64_t)sr_db_i64(stmt, 13);
    execution.express = sr_db_i64(stmt, 16) != 0;
    execution.redrive_count = sr_db_i64(stmt, 17);
    execution.redriven_us = sr_db_i64(stmt, 18);
    return sr_db_text(stmt, 1, &execution.arn, err) && sr_db_text(stmt, 2, &execution.name, err) &&
           sr_db_text(stmt, 3, &execution.machine, err) &&
           sr_db_text(stmt, 6, &execution.input, err) &&
           sr_db_text(stmt, 7, &execution.output, err) &&
           sr_db_text(stmt, 8, &execution.error, err) &&
           sr_db_text(stmt, 9, &execution.cause, err) &&
           sr_db_text(stmt, 14, &execution.version, err) &&
           sr_db_text(stmt, 15, &execution.alias, err) &&
           (*(const store_execution_fn *)fn)(fn_self, &execution, err);
}

static bool execution_row(struct sr_db_stmt *stmt, store_execution_fn fn, void *fn_self,
                          struct sr_err *err)
{
    bool row;
    if (!sr_db_step(stmt, &row, err))
        return false;
    return row ? execution_here(stmt, &fn, fn_self, err)
               : sr_fail(err, SR_ERR_NOT_FOUND, "no such execution");
}

static bool execution_rows(struct sr_db_stmt *stmt, store_execution_fn fn, void *fn_self,
                           struct sr_err *err)
{
    return sqlite_each_row(stmt, execution_here, &fn, fn_self, NULL, err);
}

static bool sqlite_execution_each(void *self, const char *machine, int status, int64_t before_us,
                                  int64_t before_id, store_execution_fn fn, void *fn_self,
                                  struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(
               self,
               EXECUTION_COLUMNS
               "WHERE machine = ?1 AND (?2 < 0 OR status = ?2) AND (started_us, id) < (?3, ?4) "
               "ORDER BY started_us DESC, id DESC",
               SQLITE_VALUES(sqlite_text(machine), sqlite_i64(status), sqlite_i64(before_us),
                             sqlite_i64(before_id)),
               &stmt, err) &&
           execution_rows(stmt, fn, fn_self, err);
}

static bool sqlite_execution_get(void *self, const char *arn, store_execution_fn fn, void *fn_self,
                                 struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self, EXECUTION_COLUMNS "WHERE arn = ?1", SQLITE_VALUES(sqlite_text(arn)),
                        &stmt, err) &&
           execution_row(stmt, fn, fn_self, err);
}

// Without the rest of the row, whose texts may be large.
static bool sqlite_execution_id(void *self, const char *arn, int64_t *ret_id, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    bool row;
    if (!sqlite_query(self, "SELECT id FROM execution WHERE arn = ?1",
                      SQLITE_VALUES(sqlite_text(arn)), &stmt, err))
        return false;
    if (!sr_db_step(stmt, &row, err))
        return false;
    if (!row)
        return sr_fail(err, SR_ERR_NOT_FOUND, "no such execution");
    *ret_id = sr_db_i64(stmt, 0);
    return true;
}

static bool sqlite_execution_get_id(void *self, int64_t id, store_execution_fn fn, void *fn_self,
                                    struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self, EXECUTION_COLUMNS "WHERE id = ?1", SQLITE_VALUES(sqlite_i64(id)),
                        &stmt, err) &&
           execution_row(stmt, fn, fn_self, err);
}

static bool sqlite_execution_get_child(void *self, int64_t parent, uint64_t parent_op,
                                       store_execution_fn fn, void *fn_self, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (!sr_db_prepare(sqlite->db, EXECUTION_COLUMNS "WHERE parent = ?1 AND parent_op = ?2", &stmt,
                       err))
        return false;
    sr_db_bind_i64(stmt, 1, parent);
    sr_db_bind_i64(stmt, 2, (int64_t)parent_op);
    return execution_row(stmt, fn, fn_self, err);
}

static bool sqlite_execution_find(void *self, const struct store_execution_query *query,
                                  store_execution_fn fn, void *fn_self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(
               self,
               EXECUTION_COLUMNS
               "WHERE machine = ?1 AND (?6 IS NULL OR version = ?6) AND (?7 IS NULL OR alias = ?7) "
               "AND (?2 < 0 OR status = ?2) AND (?3 < 0 OR (redrive_count > 0) = ?3) "
               "AND (started_us, id) < (?4, ?5) ORDER BY started_us DESC, id DESC",
               SQLITE_VALUES(sqlite_text(query->machine), sqlite_i64(query->status),
                             sqlite_i64(query->redriven), sqlite_i64(query->before_us),
                             sqlite_i64(query->before_id), sqlite_text(query->version),
                             sqlite_text(query->alias)),
               &stmt, err) &&
           execution_rows(stmt, fn, fn_self, err);
}

static bool sqlite_execution_status(void *self, const struct store_execution *execution,
                                    struct sr_err *err)
{
    return sqlite_change(
        self,
        "UPDATE execution SET status = ?2, output = ?3, error = ?4, cause = ?5, stopped_us = ?6, "
        "redrive_count = redrive_count + (?7 IS NOT NULL), redriven_us = coalesce(?7, redriven_us) "
        "WHERE id = ?1",
        SQLITE_VALUES(sqlite_i64(execution->id), sqlite_i64(execution->status),
                      sqlite_text(execution->output), sqlite_text(execution->error),
                      sqlite_text(execution->cause), sqlite_some(execution->stopped_us),
                      sqlite_some(execution->redriven_us)),
        err);
}

static bool sqlite_log_append(void *self, int64_t execution, int64_t seq, const char *entry,
                              struct sr_err *err)
{
    return sqlite_change(self, "INSERT INTO log(execution, seq, entry) VALUES(?1, ?2, ?3)",
                         SQLITE_VALUES(sqlite_i64(execution), sqlite_i64(seq), sqlite_text(entry)),
                         err);
}

static bool sqlite_log_each(void *self, int64_t execution, store_log_fn fn, void *fn_self,
                            struct sr_err *err)
{
    return store_sqlite_log_from(self, execution, INT64_MIN, false, fn, fn_self, err);
}

static void sqlite_close(void *self)
{
    struct sqlite *sqlite = self;
    while (sqlite->depth)
        sqlite_rollback(sqlite);
    sr_db_close(sqlite->db);
    free(sqlite);
}

static const struct store_ops sqlite_ops = {
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .machine_put = sqlite_machine_put,
    .machine_get = sqlite_machine_get,
    .revision_get = sqlite_revision_get,
    .machine_each = sqlite_machine_each,
    .execution_each = sqlite_execution_each,
    .execution_put = sqlite_execution_put,
    .execution_get = sqlite_execution_get,
    .execution_id = sqlite_execution_id,
    .execution_get_id = sqlite_execution_get_id,
    .execution_get_child = sqlite_execution_get_child,
    .execution_find = sqlite_execution_find,
    .execution_status = sqlite_execution_status,
    .log_append = sqlite_log_append,
    .log_each = sqlite_log_each,
    .log_from = store_sqlite_log_from,
    .map_run_put = store_sqlite_map_run_put,
    .map_run_set = store_sqlite_map_run_set,
    .map_run_get = store_sqlite_map_run_get,
    .map_run_get_op = store_sqlite_map_run_get_op,
    .map_run_each = store_sqlite_map_run_each,
    .child_put = store_sqlite_child_put,
    .child_set = store_sqlite_child_set,
    .child_get = store_sqlite_child_get,
    .child_each = store_sqlite_child_each,
    .child_count = store_sqlite_child_count,
    .execution_drop = store_sqlite_execution_drop,
    .collect = store_sqlite_collect,
    .task_put = store_sqlite_task_put,
    .task_set = store_sqlite_task_set,
    .task_drop = store_sqlite_task_drop,
    .task_each = store_sqlite_task_each,
    .task_each_of = store_sqlite_task_each_of,
    .timer_put = store_sqlite_timer_put,
    .timer_drop = store_sqlite_timer_drop,
    .timer_each = store_sqlite_timer_each,
    .waits_drop = store_sqlite_waits_drop,
    .count = store_sqlite_count,
    .machine_drop = store_sqlite_machine_drop,
    .version_put = store_sqlite_version_put,
    .version_get = store_sqlite_version_get,
    .version_each = store_sqlite_version_each,
    .version_drop = store_sqlite_version_drop,
    .alias_put = store_sqlite_alias_put,
    .alias_get = store_sqlite_alias_get,
    .alias_each = store_sqlite_alias_each,
    .alias_drop = store_sqlite_alias_drop,
    .tag_put = store_sqlite_tag_put,
    .tag_drop = store_sqlite_tag_drop,
    .tag_each = store_sqlite_tag_each,
    .activity_put = store_sqlite_activity_put,
    .activity_get = store_sqlite_activity_get,
    .activity_each = store_sqlite_activity_each,
    .activity_drop = store_sqlite_activity_drop,
    .close = sqlite_close,
};

static bool open_store(const char *path, bool read_only, struct store *ret_store,
                       struct sr_err *err)
{
    const struct sr_db_migration migrations[] = {
        { "0001_init", store_sqlite_0001, strlen(store_sqlite_0001) },
        { "0002_registry", store_sqlite_0002, strlen(store_sqlite_0002) },
        { "0003_history", store_sqlite_0003, strlen(store_sqlite_0003) },
        { "0004_priority", store_sqlite_0004, strlen(store_sqlite_0004) },
    };
    const struct sr_db_params params = { .path = path,
                                         .migrations = migrations,
                                         .migration_count = sizeof migrations / sizeof *migrations,
                                         .busy_us_max = STORE_BUSY_US_MAX,
                                         .read_only = read_only };
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (!sqlite)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a store");
    if (!sr_db_open(&params, &sqlite->db, err)) {
        free(sqlite);
        return false;
    }
    *ret_store = (struct store){ &sqlite_ops, sqlite };
    return true;
}

bool store_sqlite_open(const char *path, struct store *ret_store, struct sr_err *err)
{
    return open_store(path, false, ret_store, err);
}

bool store_sqlite_open_reader(const char *path, struct store *ret_store, struct sr_err *err)
{
    return open_store(path, true, ret_store, err);
}
