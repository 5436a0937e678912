// pipeline/batch_ledger.h - what batches have done: JSON Lines, one object for each source that
// came to an end, on the disk before the next begins. It is the report, and what the next batch
// with the same file goes on from. docs/commands/batch.md explains the lines.
#pragma once

#include "base/jx.h"
#include "pipeline/batch_select.h"

struct batch_ledger;

enum { BATCH_LEDGER_BYTES_MAX = 1 << 30 };

// Makes the file when it is missing, and keeps a lock on it. What a crash left half-written at its
// end is cut off; any other line that is no record is an error: it is somebody else's file.
// Owns:    *ret_ledger is the caller's. Threads: one.
// Errors:  BUSY (another process has it open), INVALID (with the line), TOO_LARGE, STORAGE, DENIED, NO_MEMORY.
SR_MUST_USE bool batch_ledger_open(const char *path, struct batch_ledger **ret_ledger,
                                   struct sr_err *err);
void batch_ledger_free(struct batch_ledger *ledger);
SR_DEFINE_AUTO(batch_ledger, struct batch_ledger, batch_ledger_free);

// What tells one version of a source from another. The caller frees *ret_version. Errors:
// NO_MEMORY.
SR_MUST_USE bool batch_item_version(const struct batch_item *item, char **ret_version,
                                    struct sr_err *err);

// How one source ended; or that a run for it begins, and that nothing of others is at its output.
struct batch_record {
    bool has_begun;  // the latter: of what follows only the first three count, and time
    const struct batch_item *item;
    const char *output;
    const char *settings;  // what else decides the output, as a digest
    int exit_status;       // of the run
    const char *error;     // NULL: it is done
    const char *job;       // its id at a service; NULL or "": it was done here
    int64_t elapsed_us;
    const char *time;  // when it ended, as sr_clock_format() has it
};
// Its line. Errors: NO_MEMORY.
SR_MUST_USE bool batch_record_json(const struct batch_record *record, json_t **ret,
                                   struct sr_err *err);
// Errors: STORAGE (disk full ...), NO_MEMORY: the record is not in the file, or not whole: it will be cut off.
SR_MUST_USE bool batch_ledger_add(struct batch_ledger *ledger, const struct batch_record *record,
                                  struct sr_err *err);

// Whether the last thing known of `output` is that it was made from this version of this source
// with these settings.
bool batch_ledger_is_done(const struct batch_ledger *ledger, const struct batch_item *item,
                          const char *output, const char *settings);
// Whether `output` is of this batch's making, from whatever version, or may be, since a run for it
// was begun: it may be made anew.
bool batch_ledger_has_made(const struct batch_ledger *ledger, const char *output);
// When it was made last, as the records say; "": it never was.
const char *batch_ledger_made_time(const struct batch_ledger *ledger, const char *output);
// Seconds of work per byte of source, of all that are done; 0: nothing is.
double batch_ledger_seconds_per_byte(const struct batch_ledger *ledger);
