// transcode/fragment_times.h - from when to when a file of fragments lasts, as its boxes say: no
// sample is read. Spec: ISO/IEC 14496-12 8.8.
#pragma once

#include <stdint.h>

#include "base/io.h"

enum { FRAGMENT_TIMES_HEAD_BYTES_MAX = 8 << 20 };  // of an init segment, and of one moof

// What an init segment says of its first track.
struct fragment_form {
    uint32_t track_id, timescale, default_duration;
    int64_t priming_ticks;  // of sound: what its edit list leaves out at the start
};
// Decode times in the track's timescale, over all fragments of the file.
struct fragment_span {
    int64_t start_ticks, end_ticks;
    uint64_t sample_count;
};

// Errors: INPUT (not an init segment, not whole), TOO_LARGE, NO_MEMORY, the reader's.
SR_MUST_USE bool fragment_form_read(const struct sr_reader *init, struct fragment_form *ret,
                                    struct sr_err *err);
// Errors: as above; INPUT also of a file that ends within a box, that holds no sample of the track,
//         or whose fragments do not meet.
SR_MUST_USE bool fragment_span_read(const struct sr_reader *segment,
                                    const struct fragment_form *form, struct fragment_span *ret,
                                    struct sr_err *err);
