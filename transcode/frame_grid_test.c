#include "transcode/frame_grid.h"

#include "base/test.h"

struct row {
    const char *name;
    struct frame_grid grid;
    int64_t pts, first;
};

static const struct row rows[] = {
    { "the start", { { 25, 1 }, { 1, 90000 }, 900 }, 900, 0 },
    { "before the start", { { 25, 1 }, { 1, 90000 }, 900 }, 0, 0 },
    { "on the grid", { { 25, 1 }, { 1, 90000 }, 0 }, 3600 * 7, 7 },
    { "rounded up to the grid", { { 30000, 1001 }, { 1, 1000 }, 0 }, 67, 2 },
    { "rounded down from the grid", { { 30000, 1001 }, { 1, 1000 }, 0 }, 33, 1 },
    { "clearly after the grid", { { 25, 1 }, { 1, 1000 }, 0 }, 41, 2 },
    { "coarse ticks are exact", { { 50, 1 }, { 1, 25 }, 0 }, 1, 2 },
    { "coarse ticks, slower", { { 10, 1 }, { 1, 25 }, 0 }, 3, 2 },
    { "negative start", { { 25, 1 }, { 1, 1000 }, -1000 }, 0, 25 },
    { "far away", { { 1000, 1 }, { 1, 1 }, 0 }, INT64_MAX / 4, INT64_MAX / 4 },
};

static void first_frame_of_a_time(void **state)
{
    const struct row *row = *state;
    assert_int_equal(frame_grid_first(&row->grid, row->pts), row->first);
}

// Cuts anywhere: the frames of all segments together are those of the whole, for each rate and
// tick.
static void segments_share_the_frames_out(void **state)
{
    (void)state;
    static const struct media_rational rates[] = {
        { 1, 1 }, { 24, 1 }, { 30000, 1001 }, { 60, 1 }, { 1000, 1 }
    };
    static const struct media_rational ticks[] = {
        { 1, 25 }, { 1001, 30000 }, { 1, 1000 }, { 1, 90000 }
    };
    for (size_t r = 0; r < SR_TEST_COUNT(rates); r++) {
        for (size_t t = 0; t < SR_TEST_COUNT(ticks); t++) {
            const struct frame_grid grid = { rates[r], ticks[t], 12345 };
            int64_t before = 0;
            for (int64_t pts = 12345; pts < 12345 + 3000; pts++) {
                const int64_t first = frame_grid_first(&grid, pts);
                assert_true(first >= before);
                // Not a whole frame early, not a whole frame late.
                const double at = (double)(pts - 12345) * ticks[t].num / ticks[t].den *
                                  rates[r].num / rates[r].den;
                assert_true((double)first > at - 0.51 && (double)first < at + 1);
                before = first;
            }
        }
    }
}

struct count_row {
    const char *name;
    struct frame_grid grid;
    int64_t end_pts, count;
};

static const struct count_row count_rows[] = {
    { "60 s at 25", { { 25, 1 }, { 1, 12800 }, 0 }, 768000, 1500 },
    { "60 s at 25, ticks of a frame", { { 25, 1 }, { 1, 25 }, 100 }, 1600, 1500 },
    { "60 s at 50, ticks of two frames", { { 50, 1 }, { 1, 25 }, 0 }, 1500, 3000 },
    // 100 pictures of 24 fps: the last at 4125, lasting 42.
    { "milliseconds", { { 24, 1 }, { 1, 1000 }, 0 }, 4167, 100 },
    { "milliseconds, more than rounding", { { 24, 1 }, { 1, 1000 }, 0 }, 4167 + 1, 101 },
    { "one short picture", { { 1, 1 }, { 1, 1000 }, 0 }, 1, 1 },
    { "nothing", { { 25, 1 }, { 1, 1000 }, 5 }, 5, 0 },
};

static void frames_of_the_title(void **state)
{
    const struct count_row *row = *state;
    assert_int_equal(frame_grid_count(&row->grid, row->end_pts), row->count);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(count_rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, first_frame_of_a_time);
    count += SR_TEST_ADD(tests + count, count_rows, frames_of_the_title);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(segments_share_the_frames_out);
    return sr_test_run(__FILE__, tests, count);
}
