#include "pipeline/act_audio.h"

#include "pipeline/act_plan_priv.h"

static bool make(struct job *job, const struct act_audio_params *params, struct job_audio *audio,
                 struct sr_err *err)
{
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    if (!workspace_write(job->workspace, &audio->part.key, &writer, err))
        return false;
    struct audio_params transcode = {
        .source = &job->source,
        .probe = job->probe,
        .stream_index = audio->stream_index,
        .rendition = job_rendition(job, audio->rendition),
        .zero_pts = job->zero_pts,
        .zero_base = job->zero_base,
        .writer = &writer,
        .progress = params->progress,
        .progress_self = params->progress_self,
    };
    act_plan_audio_grid(job, &transcode.fragment_us, &transcode.fragment_start_us);
    if (!audio_transcode(&transcode, &audio->part.part, err) ||
        !writer.ops->publish(writer.self, err) ||
        !workspace_store(job->workspace, &audio->part.key, &audio->part.part, err))
        return false;
    audio->part.is_there = true;
    return true;
}

bool act_audio(struct job *job, const struct act_audio_params *params, json_t **ret_result,
               struct sr_err *err)
{
    struct job_audio *const audio = &job->audios[params->audio];
    struct job_part *const part = &audio->part;
    if (!part->is_there) {
        if (!workspace_find(job->workspace, &part->key, &part->part, &part->is_there, err))
            return sr_err_wrap(err, "audio %s", audio->id);
        part->was_reused = part->is_there;
        if (!part->is_there && !make(job, params, audio, err)) {
            track_part_done(&part->part);  // it may be tried again
            return sr_err_wrap(err, "audio %s (stream %d)", audio->id, audio->stream_index);
        }
    }
    sr_auto(json) json_t *result =
        json_pack("{s:s,s:b}", "audio", audio->id, "reused", part->was_reused);
    if (!jx_made(result, err))
        return false;
    *ret_result = sr_take(result);
    return true;
}
