// What touches workspaces, which may be far away: on threads that nobody waits for.
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "pipeline/places.h"
#include "pipeline/workspace.h"
#include "service/jobs_priv.h"

enum { REPORT_BYTES_MAX = 16 << 20 };

static void file_free(struct jobs_file *file)
{
    if (!file)
        return;
    free(file->workspace);
    free(file->manifest);
    free(file->report);
    free(file);
}
SR_DEFINE_AUTO(file, struct jobs_file, file_free);

// Takes what it was asked for; the worker hears of it.
static void answer(struct jobs_file *taken, bool done, const struct sr_err *why)
{
    sr_auto(file) struct jobs_file *file = taken;
    struct sr_err err = { 0 };
    struct jobs *const jobs = file->jobs;
    if (file->kind == JOBS_FILE_REPORT) {
        file->fn(file->self, NULL, 0, why);
        return;
    }
    const bool wrote = file->kind == JOBS_FILE_WRITE;
    struct jobs_message *const message =
        jobs_message_new(jobs, wrote ? JOBS_WROTE : JOBS_REMOVED, file->id, file->attempt, &err);
    if (!message) {  // it stands in the row as due, and begins again at the next start
        sr_error(jobs->params.log, "a job waits for a start of the service",
                 SR_TEXT("job", file->id), SR_ERR(&err));
        return;
    }
    message->is_clean = file->is_clean;
    message->done = done;
    if (!done)
        message->err = *why;
    sr_ignore(jobs_post(jobs, message, &err));  // always has room
}

void jobs_file_drop(void *item)
{
    struct sr_err err = { 0 };
    struct jobs_file *const file = item;
    (void)sr_fail(&err, SR_ERR_BUSY, "the service stops");
    answer(file, false, &err);
}

bool jobs_files_ask(struct jobs *jobs, const struct jobs_file *wanted, struct sr_err *err)
{
    sr_auto(file) struct jobs_file *file = calloc(1, sizeof *file);
    if (!file)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a workspace");
    *file = *wanted;
    file->jobs = jobs;
    file->workspace = sr_str_dup(wanted->workspace, err);
    file->manifest = wanted->manifest ? sr_str_dup(wanted->manifest, err) : NULL;
    file->report = wanted->report ? sr_str_dup(wanted->report, err) : NULL;
    if (!file->workspace || (wanted->manifest && !file->manifest) ||
        (wanted->report && !file->report))
        return sr_fail(err, SR_ERR_NO_MEMORY, "a workspace");
    if (atomic_fetch_add(&jobs->file_count, 1) < JOBS_FILES_MAX &&
        sr_queue_push(jobs->files, file)) {
        (void)sr_take(file);
        return true;
    }
    atomic_fetch_sub(&jobs->file_count, 1);
    return sr_fail(err, SR_ERR_BUSY, "too many jobs wait for their workspaces");
}

// Workspaces -------------------------------------------------------------------------------------

static bool open_workspace(const struct jobs_file *file, struct workspace **ret, struct sr_err *err)
{
    const struct workspace_params params = { .folder = file->workspace,
                                             .remote = file->jobs->remote,
                                             .job = file->id,
                                             .is_shared = true,
                                             .log = file->jobs->params.log };
    return workspace_open(&params, ret, err);
}

static bool write_manifest(const struct jobs_file *file, struct sr_err *err)
{
    sr_auto(json) json_t *manifest = NULL;
    sr_auto(workspace) struct workspace *workspace = NULL;
    return jx_parse(file->manifest, strlen(file->manifest), false, &manifest, err) &&
           open_workspace(file, &workspace, err) &&
           workspace_note(workspace, "manifest.json", manifest, err);
}

static bool load_there(const struct jobs_file *file, char **ret_text, size_t *ret_bytes,
                       struct sr_err *err)
{
    const struct blob_place *place;
    if (!remote_is_url(file->report))
        return sr_file_load(file->report, REPORT_BYTES_MAX, ret_text, ret_bytes, err);
    return remote_open(file->jobs->remote, file->report, BLOB_PLACE_READ, &place, err) &&
           blob_load(&place->blob, place->key, REPORT_BYTES_MAX, ret_text, ret_bytes, err);
}

// One that has not passed stays in the workspace.
static bool load_report(const struct jobs_file *file, char **ret_text, size_t *ret_bytes,
                        struct sr_err *err)
{
    sr_auto(workspace) struct workspace *workspace = NULL;
    if (file->report)
        return load_there(file, ret_text, ret_bytes, err);
    if (!remote_is_url(file->workspace)) {  // a folder that is gone is not made again for it
        sr_auto(char) char *path = sr_strf(err, "%s/report.json", file->workspace);
        return path && sr_file_load(path, REPORT_BYTES_MAX, ret_text, ret_bytes, err);
    }
    return open_workspace(file, &workspace, err) &&
           workspace_note_load(workspace, "report.json", REPORT_BYTES_MAX, ret_text, ret_bytes,
                               err);
}

static void report(struct jobs_file *taken)
{
    sr_auto(file) struct jobs_file *file = taken;
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    size_t bytes = 0;
    if (load_report(file, &text, &bytes, &err))
        file->fn(file->self, text, bytes, NULL);
    else
        file->fn(file->self, NULL, 0, &err);
}

static void work(struct jobs_file *file)
{
    struct sr_err err = { 0 };
    atomic_fetch_sub(&file->jobs->file_count, 1);
    if (file->kind == JOBS_FILE_REPORT)
        report(file);
    else if (file->kind == JOBS_FILE_WRITE)
        answer(file, write_manifest(file, &err), &err);
    else
        answer(file, places_remove_tree(file->workspace, &err), &err);
}

// Threads ----------------------------------------------------------------------------------------

static void run_filer(void *arg)
{
    struct jobs *const jobs = arg;
    void *item;
    while (sr_queue_pop(jobs->files, -1, &item) == SR_POP_ITEM) {
        if (atomic_load(&jobs->is_stopping))
            jobs_file_drop(item);
        else
            work(item);
    }
}

bool jobs_files_start(struct jobs *jobs, struct sr_err *err)
{
    for (size_t i = 0; i < JOBS_FILE_THREADS; i++) {
        if (!sr_thread_start("job-files", run_filer, jobs, &jobs->filers[i], err))
            return false;
    }
    return true;
}

void jobs_files_step(struct jobs *jobs)
{
    void *item;
    while (!jobs->filers[0] && sr_queue_pop(jobs->files, 0, &item) == SR_POP_ITEM)
        work(item);
}
