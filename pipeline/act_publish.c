#include "pipeline/act_publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "pipeline/composed.h"
#include "pipeline/hls.h"
#include "pipeline/hls_priv.h"
#include "pipeline/objects.h"
#include "pipeline/places.h"

enum { COPY_BYTES = 1 << 18 };

static bool publish_pipe(struct job *job, const struct job_file *file, int fd, struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_auto(char) char *buffer = malloc(COPY_BYTES);
    if (!buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%d bytes", COPY_BYTES);
    if (!sr_file_reader_open(file->temporary, &reader, err) || !sr_fd_writer_open(fd, &writer, err))
        return false;
    for (uint64_t offset = 0;;) {
        size_t bytes;
        if (!sr_cancel_check(job->source.cancel, err) ||
            !sr_read_at(&reader, offset, buffer, COPY_BYTES, &bytes, err))
            return false;
        if (bytes == 0)
            break;
        if (!sr_write(&writer, buffer, bytes, err))
            return false;
        offset += bytes;
    }
    return writer.ops->publish(writer.self, err);
}

// Moves one file of an HLS folder; *ret_moved: it was there.
static bool move(const struct job_file *file, const char *id, const char *name, bool *ret_moved,
                 struct sr_err *err)
{
    sr_auto(char) char *from = sr_strf(err, "%s/%s%s%s", file->temporary, id, *id ? "/" : "", name);
    sr_auto(char) char *to = sr_strf(err, "%s/%s%s%s", file->final, id, *id ? "/" : "", name);
    if (!from || !to)
        return false;
    *ret_moved = access(from, F_OK) == 0;
    return !*ret_moved || places_rename(from, to, true, err);
}

// What an earlier, longer output has left behind the last media segment of this one.
static bool remove_rest(const char *final, const char *id, size_t from, struct sr_err *err)
{
    for (size_t n = from;; n++) {
        sr_auto(char) char *path = sr_strf(err, "%s/%s/" HLS_SEGMENT, final, id, n);
        if (!path)
            return false;
        if (unlink(path) != 0)
            return errno == ENOENT || sr_fail_errno(err, errno, "remove %s", path);
    }
}

static bool merge_track(const struct job_file *file, const char *id, struct sr_err *err)
{
    bool moved;
    sr_auto(char) char *own = sr_strf(err, "%s/%s", file->final, id);
    if (!own || !sr_make_folders(own, err) || !move(file, id, HLS_INIT, &moved, err))
        return false;
    for (size_t n = 1;; n++) {
        char name[32];
        (void)snprintf(name, sizeof(name), HLS_SEGMENT, n);
        if (!move(file, id, name, &moved, err))
            return false;
        if (!moved)
            return remove_rest(file->final, id, n, err);
    }
}

// Into a folder that exists: media first, then the tracks' playlists, then the one that names them
// all.
static bool merge_hls(struct job *job, const struct job_file *file, struct sr_err *err)
{
    struct hls_track track;
    bool moved;
    for (size_t i = 0; hls_track(job, file->output, i, &track); i++) {
        if (!merge_track(file, track.id, err))
            return false;
    }
    for (size_t i = 0; hls_track(job, file->output, i, &track); i++) {
        if (!move(file, track.id, HLS_MEDIA, &moved, err))
            return false;
    }
    return move(file, "", HLS_MASTER, &moved, err) && places_remove_tree(file->temporary, err);
}

static bool publish(struct job *job, struct job_file *file, struct sr_err *err)
{
    struct stat status;
    if (file->place)
        return file->files ? objects_publish_hls(job, file, err)
               : file->writer.ops && !file->output->is_composed ? objects_publish(file, err)
                                                                : composed_publish(job, file, err);
    if (file->output->type == MANIFEST_HLS && stat(file->final, &status) == 0)
        return merge_hls(job, file, err);
    return places_rename(file->temporary, file->final, file->may_overwrite, err);
}

// What the job has moved so far, of one that used a store.
static bool add_transfer(const struct job *job, json_t *report, struct sr_err *err)
{
    json_t *transfer = NULL;
    uint64_t copied = 0, sent = 0;
    bool is_composed = false;
    if (!job->remote)
        return true;
    if (!remote_stats(job->remote, &transfer, err))
        return false;
    if (json_is_null(transfer)) {
        json_decref(transfer);
        return true;
    }
    if (!jx_put(report, "transfer", transfer, err))
        return false;
    for (size_t f = 0; f < job->file_count; f++) {
        is_composed |= job->files[f].place && job->files[f].output->is_composed;
        copied += job->files[f].copied_bytes;
        sent += job->files[f].sent_bytes;
    }
    json_t *const composed = is_composed ? json_object() : NULL;
    return !is_composed ||
           (jx_put(transfer, "composed", composed, err) &&
            jx_put(composed, "copied_bytes", json_integer((json_int_t)copied), err) &&
            jx_put(composed, "sent_bytes", json_integer((json_int_t)sent), err));
}

static bool publish_report(const struct job *job, const struct act_publish_params *params,
                           struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    const char *const path = params->report_path;
    if (!path)
        return true;
    if (!add_transfer(job, params->report, err))
        return false;
    if (!jx_dump(params->report, true, &text, err))
        return false;
    return remote_is_url(path) ? objects_publish_report(job, path, text, strlen(text), err)
                               : sr_file_store(path, text, strlen(text), err);
}

bool act_publish(struct job *job, const struct act_publish_params *params, json_t **ret_result,
                 struct sr_err *err)
{
    sr_auto(json) json_t *result = json_object();
    json_t *const published = json_array();
    if (!jx_put(result, "published", published, err))
        return false;
    // Plain files first: what a playlist could name is there before any playlist.
    for (int pass = 0; pass < 2; pass++) {
        for (size_t f = 0; f < job->file_count; f++) {
            struct job_file *const file = &job->files[f];
            if ((file->output->type == MANIFEST_HLS) != (pass == 1))
                continue;
            if (file->output->type == MANIFEST_PIPE ? !publish_pipe(job, file, params->pipe_fd, err)
                                                    : !publish(job, file, err))
                return sr_err_wrap(err, "publish");
            if (!jx_append(published, jx_string(file->final ? file->final : "-"), err))
                return false;
        }
    }
    if (!publish_report(job, params, err))
        return sr_err_wrap(err, "report");
    *ret_result = sr_take(result);
    return true;
}
