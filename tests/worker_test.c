// A worker against the service itself: tasks that succeed, fail, crash, are lost, handed back, or
// outlive a restart of the server. The program is its own child process.
#include "pipeline/worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "pipeline/child_main.h"
#include "tests/service_world.h"

#define SECOND_US INT64_C(1000000)
#define ARN SERVICE_WORLD_ARN

// In the child ------------------------------------------------------------------------------------
static struct child_world child_world;

static bool open_child(const struct child_world *given, void **ret_self, struct sr_err *err)
{
    (void)err;
    child_world = *given;
    *ret_self = &child_world;
    return true;
}

// {"file": PATH}: until the file is there.
static bool wait_for_file(const json_t *params, struct sr_err *err)
{
    const char *const path = json_string_value(json_object_get(params, "file"));
    while (access(path, F_OK) != 0) {
        if (!sr_cancel_check(child_world.cancel, err))
            return false;
        (void)poll(NULL, 0, 5);
    }
    return true;
}

// More and more, until it is stopped.
static void eat_memory(void)
{
    enum { STEP = 8 << 20 };
    for (;;) {
        void *const more =
            mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (more != MAP_FAILED)  // else it has all that it gets, and keeps it
            memset(more, 1, STEP);
        (void)poll(NULL, 0, 1);
    }
}

static bool run_child(void *self, const char *activity, const json_t *params, json_t **ret_result,
                      struct sr_err *err)
{
    const char *const what = json_string_value(json_object_get(params, "do"));
    (void)self;
    if (!what)
        return sr_fail(err, SR_ERR_INVALID, "nothing to do");
    const char *const path = json_string_value(json_object_get(params, "began"));
    if (path && !sr_file_store(path, "", 0, err))
        return false;
    if (strcmp(what, "fail") == 0)
        return sr_fail(err, SR_ERR_INPUT, "the file ends too early");
    if (strcmp(what, "crash") == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        abort();
    }
    if (strcmp(what, "segfault") == 0) {
        char *const page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *(volatile char *)page = 1;
    }
    if (strcmp(what, "eat") == 0)
        eat_memory();
    if (strcmp(what, "spin") == 0) {
        for (volatile unsigned i = 0;; i++)
            ;
    }
    if (strcmp(what, "wait") == 0 && !wait_for_file(params, err))
        return false;
    sr_info(child_world.log, "an echo");
    *ret_result = json_pack("{s:s, s:i, s:O?}", "activity", activity, "pid", (int)getpid(), "value",
                            json_object_get(params, "value"));
    return jx_made(*ret_result, err);
}

// The worker --------------------------------------------------------------------------------------
struct work {
    struct worker_params params;
    struct worker_activity activities[2];
    struct sfn_client *client;
    struct sr_cancel stop;
    struct sr_thread *thread;
    struct sr_mutex lock;
    json_t *events;  // array, under `lock`
    struct sr_log log;
    FILE *lines;
    char *text;  // of the log
    size_t bytes;
};

static void keep_event(void *self, const json_t *event)
{
    struct work *const work = self;
    sr_lock(&work->lock);
    assert_int_equal(json_array_append(work->events, (json_t *)(uintptr_t)event), 0);
    sr_unlock(&work->lock);
}

static void run_worker(void *arg)
{
    struct work *const work = arg;
    struct sr_err err = { 0 };
    sr_assert_ok(worker_run(&work->params, &work->stop, &err), err);
}

static void work_begin(struct work *work, const struct service_world *world, int64_t grace_us)
{
    static const char *const argv[] = { "/proc/self/exe", "child", NULL };
    struct sr_err err = { 0 };
    *work = (struct work){
        .activities = { { "heavy", ARN "activity:heavy", 60 * SECOND_US, SECOND_US / 5, true },
                        { "light", ARN "activity:light", 60 * SECOND_US, SECOND_US / 5, false } },
        .client = service_world_client(world),
        .events = json_array(),
    };
    sr_assert_ok(sr_mutex_init(&work->lock, &err), err);
    work->lines = open_memstream(&work->text, &work->bytes);
    assert_non_null(work->lines);
    sr_assert_ok(sr_log_open(work->lines, SR_LOG_INFO, sr_clock_system(), &work->log, &err), err);
    work->params = (struct worker_params){ .client = work->client,
                                           .name = "test",
                                           .activities = work->activities,
                                           .activity_count = 2,
                                           .slot_count = 2,
                                           .light_count = 1,
                                           .child_argv = argv,
                                           .memory_bytes = (uint64_t)512 << 20,
                                           .grace_us = grace_us,
                                           .log = &work->log,
                                           .log_level = SR_LOG_OFF,
                                           .event = keep_event,
                                           .event_self = work };
    sr_cancel_init(&work->stop, NULL, NULL, INT64_MAX);
}

static void work_start(struct work *work)
{
    struct sr_err err = { 0 };
    sr_assert_ok(sr_thread_start("worker", run_worker, work, &work->thread, &err), err);
}

static void work_end(struct work *work)
{
    sr_cancel_set(&work->stop);
    sr_thread_join(work->thread);
    sr_log_close(&work->log);
    assert_int_equal(fclose(work->lines), 0);
    sfn_client_free(work->client);
}

static void work_done(struct work *work)
{
    sr_mutex_done(&work->lock);
    json_decref(work->events);
    free(work->text);
}

static size_t count_events(struct work *work, const char *status)
{
    size_t index, count = 0;
    json_t *event;
    sr_lock(&work->lock);
    json_array_foreach(work->events, index, event)
    {
        const char *const has = json_string_value(json_object_get(event, "status"));
        count += has && strcmp(has, status) == 0;
    }
    sr_unlock(&work->lock);
    return count;
}

static void wait_for(const char *path)
{
    while (access(path, F_OK) != 0)
        (void)poll(NULL, 0, 5);
}

#define TASK(name, rest)                                                                           \
    "\"A\":{\"Type\":\"Task\",\"Resource\":\"" ARN "activity:" name "\"," rest "\"End\":true}"

// Tests -------------------------------------------------------------------------------------------
static void does_tasks_of_one_job_in_one_process(void **state)
{
    (void)state;
    struct service_world world;
    struct work work;
    int pids[3];
    service_world_open(&world);
    service_world_activity(&world, "heavy");
    service_world_activity(&world, "light");
    service_world_create(&world, "m", TASK("light", ""));
    work_begin(&work, &world, 0);
    work_start(&work);
    static const char *const jobs[] = { "one", "one", "two" };
    for (size_t i = 0; i < 3; i++) {
        json_t *const end = service_world_end(
            &world, service_world_begin(&world, "m",
                                        json_pack("{s:s, s:i, s:{s:s, s:s}}", "do", "echo", "value",
                                                  7, "job", "id", jobs[i], "correlation", "c-1")));
        assert_string_equal(service_world_text(end, "status"), "SUCCEEDED");
        json_t *const output = service_world_output(end);
        pids[i] = (int)json_integer_value(json_object_get(output, "pid"));
        assert_int_equal(json_integer_value(json_object_get(output, "value")), 7);
        assert_string_equal(service_world_text(output, "activity"), "light");
        json_decref(output);
        json_decref(end);
    }
    assert_int_equal(pids[0], pids[1]);
    assert_int_not_equal(pids[1], pids[2]);
    work_end(&work);
    assert_int_equal(count_events(&work, "succeeded"), 3);
    sr_assert_contains(work.text, "\"message\":\"a task begins\",\"job\":\"one\",\"correlation\":"
                                  "\"c-1\",\"activity\":\"light\",\"task\":\"");
    work_done(&work);
    service_world_close(&world);
}

static const struct row {
    const char *name;
    const char *what;
    const char *error, *cause;
} rows[] = {
    { "a failure is told", "fail", "Splitreel.BadInput", "the file ends too early" },
    { "a crash is told", "crash", "Splitreel.WorkerDied", "died of SIGABRT" },
    { "a segmentation fault is told", "segfault", "Splitreel.WorkerDied", "died of SIGSEGV" },
    { "memory is told", "eat", "Splitreel.OutOfMemory", "used more than 512 MiB" },
    { "a spin is told", "spin", "Splitreel.TooLong", "took too long" },
    { "no object", NULL, "Splitreel.BadRequest", "not an object" },
};

static void each_row(void **state)
{
    const struct row *const row = *state;
    struct service_world world;
    struct work work;
    service_world_open(&world);
    service_world_activity(&world, "heavy");
    service_world_activity(&world, "light");
    service_world_create(&world, "m", TASK("heavy", ""));
    work_begin(&work, &world, 0);
    work.activities[0].timeout_us = strcmp(row->name, "a spin is told") == 0 ? SECOND_US * 3 : 0;
    work_start(&work);
    json_t *end = service_world_end(
        &world,
        service_world_begin(&world, "m",
                            row->what ? json_pack("{s:s}", "do", row->what) : json_pack("[i]", 7)));
    assert_string_equal(service_world_text(end, "status"), "FAILED");
    assert_string_equal(service_world_text(end, "error"), row->error);
    sr_assert_contains(service_world_text(end, "cause"), row->cause);
    json_decref(end);
    // It goes on.
    end = service_world_end(&world,
                            service_world_begin(&world, "m", json_pack("{s:s}", "do", "echo")));
    assert_string_equal(service_world_text(end, "status"), "SUCCEEDED");
    json_decref(end);
    work_end(&work);
    assert_int_equal(count_events(&work, "failed"), 1);
    work_done(&work);
    service_world_close(&world);
}

// More tasks than slots, of both kinds.
static void works_through_many(void **state)
{
    (void)state;
    struct service_world world;
    struct work work;
    service_world_open(&world);
    service_world_activity(&world, "heavy");
    service_world_activity(&world, "light");
    service_world_create(
        &world, "m",
        "\"A\":{\"Type\":\"Parallel\",\"End\":true,\"Branches\":["
        "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true,\"ItemsPath\":"
        "\"$.items\",\"ItemSelector\":{\"do\":\"echo\",\"value.$\":\"$$.Map.Item.Value\","
        "\"job.$\":\"$.job\"},\"ItemProcessor\":{\"StartAt\":\"H\",\"States\":{\"H\":{\"Type\":"
        "\"Task\",\"Resource\":\"" ARN "activity:heavy\",\"End\":true}}}}}},"
        "{\"StartAt\":\"L\",\"States\":{\"L\":{\"Type\":\"Task\",\"Resource\":\"" ARN
        "activity:light\",\"End\":true}}}]}");
    work_begin(&work, &world, 0);
    work_start(&work);
    json_t *end = service_world_end(
        &world, service_world_begin(&world, "m",
                                    json_pack("{s:[i,i,i,i,i,i,i], s:{s:s}, s:s}", "items", 0, 1, 2,
                                              3, 4, 5, 6, "job", "id", "j", "do", "echo")));
    assert_string_equal(service_world_text(end, "status"), "SUCCEEDED");
    json_t *const output = service_world_output(end), *const list = json_array_get(output, 0);
    int pids[2] = { 0 };
    for (size_t i = 0; i < 7; i++) {
        const json_t *const item = json_array_get(list, i);
        const int pid = (int)json_integer_value(json_object_get(item, "pid"));
        assert_int_equal(json_integer_value(json_object_get(item, "value")), i);
        assert_true(pid > 0);
        if (!pids[0] || pids[0] == pid)
            pids[0] = pid;
        else
            assert_true(!pids[1] || pids[1] == pid);
        if (pids[0] != pid)
            pids[1] = pid;
    }
    json_decref(output);
    json_decref(end);
    work_end(&work);
    assert_int_equal(count_events(&work, "succeeded"), 8);
    work_done(&work);
    service_world_close(&world);
}

// The execution is stopped while its task runs: the worker hears of it, and its result is nobody's.
static void a_lost_lease_ends_its_task(void **state)
{
    (void)state;
    struct service_world world;
    struct work work;
    char began[128], file[128];
    service_world_open(&world);
    service_world_activity(&world, "heavy");
    service_world_activity(&world, "light");
    (void)snprintf(began, sizeof(began), "%s/began", world.folder);
    (void)snprintf(file, sizeof(file), "%s/never", world.folder);
    service_world_create(&world, "m", TASK("heavy", ""));
    work_begin(&work, &world, 0);
    work_start(&work);
    char *const arn = service_world_begin(
        &world, "m", json_pack("{s:s, s:s, s:s}", "do", "wait", "began", began, "file", file));
    wait_for(began);
    json_decref(service_world_ask(&world, "StopExecution",
                                  json_pack("{s:s, s:s}", "executionArn", arn, "cause", "enough")));
    json_t *end = service_world_end(&world, arn);
    assert_string_equal(service_world_text(end, "status"), "ABORTED");
    json_decref(end);
    // Its slot is free again.
    end = service_world_end(&world,
                            service_world_begin(&world, "m", json_pack("{s:s}", "do", "echo")));
    assert_string_equal(service_world_text(end, "status"), "SUCCEEDED");
    json_decref(end);
    for (size_t i = 0; i < 2; i++) {  // both slots are
        end = service_world_end(&world,
                                service_world_begin(&world, "m", json_pack("{s:s}", "do", "echo")));
        json_decref(end);
    }
    while (count_events(&work, "lost") == 0)
        (void)poll(NULL, 0, 20);
    work_end(&work);
    assert_int_equal(count_events(&work, "lost"), 1);
    assert_int_equal(count_events(&work, "succeeded"), 3);
    sr_assert_contains(work.text, "the lease is lost");
    work_done(&work);
    service_world_close(&world);
}

// The task's time is over at the server, and it was given to another worker: the first one's result
// comes late.
static void a_late_result_changes_nothing(void **state)
{
    (void)state;
    struct service_world world;
    struct work work;
    char began[128], file[128];
    service_world_open(&world);
    service_world_activity(&world, "heavy");
    service_world_activity(&world, "light");
    (void)snprintf(began, sizeof(began), "%s/began", world.folder);
    (void)snprintf(file, sizeof(file), "%s/file", world.folder);
    service_world_create(
        &world, "m",
        TASK("heavy",
             "\"TimeoutSeconds\":1,\"Catch\":[{\"ErrorEquals\":[\"States.Timeout\"],"
             "\"Next\":\"B\"}],") ",\"B\":{\"Type\":\"Pass\",\"Result\":\"late\",\"End\":true}");
    work_begin(&work, &world, 0);
    work.activities[0].beat_us = 3600 * SECOND_US;  // it does not hear of it
    work_start(&work);
    json_t *const end =
        service_world_end(&world, service_world_begin(&world, "m",
                                                      json_pack("{s:s, s:s, s:s}", "do", "wait",
                                                                "began", began, "file", file)));
    struct sr_err err = { 0 };
    assert_string_equal(service_world_text(end, "output"), "\"late\"");
    sr_assert_ok(sr_file_store(file, "", 0, &err), err);
    while (count_events(&work, "lost") == 0)
        (void)poll(NULL, 0, 20);
    json_t *const again = service_world_ask(
        &world, "DescribeExecution",
        json_pack("{s:s}", "executionArn", service_world_text(end, "executionArn")));
    assert_true(json_equal(end, again));
    json_decref(again);
    json_decref(end);
    work_end(&work);
    sr_assert_contains(work.text, "the lease is lost");
    work_done(&work);
    service_world_close(&world);
}

#define RETRY                                                                                      \
    "\"Retry\":[{\"ErrorEquals\":[\"Splitreel.WorkerDied\"],\"IntervalSeconds\":1,"                \
    "\"MaxAttempts\":1}],"

static void stops_in_order(void **state)
{
    (void)state;
    struct service_world world;
    struct work first, second;
    char began[128], file[128];
    struct sr_err err = { 0 };
    service_world_open(&world);
    service_world_activity(&world, "heavy");
    service_world_activity(&world, "light");
    (void)snprintf(began, sizeof(began), "%s/began", world.folder);
    (void)snprintf(file, sizeof(file), "%s/file", world.folder);
    service_world_create(&world, "m", TASK("heavy", RETRY));
    // Without time the task is handed back, and the next worker gets it.
    work_begin(&first, &world, 0);
    work_start(&first);
    char *const arn = service_world_begin(
        &world, "m",
        json_pack("{s:s, s:s, s:s, s:i}", "do", "wait", "began", began, "file", file, "value", 5));
    wait_for(began);
    work_end(&first);
    assert_int_equal(count_events(&first, "handed back"), 1);
    assert_int_equal(unlink(began), 0);
    // With time it is finished, although the worker is told to stop.
    work_begin(&second, &world, 60 * SECOND_US);
    work_start(&second);
    wait_for(began);
    sr_cancel_set(&second.stop);
    sr_assert_ok(sr_file_store(file, "", 0, &err), err);
    work_end(&second);
    assert_int_equal(count_events(&second, "succeeded"), 1);
    json_t *const end = service_world_end(&world, arn);
    assert_string_equal(service_world_text(end, "status"), "SUCCEEDED");
    json_decref(end);
    work_done(&first);
    work_done(&second);
    service_world_close(&world);
}

// The server restarts while a task runs; it hears of the result when it is back.
static void outlives_a_restart_of_the_server(void **state)
{
    (void)state;
    struct service_world world;
    struct work work;
    char began[128], file[128];
    struct sr_err err = { 0 };
    service_world_open(&world);
    service_world_activity(&world, "heavy");
    service_world_activity(&world, "light");
    (void)snprintf(began, sizeof(began), "%s/began", world.folder);
    (void)snprintf(file, sizeof(file), "%s/file", world.folder);
    service_world_create(&world, "m", TASK("heavy", "\"HeartbeatSeconds\":120,"));
    work_begin(&work, &world, 0);
    work_start(&work);
    char *const arn = service_world_begin(
        &world, "m", json_pack("{s:s, s:s, s:s}", "do", "wait", "began", began, "file", file));
    wait_for(began);
    service_world_stop(&world);
    sr_assert_ok(sr_file_store(file, "", 0, &err), err);
    service_world_start(&world);
    json_t *const end = service_world_end(&world, arn);
    assert_string_equal(service_world_text(end, "status"), "SUCCEEDED");
    json_decref(end);
    work_end(&work);
    assert_int_equal(count_events(&work, "succeeded"), 1);
    work_done(&work);
    service_world_close(&world);
}

static void wrong_params_are_refused(void **state)
{
    (void)state;
    struct service_world world;
    struct work work;
    struct sr_err err = { 0 };
    service_world_open(&world);
    service_world_activity(&world, "heavy");
    service_world_activity(&world, "light");
    work_begin(&work, &world, 0);
    work.params.slot_count = 0;
    sr_assert_fails(worker_run(&work.params, &work.stop, &err), SR_ERR_INVALID, err);
    work.params.slot_count = WORKER_SLOTS_MAX + 1;
    sr_assert_fails(worker_run(&work.params, &work.stop, &err), SR_ERR_INVALID, err);
    work.params.slot_count = 1;
    work.params.light_count = 0;
    sr_assert_fails(worker_run(&work.params, &work.stop, &err), SR_ERR_INVALID, err);
    work.params.activity_count = 0;
    sr_assert_fails(worker_run(&work.params, &work.stop, &err), SR_ERR_INVALID, err);
    work.params.activity_count = 1;
    work.activities[0].beat_us = 0;
    sr_assert_fails(worker_run(&work.params, &work.stop, &err), SR_ERR_INVALID, err);
    work_end(&work);
    work_done(&work);
    service_world_close(&world);
}

int main(int argc, char **argv)
{
    static const struct child_main_params params = { .open = open_child, .run = run_child };
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child_main(&params);
    (void)signal(SIGPIPE, SIG_IGN);
    // The process is to die of what it does, not to be told of it by a sanitizer.
    char options[1024];
    const char *const given = getenv("ASAN_OPTIONS");
    (void)snprintf(options, sizeof(options), "%s:handle_segv=0", given ? given : "");
    (void)setenv("ASAN_OPTIONS", options, 1);
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 7];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(does_tasks_of_one_job_in_one_process);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(works_through_many);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_lost_lease_ends_its_task);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_late_result_changes_nothing);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(stops_in_order);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(outlives_a_restart_of_the_server);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(wrong_params_are_refused);
    return sr_test_run(__FILE__, tests, count);
}
