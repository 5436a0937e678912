// kill -9 at every commit (make check: at every third) and at random moments: nothing lost, nothing
// twice, the same results.
//   make crash SEED=7 ROUNDS=1000
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"
#include "tests/env.h"
#include "tests/faulty_vfs.h"
#include "tests/flows.h"

enum { ROUNDS = 12, LIVES_MAX = 100, AWAY_S_MAX = 4000 };

static struct flows_end undisturbed[FLOWS_COUNT];
static struct {
    uint64_t commits, calls;
    int64_t cpu_us;
} whole;  // of the undisturbed run

static uint64_t seed;
static uint64_t draw(uint64_t below)
{
    return env_draw(&seed, below);
}

static int64_t cpu_us(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static const struct faulty_vfs_plan count_all = {
    .calls = FAULTY_VFS_WRITE | FAULTY_VFS_SYNC | FAULTY_VFS_LOCK,
    .fault = FAULTY_VFS_NONE,
};

// What an undisturbed run comes to, and how long it is.
static int play_undisturbed(void **state)
{
    (void)state;
    struct flows flows;
    seed = env_number("CRASH_SEED", 1);
    faulty_vfs_install();
    faulty_vfs_set(count_all);
    flows_make(&flows);
    const int64_t start_us = cpu_us();
    assert_true(flows_open(&flows, 0));
    if (!flows_play(&flows))
        fail_msg("undisturbed, it does not end: %s", flows.failure.message);
    whole.commits = flows.commits;
    whole.calls = faulty_vfs_count();
    whole.cpu_us = cpu_us() - start_us;
    flows_check_histories(&flows);
    flows_ends(&flows, undisturbed);
    flows_close(&flows);
    flows_remove(&flows);
    faulty_vfs_set((struct faulty_vfs_plan){ 0 });
    return 0;
}

static int forget_undisturbed(void **state)
{
    (void)state;
    flows_ends_done(undisturbed);
    return 0;
}

static void the_flows_as_they_should(void **state)
{
    (void)state;
    static const char *const outputs[FLOWS_COUNT] = {
        "2",
        "2",
        "4",
        "[2,3,4,5,6]",
        "[\"q\",7,8]",
        "\"tried\"",
        "\"called back\"",
        "{\"s\":\"SUCCEEDED\",\"o\":21}",
        "\"E\"",
        "",
        "[11,21,31]",
    };
    for (size_t i = 0; i < FLOWS_COUNT; i++) {
        assert_string_equal(undisturbed[i].output, outputs[i]);
        assert_int_equal(undisturbed[i].status == ASL_SUCCEEDED, *outputs[i] != '\0');
    }
    print_message("%" PRIu64 " commits, %" PRIu64 " calls of the file system\n", whole.commits,
                  whole.calls);
}

// How one life of the process ends, if it comes so far.
struct death {
    struct flows_kill commit;
    uint64_t call;   // of the file system; 0: none
    int64_t cpu_us;  // 0: never
    int64_t away_us;
};

// The kernel kills the process when it has used so much of the processor: no moment is safe from
// it.
static void kill_at(int64_t used_us)
{
    timer_t timer;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
    const struct itimerspec at = { .it_value = { used_us / 1000000, used_us % 1000000 * 1000 } };
    if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) != 0 ||
        timer_settime(timer, 0, &at, NULL) != 0)
        _exit(3);
}

static void live(struct flows *flows, const struct death *death)
{
    if (death->call)
        faulty_vfs_set((struct faulty_vfs_plan){
            .calls = count_all.calls, .at = death->call, .fault = FAULTY_VFS_KILL });
    if (death->cpu_us)
        kill_at(death->cpu_us);
    flows->kill = death->commit;
    if (!flows_open(flows, death->away_us))
        _exit(4);
    flows_check_acknowledged(flows);
    const bool done = flows_play(flows);
    flows_close(flows);
    _exit(done ? 0 : 5);
}

// True when it was killed; else it has played to the end.
static bool live_and_die(struct flows *flows, const struct death *death)
{
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        live(flows, death);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return true;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("a life ended with status 0x%x", status);
    return false;
}

// In this process: whatever is left plays to its end, and is what it should be.
static void check(struct flows *flows, int64_t away_us, const char *what)
{
    struct flows_end ends[FLOWS_COUNT];
    flows->kill = (struct flows_kill){ 0 };
    if (!flows_open(flows, away_us))
        fail_msg("%s: %s", what, flows->failure.message);
    flows_check_acknowledged(flows);
    if (!flows_play(flows))
        fail_msg("%s: does not end: %s", what, flows->failure.message);
    flows_check_histories(flows);
    flows_ends(flows, ends);
    flows_check_same(undisturbed, ends, what);
    flows_ends_done(ends);
    assert_int_equal(engine_counts(flows->engine).tasks, 0);
    flows_close(flows);
}

static void at_every_commit(void **state)
{
    (void)state;
    const uint64_t stride = env_number("CRASH_STRIDE", 3);
    uint64_t kills = 0;
    for (uint64_t commit = 1; commit <= whole.commits; commit += stride) {
        struct flows flows;
        const bool after = commit / stride % 2;
        const struct death death = {
            .commit = { after ? 0 : commit, after ? commit : 0 },
        };
        char what[64];
        snprintf(what, sizeof what, "killed %s commit %" PRIu64, after ? "after" : "before",
                 commit);
        flows_make(&flows);
        kills += live_and_die(&flows, &death);
        check(&flows, commit % 3 == 0 ? INT64_C(3600000000) : 0, what);
        flows_remove(&flows);
    }
    print_message("killed %" PRIu64 " times\n", kills);
    assert_int_equal(kills, (whole.commits + stride - 1) / stride);
}

static struct death draw_death(void)
{
    struct death death = { .away_us = draw(2) ? (int64_t)draw(AWAY_S_MAX) * 1000000 : 0 };
    switch (draw(4)) {
    case 0: death.commit.before = draw(whole.commits) + 1; break;
    case 1: death.commit.after = draw(whole.commits) + 1; break;
    case 2: death.call = draw(whole.calls) + 1; break;
    default: death.cpu_us = (int64_t)draw((uint64_t)whole.cpu_us) + 1; break;
    }
    return death;
}

// Killed again and again, until a life is long enough.
static void at_random_moments(void **state)
{
    (void)state;
    const uint64_t rounds = env_number("CRASH_ROUNDS", ROUNDS);
    uint64_t kills = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        struct flows flows;
        char what[64];
        snprintf(what, sizeof what, "CRASH_SEED=%" PRIu64 ", round %" PRIu64,
                 env_number("CRASH_SEED", 1), round);
        flows_make(&flows);
        bool killed = true;
        for (size_t life = 0; killed && life < LIVES_MAX; life++) {
            const struct death death = draw_death();
            killed = live_and_die(&flows, &death);
            kills += killed;
        }
        check(&flows, 0, what);
        flows_remove(&flows);
    }
    print_message("%" PRIu64 " rounds, killed %" PRIu64 " times\n", rounds, kills);
    assert_true(kills > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_flows_as_they_should),
        cmocka_unit_test(at_every_commit),
        cmocka_unit_test(at_random_moments),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, play_undisturbed, forget_undisturbed);
}
