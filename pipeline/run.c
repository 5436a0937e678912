#include "pipeline/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/str.h"
#include "pipeline/act_join.h"
#include "pipeline/activity_job.h"
#include "pipeline/notify.h"
#include "pipeline/places.h"
#include "pipeline/run_flow.h"

enum { BUDGET_BYTES_MIN = 256 << 20, JOB_NAME_LETTERS = 24 };

void run_result_done(struct run_result *result)
{
    json_decref(result->report);
    free(result->workspace);
    free(result->report_path);
    *result = (struct run_result){ 0 };
}

static void set_stage(const struct run_params *params, enum run_stage stage)
{
    if (params->progress)
        atomic_store(&params->progress->stage, (int)stage);
}

// Half of the machine's memory, but something to work with.
static uint64_t default_budget(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page_bytes <= 0)
        return BUDGET_BYTES_MIN;
    const uint64_t half = (uint64_t)pages * (uint64_t)page_bytes / 2;
    return half > BUDGET_BYTES_MIN ? half : BUDGET_BYTES_MIN;
}

// What tells jobs apart that share a place: their outputs.
static bool job_name(const struct manifest *manifest, char name[SR_SHA256_HEX], struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    if (!sr_sha256(manifest->output, strlen(manifest->output), digest, err))
        return false;
    sr_hex(digest, sizeof(digest), name);
    name[JOB_NAME_LETTERS] = '\0';
    return true;
}

// Of an output in a store, on this machine: one folder for each output.
// Spec: XDG Base Directory: $XDG_CACHE_HOME, which must be absolute, else $HOME/.cache
static char *cache_workspace(const struct manifest *manifest, struct sr_err *err)
{
    const char *const cache = getenv("XDG_CACHE_HOME"), *const home = getenv("HOME");
    char name[SR_SHA256_HEX];
    if (!job_name(manifest, name, err))
        return NULL;
    if (cache && cache[0] == '/')
        return sr_strf(err, "%s/splitreel/%s", cache, name);
    if (home && home[0] == '/')
        return sr_strf(err, "%s/.cache/splitreel/%s", home, name);
    (void)sr_fail(err, SR_ERR_INVALID,
                  "neither HOME nor XDG_CACHE_HOME says where to work; name a --workspace");
    return NULL;
}

// The workspace's folder when the user names none. For a pipe there is no "beside": a folder in
// TMPDIR, this run's alone.
static char *default_workspace(const struct manifest *manifest, struct sr_err *err)
{
    if (strcmp(manifest->output, "-") == 0) {
        const char *const temporary = getenv("TMPDIR");
        char *const folder =
            sr_strf(err, "%s/splitreel-XXXXXX", temporary && *temporary ? temporary : "/tmp");
        if (folder && !mkdtemp(folder)) {
            (void)sr_fail(err, SR_ERR_STORAGE, "no folder %s; name one with --workspace", folder);
            free(folder);
            return NULL;
        }
        return folder;
    }
    if (remote_is_url(manifest->output))
        return cache_workspace(manifest, err);
    sr_auto(char) char *parent = places_parent(manifest->output, err);
    if (!parent)
        return NULL;
    const char *const slash = strcmp(parent, "/") == 0 ? "" : "/";
    size_t bytes = strlen(manifest->output);
    while (bytes > 1 && manifest->output[bytes - 1] == '/')
        bytes--;
    size_t start = bytes;
    while (start > 0 && manifest->output[start - 1] != '/')
        start--;
    const char *const last = manifest->output + start;
    if (bytes == start || strncmp(last, "..", 2) == 0 ||
        (bytes - start == 1 && last[0] == '.'))  // "/", "..", "."
        return sr_strf(err, "%s/.splitreel/output", manifest->output);
    return sr_strf(err, "%s%s.splitreel/%.*s", parent, slash, (int)(bytes - start), last);
}

// A run in progress: everything that its steps share.
struct run {
    const struct run_params *params;
    struct run_result *result;
    struct sr_cancel hard;
    bool workspace_is_ours;
    struct workspace *workspace;
    struct sr_budget *budget;
    struct remote *remote;
    struct activity_job open;
    const char *correlation;  // of the open job, else its id
    char trace[TRACE_ID_TEXT];
    struct run_params own;
    struct sr_log logs[3];  // each has one more field
};

static void count_done(const struct run *run)
{
    const struct job *const job = run->open.job;
    if (!job)
        return;
    run->result->segment_count = job->video_count > 0 && job->plan ? job->plan->segment_count : 0;
    for (size_t s = 0; s < run->result->segment_count; s++) {
        bool is_done = true;
        for (size_t v = 0; v < job->video_count; v++)
            is_done &= job->videos[v].parts && job->videos[v].parts[s].is_there;
        run->result->segments_done += is_done;
    }
}

static void fill_result(const struct run *run)
{
    const struct job *const job = run->open.job;
    const struct report *const report = &run->open.report;
    if (!report->json)  // it did not come to one
        return;
    run->result->report = json_incref(report->json);
    run->result->damaged = report->damaged;
    memcpy(run->result->first_damage, report->first_damage, sizeof(run->result->first_damage));
    for (size_t s = 0; job->video_count > 0 && s < job->plan->segment_count; s++)
        run->result->frames += (uint64_t)job->videos[0].parts[s].part.frame_count;
    if (job->table)
        run->result->duration_us = job_out_us(job, job->table->end_pts, job->table->time_base);
    for (size_t a = 0; a < job->audio_count; a++) {
        const struct track_part *const part = &job->audios[a].part.part;
        const int64_t end_us = part->end_pts * 1000000 / (int64_t)part->timescale;
        if (end_us > run->result->duration_us)
            run->result->duration_us = end_us;
    }
}

// What ties together the lines of the log, objects and messages of this run.
static bool identify(struct run *run, struct sr_err *err)
{
    struct activity_job *const open = &run->open;
    const char *const given = run->params->correlation;
    size_t count = 1;
    open->manifest = run->params->manifest;
    if (!sr_id_new(run->params->clock, open->id, err) || !activity_job_correlate(open, NULL, err))
        return false;
    if (given && !correlation_is_id(given))
        return sr_fail(err, SR_ERR_INVALID, "--correlation: want 1..%d visible characters of ASCII",
                       CORRELATION_BYTES_MAX);
    if (given)
        memcpy(open->correlation, given, strlen(given) + 1);
    run->correlation = *open->correlation ? open->correlation : open->id;
    if (!run->params->log)
        return true;
    sr_log_with(&run->logs[0], run->params->log, SR_TEXT("job", open->id));
    sr_log_with(&run->logs[1], &run->logs[0], SR_TEXT("correlation", run->correlation));
    if (traceparent_trace(open->traceparent, run->trace))
        sr_log_with(&run->logs[count = 2], &run->logs[1], SR_TEXT("trace_id", run->trace));
    run->own.log = &run->logs[count];
    return true;
}

static bool work(struct run *run, struct sr_err *err)
{
    const struct run_params *const params = run->params;
    run->open.remote = run->remote;
    run->open.workspace = run->workspace;
    run->open.budget = run->budget;
    run->open.cancel = &run->hard;
    run->open.log = params->log;
    run->open.overwrite = params->overwrite;
    run->open.strict = params->strict;
    run->open.is_shared = true;
    run->open.pipe_fd = params->pipe_fd;
    run->open.shuffle = params->shuffle;
    run->open.slots = params->worker_count;
    const bool done = run_flow(params, &run->open, &run->hard, err);
    count_done(run);
    fill_result(run);
    if (done && run->open.report_path)
        run->result->report_path = sr_str_dup(run->open.report_path, err);
    return done && (!run->open.report_path || run->result->report_path);
}

static struct workspace_key *list_keys(const struct job *job, size_t *ret_count)
{
    const size_t segments = job->video_count > 0 ? job->plan->segment_count : 0;
    struct workspace_key *const keys =
        calloc(segments * job->video_count + job->audio_count + 1, sizeof(*keys));
    size_t count = 0;
    for (size_t v = 0; keys && v < job->video_count; v++) {
        for (size_t s = 0; s < segments; s++)
            keys[count++] = job->videos[v].parts[s].key;
    }
    for (size_t a = 0; keys && a < job->audio_count; a++)
        keys[count++] = job->audios[a].part.key;
    *ret_count = count;
    return keys;
}

// `all`: after success; else only what a refused job has made: the folder itself.
static void remove_work(struct run *run, bool all)
{
    struct sr_err err;
    if (all) {
        size_t count;
        struct workspace_key *const keys = list_keys(run->open.job, &count);
        if (keys)
            workspace_remove(run->workspace, keys, count);
        else
            sr_warn(run->params->log, "no memory to remove the workspace; it stays");
        run->result->workspace_kept = keys == NULL;
        free(keys);
    } else {
        workspace_abandon(run->workspace);
        run->result->workspace_kept =
            !remote_is_url(run->result->workspace) && access(run->result->workspace, F_OK) == 0;
    }
    if (!run->workspace_is_ours)
        return;
    char *const parent = places_parent(run->result->workspace, &err);
    if (parent && strlen(parent) >= 9 && strcmp(parent + strlen(parent) - 9, "splitreel") == 0)
        (void)rmdir(parent);  // stays while another job's work is in it
    free(parent);
}

// When nothing was encoded there is nothing to keep: a refused job leaves no folder behind.
static bool has_work(const struct run *run)
{
    const struct job *const job = run->open.job;
    if (!job)
        return false;
    for (size_t v = 0; v < job->video_count; v++) {
        for (size_t s = 0; job->videos[v].parts && s < job->plan->segment_count; s++) {
            if (job->videos[v].parts[s].is_there)
                return true;
        }
    }
    for (size_t a = 0; a < job->audio_count; a++) {
        if (job->audios[a].part.is_there)
            return true;
    }
    return false;
}

static bool open_all(struct run *run, struct sr_err *err)
{
    const struct run_params *const params = run->params;
    char name[SR_SHA256_HEX];
    if (!job_name(params->manifest, name, err))
        return false;
    if (params->workspace && remote_is_url(params->workspace) &&
        strcmp(params->manifest->output, "-") == 0)
        return sr_fail(err, SR_ERR_INVALID,
                       "--workspace %s: for a pipe want a folder of this machine",
                       params->workspace);
    run->workspace_is_ours = params->workspace == NULL;
    run->result->workspace = params->workspace ? sr_str_dup(params->workspace, err)
                                               : default_workspace(params->manifest, err);
    if (!run->result->workspace)
        return false;
    const struct remote_params remote = {
        .stores = params->stores,
        .cancel = &run->hard,
        .log = params->log,
        .reader_count = params->worker_count,
        .job = run->open.id,
        .correlation = run->correlation,
    };
    if (!remote_new(&remote, &run->remote, err))
        return false;
    const struct workspace_params workspace = {
        .folder = run->result->workspace,
        .remote = run->remote,
        .job = name,
        .is_ours = run->workspace_is_ours,
        .log = params->log,
    };
    return sr_budget_new(params->memory_bytes ? params->memory_bytes : default_budget(),
                         &run->budget, err) &&
           workspace_open(&workspace, &run->workspace, err);
}

// A job that was refused as it stands (exit status 2), or interrupted, has not ended.
static void notify(const struct run *run, bool done, const struct sr_err *why)
{
    const struct run_params *const params = run->params;
    const bool has_failed = !done && why->code != SR_ERR_CANCELLED && why->code != SR_ERR_INVALID &&
                            why->code != SR_ERR_EXISTS;
    if (!run->remote || (!done && !has_failed))
        return;
    const struct notify_params with = {
        .manifest = params->manifest,
        .remote = run->remote,
        .clock = params->clock,
        .cancel = params->stop,
        .log = params->log,
        .job = run->open.id,
        .correlation = run->correlation,
        .traceparent = run->open.traceparent,
    };
    const struct notify_outcome outcome = {
        .event = done ? MANIFEST_SUCCEEDED : MANIFEST_FAILED,
        .verdict = json_string_value(json_object_get(run->result->report, "verdict")),
        .report_path = run->result->report_path,
        .err = done ? NULL : why,
    };
    run->result->untold = notify_all(&with, &outcome);
}

bool run_job(const struct run_params *params, struct run_result *ret, struct sr_err *err)
{
    struct run run = { .result = ret, .own = *params };
    run.params = &run.own;
    *ret = (struct run_result){ 0 };
    sr_cancel_init(&run.hard, params->stop, params->clock, INT64_MAX);
    // What cannot work is refused before a folder is made for it.
    bool done =
        remote_is_url(params->manifest->input) || access(params->manifest->input, F_OK) == 0 ||
        sr_fail(err, SR_ERR_NOT_FOUND, "%s: there is no such file", params->manifest->input);
    done = done && notify_check(params->manifest, err) && identify(&run, err) &&
           open_all(&run, err) && work(&run, err);
    if (run.open.job)
        act_join_discard(run.open.job);
    ret->workspace_kept = run.workspace != NULL;
    if (run.workspace && (done ? !params->keep : !has_work(&run)))
        remove_work(&run, done);
    set_stage(params, done ? RUN_ENDED : RUN_FAILED);
    notify(&run, done, err);
    activity_job_done(&run.open);
    remote_free(run.remote);
    workspace_free(run.workspace);
    sr_budget_free(run.budget);
    return done;
}
