// Sound decoded, resampled where it must be, and encoded as AAC.
#include <inttypes.h>
#include <libavutil/audio_fifo.h>
#include <libswresample/swresample.h>

#include "transcode/audio_part.h"
#include "transcode/audio_read.h"
#include "transcode/media_cpu.h"
#include "transcode/media_err.h"

enum {
    AAC_BITRATE_PER_CHANNEL = 64000,
    AAC_BITRATE_MIN = 8000,
    AAC_FRAME_BITS_MAX = 6144,  // Spec: ISO/IEC 13818-7 8.2.2.3: of a channel
    AAC_FRAME_SAMPLES = 1024,
};

struct encoding {
    const struct audio_params *params;
    struct audio_reader *reader;
    const struct audio_form *form;
    AVCodecContext *encoder;
    struct SwrContext *converter;
    AVAudioFifo *fifo;
    AVPacket *packet;
    AVChannelLayout layout;  // of the output
    int rate;
    int64_t start_pts;
    int64_t read, written;  // samples of the source's rate, and into the encoder
    int64_t last_end;       // of the last packet
    struct audio_part part;
};

static void encoding_done(struct encoding *encoding)
{
    audio_part_done(&encoding->part);
    audio_reader_free(encoding->reader);
    avcodec_free_context(&encoding->encoder);
    swr_free(&encoding->converter);
    av_audio_fifo_free(encoding->fifo);
    av_packet_free(&encoding->packet);
    av_channel_layout_uninit(&encoding->layout);
}
SR_DEFINE_AUTO_VALUE(encoding, struct encoding, encoding_done);

// What it will be ------------------------------------------------------------------------------

// The layouts that AAC has a number for. Spec: ISO/IEC 14496-3 table 1.19. A source keeps its count
// of channels; with 7, or more than 8, the next row below. A layout that differs from its row's is
// mixed into it by libswresample's matrix; side and back speakers of 5.0 and 5.1 are the same
// channels under two names.
static const struct layout_row {
    int channels;
    AVChannelLayout layout;
} layout_rows[] = {
    { 1, AV_CHANNEL_LAYOUT_MONO },         { 2, AV_CHANNEL_LAYOUT_STEREO },
    { 3, AV_CHANNEL_LAYOUT_SURROUND },     { 4, AV_CHANNEL_LAYOUT_4POINT0 },
    { 5, AV_CHANNEL_LAYOUT_5POINT0_BACK }, { 6, AV_CHANNEL_LAYOUT_5POINT1_BACK },
    { 8, AV_CHANNEL_LAYOUT_7POINT1 },
};
enum { LAYOUT_ROWS = sizeof(layout_rows) / sizeof(layout_rows[0]) };

static const int aac_rates[] = { 7350,  8000,  11025, 12000, 16000, 22050, 24000,
                                 32000, 44100, 48000, 64000, 88200, 96000 };
enum { AAC_RATES = sizeof(aac_rates) / sizeof(aac_rates[0]) };

static bool pick_rate(int asked, int source, int *ret_rate, struct sr_err *err)
{
    int nearest = aac_rates[0], above = aac_rates[AAC_RATES - 1];
    for (int i = AAC_RATES - 1; i >= 0; i--) {
        if (aac_rates[i] >= source)
            above = aac_rates[i];
        if (abs(aac_rates[i] - asked) < abs(nearest - asked))
            nearest = aac_rates[i];
    }
    if (asked && asked != nearest)
        return sr_fail(err, SR_ERR_INVALID, "AAC has no sample rate of %d Hz; the nearest is %d",
                       asked, nearest);
    *ret_rate = asked ? asked : above;
    return true;
}

static bool pick_layout(int asked, const AVChannelLayout *source,
                        const AVChannelLayout **ret_layout, struct sr_err *err)
{
    const int wanted = asked ? asked : source->nb_channels;
    const struct layout_row *row = &layout_rows[0];
    for (int i = 0; i < LAYOUT_ROWS && layout_rows[i].channels <= wanted; i++)
        row = &layout_rows[i];
    if (asked && row->channels != asked)
        return sr_fail(err, SR_ERR_INVALID, "AAC of %d channels; the nearest is %d", asked,
                       row->channels);
    if (source->order != AV_CHANNEL_ORDER_NATIVE && row->channels != source->nb_channels)
        return sr_fail(err, SR_ERR_UNSUPPORTED,
                       "%d channels without a layout cannot be mixed to %d", source->nb_channels,
                       row->channels);
    *ret_layout = &row->layout;
    return true;
}

// As the converter is to take the source: names of speakers that mean the same are made the same.
static AVChannelLayout take_layout_as(const AVChannelLayout *source, const AVChannelLayout *output)
{
    static const AVChannelLayout side_50 = AV_CHANNEL_LAYOUT_5POINT0,
                                 side_51 = AV_CHANNEL_LAYOUT_5POINT1;
    const bool is_renamed =
        source->nb_channels == output->nb_channels &&
        (source->order != AV_CHANNEL_ORDER_NATIVE || !av_channel_layout_compare(source, &side_50) ||
         !av_channel_layout_compare(source, &side_51));
    return is_renamed ? *output : *source;
}

static int64_t pick_bitrate(const struct encoding *encoding)
{
    const int channels = encoding->layout.nb_channels;
    const int64_t most =
        (int64_t)AAC_FRAME_BITS_MAX * encoding->rate / AAC_FRAME_SAMPLES * channels;
    const int64_t asked = encoding->params->rendition->bitrate_bps;
    const int64_t wanted = asked > 0 ? asked : (int64_t)AAC_BITRATE_PER_CHANNEL * channels;
    return wanted < AAC_BITRATE_MIN ? AAC_BITRATE_MIN : wanted > most ? most : wanted;
}

// Opening --------------------------------------------------------------------------------------

static bool open_encoder(struct encoding *encoding, struct sr_err *err)
{
    const AVCodec *const codec = avcodec_find_encoder_by_name("aac");
    if (!codec)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "this libavcodec has no encoder for AAC");
    AVCodecContext *const encoder = encoding->encoder = avcodec_alloc_context3(codec);
    encoding->packet = av_packet_alloc();
    if (!encoder || !encoding->packet ||
        av_channel_layout_copy(&encoder->ch_layout, &encoding->layout) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an encoder");
    encoder->sample_fmt = AV_SAMPLE_FMT_FLTP;
    encoder->sample_rate = encoding->rate;
    encoder->time_base = (AVRational){ 1, encoding->rate };
    encoder->bit_rate = pick_bitrate(encoding);
    encoder->thread_count = 1;
    encoder->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
    media_scalar_lock();
    const int result = avcodec_open2(encoder, codec, NULL);
    media_scalar_unlock();
    if (result < 0)
        return media_fail(err, result, "open the AAC encoder");
    if (encoder->frame_size != AAC_FRAME_SAMPLES)
        return sr_fail(err, SR_ERR_INTERNAL, "AAC frames of %d samples", encoder->frame_size);
    return true;
}

static bool open_converter(struct encoding *encoding, struct sr_err *err)
{
    const struct audio_form *form = encoding->form;
    AVChannelLayout as = take_layout_as(&form->layout, &encoding->layout);
    int result = swr_alloc_set_opts2(&encoding->converter, &encoding->layout, AV_SAMPLE_FMT_FLTP,
                                     encoding->rate, &as, form->format, form->rate, 0, NULL);
    if (result >= 0) {
        media_scalar_lock();
        result = swr_init(encoding->converter);
        media_scalar_unlock();
    }
    if (result < 0)
        return media_fail(err, result, "convert sound of %d Hz to %d Hz", form->rate,
                          encoding->rate);
    encoding->fifo = av_audio_fifo_alloc(AV_SAMPLE_FMT_FLTP, encoding->layout.nb_channels,
                                         4 * AAC_FRAME_SAMPLES);
    return encoding->fifo || sr_fail(err, SR_ERR_NO_MEMORY, "a queue of samples");
}

static bool open_part(struct encoding *encoding, struct sr_err *err)
{
    AVCodecParameters *codec = avcodec_parameters_alloc();
    if (!codec || avcodec_parameters_from_context(codec, encoding->encoder) < 0) {
        avcodec_parameters_free(&codec);
        return sr_fail(err, SR_ERR_NO_MEMORY, "codec parameters");
    }
    const bool done =
        audio_part_time(encoding->params, encoding->form->start_pts, encoding->form->time_base,
                        encoding->rate, &encoding->start_pts, err) &&
        audio_part_open(&encoding->part, encoding->params, codec, encoding->rate,
                        encoding->start_pts, encoding->encoder->initial_padding, err);
    avcodec_parameters_free(&codec);
    return done;
}

// The first frame says what the source is.
static bool begin(struct encoding *encoding, struct sr_err *err)
{
    const struct rendition *rendition = encoding->params->rendition;
    const AVChannelLayout *layout = NULL;
    encoding->form = audio_reader_form(encoding->reader);
    if (!pick_rate(rendition->sample_rate, encoding->form->rate, &encoding->rate, err) ||
        !pick_layout(rendition->channels, &encoding->form->layout, &layout, err))
        return false;
    if (av_channel_layout_copy(&encoding->layout, layout) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a channel layout");
    return open_encoder(encoding, err) && open_converter(encoding, err) && open_part(encoding, err);
}

// Samples --------------------------------------------------------------------------------------

static bool take_packets(struct encoding *encoding, struct sr_err *err)
{
    for (;;) {
        const int result = avcodec_receive_packet(encoding->encoder, encoding->packet);
        if (result == AVERROR(EAGAIN) || result == AVERROR_EOF)
            return true;
        if (result < 0)
            return media_fail(err, result, "encode AAC");
        // Nothing of a packet at or after the end is heard.
        const int64_t pts = encoding->packet->pts;
        if (encoding->encoder->time_base.den != encoding->rate || pts == AV_NOPTS_VALUE)
            return sr_fail(err, SR_ERR_INTERNAL, "an AAC packet without a time");
        const bool is_heard = pts < encoding->start_pts + encoding->written;
        if (is_heard && !audio_part_add(&encoding->part, encoding->packet, err))
            return false;
        if (is_heard)
            encoding->last_end = pts + AAC_FRAME_SAMPLES;
        av_packet_unref(encoding->packet);
    }
}

static bool encode_frame(struct encoding *encoding, int samples, struct sr_err *err)
{
    sr_auto(av_frame) AVFrame *frame = av_frame_alloc();
    if (!frame)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a frame");
    frame->format = AV_SAMPLE_FMT_FLTP;
    frame->sample_rate = encoding->rate;
    frame->nb_samples = samples;
    frame->pts = encoding->start_pts + encoding->written;
    int result = av_channel_layout_copy(&frame->ch_layout, &encoding->layout);
    if (result >= 0)
        result = av_frame_get_buffer(frame, 0);
    if (result >= 0)
        result = av_audio_fifo_read(encoding->fifo, (void **)frame->extended_data, samples);
    if (result >= 0)
        result = avcodec_send_frame(encoding->encoder, frame);
    if (result < 0)
        return media_fail(err, result, "encode AAC");
    encoding->written += samples;
    return take_packets(encoding, err);
}

static bool encode_whole_frames(struct encoding *encoding, struct sr_err *err)
{
    while (av_audio_fifo_size(encoding->fifo) >= AAC_FRAME_SAMPLES) {
        if (!encode_frame(encoding, AAC_FRAME_SAMPLES, err))
            return false;
    }
    return true;
}

// Through the converter into the queue; frame NULL: what the converter holds.
static bool convert(struct encoding *encoding, const AVFrame *frame, struct sr_err *err)
{
    const int in = frame ? frame->nb_samples : 0;
    const int room = swr_get_out_samples(encoding->converter, in);
    if (room < 0)
        return media_fail(err, room, "resample");
    if (room == 0)
        return true;
    uint8_t **data = NULL;
    int result = av_samples_alloc_array_and_samples(&data, NULL, encoding->layout.nb_channels, room,
                                                    AV_SAMPLE_FMT_FLTP, 0);
    if (result >= 0) {
        result = swr_convert(encoding->converter, data, room,
                             frame ? (const uint8_t **)frame->extended_data : NULL, in);
        if (result > 0)
            result = av_audio_fifo_write(encoding->fifo, (void **)data, result);
        av_freep(&data[0]);
    }
    av_freep(&data);
    return result >= 0 || media_fail(err, result, "resample");
}

// A resampler gives a few samples more or less than the times say: the end is cut, or filled by
// silence, to the sample.
static bool fit_end(struct encoding *encoding, struct sr_err *err)
{
    const int64_t wanted = av_rescale(encoding->read, encoding->rate, encoding->form->rate);
    int64_t missing = wanted - encoding->written - av_audio_fifo_size(encoding->fifo);
    uint8_t **silence = NULL;
    int result = 0;
    if (missing > 0) {
        result = av_samples_alloc_array_and_samples(&silence, NULL, encoding->layout.nb_channels,
                                                    AAC_FRAME_SAMPLES, AV_SAMPLE_FMT_FLTP, 0);
        if (result >= 0)
            av_samples_set_silence(silence, 0, AAC_FRAME_SAMPLES, encoding->layout.nb_channels,
                                   AV_SAMPLE_FMT_FLTP);
    }
    while (missing > 0 && result >= 0) {
        const int count = missing < AAC_FRAME_SAMPLES ? (int)missing : AAC_FRAME_SAMPLES;
        result = av_audio_fifo_write(encoding->fifo, (void **)silence, count);
        missing -= count;
    }
    if (silence)
        av_freep(&silence[0]);
    av_freep(&silence);
    if (result < 0)
        return media_fail(err, result, "the end of the sound");
    while (encoding->written < wanted) {
        const int64_t left = wanted - encoding->written;
        if (!encode_frame(encoding, left < AAC_FRAME_SAMPLES ? (int)left : AAC_FRAME_SAMPLES, err))
            return false;
    }
    return true;
}

static bool finish(struct encoding *encoding, struct track_part *ret_part, struct sr_err *err)
{
    if (!convert(encoding, NULL, err) || !fit_end(encoding, err))
        return false;
    const int result = avcodec_send_frame(encoding->encoder, NULL);
    if (result < 0 && result != AVERROR_EOF)
        return media_fail(err, result, "encode AAC");
    if (!take_packets(encoding, err))
        return false;
    const int64_t padding = encoding->last_end - encoding->start_pts - encoding->written;
    if (padding < 0)
        return sr_fail(err, SR_ERR_INTERNAL, "the AAC encoder kept %" PRId64 " samples", -padding);
    return audio_part_end(&encoding->part, encoding->written, padding,
                          audio_reader_account(encoding->reader), ret_part, err);
}

bool audio_encode(const struct audio_params *params, struct track_part *ret_part,
                  struct sr_err *err)
{
    sr_auto(encoding) struct encoding encoding = { .params = params };
    if (!audio_reader_new(params->source, params->probe, params->stream_index, &encoding.reader,
                          err))
        return false;
    for (;;) {
        sr_auto(av_frame) AVFrame *frame = NULL;
        const enum audio_next next = audio_reader_next(encoding.reader, &frame, err);
        if (next == AUDIO_FAILED)
            return false;
        if (next == AUDIO_END)
            break;
        if (!encoding.form && !begin(&encoding, err))
            return false;
        encoding.read += frame->nb_samples;
        if (!convert(&encoding, frame, err) || !encode_whole_frames(&encoding, err))
            return false;
    }
    if (!encoding.form || encoding.read == 0)
        return sr_fail(err, SR_ERR_INPUT, "no sound that decodes");
    return finish(&encoding, ret_part, err);
}
