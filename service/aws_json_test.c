// The API's face, over real sockets, in front of a service that is made up.
#include "base/hash.h"
#include "base/test.h"
#include "base/thread.h"
#include "net/sigv4.h"
#include "service/aws_json.h"
#include "service/http_client_fake.h"
#include "service/route.h"

#define TYPE "Content-Type: application/x-amz-json-1.0\r\n"
#define TARGET "X-Amz-Target: AWSStepFunctions."
#define SECRET "a-secret-of-24-letters.."

// Answers "Echo" at once with what came, "Refuse" with an error, "GetActivityTask" when told to.
struct states_api {
    struct sr_mutex lock;
    struct sr_cond changed;
    states_answer_fn answer;
    void *self;
    size_t calls;
};

struct world {
    struct states_api api;
    struct aws_json json;
    struct server *server;
    struct auth *auth;
    char folder[64], path[96];
};

static void call(struct states_api *api, const char *op, const char *body, size_t size,
                 states_answer_fn answer, void *self)
{
    const bool refuses = strcmp(op, "Refuse") == 0;
    sr_lock(&api->lock);
    api->calls++;
    if (strcmp(op, "GetActivityTask") == 0) {
        api->answer = answer;
        api->self = self;
        sr_cond_broadcast(&api->changed);
        sr_unlock(&api->lock);
        return;
    }
    sr_unlock(&api->lock);
    const struct states_answer made = { .status = refuses ? 400 : 200,
                                        .error = refuses ? "ActivityDoesNotExist" : NULL,
                                        .body = body,
                                        .size = size,
                                        .arn = refuses ? NULL : "arn:aws:x" };
    (void)answer(self, &made);  // to whom it matters is gone when it does not arrive
}

static void *handle_api(void *self, struct server_call *server_call,
                        const struct server_request *request)
{
    struct world *world = self;
    return aws_json_handle(&world->json, server_call, request);
}

static const struct route routes[] = {
    { "POST", "/", true, handle_api },
    { "GET", "/page", false, handle_api },
    { NULL, NULL, false, NULL },
};

static void *handle(void *self, struct server_call *server_call,
                    const struct server_request *request)
{
    return route_handle(routes, self, server_call, request);
}

static void done(void *self, void *from_handle, bool sent)
{
    struct world *world = self;
    aws_json_done(&world->json, from_handle, sent);
}

static void begin(struct world *world, bool with_keys)
{
    struct sr_err err = { 0 };
    struct sockaddr_storage address;
    memset(world, 0, sizeof *world);
    sr_assert_ok(sr_mutex_init(&world->api.lock, &err), err);
    sr_assert_ok(sr_cond_init(&world->api.changed, &err), err);
    sr_assert_ok(auth_new(&world->auth, &err), err);
    if (with_keys)
        sr_assert_ok(auth_add(world->auth, "AKID1", SECRET, &err), err);
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/audit.log", world->folder);
    const struct audit_params audit = { .path = world->path,
                                        .bytes_max = 1 << 20,
                                        .clock = sr_clock_system() };
    world->json = (struct aws_json){ .target = "AWSStepFunctions",
                                     .auth = world->auth,
                                     .clock = sr_clock_system(),
                                     .call = call,
                                     .api = &world->api };
    sr_assert_ok(audit_open(&audit, &world->json.audit, &err), err);
    struct server_params params = { .clock = sr_clock_system(),
                                    .limits = { .body_bytes_max = 4096 },
                                    .handle = handle,
                                    .done = done,
                                    .self = world };
    sr_assert_ok(server_address("127.0.0.1:0", &address, &params.address_bytes, &err), err);
    params.address = (const struct sockaddr *)&address;
    sr_assert_ok(server_open(&params, &world->server, &err), err);
}

static void end(struct world *world)
{
    server_close(world->server);
    audit_close(world->json.audit);
    auth_free(world->auth);
    sr_cond_done(&world->api.changed);
    sr_mutex_done(&world->api.lock);
    sr_test_folder_done(world->folder);
}

// The last line of the audit log, once every call is over.
static void last_line(struct world *world, char line[1024])
{
    assert_true(server_wait(world->server, false, 30000000));
    FILE *file = fopen(world->path, "r");
    assert_non_null(file);
    char next[1024];
    line[0] = '\0';
    while (fgets(next, sizeof next, file))
        memcpy(line, next, sizeof next);
    fclose(file);
}

static const struct row {
    const char *name, *method, *path, *headers, *body;
    int status;
    const char *says, *logs;
    size_t calls;
} rows[] = {
    { "an answer", "POST", "/", TYPE TARGET "Echo\r\n", "{\"a\":1}", 200, "{\"a\":1}",
      "\"operation\":\"Echo\",\"arn\":\"arn:aws:x\",\"outcome\":\"OK\",\"status\":200,", 1 },
    { "a type with a charset", "POST", "/",
      "Content-Type: application/x-amz-json-1.0; charset=utf-8\r\n" TARGET "Echo\r\n", "{}", 200,
      "{}", "\"who\":\"local\"", 1 },
    { "a refusal of the service", "POST", "/", TYPE TARGET "Refuse\r\n", "{}", 400, "{}",
      "\"arn\":null,\"outcome\":\"ActivityDoesNotExist\",\"status\":400,", 1 },
    { "no type", "POST", "/", TARGET "Echo\r\n", "{}", 415, "UnsupportedMediaType",
      "\"outcome\":\"UnsupportedMediaType\",\"status\":415,", 0 },
    { "what a web page may send", "POST", "/", "Content-Type: text/plain\r\n" TARGET "Echo\r\n",
      "{}", 415, "\"title\":\"Unsupported Media Type\"", "\"status\":415", 0 },
    { "almost the type", "POST", "/",
      "Content-Type: application/x-amz-json-1.01\r\n" TARGET "Echo\r\n", "{}", 415, "__type",
      "\"status\":415", 0 },
    { "no target", "POST", "/", TYPE, "{}", 400, "UnknownOperationException", "\"operation\":null",
      0 },
    { "another service's target", "POST", "/", TYPE "X-Amz-Target: DynamoDB.Echo\r\n", "{}", 400,
      "UnknownOperationException", "\"operation\":null", 0 },
    { "a target without operation", "POST", "/", TYPE TARGET "\r\n", "{}", 400,
      "UnknownOperationException", "\"operation\":null", 0 },
    { "an operation with quotes", "POST", "/", TYPE TARGET "Ec\"ho\r\n", "{}", 400,
      "UnknownOperationException", "\"operation\":null", 0 },
    { "an operation without end", "POST", "/",
      TYPE TARGET "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE\r\n", "{}",
      400, "UnknownOperationException", "\"operation\":null", 0 },
    { "another path", "POST", "/x", TYPE TARGET "Echo\r\n", "{}", 404, "\"status\":404", "", 0 },
    { "another method", "PUT", "/", TYPE TARGET "Echo\r\n", "{}", 405, "\"status\":405", "", 0 },
    { "the path of another method", "POST", "/page", TYPE, "{}", 405, "Method Not Allowed", "", 0 },
    { "a path that climbs", "POST", "/../", TYPE, "{}", 404, "\"status\":404", "", 0 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct world world;
    struct fake_client client;
    char line[1024], value[256];
    begin(&world, false);
    fake_connect(&client, server_port(world.server));
    assert_int_equal(fake_ask(&client, row->method, row->path, row->headers, row->body),
                     row->status);
    sr_assert_contains(client.body, row->says);
    const char *const type = fake_header(&client, "Content-Type", value);
    assert_string_equal(type, row->status >= 404 ? "application/problem+json"
                                                 : "application/x-amz-json-1.0");
    assert_non_null(fake_header(&client, "x-amzn-RequestId", value));
    last_line(&world, line);
    sr_assert_contains(line, row->logs);
    if (*row->logs)
        sr_assert_contains(line, value);  // the request's id
    assert_int_equal(world.api.calls, row->calls);
    if (row->status == 405)
        assert_non_null(fake_header(&client, "Allow", value));
    fake_close(&client);
    end(&world);
}

static void too_large(void **state)
{
    (void)state;
    struct world world;
    struct fake_client client;
    static char body[5000];
    char line[1024];
    begin(&world, false);
    memset(body, ' ', sizeof body - 1);
    fake_connect(&client, server_port(world.server));
    assert_int_equal(fake_ask(&client, "POST", "/", TYPE TARGET "Echo\r\n", body), 413);
    sr_assert_contains(client.body, "RequestEntityTooLarge");
    last_line(&world, line);
    sr_assert_contains(line, "\"operation\":\"Echo\"");
    sr_assert_contains(line, "\"status\":413");
    assert_int_equal(fake_ask(&client, "POST", "/other", TYPE, body), 413);
    assert_int_equal(world.api.calls, 0);
    fake_close(&client);
    end(&world);
}

static void wait_for_poll(struct world *world, states_answer_fn *answer, void **self)
{
    sr_lock(&world->api.lock);
    while (!world->api.answer)
        sr_cond_wait(&world->api.changed, &world->api.lock);
    *answer = world->api.answer;
    *self = world->api.self;
    world->api.answer = NULL;
    sr_unlock(&world->api.lock);
}

static void long_poll(void **state)
{
    (void)state;
    struct world world;
    struct fake_client client;
    char line[1024];
    states_answer_fn answer;
    void *self;
    const struct states_answer task = { .status = 200,
                                        .body = "{\"taskToken\":\"t\"}",
                                        .size = 17 };
    const char *const asks = "POST / HTTP/1.1\r\nHost: localhost\r\n" TYPE TARGET
                             "GetActivityTask\r\nContent-Length: 2\r\n\r\n{}";
    begin(&world, false);
    fake_connect(&client, server_port(world.server));
    assert_true(fake_say(&client, asks));
    wait_for_poll(&world, &answer, &self);
    assert_true(server_wait(world.server, true, 0));  // it is known to be long
    assert_true(answer(self, &task));
    assert_int_equal(fake_read(&client), 200);
    assert_string_equal(client.body, "{\"taskToken\":\"t\"}");
    last_line(&world, line);
    sr_assert_contains(line, "\"delivered\":true");

    assert_true(fake_say(&client, asks));
    wait_for_poll(&world, &answer, &self);
    fake_close(&client);
    assert_false(answer(self, &task));  // so that the task goes back
    last_line(&world, line);
    sr_assert_contains(line, "\"delivered\":false");
    end(&world);
}

static void signed_calls(void **state)
{
    (void)state;
    struct world world;
    struct fake_client client;
    struct sr_err err = { 0 };
    char line[1024], headers[1024], hash[SR_SHA256_HEX];
    uint8_t digest[SR_SHA256_BYTES];
    sr_auto(sigv4_signed) struct sigv4_signed made = { 0 };
    const struct http_header to_sign[] = { { "Host", "localhost" },
                                           { "X-Amz-Target", "AWSStepFunctions.Echo" } };
    sr_assert_ok(sr_sha256("{}", 2, digest, &err), err);
    sr_hex(digest, sizeof digest, hash);
    const struct sigv4_request request = {
        .method = "POST", .path = "/", .headers = to_sign, .header_count = 2, .payload_hash = hash
    };
    const struct sigv4_params params = {
        .key = { .access_key = "AKID1", .secret = SECRET },
        .scope = { .region = "us-east-1", .service = "states", .path_normal = true },
        .wall_us = sr_clock_wall_us(sr_clock_system())
    };
    sr_assert_ok(sigv4_sign_header(&params, &request, &made, &err), err);
    snprintf(headers, sizeof headers, TYPE TARGET "Echo\r\nX-Amz-Date: %s\r\nAuthorization: %s\r\n",
             made.date, made.authorization);
    begin(&world, true);
    fake_connect(&client, server_port(world.server));
    assert_int_equal(fake_ask(&client, "POST", "/", headers, "{}"), 200);
    last_line(&world, line);
    sr_assert_contains(line, "\"who\":\"AKID1\"");
    assert_int_equal(fake_ask(&client, "POST", "/", headers, "[]"), 400);
    sr_assert_contains(client.body, "{\"__type\":\"InvalidSignatureException\",\"message\":");
    last_line(&world, line);
    sr_assert_contains(line, "\"outcome\":\"InvalidSignatureException\"");
    assert_int_equal(fake_ask(&client, "POST", "/", TYPE TARGET "Echo\r\n", "{}"), 400);
    sr_assert_contains(client.body, "MissingAuthenticationTokenException");
    last_line(&world, line);
    sr_assert_contains(line, "\"who\":\"unknown\"");
    assert_int_equal(world.api.calls, 1);
    fake_close(&client);
    end(&world);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 3];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_large);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(long_poll);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(signed_calls);
    return sr_test_run(__FILE__, tests, count);
}
