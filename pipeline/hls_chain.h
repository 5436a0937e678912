// pipeline/hls_chain.h - files of a folder or a store, read end to end as if they were one.
#pragma once

#include "pipeline/remote.h"

// Where they are: all names are below `place`'s key.
struct hls_folder {
    struct remote *remote;
    const struct blob_place *place;
};
// `name` as hls_playlist has it. Errors: NOT_FOUND, as blob_head() and blob_read_open().
SR_MUST_USE bool hls_folder_open(const struct hls_folder *folder, const char *name,
                                 struct sr_reader *ret_reader, struct sr_err *err);

// A file of a chain: its name, and the bytes that it had.
struct hls_link {
    const char *name;
    uint64_t bytes;
};
// Owns:    *ret_reader is the caller's; folder, links and names are borrowed until it is closed.
// Errors:  NO_MEMORY; of reading: as hls_folder_open(), CONFLICT (a file is not as long as it was).
// Threads: read_at() by any number at once; one file is open at a time, a title may have thousands.
SR_MUST_USE bool hls_chain_open(const struct hls_folder *folder, const struct hls_link *links,
                                size_t count, struct sr_reader *ret_reader, struct sr_err *err);
