#include "statemachine/asl_intrinsic.h"

#include "base/jx.h"
#include "base/test.h"

// Spec: ASL Appendix B, with the input {"a":[1,2,2,3],"o":{"k":1,"l":[]},"t":"a,b;;c","n":2}.
static const struct row {
    const char *name, *call;
    const char *want;  // JSON; NULL: States.IntrinsicFailure
} rows[] = {
    { "Array", "States.Array('x', 2, $.n, true, null)", "[\"x\",2,2,true,null]" },
    { "Array of nothing", "States.Array()", "[]" },
    { "ArrayPartition", "States.ArrayPartition($.a, 3)", "[[1,2,2],[3]]" },
    { "ArrayPartition by zero", "States.ArrayPartition($.a, 0)", NULL },
    { "ArrayContains", "States.ArrayContains($.a, 3)", "true" },
    { "ArrayContains not", "States.ArrayContains($.a, '3')", "false" },
    { "ArrayRange", "States.ArrayRange(1, 9, 2)", "[1,3,5,7,9]" },
    { "ArrayRange down", "States.ArrayRange(3, 1, -1)", "[3,2,1]" },
    { "ArrayRange without step", "States.ArrayRange(1, 9, 0)", NULL },
    { "ArrayRange too long", "States.ArrayRange(0, 1000, 1)", NULL },
    { "ArrayGetItem", "States.ArrayGetItem($.a, $.n)", "2" },
    { "ArrayGetItem outside", "States.ArrayGetItem($.a, 4)", NULL },
    { "ArrayLength", "States.ArrayLength($.a)", "4" },
    { "ArrayLength of text", "States.ArrayLength($.t)", NULL },
    { "ArrayUnique", "States.ArrayUnique($.a)", "[1,2,3]" },
    { "Base64Encode", "States.Base64Encode('Data to encode')", "\"RGF0YSB0byBlbmNvZGU=\"" },
    { "Base64Decode", "States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", "\"Data to encode\"" },
    { "Base64Decode of something else", "States.Base64Decode('?')", NULL },
    { "Hash MD5", "States.Hash('input data', 'MD5')", "\"812f45842bc6d66ee14572ce20db8e86\"" },
    { "Hash SHA-1", "States.Hash('input data', 'SHA-1')",
      "\"aaff4a450a104cd177d28d18d74485e8cae074b7\"" },
    { "Hash of no such name", "States.Hash('x', 'CRC')", NULL },
    { "JsonMerge", "States.JsonMerge($.o, States.StringToJson('{\"k\":2}'), false)",
      "{\"k\":2,\"l\":[]}" },
    { "JsonMerge deep", "States.JsonMerge($.o, $.o, true)", NULL },
    { "StringToJson", "States.StringToJson('[1]')", "[1]" },
    { "StringToJson of blanks", "States.StringToJson(' ')", "null" },
    { "StringToJson of rubbish", "States.StringToJson('{')", NULL },
    { "JsonToString", "States.JsonToString($.o)", "\"{\\\"k\\\":1,\\\"l\\\":[]}\"" },
    { "MathAdd rounds half up", "States.MathAdd(-1.5, 2.5)", "2" },
    { "MathAdd of text", "States.MathAdd($.t, 1)", NULL },
    { "StringSplit", "States.StringSplit($.t, ',;')", "[\"a\",\"b\",\"c\"]" },
    { "Format", "States.Format('{} \\{\\} {}', $.o, 'it\\'s')", "\"{k=1, l=[]} {} it's\"" },
    { "Format with too few", "States.Format('{} {}', 1)", NULL },
    { "Format with too many", "States.Format('{}', 1, 2)", NULL },
};

static const struct bad {
    const char *name, *call;
} bad_rows[] = {
    { "unknown", "States.Nothing(1)" },
    { "too few arguments", "States.Hash('x')" },
    { "no end", "States.Array(1" },
    { "more behind it", "States.Array(1) 2" },
    { "no call", "'text'" },
    { "unknown escape", "States.Format('\\\"')" },
    { "literal of a wrong type", "States.MathAdd(1,'-1')" },
    { "a broken path", "States.Array($.a[)" },
    { "too deep",
      "States.Array(States.Array(States.Array(States.Array(States.Array(States.Array(States.Array("
      "States.Array(States.Array(States.Array(States.Array(1)))))))))))" },
};

static json_t *input(void)
{
    json_error_t error;
    return json_loads("{\"a\":[1,2,2,3],\"o\":{\"k\":1,\"l\":[]},\"t\":\"a,b;;c\",\"n\":2}", 0,
                      &error);
}

static bool call(const char *text, uint64_t seed, json_t **ret_value, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    sr_auto(asl_intrinsic) struct asl_intrinsic *intrinsic = NULL;
    sr_auto(json) json_t *value = input();
    const struct asl_scope scope = { .input = value };
    struct asl_random random = { seed };
    sr_assert_ok(asl_intrinsic_parse(text, &intrinsic, &err), err);
    return asl_intrinsic_apply(intrinsic, &scope, &random, ret_value, failure);
}

static void each_row(void **state)
{
    const struct row *row = *state;
    sr_auto(json) json_t *got = NULL;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    const bool called = call(row->call, 1, &got, &failure);
    if (!row->want) {
        assert_false(called);
        assert_string_equal(failure.error, ASL_ERROR_INTRINSIC);
        return;
    }
    if (!called)
        fail_msg("%s", failure.cause);
    json_error_t error;
    sr_auto(json) json_t *want = json_loads(row->want, JSON_DECODE_ANY, &error);
    assert_true(json_equal(want, got));
}

static void each_bad(void **state)
{
    const struct bad *row = *state;
    struct sr_err err = { 0 };
    struct asl_intrinsic *intrinsic = NULL;
    sr_assert_fails(asl_intrinsic_parse(row->call, &intrinsic, &err), SR_ERR_INVALID, err);
}

static void chance_comes_from_the_seed(void **state)
{
    (void)state;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    for (uint64_t seed = 0; seed < 200; seed++) {
        sr_auto(json) json_t *a = NULL, *b = NULL, *id = NULL;
        assert_true(call("States.MathRandom(-3, 5)", seed, &a, &failure));
        assert_true(call("States.MathRandom(-3, 5)", seed, &b, &failure));
        assert_true(json_equal(a, b));
        assert_in_range(json_integer_value(a) + 3, 0, 7);
        assert_true(call("States.UUID()", seed, &id, &failure));
        assert_int_equal(strlen(json_string_value(id)), 36);
        assert_int_equal(json_string_value(id)[14], '4');
    }
    sr_auto(json) json_t *one = NULL, *two = NULL;
    assert_true(call("States.MathRandom(0, 1000000, 7)", 1, &one, &failure));
    assert_true(call("States.MathRandom(0, 1000000, 7)", 2, &two, &failure));
    assert_true(json_equal(one, two));
}

static void a_missing_path_is_a_runtime_failure(void **state)
{
    (void)state;
    sr_auto(json) json_t *got = NULL;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    assert_false(call("States.Array($.none)", 1, &got, &failure));
    assert_string_equal(failure.error, ASL_ERROR_RUNTIME);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(bad_rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    count += SR_TEST_ADD(tests + count, bad_rows, each_bad);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(chance_comes_from_the_seed);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_missing_path_is_a_runtime_failure);
    return sr_test_run(__FILE__, tests, count);
}
