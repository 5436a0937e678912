// The files of one HLS track, read as if they were one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/thread.h"
#include "pipeline/hls_priv.h"

// Only one file is open at a time: a title may have thousands.
struct chain {
    char *folder;  // set before use, then only read
    size_t file_count;
    uint64_t *ends;  // of each file, in the whole
    struct sr_mutex lock;
    struct {
        size_t file;  // that is open; file_count: none
        struct sr_reader reader;
    } synced;  // under `lock`
};

static char *file_path(const struct chain *chain, size_t file, struct sr_err *err)
{
    char name[64];
    if (file == 0)
        (void)snprintf(name, sizeof(name), "%s", HLS_INIT);
    else
        (void)snprintf(name, sizeof(name), HLS_SEGMENT, file);
    return sr_strf(err, "%s/%s", chain->folder, name);
}

static bool open_locked(struct chain *chain, size_t file, struct sr_err *err)
    SR_REQUIRES(chain->lock)
{
    if (chain->synced.file == file)
        return true;
    sr_reader_close(&chain->synced.reader);
    chain->synced.file = chain->file_count;
    sr_auto(char) char *path = file_path(chain, file, err);
    if (!path || !sr_file_reader_open(path, &chain->synced.reader, err))
        return false;
    chain->synced.file = file;
    return true;
}

static size_t find_file(const struct chain *chain, uint64_t offset)
{
    size_t low = 0, high = chain->file_count;
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
    if (file == chain->file_count) {
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
    return chain->file_count ? chain->ends[chain->file_count - 1] : 0;
}

static void chain_close(void *self)
{
    struct chain *const chain = self;
    sr_reader_close(&chain->synced.reader);
    sr_mutex_done(&chain->lock);
    free(chain->ends);
    free(chain->folder);
    free(chain);
}

static const struct sr_reader_ops chain_ops = { chain_read, chain_size, chain_close };

// Files in order until one is missing.
static bool measure(struct chain *chain, struct sr_err *err)
{
    size_t capacity = 0;
    for (uint64_t end = 0;; chain->file_count++) {
        sr_auto(char) char *path = file_path(chain, chain->file_count, err);
        sr_auto(sr_reader) struct sr_reader reader = { 0 };
        if (!path)
            return false;
        if (!sr_file_reader_open(path, &reader, err))
            return err->code == SR_ERR_NOT_FOUND && chain->file_count > 0;
        if (chain->file_count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            uint64_t *const more = reallocarray(chain->ends, capacity, sizeof(*more));
            if (!more)
                return sr_fail(err, SR_ERR_NO_MEMORY, "%zu files", capacity);
            chain->ends = more;
        }
        end += sr_reader_size(&reader);
        chain->ends[chain->file_count] = end;
    }
}

bool hls_reader_open(const char *folder, const char *id, struct sr_reader *ret_reader,
                     struct sr_err *err)
{
    struct chain *const chain = calloc(1, sizeof(*chain));
    if (!chain)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a reader");
    if (!sr_mutex_init(&chain->lock, err)) {
        free(chain);
        return false;
    }
    sr_auto(sr_reader) struct sr_reader reader = { .ops = &chain_ops, .self = chain };
    chain->folder = sr_strf(err, "%s/%s", folder, id);
    if (!chain->folder || !measure(chain, err))
        return false;
    chain->synced.file = chain->file_count;
    *ret_reader = reader;
    reader = (struct sr_reader){ 0 };
    return true;
}
