#include "pipeline/rule.h"

#include "base/str.h"
#include "base/test.h"

#define PATTERN "\"event_pattern\":{\"detail\":{\"object\":{\"key\":[{\"suffix\":\".mp4\"}]}}}"
#define EVENT                                                                                      \
    "{\"id\":\"e1\",\"detail\":{\"bucket\":{\"name\":\"in\"},\"object\":{\"key\":\"a.mp4\"}}}"

static struct rule *make(const char *text)
{
    struct sr_err err = { 0 };
    struct rule *rule = NULL;
    sr_auto(faults) struct faults faults = { 0 };
    sr_assert_ok(rule_parse("r1", text, strlen(text), &faults, &rule, &err), err);
    if (faults.count)
        fail_msg("%s: %s", faults.items[0].place, faults.items[0].message);
    assert_non_null(rule);
    return rule;
}

static json_t *event(void)
{
    struct sr_err err = { 0 };
    json_t *json = NULL;
    sr_assert_ok(jx_parse(EVENT, strlen(EVENT), false, &json, &err), err);
    return json;
}

static const struct row {
    const char *name, *text, *input;
    bool match;
} rows[] = {
    { "the event itself", "{" PATTERN ",\"target\":{\"state_machine\":\"m\"}}", EVENT, true },
    { "with comments", "{ // why\n" PATTERN ",\"target\":{\"state_machine\":\"m\"}}", EVENT, true },
    { "a part of it",
      "{" PATTERN ",\"target\":{\"state_machine\":\"m\"},\"input_path\":\"$.detail.bucket\"}",
      "{\"name\":\"in\"}", true },
    { "a constant", "{" PATTERN ",\"target\":{\"state_machine\":\"m\"},\"input\":[1,{\"a\":null}]}",
      "[1,{\"a\":null}]", true },
    { "transformed",
      "{" PATTERN
      ",\"target\":{\"state_machine\":\"m\"},\"input_transformer\":{\"InputPathsMap\":{\"k\":\"$.detail.object.key\"},"
      "\"InputTemplate\":\"{\\\"key\\\":<k>,\\\"rule\\\":\\\"<aws.events.rule-name>\\\"}\"}}",
      "{\"key\":\"a.mp4\",\"rule\":\"r1\"}", true },
    { "not enabled", "{" PATTERN ",\"enabled\":false,\"target\":{\"state_machine\":\"m\"}}", EVENT,
      false },
    { "another event",
      "{\"event_pattern\":{\"source\":[\"x\"]},\"target\":{\"state_machine\":\"m\"}}", EVENT,
      false },
    { "a schedule", "{\"schedule\":\"rate(1 hour)\",\"target\":{\"state_machine\":\"m\"}}", EVENT,
      false },
    { "a job",
      "{" PATTERN
      ",\"input_transformer\":{\"InputPathsMap\":{\"b\":\"$.detail.bucket.name\",\"k\":\"$.detail.object.key\"}},"
      "\"target\":{\"job\":{\"version\":1,\"input\":\"s3://<b>/<k>\",\"output\":\"s3://out/<k>\"}}}",
      "{\"version\":1,\"input\":\"s3://in/a.mp4\",\"output\":\"s3://out/a.mp4\"}", true },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    bool match = !row->match;
    sr_auto(rule) struct rule *rule = make(row->text);
    sr_auto(json) json_t *json = event();
    sr_auto(char) char *input = NULL;
    sr_assert_ok(rule_matches(rule, json, &match, &err), err);
    assert_int_equal(match, row->match);
    sr_assert_ok(rule_input(rule, "arn:r1", json, 0, &input, &err), err);
    assert_string_equal(input, row->input);
}

static const struct mistake {
    const char *name, *text, *fault;
} mistakes[] = {
    { "no JSON", "{", NULL },
    { "no object", "[]", "$: want an object" },
    { "nothing", "{}",
      "$: want one of event_pattern and schedule\n$.target: want {\"state_machine\": NAME} or {\"job\": MANIFEST}" },
    { "everything wrong",
      "{\"event_pattern\":{\"a\":7,\"b\":[{\"prefix\":1}]},\"time_zone\":\"UTC\",\"missed\":\"once\",\"enabled\":1,\"description\":2,"
      "\"target\":{\"state_machin\":\"m\"},\"inptu\":1,\"input\":1,\"input_path\":2}",
      "$.enabled: want true or false\n$.description: want a text\n"
      "$.inptu: there is no such key; the nearest is input\n"
      "$.time_zone: only a schedule has a time zone\n$.missed: only a schedule can be missed\n"
      "$.event_pattern.a: \"a\" must be an object or an array\n"
      "$.event_pattern.b[0].prefix: prefix match pattern must be a string\n"
      "$.target.state_machin: there is no such key; the nearest is state_machine\n"
      "$.target: want one of state_machine and job\n"
      "$: want at most one of input, input_path and input_transformer" },
    { "both", "{" PATTERN ",\"schedule\":\"rate(1 hour)\",\"target\":{\"state_machine\":\"m\"}}",
      "$: want one of event_pattern and schedule" },
    { "a bad schedule",
      "{\"schedule\":\"cron(0 0 * * * *)\",\"missed\":\"twice\",\"target\":{\"state_machine\":\"m\"}}",
      "$.missed: want \"once\" or \"skip\"\n$.schedule: one of day of month and day of week must be ?, the other not" },
    { "a bad zone",
      "{\"schedule\":\"cron(0 0 * * ? *)\",\"time_zone\":\"Mars/Base\",\"target\":{\"state_machine\":\"m\"}}",
      "$.time_zone: there is no time zone \"Mars/Base\" in /usr/share/zoneinfo" },
    { "no machine", "{" PATTERN ",\"target\":{\"state_machine\":\"\"}}",
      "$.target.state_machine: want a state machine's name or ARN" },
    { "a job with a template of its own",
      "{" PATTERN ",\"target\":{\"job\":{}},\"input_transformer\":{\"InputTemplate\":\"1\"}}",
      "$.input_transformer: a job's template is the manifest in target" },
    { "a job with an input", "{" PATTERN ",\"target\":{\"job\":{}},\"input\":1}",
      "$: a job's input is the manifest in target" },
    { "a bad path", "{" PATTERN ",\"target\":{\"state_machine\":\"m\"},\"input_path\":\"$$.x\"}",
      "$.input_path: a path begins with \"$.\"" },
};

static void each_mistake(void **state)
{
    const struct mistake *row = *state;
    struct sr_err err = { 0 };
    struct rule *rule = NULL;
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(sr_str) struct sr_str told = { 0 };
    sr_assert_ok(rule_parse("r1", row->text, strlen(row->text), &faults, &rule, &err), err);
    assert_null(rule);
    assert_true(faults.count > 0);
    for (size_t i = 0; i < faults.count; i++)
        sr_assert_ok(sr_str_addf(&told, &err, "%s%s: %s", i ? "\n" : "", faults.items[i].place,
                                 faults.items[i].message),
                     err);
    if (row->fault)
        assert_string_equal(sr_str_text(&told), row->fault);
}

static void bad_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "", "a b", "a/b", "\xc3\xbc",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    };
    static const char text[] = "{" PATTERN ",\"target\":{\"state_machine\":\"m\"}}";
    struct sr_err err = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++) {
        struct rule *rule = NULL;
        sr_auto(faults) struct faults faults = { 0 };
        sr_assert_ok(rule_parse(names[i], text, strlen(text), &faults, &rule, &err), err);
        assert_null(rule);
        sr_assert_contains(faults.items[0].message, "a rule's name");
    }
}

// What an event makes may still be no manifest.
static void a_job_that_is_none(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(rule) struct rule *rule = make(
        "{" PATTERN ",\"target\":{\"job\":{\"version\":1,\"input\":\"<aws.events.rule-name>\"}}}");
    sr_auto(json) json_t *json = event();
    char *input = NULL;
    sr_assert_fails(rule_input(rule, "arn:r1", json, 0, &input, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "the rule's manifest: ");
}

static void a_path_that_leads_nowhere(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(rule) struct rule *rule =
        make("{" PATTERN ",\"target\":{\"state_machine\":\"m\"},\"input_path\":\"$.nothing\"}");
    sr_auto(json) json_t *json = event();
    char *input = NULL;
    sr_assert_fails(rule_input(rule, "arn:r1", json, 0, &input, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "there is nothing at $.nothing");
}

static void scheduled(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *json = NULL;
    sr_auto(char) char *text = NULL;
    sr_assert_ok(rule_scheduled_event("id", "arn:r", "123456789012", "eu-west-1",
                                      INT64_C(1795342741456000), &json, &err),
                 err);
    sr_assert_ok(jx_dump(json, false, &text, &err), err);
    assert_string_equal(
        text,
        "{\"version\":\"0\",\"id\":\"id\",\"detail-type\":\"Scheduled Event\",\"source\":\"aws.events\","
        "\"account\":\"123456789012\",\"time\":\"2026-11-22T10:19:01Z\",\"region\":\"eu-west-1\","
        "\"resources\":[\"arn:r\"],\"detail\":{}}");
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

// All rules by name, or every fault of every file.
static void a_folder(void **state)
{
    (void)state;
    static const char good[] = "{" PATTERN ",\"target\":{\"state_machine\":\"m\"}}";
    struct sr_err err = { 0 };
    char folder[64];
    sr_test_folder(folder);
    put_file(folder, "b.json", good);
    put_file(folder, "a.json", good);
    put_file(folder, ".c.json", "hidden");
    put_file(folder, "notes.txt", "no rule");
    {
        sr_auto(faults) struct faults faults = { 0 };
        sr_auto(rules) struct rules rules = { 0 };
        sr_assert_ok(rules_load(folder, &faults, &rules, &err), err);
        assert_int_equal(faults.count, 0);
        assert_int_equal(rules.count, 2);
        assert_string_equal(rules.items[0]->name, "a");
        assert_string_equal(rules.items[1]->name, "b");
    }
    put_file(folder, "c.json", "{");
    put_file(folder, "d.json", "{" PATTERN "}");
    put_file(folder, "e.json", "{\"target\":{\"state_machine\":\"m\"}}");
    {
        sr_auto(faults) struct faults faults = { 0 };
        sr_auto(rules) struct rules rules = { 0 };
        sr_assert_ok(rules_load(folder, &faults, &rules, &err), err);
        assert_int_equal(rules.count, 0);
        assert_int_equal(faults.count, 3);
        sr_assert_contains(faults.items[0].file, "/c.json");
        sr_assert_contains(faults.items[1].file, "/d.json");
        sr_assert_contains(faults.items[2].file, "/e.json");
    }
    sr_test_folder_done(folder);
    sr_auto(faults) struct faults faults = { 0 };
    struct rules rules = { 0 };
    sr_assert_fails(rules_load(folder, &faults, &rules, &err), SR_ERR_NOT_FOUND, err);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(mistakes) + 5];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    count += SR_TEST_ADD(tests + count, mistakes, each_mistake);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(bad_names);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_job_that_is_none);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_path_that_leads_nowhere);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(scheduled);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_folder);
    return sr_test_run(__FILE__, tests, count);
}
