#include "transcode/fragment.h"

#include <assert.h>
#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <libavutil/mastering_display_metadata.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/encode_priv.h"
#include "transcode/fragment_scan.h"
#include "transcode/media_err.h"
#include "transcode/media_io.h"

struct fragment_writer {
    struct fragment_params params;  // codec, hdr, language are not used after the start
    enum media_kind kind;
    struct fragment_scan scan;
    AVIOContext *io;
    AVFormatContext *muxer;
    AVPacket **packets;  // of the fragment that grows
    size_t packet_count, packet_capacity;
    int64_t *decode_times;  // of the same, as they will be in the file
    int64_t *order;         // their presentation times, sorted
    struct track_part part;
    size_t sample_capacity, fragment_capacity;
};

// Opening
// ------------------------------------------------------------------------------------------

static bool add_mastering(AVStream *stream, const struct media_hdr *hdr)
{
    AVMasteringDisplayMetadata *data = av_mastering_display_metadata_alloc();
    if (!data)
        return false;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 2; j++)
            data->display_primaries[i][j] =
                (AVRational){ hdr->primaries[i][j].num, hdr->primaries[i][j].den };
    }
    for (int j = 0; j < 2; j++)
        data->white_point[j] = (AVRational){ hdr->white[j].num, hdr->white[j].den };
    data->min_luminance = (AVRational){ hdr->luminance_min.num, hdr->luminance_min.den };
    data->max_luminance = (AVRational){ hdr->luminance_max.num, hdr->luminance_max.den };
    data->has_primaries = data->has_luminance = 1;
    if (av_stream_add_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, (uint8_t *)data,
                                sizeof(*data)) == 0)
        return true;
    av_free(data);
    return false;
}

static bool add_light(AVStream *stream, const struct media_hdr *hdr)
{
    size_t bytes;
    AVContentLightMetadata *data = av_content_light_metadata_alloc(&bytes);
    if (!data)
        return false;
    data->MaxCLL = hdr->max_content;
    data->MaxFALL = hdr->max_average;
    if (av_stream_add_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, (uint8_t *)data, bytes) ==
        0)
        return true;
    av_free(data);
    return false;
}

static bool add_stream(struct fragment_writer *writer, struct sr_err *err)
{
    const struct fragment_params *params = &writer->params;
    AVStream *stream = avformat_new_stream(writer->muxer, NULL);
    if (!stream || avcodec_parameters_copy(stream->codecpar, params->codec) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "track");
    stream->codecpar->codec_tag = 0;
    stream->time_base = (AVRational){ 1, params->time_base.den };
    stream->sample_aspect_ratio = stream->codecpar->sample_aspect_ratio;
    if (writer->kind == MEDIA_VIDEO)
        stream->avg_frame_rate = (AVRational){ params->rate.num, params->rate.den };
    const struct media_hdr *hdr = params->hdr;
    if ((hdr && hdr->has_mastering && !add_mastering(stream, hdr)) ||
        (hdr && hdr->has_light && !add_light(stream, hdr)))
        return sr_fail(err, SR_ERR_NO_MEMORY, "HDR metadata");
    if (params->language && params->language[0] &&
        av_dict_set(&stream->metadata, "language", params->language, 0) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "language");
    return true;
}

static bool set_options(const struct fragment_writer *writer, AVDictionary **options)
{
    // frag_discont: tfdt is the decode time we give. No edit list: the delivered init segment gets
    // its own. Not "cmaf": that brings negative composition offsets, which FFmpeg 5.1 itself reads
    // wrongly from fragments, and so a tfdt that is a presentation time.
    static const char flags[] = "frag_custom+empty_moov+default_base_moof+frag_discont+"
                                "skip_sidx+skip_trailer";
    return av_dict_set(options, "movflags", flags, 0) >= 0 &&
           av_dict_set(options, "use_editlist", "0", 0) >= 0 &&
           av_dict_set_int(options, "fragment_index", writer->params.first_sequence, 0) >= 0 &&
           av_dict_set_int(options, "video_track_timescale", writer->params.time_base.den, 0) >= 0;
}

static bool open_muxer(struct fragment_writer *writer, struct sr_err *err)
{
    if (!media_output_open(&writer->scan.writer, false, &writer->io, err))
        return false;
    if (avformat_alloc_output_context2(&writer->muxer, NULL, "mp4", NULL) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "muxer");
    writer->muxer->pb = writer->io;
    writer->muxer->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    writer->muxer->flags &= ~AVFMT_FLAG_AUTO_BSF;
    writer->muxer->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;  // FLAC in MP4, in FFmpeg 5.1
    writer->muxer->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
    if (!add_stream(writer, err))
        return false;
    sr_auto(av_dict) AVDictionary *options = NULL;
    if (!set_options(writer, &options))
        return sr_fail(err, SR_ERR_NO_MEMORY, "muxer options");
    const int failed = avformat_write_header(writer->muxer, &options);
    avio_flush(writer->io);
    if (writer->scan.has_failed) {
        *err = writer->scan.err;
        return false;
    }
    if (failed < 0)
        return media_fail(err, failed, "write init segment");
    const AVRational tick = writer->muxer->streams[0]->time_base;
    if (tick.num != 1 || tick.den != writer->params.time_base.den)
        return sr_fail(err, SR_ERR_INVALID, "time base 1/%d, the file would have %d/%d",
                       writer->params.time_base.den, tick.num, tick.den);
    return true;
}

static bool check_params(const struct fragment_params *params, struct sr_err *err)
{
    const enum AVMediaType type = params->codec->codec_type;
    if (type != AVMEDIA_TYPE_VIDEO && type != AVMEDIA_TYPE_AUDIO)
        return sr_fail(err, SR_ERR_INVALID, "neither video nor audio");
    if (params->time_base.num != 1 || params->time_base.den <= 0 ||
        params->time_base.den > TRACK_TIMESCALE_MAX)
        return sr_fail(err, SR_ERR_INVALID, "time base %d/%d", params->time_base.num,
                       params->time_base.den);
    if (params->start_pts < 0 || params->end_pts < params->start_pts || params->shift_ticks < 0 ||
        params->end_pts > INT64_MAX / 4 || params->shift_ticks > INT64_MAX / 4)
        return sr_fail(err, SR_ERR_INVALID, "part from %" PRId64 " to %" PRId64 ", shift %" PRId64,
                       params->start_pts, params->end_pts, params->shift_ticks);
    return true;
}

bool fragment_writer_new(const struct fragment_params *params, struct fragment_writer **ret_writer,
                         struct sr_err *err)
{
    if (!check_params(params, err))
        return sr_err_wrap(err, "fragment");
    sr_auto(fragment_writer) struct fragment_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "fragment writer");
    writer->params = *params;
    writer->kind = params->codec->codec_type == AVMEDIA_TYPE_VIDEO ? MEDIA_VIDEO : MEDIA_AUDIO;
    struct track_part *part = &writer->part;
    part->kind = writer->kind;
    part->timescale = (uint32_t)params->time_base.den;
    part->start_pts = params->start_pts;
    part->end_pts = params->end_pts;
    part->shift_ticks = params->shift_ticks;
    if (!fragment_scan_init(&writer->scan, params->writer, err) || !open_muxer(writer, err) ||
        !fragment_scan_end_init(&writer->scan, &part->init_bytes, part->init_sha256, err))
        return sr_err_wrap(err, "fragment");
    *ret_writer = sr_take(writer);
    return true;
}

static void drop_packets(struct fragment_writer *writer)
{
    for (size_t i = 0; i < writer->packet_count; i++)
        av_packet_free(&writer->packets[i]);
    writer->packet_count = 0;
}

void fragment_writer_free(struct fragment_writer *writer)
{
    if (!writer)
        return;
    drop_packets(writer);
    avformat_free_context(writer->muxer);
    writer->scan.has_failed = true;  // what closing would flush goes nowhere
    media_output_close(&writer->io);
    fragment_scan_done(&writer->scan);
    track_part_done(&writer->part);
    free(writer->packets);
    free(writer->decode_times);
    free(writer->order);
    free(writer);
}

// Times
// --------------------------------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

// decode_times[i] = min(order[i], pts[j] + shift for all j >= i) and rises by at least 1; the
// part's first is its start.
static void set_video_times(struct fragment_writer *writer)
{
    const size_t count = writer->packet_count;
    for (size_t i = 0; i < count; i++)
        writer->order[i] = writer->packets[i]->pts;
    qsort(writer->order, count, sizeof(*writer->order), by_value);
    if (writer->part.sample_count == 0)
        writer->order[0] = writer->params.start_pts;
    int64_t limit = INT64_MAX;
    for (size_t i = count; i-- > 0;) {
        const int64_t shown = writer->packets[i]->pts + writer->params.shift_ticks;
        if (shown < limit)
            limit = shown;
        if (writer->order[i] < limit)
            limit = writer->order[i];
        writer->decode_times[i] = limit--;
    }
}

static void set_audio_times(struct fragment_writer *writer)
{
    for (size_t i = 0; i < writer->packet_count; i++)
        writer->decode_times[i] = writer->packets[i]->pts + writer->params.shift_ticks;
}

static bool check_times(const struct fragment_writer *writer, int64_t next, struct sr_err *err)
{
    const struct track_part *part = &writer->part;
    const int64_t *times = writer->decode_times;
    if (part->sample_count == 0 && times[0] != part->start_pts)
        return sr_fail(err, SR_ERR_INVALID,
                       "first decode time %" PRId64 ", the part starts at %" PRId64, times[0],
                       part->start_pts);
    for (size_t i = 0; i < writer->packet_count; i++) {
        const int64_t after = i + 1 < writer->packet_count ? times[i + 1] : next;
        const int64_t pts = writer->packets[i]->pts;
        if (after <= times[i] || after - times[i] > INT32_MAX ||
            pts + part->shift_ticks - times[i] > INT32_MAX)
            return sr_fail(err, SR_ERR_INVALID,
                           "decode time %" PRId64 " after %" PRId64 " at pts %" PRId64, after,
                           times[i], pts);
        if (pts >= part->end_pts || (writer->kind == MEDIA_VIDEO && pts < part->start_pts))
            return sr_fail(err, SR_ERR_INVALID, "pts %" PRId64 " is outside the part", pts);
    }
    return true;
}

// Writing
// ------------------------------------------------------------------------------------------

static bool grow(void **items, size_t *capacity, size_t wanted, size_t item_bytes,
                 struct sr_err *err)
{
    if (wanted <= *capacity)
        return true;
    const size_t count =
        wanted + wanted / 2 + 64;  // wanted is at most TRACK_SAMPLES_MAX and one fragment
    void *const grown = realloc(*items, count * item_bytes);
    if (!grown)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu items", count);
    *items = grown;
    *capacity = count;
    return true;
}

static bool grow_samples(struct fragment_writer *writer, struct sr_err *err)
{
    struct track_part *part = &writer->part;
    void *samples = part->samples, *fragments = part->fragments;
    if (part->sample_count + writer->packet_count > TRACK_SAMPLES_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d samples in a part", TRACK_SAMPLES_MAX);
    const bool done =
        grow(&samples, &writer->sample_capacity, part->sample_count + writer->packet_count,
             sizeof(*part->samples), err) &&
        grow(&fragments, &writer->fragment_capacity, part->fragment_count + 1,
             sizeof(*part->fragments), err);
    part->samples = samples;
    part->fragments = fragments;
    return done;
}

static bool mux_packets(struct fragment_writer *writer, int64_t next, struct sr_err *err)
{
    int failed = 0;
    for (size_t i = 0; i < writer->packet_count && failed >= 0; i++) {
        AVPacket *packet = writer->packets[i];
        const int64_t after = i + 1 < writer->packet_count ? writer->decode_times[i + 1] : next;
        packet->stream_index = 0;
        packet->pts += writer->params.shift_ticks;
        packet->dts = writer->decode_times[i];
        packet->duration = after - packet->dts;
        failed = av_write_frame(writer->muxer, packet);
        av_packet_free(&writer->packets[i]);  // the muxer has its own copy
    }
    if (failed >= 0)
        failed = av_write_frame(writer->muxer, NULL);  // ends the fragment
    avio_flush(writer->io);
    if (writer->scan.has_failed) {
        *err = writer->scan.err;
        return false;
    }
    return failed >= 0 || media_fail(err, failed, "write fragment");
}

// `next`: decode time of what follows.
static bool write_fragment(struct fragment_writer *writer, int64_t next, struct sr_err *err)
{
    struct track_part *part = &writer->part;
    const size_t count = writer->packet_count;
    if (writer->kind == MEDIA_VIDEO)
        set_video_times(writer);
    else
        set_audio_times(writer);
    if (!check_times(writer, next, err) || !grow_samples(writer, err))
        return false;

    struct track_sample *samples = &part->samples[part->sample_count];
    struct track_fragment *fragment = &part->fragments[part->fragment_count];
    *fragment = (struct track_fragment){ .first_sample = part->sample_count,
                                         .sample_count = count,
                                         .start_pts = INT64_MAX };
    const int64_t first_dts = writer->decode_times[0];
    for (size_t i = 0; i < count; i++) {
        const AVPacket *packet = writer->packets[i];
        samples[i] = (struct track_sample){ .pts = packet->pts,
                                            .dts = writer->decode_times[i] - part->shift_ticks,
                                            .is_key = packet->flags & AV_PKT_FLAG_KEY };
        if (packet->pts < fragment->start_pts)
            fragment->start_pts = packet->pts;
    }
    const uint32_t sequence = writer->params.first_sequence + (uint32_t)part->fragment_count;
    fragment_scan_begin(&writer->scan, samples, count);
    if (!mux_packets(writer, next, err) || !fragment_scan_end(&writer->scan, fragment, err))
        return false;
    if (writer->scan.start_dts != first_dts || writer->scan.sequence != sequence)
        return sr_fail(err, SR_ERR_INTERNAL,
                       "the muxer wrote fragment %" PRIu32 " at %" PRId64 ", want %" PRIu32
                       " at %" PRId64,
                       writer->scan.sequence, writer->scan.start_dts, sequence, first_dts);
    part->sample_count += count;
    part->fragment_count++;
    writer->packet_count = 0;
    return true;
}

static bool grow_packets(struct fragment_writer *writer, struct sr_err *err)
{
    if (writer->packet_count < writer->packet_capacity)
        return true;
    if (writer->packet_count >= FRAGMENT_PACKETS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d packets in a fragment",
                       FRAGMENT_PACKETS_MAX);
    size_t count = writer->packet_count * 2 + 64;
    if (count > FRAGMENT_PACKETS_MAX)
        count = FRAGMENT_PACKETS_MAX;
    AVPacket **const packets = realloc(writer->packets, count * sizeof(AVPacket *));
    if (packets)
        writer->packets = packets;
    int64_t *const times = realloc(writer->decode_times, count * sizeof(int64_t));
    if (times)
        writer->decode_times = times;
    int64_t *const order = realloc(writer->order, count * sizeof(int64_t));
    if (order)
        writer->order = order;
    if (!packets || !times || !order)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu packets", count);
    writer->packet_capacity = count;
    return true;
}

static int64_t decode_time_of_first(const struct fragment_writer *writer, const AVPacket *packet)
{
    return writer->kind == MEDIA_VIDEO ? packet->pts : packet->pts + writer->params.shift_ticks;
}

bool fragment_writer_add(struct fragment_writer *writer, const AVPacket *packet,
                         bool starts_fragment, struct sr_err *err)
{
    if (packet->pts == AV_NOPTS_VALUE || packet->pts > INT64_MAX / 4 ||
        packet->pts < -INT64_MAX / 4)
        return sr_fail(err, SR_ERR_INVALID, "packet without a time");
    if (starts_fragment && writer->packet_count > 0 &&
        !write_fragment(writer, decode_time_of_first(writer, packet), err))
        return sr_err_wrap(err, "fragment %zu", writer->part.fragment_count + 1);
    if (!grow_packets(writer, err))
        return false;
    AVPacket *const copy = av_packet_clone(packet);
    if (!copy)
        return sr_fail(err, SR_ERR_NO_MEMORY, "packet");
    writer->packets[writer->packet_count++] = copy;
    return true;
}

void fragment_writer_set_end(struct fragment_writer *writer, int64_t end_pts)
{
    assert(end_pts > writer->params.start_pts);
    writer->params.end_pts = writer->part.end_pts = end_pts;
}

bool fragment_writer_end(struct fragment_writer *writer, struct track_part *ret, struct sr_err *err)
{
    const int64_t end = writer->kind == MEDIA_VIDEO
                            ? writer->params.end_pts
                            : writer->params.end_pts + writer->params.shift_ticks;
    if (writer->packet_count > 0 && !write_fragment(writer, end, err))
        return sr_err_wrap(err, "fragment %zu", writer->part.fragment_count + 1);
    if (writer->kind == MEDIA_VIDEO)
        writer->part.frame_count = (int64_t)writer->part.sample_count;
    *ret = writer->part;
    writer->part = (struct track_part){ 0 };  // moved out
    return true;
}
