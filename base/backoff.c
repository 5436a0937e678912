#include "base/backoff.h"

#include <assert.h>

int64_t sr_backoff_us(const struct sr_backoff *backoff, uint32_t retry_number, uint64_t random)
{
    assert(backoff->first_us >= 0 && backoff->max_us >= 0 && retry_number >= 1);
    const uint32_t doublings = retry_number - 1;
    int64_t top_us = backoff->max_us;
    if (backoff->first_us == 0)
        top_us = 0;
    else if (doublings < 63 && backoff->first_us <= backoff->max_us >> doublings)
        top_us = backoff->first_us << doublings;
    // Scales 64 random bits to 0..top_us: the product is below 2^127.
    __extension__ typedef unsigned __int128 wide;
    return (int64_t)((wide)random * ((uint64_t)top_us + 1) >> 64);
}
