// The files of one HLS track in a folder, read as if they were one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/chained.h"
#include "pipeline/hls_priv.h"

// Opens file `index` of the track's `folder`: the init segment, then the media segments.
static bool open_file(void *folder, size_t index, struct sr_reader *ret_reader, struct sr_err *err)
{
    char name[64];
    if (index == 0)
        (void)snprintf(name, sizeof(name), "%s", HLS_INIT);
    else
        (void)snprintf(name, sizeof(name), HLS_SEGMENT, index);
    sr_auto(char) char *path = sr_strf(err, "%s/%s", (const char *)folder, name);
    return path && sr_file_reader_open(path, ret_reader, err);
}

struct sizes {
    uint64_t *bytes;
    size_t count, capacity;
};
static void sizes_done(struct sizes *sizes)
{
    free(sizes->bytes);
}
SR_DEFINE_AUTO_VALUE(sizes, struct sizes, sizes_done);

// Of the files in order, until one is missing.
static bool measure(char *folder, struct sizes *sizes, struct sr_err *err)
{
    for (;; sizes->count++) {
        sr_auto(sr_reader) struct sr_reader reader = { 0 };
        if (!open_file(folder, sizes->count, &reader, err))
            return err->code == SR_ERR_NOT_FOUND && sizes->count > 0;
        if (sizes->count == sizes->capacity) {
            sizes->capacity = sizes->capacity ? 2 * sizes->capacity : 64;
            uint64_t *const more = reallocarray(sizes->bytes, sizes->capacity, sizeof(*more));
            if (!more)
                return sr_fail(err, SR_ERR_NO_MEMORY, "%zu files", sizes->capacity);
            sizes->bytes = more;
        }
        sizes->bytes[sizes->count] = sr_reader_size(&reader);
    }
}

bool hls_reader_open(const char *folder, const char *id, struct sr_reader *ret_reader,
                     struct sr_err *err)
{
    sr_auto(sizes) struct sizes sizes = { 0 };
    sr_auto(char) char *track = sr_strf(err, "%s/%s", folder, id);
    if (!track || !measure(track, &sizes, err))
        return false;
    const struct chained_params params = { .bytes = sizes.bytes,
                                           .count = sizes.count,
                                           .open = open_file,
                                           .close = free,
                                           .self = sr_take(track) };
    return chained_open(&params, ret_reader, err);
}
