// What packaging takes for granted about its parts, checked on their documents before a byte is
// written.
#include <inttypes.h>
#include <string.h>

#include "transcode/mux_priv.h"

int64_t mux_last_ticks(const struct track_part *last)
{
    // Decode time runs ahead of presentation by the reorder delay; audio has none: there, shift is
    // its priming.
    const int64_t delay = last->kind == MEDIA_VIDEO ? last->shift_ticks : 0;
    return last->end_pts - delay - last->samples[last->sample_count - 1].dts;
}

static bool check_like_first(const struct track_part *first, const struct track_part *part,
                             struct sr_err *err)
{
    if (part->kind != first->kind || part->timescale != first->timescale ||
        part->shift_ticks != first->shift_ticks)
        return sr_fail(err, SR_ERR_VERIFY, "another kind, timescale or shift than the first's");
    if (strcmp(part->init_sha256, first->init_sha256) != 0 || part->init_bytes != first->init_bytes)
        return sr_fail(err, SR_ERR_VERIFY, "another codec header than the first's");
    return true;
}

static bool check_fragments(const struct track_part *part, struct sr_err *err)
{
    size_t sample = 0;
    for (size_t i = 0; i < part->fragment_count; i++) {
        const struct track_fragment *fragment = &part->fragments[i];
        if (fragment->first_sample != sample ||
            fragment->sample_count > part->sample_count - sample || fragment->sample_count == 0)
            return sr_fail(err, SR_ERR_VERIFY,
                           "fragment %zu does not hold the samples after the one before", i + 1);
        if (fragment->data_offset < fragment->offset ||
            fragment->data_offset - fragment->offset > fragment->bytes)
            return sr_fail(err, SR_ERR_VERIFY, "fragment %zu has its data outside", i + 1);
        uint64_t left = fragment->bytes - (fragment->data_offset - fragment->offset);
        for (size_t j = 0; j < fragment->sample_count; j++, sample++) {
            if (part->samples[sample].bytes > left)
                return sr_fail(err, SR_ERR_VERIFY, "fragment %zu is too short for its samples",
                               i + 1);
            left -= part->samples[sample].bytes;
        }
    }
    if (sample != part->sample_count)
        return sr_fail(err, SR_ERR_VERIFY, "fragments hold %zu of %zu samples", sample,
                       part->sample_count);
    return true;
}

static bool check_times(const struct track_part *part, int64_t *last_dts, struct sr_err *err)
{
    const int64_t earliest = part->start_pts - (part->kind == MEDIA_AUDIO ? part->shift_ticks : 0);
    if (part->kind == MEDIA_VIDEO && !part->samples[0].is_key)
        return sr_fail(err, SR_ERR_VERIFY, "does not begin with a key frame");
    for (size_t i = 0; i < part->sample_count; i++) {
        const struct track_sample *sample = &part->samples[i];
        if (sample->dts <= *last_dts)
            return sr_fail(err, SR_ERR_VERIFY, "decode time does not rise at sample %zu", i + 1);
        if (sample->pts < sample->dts || sample->pts < earliest || sample->pts >= part->end_pts)
            return sr_fail(err, SR_ERR_VERIFY,
                           "sample %zu is presented at %" PRId64 ", outside its interval", i + 1,
                           sample->pts);
        *last_dts = sample->dts;
    }
    return true;
}

static bool check_part(const struct mux_track *track, size_t index, int64_t *last_dts,
                       struct sr_err *err)
{
    const struct track_part *part = track->parts[index].part;
    if (part->timescale == 0 || part->timescale > INT32_MAX || part->shift_ticks < 0)
        return sr_fail(err, SR_ERR_VERIFY, "a timescale of %" PRIu32 " and a shift of %" PRId64,
                       part->timescale, part->shift_ticks);
    if (part->kind != track->kind)
        return sr_fail(err, SR_ERR_VERIFY, "another kind than its track's");
    if (!check_like_first(track->parts[0].part, part, err))
        return false;
    if (part->end_pts <= part->start_pts || part->sample_count == 0)
        return sr_fail(err, SR_ERR_VERIFY, "nothing in it");
    if (index > 0 && part->start_pts != track->parts[index - 1].part->end_pts)
        return sr_fail(err, SR_ERR_VERIFY, "begins at %" PRId64 ", the one before ends at %" PRId64,
                       part->start_pts, track->parts[index - 1].part->end_pts);
    return check_fragments(part, err) && check_times(part, last_dts, err);
}

static bool check_track(const struct mux_track *track, size_t number, struct sr_err *err)
{
    if (track->kind != MEDIA_VIDEO && track->kind != MEDIA_AUDIO)
        return sr_fail(err, SR_ERR_INVALID, "track %zu is neither video nor audio", number);
    if (track->part_count == 0)
        return sr_fail(err, SR_ERR_INVALID, "track %zu has no segment", number);
    int64_t last_dts = INT64_MIN;
    for (size_t i = 0; i < track->part_count; i++) {
        if (!check_part(track, i, &last_dts, err))
            return sr_err_wrap(err, "segment %zu: track %zu", i + 1, number);
    }
    const struct track_part *const first = track->parts[0].part;
    if (first->start_pts < 0)
        return sr_fail(err, SR_ERR_INVALID, "track %zu begins before zero", number);
    const struct track_part *const last = track->parts[track->part_count - 1].part;
    if (mux_last_ticks(last) <= 0)
        return sr_fail(err, SR_ERR_VERIFY, "segment %zu: track %zu: its last sample lasts no time",
                       track->part_count, number);
    // All sums of ticks and their products with a timescale below 2^31 then fit.
    if (last->end_pts > INT64_C(1) << 48 || first->samples[0].dts < -(INT64_C(1) << 48))
        return sr_fail(err, SR_ERR_LIMIT, "track %zu is too long", number);
    return true;
}

bool mux_check(const struct mux_track *tracks, size_t track_count, struct sr_err *err)
{
    if (track_count == 0 || track_count > MUX_TRACKS_MAX)
        return sr_fail(err, SR_ERR_INVALID, "%zu tracks", track_count);
    for (size_t i = 0; i < track_count; i++) {
        if (!check_track(&tracks[i], i + 1, err))
            return false;
    }
    return true;
}
