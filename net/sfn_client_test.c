#include "net/sfn_client.h"

#include "base/hash.h"
#include "base/test.h"
#include "net/http_fake.h"
#include "net/sigv4.h"

#define WALL_US 1767225600000000

// What the fake answers, by operation.
static const struct reply {
    const char *op;
    int status;
    const char *body;
} replies[] = {
    { "StartExecution", 200, "{\"executionArn\":\"a\"}" },
    { "StopExecution", 400,
      "{\"__type\":\"com.amazonaws.states.v20161123#ExecutionDoesNotExist\",\"message\":\"none: 'x'\"}" },
    { "CreateActivity", 400, "{\"__type\":\"ActivityAlreadyExists\",\"Message\":\"there\"}" },
    { "SendTaskSuccess", 400, "{\"__type\":\"TaskTimedOut\",\"message\":\"late\"}" },
    { "DescribeExecution", 400, "{\"__type\":\"InvalidArn\",\"message\":\"no\"}" },
    { "ListActivities", 403, "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}" },
    { "DeleteActivity", 404, "<html>" },
    { "TagResource", 200, "not JSON" },
    { "Odd", 400, "{\"__type\":\"NobodyKnows\"}" },
};

struct server {
    struct http_fake *fake;
    size_t calls, busy, page;
    bool is_signed, is_proven, has_type;
};

static bool proves(const struct http_fake_request *request)
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    char hash[SR_SHA256_HEX];
    struct sigv4_claim claim;
    sr_assert_ok(sr_sha256(request->body, request->body_bytes, digest, &err), err);
    sr_hex(digest, sizeof digest, hash);
    const struct sigv4_request signed_request = { request->method,  request->target,       NULL,
                                                  request->headers, request->header_count, hash };
    const struct sigv4_params params = {
        .key = { "AKID", "secret", NULL },
        .scope = { .region = "eu-test-1", .service = "states", .path_normal = true },
        .wall_us = WALL_US
    };
    return sigv4_parse(&signed_request, &claim, &err) &&
           strstr(claim.signed_headers, "x-amz-target") &&
           sigv4_verify(&params, &signed_request, &claim, &err);
}

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    struct server *server = self;
    const char *target = http_header_find(request->headers, request->header_count, "X-Amz-Target");
    const char *type = http_header_find(request->headers, request->header_count, "Content-Type");
    const char *op = target && strncmp(target, "AWSStepFunctions.", 17) == 0 ? target + 17 : "";
    server->calls++;
    server->is_signed =
        http_header_find(request->headers, request->header_count, "Authorization") != NULL;
    server->is_proven = server->is_signed && proves(request);
    server->has_type = type && strcmp(type, "application/x-amz-json-1.0") == 0;
    if (server->busy) {
        server->busy--;
        http_fake_text(reply, 503, "{\"__type\":\"ServiceUnavailable\"}");
        return;
    }
    if (strcmp(op, "ListExecutions") == 0) {
        static const char *const pages[] = { "{\"executions\":[1,2],\"nextToken\":\"two\"}",
                                             "{\"executions\":[3],\"nextToken\":\"three\"}",
                                             "{\"executions\":[4]}" };
        const size_t page = strstr(request->body, "\"two\"")     ? 1
                            : strstr(request->body, "\"three\"") ? 2
                                                                 : 0;
        http_fake_text(reply, 200, pages[page]);
        return;
    }
    for (size_t i = 0; i < SR_TEST_COUNT(replies); i++) {
        if (strcmp(replies[i].op, op) == 0) {
            http_fake_text(reply, replies[i].status, replies[i].body);
            return;
        }
    }
    http_fake_text(reply, 404, "");
}

struct world {
    struct server server;
    struct sr_clock_fake clock;
    struct credentials *credentials;
    struct sfn_client *client;
};

static void open_world(struct world *world, bool is_signed)
{
    struct sr_err err = { 0 };
    *world = (struct world){ 0 };
    sr_assert_ok(http_fake_new(answer, &world->server, &world->server.fake, &err), err);
    sr_clock_fake_init(&world->clock, WALL_US);
    if (is_signed)
        sr_assert_ok(credentials_new_static("AKID", "secret", NULL, &world->credentials, &err),
                     err);
    const struct sfn_client_params params = { .url = http_fake_url(world->server.fake),
                                              .credentials = world->credentials,
                                              .region = "eu-test-1",
                                              .clock = is_signed ? &world->clock.clock : NULL };
    sr_assert_ok(sfn_client_new(&params, &world->client, &err), err);
}

static void close_world(struct world *world)
{
    sfn_client_free(world->client);
    credentials_free(world->credentials);
    http_fake_free(world->server.fake);
}

static bool call(struct world *world, const char *op, struct sr_err *err)
{
    sr_auto(json) json_t *request = json_pack("{s:s}", "name", "n"), *got = NULL;
    return sfn_client_call(world->client, op, request, NULL, &got, err);
}

static void signed_and_answered(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    open_world(&world, true);
    sr_auto(json) json_t *request = json_object(), *got = NULL;
    sr_assert_ok(sfn_client_call(world.client, "StartExecution", request, NULL, &got, &err), err);
    assert_string_equal(json_string_value(json_object_get(got, "executionArn")), "a");
    assert_true(world.server.is_proven && world.server.has_type);
    close_world(&world);
}

static const struct row {
    const char *op;
    enum sr_err_code code;
    const char *message;
} rows[] = {
    { "StopExecution", SR_ERR_NOT_FOUND, "ExecutionDoesNotExist: none: 'x'" },
    { "CreateActivity", SR_ERR_CONFLICT, "ActivityAlreadyExists: there" },
    { "SendTaskSuccess", SR_ERR_NOT_FOUND, "TaskTimedOut: late" },
    { "DescribeExecution", SR_ERR_INVALID, "InvalidArn: no" },
    { "ListActivities", SR_ERR_DENIED, "AccessDeniedException" },
    { "DeleteActivity", SR_ERR_NOT_FOUND, "HTTP 404" },
    { "TagResource", SR_ERR_INVALID, "TagResource: the answer" },
};

static void refusals(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, false);
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        struct sr_err err = { 0 };
        sr_assert_fails(call(&world, rows[i].op, &err), rows[i].code, err);
        sr_assert_contains(err.message, rows[i].message);
    }
    struct sr_err err = { 0 };
    assert_false(call(&world, "Odd", &err));
    sr_assert_contains(err.message, "NobodyKnows");
    assert_false(world.server.is_signed);
    close_world(&world);
}

static void busy_is_tried_again(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    open_world(&world, false);
    world.server.busy = 1;
    sr_assert_ok(call(&world, "StartExecution", &err), err);
    assert_int_equal(world.server.calls, 2);
    close_world(&world);
}

static void pages(void **state)
{
    (void)state;
    static const struct {
        size_t count_max, want, calls;
    } asks[] = { { 0, 4, 3 }, { 2, 2, 1 }, { 3, 3, 2 }, { 1, 1, 1 } };
    struct world world;
    open_world(&world, false);
    for (size_t i = 0; i < SR_TEST_COUNT(asks); i++) {
        struct sr_err err = { 0 };
        sr_auto(json) json_t *request = json_object(), *got = NULL;
        world.server.calls = 0;
        sr_assert_ok(sfn_client_pages(world.client, "ListExecutions", request, "executions",
                                      asks[i].count_max, NULL, &got, &err),
                     err);
        assert_int_equal(json_array_size(json_object_get(got, "executions")), asks[i].want);
        assert_int_equal(world.server.calls, asks[i].calls);
        assert_int_equal(json_object_size(request), 0);
    }
    struct sr_err err = { 0 };
    sr_auto(json) json_t *request = json_object(), *got = NULL;
    sr_assert_fails(sfn_client_pages(world.client, "StartExecution", request, "executions", 0, NULL,
                                     &got, &err),
                    SR_ERR_NETWORK, err);
    close_world(&world);
}

static void urls(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sfn_client *client = NULL;
    const struct sfn_client_params params = { .url = "127.0.0.1:1" };
    sr_assert_fails(sfn_client_new(&params, &client, &err), SR_ERR_INVALID, err);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_and_answered),
        cmocka_unit_test(refusals),
        cmocka_unit_test(busy_is_tried_again),
        cmocka_unit_test(pages),
        cmocka_unit_test(urls),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
