#include "transcode/media_err.h"

#include <libavutil/error.h>

#include "base/test.h"

static const struct row {
    const char *name;
    int averror;
    enum sr_err_code code;
    const char *text;
} rows[] = {
    { "no memory", AVERROR(ENOMEM), SR_ERR_NO_MEMORY, "f.mp4: open: Cannot allocate memory" },
    { "interrupted", AVERROR_EXIT, SR_ERR_CANCELLED, "f.mp4: open: Immediate exit requested" },
    { "timed out", AVERROR(ETIMEDOUT), SR_ERR_TIMEOUT, "f.mp4: open: " },
    { "disk", AVERROR(EIO), SR_ERR_STORAGE, "f.mp4: open: Input/output error" },
    { "disk full", AVERROR(ENOSPC), SR_ERR_STORAGE, "f.mp4: open: No space left" },
    { "no decoder", AVERROR_DECODER_NOT_FOUND, SR_ERR_UNSUPPORTED, "Decoder not found" },
    { "not written yet", AVERROR_PATCHWELCOME, SR_ERR_UNSUPPORTED, "Not yet implemented" },
    { "its bug", AVERROR_BUG, SR_ERR_INTERNAL, "Internal bug" },
    { "bad data", AVERROR_INVALIDDATA, SR_ERR_INPUT, "Invalid data found" },
    { "a decoder's -1", -1, SR_ERR_INPUT, "f.mp4: open: Invalid data found" },
    { "bad argument", AVERROR(EINVAL), SR_ERR_INPUT, "Invalid argument" },
    { "end", AVERROR_EOF, SR_ERR_INPUT, "f.mp4: open: ends too early" },
    { "unknown number", -123456789, SR_ERR_INPUT, "Error number -123456789" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    assert_false(media_fail(&err, row->averror, "%s: %s", "f.mp4", "open"));
    assert_int_equal(err.code, row->code);
    assert_int_equal(err.native, row->averror);
    sr_assert_contains(err.message, row->text);
    sr_assert_contains(err.origin, "media_err_test.c:");
}

static void long_names_are_cut(void **state)
{
    (void)state;
    char name[1000];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct sr_err err = { 0 };
    assert_false(media_fail(&err, AVERROR_INVALIDDATA, "%s", name));
    assert_int_equal(err.code, SR_ERR_INPUT);
    assert_true(strlen(err.message) < sizeof(err.message));
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(long_names_are_cut);
    return sr_test_run(__FILE__, tests, count);
}
