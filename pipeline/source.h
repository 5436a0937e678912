// pipeline/source.h - a source, a file or an object, opened, and what it is recognised by.
#pragma once

#include "base/auto.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/jx.h"
#include "pipeline/remote.h"

// Cheap and strict: never the path alone. Hashes of the first and the last MiB (the same when there
// is only one).
struct source_identity {
    uint64_t bytes;
    int64_t changed_ns;          // modification time since 1970; of an object 0
    char etag[BLOB_ETAG_BYTES];  // of an object, where its store tells one; else ""
    char head_sha256[SR_SHA256_HEX], tail_sha256[SR_SHA256_HEX];
};

// Opens a path or a URL and computes its identity.
// Owns:    *ret_reader is the caller's, for sr_reader_close(), before `remote` is freed. `remote`
//          may be NULL where no URL can be.
// Errors:  NOT_FOUND, DENIED, INPUT (not a regular file, empty), STORAGE; of URLs also INVALID,
//          UNSUPPORTED, NETWORK and what else blob_head() and blob_get() meet. Reading an object
//          that is not the same any more is CONFLICT.
SR_MUST_USE bool source_open(struct remote *remote, const char *path, struct sr_reader *ret_reader,
                             struct source_identity *ret_identity, struct sr_err *err);
// Fails with INPUT (of an object CONFLICT) when what is at `path` is no longer what `identity` was
// taken from.
SR_MUST_USE bool source_check(struct remote *remote, const char *path,
                              const struct source_identity *identity, struct sr_err *err);
// With time and etag only when asked: a copy of a file is the same source for a report.
SR_MUST_USE bool source_identity_json(const struct source_identity *identity, bool with_time,
                                      json_t **ret_json, struct sr_err *err);
