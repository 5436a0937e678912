// Fragmented MP4 for a pipe: the parts' own fragments with the track's number and a running
// sequence number in them.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/mux_priv.h"

struct heads {
    size_t count;
    struct mux_head head[];
};

static void heads_free(struct heads *heads)
{
    for (size_t i = 0; heads && i < heads->count; i++)
        mux_head_done(&heads->head[i]);
    free(heads);
}
SR_DEFINE_AUTO(heads, struct heads, heads_free);

static bool write_init(const struct mux_params *params, struct sr_err *err)
{
    sr_auto(heads) struct heads *heads =
        calloc(1, sizeof(*heads) + params->track_count * sizeof(heads->head[0]));
    if (!heads)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu tracks", params->track_count);
    for (; heads->count < params->track_count; heads->count++) {
        if (!mux_head_read(&params->tracks[heads->count], heads->count + 1,
                           &heads->head[heads->count], err))
            return false;
    }

    sr_auto(box_writer) struct box_writer out = { 0 };
    box_begin(&out, "ftyp");
    box_data(&out, "iso6", 4);
    box_u32(&out, 0x200);
    box_data(&out, "iso6mp41", 8);
    box_end(&out);
    box_begin(&out, "moov");
    mux_write_mvhd(&out, 1000, 0, params->track_count);
    for (size_t i = 0; i < heads->count; i++)
        mux_write_fragmented_trak(&out, &heads->head[i], (uint32_t)i + 1,
                                  mux_is_enabled(params->tracks, params->track_count, i));
    box_begin(&out, "mvex");
    for (size_t i = 0; i < heads->count; i++)
        mux_write_trex(&out, &heads->head[i], (uint32_t)i + 1);
    box_end(&out);
    box_end(&out);
    return box_writer_ok(&out, err) &&
           sr_write(params->writer, out.bytes.text, out.bytes.bytes, err);
}

// Spec: ISO/IEC 14496-12 8.8.5 and 8.8.7. Offsets in a fragment of a part are relative to its moof: bit 0 of tfhd would make them
// the part's file's.
static bool renumber(uint8_t *data, size_t bytes, uint32_t track_id, uint32_t sequence,
                     struct sr_err *err)
{
    struct box mfhd, tfhd;
    if (!box_find(data, bytes, "moof/mfhd", &mfhd) || mfhd.body_bytes < 8 ||
        !box_find(data, bytes, "moof/traf/tfhd", &tfhd) || tfhd.body_bytes < 8)
        return sr_fail(err, SR_ERR_VERIFY, "a fragment without moof, mfhd or tfhd");
    if (box_get_u32(tfhd.body) & 1)
        return sr_fail(err, SR_ERR_VERIFY, "a fragment whose offsets are not relative to it");
    box_set_u32(data + (mfhd.body - data) + 4, sequence);
    box_set_u32(data + (tfhd.body - data) + 4, track_id);
    return true;
}

// What stands before the samples: moof, and mdat's header.
static bool copy_head(struct mux_copier *copier, size_t track,
                      const struct track_fragment *fragment, uint32_t sequence, struct sr_err *err)
{
    const uint64_t bytes = fragment->data_offset - fragment->offset;
    if (bytes < 16 || bytes > MUX_MOOF_BYTES_MAX)
        return sr_fail(err, SR_ERR_VERIFY, "%" PRIu64 " bytes before a fragment's samples", bytes);
    sr_auto(char) char *data = malloc((size_t)bytes);
    if (!data)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%" PRIu64 " bytes of moof", bytes);
    if (!sr_read_exact(&copier->at[track].reader, fragment->offset, data, (size_t)bytes, err)) {
        if (err->code == SR_ERR_INPUT)
            err->code = SR_ERR_VERIFY;
        return false;
    }
    return renumber((uint8_t *)data, (size_t)bytes, (uint32_t)track + 1, sequence, err) &&
           sr_write(copier->params->writer, data, (size_t)bytes, err);
}

static bool copy_fragment(struct mux_copier *copier, size_t track, size_t part, size_t index,
                          uint32_t sequence, struct sr_err *err)
{
    const struct track_part *document = copier->params->tracks[track].parts[part].part;
    const struct track_fragment *fragment = &document->fragments[index];
    uint64_t bytes = fragment->data_offset - fragment->offset;
    for (size_t i = 0; i < fragment->sample_count; i++)
        bytes += document->samples[fragment->first_sample + i].bytes;
    if (!mux_copier_open(copier, track, part, err))
        return false;
    if (bytes != fragment->bytes)
        return sr_fail(err, SR_ERR_VERIFY,
                       "segment %zu: track %zu: fragment %zu has bytes behind its samples",
                       part + 1, track + 1, index + 1);
    if (!copy_head(copier, track, fragment, sequence, err))
        return sr_err_wrap(err, "segment %zu: track %zu: fragment %zu", part + 1, track + 1,
                           index + 1);
    return mux_copier_copy(copier, track, fragment->sample_count, err);
}

bool mux_fragmented(const struct mux_params *params, struct sr_err *err)
{
    if (!mux_check(params->tracks, params->track_count, err) || !write_init(params, err))
        return false;
    sr_auto(mux_copier) struct mux_copier copier = { 0 };
    if (!mux_copier_init(&copier, params, err))
        return false;

    struct {
        size_t part, fragment;
    } at[MUX_TRACKS_MAX] = { 0 };
    for (uint32_t sequence = 1;; sequence++) {
        size_t best = params->track_count;
        int64_t best_dts = 0;
        uint32_t best_scale = 1;
        for (size_t i = 0; i < params->track_count; i++) {
            if (at[i].part == params->tracks[i].part_count)
                continue;
            const struct track_part *part = params->tracks[i].parts[at[i].part].part;
            const size_t first = part->fragments[at[i].fragment].first_sample;
            const int64_t dts = part->samples[first].dts;
            if (best < params->track_count &&
                !mux_before(dts, part->timescale, best_dts, best_scale))
                continue;
            best = i;
            best_dts = dts;
            best_scale = part->timescale;
        }
        if (best == params->track_count)
            return true;
        if (!copy_fragment(&copier, best, at[best].part, at[best].fragment, sequence, err))
            return false;
        if (++at[best].fragment == params->tracks[best].parts[at[best].part].part->fragment_count) {
            at[best].part++;
            at[best].fragment = 0;
        }
    }
}
