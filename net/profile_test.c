#include "net/profile.h"

#include "base/str.h"
#include "base/test.h"

static const char text[] = "top = outside\n"
                           "# comment\n"
                           "[default]\n"
                           "region = eu-1\r\n"
                           "empty =\n"
                           "twice = first\n"
                           "twice = second\n"
                           "s3 =\n"
                           "  region = nested\n"
                           "with = a = b ; c\n"
                           "; region = comment\n"
                           "[profile work]\n"
                           "region=us-2\n"
                           "[ profile\todd name ]\n"
                           "region = odd\n"
                           "[plain]\n"
                           "region = plain\n"
                           "[broken\n"
                           "region = broken\n"
                           "[default]\n"
                           "late = yes";

static const struct row {
    const char *name;
    const char *profile;
    bool config;
    const char *key;
    const char *want;  // NULL: none
} rows[] = {
    { "value", "default", true, "region", "eu-1" },
    { "the same in the other file", "default", false, "region", "eu-1" },
    { "empty value", "default", true, "empty", "" },
    { "the last wins", "default", true, "twice", "second" },
    { "equals in a value", "default", true, "with", "a = b ; c" },
    { "a section that goes on", "default", true, "late", "yes" },
    { "absent", "default", true, "nothing", NULL },
    { "outside of sections", "default", true, "top", NULL },
    { "named profile", "work", true, "region", "us-2" },
    { "named profile in the other file", "work", false, "region", NULL },
    { "white space in the name", "odd name", true, "region", "odd" },
    { "without the word profile", "plain", true, "region", NULL },
    { "and in the file that has none", "plain", false, "region", "plain" },
    { "no bracket", "broken", false, "region", NULL },
    { "no such profile", "other", true, "region", NULL },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(char) char *value = NULL;
    sr_assert_ok(profile_value(text, row->profile, row->config, row->key, &value, &err), err);
    if (row->want)
        assert_string_equal(value, row->want);
    else
        assert_null(value);
}

static void existence(void **state)
{
    (void)state;
    assert_true(profile_exists(text, "work", true));
    assert_false(profile_exists(text, "work", false));
    assert_true(profile_exists(text, "plain", false));
    assert_false(profile_exists(text, "broken", false));
    assert_false(profile_exists("", "default", true));
    assert_false(profile_exists("[]", "default", true));
    assert_false(profile_exists("[", "default", true));
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(existence);
    return sr_test_run(__FILE__, tests, count);
}
