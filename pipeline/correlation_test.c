// Ids and traces that are, and others that are nearly so.
#include "pipeline/correlation.h"

#include <string.h>

#include "base/test.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static void ids(void **state)
{
    (void)state;
    static const char *const good[] = {
        "1", "order-42", "a.mov@\"etag\"", "!", "~", "urn:uuid:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    };
    static const char *const bad[] = { "",          " ",         "a b",     "a\r\nX-Other: 1",
                                       "\xc3\xa4h", "tab\there", "del\x7f", "-\x01" };
    char longest[CORRELATION_BYTES_MAX + 2];
    for (size_t i = 0; i < SR_TEST_COUNT(good); i++)
        assert_true(correlation_is_id(good[i]));
    for (size_t i = 0; i < SR_TEST_COUNT(bad); i++)
        assert_false(correlation_is_id(bad[i]));
    memset(longest, 'x', sizeof(longest));
    longest[CORRELATION_BYTES_MAX] = '\0';
    assert_true(correlation_is_id(longest));
    memset(longest, 'x', sizeof(longest));
    longest[CORRELATION_BYTES_MAX + 1] = '\0';
    assert_false(correlation_is_id(longest));
}

// Spec: W3C Trace Context: its examples, and what it calls invalid.
static void traces(void **state)
{
    (void)state;
    static const char *const good[] = { "00-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-00",
                                        "01-" TRACE "-" PARENT "-ff" };
    static const char *const bad[] = {
        "",
        "00",
        "ff-" TRACE "-" PARENT "-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-01-",
        "00-" TRACE "-" PARENT "-01-more",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-" PARENT "-01",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
        "0x-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-g1",
        "00-" TRACE "-00f067aa0ba902bz-01",
    };
    char trace[TRACE_ID_TEXT] = "as it was";
    for (size_t i = 0; i < SR_TEST_COUNT(bad); i++) {
        assert_false(traceparent_is_one(bad[i]));
        assert_false(traceparent_trace(bad[i], trace));
        assert_string_equal(trace, "as it was");
    }
    for (size_t i = 0; i < SR_TEST_COUNT(good); i++) {
        assert_true(traceparent_is_one(good[i]));
        assert_true(traceparent_trace(good[i], trace));
        assert_string_equal(trace, TRACE);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids),
        cmocka_unit_test(traces),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
