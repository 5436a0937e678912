// transcode/test_title.h - for tests: a title of several segments and a track of sound, encoded in
// memory, right or spoilt in one place.
#pragma once

#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <math.h>

#include "base/str.h"
#include "base/test.h"
#include "transcode/fragment.h"
#include "transcode/media_io.h"
#include "transcode/mux.h"
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

static inline bool open_made(void *self, struct sr_reader *ret_reader, struct sr_err *err)
{
    struct made *const made = self;
    return sr_memory_reader_open(made->data, made->bytes, ret_reader, err);
}

static inline void receive(AVCodecContext *codec, struct packets *ret)
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

static inline void packets_done(struct packets *packets)
{
    for (size_t i = 0; i < packets->count; i++)
        av_packet_free(&packets->list[i]);
    avcodec_parameters_free(&packets->codec);
}

// Pictures from..to as one closed segment with B-frames and a second key frame in its middle.
// `number_of` (NULL: itself) is the number that a picture shows.
static inline void encode_video(int from, int to, int (*number_of)(int), struct packets *ret)
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
        AVFrame *frame =
            test_video_picture(AV_PIX_FMT_YUV420P, WIDTH, HEIGHT, number_of ? number_of(i) : i);
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
static inline float sound(int64_t n)
{
    const double t = (double)n / AUDIO_RATE;
    return (float)(0.4 * sin(2 * M_PI * 500 * t) * (0.5 + 0.5 * sin(2 * M_PI * 3.1 * t * (1 + t))));
}

// `count` samples, of the sound from `from` on; pts in samples, priming before 0.
static inline void encode_audio(int64_t from, int64_t count, struct packets *ret)
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
            ((float *)(void *)frame->data[0])[i] = sound(from + at + i);
        assert_int_equal(avcodec_send_frame(codec, frame), 0);
        av_frame_free(&frame);
        receive(codec, ret);
    }
    assert_int_equal(avcodec_send_frame(codec, NULL), 0);
    receive(codec, ret);
    avcodec_free_context(&codec);
}

static inline void write_part(const struct packets *packets, struct fragment_params params,
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

static inline void swap_data(AVPacket *a, AVPacket *b)
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
static inline void break_picture(AVPacket *packet)
{
    assert_int_equal(av_packet_make_writable(packet), 0);
    for (int i = packet->size / 4; i < packet->size; i++)
        packet->data[i] = 0xff;
}

static inline void spoil_video(struct packets *packets, enum spoil spoil)
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

struct title_params {
    enum spoil spoil;
    int spoiled;            // segment, from 1; 0: none
    int64_t audio_late;     // samples that its times are late
    int64_t sound_from;     // sample of the sound that comes first
    int64_t sound_less;     // samples that it is shorter
    int (*number_of)(int);  // picture that is shown as number n; NULL: itself
};

static inline void make_title(struct title *title, const struct title_params *params)
{
    for (int i = 0; i < SEGMENTS; i++) {
        struct packets packets;
        encode_video(i * SEGMENT_PICTURES, (i + 1) * SEGMENT_PICTURES, params->number_of, &packets);
        int64_t end = (int64_t)(i + 1) * SEGMENT_PICTURES * FRAME_TICKS;
        const int64_t start = (int64_t)i * SEGMENT_PICTURES * FRAME_TICKS;
        if (i + 1 == params->spoiled)
            spoil_video(&packets, params->spoil);
        end += i + 1 == params->spoiled && params->spoil == SPOIL_LATE ? FRAME_TICKS : 0;
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
    const int64_t audio_late = params->audio_late;
    const int64_t samples =
        (int64_t)SEGMENTS * SEGMENT_PICTURES * AUDIO_RATE / 25 - params->sound_less;
    struct packets packets;
    encode_audio(params->sound_from, samples, &packets);
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

static inline void title_done(struct title *title)
{
    for (int i = 0; i < SEGMENTS; i++) {
        track_part_done(&title->video[i].part);
        free(title->video[i].data);
    }
    track_part_done(&title->audio.part);
    free(title->audio.data);
}

static inline void mux_title(const struct title *title, bool is_fragmented, uint8_t **ret_data,
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
