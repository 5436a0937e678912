#include "transcode/segment_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/jx.h"

enum {
    SEGMENTS_MAX = 1 << 20,
    TARGET_US_MIN = 100000,
    KEYFRAME_TARGET_US = 10000000,  // measured: against an encode with free GOPs 8 s segments
                                    // cost 1.1 % in size, 4 s 7 %
    GRID_TARGET_US = 4000000,
    FULL_WIDTH = 8,  // from so many segments on, each encoder has one thread
};

static const char *const mode_names[] = { "auto", "keyframe", "grid", "off" };

const char *segment_mode_name(enum segment_mode mode)
{
    return mode_names[mode];
}

// Microseconds from the timeline's start as the first tick at or after them. False: does not fit.
static bool tick_at(const struct packet_table *table, int64_t us, int64_t *ret_pts)
{
    // us * den / (num * 1e6), rounded up, in 128 bits: us < 2^63, den < 2^31.
    const __int128 divisor = (__int128)table->time_base.num * 1000000;
    const __int128 product = (__int128)us * table->time_base.den;
    const __int128 ticks = (product + divisor - 1) / divisor;
    return ticks <= INT64_MAX / 2 && sr_add_i64(table->start_pts, (int64_t)ticks, ret_pts);
}

static bool point_is_usable(const struct packet_table *table, const struct random_access *point)
{
    return !table->is_ordinal || point->kind == RANDOM_ACCESS_CLOSED;
}

static const char *why_not_split(const struct segment_plan_params *params)
{
    const struct packet_table *table = params->table;
    if (params->mode == SEGMENT_OFF)
        return "splitting is switched off";
    if (!table->can_confirm)
        return "random access points of this codec cannot be told from its bytes";
    if (table->changes_headers)
        return "codec headers change within the stream, outside its packets";
    size_t usable = 0;
    for (size_t i = 0; i < params->index->count; i++)
        usable += point_is_usable(table, &params->index->point[i]);
    if (usable == 0)
        return "no random access point";
    if (usable == 1)
        return "one random access point";
    return NULL;
}

// Cut points, rising; the first is the timeline's start and the last its end.
struct cuts {
    size_t count;
    int64_t *pts;
};

static bool add_cut(struct cuts *cuts, size_t room, int64_t pts, struct sr_err *err)
{
    if (cuts->count == room)
        return sr_fail(err, SR_ERR_LIMIT, "more than %zu segments: ask for longer ones", room);
    cuts->pts[cuts->count++] = pts;
    return true;
}

static bool cut_at_keyframes(const struct segment_plan_params *params, struct cuts *cuts,
                             size_t room, struct sr_err *err)
{
    const struct packet_table *table = params->table;
    int64_t target;
    if (!tick_at(table, params->target_us ? params->target_us : KEYFRAME_TARGET_US, &target))
        return true;
    target -= table->start_pts;
    for (size_t i = 0; i < params->index->count; i++) {
        const struct random_access *point = &params->index->point[i];
        if (!point_is_usable(table, point) || point->pts - cuts->pts[cuts->count - 1] < target)
            continue;
        if (table->end_pts - point->pts < target / 2)
            break;  // what is left would be too short on its own
        if (!add_cut(cuts, room, point->pts, err))
            return false;
    }
    return true;
}

static int64_t grid_target_us(const struct segment_plan_params *params)
{
    if (params->target_us)
        return params->target_us;
    return sr_div_ceil(GRID_TARGET_US, params->media_segment_us) * params->media_segment_us;
}

static int compare_i64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// All presented times, rising; to be freed.
static bool presented_times(const struct packet_table *table, int64_t **ret_times,
                            struct sr_err *err)
{
    int64_t *const times = calloc(table->presented_count + 1, sizeof(*times));
    if (!times)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu times", table->presented_count);
    size_t count = 0;
    for (size_t i = 0; i < table->count && count < table->presented_count; i++) {
        if (packet_presented(&table->packets[i]))
            times[count++] = table->packets[i].pts;
    }
    qsort(times, count, sizeof(*times), compare_i64);
    *ret_times = times;
    return true;
}

// Of the grid's lines only those that a picture follows: a title that stands still can have far
// fewer pictures than lines.
static bool cut_at_grid(const struct segment_plan_params *params, struct cuts *cuts, size_t room,
                        struct sr_err *err)
{
    const struct packet_table *table = params->table;
    const int64_t target_us = grid_target_us(params);
    int64_t half, *times = NULL;
    if (!tick_at(table, target_us / 2, &half))
        return true;
    half -= table->start_pts;
    if (!presented_times(table, &times, err))
        return false;
    bool ok = true;
    const __int128 divisor = (__int128)target_us * table->time_base.den;
    int64_t last = 0;
    for (size_t i = 0; i < table->presented_count && ok; i++) {
        // In 128 bits: times lie within 2^62, num < 2^31.
        const __int128 scaled =
            ((__int128)times[i] - table->start_pts) * table->time_base.num * 1000000;
        const int64_t line = scaled / divisor > INT64_MAX ? INT64_MAX : (int64_t)(scaled / divisor);
        if (line == last)
            continue;
        last = line;
        int64_t us, pts;
        if (!sr_mul_i64(line, target_us, &us) || !tick_at(table, us, &pts) ||
            table->end_pts - pts < half || pts >= table->end_pts)
            break;
        ok = add_cut(cuts, room, pts, err);
    }
    free(times);
    return ok;
}

static size_t interval_of(const struct cuts *cuts, int64_t pts)
{
    size_t low = 0, high = cuts->count - 1;  // the interval [low, low + 1) holds pts
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (cuts->pts[middle] <= pts)
            low = middle;
        else
            high = middle;
    }
    return low;
}

// Where decoding starts for an interval that begins at `start_pts`: the last usable point at or
// before it.
static size_t start_packet(const struct segment_plan_params *params, int64_t start_pts)
{
    size_t packet = 0;
    for (size_t i = 0; i < params->index->count && params->index->point[i].pts <= start_pts; i++) {
        if (point_is_usable(params->table, &params->index->point[i]))
            packet = params->index->point[i].packet;
    }
    return packet;
}

static bool fill_segments(const struct segment_plan_params *params, const struct cuts *cuts,
                          struct segment_plan *plan, struct sr_err *err)
{
    const struct packet_table *table = params->table;
    // An interval without a picture joins the one before it. The others begin where their first
    // picture does, so that the output's decode times are as even as its pictures.
    struct interval {
        size_t count;
        int64_t first_pts;
    } *const intervals = calloc(cuts->count, sizeof(*intervals));
    if (!intervals)
        return sr_fail(err, SR_ERR_NO_MEMORY, "plan of %zu segments", cuts->count);
    for (size_t i = 0; i < table->count; i++) {
        const struct packet *packet = &table->packets[i];
        if (!packet_presented(packet))
            continue;
        struct interval *interval = &intervals[interval_of(cuts, packet->pts)];
        if (interval->count++ == 0 || packet->pts < interval->first_pts)
            interval->first_pts = packet->pts;
    }
    for (size_t i = 0; i + 1 < cuts->count; i++) {
        if (intervals[i].count == 0)
            continue;
        if (plan->segment_count > 0)
            plan->segment[plan->segment_count - 1].end_pts = intervals[i].first_pts;
        plan->segment[plan->segment_count++] =
            (struct segment){ .start_pts = intervals[i].first_pts,
                              .end_pts = table->end_pts,
                              .packet_count = intervals[i].count };
    }
    free(intervals);
    for (size_t i = 0; i < plan->segment_count; i++) {
        struct segment *segment = &plan->segment[i];
        const bool is_last = i + 1 == plan->segment_count;
        segment->start_packet = i == 0 ? 0 : start_packet(params, segment->start_pts);
        segment->end_packet =
            is_last ? table->count : packet_table_end_packet(table, segment->end_pts);
        for (size_t j = segment->start_packet; j < segment->end_packet; j++)
            segment->source_bytes += table->packets[j].bytes;
    }
    return true;
}

static bool check(const struct segment_plan_params *params, struct sr_err *err)
{
    if (params->mode == SEGMENT_AUTO)
        return sr_fail(err, SR_ERR_INVALID, "segment mode auto has to be decided first");
    if (params->target_us != 0 &&
        (params->target_us < TARGET_US_MIN || params->target_us > INT64_C(86400000000)))
        return sr_fail(err, SR_ERR_INVALID, "segments of %.3f s: want 0.1 s to 24 h",
                       (double)params->target_us / 1e6);
    if (params->mode == SEGMENT_GRID &&
        (params->gop_us < TARGET_US_MIN || params->media_segment_us < params->gop_us))
        return sr_fail(
            err, SR_ERR_INVALID,
            "a GOP of %.3f s and media segments of %.3f s: want at least 0.1 s, and the GOP not longer",
            (double)params->gop_us / 1e6, (double)params->media_segment_us / 1e6);
    if (params->mode == SEGMENT_GRID && params->media_segment_us % params->gop_us != 0)
        return sr_fail(err, SR_ERR_INVALID,
                       "media segments of %.3f s are not a whole number of GOPs of %.3f s",
                       (double)params->media_segment_us / 1e6, (double)params->gop_us / 1e6);
    int64_t length;
    if (!sr_sub_i64(params->table->end_pts, params->table->start_pts, &length) || length <= 0)
        return sr_fail(err, SR_ERR_INPUT, "the presented timeline has no length");
    return true;
}

static size_t segments_room(const struct segment_plan_params *params)
{
    const size_t most = params->table->presented_count + 1;
    return most < SEGMENTS_MAX ? most : SEGMENTS_MAX;
}

bool segment_plan_new(const struct segment_plan_params *params, struct segment_plan **ret_plan,
                      struct sr_err *err)
{
    if (!check(params, err))
        return false;
    const size_t room = segments_room(params) + 2;
    size_t bytes;
    if (!sr_size_flex(sizeof(struct segment_plan), room, sizeof(struct segment), &bytes))
        return sr_fail(err, SR_ERR_TOO_LARGE, "%zu segments", room);
    sr_auto(segment_plan) struct segment_plan *plan = calloc(1, bytes);
    struct cuts cuts = { .pts = calloc(room + 1, sizeof(int64_t)) };
    if (!plan || !cuts.pts) {
        free(cuts.pts);
        return sr_fail(err, SR_ERR_NO_MEMORY, "plan of %zu segments", room);
    }
    plan->mode = params->mode;
    plan->gop_us = params->mode == SEGMENT_GRID ? params->gop_us : 0;
    plan->media_segment_us = params->media_segment_us;
    plan->target_us = params->mode == SEGMENT_GRID ? grid_target_us(params)
                      : params->target_us          ? params->target_us
                                                   : KEYFRAME_TARGET_US;
    plan->why_one = why_not_split(params);

    cuts.pts[cuts.count++] = params->table->start_pts;
    bool ok = true;
    if (!plan->why_one)
        ok = params->mode == SEGMENT_GRID ? cut_at_grid(params, &cuts, room, err)
                                          : cut_at_keyframes(params, &cuts, room, err);
    if (ok) {
        cuts.pts[cuts.count++] = params->table->end_pts;
        ok = fill_segments(params, &cuts, plan, err);
    }
    if (ok) {
        if (plan->segment_count == 1 && !plan->why_one)
            plan->why_one = "shorter than two segments";
        plan->encoder_threads =
            plan->segment_count >= FULL_WIDTH
                ? 1
                : (int)((FULL_WIDTH + plan->segment_count - 1) / plan->segment_count);
    }
    free(cuts.pts);
    if (!ok)
        return false;
    *ret_plan = sr_take(plan);
    return true;
}

int64_t segment_plan_shortest_us(const struct segment_plan *plan, const struct packet_table *table)
{
    int64_t shortest = INT64_MAX;
    for (size_t i = 0; i < plan->segment_count; i++) {
        const int64_t ticks = plan->segment[i].end_pts - plan->segment[i].start_pts;
        shortest = ticks < shortest ? ticks : shortest;
    }
    if (plan->segment_count < 2)
        return 0;
    const __int128 us = (__int128)shortest * table->time_base.num * 1000000 / table->time_base.den;
    return us > INT64_MAX ? INT64_MAX : us > 0 ? (int64_t)us : 1;
}

void segment_plan_free(struct segment_plan *plan)
{
    free(plan);
}

static double seconds(const struct packet_table *table, int64_t ticks)
{
    return (double)ticks * table->time_base.num / table->time_base.den;
}

static bool add_segment(json_t *list, const struct segment *segment,
                        const struct packet_table *table, struct sr_err *err)
{
    const struct packet *start = &table->packets[segment->start_packet];
    return jx_append(list,
                     json_pack("{s:I, s:I, s:f, s:f, s:I, s:f, s:I, s:I, s:I}", "start_pts",
                               (json_int_t)segment->start_pts, "end_pts",
                               (json_int_t)segment->end_pts, "start_s",
                               seconds(table, segment->start_pts - table->start_pts), "end_s",
                               seconds(table, segment->end_pts - table->start_pts),
                               "decode_start_pts", (json_int_t)start->pts, "decode_start_s",
                               seconds(table, start->pts - table->start_pts), "decode_packets",
                               (json_int_t)(segment->end_packet - segment->start_packet),
                               "expected_frames", (json_int_t)segment->packet_count, "source_bytes",
                               (json_int_t)segment->source_bytes),
                     err);
}

bool segment_plan_json(const struct segment_plan *plan, const struct packet_table *table,
                       json_t **ret_json, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_pack(
        "{s:s, s:f, s:i, s:{s:i, s:i}, s:I, s:I, s:I, s:b, s:b}", "mode",
        segment_mode_name(plan->mode), "target_s", (double)plan->target_us / 1e6, "encoder_threads",
        plan->encoder_threads, "time_base", "num", table->time_base.num, "den",
        table->time_base.den, "start_pts", (json_int_t)table->start_pts, "end_pts",
        (json_int_t)table->end_pts, "expected_frames", (json_int_t)table->presented_count,
        "from_container_index", table->from_index, "times_by_output_order", table->is_ordinal);
    if (!jx_made(json, err))
        return false;
    if (plan->mode == SEGMENT_GRID &&
        (!jx_put(json, "gop_s", json_real((double)plan->gop_us / 1e6), err) ||
         !jx_put(json, "media_segment_s", json_real((double)plan->media_segment_us / 1e6), err)))
        return false;
    if (plan->why_one && !jx_put(json, "why_one_segment", json_string(plan->why_one), err))
        return false;
    sr_auto(json) json_t *list = json_array();
    if (!jx_made(list, err))
        return false;
    for (size_t i = 0; i < plan->segment_count; i++) {
        if (!add_segment(list, &plan->segment[i], table, err))
            return false;
    }
    if (!jx_put(json, "segments", sr_take(list), err))
        return false;
    *ret_json = sr_take(json);
    return true;
}
