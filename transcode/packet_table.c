#include "transcode/packet_table.h"

#include <libavcodec/avcodec.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "transcode/packet_table_priv.h"

bool packet_table_add(struct packet_table *table, size_t *capacity, const struct packet *packet,
                      struct sr_err *err)
{
    if (table->count == *capacity) {
        const size_t wanted = *capacity ? *capacity + *capacity / 2 : 4096;
        size_t bytes;
        if (table->count >= PACKET_TABLE_PACKETS_MAX)
            return sr_fail(err, SR_ERR_LIMIT, "more than %d packets in the video stream",
                           PACKET_TABLE_PACKETS_MAX);
        if (!sr_mul_size(wanted, sizeof(*table->packets), &bytes))
            return sr_fail(err, SR_ERR_TOO_LARGE, "%zu packets", wanted);
        struct packet *grown = realloc(table->packets, bytes);
        if (!grown)
            return sr_fail(err, SR_ERR_NO_MEMORY, "table of %zu packets", wanted);
        table->packets = grown;
        *capacity = wanted;
    }
    table->packets[table->count++] = *packet;
    return true;
}

bool packet_table_keep_sei(struct packet_table *table, const struct bitstream_format *format,
                           const uint8_t *data, size_t bytes, struct sr_err *err)
{
    const uint8_t *nal;
    size_t nal_bytes;
    if (!bitstream_x264_sei(format, data, bytes, &nal, &nal_bytes))
        return true;
    table->x264_sei = malloc(nal_bytes);
    if (!table->x264_sei)
        return sr_fail(err, SR_ERR_NO_MEMORY, "SEI of %zu bytes", nal_bytes);
    memcpy(table->x264_sei, nal, nal_bytes);
    table->x264_sei_bytes = nal_bytes;
    return true;
}

// Where a decoder reorders pictures and yet every packet has its decode time as presentation time
// (MP4 without `ctts`, MXF without temporal offsets, FLV that was copied from AVI), there are no
// presentation times.
static bool has_decode_times_alone(const struct packet_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->packets[i].pts != table->packets[i].dts)
            return false;
    }
    return table->count > 1;
}

// Where there are B pictures, presentation times that rise in decode order are none either (packed
// MPEG-4 that was copied into MP4): they tell when the next picture is shown, not which.
static bool rises_as_decoded(const struct packet_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->packets[i].pts == AV_NOPTS_VALUE ||
            (i > 0 && table->packets[i].pts <= table->packets[i - 1].pts))
            return false;
    }
    return table->count > 1;
}

// H.264 and HEVC say in their headers that pictures are reordered; older codecs only that they can
// be, and B pictures show it.
static bool says_its_order(const AVStream *stream)
{
    return stream->codecpar->codec_id == AV_CODEC_ID_H264 ||
           stream->codecpar->codec_id == AV_CODEC_ID_HEVC;
}

static bool fill(const struct media_source *source, struct packet_table *table,
                 struct media_rational rate, bool is_reordered, struct sr_err *err)
{
    sr_auto(media_demuxer) AVFormatContext *demuxer = NULL;
    if (!media_demuxer_open(source, &demuxer, err))
        return false;
    if (table->stream_index < 0)
        return sr_fail(err, SR_ERR_INVALID, "no stream %d", table->stream_index);

    int64_t last_ticks = 0;
    bool done = false;
    if ((unsigned)table->stream_index < demuxer->nb_streams &&
        !packet_index_fill(source, demuxer, demuxer->streams[table->stream_index], table,
                           &last_ticks, &done, err))
        return false;
    // Where order alone counts, only closed points will do, and only the payload tells them.
    if (!done || (is_reordered && rises_as_decoded(table))) {
        table->count = 0;
        table->from_index = false;
        free(sr_take(table->x264_sei));
        media_demuxer_close(&demuxer);
        if (!media_demuxer_open(source, &demuxer, err) ||
            !media_demuxer_find_info(demuxer, source, err))
            return false;
        if ((unsigned)table->stream_index >= demuxer->nb_streams)
            return sr_fail(err, SR_ERR_INPUT, "%s: no stream %d", source->name,
                           table->stream_index);
        if (!packet_scan_fill(source, demuxer, demuxer->streams[table->stream_index], table,
                              &last_ticks, err))
            return false;
    }
    if (is_reordered && has_decode_times_alone(table) &&
        (table->has_bidirectional || says_its_order(demuxer->streams[table->stream_index]))) {
        for (size_t i = 0; i < table->count; i++)
            table->packets[i].pts = AV_NOPTS_VALUE;
    }
    table->is_ordinal = is_reordered && table->has_bidirectional && rises_as_decoded(table);
    return packet_repair(table, rate, last_ticks, err) || sr_err_wrap(err, "%s", source->name);
}

bool packet_table_new(const struct media_source *source, const struct probe *probe,
                      int stream_index, struct packet_table **ret_table, struct sr_err *err)
{
    sr_auto(packet_table) struct packet_table *table = calloc(1, sizeof(*table));
    if (!table)
        return sr_fail(err, SR_ERR_NO_MEMORY, "packet table");
    table->stream_index = stream_index;

    struct media_rational rate = { 0, 1 };
    int reorder_depth = 0;
    bool is_reordered = false;
    for (size_t i = 0; i < probe->stream_count; i++) {
        if (probe->streams[i].index == stream_index) {
            rate = probe->streams[i].video.rate;
            reorder_depth = probe->streams[i].video.reorder_depth;
            is_reordered = reorder_depth > 0;
        }
    }
    if (!fill(source, table, rate, is_reordered, err))
        return false;
    // Order by output: the decoder is given all the room it can use, since the times cannot tell
    // how much it needs.
    if (table->is_ordinal)
        reorder_depth = 16;
    if (table->reorder_depth < reorder_depth)
        table->reorder_depth = reorder_depth;
    *ret_table = sr_take(table);
    return true;
}

void packet_table_free(struct packet_table *table)
{
    if (!table)
        return;
    free(table->packets);
    free(table->x264_sei);
    free(table);
}

size_t packet_table_end_packet(const struct packet_table *table, int64_t end_pts)
{
    size_t end = table->count;
    while (end > 0 &&
           !(packet_presented(&table->packets[end - 1]) && table->packets[end - 1].pts < end_pts))
        end--;
    // Some more, so that the last pictures come out as they do when decoding goes on: a decoder
    // that is drained treats second fields and pictures just after a recovery point otherwise. And
    // where times only number the output, a picture can come from a packet as far away as pictures
    // are reordered.
    const size_t beyond = (size_t)table->reorder_depth + 2;
    if (end > 0)
        end = table->count - end > beyond ? end + beyond : table->count;
    return end;
}
