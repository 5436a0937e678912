// Which jobs are taken, under which key, and by what they are known.
#include "service/jobs.h"

#include "base/str.h"
#include "service/jobs_world.h"

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

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(bads) + 3];
    size_t count = SR_TEST_ADD(tests, bads, refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(one_job_for_a_key);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(several_or_none);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_long_as_it_is_kept);
    return sr_test_run(__FILE__, tests, count);
}
