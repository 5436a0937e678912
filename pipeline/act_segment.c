#include "pipeline/act_segment.h"

#include <string.h>

#include "transcode/segment_transcode.h"

// The renditions of one segment that are wanted, and those that are being made.
struct making {
    size_t wanted_count;
    size_t wanted[MEDIA_RENDITIONS_MAX];
    size_t count;
    size_t videos[MEDIA_RENDITIONS_MAX];
    struct sr_writer writers[MEDIA_RENDITIONS_MAX];
    struct segment_output outputs[MEDIA_RENDITIONS_MAX];
};

static void making_done(struct making *making)
{
    for (size_t i = 0; i < making->count; i++)
        sr_writer_close(&making->writers[i]);
}
SR_DEFINE_AUTO_VALUE(making, struct making, making_done);

static void list_wanted(const struct job *job, const struct act_segment_params *params,
                        struct making *making)
{
    const bool all = params->rendition_count == 0;
    making->wanted_count = all ? job->video_count : params->rendition_count;
    for (size_t i = 0; i < making->wanted_count; i++)
        making->wanted[i] = all ? i : params->renditions[i];
}

// Finds what is there, and lists what is not.
static bool look(struct job *job, size_t segment, struct making *making, struct sr_err *err)
{
    for (size_t i = 0; i < making->wanted_count; i++) {
        const size_t v = making->wanted[i];
        struct job_part *const part = &job->videos[v].parts[segment];
        if (part->is_there)
            continue;
        if (!workspace_find(job->workspace, &part->key, &part->part, &part->is_there, err))
            return false;
        part->was_reused = part->is_there;
        if (!part->is_there)
            making->videos[making->count++] = v;
    }
    return true;
}

static bool open_outputs(struct job *job, size_t segment, struct making *making, struct sr_err *err)
{
    for (size_t i = 0; i < making->count; i++) {
        struct job_video *const video = &job->videos[making->videos[i]];
        struct job_part *const part = &video->parts[segment];
        if (!workspace_write(job->workspace, &part->key, &making->writers[i], err))
            return false;
        making->outputs[i] = (struct segment_output){
            .rendition = &video->video,
            .writer = &making->writers[i],
            .part = &part->part,
        };
    }
    return true;
}

static bool encode(struct job *job, const struct act_segment_params *params, struct making *making,
                   struct sr_err *err)
{
    const size_t segment = params->segment;
    const struct segment_transcode_params transcode = {
        .decode = {
            .source = &job->source,
            .probe = job->probe,
            .table = job->table,
            .index = job->index,
            .segment = job->plan->segment[segment],
            .is_first = segment == 0,
            .is_last = segment + 1 == job->plan->segment_count,
        },
        .segment_index = segment,
        .mode = job->plan->mode,
        .gop_us = job->plan->gop_us,
        .encoder_threads = job->plan->encoder_threads,
        .shortest_us = segment_plan_shortest_us(job->plan, job->table),
        .zero_pts = job->zero_pts,
        .zero_base = job->zero_base,
        .output_count = making->count,
        .outputs = making->outputs,
        .progress = params->progress,
        .progress_self = params->progress_self,
    };
    return segment_transcode(&transcode, err);
}

// Bytes first, then the document: what a crash leaves between is not taken for a result.
static bool keep(struct job *job, size_t segment, struct making *making, struct sr_err *err)
{
    for (size_t i = 0; i < making->count; i++) {
        struct job_part *const part = &job->videos[making->videos[i]].parts[segment];
        if (!making->writers[i].ops->publish(making->writers[i].self, err) ||
            !workspace_store(job->workspace, &part->key, &part->part, err))
            return false;
        part->is_there = true;
    }
    return true;
}

static bool make_ticketed(struct job *job, const struct act_segment_params *params,
                          struct making *making, struct sr_err *err)
{
    return open_outputs(job, params->segment, making, err) && encode(job, params, making, err) &&
           keep(job, params->segment, making, err);
}

static bool make(struct job *job, const struct act_segment_params *params, struct making *making,
                 struct sr_err *err)
{
    const struct rendition_video *renditions[MEDIA_RENDITIONS_MAX];
    for (size_t i = 0; i < making->count; i++)
        renditions[i] = &job->videos[making->videos[i]].video;
    const uint64_t bytes = segment_transcode_peak_bytes(job->video_stream, renditions,
                                                        making->count, job->plan->encoder_threads);
    if (job->budget && !sr_budget_take(job->budget, bytes, job->source.cancel, err))
        return false;
    const bool made = make_ticketed(job, params, making, err);
    if (job->budget)
        sr_budget_give(job->budget, bytes);
    return made;
}

static bool make_result(const struct job *job, size_t segment, const struct making *making,
                        json_t **ret_result, struct sr_err *err)
{
    const int64_t frames = job->videos[making->wanted[0]].parts[segment].part.frame_count;
    sr_auto(json) json_t *result = json_object();
    json_t *const made = json_array(), *const reused = json_array();
    const bool first = jx_put(result, "made", made, err);
    if (!jx_put(result, "reused", reused, err) || !first ||
        !jx_put(result, "segment", json_integer((json_int_t)segment), err) ||
        !jx_put(result, "frames", json_integer(frames), err))
        return false;
    for (size_t i = 0; i < making->wanted_count; i++) {
        const size_t v = making->wanted[i];
        json_t *const list = job->videos[v].parts[segment].was_reused ? reused : made;
        if (!jx_append(list, json_string(job_video_id(job, v)), err))
            return false;
    }
    *ret_result = sr_take(result);
    return true;
}

// A task may be tried again: nothing half-made stays in the job.
static void forget(struct job *job, size_t segment, const struct making *making)
{
    for (size_t i = 0; i < making->wanted_count; i++) {
        struct job_part *const part = &job->videos[making->wanted[i]].parts[segment];
        if (!part->is_there)
            track_part_done(&part->part);
    }
}

bool act_segment(struct job *job, const struct act_segment_params *params, json_t **ret_result,
                 struct sr_err *err)
{
    sr_auto(making) struct making making = { 0 };
    list_wanted(job, params, &making);
    if (!look(job, params->segment, &making, err) ||
        (making.count > 0 && !make(job, params, &making, err))) {
        forget(job, params->segment, &making);
        return sr_err_wrap(err, "segment %zu", params->segment + 1);
    }
    return make_result(job, params->segment, &making, ret_result, err);
}
