#include "statemachine/asl_check.h"

#include "base/jx.h"
#include "base/test.h"
#include "statemachine/asl_parse.h"

#define ONE(state) "{\"StartAt\":\"S\",\"States\":{\"S\":" state "}}"

static const struct row {
    const char *name, *definition;
    enum asl_machine_type type;
    const char *want;  // "CODE location: message", one a line; empty: valid
} rows[] = {
    { "valid", ONE("{\"Type\":\"Pass\",\"End\":true}"), ASL_STANDARD, "" },
    { "nothing", "{}", ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED /: These fields are required: [States, StartAt]\n" },
    { "blank", " ", ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED -: Definition must be a valid JSON object\n" },
    { "an array", "[]", ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED -: Definition must be a valid JSON object\n" },
    { "no JSON", "not a definition", ASL_STANDARD,
      "INVALID_JSON_DESCRIPTION [Source: (String)\"not a definition\"; line: 1, column: 4]: Unrecognized token 'not': was "
      "expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: (String)\"not a "
      "definition\"; line: 1, column: 4]\n" },
    { "unknown type", ONE("{\"Type\":\"X\",\"End\":true}"), ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED /States/S/Type: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, "
      "Fail, Choice, Parallel, Map]\n" },
    { "every fault at once",
      ONE("{\"Type\":\"Wait\",\"Seconds\":-1,\"InputPath\":\"x\",\"Foo\":1,\"Next\":\"T\"}"),
      ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED /States/S/Seconds: Value is less than the minimum of 0\n"
      "SCHEMA_VALIDATION_FAILED /States/S/InputPath: Value is not a valid JSONPath: a path begins with '$' at character 1\n"
      "SCHEMA_VALIDATION_FAILED /States/S/Foo: Field 'Foo' is not supported\n"
      "MISSING_TRANSITION_TARGET /States/S/Next: Missing 'Next' target: T\n" },
    { "unreachable",
      "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"},\"B\":{\"Type\":\"Succeed\"}}}",
      ASL_STANDARD, "MISSING_TRANSITION_TARGET /States/B: State \"B\" is not reachable.\n" },
    { "template", ONE("{\"Type\":\"Pass\",\"Parameters\":{\"p.$\":\"x\"},\"End\":true}"),
      ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED /States/S/Parameters: The value for the field 'p.$' must be a valid JSONPath or a valid "
      "intrinsic function call\n" },
    { "timestamp", ONE("{\"Type\":\"Wait\",\"Timestamp\":\"soon\",\"End\":true}"), ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED /States/S/Timestamp: String does not match RFC3339 timestamp\n" },
    { "resource",
      ONE("{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::dynamodb:query\",\"End\":true}"),
      ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED /States/S/Resource: The resource provided arn:aws:states:::dynamodb:query is not recognized. "
      "The value is not a valid resource ARN, or the resource is not available in this region.\n" },
    { "express and sync",
      ONE("{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::states:startExecution.sync\",\"End\":true}"),
      ASL_EXPRESS,
      "SCHEMA_VALIDATION_FAILED /States/S/Resource: Express state machine does not support '.sync' service integration\n" },
    { "JSONata", ONE("{\"Type\":\"Pass\",\"QueryLanguage\":\"JSONata\",\"Output\":1,\"End\":true}"),
      ASL_STANDARD,
      "UNSUPPORTED_QUERY_LANGUAGE /States/S/QueryLanguage: QueryLanguage 'JSONata' is not supported yet\n" },
    { "States.ALL not alone",
      ONE("{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"End\":true,\"Retry\":[{\"ErrorEquals\":[\"States.ALL\",\"X\"]}]}"),
      ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED /States/S/Retry[0]/ErrorEquals: 'States.ALL' must appear alone\n" },
    { "empty branches", ONE("{\"Type\":\"Parallel\",\"Branches\":[],\"End\":true}"), ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED /States/S/Branches: Value cannot be empty\n" },
    { "credentials",
      ONE("{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"Credentials\":{},\"End\":true}"),
      ASL_STANDARD,
      "SCHEMA_VALIDATION_FAILED /States/S/Credentials: The field 'RoleArn' is required but was missing\n" },
    { "same name in a branch",
      ONE("{\"Type\":\"Parallel\",\"End\":true,\"Branches\":[{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Succeed\"}}}]}"),
      ASL_STANDARD,
      "DUPLICATE_STATE_NAME /States/S/Branches[0]/States/S: Duplicate state name: S\n" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    sr_auto(asl_def) struct asl_def *def = NULL;
    sr_auto(sr_str) struct sr_str got = { 0 };
    sr_assert_ok(
        asl_parse_text(row->definition, strlen(row->definition), row->type, &faults, &def, &err),
        err);
    for (size_t i = 0; i < faults.count; i++) {
        const struct asl_fault *fault = &faults.items[i];
        sr_assert_ok(sr_str_addf(&got, &err, "%s %s: %s\n", fault->code,
                                 fault->location ? fault->location : "-", fault->message),
                     err);
    }
    assert_string_equal(sr_str_text(&got), row->want);
    assert_int_equal(def != NULL, faults.count == 0);
}

static void faults_have_a_limit(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *states = json_object();
    for (int i = 0; i < 2000; i++) {
        char name[16];
        snprintf(name, sizeof name, "S%d", i);
        json_object_set_new(states, name, json_integer(i));
    }
    sr_auto(json) json_t *definition = json_pack("{s:s, s:O}", "StartAt", "S0", "States", states),
                         *report = NULL;
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    sr_assert_ok(asl_check(definition, ASL_STANDARD, &faults, &err), err);
    assert_int_equal(faults.count, ASL_FAULTS_MAX);
    assert_true(faults.truncated);
    sr_assert_ok(asl_faults_to_json(&faults, &report, &err), err);
    assert_string_equal(json_string_value(json_object_get(report, "result")), "FAIL");
    assert_true(json_is_true(json_object_get(report, "truncated")));
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(faults_have_a_limit);
    return sr_test_run(__FILE__, tests, count);
}
