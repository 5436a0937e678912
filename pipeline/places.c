#include "pipeline/places.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "pipeline/hls.h"
#include "pipeline/hls_priv.h"
#include "pipeline/objects.h"
#include "pipeline/publish_note.h"
#include "pipeline/tracks.h"

enum { TREE_DEPTH_MAX = 8, REPORT_HEAD_BYTES = 4096 };

// Paths ------------------------------------------------------------------------------------------
size_t places_trimmed(const char *path)
{
    size_t bytes = strlen(path);
    while (bytes > 1 && path[bytes - 1] == '/')
        bytes--;
    return bytes;
}

char *places_parent(const char *path, struct sr_err *err)
{
    size_t bytes = places_trimmed(path);
    while (bytes > 0 && path[bytes - 1] != '/')
        bytes--;
    if (bytes == 0)
        return sr_str_dup(".", err);
    while (bytes > 1 && path[bytes - 1] == '/')
        bytes--;
    return sr_strf(err, "%.*s", (int)bytes, path);
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool are_same(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

static char *final_path(const struct job *job, const struct manifest_output *output, const char *id,
                        struct sr_err *err)
{
    if (!job->manifest->output_is_folder)
        return sr_str_dup(output->path, err);
    sr_auto(char) char *below = NULL;
    if (!manifest_path(output->path, job->name, id, &below, err))
        return NULL;
    const int bytes = (int)places_trimmed(job->manifest->output);
    if (strcmp(below, ".") == 0)
        return sr_strf(err, "%.*s", bytes, job->manifest->output);
    return sr_strf(err, "%.*s/%s", bytes, job->manifest->output, below);
}

// One name for one job and place: what a killed run left there is overwritten by the next, and
// another job has another name.
static char *temporary_path(const struct job *job, const char *final, bool inside,
                            struct sr_err *err)
{
    sr_auto(char) char *folder = inside ? sr_str_dup(final, err) : places_parent(final, err);
    sr_auto(json) json_t *facts = json_pack("{s:O}", "plan", job->plan_json);
    struct workspace_key key;
    if (!folder || !jx_made(facts, err) || !jx_put(facts, "final", jx_string(final), err) ||
        !workspace_key(facts, &key, err))
        return NULL;
    return sr_strf(err, "%s/.splitreel-%.24s", folder, key.text);
}

// Choosing ---------------------------------------------------------------------------------------
static bool check_file(const struct job *job, const char *final, bool overwrite, struct sr_err *err)
{
    const size_t bytes = strlen(final);
    if (is_folder(final) || final[bytes - 1] == '/')
        return sr_fail(err, SR_ERR_INVALID, "%s: is a folder; name a file, or add --template",
                       final);
    if (are_same(final, job->source.name))
        return sr_fail(err, SR_ERR_INVALID, "%s: is the input itself", final);
    if (exists(final) && !overwrite)
        return sr_fail(err, SR_ERR_EXISTS, "%s: is there already; -y overwrites it", final);
    return true;
}

static bool check_hls(const struct job *job, const struct manifest_output *output,
                      const char *final, bool overwrite, struct sr_err *err)
{
    if (exists(final) && !is_folder(final))
        return sr_fail(err, SR_ERR_INVALID, "%s: is not a folder", final);
    if (overwrite)
        return true;
    sr_auto(char) char *master = sr_strf(err, "%s/%s", final, HLS_MASTER);
    if (!master)
        return false;
    if (exists(master))
        return sr_fail(err, SR_ERR_EXISTS, "%s: is there already; -y overwrites it", master);
    struct hls_track track;
    for (size_t i = 0; hls_track(job, output, i, &track); i++) {
        sr_auto(char) char *own = sr_strf(err, "%s/%s", final, track.id);
        if (!own)
            return false;
        if (exists(own))
            return sr_fail(err, SR_ERR_EXISTS, "%s: is there already; -y overwrites what is in it",
                           own);
    }
    return true;
}

// An output in a store: nothing waits under another name.
static bool choose_object(struct job *job, struct job_file *file, bool overwrite,
                          struct sr_err *err)
{
    const bool is_hls = file->output->type == MANIFEST_HLS;
    bool is_there = is_hls;  // looked at more closely
    if (strcmp(file->final, job->manifest->input) == 0)
        return sr_fail(err, SR_ERR_INVALID, "%s: is the input itself", file->final);
    if (!is_hls && !overwrite && !objects_exist(job, file->final, &is_there, err))
        return false;
    if (!overwrite && is_there &&
        !publish_note_allows(job, file->final, is_hls, &file->is_ours, err))
        return false;
    file->may_overwrite = overwrite || file->is_ours;
    if (!is_hls && is_there && !file->may_overwrite)
        return sr_fail(err, SR_ERR_EXISTS, "%s: is there already; -y overwrites it", file->final);
    return objects_prepare(job, file, err);
}

static bool add_file(struct job *job, const struct manifest_output *output, size_t video,
                     const char *id, bool overwrite, struct sr_err *err)
{
    if (job->file_count == JOB_FILES_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d output files", JOB_FILES_MAX);
    struct job_file *const file = &job->files[job->file_count++];
    file->output = output;
    file->video = video;
    if (output->type == MANIFEST_PIPE) {
        file->temporary = sr_strf(err, "%s/joined.mp4", workspace_folder(job->workspace));
        return file->temporary != NULL;
    }
    file->final = final_path(job, output, id, err);
    if (!file->final)
        return false;
    const bool is_hls = output->type == MANIFEST_HLS;
    for (size_t i = 0; i + 1 < job->file_count; i++) {
        if (job->files[i].final && strcmp(job->files[i].final, file->final) == 0)
            return sr_fail(err, SR_ERR_INVALID, "%s: two outputs would have this name",
                           file->final);
    }
    if (remote_is_url(file->final))
        return choose_object(job, file, overwrite, err);
    if (!overwrite && exists(file->final)) {
        if (!publish_note_allows(job, file->final, is_hls, &file->is_ours, err))
            return false;
        overwrite = file->is_ours;
    }
    file->may_overwrite = overwrite;
    if (is_hls ? !check_hls(job, output, file->final, overwrite, err)
               : !check_file(job, file->final, overwrite, err))
        return false;
    file->temporary = temporary_path(job, file->final, is_hls && is_folder(file->final), err);
    return file->temporary != NULL;
}

// Of the first audio track that the output uses.
static const char *audio_id(const struct job *job, const struct manifest_output *output)
{
    for (size_t a = 0; a < job->audio_count; a++) {
        if (tracks_uses(output, job->audios[a].rendition))
            return job->audios[a].id;
    }
    return "audio";
}

bool places_choose(struct job *job, bool overwrite, struct sr_err *err)
{
    if (!manifest_input_name(job->manifest->input_shown, &job->name, err))
        return false;
    for (size_t o = 0; o < job->manifest->output_count; o++) {
        const struct manifest_output *const output = &job->manifest->outputs[o];
        size_t videos = 0;
        if (output->type == MANIFEST_HLS) {
            if (!add_file(job, output, SIZE_MAX, "hls", overwrite, err))
                return false;
            continue;
        }
        for (size_t v = 0; v < job->video_count; v++) {
            if (!tracks_uses(output, job->videos[v].rendition))
                continue;
            videos++;
            if (!add_file(job, output, v, job_video_id(job, v), overwrite, err))
                return false;
        }
        if (videos == 0 && !add_file(job, output, SIZE_MAX, audio_id(job, output), overwrite, err))
            return false;
    }
    return true;
}

// A report of ours may be replaced by the next; anything else with that name is somebody's.
static bool check_report(const char *path, struct sr_err *err)
{
    if (!exists(path))
        return true;
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    char head[REPORT_HEAD_BYTES + 1];
    size_t bytes = 0;
    if (!sr_file_reader_open(path, &reader, err) ||
        !sr_read_at(&reader, 0, head, REPORT_HEAD_BYTES, &bytes, err))
        return false;
    head[bytes] = '\0';
    return strstr(head, "\"splitreel_report\"") ||
           sr_fail(err, SR_ERR_EXISTS,
                   "%s: the report would have this name, and it is not a report; move it away",
                   path);
}

bool places_report_name(const struct manifest *manifest, char **ret_path, struct sr_err *err)
{
    const char *const output = manifest->output;
    if (manifest->output_is_folder) {
        *ret_path = sr_strf(err, "%.*s/report.json", (int)places_trimmed(output), output);
    } else {
        const char *const slash = strrchr(output, '/');
        const char *const dot = strrchr(slash ? slash : output, '.');
        *ret_path = sr_strf(err, "%.*s.report.json",
                            dot ? (int)(dot - output) : (int)strlen(output), output);
    }
    return *ret_path != NULL;
}

bool places_report(const struct job *job, char **ret_path, struct sr_err *err)
{
    sr_auto(char) char *path = NULL;
    if (strcmp(job->manifest->output, "-") == 0 && !job->manifest->output_is_folder)
        return true;
    if (!places_report_name(job->manifest, &path, err) ||
        (remote_is_url(path) ? !objects_check_report(job, path, err) : !check_report(path, err)))
        return false;
    *ret_path = sr_take(path);
    return true;
}

// Moving -----------------------------------------------------------------------------------------
static bool sync_parent(const char *path, struct sr_err *err)
{
    sr_auto(char) char *folder = places_parent(path, err);
    if (!folder)
        return false;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sr_fail_errno(err, errno, "%s", folder);
    const bool done = fsync(fd) == 0 || sr_fail_errno(err, errno, "sync %s", folder);
    (void)close(fd);  // nothing was written through it
    return done;
}

bool places_rename(const char *from, const char *to, bool overwrite, struct sr_err *err)
{
    if (overwrite ? rename(from, to) == 0
                  : renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return sync_parent(to, err);
    const int number = errno;
    if (number == EEXIST)
        return sr_fail(err, SR_ERR_EXISTS, "%s: came into being meanwhile; -y overwrites it", to);
    if (!overwrite && number == EINVAL) {  // a file system without RENAME_NOREPLACE
        if (exists(to))
            return sr_fail(err, SR_ERR_EXISTS, "%s: came into being meanwhile; -y overwrites it",
                           to);
        if (rename(from, to) == 0)
            return sync_parent(to, err);
    }
    return sr_fail_errno(err, errno, "rename to %s", to);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

bool places_remove_tree(const char *folder, struct sr_err *err)
{
    if (nftw(folder, remove_entry, TREE_DEPTH_MAX, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
        return true;
    return sr_fail_errno(err, errno, "remove %s", folder);
}
