// transcode/track.h - encoded samples of one track: what an encoding task leaves behind and packaging takes up.
//
// A part is two things: a file (init segment, then CMAF fragments) and this document, which says where each sample
// lies in it. A video rendition has one part per segment, an audio track one part in all.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "transcode/media.h"

struct track_sample {
    int64_t pts, dts;  // presentation and decode time in the track's timescale; output time, zero is the earliest stream
    uint32_t bytes;
    uint32_t crc32;    // of its bytes (ISO 3309)
    bool is_key;
};

struct track_fragment {
    uint64_t offset, bytes;  // of moof and mdat, in the part's file
    uint64_t data_offset;    // of the first sample's bytes; the others follow without a gap
    int64_t start_pts;       // earliest presentation time
    size_t first_sample, sample_count;
};

enum {
    TRACK_DAMAGE_MAX = 100,
    TRACK_SAMPLES_MAX = 1 << 26,  // in a part
    TRACK_TIMESCALE_MAX = 1000000000,
};
struct track_damage {
    int64_t pts;      // source ticks
    char reason[80];
};

// Each packet of the source's interval, counted once.
struct track_account {
    uint64_t packets, shown, hidden, discarded, damaged;
    size_t damage_count;  // in the list; it is cut at TRACK_DAMAGE_MAX
    struct track_damage damage[TRACK_DAMAGE_MAX];
};

struct track_part {
    enum media_kind kind;
    uint32_t timescale;
    int64_t start_pts, end_pts;  // interval this part covers: the last sample lasts until end_pts
    int64_t shift_ticks;         // composition shift: in the file, composition time is pts + shift and decode time is dts + shift >= 0;
                                 // the same for all parts of a track (reorder delay of the encoder; priming of an audio codec is pts < start_pts)
    int64_t priming_samples, padding_samples;  // audio: decoded samples to throw away at both ends
    int64_t frame_count;         // pictures, or audio samples per channel after priming and padding
    uint64_t init_bytes;         // the init segment at the head of the file
    char init_sha256[65];
    size_t fragment_count;
    struct track_fragment *fragments;
    size_t sample_count;
    struct track_sample *samples;  // decode order
    struct track_account account;
};

void track_part_done(struct track_part *part);
SR_DEFINE_AUTO_VALUE(track_part, struct track_part, track_part_done);
SR_MUST_USE bool track_part_json(const struct track_part *part, json_t **ret_json, struct sr_err *err);
// Fills *ret, for track_part_done(). Whatever the document says, indexes and sizes of *ret can be trusted within it: fragments follow each other,
// hold every sample once and have room for its bytes. Whether times and bytes are those of the file is for packaging to check.
// Errors: INVALID with the JSON path, LIMIT, NO_MEMORY.
SR_MUST_USE bool track_part_parse(const json_t *json, struct track_part *ret, struct sr_err *err);
