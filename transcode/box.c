#include "transcode/box.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

uint32_t box_get_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

uint32_t box_get_u32(const uint8_t *at)
{
    return box_get_u16(at) << 16 | box_get_u16(at + 2);
}

void box_set_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

// Spec: ISO/IEC 14496-12 4.2: size 1 is followed by a 64-bit one, size 0 lasts to the end.
bool box_next(const uint8_t **at, const uint8_t *end, struct box *ret)
{
    const size_t left = (size_t)(end - *at);
    if (left < 8)
        return false;
    uint64_t bytes = box_get_u32(*at);
    size_t head = 8;
    if (bytes == 1) {
        if (left < 16)
            return false;
        bytes = (uint64_t)box_get_u32(*at + 8) << 32 | box_get_u32(*at + 12);
        head = 16;
    } else if (bytes == 0) {
        bytes = left;
    }
    if (bytes < head || bytes > left)
        return false;
    *ret = (struct box){ .type = box_get_u32(*at + 4),
                         .start = *at,
                         .body = *at + head,
                         .bytes = (size_t)bytes,
                         .body_bytes = (size_t)bytes - head };
    *at += bytes;
    return true;
}

static bool find_among(const uint8_t *data, size_t bytes, const char *type, struct box *ret)
{
    const uint8_t *at = data, *const end = data + bytes;
    struct box box;
    while (box_next(&at, end, &box)) {
        if (memcmp(box.start + 4, type, 4) == 0) {
            *ret = box;
            return true;
        }
    }
    return false;
}

bool box_child(const struct box *parent, const char *type, struct box *ret)
{
    return find_among(parent->body, parent->body_bytes, type, ret);
}

bool box_find(const uint8_t *data, size_t bytes, const char *path, struct box *ret)
{
    struct box box = { .body = data, .body_bytes = bytes };
    for (const char *type = path;; type += 5) {
        assert(strlen(type) >= 4 && (type[4] == '/' || type[4] == '\0'));
        if (!box_child(&box, type, &box))
            return false;
        if (type[4] == '\0')
            break;
    }
    *ret = box;
    return true;
}

void box_writer_done(struct box_writer *writer)
{
    sr_str_done(&writer->bytes);
}

bool box_writer_ok(const struct box_writer *writer, struct sr_err *err)
{
    if (writer->err.code == SR_OK) {
        assert(writer->depth == 0);
        return true;
    }
    *err = writer->err;
    return false;
}

void box_data(struct box_writer *writer, const void *data, size_t bytes)
{
    if (writer->err.code != SR_OK || bytes == 0)
        return;
    if (!sr_str_add_bytes(&writer->bytes, data, bytes, &writer->err))
        return;  // kept in writer->err
}

void box_copy(struct box_writer *writer, const struct box *box)
{
    box_data(writer, box->start, box->bytes);
}

void box_u16(struct box_writer *writer, uint32_t value)
{
    assert(value <= UINT16_MAX);
    box_data(writer, (const uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

void box_u32(struct box_writer *writer, uint64_t value)
{
    uint8_t bytes[4];
    if (value > UINT32_MAX) {
        if (writer->err.code == SR_OK)
            sr_fail(&writer->err, SR_ERR_TOO_LARGE, "%" PRIu64 " in a box of 32 bits", value);
        return;
    }
    box_set_u32(bytes, (uint32_t)value);
    box_data(writer, bytes, sizeof(bytes));
}

void box_u64(struct box_writer *writer, uint64_t value)
{
    box_u32(writer, value >> 32);
    box_u32(writer, value & UINT32_MAX);
}

void box_begin(struct box_writer *writer, const char *type)
{
    assert(writer->depth < sizeof(writer->open) / sizeof(writer->open[0]));
    writer->open[writer->depth++] = writer->bytes.bytes;
    box_u32(writer, 0);  // its size, when it is known
    box_data(writer, type, 4);
}

void box_begin_full(struct box_writer *writer, const char *type, unsigned version, uint32_t flags)
{
    box_begin(writer, type);
    box_u32(writer, (uint64_t)version << 24 | flags);
}

void box_end(struct box_writer *writer)
{
    assert(writer->depth > 0);
    const size_t start = writer->open[--writer->depth];
    if (writer->err.code != SR_OK)
        return;
    const size_t bytes = writer->bytes.bytes - start;
    if (bytes > UINT32_MAX) {
        sr_fail(&writer->err, SR_ERR_TOO_LARGE, "a box of %zu bytes", bytes);
        return;
    }
    box_set_u32((uint8_t *)writer->bytes.text + start, (uint32_t)bytes);
}
