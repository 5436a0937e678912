#include "base/test.h"

#include "cli/options.h"

enum { ID_INPUT = 1, ID_WORKERS, ID_YES, ID_CODEC };

static const struct option_row table[] = {
    { "i", "FILE", ID_INPUT, "the input" },
    { "workers", "N", ID_WORKERS, "threads" },
    { "w", "N", ID_WORKERS, NULL },
    { "y", NULL, ID_YES, "overwrite" },
    { "c:v", "CODEC", ID_CODEC, "video codec" },
    { NULL, NULL, 0, NULL },
};

static const struct row {
    const char *name;
    const char *argv[6];
    const char *want;  // "i=a|w=2|op|fail: words"
} rows[] = {
    { "nothing", { NULL }, "" },
    { "one dash and two", { "-workers", "2", "--workers", "3" }, "2=2|2=3|" },
    { "short and with a colon", { "-w", "2", "-c:v", "h264" }, "2=2|4=h264|" },
    { "equals", { "--workers=2", "-w=" }, "2=2|2=|" },
    { "a flag", { "-y", "--y" }, "3|3|" },
    { "operands between", { "a.mov", "-y", "-" }, "a.mov|3|-|" },
    { "a value that begins with a dash", { "-i", "-y" }, "1=-y|" },
    { "a value of two dashes", { "-i", "--", "-y" }, "1=--|3|" },
    { "operands behind two dashes", { "--", "-y", "--" }, "-y|--|" },
    { "an empty operand", { "" }, "|" },
    { "unknown",
      { "--wokers", "2" },
      "fail: --wokers: there is no such option; the nearest is --workers" },
    { "three dashes", { "---y" }, "fail: ---y: there is no such option" },
    { "no value", { "-y", "-i" }, "3|fail: -i: wants FILE after it" },
    { "a value for a flag", { "-y=1" }, "fail: -y=1: takes no value" },
};

struct taken {
    char text[600];
    size_t count, count_max;  // words; 0: any
};

static bool take(void *self, int id, const char *value, struct sr_err *err)
{
    struct taken *const taken = self;
    char *const end = taken->text + strlen(taken->text);
    const size_t room = sizeof(taken->text) - strlen(taken->text);
    if (taken->count_max && taken->count == taken->count_max)
        return sr_fail(err, SR_ERR_LIMIT, "too much");
    taken->count++;
    if (id == OPTIONS_ID_OPERAND)
        snprintf(end, room, "%s|", value);
    else
        snprintf(end, room, value ? "%d=%s|" : "%d|", id, value);
    return true;
}

static int count_of(const struct row *row)
{
    int count = 0;
    while (count < 6 && row->argv[count])
        count++;
    return count;
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    struct taken taken = { 0 };
    char *words[6], got[900];
    memcpy(words, row->argv, sizeof(words));
    const bool done = options_each(count_of(row), words, table, take, &taken, &err);
    assert_int_equal(err.code, done ? SR_OK : SR_ERR_INVALID);
    snprintf(got, sizeof(got), "%s%s%s", taken.text, done ? "" : "fail: ", done ? "" : err.message);
    if (strncmp(row->want, "fail", 4) == 0)
        sr_assert_contains(got, row->want);
    else
        assert_string_equal(got, row->want);
}

static void ends_at_the_first_word_that_is_refused(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct taken taken = { .count_max = 2 };
    char *words[] = { "a", "-y", "-w", "3", "--unknown" };
    sr_assert_fails(options_each(5, words, table, take, &taken, &err), SR_ERR_LIMIT, err);
    assert_string_equal(taken.text, "a|3|");
}

static void help_joins_spellings(void **state)
{
    (void)state;
    char *text = NULL;
    size_t bytes = 0;
    FILE *const file = open_memstream(&text, &bytes);
    assert_non_null(file);
    options_print(table, file);
    assert_int_equal(fclose(file), 0);
    sr_assert_contains(text, "  --workers, -w N         threads\n");
    sr_assert_contains(text, "  -c:v CODEC              video codec\n");
    free(text);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(ends_at_the_first_word_that_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(help_joins_spellings);
    return sr_test_run(__FILE__, tests, count);
}
