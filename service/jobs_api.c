#include "service/jobs_api.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/str.h"
#include "net/url.h"
#include "service/job_log.h"
#include "service/jobs_body.h"
#include "service/openapi.h"
#include "service/problem.h"
#include "statemachine/asl_time.h"

#define JOBS "/v1/jobs"
#define OPENAPI "/v1/openapi.json"

enum { LIST_DEFAULT = 100, LIST_MAX = 1000, VALUE_MAX = 1024 };

// Who may ask ------------------------------------------------------------------------------------

static bool refuse_as(struct auth_refusal *refusal, int status, const char *message)
{
    *refusal = (struct auth_refusal){ .status = status, .type = "AccessDenied" };
    (void)snprintf(refusal->message, sizeof refusal->message, "%s", message);  // fits
    return false;
}

static bool knows_token(const struct config_jobs *config, const char *token,
                        char who[AUTH_ACCESS_KEY_MAX + 1])
{
    bool found = false;
    for (size_t i = 0; i < config->key_count; i++) {  // all of them, whichever it is
        if (!auth_same(config->keys[i].token, token))
            continue;
        found = true;
        (void)snprintf(who, AUTH_ACCESS_KEY_MAX + 1, "%s", config->keys[i].name);  // fits
    }
    return found;
}

// A page of another site makes a browser here send its own address along.
static bool is_foreign(const struct server_request *request, const char *host)
{
    const char *const origin = http_header_find(request->headers, request->header_count, "origin");
    const char *const name = origin ? strstr(origin, "://") : NULL;
    return origin && (!name || strcasecmp(name + 3, host) != 0);
}

bool jobs_api_may(const struct jobs_api *api, const struct server_request *request,
                  char ret_who[AUTH_ACCESS_KEY_MAX + 1], struct auth_refusal *ret_refusal)
{
    const char *const shown =
        http_header_find(request->headers, request->header_count, "authorization");
    const char *const host = http_header_find(request->headers, request->header_count, "host");
    const bool has_keys = api->config->key_count > 0 || auth_has_keys(api->auth);
    (void)strcpy(ret_who, "unknown");  // fits
    if (shown && strncasecmp(shown, "Bearer ", 7) == 0 && has_keys)
        return knows_token(api->config, shown + 7, ret_who) ||
               refuse_as(ret_refusal, 401, "the bearer token is none of those configured");
    if (auth_has_keys(api->auth)) {
        if (auth_check(api->auth, request, sr_clock_wall_us(api->clock), ret_who, ret_refusal))
            return true;
        ret_refusal->status = ret_refusal->status < 500 ? 401 : ret_refusal->status;
        return false;
    }
    if (has_keys)
        return refuse_as(ret_refusal, 401, "want Authorization: Bearer and a token");
    (void)strcpy(ret_who, "local");  // fits
    return (request->remote_is_loopback && host && auth_host_is_local(host) &&
            !is_foreign(request, host)) ||
           refuse_as(ret_refusal, 403,
                     "without keys this service answers to this machine only, as localhost, "
                     "127.0.0.1 or [::1], and not to pages of other sites");
}

// One call ---------------------------------------------------------------------------------------

struct call {
    const struct jobs_api *api;
    struct server_call *server;
    char request_id[SR_ID_TEXT];
    char who[AUTH_ACCESS_KEY_MAX + 1];
    char remote[64];
    const char *operation;
    int64_t started_us;
    char id[SR_ID_TEXT];  // of the job; "": none, or several
    int status;           // of what was done
    bool is_many;
};

static void finish(struct call *call, int status, bool delivered)
{
    if (call->api->audit)
        audit_write(call->api->audit,
                    &(struct audit_entry){
                        .id = call->request_id,
                        .who = call->who,
                        .remote = call->remote,
                        .operation = call->operation,
                        .arn = *call->id ? call->id : NULL,
                        .outcome = status < 400 ? "OK" : "Refused",
                        .status = status,
                        .duration_us = sr_clock_monotonic_us(call->api->clock) - call->started_us,
                        .delivered = delivered,
                    });
    free(call);
}

// "$.jobs[2].input: want ..." names its place.
static void find_path(const char *message, char path[128])
{
    const char *const begin = strchr(message, '$');
    const size_t bytes = begin ? strcspn(begin, ": ") : 0;
    path[0] = '\0';
    if (!begin || bytes == 0 || bytes >= 128 || begin[bytes] != ':' ||
        (begin != message && strncmp(message, "line ", 5) != 0))
        return;
    memcpy(path, begin, bytes);
    path[bytes] = '\0';
}

static void refuse(struct call *call, int status, const char *why)
{
    char path[128];
    find_path(why, path);
    const bool delivered = problem_answer_at(call->server, status, why, *path ? path : NULL);
    finish(call, status, delivered);
}

static void refuse_err(struct call *call, const struct sr_err *err)
{
    const bool is_busy = err->code == SR_ERR_STORAGE || err->code == SR_ERR_LIMIT;
    const int status = is_busy                           ? 503
                       : err->code == SR_ERR_UNSUPPORTED ? 400
                                                         : sr_err_row(err->code)->http_status;
    if (status >= 500)
        sr_warn(call->api->log, "a call is refused", SR_TEXT("operation", call->operation),
                SR_ERR(err));
    refuse(call, status, err->message);
}

static void answer_text(struct call *call, int status, const char *text, size_t bytes,
                        const char *location)
{
    const struct server_answer answer = { .status = status,
                                          .content_type = "application/json",
                                          .body = text,
                                          .size = bytes,
                                          .location = location };
    const bool delivered = server_answer(call->server, &answer);
    finish(call, status, delivered);
}

static void answer_json(struct call *call, int status, const json_t *json, const char *location)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    if (jx_dump_add(json, &text, &err) && sr_str_add(&text, "\n", &err))
        answer_text(call, status, text.text, text.bytes, location);
    else
        refuse_err(call, &err);
}

// Submitting -------------------------------------------------------------------------------------

static bool put_jobs(struct call *call, const struct jobs_reply *reply, json_t *list,
                     struct sr_err *err)
{
    for (size_t i = 0; i < reply->count; i++) {
        json_t *job = NULL;
        if (!jobs_document(call->api->jobs, reply->ids[i], false, &job, err) ||
            !jx_append(list, job, err))
            return false;
    }
    return reply->count > 0 || sr_fail(err, SR_ERR_NO_MEMORY, "jobs");
}

// It is on disk, whatever becomes of the answer.
static void on_submitted(void *self, const struct jobs_reply *reply)
{
    struct call *const call = self;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *result = json_object();
    char location[64];
    if (!reply->done) {
        refuse_err(call, &reply->err);
        return;
    }
    json_t *const list = json_array();
    if (!jx_put(result, "jobs", list, &err) || !put_jobs(call, reply, list, &err)) {
        refuse_err(call, &err);
        return;
    }
    const int status = reply->new_count ? 201 : 200;
    if (call->is_many) {
        answer_json(call, status, result, NULL);
        return;
    }
    sr_ignore(sr_format(call->id, sizeof call->id, "%s", reply->ids[0]));   // fits
    sr_ignore(sr_format(location, sizeof location, JOBS "/%s", call->id));  // fits
    answer_json(call, status, json_array_get(list, 0), location);
}

// The value of a name in the query, decoded; "": it has none. False: INVALID.
static bool query_value(const struct server_request *request, const char *name, char *ret,
                        size_t room, bool *ret_has, struct sr_err *err)
{
    const size_t bytes = strlen(name);
    *ret_has = false;
    for (const char *at = request->query; at && *at;) {
        const size_t part = strcspn(at, "&");
        if (strncmp(at, name, bytes) == 0 && at[bytes] == '=') {
            sr_auto(sr_str) struct sr_str value = { 0 };
            if (!url_decode(at + bytes + 1, part - bytes - 1, true, &value, err))
                return false;
            *ret_has = true;
            return sr_format(ret, room, "%s", sr_str_text(&value)) ||
                   sr_fail(err, SR_ERR_INVALID, "%s: is too long", name);
        }
        at += part;
        at += *at == '&';
    }
    return true;
}

static bool read_limit(const char *text, int64_t max, int64_t *ret, struct sr_err *err)
{
    char *end;
    const long value = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < 1 || value > max)
        return sr_fail(err, SR_ERR_INVALID, "limit: want a number from 1 to %d", (int)max);
    *ret = value;
    return true;
}

static bool query_bool(const struct server_request *request, const char *name, bool *ret,
                       struct sr_err *err)
{
    char value[8];
    bool has;
    if (!query_value(request, name, value, sizeof value, &has, err))
        return false;
    if (has && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return sr_fail(err, SR_ERR_INVALID, "%s: want true or false", name);
    *ret = has && strcmp(value, "true") == 0;
    return true;
}

static void submit(struct call *call, const struct server_request *request, const char *id)
{
    struct sr_err err = { 0 };
    sr_auto(jobs_body) struct jobs_body body = { 0 };
    (void)id;
    struct job_submit common = {
        .idempotency_key =
            http_header_find(request->headers, request->header_count, "idempotency-key"),
        .correlation =
            http_header_find(request->headers, request->header_count, "x-correlation-id"),
        .traceparent = http_header_find(request->headers, request->header_count, "traceparent"),
    };
    const enum jobs_body_kind kind =
        jobs_body_kind(http_header_find(request->headers, request->header_count, "content-type"));
    if (kind == JOBS_BODY_NONE) {
        refuse(call, 415,
               "want Content-Type: application/json, application/jsonl or "
               "application/x-ndjson");
        return;
    }
    if (!query_bool(request, "overwrite", &common.overwrite, &err) ||
        !query_bool(request, "strict", &common.strict, &err) ||
        !jobs_body_read(&body, kind, &common, request->body, request->size, &err)) {
        refuse_err(call, &err);
        return;
    }
    if (body.is_many && common.idempotency_key) {
        refuse(call, 400, "several manifests have their keys in themselves, not in a header");
        return;
    }
    call->is_many = body.is_many;
    if (!jobs_submit(call->api->jobs, body.items, body.count, on_submitted, call, &err))
        refuse_err(call, &err);
}

// Asking about one -------------------------------------------------------------------------------

static void get_job(struct call *call, const struct server_request *request, const char *id)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *job = NULL;
    (void)request;
    if (jobs_document(call->api->jobs, id, true, &job, &err))
        answer_json(call, 200, job, NULL);
    else
        refuse_err(call, &err);
}

static void get_manifest(struct call *call, const struct server_request *request, const char *id)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    (void)request;
    if (jobs_manifest(call->api->jobs, id, &text, &err))
        answer_text(call, 200, text, strlen(text), NULL);
    else
        refuse_err(call, &err);
}

static void on_report(void *self, const char *text, size_t bytes, const struct sr_err *why)
{
    struct call *const call = self;
    if (text)
        answer_text(call, 200, text, bytes, NULL);
    else if (why->code == SR_ERR_NOT_FOUND)
        refuse(call, 404, "there is no report");
    else
        refuse_err(call, why);
}

static void get_report(struct call *call, const struct server_request *request, const char *id)
{
    struct sr_err err = { 0 };
    (void)request;
    if (!jobs_report(call->api->jobs, id, on_report, call, &err))
        refuse_err(call, &err);
}

static void on_changed(void *self, const struct jobs_reply *reply)
{
    struct call *const call = self;
    struct sr_err err = reply->err;
    sr_auto(json) json_t *job = NULL;
    if (reply->done && jobs_document(call->api->jobs, call->id, false, &job, &err))
        answer_json(call, 202, job, NULL);
    else
        refuse_err(call, &err);
}

static void cancel(struct call *call, const struct server_request *request, const char *id)
{
    struct sr_err err = { 0 };
    (void)request;
    if (!jobs_cancel(call->api->jobs, id, on_changed, call, &err))
        refuse_err(call, &err);
}

static void retry(struct call *call, const struct server_request *request, const char *id)
{
    struct sr_err err = { 0 };
    (void)request;
    if (!jobs_retry(call->api->jobs, id, on_changed, call, &err))
        refuse_err(call, &err);
}

// Following one ----------------------------------------------------------------------------------

// What can be told of a job only: else it is refused here, as everywhere.
static bool is_there(struct call *call, const char *id)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *job = NULL;
    if (jobs_document(call->api->jobs, id, false, &job, &err))
        return true;
    refuse_err(call, &err);
    return false;
}

// The rest is others' affair: in the audit it stands with its beginning.
static struct server_call *hand_on(struct call *call)
{
    struct server_call *const server = call->server;
    finish(call, 200, true);
    return server;
}

static void get_events(struct call *call, const struct server_request *request, const char *id)
{
    struct job_follow *const follow = call->api->follow;
    (void)request;
    if (is_there(call, id))
        job_follow_events(follow, hand_on(call), id);
}

static void get_log(struct call *call, const struct server_request *request, const char *id)
{
    struct sr_err err = { 0 };
    struct job_follow *const follow = call->api->follow;
    char value[VALUE_MAX], page[JOB_LOG_PAGE_MAX];
    int64_t limit = JOB_LOG_LINES;
    bool has, has_page;
    if (!query_value(request, "limit", value, sizeof value, &has, &err) ||
        (has && !read_limit(value, JOB_LOG_LINES_MAX, &limit, &err)) ||
        !query_value(request, "page", page, sizeof page, &has_page, &err))
        refuse_err(call, &err);
    else if (is_there(call, id))
        job_follow_log(follow, hand_on(call), id, (size_t)limit, has_page ? page : NULL);
}

static void get_openapi(struct call *call, const struct server_request *request, const char *id)
{
    size_t bytes;
    const char *const text = openapi_text(&bytes);
    (void)request, (void)id;
    answer_text(call, 200, text, bytes, NULL);
}

// Lists ------------------------------------------------------------------------------------------

static bool read_state(const char *text, int *ret, struct sr_err *err)
{
    for (int state = 0; state < JOB_ROW_STATE_COUNT; state++) {
        if (strcmp(text, job_row_state_name((enum job_row_state)state)) == 0) {
            *ret = state;
            return true;
        }
    }
    return sr_fail(err, SR_ERR_INVALID,
                   "state: want QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLING or CANCELLED");
}

// The smallest id of that time.
static bool read_since(const char *text, char id[SR_ID_TEXT], struct sr_err *err)
{
    static const uint8_t nothing[SR_ID_RANDOM_BYTES] = { 0 };
    struct asl_time time;
    if (!asl_time_parse(text, &time))
        return sr_fail(err, SR_ERR_INVALID, "since: want a time as 2026-11-23T01:02:03Z");
    sr_id_format(asl_time_us(time), nothing, id);
    return true;
}

static bool read_query(const struct server_request *request, struct job_query *query,
                       char from[SR_ID_TEXT], char correlation[VALUE_MAX], char page[SR_ID_TEXT],
                       struct sr_err *err)
{
    char value[VALUE_MAX];
    bool has;
    if (!query_value(request, "state", value, sizeof value, &has, err) ||
        (has && !read_state(value, &query->state, err)) ||
        !query_value(request, "since", value, sizeof value, &has, err) ||
        (has && !read_since(value, from, err)))
        return false;
    query->from = has ? from : NULL;
    if (!query_value(request, "limit", value, sizeof value, &has, err) ||
        (has && !read_limit(value, LIST_MAX, &query->count_max, err)) ||
        !query_value(request, "correlation", correlation, VALUE_MAX, &has, err))
        return false;
    query->correlation = has ? correlation : NULL;
    if (!query_value(request, "page", page, SR_ID_TEXT, &has, err))
        return false;
    query->before = has ? page : NULL;
    return !has || sr_id_parse(page, NULL) ||
           sr_fail(err, SR_ERR_INVALID, "page: want a next_page that a list gave");
}

static void list(struct call *call, const struct server_request *request, const char *id)
{
    struct sr_err err = { 0 };
    struct job_query query = { .state = -1, .count_max = LIST_DEFAULT };
    char from[SR_ID_TEXT], page[SR_ID_TEXT], correlation[VALUE_MAX];
    sr_auto(json) json_t *jobs = NULL;
    (void)id;
    if (read_query(request, &query, from, correlation, page, &err) &&
        jobs_list(call->api->jobs, &query, &jobs, &err))
        answer_json(call, 200, jobs, NULL);
    else
        refuse_err(call, &err);
}

// Routes -----------------------------------------------------------------------------------------

static const struct verb {
    const char *method, *below;  // "/v1/jobs" (no id), "/v1/jobs/ID" and what is below; or OPENAPI
    bool has_id;
    const char *operation;
    void (*run)(struct call *call, const struct server_request *request, const char *id);
} verbs[] = {
    { "POST", "", false, "SubmitJob", submit },
    { "GET", "", false, "ListJobs", list },
    { "GET", "", true, "GetJob", get_job },
    { "GET", "/manifest", true, "GetJobManifest", get_manifest },
    { "GET", "/report", true, "GetJobReport", get_report },
    { "GET", "/log", true, "GetJobLog", get_log },
    { "GET", "/events", true, "FollowJob", get_events },
    { "POST", "/cancel", true, "CancelJob", cancel },
    { "POST", "/retry", true, "RetryJob", retry },
    { "GET", OPENAPI, false, "GetOpenApi", get_openapi },
};

// Takes the path apart; *ret_id is "" where there is none. False: there is no such path.
static bool split(const char *path, char id[SR_ID_TEXT], const char **ret_below)
{
    const size_t prefix = strlen(JOBS);
    id[0] = '\0';
    *ret_below = path;
    if (strcmp(path, OPENAPI) == 0)
        return true;
    if (strncmp(path, JOBS, prefix) != 0)
        return false;
    *ret_below = path + prefix;
    if (!**ret_below)
        return true;
    const char *const name = *ret_below + 1;
    const size_t bytes = strcspn(name, "/");
    if (**ret_below != '/' || bytes != SR_ID_TEXT - 1)
        return false;
    memcpy(id, name, bytes);
    id[bytes] = '\0';
    *ret_below = name + bytes;
    return sr_id_parse(id, NULL);
}

static const struct verb *find_verb(const char *method, const char *below, bool has_id,
                                    char allow[64])
{
    size_t at = 0;
    allow[0] = '\0';
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const struct verb *const verb = &verbs[i];
        const bool is_get = strcmp(verb->method, "GET") == 0;
        if (verb->has_id != has_id || strcmp(verb->below, below) != 0)
            continue;
        if (strcmp(verb->method, method) == 0 || (is_get && strcmp(method, "HEAD") == 0))
            return verb;
        const int bytes = snprintf(allow + at, 64 - at, "%s%s%s", at ? ", " : "", verb->method,
                                   is_get ? ", HEAD" : "");
        at += bytes > 0 && (size_t)bytes < 64 - at ? (size_t)bytes : 0;
    }
    return NULL;
}

static struct call *new_call(const struct jobs_api *api, struct server_call *server,
                             const struct server_request *request, const char *who)
{
    struct call *const call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->api = api;
    call->server = server;
    call->started_us = request->started_us;
    (void)snprintf(call->request_id, sizeof call->request_id, "%s", request->id);  // fits
    (void)snprintf(call->remote, sizeof call->remote, "%s", request->remote);      // fits
    (void)snprintf(call->who, sizeof call->who, "%s", who);                        // fits
    call->operation = "Unknown";
    return call;
}

void jobs_api_handle(const struct jobs_api *api, struct server_call *server,
                     const struct server_request *request)
{
    char id[SR_ID_TEXT], who[AUTH_ACCESS_KEY_MAX + 1], allow[64];
    const char *below = "";
    struct auth_refusal refusal;
    const bool may = jobs_api_may(api, request, who, &refusal);
    struct call *const call = new_call(api, server, request, who);
    // That nobody reads these any more is the client's affair.
    if (!call) {
        sr_ignore(problem_answer(server, 503, "out of memory", NULL, NULL));
        return;
    }
    if (!may) {
        refuse(call, refusal.status, refusal.message);
        return;
    }
    const bool is_path = split(request->path, id, &below);
    const struct verb *const verb =
        is_path ? find_verb(request->method, below, *id != '\0', allow) : NULL;
    if (verb) {
        call->operation = verb->operation;
        memcpy(call->id, id, sizeof id);
        verb->run(call, request, id);
    } else if (is_path && *allow) {
        const bool sent =
            problem_answer(server, 405, "this path does not take that method", NULL, allow);
        finish(call, 405, sent);
    } else {
        refuse(call, 404, "there is nothing at this path");
    }
}

bool jobs_api_route(size_t index, const char **ret_method, char path[64],
                    const char **ret_operation)
{
    if (index >= sizeof verbs / sizeof *verbs)
        return false;
    const struct verb *const verb = &verbs[index];
    *ret_method = verb->method;
    *ret_operation = verb->operation;
    return sr_format(path, 64, "%s%s%s", strcmp(verb->below, OPENAPI) == 0 ? "" : JOBS,
                     verb->has_id ? "/{id}" : "", verb->below);
}
