// Logs in pages, map runs with their child executions, and the collector of old executions.
#include "statemachine/store_sqlite_priv.h"

static bool entry_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self, struct sr_err *err)
{
    const char *entry;
    return sr_db_text(stmt, 1, &entry, err) &&
           (*(const store_log_fn *)fn)(fn_self, sr_db_i64(stmt, 0), entry, err);
}

bool store_sqlite_log_from(void *self, int64_t execution, int64_t seq, bool backwards,
                           store_log_fn fn, void *fn_self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(
               self,
               backwards
                   ? "SELECT seq, entry FROM log WHERE execution = ?1 AND seq <= ?2 ORDER BY seq DESC"
                   : "SELECT seq, entry FROM log WHERE execution = ?1 AND seq >= ?2 ORDER BY seq",
               SQLITE_VALUES(sqlite_i64(execution), sqlite_i64(seq)), &stmt, err) &&
           sqlite_each_row(stmt, entry_here, &fn, fn_self, NULL, err);
}

// --- map runs ---

bool store_sqlite_map_run_put(void *self, const struct store_map_run *run, struct sr_err *err)
{
    return sqlite_change(self,
                         "INSERT INTO map_run(execution, op, arn, status, numbers, started_us) "
                         "VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                         SQLITE_VALUES(sqlite_i64(run->execution), sqlite_i64((int64_t)run->op),
                                       sqlite_text(run->arn), sqlite_i64(run->status),
                                       sqlite_text(run->numbers), sqlite_i64(run->started_us)),
                         err);
}

bool store_sqlite_map_run_set(void *self, const struct store_map_run *run, int64_t at_us,
                              struct sr_err *err)
{
    return sqlite_change(
        self,
        "UPDATE map_run SET status = ?3, numbers = coalesce(?4, numbers), "
        "redriven_us = CASE WHEN status != 0 AND ?3 = 0 THEN ?5 ELSE redriven_us END, "
        "stopped_us = CASE WHEN ?3 = 0 THEN NULL ELSE ?5 END WHERE execution = ?1 AND op = ?2",
        SQLITE_VALUES(sqlite_i64(run->execution), sqlite_i64((int64_t)run->op),
                      sqlite_i64(run->status), sqlite_text(run->numbers), sqlite_i64(at_us)),
        err);
}

#define MAP_RUN_COLUMNS                                                                            \
    "SELECT execution, op, arn, status, numbers, started_us, stopped_us, redriven_us FROM map_run "

static bool map_run_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self, struct sr_err *err)
{
    struct store_map_run run = {
        .execution = sr_db_i64(stmt, 0),
        .op = (uint64_t)sr_db_i64(stmt, 1),
        .status = (int)sr_db_i64(stmt, 3),
        .started_us = sr_db_i64(stmt, 5),
        .stopped_us = sr_db_i64(stmt, 6),
        .redriven_us = sr_db_i64(stmt, 7),
    };
    return sr_db_text(stmt, 2, &run.arn, err) && sr_db_text(stmt, 4, &run.numbers, err) &&
           (*(const store_map_run_fn *)fn)(fn_self, &run, err);
}

bool store_sqlite_map_run_get(void *self, const char *arn, store_map_run_fn fn, void *fn_self,
                              struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self, MAP_RUN_COLUMNS "WHERE arn = ?1", SQLITE_VALUES(sqlite_text(arn)),
                        &stmt, err) &&
           sqlite_each_row(stmt, map_run_here, &fn, fn_self, "map run", err);
}

bool store_sqlite_map_run_get_op(void *self, int64_t execution, uint64_t op, store_map_run_fn fn,
                                 void *fn_self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self, MAP_RUN_COLUMNS "WHERE execution = ?1 AND op = ?2",
                        SQLITE_VALUES(sqlite_i64(execution), sqlite_i64((int64_t)op)), &stmt,
                        err) &&
           sqlite_each_row(stmt, map_run_here, &fn, fn_self, "map run", err);
}

bool store_sqlite_map_run_each(void *self, int64_t execution, uint64_t after_op,
                               store_map_run_fn fn, void *fn_self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self, MAP_RUN_COLUMNS "WHERE execution = ?1 AND op > ?2 ORDER BY op",
                        SQLITE_VALUES(sqlite_i64(execution), sqlite_i64((int64_t)after_op)), &stmt,
                        err) &&
           sqlite_each_row(stmt, map_run_here, &fn, fn_self, NULL, err);
}

// --- child executions ---

bool store_sqlite_child_put(void *self, const struct store_child *child, struct sr_err *err)
{
    return sqlite_change(
        self,
        "INSERT INTO child(execution, op, run, arn, items, status, started_us, first_seq) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        SQLITE_VALUES(sqlite_i64(child->execution), sqlite_i64((int64_t)child->op),
                      sqlite_i64((int64_t)child->run), sqlite_text(child->arn),
                      sqlite_i64(child->items), sqlite_i64(child->status),
                      sqlite_i64(child->started_us), sqlite_i64(child->first_seq)),
        err);
}

bool store_sqlite_child_set(void *self, const struct store_child *child, int64_t at_us,
                            struct sr_err *err)
{
    return sqlite_change(
        self,
        "UPDATE child SET redrive_count = redrive_count + (status != 0 AND ?3 = 0), "
        "redriven_us = CASE WHEN status != 0 AND ?3 = 0 THEN ?5 ELSE redriven_us END, "
        "status = ?3, last_seq = CASE WHEN ?3 = 0 THEN NULL ELSE ?4 END, "
        "stopped_us = CASE WHEN ?3 = 0 THEN NULL ELSE ?5 END "
        "WHERE execution = ?1 AND op = ?2",
        SQLITE_VALUES(sqlite_i64(child->execution), sqlite_i64((int64_t)child->op),
                      sqlite_i64(child->status), sqlite_i64(child->last_seq), sqlite_i64(at_us)),
        err);
}

#define CHILD_COLUMNS                                                                              \
    "SELECT execution, op, run, arn, items, status, started_us, stopped_us, redrive_count, "       \
    "redriven_us, first_seq, last_seq FROM child "

static bool child_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self, struct sr_err *err)
{
    struct store_child child = {
        .execution = sr_db_i64(stmt, 0),
        .op = (uint64_t)sr_db_i64(stmt, 1),
        .run = (uint64_t)sr_db_i64(stmt, 2),
        .items = sr_db_i64(stmt, 4),
        .status = (int)sr_db_i64(stmt, 5),
        .started_us = sr_db_i64(stmt, 6),
        .stopped_us = sr_db_i64(stmt, 7),
        .redrive_count = sr_db_i64(stmt, 8),
        .redriven_us = sr_db_i64(stmt, 9),
        .first_seq = sr_db_i64(stmt, 10),
        .last_seq = sr_db_i64(stmt, 11),
    };
    return sr_db_text(stmt, 3, &child.arn, err) &&
           (*(const store_child_fn *)fn)(fn_self, &child, err);
}

bool store_sqlite_child_get(void *self, const char *arn, store_child_fn fn, void *fn_self,
                            struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self, CHILD_COLUMNS "WHERE arn = ?1", SQLITE_VALUES(sqlite_text(arn)),
                        &stmt, err) &&
           sqlite_each_row(stmt, child_here, &fn, fn_self, "execution", err);
}

bool store_sqlite_child_each(void *self, int64_t execution, uint64_t run, int status,
                             uint64_t before_op, store_child_fn fn, void *fn_self,
                             struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self,
                        CHILD_COLUMNS
                        "WHERE execution = ?1 AND run = ?2 AND (?3 < 0 OR status = ?3) AND op < ?4 "
                        "ORDER BY op DESC",
                        SQLITE_VALUES(sqlite_i64(execution), sqlite_i64((int64_t)run),
                                      sqlite_i64(status), sqlite_i64((int64_t)before_op)),
                        &stmt, err) &&
           sqlite_each_row(stmt, child_here, &fn, fn_self, NULL, err);
}

static bool count_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self, struct sr_err *err)
{
    return (*(const store_count_fn *)fn)(fn_self, (int)sr_db_i64(stmt, 0), sr_db_i64(stmt, 1),
                                         sr_db_i64(stmt, 2), err);
}

bool store_sqlite_child_count(void *self, int64_t execution, uint64_t run, store_count_fn fn,
                              void *fn_self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self,
                        "SELECT status, count(*), sum(items) FROM child WHERE execution = ?1 AND "
                        "run = ?2 GROUP BY status",
                        SQLITE_VALUES(sqlite_i64(execution), sqlite_i64((int64_t)run)), &stmt,
                        err) &&
           sqlite_each_row(stmt, count_here, &fn, fn_self, NULL, err);
}

bool store_sqlite_execution_drop(void *self, int64_t id, bool log_only, struct sr_err *err)
{
    static const char *const steps[] = {
        "DELETE FROM log WHERE execution = ?1",
        "DELETE FROM child WHERE execution = ?1",
        "DELETE FROM map_run WHERE execution = ?1",
        "DELETE FROM execution WHERE id = ?1",
    };
    struct sqlite *sqlite = self;
    for (size_t i = 0; i < (log_only ? 1 : sizeof steps / sizeof *steps); i++) {
        sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
        if (!sr_db_prepare(sqlite->db, steps[i], &stmt, err))
            return false;
        sr_db_bind_i64(stmt, 1, id);
        if (!sr_db_run(stmt, err))
            return false;
    }
    return true;
}

// --- the collector ---

// What is being removed has no machine any more, so that nobody sees a part of it.
static bool find_old(struct sqlite *sqlite, int64_t before_us, int64_t *ret_id, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer begun = NULL, old = NULL, hide = NULL;
    bool row;
    *ret_id = 0;
    if (!sr_db_prepare(sqlite->db, "SELECT id FROM execution WHERE machine = '' LIMIT 1", &begun,
                       err) ||
        !sr_db_step(begun, &row, err))
        return false;
    if (row) {
        *ret_id = sr_db_i64(begun, 0);
        return true;
    }
    if (!sqlite_query(sqlite,
                      "SELECT id FROM execution WHERE stopped_us < ?1 ORDER BY stopped_us LIMIT 1",
                      SQLITE_VALUES(sqlite_i64(before_us)), &old, err))
        return false;
    if (!sr_db_step(old, &row, err))
        return false;
    if (!row)
        return true;
    *ret_id = sr_db_i64(old, 0);
    return sqlite_change(
        sqlite,
        "UPDATE execution SET machine = '', arn = 'collected:' || id, name = '', parent = NULL "
        "WHERE id = ?1",
        SQLITE_VALUES(sqlite_i64(*ret_id)), err);
}

// Removes at most *room rows of one execution and takes them off *room.
static bool remove_rows(struct sqlite *sqlite, const char *sql, int64_t id, int64_t *room,
                        struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (*room <= 0)
        return true;
    if (!sqlite_query(sqlite, sql, SQLITE_VALUES(sqlite_i64(id), sqlite_i64(*room)), &stmt, err))
        return false;
    if (!sr_db_run(stmt, err))
        return false;
    *room -= sr_db_changes(sqlite->db);
    return true;
}

bool store_sqlite_collect(void *self, int64_t before_us, int64_t row_max, bool *ret_more,
                          struct sr_err *err)
{
    static const char *const steps[] = {
        "DELETE FROM log WHERE execution = ?1 AND seq IN "
        "(SELECT seq FROM log WHERE execution = ?1 ORDER BY seq LIMIT ?2)",
        "DELETE FROM child WHERE execution = ?1 AND op IN "
        "(SELECT op FROM child WHERE execution = ?1 ORDER BY op LIMIT ?2)",
        "DELETE FROM map_run WHERE execution = ?1 AND op IN "
        "(SELECT op FROM map_run WHERE execution = ?1 ORDER BY op LIMIT ?2)",
        "DELETE FROM execution WHERE id = ?1 AND ?2 > 0",
    };
    int64_t room = row_max;
    while (room > 0) {
        int64_t id;
        if (!find_old(self, before_us, &id, err))
            return false;
        *ret_more = id != 0;
        if (!id)
            return true;
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            if (!remove_rows(self, steps[i], id, &room, err))
                return false;
        }
    }
    return true;
}
