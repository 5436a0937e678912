#include "net/sse.h"

#include "base/test.h"

// Each event as "name|data|id;".
static const struct row {
    const char *name, *stream, *want;
} rows[] = {
    { "one", "data: a\n\n", "message|a|;" },
    { "named", "event: job\ndata: {}\n\n", "job|{}|;" },
    { "a name is of one event", "event: job\ndata: 1\n\ndata: 2\n\n", "job|1|;message|2|;" },
    { "an id stays", "id: 7\ndata: 1\n\ndata: 2\n\n", "message|1|7;message|2|7;" },
    { "an empty id", "id: 7\ndata: 1\n\nid\ndata: 2\n\n", "message|1|7;message|2|;" },
    { "lines join", "data: a\ndata\ndata: b\n\n", "message|a\n\nb|;" },
    { "one space goes", "data:  a\ndata:b\n\n", "message| a\nb|;" },
    { "comments", ": hello\n\n:\ndata: a\n: between\n\n", "message|a|;" },
    { "CR LF", "event: e\r\ndata: a\r\n\r\ndata: b\r\n\r\n", "e|a|;message|b|;" },
    { "CR", "data: a\r\rdata: b\r\r", "message|a|;message|b|;" },
    { "mark at the start",
      "\xEF\xBB\xBF"
      "data: a\n\n",
      "message|a|;" },
    { "unknown fields", "retry: 10\nfoo: bar\ndat: x\ndatas: y\ndata: a\n\n", "message|a|;" },
    { "without data there is none", "event: e\n\nid: 3\n\ndata: a\n\n", "message|a|3;" },
    { "empty data is some", "data\n\n", "message||;" },
    { "cut off at the end", "data: a\n\ndata: b\n", "message|a|;" },
    { "a colon in the value", "data: {\"a\": 1}\n\n", "message|{\"a\": 1}|;" },
    { "nothing", "", "" },
    { "only ends of lines", "\n\r\n\r\r\n", "" },
};

static bool note(void *self, const char *event, const char *data, const char *id,
                 struct sr_err *err)
{
    return sr_str_addf(self, err, "%s|%s|%s;", event, data, id);
}

// Whole, byte by byte, and cut at each place.
static void each_row(void **state)
{
    const struct row *row = *state;
    const size_t bytes = strlen(row->stream);
    struct sr_err err = { 0 };
    for (size_t cut = 0; cut <= bytes + 1; cut++) {
        sr_auto(sse) struct sse sse = { 0 };
        sr_auto(sr_str) struct sr_str said = { 0 };
        if (cut <= bytes) {
            sr_assert_ok(sse_feed(&sse, row->stream, cut, note, &said, &err), err);
            sr_assert_ok(sse_feed(&sse, row->stream + cut, bytes - cut, note, &said, &err), err);
        }
        for (size_t i = 0; cut > bytes && i < bytes; i++)
            sr_assert_ok(sse_feed(&sse, row->stream + i, 1, note, &said, &err), err);
        assert_string_equal(sr_str_text(&said), row->want);
    }
}

static void limits(void **state)
{
    (void)state;
    static char line[100000];
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str said = { 0 };
    memset(line, 'x', sizeof line);
    for (int lines = 0; lines < 2; lines++) {  // one line without an end, and many lines
        sr_auto(sse) struct sse sse = { 0 };
        size_t sent = 0;
        bool going = true;
        while (going && sent < (size_t)SSE_EVENT_BYTES_MAX * 2) {
            going = (!lines || sse_feed(&sse, "\ndata: ", 7, note, &said, &err)) &&
                    sse_feed(&sse, line, sizeof line, note, &said, &err);
            sent += sizeof line;
        }
        assert_false(going);
        assert_int_equal(err.code, SR_ERR_TOO_LARGE);
    }
    assert_int_equal(said.bytes, 0);
}

static bool refuse(void *self, const char *event, const char *data, const char *id,
                   struct sr_err *err)
{
    (void)event, (void)data, (void)id;
    ++*(int *)self;
    return sr_fail(err, SR_ERR_CANCELLED, "enough");
}

static void stops(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sse) struct sse sse = { 0 };
    int count = 0;
    sr_assert_fails(sse_feed(&sse, "data: 1\n\ndata: 2\n\n", 18, refuse, &count, &err),
                    SR_ERR_CANCELLED, err);
    assert_int_equal(count, 1);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(limits);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(stops);
    return sr_test_run(__FILE__, tests, count);
}
