// base/io.h - bytes from somewhere and to somewhere: what media code reads and writes through.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/cancel.h"
#include "base/err.h"

// Positioned reading of something that does not change. Threads: read_at may be called by any
// number at once.
struct sr_reader {
    const struct sr_reader_ops *ops;
    void *self;
};
struct sr_reader_ops {
    // Reads up to `bytes` at `offset` into `buffer`; *ret_bytes is 0 only at the end, and may be
    // short anywhere.
    bool (*read_at)(void *self, uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                    struct sr_err *err);
    uint64_t (*size)(void *self);  // bytes
    void (*close)(void *self);     // frees `self`
};

// Sequential writing with a rewritable head: the first `head_bytes` given at opening may be
// overwritten until the end, everything after them is written once, in order. Nothing is visible
// under the final name before `publish`; `discard` leaves no trace. Threads: one at a time.
struct sr_writer {
    const struct sr_writer_ops *ops;
    void *self;
};
struct sr_writer_ops {
    bool (*write)(void *self, const void *data, size_t bytes, struct sr_err *err);
    bool (*rewrite_head)(void *self, uint64_t offset, const void *data, size_t bytes,
                         struct sr_err *err);
    bool (*publish)(void *self, struct sr_err *err);  // durable and visible, all at once
    void (*discard)(void *self);                      // frees `self`; after publish only frees
};

SR_MUST_USE static inline bool sr_read_at(const struct sr_reader *reader, uint64_t offset,
                                          void *buffer, size_t bytes, size_t *ret_bytes,
                                          struct sr_err *err)
{
    return reader->ops->read_at(reader->self, offset, buffer, bytes, ret_bytes, err);
}
// All of `bytes`, or INPUT "ends at ..., wanted ...".
SR_MUST_USE bool sr_read_exact(const struct sr_reader *reader, uint64_t offset, void *buffer,
                               size_t bytes, struct sr_err *err);
static inline uint64_t sr_reader_size(const struct sr_reader *reader)
{
    return reader->ops->size(reader->self);
}
static inline void sr_reader_close(struct sr_reader *reader)
{
    if (reader->ops)
        reader->ops->close(reader->self);
    *reader = (struct sr_reader){ 0 };
}
SR_DEFINE_AUTO_VALUE(sr_reader, struct sr_reader, sr_reader_close);

SR_MUST_USE static inline bool sr_write(struct sr_writer *writer, const void *data, size_t bytes,
                                        struct sr_err *err)
{
    return writer->ops->write(writer->self, data, bytes, err);
}
static inline void sr_writer_close(struct sr_writer *writer)
{
    if (writer->ops)
        writer->ops->discard(writer->self);
    *writer = (struct sr_writer){ 0 };
}
SR_DEFINE_AUTO_VALUE(sr_writer, struct sr_writer, sr_writer_close);

// A regular file. Errors: NOT_FOUND, DENIED, INPUT (not a regular file), STORAGE.
SR_MUST_USE bool sr_file_reader_open(const char *path, struct sr_reader *ret_reader,
                                     struct sr_err *err);
// Borrows `data` until close.
SR_MUST_USE bool sr_memory_reader_open(const void *data, size_t bytes, struct sr_reader *ret_reader,
                                       struct sr_err *err);
// Writes "PATH.<pid and counter>.part" beside the target; publish does fsync, rename, fsync of the
// folder. Nothing of a crash is ever mistaken for output. Missing parent folders are made.
SR_MUST_USE bool sr_file_writer_open(const char *path, struct sr_writer *ret_writer,
                                     struct sr_err *err);
// Removes a ".part" whose writer is gone: a writer keeps its file locked until it has its name, and
// the kernel unlocks it when the process ends. One that is locked, or cannot be, stays.
// *ret_removed: whether it was removed here. Errors: STORAGE, DENIED.
SR_MUST_USE bool sr_file_left_remove(const char *part_path, bool *ret_removed, struct sr_err *err);
// All that writers of `path` have left beside it. Errors: also NO_MEMORY.
SR_MUST_USE bool sr_file_left_remove_of(const char *path, size_t *ret_count, struct sr_err *err);
// A descriptor that cannot seek (a pipe): rewrite_head fails with UNSUPPORTED; publish and discard
// do not close it.
SR_MUST_USE bool sr_fd_writer_open(int fd, struct sr_writer *ret_writer, struct sr_err *err);
// Into memory. After publish, *ret_data/*ret_bytes (given at opening, must outlive the writer) hold
// the bytes; the caller frees them.
SR_MUST_USE bool sr_memory_writer_open(uint8_t **ret_data, size_t *ret_bytes,
                                       struct sr_writer *ret_writer, struct sr_err *err);

// Whole small files. Errors: as above, TOO_LARGE beyond `bytes_max`. The text is NUL-terminated;
// the caller frees it.
SR_MUST_USE bool sr_file_load(const char *path, size_t bytes_max, char **ret_text,
                              size_t *ret_bytes, struct sr_err *err);
SR_MUST_USE bool sr_file_store(const char *path, const void *data, size_t bytes,
                               struct sr_err *err);                      // atomic, durable
SR_MUST_USE bool sr_make_folders(const char *path, struct sr_err *err);  // mkdir -p
