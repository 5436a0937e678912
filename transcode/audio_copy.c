// Packets of sound moved unchanged into MP4, at their times.
#include <inttypes.h>
#include <libavcodec/bsf.h>
#include <libavutil/intreadwrite.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/audio_edit.h"
#include "transcode/audio_part.h"
#include "transcode/audio_read.h"
#include "transcode/audio_repair.h"
#include "transcode/media_err.h"
#include "transcode/media_restart.h"

// What MP4 can carry and libavformat's muxer can describe before the first packet is written (AC-3
// and E-AC-3 it cannot).
static const struct copy_row {
    enum AVCodecID codec;
    const char *filter;  // makes packets that MP4 wants, when the source has no codec header; NULL:
                         // none is needed
    bool needs_header;   // extradata
} copy_rows[] = {
    { AV_CODEC_ID_AAC, "aac_adtstoasc", true },
    { AV_CODEC_ID_MP3, NULL, false },
    { AV_CODEC_ID_OPUS, NULL, true },
    { AV_CODEC_ID_FLAC, NULL, true },
};

struct copying {
    const struct audio_params *params;
    const struct copy_row *row;
    AVFormatContext *demuxer;
    AVStream *stream;
    AVBSFContext *filter;
    AVCodecParameters *codec;
    AVPacket *packet;
    AVCodecParserContext *parser;  // of codecs whose packets differ in length
    AVCodecContext *parsing;
    struct audio_repair repair;
    int rate;
    int64_t start_position;  // samples in the source's time: heard first
    int64_t start_pts;       // the same in output ticks
    int64_t last, end,
        padded_end;  // output ticks: the last packet, what is heard of it, and all of it
    bool has_begun, has_heard;
    bool has_end;
    int64_t source_end_pts;  // see audio_edit_end()
    struct track_account account;
    struct audio_part part;
};

static void copying_done(struct copying *copying)
{
    audio_part_done(&copying->part);
    av_bsf_free(&copying->filter);
    av_parser_close(copying->parser);
    avcodec_free_context(&copying->parsing);
    avcodec_parameters_free(&copying->codec);
    av_packet_free(&copying->packet);
    media_demuxer_close(&copying->demuxer);
}
SR_DEFINE_AUTO_VALUE(copying, struct copying, copying_done);

static bool open_filter(struct copying *copying, struct sr_err *err)
{
    const AVBitStreamFilter *const filter = av_bsf_get_by_name(copying->row->filter);
    if (!filter)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "this libavcodec has no %s", copying->row->filter);
    int result = av_bsf_alloc(filter, &copying->filter);
    if (result >= 0)
        result = avcodec_parameters_copy(copying->filter->par_in, copying->codec);
    if (result >= 0) {
        copying->filter->time_base_in = copying->stream->time_base;
        result = av_bsf_init(copying->filter);
    }
    return result >= 0 || media_fail(err, result, "open %s", copying->row->filter);
}

static bool open_source(struct copying *copying, struct sr_err *err)
{
    const struct audio_params *params = copying->params;
    if (!audio_demuxer_open(params->source, params->probe, params->stream_index, &copying->demuxer,
                            err))
        return false;
    copying->stream = copying->demuxer->streams[params->stream_index];
    copying->codec = avcodec_parameters_alloc();
    copying->packet = av_packet_alloc();
    if (strncmp(copying->demuxer->iformat->name, "mov", 3) == 0)
        copying->has_end =
            audio_edit_end(&params->source->reader, copying->stream->id, &copying->source_end_pts);
    if (!copying->codec || !copying->packet ||
        avcodec_parameters_copy(copying->codec, copying->stream->codecpar) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "codec parameters");
    for (size_t i = 0; i < sizeof(copy_rows) / sizeof(copy_rows[0]); i++) {
        if (copy_rows[i].codec == copying->codec->codec_id)
            copying->row = &copy_rows[i];
    }
    const char *const name = avcodec_get_name(copying->codec->codec_id);
    if (!copying->row)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "%s cannot be copied into MP4; choose aac", name);
    copying->rate =
        copying->codec->codec_id == AV_CODEC_ID_OPUS ? 48000 : copying->codec->sample_rate;
    if (copying->rate < 1000 || copying->rate > 768000)
        return sr_fail(err, SR_ERR_INPUT, "%s of %d Hz", name, copying->rate);
    if (copying->row->filter && copying->codec->extradata_size == 0)
        return open_filter(copying, err);
    if (copying->row->needs_header && copying->codec->extradata_size == 0)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "%s without a codec header cannot be copied", name);
    return true;
}

// Where the track is heard first is what decoding it would give: both ways then agree on it.
static bool find_start(struct copying *copying, struct sr_err *err)
{
    const struct audio_params *params = copying->params;
    sr_auto(audio_reader) struct audio_reader *reader = NULL;
    sr_auto(av_frame) AVFrame *frame = NULL;
    if (!audio_reader_new(params->source, params->probe, params->stream_index, &reader, err))
        return false;
    switch (audio_reader_next(reader, &frame, err)) {
    case AUDIO_FAILED: return false;
    case AUDIO_END: return sr_fail(err, SR_ERR_INPUT, "no sound that decodes");
    case AUDIO_FRAME: break;
    }
    const struct audio_form *form = audio_reader_form(reader);
    const AVRational base = { form->time_base.num, form->time_base.den };
    if (!audio_position(form->start_pts, base, copying->rate, &copying->start_position))
        return sr_fail(err, SR_ERR_INPUT, "the sound's start");
    copying->start_position -= av_rescale(form->shift_samples, copying->rate, form->rate);
    return audio_part_time(params, form->start_pts, form->time_base, copying->rate,
                           &copying->start_pts, err);
}

// The filter gives the codec header with the first packet.
static bool take_header(struct copying *copying, struct sr_err *err)
{
    if (!copying->filter)
        return true;
    size_t bytes = 0;
    const uint8_t *const header =
        av_packet_get_side_data(copying->packet, AV_PKT_DATA_NEW_EXTRADATA, &bytes);
    if (!header || bytes == 0)
        return sr_fail(err, SR_ERR_INPUT, "no codec header in the first packet");
    uint8_t *const copy = av_mallocz(bytes + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!copy)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a codec header");
    memcpy(copy, header, bytes);
    av_freep(&copying->codec->extradata);
    copying->codec->extradata = copy;
    copying->codec->extradata_size = (int)bytes;
    return true;
}

static bool begin(struct copying *copying, int64_t position, struct sr_err *err)
{
    const int64_t priming = copying->start_position - position;
    copying->has_begun = true;
    return take_header(copying, err) &&
           audio_part_open(&copying->part, copying->params, copying->codec, copying->rate,
                           copying->start_pts, priming > 0 ? priming : 0, err);
}

// Samples that a FLAC frame says it has; its container may know them to a millisecond only.
static int64_t parsed_samples(struct copying *copying)
{
    if (!copying->parser) {
        copying->parser = av_parser_init((int)copying->codec->codec_id);
        copying->parsing = avcodec_alloc_context3(NULL);
        if (!copying->parser || !copying->parsing ||
            avcodec_parameters_to_context(copying->parsing, copying->codec) < 0)
            return 0;
        copying->parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
    }
    uint8_t *data;
    int bytes;
    copying->parser->duration = 0;
    av_parser_parse2(copying->parser, copying->parsing, &data, &bytes, copying->packet->data,
                     copying->packet->size, AV_NOPTS_VALUE, AV_NOPTS_VALUE, 0);
    return copying->parser->duration;
}

// Samples of a packet, as the codec has them and as the container says: the last packet of a track
// may be heard in part.
static bool packet_samples(struct copying *copying, int64_t *ret_coded, int64_t *ret_heard)
{
    const AVPacket *const packet = copying->packet;
    const AVRational base = copying->stream->time_base;
    const int64_t said =
        packet->duration > 0 && packet->duration < INT32_MAX
            ? av_rescale_q(packet->duration, base, (AVRational){ 1, copying->rate })
            : 0;
    int64_t coded = av_get_audio_frame_duration2(copying->codec, packet->size);
    if (coded <= 0)
        coded = parsed_samples(copying);
    if (coded <= 0)
        coded = said;
    *ret_coded = coded;
    *ret_heard = said > 0 && said < coded && copying->repair.tick_samples <= 1 ? said : coded;
    size_t bytes;
    const uint8_t *const skip = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &bytes);
    if (skip && bytes >= 8 && AV_RL32(skip + 4) < *ret_heard)
        *ret_heard = coded - AV_RL32(skip + 4);
    return coded > 0;
}

// A coarse clock rounds the priming; the first packet or the codec header may know it to the
// sample.
static void sharpen_start(struct copying *copying, int64_t position)
{
    size_t bytes;
    const uint8_t *const skip =
        av_packet_get_side_data(copying->packet, AV_PKT_DATA_SKIP_SAMPLES, &bytes);
    int64_t priming = copying->codec->initial_padding;
    if (skip && bytes >= 4)
        priming = AV_RL32(skip);
    const int64_t start = position + priming;
    if (priming > 0 && llabs(start - copying->start_position) <= 2 * copying->repair.tick_samples)
        copying->start_position = start;
}

static void list_fault(struct copying *copying, const struct audio_repair_step *step)
{
    const double ms = (double)step->difference * 1000 / copying->rate;
    const int64_t pts = copying->packet->pts;
    if (step->fault == AUDIO_FAULT_HOLE)
        audio_damage_add(&copying->account, pts, "a hole of %.1f ms before it, kept", ms);
    else if (step->fault == AUDIO_FAULT_OVERLAP)
        audio_damage_add(&copying->account, pts, "overlaps what is before it by %.1f ms, left out",
                         -ms);
    else if (step->fault == AUDIO_FAULT_CLOCK)
        audio_damage_add(&copying->account, pts,
                         "the clock stands while the sound goes on, ignored");
    else if (step->fault == AUDIO_FAULT_JUMP)
        audio_damage_add(&copying->account, pts, "the clock jumps by %.1f ms, ignored", ms);
}

static bool take_packet(struct copying *copying, struct sr_err *err)
{
    AVPacket *const packet = copying->packet;
    struct track_account *account = &copying->account;
    account->packets++;
    int64_t coded, heard, position = 0;
    if (!packet_samples(copying, &coded, &heard)) {
        account->damaged++;
        audio_damage_add(account, packet->pts, "a packet of unknown length, left out");
        return true;
    }
    const bool has_position =
        audio_position(packet->pts, copying->stream->time_base, copying->rate, &position);
    if (!copying->has_begun && !has_position)
        position = copying->start_position;
    if (packet->flags & AV_PKT_FLAG_DISCARD && copying->has_heard) {
        account->discarded++;  // behind the end of the edit list
        return true;
    }
    if (!copying->has_begun)
        sharpen_start(copying, position);
    const struct audio_repair_step step = audio_repair_next(
        &copying->repair, has_position || !copying->has_begun, position, coded, false);
    list_fault(copying, &step);
    if (step.cut > 0) {
        account->discarded++;
        return true;
    }
    // What is wholly before the first sample heard is there for the decoder.
    const int64_t from = copying->repair.expected - coded;
    const bool is_heard = from + heard > copying->start_position;
    copying->has_heard |= is_heard;
    account->shown += is_heard;
    account->discarded += !is_heard;
    if (!copying->has_begun && !begin(copying, from, err))
        return false;
    packet->pts = packet->dts = from - copying->start_position + copying->start_pts;
    packet->duration = coded;
    packet->flags = AV_PKT_FLAG_KEY;
    copying->last = packet->pts;
    copying->end = packet->pts + heard;
    copying->padded_end = packet->pts + coded;
    return audio_part_add(&copying->part, packet, err);
}

static bool filter_packet(struct copying *copying, struct sr_err *err)
{
    if (!copying->filter)
        return take_packet(copying, err);
    int result = av_bsf_send_packet(copying->filter, copying->packet);
    while (result >= 0) {
        result = av_bsf_receive_packet(copying->filter, copying->packet);
        if (result >= 0 && !take_packet(copying, err))
            return false;
    }
    if (result == AVERROR(EAGAIN))
        return true;
    if (result == AVERROR(ENOMEM))
        return media_fail(err, result, "%s", copying->row->filter);
    copying->account.packets++;
    copying->account.damaged++;
    audio_damage_add(&copying->account, AV_NOPTS_VALUE, "a packet that %s refuses",
                     copying->row->filter);
    return true;
}

// The last packet is heard as far as the media lasts, if an edit list ends before it by rounding
// alone.
static void fit_end(struct copying *copying)
{
    int64_t position;
    if (!copying->has_end || !audio_position(copying->source_end_pts, copying->stream->time_base,
                                             copying->rate, &position))
        return;
    const int64_t end = position - copying->start_position + copying->start_pts;
    if (end > copying->last && end <= copying->padded_end)
        copying->end = end;
}

bool audio_copy(const struct audio_params *params, struct track_part *ret_part, struct sr_err *err)
{
    sr_auto(copying) struct copying copying = { .params = params };
    if (!open_source(&copying, err) || !find_start(&copying, err))
        return false;
    const AVRational base = copying.stream->time_base;
    copying.repair.rate = copying.rate;
    copying.repair.tick_samples = av_rescale_rnd(copying.rate, base.num, base.den, AV_ROUND_UP);
    struct media_restart restart = { 0 };
    enum media_read read;
    while ((read = media_demuxer_read(copying.demuxer, copying.packet, err)) == MEDIA_READ_PACKET) {
        const bool is_ours = copying.packet->stream_index == params->stream_index;
        if (is_ours)
            media_restart_apply(&restart, params->source->restarts, base, copying.packet);
        if (!sr_cancel_check(params->source->cancel, err) ||
            (is_ours && copying.packet->size > 0 && !filter_packet(&copying, err)))
            return false;
        av_packet_unref(copying.packet);
    }
    if (read == MEDIA_READ_FAILED)
        return false;
    fit_end(&copying);
    const int64_t heard = copying.end - copying.start_pts;
    if (!copying.has_begun || heard <= 0)
        return sr_fail(err, SR_ERR_INPUT, "no sound to copy");
    return audio_part_end(&copying.part, heard, copying.padded_end - copying.end, &copying.account,
                          ret_part, err);
}
