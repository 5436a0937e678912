// Opening a database, bringing it to the newest version, and what its errors are in our terms.
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/db_priv.h"
#include "base/str.h"

// What a large transaction touches, and what its savepoints would bring back, stays in memory
// (cache_size: KiB) instead of going to disk and being read again.
#define TUNING "PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY"

enum { RETRY_MS = 5 };  // where SQLite does not wait for a lock itself

static enum sr_err_code code_of(sqlite3 *native, int code)
{
    if (code == SQLITE_IOERR_NOMEM)
        return SR_ERR_NO_MEMORY;
    switch (code & 0xFF) {
    case SQLITE_BUSY: return SR_ERR_BUSY;
    case SQLITE_LOCKED: return SR_ERR_BUSY;
    case SQLITE_NOMEM: return SR_ERR_NO_MEMORY;
    case SQLITE_FULL: return SR_ERR_STORAGE;
    case SQLITE_IOERR: return SR_ERR_STORAGE;
    case SQLITE_CORRUPT: return SR_ERR_STORAGE;
    case SQLITE_NOTADB: return SR_ERR_STORAGE;
    case SQLITE_PROTOCOL: return SR_ERR_STORAGE;
    case SQLITE_CANTOPEN:
        switch (native ? sqlite3_system_errno(native) : 0) {
        case ENOENT: return SR_ERR_NOT_FOUND;
        case EACCES: return SR_ERR_DENIED;
        default: return SR_ERR_STORAGE;
        }
    case SQLITE_PERM: return SR_ERR_DENIED;
    case SQLITE_READONLY: return SR_ERR_DENIED;
    case SQLITE_CONSTRAINT: return SR_ERR_CONFLICT;
    case SQLITE_TOOBIG: return SR_ERR_TOO_LARGE;
    default: return SR_ERR_INTERNAL;
    }
}

bool sr_db_fail(sqlite3 *native, int code, struct sr_err *err, const char *what)
{
    // The connection's own words name tables and columns, but are those of its last failure.
    const char *const said = native && sqlite3_extended_errcode(native) == code
                                 ? sqlite3_errmsg(native)
                                 : sqlite3_errstr(code);
    return sr_fail_native(err, code_of(native, code), code, "%s: %s", what, said);
}

bool sr_db_script(struct sr_db *db, const char *sql, struct sr_err *err)
{
    const int code = sqlite3_exec(db->native, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || sr_db_fail(db->native, code, err, sql);
}

static bool pragma_i64(struct sr_db *db, const char *sql, int64_t *ret, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    bool row;
    if (!sr_db_prepare(db, sql, &stmt, err) || !sr_db_step(stmt, &row, err))
        return false;
    if (!row)
        return sr_fail(err, SR_ERR_INTERNAL, "%s gives no value", sql);
    *ret = sr_db_i64(stmt, 0);
    return true;
}

// SQLite does not call its busy handler in each of the places where opening needs a lock: a
// connection that goes from a read lock to the exclusive one would wait for another that does the
// same.
static bool use_wal(struct sr_db *db, int64_t busy_us_max, struct sr_err *err)
{
    int64_t waited_us = 0;
    for (;;) {
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v2(db->native, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
        if (code == SQLITE_OK)
            code = sqlite3_step(stmt);
        const char *const mode =
            code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        const bool done = mode && (strcmp(mode, "wal") == 0 || strcmp(mode, "memory") == 0);
        sqlite3_finalize(stmt);
        if (done)
            return true;
        if (code == SQLITE_ROW)
            return sr_fail(err, SR_ERR_UNSUPPORTED, "the folder cannot hold a write-ahead log");
        if ((code & 0xFF) != SQLITE_BUSY || waited_us >= busy_us_max)
            return sr_db_fail(db->native, code, err, "write-ahead log");
        sqlite3_sleep(RETRY_MS);
        waited_us += RETRY_MS * 1000;
    }
}

// Migration `number` (from 1), unless another process has been quicker.
static bool migrate_one(struct sr_db *db, const struct sr_db_migration *migration, int64_t number,
                        struct sr_err *err)
{
    sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
    int64_t version;
    if (!sr_db_begin(db, &tx, err) || !pragma_i64(db, "PRAGMA user_version", &version, err))
        return false;
    if (version >= number)
        return true;
    assert(version == number - 1);
    sr_auto(char) char *sql = strndup(migration->sql, migration->bytes);
    if (!sql)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu bytes", migration->bytes);
    char set[64];
    const bool fits = sr_format(set, sizeof(set), "PRAGMA user_version = %" PRId64, number);
    assert(fits);
    if (!sr_db_script(db, sql, err))
        return false;
    assert(!sqlite3_get_autocommit(db->native));  // a migration must not commit by itself
    return sr_db_script(db, set, err) && sr_db_commit(&tx, err);
}

static bool migrate(struct sr_db *db, const struct sr_db_params *params, struct sr_err *err)
{
    if (!pragma_i64(db, "PRAGMA user_version", &db->version, err))
        return false;
    const int64_t newest = (int64_t)params->migration_count;
    if (db->version < 0 || db->version > newest)
        return sr_fail(err, SR_ERR_UNSUPPORTED,
                       "is of version %" PRId64
                       ", a newer program made it: this one knows %" PRId64,
                       db->version, newest);
    for (; db->version < newest; db->version++) {
        const struct sr_db_migration *const next = &params->migrations[db->version];
        if (!migrate_one(db, next, db->version + 1, err))
            return sr_err_wrap(err, "migration %s", next->name);
    }
    return true;
}

// SQLite would make the file with the umask's rights; its -wal and -shm get those of the file. Not
// open(): closing a second descriptor of a database drops the locks of this whole process on it.
static bool create_private(const char *path, struct sr_err *err)
{
    if (strcmp(path, ":memory:") == 0 || mknod(path, S_IFREG | 0600, 0) == 0 || errno == EEXIST)
        return true;
    return sr_fail_errno(err, errno, "create");
}

static bool check_version(struct sr_db *db, const struct sr_db_params *params, struct sr_err *err)
{
    const int64_t newest = (int64_t)params->migration_count;
    if (!pragma_i64(db, "PRAGMA user_version", &db->version, err))
        return false;
    if (db->version != newest)
        return sr_fail(err, SR_ERR_UNSUPPORTED,
                       "is of version %" PRId64 ", this program reads %" PRId64, db->version,
                       newest);
    return true;
}

static bool open_checked(const struct sr_db_params *params, struct sr_db *db, struct sr_err *err)
{
    if (!params->read_only && !create_private(params->path, err))
        return false;
    const int flags =
        (params->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
        SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(params->path, &db->native, flags, NULL);
    if (code != SQLITE_OK)
        return sr_db_fail(db->native, code, err, "open");
    const int64_t busy_ms = params->busy_us_max / 1000;
    code = sqlite3_busy_timeout(db->native, busy_ms > INT_MAX ? INT_MAX : (int)busy_ms);
    if (code != SQLITE_OK)
        return sr_db_fail(db->native, code, err, "open");
    if (params->read_only)
        return sr_db_script(db, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON", err) &&
               check_version(db, params, err);
    return use_wal(db, params->busy_us_max, err) &&
           sr_db_script(db,
                        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;" TUNING,
                        err) &&
           migrate(db, params, err);
}

bool sr_db_open(const struct sr_db_params *params, struct sr_db **ret_db, struct sr_err *err)
{
    assert(params->busy_us_max >= 0);
    sr_auto(sr_db) struct sr_db *db = calloc(1, sizeof(*db));
    if (!db)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%s", params->path);
    if (!open_checked(params, db, err))
        return sr_err_wrap(err, "database %s", params->path);
    *ret_db = sr_take(db);
    return true;
}

void sr_db_close(struct sr_db *db)
{
    if (!db)
        return;
    assert(db->depth == 0);
    for (size_t i = 0; i < SR_DB_STATEMENTS_MAX; i++) {
        assert(!db->stmts[i].taken);
        sqlite3_finalize(db->stmts[i].native);
    }
    const int code = sqlite3_close(db->native);
    assert(code == SQLITE_OK);  // SQLITE_BUSY: something of it is in use
    (void)code;
    free(db);
}
