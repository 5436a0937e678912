// base/budget.h - a purse of bytes that buffers are paid from: one memory limit for all.
#pragma once

#include <stdint.h>

#include "base/auto.h"
#include "base/cancel.h"
#include "base/err.h"

struct sr_budget;

// Threads: any. Granted in the order asked; a request above the whole budget when nothing else is
//          out, so it always ends. Who holds bytes takes no more: it could wait for itself.
SR_MUST_USE bool sr_budget_new(uint64_t bytes_max, struct sr_budget **ret_budget,
                               struct sr_err *err);
void sr_budget_free(struct sr_budget *budget);
// Waits until `bytes` are free. Errors: CANCELLED, TIMEOUT.
SR_MUST_USE bool sr_budget_take(struct sr_budget *budget, uint64_t bytes,
                                const struct sr_cancel *cancel, struct sr_err *err);
void sr_budget_give(struct sr_budget *budget, uint64_t bytes);
uint64_t sr_budget_peak(struct sr_budget *budget);
SR_DEFINE_AUTO(sr_budget, struct sr_budget, sr_budget_free);
