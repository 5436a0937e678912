// cli/cli.h - what every verb gets, and the verbs.
#pragma once

#include "base/cancel.h"
#include "base/err.h"

struct cli {
    int argc;  // words after the verb
    char **argv;
    const struct sr_cancel *stop;  // set by the first SIGINT or SIGTERM
    int (*signal_number)(void);    // the one that came; 0: none
    bool (*hung_up)(void);         // whether SIGHUP has come since the last question
};

// Each gives the exit status. Errors have been shown by then.
int cmd_run(const struct cli *cli);
int cmd_batch(const struct cli *cli);
int cmd_plan(const struct cli *cli);
int cmd_probe(const struct cli *cli);
int cmd_verify(const struct cli *cli);
int cmd_ls(const struct cli *cli);
int cmd_cp(const struct cli *cli);
int cmd_cat(const struct cli *cli);
int cmd_gc(const struct cli *cli);
int cmd_serve(const struct cli *cli);
int cmd_rules(const struct cli *cli);
int cmd_sm(const struct cli *cli);
int cmd_submit(const struct cli *cli);
int cmd_status(const struct cli *cli);
int cmd_watch(const struct cli *cli);
int cmd_logs(const struct cli *cli);
int cmd_cancel(const struct cli *cli);
int cmd_retry(const struct cli *cli);
int cmd_worker(const struct cli *cli);
int cmd_config(const struct cli *cli);
int cmd_doctor(const struct cli *cli);
int cmd_completion(const struct cli *cli);
int cmd_child(const struct cli *cli);

// Shows "splitreel: message" on stderr and gives the exit status of the error, or of the signal
// when it was interrupted.
int cli_fail(const struct cli *cli, const struct sr_err *err);
