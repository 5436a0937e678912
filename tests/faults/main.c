// The failure sweep: every call that can fail, failing once, in each of the jobs below.
//
//     sweep [--all | --sample COUNT] [--seed N] [--only CALL] [--processes N] [JOB]...
//
// FAULT_TRACE=1 with --only shows where the call was made.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/jx.h"
#include "base/queue.h"
#include "base/str.h"
#include "base/thread.h"
#include "tests/faults/job_run.h"
#include "tests/faults/sweep.h"
#include "transcode/media_log.h"

// What everything stands on ----------------------------------------------------------------------
static void pass_on(void *arg)
{
    struct sr_queue *const queue = arg;
    void *item;
    while (sr_queue_pop(queue, -1, &item) == SR_POP_ITEM)
        ;
}

static bool use_thread(struct sr_err *err)
{
    static char item[] = "item";
    sr_auto(sr_queue) struct sr_queue *queue = NULL;
    struct sr_thread *thread;
    if (!sr_queue_new(4, NULL, &queue, err) ||
        !sr_thread_start("pass", pass_on, queue, &thread, err))
        return false;
    const bool pushed = sr_queue_push(queue, item);
    sr_queue_close(queue);
    sr_thread_join(thread);
    return pushed || sr_fail(err, SR_ERR_INTERNAL, "the queue was closed");
}

static bool run_base(const char *folder, struct sr_err *err)
{
    static const char text[] = "{\"a\": [1, 2.5, \"three\"], \"b\": {\"c\": null}}";
    sr_auto(char) char *path = sr_strf(err, "%s/x/y", folder);
    sr_auto(char) char *file = sr_strf(err, "%s/x/y/out.txt", folder);
    sr_auto(json) json_t *json = NULL;
    sr_auto(char) char *dumped = NULL;
    sr_auto(char) char *loaded = NULL;
    size_t bytes;
    uint8_t digest[SR_SHA256_BYTES];
    if (!path || !file || !jx_parse(text, strlen(text), false, &json, err) ||
        !jx_dump(json, true, &dumped, err) || !sr_make_folders(path, err) ||
        !sr_file_store(file, dumped, strlen(dumped), err) ||
        !sr_file_load(file, 1 << 20, &loaded, &bytes, err) ||
        !sr_sha256(loaded, bytes, digest, err))
        return false;
    return use_thread(err);
}

static const char *const base_published[] = { "x/y/out.txt", NULL };

static const struct sweep_job job_base = { "base", run_base, base_published, 10, false };
static const struct sweep_job *const jobs[] = { &job_base, &job_run_mp4, &job_run_hls };

// Jobs with a fault of their own, which must be found ---------------------------------------------
static const char *const bad_published[] = { "out.txt", NULL };

static bool leaks(const char *folder, struct sr_err *err)
{
    (void)folder;
    char *const kept = strdup("kept");
    char *const other = kept ? strdup("other") : NULL;
    if (!other)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%s", kept ? "two" : "one");  // forgets `kept`
    free(other);
    free(kept);
    return true;
}

static bool does_not_look(const char *folder, struct sr_err *err)
{
    (void)err;
    char *const copy = malloc(strlen(folder) + 1);
    memcpy(copy, folder, strlen(folder) + 1);  // NOLINT: this is the fault
    free(copy);
    return true;
}

static bool write_file(const char *folder, bool ignores, struct sr_err *err)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/out.txt", folder);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return sr_fail_errno(err, errno, "open");
    const bool wrote = write(fd, "one", 3) == 3 && write(fd, "two", 3) == 3;
    const int number = errno;
    (void)close(fd);  // the fault is another one
    return wrote || ignores || sr_fail_errno(err, number, "write");
}

static bool publishes_halves(const char *folder, struct sr_err *err)
{
    return write_file(folder, false, err);
}

static bool claims_success(const char *folder, struct sr_err *err)
{
    return write_file(folder, true, err);
}

static bool has_no_words(const char *folder, struct sr_err *err)
{
    (void)folder;
    (void)err;
    void *const memory = malloc(1);
    free(memory);
    return memory != NULL;
}

static bool cannot_again(const char *folder, struct sr_err *err)
{
    char lock[128];
    snprintf(lock, sizeof(lock), "%s/lock", folder);
    if (mkdir(lock, 0700) != 0)
        return sr_fail_errno(err, errno, "lock");
    sr_auto(char) char *text = strdup("text");
    if (!text)
        return sr_fail(err, SR_ERR_NO_MEMORY, "text");  // keeps the lock
    return rmdir(lock) == 0 || sr_fail_errno(err, errno, "unlock");
}

static bool differs_each_time(const char *folder, struct sr_err *err)
{
    // An undisturbed run finds no such file and makes it; a call more is made where it is there.
    char path[128];
    snprintf(path, sizeof(path), "/tmp/splitreel-test-count-%d", (int)getppid());
    (void)folder;
    const bool there = access(path, F_OK) == 0;
    sr_auto(char) char *one = there ? NULL : strdup("one");
    sr_auto(char) char *two = strdup("two");
    if (!two || (!there && !one))
        return sr_fail(err, SR_ERR_NO_MEMORY, "text");
    return there || sr_file_store(path, "x", 1, err);
}

static const struct sweep_job bad_jobs[] = {
    { "leaks", leaks, bad_published, 100, false },
    { "does not look at a result", does_not_look, bad_published, 100, false },
    { "publishes halves", publishes_halves, bad_published, 100, false },
    { "claims success", claims_success, bad_published, 100, false },
    { "has no words", has_no_words, bad_published, 100, false },
    { "cannot run again", cannot_again, bad_published, 100, false },
    { "differs each time", differs_each_time, bad_published, 100, false },
};

// The sweep finds the fault of a bad job: prints `ok` if so.
static bool finds(const struct sweep_job *job)
{
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(3);
        _exit(sweep_run(&(struct sweep_params){ .job = job, .processes = 1 }) ? 0 : 1);
    }
    char path[128];
    int status = 0;
    const bool found =
        pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 1;
    snprintf(path, sizeof(path), "/tmp/splitreel-test-count-%d", (int)pid);
    unlink(path);
    printf("%s the sweep finds a job that %s\n", found ? "ok" : "not ok", job->name);
    return found;
}

// ------------------------------------------------------------------------------------------------
static void usage(void)
{
    fputs("sweep [--all | --sample COUNT] [--seed N] [--only CALL] [--processes N] [JOB]...\n",
          stderr);
    exit(2);
}

static uint32_t number_of(const char *text)
{
    char *end;
    errno = 0;
    const unsigned long number = text ? strtoul(text, &end, 10) : 0;
    if (!text || *end != '\0' || errno != 0 || number > UINT32_MAX)
        usage();
    return (uint32_t)number;
}

static bool is_wanted(const char *name, char *const *wanted)
{
    for (char *const *one = wanted; *one; one++) {
        if (strcmp(*one, name) == 0)
            return true;
    }
    return !*wanted;
}

// The path of a file in the program's own folder.
static char *beside(const char *program, const char *name)
{
    struct sr_err err = { 0 };
    const char *const slash = strrchr(program, '/');
    char *const path =
        sr_strf(&err, "%.*s%s", slash ? (int)(slash + 1 - program) : 0, program, name);
    if (!path)
        abort();
    return path;
}

int main(int argc, char **argv)
{
    struct sweep_params params = { .calls_max = 150, .seed = 1, .processes = 2 };
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--all") == 0)
            params.calls_max = 0;
        else if (strcmp(argv[i], "--sample") == 0)
            params.calls_max = number_of(argv[++i]);
        else if (strcmp(argv[i], "--seed") == 0)
            params.seed = number_of(argv[++i]);
        else if (strcmp(argv[i], "--only") == 0)
            params.only = number_of(argv[++i]);
        else if (strcmp(argv[i], "--processes") == 0)
            params.processes = (int)number_of(argv[++i]);
        else
            usage();
    }
    fault_wrap_jansson();
    media_log_init();
    sr_auto(char) char *source = beside(argv[0], "tiny.mp4");
    job_run_source(source);
    bool ok = true;
    for (size_t j = 0; j < sizeof(bad_jobs) / sizeof(bad_jobs[0]) && i == argc; j++)
        ok = finds(&bad_jobs[j]) && ok;
    for (size_t j = 0; j < sizeof(jobs) / sizeof(jobs[0]); j++) {
        params.job = jobs[j];
        if (is_wanted(jobs[j]->name, argv + i))
            ok = sweep_run(&params) && ok;
    }
    return ok ? 0 : 1;
}
