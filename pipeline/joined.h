// pipeline/joined.h - a file that is put together and nowhere written: a few bytes in memory, all
// else ranges of the workspace's parts. It can be read like any other, and sent to a store.
#pragma once

#include "base/auto.h"
#include "base/io.h"
#include "pipeline/workspace.h"

struct joined;

// Owns: *ret_joined is the caller's, for joined_free(). Errors: NO_MEMORY.
SR_MUST_USE bool joined_new(struct workspace *workspace, struct joined **ret_joined,
                            struct sr_err *err);
void joined_free(struct joined *joined);
SR_DEFINE_AUTO(joined, struct joined, joined_free);

// Adds at its end. The data is copied; the key is borrowed until the file is freed. Errors:
// NO_MEMORY.
SR_MUST_USE bool joined_add_bytes(struct joined *joined, const void *data, size_t bytes,
                                  struct sr_err *err);
SR_MUST_USE bool joined_add_range(struct joined *joined, const struct workspace_key *key,
                                  uint64_t offset, uint64_t bytes, struct sr_err *err);
// All of another, which is borrowed no longer.
SR_MUST_USE bool joined_add_all(struct joined *joined, const struct joined *from,
                                struct sr_err *err);
// Writes all of it. Errors: also what writing meets, CANCELLED.
SR_MUST_USE bool joined_copy(const struct joined *joined, struct sr_writer *writer,
                             const struct sr_cancel *cancel, char ret_sha256[SR_SHA256_HEX],
                             struct sr_err *err);
uint64_t joined_bytes(const struct joined *joined);
// The pieces, for who joins them elsewhere. False past the last.
struct joined_piece {
    const struct workspace_key *key;  // of the part; NULL: `data` holds the bytes
    const void *data;
    uint64_t offset, bytes;  // in the part
};
bool joined_piece(const struct joined *joined, size_t index, struct joined_piece *ret);

// Owns:    the caller closes *ret_reader, before the file is freed; nothing is added meanwhile.
// Threads: any number read at once.
// Errors:  NO_MEMORY; reading: as workspace_read(), and INPUT when a part is shorter than its range.
SR_MUST_USE bool joined_reader(const struct joined *joined, struct sr_reader *ret_reader,
                               struct sr_err *err);
