#include "service/local_workers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/thread.h"

enum { TICK_MS = 50, WAITS_MAX = 30 };

struct local_worker {
    pid_t pid;  // 0: does not run
    int64_t started_us;
    int64_t next_us;  // when it may start again
    uint32_t failures;
};

struct local_workers {
    struct local_workers_params params;
    const struct sr_cancel *stop;
    struct sr_cancel *ended;
    struct sr_cancel freed;
    struct sr_thread *thread;
    const char *argv[LOCAL_WORKERS_WORDS_MAX + 3];
    char parent[24];
    struct local_worker list[LOCAL_WORKERS_MAX];  // the thread's
};

static int64_t now_us(const struct local_workers *workers)
{
    return sr_clock_monotonic_us(workers->params.clock);
}

// Like the environment's, but for our own signals: all are as they were before anybody changed
// them.
static int spawn(const struct local_workers *workers, pid_t *ret_pid)
{
    posix_spawnattr_t how;
    sigset_t none, all;
    (void)sigemptyset(&none);  // neither can fail with these arguments
    (void)sigfillset(&all);
    int number = posix_spawnattr_init(&how);
    if (number != 0)
        return number;
    number = posix_spawnattr_setsigmask(&how, &none);
    if (number == 0)
        number = posix_spawnattr_setsigdefault(&how, &all);
    if (number == 0)
        number = posix_spawnattr_setpgroup(&how, 0);  // the terminal's signals are ours to pass on
    if (number == 0)
        number = posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETPGROUP);
    if (number == 0)
        number = posix_spawn(ret_pid, workers->argv[0], NULL, &how,
                             (char *const *)(uintptr_t)workers->argv, environ);
    (void)posix_spawnattr_destroy(&how);  // cannot fail on Linux
    return number;
}

static int64_t wait_of(const struct local_workers *workers, uint32_t failures)
{
    const struct sr_backoff backoff = { workers->params.first_wait_us,
                                        workers->params.wait_us_max };
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        random = failures;  // less evenly spread, that is all
    return workers->params.first_wait_us / 4 + sr_backoff_us(&backoff, failures, random);
}

// It ended, or could not be started: again, later each time.
static void put_off(struct local_workers *workers, struct local_worker *worker)
{
    if (worker->pid != 0 && now_us(workers) - worker->started_us >= workers->params.good_us)
        worker->failures = 0;
    worker->failures += worker->failures < WAITS_MAX;
    worker->pid = 0;
    worker->next_us = now_us(workers) + wait_of(workers, worker->failures);
}

static void start(struct local_workers *workers, struct local_worker *worker)
{
    pid_t pid = 0;
    const int number = spawn(workers, &pid);
    if (number != 0) {
        struct sr_err err;
        (void)sr_fail_errno(&err, number, "start %s", workers->argv[0]);
        sr_error(workers->params.log, "a local worker does not start", SR_ERR(&err));
        put_off(workers, worker);
        return;
    }
    worker->pid = pid;
    worker->started_us = now_us(workers);
    sr_info(workers->params.log, "a local worker starts", SR_I64("pid", pid));
}

// Whether it has ended by now; says how.
static bool has_ended(struct local_workers *workers, struct local_worker *worker)
{
    int status = 0;
    const pid_t got = waitpid(worker->pid, &status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR))
        return false;
    if (WIFSIGNALED(status))
        sr_warn(workers->params.log, "a local worker ends", SR_I64("pid", worker->pid),
                SR_I64("signal", WTERMSIG(status)));
    else
        sr_warn(workers->params.log, "a local worker ends", SR_I64("pid", worker->pid),
                SR_I64("status", WEXITSTATUS(status)));
    return true;
}

static bool is_over(const struct local_workers *workers)
{
    return sr_cancel_asked(workers->stop) || sr_cancel_asked(&workers->freed);
}

static size_t signal_all(struct local_workers *workers, int number)
{
    size_t count = 0;
    for (size_t i = 0; i < workers->params.count; i++) {
        if (workers->list[i].pid == 0)
            continue;
        (void)kill(workers->list[i].pid, number);  // not waited for yet: it is that process
        count++;
    }
    return count;
}

static void end_all(struct local_workers *workers)
{
    const int64_t end_us = now_us(workers) + workers->params.grace_us;
    bool killed = false;
    for (size_t left = signal_all(workers, SIGTERM); left > 0;) {
        (void)poll(NULL, 0, TICK_MS / 5);
        left = 0;
        for (size_t i = 0; i < workers->params.count; i++) {
            struct local_worker *const worker = &workers->list[i];
            if (worker->pid != 0 && has_ended(workers, worker))
                worker->pid = 0;
            left += worker->pid != 0;
        }
        if (left > 0 && !killed && now_us(workers) >= end_us) {
            sr_warn(workers->params.log, "local workers are killed that do not end");
            (void)signal_all(workers, SIGKILL);
            killed = true;
        }
    }
}

static void run(void *arg)
{
    struct local_workers *const workers = arg;
    while (!is_over(workers)) {
        for (size_t i = 0; i < workers->params.count; i++) {
            struct local_worker *const worker = &workers->list[i];
            if (worker->pid != 0 && has_ended(workers, worker))
                put_off(workers, worker);
            if (worker->pid == 0 && now_us(workers) >= worker->next_us)
                start(workers, worker);
        }
        (void)poll(NULL, 0, TICK_MS);
    }
    end_all(workers);
    sr_cancel_set(workers->ended);
}

bool local_workers_new(const struct local_workers_params *params, const struct sr_cancel *stop,
                       struct sr_cancel *ended, struct local_workers **ret_workers,
                       struct sr_err *err)
{
    size_t words = 0;
    while (params->argv[words])
        words++;
    if (params->count > LOCAL_WORKERS_MAX || words > LOCAL_WORKERS_WORDS_MAX)
        return sr_fail(err, SR_ERR_INVALID, "%zu workers of %zu words", params->count, words);
    struct local_workers *const workers = calloc(1, sizeof(*workers));
    if (!workers)
        return sr_fail(err, SR_ERR_NO_MEMORY, "local workers");
    workers->params = *params;
    workers->params.clock = params->clock ? params->clock : sr_clock_system();
    if (params->first_wait_us == 0)
        workers->params.first_wait_us = 500000;
    if (params->wait_us_max == 0)
        workers->params.wait_us_max = 30000000;
    if (params->good_us == 0)
        workers->params.good_us = 60000000;
    workers->stop = stop;
    workers->ended = ended;
    sr_cancel_init(&workers->freed, NULL, NULL, INT64_MAX);
    memcpy(workers->argv, params->argv, words * sizeof(*params->argv));
    (void)snprintf(workers->parent, sizeof(workers->parent), "%ld", (long)getpid());
    workers->argv[words] = "--parent";
    workers->argv[words + 1] = workers->parent;
    if (!sr_thread_start("local-workers", run, workers, &workers->thread, err)) {
        free(workers);
        return false;
    }
    *ret_workers = workers;
    return true;
}

void local_workers_free(struct local_workers *workers)
{
    if (!workers)
        return;
    sr_cancel_set(&workers->freed);
    sr_thread_join(workers->thread);
    free(workers);
}
