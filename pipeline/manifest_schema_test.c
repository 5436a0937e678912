// The parser against the published schema: documents changed leaf by leaf get the same verdict from
// both.
#include "pipeline/manifest.h"

#include <regex.h>

#include "base/io.h"
#include "base/str.h"
#include "pipeline/manifest_whole.h"

// A validator of the part of JSON Schema that our schema uses; any other keyword fails the test.
static bool valid(const json_t *schema, const json_t *value, const json_t *root);

static bool matches(const char *pattern, const char *text)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    const bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static bool has_type(const char *type, const json_t *value)
{
    static const struct {
        const char *name;
        json_type types[2];
    } known[] = {
        { "object", { JSON_OBJECT, JSON_OBJECT } }, { "array", { JSON_ARRAY, JSON_ARRAY } },
        { "string", { JSON_STRING, JSON_STRING } }, { "integer", { JSON_INTEGER, JSON_INTEGER } },
        { "number", { JSON_INTEGER, JSON_REAL } },  { "boolean", { JSON_TRUE, JSON_FALSE } },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(known); i++) {
        if (strcmp(type, known[i].name) == 0)
            return json_typeof(value) == known[i].types[0] ||
                   json_typeof(value) == known[i].types[1];
    }
    fail_msg("type %s", type);
    return false;
}

static bool valid_members(const json_t *schema, const json_t *value, const json_t *root)
{
    const json_t *const properties = json_object_get(schema, "properties");
    const json_t *const other = json_object_get(schema, "additionalProperties");
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member)
    {
        const json_t *const known = json_object_get(properties, key);
        if (known
                ? !valid(known, member, root)
                : (json_is_false(other) || (json_is_object(other) && !valid(other, member, root))))
            return false;
    }
    const json_t *const required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        if (!json_object_get(value, json_string_value(json_array_get(required, i))))
            return false;
    }
    return true;
}

static bool any_valid(const json_t *list, const json_t *value, const json_t *root, bool by_equality)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const one = json_array_get(list, i);
        if (by_equality ? json_equal(one, value) : valid(one, value, root))
            return true;
    }
    return false;
}

static bool all_differ(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        for (size_t j = 0; j < i; j++) {
            if (json_equal(json_array_get(list, i), json_array_get(list, j)))
                return false;
        }
    }
    return true;
}

static bool valid_keyword(const char *word, const json_t *rule, const json_t *schema,
                          const json_t *value, const json_t *root)
{
    const double number = json_number_value(value), limit = json_number_value(rule);
    const json_int_t whole_limit = json_integer_value(rule);
    if (strcmp(word, "$ref") == 0) {
        const char *const name = strrchr(json_string_value(rule), '/') + 1;
        const json_t *const target = json_object_get(json_object_get(root, "$defs"), name);
        assert_non_null(target);
        return valid(target, value, root);
    }
    if (strcmp(word, "type") == 0)
        return has_type(json_string_value(rule), value);
    if (strcmp(word, "const") == 0)
        return json_equal(rule, value);
    if (strcmp(word, "enum") == 0)
        return any_valid(rule, value, root, true);
    if (strcmp(word, "anyOf") == 0)
        return any_valid(rule, value, root, false);
    if (strcmp(word, "minimum") == 0)
        return !json_is_number(value) || number >= limit;
    if (strcmp(word, "exclusiveMinimum") == 0)
        return !json_is_number(value) || number > limit;
    if (strcmp(word, "maximum") == 0)
        return !json_is_number(value) || number <= limit;
    if (strcmp(word, "minLength") == 0)
        return !json_is_string(value) || (json_int_t)json_string_length(value) >= whole_limit;
    if (strcmp(word, "maxLength") == 0)
        return !json_is_string(value) || (json_int_t)json_string_length(value) <= whole_limit;
    if (strcmp(word, "minItems") == 0)
        return !json_is_array(value) || (json_int_t)json_array_size(value) >= whole_limit;
    if (strcmp(word, "maxItems") == 0)
        return !json_is_array(value) || (json_int_t)json_array_size(value) <= whole_limit;
    if (strcmp(word, "uniqueItems") == 0)
        return !json_is_array(value) || all_differ(value);
    if (strcmp(word, "maxProperties") == 0)
        return !json_is_object(value) || (json_int_t)json_object_size(value) <= whole_limit;
    if (strcmp(word, "pattern") == 0)
        return !json_is_string(value) || matches(json_string_value(rule), json_string_value(value));
    if (strcmp(word, "items") == 0) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (!valid(rule, json_array_get(value, i), root))
                return false;
        }
        return true;
    }
    if (strcmp(word, "properties") == 0)
        return !json_is_object(value) || valid_members(schema, value, root);
    if (strcmp(word, "additionalProperties") == 0 || strcmp(word, "required") == 0)
        return !json_is_object(value) || json_object_get(schema, "properties") ||
               valid_members(schema, value, root);
    if (strcmp(word, "description") == 0 || strcmp(word, "title") == 0 ||
        strcmp(word, "$schema") == 0 || strcmp(word, "$defs") == 0)
        return true;
    fail_msg("the schema uses \"%s\", which this test does not know", word);
    return false;
}

static bool valid(const json_t *schema, const json_t *value, const json_t *root)
{
    const char *word;
    json_t *rule;
    json_object_foreach((json_t *)schema, word, rule)
    {
        if (!valid_keyword(word, rule, schema, value, root))
            return false;
    }
    return true;
}

static json_t *load_schema(void)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    size_t bytes;
    json_t *schema = NULL;
    sr_assert_ok(sr_file_load("pipeline/manifest.schema.json", 1 << 20, &text, &bytes, &err), err);
    sr_assert_ok(jx_parse(text, bytes, false, &schema, &err), err);
    return schema;
}

struct walk {
    const json_t *schema;
    json_t *document;
    size_t compared, refused;
};

// Refusals for which a schema has no words: a length's range in a string, what refers to something
// else, places.
static bool is_semantic(const struct sr_err *err)
{
    static const char *const parts[] = { "want a length from",
                                         "want bits as",
                                         "want frames per second",
                                         "there is no rendition",
                                         "is taken by",
                                         "several outputs need",
                                         "needs \"maxrate\"",
                                         "want a file's name",
                                         ".path: ",
                                         "a stream's index",
                                         "video renditions give",
                                         "audio renditions only",
                                         "is used twice",
                                         "brings its own",
                                         "\"outputs\"",
                                         "there are paths",
                                         "can only be read",
                                         "names no bucket",
                                         "no rendition fits",
                                         "output \"",
                                         "\"renditions\" is missing",
                                         "want 1 to 4096 bytes" };
    for (size_t i = 0; i < SR_TEST_COUNT(parts); i++) {
        if (strstr(err->message, parts[i]))
            return true;
    }
    return false;
}

static void compare(struct walk *walk, const char *what)
{
    struct sr_err err = { 0 };
    sr_auto(manifest) struct manifest *manifest = NULL;
    const bool schema_takes = valid(walk->schema, walk->document, walk->schema);
    const bool parser_takes =
        manifest_take(json_deep_copy(walk->document), NULL, NULL, &manifest, &err);
    walk->compared++;
    walk->refused += !parser_takes;
    if (schema_takes != parser_takes && !(schema_takes && is_semantic(&err))) {
        sr_auto(char) char *text = json_dumps(walk->document, JSON_COMPACT);
        fail_msg("%s: the schema %s, the parser %s (%s): %s", what,
                 schema_takes ? "takes" : "refuses", parser_takes ? "takes" : "refuses",
                 err.message, text);
    }
}

// Every value a leaf is changed to: wrong types, edges of ranges, strings of each kind.
static json_t *changed(size_t i)
{
    static const char *const texts[] = { "",    "x",          "auto", "none", "all",    "10s",
                                         "6M",  "30000/1001", "../x", "v:0",  "a:0",    "en",
                                         "hls", "mp4",        "h264", "aac",  "copy",   "-1",
                                         "a b", "grid",       "mp4-", "0",    "medium", "1e9" };
    static const json_int_t numbers[] = {
        -1,   0,    1,    2,      16,     17,         51,         52,
        90,   100,  101,  127,    128,    999,        1000,       1001,
        8000, 8192, 8193, 192000, 192001, 2000000000, 2000000001, 9007199254740993
    };
    const size_t text_count = SR_TEST_COUNT(texts), number_count = SR_TEST_COUNT(numbers);
    if (i < text_count)
        return json_string(texts[i]);
    i -= text_count;
    if (i < number_count)
        return json_integer(numbers[i]);
    i -= number_count;
    switch (i) {
    case 0: return json_null();
    case 1: return json_true();
    case 2: return json_false();
    case 3: return json_object();
    case 4: return json_array();
    case 5: return json_real(0.5);
    case 6: return json_real(51.5);
    case 7: return json_pack("{s:i}", "a", 1);
    case 8: return json_pack("[s]", "x");
    default: return NULL;
    }
}

static void walk_value(struct walk *walk, json_t *value, const char *name);

static void change_member(struct walk *walk, json_t *object, const char *key)
{
    sr_auto(json) json_t *was = json_incref(json_object_get(object, key));
    json_t *now;
    for (size_t i = 0; (now = changed(i)); i++) {
        assert_int_equal(json_object_set_new(object, key, now), 0);
        compare(walk, key);
    }
    assert_int_equal(json_object_del(object, key), 0);
    compare(walk, key);
    assert_int_equal(json_object_set(object, key, was), 0);
    walk_value(walk, was, key);
}

static void walk_value(struct walk *walk, json_t *value, const char *name)
{
    if (json_is_object(value)) {
        const char *keys[64];
        size_t count = 0;
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member)
        {
            keys[count++] = strdup(key);
        }
        for (size_t i = 0; i < count; i++) {
            change_member(walk, value, keys[i]);
            free((char *)keys[i]);
        }
        assert_int_equal(json_object_set_new(value, "unknown_key", json_integer(1)), 0);
        compare(walk, name);
        assert_int_equal(json_object_del(value, "unknown_key"), 0);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        sr_auto(json) json_t *was = json_incref(json_array_get(value, i));
        json_t *now;
        for (size_t j = 0; (now = changed(j)); j++) {
            assert_int_equal(json_array_set_new(value, i, now), 0);
            compare(walk, name);
        }
        assert_int_equal(json_array_set(value, i, was), 0);
        walk_value(walk, was, name);
    }
}

static void parser_and_schema_agree(void **state)
{
    (void)state;
    sr_auto(json) json_t *schema = load_schema();
    sr_auto(json) json_t *document = manifest_whole();
    struct walk walk = { .schema = schema, .document = document };
    compare(&walk, "whole");
    assert_int_equal(walk.refused, 0);
    walk_value(&walk, document, "root");
    assert_true(walk.compared > 2000);
    assert_true(walk.refused > 1500 && walk.refused < walk.compared);
}

// Every property that the schema names is one that the parser knows, and the document above holds
// them all.
static void collect(const json_t *schema, json_t *names)
{
    const char *key;
    json_t *value;
    if (json_is_object(schema)) {
        json_object_foreach((json_t *)schema, key, value)
        {
            if (strcmp(key, "properties") == 0) {
                const char *name;
                json_t *ignored;
                json_object_foreach(value, name, ignored)
                {
                    json_object_set_new(names, name, json_true());
                }
            }
            collect(value, names);
        }
    }
    for (size_t i = 0; i < json_array_size(schema); i++)
        collect(json_array_get(schema, i), names);
}

static void collect_keys(const json_t *document, json_t *names)
{
    const char *key;
    json_t *value;
    if (json_is_object(document)) {
        json_object_foreach((json_t *)document, key, value)
        {
            json_object_set_new(names, key, json_true());
            collect_keys(value, names);
        }
    }
    for (size_t i = 0; i < json_array_size(document); i++)
        collect_keys(json_array_get(document, i), names);
}

static void the_walk_meets_every_property(void **state)
{
    (void)state;
    sr_auto(json) json_t *schema = load_schema();
    sr_auto(json) json_t *document = manifest_whole();
    sr_auto(json) json_t *of_schema = json_object();
    sr_auto(json) json_t *of_document = json_object();
    collect(schema, of_schema);
    collect_keys(document, of_document);
    json_object_set_new(of_document, "template", json_true());  // excludes others: a row of its own
    const char *key;
    json_t *value;
    json_object_foreach(of_schema, key, value)
    {
        if (!json_object_get(of_document, key))
            fail_msg("no document tries \"%s\"", key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parser_and_schema_agree),
        cmocka_unit_test(the_walk_meets_every_property),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
