#include "base/test.h"
#include "transcode/media_restart.h"
#include "transcode/packet_table_priv.h"

enum { NO = -1 };  // an unknown time, in the rows below

static const struct row {
    const char *name;
    struct media_rational time_base, rate;
    size_t count;
    int64_t pts[8], dts[8];
    // What it must come to.
    struct media_rational want_base;
    int64_t want_pts[8];
    int64_t frame_ticks, end_pts;
    int reorder_depth;
    bool is_ordinal, is_variable;
    size_t restarts;
} rows[] = {
    { "rising times stay as they are",
      { 1, 90000 },
      { 25, 1 },
      4,
      { 3600, 14400, 7200, 10800 },
      { 0, 3600, 7200, 10800 },
      { 1, 90000 },
      { 3600, 14400, 7200, 10800 },
      3600,
      18000,
      1,
      false,
      false,
      0 },
    { "a hole stays a hole",
      { 1, 90000 },
      { 25, 1 },
      4,
      { 0, 3600, 183600, 187200 },
      { 0, 3600, 183600, 187200 },
      { 1, 90000 },
      { 0, 3600, 183600, 187200 },
      3600,
      190800,
      0,
      false,
      true,
      0 },
    { "milliseconds snap to 29.97, phase kept",
      { 1, 1000 },
      { 0, 1 },
      4,
      { 7, 40, 74, 107 },
      { 7, 40, 74, 107 },
      { 1, 30000 },
      { 210, 1211, 2212, 3213 },
      1001,
      4214,
      0,
      false,
      false,
      0 },
    { "milliseconds of no constant rate stay",
      { 1, 1000 },
      { 0, 1 },
      4,
      { 0, 40, 95, 120 },
      { 0, 40, 95, 120 },
      { 1, 1000 },
      { 0, 40, 95, 120 },
      40,
      160,
      0,
      false,
      true,
      0 },
    { "a missing time goes where there is room",
      { 1, 90000 },
      { 25, 1 },
      4,
      { 0, NO, 7200, 10800 },
      { 0, NO, 7200, 10800 },
      { 1, 90000 },
      { 0, 3600, 7200, 10800 },
      3600,
      14400,
      0,
      true,
      false,
      0 },
    { "no presentation time: decode times number the output",
      { 1, 25 },
      { 25, 1 },
      4,
      { NO, NO, NO, NO },
      { 0, 1, 2, 3 },
      { 1, 25 },
      { 0, 1, 2, 3 },
      1,
      4,
      0,
      true,
      false,
      0 },
    { "no time at all: steps of the claimed rate",
      { 1, 1200000 },
      { 25, 1 },
      3,
      { NO, NO, NO },
      { NO, NO, NO },
      { 1, 1200000 },
      { 0, 48000, 96000 },
      48000,
      144000,
      0,
      true,
      false,
      0 },
    { "repeated times move apart",
      { 1, 90000 },
      { 25, 1 },
      4,
      { 0, 3600, 3600, 7200 },
      { 0, 3600, 3601, 7200 },
      { 1, 90000 },
      { 0, 3600, 3601, 7200 },
      3599,
      10799,
      0,
      false,
      true,
      0 },
    { "a clock that starts again goes on",
      { 1, 90000 },
      { 25, 1 },
      4,
      { 900000, 903600, 0, 3600 },
      { 900000, 903600, 0, 3600 },
      { 1, 90000 },
      { 900000, 903600, 907200, 910800 },
      3600,
      914400,
      0,
      false,
      false,
      1 },
};

static struct packet_table *table_of(const struct row *row)
{
    struct packet_table *table = calloc(1, sizeof(*table));
    table->packets = calloc(row->count, sizeof(*table->packets));
    table->count = row->count;
    table->time_base = row->time_base;
    for (size_t i = 0; i < row->count; i++) {
        table->packets[i].pts = row->pts[i] == NO ? AV_NOPTS_VALUE : row->pts[i];
        table->packets[i].dts = row->dts[i] == NO ? AV_NOPTS_VALUE : row->dts[i];
    }
    return table;
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(packet_table) struct packet_table *table = table_of(row);
    sr_assert_ok(packet_repair(table, row->rate, 0, &err), err);
    assert_int_equal(table->time_base.num, row->want_base.num);
    assert_int_equal(table->time_base.den, row->want_base.den);
    for (size_t i = 0; i < row->count; i++)
        assert_int_equal(table->packets[i].pts, row->want_pts[i]);
    assert_int_equal(table->frame_ticks, row->frame_ticks);
    assert_int_equal(table->end_pts, row->end_pts);
    assert_int_equal(table->is_ordinal, row->is_ordinal);
    assert_int_equal(table->is_variable, row->is_variable);
    assert_int_equal(table->restarts.count, row->restarts);
    if (!table->is_ordinal)
        assert_int_equal(table->reorder_depth, row->reorder_depth);
}

// MPEG-4 in AVI: B pictures alone have times. One reference picture is shown before the first.
static void references_without_times(void **state)
{
    (void)state;
    const struct row row = { .time_base = { 1, 25 },
                             .count = 8,
                             .pts = { NO, NO, 2, 3, NO, 5, 6, NO },
                             .dts = { 0, 1, 2, 3, 4, 5, 6, 7 } };
    struct sr_err err = { 0 };
    sr_auto(packet_table) struct packet_table *table = table_of(&row);
    table->has_bidirectional = true;
    sr_assert_ok(packet_repair(table, (struct media_rational){ 25, 1 }, 0, &err), err);
    for (size_t i = 0; i < row.count; i++)
        assert_int_equal(table->packets[i].pts, i + 1);
    assert_int_equal(table->start_pts, 1);
    assert_int_equal(table->end_pts, 9);
    assert_true(table->is_ordinal);
}

static void nothing_presented_is_refused(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(packet_table) struct packet_table *table = table_of(&rows[0]);
    for (size_t i = 0; i < table->count; i++)
        table->packets[i].flags = PACKET_DISCARD;
    sr_assert_fails(packet_repair(table, rows[0].rate, 0, &err), SR_ERR_INPUT, err);
}

static void absurd_times_are_refused(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(packet_table) struct packet_table *table = table_of(&rows[0]);
    table->packets[2].pts = INT64_MAX - 1;
    sr_assert_fails(packet_repair(table, rows[0].rate, 0, &err), SR_ERR_INPUT, err);
    sr_assert_contains(err.message, "packet 2");
}

static void too_many_restarts_are_a_limit(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    enum { COUNT = 2 * (MEDIA_RESTARTS_MAX + 2) };
    sr_auto(packet_table) struct packet_table *table = calloc(1, sizeof(*table));
    table->packets = calloc(COUNT, sizeof(*table->packets));
    table->count = COUNT;
    table->time_base = (struct media_rational){ 1, 90000 };
    for (size_t i = 0; i < COUNT; i++)
        table->packets[i].pts = table->packets[i].dts = i % 2 ? 90000 * 60 : 0;
    sr_assert_fails(packet_repair(table, rows[0].rate, 0, &err), SR_ERR_LIMIT, err);
}

// A stream of sound follows the pictures' clock: the same offset from its own way back on, jitter
// left alone.
static void sound_follows_a_restart(void **state)
{
    (void)state;
    const struct media_restarts restarts = { .count = 1,
                                             .offset = { 907200 },
                                             .time_base = { 1, 90000 } };
    static const int64_t before[] = { 480000, 481024, 480900, 0, 1024 };
    static const int64_t after[] = { 480000, 481024, 480900, 483840, 484864 };
    struct media_restart restart = { 0 };
    AVPacket *packet = av_packet_alloc();
    for (size_t i = 0; i < SR_TEST_COUNT(before); i++) {
        packet->pts = packet->dts = before[i];
        media_restart_apply(&restart, &restarts, (AVRational){ 1, 48000 }, packet);
        assert_int_equal(packet->pts, after[i]);
        assert_int_equal(packet->dts, after[i]);
    }
    packet->pts = packet->dts = -4800000;  // no restart is left: as it is, but for the last offset
    media_restart_apply(&restart, &restarts, (AVRational){ 1, 48000 }, packet);
    assert_int_equal(packet->pts, -4800000 + 483840);
    av_packet_free(&packet);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 5];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(references_without_times);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(nothing_presented_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(absurd_times_are_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_many_restarts_are_a_limit);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(sound_follows_a_restart);
    return sr_test_run(__FILE__, tests, count);
}
