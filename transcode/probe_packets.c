#include <libavcodec/avcodec.h>
#include <string.h>

#include "transcode/media_cpu.h"
#include "transcode/media_err.h"
#include "transcode/media_io.h"
#include "transcode/probe_priv.h"

enum {
    LOOK_PACKETS = 256,  // of all streams; most of them lie in memory since find_info
    LOOK_BYTES = 4 << 20,
    CAPTION_PACKETS = 12,  // of the video: captions come with nearly every picture, or not at all
    CAPTION_BYTES = 64 << 10,  // of each: they precede the picture
};

struct look {
    AVFormatContext *demuxer;
    const struct media_stream *video;  // NULL: none
    AVCodecContext *decoder;           // while HDR metadata is wanted
    int video_packets;
    struct probe_packets *ret;
};

// Spec: ATSC A/53 part 4 ("GA94" user data, type 3), SCTE 20 (user data type 3 behind an MPEG-2 start code), and what DVDs have.
static bool has_captions(enum AVCodecID codec, const uint8_t *data, size_t bytes)
{
    static const uint8_t a53[] = { 'G', 'A', '9', '4', 3 };
    static const uint8_t dvd[] = { 0, 0, 1, 0xb2, 'C', 'C', 1, 0xf8 };
    static const uint8_t user[] = { 0, 0, 1, 0xb2, 3 };

    if (codec != AV_CODEC_ID_H264 && codec != AV_CODEC_ID_HEVC && codec != AV_CODEC_ID_MPEG2VIDEO)
        return false;
    if (bytes > CAPTION_BYTES)
        bytes = CAPTION_BYTES;
    if (memmem(data, bytes, a53, sizeof(a53)))
        return true;
    if (codec != AV_CODEC_ID_MPEG2VIDEO)
        return false;
    if (memmem(data, bytes, dvd, sizeof(dvd)))
        return true;
    const uint8_t *const scte = memmem(data, bytes, user, sizeof(user));
    return scte && scte + sizeof(user) < data + bytes && (scte[sizeof(user)] & 0x7f) == 1;
}

static bool wants_hdr(const struct media_stream *video)
{
    const int transfer = video->video.colour.transfer;
    return (transfer == AVCOL_TRC_SMPTE2084 || transfer == AVCOL_TRC_ARIB_STD_B67) &&
           !video->video.hdr.has_mastering && !video->video.hdr.has_light && video->can_decode;
}

static bool open_decoder(struct look *look, struct sr_err *err)
{
    const AVCodecParameters *const codec = look->demuxer->streams[look->video->index]->codecpar;
    const AVCodec *const decoder = avcodec_find_decoder(codec->codec_id);
    look->decoder = avcodec_alloc_context3(decoder);
    if (!look->decoder)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a decoder");
    int ret = avcodec_parameters_to_context(look->decoder, codec);
    if (ret < 0)
        return media_fail(err, ret, "a decoder");
    look->decoder->thread_count = 1;
    look->decoder->max_pixels = (int64_t)MEDIA_SIDE_MAX * MEDIA_SIDE_MAX;
    look->decoder->skip_loop_filter = AVDISCARD_ALL;
    media_open_lock();
    ret = avcodec_open2(look->decoder, decoder, NULL);
    media_open_unlock();
    if (ret == AVERROR(ENOMEM))
        return media_fail(err, ret, "a decoder");
    if (ret < 0)
        avcodec_free_context(&look->decoder);  // then there is no metadata to be had
    return true;
}

static void take_hdr(struct look *look, const AVFrame *frame)
{
    const AVFrameSideData *const mastering =
        av_frame_get_side_data(frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
    const AVFrameSideData *const light =
        av_frame_get_side_data(frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
    if (mastering)
        probe_hdr_mastering(mastering->data, mastering->size, &look->ret->hdr);
    if (light)
        probe_hdr_light(light->data, light->size, &look->ret->hdr);
}

// Static HDR metadata stands in SEI messages or metadata OBUs of the first picture: decoders know
// where. *packet NULL: nothing more comes, and a decoder may still hold that picture back.
static bool decode_for_hdr(struct look *look, AVPacket *packet, struct sr_err *err)
{
    // A packet that an edit list hides gives a picture here all the same, and it is the first.
    if (packet)
        packet->flags &= ~AV_PKT_FLAG_DISCARD;
    sr_auto(av_frame) AVFrame *frame = av_frame_alloc();
    if (!frame)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a frame");
    const int sent = avcodec_send_packet(look->decoder, packet);
    if (sent == AVERROR(ENOMEM))
        return media_fail(err, sent, "a decoder");
    const int received = avcodec_receive_frame(look->decoder, frame);
    if (received == AVERROR(ENOMEM))
        return media_fail(err, received, "a decoder");
    if (received == 0) {
        take_hdr(look, frame);
        avcodec_free_context(&look->decoder);
    }
    return true;
}

static bool look_at(struct look *look, AVPacket *packet, struct sr_err *err)
{
    const int index = packet->stream_index;
    if (index >= MEDIA_STREAMS_MAX)
        return true;  // appeared later than the streams we list
    look->ret->seen[index] = true;
    if (av_packet_get_side_data(packet, AV_PKT_DATA_ENCRYPTION_INFO, NULL))
        look->ret->encrypted[index] = true;
    if (!look->video || index != look->video->index)
        return true;
    if (look->video_packets++ < CAPTION_PACKETS && packet->size > 0)
        look->ret->captions =
            look->ret->captions || has_captions(look->demuxer->streams[index]->codecpar->codec_id,
                                                packet->data, (size_t)packet->size);
    return !look->decoder || decode_for_hdr(look, packet, err);
}

// Whether every audio and video stream has been seen, and enough of the video.
static bool is_enough(const struct look *look)
{
    for (unsigned i = 0; i < look->demuxer->nb_streams && i < MEDIA_STREAMS_MAX; i++) {
        const AVStream *const stream = look->demuxer->streams[i];
        const enum AVMediaType type = stream->codecpar->codec_type;
        if ((type == AVMEDIA_TYPE_VIDEO || type == AVMEDIA_TYPE_AUDIO) && !look->ret->seen[i] &&
            stream->discard != AVDISCARD_ALL)
            return false;
    }
    return !look->decoder &&
           (!look->video || look->ret->captions || look->video_packets >= CAPTION_PACKETS);
}

static bool read_some(struct look *look, struct sr_err *err)
{
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    if (!packet)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a packet");
    int64_t bytes = 0;
    for (int i = 0; i < LOOK_PACKETS && bytes < LOOK_BYTES && !is_enough(look); i++) {
        const enum media_read read = media_demuxer_read(look->demuxer, packet, err);
        if (read == MEDIA_READ_FAILED)
            return false;
        if (read == MEDIA_READ_END)
            break;
        bytes += packet->size;
        const bool is_done = look_at(look, packet, err);
        av_packet_unref(packet);
        if (!is_done)
            return false;
    }
    return !look->decoder || decode_for_hdr(look, NULL, err);
}

bool probe_packets_read(AVFormatContext *demuxer, const struct media_stream *video,
                        struct probe_packets *ret, struct sr_err *err)
{
    struct look look = { .demuxer = demuxer, .video = video, .ret = ret };
    *ret = (struct probe_packets){ 0 };
    const bool is_open = !video || !wants_hdr(video) || open_decoder(&look, err);
    const bool is_read = is_open && read_some(&look, err);
    avcodec_free_context(&look.decoder);
    return is_read;
}
