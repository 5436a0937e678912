// tests/faults/sweep.h - runs a job again and again, each time with another one of its calls
// failing.
//
// Each time, in a process of its own: the job must succeed fully or fail with words and a known
// exit status, leak nothing, and publish the right file or none; undisturbed and in the same folder
// it must then succeed with the same bytes as ever.
#pragma once

#include "base/err.h"
#include "tests/faults/fault.h"

struct sweep_job {
    const char *name;
    // Does the work in `folder` (absolute), which was empty or has been through this job before;
    // leaves its output there. Outputs of two runs are the same to the byte, but for *.json.
    bool (*run)(const char *folder, struct sr_err *err);
    // The names in `folder` that must not be there unless complete; ends with NULL. Anything else
    // may be left over by a failed run, and must be gone after the successful one.
    const char *const *published;
    unsigned sample_percent;  // its share of a sample
    bool samples_each;        // a sample holds the first call of each function
};

struct sweep_params {
    const struct sweep_job *job;
    uint32_t calls_max;  // a sample of so many over all jobs; 0: every call
    uint32_t seed;       // of the sample
    uint32_t only;       // this call alone; 0: no such wish
    int processes;       // at once
};

// Prints `ok NAME` or `not ok NAME` and why for each call. False when one was not ok.
bool sweep_run(const struct sweep_params *params);
