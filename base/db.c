// Statements and transactions. Opening is in db_open.c.
#include "base/db.h"

#include <assert.h>
#include <string.h>

#include "base/db_priv.h"

// Statements ------------------------------------------------------------------------------------
// A slot for `sql`: one that holds it prepared and is free, else an empty one, else the one whose
// last use is the longest ago. NULL: all are taken.
static struct sr_db_stmt *find_slot(struct sr_db *db, const char *sql)
{
    struct sr_db_stmt *best = NULL;
    for (size_t i = 0; i < SR_DB_STATEMENTS_MAX; i++) {
        struct sr_db_stmt *const slot = &db->stmts[i];
        if (slot->taken)
            continue;
        if (slot->native && strcmp(slot->sql, sql) == 0)
            return slot;
        if (!best || slot->used < best->used)  // an empty slot was never used: 0
            best = slot;
    }
    return best;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n;")] == '\0';
}

static bool compile(struct sr_db *db, const char *sql, struct sr_db_stmt *slot, struct sr_err *err)
{
    sqlite3_finalize(slot->native);  // its own failures were reported by step
    *slot = (struct sr_db_stmt){ .db = db };
    const char *tail;
    const int code =
        sqlite3_prepare_v3(db->native, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->native, &tail);
    if (code != SQLITE_OK)
        return sr_db_fail(db->native, code, err, sql);
    if (slot->native && is_blank(tail)) {
        slot->sql = sqlite3_sql(slot->native);
        return true;
    }
    sqlite3_finalize(sr_take(slot->native));
    return sr_fail(err, SR_ERR_INTERNAL, "not one statement: %s", sql);
}

bool sr_db_prepare(struct sr_db *db, const char *sql, struct sr_db_stmt **ret_stmt,
                   struct sr_err *err)
{
    struct sr_db_stmt *const slot = find_slot(db, sql);
    if (!slot)
        return sr_fail(err, SR_ERR_LIMIT, "%d statements are in use", SR_DB_STATEMENTS_MAX);
    if ((!slot->native || strcmp(slot->sql, sql) != 0) && !compile(db, sql, slot, err))
        return false;
    slot->taken = true;
    slot->used = ++db->uses;
    slot->bind_code = SQLITE_OK;
    *ret_stmt = slot;
    return true;
}

void sr_db_stmt_done(struct sr_db_stmt *stmt)
{
    if (!stmt)
        return;
    assert(stmt->taken);
    (void)sqlite3_reset(stmt->native);  // repeats what step reported
    (void)sqlite3_clear_bindings(stmt->native);
    stmt->taken = false;
}

static void bound(struct sr_db_stmt *stmt, int code)
{
    if (stmt->bind_code == SQLITE_OK)
        stmt->bind_code = code;
}

void sr_db_bind_i64(struct sr_db_stmt *stmt, int number, int64_t value)
{
    bound(stmt, sqlite3_bind_int64(stmt->native, number, value));
}

void sr_db_bind_text(struct sr_db_stmt *stmt, int number, const char *text)
{
    // Without a text SQLite binds NULL, whatever the length.
    bound(stmt, sqlite3_bind_text64(stmt->native, number, text, text ? strlen(text) : 0,
                                    SQLITE_TRANSIENT, SQLITE_UTF8));
}

void sr_db_bind_blob(struct sr_db_stmt *stmt, int number, const void *data, size_t bytes)
{
    bound(stmt, sqlite3_bind_blob64(stmt->native, number, data, bytes, SQLITE_TRANSIENT));
}

void sr_db_bind_null(struct sr_db_stmt *stmt, int number)
{
    bound(stmt, sqlite3_bind_null(stmt->native, number));
}

// A failure (full disk, no memory) can make SQLite roll back the whole transaction by itself; what
// comes after it must not be committed on its own. Nor may anything join one that would not end.
static bool check_transaction(const struct sr_db *db, struct sr_err *err)
{
    const bool is_open = !sqlite3_get_autocommit(db->native);
    if (is_open != (db->depth > 0))
        return sr_fail(err, SR_ERR_STORAGE, "the transaction was ended by a failure before");
    return true;
}

bool sr_db_step(struct sr_db_stmt *stmt, bool *ret_row, struct sr_err *err)
{
    assert(stmt->taken);
    if (stmt->bind_code != SQLITE_OK) {
        const int code = stmt->bind_code;
        stmt->bind_code = SQLITE_OK;
        return sr_db_fail(stmt->db->native, code, err, stmt->sql);
    }
    if (!check_transaction(stmt->db, err))
        return false;
    const int code = sqlite3_step(stmt->native);
    if (code == SQLITE_ROW) {
        *ret_row = true;
        return true;
    }
    (void)sqlite3_reset(stmt->native);  // gives what step gave
    if (code != SQLITE_DONE)
        return sr_db_fail(stmt->db->native, code, err, stmt->sql);
    *ret_row = false;
    return true;
}

bool sr_db_run(struct sr_db_stmt *stmt, struct sr_err *err)
{
    bool row;
    if (!sr_db_step(stmt, &row, err))
        return false;
    if (!row)
        return true;
    (void)sqlite3_reset(stmt->native);  // it did not fail
    return sr_fail(err, SR_ERR_INTERNAL, "gives a row: %s", stmt->sql);
}

bool sr_db_exec(struct sr_db *db, const char *sql, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    return sr_db_prepare(db, sql, &stmt, err) && sr_db_run(stmt, err);
}

bool sr_db_is_null(const struct sr_db_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt->native, column) == SQLITE_NULL;
}

int64_t sr_db_i64(const struct sr_db_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt->native, column);
}

bool sr_db_text(const struct sr_db_stmt *stmt, int column, const char **ret_text,
                struct sr_err *err)
{
    const bool null = sr_db_is_null(stmt, column);  // to be asked before a conversion
    const char *const text = (const char *)sqlite3_column_text(stmt->native, column);
    if (!text && !null)
        return sr_db_fail(stmt->db->native, SQLITE_NOMEM, err, stmt->sql);
    *ret_text = text;
    return true;
}

bool sr_db_blob(const struct sr_db_stmt *stmt, int column, const void **ret_data, size_t *ret_bytes,
                struct sr_err *err)
{
    const bool null = sr_db_is_null(stmt, column);
    const void *const data = sqlite3_column_blob(stmt->native, column);
    const size_t bytes = (size_t)sqlite3_column_bytes(stmt->native, column);
    if (!data && bytes > 0)
        return sr_db_fail(stmt->db->native, SQLITE_NOMEM, err, stmt->sql);
    *ret_data = data || null ? data : "";  // SQLite gives NULL for an empty blob too
    *ret_bytes = bytes;
    return true;
}

int64_t sr_db_changes(const struct sr_db *db)
{
    return sqlite3_changes64(db->native);
}

int64_t sr_db_last_rowid(const struct sr_db *db)
{
    return sqlite3_last_insert_rowid(db->native);
}

int64_t sr_db_version(const struct sr_db *db)
{
    return db->version;
}

// Transactions ----------------------------------------------------------------------------------
bool sr_db_begin(struct sr_db *db, struct sr_db_tx *ret_tx, struct sr_err *err)
{
    // Savepoints of one name nest: the newest is meant.
    if (!sr_db_exec(db, db->depth == 0 ? "BEGIN IMMEDIATE" : "SAVEPOINT inner", err))
        return false;
    *ret_tx = (struct sr_db_tx){ .db = db, .depth = ++db->depth };
    return true;
}

bool sr_db_commit(struct sr_db_tx *tx, struct sr_err *err)
{
    assert(tx->db && tx->db->depth == tx->depth);  // the innermost first
    if (!sr_db_exec(tx->db, tx->depth == 1 ? "COMMIT" : "RELEASE inner", err))
        return false;
    tx->db->depth--;
    tx->db = NULL;
    return true;
}

void sr_db_rollback(struct sr_db_tx *tx)
{
    struct sr_db *const db = tx->db;
    if (!db)
        return;
    assert(db->depth == tx->depth);
    tx->db = NULL;
    // Should this fail, check_transaction() lets nothing through any more.
    if (!sqlite3_get_autocommit(db->native)) {
        const char *const sql = tx->depth == 1 ? "ROLLBACK" : "ROLLBACK TO inner; RELEASE inner";
        (void)sqlite3_exec(db->native, sql, NULL, NULL, NULL);
    }
    db->depth--;
}
