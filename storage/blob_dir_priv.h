// storage/blob_dir_priv.h - what the files of blob_dir share.
#pragma once

#include <sys/stat.h>

#include "base/str.h"
#include "storage/blob_dir.h"

#define BLOB_DIR_UPLOADS ".%u"
#define BLOB_DIR_TEMPORARY ".%t"

struct blob_dir {
    char *folder;  // without a slash at its end
};

// blob_dir_path.c: keys and file names.
char *blob_dir_path(const struct blob_dir *dir, const char *key,
                    struct sr_err *err);  // the caller frees it
// Adds the key's bytes that a file name stands for: "name" or, for a folder, "name/". False for
// names of our own that are not part of a key; `*ret_known` tells them from failures.
SR_MUST_USE bool blob_dir_add_name(struct sr_str *key, const char *name, bool folder,
                                   bool *ret_known, struct sr_err *err);

// blob_dir_file.c: temporary files that become objects.
struct blob_dir_file {
    char *target;
    char *path;  // of the temporary file; NULL once it has its final name
    int fd;
};
void blob_dir_file_done(struct blob_dir_file *file);  // removes what was not published
SR_DEFINE_AUTO_VALUE(blob_dir_file, struct blob_dir_file, blob_dir_file_done);
SR_MUST_USE bool blob_dir_file_new(const struct blob_dir *dir, const char *key,
                                   struct blob_dir_file *ret_file, struct sr_err *err);
SR_MUST_USE bool blob_dir_write(int fd, const void *data, size_t bytes, struct sr_err *err);
// fsync, attributes, rename, fsync of the folder. With `if_absent` an existing target fails with
// EXISTS.
SR_MUST_USE bool blob_dir_file_publish(struct blob_dir_file *file, const struct blob_attrs *attrs,
                                       char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err);
SR_MUST_USE bool blob_dir_make_parents(const char *path, struct sr_err *err);
// Copies `bytes` (or to the end) from `offset` of one file to the end of another.
SR_MUST_USE bool blob_dir_copy_range(int from, uint64_t offset, uint64_t bytes, int to,
                                     uint64_t *ret_copied, struct sr_err *err);
SR_MUST_USE bool blob_dir_open_object(const struct blob_dir *dir, const char *key,
                                      const char *if_match, int *ret_fd, struct stat *ret_stat,
                                      struct sr_err *err);
void blob_dir_etag(const struct stat *stat, char ret_etag[BLOB_ETAG_BYTES]);
void blob_dir_random_name(char ret_name[33]);

// blob_dir_left.c: temporary files that crashes left beside their targets, listed and aborted like
// uploads.
bool blob_dir_is_left(const char *id);
SR_MUST_USE bool blob_dir_left_list(const struct blob_dir *dir, const char *prefix,
                                    struct blob_uploads *uploads, struct sr_err *err);
SR_MUST_USE bool blob_dir_left_remove(const struct blob_dir *dir, const char *id,
                                      struct sr_err *err);

// blob_dir_attrs.c: extended attributes.
SR_MUST_USE bool blob_dir_attrs_store(int fd, const struct blob_attrs *attrs, const char *key,
                                      struct sr_err *err);
SR_MUST_USE bool blob_dir_attrs_load(int fd, const char *key, struct blob_info *info,
                                     struct sr_err *err);
SR_MUST_USE bool blob_dir_pairs_encode(const struct blob_pairs *pairs, struct sr_str *text,
                                       struct sr_err *err);
SR_MUST_USE bool blob_dir_pairs_decode(const char *text, struct blob_pairs *pairs,
                                       struct sr_err *err);
bool blob_dir_tags_get(void *self, const char *key, struct blob_pairs *ret, struct sr_err *err);
bool blob_dir_tags_set(void *self, const char *key, const struct blob_pairs *tags,
                       struct sr_err *err);

// blob_dir_list.c, blob_dir_upload.c, blob_dir_io.c: functions of the interface.
bool blob_dir_list(void *self, const struct blob_list *list, struct blob_page *ret,
                   struct sr_err *err);
bool blob_dir_upload_begin(void *self, const char *key, const struct blob_attrs *attrs,
                           struct blob_upload *ret, struct sr_err *err);
bool blob_dir_upload_part(void *self, const struct blob_upload *upload, uint32_t number,
                          const void *data, size_t bytes, struct blob_part *ret,
                          struct sr_err *err);
bool blob_dir_upload_copy(void *self, const struct blob_upload *upload, uint32_t number,
                          const struct blob_source *from, struct blob_part *ret,
                          struct sr_err *err);
bool blob_dir_upload_parts(void *self, const struct blob_upload *upload, struct blob_parts *ret,
                           struct sr_err *err);
bool blob_dir_upload_finish(void *self, const struct blob_upload *upload,
                            const struct blob_parts *parts, const struct blob_attrs *attrs,
                            char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err);
bool blob_dir_upload_abort(void *self, const struct blob_upload *upload, struct sr_err *err);
bool blob_dir_uploads(void *self, const char *prefix, const struct blob_upload *after,
                      struct blob_uploads *ret, struct sr_err *err);
bool blob_dir_open_reader(void *self, const char *key, const char *if_match, struct sr_reader *ret,
                          struct sr_err *err);
bool blob_dir_open_writer(void *self, const char *key, const struct blob_attrs *attrs,
                          struct sr_writer *ret, struct sr_err *err);
