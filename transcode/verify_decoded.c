#include <libavutil/mathematics.h>
#include <stdlib.h>

#include "transcode/media_cpu.h"
#include "transcode/media_err.h"
#include "transcode/verify_priv.h"

enum { NS = 1000000000 };

// Plainly through libavformat and libavcodec, without the machinery that read the source: what any
// player would see.
struct verify_decoded {
    const struct verify_full_params *params;
    struct verify_result *result;
    AVFormatContext *demuxer;
    AVStream *stream;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    struct verify_thumb *thumb;
    struct packet_table *table;  // times only
    int64_t *times;
    size_t time_count, time_next;
    bool is_draining, has_first;
    int64_t first_pts, last_pts;
};

static bool open_decoder(struct verify_decoded *decoded, const struct probe *probe,
                         struct sr_err *err)
{
    const struct media_source *const output = decoded->params->output;
    if (!media_demuxer_open(output, &decoded->demuxer, err) ||
        !media_demuxer_find_info(decoded->demuxer, output, err))
        return false;
    if ((unsigned)probe->video_index >= decoded->demuxer->nb_streams)
        return sr_fail(err, SR_ERR_INPUT, "%s: its video is gone", output->name);
    decoded->stream = decoded->demuxer->streams[probe->video_index];
    for (unsigned i = 0; i < decoded->demuxer->nb_streams; i++) {
        if ((int)i != probe->video_index)
            decoded->demuxer->streams[i]->discard = AVDISCARD_ALL;
    }
    const AVCodec *const codec = avcodec_find_decoder(decoded->stream->codecpar->codec_id);
    decoded->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    decoded->packet = av_packet_alloc();
    decoded->frame = av_frame_alloc();
    if (!decoded->decoder || !decoded->packet || !decoded->frame)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a decoder");
    int ret = avcodec_parameters_to_context(decoded->decoder, decoded->stream->codecpar);
    if (ret < 0)
        return media_fail(err, ret, "a decoder");
    decoded->decoder->pkt_timebase = decoded->stream->time_base;
    decoded->decoder->thread_count = 1;
    decoded->decoder->max_pixels = (int64_t)MEDIA_SIDE_MAX * MEDIA_SIDE_MAX;
    media_open_lock();
    ret = avcodec_open2(decoded->decoder, codec, NULL);
    media_open_unlock();
    return ret >= 0 || media_fail(err, ret, "%s: the decoder", output->name);
}

static int64_t to_ns(AVRational base, int64_t ticks)
{
    return av_rescale_q_rnd(ticks, base, (AVRational){ 1, NS }, AV_ROUND_NEAR_INF);
}

static AVRational time_base(const struct verify_decoded *decoded)
{
    if (decoded->stream)
        return decoded->stream->time_base;
    return (AVRational){ decoded->table->time_base.num, decoded->table->time_base.den };
}

// The segment is named by the clock when there is one; those who count key frames name it
// themselves.
static int64_t segment_at(const struct verify_decoded *decoded, int64_t pts)
{
    const int64_t length_us = decoded->params->segment_us;
    if (length_us <= 0 || !decoded->has_first)
        return 0;
    return to_ns(time_base(decoded), pts - decoded->first_pts) / 1000 / length_us + 1;
}

static bool feed(struct verify_decoded *decoded, struct sr_err *err)
{
    enum media_read read;
    for (;;) {
        read = media_demuxer_read(decoded->demuxer, decoded->packet, err);
        if (read != MEDIA_READ_PACKET || decoded->packet->stream_index == decoded->stream->index)
            break;
        av_packet_unref(decoded->packet);
    }
    if (read == MEDIA_READ_FAILED)
        return false;
    if (read == MEDIA_READ_END) {
        decoded->is_draining = true;
        (void)avcodec_send_packet(decoded->decoder, NULL);  // receiving tells
        return true;
    }
    const int ret = avcodec_send_packet(decoded->decoder, decoded->packet);
    if (ret < 0 && ret != AVERROR(ENOMEM))
        verify_find(decoded->result, segment_at(decoded, decoded->packet->pts),
                    "the picture at %.3f s of the output cannot be decoded",
                    (double)to_ns(time_base(decoded), decoded->packet->pts) / NS);
    av_packet_unref(decoded->packet);
    return ret != AVERROR(ENOMEM) || media_fail(err, ret, "decoding");
}

static enum verify_next take(struct verify_decoded *decoded, struct verify_picture *ret,
                             struct sr_err *err)
{
    const AVFrame *const frame = decoded->frame;
    const int64_t pts = frame->best_effort_timestamp;
    decoded->result->frames_seen++;
    decoded->result->frames_decoded++;
    if (pts == AV_NOPTS_VALUE) {
        (void)sr_fail(err, SR_ERR_VERIFY, "%s: a picture has no time",
                      decoded->params->output->name);
        return VERIFY_FAILED;
    }
    if (!decoded->has_first)
        decoded->first_pts = pts;
    else if (pts <= decoded->last_pts)
        verify_find(decoded->result, segment_at(decoded, pts),
                    "time does not rise at %.3f s of the output",
                    (double)to_ns(time_base(decoded), pts) / NS);
    decoded->has_first = true;
    decoded->last_pts = pts;
    if (frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT))
        verify_find(decoded->result, segment_at(decoded, pts),
                    "the picture at %.3f s of the output is damaged",
                    (double)to_ns(time_base(decoded), pts) / NS);
    ret->ns = to_ns(time_base(decoded), pts - decoded->first_pts);
    ret->has_grey = true;
    ret->is_key = frame->key_frame;
    ret->is_doubtful = false;
    return verify_thumb_make(decoded->thumb, frame, ret->grey, err) ? VERIFY_PICTURE
                                                                    : VERIFY_FAILED;
}

static enum verify_next next_decoded(void *self, struct verify_picture *ret, struct sr_err *err)
{
    struct verify_decoded *const decoded = self;
    for (;;) {
        const int got = avcodec_receive_frame(decoded->decoder, decoded->frame);
        if (got >= 0) {
            const enum verify_next next = take(decoded, ret, err);
            av_frame_unref(decoded->frame);
            return next;
        }
        if (got == AVERROR_EOF || (decoded->is_draining && got != AVERROR(ENOMEM)))
            return VERIFY_END;
        if (got == AVERROR(ENOMEM)) {
            (void)media_fail(err, got, "decoding");
            return VERIFY_FAILED;
        }
        if (!feed(decoded, err))
            return VERIFY_FAILED;
    }
}

static int compare_times(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool list_times(struct verify_decoded *decoded, const struct probe *probe,
                       struct sr_err *err)
{
    if (!packet_table_new(decoded->params->output, probe, probe->video_index, &decoded->table, err))
        return false;
    const struct packet_table *const table = decoded->table;
    // At most PACKET_TABLE_PACKETS_MAX: the product fits.
    decoded->times = malloc((table->count + 1) * sizeof(decoded->times[0]));
    if (!decoded->times)
        return sr_fail(err, SR_ERR_NO_MEMORY, "times of %zu pictures", table->count);
    for (size_t i = 0; i < table->count; i++) {
        if (packet_presented(&table->packets[i]))
            decoded->times[decoded->time_count++] = table->packets[i].pts;
    }
    qsort(decoded->times, decoded->time_count, sizeof(decoded->times[0]), compare_times);
    if (table->repaired_count > 0)
        verify_find(decoded->result, 0, "%zu times of the output had to be repaired",
                    table->repaired_count);
    return true;
}

static enum verify_next next_time(void *self, struct verify_picture *ret, struct sr_err *err)
{
    struct verify_decoded *const decoded = self;
    (void)err;
    if (decoded->time_next == decoded->time_count)
        return VERIFY_END;
    const int64_t pts = decoded->times[decoded->time_next++];
    if (!decoded->has_first)
        decoded->first_pts = pts;
    decoded->has_first = true;
    decoded->result->frames_seen++;
    *ret = (struct verify_picture){ .ns = to_ns(time_base(decoded), pts - decoded->first_pts) };
    return VERIFY_PICTURE;
}

bool verify_decoded_new(const struct verify_full_params *params, const struct probe *probe,
                        struct verify_result *result, struct verify_decoded **ret_decoded,
                        struct sr_err *err)
{
    sr_auto(verify_decoded) struct verify_decoded *decoded = calloc(1, sizeof(*decoded));
    if (!decoded)
        return sr_fail(err, SR_ERR_NO_MEMORY, "the output's pictures");
    decoded->params = params;
    decoded->result = result;
    if (params->decode_all ? !open_decoder(decoded, probe, err) ||
                                 !verify_thumb_new(probe_video(probe), &decoded->thumb, err)
                           : !list_times(decoded, probe, err))
        return false;
    *ret_decoded = sr_take(decoded);
    return true;
}

void verify_decoded_free(struct verify_decoded *decoded)
{
    if (!decoded)
        return;
    av_frame_free(&decoded->frame);
    av_packet_free(&decoded->packet);
    avcodec_free_context(&decoded->decoder);
    media_demuxer_close(&decoded->demuxer);
    verify_thumb_free(decoded->thumb);
    packet_table_free(decoded->table);
    free(decoded->times);
    free(decoded);
}

struct verify_pictures verify_decoded_pictures(struct verify_decoded *decoded)
{
    return (struct verify_pictures){ .next = decoded->stream ? next_decoded : next_time,
                                     .self = decoded,
                                     .tick_ns = to_ns(time_base(decoded), 1) + 1 };
}

int64_t verify_decoded_start_ns(const struct verify_decoded *decoded)
{
    return to_ns(time_base(decoded), decoded->first_pts);
}
