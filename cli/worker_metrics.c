#include "cli/worker_metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "base/thread.h"
#include "pipeline/activity.h"
#include "service/auth.h"
#include "service/metrics.h"
#include "service/problem.h"
#include "service/server.h"

enum { OUTCOMES = 4, ACTIVITIES_MAX = 32 };
static const char *const outcomes[OUTCOMES] = { "succeeded", "failed", "handed back", "lost" };

struct worker_metrics {
    const struct worker_metrics_params *params;
    struct http_totals stores;
    struct server *server;  // NULL: nobody listens
    char address[64];
    struct sr_mutex lock;
    struct {
        uint64_t began, ended[OUTCOMES];
    } tasks[ACTIVITIES_MAX];  // under `lock`, in the order of activity_at()
};

static void answer(struct worker_metrics *metrics, struct server_call *call)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    // To whom it matters is gone when it does not arrive.
    if (!worker_metrics_text(metrics, &text, &err))
        sr_ignore(problem_answer(call, 503, err.message, NULL, NULL));
    else
        sr_ignore(server_answer(call, &(struct server_answer){ .status = 200,
                                                               .content_type =
                                                                   "text/plain; version=0.0.4; "
                                                                   "charset=utf-8",
                                                               .body = sr_str_text(&text),
                                                               .size = text.bytes }));
}

static bool may_read(const struct worker_metrics *metrics, const struct server_request *request)
{
    const char *const token = metrics->params->token;
    const char *const shown =
        http_header_find(request->headers, request->header_count, "authorization");
    if (!token)
        return request->remote_is_loopback;
    return shown && strncasecmp(shown, "Bearer ", 7) == 0 && auth_same(shown + 7, token);
}

static void *handle(void *self, struct server_call *call, const struct server_request *request)
{
    struct worker_metrics *const metrics = self;
    if (request->refused.code != SR_OK)
        sr_ignore(
            problem_answer(call, request->refused_status, request->refused.message, NULL, NULL));
    else if (strcmp(request->path, "/metrics") != 0)
        sr_ignore(problem_answer(call, 404, "there is only GET /metrics", NULL, NULL));
    else if (strcmp(request->method, "GET") != 0)
        sr_ignore(problem_answer(call, 405, "there is only GET /metrics", "GET", NULL));
    else if (!may_read(metrics, request))
        sr_ignore(
            problem_answer(call, 403, "want the bearer token of the configuration", NULL, NULL));
    else
        answer(metrics, call);
    return NULL;
}

static void done(void *self, void *from_handle, bool sent)
{
    (void)self;
    (void)from_handle;
    (void)sent;
}

static bool open_server(struct worker_metrics *metrics, struct sr_err *err)
{
    const struct worker_metrics_params *const params = metrics->params;
    struct sockaddr_storage address;
    struct server_params server = { .address = (const struct sockaddr *)&address,
                                    .clock = sr_clock_system(),
                                    .log = params->log,
                                    .limits = { .connection_max = 64, .body_bytes_max = 1024 },
                                    .handle = handle,
                                    .done = done,
                                    .self = metrics };
    if (!server_address(params->address, &address, &server.address_bytes, err))
        return false;
    if (!params->token && !server_is_loopback(server.address))
        return sr_fail(err, SR_ERR_DENIED,
                       "can be reached from other machines, and the configuration has no "
                       "metrics_token");
    if (!server_open(&server, &metrics->server, err))
        return false;
    const int host = (int)(strrchr(params->address, ':') - params->address);
    return sr_format(metrics->address, sizeof metrics->address, "http://%.*s:%u/metrics",
                     host ? host : 9, host ? params->address : "127.0.0.1",
                     server_port(metrics->server)) ||
           sr_fail(err, SR_ERR_INVALID, "is too long");
}

bool worker_metrics_new(const struct worker_metrics_params *params,
                        struct worker_metrics **ret_metrics, struct sr_err *err)
{
    struct worker_metrics *const made = calloc(1, sizeof *made);
    if (!made)
        return sr_fail(err, SR_ERR_NO_MEMORY, "metrics");
    if (!sr_mutex_init(&made->lock, err)) {
        free(made);
        return false;
    }
    sr_auto(worker_metrics) struct worker_metrics *metrics = made;
    metrics->params = params;
    if (params->address && !open_server(metrics, err))
        return sr_err_wrap(err, "--metrics %s", params->address);
    *ret_metrics = sr_take(metrics);
    return true;
}

void worker_metrics_free(struct worker_metrics *metrics)
{
    if (!metrics)
        return;
    server_close(metrics->server);
    sr_mutex_done(&metrics->lock);
    free(metrics);
}

const char *worker_metrics_address(const struct worker_metrics *metrics)
{
    return metrics->server ? metrics->address : NULL;
}

struct http_totals *worker_metrics_stores(struct worker_metrics *metrics)
{
    return &metrics->stores;
}

void worker_metrics_event(struct worker_metrics *metrics, const json_t *event)
{
    const char *const kind = json_string_value(json_object_get(event, "event"));
    const char *const name = json_string_value(json_object_get(event, "activity"));
    const char *const status = json_string_value(json_object_get(event, "status"));
    size_t index = 0;
    const struct activity *row;
    while ((row = activity_at(index)) && !(name && strcmp(row->name, name) == 0))
        index++;
    if (!row || !kind || index >= ACTIVITIES_MAX)
        return;
    sr_lock(&metrics->lock);
    metrics->tasks[index].began += strcmp(kind, "began") == 0;
    for (size_t i = 0; status && i < OUTCOMES; i++)
        metrics->tasks[index].ended[i] += strcmp(status, outcomes[i]) == 0;
    sr_unlock(&metrics->lock);
}

static bool add_tasks(const struct worker_metrics *metrics, struct sr_str *text, struct sr_err *err)
{
    const struct activity *row;
    if (!sr_str_add(text,
                    "# HELP splitreel_worker_tasks_total Tasks that have ended, since the start.\n"
                    "# TYPE splitreel_worker_tasks_total counter\n",
                    err))
        return false;
    for (size_t i = 0; i < ACTIVITIES_MAX && (row = activity_at(i)); i++) {
        for (size_t k = 0; k < OUTCOMES; k++) {
            if (metrics->tasks[i].began > 0 &&
                !sr_str_addf(text, err,
                             "splitreel_worker_tasks_total{activity=\"%s\",status=\"%s\"} "
                             "%" PRIu64 "\n",
                             row->name, outcomes[k], metrics->tasks[i].ended[k]))
                return false;
        }
    }
    return true;
}

static bool add_running(const struct worker_metrics *metrics, struct sr_str *text,
                        struct sr_err *err)
{
    const struct activity *row;
    if (!sr_str_add(text,
                    "# HELP splitreel_worker_tasks_running Tasks that run.\n"
                    "# TYPE splitreel_worker_tasks_running gauge\n",
                    err))
        return false;
    for (size_t i = 0; i < ACTIVITIES_MAX && (row = activity_at(i)); i++) {
        uint64_t running = metrics->tasks[i].began;
        for (size_t k = 0; k < OUTCOMES; k++)
            running -= metrics->tasks[i].ended[k];
        if (metrics->tasks[i].began > 0 &&
            !sr_str_addf(text, err, "splitreel_worker_tasks_running{activity=\"%s\"} %" PRIu64 "\n",
                         row->name, running))
            return false;
    }
    return true;
}

bool worker_metrics_text(struct worker_metrics *metrics, struct sr_str *text, struct sr_err *err)
{
    sr_lock(&metrics->lock);
    const bool told = add_tasks(metrics, text, err) && add_running(metrics, text, err);
    sr_unlock(&metrics->lock);
    return told &&
           metrics_add_gauge(text, "worker_slots", "Slots for tasks that encode.",
                             metrics->params->slots, err) &&
           metrics_add_gauge(text, "worker_light_slots", "Slots for all other tasks.",
                             metrics->params->light_slots, err) &&
           metrics_add_stores(&metrics->stores, text, err);
}
