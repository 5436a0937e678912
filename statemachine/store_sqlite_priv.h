// statemachine/store_sqlite_priv.h - the inside of the SQLite store, shared by store_sqlite*.c.
#pragma once

#include "base/db.h"
#include "statemachine/store_sqlite.h"

enum { STORE_TX_DEPTH_MAX = 8 };

struct sqlite {
    struct sr_db *db;
    struct sr_db_tx tx[STORE_TX_DEPTH_MAX];
    size_t depth;
    // The highest id given: the next is another one also when that execution is no more, since a
    // late answer may still name it.
    int64_t execution_last;
};

typedef struct sr_db_stmt *stmt_pointer;

// --- statements with values for ?1, ?2, ... ---

struct sqlite_value {
    enum { SQLITE_END, SQLITE_I64, SQLITE_TEXT, SQLITE_NONE } type;
    int64_t number;
    const char *text;
};

static inline struct sqlite_value sqlite_i64(int64_t number)
{
    return (struct sqlite_value){ .type = SQLITE_I64, .number = number };
}
// NULL is SQL's NULL.
static inline struct sqlite_value sqlite_text(const char *text)
{
    return (struct sqlite_value){ .type = SQLITE_TEXT, .text = text };
}
// A number that may be absent: 0 is SQL's NULL.
static inline struct sqlite_value sqlite_some(int64_t number)
{
    return (struct sqlite_value){ .type = number ? SQLITE_I64 : SQLITE_NONE, .number = number };
}
#define SQLITE_VALUES(...)                                                                         \
    (const struct sqlite_value[])                                                                  \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .type = SQLITE_END                                                                     \
        }                                                                                          \
    }

// Prepares and binds.
SR_MUST_USE bool sqlite_query(struct sqlite *sqlite, const char *sql,
                              const struct sqlite_value *values, struct sr_db_stmt **ret_stmt,
                              struct sr_err *err);
// And runs a statement that gives no row.
SR_MUST_USE bool sqlite_change(struct sqlite *sqlite, const char *sql,
                               const struct sqlite_value *values, struct sr_err *err);

// Hands rows to `row_here` until there are no more; `one`: what there must be one of (NOT_FOUND).
// `fn` points to the caller's function.
typedef bool (*sqlite_row_fn)(struct sr_db_stmt *stmt, const void *fn, void *fn_self,
                              struct sr_err *err);
SR_MUST_USE bool sqlite_each_row(struct sr_db_stmt *stmt, sqlite_row_fn row_here, const void *fn,
                                 void *fn_self, const char *one, struct sr_err *err);

// store_sqlite_run.c: the operations of struct store_ops for logs in pages, map runs and the
// collector.
bool store_sqlite_log_from(void *self, int64_t execution, int64_t seq, bool backwards,
                           store_log_fn fn, void *fn_self, struct sr_err *err);
bool store_sqlite_map_run_put(void *self, const struct store_map_run *run, struct sr_err *err);
bool store_sqlite_map_run_set(void *self, const struct store_map_run *run, int64_t at_us,
                              struct sr_err *err);
bool store_sqlite_map_run_get(void *self, const char *arn, store_map_run_fn fn, void *fn_self,
                              struct sr_err *err);
bool store_sqlite_map_run_get_op(void *self, int64_t execution, uint64_t op, store_map_run_fn fn,
                                 void *fn_self, struct sr_err *err);
bool store_sqlite_map_run_each(void *self, int64_t execution, uint64_t after_op,
                               store_map_run_fn fn, void *fn_self, struct sr_err *err);
bool store_sqlite_child_put(void *self, const struct store_child *child, struct sr_err *err);
bool store_sqlite_child_set(void *self, const struct store_child *child, int64_t at_us,
                            struct sr_err *err);
bool store_sqlite_child_get(void *self, const char *arn, store_child_fn fn, void *fn_self,
                            struct sr_err *err);
bool store_sqlite_child_each(void *self, int64_t execution, uint64_t run, int status,
                             uint64_t before_op, store_child_fn fn, void *fn_self,
                             struct sr_err *err);
bool store_sqlite_child_count(void *self, int64_t execution, uint64_t run, store_count_fn fn,
                              void *fn_self, struct sr_err *err);
bool store_sqlite_execution_drop(void *self, int64_t id, bool log_only, struct sr_err *err);
bool store_sqlite_collect(void *self, int64_t before_us, int64_t row_max, bool *ret_more,
                          struct sr_err *err);
// store_sqlite_wait.c: see store.h.
bool store_sqlite_task_put(void *self, const struct store_task *task, struct sr_err *err);
bool store_sqlite_task_set(void *self, const struct store_task *task, bool *ret_there,
                           struct sr_err *err);
bool store_sqlite_task_drop(void *self, int64_t execution, uint64_t op, struct sr_err *err);
bool store_sqlite_task_each(void *self, store_task_fn fn, void *fn_self, struct sr_err *err);
bool store_sqlite_task_each_of(void *self, int64_t execution, store_task_fn fn, void *fn_self,
                               struct sr_err *err);
bool store_sqlite_timer_put(void *self, const struct store_timer *timer, struct sr_err *err);
bool store_sqlite_timer_drop(void *self, int64_t execution, uint64_t op, struct sr_err *err);
bool store_sqlite_timer_each(void *self, store_timer_fn fn, void *fn_self, struct sr_err *err);
bool store_sqlite_waits_drop(void *self, int64_t execution, struct sr_err *err);
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
