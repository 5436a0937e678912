// The table of jobs.
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/job_store_priv.h"

#define COLUMNS                                                                                     \
    "SELECT id, correlation, traceparent, idempotency_key, manifest, shown, workspace, execution, " \
    "error, cause, report, engine, digest, state, attempt, priority, overwrite, strict, "           \
    "created_us, started_us, ended_us, stopped, segments, segments_done, due_us, tries, slots "     \
    "FROM job "

const char *job_row_state_name(enum job_row_state state)
{
    static const char *const names[JOB_ROW_STATE_COUNT] = {
        "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLING", "CANCELLED",
    };
    return state < JOB_ROW_STATE_COUNT ? names[state] : "";
}

// The texts, in the order of COLUMNS.
enum { TEXTS = 12 };
static void texts_of(struct job_row *row, char **ret[TEXTS])
{
    char **const texts[TEXTS] = {
        &row->id,       &row->correlation, &row->traceparent, &row->idempotency_key,
        &row->manifest, &row->shown,       &row->workspace,   &row->execution,
        &row->error,    &row->cause,       &row->report,      &row->engine,
    };
    memcpy(ret, texts, sizeof texts);
}

void job_row_done(struct job_row *row)
{
    char **texts[TEXTS];
    texts_of(row, texts);
    for (size_t i = 0; i < TEXTS; i++)
        free(*texts[i]);
    *row = (struct job_row){ 0 };
}

static int64_t known(const struct sr_db_stmt *stmt, int column, int64_t unknown)
{
    return sr_db_is_null(stmt, column) ? unknown : sr_db_i64(stmt, column);
}

static bool read_row(const struct sr_db_stmt *stmt, struct job_row *ret, struct sr_err *err)
{
    sr_auto(job_row) struct job_row row = { 0 };
    const void *digest;
    size_t bytes;
    char **texts[TEXTS];
    texts_of(&row, texts);
    for (int i = 0; i < TEXTS; i++) {
        const char *text;
        if (!sr_db_text(stmt, i, &text, err))
            return false;
        *texts[i] = text ? sr_str_dup(text, err) : NULL;
        if (text && !*texts[i])
            return false;
    }
    if (!sr_db_blob(stmt, 12, &digest, &bytes, err))
        return false;
    const int64_t state = sr_db_i64(stmt, 13);
    if (bytes != sizeof row.digest || state < 0 || state >= JOB_ROW_STATE_COUNT)
        return sr_fail(err, SR_ERR_STORAGE, "a damaged job");
    memcpy(row.digest, digest, bytes);
    row.state = (enum job_row_state)state;
    row.attempt = sr_db_i64(stmt, 14);
    row.priority = sr_db_i64(stmt, 15);
    row.overwrite = sr_db_i64(stmt, 16) != 0;
    row.strict = sr_db_i64(stmt, 17) != 0;
    row.created_us = sr_db_i64(stmt, 18);
    row.started_us = known(stmt, 19, 0);
    row.ended_us = known(stmt, 20, 0);
    row.is_stopped = sr_db_i64(stmt, 21) != 0;
    row.segments = known(stmt, 22, -1);
    row.segments_done = known(stmt, 23, -1);
    row.due_us = known(stmt, 24, INT64_MAX);
    row.tries = sr_db_i64(stmt, 25);
    row.slots = known(stmt, 26, -1);
    *ret = row;
    row = (struct job_row){ 0 };
    return true;
}

static void bind_known(struct sr_db_stmt *stmt, int number, int64_t value, int64_t unknown)
{
    if (value == unknown)
        sr_db_bind_null(stmt, number);
    else
        sr_db_bind_i64(stmt, number, value);
}

bool job_store_add_job(struct job_store *store, const struct job_row *row, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db,
                       "INSERT INTO job(id, correlation, traceparent, idempotency_key, manifest, "
                       "shown, workspace, digest, state, attempt, priority, overwrite, strict, "
                       "created_us, due_us) "
                       "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                       &stmt, err))
        return false;
    sr_db_bind_text(stmt, 1, row->id);
    sr_db_bind_text(stmt, 2, row->correlation);
    sr_db_bind_text(stmt, 3, row->traceparent);
    sr_db_bind_text(stmt, 4, row->idempotency_key);
    sr_db_bind_text(stmt, 5, row->manifest);
    sr_db_bind_text(stmt, 6, row->shown);
    sr_db_bind_text(stmt, 7, row->workspace);
    sr_db_bind_blob(stmt, 8, row->digest, sizeof row->digest);
    sr_db_bind_i64(stmt, 9, row->state);
    sr_db_bind_i64(stmt, 10, row->attempt);
    sr_db_bind_i64(stmt, 11, row->priority);
    sr_db_bind_i64(stmt, 12, row->overwrite);
    sr_db_bind_i64(stmt, 13, row->strict);
    sr_db_bind_i64(stmt, 14, row->created_us);
    bind_known(stmt, 15, row->due_us, INT64_MAX);
    return sr_db_run(stmt, err);
}

bool job_store_set_job(struct job_store *store, const struct job_row *row, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db,
                       "UPDATE job SET state = ?2, attempt = ?3, started_us = ?4, ended_us = ?5, "
                       "execution = ?6, error = ?7, cause = ?8, report = ?9, engine = ?10, "
                       "stopped = ?11, segments = ?12, segments_done = ?13, due_us = ?14, "
                       "tries = ?15, slots = ?16, kept = 1 WHERE id = ?1",
                       &stmt, err))
        return false;
    sr_db_bind_text(stmt, 1, row->id);
    sr_db_bind_i64(stmt, 2, row->state);
    sr_db_bind_i64(stmt, 3, row->attempt);
    bind_known(stmt, 4, row->started_us, 0);
    bind_known(stmt, 5, row->ended_us, 0);
    sr_db_bind_text(stmt, 6, row->execution);
    sr_db_bind_text(stmt, 7, row->error);
    sr_db_bind_text(stmt, 8, row->cause);
    sr_db_bind_text(stmt, 9, row->report);
    sr_db_bind_text(stmt, 10, row->engine);
    sr_db_bind_i64(stmt, 11, row->is_stopped);
    bind_known(stmt, 12, row->segments, -1);
    bind_known(stmt, 13, row->segments_done, -1);
    bind_known(stmt, 14, row->due_us, INT64_MAX);
    sr_db_bind_i64(stmt, 15, row->tries);
    bind_known(stmt, 16, row->slots, -1);
    return sr_db_run(stmt, err);
}

// Reading ----------------------------------------------------------------------------------------

static bool get(struct sr_db_stmt *stmt, struct job_row *ret_row, bool *ret_has, struct sr_err *err)
{
    return sr_db_step(stmt, ret_has, err) && (!*ret_has || read_row(stmt, ret_row, err));
}

bool job_store_get_job(struct job_store *store, const char *id, struct job_row *ret_row,
                       struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    bool has;
    if (!sr_db_prepare(store->db, COLUMNS "WHERE id = ?1", &stmt, err))
        return false;
    sr_db_bind_text(stmt, 1, id);
    if (!get(stmt, ret_row, &has, err))
        return false;
    return has || sr_fail(err, SR_ERR_NOT_FOUND, "there is no job \"%.64s\"", id);
}

bool job_store_get_job_by_key(struct job_store *store, const char *key, struct job_row *ret_row,
                              bool *ret_has, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db, COLUMNS "WHERE idempotency_key = ?1", &stmt, err))
        return false;
    sr_db_bind_text(stmt, 1, key);
    return get(stmt, ret_row, ret_has, err);
}

static bool each(struct sr_db_stmt *stmt, job_row_fn fn, void *self, struct sr_err *err)
{
    bool row;
    while (sr_db_step(stmt, &row, err)) {
        sr_auto(job_row) struct job_row job = { 0 };
        if (!row)
            return true;
        if (!read_row(stmt, &job, err) || !fn(self, &job, err))
            return false;
    }
    return false;
}

bool job_store_due_jobs(struct job_store *store, int64_t now_us, int64_t count_max, job_row_fn fn,
                        void *self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db, COLUMNS "WHERE due_us <= ?1 ORDER BY due_us, id LIMIT ?2", &stmt,
                       err))
        return false;
    sr_db_bind_i64(stmt, 1, now_us);
    sr_db_bind_i64(stmt, 2, count_max);
    return each(stmt, fn, self, err);
}

bool job_store_next_job_us(struct job_store *store, int64_t *ret_us, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    bool row;
    if (!sr_db_prepare(store->db,
                       "SELECT due_us FROM job WHERE due_us IS NOT NULL ORDER BY due_us LIMIT 1",
                       &stmt, err) ||
        !sr_db_step(stmt, &row, err))
        return false;
    *ret_us = row ? sr_db_i64(stmt, 0) : INT64_MAX;
    return true;
}

bool job_store_wake_jobs(struct job_store *store, int64_t now_us, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db,
                       "UPDATE job SET due_us = ?1 WHERE due_us IS NULL AND state IN (?2, ?3, ?4)",
                       &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, now_us);
    sr_db_bind_i64(stmt, 2, JOB_ROW_QUEUED);
    sr_db_bind_i64(stmt, 3, JOB_ROW_RUNNING);
    sr_db_bind_i64(stmt, 4, JOB_ROW_CANCELLING);
    return sr_db_run(stmt, err);
}

#define WITHIN "id >= ?1 AND (?2 IS NULL OR id < ?2) "
#define NEWEST "ORDER BY id DESC LIMIT ?3"

bool job_store_count_jobs(struct job_store *store, int64_t ret_counts[JOB_ROW_STATE_COUNT],
                          struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    int64_t counts[JOB_ROW_STATE_COUNT] = { 0 };
    bool row;
    if (!sr_db_prepare(store->db, "SELECT state, count(*) FROM job GROUP BY state", &stmt, err) ||
        !sr_db_step(stmt, &row, err))
        return false;
    while (row) {
        const int64_t state = sr_db_i64(stmt, 0);
        if (state >= 0 && state < JOB_ROW_STATE_COUNT)
            counts[state] = sr_db_i64(stmt, 1);
        if (!sr_db_step(stmt, &row, err))
            return false;
    }
    memcpy(ret_counts, counts, sizeof counts);
    return true;
}

bool job_store_list_jobs(struct job_store *store, const struct job_query *query, job_row_fn fn,
                         void *self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    // Each has an index that gives its order.
    const char *const sql =
        query->correlation ? COLUMNS
            "WHERE correlation = ?4 AND (?5 < 0 OR state = ?5) AND " WITHIN NEWEST
        : query->state >= 0 ? COLUMNS "WHERE state = ?5 AND " WITHIN NEWEST
                            : COLUMNS "WHERE " WITHIN NEWEST;
    if (!sr_db_prepare(store->db, sql, &stmt, err))
        return false;
    sr_db_bind_text(stmt, 1, query->from ? query->from : "");
    sr_db_bind_text(stmt, 2, query->before);
    sr_db_bind_i64(stmt, 3, query->count_max);
    if (query->correlation)
        sr_db_bind_text(stmt, 4, query->correlation);
    if (query->correlation || query->state >= 0)
        sr_db_bind_i64(stmt, 5, query->state);
    return each(stmt, fn, self, err);
}

bool job_store_stale_jobs(struct job_store *store, int64_t before_us, int64_t count_max,
                          job_row_fn fn, void *self, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db,
                       COLUMNS "WHERE ended_us IS NOT NULL AND kept = 1 AND ended_us < ?1 "
                               "AND substr(workspace, 1, 1) = '/' "
                               "ORDER BY ended_us LIMIT ?2",
                       &stmt, err))
        return false;
    sr_db_bind_i64(stmt, 1, before_us);
    sr_db_bind_i64(stmt, 2, count_max);
    return each(stmt, fn, self, err);
}

bool job_store_drop_workspace(struct job_store *store, const char *id, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db, "UPDATE job SET kept = 0 WHERE id = ?1 AND ended_us IS NOT NULL",
                       &stmt, err))
        return false;
    sr_db_bind_text(stmt, 1, id);
    return sr_db_run(stmt, err);
}
