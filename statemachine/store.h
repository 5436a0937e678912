// statemachine/store.h - interface of what is durable: state machines, executions, their logs,
// tasks and timers.
#pragma once

#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

struct store_machine {
    const char *arn, *name, *definition, *role;
    int type;  // enum asl_machine_type
    int64_t revision;
    const char *uuid;      // of the revision; NULL: the machine's first
    const char *settings;  // JSON: what else it was made with; NULL: nothing
    int64_t created_us, revised_us;
};

// A revision that has a number.
struct store_version {
    const char *arn, *machine, *description;  // description NULL: none
    int64_t number, revision, created_us;
};

enum store_kind { STORE_MACHINES, STORE_VERSIONS, STORE_ALIASES, STORE_ACTIVITIES };

enum { STORE_ROUTES_MAX = 2 };
struct store_route {
    const char *version;
    int weight;
};

// A name for one or two versions of a machine.
struct store_alias {
    const char *arn, *machine, *name, *description;  // description NULL: none
    size_t route_count;
    struct store_route routes[STORE_ROUTES_MAX];
    int64_t created_us, updated_us;
};

struct store_activity {
    const char *arn, *name;
    int64_t created_us;
};

struct store_execution {
    int64_t id;
    const char *arn, *name, *machine;
    int64_t revision;
    int status;                                  // enum asl_status
    const char *input, *output, *error, *cause;  // JSON texts; NULL: none
    int64_t started_us, stopped_us;              // stopped_us 0: not yet
    int64_t parent;                              // 0: none
    uint64_t parent_op;
    const char *version, *alias;  // which it was started by; NULL: by the machine
    bool express;
    int64_t redrive_count, redriven_us;  // redriven_us 0: never
};

// Which executions: NULL, -1: any.
struct store_execution_query {
    const char *machine;  // never NULL
    const char *version, *alias;
    int status, redriven;
    int64_t before_us, before_id;  // started before then, or then and with a smaller id
};

struct store_map_run {
    int64_t execution;
    uint64_t op;
    const char *arn, *numbers;  // numbers: JSON text, as ASL_COMMAND_MAP_RUN has them
    int status;
    int64_t started_us, stopped_us, redriven_us;  // 0: not yet
};

// A child execution of a distributed map.
struct store_child {
    int64_t execution;
    uint64_t op, run;
    const char *arn;
    int64_t items;
    int status;
    int64_t started_us, stopped_us, redrive_count, redriven_us;
    int64_t first_seq, last_seq;  // of the parent's log; last_seq 0: not yet
};

enum store_task_kind {
    STORE_TASK_HANDLER,
    STORE_TASK_ACTIVITY,
    STORE_TASK_READER,
    STORE_TASK_WRITER
};

struct store_task {
    int64_t execution;
    uint64_t op;
    enum store_task_kind kind;
    const char *resource, *payload, *token;
    int64_t created_us;
    int64_t timeout_at_us;    // 0: none
    int64_t heartbeat_s;      // 0: none
    int64_t heartbeat_at_us;  // 0: not running
    int64_t priority;         // the larger goes first: engine_turn_us()
    bool taken;
};

struct store_timer {
    int64_t execution;
    uint64_t op;
    int64_t at_us;
};

// What a reading function is handed; strings are borrowed for the call. False stops the reading
// with `err`.
typedef bool (*store_machine_fn)(void *self, const struct store_machine *machine,
                                 struct sr_err *err);
typedef bool (*store_execution_fn)(void *self, const struct store_execution *execution,
                                   struct sr_err *err);
typedef bool (*store_log_fn)(void *self, int64_t seq, const char *entry, struct sr_err *err);
typedef bool (*store_task_fn)(void *self, const struct store_task *task, struct sr_err *err);
typedef bool (*store_timer_fn)(void *self, const struct store_timer *timer, struct sr_err *err);
typedef bool (*store_map_run_fn)(void *self, const struct store_map_run *run, struct sr_err *err);
typedef bool (*store_child_fn)(void *self, const struct store_child *child, struct sr_err *err);
typedef bool (*store_count_fn)(void *self, int status, int64_t children, int64_t items,
                               struct sr_err *err);
typedef bool (*store_version_fn)(void *self, const struct store_version *version,
                                 struct sr_err *err);
typedef bool (*store_alias_fn)(void *self, const struct store_alias *alias, struct sr_err *err);
typedef bool (*store_tag_fn)(void *self, const char *key, const char *value, struct sr_err *err);
typedef bool (*store_activity_fn)(void *self, const struct store_activity *activity,
                                  struct sr_err *err);

// Every change happens between begin and commit; when commit returns true it is on disk.
// Transactions nest: an inner one is whole or not at all, and durable with the outermost.
// Errors:  CONFLICT (exists), NOT_FOUND, BUSY, STORAGE.
// Threads: one at a time; a second reader opens a store of its own and sees only what is committed.
struct store_ops {
    bool (*begin)(void *self, struct sr_err *err);
    bool (*commit)(void *self, struct sr_err *err);
    void (*rollback)(void *self);  // the innermost
    // Adds a revision, and the machine if it is new. *ret_revision is its number.
    bool (*machine_put)(void *self, const struct store_machine *machine, int64_t *ret_revision,
                        struct sr_err *err);
    bool (*machine_get)(void *self, const char *arn, store_machine_fn fn, void *fn_self,
                        struct sr_err *err);
    // By revision: `definition`, `arn`, `name`, `type`, `role`, `settings` as they were, also when
    // the machine is no more.
    bool (*revision_get)(void *self, int64_t revision, store_machine_fn fn, void *fn_self,
                         struct sr_err *err);
    bool (*execution_put)(void *self, const struct store_execution *execution, int64_t *ret_id,
                          struct sr_err *err);
    bool (*machine_each)(void *self, const char *after_arn, store_machine_fn fn, void *fn_self,
                         struct sr_err *err);
    // Of one machine, newest first; `status` -1: any. Only those started before `before_us`, or
    // then and with a smaller id.
    bool (*execution_each)(void *self, const char *machine, int status, int64_t before_us,
                           int64_t before_id, store_execution_fn fn, void *fn_self,
                           struct sr_err *err);
    bool (*execution_get)(void *self, const char *arn, store_execution_fn fn, void *fn_self,
                          struct sr_err *err);
    bool (*execution_id)(void *self, const char *arn, int64_t *ret_id, struct sr_err *err);
    bool (*execution_get_id)(void *self, int64_t id, store_execution_fn fn, void *fn_self,
                             struct sr_err *err);
    // That a task has started; NOT_FOUND: none.
    bool (*execution_get_child)(void *self, int64_t parent, uint64_t parent_op,
                                store_execution_fn fn, void *fn_self, struct sr_err *err);
    // Newest first.
    bool (*execution_find)(void *self, const struct store_execution_query *query,
                           store_execution_fn fn, void *fn_self, struct sr_err *err);
    // Sets status, output, error, cause and stopped_us; with redriven_us also counts a redrive.
    bool (*execution_status)(void *self, const struct store_execution *execution,
                             struct sr_err *err);
    bool (*log_append)(void *self, int64_t execution, int64_t seq, const char *entry,
                       struct sr_err *err);
    bool (*log_each)(void *self, int64_t execution, store_log_fn fn, void *fn_self,
                     struct sr_err *err);
    // From `seq` on, or backwards.
    bool (*log_from)(void *self, int64_t execution, int64_t seq, bool backwards, store_log_fn fn,
                     void *fn_self, struct sr_err *err);
    bool (*map_run_put)(void *self, const struct store_map_run *run, struct sr_err *err);
    // Sets status and, unless NULL, numbers; `at_us` is when it ended or was redriven.
    bool (*map_run_set)(void *self, const struct store_map_run *run, int64_t at_us,
                        struct sr_err *err);
    bool (*map_run_get)(void *self, const char *arn, store_map_run_fn fn, void *fn_self,
                        struct sr_err *err);
    bool (*map_run_get_op)(void *self, int64_t execution, uint64_t op, store_map_run_fn fn,
                           void *fn_self, struct sr_err *err);
    // Of an execution, in order.
    bool (*map_run_each)(void *self, int64_t execution, uint64_t after_op, store_map_run_fn fn,
                         void *fn_self, struct sr_err *err);
    bool (*child_put)(void *self, const struct store_child *child, struct sr_err *err);
    // Sets status and last_seq; `at_us` is when it ended or was redriven.
    bool (*child_set)(void *self, const struct store_child *child, int64_t at_us,
                      struct sr_err *err);
    bool (*child_get)(void *self, const char *arn, store_child_fn fn, void *fn_self,
                      struct sr_err *err);
    // Of a map run, newest first; `status` -1: any.
    bool (*child_each)(void *self, int64_t execution, uint64_t run, int status, uint64_t before_op,
                       store_child_fn fn, void *fn_self, struct sr_err *err);
    bool (*child_count)(void *self, int64_t execution, uint64_t run, store_count_fn fn,
                        void *fn_self, struct sr_err *err);
    // An execution that has ended, with its log, or only its log. Nothing may wait for it.
    bool (*execution_drop)(void *self, int64_t id, bool log_only, struct sr_err *err);
    // Removes up to `row_max` rows of executions that ended before; *ret_more: there are others.
    bool (*collect)(void *self, int64_t before_us, int64_t row_max, bool *ret_more,
                    struct sr_err *err);
    bool (*task_put)(void *self, const struct store_task *task,
                     struct sr_err *err);  // adds or replaces
    // Sets `taken` and `heartbeat_at_us`; *ret_there: the task was there. One that was dropped in
    // this transaction does not come back by it.
    bool (*task_set)(void *self, const struct store_task *task, bool *ret_there,
                     struct sr_err *err);
    bool (*task_drop)(void *self, int64_t execution, uint64_t op, struct sr_err *err);
    bool (*task_each)(void *self, store_task_fn fn, void *fn_self,
                      struct sr_err *err);  // oldest first
    bool (*task_each_of)(void *self, int64_t execution, store_task_fn fn, void *fn_self,
                         struct sr_err *err);  // of one execution
    bool (*timer_put)(void *self, const struct store_timer *timer, struct sr_err *err);
    bool (*timer_drop)(void *self, int64_t execution, uint64_t op, struct sr_err *err);
    bool (*timer_each)(void *self, store_timer_fn fn, void *fn_self, struct sr_err *err);
    // Everything that an ended execution waited for.
    bool (*waits_drop)(void *self, int64_t execution, struct sr_err *err);

    // --- store_sqlite_registry.c ---
    // How many there are; versions and aliases of `machine`, which is NULL for the others.
    bool (*count)(void *self, enum store_kind kind, const char *machine, int64_t *ret_count,
                  struct sr_err *err);
    // With its versions, aliases and tags; its executions and revisions stay. Gives NOT_FOUND.
    bool (*machine_drop)(void *self, const char *arn, struct sr_err *err);
    // The machine's next number; `arn` and `number` of `version` are not read.
    bool (*version_put)(void *self, const struct store_version *version, int64_t *ret_number,
                        struct sr_err *err);
    bool (*version_get)(void *self, const char *arn, store_version_fn fn, void *fn_self,
                        struct sr_err *err);
    // Newest first; only those below `before` (INT64_MAX: all).
    bool (*version_each)(void *self, const char *machine, int64_t before, store_version_fn fn,
                         void *fn_self, struct sr_err *err);
    // Gives CONFLICT when an alias leads to it. One that is not there is no error.
    bool (*version_drop)(void *self, const char *arn, struct sr_err *err);
    bool (*alias_put)(void *self, const struct store_alias *alias,
                      struct sr_err *err);  // adds or replaces
    bool (*alias_get)(void *self, const char *arn, store_alias_fn fn, void *fn_self,
                      struct sr_err *err);
    // By name; only those behind `after` ("": all).
    bool (*alias_each)(void *self, const char *machine, const char *after, store_alias_fn fn,
                       void *fn_self, struct sr_err *err);
    bool (*alias_drop)(void *self, const char *arn, struct sr_err *err);
    bool (*tag_put)(void *self, const char *resource, const char *key, const char *value,
                    struct sr_err *err);  // adds or replaces
    bool (*tag_drop)(void *self, const char *resource, const char *key, struct sr_err *err);
    bool (*tag_each)(void *self, const char *resource, store_tag_fn fn, void *fn_self,
                     struct sr_err *err);  // by key
    bool (*activity_put)(void *self, const struct store_activity *activity, struct sr_err *err);
    bool (*activity_get)(void *self, const char *arn, store_activity_fn fn, void *fn_self,
                         struct sr_err *err);
    bool (*activity_each)(void *self, const char *after, store_activity_fn fn, void *fn_self,
                          struct sr_err *err);                               // by ARN
    bool (*activity_drop)(void *self, const char *arn, struct sr_err *err);  // and its tags
    void (*close)(void *self);
};

struct store {
    const struct store_ops *ops;
    void *self;
};

static inline void store_close(struct store *store)
{
    if (store->ops)
        store->ops->close(store->self);
    *store = (struct store){ 0 };
}
SR_DEFINE_AUTO_VALUE(store, struct store, store_close);
