#include "pipeline/act_probe.h"

static bool make_result(const struct job *job, json_t **ret_result, struct sr_err *err)
{
    sr_auto(json) json_t *result = json_object();
    json_t *identity = NULL, *probe = NULL;
    if (!jx_made(result, err) || !source_identity_json(&job->identity, true, &identity, err) ||
        !jx_put(result, "identity", identity, err) || !probe_json(job->probe, &probe, err) ||
        !jx_put(result, "probe", probe, err))
        return false;
    json_t *const video = job->video_stream ? json_integer(job->video_stream->index) : json_null();
    if (!jx_put(result, "video", video, err))
        return false;
    json_t *const audio = json_array();
    if (!jx_put(result, "audio", audio, err))
        return false;
    for (size_t i = 0; i < job->audio_stream_count; i++) {
        if (!jx_append(audio, json_integer(job->audio_streams[i]), err))
            return false;
    }
    *ret_result = sr_take(result);
    return true;
}

bool act_probe(struct job *job, json_t **ret_result, struct sr_err *err)
{
    sr_auto(json) json_t *result = NULL;
    if (!probe_source(&job->source, &job->probe, err) || !job_pick_streams(job, err) ||
        !make_result(job, &result, err))
        return false;
    if (job->workspace && !workspace_note(job->workspace, "probe.json", result, err))
        return false;
    *ret_result = sr_take(result);
    return true;
}
