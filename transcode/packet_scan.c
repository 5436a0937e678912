#include <libavcodec/avcodec.h>

#include "transcode/media_err.h"
#include "transcode/packet_table_priv.h"

// H.264 fields can come one to a packet; libavcodec's parser tells which.
struct field_pairing {
    AVCodecParserContext *parser;
    AVCodecContext *codec;
    int waiting;  // enum AVPictureStructure of a first field that has no partner yet; 0: none
};

static void field_pairing_done(struct field_pairing *pairing)
{
    av_parser_close(pairing->parser);
    avcodec_free_context(&pairing->codec);
}
SR_DEFINE_AUTO_VALUE(field_pairing, struct field_pairing, field_pairing_done);

static bool field_pairing_init(struct field_pairing *pairing, const AVCodecParameters *parameters,
                               struct sr_err *err)
{
    if (parameters->codec_id != AV_CODEC_ID_H264)
        return true;
    pairing->parser = av_parser_init((int)parameters->codec_id);
    pairing->codec = avcodec_alloc_context3(NULL);
    if (!pairing->parser || !pairing->codec)
        return sr_fail(err, SR_ERR_NO_MEMORY, "H.264 parser");
    pairing->parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
    const int status = avcodec_parameters_to_context(pairing->codec, parameters);
    return status >= 0 || media_fail(err, status, "H.264 parser");
}

// True when this packet is the second field of the picture before it.
static bool completes_picture(struct field_pairing *pairing, const AVPacket *packet)
{
    if (!pairing->parser)
        return false;
    uint8_t *out = NULL;
    int out_bytes = 0;
    (void)av_parser_parse2(pairing->parser, pairing->codec, &out, &out_bytes, packet->data,
                           packet->size, packet->pts, packet->dts, packet->pos);
    const int structure = (int)pairing->parser->picture_structure;
    const bool is_field = structure == AV_PICTURE_STRUCTURE_TOP_FIELD ||
                          structure == AV_PICTURE_STRUCTURE_BOTTOM_FIELD;
    const bool completes = is_field && pairing->waiting && pairing->waiting != structure;
    pairing->waiting = is_field && !completes ? structure : 0;
    return completes;
}

static uint32_t flags_of(const AVPacket *packet, const struct bitstream_facts *facts)
{
    uint32_t flags = 0;
    if (packet->flags & AV_PKT_FLAG_KEY)
        flags |= PACKET_KEY;
    if (packet->flags & AV_PKT_FLAG_DISCARD)
        flags |= PACKET_DISCARD;
    if (packet->flags & AV_PKT_FLAG_CORRUPT)
        flags |= PACKET_CORRUPT;
    if (facts->shows_nothing)
        flags |= PACKET_HIDDEN;
    if (facts->is_skipped_leading)
        flags |= PACKET_SKIPPED;
    if (facts->start == BITSTREAM_NO_START)
        flags |= PACKET_UNCLEAN;
    else
        flags |= PACKET_KEY | PACKET_CLEAN |
                 (facts->start == BITSTREAM_START_CLOSED ? PACKET_CLOSED : 0);
    return flags;
}

bool packet_scan_fill(const struct media_source *source, AVFormatContext *demuxer, AVStream *stream,
                      struct packet_table *table, int64_t *ret_last_ticks, struct sr_err *err)
{
    const struct bitstream_format format = bitstream_format_of(stream->codecpar);
    sr_auto(field_pairing) struct field_pairing pairing = { 0 };
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    if (!packet)
        return sr_fail(err, SR_ERR_NO_MEMORY, "packet");
    if (!field_pairing_init(&pairing, stream->codecpar, err))
        return false;
    for (unsigned i = 0; i < demuxer->nb_streams; i++)
        demuxer->streams[i]->discard =
            demuxer->streams[i] == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    table->time_base = (struct media_rational){ stream->time_base.num, stream->time_base.den };
    table->can_confirm = format.can_confirm;

    size_t capacity = 0;
    int64_t last_pts = INT64_MIN;
    for (;;) {
        const enum media_read read = media_demuxer_read(demuxer, packet, err);
        if (read == MEDIA_READ_FAILED)
            return sr_err_wrap(err, "%s: stream %d", source->name, table->stream_index);
        if (read == MEDIA_READ_END)
            return true;
        if (packet->stream_index != stream->index) {
            av_packet_unref(packet);
            continue;
        }
        const size_t bytes = (size_t)packet->size;
        if (table->count == 0 && !packet_table_keep_sei(table, &format, packet->data, bytes, err))
            return false;
        if (table->count > 0 && av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, NULL))
            table->changes_headers = true;
        const struct bitstream_facts facts = bitstream_inspect(&format, packet->data, bytes);
        table->has_bidirectional = table->has_bidirectional || facts.is_bidirectional;
        struct packet entry = { .pts = packet->pts,
                                .dts = packet->dts,
                                .pos = packet->pos,
                                .bytes = (uint32_t)packet->size,
                                .flags = flags_of(packet, &facts) };
        if (completes_picture(&pairing, packet))
            entry.flags |= PACKET_HIDDEN;
        if (packet_presented(&entry) && packet->pts != AV_NOPTS_VALUE && packet->pts >= last_pts) {
            last_pts = packet->pts;
            *ret_last_ticks = packet->duration;
        }
        if (!packet_table_add(table, &capacity, &entry, err))
            return false;
        av_packet_unref(packet);
    }
}
