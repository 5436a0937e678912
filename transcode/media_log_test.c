#include "transcode/media_log.h"

#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <pthread.h>

#include "base/test.h"

// What the log has written so far.
static const char *written(FILE *file, char *text, size_t bytes)
{
    fflush(file);
    rewind(file);
    text[fread(text, 1, bytes - 1, file)] = '\0';
    return text;
}

static void lines_go_to_the_threads_log(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    FILE *file = tmpfile();
    assert_non_null(file);
    struct sr_log log;
    sr_assert_ok(sr_log_open(file, SR_LOG_DEBUG, sr_clock_system(), &log, &err), err);
    media_log_init();

    assert_null(media_log_set(&log));
    media_log_forget();
    av_log(NULL, AV_LOG_ERROR, "moov \"atom\"\x01 not %s\n", "found");
    av_log(NULL, AV_LOG_WARNING, "only a warning\n");
    av_log(NULL, AV_LOG_INFO, "statistics\n");
    assert_string_equal(media_log_first(), "moov \"atom\"? not found");
    assert_ptr_equal(media_log_set(NULL), &log);
    av_log(NULL, AV_LOG_ERROR, "nobody listens\n");
    assert_string_equal(media_log_first(), "moov \"atom\"? not found");
    media_log_forget();
    av_log(NULL, AV_LOG_ERROR, "nobody listens\n");
    assert_string_equal(media_log_first(), "nobody listens");
    media_log_forget();
    assert_string_equal(media_log_first(), "");

    char text[4096];
    written(file, text, sizeof(text));
    sr_assert_contains(text, "moov \\\"atom\\\"? not found");
    sr_assert_contains(text, "only a warning");
    assert_null(strstr(text, "statistics"));
    assert_null(strstr(text, "nobody listens"));
    sr_log_close(&log);
    fclose(file);
}

static void *other_thread(void *arg)
{
    (void)arg;
    av_log(NULL, AV_LOG_ERROR, "from elsewhere\n");
    assert_string_equal(media_log_first(), "from elsewhere");
    return NULL;
}

static void other_threads_are_apart(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    FILE *file = tmpfile();
    assert_non_null(file);
    struct sr_log log;
    sr_assert_ok(sr_log_open(file, SR_LOG_DEBUG, sr_clock_system(), &log, &err), err);
    media_log_init();
    media_log_set(&log);
    media_log_forget();

    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(media_log_first(), "");
    char text[256];
    assert_string_equal(written(file, text, sizeof(text)), "");
    media_log_set(NULL);
    sr_log_close(&log);
    fclose(file);
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    media_log_init();
    char line[2000];
    media_log_forget();
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    av_log(NULL, AV_LOG_ERROR, "%s", line);
    assert_in_range(strlen(media_log_first()), 100, 200);
    media_log_forget();
}

static void one_allocation_is_bounded(void **state)
{
    (void)state;
    media_log_init();
    assert_null(av_malloc((size_t)MEDIA_ALLOC_MAX + 1));
    void *small = av_malloc(1000);
    assert_non_null(small);
    av_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_go_to_the_threads_log),
        cmocka_unit_test(other_threads_are_apart),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(one_allocation_is_bounded),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
