// splitreel: verbs, signals, exit status.
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jx.h"
#include "cli/cli.h"
#include "transcode/media_libs.h"
#include "transcode/media_log.h"
#include "transcode/segment_transcode.h"

#ifndef SPLITREEL_VERSION
#define SPLITREEL_VERSION "0.1.0"
#endif

// The one mutable global of the program: a signal handler has no other way to speak.
static struct sr_cancel stop;
static volatile sig_atomic_t signal_number;
static volatile sig_atomic_t hangup;  // of `serve`: read the rules anew

static const struct verb {
    const char *name;
    int (*run)(const struct cli *cli);
    const char *help;    // NULL: not for people
    bool without_media;  // calls nothing of libav, and so need not wait for it
} verbs[] = {
    { "run", cmd_run, "transcode a file in parallel, exactly", false },
    { "batch", cmd_batch, "transcode many files: whole folders, prefixes, lists", false },
    { "plan", cmd_plan, "show where a file would be cut, and what would be made of it", false },
    { "probe", cmd_probe, "show what is in a file, and what is odd about it", false },
    { "verify", cmd_verify, "check an output against its source", false },
    { "ls", cmd_ls, "list a bucket or a folder", true },
    { "cp", cmd_cp, "copy objects from and to any store", true },
    { "cat", cmd_cat, "write an object's bytes to standard output", true },
    { "gc", cmd_gc, "abort uploads that crashes left open", true },
    { "serve", cmd_serve, "the service: jobs over HTTP, and the AWS Step Functions API", false },
    { "submit", cmd_submit, "hand jobs to a service", true },
    { "status", cmd_status, "a service's jobs, or one of them", true },
    { "watch", cmd_watch, "follow a job to its end", true },
    { "logs", cmd_logs, "what happened to a job, over all attempts and workers", true },
    { "cancel", cmd_cancel, "end a job", true },
    { "retry", cmd_retry, "another attempt of a job: only what is missing is made", true },
    { "rules", cmd_rules, "check rules, and try one with an event", true },
    { "worker", cmd_worker, "do the tasks of jobs, for a service here or elsewhere", false },
    { "sm", cmd_sm, "state machines: validate, run, replay, and talk to a server", true },
    { "config", cmd_config, "show and check the configuration of serve and worker", true },
    { "doctor", cmd_doctor, "what is wrong with this machine, and what helps", true },
    { "completion", cmd_completion, "a script that completes words, for bash, zsh and fish", true },
    { "child", cmd_child, NULL, false },
};
enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

// First time: end soon and keep the work. Second time: end now; what is half-written is never taken
// for whole.
static void on_signal(int number)
{
    if (signal_number)
        _exit(128 + number);
    signal_number = number;
    sr_cancel_set(&stop);
}

static int get_signal(void)
{
    return signal_number;
}

static void on_hangup(int number)
{
    (void)number;
    hangup = 1;
}

static bool hung_up(void)
{
    const bool came = hangup;
    hangup = 0;
    return came;
}

static void watch_hangups(void)
{
    struct sigaction action = { .sa_handler = on_hangup };
    (void)sigemptyset(&action.sa_mask);  // cannot fail with these arguments
    (void)sigaction(SIGHUP, &action, NULL);
}

static void watch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    (void)sigemptyset(&action.sa_mask);      // cannot fail with these arguments
    (void)sigaction(SIGINT, &action, NULL);  // nor can these
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;  // a closed pipe is an error of write()
    (void)sigaction(SIGPIPE, &action, NULL);
}

// Each segment's encoder takes some hundred megabytes and gives them back. The next one is to have
// the same pages: new ones from the system must be zeroed first, which is up to a tenth of the time
// (bench/speed.sh). Where the allocator is another one (sanitizers) this does nothing.
static void keep_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest that there is
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

static bool begin_media(struct sr_err *err)
{
    if (!media_libs_load(err))
        return false;
    media_log_init();
    keep_memory();
    return true;
}

static bool is_word(const char *word, const char *name)
{
    return strcmp(word, name) == 0 ||
           (strncmp(word, "--", 2) == 0 && strcmp(word + 2, name) == 0) ||
           (word[0] == '-' && strcmp(word + 1, name) == 0);
}

static int run_verb(const struct verb *verb, const struct cli *cli)
{
    struct sr_err err = { 0 };
    // An operand may be called "help".
    const bool is_question = cli->argc == 1 && cli->argv[0][0] == '-' &&
                             (is_word(cli->argv[0], "help") || is_word(cli->argv[0], "h"));
    if (!verb->without_media && !is_question && !begin_media(&err))
        return cli_fail(cli, &err);
    return verb->run(cli);
}

static void help(FILE *file)
{
    (void)fprintf(file, "splitreel - transcodes one video in parallel, exactly\n\n"
                        "  splitreel run film.mov -o film.mp4\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (verbs[i].help)
            (void)fprintf(file, "  %-12s%s\n", verbs[i].name, verbs[i].help);
    }
    (void)fprintf(file, "\n`splitreel VERB --help` explains a verb.\n");
}

static int fail_verb(const char *word)
{
    const char *names[VERB_COUNT + 1];
    size_t count = 0;
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (verbs[i].help)
            names[count++] = verbs[i].name;
    }
    names[count] = NULL;
    const char *const near = jx_nearest(word, names);
    (void)fprintf(
        stderr,
        "splitreel: there is no verb \"%.40s\"; the nearest is %s; `splitreel --help` lists them\n",
        word, near ? near : "run");
    return 2;
}

int main(int argc, char **argv)
{
    sr_cancel_init(&stop, NULL, sr_clock_system(), INT64_MAX);
    watch_signals();
    if (argc >= 2 && strcmp(argv[1], "serve") == 0)
        watch_hangups();
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    const struct cli cli = { .argc = argc - 2,
                             .argv = argv + 2,
                             .stop = &stop,
                             .signal_number = get_signal,
                             .hung_up = hung_up };
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return run_verb(&verbs[i], &cli);
    }
    if (is_word(argv[1], "help") || strcmp(argv[1], "-h") == 0) {
        help(stdout);
        return 0;
    }
    if (is_word(argv[1], "version")) {
        struct sr_err err = { 0 };
        if (!begin_media(&err))
            return cli_fail(&cli, &err);
        (void)printf("splitreel %s (%s)\n", SPLITREEL_VERSION, segment_transcode_build());
        return 0;
    }
    return fail_verb(argv[1]);
}
