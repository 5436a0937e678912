// Spec: P3 after a kill amid publishing the same command ends well; another's file is nobody's to take.
#include "base/test.h"

#include "base/io.h"
#include "base/str.h"
#include "pipeline/publish_note.h"

struct scene {
    char folder[64], final[96];
    struct workspace *workspace;
    struct job *job;
};

static void put(const char *path, const char *text)
{
    struct sr_err err = { 0 };
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
}

// A job that is about to publish one file with the bytes "mine".
static void set_up(struct scene *scene)
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    sr_test_folder(scene->folder);
    (void)snprintf(scene->final, sizeof(scene->final), "%s/x.mp4", scene->folder);
    char folder[96];
    (void)snprintf(folder, sizeof(folder), "%s/ws", scene->folder);
    sr_assert_ok(
        workspace_open(&(struct workspace_params){ .folder = folder }, &scene->workspace, &err),
        err);
    scene->job = calloc(1, sizeof(*scene->job));
    assert_non_null(scene->job);
    scene->job->workspace = scene->workspace;
    scene->job->plan_json = json_pack("{s:i}", "plan", 1);
    scene->job->file_count = 2;
    scene->job->files[0].final =
        sr_str_dup(scene->final, &err);  // the second goes to standard output
    sr_assert_ok(sr_sha256("mine", 4, digest, &err), err);
    sr_hex(digest, sizeof(digest), scene->job->files[0].sha256);
}

static void tear_down(struct scene *scene)
{
    job_free(scene->job);
    workspace_free(scene->workspace);
    sr_test_folder_done(scene->folder);
}

static bool allows(const struct scene *scene, bool is_hls)
{
    struct sr_err err = { 0 };
    bool answer = !is_hls;
    sr_assert_ok(publish_note_allows(scene->job, scene->final, is_hls, &answer, &err), err);
    return answer;
}

static void only_its_own_bytes(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    set_up(&scene);
    put(scene.final, "mine");
    assert_false(allows(&scene, false));  // no note
    sr_assert_ok(publish_note_write(scene.job, &err), err);
    assert_true(allows(&scene, false));
    assert_true(allows(&scene, true));
    put(scene.final, "precious");
    assert_false(allows(&scene, false));
    put(scene.final, "mine");
    publish_note_remove(scene.job);
    assert_false(allows(&scene, false));
    tear_down(&scene);
}

static void not_of_another_plan_or_place(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    set_up(&scene);
    put(scene.final, "mine");
    sr_assert_ok(publish_note_write(scene.job, &err), err);
    assert_int_equal(json_object_set_new(scene.job->plan_json, "plan", json_integer(2)), 0);
    assert_false(allows(&scene, false));
    assert_false(allows(&scene, true));
    assert_int_equal(json_object_set_new(scene.job->plan_json, "plan", json_integer(1)), 0);
    (void)snprintf(scene.final, sizeof(scene.final), "%s/y.mp4", scene.folder);
    put(scene.final, "mine");
    assert_false(allows(&scene, false));
    tear_down(&scene);
}

static void not_of_a_damaged_note(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    set_up(&scene);
    put(scene.final, "mine");
    sr_auto(char) char *note = sr_strf(&err, "%s/publish.json", workspace_folder(scene.workspace));
    static const char *const texts[] = { "", "{", "[]", "{\"plan\":7}",
                                         "{\"plan\":null,\"files\":{}}" };
    for (size_t i = 0; i < SR_TEST_COUNT(texts); i++) {
        put(note, texts[i]);
        assert_false(allows(&scene, false));
    }
    tear_down(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_its_own_bytes),
        cmocka_unit_test(not_of_another_plan_or_place),
        cmocka_unit_test(not_of_a_damaged_note),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
