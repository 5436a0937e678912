// transcode/media_format.h - which demuxer reads a source: found by its content, from a table of
// those that are open.
#pragma once

#include <libavformat/avformat.h>

#include "transcode/media.h"

// The demuxer that fits the source's first bytes best, or the one that source->format names. Only
// demuxers of the table are given: they read one file and nothing else. The name of the source is
// never looked at.
// Errors:  INPUT (empty, or nothing fits), UNSUPPORTED (a playlist, a script, subtitles, a still picture...; says
//          which), and what the reader fails with.
// Threads: any.
SR_MUST_USE bool media_format_find(const struct media_source *source,
                                   const AVInputFormat **ret_format, struct sr_err *err);

// As media_format_find for a format's name alone. Errors: UNSUPPORTED.
SR_MUST_USE bool media_format_named(const char *name, const AVInputFormat **ret_format,
                                    struct sr_err *err);
