// transcode/verify_priv.h - what the files of verify share.
#pragma once

#include "transcode/media_io.h"
#include "transcode/verify.h"

// Adds a finding and makes the verdict FAIL; "segment N: " is put before the message when there is
// one.
void verify_find(struct verify_result *result, int64_t segment_number, const char *format, ...)
    SR_PRINTF(3, 4);

// Decodes a video track around its seams while its packets pass by. Threads: one.
struct verify_seam;
SR_MUST_USE bool verify_seam_new(const struct mux_track *track, const AVCodecParameters *codec,
                                 struct verify_result *result, struct verify_seam **ret_seam,
                                 struct sr_err *err);
void verify_seam_free(struct verify_seam *seam);
SR_DEFINE_AUTO(verify_seam, struct verify_seam, verify_seam_free);
// The packet is sample `sample` of part `part`; they come in order, but some may be missing.
SR_MUST_USE bool verify_seam_packet(struct verify_seam *seam, size_t part, size_t sample,
                                    const AVPacket *packet, struct sr_err *err);
SR_MUST_USE bool verify_seam_end(struct verify_seam *seam, struct sr_err *err);
