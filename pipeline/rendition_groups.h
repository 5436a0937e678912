// pipeline/rendition_groups.h - which renditions of a segment are one task. One decode for all of
// them is the least work; but where a title has fewer segments than there are slots, the others
// would have nothing to do, so its renditions are spread over several tasks, each with a decode of
// its own. Bytes do not change: a rendition's scaling chain is its own (transcode/filter.h).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "transcode/media.h"

struct rendition_groups_params {
    size_t slot_count;     // that are there for this job; 0: nobody knows
    size_t segment_count;  // at least 1
    size_t core_count;  // that one task keeps busy: more than 1 where slots share a machine and its
                        // encoders have threads
    size_t rendition_count;                 // 1..MEDIA_RENDITIONS_MAX
    uint64_t weight[MEDIA_RENDITIONS_MAX];  // pixels of a picture
    size_t twin[MEDIA_RENDITIONS_MAX];  // the first rendition with the same encoding; its own index
                                        // when it is that
};

struct rendition_groups {
    size_t count;                        // of tasks for each segment; at least 1
    size_t group[MEDIA_RENDITIONS_MAX];  // of each rendition, below `count`; none is empty
};

// As many groups as there are slots for each segment, at most one for each encoding: twins stay
// together, as two tasks would make the same part. The heaviest rendition first, each to the group
// that has the least so far.
// Threads: pure.
void rendition_groups_make(const struct rendition_groups_params *params,
                           struct rendition_groups *ret);
