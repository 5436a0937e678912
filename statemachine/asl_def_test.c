#include "statemachine/asl_def.h"

#include "base/test.h"

static const struct row {
    const char *name, *arn;
    int kind;  // -1: not known
    enum asl_pattern pattern;
    const char *type, *action;
} rows[] = {
    { "lambda", "arn:aws:lambda:eu:1:function:f", ASL_TASK_LAMBDA, ASL_PATTERN_RESPONSE, NULL,
      NULL },
    { "activity", "arn:aws:states:eu:1:activity:a", ASL_TASK_ACTIVITY, ASL_PATTERN_RESPONSE, NULL,
      NULL },
    { "service", "arn:aws:states:::lambda:invoke", ASL_TASK_SERVICE, ASL_PATTERN_RESPONSE, "lambda",
      "invoke" },
    { "token", "arn:aws:states:::sqs:sendMessage.waitForTaskToken", ASL_TASK_SERVICE,
      ASL_PATTERN_TOKEN, "sqs", "sendMessage.waitForTaskToken" },
    { "sync", "arn:aws:states:::states:startExecution.sync", ASL_TASK_SERVICE, ASL_PATTERN_SYNC,
      "states", "startExecution.sync" },
    { "sync:2", "arn:aws:states:::states:startExecution.sync:2", ASL_TASK_SERVICE, ASL_PATTERN_SYNC,
      "states", "startExecution.sync:2" },
    { "sdk", "arn:aws:states:::aws-sdk:s3:getObject", ASL_TASK_SERVICE, ASL_PATTERN_RESPONSE,
      "aws-sdk:s3", "getObject" },
    { "no action", "arn:aws:states:::lambda:", -1, ASL_PATTERN_RESPONSE, NULL, NULL },
    { "another URI", "foo:bar", -1, ASL_PATTERN_RESPONSE, NULL, NULL },
    { "nothing", "", -1, ASL_PATTERN_RESPONSE, NULL, NULL },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct asl_resource resource = { 0 };
    const bool known = asl_resource_parse(row->arn, &resource);
    assert_int_equal(known ? (int)resource.kind : -1, row->kind);
    if (known && row->type) {
        assert_string_equal(resource.type, row->type);
        assert_string_equal(resource.action, row->action);
        assert_int_equal(resource.pattern, row->pattern);
    }
    asl_resource_done(&resource);
}
SR_TEST_ROWS(rows, each_row)
