// transcode/mux.h - joins parts into what is delivered: progressive MP4, fragmented MP4, the pieces
// of HLS.
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
    const char *language;  // may be empty
    bool is_default;
    size_t part_count;
    const struct mux_part *parts;  // in order; each begins where the one before ends
};

struct mux_params {
    size_t track_count;
    const struct mux_track *tracks;  // video first
    struct sr_writer *writer;        // borrowed; publishing is the caller's
    const struct sr_cancel *cancel;
    struct sr_budget *budget;  // NULL: none
    // Told before each write of samples: they are `bytes` of this part, from `offset` on. NULL:
    // nobody asks.
    bool (*from_part)(void *self, const struct mux_part *part, uint64_t offset, uint64_t bytes,
                      struct sr_err *err);
    void *from_self;
};

// All of them check the documents before they write (one codec header per track, parts that meet,
// times that rise, fragments that hold their samples) and each sample's CRC while they copy. At
// most a MiB of samples, or one larger sample, is held at once.
// Errors:  VERIFY naming "segment N" (a part's bytes or times are not what its document says), INVALID (tracks), what opening,
//          reading and writing meet, NO_MEMORY, CANCELLED.
// Of tracks of a kind the default ones are enabled, or the first when none is default.
//
// Progressive MP4, `moov` in front: every size and time is in the documents, so it is complete
// before the first sample is written; the writer is never asked to rewrite and may be a pipe.
// Samples are interleaved by decode time in chunks of at most half a second. Edit lists carry the
// composition shift, the offset between tracks, and audio priming and length to the sample.
SR_MUST_USE bool mux_mp4(const struct mux_params *params, struct sr_err *err);
// Progressive MP4 that a store can put together from the parts' files: its data are runs of whole
// fragments as they lie there, each at least `piece_bytes` long if its part is, in the order of
// their time; the `moof` boxes between the samples are of no meaning. Writes the head only, then
// tells `from_part` every run, in order; no sample is read.
SR_MUST_USE bool mux_composed(const struct mux_params *params, uint64_t piece_bytes,
                              struct sr_err *err);
// Fragmented MP4 for a pipe: init segment with edit lists, then the tracks' fragments in the order
// of their time, renumbered.
SR_MUST_USE bool mux_fragmented(const struct mux_params *params, struct sr_err *err);
// The init segment of one track for HLS or DASH, with the edit list of its composition shift or
// priming: presentation times of init and fragments are then output time.
SR_MUST_USE bool mux_init_segment(const struct mux_track *track, struct sr_writer *writer,
                                  struct sr_err *err);
