// Any bytes as a source, up to its plan: the packet table's times rise where they must, and
// segments cover the presented timeline without a gap, whatever the mode and length.
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "transcode/media_log.h"
#include "transcode/segment_plan.h"

const char fuzz_name[] = "index";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    media_log_init();
    return 0;
}

static void check_table(const struct packet_table *table)
{
    size_t presented = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct packet *const packet = &table->packets[i];
        FUZZ_CHECK(packet->pts != INT64_MIN && packet->dts != INT64_MIN);
        FUZZ_CHECK(packet->pos >= -1);
        presented += packet_presented(packet);
    }
    FUZZ_CHECK(presented == table->presented_count);
    FUZZ_CHECK(table->frame_ticks >= 1);
    FUZZ_CHECK(presented == 0 || table->start_pts < table->end_pts);
}

static void check_plan(const struct segment_plan *plan, const struct packet_table *table)
{
    FUZZ_CHECK(plan->segment_count >= 1);
    FUZZ_CHECK(plan->segment[0].start_pts <= table->start_pts);
    FUZZ_CHECK(plan->segment[plan->segment_count - 1].end_pts >= table->end_pts);
    size_t packets = 0;
    for (size_t i = 0; i < plan->segment_count; i++) {
        const struct segment *const segment = &plan->segment[i];
        FUZZ_CHECK(segment->start_pts < segment->end_pts);
        FUZZ_CHECK(i == 0 || segment->start_pts == segment[-1].end_pts);
        FUZZ_CHECK(segment->start_packet < segment->end_packet &&
                   segment->end_packet <= table->count);
        packets += segment->packet_count;
    }
    FUZZ_CHECK(packets == table->presented_count);
    FUZZ_CHECK(plan->segment_count > 1 || plan->why_one);
}

static void try_plan(const struct packet_table *table, const struct keyframe_index *index,
                     enum segment_mode mode, int64_t target_us)
{
    struct sr_err err = { 0 };
    const struct segment_plan_params params = {
        .table = table,
        .index = index,
        .mode = mode,
        .target_us = target_us,
        .gop_us = 2000000,
        .media_segment_us = 6000000,
    };
    sr_auto(segment_plan) struct segment_plan *plan = NULL;
    if (segment_plan_new(&params, &plan, &err))
        check_plan(plan, table);
    else
        FUZZ_CHECK(err.code != SR_OK && err.message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_cancel cancel;
    fuzz_deadline(&cancel);
    struct sr_err err = { 0 };
    struct media_source source = { .name = "input", .cancel = &cancel };
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    if (!sr_memory_reader_open(data, bytes, &reader, &err))
        return 0;
    source.reader = reader;
    sr_auto(probe) struct probe *probe = NULL;
    sr_auto(packet_table) struct packet_table *table = NULL;
    sr_auto(keyframe_index) struct keyframe_index *index = NULL;
    if (!probe_source(&source, &probe, &err) || probe->video_index < 0)
        return 0;
    if (!packet_table_new(&source, probe, probe_video(probe)->index, &table, &err) ||
        !keyframe_index_new(table, &index, &err)) {
        FUZZ_CHECK(err.code != SR_OK && err.message[0] != '\0');
        return 0;
    }
    check_table(table);
    try_plan(table, index, SEGMENT_KEYFRAME, 0);
    try_plan(table, index, SEGMENT_KEYFRAME, 40000);
    try_plan(table, index, SEGMENT_GRID, 0);
    try_plan(table, index, SEGMENT_GRID, 100000);
    try_plan(table, index, SEGMENT_OFF, 0);
    return 0;
}
