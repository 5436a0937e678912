#include "service/states_arn.h"

#include "base/test.h"

#define P "arn:aws:states:eu-west-1:1:"

static const struct row {
    const char *name, *text;
    enum states_arn_result result;
    enum states_arn_kind kind;
    const char *part, *qualifier;
    size_t base_bytes;
} rows[] = {
    { "machine", P "stateMachine:m", STATES_ARN_OK, STATES_ARN_MACHINE, "m", "", 41 },
    { "version", P "stateMachine:m:12", STATES_ARN_OK, STATES_ARN_VERSION, "m", "12", 41 },
    { "alias", P "stateMachine:m:a1", STATES_ARN_OK, STATES_ARN_ALIAS, "m", "a1", 41 },
    { "labelled", P "stateMachine:m/L", STATES_ARN_OK, STATES_ARN_LABELLED, "m/L", "", 43 },
    { "execution", P "execution:m:e.1", STATES_ARN_OK, STATES_ARN_EXECUTION, "m", "e.1", 38 },
    { "express", P "express:m:e:u", STATES_ARN_OK, STATES_ARN_EXPRESS, "m", "e:u", 36 },
    { "map run", P "mapRun:m/L:u", STATES_ARN_OK, STATES_ARN_MAP_RUN, "m/L", "u", 37 },
    { "activity", P "activity:a", STATES_ARN_OK, STATES_ARN_ACTIVITY, "a", "", 37 },
    { "another partition", "arn:aws-cn:states:cn-north-1:1:activity:a", STATES_ARN_OK,
      STATES_ARN_ACTIVITY, "a", "", 41 },
    { "nothing", "", STATES_ARN_NO_PREFIX, 0, NULL, NULL, 0 },
    { "a word", "m", STATES_ARN_NO_PREFIX, 0, NULL, NULL, 0 },
    { "colons alone", "::::::", STATES_ARN_NO_PREFIX, 0, NULL, NULL, 0 },
    { "another service", "arn:aws:sqs:eu-west-1:1:activity:a", STATES_ARN_NO_PREFIX, 0, NULL, NULL,
      0 },
    { "no type's name", P "activity:", STATES_ARN_NO_PREFIX, 0, NULL, NULL, 0 },
    { "a type alone", P "activity", STATES_ARN_BAD_TYPE, 0, NULL, NULL, 0 },
    { "an unknown type", P "robot:a", STATES_ARN_BAD_TYPE, 0, NULL, NULL, 0 },
    { "activity with more", P "activity:a:b", STATES_ARN_NO_PREFIX, 0, NULL, NULL, 0 },
    { "version with more", P "stateMachine:m:1:2", STATES_ARN_NO_PREFIX, 0, NULL, NULL, 0 },
    { "empty qualifier", P "stateMachine:m:", STATES_ARN_NO_PREFIX, 0, NULL, NULL, 0 },
    { "execution without a name", P "execution:m", STATES_ARN_NO_PREFIX, 0, NULL, NULL, 0 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct states_arn arn = { 0 };
    assert_int_equal(states_arn_parse(row->text, &arn), row->result);
    if (row->result != STATES_ARN_OK)
        return;
    assert_int_equal(arn.kind, row->kind);
    assert_string_equal(arn.name, row->part);
    assert_string_equal(arn.qualifier, row->qualifier);
    assert_int_equal(arn.base_bytes, row->base_bytes);
}

static void parts_that_are_too_long(void **state)
{
    (void)state;
    char text[1024] = P "activity:";
    struct states_arn arn;
    const size_t start = strlen(text);
    memset(text + start, 'a', STATES_ARN_PART_MAX);
    assert_int_equal(states_arn_parse(text, &arn), STATES_ARN_OK);
    text[start + STATES_ARN_PART_MAX] = 'a';
    assert_int_equal(states_arn_parse(text, &arn), STATES_ARN_NO_PREFIX);
}

static void names(void **state)
{
    (void)state;
    static const char *const good[] = { "a", "a-b_c.d", "\xc3\xa4", "(a)", "a=b+c@d!'" };
    static const char *const bad[] = {
        "",     "a b",  "a\tb", "<", ">",  "{",    "}",    "[",        "]",        "?",
        "*",    "\"",   "#",    "%", "\\", "^",    "|",    "~",        "`",        "$",
        "&",    ",",    ";",    ":", "/",  "\x7f", "\x01", "\xc2\x80", "\xc2\x9f", "\xef\xbf\xbe",
        "\xff", "a\xc3"
    };
    for (size_t i = 0; i < SR_TEST_COUNT(good); i++)
        assert_true(states_name_ok(good[i], strlen(good[i])));
    for (size_t i = 0; i < SR_TEST_COUNT(bad); i++)
        assert_false(states_name_ok(bad[i], strlen(bad[i])));
    assert_false(states_name_ok("a\0b", 3));
    assert_true(states_alias_name_ok("1a") && states_alias_name_ok("-") &&
                states_alias_name_ok("1.0"));
    assert_false(states_alias_name_ok("12") || states_alias_name_ok("a b") ||
                 states_alias_name_ok("a:"));
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(parts_that_are_too_long);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(names);
    return sr_test_run(__FILE__, tests, count);
}
