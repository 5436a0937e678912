#include "transcode/encode.h"

#include <libavutil/cpu.h>

#include "transcode/media_log.h"
#include "transcode/test_video.h"

struct stream {
    size_t count, bytes, keys;
    uint32_t sum;
    bool key[512];
    int64_t max_lag;  // how far pts is behind the packet's place
};

static bool take(struct encoder *encoder, struct stream *stream, enum encode_next until,
                 struct sr_err *err)
{
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    enum encode_next next;
    while ((next = encoder_next(encoder, packet, err)) == ENCODE_PACKET) {
        stream->key[stream->count++] = packet->flags & AV_PKT_FLAG_KEY;
        stream->keys += (packet->flags & AV_PKT_FLAG_KEY) != 0;
        stream->bytes += (size_t)packet->size;
        for (int i = 0; i < packet->size; i++)
            stream->sum = stream->sum * 31 + packet->data[i];
        av_packet_unref(packet);
    }
    return next == until;
}

// Encodes `count` pictures; `cut`: the picture changes altogether there; `key`: a key is asked for
// there.
static struct stream encode(const struct encode_params *params, int count, int cut, int key)
{
    struct sr_err err = { 0 };
    struct stream stream = { 0 };
    sr_auto(encoder) struct encoder *encoder = NULL;
    sr_assert_ok(encoder_open(params, &encoder, &err), err);
    for (int i = 0; i < count; i++) {
        sr_auto(av_frame) AVFrame *frame =
            test_video_picture(av_get_pix_fmt(params->video->pixel_format), params->video->width,
                               params->video->height, i < cut ? i : 4095 - i * 37);
        frame->pict_type = AV_PICTURE_TYPE_B;  // what a decoder said must not matter
        sr_assert_ok(encoder_add(encoder, frame, i * 512, i == key, &err), err);
        sr_assert_ok(take(encoder, &stream, ENCODE_WANTS_PICTURE, &err), err);
    }
    sr_assert_ok(encoder_end(encoder, &err), err);
    sr_assert_ok(take(encoder, &stream, ENCODE_DONE, &err), err);
    assert_int_equal(stream.count, count);
    assert_true(stream.key[0]);
    return stream;
}

static void keys_are_where_they_are_asked_for(void **state)
{
    (void)state;
    const struct rendition_video video = test_video_rendition();
    struct encode_params params = { .video = &video, .threads = 1, .only_forced_keys = true };
    struct stream stream = encode(&params, 300, 40, 70);
    assert_int_equal(stream.keys, 2);
    assert_true(stream.key[70]);
    // Left to itself the encoder cuts by its own lights: at 250 at the latest.
    params.only_forced_keys = false;
    stream = encode(&params, 300, 1000, -1);
    assert_true(stream.keys >= 2);
}

static void same_pictures_same_bytes(void **state)
{
    (void)state;
    struct rendition_video video = test_video_rendition();
    video.asked.maxrate_bps = 300000;
    video.asked.bufsize_bits = 600000;
    for (int threads = 1; threads <= 2; threads++) {
        const struct encode_params params = { .video = &video,
                                              .threads = threads,
                                              .only_forced_keys = true };
        const struct stream first = encode(&params, 60, 30, 25);
        assert_int_equal(encode(&params, 60, 30, 25).sum, first.sum);
        const int flags = av_get_cpu_flags();
        av_force_cpu_flags(0);
        const uint32_t without = encode(&params, 60, 30, 25).sum;
        av_force_cpu_flags(flags);
        assert_int_equal(without, first.sum);
    }
}

// tests/same_bytes_test.sh shows why.
static void one_thread_with_a_maxrate(void **state)
{
    (void)state;
    struct rendition_video video = { 0 };
    assert_int_equal(encode_threads(&video, 4), 4);
    video.asked.maxrate_bps = 200000;
    assert_int_equal(encode_threads(&video, 4), 1);
}

static void maxrate_is_obeyed(void **state)
{
    (void)state;
    struct rendition_video video = test_video_rendition();
    video.asked.crf = 10;
    struct encode_params params = { .video = &video, .threads = 1, .only_forced_keys = true };
    const size_t free_bytes = encode(&params, 100, 1000, -1).bytes;
    video.asked.maxrate_bps = 200000;
    video.asked.bufsize_bits = 200000;
    const size_t bytes = encode(&params, 100, 1000, -1).bytes;
    assert_true(free_bytes > 150000);
    assert_true(bytes * 8 < 4 * 200000 * 3 / 2);  // 4 s and the buffer
}

struct refused_row {
    const char *name;
    const char *codec, *preset, *profile, *format;
    enum sr_err_code code;
};
static const struct refused_row refused_rows[] = {
    { "no such codec", "h263", "medium", "", "yuv420p", SR_ERR_UNSUPPORTED },
    { "no such preset", "h264", "swift", "", "yuv420p", SR_ERR_INVALID },
    { "a profile without these samples", "h264", "medium", "main", "yuv444p", SR_ERR_INVALID },
};

static void nonsense_is_refused(void **state)
{
    const struct refused_row *row = *state;
    struct sr_err err;
    struct rendition_video video = test_video_rendition();
    strcpy(video.asked.codec, row->codec);
    strcpy(video.asked.preset, row->preset);
    strcpy(video.asked.profile, row->profile);
    strcpy(video.pixel_format, row->format);
    const struct encode_params params = { .video = &video, .threads = 1, .only_forced_keys = true };
    struct encoder *encoder = NULL;
    sr_assert_fails(encoder_open(&params, &encoder, &err), row->code, err);
    assert_null(encoder);
}

static void times_that_do_not_rise_are_found(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct rendition_video video = test_video_rendition();
    const struct encode_params params = { .video = &video, .threads = 1, .only_forced_keys = true };
    sr_auto(encoder) struct encoder *encoder = NULL;
    sr_assert_ok(encoder_open(&params, &encoder, &err), err);
    sr_auto(av_frame) AVFrame *frame = test_video_picture(AV_PIX_FMT_YUV420P, 160, 96, 0);
    sr_assert_ok(encoder_add(encoder, frame, 5, false, &err), err);
    sr_assert_fails(encoder_add(encoder, frame, 5, false, &err), SR_ERR_INTERNAL, err);
    sr_assert_fails(encoder_add(encoder, frame, 4, false, &err), SR_ERR_INTERNAL, err);
    sr_assert_ok(encoder_add(encoder, frame, 6, false, &err), err);
}

// Every row of the table must keep the promises, whatever is added to it.
static void every_codec_keeps_its_promises(void **state)
{
    (void)state;
    for (const struct encode_codec *row = encode_codecs; row->name; row++) {
        assert_ptr_equal(encode_codec_find(row->name), row);
        struct rendition_video video = test_video_rendition();
        strcpy(video.asked.codec, row->name);
        strcpy(video.asked.preset, row->preset);
        const struct encode_params params = { .video = &video,
                                              .threads = 1,
                                              .only_forced_keys = true };
        const struct stream stream = encode(&params, 40, 20, 13);
        assert_int_equal(stream.keys, 2);
        assert_true(stream.key[13]);
        for (const char *const *format = row->pixel_formats; *format; format++) {
            strcpy(video.pixel_format, *format);
            (void)encode(&params, 3, 3, -1);
        }
        strcpy(video.pixel_format, row->pixel_formats[0]);
        for (const char *const *preset = row->presets; *preset; preset++) {
            strcpy(video.asked.preset, *preset);
            assert_true(encode_peak_bytes(&video, 1) > 0);
            (void)encode(&params, 2, 2, -1);
        }
        strcpy(video.asked.preset, row->preset);
        for (const char *const *tune = row->tunes; *tune; tune++) {
            strcpy(video.asked.tune, *tune);
            (void)encode(&params, 8, 8, -1);
        }
    }
    assert_null(encode_codec_find("h26"));
}

static void shift_is_the_reordering(void **state)
{
    (void)state;
    struct sr_err err;
    struct rendition_video video = test_video_rendition();
    struct encode_params params = { .video = &video, .threads = 1, .only_forced_keys = true };
    sr_auto(encoder) struct encoder *pyramid = NULL;
    sr_assert_ok(encoder_open(&params, &pyramid, &err), err);
    assert_int_equal(encoder_shift_ticks(pyramid), 2 * 512);
    strcpy(video.asked.tune, "zerolatency");
    sr_auto(encoder) struct encoder *plain = NULL;
    sr_assert_ok(encoder_open(&params, &plain, &err), err);
    assert_int_equal(encoder_shift_ticks(plain), 0);
}

static void build_is_named(void **state)
{
    (void)state;
    struct sr_err err;
    sr_auto(sr_str) struct sr_str text = { 0 };
    sr_assert_ok(encode_build(&text, &err), err);
    unsigned core;
    assert_int_equal(sscanf(sr_str_text(&text), ", x264 %u", &core), 1);
    assert_true(core > 100 && text.bytes < 60);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(refused_rows) + 8];
    media_log_init();
    size_t count = SR_TEST_ADD(tests, refused_rows, nonsense_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(keys_are_where_they_are_asked_for);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(same_pictures_same_bytes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(maxrate_is_obeyed);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(one_thread_with_a_maxrate);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(times_that_do_not_rise_are_found);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(every_codec_keeps_its_promises);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(shift_is_the_reordering);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(build_is_named);
    return sr_test_run(__FILE__, tests, count);
}
