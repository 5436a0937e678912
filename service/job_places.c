#include "service/job_places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/str.h"
#include "net/url.h"
#include "pipeline/places.h"
#include "pipeline/remote.h"

enum { ROOTS_MAX = 256 };

struct job_places {
    char *roots[ROOTS_MAX];  // without links
    size_t root_count;
    const struct config_texts *allow;
};

// Opening ----------------------------------------------------------------------------------------

static bool add_root(struct job_places *places, const char *path, struct sr_err *err)
{
    struct stat status;
    if (places->root_count == ROOTS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d roots", ROOTS_MAX);
    char *const real = realpath(path, NULL);
    if (!real)
        return sr_fail_errno(err, errno, "root %s", path);
    places->roots[places->root_count++] = real;
    if (stat(real, &status) != 0 || !S_ISDIR(status.st_mode))
        return sr_fail(err, SR_ERR_INVALID, "root %s: is no folder", path);
    return true;
}

bool job_places_new(const struct config_texts *roots, const struct config_texts *allow,
                    struct job_places **ret_places, struct sr_err *err)
{
    sr_auto(job_places) struct job_places *places = calloc(1, sizeof *places);
    if (!places)
        return sr_fail(err, SR_ERR_NO_MEMORY, "places");
    places->allow = allow;
    for (size_t i = 0; i < roots->count; i++) {
        if (!add_root(places, roots->list[i], err))
            return false;
    }
    *ret_places = sr_take(places);
    return true;
}

void job_places_free(struct job_places *places)
{
    if (!places)
        return;
    for (size_t i = 0; i < places->root_count; i++)
        free(places->roots[i]);
    free(places);
}

// Paths ------------------------------------------------------------------------------------------

static bool is_below(const char *path, const char *root)
{
    const size_t bytes = strlen(root);
    if (bytes == 1)  // "/"
        return true;
    return strncmp(path, root, bytes) == 0 && (path[bytes] == '/' || !path[bytes]);
}

// Whether the part of a path that is not there leads anywhere else once it is: none of its names
// may be "..".
static bool is_plain(const char *rest)
{
    while (*rest) {
        rest += strspn(rest, "/");
        const size_t bytes = strcspn(rest, "/");
        if (bytes == 2 && strncmp(rest, "..", 2) == 0)
            return false;
        rest += bytes;
    }
    return true;
}

// Where a path leads: what there is of it without links, the rest behind it. NULL: out of memory,
// or (err untouched) nowhere that one could tell.
static char *resolve(const char *path, struct sr_err *err)
{
    sr_auto(char) char *part = sr_str_dup(path, err);
    if (!part)
        return NULL;
    size_t end = strlen(part);
    while (end > 1 && part[end - 1] == '/')  // lstat() would look behind a link
        part[--end] = '\0';
    for (size_t bytes = end;;) {
        struct stat status;
        sr_auto(char) char *real = realpath(part, NULL);
        const char *const rest = bytes == 1 ? path : path + bytes;
        if (real)
            return is_plain(rest) ? sr_strf(err, "%s%s", strcmp(real, "/") == 0 ? "" : real, rest)
                                  : NULL;
        // A link that leads to nothing now may lead anywhere later.
        if (errno != ENOENT || lstat(part, &status) == 0 || bytes <= 1)
            return NULL;
        while (bytes > 1 && part[bytes - 1] == '/')
            bytes--;
        while (bytes > 1 && part[bytes - 1] != '/')
            bytes--;
        while (bytes > 1 && part[bytes - 1] == '/')
            bytes--;
        part[bytes] = '\0';
    }
}

static bool check_path(const struct job_places *places, const char *where, const char *path,
                       struct sr_err *err)
{
    if (strcmp(path, "-") == 0)
        return sr_fail(err, SR_ERR_INVALID, "%s: a job has no standard input or output", where);
    if (*path != '/')
        return sr_fail(err, SR_ERR_INVALID, "%s: want an absolute path or a URL", where);
    struct sr_err why = { 0 };
    sr_auto(char) char *real = resolve(path, &why);
    if (why.code != SR_OK) {
        *err = why;
        return false;
    }
    for (size_t i = 0; real && i < places->root_count; i++) {
        if (is_below(real, places->roots[i]))
            return true;
    }
    return sr_fail(err, SR_ERR_DENIED,
                   "%s: %.100s is not below a folder that jobs may use: see --root", where, path);
}

// Addresses --------------------------------------------------------------------------------------

// Of "s3://bucket/key" or "https://host:port/path": what stands behind "://", and before "/".
static bool same_name(const char *a, const char *b, bool any_case)
{
    const size_t bytes = strcspn(a, "/");
    return strcspn(b, "/") == bytes &&
           (any_case ? strncasecmp(a, b, bytes) : strncmp(a, b, bytes)) == 0;
}

static bool has_prefix(const char *address, const char *allowed)
{
    const char *const path = address + strcspn(address, "/");
    const char *prefix = allowed + strcspn(allowed, "/");
    const size_t bytes = strlen(prefix);
    if (bytes <= 1)
        return true;
    return strncmp(path, prefix, bytes) == 0 &&
           (prefix[bytes - 1] == '/' || path[bytes] == '/' || !path[bytes]);
}

// "https://host/path" as we read it: the port when it is not the scheme's own, "." and ".." gone,
// also where they are encoded: servers decode them first.
static bool plain_url(const char *text, struct sr_str *out, struct sr_err *err)
{
    sr_auto(url) struct url url = { 0 };
    sr_auto(sr_str) struct sr_str path = { 0 };
    return url_parse(text, &url, err) && sr_str_addf(out, err, "%s://", url.scheme) &&
           url_add_authority(&url, out, err) &&
           url_decode(url.path, strlen(url.path), false, &path, err) &&
           url_add_normal_path(sr_str_text(&path), out, err);
}

static bool is_allowed(const char *address, const char *allowed, bool is_store)
{
    const char *const rest = strstr(address, "://") + 3, *const wanted = strstr(allowed, "://") + 3;
    if (rest - address != wanted - allowed ||
        strncasecmp(address, allowed, (size_t)(rest - address)) != 0)
        return false;
    return (strcmp(wanted, "*") == 0 || same_name(rest, wanted, !is_store)) &&
           has_prefix(rest, wanted);
}

static bool check_address(const struct job_places *places, const char *where, const char *text,
                          struct sr_err *err)
{
    const bool is_store = strncasecmp(text, "s3://", 5) == 0;
    sr_auto(sr_str) struct sr_str address = { 0 };
    sr_auto(char) char *shown = remote_shown(text, err);
    if (!shown || !(is_store ? sr_str_add(&address, text, err) : plain_url(text, &address, err)))
        return shown && sr_err_wrap(err, "%s", where);
    for (size_t i = 0; i < places->allow->count; i++) {
        struct sr_err ignored = { 0 };
        const char *const allowed = places->allow->list[i];
        sr_auto(sr_str) struct sr_str plain = { 0 };
        const bool is_any = strstr(allowed, "://*") != NULL;
        const bool same_kind = (strncasecmp(allowed, "s3://", 5) == 0) == is_store;
        if (!same_kind || (!is_store && !is_any && !plain_url(allowed, &plain, &ignored)))
            continue;
        if (is_allowed(address.text, plain.text ? plain.text : allowed, is_store))
            return true;
    }
    return sr_fail(err, SR_ERR_DENIED,
                   "%s: %.100s is not an address that jobs may use: see jobs.allow", where, shown);
}

static bool check_place(const struct job_places *places, const char *where, const char *place,
                        struct sr_err *err)
{
    return remote_is_url(place) ? check_address(places, where, place, err)
                                : check_path(places, where, place, err);
}

// Manifests --------------------------------------------------------------------------------------

// The output folder, or file, and what is behind it.
static bool add_output(const struct manifest *manifest, const struct manifest_output *output,
                       const char *name, const char *id, json_t *list, struct sr_err *err)
{
    sr_auto(char) char *below = NULL;
    const char *const folder = manifest->output;
    if (!manifest->output_is_folder)
        return jx_append(list, jx_string(output->path), err);
    if (!manifest_path(output->path, name, id, &below, err))
        return false;
    size_t bytes = strlen(folder);
    while (bytes > 1 && folder[bytes - 1] == '/')
        bytes--;
    sr_auto(char) char *path = strcmp(below, ".") == 0
                                   ? sr_strf(err, "%.*s", (int)bytes, folder)
                                   : sr_strf(err, "%.*s/%s", (int)bytes, folder, below);
    return path && jx_append(list, jx_string(path), err);
}

// One for each rendition with pictures; one of all sound where there are none.
static bool add_outputs(const struct manifest *manifest, const struct manifest_output *output,
                        const char *name, json_t *list, struct sr_err *err)
{
    const char *sound = NULL;
    size_t videos = 0;
    if (output->type == MANIFEST_HLS)
        return add_output(manifest, output, name, "hls", list, err);
    for (size_t i = 0; i < output->use_count; i++) {
        const struct rendition *const asked = &manifest->renditions[output->use[i]].asked;
        if (asked->kind != MEDIA_VIDEO) {
            sound = sound ? sound : asked->id;
            continue;
        }
        videos++;
        if (!add_output(manifest, output, name, asked->id, list, err))
            return false;
    }
    return videos > 0 ||
           add_output(manifest, output, name, sound && *sound ? sound : "audio", list, err);
}

bool job_places_outputs(const struct manifest *manifest, json_t **ret_list, struct sr_err *err)
{
    sr_auto(json) json_t *list = json_array();
    sr_auto(char) char *name = NULL;
    if (!jx_made(list, err) || !manifest_input_name(manifest->input_shown, &name, err))
        return false;
    for (size_t i = 0; i < manifest->output_count; i++) {
        if (!add_outputs(manifest, &manifest->outputs[i], name, list, err))
            return false;
    }
    *ret_list = sr_take(list);
    return true;
}

bool job_places_check(const struct job_places *places, const struct manifest *manifest,
                      struct sr_err *err)
{
    const bool is_object = json_is_object(json_object_get(manifest->document, "input"));
    sr_auto(json) json_t *outputs = NULL;
    sr_auto(char) char *report = NULL;
    size_t index;
    const json_t *output;
    if (!check_place(places, is_object ? "$.input.url" : "$.input", manifest->input, err) ||
        !check_place(places, "$.output", manifest->output, err) ||
        !places_report_name(manifest, &report, err) || !job_places_outputs(manifest, &outputs, err))
        return false;
    json_array_foreach(outputs, index, output)
    {
        if (!check_place(places, "$.output", json_string_value(output), err))
            return false;
    }
    if (report && !check_place(places, "$.output", report, err))
        return false;
    for (size_t i = 0; i < manifest->notification_count; i++) {
        char where[64];
        (void)snprintf(where, sizeof where, "$.notifications[%zu].url", i);  // fits
        if (!check_place(places, where, manifest->notifications[i].url, err))
            return false;
    }
    return true;
}
