#include "net/xml.h"

#include "base/str.h"
#include "base/test.h"

static bool note_begin(void *self, const char *path, struct sr_err *err)
{
    return sr_str_addf(self, err, "+%s\n", path);
}
static bool note_end(void *self, const char *path, const char *text, struct sr_err *err)
{
    return sr_str_addf(self, err, "-%s=%s\n", path, text);
}

static const struct row {
    const char *name;
    const char *text;
    const char *want;  // NULL: INVALID
} rows[] = {
    { "leaf", "<A>x</A>", "+A\n-A=x\n" },
    { "nested", "<?xml version=\"1.0\"?>\n<A xmlns='u>v'><B>1</B> <B/></A>\n",
      "+A\n+A/B\n-A/B=1\n+A/B\n-A/B=\n-A= \n" },
    { "prefix", "<s:A><s:B>1</s:B></s:A>", "+A\n+A/B\n-A/B=1\n-A=\n" },
    { "entities", "<A>&lt;&gt;&amp;&quot;&apos;&#65;&#x20ac;&#x1F3AC;</A>",
      "+A\n-A=<>&\"'A\xe2\x82\xac\xf0\x9f\x8e\xac\n" },
    { "cdata and comments", "<!-- c --><A>a<!-- <B> --><![CDATA[<&]]>z</A>", "+A\n-A=a<&z\n" },
    { "line's end as a character", "<A>a&#xA;b&#13;</A>", "+A\n-A=a\nb\r\n" },
    { "empty", "", NULL },
    { "only space", " \n", NULL },
    { "open", "<A><B></B>", NULL },
    { "cut in a tag", "<A><B", NULL },
    { "cut in an attribute", "<A b='", NULL },
    { "crossed", "<A><B></A></B>", NULL },
    { "end only", "</A>", NULL },
    { "two roots", "<A/><B/>", NULL },
    { "text outside", "x<A/>", NULL },
    { "document type", "<!DOCTYPE A [<!ENTITY e \"x\">]><A>&e;</A>", NULL },
    { "unknown entity", "<A>&nope;</A>", NULL },
    { "NUL entity", "<A>&#0;</A>", NULL },
    { "surrogate", "<A>&#xD800;</A>", NULL },
    { "too large", "<A>&#x110000;</A>", NULL },
    { "entity without end", "<A>&lt</A>", NULL },
    { "no name", "<>x</>", NULL },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str got = { 0 };
    const struct xml_visitor visitor = { note_begin, note_end, &got };
    // a copy of exactly its size, so that reading past the end is found
    const size_t bytes = strlen(row->text);
    char *text = malloc(bytes ? bytes : 1);
    assert_non_null(text);
    memcpy(text, row->text, bytes);
    if (row->want) {
        sr_assert_ok(xml_parse(text, bytes, &visitor, &err), err);
        assert_string_equal(sr_str_text(&got), row->want);
    } else {
        sr_assert_fails(xml_parse(text, bytes, &visitor, &err), SR_ERR_INVALID, err);
    }
    free(text);
}

static void too_deep(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    for (int i = 0; i < 100000; i++)
        sr_assert_ok(sr_str_add(&text, "<a>", &err), err);
    const struct xml_visitor visitor = { 0 };
    sr_assert_fails(xml_parse(text.text, text.bytes, &visitor, &err), SR_ERR_INVALID, err);
}

static void escape_round_trip(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const char odd[] = "a<b>&\"'\n\r\t\x01 \xc3\xa4";
    sr_auto(sr_str) struct sr_str text = { 0 };
    sr_assert_ok(sr_str_add(&text, "<A>", &err) && xml_escape(odd, &text, &err) &&
                     sr_str_add(&text, "</A>", &err),
                 err);
    sr_auto(sr_str) struct sr_str got = { 0 };
    const struct xml_visitor visitor = { NULL, note_end, &got };
    sr_assert_ok(xml_parse(text.text, text.bytes, &visitor, &err), err);
    sr_auto(char) char *want = sr_strf(&err, "-A=%s\n", odd);
    assert_string_equal(got.text, want);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_deep);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(escape_round_trip);
    return sr_test_run(__FILE__, tests, count);
}
