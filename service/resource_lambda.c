// Lambda functions: in this process, or behind a server that speaks Lambda's Invoke API.
// Spec: Lambda "Invoke"; Step Functions "Invoke Lambda function" and its error names.
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"
#include "net/credentials.h"
#include "net/sigv4.h"
#include "net/url.h"
#include "service/resource_priv.h"

// What is to be called.
struct invocation {
    bool direct;     // the resource is the function: its result is the task's
    char name[256];  // without ARN and qualifier
    char qualifier[256];
    const char *type, *log_type, *context;  // NULL: not given
    const char *shown;                      // the function as the task names it
    const json_t *payload;                  // NULL: none
};

// --- the task's payload ---

// "NAME", "NAME:QUALIFIER", "ACCOUNT:function:NAME", or an ARN, each with or without a qualifier.
static bool split_name(const char *text, struct invocation *to)
{
    static const char mark[] = "function:";
    const char *at = strstr(text, mark);
    const char *name = at ? at + sizeof mark - 1 : text;
    const size_t bytes = strcspn(name, ":");
    return bytes > 0 && sr_format(to->name, sizeof to->name, "%.*s", (int)bytes, name) &&
           (!name[bytes] || sr_format(to->qualifier, sizeof to->qualifier, "%s", name + bytes + 1));
}

static bool bad_parameters(struct asl_failure *failure, const char *what)
{
    return asl_fail_catchable(failure, "Lambda.InvalidParameterValueException",
                              "%s (Service: AWSLambda; Status Code: 400; Error Code: "
                              "InvalidParameterValueException; Request ID: null; Proxy: null)",
                              what);
}

static bool read_parameters(const struct resource_job *job, struct invocation *ret,
                            struct asl_failure *failure)
{
    struct invocation to = { .direct = strncmp(job->resource, "arn:aws:lambda:", 15) == 0 };
    const char *named = job->resource;
    if (!to.direct) {
        named = json_string_value(json_object_get(job->payload, "FunctionName"));
        if (!named)
            return bad_parameters(failure, "FunctionName is missing");
        const char *qualifier = json_string_value(json_object_get(job->payload, "Qualifier"));
        if (qualifier && !sr_format(to.qualifier, sizeof to.qualifier, "%s", qualifier))
            return bad_parameters(failure, "Qualifier is too long");
        to.type = json_string_value(json_object_get(job->payload, "InvocationType"));
        to.log_type = json_string_value(json_object_get(job->payload, "LogType"));
        to.context = json_string_value(json_object_get(job->payload, "ClientContext"));
    }
    to.payload = to.direct ? job->payload : json_object_get(job->payload, "Payload");
    to.shown = named;
    if (!split_name(named, &to))
        return bad_parameters(failure, "FunctionName is not a name or an ARN");
    *ret = to;
    return true;
}

static const struct resources_lambda *find_function(const struct resources *resources,
                                                    const char *name)
{
    for (size_t i = 0; i < resources->params.lambda_count; i++) {
        if (strcmp(resources->params.lambdas[i].name, name) == 0)
            return &resources->params.lambdas[i];
    }
    return NULL;
}

// --- results ---

static bool dump(const json_t *value, char **ret_result, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    return jx_dump(value, false, ret_result, &err) || resource_no_memory(failure);
}

// A header with one value for each of AWS's two forms.
static bool put_header(json_t *all, json_t *single, const char *name, const char *value)
{
    return json_object_set_new(all, name, json_pack("[o]", jx_string(value))) == 0 &&
           json_object_set_new(single, name, jx_string(value)) == 0;
}

static json_t *http_metadata(const struct http_response *response)
{
    json_t *all = json_object(), *single = json_object();
    bool made = all && single;
    for (size_t i = 0; made && i < response->header_count; i++)
        made = put_header(all, single, response->headers[i].name, response->headers[i].value);
    json_t *metadata = made ? json_pack("{s:O, s:O, s:i}", "AllHttpHeaders", all, "HttpHeaders",
                                        single, "HttpStatusCode", response->status)
                            : NULL;
    json_decref(all);
    json_decref(single);
    return metadata;
}

static const char *header_or(const struct http_response *response, const char *name,
                             const char *absent)
{
    const char *value = response ? http_response_header(response, name) : NULL;
    return value ? value : absent;
}

// What states:::lambda:invoke gives; `response` NULL: the function is in this process.
static bool invoke_result(const struct http_response *response, json_t *payload, char **ret_result,
                          struct asl_failure *failure)
{
    const char *id = header_or(response, "x-amzn-RequestId", "");
    const char *log = header_or(response, "X-Amz-Log-Result", NULL);
    const int status = response ? response->status : 200;
    sr_auto(json) json_t *metadata = response ? http_metadata(response)
                                              : json_pack("{s:{}, s:{}, s:i}", "AllHttpHeaders",
                                                          "HttpHeaders", "HttpStatusCode", status);
    sr_auto(json) json_t *result =
        json_pack("{s:s, s:s*, s:O, s:O, s:{s:o}, s:i}", "ExecutedVersion",
                  header_or(response, "X-Amz-Executed-Version", "$LATEST"), "LogResult", log,
                  "Payload", payload, "SdkHttpMetadata", metadata, "SdkResponseMetadata",
                  "RequestId", jx_string(id), "StatusCode", status);
    return result ? dump(result, ret_result, failure) : resource_no_memory(failure);
}

// --- in this process ---

static bool call_function(const struct resources_lambda *function, const struct invocation *to,
                          struct resource_job *job, char **ret_result, struct asl_failure *failure)
{
    sr_auto(json) json_t *result = NULL, *none = json_object();
    if (!none)
        return resource_no_memory(failure);
    if (!function->run(function->self, to->payload ? to->payload : none, &job->cancel, &result,
                       failure))
        return false;
    return to->direct ? dump(result, ret_result, failure)
                      : invoke_result(NULL, result, ret_result, failure);
}

// --- behind a server ---

struct request {
    const struct resources *resources;
    char *url;
    const struct http_header *headers;
    size_t header_count;
    const char *body;
};

static bool sign(const struct request *request, struct http_attempt *attempt, struct sr_err *err)
{
    struct credentials_keys keys;
    sr_auto(url) struct url url = { 0 };
    sr_auto(sr_str) struct sr_str authority = { 0 };
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    char hex[SR_SHA256_HEX];
    if (!credentials_get(request->resources->params.credentials, &keys, err) ||
        !url_parse(request->url, &url, err) || !url_add_authority(&url, &authority, err) ||
        !sr_sha256(request->body, strlen(request->body), digest, err))
        return false;
    sr_hex(digest, sizeof digest, hex);
    struct http_header headers[8] = { { "Host", authority.text } };
    memcpy(headers + 1, request->headers, request->header_count * sizeof *headers);
    const char *region = request->resources->params.region;
    const struct sigv4_params params = {
        .key = { keys.access_key, keys.secret, *keys.token ? keys.token : NULL },
        .scope = { .region = region ? region : "us-east-1",
                   .service = "lambda",
                   .path_normal = true },
        .wall_us = sr_clock_wall_us(request->resources->params.clock),
    };
    const struct sigv4_request signed_request = { .method = "POST",
                                                  .path = url.path,
                                                  .query = url.query,
                                                  .headers = headers,
                                                  .header_count = request->header_count + 1,
                                                  .payload_hash = hex };
    return sigv4_sign_header(&params, &signed_request, &result, err) &&
           http_attempt_header(attempt, "X-Amz-Date", result.date, err) &&
           (!params.key.token ||
            http_attempt_header(attempt, "X-Amz-Security-Token", params.key.token, err)) &&
           http_attempt_header(attempt, "Authorization", result.authorization, err);
}

static bool prepare(void *self, struct http_attempt *attempt, struct sr_err *err)
{
    const struct request *request = self;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!http_attempt_header(attempt, request->headers[i].name, request->headers[i].value, err))
            return false;
    }
    return !request->resources->params.credentials || sign(request, attempt, err);
}

// Every reply is one: what it means is decided later.
static bool accept_all(void *self, const struct http_response *response, struct sr_err *err)
{
    (void)self;
    (void)response;
    (void)err;
    return true;
}

static char *make_url(const char *base, const struct invocation *to)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str url = { 0 };
    size_t bytes = strlen(base);
    while (bytes && base[bytes - 1] == '/')
        bytes--;
    const bool made =
        sr_str_add_bytes(&url, base, bytes, &err) &&
        sr_str_add(&url, "/2015-03-31/functions/", &err) &&
        url_encode(to->name, strlen(to->name), "", &url, &err) &&
        sr_str_add(&url, "/invocations", &err) &&
        (!*to->qualifier || (sr_str_add(&url, "?Qualifier=", &err) &&
                             url_encode(to->qualifier, strlen(to->qualifier), "", &url, &err)));
    return made ? sr_str_take(&url) : NULL;
}

// Failures on the way there.
static bool not_reached(const struct sr_err *err, struct asl_failure *failure)
{
    switch (err->code) {
    case SR_ERR_NO_MEMORY: return resource_no_memory(failure);
    case SR_ERR_TIMEOUT:
        return asl_fail_catchable(failure, "Lambda.ClientExecutionTimeoutException",
                                  "The call did not end in time: %s", err->message);
    case SR_ERR_TOO_LARGE:
        return asl_fail_catchable(failure, ASL_ERROR_DATA_LIMIT,
                                  "The function's result is too large: %s", err->message);
    default:
        return asl_fail_catchable(failure, "Lambda.SdkClientException",
                                  "Unable to execute HTTP request: %s", err->message);
    }
}

// --- replies ---

static const struct status_row {
    int status;
    const char *type;
} status_rows[] = {
    { 400, "InvalidParameterValueException" }, { 403, "AccessDeniedException" },
    { 404, "ResourceNotFoundException" },      { 409, "ResourceConflictException" },
    { 410, "ResourceNotReadyException" },      { 413, "RequestTooLargeException" },
    { 415, "UnsupportedMediaTypeException" },  { 429, "TooManyRequestsException" },
    { 502, "EC2UnexpectedException" },
};

// The service's own error: its name is in a header ("NAME:http://...") or in the body.
static bool service_error(const struct http_response *response, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *body = NULL;
    if (!jx_parse(response->body, response->body_bytes, false, &body, &err) &&
        err.code == SR_ERR_NO_MEMORY)
        return resource_no_memory(failure);
    const char *type = http_response_header(response, "x-amzn-ErrorType");
    if (!type)
        type = json_string_value(json_object_get(body, "__type"));
    for (size_t i = 0; !type && i < sizeof status_rows / sizeof *status_rows; i++) {
        if (status_rows[i].status == response->status)
            type = status_rows[i].type;
    }
    if (!type)
        type = response->status >= 500 ? "ServiceException" : "AWSLambdaException";
    const char *hash = strrchr(type, '#');
    type = hash ? hash + 1 : type;
    const json_t *message = json_object_get(body, "Message");
    if (!message)
        message = json_object_get(body, "message");
    char name[128];
    if (!sr_format(name, sizeof name, "Lambda.%.*s", (int)strcspn(type, ":"), type))
        (void)strcpy(name, "Lambda.AWSLambdaException");
    return asl_fail_catchable(
        failure, name,
        "%s (Service: AWSLambda; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
        json_is_string(message) ? json_string_value(message) : "null", response->status, name + 7,
        header_or(response, "x-amzn-RequestId", "null"));
}

// The function ran and failed.
static bool function_error(const struct http_response *response, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *body = NULL;
    if (!jx_parse(response->body, response->body_bytes, false, &body, &err) &&
        err.code == SR_ERR_NO_MEMORY)
        return resource_no_memory(failure);
    const char *type = json_string_value(json_object_get(body, "errorType"));
    if (!type)
        return asl_fail_catchable(failure, "Lambda.Unknown",
                                  "The cause could not be determined because Lambda did not return "
                                  "an error type. Returned payload: %s",
                                  response->body);
    return asl_failure_set(failure, type, response->body) ? false : resource_no_memory(failure);
}

static bool read_reply(const struct invocation *to, const struct http_response *response,
                       char **ret_result, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *payload = NULL;
    if (response->status < 200 || response->status > 299)
        return service_error(response, failure);
    if (http_response_header(response, "X-Amz-Function-Error"))
        return function_error(response, failure);
    if (response->body_bytes == 0)
        payload = to->direct ? json_null() : json_string("");
    else if (!jx_parse(response->body, response->body_bytes, false, &payload, &err) &&
             err.code != SR_ERR_NO_MEMORY)
        return asl_fail_catchable(failure, "Lambda.Unknown",
                                  "The function's result is not JSON: %s", err.message);
    if (!payload)
        return resource_no_memory(failure);
    return to->direct ? dump(payload, ret_result, failure)
                      : invoke_result(response, payload, ret_result, failure);
}

static bool call_server(const char *base, const struct invocation *to, struct resource_job *job,
                        char **ret_result, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *body = NULL, *url = make_url(base, to);
    sr_auto(http_response) struct http_response response = { 0 };
    if (!url || (to->payload && !jx_dump(to->payload, false, &body, &err)))
        return resource_no_memory(failure);
    struct http_header headers[4] = {
        { "Content-Type", "application/json" },
        { "X-Amz-Invocation-Type", to->type ? to->type : "RequestResponse" },
    };
    size_t count = 2;
    if (to->log_type)
        headers[count++] = (struct http_header){ "X-Amz-Log-Type", to->log_type };
    if (to->context)
        headers[count++] = (struct http_header){ "X-Amz-Client-Context", to->context };
    struct request request = { job->resources, url, headers, count, body ? body : "{}" };
    const struct http_request call = { .method = "POST",
                                       .url = url,
                                       .body = request.body,
                                       .body_bytes = strlen(request.body),
                                       .reply_bytes_max = RESOURCES_LAMBDA_BYTES,
                                       .prepare = prepare,
                                       .judge = accept_all,
                                       .self = &request,
                                       .cancel = &job->cancel };
    if (!http_run(job->resources->lambda_http, &call, &response, &err))
        return not_reached(&err, failure);
    return read_reply(to, &response, ret_result, failure);
}

bool resource_lambda_run(struct resource_job *job, char **ret_result, struct asl_failure *failure)
{
    struct invocation to;
    if (!read_parameters(job, &to, failure))
        return false;
    const struct resources_lambda *function = find_function(job->resources, to.name);
    if (function && function->run)
        return call_function(function, &to, job, ret_result, failure);
    const char *base = function ? function->url : job->resources->params.lambda_url;
    if (base)
        return call_server(base, &to, job, ret_result, failure);
    return asl_fail_catchable(
        failure, "Lambda.ResourceNotFoundException",
        "Function not found: %s (Service: AWSLambda; Status Code: 404; Error Code: "
        "ResourceNotFoundException; Request ID: null; Proxy: null)",
        to.shown);
}
