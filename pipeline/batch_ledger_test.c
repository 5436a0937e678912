// What a batch's report remembers, and what it makes of a file that a crash or somebody else has
// left.
#include "pipeline/batch_ledger.h"

#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    sr_test_folder(folder);
    (void)snprintf(path, sizeof(path), "%s/batch.jsonl", folder);
    return 0;
}
static int remove_folder(void **state)
{
    (void)state;
    sr_test_folder_done(folder);
    return 0;
}

static struct batch_item file = { .source = "in/a.mov", .bytes = 1000, .modified_us = 5 };
static struct batch_item object = { .source = "s3://b/a.mov", .bytes = 1000, .etag = "\"x\"" };

static struct batch_ledger *open_it(void)
{
    struct sr_err err = { 0 };
    struct batch_ledger *ledger = NULL;
    sr_assert_ok(batch_ledger_open(path, &ledger, &err), err);
    return ledger;
}

static void add(struct batch_ledger *ledger, const struct batch_item *item, const char *output,
                const char *error)
{
    struct sr_err err = { 0 };
    const struct batch_record record = { .item = item,
                                         .output = output,
                                         .settings = "s1",
                                         .exit_status = error ? 3 : 0,
                                         .error = error,
                                         .elapsed_us = 2000000,
                                         .time = "2026-11-22T18:00:00.000Z" };
    sr_assert_ok(batch_ledger_add(ledger, &record, &err), err);
}

static void write_file(const char *text)
{
    struct sr_err err = { 0 };
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
}

static void remembers(void **state)
{
    (void)state;
    write_file("");
    struct batch_ledger *ledger = open_it();
    assert_false(batch_ledger_is_done(ledger, &file, "out/a.mp4", "s1"));
    assert_true(batch_ledger_seconds_per_byte(ledger) == 0);
    add(ledger, &file, "out/a.mp4", NULL);
    add(ledger, &object, "out/o.mp4", NULL);
    add(ledger, &object, "out/f.mp4", "in\"valid\n");
    for (int again = 0; again < 2; again++) {
        struct batch_item other = file, newer = object;
        assert_true(batch_ledger_is_done(ledger, &file, "out/a.mp4", "s1"));
        assert_true(batch_ledger_is_done(ledger, &object, "out/o.mp4", "s1"));
        assert_false(batch_ledger_is_done(ledger, &file, "out/a.mp4", "s2"));
        assert_false(batch_ledger_is_done(ledger, &object, "out/a.mp4", "s1"));
        assert_false(batch_ledger_is_done(ledger, &object, "out/f.mp4", "s1"));
        assert_true(batch_ledger_has_made(ledger, "out/a.mp4"));
        assert_false(batch_ledger_has_made(ledger, "out/f.mp4"));
        other.modified_us++;
        assert_false(batch_ledger_is_done(ledger, &other, "out/a.mp4", "s1"));
        newer.modified_us++;  // of an object the ETag says it
        assert_true(batch_ledger_is_done(ledger, &newer, "out/o.mp4", "s1"));
        newer.etag[1] = 'y';
        assert_false(batch_ledger_is_done(ledger, &newer, "out/o.mp4", "s1"));
        assert_true(batch_ledger_seconds_per_byte(ledger) == 4.0 / 2000);
        batch_ledger_free(ledger);
        ledger = open_it();
    }
    add(ledger, &file, "out/a.mp4", "it broke");  // the last word counts
    assert_false(batch_ledger_is_done(ledger, &file, "out/a.mp4", "s1"));
    batch_ledger_free(ledger);
}

// What signs a URL is not kept, and may be another one the next day.
static void a_signed_url(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct batch_item signed_item = { .source = "https://h/a.mov?X-Amz-Signature=one",
                                      .bytes = 7,
                                      .etag = "\"x\"" };
    write_file("");
    struct batch_ledger *ledger = open_it();
    add(ledger, &signed_item, "out/a.mp4", NULL);
    batch_ledger_free(ledger);
    char text[1024];
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_assert_ok(sr_file_reader_open(path, &reader, &err), err);
    const size_t bytes = (size_t)sr_reader_size(&reader);
    assert_true(bytes < sizeof(text));
    sr_assert_ok(sr_read_exact(&reader, 0, text, bytes, &err), err);
    text[bytes] = '\0';
    sr_assert_contains(text, "\"https://h/a.mov\"");
    assert_null(strstr(text, "=one"));
    ledger = open_it();
    signed_item.source = "https://h/a.mov?X-Amz-Signature=two";
    assert_true(batch_ledger_is_done(ledger, &signed_item, "out/a.mp4", "s1"));
    signed_item.source = "https://h/b.mov?X-Amz-Signature=one";
    assert_false(batch_ledger_is_done(ledger, &signed_item, "out/a.mp4", "s1"));
    batch_ledger_free(ledger);
}

static void a_run_that_was_begun(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct batch_record begun = { .has_begun = true,
                                        .item = &file,
                                        .output = "out/a.mp4",
                                        .settings = "s1",
                                        .time = "2026-11-22T18:00:00.000Z" };
    write_file("");
    struct batch_ledger *ledger = open_it();
    sr_assert_ok(batch_ledger_add(ledger, &begun, &err), err);
    batch_ledger_free(ledger);
    ledger = open_it();
    assert_true(batch_ledger_has_made(ledger, "out/a.mp4"));
    assert_false(batch_ledger_is_done(ledger, &file, "out/a.mp4", "s1"));
    assert_true(batch_ledger_seconds_per_byte(ledger) == 0);
    add(ledger, &file, "out/a.mp4", "it broke");
    assert_false(batch_ledger_has_made(ledger, "out/a.mp4"));
    batch_ledger_free(ledger);
}

static void one_at_a_time(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct batch_ledger *other = NULL;
    write_file("");
    sr_auto(batch_ledger) struct batch_ledger *ledger = open_it();
    assert_non_null(ledger);
    sr_assert_fails(batch_ledger_open(path, &other, &err), SR_ERR_BUSY, err);
}

// Killed at any byte of its last line.
static void a_torn_end(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *whole = NULL;
    size_t bytes;
    write_file("");
    struct batch_ledger *ledger = open_it();
    add(ledger, &file, "out/a.mp4", NULL);
    add(ledger, &object, "out/o.mp4", NULL);
    batch_ledger_free(ledger);
    sr_assert_ok(sr_file_load(path, 1 << 20, &whole, &bytes, &err), err);
    const size_t first = (size_t)(strchr(whole, '\n') + 1 - whole);
    for (size_t cut = first; cut < bytes; cut++) {
        sr_assert_ok(sr_file_store(path, whole, cut, &err), err);
        ledger = open_it();
        assert_true(batch_ledger_is_done(ledger, &file, "out/a.mp4", "s1"));
        assert_false(batch_ledger_is_done(ledger, &object, "out/o.mp4", "s1"));
        add(ledger, &object, "out/o.mp4", NULL);
        batch_ledger_free(ledger);
        sr_auto(char) char *again = NULL;
        size_t again_bytes;
        sr_assert_ok(sr_file_load(path, 1 << 20, &again, &again_bytes, &err), err);
        assert_int_equal(again_bytes, bytes);
        assert_memory_equal(again, whole, bytes);
    }
}

// When an output was made last is known after it failed, too, and which job it was.
static void when_it_was_made(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const struct batch_item item = { .source = (char *)"a.mov",
                                     .path = (char *)"a.mov",
                                     .bytes = 1 };
    struct batch_record record = { .item = &item,
                                   .output = "a.mp4",
                                   .settings = "s",
                                   .job = "01M8",
                                   .time = "2026-11-23T01:02:03.000Z" };
    {
        sr_auto(batch_ledger) struct batch_ledger *ledger = NULL;
        write_file("");
        sr_assert_ok(batch_ledger_open(path, &ledger, &err), err);
        assert_string_equal(batch_ledger_made_time(ledger, "a.mp4"), "");
        sr_assert_ok(batch_ledger_add(ledger, &record, &err), err);
        record.error = "no";
        record.time = "2026-11-23T02:02:03.000Z";
        sr_assert_ok(batch_ledger_add(ledger, &record, &err), err);
    }
    sr_auto(batch_ledger) struct batch_ledger *ledger = NULL;
    sr_auto(char) char *text = NULL;
    size_t bytes;
    sr_assert_ok(batch_ledger_open(path, &ledger, &err), err);
    assert_string_equal(batch_ledger_made_time(ledger, "a.mp4"), "2026-11-23T01:02:03.000Z");
    assert_string_equal(batch_ledger_made_time(ledger, "b.mp4"), "");
    assert_true(batch_ledger_has_made(ledger, "a.mp4"));  // what is there is still ours
    assert_false(batch_ledger_is_done(ledger, &item, "a.mp4", "s"));
    sr_assert_ok(sr_file_load(path, 1 << 20, &text, &bytes, &err), err);
    sr_assert_contains(text, "\"job\":\"01M8\"");
}

static void files_of_others(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "my notes\n",
        "my notes",
        "{\"source\":\"a\"}\n",
        "[]\n",
        "{}\n",
        "{\"source\":1,\"output\":\"b\",\"status\":\"done\",\"version\":\"\",\"settings\":\"\"}\n",
    };
    for (size_t i = 0; i < SR_TEST_COUNT(bad); i++) {
        struct sr_err err = { 0 };
        struct batch_ledger *ledger = NULL;
        sr_auto(char) char *text = NULL;
        size_t bytes;
        write_file(bad[i]);
        sr_assert_fails(batch_ledger_open(path, &ledger, &err), SR_ERR_INVALID, err);
        sr_assert_contains(err.message, "line 1");
        sr_assert_ok(sr_file_load(path, 1 << 20, &text, &bytes, &err), err);
        assert_string_equal(text, bad[i]);  // nothing of it is cut off
    }
}

static void a_full_disk(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct batch_ledger *ledger = NULL;
    sr_assert_fails(batch_ledger_open("/dev/full/x", &ledger, &err), SR_ERR_STORAGE, err);
    sr_assert_fails(batch_ledger_open("/proc/none/x", &ledger, &err), SR_ERR_NOT_FOUND, err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers),        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(a_torn_end),       cmocka_unit_test(files_of_others),
        cmocka_unit_test(a_full_disk),      cmocka_unit_test(a_run_that_was_begun),
        cmocka_unit_test(when_it_was_made), cmocka_unit_test(a_signed_url),
    };
    return cmocka_run_group_tests_name("batch_ledger", tests, make_folder, remove_folder);
}
