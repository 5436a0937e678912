// cli/jobs_verb.h - a verb of the Jobs API that takes at most one operand and words of its own.
#pragma once

#include "cli/cli.h"
#include "cli/jobs_remote.h"

struct jobs_call {
    const struct cli *cli;
    const char *operand;              // NULL: none
    const char *value[JOBS_OWN_MAX];  // by id; NULL: not said, "" of a word without a value
    struct jobs_words words;
    struct jobs_remote remote;
};
struct jobs_verb {
    const char *name, *operand;  // operand: "JOB", "[JOB]"
    const char *help;            // under its first line
    const char *more;            // under the options
    const struct option_row *rows;
    bool (*run)(struct jobs_call *call, int *ret_status, struct sr_err *err);
};
// Reads the words, opens the server, runs it; gives the exit status.
int jobs_verb_run(const struct cli *cli, const struct jobs_verb *verb);
