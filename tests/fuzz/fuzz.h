// tests/fuzz/fuzz.h - what the fuzzers share.
//
// A fuzzer is NAME_fuzz.c: with clang's libFuzzer it looks for inputs (make fuzz, make fuzz-run),
// with replay.c it runs those kept in tests/fuzz/corpus/NAME (make check).
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cancel.h"

// libFuzzer's names for what it calls.
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

extern const char fuzz_name[];  // each fuzzer's: NAME

// An input may take so long before it is cancelled; what then does not end is found by libFuzzer's
// -timeout.
enum { FUZZ_SECONDS_MAX = 5 };

static inline void fuzz_deadline(struct sr_cancel *cancel)
{
    const struct sr_clock *const clock = sr_clock_system();
    sr_cancel_init(cancel, NULL, clock,
                   sr_clock_monotonic_us(clock) + FUZZ_SECONDS_MAX * INT64_C(1000000));
}

// A promise that must hold whatever the input: ends the program. (assert is for our own code.)
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)
