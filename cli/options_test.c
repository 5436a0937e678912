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

static void each_row(void **state)
{
    const struct row *row = *state;
    char got[600] = "";
    int argc = 0;
    while (argc < 6 && row->argv[argc])
        argc++;
    char *words[6];
    memcpy(words, row->argv, sizeof(words));
    struct options options = { .argc = argc, .argv = words, .rows = table };
    for (;;) {
        const struct option_row *found = NULL;
        const char *value = NULL;
        struct sr_err err = { 0 };
        const enum options_next next = options_next(&options, &found, &value, &err);
        char *const end = got + strlen(got);
        const size_t room = sizeof(got) - strlen(got);
        if (next == OPTIONS_OPTION)
            snprintf(end, room, value ? "%d=%s|" : "%d|", found->id, value);
        else if (next == OPTIONS_OPERAND)
            snprintf(end, room, "%s|", value);
        else if (next == OPTIONS_FAILED)
            snprintf(end, room, "fail: %s", err.message);
        if (next == OPTIONS_FAILED)
            assert_int_equal(err.code, SR_ERR_INVALID);
        if (next == OPTIONS_END || next == OPTIONS_FAILED)
            break;
    }
    if (strncmp(row->want, "fail", 4) == 0)
        sr_assert_contains(got, row->want);
    else
        assert_string_equal(got, row->want);
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
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(help_joins_spellings);
    return sr_test_run(__FILE__, tests, count);
}
