#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "net/credentials_priv.h"

enum { OUTPUT_BYTES_MAX = 64 << 10 };
extern char **environ;

static bool spawn(const char *command, int output, pid_t *ret_pid, struct sr_err *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "credential_process");
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return sr_fail(err, SR_ERR_NO_MEMORY, "credential_process");
    }
    sr_auto(char) char *text = sr_str_dup(command, err);
    char shell[] = "/bin/sh", flag[] = "-c";
    char *const argv[] = { shell, flag, text, NULL };
    int failed = text ? 0 : ENOMEM;
    if (!failed)
        failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (!failed)  // a group of its own, so that all of it can be ended
        failed = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (!failed)
        failed = posix_spawn(ret_pid, shell, &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return !failed || sr_fail_errno(err, failed, "starting credential_process");
}

static bool read_output(int fd, struct sr_str *out, struct sr_err *err)
{
    const struct sr_clock *clock = sr_clock_system();
    const int64_t end_us = sr_clock_monotonic_us(clock) + CREDENTIALS_PROCESS_S * 1000000LL;
    char buffer[4096];
    for (;;) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        const int64_t left_us = end_us - sr_clock_monotonic_us(clock);
        if (left_us <= 0)
            return sr_fail(err, SR_ERR_TIMEOUT, "credential_process took more than %d s",
                           CREDENTIALS_PROCESS_S);
        if (poll(&wait, 1, (int)(left_us / 1000 + 1)) <= 0)
            continue;
        const ssize_t n = read(fd, buffer, sizeof(buffer));
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return sr_fail_errno(err, errno, "reading from credential_process");
        if (n > 0 && out->bytes + (size_t)n > OUTPUT_BYTES_MAX)
            return sr_fail(err, SR_ERR_INVALID, "credential_process says more than %d bytes",
                           OUTPUT_BYTES_MAX);
        if (n > 0 && !sr_str_add_bytes(out, buffer, (size_t)n, err))
            return false;
    }
}

bool credentials_run(const char *command, char **ret_text, size_t *ret_bytes, struct sr_err *err)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return sr_fail_errno(err, errno, "credential_process");
    const bool started = spawn(command, ends[1], &pid, err);
    close(ends[1]);
    sr_auto(sr_str) struct sr_str out = { 0 };
    const bool read_all = started && read_output(ends[0], &out, err);
    close(ends[0]);
    if (!started)
        return false;
    if (!read_all)
        (void)kill(-pid, SIGKILL);  // gone already is fine
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!read_all)
        return false;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return sr_fail(err, SR_ERR_INVALID, "credential_process failed with status %d",
                       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    *ret_bytes = out.bytes;
    *ret_text = sr_str_take(&out);
    return *ret_text || sr_fail(err, SR_ERR_NO_MEMORY, "credential_process");
}
