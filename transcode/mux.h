// transcode/mux.h - joins parts into what is delivered: progressive MP4, fragmented MP4, the pieces of HLS.
#pragma once

#include "transcode/track.h"

// One part on disk or in a store, opened when it is needed and closed after.
struct mux_part {
    const struct track_part *part;  // borrowed
    bool (*open)(void *self, struct sr_reader *ret_reader, struct sr_err *err);
    void *self;
};

struct mux_track {
    enum media_kind kind;
    const char *language;   // may be empty
    bool is_default;
    size_t part_count;
    const struct mux_part *parts;  // in order; each begins where the one before ends
};

struct mux_params {
    size_t track_count;
    const struct mux_track *tracks;  // video first
    struct sr_writer *writer;        // borrowed; publishing is the caller's
    const struct sr_cancel *cancel;
    struct sr_budget *budget;        // NULL: none
};

// Checks before it writes: one init header per track, parts that meet, times that rise, fragment bytes whose CRC is the document's.
// Errors:  VERIFY naming "segment N" (a part's bytes or times are not what its document says), STORAGE, NO_MEMORY.
//
// Progressive MP4, `moov` in front: its place is reserved from the sample counts (the rest is `free`) and filled through
// writer->rewrite_head. Samples are interleaved by decode time in chunks of at most a second. Edit lists carry the composition shift, the offset
// between tracks, and audio priming and length to the sample.
SR_MUST_USE bool mux_mp4(const struct mux_params *params, struct sr_err *err);
// Bytes of the reserved head: ask before opening the writer, since a store keeps that much in memory.
uint64_t mux_mp4_head_bytes(const struct mux_params *params);
// Fragmented MP4 for a pipe: init segment with edit lists, then the tracks' fragments interleaved. Never rewrites.
SR_MUST_USE bool mux_fragmented(const struct mux_params *params, struct sr_err *err);
// The init segment of one track for HLS or DASH, with the edit list of its composition shift or priming.
SR_MUST_USE bool mux_init_segment(const struct mux_track *track, struct sr_writer *writer, struct sr_err *err);
