// `splitreel serve`: the workflow service, until it is told to stop.
#include <stdio.h>
#include <sys/resource.h>

#include "cli/cli.h"
#include "cli/config_options.h"
#include "service/config_resources.h"
#include "service/local_workers.h"
#include "service/service.h"

enum { SERVE_OTHER_FILES = 256 };  // beside connections: stores, databases, workers, logs

enum {
    ID_JSON,
    ID_HELP,
};

static const struct option_row rows[] = {
    CONFIG_OPTION_SERVE_ROWS,
    CONFIG_OPTION_ROWS,
    { "json", NULL, ID_JSON, "say where it listens as JSON" },
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    { NULL, NULL, 0, NULL },
};

struct request {
    struct config_options options;
    bool json, help;
};

static bool take(void *self, int id, const char *value, struct sr_err *err)
{
    struct request *const request = self;
    if (config_options_has(id))
        return config_options_set(&request->options, id, value, err);
    switch (id) {
    case OPTIONS_ID_OPERAND:
        return sr_fail(err, SR_ERR_INVALID, "serve takes no file: \"%.80s\"", value);
    case ID_JSON: request->json = true; return true;
    default: request->help = true; return true;
    }
}

// Each connection is a file. What the system does not give is met as a limit later.
static void allow_files(const struct config *config)
{
    struct rlimit files;
    const rlim_t want = config->limits.connection_max + SERVE_OTHER_FILES;
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
    const char *argv[16] = {
        "/proc/self/exe", "worker",
        "--server",       service_url(service),
        "--log-level",    config->log_level,
        "--activities",   config->worker.activities ? config->worker.activities : "all"
    };
    size_t words = 8;
    if (request->options.path) {
        argv[words++] = "--config";
        argv[words++] = request->options.path;
    }
    if (!service_has_keys(service))
        argv[words++] = "--unsigned";
    const struct local_workers_params params = {
        .argv = argv,
        .count = (size_t)config->worker.processes,
        .grace_us = config->worker.grace_us + 15000000,
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

static bool serve(const struct cli *cli, struct request *request, struct sr_err *err)
{
    sr_auto(config) struct config config = { 0 };
    struct sr_log log;
    if (!config_init(&config, err) || !config_options_load(&request->options, &config, err) ||
        !sr_log_open(stderr, config_options_log_level(&config), sr_clock_system(), &log, err))
        return false;
    allow_files(&config);
    struct config_resources *resources = NULL;
    struct service *service = NULL;
    bool done =
        config_resources_new(&config, config.state, sr_clock_system(), &log, &resources, err);
    if (done) {
        const struct service_params params = {
            .config = &config,
            .folder = config.state,
            .clock = sr_clock_system(),
            .log = &log,
            .resources = config_resources_table(resources),
            .rules = config.rules,
            .watched = (const char *const *)config.watch.list,
            .watched_count = config.watch.count,
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
    struct request request = { 0 };
    if (!options_each(cli->argc, cli->argv, rows, take, &request, &err))
        return cli_fail(cli, &err);
    if (request.help) {
        (void)printf(
            "splitreel serve [options] - the service: jobs over HTTP, and the AWS Step Functions API\n\n"
            "  splitreel serve --root /srv/media --workers 1\n"
            "  splitreel serve --rules rules/ --watch in/ --root /srv/media --workers 1\n"
            "  splitreel serve --config /etc/splitreel.json\n\n");
        options_print(rows, stdout);
        (void)printf(
            "\nSIGTERM and SIGINT end it in order: what was accepted is kept and goes on "
            "at the next start.\n\n"
            "Exit status: 0 stopped in order, 1 the address is taken, 2 wrong usage, "
            "configuration or rules, 3 no such\nfile, 4 the state folder or the keys: in use, "
            "not ours, open to others, or missing; 7 a limit.\n");
        return 0;
    }
    return serve(cli, &request, &err) ? 0 : cli_fail(cli, &err);
}
