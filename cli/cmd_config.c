// `splitreel config`: what the configuration says, and whether it can be used.
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/config_options.h"
#include "pipeline/rule.h"
#include "storage/blob_config.h"

enum {
    ID_JSON,
    ID_HELP,
};

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS,
    CONFIG_OPTION_SERVE_ROWS,
    CONFIG_OPTION_WORKER_ROWS,
    { "json", NULL, ID_JSON, "as JSON" },
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    { NULL, NULL, 0, NULL },
};

struct request {
    const char *verb;  // NULL: none
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
        if (request->verb)
            return sr_fail(err, SR_ERR_INVALID,
                           "\"%.80s\" is one too many; --config names the file", value);
        request->verb = value;
        return true;
    case ID_JSON: request->json = true; return true;
    default: request->help = true; return true;
    }
}

static bool print_json(const json_t *json, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    return jx_dump(json, true, &text, err) &&
           (puts(text) >= 0 || sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

// show -------------------------------------------------------------------------------------------

// "etc/splitreel.json:12", "--slots", "SPLITREEL_STORES", "default".
static char *origin_text(const json_t *row, struct sr_err *err)
{
    const char *const file = json_string_value(json_object_get(row, "file"));
    const char *const option = json_string_value(json_object_get(row, "option"));
    const char *const variable = json_string_value(json_object_get(row, "variable"));
    if (file)
        return sr_strf(err, "%s:%lld", file,
                       (long long)json_integer_value(json_object_get(row, "line")));
    return option     ? sr_str_dup(option, err)
           : variable ? sr_strf(err, "$%s", variable)
                      : sr_str_dup("default", err);
}

static char *value_text(const json_t *row, struct sr_err *err)
{
    const json_t *const value = json_object_get(row, "value");
    const char *const means = json_string_value(json_object_get(row, "means"));
    char *text = NULL;
    if (!value)
        return sr_str_dup(json_is_true(json_object_get(row, "set")) ? "set" : "not set", err);
    if (means)
        return sr_strf(err, "(%s)", means);
    if (json_is_string(value))
        return sr_str_dup(json_string_value(value), err);
    return jx_dump(value, false, &text, err) ? text : NULL;
}

static bool print_row(const json_t *row, struct sr_err *err)
{
    sr_auto(char) char *value = value_text(row, err);
    sr_auto(char) char *origin = value ? origin_text(row, err) : NULL;
    if (!origin)
        return false;
    return printf("%-24s %-36s %s\n", json_string_value(json_object_get(row, "name")), value,
                  origin) >= 0 ||
           sr_fail(err, SR_ERR_STORAGE, "standard output");
}

static bool show(struct request *request, struct sr_err *err)
{
    sr_auto(config) struct config config = { 0 };
    sr_auto(json) json_t *list = NULL;
    if (!config_init(&config, err) || !config_options_load(&request->options, &config, err) ||
        !config_show(&config, request->options.path, &list, err))
        return false;
    if (request->json)
        return print_json(list, err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!print_row(json_array_get(list, i), err))
            return false;
    }
    return true;
}

// check ------------------------------------------------------------------------------------------

static bool check_rules(const char *folder, struct sr_err *err)
{
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(rules) struct rules rules = { 0 };
    return rules_load(folder, &faults, &rules, err) &&
           (faults.count == 0 || faults_fail(&faults, err));
}

// The file, and the files that it names.
static bool check(struct request *request, struct sr_err *err)
{
    sr_auto(config) struct config config = { 0 };
    sr_auto(blob_config) struct blob_config stores = { 0 };
    config_options_find(&request->options);
    if (!request->options.path)
        return sr_fail(err, SR_ERR_INVALID, "no file: name it with --config FILE");
    if (!config_init(&config, err) || !config_options_load(&request->options, &config, err) ||
        (config.worker.stores && !blob_config_load(config.worker.stores, &stores, err)) ||
        (config.rules && !check_rules(config.rules, err)))
        return false;
    if (!request->json)
        return printf("%s is fine\n", request->options.path) >= 0 ||
               sr_fail(err, SR_ERR_STORAGE, "standard output");
    sr_auto(json) json_t *said =
        json_pack("{s:o,s:b}", "file", jx_string(request->options.path), "fine", true);
    return jx_made(said, err) && print_json(said, err);
}

static void help(void)
{
    (void)printf("splitreel config show [--config FILE] [--json] - every value, and where it is "
                 "from\nsplitreel config check [--config FILE] [--json] - the file, the stores "
                 "file and the rules that it names\n\n");
    options_print(rows, stdout);
    (void)printf("\nAn option goes before the file, the file before the environment, that before "
                 "the default. Secrets\nare only ever shown as set or not set.\n\n"
                 "Exit status: 0 fine, 2 wrong usage, or something in the file is wrong, 3 no such "
                 "file, 4 it may not be read.\n");
}

int cmd_config(const struct cli *cli)
{
    struct sr_err err = { 0 };
    struct request request = { 0 };
    if (!options_each(cli->argc, cli->argv, rows, take, &request, &err))
        return cli_fail(cli, &err);
    if (request.help) {
        help();
        return 0;
    }
    const char *const verb = request.verb ? request.verb : "";
    bool done = false;
    if (strcmp(verb, "show") == 0)
        done = show(&request, &err);
    else if (strcmp(verb, "check") == 0)
        done = check(&request, &err);
    else
        (void)sr_fail(&err, SR_ERR_INVALID, "want `config show` or `config check`");
    if (done && fflush(stdout) != 0)
        done = sr_fail(&err, SR_ERR_STORAGE, "standard output");
    return done ? 0 : cli_fail(cli, &err);
}
