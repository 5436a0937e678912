#include "storage/blob_tools.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "storage/blob_relay.h"
#include "storage/blob_write.h"

enum {
    PIECE_BYTES = 8 << 20,  // Ceph stores stripes of 4 MiB
    SMALL_BYTES_MAX = 8 << 20,
    PART_BYTES = BLOB_PART_BYTES_MIN,  // stores are slow to finish one: many on their way do best
    OUT_THREADS = 4,                   // each with a piece in memory
    UP_THREADS = 8,                    // that send and that wait for MD5s (md5_queue.h)
    PIPE_PART_BYTES = 8 << 20,
    PARTS_MAX = 9000,
    PIPE_BYTES = 1 << 20,
    POLL_MS = 200,  // how late a pipe notices that it was cancelled
};
#define COPY_BYTES_MAX (5ULL << 30)  // Spec: S3 "CopyObject": objects up to 5 GB in one operation
#define COPY_PART_BYTES (512ULL << 20)  // of 10,000 parts 5 TiB come to 525 MiB each

static void note_total(struct blob_moved *moved, uint64_t bytes)
{
    if (moved)
        atomic_fetch_add(&moved->bytes_total, bytes);
}

static void note_moved(struct blob_moved *moved, uint64_t bytes)
{
    if (moved)
        atomic_fetch_add(&moved->bytes, bytes);
}

// Reading ----------------------------------------------------------------------------------------

struct span {
    uint64_t offset, end;
};

static bool relay_out(const struct blob_place *from, const struct blob_info *info,
                      const struct span *span, const struct sr_cancel *cancel,
                      struct blob_moved *moved, struct sr_writer *out, struct sr_err *err)
{
    const struct blob_relay_params params = {
        .from = &from->blob,
        .key = from->key,
        .info = info,
        .offset = span->offset,
        .end = span->end,
        .piece_bytes = PIECE_BYTES,
        .thread_count = OUT_THREADS,
        .cancel = cancel,
        .moved = moved ? &moved->bytes : NULL,
    };
    return blob_relay_out(&params, out, err);
}

static bool span_of(const struct blob_cat_params *params, uint64_t size, struct span *ret,
                    struct sr_err *err)
{
    struct span span = { .end = size };
    if (params->last_bytes) {
        span.offset = params->last_bytes < size ? size - params->last_bytes : 0;
    } else {
        span.offset = params->offset;
        if (span.offset && span.offset >= size)
            return sr_fail(err, SR_ERR_INVALID,
                           "the range begins at %llu, the object has %llu bytes",
                           (unsigned long long)span.offset, (unsigned long long)size);
        if (params->bytes < size - span.offset)
            span.end = span.offset + params->bytes;
    }
    *ret = span;
    return true;
}

bool blob_cat(const struct blob_place *place, const struct blob_cat_params *params,
              struct sr_writer *out, struct sr_err *err)
{
    sr_auto(blob_info) struct blob_info info = { 0 };
    struct span span = { 0 };
    if (!blob_head(&place->blob, place->key, &info, err) ||
        !span_of(params, info.bytes, &span, err))
        return false;
    note_total(params->moved, span.end - span.offset);
    return relay_out(place, &info, &span, params->cancel, params->moved, out, err);
}

// Copying ----------------------------------------------------------------------------------------

// In one piece: two requests, no threads.
static bool small_through_memory(const struct blob_place *from, const struct blob_info *info,
                                 const struct blob_place *to, const struct blob_attrs *attrs,
                                 const struct blob_cp_params *params, struct sr_err *err)
{
    const size_t bytes = (size_t)info->bytes;  // at most SMALL_BYTES_MAX
    size_t got = 0;
    char etag[BLOB_ETAG_BYTES];
    sr_auto(char) char *data = malloc(bytes + 1);
    if (!data)
        return sr_fail(err, SR_ERR_NO_MEMORY, "copy buffer");
    if (!sr_cancel_check(params->cancel, err) ||
        (bytes && !blob_get_bytes(&from->blob, from->key, *info->etag ? info->etag : NULL, 0, data,
                                  bytes, &got, err)))
        return false;
    if (got != bytes)
        return sr_fail(err, SR_ERR_CONFLICT, "the source ended at %zu of %zu bytes", got, bytes);
    const struct blob_put put = { .key = to->key, .data = data, .bytes = bytes, .attrs = *attrs };
    if (!blob_put(&to->blob, &put, etag, err))
        return false;
    note_moved(params->moved, bytes);
    return true;
}

static bool to_folder(const struct blob_place *from, const struct blob_info *info,
                      const struct blob_place *to, const struct blob_attrs *attrs,
                      const struct blob_cp_params *params, struct sr_err *err)
{
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    const struct span span = { .end = info->bytes };
    return to->blob.ops->open_writer(to->blob.self, to->key, attrs, &writer, err) &&
           relay_out(from, info, &span, params->cancel, params->moved, &writer, err) &&
           writer.ops->publish(writer.self, err);
}

// In parts: what makes them, and from what.
struct parts_of {
    bool (*make)(const struct parts_of *of, const struct blob_upload *upload,
                 struct blob_parts *ret_parts, struct sr_err *err);
    const struct blob_place *from, *to;
    const struct blob_info *info;
    const struct blob_cp_params *params;
    uint64_t part_bytes;
};

static bool in_parts(const struct parts_of *of, const struct blob_attrs *attrs, struct sr_err *err)
{
    const struct blob *const blob = &of->to->blob;
    sr_auto(blob_upload) struct blob_upload upload = { 0 };
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    char etag[BLOB_ETAG_BYTES];
    if (!blob_upload_begin(blob, of->to->key, attrs, &upload, err))
        return false;
    if (of->make(of, &upload, &parts, err) &&
        blob_upload_finish(blob, &upload, &parts, attrs, etag, err))
        return true;
    struct sr_err ignored = { 0 };  // what cannot be aborted now is found by gc
    (void)!blob_upload_abort(blob, &upload, &ignored);
    return false;
}

static bool send_parts(const struct parts_of *of, const struct blob_upload *upload,
                       struct blob_parts *ret_parts, struct sr_err *err)
{
    struct blob_moved *const moved = of->params->moved;
    const struct blob_relay_params params = {
        .from = &of->from->blob,
        .key = of->from->key,
        .info = of->info,
        .end = of->info->bytes,
        .piece_bytes = (size_t)of->part_bytes,
        .thread_count = UP_THREADS,
        .cancel = of->params->cancel,
        .moved = moved ? &moved->bytes : NULL,
    };
    return blob_relay_up(&params, &of->to->blob, upload, ret_parts, err);
}

static bool through_memory(const struct blob_place *from, const struct blob_info *info,
                           const struct blob_place *to, const struct blob_attrs *attrs,
                           const struct blob_cp_params *params, struct sr_err *err)
{
    if (info->bytes <= SMALL_BYTES_MAX)
        return small_through_memory(from, info, to, attrs, params, err);
    if (to->blob.ops->open_writer)
        return to_folder(from, info, to, attrs, params, err);
    const uint64_t least = info->bytes / PARTS_MAX + 1;
    const struct parts_of of = { .make = send_parts,
                                 .from = from,
                                 .to = to,
                                 .info = info,
                                 .params = params,
                                 .part_bytes = least > PART_BYTES ? least : PART_BYTES };
    return in_parts(&of, attrs, err);
}

static bool copy_parts(const struct parts_of *of, const struct blob_upload *upload,
                       struct blob_parts *ret_parts, struct sr_err *err)
{
    uint32_t number = 1;
    for (uint64_t at = 0; at < of->info->bytes; number++) {
        const uint64_t left = of->info->bytes - at;
        const struct blob_source source = { .key = of->from->key,
                                            .offset = at,
                                            .bytes = left < of->part_bytes ? left : of->part_bytes,
                                            .if_match = of->info->etag };
        struct blob_part part;
        if (!sr_cancel_check(of->params->cancel, err) ||
            !blob_upload_copy(&of->from->blob, upload, number, &source, &part, err) ||
            !blob_parts_add(ret_parts, &part, err))
            return false;
        note_moved(of->params->moved, source.bytes);
        at += source.bytes;
    }
    return true;
}

// Larger than one copy may be: parts that the store copies.
static bool inside_in_parts(const struct blob_place *from, const struct blob_info *info,
                            const struct blob_place *to, const struct blob_attrs *attrs,
                            const struct blob_cp_params *params, struct sr_err *err)
{
    const uint64_t least = info->bytes / BLOB_PARTS_MAX + 1;
    const uint64_t usual = params->copy_bytes_max ? params->copy_bytes_max : COPY_PART_BYTES;
    const struct parts_of of = { .make = copy_parts,
                                 .from = from,
                                 .to = to,
                                 .info = info,
                                 .params = params,
                                 .part_bytes = least > usual ? least : usual };
    return in_parts(&of, attrs, err);
}

static bool inside(const struct blob_place *from, const struct blob_info *info,
                   const struct blob_place *to, const struct blob_attrs *attrs,
                   const struct blob_cp_params *params, struct sr_err *err)
{
    const uint64_t most = params->copy_bytes_max ? params->copy_bytes_max : COPY_BYTES_MAX;
    const char *const etag = *info->etag ? info->etag : NULL;
    const bool is_one_store = from->blob.self == to->blob.self;
    if (is_one_store && info->bytes > most)
        return inside_in_parts(from, info, to, attrs, params, err);
    if (!(is_one_store
              ? blob_copy(&from->blob, from->key, etag, to->key, attrs, err)
              : blob_copy_across(&from->blob, from->key, etag, &to->blob, to->key, attrs, err)))
        return false;
    note_moved(params->moved, info->bytes);
    return true;
}

static bool can_be_inside(const struct blob_place *from, const struct blob_info *info,
                          const struct blob_place *to)
{
    if (from->blob.self == to->blob.self)
        return from->blob.ops->copy != NULL;
    return from->blob.ops == to->blob.ops && to->blob.ops->copy_across &&
           info->bytes <= COPY_BYTES_MAX;
}

// A server that does not copy (parts), or does not find keys which it must decode, still stores
// what is sent; Swift (2.30) takes the ETag of an object made of parts for another's. Reading asks
// for the same ETag, so that a source which has changed is still found out. One that refuses to
// copy between two buckets may do so for any reason.
static bool is_final(const struct sr_err *err, bool is_one_store)
{
    if (is_one_store)
        return err->code != SR_ERR_UNSUPPORTED && err->code != SR_ERR_NOT_FOUND &&
               err->code != SR_ERR_CONFLICT;
    return err->code == SR_ERR_EXISTS || err->code == SR_ERR_CANCELLED;
}

static bool is_same(const struct blob_place *from, const struct blob_place *to)
{
    return from->blob.self == to->blob.self && strcmp(from->key, to->key) == 0;
}

bool blob_cp(const struct blob_place *from, const struct blob_place *to,
             const struct blob_cp_params *params, struct blob_cp_result *ret, struct sr_err *err)
{
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (is_same(from, to))
        return sr_fail(err, SR_ERR_INVALID, "an object cannot be copied onto itself");
    if (!blob_head(&from->blob, from->key, &info, err))
        return false;
    note_total(params->moved, info.bytes);
    const char *type = params->content_type ? params->content_type : info.content_type;
    const char *cache = params->cache_control ? params->cache_control : info.cache_control;
    // then the target's name may say more
    const bool says_nothing = strcmp(type, "application/octet-stream") == 0;
    const struct blob_attrs attrs = {
        .content_type = *type && !says_nothing ? type : NULL,
        .cache_control = *cache ? cache : NULL,
        .meta = &info.meta,
        .if_absent = !params->overwrite,
    };
    struct blob_cp_result result = { .bytes = info.bytes };
    if (can_be_inside(from, &info, to)) {
        result.inside = inside(from, &info, to, &attrs, params, err);
        if (!result.inside && is_final(err, from->blob.self == to->blob.self))
            return false;
    }
    if (!result.inside && !through_memory(from, &info, to, &attrs, params, err))
        return false;
    *ret = result;
    return true;
}

// Waits until there is something to read, or the end; *ret_bytes is 0 then.
static bool read_some(int fd, char *buffer, size_t capacity, const struct sr_cancel *cancel,
                      size_t *ret_bytes, struct sr_err *err)
{
    for (;;) {
        struct pollfd one = { .fd = fd, .events = POLLIN };
        if (!sr_cancel_check(cancel, err))
            return false;
        const int ready = poll(&one, 1, POLL_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        const ssize_t bytes = ready < 0 ? -1 : read(fd, buffer, capacity);
        if (bytes >= 0) {
            *ret_bytes = (size_t)bytes;
            return true;
        }
        if (errno != EINTR && errno != EAGAIN)
            return sr_fail_errno(err, errno, "reading the pipe");
    }
}

bool blob_cp_from_fd(int fd, const struct blob_place *to, const struct blob_cp_params *params,
                     struct blob_cp_result *ret, struct sr_err *err)
{
    const struct blob_attrs attrs = {
        .content_type = params->content_type,
        .cache_control = params->cache_control,
        .if_absent = !params->overwrite,
    };
    sr_auto(char) char *buffer = malloc(PIPE_BYTES);
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    if (!buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "copy buffer");
    const struct blob_write_params with = { .blob = &to->blob,
                                            .key = to->key,
                                            .attrs = attrs,
                                            .cancel = params->cancel,
                                            .part_bytes = PIPE_PART_BYTES };
    if (!blob_write_open(&with, &writer, err))
        return false;
    uint64_t total = 0;
    for (size_t bytes = 1; bytes; total += bytes) {
        if (!read_some(fd, buffer, PIPE_BYTES, params->cancel, &bytes, err) ||
            (bytes && !sr_write(&writer, buffer, bytes, err)))
            return false;
        note_moved(params->moved, bytes);
    }
    if (!writer.ops->publish(writer.self, err))
        return false;
    *ret = (struct blob_cp_result){ .bytes = total };
    return true;
}

// Listing ----------------------------------------------------------------------------------------

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
