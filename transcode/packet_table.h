// transcode/packet_table.h - every packet of a source's video stream in decode order, with repaired times: the one
// presented timeline that planning, reading and verifying share.
#pragma once

#include "base/auto.h"
#include "transcode/media.h"
#include "transcode/probe.h"

enum packet_flag {
    PACKET_KEY = 1,        // flagged as random access by container or parser; not believed before it is confirmed
    PACKET_DISCARD = 2,    // decoded but not presented (edit list)
    PACKET_CORRUPT = 4,    // damaged in transport
    PACKET_CLEAN = 8,      // confirmed from its bytes: decoding can start here
    PACKET_UNCLEAN = 16,   // confirmed from its bytes: it cannot
    PACKET_HIDDEN = 32,    // known from its bytes to show nothing (altref, second field)
};

struct packet {
    int64_t pts, dts;  // ticks; after repair pts is never unknown
    int64_t pos;       // bytes into the source; -1: unknown
    uint32_t bytes;
    uint32_t flags;    // enum packet_flag
};

struct packet_table {
    int stream_index;
    struct media_rational time_base;
    size_t count;
    struct packet *packets;  // decode order
    int64_t start_pts;       // first presented
    int64_t end_pts;         // last presented + its duration
    int64_t frame_ticks;     // usual distance of frames: at least 1
    int reorder_depth;       // how many packets can precede one in decode order and follow it in presentation
    bool from_index;         // made from the container's sample tables, no payload read
    bool is_ordinal;         // times were missing: frames get the n-th time in output order, not their packet's
    bool is_variable;        // frame distances differ by more than 1 ms
    size_t repaired_count;   // packets whose time was missing, repeated or went back
};

// Owns:    *ret_table is the caller's, for packet_table_free(). 40 bytes a packet at most.
// Errors:  INPUT, LIMIT (more than PACKETS_MAX), NO_MEMORY, CANCELLED.
// Threads: any.
enum { PACKET_TABLE_PACKETS_MAX = 1 << 26 };
SR_MUST_USE bool packet_table_new(const struct media_source *source, const struct probe *probe, int stream_index,
                                  struct packet_table **ret_table, struct sr_err *err);
void packet_table_free(struct packet_table *table);
SR_DEFINE_AUTO(packet_table, struct packet_table, packet_table_free);
