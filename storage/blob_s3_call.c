#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/sigv4_chunked.h"
#include "net/url.h"
#include "storage/blob_s3_priv.h"

void blob_s3_header(struct blob_s3_call *call, const char *name, const char *value)
{
    assert(call->header_count < BLOB_S3_HEADERS_MAX);
    call->headers[call->header_count++] = (struct http_header){ name, value };
}

void blob_s3_region(struct blob_s3 *s3, char region[65])
{
    sr_lock(&s3->lock);
    memcpy(region, s3->region, sizeof(s3->region));
    sr_unlock(&s3->lock);
}

// URLs -------------------------------------------------------------------------------------------

// A name with dots does not fit the certificate of *.s3.REGION.amazonaws.com.
static bool is_virtual(const struct blob_s3 *s3)
{
    switch (s3->params.style) {
    case BLOB_S3_STYLE_PATH: return false;
    case BLOB_S3_STYLE_VIRTUAL: return true;
    default: return !s3->endpoint && !strchr(s3->bucket, '.');
    }
}

bool blob_s3_url(struct blob_s3 *s3, const char *key, struct sr_str *out, struct sr_err *err)
{
    char region[65];
    blob_s3_region(s3, region);
    const bool china = strncmp(region, "cn-", 3) == 0;
    sr_auto(char) char *endpoint =
        s3->endpoint ? sr_str_dup(s3->endpoint, err)
                     : sr_strf(err, "https://s3.%s.amazonaws.com%s", region, china ? ".cn" : "");
    sr_auto(url) struct url url = { 0 };
    sr_auto(sr_str) struct sr_str authority = { 0 };
    if (!endpoint || !url_parse(endpoint, &url, err) || !url_add_authority(&url, &authority, err))
        return false;
    size_t base_bytes = strlen(url.path);
    while (base_bytes && url.path[base_bytes - 1] == '/')
        base_bytes--;
    const bool in_host = is_virtual(s3);
    if (!sr_str_addf(out, err, "%s://%s%s%s%.*s/", url.scheme, in_host ? s3->bucket : "",
                     in_host ? "." : "", authority.text, (int)base_bytes, url.path))
        return false;
    if (!in_host && !sr_str_addf(out, err, "%s%s", s3->bucket, key ? "/" : ""))
        return false;
    return !key || url_encode(key, strlen(key), "/", out, err);
}

// Signing ----------------------------------------------------------------------------------------

struct signing {
    struct url url;
    struct sr_str authority;
    struct credentials_keys keys;
    char region[65];
};
static void signing_done(struct signing *signing)
{
    url_done(&signing->url);
    sr_str_done(&signing->authority);
    explicit_bzero(&signing->keys, sizeof(signing->keys));
}
SR_DEFINE_AUTO_VALUE(signing, struct signing, signing_done);

static bool begin_signing(struct blob_s3 *s3, const char *url, struct signing *signing,
                          struct sr_err *err)
{
    blob_s3_region(s3, signing->region);
    return url_parse(url, &signing->url, err) &&
           url_add_authority(&signing->url, &signing->authority, err) &&
           credentials_get(s3->params.credentials, &signing->keys, err);
}

static struct sigv4_params signing_params(const struct blob_s3 *s3, const struct signing *signing)
{
    return (struct sigv4_params){
        .key = { signing->keys.access_key, signing->keys.secret,
                 *signing->keys.token ? signing->keys.token : NULL },
        .scope = { .region = signing->region, .service = "s3", .path_once = true },
        .wall_us = sr_clock_wall_us(s3->params.clock),
        .hash_header = true,
    };
}

static bool sign_chunks(struct blob_s3_call *call, const struct sigv4_params *params,
                        const char *seed, struct sr_err *err)
{
    sigv4_chunked_free(sr_take(call->chunked));
    return sigv4_chunked_new(params, seed, call->body, call->body_bytes, &call->chunked, err);
}

static bool sign(struct blob_s3_call *call, const char *url, struct http_attempt *attempt,
                 struct sr_err *err)
{
    sr_auto(signing) struct signing signing = { 0 };
    if (!begin_signing(call->s3, url, &signing, err))
        return false;
    const struct sigv4_params params = signing_params(call->s3, &signing);
    struct http_header headers[BLOB_S3_HEADERS_MAX + 2];
    size_t count = 0;
    headers[count++] = (struct http_header){ "Host", signing.authority.text };
    for (size_t i = 0; i < call->header_count; i++)
        headers[count++] = call->headers[i];
    if (call->sends_md5)
        headers[count++] = (struct http_header){ "Content-MD5", call->md5_base64 };
    const struct sigv4_request request = {
        .method = call->method,
        .path = signing.url.path,
        .query = signing.url.query,
        .headers = headers,
        .header_count = count,
        .payload_hash = call->payload_hash,
    };
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    memcpy(call->access_key, signing.keys.access_key, sizeof(call->access_key));
    return sigv4_sign_header(&params, &request, &result, err) &&
           (!call->is_chunked || sign_chunks(call, &params, result.signature, err)) &&
           http_attempt_header(attempt, "X-Amz-Date", result.date, err) &&
           http_attempt_header(attempt, "X-Amz-Content-Sha256", request.payload_hash, err) &&
           (!params.key.token ||
            http_attempt_header(attempt, "X-Amz-Security-Token", params.key.token, err)) &&
           http_attempt_header(attempt, "Authorization", result.authorization, err);
}

static bool prepare(void *self, struct http_attempt *attempt, struct sr_err *err)
{
    struct blob_s3_call *call = self;
    sr_auto(sr_str) struct sr_str url = { 0 };
    if (!blob_s3_url(call->s3, call->key, &url, err) ||
        (call->query && !sr_str_addf(&url, err, "?%s", call->query)) ||
        !http_attempt_url(attempt, url.text, err))
        return false;
    for (size_t i = 0; i < call->header_count; i++) {
        if (!http_attempt_header(attempt, call->headers[i].name, call->headers[i].value, err))
            return false;
    }
    if (call->sends_md5 && !http_attempt_header(attempt, "Content-MD5", call->md5_base64, err))
        return false;
    // curl would invent a form's type for POST
    if (strcmp(call->method, "POST") == 0 &&
        !http_header_find(call->headers, call->header_count, "Content-Type") &&
        !http_attempt_header(attempt, "Content-Type", "application/xml", err))
        return false;
    return !call->s3->params.credentials || sign(call, url.text, attempt, err);
}

bool blob_s3_sign_query(struct blob_s3 *s3, const char *method, const char *key, int64_t expires_s,
                        char **ret_url, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str url = { 0 };
    sr_auto(signing) struct signing signing = { 0 };
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    if (!s3->params.credentials)
        return sr_fail(err, SR_ERR_DENIED, "without credentials there is nothing to presign with");
    if (!blob_s3_url(s3, key, &url, err) || !begin_signing(s3, url.text, &signing, err))
        return false;
    struct sigv4_params params = signing_params(s3, &signing);
    params.hash_header = false;
    const struct http_header host = { "Host", signing.authority.text };
    const struct sigv4_request request = {
        .method = method,
        .path = signing.url.path,
        .headers = &host,
        .header_count = 1,
        .payload_hash = SIGV4_UNSIGNED,
    };
    if (!sigv4_sign_query(&params, &request, expires_s, &result, err) ||
        !sr_str_addf(&url, err, "?%s", result.query))
        return false;
    *ret_url = sr_str_take(&url);
    return *ret_url || sr_fail(err, SR_ERR_NO_MEMORY, "URL");
}

// Replies ----------------------------------------------------------------------------------------

// S3's own names decide before the status does. Spec: S3 API "Error responses"
static const struct error_row {
    const char *name;
    enum sr_err_code code;
} errors[] = {
    { "NoSuchKey", SR_ERR_NOT_FOUND },
    { "NoSuchBucket", SR_ERR_NOT_FOUND },
    { "NoSuchUpload", SR_ERR_NOT_FOUND },
    { "PreconditionFailed", SR_ERR_CONFLICT },
    { "ConditionalRequestConflict", SR_ERR_CONFLICT },
    { "AccessDenied", SR_ERR_DENIED },
    { "InvalidAccessKeyId", SR_ERR_DENIED },
    { "SignatureDoesNotMatch", SR_ERR_DENIED },
    { "RequestTimeTooSkewed", SR_ERR_DENIED },
    { "SlowDown", SR_ERR_BUSY },
    { "ServiceUnavailable", SR_ERR_BUSY },
    { "Busy", SR_ERR_BUSY },
    { "OperationAborted", SR_ERR_BUSY },
    { "InternalError", SR_ERR_STORAGE },
    { "RequestTimeout", SR_ERR_TIMEOUT },
    { "BadDigest", SR_ERR_NETWORK },  // damaged on the way: send it again
    { "XAmzContentSHA256Mismatch", SR_ERR_NETWORK },
    { "IncompleteBody", SR_ERR_NETWORK },
    { "InvalidPart", SR_ERR_INVALID },
    { "InvalidPartOrder", SR_ERR_INVALID },
    { "EntityTooSmall", SR_ERR_INVALID },
    { "EntityTooLarge", SR_ERR_TOO_LARGE },
    { "NotImplemented", SR_ERR_UNSUPPORTED },
    { "ExpiredToken", SR_ERR_BUSY },  // fresh keys are fetched for the next attempt
    { "TokenRefreshRequired", SR_ERR_BUSY },
};

static enum sr_err_code error_code(const struct http_response *reply, const char *name)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (strcmp(errors[i].name, name) == 0)
            return errors[i].code;
    }
    return reply->status < 300 ? SR_ERR_STORAGE : http_status_code(reply->status);
}

// The bucket lives elsewhere: the next attempt goes there. False when that is no news.
static bool move_region(struct blob_s3 *s3, const struct http_response *reply,
                        const struct s3_error *error)
{
    const char *header = http_response_header(reply, "x-amz-bucket-region");
    const char *region = header ? header : error->region;
    const bool wrong = reply->status == 301 || reply->status == 307 ||
                       strcmp(error->code, "AuthorizationHeaderMalformed") == 0 ||
                       (reply->status == 400 && header);
    if (!wrong || !*region || strlen(region) >= sizeof(s3->region) ||
        strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(region))
        return false;
    sr_lock(&s3->lock);
    const bool news = strcmp(s3->region, region) != 0;
    strcpy(s3->region, region);  // fits: checked above
    sr_unlock(&s3->lock);
    return news;
}

static bool judge(void *self, const struct http_response *reply, struct sr_err *err)
{
    struct blob_s3_call *call = self;
    const bool good = reply->status >= 200 && reply->status <= 299;
    if (good && call->is_content)
        return blob_s3_check_content(call, reply, err);
    if (good && !call->error_in_200)
        return !call->complete || call->complete(call->self, reply, err);
    if (reply->status == 416 && call->range_may_end)
        return true;
    const struct s3_error error = s3_xml_error(reply->body, reply->body_bytes);
    if (good && !*error.code)
        return true;
    if (move_region(call->s3, reply, &error))
        return sr_fail_native(err, SR_ERR_BUSY, reply->status, "the bucket is in another region");
    if (strcmp(error.code, "ExpiredToken") == 0 || strcmp(error.code, "TokenRefreshRequired") == 0)
        credentials_forget(call->s3->params.credentials, call->access_key);
    if (!*error.code)
        return http_fail_status(reply, err);
    return sr_fail_native(err, error_code(reply, error.code), reply->status, "HTTP %d %s: %s",
                          reply->status, error.code, error.message);
}

static bool accept_call(void *self, const struct http_response *head, struct sr_err *err)
{
    const struct blob_s3_call *call = self;
    return !call->accept || call->accept(call->self, head, err);
}

static void sink_call(void *self, uint64_t offset, const void *data, size_t bytes)
{
    const struct blob_s3_call *call = self;
    call->sink(call->self, offset, data, bytes);
}

static void source_call(void *self, uint64_t offset, void *buffer, size_t bytes)
{
    const struct blob_s3_call *call = self;
    sigv4_chunked_read(call->chunked, offset, buffer, bytes);
}

static bool run_hashed(struct blob_s3 *s3, struct blob_s3_call *call, struct http_response *ret,
                       struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str url = { 0 };
    if (!blob_s3_url(s3, call->key, &url, err))
        return false;
    struct sr_cancel clean_up;
    const struct sr_clock *clock = s3->params.clock;
    sr_cancel_init(&clean_up, NULL, clock, sr_clock_monotonic_us(clock) + BLOB_S3_CLEAN_UP_US);
    const struct http_request request = {
        .method = call->method,
        .url = url.text,
        .body = call->body,
        .body_bytes =
            call->is_chunked ? (size_t)sigv4_chunked_bytes(call->body_bytes) : call->body_bytes,
        .source = call->is_chunked ? source_call : NULL,
        .reply_bytes_max = call->sink ? UINT64_MAX : BLOB_S3_REPLY_BYTES,
        .prepare = prepare,
        .judge = judge,
        .accept = call->accept ? accept_call : NULL,
        .sink = call->sink ? sink_call : NULL,
        .self = call,
        .cancel = call->cleans_up ? &clean_up : s3->params.cancel,
    };
    const bool done = http_run(s3->params.http, &request, ret, err);
    sigv4_chunked_free(sr_take(call->chunked));
    return done;
}

bool blob_s3_run(struct blob_s3 *s3, struct blob_s3_call *call, struct http_response *ret,
                 struct sr_err *err)
{
    call->s3 = s3;
    const bool done = blob_s3_hash_body(call, err) && run_hashed(s3, call, ret, err);
    if (call->is_queued)
        md5_queue_sent(&s3->md5s);
    return done;
}

bool blob_s3_quote(char *etag)
{
    const size_t bytes = strlen(etag);
    if (bytes && *etag != '"' && strncmp(etag, "W/", 2) != 0) {
        memmove(etag + 1, etag, bytes);
        etag[0] = etag[bytes + 1] = '"';
        etag[bytes + 2] = '\0';
    }
    return true;
}

bool blob_s3_etag(const struct http_response *reply, char etag[BLOB_ETAG_BYTES], struct sr_err *err)
{
    const char *text = http_response_header(reply, "etag");
    if (!sr_format(etag, BLOB_ETAG_BYTES - 2, "%s", text ? text : ""))
        return sr_fail(err, SR_ERR_STORAGE, "the ETag is too long");
    return blob_s3_quote(etag);
}
