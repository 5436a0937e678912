#include "pipeline/act_join.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "pipeline/composed.h"
#include "pipeline/hls.h"
#include "pipeline/hls_priv.h"
#include "pipeline/objects.h"
#include "pipeline/places.h"
#include "pipeline/tracks.h"

// Written under its temporary name in one step: what is there is whole, and of these very parts.
static bool is_written(const struct job_file *file, bool resumes)
{
    return resumes && file->temporary && access(file->temporary, F_OK) == 0;
}

static bool join_file(struct job *job, const struct job_file *file, struct sr_err *err)
{
    sr_auto(tracks) struct tracks *tracks = NULL;
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    if (!tracks_new(job, file->output, file->video, &tracks, err) ||
        !sr_file_writer_open(file->temporary, &writer, err))
        return false;
    const struct mux_params params = {
        .track_count = tracks_count(tracks),
        .tracks = tracks_list(tracks),
        .writer = &writer,
        .cancel = job->source.cancel,
        .budget = job->budget,
    };
    return (file->output->type == MANIFEST_PIPE ? mux_fragmented(&params, err)
                                                : mux_mp4(&params, err)) &&
           writer.ops->publish(writer.self, err);
}

static bool join_composed(struct job *job, struct job_file *file, bool resumes, struct sr_err *err)
{
    if (file->place)
        return composed_list(job, file, &file->joined, err);
    if (is_written(file, resumes))
        return true;
    sr_auto(joined) struct joined *joined = NULL;
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    char sha256[SR_SHA256_HEX];
    return composed_list(job, file, &joined, err) &&
           sr_file_writer_open(file->temporary, &writer, err) &&
           joined_copy(joined, &writer, job->source.cancel, sha256, err) &&
           writer.ops->publish(writer.self, err);
}

// The master playlist is written last.
static bool write_hls(struct job *job, const struct job_file *file, const struct hls_files *files,
                      bool resumes, struct sr_err *err)
{
    sr_auto(char) char *master = sr_strf(err, "%s/%s", file->temporary, HLS_MASTER);
    if (!master)
        return false;
    return (resumes && access(master, F_OK) == 0) || (places_remove_tree(file->temporary, err) &&
                                                      hls_write(job, files, file->temporary, err));
}

static bool join_hls(struct job *job, struct job_file *file, bool resumes, struct sr_err *err)
{
    sr_auto(hls_files) struct hls_files files = { 0 };
    if (!hls_list(job, file->output, &files, err))
        return false;
    file->media_segments = files.media_segments;
    if (!file->place)
        return write_hls(job, file, &files, resumes, err);
    file->files = malloc(sizeof(files));
    if (!file->files)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a list of files");
    *file->files = files;
    files = (struct hls_files){ 0 };
    return true;
}

static bool join(struct job *job, struct job_file *file, bool resumes, struct sr_err *err)
{
    if (file->output->type == MANIFEST_HLS)
        return join_hls(job, file, resumes, err);
    if (file->output->is_composed)
        return join_composed(job, file, resumes, err);
    if (file->place)
        return objects_join(job, file, err);
    return is_written(file, resumes) || join_file(job, file, err);
}

// What joining has made in memory, so that it can begin anew.
static void forget(struct job_file *file)
{
    objects_discard(file);
    joined_free(file->joined);
    file->joined = NULL;
    if (file->files)
        hls_files_done(file->files);
    free(file->files);
    file->files = NULL;
    file->is_joined = false;
}

bool act_join(struct job *job, const struct act_join_params *params, json_t **ret_result,
              struct sr_err *err)
{
    size_t count = 0;
    for (size_t f = 0; f < job->file_count; f++) {
        struct job_file *const file = &job->files[f];
        if (params->output != ACT_JOIN_ALL &&
            file->output != &job->manifest->outputs[params->output])
            continue;
        count++;
        if (file->is_joined)
            continue;
        if (!join(job, file, params->resumes, err)) {
            forget(file);
            return sr_err_wrap(err, "%s", file->final ? file->final : "standard output");
        }
        file->is_joined = true;
    }
    sr_auto(json) json_t *result = json_pack("{s:I}", "files", (json_int_t)count);
    if (!jx_made(result, err))
        return false;
    *ret_result = sr_take(result);
    return true;
}

void act_join_discard(struct job *job)
{
    for (size_t f = 0; f < job->file_count; f++) {
        struct sr_err err;
        struct job_file *const file = &job->files[f];
        forget(file);
        if (!file->temporary)
            continue;
        const bool gone = file->output->type == MANIFEST_HLS
                              ? places_remove_tree(file->temporary, &err)
                              : unlink(file->temporary) == 0 || errno == ENOENT ||
                                    sr_fail_errno(&err, errno, "remove %s", file->temporary);
        if (!gone)
            sr_warn(job->log, "a temporary file stays", SR_ERR(&err));
    }
}
