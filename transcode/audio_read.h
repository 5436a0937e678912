// transcode/audio_read.h - the samples of one track of sound, decoded, without a hole or an
// overlap. For audio only.
#pragma once

#include <libavcodec/avcodec.h>

#include "transcode/media_io.h"
#include "transcode/probe.h"
#include "transcode/track.h"

struct audio_reader;

// What every frame is like: the track's first one.
struct audio_form {
    enum AVSampleFormat format;
    int rate;
    AVChannelLayout layout;  // borrowed: lives as long as the reader
    int64_t start_pts;       // ticks of `time_base`: of the first sample
    struct media_rational time_base;
    int64_t shift_samples;  // start_pts is so much later than the first frame's own time: most
                            // packets say so
};

// Opens its own demuxer, with every other stream discarded, and its decoder (one thread, without
// SIMD).
// Owns:    *ret_reader is the caller's; `source` is borrowed until it is freed. Threads: one.
// Errors:  INVALID (no such sound), UNSUPPORTED (no decoder), INPUT, NO_MEMORY, CANCELLED.
SR_MUST_USE bool audio_reader_new(const struct media_source *source, const struct probe *probe,
                                  int stream_index, struct audio_reader **ret_reader,
                                  struct sr_err *err);
void audio_reader_free(struct audio_reader *reader);
SR_DEFINE_AUTO(audio_reader, struct audio_reader, audio_reader_free);

enum audio_next { AUDIO_FRAME, AUDIO_END, AUDIO_FAILED };
// FRAME: *ret_frame is the caller's; its samples follow those of the frame before. Priming and
// padding that the container tells of are cut off, also where only the last packet's duration
// tells; silence stands for holes and for packets that do not decode.
enum audio_next audio_reader_next(struct audio_reader *reader, AVFrame **ret_frame,
                                  struct sr_err *err);
// After the first FRAME.
const struct audio_form *audio_reader_form(const struct audio_reader *reader);
// After END: packets = shown + hidden + discarded + damaged. Holes and overlaps are in the list
// only.
const struct track_account *audio_reader_account(const struct audio_reader *reader);

// Opens a demuxer that gives the packets of one stream of sound alone. Shared with the copying of
// packets.
SR_MUST_USE bool audio_demuxer_open(const struct media_source *source, const struct probe *probe,
                                    int stream_index, AVFormatContext **ret_demuxer,
                                    struct sr_err *err);
// Adds to a list that is cut at TRACK_DAMAGE_MAX.
void audio_damage_add(struct track_account *account, int64_t pts, const char *format, ...)
    SR_PRINTF(3, 4);
// `pts` in samples from the stream's zero, to nearest; false when it is unknown or absurd.
SR_MUST_USE bool audio_position(int64_t pts, AVRational time_base, int rate, int64_t *ret_position);
