#include "pipeline/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/pool.h"
#include "base/str.h"
#include "base/thread.h"
#include "storage/blob_cache.h"
#include "storage/blob_read.h"
#include "storage/blob_write.h"
#include "storage/s3_event.h"

enum {
    UPLOAD_THREADS = 4,
    UPLOAD_BYTES_MAX = 4 * BLOB_WRITE_PART_BYTES,  // on their way, of all writers
    AHEAD_BYTES_MAX = 4 << 20,                     // of one reader's place
    CACHE_BYTES_MIN = 32 << 20,
    CACHE_BYTES_MAX = 256 << 20,
};

struct opened {
    char *url;
    enum blob_place_use use;
    struct blob_place place;
    struct opened *next;
};

struct remote {
    struct remote_params params;            // set before use, then only read
    struct blob_stores_params stores_with;  // the same, and who cancels
    struct sr_mutex lock;
    struct {
        struct blob_stores *stores;
        struct opened *opened;
        struct blob_cache *cache;
        struct sr_pool *uploads;
        struct sr_budget *upload_bytes;
    } synced;  // under `lock`; what is set stays
};

bool remote_new(const struct remote_params *params, struct remote **ret_remote, struct sr_err *err)
{
    struct remote *const remote = calloc(1, sizeof(*remote));
    if (!remote)
        return sr_fail(err, SR_ERR_NO_MEMORY, "stores");
    remote->params = *params;
    if (params->stores)
        remote->stores_with = *params->stores;
    remote->stores_with.cancel = params->cancel;
    remote->stores_with.log = params->log;
    if (!sr_mutex_init(&remote->lock, err)) {
        free(remote);
        return false;
    }
    *ret_remote = remote;
    return true;
}

void remote_free(struct remote *remote)
{
    if (!remote)
        return;
    while (remote->synced.opened) {
        struct opened *const opened = remote->synced.opened;
        remote->synced.opened = opened->next;
        blob_place_done(&opened->place);
        free(opened->url);
        free(opened);
    }
    blob_cache_free(remote->synced.cache);
    sr_pool_free(remote->synced.uploads);
    sr_budget_free(remote->synced.upload_bytes);
    blob_stores_free(remote->synced.stores);
    sr_mutex_done(&remote->lock);
    free(remote);
}

static bool is_http(const char *place)
{
    return strncasecmp(place, "http://", 7) == 0 || strncasecmp(place, "https://", 8) == 0;
}

bool remote_is_url(const char *place)
{
    return strncasecmp(place, "s3://", 5) == 0 || is_http(place);
}

char *remote_shown(const char *place, struct sr_err *err)
{
    const size_t bytes = is_http(place) ? strcspn(place, "?#") : strlen(place);
    return sr_strf(err, "%.*s", (int)bytes, place);
}

// Places -----------------------------------------------------------------------------------------
static struct opened *find_locked(struct remote *remote, const char *url, enum blob_place_use use)
    SR_REQUIRES(remote->lock);
static struct opened *find_locked(struct remote *remote, const char *url, enum blob_place_use use)
{
    for (struct opened *opened = remote->synced.opened; opened; opened = opened->next) {
        if (opened->use == use && strcmp(opened->url, url) == 0)
            return opened;
    }
    return NULL;
}

static bool need_stores_locked(struct remote *remote, struct sr_err *err) SR_REQUIRES(remote->lock);
static bool need_stores_locked(struct remote *remote, struct sr_err *err)
{
    return remote->synced.stores ||
           blob_stores_new(&remote->stores_with, &remote->synced.stores, err);
}

bool remote_http(struct remote *remote, struct http **ret_http, struct sr_err *err)
{
    sr_lock(&remote->lock);
    const bool done = need_stores_locked(remote, err);
    struct http *const http = done ? blob_stores_http(remote->synced.stores) : NULL;
    sr_unlock(&remote->lock);
    if (!done)
        return false;
    *ret_http = http;
    return http || sr_fail(err, SR_ERR_UNSUPPORTED, "this process has no network");
}

static bool open_locked(struct remote *remote, const char *url, enum blob_place_use use,
                        struct opened **ret, struct sr_err *err) SR_REQUIRES(remote->lock);
static bool open_locked(struct remote *remote, const char *url, enum blob_place_use use,
                        struct opened **ret, struct sr_err *err)
{
    if (!need_stores_locked(remote, err))
        return false;
    struct opened *const opened = calloc(1, sizeof(*opened));
    if (!opened)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a place");
    opened->use = use;
    opened->url = sr_str_dup(url, err);
    if (!opened->url || !blob_stores_open(remote->synced.stores, url, use, &opened->place, err)) {
        free(opened->url);
        free(opened);
        return false;
    }
    opened->next = remote->synced.opened;
    remote->synced.opened = *ret = opened;
    return true;
}

bool remote_open(struct remote *remote, const char *url, enum blob_place_use use,
                 const struct blob_place **ret_place, struct sr_err *err)
{
    sr_lock(&remote->lock);
    struct opened *opened = find_locked(remote, url, use);
    const bool done = opened || open_locked(remote, url, use, &opened, err);
    sr_unlock(&remote->lock);
    if (done)
        *ret_place = &opened->place;
    return done;
}

// Reading and writing ----------------------------------------------------------------------------
// Segments are not encoded in the order of the file, and each sound track is read through on its
// own: only a cache that holds the source spares it to be fetched twice. A process that does the
// whole job may take a sixteenth of the machine's memory for it; a child that does a task of it has
// bounds of its own.
uint64_t remote_cache_bytes(size_t reader_count)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    const uint64_t readers = reader_count ? reader_count : 2;
    uint64_t bytes = (readers + 1) * 2 * AHEAD_BYTES_MAX;  // what reading ahead needs
    if (reader_count && pages > 0 && page_bytes > 0) {
        const uint64_t share = (uint64_t)pages * (uint64_t)page_bytes / 16;
        bytes = share > bytes ? share : bytes;
    }
    return bytes < CACHE_BYTES_MIN ? CACHE_BYTES_MIN
                                   : (bytes > CACHE_BYTES_MAX ? CACHE_BYTES_MAX : bytes);
}

static bool open_cache(struct remote *remote, struct sr_err *err)
{
    const struct blob_cache_params params = { .bytes_max =
                                                  remote_cache_bytes(remote->params.reader_count) };
    sr_lock(&remote->lock);
    const bool done = remote->synced.cache || blob_cache_new(&params, &remote->synced.cache, err);
    sr_unlock(&remote->lock);
    return done;
}

bool remote_reader(struct remote *remote, const struct blob *blob, const char *key,
                   const struct blob_info *known, struct sr_reader *ret_reader, struct sr_err *err)
{
    if (!open_cache(remote, err))
        return false;
    const struct blob_read_params params = {
        .blob = blob,
        .key = key,
        .cache = remote->synced.cache,
        .known = known,
        .ahead_bytes_max = AHEAD_BYTES_MAX,
    };
    return blob_read_open(&params, ret_reader, err);
}

static bool open_uploads(struct remote *remote, struct sr_err *err)
{
    sr_lock(&remote->lock);
    const bool done = (remote->synced.upload_bytes ||
                       sr_budget_new(UPLOAD_BYTES_MAX, &remote->synced.upload_bytes, err)) &&
                      (remote->synced.uploads ||
                       sr_pool_new("upload", UPLOAD_THREADS, &remote->synced.uploads, err));
    sr_unlock(&remote->lock);
    return done;
}

static void add_mark(struct remote_mark *mark, const char *name, const char *value)
{
    const size_t i = mark->pairs.count++;
    char *const own_name = mark->texts[2 * i], *const own_value = mark->texts[2 * i + 1];
    (void)snprintf(own_name, sizeof(mark->texts[0]), "%s", name);
    (void)snprintf(own_value, sizeof(mark->texts[0]), "%s", value);
    mark->pair[i] = (struct blob_pair){ .name = own_name, .value = own_value };
}

const struct blob_pairs *remote_mark(const struct remote *remote, struct remote_mark *mark)
{
    const char *const job = remote ? remote->params.job : NULL;
    const char *const correlation = remote ? remote->params.correlation : NULL;
    *mark = (struct remote_mark){ .pairs = { .item = mark->pair } };
    add_mark(mark, S3_EVENT_MARK, job && *job ? job : "splitreel");
    if (correlation && *correlation)
        add_mark(mark, "splitreel-correlation", correlation);
    return &mark->pairs;
}

bool remote_writer(struct remote *remote, const struct blob *blob, const char *key,
                   const struct blob_attrs *attrs, struct sr_writer *ret_writer, struct sr_err *err)
{
    if (!open_uploads(remote, err))
        return false;
    struct remote_mark mark;
    struct blob_attrs marked = *attrs;
    marked.meta = attrs->meta ? attrs->meta : remote_mark(remote, &mark);
    const struct blob_write_params params = {
        .blob = blob,
        .key = key,
        .attrs = marked,
        .budget = remote->synced.upload_bytes,
        .pool = remote->synced.uploads,
        .cancel = remote->params.cancel,
    };
    return blob_write_open(&params, ret_writer, err);
}

// Counting ---------------------------------------------------------------------------------------
static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

bool remote_stats(struct remote *remote, json_t **ret_json, struct sr_err *err)
{
    sr_lock(&remote->lock);
    struct blob_stores *const stores = remote->synced.stores;
    struct blob_cache *const cache = remote->synced.cache;
    sr_unlock(&remote->lock);
    if (!stores) {
        *ret_json = json_null();
        return true;
    }
    const struct http_stats all = blob_stores_stats(stores);
    const struct blob_cache_stats read =
        cache ? blob_cache_stats(cache) : (struct blob_cache_stats){ 0 };
    sr_auto(json) json_t *json = json_object();
    json_t *const inner = json_object();
    if (!jx_put(json, "requests", number(all.requests), err) ||
        !jx_put(json, "retries", number(all.retries), err) ||
        !jx_put(json, "received_bytes", number(all.received_bytes), err) ||
        !jx_put(json, "sent_bytes", number(all.sent_bytes), err)) {
        json_decref(inner);
        return false;
    }
    if (!jx_put(json, "cache", inner, err) ||
        !jx_put(inner, "requests", number(read.requests), err) ||
        !jx_put(inner, "bytes", number(read.bytes), err) ||
        !jx_put(inner, "hits", number(read.hits), err) ||
        !jx_put(inner, "bytes_peak", number(read.bytes_peak), err))
        return false;
    *ret_json = sr_take(json);
    return true;
}
