// transcode/media_io.h - libavformat over base/io.h. For this folder only: the one place where
// demuxers and muxers are opened.
#pragma once

#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>

#include "base/auto.h"
#include "transcode/media.h"

// Opens a demuxer over source->reader by content (media_format.h: a playlist or script is refused
// with UNSUPPORTED and its name), no protocol, no second file. Limits: probe size, streams
// (MEDIA_STREAMS_MAX), nesting, picture sides (MEDIA_SIDE_MAX). Interrupted by source->cancel.
// Packets come as they are in the file: no generated pts, no discarded corrupt packets. Messages
// begin with source->name.
// Owns:    *ret_demuxer is the caller's; `source` is copied, what it points to is borrowed until the close.
// Errors:  INPUT, UNSUPPORTED, LIMIT, NO_MEMORY, CANCELLED, TIMEOUT, and what the reader fails with.
// Threads: one demuxer by one thread; many over one source.
SR_MUST_USE bool media_demuxer_open(const struct media_source *source,
                                    AVFormatContext **ret_demuxer, struct sr_err *err);
void media_demuxer_close(AVFormatContext **demuxer);  // takes NULL
SR_DEFINE_AUTO_P(media_demuxer, AVFormatContext, media_demuxer_close);

// avformat_find_stream_info with our limits (one decoder thread, bounded bytes and time).
SR_MUST_USE bool media_demuxer_find_info(AVFormatContext *demuxer,
                                         const struct media_source *source, struct sr_err *err);
// The same where only one stream is wanted: the others are discarded from here on, and where sample
// tables find each stream's packets nothing of the others is read or decoded.
// Errors: INPUT if there is no such stream.
SR_MUST_USE bool media_demuxer_find_info_of(AVFormatContext *demuxer, int stream_index,
                                            const struct media_source *source, struct sr_err *err);

// av_read_frame: PACKET (the caller unrefs it), END, or FAILED (I/O, memory, cancellation). What
// the demuxer calls an error in the file is gone over and counted; after MEDIA_READ_ERRORS_MAX of
// them in a row it is the end.
enum media_read { MEDIA_READ_PACKET, MEDIA_READ_END, MEDIA_READ_FAILED };
enum { MEDIA_READ_ERRORS_MAX = 1000 };
enum media_read media_demuxer_read(AVFormatContext *demuxer, AVPacket *packet, struct sr_err *err);
// How many errors have been gone over since opening.
uint64_t media_demuxer_error_count(const AVFormatContext *demuxer);

// An AVIOContext that writes to `writer` (seekable within what rewrite_head allows when
// `can_rewrite`). Free with media_output_close; call media_output_flush before, a close does not
// tell of failures.
SR_MUST_USE bool media_output_open(struct sr_writer *writer, bool can_rewrite, AVIOContext **ret_io,
                                   struct sr_err *err);
// Hands on what is buffered; fails with the first error that any write met.
SR_MUST_USE bool media_output_flush(AVIOContext *io, struct sr_err *err);
void media_output_close(AVIOContext **io);  // does not publish, drops what is still buffered
SR_DEFINE_AUTO_P(media_output, AVIOContext, media_output_close);

// The error that our callback met, if any, copied into err (false when there was one): call it when
// libav reports a failure. `io` is a demuxer's pb or an output.
bool media_io_error(const AVIOContext *io, struct sr_err *err);

SR_DEFINE_AUTO_P(av_packet, AVPacket, av_packet_free);
SR_DEFINE_AUTO_P(av_frame, AVFrame, av_frame_free);
