// Playlists row by row: what they name, and what is refused of them.
#include "pipeline/hls_playlist.h"

#include <string.h>

#include "base/str.h"
#include "base/test.h"

#define HEAD "#EXTM3U\n#EXT-X-VERSION:7\n"
#define MEDIA(lines)                                                                               \
    HEAD "#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"init.mp4\"\n" lines "#EXT-X-ENDLIST\n"
#define SEGMENT(uri) "#EXTINF:6.000000,\n" uri "\n"
#define VARIANT(uri) "#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1,mp4a\",AUDIO=\"a\"\n" uri "\n"
#define SOUND(uri) "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x, URI=y\",URI=\"" uri "\"\n"

static const struct row {
    const char *name, *text;
    enum sr_err_code code;
    const char *words;  // of the error
    size_t count;
    const char *first;  // name of the first entry
} rows[] = {
    { "two segments", MEDIA(SEGMENT("a.m4s") SEGMENT("b.m4s")), SR_OK, "", 2, "v/a.m4s" },
    { "carriage returns", "#EXTM3U\r\n#EXTINF:1,\r\na.m4s\r\n", SR_OK, "", 1, "v/a.m4s" },
    { "no last line feed", HEAD "#EXTINF:1,\na.m4s", SR_OK, "", 1, "v/a.m4s" },
    { "what is not known", MEDIA("#EXT-X-NEW:1\n# words\n\n" SEGMENT("a.m4s")), SR_OK, "", 1,
      "v/a.m4s" },
    { "variants and sound", HEAD SOUND("aac/m.m3u8") VARIANT("720p/m.m3u8"), SR_OK, "", 2,
      "v/aac/m.m3u8" },
    { "a variant twice", HEAD VARIANT("m.m3u8") VARIANT("m.m3u8"), SR_OK, "", 1, "v/m.m3u8" },
    { "sound of two groups",
      HEAD SOUND("s.m3u8")
          SOUND("s.m3u8") "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"b\",URI=\"s.m3u8\"\n",
      SR_OK, "", 2, "v/s.m3u8" },
    { "sound within the variants",
      HEAD VARIANT("m.m3u8") "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x\"\n", SR_OK, "", 2,
      "v/m.m3u8" },
    { "subtitles are passed over",
      HEAD "#EXT-X-MEDIA:TYPE=SUBTITLES,URI=\"s.m3u8\"\n" VARIANT("m.m3u8"), SR_OK, "", 1,
      "v/m.m3u8" },
    { "up and down again", MEDIA(SEGMENT("../w/./a.m4s")), SR_OK, "", 1, "w/a.m4s" },
    { "encoded", MEDIA(SEGMENT("a%20b.m4s")), SR_OK, "", 1, "v/a b.m4s" },
    // Names that leave the folder.
    { "up", MEDIA(SEGMENT("../../a.m4s")), SR_ERR_INVALID, "line 6", 0, NULL },
    { "up, encoded", MEDIA(SEGMENT("%2e%2e/%2E./a.m4s")), SR_ERR_INVALID, "leaves the folder", 0,
      NULL },
    { "up, a slash encoded", MEDIA(SEGMENT("..%2f..%2fa.m4s")), SR_ERR_INVALID, "leaves", 0, NULL },
    { "up, behind a name", MEDIA(SEGMENT("a/../../../b")), SR_ERR_INVALID, "leaves", 0, NULL },
    { "from the root", MEDIA(SEGMENT("/etc/passwd")), SR_ERR_INVALID, "leaves", 0, NULL },
    { "from the root, encoded", MEDIA(SEGMENT("%2fetc/passwd")), SR_ERR_INVALID, "leaves", 0,
      NULL },
    { "a URL", MEDIA(SEGMENT("http://host/a.m4s")), SR_ERR_INVALID, "leaves", 0, NULL },
    { "a file's URL", MEDIA(SEGMENT("file:a.m4s")), SR_ERR_INVALID, "leaves", 0, NULL },
    { "an init segment's", HEAD "#EXT-X-MAP:URI=\"../../i.mp4\"\n", SR_ERR_INVALID, "leaves", 0,
      NULL },
    { "sound's", HEAD SOUND("../../m.m3u8"), SR_ERR_INVALID, "leaves", 0, NULL },
    { "NUL", MEDIA(SEGMENT("a%00.m4s")), SR_ERR_INVALID, "line 6", 0, NULL },
    { "a line feed", MEDIA(SEGMENT("a%0a.m4s")), SR_ERR_INVALID, "control", 0, NULL },
    { "no name", MEDIA(SEGMENT("..")), SR_ERR_INVALID, "without a name", 0, NULL },
    // No playlists, or others' kinds.
    { "nothing", "", SR_ERR_INVALID, "nothing", 0, NULL },
    { "no head", "a.m4s\n", SR_ERR_INVALID, "no playlist", 0, NULL },
    { "no segment", MEDIA(""), SR_ERR_INVALID, "nothing in it", 0, NULL },
    { "a URI alone", HEAD "a.m4s\n", SR_ERR_INVALID, "line 3", 0, NULL },
    { "a segment without a URI", MEDIA("#EXTINF:1,\n" SEGMENT("a.m4s")), SR_ERR_INVALID,
      "line 6: the tag before it has no URI", 0, NULL },
    { "the last one without", MEDIA(SEGMENT("a.m4s") "#EXTINF:1,\n"), SR_ERR_INVALID,
      "the last tag has no URI", 0, NULL },
    { "a variant without a URI", HEAD "#EXT-X-STREAM-INF:BANDWIDTH=1\n" VARIANT("m.m3u8"),
      SR_ERR_INVALID, "line 4: the tag before it has no URI", 0, NULL },
    { "words for a length", MEDIA("#EXTINF:long,\na.m4s\n"), SR_ERR_INVALID, "want seconds", 0,
      NULL },
    { "a length below zero", MEDIA("#EXTINF:-1,\na.m4s\n"), SR_ERR_INVALID, "want seconds", 0,
      NULL },
    { "a map without a URI", HEAD "#EXT-X-MAP:\n", SR_ERR_INVALID, "EXT-X-MAP", 0, NULL },
    { "a quote that does not end", HEAD "#EXT-X-MAP:URI=\"a\n", SR_ERR_INVALID, "EXT-X-MAP", 0,
      NULL },
    { "encrypted", MEDIA("#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n" SEGMENT("a")), SR_ERR_UNSUPPORTED,
      "encrypted", 0, NULL },
    { "not encrypted", MEDIA("#EXT-X-KEY:METHOD=NONE\n" SEGMENT("a")), SR_OK, "", 1, "v/a" },
    { "ranges", MEDIA("#EXT-X-BYTERANGE:5@0\n" SEGMENT("a")), SR_ERR_UNSUPPORTED, "ranges", 0,
      NULL },
    { "a range of the init segment", HEAD "#EXT-X-MAP:URI=\"i\",BYTERANGE=\"5@0\"\n",
      SR_ERR_UNSUPPORTED, "range", 0, NULL },
    { "two init segments", MEDIA("#EXT-X-MAP:URI=\"i\"\n" SEGMENT("a")), SR_ERR_UNSUPPORTED,
      "second", 0, NULL },
    { "a discontinuity", MEDIA("#EXT-X-DISCONTINUITY\n" SEGMENT("a")), SR_ERR_UNSUPPORTED,
      "discont", 0, NULL },
};

static void each_row(void **state)
{
    const struct row *const row = *state;
    struct sr_err err = { 0 };
    sr_auto(hls_playlist) struct hls_playlist playlist = { 0 };
    // At the end of a buffer of its own, so that a read behind it is seen.
    const size_t bytes = strlen(row->text);
    char *const text = malloc(bytes ? bytes : 1);
    assert_non_null(text);
    memcpy(text, row->text, bytes);
    const bool done = hls_playlist_parse(text, bytes, "v/list.m3u8", &playlist, &err);
    free(text);
    assert_int_equal(err.code, row->code);
    assert_int_equal(done, row->code == SR_OK);
    sr_assert_contains(err.message, row->words);
    assert_int_equal(playlist.count, row->count);
    if (row->first)
        assert_string_equal(playlist.item[0].name, row->first);
}

static void what_it_says(void **state)
{
    static const char media[] = MEDIA("#EXTINF:5.994667,title\na.m4s\n"),
                      master[] = HEAD SOUND("s.m3u8") VARIANT("v.m3u8");
    struct sr_err err = { 0 };
    (void)state;
    sr_auto(hls_playlist) struct hls_playlist one = { 0 }, other = { 0 };
    sr_assert_ok(hls_playlist_parse(media, strlen(media), "m.m3u8", &one, &err), err);
    assert_false(one.is_master);
    assert_true(one.has_end);
    assert_string_equal(one.init, "init.mp4");
    assert_int_equal(one.target_s, 6);
    assert_int_equal(one.item[0].duration_us, 5994667);
    sr_assert_ok(hls_playlist_parse(master, strlen(master), "m.m3u8", &other, &err), err);
    assert_true(other.is_master);
    assert_false(other.has_end);
    assert_null(other.init);
    assert_true(other.item[0].is_sound);
    assert_string_equal(other.item[0].group, "a");
    assert_false(other.item[1].is_sound);
    assert_string_equal(other.item[1].group, "a");
}

static void too_many(void **state)
{
    struct sr_err err = { 0 };
    (void)state;
    sr_auto(sr_str) struct sr_str text = { 0 };
    sr_auto(hls_playlist) struct hls_playlist playlist = { 0 };
    sr_assert_ok(sr_str_add(&text, HEAD, &err), err);
    for (int i = 0; i <= HLS_PLAYLIST_ENTRIES_MAX; i++)
        sr_assert_ok(sr_str_add(&text, "#EXTINF:1,\na\n", &err), err);
    sr_assert_fails(hls_playlist_parse(text.text, text.bytes, "m", &playlist, &err), SR_ERR_LIMIT,
                    err);
}

// A master playlist's are compared with each other.
static void too_many_variants(void **state)
{
    struct sr_err err = { 0 };
    (void)state;
    sr_auto(sr_str) struct sr_str text = { 0 };
    sr_auto(hls_playlist) struct hls_playlist playlist = { 0 };
    sr_assert_ok(sr_str_add(&text, HEAD, &err), err);
    for (int i = 0; i <= HLS_PLAYLIST_MASTER_MAX; i++)
        sr_assert_ok(sr_str_addf(&text, &err, VARIANT("%d"), i), err);
    sr_assert_fails(hls_playlist_parse(text.text, text.bytes, "m", &playlist, &err), SR_ERR_LIMIT,
                    err);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 3];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_it_says);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_many);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_many_variants);
    return sr_test_run(__FILE__, tests, count);
}
