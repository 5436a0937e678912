#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/audio.h"
#include "transcode/verify_priv.h"

enum { NS = 1000000000 };

struct full {
    const struct verify_full_params *params;
    struct verify_result *result;
    struct probe *source, *output;
    bool has_late;    // `late_ns` is known: the first track that was compared sets it
    int64_t late_ns;  // how much later things are in the output, each side counted from its zero
    int64_t tolerance_ns;
};

static int64_t tick_ns(const struct media_stream *stream)
{
    if (stream->time_base.den <= 0)
        return 1;
    return (int64_t)NS * stream->time_base.num / stream->time_base.den + 1;
}

// Every track of the output must be late by the same; what is different between two is their
// offset.
static void check_offset(struct full *full, const char *what, int64_t late_ns,
                         const struct media_stream *source, const struct media_stream *output)
{
    const int64_t a = tick_ns(source), b = tick_ns(output);
    const int64_t tolerance = full->tolerance_ns + (a > b ? a : b);
    if (full->has_late && llabs(late_ns - full->late_ns) > tolerance)
        verify_find(full->result, 0, "%s begins %.3f ms too %s against the first track", what,
                    fabs((double)(late_ns - full->late_ns) / 1e6),
                    late_ns > full->late_ns ? "late" : "early");
    if (full->has_late)
        return;
    full->has_late = true;
    full->late_ns = late_ns;
    full->tolerance_ns = a > b ? a : b;
}

static bool check_pictures(struct full *full, struct sr_err *err)
{
    const struct verify_full_params *const params = full->params;
    sr_auto(verify_expected) struct verify_expected *expected = NULL;
    sr_auto(verify_decoded) struct verify_decoded *decoded = NULL;
    if (!verify_expected_new(params, full->source, &expected, err) ||
        !verify_decoded_new(params, full->output, full->result, &decoded, err))
        return false;
    const struct verify_pictures source = verify_expected_pictures(expected);
    const struct verify_pictures output = verify_decoded_pictures(decoded);
    if (!verify_compare(&source, &output, params, full->result, err))
        return false;
    check_offset(full, "the video",
                 verify_decoded_start_ns(decoded) - verify_expected_start_ns(expected),
                 probe_video(full->source), probe_video(full->output));
    return true;
}

static bool check_video(struct full *full, struct sr_err *err)
{
    const struct media_stream *const source = probe_video(full->source);
    const struct media_stream *const output = probe_video(full->output);
    if (!output)
        return true;  // sound alone is an output as well
    if (!source) {
        verify_find(full->result, 0, "there is a video, which the source has not");
        return true;
    }
    return check_pictures(full, err);
}

static bool is_sound(const struct media_stream *stream)
{
    return stream->kind == MEDIA_AUDIO && stream->can_decode;
}

static size_t count_sound(const struct probe *probe)
{
    size_t count = 0;
    for (size_t i = 0; i < probe->stream_count; i++)
        count += is_sound(&probe->streams[i]);
    return count;
}

// The source's track for one of the output: the next in order; when there are fewer of them, the
// next in its language.
static const struct media_stream *
partner_of(const struct full *full, const struct media_stream *output, bool all, const bool *taken)
{
    const struct media_stream *any = NULL;
    for (size_t i = 0; i < full->source->stream_count; i++) {
        const struct media_stream *const stream = &full->source->streams[i];
        if (!is_sound(stream) || taken[i])
            continue;
        if (all || strcmp(stream->language, output->language) == 0)
            return stream;
        if (!any)
            any = stream;
    }
    return any;
}

static bool check_start(struct full *full, const struct media_stream *source,
                        const struct media_stream *output, int64_t *ret_late_ns, struct sr_err *err)
{
    struct audio_extent a, b;
    if (!audio_extent(full->params->source, full->source, source->index, &a, err) ||
        !audio_extent(full->params->output, full->output, output->index, &b, err))
        return false;
    const AVRational unit = { 1, NS };
    *ret_late_ns =
        av_rescale_q(b.start_pts, (AVRational){ b.time_base.num, b.time_base.den }, unit) -
        av_rescale_q(a.start_pts, (AVRational){ a.time_base.num, a.time_base.den }, unit);
    if (a.has_samples != b.has_samples)
        verify_find(full->result, 0, "a track of sound is empty");
    return true;
}

static bool check_track(struct full *full, size_t number, const struct media_stream *source,
                        const struct media_stream *output, struct sr_err *err)
{
    char what[32];
    (void)snprintf(what, sizeof(what), "audio track %zu", number);  // fits
    int64_t late_ns = INT64_MIN;
    const struct verify_sound_params params = { .full = full->params,
                                                .source_probe = full->source,
                                                .output_probe = full->output,
                                                .source_stream = source->index,
                                                .output_stream = output->index,
                                                .track_number = number };
    if (full->params->decode_all ? !verify_sound(&params, full->result, &late_ns, err)
                                 : !check_start(full, source, output, &late_ns, err))
        return sr_err_wrap(err, "%s", what);
    if (late_ns != INT64_MIN)
        check_offset(full, what, late_ns, source, output);
    return true;
}

static bool check_sound(struct full *full, struct sr_err *err)
{
    const size_t wanted = count_sound(full->source), count = count_sound(full->output);
    if (count == 0 && wanted > 0)
        verify_find(full->result, 0, "there is no sound, the source has %zu tracks", wanted);
    if (count > wanted)
        verify_find(full->result, 0, "%zu tracks of sound, the source has %zu", count, wanted);
    bool taken[MEDIA_STREAMS_MAX] = { false };
    size_t number = 0;
    for (size_t i = 0; i < full->output->stream_count; i++) {
        const struct media_stream *const output = &full->output->streams[i];
        if (!is_sound(output))
            continue;
        const struct media_stream *const source = partner_of(full, output, count == wanted, taken);
        if (!source)
            break;  // told by the counts
        taken[source->index] = true;
        if (!check_track(full, ++number, source, output, err))
            return false;
    }
    return true;
}

bool verify_against_source(const struct verify_full_params *params, struct verify_result *ret,
                           struct sr_err *err)
{
    *ret = (struct verify_result){ .verdict = VERIFY_PASS };
    sr_auto(probe) struct probe *source = NULL;
    sr_auto(probe) struct probe *output = NULL;
    if (!probe_source(params->source, &source, err))
        return false;
    if (!probe_source(params->output, &output, err)) {
        if (err->code != SR_ERR_INPUT && err->code != SR_ERR_UNSUPPORTED &&
            err->code != SR_ERR_LIMIT)
            return false;
        verify_find(ret, 0, "%s", err->message);
        *err = (struct sr_err){ 0 };
        return true;
    }
    struct full full = { .params = params, .result = ret, .source = source, .output = output };
    return check_video(&full, err) && check_sound(&full, err);
}
