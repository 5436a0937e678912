// Random flows, random answers in random order, random crashes: what must always hold, holds.
//   make sim SEED=7 TRANSITIONS=1000000
// A seed that finds a fault is kept as what it did: SIM_KEEP=tests/sim/NAME.json writes definition
// and inputs there, a row below plays them for ever, whatever becomes of the generator.
#include <inttypes.h>

#include "base/embed.h"
#include "base/jx.h"
#include "base/test.h"
#include "statemachine/asl_audit.h"
#include "statemachine/asl_exec.h"
#include "statemachine/asl_parse.h"
#include "tests/env.h"
#include "tests/random_flow.h"

SR_EMBED(sim_child_told_twice, "tests/sim/child-told-twice.json");
SR_EMBED(sim_group_goes_on_twice, "tests/sim/redriven-group-goes-on-twice.json");

enum {
    RUNS_MAX = 1024,
    OPS_MAX = 16384,
    WILD_INPUTS_MAX = 1500,
    INPUTS_MAX = 100000,
    REDRIVES = 2,
    TRANSITIONS = 20000
};

struct op {
    uint64_t id;
    enum asl_command_kind kind;
    int64_t at_us;  // a timer's
    bool submits;   // a task whose service says that it has it, once
};

struct sim {
    struct random_flow flow;
    const char *name;  // of a kept case; NULL: a seed's
    uint64_t seed;
    size_t transitions;
    json_t *definition;
    struct asl_def *def;
    struct asl_exec *exec;
    json_t *inputs, *effects;  // what each input did
    struct op ops[OPS_MAX];    // what is out
    size_t op_count;
    struct asl_audit *audit;
    size_t end_count;
    uint64_t runs[RUNS_MAX];  // map runs at work
    size_t run_count, child_run_count;
    bool has_more;
    int64_t now_us;
};

static size_t seen[ASL_EVENT_COUNT];  // events of each type, in all flows

static uint64_t draw(struct sim *sim, uint64_t below)
{
    return random_flow_draw(&sim->flow, below);
}

static void fail_sim(const struct sim *sim, const char *what)
{
    const char *path = getenv("SIM_KEEP");
    json_t *kept = json_pack("{s:I, s:s, s:O, s:O}", "seed", (json_int_t)sim->seed, "found", what,
                             "definition", sim->definition, "inputs", sim->inputs);
    if (path && json_dump_file(kept, path, JSON_INDENT(1)) != 0)
        print_error("%s cannot be written\n", path);
    json_decref(kept);
    fail_msg("%s %" PRIu64 ", input %zu: %s", sim->name ? sim->name : "seed", sim->seed,
             json_array_size(sim->inputs), what);
}

#define must(sim, condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_sim(sim, "not " #condition);                                                      \
    } while (0)

static struct asl_exec *make_exec(const struct sim *sim)
{
    struct sr_err err = { 0 };
    struct asl_exec *exec = NULL;
    const struct asl_exec_params params = { .def = sim->def,
                                            .execution_arn = "e",
                                            .execution_name = "e",
                                            .machine_arn = "arn:aws:states:eu:1:m",
                                            .machine_name = "m",
                                            .token_key = "k",
                                            .payload_bytes_max = 20000,
                                            .step_max = 5 };
    sr_assert_ok(asl_exec_new(&params, &exec, &err), err);
    return exec;
}

// --- what an input does ---

static struct op *find_op(struct sim *sim, uint64_t id)
{
    for (size_t i = 0; i < sim->op_count; i++) {
        if (sim->ops[i].id == id)
            return &sim->ops[i];
    }
    return NULL;
}

static void remove_op(struct sim *sim, uint64_t id)
{
    struct op *op = find_op(sim, id);
    must(sim, op != NULL);  // only what is out can be cancelled
    if (op)
        *op = sim->ops[--sim->op_count];
}

static void note_run(struct sim *sim, const struct asl_command *command)
{
    size_t i = 0;
    while (i < sim->run_count && sim->runs[i] != command->op)
        i++;
    if (command->status == ASL_RUNNING) {
        must(sim, sim->run_count < RUNS_MAX);
        if (i == sim->run_count)
            sim->runs[sim->run_count++] = command->op;
        return;
    }
    must(sim, i < sim->run_count);  // what ends has begun
    sim->runs[i] = sim->runs[--sim->run_count];
}

static bool submits(const struct asl_state *state)
{
    return state->task.resource.pattern == ASL_PATTERN_TOKEN;
}

static void obey(struct sim *sim, const struct asl_command *command)
{
    switch (command->kind) {
    case ASL_COMMAND_TASK:
    case ASL_COMMAND_TIMER:
    case ASL_COMMAND_READ_ITEMS:
    case ASL_COMMAND_WRITE_RESULTS:
        must(sim, sim->op_count < OPS_MAX);
        must(sim, find_op(sim, command->op) == NULL);
        sim->ops[sim->op_count++] =
            (struct op){ command->op, command->kind, command->at_us,
                         command->kind == ASL_COMMAND_TASK && submits(command->state) };
        break;
    case ASL_COMMAND_TASK_CANCEL:
    case ASL_COMMAND_TIMER_CANCEL: remove_op(sim, command->op); break;
    case ASL_COMMAND_CONTINUE: sim->has_more = true; break;
    case ASL_COMMAND_END: sim->end_count++; break;
    case ASL_COMMAND_MAP_RUN: note_run(sim, command); break;
    case ASL_COMMAND_CHILD:
        must(sim, command->status == ASL_RUNNING || sim->child_run_count > 0);
        command->status == ASL_RUNNING ? sim->child_run_count++ : sim->child_run_count--;
        break;
    }
}

static json_t *describe(const struct asl_effects *effects)
{
    json_t *all = json_array();
    for (size_t i = 0; i < effects->event_count; i++) {
        struct sr_err err = { 0 };
        json_t *event = NULL;
        sr_assert_ok(asl_event_to_json(&effects->events[i], &event, &err), err);
        json_array_append_new(all, event);
    }
    for (size_t i = 0; i < effects->command_count; i++) {
        const struct asl_command *command = &effects->commands[i];
        json_array_append_new(all, json_pack("[i, I, I, s?, O?]", (int)command->kind,
                                             (json_int_t)command->op, (json_int_t)command->at_us,
                                             command->token, command->payload));
    }
    return all;
}

static void check_events(struct sim *sim, const struct asl_effects *effects)
{
    for (size_t i = 0; i < effects->event_count; i++) {
        const struct asl_event *event = &effects->events[i];
        struct sr_err err = { 0 };
        if (!asl_audit_event(sim->audit, event, &err))
            fail_sim(sim, err.message);
        seen[event->type]++;
        sim->transitions += strstr(asl_event_name(event->type), "StateEntered") != NULL;
    }
}

// Inputs after which their op is out no more; a time-out cancels the task by a command.
static bool settles(enum asl_input_kind kind)
{
    return kind == ASL_INPUT_TASK_SUCCEEDED || kind == ASL_INPUT_TASK_FAILED ||
           kind == ASL_INPUT_TIMER || kind == ASL_INPUT_ITEMS || kind == ASL_INPUT_ITEMS_FAILED ||
           kind == ASL_INPUT_RESULTS_WRITTEN || kind == ASL_INPUT_RESULTS_FAILED;
}

static void apply(struct sim *sim, struct asl_input input)
{
    struct sr_err err = { 0 };
    sr_auto(asl_effects) struct asl_effects effects = { 0 };
    json_t *stored = NULL;
    const bool is_heard = input.op == 0 || asl_exec_waits_for(sim->exec, input.op);
    sr_assert_ok(asl_input_to_json(&input, &stored, &err), err);
    json_array_append_new(sim->inputs, stored);
    if (is_heard && settles(input.kind) && input.op)
        remove_op(sim, input.op);
    if (!asl_exec_apply(sim->exec, &input, &effects, &err))
        fail_sim(sim, err.message);
    must(sim, is_heard || (effects.event_count == 0 && effects.command_count == 0));
    json_array_append_new(sim->effects, describe(&effects));
    check_events(sim, &effects);
    for (size_t i = 0; i < effects.command_count; i++)
        obey(sim, &effects.commands[i]);
}

static void tell(struct sim *sim, struct asl_input input)
{
    input.now_us = sim->now_us;
    input.seed = asl_random_next(&sim->flow.random) >> 1;
    apply(sim, input);
}

// --- what must hold between inputs ---

static void check_state(struct sim *sim)
{
    const bool runs = asl_exec_status(sim->exec) == ASL_RUNNING;
    struct sr_err err = { 0 };
    if (!asl_audit_end(sim->audit, asl_exec_status(sim->exec), &err))
        fail_sim(sim, err.message);
    must(sim, sim->end_count == !runs);
    must(sim, runs || sim->run_count == 0);
    must(sim, runs || sim->child_run_count == 0);
    must(sim, runs ? sim->op_count > 0 || sim->has_more : sim->op_count == 0);
    for (size_t i = 0; i < sim->op_count; i++)
        must(sim, asl_exec_waits_for(sim->exec, sim->ops[i].id));
}

// What is rebuilt of the inputs says and does the same, word for word.
static void crash(struct sim *sim)
{
    struct asl_exec *again = make_exec(sim);
    size_t i;
    json_t *stored;
    json_array_foreach(sim->inputs, i, stored)
    {
        struct sr_err err = { 0 };
        struct asl_input input;
        sr_auto(asl_effects) struct asl_effects effects = { 0 };
        sr_assert_ok(asl_input_from_json(stored, &input, &err), err);
        sr_assert_ok(asl_exec_apply(again, &input, &effects, &err), err);
        sr_auto(json) json_t *done = describe(&effects);
        must(sim, json_equal(done, json_array_get(sim->effects, i)));
    }
    must(sim, asl_exec_status(again) == asl_exec_status(sim->exec));
    must(sim, asl_exec_last_event(again) == asl_exec_last_event(sim->exec));
    must(sim, asl_exec_thread_count(again) == asl_exec_thread_count(sim->exec));
    asl_exec_free(sim->exec);
    sim->exec = again;
}

// --- playing at random ---

static void answer_reader(struct sim *sim, uint64_t id, bool calm)
{
    sr_auto(json) json_t *items = json_array();
    for (uint64_t i = draw(sim, 5); i > 0; i--)
        json_array_append_new(items, json_integer((json_int_t)i));
    const bool fails = !calm && draw(sim, 4) == 0;
    tell(sim, (struct asl_input){ .kind = fails ? ASL_INPUT_ITEMS_FAILED : ASL_INPUT_ITEMS,
                                  .op = id,
                                  .value = fails ? NULL : items,
                                  .cause = fails ? "gone" : NULL });
}

static void answer_writer(struct sim *sim, uint64_t id, bool calm)
{
    sr_auto(json) json_t *where = json_pack("{s:s}", "at", "x");
    const bool fails = !calm && draw(sim, 4) == 0;
    tell(sim,
         (struct asl_input){ .kind = fails ? ASL_INPUT_RESULTS_FAILED : ASL_INPUT_RESULTS_WRITTEN,
                             .op = id,
                             .value = fails ? NULL : where,
                             .cause = fails ? "full" : NULL });
}

static void answer_task(struct sim *sim, struct op op, bool calm)
{
    static const enum asl_input_kind endings[] = {
        ASL_INPUT_TASK_SUCCEEDED, ASL_INPUT_TASK_SUCCEEDED, ASL_INPUT_TASK_SUCCEEDED,
        ASL_INPUT_TASK_FAILED,    ASL_INPUT_TASK_TIMED_OUT, ASL_INPUT_TASK_LOST
    };
    sr_auto(json) json_t *value =
        json_pack("{s:I, s:{s:i}}", "n", (json_int_t)draw(sim, 10), "Payload", "n", 4);
    if (op.submits && draw(sim, 2)) {
        find_op(sim, op.id)->submits = false;
        tell(sim,
             (struct asl_input){ .kind = ASL_INPUT_TASK_SUBMITTED, .op = op.id, .value = value });
        return;
    }
    if (!calm && draw(sim, 4) == 0) {
        tell(sim, (struct asl_input){ .kind = ASL_INPUT_TASK_STARTED, .op = op.id, .error = "w" });
        return;
    }
    const enum asl_input_kind kind = calm ? ASL_INPUT_TASK_SUCCEEDED : endings[draw(sim, 6)];
    const bool fails = kind == ASL_INPUT_TASK_FAILED;
    const struct asl_input input = { .kind = kind,
                                     .op = op.id,
                                     .value = fails ? NULL : value,
                                     .error = fails ? (draw(sim, 2) ? "E" : "F") : NULL };
    tell(sim, input);
    tell(sim, input);  // a second answer is not heard
}

static void answer_something(struct sim *sim, bool calm)
{
    enum { LONG_US = 500000000 };
    const struct op op = sim->ops[draw(sim, sim->op_count)];
    switch (op.kind) {
    case ASL_COMMAND_READ_ITEMS: answer_reader(sim, op.id, calm); return;
    case ASL_COMMAND_WRITE_RESULTS: answer_writer(sim, op.id, calm); return;
    case ASL_COMMAND_TASK: answer_task(sim, op, calm); return;
    default: break;
    }
    // The whole execution's time is over: now and then, or nothing else ever would be.
    const bool is_alone = sim->op_count == 1 && !sim->has_more;
    if (op.at_us - sim->now_us > LONG_US && !is_alone && (calm || draw(sim, 20)))
        return;
    sim->now_us = op.at_us > sim->now_us ? op.at_us : sim->now_us;
    tell(sim, (struct asl_input){ .kind = ASL_INPUT_TIMER, .op = op.id });
}

static void change_run(struct sim *sim)
{
    sr_auto(json) json_t *numbers = json_pack("{s:i, s:i}", ASL_RUN_CONCURRENCY, (int)draw(sim, 4),
                                              ASL_RUN_COUNT, (int)draw(sim, 3));
    const uint64_t run = sim->runs[draw(sim, sim->run_count)];
    tell(sim, (struct asl_input){ .kind = ASL_INPUT_MAP_RUN, .op = run, .value = numbers });
}

static void play_one(struct sim *sim, bool calm)
{
    sim->now_us += (int64_t)draw(sim, 1000000);
    if (sim->has_more && (sim->op_count == 0 || draw(sim, 2))) {
        sim->has_more = false;
        tell(sim, (struct asl_input){ .kind = ASL_INPUT_CONTINUE });
    } else if (!calm && draw(sim, 400) == 0) {
        tell(sim, (struct asl_input){ .kind = ASL_INPUT_STOP, .error = "enough" });
    } else if (draw(sim, 100) == 0) {
        crash(sim);
    } else if (!calm && sim->run_count && draw(sim, 20) == 0) {
        change_run(sim);
    } else if (!calm && draw(sim, 40) == 0) {
        tell(sim, (struct asl_input){ .kind = ASL_INPUT_TIMER, .op = 1000000 });
    } else if (sim->op_count) {
        answer_something(sim, calm);
    }
}

// From some moment on everything succeeds, so that it ends: nothing may be left that never does.
static void play(struct sim *sim)
{
    const size_t first = json_array_size(sim->inputs);
    while (asl_exec_status(sim->exec) == ASL_RUNNING) {
        const size_t done = json_array_size(sim->inputs) - first;
        check_state(sim);
        must(sim, done < INPUTS_MAX);
        play_one(sim, done > WILD_INPUTS_MAX);
    }
    sim->has_more = false;
    check_state(sim);
    crash(sim);
}

static void redrive(struct sim *sim)
{
    sim->end_count = 0;
    tell(sim, (struct asl_input){ .kind = ASL_INPUT_REDRIVE });
    play(sim);
}

// --- opening and closing ---

static void open_sim(struct sim *sim)
{
    struct sr_err err = { 0 };
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    char *text = json_dumps(sim->definition, JSON_COMPACT);
    sim->inputs = json_array();
    sim->effects = json_array();
    sim->now_us = 1767225600000000;
    assert_non_null(text);
    sr_assert_ok(asl_parse_text(text, strlen(text), ASL_STANDARD, &faults, &sim->def, &err), err);
    free(text);
    if (faults.count)
        fail_msg("seed %" PRIu64 ": %s at %s", sim->seed, faults.items[0].message,
                 faults.items[0].location);
    sr_assert_ok(asl_audit_new(&sim->audit, &err), err);
    sim->exec = make_exec(sim);
}

static void close_sim(struct sim *sim)
{
    asl_exec_free(sim->exec);
    asl_audit_free(sim->audit);
    asl_def_free(sim->def);
    json_decref(sim->definition);
    json_decref(sim->inputs);
    json_decref(sim->effects);
    free(sim);
}

static struct sim *new_sim(uint64_t seed)
{
    struct sim *sim = calloc(1, sizeof *sim);
    assert_non_null(sim);
    sim->seed = seed;
    sim->flow.random.state = seed;
    return sim;
}

static size_t one(uint64_t seed)
{
    struct sim *sim = new_sim(seed);
    sim->definition = random_flow_make(&sim->flow, 2);
    sr_auto(json) json_t *input = random_flow_input(&sim->flow);
    open_sim(sim);
    tell(sim, (struct asl_input){ .kind = ASL_INPUT_START, .value = input });
    play(sim);
    for (size_t i = 0; i < REDRIVES && asl_exec_status(sim->exec) > ASL_SUCCEEDED; i++)
        redrive(sim);
    const size_t transitions = sim->transitions;
    close_sim(sim);
    return transitions;
}

// What the fold writes in no history: nothing recorded has it, or it is of JSONata.
static bool is_elsewhere(enum asl_event_type type)
{
    switch (type) {
    case ASL_EVENT_ActivityScheduleFailed:
    case ASL_EVENT_EvaluationFailed:
    case ASL_EVENT_LambdaFunctionScheduleFailed:
    case ASL_EVENT_LambdaFunctionStartFailed:
    case ASL_EVENT_MapRunAborted:
    case ASL_EVENT_ParallelStateSucceeded:
    case ASL_EVENT_TaskStartFailed:
    case ASL_EVENT_TaskSubmitFailed: return true;
    default: return false;
    }
}

static void check_seen(void)
{
    for (size_t i = 0; i < ASL_EVENT_COUNT; i++) {
        const enum asl_event_type type = (enum asl_event_type)i;
        if (!seen[i] != is_elsewhere(type))
            fail_msg("%s: %zu times", asl_event_name(type), seen[i]);
    }
}

static void random_flows(void **state)
{
    (void)state;
    const uint64_t first = env_number("SIM_SEED", 1);
    const size_t wanted = env_number("SIM_TRANSITIONS", TRANSITIONS);
    size_t transitions = 0;
    uint64_t seed = first;
    for (; transitions < wanted; seed++)
        transitions += one(seed);
    print_message("%zu transitions, seeds %" PRIu64 " to %" PRIu64 "\n", transitions, first,
                  seed - 1);
    if (transitions >= TRANSITIONS)
        check_seen();
}

// --- what seeds have found ---

static const struct kept {
    const char *name, *text, *end;
} kept[] = {
    // A failed group's children were told of an abort again, after their histories had ended.
    { "child-told-twice", sim_child_told_twice, sim_child_told_twice_end },
    // A redriven Map had written its results, by a changed map run, before its own turn came, and
    // then began once more: its map run never ended.
    { "redriven-group-goes-on-twice", sim_group_goes_on_twice, sim_group_goes_on_twice_end },
};

static void each_kept(void **state)
{
    const struct kept *row = *state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *played = NULL;
    sr_assert_ok(jx_parse(row->text, (size_t)(row->end - row->text), false, &played, &err), err);
    struct sim *sim = new_sim((uint64_t)json_integer_value(json_object_get(played, "seed")));
    size_t i;
    json_t *stored;
    sim->name = row->name;
    sim->definition = json_incref(json_object_get(played, "definition"));
    open_sim(sim);
    json_array_foreach(json_object_get(played, "inputs"), i, stored)
    {
        struct asl_input input;
        sr_assert_ok(asl_input_from_json(stored, &input, &err), err);
        if (input.kind == ASL_INPUT_REDRIVE)
            sim->end_count = 0;
        sim->now_us = input.now_us;
        apply(sim, input);
        check_state(sim);
    }
    crash(sim);
    if (asl_exec_status(sim->exec) == ASL_RUNNING)
        play(sim);
    close_sim(sim);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(kept) + 1];
    size_t count = SR_TEST_ADD(tests, kept, each_kept);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(random_flows);
    return sr_test_run(__FILE__, tests, count);
}
