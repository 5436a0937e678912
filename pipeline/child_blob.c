#include "pipeline/child_blob.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/child_json.h"

enum { CHUNK_BYTES = 4 << 20 };  // of one answer

struct far_place {
    const struct child_blob_line *line;
    uint64_t number;  // the parent's
};

static json_t *request_of(const struct far_place *far, const char *op, const char *key,
                          struct sr_err *err)
{
    sr_auto(json) json_t *request = json_object();
    if (!jx_made(request, err) || !child_json_text(request, "op", op, err) ||
        !child_json_number(request, "place", far->number, err) ||
        !child_json_text(request, "key", key, err))
        return NULL;
    return sr_take(request);
}

static bool ask(const struct far_place *far, const json_t *request, struct child_frame *ret_answer,
                struct sr_err *err)
{
    return far->line->call(far->line->self, request, NULL, 0, ret_answer, err);
}

// Reading ----------------------------------------------------------------------------------------
static bool far_head(void *self, const char *key, struct blob_info *ret, struct sr_err *err)
{
    sr_auto(json) json_t *request = request_of(self, "head", key, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    if (!request || !ask(self, request, &answer, err))
        return false;
    const struct jx at = jx_root(answer.json);
    return child_json_get_info(&at, ret, err);
}

static bool get_chunk(const struct far_place *far, const struct blob_get *get, uint64_t offset,
                      uint64_t bytes, const char *if_match, struct child_frame *ret_answer,
                      struct sr_err *err)
{
    sr_auto(json) json_t *request = request_of(far, "get", get->key, err);
    return request && child_json_number(request, "offset", offset, err) &&
           child_json_number(request, "bytes", bytes, err) &&
           child_json_text(request, "if_match", if_match, err) &&
           ask(far, request, ret_answer, err);
}

// In pieces that an answer can hold; all of them are of one version of the object.
static bool far_get(void *self, const struct blob_get *get, struct blob_info *ret,
                    struct sr_err *err)
{
    sr_auto(blob_info) struct blob_info info = { 0 };
    uint64_t done = 0;
    for (bool more = true; more;) {
        const uint64_t left = get->bytes - done;
        const uint64_t want = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        const char *const if_match = done > 0 && *info.etag ? info.etag : get->if_match;
        sr_auto(child_frame) struct child_frame answer = { 0 };
        if (!get_chunk(self, get, get->offset + done, want, if_match, &answer, err))
            return false;
        if (answer.bytes > want)
            return sr_fail(err, SR_ERR_INTERNAL, "more bytes than were asked for");
        const struct jx at = jx_root(answer.json);
        struct blob_info now = { 0 };
        if (!child_json_get_info(&at, &now, err))
            return false;
        blob_info_done(&info);
        info = now;
        get->sink(get->self, done, answer.data, answer.bytes);
        done += answer.bytes;
        more = answer.bytes == want && done < get->bytes && get->offset + done < info.bytes;
    }
    *ret = info;
    info = (struct blob_info){ 0 };
    return true;
}

static bool far_list(void *self, const struct blob_list *list, struct blob_page *ret,
                     struct sr_err *err)
{
    sr_auto(json) json_t *request = request_of(self, "list", NULL, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    if (!request || !child_json_text(request, "prefix", list->prefix, err) ||
        !child_json_text(request, "delimiter", list->delimiter, err) ||
        !child_json_text(request, "after", list->after, err) ||
        !child_json_text(request, "token", list->token, err) ||
        !child_json_number(request, "count_max", list->count_max, err) ||
        !ask(self, request, &answer, err))
        return false;
    const struct jx at = jx_root(answer.json);
    return child_json_get_page(&at, ret, err);
}

// Writing ----------------------------------------------------------------------------------------
static bool get_etag(const struct child_frame *answer, char ret_etag[BLOB_ETAG_BYTES],
                     struct sr_err *err)
{
    const char *const etag = json_string_value(json_object_get(answer->json, "etag"));
    return (etag && sr_format(ret_etag, BLOB_ETAG_BYTES, "%s", etag)) ||
           sr_fail(err, SR_ERR_INTERNAL, "an answer without etag");
}

static bool far_put(void *self, const struct blob_put *put, char ret_etag[BLOB_ETAG_BYTES],
                    struct sr_err *err)
{
    const struct far_place *const far = self;
    sr_auto(json) json_t *request = request_of(far, "put", put->key, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    return request && child_json_attrs(request, &put->attrs, err) &&
           far->line->call(far->line->self, request, put->data, put->bytes, &answer, err) &&
           get_etag(&answer, ret_etag, err);
}

static bool far_upload_begin(void *self, const char *key, const struct blob_attrs *attrs,
                             struct blob_upload *ret, struct sr_err *err)
{
    sr_auto(json) json_t *request = request_of(self, "upload_begin", key, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    if (!request || !child_json_attrs(request, attrs, err) || !ask(self, request, &answer, err))
        return false;
    const char *id;
    const struct jx at = jx_root(answer.json);
    sr_auto(blob_upload) struct blob_upload upload = { .key = sr_str_dup(key, err) };
    if (!upload.key || !jx_text(&at, "id", &id, err) || !(upload.id = sr_str_dup(id, err)))
        return false;
    *ret = upload;
    upload = (struct blob_upload){ 0 };
    return true;
}

static json_t *upload_request(const struct far_place *far, const char *op,
                              const struct blob_upload *upload, struct sr_err *err)
{
    sr_auto(json) json_t *request = request_of(far, op, upload->key, err);
    return request && child_json_text(request, "id", upload->id, err) ? sr_take(request) : NULL;
}

static bool get_part(const struct child_frame *answer, struct blob_part *ret, struct sr_err *err)
{
    const struct jx at = jx_root(answer->json);
    return child_json_get_part(&at, ret, err);
}

static bool far_upload_part(void *self, const struct blob_upload *upload, uint32_t number,
                            const void *data, size_t bytes, struct blob_part *ret,
                            struct sr_err *err)
{
    const struct far_place *const far = self;
    sr_auto(json) json_t *request = upload_request(far, "upload_part", upload, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    return request && child_json_number(request, "number", number, err) &&
           far->line->call(far->line->self, request, data, bytes, &answer, err) &&
           get_part(&answer, ret, err);
}

static bool far_upload_copy(void *self, const struct blob_upload *upload, uint32_t number,
                            const struct blob_source *from, struct blob_part *ret,
                            struct sr_err *err)
{
    sr_auto(json) json_t *request = upload_request(self, "upload_copy", upload, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    return request && child_json_number(request, "number", number, err) &&
           child_json_text(request, "from", from->key, err) &&
           child_json_number(request, "offset", from->offset, err) &&
           child_json_number(request, "bytes", from->bytes, err) &&
           child_json_text(request, "if_match", from->if_match, err) &&
           ask(self, request, &answer, err) && get_part(&answer, ret, err);
}

static bool far_upload_parts(void *self, const struct blob_upload *upload, struct blob_parts *ret,
                             struct sr_err *err)
{
    sr_auto(json) json_t *request = upload_request(self, "upload_parts", upload, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    if (!request || !ask(self, request, &answer, err))
        return false;
    const struct jx at = jx_root(answer.json);
    return child_json_get_parts(&at, ret, err);
}

static bool far_upload_finish(void *self, const struct blob_upload *upload,
                              const struct blob_parts *parts, const struct blob_attrs *attrs,
                              char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err)
{
    sr_auto(json) json_t *request = upload_request(self, "upload_finish", upload, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    return request && child_json_parts(request, parts, err) &&
           (!attrs || child_json_attrs(request, attrs, err)) && ask(self, request, &answer, err) &&
           get_etag(&answer, ret_etag, err);
}

static bool far_upload_abort(void *self, const struct blob_upload *upload, struct sr_err *err)
{
    sr_auto(json) json_t *request = upload_request(self, "upload_abort", upload, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    return request && ask(self, request, &answer, err);
}

static bool far_uploads(void *self, const char *prefix, const struct blob_upload *after,
                        struct blob_uploads *ret, struct sr_err *err)
{
    sr_auto(json) json_t *request = request_of(self, "uploads", after ? after->key : NULL, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    if (!request || !child_json_text(request, "prefix", prefix, err) ||
        !child_json_text(request, "id", after ? after->id : NULL, err) ||
        !ask(self, request, &answer, err))
        return false;
    const struct jx at = jx_root(answer.json);
    return child_json_get_uploads(&at, ret, err);
}

// The rest ---------------------------------------------------------------------------------------
static bool far_remove(void *self, const char *const *keys, size_t count, struct sr_err *err)
{
    sr_auto(json) json_t *request = request_of(self, "remove", NULL, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    json_t *const list = json_array();
    if (!request) {
        json_decref(list);
        return false;
    }
    if (!jx_put(request, "keys", list, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!jx_append(list, jx_string(keys[i]), err))
            return false;
    }
    return ask(self, request, &answer, err);
}

static bool copy(struct far_place *to_far, const struct far_place *from_far, const char *from,
                 const char *if_match, const char *to, const struct blob_attrs *attrs,
                 struct sr_err *err)
{
    sr_auto(json) json_t *request =
        request_of(to_far, to_far == from_far ? "copy" : "copy_across", to, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    return request && child_json_number(request, "from_place", from_far->number, err) &&
           child_json_text(request, "from", from, err) &&
           child_json_text(request, "if_match", if_match, err) &&
           jx_put(request, "has_attrs", json_boolean(attrs != NULL), err) &&
           (!attrs || child_json_attrs(request, attrs, err)) && ask(to_far, request, &answer, err);
}

static bool far_copy(void *self, const char *from, const char *if_match, const char *to,
                     const struct blob_attrs *attrs, struct sr_err *err)
{
    return copy(self, self, from, if_match, to, attrs, err);
}

static bool far_copy_across(void *self, void *from_self, const char *from, const char *if_match,
                            const char *to, const struct blob_attrs *attrs, struct sr_err *err)
{
    return copy(self, from_self, from, if_match, to, attrs, err);
}

static bool far_tags_get(void *self, const char *key, struct blob_pairs *ret, struct sr_err *err)
{
    sr_auto(json) json_t *request = request_of(self, "tags_get", key, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    if (!request || !ask(self, request, &answer, err))
        return false;
    const struct jx at = jx_root(answer.json);
    return child_json_get_pairs(&at, "tags", ret, err);
}

static bool far_tags_set(void *self, const char *key, const struct blob_pairs *tags,
                         struct sr_err *err)
{
    sr_auto(json) json_t *request = request_of(self, "tags_set", key, err);
    sr_auto(child_frame) struct child_frame answer = { 0 };
    return request && child_json_pairs(request, "tags", tags, err) &&
           ask(self, request, &answer, err);
}

static void far_close(void *self)
{
    free(self);  // the parent keeps its places until the child ends
}

// No presign: such a URL works without keys, so it is one.
static const struct blob_ops far_ops = {
    .name = "this store",
    .head = far_head,
    .get = far_get,
    .put = far_put,
    .upload_begin = far_upload_begin,
    .upload_part = far_upload_part,
    .upload_copy = far_upload_copy,
    .upload_parts = far_upload_parts,
    .upload_finish = far_upload_finish,
    .upload_abort = far_upload_abort,
    .uploads = far_uploads,
    .list = far_list,
    .remove = far_remove,
    .copy = far_copy,
    .copy_across = far_copy_across,
    .tags_get = far_tags_get,
    .tags_set = far_tags_set,
    .close = far_close,
};
static const struct blob_ops far_read_ops = {
    .name = "an http server", .head = far_head, .get = far_get, .close = far_close
};

static const char *const uses[] = {
    [BLOB_PLACE_READ] = "read", [BLOB_PLACE_WRITE] = "write", [BLOB_PLACE_LIST] = "list"
};

bool child_blob_open(void *self, const char *url, enum blob_place_use use,
                     struct blob_place *ret_place, struct sr_err *err)
{
    const struct child_blob_line *const line = self;
    sr_auto(json) json_t *request = json_object();
    sr_auto(child_frame) struct child_frame answer = { 0 };
    if (!jx_made(request, err) || !child_json_text(request, "op", "open", err) ||
        !child_json_text(request, "url", url, err) ||
        !child_json_text(request, "use", uses[use], err) ||
        !line->call(line->self, request, NULL, 0, &answer, err))
        return false;
    const struct jx at = jx_root(answer.json);
    const char *key;
    bool writable;
    uint64_t number;
    if (!jx_text(&at, "key", &key, err) || !jx_bool(&at, "writable", &writable, err) ||
        !child_json_get_number(&at, "place", &number, err))
        return false;
    struct far_place *const far = malloc(sizeof(*far));
    char *const own_key = sr_str_dup(key, err);
    if (!far || !own_key) {
        free(far);
        free(own_key);
        return sr_fail(err, SR_ERR_NO_MEMORY, "a place");
    }
    *far = (struct far_place){ .line = line, .number = number };
    *ret_place = (struct blob_place){
        .blob = { .ops = writable ? &far_ops : &far_read_ops, .self = far },
        .key = own_key,
        .own = true,
    };
    return true;
}
