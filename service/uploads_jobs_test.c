// Rules that start jobs, and outputs of jobs, which start nothing.
#include "service/uploads_world.h"

#define JOB_RULE                                                                                   \
    "{\"event_pattern\":{\"source\":[\"aws.s3\"]},"                                                \
    "\"input_transformer\":{\"InputPathsMap\":{\"k\":\"$.detail.object.key\"}},"                   \
    "\"target\":{\"job\":{\"version\":1,\"input\":\"s3://in/<k>\",\"output\":\"s3://out/<k>\"}}}"

static void a_job(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, JOB_RULE);
    tell(&world, BODY("ceph:s3", "a.mp4", "01"), NEW);
    settle(&world);
    assert_int_equal(world.jobs.asked, 1);
    assert_string_equal(
        world.jobs.manifest,
        "{\"version\":1,\"input\":\"s3://in/a.mp4\",\"output\":\"s3://out/a.mp4\"}");
    char want[160];
    snprintf(want, sizeof want, "event:%s:mp4", world.jobs.correlation);
    assert_string_equal(world.jobs.key, want);
    tell(&world, BODY("ceph:s3", "a.mp4", "01"), KNOWN);
    settle(&world);
    assert_int_equal(world.jobs.asked, 1);
    assert_int_equal(counts(&world).starts, 1);
    assert_int_equal(counts(&world).waiting, 0);
    tell(&world, BODY_AT("ceph:s3", "a.mp4", "02", "10:19:01.456001Z"), NEW);
    settle(&world);
    assert_int_equal(world.jobs.asked, 2);
    assert_string_not_equal(world.jobs.key, want);
    world_end(&world);
}

static void a_key_of_the_rule(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, "{\"event_pattern\":{\"source\":[\"aws.s3\"]},\"target\":{\"job\":{"
                        "\"version\":1,\"input\":\"s3://in/a\",\"output\":\"s3://out/a.mp4\","
                        "\"idempotency_key\":\"mine\"}}}");
    tell(&world, BODY("ceph:s3", "a.mp4", "01"), NEW);
    settle(&world);
    assert_int_equal(world.jobs.asked, 1);
    assert_string_equal(world.jobs.key, "");
    sr_assert_contains(world.jobs.manifest, "\"mine\"");
    world_end(&world);
}

// What is refused: for good, or until it is taken, under the same key.
static const struct row {
    const char *name;
    enum sr_err_code refuses, answers;
    bool again;
} rows[] = {
    { "a place that is not allowed", SR_ERR_DENIED, SR_OK, false },
    { "a manifest of another kind", SR_ERR_UNSUPPORTED, SR_OK, false },
    { "too many wait", SR_ERR_BUSY, SR_OK, true },
    { "no memory", SR_ERR_NO_MEMORY, SR_OK, true },
    { "a store that is busy", SR_OK, SR_ERR_BUSY, true },
    { "an end of the service", SR_OK, SR_ERR_CANCELLED, true },
    { "a key of another job", SR_OK, SR_ERR_CONFLICT, false },
};

static void each_refusal(void **state)
{
    const struct row *row = *state;
    struct world world;
    char key[160];
    world_begin(&world, JOB_RULE);
    world.jobs.refuses = row->refuses;
    world.jobs.answers = row->answers;
    tell(&world, BODY("ceph:s3", "a.mp4", "01"), NEW);
    settle(&world);
    assert_int_equal(world.jobs.asked, 1);
    assert_int_equal(counts(&world).waiting, row->again);
    snprintf(key, sizeof key, "%s", world.jobs.key);
    world.jobs.refuses = world.jobs.answers = SR_OK;
    sr_clock_fake_advance(&world.states.clock, UPLOADS_RETRY_US);
    settle(&world);
    assert_int_equal(world.jobs.asked, row->again ? 2 : 1);
    assert_string_equal(world.jobs.key, key);
    assert_int_equal(counts(&world).waiting, 0);
    assert_int_equal(counts(&world).starts, row->again);
    world_end(&world);
}

static void nobody_takes_jobs(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    world_begin(&world, NULL);
    uploads_stop(world.uploads);
    uploads_free(sr_take(world.uploads));
    world.jobs.has_none = true;
    put_rule(&world, "mp4", JOB_RULE);
    sr_assert_fails(open_uploads(&world, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "rule mp4");
    put_rule(&world, "mp4", MP4_RULE);
    sr_assert_ok(open_uploads(&world, &err), err);
    world_end(&world);
}

static void outputs_of_jobs(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    world_begin(&world, JOB_RULE);
    sr_auto(json) json_t *file =
        json_pack("{ss,s{ss}}", "source", "aws.s3", "detail", "path", "/srv/in/out/film.mp4");
    sr_assert_ok(job_store_add_output(world.uploads->work.store, "s3://incoming/a.mp4", &err), err);
    sr_assert_ok(job_store_add_output(world.uploads->work.store, "s3://incoming/hls/*", &err), err);
    sr_assert_ok(job_store_add_output(world.uploads->work.store, "/srv/in/out/", &err), err);
    tell(&world, BODY("aws:s3", "a.mp4", "01"), IGNORED);
    tell(&world, BODY("aws:s3", "hls/720p/init.mp4", "01"), IGNORED);
    sr_assert_ok(uploads_tell(world.uploads, "a file", file, &err), err);
    settle(&world);
    assert_int_equal(world.jobs.asked, 0);
    assert_int_equal(counts(&world).events, 0);
    tell(&world, BODY("aws:s3", "b.mp4", "01"), NEW);
    settle(&world);
    assert_int_equal(world.jobs.asked, 1);
    world_end(&world);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 4];
    size_t count = SR_TEST_ADD(tests, rows, each_refusal);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_job);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_key_of_the_rule);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(nobody_takes_jobs);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(outputs_of_jobs);
    return sr_test_run(__FILE__, tests, count);
}
