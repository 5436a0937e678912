// One segment into parts: every picture once, at its time, whatever the cuts, with the same bytes.
#include "transcode/segment_transcode.h"

#include <libavutil/cpu.h>
#include <libavutil/imgutils.h>

#include "transcode/media_log.h"
#include "transcode/test_video.h"

// Sources
// ------------------------------------------------------------------------------------------

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

static int64_t clip_time(const struct clip *clip, int number)
{
    return number * clip->step + number / 3 * clip->uneven;
}

static void mux_packets(AVCodecContext *codec, AVFormatContext *muxer, AVPacket *packet,
                        int64_t step)
{
    while (avcodec_receive_packet(codec, packet) >= 0) {
        packet->duration = step;
        av_packet_rescale_ts(packet, codec->time_base, muxer->streams[0]->time_base);
        assert_true(av_write_frame(muxer, packet) >= 0);
        av_packet_unref(packet);
    }
}

static uint8_t *make_clip(const struct clip *clip, size_t *ret_bytes)
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

static void source_open(struct source *source, const struct clip *clip)
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

static void source_close(struct source *source)
{
    keyframe_index_free(source->index);
    packet_table_free(source->table);
    sr_reader_close(&source->media.reader);
    av_free(source->data);
}

// Transcoding
// --------------------------------------------------------------------------------------

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

static void result_done(struct result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        free(result->parts[i].data);
        track_part_done(&result->parts[i].track);
    }
    result->count = 0;
}

static struct rendition asked_for(double crf)
{
    return (struct rendition){
        .id = "r", .kind = MEDIA_VIDEO, .codec = "h264", .crf = crf, .preset = "ultrafast"
    };
}

static struct rendition_video resolved(const struct source *source, const struct rendition *asked)
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
static void transcode(const struct source *source, const struct rendition_video *videos,
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

// Looking
// ------------------------------------------------------------------------------------------

struct seen {
    int64_t pts;
    AVFrame *frame;
};

struct film {
    size_t count;
    struct seen seen[4096];
};

static void film_done(struct film *film)
{
    for (size_t i = 0; i < film->count; i++)
        av_frame_free(&film->seen[i].frame);
    free(film);
}

static void take_pictures(AVCodecContext *codec, struct film *film, int64_t shift)
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
static struct film *watch(const struct result *result)
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
static void check_parts(const struct result *result, int64_t total)
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

static void assert_same_film(const struct film *got, const struct film *want)
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

static void assert_same_bytes(const struct result *a, const struct result *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->parts[i].bytes, b->parts[i].bytes);
        assert_memory_equal(a->parts[i].data, b->parts[i].data, a->parts[i].bytes);
    }
}

// Every picture once, at its time
// ------------------------------------------------------------------

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
static const struct clip one_picture = {
    "libx264", "preset=veryfast", "yuv420p", "mp4", 160, 96, 1, 10, { 1, 25 }, 1, 0, false
};
static const struct clip lossless = { "rawvideo", "", "yuv420p", "matroska", 160, 96,
                                      50,         1,  { 1, 25 }, 1,          0,   false };

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

// The same bytes
// -----------------------------------------------------------------------------------

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

// Filters across seams
// -----------------------------------------------------------------------------

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

// A declared frame rate
// ----------------------------------------------------------------------------

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

// Pictures
// -----------------------------------------------------------------------------------------

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

// Failing
// ------------------------------------------------------------------------------------------

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
    static struct CMUnitTest tests[SR_TEST_COUNT(cut_rows) + SR_TEST_COUNT(rate_rows) +
                                   SR_TEST_COUNT(turn_rows) + SR_TEST_COUNT(format_rows) + 7];
    media_log_init();
    size_t count = SR_TEST_ADD(tests, cut_rows, every_picture_once);
    count += SR_TEST_ADD(tests + count, rate_rows, rate_is_one_grid_for_the_title);
    count += SR_TEST_ADD(tests + count, turn_rows, rotation_is_applied);
    count += SR_TEST_ADD(tests + count, format_rows, formats_follow_the_rule);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(grid_keys_lie_on_the_grid);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(without_simd_the_bytes_are_the_same);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(together_or_alone_the_bytes_are_the_same);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(deinterlacing_does_not_see_the_seams);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(kept_fields_are_signalled);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(failures_are_told);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(build_names_the_libraries);
    return sr_test_run(__FILE__, tests, count);
}
