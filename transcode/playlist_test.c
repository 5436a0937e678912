#include "transcode/playlist.h"

#include "base/test.h"
#include "transcode/box.h"

static const struct playlist_segment two_and_a_bit[] = {
    { "s1.m4s", 180180, 600000 },
    { "s2.m4s", 180180, 300000 },
    { "s3.m4s", 1001, 50000 },
};
static const struct playlist_media video = { "init.mp4", 30000, 3, two_and_a_bit, 0 };
static const struct playlist_segment sound[] = { { "a1.m4s", 288000, 96000 },
                                                 { "a2.m4s", 288000, 96000 } };
static const struct playlist_media audio = { "a.mp4", 48000, 2, sound, 0 };

// Spec: RFC 8216 4.3.3.1
static void media_playlist(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str out = { 0 };
    sr_assert_ok(playlist_media_write(&video, &out, &err), err);
    assert_string_equal(out.text, "#EXTM3U\n"
                                  "#EXT-X-VERSION:7\n"
                                  "#EXT-X-TARGETDURATION:6\n"
                                  "#EXT-X-MEDIA-SEQUENCE:0\n"
                                  "#EXT-X-PLAYLIST-TYPE:VOD\n"
                                  "#EXT-X-INDEPENDENT-SEGMENTS\n"
                                  "#EXT-X-MAP:URI=\"init.mp4\"\n"
                                  "#EXTINF:6.006000,\ns1.m4s\n"
                                  "#EXTINF:6.006000,\ns2.m4s\n"
                                  "#EXTINF:0.033367,\ns3.m4s\n"
                                  "#EXT-X-ENDLIST\n");
}

// Spec: RFC 8216 6.2.4: a short one has the target duration of the others.
static void one_target_duration(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str out = { 0 };
    struct playlist_media media = audio;
    media.target_s = playlist_longest_s(&video) + 1;
    sr_assert_ok(playlist_media_write(&media, &out, &err), err);
    sr_assert_contains(out.text, "#EXT-X-TARGETDURATION:7\n");
}

// Spec: RFC 8216 4.1, 4.3.4.2
static void master_playlist(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str out = { 0 };
    const struct playlist_variant variants[] = {
        { "v/1080.m3u8", "avc1.640028,mp4a.40.2", 1920, 1080, { 30000, 1001 }, &video, "SDR" },
        { "v/360.m3u8", "avc1.64001e,mp4a.40.2", 640, 360, { 25, 1 }, &audio, "PQ" },
    };
    // Less over the title, but at once: 120000 * 8 / 6 = 160000 is the peak of the sound.
    static const struct playlist_segment bursts[] = { { "b1.m4s", 288000, 120000 },
                                                      { "b2.m4s", 288000, 6000 },
                                                      { "b3.m4s", 288000, 6000 } };
    static const struct playlist_media burst = { "b.mp4", 48000, 3, bursts, 0 };
    const struct playlist_audio audios[] = { { "a/eng.m3u8", "English", "eng", true, 2, &audio },
                                             { "a/2.m3u8", "Audio 2", "", true, 6, &burst } };
    const struct playlist_master master = { 2, 2, variants, audios };
    sr_assert_ok(playlist_master_write(&master, &out, &err), err);
    // 600000 * 8 / 6.006 = 799200.8; 96000 * 8 / 6 = 128000; the third segment is too short to be a
    // peak, but the second and it make one. 950000 * 8 / (361361 / 30000) = 630947.9.
    assert_string_equal(
        out.text,
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"English\",LANGUAGE=\"eng\",DEFAULT=YES,"
        "AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a/eng.m3u8\"\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio 2\",DEFAULT=NO,"
        "AUTOSELECT=YES,CHANNELS=\"6\",URI=\"a/2.m3u8\"\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=959201,AVERAGE-BANDWIDTH=758948,"
        "CODECS=\"avc1.640028,mp4a.40.2\",RESOLUTION=1920x1080,FRAME-RATE=29.970,VIDEO-RANGE=SDR,"
        "AUDIO=\"audio\"\nv/1080.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=288000,AVERAGE-BANDWIDTH=256000,"
        "CODECS=\"avc1.64001e,mp4a.40.2\",RESOLUTION=640x360,FRAME-RATE=25.000,VIDEO-RANGE=PQ,"
        "AUDIO=\"audio\"\nv/360.m3u8\n");
}

static void audio_alone_has_no_picture(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str out = { 0 };
    const struct playlist_variant variant = { .uri = "a.m3u8",
                                              .codecs = "mp4a.40.2",
                                              .media = &audio };
    sr_assert_ok(
        playlist_master_write(&(struct playlist_master){ 1, 0, &variant, NULL }, &out, &err), err);
    sr_assert_contains(out.text,
                       "BANDWIDTH=128000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\n");
}

// A playlist's sums stay at the title's length however many segments were rounded.
static void durations_do_not_drift(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static struct playlist_segment segments[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        segments[i] = (struct playlist_segment){ "s.m4s", 1, 1 };
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str out = { 0 };
    const struct playlist_media media = { "i.mp4", 3, COUNT, segments, 0 };
    sr_assert_ok(playlist_media_write(&media, &out, &err), err);
    double sum = 0;
    for (const char *at = out.text; (at = strstr(at, "#EXTINF:")); at++)
        sum += strtod(at + 8, NULL);
    assert_true(sum > 999.9999999 && sum < 1000.0000001);
}

static const struct bad_row {
    const char *name;
    struct playlist_media media;
} bad_rows[] = {
    { "no segment", { "i", 1, 0, two_and_a_bit, 0 } },
    { "no timescale", { "i", 0, 1, two_and_a_bit, 0 } },
    { "no init", { "", 1, 1, two_and_a_bit, 0 } },
    { "quote in a URI", { "i\"", 1, 1, two_and_a_bit, 0 } },
    { "new line in a URI",
      { "i", 1, 1, (const struct playlist_segment[]){ { "a\nb", 1, 1 } }, 0 } },
    { "comment as a URI", { "i", 1, 1, (const struct playlist_segment[]){ { "#a", 1, 1 } }, 0 } },
    { "no duration", { "i", 1, 1, (const struct playlist_segment[]){ { "a", 0, 1 } }, 0 } },
};

static void each_bad(void **state)
{
    const struct bad_row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str out = { 0 };
    sr_assert_fails(playlist_media_write(&row->media, &out, &err), SR_ERR_INVALID, err);
}

static void names_in_a_group_differ(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str out = { 0 };
    const struct playlist_variant variant = { .uri = "a", .codecs = "c", .media = &audio };
    const struct playlist_audio audios[] = { { "1", "same", "", false, 1, &audio },
                                             { "2", "same", "", false, 1, &audio } };
    const struct playlist_master master = { 1, 2, &variant, audios };
    sr_assert_fails(playlist_master_write(&master, &out, &err), SR_ERR_INVALID, err);
}

static const struct codec_row {
    const char *name, *entry, *config;
    size_t fields;
    uint8_t data[40];
    size_t bytes;
    const char *want;  // NULL: an error
    enum sr_err_code code;
} codec_rows[] = {
    // Spec: RFC 6381 3.3
    { "avc", "avc1", "avcC", 78, { 1, 0x64, 0, 0x28, 0xff }, 5, "avc1.640028", SR_OK },
    { "avc, cut", "avc1", "avcC", 78, { 1, 0x64, 0 }, 3, NULL, SR_ERR_INVALID },
    // Spec: ISO/IEC 14496-15 E.3
    { "hevc main",
      "hvc1",
      "hvcC",
      78,
      { 1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93 },
      13,
      "hvc1.1.6.L93.90",
      SR_OK },
    { "hevc main 10, high tier",
      "hev1",
      "hvcC",
      78,
      { 1, 0x22, 0x20, 0, 0, 0, 0xb0, 0, 0x04, 0, 0, 0, 153 },
      13,
      "hev1.2.4.H153.B0.0.4",
      SR_OK },
    { "av1 10 bit", "av01", "av1C", 78, { 0x81, 0x04, 0x4c, 0 }, 4, "av01.0.04M.10", SR_OK },
    { "vp9", "vp09", "vpcC", 78, { 1, 0, 0, 0, 2, 31, 0xa2 }, 7, "vp09.02.31.10", SR_OK },
    { "aac",
      "mp4a",
      "esds",
      28,
      { 0,    0,    0, 0, 3, 0x80, 0x80, 0x80, 25, 0, 1, 0, 4, 0x80, 0x80, 0x80, 17,
        0x40, 0x15, 0, 0, 0, 0,    0,    0,    0,  0, 0, 0, 0, 5,    2,    0x12, 0x10 },
      34,
      "mp4a.40.2",
      SR_OK },
    { "mp3",
      "mp4a",
      "esds",
      28,
      { 0, 0, 0, 0, 3, 18, 0, 1, 0, 4, 13, 0x6b, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
      24,
      "mp4a.6B",
      SR_OK },
    { "aac, no decoder config",
      "mp4a",
      "esds",
      28,
      { 0, 0, 0, 0, 3, 18, 0, 1, 0, 4, 13, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
      24,
      NULL,
      SR_ERR_INVALID },
    { "descriptor without end",
      "mp4a",
      "esds",
      28,
      { 0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 0x80, 1 },
      10,
      NULL,
      SR_ERR_INVALID },
    { "opus", "Opus", "dOps", 28, { 0 }, 11, "Opus", SR_OK },
    { "ac3", "ac-3", "dac3", 28, { 0 }, 3, "ac-3", SR_OK },
    { "another config", "ac-3", "dec3", 28, { 0 }, 3, NULL, SR_ERR_INVALID },
    { "shorter than its fields",
      "avc1",
      "avcC",
      20,
      { 1, 0x64, 0, 0x28 },
      4,
      NULL,
      SR_ERR_INVALID },
    { "unknown", "zzzz", "zzzC", 28, { 0 }, 3, NULL, SR_ERR_UNSUPPORTED },
};

static void each_codec(void **state)
{
    const struct codec_row *row = *state;
    static const char *const path[] = { "moov", "trak", "mdia", "minf", "stbl" };
    struct sr_err err = { 0 };
    sr_auto(box_writer) struct box_writer out = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(path); i++)
        box_begin(&out, path[i]);
    box_begin_full(&out, "stsd", 0, 0);
    box_u32(&out, 1);
    box_begin(&out, row->entry);
    for (size_t i = 0; i < row->fields; i++)
        box_data(&out, "", 1);
    box_begin(&out, row->config);
    box_data(&out, row->data, row->bytes);
    for (size_t i = 0; i < SR_TEST_COUNT(path) + 3; i++)
        box_end(&out);
    sr_assert_ok(box_writer_ok(&out, &err), err);

    char name[64] = "";
    const uint8_t *const init = (const uint8_t *)out.bytes.text;
    if (row->want) {
        sr_assert_ok(playlist_codec_name(init, out.bytes.bytes, name, &err), err);
        assert_string_equal(name, row->want);
    } else {
        sr_assert_fails(playlist_codec_name(init, out.bytes.bytes, name, &err), row->code, err);
    }
    for (size_t cut = 0; cut < out.bytes.bytes; cut++)
        sr_assert_fails(playlist_codec_name(init, cut, name, &err), SR_ERR_INVALID, err);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(bad_rows) + SR_TEST_COUNT(codec_rows) + 6];
    size_t count = SR_TEST_ADD(tests, bad_rows, each_bad);
    count += SR_TEST_ADD(tests + count, codec_rows, each_codec);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(media_playlist);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(master_playlist);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(one_target_duration);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(audio_alone_has_no_picture);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(durations_do_not_drift);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(names_in_a_group_differ);
    return sr_test_run(__FILE__, tests, count);
}
