// transcode/verify_priv.h - what the files of verify share.
#pragma once

#include <libavcodec/avcodec.h>

#include "transcode/media_io.h"
#include "transcode/packet_table.h"
#include "transcode/verify.h"

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

// Pictures small enough to keep: 32x32 grey, upright, full range.
enum { VERIFY_SIDE = 32, VERIFY_CELLS = VERIFY_SIDE * VERIFY_SIDE };
struct verify_thumb;  // makes them from one stream
SR_MUST_USE bool verify_thumb_new(const struct media_stream *stream,
                                  struct verify_thumb **ret_thumb, struct sr_err *err);
void verify_thumb_free(struct verify_thumb *thumb);
SR_DEFINE_AUTO(verify_thumb, struct verify_thumb, verify_thumb_free);
SR_MUST_USE bool verify_thumb_make(struct verify_thumb *thumb, const AVFrame *frame,
                                   uint8_t grey[VERIFY_CELLS], struct sr_err *err);
// Mean difference of cells, in 1/256 of a grey level.
int verify_thumb_apart(const uint8_t a[VERIFY_CELLS], const uint8_t b[VERIFY_CELLS]);

// Pictures one after the other, from either side. Times are nanoseconds from the side's first
// picture.
struct verify_picture {
    int64_t ns;
    bool has_grey;     // false: only its time is known
    bool is_key;       // output: begins a group of pictures
    bool is_doubtful;  // decoded from damage: what it looks like is a matter of luck
    uint8_t grey[VERIFY_CELLS];
};
enum verify_next { VERIFY_PICTURE, VERIFY_END, VERIFY_FAILED };
struct verify_pictures {
    enum verify_next (*next)(void *self, struct verify_picture *ret, struct sr_err *err);
    void *self;
    int64_t tick_ns;  // of its clock, rounded up
};

// What must be in the output: the source's presented pictures, or those of a declared rate.
struct verify_expected;
SR_MUST_USE bool verify_expected_new(const struct verify_full_params *params,
                                     const struct probe *probe,
                                     struct verify_expected **ret_expected, struct sr_err *err);
void verify_expected_free(struct verify_expected *expected);
const struct media_restarts *verify_expected_restarts(const struct verify_expected *expected);
SR_DEFINE_AUTO(verify_expected, struct verify_expected, verify_expected_free);
struct verify_pictures verify_expected_pictures(struct verify_expected *expected);
int64_t
verify_expected_start_ns(const struct verify_expected *expected);  // after the first picture

// What is in the output: its pictures as libavcodec gives them, in their order.
struct verify_decoded;
SR_MUST_USE bool verify_decoded_new(const struct verify_full_params *params,
                                    const struct probe *probe, struct verify_result *result,
                                    struct verify_decoded **ret_decoded, struct sr_err *err);
void verify_decoded_free(struct verify_decoded *decoded);
SR_DEFINE_AUTO(verify_decoded, struct verify_decoded, verify_decoded_free);
struct verify_pictures verify_decoded_pictures(struct verify_decoded *decoded);
int64_t verify_decoded_start_ns(const struct verify_decoded *decoded);  // after the first picture

// Goes through both sides in lock step.
SR_MUST_USE bool verify_compare(const struct verify_pictures *source,
                                const struct verify_pictures *output,
                                const struct verify_full_params *params,
                                struct verify_result *result, struct sr_err *err);

// One track of sound against its source. *ret_late_ns: how much later it begins in the output than
// in the source, each counted from its own zero.
struct verify_sound_params {
    const struct verify_full_params *full;
    const struct probe *source_probe, *output_probe;
    int source_stream, output_stream;
    size_t track_number;
};
SR_MUST_USE bool verify_sound(const struct verify_sound_params *params,
                              struct verify_result *result, int64_t *ret_late_ns,
                              struct sr_err *err);
