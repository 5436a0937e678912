// A child process that does its work, and one that crashes, spins, eats memory, ends, goes silent
// or talks nonsense. The program is its own child.
#include "pipeline/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "pipeline/child_frame.h"
#include "pipeline/child_self.h"
#include "pipeline/remote.h"

// In the child ------------------------------------------------------------------------------------

static int task_count;

static bool echo(const json_t *params, json_t **ret, struct sr_err *err)
{
    *ret = json_pack("{s:O?, s:i, s:i}", "params", params, "pid", (int)getpid(), "tasks",
                     ++task_count);
    return jx_made(*ret, err);
}

static bool fail_here(const json_t *params, json_t **ret, struct sr_err *err)
{
    (void)params;
    (void)ret;
    return sr_fail_native(err, SR_ERR_INPUT, 7, "the file ends too early");
}

static bool segfault(const json_t *params, json_t **ret, struct sr_err *err)
{
    (void)params;
    (void)ret;
    (void)err;
    char *const page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *(volatile char *)page = 1;
    return true;
}

static bool spin(const json_t *params, json_t **ret, struct sr_err *err)
{
    (void)params;
    (void)ret;
    (void)err;
    for (volatile unsigned i = 0;; i++)
        ;
    return true;
}

static bool wait_for_ever(const json_t *params, json_t **ret, struct sr_err *err)
{
    (void)params;
    (void)ret;
    (void)err;
    for (;;)
        pause();
    return true;
}

// Looks whether it is cancelled, as an activity does.
static bool wait_politely(const json_t *params, json_t **ret, struct sr_err *err)
{
    (void)params;
    (void)ret;
    sr_auto(json) json_t *event = json_pack("{s:i}", "frames", 12);
    world.progress(world.progress_self, event);
    while (sr_cancel_check(world.cancel, err))
        poll(NULL, 0, 5);
    return false;
}

// Not the allocator's memory: that is refused before, and another test's.
static bool eat(const json_t *params, json_t **ret, struct sr_err *err)
{
    (void)params;
    (void)ret;
    enum { STEP = 8 << 20 };
    for (size_t eaten = 0; eaten < (size_t)MEMORY_BYTES + (256U << 20); eaten += STEP) {
        void *const more =
            mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (more == MAP_FAILED)
            return sr_fail(err, SR_ERR_NO_MEMORY, "%zu bytes", eaten);
        memset(more, 1, STEP);
        poll(NULL, 0, 1);
    }
    for (;;)
        pause();
    return true;
}

static bool end_here(const json_t *params, json_t **ret, struct sr_err *err)
{
    (void)params;
    (void)ret;
    (void)err;
    _exit(3);
}

static bool hang_up(const json_t *params, json_t **ret, struct sr_err *err)
{
    (void)shutdown(CHILD_FD, SHUT_RDWR);
    return wait_for_ever(params, ret, err);
}

static bool garbage(const json_t *params, json_t **ret, struct sr_err *err)
{
    static const char words[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_int_equal(write(CHILD_FD, words, sizeof(words)), sizeof(words));
    return wait_for_ever(params, ret, err);
}

static bool oversized(const json_t *params, json_t **ret, struct sr_err *err)
{
    const uint32_t head[] = { 0x31435253, CHILD_FRAME_RESULT, 1, 0, UINT32_MAX };
    assert_int_equal(write(CHILD_FD, head, sizeof(head)), sizeof(head));
    return wait_for_ever(params, ret, err);
}

// Half a message, and then nothing.
static bool stall(const json_t *params, json_t **ret, struct sr_err *err)
{
    const uint32_t head[] = { 0x31435253, CHILD_FRAME_RESULT, 1, 100, 0 };
    assert_int_equal(write(CHILD_FD, head, sizeof(head)), sizeof(head));
    return wait_for_ever(params, ret, err);
}

// More requests at once than a process of ours makes.
static bool flood(const json_t *params, json_t **ret, struct sr_err *err)
{
    sr_auto(json) json_t *request = json_pack("{s:s}", "op", "open");
    const struct child_frame frame = { .kind = CHILD_FRAME_REQUEST, .json = request };
    for (int i = 0; i < 100000; i++) {
        if (!child_frame_send(CHILD_FD, &frame, NULL, err))
            break;
    }
    return wait_for_ever(params, ret, err);
}

static bool great_result(const json_t *params, json_t **ret, struct sr_err *err)
{
    (void)params;
    const size_t bytes = CHILD_FRAME_JSON_MAX + 1;
    sr_auto(char) char *text = malloc(bytes + 1);
    assert_non_null(text);
    memset(text, 'x', bytes);
    text[bytes] = '\0';
    *ret = json_string(text);
    return jx_made(*ret, err);
}

// What it can do that it should not.
static bool look_around(const json_t *params, json_t **ret, struct sr_err *err)
{
    (void)params;
    struct rlimit core = { 1, 1 }, files = { 0 };
    size_t open_count = 0;
    for (int fd = 0; fd < 1000; fd++)
        open_count += fcntl(fd, F_GETFD) >= 0;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int why = errno;
    if (fd >= 0)
        close(fd);
    assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    const bool may_kill = kill(getppid(), 0) == 0;
    *ret = json_pack("{s:b, s:b, s:b, s:i, s:i, s:i, s:b}", "has_secret",
                     getenv("AWS_SECRET_ACCESS_KEY") != NULL, "has_socket", fd >= 0,
                     "was_not_permitted", why == EPERM, "open", (int)open_count, "core",
                     (int)core.rlim_cur, "files", (int)files.rlim_cur, "may_kill", may_kill);
    return jx_made(*ret, err);
}

// What tells others how a job ended: it cannot from here.
static bool call_out(const json_t *params, json_t **ret, struct sr_err *err)
{
    const struct remote_params with = { .stores = world.stores };
    sr_auto(remote) struct remote *remote = NULL;
    struct http *http;
    (void)params;
    (void)ret;
    return remote_new(&with, &remote, err) && remote_http(remote, &http, err);
}

static const struct child_self_task tasks[] = {
    { "echo", echo },
    { "fail", fail_here },
    { "segfault", segfault },
    { "spin", spin },
    { "wait", wait_for_ever },
    { "polite", wait_politely },
    { "eat", eat },
    { "end", end_here },
    { "hang up", hang_up },
    { "garbage", garbage },
    { "oversized", oversized },
    { "stall", stall },
    { "flood", flood },
    { "great", great_result },
    { "look", look_around },
    { "call out", call_out },
    { 0 },
};

// In the parent -----------------------------------------------------------------------------------

// The number of its process.
static int run_echo(struct child *child, const char *job, int *ret_tasks)
{
    struct sr_err err = { 0 };
    const char *error = NULL;
    sr_auto(json) json_t *result = NULL, *params = json_pack("{s:s}", "a", "\xC3\xA9");
    struct child_task task = task_of("echo");
    task.job = job;
    task.params = params;
    sr_assert_ok(child_run(child, &task, &result, &error, &err), err);
    assert_true(json_equal(json_object_get(result, "params"), params));
    *ret_tasks = (int)json_integer_value(json_object_get(result, "tasks"));
    return (int)json_integer_value(json_object_get(result, "pid"));
}

static void runs_tasks_of_a_job_in_one_process(void **state)
{
    (void)state;
    int count;
    sr_auto(child) struct child *child = new_child(NULL);
    assert_null(child_job(child));
    const int first = run_echo(child, "one", &count);
    assert_int_equal(count, 1);
    assert_int_equal(first, child_pid(child));
    assert_int_not_equal(first, getpid());
    assert_int_equal(run_echo(child, "one", &count), first);
    assert_int_equal(count, 2);
    assert_string_equal(child_job(child), "one");
    const int second = run_echo(child, "two", &count);
    assert_int_not_equal(second, first);
    assert_int_equal(count, 1);
    assert_int_equal(kill(first, 0), -1);
    assert_int_equal(child_stop(child), 0);  // without leaks
    assert_int_equal(child_pid(child), 0);
    assert_int_equal(kill(second, 0), -1);
}

static void is_replaced_when_it_died_between_tasks(void **state)
{
    (void)state;
    int count;
    sr_auto(child) struct child *child = new_child(NULL);
    const int first = run_echo(child, "one", &count);
    assert_int_equal(kill(first, SIGKILL), 0);
    siginfo_t ended;
    assert_int_equal(waitid(P_PID, (id_t)first, &ended, WEXITED | WNOWAIT), 0);
    assert_int_not_equal(run_echo(child, "one", &count), first);
    assert_int_equal(count, 1);
}

static const struct failure {
    const char *name;
    const char *activity;
    int64_t timeout_us;  // 0: long
    int64_t cpu_s;
    const char *error;
    enum sr_err_code code;
    const char *says;
    bool goes_on;  // in the same process
} failures[] = {
    { "an error", "fail", 0, 0, "Splitreel.BadInput", SR_ERR_INPUT, "the file ends too early",
      true },
    { "no such activity", "none", 0, 0, "Splitreel.NotFound", SR_ERR_NOT_FOUND, "no activity none",
      true },
    { "a great result", "great", 0, 0, "Splitreel.TooLarge", SR_ERR_TOO_LARGE, "a message of",
      true },
    { "an address", "call out", 0, 0, "Splitreel.Unsupported", SR_ERR_UNSUPPORTED, "no network",
      true },
    { "a segmentation fault", "segfault", 0, 0, "Splitreel.WorkerDied", SR_ERR_INTERNAL,
      "died of SIGSEGV", false },
    { "spins by the wall", "spin", SECOND_US / 2, 0, "Splitreel.TooLong", SR_ERR_TIMEOUT,
      "took too long", false },
    { "spins by the processor", "spin", 0, 1, "Splitreel.TooLong", SR_ERR_TIMEOUT, "processor time",
      false },
    { "waits", "wait", SECOND_US / 2, 0, "Splitreel.TooLong", SR_ERR_TIMEOUT, "took too long",
      false },
    { "eats memory", "eat", 0, 0, "Splitreel.OutOfMemory", SR_ERR_NO_MEMORY, "", false },
    { "ends", "end", 0, 0, "Splitreel.WorkerDied", SR_ERR_INTERNAL, "ended with status 3", false },
    { "closes the socket", "hang up", 0, 0, "Splitreel.WorkerDied", SR_ERR_INTERNAL,
      "the worker's process", false },
    { "sends garbage", "garbage", 0, 0, "Splitreel.WorkerDied", SR_ERR_INTERNAL, "nonsense",
      false },
    { "sends too much", "oversized", 0, 0, "Splitreel.WorkerDied", SR_ERR_INTERNAL,
      "a message of 0 and 4294967295 bytes", false },
    { "sends half a message", "stall", SECOND_US / 2, 0, "Splitreel.TooLong", SR_ERR_TIMEOUT,
      "took too long", false },
    { "floods", "flood", 0, 0, "Splitreel.WorkerDied", SR_ERR_INTERNAL, "too many requests",
      false },
};

static void each_failure(void **state)
{
    const struct failure *const row = *state;
    struct sr_err err = { 0 };
    const char *error = NULL;
    int count;
    sr_auto(json) json_t *result = NULL;
    sr_auto(child) struct child *child = new_child(NULL);
    const int before = run_echo(child, "j", &count);
    struct child_task task = task_of(row->activity);
    task.timeout_us = row->timeout_us ? row->timeout_us : task.timeout_us;
    task.cpu_s = row->cpu_s;
    sr_assert_fails(child_run(child, &task, &result, &error, &err), row->code, err);
    assert_string_equal(error, row->error);
    sr_assert_contains(err.message, row->says);
    assert_null(result);
    const int after = run_echo(child, "j", &count);
    assert_int_equal(after == before, row->goes_on);
    assert_int_equal(count, row->goes_on ? 2 : 1);
}

struct seen {
    int frames;
    struct sr_cancel *cancel;
};

// Cancels when the task says that it runs.
static void see_progress(void *self, const json_t *event)
{
    struct seen *const seen = self;
    seen->frames = (int)json_integer_value(json_object_get(event, "frames"));
    sr_cancel_set(seen->cancel);
}

static void a_cancelled_task_ends(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_cancel cancel;
    struct seen seen = { .cancel = &cancel };
    const char *error;
    int count;
    sr_auto(json) json_t *result = NULL;
    sr_auto(child) struct child *child = new_child(NULL);
    sr_cancel_init(&cancel, NULL, NULL, INT64_MAX);
    struct child_task task = task_of("polite");
    task.cancel = &cancel;
    task.progress = see_progress;
    task.progress_self = &seen;
    sr_assert_fails(child_run(child, &task, &result, &error, &err), SR_ERR_CANCELLED, err);
    assert_string_equal(error, "Splitreel.Cancelled");
    assert_int_equal(seen.frames, 12);
    (void)run_echo(child, "j", &count);
    assert_int_equal(count, 1);
    // And one that does not listen.
    sr_cancel_init(&cancel, NULL, sr_clock_system(),
                   sr_clock_monotonic_us(sr_clock_system()) + SECOND_US / 4);
    task = task_of("wait");
    task.cancel = &cancel;
    sr_assert_fails(child_run(child, &task, &result, &error, &err), SR_ERR_CANCELLED, err);
    (void)run_echo(child, "j", &count);
    // One that is cancelled before it begins costs nothing.
    const int pid = child_pid(child);
    sr_assert_fails(child_run(child, &task, &result, &error, &err), SR_ERR_TIMEOUT, err);
    assert_int_equal(child_pid(child), pid);
}

static void is_confined(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const char *error;
    sr_auto(json) json_t *result = NULL;
    sr_auto(child) struct child *child = new_child(NULL);
    const struct child_task task = task_of("look");
    sr_assert_ok(child_run(child, &task, &result, &error, &err), err);
    sr_auto(json) json_t *want =
        json_pack("{s:b, s:b, s:b, s:i, s:i, s:i, s:b}", "has_secret", false, "has_socket", false,
                  "was_not_permitted", true, "open", 4, "core", 0, "files", CHILD_FILES_MAX,
                  "may_kill", false);
    if (!json_equal(result, want)) {
        sr_auto(char) char *text = NULL;
        sr_assert_ok(jx_dump(result, true, &text, &err), err);
        fail_msg("it is %s", text);
    }
}

static void a_program_that_is_not_there(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const char *error, *const argv[] = { "/nonexistent/program", NULL };
    struct child *made = NULL;
    sr_auto(json) json_t *result = NULL;
    const struct child_params params = { .argv = argv };
    sr_assert_ok(child_new(&params, &made, &err), err);
    sr_auto(child) struct child *child = made;
    const struct child_task task = task_of("echo");
    sr_assert_fails(child_run(child, &task, &result, &error, &err), SR_ERR_NOT_FOUND, err);
    assert_string_equal(error, "Splitreel.WorkerDied");
    // One that is another program.
    const char *const other[] = { "/bin/true", NULL };
    const struct child_params true_params = { .argv = other };
    struct child *second = NULL;
    sr_assert_ok(child_new(&true_params, &second, &err), err);
    sr_auto(child) struct child *another = second;
    sr_assert_fails(child_run(another, &task, &result, &error, &err), SR_ERR_INTERNAL, err);
    sr_assert_contains(err.message, "ended with status 0");
}

// first_words FRAME: what a child says on stderr whose parent has sent that and gone; its status.
static int first_words(const struct child_frame *frame, char *ret_words, size_t size)
{
    int line[2], words[2], status;
    struct sr_err err = { 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line), 0);
    assert_int_equal(pipe2(words, O_CLOEXEC), 0);
    sr_assert_ok(child_frame_send(line[0], frame, NULL, &err), err);
    (void)close(line[0]);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const int far = fcntl(line[1], F_DUPFD_CLOEXEC, CHILD_FD + 1);
        if (far >= 0 && dup2(words[1], STDERR_FILENO) >= 0 && dup2(far, CHILD_FD) >= 0)
            (void)execl("/proc/self/exe", "child_test", "child", (char *)NULL);
        _exit(127);
    }
    (void)close(line[1]);
    (void)close(words[1]);
    size_t filled = 0;
    ssize_t count;
    while (filled < size - 1 && (count = read(words[0], ret_words + filled, size - 1 - filled)) > 0)
        filled += (size_t)count;
    ret_words[filled] = '\0';
    (void)close(words[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void a_parent_that_goes_at_once(void **state)
{
    (void)state;
    char words[4096];
    sr_auto(json) json_t *limits =
        json_pack("{s:I, s:i, s:i}", "memory_bytes", (json_int_t)MEMORY_BYTES, "files_max", 64,
                  "log_level", (int)SR_LOG_DEBUG);
    struct child_frame frame = { .kind = CHILD_FRAME_SETUP, .json = limits };
    assert_int_equal(first_words(&frame, words, sizeof(words)), 0);
    assert_string_equal(words, "");
    // What goes wrong is a line of the log.
    frame.kind = CHILD_FRAME_TASK;
    assert_int_not_equal(first_words(&frame, words, sizeof(words)), 0);
    sr_auto(json) json_t *line = json_loads(words, 0, NULL);
    const json_t *const why = json_object_get(json_object_get(line, "error"), "message");
    assert_non_null(why);
    assert_string_equal(json_string_value(why), "want the limits first");
}

int main(int argc, char **argv)
{
    int status;
    if (child_self_was_child(argc, argv, tasks, &status))
        return status;
    // The process is to die of what it does, not to be told of it by a sanitizer.
    char options[1024];
    const char *const given = getenv("ASAN_OPTIONS");
    (void)snprintf(options, sizeof(options), "%s:handle_segv=0:detect_leaks=1", given ? given : "");
    (void)setenv("ASAN_OPTIONS", options, 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    static struct CMUnitTest tests[SR_TEST_COUNT(failures) + 6];
    size_t count = SR_TEST_ADD(tests, failures, each_failure);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(runs_tasks_of_a_job_in_one_process);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(is_replaced_when_it_died_between_tasks);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_cancelled_task_ends);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(is_confined);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_program_that_is_not_there);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_parent_that_goes_at_once);
    return sr_test_run(__FILE__, tests, count);
}
