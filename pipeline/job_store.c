#include "pipeline/job_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/db.h"
#include "base/embed.h"
#include "base/str.h"
#include "pipeline/job_store_priv.h"

SR_EMBED(job_store_0001, "pipeline/migrations/0001_events.sql");
SR_EMBED(job_store_0002, "pipeline/migrations/0002_jobs.sql");
SR_EMBED(job_store_0003, "pipeline/migrations/0003_outputs.sql");
SR_EMBED(job_store_0004, "pipeline/migrations/0004_slots.sql");

enum { BUSY_US_MAX = 10000000 };

bool job_store_open(const char *path, struct job_store **ret_store, struct sr_err *err)
{
    const struct sr_db_migration migrations[] = {
        { "0001_events", job_store_0001, strlen(job_store_0001) },
        { "0002_jobs", job_store_0002, strlen(job_store_0002) },
        { "0003_outputs", job_store_0003, strlen(job_store_0003) },
        { "0004_slots", job_store_0004, strlen(job_store_0004) },
    };
    const struct sr_db_params params = {
        .path = path, .migrations = migrations, .migration_count = 4, .busy_us_max = BUSY_US_MAX
    };
    sr_auto(job_store) struct job_store *store = calloc(1, sizeof *store);
    if (!store)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a store");
    if (!sr_db_open(&params, &store->db, err))
        return false;
    *ret_store = sr_take(store);
    return true;
}

void job_store_close(struct job_store *store)
{
    if (!store)
        return;
    sr_db_close(store->db);
    free(store);
}

bool job_store_begin(struct job_store *store, struct sr_db_tx *ret_tx, struct sr_err *err)
{
    return sr_db_begin(store->db, ret_tx, err);
}

bool job_store_add_event(struct job_store *store, const struct job_event *event, bool *ret_new,
                         struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db,
                       "INSERT INTO event(identity, uuid, document, rule, seen_us, due_us) "
                       "SELECT ?1, ?2, ?3, ?4, ?5, ?5 WHERE NOT EXISTS "
                       "(SELECT 1 FROM event WHERE identity = ?6) "
                       "ON CONFLICT(identity) DO NOTHING",
                       &stmt, err))
        return false;
    sr_db_bind_blob(stmt, 1, event->identity, sizeof event->identity);
    sr_db_bind_text(stmt, 2, event->uuid);
    sr_db_bind_text(stmt, 3, event->document);
    sr_db_bind_text(stmt, 4, event->rule);
    sr_db_bind_i64(stmt, 5, event->seen_us);
    sr_db_bind_blob(stmt, 6, event->before, sizeof event->before);
    if (!sr_db_run(stmt, err))
        return false;
    *ret_new = sr_db_changes(store->db) > 0;
    return true;
}

static bool read_event(const struct sr_db_stmt *stmt, struct job_event *event, struct sr_err *err)
{
    const void *identity;
    size_t bytes;
    event->id = sr_db_i64(stmt, 0);
    event->seen_us = sr_db_i64(stmt, 5);
    event->attempts = sr_db_i64(stmt, 6);
    if (!sr_db_blob(stmt, 1, &identity, &bytes, err) || !sr_db_text(stmt, 2, &event->uuid, err) ||
        !sr_db_text(stmt, 3, &event->document, err) || !sr_db_text(stmt, 4, &event->rule, err))
        return false;
    if (bytes != sizeof event->identity || !event->document)
        return sr_fail(err, SR_ERR_STORAGE, "a damaged event");
    memcpy(event->identity, identity, bytes);
    return true;
}

bool job_store_due_events(struct job_store *store, int64_t now_us, int64_t count_max,
                          bool (*fn)(void *self, const struct job_event *event, struct sr_err *err),
                          void *self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    bool row;
    if (!sr_db_prepare(store->db,
                       "SELECT id, identity, uuid, document, rule, seen_us, attempts FROM event "
                       "WHERE due_us <= ?1 ORDER BY due_us, id LIMIT ?2",
                       &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, now_us);
    sr_db_bind_i64(stmt, 2, count_max);
    while (sr_db_step(stmt, &row, err)) {
        struct job_event event = { 0 };
        if (!row)
            return true;
        if (!read_event(stmt, &event, err) || !fn(self, &event, err))
            return false;
    }
    return false;
}

bool job_store_next_event_us(struct job_store *store, int64_t *ret_us, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    bool row;
    if (!sr_db_prepare(store->db,
                       "SELECT due_us FROM event WHERE due_us IS NOT NULL ORDER BY due_us LIMIT 1",
                       &stmt, err) ||
        !sr_db_step(stmt, &row, err))
        return false;
    *ret_us = row ? sr_db_i64(stmt, 0) : INT64_MAX;
    return true;
}

bool job_store_put_off_event(struct job_store *store, int64_t id, int64_t due_us, const char *why,
                             struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db,
                       "UPDATE event SET due_us = ?2, attempts = attempts + 1, outcome = ?3 "
                       "WHERE id = ?1 AND due_us IS NOT NULL",
                       &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, id);
    sr_db_bind_i64(stmt, 2, due_us);
    sr_db_bind_text(stmt, 3, why);
    return sr_db_run(stmt, err);
}

bool job_store_end_event(struct job_store *store, int64_t id, const char *why, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db,
                       "UPDATE event SET due_us = NULL, document = NULL, outcome = ?2 "
                       "WHERE id = ?1",
                       &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, id);
    sr_db_bind_text(stmt, 2, why);
    return sr_db_run(stmt, err);
}

bool job_store_add_start(struct job_store *store, int64_t event, const char *rule, const char *name,
                         const char *arn, int64_t now_us, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db,
                       "INSERT INTO start(event, rule, name, arn, started_us) "
                       "VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                       &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, event);
    sr_db_bind_text(stmt, 2, rule);
    sr_db_bind_text(stmt, 3, name);
    sr_db_bind_text(stmt, 4, arn);
    sr_db_bind_i64(stmt, 5, now_us);
    return sr_db_run(stmt, err);
}

bool job_store_has_start(struct job_store *store, int64_t event, const char *rule, bool *ret_has,
                         struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db, "SELECT 1 FROM start WHERE event = ?1 AND rule = ?2", &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, event);
    sr_db_bind_text(stmt, 2, rule);
    return sr_db_step(stmt, ret_has, err);
}

bool job_store_get_schedule(struct job_store *store, const char *rule, const char *text,
                            struct job_schedule *ret_schedule, bool *ret_has, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    bool row;
    if (!sr_db_prepare(store->db,
                       "SELECT begin_us, due_us FROM schedule WHERE rule = ?1 AND text = ?2", &stmt,
                       err))
        return false;
    sr_db_bind_text(stmt, 1, rule);
    sr_db_bind_text(stmt, 2, text);
    if (!sr_db_step(stmt, &row, err))
        return false;
    if (row)
        *ret_schedule = (struct job_schedule){
            .begin_us = sr_db_i64(stmt, 0),
            .due_us = sr_db_is_null(stmt, 1) ? INT64_MAX : sr_db_i64(stmt, 1),
        };
    *ret_has = row;
    return true;
}

bool job_store_put_schedule(struct job_store *store, const char *rule, const char *text,
                            const struct job_schedule *schedule, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db,
                       "INSERT INTO schedule(rule, text, begin_us, due_us) VALUES(?1, ?2, ?3, ?4) "
                       "ON CONFLICT(rule) DO UPDATE SET text = ?2, begin_us = ?3, due_us = ?4",
                       &stmt, err))
        return false;
    sr_db_bind_text(stmt, 1, rule);
    sr_db_bind_text(stmt, 2, text);
    sr_db_bind_i64(stmt, 3, schedule->begin_us);
    if (schedule->due_us == INT64_MAX)
        sr_db_bind_null(stmt, 4);
    else
        sr_db_bind_i64(stmt, 4, schedule->due_us);
    return sr_db_run(stmt, err);
}

// The first that is not wanted; it is removed before the next is looked for.
static bool find_unwanted(struct job_store *store, bool (*keep)(void *self, const char *rule),
                          void *self, char **ret_rule, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    bool row;
    const char *rule;
    if (!sr_db_prepare(store->db, "SELECT rule FROM schedule", &stmt, err))
        return false;
    while (sr_db_step(stmt, &row, err)) {
        if (!row)
            return true;
        if (!sr_db_text(stmt, 0, &rule, err))
            return false;
        if (!keep(self, rule))
            return (*ret_rule = sr_str_dup(rule, err)) != NULL;
    }
    return false;
}

bool job_store_keep_schedules(struct job_store *store, bool (*keep)(void *self, const char *rule),
                              void *self, struct sr_err *err)
{
    for (;;) {
        sr_auto(char) char *rule = NULL;
        sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
        if (!find_unwanted(store, keep, self, &rule, err))
            return false;
        if (!rule)
            return true;
        if (!sr_db_prepare(store->db, "DELETE FROM schedule WHERE rule = ?1", &stmt, err))
            return false;
        sr_db_bind_text(stmt, 1, rule);
        if (!sr_db_run(stmt, err))
            return false;
    }
}

bool job_store_count(struct job_store *store, struct job_store_counts *ret_counts,
                     struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    bool row;
    if (!sr_db_prepare(store->db,
                       "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM event WHERE "
                       "due_us IS NOT NULL), (SELECT count(*) FROM start WHERE arn IS NOT NULL)",
                       &stmt, err) ||
        !sr_db_step(stmt, &row, err))
        return false;
    *ret_counts = (struct job_store_counts){ .events = sr_db_i64(stmt, 0),
                                             .waiting = sr_db_i64(stmt, 1),
                                             .starts = sr_db_i64(stmt, 2) };
    return true;
}
