#include "base/err.h"

#include <errno.h>

#include "base/test.h"

static void table_is_complete(void **state)
{
    (void)state;
    for (int i = 0; i < SR_ERR_CODE_COUNT; i++) {
        const struct sr_err_row *row = sr_err_row((enum sr_err_code)i);
        assert_non_null(row->name);
        assert_true(row->http_status >= 200 && row->http_status < 600);
        assert_int_equal(row->exit_status == 0, i == SR_OK);
        assert_int_equal(row->flow_error == NULL, i == SR_OK);
        if (row->flow_error)
            assert_int_equal(sr_err_of_flow(row->flow_error), i);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(row->name, sr_err_row((enum sr_err_code)j)->name);
    }
}

static void names_of_a_flow(void **state)
{
    (void)state;
    assert_int_equal(sr_err_of_flow("Splitreel.TooLong"), SR_ERR_LIMIT);
    assert_int_equal(sr_err_of_flow("Splitreel.WorkerDied"), SR_ERR_INTERNAL);
    assert_int_equal(sr_err_of_flow("States.Timeout"), SR_ERR_INTERNAL);
    assert_int_equal(sr_err_of_flow(""), SR_ERR_INTERNAL);
}

static void fail_sets_everything(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    assert_false(sr_fail_native(&err, SR_ERR_NETWORK, 503, "HTTP %d %s", 503, "SlowDown"));
    assert_int_equal(err.code, SR_ERR_NETWORK);
    assert_int_equal(err.native, 503);
    assert_string_equal(err.message, "HTTP 503 SlowDown");
    sr_assert_contains(err.origin, "err_test.c:");

    assert_false(sr_fail(&err, SR_ERR_INVALID, "second"));
    assert_int_equal(err.native, 0);
    assert_string_equal(err.message, "second");
}

static void message_may_quote_the_old_one(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    (void)sr_fail(&err, SR_ERR_STORAGE, "disk full");
    assert_false(sr_fail(&err, SR_ERR_INTERNAL, "gave up: %s", err.message));
    assert_string_equal(err.message, "gave up: disk full");
}

static void errno_picks_the_code(void **state)
{
    (void)state;
    static const struct {
        int number;
        enum sr_err_code code;
    } rows[] = { { ENOENT, SR_ERR_NOT_FOUND }, { ENOMEM, SR_ERR_NO_MEMORY },
                 { EMFILE, SR_ERR_LIMIT },     { EAGAIN, SR_ERR_BUSY },
                 { EACCES, SR_ERR_DENIED },    { ENOSPC, SR_ERR_STORAGE },
                 { EIO, SR_ERR_STORAGE },      { 99999, SR_ERR_STORAGE } };
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        struct sr_err err = { 0 };
        assert_false(sr_fail_errno(&err, rows[i].number, "open %s", "x"));
        assert_int_equal(err.code, rows[i].code);
        assert_int_equal(err.native, rows[i].number);
        assert_memory_equal(err.message, "open x: ", 8);
        assert_true(strlen(err.message) > 8);
    }
}

static void wrap_puts_context_first(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    (void)sr_fail_native(&err, SR_ERR_NETWORK, 7, "HTTP 503");
    assert_false(sr_err_wrap(&err, "upload part %d", 3));
    assert_false(sr_err_wrap(&err, "segment 4"));
    assert_string_equal(err.message, "segment 4: upload part 3: HTTP 503");
    assert_int_equal(err.code, SR_ERR_NETWORK);
    assert_int_equal(err.native, 7);
}

// Whatever the length, the text ends within the buffer and on a character's edge.
static void long_text_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = { "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8E\xAC" };
    for (size_t c = 0; c < SR_TEST_COUNT(characters); c++) {
        const size_t width = strlen(characters[c]);
        for (size_t lead = 0; lead < 4; lead++) {
            char text[1024] = "";
            memset(text, '.', lead);
            for (size_t i = lead; i + width < sizeof(text) - 1; i += width)
                memcpy(text + i, characters[c], width);
            struct sr_err err = { 0 };
            (void)sr_fail(&err, SR_ERR_INVALID, "%s", text);
            const size_t bytes = strlen(err.message);
            assert_in_range(bytes, sizeof(err.message) - 4, sizeof(err.message) - 1);
            assert_int_equal((bytes - lead) % width, 0);

            (void)sr_err_wrap(&err, "%s", "context");
            const size_t wrapped = strlen(err.message);
            assert_in_range(wrapped, sizeof(err.message) - 4, sizeof(err.message) - 1);
            assert_int_equal((wrapped - strlen("context: ") - lead) % width, 0);
        }
    }
}

static void empty_error_can_be_wrapped(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    (void)sr_fail(&err, SR_ERR_INTERNAL, "%s", "");
    assert_false(sr_err_wrap(&err, "here"));
    assert_string_equal(err.message, "here: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_complete),
        cmocka_unit_test(names_of_a_flow),
        cmocka_unit_test(fail_sets_everything),
        cmocka_unit_test(message_may_quote_the_old_one),
        cmocka_unit_test(errno_picks_the_code),
        cmocka_unit_test(wrap_puts_context_first),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(empty_error_can_be_wrapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
