#include "cli/transfer_progress.h"

#include "base/test.h"

static const struct row {
    const char *name;
    uint64_t bytes, bytes_total;
    int64_t elapsed_us;
    const char *want;
} rows[] = {
    { "nothing yet", 0, 0, 0, "0.0 MiB" },
    { "half", 512 << 20, 1 << 30, 2000000,
      "512.0 of 1024.0 MiB, 50.0 %, 256.0 MiB/s, ETA 0:00:02" },
    { "too early for a speed", 1 << 20, 2 << 20, 999999, "1.0 of 2.0 MiB, 50.0 %" },
    { "a pipe", 3 << 20, 0, 1000000, "3.0 MiB, 3.0 MiB/s" },
    { "more than was said", 3 << 20, 1 << 20, 1000000, "3.0 MiB, 3.0 MiB/s" },
    { "nothing for long", 0, 1 << 20, 5000000, "0.0 of 1.0 MiB, 0.0 %" },
    { "hours", 1 << 20, 7300ULL << 20, 1000000,
      "1.0 of 7300.0 MiB, 0.0 %, 1.0 MiB/s, ETA 2:01:39" },
    { "the end", 1 << 20, 1 << 20, 1000000, "1.0 of 1.0 MiB, 100.0 %, 1.0 MiB/s, ETA 0:00:00" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str line = { 0 };
    sr_assert_ok(transfer_progress_line(row->bytes, row->bytes_total, row->elapsed_us, &line, &err),
                 err);
    assert_string_equal(sr_str_text(&line), row->want);
}

// A file that is no terminal shows nothing.
static void no_terminal(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct blob_moved moved = { 0 };
    struct transfer_progress *progress = NULL;
    FILE *file = tmpfile();
    assert_non_null(file);
    sr_assert_ok(transfer_progress_start(&moved, file, &progress, &err), err);
    assert_null(progress);
    transfer_progress_stop(progress);
    assert_int_equal(ftell(file), 0);
    assert_int_equal(fclose(file), 0);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(no_terminal);
    return sr_test_run(__FILE__, tests, count);
}
