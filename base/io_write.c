// Writing: to a file that appears all at once, to a pipe, into memory. Reading is in io.c.
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/io_priv.h"
#include "base/str.h"

enum {
    WRITE_BYTES_MAX = 1 << 30,  // of one system call
    PART_NAMES_MAX = 10000,     // writers of one target at once, and what crashes left
};

// All of `bytes`, at `offset`, or where the descriptor stands when `offset` is negative.
static bool write_all(int fd, int64_t offset, const void *data, size_t bytes, struct sr_err *err)
{
    size_t done = 0;
    while (done < bytes) {
        const char *const from = (const char *)data + done;
        const size_t left = bytes - done;
        const size_t want = left < WRITE_BYTES_MAX ? left : WRITE_BYTES_MAX;
        const ssize_t put =
            offset < 0 ? write(fd, from, want) : pwrite(fd, from, want, offset + (int64_t)done);
        if (put >= 0) {
            done += (size_t)put;
        } else if (errno == EAGAIN) {  // somebody made the pipe non-blocking
            struct pollfd wait = { .fd = fd, .events = POLLOUT };
            if (poll(&wait, 1, -1) < 0 && errno != EINTR)
                return sr_fail_errno(err, errno, "poll");
        } else if (errno != EINTR) {
            return sr_fail_errno(err, errno, "write");
        }
    }
    return true;
}

// A file ----------------------------------------------------------------------------------------
struct file_writer {
    int fd;  // -1: closed
    bool published;
    uint64_t bytes;
    char *path, *part_path;
};

static bool file_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    struct file_writer *const file = self;
    assert(!file->published);
    if (!write_all(file->fd, (int64_t)file->bytes, data, bytes, err))
        return sr_err_wrap(err, "%s", file->path);
    file->bytes += bytes;
    return true;
}

static bool file_rewrite_head(void *self, uint64_t offset, const void *data, size_t bytes,
                              struct sr_err *err)
{
    struct file_writer *const file = self;
    assert(!file->published);
    if (offset > file->bytes || bytes > file->bytes - offset)
        return sr_fail(err, SR_ERR_INVALID, "%s: rewrites %zu bytes at %" PRIu64 " of %" PRIu64,
                       file->path, bytes, offset, file->bytes);
    if (!write_all(file->fd, (int64_t)offset, data, bytes, err))
        return sr_err_wrap(err, "%s", file->path);
    return true;
}

static bool file_publish(void *self, struct sr_err *err)
{
    struct file_writer *const file = self;
    assert(!file->published);
    if (fsync(file->fd) < 0)
        return sr_fail_errno(err, errno, "sync %s", file->path);
    // Closed after that: until it has its name, the lock says that its writer lives.
    if (rename(file->part_path, file->path) < 0)
        return sr_fail_errno(err, errno, "rename to %s", file->path);
    file->published = true;
    (void)close(file->fd);  // fsync has told what could be told
    file->fd = -1;
    return sr_sync_folder_of(file->path, err);
}

static void file_discard(void *self)
{
    struct file_writer *const file = self;
    if (file->fd >= 0)
        (void)close(file->fd);  // whoever wanted the bytes has called publish
    if (file->part_path && !file->published)
        (void)unlink(file->part_path);
    free(file->part_path);
    free(file->path);
    free(file);
}

static const struct sr_writer_ops file_ops = { file_write, file_rewrite_head, file_publish,
                                               file_discard };

// Locks the file while it is written, so that sr_file_left_remove() finds no dead writer. Where
// there are no locks it finds none either. False: it was faster, and takes the file away.
static bool lock_part(int fd)
{
    struct stat info;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno != EWOULDBLOCK;
    return fstat(fd, &info) != 0 || info.st_nlink > 0;
}

// The first free name: another writer of this process, or a crash under the same pid, may have
// some.
static bool open_part(struct file_writer *file, struct sr_err *err)
{
    for (int i = 0; i < PART_NAMES_MAX; i++) {
        sr_auto(char) char *name = sr_strf(err, "%s.%ld-%d.part", file->path, (long)getpid(), i);
        if (!name)
            return false;
        file->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0 && lock_part(file->fd)) {
            file->part_path = sr_take(name);
            return true;
        }
        if (file->fd < 0 && errno != EEXIST)
            return sr_fail_errno(err, errno, "create %s", name);
        if (file->fd >= 0)
            (void)close(file->fd);  // nothing was written
        file->fd = -1;
    }
    return sr_fail(err, SR_ERR_LIMIT, "%s has %d unfinished files beside it", file->path,
                   PART_NAMES_MAX);
}

static bool make_parents(const char *path, struct sr_err *err)
{
    const char *const slash = strrchr(path, '/');
    if (!slash || slash == path)
        return true;
    sr_auto(char) char *folder = sr_strf(err, "%.*s", (int)(slash - path), path);
    return folder && sr_make_folders(folder, err);
}

bool sr_file_writer_open(const char *path, struct sr_writer *ret_writer, struct sr_err *err)
{
    const size_t length = strlen(path);
    if (length == 0 || path[length - 1] == '/')
        return sr_fail(err, SR_ERR_INVALID, "\"%s\" is not a file's name", path);
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return sr_fail(err, SR_ERR_INVALID, "%s is a folder", path);
    if (!make_parents(path, err))
        return false;
    struct file_writer *const file = calloc(1, sizeof(*file));
    if (!file)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a writer");
    file->fd = -1;
    sr_auto(sr_writer) struct sr_writer writer = { .ops = &file_ops, .self = file };
    file->path = sr_str_dup(path, err);
    if (!file->path || !open_part(file, err))
        return false;
    *ret_writer = writer;
    writer = (struct sr_writer){ 0 };
    return true;
}

bool sr_file_store(const char *path, const void *data, size_t bytes, struct sr_err *err)
{
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    return sr_file_writer_open(path, &writer, err) && sr_write(&writer, data, bytes, err) &&
           writer.ops->publish(writer.self, err);
}

// A descriptor ----------------------------------------------------------------------------------
struct fd_writer {
    int fd;
};

static bool fd_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    const struct fd_writer *const pipe = self;
    return write_all(pipe->fd, -1, data, bytes, err);
}

static bool fd_rewrite_head(void *self, uint64_t offset, const void *data, size_t bytes,
                            struct sr_err *err)
{
    (void)self, (void)offset, (void)data, (void)bytes;
    return sr_fail(err, SR_ERR_UNSUPPORTED, "a pipe cannot be rewritten");
}

static bool fd_publish(void *self, struct sr_err *err)
{
    const struct fd_writer *const pipe = self;
    // What has no disk (a pipe, a socket, a terminal) says EINVAL, ENOTSUP or EROFS.
    if (fsync(pipe->fd) < 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS)
        return sr_fail_errno(err, errno, "sync");
    return true;
}

static const struct sr_writer_ops fd_ops = { fd_write, fd_rewrite_head, fd_publish, free };

bool sr_fd_writer_open(int fd, struct sr_writer *ret_writer, struct sr_err *err)
{
    struct fd_writer *const pipe = malloc(sizeof(*pipe));
    if (!pipe)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a writer");
    pipe->fd = fd;
    *ret_writer = (struct sr_writer){ .ops = &fd_ops, .self = pipe };
    return true;
}

// Memory ----------------------------------------------------------------------------------------
struct memory_writer {
    struct sr_str data;
    bool published;
    uint8_t **ret_data;
    size_t *ret_bytes;
};

static bool memory_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    struct memory_writer *const memory = self;
    assert(!memory->published);
    return sr_str_add_bytes(&memory->data, data, bytes, err);
}

static bool memory_rewrite_head(void *self, uint64_t offset, const void *data, size_t bytes,
                                struct sr_err *err)
{
    struct memory_writer *const memory = self;
    assert(!memory->published);
    if (offset > memory->data.bytes || bytes > memory->data.bytes - (size_t)offset)
        return sr_fail(err, SR_ERR_INVALID, "rewrites %zu bytes at %" PRIu64 " of %zu", bytes,
                       offset, memory->data.bytes);
    if (bytes > 0)
        memcpy(memory->data.text + offset, data, bytes);
    return true;
}

static bool memory_publish(void *self, struct sr_err *err)
{
    struct memory_writer *const memory = self;
    assert(!memory->published);
    const size_t bytes = memory->data.bytes;
    char *const data = sr_str_take(&memory->data);
    if (!data)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an empty buffer");
    *memory->ret_data = (uint8_t *)data;
    *memory->ret_bytes = bytes;
    memory->published = true;
    return true;
}

static void memory_discard(void *self)
{
    struct memory_writer *const memory = self;
    sr_str_done(&memory->data);
    free(memory);
}

static const struct sr_writer_ops memory_ops = { memory_write, memory_rewrite_head, memory_publish,
                                                 memory_discard };

bool sr_memory_writer_open(uint8_t **ret_data, size_t *ret_bytes, struct sr_writer *ret_writer,
                           struct sr_err *err)
{
    struct memory_writer *const memory = calloc(1, sizeof(*memory));
    if (!memory)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a writer");
    memory->ret_data = ret_data;
    memory->ret_bytes = ret_bytes;
    *ret_writer = (struct sr_writer){ .ops = &memory_ops, .self = memory };
    return true;
}
