#include "cli/job_view.h"

#include "base/test.h"

#define RUNS(more) "{\"state\":\"RUNNING\",\"attempt\":1,\"progress\":{\"percent\":42" more "}}"
#define SEGMENTS(count, done, running, failed)                                                     \
    ",\"segments\":{\"count\":" count ",\"done\":" done ",\"running\":" running                    \
    ",\"failed\":" failed "}"

static const struct line_row {
    const char *name, *job;
    size_t columns;
    const char *want;
} line_rows[] = {
    { "not begun", "{\"state\":\"QUEUED\",\"attempt\":1,\"progress\":{\"percent\":0}}", 0,
      "QUEUED      0%" },
    { "runs", RUNS(SEGMENTS("30", "12", "4", "0") ",\"eta_s\":72"), 0,
      "RUNNING    42% segments 12/30 (4 running) ETA 0:01:12" },
    { "a bar", RUNS(SEGMENTS("10", "4", "2", "1")), 80,
      "RUNNING    42% segments 4/10 (2 running) (1 failed) [####>>!...]" },
    { "a bar of fewer cells", RUNS(SEGMENTS("1000", "500", "250", "0")), 58,
      "RUNNING    42% segments 500/1000 (250 running) [####>>..]" },
    { "no room", RUNS(SEGMENTS("30", "12", "4", "0")), 50,
      "RUNNING    42% segments 12/30 (4 running)" },
    { "numbers that cannot be", RUNS(SEGMENTS("3", "9", "4", "0")), 80,
      "RUNNING    42% segments 9/3 (4 running)" },
    { "hours", RUNS(",\"eta_s\":36061"), 0, "RUNNING    42% ETA 10:01:01" },
    { "another attempt", "{\"state\":\"QUEUED\",\"attempt\":3,\"progress\":{\"percent\":7}}", 80,
      "QUEUED      7% attempt 3" },
    { "failed",
      "{\"state\":\"FAILED\",\"attempt\":1,\"progress\":{\"percent\":2,\"eta_s\":9},"
      "\"error\":\"Splitreel.BadInput\",\"cause\":\"a.mov: no\"}",
      80, "FAILED      2% Splitreel.BadInput: a.mov: no" },
    { "empty", "{}", 80, "            0%" },
};

static void line(void **state)
{
    const struct line_row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *job = NULL;
    sr_auto(sr_str) struct sr_str out = { 0 };
    sr_assert_ok(jx_parse(row->job, strlen(row->job), false, &job, &err), err);
    sr_assert_ok(job_view_line(job, row->columns, &out, &err), err);
    assert_string_equal(out.text, row->want);
    assert_true(row->columns == 0 || out.bytes <= 80);
}

static const struct status_row {
    const char *name, *error;
    int status;
} status_rows[] = {
    { "SUCCEEDED", NULL, 0 },
    { "CANCELLED", NULL, 1 },
    { "RUNNING", NULL, 1 },
    { "FAILED", NULL, 1 },
    { "FAILED", "Splitreel.BadInput", 3 },
    { "FAILED", "Splitreel.BadRequest", 2 },
    { "FAILED", "Splitreel.StoreBusy", 4 },
    { "FAILED", "Splitreel.Verify", 5 },
    { "FAILED", "Splitreel.OutOfMemory", 7 },
    { "FAILED", "Splitreel.WorkerDied", 1 },
    { "FAILED", "Splitreel.TooLong", 7 },
    { "FAILED", "Splitreel.Cancelled", 1 },
    { "FAILED", "States.Timeout", 1 },
};

static void status(void **state)
{
    const struct status_row *row = *state;
    sr_auto(json) json_t *job = json_pack("{s:s,s:s*}", "state", row->name, "error", row->error);
    assert_int_equal(job_view_status(job), row->status);
}

static json_t *job_of(const char *state, int percent)
{
    return json_pack("{s:s,s:{s:i}}", "state", state, "progress", "percent", percent);
}

// What a view of this kind writes; the caller frees it.
static char *shows(enum progress_kind kind)
{
    static const struct {
        const char *state;
        int percent;
        int64_t second;
    } moments[] = { { "QUEUED", 0, 100 },  { "RUNNING", 1, 101 },    { "RUNNING", 2, 102 },
                    { "RUNNING", 3, 105 }, { "RUNNING", 4, 106 },    { "RUNNING", 5, 112 },
                    { "RUNNING", 6, 113 }, { "SUCCEEDED", 100, 114 } };
    struct sr_err err = { 0 };
    char *text = NULL;
    size_t bytes = 0;
    FILE *const file = open_memstream(&text, &bytes);
    struct job_view view = { .file = file, .kind = kind };
    for (size_t i = 0; i < SR_TEST_COUNT(moments); i++) {
        sr_auto(json) json_t *job = job_of(moments[i].state, moments[i].percent);
        sr_assert_ok(job_view_show(&view, job, moments[i].second * 1000000, &err), err);
    }
    job_view_end(&view);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void kinds(void **state)
{
    (void)state;
    sr_auto(char) char *plain = shows(PROGRESS_AUTO);  // no terminal
    assert_string_equal(plain, "QUEUED      0%\nRUNNING     1%\nRUNNING     4%\n"
                               "RUNNING     5%\nSUCCEEDED 100%\n");
    sr_auto(char) char *none = shows(PROGRESS_NONE);
    assert_string_equal(none, "");
    sr_auto(char) char *bar = shows(PROGRESS_BAR);
    sr_assert_contains(bar, "\r\033[KRUNNING     6%\r\033[KSUCCEEDED 100%\n");
    assert_null(strstr(bar, "RUNNING     6%\n"));
    sr_auto(char) char *json = shows(PROGRESS_JSON);
    sr_assert_contains(json, "{\"state\":\"RUNNING\",\"progress\":{\"percent\":6}}\n");
}

// A cause may hold what a file's name holds.
static void no_controls(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char *text = NULL;
    size_t bytes = 0;
    FILE *const file = open_memstream(&text, &bytes);
    struct job_view view = { .file = file, .kind = PROGRESS_PLAIN };
    sr_auto(json) json_t *job =
        json_pack("{s:s,s:s,s:s}", "state", "FAILED", "error", "E", "cause", "\033[2Jgone\nnext");
    sr_assert_ok(job_view_show(&view, job, 1, &err), err);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, "FAILED      0% E:  [2Jgone next\n");
    free(text);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(line_rows) + SR_TEST_COUNT(status_rows) + 2];
    size_t count = SR_TEST_ADD(tests, line_rows, line);
    count += SR_TEST_ADD(tests + count, status_rows, status);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(kinds);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(no_controls);
    return sr_test_run(__FILE__, tests, count);
}
