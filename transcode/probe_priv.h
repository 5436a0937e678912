// transcode/probe_priv.h - what the files of the probe share.
#pragma once

#include <libavformat/avformat.h>

#include "transcode/probe.h"

// Fills `ret` from what libavformat knows of a stream.
void probe_stream_fill(AVFormatContext *demuxer, const AVStream *stream, struct media_stream *ret);

// What only packets tell: which streams have any, encryption, captions. The demuxer has been read a
// little after this. With HDR whose metadata is not in the container, decodes pictures until one of
// them brings it.
struct probe_packets {
    bool seen[MEDIA_STREAMS_MAX];
    bool encrypted[MEDIA_STREAMS_MAX];
    bool captions;         // of the default video
    struct media_hdr hdr;  // of the default video
};
SR_MUST_USE bool probe_packets_read(AVFormatContext *demuxer, const struct media_stream *video,
                                    struct probe_packets *ret, struct sr_err *err);

void probe_hdr_mastering(const uint8_t *data, size_t bytes, struct media_hdr *hdr);
void probe_hdr_light(const uint8_t *data, size_t bytes, struct media_hdr *hdr);

// Adds what is odd as far as headers tell, and takes back durations that cannot be.
SR_MUST_USE bool probe_find_oddities(AVFormatContext *demuxer, struct probe *probe,
                                     struct sr_err *err);
SR_MUST_USE bool probe_packet_oddities(const struct probe_packets *packets, struct probe *probe,
                                       struct sr_err *err);
