// statemachine/asl_event.h - history events: what a client of GetExecutionHistory sees.
#pragma once

#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/jx.h"
#include "base/str.h"

// X(name, key of its details or NULL)
#define ASL_EVENTS(X)                                                                              \
    X(ActivityFailed, "activityFailedEventDetails")                                                \
    X(ActivityScheduled, "activityScheduledEventDetails")                                          \
    X(ActivityScheduleFailed, "activityScheduleFailedEventDetails")                                \
    X(ActivityStarted, "activityStartedEventDetails")                                              \
    X(ActivitySucceeded, "activitySucceededEventDetails")                                          \
    X(ActivityTimedOut, "activityTimedOutEventDetails")                                            \
    X(ChoiceStateEntered, "stateEnteredEventDetails")                                              \
    X(ChoiceStateExited, "stateExitedEventDetails")                                                \
    X(EvaluationFailed, "evaluationFailedEventDetails")                                            \
    X(ExecutionAborted, "executionAbortedEventDetails")                                            \
    X(ExecutionFailed, "executionFailedEventDetails")                                              \
    X(ExecutionRedriven, "executionRedrivenEventDetails")                                          \
    X(ExecutionStarted, "executionStartedEventDetails")                                            \
    X(ExecutionSucceeded, "executionSucceededEventDetails")                                        \
    X(ExecutionTimedOut, "executionTimedOutEventDetails")                                          \
    X(FailStateEntered, "stateEnteredEventDetails")                                                \
    X(LambdaFunctionFailed, "lambdaFunctionFailedEventDetails")                                    \
    X(LambdaFunctionScheduled, "lambdaFunctionScheduledEventDetails")                              \
    X(LambdaFunctionScheduleFailed, "lambdaFunctionScheduleFailedEventDetails")                    \
    X(LambdaFunctionStarted, NULL)                                                                 \
    X(LambdaFunctionStartFailed, "lambdaFunctionStartFailedEventDetails")                          \
    X(LambdaFunctionSucceeded, "lambdaFunctionSucceededEventDetails")                              \
    X(LambdaFunctionTimedOut, "lambdaFunctionTimedOutEventDetails")                                \
    X(MapIterationAborted, "mapIterationAbortedEventDetails")                                      \
    X(MapIterationFailed, "mapIterationFailedEventDetails")                                        \
    X(MapIterationStarted, "mapIterationStartedEventDetails")                                      \
    X(MapIterationSucceeded, "mapIterationSucceededEventDetails")                                  \
    X(MapRunAborted, NULL)                                                                         \
    X(MapRunFailed, "mapRunFailedEventDetails")                                                    \
    X(MapRunRedriven, "mapRunRedrivenEventDetails")                                                \
    X(MapRunStarted, "mapRunStartedEventDetails")                                                  \
    X(MapRunSucceeded, NULL)                                                                       \
    X(MapStateAborted, NULL)                                                                       \
    X(MapStateEntered, "stateEnteredEventDetails")                                                 \
    X(MapStateExited, "stateExitedEventDetails")                                                   \
    X(MapStateFailed, NULL)                                                                        \
    X(MapStateStarted, "mapStateStartedEventDetails")                                              \
    X(MapStateSucceeded, NULL)                                                                     \
    X(ParallelStateAborted, NULL)                                                                  \
    X(ParallelStateEntered, "stateEnteredEventDetails")                                            \
    X(ParallelStateExited, "stateExitedEventDetails")                                              \
    X(ParallelStateFailed, NULL)                                                                   \
    X(ParallelStateStarted, NULL)                                                                  \
    X(ParallelStateSucceeded, NULL)                                                                \
    X(PassStateEntered, "stateEnteredEventDetails")                                                \
    X(PassStateExited, "stateExitedEventDetails")                                                  \
    X(SucceedStateEntered, "stateEnteredEventDetails")                                             \
    X(SucceedStateExited, "stateExitedEventDetails")                                               \
    X(TaskFailed, "taskFailedEventDetails")                                                        \
    X(TaskScheduled, "taskScheduledEventDetails")                                                  \
    X(TaskStarted, "taskStartedEventDetails")                                                      \
    X(TaskStartFailed, "taskStartFailedEventDetails")                                              \
    X(TaskStateAborted, NULL)                                                                      \
    X(TaskStateEntered, "stateEnteredEventDetails")                                                \
    X(TaskStateExited, "stateExitedEventDetails")                                                  \
    X(TaskSubmitFailed, "taskSubmitFailedEventDetails")                                            \
    X(TaskSubmitted, "taskSubmittedEventDetails")                                                  \
    X(TaskSucceeded, "taskSucceededEventDetails")                                                  \
    X(TaskTimedOut, "taskTimedOutEventDetails")                                                    \
    X(WaitStateAborted, NULL)                                                                      \
    X(WaitStateEntered, "stateEnteredEventDetails")                                                \
    X(WaitStateExited, "stateExitedEventDetails")

enum asl_event_type {
#define X(name, details) ASL_EVENT_##name,
    ASL_EVENTS(X)
#undef X
        ASL_EVENT_COUNT,
};

struct asl_event {
    uint64_t id;        // from 1, without a gap, in its history
    uint64_t previous;  // 0: none
    uint64_t child;     // which history: 0 is the execution's own, others are child executions of
                        // distributed maps
    enum asl_event_type type;
    int64_t time_us;
    json_t *details;  // NULL: none. Payloads ("input", "output", "parameters") are values here,
                      // text for clients
};

const char *asl_event_name(enum asl_event_type type);
// As GetExecutionHistory shows it; `payloads` false leaves input and output out
// (includeExecutionData).
SR_MUST_USE bool asl_event_to_client(const struct asl_event *event, bool payloads,
                                     json_t **ret_json, struct sr_err *err);
// For the store, short: adds [id, previous, child, "Name", time_us, details]. What a failure leaves
// in `out` is a part of it.
SR_MUST_USE bool asl_event_write(const struct asl_event *event, struct sr_str *out,
                                 struct sr_err *err);
// The same as a value. *ret_json is a new reference.
SR_MUST_USE bool asl_event_to_json(const struct asl_event *event, json_t **ret_json,
                                   struct sr_err *err);
// Errors: INVALID. The caller owns ret_event->details.
SR_MUST_USE bool asl_event_from_json(const json_t *json, struct asl_event *ret_event,
                                     struct sr_err *err);
