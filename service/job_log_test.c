#include "service/job_log.h"

#include "service/states_world.h"

#define A WORLD_ARN ":activity:splitreel-quick-segment"
#define M WORLD_ARN ":stateMachine:m"
#define TASK "{\"Type\":\"Task\",\"Resource\":\"" A "\","
#define THRESHOLD                                                                                  \
    "States.ExceedToleratedFailureThreshold:The specified tolerated failure threshold was exceeded"
// Two segments as child executions, one task before them.
#define FLOW                                                                                       \
    "{\"StartAt\":\"First\",\"States\":{\"First\":" TASK "\"ResultPath\":null,\"Next\":\"Map\"},"  \
    "\"Map\":{\"Type\":\"Map\",\"ItemsPath\":\"$.items\",\"MaxConcurrency\":%d,"                   \
    "\"End\":true,\"ItemProcessor\":{\"ProcessorConfig\":{\"Mode\":\"DISTRIBUTED\","               \
    "\"ExecutionType\":\"STANDARD\"},\"StartAt\":\"S\",\"States\":{\"S\":" TASK                    \
    "\"Retry\":[{\"ErrorEquals\":[\"Splitreel.StoreBusy\"],\"IntervalSeconds\":1,\"MaxAttempts\":" \
    "1}],\"End\":true}}}}}}"

static void begin(struct states_world *world, int concurrency)
{
    char flow[1024];
    snprintf(flow, sizeof flow, FLOW, concurrency);
    world_open(world);
    world_do(world, "CreateActivity", json_pack("{s:s}", "name", "splitreel-quick-segment"));
    world_do(world, "CreateStateMachine",
             json_pack("{s:s,s:s,s:s}", "name", "m", "definition", flow, "roleArn", WORLD_ROLE));
}

static void start(struct states_world *world, const char *name, int items)
{
    char input[4096] = "{\"items\":[";
    for (int i = 0; i < items; i++) {
        const size_t used = strlen(input);
        snprintf(input + used, sizeof input - used, "%s{\"segment\":%d}", i ? "," : "", i);
    }
    strcat(input, "]}");
    world_do(world, "StartExecution",
             json_pack("{s:s,s:s,s:s}", "stateMachineArn", M, "name", name, "input", input));
}

// The next task, of worker `name`; answered with an error or, when that is NULL, done.
static void work(struct states_world *world, const char *name, const char *error)
{
    char token[512];
    world_do(world, "GetActivityTask",
             json_pack("{s:s,s:s}", "activityArn", A, "workerName", name));
    snprintf(token, sizeof token, "%s", world_get(world, "taskToken"));
    world_do(world, error ? "SendTaskFailure" : "SendTaskSuccess",
             json_pack("{s:s,s:s*,s:s*,s:s*}", "taskToken", token, "output", error ? NULL : "{}",
                       "error", error, "cause", error ? "because" : NULL));
}

static char *execution(void *self, int64_t attempt, bool clean, struct sr_err *err)
{
    (void)self;
    return sr_strf(err, WORLD_ARN ":execution:m:job-%lld%s", (long long)attempt,
                   clean ? "-clean" : "");
}

static json_t *read_page(struct states_world *world, int64_t attempts, size_t lines,
                         const char *page)
{
    const struct job_log_query query = {
        .attempts = attempts, .line_max = lines, .page = page, .execution = execution
    };
    struct sr_err err = { 0 };
    json_t *json = NULL;
    sr_assert_ok(job_log_read(&world->store, &query, &json, &err), err);
    return json;
}

// "ATTEMPT EVENT SEGMENT WORKER ERROR" of each line, joined by ';'.
static char *tell(const json_t *json)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str out = { 0 };
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(json, "lines"), i, line)
    {
        const json_t *const segment = json_object_get(line, "segment");
        const char *const worker = json_string_value(json_object_get(line, "worker"));
        const char *const error = json_string_value(json_object_get(line, "error"));
        const char *const activity = json_string_value(json_object_get(line, "activity"));
        sr_assert_ok(sr_str_addf(&out, &err, "%lld%s %s",
                                 json_integer_value(json_object_get(line, "attempt")),
                                 json_is_true(json_object_get(line, "clean_up")) ? "c" : "",
                                 json_string_value(json_object_get(line, "event"))),
                     err);
        if (activity)
            assert_string_equal(activity, "quick-segment");
        if (segment)
            sr_assert_ok(sr_str_addf(&out, &err, " #%lld", json_integer_value(segment)), err);
        if (worker)
            sr_assert_ok(sr_str_addf(&out, &err, " %s", worker), err);
        if (error)
            sr_assert_ok(sr_str_addf(&out, &err, " %s:%s", error,
                                     json_string_value(json_object_get(line, "cause"))),
                         err);
        sr_assert_ok(sr_str_add(&out, ";", &err), err);
        assert_int_equal(json_string_length(json_object_get(line, "time")), 24);
    }
    return sr_str_take(&out);
}

static void assert_told(struct states_world *world, int64_t attempts, const char *want)
{
    sr_auto(json) json_t *json = read_page(world, attempts, JOB_LOG_LINES, NULL);
    sr_auto(char) char *said = tell(json);
    assert_string_equal(said, want);
    assert_null(json_object_get(json, "next_page"));
    // The same in pages of every size.
    for (size_t lines = 1; lines < 8; lines++) {
        sr_auto(sr_str) struct sr_str all = { 0 };
        sr_auto(char) char *page = NULL;
        struct sr_err err = { 0 };
        do {
            sr_auto(json) json_t *part = read_page(world, attempts, lines, page);
            sr_auto(char) char *text = tell(part);
            const char *const next = json_string_value(json_object_get(part, "next_page"));
            assert_true(json_array_size(json_object_get(part, "lines")) <= lines);
            sr_assert_ok(sr_str_add(&all, text, &err), err);
            free(page);
            page = next ? strdup(next) : NULL;
        } while (page);
        assert_string_equal(sr_str_text(&all), want);
    }
}

static void story(void **state)
{
    (void)state;
    struct states_world world;
    begin(&world, 1);
    assert_told(&world, 1, "");  // not begun
    start(&world, "job-1", 2);
    assert_told(&world, 1, "1 ExecutionStarted;1 ActivityScheduled;");
    work(&world, "w0", NULL);
    work(&world, "w1", NULL);
    work(&world, "w2", "Splitreel.StoreBusy");
    world_pass(&world, 2000000);
    work(&world, "w3", "Splitreel.BadInput");
    assert_told(&world, 1,
                "1 ExecutionStarted;1 ActivityScheduled;1 ActivityStarted w0;"
                "1 ActivitySucceeded w0;1 MapRunStarted;"
                "1 ActivityScheduled #0;1 ActivityStarted #0 w1;1 ActivitySucceeded #0 w1;"
                "1 ActivityScheduled #1;1 ActivityStarted #1 w2;"
                "1 ActivityFailed #1 w2 Splitreel.StoreBusy:because;"
                "1 ActivityScheduled #1;1 ActivityStarted #1 w3;"
                "1 ActivityFailed #1 w3 Splitreel.BadInput:because;"
                "1 MapRunFailed " THRESHOLD ";1 ExecutionFailed " THRESHOLD ";");
    world_close(&world);
}

static void attempts(void **state)
{
    (void)state;
    struct states_world world;
    begin(&world, 0);
    start(&world, "job-1", 1);
    world_do(&world, "StopExecution",
             json_pack("{s:s,s:s,s:s}", "executionArn", WORLD_ARN ":execution:m:job-1", "error",
                       "Splitreel.Cancelled", "cause", "asked for"));
    start(&world, "job-1-clean", 0);
    work(&world, "w1", NULL);
    start(&world, "job-3", 0);  // nothing is left of the second
    assert_told(&world, 3,
                "1 ExecutionStarted;1 ActivityScheduled;"
                "1 ExecutionAborted Splitreel.Cancelled:asked for;"
                "1c ExecutionStarted;1c ActivityScheduled;1c ActivityStarted w1;"
                "1c ActivitySucceeded w1;1c MapRunStarted;1c MapRunSucceeded;"
                "1c ExecutionSucceeded;"
                "3 ExecutionStarted;3 ActivityScheduled;");
    world_close(&world);
}

// Segments that run beside each other keep their own workers.
static void beside_each_other(void **state)
{
    (void)state;
    struct states_world world;
    char tokens[3][512];
    begin(&world, 0);
    start(&world, "job-1", 3);
    work(&world, "w", NULL);
    for (int i = 0; i < 3; i++) {
        char name[24];
        snprintf(name, sizeof name, "w%d", i);
        world_do(&world, "GetActivityTask",
                 json_pack("{s:s,s:s}", "activityArn", A, "workerName", name));
        snprintf(tokens[i], sizeof tokens[i], "%s", world_get(&world, "taskToken"));
    }
    for (int i = 3; i-- > 0;)
        world_do(&world, "SendTaskSuccess",
                 json_pack("{s:s,s:s}", "taskToken", tokens[i], "output", "{}"));
    sr_auto(json) json_t *json = read_page(&world, 1, JOB_LOG_LINES, NULL);
    sr_auto(char) char *said = tell(json);
    sr_assert_contains(said, "ActivitySucceeded #2 w2;1 ActivitySucceeded #1 w1;"
                             "1 ActivitySucceeded #0 w0;1 MapRunSucceeded;1 ExecutionSucceeded;");
    world_close(&world);
}

static void wrong_pages(void **state)
{
    (void)state;
    static const char *const pages[] = { "",        "1",      "1.2",    "1.2.x",  "a.b.c",
                                         "1.2.3.4", "-1.0.0", "1.-2.3", "1.2.-3", "1.2.3 " };
    struct states_world world;
    begin(&world, 0);
    start(&world, "job-1", 1);
    for (size_t i = 0; i < SR_TEST_COUNT(pages); i++) {
        const struct job_log_query query = {
            .attempts = 1, .line_max = 10, .page = pages[i], .execution = execution
        };
        struct sr_err err = { 0 };
        json_t *json = NULL;
        sr_assert_fails(job_log_read(&world.store, &query, &json, &err), SR_ERR_INVALID, err);
        assert_null(json);
    }
    sr_auto(json) json_t *json = read_page(&world, 1, 10, "99999999999999.1.1");  // beyond
    assert_int_equal(json_array_size(json_object_get(json, "lines")), 0);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(story), cmocka_unit_test(attempts),
                                        cmocka_unit_test(beside_each_other),
                                        cmocka_unit_test(wrong_pages) };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
