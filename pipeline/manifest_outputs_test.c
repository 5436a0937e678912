// Whether two outputs of a manifest would have one name.
#include "base/test.h"
#include "pipeline/manifest.h"

#define V "{'id':'v','codec':'h264'}"
#define W "{'id':'w','codec':'h264'}"
#define A "{'id':'a','codec':'aac'}"
#define B "{'id':'b','codec':'aac'}"
#define MP4(path, use) "{'type':'mp4','path':'" path "','use':[" use "]}"
#define M4A(path, use) "{'type':'m4a','path':'" path "','use':[" use "]}"
#define HLS(path) "{'type':'hls','path':'" path "','use':['v','a']}"

static const struct row {
    const char *name;
    const char *outputs;
    bool is_good;
} rows[] = {
    { "one name, two outputs", MP4("x.mp4", "'v'") "," MP4("x.mp4", "'w'"), false },
    { "a name for each rendition", MP4("{id}.mp4", "'v'") "," MP4("{id}.mp4", "'w'"), true },
    { "sound in both", MP4("{id}.mp4", "'v','a'") "," MP4("{id}.mp4", "'w','a'"), true },
    { "one rendition twice", MP4("{id}.mp4", "'v','w'") "," MP4("{id}.mp4", "'w'"), false },
    { "one rendition, other sound", MP4("{id}.mp4", "'v','a'") "," MP4("{id}.mp4", "'v','b'"),
      false },
    { "sound alone", M4A("{id}.m4a", "'a'") "," M4A("{id}.m4a", "'b'"), true },
    { "sound alone twice", M4A("{id}.m4a", "'a'") "," M4A("{id}.m4a", "'a'"), false },
    { "pictures, and their sound", MP4("{id}.mp4", "'v','a'") "," MP4("{id}.mp4", "'a'"), true },
    { "three", MP4("{id}.mp4", "'v'") "," MP4("{id}.mp4", "'w'") "," MP4("{id}.mp4", "'v'"),
      false },
    { "folders", HLS("{id}/") "," HLS("{id}/"), false },
    { "other folders", HLS("one/") "," HLS("two/"), true },
    { "a folder and a file", HLS("x") "," MP4("x", "'v'"), false },
    { "only {name} in it", MP4("{name}.mp4", "'v'") "," MP4("{name}.mp4", "'w'"), false },
};

static void each_row(void **state)
{
    const struct row *const row = *state;
    struct sr_err err = { 0 };
    char text[2048];
    snprintf(text, sizeof(text),
             "{'version':1,'input':'f.mov','output':'o/','renditions':[" V "," W "," A "," B
             "],'outputs':[%s]}",
             row->outputs);
    sr_test_quotes(text);
    const struct manifest_params params = { .text = text, .bytes = strlen(text) };
    sr_auto(manifest) struct manifest *manifest = NULL;
    if (row->is_good) {
        sr_assert_ok(manifest_parse(&params, &manifest, &err), err);
        return;
    }
    sr_assert_fails(manifest_parse(&params, &manifest, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "is taken by another output");
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows)];
    const size_t count = SR_TEST_ADD(tests, rows, each_row);
    return sr_test_run(__FILE__, tests, count);
}
