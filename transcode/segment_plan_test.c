#include "transcode/segment_plan.h"

#include <math.h>

#include "base/jx.h"
#include "base/test.h"

// A source described by its frame distance, GOP length and number of pictures; 90 kHz ticks.
struct source {
    int64_t frame_ticks;
    size_t gop, count;
    bool open_gop;  // two leading pictures follow each key picture but the first
    bool cannot_confirm, changes_headers;
    size_t hole_at;  // 5 s pass before this picture
};

static struct packet_table *table_of(const struct source *source)
{
    struct packet_table *table = calloc(1, sizeof(*table));
    table->packets = calloc(source->count, sizeof(*table->packets));
    table->count = table->presented_count = source->count;
    table->time_base = (struct media_rational){ 1, 90000 };
    table->frame_ticks = source->frame_ticks;
    table->can_confirm = !source->cannot_confirm;
    table->changes_headers = source->changes_headers;
    for (size_t i = 0; i < source->count; i++) {
        struct packet *packet = &table->packets[i];
        int64_t number = (int64_t)i;
        const size_t in_gop = i % source->gop;
        if (source->open_gop && i >= source->gop && i + 2 < source->count)
            number += in_gop == 0   ? 2
                      : in_gop <= 2 ? -1
                                    : 0;  // key picture first, the two before it after
        packet->pts = 1000 + number * source->frame_ticks +
                      (source->hole_at && i >= source->hole_at ? 450000 : 0);
        packet->dts = 1000 + (int64_t)i * source->frame_ticks;
        packet->bytes = 100;
        packet->pos = (int64_t)i * 100;
        if (in_gop == 0)
            packet->flags = PACKET_KEY | PACKET_CLEAN | (source->open_gop ? 0 : PACKET_CLOSED);
    }
    table->start_pts = 1000;
    table->end_pts =
        1000 + (int64_t)source->count * source->frame_ticks + (source->hole_at ? 450000 : 0);
    return table;
}

static const struct row {
    const char *name;
    struct source source;
    enum segment_mode mode;
    int64_t target_us;
    enum sr_err_code code;
    size_t segment_count;
    int encoder_threads;
} rows[] = {
    { "keyframe: ten seconds by default",
      { 3600, 25, 1500, 0, 0, 0, 0 },
      SEGMENT_KEYFRAME,
      0,
      SR_OK,
      6,
      2 },
    { "keyframe: half a second is a GOP",
      { 3600, 25, 1500, 0, 0, 0, 0 },
      SEGMENT_KEYFRAME,
      500000,
      SR_OK,
      60,
      1 },
    { "keyframe: open GOPs split too",
      { 3600, 25, 1500, true, 0, 0, 0 },
      SEGMENT_KEYFRAME,
      2000000,
      SR_OK,
      30,
      1 },
    { "keyframe: one key picture",
      { 3600, 1500, 1500, 0, 0, 0, 0 },
      SEGMENT_KEYFRAME,
      2000000,
      SR_OK,
      1,
      8 },
    { "keyframe: a tail of one picture joins",
      { 3600, 25, 251, 0, 0, 0, 0 },
      SEGMENT_KEYFRAME,
      1000000,
      SR_OK,
      10,
      1 },
    { "grid: half a second whatever the GOP",
      { 3600, 25, 1500, 0, 0, 0, 0 },
      SEGMENT_GRID,
      500000,
      SR_OK,
      120,
      1 },
    { "grid: six seconds by default",
      { 3600, 25, 1500, 0, 0, 0, 0 },
      SEGMENT_GRID,
      0,
      SR_OK,
      10,
      1 },
    { "grid: 29.97 frames a second",
      { 3003, 30, 1800, 0, 0, 0, 0 },
      SEGMENT_GRID,
      2000000,
      SR_OK,
      30,
      1 },
    { "grid: intervals without a picture join",
      { 3600, 25, 250, 0, 0, 0, 100 },
      SEGMENT_GRID,
      1000000,
      SR_OK,
      10,
      1 },
    { "grid: more lines than pictures",
      { 90000, 3, 12, 0, 0, 0, 0 },
      SEGMENT_GRID,
      500000,
      SR_OK,
      12,
      1 },
    { "off", { 3600, 25, 1500, 0, 0, 0, 0 }, SEGMENT_OFF, 0, SR_OK, 1, 8 },
    { "codec we cannot read", { 3600, 25, 1500, 0, true, 0, 0 }, SEGMENT_KEYFRAME, 0, SR_OK, 1, 8 },
    { "headers change", { 3600, 25, 1500, 0, 0, true, 0 }, SEGMENT_KEYFRAME, 0, SR_OK, 1, 8 },
    { "one picture", { 3600, 25, 1, 0, 0, 0, 0 }, SEGMENT_GRID, 0, SR_OK, 1, 8 },
    { "auto is not for us", { 3600, 25, 10, 0, 0, 0, 0 }, SEGMENT_AUTO, 0, SR_ERR_INVALID, 0, 0 },
    { "too short a target",
      { 3600, 25, 10, 0, 0, 0, 0 },
      SEGMENT_GRID,
      50000,
      SR_ERR_INVALID,
      0,
      0 },
    { "negative target", { 3600, 25, 10, 0, 0, 0, 0 }, SEGMENT_KEYFRAME, -1, SR_ERR_INVALID, 0, 0 },
};

// Whatever the plan: intervals meet, cover the timeline, hold every picture once, and each decode
// range holds its pictures.
static void check_invariants(const struct segment_plan *plan, const struct packet_table *table)
{
    size_t pictures = 0;
    assert_int_equal(plan->segment[0].start_pts, table->start_pts);
    assert_int_equal(plan->segment[plan->segment_count - 1].end_pts, table->end_pts);
    for (size_t i = 0; i < plan->segment_count; i++) {
        const struct segment *segment = &plan->segment[i];
        assert_true(segment->start_pts < segment->end_pts);
        assert_true(i == 0 || segment->start_pts == plan->segment[i - 1].end_pts);
        assert_true(segment->packet_count > 0);
        pictures += segment->packet_count;
        size_t in_range = 0;
        for (size_t j = 0; j < table->count; j++) {
            const struct packet *packet = &table->packets[j];
            const bool is_ours =
                packet->pts >= segment->start_pts && packet->pts < segment->end_pts;
            in_range += is_ours && j >= segment->start_packet && j < segment->end_packet;
        }
        assert_int_equal(in_range, segment->packet_count);
        assert_true(i == 0 || table->packets[segment->start_packet].pts <= segment->start_pts);
    }
    assert_int_equal(pictures, table->count);
    assert_true((plan->segment_count == 1) == (plan->why_one != NULL));
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(packet_table) struct packet_table *table = table_of(&row->source);
    sr_auto(keyframe_index) struct keyframe_index *index = NULL;
    sr_assert_ok(keyframe_index_new(table, &index, &err), err);
    sr_auto(segment_plan) struct segment_plan *plan = NULL;
    const struct segment_plan_params params = { .table = table,
                                                .index = index,
                                                .mode = row->mode,
                                                .target_us = row->target_us,
                                                .gop_us = 500000,
                                                .media_segment_us = 6000000 };
    if (row->code != SR_OK) {
        sr_assert_fails(segment_plan_new(&params, &plan, &err), row->code, err);
        assert_null(plan);
        return;
    }
    sr_assert_ok(segment_plan_new(&params, &plan, &err), err);
    assert_int_equal(plan->segment_count, row->segment_count);
    assert_int_equal(plan->encoder_threads, row->encoder_threads);
    check_invariants(plan, table);
}

static void json_names_each_segment(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(packet_table) struct packet_table *table =
        table_of(&(struct source){ .frame_ticks = 3600, .gop = 25, .count = 250 });
    sr_auto(keyframe_index) struct keyframe_index *index = NULL;
    sr_assert_ok(keyframe_index_new(table, &index, &err), err);
    sr_auto(segment_plan) struct segment_plan *plan = NULL;
    sr_assert_ok(segment_plan_new(&(struct segment_plan_params){ .table = table,
                                                                 .index = index,
                                                                 .mode = SEGMENT_KEYFRAME,
                                                                 .target_us = 2000000 },
                                  &plan, &err),
                 err);
    sr_auto(json) json_t *json = NULL;
    sr_assert_ok(segment_plan_json(plan, table, &json, &err), err);
    const json_t *segments = json_object_get(json, "segments");
    assert_int_equal(json_array_size(segments), 5);
    const json_t *second = json_array_get(segments, 1);
    assert_int_equal(json_integer_value(json_object_get(second, "expected_frames")), 50);
    assert_true(fabs(json_real_value(json_object_get(second, "start_s")) - 2.0) < 1e-9);
    assert_string_equal(json_string_value(json_object_get(json, "mode")), "keyframe");
}

static void an_index_leaves_out_what_cannot_start(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(packet_table) struct packet_table *table =
        table_of(&(struct source){ .frame_ticks = 3600, .gop = 25, .count = 100 });
    table->packets[25].flags = PACKET_KEY | PACKET_UNCLEAN;  // flagged, but its bytes say no
    table->packets[49].pts = table->packets[50].pts +
                             1;  // presented after the key picture that follows it in decode order
    sr_auto(keyframe_index) struct keyframe_index *index = NULL;
    sr_assert_ok(keyframe_index_new(table, &index, &err), err);
    assert_int_equal(index->count, 2);
    assert_int_equal(index->point[0].packet, 0);
    assert_int_equal(index->point[1].packet, 75);
    assert_int_equal(index->point[1].kind, RANDOM_ACCESS_CLOSED);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(json_names_each_segment);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(an_index_leaves_out_what_cannot_start);
    return sr_test_run(__FILE__, tests, count);
}
