// Everything that threads share in a whole job, at once: two jobs on one source in one process,
// four workers each, watched by a third thread, one of them stopped on its way. For TSan (make
// tsan) to look at; the bytes must be those of one worker alone.
#include "base/test.h"

#include <sched.h>

#include "base/io.h"
#include "base/str.h"
#include "base/thread.h"
#include "pipeline/run.h"
#include "transcode/media_log.h"

enum { FRAMES = 150 };

static char folder[64];

static int make_source(void **state)
{
    (void)state;
    media_log_init();
    sr_test_folder(folder);
    char command[512];
    (void)snprintf(command, sizeof(command),
                   "ffmpeg -v error -nostdin -f lavfi -i testsrc2=s=96x64:r=25:d=6 -f lavfi -i "
                   "sine=d=6 -c:v libx264 -preset ultrafast -g 25 -bf 2 -threads 1 -c:a aac "
                   "'%s/in.mp4'",
                   folder);
    assert_int_equal(system(command), 0);
    return 0;
}

static int remove_source(void **state)
{
    (void)state;
    sr_test_folder_done(folder);
    return 0;
}

// One job, and what becomes of it.
struct work {
    const char *output;
    size_t workers;
    const struct sr_cancel *stop;
    struct run_progress progress;
    bool done;
    struct sr_err err;
};

static char *path_of(const char *name)
{
    struct sr_err err = { 0 };
    char *const path = sr_strf(&err, "%s/%s", folder, name);
    assert_non_null(path);
    return path;
}

static void run_work(void *arg)
{
    struct work *const work = arg;
    static const char text[] =
        "{\"version\":1,\"segments\":{\"mode\":\"keyframe\",\"target\":\"1s\"},\"renditions\":["
        "{\"id\":\"v\",\"codec\":\"h264\",\"preset\":\"ultrafast\",\"height\":48},"
        "{\"id\":\"a\",\"codec\":\"aac\"}]}";
    sr_auto(char) char *input = path_of("in.mp4");
    sr_auto(char) char *output = path_of(work->output);
    const struct manifest_params parse = {
        .text = text,
        .bytes = sizeof(text) - 1,
        .input = input,
        .output = output,
    };
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(run_result) struct run_result result = { 0 };
    work->done = manifest_parse(&parse, &manifest, &work->err);
    if (!work->done)
        return;
    const struct run_params params = {
        .manifest = manifest,
        .worker_count = work->workers,
        .memory_bytes = 64 << 20,
        .stop = work->stop,
        .drain_us = 60000000,
        .clock = sr_clock_system(),
        .progress = &work->progress,
    };
    work->done = run_job(&params, &result, &work->err);
}

// Stops a job when half of its pictures are there, or it has ended before.
struct watch {
    struct run_progress *progress;
    struct sr_cancel *stop;
};

static void watch_work(void *arg)
{
    const struct watch *const watch = arg;
    while (atomic_load(&watch->progress->stage) != RUN_ENDED &&
           atomic_load(&watch->progress->frames_done) < FRAMES / 2)
        (void)sched_yield();
    sr_cancel_set(watch->stop);
}

static struct sr_thread *start(sr_thread_fn fn, void *arg)
{
    struct sr_err err = { 0 };
    struct sr_thread *thread = NULL;
    sr_assert_ok(sr_thread_start("test", fn, arg, &thread, &err), err);
    return thread;
}

static void assert_same(const char *a, const char *b)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *a_path = path_of(a);
    sr_auto(char) char *b_path = path_of(b);
    sr_auto(char) char *a_text = NULL;
    sr_auto(char) char *b_text = NULL;
    size_t a_bytes, b_bytes;
    sr_assert_ok(sr_file_load(a_path, 1 << 24, &a_text, &a_bytes, &err), err);
    sr_assert_ok(sr_file_load(b_path, 1 << 24, &b_text, &b_bytes, &err), err);
    assert_int_equal(a_bytes, b_bytes);
    assert_memory_equal(a_text, b_text, a_bytes);
}

static void jobs_side_by_side(void **state)
{
    (void)state;
    static struct work alone = { .output = "alone.mp4", .workers = 1 };
    static struct work whole = { .output = "whole.mp4", .workers = 4 };
    static struct work broken = { .output = "broken.mp4", .workers = 4 };
    struct sr_cancel stop;
    sr_cancel_init(&stop, NULL, NULL, INT64_MAX);
    broken.stop = &stop;
    struct watch watch = { .progress = &broken.progress, .stop = &stop };
    run_work(&alone);
    assert_string_equal(alone.err.message, "");

    struct sr_thread *const threads[] = { start(run_work, &whole), start(run_work, &broken),
                                          start(watch_work, &watch) };
    for (size_t i = 0; i < 3; i++)
        sr_thread_join(threads[i]);
    assert_string_equal(whole.err.message, "");
    assert_int_equal(atomic_load(&whole.progress.frames_done), FRAMES);
    assert_same("alone.mp4", "whole.mp4");

    // Stopped in the middle, or at its very end.
    assert_true(broken.done || broken.err.code == SR_ERR_CANCELLED);
    if (!broken.done) {
        static struct work again = { .output = "broken.mp4", .workers = 4 };
        run_work(&again);
        assert_string_equal(again.err.message, "");
        assert_true(atomic_load(&again.progress.frames_reused) > 0);
    }
    assert_same("alone.mp4", "broken.mp4");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(jobs_side_by_side) };
    return cmocka_run_group_tests_name(__FILE__, tests, make_source, remove_source);
}
