#include "base/hash.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/test.h"

static void assert_hex(const uint8_t *data, size_t bytes, const char *want)
{
    char text[2 * SR_SHA256_BYTES + 1];
    sr_hex(data, bytes, text);
    assert_string_equal(text, want);
}

static const char empty_sha256[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char abc_sha256[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

// Spec: FIPS 180-4 example "abc"; RFC 1321 appendix A.5; RFC 4231 test cases 1, 2 and 6.
static void published_vectors(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    sr_assert_ok(sr_sha256("abc", 3, digest, &err), err);
    assert_hex(digest, SR_SHA256_BYTES, abc_sha256);
    sr_assert_ok(sr_sha256(NULL, 0, digest, &err), err);
    assert_hex(digest, SR_SHA256_BYTES, empty_sha256);
    sr_assert_ok(sr_md5("abc", 3, digest, &err), err);
    assert_hex(digest, SR_MD5_BYTES, "900150983cd24fb0d6963f7d28e17f72");

    char key[131];
    memset(key, 0x0B, 20);
    sr_assert_ok(sr_hmac_sha256(key, 20, "Hi There", 8, digest, &err), err);
    assert_hex(digest, SR_SHA256_BYTES,
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    sr_assert_ok(sr_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest, &err), err);
    assert_hex(digest, SR_SHA256_BYTES,
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xAA, sizeof(key));
    sr_assert_ok(sr_hmac_sha256(key, sizeof(key),
                                "Test Using Larger Than Block-Size Key - Hash Key First", 54,
                                digest, &err),
                 err);
    assert_hex(digest, SR_SHA256_BYTES,
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    sr_assert_ok(sr_hmac_sha256(NULL, 0, "", 0, digest, &err), err);
    assert_hex(digest, SR_SHA256_BYTES,
               "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void pieces_are_as_the_whole(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    sr_auto(sr_sha256) struct sr_sha256 *hash = NULL;
    sr_assert_ok(sr_sha256_new(&hash, &err), err);
    sr_assert_ok(sr_sha256_add(hash, "a", 1, &err), err);
    sr_assert_ok(sr_sha256_add(hash, "", 0, &err), err);
    sr_assert_ok(sr_sha256_add(hash, "bc", 2, &err), err);
    sr_assert_ok(sr_sha256_end(hash, digest, &err), err);
    assert_hex(digest, SR_SHA256_BYTES, abc_sha256);
    sr_sha256_free(NULL);
}

// Spec: RFC 4648 section 10, and section 3.5 on bits that must be zero.
static void base64_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *data, *text;
    } rows[] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
        { "\xFB\xFF\xBF", "+/+/" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        struct sr_err err = { 0 };
        sr_auto(char) char *text = sr_base64(rows[i].data, strlen(rows[i].data), &err);
        assert_string_equal(text, rows[i].text);
        uint8_t *data = NULL;
        size_t bytes = 99;
        sr_assert_ok(sr_base64_decode(rows[i].text, &data, &bytes, &err), err);
        assert_int_equal(bytes, strlen(rows[i].data));
        assert_memory_equal(data, rows[i].data, bytes);
        free(data);
    }
}

static void base64_that_is_none(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "Z",    "Zg",       "Zg=",   "=",    "====", "Z===", "Zh==",
        "Zm9=", "Zg==Zg==", "Zm\n9", "Zm 9", "Zm-_", "Zg=a", "\xFF\xFF\xFF\xFF"
    };
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        struct sr_err err = { 0 };
        uint8_t *data = NULL;
        size_t bytes = 0;
        sr_assert_fails(sr_base64_decode(rows[i], &data, &bytes, &err), SR_ERR_INVALID, err);
        assert_null(data);
    }
    struct sr_err err = { 0 };
    assert_null(sr_base64("", SIZE_MAX, &err));
    assert_int_equal(err.code, SR_ERR_NO_MEMORY);
}

// More than one step of reading; and nothing when it is cancelled.
static void a_reader_is_as_its_bytes(void **state)
{
    (void)state;
    enum { BYTES = (1 << 18) + 7 };
    struct sr_err err = { 0 };
    char path[] = "/tmp/splitreel-hash-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    uint8_t *const data = malloc(BYTES);
    assert_non_null(data);
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (uint8_t)(i * 7);
    assert_int_equal(write(fd, data, BYTES), BYTES);
    assert_int_equal(close(fd), 0);
    uint8_t want[SR_SHA256_BYTES], got[SR_SHA256_BYTES];
    sr_assert_ok(sr_sha256(data, BYTES, want, &err), err);
    free(data);
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_auto(sr_sha256) struct sr_sha256 *hash = NULL;
    sr_assert_ok(sr_file_reader_open(path, &reader, &err), err);
    sr_assert_ok(sr_sha256_new(&hash, &err), err);
    sr_assert_ok(sr_sha256_add_reader(hash, &reader, NULL, &err), err);
    sr_assert_ok(sr_sha256_end(hash, got, &err), err);
    assert_memory_equal(got, want, sizeof(want));
    struct sr_cancel cancel;
    sr_cancel_init(&cancel, NULL, sr_clock_system(), INT64_MAX);
    sr_cancel_set(&cancel);
    sr_assert_fails(sr_sha256_add_reader(hash, &reader, &cancel, &err), SR_ERR_CANCELLED, err);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),        cmocka_unit_test(pieces_are_as_the_whole),
        cmocka_unit_test(a_reader_is_as_its_bytes), cmocka_unit_test(base64_both_ways),
        cmocka_unit_test(base64_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
