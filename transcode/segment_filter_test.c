// What a segment's pictures become on their way: deinterlaced, at a declared rate, upright, in the
// asked for format; and that none of this sees the cuts.
#include "transcode/media_log.h"
#include "transcode/test_film.h"

// Fields ------------------------------------------------------------------------------------------

static void deinterlacing_does_not_see_the_seams(void **state)
{
    (void)state;
    static const struct clip fields = { "rawvideo", "", "yuv420p", "matroska", 160, 96,
                                        50,         1,  { 1, 25 }, 1,          0,   true };
    struct source source;
    source_open(&source, &fields);
    struct rendition asked = asked_for(0);  // lossless
    asked.deinterlace = true;
    struct rendition_video video = resolved(&source, &asked);
    assert_true(video.deinterlace && !video.is_interlaced);
    for (int with_rate = 0; with_rate < 2; with_rate++) {
        if (with_rate) {
            asked.fps = (struct media_rational){ 30000, 1001 };
            video = resolved(&source, &asked);
        }
        struct result one = { 0 }, many = { 0 };
        const struct way way = { SEGMENT_GRID, 500000, 500000, 1 };
        transcode(&source, &video, 1, &whole, &one);
        transcode(&source, &video, 1, &way, &many);
        assert_int_equal(many.count, 4);
        struct film *want = watch(&one), *got = watch(&many);
        assert_same_film(got, want);
        film_done(want);
        film_done(got);
        result_done(&one);
        result_done(&many);
    }
    source_close(&source);
}

static void kept_fields_are_signalled(void **state)
{
    (void)state;
    static const struct clip fields = { "ffv1", "level=3", "yuv420p", "matroska", 160, 96,
                                        12,     1,         { 1, 25 }, 1,          0,   true };
    struct source source;
    source_open(&source, &fields);
    const struct rendition asked = asked_for(20);
    const struct rendition_video video = resolved(&source, &asked);
    assert_true(video.is_interlaced && !video.deinterlace);
    struct result result = { 0 };
    transcode(&source, &video, 1, &whole, &result);
    struct film *film = watch(&result);
    assert_int_equal(film->count, 12);
    for (size_t i = 0; i < film->count; i++) {
        assert_true(film->seen[i].frame->interlaced_frame);
        assert_true(film->seen[i].frame->top_field_first);
    }
    film_done(film);
    result_done(&result);
    source_close(&source);
}

// A declared frame rate ---------------------------------------------------------------------------

static const struct clip lossless = { "rawvideo", "", "yuv420p", "matroska", 160, 96,
                                      50,         1,  { 1, 25 }, 1,          0,   false };

struct rate_row {
    const char *name;
    const struct clip *clip;
    struct media_rational fps;
};

static const struct rate_row rate_rows[] = {
    { "25 to 25", &lossless, { 25, 1 } },
    { "25 to 10", &lossless, { 10, 1 } },
    { "25 to 60", &lossless, { 60, 1 } },
    { "25 to 24000/1001", &lossless, { 24000, 1001 } },
    { "25 to 1, fewer than segments", &lossless, { 1, 1 } },
    { "vfr to 25", &vfr, { 25, 1 } },
    { "vfr to 30000/1001", &vfr, { 30000, 1001 } },
    { "ntsc in milliseconds to itself", &ntsc, { 30000, 1001 } },
    { "ntsc in milliseconds to 60000/1001", &ntsc, { 60000, 1001 } },
};

static void rate_is_one_grid_for_the_title(void **state)
{
    const struct rate_row *row = *state;
    struct source source;
    source_open(&source, row->clip);
    struct rendition asked = asked_for(20);
    asked.fps = row->fps;
    const struct rendition_video video = resolved(&source, &asked);
    assert_true(video.time_base.den % row->fps.num == 0);
    struct result one = { 0 }, many = { 0 };
    const struct way way = { SEGMENT_GRID, 500000, 500000, 1 };
    transcode(&source, &video, 1, &whole, &one);
    transcode(&source, &video, 1, &way, &many);
    assert_true(many.count >= 4);
    struct film *want = watch(&one), *got = watch(&many);
    check_parts(&many, (int64_t)want->count);
    // By hand: at n / fps, the latest picture that is not later; times of half a millisecond after
    // it are rounding.
    const double slack = strcmp(row->clip->container, "matroska") == 0 ? 0.0006 : 0.00005;
    const double tick = (double)row->clip->time_base.num / row->clip->time_base.den;
    const int64_t step = video.time_base.den / row->fps.num * row->fps.den;
    for (size_t i = 0; i < want->count; i++) {
        const double at = (double)i * row->fps.den / row->fps.num;
        int shown = 0;
        while (shown + 1 < row->clip->count &&
               (double)clip_time(row->clip, shown + 1) * tick <= at + slack)
            shown++;
        assert_int_equal(want->seen[i].pts, (int64_t)i * step);
        assert_int_equal(test_video_number(want->seen[i].frame), shown);
        assert_int_equal(got->seen[i].pts, want->seen[i].pts);
        assert_int_equal(test_video_number(got->seen[i].frame), shown);
    }
    assert_int_equal(got->count, want->count);
    const double seconds = (double)(source.table->end_pts - source.table->start_pts) *
                           source.table->time_base.num / source.table->time_base.den;
    const double frames = seconds * row->fps.num / row->fps.den;
    assert_true((double)want->count >= frames - 0.1 && (double)want->count < frames + 1);
    film_done(want);
    film_done(got);
    result_done(&one);
    result_done(&many);
    source_close(&source);
}

// Pictures ----------------------------------------------------------------------------------------

struct turn_row {
    const char *name;
    int rotation;
    bool is_mirrored;
};

static const struct turn_row turn_rows[] = {
    { "upright", 0, false },  { "by 90", 90, false },  { "by 180", 180, false },
    { "by 270", 270, false }, { "mirrored", 0, true }, { "mirrored, by 90", 90, true },
};

// Where the sample at x, y of the upright picture was in the source: mirrored first, then turned
// clockwise.
static void turned_from(const struct turn_row *row, int width, int height, int x, int y, int *ret_x,
                        int *ret_y)
{
    int from_x = x, from_y = y;
    if (row->rotation == 90) {
        from_x = y;
        from_y = height - 1 - x;
    } else if (row->rotation == 180) {
        from_x = width - 1 - x;
        from_y = height - 1 - y;
    } else if (row->rotation == 270) {
        from_x = width - 1 - y;
        from_y = x;
    }
    *ret_x = row->is_mirrored ? width - 1 - from_x : from_x;
    *ret_y = from_y;
}

static void rotation_is_applied(void **state)
{
    const struct turn_row *row = *state;
    static const struct clip odd = { "ffv1", "level=3", "yuv420p", "matroska", 161, 97,
                                     3,      1,         { 1, 25 }, 1,          0,   false };
    struct source source;
    source_open(&source, &odd);
    source.stream.video.rotation = row->rotation;
    source.stream.video.is_mirrored = row->is_mirrored;
    const struct rendition asked = asked_for(0);
    const struct rendition_video video = resolved(&source, &asked);
    const bool is_quarter = row->rotation == 90 || row->rotation == 270;
    assert_int_equal(video.width, is_quarter ? 96 : 160);
    assert_int_equal(video.height, is_quarter ? 160 : 96);
    struct result result = { 0 };
    transcode(&source, &video, 1, &whole, &result);
    struct film *film = watch(&result);
    assert_int_equal(film->count, 3);
    AVFrame *want = test_video_picture(AV_PIX_FMT_YUV420P, 161, 97, 2);
    const AVFrame *got = film->seen[2].frame;
    for (int y = 0; y < video.height; y++) {
        for (int x = 0; x < video.width; x++) {
            int from_x, from_y;
            turned_from(row, 160, 96, x, y, &from_x, &from_y);
            assert_int_equal(got->data[0][y * got->linesize[0] + x],
                             want->data[0][from_y * want->linesize[0] + from_x]);
        }
    }
    av_frame_free(&want);
    film_done(film);
    result_done(&result);
    source_close(&source);
}

struct format_row {
    const char *name;
    const char *from, *asked, *to;
    int transfer;
};

static const struct format_row format_rows[] = {
    { "8 bit stays", "yuv420p", "", "yuv420p", 1 },
    { "10 bit becomes 8", "yuv420p10le", "", "yuv420p", 1 },
    { "HDR keeps 10 bit", "yuv420p10le", "", "yuv420p10le", 16 },
    { "4:2:2 becomes 4:2:0", "yuv422p", "", "yuv420p", 1 },
    { "4:2:2 10 bit when asked", "yuv422p10le", "yuv422p10le", "yuv422p10le", 1 },
    { "4:4:4 when asked", "yuv444p", "yuv444p", "yuv444p", 1 },
    { "grey", "gray", "", "yuv420p", 1 },
    { "RGB", "bgr0", "", "yuv420p", 1 },
};

static void formats_follow_the_rule(void **state)
{
    const struct format_row *row = *state;
    const struct clip clip = { "ffv1", "level=3", row->from, "matroska", 160, 96,
                               3,      1,         { 1, 25 }, 1,          0,   false };
    const bool is_packed = strcmp(row->from, "bgr0") == 0;
    struct clip made = clip;
    if (is_packed)
        made.format =
            "yuv444p";  // the pictures' maker knows planes; the source below says what it is
    struct source source;
    source_open(&source, is_packed ? &made : &clip);
    assert_true(sr_format(source.stream.video.pixel_format, 32, "%s", row->from));
    source.stream.video.colour.transfer = row->transfer;
    struct rendition asked = asked_for(10);
    assert_true(sr_format(asked.pixel_format, 32, "%s", row->asked));
    const struct rendition_video video = resolved(&source, &asked);
    assert_string_equal(video.pixel_format, row->to);
    struct result result = { 0 };
    transcode(&source, &video, 1, &whole, &result);
    struct film *film = watch(&result);
    assert_int_equal(film->count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(film->seen[i].frame->format, av_get_pix_fmt(row->to));
        assert_int_equal(test_video_number(film->seen[i].frame), i);
    }
    film_done(film);
    result_done(&result);
    source_close(&source);
}

int main(void)
{
    static struct CMUnitTest
        tests[SR_TEST_COUNT(rate_rows) + SR_TEST_COUNT(turn_rows) + SR_TEST_COUNT(format_rows) + 2];
    media_log_init();
    size_t count = SR_TEST_ADD(tests, rate_rows, rate_is_one_grid_for_the_title);
    count += SR_TEST_ADD(tests + count, turn_rows, rotation_is_applied);
    count += SR_TEST_ADD(tests + count, format_rows, formats_follow_the_rule);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(deinterlacing_does_not_see_the_seams);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(kept_fields_are_signalled);
    return sr_test_run(__FILE__, tests, count);
}
