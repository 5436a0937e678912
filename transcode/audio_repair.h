// transcode/audio_repair.h - one track of sound without holes from pieces whose times jitter, jump
// and go back.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Timestamps of sound are coarse (a millisecond in Matroska and FLV) and jitter by a frame and more
// in transport streams, while the samples themselves have no gap. So samples are kept as they are
// while times stay near the count of samples, and nothing drifts: the difference is always taken
// against the count, never against the piece before. Beyond the tolerance it is real: a hole is
// filled, an overlap is cut, to the sample, and the difference starts at zero again.
struct audio_repair {
    int rate;              // samples per second
    int64_t tick_samples;  // of the container's clock, rounded up: what its rounding can be off by
    int64_t expected;      // position of the next sample
    int64_t offset;        // added to positions since a jump
    bool has_begun;
    bool is_cutting;                      // an overlap is cut to its end, not to the tolerance
    int64_t last_position, last_samples;  // of the piece before
    int stalled;  // pieces in a row whose time moved on by less than a quarter of the piece before
};

enum {
    AUDIO_TOLERANCE_MS_MIN = 40,
    AUDIO_TOLERANCE_MS_MAX = 100,
    // Longer holes and longer ways back are another clock: the sound goes on.
    AUDIO_HOLE_S_MAX = 3600,
    AUDIO_OVERLAP_S_MAX = 10,
    // So many stalled pieces, and the clock counts something else: it is not believed.
    AUDIO_STALLED_MAX = 2,
};

enum audio_fault {
    AUDIO_FAULT_NONE,
    AUDIO_FAULT_HOLE,
    AUDIO_FAULT_OVERLAP,
    AUDIO_FAULT_JUMP,
    AUDIO_FAULT_CLOCK,  // stands still
};

struct audio_repair_step {
    enum audio_fault fault;
    int64_t silence;     // samples to insert before the piece
    int64_t cut;         // samples to drop from its front; at most all
    int64_t difference;  // samples that its time was off by
};

// What to do with the next piece: `position` is its time in samples (any origin, the first one's is
// kept); `samples` > 0. has_position false: it follows the one before. is_strict: something was
// lost just before it, so that only the clock's rounding is tolerated.
struct audio_repair_step audio_repair_next(struct audio_repair *repair, bool has_position,
                                           int64_t position, int64_t samples, bool is_strict);
