#include "tests/sim_world.h"

#include <unistd.h>

#include "base/jx.h"
#include "statemachine/store_sqlite.h"

#define WALL_US 1767225600000000
#define MACHINE(name) RANDOM_FLOW_PREFIX ":stateMachine:" name

enum { REDRIVES_MAX = 2 };

static struct sim_world *the_world;  // of the store's functions, whose `self` is the inner store's

static uint64_t draw(struct sim_world *world, uint64_t below)
{
    return random_flow_draw(&world->chance, below);
}

static bool happens(struct sim_world *world, uint64_t one_in)
{
    return world->disturbed && draw(world, one_in) == 0;
}

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
    struct sim_world *world = the_world;
    const bool fails = world->depth == 1 && world->commits_left && --world->commits_left == 0;
    if (fails && world->fault == SIM_FAULT_REFUSED) {
        world->is_refused = true;
        return sr_fail(err, SR_ERR_STORAGE, "refused");
    }
    world->is_crashed = world->is_crashed || fails;
    if (fails && world->fault == SIM_FAULT_BEFORE)
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
    struct sim_world *world = the_world;
    (void)self;
    (void)err;
    assert_true(world->pending_count < SIM_PENDING_MAX);
    world->pending[world->pending_count++] =
        (struct sim_answer){ task->ref, task->kind, copy(task->payload), false };
    return true;
}

static bool knows(const struct sim_world *world, const char *token)
{
    for (size_t i = 0; i < world->callback_count; i++) {
        if (strcmp(world->callbacks[i].token, token) == 0)
            return true;
    }
    return false;
}

static bool hand_over(void *self, const struct engine_task *task, struct sr_err *err)
{
    struct sim_world *world = the_world;
    (void)self;
    assert_true(world->callback_count < SIM_TOKENS_MAX);
    if (!knows(world, task->token))
        world->callbacks[world->callback_count++] =
            (struct sim_callback){ copy(task->token), copy(task->payload), false };
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

static void answer_handler(struct sim_world *world, const struct sim_answer *answer)
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

static void answer_handlers(struct sim_world *world)
{
    for (size_t i = world->pending_count; i > 0; i--) {
        struct sim_answer *answer = &world->pending[i - 1];
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

static void ask(struct sim_world *world, struct engine_request request)
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
        sim_fail(the_world, "%s", reply->err.message);
}

// Who does not care whether it was done.
static bool nobody;

static void send_end(struct sim_world *world, const char *token, const char *payload, bool *is_done)
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

static void call_back(struct sim_world *world)
{
    for (size_t i = 0; i < world->callback_count; i++) {
        struct sim_callback *callback = &world->callbacks[i];
        const bool again = happens(world, 50);
        if ((!callback->is_heard && !happens(world, 3)) || again)
            send_end(world, callback->token, callback->payload, &callback->is_heard);
    }
}

// --- workers ---

struct turns {
    struct engine_ref ref;
    int64_t now_us, its_us, first_us;  // its own, and the first of those that still wait
};

static bool note_turn(void *self, const struct store_task *task, struct sr_err *err)
{
    struct turns *turns = self;
    const int64_t turn_us = engine_turn_us(task->created_us, task->priority);
    (void)err;
    if (task->execution == turns->ref.execution && task->op == turns->ref.op)
        turns->its_us = turn_us;
    else if (task->kind == STORE_TASK_ACTIVITY && !task->taken &&
             task->created_us < turns->now_us && turn_us < turns->first_us)
        turns->first_us = turn_us;
    return true;
}

// Nothing that was there before is left waiting when it was its turn, whatever happened meanwhile.
static void check_turn(struct sim_world *world, struct engine_ref ref)
{
    struct sr_err err = { 0 };
    struct turns turns = { ref, sr_clock_wall_us(&world->clock.clock), INT64_MAX, INT64_MAX };
    sr_assert_ok(world->store.ops->task_each(world->store.self, note_turn, &turns, &err), err);
    if (turns.its_us == INT64_MAX || turns.its_us > turns.first_us)
        sim_fail(world, "a task is handed out at %" PRId64 ", it was the turn of one at %" PRId64,
                 turns.its_us, turns.first_us);
}

static bool on_task(void *self, const struct engine_task *task)
{
    struct sim_worker *worker = self;
    worker->asks = false;
    if (!task)
        return true;
    check_turn(the_world, task->ref);
    if (happens(the_world, 20))
        return false;  // the answer does not reach it
    worker->token = copy(task->token);
    worker->payload = copy(task->payload);
    return true;
}

static void on_poll(void *self, const struct engine_reply *reply)
{
    struct sim_worker *worker = self;
    worker->asks = worker->asks && reply->done;
}

static void put_down(struct sim_worker *worker)
{
    free(worker->token);
    free(worker->payload);
    worker->token = worker->payload = NULL;
}

static void move_worker(struct sim_world *world, struct sim_worker *worker)
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

static void start_missing(struct sim_world *world)
{
    for (size_t i = 0; i <= SIM_FLOWS; i++) {
        struct sim_flow *flow = &world->flows[i];
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

void sim_execution_arn(size_t i, char arn[96])
{
    (void)snprintf(arn, 96, RANDOM_FLOW_PREFIX ":execution:%zu:e", i);
}

static void end_done(struct sim_end *end)
{
    free(end->output);
    free(end->error);
    *end = (struct sim_end){ 0 };
}

static bool read_end(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct sim_end *end = self;
    (void)err;
    *end = (struct sim_end){ (enum asl_status)execution->status,
                             copy(execution->output ? execution->output : ""),
                             copy(execution->error ? execution->error : "") };
    return true;
}

bool sim_end_same(const struct sim_end *a, const struct sim_end *b)
{
    return a->status == b->status && strcmp(a->output, b->output) == 0 &&
           strcmp(a->error, b->error) == 0;
}

static void on_redriven(void *self, const struct engine_reply *reply)
{
    struct sim_flow *flow = self;
    flow->is_redriving = false;
    on_reply(&nobody, reply);
}

// A stop, now and then; what was stopped is redriven, and some of what has failed.
static void disturb(struct sim_world *world, size_t i, const struct sim_end *now)
{
    struct sim_flow *flow = &world->flows[i];
    char arn[96];
    sim_execution_arn(i, arn);
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
static bool look_at(struct sim_world *world, size_t i)
{
    struct sim_flow *flow = &world->flows[i];
    struct sr_err err = { 0 };
    struct sim_end now = { 0 };
    char arn[96];
    sim_execution_arn(i, arn);
    if (!world->store.ops->execution_get(world->store.self, arn, read_end, &now, &err)) {
        if (err.code != SR_ERR_NOT_FOUND || flow->is_started)
            sim_fail(world, "%s was started: %s", arn, err.message);
        return false;
    }
    if (flow->seen.output && !sim_end_same(&flow->seen, &now))
        sim_fail(world, "%s had ended as %s, and is %s", arn, asl_status_name(flow->seen.status),
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

void sim_world_open_engine(struct sim_world *world)
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

void sim_world_close_engine(struct sim_world *world)
{
    world->transitions += engine_counts(world->engine).transitions;
    engine_free(world->engine);
    store_close(&world->store);
    while (world->pending_count)
        free(world->pending[--world->pending_count].payload);
}

static void crash(struct sim_world *world)
{
    world->crashes++;
    sim_world_close_engine(world);
    for (size_t i = 0; i < SIM_WORKERS && happens(world, 2); i++)
        put_down(&world->workers[i]);
    if (happens(world, 3))
        sr_clock_fake_advance(&world->clock, (int64_t)draw(world, 600) * 1000000);
    sim_world_open_engine(world);
}

void sim_world_settle(struct sim_world *world)
{
    struct sr_err err = { 0 };
    for (bool more = true; more && !happens(world, 30);) {
        if (!engine_step(world->engine, &more, &err) && !world->is_crashed && !world->is_refused)
            sim_fail(world, "%s", err.message);
        world->is_refused = false;
        if (world->is_crashed)
            crash(world);
    }
}

static void let_time_pass(struct sim_world *world)
{
    const int64_t now_us = sr_clock_wall_us(&world->clock.clock),
                  next_us = engine_next_us(world->engine);
    bool busy = world->pending_count > 0;
    for (size_t i = 0; i < SIM_WORKERS; i++)
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

static size_t running(struct sim_world *world)
{
    struct sr_err err = { 0 };
    size_t count = 0;
    for (size_t i = 0; i <= SIM_FLOWS; i++) {
        char arn[96];
        flow_name(i, RANDOM_FLOW_PREFIX ":stateMachine", arn);
        sr_assert_ok(world->store.ops->execution_each(world->store.self, arn, -1, INT64_MAX, 0,
                                                      count_running, &count, &err),
                     err);
    }
    return count;
}

bool sim_world_tick(struct sim_world *world)
{
    start_missing(world);
    answer_handlers(world);
    call_back(world);
    for (size_t i = 0; i < SIM_WORKERS; i++)
        move_worker(world, &world->workers[i]);
    if (happens(world, 8)) {
        world->commits_left = draw(world, 12) + 1;
        world->fault = (enum sim_fault)draw(world, SIM_FAULT_COUNT);
    }
    sim_world_settle(world);
    if (happens(world, 60))
        crash(world);
    let_time_pass(world);
    sim_world_settle(world);
    size_t ended = 0;
    for (size_t i = 0; i <= SIM_FLOWS; i++)
        ended += look_at(world, i);
    return ended == SIM_FLOWS + 1 && running(world) == 0;
}

static void make_flows(struct sim_world *world)
{
    struct random_flow flow = { .random = { world->seed }, .settled = true };
    for (size_t i = 0; i <= SIM_FLOWS; i++) {
        flow.name_count = 0;
        flow.child = i ? MACHINE("0") : NULL;
        sr_auto(json) json_t *definition = random_flow_make(&flow, i ? 2 : 1);
        sr_auto(json) json_t *input = random_flow_input(&flow);
        world->flows[i].definition = json_dumps(definition, JSON_COMPACT);
        world->flows[i].input = json_dumps(input, JSON_COMPACT);
        assert_true(world->flows[i].definition && world->flows[i].input);
    }
}

void sim_world_open(struct sim_world *world, uint64_t seed, bool disturbed)
{
    *world = (struct sim_world){ .seed = seed, .chance = { .random = { seed + 1 } } };
    // In memory where there is such a place: syncing is quick.
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(world->folder, sizeof world->folder, "%s/splitreel-sim-XXXXXX", place);
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->database, sizeof world->database, "%s/engine.db", world->folder);
    sr_clock_fake_init(&world->clock, WALL_US);
    make_flows(world);
    sim_world_open_engine(world);
    world->disturbed = disturbed;
}

void sim_world_close(struct sim_world *world)
{
    char command[128];
    the_world = world;  // there may be two
    world->disturbed = false;
    sim_world_close_engine(world);
    for (size_t i = 0; i <= SIM_FLOWS; i++) {
        free(world->flows[i].definition);
        free(world->flows[i].input);
        end_done(&world->flows[i].seen);
    }
    for (size_t i = 0; i < SIM_WORKERS; i++)
        put_down(&world->workers[i]);
    for (size_t i = 0; i < world->callback_count; i++) {
        free(world->callbacks[i].token);
        free(world->callbacks[i].payload);
    }
    assert_non_null(strstr(world->folder, "/splitreel-sim-"));
    (void)snprintf(command, sizeof command, "rm -rf -- '%s'", world->folder);
    assert_int_equal(system(command), 0);
}
