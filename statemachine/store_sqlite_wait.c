// What executions wait for: tasks and timers.
#include "statemachine/store_sqlite_priv.h"

bool store_sqlite_task_put(void *self, const struct store_task *task, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (!sr_db_prepare(
            sqlite->db,
            "INSERT OR REPLACE INTO task(execution, op, kind, resource, payload, token, created_us, "
            "timeout_at_us, heartbeat_s, heartbeat_at_us, taken) "
            "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, task->execution);
    sr_db_bind_i64(stmt, 2, (int64_t)task->op);
    sr_db_bind_i64(stmt, 3, task->kind);
    sr_db_bind_text(stmt, 4, task->resource);
    sr_db_bind_text(stmt, 5, task->payload);
    sr_db_bind_text(stmt, 6, task->token);
    sr_db_bind_i64(stmt, 7, task->created_us);
    bind_some(stmt, 8, task->timeout_at_us);
    sr_db_bind_i64(stmt, 9, task->heartbeat_s);
    bind_some(stmt, 10, task->heartbeat_at_us);
    sr_db_bind_i64(stmt, 11, task->taken);
    return sr_db_run(stmt, err);
}

bool store_sqlite_task_set(void *self, const struct store_task *task, bool *ret_there,
                           struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (!sr_db_prepare(sqlite->db,
                       "UPDATE task SET heartbeat_at_us = ?3, taken = ?4 "
                       "WHERE execution = ?1 AND op = ?2",
                       &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, task->execution);
    sr_db_bind_i64(stmt, 2, (int64_t)task->op);
    bind_some(stmt, 3, task->heartbeat_at_us);
    sr_db_bind_i64(stmt, 4, task->taken);
    if (!sr_db_run(stmt, err))
        return false;
    *ret_there = sr_db_changes(sqlite->db) > 0;
    return true;
}

static bool drop(struct sqlite *sqlite, const char *sql, int64_t execution, uint64_t op,
                 bool has_op, struct sr_err *err)
{
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (!sr_db_prepare(sqlite->db, sql, &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, execution);
    if (has_op)
        sr_db_bind_i64(stmt, 2, (int64_t)op);
    return sr_db_run(stmt, err);
}

bool store_sqlite_task_drop(void *self, int64_t execution, uint64_t op, struct sr_err *err)
{
    return drop(self, "DELETE FROM task WHERE execution = ?1 AND op = ?2", execution, op, true,
                err);
}

bool store_sqlite_timer_drop(void *self, int64_t execution, uint64_t op, struct sr_err *err)
{
    return drop(self, "DELETE FROM timer WHERE execution = ?1 AND op = ?2", execution, op, true,
                err);
}

bool store_sqlite_waits_drop(void *self, int64_t execution, struct sr_err *err)
{
    return drop(self, "DELETE FROM task WHERE execution = ?1", execution, 0, false, err) &&
           drop(self, "DELETE FROM timer WHERE execution = ?1", execution, 0, false, err);
}

bool store_sqlite_task_each(void *self, store_task_fn fn, void *fn_self, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (!sr_db_prepare(
            sqlite->db,
            "SELECT execution, op, kind, resource, payload, token, created_us, timeout_at_us, heartbeat_s, "
            "heartbeat_at_us, taken FROM task ORDER BY created_us, execution, op",
            &stmt, err))
        return false;
    for (bool row = true;;) {
        if (!sr_db_step(stmt, &row, err))
            return false;
        if (!row)
            return true;
        struct store_task task = {
            .execution = sr_db_i64(stmt, 0),
            .op = (uint64_t)sr_db_i64(stmt, 1),
            .kind = (enum store_task_kind)sr_db_i64(stmt, 2),
            .created_us = sr_db_i64(stmt, 6),
            .timeout_at_us = sr_db_i64(stmt, 7),
            .heartbeat_s = sr_db_i64(stmt, 8),
            .heartbeat_at_us = sr_db_i64(stmt, 9),
            .taken = sr_db_i64(stmt, 10) != 0,
        };
        if (!sr_db_text(stmt, 3, &task.resource, err) || !sr_db_text(stmt, 4, &task.payload, err) ||
            !sr_db_text(stmt, 5, &task.token, err) || !fn(fn_self, &task, err))
            return false;
    }
}

bool store_sqlite_timer_put(void *self, const struct store_timer *timer, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (!sr_db_prepare(sqlite->db,
                       "INSERT OR REPLACE INTO timer(execution, op, at_us) VALUES(?1, ?2, ?3)",
                       &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, timer->execution);
    sr_db_bind_i64(stmt, 2, (int64_t)timer->op);
    sr_db_bind_i64(stmt, 3, timer->at_us);
    return sr_db_run(stmt, err);
}

bool store_sqlite_timer_each(void *self, store_timer_fn fn, void *fn_self, struct sr_err *err)
{
    struct sqlite *sqlite = self;
    sr_auto(sr_db_stmt) stmt_pointer stmt = NULL;
    if (!sr_db_prepare(sqlite->db,
                       "SELECT execution, op, at_us FROM timer ORDER BY at_us, execution, op",
                       &stmt, err))
        return false;
    for (bool row = true;;) {
        if (!sr_db_step(stmt, &row, err))
            return false;
        if (!row)
            return true;
        const struct store_timer timer = { sr_db_i64(stmt, 0), (uint64_t)sr_db_i64(stmt, 1),
                                           sr_db_i64(stmt, 2) };
        if (!fn(fn_self, &timer, err))
            return false;
    }
}
