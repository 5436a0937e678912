#include "storage/md5_lanes.h"

#include "base/str.h"
#include "base/test.h"

enum { BYTES_MAX = 300000 };

static const struct row {
    const char *name;
    size_t count;
    size_t bytes[MD5_LANES_MAX];
} rows[] = {
    { "nothing", 1, { 0 } },
    { "four times nothing", 4, { 0, 0, 0, 0 } },
    { "one", 1, { 1000 } },
    { "two of one length", 2, { 5000, 5000 } },
    { "three", 3, { 4096, 4096, 4096 } },
    { "four of one length", 4, { 131072, 131072, 131072, 131072 } },
    { "the last is short", 4, { 131072, 131072, 131072, 7 } },
    { "the first is short", 4, { 3, 131072, 131072, 131072 } },
    { "each another", 4, { BYTES_MAX, 64, 0, 100001 } },
    { "padding in the last block", 4, { 55, 119, 64 + 55, 128 + 55 } },
    { "padding in a block of its own", 4, { 56, 63, 64, 120 } },
    { "rising", 4, { 64, 128, 192, 256 } },
};

static const uint8_t *content(void)
{
    static uint8_t data[BYTES_MAX + MD5_LANES_MAX];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + i / 253);
    return data;
}

// Each lane has other bytes, at odd addresses, too; libcrypto is the judge.
static void compare(const size_t bytes[MD5_LANES_MAX], size_t count)
{
    struct sr_err err = { 0 };
    struct md5_lane lane[MD5_LANES_MAX];
    for (size_t i = 0; i < count; i++)
        lane[i] = (struct md5_lane){ .data = content() + i, .bytes = bytes[i] };
    md5_lanes(lane, count);
    for (size_t i = 0; i < count; i++) {
        uint8_t want[SR_MD5_BYTES];
        sr_assert_ok(sr_md5(content() + i, bytes[i], want, &err), err);
        assert_memory_equal(lane[i].digest, want, sizeof(want));
    }
}

static void each_row(void **state)
{
    const struct row *row = *state;
    compare(row->bytes, row->count);
}

static void every_length(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 260; bytes++)
        compare((size_t[]){ bytes, bytes + 1, 260 - bytes, bytes * 3 }, MD5_LANES_MAX);
}

// Spec: RFC 1321 appendix A.5
static void published(void **state)
{
    (void)state;
    static const struct {
        const char *text, *digest;
    } known[] = {
        { "", "d41d8cd98f00b204e9800998ecf8427e" },
        { "abc", "900150983cd24fb0d6963f7d28e17f72" },
        { "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
        { "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
          "57edf4a22be3c955ac49da2e2107b67a" },
    };
    struct md5_lane lane[MD5_LANES_MAX];
    for (size_t i = 0; i < MD5_LANES_MAX; i++)
        lane[i] = (struct md5_lane){ .data = known[i].text, .bytes = strlen(known[i].text) };
    md5_lanes(lane, MD5_LANES_MAX);
    for (size_t i = 0; i < MD5_LANES_MAX; i++) {
        char hex[2 * SR_MD5_BYTES + 1];
        sr_hex(lane[i].digest, SR_MD5_BYTES, hex);
        assert_string_equal(hex, known[i].digest);
    }
}

// A part that has no byte has no address, either.
static void no_address(void **state)
{
    (void)state;
    struct md5_lane lane[2] = { { .data = NULL }, { .data = "abc", .bytes = 3 } };
    char hex[2 * SR_MD5_BYTES + 1];
    md5_lanes(lane, 2);
    sr_hex(lane[0].digest, SR_MD5_BYTES, hex);
    assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 3];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(every_length);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(published);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(no_address);
    return sr_test_run(__FILE__, tests, count);
}
