#include "transcode/bitstream.h"

#include <libavcodec/avcodec.h>
#include <string.h>

struct nal {
    const uint8_t *data;
    size_t bytes;
};

struct nal_cursor {
    const uint8_t *at, *end;
    int length_bytes;  // 0: Annex B
};

// The offset of the next 00 00 01 at or after `at`, or `end`.
static const uint8_t *find_start_code(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 3) {
        const uint8_t *one = memchr(at + 2, 1, (size_t)(end - at) - 2);
        if (!one)
            return end;
        if (one[-1] == 0 && one[-2] == 0)
            return one - 2;
        at = one - 1;
    }
    return end;
}

static bool next_nal(struct nal_cursor *cursor, struct nal *ret)
{
    if (!cursor->length_bytes) {
        const uint8_t *start = find_start_code(cursor->at, cursor->end);
        if (cursor->end - start < 4)
            return false;
        const uint8_t *stop = find_start_code(start + 3, cursor->end);
        *ret = (struct nal){ start + 3, (size_t)(stop - start) - 3 };
        cursor->at = stop;
        return ret->bytes > 0;
    }
    if (cursor->end - cursor->at <= cursor->length_bytes)
        return false;
    uint64_t bytes = 0;
    for (int i = 0; i < cursor->length_bytes; i++)
        bytes = bytes << 8 | *cursor->at++;
    if (bytes == 0 || bytes > (uint64_t)(cursor->end - cursor->at))
        return false;
    *ret = (struct nal){ cursor->at, (size_t)bytes };
    cursor->at += bytes;
    return true;
}

// Bits of an RBSP, emulation prevention bytes left out as they are met. Reading past the end gives
// zeros and sets `over`.
struct bits {
    const uint8_t *at, *end;
    int left;   // bits of *at not yet read
    int zeros;  // zero bytes just passed
    bool raw;   // no emulation prevention in this codec
    bool over;
};

static struct bits bits_of(const uint8_t *data, size_t bytes, bool raw)
{
    return (
        struct bits){ .at = data, .end = data + bytes, .left = 8, .raw = raw, .over = bytes == 0 };
}

static unsigned bit(struct bits *bits)
{
    if (bits->over || bits->at >= bits->end) {
        bits->over = true;
        return 0;
    }
    const unsigned value = *bits->at >> (bits->left - 1) & 1;
    if (--bits->left == 0) {
        bits->left = 8;
        bits->zeros = *bits->at == 0 ? bits->zeros + 1 : 0;
        bits->at++;
        if (!bits->raw && bits->zeros >= 2 && bits->at < bits->end && *bits->at == 3) {
            bits->at++;
            bits->zeros = 0;
        }
    }
    return value;
}

static uint32_t take_bits(struct bits *bits, int count)
{
    uint32_t value = 0;
    while (count-- > 0)
        value = value << 1 | bit(bits);
    return value;
}

static uint32_t exp_golomb(struct bits *bits)
{
    int zeros = 0;
    while (!bits->over && zeros < 32 && bit(bits) == 0)
        zeros++;
    if (zeros >= 32)
        bits->over = true;
    return bits->over ? 0 : ((uint32_t)1 << zeros) - 1 + take_bits(bits, zeros);
}

// Walks the messages of an H.264 SEI NAL unit until `wanted` is found; leaves `bits` at its
// payload.
static bool find_sei(const struct nal *nal, uint32_t wanted, struct bits *bits, uint32_t *ret_bytes)
{
    *bits = bits_of(nal->data + 1, nal->bytes - 1, false);
    while (!bits->over && bits->end - bits->at > 1) {
        uint32_t type = 0, size = 0, byte;
        do
            type += byte = take_bits(bits, 8);
        while (byte == 255 && !bits->over);
        do
            size += byte = take_bits(bits, 8);
        while (byte == 255 && !bits->over);
        if (bits->over)
            return false;
        if (type == wanted) {
            *ret_bytes = size;
            return true;
        }
        for (uint32_t i = 0; i < size && !bits->over; i++)
            (void)take_bits(bits, 8);
    }
    return false;
}

static struct bitstream_facts inspect_h264(struct nal_cursor cursor)
{
    enum { SLICE = 1, IDR = 5, SEI = 6, RECOVERY_POINT = 6 };
    struct bitstream_facts facts = { 0 };
    bool recovers = false;
    for (struct nal nal; next_nal(&cursor, &nal);) {
        const int type = nal.data[0] & 31;
        struct bits bits;
        uint32_t size;
        if (type == IDR) {
            facts.start = BITSTREAM_START_CLOSED;
            return facts;
        }
        if (type == SEI && find_sei(&nal, RECOVERY_POINT, &bits, &size)) {
            const uint32_t frame_count = exp_golomb(&bits);
            const bool exact = bit(&bits), broken = bit(&bits);
            recovers = !bits.over && frame_count == 0 && exact && !broken;
        }
        if (type == SLICE)
            break;
    }
    if (recovers)
        facts.start = BITSTREAM_START_RECOVERY;
    return facts;
}

static struct bitstream_facts inspect_hevc(struct nal_cursor cursor)
{
    enum { RASL_N = 8, RASL_R = 9, BLA_W_LP = 16, IDR_W_RADL = 19, IDR_N_LP = 20, CRA = 21 };
    struct bitstream_facts facts = { 0 };
    for (struct nal nal; next_nal(&cursor, &nal);) {
        const int type = nal.data[0] >> 1 & 63;
        if (type > 31)
            continue;                         // parameter sets and SEI
        if (type >= BLA_W_LP && type <= CRA)  // leading RADL pictures may follow any but IDR_N_LP
            facts.start = type == IDR_N_LP ? BITSTREAM_START_CLOSED : BITSTREAM_START_OPEN;
        facts.is_skipped_leading = type == RASL_N || type == RASL_R;
        break;
    }
    return facts;
}

static struct bitstream_facts inspect_vp8(const uint8_t *data, size_t bytes)
{
    if (bytes < 3)
        return (struct bitstream_facts){ .shows_nothing = bytes == 0 };
    return (struct bitstream_facts){
        .start = data[0] & 1 ? BITSTREAM_NO_START : BITSTREAM_START_CLOSED,
        .shows_nothing = !(data[0] >> 4 & 1),
    };
}

// One frame's uncompressed header: *ret_key, *ret_shown.
static void inspect_vp9_frame(const uint8_t *data, size_t bytes, bool *ret_key, bool *ret_shown)
{
    struct bits bits = bits_of(data, bytes, true);
    (void)take_bits(&bits, 2);  // frame_marker
    const unsigned low = bit(&bits), high = bit(&bits);
    if (low && high)
        (void)bit(&bits);  // reserved_zero of profile 3
    if (bit(&bits)) {      // show_existing_frame
        *ret_shown = true;
        return;
    }
    *ret_key = bit(&bits) == 0 && !bits.over;
    *ret_shown = bit(&bits) == 1;
}

static struct bitstream_facts inspect_vp9(const uint8_t *data, size_t bytes)
{
    struct bitstream_facts facts = { .shows_nothing = true };
    size_t sizes[8] = { bytes };
    size_t count = 1;
    const uint8_t marker = bytes ? data[bytes - 1] : 0;
    if ((marker & 0xe0) == 0xc0) {  // superframe index
        const size_t number = (marker & 7) + 1u, width = (marker >> 3 & 3) + 1u,
                     index = 2 + number * width;
        if (bytes >= index && data[bytes - index] == marker) {
            const uint8_t *at = data + bytes - index + 1;
            count = number;
            for (size_t i = 0; i < number; i++) {
                sizes[i] = 0;
                for (size_t j = 0; j < width; j++)
                    sizes[i] |= (size_t)*at++ << (8 * j);
            }
            bytes -= index;
        }
    }
    bool is_first = true;
    for (size_t i = 0; i < count && sizes[i] <= bytes; i++) {
        bool key = false, shown = false;
        inspect_vp9_frame(data, sizes[i], &key, &shown);
        if (is_first && key)
            facts.start = BITSTREAM_START_CLOSED;
        facts.shows_nothing = facts.shows_nothing && !shown;
        is_first = false;
        data += sizes[i];
        bytes -= sizes[i];
    }
    return facts;
}

static struct bitstream_facts inspect_av1(const uint8_t *data, size_t bytes)
{
    enum { SEQUENCE_HEADER = 1, FRAME_HEADER = 3, FRAME = 6 };
    const uint8_t *const end = data + bytes;
    bool has_sequence = false, still = false;
    while (end - data >= 2) {
        const int type = data[0] >> 3 & 15;
        const bool extended = data[0] >> 2 & 1, sized = data[0] >> 1 & 1;
        data += extended ? 2 : 1;
        uint64_t size = (uint64_t)(end - data);
        if (sized) {
            size = 0;
            for (int i = 0; i < 8 && data < end; i++) {  // leb128
                size |= (uint64_t)(*data & 127) << (7 * i);
                if (!(*data++ & 128))
                    break;
            }
        }
        if (size > (uint64_t)(end - data))
            break;
        if (type == SEQUENCE_HEADER && size) {
            has_sequence = true;
            still = data[0] >> 3 & 1;  // reduced_still_picture_header
        }
        if ((type == FRAME_HEADER || type == FRAME) && size) {
            // show_existing_frame 0, frame_type KEY_FRAME (0), show_frame 1
            const bool key = still || (data[0] >> 4) == 1;
            return (struct bitstream_facts){ .start = key && has_sequence ? BITSTREAM_START_CLOSED
                                                                          : BITSTREAM_NO_START };
        }
        data += size;
    }
    return (struct bitstream_facts){ 0 };
}

enum { MPEG4_VOP = 0xb6, MPEG4_B_VOP = 2 };

// A packet of packed MPEG-4 has the B picture in it that follows its own.
static bool packs_bidirectional(const uint8_t *data, const uint8_t *end)
{
    for (const uint8_t *at = find_start_code(data, end); end - at >= 6;
         at = find_start_code(at + 3, end)) {
        if (at[3] == MPEG4_VOP && at[4] >> 6 == MPEG4_B_VOP)
            return true;
    }
    return false;
}

// MPEG-1, MPEG-2 and MPEG-4 part 2 share their start codes' form.
static struct bitstream_facts inspect_mpeg(const struct bitstream_format *format,
                                           const uint8_t *data, size_t bytes)
{
    const bool is_mpeg4 = format->codec_id == AV_CODEC_ID_MPEG4;
    enum {
        PICTURE = 0x00,
        SEQUENCE = 0xb3,
        GROUP = 0xb8,
        VOL_FIRST = 0x20,
        VOL_LAST = 0x2f,
    };
    const uint8_t *const end = data + bytes;
    bool has_headers = format->has_headers, closed = false;
    for (const uint8_t *at = find_start_code(data, end); end - at >= 6;
         at = find_start_code(at + 3, end)) {
        const uint8_t code = at[3];
        if (!is_mpeg4 && code == SEQUENCE)
            has_headers = true;
        if (!is_mpeg4 && code == GROUP && end - at >= 8)
            closed = at[7] >> 6 & 1;
        if (is_mpeg4 && code >= VOL_FIRST && code <= VOL_LAST)
            has_headers = true;
        const bool picture = is_mpeg4 ? code == MPEG4_VOP : code == PICTURE;
        if (!picture)
            continue;
        const int type = is_mpeg4 ? (at[4] >> 6) + 1 : at[5] >> 3 & 7;  // 1 I, 2 P, 3 B
        struct bitstream_facts facts = {
            .is_bidirectional = type == 3 || (is_mpeg4 && packs_bidirectional(at + 4, end)),
        };
        if (type == 1 && has_headers)
            facts.start = closed ? BITSTREAM_START_CLOSED : BITSTREAM_START_OPEN;
        return facts;
    }
    return (struct bitstream_facts){ 0 };
}

struct bitstream_format bitstream_format_of(const struct AVCodecParameters *codec)
{
    struct bitstream_format format = { .codec_id = (int)codec->codec_id,
                                       .has_headers = codec->extradata_size > 0 };
    const AVCodecDescriptor *descriptor = avcodec_descriptor_get(codec->codec_id);
    switch (codec->codec_id) {
    case AV_CODEC_ID_H264:
        if (codec->extradata_size >= 7 && codec->extradata[0] == 1)
            format.nal_length_bytes = (codec->extradata[4] & 3) + 1;
        format.can_confirm = true;
        break;
    case AV_CODEC_ID_HEVC:
        if (codec->extradata_size >= 23 &&
            (codec->extradata[0] || codec->extradata[1] || codec->extradata[2] > 1))
            format.nal_length_bytes = (codec->extradata[21] & 3) + 1;
        format.can_confirm = true;
        break;
    case AV_CODEC_ID_VP8:
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_AV1:
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_THEORA: format.can_confirm = true; break;
    default:
        format.intra_only = descriptor && (descriptor->props & AV_CODEC_PROP_INTRA_ONLY);
        format.can_confirm = format.intra_only;
    }
    return format;
}

struct bitstream_facts bitstream_inspect(const struct bitstream_format *format, const uint8_t *data,
                                         size_t bytes)
{
    const struct nal_cursor cursor = { data, data + bytes, format->nal_length_bytes };
    switch (format->codec_id) {
    case AV_CODEC_ID_H264: return inspect_h264(cursor);
    case AV_CODEC_ID_HEVC: return inspect_hevc(cursor);
    case AV_CODEC_ID_VP8: return inspect_vp8(data, bytes);
    case AV_CODEC_ID_VP9: return inspect_vp9(data, bytes);
    case AV_CODEC_ID_AV1: return inspect_av1(data, bytes);
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_MPEG4: return inspect_mpeg(format, data, bytes);
    case AV_CODEC_ID_THEORA:  // Spec: Theora 7.1: packet type 0, then 0 for an intra frame
        return (struct bitstream_facts){ .start = bytes && !(data[0] & 0xc0)
                                                      ? BITSTREAM_START_CLOSED
                                                      : BITSTREAM_NO_START };
    default:
        return (struct bitstream_facts){ .start = format->intra_only ? BITSTREAM_START_CLOSED
                                                                     : BITSTREAM_NO_START };
    }
}

bool bitstream_x264_sei(const struct bitstream_format *format, const uint8_t *data, size_t bytes,
                        const uint8_t **ret_nal, size_t *ret_bytes)
{
    enum { SEI = 6, USER_DATA_UNREGISTERED = 5, UUID_BYTES = 16 };
    if (format->codec_id != AV_CODEC_ID_H264)
        return false;
    struct nal_cursor cursor = { data, data + bytes, format->nal_length_bytes };
    for (struct nal nal; next_nal(&cursor, &nal);) {
        struct bits bits;
        uint32_t size;
        if ((nal.data[0] & 31) != SEI || !find_sei(&nal, USER_DATA_UNREGISTERED, &bits, &size) ||
            size < UUID_BYTES + 4)
            continue;
        for (int i = 0; i < UUID_BYTES; i++)
            (void)take_bits(&bits, 8);
        char name[5] = { 0 };
        for (int i = 0; i < 4; i++)
            name[i] = (char)take_bits(&bits, 8);
        if (!bits.over && strcmp(name, "x264") == 0) {
            *ret_nal = nal.data;
            *ret_bytes = nal.bytes;
            return true;
        }
    }
    return false;
}
