#include "net/jobs_client.h"

#include "base/hash.h"
#include "base/test.h"
#include "base/thread.h"
#include "net/http_fake.h"
#include "net/sigv4.h"

#define WALL_US 1767225600000000

// What the fake answers, by method and path.
static const struct reply {
    const char *method, *target;
    int status;
    const char *body;
} replies[] = {
    { "GET", "/v1/jobs/1", 200, "{\"id\":\"1\"}" },
    { "GET", "/v1/jobs?state=RUNNING&limit=5", 200, "{\"jobs\":[]}" },
    { "GET", "/base/v1/jobs/1", 200, "{\"id\":\"base\"}" },
    { "POST", "/v1/jobs", 201, "{\"id\":\"2\"}" },
    { "GET", "/v1/jobs/missing", 404,
      "{\"status\":404,\"title\":\"Not Found\",\"detail\":\"no job missing\"}" },
    { "POST", "/v1/jobs/1/cancel", 409, "{\"status\":409,\"title\":\"Conflict\"}" },
    { "POST", "/v1/jobs/bad", 400, "{\"detail\":\"$.input: want a URL\"}" },
    { "POST", "/v1/jobs/far", 403, "{\"detail\":\"not allowed\"}" },
    { "GET", "/v1/jobs/page", 404, "<html>" },
    { "GET", "/v1/jobs/odd", 200, "not JSON" },
};

struct server {
    struct http_fake *fake;
    struct sr_mutex lock;  // of all below: connections have threads of their own
    size_t calls, busy, lost, streams;
    int asks_with;              // the status that asks for a signature; 0: it does not
    const char *const *events;  // of each stream in turn
    bool is_signed, is_proven;
    char authorization[256], body[256], type[64], correlation[64];
};

static bool proves(const struct http_fake_request *request)
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    char hash[SR_SHA256_HEX], path[128];
    struct sigv4_claim claim;
    const char *const mark = strchr(request->target, '?');
    const size_t bytes = mark ? (size_t)(mark - request->target) : strlen(request->target);
    snprintf(path, sizeof path, "%.*s", (int)bytes, request->target);
    sr_assert_ok(sr_sha256(request->body, request->body_bytes, digest, &err), err);
    sr_hex(digest, sizeof digest, hash);
    const struct sigv4_request sent = { request->method,        path,
                                        mark ? mark + 1 : NULL, request->headers,
                                        request->header_count,  hash };
    const struct sigv4_params params = {
        .key = { "AKID", "secret", NULL },
        .scope = { .region = "eu-test-1", .service = "states", .path_normal = true },
        .wall_us = WALL_US
    };
    return sigv4_parse(&sent, &claim, &err) && sigv4_verify(&params, &sent, &claim, &err);
}

static void answer_events(struct server *server, struct http_fake_reply *reply)
{
    const char *const text = server->events[server->streams];
    if (!text) {
        reply->silent = true;
        return;
    }
    server->streams++;
    const char *const cut = strstr(text, "CUT");
    http_fake_text(reply, 200, text);
    snprintf(reply->headers, sizeof reply->headers, "Content-Type: text/event-stream\r\n");
    reply->cut = cut != NULL;
    reply->cut_bytes = cut ? (size_t)(cut - text) : 0;
}

static void answer_locked(struct server *server, const struct http_fake_request *request,
                          struct http_fake_reply *reply) SR_REQUIRES(server->lock);
static void answer_locked(struct server *server, const struct http_fake_request *request,
                          struct http_fake_reply *reply)
{
    const char *const shown =
        http_header_find(request->headers, request->header_count, "Authorization");
    const char *const type =
        http_header_find(request->headers, request->header_count, "Content-Type");
    server->calls++;
    snprintf(server->authorization, sizeof server->authorization, "%s", shown ? shown : "");
    const char *const correlation =
        http_header_find(request->headers, request->header_count, "X-Correlation-Id");
    snprintf(server->correlation, sizeof server->correlation, "%s", correlation ? correlation : "");
    snprintf(server->type, sizeof server->type, "%s", type ? type : "");
    snprintf(server->body, sizeof server->body, "%.*s", (int)request->body_bytes, request->body);
    server->is_signed = shown && strncmp(shown, "AWS4-HMAC-SHA256", 16) == 0;
    server->is_proven = server->is_signed && proves(request);
    if (server->asks_with && !shown) {
        http_fake_text(
            reply, server->asks_with,
            "{\"detail\":\"who are you\",\"__type\":\"MissingAuthenticationTokenException\"}");
        return;
    }
    if (server->lost) {  // it was done, and nobody hears of it
        server->lost--;
        reply->silent = true;
        return;
    }
    if (server->busy) {
        server->busy--;
        http_fake_text(reply, 503, "{\"detail\":\"later\"}");
        return;
    }
    if (strstr(request->target, "/events") && strstr(request->target, "/1/")) {
        answer_events(server, reply);
        return;
    }
    for (size_t i = 0; i < SR_TEST_COUNT(replies); i++) {
        if (strcmp(request->method, replies[i].method) == 0 &&
            strcmp(request->target, replies[i].target) == 0) {
            http_fake_text(reply, replies[i].status, replies[i].body);
            return;
        }
    }
    http_fake_text(reply, 404, "{\"detail\":\"nothing here\"}");
}

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    struct server *const server = self;
    sr_lock(&server->lock);
    answer_locked(server, request, reply);
    sr_unlock(&server->lock);
}

struct world {
    struct server server;
    struct sr_clock_fake clock;
    struct credentials *credentials;
    struct jobs_client *client;
};

static void begin(struct world *world, const char *token, bool has_keys, const char *path)
{
    struct sr_err err = { 0 };
    char url[128];
    memset(world, 0, sizeof *world);
    sr_clock_fake_init(&world->clock, WALL_US);
    sr_assert_ok(sr_mutex_init(&world->server.lock, &err), err);
    sr_assert_ok(http_fake_new(answer, &world->server, &world->server.fake, &err), err);
    if (has_keys)
        sr_assert_ok(credentials_new_static("AKID", "secret", NULL, &world->credentials, &err),
                     err);
    snprintf(url, sizeof url, "%s%s", http_fake_url(world->server.fake), path);
    const struct jobs_client_params params = { .url = url,
                                               .token = token,
                                               .is_unsigned = !has_keys,
                                               .credentials = world->credentials,
                                               .region = "eu-test-1",
                                               .attempts_max = 2,
                                               .pause_us = 1000 };
    sr_assert_ok(jobs_client_new(&params, &world->client, &err), err);
}

static void end(struct world *world)
{
    jobs_client_free(world->client);
    credentials_free(world->credentials);
    http_fake_free(world->server.fake);
    sr_mutex_done(&world->server.lock);
}

static bool ask(struct world *world, const char *method, const char *path, const char *body,
                json_t **ret_answer, struct sr_err *err)
{
    const struct jobs_client_call call = { .method = method,
                                           .path = path,
                                           .body = body,
                                           .body_bytes = body ? strlen(body) : 0,
                                           .correlation = body ? "film-7" : NULL };
    return jobs_client_ask(world->client, &call, NULL, ret_answer, err);
}

static void answers(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    static const char *const bases[] = { "", "/", "/base", "/base/" };
    begin(&world, "token-of-16-chars", true, "");
    sr_auto(json) json_t *one = NULL, *list = NULL, *made = NULL;
    sr_assert_ok(ask(&world, "GET", "/v1/jobs/1", NULL, &one, &err), err);
    assert_string_equal(json_string_value(json_object_get(one, "id")), "1");
    assert_string_equal(world.server.authorization, "Bearer token-of-16-chars");
    assert_string_equal(world.server.type, "");
    sr_assert_ok(ask(&world, "GET", "/v1/jobs?state=RUNNING&limit=5", NULL, &list, &err), err);
    assert_non_null(json_object_get(list, "jobs"));
    world.server.busy = 1;  // the same is sent again
    world.server.calls = 0;
    sr_assert_ok(ask(&world, "POST", "/v1/jobs", "{\"version\":1}", &made, &err), err);
    assert_int_equal(world.server.calls, 2);
    assert_string_equal(world.server.body, "{\"version\":1}");
    assert_string_equal(world.server.type, "application/json");
    assert_string_equal(world.server.correlation, "film-7");
    json_decref(sr_take(made));
    world.server.lost = 1;
    sr_assert_ok(ask(&world, "POST", "/v1/jobs", "{\"idempotency_key\":\"k\"}", &made, &err), err);
    assert_int_equal(world.server.calls, 4);
    assert_string_equal(world.server.body, "{\"idempotency_key\":\"k\"}");
    end(&world);
    for (size_t i = 0; i < SR_TEST_COUNT(bases); i++) {
        sr_auto(json) json_t *answer_of_base = NULL;
        begin(&world, NULL, false, bases[i]);
        sr_assert_ok(ask(&world, "GET", "/v1/jobs/1", NULL, &answer_of_base, &err), err);
        assert_string_equal(json_string_value(json_object_get(answer_of_base, "id")),
                            i < 2 ? "1" : "base");
        assert_string_equal(world.server.authorization, "");
        end(&world);
    }
}

static const struct refusal_row {
    const char *name, *method;
    enum sr_err_code code;
    const char *says;
} refusal_rows[] = {
    { "/v1/jobs/missing", "GET", SR_ERR_NOT_FOUND, "HTTP 404: no job missing" },
    { "/v1/jobs/1/cancel", "POST", SR_ERR_CONFLICT, "HTTP 409: Conflict" },
    { "/v1/jobs/bad", "POST", SR_ERR_INVALID, "$.input: want a URL" },
    { "/v1/jobs/far", "POST", SR_ERR_DENIED, "not allowed" },
    { "/v1/jobs/page", "GET", SR_ERR_NOT_FOUND, "HTTP 404" },
    { "/v1/jobs/odd", "GET", SR_ERR_INVALID, "the server's answer" },
};

static void refusal(void **state)
{
    const struct refusal_row *row = *state;
    struct world world;
    struct sr_err err = { 0 };
    json_t *answer_of_it = NULL;
    begin(&world, NULL, false, "");
    sr_assert_fails(ask(&world, row->method, row->name, NULL, &answer_of_it, &err), row->code, err);
    sr_assert_contains(err.message, row->says);
    assert_null(answer_of_it);
    assert_int_equal(world.server.calls, 1);
    end(&world);
}

static void busy_for_good(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    json_t *answer_of_it = NULL;
    begin(&world, NULL, false, "");
    world.server.busy = 100;
    sr_assert_fails(ask(&world, "GET", "/v1/jobs/1", NULL, &answer_of_it, &err), SR_ERR_BUSY, err);
    assert_int_equal(world.server.calls, 2);
    end(&world);
}

// Spec: keys are looked for when the server wants them, and then used.
static void signs_when_asked(void **state)
{
    (void)state;
    static const int statuses[] = { 401, 400 };
    struct sr_err err = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(statuses); i++) {
        struct world world;
        sr_auto(json) json_t *one = NULL, *two = NULL, *three = NULL;
        begin(&world, NULL, true, "");
        // The signature's time is the client's clock.
        jobs_client_free(sr_take(world.client));
        const struct jobs_client_params params = { .url = http_fake_url(world.server.fake),
                                                   .credentials = world.credentials,
                                                   .region = "eu-test-1",
                                                   .clock = &world.clock.clock };
        sr_assert_ok(jobs_client_new(&params, &world.client, &err), err);
        sr_assert_ok(ask(&world, "GET", "/v1/jobs/1", NULL, &one, &err), err);
        assert_false(world.server.is_signed);
        world.server.asks_with = statuses[i];
        world.server.calls = 0;
        sr_assert_ok(ask(&world, "POST", "/v1/jobs", "{\"a\":1}", &two, &err), err);
        assert_true(world.server.is_proven);
        assert_int_equal(world.server.calls, 2);
        sr_assert_ok(ask(&world, "GET", "/v1/jobs?state=RUNNING&limit=5", NULL, &three, &err), err);
        assert_true(world.server.is_proven);
        assert_int_equal(world.server.calls, 3);
        end(&world);
    }
}

static void has_nothing_to_show(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    json_t *answer_of_it = NULL;
    begin(&world, NULL, false, "");
    world.server.asks_with = 401;
    sr_assert_fails(ask(&world, "GET", "/v1/jobs/1", NULL, &answer_of_it, &err), SR_ERR_DENIED,
                    err);
    sr_assert_contains(err.message, "who are you");
    end(&world);
}

static void wrong_params(void **state)
{
    (void)state;
    static const struct jobs_client_params wrong[] = {
        { .url = "127.0.0.1:8083" },
        { .url = "http://127.0.0.1:1/?query" },
        { .url = "http://127.0.0.1:1", .token = "two\nlines" },
        { .url = "http://127.0.0.1:1", .token = "a space" },
    };
    struct sr_err err = { 0 };
    struct jobs_client *client = NULL;
    for (size_t i = 0; i < SR_TEST_COUNT(wrong); i++) {
        sr_assert_fails(jobs_client_new(&wrong[i], &client, &err), SR_ERR_INVALID, err);
        assert_null(client);
        assert_null(strstr(err.message, "lines"));
    }
}

// --- events ---

struct seen {
    size_t count, stop_at;
    char states[256];
};

static bool see(void *self, const json_t *job, struct sr_err *err)
{
    struct seen *const seen = self;
    const size_t used = strlen(seen->states);
    snprintf(seen->states + used, sizeof seen->states - used, "%s,",
             json_string_value(json_object_get(job, "state")));
    return ++seen->count != seen->stop_at || sr_fail(err, SR_ERR_EXISTS, "enough");
}

#define JOB(state) "event: job\ndata: {\"id\":\"1\",\"state\":\"" state "\"}\n\n"
#define END "event: end\ndata: {}\n\n"

static const struct watch_row {
    const char *name;
    const char *const events[4];  // of each connection
    size_t stop_at;
    enum sr_err_code code;
    const char *states;
    size_t streams;
} watch_rows[] = {
    { "to the end",
      { ": hello\n\n" JOB("RUNNING") JOB("SUCCEEDED") END },
      0,
      SR_OK,
      "RUNNING,SUCCEEDED,",
      1 },
    { "what comes behind the end is not read",
      { JOB("FAILED") END JOB("RUNNING") },
      0,
      SR_OK,
      "FAILED,",
      1 },
    { "ended too early", { JOB("QUEUED"), JOB("RUNNING") END }, 0, SR_OK, "QUEUED,RUNNING,", 2 },
    { "cut",
      { JOB("QUEUED") "event: job\nda"
                      "CUT"
                      "ta: {}\n\n",
        "CUT" END, JOB("RUNNING") END },
      0,
      SR_OK,
      "QUEUED,RUNNING,",
      3 },
    { "other events", { "event: news\ndata: x\n\n" END }, 0, SR_OK, "", 1 },
    { "not JSON",
      { JOB("QUEUED") "event: job\ndata: {\n\n" END },
      0,
      SR_ERR_INVALID,
      "QUEUED,",
      1 },
    { "stopped", { JOB("QUEUED") JOB("RUNNING") END }, 1, SR_ERR_EXISTS, "QUEUED,", 1 },
    { "gone for good", { JOB("QUEUED") }, 0, SR_ERR_NETWORK, "QUEUED,", 1 },
    { "never there", { NULL }, 0, SR_ERR_NETWORK, "", 0 },
};

static void watch_row(void **state)
{
    const struct watch_row *row = *state;
    struct world world;
    struct sr_err err = { 0 };
    struct seen seen = { .stop_at = row->stop_at };
    begin(&world, "token-of-16-chars", false, "");
    // A pause that is none.
    jobs_client_free(sr_take(world.client));
    const struct jobs_client_params params = { .url = http_fake_url(world.server.fake),
                                               .token = "token-of-16-chars",
                                               .pause_us = 1 };
    sr_assert_ok(jobs_client_new(&params, &world.client, &err), err);
    world.server.events = row->events;
    struct sr_cancel cancel;
    sr_cancel_init(&cancel, NULL, NULL, INT64_MAX);
    const bool done = jobs_client_watch(world.client, "1", see, &seen, &cancel, &err);
    if (done != (row->code == SR_OK) || err.code != row->code)
        fail_msg("%d: %s", done, err.message);
    sr_lock(&world.server.lock);  // a connection that was cut has told nobody that it is done
    sr_unlock(&world.server.lock);
    assert_string_equal(seen.states, row->states);
    assert_int_equal(world.server.streams, row->streams);
    assert_string_equal(world.server.authorization, "Bearer token-of-16-chars");
    end(&world);
}

static void watch_is_refused(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    struct seen seen = { 0 };
    begin(&world, NULL, true, "");
    sr_assert_fails(jobs_client_watch(world.client, "missing/../1", see, &seen, NULL, &err),
                    SR_ERR_NOT_FOUND, err);
    assert_int_equal(world.server.calls, 1);
    static const char *const events[] = { JOB("QUEUED") END };
    world.server.events = events;
    world.server.asks_with = 401;
    world.server.calls = 0;
    sr_assert_ok(jobs_client_watch(world.client, "1", see, &seen, NULL, &err), err);
    assert_true(world.server.is_signed);
    assert_int_equal(world.server.calls, 2);
    assert_string_equal(seen.states, "QUEUED,");
    end(&world);
}

static bool cancel_it(void *self, const json_t *job, struct sr_err *err)
{
    (void)job, (void)err;
    sr_cancel_set(self);
    return true;
}

static void watch_is_cancelled(void **state)
{
    (void)state;
    static const char *const events[] = { JOB("QUEUED") "CUT" };
    struct world world;
    struct sr_err err = { 0 };
    struct sr_cancel cancel;
    begin(&world, NULL, false, "");
    sr_cancel_init(&cancel, NULL, NULL, INT64_MAX);
    world.server.events = events;
    sr_assert_fails(jobs_client_watch(world.client, "1", cancel_it, &cancel, &cancel, &err),
                    SR_ERR_CANCELLED, err);
    end(&world);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(refusal_rows) + SR_TEST_COUNT(watch_rows) + 8];
    size_t count = SR_TEST_ADD(tests, refusal_rows, refusal);
    count += SR_TEST_ADD(tests + count, watch_rows, watch_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(answers);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(busy_for_good);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(signs_when_asked);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(has_nothing_to_show);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(wrong_params);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(watch_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(watch_is_cancelled);
    return sr_test_run(__FILE__, tests, count);
}
