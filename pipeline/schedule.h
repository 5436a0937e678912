// pipeline/schedule.h - when something is due again and again: rate() and cron() as EventBridge
// writes them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

struct schedule;

// "rate(5 minutes)", "cron(0 12 ? * MON-FRI *)": minutes, hours, day of month, month, day of week,
// year; names, lists, ranges, steps, L, W, #. `zone`: whose clock cron follows; NULL: UTC.
// Errors: INVALID (what is wrong with which field), NOT_FOUND (the zone), NO_MEMORY.
// Spec:   Amazon EventBridge "Cron and rate expressions"
SR_MUST_USE bool schedule_parse(const char *text, const char *zone, struct schedule **ret_schedule,
                                struct sr_err *err);
void schedule_free(struct schedule *schedule);
SR_DEFINE_AUTO(schedule, struct schedule, schedule_free);

// The first moment behind `after_us` (wall time, microseconds); INT64_MAX: never again.
// A rate counts from `begin_us`, when the schedule was first seen. A local time that the clocks
// skip in spring has no moment; one that they show twice in autumn counts the first time.
// Spec:   EventBridge Scheduler "Daylight savings time"
int64_t schedule_next_us(const struct schedule *schedule, int64_t begin_us, int64_t after_us);
