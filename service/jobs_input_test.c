// What a job's execution is given, and what the lines of the log about it have.
#include "base/io.h"
#include "base/str.h"
#include "service/jobs_world.h"

static json_t *input_of(struct jobs_world *world, const char *machine, const char *id,
                        const char *suffix)
{
    char arn[256];
    snprintf(arn, sizeof arn, WORLD_ARN ":execution:%s:%s-1%s", machine, id, suffix);
    world_do(&world->states, "DescribeExecution", json_pack("{ss}", "executionArn", arn));
    json_t *const input =
        json_loads(json_string_value(json_object_get(world->states.body, "input")), 0, NULL);
    assert_non_null(input);
    return input;
}

// Spec: docs/worker.md "Whom a job trusts": parts are a job's own unless the configuration says.
static void whose_parts(void **state)
{
    (void)state;
    for (int shares = 0; shares < 2; shares++) {
        static struct jobs_world world;
        jobs_world_open(&world);
        world.config.share_parts = shares;
        jobs_world_add(&world, "a");
        jobs_world_settle(&world);
        sr_auto(json) json_t *input = input_of(&world, JOBS_MACHINE, world.ids[0], "");
        const json_t *const job = json_object_get(input, "job");
        assert_int_equal(json_is_true(json_object_get(job, "own_parts")), !shares);
        jobs_world_close(&world);
    }
}

// The execution says which manifest it is: what lies in the workspace may not be it any more.
static void the_manifest_that_it_was_given(void **state)
{
    (void)state;
    static struct jobs_world world;
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    char hex[SR_SHA256_HEX];
    size_t bytes;
    jobs_world_open(&world);
    jobs_world_add(&world, "a");
    jobs_world_settle(&world);
    sr_auto(json) json_t *input = input_of(&world, JOBS_MACHINE, world.ids[0], "");
    const json_t *const job = json_object_get(input, "job");
    sr_auto(char) char *text = NULL;
    sr_auto(char) char *path =
        sr_strf(&err, "%s/%s", json_string_value(json_object_get(job, "workspace")),
                json_string_value(json_object_get(job, "manifest")));
    sr_assert_ok(sr_file_load(path, JX_BYTES_MAX, &text, &bytes, &err), err);
    sr_assert_ok(sr_sha256(text, bytes, digest, &err), err);
    sr_hex(digest, sizeof digest, hex);
    assert_string_equal(json_string_value(json_object_get(job, "manifest_sha256")), hex);
    jobs_world_close(&world);
}

#define TRACE(last) "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b" last "-01"

// What a job is known by goes into its executions, from whoever says it: headers before the
// manifest; a header that is no trace is as good as none.
static void what_ties_it_together(void **state)
{
    (void)state;
    static struct jobs_world world;
    jobs_world_open(&world);
    sr_auto(char) char *manifest = jobs_world_manifest(
        &world, "a",
        ",\"priority\":90,\"correlation\":\"order-7\",\"traceparent\":\"" TRACE("1") "\"");
    static const struct {
        const char *correlation, *traceparent, *want_correlation, *want_traceparent;
    } rows[] = {
        { NULL, NULL, "order-7", TRACE("1") },
        { "order-8", TRACE("2"), "order-8", TRACE("2") },
        { NULL, "none", "order-7", TRACE("1") },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        const struct job_submit item = { .manifest = manifest,
                                         .bytes = strlen(manifest),
                                         .correlation = rows[i].correlation,
                                         .traceparent = rows[i].traceparent };
        sr_assert_ok(jobs_world_submit(&world, &item, 1), world.err);
        const char *const id = world.ids[0];
        jobs_world_settle(&world);
        assert_job(&world, id, "correlation", rows[i].want_correlation);
        sr_auto(json) json_t *input = input_of(&world, JOBS_MACHINE, id, "");
        const json_t *const job = json_object_get(input, "job");
        assert_string_equal(json_string_value(json_object_get(job, "correlation")),
                            rows[i].want_correlation);
        assert_string_equal(json_string_value(json_object_get(job, "traceparent")),
                            rows[i].want_traceparent);
        assert_int_equal(json_integer_value(json_object_get(job, "priority")), 90);
        assert_true(jobs_world_ask(&world, jobs_cancel, id));
        jobs_world_finish(&world);
        sr_auto(json) json_t *rest = input_of(&world, JOBS_CLEAN_MACHINE, id, "-clean");
        assert_true(json_equal(json_object_get(rest, "job"), job));
        const json_t *const failure = json_object_get(rest, "failure");
        assert_string_equal(json_string_value(json_object_get(failure, "Error")),
                            "Splitreel.Cancelled");
    }
    const struct job_submit odd = { .manifest = manifest,
                                    .bytes = strlen(manifest),
                                    .correlation = "a b" };
    assert_false(jobs_world_submit(&world, &odd, 1));
    assert_int_equal(world.err.code, SR_ERR_INVALID);
    jobs_world_close(&world);
}

// One search finds all of a job, by any of its names.
static void what_its_log_lines_have(void **state)
{
    (void)state;
    static struct jobs_world world;
    struct sr_err err = { 0 };
    struct sr_log log;
    char *text = NULL, line[1024];
    size_t bytes, count = 0;
    FILE *const file = open_memstream(&text, &bytes);
    assert_non_null(file);
    sr_assert_ok(sr_log_open(file, SR_LOG_DEBUG, sr_clock_system(), &log, &err), err);
    jobs_world_open(&world);
    world.log = &log;
    jobs_world_reopen(&world);
    sr_auto(char) char *manifest = jobs_world_manifest(&world, "a", "");
    const struct job_submit item = { .manifest = manifest,
                                     .bytes = strlen(manifest),
                                     .correlation = "c-1",
                                     .traceparent = TRACE("7") };
    world.fails = "probe";
    for (int i = 0; i < 2; i++) {
        sr_assert_ok(jobs_world_submit(&world, &item, 1), world.err);
        jobs_world_finish(&world);
        world.fails = NULL;
    }
    jobs_world_close(&world);
    sr_log_close(&log);
    assert_int_equal(fclose(file), 0);
    FILE *const lines = fmemopen(text, bytes, "r");
    while (fgets(line, sizeof line, lines)) {
        sr_auto(json) json_t *json = json_loads(line, 0, NULL);
        if (!json_object_get(json, "job"))
            continue;
        count++;
        assert_string_equal(json_string_value(json_object_get(json, "correlation")), "c-1");
        assert_string_equal(json_string_value(json_object_get(json, "trace_id")),
                            "4bf92f3577b34da6a3ce929d0e0e4736");
    }
    assert_int_equal(count, 4);  // both start and end
    assert_int_equal(fclose(lines), 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whose_parts),
        cmocka_unit_test(the_manifest_that_it_was_given),
        cmocka_unit_test(what_ties_it_together),
        cmocka_unit_test(what_its_log_lines_have),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
