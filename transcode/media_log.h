// transcode/media_log.h - libav's log lines as ours. av_log's callback is global: the log of the calling thread takes them.
#pragma once

#include "base/log.h"

void media_log_init(void);                              // once, before any other libav call; sends av_log to the thread's log, or drops it
const struct sr_log *media_log_set(const struct sr_log *log);  // of this thread; gives the one before; NULL: drop
