#include "storage/blob_http.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "net/url.h"
#include "storage/blob_range.h"
#include "storage/s3_xml.h"

enum { REDIRECTS_MAX = 5 };

struct blob_http {
    struct http *http;
    const struct sr_cancel *cancel;
    char *base;
    bool whole;  // the base has a query: it is the object
};

static char *url_of(const struct blob_http *store, const char *key, struct sr_err *err)
{
    if (strcmp(key, BLOB_HTTP_WHOLE) == 0)
        return sr_str_dup(store->base, err);
    if (store->whole) {
        (void)sr_fail(err, SR_ERR_NOT_FOUND, "no object %s: the URL is a single one", key);
        return NULL;
    }
    sr_auto(sr_str) struct sr_str url = { 0 };
    if (!sr_str_add(&url, store->base, err) || !url_encode(key, strlen(key), "/", &url, err))
        return NULL;
    return sr_str_take(&url);
}

// What tells one version from another: a strong ETag, else the date. A weak ETag may hide a change.
static bool version_of(const struct http_response *reply, char etag[BLOB_ETAG_BYTES],
                       struct sr_err *err)
{
    const char *text = http_response_header(reply, "etag");
    const char *date = http_response_header(reply, "last-modified");
    if (text && strncmp(text, "W/", 2) == 0 && date)
        text = date;
    return sr_format(etag, BLOB_ETAG_BYTES, "%s",
                     text   ? text
                     : date ? date
                            : "") ||
           sr_fail(err, SR_ERR_UNSUPPORTED, "the ETag is too long");
}

static bool fill_info(const struct http_response *reply, uint64_t bytes, struct blob_info *ret,
                      struct sr_err *err)
{
    struct blob_info info = { .bytes = bytes };
    const char *type = http_response_header(reply, "content-type");
    const char *modified = http_response_header(reply, "last-modified");
    info.modified_us = modified ? s3_xml_time(modified) : 0;
    if (!version_of(reply, info.etag, err))
        return false;
    if (!sr_format(info.content_type, sizeof(info.content_type), "%s", type ? type : ""))
        return sr_fail(err, SR_ERR_UNSUPPORTED, "the Content-Type is too long");
    *ret = info;
    return true;
}

struct call {
    struct blob_range range;
};

// A reply that is not whole is asked for again.
static bool judge(void *self, const struct http_response *reply, struct sr_err *err)
{
    struct call *call = self;
    char etag[BLOB_ETAG_BYTES];
    if (reply->status == 416)
        return true;
    if (reply->status < 200 || reply->status > 299)
        return http_fail_status(reply, err);
    return version_of(reply, etag, err) && blob_range_complete(&call->range, reply, etag, err);
}

static bool accept_range(void *self, const struct http_response *head, struct sr_err *err)
{
    struct call *call = self;
    char etag[BLOB_ETAG_BYTES];
    return version_of(head, etag, err) && blob_range_accept(&call->range, head, etag, err);
}

static void pass_on(void *self, uint64_t offset, const void *data, size_t bytes)
{
    const struct blob_get *get = ((const struct call *)self)->range.get;
    get->sink(get->self, offset, data, bytes);
}

static bool http_blob_get(void *self, const struct blob_get *get, struct blob_info *ret,
                          struct sr_err *err)
{
    const struct blob_http *store = self;
    sr_auto(char) char *url = url_of(store, get->key, err);
    if (!url)
        return false;
    char range[BLOB_RANGE_TEXT];
    struct http_header headers[2];
    size_t count = 0;
    if (blob_range_text(get, range))
        headers[count++] = (struct http_header){ "Range", range };
    if (get->if_match && get->if_match[0] == '"')
        headers[count++] = (struct http_header){ "If-Match", get->if_match };
    struct call call = { .range = { .get = get } };
    const struct http_request request = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .header_count = count,
        .reply_bytes_max = UINT64_MAX,
        .judge = judge,
        .accept = accept_range,
        .sink = pass_on,
        .self = &call,
        .cancel = store->cancel,
        .redirects_max = REDIRECTS_MAX,
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    return http_run(store->http, &request, &reply, err) &&
           fill_info(&reply, call.range.total_bytes, ret, err);
}

static void ignore_bytes(void *self, uint64_t offset, const void *data, size_t bytes)
{
    (void)self;
    (void)offset;
    (void)data;
    (void)bytes;
}

// A presigned GET refuses HEAD; its first byte tells the same.
static bool head_by_get(void *self, const char *key, struct blob_info *ret, struct sr_err *err)
{
    const struct blob_get get = { .key = key, .bytes = 1, .sink = ignore_bytes };
    return http_blob_get(self, &get, ret, err);
}

static bool http_blob_head(void *self, const char *key, struct blob_info *ret, struct sr_err *err)
{
    const struct blob_http *store = self;
    sr_auto(char) char *url = url_of(store, key, err);
    if (!url)
        return false;
    const struct http_request request = {
        .method = "HEAD", .url = url, .cancel = store->cancel, .redirects_max = REDIRECTS_MAX
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    if (!http_run(store->http, &request, &reply, err)) {
        const bool refused = err->native == 403 || err->native == 405 || err->native == 501;
        return refused && head_by_get(self, key, ret, err);
    }
    const char *length = http_response_header(&reply, "content-length");
    if (!length)
        return head_by_get(self, key, ret, err);
    return fill_info(&reply, strtoull(length, NULL, 10), ret, err);
}

static void http_blob_close(void *self)
{
    struct blob_http *store = self;
    free(store->base);
    free(store);
}

static const struct blob_ops http_blob_ops = {
    .name = "an http server", .head = http_blob_head, .get = http_blob_get, .close = http_blob_close
};

bool blob_http_open(const struct blob_http_params *params, struct blob *ret_blob,
                    struct sr_err *err)
{
    sr_auto(url) struct url url = { 0 };
    if (!url_parse(params->base, &url, err))
        return false;
    if (strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0)
        return sr_fail(err, SR_ERR_INVALID, "not an http or https URL");
    sr_auto(sr_str) struct sr_str text = { 0 };
    if (!url_add_text(&url, &text, err))
        return false;
    struct blob_http *store = calloc(1, sizeof(*store));
    if (!store)
        return sr_fail(err, SR_ERR_NO_MEMORY, "http store");
    store->http = params->http;
    store->cancel = params->cancel;
    store->whole = url.query != NULL;
    store->base = sr_str_take(&text);
    *ret_blob = (struct blob){ .ops = &http_blob_ops, .self = store };
    if (store->base)
        return true;
    blob_close(ret_blob);
    return sr_fail(err, SR_ERR_NO_MEMORY, "http store");
}
