// transcode/audio_part.h - where packets of sound become a part: output time, fragments at the
// cuts, what is heard. For audio only.
#pragma once

#include <libavcodec/avcodec.h>

#include "transcode/audio.h"
#include "transcode/fragment.h"

struct audio_part {
    const struct audio_params *params;
    struct fragment_writer *writer;
    int rate;           // samples per second: the part's timescale
    int64_t start_pts;  // output ticks: of the first sample that is heard
    int64_t priming;    // samples before it
    int64_t next_cut;   // ticks: the next fragment begins at the first packet from here on
    int64_t next_cut_number;
};

// Output time in samples of `rate`, rounded once, of a time in the source. Errors: TOO_LARGE,
// INVALID (before output time zero).
SR_MUST_USE bool audio_part_time(const struct audio_params *params, int64_t pts,
                                 struct media_rational base, int rate, int64_t *ret_ticks,
                                 struct sr_err *err);
// `codec` has what the init segment needs. Owns: *part is done with audio_part_done().
SR_MUST_USE bool audio_part_open(struct audio_part *part, const struct audio_params *params,
                                 const AVCodecParameters *codec, int rate, int64_t start_pts,
                                 int64_t priming, struct sr_err *err);
// A packet with its pts in output ticks, rising.
SR_MUST_USE bool audio_part_add(struct audio_part *part, AVPacket *packet, struct sr_err *err);
// `heard` samples were heard, `padding` follow them in the last packet.
SR_MUST_USE bool audio_part_end(struct audio_part *part, int64_t heard, int64_t padding,
                                const struct track_account *account, struct track_part *ret,
                                struct sr_err *err);
void audio_part_done(struct audio_part *part);
SR_DEFINE_AUTO_VALUE(audio_part, struct audio_part, audio_part_done);

// The two ways to make a part.
SR_MUST_USE bool audio_encode(const struct audio_params *params, struct track_part *ret_part,
                              struct sr_err *err);
SR_MUST_USE bool audio_copy(const struct audio_params *params, struct track_part *ret_part,
                            struct sr_err *err);
