#include "statemachine/asl_pattern.h"

#include "base/test.h"

static const struct row {
    const char *name, *pattern, *text;
    int want;  // -1: no pattern
} rows[] = {
    { "letters", "abc", "abc", 1 },
    { "the whole text", "ab", "abc", 0 },
    { "star of nothing", "a*", "", 1 },
    { "star", "a*b", "aaab", 1 },
    { "plus wants one", "a+", "", 0 },
    { "question mark", "colou?r", "color", 1 },
    { "dot", "a.c",
      "a\xe2\x82\xac"
      "c",
      1 },
    { "dot is no line", "a.c", "a\nc", 0 },
    { "choice", "foo|bar|baz", "bar", 1 },
    { "empty choice", "(a|)b", "b", 1 },
    { "group", "(ab)+c", "ababc", 1 },
    { "bare group", "(?:ab)+", "abab", 1 },
    { "counted", "a{2,3}", "aaaa", 0 },
    { "counted in bounds", "a{2,3}", "aaa", 1 },
    { "counted without end", "a{2,}", "aaaaaa", 1 },
    { "counted group", "(ab){2}", "abab", 1 },
    { "class", "[a-c_]+", "ab_c", 1 },
    { "negated class", "[^0-9]+", "ab1", 0 },
    { "digits", "\\d{4}-\\d\\d", "2024-05", 1 },
    { "no digits", "\\D+", "ab", 1 },
    { "words in a class", "[\\w.]+", "a.b_9", 1 },
    { "blanks", "a\\s+b", "a \tb", 1 },
    { "escaped", "a\\.b\\/c", "a.b/c", 1 },
    { "anchors", "^ab$", "ab", 1 },
    { "an anchor in the middle", "a^b", "ab", 0 },
    { "lazy", ".*?b", "aab", 1 },
    { "closing bracket first", "[]a]+", "]a", 1 },
    { "stars of stars", "(a*)*(a*)*", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 0 },
    { "many pluses", "a++++++++++++++++++++", "aaa", 1 },
    { "counts in counts", "((a{9}){9}){99}", "a", -1 },
    { "back reference", "(a)\\1", "aa", -1 },
    { "look ahead", "a(?=b)", "ab", -1 },
    { "no end of a class", "[a", "a", -1 },
    { "no end of a group", "(a", "a", -1 },
    { "a bracket too many", "a)", "a", -1 },
    { "a repeat of nothing", "*a", "a", -1 },
    { "a range backwards", "[b-a]", "a", -1 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(asl_pattern) struct asl_pattern *pattern = NULL;
    const bool parsed =
        asl_pattern_parse(row->pattern, strlen(row->pattern), false, &pattern, &err);
    assert_int_equal(parsed, row->want != -1);
    if (parsed)
        assert_int_equal(asl_pattern_matches(pattern, row->text), row->want);
}

static void cases_may_not_count(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(asl_pattern) struct asl_pattern *pattern = NULL;
    sr_assert_ok(asl_pattern_parse("aB[c-d]", 7, true, &pattern, &err), err);
    assert_true(asl_pattern_matches(pattern, "AbD"));
    assert_false(asl_pattern_matches(pattern, "AbE"));
}

static void long_texts_do_not_match(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(asl_pattern) struct asl_pattern *pattern = NULL;
    char *text = calloc(1, ASL_PATTERN_SUBJECT_MAX + 2);
    memset(text, 'a', ASL_PATTERN_SUBJECT_MAX);
    sr_assert_ok(asl_pattern_parse("(a|a)*", 6, false, &pattern, &err), err);
    assert_true(asl_pattern_matches(pattern, text));
    text[ASL_PATTERN_SUBJECT_MAX] = 'a';
    assert_false(asl_pattern_matches(pattern, text));
    free(text);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(cases_may_not_count);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(long_texts_do_not_match);
    return sr_test_run(__FILE__, tests, count);
}
