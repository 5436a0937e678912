// kill -9 of the service, asked over HTTP, at calls of its file system (so at and around every
// commit) and at random moments: nothing lost, nothing twice, the same results.
//   make crash SEED=7 ROUNDS=1000
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "statemachine/engine_replay.h"
#include "statemachine/store_sqlite.h"
#include "tests/env.h"
#include "tests/faulty_vfs.h"
#include "tests/served.h"

enum { SECONDS_MAX = 2000, KILLS = 12, ROUNDS = 4, LIVES_MAX = 50 };

#define ACTIVITY SERVED_PREFIX ":activity:a"

static const unsigned all_calls = FAULTY_VFS_WRITE | FAULTY_VFS_SYNC | FAULTY_VFS_LOCK;

struct end {
    char *status, *output, *error;
};
static struct end undisturbed[FLOWS_COUNT];
static uint64_t whole_calls, whole_requests;

// What the outside knows: clients of the flows, a worker.
struct outside {
    struct served served;
    bool has_activity, is_created[FLOWS_COUNT], is_started[FLOWS_COUNT];
    uint64_t requests, kill_at;  // killed before this request of a life; 0: not
    struct sr_thread *worker;
    atomic_bool is_over;
};

static uint64_t seed;
static uint64_t draw(uint64_t below)
{
    return env_draw(&seed, below);
}

// The service's own prefix and double quotes.
static char *adapted(const char *text)
{
    struct sr_err err = { 0 };
    struct sr_str made = { 0 };
    while (*text) {
        const bool arn = strncmp(text, FLOWS_PREFIX ":", strlen(FLOWS_PREFIX) + 1) == 0;
        const char quote = '"';
        sr_assert_ok(arn ? sr_str_add(&made, SERVED_PREFIX, &err)
                         : sr_str_add_bytes(&made, *text == '\'' ? &quote : text, 1, &err),
                     err);
        text += arn ? strlen(FLOWS_PREFIX) : 1;
    }
    return made.text;
}

static void machine_arn(size_t i, char arn[160])
{
    (void)snprintf(arn, 160, SERVED_PREFIX ":stateMachine:%s", flows_table[i].name);
}

static void execution_arn(size_t i, char arn[160])
{
    (void)snprintf(arn, 160, SERVED_PREFIX ":execution:%s:e", flows_table[i].name);
}

// 0: there is no service any more.
static int call(struct outside *outside, const char *op, json_t *request)
{
    sr_auto(served_answer) struct served_answer answer = { 0 };
    if (++outside->requests == outside->kill_at)
        assert_int_equal(kill(outside->served.pid, SIGKILL), 0);
    served_call(&outside->served, op, request, &answer);
    if (answer.status >= 500)
        fail_msg("%s: %d %s", op, answer.status,
                 json_string_value(json_object_get(answer.body, "message")));
    return answer.status;
}

// --- the worker, on a thread of its own as its polls wait ---

static void work(void *self)
{
    struct outside *outside = self;
    while (!atomic_load(&outside->is_over)) {
        sr_auto(served_answer) struct served_answer task = { 0 }, done = { 0 };
        served_call(&outside->served, "GetActivityTask",
                    json_pack("{s:s}", "activityArn", ACTIVITY), &task);
        if (task.status == 0)
            return;  // killed
        const char *token = json_string_value(json_object_get(task.body, "taskToken"));
        if (!token) {
            (void)sched_yield();  // the activity is not there yet, or nothing was to be done
            continue;
        }
        served_call(&outside->served, "SendTaskSuccess",
                    json_pack("{s:s, s:O}", "taskToken", token, "output",
                              json_object_get(task.body, "input")),
                    &done);
    }
}

// --- clients ---

static bool start_missing(struct outside *outside)
{
    if (!outside->has_activity) {
        const int status = call(outside, "CreateActivity", json_pack("{s:s}", "name", "a"));
        outside->has_activity = status == 200;
        if (!status)
            return false;
    }
    for (size_t i = 0; i < FLOWS_COUNT; i++) {
        char arn[160];
        machine_arn(i, arn);
        if (!outside->is_created[i]) {
            char *definition = adapted(flows_table[i].definition);
            const int status =
                call(outside, "CreateStateMachine",
                     json_pack("{s:s, s:s, s:s}", "name", flows_table[i].name, "definition",
                               definition, "roleArn", "arn:aws:iam::123456789012:role/r"));
            free(definition);
            if (!status)
                return false;
            assert_int_equal(status, 200);  // the same once more is no conflict
            outside->is_created[i] = true;
        }
        if (!outside->is_started[i]) {
            const int status = call(outside, "StartExecution",
                                    json_pack("{s:s, s:s, s:s}", "stateMachineArn", arn, "name",
                                              "e", "input", flows_table[i].input));
            if (!status)
                return false;
            outside->is_started[i] = true;  // 400: it was there and has ended
        }
    }
    return true;
}

static bool call_back(struct outside *outside)
{
    struct sr_err err = { 0 };
    char path[96];
    sr_auto(char) char *text = NULL;
    size_t bytes;
    (void)snprintf(path, sizeof path, "%s/tokens", outside->served.folder);
    sr_assert_ok(sr_file_load(path, 1 << 20, &text, &bytes, &err), err);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        // A token that is heard already, or cut off by a kill, is refused: 400.
        if (*line && !call(outside, "SendTaskSuccess",
                           json_pack("{s:s, s:s}", "taskToken", line, "output", "\"called back\"")))
            return false;
    }
    return true;
}

static void end_done(struct end *end)
{
    free(end->status);
    free(end->output);
    free(end->error);
    *end = (struct end){ 0 };
}

static char *text_of(const json_t *body, const char *key)
{
    const char *text = json_string_value(json_object_get(body, key));
    char *made = strdup(text ? text : "");
    assert_non_null(made);
    return made;
}

// *ret_ended: all of them. False: killed.
static bool look(struct outside *outside, struct end ends[FLOWS_COUNT], bool *ret_ended)
{
    *ret_ended = true;
    for (size_t i = 0; i < FLOWS_COUNT; i++) {
        sr_auto(served_answer) struct served_answer answer = { 0 };
        char arn[160];
        execution_arn(i, arn);
        served_call(&outside->served, "DescribeExecution", json_pack("{s:s}", "executionArn", arn),
                    &answer);
        if (!answer.status)
            return false;
        if (answer.status != 200)
            fail_msg("%s was acknowledged and is not there: %d %s", flows_table[i].name,
                     answer.status, json_string_value(json_object_get(answer.body, "message")));
        end_done(&ends[i]);
        ends[i] = (struct end){ text_of(answer.body, "status"), text_of(answer.body, "output"),
                                text_of(answer.body, "error") };
        *ret_ended = *ret_ended && strcmp(ends[i].status, "RUNNING") != 0;
    }
    return true;
}

// --- lives ---

static bool play(struct outside *outside, struct end ends[FLOWS_COUNT])
{
    bool ended = false;
    for (int second = 0; second < SECONDS_MAX && !ended; second++) {
        if (!start_missing(outside) || !call_back(outside) || !look(outside, ends, &ended))
            return false;
        sr_clock_fake_advance(outside->served.clock, 1000000);
    }
    if (!ended)
        fail_msg("it does not end");
    return true;
}

// True: it played to the end. What was known before holds on.
static bool live(struct outside *outside, uint64_t call_at, uint64_t request_at,
                 struct end ends[FLOWS_COUNT])
{
    struct sr_err err = { 0 };
    outside->requests = 0;
    outside->kill_at = request_at;
    faulty_vfs_set((struct faulty_vfs_plan){
        .calls = all_calls, .at = call_at, .fault = call_at ? FAULTY_VFS_KILL : FAULTY_VFS_NONE });
    if (!served_start(&outside->served)) {
        assert_int_not_equal(outside->served.said[0], '!');
        return false;
    }
    atomic_store(&outside->is_over, false);
    sr_assert_ok(sr_thread_start("worker", work, outside, &outside->worker, &err), err);
    const bool done = play(outside, ends);
    atomic_store(&outside->is_over, true);
    if (done)
        assert_int_equal(kill(outside->served.pid, SIGKILL), 0);
    sr_thread_join(outside->worker);
    served_bury(&outside->served);
    return done;
}

static void check_same(const struct end ends[FLOWS_COUNT], const char *what)
{
    for (size_t i = 0; i < FLOWS_COUNT; i++) {
        const struct end *a = &undisturbed[i], *b = &ends[i];
        if (strcmp(a->status, b->status) != 0 || strcmp(a->output, b->output) != 0 ||
            strcmp(a->error, b->error) != 0)
            fail_msg("%s: %s: %s %s %s, undisturbed %s %s %s", what, flows_table[i].name, b->status,
                     b->output, b->error, a->status, a->output, a->error);
    }
}

static bool check_history(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct engine_replay_result result = { 0 };
    if (!engine_replay(self, execution->arn, NULL, NULL, &result, err))
        return false;
    if (!result.valid || result.differing || result.status != result.stored)
        fail_msg("%s: %s", execution->arn, result.why);
    return true;
}

static bool check_machine(void *self, const struct store_machine *machine, struct sr_err *err)
{
    const struct store *store = self;
    return store->ops->execution_each(store->self, machine->arn, -1, INT64_MAX, 0, check_history,
                                      self, err);
}

static void check_histories(const struct outside *outside)
{
    struct sr_err err = { 0 };
    struct store store;
    char path[96];
    (void)snprintf(path, sizeof path, "%s/state/states.db", outside->served.folder);
    faulty_vfs_set((struct faulty_vfs_plan){ 0 });
    sr_assert_ok(store_sqlite_open(path, &store, &err), err);
    sr_assert_ok(store.ops->machine_each(store.self, NULL, check_machine, &store, &err), err);
    store_close(&store);
}

static int play_undisturbed(void **state)
{
    struct outside outside = { 0 };
    (void)state;
    seed = env_number("CRASH_SEED", 1);
    faulty_vfs_install();
    faulty_vfs_share();
    served_make(&outside.served);
    assert_true(live(&outside, 0, 0, undisturbed));
    whole_calls = faulty_vfs_count();
    whole_requests = outside.requests;
    check_histories(&outside);
    served_remove(&outside.served);
    print_message("%" PRIu64 " calls of the file system, %" PRIu64 " requests\n", whole_calls,
                  whole_requests);
    return 0;
}

static int forget_undisturbed(void **state)
{
    (void)state;
    for (size_t i = 0; i < FLOWS_COUNT; i++)
        end_done(&undisturbed[i]);
    return 0;
}

static void finish(struct outside *outside, const char *what)
{
    struct end ends[FLOWS_COUNT] = { 0 };
    assert_true(live(outside, 0, 0, ends));
    check_same(ends, what);
    check_histories(outside);
    for (size_t i = 0; i < FLOWS_COUNT; i++)
        end_done(&ends[i]);
    served_remove(&outside->served);
}

static void at_calls(void **state)
{
    (void)state;
    const uint64_t count = env_number("CRASH_STRIDE", 0) ? whole_calls : KILLS;
    uint64_t kills = 0;
    for (uint64_t i = 1; i <= count; i++) {
        struct outside outside = { 0 };
        struct end ends[FLOWS_COUNT] = { 0 };
        char what[64];
        const uint64_t at = i * whole_calls / (count + 1) + 1;
        (void)snprintf(what, sizeof what, "killed at call %" PRIu64, at);
        print_message("%s\n", what);
        served_make(&outside.served);
        kills += !live(&outside, at, 0, ends);
        for (size_t f = 0; f < FLOWS_COUNT; f++)
            end_done(&ends[f]);
        finish(&outside, what);
    }
    print_message("killed %" PRIu64 " of %" PRIu64 " times\n", kills, count);
    assert_true(kills > count / 2);  // it does not always need as many calls
}

// Again and again, until a life is long enough.
static void at_random_moments(void **state)
{
    (void)state;
    const uint64_t rounds =
        env_number("CRASH_ROUNDS", 0) ? env_number("CRASH_ROUNDS", 0) / 10 : ROUNDS;
    uint64_t kills = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        struct outside outside = { 0 };
        struct end ends[FLOWS_COUNT] = { 0 };
        char what[64];
        (void)snprintf(what, sizeof what, "CRASH_SEED=%" PRIu64 ", round %" PRIu64,
                       env_number("CRASH_SEED", 1), round);
        served_make(&outside.served);
        bool killed = true;
        for (int life = 0; killed && life < LIVES_MAX; life++) {
            const bool by_request = draw(2);
            killed = !live(&outside, by_request ? 0 : draw(whole_calls) + 1,
                           by_request ? draw(whole_requests) + 1 : 0, ends);
            kills += killed;
            if (killed && draw(3) == 0)
                sr_clock_fake_advance(outside.served.clock, (int64_t)draw(4000) * 1000000);
        }
        for (size_t f = 0; f < FLOWS_COUNT; f++)
            end_done(&ends[f]);
        finish(&outside, what);
    }
    print_message("%" PRIu64 " rounds, killed %" PRIu64 " times\n", rounds, kills);
    assert_true(kills > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_calls),
        cmocka_unit_test(at_random_moments),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, play_undisturbed, forget_undisturbed);
}
