#include "base/hash.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct sr_sha256 {
    EVP_MD_CTX *context;
};

static bool libcrypto_failed(struct sr_err *err, const char *what)
{
    return sr_fail(err, SR_ERR_INTERNAL, "libcrypto: %s failed", what);
}

bool sr_sha256_new(struct sr_sha256 **ret_hash, struct sr_err *err)
{
    sr_auto(sr_sha256) struct sr_sha256 *hash = calloc(1, sizeof(*hash));
    if (hash)
        hash->context = EVP_MD_CTX_new();
    if (!hash || !hash->context)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a digest");
    if (EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) != 1)
        return libcrypto_failed(err, "SHA-256");
    *ret_hash = sr_take(hash);
    return true;
}

bool sr_sha256_add(struct sr_sha256 *hash, const void *data, size_t bytes, struct sr_err *err)
{
    return EVP_DigestUpdate(hash->context, data, bytes) == 1 || libcrypto_failed(err, "SHA-256");
}

bool sr_sha256_add_reader(struct sr_sha256 *hash, const struct sr_reader *reader,
                          const struct sr_cancel *cancel, struct sr_err *err)
{
    enum { STEP_BYTES = 1 << 18 };
    sr_auto(char) char *buffer = malloc(STEP_BYTES);
    if (!buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%d bytes", STEP_BYTES);
    for (uint64_t offset = 0;;) {
        size_t bytes;
        if (!sr_cancel_check(cancel, err) ||
            !sr_read_at(reader, offset, buffer, STEP_BYTES, &bytes, err))
            return false;
        if (bytes == 0)
            return true;
        if (!sr_sha256_add(hash, buffer, bytes, err))
            return false;
        offset += bytes;
    }
}

bool sr_sha256_end(struct sr_sha256 *hash, uint8_t digest[SR_SHA256_BYTES], struct sr_err *err)
{
    return EVP_DigestFinal_ex(hash->context, digest, NULL) == 1 || libcrypto_failed(err, "SHA-256");
}

void sr_sha256_free(struct sr_sha256 *hash)
{
    if (!hash)
        return;
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

bool sr_sha256(const void *data, size_t bytes, uint8_t digest[SR_SHA256_BYTES], struct sr_err *err)
{
    return EVP_Digest(data, bytes, digest, NULL, EVP_sha256(), NULL) == 1 ||
           libcrypto_failed(err, "SHA-256");
}

bool sr_md5(const void *data, size_t bytes, uint8_t digest[SR_MD5_BYTES], struct sr_err *err)
{
    return EVP_Digest(data, bytes, digest, NULL, EVP_md5(), NULL) == 1 ||
           libcrypto_failed(err, "MD5");
}

bool sr_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t bytes,
                    uint8_t digest[SR_SHA256_BYTES], struct sr_err *err)
{
    if (key_bytes > INT_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a key of %zu bytes", key_bytes);
    // HMAC takes a NULL key for "the one before", also when it is only empty.
    const void *const safe_key = key_bytes > 0 ? key : "";
    return HMAC(EVP_sha256(), safe_key, (int)key_bytes, data, bytes, digest, NULL) != NULL ||
           libcrypto_failed(err, "HMAC-SHA-256");
}

void sr_hex(const uint8_t *data, size_t bytes, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * bytes] = '\0';
}

// Base64: libcrypto's takes int sizes and forgives too much, so it is ours
// --------------------------
// Spec: RFC 4648 section 4.
static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *sr_base64(const void *data, size_t bytes, struct sr_err *err)
{
    const uint8_t *from = data;
    if (bytes > PTRDIFF_MAX / 2) {
        sr_fail(err, SR_ERR_NO_MEMORY, "base64 of %zu bytes", bytes);
        return NULL;
    }
    char *const text = malloc((bytes + 2) / 3 * 4 + 1);  // fits: bytes is below half of the most
    if (!text) {
        sr_fail(err, SR_ERR_NO_MEMORY, "base64 of %zu bytes", bytes);
        return NULL;
    }
    char *to = text;
    for (size_t left = bytes; left > 0;) {
        const size_t taken = left < 3 ? left : 3;
        uint32_t group = (uint32_t)from[0] << 16;
        if (taken > 1)
            group |= (uint32_t)from[1] << 8;
        if (taken > 2)
            group |= from[2];
        *to++ = letters[group >> 18];
        *to++ = letters[group >> 12 & 63];
        *to++ = taken > 1 ? letters[group >> 6 & 63] : '=';
        *to++ = taken > 2 ? letters[group & 63] : '=';
        from += taken;
        left -= taken;
    }
    *to = '\0';
    return text;
}

// The four letters at `text` as 24 bits; false when one is none, or bits beyond the data are set.
static bool group_of(const char *text, size_t letter_count, uint32_t *ret_group)
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t value = 0;
        if (i < letter_count) {
            const char *const place = memchr(letters, text[i], 64);
            if (!place)
                return false;
            value = (uint32_t)(place - letters);
        }
        group = group << 6 | value;
    }
    if ((letter_count == 2 && (group & 0xFFFF) != 0) || (letter_count == 3 && (group & 0xFF) != 0))
        return false;
    *ret_group = group;
    return true;
}

bool sr_base64_decode(const char *text, uint8_t **ret_data, size_t *ret_bytes, struct sr_err *err)
{
    const size_t length = strlen(text);
    if (length % 4 != 0)
        return sr_fail(err, SR_ERR_INVALID, "base64 of %zu letters is cut", length);
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    const size_t bytes = length / 4 * 3 - padding;
    uint8_t *const data = malloc(bytes > 0 ? bytes : 1);
    if (!data)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu bytes", bytes);
    size_t done = 0;
    for (size_t at = 0; at < length; at += 4) {
        const size_t letter_count = at + 4 == length ? 4 - padding : 4;
        uint32_t group;
        if (!group_of(text + at, letter_count, &group)) {
            free(data);
            return sr_fail(err, SR_ERR_INVALID, "not base64 at letter %zu", at);
        }
        for (size_t i = 0; i + 1 < letter_count; i++)
            data[done++] = (uint8_t)(group >> (16 - 8 * i));
    }
    assert(done == bytes);
    *ret_data = data;
    *ret_bytes = bytes;
    return true;
}

bool sr_digest(const char *name, const void *data, size_t bytes, char hex[SR_DIGEST_HEX],
               struct sr_err *err)
{
    static const struct {
        const char *name;
        const EVP_MD *(*type)(void);
    } rows[] = {
        { "MD5", EVP_md5 },        { "SHA-1", EVP_sha1 },     { "SHA-256", EVP_sha256 },
        { "SHA-384", EVP_sha384 }, { "SHA-512", EVP_sha512 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned int digest_bytes = 0;
        if (EVP_Digest(data, bytes, digest, &digest_bytes, rows[i].type(), NULL) != 1)
            return libcrypto_failed(err, name);
        sr_hex(digest, digest_bytes, hex);
        return true;
    }
    return sr_fail(err, SR_ERR_INVALID, "no digest is called %s", name);
}
