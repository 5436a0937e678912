#include "statemachine/asl_teststate.h"

#include "base/str.h"
#include "base/test.h"

static const struct row {
    const char *name, *request, *want;  // want: JSON of the answer, or the refusal's message
} rows[] = {
    { "pass",
      "{'definition':{'Type':'Pass','Result':{'a':1},'ResultPath':'$.r','Next':'N'},'input':'{}'}",
      "{'status':'SUCCEEDED','output':'{\\'r\\':{\\'a\\':1}}','nextState':'N'}" },
    { "choice without a match",
      "{'definition':{'Type':'Choice','Choices':[{'Variable':'$.a','IsNull':true,'Next':'N'}]},'input':'{\\'a\\':1}'}",
      "{'status':'FAILED','error':'States.NoChoiceMatched','cause':'No choice rule matched, and there is no Default.'}" },
    { "retriable",
      "{'definition':{'Type':'Task','Resource':'foo:bar','End':true,'Retry':[{'ErrorEquals':['E']}]},"
      "'mock':{'errorOutput':{'error':'E','cause':'c'}}}",
      "{'status':'RETRIABLE','error':'E','cause':'c'}" },
    { "caught",
      "{'definition':{'Type':'Task','Resource':'foo:bar','End':true,'Catch':[{'ErrorEquals':['E'],'Next':'C'}]},"
      "'mock':{'errorOutput':{'error':'E','cause':'c'}}}",
      "{'status':'CAUGHT_ERROR','error':'E','cause':'c','output':'{\\'Error\\':\\'E\\',\\'Cause\\':\\'c\\'}','nextState':'C'}" },
    { "a field of the wrong kind",
      "{'definition':{'Type':'Task','Resource':'arn:aws:states:::lambda:invoke','End':true},"
      "'mock':{'result':'{\\'StatusCode\\':\\'200\\'}'}}",
      "Mock result schema validation error: Field 'StatusCode' must be a number" },
    { "unless nobody looks",
      "{'definition':{'Type':'Task','Resource':'arn:aws:states:::lambda:invoke','End':true},"
      "'mock':{'fieldValidationMode':'NONE','result':'{\\'StatusCode\\':\\'200\\'}'}}",
      "{'status':'SUCCEEDED','output':'{\\'StatusCode\\':\\'200\\'}'}" },
    { "a required field",
      "{'definition':{'Type':'Task','Resource':'arn:aws:states:::states:startExecution','End':true},"
      "'mock':{'result':'{}'}}",
      "Mock result schema validation error: Required field 'ExecutionArn' is missing" },
    { "a task without a mock", "{'definition':{'Type':'Task','Resource':'foo:bar','End':true}}",
      "A mock must be specified for a Task state" },
    { "a state inside a Map",
      "{'definition':{'StartAt':'M','States':{'M':{'Type':'Map','End':true,'ItemProcessor':{'StartAt':'P','States':{'P':{"
      "'Type':'Pass','Parameters':{'v.$':'$$.Map.Item.Value'},'End':true}}}}}},'stateName':'P','input':'7'}",
      "{'status':'SUCCEEDED','output':'{\\'v\\':7}'}" },
    { "no JSON", "{'definition':{'Type':'Pass','End':true},'input':'{'}",
      "Invalid input: it must be valid JSON" },
    { "no such state",
      "{'definition':{'StartAt':'S','States':{'S':{'Type':'Succeed'}}},'stateName':'T'}",
      "State not found in definition" },
};

// Single quotes stand for double ones.
static json_t *read_text(const char *text)
{
    char copy[2048];
    snprintf(copy, sizeof copy, "%s", text);
    sr_test_quotes(copy);
    json_error_t error;
    json_t *json = json_loads(copy, 0, &error);
    if (!json)
        fail_msg("%s: %s", copy, error.text);
    return json;
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *request = read_text(row->request), *got = NULL;
    sr_auto(asl_failure) struct asl_failure refusal = { 0 };
    const struct asl_teststate_params params = { .request = request, .now_us = 1, .seed = 1 };
    sr_assert_ok(asl_teststate(&params, &got, &refusal, &err), err);
    if (*row->want != '{') {
        assert_null(got);
        assert_string_equal(refusal.error, "ValidationException");
        assert_string_equal(refusal.cause, row->want);
        return;
    }
    if (!got)
        fail_msg("%s", refusal.cause);
    sr_auto(json) json_t *want = read_text(row->want);
    if (!json_equal(want, got))
        fail_msg("%s", json_dumps(got, 0));
}
SR_TEST_ROWS(rows, each_row)
