#include "net/jobs_client.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/backoff.h"
#include "base/hash.h"
#include "base/str.h"
#include "net/http.h"
#include "net/sigv4.h"
#include "net/sse.h"
#include "net/url.h"

enum {
    STALL_US = 65 * 1000000,  // the server says something every 15 s
    PAUSE_US = 500 * 1000,
    PAUSE_FACTOR_MAX = 20,
};

struct jobs_client {
    struct http *http;
    struct credentials *credentials, *own;  // own: made when they were wanted
    const char *profile;
    const struct sr_clock *clock;
    struct url url;
    char *bearer;  // the header's value
    char region[65];
    bool is_unsigned, signs;
    int64_t pause_us;
};

void jobs_client_free(struct jobs_client *client)
{
    if (!client)
        return;
    http_free(client->http);
    credentials_free(client->own);
    url_done(&client->url);
    if (client->bearer)
        explicit_bzero(client->bearer, strlen(client->bearer));
    free(client->bearer);
    free(client);
}

static bool set_token(struct jobs_client *client, const char *token, struct sr_err *err)
{
    if (!token)
        return true;
    for (const char *at = token; *at; at++) {
        if (*at <= ' ' || *at > '~')
            return sr_fail(err, SR_ERR_INVALID, "the token has characters that no token has");
    }
    client->bearer = sr_strf(err, "Bearer %s", token);
    return client->bearer != NULL;
}

bool jobs_client_new(const struct jobs_client_params *params, struct jobs_client **ret_client,
                     struct sr_err *err)
{
    sr_auto(jobs_client) struct jobs_client *client = calloc(1, sizeof *client);
    if (!client)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a client");
    client->credentials = params->credentials;
    client->profile = params->profile;
    client->is_unsigned = params->is_unsigned;
    client->clock = params->clock ? params->clock : sr_clock_system();
    client->pause_us = params->pause_us ? params->pause_us : PAUSE_US;
    struct http_params http = http_params_default();
    http.clock = params->clock;
    http.policy.allow_private = true;
    http.stall_us = STALL_US;
    http.attempts_max = params->attempts_max ? params->attempts_max : http.attempts_max;
    if (!url_parse(params->url, &client->url, err))
        return sr_err_wrap(err, "the server's URL");
    if (client->url.query)
        return sr_fail(err, SR_ERR_INVALID, "the server's URL: it has a query");
    if (params->region && !sr_format(client->region, sizeof client->region, "%s", params->region))
        return sr_fail(err, SR_ERR_INVALID, "a region of more than 64 characters");
    if (!set_token(client, params->token, err) || !http_new(&http, &client->http, err))
        return false;
    *ret_client = sr_take(client);
    return true;
}

// --- one call ---

struct ask {
    struct jobs_client *client;
    const struct jobs_client_call *call;
    struct url url;
    struct sr_str text, authority;
    char hash[SR_SHA256_HEX];
    bool wants_signature;  // the server does
};
static void ask_done(struct ask *ask)
{
    url_done(&ask->url);
    sr_str_done(&ask->text);
    sr_str_done(&ask->authority);
}
SR_DEFINE_AUTO_VALUE(ask, struct ask, ask_done);

// The server's URL with the call's path behind its own.
static bool ask_init(struct ask *ask, struct sr_err *err)
{
    const struct url *const base = &ask->client->url;
    const struct jobs_client_call *const call = ask->call;
    const size_t bytes = strlen(base->path);
    uint8_t digest[SR_SHA256_BYTES];
    sr_auto(sr_str) struct sr_str whole = { 0 };
    if (!url_add_text(base, &whole, err))
        return false;
    if (base->path[bytes - 1] == '/')
        whole.text[--whole.bytes] = '\0';
    if (!sr_str_add(&whole, call->path, err) || !url_parse(whole.text, &ask->url, err) ||
        !url_add_text(&ask->url, &ask->text, err) ||
        !url_add_authority(&ask->url, &ask->authority, err) ||
        !sr_sha256(call->body ? call->body : "", call->body_bytes, digest, err))
        return false;
    sr_hex(digest, sizeof digest, ask->hash);
    return true;
}

static bool find_keys(struct jobs_client *client, struct credentials_keys *ret_keys,
                      struct sr_err *err)
{
    const struct credentials_params chain = { .profile = client->profile };
    if (!client->credentials) {
        if (!credentials_new(&chain, &client->own, err))
            return false;
        client->credentials = client->own;
    }
    return (*client->region || credentials_region(client->credentials, client->region, err)) &&
           credentials_get(client->credentials, ret_keys, err);
}

static bool sign(const struct ask *ask, struct http_attempt *attempt, struct sr_err *err)
{
    struct jobs_client *const client = ask->client;
    struct credentials_keys keys;
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    if (!find_keys(client, &keys, err)) {
        if (err->code == SR_ERR_NOT_FOUND)
            err->code = SR_ERR_DENIED;  // it is the server that says no
        return sr_err_wrap(err, "the server wants a token or a signature");
    }
    const struct sigv4_params params = {
        .key = { keys.access_key, keys.secret, *keys.token ? keys.token : NULL },
        .scope = { .region = client->region, .service = "states", .path_normal = true },
        .wall_us = sr_clock_wall_us(client->clock),
    };
    const struct http_header host = { "Host", ask->authority.text };
    const struct sigv4_request request = {
        ask->call->method, ask->url.path, ask->url.query, &host, 1, ask->hash
    };
    const bool done = sigv4_sign_header(&params, &request, &result, err) &&
                      http_attempt_header(attempt, "X-Amz-Date", result.date, err) &&
                      (!params.key.token || http_attempt_header(attempt, "X-Amz-Security-Token",
                                                                params.key.token, err)) &&
                      http_attempt_header(attempt, "Authorization", result.authorization, err);
    explicit_bzero(&keys, sizeof keys);
    return done;
}

static bool add_headers(const struct ask *ask, struct http_attempt *attempt, struct sr_err *err)
{
    const struct jobs_client *const client = ask->client;
    if (ask->call->body && !http_attempt_header(attempt, "Content-Type", "application/json", err))
        return false;
    if (ask->call->correlation &&
        !http_attempt_header(attempt, "X-Correlation-Id", ask->call->correlation, err))
        return false;
    if (client->bearer)
        return http_attempt_header(attempt, "Authorization", client->bearer, err);
    return !client->signs || sign(ask, attempt, err);
}

// Spec: RFC 9457: "detail" is for people, "title" when there is none. Beside it our server has what
// AWS's clients read, which tells a missing signature from a request that is wrong.
static bool check_answer(struct ask *ask, const struct http_response *response, struct sr_err *err)
{
    const int status = response->status;
    sr_auto(json) json_t *problem = NULL;
    struct sr_err ignored = { 0 };
    if (status >= 200 && status < 300)
        return true;
    if (response->body &&
        !jx_parse(response->body, response->body_bytes, false, &problem, &ignored))
        problem = NULL;  // a proxy's page: the status tells
    const char *const type = json_string_value(json_object_get(problem, "__type"));
    const char *said = json_string_value(json_object_get(problem, "detail"));
    if (!said)
        said = json_string_value(json_object_get(problem, "title"));
    ask->wants_signature = status == 401 || (type && strstr(type, "MissingAuthentication"));
    const enum sr_err_code code = ask->wants_signature ? SR_ERR_DENIED : http_status_code(status);
    return sr_fail_native(err, code, status, "HTTP %d%s%s", status, said ? ": " : "",
                          said ? said : "");
}

// Whether a refused call may be sent again with a signature.
static bool begin_signing(struct ask *ask)
{
    struct jobs_client *const client = ask->client;
    if (!ask->wants_signature || client->bearer || client->signs || client->is_unsigned)
        return false;
    client->signs = true;
    return true;
}

static bool prepare_ask(void *self, struct http_attempt *attempt, struct sr_err *err)
{
    return add_headers(self, attempt, err);
}

static bool judge_ask(void *self, const struct http_response *response, struct sr_err *err)
{
    return check_answer(self, response, err);
}

bool jobs_client_ask(struct jobs_client *client, const struct jobs_client_call *call,
                     const struct sr_cancel *cancel, json_t **ret_answer, struct sr_err *err)
{
    sr_auto(ask) struct ask ask = { .client = client, .call = call };
    sr_auto(http_response) struct http_response response = { 0 };
    if (!ask_init(&ask, err))
        return false;
    const struct http_request http = { .method = call->method,
                                       .url = ask.text.text,
                                       .body = call->body,
                                       .body_bytes = call->body_bytes,
                                       .prepare = prepare_ask,
                                       .judge = judge_ask,
                                       .self = &ask,
                                       .cancel = cancel };
    if (!http_run(client->http, &http, &response, err) &&
        (!begin_signing(&ask) || !http_run(client->http, &http, &response, err)))
        return false;
    return jx_parse(response.body, response.body_bytes, false, ret_answer, err) ||
           sr_err_wrap(err, "the server's answer");
}

// --- a job's events ---

struct stream {
    struct ask ask;
    struct sse sse;
    jobs_client_fn fn;
    void *self;
    struct sr_cancel cancel;  // of this transfer, when the last event has come
    bool ended, failed, has_news;
    struct sr_err err;
};

static bool take_event(void *self, const char *event, const char *data, const char *id,
                       struct sr_err *err)
{
    struct stream *const stream = self;
    sr_auto(json) json_t *job = NULL;
    (void)id;
    if (stream->ended)
        return true;
    stream->has_news = true;
    if (strcmp(event, "end") == 0) {
        stream->ended = true;
        return true;
    }
    if (strcmp(event, "job") != 0)
        return true;  // of a later server
    return (jx_parse(data, strlen(data), false, &job, err) || sr_err_wrap(err, "an event")) &&
           stream->fn(stream->self, job, err);
}

static void take_bytes(void *self, uint64_t offset, const void *data, size_t bytes)
{
    struct stream *const stream = self;
    if (stream->ended || stream->failed)
        return;
    if (offset == 0)
        sse_done(&stream->sse);
    stream->failed = !sse_feed(&stream->sse, data, bytes, take_event, stream, &stream->err);
    if (stream->ended || stream->failed)
        sr_cancel_set(&stream->cancel);
}

static bool prepare_stream(void *self, struct http_attempt *attempt, struct sr_err *err)
{
    struct stream *const stream = self;
    return http_attempt_header(attempt, "Accept", "text/event-stream", err) &&
           add_headers(&stream->ask, attempt, err);
}

static bool judge_stream(void *self, const struct http_response *response, struct sr_err *err)
{
    struct stream *const stream = self;
    return check_answer(&stream->ask, response, err);
}

static bool accept_stream(void *self, const struct http_response *head, struct sr_err *err)
{
    const char *const type = http_response_header(head, "Content-Type");
    (void)self;
    return (type && strncasecmp(type, "text/event-stream", 17) == 0) ||
           sr_fail(err, SR_ERR_INVALID, "the server answers with something else than events");
}

static bool pause_for(int64_t us, const struct sr_cancel *cancel, struct sr_err *err)
{
    enum { STEP_MS = 20 };
    for (int64_t left_ms = us / 1000; left_ms > 0; left_ms -= STEP_MS) {
        (void)poll(NULL, 0, left_ms < STEP_MS ? (int)left_ms : STEP_MS);  // a signal ends it early
        if (!sr_cancel_check(cancel, err))
            return false;
    }
    return sr_cancel_check(cancel, err);
}

// One connection. True: the last event has come, or the server ended it before that.
static bool run_stream(struct stream *stream, const struct sr_cancel *cancel, struct sr_err *err)
{
    sr_auto(http_response) struct http_response response = { 0 };
    const struct http_request http = { .method = "GET",
                                       .url = stream->ask.text.text,
                                       .reply_bytes_max = UINT64_MAX,
                                       .prepare = prepare_stream,
                                       .judge = judge_stream,
                                       .accept = accept_stream,
                                       .sink = take_bytes,
                                       .self = stream,
                                       .cancel = &stream->cancel,
                                       .attempts_max = 1 };
    sr_cancel_init(&stream->cancel, cancel, NULL, INT64_MAX);
    if (http_run(stream->ask.client->http, &http, &response, err) || stream->ended)
        return true;
    if (stream->failed)
        *err = stream->err;
    return false;
}

static bool watch(struct stream *stream, const struct sr_cancel *cancel, struct sr_err *err)
{
    struct jobs_client *const client = stream->ask.client;
    uint32_t lost_max = JOBS_CLIENT_LOST_FIRST_MAX;
    for (uint32_t lost = 0;;) {
        stream->has_news = false;
        const bool whole = run_stream(stream, cancel, err);
        if (stream->ended)
            return true;
        if (!whole && begin_signing(&stream->ask))
            continue;
        if (!whole && (stream->failed || !sr_err_row(err->code)->retry))
            return false;
        lost = stream->has_news ? 1 : lost + 1;
        if (stream->has_news)
            lost_max = JOBS_CLIENT_LOST_MAX;
        if (lost > lost_max)
            return whole ? sr_fail(err, SR_ERR_NETWORK, "the server ends its events too early")
                         : false;
        const struct sr_backoff backoff = { client->pause_us, client->pause_us * PAUSE_FACTOR_MAX };
        if (!pause_for(sr_backoff_us(&backoff, lost, UINT64_MAX), cancel, err))
            return false;
    }
}

bool jobs_client_watch(struct jobs_client *client, const char *job, jobs_client_fn fn, void *self,
                       const struct sr_cancel *cancel, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str path = { 0 };
    if (!sr_str_add(&path, "/v1/jobs/", err) || !url_encode(job, strlen(job), "", &path, err) ||
        !sr_str_add(&path, "/events", err))
        return false;
    const struct jobs_client_call call = { .method = "GET", .path = path.text };
    struct stream stream = { .ask = { .client = client, .call = &call }, .fn = fn, .self = self };
    const bool done = ask_init(&stream.ask, err) && watch(&stream, cancel, err);
    if (done)
        *err = (struct sr_err){ 0 };  // of a connection that was lost
    sse_done(&stream.sse);
    ask_done(&stream.ask);
    return done;
}
