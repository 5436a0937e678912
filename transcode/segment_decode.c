#include "transcode/segment_decode.h"

#include <libavcodec/avcodec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/bitstream.h"
#include "transcode/media_cpu.h"
#include "transcode/media_err.h"
#include "transcode/segment_read.h"

SR_DEFINE_AUTO_P(codec_context, AVCodecContext, avcodec_free_context);

enum { DRAIN_ERRORS_MAX = 64 };  // a decoder that reports more at its end is not asked again

enum packet_fate { FATE_NONE, FATE_SHOWN, FATE_HIDDEN, FATE_FAILED };

struct segment_decoder {
    struct segment_decode_params params;
    struct bitstream_format format;
    struct segment_reader *reader;
    AVCodecContext *codec;
    AVPacket *packet;
    size_t first_packet;       // where decoding started
    size_t end_packet;         // one past the last packet fed
    int64_t from_pts, to_pts;  // pictures wanted: the interval and its context
    uint8_t *fates;            // enum packet_fate, of packets first_packet..end_packet
    bool is_draining;
    int drain_errors;     // met in a row
    size_t output_count;  // ordinal tables: packets whose picture came out, or was passed over
    int64_t last_pts;     // of the picture given last
    bool has_last;
    struct track_account account;
};

// The `number`-th presented time before `pts` (or `pts` itself where there are fewer).
static int64_t time_before(const struct packet_table *table, int64_t pts, int number)
{
    for (; number > 0; number--) {
        int64_t best = INT64_MIN;
        for (size_t i = 0; i < table->count; i++) {
            const struct packet *packet = &table->packets[i];
            if (packet_presented(packet) && packet->pts < pts && packet->pts > best)
                best = packet->pts;
        }
        if (best == INT64_MIN)
            break;
        pts = best;
    }
    return pts;
}

// One tick after the `number`-th presented time at or after `pts`.
static int64_t time_after(const struct packet_table *table, int64_t pts, int number)
{
    for (; number > 0; number--) {
        int64_t best = INT64_MAX;
        for (size_t i = 0; i < table->count; i++) {
            const struct packet *packet = &table->packets[i];
            if (packet_presented(packet) && packet->pts >= pts && packet->pts < best)
                best = packet->pts;
        }
        if (best == INT64_MAX)
            break;
        pts = best + 1;
    }
    return pts;
}

static void note_damage(struct segment_decoder *decoder, int64_t pts, const char *reason)
{
    struct track_account *account = &decoder->account;
    if (account->damage_count >= TRACK_DAMAGE_MAX)
        return;
    struct track_damage *damage = &account->damage[account->damage_count++];
    damage->pts = pts;
    snprintf(damage->reason, sizeof(damage->reason), "%s", reason);
}

// The index of the last point at or before packet `limit`; SIZE_MAX: none.
static size_t point_before(const struct keyframe_index *index, size_t limit)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < index->count && index->point[i].packet <= limit; i++)
        found = i;
    return found;
}

// Steps back from the planned start until a point's own bytes say that decoding can begin there.
// The first packet always will do.
static bool seek_clean_start(struct segment_decoder *decoder, size_t wanted, struct sr_err *err)
{
    const struct packet_table *table = decoder->params.table;
    const struct keyframe_index *index = decoder->params.index;
    for (size_t point = point_before(index, wanted); wanted > 0; point--) {
        if (point == SIZE_MAX)
            break;
        wanted = index->point[point].packet;
        if (wanted == 0)
            break;
        if (!segment_reader_seek(decoder->reader, wanted, err))
            return false;
        decoder->first_packet = wanted;
        if (table->packets[wanted].flags & PACKET_CLEAN)
            return true;
        const enum media_read read = segment_reader_next(decoder->reader, decoder->packet, err);
        if (read == MEDIA_READ_FAILED)
            return false;
        const struct bitstream_facts facts =
            read == MEDIA_READ_PACKET ? bitstream_inspect(&decoder->format, decoder->packet->data,
                                                          (size_t)decoder->packet->size)
                                      : (struct bitstream_facts){ 0 };
        if (facts.start != BITSTREAM_NO_START)
            return true;  // its packet is kept: it is the first to be fed
        av_packet_unref(decoder->packet);
    }
    decoder->first_packet = 0;
    return segment_reader_seek(decoder->reader, 0, err);
}

static bool open_codec(struct segment_decoder *decoder, struct sr_err *err)
{
    const AVCodecParameters *parameters = segment_reader_codec(decoder->reader);
    const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
    if (!codec)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "no decoder for %s",
                       avcodec_get_name(parameters->codec_id));
    sr_auto(codec_context) AVCodecContext *context = avcodec_alloc_context3(codec);
    if (!context)
        return sr_fail(err, SR_ERR_NO_MEMORY, "decoder");
    int status = avcodec_parameters_to_context(context, parameters);
    if (status < 0)
        return media_fail(err, status, "decoder %s", codec->name);
    context->flags |=
        AV_CODEC_FLAG_BITEXACT;  // inverse transforms that are the same on every processor
    context->thread_count = 1;   // frame threads are not deterministic on damaged input
    // The whole stream's reorder depth, so that a decoder that starts late orders its pictures as
    // one that saw everything.
    if (context->has_b_frames < decoder->params.table->reorder_depth)
        context->has_b_frames = decoder->params.table->reorder_depth;
    context->pkt_timebase = (AVRational){ 1, 1 };  // our packets' times are their numbers
    context->max_pixels = (int64_t)MEDIA_SIDE_MAX * MEDIA_SIDE_MAX;
    media_open_lock();
    status = avcodec_open2(context, codec, NULL);
    media_open_unlock();
    if (status < 0)
        return media_fail(err, status, "decoder %s", codec->name);
    decoder->codec = sr_take(context);
    return true;
}

bool segment_decoder_new(const struct segment_decode_params *params,
                         struct segment_decoder **ret_decoder, struct sr_err *err)
{
    const struct packet_table *table = params->table;
    sr_auto(segment_decoder) struct segment_decoder *decoder = calloc(1, sizeof(*decoder));
    if (!decoder || !(decoder->packet = av_packet_alloc()))
        return sr_fail(err, SR_ERR_NO_MEMORY, "segment decoder");
    decoder->params = *params;
    decoder->from_pts = time_before(table, params->segment.start_pts, params->context_before);
    decoder->to_pts = time_after(table, params->segment.end_pts, params->context_after);

    size_t start = params->segment.start_packet;
    if (decoder->from_pts < params->segment.start_pts) {
        start = 0;
        for (size_t i = 0;
             i < params->index->count && params->index->point[i].pts <= decoder->from_pts; i++)
            start = params->index->point[i].packet;
    }
    decoder->end_packet = params->segment.end_packet;
    if (decoder->to_pts > params->segment.end_pts)
        decoder->end_packet = packet_table_end_packet(table, decoder->to_pts);
    if (params->is_last)
        decoder->end_packet = table->count;

    const struct segment_read_params reading = { .source = params->source, .table = table };
    if (!segment_reader_new(&reading, &decoder->reader, err))
        return false;
    decoder->format = bitstream_format_of(segment_reader_codec(decoder->reader));
    if (!open_codec(decoder, err) || !seek_clean_start(decoder, start, err))
        return sr_err_wrap(err, "%s", params->source->name);
    decoder->fates = calloc(decoder->end_packet - decoder->first_packet + 1, 1);
    if (!decoder->fates)
        return sr_fail(err, SR_ERR_NO_MEMORY, "account of %zu packets",
                       decoder->end_packet - decoder->first_packet);
    *ret_decoder = sr_take(decoder);
    return true;
}

void segment_decoder_free(struct segment_decoder *decoder)
{
    if (!decoder)
        return;
    segment_reader_free(decoder->reader);
    avcodec_free_context(&decoder->codec);
    av_packet_free(&decoder->packet);
    free(decoder->fates);
    free(decoder);
}

// Old 4:4:4 of x264 is decoded by rules that the first picture's SEI names: a decoder that starts
// later gets it too.
static bool prepend_x264_sei(const struct segment_decoder *decoder, AVPacket *packet,
                             struct sr_err *err)
{
    static const uint8_t start_code[4] = { 0, 0, 0, 1 };
    const struct packet_table *table = decoder->params.table;
    const int prefix = decoder->format.nal_length_bytes ? decoder->format.nal_length_bytes : 4;
    const size_t extra = (size_t)prefix + table->x264_sei_bytes;
    if (prefix < 4 && table->x264_sei_bytes >> (8 * prefix))
        return true;  // its length cannot be written in this stream's form
    sr_auto(av_packet) AVPacket *whole = av_packet_alloc();
    const int status = whole ? av_new_packet(whole, packet->size + (int)extra) : AVERROR(ENOMEM);
    if (status < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "packet of %d bytes", packet->size);
    if (decoder->format.nal_length_bytes) {
        for (int i = 0; i < prefix; i++)
            whole->data[i] = (uint8_t)(table->x264_sei_bytes >> (8 * (prefix - 1 - i)));
    } else {
        memcpy(whole->data, start_code, sizeof(start_code));
    }
    memcpy(whole->data + prefix, table->x264_sei, table->x264_sei_bytes);
    memcpy(whole->data + extra, packet->data, (size_t)packet->size);
    if (av_packet_copy_props(whole, packet) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "packet properties");
    av_packet_unref(packet);
    av_packet_move_ref(packet, whole);
    return true;
}

static void set_fate(struct segment_decoder *decoder, size_t number, enum packet_fate fate)
{
    if (number >= decoder->first_packet && number < decoder->end_packet)
        decoder->fates[number - decoder->first_packet] = (uint8_t)fate;
}

static enum packet_fate fate_of(const struct segment_decoder *decoder, size_t number)
{
    if (number < decoder->first_packet || number >= decoder->end_packet)
        return FATE_NONE;
    return (enum packet_fate)decoder->fates[number - decoder->first_packet];
}

// Feeds one packet, or starts draining. False: a real failure.
static bool feed(struct segment_decoder *decoder, struct sr_err *err)
{
    enum media_read read = MEDIA_READ_PACKET;
    if (!decoder->packet->data)  // else: the one that the search for a clean start read
        read = segment_reader_next(decoder->reader, decoder->packet, err);
    if (read == MEDIA_READ_FAILED)
        return false;
    if (read == MEDIA_READ_END || decoder->packet->pts >= (int64_t)decoder->end_packet) {
        av_packet_unref(decoder->packet);
        decoder->is_draining = true;
        // What else it may meet, receiving shows; without memory nothing would come out any more.
        return avcodec_send_packet(decoder->codec, NULL) != AVERROR(ENOMEM) ||
               sr_fail(err, SR_ERR_NO_MEMORY, "decoder");
    }
    const size_t number = (size_t)decoder->packet->pts;
    const struct bitstream_facts facts =
        bitstream_inspect(&decoder->format, decoder->packet->data, (size_t)decoder->packet->size);
    if (facts.shows_nothing)
        set_fate(decoder, number, FATE_HIDDEN);
    if (number == decoder->first_packet && number > 0 && decoder->params.table->x264_sei &&
        !prepend_x264_sei(decoder, decoder->packet, err))
        return false;
    const int status = avcodec_send_packet(decoder->codec, decoder->packet);
    av_packet_unref(decoder->packet);
    if (status == AVERROR(ENOMEM))
        return sr_fail(err, SR_ERR_NO_MEMORY, "decoder");
    if (status < 0)
        set_fate(decoder, number, FATE_FAILED);
    return true;
}

// The number of the packet that a picture belongs to; SIZE_MAX: none is left for it.
static size_t packet_of(struct segment_decoder *decoder, const AVFrame *frame)
{
    const struct packet_table *table = decoder->params.table;
    if (!table->is_ordinal)
        return frame->pts >= 0 && (uint64_t)frame->pts < table->count ? (size_t)frame->pts
                                                                      : SIZE_MAX;
    size_t number = decoder->output_count ? decoder->output_count : decoder->first_packet;
    while (number < table->count && (table->packets[number].flags & PACKET_HIDDEN))
        number++;  // what is not to be presented comes out all the same
    if (number >= table->count)
        return SIZE_MAX;
    decoder->output_count = number + 1;
    return number;
}

// Decides about one picture. True: it is wanted.
static bool place(struct segment_decoder *decoder, const AVFrame *frame,
                  struct segment_picture *ret)
{
    const struct packet_table *table = decoder->params.table;
    const struct segment *segment = &decoder->params.segment;
    const size_t number = packet_of(decoder, frame);
    if (number == SIZE_MAX || !packet_presented(&table->packets[number]))
        return false;
    const int64_t pts = table->packets[number].pts;
    if (pts < decoder->from_pts || pts >= decoder->to_pts)
        return false;
    if (decoder->has_last && pts <= decoder->last_pts) {
        if (pts >= segment->start_pts && pts < segment->end_pts)
            note_damage(decoder, pts, "a picture came out of order and was left out");
        return false;
    }
    const bool is_context = pts < segment->start_pts || pts >= segment->end_pts;
    if (!is_context) {
        set_fate(decoder, number, FATE_SHOWN);
        if (frame->decode_error_flags || (frame->flags & AV_FRAME_FLAG_CORRUPT))
            note_damage(decoder, pts, "decoded with errors");
    }
    decoder->last_pts = pts;
    decoder->has_last = true;
    *ret = (struct segment_picture){ .pts = pts, .is_context = is_context };
    return true;
}

// The packets that this segment answers for: those whose time lies in it, and at both ends of the
// title what lies outside.
static bool is_ours(const struct segment_decode_params *params, const struct packet *packet)
{
    const struct segment *segment = &params->segment;
    return (packet->pts >= segment->start_pts || params->is_first) &&
           (packet->pts < segment->end_pts || params->is_last);
}

// A picture that cannot be decoded because the source begins after what it needs.
static bool lacks_its_past(const struct segment_decode_params *params, size_t number)
{
    const struct packet_table *table = params->table;
    const struct keyframe_index *index = params->index;
    if (index->count == 0)
        return false;
    const struct random_access *first = &index->point[0];
    return number < first->packet || table->packets[number].pts < first->pts;
}

static void close_account(struct segment_decoder *decoder)
{
    const struct packet_table *table = decoder->params.table;
    struct track_account *account = &decoder->account;
    for (size_t i = 0; i < table->count; i++) {
        const struct packet *packet = &table->packets[i];
        if (!is_ours(&decoder->params, packet))
            continue;
        account->packets++;
        const enum packet_fate fate = fate_of(decoder, i);
        if (fate == FATE_SHOWN) {
            account->shown++;
        } else if (packet->flags & PACKET_DISCARD) {
            account->discarded++;
        } else if ((packet->flags & PACKET_HIDDEN) || fate == FATE_HIDDEN ||
                   lacks_its_past(&decoder->params, i)) {
            account->hidden++;
        } else {
            account->damaged++;
            note_damage(decoder, packet->pts,
                        fate == FATE_FAILED ? "cannot be decoded" : "gave no picture");
        }
    }
}

enum segment_next segment_decoder_next(struct segment_decoder *decoder, AVFrame **ret_frame,
                                       struct segment_picture *ret_picture, struct sr_err *err)
{
    sr_auto(av_frame) AVFrame *frame = av_frame_alloc();
    if (!frame) {
        (void)sr_fail(err, SR_ERR_NO_MEMORY, "frame");
        return SEGMENT_FAILED;
    }
    for (;;) {
        if (!sr_cancel_check(decoder->params.source->cancel, err))
            return SEGMENT_FAILED;
        const int status = avcodec_receive_frame(decoder->codec, frame);
        if (status == 0) {
            if (place(decoder, frame, ret_picture)) {
                *ret_frame = sr_take(frame);
                return SEGMENT_PICTURE;
            }
            av_frame_unref(frame);
        } else if (status == AVERROR(ENOMEM)) {
            (void)sr_fail(err, SR_ERR_NO_MEMORY, "decoder");
            return SEGMENT_FAILED;
        } else if (status == AVERROR_EOF ||
                   (decoder->is_draining && ++decoder->drain_errors > DRAIN_ERRORS_MAX)) {
            close_account(decoder);
            return SEGMENT_END;
        } else if (!decoder->is_draining && !feed(decoder, err)) {
            (void)sr_err_wrap(err, "%s", decoder->params.source->name);
            return SEGMENT_FAILED;
        }
    }
}

static bool may_hide(const struct probe *probe, int stream_index)
{
    for (size_t i = 0; i < probe->stream_count; i++) {
        const struct media_stream *stream = &probe->streams[i];
        if (stream->index == stream_index)
            return strcmp(stream->codec, "vp8") == 0 || strcmp(stream->codec, "vp9") == 0;
    }
    return false;
}

void segment_decode_expect(const struct segment_decode_params *params,
                           struct track_account *ret_least, uint64_t *ret_hidden_max)
{
    const struct packet_table *table = params->table;
    uint64_t lacking = 0;
    *ret_least = (struct track_account){ 0 };
    for (size_t i = 0; i < table->count; i++) {
        const struct packet *packet = &table->packets[i];
        if (!is_ours(params, packet))
            continue;
        ret_least->packets++;
        if (packet->flags & PACKET_DISCARD)
            ret_least->discarded++;
        else if (packet->flags & PACKET_HIDDEN)
            ret_least->hidden++;
        else
            lacking += lacks_its_past(params, i);
    }
    const bool unread = table->from_index && may_hide(params->probe, table->stream_index);
    *ret_hidden_max = unread ? UINT64_MAX : ret_least->hidden + lacking;
}

void segment_decoder_account(const struct segment_decoder *decoder,
                             struct track_account *ret_account)
{
    *ret_account = decoder->account;
}
