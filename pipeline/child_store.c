#include "pipeline/child_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/str.h"
#include "pipeline/child_json.h"
#include "pipeline/child_reach.h"
#include "pipeline/child_shared.h"
#include "pipeline/remote.h"

// What a child has open. Its keys are the URL's that begins with `base`.
struct opened {
    const struct blob_place *place;
    char *base;
    bool has_keys;  // else only the place's own key, and `base` is the whole URL
};

struct child_store {
    struct child_store_params params;
    struct sr_cancel cancel;
    struct remote *remote;
    struct child_shared *shared;  // NULL: there is no cache to share
    struct sr_pool *pool;         // NULL: nothing was asked yet
    struct sr_mutex lock;
    struct {
        struct child_reach *reach;  // NULL: nothing was opened yet; what is set stays
        struct opened opened[CHILD_STORE_OPEN_MAX];
        size_t opened_count;
        size_t waiting, waiting_bytes;
    } synced;  // under `lock`
};

// One operation: what it was given and what it gives.
struct visit {
    struct child_store *store;
    struct child_frame asked;
    struct jx at;                    // of asked.json
    const struct opened *opened;     // NULL: open
    const struct blob_place *place;  // its
    const char *key;
    json_t *answer;
    uint8_t *data;
    size_t capacity, bytes;
};

// Operations -------------------------------------------------------------------------------------
static bool text(const struct visit *visit, const char *key, const char **ret, struct sr_err *err)
{
    *ret = NULL;
    return jx_text_opt(&visit->at, key, ret, err);
}

// The manifest is read when the first place is opened: before a child has written anything to a
// store.
static bool find_reach(struct child_store *store, const struct child_reach **ret,
                       struct sr_err *err)
{
    sr_lock(&store->lock);
    *ret = store->synced.reach;
    sr_unlock(&store->lock);
    if (*ret)
        return true;
    if (!store->params.job)
        return sr_fail(err, SR_ERR_DENIED, "the task has no job");
    struct jx job = jx_root(store->params.job);
    sr_auto(child_reach) struct child_reach *fresh = NULL;
    if (!child_reach_new(&job, store->remote, &fresh, err))
        return false;
    sr_lock(&store->lock);
    if (!store->synced.reach)  // another thread may have been faster
        store->synced.reach = sr_take(fresh);
    *ret = store->synced.reach;
    sr_unlock(&store->lock);
    return true;
}

static char *url_of(const struct opened *opened, const char *key, struct sr_err *err)
{
    return sr_strf(err, "%s%s", opened->base, opened->has_keys ? key : "");
}

static bool may(const struct child_store *store, const struct opened *opened, const char *key,
                enum child_reach_use use, struct sr_err *err)
{
    if (!opened->has_keys && strcmp(key, opened->place->key) != 0)
        return sr_fail(err, SR_ERR_DENIED, "the job does not name this");
    sr_auto(char) char *url = url_of(opened, key, err);
    // Set before anything could be opened.
    return url && child_reach_check(store->synced.reach, url, use, err);
}

static bool keep(struct child_store *store, const struct blob_place *place, const char *url,
                 size_t *ret_number, struct sr_err *err)
{
    const size_t bytes = strlen(url), key_bytes = strlen(place->key);
    const bool has_keys = bytes >= key_bytes && strcmp(url + bytes - key_bytes, place->key) == 0;
    char *const base = sr_strf(err, "%.*s", (int)(has_keys ? bytes - key_bytes : bytes), url);
    if (!base)
        return false;
    sr_lock(&store->lock);
    const size_t number = store->synced.opened_count;
    const bool fits = number < CHILD_STORE_OPEN_MAX;
    if (fits)
        store->synced.opened[store->synced.opened_count++] =
            (struct opened){ place, base, has_keys };
    sr_unlock(&store->lock);
    if (!fits)
        free(base);
    *ret_number = number;
    return fits || sr_fail(err, SR_ERR_LIMIT, "more than %d places", CHILD_STORE_OPEN_MAX);
}

static bool do_open(struct visit *visit, struct sr_err *err)
{
    struct child_store *const store = visit->store;
    const struct blob_place *place;
    const struct child_reach *reach;
    const char *url, *use;
    size_t number;
    if (!jx_text(&visit->at, "url", &url, err) || !jx_text(&visit->at, "use", &use, err))
        return false;
    if (!remote_is_url(url))  // files are the child's own business
        return sr_fail(err, SR_ERR_DENIED, "not a URL");
    const enum blob_place_use how = strcmp(use, "read") == 0    ? BLOB_PLACE_READ
                                    : strcmp(use, "write") == 0 ? BLOB_PLACE_WRITE
                                                                : BLOB_PLACE_LIST;
    const enum child_reach_use wanted = how == BLOB_PLACE_LIST    ? CHILD_REACH_LIST
                                        : how == BLOB_PLACE_WRITE ? CHILD_REACH_WRITE
                                                                  : CHILD_REACH_READ;
    if (!find_reach(store, &reach, err) || !child_reach_check(reach, url, wanted, err) ||
        !remote_open(store->remote, url, how, &place, err) ||
        !keep(store, place, url, &number, err))
        return false;
    return child_json_number(visit->answer, "place", number, err) &&
           child_json_text(visit->answer, "key", place->key, err) &&
           jx_put(visit->answer, "writable", json_boolean(place->blob.ops->put != NULL), err);
}

static bool do_head(struct visit *visit, struct sr_err *err)
{
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!blob_head(&visit->place->blob, visit->key, &info, err))
        return false;
    struct child_shared *const shared = visit->store->shared;
    sr_auto(char) char *url = shared ? url_of(visit->opened, visit->key, err) : NULL;
    return (!shared ||
            (url && child_shared_note(shared, &visit->place->blob, visit->key, url, &info, err))) &&
           child_json_info(visit->answer, &info, err);
}

// On the HTTP client's thread.
static void fill(void *self, uint64_t offset, const void *data, size_t bytes)
{
    struct visit *const visit = self;
    assert(offset <= visit->capacity && bytes <= visit->capacity - offset);
    memcpy(visit->data + offset, data, bytes);
    visit->bytes = (size_t)offset + bytes;
}

static bool get_shared(struct visit *visit, const struct blob_get *get, bool *ret_there,
                       struct sr_err *err)
{
    const struct blob_info *info = NULL;
    sr_auto(char) char *url = url_of(visit->opened, visit->key, err);
    if (!url || !child_shared_read(visit->store->shared, url, get->if_match, get->offset,
                                   visit->data, visit->capacity, &visit->bytes, &info, err))
        return false;
    *ret_there = info != NULL;
    return !info || child_json_info(visit->answer, info, err);
}

static bool do_get(struct visit *visit, struct sr_err *err)
{
    enum { GET_MAX = 4 << 20 };
    struct blob_get get = { .key = visit->key, .sink = fill, .self = visit };
    if (!child_json_get_number(&visit->at, "offset", &get.offset, err) ||
        !child_json_get_number(&visit->at, "bytes", &get.bytes, err) ||
        !text(visit, "if_match", &get.if_match, err))
        return false;
    if (get.bytes < 1 || get.bytes > GET_MAX)
        return sr_fail(err, SR_ERR_INVALID, "a range of %llu bytes", (unsigned long long)get.bytes);
    visit->capacity = (size_t)get.bytes;
    visit->data = malloc(visit->capacity);
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!visit->data)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%llu bytes", (unsigned long long)get.bytes);
    bool there = false;
    if (visit->store->shared && !get_shared(visit, &get, &there, err))
        return false;
    return there || (blob_get(&visit->place->blob, &get, &info, err) &&
                     child_json_info(visit->answer, &info, err));
}

static bool may_list(const struct visit *visit, const char *prefix, struct sr_err *err)
{
    return may(visit->store, visit->opened, prefix ? prefix : "", CHILD_REACH_LIST, err);
}

static bool do_list(struct visit *visit, struct sr_err *err)
{
    sr_auto(blob_page) struct blob_page page = { 0 };
    struct blob_list list = { 0 };
    uint64_t count_max;
    if (!text(visit, "prefix", &list.prefix, err) || !may_list(visit, list.prefix, err) ||
        !text(visit, "delimiter", &list.delimiter, err) ||
        !text(visit, "after", &list.after, err) || !text(visit, "token", &list.token, err) ||
        !child_json_get_number(&visit->at, "count_max", &count_max, err))
        return false;
    list.count_max = (size_t)count_max;
    return blob_list(&visit->place->blob, &list, &page, err) &&
           child_json_page(visit->answer, &page, err);
}

static bool do_put(struct visit *visit, struct sr_err *err)
{
    sr_auto(blob_pairs) struct blob_pairs meta = { 0 };
    char etag[BLOB_ETAG_BYTES];
    struct blob_put put = { .key = visit->key,
                            .data = visit->asked.data,
                            .bytes = visit->asked.bytes };
    return child_json_get_attrs(&visit->at, &meta, &put.attrs, err) &&
           blob_put(&visit->place->blob, &put, etag, err) &&
           child_json_text(visit->answer, "etag", etag, err);
}

static bool do_upload_begin(struct visit *visit, struct sr_err *err)
{
    sr_auto(blob_pairs) struct blob_pairs meta = { 0 };
    sr_auto(blob_upload) struct blob_upload upload = { 0 };
    struct blob_attrs attrs;
    return child_json_get_attrs(&visit->at, &meta, &attrs, err) &&
           blob_upload_begin(&visit->place->blob, visit->key, &attrs, &upload, err) &&
           child_json_text(visit->answer, "id", upload.id, err);
}

// Borrows the document's texts: not to be freed.
static bool get_upload(const struct visit *visit, struct blob_upload *ret, struct sr_err *err)
{
    const char *id;
    if (!jx_text(&visit->at, "id", &id, err))
        return false;
    *ret =
        (struct blob_upload){ .key = (char *)(uintptr_t)visit->key, .id = (char *)(uintptr_t)id };
    return true;
}

static bool get_part_number(const struct visit *visit, uint32_t *ret, struct sr_err *err)
{
    int64_t number;
    if (!jx_int(&visit->at, "number", 1, BLOB_PARTS_MAX, &number, err))
        return false;
    *ret = (uint32_t)number;  // checked above
    return true;
}

static bool do_upload_part(struct visit *visit, struct sr_err *err)
{
    struct blob_upload upload;
    struct blob_part part = { 0 };
    uint32_t number;
    return get_upload(visit, &upload, err) && get_part_number(visit, &number, err) &&
           blob_upload_part(&visit->place->blob, &upload, number, visit->asked.data,
                            visit->asked.bytes, &part, err) &&
           child_json_part(visit->answer, &part, err);
}

static bool do_upload_copy(struct visit *visit, struct sr_err *err)
{
    struct blob_upload upload;
    struct blob_source from = { 0 };
    struct blob_part part = { 0 };
    uint32_t number;
    return get_upload(visit, &upload, err) && get_part_number(visit, &number, err) &&
           jx_text(&visit->at, "from", &from.key, err) &&
           may(visit->store, visit->opened, from.key, CHILD_REACH_READ, err) &&
           child_json_get_number(&visit->at, "offset", &from.offset, err) &&
           child_json_get_number(&visit->at, "bytes", &from.bytes, err) &&
           text(visit, "if_match", &from.if_match, err) &&
           blob_upload_copy(&visit->place->blob, &upload, number, &from, &part, err) &&
           child_json_part(visit->answer, &part, err);
}

static bool do_upload_parts(struct visit *visit, struct sr_err *err)
{
    struct blob_upload upload;
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    return get_upload(visit, &upload, err) &&
           blob_upload_parts(&visit->place->blob, &upload, &parts, err) &&
           child_json_parts(visit->answer, &parts, err);
}

static bool do_upload_finish(struct visit *visit, struct sr_err *err)
{
    struct blob_upload upload;
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    sr_auto(blob_pairs) struct blob_pairs meta = { 0 };
    struct blob_attrs attrs;
    char etag[BLOB_ETAG_BYTES];
    const bool has_attrs = jx_has(&visit->at, "if_absent");
    return get_upload(visit, &upload, err) && child_json_get_parts(&visit->at, &parts, err) &&
           child_json_get_attrs(&visit->at, &meta, &attrs, err) &&
           blob_upload_finish(&visit->place->blob, &upload, &parts, has_attrs ? &attrs : NULL, etag,
                              err) &&
           child_json_text(visit->answer, "etag", etag, err);
}

static bool do_upload_abort(struct visit *visit, struct sr_err *err)
{
    struct blob_upload upload;
    return get_upload(visit, &upload, err) && blob_upload_abort(&visit->place->blob, &upload, err);
}

static bool do_uploads(struct visit *visit, struct sr_err *err)
{
    struct blob_upload after = { 0 };
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    const char *prefix;
    return (!visit->key || get_upload(visit, &after, err)) && text(visit, "prefix", &prefix, err) &&
           may_list(visit, prefix, err) &&
           blob_uploads_after(&visit->place->blob, prefix, visit->key ? &after : NULL, &uploads,
                              err) &&
           child_json_uploads(visit->answer, &uploads, err);
}

static bool do_remove(struct visit *visit, struct sr_err *err)
{
    const char *keys[BLOB_REMOVE_MAX];
    struct jx list;
    if (!jx_array(&visit->at, "keys", &list, err))
        return false;
    const size_t count = json_array_size(list.value);
    if (count > BLOB_REMOVE_MAX)
        return sr_fail(err, SR_ERR_INVALID, "%zu keys", count);
    for (size_t i = 0; i < count; i++) {
        keys[i] = json_string_value(json_array_get(list.value, i));
        if (!keys[i])
            return jx_fail(&list, err, "want texts");
        if (!may(visit->store, visit->opened, keys[i], CHILD_REACH_WRITE, err))
            return false;
    }
    return blob_remove(&visit->place->blob, keys, count, err);
}

static const struct opened *find_place(struct visit *visit, const char *key, struct sr_err *err)
{
    struct child_store *const store = visit->store;
    uint64_t number = UINT64_MAX;
    if (!child_json_get_number(&visit->at, key, &number, err))
        return NULL;
    sr_lock(&store->lock);
    const struct opened *const opened =
        number < store->synced.opened_count ? &store->synced.opened[number] : NULL;
    sr_unlock(&store->lock);
    if (!opened)
        (void)sr_fail(err, SR_ERR_INVALID, "no such place");
    return opened;
}

static bool do_copy(struct visit *visit, struct sr_err *err)
{
    sr_auto(blob_pairs) struct blob_pairs meta = { 0 };
    struct blob_attrs attrs;
    const bool is_across =
        strcmp(json_string_value(json_object_get(visit->asked.json, "op")), "copy_across") == 0;
    // What is checked is what is read: a copy within a place is from there, whatever else is said.
    const struct opened *const source =
        is_across ? find_place(visit, "from_place", err) : visit->opened;
    const char *from, *if_match;
    bool has_attrs;
    if (!source || !jx_text(&visit->at, "from", &from, err) ||
        !may(visit->store, source, from, CHILD_REACH_READ, err) ||
        !text(visit, "if_match", &if_match, err) ||
        !jx_bool(&visit->at, "has_attrs", &has_attrs, err) ||
        !child_json_get_attrs(&visit->at, &meta, &attrs, err))
        return false;
    const struct blob_attrs *const wanted = has_attrs ? &attrs : NULL;
    return is_across ? blob_copy_across(&source->place->blob, from, if_match, &visit->place->blob,
                                        visit->key, wanted, err)
                     : blob_copy(&visit->place->blob, from, if_match, visit->key, wanted, err);
}

static bool do_tags_get(struct visit *visit, struct sr_err *err)
{
    sr_auto(blob_pairs) struct blob_pairs tags = { 0 };
    return blob_tags_get(&visit->place->blob, visit->key, &tags, err) &&
           child_json_pairs(visit->answer, "tags", &tags, err);
}

static bool do_tags_set(struct visit *visit, struct sr_err *err)
{
    sr_auto(blob_pairs) struct blob_pairs tags = { 0 };
    return child_json_get_pairs(&visit->at, "tags", &tags, err) &&
           blob_tags_set(&visit->place->blob, visit->key, &tags, err);
}

static const struct operation {
    const char *name;
    bool needs_key;
    enum child_reach_use use;  // of that key
    bool (*run)(struct visit *visit, struct sr_err *err);
} operations[] = {
    { "head", true, CHILD_REACH_READ, do_head },
    { "get", true, CHILD_REACH_READ, do_get },
    { "list", false, CHILD_REACH_LIST, do_list },
    { "put", true, CHILD_REACH_WRITE, do_put },
    { "upload_begin", true, CHILD_REACH_WRITE, do_upload_begin },
    { "upload_part", true, CHILD_REACH_WRITE, do_upload_part },
    { "upload_copy", true, CHILD_REACH_WRITE, do_upload_copy },
    { "upload_parts", true, CHILD_REACH_WRITE, do_upload_parts },
    { "upload_finish", true, CHILD_REACH_WRITE, do_upload_finish },
    { "upload_abort", true, CHILD_REACH_WRITE, do_upload_abort },
    { "uploads", false, CHILD_REACH_LIST, do_uploads },
    { "remove", false, CHILD_REACH_WRITE, do_remove },
    { "copy", true, CHILD_REACH_WRITE, do_copy },
    { "copy_across", true, CHILD_REACH_WRITE, do_copy },
    { "tags_get", true, CHILD_REACH_READ, do_tags_get },
    { "tags_set", true, CHILD_REACH_WRITE, do_tags_set },
};

// Visits -----------------------------------------------------------------------------------------
static bool run(struct visit *visit, struct sr_err *err)
{
    const char *op;
    if (!json_is_object(visit->asked.json))
        return sr_fail(err, SR_ERR_INVALID, "a request without document");
    visit->at = jx_root(visit->asked.json);
    if (!sr_cancel_check(&visit->store->cancel, err) || !jx_text(&visit->at, "op", &op, err))
        return false;
    if (strcmp(op, "open") == 0)
        return do_open(visit, err);
    visit->opened = find_place(visit, "place", err);
    if (!visit->opened || !text(visit, "key", &visit->key, err))
        return false;
    visit->place = visit->opened->place;
    for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
        if (strcmp(operations[i].name, op) != 0)
            continue;
        if (operations[i].needs_key && !visit->key)
            return sr_fail(err, SR_ERR_INVALID, "%s: want a key", op);
        return (!operations[i].needs_key ||
                may(visit->store, visit->opened, visit->key, operations[i].use, err)) &&
               operations[i].run(visit, err);
    }
    return sr_fail(err, SR_ERR_INVALID, "no such operation: \"%.40s\"", op);
}

static void free_visit(struct visit *visit)
{
    struct child_store *const store = visit->store;
    sr_lock(&store->lock);
    store->synced.waiting--;
    store->synced.waiting_bytes -= visit->asked.bytes;
    sr_unlock(&store->lock);
    child_frame_done(&visit->asked);
    json_decref(visit->answer);
    free(visit->data);
    free(visit);
}

static void answer(void *task, size_t thread_index)
{
    struct visit *const visit = task;
    struct sr_err err = { 0 }, why = { 0 };
    (void)thread_index;
    if (!run(visit, &why)) {
        visit->bytes = 0;
        json_object_clear(visit->answer);
        if (!child_json_err(visit->answer, &why, &err))
            (void)json_object_clear(visit->answer);  // the child misses what it asked for
    }
    const struct child_frame frame = { .kind = CHILD_FRAME_ANSWER,
                                       .number = visit->asked.number,
                                       .json = visit->answer,
                                       .data = visit->data,
                                       .bytes = visit->bytes };
    visit->store->params.answer(visit->store->params.self, &frame);
    free_visit(visit);
}

static bool admit(struct child_store *store, size_t bytes)
{
    sr_lock(&store->lock);
    const bool fits = store->synced.waiting < CHILD_STORE_WAITING_MAX &&
                      store->synced.waiting_bytes <= CHILD_STORE_BYTES_MAX - bytes;
    if (fits) {
        store->synced.waiting++;
        store->synced.waiting_bytes += bytes;
    }
    sr_unlock(&store->lock);
    return fits;
}

bool child_store_request(struct child_store *store, struct child_frame *frame, struct sr_err *err)
{
    if (!store->pool && !sr_pool_new("child-io", CHILD_STORE_THREADS, &store->pool, err))
        return false;
    struct visit *const visit = calloc(1, sizeof(*visit));
    json_t *const document = json_object();
    if (!visit || !document || !admit(store, frame->bytes)) {
        const bool is_full = visit && document;
        free(visit);
        json_decref(document);
        return is_full ? sr_fail(err, SR_ERR_LIMIT, "too many requests at once")
                       : sr_fail(err, SR_ERR_NO_MEMORY, "a request");
    }
    *visit = (struct visit){ .store = store, .asked = *frame, .answer = document };
    *frame = (struct child_frame){ 0 };
    if (sr_pool_add(store->pool, answer, visit, err))
        return true;
    free_visit(visit);
    return false;
}

bool child_store_new(const struct child_store_params *params, struct child_store **ret_store,
                     struct sr_err *err)
{
    struct child_store *const store = calloc(1, sizeof(*store));
    if (!store)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a child's stores");
    store->params = *params;
    sr_cancel_init(&store->cancel, NULL, NULL, INT64_MAX);
    const struct remote_params remote = { .stores = params->stores,
                                          .cancel = &store->cancel,
                                          .log = params->log };
    if (!sr_mutex_init(&store->lock, err)) {
        free(store);
        return false;
    }
    if (!remote_new(&remote, &store->remote, err)) {
        sr_mutex_done(&store->lock);
        free(store);
        return false;
    }
    if (params->cache && !child_shared_new(params->cache, &store->cancel, &store->shared, err)) {
        child_store_free(store);
        return false;
    }
    *ret_store = store;
    return true;
}

void child_store_free(struct child_store *store)
{
    if (!store)
        return;
    sr_cancel_set(&store->cancel);
    if (store->pool)
        sr_pool_wait(store->pool);  // what has not begun fails at once, and is freed
    sr_pool_free(store->pool);
    for (size_t i = 0; i < store->synced.opened_count; i++)
        free(store->synced.opened[i].base);
    child_reach_free(store->synced.reach);
    child_shared_free(store->shared);
    remote_free(store->remote);
    sr_mutex_done(&store->lock);
    free(store);
}
