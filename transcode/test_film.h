// transcode/test_film.h - for tests: clips made in memory, cut and transcoded in one way or
// another, and the film that a decoder sees who never hears of the cuts.
#pragma once

#include <libavutil/imgutils.h>

#include "transcode/segment_transcode.h"
#include "transcode/test_video.h"

// Sources -----------------------------------------------------------------------------------------

struct clip {
    const char *encoder, *options;  // "ffv1" keeps every sample
    const char *format;             // pixel format
    const char *container;
    int width, height, count, gop;
    struct media_rational time_base;
    int64_t step;    // ticks from picture to picture ...
    int64_t uneven;  // ... and more after every third
    bool is_interlaced;
};

struct source {
    uint8_t *data;
    struct media_source media;
    struct media_stream stream;
    struct probe probe;
    struct packet_table *table;
    struct keyframe_index *index;
    const struct clip *clip;
};

static inline int64_t clip_time(const struct clip *clip, int number)
{
    return number * clip->step + number / 3 * clip->uneven;
}

static inline void mux_packets(AVCodecContext *codec, AVFormatContext *muxer, AVPacket *packet,
                               int64_t step)
{
    while (avcodec_receive_packet(codec, packet) >= 0) {
        packet->duration = step;
        av_packet_rescale_ts(packet, codec->time_base, muxer->streams[0]->time_base);
        assert_true(av_write_frame(muxer, packet) >= 0);
        av_packet_unref(packet);
    }
}

static inline uint8_t *make_clip(const struct clip *clip, size_t *ret_bytes)
{
    const AVCodec *type = avcodec_find_encoder_by_name(clip->encoder);
    assert_non_null(type);
    AVCodecContext *codec = avcodec_alloc_context3(type);
    const enum AVPixelFormat format = av_get_pix_fmt(clip->format);
    codec->width = clip->width;
    codec->height = clip->height;
    codec->pix_fmt = format;
    codec->time_base = (AVRational){ clip->time_base.num, clip->time_base.den };
    codec->gop_size = clip->gop;
    codec->thread_count = 1;
    codec->flags = AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    if (clip->is_interlaced) {
        codec->flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;
        codec->field_order = AV_FIELD_TT;
    }
    AVDictionary *options = NULL;
    assert_true(av_dict_parse_string(&options, clip->options, "=", ",", 0) >= 0);
    assert_true(avcodec_open2(codec, type, &options) >= 0);
    av_dict_free(&options);
    AVFormatContext *muxer;
    assert_true(avformat_alloc_output_context2(&muxer, NULL, clip->container, NULL) >= 0);
    muxer->flags |= AVFMT_FLAG_BITEXACT;
    assert_true(avio_open_dyn_buf(&muxer->pb) >= 0);
    AVStream *stream = avformat_new_stream(muxer, NULL);
    assert_true(avcodec_parameters_from_context(stream->codecpar, codec) >= 0);
    stream->time_base = codec->time_base;
    assert_true(avformat_write_header(muxer, NULL) >= 0);
    AVPacket *packet = av_packet_alloc();
    for (int i = 0; i < clip->count; i++) {
        AVFrame *frame = test_video_picture(format, clip->width, clip->height, i);
        frame->pts = clip_time(clip, i);
        frame->interlaced_frame = frame->top_field_first = clip->is_interlaced;
        assert_true(avcodec_send_frame(codec, frame) >= 0);
        av_frame_free(&frame);
        mux_packets(codec, muxer, packet, clip->step);
    }
    assert_true(avcodec_send_frame(codec, NULL) >= 0);
    mux_packets(codec, muxer, packet, clip->step);
    av_packet_free(&packet);
    assert_true(av_write_trailer(muxer) >= 0);
    uint8_t *data;
    *ret_bytes = (size_t)avio_close_dyn_buf(muxer->pb, &data);
    avformat_free_context(muxer);
    avcodec_free_context(&codec);
    return data;
}

static inline void source_open(struct source *source, const struct clip *clip)
{
    struct sr_err err;
    size_t bytes;
    *source = (struct source){ .clip = clip };
    source->data = make_clip(clip, &bytes);
    source->media.name = "clip";
    sr_assert_ok(sr_memory_reader_open(source->data, bytes, &source->media.reader, &err), err);
    source->stream = (struct media_stream){ .kind = MEDIA_VIDEO };
    source->stream.video.width = clip->width;
    source->stream.video.height = clip->height;
    source->stream.video.sample_aspect = (struct media_rational){ 1, 1 };
    source->stream.video.is_interlaced = clip->is_interlaced;
    source->stream.video.field_order = clip->is_interlaced ? MEDIA_TOP_FIRST : MEDIA_PROGRESSIVE;
    source->stream.video.reorder_depth = strcmp(clip->encoder, "libx264") == 0 ? 2 : 0;
    source->stream.video.colour = (struct media_colour){ 1, 1, 1, 1, 1 };
    assert_true(sr_format(source->stream.video.pixel_format, 32, "%s", clip->format));
    source->probe = (struct probe){ .stream_count = 1, .streams = &source->stream };
    sr_assert_ok(packet_table_new(&source->media, &source->probe, 0, &source->table, &err), err);
    sr_assert_ok(keyframe_index_new(source->table, &source->index, &err), err);
}

static inline void source_close(struct source *source)
{
    keyframe_index_free(source->index);
    packet_table_free(source->table);
    sr_reader_close(&source->media.reader);
    av_free(source->data);
}

static const struct clip open_gop = {
    "libx264", "preset=veryfast,bf=3,x264-params=open-gop=1:keyint=12:min-keyint=12",
    "yuv420p", "matroska",
    160,       96,
    100,       12,
    { 1, 25 }, 1,
    0,         false
};
static const struct clip vfr = { "libx264", "preset=veryfast,bf=3", "yuv420p", "mp4", 160,  96, 100,
                                 10,        { 1, 12800 },           512,       3000,  false };
static const struct clip ntsc = {
    "libx264", "preset=veryfast,bf=2", "yuv420p", "matroska", 160,  96, 90,
    15,        { 1001, 30000 },        1,         0,          false
};

// Transcoding -------------------------------------------------------------------------------------

enum { PARTS_MAX = 64 };

struct part {
    uint8_t *data;
    size_t bytes;
    struct track_part track;
};

struct result {
    size_t count;
    struct part parts[PARTS_MAX];
};

static inline void result_done(struct result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        free(result->parts[i].data);
        track_part_done(&result->parts[i].track);
    }
    result->count = 0;
}

static inline struct rendition asked_for(double crf)
{
    return (struct rendition){
        .id = "r", .kind = MEDIA_VIDEO, .codec = "h264", .crf = crf, .preset = "ultrafast"
    };
}

static inline struct rendition_video resolved(const struct source *source,
                                              const struct rendition *asked)
{
    struct sr_err err;
    struct rendition_video video;
    sr_assert_ok(rendition_resolve(asked, &source->stream, source->table, &video, &err), err);
    return video;
}

struct way {
    enum segment_mode mode;
    int64_t segment_us, gop_us;
    int threads;
};
static const struct way whole = { SEGMENT_OFF, 0, 500000, 1 };

// Every segment of a plan; result[i] is that of rendition i.
static inline void transcode(const struct source *source, const struct rendition_video *videos,
                             size_t video_count, const struct way *way, struct result *results)
{
    struct sr_err err;
    sr_auto(segment_plan) struct segment_plan *plan = NULL;
    sr_assert_ok(segment_plan_new(&(struct segment_plan_params){ .table = source->table,
                                                                 .index = source->index,
                                                                 .mode = way->mode,
                                                                 .target_us = way->segment_us,
                                                                 .gop_us = way->gop_us,
                                                                 .media_segment_us = way->gop_us },
                                  &plan, &err),
                 err);
    assert_true(plan->segment_count <= PARTS_MAX);
    for (size_t i = 0; i < plan->segment_count; i++) {
        struct segment_output outputs[8];
        struct sr_writer writers[8] = { 0 };
        for (size_t r = 0; r < video_count; r++) {
            struct part *part = &results[r].parts[i];
            results[r].count = i + 1;
            *part = (struct part){ 0 };
            sr_assert_ok(sr_memory_writer_open(&part->data, &part->bytes, &writers[r], &err), err);
            outputs[r] = (struct segment_output){ &videos[r], &writers[r], &part->track };
        }
        const struct segment_transcode_params params = {
            .decode = { .source = &source->media,
                        .probe = &source->probe,
                        .table = source->table,
                        .index = source->index,
                        .segment = plan->segment[i],
                        .is_first = i == 0,
                        .is_last = i + 1 == plan->segment_count },
            .segment_index = i,
            .mode = way->mode,
            .gop_us = way->gop_us,
            .encoder_threads = way->threads,
            .zero_pts = source->table->start_pts,
            .zero_base = source->table->time_base,
            .output_count = video_count,
            .outputs = outputs,
        };
        sr_assert_ok(segment_transcode(&params, &err), err);
        for (size_t r = 0; r < video_count; r++) {
            sr_assert_ok(writers[r].ops->publish(writers[r].self, &err), err);
            sr_writer_close(&writers[r]);
        }
    }
}

// Looking -----------------------------------------------------------------------------------------

struct seen {
    int64_t pts;
    AVFrame *frame;
};

struct film {
    size_t count;
    struct seen seen[4096];
};

static inline void film_done(struct film *film)
{
    for (size_t i = 0; i < film->count; i++)
        av_frame_free(&film->seen[i].frame);
    free(film);
}

static inline void take_pictures(AVCodecContext *codec, struct film *film, int64_t shift)
{
    AVFrame *frame = av_frame_alloc();
    while (avcodec_receive_frame(codec, frame) >= 0) {
        assert_true(film->count < 4096);
        film->seen[film->count++] = (struct seen){ frame->pts - shift, frame };
        frame = av_frame_alloc();
    }
    av_frame_free(&frame);
}

// Decodes all parts one after the other with one decoder that never hears of the seams.
static inline struct film *watch(const struct result *result)
{
    struct sr_err err;
    struct film *film = calloc(1, sizeof(*film));
    assert_non_null(film);
    AVCodecContext *codec = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
    codec->err_recognition = AV_EF_EXPLODE;
    for (size_t i = 0; i < result->count; i++) {
        const struct part *part = &result->parts[i];
        if (part->track.sample_count == 0)
            continue;
        struct media_source source = { .name = "part" };
        sr_assert_ok(sr_memory_reader_open(part->data, part->bytes, &source.reader, &err), err);
        AVFormatContext *demuxer = NULL;
        sr_assert_ok(media_demuxer_open(&source, &demuxer, &err), err);
        if (!avcodec_is_open(codec)) {
            avcodec_parameters_to_context(codec, demuxer->streams[0]->codecpar);
            codec->thread_count = 1;
            assert_int_equal(avcodec_open2(codec, NULL, NULL), 0);
        }
        AVPacket *packet = av_packet_alloc();
        while (media_demuxer_read(demuxer, packet, &err) == MEDIA_READ_PACKET) {
            assert_int_equal(avcodec_send_packet(codec, packet), 0);
            take_pictures(codec, film, part->track.shift_ticks);
            av_packet_unref(packet);
        }
        av_packet_free(&packet);
        media_demuxer_close(&demuxer);
        sr_reader_close(&source.reader);
    }
    if (avcodec_is_open(codec)) {
        assert_int_equal(avcodec_send_packet(codec, NULL), 0);
        take_pictures(codec, film, result->parts[0].track.shift_ticks);
    }
    avcodec_free_context(&codec);
    return film;
}

// Parts that packaging can put behind each other.
static inline void check_parts(const struct result *result, int64_t total)
{
    int64_t frames = 0;
    for (size_t i = 0; i < result->count; i++) {
        const struct track_part *part = &result->parts[i].track;
        const struct track_part *first = &result->parts[0].track;
        assert_string_equal(part->init_sha256, first->init_sha256);
        assert_memory_equal(result->parts[i].data, result->parts[0].data, part->init_bytes);
        assert_int_equal(part->shift_ticks, first->shift_ticks);
        if (i > 0)
            assert_int_equal(part->start_pts, result->parts[i - 1].track.end_pts);
        if (part->sample_count > 0) {
            assert_true(part->samples[0].is_key);
            assert_int_equal(part->samples[0].dts + part->shift_ticks, part->start_pts);
        }
        for (size_t s = 1; s < part->sample_count; s++)
            assert_true(part->samples[s].dts > part->samples[s - 1].dts);
        const struct track_account *account = &part->account;
        assert_int_equal(account->packets,
                         account->shown + account->hidden + account->discarded + account->damaged);
        frames += part->frame_count;
    }
    assert_int_equal(frames, total);
}

static inline void assert_same_film(const struct film *got, const struct film *want)
{
    assert_int_equal(got->count, want->count);
    for (size_t i = 0; i < want->count; i++) {
        const AVFrame *a = got->seen[i].frame, *b = want->seen[i].frame;
        assert_int_equal(got->seen[i].pts, want->seen[i].pts);
        assert_int_equal(a->format, b->format);
        int width[4];
        assert_true(av_image_fill_linesizes(width, (enum AVPixelFormat)a->format, a->width) >= 0);
        const AVPixFmtDescriptor *info = av_pix_fmt_desc_get((enum AVPixelFormat)a->format);
        for (int plane = 0; plane < 3; plane++) {
            const int height = plane ? AV_CEIL_RSHIFT(a->height, info->log2_chroma_h) : a->height;
            for (int y = 0; y < height; y++) {
                if (memcmp(a->data[plane] + y * a->linesize[plane],
                           b->data[plane] + y * b->linesize[plane], (size_t)width[plane]) != 0)
                    fail_msg("picture %zu differs in row %d of plane %d", i, y, plane);
            }
        }
    }
}

static inline void assert_same_bytes(const struct result *a, const struct result *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->parts[i].bytes, b->parts[i].bytes);
        assert_memory_equal(a->parts[i].data, b->parts[i].data, a->parts[i].bytes);
    }
}
