// base/db_priv.h - what db.c (statements, transactions) and db_open.c share.
#pragma once

#include <sqlite3.h>

#include "base/db.h"

struct sr_db_stmt {
    struct sr_db *db;
    sqlite3_stmt *native;  // NULL: the slot is free
    const char *sql;       // SQLite's copy
    uint64_t used;         // the connection's `uses` when it was last taken
    bool taken;
    int bind_code;  // the first failure of binding; SQLITE_OK: none
};

struct sr_db {
    sqlite3 *native;
    unsigned depth;  // transactions open
    uint64_t uses;
    int64_t version;
    struct sr_db_stmt stmts[SR_DB_STATEMENTS_MAX];
};

// Raises SQLite's error `code` in our terms, with the connection's words for it. `native` may be
// NULL. Gives false.
bool sr_db_fail(sqlite3 *native, int code, struct sr_err *err, const char *what);
// Runs statements without results; not through the cache.
SR_MUST_USE bool sr_db_script(struct sr_db *db, const char *sql, struct sr_err *err);
