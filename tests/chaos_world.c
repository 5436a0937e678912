#include "tests/chaos_world.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "tests/env.h"
#include "tests/s3_job.h"

enum {
    SERVE_UNREACHABLE = 4,  // a worker's exit status when it cannot ask for the activities
    AWAY_MS_MAX = 1500,     // that a killed process stays away
    ASK_S_MAX = 60,         // until the service answers
    END_S_MAX = 60,         // until a process has ended that was told to
    PROCESSES_MAX = 64,     // children of one process that are looked at
    SPOILT_MAX = 6,         // connections after a cut
    PORT_FIRST = 10000,     // below those that outgoing connections get
    PORT_COUNT = 20000,
};

const char *const chaos_victim_names[CHAOS_VICTIM_COUNT] = {
    [CHAOS_CHILD] = "children", [CHAOS_LOCAL_WORKER] = "local workers",
    [CHAOS_WORKER] = "workers", [CHAOS_SERVE] = "services",
    [CHAOS_STORE] = "gateways", [CHAOS_CONNECTIONS] = "cuts",
};

static int64_t now_us(void)
{
    return sr_clock_monotonic_us(sr_clock_system());
}

void chaos_world_show(const struct chaos_world *world)
{
    char command[160];
    (void)fflush(stdout);
    (void)snprintf(command, sizeof(command), "cd '%s' && tail -n 25 *.log", world->folder);
    if (system(command) != 0)
        print_message("no logs\n");
}

// Processes ---------------------------------------------------------------------------------------
// Its log is what it says on both outputs. It never outlives a test that fails.
static void start(const struct chaos_world *world, struct chaos_process *process)
{
    char log[128];
    (void)snprintf(log, sizeof(log), "%s/%s.log", world->folder, process->argv[1]);
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid != 0)
        return;
    const int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(126);
    (void)execv(process->argv[0], (char *const *)(uintptr_t)process->argv);
    _exit(127);
}

static void come_back(const struct chaos_world *world, struct chaos_process *process, bool now)
{
    int status = 0;
    if (process->pid != 0 && waitpid(process->pid, &status, WNOHANG) == process->pid) {
        const bool is_worker = process == &world->worker;
        process->pid = 0;
        if (!is_worker || !WIFEXITED(status) || WEXITSTATUS(status) != SERVE_UNREACHABLE) {
            chaos_world_show(world);
            fail_msg("%s ended by itself: status 0x%x", process->argv[1], status);
        }
    }
    if (process->pid == 0 && (now || now_us() >= process->back_us))
        start(world, process);
}

static void kill_process(struct chaos_process *process, int64_t away_us)
{
    assert_int_equal(kill(process->pid, SIGKILL), 0);
    assert_int_equal(waitpid(process->pid, NULL, 0), process->pid);
    process->pid = 0;
    process->back_us = now_us() + away_us;
}

// 0: there is no such process.
static pid_t parent_of(pid_t pid)
{
    char path[64], text[512];
    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *const file = fopen(path, "re");
    if (!file)
        return 0;
    const size_t bytes = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);  // only read
    text[bytes] = '\0';
    const char *const name_end = strrchr(text, ')');
    int parent = 0;
    char state = 'Z';
    if (!name_end || sscanf(name_end + 1, " %c %d", &state, &parent) != 2 || state == 'Z')
        return 0;
    return parent;
}

static size_t children_of(pid_t parent, pid_t list[PROCESSES_MAX])
{
    DIR *const folder = opendir("/proc");
    size_t count = 0;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) && count < PROCESSES_MAX;) {
        const pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
        if (pid != 0 && parent_of(pid) == parent)
            list[count++] = pid;
    }
    (void)closedir(folder);
    return count;
}

// One of the parent's children, and nobody else who got its number meanwhile.
static bool kill_child(pid_t parent, const pid_t *list, size_t count, uint64_t *seed)
{
    if (count == 0)
        return false;
    const pid_t pid = list[env_draw(seed, count)];
    const int fd = pidfd_open(pid, 0);
    const bool done =
        fd >= 0 && parent_of(pid) == parent && pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0;
    if (fd >= 0)
        (void)close(fd);
    return done;
}

static bool kill_child_of(pid_t parent, uint64_t *seed)
{
    pid_t list[PROCESSES_MAX] = { 0 };
    return parent != 0 && kill_child(parent, list, children_of(parent, list), seed);
}

static bool kill_task(const struct chaos_world *world, uint64_t *seed)
{
    pid_t workers[PROCESSES_MAX];
    if (env_draw(seed, 2))
        return kill_child_of(world->worker.pid, seed);
    const size_t count = world->serve.pid ? children_of(world->serve.pid, workers) : 0;
    return count > 0 && kill_child_of(workers[0], seed);
}

// Store -------------------------------------------------------------------------------------------
// Far away: each piece takes a while, so that much is under way at any moment.
static const struct fault_plan far_away = { FAULT_LATENCY, 0, 1, 0 };

static void cut(uint64_t *seed)
{
    static const enum fault faults[] = { FAULT_REFUSE,    FAULT_503, FAULT_500,    FAULT_RESET_IN,
                                         FAULT_RESET_OUT, FAULT_CUT, FAULT_LONGER, FAULT_SHORTER };
    struct fault_plan plan = { .every = 1 };
    plan.fault = faults[env_draw(seed, sizeof(faults) / sizeof(*faults))];
    plan.bytes = env_draw(seed, 40000);
    plan.burst = (unsigned)env_draw(seed, SPOILT_MAX) + 1;
    fault_proxy_plan(s3_job()->proxy, plan);
    (void)fault_proxy_cut(s3_job()->proxy);
}

// Life --------------------------------------------------------------------------------------------
bool chaos_world_kill(struct chaos_world *world, enum chaos_victim victim, uint64_t *seed)
{
    const int64_t away_us = (int64_t)env_draw(seed, AWAY_MS_MAX) * 1000;
    bool done = true;
    fault_proxy_plan(s3_job()->proxy, far_away);
    switch (victim) {
    case CHAOS_CHILD: done = kill_task(world, seed); break;
    case CHAOS_LOCAL_WORKER: done = kill_child_of(world->serve.pid, seed); break;
    case CHAOS_WORKER:
    case CHAOS_SERVE: {
        struct chaos_process *const process =
            victim == CHAOS_SERVE ? &world->serve : &world->worker;
        done = process->pid != 0;
        if (done)
            kill_process(process, away_us);
        break;
    }
    case CHAOS_STORE:
        done = !world->is_store_down;
        if (done)
            s3_server_kill(&s3_job()->server);
        world->is_store_down = true;
        world->store_back_us = done ? now_us() + away_us : world->store_back_us;
        break;
    case CHAOS_CONNECTIONS:
    case CHAOS_VICTIM_COUNT: cut(seed); break;
    }
    world->killed[victim] += done;
    return done;
}

void chaos_world_freeze(const struct chaos_world *world, bool frozen)
{
    assert_int_equal(kill(world->serve.pid, frozen ? SIGSTOP : SIGCONT), 0);
}

void chaos_world_tend(struct chaos_world *world, bool now)
{
    come_back(world, &world->serve, now);
    come_back(world, &world->worker, now);
    if (!world->is_store_down || (!now && now_us() < world->store_back_us))
        return;
    s3_server_again(&s3_job()->server);
    world->is_store_down = false;
}

// Whether it was an answer. What is no success fails the test, unless it says: later.
static bool is_answered(const struct chaos_world *world, const struct served_answer *answer,
                        const char *what, int64_t end_us)
{
    if (answer->status >= 200 && answer->status < 300)
        return true;
    if (answer->status != 0 && answer->status != 503) {
        sr_auto(char) char *text = json_dumps(answer->body, JSON_ENCODE_ANY);
        chaos_world_show(world);
        fail_msg("%s: %d %s", what, answer->status, text ? text : "");
    }
    if (now_us() > end_us) {
        chaos_world_show(world);
        fail_msg("%s: the service does not answer", what);
    }
    return false;
}

json_t *chaos_world_ask(struct chaos_world *world, const char *op, json_t *request)
{
    const int64_t end_us = now_us() + ASK_S_MAX * INT64_C(1000000);
    sr_auto(json) json_t *owned = request;
    for (;;) {
        sr_auto(served_answer) struct served_answer answer = { 0 };
        served_call(&world->served, op, json_incref(owned), &answer);
        if (is_answered(world, &answer, op, end_us))
            return json_incref(answer.body);
        chaos_world_tend(world, false);
        (void)poll(NULL, 0, 20);
    }
}

json_t *chaos_world_job(struct chaos_world *world, const char *id, const char *manifest)
{
    const int64_t end_us = now_us() + ASK_S_MAX * INT64_C(1000000);
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/jobs%s%s", id ? "/" : "", id ? id : "");
    for (;;) {
        sr_auto(served_answer) struct served_answer answer = { 0 };
        served_ask(&world->served, manifest ? "POST" : "GET", path, manifest, &answer);
        if (is_answered(world, &answer, path, end_us))
            return json_incref(answer.body);
        chaos_world_tend(world, false);
        (void)poll(NULL, 0, 20);
    }
}

// One that nobody uses; the service keeps it over its lives.
static unsigned free_port(void)
{
    uint64_t seed = (uint64_t)getpid();
    for (int i = 0; i < 1000; i++) {
        const unsigned port = PORT_FIRST + (unsigned)env_draw(&seed, PORT_COUNT);
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool is_free =
            fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
        if (fd >= 0)
            (void)close(fd);
        if (is_free)
            return port;
    }
    fail_msg("no free port");
    return 0;
}

static void write_config(const char *path)
{
    FILE *const file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "{\"worker\": {\"processes\": 1, \"slots\": 2, \"light_slots\": 1, "
                              "\"memory_bytes\": 536870912, \"grace_s\": 5}, "
                              "\"jobs\": {\"workspace\": \"" S3_JOB_BUCKET "ws/\", "
                              "\"allow\": [\"s3://splitreel-test\"]}}") > 0);
    assert_int_equal(fclose(file), 0);
}

static void set_words(struct chaos_world *world, const char *program)
{
    char *const listen = world->words[0], *const state = world->words[1];
    char *const config = world->words[2];
    (void)snprintf(listen, sizeof(world->words[0]), "127.0.0.1:%u", free_port());
    (void)snprintf(state, sizeof(world->words[0]), "%s/state", world->folder);
    (void)snprintf(config, sizeof(world->words[0]), "%s/config.json", world->folder);
    (void)snprintf(world->served.said, sizeof(world->served.said), "http://%s", listen);
    write_config(config);
    const char *const serve[] = { program,   "serve", "--listen", listen,
                                  "--state", state,   "--config", config };
    const char *const worker[] = { program,      "worker",       "--server", world->served.said,
                                   "--unsigned", "--slots",      "2",        "--light-slots",
                                   "1",          "--grace",      "5s",       "--memory",
                                   "512M",       "--activities", "all" };
    memcpy(world->argv[0], serve, sizeof(serve));
    memcpy(world->argv[1], worker, sizeof(worker));
    world->serve.argv = world->argv[0];
    world->worker.argv = world->argv[1];
}

void chaos_world_open(struct chaos_world *world)
{
    struct sr_err err = { 0 };
    struct http_params params = http_params_default();
    params.policy.allow_private = true;
    params.attempts_max = 1;
    *world = (struct chaos_world){ 0 };
    sr_test_folder(world->folder);
    set_words(world, getenv("SPLITREEL"));
    sr_assert_ok(http_new(&params, &world->served.http, &err), err);
    fault_proxy_plan(s3_job()->proxy, far_away);
    start(world, &world->serve);
    json_decref(chaos_world_ask(world, "ListActivities", json_object()));
    chaos_world_tend(world, true);
}

static void end(struct chaos_world *world, struct chaos_process *process)
{
    const int64_t end_us = now_us() + END_S_MAX * INT64_C(1000000);
    int status = 0;
    pid_t got;
    assert_int_equal(kill(process->pid, SIGTERM), 0);
    while ((got = waitpid(process->pid, &status, WNOHANG)) == 0 && now_us() < end_us)
        (void)poll(NULL, 0, 20);
    if (got == process->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        process->pid = 0;
        return;
    }
    chaos_world_show(world);
    fail_msg("%s does not end as it is told: status 0x%x", process->argv[1], status);
}

void chaos_world_close(struct chaos_world *world)
{
    chaos_world_tend(world, true);
    end(world, &world->worker);
    end(world, &world->serve);
    http_free(world->served.http);
    sr_test_folder_done(world->folder);
}
