#include "transcode/bitstream.h"

#include <libavcodec/avcodec.h>

#include "base/test.h"

#define BYTES(...) { __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

// H.264 NAL units: SEI 6 with payload type 6 (recovery point): frame count 0 is ue "1", then exact,
// broken.
static const struct row {
    const char *name;
    int codec_id;
    int nal_length_bytes;
    bool has_headers;
    uint8_t data[48];
    size_t bytes;
    enum bitstream_start start;
    bool shows_nothing, is_skipped_leading;
} rows[] = {
    { "h264: IDR, Annex B", AV_CODEC_ID_H264, 0, 0,
      BYTES(0, 0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x65, 0x88), BITSTREAM_START_CLOSED, 0, 0 },
    { "h264: IDR, length before", AV_CODEC_ID_H264, 4, 0, BYTES(0, 0, 0, 2, 0x65, 0x88),
      BITSTREAM_START_CLOSED, 0, 0 },
    { "h264: IDR, two length bytes", AV_CODEC_ID_H264, 2, 0,
      BYTES(0, 2, 0x09, 0xf0, 0, 2, 0x65, 0x88), BITSTREAM_START_CLOSED, 0, 0 },
    { "h264: bare I picture", AV_CODEC_ID_H264, 0, 0, BYTES(0, 0, 1, 0x41, 0x88, 0x84),
      BITSTREAM_NO_START, 0, 0 },
    { "h264: recovery point, exact at once", AV_CODEC_ID_H264, 0, 0,
      BYTES(0, 0, 1, 0x06, 6, 1, 0xc4, 0x80, 0, 0, 1, 0x41, 0x88), BITSTREAM_START_RECOVERY, 0, 0 },
    { "h264: recovery point behind another message", AV_CODEC_ID_H264, 0, 0,
      BYTES(0, 0, 1, 0x06, 1, 2, 0xaa, 0xbb, 6, 1, 0xc4, 0x80, 0, 0, 1, 0x41, 0x88),
      BITSTREAM_START_RECOVERY, 0, 0 },
    { "h264: recovers after three frames", AV_CODEC_ID_H264, 0, 0,
      BYTES(0, 0, 1, 0x06, 6, 1, 0x24, 0x80, 0, 0, 1, 0x41, 0x88), BITSTREAM_NO_START, 0, 0 },
    { "h264: recovers approximately", AV_CODEC_ID_H264, 0, 0,
      BYTES(0, 0, 1, 0x06, 6, 1, 0x84, 0x80, 0, 0, 1, 0x41, 0x88), BITSTREAM_NO_START, 0, 0 },
    { "h264: broken link", AV_CODEC_ID_H264, 0, 0,
      BYTES(0, 0, 1, 0x06, 6, 1, 0xe4, 0x80, 0, 0, 1, 0x41, 0x88), BITSTREAM_NO_START, 0, 0 },
    { "h264: SEI cut short", AV_CODEC_ID_H264, 0, 0, BYTES(0, 0, 1, 0x06, 255, 255),
      BITSTREAM_NO_START, 0, 0 },
    { "h264: length past the end", AV_CODEC_ID_H264, 4, 0, BYTES(0x7f, 0xff, 0xff, 0xff, 0x65),
      BITSTREAM_NO_START, 0, 0 },
    { "h264: nothing", AV_CODEC_ID_H264, 0, 0, { 0 }, 0, BITSTREAM_NO_START, 0, 0 },
    { "hevc: IDR_N_LP", AV_CODEC_ID_HEVC, 0, 0, BYTES(0, 0, 1, 0x28, 1, 0xaf),
      BITSTREAM_START_CLOSED, 0, 0 },
    { "hevc: IDR_W_RADL may have leading pictures", AV_CODEC_ID_HEVC, 0, 0,
      BYTES(0, 0, 1, 0x26, 1, 0xaf), BITSTREAM_START_OPEN, 0, 0 },
    { "hevc: CRA behind parameter sets", AV_CODEC_ID_HEVC, 4, 0,
      BYTES(0, 0, 0, 3, 0x40, 1, 1, 0, 0, 0, 3, 0x2a, 1, 0xaf), BITSTREAM_START_OPEN, 0, 0 },
    { "hevc: trailing picture", AV_CODEC_ID_HEVC, 0, 0, BYTES(0, 0, 1, 0x02, 1, 0xd0),
      BITSTREAM_NO_START, 0, 0 },
    { "hevc: RASL", AV_CODEC_ID_HEVC, 0, 0, BYTES(0, 0, 1, 0x12, 1, 0xd0), BITSTREAM_NO_START, 0,
      true },
    { "vp8: key", AV_CODEC_ID_VP8, 0, 0, BYTES(0x10, 0, 0, 0x9d), BITSTREAM_START_CLOSED, 0, 0 },
    { "vp8: altref is hidden", AV_CODEC_ID_VP8, 0, 0, BYTES(0x01, 0, 0, 0), BITSTREAM_NO_START,
      true, 0 },
    { "vp8: inter, shown", AV_CODEC_ID_VP8, 0, 0, BYTES(0x11, 0, 0, 0), BITSTREAM_NO_START, 0, 0 },
    { "vp9: key, shown", AV_CODEC_ID_VP9, 0, 0, BYTES(0x82, 0x49, 0x83, 0x42),
      BITSTREAM_START_CLOSED, 0, 0 },
    { "vp9: inter, hidden", AV_CODEC_ID_VP9, 0, 0, BYTES(0x84, 0, 0), BITSTREAM_NO_START, true, 0 },
    { "vp9: shows one it has", AV_CODEC_ID_VP9, 0, 0, BYTES(0x88), BITSTREAM_NO_START, 0, 0 },
    { "vp9: superframe of a hidden and a shown one", AV_CODEC_ID_VP9, 0, 0,
      BYTES(0x84, 0, 0x86, 0, 0xc1, 2, 2, 0xc1), BITSTREAM_NO_START, 0, 0 },
    { "vp9: superframe index that lies", AV_CODEC_ID_VP9, 0, 0,
      BYTES(0x86, 0, 0xc1, 255, 255, 0xc1), BITSTREAM_NO_START, true, 0 },
    { "av1: key with its sequence header", AV_CODEC_ID_AV1, 0, 0,
      BYTES(0x12, 0, 0x0a, 2, 0, 0, 0x32, 2, 0x10, 0), BITSTREAM_START_CLOSED, 0, 0 },
    { "av1: key without it", AV_CODEC_ID_AV1, 0, 0, BYTES(0x12, 0, 0x32, 2, 0x10, 0),
      BITSTREAM_NO_START, 0, 0 },
    { "av1: size past the end", AV_CODEC_ID_AV1, 0, 0, BYTES(0x32, 0xff, 0xff, 0xff, 0x7f, 0x10),
      BITSTREAM_NO_START, 0, 0 },
    { "mpeg2: closed group", AV_CODEC_ID_MPEG2VIDEO, 0, 0,
      BYTES(0, 0, 1, 0xb3, 1, 2, 3, 4, 0, 0, 1, 0xb8, 0, 8, 0, 0x40, 0, 0, 1, 0, 0, 0x0f, 0xff,
            0xf8),
      BITSTREAM_START_CLOSED, 0, 0 },
    { "mpeg2: open group", AV_CODEC_ID_MPEG2VIDEO, 0, 0,
      BYTES(0, 0, 1, 0xb3, 1, 2, 3, 4, 0, 0, 1, 0xb8, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0x0f, 0xff, 0xf8),
      BITSTREAM_START_OPEN, 0, 0 },
    { "mpeg2: I without sequence header", AV_CODEC_ID_MPEG2VIDEO, 0, 0,
      BYTES(0, 0, 1, 0, 0, 0x0f, 0xff, 0xf8), BITSTREAM_NO_START, 0, 0 },
    { "mpeg2: P", AV_CODEC_ID_MPEG2VIDEO, 0, true, BYTES(0, 0, 1, 0, 0, 0x17, 0xff, 0xf8),
      BITSTREAM_NO_START, 0, 0 },
    { "mpeg4: I-VOP, headers in the container", AV_CODEC_ID_MPEG4, 0, true,
      BYTES(0, 0, 1, 0xb6, 0x10, 0x60, 0), BITSTREAM_START_OPEN, 0, 0 },
    { "mpeg4: P-VOP", AV_CODEC_ID_MPEG4, 0, true, BYTES(0, 0, 1, 0xb6, 0x50, 0x60, 0),
      BITSTREAM_NO_START, 0, 0 },
    { "theora: intra", AV_CODEC_ID_THEORA, 0, 0, BYTES(0x3f, 0), BITSTREAM_START_CLOSED, 0, 0 },
    { "theora: inter", AV_CODEC_ID_THEORA, 0, 0, BYTES(0x7f, 0), BITSTREAM_NO_START, 0, 0 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    const struct bitstream_format format = { .codec_id = row->codec_id,
                                             .nal_length_bytes = row->nal_length_bytes,
                                             .can_confirm = true,
                                             .has_headers = row->has_headers };
    uint8_t *exact = malloc(row->bytes ? row->bytes : 1);  // so that reading past the end is seen
    memcpy(exact, row->data, row->bytes);
    const struct bitstream_facts facts = bitstream_inspect(&format, exact, row->bytes);
    assert_int_equal(facts.start, row->start);
    assert_int_equal(facts.shows_nothing, row->shows_nothing);
    assert_int_equal(facts.is_skipped_leading, row->is_skipped_leading);
    free(exact);
}

// Every prefix of every row, with every codec: nothing is read past the end.
static void cut_short_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        for (size_t bytes = 0; bytes <= rows[i].bytes; bytes++) {
            uint8_t *exact = malloc(bytes ? bytes : 1);
            memcpy(exact, rows[i].data, bytes);
            for (size_t j = 0; j < SR_TEST_COUNT(rows); j++) {
                const struct bitstream_format format = { .codec_id = rows[j].codec_id,
                                                         .nal_length_bytes =
                                                             rows[j].nal_length_bytes };
                const struct bitstream_facts facts = bitstream_inspect(&format, exact, bytes);
                assert_true(facts.start <= BITSTREAM_START_RECOVERY);
                const uint8_t *nal;
                size_t nal_bytes;
                assert_false(bitstream_x264_sei(&format, exact, bytes, &nal, &nal_bytes));
            }
            free(exact);
        }
    }
}

static void x264_names_itself(void **state)
{
    (void)state;
    static const uint8_t data[] = { 0,    0,    0,    1,    0x67, 0x42, 0,    0,    1,    0x06,
                                    5,    22,   0xdc, 0x45, 0xe9, 0xbd, 0xe6, 0xd9, 0x48, 0xb7,
                                    0x96, 0x2c, 0xd8, 0x20, 0xd9, 0x23, 0xee, 0xef, 'x',  '2',
                                    '6',  '4',  ' ',  '-',  0x80, 0,    0,    1,    0x65, 0x88 };
    const struct bitstream_format format = { .codec_id = AV_CODEC_ID_H264 };
    const uint8_t *nal = NULL;
    size_t bytes = 0;
    assert_true(bitstream_x264_sei(&format, data, sizeof(data), &nal, &bytes));
    assert_ptr_equal(nal, data + 9);
    assert_int_equal(bytes, 26);
}

static void format_of_a_stream(void **state)
{
    (void)state;
    AVCodecParameters *codec = avcodec_parameters_alloc();
    codec->codec_id = AV_CODEC_ID_PRORES;
    assert_true(bitstream_format_of(codec).intra_only);
    assert_true(bitstream_format_of(codec).can_confirm);
    codec->codec_id = AV_CODEC_ID_VC1;
    assert_false(bitstream_format_of(codec).can_confirm);
    codec->codec_id = AV_CODEC_ID_H264;
    static const uint8_t avcc[] = { 1, 100, 0, 31, 0xff, 0xe1, 0, 0 };
    codec->extradata = av_mallocz(sizeof(avcc) + AV_INPUT_BUFFER_PADDING_SIZE);
    memcpy(codec->extradata, avcc, sizeof(avcc));
    codec->extradata_size = sizeof(avcc);
    assert_int_equal(bitstream_format_of(codec).nal_length_bytes, 4);
    avcodec_parameters_free(&codec);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 3];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(cut_short_anywhere);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(x264_names_itself);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(format_of_a_stream);
    return sr_test_run(__FILE__, tests, count);
}
