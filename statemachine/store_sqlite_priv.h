// statemachine/store_sqlite_priv.h - the inside of the SQLite store, shared by store_sqlite*.c.
#pragma once

#include "base/db.h"
#include "statemachine/store_sqlite.h"

enum { STORE_TX_DEPTH_MAX = 8 };

struct sqlite {
    struct sr_db *db;
    struct sr_db_tx tx[STORE_TX_DEPTH_MAX];
    size_t depth;
};

typedef struct sr_db_stmt *stmt_pointer;

// store_sqlite_registry.c: see store.h.
bool store_sqlite_count(void *self, enum store_kind kind, const char *machine, int64_t *ret_count,
                        struct sr_err *err);
bool store_sqlite_machine_drop(void *self, const char *arn, struct sr_err *err);
bool store_sqlite_version_put(void *self, const struct store_version *version, int64_t *ret_number,
                              struct sr_err *err);
bool store_sqlite_version_get(void *self, const char *arn, store_version_fn fn, void *fn_self,
                              struct sr_err *err);
bool store_sqlite_version_each(void *self, const char *machine, int64_t before, store_version_fn fn,
                               void *fn_self, struct sr_err *err);
bool store_sqlite_version_drop(void *self, const char *arn, struct sr_err *err);
bool store_sqlite_alias_put(void *self, const struct store_alias *alias, struct sr_err *err);
bool store_sqlite_alias_get(void *self, const char *arn, store_alias_fn fn, void *fn_self,
                            struct sr_err *err);
bool store_sqlite_alias_each(void *self, const char *machine, const char *after, store_alias_fn fn,
                             void *fn_self, struct sr_err *err);
bool store_sqlite_alias_drop(void *self, const char *arn, struct sr_err *err);
bool store_sqlite_tag_put(void *self, const char *resource, const char *key, const char *value,
                          struct sr_err *err);
bool store_sqlite_tag_drop(void *self, const char *resource, const char *key, struct sr_err *err);
bool store_sqlite_tag_each(void *self, const char *resource, store_tag_fn fn, void *fn_self,
                           struct sr_err *err);
bool store_sqlite_activity_put(void *self, const struct store_activity *activity,
                               struct sr_err *err);
bool store_sqlite_activity_get(void *self, const char *arn, store_activity_fn fn, void *fn_self,
                               struct sr_err *err);
bool store_sqlite_activity_each(void *self, const char *after, store_activity_fn fn, void *fn_self,
                                struct sr_err *err);
bool store_sqlite_activity_drop(void *self, const char *arn, struct sr_err *err);
