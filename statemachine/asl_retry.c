#include "statemachine/asl_retry.h"

#include <math.h>

bool asl_names_cover(const struct asl_names *names, const struct asl_failure *failure)
{
    for (size_t i = 0; i < names->count; i++) {
        if (asl_error_covers(names->names[i], failure->error) ||
            (failure->heartbeat && asl_error_covers(names->names[i], ASL_ERROR_HEARTBEAT)))
            return true;
    }
    return false;
}

int asl_retry_find(const struct asl_retrier *retriers, size_t count,
                   const struct asl_failure *failure)
{
    for (size_t i = 0; !failure->terminal && i < count; i++) {
        if (asl_names_cover(&retriers[i].errors, failure))
            return (int)i;
    }
    return -1;
}

int64_t asl_retry_delay_us(const struct asl_retrier *retrier, int64_t attempt,
                           struct asl_random *random)
{
    enum { YEAR_S = 31622400 };
    if (attempt > retrier->attempts_max)
        return -1;
    double delay_s =
        (double)retrier->interval_s * pow(retrier->backoff_rate, (double)(attempt - 1));
    if (retrier->delay_s_max && delay_s > (double)retrier->delay_s_max)
        delay_s = (double)retrier->delay_s_max;
    if (!(delay_s < YEAR_S))
        delay_s = YEAR_S;
    if (retrier->jitter)
        delay_s *= (double)(asl_random_next(random) >> 11) * 0x1p-53;
    return (int64_t)(delay_s * 1e6);
}

int asl_catch_find(const struct asl_catcher *catchers, size_t count,
                   const struct asl_failure *failure)
{
    for (size_t i = 0; !failure->terminal && i < count; i++) {
        if (asl_names_cover(&catchers[i].errors, failure))
            return (int)i;
    }
    return -1;
}
