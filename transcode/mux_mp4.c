// Progressive MP4. libavformat's muxer would have to write `moov` after the samples and come back;
// the parts' documents hold every size and time, so here it is written first and once.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "transcode/mux_priv.h"

// Samples of one part that lie together in the file.
struct chunk {
    size_t track, part, sample_count;
    uint64_t bytes;
};

// Goes over all chunks in the order of the file: the track whose next sample decodes first, for
// half a second.
struct chunk_walk {
    const struct mux_params *params;
    struct {
        size_t part, sample;
    } at[MUX_TRACKS_MAX];
};

static bool next_chunk(struct chunk_walk *walk, struct chunk *ret)
{
    size_t best = walk->params->track_count;
    int64_t best_dts = 0;
    uint32_t best_scale = 1;
    for (size_t i = 0; i < walk->params->track_count; i++) {
        const struct mux_track *track = &walk->params->tracks[i];
        if (walk->at[i].part == track->part_count)
            continue;
        const struct track_part *part = track->parts[walk->at[i].part].part;
        const int64_t dts = part->samples[walk->at[i].sample].dts;
        if (best < walk->params->track_count &&
            !mux_before(dts, part->timescale, best_dts, best_scale))
            continue;
        best = i;
        best_dts = dts;
        best_scale = part->timescale;
    }
    if (best == walk->params->track_count)
        return false;

    const size_t index = walk->at[best].part;
    const struct track_part *part = walk->params->tracks[best].parts[index].part;
    *ret = (struct chunk){ .track = best, .part = index };
    size_t i = walk->at[best].sample;
    for (; i < part->sample_count && (part->samples[i].dts - best_dts) * 2 < part->timescale; i++) {
        ret->bytes += part->samples[i].bytes;
        ret->sample_count++;
    }
    if (i == part->sample_count) {
        walk->at[best].part++;
        i = 0;
    }
    walk->at[best].sample = i;
    return true;
}

struct layout {
    const struct mux_params *params;
    struct mux_head heads[MUX_TRACKS_MAX];
    struct mux_tables tables[MUX_TRACKS_MAX];
    uint32_t timescale;
    uint64_t data_bytes;
};

static void layout_free(struct layout *layout)
{
    if (!layout)
        return;
    for (size_t i = 0; i < layout->params->track_count; i++) {
        mux_head_done(&layout->heads[i]);
        free(layout->tables[i].chunks);
    }
    free(layout);
}
SR_DEFINE_AUTO(layout, struct layout, layout_free);

// One that gives every track's start and length without rounding, when such a one fits in 31 bits;
// else the audio's, whose length matters to the sample; else the finest.
static uint32_t movie_timescale(const struct mux_params *params)
{
    uint64_t common[2] = { 1, 1 };  // of all tracks, of audio tracks
    uint32_t finest = 1;
    for (size_t i = 0; i < params->track_count; i++) {
        const uint32_t scale = params->tracks[i].parts[0].part->timescale;
        finest = scale > finest ? scale : finest;
        for (int j = 0; j < (params->tracks[i].kind == MEDIA_AUDIO ? 2 : 1); j++) {
            uint64_t a = common[j], b = scale;
            while (b) {
                const uint64_t rest = a % b;
                a = b;
                b = rest;
            }
            if (common[j] <= INT32_MAX)
                common[j] = common[j] / a * scale;  // below 2^62
        }
    }
    if (common[0] <= INT32_MAX)
        return (uint32_t)common[0];
    return common[1] > 1 && common[1] <= INT32_MAX ? (uint32_t)common[1] : finest;
}

// Ticks of a track in the movie's timescale, rounded up: an edit that ended early would drop a
// frame.
static int64_t movie_ticks(int64_t ticks, uint32_t from, uint32_t to)
{
    return (int64_t)(((__int128)ticks * to + from - 1) / from);
}

static bool add_chunk(struct mux_tables *tables, const struct chunk *chunk, uint64_t offset,
                      struct sr_err *err)
{
    if (tables->chunk_count == tables->chunk_capacity) {
        const size_t capacity = tables->chunk_capacity ? tables->chunk_capacity * 2 : 256;
        void *const grown = reallocarray(tables->chunks, capacity, sizeof(*tables->chunks));
        if (!grown)
            return sr_fail(err, SR_ERR_NO_MEMORY, "a table of %zu chunks", capacity);
        tables->chunks = grown;
        tables->chunk_capacity = capacity;
    }
    tables->chunks[tables->chunk_count].offset = offset;
    tables->chunks[tables->chunk_count++].sample_count = chunk->sample_count;
    return true;
}

// Without chunks yet.
static bool begin_layout(const struct mux_params *params, struct layout **ret_layout,
                         struct sr_err *err)
{
    sr_auto(layout) struct layout *layout = calloc(1, sizeof(*layout));
    if (!layout)
        return sr_fail(err, SR_ERR_NO_MEMORY, "the layout of %zu tracks", params->track_count);
    layout->params = params;
    layout->timescale = movie_timescale(params);
    for (size_t i = 0; i < params->track_count; i++) {
        if (!mux_head_read(&params->tracks[i], i + 1, &layout->heads[i], err))
            return false;
        layout->tables[i].head = &layout->heads[i];
    }
    *ret_layout = sr_take(layout);
    return true;
}

static bool lay_out(const struct mux_params *params, struct layout **ret_layout, struct sr_err *err)
{
    sr_auto(layout) struct layout *layout = NULL;
    if (!begin_layout(params, &layout, err))
        return false;
    struct chunk_walk walk = { .params = params };
    struct chunk chunk;
    while (next_chunk(&walk, &chunk)) {
        if (!add_chunk(&layout->tables[chunk.track], &chunk, layout->data_bytes, err))
            return false;
        layout->data_bytes += chunk.bytes;
    }
    *ret_layout = sr_take(layout);
    return true;
}

// Where a track is first seen or heard. A segment may begin before its first picture (pictures that
// do not decode); an edit that began there would make libavformat move the pictures to the edit's
// start.
static int64_t first_shown(const struct track_part *part)
{
    if (part->kind != MEDIA_VIDEO)
        return part->start_pts;
    int64_t earliest = part->samples[0].pts;
    for (size_t i = 1; i < part->sample_count; i++)
        earliest = part->samples[i].pts < earliest ? part->samples[i].pts : earliest;
    return earliest;
}

static struct mux_trak describe(const struct layout *layout, size_t index)
{
    const struct mux_head *head = &layout->heads[index];
    const uint32_t scale = head->first->timescale;
    const int64_t base = head->first->samples[0].dts;
    const int64_t start = first_shown(head->first);
    const int64_t empty = movie_ticks(start, scale, layout->timescale);
    const int64_t length = movie_ticks(head->last->end_pts - start, scale, layout->timescale);
    return (struct mux_trak){
        .track_id = (uint32_t)index + 1,
        .is_enabled = mux_is_enabled(layout->params->tracks, layout->params->track_count, index),
        .movie_duration = empty + length,
        .media_duration = head->last->samples[head->last->sample_count - 1].dts - base +
                          mux_last_ticks(head->last),
        .empty_duration = empty,
        .edit_duration = length,
        .media_time = start - base,
    };
}

static bool write_head(struct layout *layout, uint64_t data_start, bool wide_offsets,
                       struct box_writer *out, struct sr_err *err)
{
    static const char brands[][5] = { "isom", "iso2", "mp41" };
    box_begin(out, "ftyp");
    box_data(out, "isom", 4);
    box_u32(out, 0x200);
    for (size_t i = 0; i < sizeof(brands) / sizeof(brands[0]); i++)
        box_data(out, brands[i], 4);
    box_end(out);

    const size_t track_count = layout->params->track_count;
    int64_t longest = 0;
    for (size_t i = 0; i < track_count; i++) {
        const struct mux_trak trak = describe(layout, i);
        longest = trak.movie_duration > longest ? trak.movie_duration : longest;
    }
    box_begin(out, "moov");
    mux_write_mvhd(out, layout->timescale, longest, track_count);
    for (size_t i = 0; i < track_count; i++) {
        const struct mux_trak trak = describe(layout, i);
        layout->tables[i].data_start = data_start;
        layout->tables[i].wide_offsets = wide_offsets;
        mux_write_trak(out, &layout->heads[i], &trak, mux_write_tables, &layout->tables[i]);
    }
    box_end(out);

    const bool wide = layout->data_bytes > UINT32_MAX - 8;
    box_u32(out, wide ? 1 : layout->data_bytes + 8);
    box_data(out, "mdat", 4);
    if (wide)
        box_u64(out, layout->data_bytes + 16);
    return box_writer_ok(out, err);
}

// The head's own length is in its chunk offsets, so it is measured first; offsets of 64 bits make
// it the longest.
static bool make_head(struct layout *layout, struct box_writer *out, struct sr_err *err)
{
    sr_auto(box_writer) struct box_writer measured = { 0 };
    if (!write_head(layout, 0, true, &measured, err))
        return false;
    const bool wide = layout->data_bytes + measured.bytes.bytes > UINT32_MAX;
    if (!wide) {
        sr_str_done(&measured.bytes);
        if (!write_head(layout, 0, false, &measured, err))
            return false;
    }
    return write_head(layout, measured.bytes.bytes, wide, out, err);
}

bool mux_mp4(const struct mux_params *params, struct sr_err *err)
{
    if (!mux_check(params->tracks, params->track_count, err))
        return false;
    sr_auto(layout) struct layout *layout = NULL;
    sr_auto(box_writer) struct box_writer head = { 0 };
    sr_auto(mux_copier) struct mux_copier copier = { 0 };
    if (!lay_out(params, &layout, err) || !make_head(layout, &head, err) ||
        !mux_copier_init(&copier, params, err) ||
        !sr_write(params->writer, head.bytes.text, head.bytes.bytes, err))
        return false;

    struct chunk_walk walk = { .params = params };
    struct chunk chunk;
    while (next_chunk(&walk, &chunk)) {
        if (!mux_copier_open(&copier, chunk.track, chunk.part, err) ||
            !mux_copier_copy(&copier, chunk.track, chunk.sample_count, err))
            return false;
    }
    return true;
}

// Composed ---------------------------------------------------------------------------------------
// Fragments of one part that lie together in the file.
struct piece {
    size_t track;
    const struct mux_part *part;
    size_t first, count;  // fragments
    uint64_t offset, bytes;
};

struct piece_walk {
    const struct mux_params *params;
    uint64_t piece_bytes;
    struct {
        size_t part, fragment;
    } at[MUX_TRACKS_MAX];
};

static uint64_t fragment_end(const struct track_part *part, size_t fragment)
{
    return part->fragments[fragment].offset + part->fragments[fragment].bytes;
}

// What is left of a part and shorter than a piece belongs to the piece before.
static size_t end_of_piece(const struct track_part *part, size_t first, uint64_t piece_bytes)
{
    const uint64_t start = part->fragments[first].offset;
    const uint64_t end = fragment_end(part, part->fragment_count - 1);
    size_t next = first;
    while (next < part->fragment_count && fragment_end(part, next) - start < piece_bytes)
        next++;
    if (next == part->fragment_count || end - fragment_end(part, next) < piece_bytes)
        return part->fragment_count;
    return next + 1;
}

static bool next_piece(struct piece_walk *walk, struct piece *ret)
{
    size_t best = walk->params->track_count;
    int64_t best_dts = 0;
    uint32_t best_scale = 1;
    for (size_t i = 0; i < walk->params->track_count; i++) {
        const struct mux_track *track = &walk->params->tracks[i];
        if (walk->at[i].part == track->part_count)
            continue;
        const struct track_part *part = track->parts[walk->at[i].part].part;
        const int64_t dts = part->samples[part->fragments[walk->at[i].fragment].first_sample].dts;
        if (best < walk->params->track_count &&
            !mux_before(dts, part->timescale, best_dts, best_scale))
            continue;
        best = i;
        best_dts = dts;
        best_scale = part->timescale;
    }
    if (best == walk->params->track_count)
        return false;
    const struct mux_part *const part = &walk->params->tracks[best].parts[walk->at[best].part];
    const size_t first = walk->at[best].fragment;
    const size_t end = end_of_piece(part->part, first, walk->piece_bytes);
    const uint64_t offset = part->part->fragments[first].offset;
    *ret = (struct piece){
        .track = best,
        .part = part,
        .first = first,
        .count = end - first,
        .offset = offset,
        .bytes = fragment_end(part->part, end - 1) - offset,
    };
    walk->at[best].fragment = end;
    if (end == part->part->fragment_count) {
        walk->at[best].part++;
        walk->at[best].fragment = 0;
    }
    return true;
}

// One chunk for each fragment: its samples follow each other without a gap.
static bool add_piece(struct layout *layout, const struct piece *piece, struct sr_err *err)
{
    for (size_t f = piece->first; f < piece->first + piece->count; f++) {
        const struct track_fragment *const fragment = &piece->part->part->fragments[f];
        const struct chunk chunk = { .track = piece->track,
                                     .sample_count = fragment->sample_count };
        if (!add_chunk(&layout->tables[piece->track], &chunk,
                       layout->data_bytes + (fragment->data_offset - piece->offset), err))
            return false;
    }
    layout->data_bytes += piece->bytes;
    return true;
}

bool mux_composed(const struct mux_params *params, uint64_t piece_bytes, struct sr_err *err)
{
    sr_auto(layout) struct layout *layout = NULL;
    sr_auto(box_writer) struct box_writer head = { 0 };
    struct piece piece;
    if (!mux_check(params->tracks, params->track_count, err) || !begin_layout(params, &layout, err))
        return false;
    struct piece_walk walk = { .params = params, .piece_bytes = piece_bytes };
    while (next_piece(&walk, &piece)) {
        if (!add_piece(layout, &piece, err))
            return false;
    }
    if (!make_head(layout, &head, err) ||
        !sr_write(params->writer, head.bytes.text, head.bytes.bytes, err))
        return false;
    walk = (struct piece_walk){ .params = params, .piece_bytes = piece_bytes };
    while (next_piece(&walk, &piece)) {
        if (!params->from_part(params->from_self, piece.part, piece.offset, piece.bytes, err))
            return false;
    }
    return true;
}
