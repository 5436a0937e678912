#include "net/sigv4_chunked.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

struct sigv4_chunked {
    const uint8_t *data;
    size_t bytes;
    size_t count;  // of chunks, with the last, which is empty
    char signature[][65];
};

static size_t chunk_count(uint64_t bytes)
{
    return (size_t)(bytes / SIGV4_CHUNK_BYTES + (bytes % SIGV4_CHUNK_BYTES > 0) + 1);
}

uint64_t sigv4_chunked_bytes(uint64_t bytes)
{
    return sigv4_stream_bytes(bytes, SIGV4_CHUNK_BYTES);
}

// Of the body, in chunk `index`.
static size_t payload(const struct sigv4_chunked *chunked, size_t index)
{
    const size_t before = index * SIGV4_CHUNK_BYTES;  // at most the body's length and a chunk
    if (before >= chunked->bytes)
        return 0;
    const size_t left = chunked->bytes - before;
    return left < SIGV4_CHUNK_BYTES ? left : SIGV4_CHUNK_BYTES;
}

bool sigv4_chunked_new(const struct sigv4_params *params, const char *seed_signature,
                       const void *data, size_t bytes, struct sigv4_chunked **ret,
                       struct sr_err *err)
{
    const size_t count = chunk_count(bytes);
    size_t room;
    struct sigv4_stream stream;
    if (!sr_size_flex(sizeof(struct sigv4_chunked), count, 65, &room))
        return sr_fail(err, SR_ERR_TOO_LARGE, "a body of %zu bytes", bytes);
    sr_auto(sigv4_chunked) struct sigv4_chunked *chunked = calloc(1, room);
    if (!chunked)
        return sr_fail(err, SR_ERR_NO_MEMORY, "signatures of %zu chunks", count);
    chunked->data = data;
    chunked->bytes = bytes;
    chunked->count = count;
    if (!sigv4_stream_init(params, seed_signature, &stream, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        const size_t size = payload(chunked, i);
        if (!sigv4_stream_next(&stream, size ? chunked->data + i * SIGV4_CHUNK_BYTES : NULL, size,
                               chunked->signature[i], err))
            return false;
    }
    *ret = sr_take(chunked);
    return true;
}

void sigv4_chunked_free(struct sigv4_chunked *chunked)
{
    free(chunked);
}

// Copies what of a piece, which stands at *at on the wire, lies in the range that is still wanted.
struct want {
    uint64_t offset;
    uint8_t *buffer;
    size_t bytes;
};
static void give(struct want *want, uint64_t *at, const void *piece, size_t bytes)
{
    const uint64_t end = *at + bytes;
    if (want->bytes && want->offset >= *at && want->offset < end) {
        const size_t skip = (size_t)(want->offset - *at);
        const size_t part = bytes - skip < want->bytes ? bytes - skip : want->bytes;
        memcpy(want->buffer, (const uint8_t *)piece + skip, part);
        want->buffer += part;
        want->offset += part;
        want->bytes -= part;
    }
    *at = end;
}

void sigv4_chunked_read(const struct sigv4_chunked *chunked, uint64_t offset, void *buffer,
                        size_t bytes)
{
    char head[SIGV4_CHUNK_HEAD];
    sigv4_chunk_head(SIGV4_CHUNK_BYTES, chunked->signature[0], head);
    const uint64_t frame = strlen(head) + SIGV4_CHUNK_BYTES + 2;  // of every whole chunk
    struct want want = { offset, buffer, bytes };
    size_t index = (size_t)(offset / frame);
    if (index >= chunked->count)
        index = chunked->count - 1;
    if (index > chunked->bytes / SIGV4_CHUNK_BYTES)  // those after the whole ones are shorter
        index = chunked->bytes / SIGV4_CHUNK_BYTES;
    uint64_t at = index * frame;
    for (; want.bytes && index < chunked->count; index++) {
        const size_t size = payload(chunked, index);
        sigv4_chunk_head(size, chunked->signature[index], head);
        give(&want, &at, head, strlen(head));
        give(&want, &at, chunked->data + (size ? index * SIGV4_CHUNK_BYTES : 0), size);
        give(&want, &at, "\r\n", 2);
    }
    assert(want.bytes == 0);
}
