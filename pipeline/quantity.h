// pipeline/quantity.h - the spellings of lengths, bit rates and frame rates that manifest and
// command line share.
#pragma once

#include "base/err.h"
#include "transcode/media.h"

// Each gives false, and leaves *ret alone, for text that is not such a quantity, is negative or
// does not fit.

// "10s", "500ms", "250us", "2m", "1h", "0.5", "10": without a unit, seconds.
SR_MUST_USE bool quantity_us(const char *text, int64_t *ret_us);
// "6M", "128k", "1.5M", "1500000": decimal multiples (k 1000, M 1000000, G 1000000000).
SR_MUST_USE bool quantity_bits(const char *text, int64_t *ret_bits);
// "25", "30000/1001", "29.97" (23.976, 29.97, 59.94 and 119.88 mean the NTSC fraction), "12.5". At
// most 1000.
SR_MUST_USE bool quantity_rate(const char *text, struct media_rational *ret_rate);
// "1920x1080".
SR_MUST_USE bool quantity_size(const char *text, int *ret_width, int *ret_height);
// A whole number without sign, at most `max`.
SR_MUST_USE bool quantity_count(const char *text, int64_t max, int64_t *ret);
