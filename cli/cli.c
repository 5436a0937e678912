#include "cli/cli.h"

#include <stdio.h>

int cli_fail(const struct cli *cli, const struct sr_err *err)
{
    const int number = cli->signal_number();
    const bool was_stopped = number && err->code == SR_ERR_CANCELLED;
    (void)fprintf(stderr, "splitreel: %s\n", was_stopped ? "interrupted" : err->message);
    return was_stopped ? 128 + number : sr_err_row(err->code)->exit_status;
}
