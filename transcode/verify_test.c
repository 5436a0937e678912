// Titles made in memory, right and wrong in one place each: the verdict and the segment that is
// named.
#include "transcode/verify.h"

#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <math.h>

#include "base/str.h"
#include "base/test.h"
#include "transcode/fragment.h"
#include "transcode/media_io.h"
#include "transcode/media_log.h"
#include "transcode/test_video.h"

enum {
    FRAME_TICKS = 512,
    TIMESCALE = 12800,
    SHIFT = 2 * FRAME_TICKS,
    WIDTH = 160,
    HEIGHT = 96,
    SEGMENTS = 4,
    SEGMENT_PICTURES = 30,
    AUDIO_RATE = 48000,
    AUDIO_FRAME_SAMPLES = 1024,
};

// What is done to one segment before it is muxed; the documents that it is compared with stay
// right.
enum spoil {
    SPOIL_NOTHING,
    SPOIL_DROP,    // one picture less
    SPOIL_REPEAT,  // one sample twice
    SPOIL_SWAP,    // two samples in each other's place
    SPOIL_LATE,    // times a frame later
    SPOIL_BYTE,    // one byte of a sample
    SPOIL_HEAD,    // a picture after the seam that no decoder takes, and the document agrees
    SPOIL_TAIL,    // the same before the seam
};

struct packets {
    AVCodecParameters *codec;
    size_t count;
    AVPacket *list[256];
};

struct made {
    struct track_part part;
    uint8_t *data;
    size_t bytes;
};

static bool open_made(void *self, struct sr_reader *ret_reader, struct sr_err *err)
{
    struct made *const made = self;
    return sr_memory_reader_open(made->data, made->bytes, ret_reader, err);
}

static void receive(AVCodecContext *codec, struct packets *ret)
{
    for (;;) {
        AVPacket *packet = av_packet_alloc();
        const int status = avcodec_receive_packet(codec, packet);
        if (status < 0) {
            av_packet_free(&packet);
            return;
        }
        assert_true(ret->count < SR_TEST_COUNT(ret->list));
        ret->list[ret->count++] = packet;
    }
}

static void packets_done(struct packets *packets)
{
    for (size_t i = 0; i < packets->count; i++)
        av_packet_free(&packets->list[i]);
    avcodec_parameters_free(&packets->codec);
}

// Pictures from..to as one closed segment with B-frames and a second key frame in its middle.
static void encode_video(int from, int to, struct packets *ret)
{
    const AVCodec *const encoder = avcodec_find_encoder_by_name("libx264");
    AVCodecContext *codec = avcodec_alloc_context3(encoder);
    assert_non_null(codec);
    codec->width = WIDTH;
    codec->height = HEIGHT;
    codec->pix_fmt = AV_PIX_FMT_YUV420P;
    codec->time_base = (AVRational){ 1, TIMESCALE };
    codec->framerate = (AVRational){ 25, 1 };
    codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    codec->flags |= (int)AV_CODEC_FLAG_CLOSED_GOP;
    codec->thread_count = 1;
    codec->gop_size = SEGMENT_PICTURES / 2;
    AVDictionary *options = NULL;
    av_dict_set(&options, "preset", "veryfast", 0);
    av_dict_set(&options, "x264-params", "bframes=3:b-pyramid=normal:scenecut=0", 0);
    assert_int_equal(avcodec_open2(codec, encoder, &options), 0);
    av_dict_free(&options);
    *ret = (struct packets){ .codec = avcodec_parameters_alloc() };
    assert_true(avcodec_parameters_from_context(ret->codec, codec) >= 0);
    for (int i = from; i < to; i++) {
        AVFrame *frame = test_video_picture(AV_PIX_FMT_YUV420P, WIDTH, HEIGHT, i);
        frame->pts = (int64_t)i * FRAME_TICKS;
        assert_int_equal(avcodec_send_frame(codec, frame), 0);
        av_frame_free(&frame);
        receive(codec, ret);
    }
    assert_int_equal(avcodec_send_frame(codec, NULL), 0);
    receive(codec, ret);
    avcodec_free_context(&codec);
    assert_int_equal(ret->count, to - from);
}

// A sound that changes all the time: a tone whose loudness and pitch go up and down.
static float sound(int64_t n)
{
    const double t = (double)n / AUDIO_RATE;
    return (float)(0.4 * sin(2 * M_PI * 500 * t) * (0.5 + 0.5 * sin(2 * M_PI * 3.1 * t * (1 + t))));
}

// `count` samples; pts in samples, priming before 0.
static void encode_audio(int64_t count, struct packets *ret)
{
    const AVCodec *const encoder = avcodec_find_encoder_by_name("aac");
    AVCodecContext *codec = avcodec_alloc_context3(encoder);
    codec->sample_rate = AUDIO_RATE;
    codec->sample_fmt = AV_SAMPLE_FMT_FLTP;
    codec->bit_rate = 96000;
    codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    codec->time_base = (AVRational){ 1, AUDIO_RATE };
    av_channel_layout_default(&codec->ch_layout, 1);
    assert_int_equal(avcodec_open2(codec, encoder, NULL), 0);
    *ret = (struct packets){ .codec = avcodec_parameters_alloc() };
    assert_true(avcodec_parameters_from_context(ret->codec, codec) >= 0);
    for (int64_t at = 0; at < count; at += AUDIO_FRAME_SAMPLES) {
        AVFrame *frame = av_frame_alloc();
        frame->format = AV_SAMPLE_FMT_FLTP;
        frame->sample_rate = AUDIO_RATE;
        frame->nb_samples =
            (int)(count - at < AUDIO_FRAME_SAMPLES ? count - at : AUDIO_FRAME_SAMPLES);
        frame->pts = at;
        av_channel_layout_default(&frame->ch_layout, 1);
        assert_int_equal(av_frame_get_buffer(frame, 0), 0);
        for (int i = 0; i < frame->nb_samples; i++)
            ((float *)(void *)frame->data[0])[i] = sound(at + i);
        assert_int_equal(avcodec_send_frame(codec, frame), 0);
        av_frame_free(&frame);
        receive(codec, ret);
    }
    assert_int_equal(avcodec_send_frame(codec, NULL), 0);
    receive(codec, ret);
    avcodec_free_context(&codec);
}

static void write_part(const struct packets *packets, struct fragment_params params,
                       struct made *ret)
{
    struct sr_err err = { 0 };
    *ret = (struct made){ 0 };
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_auto(fragment_writer) struct fragment_writer *writer = NULL;
    sr_assert_ok(sr_memory_writer_open(&ret->data, &ret->bytes, &out, &err), err);
    params.codec = packets->codec;
    params.first_sequence = 1;
    params.writer = &out;
    sr_assert_ok(fragment_writer_new(&params, &writer, &err), err);
    const bool is_video = packets->codec->codec_type == AVMEDIA_TYPE_VIDEO;
    for (size_t i = 0; i < packets->count; i++) {
        const bool starts = is_video && i > 0 && (packets->list[i]->flags & AV_PKT_FLAG_KEY) != 0;
        sr_assert_ok(fragment_writer_add(writer, packets->list[i], starts, &err), err);
    }
    sr_assert_ok(fragment_writer_end(writer, &ret->part, &err), err);
    sr_assert_ok(out.ops->publish(out.self, &err), err);
}

static void swap_data(AVPacket *a, AVPacket *b)
{
    AVBufferRef *const buffer = a->buf;
    uint8_t *const data = a->data;
    const int size = a->size;
    a->buf = b->buf;
    a->data = b->data;
    a->size = b->size;
    b->buf = buffer;
    b->data = data;
    b->size = size;
}

// A slice whose entropy-coded part is all ones: the headers are whole, the rest is not.
static void break_picture(AVPacket *packet)
{
    assert_int_equal(av_packet_make_writable(packet), 0);
    for (int i = packet->size / 4; i < packet->size; i++)
        packet->data[i] = 0xff;
}

static void spoil_video(struct packets *packets, enum spoil spoil)
{
    switch (spoil) {
    case SPOIL_DROP:
        av_packet_free(&packets->list[11]);
        memmove(packets->list + 11, packets->list + 12,
                (packets->count - 12) * sizeof(packets->list[0]));
        packets->count--;
        break;
    case SPOIL_SWAP: swap_data(packets->list[10], packets->list[12]); break;
    case SPOIL_REPEAT: {
        // The sample's bytes come a second time in the place of the next one.
        AVPacket *again = av_packet_clone(packets->list[10]);
        swap_data(again, packets->list[11]);
        av_packet_free(&again);
        break;
    }
    case SPOIL_LATE:
        for (size_t i = 0; i < packets->count; i++)
            packets->list[i]->pts += FRAME_TICKS;
        break;
    case SPOIL_BYTE:
        assert_int_equal(av_packet_make_writable(packets->list[9]), 0);
        packets->list[9]->data[packets->list[9]->size - 3] ^= 4;
        break;
    case SPOIL_HEAD: break_picture(packets->list[0]); break;
    case SPOIL_TAIL: break_picture(packets->list[SEGMENT_PICTURES / 2]); break;
    case SPOIL_NOTHING: break;
    }
}

struct title {
    struct made video[SEGMENTS], audio;
    struct mux_part parts[SEGMENTS + 1];
    struct mux_track tracks[2];
};

// One title; segment `spoiled` (from 1; 0: none) is spoilt.
static void make_title(struct title *title, enum spoil spoil, int spoiled, int64_t audio_late)
{
    for (int i = 0; i < SEGMENTS; i++) {
        struct packets packets;
        encode_video(i * SEGMENT_PICTURES, (i + 1) * SEGMENT_PICTURES, &packets);
        int64_t end = (int64_t)(i + 1) * SEGMENT_PICTURES * FRAME_TICKS;
        const int64_t start = (int64_t)i * SEGMENT_PICTURES * FRAME_TICKS;
        if (i + 1 == spoiled)
            spoil_video(&packets, spoil);
        end += i + 1 == spoiled && spoil == SPOIL_LATE ? FRAME_TICKS : 0;
        write_part(&packets,
                   (struct fragment_params){ .time_base = { 1, TIMESCALE },
                                             .rate = { 25, 1 },
                                             .start_pts = start,
                                             .end_pts = end,
                                             .shift_ticks = SHIFT },
                   &title->video[i]);
        packets_done(&packets);
        title->parts[i] = (struct mux_part){ &title->video[i].part, open_made, &title->video[i] };
    }
    const int64_t samples = (int64_t)SEGMENTS * SEGMENT_PICTURES * AUDIO_RATE / 25;
    struct packets packets;
    encode_audio(samples, &packets);
    for (size_t i = 0; i < packets.count; i++)
        packets.list[i]->pts += audio_late;
    write_part(&packets,
               (struct fragment_params){ .time_base = { 1, AUDIO_RATE },
                                         .start_pts = audio_late,
                                         .end_pts = audio_late + samples,
                                         .shift_ticks = AUDIO_FRAME_SAMPLES,
                                         .language = "eng" },
               &title->audio);
    title->audio.part.priming_samples = AUDIO_FRAME_SAMPLES;
    packets_done(&packets);
    title->parts[SEGMENTS] = (struct mux_part){ &title->audio.part, open_made, &title->audio };
    title->tracks[0] = (struct mux_track){ MEDIA_VIDEO, "", true, SEGMENTS, &title->parts[0] };
    title->tracks[1] = (struct mux_track){ MEDIA_AUDIO, "eng", true, 1, &title->parts[SEGMENTS] };
}

static void title_done(struct title *title)
{
    for (int i = 0; i < SEGMENTS; i++) {
        track_part_done(&title->video[i].part);
        free(title->video[i].data);
    }
    track_part_done(&title->audio.part);
    free(title->audio.data);
}

static void mux_title(const struct title *title, bool is_fragmented, uint8_t **ret_data,
                      size_t *ret_bytes)
{
    struct sr_err err = { 0 };
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_assert_ok(sr_memory_writer_open(ret_data, ret_bytes, &out, &err), err);
    const struct mux_params params = { .track_count = 2, .tracks = title->tracks, .writer = &out };
    if (is_fragmented)
        sr_assert_ok(mux_fragmented(&params, &err), err);
    else
        sr_assert_ok(mux_mp4(&params, &err), err);
    sr_assert_ok(out.ops->publish(out.self, &err), err);
}

static void look(const uint8_t *data, size_t bytes, const struct title *title,
                 struct verify_result *ret)
{
    struct sr_err err = { 0 };
    struct media_source source = { .name = "out.mp4" };
    sr_assert_ok(sr_memory_reader_open(data, bytes, &source.reader, &err), err);
    sr_assert_ok(verify_output(&source, title->tracks, 2, ret, &err), err);
    sr_reader_close(&source.reader);
}

// The first finding must name the segment.
static void expect(const struct verify_result *result, int64_t segment, const char *words)
{
    if (segment < 0) {
        if (result->verdict != VERIFY_PASS)
            fail_msg("FAIL: %s", result->findings[0].message);
        return;
    }
    assert_int_equal(result->verdict, VERIFY_FAIL);
    assert_true(result->finding_count > 0);
    if (result->findings[0].segment_number != segment ||
        !strstr(result->findings[0].message, words))
        fail_msg("\"%s\" of segment %" PRId64 ", want \"%s\" of %" PRId64,
                 result->findings[0].message, result->findings[0].segment_number, words, segment);
}

static void what_was_made_passes(void **state)
{
    (void)state;
    struct title title;
    make_title(&title, SPOIL_NOTHING, 0, 0);
    for (int is_fragmented = 0; is_fragmented < 2; is_fragmented++) {
        uint8_t *data;
        size_t bytes;
        struct verify_result result;
        mux_title(&title, is_fragmented, &data, &bytes);
        look(data, bytes, &title, &result);
        expect(&result, -1, "");
        assert_int_equal(result.frames_seen, SEGMENTS * SEGMENT_PICTURES);
        assert_int_equal(result.samples_seen, SEGMENTS * SEGMENT_PICTURES * AUDIO_RATE / 25);
        // 3 pictures after each seam, and 3 of the last group.
        assert_int_equal(result.frames_decoded, SEGMENTS * 6);
        struct sr_err err = { 0 };
        sr_auto(json) json_t *json = NULL;
        sr_assert_ok(verify_json(&result, &json, &err), err);
        assert_string_equal(json_string_value(json_object_get(json, "verdict")), "PASS");
        free(data);
    }
    title_done(&title);
}

static const struct row {
    const char *name;
    enum spoil spoil;
    int spoiled;
    int64_t audio_late;
    bool agrees;  // the documents are those of what was spoilt
    int64_t segment;
    const char *words;
} rows[] = {
    { "a picture is dropped", SPOIL_DROP, 3, 0, false, 3, "" },
    { "a picture of the last segment is dropped", SPOIL_DROP, 4, 0, false, 4, "" },
    { "a sample takes another's place", SPOIL_REPEAT, 2, 0, false, 2, "twice" },
    { "two samples are swapped", SPOIL_SWAP, 2, 0, false, 2, "missing" },
    { "a segment comes a picture late", SPOIL_LATE, 4, 0, false, 4, "want" },
    { "one byte is not what was made", SPOIL_BYTE, 1, 0, false, 1, "bytes" },
    { "sound comes a frame late", SPOIL_NOTHING, 0, AUDIO_FRAME_SAMPLES, false, 1, "want" },
    { "a picture after the seam cannot be decoded", SPOIL_HEAD, 3, 0, true, 3, "picture at" },
    { "a picture before the seam cannot be decoded", SPOIL_TAIL, 2, 0, true, 2, "picture at" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct title right, wrong;
    make_title(&right, SPOIL_NOTHING, 0, 0);
    make_title(&wrong, row->spoil, row->spoiled, row->audio_late);
    uint8_t *data;
    size_t bytes;
    struct verify_result result;
    mux_title(&wrong, false, &data, &bytes);
    look(data, bytes, row->agrees ? &wrong : &right, &result);
    expect(&result, row->segment, row->words);
    free(data);
    title_done(&right);
    title_done(&wrong);
}

static void a_spoilt_file_is_a_finding(void **state)
{
    (void)state;
    struct title title;
    make_title(&title, SPOIL_NOTHING, 0, 0);
    uint8_t *data;
    size_t bytes;
    struct verify_result result;
    mux_title(&title, false, &data, &bytes);

    look(data, bytes - 100, &title, &result);  // the last samples are cut
    assert_int_equal(result.verdict, VERIFY_FAIL);
    look(data, 20, &title, &result);
    expect(&result, 0, "out.mp4: cannot be opened");
    look(data, 0, &title, &result);
    assert_int_equal(result.verdict, VERIFY_FAIL);
    // Every byte of the head matters, or is one that no reader looks at: never a crash, never an
    // error.
    for (size_t i = 0; i < 3000 && i < bytes; i += 7) {
        data[i] ^= 0x55;
        look(data, bytes, &title, &result);
        data[i] ^= 0x55;
    }
    look(data, bytes, &title, &result);
    expect(&result, -1, "");
    free(data);
    title_done(&title);
}

static void documents_that_do_not_meet(void **state)
{
    (void)state;
    struct title title;
    make_title(&title, SPOIL_NOTHING, 0, 0);
    uint8_t *data;
    size_t bytes;
    struct verify_result result;
    mux_title(&title, false, &data, &bytes);
    title.video[2].part.start_pts += 5;
    look(data, bytes, &title, &result);
    expect(&result, 3, "begins at");
    title.video[2].part.start_pts -= 5;
    title.video[1].part.frame_count++;
    look(data, bytes, &title, &result);
    expect(&result, 2, "pictures");
    title.video[1].part.frame_count--;
    title.audio.part.end_pts--;
    look(data, bytes, &title, &result);
    expect(&result, 1, "its sound ends at");
    title.audio.part.end_pts++;
    title.tracks[0].part_count--;
    look(data, bytes, &title, &result);
    assert_int_equal(result.verdict, VERIFY_FAIL);
    free(data);
    title.tracks[0].part_count++;
    title_done(&title);
}

static bool cut_read(void *self, uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                     struct sr_err *err)
{
    (void)self;
    (void)offset;
    (void)buffer;
    (void)bytes;
    (void)ret_bytes;
    return sr_fail(err, SR_ERR_NETWORK, "the cable was cut");
}
static uint64_t cut_size(void *self)
{
    (void)self;
    return 1000;
}
static void cut_close(void *self)
{
    (void)self;
}

static void what_keeps_it_from_looking_is_an_error(void **state)
{
    (void)state;
    static const struct sr_reader_ops ops = { cut_read, cut_size, cut_close };
    struct title title;
    make_title(&title, SPOIL_NOTHING, 0, 0);
    struct verify_result result;
    struct sr_err err = { 0 };
    const struct media_source source = { .reader = { &ops, NULL }, .name = "out.mp4" };
    sr_assert_fails(verify_output(&source, title.tracks, 2, &result, &err), SR_ERR_NETWORK, err);
    title_done(&title);
}

int main(void)
{
    media_log_init();
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 4];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_was_made_passes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_spoilt_file_is_a_finding);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(documents_that_do_not_meet);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_keeps_it_from_looking_is_an_error);
    return sr_test_run(__FILE__, tests, count);
}
