// A child process that reads and writes objects: its parent does it, as far as the job names them.
// The program is its own child.
#include "pipeline/child.h"

#include "base/io.h"
#include "base/str.h"
#include "pipeline/child_self.h"
#include "pipeline/remote.h"
#include "storage/blob_dir.h"

// In the child ------------------------------------------------------------------------------------

// Reads an object and writes what it read to another, backwards in blocks.
static bool copy_object(const json_t *params, json_t **ret, struct sr_err *err)
{
    const struct remote_params with = { .stores = world.stores };
    const struct blob_place *from, *to;
    const struct blob_attrs attrs = { 0 };
    sr_auto(remote) struct remote *remote = NULL;
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    const struct jx at = jx_root(params);
    const char *from_url, *to_url;
    if (!jx_text(&at, "from", &from_url, err) || !jx_text(&at, "to", &to_url, err) ||
        !remote_new(&with, &remote, err) ||
        !remote_open(remote, from_url, BLOB_PLACE_READ, &from, err) ||
        !remote_open(remote, to_url, BLOB_PLACE_WRITE, &to, err) ||
        !remote_reader(remote, &from->blob, from->key, NULL, &reader, err) ||
        !remote_writer(remote, &to->blob, to->key, &attrs, &writer, err))
        return false;
    enum { BLOCK = 100000 };
    sr_auto(char) char *block = malloc(BLOCK);
    assert_non_null(block);
    const uint64_t size = sr_reader_size(&reader);
    for (uint64_t end = size; end > 0;) {
        const size_t bytes = end < BLOCK ? (size_t)end : BLOCK;
        end -= bytes;
        if (!sr_read_exact(&reader, end, block, bytes, err) ||
            !sr_write(&writer, block, bytes, err))
            return false;
    }
    if (!writer.ops->publish(writer.self, err))
        return false;
    *ret = json_integer((json_int_t)size);
    return jx_made(*ret, err);
}

static const struct child_self_task tasks[] = { { "copy", copy_object }, { 0 } };

// In the parent -----------------------------------------------------------------------------------

// s3://any/KEY is FOLDER/KEY.
static bool open_folder(void *self, const char *url, enum blob_place_use use,
                        struct blob_place *ret_place, struct sr_err *err)
{
    (void)use;
    const char *const slash = strchr(url + 5, '/');
    char *const key = sr_str_dup(slash + 1, err);
    assert_non_null(key);
    sr_assert_ok(blob_dir_open(self, &ret_place->blob, err), *err);
    ret_place->key = key;
    ret_place->own = true;
    return true;
}

// Of a job that names these two.
static json_t *copy_params(const char *folder, const char *from, const char *to)
{
    static const char manifest[] =
        "{\"version\": 1, \"input\": \"s3://b/one.mov\", \"output\": \"s3://c/two.mp4\"}";
    struct sr_err err = { 0 };
    sr_auto(char) char *path = sr_strf(&err, "%s/manifest.json", folder);
    sr_assert_ok(sr_file_store(path, manifest, strlen(manifest), &err), err);
    return json_pack("{s:s, s:s, s:{s:s, s:s}}", "from", from, "to", to, "job", "id", "j",
                     "workspace", folder);
}

static void reaches_only_what_its_job_names(void **state)
{
    (void)state;
    static const char *const pairs[][2] = { { "s3://b/two.mov", "s3://c/two.mp4" },
                                            { "s3://b/one.mov", "s3://c/three.mp4" },
                                            { "s3://b/one.mov", "s3://b/one.mov" } };
    struct sr_err err = { 0 };
    const char *error;
    char folder[64];
    sr_test_folder(folder);
    const struct blob_stores_params stores = { .open = open_folder, .open_self = folder };
    sr_auto(char) char *one = sr_strf(&err, "%s/one.mov", folder);
    sr_auto(char) char *two = sr_strf(&err, "%s/two.mov", folder);
    sr_assert_ok(sr_file_store(one, "a", 1, &err), err);
    sr_assert_ok(sr_file_store(two, "b", 1, &err), err);
    sr_auto(child) struct child *child = new_child(&stores);
    struct child_task task = task_of("copy");
    for (size_t i = 0; i < SR_TEST_COUNT(pairs); i++) {
        sr_auto(json) json_t *result = NULL,
                             *params = copy_params(folder, pairs[i][0], pairs[i][1]);
        task.params = params;
        sr_assert_fails(child_run(child, &task, &result, &error, &err), SR_ERR_DENIED, err);
        assert_string_equal(error, "Splitreel.Denied");
        sr_assert_contains(err.message, "the job does not name");
    }
    // One that has no job may reach nothing, also when a process is there that might.
    sr_auto(json) json_t *result = NULL,
                         *params = copy_params(folder, "s3://b/one.mov", "s3://c/two.mp4");
    assert_int_equal(json_object_del(params, "job"), 0);
    task.params = params;
    sr_assert_fails(child_run(child, &task, &result, &error, &err), SR_ERR_DENIED, err);
    sr_test_folder_done(folder);
}

static void reads_and_writes_stores_through_its_parent(void **state)
{
    (void)state;
    enum { BYTES = (20 << 20) + 12345 };  // an upload of three parts
    struct sr_err err = { 0 };
    const char *error;
    char folder[64];
    sr_test_folder(folder);
    const struct blob_stores_params stores = { .open = open_folder, .open_self = folder };
    sr_auto(json) json_t *result = NULL, *again = NULL,
                         *params = copy_params(folder, "s3://b/one.mov", "s3://c/two.mp4");
    sr_auto(char) char *data = malloc(BYTES);
    assert_non_null(data);
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (char)(i * 2654435761U >> 13);
    sr_auto(char) char *one = sr_strf(&err, "%s/one.mov", folder);
    sr_auto(char) char *two = sr_strf(&err, "%s/two.mp4", folder);
    sr_assert_ok(sr_file_store(one, data, BYTES, &err), err);
    sr_auto(child) struct child *child = new_child(&stores);
    struct child_task task = task_of("copy");
    task.params = params;
    sr_assert_ok(child_run(child, &task, &result, &error, &err), err);
    sr_auto(char) char *text = NULL;
    size_t bytes;
    sr_assert_ok(sr_file_load(two, BYTES + 1, &text, &bytes, &err), err);
    assert_int_equal(bytes, BYTES);
    for (size_t end = BYTES, at = 0; end > 0;) {
        const size_t block = end < 100000 ? end : 100000;
        end -= block;
        assert_memory_equal(text + at, data + end, block);
        at += block;
    }
    assert_int_equal(remove(one), 0);
    sr_assert_fails(child_run(child, &task, &again, &error, &err), SR_ERR_NOT_FOUND, err);
    assert_string_equal(error, "Splitreel.NotFound");
    assert_int_equal(child_stop(child), 0);
    sr_test_folder_done(folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reaches_only_what_its_job_names),
        cmocka_unit_test(reads_and_writes_stores_through_its_parent),
    };
    int status;
    if (child_self_was_child(argc, argv, tasks, &status))
        return status;
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
