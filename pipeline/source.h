// pipeline/source.h - a source file, opened, and what it is recognised by.
#pragma once

#include "base/auto.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/jx.h"

// Cheap and strict: never the path alone. Hashes of the first and the last MiB (the same when there
// is only one).
struct source_identity {
    uint64_t bytes;
    int64_t changed_ns;  // modification time since 1970
    char head_sha256[SR_SHA256_HEX], tail_sha256[SR_SHA256_HEX];
};

// Opens `path` and computes its identity.
// Owns:    *ret_reader is the caller's, for sr_reader_close().
// Errors:  NOT_FOUND, DENIED, INPUT (not a regular file, empty), STORAGE.
SR_MUST_USE bool source_open(const char *path, struct sr_reader *ret_reader,
                             struct source_identity *ret_identity, struct sr_err *err);
// Fails with INPUT when the file at `path` is no longer the one that `identity` was taken from.
SR_MUST_USE bool source_check(const char *path, const struct source_identity *identity,
                              struct sr_err *err);
// With `changed_ns` only when asked: a copy of a file is the same source for a report.
SR_MUST_USE bool source_identity_json(const struct source_identity *identity, bool with_time,
                                      json_t **ret_json, struct sr_err *err);
