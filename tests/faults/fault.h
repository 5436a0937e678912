// tests/faults/fault.h - makes one call to the outside fail, by its number.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAULT_CALLS_MAX = 1 << 20 };

// Where calls are noted, by their number - 1. In shared memory, so that a parent process can read
// it.
struct fault_log {
    _Atomic uint32_t count;
    const char *names[FAULT_CALLS_MAX];  // literals of this program
};

// Counts wrapped calls from 1 on, notes each in `log` (NULL: nowhere), lets the `number`-th one
// fail (0: none).
// Threads: one at a time; the calls may come from any.
void fault_begin(uint32_t number, struct fault_log *log);
// Calls go through uncounted again. Gives how many there were.
uint32_t fault_end(void);
// The call that was made to fail; NULL: none yet.
const char *fault_failed(void);

// For wrappers: counts a call, and says whether it must fail.
bool fault_now(const char *name);
// Lets jansson's allocations be counted as calls of "json_malloc".
void fault_wrap_jansson(void);
