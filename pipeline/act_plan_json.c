// What decides a part's bytes, hashed into its key; and the plan as a document.
#include <stdlib.h>
#include <string.h>

#include "pipeline/act_plan_priv.h"
#include "transcode/encode.h"
#include "transcode/segment_transcode.h"

enum { KEY_VERSION = 1, PLAN_VERSION = 1, FRAGMENT_US = 2000000 };

void act_plan_audio_grid(const struct job *job, int64_t *ret_fragment_us, int64_t *ret_start_us)
{
    *ret_fragment_us = FRAGMENT_US;
    *ret_start_us = 0;
    if (!job->plan)
        return;
    if (job->plan->mode == SEGMENT_GRID)
        *ret_fragment_us = job->plan->gop_us;
    *ret_start_us = job_out_us(job, job->table->start_pts, job->table->time_base);
}

static json_t *rational_json(struct media_rational rational)
{
    return json_pack("[i,i]", rational.num, rational.den);
}

// Pictures to encode: a minute of 1920x1080 at 25 a second.
static const uint64_t quick_pixels_max = UINT64_C(1920) * 1080 * 25 * 60;

// What all parts of a job share.
static bool common_facts(const struct job *job, const char *kind, json_t **ret_facts,
                         struct sr_err *err)
{
    sr_auto(json) json_t *facts = json_object();
    json_t *identity = NULL;
    if (!jx_made(facts, err) || !jx_put(facts, "version", json_integer(KEY_VERSION), err) ||
        !jx_put(facts, "kind", json_string(kind), err) ||
        !source_identity_json(&job->identity, true, &identity, err) ||
        !jx_put(facts, "source", identity, err) ||
        !jx_put(facts, "format", json_string(job->manifest->format ? job->manifest->format : ""),
                err) ||
        !jx_put(facts, "zero_pts", json_integer(job->zero_pts), err) ||
        !jx_put(facts, "zero_base", rational_json(job->zero_base), err) ||
        !jx_put(facts, "build", json_string(segment_transcode_build()), err))
        return false;
    *ret_facts = sr_take(facts);
    return true;
}

static bool video_key(const struct job *job, const struct job_video *video, size_t segment,
                      struct workspace_key *ret, struct sr_err *err)
{
    const struct segment_plan *const plan = job->plan;
    const struct segment *const part = &plan->segment[segment];
    sr_auto(json) json_t *facts = NULL;
    return common_facts(job, "video", &facts, err) &&
           jx_put(facts, "stream", json_integer(job->video_stream->index), err) &&
           jx_put(facts, "interval",
                  json_pack("[I,I]", (json_int_t)part->start_pts, (json_int_t)part->end_pts),
                  err) &&
           jx_put(facts, "start_packet", json_integer((json_int_t)part->start_packet), err) &&
           jx_put(facts, "segment", json_integer((json_int_t)segment), err) &&
           jx_put(facts, "is_last", json_boolean(segment + 1 == plan->segment_count), err) &&
           jx_put(facts, "rendition", json_incref(video->json), err) &&
           jx_put(facts, "encoder_threads",
                  json_integer(encode_threads(&video->video, plan->encoder_threads)), err) &&
           jx_put(facts, "mode", json_string(segment_mode_name(plan->mode)), err) &&
           jx_put(facts, "gop_us", json_integer(plan->gop_us), err) &&
           jx_put(facts, "shortest_us", json_integer(segment_plan_shortest_us(plan, job->table)),
                  err) &&
           jx_put(facts, "timeline_start", json_integer(job->table->start_pts), err) &&
           workspace_key(facts, ret, err);
}

static bool audio_key(const struct job *job, const struct job_audio *audio,
                      struct workspace_key *ret, struct sr_err *err)
{
    const struct rendition *const asked = job_rendition(job, audio->rendition);
    sr_auto(json) json_t *facts = NULL;
    int64_t fragment_us, start_us;
    act_plan_audio_grid(job, &fragment_us, &start_us);
    return common_facts(job, "audio", &facts, err) &&
           jx_put(facts, "stream", json_integer(audio->stream_index), err) &&
           jx_put(facts, "codec", json_string(asked->codec), err) &&
           jx_put(facts, "bitrate", json_integer(asked->bitrate_bps), err) &&
           jx_put(facts, "sample_rate", json_integer(asked->sample_rate), err) &&
           jx_put(facts, "channels", json_integer(asked->channels), err) &&
           jx_put(facts, "fragment_us", json_integer(fragment_us), err) &&
           jx_put(facts, "fragment_start_us", json_integer(start_us), err) &&
           workspace_key(facts, ret, err);
}

bool act_plan_keys(struct job *job, struct sr_err *err)
{
    for (size_t v = 0; v < job->video_count; v++) {
        struct job_video *const video = &job->videos[v];
        video->parts = calloc(job->plan->segment_count, sizeof(*video->parts));
        if (!video->parts)
            return sr_fail(err, SR_ERR_NO_MEMORY, "%zu segments", job->plan->segment_count);
        for (size_t s = 0; s < job->plan->segment_count; s++) {
            if (!video_key(job, video, s, &video->parts[s].key, err))
                return false;
        }
    }
    for (size_t a = 0; a < job->audio_count; a++) {
        if (!audio_key(job, &job->audios[a], &job->audios[a].part.key, err))
            return false;
    }
    return true;
}

// The document -----------------------------------------------------------------------------------
static bool renditions_json(const struct job *job, json_t *list, struct sr_err *err)
{
    for (size_t v = 0; v < job->video_count; v++) {
        json_t *const item = json_object();
        if (!jx_append(list, item, err) ||
            !jx_put(item, "id", json_string(job_video_id(job, v)), err) ||
            !jx_put(item, "video", json_incref(job->videos[v].json), err))
            return false;
    }
    return true;
}

static bool audios_json(const struct job *job, json_t *list, struct sr_err *err)
{
    for (size_t a = 0; a < job->audio_count; a++) {
        const struct job_audio *const audio = &job->audios[a];
        const struct rendition *const asked = job_rendition(job, audio->rendition);
        json_t *const item = json_object();
        if (!jx_append(list, item, err) || !jx_put(item, "id", json_string(audio->id), err) ||
            !jx_put(item, "stream", json_integer(audio->stream_index), err) ||
            !jx_put(item, "codec", json_string(asked->codec), err) ||
            !jx_put(item, "start_us",
                    json_integer(job_out_us(job, audio->extent.start_pts, audio->extent.time_base)),
                    err))
            return false;
        if ((asked->bitrate_bps &&
             !jx_put(item, "bitrate", json_integer(asked->bitrate_bps), err)) ||
            (asked->sample_rate &&
             !jx_put(item, "sample_rate", json_integer(asked->sample_rate), err)) ||
            (asked->channels && !jx_put(item, "channels", json_integer(asked->channels), err)))
            return false;
    }
    return true;
}

static bool outputs_json(const struct job *job, json_t *list, struct sr_err *err)
{
    for (size_t o = 0; o < job->manifest->output_count; o++) {
        const struct manifest_output *const output = &job->manifest->outputs[o];
        json_t *const item = json_object();
        if (!jx_append(list, item, err) ||
            !jx_put(item, "type", json_string(manifest_output_type_name(output->type)), err) ||
            !jx_put(item, "path", jx_string(output->path), err))
            return false;
        json_t *const use = json_array();
        if (!jx_put(item, "use", use, err))
            return false;
        for (size_t u = 0; u < output->use_count; u++) {
            if (!jx_append(use, json_string(job_rendition(job, output->use[u])->id), err))
                return false;
        }
        if ((output->type == MANIFEST_HLS &&
             !jx_put(item, "segment_us", json_integer(output->segment_us), err)) ||
            (output->is_composed && !jx_put(item, "layout", json_string("composed"), err)))
            return false;
    }
    return true;
}

// Where the work is done: what is small is not worth sending around. A flow chooses by this.
static const char *engine_name(const struct job *job)
{
    uint64_t pixels = 0;
    const uint64_t frames = job->video_count > 0 ? job_frames(job) : 0;
    for (size_t v = 0; v < job->video_count && pixels <= quick_pixels_max; v++)
        pixels += frames * (uint64_t)job->videos[v].video.width *
                  (uint64_t)job->videos[v].video.height;  // 2^32 pictures of 2^28 at most
    return pixels <= quick_pixels_max ? "quick" : "fleet";
}

bool act_plan_json(const struct job *job, json_t **ret_json, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    json_t *identity = NULL, *segments = NULL;
    if (!jx_made(json, err) || !jx_put(json, "version", json_integer(PLAN_VERSION), err) ||
        !source_identity_json(&job->identity, false, &identity, err) ||
        !jx_put(json, "source", identity, err) ||
        !jx_put(json, "zero_pts", json_integer(job->zero_pts), err) ||
        !jx_put(json, "zero_base", rational_json(job->zero_base), err))
        return false;
    json_t *const renditions = json_array();
    if (!jx_put(json, "renditions", renditions, err) || !renditions_json(job, renditions, err))
        return false;
    json_t *const audios = json_array();
    if (!jx_put(json, "audio", audios, err) || !audios_json(job, audios, err))
        return false;
    json_t *const outputs = json_array();
    if (!jx_put(json, "outputs", outputs, err) || !outputs_json(job, outputs, err))
        return false;
    if (job->plan && (!jx_put(json, "stream", json_integer(job->video_stream->index), err) ||
                      !segment_plan_json(job->plan, job->table, &segments, err) ||
                      !jx_put(json, "video", segments, err)))
        return false;
    if (!jx_put(json, "engine", json_string(engine_name(job)), err) ||
        !jx_put(json, "notes", json_incref(job->notes), err) ||
        !jx_put(json, "build", json_string(segment_transcode_build()), err))
        return false;
    *ret_json = sr_take(json);
    return true;
}
