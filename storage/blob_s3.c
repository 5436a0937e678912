#include "storage/blob_s3.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/url.h"
#include "storage/blob_range.h"
#include "storage/blob_s3_priv.h"

// Attributes -------------------------------------------------------------------------------------

bool blob_s3_add_attrs(struct blob_s3_call *call, const char *key, const struct blob_attrs *attrs,
                       struct sr_str meta[BLOB_S3_HEADERS_MAX], struct sr_err *err)
{
    const size_t count = attrs->meta ? attrs->meta->count : 0;
    if (count > BLOB_S3_HEADERS_MAX - 8)
        return sr_fail(err, SR_ERR_INVALID, "%zu metadata entries, at most %d", count,
                       BLOB_S3_HEADERS_MAX - 8);
    blob_s3_header(call, "Content-Type",
                   attrs->content_type ? attrs->content_type : blob_content_type(key));
    if (attrs->cache_control)
        blob_s3_header(call, "Cache-Control", attrs->cache_control);
    for (size_t i = 0; i < count; i++) {
        if (!sr_str_addf(&meta[i], err, "x-amz-meta-%s", attrs->meta->item[i].name))
            return false;
        blob_s3_header(call, meta[i].text, attrs->meta->item[i].value);
    }
    return true;
}

static void free_texts(struct sr_str texts[BLOB_S3_HEADERS_MAX])
{
    for (size_t i = 0; i < BLOB_S3_HEADERS_MAX; i++)
        sr_str_done(&texts[i]);
}

// Not every server knows If-None-Match, so we look first; where it is known it also decides a race.
bool blob_s3_check_absent(struct blob_s3 *s3, const char *key, const struct blob_attrs *attrs,
                          struct sr_err *err)
{
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!attrs->if_absent)
        return true;
    if (blob_s3_head(s3, key, &info, err))
        return sr_fail(err, SR_ERR_EXISTS, "%s is there already", key);
    return err->code == SR_ERR_NOT_FOUND;
}

// Swift (2.30) answers 501 to the condition. Between our look and its writing another may then come
// in front of us, which without the server's help nobody can prevent.
bool blob_s3_run_absent(struct blob_s3 *s3, struct blob_s3_call *call,
                        const struct blob_attrs *attrs, struct http_response *ret,
                        struct sr_err *err)
{
    const struct blob_s3_call plain = *call;
    const bool asks = attrs->if_absent && !atomic_load(&s3->no_conditions);
    if (asks)
        blob_s3_header(call, "If-None-Match", "*");
    if (blob_s3_run(s3, call, ret, err))
        return true;
    if (asks && err->code == SR_ERR_UNSUPPORTED) {
        atomic_store(&s3->no_conditions, true);
        *call = plain;
        return blob_s3_run(s3, call, ret, err);
    }
    if (asks && err->code == SR_ERR_CONFLICT)
        return sr_fail(err, SR_ERR_EXISTS, "%s is there already", call->key);
    return false;
}

// Reading ----------------------------------------------------------------------------------------

static bool copy_header(const struct http_response *reply, const char *name, char *to,
                        size_t capacity, struct sr_err *err)
{
    const char *value = http_response_header(reply, name);
    return sr_format(to, capacity, "%s", value ? value : "") ||
           sr_fail(err, SR_ERR_STORAGE, "%s of the reply is too long", name);
}

static bool add_meta(const struct http_response *reply, struct blob_pairs *meta, struct sr_err *err)
{
    static const char prefix[] = "x-amz-meta-";
    for (size_t i = 0; i < reply->header_count; i++) {
        const struct http_header *header = &reply->headers[i];
        if (strncasecmp(header->name, prefix, sizeof(prefix) - 1) != 0)
            continue;
        sr_auto(char) char *name = sr_str_dup(header->name + sizeof(prefix) - 1, err);
        if (!name)
            return false;
        for (char *c = name; *c; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
        if (!blob_pairs_add(meta, name, header->value, err))
            return false;
    }
    return true;
}

static bool fill_info(const struct http_response *reply, struct blob_info *info, struct sr_err *err)
{
    const char *modified = http_response_header(reply, "last-modified");
    info->modified_us = modified ? s3_xml_time(modified) : 0;
    return blob_s3_etag(reply, info->etag, err) &&
           copy_header(reply, "content-type", info->content_type, sizeof(info->content_type),
                       err) &&
           copy_header(reply, "cache-control", info->cache_control, sizeof(info->cache_control),
                       err) &&
           add_meta(reply, &info->meta, err);
}

bool blob_s3_head(void *self, const char *key, struct blob_info *ret, struct sr_err *err)
{
    struct blob_s3_call call = { .method = "HEAD", .key = key };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!blob_s3_run(self, &call, &reply, err))
        return false;
    const char *length = http_response_header(&reply, "content-length");
    if (!length)
        return sr_fail(err, SR_ERR_STORAGE, "%s: the reply has no Content-Length", key);
    info.bytes = strtoull(length, NULL, 10);
    if (!fill_info(&reply, &info, err))
        return false;
    *ret = info;
    info = (struct blob_info){ 0 };
    return true;
}

struct s3_range {
    struct blob_range range;
    struct blob_get asked;
    const struct blob_get *get;  // of the caller, who wants no more
    struct blob_s3_sum *sum;     // of this attempt; NULL: none to compare
};

// Once for each attempt.
static bool accept_range(void *self, const struct http_response *head, struct sr_err *err)
{
    struct s3_range *call = self;
    char etag[BLOB_ETAG_BYTES];
    blob_s3_sum_free(sr_take(call->sum));
    if (!blob_s3_etag(head, etag, err) || !blob_range_accept(&call->range, head, etag, err))
        return false;
    // the store's sum is the whole object's
    const bool whole = call->range.expect_bytes == call->range.total_bytes;
    return !whole || blob_s3_sum_begin(head, &call->sum, err);
}

static void pass_on(void *self, uint64_t offset, const void *data, size_t bytes)
{
    const struct s3_range *const call = self;
    const struct blob_get *const get = call->get;
    if (call->sum)
        blob_s3_sum_add(call->sum, data, bytes);
    const uint64_t room = offset < get->bytes ? get->bytes - offset : 0;
    if (room)
        get->sink(get->self, offset, data, room < bytes ? (size_t)room : bytes);
}

static bool is_whole(void *self, const struct http_response *reply, struct sr_err *err)
{
    struct s3_range *const call = self;
    char etag[BLOB_ETAG_BYTES];
    return blob_s3_etag(reply, etag, err) && blob_range_complete(&call->range, reply, etag, err) &&
           (!call->sum || blob_s3_sum_check(call->sum, err));
}

static bool s3_get(void *self, const struct blob_get *get, struct blob_info *ret,
                   struct sr_err *err)
{
    struct s3_range ranged = { .asked = *get, .get = get };
    ranged.range.get = &ranged.asked;
    if (get->offset == 0 && get->bytes == 1)
        ranged.asked.bytes = 2;  // s3rver (3.7.1) takes "0-0" for the whole
    struct blob_s3_call call = {
        .method = "GET",
        .key = get->key,
        .accept = accept_range,
        .sink = pass_on,
        .complete = is_whole,
        .self = &ranged,
        .range_may_end = true,
    };
    if (get->offset == 0)  // what may be all of it; of a part the store has no sum
        blob_s3_header(&call, "x-amz-checksum-mode", "ENABLED");
    char range[BLOB_RANGE_TEXT];
    if (blob_range_text(&ranged.asked, range))
        blob_s3_header(&call, "Range", range);
    if (get->if_match)
        blob_s3_header(&call, "If-Match", get->if_match);
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    const bool done = blob_s3_run(self, &call, &reply, err);
    blob_s3_sum_free(sr_take(ranged.sum));
    if (!done || !fill_info(&reply, &info, err))
        return false;
    info.bytes = ranged.range.total_bytes;
    *ret = info;
    info = (struct blob_info){ 0 };
    return true;
}

// Writing ----------------------------------------------------------------------------------------

// An answer may be lost after the work was done; the retry then hears that the name is taken. By
// these very bytes: their MD5 is the ETag.
static bool put_already(struct blob_s3 *s3, const struct blob_put *put,
                        char ret_etag[BLOB_ETAG_BYTES])
{
    struct sr_err ignored = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    uint8_t digest[SR_MD5_BYTES];
    char hex[2 * SR_MD5_BYTES + 1];
    if (!sr_md5(put->data ? put->data : "", put->bytes, digest, &ignored) ||
        !blob_s3_head(s3, put->key, &info, &ignored))
        return false;
    sr_hex(digest, sizeof(digest), hex);
    if (info.bytes != put->bytes || strlen(info.etag) != 2 + strlen(hex) ||
        strncasecmp(info.etag + 1, hex, strlen(hex)) != 0)
        return false;
    strcpy(ret_etag, info.etag);  // of the same size
    return true;
}

static bool s3_put(void *self, const struct blob_put *put, char ret_etag[BLOB_ETAG_BYTES],
                   struct sr_err *err)
{
    struct blob_s3 *s3 = self;
    struct blob_s3_call call = {
        .method = "PUT",
        .key = put->key,
        .body = put->data,
        .body_bytes = put->bytes,
        .is_content = true,
    };
    struct sr_str texts[BLOB_S3_HEADERS_MAX] = { 0 };
    sr_auto(http_response) struct http_response reply = { 0 };
    if (!blob_s3_check_absent(s3, put->key, &put->attrs, err))
        return false;
    const bool done = blob_s3_add_attrs(&call, put->key, &put->attrs, texts, err) &&
                      blob_s3_run_absent(s3, &call, &put->attrs, &reply, err);
    free_texts(texts);
    if (!done && err->code == SR_ERR_EXISTS && put_already(s3, put, ret_etag))
        return true;
    return done && blob_s3_etag(&reply, ret_etag, err);
}

bool blob_s3_add_copy_source(struct blob_s3 *s3, const char *key, struct sr_str *out,
                             struct sr_err *err)
{
    return sr_str_addf(out, err, "/%s/", s3->bucket) && url_encode(key, strlen(key), "/", out, err);
}

// Ceph (16) does not know x-amz-copy-source-if-match, so at other endpoints than AWS's we look
// first; what changes in between is found by whoever compares the whole.
bool blob_s3_check_source(struct blob_s3 *s3, const char *key, const char *if_match,
                          struct sr_err *err)
{
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!if_match || !s3->endpoint)
        return true;
    if (!blob_s3_head(s3, key, &info, err))
        return false;
    return strcmp(info.etag, if_match) == 0 || sr_fail(err, SR_ERR_CONFLICT, "%s has changed", key);
}

// Both are on one server.
static bool copy_between(struct blob_s3 *source, const char *from, const char *if_match,
                         struct blob_s3 *target, const char *to, const struct blob_attrs *attrs,
                         struct sr_err *err)
{
    struct blob_s3_call call = { .method = "PUT", .key = to, .error_in_200 = true };
    struct sr_str texts[BLOB_S3_HEADERS_MAX] = { 0 };
    sr_auto(sr_str) struct sr_str source_text = { 0 };
    sr_auto(http_response) struct http_response reply = { 0 };
    if (!blob_s3_check_source(source, from, if_match, err) ||
        (attrs && !blob_s3_check_absent(target, to, attrs, err)) ||
        !blob_s3_add_copy_source(source, from, &source_text, err))
        return false;
    blob_s3_header(&call, "x-amz-copy-source", source_text.text);
    if (if_match)
        blob_s3_header(&call, "x-amz-copy-source-if-match", if_match);
    if (attrs)
        blob_s3_header(&call, "x-amz-metadata-directive", "REPLACE");
    const bool done = (!attrs || blob_s3_add_attrs(&call, to, attrs, texts, err)) &&
                      blob_s3_run(target, &call, &reply, err);
    free_texts(texts);
    return done;
}

static bool s3_copy(void *self, const char *from, const char *if_match, const char *to,
                    const struct blob_attrs *attrs, struct sr_err *err)
{
    return copy_between(self, from, if_match, self, to, attrs, err);
}

// Spec: S3 "CopyObject": the source may be in any bucket of the service, also in another region. The
// request has the target's keys; where those may not read the source, it is refused.
static bool s3_copy_across(void *self, void *from_self, const char *from, const char *if_match,
                           const char *to, const struct blob_attrs *attrs, struct sr_err *err)
{
    struct blob_s3 *target = self, *source = from_self;
    const bool same = target->endpoint && source->endpoint
                          ? strcmp(target->endpoint, source->endpoint) == 0
                          : target->endpoint == source->endpoint;
    if (!same)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "the buckets are on different servers");
    return copy_between(source, from, if_match, target, to, attrs, err);
}

static bool s3_presign(void *self, const char *method, const char *key, int64_t expires_s,
                       char **ret_url, struct sr_err *err)
{
    return blob_s3_sign_query(self, method, key, expires_s, ret_url, err);
}

// Styles -----------------------------------------------------------------------------------------

static const char *const styles[] = {
    [BLOB_S3_STYLE_AUTO] = "auto",
    [BLOB_S3_STYLE_PATH] = "path",
    [BLOB_S3_STYLE_VIRTUAL] = "virtual",
};
enum { STYLE_COUNT = sizeof(styles) / sizeof(styles[0]) };

bool blob_s3_style_named(const char *name, enum blob_s3_style *ret)
{
    for (size_t i = 0; i < STYLE_COUNT; i++) {
        if (strcmp(name, styles[i]) == 0) {
            *ret = (enum blob_s3_style)i;
            return true;
        }
    }
    return false;
}

// Opening ----------------------------------------------------------------------------------------

static void s3_close(void *self)
{
    struct blob_s3 *s3 = self;
    free(s3->bucket);
    free(s3->endpoint);
    md5_queue_done(&s3->md5s);
    sr_mutex_done(&s3->lock);
    free(s3);
}

static const struct blob_ops s3_ops = {
    .name = "S3",
    .head = blob_s3_head,
    .get = s3_get,
    .put = s3_put,
    .upload_begin = blob_s3_upload_begin,
    .upload_part = blob_s3_upload_part,
    .upload_copy = blob_s3_upload_copy,
    .upload_parts = blob_s3_upload_parts,
    .upload_finish = blob_s3_upload_finish,
    .upload_abort = blob_s3_upload_abort,
    .uploads = blob_s3_uploads,
    .list = blob_s3_list,
    .remove = blob_s3_remove,
    .copy = s3_copy,
    .copy_across = s3_copy_across,
    .tags_get = blob_s3_tags_get,
    .tags_set = blob_s3_tags_set,
    .presign = s3_presign,
    .close = s3_close,
};

static bool check_bucket(const char *bucket, struct sr_err *err)
{
    const size_t bytes = strlen(bucket);
    const bool good =
        bytes >= 3 && bytes <= 63 && bucket[0] != '.' &&
        strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
            bytes;
    return good || sr_fail(err, SR_ERR_INVALID, "\"%.80s\" is not a bucket's name", bucket);
}

bool blob_s3_open(const struct blob_s3_params *params, struct blob *ret_blob, struct sr_err *err)
{
    if (!check_bucket(params->bucket, err))
        return false;
    if (params->endpoint) {
        sr_auto(url) struct url url = { 0 };
        if (!url_parse(params->endpoint, &url, err))
            return sr_err_wrap(err, "endpoint");
        if (strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0)
            return sr_fail(err, SR_ERR_INVALID, "endpoint: not an http or https URL");
    }
    struct blob_s3 *s3 = calloc(1, sizeof(*s3));
    if (!s3)
        return sr_fail(err, SR_ERR_NO_MEMORY, "S3");
    if (!sr_mutex_init(&s3->lock, err)) {
        free(s3);
        return false;
    }
    if (!md5_queue_init(&s3->md5s, err)) {
        sr_mutex_done(&s3->lock);
        free(s3);
        return false;
    }
    s3->params = *params;
    if (!s3->params.clock)
        s3->params.clock = sr_clock_system();
    s3->bucket = sr_str_dup(params->bucket, err);
    s3->endpoint = params->endpoint ? sr_str_dup(params->endpoint, err) : NULL;
    const bool texts = s3->bucket && (s3->endpoint || !params->endpoint);
    if (!texts || !sr_format(s3->region, sizeof(s3->region), "%s", params->region)) {
        if (texts)
            (void)sr_fail(err, SR_ERR_INVALID, "the region's name is too long");
        s3_close(s3);
        return false;
    }
    *ret_blob = (struct blob){ .ops = &s3_ops, .self = s3 };
    return true;
}

bool blob_s3_make_bucket(const struct blob *blob, struct sr_err *err)
{
    struct blob_s3 *s3 = blob->self;
    char region[65];
    blob_s3_region(s3, region);
    sr_auto(sr_str) struct sr_str body = { 0 };
    // Spec: S3 "CreateBucket": us-east-1 must not be named
    if (!s3->endpoint && strcmp(region, "us-east-1") != 0 &&
        !sr_str_addf(&body, err,
                     "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                     "<LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>",
                     region))
        return false;
    struct blob_s3_call call = { .method = "PUT", .body = body.text, .body_bytes = body.bytes };
    sr_auto(http_response) struct http_response reply = { 0 };
    return blob_s3_run(s3, &call, &reply, err) || strstr(err->message, "BucketAlreadyOwnedByYou") ||
           strstr(err->message, "BucketAlreadyExists");
}
