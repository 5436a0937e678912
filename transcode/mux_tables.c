// The sample tables of a progressive MP4. Spec: ISO/IEC 14496-12 8.6 and 8.7.
#include <string.h>

#include "base/checked.h"
#include "transcode/mux_priv.h"

// A table of (how many, value) pairs whose count stands before it.
struct runs {
    struct box_writer *out;
    size_t count_place;
    uint32_t count;
    uint64_t length;
    int64_t value;
};

static struct runs runs_begin(struct box_writer *out, const char *type)
{
    box_begin_full(out, type, 0, 0);
    box_u32(out, 0);
    return (struct runs){ .out = out, .count_place = out->bytes.bytes - 4 };
}

static void runs_flush(struct runs *runs)
{
    if (runs->length == 0)
        return;
    box_u32(runs->out, runs->length);
    box_u32(runs->out, (uint64_t)runs->value);
    runs->count++;
    runs->length = 0;
}

static void runs_add(struct runs *runs, int64_t value)
{
    if (value != runs->value)
        runs_flush(runs);
    runs->value = value;
    runs->length++;
}

static void runs_end(struct runs *runs)
{
    runs_flush(runs);
    if (runs->out->err.code == SR_OK)
        box_set_u32((uint8_t *)runs->out->bytes.text + runs->count_place, runs->count);
    box_end(runs->out);
}

// All samples of a track in decode order, across its parts.
struct sample_walk {
    const struct mux_track *track;
    size_t part, sample;
};

static const struct track_sample *next_sample(struct sample_walk *walk)
{
    if (walk->part == walk->track->part_count)
        return NULL;
    const struct track_part *part = walk->track->parts[walk->part].part;
    const struct track_sample *const sample = &part->samples[walk->sample];
    if (++walk->sample == part->sample_count) {
        walk->part++;
        walk->sample = 0;
    }
    return sample;
}

static void write_stts(struct box_writer *out, const struct mux_track *track)
{
    struct runs runs = runs_begin(out, "stts");
    struct sample_walk walk = { .track = track };
    const struct track_sample *before = next_sample(&walk), *sample;
    while ((sample = next_sample(&walk))) {
        runs_add(&runs, sample->dts - before->dts);
        before = sample;
    }
    runs_add(&runs, mux_last_ticks(track->parts[track->part_count - 1].part));
    runs_end(&runs);
}

static void write_ctts(struct box_writer *out, const struct mux_track *track)
{
    struct sample_walk walk = { .track = track };
    const struct track_sample *sample;
    bool any = false;
    while (!any && (sample = next_sample(&walk)))
        any = sample->pts != sample->dts;
    if (!any)
        return;
    struct runs runs = runs_begin(out, "ctts");
    walk = (struct sample_walk){ .track = track };
    while ((sample = next_sample(&walk)))
        runs_add(&runs, sample->pts - sample->dts);
    runs_end(&runs);
}

// Without the table every sample is a key frame: so it is for sound.
static void write_stss(struct box_writer *out, const struct mux_track *track)
{
    if (track->kind != MEDIA_VIDEO)
        return;
    box_begin_full(out, "stss", 0, 0);
    const size_t place = out->bytes.bytes;
    box_u32(out, 0);
    struct sample_walk walk = { .track = track };
    uint32_t number = 0, count = 0;
    for (const struct track_sample *sample; (sample = next_sample(&walk));) {
        number++;
        if (!sample->is_key)
            continue;
        box_u32(out, number);
        count++;
    }
    if (out->err.code == SR_OK)
        box_set_u32((uint8_t *)out->bytes.text + place, count);
    box_end(out);
}

static void write_stsz(struct box_writer *out, const struct mux_track *track)
{
    size_t count = 0;
    for (size_t i = 0; i < track->part_count; i++)
        count += track->parts[i].part->sample_count;
    box_begin_full(out, "stsz", 0, 0);
    box_u32(out, 0);  // sizes differ
    box_u32(out, count);
    struct sample_walk walk = { .track = track };
    for (const struct track_sample *sample; (sample = next_sample(&walk));)
        box_u32(out, sample->bytes);
    box_end(out);
}

static void write_stsc(struct box_writer *out, const struct mux_tables *tables)
{
    box_begin_full(out, "stsc", 0, 0);
    const size_t place = out->bytes.bytes;
    uint32_t count = 0;
    box_u32(out, 0);
    for (size_t i = 0; i < tables->chunk_count; i++) {
        if (i > 0 && tables->chunks[i].sample_count == tables->chunks[i - 1].sample_count)
            continue;
        box_u32(out, i + 1);
        box_u32(out, tables->chunks[i].sample_count);
        box_u32(out, 1);
        count++;
    }
    if (out->err.code == SR_OK)
        box_set_u32((uint8_t *)out->bytes.text + place, count);
    box_end(out);
}

static void write_offsets(struct box_writer *out, const struct mux_tables *tables)
{
    box_begin_full(out, tables->wide_offsets ? "co64" : "stco", 0, 0);
    box_u32(out, tables->chunk_count);
    for (size_t i = 0; i < tables->chunk_count; i++) {
        const uint64_t offset = tables->data_start + tables->chunks[i].offset;
        if (tables->wide_offsets)
            box_u64(out, offset);
        else
            box_u32(out, offset);
    }
    box_end(out);
}

// How many samples back a decoder has to start so that its output is right: one frame of AAC, 80 ms
// of Opus.
// Spec: ISO/IEC 14496-12 10.1.1; Encapsulation of Opus in ISO Base Media File Format 4.3.6.1.
static int64_t roll_distance(const struct mux_head *head)
{
    if (strncmp(head->codec, "mp4a.40.", 8) == 0)
        return 1;
    if (strcmp(head->codec, "Opus") != 0 || head->first->sample_count < 2)
        return 0;
    const int64_t ticks = head->first->samples[1].dts - head->first->samples[0].dts;
    return sr_div_ceil((int64_t)head->first->timescale * 80, ticks * 1000);
}

static void write_roll(struct box_writer *out, const struct mux_tables *tables)
{
    const int64_t distance = roll_distance(tables->head);
    if (distance <= 0 || distance > INT16_MAX)
        return;
    uint64_t sample_count = 0;
    for (size_t i = 0; i < tables->chunk_count; i++)
        sample_count += tables->chunks[i].sample_count;
    box_begin_full(out, "sgpd", 1, 0);
    box_data(out, "roll", 4);
    box_u32(out, 2);  // bytes of an entry
    box_u32(out, 1);
    box_u16(out, (uint16_t)-distance);
    box_end(out);
    box_begin_full(out, "sbgp", 0, 0);
    box_data(out, "roll", 4);
    box_u32(out, 1);
    box_u32(out, sample_count);
    box_u32(out, 1);
    box_end(out);
}

void mux_write_tables(struct box_writer *out, void *self)
{
    const struct mux_tables *tables = self;
    const struct mux_track *track = tables->head->track;
    write_stts(out, track);
    write_ctts(out, track);
    write_stss(out, track);
    write_stsz(out, track);
    write_stsc(out, tables);
    write_offsets(out, tables);
    write_roll(out, tables);
}
