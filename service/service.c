#include "service/service.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/str.h"
#include "base/thread.h"
#include "service/aws_json.h"
#include "service/folder.h"
#include "service/jobs_api.h"
#include "service/metrics.h"
#include "service/problem.h"
#include "service/route.h"
#include "service/uploads.h"
#include "service/watch.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"
#include "storage/blob_config.h"

struct service {
    const struct config *config;
    const struct sr_clock *clock;
    const struct sr_log *log;
    struct service_resources resources;
    int lock_fd;
    struct store store;
    struct engine *engine;
    struct sr_thread *thread;
    struct sr_cancel cancel;  // of the engine's thread
    struct states_api *api;
    struct audit *audit;
    struct aws_json json;
    struct blob_config stores;
    struct blob_stores_params places;
    struct http_params http;
    struct http_totals totals;  // of stores
    struct jobs *jobs;
    struct job_follow *follow;
    struct jobs_api jobs_api;
    struct uploads *uploads;
    struct watch *watches[SERVICE_WATCHED_MAX];
    bool (*reload_asked)(void);
    struct server *server;
    char url[96];
    atomic_bool gave_up;  // the engine's thread has ended by itself
    struct sr_err why;    // then
    int64_t warned_us;    // the engine's thread's
};

// What a request left for its end. Only calls of the API do.
struct visit {
    struct service *service;
    struct server_call *call;
    int64_t asked_us;
    struct sr_str text;
    bool wants_text;
};

// --- health and metrics: both ask the engine, so that they tell whether it answers ---

static bool look(void *self, const struct store *store, int64_t now_us, struct sr_err *err)
{
    struct visit *const visit = self;
    (void)store;
    return !visit->wants_text ||
           metrics_add_engine(visit->service->engine, now_us, &visit->text, err);
}

static void looked(void *self, const struct engine_reply *reply)
{
    struct visit *const visit = self;
    struct service *const service = visit->service;
    struct sr_err err = reply->err;
    bool done = reply->done;
    if (done && visit->wants_text) {
        const struct server_counts counts = server_counts(service->server);
        done = metrics_add_server(&counts, service->audit ? audit_lost(service->audit) : 0,
                                  &visit->text, &err) &&
               metrics_add_stores(&service->totals, &visit->text, &err) &&
               metrics_add_gauge(&visit->text, "workers",
                                 "Workers that asked for a task within two minutes.",
                                 states_api_workers(service->api), &err) &&
               metrics_add_gauge(&visit->text, "slots",
                                 "Slots that encode, of these workers, as far as they tell.",
                                 states_api_slots(service->api), &err);
    }
    // To whom it matters is gone when it does not arrive.
    if (!done)
        sr_ignore(problem_answer(visit->call, 503, err.message, NULL, NULL));
    else
        sr_ignore(server_answer(
            visit->call,
            &(struct server_answer){
                .status = 200,
                .content_type = visit->wants_text ? "text/plain; version=0.0.4; charset=utf-8"
                                                  : "application/json",
                .body = visit->wants_text ? sr_str_text(&visit->text) : "{\"status\":\"ok\"}\n",
                .size = visit->wants_text ? visit->text.bytes : strlen("{\"status\":\"ok\"}\n") }));
    sr_str_done(&visit->text);
    free(visit);
}

static void *visit_engine(struct service *service, struct server_call *call, bool wants_text)
{
    struct sr_err err = { 0 };
    struct visit *visit = calloc(1, sizeof *visit);
    if (!visit) {
        sr_ignore(problem_answer(call, 503, "out of memory", NULL, NULL));
        return NULL;
    }
    *visit = (struct visit){ .service = service, .call = call, .wants_text = wants_text };
    const struct engine_request request = {
        .kind = ENGINE_RECORD, .record = look, .reply = looked, .self = visit
    };
    // What jobs tell is read here: the engine's thread has better things to do.
    if ((wants_text && !jobs_metrics(service->jobs, &visit->text, &err)) ||
        !engine_ask(service->engine, &request, &err)) {
        sr_ignore(problem_answer(call, 503, err.message, NULL, NULL));
        sr_str_done(&visit->text);
        free(visit);
    }
    return NULL;
}

static void *handle_health(void *self, struct server_call *call,
                           const struct server_request *request)
{
    (void)request;
    return visit_engine(self, call, false);
}

// Who may read it: this machine, and who shows the token.
static void *handle_metrics(void *self, struct server_call *call,
                            const struct server_request *request)
{
    struct service *const service = self;
    const char *const shown =
        http_header_find(request->headers, request->header_count, "authorization");
    const char *const token = service->config->metrics_token;
    const bool is_shown =
        shown && token && strncasecmp(shown, "Bearer ", 7) == 0 && auth_same(shown + 7, token);
    if (is_shown || (request->remote_is_loopback && !token))
        return visit_engine(service, call, true);
    sr_ignore(problem_answer(call, 403,
                             token ? "want the bearer token of the configuration"
                                   : "metrics are for this machine: the configuration has no "
                                     "metrics_token",
                             NULL, NULL));
    return NULL;
}

static void *handle_api(void *self, struct server_call *call, const struct server_request *request)
{
    struct service *const service = self;
    return aws_json_handle(&service->json, call, request);
}

static void *handle_events(void *self, struct server_call *call,
                           const struct server_request *request)
{
    struct service *const service = self;
    uploads_handle(service->uploads, call, request);
    return NULL;
}

static void *handle_jobs(void *self, struct server_call *call, const struct server_request *request)
{
    struct service *const service = self;
    jobs_api_handle(&service->jobs_api, call, request);
    return NULL;
}

static const struct route routes[] = {
    { "POST", "/", true, handle_api },
    { "GET", "/healthz", false, handle_health },
    { "GET", "/metrics", false, handle_metrics },
    { "POST", "/events/s3", false, handle_events },
    { "POST", "/events/s3/*", false, handle_events },
    { "GET", "/events/s3", false, handle_events },
    { "GET", "/events/s3/*", false, handle_events },
    { "GET", "/v1/*", false, handle_jobs },
    { "POST", "/v1/*", false, handle_jobs },
    { "PUT", "/v1/*", false, handle_jobs },
    { "DELETE", "/v1/*", false, handle_jobs },
    { NULL, NULL, false, NULL },
};

static void *handle(void *self, struct server_call *call, const struct server_request *request)
{
    return route_handle(routes, self, call, request);
}

static void done(void *self, void *from_handle, bool sent)
{
    struct service *const service = self;
    aws_json_done(&service->json, from_handle, sent);
}

// --- the engine's thread ---

// A store that is full fails ten times a second: it is told once a minute.
static void on_failure(void *self, const struct sr_err *err)
{
    enum { MINUTE_US = 60000000 };
    struct service *const service = self;
    const int64_t now_us = sr_clock_monotonic_us(service->clock);
    if (service->warned_us && now_us - service->warned_us < MINUTE_US)
        return;
    service->warned_us = now_us;
    sr_error(service->log, "nothing can be committed", SR_ERR(err));
}

static void run_engine(void *arg)
{
    struct service *const service = arg;
    if (engine_loop(service->engine, &service->cancel, on_failure, service, &service->why))
        return;
    sr_error(service->log, "the engine gives up", SR_ERR(&service->why));
    atomic_store(&service->gave_up, true);
}

// --- opening ---

static bool open_audit(struct service *service, const char *folder, struct sr_err *err)
{
    const struct config *const config = service->config;
    if (config->audit.is_off)
        return true;
    sr_auto(char) char *path = config->audit.path ? sr_str_dup(config->audit.path, err)
                                                  : sr_strf(err, "%s/audit.log", folder);
    const struct audit_params params = { .path = path,
                                         .bytes_max = config->audit.bytes_max,
                                         .kept_count = config->audit.kept_count,
                                         .clock = service->clock };
    return path && audit_open(&params, &service->audit, err);
}

static bool open_engine(struct service *service, const char *folder, struct sr_err *err)
{
    const struct config *const config = service->config;
    char secret[FOLDER_SECRET_TEXT];
    uint64_t seed;
    sr_auto(char) char *path = sr_strf(err, "%s/states.db", folder);
    sr_auto(char) char *prefix =
        sr_strf(err, "arn:aws:states:%s:%s", config->region, config->account);
    if (!path || !prefix || !folder_secret(folder, secret, err))
        return false;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return sr_fail(err, SR_ERR_INTERNAL, "the kernel gives no random bytes");
    const struct engine_params engine = { .store = &service->store,
                                          .clock = service->clock,
                                          .resources = service->resources.rows,
                                          .resource_count = service->resources.count,
                                          .arn_prefix = prefix,
                                          .token_key = secret,
                                          .seed = seed,
                                          .retention_us = config->history_days * CONFIG_DAY_US };
    const bool opened =
        store_sqlite_open(path, &service->store, err) && engine_new(&engine, &service->engine, err);
    explicit_bzero(secret, sizeof secret);
    if (!opened)
        return sr_err_wrap(err, "%s", path);
    if (service->resources.attach)
        service->resources.attach(service->resources.self, service->engine);
    const struct states_api_params api = { .engine = service->engine,
                                           .database = path,
                                           .clock = service->clock,
                                           .region = config->region,
                                           .account = config->account };
    return states_api_new(&api, &service->api, err);
}

static bool show_job(void *self, const char *id, json_t **ret_json, struct sr_err *err)
{
    const struct service *const service = self;
    return jobs_document(service->jobs, id, false, ret_json, err);
}

static char *name_execution(void *self, const char *id, int64_t attempt, bool clean,
                            struct sr_err *err)
{
    const struct service *const service = self;
    return jobs_execution(service->jobs, id, attempt, clean, err);
}

static size_t count_slots(void *self)
{
    const struct service *const service = self;
    return states_api_slots(service->api);
}

static bool open_jobs(struct service *service, const struct service_params *params,
                      struct sr_err *err)
{
    const struct config *const config = service->config;
    sr_auto(char) char *path = sr_strf(err, "%s/jobs.db", params->folder);
    sr_auto(char) char *database = sr_strf(err, "%s/states.db", params->folder);
    sr_auto(char) char *workspace = sr_strf(err, "%s/jobs", params->folder);
    const char *const stores =  // as workers of this configuration find theirs
        config->worker.stores ? config->worker.stores : getenv("SPLITREEL_STORES");
    if (!path || !database || !workspace ||
        (stores && *stores && !blob_config_load(stores, &service->stores, err)))
        return false;
    service->http = http_params_default();
    service->http.totals = &service->totals;
    service->places = (struct blob_stores_params){
        .http = &service->http,
        .store = service->stores.store,
        .store_count = service->stores.store_count,
        .allow_private = service->stores.allow_private,
        .allow = service->stores.allow,
        .clock = service->clock,
        .log = service->log,
    };
    const struct jobs_params jobs = { .path = path,
                                      .database = database,
                                      .workspace = workspace,
                                      .config = &config->jobs,
                                      .region = config->region,
                                      .account = config->account,
                                      .stores = &service->places,
                                      .clock = service->clock,
                                      .log = service->log,
                                      .engine = service->engine,
                                      .slots = count_slots,
                                      .slots_self = service };
    if (!jobs_new(&jobs, &service->jobs, err))
        return sr_err_wrap(err, "jobs");
    const struct job_follow_params follow = { .database = database,
                                              .document = show_job,
                                              .execution = name_execution,
                                              .self = service,
                                              .clock = service->clock,
                                              .log = service->log };
    if (!job_follow_new(&follow, &service->follow, err))
        return false;
    service->jobs_api = (struct jobs_api){ .jobs = service->jobs,
                                           .follow = service->follow,
                                           .config = &config->jobs,
                                           .auth = config->auth,
                                           .audit = service->audit,
                                           .clock = service->clock,
                                           .log = service->log };
    return true;
}

static bool submit_job(void *self, const struct job_submit *job, jobs_reply_fn reply,
                       void *reply_self, struct sr_err *err)
{
    struct service *const service = self;
    return jobs_submit(service->jobs, job, 1, reply, reply_self, err);
}

static bool open_uploads(struct service *service, const struct service_params *params,
                         struct sr_err *err)
{
    sr_auto(char) char *path = sr_strf(err, "%s/jobs.db", params->folder);
    const struct uploads_params uploads = { .path = path,
                                            .rules = params->rules,
                                            .config = &service->config->events,
                                            .region = service->config->region,
                                            .account = service->config->account,
                                            .clock = service->clock,
                                            .log = service->log,
                                            .engine = service->engine,
                                            .submit = submit_job,
                                            .submit_self = service };
    return path && uploads_new(&uploads, &service->uploads, err);
}

static bool tell_file(void *self, const char *identity, const json_t *document, struct sr_err *err)
{
    struct service *const service = self;
    return uploads_tell(service->uploads, identity, document, err);
}

static bool open_watches(struct service *service, const struct service_params *params,
                         struct sr_err *err)
{
    if (params->watched_count > SERVICE_WATCHED_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d folders to watch", SERVICE_WATCHED_MAX);
    for (size_t i = 0; i < params->watched_count; i++) {
        const struct watch_params watch = { .folder = params->watched[i],
                                            .outputs = &service->config->events.outputs,
                                            .clock = service->clock,
                                            .log = service->log,
                                            .tell = tell_file,
                                            .self = service };
        if (!watch_new(&watch, &service->watches[i], err))
            return false;
    }
    return true;
}

static bool start_work(struct service *service, struct sr_err *err)
{
    if (!jobs_start(service->jobs, err) || !job_follow_start(service->follow, err) ||
        !uploads_start(service->uploads, err))
        return false;
    for (size_t i = 0; i < SERVICE_WATCHED_MAX && service->watches[i]; i++) {
        if (!watch_start(service->watches[i], err))
            return false;
    }
    return true;
}

static bool open_server(struct service *service, struct sr_err *err)
{
    const struct config *const config = service->config;
    struct sockaddr_storage address;
    struct server_params params = { .clock = service->clock,
                                    .log = service->log,
                                    .limits = config->limits,
                                    .handle = handle,
                                    .done = done,
                                    .self = service };
    if (!server_address(config->listen, &address, &params.address_bytes, err))
        return false;
    params.address = (const struct sockaddr *)&address;
    if (!auth_has_keys(config->auth) && !server_is_loopback(params.address))
        return sr_fail(err, SR_ERR_DENIED,
                       "%s can be reached from other machines, and there are no keys: configure "
                       "keys, or listen on 127.0.0.1",
                       config->listen);
    service->json = (struct aws_json){ .target = "AWSStepFunctions",
                                       .auth = config->auth,
                                       .audit = service->audit,
                                       .clock = service->clock,
                                       .call = states_api_call,
                                       .api = service->api };
    if (!server_open(&params, &service->server, err))
        return sr_err_wrap(err, "%s", config->listen);
    const char *const host = config->listen;
    const int bytes = (int)(strrchr(host, ':') - host);
    (void)snprintf(service->url, sizeof service->url, "http://%.*s:%u", bytes ? bytes : 9,
                   bytes ? host : "127.0.0.1", server_port(service->server));
    return true;
}

static bool open_all(struct service *service, const struct service_params *params,
                     struct sr_err *err)
{
    if (!folder_take(params->folder, &service->lock_fd, err) ||
        !open_audit(service, params->folder, err) || !open_engine(service, params->folder, err) ||
        !open_jobs(service, params, err) || !open_uploads(service, params, err) ||
        !open_watches(service, params, err))
        return false;
    // The address comes before the threads: when it is taken nothing has been done yet.
    return open_server(service, err) &&
           sr_thread_start("engine", run_engine, service, &service->thread, err) &&
           start_work(service, err);
}

bool service_open(const struct service_params *params, struct service **ret_service,
                  struct sr_err *err)
{
    sr_auto(service) struct service *service = calloc(1, sizeof *service);
    if (!service)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a service");
    service->config = params->config;
    service->clock = params->clock;
    service->log = params->log;
    service->resources = params->resources;
    service->reload_asked = params->reload_asked;
    service->lock_fd = -1;
    sr_cancel_init(&service->cancel, NULL, NULL, INT64_MAX);
    if (!open_all(service, params, err))
        return false;
    if (!auth_has_keys(params->config->auth))
        sr_warn(params->log, "no keys: whoever is on this machine may call, nobody else can");
    *ret_service = sr_take(service);
    return true;
}

// --- the end ---

static void stop_engine(struct service *service)
{
    for (size_t i = 0; i < SERVICE_WATCHED_MAX; i++)
        watch_free(sr_take(service->watches[i]));
    if (service->uploads)
        uploads_stop(service->uploads);
    if (service->follow)
        job_follow_stop(service->follow);
    if (service->jobs)
        jobs_stop(service->jobs);
    if (service->thread) {
        sr_cancel_set(&service->cancel);
        engine_wake(service->engine);
        sr_thread_join(service->thread);
        service->thread = NULL;
    }
    if (service->engine && service->resources.detach)
        service->resources.detach(service->resources.self);
    engine_free(service->engine);  // answers what is still open
    service->engine = NULL;
}

static void drain(struct service *service)
{
    enum { ANSWER_US = 10000000, SEND_US = 5000000 };
    sr_info(service->log, "stopping");
    server_drain(service->server);
    if (!atomic_load(&service->gave_up) && !server_wait(service->server, true, ANSWER_US))
        sr_warn(service->log, "calls are cut off that took too long");
    stop_engine(service);
    if (!server_wait(service->server, false, SEND_US))
        sr_warn(service->log, "clients are cut off that do not read their answers");
}

bool service_run(struct service *service, const struct sr_cancel *stop, struct sr_err *err)
{
    enum { LOOK_MS = 250, LOOKS_PER_SWEEP = 4 };
    for (unsigned i = 0; !sr_cancel_asked(stop) && !atomic_load(&service->gave_up); i++) {
        (void)poll(NULL, 0, LOOK_MS);  // a signal ends it early
        if (service->reload_asked && service->reload_asked())
            uploads_reload(service->uploads);
        if (i % LOOKS_PER_SWEEP)
            continue;
        server_sweep(service->server);
        if (service->audit)
            audit_sync(service->audit);
    }
    const bool gave_up = atomic_load(&service->gave_up);
    drain(service);
    if (gave_up)
        *err = service->why;
    return !gave_up;
}

void service_close(struct service *service)
{
    if (!service)
        return;
    if (service->server)
        server_drain(service->server);
    stop_engine(service);
    server_close(service->server);
    uploads_free(service->uploads);
    job_follow_free(service->follow);
    jobs_free(service->jobs);
    blob_config_done(&service->stores);
    states_api_free(service->api);
    audit_close(service->audit);
    store_close(&service->store);
    if (service->lock_fd >= 0)
        (void)close(service->lock_fd);  // the lock goes with it
    free(service);
}

const char *service_url(const struct service *service)
{
    return service->url;
}

bool service_has_keys(const struct service *service)
{
    return auth_has_keys(service->config->auth);
}
