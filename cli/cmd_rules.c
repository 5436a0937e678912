// `splitreel rules`: check rule files, and try one with an event.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/jx.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "pipeline/rule.h"
#include "pipeline/schedule.h"
#include "storage/s3_event.h"

enum { ID_EVENT, ID_JSON, ID_HELP, FILES_MAX = 1000, TIMES_SHOWN = 5 };
#define ARN_FORMAT "arn:aws:events:us-east-1:123456789012:rule/%s"
#define ACCOUNT "123456789012"

static const struct option_row rows[] = {
    { "event", "FILE", ID_EVENT, "test: an event, as EventBridge or a store sends it; -: stdin" },
    { "json", NULL, ID_JSON, "the result as JSON" },
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    { NULL, NULL, 0, NULL },
};

struct request {
    const char *files[FILES_MAX];
    size_t file_count;
    const char *event;
    bool json, help;
};

static bool take(void *self, int id, const char *value, struct sr_err *err)
{
    struct request *const request = self;
    switch (id) {
    case OPTIONS_ID_OPERAND:
        if (request->file_count == FILES_MAX)
            return sr_fail(err, SR_ERR_LIMIT, "more than %d files", FILES_MAX);
        request->files[request->file_count++] = value;
        return true;
    case ID_EVENT: request->event = value; return true;
    case ID_JSON: request->json = true; return true;
    default: request->help = true; return true;
    }
}

static bool print_json(json_t *json, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    return jx_dump(json, false, &text, err) &&
           (puts(text) >= 0 || sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

// check ------------------------------------------------------------------------------------------

static bool load(const char *path, struct faults *faults, size_t *count, struct sr_err *err)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        sr_auto(rules) struct rules rules = { 0 };
        if (!rules_load(path, faults, &rules, err))
            return false;
        *count += rules.count;
        return true;
    }
    sr_auto(rule) struct rule *rule = NULL;
    if (!rule_load(path, faults, &rule, err))
        return false;
    *count += rule != NULL;
    return true;
}

static void print_faults(const struct faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *const fault = &faults->items[i];
        (void)fprintf(stderr, "%s: %s: %s\n", fault->file, fault->place, fault->message);
    }
    if (faults->truncated)
        (void)fprintf(stderr, "more than %d faults\n", FAULTS_MAX);
}

static bool faults_json(const struct faults *faults, size_t count, struct sr_err *err)
{
    sr_auto(json) json_t *list = json_array();
    if (!jx_made(list, err))
        return false;
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *const fault = &faults->items[i];
        json_t *item = json_pack("{so,so,so}", "file", jx_string(fault->file), "place",
                                 jx_string(fault->place), "message", jx_string(fault->message));
        if (!jx_append(list, item, err))
            return false;
    }
    sr_auto(json) json_t *all = json_pack("{si,sO,sb}", "rules", (int)count, "faults", list,
                                          "truncated", faults->truncated);
    return jx_made(all, err) && print_json(all, err);
}

static int check(const struct cli *cli, const struct request *request)
{
    struct sr_err err = { 0 };
    size_t count = 0;
    sr_auto(faults) struct faults faults = { 0 };
    for (size_t i = 0; i < request->file_count; i++) {
        if (!load(request->files[i], &faults, &count, &err))
            return cli_fail(cli, &err);
    }
    if (request->json) {
        if (!faults_json(&faults, count, &err))
            return cli_fail(cli, &err);
    } else {
        print_faults(&faults);
        if (!faults.count)
            (void)printf(count == 1 ? "%zu rule is fine\n" : "%zu rules are fine\n", count);
    }
    return faults.count ? sr_err_row(SR_ERR_INVALID)->exit_status : 0;
}

// test -------------------------------------------------------------------------------------------

// One event as rules see it; a store's body may hold several.
static bool read_events(const char *path, json_t **ret_list, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *json = NULL;
    sr_auto(json) json_t *list = json_array();
    sr_auto(s3_events) struct s3_events events = { 0 };
    size_t bytes;
    const char *const file = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
    if (!jx_made(list, err) || !sr_file_load(file, S3_EVENT_BYTES_MAX, &text, &bytes, err))
        return false;
    if (!jx_parse(text, bytes, false, &json, err))
        return sr_err_wrap(err, "%s", path);
    // What has detail-type is EventBridge's, whatever it tells of.
    if (json_is_object(json) && json_object_get(json, "detail-type")) {
        *ret_list = sr_take(list);
        return jx_append(*ret_list, sr_take(json), err);
    }
    if (!s3_event_parse(text, bytes, &events, err))
        return sr_err_wrap(err, "%s", path);
    for (size_t i = 0; i < events.count; i++) {
        json_t *event = NULL;
        if (!s3_event_json(&events.item[i], "test", ACCOUNT, &event, err) ||
            !jx_append(list, event, err))
            return false;
    }
    *ret_list = sr_take(list);
    return true;
}

static bool show(const struct request *request, const struct rule *rule, bool match,
                 const char *input, struct sr_err *err)
{
    sr_auto(json) json_t *value = NULL;
    if (!request->json) {
        if (!match)
            return puts("does not match") >= 0 || sr_fail(err, SR_ERR_STORAGE, "standard output");
        const char *const what = rule->machine ? rule->machine : "a job";
        return printf("matches: starts %s with %s\n", what, input) > 0 ||
               sr_fail(err, SR_ERR_STORAGE, "standard output");
    }
    if (input && !jx_parse(input, strlen(input), false, &value, err))
        return false;
    sr_auto(json) json_t *all = json_pack("{sb,so,so}", "match", match, "state_machine",
                                          rule->machine ? jx_string(rule->machine) : json_null(),
                                          "input", value ? json_incref(value) : json_null());
    return jx_made(all, err) && print_json(all, err);
}

static bool try_events(const struct request *request, const struct rule *rule, const char *arn,
                       bool *ret_match, struct sr_err *err)
{
    sr_auto(json) json_t *events = NULL;
    if (!read_events(request->event, &events, err))
        return false;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *const event = json_array_get(events, i);
        sr_auto(char) char *input = NULL;
        bool match;
        if (!rule_matches(rule, event, &match, err) ||
            (match &&
             !rule_input(rule, arn, event, sr_clock_wall_us(sr_clock_system()), &input, err)) ||
            !show(request, rule, match, input, err))
            return false;
        *ret_match |= match;
    }
    return true;
}

// A schedule: when it is due next.
static bool try_times(const struct request *request, const struct rule *rule, struct sr_err *err)
{
    const int64_t begin_us = sr_clock_wall_us(sr_clock_system());
    int64_t at_us = begin_us;
    sr_auto(json) json_t *list = json_array();
    if (!jx_made(list, err))
        return false;
    for (int i = 0; i < TIMES_SHOWN; i++) {
        char text[25];
        at_us = schedule_next_us(rule->schedule, begin_us, at_us);
        if (at_us == INT64_MAX)
            break;
        sr_clock_format(at_us, text);
        if (!jx_append(list, json_string(text), err))
            return false;
        if (!request->json && puts(text) < 0)
            return sr_fail(err, SR_ERR_STORAGE, "standard output");
    }
    sr_auto(json) json_t *all = json_pack("{sO}", "next", list);
    return !request->json || (jx_made(all, err) && print_json(all, err));
}

static int test(const struct cli *cli, const struct request *request)
{
    struct sr_err err = { 0 };
    bool match = false;
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(rule) struct rule *rule = NULL;
    if (!rule_load(request->files[0], &faults, &rule, &err))
        return cli_fail(cli, &err);
    if (!rule) {
        print_faults(&faults);
        return sr_err_row(SR_ERR_INVALID)->exit_status;
    }
    if (rule->schedule)
        return try_times(request, rule, &err) ? 0 : cli_fail(cli, &err);
    sr_auto(char) char *arn = sr_strf(&err, ARN_FORMAT, rule->name);
    if (!request->event)
        (void)sr_fail(&err, SR_ERR_INVALID, "rules test: want --event FILE");
    else if (arn && try_events(request, rule, arn, &match, &err))
        return match ? 0 : 1;
    return cli_fail(cli, &err);
}

static void help(void)
{
    (void)printf(
        "splitreel rules check FILE|FOLDER... [--json] - every fault of every rule\n"
        "splitreel rules test FILE --event EVENT [--json] - whether an event starts it, and "
        "with which input;\n"
        "a schedule's next times\n\n");
    options_print(rows, stdout);
    (void)printf("\nExit status: 0 fine, or it matches; 1 it does not match; 2 faults.\n");
}

int cmd_rules(const struct cli *cli)
{
    struct sr_err err = { 0 };
    struct request request = { 0 };
    if (!options_each(cli->argc, cli->argv, rows, take, &request, &err))
        return cli_fail(cli, &err);
    if (request.help) {
        help();
        return 0;
    }
    const char *const verb = request.file_count ? request.files[0] : "";
    const bool is_check = strcmp(verb, "check") == 0, is_test = strcmp(verb, "test") == 0;
    request.file_count -= request.file_count > 0;
    memmove(request.files, request.files + 1, request.file_count * sizeof *request.files);
    if (is_check && request.file_count > 0)
        return check(cli, &request);
    if (is_test && request.file_count == 1)
        return test(cli, &request);
    (void)sr_fail(&err, SR_ERR_INVALID,
                  "want `rules check FILE|FOLDER...` or `rules test FILE --event EVENT`");
    return cli_fail(cli, &err);
}
