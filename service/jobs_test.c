// A job from its submission to its end and after, and what is told of it.
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

// The worker of this world says of every report that it lies where no output of the job does.
static void another_file_is_no_report(void **state)
{
    (void)state;
    static struct jobs_world world;
    struct sr_err err = { 0 };
    struct report report = { 0 };
    jobs_world_open(&world);
    jobs_world_add(&world, "a");
    jobs_world_finish(&world);
    assert_job(&world, world.ids[0], "state", "SUCCEEDED");
    sr_assert_fails(jobs_report(world.jobs, world.ids[0], on_report, &report, &err), SR_ERR_DENIED,
                    err);
    assert_int_equal(report.count, 0);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_submission_to_end),
        cmocka_unit_test(fails_and_is_tried_again),
        cmocka_unit_test(kept_for_a_while),
        cmocka_unit_test(reports),
        cmocka_unit_test(another_file_is_no_report),
        cmocka_unit_test(lists),
        cmocka_unit_test(numbers),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
