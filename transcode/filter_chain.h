// transcode/filter_chain.h - which steps a picture goes through for each rendition: a tree in which
// equal steps are one. Values only.
#pragma once

#include <libavutil/pixfmt.h>

#include "transcode/rendition.h"

#define FILTER_SCALE_FLAGS "bicubic+accurate_rnd+bitexact+full_chroma_int"

enum { FILTER_STEPS_MAX = 1 + MEDIA_RENDITIONS_MAX * 16 };

struct filter_step {
    size_t parent;
    const char *filter;  // libavfilter's name
    char args[160];
    int width, height;
    enum AVPixelFormat format;
    bool sets_format;    // a step that converts: its format must be named behind it
    int consumer_count;  // steps and renditions that take its pictures
};

struct filter_chain {
    size_t step_count;
    struct filter_step steps[FILTER_STEPS_MAX];  // step 0 is the picture as it came; parents stand
                                                 // before their children
    size_t
        leaf[MEDIA_RENDITIONS_MAX];  // the step whose pictures are the rendition's; 0: as it came
    bool keeps_range;                // pictures without a range have the renditions' range
};

struct filter_chain_params {
    size_t rendition_count;
    const struct rendition_video *const *renditions;
    bool is_planned_size;
    int width, height;  // of the picture
    enum AVPixelFormat format;
};

// Threads: pure.
SR_MUST_USE bool filter_chain_make(const struct filter_chain_params *params,
                                   struct filter_chain *ret, struct sr_err *err);
