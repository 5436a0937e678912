#include <libavutil/mathematics.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/frame_grid.h"
#include "transcode/segment_decode.h"
#include "transcode/verify_priv.h"

enum { NS = 1000000000 };

// The source's pictures; `head` is the one on the screen, `ahead` the one that follows it.
struct verify_expected {
    const struct verify_full_params *params;
    struct packet_table *table;
    struct keyframe_index *index;
    struct segment_decoder *decoder;  // NULL: times only
    struct verify_thumb *thumb;
    int64_t *times;  // times only: of presented packets, sorted
    size_t time_count, time_next;
    struct one {
        int64_t pts;
        struct verify_picture picture;
    } head, ahead;
    bool has_head, has_ahead, is_doubtful;
    int64_t first_pts;
    // A declared rate.
    bool has_grid;
    struct frame_grid grid;
    int64_t frame, frame_end;  // next one to show `head`, and the first that does not
};

static int64_t to_ns(const struct verify_expected *expected, int64_t ticks)
{
    const struct media_rational base = expected->table->time_base;
    return av_rescale_q_rnd(ticks, (AVRational){ base.num, base.den }, (AVRational){ 1, NS },
                            AV_ROUND_NEAR_INF);
}

static int compare_times(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool list_times(struct verify_expected *expected, struct sr_err *err)
{
    const struct packet_table *const table = expected->table;
    // At most PACKET_TABLE_PACKETS_MAX: the product fits.
    expected->times = malloc((table->count + 1) * sizeof(expected->times[0]));
    if (!expected->times)
        return sr_fail(err, SR_ERR_NO_MEMORY, "times of %zu pictures", table->count);
    for (size_t i = 0; i < table->count; i++) {
        if (packet_presented(&table->packets[i]))
            expected->times[expected->time_count++] = table->packets[i].pts;
    }
    qsort(expected->times, expected->time_count, sizeof(expected->times[0]), compare_times);
    return true;
}

// The whole timeline as one segment.
static bool open_decoder(struct verify_expected *expected, const struct probe *probe,
                         struct sr_err *err)
{
    const struct packet_table *const table = expected->table;
    if (!keyframe_index_new(table, &expected->index, err) ||
        !verify_thumb_new(probe_video(probe), &expected->thumb, err))
        return false;
    const struct segment_decode_params params = {
        .source = expected->params->source,
        .probe = probe,
        .table = table,
        .index = expected->index,
        .segment = { .start_pts = table->start_pts,
                     .end_pts = table->end_pts,
                     .end_packet = table->count,
                     .packet_count = table->presented_count },
        .is_first = true,
        .is_last = true,
    };
    return segment_decoder_new(&params, &expected->decoder, err);
}

static enum verify_next read_decoded(struct verify_expected *expected, struct one *ret,
                                     struct sr_err *err)
{
    sr_auto(av_frame) AVFrame *frame = NULL;
    struct segment_picture place;
    enum segment_next next;
    do {
        av_frame_free(&frame);
        next = segment_decoder_next(expected->decoder, &frame, &place, err);
    } while (next == SEGMENT_PICTURE && place.is_context);
    if (next != SEGMENT_PICTURE)
        return next == SEGMENT_END ? VERIFY_END : VERIFY_FAILED;
    if (frame->key_frame)
        expected->is_doubtful = false;
    if (frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT))
        expected->is_doubtful = true;
    ret->pts = place.pts;
    ret->picture.has_grey = true;
    ret->picture.is_doubtful = expected->is_doubtful;
    return verify_thumb_make(expected->thumb, frame, ret->picture.grey, err) ? VERIFY_PICTURE
                                                                             : VERIFY_FAILED;
}

static enum verify_next read_one(struct verify_expected *expected, struct one *ret,
                                 struct sr_err *err)
{
    if (expected->decoder)
        return read_decoded(expected, ret, err);
    if (expected->time_next == expected->time_count)
        return VERIFY_END;
    ret->pts = expected->times[expected->time_next++];
    ret->picture.has_grey = false;
    return VERIFY_PICTURE;
}

// Moves `ahead` on to the screen and reads the next one. END: nothing is on the screen any more.
static enum verify_next move_on(struct verify_expected *expected, struct sr_err *err)
{
    if (!expected->has_head) {
        const enum verify_next next = read_one(expected, &expected->ahead, err);
        if (next != VERIFY_PICTURE)
            return next;
        expected->has_head = expected->has_ahead = true;
        expected->first_pts = expected->ahead.pts;
    }
    if (!expected->has_ahead)
        return VERIFY_END;
    expected->head = expected->ahead;
    const enum verify_next next = read_one(expected, &expected->ahead, err);
    expected->has_ahead = next == VERIFY_PICTURE;
    return next == VERIFY_FAILED ? next : VERIFY_PICTURE;
}

static enum verify_next next_of_source(void *self, struct verify_picture *ret, struct sr_err *err)
{
    struct verify_expected *const expected = self;
    const enum verify_next next = move_on(expected, err);
    if (next != VERIFY_PICTURE)
        return next;
    *ret = expected->head.picture;
    ret->ns = to_ns(expected, expected->head.pts - expected->first_pts);
    return VERIFY_PICTURE;
}

static enum verify_next next_of_grid(void *self, struct verify_picture *ret, struct sr_err *err)
{
    struct verify_expected *const expected = self;
    const struct frame_grid *const grid = &expected->grid;
    while (expected->frame >= expected->frame_end) {
        const enum verify_next next = move_on(expected, err);
        if (next != VERIFY_PICTURE)
            return next;
        expected->frame_end = expected->has_ahead
                                  ? frame_grid_first(grid, expected->ahead.pts)
                                  : frame_grid_count(grid, expected->table->end_pts);
    }
    *ret = expected->head.picture;
    ret->ns = av_rescale_rnd(expected->frame, (int64_t)NS * grid->fps.den, grid->fps.num,
                             AV_ROUND_NEAR_INF);
    expected->frame++;
    return VERIFY_PICTURE;
}

bool verify_expected_new(const struct verify_full_params *params, const struct probe *probe,
                         struct verify_expected **ret_expected, struct sr_err *err)
{
    sr_auto(verify_expected) struct verify_expected *expected = calloc(1, sizeof(*expected));
    if (!expected)
        return sr_fail(err, SR_ERR_NO_MEMORY, "the source's pictures");
    expected->params = params;
    if (!packet_table_new(params->source, probe, probe->video_index, &expected->table, err))
        return false;
    expected->has_grid = params->fps.num > 0 && params->fps.den > 0;
    if (expected->has_grid)
        expected->grid = frame_grid_of(params->fps, expected->table);
    if (params->decode_all ? !open_decoder(expected, probe, err) : !list_times(expected, err))
        return false;
    *ret_expected = sr_take(expected);
    return true;
}

void verify_expected_free(struct verify_expected *expected)
{
    if (!expected)
        return;
    segment_decoder_free(expected->decoder);
    keyframe_index_free(expected->index);
    packet_table_free(expected->table);
    verify_thumb_free(expected->thumb);
    free(expected->times);
    free(expected);
}

struct verify_pictures verify_expected_pictures(struct verify_expected *expected)
{
    const int64_t tick_ns = to_ns(expected, 1) + 1;
    return (struct verify_pictures){ .next = expected->has_grid ? next_of_grid : next_of_source,
                                     .self = expected,
                                     .tick_ns = expected->has_grid ? 1 : tick_ns };
}

int64_t verify_expected_start_ns(const struct verify_expected *expected)
{
    return to_ns(expected, expected->has_grid ? expected->table->start_pts : expected->first_pts);
}
