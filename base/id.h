// base/id.h - ids of 26 characters that are unique and sort by the time they were made.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

enum { SR_ID_TEXT = 27, SR_ID_RANDOM_BYTES = 10 };

// 48 bits of milliseconds, then 80 random ones, in Crockford's base 32 (capitals, without I, L, O
// and U). strcmp sorts ids by their millisecond; within one the order is random.
// Errors: INTERNAL (the kernel gives no random bytes).
// Spec:   ULID 1.0, without its monotonic counter.
SR_MUST_USE bool sr_id_new(const struct sr_clock *clock, char text[SR_ID_TEXT], struct sr_err *err);

// The same from given bytes. A time before 1970 or beyond 48 bits becomes the nearest inside.
void sr_id_format(int64_t wall_us, const uint8_t random[SR_ID_RANDOM_BYTES], char text[SR_ID_TEXT]);

// Reads an id made here (capitals only, as ids are compared as text): false when it is none.
// *ret_wall_us is its time, in whole milliseconds; NULL: not wanted.
SR_MUST_USE bool sr_id_parse(const char *text, int64_t *ret_wall_us);
