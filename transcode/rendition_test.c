#include "transcode/rendition.h"

#include "base/test.h"
#include "transcode/encode.h"

static struct media_stream stream_of(int width, int height)
{
    struct media_stream stream = { .kind = MEDIA_VIDEO };
    stream.video.width = width;
    stream.video.height = height;
    stream.video.sample_aspect = (struct media_rational){ 1, 1 };
    stream.video.rate = (struct media_rational){ 25, 1 };
    stream.video.average_rate = (struct media_rational){ 25, 1 };
    stream.video.colour = (struct media_colour){ 1, 1, 1, 1, 1 };
    strcpy(stream.video.pixel_format, "yuv420p");
    return stream;
}

static struct rendition plain(void)
{
    return (struct rendition){ .id = "r", .kind = MEDIA_VIDEO, .codec = "h264", .crf = -1 };
}

static struct packet_table table_of(int num, int den, int64_t frame_ticks)
{
    return (struct packet_table){ .time_base = { num, den }, .frame_ticks = frame_ticks };
}

static struct rendition_video resolved(const struct rendition *asked,
                                       const struct media_stream *stream)
{
    struct sr_err err;
    const struct packet_table table = table_of(1, 12800, 512);
    struct rendition_video video;
    sr_assert_ok(rendition_resolve(asked, stream, &table, &video, &err), err);
    return video;
}

// Sizes
// --------------------------------------------------------------------------------------------

struct size_row {
    const char *name;
    int width, height, rotation;
    struct media_rational aspect;
    int asked_width, asked_height;
    int want_width, want_height;
    struct media_rational want_aspect;
    int rungs[5];  // heights, ends with 0
};

static const struct size_row size_rows[] = {
    { "as it is", 1920, 1080, 0, { 1, 1 }, 0, 0, 1920, 1080, { 1, 1 }, { 0 } },
    { "one rung", 1920, 1080, 0, { 1, 1 }, 0, 480, 854, 480, { 1, 1 }, { 720, 0 } },
    { "two rungs", 1920, 1080, 0, { 1, 1 }, 0, 240, 426, 240, { 1, 1 }, { 720, 360, 0 } },
    { "all rungs",
      7680,
      4320,
      0,
      { 1, 1 },
      0,
      180,
      320,
      180,
      { 1, 1 },
      { 2160, 1080, 720, 360, 0 } },
    { "a rung itself", 1920, 1080, 0, { 1, 1 }, 0, 720, 1280, 720, { 1, 1 }, { 0 } },
    { "by width", 1920, 1080, 0, { 1, 1 }, 640, 0, 640, 360, { 1, 1 }, { 720, 0 } },
    { "odd", 161, 121, 0, { 1, 1 }, 0, 0, 160, 120, { 1, 1 }, { 0 } },
    { "odd and its own height asked for",
      161,
      121,
      0,
      { 1, 1 },
      0,
      121,
      160,
      120,
      { 1, 1 },
      { 0 } },
    { "wide samples are kept", 720, 576, 0, { 64, 45 }, 0, 288, 360, 288, { 64, 45 }, { 360, 0 } },
    { "wide samples, turned", 720, 576, 90, { 64, 45 }, 0, 0, 576, 720, { 45, 64 }, { 0 } },
    { "both sides keep the shape", 1440, 1080, 0, { 1, 1 }, 1280, 720, 1280, 720, { 3, 4 }, { 0 } },
    { "both sides enlarge", 640, 360, 0, { 1, 1 }, 1280, 720, 1280, 720, { 1, 1 }, { 0 } },
    { "portrait", 1080, 1920, 0, { 1, 1 }, 0, 640, 360, 640, { 1, 1 }, { 1080, 720, 0 } },
    { "turned", 1920, 1080, 270, { 1, 1 }, 0, 640, 360, 640, { 1, 1 }, { 1080, 720, 0 } },
    { "no samples known", 640, 360, 0, { 0, 1 }, 0, 0, 640, 360, { 1, 1 }, { 0 } },
};

static void size_follows_the_rule(void **state)
{
    const struct size_row *row = *state;
    struct media_stream stream = stream_of(row->width, row->height);
    stream.video.rotation = row->rotation;
    stream.video.sample_aspect = row->aspect;
    struct rendition asked = plain();
    asked.width = row->asked_width;
    asked.height = row->asked_height;
    const struct rendition_video video = resolved(&asked, &stream);
    assert_int_equal(video.width, row->want_width);
    assert_int_equal(video.height, row->want_height);
    assert_int_equal(video.sample_aspect.num, row->want_aspect.num);
    assert_int_equal(video.sample_aspect.den, row->want_aspect.den);
    int count = 0;
    for (; row->rungs[count]; count++) {
        assert_int_equal(video.rung[count].height, row->rungs[count]);
        assert_int_equal(video.rung[count].width % 2, 0);
    }
    assert_int_equal(video.rung_count, count);
}

// Time
// ---------------------------------------------------------------------------------------------

struct time_row {
    const char *name;
    int num, den;
    int64_t frame_ticks;
    bool is_variable;
    struct media_rational rate, average, fps;
    int want_scale;
    struct media_rational want_rate;
};

static const struct time_row time_rows[] = {
    { "mp4", 1, 12800, 512, false, { 25, 1 }, { 25, 1 }, { 0 }, 12800, { 25, 1 } },
    { "one tick a picture", 1, 25, 1, false, { 25, 1 }, { 25, 1 }, { 0 }, 10000, { 25, 1 } },
    { "ntsc ticks",
      1001,
      30000,
      1,
      false,
      { 30000, 1001 },
      { 0, 1 },
      { 0 },
      30000,
      { 30000, 1001 } },
    { "matroska", 1, 1000, 33, false, { 30000, 1001 }, { 0, 1 }, { 0 }, 10000, { 30000, 1001 } },
    { "transport stream",
      1,
      90000,
      3003,
      false,
      { 60000, 1001 },
      { 30000, 1001 },
      { 0 },
      90000,
      { 30000, 1001 } },
    { "vfr", 1, 600, 20, true, { 57600, 1 }, { 18, 1 }, { 0 }, 10200, { 18, 1 } },
    { "vfr whose average nobody knows",
      1,
      600,
      20,
      true,
      { 57600, 1 },
      { 0, 0 },
      { 0 },
      10200,
      { 30, 1 } },
    { "nothing plausible", 1, 90000, 1, false, { 90000, 1 }, { 0, 0 }, { 0 }, 90000, { 25, 1 } },
    { "declared", 1, 90000, 3600, false, { 25, 1 }, { 25, 1 }, { 24, 1 }, 10008, { 24, 1 } },
    { "declared ntsc",
      1,
      1000,
      40,
      false,
      { 25, 1 },
      { 25, 1 },
      { 30000, 1001 },
      30000,
      { 30000, 1001 } },
    { "nanoseconds",
      1,
      1000000000,
      40000000,
      false,
      { 25, 1 },
      { 25, 1 },
      { 0 },
      1000000,
      { 25, 1 } },
};

static void time_follows_the_rule(void **state)
{
    const struct time_row *row = *state;
    struct sr_err err;
    struct media_stream stream = stream_of(640, 360);
    stream.video.rate = row->rate;
    stream.video.average_rate = row->average;
    struct packet_table table = table_of(row->num, row->den, row->frame_ticks);
    table.is_variable = row->is_variable;
    struct rendition asked = plain();
    asked.fps = row->fps;
    struct rendition_video video;
    sr_assert_ok(rendition_resolve(&asked, &stream, &table, &video, &err), err);
    assert_int_equal(video.time_base.num, 1);
    assert_int_equal(video.time_base.den, row->want_scale);
    assert_int_equal(video.rate.num, row->want_rate.num);
    assert_int_equal(video.rate.den, row->want_rate.den);
}

// Fields
// -------------------------------------------------------------------------------------------

struct field_row {
    const char *name;
    bool source, asked;
    int height, asked_height, rotation;
    const char *profile;
    bool want_kept, want_deinterlaced;
};

static const struct field_row field_rows[] = {
    { "progressive", false, false, 1080, 0, 0, "", false, false },
    { "kept", true, false, 1080, 0, 0, "", true, false },
    { "scaled", true, false, 1080, 720, 0, "", false, true },
    { "asked for", true, true, 1080, 0, 0, "", false, true },
    { "always means always", false, true, 1080, 0, 0, "", false, true },
    { "turned", true, false, 1080, 0, 90, "", false, true },
    { "rows that fields cannot share", true, false, 486, 0, 0, "", false, true },
    { "a profile without fields", true, false, 1080, 0, 0, "baseline", false, true },
};

static void fields_follow_the_rule(void **state)
{
    const struct field_row *row = *state;
    struct media_stream stream = stream_of(720, row->height);
    stream.video.is_interlaced = row->source;
    stream.video.field_order = MEDIA_BOTTOM_FIRST;
    stream.video.rotation = row->rotation;
    struct rendition asked = plain();
    asked.deinterlace = row->asked;
    asked.height = row->asked_height;
    strcpy(asked.profile, row->profile);
    const struct rendition_video video = resolved(&asked, &stream);
    assert_int_equal(video.is_interlaced, row->want_kept);
    assert_int_equal(video.deinterlace, row->want_deinterlaced);
    assert_int_equal(video.field_order, row->want_kept || row->want_deinterlaced
                                            ? MEDIA_BOTTOM_FIRST
                                            : MEDIA_PROGRESSIVE);
}

// Colour and HDR
// -----------------------------------------------------------------------------------

static void hdr_is_carried_when_it_is_sane(void **state)
{
    (void)state;
    struct media_stream stream = stream_of(640, 360);
    stream.video.colour = (struct media_colour){ 9, 16, 9, 1, 3 };
    strcpy(stream.video.pixel_format, "yuv420p10le");
    struct media_hdr *hdr = &stream.video.hdr;
    *hdr = (struct media_hdr){ .has_mastering = true,
                               .has_light = true,
                               .luminance_min = { 1, 10000 },
                               .luminance_max = { 1000, 1 },
                               .white = { { 3127, 10000 }, { 3290, 10000 } },
                               .max_content = 1000,
                               .max_average = 400 };
    for (int i = 0; i < 6; i++)
        hdr->primaries[i / 2][i % 2] = (struct media_rational){ 1 + i, 10 };
    const struct rendition asked = plain();
    struct rendition_video video = resolved(&asked, &stream);
    assert_string_equal(video.pixel_format, "yuv420p10le");
    assert_true(video.hdr.has_mastering && video.hdr.has_light);
    assert_int_equal(video.hdr.max_average, 400);
    assert_int_equal(video.colour.transfer, 16);
    assert_int_equal(video.colour.chroma_location, 3);

    hdr->primaries[1][1] = (struct media_rational){ 5, 4 };  // outside the diagram
    hdr->max_content = 70000;
    video = resolved(&asked, &stream);
    assert_false(video.hdr.has_mastering || video.hdr.has_light);
    hdr->primaries[1][1] = (struct media_rational){ 1, 0 };
    assert_false(resolved(&asked, &stream).hdr.has_mastering);
    hdr->primaries[1][1] = (struct media_rational){ 1, 4 };
    hdr->luminance_min = (struct media_rational){ 2000, 1 };  // brighter than the brightest
    assert_false(resolved(&asked, &stream).hdr.has_mastering);
}

static void colour_follows_the_samples(void **state)
{
    (void)state;
    const struct rendition asked = plain();
    struct media_stream stream = stream_of(640, 360);
    strcpy(stream.video.pixel_format, "yuvj420p");
    stream.video.colour.range = 0;
    assert_int_equal(resolved(&asked, &stream).colour.range, 2);
    assert_string_equal(resolved(&asked, &stream).pixel_format, "yuv420p");
    strcpy(stream.video.pixel_format, "gbrp");
    stream.video.colour = (struct media_colour){ 1, 13, 0, 2, 0 };
    assert_int_equal(resolved(&asked, &stream).colour.matrix, 1);
    assert_int_equal(resolved(&asked, &stream).colour.range, 1);
    strcpy(stream.video.pixel_format, "yuv444p");
    stream.video.colour = (struct media_colour){ 1, 1, 1, 1, 1 };
    assert_int_equal(resolved(&asked, &stream).colour.chroma_location, 0);
}

// Refusals
// -----------------------------------------------------------------------------------------

struct bad_row {
    const char *name;
    void (*change)(struct rendition *asked, struct media_stream *stream);
    enum sr_err_code code;
    const char *says;
};

#define BAD(name, statement)                                                                       \
    static void name(struct rendition *asked, struct media_stream *stream)                         \
    {                                                                                              \
        (void)asked;                                                                               \
        (void)stream;                                                                              \
        statement;                                                                                 \
    }
BAD(bad_codec, strcpy(asked->codec, "h263"))
BAD(bad_preset, strcpy(asked->preset, "mediun"))
BAD(bad_tune, strcpy(asked->tune, "movie"))
BAD(bad_profile, strcpy(asked->profile, "extended"))
BAD(bad_format, strcpy(asked->pixel_format, "nv12"))
BAD(bad_depth, (strcpy(asked->profile, "high"), strcpy(asked->pixel_format, "yuv420p10le")))
BAD(bad_crf, asked->crf = 52)
BAD(bad_crf_nan, asked->crf = 0.0 / 0.0 * asked->crf)
BAD(bad_bufsize, asked->bufsize_bits = 1000000)
BAD(bad_maxrate, asked->maxrate_bps = INT64_C(1) << 40)
BAD(bad_fps, (asked->fps.num = 2000, asked->fps.den = 1))
BAD(bad_fps_zero, (asked->fps.num = 0, asked->fps.den = 1))
BAD(bad_height, asked->height = 720)
BAD(bad_negative, asked->height = -2)
BAD(bad_small, asked->height = 8)
BAD(bad_large, (asked->height = 9000, asked->width = 9000))
BAD(bad_kind, asked->kind = MEDIA_AUDIO)
BAD(bad_source, stream->video.width = 8)
BAD(bad_rotation, stream->video.rotation = 45)

static const struct bad_row bad_rows[] = {
    { "codec", bad_codec, SR_ERR_INVALID, "want one of h264" },
    { "preset", bad_preset, SR_ERR_INVALID, " medium " },
    { "tune", bad_tune, SR_ERR_INVALID, "film" },
    { "profile", bad_profile, SR_ERR_INVALID, "baseline main high" },
    { "pixel format", bad_format, SR_ERR_INVALID, "yuv420p " },
    { "profile too shallow", bad_depth, SR_ERR_INVALID, "cannot hold" },
    { "crf", bad_crf, SR_ERR_INVALID, "0..51" },
    { "crf that is no number", bad_crf_nan, SR_ERR_INVALID, "crf" },
    { "bufsize alone", bad_bufsize, SR_ERR_INVALID, "without maxrate" },
    { "maxrate over 31 bits", bad_maxrate, SR_ERR_INVALID, "maxrate" },
    { "fps too high", bad_fps, SR_ERR_INVALID, "fps" },
    { "fps of zero", bad_fps_zero, SR_ERR_INVALID, "fps" },
    { "enlarging by one side", bad_height, SR_ERR_INVALID, "give both sides" },
    { "negative", bad_negative, SR_ERR_INVALID, "size" },
    { "too small", bad_small, SR_ERR_INVALID, "sides of 16" },
    { "too large", bad_large, SR_ERR_INVALID, "sides of 16" },
    { "audio", bad_kind, SR_ERR_INVALID, "not video" },
    { "source too small", bad_source, SR_ERR_UNSUPPORTED, "8x360" },
    { "rotation", bad_rotation, SR_ERR_UNSUPPORTED, "45" },
};

static void bad_is_refused(void **state)
{
    const struct bad_row *row = *state;
    struct sr_err err;
    struct media_stream stream = stream_of(640, 360);
    struct rendition asked = plain();
    row->change(&asked, &stream);
    const struct packet_table table = table_of(1, 12800, 512);
    struct rendition_video video;
    sr_assert_fails(rendition_resolve(&asked, &stream, &table, &video, &err), row->code, err);
    sr_assert_contains(err.message, row->says);
    sr_assert_contains(err.message, "rendition \"r\"");
}

// JSON
// ---------------------------------------------------------------------------------------------

static char *json_of(const struct rendition_video *video)
{
    struct sr_err err;
    sr_auto(json) json_t *json = NULL;
    char *text;
    sr_assert_ok(rendition_video_json(video, &json, &err), err);
    sr_assert_ok(jx_dump(json, false, &text, &err), err);
    return text;
}

static void json_has_what_changes_bytes_and_nothing_else(void **state)
{
    (void)state;
    const struct media_stream stream = stream_of(640, 360);
    struct rendition asked = plain();
    struct rendition_video video = resolved(&asked, &stream);
    char *first = json_of(&video);
    // Another name, and defaults spelled out.
    strcpy(asked.id, "other");
    strcpy(asked.preset, "medium");
    asked.crf = 23;
    asked.height = 360;
    video = resolved(&asked, &stream);
    char *second = json_of(&video);
    assert_string_equal(first, second);
    free(second);
    asked.crf = 24;
    video = resolved(&asked, &stream);
    second = json_of(&video);
    assert_string_not_equal(first, second);
    free(second);
    video.hdr = (struct media_hdr){ .has_mastering = true, .has_light = true, .max_content = 7 };
    second = json_of(&video);
    sr_assert_contains(second, "\"light\":[7,0]");
    sr_assert_contains(second, "\"mastering\":[[0,0],");
    free(second);
    free(first);
}

static void maxrate_brings_its_buffer(void **state)
{
    (void)state;
    const struct media_stream stream = stream_of(640, 360);
    struct rendition asked = plain();
    asked.maxrate_bps = 6000000;
    assert_int_equal(resolved(&asked, &stream).asked.bufsize_bits, 12000000);
    asked.bufsize_bits = 6000000;
    assert_int_equal(resolved(&asked, &stream).asked.bufsize_bits, 6000000);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(size_rows) + SR_TEST_COUNT(time_rows) +
                                   SR_TEST_COUNT(field_rows) + SR_TEST_COUNT(bad_rows) + 4];
    size_t count = SR_TEST_ADD(tests, size_rows, size_follows_the_rule);
    count += SR_TEST_ADD(tests + count, time_rows, time_follows_the_rule);
    count += SR_TEST_ADD(tests + count, field_rows, fields_follow_the_rule);
    count += SR_TEST_ADD(tests + count, bad_rows, bad_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(hdr_is_carried_when_it_is_sane);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(colour_follows_the_samples);
    tests[count++] =
        (struct CMUnitTest)cmocka_unit_test(json_has_what_changes_bytes_and_nothing_else);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(maxrate_brings_its_buffer);
    return sr_test_run(__FILE__, tests, count);
}
