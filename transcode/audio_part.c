#include "transcode/audio_part.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"

bool audio_part_time(const struct audio_params *params, int64_t pts, struct media_rational base,
                     int rate, int64_t *ret_ticks, struct sr_err *err)
{
    const struct media_rational zero = params->zero_base;
    if (base.num <= 0 || base.den <= 0 || zero.num <= 0 || zero.den <= 0)
        return sr_fail(err, SR_ERR_INVALID, "a time base that is not positive");
    // (pts * base - zero_pts * zero_base) * rate; both products are below 2^126.
    __int128 a, b, ticks;
    const __int128 below = (__int128)base.den * zero.den;
    if (__builtin_mul_overflow((__int128)pts * base.num, (__int128)zero.den, &a) ||
        __builtin_mul_overflow((__int128)params->zero_pts * zero.num, (__int128)base.den, &b) ||
        __builtin_sub_overflow(a, b, &ticks) ||
        __builtin_mul_overflow(ticks, (__int128)2 * rate, &ticks) ||
        __builtin_add_overflow(ticks, below, &ticks))
        return sr_fail(err, SR_ERR_TOO_LARGE, "the sound's start");
    const __int128 floor = ticks / (2 * below) - (ticks % (2 * below) < 0);
    if (floor < 0)
        return sr_fail(err, SR_ERR_INVALID, "the sound begins before output time zero");
    if (floor > INT64_C(1) << 48)
        return sr_fail(err, SR_ERR_TOO_LARGE, "the sound's start");
    *ret_ticks = (int64_t)floor;
    return true;
}

// The first tick at or after the n-th cut; 0 <= n, and products of microseconds and rates fit by
// the checks in audio_part_open.
static int64_t cut_ticks(const struct audio_part *part, int64_t number)
{
    const __int128 us =
        part->params->fragment_start_us + (__int128)number * part->params->fragment_us;
    const __int128 ticks = us * part->rate;
    return (int64_t)(ticks / 1000000 + (ticks % 1000000 > 0));
}

// Cuts that lie behind `pts` are over.
static void skip_cuts(struct audio_part *part, int64_t pts)
{
    const int64_t fragment_ticks = cut_ticks(part, 1) - cut_ticks(part, 0);
    if (pts > part->next_cut && fragment_ticks > 1) {
        // As far as is safe at once, so that a hole of an hour costs nothing; the rest by steps.
        const int64_t jump = (pts - part->next_cut) / (fragment_ticks + 1);
        part->next_cut_number += jump;
        part->next_cut = cut_ticks(part, part->next_cut_number);
    }
    while (part->next_cut <= pts)
        part->next_cut = cut_ticks(part, ++part->next_cut_number);
}

bool audio_part_open(struct audio_part *part, const struct audio_params *params,
                     const AVCodecParameters *codec, int rate, int64_t start_pts, int64_t priming,
                     struct sr_err *err)
{
    if (params->fragment_us < 1000 || params->fragment_us > INT64_C(86400000000) ||
        params->fragment_start_us < 0 || params->fragment_start_us > INT64_C(1) << 50)
        return sr_fail(err, SR_ERR_INVALID, "fragments of %" PRId64 " us from %" PRId64 " us",
                       params->fragment_us, params->fragment_start_us);
    const char *language = "";
    for (size_t i = 0; i < params->probe->stream_count; i++) {
        if (params->probe->streams[i].index == params->stream_index)
            language = params->probe->streams[i].language;
    }
    *part = (struct audio_part){
        .params = params, .rate = rate, .start_pts = start_pts, .priming = priming
    };
    part->next_cut = cut_ticks(part, 0);
    skip_cuts(part, start_pts);
    return fragment_writer_new(&(struct fragment_params){ .codec = codec,
                                                          .time_base = { 1, rate },
                                                          .start_pts = start_pts,
                                                          .end_pts = FRAGMENT_END_LATER,
                                                          .shift_ticks = priming,
                                                          .first_sequence = 1,
                                                          .language = language,
                                                          .writer = params->writer },
                               &part->writer, err);
}

bool audio_part_add(struct audio_part *part, AVPacket *packet, struct sr_err *err)
{
    const bool is_cut = packet->pts >= part->next_cut;
    if (is_cut)
        skip_cuts(part, packet->pts);
    if (!fragment_writer_add(part->writer, packet, is_cut, err))
        return false;
    if (part->params->progress)
        part->params->progress(part->params->progress_self,
                               av_rescale(packet->pts, 1000000, part->rate));
    return true;
}

bool audio_part_end(struct audio_part *part, int64_t heard, int64_t padding,
                    const struct track_account *account, struct track_part *ret, struct sr_err *err)
{
    sr_auto(track_part) struct track_part made = { 0 };
    fragment_writer_set_end(part->writer, part->start_pts + heard);
    if (!fragment_writer_end(part->writer, &made, err))
        return false;
    made.priming_samples = part->priming;
    made.padding_samples = padding;
    made.frame_count = heard;
    made.account = *account;
    *ret = made;
    made = (struct track_part){ 0 };  // moved
    return true;
}

void audio_part_done(struct audio_part *part)
{
    fragment_writer_free(part->writer);
    part->writer = NULL;
}
