#include "transcode/encode.h"

#include <assert.h>
#include <inttypes.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/encode_priv.h"
#include "transcode/media_cpu.h"
#include "transcode/media_err.h"
#include "transcode/media_io.h"

struct encoder {
    const struct encode_codec *row;
    AVCodecContext *codec;
    AVCodecParameters *parameters;
    AVFrame *frame;  // a reference to the caller's picture with our own time and type
    int64_t shift_ticks;
    uint64_t picture_count, packet_count;
    int64_t last_pts;
};

const struct encode_codec *encode_codec_find(const char *name)
{
    for (const struct encode_codec *row = encode_codecs; row->name; row++) {
        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

// Ticks of one picture at the nominal rate, at least 1.
static int64_t nominal_ticks(const struct rendition_video *video)
{
    const AVRational picture = { video->rate.den, video->rate.num };
    const AVRational tick = { video->time_base.num, video->time_base.den };
    const int64_t ticks = av_rescale_q_rnd(1, picture, tick, AV_ROUND_NEAR_INF);
    return ticks > 0 ? ticks : 1;
}

static void set_common(const struct encode_params *params, AVCodecContext *codec)
{
    const struct rendition_video *video = params->video;
    codec->width = video->width;
    codec->height = video->height;
    codec->pix_fmt = av_get_pix_fmt(video->pixel_format);
    codec->time_base = (AVRational){ video->time_base.num, video->time_base.den };
    codec->framerate = (AVRational){ video->rate.num, video->rate.den };
    codec->sample_aspect_ratio = (AVRational){ video->sample_aspect.num, video->sample_aspect.den };
    codec->color_primaries = (enum AVColorPrimaries)video->colour.primaries;
    codec->color_trc = (enum AVColorTransferCharacteristic)video->colour.transfer;
    codec->colorspace = (enum AVColorSpace)video->colour.matrix;
    codec->color_range = (enum AVColorRange)video->colour.range;
    codec->chroma_sample_location = (enum AVChromaLocation)video->colour.chroma_location;
    codec->thread_count = params->threads;
    codec->flags = AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    codec->flags |= (int)AV_CODEC_FLAG_CLOSED_GOP;
    codec->field_order = AV_FIELD_PROGRESSIVE;
    if (video->is_interlaced) {
        codec->flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;
        codec->field_order = video->field_order == MEDIA_BOTTOM_FIRST ? AV_FIELD_BB : AV_FIELD_TT;
    }
}

static bool open_codec(struct encoder *encoder, const struct encode_params *params,
                       struct sr_err *err)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(encoder->row->encoder);
    if (!codec)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "libavcodec of this machine has no %s",
                       encoder->row->encoder);
    encoder->codec = avcodec_alloc_context3(codec);
    if (!encoder->codec)
        return sr_fail(err, SR_ERR_NO_MEMORY, "encoder");
    set_common(params, encoder->codec);
    sr_auto(av_dict) AVDictionary *options = NULL;
    // The processor's flags are read while opening: see media_cpu.h.
    media_open_lock();
    const bool ready = encoder->row->set_options(params, encoder->codec, &options, err);
    const int failed = ready ? avcodec_open2(encoder->codec, codec, &options) : 0;
    media_open_unlock();
    if (!ready)
        return false;
    if (failed == AVERROR(ENOMEM))
        return sr_fail(err, SR_ERR_NO_MEMORY, "open %s", encoder->row->encoder);
    if (failed < 0)
        return sr_fail_native(err, SR_ERR_INVALID, failed, "%s refuses its options",
                              encoder->row->encoder);
    const AVDictionaryEntry *unused = av_dict_get(options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (unused)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "%s of this machine has no option %s",
                       encoder->row->encoder, unused->key);
    return true;
}

bool encoder_open(const struct encode_params *params, struct encoder **ret_encoder,
                  struct sr_err *err)
{
    assert(params->threads >= 1 && params->video->time_base.num == 1);
    sr_auto(encoder) struct encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder)
        return sr_fail(err, SR_ERR_NO_MEMORY, "encoder");
    encoder->row = encode_codec_find(params->video->asked.codec);
    if (!encoder->row)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "no video codec \"%s\"",
                       params->video->asked.codec);
    if (!open_codec(encoder, params, err))
        return sr_err_wrap(err, "encoder of \"%s\"", params->video->asked.id);
    encoder->parameters = avcodec_parameters_alloc();
    encoder->frame = av_frame_alloc();
    if (!encoder->parameters || !encoder->frame ||
        avcodec_parameters_from_context(encoder->parameters, encoder->codec) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "encoder");
    encoder->shift_ticks =
        encoder->row->reorder_count(encoder->codec) * nominal_ticks(params->video);
    *ret_encoder = sr_take(encoder);
    return true;
}

void encoder_close(struct encoder *encoder)
{
    if (!encoder)
        return;
    avcodec_free_context(&encoder->codec);
    avcodec_parameters_free(&encoder->parameters);
    av_frame_free(&encoder->frame);
    free(encoder);
}

const AVCodecParameters *encoder_parameters(const struct encoder *encoder)
{
    return encoder->parameters;
}

int64_t encoder_shift_ticks(const struct encoder *encoder)
{
    return encoder->shift_ticks;
}

// What the source's decoder says of a picture must not steer our encoder.
static void make_ours(const struct encoder *encoder, int64_t pts, bool force_key)
{
    AVFrame *frame = encoder->frame;
    frame->pts = pts;
    frame->pict_type = force_key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    frame->key_frame = 0;
    frame->repeat_pict = 0;
    frame->quality = 0;
    frame->sample_aspect_ratio = encoder->codec->sample_aspect_ratio;
    const bool is_interlaced = encoder->codec->field_order != AV_FIELD_PROGRESSIVE;
    frame->interlaced_frame = is_interlaced;
    frame->top_field_first = is_interlaced && encoder->codec->field_order == AV_FIELD_TT;
    av_frame_remove_side_data(frame, AV_FRAME_DATA_REGIONS_OF_INTEREST);
    av_frame_remove_side_data(frame, AV_FRAME_DATA_SEI_UNREGISTERED);
    av_frame_remove_side_data(frame, AV_FRAME_DATA_STEREO3D);
}

bool encoder_add(struct encoder *encoder, const AVFrame *picture, int64_t pts, bool force_key,
                 struct sr_err *err)
{
    assert(picture->width == encoder->codec->width && picture->height == encoder->codec->height);
    assert(picture->format == encoder->codec->pix_fmt);
    if (encoder->picture_count > 0 && pts <= encoder->last_pts)
        return sr_fail(err, SR_ERR_INTERNAL, "picture at %" PRId64 " after one at %" PRId64, pts,
                       encoder->last_pts);
    if (av_frame_ref(encoder->frame, picture) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "picture for the encoder");
    make_ours(encoder, pts, force_key || encoder->picture_count == 0);
    const int failed = avcodec_send_frame(encoder->codec, encoder->frame);
    av_frame_unref(encoder->frame);
    if (failed == AVERROR(ENOMEM))
        return sr_fail(err, SR_ERR_NO_MEMORY, "encode");
    if (failed < 0)
        return sr_fail_native(err, SR_ERR_INTERNAL, failed, "%s refuses picture %" PRIu64,
                              encoder->row->encoder, encoder->picture_count);
    encoder->picture_count++;
    encoder->last_pts = pts;
    return true;
}

bool encoder_end(struct encoder *encoder, struct sr_err *err)
{
    const int failed = avcodec_send_frame(encoder->codec, NULL);
    if (failed < 0)
        return media_fail(err, failed, "end encoding");
    return true;
}

// The promises that joining relies on; a broken one is a bug of the encoder or of our options.
static bool check_packet(struct encoder *encoder, const AVPacket *packet, struct sr_err *err)
{
    const bool is_key = packet->flags & AV_PKT_FLAG_KEY;
    if (encoder->packet_count == 0 && !is_key)
        return sr_fail(err, SR_ERR_INTERNAL, "%s does not begin with a key picture",
                       encoder->row->encoder);
    if (is_key && !encoder->row->starts_clean(packet))
        return sr_fail(err, SR_ERR_INTERNAL, "packet %" PRIu64 " of %s is no clean start",
                       encoder->packet_count, encoder->row->encoder);
    size_t bytes;
    if (av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &bytes))
        return sr_fail(err, SR_ERR_INTERNAL, "%s changes its headers", encoder->row->encoder);
    if (packet->pts == AV_NOPTS_VALUE || packet->size <= 0)
        return sr_fail(err, SR_ERR_INTERNAL, "%s gives an empty packet", encoder->row->encoder);
    encoder->packet_count++;
    return true;
}

enum encode_next encoder_next(struct encoder *encoder, AVPacket *packet, struct sr_err *err)
{
    const int got = avcodec_receive_packet(encoder->codec, packet);
    if (got == AVERROR(EAGAIN))
        return ENCODE_WANTS_PICTURE;
    if (got == AVERROR_EOF) {
        if (encoder->packet_count == encoder->picture_count)
            return ENCODE_DONE;
        (void)sr_fail(err, SR_ERR_INTERNAL, "%s made %" PRIu64 " packets of %" PRIu64 " pictures",
                      encoder->row->encoder, encoder->packet_count, encoder->picture_count);
        return ENCODE_FAILED;
    }
    if (got < 0) {
        (void)sr_fail_native(err, got == AVERROR(ENOMEM) ? SR_ERR_NO_MEMORY : SR_ERR_INTERNAL, got,
                             "%s failed after %" PRIu64 " packets", encoder->row->encoder,
                             encoder->packet_count);
        return ENCODE_FAILED;
    }
    return check_packet(encoder, packet, err) ? ENCODE_PACKET : ENCODE_FAILED;
}

int encode_threads(const struct rendition_video *video, int planned)
{
    return video->asked.maxrate_bps > 0 ? 1 : planned;
}

uint64_t encode_peak_bytes(const struct rendition_video *video, int threads)
{
    const struct encode_codec *row = encode_codec_find(video->asked.codec);
    if (!row)
        return 0;
    // A picture of 4:2:0 is 1.5 bytes a sample; an encoder keeps padding, smaller copies and
    // per-block data beside it, which measured as 2.2 times the picture (encode_test watches it).
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(av_get_pix_fmt(video->pixel_format));
    const uint64_t sample_bytes = format && format->comp[0].depth > 8 ? 2 : 1;
    const uint64_t picture = (uint64_t)video->width * (uint64_t)video->height * sample_bytes;
    return row->picture_count(video, threads) * picture * 33 / 10;
}

// The build --------------------------------------------------------------------------------------

static bool tiny_packet(struct encoder *encoder, AVPacket *packet, struct sr_err *err)
{
    sr_auto(av_frame) AVFrame *frame = av_frame_alloc();
    if (!frame)
        return sr_fail(err, SR_ERR_NO_MEMORY, "picture");
    frame->width = encoder->codec->width;
    frame->height = encoder->codec->height;
    frame->format = encoder->codec->pix_fmt;
    if (av_frame_get_buffer(frame, 0) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "picture");
    for (int i = 0; i < 3; i++)
        memset(frame->data[i], 128, (size_t)frame->linesize[i] * (size_t)(i ? 32 : 64));
    return encoder_add(encoder, frame, 0, true, err) && encoder_end(encoder, err) &&
           encoder_next(encoder, packet, err) == ENCODE_PACKET;
}

// libavcodec has no call that names the encoder library behind it, but encoders sign their streams.
static bool add_build(struct sr_str *text, const struct encode_codec *row, struct sr_err *err)
{
    struct rendition_video video = {
        .width = 64,
        .height = 64,
        .sample_aspect = { 1, 1 },
        .pixel_format = "yuv420p",
        .colour = { 2, 2, 2, 0, 0 },
        .time_base = { 1, 25 },
        .rate = { 25, 1 },
    };
    const struct encode_params params = { .video = &video, .threads = 1 };
    if (!sr_format(video.asked.codec, sizeof(video.asked.codec), "%s", row->name))
        return sr_fail(err, SR_ERR_INTERNAL, "codec name");
    video.asked.crf = -1;
    sr_auto(encoder) struct encoder *encoder = NULL;
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    if (!packet)
        return sr_fail(err, SR_ERR_NO_MEMORY, "packet");
    if (!encoder_open(&params, &encoder, err)) {
        // Not there: then it makes no bytes either.
        return err->code == SR_ERR_UNSUPPORTED && sr_str_addf(text, err, ", no %s", row->encoder);
    }
    if (!tiny_packet(encoder, packet, err))
        return false;
    return row->add_signature(packet, text, err);
}

bool encode_build(struct sr_str *text, struct sr_err *err)
{
    for (const struct encode_codec *row = encode_codecs; row->name; row++) {
        if (!add_build(text, row, err))
            return sr_err_wrap(err, "build of %s", row->encoder);
    }
    return true;
}
