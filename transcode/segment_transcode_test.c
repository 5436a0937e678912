// One segment into parts: every picture once, at its time, whatever the cuts, with the same bytes.
#include "transcode/segment_transcode.h"

#include <libavutil/cpu.h>

#include "transcode/media_log.h"
#include "transcode/test_film.h"

// Every picture once, at its time -----------------------------------------------------------------

static const struct clip one_picture = {
    "libx264", "preset=veryfast", "yuv420p", "mp4", 160, 96, 1, 10, { 1, 25 }, 1, 0, false
};

struct cut_row {
    const char *name;
    const struct clip *clip;
    struct way way;
};

static const struct cut_row cut_rows[] = {
    { "open gop, whole", &open_gop, { SEGMENT_OFF, 0, 500000, 1 } },
    { "open gop, keyframe", &open_gop, { SEGMENT_KEYFRAME, 500000, 500000, 1 } },
    { "open gop, grid", &open_gop, { SEGMENT_GRID, 500000, 500000, 1 } },
    { "open gop, grid that is no whole number of pictures",
      &open_gop,
      { SEGMENT_GRID, 570000, 570000, 1 } },
    { "open gop, two threads", &open_gop, { SEGMENT_KEYFRAME, 500000, 500000, 2 } },
    { "vfr, keyframe", &vfr, { SEGMENT_KEYFRAME, 500000, 500000, 1 } },
    { "vfr, grid", &vfr, { SEGMENT_GRID, 500000, 500000, 1 } },
    { "ntsc in milliseconds, grid", &ntsc, { SEGMENT_GRID, 1000000, 500000, 1 } },
    { "one picture", &one_picture, { SEGMENT_GRID, 500000, 500000, 1 } },
};

static void every_picture_once(void **state)
{
    const struct cut_row *row = *state;
    struct source source;
    source_open(&source, row->clip);
    const struct rendition asked = asked_for(20);
    const struct rendition_video video = resolved(&source, &asked);
    struct result result = { 0 };
    transcode(&source, &video, 1, &row->way, &result);
    if (row->way.mode != SEGMENT_OFF && row->clip->count > 1)
        assert_true(result.count >= 3);
    check_parts(&result, row->clip->count);
    struct film *film = watch(&result);
    assert_int_equal(film->count, row->clip->count);
    const AVRational tick = { 1, video.time_base.den };
    for (int i = 0; i < row->clip->count; i++) {
        assert_int_equal(test_video_number(film->seen[i].frame), i);
        const int64_t want =
            av_rescale_q(clip_time(row->clip, i),
                         (AVRational){ row->clip->time_base.num, row->clip->time_base.den }, tick);
        // Matroska counts in milliseconds.
        const int64_t slack =
            strcmp(row->clip->container, "matroska") == 0 ? video.time_base.den / 1000 : 0;
        assert_true(llabs(film->seen[i].pts - want) <= slack);
    }
    film_done(film);
    result_done(&result);
    source_close(&source);
}

static void grid_keys_lie_on_the_grid(void **state)
{
    (void)state;
    struct source source;
    source_open(&source, &open_gop);
    const struct rendition asked = asked_for(20);
    const struct rendition_video video = resolved(&source, &asked);
    const struct way way = { SEGMENT_GRID, 1000000, 500000, 1 };
    struct result result = { 0 };
    transcode(&source, &video, 1, &way, &result);
    size_t keys = 0;
    for (size_t p = 0; p < result.count; p++) {
        const struct track_part *part = &result.parts[p].track;
        for (size_t i = 0; i < part->sample_count; i++) {
            // 12.5 pictures a GOP: the first at or after each half second.
            const int64_t picture = part->samples[i].pts * 25 / part->timescale;
            const bool wants_key = picture * 40 % 500 < 40;
            assert_int_equal(part->samples[i].is_key, wants_key);
            keys += part->samples[i].is_key;
        }
    }
    assert_int_equal(keys, 8);
    result_done(&result);
    source_close(&source);
}

// The same bytes ----------------------------------------------------------------------------------

static void without_simd_the_bytes_are_the_same(void **state)
{
    (void)state;
    struct source source;
    source_open(&source, &open_gop);
    struct rendition asked = asked_for(25);
    struct rendition_video videos[2] = { resolved(&source, &asked) };
    memcpy(asked.preset, "medium", sizeof("medium"));
    asked.height = 64;
    videos[1] = resolved(&source, &asked);
    const struct way way = { SEGMENT_KEYFRAME, 1000000, 500000, 1 };
    struct result with[2] = { 0 }, without[2] = { 0 };
    transcode(&source, videos, 2, &way, with);
    const int flags = av_get_cpu_flags();
    av_force_cpu_flags(0);
    transcode(&source, videos, 2, &way, without);
    av_force_cpu_flags(flags);
    for (size_t i = 0; i < 2; i++) {
        assert_same_bytes(&with[i], &without[i]);
        result_done(&with[i]);
        result_done(&without[i]);
    }
    source_close(&source);
}

static void together_or_alone_the_bytes_are_the_same(void **state)
{
    (void)state;
    static const struct clip big = { "ffv1", "level=3", "yuv422p10le", "matroska", 1300, 802,
                                     4,      1,         { 1, 25 },     1,          0,    false };
    struct source source;
    source_open(&source, &big);
    struct rendition_video videos[6];
    static const int heights[] = { 0, 720, 480, 360, 240, 240 };
    for (size_t i = 0; i < 6; i++) {
        struct rendition asked = asked_for(25);
        asked.height = heights[i];
        asked.deinterlace = i == 5;
        if (i == 3)
            memcpy(asked.pixel_format, "yuv420p10le", sizeof("yuv420p10le"));
        videos[i] = resolved(&source, &asked);
    }
    assert_int_equal(videos[4].rung_count, 2);
    struct result together[6] = { 0 };
    transcode(&source, videos, 6, &whole, together);
    for (size_t i = 0; i < 6; i++) {
        struct result alone = { 0 };
        transcode(&source, &videos[i], 1, &whole, &alone);
        assert_same_bytes(&together[i], &alone);
        result_done(&alone);
        result_done(&together[i]);
    }
    source_close(&source);
}

// Failing -----------------------------------------------------------------------------------------

static bool small_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    (void)data;
    size_t *left = self;
    if (bytes > *left)
        return sr_fail(err, SR_ERR_STORAGE, "no space");
    *left -= bytes;
    return true;
}
static void small_discard(void *self)
{
    (void)self;
}

static bool run_once(const struct source *source, const struct sr_cancel *cancel, size_t room,
                     size_t segment_index, struct sr_err *err)
{
    static const struct sr_writer_ops ops = { .write = small_write, .discard = small_discard };
    const struct rendition asked = asked_for(20);
    const struct rendition_video video = resolved(source, &asked);
    struct sr_writer writer = { &ops, &room };
    sr_auto(track_part) struct track_part part = { 0 };
    struct segment_output output = { &video, &writer, &part };
    struct media_source media = source->media;
    media.cancel = cancel;
    struct segment_transcode_params params = {
        .decode = { .source = &media,
                    .probe = &source->probe,
                    .table = source->table,
                    .index = source->index,
                    .segment = { .start_pts = source->table->start_pts,
                                 .end_pts = source->table->end_pts,
                                 .end_packet = source->table->count,
                                 .packet_count = source->table->count },
                    .is_first = true,
                    .is_last = true },
        .segment_index = segment_index,
        .mode = SEGMENT_OFF,
        .encoder_threads = 1,
        .zero_base = { 1, 1000 },
        .output_count = 1,
        .outputs = &output,
    };
    return segment_transcode(&params, err);
}

static void failures_are_told(void **state)
{
    (void)state;
    struct source source;
    source_open(&source, &open_gop);
    struct sr_err err;
    for (size_t room = 0; room < 6000; room += 800)
        sr_assert_fails(run_once(&source, NULL, room, 0, &err), SR_ERR_STORAGE, err);
    sr_assert_contains(err.message, "no space");
    struct sr_cancel cancel;
    sr_cancel_init(&cancel, NULL, sr_clock_system(), INT64_MAX);
    sr_cancel_set(&cancel);
    sr_assert_fails(run_once(&source, &cancel, SIZE_MAX, 0, &err), SR_ERR_CANCELLED, err);
    sr_assert_fails(run_once(&source, NULL, SIZE_MAX, 1 << 16, &err), SR_ERR_LIMIT, err);
    sr_assert_ok(run_once(&source, NULL, SIZE_MAX, 0, &err), err);
    source_close(&source);
}

static void build_names_the_libraries(void **state)
{
    (void)state;
    const char *build = segment_transcode_build();
    sr_assert_contains(build, "libavcodec ");
    sr_assert_contains(build, "libswscale ");
    sr_assert_contains(build, ", x264 ");
    assert_ptr_equal(build, segment_transcode_build());
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(cut_rows) + 5];
    media_log_init();
    size_t count = SR_TEST_ADD(tests, cut_rows, every_picture_once);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(grid_keys_lie_on_the_grid);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(without_simd_the_bytes_are_the_same);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(together_or_alone_the_bytes_are_the_same);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(failures_are_told);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(build_names_the_libraries);
    return sr_test_run(__FILE__, tests, count);
}
