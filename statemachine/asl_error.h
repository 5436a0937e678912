// statemachine/asl_error.h - why a state or an execution failed: an error name and a cause, as the
// language has them.
#pragma once

#include <stdbool.h>

#include "base/auto.h"
#include "base/str.h"

// The reserved names.
// Spec: ASL "Errors", Appendix A: predefined error codes.
#define ASL_ERROR_ALL "States.ALL"
#define ASL_ERROR_BRANCH_FAILED "States.BranchFailed"
#define ASL_ERROR_DATA_LIMIT "States.DataLimitExceeded"
#define ASL_ERROR_THRESHOLD "States.ExceedToleratedFailureThreshold"
#define ASL_ERROR_HEARTBEAT "States.HeartbeatTimeout"
#define ASL_ERROR_HTTP_SOCKET "States.Http.Socket"
#define ASL_ERROR_INTRINSIC "States.IntrinsicFailure"
#define ASL_ERROR_ITEM_READER "States.ItemReaderFailed"
#define ASL_ERROR_NO_CHOICE "States.NoChoiceMatched"
#define ASL_ERROR_PARAMETER_PATH "States.ParameterPathFailure"
#define ASL_ERROR_PERMISSIONS "States.Permissions"
#define ASL_ERROR_QUERY "States.QueryEvaluationError"
#define ASL_ERROR_RESULT_PATH "States.ResultPathMatchFailure"
#define ASL_ERROR_RESULT_WRITER "States.ResultWriterFailed"
#define ASL_ERROR_RUNTIME "States.Runtime"
#define ASL_ERROR_TASK_FAILED "States.TaskFailed"
#define ASL_ERROR_TIMEOUT "States.Timeout"

// An expected outcome, not an sr_err: flows handle it with Retry and Catch. All zero: none.
// A function that takes one gives false and fills it, or gives false with `error` NULL: out of
// memory.
struct asl_failure {
    char *error;     // NULL: none was given
    char *cause;     // NULL: none was given
    bool terminal;   // the machinery's own: neither Retry nor Catch sees it
    bool heartbeat;  // a timeout because of a missed heartbeat: States.HeartbeatTimeout covers it,
                     // too
};

// Sets a failure of the machinery (`terminal`) and gives false.
bool asl_fail(struct asl_failure *failure, const char *error, const char *format, ...)
    SR_PRINTF(3, 4);
// The same for one that Retry and Catch see.
bool asl_fail_catchable(struct asl_failure *failure, const char *error, const char *format, ...)
    SR_PRINTF(3, 4);
// Sets both as they are, NULL included; false when out of memory.
SR_MUST_USE bool asl_failure_set(struct asl_failure *failure, const char *error, const char *cause);
void asl_failure_done(struct asl_failure *failure);
SR_DEFINE_AUTO_VALUE(asl_failure, struct asl_failure, asl_failure_done);

// Whether a name in ErrorEquals covers an error name (NULL: a failure without a name).
// Spec: ASL "Errors": States.ALL covers all, States.TaskFailed all but States.Timeout.
bool asl_error_covers(const char *pattern, const char *error);
