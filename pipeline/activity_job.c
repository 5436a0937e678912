#include "pipeline/activity_job.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/act_join.h"
#include "pipeline/act_plan.h"
#include "pipeline/act_probe.h"
#include "pipeline/act_publish.h"
#include "pipeline/act_verify.h"
#include "pipeline/places.h"
#include "pipeline/publish_note.h"

enum { DOCUMENT_BYTES_MAX = JX_BYTES_MAX };

// Opening ----------------------------------------------------------------------------------------
static bool is_name(const char *text)
{
    if (!*text || *text == '.' || strlen(text) > ACTIVITY_ID_MAX)
        return false;
    for (const char *c = text; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
            return false;
    }
    return true;
}

static bool load_json(struct workspace *workspace, const char *name, json_t **ret_json,
                      struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    size_t bytes;
    return (workspace_note_load(workspace, name, DOCUMENT_BYTES_MAX, &text, &bytes, err) &&
            jx_parse(text, bytes, false, ret_json, err)) ||
           sr_err_wrap(err, "%s", name);
}

static bool is_digest(const char *text)
{
    return strlen(text) == SR_SHA256_HEX - 1 && strspn(text, "0123456789abcdef") == strlen(text);
}

static bool check_digest(const struct activity_ref *ref, const char *text, size_t bytes,
                         struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    char hex[SR_SHA256_HEX];
    if (!ref->manifest_sha256)
        return true;
    if (!sr_sha256(text, bytes, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), hex);
    return strcmp(hex, ref->manifest_sha256) == 0 ||
           sr_fail(err, SR_ERR_DENIED, "is not the manifest that the job was given");
}

bool activity_ref_manifest(const struct activity_ref *ref, const char *text, size_t bytes,
                           struct manifest **ret_manifest, struct sr_err *err)
{
    json_t *document;
    return (check_digest(ref, text, bytes, err) && jx_parse(text, bytes, false, &document, err) &&
            manifest_take(document, NULL, NULL, ret_manifest, err)) ||
           sr_err_wrap(err, "%s", ref->manifest);
}

static bool load_manifest(struct activity_job *open, const struct activity_ref *ref,
                          struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    struct manifest *manifest;
    size_t bytes;
    if (!workspace_note_load(open->workspace, ref->manifest, DOCUMENT_BYTES_MAX, &text, &bytes,
                             err))
        return sr_err_wrap(err, "%s", ref->manifest);
    if (!activity_ref_manifest(ref, text, bytes, &manifest, err))
        return false;
    open->manifest = manifest;
    return true;
}

static bool open_own(struct activity_job *open, const struct activity_env *env,
                     const struct activity_ref *ref, struct sr_err *err)
{
    const struct remote_params remote = {
        .stores = env->stores,
        .cancel = env->cancel,
        .log = env->log,
        .job = open->id,
        .correlation = open->correlation,
    };
    if (!remote_new(&remote, &open->remote, err))
        return false;
    const struct workspace_params workspace = {
        .folder = ref->workspace,
        .remote = open->remote,
        .job = open->id,
        .is_shared = true,
        .owns_parts = ref->own_parts,
        .log = env->log,
    };
    return workspace_open(&workspace, &open->workspace, err) && load_manifest(open, ref, err) &&
           (!env->memory_bytes || sr_budget_new(env->memory_bytes, &open->budget, err));
}

bool activity_job_correlate(struct activity_job *open, const struct jx *ref, struct sr_err *err)
{
    const char *correlation = open->manifest->correlation;
    const char *traceparent = open->manifest->traceparent;
    if (ref && (!jx_text_opt(ref, "correlation", &correlation, err) ||
                !jx_text_opt(ref, "traceparent", &traceparent, err)))
        return false;
    if (correlation && !correlation_is_id(correlation))
        return jx_fail(ref, err, "\"correlation\": want 1..%d visible characters of ASCII",
                       CORRELATION_BYTES_MAX);
    if (traceparent && !traceparent_is_one(traceparent))
        return jx_fail(ref, err, "\"traceparent\": want one as W3C Trace Context has it");
    // What is well-formed is no longer than its place.
    if (correlation)
        memcpy(open->correlation, correlation, strlen(correlation) + 1);
    if (traceparent)
        memcpy(open->traceparent, traceparent, strlen(traceparent) + 1);
    return true;
}

bool activity_ref_read(const struct jx *at, struct activity_ref *ret, struct sr_err *err)
{
    static const char *const known[] = {
        "id",        "workspace", "manifest",  "correlation",     "traceparent", "priority",
        "overwrite", "strict",    "own_parts", "manifest_sha256", "slots",       NULL
    };
    struct activity_ref ref = { .manifest = "manifest.json" };
    int64_t slots = 0;
    if (!jx_only(at, known, err) || !jx_text(at, "id", &ref.id, err) ||
        !jx_text(at, "workspace", &ref.workspace, err) ||
        !jx_text_opt(at, "manifest", &ref.manifest, err) ||
        !jx_text_opt(at, "manifest_sha256", &ref.manifest_sha256, err) ||
        !jx_bool_opt(at, "overwrite", &ref.overwrite, err) ||
        !jx_bool_opt(at, "strict", &ref.strict, err) ||
        !jx_bool_opt(at, "own_parts", &ref.own_parts, err) ||
        !jx_int_opt(at, "slots", 0, ACTIVITY_SLOTS_MAX, &slots, err))
        return false;
    ref.slots = (size_t)slots;
    if (!is_name(ref.id) || !is_name(ref.manifest))
        return jx_fail(at, err, "want id and manifest of 1..%d letters, digits, - _ and .",
                       ACTIVITY_ID_MAX);
    if (!*ref.workspace)
        return jx_fail(at, err, "want a workspace");
    if (ref.manifest_sha256 && !is_digest(ref.manifest_sha256))
        return jx_fail(at, err, "\"manifest_sha256\": want %d digits of 0-9 and a-f",
                       SR_SHA256_HEX - 1);
    *ret = ref;
    return true;
}

bool activity_job_open(const struct activity_env *env, const struct jx *at,
                       struct activity_job **ret_open, struct sr_err *err)
{
    struct activity_ref ref;
    sr_auto(activity_job) struct activity_job *open = calloc(1, sizeof(*open));
    if (!open)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a job");
    open->owns = true;
    open->pipe_fd = -1;
    open->cancel = env->cancel;
    open->log = env->log;
    if (!activity_ref_read(at, &ref, err))
        return false;
    open->overwrite = ref.overwrite;
    open->strict = ref.strict;
    open->slots = ref.slots;
    memcpy(open->id, ref.id, strlen(ref.id) + 1);
    if (!open_own(open, env, &ref, err) || !activity_job_correlate(open, at, err))
        return sr_err_wrap(err, "job %s", ref.id);
    *ret_open = sr_take(open);
    return true;
}

void activity_job_done(struct activity_job *open)
{
    if (open->job)
        act_join_discard(open->job);
    job_free(open->job);
    open->job = NULL;
    report_done(&open->report);
    free(open->report_path);
    open->report_path = NULL;
}

void activity_job_free(struct activity_job *open)
{
    if (!open)
        return;
    // What was joined waits for the slot that goes on; only the activity "clean" removes it.
    job_free(open->job);
    open->job = NULL;
    activity_job_done(open);
    if (open->owns) {
        manifest_free((struct manifest *)(uintptr_t)open->manifest);
        workspace_free(open->workspace);
        remote_free(open->remote);
        sr_budget_free(open->budget);
    }
    free(open);
}

// From the source to the plan --------------------------------------------------------------------
static bool begin(struct activity_job *open, struct sr_err *err)
{
    const struct job_params params = {
        .manifest = open->manifest,
        .remote = open->remote,
        .workspace = open->workspace,
        .budget = open->budget,
        .sends_late = !open->is_shared,
        .correlation = *open->correlation ? open->correlation : NULL,
        .cancel = open->cancel,
        .log = open->log,
    };
    activity_job_done(open);
    open->is_probed = open->is_planned = open->is_placed = open->is_verified = false;
    atomic_store(&open->is_sound, false);
    return job_open(&params, &open->job, err);
}

bool activity_job_probe(struct activity_job *open, json_t **ret_result, struct sr_err *err)
{
    open->is_probed = begin(open, err) && act_probe(open->job, ret_result, err);
    return open->is_probed;
}

// Damage that the index shows is refused before hours of work, the rest after.
static bool check_strict(const struct activity_job *open, struct sr_err *err)
{
    const struct packet_table *const table = open->job->table;
    return !open->strict || !table || table->damaged_count == 0 ||
           sr_fail(err, SR_ERR_INPUT, "%s: %zu packets are damaged, and --strict refuses that",
                   open->manifest->input_shown, table->damaged_count);
}

// What was being written at these places when its process was killed.
static void remove_left(const struct activity_job *open)
{
    const struct job *const job = open->job;
    for (size_t f = 0; f <= job->file_count; f++) {
        const char *const path = f < job->file_count ? job->files[f].temporary : open->report_path;
        struct sr_err err;
        size_t count;
        if (!path || remote_is_url(path))
            continue;
        if (!sr_file_left_remove_of(path, &count, &err))
            sr_warn(open->log, "what a killed writer left stays", SR_ERR(&err));
        else if (count > 0)
            sr_info(open->log, "what a killed writer left is removed", SR_TEXT("path", path));
    }
}

// The outputs' places, and the report's: before hours of work, not after.
static bool place(struct activity_job *open, bool overwrite, struct sr_err *err)
{
    if (open->is_placed)
        return true;
    job_files_drop(open->job);
    free(open->report_path);
    open->report_path = NULL;
    if (!places_choose(open->job, overwrite, err) ||
        !places_report(open->job, &open->report_path, err))
        return false;
    for (size_t f = 0; f < open->job->file_count; f++) {
        if (open->job->files[f].output->type == MANIFEST_PIPE && open->pipe_fd < 0)
            return sr_fail(err, SR_ERR_UNSUPPORTED,
                           "an output \"-\" has no reader here; name a file");
    }
    remove_left(open);
    open->is_placed = true;
    return true;
}

bool activity_job_plan(struct activity_job *open, json_t **ret_result, struct sr_err *err)
{
    sr_auto(json) json_t *probed = NULL;
    if (!open->is_probed && !activity_job_probe(open, &probed, err))
        return false;
    open->is_probed = false;  // a plan is made once of it
    if (!act_plan(open->job, ret_result, err))
        return false;
    if (!place(open, open->overwrite, err) || !check_strict(open, err)) {
        json_decref(*ret_result);
        *ret_result = NULL;
        return false;
    }
    open->is_planned = true;
    return true;
}

static bool is_same(const json_t *now, const json_t *noted, const char *key)
{
    return json_equal(json_object_get(now, key), json_object_get(noted, key));
}

static bool compare(const struct activity_job *open, const json_t *probed, const json_t *planned,
                    struct sr_err *err)
{
    sr_auto(json) json_t *probe_noted = NULL;
    sr_auto(json) json_t *plan_noted = NULL;
    if (!load_json(open->workspace, "probe.json", &probe_noted, err) ||
        !load_json(open->workspace, "plan.json", &plan_noted, err))
        return false;
    if (!is_same(probed, probe_noted, "identity"))
        return sr_fail(err, SR_ERR_CONFLICT, "%s: is not the file any more that was probed",
                       open->manifest->input_shown);
    if (!is_same(planned, plan_noted, "build"))
        return sr_fail(err, SR_ERR_CONFLICT,
                       "the plan is of another build of the encoder: %.80s, here %.80s",
                       json_string_value(json_object_get(plan_noted, "build")),
                       json_string_value(json_object_get(planned, "build")));
    return json_equal(planned, plan_noted) ||
           sr_fail(err, SR_ERR_CONFLICT, "the plan in the workspace is not that of this manifest");
}

static bool make_plan_again(struct activity_job *open, struct sr_err *err)
{
    sr_auto(json) json_t *probed = NULL;
    sr_auto(json) json_t *planned = NULL;
    if (!begin(open, err))
        return false;
    open->job->workspace = NULL;  // its documents are there
    open->job->notes_were_told = true;
    const bool made = act_probe(open->job, &probed, err) && act_plan(open->job, &planned, err);
    open->job->workspace = open->workspace;
    return made && compare(open, probed, planned, err);
}

bool activity_job_need_plan(struct activity_job *open, struct sr_err *err)
{
    if (open->is_planned)
        return open->is_shared ||
               source_check(open->remote, open->manifest->input, &open->job->identity, err);
    open->is_probed = false;
    open->is_planned = make_plan_again(open, err);
    return open->is_planned;
}

// From the parts to what is published ------------------------------------------------------------
static bool need(struct activity_job *open, struct job_part *part, const char *kind, size_t number,
                 struct sr_err *err)
{
    if (part->is_there)
        return true;
    if (!workspace_find(open->workspace, &part->key, &part->part, &part->is_there, err))
        return false;
    return part->is_there ||
           sr_fail(err, SR_ERR_CONFLICT, "%s %zu is not in the workspace", kind, number);
}

bool activity_job_need_parts(struct activity_job *open, struct sr_err *err)
{
    if (!activity_job_need_plan(open, err) || !place(open, open->overwrite, err))
        return false;
    struct job *const job = open->job;
    for (size_t v = 0; v < job->video_count; v++) {
        for (size_t s = 0; s < job->plan->segment_count; s++) {
            if (!need(open, &job->videos[v].parts[s], "segment", s + 1, err))
                return false;
        }
    }
    for (size_t a = 0; a < job->audio_count; a++) {
        if (!need(open, &job->audios[a].part, "audio track", a + 1, err))
            return false;
    }
    return true;
}

static bool fail_report(struct activity_job *open, const struct report *report, struct sr_err *err)
{
    return workspace_note(open->workspace, "report.json", report->json, err) &&
           sr_fail(err, SR_ERR_VERIFY,
                   "%s; nothing is published; the report and all parts are in %s",
                   report->first_fault, workspace_folder(open->workspace));
}

bool activity_job_check(struct activity_job *open, struct sr_err *err)
{
    sr_auto(report) struct report report = { 0 };
    if (atomic_load(&open->is_sound))
        return true;
    if (!report_make(open->job, NULL, &report, err))
        return false;
    if (open->strict && report.damaged > 0)
        return sr_fail(err, SR_ERR_INPUT,
                       "%s: the source is damaged, and --strict refuses that: %s",
                       open->manifest->input_shown, report.first_damage);
    if (!report.has_passed)
        return fail_report(open, &report, err);
    atomic_store(&open->is_sound, true);
    return true;
}

static bool look(struct activity_job *open, struct sr_err *err)
{
    sr_auto(json) json_t *verified = NULL;
    struct act_verify_found *const found = calloc(1, sizeof(*found));
    if (!found)
        return sr_fail(err, SR_ERR_NO_MEMORY, "findings");
    report_done(&open->report);
    open->report = (struct report){ 0 };
    const bool judged = act_verify(open->job, found, &verified, err) &&
                        report_make(open->job, found, &open->report, err);
    free(found);
    return judged;
}

bool activity_job_verify(struct activity_job *open, struct sr_err *err)
{
    sr_auto(json) json_t *joined = NULL;
    const struct act_join_params all = { .output = ACT_JOIN_ALL, .resumes = true };
    if (open->is_verified)
        return true;
    if (!activity_job_check(open, err) || !act_join(open->job, &all, &joined, err) ||
        !look(open, err))
        return false;
    if (!open->report.has_passed)
        return fail_report(open, &open->report, err);
    open->is_verified =
        source_check(open->remote, open->manifest->input, &open->job->identity, err) ||
        sr_err_wrap(err, "%s", open->job->source.name);
    return open->is_verified;
}

bool activity_job_publish(struct activity_job *open, size_t *ret_count, struct sr_err *err)
{
    sr_auto(json) json_t *published = NULL;
    const struct act_publish_params params = {
        .pipe_fd = open->pipe_fd,
        .report_path = open->report_path,
        .report = open->report.json,
    };
    if (!publish_note_write(open->job, err) || !act_publish(open->job, &params, &published, err)) {
        // Some of it may have its name already: the next try looks anew at what is there.
        act_join_discard(open->job);
        open->is_placed = open->is_verified = false;
        return false;
    }
    *ret_count = json_array_size(json_object_get(published, "published"));
    return true;
}

bool activity_job_clean(struct activity_job *open, struct sr_err *err)
{
    struct sr_err why = { 0 };
    if (!open->is_planned && open->is_shared)
        return true;  // nobody has joined anything
    if (!open->is_planned && !make_plan_again(open, &why)) {
        // What cannot be planned was never joined; but a store may only be busy.
        if (!sr_err_row(why.code)->retry)
            return true;
        *err = why;
        return false;
    }
    open->is_planned = true;
    if (!open->is_placed && !place(open, true, &why))
        return !sr_err_row(why.code)->retry || sr_fail(err, why.code, "%s", why.message);
    act_join_discard(open->job);
    open->is_verified = false;
    open->is_placed = false;
    return true;
}
