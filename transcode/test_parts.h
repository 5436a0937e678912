// transcode/test_parts.h - for tests: parts of made-up samples, as encoding tasks would leave them;
// an output that can only be added to; and what libavformat reads from it.
#pragma once

#include <inttypes.h>
#include <libavutil/crc.h>

#include "base/str.h"
#include "base/test.h"
#include "transcode/box.h"
#include "transcode/fragment.h"
#include "transcode/media_io.h"
#include "transcode/mux.h"

// Parts -------------------------------------------------------------------------------------------

struct made {
    struct track_part part;
    uint8_t *data;
    size_t bytes;
    int opened;  // how often, less how often closed
};

struct made_reader {
    struct sr_reader inner;
    struct made *made;
};

static inline bool made_read(void *self, uint64_t offset, void *buffer, size_t bytes,
                             size_t *ret_bytes, struct sr_err *err)
{
    struct made_reader *reader = self;
    return sr_read_at(&reader->inner, offset, buffer, bytes, ret_bytes, err);
}
static inline uint64_t made_size(void *self)
{
    return sr_reader_size(&((struct made_reader *)self)->inner);
}
static inline void made_close(void *self)
{
    struct made_reader *reader = self;
    reader->made->opened--;
    sr_reader_close(&reader->inner);
    free(reader);
}

static inline bool open_made(void *self, struct sr_reader *ret_reader, struct sr_err *err)
{
    static const struct sr_reader_ops ops = { made_read, made_size, made_close };
    struct made *made = self;
    struct made_reader *reader = calloc(1, sizeof(*reader));
    reader->made = made;
    if (!sr_memory_reader_open(made->data, made->bytes, &reader->inner, err)) {
        free(reader);
        return false;
    }
    made->opened++;
    *ret_reader = (struct sr_reader){ &ops, reader };
    return true;
}

static inline void made_done(struct made *made)
{
    assert_int_equal(made->opened, 0);
    track_part_done(&made->part);
    free(made->data);
    *made = (struct made){ 0 };
}

static const uint8_t avcc[] = { 1,    0x64, 0,    0x1f, 0xff, 0xe1, 0,    10, 0x67,
                                0x64, 0,    0x1f, 0xac, 0xd9, 0x40, 0x50, 5,  0xbb,
                                1,    0,    4,    0x68, 0xef, 0xbc, 0xb0 };
static const uint8_t asc[] = { 0x11, 0x90 };

static inline void add(struct fragment_writer *writer, int64_t pts, uint8_t seed, int bytes,
                       bool is_key, bool starts)
{
    struct sr_err err = { 0 };
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    assert_int_equal(av_new_packet(packet, bytes), 0);
    memset(packet->data, seed, (size_t)bytes);
    if (bytes >= 4)
        box_set_u32(packet->data, (uint32_t)bytes - 4);  // one NAL unit
    packet->pts = pts;
    packet->flags = is_key ? AV_PKT_FLAG_KEY : 0;
    sr_assert_ok(fragment_writer_add(writer, packet, starts, &err), err);
}

struct shape {
    bool is_audio;
    int timescale;
    int64_t start, end, shift;
    int64_t pts[12];  // decode order
    size_t count;
    size_t cut;     // a new fragment before this sample; 0: none
    uint8_t level;  // in the codec header
};

static inline void make(const struct shape *shape, struct made *ret)
{
    struct sr_err err = { 0 };
    uint8_t header[sizeof(avcc)];
    memcpy(header, avcc, sizeof(avcc));
    header[3] = (uint8_t)(0x1f + shape->level);
    AVCodecParameters *codec = avcodec_parameters_alloc();
    codec->codec_type = shape->is_audio ? AVMEDIA_TYPE_AUDIO : AVMEDIA_TYPE_VIDEO;
    codec->codec_id = shape->is_audio ? AV_CODEC_ID_AAC : AV_CODEC_ID_H264;
    codec->width = 320;
    codec->height = 180;
    codec->sample_rate = 48000;
    codec->frame_size = 1024;
    av_channel_layout_default(&codec->ch_layout, 2);
    codec->extradata_size = shape->is_audio ? sizeof(asc) : sizeof(header);
    codec->extradata = av_mallocz((size_t)codec->extradata_size + AV_INPUT_BUFFER_PADDING_SIZE);
    memcpy(codec->extradata, shape->is_audio ? asc : header, (size_t)codec->extradata_size);

    *ret = (struct made){ 0 };
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_auto(fragment_writer) struct fragment_writer *writer = NULL;
    sr_assert_ok(sr_memory_writer_open(&ret->data, &ret->bytes, &out, &err), err);
    sr_assert_ok(
        fragment_writer_new(&(struct fragment_params){ .codec = codec,
                                                       .time_base = { 1, shape->timescale },
                                                       .rate = { 25, 1 },
                                                       .start_pts = shape->start,
                                                       .end_pts = shape->end,
                                                       .shift_ticks = shape->shift,
                                                       .first_sequence = 1,
                                                       .language = shape->is_audio ? "swe" : "",
                                                       .writer = &out },
                            &writer, &err),
        err);
    for (size_t i = 0; i < shape->count; i++)
        add(writer, shape->pts[i], (uint8_t)(i + 1), 100 + 10 * (int)i, i == 0 || shape->is_audio,
            shape->cut && i == shape->cut);
    sr_assert_ok(fragment_writer_end(writer, &ret->part, &err), err);
    sr_assert_ok(out.ops->publish(out.self, &err), err);
    avcodec_parameters_free(&codec);
}

// Two segments of video at 25 fps with B-frames that start at 0, and sound that starts a quarter of
// a second later: 1024 samples of priming, 5000 heard, 120 of padding.
struct title {
    struct made video[2], audio[1];
    struct mux_part parts[3];
    struct mux_track tracks[2];
};

static const struct shape video_1 = { .timescale = 12800,
                                      .start = 0,
                                      .end = 4096,
                                      .shift = 1024,
                                      .pts = { 0, 2048, 1024, 512, 1536, 3072, 2560, 3584 },
                                      .count = 8 };
static const struct shape video_2 = { .timescale = 12800,
                                      .start = 4096,
                                      .end = 6144,
                                      .shift = 1024,
                                      .pts = { 4096, 5632, 5120, 4608 },
                                      .count = 4 };
static const struct shape audio_1 = { .is_audio = true,
                                      .timescale = 48000,
                                      .start = 12000,
                                      .end = 17000,
                                      .shift = 1024,
                                      .cut = 3,
                                      .pts = { 10976, 12000, 13024, 14048, 15072, 16096 },
                                      .count = 6 };

static inline void make_title(struct title *title)
{
    make(&video_1, &title->video[0]);
    make(&video_2, &title->video[1]);
    make(&audio_1, &title->audio[0]);
    title->audio[0].part.priming_samples = 1024;
    title->audio[0].part.padding_samples = 120;
    struct made *all[] = { &title->video[0], &title->video[1], &title->audio[0] };
    for (int i = 0; i < 3; i++)
        title->parts[i] = (struct mux_part){ &all[i]->part, open_made, all[i] };
    title->tracks[0] = (struct mux_track){ MEDIA_VIDEO, "", false, 2, &title->parts[0] };
    title->tracks[1] = (struct mux_track){ MEDIA_AUDIO, "swe", false, 1, &title->parts[2] };
}

static inline void title_done(struct title *title)
{
    made_done(&title->video[0]);
    made_done(&title->video[1]);
    made_done(&title->audio[0]);
}

// Output ------------------------------------------------------------------------------------------

// Into memory, and nothing is ever rewritten: what is packaged may be a pipe.
struct sink {
    struct sr_str bytes;
};
static inline bool sink_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    return sr_str_add_bytes(&((struct sink *)self)->bytes, data, bytes, err);
}
static inline bool sink_rewrite(void *self, uint64_t offset, const void *data, size_t bytes,
                                struct sr_err *err)
{
    (void)self;
    (void)data;
    return sr_fail(err, SR_ERR_UNSUPPORTED, "rewrite of %zu at %" PRIu64, bytes, offset);
}
static inline bool sink_publish(void *self, struct sr_err *err)
{
    (void)self;
    return sr_fail(err, SR_ERR_INTERNAL, "publishing is the caller's");
}
static inline void sink_discard(void *self)
{
    (void)self;
}
static inline struct sr_writer sink_writer(struct sink *sink)
{
    static const struct sr_writer_ops ops = { sink_write, sink_rewrite, sink_publish,
                                              sink_discard };
    return (struct sr_writer){ &ops, sink };
}

typedef bool mux_fn(const struct mux_params *params, struct sr_err *err);

static inline bool run(mux_fn *mux, const struct title *title, struct sink *sink,
                       struct sr_err *err)
{
    struct sr_writer writer = sink_writer(sink);
    return mux(&(struct mux_params){ .track_count = 2, .tracks = title->tracks, .writer = &writer },
               err);
}

struct seen {
    int64_t pts[16], dts[16];
    uint32_t crc[16];
    size_t count;
};

// Reads a file with libavformat; times in the ticks of each stream.
static inline AVFormatContext *read_all(const void *data, size_t bytes, struct seen seen[2])
{
    struct sr_err err = { 0 };
    struct media_source source = { .name = "output" };
    AVFormatContext *demuxer = NULL;
    sr_assert_ok(sr_memory_reader_open(data, bytes, &source.reader, &err), err);
    sr_assert_ok(media_demuxer_open(&source, &demuxer, &err), err);
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    enum media_read read;
    while ((read = media_demuxer_read(demuxer, packet, &err)) == MEDIA_READ_PACKET) {
        struct seen *at = &seen[packet->stream_index];
        assert_true(at->count < 16);
        at->pts[at->count] = packet->pts;
        at->dts[at->count] = packet->dts;
        at->crc[at->count++] = av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), UINT32_MAX, packet->data,
                                      (size_t)packet->size) ^
                               UINT32_MAX;
        av_packet_unref(packet);
    }
    assert_int_equal(read, MEDIA_READ_END);
    sr_reader_close(&source.reader);  // the demuxer is not read any more
    return demuxer;
}

// Each sample of the documents, in order, at its time.
static inline void check_samples(const struct title *title, const struct seen seen[2])
{
    for (int t = 0; t < 2; t++) {
        size_t at = 0;
        for (size_t p = 0; p < title->tracks[t].part_count; p++) {
            const struct track_part *part = title->tracks[t].parts[p].part;
            for (size_t i = 0; i < part->sample_count; i++, at++) {
                assert_int_equal(seen[t].pts[at], part->samples[i].pts);
                assert_int_equal(seen[t].dts[at], part->samples[i].dts);
                assert_int_equal(seen[t].crc[at], part->samples[i].crc32);
            }
        }
        assert_int_equal(seen[t].count, at);
    }
}
