#include "service/job_outputs.h"

#include <string.h>

#include "base/str.h"
#include "pipeline/remote.h"
#include "service/job_places.h"
#include "service/map_places.h"

static size_t trimmed(const char *place)
{
    size_t bytes = strlen(place);
    while (bytes > 1 && place[bytes - 1] == '/')
        bytes--;
    return bytes;
}

// Names between slashes, without empty ones and ".".
static void squeeze(char *path)
{
    char *to = path;
    for (const char *at = path; *at;) {
        const size_t bytes = 1 + strcspn(at + 1, "/");  // with the slash in front
        if (bytes > 2 || (bytes == 2 && at[1] != '.')) {
            memmove(to, at, bytes);
            to += bytes;
        }
        at += bytes;
    }
    *to = '\0';
}

// As an event names it: s3:// in small letters, else URLs as they are; paths without links, as far
// as one can look.
static bool resolve(const char *place, char **ret_place, struct sr_err *err)
{
    sr_auto(char) char *plain = sr_strf(err, "%.*s", (int)trimmed(place), place);
    if (!plain)
        return false;
    if (remote_is_url(plain)) {
        plain[0] = *plain == 'S' ? 's' : *plain;
    } else {
        struct sr_err why = { 0 };
        squeeze(plain);
        if (map_places_resolve(plain, ret_place, &why))
            return true;
        if (why.code == SR_ERR_NO_MEMORY) {
            *err = why;
            return false;
        }
    }
    *ret_place = sr_take(plain);
    return true;
}

static bool add(const char *place, json_t *list, struct sr_err *err)
{
    sr_auto(char) char *resolved = NULL;
    return resolve(place, &resolved, err) && jx_append(list, jx_string(resolved), err);
}

static bool has_hls(const struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->output_count; i++) {
        if (manifest->outputs[i].type == MANIFEST_HLS)
            return true;
    }
    return false;
}

// Not all that is below: others may put what they like there.
static bool add_hls(const char *place, json_t *list, struct sr_err *err)
{
    sr_auto(char) char *resolved = NULL;
    if (!resolve(place, &resolved, err))
        return false;
    sr_auto(char) char *master = sr_strf(err, "%s/master.m3u8", resolved);
    sr_auto(char) char *tracks = master ? sr_strf(err, "%s/*", resolved) : NULL;
    return tracks && jx_append(list, jx_string(master), err) &&
           jx_append(list, jx_string(tracks), err);
}

static bool add_workspace(const char *place, json_t *list, struct sr_err *err)
{
    sr_auto(char) char *resolved = NULL;
    if (!resolve(place, &resolved, err))
        return false;
    sr_auto(char) char *all = sr_strf(err, "%s/", resolved);
    return all && jx_append(list, jx_string(all), err);
}

static char *report_of(const struct manifest *manifest, struct sr_err *err)
{
    const char *const output = manifest->output;
    const char *const slash = strrchr(output, '/'), *const dot = strrchr(output, '.');
    if (manifest->output_is_folder)
        return sr_strf(err, "%.*s/report.json", (int)trimmed(output), output);
    return sr_strf(err, "%.*s.report.json",
                   dot && (!slash || dot > slash) ? (int)(dot - output) : (int)strlen(output),
                   output);
}

bool job_outputs_list(const struct manifest *manifest, const char *workspace, json_t **ret_list,
                      struct sr_err *err)
{
    sr_auto(json) json_t *list = json_array();
    sr_auto(json) json_t *outputs = NULL;
    sr_auto(char) char *report = report_of(manifest, err);
    size_t index;
    const json_t *output;
    if (!jx_made(list, err) || !report || !job_places_outputs(manifest, &outputs, err))
        return false;
    json_array_foreach(outputs, index, output)
    {
        const char *const place = json_string_value(output);
        if (!add(place, list, err) || (has_hls(manifest) && !add_hls(place, list, err)))
            return false;
    }
    if (!add(report, list, err) || !add_workspace(workspace, list, err))
        return false;
    *ret_list = sr_take(list);
    return true;
}

bool job_outputs_note(struct job_store *store, const struct job_row *row, struct sr_err *err)
{
    const struct manifest_params params = { .text = row->manifest, .bytes = strlen(row->manifest) };
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(json) json_t *list = NULL;
    size_t index;
    const json_t *place;
    if (!manifest_parse(&params, &manifest, err) ||
        !job_outputs_list(manifest, row->workspace, &list, err))
        return false;
    json_array_foreach(list, index, place)
    {
        if (!job_store_add_output(store, json_string_value(place), err))
            return false;
    }
    return true;
}
