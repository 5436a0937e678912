// transcode/probe.h - what is in a source, what is odd about it, and whether we can work with it.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "transcode/media.h"

struct probe_oddity {
    int stream_index;  // -1: the container
    char name[32];     // "edit_list", "start_offset", "rotation", "no_timestamps"...: docs/probe.md
                       // lists them
    char detail[160];
};

struct probe {
    char format[64];                // libavformat's short names of the demuxer
    int64_t duration_us, start_us;  // INT64_MIN: unknown, or not to be believed
    uint64_t bytes;
    bool is_fragmented;  // ISO BMFF whose samples are in fragments, not in tables
    int video_index;     // default video stream in `streams`, never a cover; -1: none
    size_t stream_count;
    struct media_stream *streams;  // streams[i].index is i
    size_t oddity_count;
    struct probe_oddity *oddities;
};

// Reads headers and a few packets. Only known media demuxers are open: playlists and scripts (HLS,
// DASH, concat, tedcaptions...) are refused whatever the file's name says, and nothing but
// `source->reader` is ever read.
// Owns:    *ret_probe is the caller's, for probe_free().
// Errors:  INPUT (not media, truncated header, no stream we can decode), UNSUPPORTED (encrypted, no decoder, a
//          playlist), LIMIT (sizes, streams). Messages begin with the source's name.
// Threads: any; pure but for reading.
SR_MUST_USE bool probe_source(const struct media_source *source, struct probe **ret_probe,
                              struct sr_err *err);
void probe_free(struct probe *probe);
SR_DEFINE_AUTO(probe, struct probe, probe_free);

const struct media_stream *probe_video(const struct probe *probe);  // NULL: none

// Adds what needs more than the headers to be known: open GOPs, variable frame rate, damage. The
// detail is cut when it is too long; beyond PROBE_ODDITIES_MAX nothing is added.
enum { PROBE_ODDITIES_MAX = 512 };
SR_MUST_USE bool probe_add_oddity(struct probe *probe, int stream_index, const char *name,
                                  struct sr_err *err, const char *format, ...) SR_PRINTF(5, 6);
bool probe_has_oddity(const struct probe *probe, int stream_index, const char *name);

// The document of docs/probe.md.
SR_MUST_USE bool probe_json(const struct probe *probe, json_t **ret_json, struct sr_err *err);
