#include "pipeline/child_reach.h"

#include "base/hash.h"
#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "storage/blob_dir.h"

static char folder[64];  // s3://any/KEY is FOLDER/KEY

static bool open_folder(void *self, const char *url, enum blob_place_use use,
                        struct blob_place *ret_place, struct sr_err *err)
{
    (void)self;
    (void)use;
    const char *const slash = strchr(url + 5, '/');
    ret_place->key = sr_str_dup(slash ? slash + 1 : "", err);
    ret_place->own = true;
    return ret_place->key && blob_dir_open(folder, &ret_place->blob, err);
}

static const struct blob_stores_params stores = { .open = open_folder };

#define RENDITIONS                                                                                 \
    "\"renditions\":[{\"id\":\"v\",\"codec\":\"h264\"},{\"id\":\"a\",\"codec\":\"aac\"}]"
#define ONE                                                                                         \
    "{\"version\":1,\"input\":\"s3://in/film.mov\",\"output\":\"s3://out/films/x.mp4\"," RENDITIONS \
    "}"
#define HTTP "{\"version\":1,\"input\":\"http://h/film.mov?key=secret\",\"output\":\"/tmp/x.mp4\"}"
#define MANY                                                                                       \
    "{\"version\":1,\"input\":\"s3://in/film.mov\",\"output\":\"s3://out/films/\"," RENDITIONS "," \
    "\"outputs\":[{\"type\":\"hls\",\"path\":\"{name}/hls\",\"use\":[\"v\",\"a\"]},"               \
    "{\"type\":\"mp4\",\"path\":\"{name}_{id}.mp4\",\"use\":[\"v\"]},"                             \
    "{\"type\":\"m4a\",\"path\":\"sound.m4a\",\"use\":[\"a\"]}]}"
#define TOP                                                                                        \
    "{\"version\":1,\"input\":\"/f.mov\",\"output\":\"s3://out\"," RENDITIONS ","                  \
    "\"outputs\":[{\"type\":\"hls\",\"path\":\".\",\"use\":[\"v\",\"a\"]}]}"

#define IN_WORKSPACE                                                                               \
    "{\"version\":1,\"input\":\"s3://in/film.mov\",\"output\":\"s3://work/ws\"," RENDITIONS ","    \
    "\"outputs\":[{\"type\":\"hls\",\"path\":\".\",\"use\":[\"v\",\"a\"]}]}"
#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

enum { READ = 1, WRITE = 2, LIST = 4 };
static const struct row {
    const char *name;
    const char *manifest;
    const char *workspace;  // NULL: a folder
    const char *url;
    int may;
    bool owns_parts;
} rows[] = {
    { "the input is read", ONE, NULL, "s3://in/film.mov", READ, false },
    { "not its neighbours", ONE, NULL, "s3://in/film.mov2", 0, false },
    { "nor its bucket", ONE, NULL, "s3://in/", 0, false },
    { "an input over http", HTTP, NULL, "http://h/film.mov?key=secret", READ, false },
    { "with another query", HTTP, NULL, "http://h/film.mov?key=other", 0, false },
    { "of another host", HTTP, NULL, "http://169.254.169.254/latest/", 0, false },
    { "the output", ONE, NULL, "s3://out/films/x.mp4", READ | WRITE | LIST, false },
    { "its report", ONE, NULL, "s3://out/films/x.report.json", READ | WRITE | LIST, false },
    { "another film there", ONE, NULL, "s3://out/films/y.mp4", 0, false },
    { "the folder of it", ONE, NULL, "s3://out/films/", 0, false },
    { "another bucket", ONE, NULL, "s3://secret/x.mp4", 0, false },
    { "no store at all", ONE, NULL, "/etc/passwd", 0, false },
    { "a playlist", MANY, NULL, "s3://out/films/film/hls/master.m3u8", READ | WRITE | LIST, false },
    { "a media segment", MANY, NULL, "s3://out/films/film/hls/v/seg_00001.m4s", READ | WRITE | LIST,
      false },
    { "beside the playlists", MANY, NULL, "s3://out/films/film/hls2/master.m3u8", 0, false },
    { "a rendition's file", MANY, NULL, "s3://out/films/film_v.mp4", READ | WRITE | LIST, false },
    { "another name's", MANY, NULL, "s3://out/films/other_v.mp4", 0, false },
    { "one without an id", MANY, NULL, "s3://out/films/sound.m4a", READ | WRITE | LIST, false },
    { "longer than that", MANY, NULL, "s3://out/films/sound.m4a.bak", LIST, false },
    { "the folder's report", MANY, NULL, "s3://out/films/report.json", READ | WRITE | LIST, false },
    { "a whole bucket, if it says so", TOP, NULL, "s3://out/v/init.mp4", READ | WRITE | LIST,
      false },
    { "a part", ONE, "s3://work/ws", "s3://work/ws/00ff.m4s", READ | WRITE | LIST, false },
    { "all parts", ONE, "s3://work/ws/", "s3://work/ws/", READ | WRITE | LIST, false },
    { "another workspace", ONE, "s3://work/ws", "s3://work/ws2/00ff.m4s", 0, false },
    { "a note", ONE, "s3://work/ws", "s3://work/ws/jobs/j/plan.json", READ | WRITE | LIST, false },
    { "the manifest stays", ONE, "s3://work/ws", "s3://work/ws/jobs/j/manifest.json", READ | LIST,
      false },
    { "another job's note", ONE, "s3://work/ws", "s3://work/ws/jobs/k/plan.json", 0, false },
    { "another job's name", ONE, "s3://work/ws", "s3://work/ws/jobs/j2/plan.json", 0, false },
    { "its own part", ONE, "s3://work/ws", "s3://work/ws/jobs/j/" KEY ".m4s", READ | WRITE | LIST,
      true },
    { "its own parts", ONE, "s3://work/ws/", "s3://work/ws/jobs/j/", READ | WRITE | LIST, true },
    { "its own notes beside them", ONE, "s3://work/ws", "s3://work/ws/jobs/j/plan.json",
      READ | WRITE | LIST, true },
    { "its manifest beside them", ONE, "s3://work/ws", "s3://work/ws/jobs/j/manifest.json",
      READ | LIST, true },
    { "a part of all", ONE, "s3://work/ws", "s3://work/ws/" KEY ".m4s", 0, true },
    { "the parts of all", ONE, "s3://work/ws", "s3://work/ws/", 0, true },
    { "another job's own part", ONE, "s3://work/ws", "s3://work/ws/jobs/k/" KEY ".json", 0, true },
    { "another job's own, to who shares", ONE, "s3://work/ws", "s3://work/ws/jobs/k/" KEY ".m4s", 0,
      false },
    { "an output in the workspace", IN_WORKSPACE, "s3://work/ws", "s3://work/ws/report.json",
      READ | WRITE | LIST, true },
    { "a part of all among outputs", IN_WORKSPACE, "s3://work/ws", "s3://work/ws/" KEY ".json", 0,
      true },
};

// The manifest is where the workspace has it.
static json_t *begin(const struct row *row)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *path =
        sr_strf(&err, "%s/ws/%smanifest.json", folder, row->workspace ? "jobs/j/" : "");
    sr_auto(char) char *local = sr_strf(&err, "%s/ws", folder);
    sr_assert_ok(sr_file_store(path, row->manifest, strlen(row->manifest), &err), err);
    uint8_t digest[SR_SHA256_BYTES];
    char hex[SR_SHA256_HEX];
    sr_assert_ok(sr_sha256(row->manifest, strlen(row->manifest), digest, &err), err);
    sr_hex(digest, sizeof(digest), hex);
    return json_pack("{s:s, s:s, s:s, s:b}", "id", "j", "workspace",
                     row->workspace ? row->workspace : local, "manifest_sha256", hex, "own_parts",
                     row->owns_parts);
}

static void each_row(void **state)
{
    const struct row *const row = *state;
    struct sr_err err = { 0 };
    sr_test_folder(folder);
    sr_auto(json) json_t *job = begin(row);
    struct remote *made = NULL;
    struct child_reach *reached = NULL;
    sr_assert_ok(remote_new(&(struct remote_params){ .stores = &stores }, &made, &err), err);
    sr_auto(remote) struct remote *remote = made;
    const struct jx at = jx_root(job);
    sr_assert_ok(child_reach_new(&at, remote, &reached, &err), err);
    sr_auto(child_reach) struct child_reach *reach = reached;
    static const struct {
        int bit;
        enum child_reach_use use;
    } uses[] = { { READ, CHILD_REACH_READ },
                 { WRITE, CHILD_REACH_WRITE },
                 { LIST, CHILD_REACH_LIST } };
    for (size_t i = 0; i < SR_TEST_COUNT(uses); i++) {
        err = (struct sr_err){ 0 };
        const bool may = child_reach_check(reach, row->url, uses[i].use, &err);
        if (may != ((row->may & uses[i].bit) != 0))
            fail_msg("use %d of %s: %s", (int)uses[i].use, row->url, may ? "it may" : err.message);
        if (!may) {
            assert_int_equal(err.code, SR_ERR_DENIED);
            assert_null(strstr(err.message, "key="));  // may be secret
        }
    }
    sr_test_folder_done(folder);
}

static const struct bad_row {
    const char *name;
    const char *id, *workspace, *file;  // NULL: not said; the workspace below the folder
    const char *manifest;
    enum sr_err_code code;
    const char *sha256;  // NULL: not said
} bad_rows[] = {
    { "no id", NULL, "ws", NULL, ONE, SR_ERR_INVALID, NULL },
    { "an id that leads elsewhere", "../j", "ws", NULL, ONE, SR_ERR_INVALID, NULL },
    { "a manifest that does", "j", "ws", "../x.json", ONE, SR_ERR_INVALID, NULL },
    { "no workspace", "j", NULL, NULL, ONE, SR_ERR_INVALID, NULL },
    { "no manifest", "j", "none", NULL, ONE, SR_ERR_NOT_FOUND, NULL },
    { "one that says nothing", "j", "ws", NULL, "{}", SR_ERR_INVALID, NULL },
    { "one that is no JSON", "j", "ws", NULL, "s3://", SR_ERR_INVALID, NULL },
    { "another one than the job's", "j", "ws", NULL, ONE, SR_ERR_DENIED, KEY },
    { "a digest that is none", "j", "ws", NULL, ONE, SR_ERR_INVALID, KEY "0" },
    { "an empty digest", "j", "ws", NULL, ONE, SR_ERR_INVALID, "" },
};

static void each_bad_row(void **state)
{
    const struct bad_row *const row = *state;
    struct sr_err err = { 0 };
    sr_test_folder(folder);
    json_decref(begin(&(const struct row){ .name = row->name, .manifest = row->manifest }));
    sr_auto(char) char *workspace =
        row->workspace ? sr_strf(&err, "%s/%s", folder, row->workspace) : NULL;
    sr_auto(json) json_t *job =
        json_pack("{s:s*, s:s*, s:s*, s:s*}", "id", row->id, "workspace", workspace, "manifest",
                  row->file, "manifest_sha256", row->sha256);
    struct remote *made = NULL;
    struct child_reach *reach = NULL;
    sr_assert_ok(remote_new(&(struct remote_params){ .stores = &stores }, &made, &err), err);
    sr_auto(remote) struct remote *remote = made;
    const struct jx at = jx_root(job);
    sr_assert_fails(child_reach_new(&at, remote, &reach, &err), row->code, err);
    assert_null(reach);
    sr_test_folder_done(folder);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(bad_rows)];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    count += SR_TEST_ADD(tests + count, bad_rows, each_bad_row);
    return sr_test_run(__FILE__, tests, count);
}
