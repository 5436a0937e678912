#include "storage/blob_relay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/str.h"
#include "base/thread.h"

enum { FIRST_BYTES = 512 << 10 };

struct piece {
    uint64_t offset;
    size_t bytes;
};

// Each thread takes the next piece, gets it into its own buffer, and puts it where it belongs.
struct relay {
    const struct blob_relay_params *params;
    struct sr_reader reader;  // of a store that has its own; else ranges are asked for
    bool (*put)(struct relay *relay, const struct piece *piece, const char *data,
                struct sr_err *err);
    struct sr_writer *out;             // blob_relay_out()
    const struct blob *to;             // blob_relay_up()
    const struct blob_upload *upload;  // the same
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        uint64_t next;           // first byte that no thread has taken
        uint64_t step;           // of pieces
        uint64_t written;        // all before has been given to `out`
        struct blob_parts part;  // that are up, in any order
        struct sr_err failure;   // the first: everything ends
    } synced;                    // under `lock`
};

// Getting ----------------------------------------------------------------------------------------

struct incoming {
    const struct relay *relay;
    const struct piece *piece;
    char *data;
    size_t filled;
};

static void note_moved(const struct relay *relay, uint64_t bytes)
{
    if (relay->params->moved)
        atomic_fetch_add(relay->params->moved, bytes);
}

// On the store's thread; after a retry again from the beginning.
static void fill(void *self, uint64_t offset, const void *data, size_t bytes)
{
    struct incoming *in = self;
    assert(offset <= in->piece->bytes && bytes <= in->piece->bytes - offset);
    memcpy(in->data + offset, data, bytes);
    const size_t end = (size_t)offset + bytes;
    if (end > in->filled) {
        if (in->relay->out)  // what goes up counts when it is up
            note_moved(in->relay, end - in->filled);
        in->filled = end;
    }
}

static bool get_range(const struct relay *relay, const struct piece *piece, char *data,
                      struct sr_err *err)
{
    const struct blob_relay_params *params = relay->params;
    struct incoming in = { .relay = relay, .piece = piece, .data = data };
    const struct blob_get get = {
        .key = params->key,
        .offset = piece->offset,
        .bytes = piece->bytes,
        .if_match = *params->info->etag ? params->info->etag : NULL,
        .sink = fill,
        .self = &in,
    };
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!blob_get(params->from, &get, &info, err))
        return false;
    if (in.filled != piece->bytes || (info.bytes && info.bytes != params->info->bytes))
        return sr_fail(err, SR_ERR_CONFLICT, "%s changed while it was read", params->key);
    return true;
}

static bool get_piece(const struct relay *relay, const struct piece *piece, char *data,
                      struct sr_err *err)
{
    if (!relay->reader.ops)
        return get_range(relay, piece, data, err);
    if (!sr_read_exact(&relay->reader, piece->offset, data, piece->bytes, err))
        return false;
    if (relay->out)
        note_moved(relay, piece->bytes);
    return true;
}

// Putting ----------------------------------------------------------------------------------------

static bool put_out(struct relay *relay, const struct piece *piece, const char *data,
                    struct sr_err *err)
{
    sr_lock(&relay->lock);
    while (relay->synced.written != piece->offset && relay->synced.failure.code == SR_OK)
        sr_cond_wait(&relay->changed, &relay->lock);
    const struct sr_err failure = relay->synced.failure;
    sr_unlock(&relay->lock);
    if (failure.code != SR_OK) {
        *err = failure;
        return false;
    }
    if (!sr_write(relay->out, data, piece->bytes, err))
        return false;
    sr_lock(&relay->lock);
    relay->synced.written += piece->bytes;
    sr_cond_broadcast(&relay->changed);
    sr_unlock(&relay->lock);
    return true;
}

static bool put_up(struct relay *relay, const struct piece *piece, const char *data,
                   struct sr_err *err)
{
    const struct blob_relay_params *params = relay->params;
    const uint32_t number =
        (uint32_t)((piece->offset - params->offset) / params->piece_bytes) + 1;  // few: see below
    struct blob_part part;
    if (!blob_upload_part(relay->to, relay->upload, number, data, piece->bytes, &part, err))
        return false;
    note_moved(relay, piece->bytes);
    sr_lock(&relay->lock);
    const bool added = blob_parts_add(&relay->synced.part, &part, err);
    sr_unlock(&relay->lock);
    return added;
}

// Threads ----------------------------------------------------------------------------------------

// False at the end, and when something has failed.
static bool take_piece(struct relay *relay, struct piece *ret)
{
    const struct blob_relay_params *params = relay->params;
    sr_lock(&relay->lock);
    const uint64_t at = relay->synced.next, step = relay->synced.step, left = params->end - at;
    const bool more = left > 0 && relay->synced.failure.code == SR_OK;
    if (more) {
        const uint64_t to_edge = relay->out ? step - at % step : step;
        *ret = (struct piece){ .offset = at, .bytes = (size_t)(left < to_edge ? left : to_edge) };
        relay->synced.next += ret->bytes;
        if (step * 2 <= params->piece_bytes)
            relay->synced.step = step * 2;
    }
    sr_unlock(&relay->lock);
    return more;
}

static void note_failure(struct relay *relay, const struct sr_err *err)
{
    sr_lock(&relay->lock);
    if (relay->synced.failure.code == SR_OK)
        relay->synced.failure = *err;
    sr_cond_broadcast(&relay->changed);
    sr_unlock(&relay->lock);
}

static void work(void *task, size_t thread_index)
{
    (void)thread_index;
    struct relay *relay = task;
    const struct blob_relay_params *params = relay->params;
    const uint64_t span = params->end - params->offset;
    struct sr_err err = { 0 };
    sr_auto(char) char *data =
        malloc(span < params->piece_bytes ? (size_t)span : params->piece_bytes);
    bool going =
        data || sr_fail(&err, SR_ERR_NO_MEMORY, "a piece of %zu bytes", params->piece_bytes);
    struct piece piece;
    while (going && take_piece(relay, &piece))
        going = sr_cancel_check(params->cancel, &err) && get_piece(relay, &piece, data, &err) &&
                relay->put(relay, &piece, data, &err);
    if (!going)
        note_failure(relay, &err);
}

static bool run_threads(struct relay *relay, struct sr_err *err)
{
    const struct blob_relay_params *params = relay->params;
    const uint64_t pieces = (params->end - params->offset) / params->piece_bytes + 1;
    const size_t threads =
        pieces < params->thread_count && !relay->out ? (size_t)pieces : params->thread_count;
    sr_auto(sr_pool) struct sr_pool *pool = NULL;
    if (!sr_pool_new("relay", threads, &pool, err))
        return false;
    for (size_t i = 0; i < threads; i++) {
        if (!sr_pool_add(pool, work, relay, err)) {
            note_failure(relay, err);
            break;
        }
    }
    sr_pool_wait(pool);
    if (relay->synced.failure.code == SR_OK)  // nobody else is there any more
        return true;
    *err = relay->synced.failure;
    return false;
}

static bool run(struct relay *relay, struct sr_err *err)
{
    const struct blob_relay_params *params = relay->params;
    assert(params->offset <= params->end && params->end <= params->info->bytes);
    if (params->offset == params->end)
        return true;
    const struct blob *from = params->from;
    const char *const etag = *params->info->etag ? params->info->etag : NULL;
    if (from->ops->open_reader &&
        !from->ops->open_reader(from->self, params->key, etag, &relay->reader, err))
        return false;
    if (!sr_mutex_init(&relay->lock, err)) {
        sr_reader_close(&relay->reader);
        return false;
    }
    bool done = sr_cond_init(&relay->changed, err);
    if (done) {
        relay->synced.next = relay->synced.written = params->offset;
        done = run_threads(relay, err);
        sr_cond_done(&relay->changed);
    }
    sr_mutex_done(&relay->lock);
    sr_reader_close(&relay->reader);
    return done;
}

bool blob_relay_out(const struct blob_relay_params *params, struct sr_writer *out,
                    struct sr_err *err)
{
    struct relay relay = { .params = params, .put = put_out, .out = out };
    relay.synced.step = params->piece_bytes < FIRST_BYTES ? params->piece_bytes : FIRST_BYTES;
    return run(&relay, err);
}

static int by_number(const void *a, const void *b)
{
    const struct blob_part *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

bool blob_relay_up(const struct blob_relay_params *params, const struct blob *to,
                   const struct blob_upload *upload, struct blob_parts *ret_parts,
                   struct sr_err *err)
{
    struct relay relay = { .params = params, .put = put_up, .to = to, .upload = upload };
    relay.synced.step = params->piece_bytes;
    if ((params->end - params->offset) / params->piece_bytes >= BLOB_PARTS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "an object of more than %d parts", BLOB_PARTS_MAX);
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    const bool done = run(&relay, err);
    parts = relay.synced.part;
    if (!done)
        return false;
    if (parts.count)
        qsort(parts.item, parts.count, sizeof(parts.item[0]), by_number);
    *ret_parts = parts;
    parts = (struct blob_parts){ 0 };
    return true;
}
