// `splitreel logs`: one job's story, over all its attempts and workers.
#include <stdlib.h>
#include <string.h>

#include "cli/jobs_verb.h"
#include "net/url.h"

static const struct option_row rows[] = {
    JOBS_WORD_ROWS,
    { NULL, NULL, 0, NULL },
};

static bool add_text(struct sr_str *out, const char *before, const json_t *line, const char *key,
                     struct sr_err *err)
{
    const char *const text = json_string_value(json_object_get(line, key));
    return !text || sr_str_addf(out, err, "%s%s", before, text);
}

static bool add_number(struct sr_str *out, const json_t *line, const char *key, struct sr_err *err)
{
    const json_t *const number = json_object_get(line, key);
    return !json_is_integer(number) ||
           sr_str_addf(out, err, " %s %lld", key, json_integer_value(number));
}

// "2026-11-23T01:36:09.713Z 1 ActivityStarted segment segment 3 on host-77: Error: cause"
static bool say_line(const json_t *line, struct sr_err *err)
{
    const char *const time = json_string_value(json_object_get(line, "time"));
    const json_int_t attempt = json_integer_value(json_object_get(line, "attempt"));
    const char *const event = json_string_value(json_object_get(line, "event"));
    sr_auto(sr_str) struct sr_str out = { 0 };
    if (!sr_str_addf(&out, err, "%s %lld %-18s", time ? time : "", (long long)attempt,
                     event ? event : "") ||
        (json_is_true(json_object_get(line, "clean_up")) &&
         !sr_str_add(&out, " (clean-up)", err)) ||
        !add_text(&out, " ", line, "activity", err) || !add_number(&out, line, "segment", err) ||
        !add_number(&out, line, "audio", err) || !add_number(&out, line, "output", err) ||
        !add_text(&out, " on ", line, "worker", err) || !add_text(&out, ": ", line, "error", err) ||
        !add_text(&out, ": ", line, "cause", err))
        return false;
    while (out.bytes > 0 && out.text[out.bytes - 1] == ' ')  // behind a name that stands alone
        out.text[--out.bytes] = '\0';
    return jobs_say(out.text, err);
}

static bool read_page(struct jobs_call *call, char **page, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str below = { 0 };
    sr_auto(json) json_t *log = NULL;
    size_t i;
    json_t *line;
    if (!sr_str_add(&below, "/log?limit=10000", err) ||
        (*page && (!sr_str_add(&below, "&page=", err) ||
                   !url_encode(*page, strlen(*page), "", &below, err))) ||
        !jobs_remote_ask(&call->remote, "GET", call->operand, below.text, call->cli->stop, &log,
                         err))
        return false;
    json_array_foreach(json_object_get(log, "lines"), i, line)
    {
        if (call->words.json ? !jobs_print(line, err) : !say_line(line, err))
            return false;
    }
    const char *const next = json_string_value(json_object_get(log, "next_page"));
    free(*page);
    *page = next && i > 0 ? sr_str_dup(next, err) : NULL;
    return *page || !next || i == 0;
}

static bool run(struct jobs_call *call, int *ret_status, struct sr_err *err)
{
    sr_auto(char) char *page = NULL;
    (void)ret_status;
    do {
        if (!read_page(call, &page, err))
            return false;
    } while (page);
    return true;
}

int cmd_logs(const struct cli *cli)
{
    static const struct jobs_verb verb = {
        .name = "logs",
        .operand = "JOB",
        .help = "what happened to a job, in order, over all its attempts and workers\n\n"
                "  splitreel logs 01M830QM68DTAZEFVM1BYVPYYK\n"
                "  splitreel logs 01M830QM68DTAZEFVM1BYVPYYK --json | jq -c 'select(.error)'",
        .more = "Exit status: 0, 2 wrong usage, 3 no such job, 4 the server cannot be reached.\n",
        .rows = rows,
        .run = run,
    };
    return jobs_verb_run(cli, &verb);
}
