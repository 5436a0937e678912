// transcode/segment_read.h - the packets of a stream by their number in the packet table, from any
// one on.
#pragma once

#include "transcode/media_io.h"
#include "transcode/packet_table.h"

struct segment_reader;

struct segment_read_params {
    const struct media_source *source;
    const struct packet_table *table;
};

// Owns:    *ret_reader is the caller's; params' pointers are borrowed until it is freed.
// Threads: one reader by one thread.
SR_MUST_USE bool segment_reader_new(const struct segment_read_params *params,
                                    struct segment_reader **ret_reader, struct sr_err *err);
void segment_reader_free(struct segment_reader *reader);
SR_DEFINE_AUTO(segment_reader, struct segment_reader, segment_reader_free);

// The next packet read will be number `packet`. Seeks, and believes it only when place and size of
// what comes are the table's; a source that does not seek exactly is read from its start instead.
SR_MUST_USE bool segment_reader_seek(struct segment_reader *reader, size_t packet,
                                     struct sr_err *err);
// PACKET: pts and dts of it are its number in the table. END: the source ends (or is damaged)
// before it.
enum media_read segment_reader_next(struct segment_reader *reader, AVPacket *packet,
                                    struct sr_err *err);
const AVCodecParameters *segment_reader_codec(const struct segment_reader *reader);
