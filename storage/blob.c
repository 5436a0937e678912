#include "storage/blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/str.h"

// Plain values -----------------------------------------------------------------------------------

// Room for one item more: doubles at powers of two.
static bool grow(void **items, size_t count, size_t item_bytes, struct sr_err *err)
{
    if (count & (count - 1))
        return true;
    size_t room = count ? count : 1, bytes;
    if (!sr_mul_size(room, 2, &room) || !sr_mul_size(room, item_bytes, &bytes))
        return sr_fail(err, SR_ERR_TOO_LARGE, "%zu items", count);
    void *larger = realloc(*items, bytes);
    if (!larger)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu items", count);
    *items = larger;
    return true;
}

bool blob_pairs_add(struct blob_pairs *pairs, const char *name, const char *value,
                    struct sr_err *err)
{
    sr_auto(char) char *own_name = sr_str_dup(name, err);
    sr_auto(char) char *own_value = own_name ? sr_str_dup(value, err) : NULL;
    void *items = pairs->item;
    if (!own_value || !grow(&items, pairs->count, sizeof(*pairs->item), err))
        return false;
    pairs->item = items;
    pairs->item[pairs->count++] = (struct blob_pair){ sr_take(own_name), sr_take(own_value) };
    return true;
}

const char *blob_pairs_find(const struct blob_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (strcmp(pairs->item[i].name, name) == 0)
            return pairs->item[i].value;
    }
    return NULL;
}

void blob_pairs_done(struct blob_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->item[i].name);
        free(pairs->item[i].value);
    }
    free(pairs->item);
    *pairs = (struct blob_pairs){ 0 };
}

void blob_info_done(struct blob_info *info)
{
    blob_pairs_done(&info->meta);
    *info = (struct blob_info){ 0 };
}

void blob_upload_done(struct blob_upload *upload)
{
    free(upload->key);
    free(upload->id);
    *upload = (struct blob_upload){ 0 };
}

void blob_uploads_done(struct blob_uploads *uploads)
{
    for (size_t i = 0; i < uploads->count; i++)
        blob_upload_done(&uploads->item[i]);
    free(uploads->item);
    *uploads = (struct blob_uploads){ 0 };
}

bool blob_uploads_add(struct blob_uploads *uploads, const char *key, const char *id,
                      int64_t started_us, struct sr_err *err)
{
    sr_auto(blob_upload) struct blob_upload upload = { .started_us = started_us };
    upload.key = sr_str_dup(key, err);
    upload.id = upload.key ? sr_str_dup(id, err) : NULL;
    void *items = uploads->item;
    if (!upload.id || !grow(&items, uploads->count, sizeof(*uploads->item), err))
        return false;
    uploads->item = items;
    uploads->item[uploads->count++] = upload;
    upload = (struct blob_upload){ 0 };
    return true;
}

void blob_parts_done(struct blob_parts *parts)
{
    free(parts->item);
    *parts = (struct blob_parts){ 0 };
}

bool blob_parts_add(struct blob_parts *parts, const struct blob_part *part, struct sr_err *err)
{
    void *items = parts->item;
    if (!grow(&items, parts->count, sizeof(*parts->item), err))
        return false;
    parts->item = items;
    parts->item[parts->count++] = *part;
    return true;
}

void blob_page_done(struct blob_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        free(page->item[i].key);
    free(page->item);
    free(page->next);
    *page = (struct blob_page){ 0 };
}

bool blob_page_add(struct blob_page *page, const char *key, bool folder,
                   struct blob_entry **ret_entry, struct sr_err *err)
{
    char *own_key = sr_str_dup(key, err);
    void *items = page->item;
    if (!own_key || !grow(&items, page->count, sizeof(*page->item), err)) {
        free(own_key);
        return false;
    }
    page->item = items;
    page->item[page->count] = (struct blob_entry){ .key = own_key, .folder = folder };
    *ret_entry = &page->item[page->count++];
    return true;
}

// What is checked once for all stores ------------------------------------------------------------

static bool check_key(const char *key, struct sr_err *err)
{
    const size_t bytes = strnlen(key, BLOB_KEY_BYTES_MAX + 1);
    if (bytes == 0)
        return sr_fail(err, SR_ERR_INVALID, "the key is empty");
    return bytes <= BLOB_KEY_BYTES_MAX ||
           sr_fail(err, SR_ERR_INVALID, "the key has more than %d bytes", BLOB_KEY_BYTES_MAX);
}

static bool check_number(uint32_t number, uint64_t bytes, struct sr_err *err)
{
    if (number < 1 || number > BLOB_PARTS_MAX)
        return sr_fail(err, SR_ERR_INVALID, "part %u is not 1 to %d", number, BLOB_PARTS_MAX);
    return bytes <= BLOB_PART_BYTES_MAX ||
           sr_fail(err, SR_ERR_INVALID, "part %u is too large", number);
}

static bool lacks(const struct blob *blob, const char *what, struct sr_err *err)
{
    return sr_fail(err, SR_ERR_UNSUPPORTED, "%s cannot %s", blob->ops->name, what);
}

void blob_close(struct blob *blob)
{
    if (blob->ops)
        blob->ops->close(blob->self);
    *blob = (struct blob){ 0 };
}

bool blob_head(const struct blob *blob, const char *key, struct blob_info *ret, struct sr_err *err)
{
    return check_key(key, err) && blob->ops->head(blob->self, key, ret, err);
}

bool blob_get(const struct blob *blob, const struct blob_get *get, struct blob_info *ret,
              struct sr_err *err)
{
    assert(get->bytes > 0);
    return check_key(get->key, err) && blob->ops->get(blob->self, get, ret, err);
}

struct buffer {
    char *data;
    size_t capacity;
    size_t filled;
};

static void fill(void *self, uint64_t offset, const void *data, size_t bytes)
{
    struct buffer *buffer = self;
    assert(offset <= buffer->capacity && bytes <= buffer->capacity - offset);
    memcpy(buffer->data + offset, data, bytes);
    buffer->filled = (size_t)offset + bytes;
}

bool blob_get_bytes(const struct blob *blob, const char *key, const char *if_match, uint64_t offset,
                    void *buffer, size_t bytes, size_t *ret_bytes, struct sr_err *err)
{
    struct buffer into = { .data = buffer, .capacity = bytes };
    const struct blob_get get = { .key = key,
                                  .offset = offset,
                                  .bytes = bytes,
                                  .if_match = if_match,
                                  .sink = fill,
                                  .self = &into };
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (bytes && !blob_get(blob, &get, &info, err))
        return false;
    *ret_bytes = into.filled;
    return true;
}

bool blob_load(const struct blob *blob, const char *key, size_t bytes_max, char **ret_data,
               size_t *ret_bytes, struct sr_err *err)
{
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!blob_head(blob, key, &info, err))
        return false;
    if (info.bytes > bytes_max)
        return sr_fail(err, SR_ERR_TOO_LARGE, "%s has %llu bytes, the limit is %zu", key,
                       (unsigned long long)info.bytes, bytes_max);
    sr_auto(char) char *data = malloc((size_t)info.bytes + 1);
    if (!data)
        return sr_fail(err, SR_ERR_NO_MEMORY, "object of %zu bytes", (size_t)info.bytes);
    size_t bytes;
    const char *etag = *info.etag ? info.etag : NULL;
    if (!blob_get_bytes(blob, key, etag, 0, data, (size_t)info.bytes, &bytes, err))
        return false;
    data[bytes] = '\0';
    *ret_data = sr_take(data);
    *ret_bytes = bytes;
    return true;
}

bool blob_put(const struct blob *blob, const struct blob_put *put, char ret_etag[BLOB_ETAG_BYTES],
              struct sr_err *err)
{
    if (!blob->ops->put)
        return lacks(blob, "write", err);
    return check_key(put->key, err) && blob->ops->put(blob->self, put, ret_etag, err);
}

bool blob_upload_begin(const struct blob *blob, const char *key, const struct blob_attrs *attrs,
                       struct blob_upload *ret, struct sr_err *err)
{
    if (!blob->ops->upload_begin)
        return lacks(blob, "upload in parts", err);
    return check_key(key, err) && blob->ops->upload_begin(blob->self, key, attrs, ret, err);
}

bool blob_upload_part(const struct blob *blob, const struct blob_upload *upload, uint32_t number,
                      const void *data, size_t bytes, struct blob_part *ret, struct sr_err *err)
{
    if (!blob->ops->upload_part)
        return lacks(blob, "upload in parts", err);
    return check_number(number, bytes, err) &&
           blob->ops->upload_part(blob->self, upload, number, data, bytes, ret, err);
}

bool blob_upload_copy(const struct blob *blob, const struct blob_upload *upload, uint32_t number,
                      const struct blob_source *from, struct blob_part *ret, struct sr_err *err)
{
    if (!blob->ops->upload_copy)
        return lacks(blob, "copy parts", err);
    return check_key(from->key, err) && check_number(number, from->bytes, err) &&
           blob->ops->upload_copy(blob->self, upload, number, from, ret, err);
}

bool blob_upload_parts(const struct blob *blob, const struct blob_upload *upload,
                       struct blob_parts *ret, struct sr_err *err)
{
    if (!blob->ops->upload_parts)
        return lacks(blob, "list parts", err);
    return blob->ops->upload_parts(blob->self, upload, ret, err);
}

bool blob_upload_finish(const struct blob *blob, const struct blob_upload *upload,
                        const struct blob_parts *parts, const struct blob_attrs *attrs,
                        char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err)
{
    if (!blob->ops->upload_finish)
        return lacks(blob, "upload in parts", err);
    if (parts->count == 0)
        return sr_fail(err, SR_ERR_INVALID, "an upload without a part");
    for (size_t i = 1; i < parts->count; i++) {
        if (parts->item[i].number <= parts->item[i - 1].number)
            return sr_fail(err, SR_ERR_INVALID, "parts are not in order");
    }
    return blob->ops->upload_finish(blob->self, upload, parts, attrs, ret_etag, err);
}

bool blob_upload_abort(const struct blob *blob, const struct blob_upload *upload,
                       struct sr_err *err)
{
    if (!blob->ops->upload_abort)
        return lacks(blob, "abort an upload", err);
    if (blob->ops->upload_abort(blob->self, upload, err))
        return true;
    return err->code == SR_ERR_NOT_FOUND;  // somebody was here before us
}

bool blob_uploads_after(const struct blob *blob, const char *prefix,
                        const struct blob_upload *after, struct blob_uploads *ret,
                        struct sr_err *err)
{
    if (!blob->ops->uploads)
        return lacks(blob, "list uploads", err);
    return blob->ops->uploads(blob->self, prefix ? prefix : "", after, ret, err);
}

bool blob_uploads(const struct blob *blob, const char *prefix, struct blob_uploads *ret,
                  struct sr_err *err)
{
    return blob_uploads_after(blob, prefix, NULL, ret, err);
}

bool blob_list(const struct blob *blob, const struct blob_list *list, struct blob_page *ret,
               struct sr_err *err)
{
    if (!blob->ops->list)
        return lacks(blob, "list", err);
    struct blob_list whole = *list;
    if (whole.count_max > BLOB_PAGE_MAX)
        return sr_fail(err, SR_ERR_INVALID, "a page of %zu keys", whole.count_max);
    whole.prefix = whole.prefix ? whole.prefix : "";
    whole.count_max = whole.count_max ? whole.count_max : BLOB_PAGE_MAX;
    return blob->ops->list(blob->self, &whole, ret, err);
}

bool blob_remove(const struct blob *blob, const char *const *keys, size_t count, struct sr_err *err)
{
    if (!blob->ops->remove)
        return lacks(blob, "delete", err);
    for (size_t i = 0; i < count; i++) {
        if (!check_key(keys[i], err))
            return false;
    }
    for (size_t i = 0; i < count; i += BLOB_REMOVE_MAX) {
        const size_t some = count - i < BLOB_REMOVE_MAX ? count - i : BLOB_REMOVE_MAX;
        if (!blob->ops->remove(blob->self, keys + i, some, err))
            return false;
    }
    return true;
}

bool blob_copy(const struct blob *blob, const char *from, const char *if_match, const char *to,
               const struct blob_attrs *attrs, struct sr_err *err)
{
    if (!blob->ops->copy)
        return lacks(blob, "copy", err);
    return check_key(from, err) && check_key(to, err) &&
           blob->ops->copy(blob->self, from, if_match, to, attrs, err);
}

bool blob_copy_across(const struct blob *from_blob, const char *from, const char *if_match,
                      const struct blob *to_blob, const char *to, const struct blob_attrs *attrs,
                      struct sr_err *err)
{
    if (from_blob->ops != to_blob->ops || !to_blob->ops->copy_across)
        return lacks(to_blob, "copy from another store", err);
    return check_key(from, err) && check_key(to, err) &&
           to_blob->ops->copy_across(to_blob->self, from_blob->self, from, if_match, to, attrs,
                                     err);
}

bool blob_tags_get(const struct blob *blob, const char *key, struct blob_pairs *ret,
                   struct sr_err *err)
{
    if (!blob->ops->tags_get)
        return lacks(blob, "tag", err);
    return check_key(key, err) && blob->ops->tags_get(blob->self, key, ret, err);
}

bool blob_tags_set(const struct blob *blob, const char *key, const struct blob_pairs *tags,
                   struct sr_err *err)
{
    if (!blob->ops->tags_set)
        return lacks(blob, "tag", err);
    if (tags->count > BLOB_TAGS_MAX)
        return sr_fail(err, SR_ERR_INVALID, "%zu tags, at most %d", tags->count, BLOB_TAGS_MAX);
    return check_key(key, err) && blob->ops->tags_set(blob->self, key, tags, err);
}

bool blob_presign(const struct blob *blob, const char *method, const char *key, int64_t expires_s,
                  char **ret_url, struct sr_err *err)
{
    if (!blob->ops->presign)
        return lacks(blob, "presign", err);
    return check_key(key, err) &&
           blob->ops->presign(blob->self, method, key, expires_s, ret_url, err);
}

static const struct {
    const char *ending, *type;
} types[] = {
    { ".m3u8", "application/vnd.apple.mpegurl" },
    { ".mpd", "application/dash+xml" },
    { ".mp4", "video/mp4" },
    { ".m4v", "video/mp4" },
    { ".m4s", "video/iso.segment" },
    { ".m4a", "audio/mp4" },
    { ".cmfv", "video/mp4" },
    { ".cmfa", "audio/mp4" },
    { ".ts", "video/mp2t" },
    { ".webm", "video/webm" },
    { ".mkv", "video/x-matroska" },
    { ".mov", "video/quicktime" },
    { ".aac", "audio/aac" },
    { ".mp3", "audio/mpeg" },
    { ".opus", "audio/ogg" },
    { ".vtt", "text/vtt" },
    { ".srt", "application/x-subrip" },
    { ".jpg", "image/jpeg" },
    { ".jpeg", "image/jpeg" },
    { ".png", "image/png" },
    { ".webp", "image/webp" },
    { ".json", "application/json" },
    { ".xml", "application/xml" },
    { ".txt", "text/plain; charset=utf-8" },
};

const char *blob_content_type(const char *key)
{
    const size_t bytes = strlen(key);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const size_t ending = strlen(types[i].ending);
        if (bytes > ending && strcasecmp(key + bytes - ending, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}
