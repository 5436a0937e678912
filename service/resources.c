#include "service/resources.h"

#include <stdlib.h>
#include <string.h>

#include "service/resource_priv.h"
#include "statemachine/engine.h"

static const int64_t lambda_us_default = (int64_t)15 * 60 * 1000000;
static const int64_t http_us_default = (int64_t)60 * 1000000;

static void job_free(struct resource_job *job)
{
    json_decref(job->payload);
    free(job->resource);
    free(job);
}

// --- making and freeing ---

static bool check_tables(const struct resources_params *params, struct sr_err *err)
{
    for (size_t i = 0; i < params->lambda_count; i++) {
        const struct resources_lambda *row = &params->lambdas[i];
        if (!row->name || !*row->name || !row->url == !row->run)
            return sr_fail(err, SR_ERR_INVALID,
                           "function %zu has no name, or not one way to run it", i);
    }
    for (size_t i = 0; i < params->connection_count; i++) {
        const struct resources_connection *row = &params->connections[i];
        if (!row->arn || !row->header || !row->value || strpbrk(row->header, " :\r\n") ||
            strpbrk(row->value, "\r\n"))
            return sr_fail(err, SR_ERR_INVALID, "connection %zu is no ARN with a header", i);
    }
    return true;
}

static bool make_clients(struct resources *resources, struct sr_err *err)
{
    const struct resources_params *params = &resources->params;
    size_t count = 0, named = 0;
    while (params->http_allow && params->http_allow[count])
        count++;
    resources->http_named = calloc(count + 1, sizeof *resources->http_named);
    if (!resources->http_named)
        return sr_fail(err, SR_ERR_NO_MEMORY, "resources");
    for (size_t i = 0; i < count; i++) {
        if (!strchr(params->http_allow[i], '*'))
            resources->http_named[named++] = params->http_allow[i];
    }
    struct http_params http = http_params_default();
    http.clock = params->clock;
    http.log = params->log;
    http.attempts_max = 1;  // only the flow tries again
    http.stall_us = http.total_us = params->http_us_max;
    http.policy.allow = resources->http_named;
    if (!http_new(&http, &resources->http, err))
        return false;
    http.stall_us = http.total_us = params->lambda_us_max;
    http.policy = (struct http_policy){ .allow_private = true };  // whoever runs us chose them
    return http_new(&http, &resources->lambda_http, err);
}

bool resources_new(const struct resources_params *params, struct resources **ret,
                   struct sr_err *err)
{
    if (!check_tables(params, err))
        return false;
    sr_auto(resources) struct resources *resources = calloc(1, sizeof *resources);
    if (!resources)
        return sr_fail(err, SR_ERR_NO_MEMORY, "resources");
    struct resources_params *own = &resources->params;
    *own = *params;
    own->clock = params->clock ? params->clock : sr_clock_system();
    own->thread_max = params->thread_max ? params->thread_max : RESOURCES_THREADS;
    own->queue_max = params->queue_max ? params->queue_max : RESOURCES_QUEUE;
    own->lambda_us_max = params->lambda_us_max ? params->lambda_us_max : lambda_us_default;
    own->http_us_max = params->http_us_max ? params->http_us_max : http_us_default;
    resources->synced.threads = calloc(own->thread_max, sizeof *resources->synced.threads);
    if (!resources->synced.threads)
        return sr_fail(err, SR_ERR_NO_MEMORY, "resources");
    resources->has_lock = sr_mutex_init(&resources->lock, err);
    resources->has_cond = resources->has_lock && sr_cond_init(&resources->woken, err);
    if (!resources->has_cond || !make_clients(resources, err) || !resource_map_init(resources, err))
        return false;
    *ret = sr_take(resources);
    return true;
}

void resources_free(struct resources *resources)
{
    if (!resources)
        return;
    size_t count = 0;
    struct resource_job *waiting = NULL;
    if (resources->has_cond) {
        sr_lock(&resources->lock);
        resources->synced.ends = true;
        waiting = resources->synced.first;
        resources->synced.first = NULL;
        for (struct resource_job *job = resources->synced.working; job; job = job->next)
            sr_cancel_set(&job->cancel);
        sr_cancel_set(&resources->map.cancel);
        count = resources->synced.thread_count;
        sr_cond_broadcast(&resources->woken);
        sr_unlock(&resources->lock);
    }
    for (size_t i = 0; i < count; i++)
        sr_thread_join(resources->synced.threads[i]);
    for (struct resource_job *next; waiting; waiting = next) {
        next = waiting->next;
        job_free(waiting);
    }
    resource_map_done(resources);
    http_free(resources->http);
    http_free(resources->lambda_http);
    free(resources->http_named);
    free(resources->synced.threads);
    if (resources->has_cond)
        sr_cond_done(&resources->woken);
    if (resources->has_lock)
        sr_mutex_done(&resources->lock);
    free(resources);
}

void resources_attach(struct resources *resources, struct engine *engine)
{
    resources->engine = engine;
}

// --- threads ---

static struct resource_job *take_job(struct resources *resources)
{
    sr_lock(&resources->lock);
    resources->synced.idle++;
    while (!resources->synced.first && !resources->synced.ends)
        sr_cond_wait(&resources->woken, &resources->lock);
    resources->synced.idle--;
    struct resource_job *job = resources->synced.first;
    if (job) {
        resources->synced.first = job->next;
        resources->synced.waiting--;
        job->next = resources->synced.working;
        resources->synced.working = job;
    }
    sr_unlock(&resources->lock);
    return job;
}

static void end_job(struct resources *resources, struct resource_job *job)
{
    sr_lock(&resources->lock);
    struct resource_job **place = &resources->synced.working;
    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    sr_unlock(&resources->lock);
    job_free(job);
}

static void run_job(struct resources *resources, struct resource_job *job)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *result = NULL;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    const bool done = job->run(job, &result, &failure);
    if (sr_cancel_asked(&job->cancel))
        return;  // nobody waits for it; or we end, and the next engine starts it again
    const bool answered =
        done ? engine_answer(resources->engine, job->ref, result, &err)
             : engine_answer_failed(resources->engine, job->ref,
                                    failure.error ? failure.error : ASL_ERROR_TASK_FAILED,
                                    failure.error ? failure.cause : "out of memory", &err);
    if (!answered)
        sr_error(resources->params.log, "a task's result is lost until its time-out",
                 SR_TEXT("resource", job->resource), SR_ERR(&err));
}

static void work(void *arg)
{
    struct resources *resources = arg;
    for (struct resource_job *job; (job = take_job(resources));) {
        run_job(resources, job);
        end_job(resources, job);
    }
}

// True unless there is no thread at all to do it.
static bool want_thread_locked(struct resources *resources, struct sr_err *err)
    SR_REQUIRES(resources->lock)
{
    if (resources->synced.idle >= resources->synced.waiting ||
        resources->synced.thread_count == resources->params.thread_max)
        return true;
    struct sr_thread **place = &resources->synced.threads[resources->synced.thread_count];
    const bool started = sr_thread_start("task", work, resources, place, err);
    resources->synced.thread_count += started;
    return started || resources->synced.thread_count > 0;
}

static bool add_job(struct resources *resources, struct resource_job *job, struct sr_err *err)
{
    sr_lock(&resources->lock);
    bool added = resources->synced.waiting < resources->params.queue_max;
    if (added) {
        *(resources->synced.first ? &resources->synced.last->next : &resources->synced.first) = job;
        resources->synced.last = job;
        resources->synced.waiting++;
        sr_cond_signal(&resources->woken);
    }
    const bool served = !added || want_thread_locked(resources, err);
    if (!served) {  // nobody else has seen it
        resources->synced.first = NULL;
        resources->synced.waiting = 0;
    }
    sr_unlock(&resources->lock);
    return added ? served
                 : sr_fail(err, SR_ERR_LIMIT, "more than %zu tasks wait",
                           resources->params.queue_max);
}

// --- the engine's thread ---

static bool make_job(struct resources *resources, const struct engine_task *task,
                     bool (*run)(struct resource_job *, char **, struct asl_failure *),
                     struct resource_job **ret_job, struct sr_err *err)
{
    struct resource_job *job = calloc(1, sizeof *job);
    if (!job)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a task");
    job->resources = resources;
    job->run = run;
    job->ref = task->ref;
    sr_cancel_init(&job->cancel, NULL, resources->params.clock, INT64_MAX);
    job->resource = sr_str_dup(task->resource, err);
    if (!job->resource ||
        !jx_parse(task->payload, strlen(task->payload), false, &job->payload, err)) {
        job_free(job);
        return false;
    }
    *ret_job = job;
    return true;
}

static bool start(void *self, const struct engine_task *task,
                  bool (*run)(struct resource_job *, char **, struct asl_failure *),
                  struct sr_err *err)
{
    struct resources *resources = self;
    struct resource_job *job;
    if (!make_job(resources, task, run, &job, err))
        return false;
    if (add_job(resources, job, err))
        return true;
    job_free(job);
    if (err->code != SR_ERR_LIMIT || run != resource_lambda_run)
        return false;
    return engine_answer_failed(resources->engine, task->ref, "Lambda.TooManyRequestsException",
                                err->message, err);
}

// What is in no place of ours goes to those who take the others.
static bool start_map(struct resources *resources, const struct engine_task *task,
                      bool (*run)(struct resource_job *, char **, struct asl_failure *),
                      struct sr_err *err)
{
    const struct resources_params *const params = &resources->params;
    const struct engine_resource *const other =
        engine_resource_find(params->others, params->other_count, task->resource);
    struct resource_job *job;
    if (!make_job(resources, task, run, &job, err))
        return false;
    const bool is_ours = !other || resource_map_is_ours(job);
    if (is_ours && add_job(resources, job, err))
        return true;
    job_free(job);
    return !is_ours && other->start(other->self, task, err);
}

static bool start_items(void *self, const struct engine_task *task, struct sr_err *err)
{
    return start_map(self, task, resource_items_run, err);
}

static bool start_results(void *self, const struct engine_task *task, struct sr_err *err)
{
    return start_map(self, task, resource_results_run, err);
}

static bool start_lambda(void *self, const struct engine_task *task, struct sr_err *err)
{
    return start(self, task, resource_lambda_run, err);
}

static bool start_http(void *self, const struct engine_task *task, struct sr_err *err)
{
    return start(self, task, resource_http_run, err);
}

static void cancel(void *self, struct engine_ref ref)
{
    struct resources *resources = self;
    struct resource_job *dropped = NULL;
    sr_lock(&resources->lock);
    for (struct resource_job *job = resources->synced.working; job; job = job->next) {
        if (job->ref.execution == ref.execution && job->ref.op == ref.op)
            sr_cancel_set(&job->cancel);
    }
    struct resource_job *before = NULL;
    for (struct resource_job *job = resources->synced.first; job; before = job, job = job->next) {
        if (job->ref.execution != ref.execution || job->ref.op != ref.op)
            continue;
        *(before ? &before->next : &resources->synced.first) = job->next;
        if (resources->synced.last == job)
            resources->synced.last = before;
        resources->synced.waiting--;
        dropped = job;
        break;
    }
    sr_unlock(&resources->lock);
    if (dropped)
        job_free(dropped);
}

void resources_rows(struct resources *resources, struct engine_resource rows[RESOURCES_ROWS])
{
    rows[0] = (struct engine_resource){ "arn:aws:lambda:*", start_lambda, cancel, resources };
    rows[1] = (struct engine_resource){ "arn:aws:states:::lambda:invoke", start_lambda, cancel,
                                        resources };
    rows[2] = (struct engine_resource){ "arn:aws:states:::lambda:invoke.waitForTaskToken",
                                        start_lambda, cancel, resources };
    rows[3] =
        (struct engine_resource){ "arn:aws:states:::http:invoke", start_http, cancel, resources };
    rows[4] =
        (struct engine_resource){ "arn:aws:states:::s3:getObject", start_items, cancel, resources };
    rows[5] = (struct engine_resource){ "arn:aws:states:::s3:putObject", start_results, cancel,
                                        resources };
}
