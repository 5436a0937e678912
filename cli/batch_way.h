// cli/batch_way.h - how a batch does one source: by a run of its own (batch_child.h), or by a job
// at a service (batch_job.h). What is shared is how either tells how far it is.
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "pipeline/batch_select.h"

struct batch_order {
    const struct batch_item *item;
    const char *output;
    bool may_replace;       // what is at the output is of this batch's making
    const char *made_time;  // when a batch made the output last; "": none is known to have
};

// One that is being done, and what it last said. Zero: none.
struct batch_doing {
    const struct batch_way *way;
    int fd;  // says lines as `run --progress json` has them on stderr; at its end it has ended
    double percent;
    char speed[16], stage[16];
    char error[512];  // its last line that is no progress, without "splitreel: "
    char job[64];     // its id at the service; "": none
    char line[1024];
    size_t line_bytes;
    union {  // the way's own
        pid_t pid;
        struct batch_job *at_service;
    } of;
};

struct batch_way {
    void *self;
    // Errors: what keeps every source from being done.
    bool (*begin)(void *self, const struct batch_order *order, struct batch_doing *ret,
                  struct sr_err *err);
    void (*stop)(const struct batch_doing *doing);  // asks it to end soon
    // Waits for its end. *ret_status: as that of `run`; `error` says why, unless it is 0.
    // Errors: as of begin(); how this one ended is not known then.
    bool (*end)(struct batch_doing *doing, int *ret_status, struct sr_err *err);
    const char *goes_on;  // what becomes of those that were stopped: a line for people
    // An output that cannot be looked at from here counts as there: the service tells.
    bool is_afar;
};

// Reads what it says, when poll(2) has found something at its fd. *ret_ended: it has ended.
SR_MUST_USE bool batch_doing_read(struct batch_doing *doing, bool *ret_ended, struct sr_err *err);
