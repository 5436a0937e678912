// tests/faults/fault.h - makes one call to the outside fail, by its number.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAULT_THREADS_MAX = 4, FAULT_CALLS_MAX = 1 << 18 };

// The `number`-th call, from 1, of a thread. Threads count from 0 in the order of their first
// calls: as long as that is always the same, so are the numbers, whatever runs at the same time.
struct fault_call {
    uint32_t thread, number;
};

// The names of the calls that were made, by thread and number - 1: literals of this program. In
// shared memory a parent process can read it.
struct fault_log {
    uint32_t counts[FAULT_THREADS_MAX];
    const char *names[FAULT_THREADS_MAX][FAULT_CALLS_MAX];
};

// From now on wrapped calls are counted, noted in `log` (NULL: nowhere), and `call` fails (number
// 0: none does). Once in a process; the calling thread is number 0.
void fault_begin(struct fault_call call, struct fault_log *log);
// Calls go through uncounted again; no other thread may be left.
void fault_end(void);
// The name of the call that was made to fail; NULL: it was not made.
const char *fault_failed(void);

// For wrappers: counts a call, and says whether it must fail.
bool fault_now(const char *name);
// Lets jansson's allocations be counted as calls of "json_malloc".
void fault_wrap_jansson(void);
