#include "service/map_places.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/test.h"

static const char *const places[] = { "/no/such/folder", "s3://whole",     "s3://work/jobs/",
                                      "s3://work/more",  "s3://slashed//", NULL };

static const struct row {
    const char *name, *bucket, *key;
    bool has;
} rows[] = {
    { "a whole bucket", "whole", "a/b", true },
    { "a whole bucket, no key", "whole", "", true },
    { "the beginning of a bucket's name", "who", "a", false },
    { "a longer bucket's name", "whole2", "a", false },
    { "below a prefix", "work", "jobs/1/segments.json", true },
    { "the prefix without its slash", "work", "jobs", false },
    { "a longer prefix", "work", "jobs2/x", false },
    { "beside a prefix", "work", "x", false },
    { "below one without a slash", "work", "more/x", true },
    { "one that goes on", "work", "more2", false },
    { "the place itself", "work", "more", false },
    { "an empty part of a key", "slashed", "/x", true },
    { "a bucket with a slash", "work/jobs", "x", false },
    { "a folder", "/no/such/folder", "x", false },
    { "nothing", "", "whole/x", false },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    assert_int_equal(map_places_has_object(places, row->bucket, row->key), row->has);
}

static const struct file_row {
    const char *name;
    const char *folder, *file;  // below the test's folder
    enum sr_err_code code;
} file_rows[] = {
    { "a file", "jobs/1", "segments.json", SR_OK },
    { "one that is not there yet", "jobs/1", "results/1-2/manifest.json", SR_OK },
    { "a folder that is not there yet", "jobs/2", "x", SR_OK },
    { "the place itself", "jobs", "x", SR_OK },
    { "a link to the place", "to-jobs/1", "segments.json", SR_OK },
    { "another folder", "other", "x", SR_ERR_DENIED },
    { "a longer name", "jobs2", "x", SR_ERR_DENIED },
    { "up", "jobs/1", "../../other/x", SR_ERR_DENIED },
    { "up in the folder", "jobs/../other", "x", SR_ERR_DENIED },
    { "up where nothing is", "jobs/no/../../other", "x", SR_ERR_DENIED },
    { "no file", "jobs/1", "", SR_ERR_DENIED },
    { "a link that leads out", "jobs/out", "x", SR_ERR_DENIED },
    { "a file's link that leads out", "jobs/1", "leads-out", SR_ERR_DENIED },
    { "a link that leads nowhere yet", "jobs/1", "leads-nowhere", SR_ERR_DENIED },
    { "a folder's that does", "jobs/nowhere", "x", SR_ERR_DENIED },
    { "a file as a folder", "jobs/1", "segments.json/x", SR_ERR_STORAGE },
};

static void make(const char *folder, const char *name)
{
    struct sr_err err = { 0 };
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *const slash = strrchr(path, '/');
    *slash = '\0';
    sr_assert_ok(sr_make_folders(path, &err), err);
    *slash = '/';
    sr_assert_ok(sr_file_store(path, "[]", 2, &err), err);
}

static void link_to(const char *folder, const char *to, const char *name)
{
    char from[256], target[256];
    snprintf(from, sizeof from, "%s/%s", folder, name);
    snprintf(target, sizeof target, "%s/%s", folder, to);
    assert_int_equal(symlink(target, from), 0);
}

static void each_file(void **state)
{
    const struct file_row *row = *state;
    struct sr_err err = { 0 };
    char folder[64], place[128], path[256];
    sr_test_folder(folder);
    make(folder, "jobs/1/segments.json");
    make(folder, "jobs2/x");
    make(folder, "other/x");
    link_to(folder, "jobs", "to-jobs");
    link_to(folder, "other", "jobs/out");
    link_to(folder, "other/x", "jobs/1/leads-out");
    link_to(folder, "other/new", "jobs/1/leads-nowhere");
    link_to(folder, "none", "jobs/nowhere");
    snprintf(place, sizeof place, "%s/to-jobs/", folder);
    const char *const allowed[] = { "s3://jobs", "/no/such/folder", place, NULL };
    snprintf(path, sizeof path, "%s/%s", folder, row->folder);
    const bool done = map_places_check_file(allowed, path, row->file, &err);
    assert_int_equal(done, row->code == SR_OK);
    assert_int_equal(err.code, row->code);
    const char *const none[] = { NULL };
    sr_assert_fails(map_places_check_file(none, path, "x", &err), SR_ERR_DENIED, err);
    sr_assert_fails(map_places_check_file(allowed, "jobs/1", "x", &err), SR_ERR_DENIED, err);
    sr_test_folder_done(folder);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(file_rows)];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    count += SR_TEST_ADD(tests + count, file_rows, each_file);
    return sr_test_run(__FILE__, tests, count);
}
