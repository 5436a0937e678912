#include "transcode/audio_lead.h"

#include <libavcodec/avcodec.h>
#include <stdlib.h>

#include "transcode/audio_repair.h"

enum { SHIFT_MS_MIN = 5 };

bool audio_lead_fill(struct audio_lead *lead, AVFormatContext *demuxer, const AVStream *stream,
                     const struct sr_cancel *cancel, struct sr_err *err)
{
    if (!(demuxer->iformat->flags & AVFMT_TS_DISCONT))
        return true;
    while (lead->count < AUDIO_LEAD_PACKETS) {
        sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
        if (!packet)
            return sr_fail(err, SR_ERR_NO_MEMORY, "a packet");
        if (!sr_cancel_check(cancel, err))
            return false;
        const enum media_read read = media_demuxer_read(demuxer, packet, err);
        if (read == MEDIA_READ_FAILED)
            return false;
        if (read == MEDIA_READ_END) {
            lead->has_ended = true;
            return true;
        }
        if (packet->stream_index != stream->index)
            continue;
        lead->pts[lead->count] = packet->pts;
        lead->samples[lead->count] = av_get_audio_frame_duration2(stream->codecpar, packet->size);
        lead->packets[lead->count++] = sr_take(packet);
    }
    return true;
}

void audio_lead_done(struct audio_lead *lead)
{
    for (size_t i = 0; i < lead->count; i++)
        av_packet_free(&lead->packets[i]);
    *lead = (struct audio_lead){ 0 };
}

static int by_value(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

int64_t audio_lead_shift(const struct audio_lead *lead, const AVStream *stream, int rate)
{
    int64_t late[AUDIO_LEAD_PACKETS], samples = 0;
    size_t count = 0;
    for (size_t i = 0; i < lead->count; i++) {
        // Only codecs whose packets are all alike: of others the times between are not known well
        // enough.
        if (lead->samples[i] <= 0 || lead->pts[i] == AV_NOPTS_VALUE ||
            stream->codecpar->sample_rate != rate)
            return 0;
        const int64_t at =
            av_rescale_q(lead->pts[i] - lead->pts[0], stream->time_base, (AVRational){ 1, rate });
        late[count++] = at - samples;
        samples += lead->samples[i];
    }
    if (count < 8)
        return 0;
    qsort(late, count, sizeof(late[0]), by_value);
    const int64_t usual = late[count / 2];
    const bool is_little = llabs(usual) * 1000 < (int64_t)SHIFT_MS_MIN * rate;
    const bool is_much = llabs(usual) * 1000 > (int64_t)AUDIO_TOLERANCE_MS_MIN * rate;
    return is_little || is_much ? 0 : usual;
}

enum media_read audio_lead_read(struct audio_lead *lead, AVFormatContext *demuxer, AVPacket *packet,
                                struct sr_err *err)
{
    if (lead->next < lead->count) {
        av_packet_move_ref(packet, lead->packets[lead->next++]);
        return MEDIA_READ_PACKET;
    }
    return lead->has_ended ? MEDIA_READ_END : media_demuxer_read(demuxer, packet, err);
}
