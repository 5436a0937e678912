#include "storage/blob_tools.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "storage/blob_cache.h"
#include "storage/blob_read.h"
#include "storage/blob_write.h"

enum { PIECE_BYTES = 1 << 20, CACHE_BYTES = 24 << 20, BLOCK_BYTES = 512 << 10 };
#define COPY_BYTES_MAX (5ULL << 30)  // Spec: S3 "CopyObject": objects up to 5 GB in one operation

static bool stream(const struct sr_reader *reader, struct sr_writer *out,
                   const struct sr_cancel *cancel, struct sr_err *err)
{
    const uint64_t size = sr_reader_size(reader);
    sr_auto(char) char *buffer = malloc(PIECE_BYTES);
    if (!buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "copy buffer");
    for (uint64_t at = 0; at < size;) {
        size_t bytes;
        if (!sr_cancel_check(cancel, err) ||
            !sr_read_at(reader, at, buffer, PIECE_BYTES, &bytes, err))
            return false;
        if (bytes == 0)
            return sr_fail(err, SR_ERR_CONFLICT, "the source ended at %llu of %llu bytes",
                           (unsigned long long)at, (unsigned long long)size);
        if (!sr_write(out, buffer, bytes, err))
            return false;
        at += bytes;
    }
    return true;
}

static bool open_source(const struct blob_place *place, const char *if_match,
                        struct blob_cache *cache, struct sr_reader *ret, struct sr_err *err)
{
    const struct blob_read_params params = {
        .blob = &place->blob,
        .key = place->key,
        .if_match = if_match,
        .cache = cache,
        .ahead_bytes_max = CACHE_BYTES / 2,
    };
    return blob_read_open(&params, ret, err);
}

static bool new_cache(struct blob_cache **ret, struct sr_err *err)
{
    const struct blob_cache_params params = { .bytes_max = CACHE_BYTES,
                                              .block_bytes = BLOCK_BYTES,
                                              .thread_count = 4 };
    return blob_cache_new(&params, ret, err);
}

bool blob_cat(const struct blob_place *place, struct sr_writer *out, const struct sr_cancel *cancel,
              struct sr_err *err)
{
    sr_auto(blob_cache) struct blob_cache *cache = NULL;  // before the reader: freed after it
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    return new_cache(&cache, err) && open_source(place, NULL, cache, &reader, err) &&
           stream(&reader, out, cancel, err);
}

static bool through_memory(const struct blob_place *from, const struct blob_info *info,
                           const struct blob_place *to, const struct blob_attrs *attrs,
                           const struct sr_cancel *cancel, struct sr_err *err)
{
    sr_auto(blob_cache) struct blob_cache *cache = NULL;
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    const struct blob_write_params params = { .blob = &to->blob,
                                              .key = to->key,
                                              .attrs = *attrs,
                                              .cancel = cancel,
                                              .part_bytes = BLOB_PART_BYTES_MIN };
    return new_cache(&cache, err) &&
           open_source(from, *info->etag ? info->etag : NULL, cache, &reader, err) &&
           blob_write_open(&params, &writer, err) && stream(&reader, &writer, cancel, err) &&
           writer.ops->publish(writer.self, err);
}

bool blob_cp(const struct blob_place *from, const struct blob_place *to,
             const struct blob_cp_params *params, uint64_t *ret_bytes, struct sr_err *err)
{
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!blob_head(&from->blob, from->key, &info, err))
        return false;
    const struct blob_attrs attrs = {
        .content_type = *info.content_type ? info.content_type : NULL,
        .cache_control = *info.cache_control ? info.cache_control : NULL,
        .meta = &info.meta,
        .if_absent = !params->overwrite,
    };
    const bool inside =
        from->blob.self == to->blob.self && from->blob.ops->copy && info.bytes <= COPY_BYTES_MAX;
    const bool done = inside ? blob_copy(&from->blob, from->key, info.etag, to->key, &attrs, err)
                             : through_memory(from, &info, to, &attrs, params->cancel, err);
    if (!done)
        return false;
    *ret_bytes = info.bytes;
    return true;
}

bool blob_ls(const struct blob_place *place, bool recursive, blob_ls_fn each, void *self,
             const struct sr_cancel *cancel, struct sr_err *err)
{
    sr_auto(char) char *token = NULL;
    for (bool more = true; more;) {
        const struct blob_list list = { .prefix = place->key,
                                        .delimiter = recursive ? NULL : "/",
                                        .token = token };
        sr_auto(blob_page) struct blob_page page = { 0 };
        if (!sr_cancel_check(cancel, err) || !blob_list(&place->blob, &list, &page, err))
            return false;
        for (size_t i = 0; i < page.count; i++) {
            if (!each(self, &page.item[i], err))
                return false;
        }
        more = page.more;
        free(token);
        token = sr_take(page.next);
    }
    return true;
}
