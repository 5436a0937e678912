#include "pipeline/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/thread.h"
#include "pipeline/activity.h"
#include "pipeline/child_frame.h"
#include "pipeline/child_json.h"
#include "pipeline/child_main.h"
#include "pipeline/child_store.h"

enum { TICK_MS = 50, SEND_S = 5, ARGS_MAX = 8, ENV_MAX = 16 };
#define START_US ((int64_t)30000000)  // until it is ready
#define END_US ((int64_t)5000000)     // to end by itself when it has nothing to do

enum killed { KILLED_NOT, KILLED_LATE, KILLED_MEMORY, KILLED_CANCELLED, KILLED_LANGUAGE };

struct child {
    struct child_params params;
    const char *argv[ARGS_MAX + 1];
    pid_t pid;  // 0: no process
    int fd;     // -1: none
    struct child_frame_reader reader;
    struct child_store *store;
    struct sr_mutex send_lock;  // held while a whole frame goes out
    struct sr_cancel dead;      // ends sending to a process that does not read
    char *job;
    json_t *reference;  // the tasks' "job": what it names may be reached; NULL: they have none
    uint32_t number;    // of the last task
};

// Answers of stores, on their threads.
static void send_answer(void *self, const struct child_frame *frame)
{
    struct child *const child = self;
    struct sr_err err = { 0 };
    sr_lock(&child->send_lock);
    // When the process has gone, the thread that reads from it will see that.
    sr_ignore(child_frame_send(child->fd, frame, &child->dead, &err));
    sr_unlock(&child->send_lock);
}

// A timed lock by the monotonic clock is one that TSan of gcc 12 does not know.
static bool lock_until(struct sr_mutex *lock, int64_t end_us) SR_NO_THREAD_SAFETY
{
    while (pthread_mutex_trylock(&lock->native) != 0) {
        if (sr_clock_monotonic_us(sr_clock_system()) >= end_us)
            return false;
        (void)poll(NULL, 0, 1);
    }
    return true;
}

// Of our own thread, which must never wait long for a process that does not read: neither for room
// in the socket nor for a thread that waits for room. A failure leaves half a frame behind.
static bool send_frame(struct child *child, const struct child_frame *frame,
                       struct sr_err *err) SR_NO_THREAD_SAFETY
{
    struct sr_cancel limit;
    const int64_t end_us = sr_clock_monotonic_us(sr_clock_system()) + SEND_S * INT64_C(1000000);
    if (!lock_until(&child->send_lock, end_us))
        return sr_fail(err, SR_ERR_TIMEOUT, "the worker's process does not listen");
    sr_cancel_init(&limit, &child->dead, sr_clock_system(), end_us);
    const bool done = child_frame_send(child->fd, frame, &limit, err);
    sr_unlock(&child->send_lock);
    return done;
}

// Starting ---------------------------------------------------------------------------------------
// What a process may know of its parent's environment: no keys, no addresses, no home.
static size_t pick_environment(char *env[ENV_MAX + 1])
{
    static const char *const names[] = { "TMPDIR",          "TZ",           "LANG",
                                         "LC_ALL",          "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                         "LSAN_OPTIONS",    "TSAN_OPTIONS", "LD_LIBRARY_PATH",
                                         "MALLOC_ARENA_MAX" };
    size_t count = 0;
    for (char **entry = environ; *entry; entry++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(*names) && count < ENV_MAX; i++) {
            const size_t bytes = strlen(names[i]);
            if (strncmp(*entry, names[i], bytes) == 0 && (*entry)[bytes] == '=')
                env[count++] = *entry;
        }
    }
    env[count] = NULL;
    return count;
}

// Our end of the line gets number CHILD_FD in it; all other descriptors are closed.
static int describe_files(posix_spawn_file_actions_t *files, int fd)
{
    int number = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    if (number == 0)
        number = posix_spawn_file_actions_adddup2(files, 2, 1);
    if (number == 0)
        number = posix_spawn_file_actions_adddup2(files, fd, CHILD_FD);
    if (number == 0)
        number = posix_spawn_file_actions_addclosefrom_np(files, CHILD_FD + 1);
    return number;
}

static int describe_signals(posix_spawnattr_t *how)
{
    sigset_t none, all;
    (void)sigemptyset(&none);  // neither can fail with these arguments
    (void)sigfillset(&all);
    int number = posix_spawnattr_setsigmask(how, &none);
    if (number == 0)
        number = posix_spawnattr_setsigdefault(how, &all);
    if (number == 0)
        number = posix_spawnattr_setpgroup(how, 0);
    if (number == 0)
        number = posix_spawnattr_setflags(how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                   POSIX_SPAWN_SETPGROUP);
    return number;
}

static int spawn(const struct child *child, int fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    char *env[ENV_MAX + 1];
    (void)pick_environment(env);
    int number = posix_spawn_file_actions_init(&files);
    if (number != 0)
        return number;
    number = posix_spawnattr_init(&how);
    if (number == 0) {
        number = describe_files(&files, fd);
        if (number == 0)
            number = describe_signals(&how);
        if (number == 0)
            number = posix_spawn(ret_pid, child->argv[0], &files, &how,
                                 (char *const *)(uintptr_t)child->argv, env);
        (void)posix_spawnattr_destroy(&how);  // cannot fail on Linux
    }
    (void)posix_spawn_file_actions_destroy(&files);  // nor this
    return number;
}

static bool start(struct child *child, struct sr_err *err)
{
    int fds[2];
    // As high as it is: dup2 in the process must not meet the same number, which would leave the
    // close-on-exec flag set.
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return sr_fail_errno(err, errno, "a line to a child");
    const int far = fcntl(fds[1], F_DUPFD_CLOEXEC, CHILD_FD + 1);
    int number = far < 0 ? errno : spawn(child, far, &child->pid);
    (void)close(fds[1]);  // the process has its own
    if (far >= 0)
        (void)close(far);
    if (number != 0) {
        (void)close(fds[0]);
        child->pid = 0;
        return sr_fail_errno(err, number, "start %s", child->argv[0]);
    }
    child->fd = fds[0];
    sr_cancel_init(&child->dead, NULL, NULL, INT64_MAX);
    const struct child_store_params store = { .stores = child->params.stores,
                                              .cache = child->params.cache,
                                              .job = child->reference,
                                              .clock = child->params.clock,
                                              .log = child->params.log,
                                              .answer = send_answer,
                                              .self = child };
    sr_auto(json) json_t *limits = json_pack(
        "{s:I, s:I, s:i}", "memory_bytes", (json_int_t)child->params.memory_bytes, "files_max",
        (json_int_t)child->params.files_max, "log_level", (int)child->params.log_level);
    const struct child_frame frame = { .kind = CHILD_FRAME_SETUP, .json = limits };
    // One that has ended already is found so by who waits for its answer.
    return child_store_new(&store, &child->store, err) && jx_made(limits, err) &&
           (send_frame(child, &frame, err) || err->code == SR_ERR_NETWORK);
}

// Ending -----------------------------------------------------------------------------------------
static int reap(struct child *child, int64_t wait_us)
{
    const struct sr_clock *const clock = child->params.clock;
    const int64_t end_us = sr_clock_monotonic_us(clock) + wait_us;
    int status = 0;
    pid_t got;
    while ((got = waitpid(child->pid, &status, wait_us < 0 ? 0 : WNOHANG)) <= 0) {
        if (got < 0 && errno != EINTR)
            break;  // somebody else has waited for it
        if (got == 0 && sr_clock_monotonic_us(clock) >= end_us) {
            (void)kill(-child->pid, SIGKILL);  // its group is its own
            wait_us = -1;
        } else if (got == 0) {
            (void)poll(NULL, 0, 2);
        }
    }
    child->pid = 0;
    return status;
}

// The process's end, after `wait_us` by force; then all that belonged to it.
static int end(struct child *child, int64_t wait_us)
{
    if (child->pid == 0)
        return 0;
    (void)shutdown(child->fd, SHUT_RDWR);  // both may be gone already
    sr_cancel_set(&child->dead);
    const int status = reap(child, wait_us);
    child_store_free(child->store);
    child->store = NULL;
    (void)close(child->fd);
    child->fd = -1;
    child_frame_reader_done(&child->reader);
    free(child->job);
    child->job = NULL;
    json_decref(child->reference);
    child->reference = NULL;
    return status;
}

int child_stop(struct child *child)
{
    const int status = end(child, END_US);
    if (status != 0)
        sr_warn(child->params.log, "a child ends badly", SR_I64("wait_status", status));
    return status;
}

// Why it ended, in words and as the name that a flow sees.
static bool fail_dead(struct child *child, enum killed killed, const char *how,
                      const char **ret_error, struct sr_err *err)
{
    const int status = end(child, killed == KILLED_NOT ? END_US / 10 : 0);
    const unsigned long long mib = child->params.memory_bytes >> 20;
    *ret_error = ACTIVITY_WORKER_DIED;
    switch (killed) {
    case KILLED_LATE:
        *ret_error = ACTIVITY_TOO_LONG;
        return sr_fail(err, SR_ERR_TIMEOUT, "the task took too long and was killed");
    case KILLED_MEMORY:
        *ret_error = sr_err_row(SR_ERR_NO_MEMORY)->flow_error;
        return sr_fail(err, SR_ERR_NO_MEMORY, "the task used more than %llu MiB and was killed",
                       mib);
    case KILLED_CANCELLED:
        *ret_error = sr_err_row(SR_ERR_CANCELLED)->flow_error;
        return sr_fail(err, SR_ERR_CANCELLED, "stopped on request");
    case KILLED_LANGUAGE:
        return sr_fail(err, SR_ERR_INTERNAL, "the worker's process sent nonsense: %s", how);
    case KILLED_NOT: break;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        *ret_error = ACTIVITY_TOO_LONG;
        return sr_fail(err, SR_ERR_TIMEOUT, "the task used too much processor time and was killed");
    }
    if (WIFSIGNALED(status)) {
        const char *const name = sigabbrev_np(WTERMSIG(status));
        return sr_fail(err, SR_ERR_INTERNAL, "the worker's process died of SIG%s",
                       name ? name : "?");
    }
    return sr_fail(err, SR_ERR_INTERNAL, "the worker's process ended with status %d amid a task",
                   WEXITSTATUS(status));
}

// Running ----------------------------------------------------------------------------------------
struct watch {
    struct child *child;
    const struct child_task *task;
    int64_t started_us, cancelled_us;  // 0: not cancelled
    bool is_ready;
    json_t *answer;  // RESULT's
};

// What is its own: resident, without what it shares. 0: cannot be told.
static uint64_t memory_of(pid_t pid)
{
    char path[64];
    unsigned long long size, resident, shared;
    (void)snprintf(path, sizeof(path), "/proc/%ld/statm", (long)pid);
    FILE *const file = fopen(path, "re");
    if (!file)
        return 0;
    const int count = fscanf(file, "%llu %llu %llu", &size, &resident, &shared);
    (void)fclose(file);  // only read
    return count == 3 && resident > shared ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE)
                                           : 0;
}

static enum killed look(struct watch *watch)
{
    struct child *const child = watch->child;
    const struct child_task *const task = watch->task;
    const int64_t now_us = sr_clock_monotonic_us(child->params.clock);
    const int64_t took_us = now_us - watch->started_us;
    if (!watch->is_ready && took_us > START_US)
        return KILLED_LATE;
    if (task->timeout_us > 0 && took_us > task->timeout_us)
        return KILLED_LATE;
    if (memory_of(child->pid) > child->params.memory_bytes)
        return KILLED_MEMORY;
    if (watch->cancelled_us == 0 && sr_cancel_asked(task->cancel)) {
        struct sr_err err = { 0 };
        const struct child_frame frame = { .kind = CHILD_FRAME_CANCEL };
        watch->cancelled_us = now_us;
        if (!send_frame(child, &frame, &err))
            return KILLED_CANCELLED;
    }
    return watch->cancelled_us != 0 && now_us - watch->cancelled_us > child->params.grace_us
               ? KILLED_CANCELLED
               : KILLED_NOT;
}

// Errors: INVALID (it makes no sense here), LIMIT, NO_MEMORY.
static bool take_frame(struct watch *watch, struct child_frame *frame, struct sr_err *err)
{
    switch (frame->kind) {
    case CHILD_FRAME_READY: watch->is_ready = true; return true;
    case CHILD_FRAME_REQUEST: return child_store_request(watch->child->store, frame, err);
    case CHILD_FRAME_PROGRESS:
        if (watch->task->progress && frame->json)
            watch->task->progress(watch->task->progress_self, frame->json);
        return true;
    case CHILD_FRAME_RESULT:
        if (frame->number != watch->child->number || !json_is_object(frame->json))
            return sr_fail(err, SR_ERR_INVALID, "a result that nobody waits for");
        watch->answer = sr_take(frame->json);
        return true;
    default: return sr_fail(err, SR_ERR_INVALID, "a message of kind %d", frame->kind);
    }
}

// Until the result is there: true; or it cannot come any more.
static bool wait_for_result(struct watch *watch, enum killed *ret_killed, struct sr_err *err)
{
    struct child *const child = watch->child;
    int64_t looked_us = 0;
    while (!watch->answer) {
        sr_auto(child_frame) struct child_frame frame = { 0 };
        struct pollfd poll_fd = { .fd = child->fd, .events = POLLIN };
        const int64_t now_us = sr_clock_monotonic_us(child->params.clock);
        if (now_us - looked_us >= TICK_MS * 1000) {
            looked_us = now_us;
            *ret_killed = look(watch);
            if (*ret_killed != KILLED_NOT)
                return false;
        }
        switch (child_frame_read(child->fd, &child->reader, &frame, err)) {
        case CHILD_FRAME_WHOLE:
            if (take_frame(watch, &frame, err))
                break;
            *ret_killed = err->code == SR_ERR_NO_MEMORY ? KILLED_MEMORY : KILLED_LANGUAGE;
            return false;
        case CHILD_FRAME_WAIT: (void)poll(&poll_fd, 1, TICK_MS); break;
        case CHILD_FRAME_CLOSED: return false;
        case CHILD_FRAME_FAILED:
            // Cut off by its death, or not our language.
            *ret_killed = err->code == SR_ERR_NETWORK ? KILLED_NOT : KILLED_LANGUAGE;
            return false;
        }
    }
    return true;
}

static bool send_task(struct child *child, const struct child_task *task, struct sr_err *err)
{
    sr_auto(json) json_t *document =
        json_pack("{s:s, s:I}", "activity", task->activity, "cpu_s", (json_int_t)task->cpu_s);
    if (!jx_made(document, err) ||
        (task->params &&
         !jx_put(document, "params", json_incref((json_t *)(uintptr_t)task->params), err)) ||
        (task->fields &&
         !jx_put(document, "fields", json_incref((json_t *)(uintptr_t)task->fields), err)))
        return false;
    const struct child_frame frame = { .kind = CHILD_FRAME_TASK,
                                       .number = ++child->number,
                                       .json = document };
    return send_frame(child, &frame, err);
}

// A process for this job that lives.
static bool prepare(struct child *child, const struct child_task *task, bool *ret_fresh,
                    struct sr_err *err)
{
    const json_t *const reference = json_object_get(task->params, "job");
    const bool is_same = child->job && *child->job && strcmp(child->job, task->job) == 0 &&
                         (reference ? json_equal(child->reference, reference) : !child->reference);
    siginfo_t ended = { 0 };
    if (child->pid != 0 && !is_same)
        (void)child_stop(child);
    // It may have died while nobody looked.
    if (child->pid != 0 &&
        (waitid(P_PID, (id_t)child->pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         ended.si_pid != 0))
        (void)end(child, 0);
    *ret_fresh = child->pid == 0;
    if (child->pid != 0)
        return true;
    child->job = sr_str_dup(task->job, err);
    child->reference = json_deep_copy(reference);
    return child->job && (!reference || jx_made(child->reference, err)) && start(child, err);
}

static bool take_result(const json_t *answer, json_t **ret_result, const char **ret_error,
                        struct sr_err *err)
{
    if (!child_json_raise(answer, err)) {
        *ret_error = sr_err_row(err->code)->flow_error;
        return false;
    }
    json_t *const result = json_object_get(answer, "result");
    *ret_result = result ? json_incref(result) : json_null();
    return true;
}

bool child_run(struct child *child, const struct child_task *task, json_t **ret_result,
               const char **ret_error, struct sr_err *err)
{
    struct watch watch = { .child = child, .task = task };
    *ret_error = sr_err_row(SR_ERR_CANCELLED)->flow_error;
    bool is_fresh;
    if (!sr_cancel_check(task->cancel, err))
        return false;
    *ret_error = ACTIVITY_WORKER_DIED;
    if (!prepare(child, task, &is_fresh, err)) {
        (void)end(child, 0);
        free(sr_take(child->job));
        json_decref(sr_take(child->reference));
        return false;
    }
    enum killed killed = KILLED_NOT;
    watch.is_ready = !is_fresh;
    watch.started_us = sr_clock_monotonic_us(child->params.clock);
    struct sr_err why = { 0 };
    if (!send_task(child, task, &why) && why.code != SR_ERR_NETWORK) {
        *err = why;
        (void)end(child, 0);
        return false;
    }
    if (!wait_for_result(&watch, &killed, &why))
        return fail_dead(child, killed, why.message, ret_error, err);
    sr_auto(json) json_t *answer = watch.answer;
    const bool done = take_result(answer, ret_result, ret_error, err);
    // What is left in it after these is not to be relied on.
    if (watch.cancelled_us != 0 || (!done && err->code == SR_ERR_NO_MEMORY))
        (void)child_stop(child);
    return done;
}

// The object -------------------------------------------------------------------------------------
bool child_new(const struct child_params *params, struct child **ret_child, struct sr_err *err)
{
    struct child *const child = calloc(1, sizeof(*child));
    if (!child)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a child");
    child->params = *params;
    child->fd = -1;
    if (!child->params.clock)
        child->params.clock = sr_clock_system();
    if (child->params.memory_bytes == 0)
        child->params.memory_bytes = CHILD_MEMORY_BYTES;
    if (child->params.files_max == 0)
        child->params.files_max = CHILD_FILES_MAX;
    if (child->params.grace_us == 0)
        child->params.grace_us = CHILD_GRACE_US;
    size_t count = 0;
    for (; count < ARGS_MAX && params->argv[count]; count++)
        child->argv[count] = params->argv[count];
    if (params->argv[count]) {
        free(child);
        return sr_fail(err, SR_ERR_INVALID, "more than %d words", ARGS_MAX);
    }
    if (!sr_mutex_init(&child->send_lock, err)) {
        free(child);
        return false;
    }
    *ret_child = child;
    return true;
}

void child_free(struct child *child)
{
    if (!child)
        return;
    (void)child_stop(child);
    sr_mutex_done(&child->send_lock);
    free(child);
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

const char *child_job(const struct child *child)
{
    return child->pid != 0 ? child->job : NULL;
}
