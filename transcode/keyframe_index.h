// transcode/keyframe_index.h - the random access points of a video stream: where decoding may
// start.
#pragma once

#include "base/auto.h"
#include "transcode/packet_table.h"

enum random_access_kind {
    RANDOM_ACCESS_UNKNOWN,         // flagged; the worker that starts there confirms it
    RANDOM_ACCESS_CLOSED,          // IDR, or a key picture that nothing after it reaches behind
    RANDOM_ACCESS_OPEN,            // leading pictures follow it in decode order and precede it in
                                   // presentation
    RANDOM_ACCESS_RECOVERY_POINT,  // H.264 recovery point SEI with recovery_frame_cnt 0
};

struct random_access {
    int64_t pts;
    int64_t pos;    // bytes; -1 unknown
    size_t packet;  // index in the table
    enum random_access_kind kind;
};

struct keyframe_index {
    size_t count;
    struct random_access point[];  // presentation order (= decode order)
};

// Every packet that may start a segment: flagged, not found unclean, and no packet before it in
// decode order is presented after it.
SR_MUST_USE bool keyframe_index_new(const struct packet_table *table,
                                    struct keyframe_index **ret_index, struct sr_err *err);
void keyframe_index_free(struct keyframe_index *index);
SR_DEFINE_AUTO(keyframe_index, struct keyframe_index, keyframe_index_free);
