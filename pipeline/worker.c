#include "pipeline/worker.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/backoff.h"
#include "base/thread.h"
#include "pipeline/activity.h"
#include "pipeline/child.h"
#include "pipeline/remote.h"
#include "pipeline/worker_lease.h"
#include "storage/blob_cache.h"

#define IDLE_US ((int64_t)10000000)
#define REPORT_US ((int64_t)900000000)
#define EMPTY_US ((int64_t)500000)         // between polls of a server that does not keep them open
#define STOP_REPORT_US ((int64_t)5000000)  // to hand tasks back, after the grace time
enum { TICK_MS = 50 };

struct worker;

// One runs tasks that encode, or all the others.
struct slot {
    struct worker *worker;
    size_t index;
    bool is_light;
    struct child *child;  // the slot's thread only
    struct sr_log log;
    struct sr_thread *thread;
    struct {
        struct worker_lease *lease;  // given and not ended; NULL: the slot is free
        bool is_revoked;             // it took longer than the grace time
        const char *job;             // of the child; NULL: there is none
    } synced;                        // under the worker's lock
    char job[256];
};

struct poller {
    struct worker *worker;
    const struct worker_activity *activity;
    struct sr_log log;
    struct sr_thread *thread;
    struct sr_cancel poll;  // of the call that is out; set under the worker's lock
};

struct worker {
    struct worker_params params;
    const struct sr_cancel *stop;
    struct sr_cancel handing_back;  // set when results have had their time
    struct sr_mutex lock;
    struct sr_cond changed;
    struct sr_mutex event_lock;  // held while the caller is told of an event: one at a time
    struct {
        bool stopping;
    } synced;                  // under `lock`
    struct blob_cache *cache;  // of what children read; NULL: there is no heavy slot
    struct slot *slots;
    size_t slot_count;
    struct poller *pollers;
};

// Slots ------------------------------------------------------------------------------------------
static size_t free_locked(const struct worker *worker, bool is_light) SR_REQUIRES(worker->lock);
static size_t free_locked(const struct worker *worker, bool is_light)
{
    size_t count = 0;
    for (size_t i = 0; i < worker->slot_count; i++)
        count += worker->slots[i].is_light == is_light && !worker->slots[i].synced.lease;
    return count;
}

static struct slot *pick_locked(const struct worker *worker, bool is_light, const char *job)
    SR_REQUIRES(worker->lock);
static struct slot *pick_locked(const struct worker *worker, bool is_light, const char *job)
{
    struct slot *best = NULL;
    int best_rank = 0;
    for (size_t i = 0; i < worker->slot_count; i++) {
        struct slot *const slot = &worker->slots[i];
        if (slot->is_light != is_light || slot->synced.lease)
            continue;
        const char *const has = slot->synced.job;
        const int rank = has && *job && strcmp(has, job) == 0 ? 3 : has ? 1 : 2;
        if (rank > best_rank) {
            best = slot;
            best_rank = rank;
        }
    }
    return best;
}

// No slot is free: what is polled now could only wait here.
static void end_polls_locked(struct worker *worker, bool is_light) SR_REQUIRES(worker->lock);
static void end_polls_locked(struct worker *worker, bool is_light)
{
    if (!sfn_client_takes_back(worker->params.client))
        return;
    for (size_t i = 0; i < worker->params.activity_count; i++) {
        if (worker->pollers[i].activity->is_heavy != is_light)
            sr_cancel_set(&worker->pollers[i].poll);
    }
}

static void tell(const struct slot *slot, const struct worker_lease *lease, const char *event,
                 const char *status, const char *error, const char *cause)
{
    struct worker *const worker = slot->worker;
    if (!worker->params.event)
        return;
    sr_auto(json) json_t *line =
        json_pack("{s:s, s:I}", "event", event, "slot", (json_int_t)slot->index);
    struct sr_err err = { 0 };
    if (!line || json_object_update(line, (json_t *)(uintptr_t)worker_lease_fields(lease)) != 0 ||
        (status && !jx_put(line, "status", json_string(status), &err)) ||
        (error && !jx_put(line, "error", json_string(error), &err)) ||
        (cause && !jx_put(line, "cause", jx_string(cause), &err)))
        return;  // only a line for people
    sr_lock(&worker->event_lock);
    worker->params.event(worker->params.event_self, line);
    sr_unlock(&worker->event_lock);
}

static const struct worker_activity *activity_of(const struct worker *worker,
                                                 const struct worker_lease *lease)
{
    for (size_t i = 0; i < worker->params.activity_count; i++) {
        if (strcmp(worker->params.activities[i].name, worker_lease_activity(lease)) == 0)
            return &worker->params.activities[i];
    }
    abort();  // it was one of them that made the lease
}

static bool run_child(struct slot *slot, struct worker_lease *lease, json_t **ret_result,
                      const char **ret_error, struct sr_err *err)
{
    const struct child_task task = {
        .activity = worker_lease_activity(lease),
        .params = worker_lease_input(lease),
        .job = worker_lease_job(lease),
        .fields = worker_lease_fields(lease),
        .timeout_us = activity_of(slot->worker, lease)->timeout_us,
        .cpu_s = slot->worker->params.cpu_s,
        .cancel = worker_lease_cancel(lease),
    };
    *ret_error = sr_err_row(SR_ERR_INVALID)->flow_error;
    return worker_lease_check(lease, err) &&
           child_run(slot->child, &task, ret_result, ret_error, err);
}

static bool run_inside(const struct slot *slot, struct worker_lease *lease,
                       const struct worker_activity *activity, json_t **ret_result,
                       const char **ret_error, struct sr_err *err)
{
    const struct worker_params *const params = &slot->worker->params;
    sr_auto(activity_slot) struct activity_slot *inside = NULL;
    struct sr_cancel limit;
    sr_cancel_init(&limit, worker_lease_cancel(lease), params->clock,
                   activity->timeout_us
                       ? sr_clock_monotonic_us(params->clock) + activity->timeout_us
                       : INT64_MAX);
    const struct activity_env env = {
        .stores = params->stores,
        .cancel = &limit,
        .clock = params->clock,
        .log = worker_lease_log(lease),
    };
    const bool done =
        worker_lease_check(lease, err) && activity_slot_new(&env, &inside, err) &&
        activity_run(inside, activity->name, worker_lease_input(lease), ret_result, err);
    if (!done)
        *ret_error = sr_err_row(err->code)->flow_error;
    return done;
}

static bool run_task(struct slot *slot, struct worker_lease *lease, json_t **ret_result,
                     const char **ret_error, struct sr_err *err)
{
    const struct worker_activity *const activity = activity_of(slot->worker, lease);
    return activity->is_inside ? run_inside(slot, lease, activity, ret_result, ret_error, err)
                               : run_child(slot, lease, ret_result, ret_error, err);
}

static bool was_revoked(struct slot *slot)
{
    sr_lock(&slot->worker->lock);
    const bool is_revoked = slot->synced.is_revoked;
    sr_unlock(&slot->worker->lock);
    return is_revoked;
}

static void run_lease(struct slot *slot, struct worker_lease *lease)
{
    const struct sr_cancel *const limit = &slot->worker->handing_back;
    struct sr_err err = { 0 };
    const char *error = NULL, *status = "succeeded";
    sr_auto(json) json_t *result = NULL;
    const struct sr_log *const log = worker_lease_log(lease);
    sr_info(log, "a task begins", SR_I64("slot", slot->index));
    tell(slot, lease, "began", NULL, NULL, NULL);
    if (run_task(slot, lease, &result, &error, &err)) {
        if (!worker_lease_succeed(lease, result, limit))
            status = "lost";
        sr_info(log, "a task ends", SR_TEXT("status", status));
        tell(slot, lease, "ended", status, NULL, NULL);
        return;
    }
    status = "failed";
    if (err.code == SR_ERR_CANCELLED && was_revoked(slot)) {
        status = "handed back";
        error = ACTIVITY_WORKER_DIED;
        (void)sr_fail(&err, SR_ERR_CANCELLED, "the worker was told to stop");
    }
    if (worker_lease_is_lost(lease) || !worker_lease_fail(lease, error, err.message, limit))
        status = "lost";
    sr_warn(log, "a task ends", SR_TEXT("status", status), SR_TEXT("flow_error", error),
            SR_ERR(&err));
    tell(slot, lease, "ended", status, error, err.message);
}

// What others see of the child: its job, for the next task.
static void show_job_locked(struct worker *worker, struct slot *slot) SR_REQUIRES(worker->lock);
static void show_job_locked(struct worker *worker, struct slot *slot)
{
    const char *const job = child_job(slot->child);
    (void)worker;  // whose lock it is
    slot->synced.job = NULL;
    if (job && strlen(job) < sizeof(slot->job)) {
        memcpy(slot->job, job, strlen(job) + 1);
        slot->synced.job = slot->job;
    }
}

// The next task; NULL: there will be none. A child that waits too long is ended meanwhile.
static struct worker_lease *next_lease(struct slot *slot)
{
    struct worker *const worker = slot->worker;
    sr_lock(&worker->lock);
    while (!slot->synced.lease && !worker->synced.stopping) {
        if (!slot->synced.job) {
            sr_cond_wait(&worker->changed, &worker->lock);
        } else if (!sr_cond_wait_us(&worker->changed, &worker->lock, worker->params.idle_us) &&
                   !slot->synced.lease) {
            slot->synced.job = NULL;
            sr_unlock(&worker->lock);
            (void)child_stop(slot->child);  // it says itself what is wrong
            sr_lock(&worker->lock);
        }
    }
    struct worker_lease *const lease = slot->synced.lease;
    sr_unlock(&worker->lock);
    return lease;
}

static void run_slot(void *arg)
{
    struct slot *const slot = arg;
    struct worker *const worker = slot->worker;
    for (struct worker_lease *lease; (lease = next_lease(slot));) {
        run_lease(slot, lease);
        sr_lock(&worker->lock);
        slot->synced.lease = NULL;
        slot->synced.is_revoked = false;
        show_job_locked(worker, slot);
        sr_cond_broadcast(&worker->changed);
        sr_unlock(&worker->lock);
        worker_lease_free(lease);
    }
    // On this thread, with which the kernel would end it.
    (void)child_stop(slot->child);
}

// Pollers ----------------------------------------------------------------------------------------
// Whether to poll: a slot is free. False: the worker stops.
static bool may_poll(struct poller *poller)
{
    struct worker *const worker = poller->worker;
    sr_lock(&worker->lock);
    while (!worker->synced.stopping && free_locked(worker, !poller->activity->is_heavy) == 0)
        sr_cond_wait(&worker->changed, &worker->lock);
    const bool may = !worker->synced.stopping;
    if (may)
        sr_cancel_init(&poller->poll, NULL, NULL, INT64_MAX);
    sr_unlock(&worker->lock);
    return may;
}

static bool is_stopping(struct worker *worker)
{
    sr_lock(&worker->lock);
    const bool stopping = worker->synced.stopping;
    sr_unlock(&worker->lock);
    return stopping;
}

// Gives the task to a slot; when another poll was faster, waits for one. Takes the lease.
static void hand_over(struct poller *poller, struct worker_lease *lease)
{
    struct worker *const worker = poller->worker;
    const bool is_light = !poller->activity->is_heavy;
    const char *const job = worker_lease_job(lease);
    struct slot *slot;
    sr_lock(&worker->lock);
    while (!(slot = pick_locked(worker, is_light, job)) && !worker->synced.stopping)
        (void)sr_cond_wait_us(&worker->changed, &worker->lock, TICK_MS * 1000);
    if (slot && !worker->synced.stopping) {
        slot->synced.lease = lease;
        lease = NULL;
        if (free_locked(worker, is_light) == 0)
            end_polls_locked(worker, is_light);
        sr_cond_broadcast(&worker->changed);
    }
    sr_unlock(&worker->lock);
    if (!lease)
        return;
    (void)worker_lease_fail(lease, ACTIVITY_WORKER_DIED, "the worker was told to stop",
                            &worker->handing_back);  // it says itself when that fails
    worker_lease_free(lease);
}

static bool poll_once(struct poller *poller, struct worker_lease **ret_lease, struct sr_err *err)
{
    struct worker *const worker = poller->worker;
    sr_auto(json) json_t *request = json_pack("{s:s, s:s}", "activityArn", poller->activity->arn,
                                              "workerName", worker->params.name);
    sr_auto(json) json_t *answer = NULL;
    const bool tells = poller->activity->is_heavy && sfn_client_takes_back(worker->params.client);
    *ret_lease = NULL;
    if (!jx_made(request, err) ||
        (tells &&
         !jx_put(request, "slots", json_integer((json_int_t)worker->params.slot_count), err)) ||
        !sfn_client_call(worker->params.client, "GetActivityTask", request, &poller->poll, &answer,
                         err))
        return false;
    const char *const token = json_string_value(json_object_get(answer, "taskToken"));
    const char *const input = json_string_value(json_object_get(answer, "input"));
    if (!token || !*token)
        return true;
    const struct worker_lease_params lease = {
        .client = worker->params.client,
        .token = token,
        .input = input ? input : "{}",
        .activity = poller->activity->name,
        .beat_us = poller->activity->beat_us,
        .report_us_max = worker->params.report_us_max,
        .clock = worker->params.clock,
        .log = worker->params.log,
    };
    return worker_lease_new(&lease, ret_lease, err);
}

static void wait_until(struct poller *poller, int64_t end_us)
{
    struct worker *const worker = poller->worker;
    while (!is_stopping(worker) && sr_clock_monotonic_us(worker->params.clock) < end_us)
        (void)poll(NULL, 0, TICK_MS);
}

static void wait_before(struct poller *poller, uint32_t retry)
{
    static const struct sr_backoff backoff = { 500000, 15000000 };
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        random = retry;  // less evenly spread, that is all
    wait_until(poller, sr_clock_monotonic_us(poller->worker->params.clock) + 100000 +
                           sr_backoff_us(&backoff, retry, random));
}

static void run_poller(void *arg)
{
    struct poller *const poller = arg;
    uint32_t failures = 0;
    while (may_poll(poller)) {
        struct worker_lease *lease = NULL;
        struct sr_err err = { 0 };
        const int64_t asked_us = sr_clock_monotonic_us(poller->worker->params.clock);
        const bool done = poll_once(poller, &lease, &err);
        if (lease) {
            failures = 0;
            hand_over(poller, lease);
        } else if (done) {
            failures = 0;
            wait_until(poller, asked_us + EMPTY_US);
        } else if (!sr_cancel_asked(&poller->poll) && !is_stopping(poller->worker)) {
            failures += failures < 20;
            sr_warn(&poller->log, "a poll fails", SR_ERR(&err));
            wait_before(poller, failures);
        }
    }
}

// The worker -------------------------------------------------------------------------------------
static bool open_slot(struct worker *worker, size_t index, struct sr_err *err)
{
    struct slot *const slot = &worker->slots[index];
    const struct child_params child = {
        .argv = worker->params.child_argv,
        .stores = worker->params.stores,
        .cache = worker->cache,
        .memory_bytes = worker->params.memory_bytes,
        .clock = worker->params.clock,
        .log = &slot->log,
        .log_level = worker->params.log_level,
    };
    slot->worker = worker;
    slot->index = index;
    slot->is_light = index >= worker->params.slot_count;
    sr_log_with(&slot->log, worker->params.log, SR_I64("slot", index));
    return child_new(&child, &slot->child, err) &&
           sr_thread_start("slot", run_slot, slot, &slot->thread, err);
}

static void describe_poller(struct worker *worker, struct poller *poller,
                            const struct worker_activity *activity)
{
    poller->worker = worker;
    poller->activity = activity;
    sr_cancel_init(&poller->poll, NULL, NULL, INT64_MAX);
    sr_log_with(&poller->log, worker->params.log, SR_TEXT("activity", activity->name));
}

static bool open_poller(struct worker *worker, size_t index, struct sr_err *err)
{
    struct poller *const poller = &worker->pollers[index];
    return sr_thread_start("poll", run_poller, poller, &poller->thread, err);
}

// The children read ahead themselves.
static bool open_cache(struct worker *worker, struct sr_err *err)
{
    const struct blob_cache_params params = {
        .bytes_max = remote_cache_bytes(worker->params.slot_count),
        .thread_count = 1,
    };
    return !worker->params.slot_count || blob_cache_new(&params, &worker->cache, err);
}

static bool start(struct worker *worker, struct sr_err *err)
{
    if (!open_cache(worker, err))
        return false;
    for (size_t i = 0; i < worker->slot_count; i++) {
        if (!open_slot(worker, i, err))
            return false;
    }
    // All pollers are described before one runs: each looks at the others.
    for (size_t i = 0; i < worker->params.activity_count; i++)
        describe_poller(worker, &worker->pollers[i], &worker->params.activities[i]);
    for (size_t i = 0; i < worker->params.activity_count; i++) {
        if (!open_poller(worker, i, err))
            return false;
    }
    return true;
}

static bool is_idle(struct worker *worker)
{
    sr_lock(&worker->lock);
    const size_t free_count = free_locked(worker, false) + free_locked(worker, true);
    sr_unlock(&worker->lock);
    return free_count == worker->slot_count;
}

static void revoke_all(struct worker *worker)
{
    sr_lock(&worker->lock);
    for (size_t i = 0; i < worker->slot_count; i++) {
        struct slot *const slot = &worker->slots[i];
        if (!slot->synced.lease)
            continue;
        slot->synced.is_revoked = true;
        sr_cancel_set(worker_lease_cancel(slot->synced.lease));
    }
    sr_unlock(&worker->lock);
}

static void wait_idle(struct worker *worker, int64_t us)
{
    const int64_t end_us = sr_clock_monotonic_us(worker->params.clock) + us;
    while (!is_idle(worker) && sr_clock_monotonic_us(worker->params.clock) < end_us)
        (void)poll(NULL, 0, TICK_MS);
}

// No more tasks; those that run have their time, then they are handed back.
static void finish(struct worker *worker)
{
    sr_lock(&worker->lock);
    worker->synced.stopping = true;
    for (size_t i = 0; i < worker->params.activity_count; i++)
        sr_cancel_set(&worker->pollers[i].poll);
    sr_cond_broadcast(&worker->changed);
    sr_unlock(&worker->lock);
    wait_idle(worker, worker->params.grace_us);
    revoke_all(worker);
    wait_idle(worker, CHILD_GRACE_US + STOP_REPORT_US);
    sr_cancel_set(&worker->handing_back);
    for (size_t i = 0; i < worker->params.activity_count; i++)
        sr_thread_join(worker->pollers[i].thread);
    for (size_t i = 0; i < worker->slot_count; i++) {
        sr_thread_join(worker->slots[i].thread);
        child_free(worker->slots[i].child);
    }
}

static bool check(const struct worker_params *params, struct sr_err *err)
{
    bool has_heavy = false, has_light = false;
    if (params->activity_count < 1 || params->activity_count > WORKER_ACTIVITIES_MAX)
        return sr_fail(err, SR_ERR_INVALID, "%zu activities, want 1 to %d", params->activity_count,
                       WORKER_ACTIVITIES_MAX);
    if (params->slot_count > WORKER_SLOTS_MAX || params->light_count > WORKER_SLOTS_MAX)
        return sr_fail(err, SR_ERR_INVALID, "more than %d slots", WORKER_SLOTS_MAX);
    for (size_t i = 0; i < params->activity_count; i++) {
        has_heavy |= params->activities[i].is_heavy;
        has_light |= !params->activities[i].is_heavy;
        if (params->activities[i].beat_us <= 0)
            return sr_fail(err, SR_ERR_INVALID, "%s: no time between heartbeats",
                           params->activities[i].name);
    }
    return (params->slot_count || !has_heavy) && (params->light_count || !has_light)
               ? true
               : sr_fail(err, SR_ERR_INVALID, "no slot for some of the activities");
}

static bool run(struct worker *worker, struct sr_err *err)
{
    const bool done = start(worker, err);
    while (done && !sr_cancel_asked(worker->stop))
        (void)poll(NULL, 0, TICK_MS);  // a signal ends it early
    if (!done)
        worker->params.grace_us = 0;
    finish(worker);
    return done;
}

bool worker_run(const struct worker_params *params, const struct sr_cancel *stop,
                struct sr_err *err)
{
    struct worker worker = { .params = *params, .stop = stop };
    if (!check(params, err))
        return false;
    worker.params.clock = params->clock ? params->clock : sr_clock_system();
    worker.params.idle_us = params->idle_us ? params->idle_us : IDLE_US;
    worker.params.report_us_max = params->report_us_max ? params->report_us_max : REPORT_US;
    worker.slot_count = params->slot_count + params->light_count;
    sr_cancel_init(&worker.handing_back, NULL, NULL, INT64_MAX);
    worker.slots = calloc(worker.slot_count, sizeof(*worker.slots));
    worker.pollers = calloc(params->activity_count, sizeof(*worker.pollers));
    bool done = worker.slots && worker.pollers;
    if (!done)
        (void)sr_fail(err, SR_ERR_NO_MEMORY, "%zu slots", worker.slot_count);
    if (done && (done = sr_mutex_init(&worker.lock, err))) {
        if ((done = sr_mutex_init(&worker.event_lock, err))) {
            if ((done = sr_cond_init(&worker.changed, err))) {
                done = run(&worker, err);
                sr_cond_done(&worker.changed);
            }
            sr_mutex_done(&worker.event_lock);
        }
        sr_mutex_done(&worker.lock);
    }
    blob_cache_free(worker.cache);
    free(worker.slots);
    free(worker.pollers);
    return done;
}
