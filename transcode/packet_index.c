// The sample tables of an ISO BMFF file as a packet table, without reading what they point to.
//
// libavformat gives size, place, decode time and sync flag of every sample in its public index,
// edit lists applied, but not the composition offsets. Those are read here from `ctts`; the
// constant between both clocks comes from the first packet. Where the two do not agree sample by
// sample (edit lists that drop or repeat, fragments), the file gets a pass over its packets
// instead.
// Spec: ISO/IEC 14496-12 8.1.1 (mdat and moov), 8.6.1.2 (stts), 8.6.1.3 (ctts), 8.7.3 (stsz, stz2), 8.8.1 (mvex).
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "transcode/box.h"
#include "transcode/media_err.h"
#include "transcode/packet_table_priv.h"

enum { MOOV_BYTES_MAX = 1 << 28, TOP_BOXES_MAX = 4096 };

struct sample_times {
    struct box ctts, stts;
    uint32_t sample_count;
};

// Reads `moov` into memory. *ret_data NULL: there is none that can be used (fragmented, too large,
// not this format).
static bool load_moov(const struct sr_reader *reader, uint8_t **ret_data, size_t *ret_bytes,
                      struct sr_err *err)
{
    uint64_t offset = 0;
    const uint64_t size = sr_reader_size(reader);
    for (int i = 0; i < TOP_BOXES_MAX && offset < size; i++) {
        uint8_t header[16];
        size_t got;
        if (!sr_read_at(reader, offset, header, sizeof(header), &got, err))
            return false;
        if (got < 8)
            return true;
        uint64_t bytes = box_get_u32(header);
        unsigned header_bytes = 8;
        if (bytes == 1 && got == 16) {
            bytes = (uint64_t)box_get_u32(header + 8) << 32 | box_get_u32(header + 12);
            header_bytes = 16;
        } else if (bytes == 0) {
            bytes = size - offset;
        }
        if (bytes < header_bytes || bytes > size - offset)
            return true;
        if (memcmp(header + 4, "moof", 4) == 0)
            return true;
        if (memcmp(header + 4, "moov", 4) == 0) {
            const uint64_t payload = bytes - header_bytes;
            if (payload == 0 || payload > MOOV_BYTES_MAX)
                return true;
            uint8_t *data = malloc((size_t)payload);
            if (!data)
                return sr_fail(err, SR_ERR_NO_MEMORY, "moov of %" PRIu64 " bytes", payload);
            if (!sr_read_exact(reader, offset + header_bytes, data, (size_t)payload, err)) {
                free(data);
                return false;
            }
            *ret_data = data;
            *ret_bytes = (size_t)payload;
            return true;
        }
        offset += bytes;
    }
    return true;
}

// tkhd's track_ID, 0 when it cannot be read.
static uint32_t track_id(const struct box *trak)
{
    struct box tkhd;
    if (!box_child(trak, "tkhd", &tkhd) || tkhd.body_bytes < 24)
        return 0;
    return box_get_u32(tkhd.body + (tkhd.body[0] == 1 ? 20 : 12));
}

static bool find_times(const uint8_t *moov, size_t bytes, uint32_t id, struct sample_times *ret)
{
    const uint8_t *at = moov, *const end = moov + bytes;
    struct box box, unused;
    if (box_find(moov, bytes, "mvex", &unused))
        return false;
    while (box_next(&at, end, &box)) {
        struct box stbl, sizes;
        if (box.type != BOX_TYPE('t', 'r', 'a', 'k') || track_id(&box) != id ||
            !box_find(box.body, box.body_bytes, "mdia/minf/stbl", &stbl))
            continue;
        if ((!box_child(&stbl, "stsz", &sizes) && !box_child(&stbl, "stz2", &sizes)) ||
            sizes.body_bytes < 12)
            return false;
        ret->sample_count = box_get_u32(sizes.body + 8);
        if (!box_child(&stbl, "stts", &ret->stts) || ret->stts.body_bytes < 8)
            return false;
        if (!box_child(&stbl, "ctts", &ret->ctts))
            ret->ctts = (struct box){ 0 };
        return true;
    }
    return false;
}

// Spreads the runs of `ctts` over the table's pts (which hold dts till then). False: they do not
// add up.
static bool add_offsets(const struct box *ctts, struct packet_table *table)
{
    if (!ctts->body)
        return true;
    if (ctts->body_bytes < 8)
        return false;
    const uint32_t runs = box_get_u32(ctts->body + 4);
    if (runs > (ctts->body_bytes - 8) / 8)
        return false;
    size_t sample = 0;
    for (uint32_t i = 0; i < runs; i++) {
        const uint32_t length = box_get_u32(ctts->body + 8 + 8 * (size_t)i);
        const int32_t offset = (int32_t)box_get_u32(ctts->body + 12 + 8 * (size_t)i);
        if (length > table->count - sample)
            return false;
        for (uint32_t j = 0; j < length; j++)
            table->packets[sample++].pts += offset;
    }
    return sample == table->count;
}

static bool add_entries(AVStream *stream, const struct bitstream_format *format,
                        struct packet_table *table, bool *ret_usable, struct sr_err *err)
{
    const int count = avformat_index_get_entries_count(stream);
    size_t capacity = 0;
    for (int i = 0; i < count; i++) {
        const AVIndexEntry *entry = avformat_index_get_entry(stream, i);
        if ((entry->flags & AVINDEX_DISCARD_FRAME) || entry->size <= 0 || entry->pos < 0 ||
            (i > 0 && entry->timestamp <= table->packets[i - 1].dts)) {
            *ret_usable = false;
            return true;
        }
        struct packet packet = { .pts = entry->timestamp,
                                 .dts = entry->timestamp,
                                 .pos = entry->pos,
                                 .bytes = (uint32_t)entry->size };
        if (entry->flags & AVINDEX_KEYFRAME)
            packet.flags = PACKET_KEY | (format->intra_only ? PACKET_CLEAN | PACKET_CLOSED : 0);
        if (!packet_table_add(table, &capacity, &packet, err))
            return false;
    }
    return true;
}

// Puts the table on libavformat's presentation clock by its first packet, and keeps the first
// picture's SEI.
static bool align_to_first_packet(AVFormatContext *demuxer, const AVStream *stream,
                                  const struct bitstream_format *format, struct packet_table *table,
                                  bool *ret_usable, struct sr_err *err)
{
    enum { TRIES = 10000 };
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    if (!packet)
        return sr_fail(err, SR_ERR_NO_MEMORY, "packet");
    for (unsigned i = 0; i < demuxer->nb_streams; i++)
        demuxer->streams[i]->discard =
            demuxer->streams[i] == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    for (int i = 0; i < TRIES; i++) {
        const enum media_read read = media_demuxer_read(demuxer, packet, err);
        if (read == MEDIA_READ_FAILED)
            return false;
        if (read == MEDIA_READ_END)
            break;
        if (packet->stream_index != stream->index) {
            av_packet_unref(packet);
            continue;
        }
        const struct packet *first = &table->packets[0];
        if (packet->pos != first->pos || packet->size != (int)first->bytes ||
            packet->pts == AV_NOPTS_VALUE)
            break;
        const int64_t constant = packet->pts - first->pts;
        for (size_t j = 0; j < table->count; j++)
            table->packets[j].pts += constant;
        *ret_usable = true;
        return packet_table_keep_sei(table, format, packet->data, (size_t)packet->size, err);
    }
    *ret_usable = false;
    return true;
}

static int64_t last_duration(const struct box *stts)
{
    const uint32_t runs = box_get_u32(stts->body + 4);
    if (runs == 0 || runs > (stts->body_bytes - 8) / 8)
        return 0;
    return box_get_u32(stts->body + 8 + 8 * (size_t)(runs - 1) + 4);
}

bool packet_index_fill(const struct media_source *source, AVFormatContext *demuxer,
                       AVStream *stream, struct packet_table *table, int64_t *ret_last_ticks,
                       bool *ret_done, struct sr_err *err)
{
    *ret_done = false;
    if (!strstr(demuxer->iformat->name, "mp4") || stream->id <= 0)
        return true;
    uint8_t *moov_data = NULL;
    size_t moov_bytes = 0;
    if (!load_moov(&source->reader, &moov_data, &moov_bytes, err))
        return sr_err_wrap(err, "%s: sample tables", source->name);
    struct sample_times times = { 0 };
    bool usable = moov_data && find_times(moov_data, moov_bytes, (uint32_t)stream->id, &times);
    const struct bitstream_format format = bitstream_format_of(stream->codecpar);
    bool ok = true;
    if (usable)
        ok = add_entries(stream, &format, table, &usable, err);
    usable = ok && usable && table->count > 0 && table->count == times.sample_count &&
             add_offsets(&times.ctts, table);
    if (usable) {
        *ret_last_ticks = last_duration(&times.stts);
        ok = align_to_first_packet(demuxer, stream, &format, table, &usable, err);
    }
    free(moov_data);
    if (!ok)
        return false;
    if (!usable)
        return true;
    table->time_base = (struct media_rational){ stream->time_base.num, stream->time_base.den };
    table->can_confirm = format.can_confirm;
    table->from_index = true;
    *ret_done = true;
    return true;
}
