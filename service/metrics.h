// service/metrics.h - numbers for Prometheus: the text format, from what the parts count.
#pragma once

#include "base/str.h"
#include "net/http.h"
#include "service/server.h"
#include "statemachine/engine_metrics.h"

enum { METRICS_QUEUES_MAX = 1000 };  // activities with numbers of their own

// Appends everything, a family after the other. `now_us`: wall time, for the ages of queues.
// Threads: the engine's.
// Spec: Prometheus text exposition format 0.0.4.
SR_MUST_USE bool metrics_add_engine(struct engine *engine, int64_t now_us, struct sr_str *text,
                                    struct sr_err *err);
// A family of one number; `help` is a sentence.
// Threads: any, also of what follows.
SR_MUST_USE bool metrics_add_gauge(struct sr_str *text, const char *name, const char *help,
                                   uint64_t value, struct sr_err *err);
SR_MUST_USE bool metrics_add_stores(struct http_totals *totals, struct sr_str *text,
                                    struct sr_err *err);
SR_MUST_USE bool metrics_add_server(const struct server_counts *counts, uint64_t audit_lost,
                                    struct sr_str *text, struct sr_err *err);
