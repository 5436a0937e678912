#include "base/budget.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/thread.h"

// A cancellation may come from a signal handler or a clock, which cannot wake us: look this often.
enum { POLL_US = 20000 };

struct waiter {
    struct waiter *next;
};

struct sr_budget {
    uint64_t bytes_max;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        uint64_t out, peak;
        struct waiter *first, **last;  // in the order they came; each on its thread's stack
    } synced;                          // under `lock`
};

bool sr_budget_new(uint64_t bytes_max, struct sr_budget **ret_budget, struct sr_err *err)
{
    struct sr_budget *const budget = calloc(1, sizeof(*budget));
    if (!budget)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a budget");
    budget->bytes_max = bytes_max;
    budget->synced.last = &budget->synced.first;
    if (!sr_mutex_init(&budget->lock, err)) {
        free(budget);
        return false;
    }
    if (!sr_cond_init(&budget->changed, err)) {
        sr_mutex_done(&budget->lock);
        free(budget);
        return false;
    }
    *ret_budget = budget;
    return true;
}

void sr_budget_free(struct sr_budget *budget)
{
    if (!budget)
        return;
    assert(budget->synced.out == 0 && !budget->synced.first);  // all tickets came back
    sr_cond_done(&budget->changed);
    sr_mutex_done(&budget->lock);
    free(budget);
}

static bool fits_locked(const struct sr_budget *budget, uint64_t bytes) SR_REQUIRES(budget->lock);
static bool fits_locked(const struct sr_budget *budget, uint64_t bytes)
{
    const uint64_t out = budget->synced.out;
    return out == 0 || (out <= budget->bytes_max && bytes <= budget->bytes_max - out);
}

static void leave_line_locked(struct sr_budget *budget, struct waiter *waiter)
    SR_REQUIRES(budget->lock);
static void leave_line_locked(struct sr_budget *budget, struct waiter *waiter)
{
    struct waiter **place = &budget->synced.first;
    while (*place != waiter)
        place = &(*place)->next;
    *place = waiter->next;
    if (!waiter->next)
        budget->synced.last = place;
    sr_cond_broadcast(&budget->changed);  // the next in line may fit
}

bool sr_budget_take(struct sr_budget *budget, uint64_t bytes, const struct sr_cancel *cancel,
                    struct sr_err *err)
{
    struct waiter self = { 0 };
    bool granted = false, asked = sr_cancel_asked(cancel);
    sr_lock(&budget->lock);
    *budget->synced.last = &self;
    budget->synced.last = &self.next;
    while (!asked) {
        granted = budget->synced.first == &self && fits_locked(budget, bytes);
        if (granted)
            break;
        if (!cancel) {
            sr_cond_wait(&budget->changed, &budget->lock);
            continue;
        }
        (void)sr_cond_wait_us(&budget->changed, &budget->lock, POLL_US);  // looks anew either way
        asked = sr_cancel_asked(cancel);
    }
    if (granted) {
        budget->synced.out += bytes;  // only one request above the maximum is ever out
        if (budget->synced.out > budget->synced.peak)
            budget->synced.peak = budget->synced.out;
    }
    leave_line_locked(budget, &self);
    sr_unlock(&budget->lock);
    if (granted)
        return true;
    if (sr_cancel_check(cancel, err))  // a clock that went back
        return sr_fail(err, SR_ERR_TIMEOUT, "waiting for %" PRIu64 " bytes", bytes);
    return sr_err_wrap(err, "waiting for %" PRIu64 " bytes", bytes);
}

void sr_budget_give(struct sr_budget *budget, uint64_t bytes)
{
    sr_lock(&budget->lock);
    assert(bytes <= budget->synced.out);
    budget->synced.out -= bytes;
    sr_cond_broadcast(&budget->changed);
    sr_unlock(&budget->lock);
}

uint64_t sr_budget_peak(struct sr_budget *budget)
{
    sr_lock(&budget->lock);
    const uint64_t peak = budget->synced.peak;
    sr_unlock(&budget->lock);
    return peak;
}
