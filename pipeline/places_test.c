#include "base/test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "pipeline/places.h"

static void parents(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const char *const cases[][2] = {
        { "x.mp4", "." }, { "a/x.mp4", "a" }, { "/x.mp4", "/" }, { "a/b/", "a" },
        { "a//b", "a" },  { "-x", "." },      { "//x", "/" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(char) char *parent = places_parent(cases[i][0], &err);
        assert_non_null(parent);
        assert_string_equal(parent, cases[i][1]);
    }
}

static void a_rename_takes_nobodys_name(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char folder[64], from[96], to[96];
    sr_test_folder(folder);
    (void)snprintf(from, sizeof(from), "%s/from", folder);
    (void)snprintf(to, sizeof(to), "%s/to", folder);
    sr_assert_ok(sr_file_store(from, "new", 3, &err), err);
    sr_assert_ok(sr_file_store(to, "old", 3, &err), err);
    sr_assert_fails(places_rename(from, to, false, &err), SR_ERR_EXISTS, err);
    sr_auto(char) char *kept = NULL;
    size_t bytes;
    sr_assert_ok(sr_file_load(to, 100, &kept, &bytes, &err), err);
    assert_string_equal(kept, "old");
    sr_assert_ok(places_rename(from, to, true, &err), err);
    assert_int_not_equal(access(from, F_OK), 0);
    sr_assert_fails(places_rename(from, to, true, &err), SR_ERR_NOT_FOUND, err);
    assert_int_equal(unlink(to), 0);
    sr_assert_ok(sr_file_store(from, "new", 3, &err), err);
    sr_assert_ok(places_rename(from, to, false, &err), err);
    assert_int_equal(access(to, F_OK), 0);
    sr_test_folder_done(folder);
}

static void a_tree_goes_and_what_it_links_to_stays(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char folder[64], tree[96], inner[128], precious[96], link_path[128];
    sr_test_folder(folder);
    (void)snprintf(tree, sizeof(tree), "%s/tree", folder);
    (void)snprintf(inner, sizeof(inner), "%s/a/b", tree);
    (void)snprintf(precious, sizeof(precious), "%s/precious", folder);
    (void)snprintf(link_path, sizeof(link_path), "%s/link", tree);
    sr_assert_ok(places_remove_tree(tree, &err), err);  // not there
    sr_assert_ok(sr_make_folders(inner, &err), err);
    sr_assert_ok(sr_make_folders(precious, &err), err);
    assert_int_equal(symlink(precious, link_path), 0);
    sr_assert_ok(places_remove_tree(tree, &err), err);
    assert_int_not_equal(access(tree, F_OK), 0);
    assert_int_equal(access(precious, F_OK), 0);
    sr_test_folder_done(folder);
}

static void times_of_different_bases_compare(void **state)
{
    (void)state;
    const struct media_rational ntsc = { 1001, 30000 }, ms = { 1, 1000 }, us = { 1, 1000000 };
    assert_int_equal(job_compare_times(1000, ms, 1000000, us), 0);
    assert_true(job_compare_times(999, ms, 1000000, us) < 0);
    assert_true(job_compare_times(30000, ntsc, 1001001, ms) < 0);
    assert_int_equal(job_compare_times(30000, ntsc, 1001000, ms), 0);
    assert_true(job_compare_times(INT64_MAX, ms, INT64_MAX, us) > 0);  // products beyond 64 bits
    assert_true(job_compare_times(INT64_MIN, ms, INT64_MAX, us) < 0);
}

static void output_time_is_rounded_down(void **state)
{
    (void)state;
    struct job *const job = calloc(1, sizeof(*job));
    assert_non_null(job);
    job->zero_pts = 10;
    job->zero_base = (struct media_rational){ 1, 1000 };
    assert_int_equal(job_out_us(job, 10, (struct media_rational){ 1, 1000 }), 0);
    assert_int_equal(job_out_us(job, 1, (struct media_rational){ 1, 3 }), 323333);
    assert_int_equal(job_out_us(job, -1, (struct media_rational){ 1, 3 }), -343334);
    assert_int_equal(job_out_us(job, INT64_MAX, (struct media_rational){ 1, 1 }), INT64_MAX);
    assert_int_equal(job_out_us(job, INT64_MIN, (struct media_rational){ 1, 1 }), INT64_MIN);
    free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parents),
        cmocka_unit_test(a_rename_takes_nobodys_name),
        cmocka_unit_test(a_tree_goes_and_what_it_links_to_stays),
        cmocka_unit_test(times_of_different_bases_compare),
        cmocka_unit_test(output_time_is_rounded_down),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
