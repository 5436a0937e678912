// Reading: files, memory, whole small files; and folders. Writing is in io_write.c, io_left.c.
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io_priv.h"
#include "base/str.h"

enum { READ_BYTES_MAX = 1 << 30 };  // of one system call

bool sr_read_exact(const struct sr_reader *reader, uint64_t offset, void *buffer, size_t bytes,
                   struct sr_err *err)
{
    size_t done = 0;
    while (done < bytes) {
        size_t got;
        if (!sr_read_at(reader, offset + done, (char *)buffer + done, bytes - done, &got, err))
            return false;
        if (got == 0)
            return sr_fail(err, SR_ERR_INPUT, "ends at %" PRIu64 ", wanted %zu bytes at %" PRIu64,
                           offset + done, bytes, offset);
        done += got;
    }
    return true;
}

// A file ----------------------------------------------------------------------------------------
struct file_reader {
    int fd;
    uint64_t bytes;
};

static bool file_read_at(void *self, uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                         struct sr_err *err)
{
    const struct file_reader *const file = self;
    if (offset > INT64_MAX) {  // beyond any file's end
        *ret_bytes = 0;
        return true;
    }
    ssize_t got;
    do
        got =
            pread(file->fd, buffer, bytes < READ_BYTES_MAX ? bytes : READ_BYTES_MAX, (off_t)offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return sr_fail_errno(err, errno, "read at %" PRIu64, offset);
    *ret_bytes = (size_t)got;
    return true;
}

static uint64_t file_size(void *self)
{
    const struct file_reader *const file = self;
    return file->bytes;
}

static void file_close(void *self)
{
    struct file_reader *const file = self;
    (void)close(file->fd);  // nothing was written, so nothing can be lost
    free(file);
}

static const struct sr_reader_ops file_ops = { file_read_at, file_size, file_close };

bool sr_file_reader_open(const char *path, struct sr_reader *ret_reader, struct sr_err *err)
{
    // O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return sr_fail_errno(err, errno, "open %s", path);
    struct stat info;
    struct file_reader *file = NULL;
    if (fstat(fd, &info) < 0)
        (void)sr_fail_errno(err, errno, "stat %s", path);
    else if (!S_ISREG(info.st_mode))
        (void)sr_fail(err, SR_ERR_INPUT, "%s is not a regular file", path);
    else if (!(file = malloc(sizeof(*file))))
        (void)sr_fail(err, SR_ERR_NO_MEMORY, "a reader");
    if (!file) {
        (void)close(fd);
        return false;
    }
    *file = (struct file_reader){ .fd = fd, .bytes = (uint64_t)info.st_size };
    *ret_reader = (struct sr_reader){ .ops = &file_ops, .self = file };
    return true;
}

// Memory ----------------------------------------------------------------------------------------
struct memory_reader {
    const uint8_t *data;
    size_t bytes;
};

static bool memory_read_at(void *self, uint64_t offset, void *buffer, size_t bytes,
                           size_t *ret_bytes, struct sr_err *err SR_UNUSED)
{
    const struct memory_reader *const memory = self;
    const size_t left = offset < memory->bytes ? memory->bytes - (size_t)offset : 0;
    const size_t taken = bytes < left ? bytes : left;
    if (taken > 0)
        memcpy(buffer, memory->data + offset, taken);
    *ret_bytes = taken;
    return true;
}

static uint64_t memory_size(void *self)
{
    const struct memory_reader *const memory = self;
    return memory->bytes;
}

static const struct sr_reader_ops memory_ops = { memory_read_at, memory_size, free };

bool sr_memory_reader_open(const void *data, size_t bytes, struct sr_reader *ret_reader,
                           struct sr_err *err)
{
    struct memory_reader *const memory = malloc(sizeof(*memory));
    if (!memory)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a reader");
    *memory = (struct memory_reader){ .data = data, .bytes = bytes };
    *ret_reader = (struct sr_reader){ .ops = &memory_ops, .self = memory };
    return true;
}

// Whole files and folders ------------------------------------------------------------------------
// Reads to the end and not to the size that was told: a file may grow, and some (/proc) tell 0.
bool sr_file_load(const char *path, size_t bytes_max, char **ret_text, size_t *ret_bytes,
                  struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    if (!sr_file_reader_open(path, &reader, err))
        return false;
    if (sr_reader_size(&reader) > bytes_max)
        return sr_fail(err, SR_ERR_TOO_LARGE, "%s has %" PRIu64 " bytes, %zu are allowed", path,
                       sr_reader_size(&reader), bytes_max);
    sr_auto(sr_str) struct sr_str text = { 0 };
    for (;;) {
        char block[16384];
        size_t got;
        if (!sr_read_at(&reader, text.bytes, block, sizeof(block), &got, err))
            return sr_err_wrap(err, "%s", path);
        if (got == 0)
            break;
        if (got > bytes_max - text.bytes)
            return sr_fail(err, SR_ERR_TOO_LARGE, "%s has more than the allowed %zu bytes", path,
                           bytes_max);
        if (!sr_str_add_bytes(&text, block, got, err))
            return sr_err_wrap(err, "%s", path);
    }
    const size_t bytes = text.bytes;
    char *const taken = sr_str_take(&text);
    if (!taken)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%s", path);
    *ret_text = taken;
    *ret_bytes = bytes;
    return true;
}

bool sr_sync_folder_of(const char *path, struct sr_err *err)
{
    const char *const slash = strrchr(path, '/');
    sr_auto(char) char *folder = NULL;
    if (!slash)
        folder = sr_str_dup(".", err);
    else
        folder = sr_strf(err, "%.*s", (int)(slash == path ? 1 : slash - path), path);
    if (!folder)
        return false;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sr_fail_errno(err, errno, "open %s", folder);
    // EINVAL: this file system cannot sync folders; there is nothing better to do.
    const int number = fsync(fd) < 0 && errno != EINVAL ? errno : 0;
    (void)close(fd);
    if (number != 0)
        return sr_fail_errno(err, number, "sync %s", folder);
    return true;
}

// Makes one folder, which may be there already, and its name durable.
static bool make_folder(const char *path, struct sr_err *err)
{
    if (mkdir(path, 0777) == 0)
        return sr_sync_folder_of(path, err);
    const int number = errno;
    struct stat info;
    if (stat(path, &info) == 0) {  // mkdir may also say EROFS or EACCES of one that is there
        if (S_ISDIR(info.st_mode))
            return true;
        return sr_fail_errno(err, ENOTDIR, "%s", path);
    }
    return sr_fail_errno(err, number, "make folder %s", path);
}

bool sr_make_folders(const char *path, struct sr_err *err)
{
    if (path[0] == '\0')
        return sr_fail(err, SR_ERR_INVALID, "the name of a folder is empty");
    sr_auto(char) char *copy = sr_str_dup(path, err);
    if (!copy)
        return false;
    size_t end = strlen(copy);
    while (end > 1 && copy[end - 1] == '/')
        copy[--end] = '\0';
    for (char *at = copy + 1; *at; at++) {
        if (*at != '/' || at[-1] == '/')
            continue;
        *at = '\0';
        if (!make_folder(copy, err))
            return false;
        *at = '/';
    }
    return make_folder(copy, err);
}
