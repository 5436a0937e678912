#include "pipeline/hls_chain.h"

#include <stdlib.h>

#include "base/str.h"
#include "base/thread.h"

bool hls_folder_open(const struct hls_folder *folder, const char *name,
                     struct sr_reader *ret_reader, struct sr_err *err)
{
    const struct blob *const blob = &folder->place->blob;
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_auto(char) char *key = sr_strf(err, "%s%s", folder->place->key, name);
    return key && blob_head(blob, key, &info, err) &&
           remote_reader(folder->remote, blob, key, &info, ret_reader, err);
}

struct chain {
    const struct hls_folder *folder;  // set before use, then only read
    const struct hls_link *links;
    size_t count;
    uint64_t *ends;  // of each file, in the whole
    struct sr_mutex lock;
    struct {
        size_t file;  // that is open; `count`: none
        struct sr_reader reader;
    } synced;  // under `lock`
};

static bool open_locked(struct chain *chain, size_t file, struct sr_err *err)
    SR_REQUIRES(chain->lock)
{
    if (chain->synced.file == file)
        return true;
    sr_reader_close(&chain->synced.reader);
    chain->synced.file = chain->count;
    if (!hls_folder_open(chain->folder, chain->links[file].name, &chain->synced.reader, err))
        return sr_err_wrap(err, "%s", chain->links[file].name);
    if (sr_reader_size(&chain->synced.reader) != chain->links[file].bytes)
        return sr_fail(err, SR_ERR_CONFLICT, "%s: it was changed while it was read",
                       chain->links[file].name);
    chain->synced.file = file;
    return true;
}

static size_t find_file(const struct chain *chain, uint64_t offset)
{
    size_t low = 0, high = chain->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (chain->ends[middle] <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool chain_read(void *self, uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                       struct sr_err *err)
{
    struct chain *const chain = self;
    const size_t file = find_file(chain, offset);
    if (file == chain->count) {
        *ret_bytes = 0;
        return true;
    }
    const uint64_t start = file == 0 ? 0 : chain->ends[file - 1];
    const uint64_t left = chain->ends[file] - offset;
    sr_lock(&chain->lock);
    const bool done = open_locked(chain, file, err) &&
                      sr_read_at(&chain->synced.reader, offset - start, buffer,
                                 bytes < left ? bytes : (size_t)left, ret_bytes, err);
    sr_unlock(&chain->lock);
    return done;
}

static uint64_t chain_size(void *self)
{
    const struct chain *const chain = self;
    return chain->count ? chain->ends[chain->count - 1] : 0;
}

static void chain_close(void *self)
{
    struct chain *const chain = self;
    sr_reader_close(&chain->synced.reader);
    sr_mutex_done(&chain->lock);
    free(chain->ends);
    free(chain);
}

static const struct sr_reader_ops chain_ops = { chain_read, chain_size, chain_close };

bool hls_chain_open(const struct hls_folder *folder, const struct hls_link *links, size_t count,
                    struct sr_reader *ret_reader, struct sr_err *err)
{
    struct chain *const chain = calloc(1, sizeof(*chain));
    if (!chain)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a reader");
    if (!sr_mutex_init(&chain->lock, err)) {
        free(chain);
        return false;
    }
    sr_auto(sr_reader) struct sr_reader reader = { .ops = &chain_ops, .self = chain };
    chain->folder = folder;
    chain->links = links;
    chain->ends = calloc(count + 1, sizeof(chain->ends[0]));
    if (!chain->ends)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu files", count);
    for (uint64_t end = 0; chain->count < count; chain->count++) {
        if (__builtin_add_overflow(end, links[chain->count].bytes, &end))
            return sr_fail(err, SR_ERR_TOO_LARGE, "%zu files", count);
        chain->ends[chain->count] = end;
    }
    chain->synced.file = count;
    *ret_reader = reader;
    reader = (struct sr_reader){ 0 };
    return true;
}
