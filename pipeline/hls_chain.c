#include "pipeline/hls_chain.h"

#include <stdlib.h>

#include "base/str.h"
#include "pipeline/chained.h"

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
    const struct hls_folder *folder;
    const struct hls_link *links;
};

static bool open_link(void *self, size_t index, struct sr_reader *ret_reader, struct sr_err *err)
{
    const struct chain *const chain = self;
    const char *const name = chain->links[index].name;
    return hls_folder_open(chain->folder, name, ret_reader, err) || sr_err_wrap(err, "%s", name);
}

bool hls_chain_open(const struct hls_folder *folder, const struct hls_link *links, size_t count,
                    struct sr_reader *ret_reader, struct sr_err *err)
{
    uint64_t *const bytes = calloc(count + 1, sizeof(bytes[0]));
    struct chain *const chain = calloc(1, sizeof(*chain));
    if (!bytes || !chain) {
        free(bytes);
        free(chain);
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu files", count);
    }
    *chain = (struct chain){ folder, links };
    for (size_t i = 0; i < count; i++)
        bytes[i] = links[i].bytes;
    const struct chained_params params = {
        .bytes = bytes, .count = count, .open = open_link, .close = free, .self = chain
    };
    const bool done = chained_open(&params, ret_reader, err);
    free(bytes);
    return done;
}
