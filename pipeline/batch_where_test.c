// Conditions row by row, against documents as `splitreel probe --json` gives them.
#include "pipeline/batch_where.h"

#include <string.h>

#include "base/test.h"

static const char film[] =
    "{\"format\":\"mov,mp4,m4a\",\"bytes\":1000,\"duration_us\":90000000,\"video_stream\":1,\"streams\":["
    "{\"index\":0,\"kind\":\"audio\",\"codec\":\"aac\",\"language\":\"eng\",\"audio\":{\"sample_rate\":48000,\"channels\":2}},"
    "{\"index\":1,\"kind\":\"video\",\"codec\":\"h264\",\"profile\":\"High\",\"video\":{\"width\":1920,\"height\":1080,"
    "\"rate\":\"30000/1001\",\"bit_depth\":8,\"pixel_format\":\"yuv420p\",\"field_order\":\"progressive\"}}]}";
static const char sound[] =
    "{\"format\":\"flac\",\"bytes\":10,\"duration_us\":null,\"video_stream\":null,\"streams\":["
    "{\"index\":0,\"kind\":\"audio\",\"codec\":\"flac\",\"audio\":{\"sample_rate\":44100,\"channels\":1}}]}";

static const struct {
    const char *text;
    bool of_film, of_sound;
} rows[] = {
    { "height>=1080", true, false },
    { "height>1080", false, false },
    { "height<=1080", true, false },
    { "height<1080", false, false },
    { "height=1080", true, false },
    { "height==1080", true, false },
    { "height!=1080", false, true },
    { "width=1920", true, false },
    { "rate=29.97", true, false },
    { "rate=30000/1001", true, false },
    { "rate<30", true, false },
    { "codec=h264", true, false },
    { "codec!=h264", false, true },
    { "codec=h26", false, false },
    { "audio_codec=flac", false, true },
    { "channels<2", false, true },
    { "sample_rate>=48000", true, false },
    { "language=eng", true, false },
    { "duration>1m", true, false },
    { "duration<=90", true, false },
    { "duration<1.5m", false, false },
    { "format=mp4", true, false },
    { "format=mp", false, false },
    { "bytes<500", false, true },
    { "bit_depth=8", true, false },
    { "pixel_format=yuv420p", true, false },
    { "profile=High", true, false },
    { "field_order=progressive", true, false },
};

static void each_row(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *one = NULL;
    sr_auto(json) json_t *other = NULL;
    sr_assert_ok(jx_parse(film, strlen(film), false, &one, &err), err);
    sr_assert_ok(jx_parse(sound, strlen(sound), false, &other, &err), err);
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        struct batch_where where;
        sr_assert_ok(batch_where_parse(rows[i].text, &where, &err), err);
        if (batch_where_holds(&where, one) != rows[i].of_film ||
            batch_where_holds(&where, other) != rows[i].of_sound)
            fail_msg("%s", rows[i].text);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        { "", "there are width" },       { "hight>1", "there are width" },
        { "height", "want =" },          { "height~3", "there are width" },
        { "height>", "no value" },       { "height>tall", "no value" },
        { "height>=1080p", "no value" }, { "codec<h264", "takes = and !=" },
        { "codec=", "no value" },        { "duration>soon", "no value" },
        { "rate=fast", "no value" },     { "height=>3", "no value" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(bad); i++) {
        struct sr_err err = { 0 };
        struct batch_where where;
        sr_assert_fails(batch_where_parse(bad[i][0], &where, &err), SR_ERR_INVALID, err);
        sr_assert_contains(err.message, bad[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_row), cmocka_unit_test(refused) };
    return cmocka_run_group_tests_name("batch_where", tests, NULL, NULL);
}
