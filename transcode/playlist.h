// transcode/playlist.h - HLS playlists. Spec: RFC 8216 and draft-pantos-hls-rfc8216bis (CMAF,
// EXT-X-INDEPENDENT-SEGMENTS).
#pragma once

#include "base/str.h"
#include "transcode/track.h"

struct playlist_segment {
    char uri[256];
    int64_t duration_ticks;
    uint64_t bytes;
};

struct playlist_media {
    const char *init_uri;
    uint32_t timescale;
    size_t segment_count;
    const struct playlist_segment *segments;
    int64_t target_s;  // EXT-X-TARGETDURATION; 0: playlist_longest_s(), when it stands alone
};

// The longest segment, rounded to the nearest second, at least 1. Media playlists of one master
// playlist have the greatest of theirs as their target duration. Spec: RFC 8216 4.3.3.1, 6.2.4.
int64_t playlist_longest_s(const struct playlist_media *media);

// VOD media playlist.
SR_MUST_USE bool playlist_media_write(const struct playlist_media *media, struct sr_str *out,
                                      struct sr_err *err);

struct playlist_variant {
    const char *uri;
    const char *codecs;  // "avc1.640028,mp4a.40.2"
    int width, height;
    struct media_rational rate;
    const struct playlist_media *media;
    const char *video_range;  // "SDR", "PQ", "HLG"
};
struct playlist_audio {
    const char *uri, *name, *language;
    bool is_default;
    int channels;
    const struct playlist_media *media;
};
struct playlist_master {
    size_t variant_count, audio_count;
    const struct playlist_variant *variants;
    const struct playlist_audio *audios;  // one group, "audio", of every variant
};
// BANDWIDTH is the video's peak plus the greatest of the audios' (a segment too short to be a peak
// of its own counts with its neighbour); AVERAGE-BANDWIDTH is so of the averages over the title;
// both in bits per second, rounded up. Spec: RFC 8216 4.3.4.2. Names of audio renditions differ;
// the first default one counts. Errors (both writers): INVALID (a text that a playlist cannot hold,
// no segment, no duration), NO_MEMORY.
SR_MUST_USE bool playlist_master_write(const struct playlist_master *master, struct sr_str *out,
                                       struct sr_err *err);

// RFC 6381 name from an init segment's sample entry (avcC, esds, hvcC, av1C, vpcC...):
// "avc1.640028".
// Errors: INVALID (not an init segment), UNSUPPORTED (a codec without a name here).
SR_MUST_USE bool playlist_codec_name(const uint8_t *init, size_t bytes, char name[64],
                                     struct sr_err *err);
