#include "base/hash_certificate.h"

#include "base/hash.h"
#include "base/test.h"
#include "base/test_certificate.h"

// Made with openssl req -x509, openssl dgst -sign; the keys are gone.
static const char ec[] = "-----BEGIN CERTIFICATE-----\n"
                         "MIIBcTCCARegAwIBAgIUPdVz9noiJPcQA1Djo2BkSyutapcwCgYIKoZIzj0EAwIw\n"
                         "DTELMAkGA1UEAwwCZWMwIBcNMjYxMTIyMjIyMjM4WhgPMjEyNjEwMjkyMjIyMzha\n"
                         "MA0xCzAJBgNVBAMMAmVjMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEWA9mXjDU\n"
                         "QXWzrf3plC+Pmk+g4SMxQ+XcXq06Nw4mCRdifAZande5v3kbV3Y1N0cBFcvvLZ/V\n"
                         "fJYzN0Pau06WuaNTMFEwHQYDVR0OBBYEFHb/GNIBDAQm20r3/s1Tlx6i04bSMB8G\n"
                         "A1UdIwQYMBaAFHb/GNIBDAQm20r3/s1Tlx6i04bSMA8GA1UdEwEB/wQFMAMBAf8w\n"
                         "CgYIKoZIzj0EAwIDSAAwRQIhAIRD6FneYzZU3oNvxnznF9P+cFFXzeRowp5U6l59\n"
                         "cq91AiAKH34c+kg8RFXomcEVyQ4+vxJu9WvJM4HC3YE+ar6I5w==\n"
                         "-----END CERTIFICATE-----\n";
static const char by_sha1[] =
    "nA0fo3DmmUjLudzzYuuHsC0mmB6YkQgueCkXF4EvA+9k+W4av9cdagXZ+Y6MaR1RnLIE/G4aj4mz673n"
    "wUty7wNsunHeyItbLn5fsIcPuv3ZayMibNEByWAHRm5Mm4WvV2yNUfGJzmxAxqGYGS0063PXk9sFSchP"
    "Sh8qm70x4aWQPbu9G4uNhwtgMYR1deHMqPa6iTMRkDJALyESRFqL0r2HowSe8zaAMmQgcWMoBv+g+pqW"
    "5hle3aWKckmDT2UOmCfJ7noExEBNaSuwKy3T0JNdS8xh63GhoZigqvIk//2+VDuNG7vgf/icvlHYRyDZ"
    "X+MviykhjvCpgU8zxUQCbw==";
static const char by_sha256[] =
    "Q7aYzKjU7PX8SKo+8RS5nma1a1gNzl2oIBlwGpho7Z5JNylgjYvX/tf5lpi9VJyBlUbhuK7Q5SYMUYLo"
    "FSmYIJQjr/vMRTbLoUzmPf1VYajHlJ48S6JrBUMkQ8KgwL3+90BYYy8/vFKsVKzt1cY18mx7JZwoKf54"
    "GmPiy93QQL0tciziaAcemqWWzNqeM3uLjsxlWsdlpTFgosOviqhQr34UYrGFtAfvCpnMXUUqAvLmrPmH"
    "SDs03YpFybuT1EUMIXyb8Q7kLMtf/0YSmdMBBGee0vVmaEUl2UmxsfBgi51nWrCvEfv6gJIz9cBGHQdJ"
    "LdoVVirNSoyMAm5VydIxtg==";

static const struct row {
    const char *name, *pem, *digest, *text, *signature;
    enum sr_err_code code;
} rows[] = {
    { "SHA-1", sr_test_certificate, "SHA-1", "a message", by_sha1, SR_OK },
    { "SHA-256", sr_test_certificate, "SHA-256", "a message", by_sha256, SR_OK },
    { "another text", sr_test_certificate, "SHA-256", "a messagf", by_sha256, SR_ERR_DENIED },
    { "another digest", sr_test_certificate, "SHA-256", "a message", by_sha1, SR_ERR_DENIED },
    { "no signature", sr_test_certificate, "SHA-256", "a message", "", SR_ERR_DENIED },
    { "a signature that is too short", sr_test_certificate, "SHA-256", "a message", "AAAA",
      SR_ERR_DENIED },
    { "a digest that is not known", sr_test_certificate, "MD5", "a message", by_sha1,
      SR_ERR_INVALID },
    { "no certificate", "", "SHA-1", "a message", by_sha1, SR_ERR_INVALID },
    { "a certificate without RSA", ec, "SHA-256", "a message", by_sha256, SR_ERR_INVALID },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    uint8_t *signature = NULL;
    size_t bytes;
    sr_assert_ok(sr_base64_decode(row->signature, &signature, &bytes, &err), err);
    const bool done = sr_certificate_verify(row->pem, row->digest, row->text, strlen(row->text),
                                            signature, bytes, &err);
    free(signature);
    assert_int_equal(done, row->code == SR_OK);
    assert_int_equal(err.code, row->code);
}

// A certificate that is cut anywhere, or damaged, is none.
static void damaged(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char copy[sizeof sr_test_certificate];
    for (size_t i = 0; i < sizeof sr_test_certificate - 2; i += 7) {
        memcpy(copy, sr_test_certificate, sizeof sr_test_certificate);
        copy[i] = '\0';
        sr_assert_fails(sr_certificate_verify(copy, "SHA-1", "x", 1, "y", 1, &err), SR_ERR_INVALID,
                        err);
    }
    char *large = malloc(SR_CERTIFICATE_BYTES_MAX + 2);
    assert_non_null(large);
    memset(large, '-', SR_CERTIFICATE_BYTES_MAX + 1);
    large[SR_CERTIFICATE_BYTES_MAX + 1] = '\0';
    sr_assert_fails(sr_certificate_verify(large, "SHA-1", "x", 1, "y", 1, &err), SR_ERR_INVALID,
                    err);
    free(large);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(damaged);
    return sr_test_run(__FILE__, tests, count);
}
