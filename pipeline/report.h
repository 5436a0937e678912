// pipeline/report.h - what a job proves: counts, times and verdict of every segment and seam.
// docs/report.md explains it.
#pragma once

#include "pipeline/act_verify.h"
#include "pipeline/job.h"

struct report {
    json_t *json;
    bool has_passed;
    uint64_t damaged;  // packets and stretches of sound
    char first_fault[200];
    char first_damage[160];
};

void report_done(struct report *report);
SR_DEFINE_AUTO_VALUE(report, struct report, report_done);

// Needs every part; `found` (NULL: not verified yet) and the files' hashes come from act_verify. A
// function of source, settings and build: no clock, no path of this machine but the outputs' names
// as given.
// Owns: *ret is the caller's, for report_done(). Errors: NO_MEMORY.
SR_MUST_USE bool report_make(const struct job *job, const struct act_verify_found *found,
                             struct report *ret, struct sr_err *err);
