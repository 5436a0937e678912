#include "base/cancel.h"

#include <assert.h>

_Static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "sr_cancel_set is called from signal handlers");

void sr_cancel_init(struct sr_cancel *cancel, const struct sr_cancel *parent,
                    const struct sr_clock *clock, int64_t deadline_us)
{
    assert(clock || deadline_us == INT64_MAX);
    atomic_init(&cancel->flag, false);
    cancel->parent = parent;
    cancel->clock = clock;
    cancel->deadline_us = deadline_us;
}

void sr_cancel_set(struct sr_cancel *cancel)
{
    atomic_store(&cancel->flag, true);
}

static bool set(const struct sr_cancel *cancel)
{
    for (; cancel; cancel = cancel->parent) {
        if (atomic_load(&cancel->flag))
            return true;
    }
    return false;
}

static bool late(const struct sr_cancel *cancel)
{
    for (; cancel; cancel = cancel->parent) {
        if (cancel->deadline_us != INT64_MAX &&
            sr_clock_monotonic_us(cancel->clock) >= cancel->deadline_us)
            return true;
    }
    return false;
}

bool sr_cancel_asked(const struct sr_cancel *cancel)
{
    return set(cancel) || late(cancel);
}

bool sr_cancel_check(const struct sr_cancel *cancel, struct sr_err *err)
{
    if (set(cancel))
        return sr_fail(err, SR_ERR_CANCELLED, "stopped on request");
    if (late(cancel))
        return sr_fail(err, SR_ERR_TIMEOUT, "the deadline passed");
    return true;
}
