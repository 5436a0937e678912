#include "net/sfn_client.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"
#include "net/http.h"
#include "net/sigv4.h"
#include "net/url.h"

#define CONTENT_TYPE "application/x-amz-json-1.0"

enum { PAGES_MAX = 100000 };

struct sfn_client {
    struct http *http;
    struct credentials *credentials;
    const struct sr_clock *clock;
    struct url url;
    struct sr_str text, authority;
    char region[65];
    atomic_bool takes_back;
};

void sfn_client_free(struct sfn_client *client)
{
    if (!client)
        return;
    http_free(client->http);
    url_done(&client->url);
    sr_str_done(&client->text);
    sr_str_done(&client->authority);
    free(client);
}

static bool set_region(struct sfn_client *client, const char *region, struct sr_err *err)
{
    if (region)
        return sr_format(client->region, sizeof client->region, "%s", region) ||
               sr_fail(err, SR_ERR_INVALID, "a region of more than 64 characters");
    return !client->credentials || credentials_region(client->credentials, client->region, err);
}

bool sfn_client_new(const struct sfn_client_params *params, struct sfn_client **ret_client,
                    struct sr_err *err)
{
    sr_auto(sfn_client) struct sfn_client *client = calloc(1, sizeof *client);
    if (!client)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a client");
    client->credentials = params->credentials;
    client->clock = params->clock ? params->clock : sr_clock_system();
    struct http_params http = http_params_default();
    http.clock = params->clock;
    http.policy.allow_private = true;
    http.stall_us = SFN_CLIENT_POLL_S * INT64_C(1000000);
    http.attempts_max = params->attempts_max ? params->attempts_max : http.attempts_max;
    if (!url_parse(params->url, &client->url, err))
        return sr_err_wrap(err, "the server's URL");
    if (!url_add_authority(&client->url, &client->authority, err) ||
        !url_add_text(&client->url, &client->text, err) ||
        !set_region(client, params->region, err) || !http_new(&http, &client->http, err))
        return false;
    *ret_client = sr_take(client);
    return true;
}

// --- one call ---

struct call {
    struct sfn_client *client;
    char target[128];
    const char *body;
    size_t body_bytes;
    char hash[SR_SHA256_HEX];
};

static bool sign(const struct call *call, struct http_attempt *attempt, struct sr_err *err)
{
    const struct sfn_client *client = call->client;
    struct credentials_keys keys;
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    if (!credentials_get(client->credentials, &keys, err))
        return false;
    const struct sigv4_params params = {
        .key = { keys.access_key, keys.secret, *keys.token ? keys.token : NULL },
        .scope = { .region = client->region, .service = "states", .path_normal = true },
        .wall_us = sr_clock_wall_us(client->clock),
    };
    const struct http_header headers[] = { { "Host", client->authority.text },
                                           { "Content-Type", CONTENT_TYPE },
                                           { "X-Amz-Target", call->target } };
    const struct sigv4_request request = { "POST", client->url.path, client->url.query, headers,
                                           3,      call->hash };
    const bool done = sigv4_sign_header(&params, &request, &result, err) &&
                      http_attempt_header(attempt, "X-Amz-Date", result.date, err) &&
                      (!params.key.token || http_attempt_header(attempt, "X-Amz-Security-Token",
                                                                params.key.token, err)) &&
                      http_attempt_header(attempt, "Authorization", result.authorization, err);
    explicit_bzero(&keys, sizeof keys);
    return done;
}

static bool prepare(void *self, struct http_attempt *attempt, struct sr_err *err)
{
    const struct call *call = self;
    return http_attempt_header(attempt, "Content-Type", CONTENT_TYPE, err) &&
           http_attempt_header(attempt, "X-Amz-Target", call->target, err) &&
           (!call->client->credentials || sign(call, attempt, err));
}

// Names that a part of the error's type decides; the first that fits.
static const struct error_row {
    const char *part;
    enum sr_err_code code;
} errors[] = {
    { "DoesNotExist", SR_ERR_NOT_FOUND },
    { "NotFound", SR_ERR_NOT_FOUND },
    { "TaskTimedOut", SR_ERR_NOT_FOUND },
    { "AlreadyExists", SR_ERR_CONFLICT },
    { "Conflict", SR_ERR_CONFLICT },
    { "NotRedrivable", SR_ERR_CONFLICT },
    { "Deleting", SR_ERR_CONFLICT },
    { "AccessDenied", SR_ERR_DENIED },
    { "NotAuthorized", SR_ERR_DENIED },
    { "Signature", SR_ERR_DENIED },
    { "UnrecognizedClient", SR_ERR_DENIED },
    { "MissingAuthentication", SR_ERR_DENIED },
    { "ExpiredToken", SR_ERR_DENIED },
    { "Throttling", SR_ERR_BUSY },
    { "ServiceUnavailable", SR_ERR_BUSY },
    { "LimitExceeded", SR_ERR_LIMIT },
    { "TooMany", SR_ERR_LIMIT },
    { "Invalid", SR_ERR_INVALID },
    { "Validation", SR_ERR_INVALID },
    { "MissingRequired", SR_ERR_INVALID },
    { "UnknownOperation", SR_ERR_UNSUPPORTED },
};

// Spec: AWS JSON 1.0: "__type" is the error's name, after a '#' if there is a namespace.
static bool fail_typed(int status, const json_t *answer, struct sr_err *err)
{
    const char *type = json_string_value(json_object_get(answer, "__type"));
    const char *message = json_string_value(json_object_get(answer, "message"));
    if (!message)
        message = json_string_value(json_object_get(answer, "Message"));
    const char *hash = type ? strrchr(type, '#') : NULL;
    type = hash ? hash + 1 : type;
    if (!type)
        return sr_fail_native(err, http_status_code(status), status, "HTTP %d", status);
    enum sr_err_code code = http_status_code(status);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (strstr(type, errors[i].part)) {
            code = errors[i].code;
            break;
        }
    }
    return sr_fail_native(err, code, status, "%.60s: %s", type, message ? message : "");
}

static bool judge(void *self, const struct http_response *response, struct sr_err *err)
{
    const struct call *call = self;
    sr_auto(json) json_t *answer = NULL;
    struct sr_err ignored = { 0 };
    const char *server = http_response_header(response, "Server");
    if (server && strcmp(server, "splitreel") == 0)
        atomic_store(&call->client->takes_back, true);
    if (response->status >= 200 && response->status < 300)
        return true;
    if (response->body && !jx_parse(response->body, response->body_bytes, false, &answer, &ignored))
        answer = NULL;  // a proxy's page: the status tells
    return fail_typed(response->status, answer, err);
}

bool sfn_client_takes_back(const struct sfn_client *client)
{
    return atomic_load(&client->takes_back);
}

bool sfn_client_call(struct sfn_client *client, const char *op, const json_t *request,
                     const struct sr_cancel *cancel, json_t **ret_answer, struct sr_err *err)
{
    struct call call = { .client = client };
    sr_auto(char) char *body = NULL;
    uint8_t digest[SR_SHA256_BYTES];
    if (!sr_format(call.target, sizeof call.target, "AWSStepFunctions.%s", op))
        return sr_fail(err, SR_ERR_INVALID, "an operation's name of more than 100 characters");
    if (!jx_dump(request, false, &body, err))
        return false;
    call.body = body;
    call.body_bytes = strlen(body);
    if (!sr_sha256(body, call.body_bytes, digest, err))
        return false;
    sr_hex(digest, sizeof digest, call.hash);
    const struct http_request http = { .method = "POST",
                                       .url = client->text.text,
                                       .body = body,
                                       .body_bytes = call.body_bytes,
                                       .prepare = prepare,
                                       .judge = judge,
                                       .self = &call,
                                       .cancel = cancel };
    sr_auto(http_response) struct http_response response = { 0 };
    if (!http_run(client->http, &http, &response, err))
        return sr_err_wrap(err, "%s", op);
    // Other servers than AWS answer nothing at all where AWS answers {}.
    const bool has_body = response.body && response.body_bytes > 0;
    if (!jx_parse(has_body ? response.body : "{}", has_body ? response.body_bytes : 2, false,
                  ret_answer, err))
        return sr_err_wrap(err, "%s: the answer", op);
    return true;
}

// --- pages ---

// Moves a page's items to the end of what was there before.
static bool add_page(json_t *all, json_t *page, const char *items, size_t count_max,
                     struct sr_err *err)
{
    json_t *to = json_object_get(all, items), *from = json_object_get(page, items);
    if (!json_is_array(to) || !json_is_array(from))
        return sr_fail(err, SR_ERR_NETWORK, "an answer without %s", items);
    if (json_array_extend(to, from) != 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%s", items);
    while (count_max && json_array_size(to) > count_max)
        (void)json_array_remove(to, json_array_size(to) - 1);  // it is there
    return true;
}

bool sfn_client_pages(struct sfn_client *client, const char *op, const json_t *request,
                      const char *items, size_t count_max, const struct sr_cancel *cancel,
                      json_t **ret_answer, struct sr_err *err)
{
    sr_auto(json) json_t *all = json_pack("{s:[]}", items),
                         *asked = json_copy((json_t *)(uintptr_t)request);
    if (!jx_made(all, err) || !jx_made(asked, err))
        return false;
    for (size_t pages = 0; pages < PAGES_MAX; pages++) {
        sr_auto(json) json_t *page = NULL;
        if (!sfn_client_call(client, op, asked, cancel, &page, err) ||
            !add_page(all, page, items, count_max, err))
            return false;
        json_t *token = json_object_get(page, "nextToken");
        if (!json_is_string(token) ||
            (count_max && json_array_size(json_object_get(all, items)) >= count_max)) {
            *ret_answer = sr_take(all);
            return true;
        }
        if (!jx_put(asked, "nextToken", json_incref(token), err))
            return false;
    }
    return sr_fail(err, SR_ERR_LIMIT, "%s: more than %d pages", op, PAGES_MAX);
}
