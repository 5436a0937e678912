#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/hash.h"
#include "storage/blob_dir_priv.h"

enum { COPY_BYTES = 1 << 20, TRIES = 5 };

// errno in terms of keys.
static bool fail_with(struct sr_err *err, int number, const char *key)
{
    if (number == ENOTDIR || number == EISDIR || number == ENOTEMPTY)
        return sr_fail_native(err, SR_ERR_UNSUPPORTED, number,
                              "%s: a folder cannot hold an object and others below its key", key);
    return sr_fail_errno(err, number, "%s", key);
}

void blob_dir_etag(const struct stat *stat, char ret_etag[BLOB_ETAG_BYTES])
{
    snprintf(ret_etag, BLOB_ETAG_BYTES, "\"%llx-%llx-%llx-%llx\"",
             (unsigned long long)stat->st_mtim.tv_sec, (unsigned long long)stat->st_mtim.tv_nsec,
             (unsigned long long)stat->st_size, (unsigned long long)stat->st_ino);
}

void blob_dir_random_name(char ret_name[33])
{
    uint8_t bytes[16];
    while (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        continue;  // only a signal interrupts it
    sr_hex(bytes, sizeof(bytes), ret_name);
}

static bool sync_parent(const char *path, struct sr_err *err)
{
    sr_auto(char) char *parent = sr_str_dup(path, err);
    if (!parent)
        return false;
    char *slash = strrchr(parent, '/');
    if (slash && slash > parent)
        *slash = '\0';
    const int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sr_fail_errno(err, errno, "opening %s", parent);
    const bool done = fsync(fd) == 0;
    const int number = errno;
    close(fd);
    return done || sr_fail_errno(err, number, "syncing %s", parent);
}

bool blob_dir_make_parents(const char *path, struct sr_err *err)
{
    sr_auto(char) char *parent = sr_str_dup(path, err);
    if (!parent)
        return false;
    for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(parent, 0777) == 0) {
            if (!sync_parent(parent, err))
                return false;
        } else if (errno != EEXIST) {
            return fail_with(err, errno, parent);
        }
        *slash = '/';
    }
    return true;
}

void blob_dir_file_done(struct blob_dir_file *file)
{
    if (file->path) {
        (void)unlink(file->path);  // a leftover has a name that nobody takes for an object
        close(file->fd);
    }
    free(file->path);
    free(file->target);
    *file = (struct blob_dir_file){ 0 };
}

// A folder may vanish between making it and using it (somebody removes its last object), hence a
// few tries.
bool blob_dir_file_new(const struct blob_dir *dir, const char *key, struct blob_dir_file *ret_file,
                       struct sr_err *err)
{
    sr_auto(char) char *target = blob_dir_path(dir, key, err);
    if (!target)
        return false;
    char name[33];
    blob_dir_random_name(name);
    const int folder_bytes = (int)(strrchr(target, '/') - target);
    sr_auto(char) char *path =
        sr_strf(err, "%.*s/%s%s", folder_bytes, target, BLOB_DIR_TEMPORARY, name);
    if (!path)
        return false;
    int fd = -1;
    for (int i = 0; i < TRIES && fd < 0; i++) {
        if (!blob_dir_make_parents(path, err))
            return false;
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != ENOENT)
            break;
    }
    if (fd < 0)
        return fail_with(err, errno, key);
    *ret_file =
        (struct blob_dir_file){ .target = sr_take(target), .path = sr_take(path), .fd = fd };
    return true;
}

bool blob_dir_write(int fd, const void *data, size_t bytes, struct sr_err *err)
{
    for (size_t done = 0; done < bytes;) {
        const ssize_t n = write(fd, (const char *)data + done, bytes - done);
        if (n < 0 && errno != EINTR)
            return sr_fail_errno(err, errno, "writing");
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool blob_dir_file_publish(struct blob_dir_file *file, const struct blob_attrs *attrs,
                           char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err)
{
    struct stat info;
    if (!blob_dir_attrs_store(file->fd, attrs, file->target, err))
        return false;
    if (fsync(file->fd) != 0 || fstat(file->fd, &info) != 0)
        return sr_fail_errno(err, errno, "syncing %s", file->target);
    if (attrs->if_absent) {
        if (link(file->path, file->target) != 0)
            return errno == EEXIST
                       ? sr_fail(err, SR_ERR_EXISTS, "%s is there already", file->target)
                       : fail_with(err, errno, file->target);
        (void)unlink(file->path);  // at worst a leftover
    } else if (rename(file->path, file->target) != 0) {
        return fail_with(err, errno, file->target);
    }
    free(file->path);
    file->path = NULL;
    close(file->fd);
    blob_dir_etag(&info, ret_etag);
    return sync_parent(file->target, err);
}

bool blob_dir_open_object(const struct blob_dir *dir, const char *key, const char *if_match,
                          int *ret_fd, struct stat *ret_stat, struct sr_err *err)
{
    sr_auto(char) char *path = blob_dir_path(dir, key, err);
    if (!path)
        return false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not hold us
    if (fd < 0) {
        const bool absent = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
        return absent ? sr_fail(err, SR_ERR_NOT_FOUND, "no object %s", key)
                      : sr_fail_errno(err, errno, "%s", key);
    }
    struct stat info;
    char etag[BLOB_ETAG_BYTES];
    bool good = fstat(fd, &info) == 0 || sr_fail_errno(err, errno, "%s", key);
    if (good && !S_ISREG(info.st_mode))
        good = sr_fail(err, SR_ERR_NOT_FOUND, "%s is not a file", key);
    if (good && if_match) {
        blob_dir_etag(&info, etag);
        good = strcmp(etag, if_match) == 0 || sr_fail(err, SR_ERR_CONFLICT, "%s has changed", key);
    }
    if (!good) {
        close(fd);
        return false;
    }
    *ret_fd = fd;
    *ret_stat = info;
    return true;
}

bool blob_dir_copy_range(int from, uint64_t offset, uint64_t bytes, int to, uint64_t *ret_copied,
                         struct sr_err *err)
{
    sr_auto(char) char *buffer = malloc(COPY_BYTES);
    if (!buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "copy buffer");
    uint64_t copied = 0;
    while (copied < bytes) {
        const uint64_t left = bytes - copied;
        const size_t some = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
        const ssize_t n = pread(from, buffer, some, (off_t)(offset + copied));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sr_fail_errno(err, errno, "reading");
        if (n == 0)
            break;
        if (!blob_dir_write(to, buffer, (size_t)n, err))
            return false;
        copied += (uint64_t)n;
    }
    *ret_copied = copied;
    return true;
}
