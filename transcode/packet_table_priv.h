// transcode/packet_table_priv.h - the steps that fill and repair a packet table; see
// packet_table.h.
#pragma once

#include "transcode/bitstream.h"
#include "transcode/media_io.h"
#include "transcode/packet_table.h"

SR_MUST_USE bool packet_table_add(struct packet_table *table, size_t *capacity,
                                  const struct packet *packet, struct sr_err *err);

// Keeps the first picture's x264 SEI, so that a decoder that starts later can have it.
SR_MUST_USE bool packet_table_keep_sei(struct packet_table *table,
                                       const struct bitstream_format *format, const uint8_t *data,
                                       size_t bytes, struct sr_err *err);

// packet_index.c: from the sample tables of an ISO BMFF file. *ret_done false: this file needs a
// pass over its packets.
SR_MUST_USE bool packet_index_fill(const struct media_source *source, AVFormatContext *demuxer,
                                   AVStream *stream, struct packet_table *table,
                                   int64_t *ret_last_ticks, bool *ret_done, struct sr_err *err);

// packet_scan.c: by one demux pass. *ret_last_ticks: duration of the packet presented last; 0:
// unknown.
SR_MUST_USE bool packet_scan_fill(const struct media_source *source, AVFormatContext *demuxer,
                                  AVStream *stream, struct packet_table *table,
                                  int64_t *ret_last_ticks, struct sr_err *err);

// packet_repair.c: gives every packet a time and derives the timeline's figures. Pure.
// `rate`: what the container claims, 0/1 unknown; `last_ticks` as above.
SR_MUST_USE bool packet_repair(struct packet_table *table, struct media_rational rate,
                               int64_t last_ticks, struct sr_err *err);
