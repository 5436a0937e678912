#include "tests/faults/sweep.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sanitizer/lsan_interface.h>

#include "base/io.h"
#include "base/jx.h"
#include "base/str.h"

enum {
    RUN_SECONDS_MAX = 120,
    PROCESSES_MAX = 16,
    FILE_BYTES_MAX = 64 << 20,
    NOT_OK = 2,  // exit status of a child that says why; sanitizers give 1
};

// What a child tells its parent, in shared memory.
struct verdict {
    char call[64];   // that was made to fail
    char what[400];  // it came to
};

struct child {
    pid_t pid;
    uint32_t number;
    char folder[64];
    struct verdict *verdict;
};

struct sweep {
    const struct sweep_params *params;
    char base[64];  // folder of an undisturbed run
    struct fault_log *log;
    size_t running;
    struct child children[PROCESSES_MAX];
    uint32_t ok_count, not_ok_count;
};

static void *shared(size_t bytes)
{
    void *const memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

static void make_folder(char folder[64])
{
    // In memory where possible: a disk's fsync takes longer than the whole job.
    const char *const place = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, 64, "%s/splitreel-test-XXXXXX", place);
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(1);
    }
}

static void remove_folder(const char *folder)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf -- '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s is left over\n", folder);
}

// Calls of all threads have one number, from 1: first those of the first thread, then ...
static uint32_t call_count(const struct fault_log *log)
{
    uint32_t count = 0;
    for (size_t i = 0; i < FAULT_THREADS_MAX; i++)
        count += log->counts[i];
    return count;
}

static struct fault_call call_of(const struct fault_log *log, uint32_t number)
{
    struct fault_call call = { .number = number };
    while (call.number > log->counts[call.thread])
        call.number -= log->counts[call.thread++];
    return call;
}

static const char *name_of(const struct fault_log *log, uint32_t number)
{
    const struct fault_call call = call_of(log, number);
    return log->names[call.thread][call.number - 1];
}

// Comparing folders ------------------------------------------------------------------------------
static bool ends_with(const char *text, const char *end)
{
    const size_t bytes = strlen(text), end_bytes = strlen(end);
    return bytes >= end_bytes && strcmp(text + bytes - end_bytes, end) == 0;
}

static bool differs(struct verdict *verdict, const char *path, const char *how)
{
    snprintf(verdict->what, sizeof(verdict->what), "%.200s %s", path, how);
    return false;
}

static bool same_tree(const char *want, const char *have, struct verdict *verdict);

static bool same_file(const char *want, const char *have, struct verdict *verdict)
{
    struct stat want_about, have_about;
    if (lstat(want, &want_about) != 0)
        return differs(verdict, have, "is left over");
    if (lstat(have, &have_about) != 0)
        return differs(verdict, have, "is missing");
    if (S_ISDIR(want_about.st_mode) || S_ISDIR(have_about.st_mode))
        return same_tree(want, have, verdict);
    struct sr_err err = { 0 };
    sr_auto(char) char *want_text = NULL;
    sr_auto(char) char *have_text = NULL;
    size_t want_bytes, have_bytes;
    if (!sr_file_load(want, FILE_BYTES_MAX, &want_text, &want_bytes, &err) ||
        !sr_file_load(have, FILE_BYTES_MAX, &have_text, &have_bytes, &err))
        return differs(verdict, have, err.message);
    if (ends_with(have, ".json")) {
        sr_auto(json) json_t *json = NULL;
        return jx_parse(have_text, have_bytes, false, &json, &err) ||
               differs(verdict, have, err.message);
    }
    if (want_bytes != have_bytes || memcmp(want_text, have_text, want_bytes) != 0)
        return differs(verdict, have, "has other bytes than undisturbed");
    return true;
}

// Each name of `list` is the same in `want` and in `have`.
static bool same_names(const char *list, const char *want, const char *have,
                       struct verdict *verdict)
{
    DIR *const folder = opendir(list);
    if (!folder)
        return differs(verdict, list, strerror(errno));
    bool same = true;
    for (struct dirent *entry; same && (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char want_path[512], have_path[512];
        snprintf(want_path, sizeof(want_path), "%s/%s", want, entry->d_name);
        snprintf(have_path, sizeof(have_path), "%s/%s", have, entry->d_name);
        same = same_file(want_path, have_path, verdict);
    }
    closedir(folder);
    return same;
}

static bool same_tree(const char *want, const char *have, struct verdict *verdict)
{
    return same_names(want, want, have, verdict) && same_names(have, want, have, verdict);
}

// What is published is right; `or_absent`: or not there.
static bool check_published(const struct sweep *sweep, const char *folder, bool or_absent,
                            struct verdict *verdict)
{
    for (const char *const *name = sweep->params->job->published; *name; name++) {
        char want[512], have[512];
        snprintf(want, sizeof(want), "%s/%s", sweep->base, *name);
        snprintf(have, sizeof(have), "%s/%s", folder, *name);
        if ((!or_absent || access(have, F_OK) == 0) && !same_file(want, have, verdict))
            return false;
    }
    return true;
}

// One call ---------------------------------------------------------------------------------------
static bool check_failure(const struct sweep *sweep, const char *folder, const struct sr_err *err,
                          struct verdict *verdict)
{
    if (err->code <= SR_OK || err->code >= SR_ERR_CODE_COUNT || err->message[0] == '\0')
        return differs(verdict, "the failure", "has no code or no words");
    if (!check_published(sweep, folder, true, verdict))
        return false;
    snprintf(verdict->what, sizeof(verdict->what), "%s: %s", sr_err_row(err->code)->name,
             err->message);
    return true;
}

static bool check_leaks(struct verdict *verdict)
{
    return !__lsan_do_recoverable_leak_check() || differs(verdict, "memory", "leaked");
}

static bool check_call(const struct sweep *sweep, const char *folder, uint32_t number,
                       struct verdict *verdict)
{
    const struct sweep_job *const job = sweep->params->job;
    struct sr_err err = { 0 };
    fault_begin(call_of(sweep->log, number), NULL);
    const bool succeeded = job->run(folder, &err);
    fault_end();
    if (!fault_failed())
        return differs(verdict, "this call",
                       "was not made: the job's calls are not the same each time");
    snprintf(verdict->call, sizeof(verdict->call), "%s", fault_failed());
    if (succeeded) {
        if (!check_published(sweep, folder, false, verdict))
            return false;
        snprintf(verdict->what, sizeof(verdict->what), "did without");
    } else if (!check_failure(sweep, folder, &err, verdict)) {
        return false;
    }
    if (!check_leaks(verdict))
        return false;

    char what[sizeof(verdict->what)];
    memcpy(what, verdict->what, sizeof(what));
    err = (struct sr_err){ 0 };
    if (!job->run(folder, &err))
        return differs(verdict, "undisturbed it then fails:", err.message);
    if (!same_tree(sweep->base, folder, verdict) || !check_leaks(verdict))
        return false;
    memcpy(verdict->what, what, sizeof(what));
    return true;
}

// Sends the child's stderr to a file in its folder's place beside it.
static void redirect(const char *folder)
{
    char path[80];
    snprintf(path, sizeof(path), "%s.log", folder);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0)
        dup2(fd, STDERR_FILENO);
}

static void start(struct sweep *sweep, struct child *child, uint32_t number)
{
    child->number = number;
    memset(child->verdict, 0, sizeof(*child->verdict));
    make_folder(child->folder);
    fflush(NULL);
    child->pid = fork();
    if (child->pid == 0) {
        redirect(child->folder);
        alarm(RUN_SECONDS_MAX);
        _exit(check_call(sweep, child->folder, number, child->verdict) ? 0 : NOT_OK);
    }
    if (child->pid < 0) {
        perror("fork");
        exit(1);
    }
}

static void show_log(const char *path)
{
    FILE *const file = fopen(path, "r");
    if (!file)
        return;
    char line[512];
    for (int lines = 0; lines < 60 && fgets(line, sizeof(line), file); lines++)
        printf("    %s", line);
    fclose(file);
}

static void finish(struct sweep *sweep, struct child *child, int status)
{
    const bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const char *const call = name_of(sweep->log, child->number);
    if (WIFSIGNALED(status))
        differs(child->verdict, "the process", strsignal(WTERMSIG(status)));
    else if (!ok && WEXITSTATUS(status) != NOT_OK)
        differs(child->verdict, "the process", "was ended by a sanitizer");
    printf("%s %s call %" PRIu32 " %s: %s\n", ok ? "ok" : "not ok", sweep->params->job->name,
           child->number, child->verdict->call[0] != '\0' ? child->verdict->call : call,
           child->verdict->what);
    char log[80];
    snprintf(log, sizeof(log), "%s.log", child->folder);
    if (!ok || sweep->params->only)
        show_log(log);
    fflush(stdout);
    unlink(log);
    remove_folder(child->folder);
    sweep->ok_count += ok;
    sweep->not_ok_count += !ok;
    child->pid = 0;
    sweep->running--;
}

static void wait_for_one(struct sweep *sweep)
{
    int status;
    const pid_t pid = wait(&status);
    for (size_t i = 0; pid > 0 && i < PROCESSES_MAX; i++) {
        if (sweep->children[i].pid == pid)
            finish(sweep, &sweep->children[i], status);
    }
}

static void one_call(struct sweep *sweep, uint32_t number)
{
    while (sweep->running >= (size_t)sweep->params->processes)
        wait_for_one(sweep);
    size_t slot = 0;
    while (sweep->children[slot].pid != 0)
        slot++;
    start(sweep, &sweep->children[slot], number);
    sweep->running++;
}

// Which calls ------------------------------------------------------------------------------------
// What the others are compared with. In a process of its own too, so that all begin alike.
static bool undisturbed(struct sweep *sweep)
{
    struct verdict *const verdict = shared(sizeof(*verdict));
    const pid_t pid = fork();
    if (pid == 0) {
        struct sr_err err = { 0 };
        fault_begin((struct fault_call){ 0 }, sweep->log);
        const bool succeeded = sweep->params->job->run(sweep->base, &err);
        fault_end();
        if (!succeeded)
            differs(verdict, "undisturbed it fails:", err.message);
        _exit(succeeded && check_leaks(verdict) ? 0 : 1);
    }
    int status = 1;
    const bool ok = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
    printf("%s %s undisturbed: %" PRIu32 " calls%s%s\n", ok ? "ok" : "not ok",
           sweep->params->job->name, call_count(sweep->log), ok ? "" : ", ", verdict->what);
    munmap(verdict, sizeof(*verdict));
    return ok;
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33);
}

// Whether no call before it has the same name.
static bool is_first(const struct fault_log *log, uint32_t number)
{
    for (uint32_t other = 1; other < number; other++) {
        if (name_of(log, other) == name_of(log, number))
            return false;
    }
    return true;
}

// Marks calls of a sample: the first of each function where the job wants that, then others at
// random.
static void choose(const struct fault_log *log, const struct sweep_params *params, bool *chosen)
{
    const uint32_t count = call_count(log);
    const uint32_t share =
        (uint32_t)((uint64_t)params->calls_max * params->job->sample_percent / 100);
    const uint32_t want = params->calls_max && share < count ? share : count;
    uint32_t chosen_count = 0;
    for (uint32_t i = 0; i < count && chosen_count < want; i++) {
        chosen[i] = want == count || (params->job->samples_each && is_first(log, i + 1));
        chosen_count += chosen[i];
    }
    uint64_t state = params->seed;
    while (chosen_count < want) {
        const uint32_t i = next_random(&state) % count;
        chosen_count += !chosen[i];
        chosen[i] = true;
    }
}

static void all_calls(struct sweep *sweep)
{
    const struct sweep_params *const params = sweep->params;
    const uint32_t count = call_count(sweep->log);
    bool *const chosen = shared(count + 1);  // no allocation, or children would call it a leak
    if (params->only && params->only <= count)
        chosen[params->only - 1] = true;
    else
        choose(sweep->log, params, chosen);
    for (uint32_t i = 0; i < count; i++) {
        if (chosen[i])
            one_call(sweep, i + 1);
    }
    while (sweep->running > 0)
        wait_for_one(sweep);
    munmap(chosen, count + 1);
}

bool sweep_run(const struct sweep_params *params)
{
    assert(params->processes >= 1 && params->processes <= PROCESSES_MAX);
    struct sweep sweep = { .params = params, .log = shared(sizeof(*sweep.log)) };
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        sweep.children[i].verdict = shared(sizeof(*sweep.children[i].verdict));
    make_folder(sweep.base);
    if (undisturbed(&sweep))
        all_calls(&sweep);
    else
        sweep.not_ok_count++;
    remove_folder(sweep.base);
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        munmap(sweep.children[i].verdict, sizeof(*sweep.children[i].verdict));
    munmap(sweep.log, sizeof(*sweep.log));
    return sweep.not_ok_count == 0;
}
