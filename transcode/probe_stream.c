#include <libavcodec/avcodec.h>
#include <libavutil/avstring.h>
#include <libavutil/channel_layout.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "transcode/probe_priv.h"

// Copies text of a file: cut to fit on a character's edge, what is not UTF-8 or a control character
// becomes '?'.
static void copy_text(char *to, size_t capacity, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *const end = at + strlen(text);
    size_t bytes = 0;
    while (at < end) {
        const uint8_t *const from = at;
        int32_t code;
        const bool is_valid = av_utf8_decode(&code, &at, end, 0) >= 0 && code >= 0x20;
        const size_t length = is_valid ? (size_t)(at - from) : 1;
        if (bytes + length >= capacity)
            break;
        memcpy(to + bytes, is_valid ? (const void *)from : "?", length);
        bytes += length;
    }
    to[bytes] = '\0';
}

static void copy_tag(char *to, size_t capacity, const AVDictionary *tags, const char *key)
{
    const AVDictionaryEntry *const tag = av_dict_get(tags, key, NULL, 0);
    if (tag)
        copy_text(to, capacity, tag->value);
}

static struct media_rational rational(AVRational value)
{
    if (value.num <= 0 || value.den <= 0)
        return (struct media_rational){ 0, 1 };
    return (struct media_rational){ value.num, value.den };
}

static int64_t known(int64_t ticks)
{
    return ticks == AV_NOPTS_VALUE ? INT64_MIN : ticks;
}

static enum media_kind kind_of(const AVStream *stream)
{
    switch (stream->codecpar->codec_type) {
    case AVMEDIA_TYPE_VIDEO: return MEDIA_VIDEO;
    case AVMEDIA_TYPE_AUDIO: return MEDIA_AUDIO;
    case AVMEDIA_TYPE_SUBTITLE: return MEDIA_SUBTITLE;
    case AVMEDIA_TYPE_ATTACHMENT: return MEDIA_ATTACHMENT;
    case AVMEDIA_TYPE_DATA:
    case AVMEDIA_TYPE_UNKNOWN:
    case AVMEDIA_TYPE_NB: break;
    }
    return MEDIA_DATA;
}

static void fill_codec(const AVCodecParameters *codec, struct media_stream *ret)
{
    const AVCodecDescriptor *const known_as = avcodec_descriptor_get(codec->codec_id);
    char tag[AV_FOURCC_MAX_STRING_SIZE];
    if (known_as)
        copy_text(ret->codec, sizeof(ret->codec), known_as->name);
    else if (codec->codec_tag != 0)
        copy_text(ret->codec, sizeof(ret->codec), av_fourcc_make_string(tag, codec->codec_tag));
    else
        copy_text(ret->codec, sizeof(ret->codec), "unknown");
    const char *const profile = avcodec_profile_name(codec->codec_id, codec->profile);
    if (profile)
        copy_text(ret->profile, sizeof(ret->profile), profile);
}

// The matrix turns what is stored into what is seen: (a b; c d) on row vectors, y downwards,
// in 16.16. A negative determinant is a mirror, which we take off first (left and right), so that a
// turn is left.
static void fill_rotation(const AVStream *stream, struct media_stream *ret)
{
    size_t bytes;
    const uint8_t *const data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &bytes);
    int32_t matrix[9];
    if (!data || bytes < sizeof(matrix))
        return;
    memcpy(matrix, data, sizeof(matrix));
    double a = matrix[0], b = matrix[1];
    const double c = matrix[3], d = matrix[4];
    const double determinant = a * d - b * c;
    if (determinant == 0)
        return;  // not a turn at all
    if (determinant < 0) {
        ret->video.is_mirrored = true;
        a = -a;
        b = -b;
    }
    const double quarters = atan2(b, a) / (M_PI / 2);
    ret->video.rotation = (((int)lround(quarters) + 4) % 4) * 90;
}

static struct media_rational hdr_rational(AVRational value)
{
    return (struct media_rational){ value.num, value.den };
}

void probe_hdr_mastering(const uint8_t *data, size_t bytes, struct media_hdr *hdr)
{
    AVMasteringDisplayMetadata from;
    if (!data || bytes < sizeof(from))
        return;
    memcpy(&from, data, sizeof(from));
    if (!from.has_primaries || !from.has_luminance)
        return;  // one without the other cannot be carried
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 2; k++)
            hdr->primaries[i][k] = hdr_rational(from.display_primaries[i][k]);
    }
    for (int k = 0; k < 2; k++)
        hdr->white[k] = hdr_rational(from.white_point[k]);
    hdr->luminance_min = hdr_rational(from.min_luminance);
    hdr->luminance_max = hdr_rational(from.max_luminance);
    hdr->has_mastering = true;
}

void probe_hdr_light(const uint8_t *data, size_t bytes, struct media_hdr *hdr)
{
    AVContentLightMetadata from;
    if (!data || bytes < sizeof(from))
        return;
    memcpy(&from, data, sizeof(from));
    hdr->max_content = from.MaxCLL;
    hdr->max_average = from.MaxFALL;
    hdr->has_light = from.MaxCLL != 0 || from.MaxFALL != 0;
}

static void fill_hdr(const AVStream *stream, struct media_hdr *hdr)
{
    size_t bytes;
    const uint8_t *data =
        av_stream_get_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &bytes);
    probe_hdr_mastering(data, data ? bytes : 0, hdr);
    data = av_stream_get_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &bytes);
    probe_hdr_light(data, data ? bytes : 0, hdr);
}

static void fill_colour(const AVCodecParameters *codec, struct media_colour *ret)
{
    // Code point 0 is reserved and means no more than 2, unspecified (but for the matrix, where 0
    // is RGB).
    ret->primaries = codec->color_primaries > 0 ? (int)codec->color_primaries : 2;
    ret->transfer = codec->color_trc > 0 ? (int)codec->color_trc : 2;
    ret->matrix = (int)codec->color_space;
    ret->range = (int)codec->color_range;
    ret->chroma_location = (int)codec->chroma_location;
    switch (codec->format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P: ret->range = AVCOL_RANGE_JPEG; break;
    default: break;
    }
}

static void fill_fields(const AVCodecParameters *codec, struct media_stream *ret)
{
    // Two letters: the field coded first, then the field shown first.
    switch (codec->field_order) {
    case AV_FIELD_TT:
    case AV_FIELD_BT: ret->video.field_order = MEDIA_TOP_FIRST; break;
    case AV_FIELD_BB:
    case AV_FIELD_TB: ret->video.field_order = MEDIA_BOTTOM_FIRST; break;
    case AV_FIELD_UNKNOWN:
    case AV_FIELD_PROGRESSIVE: ret->video.field_order = MEDIA_PROGRESSIVE; break;
    }
    ret->video.is_interlaced = ret->video.field_order != MEDIA_PROGRESSIVE;
}

static void fill_video(AVFormatContext *demuxer, const AVStream *stream, struct media_stream *ret)
{
    const AVCodecParameters *const codec = stream->codecpar;
    ret->video.width = codec->width;
    ret->video.height = codec->height;
    const AVPixFmtDescriptor *const pixels = av_pix_fmt_desc_get(codec->format);
    if (pixels) {
        copy_text(ret->video.pixel_format, sizeof(ret->video.pixel_format), pixels->name);
        ret->video.bit_depth = pixels->comp[0].depth;
    } else {
        ret->video.bit_depth = codec->bits_per_raw_sample;
    }

    // The container's word counts before the stream's, as in ffmpeg.
    AVStream *const asked = demuxer->streams[stream->index];
    const AVRational aspect = av_guess_sample_aspect_ratio(demuxer, asked, NULL);
    ret->video.sample_aspect = rational(aspect);
    if (ret->video.sample_aspect.num == 0)
        ret->video.sample_aspect = (struct media_rational){ 1, 1 };

    ret->video.rate = rational(stream->r_frame_rate);
    ret->video.average_rate = rational(stream->avg_frame_rate);
    ret->video.reorder_depth = codec->video_delay > 0 ? codec->video_delay : 0;
    fill_rotation(stream, ret);
    fill_fields(codec, ret);
    fill_colour(codec, &ret->video.colour);
    fill_hdr(stream, &ret->video.hdr);
}

static void fill_audio(const AVCodecParameters *codec, struct media_stream *ret)
{
    ret->audio.sample_rate = codec->sample_rate;
    ret->audio.channels = codec->ch_layout.nb_channels;
    ret->audio.initial_padding = codec->initial_padding;
    if (av_channel_layout_describe(&codec->ch_layout, ret->audio.layout,
                                   sizeof(ret->audio.layout)) < 0)
        ret->audio.layout[0] = '\0';
}

// Whether decoding can work: there is a decoder, and the parameters it needs are known.
static bool is_decodable(const struct media_stream *stream, const AVCodecParameters *codec)
{
    if (!avcodec_find_decoder(codec->codec_id))
        return false;
    switch (stream->kind) {
    case MEDIA_VIDEO: return codec->width > 0 && codec->height > 0 && codec->format >= 0;
    case MEDIA_AUDIO:
        return codec->sample_rate > 0 && codec->ch_layout.nb_channels > 0 &&
               codec->ch_layout.nb_channels <= MEDIA_AUDIO_CHANNELS_MAX;
    case MEDIA_SUBTITLE:
    case MEDIA_DATA:
    case MEDIA_ATTACHMENT: break;
    }
    return true;
}

void probe_stream_fill(AVFormatContext *demuxer, const AVStream *stream, struct media_stream *ret)
{
    const AVCodecParameters *const codec = stream->codecpar;
    *ret = (struct media_stream){
        .index = stream->index,
        .kind = kind_of(stream),
        .time_base = rational(stream->time_base),
        .start_pts = known(stream->start_time),
        .duration_ticks = known(stream->duration),
        .bit_rate = codec->bit_rate > 0 ? codec->bit_rate : 0,
        .is_default = (stream->disposition & AV_DISPOSITION_DEFAULT) != 0,
        .is_attached_picture = (stream->disposition & (AV_DISPOSITION_ATTACHED_PIC |
                                                       AV_DISPOSITION_TIMED_THUMBNAILS)) != 0,
        .is_encrypted =
            av_stream_get_side_data(stream, AV_PKT_DATA_ENCRYPTION_INIT_INFO, NULL) != NULL,
    };
    fill_codec(codec, ret);
    copy_tag(ret->language, sizeof(ret->language), stream->metadata, "language");
    copy_tag(ret->title, sizeof(ret->title), stream->metadata, "title");
    if (ret->kind == MEDIA_VIDEO)
        fill_video(demuxer, stream, ret);
    else if (ret->kind == MEDIA_AUDIO)
        fill_audio(codec, ret);
    ret->can_decode = is_decodable(ret, codec);
}
