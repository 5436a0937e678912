#include "pipeline/job.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/str.h"
#include "pipeline/hls.h"
#include "pipeline/joined.h"

bool job_open(const struct job_params *params, struct job **ret_job, struct sr_err *err)
{
    sr_auto(job) struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a job");
    job->manifest = params->manifest;
    job->remote = params->remote;
    job->workspace = params->workspace;
    job->budget = params->budget;
    job->sends_late = params->sends_late;
    job->correlation = params->correlation;
    job->log = params->log;
    job->notes = json_array();
    if (!jx_made(job->notes, err))
        return false;
    if (!source_open(job->remote, job->manifest->input, &job->reader, &job->identity, err))
        return sr_err_wrap(err, "%s", job->manifest->input_shown);
    job->source = (struct media_source){
        .reader = job->reader,
        .name = job->manifest->input_shown,
        .format = job->manifest->format,
        .cancel = params->cancel,
        .log = params->log,
    };
    *ret_job = sr_take(job);
    return true;
}

static void file_done(struct job_file *file)
{
    sr_writer_close(&file->writer);
    joined_free(file->joined);
    if (file->files)
        hls_files_done(file->files);
    free(file->files);
    free(file->temporary);
    free(file->final);
}

void job_files_drop(struct job *job)
{
    for (size_t f = 0; f < job->file_count; f++)
        file_done(&job->files[f]);
    memset(job->files, 0, sizeof(job->files));
    job->file_count = 0;
    free(job->name);
    job->name = NULL;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    for (size_t v = 0; v < job->video_count; v++) {
        struct job_video *const video = &job->videos[v];
        for (size_t s = 0; video->parts && s < job->plan->segment_count; s++)
            track_part_done(&video->parts[s].part);
        free(video->parts);
        json_decref(video->json);
    }
    for (size_t a = 0; a < job->audio_count; a++)
        track_part_done(&job->audios[a].part.part);
    job_files_drop(job);
    json_decref(job->plan_json);
    json_decref(job->notes);
    segment_plan_free(job->plan);
    keyframe_index_free(job->index);
    packet_table_free(job->table);
    probe_free(job->probe);
    sr_reader_close(&job->reader);
    free(job);
}

bool job_note(struct job *job, struct sr_err *err, const char *format, ...)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    va_list args;
    va_start(args, format);
    const bool made = sr_str_vaddf(&text, err, format, args);
    va_end(args);
    if (!made)
        return false;
    if (!job->notes_were_told)
        sr_warn(job->log, "note", SR_TEXT("note", sr_str_text(&text)));
    return jx_append(job->notes, jx_string(sr_str_text(&text)), err);
}

const struct rendition *job_rendition(const struct job *job, size_t index)
{
    return &job->manifest->renditions[index].asked;
}

const char *job_video_id(const struct job *job, size_t video)
{
    return job_rendition(job, job->videos[video].rendition)->id;
}

// Times are 64 bit, time bases 32: products fit in 128.
__extension__ typedef __int128 wide;

int job_compare_times(int64_t a, struct media_rational base_a, int64_t b,
                      struct media_rational base_b)
{
    const wide left = (wide)a * base_a.num * base_b.den;
    const wide right = (wide)b * base_b.num * base_a.den;
    return (left > right) - (left < right);
}

int64_t job_out_us(const struct job *job, int64_t pts, struct media_rational base)
{
    const wide den = (wide)base.den * job->zero_base.den;
    const wide num = ((wide)pts * base.num * job->zero_base.den -
                      (wide)job->zero_pts * job->zero_base.num * base.den) *
                     1000000;
    wide us = num / den;
    if (num % den < 0)
        us--;
    if (us > INT64_MAX)
        return INT64_MAX;
    return us < INT64_MIN ? INT64_MIN : (int64_t)us;
}

uint64_t job_frames(const struct job *job)
{
    uint64_t frames = 0;
    for (size_t s = 0; job->plan && s < job->plan->segment_count; s++)
        frames += job->plan->segment[s].packet_count;
    return frames;
}
