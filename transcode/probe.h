// transcode/probe.h - what is in a source, what is odd about it, and whether we can work with it.
#pragma once

#include <jansson.h>

#include "base/auto.h"
#include "transcode/media.h"

struct probe_oddity {
    int stream_index;   // -1: the container
    char name[32];      // "vfr", "edit_list", "open_gop", "start_offset", "rotation", "interlaced", "hdr", "no_timestamps", ...
    char detail[160];
};

struct probe {
    char format[64];  // libavformat's short name of the demuxer
    int64_t duration_us, start_us;  // INT64_MIN: unknown
    uint64_t bytes;
    int video_index;  // default video stream in `streams`, never a cover; -1: none
    size_t stream_count;
    struct media_stream *streams;
    size_t oddity_count;
    struct probe_oddity *oddities;
};

// Reads headers and a few packets. Only known media demuxers are open: playlists and scripts (HLS, DASH, concat, tedcaptions...)
// are refused whatever the file's name says, and nothing but `source->reader` is ever read.
// Owns:    *ret_probe is the caller's, for probe_free().
// Errors:  INPUT (not media, truncated header, no stream we can decode), UNSUPPORTED (encrypted, no decoder, a playlist), LIMIT (sizes).
// Threads: any; pure but for reading.
SR_MUST_USE bool probe_source(const struct media_source *source, struct probe **ret_probe, struct sr_err *err);
void probe_free(struct probe *probe);
SR_DEFINE_AUTO(probe, struct probe, probe_free);

const struct media_stream *probe_video(const struct probe *probe);  // NULL: none
SR_MUST_USE bool probe_json(const struct probe *probe, json_t **ret_json, struct sr_err *err);
