#include "pipeline/child_store.h"

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "pipeline/child_json.h"
#include "storage/blob_dir.h"

// s3://BUCKET/KEY is FOLDER/BUCKET/KEY.
static bool open_folder(void *self, const char *url, enum blob_place_use use,
                        struct blob_place *ret_place, struct sr_err *err)
{
    const char *const name = url + 5, *const slash = strchr(name, '/');
    sr_auto(char) char *bucket =
        sr_strf(err, "%s/%.*s", (const char *)self, (int)(slash - name), name);
    (void)use;
    ret_place->key = sr_str_dup(slash + 1, err);
    ret_place->own = true;
    return bucket && ret_place->key && blob_dir_open(bucket, &ret_place->blob, err);
}

struct scene {
    char folder[64];
    struct blob_stores_params stores;
    json_t *job;
    struct child_store *store;
    struct sr_mutex lock;
    struct sr_cond changed;
    json_t *answer;  // under `lock`; NULL: it has not come
};

static void take_answer(void *self, const struct child_frame *frame)
{
    struct scene *const scene = self;
    sr_lock(&scene->lock);
    scene->answer = json_incref(frame->json);
    sr_cond_signal(&scene->changed);
    sr_unlock(&scene->lock);
}

static void put(const struct scene *scene, const char *name, const char *text)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *path = sr_strf(&err, "%s/%s", scene->folder, name);
    sr_auto(char) char *folder = sr_strf(&err, "%.*s", (int)(strrchr(path, '/') - path), path);
    sr_assert_ok(sr_make_folders(folder, &err), err);
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
}

static bool has(const struct scene *scene, const char *name)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *path = sr_strf(&err, "%s/%s", scene->folder, name);
    sr_auto(char) char *text = NULL;
    size_t bytes;
    return sr_file_load(path, 100, &text, &bytes, &err);
}

// A job whose workspace is a whole bucket.
static void begin(struct scene *scene)
{
    struct sr_err err = { 0 };
    *scene = (struct scene){ .folder = "" };
    sr_test_folder(scene->folder);
    put(scene, "work/jobs/j/manifest.json",
        "{\"version\":1,\"input\":\"s3://in/film.mov\",\"output\":\"s3://out/film.mp4\"}");
    put(scene, "work/part", "part");
    put(scene, "out/others", "others");
    put(scene, "in/film.mov", "film");
    scene->stores = (struct blob_stores_params){ .open = open_folder, .open_self = scene->folder };
    scene->job = json_pack("{s:s, s:s}", "id", "j", "workspace", "s3://work/");
    sr_assert_ok(sr_mutex_init(&scene->lock, &err), err);
    sr_assert_ok(sr_cond_init(&scene->changed, &err), err);
    const struct child_store_params params = { .stores = &scene->stores,
                                               .job = scene->job,
                                               .clock = sr_clock_system(),
                                               .answer = take_answer,
                                               .self = scene };
    sr_assert_ok(child_store_new(&params, &scene->store, &err), err);
}

static void end(struct scene *scene)
{
    child_store_free(scene->store);
    sr_cond_done(&scene->changed);
    sr_mutex_done(&scene->lock);
    json_decref(scene->job);
    sr_test_folder_done(scene->folder);
}

// Takes the request. False: what it was refused with.
static bool ask(struct scene *scene, json_t *request, struct sr_err *ret_err)
{
    struct sr_err err = { 0 };
    assert_non_null(request);
    sr_auto(child_frame) struct child_frame frame = { .kind = CHILD_FRAME_REQUEST,
                                                      .json = request };
    sr_assert_ok(child_store_request(scene->store, &frame, &err), err);
    sr_lock(&scene->lock);
    while (!scene->answer)
        (void)sr_cond_wait_us(&scene->changed, &scene->lock, 1000000);  // looked at again
    sr_auto(json) json_t *answer = sr_take(scene->answer);
    sr_unlock(&scene->lock);
    *ret_err = (struct sr_err){ 0 };
    return child_json_raise(answer, ret_err);
}

enum { WORK, OUT, IN };  // in the order in which they are opened

static const struct row {
    const char *name, *op, *to, *from;
    int place, from_place;
    enum sr_err_code code;
} rows[] = {
    { "within the workspace", "copy", "part2", "part", WORK, WORK, SR_OK },
    { "within another's bucket", "copy", "film.mp4", "others", OUT, OUT, SR_ERR_DENIED },
    { "that, as if from the workspace", "copy", "film.mp4", "others", OUT, WORK, SR_ERR_DENIED },
    { "across, of another's", "copy_across", "part2", "others", WORK, OUT, SR_ERR_DENIED },
    { "across, over the input", "copy_across", "film.mov", "part", IN, WORK, SR_ERR_DENIED },
};

static void each_row(void **state)
{
    const struct row *const row = *state;
    static const char *const opens[][2] = { { "s3://work/", "list" },
                                            { "s3://out/film.mp4", "write" },
                                            { "s3://in/film.mov", "read" } };
    static const char *const buckets[] = { "work", "out", "in" };
    struct scene scene;
    struct sr_err err = { 0 };
    begin(&scene);
    for (size_t i = 0; i < SR_TEST_COUNT(opens); i++)
        sr_assert_ok(
            ask(&scene,
                json_pack("{s:s, s:s, s:s}", "op", "open", "url", opens[i][0], "use", opens[i][1]),
                &err),
            err);
    const bool done =
        ask(&scene,
            json_pack("{s:s, s:i, s:s, s:i, s:s, s:b}", "op", row->op, "place", row->place, "key",
                      row->to, "from_place", row->from_place, "from", row->from, "has_attrs", 0),
            &err);
    sr_auto(char) char *made = sr_strf(&err, "%s/%s", buckets[row->place], row->to);
    if (row->code == SR_OK) {
        sr_assert_ok(done, err);
        assert_true(has(&scene, made));
    } else {
        assert_false(done);
        assert_int_equal(err.code, row->code);
        assert_int_equal(has(&scene, made), row->place == IN);
    }
    end(&scene);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows)];
    const size_t count = SR_TEST_ADD(tests, rows, each_row);
    return sr_test_run(__FILE__, tests, count);
}
