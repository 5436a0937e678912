#include "transcode/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/media_io.h"
#include "transcode/probe_priv.h"

// As ffmpeg chooses the video when nobody says which: the most pixels, with a start for the one
// flagged as default. Covers, and what cannot be decoded, are none.
static int choose_video(const struct probe *probe)
{
    enum { DEFAULT_PIXELS = 5000000 };
    int chosen = -1;
    int64_t best = -1;
    for (size_t i = 0; i < probe->stream_count; i++) {
        const struct media_stream *const stream = &probe->streams[i];
        if (stream->kind != MEDIA_VIDEO || stream->is_attached_picture || !stream->can_decode)
            continue;
        const int64_t score = (int64_t)stream->video.width * stream->video.height +
                              (stream->is_default ? DEFAULT_PIXELS : 0);
        if (score > best) {
            best = score;
            chosen = stream->index;
        }
    }
    return chosen;
}

const struct media_stream *probe_video(const struct probe *probe)
{
    return probe->video_index >= 0 ? &probe->streams[probe->video_index] : NULL;
}

static bool is_media(const struct media_stream *stream)
{
    return (stream->kind == MEDIA_VIDEO && !stream->is_attached_picture) ||
           stream->kind == MEDIA_AUDIO;
}

// What packets told, put where it belongs.
static void apply_packets(const struct probe_packets *packets, struct probe *probe)
{
    for (size_t i = 0; i < probe->stream_count; i++)
        probe->streams[i].is_encrypted |= packets->encrypted[i];
    if (probe->video_index < 0)
        return;
    struct media_stream *const video = &probe->streams[probe->video_index];
    video->video.has_captions = packets->captions;
    if (!video->video.hdr.has_mastering && !video->video.hdr.has_light)
        video->video.hdr = packets->hdr;
}

// A video that nobody can decode is an error even beside good audio: dropping it would lose what
// was asked for. One that was only announced, and has no packet, is not.
static bool check_video(const struct probe *probe, const struct probe_packets *packets,
                        struct sr_err *err)
{
    for (size_t i = 0; probe->video_index < 0 && i < probe->stream_count; i++) {
        const struct media_stream *const stream = &probe->streams[i];
        if (!is_media(stream) || stream->kind != MEDIA_VIDEO || !packets->seen[i])
            continue;
        if (probe_has_oddity(probe, (int)i, "no_decoder"))
            return sr_fail(err, SR_ERR_UNSUPPORTED, "stream %zu: there is no decoder for %s", i,
                           stream->codec);
        return sr_fail(err, SR_ERR_INPUT, "stream %zu: no picture of its %s video can be read", i,
                       stream->codec);
    }
    return true;
}

static bool check_streams(const struct probe *probe, const struct probe_packets *packets,
                          struct sr_err *err)
{
    bool has_media = false;
    for (size_t i = 0; i < probe->stream_count; i++) {
        const struct media_stream *const stream = &probe->streams[i];
        if (is_media(stream) && stream->is_encrypted)
            return sr_fail(err, SR_ERR_UNSUPPORTED,
                           "stream %zu (%s %s) is encrypted, and there is no key", i,
                           stream->kind == MEDIA_VIDEO ? "video" : "audio", stream->codec);
        has_media |= is_media(stream) && stream->can_decode;
    }
    if (!check_video(probe, packets, err))
        return false;
    if (!has_media)
        return sr_fail(err, SR_ERR_INPUT, "has no audio or video that can be decoded");
    return true;
}

static bool fill(AVFormatContext *demuxer, const struct media_source *source, struct probe *probe,
                 struct sr_err *err)
{
    (void)snprintf(probe->format, sizeof(probe->format), "%s", demuxer->iformat->name);
    probe->bytes = sr_reader_size(&source->reader);
    probe->is_fragmented = strncmp(demuxer->iformat->name, "mov", 3) == 0;
    for (unsigned i = 0; i < demuxer->nb_streams; i++)
        probe->is_fragmented &= demuxer->streams[i]->nb_frames == 0;
    probe->duration_us = demuxer->duration != AV_NOPTS_VALUE && demuxer->duration > 0
                             ? demuxer->duration
                             : INT64_MIN;
    probe->start_us = demuxer->start_time != AV_NOPTS_VALUE ? demuxer->start_time : INT64_MIN;
    if (demuxer->nb_streams == 0)
        return sr_fail(err, SR_ERR_INPUT, "has no streams");
    probe->streams = calloc(demuxer->nb_streams, sizeof(probe->streams[0]));
    if (!probe->streams)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%u streams", demuxer->nb_streams);
    probe->stream_count = demuxer->nb_streams;
    for (unsigned i = 0; i < demuxer->nb_streams; i++)
        probe_stream_fill(demuxer, demuxer->streams[i], &probe->streams[i]);
    probe->video_index = choose_video(probe);
    return true;
}

static bool look(AVFormatContext *demuxer, const struct media_source *source, struct probe *probe,
                 struct sr_err *err)
{
    struct probe_packets packets;
    if (!fill(demuxer, source, probe, err) || !probe_find_oddities(demuxer, probe, err))
        return sr_err_wrap(err, "%s", source->name);
    if (!probe_packets_read(demuxer, probe_video(probe), &packets, err))
        return false;  // it names the source itself
    apply_packets(&packets, probe);
    return (check_streams(probe, &packets, err) && probe_packet_oddities(&packets, probe, err)) ||
           sr_err_wrap(err, "%s", source->name);
}

bool probe_source(const struct media_source *source, struct probe **ret_probe, struct sr_err *err)
{
    sr_auto(media_demuxer) AVFormatContext *demuxer = NULL;
    if (!media_demuxer_open(source, &demuxer, err) ||
        !media_demuxer_find_info(demuxer, source, err))
        return false;
    sr_auto(probe) struct probe *probe = calloc(1, sizeof(*probe));
    if (!probe)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%s: a probe", source->name);
    if (!look(demuxer, source, probe, err))
        return false;
    *ret_probe = sr_take(probe);
    return true;
}

void probe_free(struct probe *probe)
{
    if (!probe)
        return;
    free(probe->streams);
    free(probe->oddities);
    free(probe);
}
