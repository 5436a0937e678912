// tests/child_job.h - a whole job, activity by activity, in the process that a worker runs tasks
// in.
#pragma once

#include "pipeline/child.h"

struct child_job {
    struct child *child;
    char id[64];
    const char *workspace;  // a folder or URL, with the manifest in it
    bool owns_parts;        // no other job meets them
    const char *error;      // NULL: it succeeded; else the first one
    struct sr_err err;      // its cause
};

// From probe to publish; what fails is cleaned up. A task may take a minute of the processor.
void child_job_run(struct child_job *job);
// The program is its own child process: what main() does with `argv[1]` "child".
struct child *child_job_child(const struct blob_stores_params *stores, uint64_t memory_bytes);
int child_job_main(void);
