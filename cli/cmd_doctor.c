// `splitreel doctor`: what a newcomer gets wrong, each with its remedy.
#include <stdio.h>

#include "base/str.h"
#include "cli/config_options.h"
#include "cli/doctor.h"

enum {
    ID_WRITE,
    ID_JSON,
    ID_HELP,
    URLS_MAX = 64,
};

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS,
    CONFIG_OPTION_SERVE_ROWS,
    CONFIG_OPTION_WORKER_ROWS,
    { "write", NULL, ID_WRITE, "stores: also put, read and remove an object of its own" },
    { "json", NULL, ID_JSON, "as JSON" },
    STORE_OPTION_ROWS,
    STORE_OPTION_PROFILE_ROW,
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    { NULL, NULL, 0, NULL },
};

struct request {
    const char *urls[URLS_MAX];
    size_t url_count;
    struct config_options options;
    struct store_options stores;
    bool write, json, help;
};

static bool take(void *self, int id, const char *value, struct sr_err *err)
{
    struct request *const request = self;
    if (config_options_has(id))
        return config_options_set(&request->options, id, value, err);
    if (store_options_has(id))
        return store_options_set(&request->stores, id, value, err);
    switch (id) {
    case OPTIONS_ID_OPERAND:
        if (request->url_count == URLS_MAX)
            return sr_fail(err, SR_ERR_LIMIT, "more than %d stores", URLS_MAX);
        request->urls[request->url_count++] = value;
        return true;
    case ID_WRITE: request->write = true; return true;
    case ID_JSON: request->json = true; return true;
    default: request->help = true; return true;
    }
}

// What can be used of it; a file that cannot be read is a finding, and the defaults go on.
static bool read_config(struct request *request, struct doctor *doctor, struct config *config,
                        struct sr_err *err)
{
    struct sr_err why = { 0 };
    struct config_options *const options = &request->options;
    config_options_find(options);
    if (options->path && !config_read(config, options->path, &why)) {
        const char *const remedy =
            why.code == SR_ERR_DENIED      ? "`chmod 600` it, and let it belong to this user"
            : why.code == SR_ERR_NOT_FOUND ? "--config or SPLITREEL_CONFIG names the file"
                                           : "etc/splitreel.json explains every value";
        config_done(config);
        if (!doctor_add(doctor, DOCTOR_FAIL, "configuration", remedy, err, "%s", why.message) ||
            !config_init(config, err))
            return false;
    } else if (!doctor_add(doctor, DOCTOR_OK, "configuration", NULL, err, "%s",
                           options->path ? options->path : "the defaults, no file")) {
        return false;
    }
    return config_options_apply(options, config, err);
}

// Two tries: who waits for an answer would rather hear that there is none.
static bool examine_stores(struct request *request, struct doctor *doctor, struct sr_err *err)
{
    struct sr_err why = { 0 };
    struct http_params http = http_params_default();
    http.attempts_max = 2;
    struct blob_stores_params params = { .clock = sr_clock_system(),
                                         .http = &http,
                                         .cancel = doctor->cli->stop };
    sr_auto(blob_stores) struct blob_stores *stores = NULL;
    if (!store_options_params(&request->stores, &params, &why) ||
        !blob_stores_new(&params, &stores, &why))
        return doctor_add(doctor, DOCTOR_FAIL, "stores",
                          "docs/storage.md tells what a stores file holds", err, "%s", why.message);
    doctor->stores = stores;
    for (size_t i = 0; i < request->url_count; i++) {
        if (!doctor_store(doctor, request->urls[i], err))
            return false;
    }
    return true;
}

static bool examine(struct request *request, struct doctor *doctor, struct sr_err *err)
{
    if (!doctor_codecs(doctor, err) || !doctor_keys(doctor, err) || !doctor_port(doctor, err) ||
        !doctor_limits(doctor, err) || !doctor_folders(doctor, err))
        return false;
    return examine_stores(request, doctor, err);
}

static bool print_json(const struct doctor *doctor, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *all =
        json_pack("{s:I,s:I,s:I,s:O}", "ok", (json_int_t)doctor->counts[DOCTOR_OK], "warn",
                  (json_int_t)doctor->counts[DOCTOR_WARN], "fail",
                  (json_int_t)doctor->counts[DOCTOR_FAIL], "findings", doctor->findings);
    return jx_made(all, err) && jx_dump(all, true, &text, err) &&
           (puts(text) >= 0 || sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

static bool run(const struct cli *cli, struct request *request, int *ret_status, struct sr_err *err)
{
    sr_auto(config) struct config config = { 0 };
    sr_auto(json) json_t *findings = json_array();
    struct doctor doctor = { .cli = cli,
                             .config = &config,
                             .write = request->write,
                             .json = request->json,
                             .findings = findings };
    if (!jx_made(findings, err) || !config_init(&config, err) ||
        !read_config(request, &doctor, &config, err))
        return false;
    if (!request->stores.path)
        request->stores.path = config.worker.stores;
    if (!examine(request, &doctor, err) || (request->json && !print_json(&doctor, err)))
        return false;
    if (!request->json &&
        printf("%zu fine, %zu to think about, %zu wrong\n", doctor.counts[DOCTOR_OK],
               doctor.counts[DOCTOR_WARN], doctor.counts[DOCTOR_FAIL]) < 0)
        return sr_fail(err, SR_ERR_STORAGE, "standard output");
    *ret_status = doctor.counts[DOCTOR_FAIL] > 0;
    return fflush(stdout) == 0 || sr_fail(err, SR_ERR_STORAGE, "standard output");
}

static void help(void)
{
    (void)printf("splitreel doctor [URL...] [--config FILE] [--write] [--json] - what is wrong "
                 "with this machine, its\nconfiguration and these stores, and what helps\n\n"
                 "  splitreel doctor --config /etc/splitreel.json s3://bucket/films/ --write\n\n");
    options_print(rows, stdout);
    (void)printf("\nExit status: 0 nothing is wrong (there may be warnings), 1 something is.\n");
}

int cmd_doctor(const struct cli *cli)
{
    struct sr_err err = { 0 };
    struct request request = { 0 };
    int status = 0;
    bool done = options_each(cli->argc, cli->argv, rows, take, &request, &err);
    if (done && request.help)
        help();
    else if (done)
        done = run(cli, &request, &status, &err);
    store_options_done(&request.stores);
    return done ? status : cli_fail(cli, &err);
}
