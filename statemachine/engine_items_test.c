#include "statemachine/engine_items.h"

#include "base/test.h"

static const struct row {
    const char *name, *config, *text, *want;  // want NULL: an error
} rows[] = {
    { "JSON array", "{}", "[1,{\"a\":2}]", "[1,{\"a\":2}]" },
    { "JSON object", "{}", "{\"a\":1}", "[{\"Key\":\"a\",\"Value\":1}]" },
    { "JSON below a pointer", "{\"ItemsPointer\":\"/x/1\"}", "{\"x\":[0,[7]]}", "[7]" },
    { "pointer to nothing", "{\"ItemsPointer\":\"/y\"}", "{\"x\":1}", NULL },
    { "a number", "{}", "1", NULL },
    { "no JSON", "{}", "[1", NULL },
    { "at most", "{\"MaxItems\":2}", "[1,2,3]", "[1,2]" },
    { "lines", "{\"InputType\":\"JSONL\"}", "{\"a\":1}\n\n[2]\r\n3", "[{\"a\":1},[2],3]" },
    { "a broken line", "{\"InputType\":\"JSONL\"}", "1\n{\n", NULL },
    { "CSV", "{\"InputType\":\"CSV\"}", "a,b\n1,2\r\n3,\"x, \"\"y\"\"\nz\"\n",
      "[{\"a\":\"1\",\"b\":\"2\"},{\"a\":\"3\",\"b\":\"x, \\\"y\\\"\\nz\"}]" },
    { "CSV with too few fields", "{\"InputType\":\"CSV\"}", "a,b\n1\n",
      "[{\"a\":\"1\",\"b\":\"\"}]" },
    { "CSV with given headers",
      "{\"InputType\":\"CSV\",\"CSVHeaderLocation\":\"GIVEN\",\"CSVHeaders\":[\"x\"],\"CSVDelimiter\":\"PIPE\"}",
      "1|2\n3", "[{\"x\":\"1\"},{\"x\":\"3\"}]" },
    { "CSV of headers only", "{\"InputType\":\"CSV\"}", "a,b\n", "[]" },
    { "CSV of nothing", "{\"InputType\":\"CSV\"}", "", "[]" },
    { "CSV without an end", "{\"InputType\":\"CSV\"}", "a\n\"1", NULL },
    { "CSV with more behind quotes", "{\"InputType\":\"CSV\"}", "a\n\"1\"x\n", NULL },
    { "another type", "{\"InputType\":\"PARQUET\"}", "", NULL },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    json_error_t error;
    sr_auto(json) json_t *config = json_loads(row->config, 0, &error), *items = NULL;
    const bool parsed = engine_items_parse(row->text, strlen(row->text), config, &items, &err);
    if (!row->want) {
        assert_false(parsed);
        return;
    }
    if (!parsed)
        fail_msg("%s", err.message);
    sr_auto(json) json_t *want = json_loads(row->want, 0, &error);
    if (!json_equal(want, items))
        fail_msg("%s", json_dumps(items, JSON_COMPACT));
}
SR_TEST_ROWS(rows, each_row)
