// service/watch.h - a folder in which files land: tells of each when it is closed and has settled.
#pragma once

#include <stdint.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/jx.h"
#include "base/log.h"
#include "service/config_events.h"

enum {
    WATCH_FOLDERS_MAX = 10000,  // below the folder, itself counted
    WATCH_DEPTH_MAX = 32,
    WATCH_PENDING_MAX = 4096,   // files that have not settled yet; more are found by looking again
    WATCH_SETTLE_US = 2000000,  // so long a closed file must stay as it is,
    WATCH_SETTLE_OPEN_US = 10000000,  // and one that was found by looking, which may be open still
    WATCH_LOOK_US = 60000000,         // between looks when something was missed
};

struct watch;

struct watch_params {
    const char *folder;                  // must be there; made absolute
    const struct config_texts *outputs;  // paths under which nothing is told; may be NULL
    const struct sr_clock *clock;        // borrowed
    const struct sr_log *log;            // borrowed; NULL: silent
    // A file has landed. `identity`: what two tellings of the same file have in common. False: it
    // is told again later.
    bool (*tell)(void *self, const char *identity, const json_t *document, struct sr_err *err);
    void *self;
};

// Begins to watch, and looks at what is there already: who is told of a file twice has to know it
// by its identity. Hidden files and folders, what is no regular file, and links are left out.
// Errors: NOT_FOUND, INVALID (no folder), LIMIT (of the kernel), DENIED, NO_MEMORY.
SR_MUST_USE bool watch_new(const struct watch_params *params, struct watch **ret_watch,
                           struct sr_err *err);
void watch_free(struct watch *watch);
SR_DEFINE_AUTO(watch, struct watch, watch_free);

// Works on a thread of its own, until watch_stop().
SR_MUST_USE bool watch_start(struct watch *watch, struct sr_err *err);
void watch_stop(struct watch *watch);

// One round: takes what the kernel says, and tells of what has settled, without waiting. Only for
// who has not called watch_start(). *ret_wait_us: until there is something to do by itself; -1: not
// before the kernel says something.
// Errors: NO_MEMORY, STORAGE. The next call goes on.
SR_MUST_USE bool watch_step(struct watch *watch, int64_t *ret_wait_us, struct sr_err *err);
