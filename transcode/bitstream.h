// transcode/bitstream.h - what a coded picture's own bytes say: may decoding start here, does it
// show anything.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct AVCodecParameters;

enum bitstream_start {
    BITSTREAM_NO_START,      // decoding cannot start here, whatever a flag says
    BITSTREAM_START_CLOSED,  // nothing after it in presentation needs anything before it
    BITSTREAM_START_OPEN,  // pictures that follow it and are presented before it may need what came
                           // before
    BITSTREAM_START_RECOVERY,  // H.264 recovery point that is exact at once; open as well
};

struct bitstream_facts {
    enum bitstream_start start;
    bool shows_nothing;       // altref of VP8 and VP9, not-coded VOP: decoding it gives no picture
    bool is_skipped_leading;  // HEVC RASL: gives no picture after a start at its CRA
    bool is_bidirectional;    // MPEG-1, -2 and -4: a B picture, shown before the one it follows
};

// How to read the packets of one stream; a plain value.
struct bitstream_format {
    int codec_id;          // enum AVCodecID
    int nal_length_bytes;  // 0: Annex B start codes
    bool can_confirm;      // we know the codec well enough to say where decoding can start
    bool intra_only;       // every packet is a start
    bool has_headers;      // sequence headers came with the container (MPEG-2, MPEG-4)
};

// Threads: pure.
struct bitstream_format bitstream_format_of(const struct AVCodecParameters *codec);
// Spec: ITU-T H.264 7.4.1.2.4 (IDR), D.2.8 (recovery point); H.265 7.4.2.2 (IRAP, RASL); VP8 RFC 6386 9.1; VP9 bitstream 6.2; AV1 5.9.2;
// ISO/IEC 13818-2 6.2.3; ISO/IEC 14496-2 6.2.5. Never reads past `bytes`.
struct bitstream_facts bitstream_inspect(const struct bitstream_format *format, const uint8_t *data,
                                         size_t bytes);

// Finds the SEI NAL unit in which x264 names its build (old 4:4:4 cannot be decoded without it).
// False: none. *ret_nal points into `data`.
bool bitstream_x264_sei(const struct bitstream_format *format, const uint8_t *data, size_t bytes,
                        const uint8_t **ret_nal, size_t *ret_bytes);
