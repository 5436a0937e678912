#include "statemachine/asl_error.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void asl_failure_done(struct asl_failure *failure)
{
    free(failure->error);
    free(failure->cause);
    *failure = (struct asl_failure){ 0 };
}

bool asl_failure_set(struct asl_failure *failure, const char *error, const char *cause)
{
    asl_failure_done(failure);
    failure->error = error ? strdup(error) : NULL;
    failure->cause = cause ? strdup(cause) : NULL;
    return (!error || failure->error) && (!cause || failure->cause);
}

static void fail(struct asl_failure *failure, const char *error, bool terminal, const char *format,
                 va_list args) SR_PRINTF(4, 0);
static void fail(struct asl_failure *failure, const char *error, bool terminal, const char *format,
                 va_list args)
{
    struct sr_err ignored = { 0 };
    sr_auto(sr_str) struct sr_str cause = { 0 };
    asl_failure_done(failure);
    if (!sr_str_vaddf(&cause, &ignored, format, args))
        return;
    failure->error = strdup(error);
    failure->cause = sr_str_take(&cause);
    failure->terminal = terminal;
}

bool asl_fail(struct asl_failure *failure, const char *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(failure, error, true, format, args);
    va_end(args);
    return false;
}

bool asl_fail_catchable(struct asl_failure *failure, const char *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(failure, error, false, format, args);
    va_end(args);
    return false;
}

bool asl_error_covers(const char *pattern, const char *error)
{
    if (strcmp(pattern, ASL_ERROR_ALL) == 0)
        return true;
    if (!error)
        return false;
    if (strcmp(pattern, ASL_ERROR_TASK_FAILED) == 0)
        return strcmp(error, ASL_ERROR_TIMEOUT) != 0 && strcmp(error, ASL_ERROR_HEARTBEAT) != 0;
    if (strcmp(pattern, ASL_ERROR_TIMEOUT) == 0 && strcmp(error, ASL_ERROR_HEARTBEAT) == 0)
        return true;  // a missed heartbeat is a timeout, too
    return strcmp(pattern, error) == 0;
}
