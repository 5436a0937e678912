// cli/ticker.h - something that is done again and again on a thread of its own.
#pragma once

#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

struct ticker;

// Calls `tick` each time `step_us` have passed, until ticker_stop().
// Owns:    the caller stops *ret_ticker; `name`, the thread's, and `self` are borrowed until then.
// Errors:  NO_MEMORY, those of threads.
// Threads: `tick` runs on the ticker's.
SR_MUST_USE bool ticker_start(const char *name, int64_t step_us, void (*tick)(void *self),
                              void *self, struct ticker **ret_ticker, struct sr_err *err);
// `tick` is not called any more when this returns. NULL: nothing.
void ticker_stop(struct ticker *ticker);
SR_DEFINE_AUTO(ticker, struct ticker, ticker_stop);
