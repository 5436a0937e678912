#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/audio.h"
#include "transcode/verify_priv.h"

enum { NS = 1000000000, CODEC_FRAME_SAMPLES = 2048 };  // the longest of AAC

// A file of the output.
struct made {
    const struct media_source *file;
    struct probe *probe;  // NULL: it cannot be opened, which was told
};

struct full {
    const struct verify_full_params *params;  // its `output` is the file that is looked at
    struct verify_result *result;
    struct probe *source, *output;  // borrowed
    struct made *made;
    size_t made_count;
    bool has_late;    // `late_ns` is known: the first track that was compared sets it
    int64_t late_ns;  // how much later things are in the output, each side counted from its zero
    int64_t tolerance_ns;
    struct media_restarts restarts;  // of the source's clock, as its pictures show them
};

static int64_t tick_ns(const struct media_stream *stream)
{
    if (stream->time_base.den <= 0)
        return 1;
    return (int64_t)NS * stream->time_base.num / stream->time_base.den + 1;
}

// How much too early sound may seem: behind an offset priming cannot be told from sound in
// fragments (verify_sound.c).
static int64_t priming_ns(const struct full *full, const struct media_stream *output)
{
    const int rate = output->kind == MEDIA_AUDIO ? output->audio.sample_rate : 0;
    return full->output->is_fragmented && rate > 0 ? (int64_t)NS * CODEC_FRAME_SAMPLES / rate : 0;
}

// Every track of the output must be late by the same; what is different between two is their
// offset.
static void check_offset(struct full *full, const char *what, int64_t late_ns,
                         const struct media_stream *source, const struct media_stream *output)
{
    const int64_t a = tick_ns(source), b = tick_ns(output);
    const int64_t tolerance = full->tolerance_ns + (a > b ? a : b);
    const int64_t off_ns = late_ns - full->late_ns;
    if (full->has_late && (off_ns > tolerance || off_ns < -tolerance - priming_ns(full, output)))
        verify_find(full->result, 0, "%s begins %.3f ms too %s against the first track", what,
                    fabs((double)off_ns / 1e6), off_ns > 0 ? "late" : "early");
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
    full->restarts = *verify_expected_restarts(expected);
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

// libavformat applies the edit list of fragments to times only: what it gives a time before zero is
// not heard.
static int64_t heard_from_ns(const struct audio_extent *extent, const struct probe *probe)
{
    const int64_t start_pts = probe->is_fragmented && extent->start_pts < 0 ? 0 : extent->start_pts;
    return av_rescale_q(start_pts, (AVRational){ extent->time_base.num, extent->time_base.den },
                        (AVRational){ 1, NS });
}

static bool check_start(struct full *full, const struct media_stream *source,
                        const struct media_stream *output, int64_t *ret_late_ns, struct sr_err *err)
{
    struct audio_extent a, b;
    if (!audio_extent(full->params->source, full->source, source->index, &a, err) ||
        !audio_extent(full->params->output, full->output, output->index, &b, err))
        return false;
    *ret_late_ns = heard_from_ns(&b, full->output) - heard_from_ns(&a, full->source);
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

static bool check_tracks(struct full *full, bool all, bool *taken, size_t *number,
                         struct sr_err *err)
{
    for (size_t i = 0; i < full->output->stream_count; i++) {
        const struct media_stream *const output = &full->output->streams[i];
        if (!is_sound(output))
            continue;
        const struct media_stream *const source = partner_of(full, output, all, taken);
        if (!source)
            break;  // told by the counts
        taken[source->index] = true;
        if (!check_track(full, ++*number, source, output, err))
            return false;
    }
    return true;
}

// The file that the checks after this are about. False: there is nothing to be seen in it.
static bool look_at(struct full *full, struct verify_full_params *params, size_t index)
{
    const struct made *const made = &full->made[index];
    params->output = made->file;
    full->output = made->probe;
    full->result->track = full->made_count > 1 ? made->file->name : NULL;
    return made->probe != NULL;
}

static bool check_sound(struct full *full, struct verify_full_params *params, struct sr_err *err)
{
    const size_t wanted = count_sound(full->source);
    size_t count = 0, number = 0;
    bool taken[MEDIA_STREAMS_MAX] = { false };
    full->result->track = NULL;
    for (size_t i = 0; i < full->made_count; i++)
        count += full->made[i].probe ? count_sound(full->made[i].probe) : 0;
    if (count == 0 && wanted > 0)
        verify_find(full->result, 0, "there is no sound, the source has %zu tracks", wanted);
    if (count > wanted)
        verify_find(full->result, 0, "%zu tracks of sound, the source has %zu", count, wanted);
    for (size_t i = 0; i < full->made_count; i++) {
        if (look_at(full, params, i) && !check_tracks(full, count == wanted, taken, &number, err))
            return false;
    }
    return true;
}

static bool check_all(struct full *full, struct verify_full_params *params, struct sr_err *err)
{
    for (size_t i = 0; i < full->made_count; i++) {
        if (look_at(full, params, i) && !check_video(full, err))
            return false;
    }
    return check_sound(full, params, err);
}

static bool open_made(struct full *full, struct made *made, struct sr_err *err)
{
    full->result->track = full->made_count > 1 ? made->file->name : NULL;
    if (probe_source(made->file, &made->probe, err))
        return true;
    if (err->code != SR_ERR_INPUT && err->code != SR_ERR_UNSUPPORTED && err->code != SR_ERR_LIMIT)
        return false;
    verify_find(full->result, 0, "%s", err->message);
    *err = (struct sr_err){ 0 };
    return true;
}

static bool check_made(struct full *full, struct verify_full_params *params, struct sr_err *err)
{
    size_t opened = 0;
    for (size_t i = 0; i < full->made_count; i++) {
        full->made[i].file = i == 0 ? params->output : &params->others[i - 1];
        if (!open_made(full, &full->made[i], err))
            return false;
        opened += full->made[i].probe != NULL;
    }
    return opened == 0 || check_all(full, params, err);
}

bool verify_against_source(const struct verify_full_params *params, struct verify_result *ret,
                           struct sr_err *err)
{
    *ret = (struct verify_result){ .verdict = VERIFY_PASS };
    sr_auto(probe) struct probe *source = NULL;
    if (!probe_source(params->source, &source, err))
        return false;
    struct media_source clocked = *params->source;
    struct verify_full_params params_clocked = *params;
    params_clocked.source = &clocked;
    struct full full = { .params = &params_clocked,
                         .result = ret,
                         .source = source,
                         .made = calloc(params->other_count + 1, sizeof(struct made)),
                         .made_count = params->other_count + 1 };
    clocked.restarts = &full.restarts;
    const bool done = full.made ? check_made(&full, &params_clocked, err)
                                : sr_fail(err, SR_ERR_NO_MEMORY, "a list of files");
    for (size_t i = 0; full.made && i < full.made_count; i++)
        probe_free(full.made[i].probe);
    free(full.made);
    ret->track = NULL;
    return done;
}
