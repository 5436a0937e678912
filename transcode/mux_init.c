// The init segment of one track, for HLS and DASH.
#include "transcode/mux_priv.h"

bool mux_init_segment(const struct mux_track *track, struct sr_writer *writer, struct sr_err *err)
{
    if (!mux_check(track, 1, err))
        return false;
    sr_auto(mux_head) struct mux_head head = { 0 };
    sr_auto(box_writer) struct box_writer out = { 0 };
    if (!mux_head_read(track, 1, &head, err))
        return false;
    // The fragments go out as they are, so the track keeps the number that they carry.
    const uint32_t track_id = box_get_u32(head.trex.body + 4);
    box_copy(&out, &head.ftyp);
    box_begin(&out, "moov");
    mux_write_mvhd(&out, head.first->timescale, 0, track_id);
    mux_write_fragmented_trak(&out, &head, track_id, true);
    box_begin(&out, "mvex");
    mux_write_trex(&out, &head, track_id);
    box_end(&out);
    box_end(&out);
    return box_writer_ok(&out, err) && sr_write(writer, out.bytes.text, out.bytes.bytes, err);
}
