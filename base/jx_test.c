#include "base/jx.h"

#include <math.h>

#include "base/str.h"
#include "base/test.h"

static json_t *parsed(const char *text)
{
    struct sr_err err = { 0 };
    json_t *value = NULL;
    sr_assert_ok(jx_parse(text, strlen(text), false, &value, &err), err);
    return value;
}

// Text in: code OK means it is dumped as `out`; else the message contains `out`.
static const struct row {
    const char *name;
    const char *in;
    bool comments;
    enum sr_err_code code;
    const char *out;
} rows[] = {
    { "an object keeps its order", "{\"b\":1,\"a\":[true,false,null]}", false, SR_OK,
      "{\"b\":1,\"a\":[true,false,null]}" },
    { "any value may be the root", " \"x\" ", false, SR_OK, "\"x\"" },
    { "empty containers", "[{},[]]", false, SR_OK, "[{},[]]" },
    { "a real stays real", "[1.0,0.1,1e300,-0.0]", false, SR_OK, "[1.0,0.1,1e+300,-0.0]" },
    { "the largest integers", "[9223372036854775807,-9223372036854775808]", false, SR_OK,
      "[9223372036854775807,-9223372036854775808]" },
    { "an integer too large", "[9223372036854775808]", false, SR_ERR_INVALID, "line 1" },
    { "a NUL in a string is data", "[\"a\\u0000b\"]", false, SR_OK, "[\"a\\u0000b\"]" },
    { "characters beyond ASCII", "[\"\xC3\xA9\\ud83c\\udfac\"]", false, SR_OK,
      "[\"\xC3\xA9\xF0\x9F\x8E\xAC\"]" },
    { "comments", "// a\n{/* \" */\"a\"//b\n:1}", true, SR_OK, "{\"a\":1}" },
    { "no comment inside a string", "[\"//a\", \"\\\"/*\", \"*/\"]", true, SR_OK,
      "[\"//a\",\"\\\"/*\",\"*/\"]" },
    { "a comment to the end", "1 // no newline", true, SR_OK, "1" },
    { "comments are off by default", "// a\n1", false, SR_ERR_INVALID, "line 1" },
    { "a comment that does not end", "[1]\n /* x *", true, SR_ERR_INVALID, "line 2, column 2" },
    { "a comment of a star only", "/*/", true, SR_ERR_INVALID, "line 1, column 1" },
    { "a lone slash", "[1] /", true, SR_ERR_INVALID, "line 1" },
    { "positions survive comments", "{ /* \xC3\xA9\n */ \"a\": tru }", true, SR_ERR_INVALID,
      "line 2, column" },
    { "nothing at all", "", false, SR_ERR_INVALID, "line 1" },
    { "nothing but a comment", "/**/", true, SR_ERR_INVALID, "line 1" },
    { "two values", "1 2", false, SR_ERR_INVALID, "line 1" },
    { "a key twice", "{\"a\":1,\n \"a\":2}", false, SR_ERR_INVALID, "line 2" },
    { "a trailing comma", "[1,]", false, SR_ERR_INVALID, "line 1" },
    { "not UTF-8", "[\"\xFF\"]", false, SR_ERR_INVALID, "line 1" },
    { "a string that does not end", "[\"abc\\", true, SR_ERR_INVALID, "line 1" },
    { "a good beginning", "{\"a\":[1,2,{\"b\":", false, SR_ERR_INVALID, "line 1" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    // In memory of exactly its size, so that a read behind it is seen.
    const size_t bytes = strlen(row->in);
    char *copy = malloc(bytes > 0 ? bytes : 1);
    assert_non_null(copy);
    memcpy(copy, row->in, bytes);
    sr_auto(json) json_t *value = NULL;
    const bool done = jx_parse(copy, bytes, row->comments, &value, &err);
    free(copy);
    assert_int_equal(done ? SR_OK : err.code, row->code);
    if (!done) {
        assert_null(value);
        sr_assert_contains(err.message, row->out);
        return;
    }
    sr_auto(char) char *text = NULL;
    sr_assert_ok(jx_dump(value, false, &text, &err), err);
    assert_string_equal(text, row->out);
}

static void texts_have_limits(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char text[2 * (JX_DEPTH_MAX + 1)];
    memset(text, '[', JX_DEPTH_MAX + 1);
    memset(text + JX_DEPTH_MAX + 1, ']', JX_DEPTH_MAX + 1);
    json_t *value = NULL;
    sr_assert_fails(jx_parse(text, sizeof(text), false, &value, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "deeper");
    assert_true(jx_is_too_deep(text, sizeof(text)));
    assert_false(jx_is_too_deep(text + 1, sizeof(text) - 2));
    sr_assert_ok(jx_parse(text + 1, sizeof(text) - 2, false, &value, &err), err);
    json_decref(value);
    value = NULL;
    sr_assert_fails(jx_parse("123\0", 4, false, &value, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "line 1, column 4: a NUL byte");
    // brackets in strings do not count
    char string[2 * JX_DEPTH_MAX];
    memset(string, '[', sizeof(string));
    string[0] = string[sizeof(string) - 1] = '"';
    sr_assert_ok(jx_parse(string, sizeof(string), false, &value, &err), err);
    json_decref(value);
    value = NULL;
    sr_assert_fails(jx_parse("1", JX_BYTES_MAX + 1, false, &value, &err), SR_ERR_TOO_LARGE, err);
}

static void dump_refuses_what_json_cannot_say(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *inner = json_array();
    sr_auto(json) json_t *deep = json_incref(inner);
    for (int i = 0; i < 3 * JX_DEPTH_MAX; i++) {
        json_t *outer = json_array();
        sr_assert_ok(jx_append(outer, deep, &err), err);
        deep = outer;
    }
    sr_assert_fails(jx_dump(deep, false, &text, &err), SR_ERR_LIMIT, err);
    assert_null(text);
}

static void dump_indents(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *value = parsed("{\"a\":[1,{}],\"b\":{\"c\":2}}");
    sr_auto(char) char *text = NULL;
    sr_assert_ok(jx_dump(value, true, &text, &err), err);
    assert_string_equal(text,
                        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": 2\n  }\n}");
}

static void errors_spell_the_path(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *value =
        parsed("{\"States\":{\"Encode\":{\"Retry\":[{\"MaxAttempts\":\"three\",\"Rate\":2,"
               "\"On\":true}]}}}");
    const struct jx root = jx_root(value);
    struct jx states, encode, retry;
    sr_assert_ok(jx_object(&root, "States", &states, &err), err);
    sr_assert_ok(jx_object(&states, "Encode", &encode, &err), err);
    sr_assert_ok(jx_array(&encode, "Retry", &retry, &err), err);
    const struct jx at = jx_at(&retry, 0);
    int64_t number = 77;
    sr_assert_fails(jx_int(&at, "MaxAttempts", 0, 99999999, &number, &err), SR_ERR_INVALID, err);
    assert_string_equal(err.message, "$.States.Encode.Retry[0].MaxAttempts: "
                                     "want an integer 0..99999999, got \"three\"");
    sr_assert_fails(jx_int(&at, "Missing", INT64_MIN, INT64_MAX, &number, &err), SR_ERR_INVALID,
                    err);
    sr_assert_contains(err.message, "Retry[0].Missing: want an integer, got nothing");
    assert_int_equal(number, 77);
    bool flag = false;
    sr_assert_fails(jx_bool(&at, "Rate", &flag, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "want true or false, got 2");
    sr_assert_ok(jx_bool(&at, "On", &flag, &err), err);
    assert_true(flag);
    double real = 0;
    sr_assert_ok(jx_real(&at, "Rate", 1.0, INFINITY, &real, &err), err);
    assert_true(real == 2.0);
    sr_assert_fails(jx_real(&at, "Rate", 2.5, 3, &real, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "want a number 2.5..3, got 2");
    sr_assert_fails(jx_array(&at, "On", &retry, &err), SR_ERR_INVALID, err);
    sr_assert_fails(jx_object(&at, "On", &retry, &err), SR_ERR_INVALID, err);
    const struct jx beyond = jx_at(&at, 5);  // of what is no array
    assert_null(beyond.value);
}

static void optional_members(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *value = parsed("{\"i\":5,\"t\":\"x\",\"n\":null,\"z\":\"a\\u0000b\"}");
    const struct jx root = jx_root(value);
    int64_t number = 1;
    double real = 1;
    bool flag = true;
    const char *text = "default";
    sr_assert_ok(jx_int_opt(&root, "none", 0, 9, &number, &err), err);
    sr_assert_ok(jx_real_opt(&root, "none", 0, 9, &real, &err), err);
    sr_assert_ok(jx_bool_opt(&root, "none", &flag, &err), err);
    sr_assert_ok(jx_text_opt(&root, "none", &text, &err), err);
    assert_int_equal(number, 1);
    assert_true(real == 1 && flag);
    assert_string_equal(text, "default");
    sr_assert_ok(jx_int_opt(&root, "i", 0, 9, &number, &err), err);
    sr_assert_ok(jx_text_opt(&root, "t", &text, &err), err);
    assert_int_equal(number, 5);
    assert_string_equal(text, "x");
    sr_assert_fails(jx_int_opt(&root, "i", 6, 9, &number, &err), SR_ERR_INVALID, err);
    sr_assert_fails(jx_text_opt(&root, "n", &text, &err), SR_ERR_INVALID, err);  // null is there
    sr_assert_fails(jx_text(&root, "z", &text, &err), SR_ERR_INVALID, err);      // would be cut
}

static void unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const char *const known[] = { "codec", "crf", "height", NULL };
    sr_auto(json) json_t *good = parsed("{\"crf\":1,\"codec\":2}");
    sr_auto(json) json_t *bad = parsed("{\"crf\":1,\"heigth\":2}");
    sr_auto(json) json_t *array = parsed("[]");
    const struct jx good_root = jx_root(good), bad_root = jx_root(bad), no_object = jx_root(array);
    sr_assert_ok(jx_only(&good_root, known, &err), err);
    sr_assert_fails(jx_only(&bad_root, known, &err), SR_ERR_INVALID, err);
    assert_string_equal(err.message, "$.heigth: is not known, the nearest known key is \"height\"");
    sr_assert_fails(jx_only(&no_object, known, &err), SR_ERR_INVALID, err);

    char key[1000];  // too long to be anything's neighbour
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    sr_auto(json) json_t *far = json_object();
    sr_assert_ok(jx_put(far, key, json_true(), &err), err);
    const struct jx far_root = jx_root(far);
    sr_assert_fails(jx_only(&far_root, known, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "...kkk");
}

static void long_paths_are_cut_from_the_left(void **state)
{
    (void)state;
    sr_auto(json) json_t *value = json_object();
    const struct jx root = jx_root(value);
    const struct jx a = jx_get(&root, "first"), b = jx_get(&a, "\xC3\xA9 key"), c = jx_at(&b, 12);
    char path[64];
    jx_path(&c, path, sizeof(path));
    assert_string_equal(path, "$.first['\xC3\xA9 key'][12]");
    for (size_t capacity = 4; capacity <= strlen(path); capacity++) {
        char cut[64];
        jx_path(&c, cut, capacity);
        assert_true(strlen(cut) < capacity);
        assert_memory_equal(cut, "...", 3);
        const char *tail = cut + 3;
        assert_string_equal(path + strlen(path) - strlen(tail), tail);
        assert_true(((unsigned char)tail[0] & 0xC0) != 0x80);
    }
}

static void building_fails_as_an_error(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *object = json_object();
    sr_assert_ok(jx_made(object, &err), err);
    sr_assert_fails(jx_made(NULL, &err), SR_ERR_NO_MEMORY, err);
    sr_assert_fails(jx_put(object, "a", NULL, &err), SR_ERR_NO_MEMORY, err);
    sr_assert_fails(jx_put(NULL, "a", json_integer(1), &err), SR_ERR_NO_MEMORY, err);
    sr_assert_fails(jx_append(NULL, json_integer(1), &err), SR_ERR_NO_MEMORY, err);
    sr_auto(json) json_t *text = jx_string("a\xFF"
                                           "b");
    assert_string_equal(json_string_value(text), "a\xEF\xBF\xBD"
                                                 "b");
    sr_auto(json) json_t *empty = jx_string("");
    assert_string_equal(json_string_value(empty), "");
}

static void members_have_lines(void **state)
{
    (void)state;
    static const char text[] = "{ // \"b\": 1\n"
                               "  \"a\": [ { \"b\": 1 }, \"b\" ], /* \n */\n"
                               "  \"c\": \"b\", \"d\": { \"e\": { \"b\": 2 },\n"
                               "    \"b\" // here\n"
                               "    : 3 },\n"
                               "  \"b\": 4, \"f\": { \"\\\"g\": 1 }, \"b\\\"\": 5,\n"
                               "  \"h\": {}, \"i\": 1 }";
    static const struct {
        const char *keys[4];
        size_t line;
    } tries[] = {
        { { "a" }, 2 },           { { "c" }, 4 },           { { "d", "b" }, 5 },
        { { "d", "e", "b" }, 4 }, { { "b" }, 7 },           { { "i" }, 8 },
        { { "e" }, 0 },           { { "a", "b" }, 0 },      { { "h", "i" }, 0 },
        { { "c", "b" }, 0 },      { { "g" }, 0 },           { { "f", "\\\"g" }, 7 },
        { { "d", "i" }, 0 },      { { "d", "b", "b" }, 0 },
    };
    struct sr_err err = { 0 };
    sr_auto(json) json_t *value = NULL;
    sr_assert_ok(jx_parse(text, strlen(text), true, &value, &err), err);
    for (size_t i = 0; i < SR_TEST_COUNT(tries); i++) {
        size_t line = 99;
        sr_assert_ok(jx_line(text, strlen(text), tries[i].keys, &line, &err), err);
        if (line != tries[i].line)
            fail_msg("try %zu: line %zu, want %zu", i, line, tries[i].line);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 9];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(texts_have_limits);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(dump_refuses_what_json_cannot_say);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(dump_indents);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(errors_spell_the_path);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(optional_members);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(unknown_keys_name_the_nearest);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(long_paths_are_cut_from_the_left);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(building_fails_as_an_error);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(members_have_lines);
    return sr_test_run(__FILE__, tests, count);
}
