// transcode/media_io.h - libavformat over base/io.h. For this folder only: the one place where demuxers and muxers are opened.
#pragma once

#include <libavformat/avformat.h>

#include "base/auto.h"
#include "transcode/media.h"

// Opens a demuxer over source->reader by content. Only the known media demuxers are allowed (a table; a playlist or script is refused with UNSUPPORTED
// and its name), no protocol, no second file: io_open fails. Limits: probe size, streams, nesting. Interrupted by source->cancel.
// flags: keeps packets as they are in the file: no generated pts, no discarded corrupt packets.
SR_MUST_USE bool media_demuxer_open(const struct media_source *source, AVFormatContext **ret_demuxer, struct sr_err *err);
void media_demuxer_close(AVFormatContext **demuxer);  // takes NULL
SR_DEFINE_AUTO_P(media_demuxer, AVFormatContext, media_demuxer_close);

// avformat_find_stream_info with our limits (one decoder thread, bounded bytes and time).
SR_MUST_USE bool media_demuxer_find_info(AVFormatContext *demuxer, const struct media_source *source, struct sr_err *err);

// av_read_frame: PACKET, END, or FAILED. *ret_error_count grows for damage that the demuxer reported and went over.
enum media_read { MEDIA_READ_PACKET, MEDIA_READ_END, MEDIA_READ_FAILED };
enum media_read media_demuxer_read(AVFormatContext *demuxer, AVPacket *packet, struct sr_err *err);

// An AVIOContext that writes to `writer` (seekable within what rewrite_head allows when `can_rewrite`). Free with media_output_close.
SR_MUST_USE bool media_output_open(struct sr_writer *writer, bool can_rewrite, AVIOContext **ret_io, struct sr_err *err);
void media_output_close(AVIOContext **io);  // does not publish
SR_DEFINE_AUTO_P(media_output, AVIOContext, media_output_close);

// The error that our callback met, if any, copied into err (false when there was one): call it when libav reports a failure.
bool media_io_error(const AVIOContext *io, struct sr_err *err);

SR_DEFINE_AUTO_P(av_packet, AVPacket, av_packet_free);
SR_DEFINE_AUTO_P(av_frame, AVFrame, av_frame_free);
