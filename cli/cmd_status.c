// `splitreel status`: a job of a service, or the list of them.
#include <stdlib.h>
#include <string.h>

#include "cli/jobs_verb.h"
#include "net/url.h"
#include "pipeline/quantity.h"

enum { OWN_STATE, OWN_CORRELATION, OWN_SINCE, OWN_LIMIT, OWN_COUNT };
enum { LIMIT_DEFAULT = 20, PAGE_MAX = 1000 };

static const struct option_row rows[] = {
    { "state", "STATE", OWN_STATE,
      "of a list: QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLING or CANCELLED" },
    { "correlation", "ID", OWN_CORRELATION, "of a list: only those with this id" },
    { "since", "TIME", OWN_SINCE, "of a list: accepted then or later, 2026-11-23T01:02:03Z" },
    { "limit", "N", OWN_LIMIT, "of a list: the newest N (20)" },
    JOBS_WORD_ROWS,
    { NULL, NULL, 0, NULL },
};

static const char *text_of(const json_t *job, const char *key)
{
    const char *const text = json_string_value(json_object_get(job, key));
    return text ? text : "";
}

static bool say_line(const json_t *job, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str line = { 0 };
    return sr_str_addf(
               &line, err, "%s %s %-10s%3lld%% %s", text_of(job, "id"), text_of(job, "created"),
               text_of(job, "state"),
               json_integer_value(json_object_get(json_object_get(job, "progress"), "percent")),
               text_of(job, "input")) &&
           jobs_say(line.text, err);
}

static bool say_fact(const json_t *job, const char *key, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str line = { 0 };
    const json_t *const value = json_object_get(job, key);
    if (!json_is_string(value) && !json_is_integer(value))
        return true;
    return (json_is_string(value)
                ? sr_str_addf(&line, err, "%-12s%s", key, json_string_value(value))
                : sr_str_addf(&line, err, "%-12s%lld", key, json_integer_value(value))) &&
           jobs_say(line.text, err);
}

static bool say_job(const json_t *job, struct sr_err *err)
{
    static const char *const keys[] = {
        "id",      "attempt", "priority", "correlation", "input",
        "created", "started", "ended",    "engine",      "execution"
    };
    sr_auto(sr_str) struct sr_str line = { 0 };
    size_t i;
    json_t *output;
    if (!job_view_line(job, 0, &line, err) || !jobs_say(line.text, err))
        return false;
    for (i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!say_fact(job, keys[i], err))
            return false;
    }
    json_array_foreach(json_object_get(job, "outputs"), i, output)
    {
        sr_auto(char) char *text =
            sr_strf(err, "%-12s%s", i ? "" : "outputs", json_string_value(output));
        if (!text || !jobs_say(text, err))
            return false;
    }
    return true;
}

static bool add_filter(struct sr_str *query, const char *name, const char *value,
                       struct sr_err *err)
{
    return !value || (sr_str_addf(query, err, "&%s=", name) &&
                      url_encode(value, strlen(value), "", query, err));
}

// A page; *ret_next is the next one's token or NULL.
static bool list_page(struct jobs_call *call, int64_t *left, const char *page, char **ret_next,
                      struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str query = { 0 };
    sr_auto(json) json_t *list = NULL;
    size_t i;
    json_t *job;
    if (!sr_str_addf(&query, err, "?limit=%d", (int)(*left < PAGE_MAX ? *left : PAGE_MAX)) ||
        !add_filter(&query, "state", call->value[OWN_STATE], err) ||
        !add_filter(&query, "correlation", call->value[OWN_CORRELATION], err) ||
        !add_filter(&query, "since", call->value[OWN_SINCE], err) ||
        !add_filter(&query, "page", page, err) ||
        !jobs_remote_ask(&call->remote, "GET", NULL, query.text, call->cli->stop, &list, err))
        return false;
    json_array_foreach(json_object_get(list, "jobs"), i, job)
    {
        if (--*left < 0)
            break;
        if (call->words.json ? !jobs_print(job, err) : !say_line(job, err))
            return false;
    }
    const char *const next = json_string_value(json_object_get(list, "next_page"));
    *ret_next = next && i > 0 ? sr_str_dup(next, err) : NULL;
    return *ret_next || !next || i == 0;
}

static bool list(struct jobs_call *call, struct sr_err *err)
{
    int64_t left = LIMIT_DEFAULT;
    sr_auto(char) char *page = NULL;
    if (call->value[OWN_LIMIT] &&
        (!quantity_count(call->value[OWN_LIMIT], INT32_MAX, &left) || left < 1))
        return sr_fail(err, SR_ERR_INVALID, "--limit %.40s: want a number from 1",
                       call->value[OWN_LIMIT]);
    do {
        char *next = NULL;
        if (!list_page(call, &left, page, &next, err))
            return false;
        free(page);
        page = next;
    } while (page && left > 0);
    return true;
}

static bool run(struct jobs_call *call, int *ret_status, struct sr_err *err)
{
    sr_auto(json) json_t *job = NULL;
    (void)ret_status;
    if (!call->operand)
        return list(call, err);
    for (int i = 0; i < OWN_COUNT; i++) {
        if (call->value[i])
            return sr_fail(err, SR_ERR_INVALID, "--%s is for a list of jobs", rows[i].name);
    }
    if (!jobs_remote_ask(&call->remote, "GET", call->operand, "", call->cli->stop, &job, err))
        return false;
    return call->words.json ? jobs_print(job, err) : say_job(job, err);
}

int cmd_status(const struct cli *cli)
{
    static const struct jobs_verb verb = {
        .name = "status",
        .operand = "[JOB]",
        .help = "a job of a service, or the newest of them\n\n"
                "  splitreel status\n"
                "  splitreel status --state FAILED --limit 100 --json",
        .more = "Exit status: 0 whatever the job's state is, 2 wrong usage, 3 no such job, "
                "4 the server cannot be reached.\n",
        .rows = rows,
        .run = run,
    };
    return jobs_verb_run(cli, &verb);
}
