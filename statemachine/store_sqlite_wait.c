// What executions wait for: tasks and timers.
#include "statemachine/store_sqlite_priv.h"

bool store_sqlite_task_put(void *self, const struct store_task *task, struct sr_err *err)
{
    return sqlite_change(
        self,
        "INSERT OR REPLACE INTO task(execution, op, kind, resource, payload, token, created_us, "
        "timeout_at_us, heartbeat_s, heartbeat_at_us, taken, priority) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        SQLITE_VALUES(sqlite_i64(task->execution), sqlite_i64((int64_t)task->op),
                      sqlite_i64(task->kind), sqlite_text(task->resource),
                      sqlite_text(task->payload), sqlite_text(task->token),
                      sqlite_i64(task->created_us), sqlite_some(task->timeout_at_us),
                      sqlite_i64(task->heartbeat_s), sqlite_some(task->heartbeat_at_us),
                      sqlite_i64(task->taken), sqlite_i64(task->priority)),
        err);
}

bool store_sqlite_task_set(void *self, const struct store_task *task, bool *ret_there,
                           struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (!sqlite_query(sqlite,
                      "UPDATE task SET heartbeat_at_us = ?3, taken = ?4 "
                      "WHERE execution = ?1 AND op = ?2",
                      SQLITE_VALUES(sqlite_i64(task->execution), sqlite_i64((int64_t)task->op),
                                    sqlite_some(task->heartbeat_at_us), sqlite_i64(task->taken)),
                      &stmt, err))
        return false;
    if (!sr_db_run(stmt, err))
        return false;
    *ret_there = sr_db_changes(sqlite->db) > 0;
    return true;
}

static bool drop_one(struct sqlite *sqlite, const char *sql, int64_t execution, uint64_t op,
                     struct sr_err *err)
{
    return sqlite_change(sqlite, sql, SQLITE_VALUES(sqlite_i64(execution), sqlite_i64((int64_t)op)),
                         err);
}

bool store_sqlite_task_drop(void *self, int64_t execution, uint64_t op, struct sr_err *err)
{
    return drop_one(self, "DELETE FROM task WHERE execution = ?1 AND op = ?2", execution, op, err);
}

bool store_sqlite_timer_drop(void *self, int64_t execution, uint64_t op, struct sr_err *err)
{
    return drop_one(self, "DELETE FROM timer WHERE execution = ?1 AND op = ?2", execution, op, err);
}

bool store_sqlite_waits_drop(void *self, int64_t execution, struct sr_err *err)
{
    return sqlite_change(self, "DELETE FROM task WHERE execution = ?1",
                         SQLITE_VALUES(sqlite_i64(execution)), err) &&
           sqlite_change(self, "DELETE FROM timer WHERE execution = ?1",
                         SQLITE_VALUES(sqlite_i64(execution)), err);
}

static bool task_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self, struct sr_err *err)
{
    struct store_task task = {
        .execution = sr_db_i64(stmt, 0),
        .op = (uint64_t)sr_db_i64(stmt, 1),
        .kind = (enum store_task_kind)sr_db_i64(stmt, 2),
        .created_us = sr_db_i64(stmt, 6),
        .timeout_at_us = sr_db_i64(stmt, 7),
        .heartbeat_s = sr_db_i64(stmt, 8),
        .heartbeat_at_us = sr_db_i64(stmt, 9),
        .taken = sr_db_i64(stmt, 10) != 0,
        .priority = sr_db_i64(stmt, 11),
    };
    return sr_db_text(stmt, 3, &task.resource, err) && sr_db_text(stmt, 4, &task.payload, err) &&
           sr_db_text(stmt, 5, &task.token, err) &&
           (*(const store_task_fn *)fn)(fn_self, &task, err);
}

#define TASK_COLUMNS                                                                               \
    "SELECT execution, op, kind, resource, payload, token, created_us, timeout_at_us, "            \
    "heartbeat_s, heartbeat_at_us, taken, priority FROM task "

bool store_sqlite_task_each(void *self, store_task_fn fn, void *fn_self, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sr_db_prepare(sqlite->db, TASK_COLUMNS "ORDER BY created_us, execution, op", &stmt,
                         err) &&
           sqlite_each_row(stmt, task_here, &fn, fn_self, NULL, err);
}

bool store_sqlite_task_each_of(void *self, int64_t execution, store_task_fn fn, void *fn_self,
                               struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sqlite_query(self, TASK_COLUMNS "WHERE execution = ?1 ORDER BY op",
                        SQLITE_VALUES(sqlite_i64(execution)), &stmt, err) &&
           sqlite_each_row(stmt, task_here, &fn, fn_self, NULL, err);
}

bool store_sqlite_timer_put(void *self, const struct store_timer *timer, struct sr_err *err)
{
    return sqlite_change(self,
                         "INSERT OR REPLACE INTO timer(execution, op, at_us) VALUES(?1, ?2, ?3)",
                         SQLITE_VALUES(sqlite_i64(timer->execution), sqlite_i64((int64_t)timer->op),
                                       sqlite_i64(timer->at_us)),
                         err);
}

static bool timer_here(struct sr_db_stmt *stmt, const void *fn, void *fn_self, struct sr_err *err)
{
    const struct store_timer timer = { sr_db_i64(stmt, 0), (uint64_t)sr_db_i64(stmt, 1),
                                       sr_db_i64(stmt, 2) };
    return (*(const store_timer_fn *)fn)(fn_self, &timer, err);
}

bool store_sqlite_timer_each(void *self, store_timer_fn fn, void *fn_self, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    return sr_db_prepare(sqlite->db,
                         "SELECT execution, op, at_us FROM timer ORDER BY at_us, execution, op",
                         &stmt, err) &&
           sqlite_each_row(stmt, timer_here, &fn, fn_self, NULL, err);
}
