// cli/worker_metrics.h - the numbers of one worker process, for Prometheus: tasks by activity and
// outcome, what its children asked of stores.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "base/log.h"
#include "net/http.h"

struct worker_metrics;

struct worker_metrics_params {
    const char *address;  // "127.0.0.1:9464"; NULL: counts only
    const char *token;    // who shows it may read from elsewhere; NULL: this machine alone
    size_t slots, light_slots;
    const struct sr_log *log;
};

// Counts, and answers GET /metrics.
// Owns:    the caller frees it, after the worker. `params` is borrowed until then.
// Errors:  INVALID, CONFLICT (the address is taken), DENIED (it is for other machines, and there is
//          no token), NO_MEMORY.
SR_MUST_USE bool worker_metrics_new(const struct worker_metrics_params *params,
                                    struct worker_metrics **ret_metrics, struct sr_err *err);
void worker_metrics_free(struct worker_metrics *metrics);
SR_DEFINE_AUTO(worker_metrics, struct worker_metrics, worker_metrics_free);

const char *worker_metrics_address(const struct worker_metrics *metrics);  // NULL: nobody listens
// For the clients of stores; lives as long.
struct http_totals *worker_metrics_stores(struct worker_metrics *metrics);
// An event of worker_run(). Threads: any.
void worker_metrics_event(struct worker_metrics *metrics, const json_t *event);
// The text of GET /metrics. Threads: any.
SR_MUST_USE bool worker_metrics_text(struct worker_metrics *metrics, struct sr_str *text,
                                     struct sr_err *err);
