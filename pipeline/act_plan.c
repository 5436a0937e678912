#include "pipeline/act_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/act_plan_priv.h"
#include "pipeline/tracks.h"
#include "transcode/segment_transcode.h"

enum { MEDIA_SEGMENT_US = 6000000 };

static const struct manifest_output *find_hls(const struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->output_count; i++) {
        if (manifest->outputs[i].type == MANIFEST_HLS)
            return &manifest->outputs[i];
    }
    return NULL;
}

static bool plan_segments(struct job *job, struct sr_err *err)
{
    const struct manifest_output *const hls = find_hls(job->manifest);
    enum segment_mode mode = job->manifest->mode;
    if (mode == SEGMENT_AUTO)
        mode = hls ? SEGMENT_GRID : SEGMENT_KEYFRAME;
    const int64_t media_segment_us = hls ? hls->segment_us : MEDIA_SEGMENT_US;
    if (!packet_table_new(&job->source, job->probe, job->video_stream->index, &job->table, err) ||
        !keyframe_index_new(job->table, &job->index, err))
        return false;
    job->source.restarts = &job->table->restarts;
    const struct segment_plan_params params = {
        .table = job->table,
        .index = job->index,
        .mode = mode,
        .target_us = job->manifest->target_us,
        .gop_us = media_segment_us < 2000000 ? media_segment_us : 2000000,
        .media_segment_us = media_segment_us,
    };
    return segment_plan_new(&params, &job->plan, err);
}

static bool is_used(const struct manifest *manifest, size_t rendition)
{
    for (size_t o = 0; o < manifest->output_count; o++) {
        for (size_t u = 0; u < manifest->outputs[o].use_count; u++) {
            if (manifest->outputs[o].use[u] == rendition)
                return true;
        }
    }
    return false;
}

static bool is_larger(const struct rendition *asked, const struct media_stream *source)
{
    const bool turned = source->video.rotation == 90 || source->video.rotation == 270;
    const int width = turned ? source->video.height : source->video.width;
    const int height = turned ? source->video.width : source->video.height;
    return asked->height > height || asked->width > width;
}

static bool add_video(struct job *job, size_t rendition, const struct rendition *asked,
                      struct sr_err *err)
{
    struct job_video *const video = &job->videos[job->video_count];
    struct rendition settled = *asked;
    if (job->manifest->deinterlace == MANIFEST_DEINTERLACE_ALWAYS)
        settled.deinterlace = true;
    video->rendition = rendition;
    if (!rendition_resolve(&settled, &job->shown, job->table, &video->video, err) ||
        !rendition_video_json(&video->video, &video->json, err))
        return sr_err_wrap(err, "rendition %s", asked->id);
    job->video_count++;
    return true;
}

// Rungs above the source are left out; when that leaves none, the lowest is taken at the source's
// size.
static bool plan_videos(struct job *job, struct sr_err *err)
{
    const struct manifest *const manifest = job->manifest;
    size_t lowest = SIZE_MAX;
    for (size_t i = 0; i < manifest->rendition_count; i++) {
        const struct rendition *const asked = &manifest->renditions[i].asked;
        if (asked->kind != MEDIA_VIDEO || !is_used(manifest, i))
            continue;
        if (manifest->renditions[i].drops_if_larger && is_larger(asked, &job->shown)) {
            lowest = i;
            if (!job_note(job, err, "rendition %s is left out: the source is smaller", asked->id))
                return false;
            continue;
        }
        if (!add_video(job, i, asked, err))
            return false;
    }
    if (job->video_count > 0 || lowest == SIZE_MAX)
        return true;
    struct rendition asked = manifest->renditions[lowest].asked;
    asked.width = asked.height = 0;
    return job_note(job, err,
                    "rendition %s is made after all, at the source's size: no other is left",
                    asked.id) &&
           add_video(job, lowest, &asked, err);
}

static bool add_audio(struct job *job, size_t rendition, int stream_index,
                      const struct audio_extent *extent, bool is_alone, struct sr_err *err)
{
    const char *const id = job_rendition(job, rendition)->id;
    if (job->audio_count == JOB_AUDIOS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d audio tracks in the outputs; pick some",
                       JOB_AUDIOS_MAX);
    struct job_audio *const audio = &job->audios[job->audio_count++];
    audio->rendition = rendition;
    audio->stream_index = stream_index;
    audio->extent = *extent;
    for (size_t i = 0; i < job->probe->stream_count; i++) {
        if (job->probe->streams[i].index == stream_index) {
            audio->language = job->probe->streams[i].language;
            audio->is_default = job->probe->streams[i].is_default;
        }
    }
    if (is_alone)
        (void)snprintf(audio->id, sizeof(audio->id), "%s", id);
    else
        (void)snprintf(audio->id, sizeof(audio->id), "%s_%d", id, stream_index);
    return true;
}

static bool plan_audios(struct job *job, struct sr_err *err)
{
    const struct manifest *const manifest = job->manifest;
    struct audio_extent extents[MEDIA_STREAMS_MAX] = { 0 };
    for (size_t s = 0; s < job->audio_stream_count; s++) {
        if (!audio_extent(&job->source, job->probe, job->audio_streams[s], &extents[s], err))
            return sr_err_wrap(err, "stream %d", job->audio_streams[s]);
        if (!extents[s].has_samples &&
            !job_note(job, err, "stream %d (audio) is left out: it is empty",
                      job->audio_streams[s]))
            return false;
    }
    for (size_t i = 0; i < manifest->rendition_count; i++) {
        const struct rendition *const asked = &manifest->renditions[i].asked;
        if (asked->kind != MEDIA_AUDIO || !is_used(manifest, i))
            continue;
        size_t found = 0;
        for (size_t s = 0; s < job->audio_stream_count; s++) {
            if (!extents[s].has_samples ||
                (asked->track >= 0 && asked->track != job->audio_streams[s]))
                continue;
            found++;
            if (!add_audio(job, i, job->audio_streams[s], &extents[s],
                           asked->track >= 0 || job->audio_stream_count == 1, err))
                return false;
        }
        if (found == 0 && asked->track >= 0)
            return sr_fail(err, SR_ERR_INVALID,
                           "rendition %s: stream %d is not an audio track of this job", asked->id,
                           asked->track);
    }
    return true;
}

// Output time zero is the earliest presented stream.
static void set_zero(struct job *job)
{
    bool any = false;
    if (job->table) {
        job->zero_pts = job->table->start_pts;
        job->zero_base = job->table->time_base;
        any = true;
    }
    for (size_t a = 0; a < job->audio_count; a++) {
        const struct audio_extent *const extent = &job->audios[a].extent;
        if (any && job_compare_times(extent->start_pts, extent->time_base, job->zero_pts,
                                     job->zero_base) >= 0)
            continue;
        job->zero_pts = extent->start_pts;
        job->zero_base = extent->time_base;
        any = true;
    }
}

// Tracks that an output would have, of one kind.
static size_t count_tracks(const struct job *job, const struct manifest_output *output, bool video)
{
    size_t count = 0;
    for (size_t v = 0; video && v < job->video_count; v++)
        count += tracks_uses(output, job->videos[v].rendition);
    for (size_t a = 0; !video && a < job->audio_count; a++)
        count += tracks_uses(output, job->audios[a].rendition);
    return count;
}

// An output needs something in it; what it lacks is said.
static bool check_outputs(struct job *job, struct sr_err *err)
{
    for (size_t o = 0; o < job->manifest->output_count; o++) {
        const struct manifest_output *const output = &job->manifest->outputs[o];
        const size_t videos = count_tracks(job, output, true);
        const size_t audios = count_tracks(job, output, false);
        if (output->type == MANIFEST_HLS && videos == 0)
            return sr_fail(err, SR_ERR_UNSUPPORTED,
                           "%s: an HLS output needs a video stream, and there is none",
                           job->source.name);
        if (videos + audios == 0)
            return sr_fail(err, SR_ERR_INPUT, "%s: there is no %s in it for the output %s",
                           job->source.name,
                           output->type == MANIFEST_M4A ? "audio track" : "stream", output->path);
    }
    return true;
}

bool act_plan(struct job *job, json_t **ret_result, struct sr_err *err)
{
    if (job->video_stream && (!plan_segments(job, err) || !plan_videos(job, err)))
        return sr_err_wrap(err, "%s", job->source.name);
    if (!plan_audios(job, err))
        return sr_err_wrap(err, "%s", job->source.name);
    set_zero(job);
    if (!check_outputs(job, err) || !act_plan_keys(job, err) ||
        !act_plan_json(job, &job->plan_json, err))
        return false;
    if (job->workspace && !workspace_note(job->workspace, "plan.json", job->plan_json, err))
        return false;
    *ret_result = json_incref(job->plan_json);
    return true;
}
