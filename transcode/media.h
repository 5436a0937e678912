// transcode/media.h - plain values of media: streams, times with their time base, renditions.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/io.h"
#include "base/log.h"

struct media_rational {
    int num, den;
};

// Where a source's clock went back and started again (recordings joined byte for byte): ticks to
// add from each such place on, in order. Found on the video stream; the other streams go back at
// the same places.
enum { MEDIA_RESTARTS_MAX = 16 };
struct media_restarts {
    size_t count;
    int64_t offset[MEDIA_RESTARTS_MAX];
    struct media_rational time_base;
};

// Where media comes from. Borrowed by every call that takes it; one may be used by many threads.
struct media_source {
    struct sr_reader reader;
    const char *name;  // for messages: path or URL without its query
    const char
        *format;  // demuxer the caller insists on ("hls" stays refused); NULL: found by content
    const struct sr_cancel *cancel;         // NULL: never
    const struct sr_log *log;               // NULL: silent
    const struct media_restarts *restarts;  // of its clock, for sound; NULL: none known
};

enum media_kind { MEDIA_VIDEO, MEDIA_AUDIO, MEDIA_SUBTITLE, MEDIA_DATA, MEDIA_ATTACHMENT };

enum media_field_order { MEDIA_PROGRESSIVE, MEDIA_TOP_FIRST, MEDIA_BOTTOM_FIRST };

enum {
    MEDIA_STREAMS_MAX = 128,
    MEDIA_RENDITIONS_MAX = 32,
    MEDIA_SIDE_MAX = 8192,  // widest and highest picture taken
    MEDIA_AUDIO_CHANNELS_MAX = 16,
};

// What a mastering display and its content are, as ffmpeg and x264 spell it; zero: unknown.
struct media_hdr {
    bool has_mastering, has_light;
    struct media_rational primaries[3][2];  // R, G, B: x, y
    struct media_rational white[2];
    struct media_rational luminance_min, luminance_max;  // cd/m2
    unsigned max_content, max_average;                   // cd/m2
};

// Colour as in ISO/IEC 23091-2; the numbers are H.273 code points (2: unspecified). range: 0
// unknown, 1 limited, 2 full.
struct media_colour {
    int primaries, transfer, matrix, range, chroma_location;
};

struct media_stream {
    int index;  // in the source
    enum media_kind kind;
    char codec[32];    // libavcodec's name: "h264"
    char profile[64];  // may be empty
    char language[16];
    char title[128];
    struct media_rational time_base;
    int64_t start_pts;       // INT64_MIN: unknown
    int64_t duration_ticks;  // INT64_MIN: unknown
    int64_t bit_rate;        // 0: unknown
    bool is_default, is_attached_picture, is_encrypted, can_decode;
    struct {
        int width, height;
        char pixel_format[32];
        int bit_depth;
        struct media_rational sample_aspect;       // 1:1 when unknown
        struct media_rational rate, average_rate;  // frames per second; 0/1 unknown
        int rotation;      // clockwise degrees to turn the picture for display: 0, 90, 180, 270
        bool is_mirrored;  // flip horizontally before turning
        enum media_field_order field_order;
        bool is_interlaced;
        int reorder_depth;
        struct media_colour colour;
        struct media_hdr hdr;
        bool has_captions;  // CEA-608/708 in the stream
    } video;
    struct {
        int sample_rate, channels;
        char layout[64];
        int initial_padding;
    } audio;
};
