// transcode/box.h - boxes of ISO/IEC 14496-12: found in bytes, and written into a growing buffer.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define BOX_TYPE(a, b, c, d)                                                                       \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

// A place in somebody's bytes. A full box's version and flags are the first four of its body.
struct box {
    uint32_t type;
    const uint8_t *start;  // with its header
    const uint8_t *body;
    size_t bytes;  // of the whole
    size_t body_bytes;
};

// The box at *at, which moves behind it. False at the end, or where no whole box stands.
SR_MUST_USE bool box_next(const uint8_t **at, const uint8_t *end, struct box *ret);
// The first child of this type. Only boxes that hold nothing but boxes can be searched so.
SR_MUST_USE bool box_child(const struct box *parent, const char *type, struct box *ret);
// The first one down a path from the top level: "moov/trak/mdia".
SR_MUST_USE bool box_find(const uint8_t *data, size_t bytes, const char *path, struct box *ret);
// Big-endian numbers; the caller knows that the bytes are there.
uint32_t box_get_u16(const uint8_t *at);
uint32_t box_get_u32(const uint8_t *at);
void box_set_u32(uint8_t *at, uint32_t value);

// Writes boxes. The first failure is kept and the calls after it do nothing: ask box_writer_ok()
// once, at the end.
struct box_writer {
    struct sr_str bytes;
    struct sr_err err;
    size_t open[16];  // where the boxes that are open begin
    size_t depth;
};
void box_writer_done(struct box_writer *writer);
SR_DEFINE_AUTO_VALUE(box_writer, struct box_writer, box_writer_done);
SR_MUST_USE bool box_writer_ok(const struct box_writer *writer, struct sr_err *err);

void box_begin(struct box_writer *writer, const char *type);
void box_begin_full(struct box_writer *writer, const char *type, unsigned version, uint32_t flags);
void box_end(struct box_writer *writer);
void box_u16(struct box_writer *writer, uint32_t value);
void box_u32(struct box_writer *writer, uint64_t value);  // fails with TOO_LARGE above 32 bits
void box_u64(struct box_writer *writer, uint64_t value);
void box_data(struct box_writer *writer, const void *data, size_t bytes);
void box_copy(struct box_writer *writer, const struct box *box);
