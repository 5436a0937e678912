#include "storage/blob_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "storage/blob_cache_priv.h"

struct blob_object {
    const void *store;
    char *key, *etag;
    size_t uses;  // readers, and blocks in the table
    struct blob_object *next;
};

static void free_object(struct blob_object *object)
{
    free(object->key);
    free(object->etag);
    free(object);
}

void blob_cache_let_go_locked(struct blob_cache *cache, struct blob_object *object)
{
    if (--object->uses > 0)
        return;
    struct blob_object **at = &cache->objects;
    while (*at != object)
        at = &(*at)->next;
    *at = object->next;
    free_object(object);
}

static size_t chain_of(const struct blob_object *object, uint64_t index)
{
    const uint64_t mixed =
        ((uint64_t)(uintptr_t)object >> 4) * 0x9e3779b97f4a7c15ULL + index * 0xd6e8feb86659fd93ULL;
    return (size_t)(mixed >> 32) % BLOB_CACHE_CHAINS;
}

static void unlink_use(struct blob_cache *cache, struct blob_block *block)
{
    *(block->newer ? &block->newer->older : &cache->newest) = block->older;
    *(block->older ? &block->older->newer : &cache->oldest) = block->newer;
    block->newer = block->older = NULL;
}

static void link_newest(struct blob_cache *cache, struct blob_block *block)
{
    block->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = block;
    cache->newest = block;
}

struct blob_block *blob_cache_find_locked(struct blob_cache *cache,
                                          const struct blob_object *object, uint64_t index)
{
    for (struct blob_block *block = cache->chains[chain_of(object, index)]; block;
         block = block->chain) {
        if (block->object == object && block->index == index) {
            unlink_use(cache, block);
            link_newest(cache, block);
            return block;
        }
    }
    return NULL;
}

static void free_block(struct blob_cache *cache, struct blob_block *block)
{
    cache->bytes -= block->bytes;
    free(block->data);
    free(block);
}

void blob_cache_drop_locked(struct blob_cache *cache, struct blob_block *block)
{
    assert(!block->gone);
    struct blob_block **at = &cache->chains[chain_of(block->object, block->index)];
    while (*at != block)
        at = &(*at)->chain;
    *at = block->chain;
    unlink_use(cache, block);
    block->gone = true;
    blob_cache_let_go_locked(cache, block->object);
    if (block->refs == 0)
        free_block(cache, block);
}

void blob_cache_hold_locked(struct blob_cache *cache, struct blob_block *block)
{
    (void)cache;  // its lock guards the count
    block->refs++;
}

void blob_cache_release_locked(struct blob_cache *cache, struct blob_block *block)
{
    assert(block->refs > 0);
    if (--block->refs == 0 && block->gone)
        free_block(cache, block);
}

static bool make_room_locked(struct blob_cache *cache, size_t bytes) SR_REQUIRES(cache->lock);
static bool make_room_locked(struct blob_cache *cache, size_t bytes)
{
    struct blob_block *block = cache->oldest;
    while (block && cache->bytes + bytes > cache->params.bytes_max) {
        struct blob_block *newer = block->newer;
        if (block->refs == 0)
            blob_cache_drop_locked(cache, block);
        block = newer;
    }
    return cache->bytes + bytes <= cache->params.bytes_max;
}

struct blob_block *blob_cache_add_locked(struct blob_cache *cache, struct blob_object *object,
                                         uint64_t index, size_t bytes, bool must)
{
    if (!make_room_locked(cache, bytes) && !must)
        return NULL;
    struct blob_block *block = calloc(1, sizeof(*block));
    char *data = malloc(bytes);
    if (!block || !data) {
        free(block);
        free(data);
        return NULL;
    }
    *block = (struct blob_block){
        .object = object, .index = index, .bytes = bytes, .data = data, .refs = 1
    };
    object->uses++;
    struct blob_block **chain = &cache->chains[chain_of(object, index)];
    block->chain = *chain;
    *chain = block;
    link_newest(cache, block);
    cache->bytes += bytes;
    if (cache->bytes > cache->stats.bytes_peak)
        cache->stats.bytes_peak = cache->bytes;
    return block;
}

static struct blob_object *find_object(struct blob_cache *cache, const void *store, const char *key,
                                       const char *etag)
{
    for (struct blob_object *object = cache->objects; object; object = object->next) {
        if (object->store == store && strcmp(object->key, key) == 0 &&
            strcmp(object->etag, etag) == 0)
            return object;
    }
    return NULL;
}

bool blob_cache_object(struct blob_cache *cache, const void *store, const char *key,
                       const char *etag, struct blob_object **ret_object, struct sr_err *err)
{
    struct blob_object *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return sr_fail(err, SR_ERR_NO_MEMORY, "cache");
    fresh->store = store;
    fresh->key = sr_str_dup(key, err);
    fresh->etag = fresh->key ? sr_str_dup(etag, err) : NULL;
    sr_lock(&cache->lock);
    struct blob_object *known = find_object(cache, store, key, etag);
    if (!known && fresh->etag) {
        fresh->next = cache->objects;
        cache->objects = known = fresh;
        fresh = NULL;
    }
    if (known)
        known->uses++;
    sr_unlock(&cache->lock);
    if (fresh)
        free_object(fresh);
    if (!known)
        return sr_fail(err, SR_ERR_NO_MEMORY, "cache");
    *ret_object = known;
    return true;
}

bool blob_cache_new(const struct blob_cache_params *params, struct blob_cache **ret_cache,
                    struct sr_err *err)
{
    struct blob_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return sr_fail(err, SR_ERR_NO_MEMORY, "cache");
    cache->params = *params;
    if (!cache->params.bytes_max)
        cache->params.bytes_max = 32 << 20;
    if (!cache->params.block_bytes)
        cache->params.block_bytes = 512 << 10;
    if (!cache->params.thread_count)
        cache->params.thread_count = 6;
    if (!sr_mutex_init(&cache->lock, err)) {
        free(cache);
        return false;
    }
    if (!sr_cond_init(&cache->changed, err)) {
        sr_mutex_done(&cache->lock);
        free(cache);
        return false;
    }
    if (!sr_pool_new("ahead", cache->params.thread_count, &cache->pool, err)) {
        blob_cache_free(cache);
        return false;
    }
    *ret_cache = cache;
    return true;
}

void blob_cache_free(struct blob_cache *cache)
{
    if (!cache)
        return;
    sr_pool_free(cache->pool);
    sr_lock(&cache->lock);
    while (cache->oldest) {
        assert(cache->oldest->refs == 0);
        blob_cache_drop_locked(cache, cache->oldest);
    }
    sr_unlock(&cache->lock);
    assert(!cache->objects);
    sr_cond_done(&cache->changed);
    sr_mutex_done(&cache->lock);
    free(cache);
}

struct blob_cache_stats blob_cache_stats(struct blob_cache *cache)
{
    sr_lock(&cache->lock);
    const struct blob_cache_stats stats = cache->stats;
    sr_unlock(&cache->lock);
    return stats;
}
