// statemachine/engine_resource.h - table: resource name -> how to run it.
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/jx.h"
#include "statemachine/store.h"

// Names a task that is out. A plain value: keep it as long as needed.
struct engine_ref {
    int64_t execution;
    uint64_t op;
};

// A task as its runner gets it; borrowed for the call.
struct engine_task {
    struct engine_ref ref;
    enum store_task_kind kind;
    const char *resource;
    const char *payload;  // JSON text
    const char *token;    // what a callback (.waitForTaskToken) shows
};

// How to run what a resource names.
struct engine_resource {
    const char *pattern;  // the ARN, or its beginning and a '*'
    // Starts the task and returns; the answer comes with engine_answer(), from any thread, even
    // from inside the call. A failure becomes States.TaskFailed with the message as its cause. A
    // task may be started twice (after a crash): the effect must count once, and only one answer is
    // heard.
    // Threads: called on the engine's thread.
    bool (*start)(void *self, const struct engine_task *task, struct sr_err *err);
    // Nobody waits for it any more; NULL: it may run on, its answer is not heard.
    void (*cancel)(void *self, struct engine_ref ref);
    void *self;
};

// The first that fits; NULL: none.
const struct engine_resource *engine_resource_find(const struct engine_resource *resources,
                                                   size_t count, const char *name);
