#include "transcode/frame_grid.h"

// `halves` half ticks after the start, in frames, rounded up; never negative.
static int64_t frames_at(const struct frame_grid *grid, __int128 halves)
{
    const __int128 scale = (__int128)grid->time_base.num * grid->fps.num;
    const __int128 unit = (__int128)2 * grid->time_base.den * grid->fps.den;
    if (halves <= 0)
        return 0;
    const __int128 frames = (halves * scale + unit - 1) / unit;
    return frames > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)frames;
}

static bool is_fine(const struct frame_grid *grid)
{
    return (int64_t)grid->time_base.num * 1000 <= grid->time_base.den;
}

int64_t frame_grid_first(const struct frame_grid *grid, int64_t pts)
{
    return frames_at(grid, ((__int128)pts - grid->start_pts) * 2 - is_fine(grid));
}

int64_t frame_grid_count(const struct frame_grid *grid, int64_t end_pts)
{
    // The end is a rounded time and a rounded duration.
    const int64_t frames =
        frames_at(grid, ((__int128)end_pts - grid->start_pts) * 2 - (is_fine(grid) ? 2 : 0));
    return frames > 0 || end_pts <= grid->start_pts ? frames : 1;
}
