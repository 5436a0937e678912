#include "transcode/audio_repair.h"

static int64_t tolerance(const struct audio_repair *repair, int64_t samples, bool is_strict)
{
    if (repair->is_cutting)
        return 0;
    const int64_t ms = repair->rate / 1000;
    if (is_strict)
        return repair->tick_samples + ms;
    const int64_t least = AUDIO_TOLERANCE_MS_MIN * ms + repair->tick_samples;
    const int64_t most = AUDIO_TOLERANCE_MS_MAX * ms + repair->tick_samples;
    return samples < least ? least : samples > most ? most : samples;
}

// Some files number their packets where times should be (MP3 in AVI with a wrong scale): cutting by
// such a clock would leave nothing. True once per stall, at the piece that makes it one.
static bool watch_clock(struct audio_repair *repair, int64_t position, int64_t samples)
{
    const int64_t moved = position - repair->last_position;
    const bool is_slow = repair->last_samples > 0 && moved >= 0 && moved * 4 < repair->last_samples;
    repair->stalled = is_slow ? repair->stalled + 1 : 0;
    repair->last_position = position;
    repair->last_samples = samples;
    return repair->stalled == AUDIO_STALLED_MAX;
}

struct audio_repair_step audio_repair_next(struct audio_repair *repair, bool has_position,
                                           int64_t position, int64_t samples, bool is_strict)
{
    struct audio_repair_step step = { 0 };
    if (!repair->has_begun) {
        repair->has_begun = true;
        repair->expected = has_position ? position : 0;
    }
    if (has_position && watch_clock(repair, position, samples))
        step.fault = AUDIO_FAULT_CLOCK;
    if (has_position && repair->stalled < AUDIO_STALLED_MAX)
        step.difference = position + repair->offset - repair->expected;
    const int64_t near = tolerance(repair, samples, is_strict);
    const int64_t rate = repair->rate;

    if (step.difference > AUDIO_HOLE_S_MAX * rate ||
        -step.difference > AUDIO_OVERLAP_S_MAX * rate) {
        repair->offset -= step.difference;
        step.fault = AUDIO_FAULT_JUMP;
    } else if (step.difference > near) {
        step.fault = AUDIO_FAULT_HOLE;
        step.silence = step.difference;
    } else if (-step.difference > near) {
        step.fault = AUDIO_FAULT_OVERLAP;
        step.cut = -step.difference < samples ? -step.difference : samples;
    }
    repair->is_cutting = step.fault == AUDIO_FAULT_OVERLAP && -step.difference > samples;
    repair->expected += step.silence + samples - step.cut;
    return step;
}
