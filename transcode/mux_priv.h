// transcode/mux_priv.h - what the files of mux share: a track's header, the checks, copying
// samples.
#pragma once

#include "transcode/box.h"
#include "transcode/mux.h"

enum {
    MUX_TRACKS_MAX = MEDIA_STREAMS_MAX,
    MUX_INIT_BYTES_MAX = 1 << 20,  // of one part's init segment
    MUX_MOOF_BYTES_MAX = 1 << 26,  // of one fragment's moof
    MUX_COPY_BYTES = 1 << 20,      // read and written at once, unless one sample is larger
};

// A track's description, taken from the init segment of its first part. The boxes point into
// `init`.
struct mux_head {
    const struct mux_track *track;
    const struct track_part *first, *last;
    uint8_t *init;
    char codec[64];  // RFC 6381
    struct box ftyp, tkhd, hdlr, media_header, dinf, stbl, stsd, trex;
};
// Owns:    *ret is the caller's, for mux_head_done().
// Errors:  VERIFY (not what the document says, or no init segment), those of opening and reading, NO_MEMORY.
SR_MUST_USE bool mux_head_read(const struct mux_track *track, size_t track_number,
                               struct mux_head *ret, struct sr_err *err);
void mux_head_done(struct mux_head *head);
SR_DEFINE_AUTO_VALUE(mux_head, struct mux_head, mux_head_done);

// What differs between a whole file's trak and an init segment's.
struct mux_trak {
    uint32_t track_id;
    bool is_enabled;
    int64_t movie_duration;  // ticks of the movie's timescale; 0: fragments follow
    int64_t media_duration;  // ticks of the track's
    int64_t empty_duration;  // movie ticks before the track begins
    int64_t edit_duration;   // movie ticks
    int64_t media_time;
};
// Writes mvhd. Writes trak; `tables` writes the children of stbl, NULL: those of the init segment.
void mux_write_mvhd(struct box_writer *out, uint32_t timescale, int64_t duration,
                    size_t track_count);
void mux_write_trak(struct box_writer *out, const struct mux_head *head,
                    const struct mux_trak *trak, void (*tables)(struct box_writer *out, void *self),
                    void *self);
// The trak of a fragmented file and its trex.
void mux_write_fragmented_trak(struct box_writer *out, const struct mux_head *head,
                               uint32_t track_id, bool is_enabled);
void mux_write_trex(struct box_writer *out, const struct mux_head *head, uint32_t track_id);
// The one that players take when nobody chooses: asked for, or the first of its kind when none is.
bool mux_is_enabled(const struct mux_track *tracks, size_t track_count, size_t index);

// One header, parts that meet, times that rise, fragments that hold their samples. Errors: VERIFY,
// INVALID.
SR_MUST_USE bool mux_check(const struct mux_track *tracks, size_t track_count, struct sr_err *err);

// Ticks that the last sample of a track lasts in decode time, so that the track ends at end_pts.
int64_t mux_last_ticks(const struct track_part *last);

// What the sample tables of one track of a progressive file are written from.
struct mux_tables {
    const struct mux_head *head;
    size_t chunk_count, chunk_capacity;
    struct {
        uint64_t offset;  // from the start of the data
        size_t sample_count;
    } * chunks;
    uint64_t data_start;  // in the file
    bool wide_offsets;
};
void mux_write_tables(struct box_writer *out, void *tables);

// Copies samples in order, each track from one open part at a time.
struct mux_copier {
    const struct mux_params *params;
    uint8_t *buffer;
    size_t buffer_bytes;
    bool holds_budget;
    struct mux_copier_track {
        struct sr_reader reader;
        size_t part;      // that `reader` is of
        size_t fragment;  // of the next sample
        size_t sample;    // next; of the part
        uint64_t offset;  // of its bytes
    } at[MUX_TRACKS_MAX];
};
SR_MUST_USE bool mux_copier_init(struct mux_copier *copier, const struct mux_params *params,
                                 struct sr_err *err);
void mux_copier_done(struct mux_copier *copier);
SR_DEFINE_AUTO_VALUE(mux_copier, struct mux_copier, mux_copier_done);
// Opens the part (the one before is closed) unless it is open, and checks its init segment against
// the document.
SR_MUST_USE bool mux_copier_open(struct mux_copier *copier, size_t track, size_t part,
                                 struct sr_err *err);
// The next `count` samples of the track's open part, to the writer, their CRCs checked.
SR_MUST_USE bool mux_copier_copy(struct mux_copier *copier, size_t track, size_t count,
                                 struct sr_err *err);

// a's time is before b's.
static inline bool mux_before(int64_t a, uint32_t a_scale, int64_t b, uint32_t b_scale)
{
    return (__int128)a * b_scale < (__int128)b * a_scale;
}
