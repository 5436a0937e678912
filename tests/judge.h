// tests/judge.h - what a stock decoder makes of a file: each picture with its number and time, each
// sound at its place. It uses nothing of ours, so that it can judge us.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

enum { JUDGE_AUDIOS_MAX = 8, JUDGE_THUMB_SIDE = 16, JUDGE_NO_NUMBER = -1 };

struct judge_picture {
    double time;     // seconds; edit lists applied
    int32_t number;  // of the barcode; JUDGE_NO_NUMBER
    bool is_interlaced, is_top_first;
    uint8_t thumb[JUDGE_THUMB_SIDE * JUDGE_THUMB_SIDE];  // luma, 8 bits
};

struct judge_packet {
    int64_t pts, dts;  // ticks of the stream
    double time;
    size_t bytes;
    bool is_key;
    bool is_idr;  // H.264: holds an IDR slice
};

struct judge_video {
    char codec[32], pixel_format[32];
    int width, height;                      // of the first picture
    bool has_one_size;                      // all pictures are as large as the first
    double sample_aspect;                   // 1: square
    bool has_matrix;                        // a display matrix that turns or mirrors
    int range, primaries, transfer, space;  // AVCOL_*
    bool has_mastering, has_light_level;    // of the stream or of the first picture
    double mastering_luminance_max, mastering_red_x;
    int light_level_max;
    double seconds_per_tick, end;  // of the last picture: its time and duration
    size_t count;
    struct judge_picture *pictures;
    size_t packet_count;
    struct judge_packet *packets;  // decode order
    size_t headers;                // different codec headers that were met
};

struct judge_audio {
    char codec[32], language[16];
    bool is_default;
    int rate, channels;
    double start;     // of the first sample heard, seconds
    int64_t samples;  // heard by a decoder that honours the edit list, at both ends
    int64_t decoded;  // heard by one that ignores its end
    int64_t places;   // samples in `sound`: holes are silence
    float *sound;     // first channel, from `start` on
};

struct judge {
    int video_streams, audio_streams, attached_pictures, other_streams;
    int decode_errors;  // packets that a decoder refused
    struct judge_video video;
    struct judge_audio audio[JUDGE_AUDIOS_MAX];
};

// Demuxes and decodes all of a file, or of an HLS folder by its master playlist: the best video
// stream that is no attached picture, and every audio stream. Fails the test when it cannot be
// opened.
// Owns: *ret is the caller's, for judge_done().
void judge_file(const char *path, struct judge *ret);
void judge_done(struct judge *judge);
SR_DEFINE_AUTO_VALUE(judge, struct judge, judge_done);

// By how many samples the sound of `b` is later than that of `a`, when both are placed by their
// times after `zero_a` and `zero_b` (seconds): the best match of a window of 0.2 s at `at_s`
// seconds after the zero, over +-60 ms. Both have the same rate; the window must hold something
// that does not repeat within that.
int64_t judge_lag(const struct judge_audio *a, double zero_a, const struct judge_audio *b,
                  double zero_b, double at_s);
// The mean difference of two pictures' luma, 0..255.
double judge_distance(const struct judge_picture *a, const struct judge_picture *b);
