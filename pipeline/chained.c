#include "pipeline/chained.h"

#include <stdlib.h>

#include "base/thread.h"

struct chained {
    struct chained_params params;  // set before use, then only read
    uint64_t *ends;                // of each file, in the whole
    struct sr_mutex lock;
    struct {
        size_t file;  // that is open; `count`: none
        struct sr_reader reader;
    } synced;  // under `lock`
};

static uint64_t start_of(const struct chained *chained, size_t file)
{
    return file == 0 ? 0 : chained->ends[file - 1];
}

static bool open_locked(struct chained *chained, size_t file, struct sr_err *err)
    SR_REQUIRES(chained->lock)
{
    const struct chained_params *const params = &chained->params;
    if (chained->synced.file == file)
        return true;
    sr_reader_close(&chained->synced.reader);
    chained->synced.file = params->count;
    if (!params->open(params->self, file, &chained->synced.reader, err))
        return false;
    if (sr_reader_size(&chained->synced.reader) != chained->ends[file] - start_of(chained, file))
        return sr_fail(err, SR_ERR_CONFLICT, "file %zu of %zu was changed while it was read",
                       file + 1, params->count);
    chained->synced.file = file;
    return true;
}

static size_t find_file(const struct chained *chained, uint64_t offset)
{
    size_t low = 0, high = chained->params.count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (chained->ends[middle] <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool read_at(void *self, uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                    struct sr_err *err)
{
    struct chained *const chained = self;
    const size_t file = find_file(chained, offset);
    if (file == chained->params.count) {
        *ret_bytes = 0;
        return true;
    }
    const uint64_t left = chained->ends[file] - offset;
    sr_lock(&chained->lock);
    const bool done = open_locked(chained, file, err) &&
                      sr_read_at(&chained->synced.reader, offset - start_of(chained, file), buffer,
                                 bytes < left ? bytes : (size_t)left, ret_bytes, err);
    sr_unlock(&chained->lock);
    return done;
}

static uint64_t size(void *self)
{
    const struct chained *const chained = self;
    return start_of(chained, chained->params.count);
}

static void close_all(void *self)
{
    struct chained *const chained = self;
    sr_reader_close(&chained->synced.reader);
    sr_mutex_done(&chained->lock);
    chained->params.close(chained->params.self);
    free(chained->ends);
    free(chained);
}

static bool measure(struct chained *chained, const uint64_t *bytes, struct sr_err *err)
{
    const size_t count = chained->params.count;
    chained->ends = calloc(count + 1, sizeof chained->ends[0]);
    if (!chained->ends)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu files", count);
    for (size_t i = 0; i < count; i++) {
        if (__builtin_add_overflow(start_of(chained, i), bytes[i], &chained->ends[i]))
            return sr_fail(err, SR_ERR_TOO_LARGE, "%zu files", count);
    }
    return true;
}

bool chained_open(const struct chained_params *params, struct sr_reader *ret_reader,
                  struct sr_err *err)
{
    static const struct sr_reader_ops ops = { read_at, size, close_all };
    struct chained *const chained = calloc(1, sizeof *chained);
    if (!chained) {
        params->close(params->self);
        return sr_fail(err, SR_ERR_NO_MEMORY, "a reader");
    }
    chained->params = *params;
    chained->params.bytes = NULL;  // the caller's
    chained->synced.file = params->count;
    if (!sr_mutex_init(&chained->lock, err)) {
        params->close(params->self);
        free(chained);
        return false;
    }
    sr_auto(sr_reader) struct sr_reader reader = { .ops = &ops, .self = chained };
    if (!measure(chained, params->bytes, err))
        return false;
    *ret_reader = reader;
    reader = (struct sr_reader){ 0 };
    return true;
}
