#include "base/log.h"

#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"

// A log into memory, at a fixed time.
struct book {
    char *text;
    size_t bytes;
    FILE *file;
    struct sr_clock_fake clock;
    struct sr_log log;
};

static void open_book(struct book *book, enum sr_log_level level)
{
    struct sr_err err = { 0 };
    *book = (struct book){ 0 };
    book->file = open_memstream(&book->text, &book->bytes);
    assert_non_null(book->file);
    sr_clock_fake_init(&book->clock, 0);
    sr_assert_ok(sr_log_open(book->file, level, &book->clock.clock, &book->log, &err), err);
}

static void close_book(struct book *book)
{
    sr_log_close(&book->log);
    sr_log_close(&book->log);  // twice is harmless
    fclose(book->file);
    free(book->text);
}

static void one_line_with_its_fields(void **state)
{
    (void)state;
    struct book book;
    open_book(&book, SR_LOG_DEBUG);
    struct sr_err err = { 0 };
    (void)sr_fail_native(&err, SR_ERR_NETWORK, 503, "HTTP 503");
    err.origin = "here.c:1";
    sr_warn(&book.log, "part retried", SR_U32("part", 3u), SR_TEXT("why", "a\"b"), SR_ERR(&err));
    assert_string_equal(book.text, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warn\","
                                   "\"message\":\"part retried\",\"part\":3,\"why\":\"a\\\"b\","
                                   "\"error\":{\"code\":\"NETWORK\",\"native\":503,"
                                   "\"message\":\"HTTP 503\",\"origin\":\"here.c:1\"}}\n");
    close_book(&book);
}

static void levels_have_names(void **state)
{
    (void)state;
    for (int i = SR_LOG_DEBUG; i <= SR_LOG_OFF; i++) {
        enum sr_log_level level = SR_LOG_DEBUG;
        assert_true(sr_log_level_named(sr_log_level_name((enum sr_log_level)i), &level));
        assert_int_equal(level, i);
    }
    enum sr_log_level level = SR_LOG_WARN;
    assert_false(sr_log_level_named("loud", &level));
    assert_false(sr_log_level_named("", &level));
    assert_int_equal(level, SR_LOG_WARN);
}

static void levels_and_silence(void **state)
{
    (void)state;
    struct book book;
    open_book(&book, SR_LOG_WARN);
    sr_debug(&book.log, "no");
    sr_info(&book.log, "no");
    sr_warn(NULL, "no");
    struct sr_log of_nobody;
    sr_log_with(&of_nobody, NULL, SR_I64("x", 1));
    sr_error(&of_nobody, "no", SR_I64("y", 2));
    fflush(book.file);
    assert_int_equal(book.bytes, 0);
    sr_warn(&book.log, "yes");
    sr_error(&book.log, "yes");
    sr_assert_contains(book.text, "\"level\":\"error\",\"message\":\"yes\"}\n");
    close_book(&book);

    open_book(&book, SR_LOG_OFF);
    sr_error(&book.log, "no");
    fflush(book.file);
    assert_int_equal(book.bytes, 0);
    close_book(&book);
}

static void children_inherit(void **state)
{
    (void)state;
    struct book book;
    open_book(&book, SR_LOG_INFO);
    struct sr_log job, task, again;
    sr_log_with(&job, &book.log, SR_TEXT("job", "j1"));
    sr_log_with(&task, &job, SR_I64("task", -1));
    sr_log_with(&again, &task, SR_TEXT("job", "j2"));
    sr_info(&task, "done", SR_I64("x", INT64_MIN));
    sr_assert_contains(book.text, "\"message\":\"done\",\"job\":\"j1\",\"task\":-1,"
                                  "\"x\":-9223372036854775808}\n");
    sr_info(&again, "done");
    sr_assert_contains(book.text, "\"message\":\"done\",\"task\":-1,\"job\":\"j2\"}\n");
    sr_info(&job, "done", SR_TEXT("job", "own"));
    sr_assert_contains(book.text, "\"message\":\"done\",\"job\":\"own\"}\n");
    close_book(&book);
}

// Whatever comes from outside, a line stays one line of JSON.
static void hostile_text_stays_json(void **state)
{
    (void)state;
    struct book book;
    open_book(&book, SR_LOG_INFO);
    struct sr_err err = { 0 };
    (void)sr_fail(&err, SR_ERR_INPUT, "bad \xFF\n\"name\"");
    err.origin = NULL;
    sr_info(&book.log, "x", SR_TEXT("name", "\n{\"a\":\x1B[31m\xC3"), SR_TEXT("none", NULL),
            SR_ERR(&err));
    assert_ptr_equal(strchr(book.text, '\n'), book.text + book.bytes - 1);
    sr_auto(json) json_t *value = NULL;
    sr_assert_ok(jx_parse(book.text, book.bytes, false, &value, &err), err);
    assert_true(json_is_null(json_object_get(value, "none")));
    close_book(&book);
}

enum { LINES = 300 };
static void write_lines(void *arg)
{
    const struct sr_log *log = arg;
    for (int i = 0; i < LINES; i++)
        sr_info(log, "line", SR_I64("i", i));
}

static void lines_never_interleave(void **state)
{
    (void)state;
    struct book book;
    open_book(&book, SR_LOG_INFO);
    struct sr_err err = { 0 };
    struct sr_thread *threads[3];
    for (int i = 0; i < 3; i++)
        sr_assert_ok(sr_thread_start("writer", write_lines, &book.log, &threads[i], &err), err);
    for (int i = 0; i < 3; i++)
        sr_thread_join(threads[i]);
    int count = 0;
    for (char *line = book.text, *end; (end = strchr(line, '\n')); line = end + 1) {
        sr_auto(json) json_t *value = NULL;
        sr_assert_ok(jx_parse(line, (size_t)(end - line), false, &value, &err), err);
        count++;
    }
    assert_int_equal(count, 3 * LINES);
    close_book(&book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_with_its_fields), cmocka_unit_test(levels_have_names),
        cmocka_unit_test(levels_and_silence),       cmocka_unit_test(children_inherit),
        cmocka_unit_test(hostile_text_stays_json),  cmocka_unit_test(lines_never_interleave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
