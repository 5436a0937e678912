// transcode/fragment.h - writes one part: an init segment, then a CMAF fragment per group of pictures (or per cut of an audio track).
#pragma once

#include "transcode/track.h"

struct AVCodecParameters;
struct AVPacket;
struct fragment_writer;

struct fragment_params {
    const struct AVCodecParameters *codec;  // with extradata
    struct media_rational time_base;        // num 1
    struct media_rational rate;             // video: nominal
    int64_t start_pts, end_pts;             // interval of this part, output ticks
    int64_t shift_ticks;                    // see track_part
    uint32_t first_sequence;                // mfhd sequence_number of the first fragment; rises over the title
    const char *language;                   // audio; may be empty
    struct sr_writer *writer;               // borrowed; gets every byte
};

SR_MUST_USE bool fragment_writer_new(const struct fragment_params *params, struct fragment_writer **ret_writer,
                                     struct sr_err *err);
void fragment_writer_free(struct fragment_writer *writer);
SR_DEFINE_AUTO(fragment_writer, struct fragment_writer, fragment_writer_free);

// Packets come in decode order with pts in the params' time base; the writer sets dts by the one rule below. Holds the packets of one fragment.
// Spec: dts_i = min(P_i, pts_j + shift for all j >= i), strictly rising, where P is the part's pts in order and dts_0 is start_pts (all minus
// shift): so parts meet without a gap whatever the others hold. `starts_fragment`: ends the fragment before.
SR_MUST_USE bool fragment_writer_add(struct fragment_writer *writer, const struct AVPacket *packet, bool starts_fragment,
                                     struct sr_err *err);
// Writes what is left and gives the document (account is left zero); *ret is the caller's.
SR_MUST_USE bool fragment_writer_end(struct fragment_writer *writer, struct track_part *ret, struct sr_err *err);
