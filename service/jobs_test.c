#include "service/jobs.h"

#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "service/jobs_world.h"

enum { SECOND_US = 1000000 };
#define DAY_US (86400 * INT64_C(1000000))

static bool is_there(const struct jobs_world *world, const char *id, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s/%s", world->workspace, id, name);
    return access(path, F_OK) == 0;
}

static void from_submission_to_end(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    jobs_world_add(&world, "a");
    assert_int_equal(world.new_count, 1);
    const char *const id = world.ids[0];
    assert_job(&world, id, "state", "QUEUED");
    assert_job(&world, id, "started", "");
    assert_job(&world, id, "correlation", id);
    jobs_world_settle(&world);
    assert_job(&world, id, "state", "RUNNING");
    assert_true(is_there(&world, id, "manifest.json"));
    sr_clock_fake_advance(&world.states.clock, 5 * SECOND_US);
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "SUCCEEDED");
    assert_job(&world, id, "engine", "quick");
    assert_job(&world, id, "attempt", "1");
    assert_job(&world, id, "error", "");
    assert_job(&world, id, "created", "2026-01-01T00:00:00.000Z");
    assert_job(&world, id, "ended", "2026-01-01T00:00:05.000Z");
    char arn[256];
    snprintf(arn, sizeof arn, WORLD_ARN ":execution:" JOBS_MACHINE ":%s-1", id);
    assert_job(&world, id, "execution", arn);
    assert_int_equal(jobs_world_executions(&world, JOBS_MACHINE), 1);
    assert_string_equal(world.done[world.done_count - 1], "notify");
    jobs_world_close(&world);
}

static bool submit(struct jobs_world *world, const char *name, const char *more, const char *key)
{
    sr_auto(char) char *manifest = jobs_world_manifest(world, name, more);
    const struct job_submit item = { .manifest = manifest,
                                     .bytes = strlen(manifest),
                                     .idempotency_key = key };
    return jobs_world_submit(world, &item, 1);
}

static void one_job_for_a_key(void **state)
{
    (void)state;
    static struct jobs_world world;
    char first[SR_ID_TEXT];
    jobs_world_open(&world);
    assert_true(submit(&world, "a", "", "k"));
    assert_int_equal(world.new_count, 1);
    memcpy(first, world.ids[0], sizeof first);
    assert_true(submit(&world, "a", "", "k"));
    assert_int_equal(world.new_count, 0);
    assert_string_equal(world.ids[0], first);
    assert_true(submit(&world, "a", ",\"idempotency_key\":\"k\"", NULL));  // said in the other way
    assert_string_equal(world.ids[0], first);
    assert_false(submit(&world, "b", "", "k"));
    assert_int_equal(world.err.code, SR_ERR_CONFLICT);
    assert_false(submit(&world, "a", ",\"idempotency_key\":\"k\"", "other"));
    assert_int_equal(world.err.code, SR_ERR_INVALID);
    jobs_world_finish(&world);
    jobs_world_reopen(&world);
    assert_true(submit(&world, "a", "", "k"));  // for ever
    assert_string_equal(world.ids[0], first);
    assert_job(&world, first, "state", "SUCCEEDED");
    jobs_world_finish(&world);
    assert_int_equal(jobs_world_executions(&world, JOBS_MACHINE), 1);
    jobs_world_close(&world);
}

static size_t jobs_there(struct jobs_world *world)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *list = NULL;
    const struct job_query query = { .state = -1, .count_max = 100 };
    sr_assert_ok(jobs_list(world->jobs, &query, &list, &err), err);
    return json_array_size(json_object_get(list, "jobs"));
}

static void several_or_none(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    sr_auto(char) char *one = jobs_world_manifest(&world, "a", ",\"idempotency_key\":\"k\"");
    sr_auto(char) char *two = jobs_world_manifest(&world, "b", "");
    sr_auto(char) char *clash = jobs_world_manifest(&world, "c", ",\"idempotency_key\":\"k\"");
    static const char away[] =
        "{\"version\":1,\"input\":\"/etc/passwd\",\"output\":\"/tmp/o.mp4\"}";
    struct job_submit items[] = {
        { .manifest = one, .bytes = strlen(one) },
        { .manifest = two, .bytes = strlen(two) },
        { .manifest = away, .bytes = strlen(away), .place = "$.jobs[2]" },
    };
    assert_false(jobs_world_submit(&world, items, 3));
    assert_int_equal(world.err.code, SR_ERR_DENIED);
    sr_assert_contains(world.err.message, "$.jobs[2].input: ");
    items[2] = (struct job_submit){ .manifest = clash, .bytes = strlen(clash) };
    assert_false(jobs_world_submit(&world, items, 3));  // its key is the first one's
    assert_int_equal(world.err.code, SR_ERR_CONFLICT);
    assert_int_equal(jobs_there(&world), 0);
    assert_true(jobs_world_submit(&world, items, 2));
    assert_int_equal(world.count, 2);
    jobs_world_finish(&world);
    assert_job(&world, world.ids[0], "state", "SUCCEEDED");
    assert_job(&world, world.ids[1], "state", "SUCCEEDED");
    jobs_world_close(&world);
}

static const struct bad {
    const char *name, *manifest;
    enum sr_err_code code;
    const char *says;
} bads[] = {
    { "no JSON", "{", SR_ERR_INVALID, "" },
    { "no object", "[]", SR_ERR_INVALID, "" },
    { "an unknown member", "{\"version\":1,\"inputs\":\"/a\",\"output\":\"/b\"}", SR_ERR_INVALID,
      "input" },
    { "a relative path", "{\"version\":1,\"input\":\"a.mov\",\"output\":\"/b.mp4\"}",
      SR_ERR_INVALID, "$.input: want an absolute path" },
    { "standard output", "{\"version\":1,\"input\":\"ROOT/a.mov\",\"output\":\"-\"}",
      SR_ERR_INVALID, "$.output: " },
    { "another folder", "{\"version\":1,\"input\":{\"url\":\"/etc/a.mov\"},\"output\":\"/b.mp4\"}",
      SR_ERR_DENIED, "$.input.url: " },
    { "an address", "{\"version\":1,\"input\":\"s3://b/a.mov\",\"output\":\"/b.mp4\"}",
      SR_ERR_DENIED, "$.input: s3://b/a.mov" },
};

static void refused(void **state)
{
    const struct bad *const bad = *state;
    static struct jobs_world world;
    char text[512];
    jobs_world_open(&world);
    const char *const root = strstr(bad->manifest, "ROOT");
    if (root)
        snprintf(text, sizeof text, "%.*s%s%s", (int)(root - bad->manifest), bad->manifest,
                 world.root, root + 4);
    const struct job_submit item = { .manifest = root ? text : bad->manifest,
                                     .bytes = strlen(root ? text : bad->manifest) };
    assert_false(jobs_world_submit(&world, &item, 1));
    assert_int_equal(world.err.code, bad->code);
    sr_assert_contains(world.err.message, bad->says);
    assert_int_equal(jobs_there(&world), 0);
    jobs_world_close(&world);
}

// With a name of so many bytes in it.
static char *manifest_with(const struct jobs_world *world, size_t bytes)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *more =
        sr_strf(&err, ",\"segments\":{\"target\":1e1},\"metadata\":{\"%0*d\":\"\"}", (int)bytes, 0);
    assert_non_null(more);
    return jobs_world_manifest(world, "a", more);
}

// 1e1 is kept as 10.0. Found out later it would fail all that are recorded together with it.
static void too_long_as_it_is_kept(void **state)
{
    (void)state;
    static struct jobs_world world;
    struct sr_err err = { 0 };
    jobs_world_open(&world);
    sr_auto(char) char *shortest = manifest_with(&world, 1);
    const size_t more = MANIFEST_BYTES_MAX - strlen(shortest);
    sr_auto(char) char *fits = manifest_with(&world, more);
    sr_auto(char) char *grows = manifest_with(&world, more + 1);
    struct job_submit item = { .manifest = grows, .bytes = strlen(grows) };
    assert_int_equal(item.bytes, MANIFEST_BYTES_MAX);
    assert_false(jobs_submit(world.jobs, &item, 1, NULL, NULL, &err));
    assert_int_equal(err.code, SR_ERR_TOO_LARGE);
    item = (struct job_submit){ .manifest = fits, .bytes = strlen(fits) };
    sr_assert_ok(jobs_world_submit(&world, &item, 1), world.err);
    assert_int_equal(jobs_there(&world), 1);
    jobs_world_close(&world);
}

static void fails_and_is_tried_again(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    world.fails = "probe";
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    assert_false(jobs_world_ask(&world, jobs_retry, id));
    assert_int_equal(world.err.code, SR_ERR_CONFLICT);
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "FAILED");
    assert_job(&world, id, "error", "Splitreel.BadInput");
    assert_job(&world, id, "cause", "because");
    world.fails = NULL;
    assert_true(jobs_world_ask(&world, jobs_retry, id));
    assert_job(&world, id, "attempt", "2");
    assert_job(&world, id, "error", "");
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "SUCCEEDED");
    assert_int_equal(jobs_world_executions(&world, JOBS_MACHINE), 2);
    assert_false(jobs_world_ask(&world, jobs_retry, id));
    assert_false(jobs_world_ask(&world, jobs_cancel, id));
    assert_int_equal(world.err.code, SR_ERR_CONFLICT);
    assert_false(jobs_world_ask(&world, jobs_cancel, "01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    assert_int_equal(world.err.code, SR_ERR_NOT_FOUND);
    jobs_world_close(&world);
}

// Wherever it is cut off, after the next start the job ends, done once.
static void cut_off_at_every_moment(void **state)
{
    (void)state;
    static struct jobs_world world;
    for (unsigned moves = 0; moves < 46; moves += 4) {
        jobs_world_open(&world);
        jobs_world_add(&world, "a");
        for (unsigned i = 0; i < moves; i++)
            (void)jobs_world_move(&world, i);
        jobs_world_reopen(&world);
        jobs_world_finish(&world);
        assert_job(&world, world.ids[0], "state", "SUCCEEDED");
        assert_job(&world, world.ids[0], "attempt", "1");
        assert_int_equal(jobs_world_executions(&world, JOBS_MACHINE), 1);
        assert_int_equal(world.done_count, 6);  // each activity once
        jobs_world_close(&world);
    }
}

// The engine's store is another: what was made is in the workspace, and the job goes on.
static void the_engine_has_forgotten(void **state)
{
    (void)state;
    static struct jobs_world world;
    char name[128];
    jobs_world_open(&world);
    jobs_world_add(&world, "a");
    jobs_world_settle(&world);
    jobs_world_drop(&world);
    world_close_engine(&world.states);
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < SR_TEST_COUNT(ends); i++) {
        snprintf(name, sizeof name, "%s%s", world.states.path, ends[i]);
        (void)unlink(name);
    }
    world_open_engine(&world.states);
    jobs_world_open_jobs(&world);
    jobs_world_finish(&world);
    assert_job(&world, world.ids[0], "state", "SUCCEEDED");
    jobs_world_close(&world);
}

// The definition is brought up to date; what runs keeps its own.
static void another_definition(void **state)
{
    (void)state;
    static struct jobs_world world;
    sr_auto(char) char *ours = NULL;
    jobs_world_open(&world);
    world_do(&world.states, "CreateStateMachine",
             json_pack("{ss,ss,ss}", "name", JOBS_MACHINE, "definition", WORLD_PASS, "roleArn",
                       WORLD_ROLE));
    jobs_world_settle(&world);
    world_do(&world.states, "DescribeStateMachine",
             json_pack("{ss}", "stateMachineArn", WORLD_ARN ":stateMachine:" JOBS_MACHINE));
    ours = strdup(world_get(&world.states, "definition"));
    assert_string_not_equal(ours, WORLD_PASS);
    assert_string_equal(world_get(&world.states, "roleArn"), WORLD_ROLE);
    sr_auto(char) char *revision = strdup(world_get(&world.states, "revisionId"));
    jobs_world_reopen(&world);
    jobs_world_settle(&world);
    world_do(&world.states, "DescribeStateMachine",
             json_pack("{ss}", "stateMachineArn", WORLD_ARN ":stateMachine:" JOBS_MACHINE));
    assert_string_equal(world_get(&world.states, "definition"), ours);
    assert_string_equal(world_get(&world.states, "revisionId"), revision);  // nothing was new
    jobs_world_close(&world);
}

// Who has removed the machine gets it again with the next job.
static void the_machine_is_removed(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    jobs_world_settle(&world);
    world_do(&world.states, "DeleteStateMachine",
             json_pack("{ss}", "stateMachineArn", WORLD_ARN ":stateMachine:" JOBS_MACHINE));
    jobs_world_add(&world, "a");
    jobs_world_settle(&world);
    jobs_world_pass(&world, 2 * SECOND_US);
    jobs_world_finish(&world);
    assert_job(&world, world.ids[0], "state", "SUCCEEDED");
    jobs_world_close(&world);
}

struct report {
    char text[64];
    enum sr_err_code code;
    unsigned count;
};
static void on_report(void *self, const char *text, size_t bytes, const struct sr_err *why)
{
    struct report *const report = self;
    report->count++;
    report->code = text ? SR_OK : why->code;
    snprintf(report->text, sizeof report->text, "%.*s", (int)bytes, text ? text : "");
}

static void kept_for_a_while(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    world.fails = "verify";
    world.error = "Splitreel.Verify";
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    jobs_world_finish(&world);
    jobs_world_pass(&world, 7 * DAY_US);
    assert_true(is_there(&world, id, "manifest.json"));
    jobs_world_pass(&world, 3600 * (int64_t)SECOND_US);
    assert_false(is_there(&world, id, ""));
    struct sr_err err = { 0 };
    struct report report = { 0 };
    sr_assert_ok(jobs_report(world.jobs, id, on_report, &report, &err), err);
    jobs_world_step(&world);
    assert_int_equal(report.code, SR_ERR_NOT_FOUND);
    assert_false(is_there(&world, id, ""));  // not even for that
    world.fails = NULL;
    assert_true(jobs_world_ask(&world, jobs_retry, id));
    jobs_world_finish(&world);
    assert_job(&world, id, "state", "SUCCEEDED");
    jobs_world_close(&world);
}

static void reports(void **state)
{
    (void)state;
    static struct jobs_world world;
    struct sr_err err = { 0 };
    struct report report = { 0 };
    char path[256];
    jobs_world_open(&world);
    world.fails = "verify";
    world.error = "Splitreel.Verify";
    jobs_world_add(&world, "a");
    const char *const id = world.ids[0];
    sr_assert_fails(jobs_report(world.jobs, id, on_report, &report, &err), SR_ERR_NOT_FOUND, err);
    jobs_world_finish(&world);
    sr_assert_ok(jobs_report(world.jobs, id, on_report, &report, &err), err);
    jobs_world_step(&world);
    assert_int_equal(report.count, 1);
    assert_int_equal(report.code, SR_ERR_NOT_FOUND);
    snprintf(path, sizeof path, "%s/%s/report.json", world.workspace, id);
    sr_assert_ok(sr_file_store(path, "{\"verdict\":\"FAIL\"}", 18, &err), err);
    sr_assert_ok(jobs_report(world.jobs, id, on_report, &report, &err), err);
    jobs_world_step(&world);
    assert_string_equal(report.text, "{\"verdict\":\"FAIL\"}");
    // One that is asked for when the service stops is answered, too.
    sr_assert_ok(jobs_report(world.jobs, id, on_report, &report, &err), err);
    jobs_stop(world.jobs);
    assert_int_equal(report.count, 3);
    assert_int_equal(report.code, SR_ERR_BUSY);
    jobs_world_close(&world);
}

static void lists(void **state)
{
    (void)state;
    static struct jobs_world world;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *first = NULL, *second = NULL, *some = NULL;
    jobs_world_open(&world);
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        jobs_world_add(&world, name);
        sr_clock_fake_advance(&world.states.clock, SECOND_US);
    }
    assert_true(jobs_world_ask(&world, jobs_cancel, world.ids[0]));
    struct job_query query = { .state = -1, .count_max = 2 };
    sr_assert_ok(jobs_list(world.jobs, &query, &first, &err), err);
    const json_t *const jobs = json_object_get(first, "jobs");
    assert_int_equal(json_array_size(jobs), 2);
    const char *const newest = json_string_value(json_object_get(json_array_get(jobs, 0), "id"));
    assert_string_equal(newest, world.ids[0]);
    query.before = json_string_value(json_object_get(first, "next_page"));
    assert_non_null(query.before);
    sr_assert_ok(jobs_list(world.jobs, &query, &second, &err), err);
    assert_int_equal(json_array_size(json_object_get(second, "jobs")), 1);
    assert_null(json_object_get(second, "next_page"));
    query = (struct job_query){ .state = JOB_ROW_CANCELLING, .count_max = 9 };
    sr_assert_ok(jobs_list(world.jobs, &query, &some, &err), err);
    assert_int_equal(json_array_size(json_object_get(some, "jobs")), 1);
    json_decref(some);
    query =
        (struct job_query){ .state = -1, .correlation = newest, .from = newest, .count_max = 9 };
    sr_assert_ok(jobs_list(world.jobs, &query, &some, &err), err);
    assert_int_equal(json_array_size(json_object_get(some, "jobs")), 1);
    jobs_world_close(&world);
}

static int64_t metric(const struct sr_str *text, const char *line)
{
    const char *const at = strstr(sr_str_text(text), line);
    if (!at)
        fail_msg("no %s in %s", line, sr_str_text(text));
    return at ? strtoll(at + strlen(line), NULL, 10) : -1;
}

static void numbers(void **state)
{
    (void)state;
    static struct jobs_world world;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str none = { 0 }, some = { 0 };
    jobs_world_open(&world);
    sr_assert_ok(jobs_metrics(world.jobs, &none, &err), err);
    assert_int_equal(metric(&none, "splitreel_jobs{state=\"QUEUED\"} "), 0);
    jobs_world_add(&world, "a");
    jobs_world_finish(&world);
    world.fails = "probe";
    jobs_world_add(&world, "b");
    jobs_world_finish(&world);
    world.fails = NULL;
    world.waits = "probe";
    jobs_world_add(&world, "c");
    jobs_world_finish(&world);
    jobs_world_add(&world, "d");
    sr_assert_ok(jobs_metrics(world.jobs, &some, &err), err);
    assert_int_equal(metric(&some, "splitreel_jobs{state=\"QUEUED\"} "), 1);
    assert_int_equal(metric(&some, "splitreel_jobs{state=\"RUNNING\"} "), 1);
    assert_int_equal(metric(&some, "splitreel_jobs{state=\"SUCCEEDED\"} "), 1);
    assert_int_equal(metric(&some, "splitreel_jobs{state=\"FAILED\"} "), 1);
    assert_int_equal(metric(&some, "splitreel_jobs{state=\"CANCELLED\"} "), 0);
    assert_int_equal(metric(&some, "splitreel_segments{state=\"WAITING\"} "), 0);  // not planned
    jobs_world_close(&world);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(bads) + 30];
    const struct CMUnitTest singles[] = {
        cmocka_unit_test(from_submission_to_end),
        cmocka_unit_test(one_job_for_a_key),
        cmocka_unit_test(several_or_none),
        cmocka_unit_test(too_long_as_it_is_kept),
        cmocka_unit_test(fails_and_is_tried_again),
        cmocka_unit_test(cut_off_at_every_moment),
        cmocka_unit_test(the_engine_has_forgotten),
        cmocka_unit_test(another_definition),
        cmocka_unit_test(the_machine_is_removed),
        cmocka_unit_test(kept_for_a_while),
        cmocka_unit_test(reports),
        cmocka_unit_test(lists),
        cmocka_unit_test(numbers),
    };
    size_t count = SR_TEST_ADD(tests, bads, refused);
    for (size_t i = 0; i < SR_TEST_COUNT(singles); i++)
        tests[count++] = singles[i];
    return sr_test_run(__FILE__, tests, count);
}
