// transcode/audio_edit.h - where a track of an MP4 ends, to the sample. For audio only.
#pragma once

#include <stdbool.h>

#include "base/io.h"

// libavformat shortens the last packet to where the track ends, but not when an empty edit precedes
// it; and an edit lasts a number of ticks of the movie's clock, often a millisecond, so that a list
// that was meant to hide nothing but priming ends up to a tick before the samples. Gives the end in
// the ticks and the timeline of libavformat's packets: of the media, or of the one edit (after an
// empty one, if any) when it ends a movie tick or more before that. False for several edits,
// fragments, a damaged file, or one that is no MP4. Reads the boxes' heads only. Spec: ISO/IEC
// 14496-12 8.6.6
SR_MUST_USE bool audio_edit_end(const struct sr_reader *reader, int64_t track_id,
                                int64_t *ret_end_pts);
