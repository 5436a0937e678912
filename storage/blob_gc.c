#include "storage/blob_gc.h"

#include <string.h>

static bool is_stale(const struct blob_upload *upload, int64_t before_us)
{
    // one whose age is not known may be somebody's who is at work
    return before_us == INT64_MAX || (upload->started_us > 0 && upload->started_us < before_us);
}

static bool collect(const struct blob *blob, const struct blob_gc_params *params,
                    const struct blob_uploads *page, struct blob_gc_result *result,
                    struct sr_err *err)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct blob_upload *upload = &page->item[i];
        if (!sr_cancel_check(params->cancel, err))
            return false;
        if (!is_stale(upload, params->before_us)) {
            result->left++;
            continue;
        }
        if (!params->dry_run && !blob_upload_abort(blob, upload, err))
            return sr_err_wrap(err, "upload of %.100s", upload->key);
        result->stale++;
        if (params->each && !params->each(params->self, upload, err))
            return false;
    }
    return true;
}

// A server that does not know where a page should begin gives the first one again and again.
static bool is_again(const struct blob_uploads *page, const struct blob_uploads *before)
{
    return page->count && before->count && strcmp(page->item[0].id, before->item[0].id) == 0;
}

bool blob_gc(const struct blob *blob, const struct blob_gc_params *params,
             struct blob_gc_result *ret, struct sr_err *err)
{
    struct blob_gc_result result = { 0 };
    sr_auto(blob_uploads) struct blob_uploads page = { 0 };
    do {
        sr_auto(blob_uploads) struct blob_uploads next = { 0 };
        const struct blob_upload *last = page.count ? &page.item[page.count - 1] : NULL;
        if (!blob_uploads_after(blob, params->prefix, last, &next, err))
            return false;
        if (is_again(&next, &page))
            return sr_fail(err, SR_ERR_STORAGE, "the listing of uploads does not end");
        blob_uploads_done(&page);
        page = next;
        next = (struct blob_uploads){ 0 };
        if (!collect(blob, params, &page, &result, err))
            return false;
    } while (page.more && page.count);
    *ret = result;
    return true;
}

bool blob_abort_stale(const struct blob *blob, const char *prefix, int64_t before_us,
                      size_t *ret_count, struct sr_err *err)
{
    const struct blob_gc_params params = { .prefix = prefix, .before_us = before_us };
    struct blob_gc_result result;
    if (!blob_gc(blob, &params, &result, err))
        return false;
    *ret_count = (size_t)result.stale;
    return true;
}
