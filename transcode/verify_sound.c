// One track of sound against its source: how many samples are heard, and whether they are the same
// sound in the same place. Loudness in steps of 2.5 ms is compared in windows, which takes no more
// memory for a longer title; one frame of any codec is longer than the shift that is found.
#include <inttypes.h>
#include <libavutil/mathematics.h>
#include <math.h>
#include <stdlib.h>

#include "transcode/audio_read.h"
#include "transcode/verify_priv.h"

enum {
    NS = 1000000000,
    STEPS_A_SECOND = 400,
    WINDOW_STEPS = 10 * STEPS_A_SECOND,
    LAG_STEPS_MAX = 40,
    LAG_STEPS_MIN = 4,           // 10 ms
    WINDOW_STEPS_MIN = 80,       // a shorter rest says nothing
    CODEC_FRAME_SAMPLES = 2048,  // the longest of AAC
    CHANNELS_MAX = 64,
};
// Below -60 dB of full scale it is silence.
static const double silence = 1e-3;

struct side {
    struct audio_reader *reader;
    AVFrame *frame;
    int at;  // next sample of the frame
    bool has_ended, is_fragmented;
    int rate, channels;
    int64_t samples;  // taken so far
    int64_t skip;     // samples to leave out at the start: priming
    int64_t step;     // being added up
    double sum;
    int64_t sum_count;
    size_t count;
    float loudness[WINDOW_STEPS];
};

struct sound {
    const struct verify_sound_params *params;
    struct verify_result *result;
    struct side source, output;
    int64_t window;
    int lag_findings;
};

static void side_done(struct side *side)
{
    audio_reader_free(side->reader);
    av_frame_free(&side->frame);
}

static double value_of(const AVFrame *frame, int channel, int sample)
{
    const int channels = frame->ch_layout.nb_channels;
    const bool is_planar = av_sample_fmt_is_planar((enum AVSampleFormat)frame->format);
    const void *const data = frame->extended_data[is_planar ? channel : 0];
    const size_t i =
        is_planar ? (size_t)sample : (size_t)sample * (size_t)channels + (size_t)channel;
    switch (av_get_packed_sample_fmt((enum AVSampleFormat)frame->format)) {
    case AV_SAMPLE_FMT_U8: return (((const uint8_t *)data)[i] - 128) / 128.0;
    case AV_SAMPLE_FMT_S16: return ((const int16_t *)data)[i] / 32768.0;
    case AV_SAMPLE_FMT_S32: return ((const int32_t *)data)[i] / 2147483648.0;
    case AV_SAMPLE_FMT_FLT: return (double)((const float *)data)[i];
    case AV_SAMPLE_FMT_DBL: return ((const double *)data)[i];
    case AV_SAMPLE_FMT_S64: return (double)((const int64_t *)data)[i] / 9223372036854775808.0;
    default: return 0;  // there are no other packed formats
    }
}

// libavformat applies the edit list of fragments to times only: what it gives a time before zero is
// not heard.
static void find_priming(struct side *side, bool is_fragmented)
{
    const struct audio_form *const form = audio_reader_form(side->reader);
    if (is_fragmented && form->start_pts < 0)
        side->skip = av_rescale_q_rnd(-form->start_pts,
                                      (AVRational){ form->time_base.num, form->time_base.den },
                                      (AVRational){ 1, form->rate }, AV_ROUND_NEAR_INF);
}

static bool next_frame(struct side *side, struct sr_err *err)
{
    av_frame_free(&side->frame);
    side->at = 0;
    const enum audio_next next = audio_reader_next(side->reader, &side->frame, err);
    if (next == AUDIO_FAILED)
        return false;
    side->has_ended = next == AUDIO_END;
    if (side->has_ended || side->rate > 0)
        return true;
    side->rate = audio_reader_form(side->reader)->rate;
    side->channels = side->frame->ch_layout.nb_channels;
    find_priming(side, side->is_fragmented);
    return side->rate > 0 || sr_fail(err, SR_ERR_INPUT, "sound without a rate");
}

static void end_step(struct side *side)
{
    const double mean = side->sum_count > 0 ? side->sum / (double)side->sum_count : 0;
    side->loudness[side->count++] = (float)mean;
    side->step++;
    side->sum = 0;
    side->sum_count = 0;
}

// Adds samples up until the window is full or the sound ends.
static bool fill(struct side *side, struct sr_err *err)
{
    side->count = 0;
    while (side->count < WINDOW_STEPS && !side->has_ended) {
        if (!side->frame || side->at == side->frame->nb_samples) {
            if (!next_frame(side, err))
                return false;
            continue;
        }
        if (side->skip > 0) {
            side->skip--;
            side->at++;
            continue;
        }
        const int channels = side->frame->ch_layout.nb_channels;
        double loud = 0;
        for (int k = 0; k < channels; k++)
            loud += fabs(value_of(side->frame, k, side->at));
        side->sum += loud / channels;
        side->sum_count++;
        side->samples++;
        side->at++;
        if (side->samples * STEPS_A_SECOND >= (side->step + 1) * side->rate)
            end_step(side);
    }
    return true;
}

static double mean_of(const struct side *side, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)side->loudness[i];
    return sum / (double)count;
}

// Mean difference when the output is `lag` steps late, its level brought to the source's.
static double apart(const struct sound *sound, size_t count, int lag, double gain)
{
    double sum = 0;
    size_t terms = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t k = (int64_t)i + lag;
        if (k < 0 || k >= (int64_t)count)
            continue;
        sum += fabs((double)sound->source.loudness[i] - gain * (double)sound->output.loudness[k]);
        terms++;
    }
    return sum / (double)terms;
}

static double window_s(const struct sound *sound)
{
    return (double)sound->window * WINDOW_STEPS / STEPS_A_SECOND;
}

static int64_t segment_of(const struct sound *sound)
{
    const int64_t length_us = sound->params->full->segment_us;
    return length_us > 0 ? (int64_t)(window_s(sound) * 1e6) / length_us + 1 : 0;
}

static void check_level(struct sound *sound, double source, double output)
{
    const bool is_mixed = sound->source.channels != sound->output.channels;
    const double most = is_mixed ? 6 : 2;
    const double a = source > silence ? source : silence;
    const double b = output > silence ? output : silence;
    if (b <= a * most && a <= b * most)
        return;
    verify_find(sound->result, segment_of(sound),
                "track %zu: its loudness is %.1f dB off at %.1f s", sound->params->track_number,
                20 * log10(b / a), window_s(sound));
}

static void check_window(struct sound *sound)
{
    const size_t count =
        sound->source.count < sound->output.count ? sound->source.count : sound->output.count;
    if (count < WINDOW_STEPS_MIN)
        return;
    const double source = mean_of(&sound->source, count);
    const double output = mean_of(&sound->output, count);
    check_level(sound, source, output);
    if (source <= silence || output <= silence)
        return;
    const double gain = source / output;
    const double here = apart(sound, count, 0, gain);
    double best = here;
    int best_lag = 0;
    for (int lag = -LAG_STEPS_MAX; lag <= LAG_STEPS_MAX; lag++) {
        const double there = apart(sound, count, lag, gain);
        if (there < best) {
            best = there;
            best_lag = lag;
        }
    }
    // Priming behind an offset cannot be told from sound in fragments: see is_padding().
    if (sound->output.is_fragmented && best_lag > 0 &&
        best_lag * sound->output.rate <= CODEC_FRAME_SAMPLES * STEPS_A_SECOND)
        return;
    // Clearly better elsewhere, and by more than what a coder changes.
    if (abs(best_lag) < LAG_STEPS_MIN || best > here * 0.6 || here - best < source * 0.02)
        return;
    if (sound->lag_findings++ < 10)
        verify_find(sound->result, segment_of(sound), "track %zu: it sounds %.1f ms %s at %.1f s",
                    sound->params->track_number, fabs(best_lag * 1000.0 / STEPS_A_SECOND),
                    best_lag > 0 ? "late" : "early", window_s(sound));
}

static bool compare(struct sound *sound, struct sr_err *err)
{
    do {
        if (!fill(&sound->source, err) || !fill(&sound->output, err))
            return false;
        check_window(sound);
        sound->window++;
    } while (!sound->source.has_ended || !sound->output.has_ended);
    return true;
}

// Where the last frame ends is told by its duration, which libavformat does not know in fragments,
// nor behind an empty edit. A decoder then gives the whole frame: what is too much of it is
// padding, if the track's length says so, and in fragments, which have none, it cannot be told.
static bool is_padding(const struct sound *sound, int64_t want, int64_t too_many)
{
    const struct probe *const probe = sound->params->output_probe;
    const struct media_stream *const stream = &probe->streams[sound->params->output_stream];
    if (too_many <= 0 || too_many >= CODEC_FRAME_SAMPLES)
        return false;
    return probe->is_fragmented || (stream->start_pts > 0 && stream->duration_ticks == want &&
                                    stream->time_base.den == sound->output.rate);
}

static void check_count(struct sound *sound)
{
    const struct side *const source = &sound->source, *const output = &sound->output;
    sound->result->samples_seen += (uint64_t)output->samples;
    if (source->rate == 0 || output->rate == 0) {
        if (source->samples != output->samples)
            verify_find(sound->result, 0, "track %zu: %" PRId64 " samples, the source has %" PRId64,
                        sound->params->track_number, output->samples, source->samples);
        return;
    }
    const int64_t want =
        av_rescale_rnd(source->samples, output->rate, source->rate, AV_ROUND_NEAR_INF);
    const int64_t tolerance = source->rate == output->rate ? 0 : 1;
    const int64_t too_many = output->samples - want;
    if (llabs(too_many) <= tolerance || is_padding(sound, want, too_many))
        return;
    verify_find(sound->result, 0, "track %zu: %" PRId64 " samples, want %" PRId64 " (%+.1f ms)",
                sound->params->track_number, output->samples, want,
                (double)too_many * 1000 / output->rate);
}

static int64_t start_ns(const struct side *side)
{
    const struct audio_form *const form = audio_reader_form(side->reader);
    if (side->is_fragmented && form->start_pts < 0)
        return 0;
    return av_rescale_q_rnd(form->start_pts,
                            (AVRational){ form->time_base.num, form->time_base.den },
                            (AVRational){ 1, NS }, AV_ROUND_NEAR_INF);
}

bool verify_sound(const struct verify_sound_params *params, struct verify_result *result,
                  int64_t *ret_late_ns, struct sr_err *err)
{
    struct sound *const sound = calloc(1, sizeof(*sound));
    if (!sound)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a comparison of sound");
    sound->params = params;
    sound->result = result;
    sound->output.is_fragmented = params->output_probe->is_fragmented;
    sound->source.is_fragmented = params->source_probe->is_fragmented;
    const bool is_done = audio_reader_new(params->full->source, params->source_probe,
                                          params->source_stream, &sound->source.reader, err) &&
                         audio_reader_new(params->full->output, params->output_probe,
                                          params->output_stream, &sound->output.reader, err) &&
                         compare(sound, err);
    if (is_done) {
        check_count(sound);
        if (sound->source.rate > 0 && sound->output.rate > 0)
            *ret_late_ns = start_ns(&sound->output) - start_ns(&sound->source);
    }
    side_done(&sound->source);
    side_done(&sound->output);
    free(sound);
    return is_done;
}
