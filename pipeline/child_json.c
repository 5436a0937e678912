#include "pipeline/child_json.h"

#include <string.h>

#include "base/str.h"

bool child_json_text(json_t *object, const char *key, const char *text, struct sr_err *err)
{
    return !text || jx_put(object, key, jx_string(text), err);
}

bool child_json_number(json_t *object, const char *key, uint64_t number, struct sr_err *err)
{
    // BLOB_TO_END is the one number beyond INT64_MAX.
    const json_int_t shown = number > INT64_MAX ? -1 : (json_int_t)number;
    return jx_put(object, key, json_integer(shown), err);
}

bool child_json_get_number(const struct jx *at, const char *key, uint64_t *ret, struct sr_err *err)
{
    int64_t number = 0;
    if (!jx_int_opt(at, key, -1, INT64_MAX, &number, err))
        return false;
    *ret = number < 0 ? UINT64_MAX : (uint64_t)number;
    return true;
}

static bool get_text(const struct jx *at, const char *key, char *into, size_t capacity,
                     struct sr_err *err)
{
    const char *text = "";
    if (!jx_text_opt(at, key, &text, err))
        return false;
    return sr_format(into, capacity, "%s", text) || jx_fail(at, err, "\"%s\" is too long", key);
}

// Pairs and attributes ---------------------------------------------------------------------------
bool child_json_pairs(json_t *object, const char *key, const struct blob_pairs *pairs,
                      struct sr_err *err)
{
    if (!pairs)
        return true;
    json_t *const list = json_array();
    if (!jx_put(object, key, list, err))
        return false;
    for (size_t i = 0; i < pairs->count; i++) {
        json_t *const pair = json_array();
        if (!jx_append(list, pair, err) || !jx_append(pair, jx_string(pairs->item[i].name), err) ||
            !jx_append(pair, jx_string(pairs->item[i].value), err))
            return false;
    }
    return true;
}

bool child_json_get_pairs(const struct jx *at, const char *key, struct blob_pairs *ret,
                          struct sr_err *err)
{
    sr_auto(blob_pairs) struct blob_pairs pairs = { 0 };
    const struct jx list = jx_get(at, key);
    for (size_t i = 0; i < json_array_size(list.value); i++) {
        const json_t *const pair = json_array_get(list.value, i);
        const char *const name = json_string_value(json_array_get(pair, 0));
        const char *const value = json_string_value(json_array_get(pair, 1));
        if (!name || !value)
            return jx_fail(&list, err, "want pairs of texts");
        if (!blob_pairs_add(&pairs, name, value, err))
            return false;
    }
    *ret = pairs;
    pairs = (struct blob_pairs){ 0 };
    return true;
}

bool child_json_attrs(json_t *object, const struct blob_attrs *attrs, struct sr_err *err)
{
    return child_json_text(object, "content_type", attrs->content_type, err) &&
           child_json_text(object, "cache_control", attrs->cache_control, err) &&
           child_json_pairs(object, "meta", attrs->meta, err) &&
           jx_put(object, "if_absent", json_boolean(attrs->if_absent), err);
}

bool child_json_get_attrs(const struct jx *at, struct blob_pairs *pairs, struct blob_attrs *ret,
                          struct sr_err *err)
{
    struct blob_attrs attrs = { 0 };
    if (!jx_text_opt(at, "content_type", &attrs.content_type, err) ||
        !jx_text_opt(at, "cache_control", &attrs.cache_control, err) ||
        !jx_bool_opt(at, "if_absent", &attrs.if_absent, err) ||
        !child_json_get_pairs(at, "meta", pairs, err))
        return false;
    attrs.meta = jx_has(at, "meta") ? pairs : NULL;
    *ret = attrs;
    return true;
}

bool child_json_info(json_t *object, const struct blob_info *info, struct sr_err *err)
{
    return child_json_number(object, "bytes", info->bytes, err) &&
           child_json_text(object, "etag", info->etag, err) &&
           jx_put(object, "modified_us", json_integer(info->modified_us), err) &&
           child_json_text(object, "content_type", info->content_type, err) &&
           child_json_text(object, "cache_control", info->cache_control, err) &&
           child_json_pairs(object, "meta", &info->meta, err);
}

bool child_json_get_info(const struct jx *at, struct blob_info *ret, struct sr_err *err)
{
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!child_json_get_number(at, "bytes", &info.bytes, err) ||
        !get_text(at, "etag", info.etag, sizeof(info.etag), err) ||
        !jx_int(at, "modified_us", INT64_MIN, INT64_MAX, &info.modified_us, err) ||
        !get_text(at, "content_type", info.content_type, sizeof(info.content_type), err) ||
        !get_text(at, "cache_control", info.cache_control, sizeof(info.cache_control), err) ||
        !child_json_get_pairs(at, "meta", &info.meta, err))
        return false;
    *ret = info;
    info = (struct blob_info){ 0 };
    return true;
}

// Parts and uploads ------------------------------------------------------------------------------
bool child_json_part(json_t *object, const struct blob_part *part, struct sr_err *err)
{
    return child_json_number(object, "number", part->number, err) &&
           child_json_number(object, "bytes", part->bytes, err) &&
           child_json_text(object, "etag", part->etag, err);
}

bool child_json_get_part(const struct jx *at, struct blob_part *ret, struct sr_err *err)
{
    struct blob_part part = { 0 };
    int64_t number;
    if (!jx_int(at, "number", 1, BLOB_PARTS_MAX, &number, err) ||
        !child_json_get_number(at, "bytes", &part.bytes, err) ||
        !get_text(at, "etag", part.etag, sizeof(part.etag), err))
        return false;
    part.number = (uint32_t)number;  // checked above
    *ret = part;
    return true;
}

bool child_json_parts(json_t *object, const struct blob_parts *parts, struct sr_err *err)
{
    json_t *const list = json_array();
    if (!jx_put(object, "parts", list, err))
        return false;
    for (size_t i = 0; i < parts->count; i++) {
        json_t *const part = json_object();
        if (!jx_append(list, part, err) || !child_json_part(part, &parts->item[i], err))
            return false;
    }
    return true;
}

bool child_json_get_parts(const struct jx *at, struct blob_parts *ret, struct sr_err *err)
{
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    struct jx list;
    if (!jx_array(at, "parts", &list, err))
        return false;
    for (size_t i = 0; i < json_array_size(list.value); i++) {
        const struct jx row = jx_at(&list, i);
        struct blob_part part;
        if (!child_json_get_part(&row, &part, err) || !blob_parts_add(&parts, &part, err))
            return false;
    }
    *ret = parts;
    parts = (struct blob_parts){ 0 };
    return true;
}

bool child_json_uploads(json_t *object, const struct blob_uploads *uploads, struct sr_err *err)
{
    json_t *const list = json_array();
    if (!jx_put(object, "uploads", list, err) ||
        !jx_put(object, "more", json_boolean(uploads->more), err))
        return false;
    for (size_t i = 0; i < uploads->count; i++) {
        const struct blob_upload *const upload = &uploads->item[i];
        json_t *const row = json_object();
        if (!jx_append(list, row, err) || !child_json_text(row, "key", upload->key, err) ||
            !child_json_text(row, "id", upload->id, err) ||
            !jx_put(row, "started_us", json_integer(upload->started_us), err))
            return false;
    }
    return true;
}

bool child_json_get_uploads(const struct jx *at, struct blob_uploads *ret, struct sr_err *err)
{
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    struct jx list;
    if (!jx_array(at, "uploads", &list, err) || !jx_bool(at, "more", &uploads.more, err))
        return false;
    for (size_t i = 0; i < json_array_size(list.value); i++) {
        const struct jx row = jx_at(&list, i);
        const char *key, *id;
        int64_t started_us;
        if (!jx_text(&row, "key", &key, err) || !jx_text(&row, "id", &id, err) ||
            !jx_int(&row, "started_us", INT64_MIN, INT64_MAX, &started_us, err) ||
            !blob_uploads_add(&uploads, key, id, started_us, err))
            return false;
    }
    *ret = uploads;
    uploads = (struct blob_uploads){ 0 };
    return true;
}

bool child_json_page(json_t *object, const struct blob_page *page, struct sr_err *err)
{
    json_t *const list = json_array();
    if (!jx_put(object, "entries", list, err) ||
        !jx_put(object, "more", json_boolean(page->more), err) ||
        !child_json_text(object, "next", page->next, err))
        return false;
    for (size_t i = 0; i < page->count; i++) {
        const struct blob_entry *const entry = &page->item[i];
        json_t *const row = json_object();
        if (!jx_append(list, row, err) || !child_json_text(row, "key", entry->key, err) ||
            !jx_put(row, "folder", json_boolean(entry->folder), err) ||
            !child_json_number(row, "bytes", entry->bytes, err) ||
            !jx_put(row, "modified_us", json_integer(entry->modified_us), err) ||
            !child_json_text(row, "etag", entry->etag, err))
            return false;
    }
    return true;
}

static bool get_entry(const struct jx *row, struct blob_page *page, struct sr_err *err)
{
    const char *key;
    bool folder;
    struct blob_entry *entry;
    return jx_text(row, "key", &key, err) && jx_bool(row, "folder", &folder, err) &&
           blob_page_add(page, key, folder, &entry, err) &&
           child_json_get_number(row, "bytes", &entry->bytes, err) &&
           jx_int(row, "modified_us", INT64_MIN, INT64_MAX, &entry->modified_us, err) &&
           get_text(row, "etag", entry->etag, sizeof(entry->etag), err);
}

bool child_json_get_page(const struct jx *at, struct blob_page *ret, struct sr_err *err)
{
    sr_auto(blob_page) struct blob_page page = { 0 };
    struct jx list;
    const char *next = NULL;
    if (!jx_array(at, "entries", &list, err) || !jx_bool(at, "more", &page.more, err) ||
        !jx_text_opt(at, "next", &next, err))
        return false;
    if (next && !(page.next = sr_str_dup(next, err)))
        return false;
    for (size_t i = 0; i < json_array_size(list.value); i++) {
        const struct jx row = jx_at(&list, i);
        if (!get_entry(&row, &page, err))
            return false;
    }
    *ret = page;
    page = (struct blob_page){ 0 };
    return true;
}

// Errors -----------------------------------------------------------------------------------------
bool child_json_err(json_t *object, const struct sr_err *why, struct sr_err *err)
{
    json_t *const error = json_object();
    return jx_put(object, "error", error, err) &&
           jx_put(error, "code", json_string(sr_err_row(why->code)->name), err) &&
           jx_put(error, "native", json_integer(why->native), err) &&
           jx_put(error, "message", jx_string(why->message), err);
}

bool child_json_raise(const json_t *answer, struct sr_err *err)
{
    const json_t *const error = json_object_get(answer, "error");
    if (!error)
        return true;
    const char *const name = json_string_value(json_object_get(error, "code"));
    const char *const message = json_string_value(json_object_get(error, "message"));
    const json_int_t native = json_integer_value(json_object_get(error, "native"));
    enum sr_err_code code = SR_ERR_INTERNAL;
    for (int i = SR_OK + 1; name && i < SR_ERR_CODE_COUNT; i++) {
        if (strcmp(sr_err_row((enum sr_err_code)i)->name, name) == 0)
            code = (enum sr_err_code)i;
    }
    return sr_fail_native(err, code, native > INT32_MAX || native < INT32_MIN ? 0 : (int)native,
                          "%s", message ? message : "an error without words");
}
