#include "transcode/audio_edit.h"

#include "base/test.h"
#include "transcode/box.h"

static const struct row {
    const char *name;
    uint32_t movie_scale, scale, id;
    uint64_t media;  // ticks of the track
    struct {
        uint64_t duration;
        int64_t media_time;
    } edits[3];
    uint32_t edit_count;
    bool wide, ok;
    int64_t end;
} rows[] = {
    { "exact", 48000, 48000, 1, 101024, { { 100000, 1024 } }, 1, false, true, 100000 },
    { "rounded to milliseconds",
      1000,
      48000,
      1,
      101024,
      { { 2083, 1024 } },
      1,
      false,
      true,
      100000 },
    { "the same, 64 bits", 1000, 48000, 1, 101024, { { 2083, 1024 } }, 1, true, true, 100000 },
    { "cut on purpose", 1000, 48000, 1, 101024, { { 2000, 1024 } }, 1, false, true, 96000 },
    { "behind an empty edit",
      1000,
      48000,
      1,
      101024,
      { { 500, -1 }, { 2083, 1024 } },
      2,
      true,
      true,
      124000 },
    { "longer than the media", 1000, 48000, 1, 101024, { { 9000, 1024 } }, 1, false, true, 100000 },
    { "no edit list", 1000, 48000, 1, 5000, { { 0 } }, 0, false, true, 5000 },
    { "two edits", 1000, 48000, 1, 101024, { { 500, 0 }, { 2083, 1024 } }, 2, false, false, 0 },
    { "three edits", 1000, 48000, 1, 9000, { { 5, -1 }, { 9, 0 }, { 9, 9 } }, 3, false, false, 0 },
    { "nothing but emptiness", 1000, 48000, 1, 9000, { { 5, -1 } }, 1, false, false, 0 },
    { "another track", 1000, 48000, 2, 9000, { { 187, 0 } }, 1, false, false, 0 },
    { "fragments", 1000, 48000, 1, 0, { { 0, 1024 } }, 1, false, false, 0 },
    { "no clock", 1000, 0, 1, 9000, { { 187, 0 } }, 1, false, false, 0 },
    { "begins behind its end", 1000, 48000, 1, 500, { { 1, 1024 } }, 1, false, false, 0 },
};

static void number(struct box_writer *out, bool wide, uint64_t value)
{
    if (wide)
        box_u64(out, value);
    else
        box_u32(out, value & UINT32_MAX);
}

static void clock_box(struct box_writer *out, const char *type, bool wide, uint32_t scale,
                      uint64_t duration)
{
    box_begin_full(out, type, wide, 0);
    number(out, wide, 0);
    number(out, wide, 0);
    box_u32(out, scale);
    number(out, wide, duration);
    box_u32(out, 0);
    box_end(out);
}

static void write_movie(struct box_writer *out, const struct row *row)
{
    box_begin(out, "moov");
    clock_box(out, "mvhd", row->wide, row->movie_scale, 1);
    box_begin(out, "trak");
    box_begin_full(out, "tkhd", row->wide, 3);
    number(out, row->wide, 0);
    number(out, row->wide, 0);
    box_u32(out, row->id);
    box_u64(out, 0);
    box_end(out);
    if (row->edit_count > 0) {
        box_begin(out, "edts");
        box_begin_full(out, "elst", row->wide, 0);
        box_u32(out, row->edit_count);
        for (uint32_t i = 0; i < row->edit_count; i++) {
            number(out, row->wide, row->edits[i].duration);
            number(out, row->wide, (uint64_t)row->edits[i].media_time);
            box_u32(out, 0x10000);
        }
        box_end(out);
        box_end(out);
    }
    box_begin(out, "mdia");
    clock_box(out, "mdhd", row->wide, row->scale, row->media);
    box_end(out);
    box_end(out);
    box_end(out);
}

// Spec: ISO/IEC 14496-12 8.6.6
static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(box_writer) struct box_writer out = { 0 };
    write_movie(&out, row);
    sr_assert_ok(box_writer_ok(&out, &err), err);
    struct sr_reader reader = { 0 };
    int64_t end = 0;
    sr_assert_ok(sr_memory_reader_open(out.bytes.text, out.bytes.bytes, &reader, &err), err);
    assert_int_equal(audio_edit_end(&reader, 1, &end), row->ok);
    assert_int_equal(end, row->end);
    sr_reader_close(&reader);
    // Cut anywhere, it ends and reads nothing beyond (ASan looks).
    for (size_t cut = 0; cut < out.bytes.bytes; cut++) {
        char *const part = malloc(cut + 1);
        memcpy(part, out.bytes.text, cut);
        sr_assert_ok(sr_memory_reader_open(part, cut, &reader, &err), err);
        assert_false(audio_edit_end(&reader, 1, &end));
        sr_reader_close(&reader);
        free(part);
    }
}

SR_TEST_ROWS(rows, each_row)
