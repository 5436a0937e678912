#include "statemachine/asl_path.h"

#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"

static const struct row {
    const char *name, *path, *want;  // want NULL: nothing there
} rows[] = {
    { "root of a value", "$.s", "'text'" },
    { "dotted names", "$.a.b", "[10,20,30]" },
    { "quoted name", "$.a['c d']", "1" },
    { "double quotes", "$[\"a\"][\"b\"][1]", "20" },
    { "index from the end", "$.a.b[-1]", "30" },
    { "index too large", "$.a.b[3]", NULL },
    { "missing at the end", "$.a.z", NULL },
    { "missing on the way", "$.z.b", NULL },
    { "a name of a text", "$.s.x", NULL },
    { "several indexes", "$.a.b[0,2]", "[10,30]" },
    { "several names at the end", "$.a['b','c d','none']", "{'b':[10,20,30],'c d':1}" },
    { "slice", "$.a.b[1:]", "[20,30]" },
    { "slice to", "$.a.b[:2]", "[10,20]" },
    { "slice from the end", "$.a.b[-2:]", "[20,30]" },
    { "slice backwards", "$.a.b[::-1]", "[30,20,10]" },
    { "slice of step zero", "$.a.b[::0]", "[]" },
    { "wildcard", "$.list[*].n", "[1,2,3]" },
    { "wildcard on an object", "$.a.*", "[[10,20,30],1,2]" },
    { "wildcard finds nothing", "$.e[*].x", "[]" },
    { "scan", "$..n", "[1,2,3]" },
    { "scan and index", "$..b[0]", "[10]" },
    { "filter equal", "$.list[?(@.n == 2)].t", "['two']" },
    { "filter text", "$.list[?(@.t == 'one')].n", "[1]" },
    { "filter exists", "$.list[?(@.t)].n", "[1,2]" },
    { "filter not", "$.list[?(!(@.t))].n", "[3]" },
    { "filter and, or", "$.list[?(@.n > 1 && @.n < 3 || @.n == 1)].n", "[1,2]" },
    { "filter with a path from the root", "$.list[?(@.n < $.a.b[0])].n", "[1,2,3]" },
    { "filter pattern", "$.list[?(@.t =~ /O.*E/i)].n", "[1]" },
    { "filter pattern matches all of it", "$.list[?(@.t =~ /on/)].n", "[]" },
    { "filter digits", "$.list[?(@.t =~ /\\d+/)].n", "[]" },
    { "filter in", "$.list[?(@.n in [1, 3])].n", "[1,3]" },
    { "filter nin", "$.list[?(@.n nin [1, 3])].n", "[2]" },
    { "filter tests an object itself", "$.a[?(@.x)]", "[]" },
    { "length", "$.list.length()", "3" },
    { "max", "$.a.b.max()", "30.0" },
    { "keys", "$.a.keys()", "['b','c d','x\\u0027y']" },
};

static const struct bad {
    const char *name, *path;
} bad_rows[] = {
    { "no dollar", "bug$.a" },
    { "a blank", "$.a b" },
    { "no end", "$['a" },
    { "double dot alone", "$.." },
    { "three dots", "$..." },
    { "empty brackets", "$.a[]" },
    { "open filter", "$[?(@.a == 1]" },
    { "call", "States.Array()" },
    { "back reference", "$[?(@.a =~ /(a)\\1/)]" },
    { "repeats in repeats", "$[?(@.a =~ /((a{9}){9}){99}/)]" },
    { "unknown function", "$.a.what()" },
};

// Single quotes stand for double ones, so that rows can be read.
static json_t *value_of(const char *text)
{
    char copy[1024];
    snprintf(copy, sizeof copy, "%s", text);
    sr_test_quotes(copy);
    json_error_t error;
    json_t *value = json_loads(copy, JSON_DECODE_ANY, &error);
    if (!value)
        fail_msg("%s: %s", text, error.text);
    return value;
}

static json_t *store(void)
{
    json_error_t error;
    json_t *value = json_loads(
        "{\"a\":{\"b\":[10,20,30],\"c d\":1,\"x'y\":2},\"list\":[{\"n\":1,\"t\":\"one\"},"
        "{\"n\":2,\"t\":\"two\"},{\"n\":3}],\"e\":[],\"s\":\"text\"}",
        0, &error);
    assert_non_null(value);
    return value;
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *document = store(), *got = NULL;
    sr_auto(asl_path) struct asl_path *path = NULL;
    sr_assert_ok(asl_path_parse(row->path, &path, &err), err);
    if (!row->want) {
        sr_assert_fails(asl_path_read_at(path, document, &got, &err), SR_ERR_NOT_FOUND, err);
        return;
    }
    sr_assert_ok(asl_path_read_at(path, document, &got, &err), err);
    sr_auto(json) json_t *want = value_of(row->want);
    assert_true(json_equal(want, got));
}

static void each_bad(void **state)
{
    const struct bad *row = *state;
    struct sr_err err = { 0 };
    struct asl_path *path = NULL;
    assert_false(asl_path_parse(row->path, &path, &err));
    assert_true(err.code == SR_ERR_INVALID || err.code == SR_ERR_TOO_LARGE);
    assert_null(path);
}

static json_t *write_at(const char *text, const char *document_text, enum sr_err_code want)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *document = value_of(document_text), *before = json_deep_copy(document);
    sr_auto(json) json_t *value = json_integer(9);
    sr_auto(asl_path) struct asl_path *path = NULL;
    json_t *result = NULL;
    sr_assert_ok(asl_path_parse(text, &path, &err), err);
    assert_true(asl_path_is_reference(path));
    const bool written = asl_path_write(path, document, value, &result, &err);
    assert_int_equal(written ? SR_OK : err.code, want);
    assert_true(json_equal(before, document));  // the old one is never touched
    return result;
}

static void writing(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        { "$.a.b", "{'a':{'c':1}}", "{'a':{'c':1,'b':9}}" },
        { "$.x.y", "{}", "{'x':{'y':9}}" },
        { "$", "{'a':1}", "9" },
        { "$.l[1]", "{'l':[1,2,3]}", "{'l':[1,9,3]}" },
    };
    for (size_t i = 0; i < 4; i++) {
        sr_auto(json) json_t *got = write_at(cases[i][0], cases[i][1], SR_OK);
        sr_auto(json) json_t *want = value_of(cases[i][2]);
        assert_true(json_equal(want, got));
    }
    assert_null(write_at("$.a.b", "{'a':1}", SR_ERR_CONFLICT));
    assert_null(write_at("$.l[3]", "{'l':[1]}", SR_ERR_CONFLICT));
    assert_null(write_at("$.a", "[1]", SR_ERR_CONFLICT));
}

static void messages_are_aws_own(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *document = store(), *got = NULL;
    sr_auto(asl_path) struct asl_path *leaf = NULL, *inner = NULL;
    sr_assert_ok(asl_path_parse("$.NoSuch", &leaf, &err), err);
    sr_assert_ok(asl_path_parse("$.no.such", &inner, &err), err);
    sr_assert_fails(asl_path_read_at(leaf, document, &got, &err), SR_ERR_NOT_FOUND, err);
    assert_string_equal(err.message, "No results for path: $['NoSuch']");
    sr_assert_fails(asl_path_read_at(inner, document, &got, &err), SR_ERR_NOT_FOUND, err);
    assert_string_equal(err.message, "Missing property in path $['no']");
}

static void variables_inner_first(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *outer = value_of("{'x':1,'y':2}"), *inner = value_of("{'x':3}"),
                         *got = NULL, *other = NULL;
    const struct asl_vars outside = { outer, NULL }, vars = { inner, &outside };
    const struct asl_scope scope = { .vars = &vars };
    sr_auto(asl_path) struct asl_path *x = NULL, *y = NULL, *z = NULL;
    sr_assert_ok(asl_path_parse("$x", &x, &err), err);
    sr_assert_ok(asl_path_parse("$y", &y, &err), err);
    sr_assert_ok(asl_path_parse("$z.a", &z, &err), err);
    assert_string_equal(asl_path_variable(z), "z");
    sr_assert_ok(asl_path_read(x, &scope, &got, &err), err);
    assert_int_equal(json_integer_value(got), 3);
    sr_assert_ok(asl_path_read(y, &scope, &other, &err), err);
    assert_int_equal(json_integer_value(other), 2);
    sr_assert_fails(asl_path_read(z, &scope, &other, &err), SR_ERR_NOT_FOUND, err);
}

static void a_scan_of_scans_ends(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *deep = json_array(), *got = NULL;
    for (size_t i = 0; i < 300; i++)
        deep = json_pack("[o,i,i,i]", deep, 1, 2, 3);
    sr_auto(asl_path) struct asl_path *path = NULL;
    sr_assert_ok(asl_path_parse("$..*..*..*..*", &path, &err), err);
    sr_assert_fails(asl_path_read_at(path, deep, &got, &err), SR_ERR_LIMIT, err);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(bad_rows) + 4];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    count += SR_TEST_ADD(tests + count, bad_rows, each_bad);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(writing);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(messages_are_aws_own);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(variables_inner_first);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_scan_of_scans_ends);
    return sr_test_run(__FILE__, tests, count);
}
