// pipeline/time_zone.h - local time in a named zone, from the system's zone files, without touching
// the process's own.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

struct time_zone;

// `name`: "Europe/Berlin", "UTC". Errors: NOT_FOUND, INVALID (no zone's name, or a damaged file),
// NO_MEMORY, those of reading.
// Spec:   RFC 8536 (TZif), POSIX TZ for the years behind the table.
SR_MUST_USE bool time_zone_open(const char *name, struct time_zone **ret_zone, struct sr_err *err);
// From the bytes of a file.
SR_MUST_USE bool time_zone_read(const char *data, size_t bytes, struct time_zone **ret_zone,
                                struct sr_err *err);
void time_zone_free(struct time_zone *zone);
SR_DEFINE_AUTO(time_zone, struct time_zone, time_zone_free);

// Seconds to add to UTC at that moment (seconds since 1970).
int64_t time_zone_offset(const struct time_zone *zone, int64_t utc_s);
// The first moment at which clocks show `local_s` (seconds since 1970 as if it were UTC). False:
// they never do, the hour is skipped.
bool time_zone_moment(const struct time_zone *zone, int64_t local_s, int64_t *ret_utc_s);

// Days since 1970-01-01 in the Gregorian calendar, and back; month and day from 1.
int64_t time_days(int64_t year, int month, int day);
void time_date(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);
