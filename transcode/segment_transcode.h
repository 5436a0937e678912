// transcode/segment_transcode.h - one segment, many renditions: one decode, shared scaling, one encoder each.
#pragma once

#include "transcode/rendition.h"
#include "transcode/segment_decode.h"

struct segment_output {
    const struct rendition_video *rendition;
    struct sr_writer *writer;   // borrowed; gets the part's file; publishing is the caller's
    struct track_part *part;    // filled on success
};

struct segment_transcode_params {
    struct segment_decode_params decode;  // context_* are set by the transcoder itself
    size_t segment_index;                 // 0-based: for fragment sequence numbers (index << 16, then 1, 2, ...)
    enum segment_mode mode;               // grid: an IDR at each gop_us from the timeline's start and nowhere else; keyframe: the encoder chooses within
    int64_t gop_us;
    int encoder_threads;
    int64_t zero_pts;                     // output time zero ...
    struct media_rational zero_base;      // ... in this time base; video's offset is rounded once, to the output's ticks
    size_t output_count;
    struct segment_output *outputs;
    void (*progress)(void *self, uint64_t frames);  // frames encoded so far in this segment, of the first rendition; NULL: nobody looks
    void *progress_self;
};

// Errors:  INPUT, UNSUPPORTED (no encoder), NO_MEMORY, CANCELLED, INTERNAL (an encoder broke a promise: not an IDR first, header differs).
// Threads: any; shares nothing.
SR_MUST_USE bool segment_transcode(const struct segment_transcode_params *params, struct sr_err *err);
// Bytes a call is expected to hold at its peak, for the budget: frames in the encoders' lookahead, decoder and filters.
uint64_t segment_transcode_peak_bytes(const struct media_stream *source, const struct rendition_video *const *renditions,
                                      size_t rendition_count, int encoder_threads);
// "x264 164 ..., libavcodec 59.37.100 ...": what the workspace's keys hash, so that another build never reuses a result.
const char *segment_transcode_build(void);
