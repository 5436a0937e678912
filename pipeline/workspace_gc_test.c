#include "pipeline/workspace_gc.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "storage/blob_dir.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// What lies in a folder, as seconds since 1970; collected is what is older than 1000 s.
static const struct row {
    const char *name;
    time_t stored_s;
    bool is_removed;
} rows[] = {
    { "ws/" KEY ".m4s", 999, true },
    { "ws/" KEY ".json", 999, true },
    { "ws/f" KEY ".json", 1, false },  // a letter too many
    { "ws/" KEY ".mp4", 1, false },
    { "ws/" KEY, 1, false },
    { "ws/1"
      "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.m4s",
      1001, false },
    { "ws/jobs/1f/publish.json", 999, true },
    { "ws/jobs/1f/film.mp4", 1, false },
    { "ws/jobs/1f/x/publish.json", 1, false },
    { "ws/jobs/2f/plan.json", 1001, false },
    { "ws/publish.json", 999, true },  // of a folder's
    { "ws/jobs/1f/results/12-5/manifest.json", 999, true },
    { "ws/results/12-5/SUCCEEDED_0.json", 999, true },
    { "ws/results/12-5/film.mp4", 1, false },
    { "ws/results/manifest.json", 1, false },
    { "ws/results/x/manifest.json", 1, false },
    { "ws/jobs/7/" KEY ".m4s", 999, true },
    { "ws/jobs/8/" KEY ".m4s", 1001, false },
    { "ws/jobs/7/deep/" KEY ".m4s", 1, false },
    { "ws/" KEY ".m4s.77-0.part", 999, true },
    { "ws/plan.json.77-12.part", 1001, false },
    { "ws/film.mov.77-0.part", 1, false },
    { "ws/deep/" KEY ".m4s", 1, false },
    { "ws/film.mov", 1, false },
    { "ws2/" KEY ".m4s", 1, false },  // another workspace
};

struct scene {
    char folder[64];
    struct blob blob;
    unsigned told;
};

static char *path_of(const struct scene *scene, const char *name)
{
    struct sr_err err = { 0 };
    char *const path = sr_strf(&err, "%s/%s", scene->folder, name);
    assert_non_null(path);
    return path;
}

static void begin(struct scene *scene)
{
    struct sr_err err = { 0 };
    *scene = (struct scene){ 0 };
    sr_test_folder(scene->folder);
    sr_assert_ok(blob_dir_open(scene->folder, &scene->blob, &err), err);
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        const struct timespec times[2] = { { .tv_sec = rows[i].stored_s },
                                           { .tv_sec = rows[i].stored_s } };
        sr_auto(char) char *path = path_of(scene, rows[i].name);
        char etag[BLOB_ETAG_BYTES];
        const struct blob_put put = { .key = rows[i].name, .data = "1234567", .bytes = 7 };
        sr_assert_ok(blob_put(&scene->blob, &put, etag, &err), err);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
}

static void end(struct scene *scene)
{
    blob_close(&scene->blob);
    sr_test_folder_done(scene->folder);
}

static bool count(void *self, const struct blob_entry *entry, struct sr_err *err)
{
    (void)err;
    assert_int_equal(entry->bytes, 7);
    ((struct scene *)self)->told++;
    return true;
}

static void assert_left(struct scene *scene, bool all)
{
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        sr_auto(char) char *path = path_of(scene, rows[i].name);
        struct stat status;
        if ((stat(path, &status) == 0) != (all || !rows[i].is_removed))
            fail_msg("%s", rows[i].name);
    }
}

static void takes_only_what_is_old_and_ours(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    struct workspace_gc_result result;
    begin(&scene);
    struct workspace_gc_params params = { .blob = &scene.blob,
                                          .prefix = "ws",
                                          .before_us = 1000 * INT64_C(1000000),
                                          .dry_run = true,
                                          .each = count,
                                          .self = &scene };
    sr_assert_ok(workspace_gc(&params, &result, &err), err);
    assert_int_equal(result.stale, 8);
    assert_int_equal(result.stale_bytes, 56);
    assert_int_equal(result.left, 4);
    assert_int_equal(scene.told, 8);
    assert_left(&scene, true);
    params.dry_run = false;
    params.prefix = "ws/";
    sr_assert_ok(workspace_gc(&params, &result, &err), err);
    assert_int_equal(result.stale, 8);
    assert_left(&scene, false);
    sr_assert_ok(workspace_gc(&params, &result, &err), err);
    assert_int_equal(result.stale, 0);
    params.before_us = INT64_MAX;
    sr_assert_ok(workspace_gc(&params, &result, &err), err);
    assert_int_equal(result.stale, 4);
    end(&scene);
}

// However old: a writer that is at work keeps its file.
static void a_live_writer_keeps_its_file(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene = { 0 };
    struct workspace_gc_result result;
    sr_test_folder(scene.folder);
    sr_assert_ok(blob_dir_open(scene.folder, &scene.blob, &err), err);
    sr_auto(char) char *path = path_of(&scene, KEY ".m4s");
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(sr_file_writer_open(path, &writer, &err), err);
    const struct workspace_gc_params params = { .blob = &scene.blob,
                                                .prefix = "",
                                                .before_us = INT64_MAX };
    sr_assert_ok(workspace_gc(&params, &result, &err), err);
    assert_int_equal(result.stale, 0);
    sr_assert_ok(writer.ops->publish(writer.self, &err), err);
    end(&scene);
}

// More than a listing's page has.
static void many_pages(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene = { 0 };
    struct workspace_gc_result result;
    enum { MANY = 2100 };
    sr_test_folder(scene.folder);
    sr_assert_ok(blob_dir_open(scene.folder, &scene.blob, &err), err);
    for (unsigned i = 0; i < MANY; i++) {
        sr_auto(char) char *name = sr_strf(&err, "%064x.m4s", i);
        sr_auto(char) char *path = path_of(&scene, name);
        const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    const struct workspace_gc_params params = { .blob = &scene.blob,
                                                .prefix = "",
                                                .before_us = INT64_MAX };
    sr_assert_ok(workspace_gc(&params, &result, &err), err);
    assert_int_equal(result.stale, MANY);
    struct sr_cancel stop;
    sr_cancel_init(&stop, NULL, NULL, INT64_MAX);
    sr_cancel_set(&stop);
    struct workspace_gc_params stopped = params;
    stopped.cancel = &stop;
    sr_assert_fails(workspace_gc(&stopped, &result, &err), SR_ERR_CANCELLED, err);
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_only_what_is_old_and_ours),
        cmocka_unit_test(a_live_writer_keeps_its_file),
        cmocka_unit_test(many_pages),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
