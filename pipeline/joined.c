#include "pipeline/joined.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/thread.h"

enum { OPEN_PARTS = 4, COPY_BYTES = 1 << 18 };  // picture and sound take turns

struct piece {
    const struct workspace_key *key;  // NULL: in memory
    uint64_t start;                   // in the file
    uint64_t offset;                  // in the part, or in `memory`
    uint64_t bytes;
};

struct joined {
    struct workspace *workspace;
    size_t count, capacity;
    struct piece *pieces;
    struct sr_str memory;
    uint64_t bytes;
};

bool joined_new(struct workspace *workspace, struct joined **ret_joined, struct sr_err *err)
{
    struct joined *const joined = calloc(1, sizeof(*joined));
    if (!joined)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a joined file");
    joined->workspace = workspace;
    *ret_joined = joined;
    return true;
}

void joined_free(struct joined *joined)
{
    if (!joined)
        return;
    free(joined->pieces);
    sr_str_done(&joined->memory);
    free(joined);
}

static bool add_piece(struct joined *joined, const struct workspace_key *key, uint64_t offset,
                      uint64_t bytes, struct sr_err *err)
{
    struct piece *const last = joined->count > 0 ? &joined->pieces[joined->count - 1] : NULL;
    if (last && last->key == key && last->offset + last->bytes == offset) {
        last->bytes += bytes;
        joined->bytes += bytes;
        return true;
    }
    if (joined->count == joined->capacity) {
        const size_t capacity = joined->capacity ? 2 * joined->capacity : 8;
        struct piece *const more = reallocarray(joined->pieces, capacity, sizeof(*more));
        if (!more)
            return sr_fail(err, SR_ERR_NO_MEMORY, "%zu pieces", capacity);
        joined->pieces = more;
        joined->capacity = capacity;
    }
    joined->pieces[joined->count++] =
        (struct piece){ .key = key, .start = joined->bytes, .offset = offset, .bytes = bytes };
    joined->bytes += bytes;
    return true;
}

bool joined_add_bytes(struct joined *joined, const void *data, size_t bytes, struct sr_err *err)
{
    const uint64_t offset = joined->memory.bytes;
    return bytes == 0 || (sr_str_add_bytes(&joined->memory, data, bytes, err) &&
                          add_piece(joined, NULL, offset, bytes, err));
}

bool joined_add_range(struct joined *joined, const struct workspace_key *key, uint64_t offset,
                      uint64_t bytes, struct sr_err *err)
{
    return bytes == 0 || add_piece(joined, key, offset, bytes, err);
}

bool joined_add_all(struct joined *joined, const struct joined *from, struct sr_err *err)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct piece *const piece = &from->pieces[i];
        if (piece->key ? !joined_add_range(joined, piece->key, piece->offset, piece->bytes, err)
                       : !joined_add_bytes(joined, from->memory.text + piece->offset,
                                           (size_t)piece->bytes, err))
            return false;
    }
    return true;
}

uint64_t joined_bytes(const struct joined *joined)
{
    return joined->bytes;
}

bool joined_piece(const struct joined *joined, size_t index, struct joined_piece *ret)
{
    if (index >= joined->count)
        return false;
    const struct piece *const piece = &joined->pieces[index];
    *ret = (struct joined_piece){
        .key = piece->key,
        .data = piece->key ? NULL : joined->memory.text + piece->offset,
        .offset = piece->key ? piece->offset : 0,
        .bytes = piece->bytes,
    };
    return true;
}

// Reading ----------------------------------------------------------------------------------------
struct open_part {
    const struct workspace_key *key;  // NULL: none
    struct sr_reader reader;
    uint64_t used;
};

struct reader {
    const struct joined *joined;
    struct sr_mutex lock;
    struct {
        struct open_part parts[OPEN_PARTS];
        uint64_t reads;
    } synced;  // under `lock`
};

static const struct sr_reader *open_locked(struct reader *reader, const struct workspace_key *key,
                                           struct sr_err *err) SR_REQUIRES(reader->lock);
static const struct sr_reader *open_locked(struct reader *reader, const struct workspace_key *key,
                                           struct sr_err *err)
{
    struct open_part *oldest = &reader->synced.parts[0];
    for (size_t i = 0; i < OPEN_PARTS; i++) {
        struct open_part *const part = &reader->synced.parts[i];
        if (part->key == key) {
            part->used = ++reader->synced.reads;
            return &part->reader;
        }
        if (part->used < oldest->used)
            oldest = part;
    }
    sr_reader_close(&oldest->reader);
    *oldest = (struct open_part){ 0 };
    if (!workspace_read(reader->joined->workspace, key, &oldest->reader, err))
        return NULL;
    oldest->key = key;
    oldest->used = ++reader->synced.reads;
    return &oldest->reader;
}

static const struct piece *find(const struct joined *joined, uint64_t offset)
{
    size_t low = 0, high = joined->count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (joined->pieces[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return &joined->pieces[low];
}

static bool read_piece(struct reader *reader, const struct piece *piece, uint64_t inside,
                       void *buffer, size_t bytes, struct sr_err *err)
{
    if (!piece->key) {
        memcpy(buffer, reader->joined->memory.text + piece->offset + inside, bytes);
        return true;
    }
    sr_lock(&reader->lock);
    const struct sr_reader *const part = open_locked(reader, piece->key, err);
    const bool done = part && sr_read_exact(part, piece->offset + inside, buffer, bytes, err);
    sr_unlock(&reader->lock);
    return done;
}

static bool read_at(void *self, uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                    struct sr_err *err)
{
    struct reader *const reader = self;
    const struct joined *const joined = reader->joined;
    const uint64_t left = offset < joined->bytes ? joined->bytes - offset : 0;
    const size_t want = left < bytes ? (size_t)left : bytes;
    for (size_t done = 0; done < want;) {
        const struct piece *const piece = find(joined, offset + done);
        const uint64_t inside = offset + done - piece->start;
        const uint64_t rest = piece->bytes - inside;
        const size_t some = rest < want - done ? (size_t)rest : want - done;
        if (!read_piece(reader, piece, inside, (char *)buffer + done, some, err))
            return false;
        done += some;
    }
    *ret_bytes = want;
    return true;
}

static uint64_t size_of(void *self)
{
    return ((const struct reader *)self)->joined->bytes;
}

static void close_reader(void *self)
{
    struct reader *const reader = self;
    for (size_t i = 0; i < OPEN_PARTS; i++)
        sr_reader_close(&reader->synced.parts[i].reader);
    sr_mutex_done(&reader->lock);
    free(reader);
}

static const struct sr_reader_ops reader_ops = { read_at, size_of, close_reader };

bool joined_reader(const struct joined *joined, struct sr_reader *ret_reader, struct sr_err *err)
{
    struct reader *const reader = calloc(1, sizeof(*reader));
    if (!reader)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a reader");
    if (!sr_mutex_init(&reader->lock, err)) {
        free(reader);
        return false;
    }
    reader->joined = joined;
    *ret_reader = (struct sr_reader){ .ops = &reader_ops, .self = reader };
    return true;
}

bool joined_copy(const struct joined *joined, struct sr_writer *writer,
                 const struct sr_cancel *cancel, char ret_sha256[SR_SHA256_HEX], struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_auto(sr_sha256) struct sr_sha256 *hash = NULL;
    sr_auto(char) char *buffer = malloc(COPY_BYTES);
    uint8_t digest[SR_SHA256_BYTES];
    if (!buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%d bytes", COPY_BYTES);
    if (!joined_reader(joined, &reader, err) || !sr_sha256_new(&hash, err))
        return false;
    for (uint64_t offset = 0; offset < joined->bytes;) {
        size_t bytes;
        if (!sr_cancel_check(cancel, err) ||
            !sr_read_at(&reader, offset, buffer, COPY_BYTES, &bytes, err) ||
            !sr_sha256_add(hash, buffer, bytes, err) || !sr_write(writer, buffer, bytes, err))
            return false;
        offset += bytes;
    }
    if (!sr_sha256_end(hash, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), ret_sha256);
    return true;
}
