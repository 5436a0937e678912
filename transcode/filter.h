// transcode/filter.h - decoded pictures in, each rendition's pictures out: cropped, deinterlaced,
// upright, scaled.
#pragma once

#include <libavutil/frame.h>

#include "base/auto.h"
#include "transcode/rendition.h"

// `picture` is borrowed for the call; it has the rendition's size and format. `number` is that of
// the picture it was made from.
typedef bool filter_deliver_fn(void *self, size_t rendition_index, const AVFrame *picture,
                               uint64_t number, struct sr_err *err);

struct filter_params {
    size_t rendition_count;
    const struct rendition_video *const *renditions;  // borrowed until the filter is freed
    int source_width, source_height;                  // as planned
    filter_deliver_fn *deliver;
    void *self;
};

struct filter;

// One graph, one thread. Each rendition's chain is a function of the picture and that rendition
// alone: crop, deinterlace, turn, scale down the rungs; steps that renditions have in common are
// done once, and a picture that is right already is passed on without a copy. Pictures of another
// size or format than before get a graph of their own, and are scaled to what was planned.
// Errors:  UNSUPPORTED (a filter is missing), NO_MEMORY, INTERNAL, and what `deliver` fails with.
// Threads: one filter by one thread.
SR_MUST_USE bool filter_new(const struct filter_params *params, struct filter **ret_filter,
                            struct sr_err *err);
void filter_free(struct filter *filter);
SR_DEFINE_AUTO(filter, struct filter, filter_free);

// Numbers rise by one. Every picture is delivered once to each rendition, in order; those that are
// deinterlaced one picture late.
SR_MUST_USE bool filter_add(struct filter *filter, const AVFrame *picture, uint64_t number,
                            struct sr_err *err);
SR_MUST_USE bool filter_end(struct filter *filter,
                            struct sr_err *err);  // delivers what is held back
// Pictures that a rendition's chain looks at before and after the one it makes.
int filter_context(const struct rendition_video *rendition);
