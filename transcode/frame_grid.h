// transcode/frame_grid.h - a declared frame rate: which picture each output frame shows, on one
// grid from the timeline's start.
#pragma once

#include "transcode/packet_table.h"

// Output frame n is at n / fps seconds after start_pts and shows the picture that is on the screen
// then: the latest that is not later, or the first one before there is any. So what a segment makes
// depends on its interval alone, and neighbours neither lose nor repeat a frame.
struct frame_grid {
    struct media_rational fps;
    struct media_rational time_base;  // of the pictures
    int64_t start_pts;
};

static inline struct frame_grid frame_grid_of(struct media_rational fps,
                                              const struct packet_table *table)
{
    return (struct frame_grid){ fps, table->time_base, table->start_pts };
}

// The first frame at or after a picture's time: the first one to show it. A time counted in ticks
// of a millisecond or less may have been rounded to them, so half a tick does not make it late. A
// segment [s, e) makes the frames from frame_grid_first(s) to before frame_grid_first(e).
int64_t frame_grid_first(const struct frame_grid *grid, int64_t pts);
// Frames of the whole timeline, which ends at end_pts: what frame_grid_first() of the last
// segment's end is replaced with.
int64_t frame_grid_count(const struct frame_grid *grid, int64_t end_pts);
