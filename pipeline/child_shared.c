#include "pipeline/child_shared.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/thread.h"
#include "storage/blob_read.h"

struct object {
    char *url;
    struct blob_info info;
    struct sr_reader reader;
};

struct child_shared {
    struct blob_cache *cache;
    const struct sr_cancel *cancel;
    struct sr_mutex lock;
    struct {
        struct object object[CHILD_SHARED_MAX];  // what is set stays
        size_t count;
    } synced;  // under `lock`
};

bool child_shared_new(struct blob_cache *cache, const struct sr_cancel *cancel,
                      struct child_shared **ret_shared, struct sr_err *err)
{
    struct child_shared *const shared = calloc(1, sizeof(*shared));
    if (!shared)
        return sr_fail(err, SR_ERR_NO_MEMORY, "shared objects");
    shared->cache = cache;
    shared->cancel = cancel;
    if (!sr_mutex_init(&shared->lock, err)) {
        free(shared);
        return false;
    }
    *ret_shared = shared;
    return true;
}

static void object_done(struct object *object)
{
    sr_reader_close(&object->reader);
    blob_info_done(&object->info);
    free(object->url);
}
SR_DEFINE_AUTO_VALUE(object, struct object, object_done);

void child_shared_free(struct child_shared *shared)
{
    if (!shared)
        return;
    for (size_t i = 0; i < shared->synced.count; i++)
        object_done(&shared->synced.object[i]);
    sr_mutex_done(&shared->lock);
    free(shared);
}

static struct object *find_locked(struct child_shared *shared, const char *url, const char *etag)
    SR_REQUIRES(shared->lock);
static struct object *find_locked(struct child_shared *shared, const char *url, const char *etag)
{
    for (size_t i = 0; i < shared->synced.count; i++) {
        struct object *const object = &shared->synced.object[i];
        if (strcmp(object->url, url) == 0 && strcmp(object->info.etag, etag) == 0)
            return object;
    }
    return NULL;
}

// The child reads ahead, and asks for what it wants in large ranges: here that would be done twice.
static bool open_object(const struct child_shared *shared, const struct blob *blob, const char *key,
                        const char *url, const struct blob_info *info, struct object *ret,
                        struct sr_err *err)
{
    sr_auto(object) struct object object = { .info = *info };
    object.info.meta = (struct blob_pairs){ 0 };  // the told one's
    const struct blob_read_params params = { .blob = blob,
                                             .key = key,
                                             .if_match = info->etag,
                                             .cache = shared->cache,
                                             .cached_as = url,
                                             .known = info,
                                             .cancel = shared->cancel,
                                             .ahead_bytes_max = 1 };
    object.url = sr_str_dup(url, err);
    if (!object.url || !blob_read_open(&params, &object.reader, err))
        return false;
    *ret = object;
    object = (struct object){ 0 };
    return true;
}

bool child_shared_note(struct child_shared *shared, const struct blob *blob, const char *key,
                       const char *url, const struct blob_info *info, struct sr_err *err)
{
    if (!*info->etag || info->bytes < CHILD_SHARED_BYTES_MIN || blob->ops->open_reader)
        return true;
    sr_lock(&shared->lock);
    const bool is_done =
        shared->synced.count == CHILD_SHARED_MAX || find_locked(shared, url, info->etag);
    sr_unlock(&shared->lock);
    if (is_done)
        return true;
    sr_auto(object) struct object object = { 0 };
    if (!open_object(shared, blob, key, url, info, &object, err))
        return false;
    sr_lock(&shared->lock);  // another thread may have been faster
    if (shared->synced.count < CHILD_SHARED_MAX && !find_locked(shared, url, info->etag)) {
        shared->synced.object[shared->synced.count++] = object;
        object = (struct object){ 0 };
    }
    sr_unlock(&shared->lock);
    return true;
}

bool child_shared_read(struct child_shared *shared, const char *url, const char *if_match,
                       uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                       const struct blob_info **ret_info, struct sr_err *err)
{
    *ret_info = NULL;
    if (!if_match)
        return true;
    sr_lock(&shared->lock);
    const struct object *const object = find_locked(shared, url, if_match);
    sr_unlock(&shared->lock);
    if (!object)
        return true;
    *ret_info = &object->info;
    return sr_read_at(&object->reader, offset, buffer, bytes, ret_bytes, err);
}
