// Tasks that are Lambda functions or HTTP requests, in an engine of their own, against a server on
// loopback.
#include "service/resources.h"

#include <stdatomic.h>

#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "net/credentials.h"
#include "net/http_fake.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define FUNCTION "arn:aws:lambda:eu:1:function:"

struct world {
    char folder[64], path[96];
    struct store store;
    struct resources *resources;
    struct engine *engine;
    struct http_fake *fake;
    struct sr_mutex lock;
    struct sr_str seen;  // under `lock`: what the server got
    atomic_uint silent;  // requests that get no answer
    // how the execution ended
    bool ended;
    enum asl_status status;
    char *output, *error, *cause;
    uint64_t names;
};

// --- the server ---

static void note(struct world *world, const struct http_fake_request *request)
{
    struct sr_err err = { 0 };
    static const char *const shown[] = { "X-Amz-Invocation-Type", "X-Amz-Log-Type", "Content-Type",
                                         "X-Key", "X-One" };
    sr_lock(&world->lock);
    if (!sr_str_addf(&world->seen, &err, "%s %s %.*s\n", request->method, request->target,
                     (int)request->body_bytes, request->body_bytes ? request->body : ""))
        abort();
    for (size_t i = 0; i < SR_TEST_COUNT(shown); i++) {
        const char *value = http_header_find(request->headers, request->header_count, shown[i]);
        if (value && !sr_str_addf(&world->seen, &err, "%s=%s\n", shown[i], value))
            abort();
    }
    if (http_header_find(request->headers, request->header_count, "Authorization") &&
        !sr_str_add(&world->seen, "signed\n", &err))
        abort();
    sr_unlock(&world->lock);
}

struct page {
    const char *part;  // of the target
    int status;
    const char *headers, *body;
};

static const struct page pages[] = {
    { "/functions/good/", 200,
      "X-Amz-Executed-Version: 7\r\nX-Amz-Log-Result: bG9n\r\nx-amzn-RequestId: id-1\r\n",
      "{\"r\":1}" },
    { "/functions/empty/", 202, "", "" },
    { "/functions/broken/", 200, "", "{" },
    { "/functions/raises/", 200, "X-Amz-Function-Error: Unhandled\r\n",
      "{\"errorMessage\":\"no\",\"errorType\":\"Custom\",\"stackTrace\":[]}" },
    { "/functions/vague/", 200, "X-Amz-Function-Error: Unhandled\r\n", "{\"errorMessage\":\"t\"}" },
    { "/functions/missing/", 404,
      "x-amzn-ErrorType: ResourceNotFoundException:http://x/\r\nx-amzn-RequestId: id-2\r\n",
      "{\"Type\":\"User\",\"Message\":\"Function not found: missing\"}" },
    { "/functions/busy/", 429, "", "{}" },
    { "/functions/typed/", 400, "", "{\"__type\":\"a.b#KMSDisabledException\",\"message\":\"m\"}" },
    { "/functions/down/", 503, "", "not JSON" },
    { "/json", 200, "Content-Type: application/json\r\nX-Two: a\r\nX-Two: b\r\n", "{\"a\":[1]}" },
    { "/text", 201, "Content-Type: text/plain\r\n", "hello" },
    { "/teapot", 418, "Content-Type: application/json\r\n", "{\"short\":true}" },
    { "/elsewhere", 302, "Location: /json\r\n", "" },
};

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    struct world *world = self;
    note(world, request);
    if (strstr(request->target, "silent")) {
        atomic_fetch_add(&world->silent, 1);
        http_fake_text(reply, 200, "x");
        reply->stall = true;
        return;
    }
    if (strstr(request->target, "large")) {
        reply->status = 200;
        reply->body_bytes = RESOURCES_HTTP_BYTES + 1;
        reply->body = calloc(1, reply->body_bytes);
        return;
    }
    for (size_t i = 0; i < SR_TEST_COUNT(pages); i++) {
        if (!strstr(request->target, pages[i].part))
            continue;
        http_fake_text(reply, pages[i].status, pages[i].body);
        snprintf(reply->headers, sizeof reply->headers, "%s", pages[i].headers);
        return;
    }
    http_fake_text(reply, 500, "unexpected");
}

// --- functions in this process ---

static bool twice(void *self, const json_t *payload, const struct sr_cancel *cancel,
                  json_t **ret_result, struct asl_failure *failure)
{
    (void)self;
    (void)cancel;
    if (!json_is_integer(payload))
        return asl_fail_catchable(failure, "NoNumber", "want a number");
    *ret_result = json_integer(2 * json_integer_value(payload));
    return true;
}

static bool waits(void *self, const json_t *payload, const struct sr_cancel *cancel,
                  json_t **ret_result, struct asl_failure *failure)
{
    struct world *world = self;
    (void)payload;
    (void)ret_result;
    atomic_fetch_add(&world->silent, 1);
    while (!sr_cancel_asked(cancel))
        sched_yield();
    atomic_fetch_add(&world->silent, 1);
    return asl_fail_catchable(failure, "Cancelled", "on request");
}

// --- a world ---

static void open_world(struct world *world, size_t queue_max)
{
    struct sr_err err = { 0 };
    *world = (struct world){ 0 };
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/engine.db", world->folder);
    sr_assert_ok(store_sqlite_open(world->path, &world->store, &err), err);
    sr_assert_ok(sr_mutex_init(&world->lock, &err), err);
    sr_assert_ok(http_fake_new(answer, world, &world->fake, &err), err);
    static struct resources_lambda lambdas[3];
    lambdas[0] = (struct resources_lambda){ .name = "twice", .run = twice };
    lambdas[1] = (struct resources_lambda){ .name = "waits", .run = waits, .self = world };
    lambdas[2] = (struct resources_lambda){ .name = "alone", .url = "http://127.0.0.1:1" };
    static const char *const allow[] = { "127.0.0.1", "*.example.com", NULL };
    static const struct resources_connection connections[] = { { "arn:c", "X-Key", "secret" } };
    const struct resources_params params = { .lambdas = lambdas,
                                             .lambda_count = 3,
                                             .lambda_url = http_fake_url(world->fake),
                                             .http_allow = allow,
                                             .http_plain = true,
                                             .connections = connections,
                                             .connection_count = 1,
                                             .thread_max = 2,
                                             .queue_max = queue_max,
                                             .lambda_us_max = 3000000,
                                             .http_us_max = 3000000 };
    sr_assert_ok(resources_new(&params, &world->resources, &err), err);
    static struct engine_resource rows[RESOURCES_ROWS];
    resources_rows(world->resources, rows);
    const struct engine_params engine = { .store = &world->store,
                                          .clock = sr_clock_system(),
                                          .resources = rows,
                                          .resource_count = RESOURCES_ROWS,
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "k",
                                          .seed = 1 };
    sr_assert_ok(engine_new(&engine, &world->engine, &err), err);
    resources_attach(world->resources, world->engine);
}

static void close_world(struct world *world)
{
    resources_free(world->resources);
    engine_free(world->engine);
    http_fake_free(world->fake);
    store_close(&world->store);
    sr_mutex_done(&world->lock);
    sr_str_done(&world->seen);
    free(world->output);
    free(world->error);
    free(world->cause);
    sr_test_folder_done(world->folder);
}

static void on_ended(void *self, const struct engine_outcome *outcome)
{
    struct world *world = self;
    world->ended = true;
    if (!outcome)
        return;
    world->status = outcome->status;
    world->output = outcome->output ? strdup(outcome->output) : NULL;
    world->error = outcome->error ? strdup(outcome->error) : NULL;
    world->cause = outcome->cause ? strdup(outcome->cause) : NULL;
}

static void on_reply(void *self, const struct engine_reply *reply)
{
    (void)self;
    if (!reply->done)
        fail_msg("%s", reply->err.message);
}

// One Task state; `parameters` and `extra` with ' for ".
static void begin(struct world *world, const char *resource, const char *parameters,
                  const char *extra, const char *input)
{
    struct sr_err err = { 0 };
    char text[4096], name[32];
    snprintf(text, sizeof text,
             "{'StartAt':'T','States':{'T':{'Type':'Task','Resource':'%s'%s%s%s,'End':true}}}",
             resource, parameters ? ",'Parameters':" : "", parameters ? parameters : "", extra);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    snprintf(name, sizeof name, "m%llu", (unsigned long long)++world->names);
    char arn[128];
    snprintf(arn, sizeof arn, "arn:aws:states:eu:1:stateMachine:%s", name);
    free(world->output);
    free(world->error);
    free(world->cause);
    world->output = world->error = world->cause = NULL;
    world->ended = false;
    sr_assert_ok(
        engine_ask(world->engine,
                   &(struct engine_request){
                       .kind = ENGINE_PUT_MACHINE, .name = name, .text = text, .reply = on_reply },
                   &err),
        err);
    sr_assert_ok(engine_ask(world->engine,
                            &(struct engine_request){ .kind = ENGINE_START,
                                                      .arn = arn,
                                                      .name = "e",
                                                      .text = input,
                                                      .ended = on_ended,
                                                      .ended_self = world,
                                                      .reply = on_reply },
                            &err),
                 err);
}

static void step(struct world *world)
{
    struct sr_err err = { 0 };
    bool more;
    sr_assert_ok(engine_step(world->engine, &more, &err), err);
    if (!more)
        engine_wait(world->engine, 20000);
}

static void finish(struct world *world)
{
    while (!world->ended)
        step(world);
}

static void run(struct world *world, const char *resource, const char *parameters,
                const char *input)
{
    begin(world, resource, parameters, "", input);
    finish(world);
}

// --- Lambda ---

static void functions_here(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 0);
    run(&world, FUNCTION "twice", NULL, "21");
    assert_string_equal(world.output, "42");
    run(&world, FUNCTION "twice:live", NULL, "\"x\"");
    assert_string_equal(world.error, "NoNumber");
    assert_string_equal(world.cause, "want a number");
    run(&world, "arn:aws:states:::lambda:invoke",
        "{'FunctionName':'" FUNCTION "twice','Payload.$':'$'}", "4");
    sr_assert_contains(world.output, "\"Payload\":8");
    sr_assert_contains(world.output, "\"StatusCode\":200");
    sr_assert_contains(world.output, "\"ExecutedVersion\":\"$LATEST\"");
    close_world(&world);
}

static void functions_behind_a_server(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 0);
    run(&world, FUNCTION "good:3", NULL, "{\"a\":1}");
    assert_string_equal(world.output, "{\"r\":1}");
    sr_assert_contains(world.seen.text,
                       "POST /2015-03-31/functions/good/invocations?Qualifier=3 {\"a\":1}\n");
    sr_assert_contains(world.seen.text, "X-Amz-Invocation-Type=RequestResponse\n");
    run(&world, "arn:aws:states:::lambda:invoke",
        "{'FunctionName':'good','Payload':{'p':2},'LogType':'Tail'}", "{}");
    sr_assert_contains(world.output, "\"Payload\":{\"r\":1}");
    sr_assert_contains(world.output, "\"ExecutedVersion\":\"7\"");
    sr_assert_contains(world.output, "\"LogResult\":\"bG9n\"");
    sr_assert_contains(world.output, "\"RequestId\":\"id-1\"");
    sr_assert_contains(world.seen.text, "invocations {\"p\":2}\n");
    sr_assert_contains(world.seen.text, "X-Amz-Log-Type=Tail\n");
    run(&world, "arn:aws:states:::lambda:invoke",
        "{'FunctionName':'empty','InvocationType':'Event'}", "{}");
    sr_assert_contains(world.output, "\"StatusCode\":202");
    sr_assert_contains(world.seen.text, "invocations {}\nX-Amz-Invocation-Type=Event\n");
    assert_null(strstr(world.seen.text, "signed"));
    close_world(&world);
}

// Spec: Step Functions' names for Lambda's failures.
static void functions_that_fail(void **state)
{
    (void)state;
    static const struct {
        const char *function, *error, *cause;
    } rows[] = {
        { "raises", "Custom",
          "{\"errorMessage\":\"no\",\"errorType\":\"Custom\",\"stackTrace\":[]}" },
        { "vague", "Lambda.Unknown", "did not return an error type" },
        { "missing", "Lambda.ResourceNotFoundException",
          "Function not found: missing (Service: AWSLambda; Status Code: 404; Error Code: "
          "ResourceNotFoundException; Request ID: id-2; Proxy: null)" },
        { "busy", "Lambda.TooManyRequestsException", "Status Code: 429" },
        { "typed", "Lambda.KMSDisabledException", "m (Service: AWSLambda" },
        { "down", "Lambda.ServiceException", "Status Code: 503" },
        { "broken", "Lambda.Unknown", "not JSON" },
        { "alone", "Lambda.SdkClientException", "Unable to execute HTTP request" },
        { "silent", "Lambda.ClientExecutionTimeoutException", "in time" },
    };
    struct world world;
    open_world(&world, 0);
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        char resource[128];
        snprintf(resource, sizeof resource, FUNCTION "%s", rows[i].function);
        run(&world, resource, NULL, "{}");
        assert_string_equal(world.error, rows[i].error);
        sr_assert_contains(world.cause, rows[i].cause);
    }
    run(&world, "arn:aws:states:::lambda:invoke", "{'Payload':1}", "{}");
    assert_string_equal(world.error, "Lambda.InvalidParameterValueException");
    assert_int_equal(atomic_load(&world.silent), 1);  // only the flow tries again
    close_world(&world);
}

static void the_flow_tries_again(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 0);
    begin(&world, FUNCTION "busy", NULL,
          ",'Retry':[{'ErrorEquals':['Lambda.TooManyRequestsException'],'IntervalSeconds':1,"
          "'MaxAttempts':1}]",
          "{}");
    finish(&world);
    assert_string_equal(world.error, "Lambda.TooManyRequestsException");
    const char *first = strstr(world.seen.text, "/busy/");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "/busy/"));
    close_world(&world);
}

static void a_callback(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    open_world(&world, 0);
    begin(&world, "arn:aws:states:::lambda:invoke.waitForTaskToken",
          "{'FunctionName':'good','Payload':{'token.$':'$$.Task.Token'}}", "", "{}");
    char token[256] = "";
    while (!*token) {
        step(&world);
        sr_lock(&world.lock);
        const char *at = strstr(sr_str_text(&world.seen), "\"token\":\"");
        if (at)
            snprintf(token, sizeof token, "%.*s", (int)strcspn(at + 9, "\""), at + 9);
        sr_unlock(&world.lock);
    }
    assert_false(world.ended);  // what the function gave is not the task's result
    sr_assert_ok(
        engine_ask(world.engine,
                   &(struct engine_request){
                       .kind = ENGINE_SUCCEED, .token = token, .text = "9", .reply = on_reply },
                   &err),
        err);
    finish(&world);
    assert_string_equal(world.output, "9");
    close_world(&world);
}

static void nobody_waits_any_more(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    open_world(&world, 0);
    begin(&world, FUNCTION "waits", NULL, "", "{}");
    while (atomic_load(&world.silent) == 0)
        step(&world);
    sr_assert_ok(engine_ask(world.engine,
                            &(struct engine_request){ .kind = ENGINE_STOP,
                                                      .arn = "arn:aws:states:eu:1:execution:m1:e" },
                            &err),
                 err);
    finish(&world);
    assert_int_equal(world.status, ASL_ABORTED);
    while (atomic_load(&world.silent) != 2)  // the function has heard of it
        step(&world);
    close_world(&world);
}

static void freed_at_work(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 0);
    begin(&world, FUNCTION "waits", NULL, "", "{}");
    while (atomic_load(&world.silent) == 0)
        step(&world);
    close_world(&world);
    assert_int_equal(atomic_load(&world.silent), 2);  // the function has heard of it
}

// Two are at work, one waits, the fourth has no place.
static void a_full_queue(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 1);
    for (unsigned i = 0; i < 2; i++) {
        begin(&world, FUNCTION "waits", NULL, "", "{}");
        while (atomic_load(&world.silent) != i + 1)
            step(&world);
    }
    begin(&world, FUNCTION "twice", NULL, "", "1");
    for (size_t i = 0; i < 5; i++)
        step(&world);
    assert_false(world.ended);
    run(&world, FUNCTION "twice", NULL, "1");
    assert_string_equal(world.error, "Lambda.TooManyRequestsException");
    close_world(&world);
}

static void signed_requests(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    open_world(&world, 0);
    resources_free(world.resources);
    engine_free(world.engine);
    struct credentials *credentials = NULL;
    sr_assert_ok(credentials_new_static("AKID", "secret", NULL, &credentials, &err), err);
    const struct resources_params params = { .lambda_url = http_fake_url(world.fake),
                                             .credentials = credentials };
    sr_assert_ok(resources_new(&params, &world.resources, &err), err);
    struct engine_resource rows[RESOURCES_ROWS];
    resources_rows(world.resources, rows);
    const struct engine_params engine = { .store = &world.store,
                                          .clock = sr_clock_system(),
                                          .resources = rows,
                                          .resource_count = RESOURCES_ROWS,
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "k" };
    sr_assert_ok(engine_new(&engine, &world.engine, &err), err);
    resources_attach(world.resources, world.engine);
    run(&world, FUNCTION "good", NULL, "1");
    sr_assert_contains(world.seen.text, "signed\n");
    run(&world, "arn:aws:states:::http:invoke",
        "{'Method':'GET','ApiEndpoint':'https://example.com/'}", "{}");
    assert_string_equal(world.error, "States.Permissions");  // nothing is allowed
    close_world(&world);
    credentials_free(credentials);
}

// --- HTTP ---

static void http(struct world *world, const char *rest)
{
    char parameters[1024];
    snprintf(parameters, sizeof parameters, "{'ApiEndpoint':'%s%s}", http_fake_url(world->fake),
             rest);
    run(world, "arn:aws:states:::http:invoke", parameters, "{}");
}

static void requests(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 0);
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
    close_world(&world);
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
    struct world world;
    open_world(&world, 0);
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        http(&world, rows[i].rest);
        assert_string_equal(world.error, rows[i].error);
        sr_assert_contains(world.cause, rows[i].cause);
    }
    close_world(&world);
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
    struct world world;
    open_world(&world, 0);
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        char parameters[256];
        snprintf(parameters, sizeof parameters, "{'Method':'GET','ApiEndpoint':'%s'}", rows[i].url);
        run(&world, "arn:aws:states:::http:invoke", parameters, "{}");
        assert_string_equal(world.error, rows[i].error);
    }
    close_world(&world);
}

static void bad_tables(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct resources *resources = NULL;
    static const struct resources_lambda lambdas[] = { { .name = "a" },
                                                       { .url = "http://x" },
                                                       { .name = "b", .url = "u", .run = twice } };
    static const struct resources_connection bad = { "arn", "X", "a\r\nB: c" };
    for (size_t i = 0; i < SR_TEST_COUNT(lambdas); i++)
        sr_assert_fails(
            resources_new(&(struct resources_params){ .lambdas = &lambdas[i], .lambda_count = 1 },
                          &resources, &err),
            SR_ERR_INVALID, err);
    sr_assert_fails(
        resources_new(&(struct resources_params){ .connections = &bad, .connection_count = 1 },
                      &resources, &err),
        SR_ERR_INVALID, err);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_here),      cmocka_unit_test(functions_behind_a_server),
        cmocka_unit_test(functions_that_fail), cmocka_unit_test(the_flow_tries_again),
        cmocka_unit_test(a_callback),          cmocka_unit_test(nobody_waits_any_more),
        cmocka_unit_test(freed_at_work),       cmocka_unit_test(a_full_queue),
        cmocka_unit_test(signed_requests),     cmocka_unit_test(requests),
        cmocka_unit_test(requests_that_fail),  cmocka_unit_test(places_that_are_not_allowed),
        cmocka_unit_test(bad_tables),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
