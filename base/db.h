// base/db.h - SQLite: opening and migrating, transactions, cached statements.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

struct sr_db;
struct sr_db_stmt;

// Built-in, forward only, never edited once released. The first brings an empty database to
// version 1; each runs in one transaction. `sql` is `bytes` long (base/embed.h) and holds no
// transaction statement of its own.
struct sr_db_migration {
    const char *name;  // "0001_init"
    const char *sql;
    size_t bytes;
};

struct sr_db_params {
    const char *path;  // its folder must be there; ":memory:" is one of its own
    const struct sr_db_migration *migrations;
    size_t migration_count;
    int64_t busy_us_max;  // how long a call waits for another connection's lock
    bool read_only;       // of a file that is there and of the newest version: nothing is changed
};

// Everything below can fail with
//     BUSY         another connection held its lock for longer than busy_us_max
//     STORAGE      the disk is full, failed, or the file is damaged or no database
//     CONFLICT     a constraint of the schema (native tells which: SQLITE_CONSTRAINT_UNIQUE, ...)
//     DENIED, NOT_FOUND, TOO_LARGE, NO_MEMORY, INTERNAL (the SQL is wrong)
// and `native` is SQLite's extended result code.
// Threads: a connection and all that comes of it belong to one thread at a time.

// Opens or creates (mode 0600), write-ahead log, every commit on disk when it returns, foreign keys
// on, migrated. Errors: also UNSUPPORTED (a newer program made it).
SR_MUST_USE bool sr_db_open(const struct sr_db_params *params, struct sr_db **ret_db,
                            struct sr_err *err);
void sr_db_close(struct sr_db *db);  // no statement or transaction may be open
SR_DEFINE_AUTO(sr_db, struct sr_db, sr_db_close);

// Statements ------------------------------------------------------------------------------------
// A prepared statement from the connection's cache (by its text), to be given back by
// sr_db_stmt_done(). `sql` is one statement. At most SR_DB_STATEMENTS_MAX at once: LIMIT.
//     sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
//     if (!sr_db_prepare(db, "SELECT state FROM job WHERE id = ?1", &stmt, err))
//         return false;
//     sr_db_bind_text(stmt, 1, id);
//     bool row;
//     if (!sr_db_step(stmt, &row, err)) ...
enum { SR_DB_STATEMENTS_MAX = 256 };
SR_MUST_USE bool sr_db_prepare(struct sr_db *db, const char *sql, struct sr_db_stmt **ret_stmt,
                               struct sr_err *err);
void sr_db_stmt_done(struct sr_db_stmt *stmt);
SR_DEFINE_AUTO(sr_db_stmt, struct sr_db_stmt, sr_db_stmt_done);

// Parameter `number` counts from 1. What is bound is copied. A failure is kept and reported by the
// next step. A NULL text or blob binds NULL.
void sr_db_bind_i64(struct sr_db_stmt *stmt, int number, int64_t value);
void sr_db_bind_text(struct sr_db_stmt *stmt, int number, const char *text);
void sr_db_bind_blob(struct sr_db_stmt *stmt, int number, const void *data, size_t bytes);
void sr_db_bind_null(struct sr_db_stmt *stmt, int number);

// Goes to the next row; *ret_row is false when there is none, and the next step begins again.
SR_MUST_USE bool sr_db_step(struct sr_db_stmt *stmt, bool *ret_row, struct sr_err *err);
// Steps a statement that gives no row (INTERNAL when it does), which may then be bound and run
// again.
SR_MUST_USE bool sr_db_run(struct sr_db_stmt *stmt, struct sr_err *err);
// Prepares and runs a statement without parameters.
SR_MUST_USE bool sr_db_exec(struct sr_db *db, const char *sql, struct sr_err *err);

// Columns of the current row count from 0. Text and blobs are borrowed until the next step; NULL
// for SQL's NULL. Text ends with a NUL.
bool sr_db_is_null(const struct sr_db_stmt *stmt, int column);
int64_t sr_db_i64(const struct sr_db_stmt *stmt, int column);  // 0 for NULL
SR_MUST_USE bool sr_db_text(const struct sr_db_stmt *stmt, int column, const char **ret_text,
                            struct sr_err *err);
SR_MUST_USE bool sr_db_blob(const struct sr_db_stmt *stmt, int column, const void **ret_data,
                            size_t *ret_bytes, struct sr_err *err);

int64_t sr_db_changes(const struct sr_db *db);     // rows the last write touched
int64_t sr_db_last_rowid(const struct sr_db *db);  // of the last insert
int64_t sr_db_version(const struct sr_db *db);     // migrations it has

// Transactions ----------------------------------------------------------------------------------
// Takes the write lock at once. A transaction inside another is a savepoint: many small ones, each
// whole or not at all, can share one commit (and one fsync).
//     sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
//     if (!sr_db_begin(db, &tx, err) || ... || !sr_db_commit(&tx, err))
//         return false;  // rolled back
struct sr_db_tx {
    struct sr_db *db;  // NULL: none, or ended
    unsigned depth;
};
SR_MUST_USE bool sr_db_begin(struct sr_db *db, struct sr_db_tx *ret_tx, struct sr_err *err);
// After a failure the transaction is open still, for sr_db_rollback().
SR_MUST_USE bool sr_db_commit(struct sr_db_tx *tx, struct sr_err *err);
void sr_db_rollback(struct sr_db_tx *tx);  // nothing when it has ended
SR_DEFINE_AUTO_VALUE(sr_db_tx, struct sr_db_tx, sr_db_rollback);
