// Jobs that something goes wrong with: each ends with the same bytes as without it, or fails with
// nothing to be seen; what a killed process has left open is ended by the next start.
#include "tests/s3_job.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "tests/title.h"
#include "transcode/media_log.h"

// Changes the object as soon as the job encodes.
struct changer {
    struct run_progress progress;
    const char *path;
};
static void *change(void *arg)
{
    struct changer *const changer = arg;
    while (atomic_load(&changer->progress.stage) < RUN_ENCODING)
        (void)poll(NULL, 0, 1);
    s3_job_put_file(changer->path, "in/changes.mp4");
    return NULL;
}

static void a_source_that_changes(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("main-60s.mp4");
    struct changer *const changer = calloc(1, sizeof(*changer));
    pthread_t thread;
    changer->path = path;
    s3_job_clear("out/");
    s3_job_put_file(path, "in/changes.mp4");
    sr_auto(char) char *other = s3_job_fixture("closed-gop.mp4");
    changer->path = other;
    assert_int_equal(pthread_create(&thread, NULL, change, changer), 0);
    const struct s3_job_how how = { .input = S3_JOB_BUCKET "in/changes.mp4",
                                    .output = S3_JOB_BUCKET "out/changes.mp4",
                                    .progress = &changer->progress };
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_fails(s3_job_run(&how, &result, &err), SR_ERR_CONFLICT, err);
    sr_assert_contains(err.message, "changed");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(s3_job_count_below("out/"), 0);
    assert_int_equal(s3_job_open_uploads(), 0);
    free(changer);
}

// Spec: an unexplained difference is VERIFY, and nothing is published.
static void a_part_that_is_damaged(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("rotated.mp4");
    sr_auto(char) char *folder = s3_job_scratch("damaged");
    s3_job_clear("out/");
    struct s3_job_how how = { .input = path,
                              .output = S3_JOB_BUCKET "out/d.mp4",
                              .workspace = "damaged",
                              .rendition = "{'id':'v','codec':'h264','preset':'ultrafast','crf':5}",
                              .keep = true };
    s3_job_run_ok(&how);
    s3_job_clear("out/");
    // One bit near the end of each part: sizes and headers stay.
    sr_auto(char) char *command =
        sr_strf(&err,
                "cd '%s' && for f in *.m4s; do printf '\\377' | dd of=$f bs=1 conv=notrunc "
                "seek=$(($(stat -c %%s $f) - 9)) 2>/dev/null; done",
                folder);
    assert_int_equal(system(command), 0);
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_fails(s3_job_run(&how, &result, &err), SR_ERR_VERIFY, err);
    assert_int_equal(s3_job_count_below("out/"), 0);
    assert_int_equal(s3_job_open_uploads(), 0);
}

// Faults -----------------------------------------------------------------------------------------
static const struct fault_row {
    const char *name;
    struct fault_plan plan;
    bool is_fatal;  // when it hits every connection
} fault_rows[] = {
    { "refused", { FAULT_REFUSE, 0, 2, 0 }, true },
    { "503", { FAULT_503, 0, 2, 0 }, true },
    { "500", { FAULT_500, 0, 2, 0 }, true },
    { "reset while sending", { FAULT_RESET_IN, 60000, 2, 0 }, true },
    { "reset while receiving", { FAULT_RESET_OUT, 60000, 2, 0 }, true },
    { "body cut short", { FAULT_CUT, 60000, 2, 0 }, true },
    { "stall while sending", { FAULT_STALL_IN, 60000, 2, 0 }, true },
    { "stall while receiving", { FAULT_STALL_OUT, 60000, 2, 0 }, true },
    { "a bit turned while sending", { FAULT_FLIP_IN, 60000, 2, 0 }, false },
    { "latency", { FAULT_LATENCY, 0, 1, 0 }, false },
    { "small pieces", { FAULT_SLOW, 0, 1, 0 }, false },
    { "slow reader", { FAULT_READER, 0, 1, 0 }, false },
    { "burst of 503", { FAULT_503, 0, 1, 5 }, true },
    { "burst of 500", { FAULT_500, 0, 1, 5 }, true },
    { "longer than it says", { FAULT_SHORTER, 0, 2, 0 }, true },
    { "shorter than it says", { FAULT_LONGER, 0, 2, 0 }, true },
};

// Faults of jobs that send in other ways.
enum kind { KIND_HLS, KIND_PARTS_IN_A_STORE, KIND_COUNT };
static const struct kind_row {
    const char *name;
    enum kind kind;
    struct fault_plan plan;
} kind_rows[] = {
    { "HLS: refused", KIND_HLS, { FAULT_REFUSE, 0, 2, 0 } },
    { "HLS: burst of 503", KIND_HLS, { FAULT_503, 0, 1, 5 } },
    { "HLS: reset while sending", KIND_HLS, { FAULT_RESET_IN, 20000, 2, 0 } },
    { "HLS: body cut short", KIND_HLS, { FAULT_CUT, 60000, 2, 0 } },
    { "parts in a store: 500", KIND_PARTS_IN_A_STORE, { FAULT_500, 0, 2, 0 } },
    { "parts in a store: reset while sending",
      KIND_PARTS_IN_A_STORE,
      { FAULT_RESET_IN, 60000, 2, 0 } },
    { "parts in a store: reset while receiving",
      KIND_PARTS_IN_A_STORE,
      { FAULT_RESET_OUT, 60000, 2, 0 } },
    { "parts in a store: a bit turned", KIND_PARTS_IN_A_STORE, { FAULT_FLIP_IN, 60000, 2, 0 } },
    { "parts in a store: shorter than it says", KIND_PARTS_IN_A_STORE, { FAULT_LONGER, 0, 2, 0 } },
};
#define PARTS S3_JOB_BUCKET ".splitreel"

// Through the proxy. A bit that is turned in a head, not in a body, may make a request that is
// refused for good (403 SignatureDoesNotMatch): then the job fails cleanly, and its next start ends
// it.
static void run_through(struct s3_job_how *how, const struct fault_plan *plan)
{
    struct sr_err err = { 0 };
    sr_auto(run_result) struct run_result result = { 0 };
    fault_proxy_plan(s3_job()->proxy, *plan);
    if (plan->fault != FAULT_FLIP_IN) {
        s3_job_run_ok(how);
    } else if (!s3_job_run(how, &result, &err)) {
        if (err.code != SR_ERR_DENIED)
            fail_msg("%s (%s)", err.message, sr_err_row(err.code)->name);
        assert_int_equal(s3_job_count_below("out/"), 0);
        assert_int_equal(s3_job_open_uploads(), 0);
        const char *const endpoint = how->endpoint;
        how->endpoint = NULL;
        s3_job_run_ok(how);
        how->endpoint = endpoint;
    }
    assert_true(fault_proxy_hits(s3_job()->proxy) > 0);
}

static void other_kinds(void **state)
{
    const struct kind_row *const row = *state;
    const bool is_hls = row->kind == KIND_HLS;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("rotated.mp4");
    sr_auto(char) char *local = s3_job_scratch(is_hls ? "kinds" : "kinds.mp4");
    const char *const template = is_hls ? "hls-720p" : NULL;
    s3_job_put_file(path, "in/f.mp4");
    s3_job_clear("out/");
    s3_job_clear(".splitreel/");
    s3_job_run_ok(&(struct s3_job_how){
        .input = path, .output = local, .template_name = template, .overwrite = true });
    struct s3_job_how how = { .input = S3_JOB_BUCKET "in/f.mp4",
                              .output = is_hls ? S3_JOB_BUCKET "out/k/" : S3_JOB_BUCKET "out/k.mp4",
                              .template_name = template,
                              .workspace = is_hls ? NULL : PARTS,
                              .endpoint = fault_proxy_url(s3_job()->proxy) };
    run_through(&how, &row->plan);
    if (is_hls)
        assert_true(s3_job_assert_same_tree(local, "out/k/") > 5);
    else
        s3_job_assert_same(local, "out/k.mp4");
    assert_int_equal(s3_job_open_uploads(), 0);
    s3_job_clear("out/");
    if (row->plan.fault == FAULT_FLIP_IN)
        return;
    struct fault_plan plan = row->plan;
    plan.every = 1;
    plan.burst = 0;
    how.gives_up = true;
    fault_proxy_plan(s3_job()->proxy, plan);
    sr_auto(run_result) struct run_result result = { 0 };
    assert_false(s3_job_run(&how, &result, &err));
    assert_true(sr_err_row(err.code)->retry);
    // What no playlist names is not published; the next start sends it again.
    assert_false(s3_job_is_there("out/k/master.m3u8"));
    assert_false(s3_job_is_there("out/k/report.json"));
    assert_false(s3_job_is_there("out/k.mp4"));
    assert_false(s3_job_is_there("out/k.report.json"));
    how.endpoint = NULL;
    s3_job_run_ok(&how);
    if (is_hls)
        assert_true(s3_job_assert_same_tree(local, "out/k/") > 5);
    else
        s3_job_assert_same(local, "out/k.mp4");
    assert_int_equal(s3_job_open_uploads(), 0);
}

static void through_faults(void **state)
{
    const struct fault_row *const row = *state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("rotated.mp4");
    sr_auto(char) char *local = s3_job_scratch("faults.mp4");
    s3_job_put_file(path, "in/f.mp4");
    s3_job_clear("out/");
    s3_job_run_ok(&(struct s3_job_how){ .input = path, .output = local, .overwrite = true });
    struct s3_job_how how = { .input = S3_JOB_BUCKET "in/f.mp4",
                              .output = S3_JOB_BUCKET "out/f.mp4",
                              .endpoint = fault_proxy_url(s3_job()->proxy) };
    run_through(&how, &row->plan);
    s3_job_assert_same(local, "out/f.mp4");
    assert_true(s3_job_is_there("out/f.report.json"));
    s3_job_clear("out/");
    if (!row->is_fatal)
        return;
    struct fault_plan plan = row->plan;
    plan.every = 1;
    plan.burst = 0;
    how.gives_up = true;
    fault_proxy_plan(s3_job()->proxy, plan);
    sr_auto(run_result) struct run_result result = { 0 };
    assert_false(s3_job_run(&how, &result, &err));
    if (!sr_err_row(err.code)->retry)
        fail_msg("%s (%s)", err.message, sr_err_row(err.code)->name);
    assert_int_equal(s3_job_count_below("out/"), 0);
    // The next start goes on from there, and ends what was left open.
    how.endpoint = NULL;
    s3_job_run_ok(&how);
    s3_job_assert_same(local, "out/f.mp4");
    assert_int_equal(s3_job_open_uploads(), 0);
}

// Killed processes -------------------------------------------------------------------------------
static const struct kill_row {
    const char *name;
    const char *fixture, *output;  // the second a key
    const char *template_name, *rendition, *workspace;
    enum fault fault;  // that only makes it slow
    uint64_t bytes;    // that have gone out when it is killed
    bool has_upload;   // that is open then, at least one: a lost answer may have begun two
    bool is_composed;  // by the store, from parts that it has
} kill_rows[] = {
    { "killed: an MP4", "main-60s.mp4", "out/k.mp4", NULL, S3_JOB_LARGE, "killed", FAULT_SLOW,
      2 << 20, true, false },
    { "killed: HLS", "rotated.mp4", "out/k/", "hls-720p", NULL, "killed", FAULT_READER, 40 << 10,
      false, false },
    { "killed: parts in a store", "main-60s.mp4", "out/k.mp4", NULL, S3_JOB_LARGE, PARTS,
      FAULT_SLOW, 2 << 20, false, false },
    { "killed: composed", "main-60s.mp4", "out/k.mp4", NULL, S3_JOB_LARGE, PARTS, FAULT_SLOW,
      12 << 20, false, true },
};

// `workspace`: a path, or the row's own.
static struct s3_job_how how_of(const struct kill_row *row, const char *output,
                                const char *workspace, const char *endpoint)
{
    return (struct s3_job_how){ .input = S3_JOB_BUCKET "in/k.mp4",
                                .output = output,
                                .template_name = row->template_name,
                                .rendition = row->rendition,
                                .workspace = workspace,
                                .endpoint = endpoint,
                                .is_composed = row->is_composed };
}

// What the child runs.
static int job_only(size_t index, const char *endpoint, const char *workspace)
{
    struct sr_err err = { 0 };
    const struct kill_row *const row = &kill_rows[index];
    sr_auto(run_result) struct run_result result = { 0 };
    sr_auto(char) char *output = sr_strf(&err, S3_JOB_BUCKET "%s", row->output);
    const struct s3_job_how how = how_of(row, output, workspace, endpoint);
    return s3_job_run(&how, &result, &err) ? 0 : 1;
}

static void run_and_kill(const struct kill_row *row, const char *workspace)
{
    char index[8];
    snprintf(index, sizeof(index), "%d", (int)(row - kill_rows));
    fault_proxy_plan(s3_job()->proxy, (struct fault_plan){ row->fault, 0, 1, 0 });
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "s3_job_faults_test", "job", index,
              fault_proxy_url(s3_job()->proxy), workspace, NULL);
        _exit(127);
    }
    int status = 0;
    while (fault_proxy_bytes_in(s3_job()->proxy) < row->bytes &&
           waitpid(child, &status, WNOHANG) == 0)
        (void)poll(NULL, 0, 1);  // the runner's own time limit ends it
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

// A process that is killed while it uploads leaves nothing that is published; the next run goes on
// and leaves no upload open.
static void killed(void **state)
{
    const struct kill_row *const row = *state;
    struct sr_err err = { 0 };
    const bool is_hls = row->template_name != NULL;
    const bool is_local = !strchr(row->workspace, ':');
    sr_auto(char) char *path = s3_job_fixture(row->fixture);
    sr_auto(char) char *local = s3_job_scratch(is_hls ? "killed-hls" : "killed.mp4");
    sr_auto(char) char *workspace =
        is_local ? s3_job_scratch(row->workspace) : sr_str_dup(row->workspace, &err);
    sr_auto(char) char *output = sr_strf(&err, S3_JOB_BUCKET "%s", row->output);
    struct s3_job_how how = how_of(row, local, NULL, NULL);
    how.overwrite = true;
    s3_job_put_file(path, "in/k.mp4");
    s3_job_clear("out/");
    s3_job_clear(".splitreel/");
    s3_job_run_ok(&how);
    run_and_kill(row, workspace);
    assert_false(s3_job_is_there("out/k.mp4"));
    assert_false(s3_job_is_there("out/k.report.json"));
    assert_false(s3_job_is_there("out/k/master.m3u8"));
    assert_false(s3_job_is_there("out/k/report.json"));
    if (row->has_upload)
        assert_true(s3_job_open_uploads() > 0);
    sr_auto(run_result) struct run_result result = { 0 };
    how = how_of(row, output, workspace, NULL);
    sr_assert_ok(s3_job_run(&how, &result, &err), err);
    if (is_hls)
        assert_true(s3_job_assert_same_tree(local, "out/k/") > 5);
    else
        s3_job_assert_same(local, row->output);
    // An upload of a part in a shared workspace could be another's: it is left for a day, or to
    // `gc`.
    s3_job_clear(".splitreel/");
    assert_int_equal(s3_job_open_uploads(), 0);
}

// Asks to stop as soon as bytes of the output are on their way.
struct stopper {
    struct run_progress progress;
    struct sr_cancel stop;
};
static void *stop_it(void *arg)
{
    struct stopper *const stopper = arg;
    while (atomic_load(&stopper->progress.stage) < RUN_ENDED &&
           fault_proxy_bytes_in(s3_job()->proxy) < 2 << 20)
        (void)poll(NULL, 0, 1);
    sr_cancel_set(&stopper->stop);
    return NULL;
}

static void stopped(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = s3_job_fixture("main-60s.mp4");
    struct stopper *const stopper = calloc(1, sizeof(*stopper));
    pthread_t thread;
    s3_job_clear("out/");
    sr_cancel_init(&stopper->stop, NULL, sr_clock_system(), INT64_MAX);
    fault_proxy_plan(s3_job()->proxy, (struct fault_plan){ FAULT_LATENCY, 0, 1, 0 });
    assert_int_equal(pthread_create(&thread, NULL, stop_it, stopper), 0);
    struct s3_job_how how = { .input = path,
                              .output = S3_JOB_BUCKET "out/stopped.mp4",
                              .endpoint = fault_proxy_url(s3_job()->proxy),
                              .rendition = S3_JOB_LARGE,
                              .workspace = "killed",
                              .progress = &stopper->progress,
                              .stop = &stopper->stop };
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_fails(s3_job_run(&how, &result, &err), SR_ERR_CANCELLED, err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(s3_job_count_below("out/"), 0);
    assert_int_equal(s3_job_open_uploads(), 0);
    free(stopper);
}

int main(int argc, char **argv)
{
    media_log_init();
    if (argc == 5 && strcmp(argv[1], "job") == 0)
        return job_only(strtoul(argv[2], NULL, 10), argv[3], argv[4]);
    const int ended = s3_job_begin();
    if (ended >= 0)
        return ended;
    static struct CMUnitTest
        tests[SR_TEST_COUNT(fault_rows) + SR_TEST_COUNT(kind_rows) + SR_TEST_COUNT(kill_rows) + 3];
    size_t count = SR_TEST_ADD(tests, fault_rows, through_faults);
    count += sr_test_add_rows(tests + count, kind_rows, SR_TEST_COUNT(kind_rows),
                              sizeof(kind_rows[0]), other_kinds);
    count += sr_test_add_rows(tests + count, kill_rows, SR_TEST_COUNT(kill_rows),
                              sizeof(kill_rows[0]), killed);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(stopped);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_source_that_changes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_part_that_is_damaged);
    const int failed = sr_test_run(__FILE__, tests, count);
    s3_job_end();
    return failed;
}
