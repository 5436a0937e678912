// storage/blob_dir.h - a folder as an object store: the reference that other stores are tested
// against.
#pragma once

#include "storage/blob.h"

// Objects are plain files under the folder, the key's parts its subfolders. Writing is atomic and
// durable: a temporary file beside the target, fsync, rename, fsync of the folder. Key parts that
// no file can be named ("", ".", "..", longer than 200 bytes, beginning with ".%") are spelt with a
// ".%" in front; names beginning so are never listed. Tags and metadata are extended attributes;
// where the file system has none, content type and cache control are dropped (a folder has no such
// notion) and metadata and tags fail with UNSUPPORTED. A key that is both an object and the
// beginning of others ("a" and "a/b") is UNSUPPORTED.
// Owns:   the caller closes *ret_blob. The folder must exist.
// Errors: NOT_FOUND, INVALID (not a folder), DENIED, STORAGE.
SR_MUST_USE bool blob_dir_open(const char *folder, struct blob *ret_blob, struct sr_err *err);
// The file of an object of such a store; of another store *ret_path is NULL. The caller frees it.
// Errors: NO_MEMORY.
SR_MUST_USE bool blob_dir_file(const struct blob *blob, const char *key, char **ret_path,
                               struct sr_err *err);
