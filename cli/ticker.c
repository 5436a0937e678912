#include "cli/ticker.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"

struct ticker {
    int64_t step_us;
    void (*tick)(void *self);
    void *self;
    struct sr_thread *thread;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        bool ends;
    } synced;  // under `lock`
};

// False: it is over. A wait that ends too early is taken up again.
static bool wait_a_step(struct ticker *ticker)
{
    const struct sr_clock *const clock = sr_clock_system();
    const int64_t end_us = sr_clock_monotonic_us(clock) + ticker->step_us;
    sr_lock(&ticker->lock);
    for (int64_t now_us; !ticker->synced.ends && (now_us = sr_clock_monotonic_us(clock)) < end_us;)
        (void)sr_cond_wait_us(&ticker->changed, &ticker->lock, end_us - now_us);
    const bool ends = ticker->synced.ends;
    sr_unlock(&ticker->lock);
    return !ends;
}

static void run(void *self)
{
    struct ticker *const ticker = self;
    while (wait_a_step(ticker))
        ticker->tick(ticker->self);
}

bool ticker_start(const char *name, int64_t step_us, void (*tick)(void *self), void *self,
                  struct ticker **ret_ticker, struct sr_err *err)
{
    struct ticker *const ticker = calloc(1, sizeof *ticker);
    if (!ticker)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a ticker");
    *ticker = (struct ticker){ .step_us = step_us, .tick = tick, .self = self };
    if (!sr_mutex_init(&ticker->lock, err)) {
        free(ticker);
        return false;
    }
    if (!sr_cond_init(&ticker->changed, err)) {
        sr_mutex_done(&ticker->lock);
        free(ticker);
        return false;
    }
    if (!sr_thread_start(name, run, ticker, &ticker->thread, err)) {
        sr_cond_done(&ticker->changed);
        sr_mutex_done(&ticker->lock);
        free(ticker);
        return false;
    }
    *ret_ticker = ticker;
    return true;
}

void ticker_stop(struct ticker *ticker)
{
    if (!ticker)
        return;
    sr_lock(&ticker->lock);
    ticker->synced.ends = true;
    sr_cond_signal(&ticker->changed);
    sr_unlock(&ticker->lock);
    sr_thread_join(ticker->thread);
    sr_cond_done(&ticker->changed);
    sr_mutex_done(&ticker->lock);
    free(ticker);
}
