#include "base/str.h"

#include "base/test.h"

static void grows_and_stays_terminated(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str str = { 0 };
    assert_string_equal(sr_str_text(&str), "");
    for (int i = 0; i < 1000; i++) {
        sr_assert_ok(sr_str_addf(&str, &err, "%d,", i % 10), err);
        assert_int_equal(strlen(str.text), str.bytes);
    }
    assert_int_equal(str.bytes, 2000);
    sr_assert_ok(sr_str_add_bytes(&str, NULL, 0, &err), err);
    sr_assert_ok(sr_str_add_bytes(&str, "a\0b", 3, &err), err);
    assert_int_equal(str.bytes, 2003);
    assert_memory_equal(str.text + 2000, "a\0b", 4);
}

static void takes_never_null(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_str str = { 0 };
    sr_auto(char) char *empty = sr_str_take(&str);
    assert_string_equal(empty, "");
    sr_assert_ok(sr_str_add(&str, "x", &err), err);
    sr_auto(char) char *text = sr_str_take(&str);
    assert_string_equal(text, "x");
    assert_null(str.text);
}

// A size no machine has: the error is named and what was there stays.
static void too_large_leaves_the_string_alone(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str str = { 0 };
    sr_assert_ok(sr_str_add(&str, "here", &err), err);
    sr_assert_fails(sr_str_add_bytes(&str, "x", SIZE_MAX, &err), SR_ERR_TOO_LARGE, err);
    sr_assert_fails(sr_str_add_bytes(&str, "x", SIZE_MAX - 4, &err), SR_ERR_TOO_LARGE, err);
    sr_assert_fails(sr_str_add_bytes(&str, "x", (size_t)PTRDIFF_MAX, &err), SR_ERR_TOO_LARGE, err);
    assert_string_equal(sr_str_text(&str), "here");
}

static void numbers(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str str = { 0 };
    static const int64_t values[] = { 0, 7, -1, 1000000, INT64_MAX, INT64_MIN };
    for (size_t i = 0; i < SR_TEST_COUNT(values); i++) {
        sr_assert_ok(sr_str_add_i64(&str, values[i], &err), err);
        sr_assert_ok(sr_str_add(&str, " ", &err), err);
    }
    assert_string_equal(str.text, "0 7 -1 1000000 9223372036854775807 -9223372036854775808 ");
}

// Text that fits, that just fits, and that is longer than the room that there is.
static void formats_at_the_end(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    for (int bytes = 20; bytes < 40; bytes++) {
        sr_auto(sr_str) struct sr_str str = { 0 };
        sr_assert_ok(sr_str_add(&str, "here", &err), err);
        sr_assert_ok(sr_str_addf(&str, &err, "%0*d", bytes, 1), err);
        assert_int_equal(str.bytes, 4 + bytes);
        assert_int_equal(strlen(str.text), str.bytes);
        assert_memory_equal(str.text, "here0", 5);
    }
}

static void formats(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *text = sr_strf(&err, "%s-%03d", "a", 7);
    assert_string_equal(text, "a-007");
    sr_auto(char) char *empty = sr_strf(&err, "%s", "");
    assert_string_equal(empty, "");
    sr_auto(char) char *copy = sr_str_dup(text, &err);
    assert_string_equal(copy, "a-007");

    char buffer[6];
    assert_true(sr_format(buffer, sizeof(buffer), "%s", "12345"));
    assert_false(sr_format(buffer, sizeof(buffer), "%s", "123456"));
    assert_string_equal(buffer, "12345");
}

static void json_strings(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "", "\"\"" },
        { "a\"b\\c", "\"a\\\"b\\\\c\"" },
        { "\n\r\t\b\f\x01\x7F", "\"\\n\\r\\t\\b\\f\\u0001\x7F\"" },
        { "\xC3\xA9\xF0\x9F\x8E\xAC", "\"\xC3\xA9\xF0\x9F\x8E\xAC\"" },
        { "a\xFFz", "\"a\xEF\xBF\xBDz\"" },
        { "cut \xE2\x82", "\"cut \xEF\xBF\xBD\xEF\xBF\xBD\"" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        struct sr_err err = { 0 };
        sr_auto(sr_str) struct sr_str str = { 0 };
        sr_assert_ok(sr_str_add_json(&str, rows[i].in, strlen(rows[i].in), &err), err);
        assert_string_equal(str.text, rows[i].out);
    }
}

// Spec: RFC 3629 section 4.
static void utf8_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
    } rows[] = {
        { "a", 1 },
        { "\xC2\x80", 2 },
        { "\xE0\xA0\x80", 3 },
        { "\xED\x9F\xBF", 3 },
        { "\xF4\x8F\xBF\xBF", 4 },
        { "\x80", 0 },              // a tail alone
        { "\xC0\x80", 0 },          // overlong
        { "\xE0\x80\x80", 0 },      // overlong
        { "\xF0\x80\x80\x80", 0 },  // overlong
        { "\xED\xA0\x80", 0 },      // a surrogate
        { "\xF4\x90\x80\x80", 0 },  // above U+10FFFF
        { "\xF5\x80\x80\x80", 0 },  // above U+10FFFF
        { "\xE2\x82", 0 },          // cut
        { "\xE2\x28\xA1", 0 },      // not a tail
    };
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++)
        assert_int_equal(sr_utf8_character(rows[i].text, strlen(rows[i].text)), rows[i].bytes);
    assert_int_equal(sr_utf8_character("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(takes_never_null),
        cmocka_unit_test(too_large_leaves_the_string_alone),
        cmocka_unit_test(numbers),
        cmocka_unit_test(formats_at_the_end),
        cmocka_unit_test(formats),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(utf8_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
