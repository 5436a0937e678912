// service/config_worker.h - the part of the configuration that workers read, those of `serve` and
// those of `splitreel worker`.
#pragma once

#include "base/auto.h"
#include "base/jx.h"

enum { CONFIG_WORKER_SLOTS_MAX = 256, CONFIG_WORKER_PROCESSES_MAX = 64 };

struct config_worker {
    int64_t processes;     // that serve starts; 0: none
    int64_t slots;         // of each, for tasks that encode; 0: one for each processor
    int64_t light_slots;   // for all others
    int64_t memory_bytes;  // of one slot; 0: an even share of three quarters of the machine's
    int64_t task_cpu_s;    // processor time of one task; 0: no limit
    int64_t grace_s;       // for what runs when it is told to stop
    char *activities;      // "segment,audio", "all", "fleet"; NULL: not said
    char *stores;          // the stores file; NULL: as the environment says
};

void config_worker_init(struct config_worker *worker);
void config_worker_done(struct config_worker *worker);
// Of "worker" in the root, which may be missing. Errors: INVALID with the place, NO_MEMORY.
SR_MUST_USE bool config_worker_parse(struct config_worker *worker, const struct jx *root,
                                     struct sr_err *err);
