#include "pipeline/worker_lease.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/backoff.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/thread.h"
#include "pipeline/correlation.h"

enum { TASK_LETTERS = 12, TICK_MS = 50 };
#define BEAT_CALL_US ((int64_t)10000000)  // one heartbeat's time to be answered

struct worker_lease {
    struct sfn_client *client;
    const struct sr_clock *clock;
    int64_t beat_us, report_us_max;
    char *token;
    json_t *input;  // NULL: not JSON
    struct sr_err why;
    json_t *fields;
    const char *job, *activity;
    struct sr_log logs[5];  // each field is one more; the last is the lease's
    size_t log_count;
    struct sr_cancel cancel;
    atomic_bool lost;
    struct sr_thread *thread;
    struct sr_cancel ended;  // of the heartbeats; also ends the call that is out
    struct sr_mutex lock;
    struct sr_cond changed;
    bool has_lock;
};

// What it is -------------------------------------------------------------------------------------
// A token is a secret and long: lines name the task by a part of its hash.
static bool name_task(const char *token, char name[TASK_LETTERS + 1], struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    char hex[SR_SHA256_HEX];
    if (!sr_sha256(token, strlen(token), digest, err))
        return false;
    sr_hex(digest, sizeof(digest), hex);
    memcpy(name, hex, TASK_LETTERS);
    name[TASK_LETTERS] = '\0';
    return true;
}

static bool add_field(struct worker_lease *lease, const char *key, const char *text,
                      const struct sr_log *log, struct sr_err *err)
{
    if (!text || !*text)
        return true;
    if (!jx_put(lease->fields, key, jx_string(text), err))
        return false;
    const size_t i = lease->log_count++;
    sr_log_with(&lease->logs[i], i > 0 ? &lease->logs[i - 1] : log,
                SR_TEXT(key, json_string_value(json_object_get(lease->fields, key))));
    return true;
}

static bool describe(struct worker_lease *lease, const struct worker_lease_params *params,
                     struct sr_err *err)
{
    char task[TASK_LETTERS + 1];
    const json_t *const job = json_object_get(lease->input, "job");
    const char *correlation = json_string_value(json_object_get(job, "correlation"));
    if (!correlation)
        correlation = json_string_value(json_object_get(lease->input, "correlation"));
    const char *const parent = json_string_value(json_object_get(job, "traceparent"));
    char trace[TRACE_ID_TEXT];
    const bool is_traced = parent && traceparent_trace(parent, trace);
    lease->fields = json_object();
    if (!jx_made(lease->fields, err) || !name_task(params->token, task, err) ||
        !add_field(lease, "job", json_string_value(json_object_get(job, "id")), params->log, err) ||
        !add_field(lease, "correlation", correlation, params->log, err) ||
        !add_field(lease, "trace_id", is_traced ? trace : NULL, params->log, err) ||
        !add_field(lease, "activity", params->activity, params->log, err) ||
        !add_field(lease, "task", task, params->log, err))
        return false;
    const char *const id = json_string_value(json_object_get(lease->fields, "job"));
    lease->job = id ? id : "";
    lease->activity = json_string_value(json_object_get(lease->fields, "activity"));
    return true;
}

// Heartbeats -------------------------------------------------------------------------------------
// The server has another opinion of whose the task is, or none; nothing will change that.
static bool is_over(const struct sr_err *why)
{
    return why->code == SR_ERR_NOT_FOUND || why->code == SR_ERR_INVALID;
}

static void lose(struct worker_lease *lease, const struct sr_err *why)
{
    if (atomic_exchange(&lease->lost, true))
        return;
    sr_warn(worker_lease_log(lease), "the lease is lost", SR_ERR(why));
    sr_cancel_set(&lease->cancel);
}

static void beat(struct worker_lease *lease)
{
    struct sr_err err = { 0 };
    struct sr_cancel limit;
    sr_auto(json) json_t *request = json_pack("{s:s}", "taskToken", lease->token), *answer = NULL;
    sr_cancel_init(&limit, &lease->ended, lease->clock,
                   sr_clock_monotonic_us(lease->clock) + BEAT_CALL_US);
    if (!jx_made(request, &err))
        return;  // the next one may have the memory
    if (sfn_client_call(lease->client, "SendTaskHeartbeat", request, &limit, &answer, &err))
        return;
    if (is_over(&err))
        lose(lease, &err);
    else if (!sr_cancel_asked(&lease->ended))
        sr_warn(worker_lease_log(lease), "a heartbeat does not arrive", SR_ERR(&err));
}

static void run_beats(void *arg)
{
    struct worker_lease *const lease = arg;
    int64_t next_us = sr_clock_monotonic_us(lease->clock) + lease->beat_us;
    sr_lock(&lease->lock);
    while (!sr_cancel_asked(&lease->ended) && !atomic_load(&lease->lost)) {
        const int64_t left_us = next_us - sr_clock_monotonic_us(lease->clock);
        if (left_us > 0) {
            (void)sr_cond_wait_us(&lease->changed, &lease->lock, left_us);
            continue;
        }
        sr_unlock(&lease->lock);
        beat(lease);
        next_us = sr_clock_monotonic_us(lease->clock) + lease->beat_us;
        sr_lock(&lease->lock);
    }
    sr_unlock(&lease->lock);
}

static void stop_beats(struct worker_lease *lease)
{
    if (!lease->thread)
        return;
    sr_lock(&lease->lock);
    sr_cancel_set(&lease->ended);
    sr_cond_signal(&lease->changed);
    sr_unlock(&lease->lock);
    sr_thread_join(sr_take(lease->thread));
}

// Life -------------------------------------------------------------------------------------------
bool worker_lease_new(const struct worker_lease_params *params, struct worker_lease **ret_lease,
                      struct sr_err *err)
{
    sr_auto(worker_lease) struct worker_lease *lease = calloc(1, sizeof(*lease));
    if (!lease)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a task");
    lease->client = params->client;
    lease->clock = params->clock;
    lease->beat_us = params->beat_us;
    lease->report_us_max = params->report_us_max;
    sr_cancel_init(&lease->cancel, NULL, NULL, INT64_MAX);
    sr_cancel_init(&lease->ended, NULL, NULL, INT64_MAX);
    lease->token = sr_str_dup(params->token, err);
    if (!jx_parse(params->input, strlen(params->input), false, &lease->input, &lease->why))
        lease->input = NULL;
    if (!lease->token || !describe(lease, params, err) || !sr_mutex_init(&lease->lock, err))
        return false;
    lease->has_lock = true;
    if (!sr_cond_init(&lease->changed, err)) {
        sr_mutex_done(&lease->lock);
        lease->has_lock = false;
        return false;
    }
    if (!sr_thread_start("heartbeat", run_beats, lease, &lease->thread, err))
        return false;
    *ret_lease = sr_take(lease);
    return true;
}

void worker_lease_free(struct worker_lease *lease)
{
    if (!lease)
        return;
    stop_beats(lease);
    if (lease->has_lock) {
        sr_cond_done(&lease->changed);
        sr_mutex_done(&lease->lock);
    }
    if (lease->token)
        explicit_bzero(lease->token, strlen(lease->token));
    free(lease->token);
    json_decref(lease->input);
    json_decref(lease->fields);
    free(lease);
}

const char *worker_lease_activity(const struct worker_lease *lease)
{
    return lease->activity;
}

const char *worker_lease_job(const struct worker_lease *lease)
{
    return lease->job;
}

const json_t *worker_lease_input(const struct worker_lease *lease)
{
    return lease->input;
}

const json_t *worker_lease_fields(const struct worker_lease *lease)
{
    return lease->fields;
}

const struct sr_log *worker_lease_log(const struct worker_lease *lease)
{
    return &lease->logs[lease->log_count - 1];
}

struct sr_cancel *worker_lease_cancel(struct worker_lease *lease)
{
    return &lease->cancel;
}

bool worker_lease_is_lost(const struct worker_lease *lease)
{
    return atomic_load(&lease->lost);
}

bool worker_lease_check(const struct worker_lease *lease, struct sr_err *err)
{
    if (json_is_object(lease->input))
        return true;
    if (lease->input)
        return sr_fail(err, SR_ERR_INVALID, "the task's input is not an object");
    *err = lease->why;
    return sr_err_wrap(err, "the task's input");
}

// Results ----------------------------------------------------------------------------------------
static void wait_before(const struct worker_lease *lease, uint32_t retry,
                        const struct sr_cancel *limit)
{
    static const struct sr_backoff backoff = { 1000000, 20000000 };
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        random = retry;  // less evenly spread, that is all
    const int64_t end_us =
        sr_clock_monotonic_us(lease->clock) + sr_backoff_us(&backoff, retry, random);
    while (!sr_cancel_asked(limit) && sr_clock_monotonic_us(lease->clock) < end_us)
        (void)poll(NULL, 0, TICK_MS);
}

// Takes `request`. A server that is down for a while still gets it: heartbeats go on meanwhile.
static bool offer(struct worker_lease *lease, const char *op, json_t *request,
                  const struct sr_cancel *stop)
{
    struct sr_err err = { 0 };
    struct sr_cancel limit;
    sr_auto(json) json_t *owned = request, *answer = NULL;
    sr_cancel_init(&limit, stop, lease->clock,
                   sr_clock_monotonic_us(lease->clock) + lease->report_us_max);
    bool done = false;
    if (!jx_made(owned, &err)) {
        sr_error(worker_lease_log(lease), "a result could not be told", SR_ERR(&err));
        return false;
    }
    for (uint32_t retry = 1; !worker_lease_is_lost(lease); retry++) {
        done = sfn_client_call(lease->client, op, owned, &limit, &answer, &err);
        if (done || !sr_err_row(err.code)->retry || sr_cancel_asked(&limit))
            break;
        sr_warn(worker_lease_log(lease), "a result does not arrive", SR_ERR(&err));
        wait_before(lease, retry, &limit);
    }
    if (!done && !worker_lease_is_lost(lease) && is_over(&err))
        lose(lease, &err);
    else if (!done && !worker_lease_is_lost(lease))
        sr_error(worker_lease_log(lease), "a result could not be told", SR_ERR(&err));
    return done;
}

bool worker_lease_succeed(struct worker_lease *lease, const json_t *result,
                          const struct sr_cancel *stop)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    if (!jx_dump(result, false, &text, &err))
        return worker_lease_fail(lease, sr_err_row(err.code)->flow_error, err.message, stop);
    if (strlen(text) > WORKER_OUTPUT_MAX) {
        (void)sr_fail(&err, SR_ERR_TOO_LARGE, "a result of %zu bytes, at most %d", strlen(text),
                      WORKER_OUTPUT_MAX);
        return worker_lease_fail(lease, sr_err_row(err.code)->flow_error, err.message, stop);
    }
    return offer(lease, "SendTaskSuccess",
                 json_pack("{s:s, s:s}", "taskToken", lease->token, "output", text), stop);
}

bool worker_lease_fail(struct worker_lease *lease, const char *error, const char *cause,
                       const struct sr_cancel *stop)
{
    json_t *request = json_pack("{s:s, s:s}", "taskToken", lease->token, "error", error);
    struct sr_err err = { 0 };
    if (request && !jx_put(request, "cause", jx_string(cause), &err)) {
        json_decref(request);
        request = NULL;
    }
    return offer(lease, "SendTaskFailure", request, stop);
}
