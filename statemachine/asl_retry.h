// statemachine/asl_retry.h - Retry and Catch: which retrier or catcher answers a failure, and after
// which delay.
#pragma once

#include <stdint.h>

#include "statemachine/asl_error.h"
#include "statemachine/asl_template.h"

struct asl_names {
    size_t count;
    char **names;
};

struct asl_retrier {
    struct asl_names errors;
    int64_t interval_s;
    int64_t attempts_max;
    int64_t delay_s_max;  // 0: none
    double backoff_rate;
    bool jitter;
};

struct asl_catcher {
    struct asl_names errors;
    const char *next;              // borrowed from the definition
    struct asl_path *result_path;  // NULL: the error output replaces the input
    bool discards_result;          // ResultPath is null
    struct asl_template *assign;   // NULL: none
};

bool asl_names_cover(const struct asl_names *names, const struct asl_failure *failure);

// The retrier for a failure: its index, or -1 when none fits. A terminal failure has none.
// Spec: ASL "Retrying after error": the retriers are tried in order.
int asl_retry_find(const struct asl_retrier *retriers, size_t count,
                   const struct asl_failure *failure);
// Microseconds before attempt `attempt` (1: the first retry), or -1 when that is beyond
// MaxAttempts.
// Spec: ASL "Retrier": IntervalSeconds * BackoffRate^(n-1), at most MaxDelaySeconds; with JitterStrategy FULL anything from 0 to that.
int64_t asl_retry_delay_us(const struct asl_retrier *retrier, int64_t attempt,
                           struct asl_random *random);
int asl_catch_find(const struct asl_catcher *catchers, size_t count,
                   const struct asl_failure *failure);
