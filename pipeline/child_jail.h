// pipeline/child_jail.h - what a child process may not do, and how much it may use.
#pragma once

#include <stdint.h>

#include "base/err.h"

struct child_jail {
    uint64_t memory_bytes;  // of its own, without shared pages; 0: no limit
    uint64_t files_max;     // descriptors; 0: no limit
};

// Of the calling process, which has one thread: no core file, no new privileges, its end when the
// thread that started it ends, the limits of `jail`, and, where the kernel's filter is there, no
// sockets, no other programs, no hand on other processes. What cannot be had is a limit less.
// *ret_filtered: whether the filter is there.
// Errors: those of setrlimit() and prctl().
SR_MUST_USE bool child_jail_enter(const struct child_jail *jail, bool *ret_filtered,
                                  struct sr_err *err);
// Processor time from now on; beyond it the kernel sends SIGXCPU. 0: no limit.
SR_MUST_USE bool child_jail_cpu(int64_t cpu_s, struct sr_err *err);
