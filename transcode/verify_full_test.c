// Outputs against a source, without documents: pictures and sound that are wrong in one place.
#include "transcode/media_log.h"
#include "transcode/test_title.h"
#include "transcode/verify_priv.h"

enum { HALF_SECOND_US = 500000 };

static int repeated(int n)
{
    return n == 40 ? 39 : n;
}
static int swapped(int n)
{
    return n == 70 ? 71 : n == 71 ? 70 : n;
}
static int foreign(int n)
{
    return n == 100 ? 3000 : n;
}
static int one_ahead(int n)
{
    return n + 1;
}

// The source of them all, made once.
static uint8_t *right_data;
static size_t right_bytes;

static void compare(const struct title_params *output, const struct verify_full_params *how,
                    bool is_fragmented, struct verify_result *ret)
{
    uint8_t *data;
    size_t bytes;
    struct title title;
    struct media_source files[2] = { { .name = "in.mp4" }, { .name = "out.mp4" } };
    struct sr_err err = { 0 };
    make_title(&title, output);
    mux_title(&title, is_fragmented, &data, &bytes);
    title_done(&title);
    sr_assert_ok(sr_memory_reader_open(right_data, right_bytes, &files[0].reader, &err), err);
    sr_assert_ok(sr_memory_reader_open(data, bytes, &files[1].reader, &err), err);
    struct verify_full_params params = *how;
    params.source = &files[0];
    params.output = &files[1];
    sr_assert_ok(verify_against_source(&params, ret, &err), err);
    sr_reader_close(&files[0].reader);
    sr_reader_close(&files[1].reader);
    free(data);
}

static const struct row {
    const char *name;
    struct title_params output;
    bool times_only;
    bool passes;
    int64_t segment;  // of the first finding, in half seconds; 0: the file
    const char *words;
} rows[] = {
    { "the same", { 0 }, false, true, 0, "" },
    { "the same, by times", { 0 }, true, true, 0, "" },
    { "a picture is missing", { .spoil = SPOIL_DROP, .spoiled = 3 }, true, false, 6, "missing" },
    { "a picture is there twice", { .number_of = repeated }, false, false, 4, "another's" },
    { "two pictures are swapped", { .number_of = swapped }, false, false, 6, "another's" },
    { "all pictures are one early", { .number_of = one_ahead }, false, false, 1, "another's" },
    { "a picture is not the source's",
      { .number_of = foreign },
      false,
      false,
      9,
      "do not look like" },
    { "a picture is damaged", { .spoil = SPOIL_TAIL, .spoiled = 2 }, false, false, 4, "damaged" },
    { "sound lasts a frame less", { .sound_less = 1024 }, false, false, 0, "-21.3 ms" },
    { "sound lasts a sample less", { .sound_less = 1 }, false, false, 0, "samples, want 230400" },
    { "sound is a frame early", { .sound_from = 1024 }, false, false, 0, "early" },
    { "sound has a later time", { .audio_late = 1024 }, false, false, 0, "too late" },
    { "sound has a later time, by times", { .audio_late = 1024 }, true, false, 0, "too late" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct verify_result result;
    compare(&row->output,
            &(struct verify_full_params){ .decode_all = !row->times_only,
                                          .segment_us = HALF_SECOND_US },
            false, &result);
    if (row->passes) {
        if (result.verdict != VERIFY_PASS)
            fail_msg("FAIL: %s", result.findings[0].message);
        assert_int_equal(result.frames_seen, SEGMENTS * SEGMENT_PICTURES);
        assert_int_equal(result.frames_decoded, row->times_only ? 0 : SEGMENTS * SEGMENT_PICTURES);
        return;
    }
    assert_int_equal(result.verdict, VERIFY_FAIL);
    bool is_told = false;
    for (size_t i = 0; i < result.finding_count; i++) {
        const struct verify_finding *const finding = &result.findings[i];
        is_told |= strstr(finding->message, row->words) &&
                   (row->segment == 0 || finding->segment_number == row->segment);
    }
    if (!is_told)
        fail_msg("\"%s\" of segment %" PRId64 ", want \"%s\"", result.findings[0].message,
                 result.findings[0].segment_number, row->words);
}

static void fragments_pass_too(void **state)
{
    (void)state;
    struct verify_result result;
    compare(&(struct title_params){ 0 }, &(struct verify_full_params){ .decode_all = true }, true,
            &result);
    if (result.verdict != VERIFY_PASS)
        fail_msg("FAIL: %s", result.findings[0].message);
    assert_int_equal(result.frames_seen, SEGMENTS * SEGMENT_PICTURES);
}

// Segments are named by the output's key frames when no length is given: two in each of ours.
static void key_frames_name_segments(void **state)
{
    (void)state;
    struct verify_result result;
    compare(&(struct title_params){ .number_of = foreign },
            &(struct verify_full_params){ .decode_all = true }, false, &result);
    assert_int_equal(result.verdict, VERIFY_FAIL);
    assert_int_equal(result.findings[0].segment_number, 100 / (SEGMENT_PICTURES / 2) + 1);
}

// A declared rate: the output's 25 pictures a second are too many for 20 and too few for 30.
static void a_declared_rate_is_expected(void **state)
{
    (void)state;
    struct verify_result result;
    compare(&(struct title_params){ 0 },
            &(struct verify_full_params){ .decode_all = true, .fps = { 25, 1 } }, false, &result);
    assert_int_equal(result.verdict, VERIFY_PASS);
    compare(&(struct title_params){ 0 }, &(struct verify_full_params){ .fps = { 50, 1 } }, false,
            &result);
    assert_int_equal(result.verdict, VERIFY_FAIL);
    sr_assert_contains(result.findings[0].message, "missing");
    compare(&(struct title_params){ 0 }, &(struct verify_full_params){ .fps = { 5, 1 } }, false,
            &result);
    assert_int_equal(result.verdict, VERIFY_FAIL);
    sr_assert_contains(result.findings[0].message, "too many");
}

static void an_output_that_is_none(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct media_source good = { .name = "in.mp4" }, bad = { .name = "out.mp4" };
    sr_assert_ok(sr_memory_reader_open(right_data, right_bytes, &good.reader, &err), err);
    sr_assert_ok(sr_memory_reader_open("not media", 9, &bad.reader, &err), err);
    struct verify_result result;
    struct verify_full_params params = { .output = &bad, .source = &good, .decode_all = true };
    sr_assert_ok(verify_against_source(&params, &result, &err), err);
    assert_int_equal(result.verdict, VERIFY_FAIL);
    sr_assert_contains(result.findings[0].message, "out.mp4: ");
    params = (struct verify_full_params){ .output = &good, .source = &bad, .decode_all = true };
    sr_assert_fails(verify_against_source(&params, &result, &err), SR_ERR_INPUT, err);
    sr_reader_close(&good.reader);
    sr_reader_close(&bad.reader);
}

// Small pictures -------------------------------------------------------------------------------

// White in the top left quarter, grey in the top right one, black below.
static AVFrame *quarters(enum AVPixelFormat format, int width, int height)
{
    AVFrame *frame = av_frame_alloc();
    frame->format = format;
    frame->width = width;
    frame->height = height;
    assert_int_equal(av_frame_get_buffer(frame, 0), 0);
    const int shift = av_pix_fmt_desc_get(format)->comp[0].depth - 8;
    for (int y = 0; y < height; y++) {
        uint8_t *row = frame->data[0] + (ptrdiff_t)y * frame->linesize[0];
        for (int x = 0; x < width; x++) {
            const int value = y >= height / 2 ? 16 : x < width / 2 ? 235 : 126;
            if (shift)
                ((uint16_t *)(void *)row)[x] = (uint16_t)(value << shift);
            else
                row[x] = (uint8_t)value;
        }
    }
    return frame;
}

static const struct turn {
    const char *name;
    int rotation;
    bool is_mirrored;
    int corner[4];  // top left, top right, bottom left, bottom right
} turns[] = {
    { "upright", 0, false, { 255, 128, 0, 0 } },
    { "turned by 90", 90, false, { 0, 255, 0, 128 } },
    { "turned by 180", 180, false, { 0, 0, 128, 255 } },
    { "turned by 270", 270, false, { 128, 0, 255, 0 } },
    { "mirrored", 0, true, { 128, 255, 0, 0 } },
    { "mirrored, turned by 90", 90, true, { 0, 128, 0, 255 } },
};

static void each_turn(void **state)
{
    const struct turn *row = *state;
    static const enum AVPixelFormat formats[] = { AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P10,
                                                  AV_PIX_FMT_GRAY8 };
    static const int sizes[][2] = { { 160, 96 }, { 161, 121 }, { 20, 12 }, { 1000, 34 } };
    const struct media_stream stream = { .video = { .rotation = row->rotation,
                                                    .is_mirrored = row->is_mirrored } };
    struct sr_err err = { 0 };
    sr_auto(verify_thumb) struct verify_thumb *thumb = NULL;
    sr_assert_ok(verify_thumb_new(&stream, &thumb, &err), err);
    for (size_t f = 0; f < SR_TEST_COUNT(formats); f++) {
        for (size_t s = 0; s < SR_TEST_COUNT(sizes); s++) {
            AVFrame *frame = quarters(formats[f], sizes[s][0], sizes[s][1]);
            uint8_t grey[VERIFY_CELLS];
            sr_assert_ok(verify_thumb_make(thumb, frame, grey, &err), err);
            for (int i = 0; i < 4; i++) {
                const int y = i / 2 * (VERIFY_SIDE / 2) + 8, x = i % 2 * (VERIFY_SIDE / 2) + 8;
                assert_in_range(grey[y * VERIFY_SIDE + x] + 2, row->corner[i], row->corner[i] + 4);
            }
            av_frame_free(&frame);
        }
    }
}

static void ranges_and_formats_meet(void **state)
{
    (void)state;
    const struct media_stream stream = { 0 };
    struct sr_err err = { 0 };
    sr_auto(verify_thumb) struct verify_thumb *thumb = NULL;
    sr_assert_ok(verify_thumb_new(&stream, &thumb, &err), err);
    AVFrame *limited = quarters(AV_PIX_FMT_YUV420P, 64, 64);
    AVFrame *full = quarters(AV_PIX_FMT_YUVJ420P, 64, 64);
    uint8_t a[VERIFY_CELLS], b[VERIFY_CELLS];
    sr_assert_ok(verify_thumb_make(thumb, limited, a, &err), err);
    sr_assert_ok(verify_thumb_make(thumb, full, b, &err), err);
    assert_int_equal(a[0], 255);
    assert_int_equal(b[0], 235);
    assert_int_equal(verify_thumb_apart(a, a), 0);
    assert_true(verify_thumb_apart(a, b) > 256);

    // Without a luma plane, over swscale.
    AVFrame *rgb = av_frame_alloc();
    rgb->format = AV_PIX_FMT_RGB24;
    rgb->width = rgb->height = 64;
    assert_int_equal(av_frame_get_buffer(rgb, 0), 0);
    for (int y = 0; y < 64; y++) {
        for (int x = 0; x < 64; x++)
            memset(rgb->data[0] + (ptrdiff_t)y * rgb->linesize[0] + 3 * (ptrdiff_t)x,
                   y >= 32  ? 0
                   : x < 32 ? 255
                            : 128,
                   3);
    }
    sr_assert_ok(verify_thumb_make(thumb, rgb, b, &err), err);
    assert_true(verify_thumb_apart(a, b) < 2 * 256);
    av_frame_free(&limited);
    av_frame_free(&full);
    av_frame_free(&rgb);
}

static int make_right(void **state)
{
    (void)state;
    struct title title;
    make_title(&title, &(struct title_params){ 0 });
    mux_title(&title, false, &right_data, &right_bytes);
    title_done(&title);
    return 0;
}

static int free_right(void **state)
{
    (void)state;
    free(right_data);
    return 0;
}

int main(void)
{
    media_log_init();
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(turns) + 5];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    count += SR_TEST_ADD(tests + count, turns, each_turn);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(ranges_and_formats_meet);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(fragments_pass_too);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(key_frames_name_segments);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_declared_rate_is_expected);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(an_output_that_is_none);
    return _cmocka_run_group_tests(__FILE__, tests, count, make_right, free_right);
}
