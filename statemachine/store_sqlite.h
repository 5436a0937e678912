// statemachine/store_sqlite.h - the store in one SQLite file: write-ahead log, every commit on disk
// when it returns.
#pragma once

#include "statemachine/store.h"

// Opens or creates the file, migrates it. Errors: those of sr_db_open().
SR_MUST_USE bool store_sqlite_open(const char *path, struct store *ret_store, struct sr_err *err);
// Only to read, beside an engine that works on it or without one. Errors: also NOT_FOUND.
SR_MUST_USE bool store_sqlite_open_reader(const char *path, struct store *ret_store,
                                          struct sr_err *err);
