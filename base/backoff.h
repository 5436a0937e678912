// base/backoff.h - how long to wait before trying again.
#pragma once

#include <stdint.h>

struct sr_backoff {
    int64_t first_us;  // the most the first wait can be; at least 0
    int64_t max_us;    // the most any wait can be; at least 0
};

// A wait from 0 to first_us * 2^(retry_number - 1), or to max_us when that is less, evenly spread
// by `random` ("full jitter": those who failed together do not come back together).
// Threads: pure; `random` is any 64 random bits, retry_number counts from 1.
int64_t sr_backoff_us(const struct sr_backoff *backoff, uint32_t retry_number, uint64_t random);
