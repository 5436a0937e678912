// transcode/rendition.h - one encoding that a job asks for, and what it comes to for a given source.
#pragma once

#include "base/jx.h"
#include "transcode/media.h"
#include "transcode/packet_table.h"

// As asked for. Zero or empty: choose for me.
struct rendition {
    char id[64];
    enum media_kind kind;  // MEDIA_VIDEO or MEDIA_AUDIO
    char codec[32];        // "h264", "aac", "copy" (audio)
    // Video.
    int width, height;     // of the upright picture; one alone keeps the aspect
    double crf;            // negative: the codec's default (23)
    char preset[32];       // "medium"
    char tune[32], profile[32];
    int64_t maxrate_bps, bufsize_bits;
    struct media_rational fps;  // 0/0: keep the source's times
    char pixel_format[32];      // "": by rule: 8 bit 4:2:0, or 10 bit 4:2:0 when the source is HDR or `keep_depth`
    bool deinterlace;           // always; else interlaced sources stay interlaced when the height is kept, and are deinterlaced when scaled
    // Audio.
    int64_t bitrate_bps;  // 0: 64k a channel
    int sample_rate, channels;
    int track;  // stream index in the source; -1: every audio track
};

// As it will be, for one source: written in the plan, hashed into the workspace's keys.
struct rendition_video {
    struct rendition asked;
    int width, height;                    // coded: even where the format needs it
    struct media_rational sample_aspect;
    char pixel_format[32];
    bool is_interlaced, deinterlace;      // never both
    enum media_field_order field_order;   // of the source's pictures, for either
    struct media_colour colour;
    struct media_hdr hdr;
    int rotation;  // to apply
    bool is_mirrored;
    int rung_count;              // canonical rungs that scaling passes through: widths and heights, largest first
    struct { int width, height; } rung[8];
    struct media_rational time_base;  // of the output: num 1
    struct media_rational rate;       // nominal frames per second; for the encoder and for FRAME-RATE
};

enum {
    RENDITION_SIDE_MIN = 16,
    RENDITION_TIMESCALE_MIN = 10000,  // so that offsets between tracks are kept to 0.1 ms
    RENDITION_TIMESCALE_MAX = 10000000,  // a finer source is rounded to microseconds
    RENDITION_FPS_MAX = 1000,
};

// Rules: odd sizes are cropped by one pixel down to even (4:2:0); HDR (PQ, HLG) keeps 10 bit; 4:2:2, 4:4:4 and more than 8 bits otherwise become
// 8 bit 4:2:0 unless `pixel_format` says; upscaling is refused (INVALID) unless both sides are given; rotation is applied.
// Errors: INVALID (nearest choice named), UNSUPPORTED.
SR_MUST_USE bool rendition_resolve(const struct rendition *asked, const struct media_stream *source,
                                   const struct packet_table *table, struct rendition_video *ret, struct sr_err *err);
// The part of a planned source's picture, before turning, that the rendition shows: without the odd column or row that its format cannot code.
void rendition_crop(const struct rendition_video *video, int source_width, int source_height, int *ret_width,
                    int *ret_height);
// Everything that changes a byte, and nothing else.
SR_MUST_USE bool rendition_video_json(const struct rendition_video *video, json_t **ret_json, struct sr_err *err);
