// transcode/media_log.h - libav's log lines as ours. av_log's callback is global: the log of the
// calling thread takes them.
#pragma once

#include "base/log.h"

// Once, before any other libav call: sends av_log to the thread's log, or drops it, and bounds a
// single allocation of libav to MEDIA_ALLOC_MAX (both are settings of the whole process).
void media_log_init(void);
enum { MEDIA_ALLOC_MAX = 1 << 30 };

// Of this thread; gives the one before. NULL: drop. The log is borrowed until the next call.
const struct sr_log *media_log_set(const struct sr_log *log);

// The first line that libav called an error on this thread, without its prefix; "" when there was
// none since media_log_forget(). It is often the only reason libav gives: "moov atom not found".
const char *media_log_first(void);
void media_log_forget(void);
