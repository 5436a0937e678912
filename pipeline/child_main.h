// pipeline/child_main.h - the whole life of a child process: takes tasks from its parent over a
// socket, one at a time, runs them within its limits, tells how they go.
#pragma once

#include "base/jx.h"
#include "base/log.h"
#include "storage/blob_stores.h"

enum { CHILD_FD = 3 };  // the socket

// What a task may use.
struct child_world {
    const struct blob_stores_params *stores;  // through the parent
    uint64_t memory_bytes;                    // 0: no limit
    const struct sr_cancel *cancel;  // the task is not wanted any more: then it is the last
    const struct sr_log *log;        // with the fields of the first task
    void (*progress)(void *self, const json_t *event);  // any thread
    void *progress_self;
};

struct child_main_params {
    // Called once, before the first task; *ret_self is for the others. NULL: there is nothing to
    // do.
    bool (*open)(const struct child_world *world, void **ret_self, struct sr_err *err);
    // One at a time, always on the same thread.
    bool (*run)(void *self, const char *activity, const json_t *params, json_t **ret_result,
                struct sr_err *err);
    void (*close)(void *self);  // NULL: nothing
};

// Until the parent closes the socket. Gives the process's exit status.
int child_main(const struct child_main_params *params);
