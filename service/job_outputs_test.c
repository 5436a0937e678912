#include "service/job_outputs.h"

#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"

// Manifests with ' for ", and @ for the test's folder; the places, with a space between.
static const struct row {
    const char *name, *manifest, *places;
} rows[] = {
    { "one file", "{'version':1,'input':'s3://in/a.mov','output':'s3://out/x/a b.mp4'}",
      "s3://out/x/a b.mp4|s3://out/x/a b.report.json|s3://work/|" },
    { "a folder with a template",
      "{'version':1,'input':'s3://in/d/a.mov','output':'s3://out/x/','template':'hls-720p'}",
      "s3://out/x|s3://out/x/master.m3u8|s3://out/x/*|s3://out/x/report.json|s3://work/|" },
    { "files of renditions beside the input",
      "{'version':1,'input':'s3://in/d/a.mov','output':'s3://in/d/','renditions':[{'id':'v','codec':'h264'},"
      "{'id':'w','codec':'h264','height':360}],'outputs':[{'type':'mp4','path':'{name}_{id}.mp4','use':['v','w']}]}",
      "s3://in/d/a_v.mp4|s3://in/d/a_w.mp4|s3://in/d/report.json|s3://work/|" },
    { "HLS beside the input",
      "{'version':1,'input':'s3://in/d/a.mov','output':'s3://in/','template':'hls-720p'}",
      "s3://in|s3://in/master.m3u8|s3://in/*|s3://in/report.json|s3://work/|" },
    { "HLS in a folder of its own beside the input",
      "{'version':1,'input':'s3://in/a.mov','output':'s3://in/','renditions':[{'id':'v','codec':'h264'}],"
      "'outputs':[{'type':'hls','path':'{name}','use':['v']}]}",
      "s3://in/a|s3://in/a/master.m3u8|s3://in/a/*|s3://in/report.json|s3://work/|" },
    { "a path to nowhere",
      "{'version':1,'input':'/no-such-folder/a.mov','output':'/no-such-folder/a.mp4'}",
      "/no-such-folder/a.mp4|/no-such-folder/a.report.json|s3://work/|" },
    { "a scheme in capitals", "{'version':1,'input':'S3://in/a.mov','output':'S3://In/b.mp4'}",
      "s3://In/b.mp4|s3://In/b.report.json|s3://work/|" },
    { "what is not there yet, in other words",
      "{'version':1,'input':'@/a.mov','output':'@/.//real/new//./.x/..y/a.mp4'}",
      "@/real/new/.x/..y/a.mp4|@/real/new/.x/..y/a.report.json|s3://work/|" },
    { "paths through links", "{'version':1,'input':'@/link/a.mov','output':'@/link/out/a.mp4'}",
      "@/real/out/a.mp4|@/real/out/a.report.json|s3://work/|" },
};

static char *text_of(const char *text, const char *folder)
{
    struct sr_err err = { 0 };
    struct sr_str out = { 0 };
    for (const char *c = text; *c; c++) {
        if (*c == '@' ? !sr_str_add(&out, folder, &err)
                      : !sr_str_add_bytes(&out, *c == '\'' ? "\"" : c, 1, &err))
            abort();
    }
    return sr_str_take(&out);
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    char folder[64], real[96], link[96];
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(json) json_t *list = NULL;
    sr_auto(sr_str) struct sr_str got = { 0 };
    size_t index;
    const json_t *place;
    sr_test_folder(folder);
    snprintf(real, sizeof real, "%s/real", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    sr_assert_ok(sr_make_folders(real, &err), err);
    assert_int_equal(symlink(real, link), 0);
    sr_auto(char) char *text = text_of(row->manifest, folder);
    sr_auto(char) char *want = text_of(row->places, folder);
    const struct manifest_params params = { .text = text, .bytes = strlen(text) };
    sr_assert_ok(manifest_parse(&params, &manifest, &err), err);
    sr_assert_ok(job_outputs_list(manifest, "s3://work/", &list, &err), err);
    json_array_foreach(list, index, place)
    {
        sr_assert_ok(sr_str_addf(&got, &err, "%s|", json_string_value(place)), err);
    }
    sr_test_folder_done(folder);
    assert_string_equal(got.text, want);
}

static void noted(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(job_store) struct job_store *store = NULL;
    char manifest[] = "{\"version\":1,\"input\":\"s3://in/a.mov\",\"output\":\"s3://in/a.mp4\"}";
    char workspace[] = "s3://in/work/";
    const struct job_row row = { .manifest = manifest, .workspace = workspace };
    static const struct {
        const char *place;
        bool is_own;
    } asked[] = { { "s3://in/a.mp4", true },
                  { "s3://in/a.report.json", true },
                  { "s3://in/work/jobs/1/plan.json", true },
                  { "s3://in/work", false },
                  { "s3://in/a.mov", false } };
    sr_assert_ok(job_store_open(":memory:", &store, &err), err);
    sr_assert_ok(job_outputs_note(store, &row, &err), err);
    for (size_t i = 0; i < SR_TEST_COUNT(asked); i++) {
        bool has;
        sr_assert_ok(job_store_has_output(store, asked[i].place, &has, &err), err);
        if (has != asked[i].is_own)
            fail_msg("%s", asked[i].place);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(noted);
    return sr_test_run(__FILE__, tests, count);
}
