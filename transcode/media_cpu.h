// transcode/media_cpu.h - one lock around opening codecs, filters and converters, and opening them
// without SIMD.
#pragma once

#include "base/attr.h"

// libav picks its functions by the processor's flags when a codec, filter graph or converter is
// opened. Video code gives the same bytes with every choice (or is told to); float audio code does
// not, so audio is opened as if the processor had no extensions. The flags are one variable of the
// process: whoever opens anything holds this lock meanwhile. Threads: any; not recursive; hold it
// for the opening alone (avcodec_open2, avfilter_graph_config, swr_init, sws_init).
void media_open_lock(void);
void media_open_unlock(void);

// The same, and until the unlock every function that libav picks is the plain C one.
void media_scalar_lock(void);
void media_scalar_unlock(void);

// For the rest of the process: libav uses no processor extension at all. Before any thread is started.
void media_cpu_none(void);
