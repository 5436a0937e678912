// Which of the source's streams a job works on.
#include <string.h>
#include <strings.h>

#include "pipeline/job.h"

static bool is_video(const struct media_stream *stream)
{
    return stream->kind == MEDIA_VIDEO && !stream->is_attached_picture;
}

static bool check_usable(const struct media_stream *stream, struct sr_err *err)
{
    if (stream->is_encrypted)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "stream %d is encrypted; decrypt it first",
                       stream->index);
    if (!stream->can_decode)
        return sr_fail(err, SR_ERR_UNSUPPORTED,
                       "stream %d: this build of libavcodec cannot decode %s", stream->index,
                       stream->codec[0] ? stream->codec : "its codec");
    return true;
}

static const struct media_stream *find_video(const struct job *job,
                                             const struct manifest_pick *pick)
{
    int ordinal = 0;
    for (size_t i = 0; i < job->probe->stream_count; i++) {
        const struct media_stream *const stream = &job->probe->streams[i];
        if (!is_video(stream))
            continue;
        if (pick->ordinal >= 0 ? ordinal == pick->ordinal : stream->index == pick->stream_index)
            return stream;
        ordinal++;
    }
    return NULL;
}

static bool pick_video(struct job *job, struct sr_err *err)
{
    const struct manifest *const manifest = job->manifest;
    bool is_used = false;
    for (size_t o = 0; o < manifest->output_count; o++) {
        for (size_t u = 0; u < manifest->outputs[o].use_count; u++)
            is_used |= job_rendition(job, manifest->outputs[o].use[u])->kind == MEDIA_VIDEO;
    }
    if (manifest->video == MANIFEST_NONE || !is_used)
        return true;
    const struct media_stream *stream = probe_video(job->probe);
    if (manifest->video == MANIFEST_PICKED) {
        stream = find_video(job, &manifest->video_pick);
        if (!stream)
            return sr_fail(err, SR_ERR_INVALID,
                           "%s: there is no such video stream; `splitreel probe` lists them",
                           job->source.name);
    }
    if (!stream)
        return true;
    if (!check_usable(stream, err))
        return sr_err_wrap(err, "%s", job->source.name);
    job->video_stream = stream;
    job->shown = *stream;
    if (manifest->rotate >= 0) {
        job->shown.video.rotation = manifest->rotate;
        job->shown.video.is_mirrored = false;
    }
    if (manifest->deinterlace == MANIFEST_DEINTERLACE_NEVER) {
        job->shown.video.is_interlaced = false;
        job->shown.video.field_order = MEDIA_PROGRESSIVE;
    }
    return true;
}

static bool meets(const struct media_stream *stream, int ordinal, const struct manifest_pick *pick)
{
    if (pick->stream_index >= 0)
        return stream->index == pick->stream_index;
    if (pick->ordinal >= 0)
        return ordinal == pick->ordinal;
    return strcasecmp(stream->language, pick->language) == 0;
}

// In the source's order, each once. Tracks that cannot be decoded are left out with a note unless
// they were named.
static bool pick_audio(struct job *job, struct sr_err *err)
{
    const struct manifest *const manifest = job->manifest;
    bool was_met[MANIFEST_PICKS_MAX] = { false };
    int ordinal = -1;
    for (size_t i = 0; i < job->probe->stream_count && manifest->audio != MANIFEST_NONE; i++) {
        const struct media_stream *const stream = &job->probe->streams[i];
        if (stream->kind != MEDIA_AUDIO)
            continue;
        ordinal++;
        bool wanted = manifest->audio != MANIFEST_PICKED;
        for (size_t p = 0; p < manifest->audio_pick_count; p++) {
            if (meets(stream, ordinal, &manifest->audio_picks[p]))
                wanted = was_met[p] = true;
        }
        if (!wanted)
            continue;
        if (manifest->audio == MANIFEST_PICKED && !check_usable(stream, err))
            return sr_err_wrap(err, "%s", job->source.name);
        if (stream->is_encrypted || !stream->can_decode) {
            if (!job_note(job, err, "stream %d (audio, %s) is left out: it cannot be decoded",
                          stream->index, stream->codec[0] ? stream->codec : "unknown codec"))
                return false;
            continue;
        }
        job->audio_streams[job->audio_stream_count++] = stream->index;
    }
    for (size_t p = 0; p < manifest->audio_pick_count; p++) {
        if (!was_met[p])
            return sr_fail(
                err, SR_ERR_INVALID,
                "%s: no audio track is number %zu of the list; `splitreel probe` lists them",
                job->source.name, p + 1);
    }
    return true;
}

bool job_pick_streams(struct job *job, struct sr_err *err)
{
    if (!pick_video(job, err) || !pick_audio(job, err))
        return false;
    if (!job->video_stream && job->audio_stream_count == 0)
        return sr_fail(err, SR_ERR_INPUT, "%s: no stream in it can be used for this output",
                       job->source.name);
    return true;
}
