#include "storage/blob_read.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "storage/blob_cache_priv.h"

enum { RUN_BLOCKS_MAX = 8, STREAMS = 16, CANCEL_POLL_US = 50 * 1000 };

// One place that somebody reads on from: several workers, or the tracks of a file, share a reader.
struct stream {
    uint64_t next_index;  // a read of this block goes on from the last one
    uint64_t window_blocks;
    uint64_t used;  // the later, the larger
};

struct reader {
    struct blob blob;
    struct blob_cache *cache;
    struct blob_object *object;
    char *key;
    char etag[BLOB_ETAG_BYTES];
    uint64_t size;
    uint64_t ahead_blocks_max;
    const struct sr_cancel *cancel;
    struct {
        struct stream streams[STREAMS];
        uint64_t reads;
        unsigned tasks;  // that read ahead now
    } synced;            // under the cache's lock
};

// Blocks that one request fetches.
struct run {
    struct reader *reader;
    struct blob_block *blocks[RUN_BLOCKS_MAX];
    size_t count;
    size_t ready;  // blocks that are complete; the loader's alone
};

static size_t block_bytes(const struct reader *reader, uint64_t index)
{
    const uint64_t bytes = reader->cache->params.block_bytes;
    const uint64_t left = reader->size - index * bytes;
    return (size_t)(left < bytes ? left : bytes);
}

// Fetching ---------------------------------------------------------------------------------------

// Called with the bytes of a run, after a retry from its beginning again: blocks that are ready
// stay as they are.
static void fill_run(void *self, uint64_t offset, const void *data, size_t bytes)
{
    struct run *run = self;
    struct blob_cache *cache = run->reader->cache;
    const size_t whole = cache->params.block_bytes;
    const char *from = data;
    while (bytes) {
        const size_t which = (size_t)(offset / whole);
        assert(which < run->count);
        struct blob_block *block = run->blocks[which];
        const size_t at = (size_t)(offset % whole);
        const size_t some = block->bytes - at < bytes ? block->bytes - at : bytes;
        if (which >= run->ready)
            memcpy(block->data + at, from, some);
        if (which == run->ready && at + some == block->bytes) {
            run->ready++;
            sr_lock(&cache->lock);
            block->state = BLOB_BLOCK_READY;
            sr_cond_broadcast(&cache->changed);
            sr_unlock(&cache->lock);
        }
        offset += some;
        from += some;
        bytes -= some;
    }
}

static void end_run(struct run *run, uint64_t bytes)
{
    struct blob_cache *cache = run->reader->cache;
    sr_lock(&cache->lock);
    for (size_t i = 0; i < run->count; i++) {
        if (run->blocks[i]->state == BLOB_BLOCK_LOADING)
            blob_cache_drop_locked(cache, run->blocks[i]);
        blob_cache_release_locked(cache, run->blocks[i]);
    }
    cache->stats.requests++;
    cache->stats.bytes += bytes;
    sr_cond_broadcast(&cache->changed);
    sr_unlock(&cache->lock);
}

static bool load_run(struct run *run, struct sr_err *err)
{
    struct reader *reader = run->reader;
    uint64_t bytes = 0;
    for (size_t i = 0; i < run->count; i++)
        bytes += run->blocks[i]->bytes;
    const struct blob_get get = {
        .key = reader->key,
        .offset = run->blocks[0]->index * reader->cache->params.block_bytes,
        .bytes = bytes,
        .if_match = *reader->etag ? reader->etag : NULL,
        .sink = fill_run,
        .self = run,
    };
    sr_auto(blob_info) struct blob_info info = { 0 };
    bool done = blob_get(&reader->blob, &get, &info, err);
    if (done && (run->ready != run->count || (info.bytes && info.bytes != reader->size)))
        done = sr_fail(err, SR_ERR_CONFLICT, "%s changed while it was read", reader->key);
    end_run(run, done ? bytes : 0);
    return done;
}

static void load_ahead(void *task, size_t thread_index)
{
    (void)thread_index;
    struct run *run = task;
    struct reader *reader = run->reader;
    struct sr_err ignored = { 0 };
    // What fails here is asked for again, and reported, when somebody needs it.
    (void)!load_run(run, &ignored);
    free(run);
    sr_lock(&reader->cache->lock);
    reader->synced.tasks--;
    sr_cond_broadcast(&reader->cache->changed);
    sr_unlock(&reader->cache->lock);
}

// Adds blocks that are missing from `index` on, up to `limit`, as far as there is room.
static void gather_locked(struct reader *reader, struct run *run, uint64_t index, uint64_t limit)
    SR_REQUIRES(reader->cache->lock);
static void gather_locked(struct reader *reader, struct run *run, uint64_t index, uint64_t limit)
{
    for (; index < limit && run->count < RUN_BLOCKS_MAX; index++) {
        if (blob_cache_find_locked(reader->cache, reader->object, index))
            return;
        struct blob_block *block = blob_cache_add_locked(reader->cache, reader->object, index,
                                                         block_bytes(reader, index), false);
        if (!block)
            return;
        run->blocks[run->count++] = block;
    }
}

static void start_ahead_locked(struct reader *reader, uint64_t index, uint64_t window)
    SR_REQUIRES(reader->cache->lock);
static void start_ahead_locked(struct reader *reader, uint64_t index, uint64_t window)
{
    const uint64_t blocks =
        (reader->size + reader->cache->params.block_bytes - 1) / reader->cache->params.block_bytes;
    if (index >= blocks)
        return;
    const uint64_t limit = blocks - index > window ? index + window : blocks;
    // a request for every single block would cost a round trip each: wait until a quarter of the
    // window is missing
    uint64_t first = index;
    while (first < limit && blob_cache_find_locked(reader->cache, reader->object, first))
        first++;
    if (limit - first < window / 4 && limit < blocks)
        return;
    while (first < limit) {
        struct run *run = calloc(1, sizeof(*run));
        if (!run)
            return;
        run->reader = reader;
        gather_locked(reader, run, first, limit);
        if (run->count == 0) {
            free(run);
            return;
        }
        first += run->count;
        struct sr_err ignored = { 0 };
        reader->synced.tasks++;
        if (!sr_pool_add(reader->cache->pool, load_ahead, run, &ignored)) {
            reader->synced.tasks--;
            for (size_t i = 0; i < run->count; i++) {
                blob_cache_drop_locked(reader->cache, run->blocks[i]);
                blob_cache_release_locked(reader->cache, run->blocks[i]);
            }
            free(run);
            return;
        }
        while (first < limit && blob_cache_find_locked(reader->cache, reader->object, first))
            first++;
    }
}

// Reading ----------------------------------------------------------------------------------------

// The stream that a read of these blocks goes on with, or the one that has rested longest.
static struct stream *find_stream_locked(struct reader *reader, uint64_t first, uint64_t last)
    SR_REQUIRES(reader->cache->lock);
static struct stream *find_stream_locked(struct reader *reader, uint64_t first, uint64_t last)
{
    struct stream *oldest = &reader->synced.streams[0];
    for (size_t i = 0; i < STREAMS; i++) {
        struct stream *stream = &reader->synced.streams[i];
        if (stream->used && stream->next_index >= first && stream->next_index <= last + 1)
            return stream;
        if (stream->used < oldest->used)
            oldest = stream;
    }
    *oldest = (struct stream){ .next_index = UINT64_MAX };  // a jump
    return oldest;
}

// Widens the window of whoever reads on, and sends for what comes next.
static void look_ahead_locked(struct reader *reader, uint64_t first, uint64_t last)
    SR_REQUIRES(reader->cache->lock);
static void look_ahead_locked(struct reader *reader, uint64_t first, uint64_t last)
{
    struct stream *stream = find_stream_locked(reader, first, last);
    const bool goes_on = stream->next_index <= last;  // else a jump, or the same block again
    stream->used = ++reader->synced.reads;
    stream->next_index = last + 1;
    if (!goes_on)
        return;
    const uint64_t wider = stream->window_blocks ? stream->window_blocks * 2 : 1;
    stream->window_blocks = wider < reader->ahead_blocks_max ? wider : reader->ahead_blocks_max;
    if (stream->window_blocks)
        start_ahead_locked(reader, last + 1, stream->window_blocks);
}

// Fetches the block, and those behind it up to `last` that are missing too. Gives the block, held.
static struct blob_block *fetch(struct reader *reader, struct blob_block *block, uint64_t last,
                                struct sr_err *err)
{
    struct run run = { .reader = reader, .blocks = { block }, .count = 1 };
    sr_lock(&reader->cache->lock);
    gather_locked(reader, &run, block->index + 1, last + 1);
    sr_unlock(&reader->cache->lock);
    if (load_run(&run, err))
        return block;
    sr_lock(&reader->cache->lock);
    blob_cache_release_locked(reader->cache, block);
    sr_unlock(&reader->cache->lock);
    return NULL;
}

static void wait_locked(struct reader *reader) SR_REQUIRES(reader->cache->lock);
static void wait_locked(struct reader *reader)
{
    if (reader->cancel)
        (void)sr_cond_wait_us(&reader->cache->changed, &reader->cache->lock, CANCEL_POLL_US);
    else
        sr_cond_wait(&reader->cache->changed, &reader->cache->lock);
}

// The block, READY and held. Whoever finds it missing fetches it; whoever finds it on its way
// waits.
static struct blob_block *take_block(struct reader *reader, uint64_t index, uint64_t last,
                                     bool is_first, struct sr_err *err)
{
    sr_lock(&reader->cache->lock);
    for (bool first = true;; first = false) {
        struct blob_block *block = blob_cache_find_locked(reader->cache, reader->object, index);
        const bool mine = !block;
        if (mine)
            block = blob_cache_add_locked(reader->cache, reader->object, index,
                                          block_bytes(reader, index), true);
        if (!block)
            break;
        blob_cache_hold_locked(reader->cache, block);  // before looking ahead, which makes room
        if (first && is_first)
            look_ahead_locked(reader, index, last);
        reader->cache->stats.hits += first && !mine;
        while (!mine && block->state == BLOB_BLOCK_LOADING && !block->gone &&
               !sr_cancel_asked(reader->cancel))
            wait_locked(reader);
        if (block->state == BLOB_BLOCK_READY) {
            sr_unlock(&reader->cache->lock);
            return block;
        }
        if (mine) {
            sr_unlock(&reader->cache->lock);
            return fetch(reader, block, last, err);
        }
        blob_cache_release_locked(reader->cache,
                                  block);  // whoever fetched it failed: now it is our turn
        if (!sr_cancel_check(reader->cancel, err)) {
            sr_unlock(&reader->cache->lock);
            return NULL;
        }
    }
    sr_unlock(&reader->cache->lock);
    (void)sr_fail(err, SR_ERR_NO_MEMORY, "a block of %s", reader->key);
    return NULL;
}

static bool read_at(void *self, uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                    struct sr_err *err)
{
    struct reader *reader = self;
    struct blob_cache *cache = reader->cache;
    const uint64_t left = offset < reader->size ? reader->size - offset : 0;
    const size_t want = left < bytes ? (size_t)left : bytes;
    size_t done = 0;
    while (done < want) {
        const uint64_t at = offset + done;
        const uint64_t last = (offset + want - 1) / cache->params.block_bytes;
        struct blob_block *block =
            take_block(reader, at / cache->params.block_bytes, last, done == 0, err);
        if (!block)
            return false;
        const size_t inside = (size_t)(at % cache->params.block_bytes);
        const size_t some =
            block->bytes - inside < want - done ? block->bytes - inside : want - done;
        memcpy((char *)buffer + done, block->data + inside, some);
        done += some;
        sr_lock(&cache->lock);
        blob_cache_release_locked(cache, block);
        sr_unlock(&cache->lock);
    }
    *ret_bytes = done;
    return true;
}

static uint64_t size_of(void *self)
{
    return ((const struct reader *)self)->size;
}

static void close_reader(void *self)
{
    struct reader *reader = self;
    sr_lock(&reader->cache->lock);
    while (reader->synced.tasks)
        sr_cond_wait(&reader->cache->changed, &reader->cache->lock);
    blob_cache_let_go_locked(reader->cache, reader->object);
    sr_unlock(&reader->cache->lock);
    free(reader->key);
    free(reader);
}

static const struct sr_reader_ops reader_ops = { read_at, size_of, close_reader };

bool blob_read_open(const struct blob_read_params *params, struct sr_reader *ret_reader,
                    struct sr_err *err)
{
    const struct blob *blob = params->blob;
    if (blob->ops->open_reader)
        return blob->ops->open_reader(blob->self, params->key, params->if_match, ret_reader, err);
    sr_auto(blob_info) struct blob_info asked = { 0 };
    if (!params->known && !blob_head(blob, params->key, &asked, err))
        return false;
    const struct blob_info info = params->known ? *params->known : asked;
    if (params->if_match && strcmp(info.etag, params->if_match) != 0)
        return sr_fail(err, SR_ERR_CONFLICT, "%s has changed", params->key);
    struct reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return sr_fail(err, SR_ERR_NO_MEMORY, "reader");
    reader->blob = *blob;
    reader->cache = params->cache;
    reader->size = info.bytes;
    reader->cancel = params->cancel;
    memcpy(reader->etag, info.etag, sizeof(reader->etag));
    const uint64_t cache_bytes = params->cache->params.bytes_max;
    const uint64_t most = params->ahead_bytes_max ? cache_bytes / 2 : cache_bytes / 4;
    const uint64_t ahead = params->ahead_bytes_max ? params->ahead_bytes_max : 8 << 20;
    reader->ahead_blocks_max = (ahead < most ? ahead : most) / params->cache->params.block_bytes;
    reader->key = sr_str_dup(params->key, err);
    const char *const name = params->cached_as ? params->cached_as : params->key;
    const void *const store = params->cached_as ? NULL : blob->self;
    if (!reader->key ||
        !blob_cache_object(params->cache, store, name, info.etag, &reader->object, err)) {
        free(reader->key);
        free(reader);
        return false;
    }
    *ret_reader = (struct sr_reader){ .ops = &reader_ops, .self = reader };
    return true;
}
