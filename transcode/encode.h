// transcode/encode.h - one video encoder, opened from values, that keeps the promises segments are
// joined by: closed groups of pictures, an IDR first, one header set, a packet for each picture,
// the same bytes on every machine.
#pragma once

#include <libavcodec/avcodec.h>

#include "base/auto.h"
#include "base/str.h"
#include "transcode/rendition.h"

struct encode_params {
    const struct rendition_video *video;  // borrowed during the call
    int threads;
    bool only_forced_keys;  // true: an IDR where it is asked for and nowhere else; false: where the
                            // encoder sees a cut, too
    int64_t shortest_us;    // the title's shortest segment, for buffers that hold across seams; 0:
                            // the title is one
};

// A codec is a row. To add one: its row, its options, its case in the tests.
struct encode_profile {
    const char *name;
    int depth_max;
    int log2_chroma_w_min, log2_chroma_h_min;  // 1, 1: 4:2:0 only
    bool can_interlace;
};
struct encode_codec {
    const char *name;                           // in a rendition: "h264"
    const char *encoder;                        // libavcodec's: "libx264"
    const char *const *presets, *const *tunes;  // end with NULL
    const struct encode_profile *profiles;      // end with name NULL
    const char *const *pixel_formats;           // end with NULL
    const char *preset;                         // when none is asked for
    double crf, crf_max;                        // 0..crf_max, a fraction is fine
    bool can_interlace;
    int interlaced_rows;  // height must be a multiple, interlaced 4:2:0
    // Sets fields and private options of a context that has its size, times, colours and flags.
    bool (*set_options)(const struct encode_params *params, AVCodecContext *codec,
                        AVDictionary **options, struct sr_err *err);
    int (*reorder_count)(
        const AVCodecContext *codec);  // opened: pictures that presentation may lag behind decoding
    bool (*starts_clean)(
        const AVPacket *packet);  // decoding can start here and nothing after it reaches behind
    uint64_t (*picture_count)(const struct rendition_video *video,
                              int threads);  // held at most, for the budget
    // Appends ", NAME VERSION" as the stream's first packet tells.
    bool (*add_signature)(const AVPacket *packet, struct sr_str *text, struct sr_err *err);
};
const struct encode_codec *encode_codec_find(const char *name);  // NULL: no such codec
extern const struct encode_codec encode_codecs[];                // ends with name NULL

struct encoder;

// Errors:  UNSUPPORTED (this build has no such encoder), INVALID (the encoder refuses the options), NO_MEMORY.
// Threads: one encoder by one thread; many encoders at once.
SR_MUST_USE bool encoder_open(const struct encode_params *params, struct encoder **ret_encoder,
                              struct sr_err *err);
void encoder_close(struct encoder *encoder);
SR_DEFINE_AUTO(encoder, struct encoder, encoder_close);

const AVCodecParameters *
encoder_parameters(const struct encoder *encoder);  // with extradata; valid until close
// Composition shift in ticks of the rendition's time base: see track_part.
int64_t encoder_shift_ticks(const struct encoder *encoder);

// `picture` is borrowed and not copied: its size and format are the rendition's. `pts` in the
// rendition's time base, rising.
SR_MUST_USE bool encoder_add(struct encoder *encoder, const AVFrame *picture, int64_t pts,
                             bool force_key, struct sr_err *err);
SR_MUST_USE bool encoder_end(struct encoder *encoder, struct sr_err *err);  // no more pictures
// WANTS_PICTURE: add one, or end. FAILED: NO_MEMORY, or INTERNAL when the encoder broke a promise.
enum encode_next { ENCODE_PACKET, ENCODE_WANTS_PICTURE, ENCODE_DONE, ENCODE_FAILED };
enum encode_next encoder_next(struct encoder *encoder, AVPacket *packet, struct sr_err *err);

// Of the `planned` threads those that this rendition gets: with a maxrate one, since x264's rate
// control then looks at how far its other threads are, which depends on the machine.
int encode_threads(const struct rendition_video *video, int planned);
// Bytes that one encoder is expected to hold at its peak.
uint64_t encode_peak_bytes(const struct rendition_video *video, int threads);
// Appends ", x264 164 r3095 baee400": which builds made the bytes. Encodes one tiny picture per
// codec.
SR_MUST_USE bool encode_build(struct sr_str *text, struct sr_err *err);
