// What proves that the bytes of an object are those that were sent: digests on their way out, what
// the store says that it has, and sums of what comes in.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crc.h"
#include "net/sigv4_chunked.h"
#include "storage/blob_s3_priv.h"

// Spec: S3 "Checking object integrity": x-amz-checksum-*; the most significant byte first, base64
static const struct sum_row {
    const char *name;       // in the stores file
    const char *header;     // NULL: no such header
    const char *element;    // of a part, in XML
    const char *algorithm;  // x-amz-checksum-algorithm
    int crc;                // enum sr_crc_kind; -1: SHA-256
} sums[] = {
    [BLOB_S3_CHECKSUM_MD5] = { "md5", NULL, NULL, NULL, -1 },
    [BLOB_S3_CHECKSUM_CRC32] = { "crc32", "x-amz-checksum-crc32", "ChecksumCRC32", "CRC32",
                                 SR_CRC32 },
    [BLOB_S3_CHECKSUM_CRC32C] = { "crc32c", "x-amz-checksum-crc32c", "ChecksumCRC32C", "CRC32C",
                                  SR_CRC32C },
    [BLOB_S3_CHECKSUM_CRC64NVME] = { "crc64nvme", "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME",
                                     "CRC64NVME", SR_CRC64NVME },
    [BLOB_S3_CHECKSUM_SHA256] = { "sha256", "x-amz-checksum-sha256", "ChecksumSHA256", "SHA256",
                                  -1 },
};
enum { SUM_COUNT = sizeof(sums) / sizeof(sums[0]) };

static const char *const payloads[] = {
    [BLOB_S3_PAYLOAD_AUTO] = "auto",
    [BLOB_S3_PAYLOAD_SIGNED] = "signed",
    [BLOB_S3_PAYLOAD_UNSIGNED] = "unsigned",
    [BLOB_S3_PAYLOAD_CHUNKED] = "chunked",
};
enum { PAYLOAD_COUNT = sizeof(payloads) / sizeof(payloads[0]) };

enum { QUEUED_BYTES_MIN = 1 << 20 };  // MD5 of less takes a millisecond and a half

bool blob_s3_checksum_named(const char *name, enum blob_s3_checksum *ret)
{
    for (size_t i = 0; i < SUM_COUNT; i++) {
        if (strcmp(sums[i].name, name) == 0) {
            *ret = (enum blob_s3_checksum)i;
            return true;
        }
    }
    return false;
}

bool blob_s3_payload_named(const char *name, enum blob_s3_payload *ret)
{
    for (size_t i = 0; i < PAYLOAD_COUNT; i++) {
        if (strcmp(payloads[i], name) == 0) {
            *ret = (enum blob_s3_payload)i;
            return true;
        }
    }
    return false;
}

const char *blob_s3_checksum_element(const struct blob_s3 *s3)
{
    return sums[s3->params.checksum].element;
}

bool blob_s3_tells_checksum(const struct blob_s3 *s3, const struct http_response *reply)
{
    const char *const name = sums[s3->params.checksum].header;
    return name && http_response_header(reply, name);
}

void blob_s3_checksum_begin(const struct blob_s3 *s3, struct blob_s3_call *call)
{
    const char *const algorithm = sums[s3->params.checksum].algorithm;
    if (algorithm)
        blob_s3_header(call, "x-amz-checksum-algorithm", algorithm);
}

// Going out --------------------------------------------------------------------------------------

static bool add_base64(const uint8_t *digest, size_t bytes, char text[BLOB_CHECKSUM_BYTES],
                       struct sr_err *err)
{
    sr_auto(char) char *base64 = sr_base64(digest, bytes, err);
    if (!base64)
        return false;
    strcpy(text, base64);  // of at most 32 bytes: 44 characters
    return true;
}

static bool add_checksum(struct blob_s3_call *call, struct sr_err *err)
{
    const struct sum_row *const row = &sums[call->s3->params.checksum];
    uint8_t digest[SR_SHA256_BYTES];
    size_t bytes = SR_SHA256_BYTES;
    if (row->crc >= 0) {
        struct sr_crc crc;
        sr_crc_begin(&crc, (enum sr_crc_kind)row->crc);
        sr_crc_add(&crc, call->body, call->body_bytes);
        bytes = sr_crc_end(&crc, digest);
    } else if (!sr_sha256(call->body ? call->body : "", call->body_bytes, digest, err)) {
        return false;
    }
    if (!add_base64(digest, bytes, call->checksum, err))
        return false;
    blob_s3_header(call, row->header, call->checksum);
    return true;
}

static bool add_md5(struct blob_s3_call *call, const uint8_t digest[SR_MD5_BYTES],
                    struct sr_err *err)
{
    sr_hex(digest, SR_MD5_BYTES, call->md5_hex);
    return add_base64(digest, SR_MD5_BYTES, call->md5_base64, err);
}

static bool hash_md5(struct blob_s3_call *call, struct sr_err *err)
{
    uint8_t digest[SR_MD5_BYTES];
    return sr_md5(call->body ? call->body : "", call->body_bytes, digest, err) &&
           add_md5(call, digest, err);
}

// Before it is sent: a large one together with others.
static bool hash_md5_first(struct blob_s3_call *call, struct sr_err *err)
{
    uint8_t digest[SR_MD5_BYTES];
    if (!call->is_content || call->body_bytes < QUEUED_BYTES_MIN)
        return hash_md5(call, err);
    if (!md5_queue_digest(&call->s3->md5s, call->body, call->body_bytes, digest, err))
        return false;
    call->is_queued = true;
    return add_md5(call, digest, err);
}

static bool has_md5(const struct blob_s3_call *call)
{
    return call->with_md5 || (call->is_content && !blob_s3_checksum_element(call->s3));
}

// Who signs nothing needs no hash. Over TLS nobody can change the body, so that it need not be read
// once more before it is sent; nor where its MD5 is a signed header: whoever wants to change it
// would need other bytes of the same MD5.
static enum blob_s3_payload payload_of(const struct blob_s3_call *call)
{
    const struct blob_s3 *const s3 = call->s3;
    const bool tls = !s3->endpoint || strncasecmp(s3->endpoint, "https:", 6) == 0;
    const enum blob_s3_payload asked = s3->params.payload;
    if (!s3->params.credentials || asked == BLOB_S3_PAYLOAD_UNSIGNED)
        return BLOB_S3_PAYLOAD_UNSIGNED;
    if (asked == BLOB_S3_PAYLOAD_CHUNKED && call->is_content)
        return BLOB_S3_PAYLOAD_CHUNKED;
    return asked == BLOB_S3_PAYLOAD_AUTO && (tls || has_md5(call)) ? BLOB_S3_PAYLOAD_UNSIGNED
                                                                   : BLOB_S3_PAYLOAD_SIGNED;
}

static bool add_payload_hash(struct blob_s3_call *call, struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    strcpy(call->payload_hash, SIGV4_EMPTY_HASH);
    if (call->body_bytes == 0)
        return true;
    switch (payload_of(call)) {
    case BLOB_S3_PAYLOAD_UNSIGNED: strcpy(call->payload_hash, SIGV4_UNSIGNED); return true;
    case BLOB_S3_PAYLOAD_CHUNKED:
        strcpy(call->payload_hash, SIGV4_STREAMING);
        call->is_chunked = true;
        snprintf(call->decoded_bytes, sizeof(call->decoded_bytes), "%zu", call->body_bytes);
        // no Content-Encoding: AWS does without, and Ceph (16) would give it to every reader
        blob_s3_header(call, "x-amz-decoded-content-length", call->decoded_bytes);
        return true;
    default: break;
    }
    if (!sr_sha256(call->body, call->body_bytes, digest, err))
        return false;
    sr_hex(digest, SR_SHA256_BYTES, call->payload_hash);
    return true;
}

bool blob_s3_hash_body(struct blob_s3_call *call, struct sr_err *err)
{
    const bool md5 = has_md5(call);
    if (!add_payload_hash(call, err))
        return false;
    // Not with chunks: each is signed with its own digest, and servers do not agree what the header
    // would mean.
    call->sends_md5 = md5 && !call->is_chunked;
    return (!md5 || hash_md5_first(call, err)) &&
           (!call->is_content || md5 || add_checksum(call, err));
}

// Spec: S3 "ETag": the MD5 unless it was encrypted with KMS or a customer's key
static bool is_md5(const struct http_response *reply, const char *etag)
{
    const char *encryption = http_response_header(reply, "x-amz-server-side-encryption");
    const bool opaque =
        (encryption && strcmp(encryption, "AES256") != 0) ||
        http_response_header(reply, "x-amz-server-side-encryption-customer-algorithm");
    return !opaque && strlen(etag) == 34 && etag[0] == '"' &&
           strspn(etag + 1, "0123456789abcdefABCDEF") == 32;
}

static bool check_etag(struct blob_s3_call *call, const struct http_response *reply,
                       struct sr_err *err)
{
    const char *text = http_response_header(reply, "etag");
    const char *etag = text ? text : "";
    if (!is_md5(reply, etag))
        return true;
    if (!*call->md5_hex && !hash_md5(call, err))
        return false;
    return strncasecmp(etag + 1, call->md5_hex, 32) == 0 ||
           sr_fail(err, SR_ERR_NETWORK, "the store has other bytes than were sent: ETag %s, MD5 %s",
                   etag, call->md5_hex);
}

// A server that does not know the checksum says nothing about it; then the ETag must tell.
bool blob_s3_check_content(struct blob_s3_call *call, const struct http_response *reply,
                           struct sr_err *err)
{
    const struct sum_row *const row = &sums[call->s3->params.checksum];
    const char *const got = row->header ? http_response_header(reply, row->header) : NULL;
    const char *const etag = http_response_header(reply, "etag");
    if (row->header && !got && !(etag && is_md5(reply, etag)))
        return sr_fail(err, SR_ERR_UNSUPPORTED,
                       "the store tells neither %s nor an MD5: nothing shows what it has",
                       row->header);
    if (!got)
        return check_etag(call, reply, err);
    return strcmp(got, call->checksum) == 0 ||
           sr_fail(err, SR_ERR_NETWORK,
                   "the store has other bytes than were sent: %s %.60s, not %s", row->header, got,
                   call->checksum);
}

// Coming in --------------------------------------------------------------------------------------

struct blob_s3_sum {
    const struct sum_row *row;
    char want[BLOB_CHECKSUM_BYTES];
    struct sr_crc crc;
    struct sr_sha256 *sha256;
    struct sr_err failure;
};

void blob_s3_sum_free(struct blob_s3_sum *sum)
{
    if (!sum)
        return;
    sr_sha256_free(sum->sha256);
    free(sum);
}

// Of an object that came in parts there may be a sum of the parts' sums ("...-7", COMPOSITE), which
// says nothing without the parts.
static const struct sum_row *sum_of(const struct http_response *head, const char **ret_want)
{
    const char *const type = http_response_header(head, "x-amz-checksum-type");
    if (type && strcmp(type, "COMPOSITE") == 0)
        return NULL;
    for (size_t i = 0; i < SUM_COUNT; i++) {
        const char *const want = sums[i].header ? http_response_header(head, sums[i].header) : NULL;
        if (want && *want && !strchr(want, '-') && strlen(want) < BLOB_CHECKSUM_BYTES) {
            *ret_want = want;
            return &sums[i];
        }
    }
    return NULL;
}

bool blob_s3_sum_begin(const struct http_response *head, struct blob_s3_sum **ret,
                       struct sr_err *err)
{
    const char *want = NULL;
    const struct sum_row *const row = sum_of(head, &want);
    if (!row)
        return true;
    sr_auto(blob_s3_sum) struct blob_s3_sum *sum = calloc(1, sizeof(*sum));
    if (!sum)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a checksum");
    sum->row = row;
    strcpy(sum->want, want);  // fits: looked at above
    if (row->crc >= 0)
        sr_crc_begin(&sum->crc, (enum sr_crc_kind)row->crc);
    else if (!sr_sha256_new(&sum->sha256, err))
        return false;
    *ret = sr_take(sum);
    return true;
}

void blob_s3_sum_add(struct blob_s3_sum *sum, const void *data, size_t bytes)
{
    if (!sum->sha256)
        sr_crc_add(&sum->crc, data, bytes);
    else if (sum->failure.code == SR_OK)
        (void)!sr_sha256_add(sum->sha256, data, bytes, &sum->failure);  // told at the end
}

bool blob_s3_sum_check(struct blob_s3_sum *sum, struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    size_t bytes = SR_SHA256_BYTES;
    char got[BLOB_CHECKSUM_BYTES];
    if (sum->failure.code != SR_OK) {
        *err = sum->failure;
        return false;
    }
    if (!sum->sha256)
        bytes = sr_crc_end(&sum->crc, digest);
    else if (!sr_sha256_end(sum->sha256, digest, err))
        return false;
    if (!add_base64(digest, bytes, got, err))
        return false;
    return strcmp(got, sum->want) == 0 ||
           sr_fail(err, SR_ERR_NETWORK, "other bytes came than the store has: %s %s, not %s",
                   sum->row->header, got, sum->want);
}
