// pipeline/run.h - a whole job in one process: its flow, by an engine inside, segments and audio
// tracks on threads.
#pragma once

#include <stdatomic.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/manifest.h"
#include "storage/blob_stores.h"

enum run_cell { RUN_CELL_WAITS, RUN_CELL_RUNS, RUN_CELL_DONE, RUN_CELL_REUSED };
enum run_stage {
    RUN_PROBING,
    RUN_PLANNING,
    RUN_ENCODING,
    RUN_JOINING,
    RUN_VERIFYING,
    RUN_PUBLISHING,
    RUN_ENDED,
    RUN_FAILED
};
enum { RUN_CELLS_MAX = 4096 };

// Where a run stands: written by its threads, read by whoever shows it. Zero at first.
struct run_progress {
    atomic_int stage;
    atomic_uint_fast64_t frames_total,
        frames_done;  // pictures of the first rendition; reused ones count as done
    atomic_uint_fast64_t frames_reused;
    atomic_uint_fast64_t audio_us_total, audio_us_done;  // over all audio tracks
    atomic_int_fast64_t duration_us;                     // of the title
    atomic_size_t segment_count;
    _Atomic uint8_t cells[RUN_CELLS_MAX];  // enum run_cell, of the first segments
};

struct run_params {
    const struct manifest *manifest;
    const char *workspace;  // NULL: .splitreel/NAME beside the output; of an output in a store
                            // splitreel/NAME in the user's cache folder
    const struct blob_stores_params *stores;  // how stores are reached; NULL: as the environment
                                              // says
    const char *correlation;  // goes before the manifest's; NULL: that one, else the job's id,
                              // which the report does not tell, as it is another in each run
    bool keep, overwrite, strict;
    size_t worker_count;    // 1..RUN_WORKERS_MAX
    uint64_t memory_bytes;  // for pictures in flight; 0: half of the machine's
    uint64_t shuffle;       // 0: heaviest first; else segments are handed out in an order that this
                            // number decides
    int pipe_fd;            // for an output "-"
    const struct sr_cancel
        *stop;  // asked: nothing new is begun, what runs has drain_us to end. NULL: never
    int64_t drain_us;
    const struct sr_clock *clock;
    const struct sr_log *log;
    struct run_progress *progress;
};
enum { RUN_WORKERS_MAX = 256 };

// What there is to say afterwards, also of a run that failed.
struct run_result {
    json_t *report;     // NULL: it did not come to one
    char *workspace;    // NULL: it did not come to one; may be gone
    char *report_path;  // NULL: not published
    bool workspace_kept;
    size_t segments_done, segment_count;  // what a resumed run will find
    uint64_t frames, damaged;
    int64_t duration_us;
    char first_damage[160];
    size_t untold;  // notifications that could not be delivered
};
void run_result_done(struct run_result *result);
SR_DEFINE_AUTO_VALUE(run_result, struct run_result, run_result_done);

// Owns:    fills *ret also on failure; for run_result_done().
// Errors:  INVALID, EXISTS, INPUT, UNSUPPORTED, STORAGE, VERIFY (nothing is published), CANCELLED (the work is kept), BUSY,
//          LIMIT, NO_MEMORY, INTERNAL.
// Threads: one caller, who runs the flow; starts and joins `worker_count` threads and one more.
SR_MUST_USE bool run_job(const struct run_params *params, struct run_result *ret,
                         struct sr_err *err);
