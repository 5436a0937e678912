#include "pipeline/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/correlation.h"
#include "pipeline/manifest_priv.h"
#include "pipeline/preset.h"
#include "pipeline/quantity.h"
#include "pipeline/remote.h"

enum {
    PRIORITY_DEFAULT = 50,
    PRIORITY_MAX = 100,
};
static const int64_t target_us_min = 100000, target_us_max = 3600000000;
static const int64_t media_segment_us_min = 1000000, media_segment_us_max = 60000000;
static const int64_t media_segment_us_default = 6000000;

static const char *const root_keys[] = { "version",       "input",           "output",   "template",
                                         "segments",      "renditions",      "outputs",  "layout",
                                         "notifications", "idempotency_key", "metadata", "priority",
                                         "correlation",   "traceparent",     NULL };
static const char *const segments_keys[] = { "mode", "target", NULL };
static const char *const file_keys[] = { "type", "path", "use", NULL };
static const char *const mp4_keys[] = { "type", "path", "use", "layout", NULL };
static const char *const layout_names[] = { "progressive", "composed", NULL };
static const char *const hls_keys[] = { "type", "path", "use", "segment", NULL };

static const char *const type_names[] = { "mp4", "m4a", "hls", NULL };
static const char *const later_types[] = { "dash",   "webm",   "mkv",   "ts",  "gif",
                                           "sprite", "poster", "image", "vtt", "captions",
                                           "audio",  "mov",    NULL };

const char *manifest_output_type_name(enum manifest_output_type type)
{
    return type == MANIFEST_PIPE ? "pipe" : type_names[type];
}

// Readers that the parser's files share ----------------------------------------------------------
bool manifest_name(const struct jx *at, const char *key, const char *const *names, int *ret_index,
                   struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    const char *const text = json_is_string(place.value) ? json_string_value(place.value) : NULL;
    char all[160] = "";
    for (int i = 0; names[i]; i++) {
        if (text && strcmp(text, names[i]) == 0) {
            *ret_index = i;
            return true;
        }
        const size_t used = strlen(all);
        (void)snprintf(all + used, sizeof(all) - used, "%s\"%s\"", i == 0 ? "" : ", ", names[i]);
    }
    if (text)
        return jx_fail(&place, err, "want one of %s, got \"%.40s\"", all, text);
    return jx_fail(&place, err, "want one of %s", all);
}

bool manifest_is_word(const struct jx *place, const char *word)
{
    return json_is_string(place->value) && strcmp(json_string_value(place->value), word) == 0;
}

bool manifest_text(const struct jx *at, const char *key, const char **ret, struct sr_err *err)
{
    const char *text;
    if (!jx_text(at, key, &text, err))
        return false;
    const size_t bytes = strlen(text);
    if (bytes < 1 || bytes > MANIFEST_TEXT_MAX) {
        const struct jx place = jx_get(at, key);
        return jx_fail(&place, err, "want 1 to %d bytes, got %zu", MANIFEST_TEXT_MAX, bytes);
    }
    *ret = text;
    return true;
}

bool manifest_copy(const struct jx *at, const char *key, char *buffer, size_t capacity,
                   struct sr_err *err)
{
    const char *text;
    if (!jx_text(at, key, &text, err))
        return false;
    const size_t bytes = strlen(text);
    if (bytes < 1 || bytes >= capacity) {
        const struct jx place = jx_get(at, key);
        return jx_fail(&place, err, "want 1 to %zu bytes, got %zu", capacity - 1, bytes);
    }
    memcpy(buffer, text, bytes + 1);
    return true;
}

const char *manifest_spelling(const struct jx *place, char number[40])
{
    if (json_is_string(place->value))
        return json_string_value(place->value);
    if (!json_is_number(place->value) ||
        !sr_format(number, 40, "%.9g", json_number_value(place->value)))
        return "";
    return number;
}

// A number of seconds, or a string with a unit. Leaves *ret_us alone when absent.
static bool read_length(const struct jx *at, const char *key, int64_t min_us, int64_t max_us,
                        int64_t *ret_us, struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    if (!place.value)
        return true;
    char number[40];
    int64_t us = -1;
    if (!quantity_us(manifest_spelling(&place, number), &us) || us < min_us || us > max_us)
        return jx_fail(&place, err,
                       "want a length from %g s to %g s, as \"10s\", \"500ms\" or seconds",
                       (double)min_us / 1e6, (double)max_us / 1e6);
    *ret_us = us;
    return true;
}

// Says what is not there yet: neither the author's mistake nor to be ignored.
static bool fail_later(const struct jx *at, struct sr_err *err, const char *what)
{
    (void)jx_fail(at, err, "%s", what);
    err->code = SR_ERR_UNSUPPORTED;
    return false;
}

// file:///... becomes its path. s3:// is a store, http:// and https:// are one to read from only.
static bool check_place(const char *what, bool is_output, const char **place, struct sr_err *err)
{
    const size_t letters =
        strspn(*place, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    if (letters < 2 || strncmp(*place + letters, "://", 3) != 0)
        return true;
    if (letters == 4 && strncmp(*place, "file", 4) == 0 && (*place)[7] == '/') {
        *place += 7;
        return true;
    }
    if (!remote_is_url(*place))
        return sr_fail(err, SR_ERR_UNSUPPORTED, "%s \"%.*s://...\": there are paths, s3://%s", what,
                       (int)letters, *place, is_output ? "" : ", http:// and https://");
    if (is_output && letters != 2)
        return sr_fail(err, SR_ERR_UNSUPPORTED,
                       "%s \"%.*s://...\": http and https can only be read", what, (int)letters,
                       *place);
    const char *const rest = *place + letters + 3;
    return (*rest && *rest != '/') ||
           sr_fail(err, SR_ERR_INVALID, "%s \"%.*s://...\": names no %s", what, (int)letters,
                   *place, letters == 2 ? "bucket" : "host");
}

// Renditions and outputs -------------------------------------------------------------------------
static bool read_renditions(const struct jx *list, struct manifest *manifest, struct sr_err *err)
{
    const size_t count = json_array_size(list->value);
    if (count < 1 || count > MEDIA_RENDITIONS_MAX)
        return jx_fail(list, err, "want 1 to %d renditions, got %zu", MEDIA_RENDITIONS_MAX, count);
    for (size_t i = 0; i < count; i++) {
        const struct jx place = jx_at(list, i);
        if (!manifest_rendition_parse(&place, &manifest->renditions[i], err))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(manifest->renditions[i].asked.id, manifest->renditions[j].asked.id) == 0)
                return jx_fail(&place, err, "the id \"%s\" is taken by another rendition",
                               manifest->renditions[i].asked.id);
        }
    }
    manifest->rendition_count = count;
    return true;
}

static bool read_use(const struct jx *at, const struct manifest *manifest,
                     struct manifest_output *output, struct sr_err *err)
{
    struct jx use;
    if (!jx_array(at, "use", &use, err))
        return false;
    const size_t count = json_array_size(use.value);
    bool used[MEDIA_RENDITIONS_MAX] = { false };
    if (count < 1 || count > MEDIA_RENDITIONS_MAX)
        return jx_fail(&use, err, "want the ids of 1 to %d renditions", MEDIA_RENDITIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct jx place = jx_at(&use, i);
        const char *const id = json_is_string(place.value) ? json_string_value(place.value) : "";
        size_t r = 0;
        while (r < manifest->rendition_count && strcmp(manifest->renditions[r].asked.id, id) != 0)
            r++;
        if (r == manifest->rendition_count)
            return jx_fail(&place, err, "there is no rendition \"%.64s\"", id);
        if (used[r])
            return jx_fail(&place, err, "\"%s\" is used twice", id);
        used[r] = true;
    }
    for (size_t r = 0; r < manifest->rendition_count; r++) {
        if (used[r])
            output->use[output->use_count++] = r;
    }
    return true;
}

static bool check_use(const struct jx *at, const struct manifest *manifest,
                      const struct manifest_output *output, struct sr_err *err)
{
    size_t videos = 0;
    for (size_t i = 0; i < output->use_count; i++)
        videos += manifest->renditions[output->use[i]].asked.kind == MEDIA_VIDEO;
    if (output->type == MANIFEST_M4A && videos > 0)
        return jx_fail(at, err, "an \"m4a\" output uses audio renditions only");
    if (output->type == MANIFEST_MP4 && videos > 1 && !strstr(output->path, "{id}"))
        return jx_fail(at, err, "%zu video renditions give as many files: put {id} into \"path\"",
                       videos);
    return true;
}

// Whether what the pattern gives stays inside the folder, with harmless values put in.
static bool check_pattern(const struct jx *at, const struct manifest_output *output,
                          struct sr_err *err)
{
    const struct jx place = jx_get(at, "path");
    sr_auto(char) char *path = NULL;
    struct sr_err why;
    if (!manifest_path(output->path, "name", "id", &path, &why))
        return why.code == SR_ERR_INVALID ? jx_fail(&place, err, "%s", why.message)
                                          : (*err = why, false);
    const size_t bytes = strlen(output->path);
    if (output->type != MANIFEST_HLS && (output->path[bytes - 1] == '/' || strcmp(path, ".") == 0))
        return jx_fail(&place, err, "want a file's name, got a folder's");
    return true;
}

static bool read_layout(const struct jx *at, bool *ret_is_composed, struct sr_err *err)
{
    int layout;
    if (!jx_has(at, "layout"))
        return true;
    if (!manifest_name(at, "layout", layout_names, &layout, err))
        return false;
    *ret_is_composed = layout == 1;
    return true;
}

static bool read_output(const struct jx *at, const struct manifest *manifest,
                        struct manifest_output *ret, struct sr_err *err)
{
    struct manifest_output output = { .segment_us = media_segment_us_default };
    if (!json_is_object(at->value))
        return jx_fail(at, err, "want an object");
    const struct jx type_place = jx_get(at, "type");
    for (size_t i = 0; later_types[i]; i++) {
        if (manifest_is_word(&type_place, later_types[i]))
            return fail_later(
                &type_place, err,
                "this type of output comes with a later release; there are \"hls\", \"mp4\" "
                "and \"m4a\"");
    }
    int type;
    if (!manifest_name(at, "type", type_names, &type, err))
        return false;
    output.type = (enum manifest_output_type)type;
    const char *const *const keys = output.type == MANIFEST_HLS   ? hls_keys
                                    : output.type == MANIFEST_MP4 ? mp4_keys
                                                                  : file_keys;
    output.is_composed = output.type == MANIFEST_MP4 && manifest->is_composed;
    if (!jx_only(at, keys, err) || !read_layout(at, &output.is_composed, err) ||
        !manifest_text(at, "path", &output.path, err) || !check_pattern(at, &output, err) ||
        !read_use(at, manifest, &output, err) || !check_use(at, manifest, &output, err) ||
        !read_length(at, "segment", media_segment_us_min, media_segment_us_max, &output.segment_us,
                     err))
        return false;
    *ret = output;
    return true;
}

// Whether {id} is filled with this rendition's: the pictures' where there are any, else the
// sound's.
static bool names_file(const struct manifest *manifest, const struct manifest_output *output,
                       size_t rendition)
{
    bool pictures = false, used = false;
    for (size_t i = 0; i < output->use_count; i++) {
        pictures |= manifest->renditions[output->use[i]].asked.kind == MEDIA_VIDEO;
        used |= output->use[i] == rendition;
    }
    return used && (!pictures || manifest->renditions[rendition].asked.kind == MEDIA_VIDEO);
}

// Whether both outputs would have one name. What differs here and is the same once {name} is known
// is found when the places are chosen.
static bool same_place(const struct manifest *manifest, const struct manifest_output *a,
                       const struct manifest_output *b)
{
    if (strcmp(a->path, b->path) != 0)
        return false;
    const bool is_hls = a->type == MANIFEST_HLS;
    if (!strstr(a->path, "{id}") || is_hls != (b->type == MANIFEST_HLS))
        return !strstr(a->path, "{id}");
    for (size_t r = 0; r < manifest->rendition_count; r++) {
        if (names_file(manifest, a, r) && names_file(manifest, b, r))
            return true;
    }
    return is_hls;  // there {id} is "hls"
}

static bool read_outputs(const struct jx *list, struct manifest *manifest, struct sr_err *err)
{
    const size_t count = json_array_size(list->value);
    if (count < 1 || count > MANIFEST_OUTPUTS_MAX)
        return jx_fail(list, err, "want 1 to %d outputs, got %zu", MANIFEST_OUTPUTS_MAX, count);
    for (size_t i = 0; i < count; i++) {
        const struct jx place = jx_at(list, i);
        if (!read_output(&place, manifest, &manifest->outputs[i], err))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (same_place(manifest, &manifest->outputs[i], &manifest->outputs[j]))
                return jx_fail(&place, err, "the path \"%.80s\" is taken by another output",
                               manifest->outputs[i].path);
            if (manifest->outputs[i].type == MANIFEST_HLS &&
                manifest->outputs[j].type == MANIFEST_HLS &&
                manifest->outputs[i].segment_us != manifest->outputs[j].segment_us)
                return jx_fail(&place, err,
                               "all \"hls\" outputs of a job share one \"segment\" length");
        }
    }
    manifest->output_count = count;
    manifest->output_is_folder = true;
    return true;
}

// "output": "x.mp4" alone: one output, all renditions.
static bool derive_output(struct manifest *manifest, struct sr_err *err)
{
    static const struct {
        const char *extension;
        enum manifest_output_type type;
    } rows[] = { { ".mp4", MANIFEST_MP4 }, { ".m4v", MANIFEST_MP4 }, { ".m4a", MANIFEST_M4A } };
    struct manifest_output *const output = &manifest->outputs[0];
    const char *const slash = strrchr(manifest->output, '/');
    const char *const dot = strrchr(slash ? slash + 1 : manifest->output, '.');
    size_t row = 0;
    while (row < 3 && (!dot || strcasecmp(dot, rows[row].extension) != 0))
        row++;
    if (row == 3 && strcmp(manifest->output, "-") != 0)
        return sr_fail(
            err, SR_ERR_INVALID,
            "output \"%.120s\": want a name that ends in .mp4 or .m4a, \"-\" for standard output, or a folder "
            "with a template or outputs",
            manifest->output);
    *output = (struct manifest_output){
        .type = row == 3 ? MANIFEST_PIPE : rows[row].type,
        .path = manifest->output,
        .segment_us = media_segment_us_default,
        .is_composed = manifest->is_composed && row < 2,
    };
    size_t videos = 0;
    for (size_t i = 0; i < manifest->rendition_count; i++) {
        const bool is_video = manifest->renditions[i].asked.kind == MEDIA_VIDEO;
        if (is_video && output->type == MANIFEST_M4A)
            continue;
        videos += is_video;
        output->use[output->use_count++] = i;
    }
    if (output->use_count == 0)
        return sr_fail(err, SR_ERR_INVALID,
                       "output \"%.120s\": no rendition fits: it holds audio alone",
                       manifest->output);
    if (videos > 1)
        return sr_fail(
            err, SR_ERR_INVALID,
            "output \"%.120s\": %zu video renditions do not fit into one file: name a folder "
            "and \"outputs\"",
            manifest->output, videos);
    manifest->output_count = 1;
    return true;
}

static bool settle_renditions(const struct jx *root, struct manifest *manifest, struct sr_err *err)
{
    struct jx list;
    if (jx_has(root, "renditions"))
        return jx_array(root, "renditions", &list, err) && read_renditions(&list, manifest, err);
    if (jx_has(root, "outputs")) {
        const struct jx place = jx_get(root, "outputs");
        return jx_fail(&place, err, "outputs use renditions: \"renditions\" is missing");
    }
    manifest->renditions[0] = manifest_rendition_default(MEDIA_VIDEO);
    manifest->renditions[1] = manifest_rendition_default(MEDIA_AUDIO);
    manifest->rendition_count = 2;
    return true;
}

// A template stands for "renditions" and "outputs"; it is put into the document, which then speaks
// for itself.
static bool expand_template(const struct jx *root, json_t *document, struct sr_err *err)
{
    const char *name;
    if (!jx_has(root, "template"))
        return true;
    if (!jx_text(root, "template", &name, err))
        return false;
    const struct jx place = jx_get(root, "template");
    if (jx_has(root, "renditions") || jx_has(root, "outputs"))
        return jx_fail(&place, err,
                       "a template brings its own \"renditions\" and \"outputs\": leave these out");
    sr_auto(json) json_t *preset = NULL;
    struct sr_err why;
    if (!preset_find(name, &preset, &why))
        return why.code == SR_ERR_INVALID ? jx_fail(&place, err, "%s", why.message)
                                          : (*err = why, false);
    if (json_object_update(document, preset) != 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "template %s", name);
    return true;
}

// The rest ---------------------------------------------------------------------------------------
static bool read_segments(const struct jx *root, struct manifest *manifest, struct sr_err *err)
{
    static const char *const mode_names[] = { "auto", "keyframe", "grid", "off", NULL };
    static const enum segment_mode modes[] = { SEGMENT_AUTO, SEGMENT_KEYFRAME, SEGMENT_GRID,
                                               SEGMENT_OFF };
    struct jx segments;
    if (!jx_has(root, "segments"))
        return true;
    int mode = 0;
    if (!jx_object(root, "segments", &segments, err) || !jx_only(&segments, segments_keys, err) ||
        (jx_has(&segments, "mode") && !manifest_name(&segments, "mode", mode_names, &mode, err)) ||
        !read_length(&segments, "target", target_us_min, target_us_max, &manifest->target_us, err))
        return false;
    manifest->mode = modes[mode];
    return true;
}

static bool read_metadata(const struct jx *root, struct manifest *manifest, struct sr_err *err)
{
    struct jx metadata;
    if (!jx_has(root, "metadata"))
        return true;
    if (!jx_object(root, "metadata", &metadata, err))
        return false;
    if (json_object_size(metadata.value) > MANIFEST_METADATA_MAX)
        return jx_fail(&metadata, err, "want at most %d members", MANIFEST_METADATA_MAX);
    const char *key;
    json_t *value;
    // jansson's iterators want it mutable and do not change it.
    json_object_foreach((json_t *)metadata.value, key, value)
    {
        const struct jx place = jx_get(&metadata, key);
        if (!json_is_string(value) || json_string_length(value) > MANIFEST_TEXT_MAX)
            return jx_fail(&place, err, "want a string of at most %d bytes", MANIFEST_TEXT_MAX);
    }
    manifest->metadata = metadata.value;
    return true;
}

static bool read_correlation(const struct jx *root, struct manifest *manifest, struct sr_err *err)
{
    const struct jx id = jx_get(root, "correlation"), trace = jx_get(root, "traceparent");
    if (!jx_text_opt(root, "correlation", &manifest->correlation, err) ||
        !jx_text_opt(root, "traceparent", &manifest->traceparent, err))
        return false;
    if (manifest->correlation && !correlation_is_id(manifest->correlation))
        return jx_fail(&id, err, "want 1..%d visible characters of ASCII", CORRELATION_BYTES_MAX);
    return !manifest->traceparent || traceparent_is_one(manifest->traceparent) ||
           jx_fail(&trace, err, "want a traceparent as W3C Trace Context has it");
}

static bool read_carried(const struct jx *root, struct manifest *manifest, struct sr_err *err)
{
    int64_t priority = PRIORITY_DEFAULT;
    if (!jx_int_opt(root, "priority", 0, PRIORITY_MAX, &priority, err) ||
        !read_metadata(root, manifest, err) || !read_correlation(root, manifest, err) ||
        !manifest_notify_parse(root, manifest, err))
        return false;
    manifest->priority = (int)priority;
    return !jx_has(root, "idempotency_key") ||
           manifest_text(root, "idempotency_key", &manifest->idempotency_key, err);
}

static bool read_places(const struct jx *root, struct manifest *manifest, struct sr_err *err)
{
    if (!manifest_input_parse(root, manifest, err))
        return false;
    if (!manifest->output && !manifest_text(root, "output", &manifest->output, err))
        return false;
    if (manifest->input[0] == '\0' || manifest->output[0] == '\0')
        return sr_fail(err, SR_ERR_INVALID, "the name of the input or output is empty");
    if (!check_place("input", false, &manifest->input, err) ||
        !check_place("output", true, &manifest->output, err))
        return false;
    manifest->input_shown = remote_shown(manifest->input, err);
    return manifest->input_shown != NULL;
}

static bool read_manifest(json_t *document, struct manifest *manifest, struct sr_err *err)
{
    const struct jx root = jx_root(document);
    int64_t version;
    if (!json_is_object(document))
        return jx_fail(&root, err, "want an object");
    if (!jx_only(&root, root_keys, err) || !jx_int(&root, "version", 1, 1, &version, err) ||
        !read_places(&root, manifest, err) || !read_carried(&root, manifest, err) ||
        !read_segments(&root, manifest, err) || !read_layout(&root, &manifest->is_composed, err) ||
        !expand_template(&root, document, err) || !settle_renditions(&root, manifest, err))
        return false;
    struct jx outputs;
    if (jx_has(&root, "outputs")) {
        if (!jx_array(&root, "outputs", &outputs, err) || !read_outputs(&outputs, manifest, err))
            return false;
        if (strcmp(manifest->output, "-") == 0)
            return sr_fail(err, SR_ERR_INVALID, "output \"-\": several outputs need a folder");
        return true;
    }
    return derive_output(manifest, err);
}

bool manifest_take(json_t *document, const char *input, const char *output,
                   struct manifest **ret_manifest, struct sr_err *err)
{
    sr_auto(json) json_t *owned = document;
    sr_auto(manifest) struct manifest *manifest = calloc(1, sizeof(*manifest));
    if (!manifest)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a manifest");
    manifest->document = sr_take(owned);
    manifest->input = input;
    manifest->output = output;
    manifest->rotate = -1;
    manifest->audio = MANIFEST_ALL;
    manifest->mode = SEGMENT_AUTO;
    if (!read_manifest(manifest->document, manifest, err))
        return false;
    *ret_manifest = sr_take(manifest);
    return true;
}

bool manifest_parse(const struct manifest_params *params, struct manifest **ret_manifest,
                    struct sr_err *err)
{
    json_t *document;
    if (params->bytes > MANIFEST_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a manifest of %zu bytes; %d are the most",
                       params->bytes, MANIFEST_BYTES_MAX);
    return jx_parse(params->text, params->bytes, true, &document, err) &&
           manifest_take(document, params->input, params->output, ret_manifest, err);
}

void manifest_free(struct manifest *manifest)
{
    if (!manifest)
        return;
    json_decref(manifest->document);
    free(manifest->input_shown);
    free(manifest);
}
