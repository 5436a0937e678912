// states:::http:invoke: one HTTP request to a place that the service's configuration allows.
// Spec: Step Functions "Call HTTPS APIs in Step Functions workflows".
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "net/url.h"
#include "service/resource_priv.h"
#include "service/server.h"

enum { HEADERS_MAX = 64 };

struct call {
    char *url;
    const char *method;
    char *body;  // NULL: none
    struct http_header headers[HEADERS_MAX];
    size_t header_count;
    char *values[HEADERS_MAX];  // the headers' that are not borrowed
    size_t value_count;
};

static void call_done(struct call *call)
{
    free(call->url);
    free(call->body);
    for (size_t i = 0; i < call->value_count; i++)
        free(call->values[i]);
}
SR_DEFINE_AUTO_VALUE(call, struct call, call_done);

static bool bad(struct asl_failure *failure, const char *format, const char *what)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    struct sr_err err = { 0 };
    const char *mark = strstr(format, "%s");
    if (!sr_str_add_bytes(&text, format, mark ? (size_t)(mark - format) : strlen(format), &err) ||
        (mark && (!sr_str_add(&text, what, &err) || !sr_str_add(&text, mark + 2, &err))))
        return resource_no_memory(failure);
    return asl_fail_catchable(failure, ASL_ERROR_RUNTIME, "%s", text.text);
}

// --- where to ---

static bool entry_covers(const char *entry, const struct url *url, const char *authority)
{
    if (strcmp(entry, "*") == 0)
        return true;
    if (strncmp(entry, "*.", 2) != 0)
        return strcasecmp(entry, url->host) == 0 || strcasecmp(entry, authority) == 0;
    const size_t host = strlen(url->host), domain = strlen(entry) - 1;
    return host > domain && strcasecmp(url->host + host - domain, entry + 1) == 0;
}

static bool is_allowed(const struct resources *resources, const struct url *url,
                       const char *authority)
{
    const char *const *allow = resources->params.http_allow;
    for (size_t i = 0; allow && allow[i]; i++) {
        if (entry_covers(allow[i], url, authority))
            return true;
    }
    return false;
}

static bool check_place(const struct resources *resources, const char *text,
                        struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    sr_auto(url) struct url url = { 0 };
    sr_auto(sr_str) struct sr_str authority = { 0 };
    if (!url_parse(text, &url, &err))
        return err.code == SR_ERR_NO_MEMORY
                   ? resource_no_memory(failure)
                   : bad(failure, "ApiEndpoint is no URL: %s", err.message);
    const bool tls = strcmp(url.scheme, "https") == 0;
    if (!tls && !(resources->params.http_plain && strcmp(url.scheme, "http") == 0))
        return bad(failure, "ApiEndpoint must begin with https://", "");
    if (!url_add_authority(&url, &authority, &err))
        return resource_no_memory(failure);
    if (is_allowed(resources, &url, authority.text))
        return true;
    return asl_fail_catchable(failure, ASL_ERROR_PERMISSIONS,
                              "Requests to %s are not allowed by the service's configuration",
                              authority.text);
}

// --- names and values: of the query, or of a form ---

static bool add_scalar(struct sr_str *to, const json_t *value, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    if (json_is_string(value))
        return url_encode(json_string_value(value), json_string_length(value), "", to, err);
    return jx_dump(value, false, &text, err) && url_encode(text, strlen(text), "", to, err);
}

static bool add_pair(struct sr_str *to, const char *name, const char *suffix, const json_t *value,
                     struct sr_err *err)
{
    return (to->bytes == 0 || sr_str_add(to, "&", err)) &&
           url_encode(name, strlen(name), "", to, err) && sr_str_add(to, suffix, err) &&
           sr_str_add(to, "=", err) && add_scalar(to, value, err);
}

static bool add_commas(struct sr_str *to, const char *name, const json_t *values,
                       struct sr_err *err)
{
    if ((to->bytes && !sr_str_add(to, "&", err)) || !url_encode(name, strlen(name), "", to, err) ||
        !sr_str_add(to, "=", err))
        return false;
    for (size_t i = 0; i < json_array_size(values); i++) {
        if ((i && !sr_str_add(to, ",", err)) || !add_scalar(to, json_array_get(values, i), err))
            return false;
    }
    return true;
}

// Spec: RequestEncodingOptions ArrayFormat: INDICES (the default), REPEAT, COMMAS, BRACKETS.
static bool add_values(struct sr_str *to, const char *name, const json_t *value, const char *format,
                       struct sr_err *err)
{
    if (!json_is_array(value))
        return add_pair(to, name, "", value, err);
    if (strcmp(format, "COMMAS") == 0)
        return add_commas(to, name, value, err);
    for (size_t i = 0; i < json_array_size(value); i++) {
        char suffix[32] = "";
        if (strcmp(format, "BRACKETS") == 0)
            strcpy(suffix, "[]");
        else if (strcmp(format, "INDICES") == 0 && !sr_format(suffix, sizeof suffix, "[%zu]", i))
            return sr_fail(err, SR_ERR_INTERNAL, "an index");
        if (!add_pair(to, name, suffix, json_array_get(value, i), err))
            return false;
    }
    return true;
}

static bool add_members(struct sr_str *to, const json_t *members, const char *format,
                        struct sr_err *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)members, name, value)
    {
        if (!add_values(to, name, value, format, err))
            return false;
    }
    return true;
}

static bool make_url(const json_t *payload, struct call *call, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str url = { 0 }, query = { 0 };
    const char *place = json_string_value(json_object_get(payload, "ApiEndpoint"));
    const json_t *members = json_object_get(payload, "QueryParameters");
    if (!place)
        return bad(failure, "The field 'ApiEndpoint' is required but was missing", "");
    if (members && !json_is_object(members))
        return bad(failure, "QueryParameters must be an object", "");
    if (!add_members(&query, members, "REPEAT", &err) ||
        !sr_str_add_bytes(&url, place, strcspn(place, "#"), &err) ||
        (query.bytes && (!sr_str_add(&url, strchr(place, '?') ? "&" : "?", &err) ||
                         !sr_str_add(&url, query.text, &err))))
        return resource_no_memory(failure);
    if (url.bytes > URL_BYTES_MAX)
        return bad(failure, "ApiEndpoint and QueryParameters are too long", "");
    call->url = sr_str_take(&url);
    return call->url || resource_no_memory(failure);
}

// --- headers ---

static bool is_token(const char *name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (const char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr(marks, *c))
            return false;
    }
    return *name != '\0';
}

// Those that are the connection's, or say who asks.
static bool is_refused(const char *name)
{
    static const char *const names[] = {
        "Connection", "Content-Length",    "Expect",  "Host", "Keep-Alive", "TE",
        "Trailer",    "Transfer-Encoding", "Upgrade", "Via",  NULL
    };
    static const char *const prefixes[] = { "Proxy-", "X-Amz", "X-Forwarded-", NULL };
    for (size_t i = 0; names[i]; i++) {
        if (strcasecmp(names[i], name) == 0)
            return true;
    }
    for (size_t i = 0; prefixes[i]; i++) {
        if (strncasecmp(prefixes[i], name, strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

static bool add_header(struct call *call, const char *name, const char *value,
                       struct asl_failure *failure)
{
    if (call->header_count == HEADERS_MAX - 2)  // room for a connection's and Content-Type
        return bad(failure, "There are too many Headers", "");
    if (!is_token(name) || is_refused(name))
        return bad(failure, "The header '%s' cannot be set", name);
    if (strpbrk(value, "\r\n"))
        return bad(failure, "The value of the header '%s' has a line's end", name);
    call->headers[call->header_count++] = (struct http_header){ name, value };
    return true;
}

// A list's values stand in one header, with commas.
static char *join(const json_t *values)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    for (size_t i = 0; i < json_array_size(values); i++) {
        const char *value = json_string_value(json_array_get(values, i));
        if ((i && !sr_str_add(&text, ", ", &err)) || !sr_str_add(&text, value ? value : "", &err))
            return NULL;
    }
    return sr_str_take(&text);
}

static bool read_headers(const json_t *payload, struct call *call, struct asl_failure *failure)
{
    json_t *headers = json_object_get(payload, "Headers"), *value;
    const char *name;
    if (headers && !json_is_object(headers))
        return bad(failure, "Headers must be an object", "");
    json_object_foreach(headers, name, value)
    {
        const char *text = json_string_value(value);
        char *own = NULL;
        struct sr_err err = { 0 };
        if (json_is_array(value))
            own = join(value);
        else if (!text && !jx_dump(value, false, &own, &err))
            own = NULL;
        if (!text && !own)
            return resource_no_memory(failure);
        if (own && call->value_count < HEADERS_MAX)
            call->values[call->value_count++] = own;
        else if (own)
            free(own);
        if (own && call->value_count == HEADERS_MAX)
            return bad(failure, "There are too many Headers", "");
        if (!add_header(call, name, text ? text : own, failure))
            return false;
    }
    return true;
}

static bool add_connection(const struct resources *resources, const json_t *payload,
                           struct call *call, struct asl_failure *failure)
{
    const json_t *from = json_object_get(payload, "Authentication");
    if (!from)
        from = json_object_get(payload, "InvocationConfig");
    const char *arn = json_string_value(json_object_get(from, "ConnectionArn"));
    if (!arn)
        return true;
    for (size_t i = 0; i < resources->params.connection_count; i++) {
        const struct resources_connection *row = &resources->params.connections[i];
        if (strcmp(row->arn, arn) == 0) {
            call->headers[call->header_count++] = (struct http_header){ row->header, row->value };
            return true;
        }
    }
    return asl_fail_catchable(failure, "Events.ConnectionResource.NotFound",
                              "Connection %s does not exist", arn);
}

// --- the body ---

static bool make_body(const json_t *payload, struct call *call, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    const json_t *body = json_object_get(payload, "RequestBody");
    const json_t *transform = json_object_get(payload, "Transform");
    const char *encoding = json_string_value(json_object_get(transform, "RequestBodyEncoding"));
    const char *format = json_string_value(
        json_object_get(json_object_get(transform, "RequestEncodingOptions"), "ArrayFormat"));
    const char *type = "application/json";
    if (!body)
        return true;
    if (encoding && strcmp(encoding, "URL_ENCODED") == 0) {
        sr_auto(sr_str) struct sr_str form = { 0 };
        if (!json_is_object(body))
            return bad(failure, "RequestBody must be an object to be URL_ENCODED", "");
        if (!add_members(&form, body, format ? format : "INDICES", &err))
            return resource_no_memory(failure);
        call->body = sr_str_take(&form);
        type = "application/x-www-form-urlencoded";
    } else if (json_is_string(body)) {
        call->body = sr_str_dup(json_string_value(body), &err);
        type = "text/plain; charset=utf-8";
    } else if (!jx_dump(body, false, &call->body, &err)) {
        call->body = NULL;
    }
    if (!call->body)
        return resource_no_memory(failure);
    if (!http_header_find(call->headers, call->header_count, "Content-Type"))
        call->headers[call->header_count++] = (struct http_header){ "Content-Type", type };
    return true;
}

static bool read_method(const json_t *payload, struct call *call, struct asl_failure *failure)
{
    static const char *const methods[] = { "GET",   "POST",    "PUT",  "DELETE",
                                           "PATCH", "OPTIONS", "HEAD", NULL };
    const char *method = json_string_value(json_object_get(payload, "Method"));
    if (!method)
        return bad(failure, "The field 'Method' is required but was missing", "");
    for (size_t i = 0; methods[i]; i++) {
        if (strcmp(methods[i], method) == 0)
            call->method = methods[i];
    }
    return call->method || bad(failure, "The method '%s' is not supported", method);
}

// --- the reply ---

static const char *status_text(int status)
{
    const char *const text = server_status_text(status);
    return text ? text : "";
}

// JSON as a value when the reply says that it is, else text.
static json_t *reply_body(const struct http_response *response)
{
    const char *type = http_response_header(response, "Content-Type");
    struct sr_err err = { 0 };
    json_t *value = NULL;
    if (type && strcasestr(type, "json") && response->body_bytes &&
        jx_parse(response->body, response->body_bytes, false, &value, &err))
        return value;
    return jx_string(response->body);
}

static json_t *reply_headers(const struct http_response *response)
{
    json_t *headers = json_object();
    for (size_t i = 0; headers && i < response->header_count; i++) {
        char name[128];
        if (!sr_format(name, sizeof name, "%s", response->headers[i].name))
            continue;
        for (char *c = name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        json_t *values = json_object_get(headers, name);
        if (!values) {
            values = json_array();
            json_object_set_new(headers, name, values);
        }
        if (json_array_append_new(values, jx_string(response->headers[i].value)) != 0) {
            json_decref(headers);
            return NULL;
        }
    }
    return headers;
}

static bool read_reply(const struct http_response *response, char **ret_result,
                       struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    json_t *headers = reply_headers(response), *body = headers ? reply_body(response) : NULL;
    sr_auto(json) json_t *result =
        json_pack("{s:o, s:o, s:i, s:s}", "Headers", headers, "ResponseBody", body, "StatusCode",
                  response->status, "StatusText", status_text(response->status));
    sr_auto(char) char *text = NULL;
    if (!result || !jx_dump(result, false, &text, &err))
        return resource_no_memory(failure);
    if (response->status >= 200 && response->status <= 299) {
        *ret_result = sr_take(text);
        return true;
    }
    char error[64];
    if (!sr_format(error, sizeof error, "States.Http.StatusCode.%d", response->status))
        return resource_no_memory(failure);
    return asl_failure_set(failure, error, text) ? false : resource_no_memory(failure);
}

// --- one request ---

static bool prepare(void *self, struct http_attempt *attempt, struct sr_err *err)
{
    const struct call *call = self;
    for (size_t i = 0; i < call->header_count; i++) {
        if (!http_attempt_header(attempt, call->headers[i].name, call->headers[i].value, err))
            return false;
    }
    // curl would invent a form's type
    return !call->body || http_header_find(call->headers, call->header_count, "Content-Type") ||
           http_attempt_header(attempt, "Content-Type", "application/json", err);
}

static bool accept_all(void *self, const struct http_response *response, struct sr_err *err)
{
    (void)self;
    (void)response;
    (void)err;
    return true;
}

static bool not_reached(const struct sr_err *err, struct asl_failure *failure)
{
    if (err->code == SR_ERR_NO_MEMORY)
        return resource_no_memory(failure);
    const char *error = err->code == SR_ERR_TOO_LARGE ? ASL_ERROR_DATA_LIMIT
                        : err->code == SR_ERR_DENIED  ? ASL_ERROR_PERMISSIONS
                                                      : ASL_ERROR_HTTP_SOCKET;
    return asl_fail_catchable(failure, error, "%s", err->message);
}

bool resource_http_run(struct resource_job *job, char **ret_result, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    sr_auto(call) struct call call = { 0 };
    sr_auto(http_response) struct http_response response = { 0 };
    if (!make_url(job->payload, &call, failure) ||
        !check_place(job->resources, call.url, failure) ||
        !read_method(job->payload, &call, failure) || !read_headers(job->payload, &call, failure) ||
        !add_connection(job->resources, job->payload, &call, failure) ||
        !make_body(job->payload, &call, failure))
        return false;
    const struct http_request request = { .method = call.method,
                                          .url = call.url,
                                          .body = call.body,
                                          .body_bytes = call.body ? strlen(call.body) : 0,
                                          .reply_bytes_max = RESOURCES_HTTP_BYTES,
                                          .prepare = prepare,
                                          .judge = accept_all,
                                          .self = &call,
                                          .cancel = &job->cancel };
    if (!http_run(job->resources->http, &request, &response, &err))
        return not_reached(&err, failure);
    return read_reply(&response, ret_result, failure);
}
