// `splitreel watch`: follows a job of a service to its end.
#include "cli/jobs_verb.h"

enum { OWN_PROGRESS };

static const struct option_row rows[] = {
    { "progress", "KIND", OWN_PROGRESS,
      "bar, plain or json; a bar on a terminal, lines otherwise" },
    JOBS_WORD_ROWS,
    { NULL, NULL, 0, NULL },
};

static bool run(struct jobs_call *call, int *ret_status, struct sr_err *err)
{
    sr_auto(json) json_t *job = NULL;
    struct job_view view = { .file = stdout,
                             .kind = call->words.json ? PROGRESS_JSON : PROGRESS_AUTO };
    if (call->value[OWN_PROGRESS] &&
        !jobs_progress_kind(call->value[OWN_PROGRESS], &view.kind, err))
        return false;
    if (!jobs_remote_watch(&call->remote, call->operand, &view, call->cli->stop, &job, err))
        return false;
    *ret_status = job_view_status(job);
    return true;
}

int cmd_watch(const struct cli *cli)
{
    static const struct jobs_verb verb = {
        .name = "watch",
        .operand = "JOB",
        .help = "follows a job of a service to its end\n\n"
                "  splitreel watch 01M830QM68DTAZEFVM1BYVPYYK",
        .more =
            "A server that goes away is asked again. To interrupt it does nothing to the job.\n"
            "Exit status: the job's own, as that of `run`: 0 done and verified, 1 failed or\n"
            "cancelled, 2 its manifest, 3 its input, 4 disk, store or network, 5 not verified, 7 a\n"
            "limit; 130 or 143 interrupted.\n",
        .rows = rows,
        .run = run,
    };
    return jobs_verb_run(cli, &verb);
}
