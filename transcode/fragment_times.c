#include "transcode/fragment_times.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "transcode/box.h"

// Numbers of a box, as far as it reaches: what is missing is 0, and `is_short` then.
struct fields {
    const uint8_t *at, *end;
    bool is_short;
};

static struct fields fields_of(const struct box *box)
{
    return (struct fields){ .at = box->body, .end = box->body + box->body_bytes };
}

static uint32_t take_u32(struct fields *fields)
{
    if (fields->end - fields->at < 4) {
        fields->is_short = true;
        return 0;
    }
    fields->at += 4;
    return box_get_u32(fields->at - 4);
}

static uint64_t take_wide(struct fields *fields, bool is_wide)
{
    const uint64_t high = is_wide ? take_u32(fields) : 0;
    return high << 32 | take_u32(fields);
}

static void skip_u32(struct fields *fields, int count)
{
    while (count-- > 0)
        (void)take_u32(fields);
}

// A box at the top of the file: where it is, and what. Spec: 4.2.
struct place {
    uint64_t offset, bytes;
    uint8_t type[4];
};

static bool next_place(const struct sr_reader *file, uint64_t offset, struct place *ret,
                       struct sr_err *err)
{
    const uint64_t left = sr_reader_size(file) - offset;
    uint8_t head[16] = { 0 };
    if (!sr_read_exact(file, offset, head, left < sizeof(head) ? (size_t)left : sizeof(head), err))
        return false;
    uint64_t bytes = box_get_u32(head), least = 8;
    if (bytes == 1) {
        bytes = (uint64_t)box_get_u32(head + 8) << 32 | box_get_u32(head + 12);
        least = 16;
    } else if (bytes == 0) {
        bytes = left;
    }
    if (bytes < least || bytes > left)
        return sr_fail(err, SR_ERR_INPUT, "it ends within a box, or is none of boxes");
    *ret = (struct place){ .offset = offset, .bytes = bytes };
    memcpy(ret->type, head + 4, 4);
    return true;
}

static bool load(const struct sr_reader *file, const struct place *place, char **ret_data,
                 struct sr_err *err)
{
    if (place->bytes > FRAGMENT_TIMES_HEAD_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a head of %" PRIu64 " bytes", place->bytes);
    sr_auto(char) char *data = malloc((size_t)place->bytes);
    if (!data)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%" PRIu64 " bytes", place->bytes);
    if (!sr_read_exact(file, place->offset, data, (size_t)place->bytes, err))
        return false;
    *ret_data = sr_take(data);
    return true;
}

// The init segment -------------------------------------------------------------------------------
static bool read_form(const struct box *moov, struct fragment_form *ret, struct sr_err *err)
{
    struct box trak, mdia, box, mvex;
    if (!box_child(moov, "trak", &trak) || !box_child(&trak, "mdia", &mdia) ||
        !box_child(&trak, "tkhd", &box))
        return sr_fail(err, SR_ERR_INPUT, "an init segment without a track");
    struct fields tkhd = fields_of(&box);
    bool is_wide = take_u32(&tkhd) >> 24 == 1;
    skip_u32(&tkhd, is_wide ? 4 : 2);
    ret->track_id = take_u32(&tkhd);
    if (!box_child(&mdia, "mdhd", &box))
        return sr_fail(err, SR_ERR_INPUT, "a track without a clock");
    struct fields mdhd = fields_of(&box);
    is_wide = take_u32(&mdhd) >> 24 == 1;
    skip_u32(&mdhd, is_wide ? 4 : 2);
    ret->timescale = take_u32(&mdhd);
    if (tkhd.is_short || mdhd.is_short || ret->timescale == 0)
        return sr_fail(err, SR_ERR_INPUT, "a track without a clock");
    if (box_child(moov, "mvex", &mvex) && box_child(&mvex, "trex", &box)) {
        struct fields trex = fields_of(&box);
        skip_u32(&trex, 3);
        ret->default_duration = take_u32(&trex);
    }
    return true;
}

// Of sound the first edit that shows anything says how much is left out before it.
static int64_t read_priming(const struct box *moov)
{
    struct box trak, box;
    if (!box_find(moov->start, moov->bytes, "moov/trak/mdia/hdlr", &box) || box.body_bytes < 12 ||
        memcmp(box.body + 8, "soun", 4) != 0 || !box_child(moov, "trak", &trak) ||
        !box_find(trak.body, trak.body_bytes, "edts/elst", &box))
        return 0;
    struct fields elst = fields_of(&box);
    const bool is_wide = take_u32(&elst) >> 24 == 1;
    for (uint32_t count = take_u32(&elst); count > 0 && !elst.is_short; count--) {
        (void)take_wide(&elst, is_wide);
        const uint64_t start = take_wide(&elst, is_wide);
        if (start <= INT32_MAX && !elst.is_short)  // else -1: nothing is shown
            return (int64_t)start;
        (void)take_u32(&elst);
    }
    return 0;
}

bool fragment_form_read(const struct sr_reader *init, struct fragment_form *ret, struct sr_err *err)
{
    const struct place whole = { .bytes = sr_reader_size(init) };
    sr_auto(char) char *data = NULL;
    struct box moov;
    struct fragment_form form = { 0 };
    if (!load(init, &whole, &data, err))
        return false;
    if (!box_find((const uint8_t *)data, (size_t)whole.bytes, "moov", &moov))
        return sr_fail(err, SR_ERR_INPUT, "this is no init segment");
    if (!read_form(&moov, &form, err))
        return false;
    form.priming_ticks = read_priming(&moov);
    *ret = form;
    return true;
}

// Media segments ---------------------------------------------------------------------------------

// Spec: 8.8.7: what a track's fragment says of itself. False: of another track.
static bool read_tfhd(const struct box *traf, const struct fragment_form *form,
                      uint32_t *ret_duration)
{
    struct box box;
    if (!box_child(traf, "tfhd", &box))
        return false;
    struct fields tfhd = fields_of(&box);
    const uint32_t flags = take_u32(&tfhd);
    if (take_u32(&tfhd) != form->track_id || tfhd.is_short)
        return false;
    skip_u32(&tfhd, (flags & 0x1 ? 2 : 0) + (flags & 0x2 ? 1 : 0));
    *ret_duration = flags & 0x8 ? take_u32(&tfhd) : form->default_duration;
    return !tfhd.is_short;
}

// Spec: 8.8.8.
static bool add_trun(const struct box *box, uint32_t duration, struct fragment_span *span,
                     struct sr_err *err)
{
    struct fields trun = fields_of(box);
    const uint32_t flags = take_u32(&trun);
    const uint32_t count = take_u32(&trun);
    const int others = (flags & 0x200 ? 1 : 0) + (flags & 0x400 ? 1 : 0) + (flags & 0x800 ? 1 : 0);

    int64_t ticks;
    if (!sr_mul_i64(duration, count, &ticks))
        return sr_fail(err, SR_ERR_INPUT, "a length that cannot be");
    skip_u32(&trun, (flags & 0x1 ? 1 : 0) + (flags & 0x4 ? 1 : 0));
    if (flags & 0x100)
        ticks = 0;
    for (uint32_t i = 0; (flags & 0x100) && i < count && !trun.is_short; i++) {
        ticks += take_u32(&trun);  // at most 2^21 of them are in a head
        skip_u32(&trun, others);
    }
    if (trun.is_short || !sr_add_i64(span->end_ticks, ticks, &span->end_ticks))
        return sr_fail(err, SR_ERR_INPUT, "a list of samples that is not whole");
    span->sample_count += count;
    return true;
}

static bool add_traf(const struct box *traf, const struct fragment_form *form,
                     struct fragment_span *span, struct sr_err *err)
{
    struct box box;
    uint32_t duration;
    if (!read_tfhd(traf, form, &duration))
        return true;
    if (!box_child(traf, "tfdt", &box))
        return sr_fail(err, SR_ERR_INPUT, "a fragment without a time");
    struct fields tfdt = fields_of(&box);
    const uint64_t start = take_wide(&tfdt, take_u32(&tfdt) >> 24 == 1);
    if (tfdt.is_short || start > INT64_MAX)
        return sr_fail(err, SR_ERR_INPUT, "a fragment without a time");
    if (span->sample_count == 0)
        span->start_ticks = span->end_ticks = (int64_t)start;
    else if ((int64_t)start != span->end_ticks)
        return sr_fail(err, SR_ERR_INPUT,
                       "a fragment begins at %" PRIu64 ", the one before it ends at %" PRId64,
                       start, span->end_ticks);
    const uint8_t *at = traf->body, *const end = traf->body + traf->body_bytes;
    while (box_next(&at, end, &box)) {
        if (memcmp(box.start + 4, "trun", 4) == 0 && !add_trun(&box, duration, span, err))
            return false;
    }
    return true;
}

static bool add_moof(const struct sr_reader *file, const struct place *place,
                     const struct fragment_form *form, struct fragment_span *span,
                     struct sr_err *err)
{
    sr_auto(char) char *data = NULL;
    struct box moof, box;
    if (!load(file, place, &data, err))
        return false;
    const uint8_t *start = (const uint8_t *)data;
    if (!box_next(&start, start + place->bytes, &moof))
        return sr_fail(err, SR_ERR_INPUT, "a fragment that is not whole");
    const uint8_t *at = moof.body, *const end = moof.body + moof.body_bytes;
    while (box_next(&at, end, &box)) {
        if (memcmp(box.start + 4, "traf", 4) == 0 && !add_traf(&box, form, span, err))
            return false;
    }
    return true;
}

bool fragment_span_read(const struct sr_reader *segment, const struct fragment_form *form,
                        struct fragment_span *ret, struct sr_err *err)
{
    const uint64_t end = sr_reader_size(segment);
    struct fragment_span span = { 0 };
    struct place place;
    for (uint64_t offset = 0; offset < end; offset += place.bytes) {
        if (!next_place(segment, offset, &place, err))
            return false;
        if (memcmp(place.type, "moof", 4) == 0 && !add_moof(segment, &place, form, &span, err))
            return false;
    }
    if (span.sample_count == 0)
        return sr_fail(err, SR_ERR_INPUT, "it holds no sample");
    *ret = span;
    return true;
}
