#include "transcode/audio_repair.h"

#include "base/test.h"

enum { NO_TIME = -1000000 };

// Pieces of 1024 samples at 48 kHz; the expected sum is of what is kept and inserted.
static const struct row {
    const char *name;
    int64_t tick_samples;
    int64_t positions[8];
    size_t count;
    int64_t silence, cut;
    enum audio_fault fault;  // of the last piece that had one
} rows[] = {
    { "contiguous", 1, { 0, 1024, 2048, 3072 }, 4, 0, 0, AUDIO_FAULT_NONE },
    { "any origin", 1, { -700, 324, 1348 }, 3, 0, 0, AUDIO_FAULT_NONE },
    { "no times", 1, { NO_TIME, NO_TIME, NO_TIME }, 3, 0, 0, AUDIO_FAULT_NONE },
    { "milliseconds jitter", 48, { 0, 1008, 2064, 3072 }, 4, 0, 0, AUDIO_FAULT_NONE },
    { "a frame to and fro", 1, { 0, 2048, 2048, 3072, 5120 }, 5, 0, 0, AUDIO_FAULT_NONE },
    { "a hole to the sample", 1, { 0, 1024, 96000, 97024 }, 4, 96000 - 2048, 0, AUDIO_FAULT_HOLE },
    { "just inside the tolerance", 0, { 0, 1024 + 1920, 2048 + 1920 }, 3, 0, 0, AUDIO_FAULT_NONE },
    { "just beyond it", 0, { 0, 1024 + 1921, 2048 + 1921 }, 3, 1921, 0, AUDIO_FAULT_HOLE },
    { "an overlap is cut to its end",
      1,
      { 0, 1024, 2048, -1000, 24, 1048, 2072, 3096 },
      8,
      0,
      4072,
      AUDIO_FAULT_OVERLAP },
    { "a clock that counts packets", 1, { 0, 12, 23, 35, 46, 58 }, 6, 0, 0, AUDIO_FAULT_CLOCK },
    { "a time three times, then right",
      1,
      { 0, 1024, 1024, 1024, 4096, 5120 },
      6,
      0,
      0,
      AUDIO_FAULT_CLOCK },
    { "a clock that starts again",
      1,
      { 960000, 961024, 5, 1029, 2053 },
      5,
      0,
      0,
      AUDIO_FAULT_JUMP },
    { "a clock from elsewhere",
      1,
      { 0, INT64_C(1) << 40, (INT64_C(1) << 40) + 1024 },
      3,
      0,
      0,
      AUDIO_FAULT_JUMP },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct audio_repair repair = { .rate = 48000, .tick_samples = row->tick_samples };
    int64_t silence = 0, cut = 0, kept = 0;
    enum audio_fault fault = AUDIO_FAULT_NONE;
    for (size_t i = 0; i < row->count; i++) {
        const bool has_time = row->positions[i] != NO_TIME;
        const struct audio_repair_step step =
            audio_repair_next(&repair, has_time, row->positions[i], 1024, false);
        silence += step.silence;
        cut += step.cut;
        kept += 1024 - step.cut;
        fault = step.fault ? step.fault : fault;
        assert_in_range(step.cut, 0, 1024);
    }
    assert_int_equal(silence, row->silence);
    assert_int_equal(cut, row->cut);
    assert_int_equal(fault, row->fault);
    const int64_t origin = row->positions[0] == NO_TIME ? 0 : row->positions[0];
    assert_int_equal(repair.expected - origin, silence + kept);
}

// Ten hours of 1024/44100 s rounded to milliseconds: not one sample more or less.
static void rounding_never_adds_up(void **state)
{
    (void)state;
    struct audio_repair repair = { .rate = 44100, .tick_samples = 45 };
    const int64_t count = INT64_C(36000) * 44100 / 1024;
    for (int64_t i = 0; i < count; i++) {
        const int64_t ms = (i * 1024 * 1000 + 22050) / 44100;
        const struct audio_repair_step step =
            audio_repair_next(&repair, true, ms * 44100 / 1000, 1024, false);
        assert_int_equal(step.fault, AUDIO_FAULT_NONE);
    }
    assert_int_equal(repair.expected, count * 1024);
}

// After a loss one frame's hole is real, though it would pass for jitter elsewhere.
static void strict_after_a_loss(void **state)
{
    (void)state;
    struct audio_repair repair = { .rate = 48000, .tick_samples = 1 };
    audio_repair_next(&repair, true, 0, 1024, false);
    const struct audio_repair_step step = audio_repair_next(&repair, true, 2048, 1024, true);
    assert_int_equal(step.fault, AUDIO_FAULT_HOLE);
    assert_int_equal(step.silence, 1024);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(rounding_never_adds_up);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(strict_after_a_loss);
    return sr_test_run(__FILE__, tests, count);
}
