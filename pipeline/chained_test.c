#include "pipeline/chained.h"

#include <inttypes.h>

#include "base/test.h"

static const char *const files[] = { "abc", "", "d", "efghij" };
enum { FILES = SR_TEST_COUNT(files) };

struct source {
    size_t opened, closed;
    size_t shorter;  // this file is by one byte
    size_t absent;   // there is no such file
};

static bool open_file(void *self, size_t index, struct sr_reader *ret_reader, struct sr_err *err)
{
    struct source *const source = self;
    assert_true(index < FILES);
    source->opened++;
    if (index == source->absent)
        return sr_fail(err, SR_ERR_NOT_FOUND, "no file %zu", index);
    return sr_memory_reader_open(files[index], strlen(files[index]) - (index == source->shorter),
                                 ret_reader, err);
}

static void close_source(void *self)
{
    struct source *const source = self;
    source->closed++;
}

static struct sr_reader open_chain(struct source *source)
{
    struct sr_err err = { 0 };
    struct sr_reader reader = { 0 };
    const uint64_t bytes[FILES] = { 3, 0, 1, 6 };
    const struct chained_params params = {
        .bytes = bytes, .count = FILES, .open = open_file, .close = close_source, .self = source
    };
    *source = (struct source){ .shorter = FILES, .absent = FILES };
    sr_assert_ok(chained_open(&params, &reader, &err), err);
    return reader;
}

static void every_range(void **state)
{
    (void)state;
    static const char whole[] = "abcdefghij";
    struct source source;
    struct sr_err err = { 0 };
    char text[16];
    size_t bytes;
    sr_auto(sr_reader) struct sr_reader reader = open_chain(&source);
    assert_int_equal(sr_reader_size(&reader), 10);
    for (uint64_t from = 0; from < 10; from++) {
        for (size_t count = 1; from + count <= 10; count++) {
            sr_assert_ok(sr_read_exact(&reader, from, text, count, &err), err);
            assert_memory_equal(text, whole + from, count);
        }
    }
    sr_assert_ok(sr_read_at(&reader, 10, text, 1, &bytes, &err), err);
    assert_int_equal(bytes, 0);
    sr_assert_ok(sr_read_at(&reader, UINT64_MAX, text, 1, &bytes, &err), err);
    assert_int_equal(bytes, 0);
}

static void a_file_is_opened_once_while_it_is_read(void **state)
{
    (void)state;
    struct source source;
    struct sr_err err = { 0 };
    char text[16];
    struct sr_reader reader = open_chain(&source);
    assert_int_equal(source.opened, 0);
    for (uint64_t from = 0; from < 10; from++)
        sr_assert_ok(sr_read_exact(&reader, from, text, 1, &err), err);
    assert_int_equal(source.opened, 3);  // the empty one is not
    sr_reader_close(&reader);
    assert_int_equal(source.closed, 1);
}

static void a_file_that_turned_bad(void **state)
{
    (void)state;
    struct source source;
    struct sr_err err = { 0 };
    char text[16];
    sr_auto(sr_reader) struct sr_reader reader = open_chain(&source);
    source.shorter = 3;
    sr_assert_ok(sr_read_exact(&reader, 0, text, 4, &err), err);
    sr_assert_fails(sr_read_exact(&reader, 4, text, 1, &err), SR_ERR_CONFLICT, err);
    sr_assert_contains(err.message, "file 4 of 4 was changed");
    source.absent = 2;
    sr_assert_fails(sr_read_exact(&reader, 3, text, 1, &err), SR_ERR_NOT_FOUND, err);
    source = (struct source){ .shorter = FILES, .absent = FILES };  // and is good again
    sr_assert_ok(sr_read_exact(&reader, 0, text, 10, &err), err);
}

static void more_than_there_are_numbers(void **state)
{
    (void)state;
    struct source source = { 0 };
    struct sr_err err = { 0 };
    struct sr_reader reader = { 0 };
    const uint64_t bytes[] = { UINT64_MAX, 1 };
    const struct chained_params params = {
        .bytes = bytes, .count = 2, .open = open_file, .close = close_source, .self = &source
    };
    sr_assert_fails(chained_open(&params, &reader, &err), SR_ERR_TOO_LARGE, err);
    assert_null(reader.ops);
    assert_int_equal(source.closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_range),
        cmocka_unit_test(a_file_is_opened_once_while_it_is_read),
        cmocka_unit_test(a_file_that_turned_bad),
        cmocka_unit_test(more_than_there_are_numbers),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
