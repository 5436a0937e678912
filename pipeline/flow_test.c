// The flow of a job, from start to end through the engine: tasks are answered by a script, time is
// the test's.
#include "pipeline/flow_world.h"
#include "statemachine/asl_check.h"

// -------------------------------------------------------------------------------------------------
#define MEMORY "Splitreel.OutOfMemory"

static const struct row {
    const char *name;
    struct fault fault, second;
    enum asl_status status;
    const char *error, *cause;
    const char *counted;  // this activity ...
    size_t count;         // ... was called so often
} rows[] = {
    { "all goes well", { 0 }, { 0 }, ASL_SUCCEEDED, "", "", "quick-segment", 3 },
    { "bad input is not tried again",
      { "probe", BAD_INPUT, "x.mp4: no", 9, -1 },
      { 0 },
      ASL_FAILED,
      BAD_INPUT,
      "x.mp4: no",
      "probe",
      1 },
    { "a bad segment is not tried again, and its cause is the job's",
      { "quick-segment", BAD_INPUT, "segment 2: torn", 9, 1 },
      { 0 },
      ASL_FAILED,
      BAD_INPUT,
      "segment 2: torn",
      "note",
      1 },
    { "a bad track",
      { "quick-audio", BAD_INPUT, "track", 9, -1 },
      { 0 },
      ASL_FAILED,
      BAD_INPUT,
      "track",
      "note",
      0 },
    { "a busy store is waited for",
      { "quick-segment", STORE_BUSY, "503", 6, 0 },
      { 0 },
      ASL_SUCCEEDED,
      "",
      "",
      "quick-segment",
      9 },
    { "a store that stays busy",
      { "quick-segment", STORE_BUSY, "503", 99, 0 },
      { 0 },
      ASL_FAILED,
      STORE_BUSY,
      "503",
      "publish",
      0 },
    { "a worker that dies",
      { "quick-segment", ACTIVITY_WORKER_DIED, "signal 9", 5, 2 },
      { 0 },
      ASL_SUCCEEDED,
      "",
      "",
      "quick-segment",
      8 },
    { "a segment that kills every worker",
      { "quick-segment", ACTIVITY_WORKER_DIED, "signal 11", 99, 2 },
      { 0 },
      ASL_FAILED,
      ACTIVITY_WORKER_DIED,
      "signal 11",
      "note",
      1 },
    { "a worker that falls silent",
      { "quick-segment", NULL, NULL, 1, 1 },
      { 0 },
      ASL_SUCCEEDED,
      "",
      "",
      "quick-segment",
      4 },
    { "machines that vanish, one after the other, and a crash",
      { "quick-segment", NULL, NULL, 10, 1 },
      { "quick-segment", ACTIVITY_WORKER_DIED, "signal 9", 5, 1 },
      ASL_SUCCEEDED,
      "",
      "",
      "quick-segment",
      18 },
    { "a segment that silences every worker",
      { "quick-segment", NULL, NULL, 99, 1 },
      { 0 },
      ASL_FAILED,
      "States.Timeout",
      "",
      "quick-segment",
      13 },
    { "memory is short for a while",
      { "join", MEMORY, "m", 2, -1 },
      { 0 },
      ASL_SUCCEEDED,
      "",
      "",
      "join",
      4 },
    { "memory is short for good",
      { "verify", MEMORY, "m", 99, -1 },
      { 0 },
      ASL_FAILED,
      MEMORY,
      "m",
      "verify",
      3 },
    { "what does not verify is not published",
      { "verify", "Splitreel.Verify", "seam 3", 99, -1 },
      { 0 },
      ASL_FAILED,
      "Splitreel.Verify",
      "seam 3",
      "publish",
      0 },
    { "the output came into being meanwhile",
      { "publish", "Splitreel.OutputExists", "o", 99, -1 },
      { 0 },
      ASL_FAILED,
      "Splitreel.OutputExists",
      "o",
      "publish",
      1 },
    { "even cleaning up fails",
      { "plan", "Splitreel.Internal", "i", 99, -1 },
      { "clean", "Splitreel.StoreFailed", "c", 99, -1 },
      ASL_FAILED,
      "Splitreel.Internal",
      "i",
      "clean",
      1 },
    { "nobody can be told",
      { "plan", "Splitreel.Internal", "i", 99, -1 },
      { "notify", "Splitreel.Internal", "n", 99, -1 },
      ASL_FAILED,
      "Splitreel.Internal",
      "i",
      "clean",
      1 },
    { "it is done, though nobody can be told",
      { "notify", "Splitreel.Internal", "n", 99, -1 },
      { 0 },
      ASL_SUCCEEDED,
      "",
      "",
      "clean",
      0 },
    { "the note is lost, the failure is told",
      { "quick-segment", BAD_INPUT, "torn", 9, 1 },
      { "note", "Splitreel.Denied", "n", 9, -1 },
      ASL_FAILED,
      ASL_ERROR_THRESHOLD,
      NULL,
      "clean",
      1 },
};

static void each_row(void **state)
{
    const struct row *const row = *state;
    struct world world = {
        .segments = 3, .audios = 2, .pick = "quick", .faults = { row->fault, row->second }
    };
    play(&world);
    assert_string_equal(asl_status_name(world.status), asl_status_name(row->status));
    assert_string_equal(world.error, row->error);
    if (row->cause)
        assert_string_equal(world.cause, row->cause);
    assert_int_equal(*calls_of(&world, row->counted), row->count);
    const bool failed = row->status == ASL_FAILED;
    assert_int_equal(*calls_of(&world, "clean") > 0, failed);
    assert_true(*calls_of(&world, "notify") >= 1);
    sr_assert_contains(world.last_notify, failed ? "FAILED" : "out/report.json");
    if (failed)
        sr_assert_contains(world.last_notify, row->error);
    assert_int_equal(*calls_of(&world, "segment"), 0);  // quick work stays here
    free(world.output);
}

static void large_work_goes_to_the_fleet(void **state)
{
    (void)state;
    struct world world = { .segments = 5, .audios = 1, .pick = "fleet" };
    play(&world);
    assert_int_equal(world.status, ASL_SUCCEEDED);
    assert_int_equal(*calls_of(&world, "segment"), 5);
    assert_int_equal(*calls_of(&world, "audio"), 1);
    assert_int_equal(*calls_of(&world, "quick-segment"), 0);
    assert_int_equal(*calls_of(&world, "join"), 2);
    sr_assert_contains(world.output, "\"publish\":{\"files\":2,");
    free(world.output);
}

static void sound_alone(void **state)
{
    (void)state;
    struct world world = { .segments = 0, .audios = 1, .pick = "quick" };
    play(&world);
    assert_int_equal(world.status, ASL_SUCCEEDED);
    assert_int_equal(*calls_of(&world, "quick-segment"), 0);
    assert_int_equal(*calls_of(&world, "quick-audio"), 1);
    free(world.output);
}

// Spec: no state's payload passes 256 KiB for a source of ten hours: 9000 segments of 4 s, and as
// many tracks as a job can have. (The engine refuses larger ones: States.DataLimitExceeded.)
static void ten_hours(void **state)
{
    (void)state;
    struct world world = { .segments = 9000, .audios = 64, .pick = "fleet" };
    play(&world);
    assert_string_equal(world.error, "");
    assert_int_equal(world.status, ASL_SUCCEEDED);
    assert_int_equal(*calls_of(&world, "segment"), 9000);
    assert_true(world.payload_bytes_max > 0 && world.payload_bytes_max < 4096);
    assert_true(strlen(world.output) < 4096);
    free(world.output);
}

// Every activity that the flow names is in the table, and the other way round; pulses agree.
static void walk(const json_t *value, bool seen[NAMES_MAX])
{
    const char *key;
    size_t index;
    json_t *member;
    const char *const resource = json_string_value(json_object_get(value, "Resource"));
    if (resource && strncmp(resource, ACTIVITIES, strlen(ACTIVITIES)) == 0) {
        const struct activity *const row = activity_find(resource + strlen(ACTIVITIES));
        assert_non_null(row);
        assert_int_equal(json_integer_value(json_object_get(value, "HeartbeatSeconds")),
                         row->heartbeat_s);
        assert_true(json_integer_value(json_object_get(value, "TimeoutSeconds")) >= row->timeout_s);
        assert_true(json_array_size(json_object_get(value, "Retry")) > 0);
        for (size_t i = 0; activity_at(i); i++)
            seen[i] |= activity_at(i) == row;
    }
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            walk(member, seen);
        }
    }
    json_array_foreach(value, index, member)
    {
        walk(member, seen);
    }
}

static void the_flow_and_the_table_agree(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    bool seen[NAMES_MAX] = { false };
    sr_assert_ok(flow_transcode(&(struct flow_params){ .activities = ACTIVITIES }, &text, &err),
                 err);
    sr_auto(json) json_t *flow = json_loads(text, 0, NULL);
    walk(flow, seen);
    for (size_t i = 0; activity_at(i); i++)
        assert_true(seen[i]);
}

static void it_is_valid(void **state)
{
    (void)state;
    static const struct flow_params ways[] = {
        { .activities = PREFIX ":activity:" },
        { .activities = "inside:", .is_inside = true },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(ways); i++) {
        struct sr_err err = { 0 };
        sr_auto(char) char *text = NULL;
        sr_auto(json) json_t *json = NULL;
        sr_auto(asl_faults) struct asl_faults faults = { 0 };
        sr_assert_ok(flow_transcode(&ways[i], &text, &err), err);
        sr_assert_ok(asl_check_text(text, strlen(text), ASL_STANDARD, &faults, &json, &err), err);
        assert_int_equal(faults.count, 0);
        assert_null(strstr(text, "${"));
        assert_int_equal(strstr(text, "HeartbeatSeconds") == NULL, ways[i].is_inside);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 5];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(large_work_goes_to_the_fleet);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(sound_alone);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(ten_hours);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(the_flow_and_the_table_agree);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(it_is_valid);
    return sr_test_run(__FILE__, tests, count);
}
