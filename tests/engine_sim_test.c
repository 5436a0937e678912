// The engine and its store under random flows: workers that vanish, callbacks that come twice,
// stops and redrives, crashes between rounds and inside commits, on a clock of its own. Each flow
// ends as in an undisturbed run.
//   make sim SEED=7 TRANSITIONS=1000000
#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jx.h"
#include "base/test.h"
#include "statemachine/engine.h"
#include "statemachine/engine_replay.h"
#include "statemachine/store_sqlite.h"
#include "tests/random_flow.h"

#define WALL_US 1767225600000000
#define MACHINE(name) RANDOM_FLOW_PREFIX ":stateMachine:" name

enum {
    FLOWS = 3,
    WORKERS = 3,
    PENDING_MAX = 256,
    TOKENS_MAX = 1024,
    TICKS_MAX = 20000,
    CALM_TICKS = 3000,  // after so many nothing is disturbed any more: everything must end
    REDRIVES_MAX = 2,
    TRANSITIONS = 3000,
};

struct end {
    enum asl_status status;
    char *output, *error;  // never NULL once it is read
};

struct flow {
    char *definition, *input;
    bool is_created, is_started;
    size_t redrives;
    bool is_redriving;  // asked for, not answered
    struct end seen;    // as it was found when it had ended; output NULL: not yet
};

struct worker {
    bool asks;
    char *token, *payload;
};

struct answer {
    struct engine_ref ref;
    enum store_task_kind kind;
    char *payload;
    bool is_again;  // that a token was handed over, said before: it counts for nothing
};

struct callback {
    char *token, *payload;
    bool is_heard;
};

// What becomes of a commit.
enum fault {
    FAULT_REFUSED,  // the store fails, and is well again
    FAULT_BEFORE,   // a crash, before it is on disk
    FAULT_AFTER,
    FAULT_COUNT
};

struct world {
    char folder[64], database[96];
    uint64_t seed;
    struct random_flow chance;
    bool disturbed;
    struct sr_clock_fake clock;
    struct store inner, store;
    struct store_ops ops;
    struct engine *engine;
    size_t depth, commits_left;  // until one fails; 0: none does
    enum fault fault;
    bool is_committed, is_crashed, is_refused;
    struct flow flows[FLOWS + 1];  // the first is what others start
    struct worker workers[WORKERS];
    struct answer pending[PENDING_MAX];  // of handlers: they end with the engine
    size_t pending_count;
    struct callback callbacks[TOKENS_MAX];
    size_t callback_count, crashes, transitions;
};

static struct world *the_world;  // of the store's functions, whose `self` is the inner store's

static uint64_t draw(struct world *world, uint64_t below)
{
    return random_flow_draw(&world->chance, below);
}

static bool happens(struct world *world, uint64_t one_in)
{
    return world->disturbed && draw(world, one_in) == 0;
}

#define fail_world(world, ...)                                                                     \
    do {                                                                                           \
        print_error("seed %" PRIu64 "%s: ", (world)->seed,                                         \
                    (world)->disturbed ? ", disturbed" : "");                                      \
        fail_msg(__VA_ARGS__);                                                                     \
    } while (0)

static char *copy(const char *text)
{
    char *made = strdup(text);
    assert_non_null(made);
    return made;
}

// --- a store that fails or crashes in a commit, before or after it is on disk ---

static bool store_begin(void *self, struct sr_err *err)
{
    if (!the_world->inner.ops->begin(self, err))
        return false;
    the_world->depth++;
    return true;
}

static void store_rollback(void *self)
{
    the_world->depth--;
    if (!the_world->is_committed)
        the_world->inner.ops->rollback(self);
    the_world->is_committed = false;
}

static bool store_commit(void *self, struct sr_err *err)
{
    struct world *world = the_world;
    const bool fails = world->depth == 1 && world->commits_left && --world->commits_left == 0;
    if (fails && world->fault == FAULT_REFUSED) {
        world->is_refused = true;
        return sr_fail(err, SR_ERR_STORAGE, "refused");
    }
    world->is_crashed = world->is_crashed || fails;
    if (fails && world->fault == FAULT_BEFORE)
        return sr_fail(err, SR_ERR_STORAGE, "crashed before it was on disk");
    if (!world->inner.ops->commit(self, err))
        return false;
    world->is_committed = fails;
    if (fails)
        return sr_fail(err, SR_ERR_STORAGE, "crashed when it was on disk");
    world->depth--;
    return true;
}

// --- handlers ---

static bool take_task(void *self, const struct engine_task *task, struct sr_err *err)
{
    struct world *world = the_world;
    (void)self;
    (void)err;
    assert_true(world->pending_count < PENDING_MAX);
    world->pending[world->pending_count++] =
        (struct answer){ task->ref, task->kind, copy(task->payload), false };
    return true;
}

static bool knows(const struct world *world, const char *token)
{
    for (size_t i = 0; i < world->callback_count; i++) {
        if (strcmp(world->callbacks[i].token, token) == 0)
            return true;
    }
    return false;
}

static bool hand_over(void *self, const struct engine_task *task, struct sr_err *err)
{
    struct world *world = the_world;
    (void)self;
    assert_true(world->callback_count < TOKENS_MAX);
    if (!knows(world, task->token))
        world->callbacks[world->callback_count++] =
            (struct callback){ copy(task->token), copy(task->payload), false };
    if (happens(world, 3) && take_task(self, task, err))
        world->pending[world->pending_count - 1].is_again = true;
    return engine_answer(world->engine, task->ref, "{}", err);
}

static const struct engine_resource resources[] = {
    { "arn:aws:lambda:*", take_task, NULL, NULL },
    { "arn:aws:states:::lambda:invoke", take_task, NULL, NULL },
    { "arn:aws:states:::s3:*", take_task, NULL, NULL },
    { "arn:aws:states:::sqs:*", hand_over, NULL, NULL },
};

static enum random_flow_end work(const char *payload, char **ret_result)
{
    json_error_t error;
    sr_auto(json) json_t *asked = json_loads(payload, JSON_DECODE_ANY, &error);
    sr_auto(json) json_t *result = NULL;
    assert_non_null(asked);
    const enum random_flow_end end = random_flow_work(asked, &result);
    *ret_result = result ? json_dumps(result, JSON_COMPACT) : NULL;
    return end;
}

static void answer_handler(struct world *world, const struct answer *answer)
{
    struct sr_err err = { 0 };
    char *result = NULL;
    if (answer->is_again)
        result = copy("{}");
    else if (answer->kind == STORE_TASK_READER)
        result = copy("[1,2,3,4,5]");
    else if (answer->kind == STORE_TASK_WRITER)
        result = copy("{\"at\":\"b\"}");
    else if (work(answer->payload, &result) == RANDOM_FLOW_FAILED)
        sr_assert_ok(engine_answer_failed(world->engine, answer->ref, "E", "not yet", &err), err);
    if (result)
        sr_assert_ok(engine_answer(world->engine, answer->ref, result, &err), err);
    free(result);
}

static void answer_handlers(struct world *world)
{
    for (size_t i = world->pending_count; i > 0; i--) {
        struct answer *answer = &world->pending[i - 1];
        if (happens(world, 3))
            continue;
        answer_handler(world, answer);
        if (happens(world, 10))
            continue;  // and once more, later
        free(answer->payload);
        *answer = world->pending[--world->pending_count];
    }
}

// --- requests ---

static void ask(struct world *world, struct engine_request request)
{
    struct sr_err err = { 0 };
    sr_assert_ok(engine_ask(world->engine, &request, &err), err);
}

// Says in `*self` that it was done, or need not be done again.
static void on_reply(void *self, const struct engine_reply *reply)
{
    bool *is_done = self;
    const enum sr_err_code code = reply->err.code;
    if (reply->done || code == SR_ERR_CONFLICT || code == SR_ERR_NOT_FOUND)
        *is_done = true;
    else if (code != SR_ERR_STORAGE && code != SR_ERR_CANCELLED)
        fail_world(the_world, "%s", reply->err.message);
}

// Who does not care whether it was done.
static bool nobody;

static void send_end(struct world *world, const char *token, const char *payload, bool *is_done)
{
    char *result = NULL;
    const enum random_flow_end end = work(payload, &result);
    if (end != RANDOM_FLOW_HANGS)
        ask(world, (struct engine_request){ .kind = end == RANDOM_FLOW_WORKED ? ENGINE_SUCCEED
                                                                              : ENGINE_FAIL,
                                            .token = token,
                                            .text = result,
                                            .error = "E",
                                            .reply = on_reply,
                                            .self = is_done });
    free(result);
}

static void call_back(struct world *world)
{
    for (size_t i = 0; i < world->callback_count; i++) {
        struct callback *callback = &world->callbacks[i];
        const bool again = happens(world, 50);
        if ((!callback->is_heard && !happens(world, 3)) || again)
            send_end(world, callback->token, callback->payload, &callback->is_heard);
    }
}

// --- workers ---

static bool on_task(void *self, const struct engine_task *task)
{
    struct worker *worker = self;
    worker->asks = false;
    if (!task)
        return true;
    if (happens(the_world, 20))
        return false;  // the answer does not reach it
    worker->token = copy(task->token);
    worker->payload = copy(task->payload);
    return true;
}

static void on_poll(void *self, const struct engine_reply *reply)
{
    struct worker *worker = self;
    worker->asks = worker->asks && reply->done;
}

static void put_down(struct worker *worker)
{
    free(worker->token);
    free(worker->payload);
    worker->token = worker->payload = NULL;
}

static void move_worker(struct world *world, struct worker *worker)
{
    if (worker->token && happens(world, 3)) {
        ask(world, (struct engine_request){ .kind = ENGINE_HEARTBEAT,
                                            .token = worker->token,
                                            .reply = on_reply,
                                            .self = &nobody });
    } else if (worker->token) {
        if (!happens(world, 10))  // else it vanishes, and its task with it
            send_end(world, worker->token, worker->payload, &nobody);
        put_down(worker);
    } else if (!worker->asks) {
        worker->asks = true;
        ask(world, (struct engine_request){
                       .kind = ENGINE_POLL,
                       .arn = RANDOM_FLOW_ACTIVITY,
                       .reply = on_poll,
                       .self = worker,
                       .poll = { .until_us = INT64_MAX, .answer = on_task, .self = worker } });
    }
}

// --- clients ---

static void flow_name(size_t i, const char *kind, char text[96])
{
    (void)snprintf(text, 96, "%s%s%zu", kind, *kind ? ":" : "", i);
}

static void start_missing(struct world *world)
{
    for (size_t i = 0; i <= FLOWS; i++) {
        struct flow *flow = &world->flows[i];
        char name[96], arn[96];
        flow_name(i, "", name);
        flow_name(i, RANDOM_FLOW_PREFIX ":stateMachine", arn);
        if (!flow->is_created)
            ask(world, (struct engine_request){ .kind = ENGINE_PUT_MACHINE,
                                                .name = name,
                                                .text = flow->definition,
                                                .reply = on_reply,
                                                .self = &flow->is_created });
        else if (!flow->is_started)
            ask(world, (struct engine_request){ .kind = ENGINE_START,
                                                .arn = arn,
                                                .name = "e",
                                                .text = flow->input,
                                                .reply = on_reply,
                                                .self = &flow->is_started });
    }
}

static void execution_arn(size_t i, char arn[96])
{
    (void)snprintf(arn, 96, RANDOM_FLOW_PREFIX ":execution:%zu:e", i);
}

static void end_done(struct end *end)
{
    free(end->output);
    free(end->error);
    *end = (struct end){ 0 };
}

static bool read_end(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct end *end = self;
    (void)err;
    *end = (struct end){ (enum asl_status)execution->status,
                         copy(execution->output ? execution->output : ""),
                         copy(execution->error ? execution->error : "") };
    return true;
}

static bool same_end(const struct end *a, const struct end *b)
{
    return a->status == b->status && strcmp(a->output, b->output) == 0 &&
           strcmp(a->error, b->error) == 0;
}

static void on_redriven(void *self, const struct engine_reply *reply)
{
    struct flow *flow = self;
    flow->is_redriving = false;
    on_reply(&nobody, reply);
}

// A stop, now and then; what was stopped is redriven, and some of what has failed.
static void disturb(struct world *world, size_t i, const struct end *now)
{
    struct flow *flow = &world->flows[i];
    char arn[96];
    execution_arn(i, arn);
    if (now->status == ASL_RUNNING && happens(world, 60))
        ask(world, (struct engine_request){ .kind = ENGINE_STOP,
                                            .arn = arn,
                                            .error = "enough",
                                            .reply = on_reply,
                                            .self = &nobody });
    const bool failed = now->status == ASL_FAILED || now->status == ASL_TIMED_OUT;
    if (flow->is_redriving)
        return;
    if (now->status != ASL_ABORTED &&
        !(failed && flow->redrives < REDRIVES_MAX && happens(world, 10)))
        return;
    flow->redrives += failed;
    flow->is_redriving = true;
    end_done(&flow->seen);
    ask(world, (struct engine_request){
                   .kind = ENGINE_REDRIVE, .arn = arn, .reply = on_redriven, .self = flow });
}

// What is acknowledged is there, and what has ended stays as it ended. True: it has.
static bool look_at(struct world *world, size_t i)
{
    struct flow *flow = &world->flows[i];
    struct sr_err err = { 0 };
    struct end now = { 0 };
    char arn[96];
    execution_arn(i, arn);
    if (!world->store.ops->execution_get(world->store.self, arn, read_end, &now, &err)) {
        if (err.code != SR_ERR_NOT_FOUND || flow->is_started)
            fail_world(world, "%s was started: %s", arn, err.message);
        return false;
    }
    if (flow->seen.output && !same_end(&flow->seen, &now))
        fail_world(world, "%s had ended as %s, and is %s", arn, asl_status_name(flow->seen.status),
                   asl_status_name(now.status));
    disturb(world, i, &now);
    const bool ended =
        now.status != ASL_RUNNING && now.status != ASL_ABORTED && !flow->is_redriving;
    if (ended && !flow->seen.output)
        flow->seen = now;
    else
        end_done(&now);
    return ended && flow->is_started;
}

// --- opening, crashing ---

static void open_engine(struct world *world)
{
    struct sr_err err = { 0 };
    the_world = world;
    sr_assert_ok(store_sqlite_open(world->database, &world->inner, &err), err);
    world->ops = *world->inner.ops;
    world->ops.begin = store_begin;
    world->ops.commit = store_commit;
    world->ops.rollback = store_rollback;
    world->store = (struct store){ &world->ops, world->inner.self };
    world->depth = world->commits_left = 0;
    world->is_crashed = world->is_refused = false;
    const struct engine_params params = { .store = &world->store,
                                          .clock = &world->clock.clock,
                                          .resources = resources,
                                          .resource_count = SR_TEST_COUNT(resources),
                                          .arn_prefix = RANDOM_FLOW_PREFIX,
                                          .token_key = "secret",
                                          .seed = world->seed + world->crashes,
                                          .cache_max = draw(world, 4) + 1,
                                          .batch_max = draw(world, 8) + 1 };
    sr_assert_ok(engine_new(&params, &world->engine, &err), err);
}

static void close_engine(struct world *world)
{
    world->transitions += engine_counts(world->engine).transitions;
    engine_free(world->engine);
    store_close(&world->store);
    while (world->pending_count)
        free(world->pending[--world->pending_count].payload);
}

static void crash(struct world *world)
{
    world->crashes++;
    close_engine(world);
    for (size_t i = 0; i < WORKERS && happens(world, 2); i++)
        put_down(&world->workers[i]);
    if (happens(world, 3))
        sr_clock_fake_advance(&world->clock, (int64_t)draw(world, 600) * 1000000);
    open_engine(world);
}

static void settle(struct world *world)
{
    struct sr_err err = { 0 };
    for (bool more = true; more && !happens(world, 30);) {
        if (!engine_step(world->engine, &more, &err) && !world->is_crashed && !world->is_refused)
            fail_world(world, "%s", err.message);
        world->is_refused = false;
        if (world->is_crashed)
            crash(world);
    }
}

static void let_time_pass(struct world *world)
{
    const int64_t now_us = sr_clock_wall_us(&world->clock.clock),
                  next_us = engine_next_us(world->engine);
    bool busy = world->pending_count > 0;
    for (size_t i = 0; i < WORKERS; i++)
        busy = busy || world->workers[i].token;
    if (!busy && next_us != INT64_MAX && next_us > now_us && !happens(world, 4))
        sr_clock_fake_advance(&world->clock, next_us - now_us);
    else
        sr_clock_fake_advance(&world->clock, 100000 + (int64_t)draw(world, 400000));
}

// --- a whole run ---

static bool count_running(void *self, const struct store_execution *execution, struct sr_err *err)
{
    (void)err;
    *(size_t *)self += execution->status == ASL_RUNNING;
    return true;
}

static size_t running(struct world *world)
{
    struct sr_err err = { 0 };
    size_t count = 0;
    for (size_t i = 0; i <= FLOWS; i++) {
        char arn[96];
        flow_name(i, RANDOM_FLOW_PREFIX ":stateMachine", arn);
        sr_assert_ok(world->store.ops->execution_each(world->store.self, arn, -1, INT64_MAX, 0,
                                                      count_running, &count, &err),
                     err);
    }
    return count;
}

static bool tick(struct world *world)
{
    start_missing(world);
    answer_handlers(world);
    call_back(world);
    for (size_t i = 0; i < WORKERS; i++)
        move_worker(world, &world->workers[i]);
    if (happens(world, 8)) {
        world->commits_left = draw(world, 12) + 1;
        world->fault = (enum fault)draw(world, FAULT_COUNT);
    }
    settle(world);
    if (happens(world, 60))
        crash(world);
    let_time_pass(world);
    settle(world);
    size_t ended = 0;
    for (size_t i = 0; i <= FLOWS; i++)
        ended += look_at(world, i);
    return ended == FLOWS + 1 && running(world) == 0;
}

// Shows where a replay differs.
static bool show_step(void *self, const struct engine_replay_step *step, struct sr_err *err)
{
    (void)self;
    (void)err;
    if (step->same)
        return true;
    char *was = json_dumps(step->events, JSON_COMPACT);
    print_error("entry %" PRId64 ", then %s, now\n", step->seq, was);
    free(was);
    for (size_t i = 0; i < step->effects->event_count; i++) {
        struct sr_err ignored = { 0 };
        sr_auto(json) json_t *event = NULL;
        if (asl_event_to_json(&step->effects->events[i], &event, &ignored)) {
            char *is = json_dumps(event, JSON_COMPACT);
            print_error("  %s\n", is);
            free(is);
        }
    }
    return true;
}

static bool check_history(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct world *world = self;
    struct engine_replay_result result = { 0 };
    if (!engine_replay(&world->store, execution->arn, show_step, NULL, &result, err))
        return false;
    if (!result.valid || result.differing || result.status != result.stored)
        fail_world(world, "%s: %s, %" PRIu64 " entries differ", execution->arn, result.why,
                   result.differing);
    return true;
}

static bool check_machine(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct world *world = self;
    return world->store.ops->execution_each(world->store.self, machine->arn, -1, INT64_MAX, 0,
                                            check_history, world, err);
}

// Histories, and that nothing is left of what has ended: neither in memory nor in the store.
static void check_world(struct world *world)
{
    struct sr_err err = { 0 };
    sr_assert_ok(
        world->store.ops->machine_each(world->store.self, NULL, check_machine, world, &err), err);
    settle(world);
    assert_int_equal(engine_counts(world->engine).tasks, 0);
    close_engine(world);
    open_engine(world);
    settle(world);
    if (engine_counts(world->engine).tasks || engine_next_us(world->engine) != INT64_MAX)
        fail_world(world, "%zu tasks are left, and what is due at %" PRId64,
                   engine_counts(world->engine).tasks, engine_next_us(world->engine));
}

static void make_flows(struct world *world)
{
    struct random_flow flow = { .random = { world->seed }, .settled = true };
    for (size_t i = 0; i <= FLOWS; i++) {
        flow.name_count = 0;
        flow.child = i ? MACHINE("0") : NULL;
        sr_auto(json) json_t *definition = random_flow_make(&flow, i ? 2 : 1);
        sr_auto(json) json_t *input = random_flow_input(&flow);
        world->flows[i].definition = json_dumps(definition, JSON_COMPACT);
        world->flows[i].input = json_dumps(input, JSON_COMPACT);
        assert_true(world->flows[i].definition && world->flows[i].input);
    }
}

static void open_world(struct world *world, uint64_t seed, bool disturbed)
{
    *world = (struct world){ .seed = seed, .chance = { .random = { seed + 1 } } };
    // In memory where there is such a place: syncing is quick.
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(world->folder, sizeof world->folder, "%s/splitreel-sim-XXXXXX", place);
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->database, sizeof world->database, "%s/engine.db", world->folder);
    sr_clock_fake_init(&world->clock, WALL_US);
    make_flows(world);
    open_engine(world);
    world->disturbed = disturbed;
}

static void close_world(struct world *world)
{
    char command[128];
    world->disturbed = false;
    close_engine(world);
    for (size_t i = 0; i <= FLOWS; i++) {
        free(world->flows[i].definition);
        free(world->flows[i].input);
        end_done(&world->flows[i].seen);
    }
    for (size_t i = 0; i < WORKERS; i++)
        put_down(&world->workers[i]);
    for (size_t i = 0; i < world->callback_count; i++) {
        free(world->callbacks[i].token);
        free(world->callbacks[i].payload);
    }
    assert_non_null(strstr(world->folder, "/splitreel-sim-"));
    (void)snprintf(command, sizeof command, "rm -rf -- '%s'", world->folder);
    assert_int_equal(system(command), 0);
}

static void play(struct world *world)
{
    for (size_t ticks = 0; !tick(world); ticks++) {
        if (ticks == CALM_TICKS)
            world->disturbed = false;
        if (ticks == TICKS_MAX)
            fail_world(world, "it does not end");
    }
    world->disturbed = false;
    check_world(world);
}

static bool show_entry(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    (void)self;
    (void)err;
    print_error("%" PRId64 " %s\n", seq, entry);
    return true;
}

static bool show_log(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct world *world = self;
    return world->store.ops->log_each(world->store.self, execution->id, show_entry, NULL, err);
}

// Both runs of a flow, to be compared.
static void show_histories(struct world *wild, struct world *calm, size_t i)
{
    struct world *const worlds[] = { calm, wild };
    char arn[96];
    execution_arn(i, arn);
    for (size_t w = 0; w < SR_TEST_COUNT(worlds); w++) {
        struct sr_err err = { 0 };
        const struct store *store = &worlds[w]->store;
        print_error("%s\n", w ? "disturbed" : "undisturbed");
        sr_assert_ok(store->ops->execution_get(store->self, arn, show_log, worlds[w], &err), err);
    }
}

static size_t crashes;

static size_t one(uint64_t seed)
{
    static struct world calm, wild;
    open_world(&calm, seed, false);
    play(&calm);
    open_world(&wild, seed, true);
    play(&wild);
    for (size_t i = 0; i <= FLOWS; i++) {
        const struct end *a = &calm.flows[i].seen, *b = &wild.flows[i].seen;
        if (!same_end(a, b))
            show_histories(&wild, &calm, i);
        if (!same_end(a, b))
            fail_msg("seed %" PRIu64 ", flow %zu: %s %s %s, undisturbed %s %s %s", seed, i,
                     asl_status_name(b->status), b->output, b->error, asl_status_name(a->status),
                     a->output, a->error);
    }
    const size_t transitions = wild.transitions;
    crashes += wild.crashes;
    close_world(&wild);
    the_world = &calm;
    close_world(&calm);
    return transitions;
}

static void random_flows(void **state)
{
    (void)state;
    const char *seed_text = getenv("SIM_SEED"), *count_text = getenv("SIM_TRANSITIONS");
    const uint64_t first = seed_text ? strtoull(seed_text, NULL, 10) : 1;
    const size_t wanted = count_text ? strtoul(count_text, NULL, 10) : TRANSITIONS;
    size_t transitions = 0;
    uint64_t seed = first;
    for (; transitions < wanted; seed++)
        transitions += one(seed);
    print_message("%zu transitions, %zu crashes, seeds %" PRIu64 " to %" PRIu64 "\n", transitions,
                  crashes, first, seed - 1);
    assert_true(crashes > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(random_flows) };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
