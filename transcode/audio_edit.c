#include "transcode/audio_edit.h"

#include <string.h>

#include "transcode/box.h"

enum { BOXES_MAX = 1000 };  // looked at in one container

struct span {
    uint64_t at, end;
};

static bool read(const struct sr_reader *reader, uint64_t at, uint8_t *buffer, size_t bytes)
{
    struct sr_err ignored = { 0 };  // what cannot be read rounds nothing
    return sr_read_exact(reader, at, buffer, bytes, &ignored);
}

// The next box of this type in *span, which moves behind it.
static bool next_box(const struct sr_reader *reader, struct span *span, const char *type,
                     struct span *ret_body)
{
    for (int i = 0; i < BOXES_MAX && span->end - span->at >= 8; i++) {
        uint8_t head[16] = { 0 };
        if (!read(reader, span->at, head, 8))
            return false;
        uint64_t bytes = box_get_u32(head), head_bytes = 8;
        if (bytes == 1) {
            if (!read(reader, span->at, head, 16))
                return false;
            bytes = (uint64_t)box_get_u32(head + 8) << 32 | box_get_u32(head + 12);
            head_bytes = 16;
        } else if (bytes == 0) {
            bytes = span->end - span->at;
        }
        if (bytes < head_bytes || bytes > span->end - span->at)
            return false;
        *ret_body = (struct span){ span->at + head_bytes, span->at + bytes };
        span->at += bytes;
        if (memcmp(head + 4, type, 4) == 0)
            return true;
    }
    return false;
}

static bool first_box(const struct sr_reader *reader, struct span parent, const char *type,
                      struct span *ret_body)
{
    return next_box(reader, &parent, type, ret_body);
}

static uint64_t number(const uint8_t *at, bool wide)
{
    return wide ? (uint64_t)box_get_u32(at) << 32 | box_get_u32(at + 4) : box_get_u32(at);
}

// mvhd and mdhd begin alike: version, two times, the timescale, the duration.
static bool read_clock(const struct sr_reader *reader, struct span body, uint32_t *ret_timescale,
                       uint64_t *ret_duration)
{
    uint8_t bytes[32];
    if (body.end - body.at < 20 || !read(reader, body.at, bytes, 20))
        return false;
    const bool wide = bytes[0] == 1;
    if (wide && (body.end - body.at < 32 || !read(reader, body.at, bytes, 32)))
        return false;
    *ret_timescale = box_get_u32(bytes + (wide ? 20 : 12));
    *ret_duration = number(bytes + (wide ? 24 : 16), wide);
    return *ret_timescale > 0;
}

static bool has_id(const struct sr_reader *reader, struct span trak, int64_t track_id)
{
    struct span tkhd;
    uint8_t bytes[24];
    if (!first_box(reader, trak, "tkhd", &tkhd) || tkhd.end - tkhd.at < 24 ||
        !read(reader, tkhd.at, bytes, 24))
        return false;
    return box_get_u32(bytes + (bytes[0] == 1 ? 20 : 12)) == track_id;
}

struct edit {
    uint64_t empty, duration;  // movie ticks
    uint64_t media_time;       // track ticks
};

// One edit of media, perhaps after an empty one.
static bool read_edit(const struct sr_reader *reader, struct span elst, struct edit *ret)
{
    uint8_t bytes[8 + 2 * 20];
    if (elst.end - elst.at < 8 || !read(reader, elst.at, bytes, 8))
        return false;
    const bool wide = bytes[0] == 1;
    const uint32_t count = box_get_u32(bytes + 4);
    const size_t entry = wide ? 20 : 12, time = wide ? 8 : 4;
    if (count < 1 || count > 2 || elst.end - elst.at < 8 + count * entry ||
        !read(reader, elst.at, bytes, 8 + count * entry))
        return false;
    const uint8_t *const first = bytes + 8, *const last = first + (count - 1) * entry;
    const uint64_t nothing = wide ? UINT64_MAX : UINT32_MAX;
    *ret = (struct edit){ .empty = count == 2 ? number(first, wide) : 0,
                          .duration = number(last, wide),
                          .media_time = number(last + time, wide) };
    const bool is_empty_first = count == 1 || number(first + time, wide) == nothing;
    return is_empty_first && ret->media_time != nothing;
}

// Rounded to nearest, as libavformat does.
static __int128 track_ticks(uint64_t movie_ticks, uint32_t scale, uint32_t movie_scale)
{
    return ((__int128)movie_ticks * scale + movie_scale / 2) / movie_scale;
}

static bool end_of(const struct sr_reader *reader, struct span trak, uint32_t movie_scale,
                   int64_t *ret_end_pts)
{
    struct span edts, elst, mdia, mdhd;
    struct edit edit = { 0 };
    uint32_t scale;
    uint64_t media;
    if (!first_box(reader, trak, "mdia", &mdia) || !first_box(reader, mdia, "mdhd", &mdhd) ||
        !read_clock(reader, mdhd, &scale, &media) || media == 0)
        return false;
    const bool has_edits =
        first_box(reader, trak, "edts", &edts) && first_box(reader, edts, "elst", &elst);
    if (has_edits && !read_edit(reader, elst, &edit))
        return false;
    __int128 end = (__int128)media - (__int128)edit.media_time;
    const __int128 edited = track_ticks(edit.duration, scale, movie_scale);
    if (has_edits && edited > 0 && (end - edited) * movie_scale >= scale)
        end = edited;
    end += track_ticks(edit.empty, scale, movie_scale);
    if (end <= 0 || end > INT64_C(1) << 60)
        return false;
    *ret_end_pts = (int64_t)end;
    return true;
}

bool audio_edit_end(const struct sr_reader *reader, int64_t track_id, int64_t *ret_end_pts)
{
    const struct span file = { 0, sr_reader_size(reader) };
    struct span moov, mvhd, trak;
    uint32_t scale;
    uint64_t duration;
    if (!first_box(reader, file, "moov", &moov) || !first_box(reader, moov, "mvhd", &mvhd) ||
        !read_clock(reader, mvhd, &scale, &duration))
        return false;
    while (next_box(reader, &moov, "trak", &trak)) {
        if (has_id(reader, trak, track_id))
            return end_of(reader, trak, scale, ret_end_pts);
    }
    return false;
}
