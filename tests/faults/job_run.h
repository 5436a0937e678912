// tests/faults/job_run.h - jobs of the failure sweep that are one whole `run` of a tiny film each.
#pragma once

#include "tests/faults/sweep.h"

// The film: two seconds of small pictures with AAC. Before any run.
void job_run_source(const char *path);

extern const struct sweep_job job_run_mp4, job_run_hls;
