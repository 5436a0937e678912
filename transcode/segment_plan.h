// transcode/segment_plan.h - where to cut a source so that its segments can be transcoded in
// parallel.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "transcode/keyframe_index.h"

enum segment_mode { SEGMENT_AUTO, SEGMENT_KEYFRAME, SEGMENT_GRID, SEGMENT_OFF };

struct segment {
    int64_t start_pts, end_pts;  // [start, end), ticks of the source's time base
    size_t start_packet;         // where decoding starts if that point is clean
    size_t end_packet;      // one past the last packet to decode: see packet_table_end_packet()
    size_t packet_count;    // packets whose time lies in the interval and that are presented
    uint64_t source_bytes;  // of the packets from start_packet to end_packet: its weight
};

struct segment_plan_params {
    const struct packet_table *table;
    const struct keyframe_index *index;
    enum segment_mode mode;  // AUTO is the caller's to decide: refused here
    int64_t target_us;       // 0: the default of the mode (keyframe: 10 s; grid: the smallest whole
                             // number of media segments of at least 4 s)
    int64_t gop_us;          // grid: 2 s, or the media segment when that is shorter
    int64_t media_segment_us;  // grid: 6 s by default
};

struct segment_plan {
    enum segment_mode mode;
    // 1, or a fixed number when there are fewer than 8 segments; of a rendition: encode_threads()
    int encoder_threads;
    int64_t gop_us, media_segment_us, target_us;
    const char *why_one;  // why there is only one segment; NULL when there are several
    size_t segment_count;
    struct segment segment[];
};

// Owns:    *ret_plan is the caller's. Errors: INVALID (lengths), INPUT (nothing is presented), NO_MEMORY.
// Threads: pure; any thread. A function of its parameters alone: never of the machine.
SR_MUST_USE bool segment_plan_new(const struct segment_plan_params *params,
                                  struct segment_plan **ret_plan, struct sr_err *err);
// The shortest segment's length, for what must hold across seams; 0: there is only one segment.
int64_t segment_plan_shortest_us(const struct segment_plan *plan, const struct packet_table *table);
void segment_plan_free(struct segment_plan *plan);
SR_DEFINE_AUTO(segment_plan, struct segment_plan, segment_plan_free);

SR_MUST_USE bool segment_plan_json(const struct segment_plan *plan,
                                   const struct packet_table *table, json_t **ret_json,
                                   struct sr_err *err);
const char *segment_mode_name(enum segment_mode mode);
