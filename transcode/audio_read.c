#include "transcode/audio_read.h"

#include <inttypes.h>
#include <libswresample/swresample.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/audio_edit.h"
#include "transcode/audio_lead.h"
#include "transcode/audio_repair.h"
#include "transcode/media_cpu.h"
#include "transcode/media_err.h"
#include "transcode/media_restart.h"

enum { SILENCE_SAMPLES = 4096 };

struct audio_reader {
    const struct media_source *source;
    AVFormatContext *demuxer;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVStream *stream;
    struct audio_lead lead;
    struct media_restart restart;
    struct audio_form form;
    struct audio_repair repair;
    struct SwrContext *converter;  // of frames unlike the first one
    AVFrame *unlike;               // what the converter is open for
    AVFrame *held;    // decoded, waits for its successor: the last one may have to be cut
    AVFrame *ready;   // to give, after `silence`
    int64_t silence;  // samples to give
    bool has_end;
    int64_t end_pts;       // that the edit list misses only because it is coarse
    int64_t last_samples;  // of a decoded frame: how long a lost one was
    bool has_form, is_draining, has_drained, is_strict;
    struct {
        bool is_pending, is_discard, is_damaged;
        int64_t pts;
        int frames, kept;
    } sent;  // the packet that was sent last
    struct track_account account;
};

void audio_damage_add(struct track_account *account, int64_t pts, const char *format, ...)
{
    if (account->damage_count == TRACK_DAMAGE_MAX)
        return;
    struct track_damage *damage = &account->damage[account->damage_count++];
    damage->pts = pts;
    va_list args;
    va_start(args, format);
    vsnprintf(damage->reason, sizeof(damage->reason), format, args);  // a longer one is cut
    va_end(args);
}

bool audio_position(int64_t pts, AVRational time_base, int rate, int64_t *ret_position)
{
    if (pts == AV_NOPTS_VALUE)
        return false;
    const int64_t position = av_rescale_q_rnd(pts, time_base, (AVRational){ 1, rate },
                                              AV_ROUND_NEAR_INF | AV_ROUND_PASS_MINMAX);
    if (position > INT64_C(1) << 52 || position < -(INT64_C(1) << 52))
        return false;  // two thousand years at 48 kHz
    *ret_position = position;
    return true;
}

bool audio_demuxer_open(const struct media_source *source, const struct probe *probe,
                        int stream_index, AVFormatContext **ret_demuxer, struct sr_err *err)
{
    bool known = false;
    for (size_t i = 0; i < probe->stream_count; i++)
        known |= probe->streams[i].index == stream_index && probe->streams[i].kind == MEDIA_AUDIO;
    if (!known)
        return sr_fail(err, SR_ERR_INVALID, "stream %d is no sound", stream_index);
    sr_auto(media_demuxer) AVFormatContext *demuxer = NULL;
    if (!media_demuxer_open(source, &demuxer, err) ||
        !media_demuxer_find_info_of(demuxer, stream_index, source, err))
        return false;
    if (demuxer->streams[stream_index]->codecpar->codec_type != AVMEDIA_TYPE_AUDIO)
        return sr_fail(err, SR_ERR_INPUT, "stream %d is no sound any more", stream_index);
    *ret_demuxer = sr_take(demuxer);
    return true;
}

static bool open_decoder(struct audio_reader *reader, struct sr_err *err)
{
    const AVCodecParameters *const parameters = reader->stream->codecpar;
    const AVCodec *const codec = avcodec_find_decoder(parameters->codec_id);
    if (!codec)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "no decoder for %s",
                       avcodec_get_name(parameters->codec_id));
    reader->decoder = avcodec_alloc_context3(codec);
    reader->packet = av_packet_alloc();
    if (!reader->decoder || !reader->packet)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a decoder");
    int result = avcodec_parameters_to_context(reader->decoder, parameters);
    if (result < 0)
        return media_fail(err, result, "the decoder's parameters");
    reader->decoder->pkt_timebase = reader->stream->time_base;
    reader->decoder->thread_count = 1;
    reader->decoder->flags |= AV_CODEC_FLAG_BITEXACT;
    // Raw ADTS tells of no priming: all of it is presented, also what the decoder knows of some
    // encoders.
    if (strcmp(reader->demuxer->iformat->name, "aac") == 0)
        reader->decoder->flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL;
    media_scalar_lock();
    result = avcodec_open2(reader->decoder, codec, NULL);
    media_scalar_unlock();
    return result >= 0 || media_fail(err, result, "open the decoder %s", codec->name);
}

bool audio_reader_new(const struct media_source *source, const struct probe *probe,
                      int stream_index, struct audio_reader **ret_reader, struct sr_err *err)
{
    sr_auto(audio_reader) struct audio_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an audio reader");
    reader->source = source;
    if (!audio_demuxer_open(source, probe, stream_index, &reader->demuxer, err))
        return false;
    reader->stream = reader->demuxer->streams[stream_index];
    if (!open_decoder(reader, err))
        return sr_err_wrap(err, "stream %d", stream_index);
    if (strncmp(reader->demuxer->iformat->name, "mov", 3) == 0 &&
        !audio_edit_end(&source->reader, reader->stream->id, &reader->has_end, &reader->end_pts,
                        err))
        return sr_err_wrap(err, "%s", source->name);
    if (!audio_lead_fill(&reader->lead, reader->demuxer, reader->stream, source->cancel, err))
        return false;
    *ret_reader = sr_take(reader);
    return true;
}

void audio_reader_free(struct audio_reader *reader)
{
    if (!reader)
        return;
    av_frame_free(&reader->held);
    av_frame_free(&reader->ready);
    av_frame_free(&reader->unlike);
    swr_free(&reader->converter);
    audio_lead_done(&reader->lead);
    av_packet_free(&reader->packet);
    avcodec_free_context(&reader->decoder);
    media_demuxer_close(&reader->demuxer);
    if (reader->has_form)
        av_channel_layout_uninit(&reader->form.layout);
    free(reader);
}

const struct audio_form *audio_reader_form(const struct audio_reader *reader)
{
    return &reader->form;
}

const struct track_account *audio_reader_account(const struct audio_reader *reader)
{
    return &reader->account;
}

// Frames ---------------------------------------------------------------------------------------

static AVFrame *new_frame(const struct audio_reader *reader, int64_t samples, struct sr_err *err)
{
    sr_auto(av_frame) AVFrame *frame = av_frame_alloc();
    int result = frame ? 0 : AVERROR(ENOMEM);
    if (frame) {
        frame->format = reader->form.format;
        frame->sample_rate = reader->form.rate;
        frame->nb_samples = (int)samples;
        result = av_channel_layout_copy(&frame->ch_layout, &reader->form.layout);
    }
    if (result >= 0)
        result = av_frame_get_buffer(frame, 0);
    if (result < 0) {
        media_fail(err, result, "a frame of %" PRId64 " samples", samples);
        return NULL;
    }
    return sr_take(frame);
}

// Drops samples from the front of a frame that is ours.
static bool cut_front(AVFrame *frame, int64_t samples, struct sr_err *err)
{
    if (samples == 0)
        return true;
    const int result = av_frame_make_writable(frame);
    if (result < 0)
        return media_fail(err, result, "cut a frame");
    av_samples_copy(frame->extended_data, frame->extended_data, 0, (int)samples,
                    frame->nb_samples - (int)samples, frame->ch_layout.nb_channels,
                    (enum AVSampleFormat)frame->format);
    frame->nb_samples -= (int)samples;
    return true;
}

static bool is_same_form(const struct audio_form *form, const AVFrame *frame)
{
    return frame->format == form->format && frame->sample_rate == form->rate &&
           av_channel_layout_compare(&frame->ch_layout, &form->layout) == 0;
}

// The track begins where most of its first packets say.
static void begin_times(struct audio_reader *reader, int64_t pts)
{
    const AVRational base = reader->stream->time_base;
    const int rate = reader->form.rate;
    int64_t position;
    reader->form.shift_samples = audio_lead_shift(&reader->lead, reader->stream, rate);
    if (reader->form.shift_samples == 0 || !audio_position(pts, base, rate, &position))
        return;
    reader->repair.has_begun = true;
    reader->repair.expected = position + reader->form.shift_samples;
    reader->form.start_pts =
        pts + av_rescale_q(reader->form.shift_samples, (AVRational){ 1, rate }, base);
    audio_damage_add(&reader->account, pts, "times go to and fro; the track begins %.1f ms later",
                     (double)reader->form.shift_samples * 1000 / rate);
}

static bool learn_form(struct audio_reader *reader, const AVFrame *frame, struct sr_err *err)
{
    if (frame->sample_rate < 1000 || frame->sample_rate > 768000 ||
        frame->ch_layout.nb_channels < 1)
        return sr_fail(err, SR_ERR_INPUT, "sound of %d Hz in %d channels", frame->sample_rate,
                       frame->ch_layout.nb_channels);
    if (frame->ch_layout.nb_channels > MEDIA_AUDIO_CHANNELS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "%d channels of sound, at most %d",
                       frame->ch_layout.nb_channels, MEDIA_AUDIO_CHANNELS_MAX);
    const AVRational base = reader->stream->time_base;
    reader->form = (struct audio_form){
        .format = (enum AVSampleFormat)frame->format,
        .rate = frame->sample_rate,
        .start_pts = frame->pts == AV_NOPTS_VALUE ? 0 : frame->pts,
        .time_base = { base.num, base.den },
    };
    if (av_channel_layout_copy(&reader->form.layout, &frame->ch_layout) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a channel layout");
    reader->has_form = true;
    begin_times(reader, frame->pts);
    reader->repair.rate = frame->sample_rate;
    reader->repair.tick_samples =
        av_rescale_rnd(frame->sample_rate, base.num, base.den, AV_ROUND_UP);
    return true;
}

// Opens a converter from frames like this one to the track's form.
static bool open_converter(struct audio_reader *reader, const AVFrame *frame, struct sr_err *err)
{
    swr_free(&reader->converter);
    av_frame_free(&reader->unlike);
    reader->unlike = av_frame_clone(frame);
    if (!reader->unlike)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a frame");
    int result =
        swr_alloc_set_opts2(&reader->converter, &reader->form.layout, reader->form.format,
                            reader->form.rate, &reader->unlike->ch_layout,
                            (enum AVSampleFormat)frame->format, frame->sample_rate, 0, NULL);
    if (result >= 0) {
        media_scalar_lock();
        result = swr_init(reader->converter);
        media_scalar_unlock();
    }
    return result >= 0 || media_fail(err, result, "convert sound that changes its form");
}

// A frame unlike the track's first one, converted; its length is rounded to samples of the track.
static bool conform(struct audio_reader *reader, AVFrame **frame, struct sr_err *err)
{
    const AVFrame *const before = reader->unlike;
    if (!before || before->format != (*frame)->format ||
        before->sample_rate != (*frame)->sample_rate ||
        av_channel_layout_compare(&before->ch_layout, &(*frame)->ch_layout) != 0) {
        audio_damage_add(&reader->account, (*frame)->pts,
                         "the sound changes to %d Hz in %d channels", (*frame)->sample_rate,
                         (*frame)->ch_layout.nb_channels);
        if (!open_converter(reader, *frame, err))
            return false;
    }
    const int64_t room = av_rescale_rnd((*frame)->nb_samples, reader->form.rate,
                                        (*frame)->sample_rate, AV_ROUND_UP) +
                         256;
    sr_auto(av_frame) AVFrame *converted = new_frame(reader, room, err);
    if (!converted)
        return false;
    const int made = swr_convert(reader->converter, converted->extended_data, (int)room,
                                 (const uint8_t **)(*frame)->extended_data, (*frame)->nb_samples);
    if (made < 0)
        return media_fail(err, made, "convert sound");
    converted->nb_samples = made;
    converted->pts = (*frame)->pts;
    converted->pkt_duration = (*frame)->pkt_duration;
    av_frame_free(frame);
    *frame = sr_take(converted);
    return true;
}

// Times ----------------------------------------------------------------------------------------

static void list_fault(struct audio_reader *reader, const struct audio_repair_step *step,
                       int64_t pts)
{
    const double ms = (double)step->difference * 1000 / reader->form.rate;
    if (step->fault == AUDIO_FAULT_HOLE)
        audio_damage_add(&reader->account, pts, "a hole of %.1f ms before it, filled with silence",
                         ms);
    else if (step->fault == AUDIO_FAULT_OVERLAP)
        audio_damage_add(&reader->account, pts, "overlaps what is before it by %.1f ms, cut", -ms);
    else if (step->fault == AUDIO_FAULT_CLOCK)
        audio_damage_add(&reader->account, pts,
                         "the clock stands while the sound goes on, ignored");
    else if (step->fault == AUDIO_FAULT_JUMP)
        audio_damage_add(&reader->account, pts, "the clock jumps by %.1f ms, ignored", ms);
}

// Puts a piece in its place: `samples` at `pts`. Gives how many to cut from its front.
static int64_t place(struct audio_reader *reader, int64_t pts, int64_t samples)
{
    int64_t position = 0;
    const bool has_position =
        audio_position(pts, reader->stream->time_base, reader->form.rate, &position);
    const struct audio_repair_step step =
        audio_repair_next(&reader->repair, has_position, position, samples, reader->is_strict);
    list_fault(reader, &step, pts);
    reader->is_strict = false;
    reader->silence += step.silence;
    return step.cut;
}

// The frame that was held goes out, the new one waits.
static bool take_frame(struct audio_reader *reader, AVFrame *taken, struct sr_err *err)
{
    sr_auto(av_frame) AVFrame *frame = taken;
    reader->sent.frames++;
    if (frame->nb_samples <= 0)
        return true;
    // PCM often says how many channels, not which: then they are the usual ones, as ffmpeg takes
    // them.
    if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&frame->ch_layout, frame->ch_layout.nb_channels);
    if (!reader->has_form && !learn_form(reader, frame, err))
        return false;
    if (!is_same_form(&reader->form, frame) && !conform(reader, &frame, err))
        return false;
    if (frame->nb_samples <= 0)
        return true;
    const int64_t samples = frame->nb_samples;
    reader->last_samples = samples;
    // What is held goes before the silence that this one needs.
    reader->ready = sr_take(reader->held);
    const int64_t cut = place(reader, frame->pts, samples);
    if (cut == samples)
        return true;
    reader->sent.kept++;
    if (!cut_front(frame, cut, err))
        return false;
    reader->held = sr_take(frame);
    return true;
}

// A packet that gave nothing sounds as silence of its length.
static void take_loss(struct audio_reader *reader, int64_t pts, int64_t duration)
{
    const AVRational base = reader->stream->time_base;
    audio_damage_add(&reader->account, pts, "a packet of sound does not decode");
    reader->is_strict = true;
    if (!reader->has_form)
        return;  // the track has not begun
    int64_t samples = reader->last_samples;
    if (duration > 0 && duration < INT32_MAX)
        samples = av_rescale_q(duration, base, (AVRational){ 1, reader->form.rate });
    if (samples <= 0 || samples > reader->form.rate * INT64_C(10))
        return;
    reader->ready = sr_take(reader->held);
    reader->silence += samples - place(reader, pts, samples);
    reader->is_strict = true;
}

// Counts the packet that was sent before, now that all it gives has come.
static void close_packet(struct audio_reader *reader)
{
    if (!reader->sent.is_pending)
        return;
    struct track_account *account = &reader->account;
    account->packets++;
    if (reader->sent.is_damaged)
        account->damaged++;
    else if (reader->sent.kept > 0)
        account->shown++;
    else if (reader->sent.is_discard || reader->sent.frames > 0)
        account->discarded++;
    else
        account->hidden++;
    reader->sent.is_pending = false;
}

// Until the first frame is there the decoder may still be setting itself up: it must not look at
// the processor then.
static void begin_decoding(const struct audio_reader *reader)
{
    if (!reader->has_form)
        media_scalar_lock();
}

static void end_decoding(const struct audio_reader *reader)
{
    if (!reader->has_form)
        media_scalar_unlock();
}

static bool send(struct audio_reader *reader, struct sr_err *err)
{
    const AVPacket *const packet = reader->packet;
    close_packet(reader);
    reader->sent.is_pending = true;
    reader->sent.pts = packet->pts;
    reader->sent.is_discard = packet->flags & AV_PKT_FLAG_DISCARD;
    reader->sent.is_damaged = packet->flags & AV_PKT_FLAG_CORRUPT;
    reader->sent.frames = reader->sent.kept = 0;
    // Priming that is longer than the packet leaves nothing of it, with no other sign.
    size_t skip_bytes = 0;
    if (av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &skip_bytes))
        reader->sent.is_discard = true;
    if (reader->sent.is_damaged) {
        audio_damage_add(&reader->account, packet->pts, "a packet of sound was damaged on its way");
        reader->is_strict = true;
    }
    if (packet->size == 0)
        return true;  // to the decoder it would be the end
    begin_decoding(reader);
    const int result = avcodec_send_packet(reader->decoder, packet);
    end_decoding(reader);
    if (result == AVERROR(ENOMEM))
        return media_fail(err, result, "decode");
    if (result < 0) {
        reader->sent.is_damaged = true;
        take_loss(reader, packet->pts, packet->duration);
    }
    return true;
}

// One packet into the decoder, or the end of them.
static bool feed(struct audio_reader *reader, struct sr_err *err)
{
    if (!sr_cancel_check(reader->source->cancel, err))
        return false;
    for (;;) {
        av_packet_unref(reader->packet);
        const enum media_read read =
            audio_lead_read(&reader->lead, reader->demuxer, reader->packet, err);
        if (read == MEDIA_READ_FAILED)
            return false;
        if (read == MEDIA_READ_END) {
            reader->is_draining = true;
            const int result = avcodec_send_packet(reader->decoder, NULL);
            return result >= 0 || result == AVERROR_EOF ||
                   media_fail(err, result, "drain the decoder");
        }
        if (reader->packet->stream_index != reader->stream->index)
            continue;
        media_restart_apply(&reader->restart, reader->source->restarts, reader->stream->time_base,
                            reader->packet);
        return send(reader, err);
    }
}

// The last packet's duration says where the track ends within it, if the container's clock is as
// fine as the samples. Where the clock has run off from their count, the end by the count is heard.
static void cut_end(struct audio_reader *reader)
{
    AVFrame *const last = reader->held;
    if (!last || reader->repair.tick_samples > 1 || reader->unlike)
        return;
    const AVRational base = reader->stream->time_base;
    int64_t ticks = last->pkt_duration, end = 0;
    if (reader->has_end && last->pts != AV_NOPTS_VALUE)
        ticks = reader->end_pts - last->pts;
    int64_t samples = av_rescale_q(ticks, base, (AVRational){ 1, reader->form.rate });
    if (samples <= 0 || samples >= last->nb_samples)
        return;
    if (last->pts != AV_NOPTS_VALUE &&
        audio_position(last->pts + ticks, base, reader->form.rate, &end)) {
        const int64_t begin = reader->repair.expected - last->nb_samples;
        const int64_t counted = end + reader->repair.offset - begin;
        samples = counted > samples ? counted : samples;
    }
    if (samples < last->nb_samples)
        last->nb_samples = (int)samples;
}

// Moves decoding on by one step: a frame, a packet, or the end.
static bool step(struct audio_reader *reader, struct sr_err *err)
{
    sr_auto(av_frame) AVFrame *frame = av_frame_alloc();
    if (!frame)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a frame");
    begin_decoding(reader);
    const int result = avcodec_receive_frame(reader->decoder, frame);
    end_decoding(reader);
    if (result >= 0)
        return take_frame(reader, sr_take(frame), err);
    if (result == AVERROR(EAGAIN))
        return feed(reader, err);
    if (result == AVERROR(ENOMEM))
        return media_fail(err, result, "decode");
    if (result != AVERROR_EOF) {
        if (!reader->sent.is_damaged)
            take_loss(reader, reader->sent.pts, reader->packet->duration);
        reader->sent.is_damaged = true;
        return true;
    }
    close_packet(reader);
    cut_end(reader);
    reader->ready = sr_take(reader->held);
    reader->has_drained = true;
    return true;
}

static bool give_silence(struct audio_reader *reader, AVFrame **ret_frame, struct sr_err *err)
{
    const int64_t samples = reader->silence < SILENCE_SAMPLES ? reader->silence : SILENCE_SAMPLES;
    sr_auto(av_frame) AVFrame *frame = new_frame(reader, samples, err);
    if (!frame)
        return false;
    av_samples_set_silence(frame->extended_data, 0, (int)samples, frame->ch_layout.nb_channels,
                           (enum AVSampleFormat)frame->format);
    reader->silence -= samples;
    *ret_frame = sr_take(frame);
    return true;
}

enum audio_next audio_reader_next(struct audio_reader *reader, AVFrame **ret_frame,
                                  struct sr_err *err)
{
    for (;;) {
        if (reader->ready) {
            *ret_frame = sr_take(reader->ready);
            return AUDIO_FRAME;
        }
        if (reader->silence > 0)
            return give_silence(reader, ret_frame, err) ? AUDIO_FRAME : AUDIO_FAILED;
        if (reader->has_drained)
            return AUDIO_END;
        if (!step(reader, err))
            return AUDIO_FAILED;
    }
}
