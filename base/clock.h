// base/clock.h - time as a handle, so that tests can hold it in their hands.
#pragma once

#include <stdint.h>

struct sr_clock {
    int64_t (*monotonic_us)(void *self);
    int64_t (*wall_us)(void *self);  // since 1970-01-01T00:00:00Z
    void *self;
};

const struct sr_clock *sr_clock_system(void);  // the machine's; any thread

// A clock that stands still until it is told to move. Threads: any; the time is atomic.
struct sr_clock_fake {
    struct sr_clock clock;
    _Atomic int64_t now_us;
    int64_t wall_offset_us;
};
void sr_clock_fake_init(struct sr_clock_fake *fake, int64_t wall_us);
void sr_clock_fake_advance(struct sr_clock_fake *fake, int64_t us);

static inline int64_t sr_clock_monotonic_us(const struct sr_clock *clock)
{
    return clock->monotonic_us(clock->self);
}
static inline int64_t sr_clock_wall_us(const struct sr_clock *clock)
{
    return clock->wall_us(clock->self);
}

// "2026-11-22T15:04:05.123Z", rounded down; years outside 0000..9999 give the nearest time inside.
void sr_clock_format(int64_t wall_us, char text[25]);
