#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/blob_dir_priv.h"

// Reading ----------------------------------------------------------------------------------------

struct dir_reader {
    int fd;
    struct stat stat;  // when it was opened: it must stay so
    char *key;
};

static bool reader_read_at(void *self, uint64_t offset, void *buffer, size_t bytes,
                           size_t *ret_bytes, struct sr_err *err)
{
    const struct dir_reader *reader = self;
    const uint64_t size = (uint64_t)reader->stat.st_size;
    const uint64_t left = offset < size ? size - offset : 0;
    ssize_t n;
    do
        n = pread(reader->fd, buffer, left < bytes ? (size_t)left : bytes, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return sr_fail_errno(err, errno, "reading %s", reader->key);
    struct stat now;
    if (fstat(reader->fd, &now) != 0)
        return sr_fail_errno(err, errno, "%s", reader->key);
    if (now.st_size != reader->stat.st_size || now.st_mtim.tv_sec != reader->stat.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != reader->stat.st_mtim.tv_nsec)
        return sr_fail(err, SR_ERR_CONFLICT, "%s changed while it was read", reader->key);
    *ret_bytes = (size_t)n;
    return true;
}

static uint64_t reader_size(void *self)
{
    return (uint64_t)((const struct dir_reader *)self)->stat.st_size;
}

static void reader_close(void *self)
{
    struct dir_reader *reader = self;
    close(reader->fd);
    free(reader->key);
    free(reader);
}

static const struct sr_reader_ops reader_ops = { reader_read_at, reader_size, reader_close };

bool blob_dir_open_reader(void *self, const char *key, const char *if_match, struct sr_reader *ret,
                          struct sr_err *err)
{
    struct dir_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return sr_fail(err, SR_ERR_NO_MEMORY, "reader");
    reader->key = sr_str_dup(key, err);
    if (!reader->key ||
        !blob_dir_open_object(self, key, if_match, &reader->fd, &reader->stat, err)) {
        free(reader->key);
        free(reader);
        return false;
    }
    *ret = (struct sr_reader){ .ops = &reader_ops, .self = reader };
    return true;
}

// Writing ----------------------------------------------------------------------------------------

enum { BEHIND_BYTES = 8 << 20 };

struct dir_writer {
    struct blob_dir_file file;
    struct blob_pairs meta;
    char *content_type, *cache_control;
    bool if_absent;
    uint64_t written;
    uint64_t sent;  // of these, on their way to the disk
};

static bool writer_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    struct dir_writer *writer = self;
    if (!blob_dir_write(writer->file.fd, data, bytes, err))
        return false;
    writer->written += bytes;
    if (writer->written - writer->sent >= BEHIND_BYTES) {
        // so that the disk works while the rest still comes; fsync() later reports what fails
        (void)sync_file_range(writer->file.fd, (off_t)writer->sent,
                              (off_t)(writer->written - writer->sent), SYNC_FILE_RANGE_WRITE);
        writer->sent = writer->written;
    }
    return true;
}

static bool writer_rewrite_head(void *self, uint64_t offset, const void *data, size_t bytes,
                                struct sr_err *err)
{
    struct dir_writer *writer = self;
    if (offset > writer->written || bytes > writer->written - offset)
        return sr_fail(err, SR_ERR_INVALID, "rewriting what has not been written");
    for (size_t done = 0; done < bytes;) {
        const ssize_t n = pwrite(writer->file.fd, (const char *)data + done, bytes - done,
                                 (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return sr_fail_errno(err, errno, "writing");
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool writer_publish(void *self, struct sr_err *err)
{
    struct dir_writer *writer = self;
    char etag[BLOB_ETAG_BYTES];
    const struct blob_attrs attrs = {
        .content_type = writer->content_type,
        .cache_control = writer->cache_control,
        .meta = &writer->meta,
        .if_absent = writer->if_absent,
    };
    return blob_dir_file_publish(&writer->file, &attrs, etag, err);
}

static void writer_discard(void *self)
{
    struct dir_writer *writer = self;
    blob_dir_file_done(&writer->file);
    blob_pairs_done(&writer->meta);
    free(writer->content_type);
    free(writer->cache_control);
    free(writer);
}

static const struct sr_writer_ops writer_ops = { writer_write, writer_rewrite_head, writer_publish,
                                                 writer_discard };

static bool copy_attrs(struct dir_writer *writer, const struct blob_attrs *attrs,
                       struct sr_err *err)
{
    writer->if_absent = attrs->if_absent;
    if (attrs->content_type && !(writer->content_type = sr_str_dup(attrs->content_type, err)))
        return false;
    if (attrs->cache_control && !(writer->cache_control = sr_str_dup(attrs->cache_control, err)))
        return false;
    for (size_t i = 0; attrs->meta && i < attrs->meta->count; i++) {
        if (!blob_pairs_add(&writer->meta, attrs->meta->item[i].name, attrs->meta->item[i].value,
                            err))
            return false;
    }
    return true;
}

bool blob_dir_open_writer(void *self, const char *key, const struct blob_attrs *attrs,
                          struct sr_writer *ret, struct sr_err *err)
{
    struct dir_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "writer");
    if (!copy_attrs(writer, attrs, err) || !blob_dir_file_new(self, key, &writer->file, err)) {
        writer_discard(writer);
        return false;
    }
    *ret = (struct sr_writer){ .ops = &writer_ops, .self = writer };
    return true;
}
