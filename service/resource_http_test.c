// Tasks that are HTTP requests to a server on loopback.
#include "service/resources.h"

#include "service/resources_world.h"

static const struct world_page pages[] = {
    { "/json", 200, "Content-Type: application/json\r\nX-Two: a\r\nX-Two: b\r\n", "{\"a\":[1]}" },
    { "/text", 201, "Content-Type: text/plain\r\n", "hello" },
    { "/teapot", 418, "Content-Type: application/json\r\n", "{\"short\":true}" },
    { "/elsewhere", 302, "Location: /json\r\n", "" },
    { "/silent", 0, "", "x" },
    { "/large", 200, "", "" },
    { 0 },
};

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    world_answer(self, request, reply);
    if (!strstr(request->target, "large"))
        return;
    free(reply->body);
    reply->body_bytes = RESOURCES_HTTP_BYTES + 1;
    reply->body = calloc(1, reply->body_bytes);
}

static void open_world(struct resources_world *world)
{
    static const char *const allow[] = { "127.0.0.1", "*.example.com", NULL };
    static const struct resources_connection connections[] = { { "arn:c", "X-Key", "secret" } };
    resources_world_open(world, answer, world);
    world->pages = pages;
    const struct resources_params params = { .http_allow = allow,
                                             .http_plain = true,
                                             .connections = connections,
                                             .connection_count = 1,
                                             .http_us_max = 3000000 };
    resources_world_attach(world, &params);
}

static void http(struct resources_world *world, const char *rest)
{
    char parameters[1024];
    snprintf(parameters, sizeof parameters, "{'ApiEndpoint':'%s%s}", http_fake_url(world->fake),
             rest);
    world_run(world, WORLD_HTTP, parameters, "{}");
}

static void requests(void **state)
{
    (void)state;
    struct resources_world world;
    open_world(&world);
    http(&world, "/json?a=b','Method':'GET','QueryParameters':{'q':'x y','n':[1,2]},"
                 "'Headers':{'X-One':['1','2']},'Authentication':{'ConnectionArn':'arn:c'}");
    sr_assert_contains(world.output, "\"ResponseBody\":{\"a\":[1]}");
    sr_assert_contains(world.output, "\"StatusCode\":200,\"StatusText\":\"OK\"");
    sr_assert_contains(world.output, "\"x-two\":[\"a\",\"b\"]");
    sr_assert_contains(world.seen.text, "GET /json?a=b&q=x%20y&n=1&n=2 \n");
    sr_assert_contains(world.seen.text, "X-One=1, 2\n");
    sr_assert_contains(world.seen.text, "X-Key=secret\n");
    http(&world, "/text','Method':'POST','RequestBody':{'k':[1,'z']}");
    sr_assert_contains(world.output, "\"ResponseBody\":\"hello\"");
    sr_assert_contains(world.seen.text,
                       "POST /text {\"k\":[1,\"z\"]}\nContent-Type=application/json\n");
    http(&world, "/text','Method':'PATCH','RequestBody':{'k':[1,'z'],'m':'&'},"
                 "'Transform':{'RequestBodyEncoding':'URL_ENCODED'}");
    sr_assert_contains(world.seen.text, "PATCH /text k[0]=1&k[1]=z&m=%26\n"
                                        "Content-Type=application/x-www-form-urlencoded\n");
    http(&world, "/text','Method':'DELETE','RequestBody':'plain'");
    sr_assert_contains(world.seen.text, "DELETE /text plain\n");
    resources_world_close(&world);
}

static void requests_that_fail(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *error, *cause;
    } rows[] = {
        { "/teapot','Method':'GET'", "States.Http.StatusCode.418", "\"short\":true" },
        { "/elsewhere','Method':'GET'", "States.Http.StatusCode.302", "" },
        { "/silent','Method':'GET'", "States.Http.Socket", "" },
        { "/large','Method':'GET'", "States.DataLimitExceeded", "" },
        { "/json','Method':'BREW'", "States.Runtime", "BREW" },
        { "/json'", "States.Runtime", "'Method' is required" },
        { "/json','Method':'GET','Headers':{'Host':'x'}", "States.Runtime", "'Host'" },
        { "/json','Method':'GET','Headers':{'a b':'x'}", "States.Runtime", "'a b'" },
        { "/json','Method':'GET','Headers':{'X':'a\\nY: z'}", "States.Runtime", "line's end" },
        { "/json','Method':'GET','Headers':[]", "States.Runtime", "Headers" },
        { "/json','Method':'GET','QueryParameters':7", "States.Runtime", "QueryParameters" },
        { "/json','Method':'POST','RequestBody':7,'Transform':{'RequestBodyEncoding':'URL_ENCODED'}",
          "States.Runtime", "RequestBody" },
        { "/json','Method':'GET','Authentication':{'ConnectionArn':'arn:other'}",
          "Events.ConnectionResource.NotFound", "arn:other" },
    };
    struct resources_world world;
    open_world(&world);
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        http(&world, rows[i].rest);
        assert_string_equal(world.error, rows[i].error);
        sr_assert_contains(world.cause, rows[i].cause);
    }
    resources_world_close(&world);
}

static void places_that_are_not_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *url, *error;
    } rows[] = {
        { "https://example.com/", "States.Permissions" },
        { "https://notexample.com/", "States.Permissions" },
        { "http://localhost:1/", "States.Permissions" },
        { "http://user@127.0.0.1/", "States.Runtime" },
        { "file:///etc/passwd", "States.Runtime" },
        { "nonsense", "States.Runtime" },
        { "http://127.0.0.1:1/", "States.Http.Socket" },
    };
    struct resources_world world;
    open_world(&world);
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        char parameters[256];
        snprintf(parameters, sizeof parameters, "{'Method':'GET','ApiEndpoint':'%s'}", rows[i].url);
        world_run(&world, WORLD_HTTP, parameters, "{}");
        assert_string_equal(world.error, rows[i].error);
    }
    resources_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(requests_that_fail),
        cmocka_unit_test(places_that_are_not_allowed),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
