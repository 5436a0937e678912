#include "base/crc.h"

#include "base/hash.h"
#include "base/test.h"

// Spec: the catalogue's check values: of "123456789"; RFC 3720 B.4 for 32 bytes of CRC-32C
static const struct row {
    const char *name;
    enum sr_crc_kind kind;
    const char *text;
    size_t zeros;  // when there is no text
    const char *want;
} rows[] = {
    { "CRC-32", SR_CRC32, "123456789", 0, "cbf43926" },
    { "CRC-32C", SR_CRC32C, "123456789", 0, "e3069283" },
    { "CRC-64/NVME", SR_CRC64NVME, "123456789", 0, "ae8b14860a799888" },
    { "nothing", SR_CRC32, "", 0, "00000000" },
    { "nothing, 64 bits", SR_CRC64NVME, "", 0, "0000000000000000" },
    { "32 bytes of zeros", SR_CRC32C, NULL, 32, "8a9136aa" },
};

static void assert_sum(const struct sr_crc *crc, const char *want)
{
    uint8_t sum[8];
    char hex[17];
    sr_hex(sum, sr_crc_end(crc, sum), hex);
    assert_string_equal(hex, want);
}

static void published_values(void **state)
{
    const struct row *const row = *state;
    static const char zeros[64];
    const char *const data = row->text ? row->text : zeros;
    const size_t bytes = row->text ? strlen(row->text) : row->zeros;
    struct sr_crc crc;
    sr_crc_begin(&crc, row->kind);
    sr_crc_add(&crc, data, bytes);
    assert_sum(&crc, row->want);
    // In two pieces, wherever it is cut, and from the start again.
    for (size_t cut = 0; cut <= bytes; cut++) {
        sr_crc_again(&crc);
        sr_crc_add(&crc, data, cut);
        sr_crc_add(&crc, data + cut, bytes - cut);
        assert_sum(&crc, row->want);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows)];
    const size_t count = SR_TEST_ADD(tests, rows, published_values);
    return sr_test_run(__FILE__, tests, count);
}
