#include "storage/blob_write.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/thread.h"

enum {
    PARTS_ON_THE_WAY = 3,  // of a writer with a budget of its own
    GROW_AFTER_PARTS = 1000,
    HELD_BYTES_MAX = 1 << 20,
};

struct buffer {
    char *data;
    size_t bytes;
    size_t capacity;
};

struct writer {
    struct blob blob;
    char *key;
    struct blob_attrs attrs;
    char *content_type, *cache_control;
    struct blob_pairs meta;
    uint64_t head_bytes, part_bytes, written;
    bool is_steady;  // parts do not grow
    struct sr_budget *budget, *own_budget;
    struct sr_pool *pool, *own_pool;
    const struct sr_cancel *cancel;
    struct buffer head;         // part 1, while it is kept
    bool head_sent;             // as the other parts: nobody may rewrite it
    struct buffer now;          // the part that is being filled
    uint32_t number;            // of it; 1: still the head
    struct blob_upload upload;  // id NULL: not begun
    bool sealed;                // all parts are up
    bool finished;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        struct blob_parts parts;  // that are up, in any order
        unsigned on_the_way;
        struct sr_err failure;
        struct buffer spare[PARTS_ON_THE_WAY];  // sent: fresh memory costs more than a copy into it
        size_t spare_count;
    } synced;  // under `lock`
};

struct task {
    struct writer *writer;
    struct buffer buffer;
    uint64_t ticket;  // bytes of the budget
    uint32_t number;
};

uint64_t blob_write_part_bytes(uint64_t part_bytes, uint32_t number)
{
    const uint32_t doublings = (number - 1) / GROW_AFTER_PARTS;
    const uint64_t bytes = part_bytes << (doublings < 20 ? doublings : 20);
    return bytes < BLOB_PART_BYTES_MAX ? bytes : BLOB_PART_BYTES_MAX;
}

// Buffers ----------------------------------------------------------------------------------------

// Where the budget is shared, what is kept here would be memory that others have paid for.
static void give_buffer(struct writer *writer, struct buffer *buffer)
{
    sr_lock(&writer->lock);
    const bool keep = writer->own_budget && writer->synced.spare_count < PARTS_ON_THE_WAY;
    if (keep) {
        writer->synced.spare[writer->synced.spare_count] = *buffer;
        writer->synced.spare[writer->synced.spare_count++].bytes = 0;
    }
    sr_unlock(&writer->lock);
    if (!keep)
        free(buffer->data);
    *buffer = (struct buffer){ 0 };
}

static struct buffer take_buffer(struct writer *writer)
{
    struct buffer buffer = { 0 };
    sr_lock(&writer->lock);
    if (writer->synced.spare_count)
        buffer = writer->synced.spare[--writer->synced.spare_count];
    sr_unlock(&writer->lock);
    return buffer;
}

static void free_spares(struct writer *writer)
{
    for (struct buffer buffer = take_buffer(writer); buffer.data; buffer = take_buffer(writer))
        free(buffer.data);
}

// Room for at least one byte more, at most `limit` in all: small objects take little memory.
static bool make_room(struct writer *writer, struct buffer *buffer, uint64_t limit,
                      struct sr_err *err)
{
    if (!buffer->data && writer->number > 1)
        *buffer = take_buffer(writer);
    if (buffer->bytes < buffer->capacity)
        return true;
    uint64_t capacity = buffer->capacity ? (uint64_t)buffer->capacity * 4 : 256 << 10;
    if (capacity > limit || writer->number > 1)
        capacity = limit;
    char *larger = realloc(buffer->data, (size_t)capacity);
    if (!larger)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a part of %llu bytes", (unsigned long long)capacity);
    buffer->data = larger;
    buffer->capacity = (size_t)capacity;
    return true;
}

// Uploading --------------------------------------------------------------------------------------

static void upload_task(void *arg, size_t thread_index)
{
    (void)thread_index;
    struct task *task = arg;
    struct writer *writer = task->writer;
    struct sr_err err = { 0 };
    struct blob_part part;
    bool done = sr_cancel_check(writer->cancel, &err) &&
                blob_upload_part(&writer->blob, &writer->upload, task->number, task->buffer.data,
                                 task->buffer.bytes, &part, &err);
    give_buffer(writer, &task->buffer);
    sr_budget_give(writer->budget, task->ticket);
    sr_lock(&writer->lock);
    done = done && blob_parts_add(&writer->synced.parts, &part, &err);
    if (!done && writer->synced.failure.code == SR_OK)
        writer->synced.failure = err;
    writer->synced.on_the_way--;
    sr_cond_broadcast(&writer->changed);
    sr_unlock(&writer->lock);
    free(task);
}

static bool check_failure(struct writer *writer, struct sr_err *err)
{
    sr_lock(&writer->lock);
    const struct sr_err failure = writer->synced.failure;
    sr_unlock(&writer->lock);
    if (failure.code == SR_OK)
        return true;
    *err = failure;
    return false;
}

static void wait_for_tasks(struct writer *writer)
{
    sr_lock(&writer->lock);
    while (writer->synced.on_the_way)
        sr_cond_wait(&writer->changed, &writer->lock);
    sr_unlock(&writer->lock);
}

static bool begin_upload(struct writer *writer, struct sr_err *err)
{
    return writer->upload.id ||
           blob_upload_begin(&writer->blob, writer->key, &writer->attrs, &writer->upload, err);
}

// Hands the current part over; it waits here while the budget is spent.
static bool send_now(struct writer *writer, struct sr_err *err)
{
    if (!begin_upload(writer, err) || !check_failure(writer, err))
        return false;
    struct task *task = calloc(1, sizeof(*task));
    if (!task)
        return sr_fail(err, SR_ERR_NO_MEMORY, "part %u", writer->number);
    *task = (struct task){ .writer = writer,
                           .buffer = writer->now,
                           .ticket = writer->now.capacity,
                           .number = writer->number };
    if (!sr_budget_take(writer->budget, task->ticket, writer->cancel, err)) {
        free(task);
        return false;
    }
    writer->now = (struct buffer){ 0 };
    sr_lock(&writer->lock);
    writer->synced.on_the_way++;
    sr_unlock(&writer->lock);
    if (sr_pool_add(writer->pool, upload_task, task, err))
        return true;
    sr_budget_give(writer->budget, task->ticket);
    free(task->buffer.data);
    free(task);
    sr_lock(&writer->lock);
    writer->synced.on_the_way--;
    sr_unlock(&writer->lock);
    return false;
}

// Filling ----------------------------------------------------------------------------------------

static uint64_t limit_of(const struct writer *writer)
{
    const uint64_t bytes = writer->is_steady
                               ? writer->part_bytes
                               : blob_write_part_bytes(writer->part_bytes, writer->number);
    return writer->number == 1 && writer->head_bytes > bytes ? writer->head_bytes : bytes;
}

static bool writer_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    struct writer *writer = self;
    const char *from = data;
    assert(!writer->sealed);
    while (bytes) {
        struct buffer *buffer = writer->number == 1 ? &writer->head : &writer->now;
        const uint64_t limit = limit_of(writer);
        if (buffer->bytes == limit) {
            if (!writer->head_bytes && writer->number == 1) {
                writer->now = writer->head;
                writer->head = (struct buffer){ 0 };
                writer->head_sent = true;
            }
            if (writer->now.bytes && !send_now(writer, err))
                return false;
            if (writer->number == BLOB_PARTS_MAX)
                return sr_fail(err, SR_ERR_LIMIT, "an object of more than %d parts",
                               BLOB_PARTS_MAX);
            writer->number++;
            if (limit_of(writer) > limit) {  // once in 1,000: no larger ones beside the smaller
                wait_for_tasks(writer);
                free_spares(writer);
            }
            continue;
        }
        if (!make_room(writer, buffer, limit, err))
            return false;
        const size_t room = buffer->capacity - buffer->bytes;
        const size_t some = room < bytes ? room : bytes;
        memcpy(buffer->data + buffer->bytes, from, some);
        buffer->bytes += some;
        writer->written += some;
        from += some;
        bytes -= some;
    }
    return true;
}

static bool writer_rewrite_head(void *self, uint64_t offset, const void *data, size_t bytes,
                                struct sr_err *err)
{
    struct writer *writer = self;
    assert(!writer->sealed);
    const uint64_t end =
        writer->written < writer->head_bytes ? writer->written : writer->head_bytes;
    if (offset > end || bytes > end - offset)
        return sr_fail(err, SR_ERR_INVALID,
                       "rewriting %zu bytes at %llu, only the first %llu may be", bytes,
                       (unsigned long long)offset, (unsigned long long)end);
    memcpy(writer->head.data + offset, data, bytes);
    return true;
}

// Ending -----------------------------------------------------------------------------------------

static int by_number(const void *a, const void *b)
{
    const struct blob_part *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static bool publish_small(struct writer *writer, struct sr_err *err)
{
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = writer->key,
                                  .data = writer->head.data,
                                  .bytes = writer->head.bytes,
                                  .attrs = writer->attrs };
    return blob_put(&writer->blob, &put, etag, err);
}

// Sends the last part and the first, and waits until all are up.
static bool send_rest(struct writer *writer, struct sr_err *err)
{
    if (writer->now.bytes && !send_now(writer, err))
        return false;
    struct blob_part part;
    if (!begin_upload(writer, err) ||
        (!writer->head_sent &&
         !blob_upload_part(&writer->blob, &writer->upload, 1, writer->head.data, writer->head.bytes,
                           &part, err)))
        return false;
    wait_for_tasks(writer);
    if (!check_failure(writer, err))
        return false;
    struct blob_parts *parts = &writer->synced.parts;  // ours alone: nothing is on its way
    if (!writer->head_sent && !blob_parts_add(parts, &part, err))
        return false;
    qsort(parts->item, parts->count, sizeof(parts->item[0]), by_number);
    uint64_t bytes = 0;
    for (size_t i = 0; i < parts->count; i++) {
        assert(parts->item[i].number == i + 1);
        bytes += parts->item[i].bytes;
    }
    assert(bytes == writer->written);
    writer->sealed = true;
    return true;
}

static bool publish_parts(struct writer *writer, struct sr_err *err)
{
    char etag[BLOB_ETAG_BYTES];
    return (writer->sealed || send_rest(writer, err)) &&
           blob_upload_finish(&writer->blob, &writer->upload, &writer->synced.parts, &writer->attrs,
                              etag, err);
}

static bool writer_publish(void *self, struct sr_err *err)
{
    struct writer *writer = self;
    assert(!writer->finished);
    if (!sr_cancel_check(writer->cancel, err))
        return false;
    if (writer->number == 1 && !writer->sealed ? !publish_small(writer, err)
                                               : !publish_parts(writer, err))
        return false;
    writer->finished = true;
    return true;
}

static void writer_discard(void *self)
{
    struct writer *writer = self;
    wait_for_tasks(writer);
    struct sr_err ignored = { 0 };
    // what cannot be aborted now is found by blob_abort_stale()
    if (writer->upload.id && !writer->finished)
        (void)!blob_upload_abort(&writer->blob, &writer->upload, &ignored);
    sr_pool_free(writer->own_pool);
    sr_budget_free(writer->own_budget);
    blob_upload_done(&writer->upload);
    blob_parts_done(&writer->synced.parts);
    blob_pairs_done(&writer->meta);
    free_spares(writer);
    free(writer->head.data);
    free(writer->now.data);
    free(writer->content_type);
    free(writer->cache_control);
    free(writer->key);
    sr_cond_done(&writer->changed);
    sr_mutex_done(&writer->lock);
    free(writer);
}

static const struct sr_writer_ops writer_ops = { writer_write, writer_rewrite_head, writer_publish,
                                                 writer_discard };

bool blob_write_seal(struct sr_writer *sealed, struct sr_err *err)
{
    if (sealed->ops != &writer_ops)
        return true;
    struct writer *writer = sealed->self;
    if (writer->number == 1 && writer->head.bytes <= HELD_BYTES_MAX)
        return true;
    if (!send_rest(writer, err))
        return false;
    free_spares(writer);
    free(writer->head.data);
    writer->head = (struct buffer){ 0 };
    return true;
}

// Opening ----------------------------------------------------------------------------------------

static bool copy_attrs(struct writer *writer, const struct blob_attrs *attrs, struct sr_err *err)
{
    if ((attrs->content_type && !(writer->content_type = sr_str_dup(attrs->content_type, err))) ||
        (attrs->cache_control && !(writer->cache_control = sr_str_dup(attrs->cache_control, err))))
        return false;
    for (size_t i = 0; attrs->meta && i < attrs->meta->count; i++) {
        if (!blob_pairs_add(&writer->meta, attrs->meta->item[i].name, attrs->meta->item[i].value,
                            err))
            return false;
    }
    writer->attrs = (struct blob_attrs){
        .content_type = writer->content_type,
        .cache_control = writer->cache_control,
        .meta = &writer->meta,
        .if_absent = attrs->if_absent,
    };
    return true;
}

enum { EXPECTED_PARTS_MAX = 9000 };

// Of a length that is known no part need be larger than the others: memory then stays the same to
// the end.
static void settle_parts(struct writer *writer, uint64_t bytes_expected)
{
    const uint64_t least = bytes_expected / EXPECTED_PARTS_MAX + 1;
    if (!bytes_expected || least > BLOB_PART_BYTES_MAX)
        return;
    writer->is_steady = true;
    if (writer->part_bytes < least)
        writer->part_bytes = least;
}

static bool fill(struct writer *writer, const struct blob_write_params *params, struct sr_err *err)
{
    writer->blob = *params->blob;
    writer->number = 1;
    writer->head_bytes = params->head_bytes;
    writer->part_bytes = params->part_bytes ? params->part_bytes : BLOB_WRITE_PART_BYTES;
    settle_parts(writer, params->bytes_expected);
    writer->cancel = params->cancel;
    writer->budget = params->budget;
    writer->pool = params->pool;
    writer->key = sr_str_dup(params->key, err);
    if (!writer->key || !copy_attrs(writer, &params->attrs, err))
        return false;
    if (!writer->budget) {
        if (!sr_budget_new(PARTS_ON_THE_WAY * writer->part_bytes, &writer->own_budget, err))
            return false;
        writer->budget = writer->own_budget;
    }
    if (!writer->pool) {
        if (!sr_pool_new("upload", PARTS_ON_THE_WAY, &writer->own_pool, err))
            return false;
        writer->pool = writer->own_pool;
    }
    return true;
}

bool blob_write_open(const struct blob_write_params *params, struct sr_writer *ret_writer,
                     struct sr_err *err)
{
    const struct blob *blob = params->blob;
    if (blob->ops->open_writer)
        return blob->ops->open_writer(blob->self, params->key, &params->attrs, ret_writer, err);
    if (params->part_bytes &&
        (params->part_bytes < BLOB_PART_BYTES_MIN || params->part_bytes > BLOB_PART_BYTES_MAX))
        return sr_fail(err, SR_ERR_INVALID, "parts of %llu bytes",
                       (unsigned long long)params->part_bytes);
    if (params->head_bytes > BLOB_PART_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a head of %llu bytes",
                       (unsigned long long)params->head_bytes);
    struct writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "writer");
    if (!sr_mutex_init(&writer->lock, err)) {
        free(writer);
        return false;
    }
    if (!sr_cond_init(&writer->changed, err)) {
        sr_mutex_done(&writer->lock);
        free(writer);
        return false;
    }
    if (!fill(writer, params, err)) {
        writer_discard(writer);
        return false;
    }
    *ret_writer = (struct sr_writer){ .ops = &writer_ops, .self = writer };
    return true;
}
