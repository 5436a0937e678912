#include "cli/batch_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/str.h"
#include "base/thread.h"
#include "cli/job_view.h"

enum {
    JOBS_OF_ONE_MAX = 100,  // that a source becomes because its output is removed again
    ATTEMPTS = 20,  // of a call: a service that starts anew is waited for, two minutes or so
};

struct batch_job {
    // Set before the thread starts, then only read.
    const struct batch_works *works;
    struct batch_order order;
    int said;  // where the batch reads what a run would say
    struct sr_thread *thread;
    struct sr_cancel stop;
    // The thread's until it has ended.
    char id[64];
    json_t *last;  // its document
    bool is_done;
    struct sr_err err;  // not `is_done`
};

static void job_free(struct batch_job *job)
{
    if (!job)
        return;
    if (job->said >= 0)
        (void)close(job->said);  // nothing is written behind it
    json_decref(job->last);
    free(job);
}
SR_DEFINE_AUTO(batch_job, struct batch_job, job_free);

static const char *text_of(const json_t *job, const char *key)
{
    const char *const text = json_string_value(json_object_get(job, key));
    return text ? text : "";
}

static bool is_state(const json_t *job, const char *state)
{
    return strcmp(text_of(job, "state"), state) == 0;
}

// Handing it in ----------------------------------------------------------------------------------

// All that decides what would be made, and of what.
static bool add_key(const struct batch_job *job, const struct jobs_post *post, json_t *manifest,
                    int number, struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    char hex[SR_SHA256_HEX];
    sr_auto(char) char *text = NULL;
    sr_auto(char) char *version = NULL;
    sr_auto(sr_str) struct sr_str all = { 0 };
    sr_auto(sr_str) struct sr_str key = { 0 };
    (void)json_object_del(manifest, "idempotency_key");  // -1: it is the first
    if (!jx_dump(manifest, false, &text, err) ||
        !batch_item_version(job->order.item, &version, err) ||
        !sr_str_addf(&all, err, "%s\n%d%d\n%s\n%s", version, post->overwrite, post->strict,
                     job->order.made_time, text) ||
        !sr_sha256(all.text, all.bytes, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), hex);
    return sr_str_addf(&key, err, "batch-%s", hex) &&
           (number == 1 || sr_str_addf(&key, err, "-%d", number)) &&
           jx_put(manifest, "idempotency_key", json_string(key.text), err);
}

static bool post(const struct batch_job *job, const struct jobs_remote *remote,
                 const struct jobs_post *how, json_t *manifest, int number, json_t **ret_job,
                 struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    return add_key(job, how, manifest, number, err) && jx_dump(manifest, false, &text, err) &&
           jobs_remote_post(remote, text, how, &job->stop, ret_job, err);
}

// The job that makes the output, or has made it.
static bool submit(struct batch_job *job, const struct jobs_remote *remote, json_t **ret_job,
                   struct sr_err *err)
{
    sr_auto(submit_options) struct submit_options options = { 0 };
    sr_auto(json) json_t *manifest = NULL;
    if (!batch_options_job(job->works->options, job->order.item->source, job->order.output,
                           &options, err) ||
        !submit_options_said(&options, &manifest, err))
        return false;
    const struct jobs_post how = { .overwrite = options.overwrite || *job->order.made_time,
                                   .strict = options.strict,
                                   .correlation = options.correlation };
    for (int number = 1; number <= JOBS_OF_ONE_MAX; number++) {
        sr_auto(json) json_t *found = NULL;
        bool is_there = true;
        if (!post(job, remote, &how, manifest, number, &found, err))
            return false;
        if (is_state(found, "SUCCEEDED") &&
            !batch_works_is_there(job->works, job->order.output, &is_there, err))
            return false;
        if (is_there) {
            *ret_job = sr_take(found);
            return true;
        }
    }
    return sr_fail(err, SR_ERR_LIMIT, "%d jobs have made this output, and each time it was removed",
                   JOBS_OF_ONE_MAX);
}

// Following it -----------------------------------------------------------------------------------

// A line as `run --progress json` has it. What the batch does not read in time is left out.
static bool on_job(void *self, const json_t *document, struct sr_err *err)
{
    struct batch_job *const job = self;
    const json_t *const progress = json_object_get(document, "progress");
    const json_t *const segments = json_object_get(progress, "segments");
    char line[256], count[16] = "";
    json_decref(job->last);
    job->last = json_deep_copy(document);
    if (!jx_made(job->last, err))
        return false;
    if (segments)
        (void)snprintf(count, sizeof(count), "%lld/%lld",
                       json_integer_value(json_object_get(segments, "done")),
                       json_integer_value(json_object_get(segments, "count")));
    sr_auto(json) json_t *said = json_pack("{s:I, s:s, s:s}", "percent",
                                           json_integer_value(json_object_get(progress, "percent")),
                                           "speed", count, "stage", text_of(document, "state"));
    sr_auto(char) char *text = NULL;
    if (!jx_made(said, err) || !jx_dump(said, false, &text, err))
        return false;
    if (sr_format(line, sizeof(line), "%s\n", text))
        (void)!write(job->said, line, strlen(line));
    return true;
}

static bool try_again(struct batch_job *job, const struct jobs_remote *remote, struct sr_err *err)
{
    sr_auto(json) json_t *ignored = NULL;
    // CONFLICT: somebody else was faster
    return jobs_remote_ask(remote, "POST", job->id, "/retry", &job->stop, &ignored, err) ||
           err->code == SR_ERR_CONFLICT;
}

static bool do_job(struct batch_job *job, struct sr_err *err)
{
    sr_auto(jobs_remote) struct jobs_remote remote = { 0 };
    sr_auto(json) json_t *found = NULL;
    struct jobs_words words = job->works->options->service;
    words.attempts_max = ATTEMPTS;
    if (!jobs_remote_open(&words, &remote, err) || !submit(job, &remote, &found, err))
        return false;
    if (!*text_of(found, "id") || !sr_format(job->id, sizeof(job->id), "%s", text_of(found, "id")))
        return sr_fail(err, SR_ERR_NETWORK, "the server's answer has no id");
    if ((is_state(found, "FAILED") || is_state(found, "CANCELLED")) &&
        !try_again(job, &remote, err))
        return false;
    return jobs_client_watch(remote.client, job->id, on_job, job, &job->stop, err) &&
           (job->last ||
            sr_fail(err, SR_ERR_NETWORK, "the server tells nothing of the job %s", job->id));
}

static void follow(void *arg)
{
    struct batch_job *const job = arg;
    job->is_done = do_job(job, &job->err);
    (void)close(job->said);  // the batch reads that it has ended
    job->said = -1;
}

// The way ----------------------------------------------------------------------------------------
static bool begin(void *self, const struct batch_order *order, struct batch_doing *ret,
                  struct sr_err *err)
{
    int ends[2];
    sr_auto(batch_job) struct batch_job *job = calloc(1, sizeof(*job));
    if (!job)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a job");
    job->works = self;
    job->order = *order;
    job->said = -1;
    sr_cancel_init(&job->stop, job->works->stop, NULL, INT64_MAX);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return sr_fail_errno(err, errno, "a pipe");
    job->said = ends[1];
    if (!sr_thread_start("batch job", follow, job, &job->thread, err)) {
        (void)close(ends[0]);
        return false;
    }
    ret->fd = ends[0];
    ret->of.at_service = sr_take(job);
    return true;
}

static void stop(const struct batch_doing *doing)
{
    sr_cancel_set(&doing->of.at_service->stop);
}

// Of a job that has ended.
static int judge(const json_t *last, char *error, size_t capacity)
{
    const char *const name = text_of(last, "error");
    if (is_state(last, "CANCELLED"))
        (void)snprintf(error, capacity, "the job was cancelled");
    else
        (void)snprintf(error, capacity, "%s%s%s", name, *name ? ": " : "", text_of(last, "cause"));
    return job_view_status(last);
}

static bool end(struct batch_doing *doing, int *ret_status, struct sr_err *err)
{
    sr_auto(batch_job) struct batch_job *job = doing->of.at_service;
    doing->of.at_service = NULL;
    sr_thread_join(job->thread);
    (void)close(doing->fd);
    memcpy(doing->job, job->id, sizeof(doing->job));
    if (job->is_done) {
        *ret_status = judge(job->last, doing->error, sizeof(doing->error));
        return true;
    }
    const struct sr_err_row *const row = sr_err_row(job->err.code);
    if (row->retry) {
        *err = job->err;
        return sr_err_wrap(err, "the service");
    }
    (void)snprintf(doing->error, sizeof(doing->error), "%s", job->err.message);
    *ret_status = row->exit_status;
    return true;
}

struct batch_way batch_jobs_way(const struct batch_works *works)
{
    return (struct batch_way){
        .self = (void *)(uintptr_t)works,
        .begin = begin,
        .stop = stop,
        .end = end,
        .goes_on = "what the service has goes on there; the same command again follows it",
        .is_afar = true,
    };
}

bool batch_jobs_check(const struct batch_works *works, struct sr_err *err)
{
    sr_auto(jobs_remote) struct jobs_remote remote = { 0 };
    sr_auto(json) json_t *ignored = NULL;
    return (jobs_remote_open(&works->options->service, &remote, err) &&
            jobs_remote_ask(&remote, "GET", NULL, "?limit=1", works->stop, &ignored, err)) ||
           sr_err_wrap(err, "the service");
}
