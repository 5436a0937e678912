#include "pipeline/child_reach.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/activity_job.h"
#include "pipeline/manifest.h"
#include "pipeline/places.h"
#include "pipeline/workspace.h"

enum { RULES_MAX = 3 + MANIFEST_OUTPUTS_MAX };  // workspace, input, report, outputs
#define ANY_ID "\001"                           // stands for what {id} becomes

struct rule {
    char *text;      // a URL
    bool is_prefix;  // and all that begins with it
    bool may_write;
};

struct child_reach {
    size_t rule_count;
    struct rule rules[RULES_MAX];
    char *workspace;  // with a slash at its end; NULL: a folder
    char *own;        // what the job's own notes begin with, and its parts if they are its own
    char *manifest;
    bool owns_parts;
};

void child_reach_free(struct child_reach *reach)
{
    if (!reach)
        return;
    for (size_t i = 0; i < reach->rule_count; i++)
        free(reach->rules[i].text);
    free(reach->workspace);
    free(reach->own);
    free(reach->manifest);
    free(reach);
}

// Rules ------------------------------------------------------------------------------------------
// Takes the text; false: there is none. What is no URL needs no rule.
static bool add(struct child_reach *reach, char *text, bool is_prefix, bool may_write)
{
    if (!text)
        return false;
    if (!remote_is_url(text)) {
        free(text);
        return true;
    }
    assert(reach->rule_count < RULES_MAX);  // a manifest has no more
    reach->rules[reach->rule_count++] =
        (struct rule){ .text = text, .is_prefix = is_prefix, .may_write = may_write };
    return true;
}

// Where there is an {id}, all that begins as the path does before it.
static bool add_output(struct child_reach *reach, const struct manifest *manifest,
                       const struct manifest_output *output, const char *name, struct sr_err *err)
{
    const bool is_hls = output->type == MANIFEST_HLS;
    sr_auto(char) char *below = NULL;
    if (!manifest_path(output->path, name, ANY_ID, &below, err))
        return false;
    const size_t plain = strcspn(below, ANY_ID);
    const bool is_open = below[plain] != '\0', is_top = strcmp(below, ".") == 0;
    return add(reach,
               sr_strf(err, "%.*s/%.*s%s", (int)places_trimmed(manifest->output), manifest->output,
                       is_top ? 0 : (int)plain, below, is_hls && !is_open && !is_top ? "/" : ""),
               is_hls || is_open, true);
}

static bool add_manifest(struct child_reach *reach, const struct manifest *manifest,
                         struct sr_err *err)
{
    sr_auto(char) char *name = NULL, *report = NULL;
    if (!add(reach, sr_str_dup(manifest->input, err), false, false))
        return false;
    if (!manifest->output || !remote_is_url(manifest->output))
        return true;
    if (!places_report_name(manifest, &report, err) || !add(reach, sr_take(report), false, true))
        return false;
    if (!manifest->output_is_folder)
        return add(reach, sr_str_dup(manifest->output, err), false, true);
    if (!manifest_input_name(manifest->input_shown, &name, err))
        return false;
    for (size_t o = 0; o < manifest->output_count; o++) {
        if (!add_output(reach, manifest, &manifest->outputs[o], name, err))
            return false;
    }
    return true;
}

static bool add_workspace(struct child_reach *reach, const struct activity_ref *ref,
                          struct sr_err *err)
{
    if (!remote_is_url(ref->workspace))
        return true;
    const size_t bytes = strlen(ref->workspace);
    reach->workspace =
        sr_strf(err, "%s%s", ref->workspace, ref->workspace[bytes - 1] == '/' ? "" : "/");
    if (!reach->workspace)
        return false;
    reach->own = sr_strf(err, "%sjobs/%s/", reach->workspace, ref->id);
    if (!reach->own)
        return false;
    reach->owns_parts = ref->own_parts;
    reach->manifest = sr_strf(err, "%s%s", reach->own, ref->manifest);
    return reach->manifest &&
           add(reach, sr_str_dup(ref->own_parts ? reach->own : reach->workspace, err), true, true);
}

static bool load_manifest(const struct activity_ref *ref, struct remote *remote,
                          struct manifest **ret_manifest, struct sr_err *err)
{
    const struct workspace_params params = { .folder = ref->workspace,
                                             .remote = remote,
                                             .job = ref->id };
    sr_auto(char) char *text = NULL;
    size_t bytes;
    if (!workspace_note_peek(&params, ref->manifest, MANIFEST_BYTES_MAX, &text, &bytes, err))
        return sr_err_wrap(err, "%s", ref->manifest);
    return activity_ref_manifest(ref, text, bytes, ret_manifest, err);
}

bool child_reach_new(const struct jx *job, struct remote *remote, struct child_reach **ret_reach,
                     struct sr_err *err)
{
    struct activity_ref ref;
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(child_reach) struct child_reach *reach = calloc(1, sizeof(*reach));
    if (!reach)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a job's reach");
    if (!activity_ref_read(job, &ref, err) || !add_workspace(reach, &ref, err) ||
        !load_manifest(&ref, remote, &manifest, err) || !add_manifest(reach, manifest, err))
        return false;
    *ret_reach = sr_take(reach);
    return true;
}

// Checks -----------------------------------------------------------------------------------------
static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

// Notes are their job's, and the manifest is what is checked against. Parts that are everybody's
// are nothing to a job that has its own, even if its outputs lie around them.
static bool is_others(const struct child_reach *reach, const char *url, enum child_reach_use use)
{
    if (!reach->workspace || !begins(url, reach->workspace))
        return false;
    if (begins(url, reach->own))
        return use == CHILD_REACH_WRITE && strcmp(url, reach->manifest) == 0;
    const char *const name = url + strlen(reach->workspace);
    return begins(name, "jobs/") || (reach->owns_parts && workspace_is_part(name));
}

static bool allows(const struct rule *rule, const char *url, enum child_reach_use use)
{
    if (use == CHILD_REACH_WRITE && !rule->may_write)
        return false;
    if (use == CHILD_REACH_LIST)
        return rule->may_write && begins(url, rule->text);
    return rule->is_prefix ? begins(url, rule->text) : strcmp(url, rule->text) == 0;
}

bool child_reach_check(const struct child_reach *reach, const char *url, enum child_reach_use use,
                       struct sr_err *err)
{
    bool is_allowed = false;
    for (size_t i = 0; i < reach->rule_count && !is_others(reach, url, use); i++)
        is_allowed |= allows(&reach->rules[i], url, use);
    if (is_allowed)
        return true;
    sr_auto(char) char *shown = remote_shown(url, err);
    return shown && sr_fail(err, SR_ERR_DENIED, "the job does not name %s", shown);
}
