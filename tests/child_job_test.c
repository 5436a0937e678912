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

static void begin(void)
{
    const char *const fixtures = getenv("FIXTURES");
    sr_test_folder(folder);
    sr_test_command("mkdir '%s/in' '%s/out' && cp '%s/closed-gop.mp4' '%s/in/film.mp4'", folder,
                    folder, fixtures && *fixtures ? fixtures : "build/fixtures", folder);
}

// A job of every kind of output, below s3://out/ID.
static void run(struct child_job *job, const char *id)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *name = sr_strf(&err, "out/ws/jobs/%s/manifest.json", id);
    sr_auto(char) char *manifest =
        sr_strf(&err,
                "{\"version\": 1, \"input\": \"s3://in/film.mp4\", \"output\": \"s3://out/%s\", "
                "\"renditions\": [{\"id\": \"v\", \"codec\": \"h264\", \"preset\": \"ultrafast\"}, "
                "{\"id\": \"a\", \"codec\": \"aac\"}], \"outputs\": ["
                "{\"type\": \"hls\", \"path\": \"{name}/hls\", \"use\": [\"v\", \"a\"]}, "
                "{\"type\": \"mp4\", \"path\": \"{name}_{id}.mp4\", \"use\": [\"v\", \"a\"], "
                "\"layout\": \"composed\"}, "
                "{\"type\": \"m4a\", \"path\": \"sound.m4a\", \"use\": [\"a\"]}]}",
                id);
    assert_true(name && manifest);
    put(name, manifest);
    (void)snprintf(job->id, sizeof(job->id), "%s", id);
    child_job_run(job);
    if (job->error)
        fail_msg("%s: %s: %s", id, job->error, job->err.message);
}

static void each_output(void **state)
{
    (void)state;
    static const char *const made[] = { "film/hls/master.m3u8", "film_v.mp4", "sound.m4a",
                                        "report.json" };
    static const struct blob_stores_params stores = { .open = open_folder };
    struct child_job job = { .workspace = "s3://out/ws" };
    begin();
    sr_auto(child) struct child *child = child_job_child(&stores, 0);
    job.child = child;
    run(&job, "j");
    for (size_t i = 0; i < SR_TEST_COUNT(made); i++)
        sr_test_command("test -s '%s/out/j/%s'", folder, made[i]);
    // Another job of the same workspace, with a single output.
    put("out/ws/jobs/k/manifest.json",
        "{\"version\": 1, \"input\": \"s3://in/film.mp4\", \"output\": \"s3://out/k/x.mp4\"}");
    memcpy(job.id, "k", 2);
    child_job_run(&job);
    if (job.error)
        fail_msg("%s: %s", job.error, job.err.message);
    sr_test_command("test -s '%s/out/k/x.mp4' && test -s '%s/out/k/x.report.json'", folder, folder);
    assert_int_equal(child_stop(child), 0);
    sr_test_folder_done(folder);
}

#define TAKE "for f in jobs/j/*.m4s; do cp $f ${f%%.m4s}.json . || exit; done; "

// What another job, or whoever took its process over, has put where parts are looked for, under the
// very names: a job that has its own parts does not meet it. One that shares them does.
static void parts_of_its_own(void **state)
{
    (void)state;
    static const struct blob_stores_params stores = { .open = open_folder };
    struct child_job job = { .workspace = "s3://out/ws", .owns_parts = true };
    begin();
    sr_auto(child) struct child *child = child_job_child(&stores, 0);
    job.child = child;
    run(&job, "j");
    sr_test_command("cd '%s/out/ws' && ls jobs/j/*.m4s && ! ls | grep -v '^jobs$'", folder);
    sr_test_command(
        "cd '%s/out/ws' && mkdir jobs/x && " TAKE
        "for f in *.m4s; do printf x | dd of=$f bs=1 seek=$(($(stat -c %%s $f) - 9)) "
        "conv=notrunc status=none || exit; done && cp -p *.* jobs/x && ls -li *.* >../ls",
        folder);
    run(&job, "k");
    sr_test_command(
        "cd '%s/out' && cmp j/film_v.mp4 k/film_v.mp4 && cmp j/sound.m4a k/sound.m4a && "
        "(cd ws && ls -li *.*) | cmp - ls",
        folder);
    sr_test_command("cd '%s/out/ws' && rm *.* && " TAKE "ls -li *.* >../ls", folder);
    job.owns_parts = false;
    run(&job, "l");
    sr_test_command("cd '%s/out/ws' && ls -li *.* | cmp - ../ls && ! ls jobs/l/*.m4s && "
                    "cmp ../j/film_v.mp4 ../l/film_v.mp4",
                    folder);
    assert_int_equal(child_stop(child), 0);
    sr_test_folder_done(folder);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child_job_main();
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_output),
                                        cmocka_unit_test(parts_of_its_own) };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
