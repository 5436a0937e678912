// `splitreel worker`: does the tasks of activities, for a server of the Step Functions API.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/config_options.h"
#include "cli/store_options.h"
#include "cli/worker_metrics.h"
#include "net/sfn_client.h"
#include "pipeline/activity.h"
#include "pipeline/quantity.h"
#include "pipeline/worker.h"

// Of a request to a store: it costs less to wait some seconds for one that is started again than to
// do the task again.
enum { STORE_ATTEMPTS_MAX = 8 };

enum {
    ID_SERVER,
    ID_UNSIGNED,
    ID_PARENT,
    ID_METRICS,
    ID_JSON,
    ID_HELP,
};

static const struct option_row rows[] = {
    { "server", "URL", ID_SERVER,
      "of the service; AWS_ENDPOINT_URL_SFN, AWS_ENDPOINT_URL or the profile's unless said" },
    CONFIG_OPTION_WORKER_ROWS,
    CONFIG_OPTION_ROWS,
    { "unsigned", NULL, ID_UNSIGNED, "call the server without keys" },
    { "metrics", "ADDR", ID_METRICS,
      "GET /metrics of this worker is answered there; nowhere unless said" },
    { "parent", "PID", ID_PARENT, NULL },
    { "json", NULL, ID_JSON, "a JSON line on stdout for each task that begins or ends" },
    STORE_OPTION_ROWS,
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    { NULL, NULL, 0, NULL },
};

struct request {
    const char *server, *metrics;
    int64_t parent;  // -1: not said
    bool unsigned_calls, json, help;
    struct config_options options;
    struct store_options stores;
};

struct arns {
    struct worker_activity list[WORKER_ACTIVITIES_MAX];
    char *text[WORKER_ACTIVITIES_MAX];
    size_t count;
};
static void arns_done(struct arns *arns)
{
    for (size_t i = 0; i < arns->count; i++)
        free(arns->text[i]);
}
SR_DEFINE_AUTO_VALUE(arns, struct arns, arns_done);

// Words ------------------------------------------------------------------------------------------
static bool take(void *self, int id, const char *value, struct sr_err *err)
{
    struct request *const request = self;
    if (store_options_has(id))
        return store_options_set(&request->stores, id, value, err);
    if (config_options_has(id))
        return config_options_set(&request->options, id, value, err);
    switch (id) {
    case OPTIONS_ID_OPERAND:
        return sr_fail(err, SR_ERR_INVALID, "worker takes no file: \"%.80s\"", value);
    case ID_SERVER: request->server = value; return true;
    case ID_METRICS: request->metrics = value; return true;
    case ID_UNSIGNED: request->unsigned_calls = true; return true;
    case ID_PARENT:
        return quantity_count(value, INT32_MAX, &request->parent) ||
               sr_fail(err, SR_ERR_INVALID, "--parent %.40s: want a process's number", value);
    case ID_JSON: request->json = true; return true;
    default: request->help = true; return true;
    }
}

// The server -------------------------------------------------------------------------------------
struct far {
    struct credentials *credentials;
    struct sfn_client *client;
};
static void far_done(struct far *far)
{
    sfn_client_free(far->client);
    credentials_free(far->credentials);
}
SR_DEFINE_AUTO_VALUE(far, struct far, far_done);

static char *find_url(const struct request *request, const struct config *config,
                      struct credentials *credentials, struct sr_err *err)
{
    const char *url = request->server;
    if (!url && request->options.path)
        return sr_strf(err, "http://%s%s", config->listen[0] == ':' ? "127.0.0.1" : "",
                       config->listen);
    if (!url)
        url = getenv("AWS_ENDPOINT_URL_SFN");
    if (!url)
        url = getenv("AWS_ENDPOINT_URL");
    if (url)
        return sr_str_dup(url, err);
    char *of_profile = NULL;
    if (!credentials_setting(credentials, "endpoint_url", &of_profile, err))
        return NULL;
    if (!of_profile)
        (void)sr_fail(err, SR_ERR_INVALID, "no server: name it with --server URL");
    return of_profile;
}

// The configuration's first key is the service's own; else the environment's, as for AWS.
static bool open_server(const struct request *request, const struct config *config, struct far *far,
                        struct sr_err *err)
{
    const char *access_key, *secret;
    const bool has_key = auth_first_key(config->auth, &access_key, &secret);
    const struct credentials_params chain = { .profile = request->stores.given.profile };
    if (has_key ? !credentials_new_static(access_key, secret, NULL, &far->credentials, err)
                : !credentials_new(&chain, &far->credentials, err))
        return false;
    sr_auto(char) char *url = find_url(request, config, far->credentials, err);
    const struct sfn_client_params params = {
        .url = url,
        .credentials = request->unsigned_calls ? NULL : far->credentials,
        .region = request->stores.given.region ? request->stores.given.region
                  : request->options.path      ? config->region
                                               : NULL,
    };
    return url && sfn_client_new(&params, &far->client, err);
}

// Activities -------------------------------------------------------------------------------------
static bool add_activity(struct arns *arns, const char *name, const char *arn, struct sr_err *err)
{
    const struct activity *const found = activity_find(name);
    if (!found)
        return sr_fail(err, SR_ERR_INVALID, "--activities: there is no activity \"%.80s\"", name);
    if (arns->count == WORKER_ACTIVITIES_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d activities", WORKER_ACTIVITIES_MAX);
    char *const copy = sr_str_dup(arn, err);
    if (!copy)
        return false;
    arns->text[arns->count] = copy;
    arns->list[arns->count++] = (struct worker_activity){
        .name = found->name,
        .arn = copy,
        .timeout_us = found->timeout_s * INT64_C(1000000),
        .beat_us = found->heartbeat_s * INT64_C(1000000) / 4,
        .is_heavy = found->is_heavy,
        .is_inside = found->is_inside,
    };
    return true;
}

// Spec: CreateActivity is idempotent: it tells the ARN of one that is there.
static bool add_by_name(struct arns *arns, struct sfn_client *client, const char *name,
                        const struct sr_cancel *stop, struct sr_err *err)
{
    const struct activity *const found = activity_find(name);
    if (!found)
        return sr_fail(err, SR_ERR_INVALID, "--activities: there is no activity \"%.80s\"", name);
    sr_auto(char) char *full = sr_strf(err, ACTIVITY_PREFIX "%s", found->name);
    sr_auto(json) json_t *request = full ? json_pack("{s:s}", "name", full) : NULL;
    sr_auto(json) json_t *answer = NULL;
    if (!full || !jx_made(request, err) ||
        !sfn_client_call(client, "CreateActivity", request, stop, &answer, err))
        return false;
    const char *const arn = json_string_value(json_object_get(answer, "activityArn"));
    return arn ? add_activity(arns, name, arn, err)
               : sr_fail(err, SR_ERR_NETWORK, "CreateActivity: an answer without activityArn");
}

static bool add_word(struct arns *arns, struct sfn_client *client, const char *word,
                     const struct sr_cancel *stop, struct sr_err *err)
{
    const bool all = strcmp(word, "all") == 0;
    if (strncmp(word, "arn:", 4) == 0)
        return add_activity(arns, strrchr(word, ':') + 1, word, err);
    if (!all && strcmp(word, "fleet") != 0)
        return add_by_name(arns, client, word, stop, err);
    const struct activity *row;
    for (size_t i = 0; (row = activity_at(i)); i++) {
        if ((all || strncmp(row->name, "quick-", 6) != 0) &&
            !add_by_name(arns, client, row->name, stop, err))
            return false;
    }
    return true;
}

static bool add_words(struct arns *arns, struct sfn_client *client, const char *words,
                      const struct sr_cancel *stop, struct sr_err *err)
{
    sr_auto(char) char *text = sr_str_dup(words, err);
    if (!text)
        return false;
    char *rest = NULL;
    for (char *word = strtok_r(text, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest)) {
        if (!add_word(arns, client, word, stop, err))
            return false;
    }
    return arns->count > 0 || sr_fail(err, SR_ERR_INVALID, "--activities: none");
}

// The work ---------------------------------------------------------------------------------------
static uint64_t share_of_memory(size_t slot_count)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    const uint64_t least = (uint64_t)512 << 20;
    if (pages <= 0 || page_bytes <= 0)
        return least;
    const uint64_t share = (uint64_t)pages * (uint64_t)page_bytes / 4 * 3 / slot_count;
    return share > least ? share : least;
}

// Who hears of tasks that begin and end.
struct listener {
    struct worker_metrics *metrics;
    bool prints;
};

static void hear(void *self, const json_t *event)
{
    const struct listener *const listener = self;
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    worker_metrics_event(listener->metrics, event);
    if (!listener->prints)
        return;
    if (jx_dump(event, false, &text, &err))
        (void)printf("%s\n", text);
    (void)fflush(stdout);  // who reads it may be gone; the work goes on
}

// With everything that the command line and the configuration say in `params`.
static bool work_counted(const struct cli *cli, const struct request *request,
                         const struct config *config, const struct worker_params *params,
                         const struct blob_stores_params *stores, struct sr_err *err)
{
    sr_auto(worker_metrics) struct worker_metrics *metrics = NULL;
    const struct worker_metrics_params numbers = { .address = request->metrics,
                                                   .token = config->metrics_token,
                                                   .slots = params->slot_count,
                                                   .light_slots = params->light_count,
                                                   .log = params->log };
    if (!worker_metrics_new(&numbers, &metrics, err))
        return false;
    struct listener listener = { .metrics = metrics, .prints = request->json };
    struct http_params http = *stores->http;
    struct blob_stores_params counted_stores = *stores;
    struct worker_params counted = *params;
    http.totals = worker_metrics_stores(metrics);
    counted_stores.http = &http;
    counted.stores = &counted_stores;
    counted.event = hear;
    counted.event_self = &listener;
    const char *const address = worker_metrics_address(metrics);
    sr_info(params->log, "a worker begins", SR_TEXT("worker", params->name),
            SR_I64("slots", params->slot_count), SR_I64("light_slots", params->light_count),
            SR_I64("memory_bytes", params->memory_bytes),
            SR_TEXT("metrics", address ? address : "nowhere"));
    const bool done = worker_run(&counted, cli->stop, err);
    sr_info(params->log, "a worker ends", SR_TEXT("worker", params->name));
    return done;
}

static bool work(const struct cli *cli, struct request *request, const struct config *config,
                 const struct sr_log *log, struct sr_err *err)
{
    static const char *const child_argv[] = { "/proc/self/exe", "child", NULL };
    sr_auto(far) struct far far = { 0 };
    sr_auto(arns) struct arns arns = { 0 };
    struct http_params http = http_params_default();
    struct blob_stores_params stores = { .http = &http, .clock = sr_clock_system(), .log = log };
    const char *const words = config->worker.activities ? config->worker.activities : "fleet";
    http.attempts_max = STORE_ATTEMPTS_MAX;
    if (!request->stores.path)
        request->stores.path = config->worker.stores;
    if (!store_options_params(&request->stores, &stores, err) ||
        !open_server(request, config, &far, err) ||
        !add_words(&arns, far.client, words, cli->stop, err))
        return false;
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t slots = config->worker.slots > 0 ? (size_t)config->worker.slots
                         : processors > 0         ? (size_t)processors
                                                  : 1;
    const size_t light = (size_t)config->worker.light_slots;
    char host[128] = "", name[160];
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(name, sizeof name, "%.64s-%ld", *host ? host : "worker", (long)getpid());
    struct worker_params params = {
        .client = far.client,
        .name = name,
        .activities = arns.list,
        .activity_count = arns.count,
        .slot_count = slots,
        .light_count = light,
        .child_argv = child_argv,
        .memory_bytes = config->worker.memory_bytes > 0 ? (uint64_t)config->worker.memory_bytes
                                                        : share_of_memory(slots + light),
        .cpu_s = config->worker.task_cpu_s,
        .grace_us = config->worker.grace_us,
        .log = log,
        .log_level = config_options_log_level(config),
    };
    return work_counted(cli, request, config, &params, &stores, err);
}

// `serve` ends its workers when it is told to; when it is killed, the kernel does.
static bool follow_parent(int64_t parent, struct sr_err *err)
{
    if (parent < 0)
        return true;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        return sr_fail(err, SR_ERR_INTERNAL, "prctl");
    return getppid() == (pid_t)parent || sr_fail(err, SR_ERR_CANCELLED, "the service has gone");
}

static bool run(const struct cli *cli, struct request *request, struct sr_err *err)
{
    sr_auto(config) struct config config = { 0 };
    struct sr_log log;
    if (!follow_parent(request->parent, err) || !config_init(&config, err) ||
        !config_options_load(&request->options, &config, err) ||
        !sr_log_open(stderr, config_options_log_level(&config), sr_clock_system(), &log, err))
        return false;
    const bool done = work(cli, request, &config, &log, err);
    sr_log_close(&log);
    return done;
}

int cmd_worker(const struct cli *cli)
{
    struct sr_err err = { 0 };
    struct request request = { .parent = -1 };
    bool done = options_each(cli->argc, cli->argv, rows, take, &request, &err);
    if (done && request.help) {
        (void)printf("splitreel worker [--server URL] [options] - does the tasks of jobs, for our "
                     "service or AWS Step Functions\n\n"
                     "  splitreel worker --server http://10.0.0.5:8083 --slots 4\n\n");
        options_print(rows, stdout);
        (void)printf(
            "\nEach task runs in a process of its own, without network and keys. SIGTERM "
            "and SIGINT: what runs is\nfinished, or after --grace handed back for others "
            "to do. See docs/worker.md.\n\n"
            "Exit status: 0 told to stop, 2 wrong usage or configuration, 4 the server cannot "
            "be asked at the beginning.\n");
    } else if (done) {
        done = run(cli, &request, &err);
    }
    store_options_done(&request.stores);
    return done ? 0 : cli_fail(cli, &err);
}
