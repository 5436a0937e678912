// The front: what is asked for, checked by whoever asks.
#include "service/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "pipeline/correlation.h"
#include "service/jobs_priv.h"
#include "statemachine/store_sqlite.h"

// Messages ---------------------------------------------------------------------------------------

struct jobs_message *jobs_message_new(struct jobs *jobs, enum jobs_message_kind kind,
                                      const char *id, int64_t attempt, struct sr_err *err)
{
    sr_auto(jobs_message) struct jobs_message *message = calloc(1, sizeof *message);
    if (!message) {
        (void)sr_fail(err, SR_ERR_NO_MEMORY, "a job");
        return NULL;
    }
    message->jobs = jobs;
    message->kind = kind;
    message->attempt = attempt;
    if (!sr_format(message->id, sizeof message->id, "%s", id)) {
        (void)sr_fail(err, SR_ERR_NOT_FOUND, "there is no job \"%.64s\"", id);
        return NULL;
    }
    return sr_take(message);
}

void jobs_message_free(struct jobs_message *message)
{
    if (!message)
        return;
    for (size_t i = 0; i < message->row_count; i++)
        job_row_done(&message->rows[i]);
    free(message->rows);
    free(message);
}

bool jobs_post(struct jobs *jobs, struct jobs_message *message, struct sr_err *err)
{
    sr_lock(&jobs->lock);
    // What was heard of always has room: it was asked for.
    const bool fits = message->kind >= JOBS_READY ||
                      (jobs->synced.count < JOBS_WAITING_MAX && !atomic_load(&jobs->is_stopping));
    if (fits) {
        message->next = NULL;
        *jobs->synced.end = message;
        jobs->synced.end = &message->next;
        jobs->synced.count++;
        sr_cond_signal(&jobs->changed);
    }
    sr_unlock(&jobs->lock);
    if (fits)
        return true;
    jobs_message_free(message);
    return sr_fail(err, SR_ERR_BUSY, "too many jobs wait to be recorded, or the service stops");
}

// Manifests --------------------------------------------------------------------------------------

// "$.input: ..." of a manifest that is one of several becomes "$.jobs[2].input: ...".
static bool name_place(const char *place, struct sr_err *err)
{
    char message[sizeof err->message];
    if (!place)
        return false;
    memcpy(message, err->message, sizeof message);
    (void)snprintf(err->message, sizeof err->message, "%s%s%s", place,
                   message[0] == '$' ? "" : ": ", message + (message[0] == '$'));  // cut: enough
    return false;
}

// What two submissions under one key must have in common.
static bool make_digest(json_t *document, const struct job_submit *submit,
                        uint8_t digest[SR_SHA256_BYTES], struct sr_err *err)
{
    sr_auto(json) json_t *facts = json_copy(document);
    if (!jx_made(facts, err))
        return false;
    (void)json_object_del(facts, "idempotency_key");  // -1: there is none
    sr_auto(char) char *text = json_dumps(facts, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    sr_auto(char) char *all =
        text ? sr_strf(err, "%s\n%d%d", text, submit->overwrite, submit->strict) : NULL;
    if (!all)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a manifest");
    return sr_sha256(all, strlen(all), digest, err);
}

static bool take_names(const struct jobs *jobs, const struct job_submit *submit,
                       const struct manifest *manifest, struct job_row *row, struct sr_err *err)
{
    char id[SR_ID_TEXT];
    const char *const key =
        submit->idempotency_key ? submit->idempotency_key : manifest->idempotency_key;
    if (submit->idempotency_key && manifest->idempotency_key &&
        strcmp(submit->idempotency_key, manifest->idempotency_key) != 0)
        return sr_fail(err, SR_ERR_INVALID,
                       "$.idempotency_key: the request comes with another one");
    if (key && (!*key || strlen(key) > JOBS_KEY_MAX))
        return sr_fail(err, SR_ERR_INVALID, "want an idempotency key of 1 to %d bytes",
                       JOBS_KEY_MAX);
    const char *const correlation =
        submit->correlation ? submit->correlation : manifest->correlation;
    if (correlation && !correlation_is_id(correlation))
        return sr_fail(err, SR_ERR_INVALID, "want a correlation id of 1 to %d visible characters",
                       CORRELATION_BYTES_MAX);
    if (!sr_id_new(jobs->params.clock, id, err))
        return false;
    row->id = sr_str_dup(id, err);
    row->correlation = sr_str_dup(correlation ? correlation : id, err);
    row->idempotency_key = key ? sr_str_dup(key, err) : NULL;
    // Spec: W3C Trace Context: one that is none is as good as none.
    const char *const traceparent = submit->traceparent && traceparent_is_one(submit->traceparent)
                                        ? submit->traceparent
                                        : manifest->traceparent;
    row->traceparent = traceparent ? sr_str_dup(traceparent, err) : NULL;
    row->workspace = *jobs->workspace == '/' ? sr_strf(err, "%s/%s", jobs->workspace, id)
                                             : sr_str_dup(jobs->workspace, err);
    return row->id && row->correlation && row->workspace && (row->idempotency_key || !key) &&
           (row->traceparent || !traceparent);
}

static bool show(const struct manifest *manifest, char **ret_text, struct sr_err *err)
{
    json_t *outputs = NULL;
    sr_auto(json) json_t *shown = json_object();
    return jx_put(shown, "input", jx_string(manifest->input_shown), err) &&
           job_places_outputs(manifest, &outputs, err) && jx_put(shown, "outputs", outputs, err) &&
           (!manifest->metadata ||
            jx_put(shown, "metadata", json_deep_copy(manifest->metadata), err)) &&
           jx_dump(shown, false, ret_text, err);
}

static bool take_manifest(const struct jobs *jobs, const struct job_submit *submit,
                          struct job_row *row, struct sr_err *err)
{
    json_t *document;
    struct manifest *parsed = NULL;
    if (submit->bytes > MANIFEST_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a manifest of %zu bytes; %d are the most",
                       submit->bytes, MANIFEST_BYTES_MAX);
    if (!jx_parse(submit->manifest, submit->bytes, true, &document, err))
        return false;
    sr_auto(json) json_t *kept = json_incref(document);
    // The parser fills in templates: what was sent is written down before.
    if (!jx_dump(kept, false, &row->manifest, err) ||
        !make_digest(kept, submit, row->digest, err)) {
        json_decref(document);
        return false;
    }
    if (!manifest_take(document, NULL, NULL, &parsed, err))
        return false;
    sr_auto(manifest) struct manifest *manifest = parsed;
    // As it is kept it may be longer than it was sent: 1e9 becomes 1000000000.0.
    if (strlen(row->manifest) > MANIFEST_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a manifest of %zu bytes; %d are the most",
                       strlen(row->manifest), MANIFEST_BYTES_MAX);
    if (!take_names(jobs, submit, manifest, row, err) ||
        !job_places_check(jobs->places, manifest, err) || !show(manifest, &row->shown, err))
        return false;
    row->priority = manifest->priority;
    row->overwrite = submit->overwrite;
    row->strict = submit->strict;
    row->created_us = row->due_us = sr_clock_wall_us(jobs->params.clock);
    row->attempt = 1;
    row->state = JOB_ROW_QUEUED;
    row->segments = row->segments_done = row->slots = -1;
    return true;
}

// Asking -----------------------------------------------------------------------------------------

bool jobs_submit(struct jobs *jobs, const struct job_submit *items, size_t count,
                 jobs_reply_fn reply, void *self, struct sr_err *err)
{
    if (count == 0 || count > JOBS_MANY_MAX)
        return sr_fail(err, SR_ERR_INVALID, "want 1 to %d manifests", JOBS_MANY_MAX);
    sr_auto(jobs_message) struct jobs_message *message =
        jobs_message_new(jobs, JOBS_SUBMIT, "", 0, err);
    if (!message)
        return false;
    message->reply = reply;
    message->self = self;
    message->rows = calloc(count, sizeof *message->rows);
    if (!message->rows)
        return sr_fail(err, SR_ERR_NO_MEMORY, "jobs");
    for (size_t i = 0; i < count; i++) {
        message->row_count++;
        if (!take_manifest(jobs, &items[i], &message->rows[i], err))
            return name_place(items[i].place, err);
    }
    return jobs_post(jobs, sr_take(message), err);
}

static bool ask(struct jobs *jobs, enum jobs_message_kind kind, const char *id, jobs_reply_fn reply,
                void *self, struct sr_err *err)
{
    struct jobs_message *const message = jobs_message_new(jobs, kind, id, 0, err);
    if (!message)
        return false;
    message->reply = reply;
    message->self = self;
    return jobs_post(jobs, message, err);
}

bool jobs_cancel(struct jobs *jobs, const char *id, jobs_reply_fn reply, void *self,
                 struct sr_err *err)
{
    return ask(jobs, JOBS_CANCEL, id, reply, self, err);
}

bool jobs_retry(struct jobs *jobs, const char *id, jobs_reply_fn reply, void *self,
                struct sr_err *err)
{
    return ask(jobs, JOBS_RETRY, id, reply, self, err);
}

// Opening and closing ----------------------------------------------------------------------------

static void jobs_done(struct jobs *jobs)
{
    sr_queue_free(jobs->files);
    for (struct jobs_message *at = jobs->synced.first, *next; at; at = next) {
        next = at->next;
        jobs_message_free(at);
    }
    remote_free(jobs->remote);
    job_places_free(jobs->places);
    store_close(&jobs->read.engine);
    job_store_close(jobs->read.store);
    job_store_close(jobs->work.store);
    free(jobs->workspace);
    free(jobs->arn_prefix);
    free(jobs);
}

static bool init_locks(struct jobs *jobs, struct sr_err *err)
{
    if (!sr_mutex_init(&jobs->lock, err))
        return false;
    if (!sr_mutex_init(&jobs->reading, err)) {
        sr_mutex_done(&jobs->lock);
        return false;
    }
    if (sr_cond_init(&jobs->changed, err))
        return true;
    sr_mutex_done(&jobs->reading);
    sr_mutex_done(&jobs->lock);
    return false;
}

void jobs_free(struct jobs *jobs)
{
    if (!jobs)
        return;
    jobs_stop(jobs);
    sr_cond_done(&jobs->changed);
    sr_mutex_done(&jobs->reading);
    sr_mutex_done(&jobs->lock);
    jobs_done(jobs);
}

// A folder's name goes to workers, so it says the whole way.
static bool find_workspace(struct jobs *jobs, const char *text, struct sr_err *err)
{
    if (remote_is_url(text)) {
        jobs->workspace = sr_str_dup(text, err);
        return jobs->workspace != NULL;
    }
    if (!sr_make_folders(text, err))
        return false;
    char *const real = realpath(text, NULL);
    jobs->workspace = real;
    return real || sr_fail_errno(err, errno, "%s", text);
}

bool jobs_new(const struct jobs_params *params, struct jobs **ret_jobs, struct sr_err *err)
{
    struct jobs *const fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return sr_fail(err, SR_ERR_NO_MEMORY, "jobs");
    memcpy((struct jobs_params *)(uintptr_t)&fresh->params, params, sizeof *params);
    fresh->synced.end = &fresh->synced.first;
    sr_cancel_init(&fresh->cancel, NULL, NULL, INT64_MAX);
    if (!init_locks(fresh, err)) {
        free(fresh);
        return false;
    }
    sr_auto(jobs) struct jobs *jobs = fresh;
    const struct remote_params remote = { .stores = params->stores,
                                          .cancel = &jobs->cancel,
                                          .log = params->log };
    jobs->arn_prefix = sr_strf(err, "arn:aws:states:%s:%s", params->region, params->account);
    if (!jobs->arn_prefix ||
        !find_workspace(
            jobs, params->config->workspace ? params->config->workspace : params->workspace, err) ||
        !job_places_new(&params->config->roots, &params->config->allow, &jobs->places, err) ||
        !remote_new(&remote, &jobs->remote, err) ||
        !sr_queue_new(JOBS_FILES_MAX, jobs_file_drop, &jobs->files, err) ||
        !job_store_open(params->path, &jobs->work.store, err) ||
        !job_store_open(params->path, &jobs->read.store, err) ||
        !store_sqlite_open_reader(params->database, &jobs->read.engine, err))
        return false;
    *ret_jobs = sr_take(jobs);
    return true;
}
