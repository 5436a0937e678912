// `splitreel cancel` and `splitreel retry`: the end of a job of a service, and another attempt.
#include "cli/jobs_verb.h"

static const struct option_row rows[] = {
    JOBS_WORD_ROWS,
    { NULL, NULL, 0, NULL },
};

static bool change(struct jobs_call *call, const char *below, struct sr_err *err)
{
    sr_auto(json) json_t *job = NULL;
    sr_auto(sr_str) struct sr_str line = { 0 };
    if (!jobs_remote_ask(&call->remote, "POST", call->operand, below, call->cli->stop, &job, err))
        return false;
    if (call->words.json)
        return jobs_print(job, err);
    return job_view_line(job, 0, &line, err) && jobs_say(line.text, err);
}

static bool cancel(struct jobs_call *call, int *ret_status, struct sr_err *err)
{
    (void)ret_status;
    return change(call, "/cancel", err);
}

static bool retry(struct jobs_call *call, int *ret_status, struct sr_err *err)
{
    (void)ret_status;
    return change(call, "/retry", err);
}

#define STATUS                                                                                         \
    "Exit status: 0 it was asked for, 1 the job's state does not allow it, 2 wrong usage, 3 no such\n" \
    "job, 4 the server cannot be reached.\n"

int cmd_cancel(const struct cli *cli)
{
    static const struct jobs_verb verb = {
        .name = "cancel",
        .operand = "JOB",
        .help = "ends a job of a service\n\n"
                "  splitreel cancel 01M830QM68DTAZEFVM1BYVPYYK",
        .more =
            "What runs is stopped and cleaned up; `splitreel watch` tells when. Once more is no error.\n"
            "`splitreel retry` goes on where it was.\n" STATUS,
        .rows = rows,
        .run = cancel,
    };
    return jobs_verb_run(cli, &verb);
}

int cmd_retry(const struct cli *cli)
{
    static const struct jobs_verb verb = {
        .name = "retry",
        .operand = "JOB",
        .help =
            "another attempt of a job that has failed or was cancelled\n\n"
            "  splitreel retry 01M830QM68DTAZEFVM1BYVPYYK && splitreel watch 01M830QM68DTAZEFVM1BYVPYYK",
        .more = "It works where the last one did, so that only what is missing is made.\n" STATUS,
        .rows = rows,
        .run = retry,
    };
    return jobs_verb_run(cli, &verb);
}
