#include "pipeline/event_pattern.h"

#include "base/str.h"
#include "base/test.h"

static json_t *parse(const char *text)
{
    struct sr_err err = { 0 };
    json_t *json = NULL;
    sr_assert_ok(jx_parse(text, strlen(text), false, &json, &err), err);
    return json;
}

// Verdicts ---------------------------------------------------------------------------------------

static const struct row {
    const char *name, *pattern, *event;
    bool match;
} rows[] = {
    { "a value", "{\"a\":[\"x\"]}", "{\"a\":\"x\"}", true },
    { "another value", "{\"a\":[\"x\"]}", "{\"a\":\"y\"}", false },
    { "one of several", "{\"a\":[\"x\",\"y\"]}", "{\"a\":\"y\"}", true },
    { "one of an array", "{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"q\",\"y\"]}", true },
    { "all fields", "{\"a\":[\"x\"],\"b\":[1]}", "{\"a\":\"x\",\"b\":2}", false },
    { "a field that is not there", "{\"a\":[\"x\"]}", "{}", false },
    { "null", "{\"a\":[null]}", "{\"a\":null}", true },
    { "null is not nothing", "{\"a\":[null]}", "{}", false },
    { "null is not an empty array", "{\"a\":[null]}", "{\"a\":[]}", false },
    { "null is not its name", "{\"a\":[null]}", "{\"a\":\"null\"}", false },
    { "true is not its name", "{\"a\":[true]}", "{\"a\":\"true\"}", false },
    { "a number, spelled otherwise", "{\"a\":[300]}", "{\"a\":3e2}", true },
    { "a number is not a text", "{\"a\":[300]}", "{\"a\":\"300\"}", false },
    { "a number beyond numeric", "{\"a\":[123456789012345]}", "{\"a\":123456789012345}", true },
    { "an address in another spelling", "{\"a\":[\"2001:db8::1\"]}",
      "{\"a\":\"2001:0DB8:0:0::0001\"}", true },
    { "dots join keys", "{\"a.b\":[1]}", "{\"a\":{\"b\":1}}", true },
    { "keys with dots", "{\"a\":{\"b\":[1]}}", "{\"a.b\":1}", true },
    { "a key too deep", "{\"a.b\":{\"b\":[1]}}", "{\"a\":{\"b\":1}}", false },
    { "an empty key", "{\"\":{\"a\":[1]}}", "{\"\":{\"a\":1}}", true },
    { "an empty key is one", "{\"\":{\"a\":[1]}}", "{\"a\":1}", false },
    { "prefix", "{\"a\":[{\"prefix\":\"in/\"}]}", "{\"a\":\"in/x\"}", true },
    { "prefix, elsewhere", "{\"a\":[{\"prefix\":\"in/\"}]}", "{\"a\":\"x/in/\"}", false },
    { "prefix of a number", "{\"a\":[{\"prefix\":\"1\"}]}", "{\"a\":12}", false },
    { "prefix, any case",
      "{\"a\":[{\"prefix\":{\"equals-ignore-case\":\"\xc3\x84"
      "B\"}}]}",
      "{\"a\":\"\xc3\xa4"
      "bc\"}",
      true },
    { "suffix", "{\"a\":[{\"suffix\":\".mp4\"}]}", "{\"a\":\"x.mp4\"}", true },
    { "suffix, longer than the text", "{\"a\":[{\"suffix\":\".mp4\"}]}", "{\"a\":\"mp4\"}", false },
    { "suffix, any case", "{\"a\":[{\"suffix\":{\"equals-ignore-case\":\".MP4\"}}]}",
      "{\"a\":\"\xc3\xa4.mP4\"}", true },
    { "suffix, any case, no", "{\"a\":[{\"suffix\":{\"equals-ignore-case\":\".MP4\"}}]}",
      "{\"a\":\"x.mp5\"}", false },
    { "any case", "{\"a\":[{\"equals-ignore-case\":\"ABC\"}]}", "{\"a\":\"abc\"}", true },
    { "any case, all of it", "{\"a\":[{\"equals-ignore-case\":\"ABC\"}]}", "{\"a\":\"abcd\"}",
      false },
    { "anything but a text", "{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":\"x\"}", false },
    { "anything but a text: a number", "{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":1}", true },
    { "anything but: nothing there", "{\"a\":[{\"anything-but\":\"x\"}]}", "{}", false },
    { "anything but: another element", "{\"a\":[{\"anything-but\":\"x\"}]}",
      "{\"a\":[\"x\",\"y\"]}", true },
    { "anything but numbers", "{\"a\":[{\"anything-but\":[1,2]}]}", "{\"a\":2.0}", false },
    { "anything but numbers: a text", "{\"a\":[{\"anything-but\":[1,2]}]}", "{\"a\":\"2\"}", true },
    { "anything but prefixes", "{\"a\":[{\"anything-but\":{\"prefix\":[\"a\",\"b\"]}}]}",
      "{\"a\":\"bx\"}", false },
    { "anything but prefixes: null", "{\"a\":[{\"anything-but\":{\"prefix\":[\"a\",\"b\"]}}]}",
      "{\"a\":null}", true },
    { "anything but a suffix", "{\"a\":[{\"anything-but\":{\"suffix\":\".mp4\"}}]}",
      "{\"a\":\"a.mp4\"}", false },
    { "anything but any case",
      "{\"a\":[{\"anything-but\":{\"equals-ignore-case\":[\"A\",\"B\"]}}]}", "{\"a\":\"b\"}",
      false },
    { "anything but a wildcard", "{\"a\":[{\"anything-but\":{\"wildcard\":\"out/*.mp4\"}}]}",
      "{\"a\":\"out/x.mp4\"}", false },
    { "wildcard", "{\"a\":[{\"wildcard\":\"a*b*c\"}]}", "{\"a\":\"axxbyybzzc\"}", true },
    { "wildcard, all of it", "{\"a\":[{\"wildcard\":\"a*b\"}]}", "{\"a\":\"axbc\"}", false },
    { "wildcard, a star itself", "{\"a\":[{\"wildcard\":\"a\\\\*b\"}]}", "{\"a\":\"a*b\"}", true },
    { "wildcard, only a star", "{\"a\":[{\"wildcard\":\"a\\\\*b\"}]}", "{\"a\":\"axb\"}", false },
    { "wildcard, a backslash", "{\"a\":[{\"wildcard\":\"a\\\\\\\\*\"}]}", "{\"a\":\"a\\\\b\"}",
      true },
    { "numeric", "{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":5}", true },
    { "numeric, open below", "{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":0}", false },
    { "numeric, open above", "{\"a\":[{\"numeric\":[\">=\",0,\"<\",5]}]}", "{\"a\":5}", false },
    { "numeric, fractions", "{\"a\":[{\"numeric\":[\"=\",0.3]}]}", "{\"a\":0.3}", true },
    { "numeric, too large for it", "{\"a\":[{\"numeric\":[\">\",0]}]}", "{\"a\":6e11}", false },
    { "cidr", "{\"a\":[{\"cidr\":\"10.0.0.0/24\"}]}", "{\"a\":\"10.0.0.255\"}", true },
    { "cidr, outside", "{\"a\":[{\"cidr\":\"10.0.0.0/24\"}]}", "{\"a\":\"10.0.1.0\"}", false },
    { "cidr, not on a byte", "{\"a\":[{\"cidr\":\"10.0.0.0/22\"}]}", "{\"a\":\"10.0.3.9\"}", true },
    { "cidr, the other family", "{\"a\":[{\"cidr\":\"10.0.0.0/8\"}]}", "{\"a\":\"::a00:1\"}",
      false },
    { "cidr, no address", "{\"a\":[{\"cidr\":\"0.0.0.0/0\"}]}", "{\"a\":\"host\"}", false },
    { "cidr v6", "{\"a\":[{\"cidr\":\"2001:db8::/33\"}]}", "{\"a\":\"2001:db8:7fff::1\"}", true },
    { "exists", "{\"a\":{\"b\":[{\"exists\":true}]}}", "{\"a\":{\"b\":null}}", true },
    { "exists: an empty array does not", "{\"a\":[{\"exists\":true}]}", "{\"a\":[]}", false },
    { "exists: an object is no value", "{\"a\":[{\"exists\":true}]}", "{\"a\":{\"b\":1}}", false },
    { "exists not", "{\"a\":[{\"exists\":false}],\"b\":[1]}", "{\"b\":1}", true },
    { "exists not, but does", "{\"a\":[{\"exists\":false}]}", "{\"a\":\"x\"}", false },
    { "exists not, or a value", "{\"a\":[{\"exists\":false},\"x\"]}", "{\"a\":\"x\"}", true },
    { "$or, first", "{\"$or\":[{\"a\":[1]},{\"b\":[2]}]}", "{\"a\":1}", true },
    { "$or, second", "{\"$or\":[{\"a\":[1]},{\"b\":[2]}]}", "{\"b\":2}", true },
    { "$or, none", "{\"$or\":[{\"a\":[1]},{\"b\":[2]}]}", "{\"a\":2,\"b\":1}", false },
    { "$or and a field before", "{\"c\":[3],\"$or\":[{\"a\":[1]},{\"b\":[2]}]}", "{\"a\":1}",
      false },
    { "$or and a field behind", "{\"$or\":[{\"a\":[1]},{\"b\":[2]}],\"c\":[3]}",
      "{\"a\":1,\"c\":4}", false },
    { "$or in $or, deep",
      "{\"d\":{\"$or\":[{\"a\":[1],\"$or\":[{\"x\":[1]},{\"y\":[1]}]},{\"b\":[2]}]}}",
      "{\"d\":{\"a\":1,\"y\":1}}", true },
    { "$or in $or, half",
      "{\"d\":{\"$or\":[{\"a\":[1],\"$or\":[{\"x\":[1]},{\"y\":[1]}]},{\"b\":[2]}]}}",
      "{\"d\":{\"a\":1,\"b\":1}}", false },
    { "a name again inside $or takes its place", "{\"a\":[1],\"$or\":[{\"a\":[2]},{\"b\":[2]}]}",
      "{\"a\":2}", true },
    { "elements of one array", "{\"r\":{\"a\":[1],\"b\":[2]}}",
      "{\"r\":[{\"a\":1,\"b\":3},{\"a\":4,\"b\":2}]}", false },
    { "one element of an array", "{\"r\":{\"a\":[1],\"b\":[2]}}",
      "{\"r\":[{\"a\":1,\"b\":3},{\"a\":1,\"b\":2}]}", true },
    { "elements of two arrays", "{\"r\":{\"a\":[1]},\"s\":{\"b\":[2]}}",
      "{\"r\":[{},{\"a\":1}],\"s\":[{\"b\":2}]}", true },
    { "arrays in arrays", "{\"r\":{\"a\":[1],\"b\":[2]}}",
      "{\"r\":[[{\"a\":1},{\"b\":2}],[{\"b\":2,\"a\":1}]]}", true },
    { "arrays in arrays, apart", "{\"r\":{\"a\":[1],\"b\":[2]}}", "{\"r\":[[{\"a\":1},{\"b\":2}]]}",
      false },
    { "an upload",
      "{\"source\":[\"aws.s3\"],\"detail-type\":[\"Object Created\"],\"detail\":{\"bucket\":{\"name\":[\"incoming\"]},"
      "\"object\":{\"key\":[{\"suffix\":\".mp4\"},{\"suffix\":\".mov\"}],\"size\":[{\"numeric\":[\">\",0]}]}}}",
      "{\"source\":\"aws.s3\",\"detail-type\":\"Object Created\",\"detail\":{\"bucket\":{\"name\":\"incoming\"},"
      "\"object\":{\"key\":\"a/b.mov\",\"size\":3000}}}",
      true },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    bool match = !row->match;
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(event_pattern) struct event_pattern *pattern = NULL;
    sr_auto(json) json_t *json = parse(row->pattern);
    sr_auto(json) json_t *event = parse(row->event);
    const struct jx root = jx_root(json);
    sr_assert_ok(event_pattern_parse(&root, &faults, &pattern, &err), err);
    assert_int_equal(faults.count, 0);
    assert_non_null(pattern);
    sr_assert_ok(event_pattern_match(pattern, event, &match, &err), err);
    assert_int_equal(match, row->match);
}

// Faults -----------------------------------------------------------------------------------------

static const struct mistake {
    const char *name, *pattern;
    const char *fault;  // "PLACE: MESSAGE" of each, with newlines between
} mistakes[] = {
    { "no object", "[]", "$: Filter is not an object" },
    { "nothing", "{}", "$: Empty objects are not allowed" },
    { "nothing inside", "{\"a\":{}}", "$.a: Empty objects are not allowed" },
    { "no list", "{\"a\":\"x\"}", "$.a: \"a\" must be an object or an array" },
    { "an empty list", "{\"a\":[]}", "$.a: Empty arrays are not allowed" },
    { "a list in a list", "{\"a\":[[]]}",
      "$.a[0]: Match value must be String, number, true, false, or null" },
    { "an empty expression", "{\"a\":[{}]}", "$.a[0]: Match expression name not found" },
    { "no operator", "{\"a\":[{\"infix\":1}]}", "$.a[0]: Unrecognized match type infix" },
    { "two operators", "{\"a\":[{\"prefix\":\"x\",\"suffix\":\"y\"}]}",
      "$.a[0]: Only one key allowed in match expression" },
    { "all of them", "{\"a\":[{\"prefix\":1}],\"b\":{\"c\":7},\"d\":[\"fine\",{\"exists\":1}]}",
      "$.a[0].prefix: prefix match pattern must be a string\n$.b.c: \"c\" must be an object or an array\n"
      "$.d[1].exists: exists match pattern must be either true or false." },
    { "prefix, of what", "{\"a\":[{\"prefix\":{\"prefix\":\"x\"}}]}",
      "$.a[0].prefix: Unsupported prefix pattern: prefix" },
    { "suffix, empty", "{\"a\":[{\"suffix\":{}}]}",
      "$.a[0].suffix: Suffix expression name not found" },
    { "suffix, any case, no text", "{\"a\":[{\"suffix\":{\"equals-ignore-case\":1}}]}",
      "$.a[0].suffix['equals-ignore-case']: equals-ignore-case match pattern must be a string" },
    { "wildcard, two stars", "{\"a\":[{\"wildcard\":\"a**\"}]}",
      "$.a[0].wildcard: Consecutive wildcard characters at pos 2" },
    { "wildcard, bad escape", "{\"a\":[{\"wildcard\":\"a\\\\n\"}]}",
      "$.a[0].wildcard: Invalid escape character at pos 2" },
    { "wildcard, backslash at the end", "{\"a\":[{\"wildcard\":\"a\\\\\"}]}",
      "$.a[0].wildcard: Invalid escape character at pos 2" },
    { "wildcard, many stars", "{\"a\":[{\"wildcard\":\"*a*b*c*d*e*\"}]}",
      "$.a[0].wildcard: Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character" },
    { "anything but nothing", "{\"a\":[{\"anything-but\":[]}]}",
      "$.a[0]['anything-but']: Inside anything but list, either all values are number or string, mixed type is not supported" },
    { "anything but a mixture", "{\"a\":[{\"anything-but\":[1,\"x\"]}]}",
      "$.a[0]['anything-but']: Inside anything but list, either all values are number or string, mixed type is not supported" },
    { "anything but a truth", "{\"a\":[{\"anything-but\":[true]}]}",
      "$.a[0]['anything-but'][0]: Inside anything but list, start|null|boolean is not supported." },
    { "anything but numeric", "{\"a\":[{\"anything-but\":{\"numeric\":[\"=\",1]}}]}",
      "$.a[0]['anything-but']: Unsupported anything-but pattern: numeric" },
    { "anything but an empty suffix", "{\"a\":[{\"anything-but\":{\"suffix\":[\"x\",\"\"]}}]}",
      "$.a[0]['anything-but'].suffix[1]: Null prefix/suffix not allowed" },
    { "anything but two", "{\"a\":[{\"anything-but\":{\"suffix\":\"x\",\"prefix\":\"x\"}}]}",
      "$.a[0]['anything-but']: Only one key allowed in match expression" },
    { "numeric, empty", "{\"a\":[{\"numeric\":[]}]}",
      "$.a[0].numeric: Invalid member in numeric match: want an operator" },
    { "numeric, no number", "{\"a\":[{\"numeric\":[\">\"]}]}",
      "$.a[0].numeric: Value of > must be numeric" },
    { "numeric, a text", "{\"a\":[{\"numeric\":[\"=\",\"1\"]}]}",
      "$.a[0].numeric[1]: Value of equals must be numeric" },
    { "numeric, unknown", "{\"a\":[{\"numeric\":[\"!=\",1]}]}",
      "$.a[0].numeric[0]: Unrecognized numeric range operator: !=" },
    { "numeric, too much", "{\"a\":[{\"numeric\":[\"=\",1,\"<\",2]}]}",
      "$.a[0].numeric: Too many elements in numeric expression" },
    { "numeric, far too much", "{\"a\":[{\"numeric\":[\">\",1,\"<\",2,3]}]}",
      "$.a[0].numeric: Too many terms in numeric range expression" },
    { "numeric, backwards", "{\"a\":[{\"numeric\":[\">\",2,\"<\",1]}]}",
      "$.a[0].numeric: Bottom must be less than top" },
    { "numeric, half a range", "{\"a\":[{\"numeric\":[\">\",2,\"<\"]}]}",
      "$.a[0].numeric: Value of < must be numeric" },
    { "numeric, too large", "{\"a\":[{\"numeric\":[\">\",1e12]}]}",
      "$.a[0].numeric[1]: Value must be between -5.0E11 and 5.0E11, inclusive" },
    { "cidr, two slashes", "{\"a\":[{\"cidr\":\"1.2.3.4/5/6\"}]}",
      "$.a[0].cidr: Malformed CIDR, one '/' required" },
    { "cidr, nothing behind it", "{\"a\":[{\"cidr\":\"1.2.3.4/\"}]}",
      "$.a[0].cidr: Malformed CIDR, one '/' required" },
    { "cidr, negative", "{\"a\":[{\"cidr\":\"1.2.3.4/-1\"}]}",
      "$.a[0].cidr: Malformed CIDR, mask bits must not be negative" },
    { "cidr, a blank", "{\"a\":[{\"cidr\":\"1.2.3.4/ 8\"}]}",
      "$.a[0].cidr: Malformed CIDR, mask bits must be an integer" },
    { "cidr, 32", "{\"a\":[{\"cidr\":\"1.2.3.4/32\"}]}",
      "$.a[0].cidr: IPv4 mask bits must be < 32" },
    { "cidr, 128", "{\"a\":[{\"cidr\":\"::/128\"}]}", "$.a[0].cidr: IPv6 mask bits must be < 128" },
    { "cidr, a name", "{\"a\":[{\"cidr\":\"host/8\"}]}",
      "$.a[0].cidr: Nonstandard IP address: host" },
    { "$or, no list", "{\"$or\":{\"a\":[1]}}", "$['$or']: It must be an Array followed with $or." },
    { "$or, one", "{\"$or\":[{\"a\":[1]}]}",
      "$['$or']: There must have at least 2 Objects in $or relationship." },
    { "$or, no objects", "{\"$or\":[{\"a\":[1]},7]}",
      "$['$or'][1]: Only JSON object is allowed in array of $or relationship." },
    { "$or, an operator's name", "{\"$or\":[{\"prefix\":[1]},{\"a\":[1]}]}",
      "$['$or'][0].prefix: prefix is Ruler reserved fieldName which cannot be used inside $or." },
};

static void add_fault(struct sr_str *text, const struct fault *fault)
{
    struct sr_err err = { 0 };
    const char *const between = text->bytes ? "\n" : "";
    sr_assert_ok(sr_str_addf(text, &err, "%s%s: %s", between, fault->place, fault->message), err);
}

static void each_mistake(void **state)
{
    const struct mistake *row = *state;
    struct sr_err err = { 0 };
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(event_pattern) struct event_pattern *pattern = NULL;
    sr_auto(sr_str) struct sr_str told = { 0 };
    sr_auto(json) json_t *json = parse(row->pattern);
    const struct jx root = jx_root(json);
    sr_assert_ok(event_pattern_parse(&root, &faults, &pattern, &err), err);
    assert_null(pattern);
    for (size_t i = 0; i < faults.count; i++)
        add_fault(&told, &faults.items[i]);
    assert_string_equal(sr_str_text(&told), row->fault);
}

// Limits -----------------------------------------------------------------------------------------

static json_t *one_value(void)
{
    return json_pack("[i]", 1);
}

// `count` fields of one name and a number; NAME may nest them: "a.b".
static json_t *wide(const char *name, int count)
{
    char key[64];
    json_t *object = json_object();
    for (int i = 0; i < count; i++) {
        (void)snprintf(key, sizeof key, "%s%d", name, i);
        json_object_set_new(object, key, one_value());
    }
    return object;
}

static void assert_limit(json_t *json, const char *want)
{
    struct sr_err err = { 0 };
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(event_pattern) struct event_pattern *pattern = NULL;
    const struct jx root = jx_root(json);
    sr_assert_ok(event_pattern_parse(&root, &faults, &pattern, &err), err);
    assert_null(pattern);
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.items[0].message, want);
    json_decref(json);
}

static void too_large(void **state)
{
    (void)state;
    assert_limit(wide("f", EVENT_PATTERN_FIELDS_MAX + 1), "more than 1000 fields");

    json_t *list = json_array();
    for (int i = 0; i <= EVENT_PATTERN_TESTS_MAX; i++)
        json_array_append_new(list, json_integer(i));
    assert_limit(json_pack("{so}", "a", list), "more than 10000 values");

    json_t *many = json_object();  // eleven pairs of alternatives: 2048 branches
    json_t *at = many;
    for (int i = 0; i < 11; i++) {
        json_t *next = json_object();
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        json_object_set_new(at, "$or", json_pack("[{s[i]},{s[i]}]", "a", 1, "b", 1));
        json_object_set_new(at, key, next);
        at = next;
    }
    json_object_set_new(at, "end", one_value());
    assert_limit(many, "more than 1000 branches of $or");

    json_t *cells = wide("f", 300);  // 300 fields in each of 400 branches
    json_t * or = json_array();
    for (int i = 0; i < 400; i++)
        json_array_append_new(or, json_pack("{s[i]}", "x", i));
    json_object_set_new(cells, "$or", or);
    json_t *rest = wide("g", 1);
    json_object_update(cells, rest);
    json_decref(rest);
    assert_limit(cells, "more than 100000 fields in all branches of $or");

    char *name = malloc(EVENT_PATTERN_NAME_BYTES_MAX + 2);
    assert_non_null(name);
    memset(name, 'a', EVENT_PATTERN_NAME_BYTES_MAX + 1);
    name[EVENT_PATTERN_NAME_BYTES_MAX + 1] = '\0';
    assert_limit(json_pack("{s[i]}", name, 1), "more than 4096 bytes in a field's path");
    free(name);
}

// Every field has a value in each of many elements, the last one has none that goes with them.
static void takes_too_long(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    bool match;
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(event_pattern) struct event_pattern *pattern = NULL;
    sr_auto(json) json_t *json = json_object();
    sr_auto(json) json_t *event = json_object();
    for (int i = 0; i < 8; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        json_object_set_new(json, key, json_pack("{s[i]}", "a", 1));
        json_t *list = json_array();
        for (int j = 0; j < 40; j++)
            json_array_append_new(list, json_pack("{si}", "a", 1));
        json_object_set_new(event, key, list);
    }
    // two fields of one array that never lie in the same element
    json_object_set_new(json, "z", json_pack("{s[i]s[i]}", "a", 1, "b", 1));
    json_object_set_new(event, "z", json_pack("[{si}{si}]", "a", 1, "b", 1));
    const struct jx root = jx_root(json);
    sr_assert_ok(event_pattern_parse(&root, &faults, &pattern, &err), err);
    assert_non_null(pattern);
    sr_assert_fails(event_pattern_match(pattern, event, &match, &err), SR_ERR_LIMIT, err);
}

static void no_event(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    bool match;
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(event_pattern) struct event_pattern *pattern = NULL;
    sr_auto(json) json_t *json = parse("{\"a\":[1]}");
    const struct jx root = jx_root(json);
    sr_assert_ok(event_pattern_parse(&root, &faults, &pattern, &err), err);
    sr_assert_fails(event_pattern_match(pattern, NULL, &match, &err), SR_ERR_INVALID, err);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(mistakes) + 3];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    count += SR_TEST_ADD(tests + count, mistakes, each_mistake);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_large);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(takes_too_long);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(no_event);
    return sr_test_run(__FILE__, tests, count);
}
