// Random flows, random answers in random order, random crashes: what must always hold, holds.
//   make sim SEED=7 TRANSITIONS=1000000
#include <inttypes.h>

#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"
#include "statemachine/asl_audit.h"
#include "statemachine/asl_exec.h"
#include "statemachine/asl_parse.h"

enum { RUNS_MAX = 256, OPS_MAX = 4096, INPUTS_MAX = 3000 };

struct op {
    uint64_t id;
    enum asl_command_kind kind;
};

struct sim {
    struct asl_random random;
    uint64_t seed;
    size_t name_count, transitions;
    struct asl_def *def;
    struct asl_exec *exec;
    json_t *inputs;
    struct op ops[OPS_MAX];  // what is out
    size_t op_count;
    struct asl_audit *audit;
    size_t end_count;
    uint64_t runs[RUNS_MAX];  // map runs at work
    size_t run_count, child_run_count;
    bool has_more;
    int64_t now_us;
};

static uint64_t draw(struct sim *sim, uint64_t below)
{
    return asl_random_next(&sim->random) % below;
}

// --- random definitions: every input is an object with `list` and `n`, and every state keeps it so
// ---

static json_t *make_flow(struct sim *sim, size_t depth);

static void put_error_handling(struct sim *sim, json_t *state, const char *later)
{
    static const char *const names[] = { "E", "F", "States.TaskFailed", "States.Timeout",
                                         "States.ALL" };
    if (draw(sim, 2))
        json_object_set_new(state, "Retry",
                            json_pack("[{s:[s], s:i, s:i, s:s}]", "ErrorEquals",
                                      names[draw(sim, 5)], "IntervalSeconds", (int)draw(sim, 5) + 1,
                                      "MaxAttempts", (int)draw(sim, 4), "JitterStrategy",
                                      draw(sim, 2) ? "FULL" : "NONE"));
    if (later && draw(sim, 2))
        json_object_set_new(state, "Catch",
                            json_pack("[{s:[s], s:s, s:s}]", "ErrorEquals", names[draw(sim, 5)],
                                      "Next", later, "ResultPath", "$.caught"));
    json_object_set_new(state, "ResultPath", json_string("$.r"));
}

static json_t *make_state(struct sim *sim, size_t depth, const char *later)
{
    json_t *state, *branches;
    switch (draw(sim, depth ? 7 : 5)) {
    case 0:
        return json_pack("{s:s, s:s, s:{s:s, s:s}}", "Type", "Pass", "ResultPath", "$.r",
                         "Parameters", "u.$", "States.UUID()", "x.$", "States.MathRandom(0, 9)");
    case 1: return json_pack("{s:s, s:i}", "Type", "Wait", "Seconds", (int)draw(sim, 100));
    case 2: return json_pack("{s:s, s:{s:s}}", "Type", "Pass", "Assign", "v.$", "$.n");
    case 5:
        branches = json_array();
        for (uint64_t i = draw(sim, 3) + 1; i > 0; i--)
            json_array_append_new(branches, make_flow(sim, depth - 1));
        state = json_pack("{s:s, s:o}", "Type", "Parallel", "Branches", branches);
        put_error_handling(sim, state, later);
        return state;
    case 6:
        state = json_pack("{s:s, s:s, s:i, s:o, s:{s:[i,i], s:s}}", "Type", "Map", "ItemsPath",
                          "$.list", "MaxConcurrency", (int)draw(sim, 3), "ItemProcessor",
                          make_flow(sim, depth - 1), "ItemSelector", "list", 1, 2, "n.$",
                          "$$.Map.Item.Value");
        if (draw(sim, 3) == 0) {
            json_object_set_new(json_object_get(state, "ItemProcessor"), "ProcessorConfig",
                                json_pack("{s:s}", "Mode", "DISTRIBUTED"));
            json_object_set_new(state, "ToleratedFailureCount",
                                json_integer((json_int_t)draw(sim, 3)));
        }
        put_error_handling(sim, state, later);
        return state;
    default:
        state = json_pack("{s:s, s:s, s:i}", "Type", "Task", "Resource",
                          draw(sim, 2) ? "arn:aws:states:eu:1:activity:a"
                                       : "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                          "TimeoutSeconds", 60);
        put_error_handling(sim, state, later);
        return state;
    }
}

// A chain; now and then a Choice that skips to its end.
static json_t *make_flow(struct sim *sim, size_t depth)
{
    const size_t count = draw(sim, 4) + 1;
    char names[6][32];
    for (size_t i = 0; i <= count; i++)
        snprintf(names[i], sizeof names[i], "S%zu", sim->name_count++);
    json_t *states = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *state;
        if (draw(sim, 6) == 0) {
            state = json_pack("{s:s, s:[{s:s, s:i, s:s}], s:s}", "Type", "Choice", "Choices",
                              "Variable", "$.n", "NumericGreaterThan", (int)draw(sim, 4), "Next",
                              names[count], "Default", names[i + 1]);
        } else {
            state = make_state(sim, depth, names[i + 1]);
            json_object_set_new(state, "Next", json_string(names[i + 1]));
        }
        json_object_set_new(states, names[i], state);
    }
    json_object_set_new(states, names[count],
                        draw(sim, 8) ? json_pack("{s:s}", "Type", "Succeed")
                                     : json_pack("{s:s, s:s}", "Type", "Fail", "Error", "F"));
    return json_pack("{s:s, s:o}", "StartAt", names[0], "States", states);
}

// --- running ---

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
                                            .step_max = 5 };
    sr_assert_ok(asl_exec_new(&params, &exec, &err), err);
    return exec;
}

#define must(sim, condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %" PRIu64 ", input %zu: not %s", (sim)->seed,                           \
                     json_array_size((sim)->inputs), #condition);                                  \
    } while (0)

static void check_events(struct sim *sim, const struct asl_effects *effects)
{
    for (size_t i = 0; i < effects->event_count; i++) {
        const struct asl_event *event = &effects->events[i];
        struct sr_err err = { 0 };
        if (!asl_audit_event(sim->audit, event, &err))
            fail_msg("seed %" PRIu64 ", input %zu: %s", sim->seed, json_array_size(sim->inputs),
                     err.message);
        sim->transitions += strstr(asl_event_name(event->type), "StateEntered") != NULL;
    }
}

static void remove_op(struct sim *sim, uint64_t id)
{
    size_t i = 0;
    while (i < sim->op_count && sim->ops[i].id != id)
        i++;
    must(sim, i < sim->op_count);  // only what is out can be cancelled
    sim->ops[i] = sim->ops[--sim->op_count];
}

static void note_run(struct sim *sim, const struct asl_command *command)
{
    size_t i = 0;
    while (i < sim->run_count && sim->runs[i] != command->op)
        i++;
    if (command->status == ASL_RUNNING) {
        must(sim, command->arn != NULL || i < RUNS_MAX);
        must(sim, sim->run_count < RUNS_MAX);
        if (i == sim->run_count)
            sim->runs[sim->run_count++] = command->op;
        return;
    }
    must(sim, i < sim->run_count);  // what ends has begun
    sim->runs[i] = sim->runs[--sim->run_count];
}

static void obey(struct sim *sim, const struct asl_command *command)
{
    switch (command->kind) {
    case ASL_COMMAND_TASK:
    case ASL_COMMAND_TIMER:
        must(sim, sim->op_count < OPS_MAX);
        for (size_t i = 0; i < sim->op_count; i++)
            must(sim, sim->ops[i].id != command->op);
        sim->ops[sim->op_count++] = (struct op){ command->op, command->kind };
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
    default: fail_msg("seed %" PRIu64 ": an unexpected command", sim->seed);
    }
}

static void apply(struct sim *sim, struct asl_input input, bool is_heard)
{
    struct sr_err err = { 0 };
    sr_auto(asl_effects) struct asl_effects effects = { 0 };
    json_t *stored = NULL;
    input.now_us = sim->now_us;
    input.seed = asl_random_next(&sim->random) >> 1;
    sr_assert_ok(asl_input_to_json(&input, &stored, &err), err);
    json_array_append_new(sim->inputs, stored);
    sr_assert_ok(asl_exec_apply(sim->exec, &input, &effects, &err), err);
    must(sim, is_heard || (effects.event_count == 0 && effects.command_count == 0));
    check_events(sim, &effects);
    for (size_t i = 0; i < effects.command_count; i++)
        obey(sim, &effects.commands[i]);
}

static void check_state(struct sim *sim)
{
    const bool runs = asl_exec_status(sim->exec) == ASL_RUNNING;
    struct sr_err err = { 0 };
    if (!asl_audit_end(sim->audit, asl_exec_status(sim->exec), &err))
        fail_msg("seed %" PRIu64 ": %s", sim->seed, err.message);
    must(sim, sim->end_count == !runs);
    must(sim, runs || sim->run_count == 0);
    must(sim, runs || sim->child_run_count == 0);
    must(sim, runs ? sim->op_count > 0 || sim->has_more : sim->op_count == 0);
    for (size_t i = 0; i < sim->op_count; i++)
        must(sim, asl_exec_waits_for(sim->exec, sim->ops[i].id));
}

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
    }
    must(sim, asl_exec_status(again) == asl_exec_status(sim->exec));
    must(sim, asl_exec_last_event(again) == asl_exec_last_event(sim->exec));
    must(sim, asl_exec_thread_count(again) == asl_exec_thread_count(sim->exec));
    asl_exec_free(sim->exec);
    sim->exec = again;
}

static void answer_something(struct sim *sim)
{
    static const enum asl_input_kind endings[] = {
        ASL_INPUT_TASK_SUCCEEDED, ASL_INPUT_TASK_SUCCEEDED, ASL_INPUT_TASK_SUCCEEDED,
        ASL_INPUT_TASK_FAILED,    ASL_INPUT_TASK_TIMED_OUT, ASL_INPUT_TASK_LOST
    };
    const struct op op = sim->ops[draw(sim, sim->op_count)];
    sr_auto(json) json_t *value = json_integer((json_int_t)draw(sim, 10));
    if (op.kind == ASL_COMMAND_TIMER) {
        remove_op(sim, op.id);
        apply(sim, (struct asl_input){ .kind = ASL_INPUT_TIMER, .op = op.id }, true);
        return;
    }
    if (draw(sim, 3) == 0) {
        apply(sim, (struct asl_input){ .kind = ASL_INPUT_TASK_STARTED, .op = op.id, .error = "w" },
              true);
        return;
    }
    const enum asl_input_kind kind = endings[draw(sim, 6)];
    const struct asl_input input = { .kind = kind,
                                     .op = op.id,
                                     .value = value,
                                     .error = kind == ASL_INPUT_TASK_FAILED
                                                  ? (draw(sim, 2) ? "E" : "F")
                                                  : NULL };
    if (kind == ASL_INPUT_TASK_SUCCEEDED || kind == ASL_INPUT_TASK_FAILED)
        remove_op(sim, op.id);  // a time-out cancels the task by a command
    apply(sim, input, true);
    apply(sim, input, false);  // a second answer is not heard
}

static void change_run(struct sim *sim)
{
    sr_auto(json) json_t *numbers = json_pack("{s:i, s:i}", ASL_RUN_CONCURRENCY, (int)draw(sim, 4),
                                              ASL_RUN_COUNT, (int)draw(sim, 3));
    const uint64_t run = sim->runs[draw(sim, sim->run_count)];
    apply(sim, (struct asl_input){ .kind = ASL_INPUT_MAP_RUN, .op = run, .value = numbers }, true);
}

static void play(struct sim *sim)
{
    while (asl_exec_status(sim->exec) == ASL_RUNNING && json_array_size(sim->inputs) < INPUTS_MAX) {
        check_state(sim);
        sim->now_us += (int64_t)draw(sim, 1000000);
        if (sim->has_more && (sim->op_count == 0 || draw(sim, 2))) {
            sim->has_more = false;
            apply(sim, (struct asl_input){ .kind = ASL_INPUT_CONTINUE }, true);
        } else if (draw(sim, 200) == 0) {
            apply(sim, (struct asl_input){ .kind = ASL_INPUT_STOP, .error = "enough" }, true);
        } else if (draw(sim, 50) == 0) {
            crash(sim);
        } else if (sim->run_count && draw(sim, 10) == 0) {
            change_run(sim);
        } else if (draw(sim, 20) == 0) {
            apply(sim, (struct asl_input){ .kind = ASL_INPUT_TIMER, .op = 1000000 }, false);
        } else {
            answer_something(sim);
        }
    }
    sim->has_more = false;
    if (asl_exec_status(sim->exec) != ASL_RUNNING)
        check_state(sim);
    crash(sim);
}

static size_t one(uint64_t seed)
{
    struct sr_err err = { 0 };
    struct sim *sim = calloc(1, sizeof *sim);
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    *sim = (struct sim){ .random = { seed }, .seed = seed, .inputs = json_array(), .now_us = 1 };
    sr_auto(json) json_t *definition = make_flow(sim, 2);
    sr_auto(json) json_t *input =
        json_pack("{s:[i,i,i], s:i}", "list", 1, 2, 3, "n", (int)draw(sim, 5));
    char *text = json_dumps(definition, JSON_COMPACT);
    sr_assert_ok(asl_parse_text(text, strlen(text), ASL_STANDARD, &faults, &sim->def, &err), err);
    size_t real = 0;  // skipping states by Choice may leave some unreachable: those definitions are
                      // not played
    for (size_t i = 0; i < faults.count; i++)
        real += strcmp(faults.items[i].code, ASL_FAULT_TARGET) != 0;
    if (real)
        fail_msg("seed %" PRIu64 ": %s at %s", seed, faults.items[0].message,
                 faults.items[0].location);
    if (sim->def) {
        sim->exec = make_exec(sim);
        sr_assert_ok(asl_audit_new(&sim->audit, &err), err);
        apply(sim, (struct asl_input){ .kind = ASL_INPUT_START, .value = input }, true);
        play(sim);
        for (size_t redrives = 0; redrives < 2 && asl_exec_status(sim->exec) > ASL_SUCCEEDED;
             redrives++) {
            sim->end_count = 0;
            apply(sim, (struct asl_input){ .kind = ASL_INPUT_REDRIVE }, true);
            play(sim);
        }
    }
    const size_t transitions = sim->transitions;
    free(text);
    asl_exec_free(sim->exec);
    asl_audit_free(sim->audit);
    asl_def_free(sim->def);
    json_decref(sim->inputs);
    free(sim);
    return transitions;
}

static void random_flows(void **state)
{
    (void)state;
    const char *seed_text = getenv("SIM_SEED"), *count_text = getenv("SIM_TRANSITIONS");
    const uint64_t first = seed_text ? strtoull(seed_text, NULL, 10) : 1;
    const size_t wanted = count_text ? strtoul(count_text, NULL, 10) : 10000;
    size_t transitions = 0;
    uint64_t seed = first;
    for (; transitions < wanted; seed++)
        transitions += one(seed);
    printf("%zu transitions, seeds %" PRIu64 " to %" PRIu64 "\n", transitions, first, seed - 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(random_flows) };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
