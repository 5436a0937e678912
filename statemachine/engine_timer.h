// statemachine/engine_timer.h - due times of one engine, soonest first. In memory; the store has
// what they are made from.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum engine_due { ENGINE_DUE_TIMER, ENGINE_DUE_TIMEOUT, ENGINE_DUE_HEARTBEAT };

struct engine_timer {
    int64_t at_us;
    int64_t execution;
    uint64_t op;
    enum engine_due due;
};

// All zero is an empty one.
struct engine_timers {
    size_t count, room;
    struct engine_timer *items;  // a heap
};

SR_MUST_USE bool engine_timers_add(struct engine_timers *timers, struct engine_timer timer,
                                   struct sr_err *err);
// Removes the soonest that is due at `now_us`; false when there is none.
bool engine_timers_take(struct engine_timers *timers, int64_t now_us,
                        struct engine_timer *ret_timer);
int64_t engine_timers_next_us(const struct engine_timers *timers);  // INT64_MAX: none
void engine_timers_done(struct engine_timers *timers);
