#include "statemachine/asl_exec.h"

#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"
#include "statemachine/asl_parse.h"

// An execution with what came out of it so far.
struct world {
    struct asl_def *def;
    struct asl_exec *exec;
    json_t *inputs;        // all that were applied, as the store would keep them
    struct sr_str events;  // "Name Name ..."
    uint64_t tasks[64], timers[64];
    int64_t timer_us[64];
    size_t task_count, timer_count, cancel_count, continue_count;
    uint64_t reading, writing;
    size_t results;
    json_t *output;
    char *error;
    uint64_t run;  // the last map run
    enum asl_status run_status;
    char run_arn[128];
    size_t children[ASL_ABORTED + 1];  // how often one became what
};

static struct asl_exec *make_exec(const struct asl_def *def, size_t step_max)
{
    struct sr_err err = { 0 };
    struct asl_exec *exec = NULL;
    const struct asl_exec_params params = { .def = def,
                                            .execution_arn = "arn:x:y:eu:1:execution:m:e",
                                            .execution_name = "e",
                                            .machine_arn = "arn:aws:states:eu:1:stateMachine:m",
                                            .machine_name = "m",
                                            .token_key = "key",
                                            .step_max = step_max };
    sr_assert_ok(asl_exec_new(&params, &exec, &err), err);
    return exec;
}

static void open_world(struct world *world, const char *definition, size_t step_max)
{
    struct sr_err err = { 0 };
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    *world = (struct world){ .inputs = json_array() };
    sr_assert_ok(
        asl_parse_text(definition, strlen(definition), ASL_STANDARD, &faults, &world->def, &err),
        err);
    if (faults.count)
        fail_msg("%s: %s", faults.items[0].location, faults.items[0].message);
    world->exec = make_exec(world->def, step_max);
}

static void close_world(struct world *world)
{
    asl_exec_free(world->exec);
    asl_def_free(world->def);
    json_decref(world->inputs);
    json_decref(world->output);
    sr_str_done(&world->events);
    free(world->error);
}

static void note_command(struct world *world, const struct asl_command *command)
{
    switch (command->kind) {
    case ASL_COMMAND_TASK: world->tasks[world->task_count++] = command->op; break;
    case ASL_COMMAND_TIMER:
        world->timers[world->timer_count] = command->op;
        world->timer_us[world->timer_count++] = command->at_us;
        break;
    case ASL_COMMAND_TASK_CANCEL:
    case ASL_COMMAND_TIMER_CANCEL: world->cancel_count++; break;
    case ASL_COMMAND_READ_ITEMS: world->reading = command->op; break;
    case ASL_COMMAND_WRITE_RESULTS:
        world->writing = command->op;
        world->results = json_array_size(command->results);
        break;
    case ASL_COMMAND_CONTINUE: world->continue_count++; break;
    case ASL_COMMAND_END:
        json_decref(world->output);
        free(world->error);
        world->output = json_incref(command->payload);
        world->error = command->error ? strdup(command->error) : NULL;
        break;
    case ASL_COMMAND_MAP_RUN:
        world->run = command->op;
        world->run_status = command->status;
        if (command->arn)
            snprintf(world->run_arn, sizeof world->run_arn, "%s", command->arn);
        break;
    case ASL_COMMAND_CHILD:
        assert_int_equal(command->run, world->run);
        world->children[command->status]++;
        break;
    }
}

static void apply(struct world *world, struct asl_input input)
{
    struct sr_err err = { 0 };
    sr_auto(asl_effects) struct asl_effects effects = { 0 };
    json_t *stored = NULL;
    sr_assert_ok(asl_input_to_json(&input, &stored, &err), err);
    json_array_append_new(world->inputs, stored);
    sr_assert_ok(asl_exec_apply(world->exec, &input, &effects, &err), err);
    for (size_t i = 0; i < effects.event_count; i++) {
        if (!effects.events[i].child)
            sr_assert_ok(
                sr_str_addf(&world->events, &err, "%s ", asl_event_name(effects.events[i].type)),
                err);
    }
    for (size_t i = 0; i < effects.command_count; i++)
        note_command(world, &effects.commands[i]);
}

static void start(struct world *world, const char *input)
{
    json_error_t error;
    sr_auto(json) json_t *value = json_loads(input, JSON_DECODE_ANY, &error);
    apply(world, (struct asl_input){
                     .kind = ASL_INPUT_START, .now_us = 1000000, .seed = 7, .value = value });
}

static void assert_output(const struct world *world, const char *want)
{
    json_error_t error;
    sr_auto(json) json_t *value = json_loads(want, JSON_DECODE_ANY, &error);
    if (!world->output || !json_equal(value, world->output)) {
        char *got = world->output ? json_dumps(world->output, JSON_ENCODE_ANY) : NULL;
        fail_msg("want %s, got %s (%s)", want, got ? got : "nothing",
                 world->error ? world->error : "");
    }
}

#define TASK(extra)                                                                                            \
    "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:eu:1:activity:a\"," \
    "\"End\":true" extra "}}}"

static void a_task_and_its_answer(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, TASK(",\"ResultPath\":\"$.r\""), 0);
    start(&world, "{\"a\":1}");
    assert_int_equal(world.task_count, 1);
    assert_true(asl_exec_waits_for(world.exec, world.tasks[0]));
    sr_auto(json) json_t *value = json_integer(5);
    const struct asl_input done = { .kind = ASL_INPUT_TASK_SUCCEEDED,
                                    .op = world.tasks[0],
                                    .value = value };
    apply(&world, done);
    assert_output(&world, "{\"a\":1,\"r\":5}");
    assert_string_equal(world.events.text,
                        "ExecutionStarted TaskStateEntered ActivityScheduled ActivityStarted "
                        "ActivitySucceeded TaskStateExited ExecutionSucceeded ");
    const size_t before = world.events.bytes;
    apply(&world, done);  // a second answer changes nothing
    assert_int_equal(world.events.bytes, before);
    assert_int_equal(asl_exec_status(world.exec), ASL_SUCCEEDED);
    close_world(&world);
}

static void retry_waits_longer_each_time_then_catch(void **state)
{
    (void)state;
    struct world world;
    open_world(
        &world,
        "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"End\":true,\"Retry\":[{"
        "\"ErrorEquals\":[\"E\"],\"IntervalSeconds\":2,\"MaxAttempts\":2,\"BackoffRate\":3}],\"Catch\":[{\"ErrorEquals\":["
        "\"States.ALL\"],\"ResultPath\":\"$.e\",\"Next\":\"C\"}]},\"C\":{\"Type\":\"Pass\",\"End\":true}}}",
        0);
    start(&world, "{}");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(world.task_count, i + 1);
        apply(&world, (struct asl_input){ .kind = ASL_INPUT_TASK_FAILED,
                                          .op = world.tasks[i],
                                          .now_us = 1000000,
                                          .error = "E",
                                          .cause = "why" });
        if (i < 2)
            apply(&world, (struct asl_input){
                              .kind = ASL_INPUT_TIMER, .op = world.timers[i], .now_us = 1000000 });
    }
    assert_int_equal(world.timer_count, 2);
    assert_int_equal(world.timer_us[0], 3000000);
    assert_int_equal(world.timer_us[1], 7000000);
    assert_output(&world, "{\"e\":{\"Error\":\"E\",\"Cause\":\"why\"}}");
    close_world(&world);
}

static void a_failed_branch_ends_the_others(void **state)
{
    (void)state;
    struct world world;
    open_world(
        &world,
        "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Parallel\",\"End\":true,\"Branches\":[{\"StartAt\":\"A\",\"States\":{"
        "\"A\":{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"End\":true}}},{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\","
        "\"Seconds\":60,\"End\":true}}}]}}}",
        0);
    start(&world, "{}");
    assert_int_equal(world.timer_count, 1);
    apply(&world,
          (struct asl_input){ .kind = ASL_INPUT_TASK_FAILED, .op = world.tasks[0], .error = "E" });
    assert_int_equal(world.cancel_count, 1);
    assert_string_equal(world.error, "E");
    assert_int_equal(asl_exec_status(world.exec), ASL_FAILED);
    assert_false(asl_exec_waits_for(world.exec, world.timers[0]));
    close_world(&world);
}

static void map_keeps_its_limit(void **state)
{
    (void)state;
    struct world world;
    open_world(
        &world,
        "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"MaxConcurrency\":2,\"End\":true,\"ItemProcessor\":{\"StartAt\":"
        "\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"End\":true}}}}}}",
        0);
    start(&world, "[1,2,3,4,5]");
    sr_auto(json) json_t *nine = json_integer(9);
    for (size_t i = 0; i < 5; i++) {
        assert_in_range(world.task_count, i + 1, i + 2);
        assert_in_range(asl_exec_thread_count(world.exec), 2, 3);
        apply(&world, (struct asl_input){
                          .kind = ASL_INPUT_TASK_SUCCEEDED, .op = world.tasks[i], .value = nine });
    }
    assert_output(&world, "[9,9,9,9,9]");
    close_world(&world);
}

#define DISTRIBUTED(extra)                                                                                                                    \
    "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true," extra                                                              \
    "\"ItemProcessor\":{"                                                                                                                     \
    "\"ProcessorConfig\":{\"Mode\":\"DISTRIBUTED\",\"ExecutionType\":\"STANDARD\"},\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":\"Choice\"," \
    "\"Choices\":[{\"Variable\":\"$\",\"NumericEquals\":2,\"Next\":\"F\"}],\"Default\":\"D\"},\"F\":{\"Type\":\"Fail\",\"Error\":\"X\"},"     \
    "\"D\":{\"Type\":\"Pass\",\"End\":true}}}}}}"

static void tolerated_failures(void **state)
{
    (void)state;
    static const struct {
        const char *definition, *output;
    } cases[] = {
        { DISTRIBUTED(""), NULL },
        { DISTRIBUTED("\"ToleratedFailureCount\":1,"), "[1,3]" },
        { DISTRIBUTED("\"ToleratedFailurePercentage\":33,"), NULL },
        { DISTRIBUTED("\"ToleratedFailurePercentage\":34,"), "[1,3]" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        struct world world;
        open_world(&world, cases[i].definition, 0);
        start(&world, "[1,2,3]");
        if (cases[i].output)
            assert_output(&world, cases[i].output);
        else
            assert_string_equal(world.error, "States.ExceedToleratedFailureThreshold");
        close_world(&world);
    }
}

static void a_null_is_a_result(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, DISTRIBUTED("\"ToleratedFailureCount\":1,"), 0);
    start(&world, "[1,2,null]");
    assert_output(&world, "[1,null]");
    close_world(&world);
}

// The first iteration fails while all the others have not begun yet.
static void many_that_never_began(void **state)
{
    (void)state;
    struct world world;
    open_world(
        &world,
        "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true,\"ItemProcessor\":{"
        "\"StartAt\":\"F\",\"States\":{\"F\":{\"Type\":\"Fail\",\"Error\":\"X\"}}}}}}",
        0);
    sr_auto(json) json_t *items = json_array();
    for (size_t i = 0; i < 50000; i++)
        json_array_append_new(items, json_null());
    apply(&world, (struct asl_input){ .kind = ASL_INPUT_START, .value = items });
    assert_string_equal(world.error, "X");
    assert_int_equal(asl_exec_thread_count(world.exec), 50001);  // kept for a redrive
    close_world(&world);
}

static void items_and_results_come_from_outside(void **state)
{
    (void)state;
    struct world world;
    open_world(
        &world,
        "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true,\"ItemReader\":{\"Resource\":\"r:r\","
        "\"ReaderConfig\":{\"MaxItems\":5}},\"ItemBatcher\":{\"MaxItemsPerBatch\":2,\"BatchInput\":{\"k\":1}},\"ResultWriter\":{"
        "\"Resource\":\"w:w\"},\"ItemProcessor\":{\"ProcessorConfig\":{\"Mode\":\"DISTRIBUTED\"},\"StartAt\":\"P\",\"States\":{"
        "\"P\":{\"Type\":\"Pass\",\"End\":true}}}}}}",
        0);
    start(&world, "{}");
    assert_int_not_equal(world.reading, 0);
    sr_auto(json) json_t *items = json_pack("[i,i,i,i,i,i,i]", 1, 2, 3, 4, 5, 6, 7),
                         *where = json_pack("{s:s}", "at", "x");
    apply(&world,
          (struct asl_input){ .kind = ASL_INPUT_ITEMS, .op = world.reading, .value = items });
    assert_int_equal(world.results, 3);  // five items in batches of two
    apply(&world, (struct asl_input){
                      .kind = ASL_INPUT_RESULTS_WRITTEN, .op = world.writing, .value = where });
    assert_output(&world, "{\"at\":\"x\"}");
    close_world(&world);
}

static void long_chains_pause(void **state)
{
    (void)state;
    struct world world;
    open_world(
        &world,
        "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Next\":\"B\"},\"B\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":"
        "\"$.stop\",\"BooleanEquals\":true,\"Next\":\"E\"}],\"Default\":\"A\"},\"E\":{\"Type\":\"Succeed\"}}}",
        10);
    start(&world, "{\"stop\":false}");
    for (size_t i = 0; i < 5; i++)
        apply(&world, (struct asl_input){ .kind = ASL_INPUT_CONTINUE });
    assert_int_equal(world.continue_count, 6);
    apply(&world, (struct asl_input){ .kind = ASL_INPUT_STOP, .error = "enough" });
    assert_int_equal(asl_exec_status(world.exec), ASL_ABORTED);
    close_world(&world);
}

static void the_whole_has_a_timeout(void **state)
{
    (void)state;
    struct world world;
    open_world(
        &world,
        "{\"TimeoutSeconds\":5,\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}",
        0);
    start(&world, "{}");
    assert_int_equal(world.timer_us[0], 6000000);
    apply(&world,
          (struct asl_input){ .kind = ASL_INPUT_TIMER, .op = world.timers[0], .now_us = 6000000 });
    assert_int_equal(asl_exec_status(world.exec), ASL_TIMED_OUT);
    assert_string_equal(world.error, "States.Timeout");
    apply(&world, (struct asl_input){ .kind = ASL_INPUT_REDRIVE, .now_us = 7000000 });
    assert_int_equal(world.timer_us[world.timer_count - 2], 12000000);  // it has one again
    assert_int_equal(world.timer_us[world.timer_count - 1], 67000000);
    close_world(&world);
}

static void redrive_enters_the_failed_state_again(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, TASK(""), 0);
    start(&world, "{\"a\":1}");
    apply(&world,
          (struct asl_input){ .kind = ASL_INPUT_TASK_FAILED, .op = world.tasks[0], .error = "E" });
    assert_int_equal(asl_exec_status(world.exec), ASL_FAILED);
    apply(&world, (struct asl_input){ .kind = ASL_INPUT_REDRIVE });
    assert_int_equal(asl_exec_status(world.exec), ASL_RUNNING);
    assert_int_equal(world.task_count, 2);
    sr_auto(json) json_t *value = json_true();
    apply(&world, (struct asl_input){
                      .kind = ASL_INPUT_TASK_SUCCEEDED, .op = world.tasks[1], .value = value });
    assert_output(&world, "true");
    close_world(&world);
}

static void succeed(struct world *world, size_t task, int result)
{
    sr_auto(json) json_t *value = json_integer(result);
    apply(world, (struct asl_input){
                     .kind = ASL_INPUT_TASK_SUCCEEDED, .op = world->tasks[task], .value = value });
}

static void fail_task(struct world *world, size_t task)
{
    apply(world, (struct asl_input){
                     .kind = ASL_INPUT_TASK_FAILED, .op = world->tasks[task], .error = "E" });
}

// Spec: RedriveExecution: branches that succeeded are not run again.
static void redrive_keeps_what_a_parallel_has(void **state)
{
    (void)state;
    struct world world;
    open_world(
        &world,
        "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Parallel\",\"End\":true,\"Branches\":["
        "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"End\":true}}},"
        "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"Next\":\"C\"},"
        "\"C\":{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"End\":true}}},"
        "{\"StartAt\":\"D\",\"States\":{\"D\":{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"End\":true}}}]}}}",
        0);
    start(&world, "{}");
    succeed(&world, 0, 1);
    succeed(&world, 1, 2);  // B; C is task 3
    assert_int_equal(world.task_count, 4);
    fail_task(&world, 3);
    assert_int_equal(asl_exec_status(world.exec), ASL_FAILED);
    apply(&world, (struct asl_input){ .kind = ASL_INPUT_REDRIVE });
    assert_int_equal(world.task_count,
                     6);  // C, which failed, and D, which was aborted; not A, not B
    succeed(&world, 4, 4);
    succeed(&world, 5, 4);
    assert_output(&world, "[1,4,4]");
    assert_null(strstr(strstr(world.events.text, "ExecutionRedriven"), "ParallelStateEntered"));
    close_world(&world);
}

static void redrive_keeps_what_a_map_has(void **state)
{
    (void)state;
    struct world world;
    open_world(
        &world,
        "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"MaxConcurrency\":2,\"End\":true,\"ItemProcessor\":{\"StartAt\":"
        "\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"End\":true}}}}}}",
        0);
    start(&world, "[1,2,3,4]");
    succeed(&world, 0, 10);
    fail_task(&world, 2);
    assert_int_equal(asl_exec_status(world.exec), ASL_FAILED);
    assert_int_equal(world.task_count, 3);
    apply(&world, (struct asl_input){ .kind = ASL_INPUT_REDRIVE });
    assert_int_equal(world.task_count, 5);
    for (size_t i = 3; i < 6; i++)
        succeed(&world, i, 11);
    assert_int_equal(world.task_count, 6);
    assert_output(&world, "[10,11,11,11]");
    close_world(&world);
}

#define RUN_OF_TASKS(extra)                                                                             \
    "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true,\"Label\":\"L\"," extra        \
    "\"ItemProcessor\":{\"ProcessorConfig\":{\"Mode\":\"DISTRIBUTED\",\"ExecutionType\":\"STANDARD\"}," \
    "\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":\"foo:bar\",\"End\":true}}}}}}"

// One failure is tolerated, the second is not: a redrive runs both again, and those cut short.
static void redrive_of_a_map_run(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, RUN_OF_TASKS("\"MaxConcurrency\":2,\"ToleratedFailureCount\":1,"), 0);
    start(&world, "[1,2,3,4,5]");
    sr_assert_contains(world.run_arn, "arn:aws:states:eu:1:mapRun:m/L:");
    fail_task(&world, 0);
    succeed(&world, 1, 7);
    fail_task(&world, 2);
    assert_int_equal(asl_exec_status(world.exec), ASL_FAILED);
    assert_int_equal(world.run_status, ASL_FAILED);
    assert_int_equal(world.children[ASL_FAILED], 2);
    assert_int_equal(world.children[ASL_ABORTED], 1);
    assert_int_equal(world.task_count, 4);
    apply(&world, (struct asl_input){ .kind = ASL_INPUT_REDRIVE });
    assert_int_equal(world.run_status, ASL_RUNNING);
    assert_int_equal(world.task_count, 6);
    for (size_t i = 4; i < 8; i++)
        succeed(&world, i, 8);
    assert_int_equal(world.task_count, 8);
    assert_output(&world, "[8,7,8,8,8]");
    assert_int_equal(world.run_status, ASL_SUCCEEDED);
    assert_int_equal(world.children[ASL_SUCCEEDED], 5);
    close_world(&world);
}

static void update(struct world *world, const char *numbers)
{
    json_error_t error;
    sr_auto(json) json_t *value = json_loads(numbers, 0, &error);
    apply(world, (struct asl_input){ .kind = ASL_INPUT_MAP_RUN, .op = world->run, .value = value });
}

static void a_map_run_changes_while_it_runs(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, RUN_OF_TASKS("\"MaxConcurrency\":1,\"ToleratedFailureCount\":3,"), 0);
    start(&world, "[1,2,3,4,5]");
    assert_int_equal(world.task_count, 1);
    update(&world, "{\"maxConcurrency\":3}");
    assert_int_equal(world.task_count, 3);
    fail_task(&world, 0);
    fail_task(&world, 1);
    assert_int_equal(world.run_status, ASL_RUNNING);
    update(&world, "{\"toleratedFailureCount\":1}");
    assert_int_equal(world.run_status, ASL_FAILED);
    assert_string_equal(world.error, "States.ExceedToleratedFailureThreshold");
    const size_t before = world.events.bytes;
    update(&world, "{\"maxConcurrency\":9}");  // it has ended
    assert_int_equal(world.events.bytes, before);
    close_world(&world);
}

static void payloads_have_a_limit(void **state)
{
    (void)state;
    struct world world;
    open_world(
        &world,
        TASK(
            ",\"Catch\":[{\"ErrorEquals\":[\"States.DataLimitExceeded\"],\"Next\":\"C\"}]},\"C\":{\"Type\":\"Succeed\""),
        0);
    start(&world, "{}");
    char *big = calloc(1, ASL_PAYLOAD_BYTES_MAX + 1);
    memset(big, 'x', ASL_PAYLOAD_BYTES_MAX);
    sr_auto(json) json_t *value = json_string(big);
    free(big);
    apply(&world, (struct asl_input){
                      .kind = ASL_INPUT_TASK_SUCCEEDED, .op = world.tasks[0], .value = value });
    assert_int_equal(asl_exec_status(world.exec), ASL_SUCCEEDED);
    assert_string_equal(json_string_value(json_object_get(world.output, "Error")),
                        "States.DataLimitExceeded");
    close_world(&world);
}

// The same inputs give the same events, commands and tokens.
static void a_replay_is_the_same(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    open_world(
        &world,
        "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"Parameters\":{\"u.$\":\"States.UUID()\",\"l.$\":\"$\"},\"Next\":"
        "\"M\"},\"M\":{\"Type\":\"Map\",\"ItemsPath\":\"$.l\",\"End\":true,\"ItemProcessor\":{\"StartAt\":\"T\",\"States\":{\"T\":{"
        "\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::sqs:sendMessage.waitForTaskToken\",\"Parameters\":{\"t.$\":\"$$.Task.Token\"},"
        "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"],\"JitterStrategy\":\"FULL\"}],\"End\":true}}}}}}",
        0);
    start(&world, "[1,2,3]");
    for (size_t i = 0; i < 3; i++)
        apply(&world,
              (struct asl_input){
                  .kind = ASL_INPUT_TASK_FAILED, .op = world.tasks[i], .error = "E", .seed = i });
    apply(&world, (struct asl_input){ .kind = ASL_INPUT_TIMER, .op = world.timers[1], .seed = 9 });

    struct asl_exec *again = make_exec(world.def, 0);
    sr_auto(sr_str) struct sr_str events = { 0 };
    size_t i, timer_count = 0;
    json_t *stored;
    json_array_foreach(world.inputs, i, stored)
    {
        struct asl_input input;
        sr_auto(asl_effects) struct asl_effects effects = { 0 };
        sr_assert_ok(asl_input_from_json(stored, &input, &err), err);
        sr_assert_ok(asl_exec_apply(again, &input, &effects, &err), err);
        for (size_t e = 0; e < effects.event_count; e++)
            sr_assert_ok(sr_str_addf(&events, &err, "%s ", asl_event_name(effects.events[e].type)),
                         err);
        for (size_t c = 0; c < effects.command_count; c++) {
            if (effects.commands[c].kind == ASL_COMMAND_TIMER) {
                assert_int_equal(effects.commands[c].at_us, world.timer_us[timer_count]);
                assert_int_equal(effects.commands[c].op, world.timers[timer_count++]);
            }
        }
    }
    assert_int_equal(timer_count, world.timer_count);
    assert_string_equal(events.text, world.events.text);
    assert_int_equal(asl_exec_last_event(again), asl_exec_last_event(world.exec));
    asl_exec_free(again);
    close_world(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_and_its_answer),
        cmocka_unit_test(retry_waits_longer_each_time_then_catch),
        cmocka_unit_test(a_failed_branch_ends_the_others),
        cmocka_unit_test(map_keeps_its_limit),
        cmocka_unit_test(tolerated_failures),
        cmocka_unit_test(a_null_is_a_result),
        cmocka_unit_test(many_that_never_began),
        cmocka_unit_test(items_and_results_come_from_outside),
        cmocka_unit_test(long_chains_pause),
        cmocka_unit_test(the_whole_has_a_timeout),
        cmocka_unit_test(redrive_enters_the_failed_state_again),
        cmocka_unit_test(redrive_keeps_what_a_parallel_has),
        cmocka_unit_test(redrive_keeps_what_a_map_has),
        cmocka_unit_test(redrive_of_a_map_run),
        cmocka_unit_test(a_map_run_changes_while_it_runs),
        cmocka_unit_test(payloads_have_a_limit),
        cmocka_unit_test(a_replay_is_the_same),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
