#include "statemachine/engine_once.h"

#include "base/str.h"
#include "base/test.h"

#define LAMBDA "arn:aws:lambda:eu:1:function:f"
#define ACTIVITY "arn:aws:states:eu:1:activity:a"
#define TASK(resource, more) "'T':{'Type':'Task','Resource':'" resource "'," more "'End':true}"
#define CALLBACK "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
#define EACH                                                                                       \
    "'M':{'Type':'Map','MaxConcurrency':1,'ItemProcessor':{'StartAt':'T','States':{" TASK(         \
        LAMBDA, "") "}},'End':true}"

// Single quotes stand for double ones.
static const struct row {
    const char *name;
    const char *start_at, *states, *input, *mock;
    const char *want;  // output; or "STATUS error"; or, with '!' in front, part of the refusal
} rows[] = {
    { "nothing to mock", "P", "'P':{'Type':'Pass','Result':7,'End':true}", "{}", NULL, "7" },
    { "a function", "T", TASK(LAMBDA, ""), "1", "{'T':[{'output':2}]}", "2" },
    { "an activity", "T", TASK(ACTIVITY, ""), "1", "{'T':[{'output':{'a':2}}]}", "{\"a\":2}" },
    { "a callback", "T", TASK(CALLBACK, ""), "1", "{'T':[{'output':'done'}]}", "\"done\"" },
    { "a failure", "T", TASK(LAMBDA, ""), "1", "{'T':[{'error':'E','cause':'c'}]}", "FAILED E" },
    { "a failure of an activity", "T", TASK(ACTIVITY, ""), "1", "{'T':[{'error':'E'}]}",
      "FAILED E" },
    { "a retry, and a wait of an hour", "T",
      TASK(LAMBDA, "'Retry':[{'ErrorEquals':['E'],'IntervalSeconds':3600}],"), "1",
      "{'T':[{'error':'E'},{'output':3}]}", "3" },
    { "never answered", "T", TASK(LAMBDA, "'TimeoutSeconds':600,"), "1", "{'T':[{'pending':true}]}",
      "FAILED States.Timeout" },
    { "in order, the last again", "M", EACH, "[1,1,1]", "{'T':[{'output':8},{'output':9}]}",
      "[8,9,9]" },
    { "by input", "M", EACH, "[1,2,1]", "{'T':[{'input':2,'output':'b'},{'output':'a'}]}",
      "[\"a\",\"b\",\"a\"]" },
    { "a reader", "M",
      "'M':{'Type':'Map','ItemReader':{'Resource':'arn:aws:states:::s3:getObject','Parameters':{'Bucket':'b','Key':'k'},"
      "'ReaderConfig':{'InputType':'JSON'}},'ItemProcessor':{'ProcessorConfig':{'Mode':'DISTRIBUTED','ExecutionType':"
      "'STANDARD'},'StartAt':'P','States':{'P':{'Type':'Pass','End':true}}},'End':true}",
      "{}", "{'M':[{'output':[1,2]}]}", "[1,2]" },
    { "no result at all", "T", TASK(LAMBDA, ""), "1", NULL, "!state \"T\": there is no result" },
    { "no result for this input", "T", TASK(LAMBDA, ""), "1", "{'T':[{'input':2,'output':3}]}",
      "!no result has this input: 1" },
    { "a name that is none", "T", TASK(LAMBDA, ""), "1", "{'U':[{'output':1}]}",
      "!$.U: no such Task state; the nearest is \"T\"" },
    { "no array", "T", TASK(LAMBDA, ""), "1", "{'T':{'output':1}}", "!$.T" },
    { "a key that is none", "T", TASK(LAMBDA, ""), "1", "{'T':[{'ouput':1}]}", "!output" },
    { "two results in one", "T", TASK(LAMBDA, ""), "1", "{'T':[{'output':1,'error':'E'}]}",
      "!$.T[0]: want one of" },
    { "what the service cannot answer", "T", TASK("arn:aws:states:::lambda:invoke", ""), "1",
      "{'T':[{'output':{'StatusCode':'200'}}]}", "!'StatusCode' must be a number" },
    { "waits for ever", "T", TASK(LAMBDA, ""), "1", "{'T':[{'pending':true}]}", "!nobody answers" },
    { "input that is no JSON", "P", "'P':{'Type':'Pass','End':true}", "{", NULL, "!" },
};

static char *quoted(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (copy)
        sr_test_quotes(copy);
    return copy;
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    json_error_t error;
    struct sr_clock_fake clock;
    sr_auto(engine_once_result) struct engine_once_result result = { 0 };
    sr_auto(char) char *states = quoted(row->states), *mock_text = quoted(row->mock);
    sr_auto(char) char *definition =
        sr_strf(&err, "{\"StartAt\":\"%s\",\"States\":{%s}}", row->start_at, states);
    sr_auto(json) json_t *mock = mock_text ? json_loads(mock_text, 0, &error) : NULL;
    assert_true(!mock_text || mock);
    sr_clock_fake_init(&clock, 1767225600000000);
    const struct engine_once_params params = { .definition = definition,
                                               .input = row->input,
                                               .mock = mock,
                                               .clock = &clock.clock,
                                               .fast = true };
    if (row->want[0] == '!') {
        assert_false(engine_once(&params, &result, &err));
        sr_assert_contains(err.message, row->want + 1);
        return;
    }
    sr_assert_ok(engine_once(&params, &result, &err), err);
    assert_int_equal(result.faults.count, 0);
    sr_auto(char) char *got = NULL;
    if (result.status == ASL_SUCCEEDED)
        sr_assert_ok(jx_dump(json_object_get(result.execution, "output"), false, &got, &err), err);
    else
        got = sr_strf(&err, "%s %s", asl_status_name(result.status),
                      json_string_value(json_object_get(result.execution, "error")));
    assert_string_equal(got, row->want);
    assert_true(json_array_size(result.events) > 2);
}

static void faults_come_back(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(engine_once_result) struct engine_once_result result = { 0 };
    const struct engine_once_params params = { .definition = "{}", .input = "{}" };
    sr_assert_ok(engine_once(&params, &result, &err), err);
    assert_true(result.faults.count > 0);
    assert_null(result.execution);
}

static void cancelled(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_cancel cancel;
    sr_auto(engine_once_result) struct engine_once_result result = { 0 };
    sr_cancel_init(&cancel, NULL, sr_clock_system(), INT64_MAX);
    sr_cancel_set(&cancel);
    const struct engine_once_params params = {
        .definition =
            "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":9999,\"End\":true}}}",
        .input = "{}",
        .cancel = &cancel
    };
    sr_assert_fails(engine_once(&params, &result, &err), SR_ERR_CANCELLED, err);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(faults_come_back);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(cancelled);
    return sr_test_run(__FILE__, tests, count);
}
