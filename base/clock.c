#include "base/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"

static int64_t now_us(clockid_t id)
{
    struct timespec now;
    const int status = clock_gettime(id, &now);
    assert(status == 0);  // both clocks exist on every Linux
    (void)status;
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_monotonic_us(void *self)
{
    (void)self;
    return now_us(CLOCK_MONOTONIC);
}

static int64_t system_wall_us(void *self)
{
    (void)self;
    return now_us(CLOCK_REALTIME);
}

const struct sr_clock *sr_clock_system(void)
{
    static const struct sr_clock clock = {
        .monotonic_us = system_monotonic_us,
        .wall_us = system_wall_us,
    };
    return &clock;
}

static int64_t fake_monotonic_us(void *self)
{
    struct sr_clock_fake *const fake = self;
    return atomic_load(&fake->now_us);
}

static int64_t fake_wall_us(void *self)
{
    struct sr_clock_fake *const fake = self;
    return atomic_load(&fake->now_us) + fake->wall_offset_us;
}

void sr_clock_fake_init(struct sr_clock_fake *fake, int64_t wall_us)
{
    fake->clock = (struct sr_clock){
        .monotonic_us = fake_monotonic_us,
        .wall_us = fake_wall_us,
        .self = fake,
    };
    atomic_init(&fake->now_us, 0);
    fake->wall_offset_us = wall_us;
}

void sr_clock_fake_advance(struct sr_clock_fake *fake, int64_t us)
{
    assert(us >= 0);
    atomic_fetch_add(&fake->now_us, us);
}

void sr_clock_format(int64_t wall_us, char text[25])
{
    static const int64_t first_second = -62167219200;  // 0000-01-01T00:00:00Z
    static const int64_t last_second = 253402300799;   // 9999-12-31T23:59:59Z
    int64_t seconds = sr_div_floor(wall_us, 1000000);
    const int64_t rest_us = wall_us % 1000000;
    int64_t ms = (rest_us < 0 ? rest_us + 1000000 : rest_us) / 1000;
    if (seconds < first_second) {
        seconds = first_second;
        ms = 0;
    } else if (seconds > last_second) {
        seconds = last_second;
        ms = 999;
    }
    const time_t when = seconds;
    struct tm parts;
    struct tm *const done = gmtime_r(&when, &parts);
    assert(done);  // the year fits by far
    (void)done;
    char buffer[80];  // what the compiler believes ints could need
    (void)snprintf(buffer, sizeof(buffer), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                   parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                   parts.tm_min, parts.tm_sec, (int)ms);
    assert(strlen(buffer) == 24);
    memcpy(text, buffer, 25);
}
