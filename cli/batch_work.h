// cli/batch_work.h - what a batch has to do: its sources, less those that are done, with the output
// of each.
#pragma once

#include "base/hash.h"
#include "base/str.h"
#include "cli/batch_options.h"
#include "cli/batch_way.h"
#include "pipeline/batch_ledger.h"

struct batch_work {
    const struct batch_item *item;
    char *output;
};

struct batch_works {
    struct batch_options *options;  // borrowed, as what follows
    const struct batch_way *way;
    const struct sr_cancel *stop;
    struct blob_stores *stores;
    struct batch_items items;
    struct batch_ledger *ledger;
    char settings[SR_SHA256_HEX];
    size_t count, todo_count;  // those to do stand first
    struct batch_work *item;
    size_t skipped_count, unmet_count;  // done already, do not fulfil --where
};
void batch_works_done(struct batch_works *works);
SR_DEFINE_AUTO_VALUE(batch_works, struct batch_works, batch_works_done);

// Fills *ret, whose first three members say for what; for batch_works_done(), also after a failure.
// Errors: of reading and listing; INVALID: two sources for one output, an output that is a source.
SR_MUST_USE bool batch_works_find(struct batch_works *ret, struct sr_err *err);

// What people see of its source: no query of a URL, which may be a signature; control characters
// escaped. Errors: NO_MEMORY.
SR_MUST_USE bool batch_work_add_name(struct sr_str *out, const struct batch_work *work,
                                     struct sr_err *err);

// Whether something is at an output; of a folder its report.
SR_MUST_USE bool batch_works_is_there(const struct batch_works *works, const char *output,
                                      bool *ret, struct sr_err *err);
