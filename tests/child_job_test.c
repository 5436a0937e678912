// A job whose source, outputs and workspace are all in stores, in the process that a worker runs
// tasks in: it reaches everything that it needs through its parent, and that is what its job names.
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "storage/blob_dir.h"
#include "tests/child_job.h"

static char folder[64];  // s3://any/KEY is FOLDER/any/KEY

static bool open_folder(void *self, const char *url, enum blob_place_use use,
                        struct blob_place *ret_place, struct sr_err *err)
{
    (void)self;
    (void)use;
    const char *const slash = strchr(url + 5, '/');
    sr_auto(char) char *bucket =
        sr_strf(err, "%s/%.*s", folder, slash ? (int)(slash - url - 5) : 0, url + 5);
    ret_place->key = sr_str_dup(slash ? slash + 1 : "", err);
    ret_place->own = true;
    return bucket && ret_place->key && blob_dir_open(bucket, &ret_place->blob, err);
}

static void put(const char *name, const char *text)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *path = sr_strf(&err, "%s/%s", folder, name);
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
}

static void each_output(void **state)
{
    (void)state;
    static const char *const made[] = { "film/hls/master.m3u8", "film_v.mp4", "sound.m4a",
                                        "report.json" };
    static const struct blob_stores_params stores = { .open = open_folder };
    struct child_job job = { .id = "j", .workspace = "s3://out/ws" };
    const char *const fixtures = getenv("FIXTURES");
    sr_test_folder(folder);
    sr_test_command("mkdir '%s/in' '%s/out' && cp '%s/closed-gop.mp4' '%s/in/film.mp4'", folder,
                    folder, fixtures && *fixtures ? fixtures : "build/fixtures", folder);
    put("out/ws/jobs/j/manifest.json",
        "{\"version\": 1, \"input\": \"s3://in/film.mp4\", \"output\": \"s3://out/films\", "
        "\"renditions\": [{\"id\": \"v\", \"codec\": \"h264\", \"preset\": \"ultrafast\"}, "
        "{\"id\": \"a\", \"codec\": \"aac\"}], \"outputs\": ["
        "{\"type\": \"hls\", \"path\": \"{name}/hls\", \"use\": [\"v\", \"a\"]}, "
        "{\"type\": \"mp4\", \"path\": \"{name}_{id}.mp4\", \"use\": [\"v\", \"a\"], "
        "\"layout\": \"composed\"}, "
        "{\"type\": \"m4a\", \"path\": \"sound.m4a\", \"use\": [\"a\"]}]}");
    sr_auto(child) struct child *child = child_job_child(&stores, 0);
    job.child = child;
    child_job_run(&job);
    if (job.error)
        fail_msg("%s: %s", job.error, job.err.message);
    for (size_t i = 0; i < SR_TEST_COUNT(made); i++)
        sr_test_command("test -s '%s/out/films/%s'", folder, made[i]);
    // Another job of the same workspace, with a single output: the parts are there.
    put("out/ws/jobs/k/manifest.json",
        "{\"version\": 1, \"input\": \"s3://in/film.mp4\", \"output\": \"s3://out/films/x.mp4\"}");
    memcpy(job.id, "k", 2);
    child_job_run(&job);
    if (job.error)
        fail_msg("%s: %s", job.error, job.err.message);
    sr_test_command("test -s '%s/out/films/x.mp4' && test -s '%s/out/films/x.report.json'", folder,
                    folder);
    assert_int_equal(child_stop(child), 0);
    sr_test_folder_done(folder);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child_job_main();
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_output) };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
