// storage/blob.h - an object store: whole objects under keys, read by range, written all at once or
// not at all.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/io.h"

enum {
    BLOB_KEY_BYTES_MAX = 1024,
    BLOB_ETAG_BYTES = 160,
    BLOB_CHECKSUM_BYTES = 48,
    BLOB_PART_BYTES_MIN = 5 << 20,  // of every part but the last
    BLOB_PARTS_MAX = 10000,
    BLOB_PAGE_MAX = 1000,    // keys in a page of a listing
    BLOB_REMOVE_MAX = 1000,  // keys in one call
    BLOB_TAGS_MAX = 10,
};
#define BLOB_PART_BYTES_MAX (5ULL << 30)
#define BLOB_TO_END UINT64_MAX

struct blob_pair {
    char *name;
    char *value;
};
struct blob_pairs {  // owns its texts
    struct blob_pair *item;
    size_t count;
};
SR_MUST_USE bool blob_pairs_add(struct blob_pairs *pairs, const char *name, const char *value,
                                struct sr_err *err);
const char *blob_pairs_find(const struct blob_pairs *pairs, const char *name);  // NULL: none
void blob_pairs_done(struct blob_pairs *pairs);
SR_DEFINE_AUTO_VALUE(blob_pairs, struct blob_pairs, blob_pairs_done);

struct blob_info {
    uint64_t bytes;
    char etag[BLOB_ETAG_BYTES];  // opaque, with its quotes; another one means other content
    int64_t modified_us;         // since 1970; 0: unknown
    char content_type[128];
    char cache_control[128];
    struct blob_pairs meta;  // names in lower case; of head() only
};
void blob_info_done(struct blob_info *info);
SR_DEFINE_AUTO_VALUE(blob_info, struct blob_info, blob_info_done);

// Called with the bytes of a range, in order; after a broken connection again from offset 0. Must
// not block long.
typedef void (*blob_sink_fn)(void *self, uint64_t offset, const void *data, size_t bytes);

struct blob_get {
    const char *key;
    uint64_t offset;
    uint64_t bytes;        // BLOB_TO_END: all that follows
    const char *if_match;  // an etag that the object must still have; NULL: any
    blob_sink_fn sink;
    void *self;  // of the sink
};

struct blob_attrs {
    const char *content_type;       // NULL: by the key's ending
    const char *cache_control;      // NULL: none
    const struct blob_pairs *meta;  // NULL: none
    bool if_absent;                 // fail with EXISTS when the key is there
};

struct blob_put {
    const char *key;
    const void *data;
    size_t bytes;
    struct blob_attrs attrs;
};

// An upload in parts: nothing is visible until it is finished.
struct blob_upload {
    char *key;
    char *id;
    int64_t started_us;  // of uploads() only
};
void blob_upload_done(struct blob_upload *upload);
SR_DEFINE_AUTO_VALUE(blob_upload, struct blob_upload, blob_upload_done);
struct blob_uploads {
    struct blob_upload *item;
    size_t count;
    bool more;  // there are others: abort these and ask again, or go on behind the last
};
void blob_uploads_done(struct blob_uploads *uploads);
SR_DEFINE_AUTO_VALUE(blob_uploads, struct blob_uploads, blob_uploads_done);

struct blob_part {
    uint32_t number;  // from 1 to BLOB_PARTS_MAX
    uint64_t bytes;
    char etag[BLOB_ETAG_BYTES];
    char checksum[BLOB_CHECKSUM_BYTES];  // what the store wants to hear again; "": nothing
};
struct blob_parts {  // rising by number
    struct blob_part *item;
    size_t count;
};
void blob_parts_done(struct blob_parts *parts);
SR_DEFINE_AUTO_VALUE(blob_parts, struct blob_parts, blob_parts_done);

struct blob_source {  // where a server-side copy comes from: the same store
    const char *key;
    uint64_t offset;
    uint64_t bytes;
    const char *if_match;  // NULL: any
};

struct blob_list {
    const char *prefix;     // NULL: all
    const char *delimiter;  // NULL: none; "/" folds what follows it into prefixes
    const char *after;      // only keys behind this one, in byte order; NULL: from the start
    const char *token;      // `next` of the page before; NULL: the first page
    size_t count_max;       // 1 to BLOB_PAGE_MAX; 0: BLOB_PAGE_MAX
};
struct blob_entry {
    char *key;  // or, with `folder`, the common prefix up to and with the delimiter
    bool folder;
    uint64_t bytes;
    int64_t modified_us;
    char etag[BLOB_ETAG_BYTES];
};
struct blob_page {  // rising by bytes of the key
    struct blob_entry *item;
    size_t count;
    bool more;  // ask again with `token` = next
    char *next;
};
void blob_page_done(struct blob_page *page);
SR_DEFINE_AUTO_VALUE(blob_page, struct blob_page, blob_page_done);

// An open store. A value: copy it freely, close one copy. Threads: any number may call at once.
struct blob {
    const struct blob_ops *ops;
    void *self;
};
// A function that is NULL is one that the store does not have; the wrappers below then fail with
// UNSUPPORTED.
struct blob_ops {
    const char *name;
    bool (*head)(void *self, const char *key, struct blob_info *ret, struct sr_err *err);
    bool (*get)(void *self, const struct blob_get *get, struct blob_info *ret, struct sr_err *err);
    bool (*put)(void *self, const struct blob_put *put, char ret_etag[BLOB_ETAG_BYTES],
                struct sr_err *err);
    bool (*upload_begin)(void *self, const char *key, const struct blob_attrs *attrs,
                         struct blob_upload *ret, struct sr_err *err);
    bool (*upload_part)(void *self, const struct blob_upload *upload, uint32_t number,
                        const void *data, size_t bytes, struct blob_part *ret, struct sr_err *err);
    bool (*upload_copy)(void *self, const struct blob_upload *upload, uint32_t number,
                        const struct blob_source *from, struct blob_part *ret, struct sr_err *err);
    bool (*upload_parts)(void *self, const struct blob_upload *upload, struct blob_parts *ret,
                         struct sr_err *err);
    bool (*upload_finish)(void *self, const struct blob_upload *upload,
                          const struct blob_parts *parts, const struct blob_attrs *attrs,
                          char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err);
    bool (*upload_abort)(void *self, const struct blob_upload *upload, struct sr_err *err);
    bool (*uploads)(void *self, const char *prefix, const struct blob_upload *after,
                    struct blob_uploads *ret, struct sr_err *err);
    bool (*list)(void *self, const struct blob_list *list, struct blob_page *ret,
                 struct sr_err *err);
    bool (*remove)(void *self, const char *const *keys, size_t count, struct sr_err *err);
    bool (*copy)(void *self, const char *from, const char *if_match, const char *to,
                 const struct blob_attrs *attrs, struct sr_err *err);
    // From another store of the same ops; UNSUPPORTED when it is on another server.
    bool (*copy_across)(void *self, void *from_self, const char *from, const char *if_match,
                        const char *to, const struct blob_attrs *attrs, struct sr_err *err);
    bool (*tags_get)(void *self, const char *key, struct blob_pairs *ret, struct sr_err *err);
    bool (*tags_set)(void *self, const char *key, const struct blob_pairs *tags,
                     struct sr_err *err);
    bool (*presign)(void *self, const char *method, const char *key, int64_t expires_s,
                    char **ret_url, struct sr_err *err);
    // A store that has better ways than ranges and parts (a file system); NULL: blob_read and
    // blob_write make them.
    bool (*open_reader)(void *self, const char *key, const char *if_match, struct sr_reader *ret,
                        struct sr_err *err);
    bool (*open_writer)(void *self, const char *key, const struct blob_attrs *attrs,
                        struct sr_writer *ret, struct sr_err *err);
    void (*close)(void *self);
};
void blob_close(struct blob *blob);
SR_DEFINE_AUTO_VALUE(blob, struct blob, blob_close);

// Of all that follows. Owns: what a ret_ holds is the caller's to free with its _done.
// Errors: INVALID (a key or number that cannot be), NOT_FOUND, DENIED, CONFLICT (not the etag that
//         was asked for), EXISTS, UNSUPPORTED (the store lacks it), STORAGE, NETWORK, BUSY,
//         TIMEOUT, CANCELLED, NO_MEMORY.
SR_MUST_USE bool blob_head(const struct blob *blob, const char *key, struct blob_info *ret,
                           struct sr_err *err);
// Gives the range to the sink; it ends where the object does. `ret` has size and etag of the whole
// object.
SR_MUST_USE bool blob_get(const struct blob *blob, const struct blob_get *get,
                          struct blob_info *ret, struct sr_err *err);
// The same into a buffer; *ret_bytes < `bytes` only at the object's end.
SR_MUST_USE bool blob_get_bytes(const struct blob *blob, const char *key, const char *if_match,
                                uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                                struct sr_err *err);
// A whole small object, NUL-terminated; the caller frees it. TOO_LARGE beyond `bytes_max`.
SR_MUST_USE bool blob_load(const struct blob *blob, const char *key, size_t bytes_max,
                           char **ret_data, size_t *ret_bytes, struct sr_err *err);
SR_MUST_USE bool blob_put(const struct blob *blob, const struct blob_put *put,
                          char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err);
SR_MUST_USE bool blob_upload_begin(const struct blob *blob, const char *key,
                                   const struct blob_attrs *attrs, struct blob_upload *ret,
                                   struct sr_err *err);
// Parts may come in any order and at once; one that comes again replaces the first.
SR_MUST_USE bool blob_upload_part(const struct blob *blob, const struct blob_upload *upload,
                                  uint32_t number, const void *data, size_t bytes,
                                  struct blob_part *ret, struct sr_err *err);
SR_MUST_USE bool blob_upload_copy(const struct blob *blob, const struct blob_upload *upload,
                                  uint32_t number, const struct blob_source *from,
                                  struct blob_part *ret, struct sr_err *err);
SR_MUST_USE bool blob_upload_parts(const struct blob *blob, const struct blob_upload *upload,
                                   struct blob_parts *ret, struct sr_err *err);
// The object appears, made of these parts. With `attrs->if_absent` it fails with EXISTS when the
// key is taken by then.
SR_MUST_USE bool blob_upload_finish(const struct blob *blob, const struct blob_upload *upload,
                                    const struct blob_parts *parts, const struct blob_attrs *attrs,
                                    char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err);
// An upload that is not there (any more) is fine.
SR_MUST_USE bool blob_upload_abort(const struct blob *blob, const struct blob_upload *upload,
                                   struct sr_err *err);
SR_MUST_USE bool blob_uploads(const struct blob *blob, const char *prefix, struct blob_uploads *ret,
                              struct sr_err *err);
// The next page: those behind `after`, the last of the page before; NULL: from the start.
SR_MUST_USE bool blob_uploads_after(const struct blob *blob, const char *prefix,
                                    const struct blob_upload *after, struct blob_uploads *ret,
                                    struct sr_err *err);
SR_MUST_USE bool blob_list(const struct blob *blob, const struct blob_list *list,
                           struct blob_page *ret, struct sr_err *err);
// Keys that are not there are fine.
SR_MUST_USE bool blob_remove(const struct blob *blob, const char *const *keys, size_t count,
                             struct sr_err *err);
// Inside the store. `attrs` NULL: as the source's.
SR_MUST_USE bool blob_copy(const struct blob *blob, const char *from, const char *if_match,
                           const char *to, const struct blob_attrs *attrs, struct sr_err *err);
// Between two buckets of one server, by the server; UNSUPPORTED when it cannot be done so.
SR_MUST_USE bool blob_copy_across(const struct blob *from_blob, const char *from,
                                  const char *if_match, const struct blob *to_blob, const char *to,
                                  const struct blob_attrs *attrs, struct sr_err *err);
SR_MUST_USE bool blob_tags_get(const struct blob *blob, const char *key, struct blob_pairs *ret,
                               struct sr_err *err);
SR_MUST_USE bool blob_tags_set(const struct blob *blob, const char *key,
                               const struct blob_pairs *tags, struct sr_err *err);
// A URL with which anybody may GET or PUT the key for a while. Secret: never log it.
SR_MUST_USE bool blob_presign(const struct blob *blob, const char *method, const char *key,
                              int64_t expires_s, char **ret_url, struct sr_err *err);

// Aborts every upload below the prefix that began before `before_us` (wall time): what crashes left
// behind. See blob_gc.h.
SR_MUST_USE bool blob_abort_stale(const struct blob *blob, const char *prefix, int64_t before_us,
                                  size_t *ret_count, struct sr_err *err);

// "video/mp4" for "a/b.mp4"; "application/octet-stream" when the ending says nothing.
const char *blob_content_type(const char *key);

// For implementations.
SR_MUST_USE bool blob_page_add(struct blob_page *page, const char *key, bool folder,
                               struct blob_entry **ret_entry, struct sr_err *err);
SR_MUST_USE bool blob_uploads_add(struct blob_uploads *uploads, const char *key, const char *id,
                                  int64_t started_us, struct sr_err *err);
SR_MUST_USE bool blob_parts_add(struct blob_parts *parts, const struct blob_part *part,
                                struct sr_err *err);
