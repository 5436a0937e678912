// transcode/packet_table.h - every packet of a source's video stream in decode order, with repaired
// times: the one presented timeline that planning, reading and verifying share.
#pragma once

#include "base/auto.h"
#include "transcode/media.h"
#include "transcode/probe.h"

enum packet_flag {
    PACKET_KEY =
        1,  // flagged as random access by container or parser; not believed before it is confirmed
    PACKET_DISCARD = 2,   // decoded but not presented (edit list)
    PACKET_CORRUPT = 4,   // damaged in transport
    PACKET_CLEAN = 8,     // its bytes say: decoding can start here
    PACKET_UNCLEAN = 16,  // its bytes say: it cannot
    PACKET_CLOSED = 32,   // with CLEAN: nothing presented after it needs what came before
    PACKET_HIDDEN = 64,  // its bytes say: it shows nothing (altref) or completes the picture before
                         // it (second field)
    PACKET_SKIPPED =
        128,  // HEVC RASL: shows nothing when decoding started at its random access point
};

struct packet {
    int64_t pts, dts;  // ticks; after repair never unknown
    int64_t pos;       // bytes into the source; -1: unknown
    uint32_t bytes;
    uint32_t flags;  // enum packet_flag
};

enum { PACKET_TABLE_PACKETS_MAX = 1 << 26 };

struct packet_table {
    int stream_index;
    struct media_rational time_base;
    size_t count;
    struct packet *packets;  // decode order
    size_t presented_count;  // neither DISCARD nor HIDDEN
    int64_t start_pts;       // first presented
    int64_t end_pts;         // last presented + its duration
    int64_t frame_ticks;     // usual distance of pictures: at least 1
    int reorder_depth;       // how many packets can precede one in decode order and follow it in
                             // presentation
    bool from_index;       // made from the container's sample tables, no payload read but the first
                           // packet
    bool is_ordinal;       // times were missing: the n-th picture out of the decoder has the n-th
                           // packet's time
    bool is_variable;      // picture distances differ by more than 1 ms
    bool can_confirm;      // the codec is one whose random access points we can tell from its bytes
    bool changes_headers;  // codec headers change outside the packets: decoding can start at the
                           // first packet only
    bool has_bidirectional;  // B pictures of MPEG-1, -2 or -4 were seen; not looked for in an index
    size_t repaired_count;   // packets whose time was missing, repeated or went back
    size_t damaged_count;    // flagged CORRUPT
    struct media_restarts restarts;
    uint8_t *x264_sei;  // SEI NAL unit that names the x264 build of the first picture; NULL: none
    size_t x264_sei_bytes;
};

// Takes the container's sample tables where they are complete (ISO BMFF), else one demux pass
// without decoding.
// Owns:    *ret_table is the caller's, for packet_table_free(). 32 bytes a packet.
// Errors:  INPUT (no packet), LIMIT (more than PACKET_TABLE_PACKETS_MAX), NO_MEMORY, CANCELLED.
// Threads: any; the result is only read.
SR_MUST_USE bool packet_table_new(const struct media_source *source, const struct probe *probe,
                                  int stream_index, struct packet_table **ret_table,
                                  struct sr_err *err);
void packet_table_free(struct packet_table *table);
SR_DEFINE_AUTO(packet_table, struct packet_table, packet_table_free);

static inline bool packet_presented(const struct packet *packet)
{
    return !(packet->flags & (PACKET_DISCARD | PACKET_HIDDEN));
}

// How far to decode, one past the last packet, so that every picture presented before `end_pts` is
// out; 0: there is none.
size_t packet_table_end_packet(const struct packet_table *table, int64_t end_pts);
