#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/url.h"
#include "storage/blob_s3_priv.h"

static bool upload_query(const struct blob_upload *upload, uint32_t number, struct sr_str *out,
                         struct sr_err *err)
{
    if (number && !sr_str_addf(out, err, "partNumber=%u&", number))
        return false;
    return sr_str_add(out, "uploadId=", err) &&
           url_encode(upload->id, strlen(upload->id), "", out, err);
}

bool blob_s3_upload_begin(void *self, const char *key, const struct blob_attrs *attrs,
                          struct blob_upload *ret, struct sr_err *err)
{
    struct blob_s3_call call = { .method = "POST", .key = key, .query = "uploads=" };
    struct sr_str texts[BLOB_S3_HEADERS_MAX] = { 0 };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_auto(blob_upload) struct blob_upload upload = { 0 };
    char id[1024];
    if (!blob_s3_check_absent(self, key, attrs, err))
        return false;
    blob_s3_checksum_begin(self, &call);
    const bool begun =
        blob_s3_add_attrs(&call, key, attrs, texts, err) && blob_s3_run(self, &call, &reply, err);
    for (size_t i = 0; i < BLOB_S3_HEADERS_MAX; i++)
        sr_str_done(&texts[i]);
    if (!begun || !s3_xml_value(reply.body, reply.body_bytes, "UploadId", id, sizeof(id), err))
        return false;
    upload.key = sr_str_dup(key, err);
    upload.id = upload.key ? sr_str_dup(id, err) : NULL;
    if (!upload.id)
        return false;
    *ret = upload;
    upload = (struct blob_upload){ 0 };
    return true;
}

bool blob_s3_upload_part(void *self, const struct blob_upload *upload, uint32_t number,
                         const void *data, size_t bytes, struct blob_part *ret, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str query = { 0 };
    if (!upload_query(upload, number, &query, err))
        return false;
    struct blob_s3_call call = {
        .method = "PUT",
        .key = upload->key,
        .query = query.text,
        .body = data,
        .body_bytes = bytes,
        .is_content = true,
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    struct blob_part part = { .number = number, .bytes = bytes };
    if (!blob_s3_run(self, &call, &reply, err) || !blob_s3_etag(&reply, part.etag, err))
        return sr_err_wrap(err, "part %u", number);
    // what the store does not know it does not want to hear, either: Swift (2.30) refuses it
    if (blob_s3_tells_checksum(self, &reply))
        strcpy(part.checksum, call.checksum);  // of the same size
    *ret = part;
    return true;
}

bool blob_s3_upload_copy(void *self, const struct blob_upload *upload, uint32_t number,
                         const struct blob_source *from, struct blob_part *ret, struct sr_err *err)
{
    struct blob_s3 *s3 = self;
    sr_auto(sr_str) struct sr_str query = { 0 };
    sr_auto(sr_str) struct sr_str source = { 0 };
    char range[64];
    if (!blob_s3_check_source(s3, from->key, from->if_match, err) ||
        !upload_query(upload, number, &query, err) ||
        !blob_s3_add_copy_source(s3, from->key, &source, err))
        return false;
    snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, from->offset,
             from->offset + from->bytes - 1);
    struct blob_s3_call call = {
        .method = "PUT", .key = upload->key, .query = query.text, .error_in_200 = true
    };
    blob_s3_header(&call, "x-amz-copy-source", source.text);
    blob_s3_header(&call, "x-amz-copy-source-range", range);
    if (from->if_match)
        blob_s3_header(&call, "x-amz-copy-source-if-match", from->if_match);
    sr_auto(http_response) struct http_response reply = { 0 };
    struct blob_part part = { .number = number, .bytes = from->bytes };
    if (!blob_s3_run(s3, &call, &reply, err))
        return sr_err_wrap(err, "part %u", number);
    struct sr_err none = { 0 };
    // a server that does not know the call takes it for a part without bytes, and says nothing of a
    // copy
    if (!s3_xml_value(reply.body, reply.body_bytes, "ETag", part.etag, sizeof(part.etag) - 2,
                      &none) ||
        !blob_s3_quote(part.etag))
        return sr_fail(err, SR_ERR_UNSUPPORTED, "part %u: the server does not copy parts", number);
    const char *const element = blob_s3_checksum_element(s3);
    if (element && !s3_xml_value(reply.body, reply.body_bytes, element, part.checksum,
                                 sizeof(part.checksum), &none))
        part.checksum[0] = '\0';  // a server without checksums
    *ret = part;
    return true;
}

bool blob_s3_upload_parts(void *self, const struct blob_upload *upload, struct blob_parts *ret,
                          struct sr_err *err)
{
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    for (bool more = true; more;) {
        sr_auto(sr_str) struct sr_str query = { 0 };
        const uint32_t after = parts.count ? parts.item[parts.count - 1].number : 0;
        const size_t before = parts.count;
        if ((after && !sr_str_addf(&query, err, "part-number-marker=%u&", after)) ||
            !upload_query(upload, 0, &query, err))
            return false;
        struct blob_s3_call call = { .method = "GET", .key = upload->key, .query = query.text };
        sr_auto(http_response) struct http_response reply = { 0 };
        if (!blob_s3_run(self, &call, &reply, err) ||
            !s3_xml_parts(reply.body, reply.body_bytes, &parts, &more, err))
            return false;
        if (more && parts.count == before)
            return sr_fail(err, SR_ERR_STORAGE, "the listing of parts does not end");
    }
    *ret = parts;
    parts = (struct blob_parts){ 0 };
    return true;
}

// "etag" of an object made of these parts, where theirs are MD5s; "" where not.
// Spec: S3 "Checking object integrity": the MD5 of the parts' MD5s, then their number
static bool expected_etag(const struct blob_parts *parts, char etag[BLOB_ETAG_BYTES],
                          struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str all = { 0 };
    etag[0] = '\0';
    for (size_t i = 0; i < parts->count; i++) {
        const char *hex = parts->item[i].etag;
        uint8_t digest[SR_MD5_BYTES];
        hex += *hex == '"';
        if (strspn(hex, "0123456789abcdefABCDEF") != 2 * SR_MD5_BYTES)
            return true;
        for (size_t j = 0; j < SR_MD5_BYTES; j++) {
            unsigned byte;
            if (sscanf(hex + 2 * j, "%2x", &byte) != 1)
                return true;
            digest[j] = (uint8_t)byte;
        }
        if (!sr_str_add_bytes(&all, digest, sizeof(digest), err))
            return false;
    }
    uint8_t digest[SR_MD5_BYTES];
    char hex[2 * SR_MD5_BYTES + 1];
    if (!sr_md5(all.text, all.bytes, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), hex);
    snprintf(etag, BLOB_ETAG_BYTES, "\"%s-%zu\"", hex, parts->count);
    return true;
}

// An answer may be lost after the work was done; the retry then hears that there is no such upload,
// or that the name is taken. Whether the object is the one that we have just made shows in its
// ETag, or, where that says nothing, in nothing: then the error stands.
static bool made_already(struct blob_s3 *s3, const struct blob_upload *upload,
                         const struct blob_parts *parts, char ret_etag[BLOB_ETAG_BYTES])
{
    struct sr_err ignored = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    char expected[BLOB_ETAG_BYTES];
    if (!expected_etag(parts, expected, &ignored) || !*expected ||
        !blob_s3_head(s3, upload->key, &info, &ignored) || strcasecmp(info.etag, expected) != 0)
        return false;
    strcpy(ret_etag, info.etag);  // of the same size
    return true;
}

bool blob_s3_upload_finish(void *self, const struct blob_upload *upload,
                           const struct blob_parts *parts, const struct blob_attrs *attrs,
                           char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err)
{
    struct blob_s3 *s3 = self;
    sr_auto(sr_str) struct sr_str query = { 0 };
    sr_auto(sr_str) struct sr_str body = { 0 };
    if (!blob_s3_check_absent(s3, upload->key, attrs, err) ||
        !upload_query(upload, 0, &query, err) ||
        !s3_xml_add_complete(&body, parts, blob_s3_checksum_element(s3), err))
        return false;
    struct blob_s3_call call = {
        .method = "POST",
        .key = upload->key,
        .query = query.text,
        .body = body.text,
        .body_bytes = body.bytes,
        .error_in_200 = true,
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    if (!blob_s3_run_absent(s3, &call, attrs, &reply, err))
        return (err->code == SR_ERR_NOT_FOUND || err->code == SR_ERR_EXISTS) &&
               made_already(s3, upload, parts, ret_etag);
    if (!s3_xml_value(reply.body, reply.body_bytes, "ETag", ret_etag, BLOB_ETAG_BYTES - 2, err))
        return false;
    if (*ret_etag)
        return blob_s3_quote(ret_etag);
    sr_auto(blob_info) struct blob_info info = { 0 };  // Ceph (16) leaves it empty
    if (!blob_s3_head(s3, upload->key, &info, err))
        return false;
    strcpy(ret_etag, info.etag);  // of the same size
    return true;
}

bool blob_s3_upload_abort(void *self, const struct blob_upload *upload, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str query = { 0 };
    if (!upload_query(upload, 0, &query, err))
        return false;
    struct blob_s3_call call = {
        .method = "DELETE", .key = upload->key, .query = query.text, .cleans_up = true
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    return blob_s3_run(self, &call, &reply, err);
}

static bool add_marker(struct sr_str *query, const char *name, const char *value,
                       struct sr_err *err)
{
    return sr_str_addf(query, err, "%s=", name) &&
           url_encode(value, strlen(value), "", query, err) && sr_str_add(query, "&", err);
}

bool blob_s3_uploads(void *self, const char *prefix, const struct blob_upload *after,
                     struct blob_uploads *ret, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str query = { 0 };
    if (after && (!add_marker(&query, "key-marker", after->key, err) ||
                  !add_marker(&query, "upload-id-marker", after->id, err)))
        return false;
    // No encoding-type: Ceph encodes the keys then, but does not say so.
    if (!sr_str_add(&query, "max-uploads=1000&prefix=", err) ||
        !url_encode(prefix, strlen(prefix), "", &query, err) ||
        !sr_str_add(&query, "&uploads=", err))
        return false;
    struct blob_s3_call call = { .method = "GET", .query = query.text };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    if (!blob_s3_run(self, &call, &reply, err) ||
        !s3_xml_uploads(reply.body, reply.body_bytes, &uploads, err))
        return false;
    *ret = uploads;
    uploads = (struct blob_uploads){ 0 };
    return true;
}
