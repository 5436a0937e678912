// transcode/segment_decode.h - the decoded pictures of one interval of presentation time, each
// once, in order, exactly.
#pragma once

#include "transcode/segment_plan.h"
#include "transcode/track.h"

struct AVFrame;
struct segment_decoder;

struct segment_decode_params {
    const struct media_source *source;
    const struct probe *probe;
    const struct packet_table *table;
    const struct keyframe_index *index;
    struct segment segment;
    bool is_first, is_last;  // the first also accounts for packets before its start, the last for
                             // those after its end
    int context_before,
        context_after;  // pictures wanted outside the interval, for temporal filters (0..8)
};

struct segment_picture {
    int64_t pts;      // ticks of the table's time base
    bool is_context;  // outside the interval: feed temporal filters, never encode
};

// Opens its own demuxer and decoder (one thread: frame threads are not deterministic on damaged
// input), confirms the random access point from its NAL units and steps back while it is unclean,
// by a rule that depends on the source alone.
// Owns:    *ret_decoder is the caller's. `params` and what it points to are borrowed until it is freed.
// Threads: one decoder by one thread; many decoders at once over one source.
SR_MUST_USE bool segment_decoder_new(const struct segment_decode_params *params,
                                     struct segment_decoder **ret_decoder, struct sr_err *err);
void segment_decoder_free(struct segment_decoder *decoder);
SR_DEFINE_AUTO(segment_decoder, struct segment_decoder, segment_decoder_free);

enum segment_next { SEGMENT_PICTURE, SEGMENT_END, SEGMENT_FAILED };
// PICTURE: *ret_frame is the caller's (av_frame_free); its own pts field is meaningless,
// *ret_picture counts. Damage is not an error: it is in the account. FAILED: I/O, memory,
// cancellation.
enum segment_next segment_decoder_next(struct segment_decoder *decoder, struct AVFrame **ret_frame,
                                       struct segment_picture *ret_picture, struct sr_err *err);
// What the source alone says of an interval's account, before anything is decoded: `packets` and
// `discarded` are exact, `hidden` is the least. *ret_hidden_max: packets that may turn out to show
// nothing; UINT64_MAX where only decoding tells (altref in a container that was not read).
void segment_decode_expect(const struct segment_decode_params *params,
                           struct track_account *ret_least, uint64_t *ret_hidden_max);
// After END: packets = shown + hidden + discarded + damaged.
void segment_decoder_account(const struct segment_decoder *decoder,
                             struct track_account *ret_account);
