// base/test.h - what every x_test.c starts with: cmocka, tables of rows as tests, small helpers.
#pragma once

// cmocka wants these four before itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

// The whole of a test program: one cmocka test per row of `rows`, an array of structs whose first
// member is `const char *name`; *state is the row.
//     SR_TEST_ROWS(rows, each_row)
#define SR_TEST_ROWS(rows, each_row)                                                               \
    int main(void)                                                                                 \
    {                                                                                              \
        static struct CMUnitTest tests_[sizeof(rows) / sizeof((rows)[0])];                         \
        sr_test_add_rows(tests_, rows, sizeof(rows) / sizeof((rows)[0]), sizeof((rows)[0]),        \
                         each_row);                                                                \
        return cmocka_run_group_tests_name(__FILE__, tests_, NULL, NULL);                          \
    }

// For a program with tables and single tests, in an array of struct CMUnitTest with room for all:
//     static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
//     size_t count = SR_TEST_ADD(tests, rows, each_row);
//     tests[count++] = (struct CMUnitTest)cmocka_unit_test(another);
//     return sr_test_run(__FILE__, tests, count);
#define SR_TEST_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SR_TEST_ADD(tests, rows, each_row)                                                         \
    sr_test_add_rows(tests, rows, SR_TEST_COUNT(rows), sizeof((rows)[0]), each_row)

static inline size_t sr_test_add_rows(struct CMUnitTest *tests, const void *rows, size_t row_count,
                                      size_t row_bytes, CMUnitTestFunction each_row)
{
    for (size_t i = 0; i < row_count; i++) {
        const char *row = (const char *)rows + i * row_bytes;
        const char *name;
        memcpy(&name, row, sizeof(name));
        // cmocka hands the row on as it is; a test reads it as const.
        tests[i] = (struct CMUnitTest){ .name = name, .test_func = each_row };
        memcpy(&tests[i].initial_state, &(const void *){ row }, sizeof(void *));
    }
    return row_count;
}

#define sr_test_run(name, tests, count) _cmocka_run_group_tests(name, tests, count, NULL, NULL)

// The call must succeed; shows the error if not. `err` is a struct sr_err, not a pointer.
#define sr_assert_ok(call, err)                                                                    \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s: %s (%s)", #call, (err).message, sr_err_row((err).code)->name);           \
    } while (0)

// The call must fail with this code.
#define sr_assert_fails(call, want, err)                                                           \
    do {                                                                                           \
        (err).code = SR_OK;                                                                        \
        if (call)                                                                                  \
            fail_msg("%s succeeded, want %s", #call, sr_err_row(want)->name);                      \
        if ((err).code != (want))                                                                  \
            fail_msg("%s: %s (%s), want %s", #call, (err).message, sr_err_row((err).code)->name,   \
                     sr_err_row(want)->name);                                                      \
    } while (0)

#define sr_assert_contains(text, part)                                                             \
    do {                                                                                           \
        const char *text_ = (text);                                                                \
        if (!strstr(text_, part))                                                                  \
            fail_msg("\"%s\" does not contain \"%s\"", text_, part);                               \
    } while (0)

// JSON in C strings is full of quotes: tests write it with single ones. Makes them double, in
// place.
static inline void sr_test_quotes(char *text)
{
    for (; *text; text++)
        *text = *text == '\'' ? '"' : *text;
}

// Runs a command of the shell, which must succeed.
static inline void sr_test_command(const char *format, ...) SR_PRINTF(1, 2);
static inline void sr_test_command(const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    assert_true(vsnprintf(text, sizeof(text), format, args) < (int)sizeof(text));
    va_end(args);
    if (system(text) != 0)
        fail_msg("%s", text);
}

// A folder of the test's own under /tmp; `path` has room for 64 bytes. Removed by
// sr_test_folder_done().
static inline void sr_test_folder(char path[64])
{
    snprintf(path, 64, "/tmp/splitreel-test-XXXXXX");
    if (!mkdtemp(path))
        fail_msg("mkdtemp %s", path);
}
static inline void sr_test_folder_done(const char *path)
{
    assert_true(strncmp(path, "/tmp/splitreel-test-", 20) == 0);
    sr_test_command("rm -rf -- '%s'", path);
}
