// Worker processes of a supervisor: started, started again after their death, later each time when
// that goes on, ended in order, killed when they do not end. The program is its own worker.
#include "service/local_workers.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"

#define SECOND_US INT64_C(1000000)

struct world {
    char folder[64];
    struct sr_cancel stop, ended;
    struct local_workers *workers;
};

// How many workers have begun: each leaves a file with its number as the name.
static int count_files(const struct world *world, char *ret_last)
{
    int count = 0;
    for (int i = 0; i < 1000; i++) {
        struct sr_err err = { 0 };
        sr_auto(char) char *path = sr_strf(&err, "%s/%d", world->folder, i);
        size_t bytes;
        char *text = NULL;
        if (!sr_file_load(path, 64, &text, &bytes, &err))
            break;
        if (ret_last)
            (void)snprintf(ret_last, 64, "%s", text);
        free(text);
        count++;
    }
    return count;
}

static pid_t wait_for(const struct world *world, int count)
{
    char last[64] = "";
    while (count_files(world, last) < count)
        (void)poll(NULL, 0, 5);
    return (pid_t)atol(last);
}

static void begin(struct world *world, const char *how, size_t count)
{
    struct sr_err err = { 0 };
    *world = (struct world){ 0 };
    sr_test_folder(world->folder);
    const char *const argv[] = { "/proc/self/exe", "worker", how, world->folder, NULL };
    const struct local_workers_params params = { .argv = argv,
                                                 .count = count,
                                                 .grace_us = SECOND_US * 2,
                                                 .first_wait_us = 10000,
                                                 .wait_us_max = 40000 };
    sr_cancel_init(&world->stop, NULL, NULL, INT64_MAX);
    sr_cancel_init(&world->ended, NULL, NULL, INT64_MAX);
    sr_assert_ok(local_workers_new(&params, &world->stop, &world->ended, &world->workers, &err),
                 err);
}

static void end(struct world *world)
{
    sr_cancel_set(&world->stop);
    while (!sr_cancel_asked(&world->ended))
        (void)poll(NULL, 0, 5);
    local_workers_free(world->workers);
    sr_test_folder_done(world->folder);
}

static void starts_again_what_was_killed(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "waits", 1);
    const pid_t first = wait_for(&world, 1);
    assert_int_equal(kill(first, SIGKILL), 0);
    const pid_t second = wait_for(&world, 2);
    assert_int_not_equal(first, second);
    assert_int_equal(kill(second, 0), 0);
    end(&world);
    assert_int_equal(kill(second, 0), -1);
}

static void keeps_as_many_as_it_should(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "waits", 3);
    (void)wait_for(&world, 3);
    assert_int_equal(count_files(&world, NULL), 3);
    end(&world);
}

static void goes_on_with_one_that_always_fails(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "fails", 1);
    (void)wait_for(&world, 4);
    end(&world);
}

static void kills_what_does_not_end(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "stays", 1);
    const pid_t pid = wait_for(&world, 1);
    end(&world);
    assert_int_equal(kill(pid, 0), -1);
}

static void a_program_that_is_not_there(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_cancel stop, ended;
    struct local_workers *workers = NULL;
    const char *const argv[] = { "/nonexistent/program", NULL };
    const struct local_workers_params params = { .argv = argv, .count = 1 };
    sr_cancel_init(&stop, NULL, NULL, INT64_MAX);
    sr_cancel_init(&ended, NULL, NULL, INT64_MAX);
    sr_assert_ok(local_workers_new(&params, &stop, &ended, &workers, &err), err);
    local_workers_free(workers);
    assert_true(sr_cancel_asked(&ended));
    const struct local_workers_params many = { .argv = argv, .count = LOCAL_WORKERS_MAX + 1 };
    sr_assert_fails(local_workers_new(&many, &stop, &ended, &workers, &err), SR_ERR_INVALID, err);
}

// A worker: worker HOW FOLDER --parent PID
static int work(char **argv)
{
    struct sr_err err = { 0 };
    char pid[24];
    if (strcmp(argv[4], "--parent") != 0 || atol(argv[5]) != (long)getppid())
        return 1;
    if (strcmp(argv[2], "stays") == 0)
        (void)signal(SIGTERM, SIG_IGN);
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    for (int i = 0;; i++) {
        sr_auto(char) char *path = sr_strf(&err, "%s/%d", argv[3], i);
        sr_auto(char) char *mine = sr_strf(&err, "%s/%s.new", argv[3], pid);
        if (!sr_file_store(mine, pid, strlen(pid), &err))
            return 1;
        const bool taken = link(mine, path) != 0;
        (void)unlink(mine);
        if (!taken)
            break;
    }
    if (strcmp(argv[2], "fails") == 0)
        return 3;
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "worker") == 0)
        return work(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_again_what_was_killed),
        cmocka_unit_test(keeps_as_many_as_it_should),
        cmocka_unit_test(goes_on_with_one_that_always_fails),
        cmocka_unit_test(kills_what_does_not_end),
        cmocka_unit_test(a_program_that_is_not_there),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
