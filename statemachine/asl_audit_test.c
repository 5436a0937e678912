#include "statemachine/asl_audit.h"

#include "base/test.h"

// A history as "Type previous [name]" with ';' between; ids count up, the time is the id.
static const struct row {
    const char *name;
    const char *events;
    enum asl_status status;
    const char *refusal;  // NULL: it is a valid one
} rows[] = {
#define BEGIN "ExecutionStarted 0;"
#define TASK BEGIN "TaskStateEntered 1 T;ActivityScheduled 2;ActivityStarted 3;"
    { "one that runs", BEGIN "WaitStateEntered 1 W", ASL_RUNNING, NULL },
    { "a whole one", TASK "ActivitySucceeded 4;TaskStateExited 5 T;ExecutionSucceeded 6",
      ASL_SUCCEEDED, NULL },
    { "a retry", TASK "ActivityFailed 4;ActivityScheduled 5;ActivityTimedOut 6;ExecutionFailed 7",
      ASL_FAILED, NULL },
    { "branches",
      BEGIN
      "ParallelStateEntered 1 P;ParallelStateStarted 2;PassStateEntered 3 A;PassStateExited 4 A;"
      "PassStateEntered 3 B;PassStateExited 6 B;ParallelStateExited 7 P;ExecutionSucceeded 8",
      ASL_SUCCEEDED, NULL },
    { "a redrive",
      BEGIN "FailStateEntered 1 F;ExecutionFailed 2;ExecutionRedriven 3;FailStateEntered 4 F;"
            "ExecutionFailed 5",
      ASL_FAILED, NULL },
    { "a redrive of one branch, the state around it stays entered",
      BEGIN "ParallelStateEntered 1 P;ParallelStateStarted 2;FailStateEntered 3 F;"
            "ParallelStateFailed 4;ExecutionFailed 5;ExecutionRedriven 6;PassStateEntered 7 F;"
            "PassStateExited 8 F;ParallelStateExited 9 P;ExecutionSucceeded 10",
      ASL_SUCCEEDED, NULL },
    { "nothing", "", ASL_RUNNING, "empty" },
    { "no beginning", "PassStateEntered 0 A", ASL_RUNNING, "begins" },
    { "two beginnings", BEGIN "ExecutionStarted 0", ASL_RUNNING, "begins" },
    { "two ends", BEGIN "ExecutionAborted 1;ExecutionAborted 2", ASL_ABORTED, "after the end" },
    { "an event after the end", BEGIN "ExecutionAborted 1;PassStateEntered 1 A", ASL_ABORTED,
      "after the end" },
    { "an answer twice", TASK "ActivitySucceeded 4;ActivitySucceeded 4", ASL_RUNNING,
      "something else has followed" },
    { "an answer without a task", BEGIN "TaskStateEntered 1 T;ActivitySucceeded 2", ASL_RUNNING,
      "cannot follow" },
    { "an answer of another kind", TASK "LambdaFunctionSucceeded 4", ASL_RUNNING, "another kind" },
    { "handed out twice", TASK "ActivityStarted 3", ASL_RUNNING, "something else has followed" },
    { "scheduled twice", TASK "ActivityScheduled 2", ASL_RUNNING, "something else has followed" },
    { "a state left twice", BEGIN "PassStateEntered 1 A;PassStateExited 2 A;PassStateExited 3 A",
      ASL_RUNNING, "not entered" },
    { "a state left that was not entered", BEGIN "PassStateEntered 1 A;PassStateExited 2 B",
      ASL_RUNNING, "not entered" },
    { "a task left before its answer", TASK "TaskStateExited 4 T", ASL_RUNNING, "cannot follow" },
    { "two states after one",
      BEGIN "PassStateEntered 1 A;PassStateExited 2 A;PassStateEntered 3 B;PassStateEntered 3 C",
      ASL_RUNNING, "something else has followed" },
    { "a previous one that comes later", BEGIN "PassStateEntered 2 A", ASL_RUNNING,
      "after itself" },
    { "said to run, has ended", BEGIN "ExecutionAborted 1", ASL_RUNNING, "has ended" },
    { "said to have ended, runs", BEGIN "WaitStateEntered 1 W", ASL_SUCCEEDED, "ends with" },
    { "said to have ended otherwise", BEGIN "ExecutionAborted 1", ASL_SUCCEEDED, "ends with" },
};

static enum asl_event_type type_of(const char *name)
{
    for (int type = 0; type < ASL_EVENT_COUNT; type++) {
        if (strcmp(asl_event_name((enum asl_event_type)type), name) == 0)
            return (enum asl_event_type)type;
    }
    fail_msg("no event %s", name);
    return ASL_EVENT_COUNT;
}

static bool play(const struct row *row, struct asl_audit *audit, struct sr_err *err)
{
    char text[1000], type[64], name[32];
    unsigned previous;
    uint64_t id = 0;
    snprintf(text, sizeof text, "%s", row->events);
    for (char *rest = text, *word; (word = strsep(&rest, ";"));) {
        const int fields = sscanf(word, "%63s %u %31s", type, &previous, name);
        if (fields < 2)
            continue;
        sr_auto(json) json_t *details = fields == 3 ? json_pack("{s:s}", "name", name) : NULL;
        id++;
        const struct asl_event event = { .id = id,
                                         .previous = previous,
                                         .type = type_of(type),
                                         .time_us = (int64_t)id,
                                         .details = details };
        if (!asl_audit_event(audit, &event, err))
            return false;
    }
    assert_int_equal(asl_audit_count(audit), id);
    return asl_audit_end(audit, row->status, err);
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(asl_audit) struct asl_audit *audit = NULL;
    sr_assert_ok(asl_audit_new(&audit, &err), err);
    const bool valid = play(row, audit, &err);
    if (!row->refusal) {
        sr_assert_ok(valid, err);
        return;
    }
    assert_false(valid);
    assert_int_equal(err.code, SR_ERR_VERIFY);
    sr_assert_contains(err.message, row->refusal);
}

static void numbers(void **state)
{
    (void)state;
    const struct asl_event start = { .id = 1, .type = ASL_EVENT_ExecutionStarted, .time_us = 9 };
    const struct {
        struct asl_event event;
        const char *refusal;
    } second[] = {
        { { .id = 1, .type = ASL_EVENT_ExecutionAborted, .time_us = 9 }, "not the next" },
        { { .id = 3, .type = ASL_EVENT_ExecutionAborted, .time_us = 9 }, "not the next" },
        { { .id = 2, .child = 7, .type = ASL_EVENT_ExecutionStarted, .time_us = 9 },
          "not the next" },
        { { .id = 2, .previous = 1, .type = ASL_EVENT_PassStateEntered, .time_us = 9 },
          "no state" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(second); i++) {
        struct sr_err err = { 0 };
        sr_auto(asl_audit) struct asl_audit *audit = NULL;
        sr_assert_ok(asl_audit_new(&audit, &err), err);
        sr_assert_ok(asl_audit_event(audit, &start, &err), err);
        sr_assert_fails(asl_audit_event(audit, &second[i].event, &err), SR_ERR_VERIFY, err);
        sr_assert_contains(err.message, second[i].refusal);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(numbers);
    return sr_test_run(__FILE__, tests, count);
}
