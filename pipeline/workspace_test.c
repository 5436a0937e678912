#include "base/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "pipeline/source.h"
#include "pipeline/workspace.h"

static struct workspace *open_at(const char *folder, bool is_ours)
{
    struct sr_err err = { 0 };
    struct workspace *workspace = NULL;
    const struct workspace_params params = { .folder = folder, .is_ours = is_ours };
    sr_assert_ok(workspace_open(&params, &workspace, &err), err);
    return workspace;
}

static struct workspace_key key_of(int number)
{
    struct sr_err err = { 0 };
    struct workspace_key key;
    sr_auto(json) json_t *facts = json_pack("{s:i}", "segment", number);
    sr_assert_ok(workspace_key(facts, &key, &err), err);
    return key;
}

enum { INIT_BYTES = 16, DATA_BYTES = 64 };

// A part of one fragment with one sample; its file is INIT_BYTES + DATA_BYTES of a pattern.
static void put_result(struct workspace *workspace, const struct workspace_key *key)
{
    struct sr_err err = { 0 };
    uint8_t bytes[INIT_BYTES + DATA_BYTES], digest[SR_SHA256_BYTES];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7);
    struct track_sample sample = { .bytes = DATA_BYTES - 8, .is_key = true };
    struct track_fragment fragment = {
        .offset = INIT_BYTES, .bytes = DATA_BYTES, .data_offset = INIT_BYTES + 8, .sample_count = 1
    };
    struct track_part part = {
        .kind = MEDIA_VIDEO,
        .timescale = 25,
        .end_pts = 1,
        .frame_count = 1,
        .init_bytes = INIT_BYTES,
        .fragment_count = 1,
        .fragments = &fragment,
        .sample_count = 1,
        .samples = &sample,
        .account = { .packets = 1, .shown = 1 },
    };
    sr_assert_ok(sr_sha256(bytes, INIT_BYTES, digest, &err), err);
    sr_hex(digest, sizeof(digest), part.init_sha256);
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(workspace_write(workspace, key, &writer, &err), err);
    sr_assert_ok(sr_write(&writer, bytes, sizeof(bytes), &err), err);
    sr_assert_ok(writer.ops->publish(writer.self, &err), err);
    sr_assert_ok(workspace_store(workspace, key, &part, &err), err);
}

static bool has_result(struct workspace *workspace, const struct workspace_key *key)
{
    struct sr_err err = { 0 };
    bool found;
    sr_auto(track_part) struct track_part part = { 0 };
    sr_assert_ok(workspace_find(workspace, key, &part, &found, &err), err);
    if (found)
        assert_int_equal(part.frame_count, 1);
    return found;
}

static void path_of(char path[256], const char *folder, const struct workspace_key *key,
                    const char *suffix)
{
    assert_true(snprintf(path, 256, "%s/%s%s", folder, key->text, suffix) < 256);
}

static void a_result_is_found_again(void **state)
{
    (void)state;
    char folder[64];
    sr_test_folder(folder);
    struct workspace_key one = key_of(1), two = key_of(2);
    assert_string_not_equal(one.text, two.text);
    assert_int_equal(strlen(one.text), 64);
    struct workspace *workspace = open_at(folder, false);
    assert_false(has_result(workspace, &one));
    put_result(workspace, &one);
    assert_true(has_result(workspace, &one));
    assert_false(has_result(workspace, &two));
    workspace_free(workspace);
    workspace = open_at(folder, false);  // and by the next process
    assert_true(has_result(workspace, &one));
    workspace_free(workspace);
    sr_test_folder_done(folder);
}

enum damage {
    CUT_DATA,
    LONGER_DATA,
    OTHER_INIT,
    NO_DATA,
    CUT_DOCUMENT,
    OTHER_DOCUMENT,
    EMPTY_DOCUMENT
};

static const struct row {
    const char *name;
    enum damage damage;
} rows[] = {
    { "data cut by a byte", CUT_DATA },      { "data longer by a byte", LONGER_DATA },
    { "another init segment", OTHER_INIT },  { "no data", NO_DATA },
    { "half a document", CUT_DOCUMENT },     { "the document of another key", OTHER_DOCUMENT },
    { "an empty document", EMPTY_DOCUMENT },
};

static void damage_result(const char *folder, const struct workspace_key *key, enum damage damage)
{
    char data[256], document[256], other[256];
    struct stat status;
    path_of(data, folder, key, ".m4s");
    path_of(document, folder, key, ".json");
    const struct workspace_key two = key_of(2);
    path_of(other, folder, &two, ".json");
    switch (damage) {
    case CUT_DATA: assert_int_equal(truncate(data, INIT_BYTES + DATA_BYTES - 1), 0); break;
    case LONGER_DATA: assert_int_equal(truncate(data, INIT_BYTES + DATA_BYTES + 1), 0); break;
    case OTHER_INIT: {
        FILE *const file = fopen(data, "r+");
        assert_non_null(file);
        assert_int_equal(fputc('!', file), '!');
        assert_int_equal(fclose(file), 0);
        break;
    }
    case NO_DATA: assert_int_equal(unlink(data), 0); break;
    case CUT_DOCUMENT:
        assert_int_equal(stat(document, &status), 0);
        assert_int_equal(truncate(document, status.st_size / 2), 0);
        break;
    case OTHER_DOCUMENT: assert_int_equal(rename(other, document), 0); break;
    case EMPTY_DOCUMENT: assert_int_equal(truncate(document, 0), 0); break;
    }
}

static void a_damaged_result_is_absent(void **state)
{
    const struct row *row = *state;
    char folder[64], document[256];
    sr_test_folder(folder);
    const struct workspace_key one = key_of(1), two = key_of(2);
    struct workspace *workspace = open_at(folder, false);
    put_result(workspace, &one);
    put_result(workspace, &two);
    damage_result(folder, &one, row->damage);
    assert_false(has_result(workspace, &one));
    path_of(document, folder, &one, ".json");
    assert_int_not_equal(access(document, F_OK), 0);
    put_result(workspace, &one);  // made again in its place
    assert_true(has_result(workspace, &one));
    workspace_free(workspace);
    sr_test_folder_done(folder);
}

static void two_do_not_clash(void **state)
{
    (void)state;
    char folder[64], pid[32];
    struct sr_err err = { 0 };
    sr_test_folder(folder);
    struct workspace *workspace = open_at(folder, false);
    struct workspace *second = NULL;
    const struct workspace_params params = { .folder = folder };
    sr_assert_fails(workspace_open(&params, &second, &err), SR_ERR_BUSY, err);
    (void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    sr_assert_contains(err.message, pid);
    workspace_free(workspace);
    workspace_free(open_at(folder, false));
    sr_test_folder_done(folder);
}

static void the_lock_ends_with_its_process(void **state)
{
    (void)state;
    char folder[64];
    sr_test_folder(folder);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sr_err err = { 0 };
        struct workspace *workspace = NULL;
        const struct workspace_params params = { .folder = folder };
        _exit(workspace_open(&params, &workspace, &err) ? 0 : 1);  // without giving it back
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    workspace_free(open_at(folder, false));
    sr_test_folder_done(folder);
}

static void touch(const char *folder, const char *name)
{
    char path[256];
    assert_true(snprintf(path, sizeof(path), "%s/%s", folder, name) < 256);
    FILE *const file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static bool exists(const char *folder, const char *name)
{
    char path[256];
    assert_true(snprintf(path, sizeof(path), "%s/%s", folder, name) < 256);
    return access(path, F_OK) == 0;
}

static void opening_collects_what_crashes_left(void **state)
{
    (void)state;
    char folder[64], half[128], half_document[128];
    sr_test_folder(folder);
    const struct workspace_key one = key_of(1);
    (void)snprintf(half, sizeof(half), "%s.m4s.123-0.part", one.text);
    (void)snprintf(half_document, sizeof(half_document), "%s.json.123-0.part", one.text);
    touch(folder, half);
    touch(folder, half_document);
    touch(folder, "plan.json.9-0.part");
    touch(folder, "notes.txt.part");  // somebody else's
    touch(folder, "thesis.doc");
    workspace_free(open_at(folder, true));
    assert_false(exists(folder, half));
    assert_false(exists(folder, half_document));
    assert_false(exists(folder, "plan.json.9-0.part"));
    assert_true(exists(folder, "notes.txt.part"));
    assert_true(exists(folder, "thesis.doc"));
    sr_test_folder_done(folder);
}

// Where others are at work, only what nobody writes any more.
static void opening_a_shared_one_leaves_who_is_at_work(void **state)
{
    (void)state;
    char folder[64], half[128], live[128];
    struct sr_err err = { 0 };
    struct workspace *workspace = NULL, *another = NULL;
    const struct workspace_params params = { .folder = folder, .is_shared = true };
    sr_test_folder(folder);
    const struct workspace_key one = key_of(1);
    (void)snprintf(half, sizeof(half), "%s.m4s.123-0.part", one.text);
    (void)snprintf(live, sizeof(live), "%s.m4s.%ld-0.part", one.text, (long)getpid());
    touch(folder, half);
    touch(folder, "notes.txt.1-0.part");  // somebody else's
    sr_assert_ok(workspace_open(&params, &workspace, &err), err);
    assert_false(exists(folder, half));
    assert_true(exists(folder, "notes.txt.1-0.part"));
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(workspace_write(workspace, &one, &writer, &err), err);
    assert_true(exists(folder, live));
    sr_assert_ok(workspace_open(&params, &another, &err), err);
    workspace_free(another);
    assert_true(exists(folder, live));
    sr_assert_ok(writer.ops->publish(writer.self, &err), err);
    workspace_free(workspace);
    sr_test_folder_done(folder);
}

static void removal_takes_only_what_is_ours(void **state)
{
    (void)state;
    char folder[64], shared[128], own[128];
    struct sr_err err = { 0 };
    sr_test_folder(folder);
    (void)snprintf(shared, sizeof(shared), "%s/shared", folder);
    (void)snprintf(own, sizeof(own), "%s/own", folder);
    const struct workspace_key one = key_of(1), two = key_of(2);
    sr_auto(json) json_t *note = json_object();

    struct workspace *workspace = open_at(shared, false);
    put_result(workspace, &one);
    put_result(workspace, &two);
    sr_assert_ok(workspace_note(workspace, "plan.json", note, &err), err);
    workspace_remove(workspace, &one, 1);
    workspace_free(workspace);
    workspace = open_at(shared, false);
    assert_false(has_result(workspace, &one));
    assert_true(has_result(workspace, &two));
    assert_false(exists(shared, "plan.json"));
    workspace_free(workspace);

    workspace = open_at(own, true);
    put_result(workspace, &one);
    put_result(workspace, &two);
    workspace_remove(workspace, &one, 1);
    workspace_free(workspace);
    assert_int_not_equal(access(own, F_OK), 0);
    sr_test_folder_done(folder);
}

static void a_source_is_known_by_more_than_its_name(void **state)
{
    (void)state;
    char folder[64], path[128];
    struct sr_err err = { 0 };
    struct source_identity first, second;
    sr_test_folder(folder);
    (void)snprintf(path, sizeof(path), "%s/a", folder);
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_assert_fails(source_open(NULL, path, &reader, &first, &err), SR_ERR_NOT_FOUND, err);
    sr_assert_ok(sr_file_store(path, "", 0, &err), err);
    sr_assert_fails(source_open(NULL, path, &reader, &first, &err), SR_ERR_INPUT, err);
    sr_assert_ok(sr_file_store(path, "one", 3, &err), err);
    sr_assert_ok(source_open(NULL, path, &reader, &first, &err), err);
    sr_reader_close(&reader);
    sr_assert_ok(source_check(NULL, path, &first, &err), err);
    const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    sr_assert_fails(source_check(NULL, path, &first, &err), SR_ERR_INPUT, err);
    sr_assert_ok(sr_file_store(path, "two", 3, &err), err);
    sr_assert_ok(source_open(NULL, path, &reader, &second, &err), err);
    assert_int_equal(second.bytes, 3);
    assert_string_not_equal(first.head_sha256, second.head_sha256);
    sr_test_folder_done(folder);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 7];
    size_t count = SR_TEST_ADD(tests, rows, a_damaged_result_is_absent);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_result_is_found_again);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(two_do_not_clash);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(the_lock_ends_with_its_process);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(opening_collects_what_crashes_left);
    tests[count++] =
        (struct CMUnitTest)cmocka_unit_test(opening_a_shared_one_leaves_who_is_at_work);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(removal_takes_only_what_is_ours);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_source_is_known_by_more_than_its_name);
    return sr_test_run(__FILE__, tests, count);
}
