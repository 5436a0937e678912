#include "cli/batch_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"

enum { LOOK_MS = 200, STATUS_NO_PROGRAM = 126, WORDS_MAX = 2 * BATCH_WORDS_MAX + 16 };

// After fork(): only what is allowed between it and exec.
static _Noreturn void become(const char *const *argv, int out, int errors, pid_t parent)
{
    (void)setpgid(0, 0);  // a terminal's interrupt is for the batch, which tells us
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent ||
        dup2(out, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0)
        _exit(STATUS_NO_PROGRAM);
    (void)execv("/proc/self/exe", (char *const *)argv);
    _exit(STATUS_NO_PROGRAM);
}

// The child's stdout or stderr arrives at *ret_fd, the other one goes nowhere.
static bool start(const char *const *argv, bool is_output, pid_t *ret_pid, int *ret_fd,
                  struct sr_err *err)
{
    int ends[2];
    const int quiet = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (quiet < 0)
        return sr_fail_errno(err, errno, "/dev/null");
    if (pipe2(ends, O_CLOEXEC) != 0) {
        (void)close(quiet);
        return sr_fail_errno(err, errno, "a pipe");
    }
    const pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(argv, is_output ? ends[1] : quiet, is_output ? quiet : ends[1], parent);
    const int number = errno;
    (void)close(quiet);
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return sr_fail_errno(err, number, "a process");
    }
    *ret_pid = pid;
    *ret_fd = ends[0];
    return true;
}

// Its status as waitpid(2) has it.
static int wait_for(pid_t pid, int fd)
{
    int status = 0;
    (void)close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

// Runs -------------------------------------------------------------------------------------------
static bool begin(void *self, const struct batch_order *order, struct batch_doing *ret,
                  struct sr_err *err)
{
    const struct batch_runs *const runs = self;
    const struct batch_options *const options = runs->options;
    const char *argv[WORDS_MAX] = { "splitreel", "run",         "-i",         order->item->source,
                                    "-o",        order->output, "--progress", "json",
                                    "-w",        runs->workers };
    size_t count = 10;
    if (order->may_replace)
        argv[count++] = "-y";
    for (size_t i = 0; i < options->run_word_count; i++)
        argv[count++] = options->run_words[i];
    argv[count] = NULL;
    return start(argv, false, &ret->of.pid, &ret->fd, err);
}

static void stop(const struct batch_doing *doing)
{
    (void)kill(doing->of.pid, SIGTERM);  // it is ours until end()
}

// Of a signal 128 + its number.
static bool end(struct batch_doing *doing, int *ret_status, struct sr_err *err)
{
    const int status = wait_for(doing->of.pid, doing->fd);
    (void)err;
    *ret_status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) {
        *ret_status = 128 + WTERMSIG(status);
        (void)snprintf(doing->error, sizeof(doing->error),
                       "its process was ended by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    }
    return true;
}

struct batch_way batch_runs_way(struct batch_runs *runs, const struct batch_options *options)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t each = processors < 1 ? 1 : (size_t)processors / options->jobs;
    runs->options = options;
    (void)snprintf(runs->workers, sizeof(runs->workers), "%zu", each < 1 ? 1 : each);
    return (struct batch_way){ .self = runs, .begin = begin, .stop = stop, .end = end };
}

// Probes -----------------------------------------------------------------------------------------
static bool read_all(int fd, size_t bytes_max, const struct sr_cancel *cancel, struct sr_str *text,
                     struct sr_err *err)
{
    char buffer[4096];
    for (;;) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        if (!sr_cancel_check(cancel, err))
            return false;
        if (poll(&wait, 1, LOOK_MS) <= 0)
            continue;
        const ssize_t ret = read(fd, buffer, sizeof(buffer));
        if (ret < 0 && errno != EINTR)
            return sr_fail_errno(err, errno, "what a probe says");
        if (ret == 0)
            return true;
        if (ret > 0 && text->bytes + (size_t)ret > bytes_max)
            return sr_fail(err, SR_ERR_TOO_LARGE, "more than %zu bytes", bytes_max);
        if (ret > 0 && !sr_str_add_bytes(text, buffer, (size_t)ret, err))
            return false;
    }
}

bool batch_child_output(const char *const *argv, size_t bytes_max, const struct sr_cancel *cancel,
                        char **ret_text, size_t *ret_bytes, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    pid_t pid;
    int fd;
    if (!start(argv, true, &pid, &fd, err))
        return false;
    const bool is_read = read_all(fd, bytes_max, cancel, &text, err);
    if (!is_read)
        (void)kill(pid, SIGKILL);
    const int status = wait_for(pid, fd);
    if (!is_read)
        return false;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return sr_fail(err, SR_ERR_INPUT, "it cannot be read");
    *ret_bytes = text.bytes;
    *ret_text = sr_str_take(&text);
    return *ret_text || sr_fail(err, SR_ERR_NO_MEMORY, "what a probe says");
}
