#include "storage/blob_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/blob_dir_priv.h"

enum { READ_BYTES = 256 << 10 };

static void fill_info(const struct stat *stat, struct blob_info *info)
{
    info->bytes = (uint64_t)stat->st_size;
    info->modified_us = (int64_t)stat->st_mtim.tv_sec * 1000000 + stat->st_mtim.tv_nsec / 1000;
    blob_dir_etag(stat, info->etag);
}

static bool dir_head(void *self, const char *key, struct blob_info *ret, struct sr_err *err)
{
    int fd;
    struct stat stat;
    if (!blob_dir_open_object(self, key, NULL, &fd, &stat, err))
        return false;
    sr_auto(blob_info) struct blob_info info = { 0 };
    fill_info(&stat, &info);
    const bool done = blob_dir_attrs_load(fd, key, &info, err);
    close(fd);
    if (!done)
        return false;
    *ret = info;
    info = (struct blob_info){ 0 };
    return true;
}

static bool read_range(int fd, const struct blob_get *get, uint64_t bytes, struct sr_err *err)
{
    sr_auto(char) char *buffer = malloc(READ_BYTES);
    if (!buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "read buffer");
    for (uint64_t done = 0; done < bytes;) {
        const uint64_t left = bytes - done;
        const ssize_t n = pread(fd, buffer, left < READ_BYTES ? (size_t)left : READ_BYTES,
                                (off_t)(get->offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sr_fail_errno(err, errno, "reading %s", get->key);
        if (n == 0)
            return sr_fail(err, SR_ERR_CONFLICT, "%s became shorter while it was read", get->key);
        get->sink(get->self, done, buffer, (size_t)n);
        done += (uint64_t)n;
    }
    return true;
}

// A file written to in place is not an object that holds still: found by looking again afterwards.
static bool unchanged(int fd, const struct stat *before, const char *key, struct sr_err *err)
{
    struct stat after;
    char was[BLOB_ETAG_BYTES], is[BLOB_ETAG_BYTES];
    if (fstat(fd, &after) != 0)
        return sr_fail_errno(err, errno, "%s", key);
    blob_dir_etag(before, was);
    blob_dir_etag(&after, is);
    return strcmp(was, is) == 0 ||
           sr_fail(err, SR_ERR_CONFLICT, "%s changed while it was read", key);
}

static bool dir_get(void *self, const struct blob_get *get, struct blob_info *ret,
                    struct sr_err *err)
{
    int fd;
    struct stat stat;
    if (!blob_dir_open_object(self, get->key, get->if_match, &fd, &stat, err))
        return false;
    const uint64_t size = (uint64_t)stat.st_size;
    const uint64_t left = get->offset < size ? size - get->offset : 0;
    const bool done = read_range(fd, get, get->bytes < left ? get->bytes : left, err) &&
                      unchanged(fd, &stat, get->key, err);
    close(fd);
    if (!done)
        return false;
    *ret = (struct blob_info){ 0 };
    fill_info(&stat, ret);
    return true;
}

static bool dir_put(void *self, const struct blob_put *put, char ret_etag[BLOB_ETAG_BYTES],
                    struct sr_err *err)
{
    sr_auto(blob_dir_file) struct blob_dir_file file = { 0 };
    return blob_dir_file_new(self, put->key, &file, err) &&
           blob_dir_write(file.fd, put->data, put->bytes, err) &&
           blob_dir_file_publish(&file, &put->attrs, ret_etag, err);
}

static bool dir_remove(void *self, const char *const *keys, size_t count, struct sr_err *err)
{
    struct blob_dir *dir = self;
    for (size_t i = 0; i < count; i++) {
        sr_auto(char) char *path = blob_dir_path(dir, keys[i], err);
        if (!path)
            return false;
        if (unlink(path) != 0) {
            const bool absent =
                errno == ENOENT || errno == ENOTDIR || errno == EISDIR || errno == ENAMETOOLONG;
            if (!absent)
                return sr_fail_errno(err, errno, "removing %s", keys[i]);
            continue;
        }
        // Folders come and go with their objects, as prefixes do.
        for (char *slash = strrchr(path, '/'); slash > path + strlen(dir->folder);
             slash = strrchr(path, '/')) {
            *slash = '\0';
            if (rmdir(path) != 0)
                break;
        }
    }
    return true;
}

static bool dir_copy(void *self, const char *from, const char *if_match, const char *to,
                     const struct blob_attrs *attrs, struct sr_err *err)
{
    int fd;
    struct stat stat;
    uint64_t copied;
    char etag[BLOB_ETAG_BYTES];
    if (!blob_dir_open_object(self, from, if_match, &fd, &stat, err))
        return false;
    sr_auto(blob_dir_file) struct blob_dir_file file = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    const bool read = blob_dir_attrs_load(fd, from, &info, err) &&
                      blob_dir_file_new(self, to, &file, err) &&
                      blob_dir_copy_range(fd, 0, UINT64_MAX, file.fd, &copied, err) &&
                      unchanged(fd, &stat, from, err);
    close(fd);
    if (!read)
        return false;
    const struct blob_attrs same = {
        .content_type = info.content_type,
        .cache_control = *info.cache_control ? info.cache_control : NULL,
        .meta = &info.meta,
    };
    return blob_dir_file_publish(&file, attrs ? attrs : &same, etag, err);
}

static void dir_close(void *self)
{
    struct blob_dir *dir = self;
    free(dir->folder);
    free(dir);
}

static const struct blob_ops dir_ops = {
    .name = "a folder",
    .head = dir_head,
    .get = dir_get,
    .put = dir_put,
    .upload_begin = blob_dir_upload_begin,
    .upload_part = blob_dir_upload_part,
    .upload_copy = blob_dir_upload_copy,
    .upload_parts = blob_dir_upload_parts,
    .upload_finish = blob_dir_upload_finish,
    .upload_abort = blob_dir_upload_abort,
    .uploads = blob_dir_uploads,
    .list = blob_dir_list,
    .remove = dir_remove,
    .copy = dir_copy,
    .tags_get = blob_dir_tags_get,
    .tags_set = blob_dir_tags_set,
    .open_reader = blob_dir_open_reader,
    .open_writer = blob_dir_open_writer,
    .close = dir_close,
};

bool blob_dir_open(const char *folder, struct blob *ret_blob, struct sr_err *err)
{
    struct stat info;
    if (stat(folder, &info) != 0)
        return sr_fail_errno(err, errno, "folder %s", folder);
    if (!S_ISDIR(info.st_mode))
        return sr_fail(err, SR_ERR_INVALID, "%s is not a folder", folder);
    struct blob_dir *dir = calloc(1, sizeof(*dir));
    if (!dir)
        return sr_fail(err, SR_ERR_NO_MEMORY, "folder %s", folder);
    dir->folder = sr_str_dup(folder, err);
    if (!dir->folder) {
        free(dir);
        return false;
    }
    for (size_t bytes = strlen(dir->folder); bytes && dir->folder[bytes - 1] == '/'; bytes--)
        dir->folder[bytes - 1] = '\0';  // "/" becomes "", to which "/key" is added
    *ret_blob = (struct blob){ .ops = &dir_ops, .self = dir };
    return true;
}

bool blob_dir_file(const struct blob *blob, const char *key, char **ret_path, struct sr_err *err)
{
    *ret_path = NULL;
    if (blob->ops != &dir_ops)
        return true;
    *ret_path = blob_dir_path(blob->self, key, err);
    return *ret_path != NULL;
}
