// What is odd about a source, as far as its headers and first packets tell. docs/probe.md lists the
// names.
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "transcode/probe_priv.h"

enum {
    LATE_US = 100000,             // a stream that begins so much after the first is worth a word
    DURATION_BPS_MIN = 200,       // fewer bits a second than any coded picture or sound has
    SIDE_BY_SIDE_DEGREES_MAX = 1  // a turn that is so far from a quarter is one we round
};

bool probe_has_oddity(const struct probe *probe, int stream_index, const char *name)
{
    for (size_t i = 0; i < probe->oddity_count; i++) {
        if (probe->oddities[i].stream_index == stream_index &&
            strcmp(probe->oddities[i].name, name) == 0)
            return true;
    }
    return false;
}

bool probe_add_oddity(struct probe *probe, int stream_index, const char *name, struct sr_err *err,
                      const char *format, ...)
{
    if (probe->oddity_count >= PROBE_ODDITIES_MAX)
        return true;
    // At most PROBE_ODDITIES_MAX of them: the size cannot overflow.
    struct probe_oddity *const grown =
        realloc(probe->oddities, (probe->oddity_count + 1) * sizeof(probe->oddities[0]));
    if (!grown)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu oddities", probe->oddity_count + 1);
    probe->oddities = grown;
    struct probe_oddity *const oddity = &grown[probe->oddity_count++];
    *oddity = (struct probe_oddity){ .stream_index = stream_index };
    (void)snprintf(oddity->name, sizeof(oddity->name), "%s", name);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(oddity->detail, sizeof(oddity->detail), format, args);  // cut if too long
    va_end(args);
    return true;
}

// Collects with one check at the end: the first failure keeps the others from running.
struct collect {
    struct probe *probe;
    AVFormatContext *demuxer;
    struct sr_err *err;
    bool is_good;
};
#define ADD(collect, index, name, ...)                                                             \
    ((collect)->is_good = (collect)->is_good && probe_add_oddity((collect)->probe, index, name,    \
                                                                 (collect)->err, __VA_ARGS__))

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

static int64_t start_us(const struct media_stream *stream)
{
    if (stream->start_pts == INT64_MIN || stream->time_base.num <= 0)
        return INT64_MIN;
    return av_rescale_q_rnd(stream->start_pts,
                            (AVRational){ stream->time_base.num, stream->time_base.den },
                            AV_TIME_BASE_Q, AV_ROUND_NEAR_INF);
}

static void find_decoder(struct collect *c, const struct media_stream *stream)
{
    const AVCodecParameters *const codec = c->demuxer->streams[stream->index]->codecpar;
    if (stream->can_decode)
        return;
    if (!avcodec_find_decoder(codec->codec_id))
        ADD(c, stream->index, "no_decoder", "no decoder for %s", stream->codec);
    else if (stream->kind == MEDIA_AUDIO && stream->audio.channels > MEDIA_AUDIO_CHANNELS_MAX)
        ADD(c, stream->index, "too_many_channels", "%d channels, at most %d are taken",
            stream->audio.channels, MEDIA_AUDIO_CHANNELS_MAX);
    else
        ADD(c, stream->index, "unreadable", "its %s stream says too little to be decoded",
            stream->codec);
}

static void find_turn(struct collect *c, const struct media_stream *stream)
{
    const int rotation = stream->video.rotation;
    if (rotation == 0 && !stream->video.is_mirrored)
        return;
    ADD(c, stream->index, "rotation", "shown %sturned by %d degrees clockwise",
        stream->video.is_mirrored ? "mirrored and " : "", rotation);
    const uint8_t *const data = av_stream_get_side_data(c->demuxer->streams[stream->index],
                                                        AV_PKT_DATA_DISPLAYMATRIX, NULL);
    int32_t matrix[2];
    memcpy(matrix, data, sizeof(matrix));
    const double degrees = atan2(matrix[1], matrix[0]) * 180 / M_PI;
    if (fabs(remainder(degrees, 90)) > SIDE_BY_SIDE_DEGREES_MAX)
        ADD(c, stream->index, "rotation_rounded", "%.1f degrees, taken as quarters", degrees);
}

static void find_aspect(struct collect *c, const struct media_stream *stream)
{
    const struct media_rational aspect = stream->video.sample_aspect;
    if (aspect.num != aspect.den)
        ADD(c, stream->index, "sample_aspect", "pixels are %d:%d", aspect.num, aspect.den);
    const AVStream *const from = c->demuxer->streams[stream->index];
    const AVRational container = from->sample_aspect_ratio;
    const AVRational coded = from->codecpar->sample_aspect_ratio;
    if (container.num > 0 && coded.num > 0 && av_cmp_q(container, coded) != 0)
        ADD(c, stream->index, "sample_aspect_differs",
            "the container says %d:%d, the pictures %d:%d", container.num, container.den, coded.num,
            coded.den);
}

static void find_colour(struct collect *c, const struct media_stream *stream)
{
    if (stream->video.colour.transfer == AVCOL_TRC_SMPTE2084)
        ADD(c, stream->index, "hdr", "PQ (SMPTE ST 2084)");
    if (stream->video.colour.transfer == AVCOL_TRC_ARIB_STD_B67)
        ADD(c, stream->index, "hdr", "HLG (ARIB STD-B67)");
    if (av_stream_get_side_data(c->demuxer->streams[stream->index], AV_PKT_DATA_DOVI_CONF, NULL))
        ADD(c, stream->index, "dolby_vision", "its metadata is not carried, the base layer is");
    const AVPixFmtDescriptor *const pixels =
        av_pix_fmt_desc_get(c->demuxer->streams[stream->index]->codecpar->format);
    if (pixels &&
        (pixels->comp[0].depth != 8 || pixels->log2_chroma_w != 1 || pixels->log2_chroma_h != 1))
        ADD(c, stream->index, "pixel_format", "%s", stream->video.pixel_format);
}

static void find_video(struct collect *c, const struct media_stream *stream)
{
    if (stream->is_attached_picture) {
        ADD(c, stream->index, "attached_picture", "a picture of %dx%d, not the video",
            stream->video.width, stream->video.height);
        return;
    }
    find_decoder(c, stream);
    if (!stream->can_decode)
        return;
    if (stream->index != c->probe->video_index)
        ADD(c, stream->index, "other_video", "not the default video, which is stream %d",
            c->probe->video_index);
    find_turn(c, stream);
    find_aspect(c, stream);
    find_colour(c, stream);
    if (stream->video.is_interlaced)
        ADD(c, stream->index, "interlaced", "%s field first",
            stream->video.field_order == MEDIA_TOP_FIRST ? "top" : "bottom");
    if (stream->video.width % 2 != 0 || stream->video.height % 2 != 0)
        ADD(c, stream->index, "odd_size", "%dx%d", stream->video.width, stream->video.height);
    // AVI counts frames in the order they are decoded.
    const bool is_avi = strcmp(c->demuxer->iformat->name, "avi") == 0;
    if (stream->start_pts == INT64_MIN || (is_avi && stream->video.reorder_depth > 0))
        ADD(c, stream->index, "no_timestamps", "%s has no presentation times for its pictures",
            is_avi ? "AVI" : "the stream");
}

// What the container's index says of its packets: some not shown, some not there.
static void find_index(struct collect *c, const struct media_stream *stream)
{
    AVStream *const from = c->demuxer->streams[stream->index];
    const int count = avformat_index_get_entries_count(from);
    int64_t hidden = 0, lost = 0;
    for (int i = 0; i < count; i++) {
        const AVIndexEntry *const entry = avformat_index_get_entry(from, i);
        int64_t end;
        hidden += (entry->flags & AVINDEX_DISCARD_FRAME) != 0;
        if (entry->pos >= 0 && sr_add_i64(entry->pos, entry->size, &end) &&
            (uint64_t)end > c->probe->bytes)
            lost++;
    }
    if (hidden > 0)
        ADD(c, stream->index, "edit_list", "%" PRId64 " of %d packets are not presented", hidden,
            count);
    if (lost > 0)
        ADD(c, stream->index, "truncated", "%" PRId64 " of %d packets lie behind the file's end",
            lost, count);
}

static void find_starts(struct collect *c)
{
    int64_t first_us = INT64_MAX;
    for (size_t i = 0; i < c->probe->stream_count; i++) {
        const struct media_stream *const stream = &c->probe->streams[i];
        const bool counts = stream->kind == MEDIA_VIDEO || stream->kind == MEDIA_AUDIO;
        const int64_t us = counts ? start_us(stream) : INT64_MIN;
        if (us != INT64_MIN && us < first_us)
            first_us = us;
    }
    if (first_us == INT64_MAX)
        return;
    if (first_us != 0)
        ADD(c, -1, "start_offset", "begins at %.3f s", seconds(first_us));
    for (size_t i = 0; i < c->probe->stream_count; i++) {
        const struct media_stream *const stream = &c->probe->streams[i];
        const int64_t us = start_us(stream);
        int64_t late_us;
        if ((stream->kind == MEDIA_VIDEO || stream->kind == MEDIA_AUDIO) &&
            !stream->is_attached_picture && us != INT64_MIN && sr_sub_i64(us, first_us, &late_us) &&
            late_us >= LATE_US)
            ADD(c, stream->index, "late_start", "begins %.3f s after the first stream",
                seconds(late_us));
    }
}

// A duration is believed when sample tables add up to it, or when it is at least possible for so
// few bytes.
static void find_duration(struct collect *c)
{
    struct probe *const probe = c->probe;
    bool has_tables = false;
    for (unsigned i = 0; i < c->demuxer->nb_streams; i++)
        has_tables |= c->demuxer->streams[i]->nb_frames > 0;
    if (probe->duration_us == INT64_MIN) {
        ADD(c, -1, "duration_unknown", "the headers name no duration");
        return;
    }
    if (c->demuxer->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE)
        ADD(c, -1, "duration_estimated", "about %.1f s, from size and bit rate",
            seconds(probe->duration_us));
    if (has_tables || (double)probe->bytes * 8 >= seconds(probe->duration_us) * DURATION_BPS_MIN)
        return;
    ADD(c, -1, "duration_bogus", "the headers say %.1f s, too long for %" PRIu64 " bytes",
        seconds(probe->duration_us), probe->bytes);
    probe->duration_us = INT64_MIN;
    for (size_t i = 0; i < probe->stream_count; i++)
        probe->streams[i].duration_ticks = INT64_MIN;
}

bool probe_find_oddities(AVFormatContext *demuxer, struct probe *probe, struct sr_err *err)
{
    struct collect c = { .probe = probe, .demuxer = demuxer, .err = err, .is_good = true };
    find_duration(&c);
    find_starts(&c);
    for (size_t i = 0; i < probe->stream_count; i++) {
        const struct media_stream *const stream = &probe->streams[i];
        switch (stream->kind) {
        case MEDIA_VIDEO:
            find_video(&c, stream);
            find_index(&c, stream);
            break;
        case MEDIA_AUDIO:
            find_decoder(&c, stream);
            find_index(&c, stream);
            break;
        case MEDIA_SUBTITLE:
            ADD(&c, stream->index, "subtitles", "%s subtitles are not carried", stream->codec);
            break;
        case MEDIA_DATA:
            ADD(&c, stream->index, "data", "%s data is not carried", stream->codec);
            break;
        case MEDIA_ATTACHMENT:
            ADD(&c, stream->index, "attachment", "a file of type %s is not carried", stream->codec);
            break;
        }
    }
    return c.is_good;
}

bool probe_packet_oddities(const struct probe_packets *packets, struct probe *probe,
                           struct sr_err *err)
{
    struct collect c = { .probe = probe, .err = err, .is_good = true };
    for (size_t i = 0; i < probe->stream_count; i++) {
        const struct media_stream *const stream = &probe->streams[i];
        const bool is_media = stream->kind == MEDIA_VIDEO || stream->kind == MEDIA_AUDIO;
        if (is_media && !stream->can_decode && !packets->seen[i])
            ADD(&c, (int)i, "no_packets", "announced, but nothing of it was found");
    }
    if (packets->captions)
        ADD(&c, probe->video_index, "captions", "CEA-608/708 captions in the pictures");
    return c.is_good;
}
