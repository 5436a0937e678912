// cli/batch_run.h - does what a batch has to do, several at once, and shows it.
#pragma once

#include "cli/batch_work.h"

struct batch_result {
    size_t done_count, failed_count;
};

// Does `works`, each in its way; every end is a line of the ledger before the next one begins.
// Errors: CANCELLED, those of the way and of the ledger: what was being done then is left to the
//         next batch. *ret counts in any case.
SR_MUST_USE bool batch_run(struct batch_works *works, struct batch_result *ret, struct sr_err *err);
