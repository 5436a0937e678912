#include "transcode/segment_read.h"

#include <libavcodec/avcodec.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/media_err.h"

struct segment_reader {
    const struct media_source *source;
    const struct packet_table *table;
    AVFormatContext *demuxer;
    AVPacket *ahead;  // read while seeking, not yet given; empty: none
    bool has_ahead;
    bool is_linear;      // counts packets from the source's start instead of seeking
    size_t next_packet;  // number of the packet that comes next
};

static AVStream *stream_of(const struct segment_reader *reader)
{
    return reader->demuxer->streams[reader->table->stream_index];
}

static bool open_demuxer(struct segment_reader *reader, struct sr_err *err)
{
    media_demuxer_close(&reader->demuxer);
    if (!media_demuxer_open(reader->source, &reader->demuxer, err))
        return false;
    // What a pass over the packets saw is seen again only after the same preparation; sample tables
    // need none.
    if (!reader->table->from_index &&
        !media_demuxer_find_info(reader->demuxer, reader->source, err))
        return false;
    if (reader->table->stream_index < 0 ||
        (unsigned)reader->table->stream_index >= reader->demuxer->nb_streams)
        return sr_fail(err, SR_ERR_INPUT, "%s: no stream %d", reader->source->name,
                       reader->table->stream_index);
    for (unsigned i = 0; i < reader->demuxer->nb_streams; i++)
        reader->demuxer->streams[i]->discard =
            (int)i == reader->table->stream_index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    reader->next_packet = 0;
    reader->has_ahead = false;
    av_packet_unref(reader->ahead);
    return true;
}

bool segment_reader_new(const struct segment_read_params *params,
                        struct segment_reader **ret_reader, struct sr_err *err)
{
    sr_auto(segment_reader) struct segment_reader *reader = calloc(1, sizeof(*reader));
    if (!reader || !(reader->ahead = av_packet_alloc()))
        return sr_fail(err, SR_ERR_NO_MEMORY, "packet reader");
    reader->source = params->source;
    reader->table = params->table;
    if (!open_demuxer(reader, err))
        return false;
    *ret_reader = sr_take(reader);
    return true;
}

void segment_reader_free(struct segment_reader *reader)
{
    if (!reader)
        return;
    av_packet_free(&reader->ahead);
    media_demuxer_close(&reader->demuxer);
    free(reader);
}

// The next packet of our stream, whatever its number.
static enum media_read read_one(struct segment_reader *reader, AVPacket *packet, struct sr_err *err)
{
    for (;;) {
        const enum media_read read = media_demuxer_read(reader->demuxer, packet, err);
        if (read != MEDIA_READ_PACKET || packet->stream_index == reader->table->stream_index)
            return read;
        av_packet_unref(packet);
    }
}

static bool is_number(const struct segment_reader *reader, const AVPacket *packet, size_t number)
{
    const struct packet *wanted = &reader->table->packets[number];
    return packet->size == (int)wanted->bytes && packet->pos == wanted->pos;
}

// Asks the demuxer to go there. False: it will not.
static bool try_seek(struct segment_reader *reader, size_t number)
{
    const struct packet *packet = &reader->table->packets[number];
    const AVStream *stream = stream_of(reader);
    const char *name = reader->demuxer->iformat->name;
    const bool by_byte =
        !strcmp(name, "mpegts") || !strcmp(name, "mpeg") ||
        (reader->demuxer->iformat->flags & AVFMT_GENERIC_INDEX &&
         !(reader->demuxer->iformat->flags & AVFMT_NO_BYTE_SEEK) && reader->table->is_ordinal);
    if (by_byte && packet->pos >= 0)
        return av_seek_frame(reader->demuxer, -1, packet->pos, AVSEEK_FLAG_BYTE) >= 0;
    const AVRational ours = { reader->table->time_base.num, reader->table->time_base.den };
    const int64_t time = av_rescale_q_rnd(packet->dts, ours, stream->time_base, AV_ROUND_DOWN);
    return av_seek_frame(reader->demuxer, stream->index, time, AVSEEK_FLAG_BACKWARD) >= 0;
}

// Reads on until packet `number` shows itself. *ret_found false: it did not within reach.
static bool look_for(struct segment_reader *reader, size_t number, bool *ret_found,
                     struct sr_err *err)
{
    enum { REACH_PACKETS = 1024 };
    *ret_found = false;
    for (int i = 0; i < REACH_PACKETS; i++) {
        const enum media_read read = read_one(reader, reader->ahead, err);
        if (read == MEDIA_READ_FAILED)
            return false;
        if (read == MEDIA_READ_END)
            return true;
        if (is_number(reader, reader->ahead, number)) {
            *ret_found = reader->has_ahead = true;
            reader->next_packet = number;
            return true;
        }
        const bool is_past = reader->table->packets[number].pos >= 0 &&
                             reader->ahead->pos > reader->table->packets[number].pos;
        av_packet_unref(reader->ahead);
        if (is_past)
            return true;
    }
    return true;
}

static bool read_from_start(struct segment_reader *reader, size_t number, struct sr_err *err)
{
    reader->is_linear = true;
    if (reader->next_packet > number || reader->has_ahead || reader->next_packet == SIZE_MAX) {
        if (!open_demuxer(reader, err))
            return false;
    }
    while (reader->next_packet < number) {
        const enum media_read read = read_one(reader, reader->ahead, err);
        av_packet_unref(reader->ahead);
        if (read == MEDIA_READ_FAILED)
            return false;
        // A source that ends before what its index promises is damaged there, and read as far as it
        // goes.
        reader->next_packet =
            read == MEDIA_READ_END ? reader->table->count : reader->next_packet + 1;
    }
    return true;
}

bool segment_reader_seek(struct segment_reader *reader, size_t number, struct sr_err *err)
{
    if (number == reader->next_packet && !reader->has_ahead)
        return true;
    if (number == 0)
        return open_demuxer(reader, err);
    if (!reader->is_linear) {
        reader->has_ahead = false;
        av_packet_unref(reader->ahead);
        reader->next_packet = SIZE_MAX;  // wherever the demuxer is now
        bool found = false;
        if (try_seek(reader, number) && !look_for(reader, number, &found, err))
            return false;
        if (found)
            return true;
    }
    return read_from_start(reader, number, err);
}

enum media_read segment_reader_next(struct segment_reader *reader, AVPacket *packet,
                                    struct sr_err *err)
{
    if (reader->next_packet >= reader->table->count)
        return MEDIA_READ_END;
    if (reader->has_ahead) {
        av_packet_move_ref(packet, reader->ahead);
        reader->has_ahead = false;
    } else {
        const enum media_read read = read_one(reader, packet, err);
        if (read != MEDIA_READ_PACKET)
            return read;
    }
    if (!is_number(reader, packet, reader->next_packet) && !reader->is_linear) {
        // The demuxer does not give the same packets after a seek: from here on they are counted
        // from the start.
        const size_t number = reader->next_packet;
        reader->next_packet = SIZE_MAX;
        av_packet_unref(packet);
        if (!read_from_start(reader, number, err))
            return MEDIA_READ_FAILED;
        return segment_reader_next(reader, packet, err);
    }
    packet->pts = packet->dts = (int64_t)reader->next_packet++;
    packet->flags &= ~AV_PKT_FLAG_DISCARD;  // the table says what is presented
    return MEDIA_READ_PACKET;
}

const AVCodecParameters *segment_reader_codec(const struct segment_reader *reader)
{
    return stream_of(reader)->codecpar;
}
