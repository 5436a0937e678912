#include "pipeline/batch_select.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/str.h"
#include "pipeline/remote.h"
#include "storage/blob_tools.h"

enum { LIST_DEPTH_MAX = 4 };  // of "@FILE" in "@FILE"
static const char s3_scheme[] = "s3://";

// How media files end, where nobody says which to take.
static const char *const endings[] = {
    "3g2", "3gp", "aac",  "aif", "aiff", "asf", "avi",  "flac", "flv", "m2t", "m2ts", "m2v",
    "m4a", "m4v", "mka",  "mkv", "mov",  "mp3", "mp4",  "mpeg", "mpg", "mts", "mxf",  "nut",
    "ogg", "ogv", "opus", "ts",  "vob",  "wav", "webm", "wma",  "wmv", "y4m", NULL,
};

void batch_items_done(struct batch_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        free(items->item[i].source);
        free(items->item[i].path);
    }
    free(items->item);
    *items = (struct batch_items){ 0 };
}

// Names -------------------------------------------------------------------------------------------
static const char *last_part(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// The bytes of `path` in front of its ending. A name that begins with its only point has none.
static size_t without_ending(const char *path)
{
    const char *const name = last_part(path), *const point = strrchr(name, '.');
    return point && point > name ? (size_t)(point - path) : strlen(path);
}

static bool is_media(const char *path)
{
    const char *const ending = path + without_ending(path);
    for (size_t i = 0; *ending == '.' && endings[i]; i++) {
        if (strcasecmp(ending + 1, endings[i]) == 0)
            return true;
    }
    return false;
}

static bool is_hidden(const char *path)
{
    return path[0] == '.' || strstr(path, "/.") != NULL;
}

static bool matches_any(const char *const *patterns, const char *path)
{
    for (size_t i = 0; patterns[i]; i++) {
        if (fnmatch(patterns[i], path, FNM_PATHNAME) == 0 ||
            (!strchr(patterns[i], '/') && fnmatch(patterns[i], last_part(path), 0) == 0))
            return true;
    }
    return false;
}

static bool is_wanted(const struct batch_filter *filter, const struct batch_item *item,
                      bool is_named)
{
    if (filter->include ? !matches_any(filter->include, item->path)
                        : !is_named && !is_media(item->path))
        return false;
    return (!filter->exclude || !matches_any(filter->exclude, item->path)) &&
           item->modified_us >= filter->newer_than_us;
}

// Listing -----------------------------------------------------------------------------------------
struct selection {
    struct blob_stores *stores;
    const struct batch_filter *filter;
    const struct sr_cancel *cancel;
    struct batch_items *items;
    // Of one listing:
    const char *root;     // in front of a key: the source
    size_t skip;          // bytes of a key in front of its path
    const char *pattern;  // over the path; NULL: all
};

static bool add(struct selection *selection, const struct batch_item *item, struct sr_err *err)
{
    struct batch_items *const items = selection->items;
    if (items->count == BATCH_ITEMS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d sources; name fewer at once",
                       BATCH_ITEMS_MAX);
    if ((items->count & (items->count - 1)) == 0) {  // full at every power of two
        const size_t capacity = items->count ? items->count * 2 : 1;
        struct batch_item *const more = realloc(items->item, capacity * sizeof(*more));
        if (!more)
            return sr_fail(err, SR_ERR_NO_MEMORY, "a list of sources");
        items->item = more;
    }
    items->item[items->count++] = *item;
    return true;
}

static bool take_entry(void *self, const struct blob_entry *entry, struct sr_err *err)
{
    struct selection *const selection = self;
    const char *const path = entry->key + selection->skip;
    struct batch_item item = { .path = (char *)path,
                               .bytes = entry->bytes,
                               .modified_us = entry->modified_us };
    const size_t bytes = strlen(path);
    if (entry->folder || bytes == 0 || path[bytes - 1] == '/' || is_hidden(path) ||
        (selection->pattern && fnmatch(selection->pattern, path, FNM_PATHNAME) != 0) ||
        !is_wanted(selection->filter, &item, false))
        return true;
    memcpy(item.etag, entry->etag, sizeof(item.etag));
    item.source = sr_strf(err, "%s%s", selection->root, entry->key);
    item.path = item.source ? sr_str_dup(path, err) : NULL;
    if (!item.path || !add(selection, &item, err)) {
        free(item.source);
        free(item.path);
        return false;
    }
    return true;
}

// What is below `base`, a folder or prefix that ends with '/' (or is a bucket).
static bool list(struct selection *selection, const char *base, const char *pattern,
                 struct sr_err *err)
{
    sr_auto(blob_place) struct blob_place place = { 0 };
    sr_auto(char) char *root = NULL;
    if (!blob_stores_open(selection->stores, base, BLOB_PLACE_LIST, &place, err))
        return false;
    if (remote_is_url(base))
        root = sr_strf(err, "%.*s", (int)(strlen(base) - strlen(place.key)), base);
    else
        root = sr_str_dup(strcmp(base, "./") == 0 ? "" : base, err);
    if (!root)
        return false;
    selection->root = root;
    selection->skip = strlen(place.key);
    selection->pattern = pattern;
    return blob_ls(&place, true, take_entry, selection, selection->cancel, err);
}

static bool list_folder(struct selection *selection, const char *folder, struct sr_err *err)
{
    const size_t bytes = strlen(folder);
    sr_auto(char) char *base =
        sr_strf(err, "%s%s", folder, bytes > 0 && folder[bytes - 1] == '/' ? "" : "/");
    return base && list(selection, base, NULL, err);
}

static bool list_pattern(struct selection *selection, const char *source, struct sr_err *err)
{
    size_t base_bytes = strcspn(source, "*?[");
    while (base_bytes > 0 && source[base_bytes - 1] != '/')
        base_bytes--;
    sr_auto(char) char *base =
        base_bytes > 0 ? sr_strf(err, "%.*s", (int)base_bytes, source) : sr_str_dup("./", err);
    return base && list(selection, base, source + base_bytes, err);
}

// One file or object, whatever its name is like.
static bool take_one(struct selection *selection, const char *source, struct sr_err *err)
{
    sr_auto(blob_place) struct blob_place place = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_auto(char) char *path = NULL;
    struct batch_item item = { 0 };
    if (!blob_stores_open(selection->stores, source, BLOB_PLACE_READ, &place, err) ||
        !blob_head(&place.blob, place.key, &info, err))
        return sr_err_wrap(err, "%s", source);
    // of an http URL the query is no part of a name
    const size_t bytes = remote_is_url(source) && strncasecmp(source, s3_scheme, 5) != 0
                             ? strcspn(source, "?#")
                             : strlen(source);
    path = sr_strf(err, "%.*s", (int)bytes, source);
    if (!path)
        return false;
    item.path = (char *)last_part(path);
    item.bytes = info.bytes;
    item.modified_us = info.modified_us;
    memcpy(item.etag, info.etag, sizeof(item.etag));
    if (!is_wanted(selection->filter, &item, true))
        return true;
    item.path = sr_str_dup(item.path, err);
    item.source = item.path ? sr_str_dup(source, err) : NULL;
    if (!item.source || !add(selection, &item, err)) {
        free(item.source);
        free(item.path);
        return false;
    }
    return true;
}

static bool take(struct selection *selection, const char *source, int depth, struct sr_err *err);

static bool take_lines(struct selection *selection, char *text, int depth, struct sr_err *err)
{
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        const size_t bytes = strlen(line);
        if (bytes > 0 && line[bytes - 1] == '\r')
            line[bytes - 1] = '\0';
        if (line[0] != '\0' && line[0] != '#' && !take(selection, line, depth + 1, err))
            return false;
    }
    return true;
}

static bool take_file(struct selection *selection, const char *name, int depth, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    size_t bytes;
    if (depth == LIST_DEPTH_MAX)
        return sr_fail(err, SR_ERR_INVALID, "@%s: lists within lists, %d deep", name, depth);
    const char *const path = strcmp(name, "-") == 0 ? "/dev/stdin" : name;
    if (!sr_file_load(path, BATCH_LIST_BYTES_MAX, &text, &bytes, err))
        return sr_err_wrap(err, "@%s", name);
    if (memchr(text, '\0', bytes))
        return sr_fail(err, SR_ERR_INVALID, "@%s: this is no list of names", name);
    return take_lines(selection, text, depth, err) || sr_err_wrap(err, "@%s", name);
}

static bool take(struct selection *selection, const char *source, int depth, struct sr_err *err)
{
    struct stat info;
    const bool is_url = remote_is_url(source);
    if (source[0] == '@')
        return take_file(selection, source + 1, depth, err);
    if (!is_url && stat(source, &info) == 0)
        return S_ISDIR(info.st_mode) ? list_folder(selection, source, err)
                                     : take_one(selection, source, err);
    if (strncasecmp(source, s3_scheme, 5) != 0 && is_url)
        return take_one(selection, source, err);
    if (strpbrk(source, "*?["))
        return list_pattern(selection, source, err);
    if (!is_url)
        return sr_fail(err, SR_ERR_NOT_FOUND, "%s: there is no such file or folder", source);
    const bool is_prefix = source[strlen(source) - 1] == '/' || !strchr(source + 5, '/');
    return is_prefix ? list_folder(selection, source, err) : take_one(selection, source, err);
}

bool batch_select(struct blob_stores *stores, const char *source, const struct batch_filter *filter,
                  const struct sr_cancel *cancel, struct batch_items *items, struct sr_err *err)
{
    struct selection selection = {
        .stores = stores, .filter = filter, .cancel = cancel, .items = items
    };
    return take(&selection, source, 0, err);
}

// Outputs -----------------------------------------------------------------------------------------
static bool check_path(const char *path, struct sr_err *err)
{
    for (const char *part = path;; part++) {
        const size_t bytes = strcspn(part, "/");
        if (bytes == 0 || (bytes == 1 && part[0] == '.') ||
            (bytes == 2 && strncmp(part, "..", 2) == 0))
            return sr_fail(err, SR_ERR_INVALID, "%s: its name cannot be a part of {path}", path);
        part += bytes;
        if (*part == '\0')
            return true;
    }
}

bool batch_output(const char *pattern, const struct batch_item *item, char **ret_output,
                  struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str output = { 0 };
    const char *const path = item->path, *const name = last_part(path);
    const size_t path_bytes = without_ending(path);
    const size_t name_bytes = path_bytes - (size_t)(name - path);
    bool is_filled = false;
    if (strstr(pattern, "{path}") && !check_path(path, err))
        return false;
    for (const char *at = pattern; *at;) {
        const size_t plain = strcspn(at, "{");
        bool done = sr_str_add_bytes(&output, at, plain, err);
        at += plain;
        if (done && strncmp(at, "{name}", 6) == 0) {
            done = sr_str_add_bytes(&output, name, name_bytes, err);
            at += 6;
            is_filled = true;
        } else if (done && strncmp(at, "{path}", 6) == 0) {
            done = sr_str_add_bytes(&output, path, path_bytes, err);
            at += 6;
            is_filled = true;
        } else if (*at) {
            return sr_fail(err, SR_ERR_INVALID, "-o: \"%.20s\": there are {name} and {path}", at);
        }
        if (!done)
            return false;
    }
    if (!is_filled)
        return sr_fail(err, SR_ERR_INVALID,
                       "-o %.80s: every source would go there; put {name} or {path} into it",
                       pattern);
    *ret_output = sr_str_take(&output);
    return *ret_output || sr_fail(err, SR_ERR_NO_MEMORY, "an output's name");
}
