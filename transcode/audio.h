// transcode/audio.h - one audio track over the whole title, exact to the sample.
#pragma once

#include "transcode/rendition.h"
#include "transcode/track.h"

// When a track begins and how long it lasts, gaps repaired; from one demux pass without decoding
// (or the container's index).
struct audio_extent {
    int64_t start_pts;  // ticks of `time_base`; of the first sample that is heard (priming skipped)
    struct media_rational time_base;
    bool has_samples;
};
SR_MUST_USE bool audio_extent(const struct media_source *source, const struct probe *probe,
                              int stream_index, struct audio_extent *ret, struct sr_err *err);

struct audio_params {
    const struct media_source *source;
    const struct probe *probe;
    int stream_index;
    const struct rendition *rendition;  // codec "aac" or "copy"
    int64_t zero_pts;                   // output time zero ...
    struct media_rational zero_base;    // ... in this time base
    int64_t fragment_us;  // a new fragment at the first frame at or after each multiple of this
                          // from `fragment_start_us`
    int64_t fragment_start_us;
    struct sr_writer *writer;  // borrowed; gets the part's file
    void (*progress)(void *self, int64_t us);
    void *progress_self;
};

// Decodes, repairs gaps and jumps in timestamps (a hole of more than one codec frame becomes
// silence, an overlap is cut; both are listed as damage with their time), resamples where needed,
// encodes. Priming is signalled by part->priming_samples, padding likewise: part->frame_count is to
// the sample what the source's track lasts. "copy" moves packets unchanged where MP4 can carry
// them, else UNSUPPORTED. The bytes do not depend on the processor (float code runs without SIMD).
SR_MUST_USE bool audio_transcode(const struct audio_params *params, struct track_part *ret_part,
                                 struct sr_err *err);
