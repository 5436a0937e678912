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
    const struct media_hdr *hdr;            // video: into the init segment; NULL: none
    struct sr_writer *writer;               // borrowed; gets every byte
};

SR_MUST_USE bool fragment_writer_new(const struct fragment_params *params, struct fragment_writer **ret_writer,
                                     struct sr_err *err);
void fragment_writer_free(struct fragment_writer *writer);
SR_DEFINE_AUTO(fragment_writer, struct fragment_writer, fragment_writer_free);

enum { FRAGMENT_PACKETS_MAX = 4000 };  // its moof must fit in the muxer's buffer, where its sizes are filled in
// As end_pts: it is given by fragment_writer_set_end(), for sound whose length is known when its last sample is.
#define FRAGMENT_END_LATER (INT64_MAX / 4)
void fragment_writer_set_end(struct fragment_writer *writer, int64_t end_pts);


// Packets come in decode order with pts in the params' time base; the writer sets dts by the one rule below. Holds the packets of one fragment.
// Video. `starts_fragment` only where no picture after it is presented before it. A picture's time lies in [start_pts, end_pts).
// dts_i = min(P_i, pts_j + shift for all j >= i), strictly rising, where P is the part's pts in order and dts_0 is start_pts (all minus
// shift): so parts meet without a gap whatever the others hold; the last sample's duration ends at end_pts.
// Audio: dts_i = pts_i, the first is start_pts - shift, the last sample is presented until end_pts; the time base is one sample.
// `starts_fragment`: ends the fragment before. Errors: INVALID (times), LIMIT (packets in a fragment), the writer's, NO_MEMORY, INTERNAL (the muxer
// wrote something else than we asked for: sizes, times, offsets are read back from what it wrote).
SR_MUST_USE bool fragment_writer_add(struct fragment_writer *writer, const struct AVPacket *packet, bool starts_fragment,
                                     struct sr_err *err);
// Writes what is left and gives the document (account is left zero); *ret is the caller's.
SR_MUST_USE bool fragment_writer_end(struct fragment_writer *writer, struct track_part *ret, struct sr_err *err);
