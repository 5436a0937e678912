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

#include "base/jx.h"
#include "base/str.h"

enum { LOOK_MS = 200, STATUS_NO_PROGRAM = 126 };

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

// `watched` is where the child's stdout or stderr arrives, the other one goes to `quiet`.
static bool start(const char *const *argv, bool is_output, struct batch_child *ret,
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
    *ret = (struct batch_child){ .pid = pid, .fd = ends[0] };
    return true;
}

bool batch_child_start(const char *const *argv, struct batch_child *ret, struct sr_err *err)
{
    return start(argv, false, ret, err);
}

void batch_child_stop(const struct batch_child *child, int signal_number)
{
    if (child->pid > 0)
        (void)kill(child->pid, signal_number);  // it is ours until batch_child_end()
}

int batch_child_end(struct batch_child *child)
{
    int status = 0;
    (void)close(child->fd);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    child->pid = 0;
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status);
    (void)snprintf(child->error, sizeof(child->error), "its process was ended by signal %d (%s)",
                   WTERMSIG(status), strsignal(WTERMSIG(status)));
    return 128 + WTERMSIG(status);
}

static void copy_text(const json_t *object, const char *key, char *buffer, size_t capacity)
{
    const char *const text = json_string_value(json_object_get(object, key));
    if (text)
        (void)snprintf(buffer, capacity, "%s", text);
}

static void take_line(struct batch_child *child, const char *line, size_t bytes)
{
    static const char mark[] = "splitreel: ";
    struct sr_err ignored;  // what is no progress is words
    sr_auto(json) json_t *progress = NULL;
    if (bytes > 0 && line[0] == '{' && jx_parse(line, bytes, false, &progress, &ignored)) {
        child->percent = json_number_value(json_object_get(progress, "percent"));
        copy_text(progress, "speed", child->speed, sizeof(child->speed));
        copy_text(progress, "stage", child->stage, sizeof(child->stage));
        return;
    }
    if (bytes >= sizeof(mark) - 1 && strncmp(line, mark, sizeof(mark) - 1) == 0)
        (void)snprintf(child->error, sizeof(child->error), "%.*s", (int)(bytes - sizeof(mark) + 1),
                       line + sizeof(mark) - 1);
}

bool batch_child_read(struct batch_child *child, bool *ret_ended, struct sr_err *err)
{
    const size_t room = sizeof(child->line) - child->line_bytes;
    ssize_t ret;
    do
        ret = read(child->fd, child->line + child->line_bytes, room);
    while (ret < 0 && errno == EINTR);
    if (ret < 0)
        return sr_fail_errno(err, errno, "what a run says");
    *ret_ended = ret == 0;
    child->line_bytes += (size_t)ret;
    char *line = child->line, *const end = child->line + child->line_bytes;
    for (char *stop; (stop = memchr(line, '\n', (size_t)(end - line))); line = stop + 1)
        take_line(child, line, (size_t)(stop - line));
    size_t left = (size_t)(end - line);
    if (*ret_ended || left == sizeof(child->line)) {  // a line without an end, or too long for one
        take_line(child, line, left);
        left = 0;
    }
    memmove(child->line, line, left);
    child->line_bytes = left;
    return true;
}

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
    struct batch_child child;
    if (!start(argv, true, &child, err))
        return false;
    const bool is_read = read_all(child.fd, bytes_max, cancel, &text, err);
    if (!is_read)
        batch_child_stop(&child, SIGKILL);
    const int status = batch_child_end(&child);
    if (!is_read)
        return false;
    if (status != 0)
        return sr_fail(err, SR_ERR_INPUT, "%s", child.error[0] ? child.error : "it cannot be read");
    *ret_bytes = text.bytes;
    *ret_text = sr_str_take(&text);
    return *ret_text || sr_fail(err, SR_ERR_NO_MEMORY, "what a probe says");
}
