// A track's description: read from its first part's init segment, written into the delivered file's
// moov.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "transcode/mux_priv.h"
#include "transcode/playlist.h"

void mux_head_done(struct mux_head *head)
{
    free(head->init);
    *head = (struct mux_head){ 0 };
}

static bool find_boxes(struct mux_head *head, size_t bytes)
{
    struct box minf;
    const uint8_t *const init = head->init;
    return box_find(init, bytes, "ftyp", &head->ftyp) &&
           box_find(init, bytes, "moov/mvex/trex", &head->trex) &&
           box_find(init, bytes, "moov/trak/tkhd", &head->tkhd) &&
           box_find(init, bytes, "moov/trak/mdia/hdlr", &head->hdlr) &&
           box_find(init, bytes, "moov/trak/mdia/minf", &minf) &&
           box_child(&minf, head->track->kind == MEDIA_VIDEO ? "vmhd" : "smhd",
                     &head->media_header) &&
           box_child(&minf, "dinf", &head->dinf) && box_child(&minf, "stbl", &head->stbl) &&
           box_child(&head->stbl, "stsd", &head->stsd) && head->tkhd.body_bytes >= 12 &&
           head->trex.body_bytes == 24 && head->ftyp.body_bytes >= 8;
}

static bool read_init(const struct mux_part *part, struct mux_head *head, struct sr_err *err)
{
    const uint64_t bytes = part->part->init_bytes;
    if (bytes == 0 || bytes > MUX_INIT_BYTES_MAX)
        return sr_fail(err, SR_ERR_VERIFY, "an init segment of %" PRIu64 " bytes", bytes);
    head->init = malloc((size_t)bytes);
    if (!head->init)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an init segment of %" PRIu64 " bytes", bytes);
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    if (!part->open(part->self, &reader, err))
        return false;
    if (!sr_read_exact(&reader, 0, head->init, (size_t)bytes, err)) {
        if (err->code == SR_ERR_INPUT)
            err->code = SR_ERR_VERIFY;  // the part is ours: it is not a source that ends early
        return false;
    }
    uint8_t digest[SR_SHA256_BYTES];
    char hex[SR_SHA256_HEX];
    if (!sr_sha256(head->init, (size_t)bytes, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), hex);
    if (strcmp(hex, part->part->init_sha256) != 0)
        return sr_fail(err, SR_ERR_VERIFY, "its codec header is not what its document says");
    if (!find_boxes(head, (size_t)bytes))
        return sr_fail(err, SR_ERR_VERIFY, "its init segment lacks a box");
    return playlist_codec_name(head->init, (size_t)bytes, head->codec, err);
}

bool mux_head_read(const struct mux_track *track, size_t track_number, struct mux_head *ret,
                   struct sr_err *err)
{
    sr_auto(mux_head) struct mux_head head = {
        .track = track,
        .first = track->parts[0].part,
        .last = track->parts[track->part_count - 1].part,
    };
    if (!read_init(&track->parts[0], &head, err))
        return sr_err_wrap(err, "segment 1: track %zu", track_number);
    *ret = head;
    head.init = NULL;  // moved
    return true;
}

bool mux_is_enabled(const struct mux_track *tracks, size_t track_count, size_t index)
{
    size_t first = track_count;
    for (size_t i = 0; i < track_count; i++) {
        if (tracks[i].kind != tracks[index].kind)
            continue;
        if (tracks[i].is_default)
            return tracks[index].is_default;
        if (first == track_count)
            first = i;
    }
    return index == first;
}

static void write_time(struct box_writer *out, bool wide, int64_t value)
{
    if (wide)
        box_u64(out, (uint64_t)value);
    else
        box_u32(out, (uint64_t)value);
}

static void write_zeros(struct box_writer *out, size_t bytes)
{
    static const uint8_t zeros[40];
    box_data(out, zeros, bytes);
}

static void write_matrix(struct box_writer *out)
{
    static const uint32_t unity[9] = { 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30 };
    for (int i = 0; i < 9; i++)
        box_u32(out, unity[i]);
}

// Spec: ISO/IEC 14496-12 8.2.2. No time of creation: the bytes are a function of the source.
void mux_write_mvhd(struct box_writer *out, uint32_t timescale, int64_t duration,
                    size_t track_count)
{
    const bool wide = duration > UINT32_MAX;
    box_begin_full(out, "mvhd", wide, 0);
    write_time(out, wide, 0);
    write_time(out, wide, 0);
    box_u32(out, timescale);
    write_time(out, wide, duration);
    box_u32(out, 0x00010000);  // normal speed
    box_u16(out, 0x0100);      // full volume
    write_zeros(out, 10);
    write_matrix(out);
    write_zeros(out, 24);
    box_u32(out, track_count + 1);  // next track's id
    box_end(out);
}

// Spec: ISO/IEC 14496-12 8.3.2: bit 0: enabled, bit 1: in the movie.
static void write_tkhd(struct box_writer *out, const struct mux_head *head,
                       const struct mux_trak *trak)
{
    const bool wide = trak->movie_duration > UINT32_MAX;
    const bool is_audio = head->track->kind == MEDIA_AUDIO;
    box_begin_full(out, "tkhd", wide, trak->is_enabled ? 3 : 2);
    write_time(out, wide, 0);
    write_time(out, wide, 0);
    box_u32(out, trak->track_id);
    box_u32(out, 0);
    write_time(out, wide, trak->movie_duration);
    write_zeros(out, 10);                 // reserved, and the layer
    box_u16(out, is_audio ? 1 : 0);       // alternate group: of audio tracks one is played
    box_u16(out, is_audio ? 0x0100 : 0);  // volume
    box_u16(out, 0);
    write_matrix(out);
    box_data(out, head->tkhd.body + head->tkhd.body_bytes - 8, 8);  // width and height
    box_end(out);
}

// Spec: ISO/IEC 14496-12 8.6.6
static void write_edits(struct box_writer *out, const struct mux_trak *trak)
{
    const bool wide = trak->edit_duration > UINT32_MAX || trak->empty_duration > UINT32_MAX ||
                      trak->media_time > INT32_MAX;
    box_begin(out, "edts");
    box_begin_full(out, "elst", wide, 0);
    box_u32(out, trak->empty_duration > 0 ? 2 : 1);
    if (trak->empty_duration > 0) {
        write_time(out, wide, trak->empty_duration);
        if (wide)
            box_u64(out, UINT64_MAX);
        else
            box_u32(out, UINT32_MAX);  // media time -1: nothing
        box_u32(out, 0x00010000);
    }
    write_time(out, wide, trak->edit_duration);
    write_time(out, wide, trak->media_time);
    box_u32(out, 0x00010000);
    box_end(out);
    box_end(out);
}

// Spec: ISO/IEC 14496-12 8.4.2: three letters of ISO 639-2/T, five bits each.
static uint32_t packed_language(const char *language)
{
    if (!language || strlen(language) != 3 || strspn(language, "abcdefghijklmnopqrstuvwxyz") != 3)
        language = "und";
    uint32_t packed = 0;
    for (int i = 0; i < 3; i++)
        packed = packed << 5 | (uint32_t)(language[i] - 0x60);
    return packed;
}

static void write_mdhd(struct box_writer *out, const struct mux_head *head, int64_t duration)
{
    const bool wide = duration > UINT32_MAX;
    box_begin_full(out, "mdhd", wide, 0);
    write_time(out, wide, 0);
    write_time(out, wide, 0);
    box_u32(out, head->first->timescale);
    write_time(out, wide, duration);
    box_u16(out, packed_language(head->track->language));
    box_u16(out, 0);
    box_end(out);
}

void mux_write_trak(struct box_writer *out, const struct mux_head *head,
                    const struct mux_trak *trak, void (*tables)(struct box_writer *out, void *self),
                    void *self)
{
    box_begin(out, "trak");
    write_tkhd(out, head, trak);
    write_edits(out, trak);
    box_begin(out, "mdia");
    write_mdhd(out, head, trak->media_duration);
    box_copy(out, &head->hdlr);
    box_begin(out, "minf");
    box_copy(out, &head->media_header);
    box_copy(out, &head->dinf);
    if (tables) {
        box_begin(out, "stbl");
        box_copy(out, &head->stsd);
        tables(out, self);
        box_end(out);
    } else {
        box_copy(out, &head->stbl);
    }
    box_end(out);
    box_end(out);
    box_end(out);
}

// Spec: ISO/IEC 14496-12 8.6.6.1: in a fragmented file an edit of duration 0 lasts as long as the fragments. Their decode
// times are absolute, so the track's offset is in them already: only the composition shift or the
// priming is taken off.
void mux_write_fragmented_trak(struct box_writer *out, const struct mux_head *head,
                               uint32_t track_id, bool is_enabled)
{
    const struct mux_trak trak = { .track_id = track_id,
                                   .is_enabled = is_enabled,
                                   .media_time = head->first->shift_ticks };
    mux_write_trak(out, head, &trak, NULL, NULL);
}

void mux_write_trex(struct box_writer *out, const struct mux_head *head, uint32_t track_id)
{
    box_begin(out, "trex");
    box_data(out, head->trex.body, 4);
    box_u32(out, track_id);
    box_data(out, head->trex.body + 8, head->trex.body_bytes - 8);
    box_end(out);
}
