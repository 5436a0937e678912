// pipeline/child_reach.h - what the process of a job may reach in stores: what the job's workspace
// and its manifest name, and nothing else, whatever else its parent has the keys to.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "pipeline/remote.h"

struct child_reach;

enum child_reach_use {
    CHILD_REACH_READ,
    CHILD_REACH_WRITE,  // also removing, and aborting uploads
    CHILD_REACH_LIST,   // of what begins so
};

// `job` is a task's "job": its workspace is where the manifest lies, which is read here. In a
// folder the process could have changed it: it counts if it has the digest that the task says, or
// if the task says none.
// Owns:    the caller frees *ret_reach.
// Errors:  INVALID (no such reference, no manifest of ours), DENIED (not the job's), NOT_FOUND,
//          those of stores.
// Threads: any; after that it is only read.
SR_MUST_USE bool child_reach_new(const struct jx *job, struct remote *remote,
                                 struct child_reach **ret_reach, struct sr_err *err);
void child_reach_free(struct child_reach *reach);
SR_DEFINE_AUTO(child_reach, struct child_reach, child_reach_free);

// The input may be read; the outputs, the report and the workspace may be written, but for the
// manifest itself and for other jobs' notes; of a job that has its own parts only what is its own
// there, and nobody else's parts even where its outputs lie. `url` is spelt as the manifest does.
// Errors: DENIED.
SR_MUST_USE bool child_reach_check(const struct child_reach *reach, const char *url,
                                   enum child_reach_use use, struct sr_err *err);
