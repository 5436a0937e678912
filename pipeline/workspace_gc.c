#include "pipeline/workspace_gc.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "pipeline/workspace.h"
#include "storage/blob_dir.h"

static bool is_young(const struct workspace_gc_params *params, const struct blob_entry *entry)
{
    // one whose age is not known may be somebody's who is at work
    return params->before_us != INT64_MAX &&
           (entry->modified_us == 0 || entry->modified_us >= params->before_us);
}

// What a writer may have left when it was killed: whether it lives, its file says.
static bool collect_left(const struct workspace_gc_params *params, const struct blob_entry *entry,
                         struct workspace_gc_result *result, struct sr_err *err)
{
    sr_auto(char) char *path = NULL;
    if (!blob_dir_file(params->blob, entry->key, &path, err))
        return false;
    bool removed = path && params->dry_run;
    if (path && !params->dry_run && !sr_file_left_remove(path, &removed, err))
        return false;
    result->stale += removed;
    result->stale_bytes += removed ? entry->bytes : 0;
    return !removed || !params->each || params->each(params->self, entry, err);
}

// One page: removed in one call, then told.
static bool collect(const struct workspace_gc_params *params, const struct blob_page *page,
                    size_t prefix_bytes, struct workspace_gc_result *result, struct sr_err *err)
{
    const char *keys[BLOB_PAGE_MAX];
    const struct blob_entry *stale[BLOB_PAGE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < page->count && count < BLOB_PAGE_MAX; i++) {
        const struct blob_entry *const entry = &page->item[i];
        const bool is_left = workspace_is_left(entry->key + prefix_bytes);
        if (!is_left && !workspace_has_name(entry->key + prefix_bytes))
            continue;
        if (is_young(params, entry)) {
            result->left++;
            continue;
        }
        if (is_left) {
            if (!collect_left(params, entry, result, err))
                return false;
            continue;
        }
        stale[count] = entry;
        keys[count++] = entry->key;
    }
    if (count && !params->dry_run && !blob_remove(params->blob, keys, count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        result->stale++;
        result->stale_bytes += stale[i]->bytes;
        if (params->each && !params->each(params->self, stale[i], err))
            return false;
    }
    return true;
}

bool workspace_gc(const struct workspace_gc_params *params, struct workspace_gc_result *ret,
                  struct sr_err *err)
{
    struct workspace_gc_result result = { 0 };
    const size_t bytes = strlen(params->prefix);
    const bool slash = bytes == 0 || params->prefix[bytes - 1] == '/';
    sr_auto(char) char *prefix = sr_strf(err, "%s%s", params->prefix, slash ? "" : "/");
    sr_auto(char) char *token = NULL;
    if (!prefix)
        return false;
    for (bool more = true; more;) {
        const struct blob_list list = { .prefix = prefix, .token = token };
        sr_auto(blob_page) struct blob_page page = { 0 };
        if (!sr_cancel_check(params->cancel, err) || !blob_list(params->blob, &list, &page, err) ||
            !collect(params, &page, strlen(prefix), &result, err))
            return false;
        more = page.more;
        free(token);
        token = sr_take(page.next);
    }
    *ret = result;
    return true;
}
