// statemachine/asl_time.h - timestamps as the language writes them: RFC 3339 with "T" and a time
// zone.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct asl_time {
    int64_t seconds;  // since 1970-01-01T00:00:00Z
    int32_t nanoseconds;
};

// False when it is none. Spec: ASL "Timestamps": an uppercase T, and an uppercase Z when there is
// no offset.
bool asl_time_parse(const char *text, struct asl_time *ret_time);
int asl_time_compare(struct asl_time a, struct asl_time b);  // -1, 0, 1
// Microseconds since 1970, rounded up: a wait never ends early. Saturates.
int64_t asl_time_us(struct asl_time time);
