// `splitreel serve`: the workflow service, until it is told to stop.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "pipeline/quantity.h"
#include "service/config_resources.h"
#include "service/local_workers.h"
#include "service/service.h"

enum {
    ID_LISTEN,
    ID_STATE,
    ID_CONFIG,
    ID_RULES,
    ID_WATCH,
    ID_ROOT,
    ID_WORKERS,
    ID_LOG_LEVEL,
    ID_JSON,
    ID_HELP,
};

static const struct option_row rows[] = {
    { "listen", "ADDR", ID_LISTEN, "HOST:PORT; port 0: any free one (127.0.0.1:8083)" },
    { "state", "DIR", ID_STATE, "where everything is kept (.splitreel-state)" },
    { "config", "FILE", ID_CONFIG, "JSON with comments: keys, limits, workers, audit log" },
    { "rules", "DIR", ID_RULES,
      "what events and times start: a file each; SIGHUP reads them anew" },
    { "watch", "DIR", ID_WATCH, "files that land there are events; may be given several times" },
    { "root", "DIR", ID_ROOT, "jobs may read and write below it; may be given several times" },
    { "workers", "N", ID_WORKERS, "worker processes on this machine (0)" },
    { "log-level", "LEVEL", ID_LOG_LEVEL, "debug, info, warn or error (info)" },
    { "json", NULL, ID_JSON, "say where it listens as JSON" },
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    { NULL, NULL, 0, NULL },
};

struct request {
    const char *listen, *folder, *config, *rules;
    const char *watched[SERVICE_WATCHED_MAX];
    size_t watched_count;
    const char *roots[SERVICE_ROOTS_MAX + 1];  // ends with NULL
    size_t root_count;
    int64_t workers;  // -1: not said
    enum sr_log_level level;
    bool json, help;
};

static bool set_level(const char *word, struct request *request, struct sr_err *err)
{
    static const char *const words[] = { "debug", "info", "warn", "error" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            request->level = (enum sr_log_level)i;
            return true;
        }
    }
    return sr_fail(err, SR_ERR_INVALID, "-log-level \"%.40s\": want debug, info, warn or error",
                   word);
}

static bool parse(const struct cli *cli, struct request *ret, struct sr_err *err)
{
    struct options words = { .argc = cli->argc, .argv = cli->argv, .rows = rows };
    for (;;) {
        const struct option_row *row = NULL;
        const char *value = NULL;
        switch (options_next(&words, &row, &value, err)) {
        case OPTIONS_END: return true;
        case OPTIONS_FAILED: return false;
        case OPTIONS_OPERAND:
            return sr_fail(err, SR_ERR_INVALID, "serve takes no file: \"%.80s\"", value);
        case OPTIONS_OPTION: break;
        }
        switch (row->id) {
        case ID_LISTEN: ret->listen = value; break;
        case ID_STATE: ret->folder = value; break;
        case ID_CONFIG: ret->config = value; break;
        case ID_RULES: ret->rules = value; break;
        case ID_WATCH:
            if (ret->watched_count == SERVICE_WATCHED_MAX)
                return sr_fail(err, SR_ERR_INVALID, "more than %d folders to watch",
                               SERVICE_WATCHED_MAX);
            ret->watched[ret->watched_count++] = value;
            break;
        case ID_ROOT:
            if (ret->root_count == SERVICE_ROOTS_MAX)
                return sr_fail(err, SR_ERR_INVALID, "more than %d roots", SERVICE_ROOTS_MAX);
            ret->roots[ret->root_count++] = value;
            break;
        case ID_WORKERS:
            if (!quantity_count(value, LOCAL_WORKERS_MAX, &ret->workers))
                return sr_fail(err, SR_ERR_INVALID, "--workers %.40s: want a number up to %d",
                               value, LOCAL_WORKERS_MAX);
            break;
        case ID_LOG_LEVEL:
            if (!set_level(value, ret, err))
                return false;
            break;
        case ID_JSON: ret->json = true; break;
        default: ret->help = true; break;
        }
    }
}

// Each connection is a file. What the system does not give is met as a limit later.
static void allow_files(const struct config *config)
{
    struct rlimit files;
    const unsigned connections =
        config->limits.connection_max ? config->limits.connection_max : 4096;
    const rlim_t want = connections + 256;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= want)
        return;
    files.rlim_cur =
        files.rlim_max == RLIM_INFINITY || files.rlim_max > want ? want : files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);  // as said
}

static bool say_address(const struct service *service, bool json, struct sr_err *err)
{
    const char *const url = service_url(service);
    const int bytes = json ? printf("{\"listening\":\"%s\",\"keys\":%s}\n", url,
                                    service_has_keys(service) ? "true" : "false")
                           : printf("listening on %s\n", url);
    return (bytes > 0 && fflush(stdout) == 0) || sr_fail(err, SR_ERR_STORAGE, "standard output");
}

// Worker processes are told to stop first, while the service still takes what they give back.
static bool run_with_workers(const struct cli *cli, const struct request *request,
                             const struct config *config, struct service *service,
                             const struct sr_log *log, struct sr_err *err)
{
    static const char *const levels[] = { "debug", "info", "warn", "error" };
    const char *argv[16] = {
        "/proc/self/exe", "worker",
        "--server",       service_url(service),
        "--log-level",    levels[request->level],
        "--activities",   config->worker.activities ? config->worker.activities : "all"
    };
    size_t words = 8;
    if (request->config) {
        argv[words++] = "--config";
        argv[words++] = request->config;
    }
    if (!service_has_keys(service))
        argv[words++] = "--unsigned";
    const struct local_workers_params params = {
        .argv = argv,
        .count = (size_t)(request->workers >= 0 ? request->workers : config->worker.processes),
        .grace_us = (config->worker.grace_s + 15) * INT64_C(1000000),
        .clock = sr_clock_system(),
        .log = log,
    };
    if (params.count == 0)
        return service_run(service, cli->stop, err);
    struct sr_cancel ended;
    sr_auto(local_workers) struct local_workers *workers = NULL;
    sr_cancel_init(&ended, NULL, NULL, INT64_MAX);
    return local_workers_new(&params, cli->stop, &ended, &workers, err) &&
           service_run(service, &ended, err);
}

static bool serve(const struct cli *cli, const struct request *request, struct sr_err *err)
{
    sr_auto(config) struct config config = { 0 };
    if (!config_init(&config, err) ||
        (request->config && !config_read(&config, request->config, err)))
        return false;
    if (request->listen) {
        free(config.listen);
        config.listen = sr_str_dup(request->listen, err);
        if (!config.listen)
            return false;
    }
    allow_files(&config);
    struct sr_log log;
    if (!sr_log_open(stderr, request->level, sr_clock_system(), &log, err))
        return false;
    struct config_resources *resources = NULL;
    struct service *service = NULL;
    bool done =
        config_resources_new(&config, request->folder, sr_clock_system(), &log, &resources, err);
    if (done) {
        const struct service_params params = {
            .config = &config,
            .folder = request->folder,
            .clock = sr_clock_system(),
            .log = &log,
            .resources = config_resources_table(resources),
            .rules = request->rules,
            .watched = request->watched,
            .watched_count = request->watched_count,
            .roots = request->roots,
            .reload_asked = cli->hung_up,
        };
        done = service_open(&params, &service, err) && say_address(service, request->json, err) &&
               run_with_workers(cli, request, &config, service, &log, err);
    }
    service_close(service);
    config_resources_free(resources);
    sr_log_close(&log);
    return done;
}

int cmd_serve(const struct cli *cli)
{
    struct sr_err err = { 0 };
    struct request request = { .folder = ".splitreel-state", .workers = -1, .level = SR_LOG_INFO };
    if (!parse(cli, &request, &err))
        return cli_fail(cli, &err);
    if (request.help) {
        (void)printf(
            "splitreel serve [--listen ADDR] [--state DIR] [--config FILE] [--rules DIR] [--watch DIR]... "
            "[--root DIR]... [--workers N] - the workflow service: the AWS Step Functions API, and jobs\n\n");
        options_print(rows, stdout);
        (void)printf("\nSIGTERM and SIGINT end it in order: what was accepted is kept and goes on "
                     "at the next start.\n");
        return 0;
    }
    return serve(cli, &request, &err) ? 0 : cli_fail(cli, &err);
}
