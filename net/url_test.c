#include "net/url.h"

#include "base/test.h"

static const struct row {
    const char *name;
    const char *text;
    enum sr_err_code code;
    const char *again;  // what url_add_text() gives
    const char *host;
    unsigned port;
} rows[] = {
    { "plain", "http://example.com/a/b.mp4", SR_OK, "http://example.com/a/b.mp4", "example.com",
      80 },
    { "no path", "https://example.com", SR_OK, "https://example.com/", "example.com", 443 },
    { "query without path", "https://example.com?x=1", SR_OK, "https://example.com/?x=1",
      "example.com", 443 },
    { "case of scheme and host", "HTTP://EXAMPLE.com/A", SR_OK, "http://example.com/A",
      "example.com", 80 },
    { "port", "http://h:8080/x", SR_OK, "http://h:8080/x", "h", 8080 },
    { "default port goes", "https://h:443/x", SR_OK, "https://h/x", "h", 443 },
    { "empty port", "http://h:/x", SR_OK, "http://h/x", "h", 80 },
    { "ipv6", "http://[::1]:9000/x", SR_OK, "http://[::1]:9000/x", "::1", 9000 },
    { "space and umlaut", "http://h/a b/\xc3\xbc", SR_OK, "http://h/a%20b/%C3%BC", "h", 80 },
    { "encoded stays", "http://h/a%2Fb%20c?d=%26", SR_OK, "http://h/a%2Fb%20c?d=%26", "h", 80 },
    { "fragment goes", "http://h/a?b#c", SR_OK, "http://h/a?b", "h", 80 },
    { "bucket", "s3://my.bucket_1/key", SR_OK, "s3://my.bucket_1/key", "my.bucket_1", 0 },
    { "password", "http://user:secret@h/", SR_ERR_INVALID, NULL, NULL, 0 },
    { "no scheme", "example.com/a", SR_ERR_INVALID, NULL, NULL, 0 },
    { "bad scheme", "ht tp://h/", SR_ERR_INVALID, NULL, NULL, 0 },
    { "no host", "http:///a", SR_ERR_INVALID, NULL, NULL, 0 },
    { "control character", "http://h/a\nHost: x", SR_ERR_INVALID, NULL, NULL, 0 },
    { "host with a line's end", "http://h\r\nx/", SR_ERR_INVALID, NULL, NULL, 0 },
    { "port too large", "http://h:65536/", SR_ERR_INVALID, NULL, NULL, 0 },
    { "port zero", "http://h:0/", SR_ERR_INVALID, NULL, NULL, 0 },
    { "port not a number", "http://h:8o/", SR_ERR_INVALID, NULL, NULL, 0 },
    { "open bracket", "http://[::1/", SR_ERR_INVALID, NULL, NULL, 0 },
    { "empty", "", SR_ERR_INVALID, NULL, NULL, 0 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(url) struct url url = { 0 };
    if (row->code != SR_OK) {
        sr_assert_fails(url_parse(row->text, &url, &err), row->code, err);
        assert_null(strstr(err.message, "secret"));
        return;
    }
    sr_assert_ok(url_parse(row->text, &url, &err), err);
    sr_auto(sr_str) struct sr_str again = { 0 };
    sr_assert_ok(url_add_text(&url, &again, &err), err);
    assert_string_equal(again.text, row->again);
    assert_string_equal(url.host, row->host);
    assert_int_equal(url.port, row->port);
}

static void too_long(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(url) struct url url = { 0 };
    char *text = malloc(URL_BYTES_MAX + 16);
    assert_non_null(text);
    memset(text, 'a', URL_BYTES_MAX + 15);
    memcpy(text, "http://h/", 9);
    text[URL_BYTES_MAX + 15] = '\0';
    sr_assert_fails(url_parse(text, &url, &err), SR_ERR_TOO_LARGE, err);
    text[URL_BYTES_MAX] = '\0';
    sr_assert_ok(url_parse(text, &url, &err), err);
    free(text);
}

static void code_round_trip(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char all[255];
    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    sr_auto(sr_str) struct sr_str coded = { 0 };
    sr_auto(sr_str) struct sr_str plain = { 0 };
    sr_assert_ok(url_encode(all, sizeof(all), "/", &coded, &err), err);
    assert_null(strchr(coded.text, ' '));
    assert_non_null(strstr(coded.text, "./0"));
    assert_non_null(strstr(coded.text, "%7B%7C%7D~%7F"));
    sr_assert_ok(url_decode(coded.text, coded.bytes, false, &plain, &err), err);
    assert_int_equal(plain.bytes, sizeof(all));
    assert_memory_equal(plain.text, all, sizeof(all));
}

static void decode_odd(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct {
        const char *in, *out;
        bool plus;
    } cases[] = {
        { "a+b", "a+b", false },
        { "a+b", "a b", true },
        { "%", "%", false },
        { "%4", "%4", false },
        { "%zz", "%zz", false },
        { "%41%2", "A%2", false },
        { "%e2%82%AC", "\xe2\x82\xac", false },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(sr_str) struct sr_str out = { 0 };
        sr_assert_ok(url_decode(cases[i].in, strlen(cases[i].in), cases[i].plus, &out, &err), err);
        assert_string_equal(sr_str_text(&out), cases[i].out);
    }
    sr_auto(sr_str) struct sr_str out = { 0 };
    sr_assert_fails(url_decode("a%00b", 5, false, &out, &err), SR_ERR_INVALID, err);
}

static void normal_paths(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const char *const cases[][2] = {
        { "/", "/" },
        { "//", "/" },
        { "/./", "/" },
        { "/a/..", "/" },
        { "/a/b/../..", "/" },
        { "/../../x", "/x" },
        { "/a//b/../c/", "/a/c/" },
        { "/a/.", "/a/" },
        { "/a/..b", "/a/..b" },
        { "//example//", "/example/" },
        { "/a/b/..", "/a/" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(sr_str) struct sr_str out = { 0 };
        sr_assert_ok(url_add_normal_path(cases[i][0], &out, &err), err);
        assert_string_equal(out.text, cases[i][1]);
    }
}

static void redacted(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "http://h/a?X-Amz-Signature=1234", "http://h/a" },
        { "http://user:secret@h/a", "http://h/a" },
        { "http://u:p@w@h/a@b", "http://h/a@b" },
        { "/local/file?x", "/local/file" },
        { "s3://b/k#frag", "s3://b/k" },
        { "/x?secret=http://h/", "/x" },
        { "", "" },
    };
    char text[64];
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        url_redact(cases[i][0], text, sizeof(text));
        assert_string_equal(text, cases[i][1]);
    }
    url_redact("http://h/abcdef", text, 10);
    assert_string_equal(text, "http://h/");
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 5];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_long);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(code_round_trip);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(decode_odd);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(normal_paths);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(redacted);
    return sr_test_run(__FILE__, tests, count);
}
